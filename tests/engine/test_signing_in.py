"""Concurrent sign-ins: in threads, in callbacks, in child processes, and in several processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from fleet import PATIENCE, fleet
from livestream_core._runners.single_flight import flights
from livestream_core._secrets.spellings import KnownSecrets
from livestream_core.emulator import Fault
from runners import connect, only_sync
from stores import LeasingStore, MemoryStore, file_store

#: Tests of threads, signals and forks run on one runner; client/test_async_client.py has those of tasks.
pytestmark = pytest.mark.usefixtures("runner")


def logins(emulator: AcmeEmulator) -> int:
    return sum(each.path == "/login" for each in emulator.requests)


def logouts(emulator: AcmeEmulator) -> int:
    return sum(each.path == "/logout" for each in emulator.requests)


class Watched:
    """A transport to an emulator that calls a function before it sends each login.

    The function gets the number of the login and its timeout.
    """

    def __init__(
        self, emulator: AcmeEmulator, at_login: Callable[[int, live.Timeout], object]
    ) -> None:
        self._inner = emulator.transport()
        self.session_scope = self._inner.session_scope
        self.at_login = at_login
        self.logins = 0
        self._lock = threading.Lock()

    def send(self, method: str, origin: str, target: str, *rest: Any) -> live.Response:
        if target == "/login":
            with self._lock:
                self.logins += 1
                number = self.logins
            self.at_login(number, rest[-1])
        return self._inner.send(method, origin, target, *rest)

    def connect(self, **settings: Any) -> live.Client:
        return connect("acme", transport=self, **{**AcmeEmulator().options(), **settings})


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def waiting() -> int:
    """Return how many threads and tasks wait for another one."""
    under_way = [flight.done for flight in list(flights._flights.values())]
    return sum(len(each._waiters) + len(each._done_callbacks) for each in under_way)  # type: ignore[attr-defined]


@contextmanager
def threads(number: int) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(number) as pool:
        yield pool


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except BaseException as error:
        return error


# -- one thread of a process signs in ---------------------------------------------------------


def test_only_one_of_all_threads_and_clients_signs_in_each_time(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    clients = [emulator.connect() for _ in range(16)]
    barrier = threading.Barrier(16)

    def read(client: live.Client) -> str:
        barrier.wait()
        return client.get(stream["id"]).id

    with threads(16) as pool:
        for expected in range(1, 6):
            assert list(pool.map(read, clients)) == [stream["id"]] * 16
            assert logins(emulator) == expected
            emulator.tokens.clear()
    for client in clients:
        client.close()


@pytest.mark.slow
def test_a_call_waits_for_another_no_longer_than_its_own_deadline(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    reached, go = threading.Event(), threading.Event()

    def at_login(number: int, _: live.Timeout) -> None:
        reached.set()
        assert go.wait(PATIENCE)

    with Watched(emulator, at_login).connect() as client, threads(1) as pool:
        slow = pool.submit(client.get, stream["id"])
        assert reached.wait(PATIENCE)
        with pytest.raises(live.RequestTimeout) as caught:
            client.get("1", deadline=0.2)
        assert (caught.value.applied, caught.value.retryable) == (False, True)
        assert not slow.done()
        go.set()
        assert slow.result(PATIENCE).id == stream["id"]
    assert logins(emulator) == 1


@pytest.mark.slow
def test_a_leader_that_never_returns_is_awaited_until_its_deadline(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    reached, go = threading.Event(), threading.Event()

    def at_login(number: int, _: live.Timeout) -> None:
        if number == 1:  # as in a transport that exceeds its timeout
            reached.set()
            assert go.wait(2 * PATIENCE)

    with Watched(emulator, at_login).connect() as client, threads(1) as pool:
        stuck = pool.submit(outcome, lambda: client.get(stream["id"], deadline=0.5))
        assert reached.wait(PATIENCE)
        assert client.get(stream["id"], deadline=PATIENCE).id == stream["id"]
        assert not stuck.done()
        go.set()
    assert emulator.tokens == {"good-token"}  # its own session comes late, and is ended too


def test_sessions_that_were_replaced_are_not_ended_with_the_last_one(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.lasts = 3600
    stream = emulator.add()
    with emulator.connect(clock=clock) as client:
        for _ in range(3):
            client.get(stream["id"])
            clock.time += 3590  # it is about to expire
            client.get(stream["id"])
            emulator.tokens.clear()
    assert (logins(emulator), logouts(emulator)) == (6, 1)


def late() -> live.LiveStreamError:
    return live.RequestTimeout("the vendor did not respond in time", applied=None)


def no_connection() -> live.LiveStreamError:
    return live.ConnectionFailed("no connection", applied=False)


@pytest.mark.slow
@pytest.mark.parametrize("failure", [late, no_connection])
@pytest.mark.parametrize("retries", [0, 4])
def test_a_call_with_more_time_does_not_fail_with_one_that_had_little(
    emulator: AcmeEmulator, failure: Callable[[], live.LiveStreamError], retries: int
) -> None:
    stream = emulator.add()

    def at_login(number: int, timeout: live.Timeout) -> None:
        if timeout.total > 5:
            return
        until(lambda: waiting() == 3)
        time.sleep(timeout.total)  # as a transport does after its timeout
        raise failure()

    transport = Watched(emulator, at_login)
    with transport.connect(retries=retries) as client, threads(4) as pool:
        hasty = pool.submit(outcome, lambda: client.get(stream["id"], deadline=1))
        until(lambda: transport.logins)
        patient = [pool.submit(client.get, stream["id"]) for _ in range(3)]
        assert isinstance(hasty.result(PATIENCE), (live.RequestTimeout, live.ConnectionFailed))
        assert [each.result(PATIENCE).id for each in patient] == [stream["id"]] * 3
    assert logins(emulator) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_call_waits_as_long_as_the_vendor_asks_if_its_deadline_allows(
    emulator: AcmeEmulator, status: int
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status(status, headers={"Retry-After": "2"}), on="*/login")
    entered = threading.Event()

    def at_login(number: int, _: live.Timeout) -> None:
        entered.set()
        if number == 1:
            until(lambda: waiting() == 3)

    with Watched(emulator, at_login).connect() as client, threads(4) as pool:
        hasty = pool.submit(outcome, lambda: client.get(stream["id"], deadline=1.9))
        assert entered.wait(PATIENCE)
        patient = [pool.submit(client.get, stream["id"]) for _ in range(3)]
        error = hasty.result(PATIENCE)
        assert isinstance(error, (live.RateLimited, live.ProviderUnavailable, live.RequestTimeout))
        assert [each.result(PATIENCE).id for each in patient] == [stream["id"]] * 3
    assert logins(emulator) == 2


def test_an_error_for_all_is_a_copy_for_each(emulator: AcmeEmulator) -> None:
    def at_login(number: int, _: live.Timeout) -> None:
        until(lambda: waiting() == 5)

    transport = Watched(emulator, at_login)
    with transport.connect(password="wrong") as client, threads(6) as pool:
        errors = list(pool.map(lambda id: outcome(lambda: client.get(id)), map(str, range(6))))
    assert {type(each) for each in errors} == {live.AuthenticationFailed}
    assert [each.stream_id for each in errors] == list(map(str, range(6)))
    assert len({id(each) for each in errors}) == 6
    assert len({id(each.__traceback__) for each in errors}) == 6
    assert logins(emulator) == 1


class TimeLimit(Exception):
    """A time limit as a task queue raises it."""


@pytest.mark.parametrize("store", [None, MemoryStore, LeasingStore])
@pytest.mark.parametrize("kind", [TimeLimit, KeyboardInterrupt, SystemExit, MemoryError])
@only_sync
def test_another_thread_takes_over_from_an_interrupted_one(
    emulator: AcmeEmulator, kind: type[BaseException], store: Any
) -> None:
    stream = emulator.add()

    def at_login(number: int, _: live.Timeout) -> None:
        if number == 1:
            until(lambda: waiting() == 3)
            raise kind

    transport = Watched(emulator, at_login)
    client = transport.connect(token_store=store and store())
    began = time.monotonic()
    with client, threads(4) as pool:
        calls = [
            pool.submit(outcome, lambda: client.get(stream["id"], deadline=PATIENCE))
            for _ in range(4)
        ]
        results = [each.result() for each in calls]
    assert sorted(type(each).__name__ for each in results) == sorted(
        ["LiveStream"] * 3 + [kind.__name__]
    )
    assert transport.logins == 2
    # After an interruption, the process still uses the lease.
    assert time.monotonic() - began < PATIENCE / 2


@only_sync
def test_one_who_waits_and_is_interrupted_harms_nobody(emulator: AcmeEmulator) -> None:
    """A signal that ends only the main thread's wait."""
    stream = emulator.add()
    reached, go = threading.Event(), threading.Event()

    def at_login(number: int, _: live.Timeout) -> None:
        reached.set()
        assert go.wait(PATIENCE)

    def handler(*_: object) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with Watched(emulator, at_login).connect() as client, threads(3) as pool:
            reads = [pool.submit(client.get, stream["id"]) for _ in range(2)]
            assert reached.wait(PATIENCE)

            def interrupt() -> None:
                until(lambda: waiting() == 2)
                os.kill(os.getpid(), signal.SIGUSR1)

            interrupting = pool.submit(interrupt)
            with pytest.raises(TimeLimit):
                client.get(stream["id"])
            interrupting.result(PATIENCE)
            go.set()
            assert [each.result(PATIENCE).id for each in reads] == [stream["id"]] * 2
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert logins(emulator) == 1


# -- calls from within a sign-in --------------------------------------------------------------


@contextmanager
def observing(function: Callable[[live.Exchange], object]) -> Iterator[None]:
    class Observer:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            function(exchange)

    observer = Observer()
    live.register(observer)
    try:
        yield
    finally:
        live.unregister(observer)


def in_time(call: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return the result of a call that must not wait for itself."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(outcome(call)), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it waits for itself"
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


@pytest.mark.parametrize("store", [None, MemoryStore, LeasingStore])
@only_sync
def test_an_observer_that_calls_back_from_a_sign_in_does_not_wait_for_itself(
    emulator: AcmeEmulator, store: Any
) -> None:
    stream = emulator.add()
    read: list[str] = []

    def call_back(exchange: live.Exchange) -> None:
        if exchange.operation == "sign_in":
            read.append(client.get(stream["id"], deadline=10 * PATIENCE).id)

    client = emulator.connect(token_store=store and store())
    with client, observing(call_back):
        assert in_time(lambda: client.get(stream["id"], deadline=10 * PATIENCE)).id == stream["id"]
    assert read == [stream["id"]]
    assert logins(emulator) == 2
    if store is None:  # both belong to this process, and are ended
        assert logouts(emulator) == 2
        assert emulator.tokens == {"good-token"}


@only_sync
def test_an_observer_that_always_calls_back_does_not_recurse_and_others_see_everything(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    seen: Counter[str] = Counter()

    def call_back(exchange: live.Exchange) -> None:
        client.get(stream["id"])

    def count(exchange: live.Exchange) -> None:
        seen[exchange.operation] += 1

    with emulator.connect() as client, observing(count), observing(call_back):
        in_time(lambda: client.get(stream["id"]))
    assert sum(seen.values()) == len(emulator.requests) - logouts(emulator)
    assert len(emulator.requests) < 10


@only_sync
def test_a_signal_handler_that_calls_back_does_not_wait_for_itself(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    read: list[str] = []

    def at_login(number: int, _: live.Timeout) -> None:
        if number == 1:
            os.kill(os.getpid(), signal.SIGUSR1)

    def handler(*_: object) -> None:
        read.append(client.get(stream["id"], deadline=PATIENCE).id)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with Watched(emulator, at_login).connect() as client:
            assert client.get(stream["id"]).id == stream["id"]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert read == [stream["id"]]
    assert (logins(emulator), logouts(emulator)) == (2, 2)


#: A file, a line in it, and the line of the caller.
Line = tuple[str, int, int]


@pytest.mark.slow
@only_sync
def test_a_signal_handler_may_call_back_at_every_line_that_a_call_runs() -> None:
    """A stand-in for a signal: the trace function runs in the thread that it traces."""
    core = str(Path(live.__file__).parent)

    def lines_of(interrupted: Line | None = None) -> dict[Line, None]:
        """Return the lines of a call, and the result of another call made within one of them."""
        emulator = AcmeEmulator()
        stream = emulator.add()
        lines: dict[Line, None] = {}

        def trace(frame: Any, event: str, _: object) -> Any:
            file = frame.f_code.co_filename
            if not file.startswith(core):
                return trace
            line = file, frame.f_lineno, frame.f_back.f_lineno
            if event == "line" and line not in lines:
                lines[line] = None
                if line == interrupted:
                    assert client.get(stream["id"]).id == stream["id"]
            return trace

        with emulator.connect() as client:
            sys.settrace(trace)
            try:
                assert client.get(stream["id"]).id == stream["id"]
            finally:
                sys.settrace(None)
        assert emulator.tokens == {"good-token"}, f"after a call from within {interrupted}"
        return lines

    def all_lines() -> int:
        lines_of()  # lines that run once for each process do not count
        lines = lines_of()
        for line in lines:
            lines_of(line)
        return len(lines)

    assert in_time(all_lines, 4 * PATIENCE) > 100


# -- children ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@only_sync
def test_a_child_that_is_forked_during_a_sign_in_signs_in_separately() -> None:
    emulator = AcmeEmulator()
    stream = emulator.add()
    emulator.inject(Fault.delay(2), on="*/login")
    with emulator.serve() as url, threads(1) as pool:
        client = connect("acme", base_url=url, **emulator.options())
        parents = pool.submit(client.get, stream["id"])
        until(lambda: logins(emulator))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                client.get(stream["id"], deadline=PATIENCE)
                code = 0
            finally:
                os._exit(code)
        assert parents.result(PATIENCE).id == stream["id"]
        assert os.waitpid(pid, 0)[1] == 0
        client.close()
    assert logins(emulator) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@only_sync
def test_a_child_that_is_forked_while_another_thread_masks_an_error_masks_its_own(
    emulator: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks, go = threading.Event(), threading.Event()
    add = KnownSecrets.add

    def add_slowly(self: KnownSecrets, *arguments: Any, **settings: Any) -> None:
        masks.set()
        assert go.wait(PATIENCE)
        add(self, *arguments, **settings)

    monkeypatch.setattr(KnownSecrets, "add", add_slowly)
    with emulator.connect(password=WRONG) as client, threads(1) as pool:
        parents = pool.submit(outcome, lambda: client.get("1"))
        assert masks.wait(PATIENCE)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.alarm(int(PATIENCE))
                monkeypatch.setattr(KnownSecrets, "add", add)
                code = int(WRONG in str(outcome(lambda: client.get("1"))))
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        go.set()
        assert WRONG not in str(parents.result(PATIENCE))


# -- a fleet ----------------------------------------------------------------------------------

PROCESS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import livestream_core as live
from acme import AcmePlugin
from stores import file_store

live.register(AcmePlugin())
url, path, password = sys.argv[1:4]
barrier = threading.Barrier(4)

def read(_):
    store = file_store(path)
    with live.connect(
        "acme", base_url=url, user="u@acme.example", password=password, token_store=store
    ) as client:
        barrier.wait()
        try:
            return client.get("1").id
        except live.LiveStreamError as error:
            return type(error).__name__

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(4) as threads:
    print(*threads.map(read, range(4)))
"""


def file_of(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@only_sync  # the processes have clients of their own
@pytest.mark.slow
def test_eight_cold_processes_of_four_threads_sign_in_once(
    emulator: AcmeEmulator, tmp_path: Path
) -> None:
    emulator.add()
    emulator.inject(Fault.delay(0.5), on="*/login", times=99)
    password = emulator.options()["password"]
    with (
        emulator.serve() as url,
        fleet(8, PROCESS, url, str(file_of(tmp_path)), password) as processes,
    ):
        for process in processes:
            process.go_on()
        assert [process.end() for process in processes] == ["1 1 1 1"] * 8
    assert (logins(emulator), logouts(emulator)) == (1, 0)


@only_sync  # the processes have clients of their own
@pytest.mark.slow
def test_a_fleet_tries_a_wrong_password_once_without_waiting_for_a_lease(
    emulator: AcmeEmulator, tmp_path: Path
) -> None:
    emulator.inject(Fault.delay(0.5), on="*/login", times=99)
    with (
        emulator.serve() as url,
        fleet(4, PROCESS, url, str(file_of(tmp_path)), "hunter2-hunter2") as processes,
    ):
        began = time.monotonic()
        for process in processes:
            process.go_on()
        for process in processes:
            assert set(process.end().split()) == {"AuthenticationFailed"}
    assert time.monotonic() - began < 30  # a lease is longer
    # Not retried within the first five seconds, and not much more often on a busy machine.
    assert 1 <= logins(emulator) <= 4
    assert b"hunter2" not in file_of(tmp_path).read_bytes()


HOLDER = """
import sys
import livestream_core as live
from acme import AcmePlugin
from stores import file_store

live.register(AcmePlugin())
url, path, password = sys.argv[1:4]
store = file_store(path)
store.lease_seconds = 3
print("ready", flush=True)
sys.stdin.readline()
client = live.connect(
    "acme", base_url=url, user="u@acme.example", password=password, token_store=store
)
print(client.get("1").id)
"""


@only_sync  # the processes have clients of their own
@pytest.mark.slow
def test_after_a_killed_sign_in_the_others_continue_when_its_lease_ends(
    tmp_path: Path,
) -> None:
    signs_in, gone = threading.Event(), threading.Event()

    class Slow(AcmeEmulator):
        """Respond to the first login after its sender is gone."""

        def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
            if environ["PATH_INFO"] == "/login" and not signs_in.is_set():
                signs_in.set()
                assert gone.wait(PATIENCE)
            return super().__call__(environ, start_response)

    emulator = Slow()
    emulator.add()
    arguments = str(file_of(tmp_path)), emulator.options()["password"]
    with emulator.serve() as url, fleet(4, HOLDER, url, *arguments) as (first, *others):
        first.go_on()
        assert signs_in.wait(PATIENCE)
        for process in others:
            process.go_on()
        first.kill()
        assert [process.end() for process in others] == ["1"] * 3
        assert logins(emulator) == 1  # by one of them; the first one's session has not arrived yet
        gone.set()


@pytest.mark.parametrize("store", [MemoryStore, LeasingStore, "file"])
def test_a_session_serves_the_next_process_whatever_the_store(
    emulator: AcmeEmulator, store: Any, tmp_path: Path
) -> None:
    stream = emulator.add()
    sessions: dict[str, live.Session] = {}
    for _ in range(3):
        fresh = file_store(file_of(tmp_path)) if store == "file" else store(sessions)
        with emulator.connect(token_store=fresh) as client:
            assert client.get(stream["id"]).id == stream["id"]
    assert (logins(emulator), logouts(emulator)) == (1, 0)


def test_a_file_keeps_a_session_as_it_was(emulator: AcmeEmulator, tmp_path: Path) -> None:
    emulator.lasts = 3600
    stream = emulator.add()
    store = file_store(file_of(tmp_path))
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
    session = store.get(client.account)
    assert session.memo == {"again": live.Secret("memo-secret")}
    assert session.expires_at > datetime.now(UTC)
    assert live.Session.from_dict(json.loads(json.dumps(session.to_dict()))) == session


def test_a_session_that_json_cannot_represent_only_costs_a_sign_in(tmp_path: Path) -> None:
    class Odd(AcmeAdapter):
        name = "odd"

        def sign_in(self, previous: Any, now: datetime) -> Any:
            operation = self._login(now)
            assert isinstance(operation, Generator)
            session = yield from operation
            return attrs.evolve(session, memo=object())

    emulator = AcmeEmulator()
    stream = emulator.add()
    store = file_store(file_of(tmp_path))
    settings = {**emulator.options(), "token_store": store}
    for _ in range(2):
        with connected(Odd, emulator.transport(), **settings) as client:
            # to_dict() refuses this in the store's own code.
            assert isinstance(outcome(lambda: client.get(stream["id"])), live.LiveStream)
    assert logins(emulator) == 2


def fail(*_: object) -> Any:
    raise OSError("no store")


@pytest.mark.parametrize("where", ["get", "put", "delete", "claim", "release", "key"])
def test_a_store_that_fails_anywhere_only_costs_a_sign_in(
    emulator: AcmeEmulator, where: str
) -> None:
    failing = property(fail) if where == "key" else fail
    store = type("Failing", (LeasingStore,), {where: failing})()
    stream = emulator.add()
    with emulator.connect(token_store=store) as client:
        for number in range(1, 3):
            assert client.get(stream["id"]).id == stream["id"]
            assert logins(emulator) == number
            emulator.tokens.clear()


@pytest.mark.parametrize("junk", [{"headers": {}}, "a session", 7, b"x", []])
def test_a_store_that_returns_something_else_only_costs_a_sign_in(
    emulator: AcmeEmulator, junk: Any
) -> None:
    class Odd(MemoryStore):
        def get(self, account: str) -> Any:
            return junk

    stream = emulator.add()
    with emulator.connect(token_store=Odd()) as client:
        assert client.get(stream["id"]).id == stream["id"]


@pytest.mark.parametrize("key", [b"another key", None, b""])
def test_a_key_that_is_changed_or_lost_costs_one_sign_in(
    emulator: AcmeEmulator, tmp_path: Path, key: bytes | None
) -> None:
    stream = emulator.add()
    for each in (b"the first key", key, key):
        for _ in range(2):
            with emulator.connect(token_store=file_store(file_of(tmp_path), each)) as client:
                client.get(stream["id"])
    assert logins(emulator) == 2
    # Only the session that can no longer be read from the store remains.
    assert len(emulator.tokens - {"good-token"}) == 2


def test_a_process_that_waits_for_a_lease_waits_no_longer_than_its_deadline(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    store = LeasingStore()
    with emulator.connect(token_store=store, clock=clock) as client:
        store.claim(client.account, "another process", 3600)
        with pytest.raises(live.RequestTimeout, match="another process") as caught:
            client.get("1", deadline=30)
    assert (caught.value.applied, caught.value.retryable) == (False, True)
    assert emulator.requests == []
    assert 29 <= sum(clock.waits) <= 30


def test_a_process_that_waits_for_a_lease_takes_the_session_that_the_holder_puts_there(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    store = LeasingStore()
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
    session = store.sessions.pop(client.account)

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.waits) == 3:
                store.put(client.account, session)

    clock = Clock()
    # A different store object has a separate pool of sessions.
    other = LeasingStore(store.sessions)
    other.leases = {client.account: ("another process", time.monotonic() + 3600)}
    with emulator.connect(token_store=other, clock=clock) as second:
        assert second.get(stream["id"]).id == stream["id"]
    assert len(clock.waits) == 3
    assert logins(emulator) == 1


def test_the_lease_holder_checks_again_for_a_session(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    store = LeasingStore()
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
    session = store.sessions[client.account]

    class Overtaken(LeasingStore):
        """Let the previous holder sign in before the lease is granted."""

        def claim(self, account: str, owner: str, seconds: float) -> bool:
            self.put(account, session)
            return super().claim(account, owner, seconds)

    overtaken = Overtaken()
    with emulator.connect(token_store=overtaken) as client:
        assert client.get(stream["id"]).id == stream["id"]
    assert overtaken.leases == {}
    assert logins(emulator) == 1


def test_a_lease_is_given_back_after_every_sign_in_that_ends(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    store = LeasingStore()
    with emulator.connect(token_store=store) as client:
        client.get(stream["id"])
        assert store.leases == {}
    for fault in (Fault.status(403), Fault.status(500), Fault.drop_after(), Fault.html()):
        store.sessions.clear()
        emulator.inject(fault, on="*/login")
        with emulator.connect(token_store=store, account_name=fault.kind.value) as client:
            assert isinstance(outcome(lambda: client.get(stream["id"])), live.LiveStreamError)
        assert store.leases == {}


# -- retries of a sign-in ---------------------------------------------------------------------

AGAIN = [
    Fault.status(503),
    Fault.status(429),
    Fault.status(503, headers={"Retry-After": "1"}),
    Fault.html(503),
]
FINAL = [Fault.drop_after(), Fault.status(500), Fault.status(502), Fault.cut_body(), Fault.html()]


class Repeatable(AcmeAdapter):
    """A vendor at which a further login has no cost."""

    name = "repeatable"

    def post(self, path: str, **arguments: Any) -> live.Request:
        return super().post(path, **arguments, idempotent=path == "/login")


@pytest.mark.parametrize("kind", [AcmeAdapter, Repeatable])
@pytest.mark.parametrize("fault", AGAIN)
def test_a_sign_in_is_sent_again_where_none_was_made(
    clock: FakeClock, fault: Fault, kind: type[live.Adapter]
) -> None:
    emulator = AcmeEmulator()
    stream = emulator.add()
    emulator.inject(fault, on="*/login", times=2)
    with signing_in(kind, emulator, clock) as client:
        assert client.get(stream["id"]).id == stream["id"]
    assert logins(emulator) == 3
    assert len(clock.waits) == 2


@pytest.mark.parametrize("kind", [AcmeAdapter, Repeatable])
@pytest.mark.parametrize("fault", FINAL)
def test_a_sign_in_with_a_lost_response_is_retried_only_if_that_is_harmless(
    clock: FakeClock, fault: Fault, kind: type[live.Adapter]
) -> None:
    emulator = AcmeEmulator()
    stream = emulator.add()
    emulator.inject(fault, on="*/login")
    with signing_in(kind, emulator, clock) as client:
        result = outcome(lambda: client.get(stream["id"]))
    if kind is Repeatable and fault is not FINAL[-1]:
        assert isinstance(result, live.LiveStream)
        assert logins(emulator) == 2
    else:
        assert isinstance(result, live.LiveStreamError)
        assert result.applied is False
        assert logins(emulator) == 1


def test_a_sign_in_without_a_network_connection_is_retried(clock: FakeClock) -> None:
    emulator = AcmeEmulator()
    stream = emulator.add()

    def at_login(number: int, _: live.Timeout) -> None:
        if number < 3:
            raise no_connection()

    with Watched(emulator, at_login).connect(clock=clock) as client:
        assert client.get(stream["id"]).id == stream["id"]
    assert logins(emulator) == 1


@contextmanager
def signing_in(
    kind: type[live.Adapter], emulator: AcmeEmulator, clock: FakeClock
) -> Iterator[live.Client]:
    settings = {**emulator.options(), "clock": clock}
    if kind is AcmeAdapter:
        with emulator.connect(clock=clock) as client:
            yield client
    else:
        with connected(kind, emulator.transport(), **settings) as client:
            yield client


# -- credentials that were refused ------------------------------------------------------------

WRONG = "hunter2-hunter2"


def refused(emulator: AcmeEmulator, **settings: Any) -> live.AuthenticationFailed:
    with emulator.connect(**{"password": WRONG, **settings}) as client:
        with pytest.raises(live.AuthenticationFailed) as caught:
            client.get("1")
    assert WRONG not in f"{caught.value} {caught.value.body} {caught.value.args}"
    return caught.value


@pytest.fixture(params=[None, MemoryStore, LeasingStore, file_store])
def fresh_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Return a function that creates stores for different processes with the same sessions."""
    sessions: dict[str, live.Session] = {}
    where = file_of(tmp_path) if request.param is file_store else sessions
    return lambda: request.param and request.param(where)


@pytest.mark.slow
def test_a_wrong_password_is_tried_ever_more_seldom(
    emulator: AcmeEmulator, clock: FakeClock, fresh_store: Callable[[], Any]
) -> None:
    tries = []
    began = clock.time
    for _ in range(190):
        before = logins(emulator)
        error = refused(emulator, clock=clock, token_store=fresh_store())
        assert error.applied is False
        assert error.retryable is False
        assert "the client will not send these credentials again for" in (error.hint or "")
        if logins(emulator) > before:
            tries.append(clock.time - began)
        clock.time += 5
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses[:8] == [5, 10, 20, 40, 80, 160, 300, 300]


def test_the_error_says_when_the_next_try_is_made(emulator: AcmeEmulator, clock: FakeClock) -> None:
    assert "for 5 s" in str(refused(emulator, clock=clock))
    clock.time += 3.2
    error = refused(emulator, clock=clock)
    assert "for 2 s" in str(error)
    assert error.http_status is None
    assert "not ***" in error.message  # the vendor's words
    assert logins(emulator) == 1


@pytest.mark.slow
def test_other_credentials_are_tried_at_once(
    emulator: AcmeEmulator, clock: FakeClock, fresh_store: Callable[[], Any]
) -> None:
    stream = emulator.add()
    store = fresh_store()
    refused(emulator, clock=clock, token_store=store)
    refused(emulator, clock=clock, token_store=store, password="another one")
    refused(emulator, clock=clock, token_store=store, account_name="another account")
    with emulator.connect(clock=clock, token_store=store) as client:
        client.get(stream["id"])
    assert logins(emulator) == 4


def test_a_success_forgets_that_the_credentials_were_refused(
    emulator: AcmeEmulator, clock: FakeClock, fresh_store: Callable[[], Any]
) -> None:
    stream = emulator.add()
    for _ in range(3):
        emulator.inject(Fault.status(403), on="*/login")
        store = fresh_store()
        with emulator.connect(clock=clock, token_store=store) as client:
            error = outcome(lambda: client.get(stream["id"]))
            assert "for 5 s" in str(error)
            clock.time += 5
            assert client.get(stream["id"]).id == stream["id"]
            emulator.tokens.clear()
            if isinstance(store, MemoryStore):
                assert list(store.sessions) == [client.account]
    assert logins(emulator) == 6


def test_a_session_that_another_process_opened_ends_the_while(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    """The password was corrected at the vendor: the first successful sign-in is for all."""
    stream = emulator.add()
    store = MemoryStore()
    emulator.inject(Fault.status(403), on="*/login")
    with emulator.connect(clock=clock, token_store=store) as client:
        outcome(lambda: client.get(stream["id"]))
        sessions: dict[str, live.Session] = {}
        with emulator.connect(clock=clock, token_store=MemoryStore(sessions)) as other:
            other.get(stream["id"])
        store.put(client.account, sessions[client.account])
        assert client.get(stream["id"]).id == stream["id"]


@pytest.mark.parametrize("store", [MemoryStore, LeasingStore, "file"])
def test_the_next_process_does_not_try_a_password_that_was_refused(
    emulator: AcmeEmulator, tmp_path: Path, store: Any
) -> None:
    sessions: dict[str, live.Session] = {}
    for _ in range(3):
        fresh = file_store(file_of(tmp_path)) if store == "file" else store(sessions)
        error = refused(emulator, token_store=fresh)
        assert "not ***" in error.message
    assert logins(emulator) == 1


def test_no_secret_is_in_a_store_that_notes_a_refusal(emulator: AcmeEmulator) -> None:
    store = MemoryStore()
    refused(emulator, token_store=store)
    (noted,) = store.sessions.values()
    assert WRONG not in json.dumps([list(store.sessions), noted.to_dict()])


def test_a_refusal_noted_by_a_wrong_clock_delays_no_sign_in(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    sessions: dict[str, live.Session] = {}
    ahead = FakeClock()
    ahead.time += 86_400
    refused(emulator, clock=ahead, token_store=MemoryStore(sessions))
    for _ in range(3):
        refused(emulator, clock=clock, token_store=MemoryStore(sessions))
    assert logins(emulator) == 2


@pytest.mark.slow
def test_what_was_refused_at_a_vendor_that_is_gone_holds_nobody_up(clock: FakeClock) -> None:
    """Many stores in one process, as in tests: the memory of one is soon reused by another."""
    for _ in range(200):
        emulator = AcmeEmulator()
        refused(emulator, clock=clock)
        assert logins(emulator) == 1


@pytest.mark.slow
def test_a_refusal_with_a_store_that_is_gone_delays_no_sign_in(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    for tries in range(1, 201):
        refused(emulator, clock=clock, token_store=MemoryStore())
        assert logins(emulator) == tries


def test_a_clock_that_is_set_back_delays_no_sign_in(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    refused(emulator, clock=clock)
    clock.time -= 86_400
    refused(emulator, clock=clock)
    refused(emulator, clock=clock)
    assert logins(emulator) == 2


@pytest.mark.parametrize("junk", [None, 7, "x", {}, {"message": 1, "times": 1}, {"times": "many"}])
def test_a_note_that_cannot_be_read_is_none(
    emulator: AcmeEmulator, clock: FakeClock, junk: Any
) -> None:
    sessions: dict[str, live.Session] = {}
    refused(emulator, clock=clock, token_store=MemoryStore(sessions))
    (name,) = sessions
    sessions[name] = attrs.evolve(sessions[name], memo=junk)
    refused(emulator, clock=clock, token_store=MemoryStore(sessions))
    assert logins(emulator) == 2


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
def test_an_error_that_does_not_concern_the_credentials_is_not_remembered(
    emulator: AcmeEmulator, clock: FakeClock, status: int
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status(status), on="*/login")
    with emulator.connect(clock=clock, retries=0) as client:
        assert isinstance(outcome(lambda: client.get(stream["id"])), live.LiveStreamError)
        assert client.get(stream["id"]).id == stream["id"]


def test_a_refusal_by_the_adapters_rules_is_remembered_with_any_status(
    clock: FakeClock,
) -> None:
    class Plain(AcmeAdapter):
        name = "plain"
        errors = {400: live.AuthenticationFailed}

    emulator = AcmeEmulator()
    emulator.inject(Fault.status(400), on="*/login", times=9)
    settings = {**emulator.options(), "clock": clock}
    with connected(Plain, emulator.transport(), **settings) as client:
        for _ in range(3):
            assert isinstance(outcome(lambda: client.get("1")), live.AuthenticationFailed)
    assert logins(emulator) == 1


# -- credentials in a store -------------------------------------------------------------------


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list with one entry for each slow digest that is computed."""
    found: list[object] = []
    scrypt = hashlib.scrypt

    def counted(*arguments: Any, **settings: Any) -> bytes:
        found.append(None)
        return scrypt(*arguments, **settings)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    return found


def test_a_store_with_a_key_needs_no_slow_digest(
    emulator: AcmeEmulator, digests: list[object], tmp_path: Path
) -> None:
    stream = emulator.add()
    for _ in range(3):
        with emulator.connect(token_store=file_store(file_of(tmp_path))) as client:
            client.get(stream["id"])
    refused(emulator, token_store=file_store(file_of(tmp_path)))
    assert digests == []


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, b""])
def test_a_bare_store_has_one_slow_digest_for_each_set_of_credentials(
    emulator: AcmeEmulator, digests: list[object], key: bytes | None
) -> None:
    class Bare(MemoryStore):
        pass

    Bare.key = key  # type: ignore[attr-defined]
    stream = emulator.add()
    user = f"user-{os.urandom(8).hex()}"  # this process has not seen these credentials before
    emulator.options = lambda: {"user": user, "password": "correct horse"}  # type: ignore[method-assign]
    for _ in range(5):
        with emulator.connect(token_store=Bare()) as client:
            client.get(stream["id"])
    assert len(digests) == 1
    refused(emulator, token_store=Bare())
    assert len(digests) == 2


def test_passwords_cannot_be_guessed_from_a_store_without_its_key(
    emulator: AcmeEmulator, tmp_path: Path
) -> None:
    stream = emulator.add()
    names = set()
    for key in (b"one", b"two"):
        path = tmp_path / key.decode()
        with emulator.connect(token_store=file_store(path, key)) as client:
            client.get(stream["id"])
        names.add(file_store(path, key).get(client.account).opened_with)
    assert len(names) == 2


def test_without_a_store_there_is_no_digest(emulator: AcmeEmulator, digests: list[object]) -> None:
    stream = emulator.add()
    with emulator.connect() as client:
        client.get(stream["id"])
    assert digests == []
