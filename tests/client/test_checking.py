"""`client.check()` says in words whether an account can be used, and what is wrong if it cannot."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, AcmeOptions, FakeClock, connected
from fleet import PATIENCE
from livestream_core import CheckState
from livestream_core.emulator import Fault, Request, Response, json_response, load_emulator
from runners import connect
from scripted import Foreign, ScriptedTransport, answers
from stores import LeasingStore

pytestmark = pytest.mark.usefixtures("runner")

PASSWORD = "correct horse"


def paths(emulator: AcmeEmulator) -> list[str]:
    return [f"{each.method} {each.path}?{each.query}" for each in emulator.requests]


def test_a_check_signs_in_lists_the_smallest_page_and_says_what_it_did(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.clock = live.ManualClock(clock.now())
    for _ in range(4):
        emulator.add()
    with emulator.connect(clock=clock) as client:
        first, second = client.check(), client.check()
        assert first == live.Check(
            account=client.account,
            state="ok",
            reason="signed in and listed a page; streams: 4",
            checked_at=clock.now(),
            seconds=0.0,
            requests=["sign_in", "list"],
            clock_offset=0.0,
        )
        assert (second.reason, second.requests) == ("listed a page; streams: 4", ("list",))
    assert first.is_ok
    assert live.Check.from_dict(json.loads(json.dumps(first.to_dict())), strict=True) == first
    assert live.Check.from_dict({**first.to_dict(), "state": "later"}).state == "unknown"
    expected = ["POST /login?", "GET /streams?size=1", "GET /streams?size=1", "POST /logout?"]
    assert paths(emulator) == expected


@pytest.mark.filterwarnings("ignore:the provider .* is deprecated")
@pytest.mark.parametrize("provider", sorted(live.providers()))
def test_a_check_of_every_vendor_sends_one_request_that_changes_nothing(provider: str) -> None:
    emulator = load_emulator(provider)()
    with emulator.connect() as client:
        found = client.check()
    assert (found.state, found.hint) == (CheckState.OK, None)
    assert found.requests in (("list",), ("sign_in", "list"))
    assert {each.method for each in emulator.requests if "log" not in each.path} == {"GET"}


HTML = "<html>Welcome to the hotel</html>"


@pytest.mark.parametrize(
    ("fault", "state", "words"),
    [
        (Fault.status(401), CheckState.CREDENTIALS, "HTTP 401"),
        (Fault.status(403), CheckState.PERMISSION, "HTTP 403"),
        (Fault.status(404), CheckState.ACCOUNT, "HTTP 404"),
        (Fault.status(400), CheckState.ACCOUNT, "HTTP 400"),
        (Fault.redirect("https://elsewhere.example/"), CheckState.ACCOUNT, "redirected"),
        (Fault.status(200, body=HTML, content_type="text/html"), CheckState.ACCOUNT, "not JSON"),
        (Fault.status(429, headers={"Retry-After": "60"}), CheckState.RATE_LIMITED, "HTTP 429"),
        (Fault.status(503, headers={"Retry-After": "60"}), CheckState.VENDOR, "HTTP 503"),
        (Fault.status(502, body=HTML, content_type="text/html"), CheckState.VENDOR, "HTTP 502"),
        (Fault.status(200, body="[]"), CheckState.VENDOR, "not an object"),
        (Fault.drop_before(), CheckState.NETWORK, "connection was lost"),
    ],
)
def test_whatever_the_vendor_responds_is_an_answer_in_words_and_not_remembered(
    emulator: AcmeEmulator, clock: FakeClock, fault: Fault, state: CheckState, words: str
) -> None:
    with emulator.connect(clock=clock) as client:
        emulator.inject(fault, on="GET *", times=20)
        found = client.check()
        assert (found.state, found.is_ok) == (state, False)
        assert words in found.reason
        assert found.error is not None
        assert set(found.requests) == {"sign_in", "list"}
        emulator.clear_faults()
        assert client.check().is_ok


def test_refused_credentials_are_not_sent_again_at_once_and_then_checked_again(
    emulator: AcmeEmulator, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with emulator.connect(clock=clock, password="a wrong one") as client:
        found, again = client.check(), client.check()
        assert (found.state, found.http_status, found.requests) == (
            "credentials",
            403,
            ("sign_in",),
        )
        assert (again.state, again.http_status, again.requests) == ("credentials", None, ())
        assert again.reason == found.reason
        assert "will not send these credentials again for" in str(again.hint)
        clock.sleep(6)
        emulator.options = lambda: {  # type: ignore[method-assign]
            "user": "u@acme.example",
            "password": "a wrong one",
        }
        assert client.check().is_ok
        shown = f"{found!r} {found.to_dict()} {again!r} {client!r} {caplog.text}"
    assert "a wrong one" not in shown
    assert "token-" not in shown


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_a_wrong_clock_is_to_blame_only_where_the_credentials_depend_on_time(
    emulator: AcmeEmulator, clock: FakeClock, ahead: int
) -> None:
    emulator.clock = live.ManualClock(clock.now() + timedelta(seconds=ahead))
    for status, lasts, state in (
        (401, 600, CheckState.CLOCK),
        (401, None, CheckState.CREDENTIALS),
        (403, 600, CheckState.CLOCK),
    ):
        refused = Fault.status(status)
        emulator.lasts = lasts
        with emulator.connect(clock=clock) as client:
            found = client.check()
            assert found.is_ok  # and yet it says so
            assert found.clock_offset == ahead
            assert "this machine's clock is 1:00:00" in str(found.hint)
            emulator.inject(refused, on="GET *", times=2)
            found = client.check()
            assert (found.state, found.is_ok) == (state, False)
            assert "this machine's clock is 1:00:00" in str(found.hint)


def test_a_response_from_a_cache_or_from_before_the_retries_tells_nothing_about_the_clock(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.clock = live.ManualClock(clock.now())
    emulator.inject(Fault.status(503, headers={"Retry-After": "19"}), on="GET *")
    emulator.inject(Fault.drop_before(), on="GET *", times=20)
    with emulator.connect(clock=clock, retries=20) as client:
        found = client.check(deadline=600)
        assert (found.state, found.hint) == (CheckState.NETWORK, "check the network, then retry")
        assert found.seconds > 90
        assert found.clock_offset == 0.0
        emulator.clear_faults()
        emulator.inject(Fault.status(401, headers={"Age": "9"}), on="GET *", times=2)
        found = client.check()
    assert (found.state, found.clock_offset) == (CheckState.CREDENTIALS, None)


def test_a_check_ends_at_its_deadline(emulator: AcmeEmulator, clock: FakeClock) -> None:
    emulator.inject(Fault.status(503, headers={"Retry-After": "9"}), on="GET *", times=20)
    with emulator.connect(clock=clock) as client:
        found = client.check(deadline=20)
        assert (found.state, found.seconds) == ("vendor", 18.0)
        assert found.requests == ("sign_in", "list", "list", "list")
        with pytest.raises(live.InvalidInput, match="deadline"):
            client.check(deadline=-1)
    with pytest.raises(live.ConfigurationError, match="closed"):
        client.check()


def test_a_limiter_that_allows_nothing_is_the_answer(emulator: AcmeEmulator) -> None:
    class Never:
        def acquire(self, account: str, seconds: float) -> bool:
            return False

        def hold(self, account: str, seconds: float) -> None:
            raise AssertionError

    with emulator.connect() as client, client.paced(Never()):
        found = client.check()
    assert (found.state, found.requests) == (CheckState.RATE_LIMITED, ())
    assert emulator.requests == []


def test_a_sign_in_of_another_process_is_not_blamed_on_the_network(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    store = LeasingStore()
    with emulator.connect(clock=clock, token_store=store) as client:
        store.claim(client.account, "a process that was killed", 3600)
        found = client.check(deadline=1)
        assert (found.state, found.is_ok, found.requests) == (CheckState.BUSY, False, ())
        assert "another process that is signing in" in found.reason
        assert found.hint == "retry later"
        assert emulator.requests == []
        store.put(client.account, live.Session({"Authorization": "Acme an-old-token"}))
        found = client.check(deadline=1)
        assert (found.state, found.requests) == (CheckState.BUSY, ("list",))


def test_a_sign_in_of_another_call_is_not_blamed_on_the_network(
    monkeypatch: pytest.MonkeyPatch, emulator: AcmeEmulator
) -> None:
    transport = emulator.transport()
    send, entered, released = transport.send, threading.Event(), threading.Event()

    def slow(method: str, origin: str, target: str, *rest: Any) -> live.Response:
        if target == "/login":
            entered.set()
            assert released.wait(PATIENCE)
        return send(method, origin, target, *rest)

    monkeypatch.setattr(transport, "send", slow)
    with emulator.connect(transport=transport) as client, ThreadPoolExecutor(1) as pool:
        leader = pool.submit(client.check)
        assert entered.wait(PATIENCE)
        found = client.check(deadline=0.05)
        released.set()
        assert leader.result().is_ok
    assert (found.state, found.requests) == (CheckState.BUSY, ())
    assert "another call" in found.reason


@pytest.mark.parametrize(("path", "sent"), [("/login", {"sign_in"}), ("/", {"sign_in", "list"})])
def test_a_vendor_that_does_not_respond_in_time_is_blamed_on_the_network(
    monkeypatch: pytest.MonkeyPatch,
    emulator: AcmeEmulator,
    clock: FakeClock,
    path: str,
    sent: set[str],
) -> None:
    transport = emulator.transport()
    send = transport.send

    def silent(method: str, origin: str, target: str, *rest: Any) -> live.Response:
        if (target == "/login") == (path == "/login"):
            raise live.RequestTimeout("the vendor did not respond in time", applied=None)
        return send(method, origin, target, *rest)

    monkeypatch.setattr(transport, "send", silent)
    with emulator.connect(clock=clock, transport=transport) as client:
        found = client.check(deadline=20)
    assert (found.state, set(found.requests)) == (CheckState.NETWORK, sent)


def test_a_check_without_time_to_send_anything_is_not_blamed_on_the_network(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    class Late:
        def acquire(self, account: str, seconds: float) -> bool:
            clock.sleep(seconds)
            return True

        def hold(self, account: str, seconds: float) -> None:
            raise AssertionError

    with emulator.connect(clock=clock) as client, client.paced(Late()):
        found = client.check(deadline=5)
    assert (found.state, found.requests) == (CheckState.BUSY, ())


class Listless(live.Adapter):
    name = "listless"
    Options = AcmeOptions
    capabilities = live.Capabilities(operations={}, statuses=set())
    account_id = AcmeAdapter.account_id
    sign_in = AcmeAdapter.sign_in
    sign_out = AcmeAdapter.sign_out
    _login = AcmeAdapter._login


def test_without_a_list_signing_in_is_all_that_can_be_checked(emulator: AcmeEmulator) -> None:
    with connected(Listless, emulator.transport(), **emulator.options()) as client:
        found = client.check()
        assert (found.state, found.reason, found.requests) == ("ok", "signed in", ("sign_in",))
    wrong = {**emulator.options(), "password": "wrong"}
    with connected(Listless, emulator.transport(), **wrong) as client:
        assert client.check().state is CheckState.CREDENTIALS
    with connected(Listless, emulator.transport(), token="t") as client:
        found = client.check()
    assert (found.state, found.is_ok, found.requests) == (CheckState.UNKNOWN, False, ())


def test_sessions_that_are_all_in_use_do_not_blame_the_credentials(clock: FakeClock) -> None:
    class Full(AcmeEmulator):
        def login(self, request: Request) -> Response:
            return json_response({"detail": "too many sessions"}, 403)

    class Patient(AcmeAdapter):
        name = "patient"

        def error_for(self, response: live.Response) -> live.LiveStreamError:
            return live.AuthenticationFailed("too many sessions", retryable=True)

    emulator = Full()
    with connected(Patient, emulator.transport(), clock=clock, **emulator.options()) as client:
        assert client.check().state is CheckState.RATE_LIMITED


@settings(max_examples=60)
@given(answer=answers([{"items": [{"id": "1", "status": "on"}], "next": None, "total": 1}]))
def test_no_answer_makes_a_check_fail_or_change_anything(answer: Any) -> None:
    transport = ScriptedTransport(lambda method, target: answer)
    with connect("acme", transport=transport, token="very-secret", retries=1) as client:
        try:
            found = client.check(deadline=1)
        except (OSError, RuntimeError, Foreign) as raised:  # not the library's: it passes through
            assert raised is answer or isinstance(answer, BaseException)
            return
    assert "very-secret" not in f"{found!r}{found.to_dict()}"
    assert found.is_ok == (found.error is None)
    assert {each.method for each in transport.sent} == {"GET"}
