"""Exceptions for the program around the library pass through, and no request is sent."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from livestream_core.emulator import Fault
from runners import connect, only_sync
from scripted import REFUSED, ScriptedTransport, respond

pytestmark = pytest.mark.usefixtures("runner")

TOKEN = "t0ken-t0ken"
STREAM = respond(200, {"id": "1", "title": "T", "status": "on"})


class TimeLimit(Exception):
    """The exception that a task queue raises in a task that takes too long."""


class Odd(ValueError):
    """An exception that looks like a bug, but comes from a time limit."""


@dataclass(frozen=True)
class Frozen(Exception):
    """An exception that refuses all changes, even notes and tracebacks."""

    text: str
    number: int


KINDS: list[type[BaseException]] = [
    TimeLimit, Odd, TimeoutError, ConnectionResetError, MemoryError, KeyboardInterrupt, SystemExit,
    ExceptionGroup,
]  # fmt: skip
CHANGES: dict[str, Callable[[live.Client], Any]] = {
    "create": lambda client: client.create(title="T"),
    "update": lambda client: client.update("1", title="U"),
    "start": lambda client: client.start("1"),
    "stop": lambda client: client.stop("1"),
    "delete": lambda client: client.delete("1"),
}
CALLS = {
    "get": lambda client: client.get("1"),
    "list": lambda client: list(client.list()),
    "wait": lambda client: client.wait("1", until=live.Status.ENDED, timeout=60),
    **CHANGES,
}


def made(kind: type[BaseException]) -> BaseException:
    if issubclass(kind, ExceptionGroup):
        return ExceptionGroup("several", [ValueError("x")])
    return kind("made here", 7)


def clients(transport: Any, **arguments: Any) -> live.Client:
    return connect("acme", transport=transport, clock=FakeClock(), token=TOKEN, **arguments)


def special(kind: type[live.Adapter], transport: Any) -> Any:
    return connected(kind, transport, clock=FakeClock(), token=TOKEN)


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


def locals_below(error: BaseException) -> str:
    """Return what an error tracker stores: the locals of all frames except the test's."""
    seen: list[str] = []
    todo: list[BaseException | None] = [error]
    known: list[BaseException] = []
    while todo:
        each = todo.pop()
        if each is None or any(each is other for other in known):
            continue
        known.append(each)
        todo += [each.__cause__, each.__context__]
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if "test_" not in frame.f_code.co_filename:
                seen += map(_walked, frame.f_locals.values())
    return "\n".join(seen)


def _walked(value: object) -> str:
    if isinstance(value, dict):
        return repr({str(key): _walked(item) for key, item in value.items()})
    if isinstance(value, (list, tuple, set)):
        return repr([_walked(item) for item in value])
    return value if isinstance(value, str) else repr(value)


@contextmanager
def alarm(kind: type[BaseException], seconds: float) -> Iterator[None]:
    """Raise an exception in the middle of the running code, as Celery's soft limit does."""

    def handler(limit: type[BaseException], number: int, frame: object) -> None:
        raise made(limit)

    before = signal.signal(signal.SIGALRM, partial(handler, kind))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# -- while a request is sent ----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_passes_unchanged_and_nothing_is_sent_after_it(
    kind: type[BaseException], name: str
) -> None:
    limit = made(kind)
    arguments = limit.args
    transport = ScriptedTransport(lambda *_: limit)
    with clients(transport) as client:
        with pytest.raises(BaseException) as caught:
            CALLS[name](client)
    assert caught.value is limit
    assert limit.args == arguments
    assert len(transport.sent) == 1
    assert f"acme {name}" in notes(limit)
    assert f"applied={None if name in CHANGES else False}" in notes(limit)
    assert "'1'" in notes(limit) or name in ("create", "list")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_adapter_that_catches_everything_neither_sees_it_nor_sends_more(
    kind: type[BaseException],
) -> None:
    class Greedy(AcmeAdapter):
        name = "special"

        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            while True:
                try:
                    yield self.post("/streams/{id}/start", id=stream_id)
                except BaseException:
                    yield self.request("DELETE", "/streams/{id}", id=stream_id)

    limit = made(kind)
    transport = ScriptedTransport(lambda *_: limit)
    with special(Greedy, transport) as client:
        with pytest.raises(BaseException) as caught:
            client.start("1")
    assert caught.value is limit
    assert [sent.method for sent in transport.sent] == ["POST"]


def test_an_immutable_exception_passes_unchanged() -> None:
    limit = Frozen("made here", 7)
    transport = ScriptedTransport(lambda *_: limit)
    with clients(transport) as client, pytest.raises(Frozen) as caught:
        client.create(title="T")
    assert caught.value is limit
    assert len(transport.sent) == 1


def test_an_exception_after_a_change_was_applied_says_so() -> None:
    answers = iter([STREAM, TimeLimit()])
    transport = ScriptedTransport(lambda *_: next(answers))
    with clients(transport) as client, pytest.raises(TimeLimit) as caught:
        client.stop("1")
    assert "applied=True" in notes(caught.value)


@pytest.mark.parametrize("kind", [TimeLimit, KeyboardInterrupt])
def test_it_passes_from_the_pause_before_a_retry(kind: type[BaseException]) -> None:
    class Interrupted(FakeClock):
        def sleep(self, seconds: float) -> None:
            raise made(kind)

    transport = ScriptedTransport(lambda *_: REFUSED)
    client = connect("acme", transport=transport, clock=Interrupted(), token=TOKEN)
    with client, pytest.raises(kind) as caught:
        client.create(title="T")
    assert len(transport.sent) == 1
    assert "applied=False" in notes(caught.value)


def test_it_passes_from_the_pause_between_two_reads_of_wait() -> None:
    class Interrupted(FakeClock):
        def sleep(self, seconds: float) -> None:
            raise TimeLimit

    transport = ScriptedTransport(lambda *_: STREAM)
    client = connect("acme", transport=transport, clock=Interrupted(), token=TOKEN)
    with client, pytest.raises(TimeLimit) as caught:
        client.wait("1", until=live.Status.ENDED, timeout=60)
    assert "acme wait '1'" in notes(caught.value)


# -- at any place ---------------------------------------------------------------------------


@pytest.mark.slow
@only_sync
@pytest.mark.parametrize("kind", [TimeLimit, Odd, TimeoutError, ConnectionResetError])
@pytest.mark.parametrize("place", ["trace", "exchange", "operation", "store", "adapter", "sign_in"])
def test_a_signal_handlers_exception_passes_through_any_code(
    kind: type[BaseException], place: str, emulator: AcmeEmulator
) -> None:
    stream = emulator.add()
    reached = threading.Event()

    def interrupted(*_: object) -> Any:
        with alarm(kind, 0.01):
            reached.set()
            while True:
                signal.pause()

    class Interrupted(AcmeAdapter):
        name = "special"

        def parse_stream(self, payload: Any) -> live.LiveStream:
            return interrupted() if place == "adapter" else super().parse_stream(payload)

        def sign_in(self, previous: live.Session | None, now: Any) -> Any:
            return interrupted() if place == "sign_in" else super().sign_in(previous, now)

    class Store:
        get = put = delete = interrupted

    class Observer:
        @live.hookimpl
        def livestream_trace(self) -> None:
            if place == "trace":
                interrupted()

        @live.hookimpl
        def livestream_exchange(self) -> None:
            if place == "exchange":
                interrupted()

        @live.hookimpl
        def livestream_operation(self) -> None:
            if place == "operation":
                interrupted()

    observer = Observer()
    live.register(observer)
    try:
        store = Store() if place == "store" else None
        transport = emulator.transport()
        with connected(Interrupted, transport, token_store=store, **emulator.options()) as client:
            with pytest.raises(kind) as caught:
                client.get(stream["id"])
    finally:
        live.unregister(observer)
    assert reached.is_set()
    assert type(caught.value) is kind
    assert caught.value.args == ("made here", 7)
    assert f"special get '{stream['id']}'" in notes(caught.value)
    assert "applied=False" in notes(caught.value)


class StoreLibraryError(Exception):
    """An exception of a database client."""


@pytest.mark.parametrize("problem", [OSError("down"), KeyError("x"), TimeoutError()])
def test_a_store_that_fails_only_costs_a_sign_in(
    emulator: AcmeEmulator, problem: Exception
) -> None:
    class Store:
        def get(self, account: str) -> live.Session | None:
            raise problem

        def put(self, account: str, session: live.Session) -> None:
            raise problem

        delete = get

    stream = emulator.add()
    with emulator.connect(token_store=Store()) as client:
        assert client.get(stream["id"]).id == stream["id"]


def test_a_store_whose_library_fails_only_costs_a_sign_in(emulator: AcmeEmulator) -> None:
    import sqlite3

    from sqlalchemy import create_engine, text

    class Store:
        def get(self, account: str) -> live.Session | None:
            engine = create_engine("sqlite://")
            try:
                with engine.connect() as connection:
                    connection.execute(text("SELECT nothing FROM nowhere"))
            finally:
                engine.dispose()
            return None

        def put(self, account: str, session: live.Session) -> None:
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.execute("SELECT nothing FROM nowhere")

        delete = get

    stream = emulator.add()
    with emulator.connect(token_store=Store()) as client:
        assert client.get(stream["id"]).id == stream["id"]


def test_what_a_store_raises_of_anybody_else_passes(emulator: AcmeEmulator) -> None:
    class Store:
        def get(self, account: str) -> live.Session | None:
            raise TimeLimit

        put = delete = get

    stream = emulator.add()
    with emulator.connect(token_store=Store()) as client, pytest.raises(TimeLimit):
        client.get(stream["id"])
    assert emulator.requests == []


@pytest.mark.parametrize("kind", [KeyError, IndexError, ZeroDivisionError, RecursionError, Odd])
def test_a_bug_of_the_adapters_code_is_an_error_of_ours(kind: type[Exception]) -> None:
    class Broken(AcmeAdapter):
        name = "special"

        def parse_stream(self, payload: Any) -> live.LiveStream:
            raise kind("secret-looking text")

    transport = ScriptedTransport(lambda *_: STREAM)
    with special(Broken, transport) as client:
        with pytest.raises(live.UnexpectedResponse, match=kind.__name__) as caught:
            client.get("1")
    assert "secret-looking" not in str(caught.value)


@pytest.mark.parametrize("kind", [TimeLimit, OSError, MemoryError])
def test_what_is_not_a_bug_passes_from_the_adapters_code(kind: type[Exception]) -> None:
    class Interrupted(AcmeAdapter):
        name = "special"

        def parse_stream(self, payload: Any) -> live.LiveStream:
            raise kind

    transport = ScriptedTransport(lambda *_: STREAM)
    with special(Interrupted, transport) as client:
        with pytest.raises(kind):
            client.create(title="T")
        with pytest.raises(kind):
            client.parse_stream({})


def test_a_bug_of_a_transport_is_not_reported_as_a_lost_connection() -> None:
    problem = AttributeError("read1")
    transport = ScriptedTransport(lambda *_: problem)
    with clients(transport) as client, pytest.raises(AttributeError) as caught:
        client.create(title="T")
    assert caught.value is problem
    assert len(transport.sent) == 1


# -- waiting for another sign-in, and closing -----------------------------------------------


def test_a_call_that_waits_for_a_sign_in_does_not_get_its_interrupt(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    waiting = threading.Event()
    inner = emulator.transport()

    class Transport:
        session_scope = inner.session_scope
        logins = 0

        def send(self, method: str, origin: str, target: str, *rest: Any) -> live.Response:
            if target == "/login":
                self.logins += 1
                if self.logins == 1:
                    waiting.wait(30)
                    raise TimeLimit
            return inner.send(method, origin, target, *rest)

    transport = Transport()

    def read(client: live.Client) -> str:
        try:
            return client.get(stream["id"]).id
        except TimeLimit:
            return "interrupted"

    client = connect("acme", transport=transport, **emulator.options())
    with client, ThreadPoolExecutor(4) as threads:
        reads = [threads.submit(read, client) for _ in range(4)]
        waiting.set()
        results = sorted(each.result(30) for each in reads)
    assert results == [stream["id"]] * 3 + ["interrupted"]
    assert transport.logins == 2


def test_leaving_a_with_still_signs_out(emulator: AcmeEmulator) -> None:
    stream = emulator.add()

    def task() -> None:
        with emulator.connect() as client:
            client.get(stream["id"])
            raise TimeLimit

    with pytest.raises(TimeLimit) as caught:
        task()
    assert emulator.requests[-1].path == "/logout"
    assert notes(caught.value) == ""  # it did not interrupt an operation


def test_it_passes_from_signing_out(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    inner = emulator.transport()

    class Transport:
        session_scope = inner.session_scope

        def send(self, method: str, origin: str, target: str, *rest: Any) -> live.Response:
            if target == "/logout":
                raise TimeLimit
            return inner.send(method, origin, target, *rest)

    client = connect("acme", transport=Transport(), **emulator.options())
    client.get(stream["id"])
    with pytest.raises(TimeLimit) as caught:
        client.close()
    assert "acme close" in notes(caught.value)


# -- data of an error tracker ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [TimeLimit, KeyboardInterrupt, ConnectionResetError])
def test_no_frame_of_it_holds_a_credential(kind: type[BaseException]) -> None:
    transport = ScriptedTransport(lambda *_: made(kind))
    with clients(transport) as client, pytest.raises(kind) as caught:
        client.create(title="T")
    assert TOKEN not in locals_below(caught.value)
    assert "support/scripted.py" in notes(caught.value)  # where it was raised is still said


def test_what_the_caller_was_handling_is_left_as_it_was() -> None:
    transport = ScriptedTransport(lambda *_: TimeLimit())
    with clients(transport) as client:
        try:
            raise LookupError("the caller's own")
        except LookupError as own:
            with pytest.raises(TimeLimit) as caught:
                client.get("1")
            assert caught.value.__context__ is own
            assert own.__traceback__ is not None


@pytest.mark.slow
@pytest.mark.parametrize("answer", [REFUSED, respond(401), respond(500), respond(302)])
@pytest.mark.parametrize("name", CALLS)
def test_no_frame_of_our_errors_holds_a_credential(name: str, answer: object) -> None:
    transport = ScriptedTransport(lambda *_: answer)
    with clients(transport, retries=1) as client:
        with pytest.raises(live.LiveStreamError) as caught:
            CALLS[name](client)
    assert TOKEN not in locals_below(caught.value)


def test_no_frame_holds_a_password_when_signing_in_fails(emulator: AcmeEmulator) -> None:
    password = emulator.options()["password"]
    for fault in (Fault.drop_before(), Fault.status(403), Fault.html()):
        emulator.inject(fault, on="*/login", times=9)
        with emulator.connect(retries=0) as client:
            with pytest.raises(live.LiveStreamError) as caught:
                client.get("1")
        assert password not in locals_below(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"token": TOKEN, "user": "u"},
        {"token": TOKEN, "nothing": "x"},
        {"token": TOKEN + "\n"},
        {"token": TOKEN, "base_url": "http://vendor.example"},
    ],
)
def test_no_frame_holds_a_credential_when_options_are_wrong(options: dict[str, str]) -> None:
    with pytest.raises(live.ConfigurationError) as caught:
        live.connect("acme", **options)
    assert TOKEN not in locals_below(caught.value)


def test_no_frame_holds_the_environment_when_options_are_missing() -> None:
    environ = {"LIVESTREAM_ACME_PASSWORD": TOKEN}
    with pytest.raises(live.ConfigurationError) as caught:
        live.connect("acme", environ=environ)
    assert TOKEN not in locals_below(caught.value)
