"""What a receiver answers to a delivery, what it stores, and what it logs."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import traceback
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import events
from livestream_core.contrib import AsyncReceiver, Receiver
from livestream_core.emulator import Fault, load_emulator
from tests.contrib.conftest import ACCOUNT, Platform


class Down:
    """A store that is down."""

    def add(self, stream: str, key: str, delivery: str) -> None:
        raise OSError("the database is down")


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "livestream_core")
    return caplog


def levels(log: pytest.LogCaptureFixture) -> list[str]:
    return [each.levelname for each in log.records]


def test_a_genuine_delivery_is_in_the_store_when_it_is_answered_and_nothing_is_read(
    platform: Platform, log: pytest.LogCaptureFixture
) -> None:
    headers, body = platform.delivery()
    answer = platform.receive(headers, body)
    assert (answer.status, answer.message) == (200, "received")
    assert platform.stored() == [json.loads(body)["data"]["id"]]
    assert platform.vendor.requests == []
    assert log.text == ""


def test_the_same_delivery_is_stored_once(platform: Platform) -> None:
    headers, body = platform.delivery()
    assert [platform.receive(headers, body).status for _ in range(3)] == [200, 200, 200]
    assert len(platform.stored()) == 1


def test_headers_may_be_pairs_of_bytes_as_servers_pass_them(platform: Platform) -> None:
    headers, body = platform.delivery()
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert platform.receive(pairs, body).status == 200
    assert len(platform.stored()) == 1


@pytest.mark.parametrize("what", ["body", "signature", "secret", "no headers"])
def test_a_forged_delivery_is_refused(
    platform: Platform, log: pytest.LogCaptureFixture, what: str
) -> None:
    headers, body = platform.delivery(**({"secret": "of-a-forger"} if what == "secret" else {}))
    if what == "body":
        body = body.replace(b"Lesson", b"Lessen")
    if what == "signature":
        headers = {name: value.swapcase() for name, value in headers.items()}
    if what == "no headers":
        headers = {}
    answer = platform.receive(headers, body)
    assert (answer.status, answer.message) == (401, "the delivery could not be verified")
    assert platform.stored() == []
    assert levels(log) == ["WARNING"]
    assert log.messages[0].startswith(
        f"{ACCOUNT!r}: a webhook delivery was refused: memory receive_webhook: "
    )


def test_a_delivery_that_is_not_about_a_stream_is_accepted_and_not_stored(
    platform: Platform,
) -> None:
    folder = platform.vendor.add_folder("Lessons")
    answer = platform.receive(*platform.vendor.webhook(folder))
    assert (answer.status, answer.message) == (200, "received; it is not about a stream")
    assert platform.stored() == []


@pytest.mark.parametrize(
    "body", [b'{"data": 5}', b"[]", b"", b"not JSON", b"\x1f\x8b\x08", b"[" * 100_000]
)
def test_a_genuine_delivery_that_cannot_be_read_is_refused(
    platform: Platform, log: pytest.LogCaptureFixture, body: bytes
) -> None:
    headers, body = platform.delivery(body=body)
    assert platform.receive(headers, body).status == 400
    assert levels(log) == ["WARNING"]
    assert "unexpected" in log.text or "delivery" in log.text


def test_a_delivery_to_an_unknown_account_is_refused(
    platform: Platform, log: pytest.LogCaptureFixture
) -> None:
    headers, body = platform.delivery()
    forger = "evil\nname" + 200 * "x"
    answer = platform.receive(headers, body, account=forger)
    assert (answer.status, answer.message) == (404, "unknown account")
    assert platform.stored() == []
    (message,) = log.messages
    assert message.startswith("'evil\\nname")
    assert len(message) < 200


def test_a_forged_account_stays_on_one_line_of_the_log_and_is_cut(
    platform: Platform, log: pytest.LogCaptureFixture
) -> None:
    def fails(account: str) -> Any:
        raise OSError("the database is down")

    client = platform.client()
    headers, body = platform.delivery()
    forger = "evil\nERROR name" + 200 * "x"
    for client_for, store in ((fails, platform.store), (lambda account: client, Down())):
        platform.client_for, platform.store = client_for, store
        for sent, settings in ((headers, {}), ({}, {}), (headers, {"max_body": 1})):
            platform.receive(sent, body, account=forger, **settings)
    assert len(log.messages) == 6
    for message in log.messages:
        name, _, rest = message.partition(": a webhook delivery was ")
        assert name.startswith("'evil\\nERROR name")
        assert len(name) == 100
        assert rest


def test_a_vendor_without_webhooks_has_no_deliveries() -> None:
    vendor: Any = load_emulator("tktchurch")()
    vendor.webhook_secret = ""
    platform = Platform(vendor)
    platform.client_for = lambda account: vendor.connect()
    answer = platform.receive({}, b"{}")
    assert (answer.status, answer.message) == (404, "the vendor of this account sends no webhooks")


def test_a_body_over_the_limit_is_refused_before_it_is_verified(
    platform: Platform, log: pytest.LogCaptureFixture
) -> None:
    headers, body = platform.delivery()
    assert platform.receive(headers, body, max_body=len(body)).status == 200
    assert platform.receive(headers, body, max_body=len(body) - 1).status == 413
    assert levels(log) == ["WARNING"]
    assert "max_body=" in log.text


@pytest.mark.parametrize(
    "failure", [OSError("the database is down"), live.ConfigurationError("no such option")]
)
def test_if_client_for_fails_the_vendor_is_told_to_send_the_delivery_again(
    platform: Platform, log: pytest.LogCaptureFixture, failure: Exception
) -> None:
    def client_for(account: str) -> Any:
        raise failure

    platform.client_for = client_for
    assert platform.receive(*platform.delivery()).status == 503
    assert levels(log) == ["ERROR"]
    assert log.messages == [f"{ACCOUNT!r}: a webhook delivery was not stored: client_for failed"]
    assert str(failure) in log.text


def test_if_the_store_fails_the_vendor_is_told_to_send_the_delivery_again(
    platform: Platform, log: pytest.LogCaptureFixture
) -> None:
    working, platform.store = platform.store, Down()
    headers, body = platform.delivery()
    answer = platform.receive(headers, body)
    assert answer.status == 503
    assert answer.message == "the delivery was not stored; send it again later"
    assert levels(log) == ["ERROR"]
    assert log.messages == [f"{ACCOUNT!r}: a webhook delivery was not stored: the store failed"]
    assert "OSError: the database is down" in log.text
    platform.store = working
    assert platform.receive(headers, body).status == 200
    assert len(platform.stored()) == 1


def test_if_the_secret_is_not_set_the_vendor_is_told_to_send_the_delivery_again(
    platform: Platform, log: pytest.LogCaptureFixture
) -> None:
    options = platform.vendor.options()
    options.pop("webhook_secret")
    platform.connected = {"options": options}
    assert platform.receive(*platform.delivery()).status == 503
    assert levels(log) == ["ERROR"]
    assert "set the option webhook_secret" in log.text


def test_no_secret_of_a_delivery_is_in_the_log_or_in_the_locals_of_its_tracebacks(
    platform: Platform, log: pytest.LogCaptureFixture
) -> None:
    vendor: Any = load_emulator("tpstreams")(boot_seconds=0)
    failing = Platform(vendor, platform.is_async, Down())
    headers, body = failing.delivery()
    assert vendor.webhook_secret in headers.values()
    key = json.loads(body)["live_stream"]["stream_key"]
    assert len(key) > 8
    assert failing.receive(headers, body).status == 503

    def client_for(account: str) -> Any:
        raise OSError("the database is down")

    failing.client_for = client_for
    assert failing.receive(headers, body).status == 503
    failing.client_for = None
    assert failing.receive({**headers, "x-streams-token": "forged"}, body).status == 401
    shown = log.text
    for record in log.records:
        if record.exc_info:
            for frame, _ in traceback.walk_tb(record.exc_info[2]):
                shown += repr(frame.f_locals)
    assert "the database is down" in shown
    for secret in (vendor.webhook_secret, key, "forged"):
        assert secret not in shown


@pytest.mark.parametrize("platform", ["blocking"], indirect=True)
def test_the_log_has_nothing_of_a_delivery_that_a_database_did_not_take(
    platform: Platform, log: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    path = tmp_path / "events.db"
    platform.store = events.SQLAlchemyStore(f"sqlite:///{path}")
    headers, body = platform.delivery()
    assert platform.receive(headers, body).status == 200
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE livestream_deliveries")
    headers, body = platform.delivery()
    assert platform.receive(headers, body).status == 503
    assert "no such table" in log.text
    assert json.loads(body)["data"]["id"] not in log.text
    platform.store.close()


# -- keys that vendors publish --------------------------------------------------------------------


@pytest.fixture
def rooms(platform: Platform) -> Platform:
    pytest.importorskip("cryptography")
    return Platform(load_emulator("videosdk-rooms")(), platform.is_async)


def test_the_vendors_key_is_fetched_and_nothing_else(rooms: Platform) -> None:
    assert rooms.receive(*rooms.delivery()).status == 200
    assert [each.path for each in rooms.vendor.requests] == ["/v2/public/rsa-public-key"]
    assert len(rooms.stored()) == 1


@pytest.mark.parametrize(
    "fault",
    [Fault.status(500), Fault.status(429), Fault.status(404), Fault.html(), Fault.drop_before()],
    ids=["500", "429", "404", "HTML", "no connection"],
)
def test_if_the_key_cannot_be_fetched_the_vendor_is_told_to_send_the_delivery_again(
    rooms: Platform, log: pytest.LogCaptureFixture, fault: Fault
) -> None:
    headers, body = rooms.delivery()
    log.clear()
    rooms.vendor.inject(fault)
    assert rooms.receive(headers, body).status == 503
    assert levels(log) == ["ERROR"]
    assert rooms.stored() == []
    assert rooms.receive(headers, body).status == 200


def test_a_delivery_that_the_vendors_key_does_not_match_is_refused(rooms: Platform) -> None:
    assert rooms.receive(*rooms.delivery(secret="of-a-forger")).status == 401
    assert rooms.stored() == []


# -- the application's own code -------------------------------------------------------------------


@pytest.mark.parametrize("body", ["text", {"parsed": "already"}, None])
def test_a_body_that_is_not_bytes_is_a_mistake_of_the_caller(platform: Platform, body: Any) -> None:
    with pytest.raises(live.InvalidInput, match="expected the bytes of the delivery") as caught:
        platform.receive({"x-token": "wrong-secret"}, body)
    assert caught.value.hint
    frames = [*traceback.walk_tb(caught.tb)][2:]
    ours = [frame for frame, _ in frames if "livestream_core" in frame.f_code.co_filename]
    assert ours
    assert "wrong-secret" not in repr([frame.f_locals for frame in ours])


@pytest.mark.parametrize("account", [5, uuid.UUID(int=5), b"north", None])
def test_an_account_that_is_not_a_text_is_a_mistake_of_the_caller(
    platform: Platform, account: Any
) -> None:
    client = platform.client()
    platform.client_for = lambda account: client
    with pytest.raises(live.InvalidInput, match=r"^account: expected a string") as caught:
        platform.receive(*platform.delivery(), account=account)
    assert caught.value.field == "account"
    assert platform.stored() == []


def test_no_account_is_an_unknown_one_even_if_there_is_a_client_for_all(platform: Platform) -> None:
    client = platform.client()
    platform.client_for = lambda account: client
    assert platform.receive(*platform.delivery(), account="").status == 404
    assert platform.stored() == []


@pytest.mark.parametrize(
    ("name", "value"), [("max_body", -1), ("max_body", 1.5), ("deadline", -1), ("deadline", "5")]
)
def test_a_setting_that_makes_no_sense_is_refused(
    platform: Platform, name: str, value: object
) -> None:
    with pytest.raises(live.InvalidInput, match=f"^{name}: ") as caught:
        platform.receiver(**{name: value})
    assert caught.value.field == name


class TimeIsOver(Exception):
    """What a server's handler of a signal raises in a request that takes too long."""


def test_an_exception_of_a_signal_handler_is_not_a_failure_of_the_store() -> None:
    import signal

    class Slow:
        def add(self, stream: str, key: str, delivery: str) -> None:
            signal.raise_signal(signal.SIGUSR1)

    def handler(number: int, frame: Any) -> None:
        raise TimeIsOver

    platform = Platform(load_emulator("memory")(), store=Slow())
    headers, body = platform.delivery()
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(TimeIsOver):
            platform.receive(headers, body)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_coroutine_function_may_return_the_client() -> None:
    platform = Platform(load_emulator("memory")(), is_async=True)

    async def client_for(account: str) -> Any:
        await asyncio.sleep(0)
        return {ACCOUNT: platform.client()}[account]

    platform.client_for = client_for
    headers, body = platform.delivery()
    assert platform.receive(headers, body).status == 200
    assert platform.receive(headers, body, account="unknown").status == 404


def test_a_tracker_says_which_clients_it_has() -> None:
    def client_for(account: str) -> Any:
        raise LookupError(account)

    store = events.MemoryStore()
    for tracker in (
        events.Tracker(store, client_for=client_for),
        events.AsyncTracker(store, client_for=client_for),
    ):
        assert tracker.client_for is client_for
        with pytest.raises(AttributeError):
            tracker.client_for = client_for  # type: ignore[misc]


def test_a_receiver_says_how_long_a_body_may_be() -> None:
    tracker = events.Tracker(events.MemoryStore(), client_for={}.__getitem__)
    assert Receiver(tracker).max_body == 1_048_576
    assert Receiver(tracker, max_body=5).max_body == 5
    waiting = events.AsyncTracker(events.MemoryStore(), client_for={}.__getitem__)
    assert AsyncReceiver(waiting, max_body=5).max_body == 5


def test_an_answer_is_a_value() -> None:
    platform = Platform(load_emulator("memory")())
    answer = platform.receive({}, b"", account="unknown")
    assert answer == attrs.evolve(answer)
