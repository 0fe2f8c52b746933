"""What can go wrong only in an event loop: cancellation, waiting, threads, and the loop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import uvloop

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock
from event_loops import LoopThread, loop_thread
from livestream_core._http import aiohttp_exchange
from livestream_core.emulator import Fault
from scripted import LOST, ScriptedTransport, respond
from servers import RawServer, answer, raw_server, until_received
from stores import LeasingStore, MemoryStore

PATIENCE = 60.0
GOOD = {"id": "1", "title": "T", "status": "on"}
#: The calls that change something, with their arguments.
CHANGES: dict[str, Callable[[live.AsyncClient], Awaitable[object]]] = {
    "create": lambda client: client.create(title="T"),
    "update": lambda client: client.update("1", title="U"),
    "start": lambda client: client.start("1"),
    "stop": lambda client: client.stop("1"),
    "cancel": lambda client: client.cancel("1"),
    "delete": lambda client: client.delete("1"),
}


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[Any]], Any]:
    """Run a coroutine in a new event loop."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def run(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(coroutine, PATIENCE))

    return run


class Held:
    """An asynchronous transport to an emulator or a script that can hold requests back.

    Attributes:
        sent: The method and target of each request.
        at: Awaited before the response to each request.
    """

    def __init__(
        self, inner: Any, at: Callable[[str, str], Awaitable[object]] | None = None
    ) -> None:
        self._inner, self.at = inner, at
        self.session_scope = getattr(inner, "session_scope", None)
        self.sent: list[tuple[str, str]] = []

    async def send(self, method: str, origin: str, target: str, *rest: Any) -> live.Response:
        self.sent.append((method, target))
        if self.at is not None:
            await self.at(method, target)
        response: live.Response = self._inner.send(method, origin, target, *rest)
        return response

    @property
    def logins(self) -> int:
        return sum(target == "/login" for _, target in self.sent)


async def for_ever(*_: object) -> None:
    await asyncio.Event().wait()


async def begun(task: asyncio.Task[Any], condition: Callable[[], object]) -> None:
    """Let a task run until a condition is met."""
    while not condition():
        assert not task.done()
        await asyncio.sleep(0)


def connect(transport: Any, **settings: Any) -> live.AsyncClient:
    options = {} if "token" in settings else AcmeEmulator().options()
    return live.connect_async("acme", transport=transport, environ={}, **{**options, **settings})


def first_login_hangs(emulator: AcmeEmulator) -> tuple[Held, threading.Event]:
    """Return a transport that never responds to the first sign-in, and an event for its sending."""
    entered = threading.Event()

    async def hang(_: str, target: str) -> None:
        if target == "/login" and transport.logins == 1:
            entered.set()
            await for_ever()

    transport = Held(emulator.transport(), hang)
    return transport, entered


# -- one login for all --------------------------------------------------------------------------


def test_tasks_threads_and_loops_sign_in_once_and_again_once_when_all_are_refused() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]

    async def slowly(_: str, target: str) -> None:
        if target == "/login":
            await asyncio.sleep(0.05)

    transport, emulated = Held(emulator.transport(), slowly), emulator.transport()

    async def many(client: live.AsyncClient) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(client.get(id))

    with loop_thread() as one, loop_thread(uvloop.new_event_loop) as other:
        with ThreadPoolExecutor(22) as threads, _connected(emulated) as synchronous:
            client = connect(transport, clock=None)
            for _ in range(3):
                emulator.tokens.clear()
                before = _logins(emulator)
                waiting: list[Future[Any]] = []
                waiting += [threads.submit(synchronous.get, id) for _ in range(20)]
                waiting += [threads.submit(loop.run, many(client)) for loop in (one, other)]
                for each in waiting:
                    each.result(PATIENCE)
                assert _logins(emulator) - before == 1
            one.run(client.close())


def _connected(transport: Any) -> live.Client:
    return live.connect("acme", transport=transport, environ={}, **AcmeEmulator().options())


def _logins(emulator: AcmeEmulator) -> int:
    return sum(request.path == "/login" for request in emulator.requests)


def test_another_task_takes_over_from_a_cancelled_leader() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    transport, entered = first_login_hangs(emulator)
    client, synchronous = connect(transport), _connected(emulator.transport())

    async def main(other: LoopThread, threads: ThreadPoolExecutor) -> None:
        leader = asyncio.create_task(client.get(id))
        await begun(leader, entered.is_set)
        tasks = [asyncio.create_task(client.get(id)) for _ in range(10)]
        elsewhere = [threads.submit(synchronous.get, id)]
        elsewhere += [threads.submit(other.run, client.get(id)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert leader.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await leader
        assert "applied=False" in caught.value.__notes__[-1]
        found = [*await asyncio.gather(*tasks)]
        found += await asyncio.gather(*map(asyncio.wrap_future, elsewhere))
        assert [each.id for each in found] == [id] * 16
        await client.close()

    with loop_thread() as other, ThreadPoolExecutor(6) as threads:
        asyncio.run(main(other, threads))
    synchronous.close()
    assert (transport.logins, _logins(emulator)) in ((2, 1), (1, 1))


def test_a_waiting_task_that_is_cancelled_does_not_affect_others(run: Any) -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]

    async def main() -> None:
        released = asyncio.Event()

        async def held(_: str, target: str) -> None:
            if target == "/login":
                await released.wait()

        transport = Held(emulator.transport(), held)
        async with connect(transport) as client:
            tasks = [asyncio.create_task(client.get(id)) for _ in range(5)]
            await begun(tasks[0], lambda: transport.logins)
            await asyncio.sleep(0.02)
            tasks[2].cancel()
            with pytest.raises(asyncio.CancelledError):
                await tasks[2]
            released.set()
            found = await asyncio.gather(*tasks[:2], *tasks[3:])
            assert [each.id for each in found] == [id] * 4
        assert transport.logins == 1

    run(main())


@pytest.mark.slow
def test_a_leader_whose_loop_has_stopped_is_awaited_until_its_deadline() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    transport, entered = first_login_hangs(emulator)
    client = connect(transport)
    stopped = asyncio.new_event_loop()

    def run_a_while() -> None:
        left = stopped.create_task(client.get(id, deadline=1.0))
        while not entered.is_set():
            stopped.run_until_complete(asyncio.sleep(0))
        left._log_destroy_pending = False  # type: ignore[attr-defined]

    thread = threading.Thread(target=run_a_while)
    thread.start()
    thread.join(PATIENCE)
    began = time.monotonic()
    assert asyncio.run(client.get(id)).id == id
    assert 0.5 < time.monotonic() - began < 30
    stopped.close()


def test_a_synchronous_call_in_a_coroutine_does_not_wait_for_a_task_of_its_own_loop() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]

    async def main() -> None:
        released = asyncio.Event()

        async def held(_: str, target: str) -> None:
            if target == "/login":
                await released.wait()

        transport = Held(emulator.transport(), held)
        async with connect(transport) as client:
            task = asyncio.create_task(client.get(id))
            await begun(task, lambda: transport.logins)
            with _connected(emulator.transport()) as synchronous:
                began = time.monotonic()
                assert synchronous.get(id).id == id
                assert time.monotonic() - began < 30
            released.set()
            assert (await task).id == id

    asyncio.run(main())
    assert _logins(emulator) == 2


def test_an_observer_that_calls_back_from_a_sign_in_does_not_wait_for_itself() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    found: list[str | None] = []

    class Observer:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            if exchange.operation == "sign_in" and not found:
                found.append(None)
                found.append(synchronous.get(id, deadline=20).id)

    synchronous, observer = _connected(emulator.transport()), Observer()
    live.register(observer)
    try:
        assert asyncio.run(connect(Held(emulator.transport())).get(id)).id == id
    finally:
        live.unregister(observer)
    assert found == [None, id]
    synchronous.close()


# -- stores and limiters ------------------------------------------------------------------------


class AsyncStore:
    """An asynchronous store with leases."""

    lease_seconds = 30.0

    def __init__(self) -> None:
        self.sessions: dict[str, live.Session] = {}
        self.owner: str | None = None
        self.threads: set[int] = set()

    async def get(self, account: str) -> live.Session | None:
        self.threads.add(threading.get_ident())
        await asyncio.sleep(0)
        return self.sessions.get(account)

    async def put(self, account: str, session: live.Session) -> None:
        await asyncio.sleep(0)
        self.sessions[account] = session

    async def delete(self, account: str) -> None:
        self.sessions.pop(account, None)

    async def claim(self, account: str, owner: str, seconds: float) -> bool:
        await asyncio.sleep(0)
        if self.owner not in (None, owner):
            return False
        self.owner = owner
        return True

    async def release(self, account: str, owner: str) -> None:
        self.owner = None


def test_a_store_may_be_asynchronous(run: Any) -> None:
    emulator, store = AcmeEmulator(), AsyncStore()
    id = emulator.add()["id"]

    async def main() -> None:
        for _ in range(2):
            async with connect(Held(emulator.transport()), token_store=store) as client:
                await asyncio.gather(*(client.get(id) for _ in range(20)))

    run(main())
    assert _logins(emulator) == 1
    assert store.owner is None
    assert store.threads == {threading.get_ident()}


@pytest.mark.slow
def test_a_lease_that_another_process_has_is_not_taken_for_ours() -> None:
    emulator, store = AcmeEmulator(), AsyncStore()
    store.owner = "another process"
    id = emulator.add()["id"]
    client = connect(Held(emulator.transport()), token_store=store, deadline=0.5)
    with pytest.raises(live.RequestTimeout, match="another process"):
        asyncio.run(client.get(id))
    assert _logins(emulator) == 0


def test_an_asynchronous_store_that_fails_only_costs_a_sign_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(AsyncStore):
        async def get(self, account: str) -> live.Session | None:
            raise OSError("down")

    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    client = connect(Held(emulator.transport()), token_store=Failing())
    assert asyncio.run(client.get(id)).id == id
    assert "the token store failed: OSError" in caplog.text


def test_a_synchronous_store_that_is_slow_does_not_hold_the_loop_up() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    held, seen = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def get(self, account: str) -> live.Session | None:
            seen.set()
            assert held.wait(PATIENCE)
            return super().get(account)

    async def main() -> None:
        async with connect(Held(emulator.transport()), token_store=Slow()) as client:
            task = asyncio.create_task(client.get(id))
            # The loop must continue while the store is blocked; otherwise this would never end.
            await begun(task, seen.is_set)
            held.set()
            assert (await task).id == id

    asyncio.run(main())


def test_a_task_that_is_canceled_while_it_claims_a_lease_does_not_lose_it() -> None:
    class Slow(LeasingStore):
        def claim(self, account: str, owner: str, seconds: float) -> bool:
            is_won = super().claim(account, owner, seconds)
            claimed.set()
            assert answered.wait(PATIENCE)
            return is_won

    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    claimed, answered = threading.Event(), threading.Event()

    async def main() -> None:
        async with connect(Held(emulator.transport()), token_store=Slow()) as client:
            task = asyncio.create_task(client.get(id))
            await begun(task, claimed.is_set)
            assert task.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
            answered.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            # A lost lease would expire after 45 seconds.
            assert (await client.get(id, deadline=30)).id == id

    asyncio.run(main())


class Gate:
    """A limiter that allows a request when the test says so."""

    def __init__(self) -> None:
        self.opened, self.asked = threading.Event(), 0

    def acquire(self, account: str, seconds: float) -> bool:
        self.asked += 1
        return self.opened.wait(seconds)

    def hold(self, account: str, seconds: float) -> None:
        pass


class AsyncGate(Gate):
    async def acquire(self, account: str, seconds: float) -> bool:  # type: ignore[override]
        self.asked += 1
        while not self.opened.is_set():
            await asyncio.sleep(0.005)
        return True


@pytest.mark.parametrize("kind", [Gate, AsyncGate])
def test_a_limiter_is_waited_for_without_holding_the_loop_up(run: Any, kind: type[Gate]) -> None:
    emulator, gate = AcmeEmulator(), kind()
    id = emulator.add()["id"]

    async def main() -> None:
        transport = Held(emulator.transport())
        async with connect(transport, token="t") as client:
            with client.paced(gate):
                task = asyncio.create_task(client.get(id))
                await begun(task, lambda: gate.asked)
                assert transport.sent == []
                gate.opened.set()
                with pytest.raises(live.AuthenticationFailed):
                    await task

    run(main())


@pytest.mark.parametrize(
    "given",
    [{"token_store": AsyncStore()}, {"limiter": AsyncGate()}, {"transport": Held(None)}],
    ids=lambda given: next(iter(given)),
)
def test_a_synchronous_client_refuses_what_is_asynchronous(given: dict[str, Any]) -> None:
    with pytest.raises(live.ConfigurationError, match="asynchronous") as caught:
        live.connect("acme", environ={}, token="t", **given)
    assert "connect_async" in str(caught.value)


# -- cancellation -------------------------------------------------------------------------------


def cancelled_in(
    name: str, transport: Held, clock: live.Clock | None = None
) -> tuple[BaseException, list[tuple[str, str]]]:
    """Return what a cancelled call raises, and what was sent by then."""

    async def main() -> BaseException:
        async with connect(transport, token="t", clock=clock) as client:
            call: Any = CHANGES[name](client) if name in CHANGES else client.get("1")
            task = asyncio.create_task(call)
            await begun(
                task,
                lambda: (
                    any(method != "GET" for method, _ in transport.sent)
                    or (name == "get" and transport.sent)
                ),
            )
            for _ in range(5):
                await asyncio.sleep(0)
            assert task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            before = list(transport.sent)
            await asyncio.sleep(0.02)
            assert transport.sent == before
            return caught.value

    return asyncio.run(main()), transport.sent


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_cancelled_while_it_is_sent_has_an_unknown_outcome(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def changes_hang(method: str, _: str) -> None:
        if method != "GET":
            await for_ever()

    reads = ScriptedTransport(lambda *_: respond(200, {**GOOD, "status": "new"}))
    error, sent = cancelled_in(name, Held(reads, changes_hang))
    assert "applied=None" in error.__notes__[-1]
    assert sum(method != "GET" for method, _ in sent) == 1
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f" {name}" in record.message
    assert "CancelledError: " in record.message
    assert "applied=None" in record.message


def test_a_read_that_is_cancelled_changed_nothing_and_is_not_worth_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error, sent = cancelled_in("get", Held(None, for_ever))
    assert "applied=False" in error.__notes__[-1]
    assert (len(sent), caplog.records) == (1, [])


@pytest.mark.parametrize(
    ("name", "status", "applied"), [("create", 429, "False"), ("delete", 503, "None")]
)
def test_a_change_that_is_cancelled_in_a_pause_says_what_is_known_by_then(
    name: str, status: int, applied: str
) -> None:
    class Waits(FakeClock):
        async def async_sleep(self, seconds: float) -> None:
            await for_ever()

    refuses = ScriptedTransport(lambda *_: respond(status, {}, **{"Retry-After": "5"}))
    error, sent = cancelled_in(name, Held(refuses), Waits())
    assert f"applied={applied}" in error.__notes__[-1]
    assert len(sent) == 1


def test_a_time_limit_of_asyncio_passes_and_has_the_note_on_its_cause(run: Any) -> None:
    async def main() -> None:
        client = connect(Held(None, for_ever), token="t")
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await client.create(title="T")
        assert type(caught.value) is TimeoutError
        cause = caught.value.__cause__ or caught.value.__context__
        assert isinstance(cause, asyncio.CancelledError)
        assert "applied=None" in cause.__notes__[-1]

    run(main())


def test_a_warning_replaces_a_note_that_gather_loses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        client = connect(Held(None, for_ever), token="t")
        gathered = asyncio.gather(client.create(title="T"), client.get("1"), return_exceptions=True)
        await asyncio.sleep(0.02)
        gathered.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered

    asyncio.run(main())
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "create: CancelledError: the stream may or may not have been created" in caplog.text
    assert "applied=None" in caplog.text


def test_a_task_group_that_dies_leaves_no_half_sign_in() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]

    async def main() -> None:
        hangs = True

        async def held(_: str, target: str) -> None:
            if target == "/login" and hangs:
                await for_ever()

        transport = Held(emulator.transport(), held)
        async with connect(transport) as client:
            with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012
                async with asyncio.TaskGroup() as group:
                    for _ in range(5):
                        group.create_task(client.get(id))
                    while not transport.logins:
                        await asyncio.sleep(0)
                    raise LookupError
            assert [type(each) for each in caught.value.exceptions] == [LookupError]
            hangs = False
            assert (await client.get(id)).id == id
        assert transport.logins == 2

    asyncio.run(main())


@pytest.mark.parametrize("name", ["create", "get"])
def test_an_adapter_that_catches_everything_neither_sees_a_cancellation_nor_sends_more(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[BaseException] = []

    def greedy(self: AcmeAdapter, *_: object) -> Iterator[live.Request]:
        try:
            yield self.request("GET" if name == "get" else "POST", "/streams")
        except BaseException as error:
            seen.append(error)
            yield self.request("DELETE", "/streams/1")

    monkeypatch.setattr(AcmeAdapter, name, greedy)
    error, sent = cancelled_in(name, Held(None, for_ever))
    assert isinstance(error, asyncio.CancelledError)
    assert len(sent) == 1
    assert [type(each) for each in seen] == [GeneratorExit]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["head", "body"])
def test_the_connection_of_a_cancelled_request_is_not_used_again(run: Any, part: str) -> None:
    arrived = threading.Event()

    def handler(connection: socket.socket, request: bytes) -> None:
        if b"/streams/slow" not in request:
            connection.sendall(answer())
            return
        if part == "body":
            connection.sendall(answer(json.dumps({**GOOD, "id": "slow"}).encode())[:-5])
        arrived.set()
        threading.Event().wait(0.3)
        connection.sendall(answer(json.dumps({**GOOD, "id": "slow"}).encode()))

    async def main(server: RawServer) -> None:
        async with over_network(server.origin) as client:
            assert (await client.get("1")).id == "1"
            task = asyncio.create_task(client.get("slow"))
            await begun(task, arrived.is_set)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(3):
                assert (await client.get("1")).id == "1"

    with raw_server(handler) as server:
        run(main(server))
    assert server.connections == 2


def over_network(origin: str, **settings: Any) -> live.AsyncClient:
    settings = {"token": "t0ken", "retries": 0, "environ": {}, **settings}
    return live.connect_async("acme", base_url=origin, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["another answer", "a byte", "its end"])
def test_data_that_arrived_while_the_loop_was_busy_is_discarded(run: Any, what: str) -> None:
    sent = threading.Event()

    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(answer())
        if b"/streams/first" not in request:
            return
        idle.wait(PATIENCE)
        if what == "its end":
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(answer(b'{"id": "nobodys"}') if what == "another answer" else b"x")
            until_received(connection)
        sent.set()

    async def main(server: RawServer) -> None:
        async with over_network(server.origin) as client:
            with suppress(live.UnexpectedResponse):
                await client.get("first")  # answered with "1"
            # The loop reads nothing until the next request is being sent.
            idle.set()
            assert sent.wait(PATIENCE)
            time.sleep(0.05)
            assert (await client.create(title="T")).id == "1"

    idle = threading.Event()
    with raw_server(handler) as server:
        run(main(server))
    assert server.connections == 2
    assert len(server.requests) == 2


# -- connections and loops ----------------------------------------------------------------------


def pools() -> int:
    return len(aiohttp_exchange._shared._pools) if aiohttp_exchange._shared is not None else 0


@pytest.mark.slow
def test_a_thousand_loops_leave_neither_a_warning_nor_a_session() -> None:
    async def main(origin: str) -> None:
        await over_network(origin).get("1")  # never closed

    with raw_server(lambda s, _: s.sendall(answer())) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(1000):
            asyncio.run(main(server.origin))
        gc.collect()
    assert pools() == 0
    assert server.connections == 1000
    assert not [each for each in gc.get_objects() if type(each).__name__ == "_Connector"]


@pytest.mark.slow
def test_async_to_sync_leaves_neither_a_warning_nor_a_session() -> None:
    async_to_sync = pytest.importorskip("asgiref.sync").async_to_sync

    async def read(origin: str) -> str:
        async with over_network(origin) as client:
            return (await client.get("1")).id

    with raw_server(lambda s, _: s.sendall(answer())) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(50):
            assert async_to_sync(read)(server.origin) == "1"
        gc.collect()
    assert pools() == 0


def test_the_last_client_of_a_loop_closes_its_connections_and_no_others(run: Any) -> None:
    async def main(server: RawServer, other: LoopThread) -> None:
        elsewhere = over_network(server.origin)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(elsewhere.get("1"), other.loop))
        first, second = over_network(server.origin), over_network(server.origin)
        await first.get("1")
        await second.get("1")
        assert (pools(), server.connections) == (2, 2)
        await first.close()
        await second.get("1")
        assert (pools(), server.connections) == (2, 2)
        await second.close()
        assert pools() == 1
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(elsewhere.close(), other.loop))
        assert pools() == 0

    with raw_server(lambda s, _: s.sendall(answer())) as server, loop_thread() as other:
        run(main(server, other))


def test_a_client_that_is_closed_during_a_call_lets_it_end() -> None:
    released = threading.Event()

    def handler(connection: socket.socket, _: bytes) -> None:
        released.wait(PATIENCE)
        connection.sendall(answer())

    async def main(server: RawServer) -> None:
        client = over_network(server.origin)
        task = asyncio.create_task(client.get("1"))
        await begun(task, lambda: server.requests)
        await client.close()
        released.set()
        assert (await task).id == "1"
        assert pools() == 0

    with raw_server(handler) as server:
        asyncio.run(main(server))


def test_a_closed_client_refuses_and_names_itself_closed() -> None:
    async def main() -> None:
        client = connect(Held(None), token="t")
        await client.close()
        await client.close()
        assert "(closed)" in repr(client)
        with pytest.raises(live.ConfigurationError, match="the client is closed"):
            await client.get("1")
        with pytest.raises(live.ConfigurationError, match="the client is closed"):
            await anext(client.list())

    asyncio.run(main())


@pytest.mark.slow
def test_a_slow_vendor_holds_no_other_up_however_many_ask_it() -> None:
    over = threading.Event()

    def late(connection: socket.socket, _: bytes) -> None:
        over.wait(PATIENCE)
        connection.sendall(answer())

    async def main(slow: RawServer, quick: RawServer) -> None:
        async with over_network(slow.origin) as one, over_network(quick.origin) as other:
            tasks = [asyncio.create_task(one.get("1")) for _ in range(150)]
            await begun(tasks[0], lambda: len(slow.requests) == 100)
            assert (await other.get("1")).id == "1"
            assert not any(task.done() for task in tasks)
            over.set()
            await asyncio.gather(*tasks)

    with raw_server(late) as slow:
        with raw_server(lambda s, _: s.sendall(answer())) as quick:
            asyncio.run(main(slow, quick))
    assert slow.connections <= 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_makes_connections_and_threads_of_its_own() -> None:
    async def main(server: RawServer) -> None:
        async with over_network(server.origin) as client:
            await client.get("1")
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    signal.alarm(30)
                    # Not the parent's loop, which is still running and belongs to the parent.
                    asyncio.events._set_running_loop(None)
                    code = asyncio.run(client.get("1")).id != "1"
                finally:
                    os._exit(code)
            assert os.waitpid(pid, 0)[1] == 0
            await client.get("1")

    with raw_server(lambda s, _: s.sendall(answer())) as server:
        asyncio.run(main(server))
    assert server.connections == 2


# -- threads and the loop -----------------------------------------------------------------------


@pytest.mark.slow
def test_two_hundred_calls_at_once_need_one_thread_of_ours_at_most() -> None:
    emulator = AcmeEmulator(page_size=50)
    ids = [emulator.add()["id"] for _ in range(200)]

    async def main(origin: str) -> set[str]:
        options = {**emulator.options(), "base_url": origin}
        async with live.connect_async("acme", token_store=MemoryStore(), **options) as client:
            before = {each.name for each in threading.enumerate()}
            found = await asyncio.gather(*(client.get(id) for id in ids))
            assert [each.id for each in found] == ids
            return {
                each.name
                for each in threading.enumerate()
                if each.name not in before or each.name.startswith("livestream-")
            } - before_names

    before_names = {each.name for each in threading.enumerate()}
    with emulator.serve() as origin:
        made = asyncio.run(main(origin))
    ours = {name for name in made if not name.startswith("Thread-")}
    assert len(ours) <= 1, ours
    assert not any(name.startswith("asyncio_") for name in made)


def test_a_large_answer_is_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, int] = {}
    parse = AcmeAdapter.parse_stream

    def noted(self: AcmeAdapter, payload: Any) -> live.LiveStream:
        threads[payload["id"]] = threading.get_ident()
        return parse(self, payload)

    monkeypatch.setattr(AcmeAdapter, "parse_stream", noted)
    large = {**GOOD, "id": "large", "padding": "x" * (2 * 1024 * 1024)}

    def answers(_: str, target: str) -> live.Response:
        return respond(200, large if target.endswith("large") else GOOD)

    async def main() -> None:
        async with connect(Held(ScriptedTransport(answers)), token="t") as client:
            assert (await client.get("1")).id == "1"
            assert (await client.get("large")).id == "large"
            with pytest.raises(live.UnexpectedResponse):
                await client.get("other large"[6:].replace("l", "L") + "large")

    asyncio.run(main())
    assert threads["1"] == threading.get_ident()
    assert threads["large"] != threading.get_ident()


def test_a_call_that_is_cancelled_while_its_large_answer_is_read_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slowly(self: AcmeAdapter, payload: Any) -> live.LiveStream:
        reading.set()
        assert go_on.wait(PATIENCE)
        return live.LiveStream(
            provider="acme", id="1", title="T", status=live.Status.LIVE, provider_status="on"
        )

    monkeypatch.setattr(AcmeAdapter, "parse_stream", slowly)
    large = {**GOOD, "padding": "x" * (2 * 1024 * 1024)}

    async def main() -> None:
        async with connect(
            Held(ScriptedTransport(lambda *_: respond(200, large))), token="t"
        ) as client:
            task = asyncio.create_task(client.get("1"))
            await begun(task, reading.is_set)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            assert not task.done()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_a_loop_that_ends_during_a_large_response_is_not_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slowly(self: AcmeAdapter, payload: Any) -> live.LiveStream:
        reading.set()
        assert go_on.wait(PATIENCE)
        raise live.UnexpectedResponse("never seen")

    monkeypatch.setattr(AcmeAdapter, "parse_stream", slowly)
    large = {**GOOD, "padding": "x" * (2 * 1024 * 1024)}
    client = connect(Held(ScriptedTransport(lambda *_: respond(200, large))), token="t")
    call = client.get("1")
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        task = loop.create_task(call)
        await begun(task, reading.is_set)
        task._log_destroy_pending = False  # type: ignore[attr-defined]

    loop.run_until_complete(begin())
    call.close()
    go_on.set()
    loop.close()


async def longest_pause(until: asyncio.Future[object] | asyncio.Task[Any]) -> float:
    """Return the longest time for which the loop ran without a pause.

    It is processor time of this thread, because other processes also hold the loop up.
    """
    longest, last = 0.0, time.thread_time()
    while not until.done():
        await asyncio.sleep(0.002)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return longest


@pytest.mark.slow
def test_no_operation_holds_the_loop_up() -> None:
    emulator = AcmeEmulator(page_size=100)
    for _ in range(500):
        emulator.add()

    asked_in: set[threading.Thread] = set()

    class Watched(MemoryStore):
        def get(self, account: str) -> live.Session | None:
            asked_in.add(threading.current_thread())
            return super().get(account)

    async def everything(client: live.AsyncClient) -> None:
        stream = await client.create(title="T")
        await client.update(stream.id, title="U")
        await client.start(stream.id)
        await client.wait(stream.id, until=live.Status.STARTING, timeout=30)
        with suppress(live.Conflict):
            await client.stop(stream.id)
        await client.pages(size=10)
        assert len([each async for each in client.list()]) > 500
        await client.cancel((await client.create(title="C")).id)
        await client.delete(stream.id)

    async def main(origin: str) -> float:
        options = {**emulator.options(), "base_url": origin, "token_store": Watched()}
        async with live.connect_async("acme", **options) as client:
            await client.get("1")  # imports, and the first of all
            task = asyncio.create_task(everything(client))
            longest = await longest_pause(task)
            await task
            return longest

    with emulator.serve() as origin:
        assert min(asyncio.run(main(origin)) for _ in range(3)) < 0.1
    assert asked_in
    assert threading.current_thread() not in asked_in


# -- lists --------------------------------------------------------------------------------------


def listed(emulator: AcmeEmulator, **settings: Any) -> tuple[Held, live.AsyncClient]:
    transport = Held(emulator.transport())
    return transport, connect(transport, **settings)


def pages_read(transport: Held) -> int:
    return sum(
        target.startswith("/streams?") or target == "/streams" for _, target in transport.sent
    )


@pytest.mark.slow
def test_from_the_second_page_on_the_next_one_is_read_ahead(run: Any) -> None:
    emulator = AcmeEmulator()
    ids = [emulator.add()["id"] for _ in range(12)]

    async def main() -> None:
        transport, client = listed(emulator)
        streams, found, read = client.list(), [], []
        async for stream in streams:
            found.append(stream.id)
            for _ in range(20):
                await asyncio.sleep(0.001)
            read.append(pages_read(transport))
            assert streams.complete is live.Completeness.UNKNOWN or len(found) == 12
        assert found == ids
        assert read[:3] == [1, 1, 1]
        assert read[3:9] == [3, 3, 3, 4, 4, 4]
        assert streams.complete is live.Completeness.PROVEN
        await client.close()

    run(main())


def test_nothing_is_read_ahead_where_a_limiter_is_asked_or_a_limit_ends_it() -> None:
    emulator = AcmeEmulator()
    for _ in range(12):
        emulator.add()
    gate = Gate()
    gate.opened.set()

    async def main() -> None:
        transport, client = listed(emulator)
        with client.paced(gate):
            walk = client.list()
            assert [await anext(walk) for _ in range(6)]
            await asyncio.sleep(0.02)
            assert pages_read(transport) == 2
        before = pages_read(transport)
        assert len([each async for each in client.list(limit=5)]) == 5
        await asyncio.sleep(0.02)
        assert pages_read(transport) - before == 2

    asyncio.run(main())


def test_an_error_of_a_page_that_was_read_ahead_comes_when_the_page_is_asked_for() -> None:
    emulator = AcmeEmulator()
    ids = [emulator.add()["id"] for _ in range(12)]

    async def main() -> None:
        _, client = listed(emulator, retries=0)
        async with client.list() as walk:
            found = [(await anext(walk)).id for _ in range(4)]
            emulator.inject(Fault.status(500))
            for _ in range(50):
                await asyncio.sleep(0.001)
            found += [(await anext(walk)).id for _ in range(2)]
            with pytest.raises(live.ProviderUnavailable):
                await anext(walk)
            found += [each.id async for each in walk]
            assert found == ids
            assert walk.complete is live.Completeness.PROVEN

    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize("how", ["aclose", "async with", "forgotten", "the loop ends"])
def test_a_walk_that_is_given_up_cancels_what_it_reads_ahead(how: str) -> None:
    emulator = AcmeEmulator()
    for _ in range(12):
        emulator.add()
    cancelled: list[str] = []

    async def main() -> None:
        async def third_hangs(_: str, target: str) -> None:
            if pages_read(transport) == 3:
                try:
                    await for_ever()
                except asyncio.CancelledError:
                    cancelled.append(target)
                    raise

        transport, client = listed(emulator)
        transport.at = third_hangs
        walk: Any = client.list()
        for _ in range(4):
            await anext(walk)
        while pages_read(transport) < 3:
            await asyncio.sleep(0)
        if how == "aclose":
            await walk.aclose()
        elif how == "async with":
            async with walk:
                pass
        elif how == "forgotten":
            del walk
            gc.collect()
            await asyncio.sleep(0.01)
        if how != "the loop ends":
            assert len(cancelled) == 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main(), debug=True)
        gc.collect()
    assert len(cancelled) == 1


def test_a_caller_that_is_cancelled_loses_no_page() -> None:
    emulator = AcmeEmulator()
    ids = [emulator.add()["id"] for _ in range(30)]

    async def main() -> None:
        transport, client = listed(emulator)

        async def slowly(_: str, __: str) -> None:
            await asyncio.sleep(0.002)

        transport.at = slowly
        walk, found = client.list(), []
        for number in range(10_000):
            try:
                async with asyncio.timeout(0.001 * (number % 4)):
                    found.append((await anext(walk)).id)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                break
        assert found == ids
        assert walk.complete is live.Completeness.PROVEN

    asyncio.run(main())


WITHOUT_AIOHTTP = """
import asyncio, sys
sys.modules["aiohttp"] = None
from livestream_core import *
import livestream_core as live
try:
    live.connect_async("tpstreams", organization_id="o", token="t")
except live.ConfigurationError as error:
    print(error)

async def main():
    async with live.connect_async("memory") as client:
        print((await client.create(title="T")).title)

asyncio.run(main())
"""


@pytest.mark.slow
def test_without_aiohttp_the_package_is_whole_and_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_AIOHTTP],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    missing, title = done.stdout.splitlines()
    assert missing.startswith("tpstreams connect: the asynchronous client needs aiohttp")
    assert "livestream-core[async]" in missing
    assert title == "T"


# -- synchronous parts --------------------------------------------------------------------------


def test_a_transport_that_is_synchronous_is_used_in_threads() -> None:
    emulator = AcmeEmulator()
    ids = [emulator.add()["id"] for _ in range(5)]

    async def main() -> None:
        async with connect(emulator.transport()) as client:
            assert [each.id for each in await asyncio.gather(*map(client.get, ids))] == ids
            assert client.provider == "acme"
            assert client.supports("create")
            assert client.preview(live.StreamSpec(title="T")) is not None
            assert client.parse_stream(GOOD).id == "1"

    asyncio.run(main())
    assert _logins(emulator) == 1


def test_what_an_exception_of_a_synchronous_transport_is_it_stays() -> None:
    limit = TimeoutError("of a task queue")

    def raises(*_: object) -> Any:
        raise limit

    async def main() -> None:
        with pytest.raises(TimeoutError) as caught:
            await connect(ScriptedTransport(raises), token="t").create(title="T")
        assert caught.value is limit

    asyncio.run(main())


def test_a_lost_answer_is_retried_by_the_same_rules() -> None:
    answers = iter([LOST, LOST, respond(200, GOOD)])
    transport = Held(ScriptedTransport(lambda *_: next(answers)))

    async def main() -> None:
        async with connect(transport, token="t", clock=live.ManualClock()) as client:
            assert (await client.get("1")).id == "1"

    asyncio.run(main())
    assert len(transport.sent) == 3


# -- the end of the process ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_session_is_ended_at_the_exit_although_no_loop_runs() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    with emulator.serve() as origin:
        client = live.connect_async("acme", base_url=origin, **emulator.options())
        asyncio.run(client.get(id))
        live.close_all()
    assert [each.path for each in emulator.requests][-1] == "/logout"


def test_logging_out_with_an_asynchronous_transport_needs_no_loop_of_the_callers() -> None:
    emulator = AcmeEmulator()
    id = emulator.add()["id"]
    transport = Held(emulator.transport())
    client = connect(transport)
    asyncio.run(client.get(id))
    live.close_all()
    assert transport.sent[-1][1] == "/logout"
    logging.getLogger(__name__).debug("%r", client)
