"""Errors inside a 2xx response, what an adapter says about responses, and creates in steps."""

from __future__ import annotations

import json
import logging
import math
import secrets
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, FakeClock
from runners import connect
from scripted import LOST, ScriptedTransport, is_applied, respond

pytestmark = pytest.mark.usefixtures("runner")

GOOD = respond(200, {"id": "1", "title": "T", "status": "on"})
CALLS: dict[str, Any] = {
    "get": lambda client: client.get("1"),
    "update": lambda client: client.update("1", title="U"),
    "delete": lambda client: client.delete("1"),
    "create": lambda client: client.create(title="T"),
    "start": lambda client: client.start("1"),
}
STATUSES = [301, 400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 503, 599]


@pytest.fixture
def adapter(request: pytest.FixtureRequest) -> Any:
    """Return a function that registers an adapter class as a provider for one test."""

    def add(kind: type[live.Adapter], answer: Any, **options: Any) -> tuple[Any, ScriptedTransport]:
        class Plugin:
            @live.hookimpl
            def livestream_adapters(self) -> list[live.AdapterInfo]:
                return [live.AdapterInfo(name=kind.name, factory=kind)]

        plugin = Plugin()
        live.register(plugin)
        transport = ScriptedTransport(answer if callable(answer) else lambda *_: answer)
        given_options = options or {"token": "t0ken-t0ken"}
        client = connect(kind.name, transport=transport, clock=FakeClock(), **given_options)
        request.addfinalizer(client.close)
        live.unregister(plugin)
        return client, transport

    return add


class CodeAdapter(AcmeAdapter):
    """Reports errors in a field of a 200."""

    name = "code"

    def is_error(self, response: live.Response) -> Any:
        payload = response.json()
        return payload.get("code", False) if isinstance(payload, dict) else False


@pytest.mark.parametrize("operation", CALLS)
@settings(max_examples=25)
@given(status=st.sampled_from(STATUSES))
def test_an_error_in_a_200_is_an_error_with_the_status_it_stands_for(
    operation: str, status: int
) -> None:
    def outcome(answer: live.Response) -> Any:
        add = live.AdapterInfo(name="code", factory=CodeAdapter)
        plugin = type("P", (), {"livestream_adapters": live.hookimpl(lambda self: [add])})()
        live.register(plugin)
        transport = ScriptedTransport(lambda *_: answer)
        try:
            with (
                connect(
                    "code", transport=transport, clock=FakeClock(), token="t0ken-t0ken"
                ) as client,
                pytest.raises(live.LiveStreamError) as caught,
            ):
                CALLS[operation](client)
        finally:
            live.unregister(plugin)
        error = caught.value
        facts = (type(error), error.http_status, error.applied, error.retryable)
        return facts, len(transport.sent)

    inside, plain = outcome(respond(200, {"code": status})), outcome(respond(status, {}))
    assert inside == plain
    if operation in ("update", "create", "start"):
        assert inside[0][2] is is_applied(respond(status, {}))


def test_an_error_without_a_status_may_have_been_applied(adapter: Any) -> None:
    client, _ = adapter(CodeAdapter, respond(200, {"code": True, "message": "no luck"}))
    with pytest.raises(live.ProviderUnavailable, match="no luck") as caught:
        client.create(title="T")
    assert caught.value.applied is None
    assert caught.value.http_status == 500


@pytest.mark.parametrize("code", [False, 0, 200, 204])
def test_a_success_stays_a_success(adapter: Any, code: Any) -> None:
    payload = {"id": "1", "title": "T", "status": "on", "code": code}
    client, _ = adapter(CodeAdapter, respond(200, payload))
    assert client.get("1").id == "1"


def test_a_repeated_delete_of_which_a_200_says_not_found_has_succeeded(adapter: Any) -> None:
    answers = iter([LOST, respond(200, {"code": 404})])
    client, transport = adapter(CodeAdapter, lambda *_: next(answers))
    client.delete("1")
    assert len(transport.sent) == 2


def test_an_expired_session_in_a_200_signs_in_again(adapter: Any) -> None:
    answers = iter([respond(200, {"token": "abcdefgh", "lasts": 60}), respond(200, {"code": 401}),
                    respond(200, {"token": "ijklmnop", "lasts": 60}), GOOD])  # fmt: skip
    client, _ = adapter(CodeAdapter, lambda *_: next(answers, GOOD), user="u", password="passw0rd")
    assert client.get("1").id == "1"


def test_a_sign_in_that_is_refused_in_a_200_blames_the_credentials(adapter: Any) -> None:
    # A process remembers a refusal, so each run has a password of its own.
    client, transport = adapter(
        CodeAdapter, respond(200, {"code": 403}), user="u", password=secrets.token_hex()
    )
    for _ in range(2):
        with pytest.raises(live.AuthenticationFailed):
            client.get("1")
    assert len(transport.sent) == 1  # not sent again so soon


@pytest.mark.parametrize(
    "answer",
    [live.Response(200, {}, b"<html></html>"), live.Response(200, {}, b"{", "it was cut off")],
)
def test_a_page_of_a_proxy_is_not_asked_for_errors(adapter: Any, answer: live.Response) -> None:
    client, _ = adapter(CodeAdapter, answer)
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.create(title="T")
    assert caught.value.applied is None


FAILING = {
    "is_error": (GOOD, None),
    "error_message": (respond(409, {"message": "x"}), live.Conflict),
    "error_for": (respond(409, {"message": "x"}), live.Conflict),
    "retry_after": (respond(429, {"message": "x"}), live.RateLimited),
    "id_in": (respond(201, {"id": "1"}), live.UnexpectedResponse),
}


@pytest.mark.parametrize("method", FAILING)
@pytest.mark.parametrize("kind", [KeyError, RecursionError, live.UnexpectedResponse])
def test_a_method_that_raises_is_named_once_and_the_status_decides(
    adapter: Any, caplog: pytest.LogCaptureFixture, method: str, kind: type[Exception]
) -> None:
    def broken(self: Any, argument: Any) -> Any:
        raise kind("s3cret-in-a-bug")

    answer, expected = FAILING[method]
    broken.__name__ = method
    failing = type("Failing", (AcmeAdapter,), {"name": "failing", method: broken})
    client, _ = adapter(failing, answer)
    with caplog.at_level(logging.ERROR, "livestream_core"):
        for _ in range(3):
            if expected is None:
                assert client.create(title="T").id == "1"
            else:
                with pytest.raises(expected) as caught:
                    client.create(title="T")
                assert caught.value.applied is (None if method == "id_in" else False)
    named = [each.getMessage() for each in caplog.records]
    assert len(named) == 1
    assert f"{method}() of failing failed" in named[0]
    assert "s3cret" not in named[0]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(-1, None), (math.nan, None), (math.inf, 86_400.0), (10**400, 86_400.0), ("5", None),
     (True, None), (None, None), (7, 7.0), (0, 0.0)],
)  # fmt: skip
def test_a_wait_that_an_adapter_reads_is_one_or_none(
    adapter: Any, asked: Any, seconds: float | None
) -> None:
    kind = type("Asks", (AcmeAdapter,), {"name": "asks", "retry_after": lambda self, _: asked})
    client, _ = adapter(kind, respond(429, {}))
    with pytest.raises(live.RateLimited) as caught:
        client.create(title="T")
    assert caught.value.retry_after == seconds


class StepsAdapter(AcmeAdapter):
    """Creates a stream in three requests."""

    name = "steps"

    def create(self, spec: live.StreamSpec) -> live.Operation[live.LiveStream]:
        yield self.post("/assets", json={})
        yield self.post("/streams", json={"title": spec.title})
        response = yield self.post("/streams/publish", json={})
        return self.parse_stream(response.json())


STEPS = [respond(200, {}), respond(201, {"id": "7"}), GOOD]


@pytest.mark.parametrize(
    ("step", "failure", "applied", "stream_id"),
    [
        (0, respond(422, {}), False, None),
        (0, LOST, None, None),
        # The first step was applied, but no response names a stream.
        (1, respond(422, {}), None, None),
        (1, LOST, None, None),
        (2, respond(422, {}), True, "7"),
        (2, LOST, True, "7"),
        (2, respond(200, {"nothing": 1}), True, "7"),
    ],
)
def test_a_create_of_several_requests_says_what_was_applied_and_names_the_stream(
    adapter: Any, step: int, failure: Any, applied: bool | None, stream_id: str | None
) -> None:
    answers = iter([*STEPS[:step], failure])
    client, _ = adapter(StepsAdapter, lambda *_: next(answers))
    with pytest.raises(live.LiveStreamError) as caught:
        client.create(title="T")
    assert (caught.value.applied, caught.value.stream_id) == (applied, stream_id)
    assert json.dumps(caught.value.to_dict())
