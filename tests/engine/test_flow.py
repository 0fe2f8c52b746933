"""The engine does no I/O: a create driven by hand, effect by effect."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeOptions, FakeClock
from livestream_core._contract.redaction import Redactor
from livestream_core._engine.call import Engine
from livestream_core._engine.effects import Effect, Flow, Once, Send, Sleep
from livestream_core._engine.retry import RetryPolicy
from livestream_core._engine.sign_in import SharedSession
from livestream_core._plugins.hooks import Observers, new_manager
from scripted import respond

ENGINE = Path(live.__file__).parent / "_engine"


def engine(clock: FakeClock) -> Engine:
    options = AcmeOptions(user="u", password=live.Secret("correct horse"))
    adapter = AcmeAdapter(options, clock=clock.now)
    return Engine(
        adapter,
        account=adapter.account(),
        shared=SharedSession(lambda shared: None),
        redactor=Redactor(options.secrets()),
        observers=Observers(new_manager()),
        policy=RetryPolicy(),
        clock=clock,
        timeout=(5, 30),
        deadline=120,
        token_store=None,
        limiters=(),
    )


def create(engine: Engine, seconds: float = 120) -> Flow[live.LiveStream]:
    spec = live.StreamSpec(title="T")
    return engine.call("create", lambda: engine.adapter.create(spec), seconds=seconds)


class Wire:
    """A transport that records what it is told to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    def send(self, method: str, _: str, target: str, headers: Any, *__: Any) -> None:
        self.sent.append((method, target, dict(headers)))


def signed_in(flow: Flow[Any], effect: Effect, token: str) -> Effect:
    """Perform a sign-in as a runner does, and return the next effect."""
    assert type(effect) is Once
    inner = effect.make()
    assert type(inner.send(None)) is Send
    with pytest.raises(StopIteration) as done:
        inner.send(respond(200, {"token": token}))
    return flow.send(done.value.value)


def test_a_create_meets_a_429_a_401_a_cut_answer_and_says_what_is_known(clock: FakeClock) -> None:
    wire, flow = Wire(), create(engine(clock))
    effect = signed_in(flow, flow.send(None), "one")
    assert type(effect) is Send
    effect.by(wire)
    # Too many requests: nothing was applied, so the request is retried after Retry-After.
    effect = flow.send(respond(429, {}, **{"Retry-After": "7"}))
    assert type(effect) is Sleep
    assert effect.seconds == 7
    effect = flow.send(None)
    assert type(effect) is Send
    effect.by(wire)
    # The session is refused: it is renewed, and the create is sent again.
    effect = signed_in(flow, flow.send(respond(401)), "two")
    assert type(effect) is Send
    effect.by(wire)
    # The response is cut off: the outcome is unknown, and no more requests are sent.
    with pytest.raises(live.UnexpectedResponse) as caught:
        flow.send(live.Response(201, {}, b'{"id', "the response was cut off"))
    assert (caught.value.applied, caught.value.retryable) == (None, False)
    assert [(method, target) for method, target, _ in wire.sent] == [("POST", "/streams")] * 3
    assert [headers["Authorization"] for *_, headers in wire.sent] == [
        "Acme one", "Acme one", "Acme two",
    ]  # fmt: skip


def test_nothing_is_sent_after_the_deadline(clock: FakeClock) -> None:
    flow = create(engine(clock), seconds=10)
    effect = signed_in(flow, flow.send(None), "one")
    assert type(effect) is Send
    assert effect.timeout.total == 10
    effect = flow.send(respond(429, {}, **{"Retry-After": "7"}))
    assert type(effect) is Sleep
    clock.time += 11
    with pytest.raises(live.RequestTimeout, match="exceeded its time limit of 10 s") as caught:
        flow.send(None)
    assert caught.value.applied is False


def test_a_pause_that_is_longer_than_the_time_left_is_not_begun(clock: FakeClock) -> None:
    flow = create(engine(clock), seconds=6)
    signed_in(flow, flow.send(None), "one")
    with pytest.raises(live.RateLimited):
        flow.send(respond(429, {}, **{"Retry-After": "7"}))


def test_an_exception_from_a_runner_ends_the_flow_without_reaching_the_adapter(
    clock: FakeClock,
) -> None:
    flow = create(engine(clock))
    signed_in(flow, flow.send(None), "one")
    limit = Exception("a task queue's")
    with pytest.raises(Exception, match="a task queue's") as caught:
        flow.throw(limit)
    assert caught.value is limit
    assert "acme create was interrupted" in limit.__notes__[-1]


def test_an_effect_prints_nothing_of_what_is_sent(clock: FakeClock) -> None:
    flow = create(engine(clock))
    once = flow.send(None)
    assert type(once) is Once
    login = once.make().send(None)
    assert "correct horse" not in repr(login)
    assert "one" not in repr(signed_in(flow, once, "one"))


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(ENGINE.glob("*.py")), ids=lambda path: path.name)
def test_the_engine_knows_no_threads_no_loop_no_clock_and_no_http(path: Path) -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and node.level == 0
            else []
        )
    }
    # Masking is not a flow: threads that format errors call it, so it has a lock.
    allowed = {"threading"} if path.name == "redaction.py" else set()
    outside = {"threading", "asyncio", "time", "requests", "urllib3", "socket"}
    assert imported & outside == allowed
