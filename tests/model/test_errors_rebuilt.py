"""Errors can be rebuilt from their args, as task queues do, from plain data, and from pickles."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import FakeClock
from all_errors import ERRORS, EXTRAS
from scripted import LATE, LOST, REFUSED, ScriptedTransport, json_values, respond

LOCAL = (live.ConfigurationError, live.InvalidInput, live.Unsupported, live.WebhookRejected)

texts = st.text(max_size=8)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "provider": texts,
        "account": texts,
        "operation": st.sampled_from(["create", "get", "stop"]),
        "stream_id": texts,
        "applied": st.sampled_from([None, True, False]),
        "retryable": st.booleans(),
        "http_status": st.integers(100, 599),
        "request_id": texts,
        "body": texts,
        "hint": texts.filter(bool),
    },
)


def said(error: live.LiveStreamError) -> dict[str, Any]:
    """Return everything that a user can read from an error."""
    names = {name for name in dir(error) if not name.startswith("_")} - {
        "add_note", "with_traceback", "to_dict", "from_dict",
    }  # fmt: skip
    return {"str": str(error), "repr": repr(error)} | {name: getattr(error, name) for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ERRORS)
@given(message=texts, context=contexts)
def test_an_error_is_rebuilt_from_its_args_after_a_trip_through_json(
    kind: type[live.LiveStreamError], message: str, context: dict[str, Any]
) -> None:
    error = kind(message, **context, **EXTRAS.get(kind, {}))
    args = json.loads(json.dumps(error.args, allow_nan=False))
    assert args[0] == message
    twin = type(error)(*args)
    assert type(twin) is kind
    assert said(twin) == said(error)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ERRORS)
@given(message=texts, context=contexts)
def test_an_error_goes_to_plain_data_and_back(
    kind: type[live.LiveStreamError], message: str, context: dict[str, Any]
) -> None:
    error = kind(message, **context, **EXTRAS.get(kind, {}))
    data = json.loads(json.dumps(error.to_dict(), allow_nan=False))
    twin = live.LiveStreamError.from_dict(data, strict=True)
    assert type(twin) is kind
    assert said(twin) == said(error)
    for another in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert said(another) == said(error)


@pytest.mark.parametrize("answer", [LOST, LATE, REFUSED, *map(respond, (201, 301, 408, 429, 503))])
def test_what_is_known_of_a_create_is_still_known_after_it(answer: object) -> None:
    transport = ScriptedTransport(lambda *_: answer)
    with live.connect(
        "acme", transport=transport, clock=FakeClock(), token="t0ken-t0ken"
    ) as client:
        with pytest.raises(live.LiveStreamError) as caught:
            client.create(title="T")
    error = caught.value
    twin = type(error)(*json.loads(json.dumps(error.args)))
    assert (twin.applied, twin.retryable) == (error.applied, error.retryable)
    assert said(twin) == said(error)


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_with_only_a_message_has_an_unknown_outcome(
    kind: type[live.LiveStreamError],
) -> None:
    error = kind("what happened")
    assert error.applied is (False if issubclass(kind, LOCAL) else None)
    assert error.retryable is False
    assert "may or may not" not in str(error)  # it is about no operation


@pytest.mark.parametrize(
    ("raised", "applied"),
    [
        (live.RequestTimeout("late"), None),
        (live.ConnectionFailed("lost"), None),
        (live.ConnectionFailed("refused", applied=False), False),
        (live.RequestTimeout("no connection in time", applied=False), False),
    ],
)
def test_what_a_transport_leaves_unset_counts_as_unknown(
    raised: live.LiveStreamError, applied: bool | None
) -> None:
    class Transport:
        def send(self, *_: object) -> live.Response:
            raise copy.copy(raised)

    client = live.connect("acme", transport=Transport(), clock=FakeClock(), token="t0ken-t0ken")
    with client, pytest.raises(type(raised)) as caught:
        client.create(title="T")
    assert caught.value.applied is applied
    with client, pytest.raises(live.ConfigurationError) as closed:
        client.create(title="T")
    assert closed.value.applied is False


@pytest.mark.parametrize("value", ["text", 7, 1.5, True, None, [1, "a"], {"a": {"b": 2}}])
def test_what_an_error_of_ones_own_adds_is_rebuilt(value: Any) -> None:
    class QuotaExceeded(live.RateLimited):
        def __init__(
            self, message: str = "", data: Any = None, *, quota: Any = None, **context: Any
        ) -> None:
            self.quota = quota
            super().__init__(message, data, **context)

    error = QuotaExceeded("too many", quota=value, retry_after=5, applied=None)
    twin = type(error)(*json.loads(json.dumps(error.args)))
    read = live.LiveStreamError.from_dict(json.loads(json.dumps(error.to_dict())), strict=True)
    assert said(twin) == said(read) == said(error)


def test_the_stream_of_an_error_is_rebuilt_without_its_secrets() -> None:
    stream = live.LiveStream(
        provider="acme", id="1", title="T", status="live",
        ingests=[live.Ingest("rtmp://in.example/app", "a-stream-key-0123")],
    )  # fmt: skip
    error = live.WaitTimeout("too late", stream=stream)
    assert "a-stream-key-0123" not in json.dumps(error.args)
    twin = live.WaitTimeout(*error.args)
    assert twin.stream is not None
    assert (twin.stream.id, twin.stream.ingests[0].stream_key) == ("1", None)
    assert pickle.loads(pickle.dumps(error)).stream == stream


def test_a_newer_versions_error_is_read_as_far_as_it_is_known() -> None:
    data = {"type": "NotFound", "message": "gone", "applied": False, "colour": "red"}
    assert said(live.LiveStreamError.from_dict(data)) == said(live.NotFound("gone", applied=False))
    unknown = live.LiveStreamError.from_dict({**data, "type": "Evaporated"})
    assert (type(unknown), unknown.message) == (live.LiveStreamError, "gone")
    conflict = {"type": "Conflict", "message": "no", "status": "levitating"}
    read = live.LiveStreamError.from_dict(conflict)
    assert isinstance(read, live.Conflict)
    assert read.status is live.Status.UNKNOWN


@pytest.mark.parametrize("change", [{"colour": "red"}, {"type": "Evaporated"}])
def test_strict_refuses_what_it_does_not_know(change: dict[str, str]) -> None:
    data = {"type": "NotFound", "message": "gone", **change}
    with pytest.raises(live.InvalidInput):
        live.LiveStreamError.from_dict(data, strict=True)


names = st.sampled_from(
    [
        "type", "message", "provider", "applied", "retryable", "http_status", "body", "field",
        "features", "fields", "status", "stream", "retry_after", "hint", "_x", "args", "temporary",
    ]
)  # fmt: skip


@pytest.mark.slow
@given(
    json_values
    | st.dictionaries(names, json_values | st.sampled_from([e.__name__ for e in ERRORS]))
)
def test_any_json_is_read_as_an_error_or_refused(data: Any) -> None:
    try:
        error = live.LiveStreamError.from_dict(data)
    except live.InvalidInput as refused:
        assert refused.message
    else:
        assert isinstance(error, live.LiveStreamError)
        json.dumps(error.to_dict(), allow_nan=False)


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        live.NotFound("gone", colour="red")  # type: ignore[call-arg]


def test_masked_secrets_are_nowhere_in_an_error() -> None:
    secret = "acme-key-0123456789"
    transport = ScriptedTransport(lambda *_: respond(400, {"detail": f"no key {secret}"}))
    with live.connect(
        "acme", transport=transport, clock=FakeClock(), token="t0ken-t0ken"
    ) as client:
        with pytest.raises(live.Rejected) as caught:
            client.get("1")
    error = caught.value
    assert secret not in repr(error) + str(error) + repr(error.args) + repr(error.to_dict())
    assert secret.encode() not in pickle.dumps(error)
    assert secret not in repr(Exception.__reduce__(error))
