"""The adapter and the emulator, and both beside the real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core.emulator import Emulator, Fault
from livestream_core.testing.shapes import differences, shape_of
from livestream_node_media_server.emulator import NodeMediaServerEmulator

from .real_node_media_server import RealNodeMediaServer

FOLDER = Path(__file__).parent
RECORDED = json.loads((FOLDER / "node-media-server-4.4.3.json").read_text())["exchanges"]
BASE = "http://127.0.0.1"
#: Endpoints that the adapter does not use, and that are not emulated.
NOT_EMULATED = ("/info", "/history")


@pytest.fixture
def emulator() -> NodeMediaServerEmulator:
    return NodeMediaServerEmulator()


@pytest.fixture
def client(emulator: NodeMediaServerEmulator) -> Iterator[live.Client]:
    with emulator.connect(retries=2) as client:
        yield client


@pytest.fixture(params=[NodeMediaServerEmulator, RealNodeMediaServer], ids=["emulator", "real"])
def server(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    server: Emulator = request.param()
    with server.running():
        yield server


def sent(server: Emulator, method: str, path: str, token: str | None, body: Any) -> live.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    content = None if body is None else json.dumps(body).encode()
    if body is not None:
        headers["Content-Type"] = "application/json"
    timeout = live.Timeout(30, 30, 30)
    return server.transport().send(method, BASE, path, headers, content, timeout)


# -- what the real server answered ----------------------------------------------------------


def test_every_recorded_exchange_is_the_same(emulator: NodeMediaServerEmulator) -> None:
    clock = emulator.clock = live.ManualClock()
    password = emulator.options()["password"]
    token, ids = None, dict[str, str]()
    for number, each in enumerate(RECORDED):
        if each["path"].endswith(NOT_EMULATED) or each["note"] == "deleted":
            continue
        if each["note"] == "two live":
            emulator.connect_encoder("def")
            emulator.connect_encoder("abc")
        if each["note"] == "encoder ended by itself":
            emulator.drop_encoder("def")
        if "after kick" in str(each["note"]):
            clock.advance(5)
        body, path = each["request"], each["path"]
        if each["note"] == "login":
            body = {**body, "password": password}
        for recorded, current in ids.items():
            path = path.replace(recorded, current)
        if each["method"] == "DELETE" and "/records/" in path:
            continue
        answer = sent(
            emulator, each["method"], path, None if each["note"] == "no token" else token, body
        )
        assert answer.status == each["status"], (number, each["note"], answer.text)
        if isinstance(each["response"], str):
            assert answer.text == each["response"]
            continue
        found = answer.json()
        if path.partition("?")[0].endswith("/streams") and answer.status == 200:
            # The emulator has one more, of another application.
            streams = found["data"]["streams"]
            found["data"]["streams"] = [one for one in streams if one["app"] == "live"]
            found["data"]["total"] -= 1
            assert found["data"]["total"] == each["response"]["data"]["total"]
        assert differences(shape_of(each["response"]), shape_of(found)) == [], (
            number,
            each["note"],
        )
        if "Record not found" not in str(each["response"]):
            assert found.get("message") == each["response"].get("message")
        if each["note"] == "login":
            token = found["data"]["token"]
        _note_ids(ids, each["response"], found)


def _note_ids(ids: dict[str, str], recorded: Any, found: Any) -> None:
    """Note which ID of the emulator stands for a recorded one."""
    if isinstance(recorded, dict):
        for name in recorded.keys() & found.keys():
            if name in ("id", "recordId"):
                ids.setdefault(recorded[name], found[name])
            _note_ids(ids, recorded[name], found[name])
    elif isinstance(recorded, list):
        for one, other in zip(recorded, found, strict=False):
            _note_ids(ids, one, other)


def test_a_run_is_recorded_interrupted_and_resumed(server: Emulator) -> None:
    name = server.unused_id()
    with server.connect() as client:
        stream = client.get(name)
        assert (stream.status, stream.problems, stream.started_at) == ("ready", (), None)
        assert list(client.list()) == []
        with pytest.raises(live.Conflict):
            client.update(name, record=True)
        with pytest.raises(live.Conflict):
            client.stop(name)
        server.connect_encoder(name)
        begun = client.wait(name, until=live.Status.LIVE, timeout=60)
        assert begun.started_at is not None
        assert client.update(name, record=True).record is True
        before = len(server.requests)
        assert client.update(name, record=True).record is True  # nothing to do
        assert [each.method for each in server.requests[before:]] == ["GET"]
        server.drop_encoder(name)
        assert client.get(name).status == "interrupted"
        assert [each.id for each in client.list(status="interrupted")] == [name]
        server.connect_encoder(name)
        again = client.get(name)
        assert (again.status, again.started_at, again.record) == ("live", begun.started_at, True)
        [recording] = client.recordings(name)
        assert (recording.status, recording.ended_at) == ("processing", None)
        assert client.update(name, record=False).record is False
        [recording] = client.recordings(name)
        assert recording.status == "ready"
        assert recording.started_at is not None
        assert recording.ended_at is not None
        assert client.stop(name).status == "interrupted"
        with pytest.raises(live.Conflict) as caught:
            client.stop(name)
        assert caught.value.status is live.Status.INTERRUPTED


def test_a_second_encoder_and_an_odd_name_are_refused(server: Emulator) -> None:
    name = server.unused_id()
    server.connect_encoder(name)
    for other in (name, "a.b"):
        with pytest.raises((ValueError, live.InvalidInput)):
            server.connect_encoder(other)
    with server.connect() as client, pytest.raises(live.InvalidInput):
        client.get("a.b")


def test_the_whole_way_on_the_real_server_without_a_relay() -> None:
    server = RealNodeMediaServer()
    with server.running():
        options = server.login_options()
        with live.connect("node-media-server", base_url=server.origin, **options) as client:
            name = server.add_stream()
            stream = client.get(name)
            assert (stream.status, stream.provider_status) == ("live", "publishing")
            assert stream.ingest is not None
            assert stream.ingest.publish_url == live.Secret(server.publish_url(name))
            assert client.session is not None
            assert client.session.expires_at is not None
            assert client.stop(name).status == "interrupted"
            client.wait(name, until=live.Status.INTERRUPTED, timeout=60)
            headers, body = server.webhook(name, secret="a secret of ours")
            event = client.parse_webhook(headers, body, secret="a secret of ours")
            assert (event.kind, event.stream_id) == ("stream_changed", name)
            assert event.occurred_at == stream.started_at


# -- reading and changing -------------------------------------------------------------------


def test_streams_of_other_applications_are_left_out_and_the_list_is_complete(
    emulator: NodeMediaServerEmulator, client: live.Client
) -> None:
    emulator.connect_encoder("abc")
    streams = client.list()
    assert [each.id for each in streams] == ["abc"]
    assert streams.complete is live.Completeness.PROVEN
    with emulator.connect(**emulator.other_options()) as other:
        assert [each.id for each in other.list()] == ["elsewhere"]


def test_a_success_that_says_it_failed_is_an_error(
    emulator: NodeMediaServerEmulator, client: live.Client
) -> None:
    emulator.connect_encoder("abc")
    body = json.dumps({"success": False, "error": "Store is not available"})
    emulator.inject(Fault.status(200, body=body), on="POST */record")
    with pytest.raises(live.ProviderUnavailable, match="Store is not available") as caught:
        client.update("abc", record=True)
    assert caught.value.applied is None


def test_a_stop_disconnects_only_the_encoder_that_was_read(
    emulator: NodeMediaServerEmulator, client: live.Client
) -> None:
    emulator.connect_encoder("abc")
    emulator.inject(Fault.drop_after(), on="DELETE */sessions/*")
    assert client.stop("abc").status == "interrupted"
    sessions = [each.path for each in emulator.requests if each.method == "DELETE"]
    assert len(sessions) == 2
    assert len(set(sessions)) == 1


def test_recordings_are_read_to_the_last_page(
    emulator: NodeMediaServerEmulator, client: live.Client
) -> None:
    emulator.connect_encoder("abc")
    for _ in range(101):
        client.update("abc", record=True)
        client.update("abc", record=False)
    found = client.recordings("abc")
    assert len({each.id for each in found}) == 101
    assert client.recordings("another") == ()


def test_wrong_passwords_lock_a_user(emulator: NodeMediaServerEmulator) -> None:
    emulator.clock = live.ManualClock()
    wrong = {"username": "admin", "password": "wrong"}
    statuses = [sent(emulator, "POST", "/api/v1/login", None, wrong).status for _ in range(5)]
    assert statuses == [401] * 5
    with emulator.connect(retries=0) as right:
        with pytest.raises(live.RateLimited):
            right.pages()
        emulator.clock.advance(15 * 60 + 1)
        assert list(right.pages().items) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("stream_changed", "abc")),
        ({"action": "donePublish", "endtime": 1795699636279}, ("stream_changed", "abc")),
        ({"action": "aWordOfANewerVersion"}, ("stream_changed", "abc")),
        ({"action": "prePlay"}, ("other", None)),
        ({"app": "another"}, ("other", None)),
        ({"name": ""}, ("other", None)),
    ],
)
def test_a_delivery_is_about_a_stream_of_this_application_or_about_none(
    emulator: NodeMediaServerEmulator,
    client: live.Client,
    change: dict[str, Any],
    expected: tuple[str, str | None],
) -> None:
    emulator.connect_encoder("abc")
    headers, body = emulator.webhook("abc", secret="s3cret")
    body = json.dumps({**json.loads(body), **change}).encode()
    event = client.parse_webhook(headers, body, secret="s3cret")
    assert (event.kind, event.stream_id) == expected
    is_announced = not change and event.event_type == "postPublish"
    assert event.status == ("live" if is_announced else None)
    if "endtime" in change:
        assert event.occurred_at == live.parse_instant("2026-11-26T13:27:16.279Z")
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook({}, body, secret="s3cret")
