"""The client: its checks before sending, and how it treats responses."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import logging
import pickle
import re
import traceback
import types
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, AcmePlugin, FakeClock
from livestream_core.emulator import Fault
from runners import connect
from scripted import ScriptedTransport

pytestmark = pytest.mark.usefixtures("runner")

HOSTILE_IDS = [
    "../admin",
    "a/b",
    "a?b=c",
    "a#b",
    "a%2fb",
    "a b",
    "a;b",
    "é",
    "…",
    "a\\b",
    "a&b",
    "*",
]


def test_a_lifecycle(client: live.Client, emulator: AcmeEmulator) -> None:
    stream = client.create(
        title="T", scheduled_start="2026-12-05T15:30:00+05:30", tags=["a"], options={"extra": [1]}
    )
    assert stream.status is live.Status.SCHEDULED
    assert stream.scheduled_start == datetime(2026, 12, 5, 10, tzinfo=UTC)
    assert emulator.streams[stream.id]["extra"] == [1]
    assert client.update(stream.id, title="U").title == "U"
    assert client.start(stream.id).status is live.Status.STARTING
    emulator.connect_encoder(stream.id)
    assert client.wait(stream.id, until="live", timeout=1).status is live.Status.LIVE
    assert client.stop(stream.id, trim=live.Trim.relative(1, 2)).status is live.Status.ENDED
    assert client.delete(stream.id) is None
    with pytest.raises(live.NotFound) as caught:
        client.get(stream.id)
    assert caught.value.stream_id == stream.id


def test_a_spec_may_be_given_whole(client: live.Client) -> None:
    assert client.create(live.StreamSpec(title="T")).title == "T"
    with pytest.raises(live.InvalidInput, match="not both"):
        client.create(live.StreamSpec(title="T"), tags=["a"])
    with pytest.raises(live.InvalidInput, match="expected a StreamSpec"):
        client.create("T")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "title"),
        ({"title": " "}, "title"),
        ({"title": "T", "colour": "red"}, "colour"),
        ({"title": "T", "scheduled_start": datetime(2026, 1, 1)}, "scheduled_start"),
        ({"title": "T", "options": {"title": "U"}}, "options.title"),
        ({"title": "T", "options": {"x": {1, 2}}}, "options"),
        ({"title": "T", "options": {"x": float("nan")}}, "options"),
        ({"title": "T", "options": {"x": "\ud800"}}, "options"),
        ({"title": "T", "on_unsupported": "ignore"}, "on_unsupported"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_sent(
    client: live.Client, emulator: AcmeEmulator, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        client.create(**fields)
    error = caught.value
    assert (error.field, error.operation, error.provider) == (field, "create", "acme")
    assert error.applied is False
    assert [each for each in emulator.requests if each.path == "/streams"] == []


def test_missing_features_are_refused_with_all_reasons(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    with pytest.raises(live.Unsupported) as caught:
        client.create(title="T", latency="low", record=False, thumbnail_url="https://x.example/a")
    message = str(caught.value)
    assert "Acme is always slow" in message
    assert "always recorded" in message
    assert "thumbnail_url" in message
    assert set(caught.value.features) == {"latency", "record", "thumbnail_url"}
    assert emulator.requests == []


def test_an_automatic_feature_may_be_requested(client: live.Client) -> None:
    assert client.create(title="T", record=True).title == "T"


def test_unsupported_fields_can_be_dropped_and_are_logged(
    client: live.Client, emulator: AcmeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "livestream_core"):
        client.create(title="T", latency="low", record=False, on_unsupported="drop")
    assert "dropped latency: Acme is always slow" in caplog.text
    assert "dropped record off" in caplog.text
    assert client.supports(live.Feature.SCHEDULE)


@pytest.mark.parametrize(
    ("changes", "error", "name"),
    [
        ({}, live.InvalidInput, "changes"),
        ({"colour": "red"}, live.InvalidInput, "colour"),
        ({"title": None}, live.InvalidInput, "title"),
        ({"title": ""}, live.InvalidInput, "title"),
        ({"scheduled_start": "soon"}, live.InvalidInput, "scheduled_start"),
        ({"record": True}, live.Unsupported, "record"),
        ({"tags": None}, live.Unsupported, "tags"),
        ({"tags": []}, live.Unsupported, "tags"),
    ],
)
def test_a_change_that_is_not_possible_is_refused_before_sending(
    client: live.Client, emulator: AcmeEmulator, changes: dict[str, Any], error: type, name: str
) -> None:
    with pytest.raises(error) as caught:
        client.update("1", **changes)
    named = caught.value.field if error is live.InvalidInput else caught.value.features[0]
    assert named == name
    assert caught.value.stream_id == "1"
    assert emulator.requests == []


def test_none_clears_what_can_be_cleared(client: live.Client, emulator: AcmeEmulator) -> None:
    stream = emulator.add(description="D")
    assert client.update(stream["id"], description=None).description is None
    assert client.update(stream["id"], description="").description == ""


@pytest.mark.parametrize("id", HOSTILE_IDS)
def test_an_id_is_data_and_cannot_change_the_path(
    client: live.Client, emulator: AcmeEmulator, id: str
) -> None:
    for call in (client.get, client.start, client.stop, client.delete, client.cancel):
        with pytest.raises(live.NotFound):
            call(id)
    for each in emulator.requests:
        if each.path not in ("/login", "/logout"):
            assert each.path.startswith("/streams/")
            assert each.path.count("/") == 2 + each.path.endswith(("/start", "/stop"))
            assert each.query == ""


@pytest.mark.parametrize(
    "id", ["", ".", "..", "a\x00", "a\r\nX: y", "\x7f", "\ud800", None, 5, b"x", ["a"]]
)
def test_an_id_that_cannot_stand_in_a_path_is_refused(
    client: live.Client, emulator: AcmeEmulator, id: Any
) -> None:
    for call in (
        client.get,
        client.start,
        client.stop,
        client.delete,
        lambda id: client.update(id, title="T"),
        lambda id: client.wait(id, until="live", timeout=1),
    ):
        with pytest.raises(live.InvalidInput) as caught:
            call(id)
        assert caught.value.field == "id"
    assert [each.path for each in emulator.requests if each.path.startswith("/streams")] == []


def test_a_trim_must_be_a_trim(client: live.Client) -> None:
    with pytest.raises(live.InvalidInput, match="expected a Trim, not tuple"):
        client.stop("1", trim=(1, 2))  # type: ignore[arg-type]


def test_a_conflict_names_the_status(client: live.Client, emulator: AcmeEmulator) -> None:
    stream = emulator.add(status="on")
    with pytest.raises(live.Conflict) as caught:
        client.cancel(stream["id"])
    assert caught.value.status is live.Status.LIVE
    assert caught.value.applied is False


def test_an_unknown_word_is_unknown_and_kept(client: live.Client, emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status_word("levitating"), on="GET *")
    read = client.get(stream["id"])
    assert (read.status, read.provider_status) == (live.Status.UNKNOWN, "levitating")


def test_extra_fields_are_kept_and_missing_ones_are_none(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.extra_field("novelty", {"a": 1}), on="GET *")
    read = client.get(stream["id"])
    assert read.raw is not None
    assert read.raw["novelty"] == {"a": 1}
    assert read.description is None
    assert read.started_at is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    ["", "<html>", "[]", '"x"', "null", "{", "NaN", "[" * 100_000, '{"id":"1","title":"T"}',
     '{"id":["1"],"title":"T","status":"new"}', '{"id":"","title":"T","status":"new"}'],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_unexpected(
    client: live.Client, emulator: AcmeEmulator, body: str
) -> None:
    emulator.inject(Fault.status(200, body=body), on="GET *")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.get("1")
    assert caught.value.http_status == 200
    assert caught.value.applied is False


def test_a_redirect_is_not_followed(client: live.Client, emulator: AcmeEmulator) -> None:
    emulator.inject(Fault.redirect("https://evil.example/"), on="GET *")
    with pytest.raises(live.UnexpectedResponse, match="redirected"):
        client.get("1")


def test_a_client_says_what_it_can_do(client: live.Client) -> None:
    assert client.provider == "acme"
    assert client.account == "acme:api.acme.example:main"
    assert client.supports("create")
    assert not client.supports(live.Feature.LATENCY)
    assert client.capabilities["cancel"].support is live.Support.EMULATED
    assert client.capabilities[live.Feature.LATENCY].reason == "Acme is always slow"
    with pytest.raises(live.InvalidInput, match="feature"):
        client.supports("teleport")


def test_a_payload_can_be_read_without_a_call(client: live.Client, emulator: AcmeEmulator) -> None:
    payload = emulator.add(status="on")
    stream = client.parse_stream(payload)
    assert stream.status is live.Status.LIVE
    assert stream.raw == payload
    for wrong in ({}, None, [], "x", {"id": 1, "status": "new"}, {"id": "1", "title": "T"}):
        with pytest.raises(live.UnexpectedResponse) as caught:
            client.parse_stream(wrong)  # type: ignore[arg-type]
        assert caught.value.operation == "parse_stream"
    assert emulator.requests == []


# -- webhooks ---------------------------------------------------------------------------------

BODY = b'{"id": "1", "title": "T", "status": "on", "key": "acme-key-1"}'


def test_a_verified_delivery_becomes_an_event(client: live.Client) -> None:
    event = client.parse_webhook({"X-ACME-Secret": "s3cret"}, BODY, secret="s3cret")
    assert event.kind is live.EventKind.STREAM_CHANGED
    assert event.stream is not None
    assert event.stream.status is live.Status.LIVE
    assert pickle.loads(pickle.dumps(event)) == event


def test_the_option_is_the_default_secret(emulator: AcmeEmulator) -> None:
    with emulator.connect(webhook_secret="s3cret") as client:
        assert client.parse_webhook({"x-acme-secret": "s3cret"}, BODY).stream_id == "1"


@pytest.mark.parametrize("headers", [{}, {"x-acme-secret": ""}, {"x-acme-secret": "wrong"}])
def test_an_unverifiable_delivery_is_rejected(client: live.Client, headers: dict[str, str]) -> None:
    with pytest.raises(live.WebhookRejected) as caught:
        client.parse_webhook(headers, BODY, secret="s3cret")
    assert caught.value.operation == "parse_webhook"
    assert "s3cret" not in str(caught.value)


def test_headers_may_come_as_pairs_and_nothing_else(client: live.Client) -> None:
    for pairs in ([("X-Acme-Secret", "s")], [(b"x-acme-secret", b"s")], {"X-Acme-Secret": b"s"}):
        assert client.parse_webhook(pairs, BODY, secret="s").stream_id == "1"  # type: ignore[arg-type]
    for wrong in (None, 5, ["x"], {"x-acme-secret": 5}, [(1, "s")]):
        with pytest.raises(live.InvalidInput) as caught:
            client.parse_webhook(wrong, BODY, secret="s")  # type: ignore[arg-type]
        assert caught.value.field == "headers"


@pytest.mark.parametrize("secret", [None, "", "  ", live.Secret("")])
def test_without_a_secret_nothing_is_verified(client: live.Client, secret: Any) -> None:
    with pytest.raises(live.ConfigurationError, match="missing or empty"):
        client.parse_webhook({"x-acme-secret": ""}, BODY, secret=secret)


FORM = b"payload=%7B%22id%22%3A%221%22%7D&type=x"
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
NOT_READABLE: dict[str, tuple[dict[str, str], bytes, str]] = {
    "a page": ({}, b"<html>", "API may have changed"),
    "not an object": ({}, b"[]", "API may have changed"),
    "without its fields": ({}, b"{}", "API may have changed"),
    "an id that no model takes": (
        {},
        b'{"id": 1, "title": "T", "status": "on"}',
        "API may have changed",
    ),
    "nested deeply": ({}, b"[" * 100_000, "API may have changed"),
    "empty": ({}, b"", "the body is empty"),
    "blank": ({}, b" \r\n", "the body is empty"),
    "gzip": ({}, gzip.compress(BODY), r"compressed \(gzip\)"),
    "brotli": ({"content-encoding": "br"}, b"\x8b\x1f\x80", r"compressed \(br\)"),
    "a form": ({}, FORM, "is a form"),
    "a form by its type": (
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        b"%7B%7D",
        "is a form",
    ),
    "a multipart form": ({}, MULTIPART, "is a form"),
    "JSON in JSON": ({}, json.dumps(BODY.decode()).encode(), "encoded as JSON twice"),
    "base64": ({}, base64.b64encode(BODY), "base64"),
}


@pytest.mark.parametrize("case", NOT_READABLE)
def test_a_genuine_delivery_that_cannot_be_read_says_so_of_the_delivery(
    client: live.Client, case: str
) -> None:
    headers, body, hint = NOT_READABLE[case]
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.parse_webhook({"x-acme-secret": "s", **headers}, body, secret="s")
    assert re.search(hint, caught.value.hint or "")
    assert "delivery" in caught.value.message
    assert "answer" not in str(caught.value)


@pytest.mark.parametrize("case", [case for case in NOT_READABLE if case not in ("a page",)])
def test_a_delivery_that_cannot_be_verified_says_what_is_likely_wrong(
    client: live.Client, case: str
) -> None:
    headers, body, hint = NOT_READABLE[case]
    with pytest.raises(live.WebhookRejected) as caught:
        client.parse_webhook({"x-acme-secret": "other", **headers}, body, secret="s")
    said = caught.value.hint
    assert (said is None) if "API" in hint else re.search(hint, said or "")


def test_a_genuine_delivery_is_read_whatever_else_its_headers_say(client: live.Client) -> None:
    headers = {"x-acme-secret": "s", "content-encoding": "gzip", "content-type": FORM.decode()}
    assert client.parse_webhook(headers, BODY, secret="s").stream_id == "1"
    for body in (bytearray(BODY), memoryview(BODY)):
        event = client.parse_webhook(headers, body, secret="s")  # type: ignore[arg-type]
        assert event.stream_id == "1"


async def _not_awaited() -> bytes:
    return BODY


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("{}", "already decoded"),
        ({"id": "1"}, "already parsed"),
        ([1], "already parsed"),
        (types.MappingProxyType({"id": "1"}), "already parsed"),
        (io.BytesIO(BODY), "was not read"),
        (BODY.decode, "was not called"),
        (None, "raw bytes"),
        (5, "raw bytes"),
    ],
)
def test_a_body_must_be_the_bytes_that_came(client: live.Client, body: Any, hint: str) -> None:
    with pytest.raises(live.InvalidInput, match="body: expected the bytes") as caught:
        client.parse_webhook({}, body, secret="s")
    assert (caught.value.field, hint in (caught.value.hint or "")) == ("body", True)


@pytest.mark.filterwarnings("error")
def test_a_body_that_was_not_awaited_is_reported(client: live.Client) -> None:
    with pytest.raises(live.InvalidInput, match="not awaited"):
        client.parse_webhook({}, _not_awaited(), secret="s")  # type: ignore[arg-type]


ENVIRON = {"REQUEST_METHOD": "POST", "HTTP_X_ACME_SECRET": "s", "wsgi.version": (1, 0)}
SCOPE = {"type": "http", "asgi": {"version": "3.0"}, "headers": [(b"x-acme-secret", b"s")]}


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({"x-acme-secret": ["s"]}, "lists"),
        ({"x-acme-secret": ("s", "t")}, "lists"),
        (ENVIRON, "WSGI environ"),
        (SCOPE, 'scope["headers"]'),
        ({"x-acme-secret": None}, "request.headers"),
        (None, "request.headers"),
    ],
)
def test_invalid_headers_have_specific_hints(client: live.Client, headers: Any, hint: str) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        client.parse_webhook(headers, BODY, secret="s")
    assert (caught.value.field, hint in (caught.value.hint or "")) == ("headers", True)


def test_an_environ_of_strings_is_refused_if_it_cannot_be_verified(
    client: live.Client,
) -> None:
    with pytest.raises(live.WebhookRejected, match="WSGI environ"):
        client.parse_webhook({"HTTP_X_ACME_SECRET": "s"}, BODY, secret="s")


@pytest.mark.slow
@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4),
    st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)),
    st.sampled_from(["s", "other"]),
)
def test_any_delivery_is_read_or_refused(headers: dict[str, str], body: bytes, sent: str) -> None:
    with (
        AcmeEmulator().connect() as client,
        contextlib.suppress(live.WebhookRejected, live.UnexpectedResponse),
    ):
        client.parse_webhook({**headers, "x-acme-secret": sent}, body, secret="s")


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another-s3cret"},
        {"secret": b"another-s3cret"},
        {"body": b"{"},
        {"body": {"key": "s3cret-of-a-tenant"}},
        {"headers": {"x-acme-secret": ["s3cret-of-a-tenant"]}},
        {"secret": live.Secret("")},
    ],
)
def test_no_frame_of_an_error_about_a_delivery_holds_the_secret(
    client: live.Client, change: dict[str, Any]
) -> None:
    secret = "s3cret-of-a-tenant"
    arguments = {"headers": {"x-acme-secret": secret}, "body": BODY, "secret": secret, **change}
    with pytest.raises(live.LiveStreamError) as caught:
        client.parse_webhook(**arguments)
    error: BaseException | None = caught.value
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if Path(__file__).parents[1] not in Path(frame.f_code.co_filename).parents:
                shown = repr(frame.f_locals)
                assert secret not in shown
                assert "another-s3cret" not in shown
        error = error.__context__


def test_nor_does_one_of_an_error_that_it_was_raised_after(
    client: live.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(self: AcmeAdapter, headers: Any, body: bytes, secret: str) -> live.Event:
        try:
            live.webhooks.verify_token(headers.get("x-old"), secret)
        except live.WebhookRejected as first:
            try:
                live.webhooks.verify_token(headers.get("x-new"), secret)
            except live.WebhookRejected as second:
                raise second from first
        raise AssertionError

    monkeypatch.setattr(AcmeAdapter, "parse_webhook", parse)
    with pytest.raises(live.WebhookRejected) as caught:
        client.parse_webhook({}, BODY, secret="s3cret-of-a-tenant")
    earlier = caught.value.__cause__
    assert isinstance(earlier, live.WebhookRejected)
    assert earlier.__traceback__ is None


# -- waiting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "word"),
    [
        ("starting", "boot"), ("starting", "ready"), ("starting", "on"), ("starting", "lost"),
        ("ready", "ready"), ("ready", "on"), ("ready", "lost"), ("processing", "post"),
        ("processing", "over"), ("live", "on"), ({"live", "ended"}, "over"),
        ([live.Status.FAILED], "bad"), (lambda stream: stream.title == "T", "new"),
    ],
)  # fmt: skip
def test_waiting_is_met_by_the_status_and_by_what_comes_after(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock, until: Any, word: str
) -> None:
    stream = emulator.add(status=word, title="T")
    assert client.wait(stream["id"], until=until, timeout=1).provider_status == word
    assert clock.waits == []


def test_waiting_polls_until_it_is_so(emulator: AcmeEmulator) -> None:
    stream = emulator.add()

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.time > 1_020:
                stream["status"] = "on"

    clock = Clock()
    with emulator.connect(clock=clock) as client:
        assert client.wait(stream["id"], until="live", timeout=60).status is live.Status.LIVE
    assert clock.waits[0] == 0.5
    assert max(clock.waits) <= 5


@pytest.mark.parametrize(
    ("word", "until", "kind"),
    [
        ("over", "live", live.WaitFailed),
        ("post", {"live", "ready"}, live.WaitFailed),
        ("on", "scheduled", live.WaitFailed),
        ("bad", "live", live.StreamFailed),
        ("bad", lambda stream: False, live.StreamFailed),
    ],
)
def test_a_status_that_can_no_longer_occur_is_not_awaited(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock, word: str, until: Any, kind: type
) -> None:
    stream = emulator.add(status=word)
    with pytest.raises(kind) as caught:
        client.wait(stream["id"], until=until, timeout=60)
    assert type(caught.value) is kind
    assert caught.value.stream.id == stream["id"]
    assert clock.waits == []
    assert "acme-key" not in str(caught.value) + repr(caught.value.stream)


def test_a_timeout_is_kept_and_its_error_has_the_stream_as_last_read(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    stream = emulator.add(status="boot")
    began = clock.time
    with pytest.raises(live.WaitTimeout, match="within 10 s; its status is 'starting'") as caught:
        client.wait(stream["id"], until="ready", timeout=10, poll=3)
    assert clock.time - began == pytest.approx(10, abs=0.5)
    assert caught.value.stream.status is live.Status.STARTING


@pytest.mark.parametrize(
    ("word", "hint"), [("new", "it may need start() first"), ("boot", None), ("on", None)]
)
def test_a_wait_for_a_stream_that_was_not_started_suggests_start(
    client: live.Client, emulator: AcmeEmulator, word: str, hint: str | None
) -> None:
    stream = emulator.add(status=word)
    with pytest.raises(live.WaitTimeout) as caught:
        client.wait(stream["id"], until=lambda _: False, timeout=10)
    assert caught.value.hint == hint


@pytest.mark.parametrize("poll", [None, 8.0, 60.0])
def test_the_last_read_is_just_before_the_timeout(
    emulator: AcmeEmulator, poll: float | None
) -> None:
    stream = emulator.add(status="boot")

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.time > 1_009:
                stream["status"] = "on"

    with emulator.connect(clock=Clock()) as client:
        assert client.wait(stream["id"], until="live", timeout=10, poll=poll).id == stream["id"]


def test_a_503_with_retry_after_is_not_polled_sooner(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    stream = emulator.add(status="on")
    emulator.inject(Fault.status(503, headers={"Retry-After": "60"}), on="GET *")
    client.wait(stream["id"], until="live", timeout=300)
    assert clock.waits == [60]


def test_temporary_errors_are_polled_through(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    stream = emulator.add(status="on")
    emulator.inject(Fault.status(503), on="GET *", times=7)
    assert client.wait(stream["id"], until="live", timeout=60).id == stream["id"]


def test_if_only_errors_come_the_end_says_so(client: live.Client, emulator: AcmeEmulator) -> None:
    emulator.inject(Fault.status(503), on="GET *", times=10_000)
    with pytest.raises(live.WaitTimeout, match=r"could not be read.*ProviderUnavailable") as caught:
        client.wait("1", until="live", timeout=20)
    assert caught.value.stream is None


@pytest.mark.parametrize("timeout", [0, 0.05, 3, 30])
@pytest.mark.parametrize(
    ("status", "what"), [(429, "rate limited"), (503, "the vendor is unavailable")]
)
def test_a_vendor_that_asks_for_a_longer_pause_ends_the_wait_and_is_quoted(
    client: live.Client,
    emulator: AcmeEmulator,
    clock: FakeClock,
    timeout: float,
    status: int,
    what: str,
) -> None:
    busy = Fault.status(status, headers={"Retry-After": "600"}, body='{"detail": "slow down"}')
    emulator.inject(busy, on="GET *", times=9)
    began = clock.time
    with pytest.raises(live.WaitTimeout, match=f"{what}: the vendor asked to wait 600 s") as caught:
        client.wait("1", until="live", timeout=timeout)
    assert clock.time == began
    assert "slow down" in str(caught.value)
    assert "within" not in str(caught.value)
    assert caught.value.hint == "retry in 600 s"
    assert (caught.value.temporary, caught.value.stream) == (True, None)


def test_a_wait_that_is_cut_short_has_the_stream_as_last_seen(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add(status="boot")
    busy = Fault.status(429, headers={"Retry-After": "86400"})
    emulator.inject(busy, on="GET *", times=9, skip=1)
    with pytest.raises(
        live.WaitTimeout, match=r"rate limited: .*its status is 'starting'"
    ) as caught:
        client.wait(stream["id"], until="live", timeout=60)
    assert caught.value.stream is not None
    assert caught.value.stream.status is live.Status.STARTING


@pytest.mark.slow
@pytest.mark.parametrize("timeout", [0.1, 0.3, 0.7, 1, 2, 4, 7, 3600])
@pytest.mark.parametrize("poll", [None, 0])
def test_waiting_ends_by_a_clock_that_is_moved_by_hand(
    emulator: AcmeEmulator, timeout: float, poll: float | None
) -> None:
    class Clock(live.ManualClock):
        def sleep(self, seconds: float) -> None:
            before = self.monotonic()
            super().sleep(seconds)
            assert self.monotonic() > before

    id = emulator.add()["id"]
    with (
        emulator.connect(clock=Clock()) as client,
        pytest.raises(live.WaitTimeout, match="its status is 'scheduled'"),
    ):
        client.wait(id, until="live", timeout=min(timeout, 4) if poll == 0 else timeout, poll=poll)


def test_a_final_error_ends_the_wait_at_once(client: live.Client) -> None:
    with pytest.raises(live.NotFound):
        client.wait("nothing", until="live", timeout=60)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"until": "cancelled", "timeout": 1}, live.Unsupported),
        ({"until": [], "timeout": 1}, live.InvalidInput),
        ({"until": 5, "timeout": 1}, live.InvalidInput),
        ({"until": "asleep", "timeout": 1}, live.InvalidInput),
        ({"until": "live", "timeout": -1}, live.InvalidInput),
        ({"until": "live", "timeout": float("nan")}, live.InvalidInput),
        ({"until": "live", "timeout": 1, "poll": "1"}, live.InvalidInput),
    ],
)
def test_a_wait_that_makes_no_sense_is_refused_before_any_call(
    client: live.Client, emulator: AcmeEmulator, arguments: Any, kind: type
) -> None:
    with pytest.raises(kind):
        client.wait("1", **arguments)
    assert emulator.requests == []


# -- observers --------------------------------------------------------------------------------


class Observer:
    def __init__(self) -> None:
        self.exchanges: list[live.Exchange] = []
        self.changes: list[tuple[str | None, str]] = []

    @live.hookimpl
    def livestream_exchange(self, exchange: live.Exchange) -> None:
        self.exchanges.append(exchange)

    @live.hookimpl
    def livestream_status_changed(
        self, account: str, stream: live.LiveStream, previous: live.Status | None
    ) -> None:
        self.changes.append((previous, stream.status.value))
        raise RuntimeError("an observer that fails")


@pytest.fixture
def observer() -> Any:
    observer = Observer()
    live.register(observer)
    yield observer
    live.unregister(observer)


def test_observers_see_every_exchange_without_secrets_or_ids(
    observer: Observer, client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status(503), on="GET *")
    client.get(stream["id"])
    seen = [
        (x.operation, x.method, x.template, x.status, x.error, x.attempt)
        for x in observer.exchanges
    ]
    assert seen == [
        ("sign_in", "POST", "/login", 200, None, 1),
        ("get", "GET", "/streams/{id}", 503, "ProviderUnavailable", 1),
        ("get", "GET", "/streams/{id}", 200, None, 2),
    ]


def test_status_changes_are_reported_and_a_failing_observer_is_not_fatal(
    observer: Observer, emulator: AcmeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    stream = emulator.add(status="boot")
    words = iter(["boot", "new", "ready", "on", "on"])

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            stream["status"] = next(words)

    seen: list[str] = []
    with emulator.connect(clock=Clock()) as client:
        with pytest.warns(DeprecationWarning, match="use livestream_core.events.Tracker"):
            client.wait(
                stream["id"],
                until="live",
                timeout=60,
                on_change=lambda stream: seen.append(stream.status),
            )
        with pytest.warns(DeprecationWarning, match="for each webhook delivery"):
            client.parse_webhook({"x-acme-secret": "s"}, BODY, secret="s")
    assert seen == ["ready", "live"]
    assert observer.changes == [
        # The first look is no change, and STARTING, SCHEDULED, READY is a vendor that cannot tell the two apart: no event.
        ("starting", "ready"),
        ("ready", "live"),
        (None, "live"),
    ]
    assert "failed in livestream_status_changed: RuntimeError" in caplog.text


def test_a_plugin_is_registered_whole_or_not_at_all() -> None:
    class Misspelt:
        @live.hookimpl
        def livestream_exchanges(self) -> None: ...

    with pytest.raises(live.ConfigurationError, match="was not registered"):
        live.register(Misspelt())
    with pytest.raises(live.ConfigurationError, match="implements no hook"):
        live.register(object())
    with pytest.raises(
        live.ConfigurationError, match="named 'acme' is already registered or installed"
    ):
        live.register(AcmePlugin())


# -- the vendor's clock -----------------------------------------------------------------------


def refused(date: str | None, status: int = 401) -> live.LiveStreamError:
    """Return the error of a refusal that came with a Date header."""
    headers = {} if date is None else {"Date": date}
    transport = ScriptedTransport(lambda *_: live.Response(status, headers, b"{}"))
    client = connect("acme", transport=transport, clock=FakeClock(), retries=0, token="t0ken-t0ken")
    with client, pytest.raises(live.LiveStreamError) as caught:
        client.get("1")
    return caught.value


@pytest.mark.parametrize(
    ("behind", "hint"),
    [
        (61, "0:01:01 behind"),
        (-61, "0:01:01 ahead of"),
        (86_400 * 365, "365 days, 0:00:00 behind"),
    ],
)
def test_a_401_from_a_vendor_with_another_time_names_the_clock(behind: int, hint: str) -> None:
    error = refused(format_datetime(FakeClock().now() + timedelta(seconds=behind), usegmt=True))
    assert type(error) is live.AuthenticationFailed
    assert error.hint == (
        f"this machine's clock is {hint} the vendor's; set it, then check the credentials"
    )


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "soon",
        "Wed, 99 Oct 2015 07:28:00 GMT",
        format_datetime(FakeClock().now() + timedelta(seconds=60)),
        format_datetime(FakeClock().now() - timedelta(seconds=60)),
    ],
)
def test_a_401_from_a_vendor_with_our_time_does_not(date: str | None) -> None:
    assert refused(date).hint == "check the credentials"


@pytest.mark.slow
@given(st.one_of(st.text(max_size=40), st.datetimes().map(format_datetime)))
def test_a_401_is_a_401_with_any_date(date: str) -> None:
    assert type(refused(date)) is live.AuthenticationFailed


def test_other_refusals_say_nothing_of_the_clock() -> None:
    assert "clock" not in str(refused("Wed, 21 Oct 2015 07:28:00 GMT", status=403))
