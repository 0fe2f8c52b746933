"""Errors: their messages, and their pickling and copying."""

from __future__ import annotations

import copy
import copyreg
import pickle
import traceback

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from all_errors import ERRORS, EXTRAS, STREAM
from livestream_core.emulator import Fault
from scripted import LATE, LOST, REFUSED, ScriptedTransport, respond


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_can_be_built_from_outside_and_survives_pickling(kind: type) -> None:
    context = {
        "provider": "acme", "account": "a", "operation": "stop", "stream_id": "1", "applied": True,
        "retryable": True, "http_status": 500, "request_id": "r", "body": "b", "hint": "h",
        **EXTRAS.get(kind, {}),
    }  # fmt: skip
    error = kind("what happened", **context)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        for name, value in context.items():
            assert getattr(twin, name) == value
    assert issubclass(kind, live.LiveStreamError)


def test_a_copy_of_an_error_is_separate_even_if_others_pickle_exceptions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def twin(state: dict[str, object]) -> live.LiveStreamError:
        made = live.NotFound.__new__(live.NotFound)
        made.__dict__ = state
        return made

    # As tblib does, which Dask's workers use.
    monkeypatch.setitem(copyreg.dispatch_table, live.NotFound, lambda error: (twin, (vars(error),)))
    error = live.NotFound("gone", stream_id="a")
    copied = copy.copy(error)
    error.stream_id = "b"
    assert (copied.stream_id, copied.message, copied.args) == (
        "a",
        "gone",
        ("gone", {"stream_id": "a"}),
    )


def test_an_error_says_what_where_whether_and_what_to_do_in_one_line() -> None:
    error = live.RequestTimeout(
        "the vendor did not respond in time",
        provider="acme",
        operation="stop",
        stream_id="8DH",
        applied=None,
    )
    assert str(error) == (
        "acme stop '8DH': the vendor did not respond in time; "
        "the change may or may not have been applied; retry later"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, live.Rejected),
        (401, live.AuthenticationFailed),
        (402, live.Rejected),
        (403, live.PermissionDenied),
        (404, live.NotFound),
        (408, live.Rejected),
        (409, live.Conflict),
        (410, live.Rejected),
        (418, live.NotFound),  # Acme's own table
        (422, live.Rejected),
        (429, live.RateLimited),
        (500, live.ProviderUnavailable),
        (503, live.ProviderUnavailable),
        (301, live.UnexpectedResponse),
        (307, live.UnexpectedResponse),
        (199, live.UnexpectedResponse),
    ],
)
def test_each_status_has_its_class(
    emulator: AcmeEmulator, clock: FakeClock, status: int, kind: type
) -> None:
    stream = emulator.add()
    with emulator.connect(clock=clock, retries=0) as client:
        emulator.inject(Fault.status(status, headers={"X-Request-Id": "r-1"}), on="*start", times=2)
        with pytest.raises(live.LiveStreamError) as caught:
            client.start(stream["id"])
    error = caught.value
    assert type(error) is kind
    assert error.http_status == status
    assert error.request_id == "r-1"
    assert error.stream_id == stream["id"]
    expected = False if 400 <= status < 500 and status != 408 else None
    assert error.applied is expected
    assert error.retryable is (status == 429)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"detail": "D", "error": "E"}', "D"),
        ('{"title": ["first", "second"], "error": "E"}', "title: first"),
        ('{"error": "E", "message": "M"}', "E"),
        ('{"error": {"message": "EM", "reason": "ER"}}', "EM"),
        ('{"error": {"reason": "ER"}, "reason": "R"}', "ER"),
        ('{"error": true, "reason": "R", "message": "M"}', "R"),
        ('{"message": "M"}', "M"),
        ('"just text"', "just text"),
        ("<h1>Not   found</h1>\n", "<h1>Not found</h1>"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_the_vendors_message_is_found(emulator: AcmeEmulator, body: str, message: str) -> None:
    with emulator.connect() as client:
        emulator.inject(Fault.status(422, body=body), on="GET *")
        with pytest.raises(live.Rejected) as caught:
            client.get("1")
    assert caught.value.message == (f"HTTP 422: {message}" if message else "HTTP 422")


def test_field_errors_become_fields(emulator: AcmeEmulator) -> None:
    with emulator.connect() as client:
        emulator.inject(Fault.status(400, body='{"title": ["a", "b"], "x": 1}'), on="*")
        emulator.inject(Fault.status(400, body='{"title": ["a", "b"], "x": 1}'), on="POST /streams")
        with pytest.raises(live.AuthenticationFailed):
            client.create(title="T")
        with pytest.raises(live.Rejected) as caught:
            client.create(title="T")
    assert caught.value.fields == {"title": ("a", "b")}


def test_a_vendors_message_cannot_break_the_line_or_the_terminal(emulator: AcmeEmulator) -> None:
    with emulator.connect() as client:
        emulator.inject(Fault.status(400, body='{"detail": "a\\nb\\u001b[31m"}'), on="GET *")
        with pytest.raises(live.Rejected) as caught:
            client.get("1")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "applied", "kind"),
    [
        (REFUSED, False, live.ConnectionFailed),
        (LOST, None, live.ConnectionFailed),
        (LATE, None, live.RequestTimeout),
        (respond(408), None, live.Rejected),
        (respond(503), None, live.ProviderUnavailable),
        (respond(302), None, live.UnexpectedResponse),
        (respond(409), False, live.Conflict),
        (live.Response(201, {}, b"<html>"), None, live.UnexpectedResponse),
        (live.Response(201, {}, b""), None, live.UnexpectedResponse),
        (
            live.Response(201, {}, b'{"id"', "the response was cut off"),
            None,
            live.UnexpectedResponse,
        ),
        (respond(201, {"id": "7"}), True, live.UnexpectedResponse),
        (respond(201, {"title": "T"}), None, live.UnexpectedResponse),
        (respond(201, []), None, live.UnexpectedResponse),
        (respond(204), None, live.UnexpectedResponse),
        (respond(201, {"id": "7", "title": "T", "state": "new"}), True, live.UnexpectedResponse),
    ],
)
def test_the_response_shows_whether_a_create_was_applied(
    clock: FakeClock, answer: object, applied: bool | None, kind: type
) -> None:
    transport = ScriptedTransport(lambda *_: answer)
    with live.connect("acme", transport=transport, clock=clock, token="t0ken-t0ken") as client:
        with pytest.raises(kind) as caught:
            client.create(title="T")
    error = caught.value
    assert error.applied is applied
    assert error.stream_id == ("7" if applied else None)
    assert error.retryable is (applied is False and error.temporary)
    assert len(transport.sent) == (5 if answer == REFUSED else 1)


def test_the_id_in_a_refusal_is_not_taken_for_the_streams(clock: FakeClock) -> None:
    answers = iter([respond(429, {"id": "error-77"}), respond(201, {"title": "T"})])
    transport = ScriptedTransport(lambda *_: next(answers))
    with live.connect("acme", transport=transport, clock=clock, token="t0ken-t0ken") as client:
        with pytest.raises(live.UnexpectedResponse) as caught:
            client.create(title="T")
    assert (caught.value.applied, caught.value.stream_id) == (None, None)


def test_a_stop_was_applied_if_only_reading_it_back_failed(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add(status="on")
    emulator.inject(Fault.status(500), on="GET *", times=9)
    with pytest.raises(live.ProviderUnavailable) as caught:
        client.stop(stream["id"])
    assert caught.value.applied is True
    assert caught.value.retryable is False
    assert "the change was applied" in str(caught.value)


def test_an_error_of_the_adapters_own_code_never_gets_out(clock: FakeClock) -> None:
    class Broken(live.Adapter):
        name = "broken"
        capabilities = live.Capabilities(
            operations={
                live.Feature.GET: live.Support.NATIVE,
                live.Feature.START: live.Support.NATIVE,
            },
            statuses=[live.Status.LIVE],
        )

        def account_id(self) -> str:
            return "x"

        def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
            response = yield self.request("GET", "/{id}", id=stream_id)
            return response.json()["nothing"]

        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            yield "no request"  # type: ignore[misc]
            return STREAM

    class Plugin:
        @live.hookimpl
        def livestream_adapters(self) -> list[live.AdapterInfo]:
            return [live.AdapterInfo(name="broken", factory=Broken)]

    plugin = Plugin()
    live.register(plugin)
    try:
        transport = ScriptedTransport(lambda *_: respond(200, {}))
        client = live.connect(
            "broken", transport=transport, clock=clock, base_url="https://x.example"
        )
        with pytest.raises(
            live.UnexpectedResponse, match=r"could not be read \(KeyError at model/"
        ):
            client.get("1")
        with pytest.raises(live.LiveStreamError, match=r"the adapter failed \(TypeError") as caught:
            client.start("1")
        assert caught.value.applied is False
        client.close()
    finally:
        live.unregister(plugin)


def test_errors_that_led_to_this_one_are_masked_too(clock: FakeClock) -> None:
    class Looker(AcmeAdapter):
        name = "looker"

        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            try:
                yield self.post("/x")
            except live.Rejected:
                yield self.post("/y")
            return STREAM

    echo = {"detail": "bad key acme-key-77"}
    transport = ScriptedTransport(lambda *_: respond(400, echo))
    with connected(Looker, transport, clock=clock, token="t0ken-t0ken") as client:
        with pytest.raises(live.Rejected) as caught:
            client.start("1")
    assert "acme-key" not in "".join(traceback.format_exception(caught.value))


def test_no_error_of_another_library_hangs_on_ours(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    emulator.inject(Fault.html(), on="GET *")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.get("1")
    seen: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    assert all(isinstance(each, live.LiveStreamError) for each in seen)
