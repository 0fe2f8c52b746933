"""A response comes from the vendor, is about the requested stream, and means what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from livestream_core.emulator import Fault, load_emulator
from runners import connect
from scripted import LATE, LOST, ScriptedTransport, respond

pytestmark = pytest.mark.usefixtures("runner")

TOKEN = "t0ken-t0ken"
PAGE = b"<!DOCTYPE html><html><body>Welcome to the hotel. Please sign in.</body></html>"


def stream(id: str = "1", **fields: Any) -> live.Response:
    return respond(200, {"id": id, "title": "T", "status": "on", **fields})


def clients(answer: Callable[[str, str], Any], **arguments: Any) -> live.Client:
    transport = ScriptedTransport(answer)
    return connect("acme", transport=transport, clock=FakeClock(), **{"token": TOKEN, **arguments})


def special(kind: type[live.Adapter], answer: Callable[[str, str], Any]) -> Any:
    return connected(kind, ScriptedTransport(answer), clock=FakeClock(), token=TOKEN)


# -- the id that comes back -----------------------------------------------------------------

ON_A_STREAM: dict[str, tuple[Callable[[live.Client], Any], bool | None]] = {
    "get": (lambda client: client.get("1"), False),
    "wait": (lambda client: client.wait("1", until=live.Status.LIVE, timeout=5), False),
    "update": (lambda client: client.update("1", title="U"), True),
    "start": (lambda client: client.start("1"), True),
    "stop": (lambda client: client.stop("1"), True),
}


@pytest.mark.parametrize("operation", ON_A_STREAM)
def test_an_answer_about_another_stream_is_refused(operation: str) -> None:
    call, applied = ON_A_STREAM[operation]
    other = stream("2", title="another tenant's", key="acme-key-of-another")
    with clients(lambda *_: other) as client:
        with pytest.raises(live.UnexpectedResponse, match="another stream") as caught:
            call(client)
    error = caught.value
    assert (error.applied, error.stream_id) == (applied, "1")
    said = str(error) + repr(error.args)
    assert "acme-key" not in said
    assert "another tenant's" not in said


def test_two_spellings_of_an_id_are_the_same_stream() -> None:
    class CaseBlind(AcmeAdapter):
        name = "special"

        def id_key(self, stream_id: str) -> str:
            return stream_id.lower()

    with special(CaseBlind, lambda *_: stream("ab1")) as client:
        assert client.get("AB1").id == "ab1"
        with pytest.raises(live.UnexpectedResponse):
            client.get("AB2")


def test_the_answer_to_a_create_may_have_any_id() -> None:
    with clients(lambda *_: stream("77")) as client:
        assert client.create(title="T").id == "77"


# -- a delete of unknown outcome ------------------------------------------------------------

NOT_FOUND = json.dumps({"detail": "no such stream"}).encode()


@pytest.mark.parametrize("unknown", [LOST, LATE, respond(502), respond(408)])
@pytest.mark.parametrize(
    ("body", "is_proof"),
    [(NOT_FOUND, True), (PAGE, False), (b"404 page not found\n", False), (b"", False)],
)
def test_a_404_after_it_is_success_only_in_the_vendors_own_form(
    unknown: Any, body: bytes, is_proof: bool
) -> None:
    answers = iter([unknown, live.Response(404, {}, body)])
    asked: list[str] = []

    def answer(method: str, target: str) -> Any:
        asked.append(method)
        return next(answers)

    with clients(answer) as client:
        if is_proof:
            client.delete("1")
        else:
            with pytest.raises(live.LiveStreamError) as caught:
                client.delete("1")
            assert caught.value.applied is None
            assert not isinstance(caught.value, live.NotFound)
    assert asked == ["DELETE", "DELETE"]


def test_an_answer_that_the_adapter_does_not_call_not_found_proves_nothing_either() -> None:
    class Picky(AcmeAdapter):
        name = "special"

        def error_for(self, response: live.Response) -> live.LiveStreamError:
            if response.json().get("code") == "no_route":
                return live.Rejected("no such address")
            return super().error_for(response)

    answers = iter([LOST, respond(404, {"code": "no_route"})])
    with special(Picky, lambda *_: next(answers)) as client:
        with pytest.raises(live.Rejected) as caught:
            client.delete("1")
    assert caught.value.applied is None


def test_a_vendor_with_another_form_says_so() -> None:
    class Plain(AcmeAdapter):
        name = "special"

        def is_from_vendor(self, response: live.Response) -> bool:
            return response.headers.get("x-acme") == "yes"

    for headers, is_proof in (({"X-Acme": "yes"}, True), ({}, False)):
        answers = iter([LOST, live.Response(404, headers, b"gone")])
        with special(Plain, lambda *_, answers=answers: next(answers)) as client:  # type: ignore[misc]
            if is_proof:
                client.delete("1")
            else:
                with pytest.raises(live.ConnectionFailed):
                    client.delete("1")


def test_a_404_to_the_first_attempt_is_not_found() -> None:
    with clients(lambda *_: respond(404, {})) as client, pytest.raises(live.NotFound) as caught:
        client.delete("1")
    assert caught.value.applied is False


@pytest.mark.parametrize("provider", ["tpstreams", "tktchurch", "memory"])
def test_no_proxys_page_makes_a_stream_look_deleted(provider: str) -> None:
    vendor = load_emulator(provider)()
    with vendor.connect(clock=FakeClock()) as client:
        made = client.create(title="T", **_needed(provider))
        vendor.inject(Fault.drop_before(), on="DELETE *")
        vendor.inject(Fault.status(404, body="not here", content_type="text/plain"), on="DELETE *")
        with pytest.raises(live.LiveStreamError) as caught:
            client.delete(made.id)
        assert caught.value.applied is None
        assert made.id in [each.id for each in client.list()]


def _needed(provider: str) -> dict[str, Any]:
    needed: dict[str, Any] = {"scheduled_start": "2030-12-05T15:30:00Z"}
    if provider == "tktchurch":
        needed["playback_url"] = "https://youtube.com/watch?v=abc123"
    return needed


# -- a web page does not mean that a change succeeded ---------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["update", "delete", "start", "create", "cancel"])
@pytest.mark.parametrize(
    "page",
    [
        live.Response(200, {"Content-Type": "text/html"}, PAGE),
        live.Response(200, {"content-type": "text/html; charset=utf-8"}, b"Sign in first"),
        live.Response(200, {}, b"\xef\xbb\xbf\n<!-- portal --> <HTML><head></head></HTML>"),
        live.Response(201, {"Content-Type": "application/json"}, PAGE),
        live.Response(200, {}, b'<?xml version="1.0"?>\n<html xmlns="..."></html>'),
    ],
)
def test_a_web_page_does_not_mean_that_a_change_succeeded(
    operation: str, page: live.Response
) -> None:
    class Trusting(AcmeAdapter):
        """Ignore the responses to its changes."""

        name = "special"

        def update(self, stream_id: str, changes: Any) -> live.Operation[live.LiveStream]:
            yield self.put("/streams/{id}", id=stream_id)
            return (yield from self.get(stream_id))

        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            yield self.post("/streams/{id}/start", id=stream_id)
            return (yield from self.get(stream_id))

    def answer(method: str, target: str) -> live.Response:
        return stream(status="new") if method == "GET" else page

    call = {
        "update": lambda client: client.update("1", title="U"),
        "delete": lambda client: client.delete("1"),
        "start": lambda client: client.start("1"),
        "create": lambda client: client.create(title="T"),
        "cancel": lambda client: client.cancel("1"),
    }[operation]
    with special(Trusting, answer) as client:
        with pytest.raises(live.UnexpectedResponse, match="web page") as caught:
            call(client)
    assert (caught.value.applied, caught.value.retryable) == (None, False)


@pytest.mark.parametrize(
    "answer",
    [
        live.Response(204, {"Content-Type": "text/html"}, b""),
        live.Response(200, {"Content-Type": "text/html"}, b""),
        live.Response(200, {"Content-Type": "text/html"}, b'{"deleted": true}'),
        live.Response(200, {"Content-Type": "text/plain"}, b"OK"),
    ],
)
def test_the_vendors_real_responses_to_a_change_are_success(answer: live.Response) -> None:
    with clients(lambda *_: answer) as client:
        client.delete("1")


# -- a token that cannot be sent ------------------------------------------------------------


@pytest.mark.parametrize("token", ["abc\ndef", "abc\r\nX-Evil: 1", "caf\u00e9", "nul\x00", "a\x7f"])
def test_a_token_that_cannot_be_sent_is_blamed_on_the_answer_and_not_kept(
    emulator: AcmeEmulator, token: str
) -> None:
    made = emulator.add()
    emulator.inject(Fault.edited(lambda data, _: {**data, "token": token}), on="*/login")
    with emulator.connect() as client, emulator.connect() as another:
        with pytest.raises(live.UnexpectedResponse, match="sign-in") as caught:
            client.get(made["id"])
        assert caught.value.applied is False
        assert token not in str(caught.value)
        assert client.get(made["id"]).id == another.get(made["id"]).id


def test_a_stored_session_that_cannot_be_sent_is_replaced(emulator: AcmeEmulator) -> None:
    class Store:
        def __init__(self) -> None:
            self.kept: dict[str, live.Session] = {}

        def get(self, account: str) -> live.Session | None:
            return self.kept.get(account, live.Session({"Authorization": "Acme a\nb"}))

        def put(self, account: str, session: live.Session) -> None:
            self.kept[account] = session

        def delete(self, account: str) -> None:
            del self.kept[account]

    made, store = emulator.add(), Store()
    with emulator.connect(token_store=store) as client:
        assert client.get(made["id"]).id == made["id"]
    assert len(store.kept) == 1
