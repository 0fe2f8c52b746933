"""Limiters by account: after a 429, no request starts in the pause, and then one probes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import from_url

import livestream_core as live
from acme import AcmeEmulator, FakeClock
from fleet import PATIENCE
from livestream_core.emulator import Fault, Response, json_response
from livestream_core.sharing import AccountLimiter, RedisAccountLimiter
from livestream_core.sharing.pauses import Pause, held, settled, turn
from redis_server import Redis

MANY = 50


@pytest.fixture(params=["process", "redis"])
def limiters(request: pytest.FixtureRequest) -> Iterator[list[Any]]:
    """Return two limiters of one fleet: the same one, or those of two processes."""
    if request.param == "process":
        limiter = AccountLimiter()
        yield [limiter, limiter]
        return
    server: Redis = request.getfixturevalue("redis")
    with from_url(server.url(3)) as client:
        client.flushdb()
    yield [RedisAccountLimiter(server.url(3)), RedisAccountLimiter(server.url(3))]


class Crowded(AcmeEmulator):
    """Refuse all requests that arrive together, and then a number of those that probe."""

    def __init__(self, first: int, probes: int, seconds: str = "1") -> None:
        super().__init__()
        self.together = threading.Barrier(first)
        self.refusals, self.first, self.seconds = first + probes, first, seconds
        self.begins: list[float] = []
        self.most = self.now = 0
        self.watch = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        with self.watch:
            self.begins.append(time.monotonic())
            number = len(self.begins)
            self.now += 1
            if self.first < number <= self.refusals + 1:
                self.most = max(self.most, self.now)
        if number <= self.first:
            self.together.wait(PATIENCE)
        elif number <= self.refusals + 1:
            time.sleep(0.2)  # others could start meanwhile
        with self.watch:
            self.now -= 1
        if number > self.refusals:
            return super().__call__(environ, start_response)
        response: Response = json_response({"detail": "slow down"}, 429)
        response.headers["Retry-After"] = self.seconds
        return response(environ, start_response)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_fifty_at_once_send_fifty_requests_then_one_that_probes_and_then_the_others(
    limiters: list[Any], kind: str
) -> None:
    emulator = Crowded(MANY, probes=1)
    emulator.add()
    settings = {"transport": emulator.transport(), "token": "good-token"}
    if kind == "threads":
        clients = [live.connect("acme", limiter=each, **settings) for each in limiters]
        with ThreadPoolExecutor(MANY) as pool:
            read = list(pool.map(lambda n: clients[n % 2].get("1").id, range(MANY)))
    else:

        async def all_tasks() -> list[str]:
            clients = [live.connect_async("acme", limiter=each, **settings) for each in limiters]
            gets = (clients[n % 2].get("1") for n in range(MANY))
            return [each.id for each in await asyncio.gather(*gets)]

        read = asyncio.run(all_tasks())
    assert read == ["1"] * MANY
    # All of them, the probe that is refused, the one that is answered, and the other 49.
    assert len(emulator.begins) == MANY + 1 + MANY
    assert emulator.most == 1
    refused_at, probes = emulator.begins[MANY - 1], emulator.begins[MANY : MANY + 2]
    assert probes[0] - refused_at >= 1.0
    assert probes[1] - probes[0] >= 1.0


def connected(emulator: AcmeEmulator, limiter: Any, clock: FakeClock, **more: Any) -> live.Client:
    return emulator.connect(limiter=limiter, clock=clock, **more)


def refuse(emulator: AcmeEmulator, times: int = 1, **headers: str) -> None:
    emulator.inject(Fault.status(429, headers=headers), on="GET *", times=times)


def test_in_a_long_pause_a_call_fails_at_once_without_a_request_and_says_how_long(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.add()
    limiter = AccountLimiter(clock=clock)
    with connected(emulator, limiter, clock) as client, connected(emulator, limiter, clock) as two:
        refuse(emulator, **{"Retry-After": "60"})
        with pytest.raises(live.RateLimited):
            client.get("1")
        sent = len(emulator.requests)
        clock.sleep(20)
        with pytest.raises(live.RateLimited, match="pause, which is not over") as caught:
            two.get("1")
        assert (caught.value.retry_after, caught.value.retryable) == (40.0, True)
        assert caught.value.applied is False
        with pytest.raises(live.RateLimited):
            two.create(title="T")
        found = two.check()
        assert (found.state, found.requests) == (live.CheckState.RATE_LIMITED, ())
        assert found.hint == "retry in 40 s"
        clock.sleep(25)
        with pytest.raises(live.RateLimited):
            two.get("1", deadline=5)
        assert len(emulator.requests) == sent
        assert two.get("1").id == "1"  # it waits for the rest
        assert clock.time == 1_060.0


def test_a_pause_is_that_of_one_account(emulator: AcmeEmulator, clock: FakeClock) -> None:
    emulator.add()
    limiter = AccountLimiter(clock=clock)
    refuse(emulator, **{"Retry-After": "60"})
    with connected(emulator, limiter, clock) as client, pytest.raises(live.RateLimited):
        client.get("1")
    with connected(emulator, limiter, clock, account_name="another") as client:
        assert client.get("1").id == "1"


def test_without_a_time_the_pauses_grow_until_the_vendor_answers(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.add()
    limiter = AccountLimiter(clock=clock)
    with connected(emulator, limiter, clock, retries=9) as client:
        refuse(emulator, times=6)
        began = clock.time
        assert client.get("1").id == "1"
        assert 0.25 < clock.time - began < 60
        before = clock.time
        assert client.get("1").id == "1"
        assert clock.time == before


class Stopped(BaseException):
    pass


@pytest.mark.parametrize("ends", [Stopped(), live.ConnectionFailed("lost", applied=None)])
def test_after_a_probe_that_is_interrupted_another_one_is_sent_at_once(
    emulator: AcmeEmulator, clock: FakeClock, ends: BaseException
) -> None:
    emulator.add()
    limiter = AccountLimiter(clock=clock)
    transport = emulator.transport()
    send, failing = transport.send, []

    def sometimes(*arguments: Any) -> Any:
        if failing:
            raise failing.pop()
        return send(*arguments)

    transport.send = sometimes  # type: ignore[method-assign]
    with connected(emulator, limiter, clock, transport=transport, retries=0) as client:
        refuse(emulator, **{"Retry-After": "3"})
        with pytest.raises(live.RateLimited):
            client.get("1")
        clock.sleep(3)
        failing.append(ends)
        with pytest.raises(type(ends)):
            client.get("1")
        assert client.get("1", deadline=0.01).id == "1"


def test_a_rate_is_kept_and_a_call_that_would_take_too_long_says_when(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.add()
    with connected(emulator, AccountLimiter("5/s", clock=clock), clock) as client:
        for _ in range(10):  # and one sign-in
            client.get("1")
        assert 2.0 <= clock.time - 1_000.0 <= 2.1
    with connected(emulator, AccountLimiter("1/h", clock=clock), clock) as client:
        with pytest.raises(live.RateLimited, match="limiter allows no request now") as caught:
            client.get("1")  # signing in was the only one
        assert 3_500 < (caught.value.retry_after or 0) <= 3_601


def test_processes_share_a_rate_in_redis(redis: Redis) -> None:
    limiters = [RedisAccountLimiter(redis.url(2), "3/min", prefix="rates:") for _ in range(2)]
    waits = [limiters[number % 2].turn("account", 5.0).wait for number in range(5)]
    assert waits[:3] == [0.0] * 3
    assert all(50 < wait <= 60 for wait in waits[3:])
    assert limiters[0].turn("another", 5.0) == live.Turn()
    with from_url(redis.url(2)) as server:
        server.script_flush()  # as after a restart
    assert limiters[0].acquire("another", 1.0)
    assert limiters[0].acquire("another", 1.0)
    assert not limiters[1].acquire("another", 1.0)


def test_a_limiter_that_is_down_delays_nothing_and_is_asked_again_later(
    emulator: AcmeEmulator, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Down(AccountLimiter):
        asked = 0

        def turn(self, account: str, seconds: float) -> live.Turn:
            self.asked += 1
            raise OSError("no server")

    emulator.add()
    limiter = Down(clock=clock)
    with connected(emulator, limiter, clock) as client:
        for _ in range(9):
            assert client.get("1").id == "1"
        assert limiter.asked == 1
        clock.sleep(6)
        assert client.get("1").id == "1"
        assert limiter.asked == 2
    assert "the limiter failed: OSError" in caplog.text


def test_a_redis_that_is_down_delays_nothing(
    emulator: AcmeEmulator, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    emulator.add()
    refuse(emulator, **{"Retry-After": "0"})
    with emulator.connect(limiter=RedisAccountLimiter(f"unix://{tmp_path}/none")) as client:
        assert client.get("1").id == "1"
    assert "the limiter failed: ConnectionError" in caplog.text


def test_a_limiter_that_is_no_longer_in_use_learns_what_became_of_its_probe(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.add()
    limiter, transport = AccountLimiter(clock=clock), emulator.transport()
    send, during = transport.send, []

    def and_then(*arguments: Any) -> Any:
        response = send(*arguments)
        while during:
            during.pop()()
        return response

    transport.send = and_then  # type: ignore[method-assign]
    limiter.hold("acme:api.acme.example:main", 1.0)
    clock.sleep(1)
    with emulator.connect(transport=transport, clock=clock) as client:
        use = client.paced(limiter)
        use.__enter__()
        during.append(lambda: use.__exit__(None, None, None))
        assert client.get("1").id == "1"
        for _ in range(2):
            assert limiter.turn(client.account, 600.0) == live.Turn()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_is_forked_while_a_limiter_is_in_use_can_use_it() -> None:
    limiter = AccountLimiter("5/s")
    limiter.turn("account", 1.0)
    holds, over = threading.Event(), threading.Event()

    def hold() -> None:
        with limiter._lock:
            holds.set()
            assert over.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(PATIENCE)
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(PATIENCE))
        os._exit(int(limiter.turn("account", 1.0).wait > 0))
    assert os.waitpid(pid, 0)[1] == 0
    over.set()
    thread.join()


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 30), st.sampled_from(["turn", "hold", "answer", "lose"]), st.floats(0, 20)
    ),
    max_size=40,
)


@given(events=EVENTS)
def test_no_turn_is_granted_in_a_pause_and_one_at_a_time_until_an_answer(events: Any) -> None:
    pause: Pause | None = None
    now, over, is_refused, probing = 0.0, 0.0, False, 0.0
    for passed, event, seconds in events:
        now += passed
        if event == "turn":
            pause, found = turn(pause, now, 10.0)
            granted = found.wait == 0
            assert not (granted and is_refused and now < over)
            assert not (granted and is_refused and now < probing)
            assert granted or is_refused
            assert found.is_probe == (granted and is_refused)
            assert granted or found.wait <= max(over - now, 10.0)
            probing = now + 10.0 if found.is_probe else probing
        elif event == "hold":
            pause = held(pause, now, seconds)
            is_refused, over = True, max(over, now + seconds, pause.until)
            assert pause.until <= max(over, now + max(seconds, 10.0))
            probing = 0.0 if pause.until > now else probing
        else:
            pause = settled(pause, answered=event == "answer")
            probing, is_refused = 0.0, is_refused and event != "answer"
            over = over if is_refused else 0.0
    assert (pause is None) == (not is_refused)
