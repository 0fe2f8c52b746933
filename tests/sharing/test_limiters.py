"""Limiters by account: after a 429, no request starts in the pause, and then one probes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis as RedisClient
from redis import from_url

import livestream_core as live
from acme import AcmeEmulator, FakeClock
from fleet import PATIENCE
from livestream_core.emulator import Fault, Response, json_response
from livestream_core.sharing import AccountLimiter, RedisAccountLimiter
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
        before = clock.time
        assert client.get("1").id == "1"
        assert clock.time == before


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
        st.floats(0, 30), st.sampled_from(["turn", "hold", "answer", "lose"]), st.floats(0.01, 20)
    ),
    max_size=40,
)


@given(events=EVENTS)
def test_no_turn_is_granted_in_a_pause_and_one_at_a_time_until_one_succeeds(events: Any) -> None:
    clock = FakeClock()
    limiter = AccountLimiter(clock=clock)
    is_refused, silent_until, probed_until = False, 0.0, 0.0
    for passed, event, seconds in events:
        clock.time += passed
        if event == "turn":
            found = limiter.turn("a", 10.0)
            is_free = clock.time >= silent_until and clock.time >= probed_until
            assert (found.wait == 0) == is_free
            assert found.is_probe == (is_free and is_refused)
            assert found.is_paused == (clock.time < silent_until)
            assert found.wait <= max(silent_until - clock.time, 10.0)
            probed_until = clock.time + 10.0 if found.is_probe else probed_until
        elif event == "hold":
            limiter.hold("a", seconds)
            is_refused, silent_until = True, max(silent_until, clock.time + seconds)
        elif probed_until:
            is_success = event == "answer"
            limiter.settle("a", is_success)
            probed_until = 0.0
            is_refused = not (is_success and clock.time >= silent_until)
    limiter.settle("b", True)
    assert limiter.turn("b", 10.0) == live.Turn()


# -- requests that are refused while another one probes -----------------------------------------


def called_during(transport: Any) -> list[Callable[[], object]]:
    """Return a list of functions that are called once while the next request is sent."""
    send, during = transport.send, []

    def meanwhile(*arguments: Any) -> Any:
        while during:
            during.pop()()
        return send(*arguments)

    transport.send = meanwhile
    return during


def wait_for_probe(limiter: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not limiter.turn("a", PATIENCE).is_probe:
        assert time.monotonic() < end


def test_a_pause_that_is_asked_for_during_a_probe_outlasts_its_success(limiters: list[Any]) -> None:
    one, other = limiters
    one.hold("a", 0.01)
    wait_for_probe(one)
    other.hold("a", 600)  # a request that was sent before the pause is refused
    one.settle("a", True)
    found = other.turn("a", 5.0)
    assert found.is_paused
    assert 500 < found.wait <= 600


def test_no_two_requests_probe_at_once_even_if_others_are_refused_meanwhile(
    limiters: list[Any],
) -> None:
    one, other = limiters
    one.hold("a", 0.01)
    wait_for_probe(one)
    other.hold("a", 0.01)
    end = time.monotonic() + PATIENCE
    while (found := other.turn("a", 5.0)).is_paused:
        assert time.monotonic() < end
    assert (found.is_probe, found.wait > 0) == (False, True)
    one.settle("a", False)
    assert other.turn("a", 5.0) == live.Turn(is_probe=True)


@pytest.mark.usefixtures("runner")
def test_a_call_keeps_the_pause_that_was_asked_for_while_an_earlier_call_probed(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.add()
    limiter, transport = AccountLimiter(clock=clock), emulator.transport()
    during = called_during(transport)
    with connected(emulator, limiter, clock, transport=transport) as client:
        client.get("1")
        limiter.hold(client.account, 1.0)
        clock.sleep(1)
        during.append(lambda: limiter.hold(client.account, 60.0))
        assert client.get("1").id == "1"  # the probe
        sent = len(emulator.requests)
        with pytest.raises(live.RateLimited) as caught:
            client.get("1")
        assert (caught.value.retry_after, len(emulator.requests)) == (60.0, sent)


@pytest.mark.usefixtures("runner")
def test_after_a_probe_that_is_refused_the_next_one_is_sent_when_the_pause_is_over(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    class Recording(AccountLimiter):
        def hold(self, account: str, seconds: float) -> None:
            calls.append("hold")
            super().hold(account, seconds)

        def settle(self, account: str, answered: bool) -> None:
            calls.append("settle")
            super().settle(account, answered)

    emulator.add()
    calls: list[str] = []
    with connected(emulator, Recording(clock=clock), clock, retries=0) as client:
        refuse(emulator, 2, **{"Retry-After": "3"})
        for _ in range(2):
            with pytest.raises(live.RateLimited):
                client.get("1")
            clock.sleep(3)
        before = clock.time
        assert client.get("1").id == "1"
        assert clock.time == before
        # In the other order, a request could start before the new pause is known.
        assert calls == ["hold", "hold", "settle", "settle"]


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize(
    ("status", "ends"), [(404, True), (403, True), (400, True), (500, False), (502, False)]
)
def test_only_a_probe_that_succeeds_ends_a_pause(
    emulator: AcmeEmulator, clock: FakeClock, status: int, ends: bool
) -> None:
    emulator.add()
    limiter = AccountLimiter(clock=clock)
    with connected(emulator, limiter, clock, retries=0) as client:
        client.get("1")
        limiter.hold(client.account, 1.0)
        clock.sleep(1)
        emulator.inject(Fault.status(status), on="GET *")
        with pytest.raises(live.LiveStreamError):
            client.get("1")
        assert limiter.turn(client.account, 60.0) == live.Turn(is_probe=not ends)
        assert (limiter.turn(client.account, 60.0).wait == 0) == ends
        limiter.settle(client.account, True)


def test_a_limiter_that_fails_during_a_probe_learns_what_became_of_it(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    class Flaky(AccountLimiter):
        is_down = False

        def turn(self, account: str, seconds: float) -> live.Turn:
            if self.is_down:
                raise OSError("no server")
            return super().turn(account, seconds)

    emulator.add()
    limiter, transport = Flaky(clock=clock), emulator.transport()
    during = called_during(transport)

    def fail() -> None:
        limiter.is_down = True
        client.get("1")
        limiter.is_down = False

    with connected(emulator, limiter, clock, transport=transport) as client:
        client.get("1")
        limiter.hold(client.account, 1.0)
        clock.sleep(1)
        during.append(fail)
        client.get("1")
        for _ in range(2):
            assert limiter.turn(client.account, 600.0) == live.Turn()


def test_a_program_without_a_client_neither_probes_nor_ends_a_pause(limiters: list[Any]) -> None:
    one, other = limiters
    one.hold("a", 0.01)
    assert one.acquire("a", PATIENCE)
    for _ in range(3):  # the result of the first one is never known
        assert other.acquire("a", 0.0)
    assert one.turn("a", PATIENCE) == live.Turn(is_probe=True)
    assert not other.acquire("a", 0.0)
    one.settle("a", True)
    for _ in range(2):
        assert other.turn("a", PATIENCE) == live.Turn()
    one.hold("a", 600)
    assert not other.acquire("a", 30.0)


# -- calls that end while they ask for a turn ---------------------------------------------------


class Slow:
    """A limiter whose method takes as long as the test says, as that of one in Redis may."""

    def __init__(self, limiter: AccountLimiter) -> None:
        self.limiter = limiter
        self.asked, self.answered = threading.Event(), threading.Event()
        self.settled_in: list[int] = []

    def acquire(self, account: str, seconds: float) -> bool:
        raise AssertionError

    def hold(self, account: str, seconds: float) -> None:
        raise AssertionError

    def turn(self, account: str, seconds: float) -> Any:
        found = self.limiter.turn(account, seconds)
        self.asked.set()
        assert self.answered.wait(PATIENCE)
        return found

    def settle(self, account: str, answered: bool) -> Any:
        self.settled_in.append(threading.get_ident())
        self.limiter.settle(account, answered)


class AsyncSlow(Slow):
    async def turn(self, account: str, seconds: float) -> Any:
        found = self.limiter.turn(account, seconds)
        self.asked.set()
        while not self.answered.is_set():
            await asyncio.sleep(0.001)
        return found

    async def settle(self, account: str, answered: bool) -> Any:
        await asyncio.sleep(0)
        super().settle(account, answered)


class Hanging:
    """A transport that never gets a response."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    async def send(self, *_: Any) -> live.Response:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError


def canceled(slow: Slow, transport: Hanging, begun: threading.Event) -> live.Turn:
    """Return the turn that a limiter grants after a call was canceled at a moment."""

    async def main() -> live.Turn:
        settings: dict[str, Any] = {"transport": transport, "token": "t", "limiter": slow}
        async with live.connect_async("acme", **settings) as client:
            slow.limiter.hold(client.account, 0.0)
            task = asyncio.create_task(client.get("1"))
            while not begun.is_set():
                assert not task.done()
                await asyncio.sleep(0)
            assert task.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
            slow.answered.set()
            await asyncio.wait([task], timeout=PATIENCE)
            assert task.cancelled()
            assert (threading.get_ident() in slow.settled_in) == isinstance(slow, AsyncSlow)
            return slow.limiter.turn(client.account, PATIENCE)

    return asyncio.run(main())


@pytest.mark.parametrize("kind", [Slow, AsyncSlow])
def test_a_task_that_is_canceled_while_it_asks_for_its_turn_loses_no_probe(
    kind: type[Slow],
) -> None:
    slow, transport = kind(AccountLimiter()), Hanging()
    assert canceled(slow, transport, slow.asked) == live.Turn(is_probe=True)
    assert not transport.begun.is_set()


@pytest.mark.parametrize("kind", [Slow, AsyncSlow])
def test_a_task_that_is_canceled_while_it_probes_lets_another_one_probe(kind: type[Slow]) -> None:
    slow, transport = kind(AccountLimiter()), Hanging()
    slow.answered.set()
    assert canceled(slow, transport, transport.begun) == live.Turn(is_probe=True)
    assert len(slow.settled_in) == 1


@pytest.mark.slow
def test_a_limiter_that_never_responds_does_not_keep_a_task_from_being_canceled() -> None:
    slow = AsyncSlow(AccountLimiter())

    async def main() -> None:
        settings: dict[str, Any] = {"transport": Hanging(), "token": "t", "limiter": slow}
        async with live.connect_async("acme", **settings) as client:
            task = asyncio.create_task(client.get("1"))
            while not slow.asked.is_set():
                await asyncio.sleep(0)
            for _ in range(3):
                assert task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([task], timeout=PATIENCE)
            assert task.cancelled()

    asyncio.run(main())


@pytest.mark.slow
def test_whenever_a_task_is_canceled_its_probe_is_not_lost_in_redis(
    redis: Redis, emulator: AcmeEmulator
) -> None:
    emulator.add()
    one, other = (RedisAccountLimiter(redis.url(3), prefix="canceled:") for _ in range(2))

    async def main() -> None:
        settings: dict[str, Any] = {"transport": emulator.transport(), "token": "good-token"}
        async with live.connect_async("acme", limiter=one, **settings) as client:
            for turns_of_loop in range(0, 400, 5):
                other.hold(client.account, 0.0)
                task = asyncio.create_task(client.get("1"))
                for _ in range(turns_of_loop):
                    await asyncio.sleep(0)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                assert other.turn(client.account, PATIENCE).wait == 0
                other.settle(client.account, True)

    asyncio.run(main())


def test_whenever_a_thread_is_interrupted_its_probe_is_not_lost_in_redis(
    monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    interrupted = left = 0
    with RedisClient.from_url(redis.url(3)) as server:
        execute = server.execute_command

        def interrupt(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            result = execute(*arguments, **options)
            left -= 1
            if left == 0:
                raise Stopped
            return result

        monkeypatch.setattr(server, "execute_command", interrupt)
        limiter = RedisAccountLimiter(server, "1000/s", prefix="interrupted:")
        for number in range(1, 12):
            limiter.hold("a", 0.0)
            left = number
            try:
                limiter.turn("a", PATIENCE)
            except Stopped:
                interrupted += 1
                assert limiter.turn("a", PATIENCE) == live.Turn(is_probe=True)
            left = 0
            limiter.settle("a", True)
    assert interrupted >= 4
