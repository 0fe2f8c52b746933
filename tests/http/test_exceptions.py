"""Exceptions from outside pass through a transport at once, unchanged, and without secrets."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import urllib3

import livestream_core as live
from servers import answer, raw_server, resolve_to, unreachable_address

SECRET = "s3cret-s3cret"
HEADERS = {"Authorization": f"Bearer {SECRET}"}
BODY = f'{{"password": "{SECRET}"}}'.encode()


class SoftTimeLimit(Exception):
    """A time limit as in task queues."""


class OwnTimeout(TimeoutError):
    """An exception as in programs."""


RAISED = [
    SoftTimeLimit(1),
    OwnTimeout("enough"),
    TimeoutError("enough"),
    OSError("enough"),
    ConnectionResetError("enough"),
    KeyboardInterrupt(),
    SystemExit(3),
]


@pytest.fixture(params=["own pool", "own session"])
def transport(request: pytest.FixtureRequest) -> Iterator[live.RequestsTransport]:
    with requests.Session() as session:
        transport = live.RequestsTransport(session if request.param == "own session" else None)
        yield transport
        transport.close()


def send(transport: live.Transport, origin: str, target: str = "/") -> live.Response:
    return transport.send("POST", origin, target, HEADERS, BODY, live.Timeout(20, 20, 20))


@contextmanager
def raised_by_a_signal(error: BaseException) -> Iterator[Callable[[], None]]:
    """Raise an exception in this thread when another thread requests it."""

    def handler(*_: object) -> None:
        raise error

    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        yield lambda: signal.pthread_kill(main, signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def everything_held_by(error: BaseException) -> str:
    """Return everything that a tool finds that captures the locals of a traceback."""
    found: list[str] = []
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is not None:
            todo += [each.__cause__, each.__context__]
            found.append(repr(each))
            for frame, _ in traceback.walk_tb(each.__traceback__):
                if frame.f_code.co_filename != __file__:
                    found += map(repr, frame.f_locals.values())
    return "\n".join(found)


def modules_in(error: BaseException) -> set[str]:
    return {
        frame.f_globals["__name__"].partition(".")[0]
        for frame, _ in traceback.walk_tb(error.__traceback__)
    }


@pytest.mark.slow
@pytest.mark.parametrize("point", ["connecting", "head", "body"])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_exception_of_a_signal_handler_passes_at_once_and_unchanged(
    transport: live.Transport, error: BaseException, point: str
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        if b"/again" in request:
            connection.sendall(answer(b'"again"'))
            return
        if point == "body":
            connection.sendall(answer(b'"late"')[:-3])
        interrupt()
        over.wait(20)
        connection.sendall(answer(b'"late"')[-3 if point == "body" else 0 :])

    over, arguments = threading.Event(), error.args
    with (
        raised_by_a_signal(error) as interrupt,
        raw_server(handler) as server,
        unreachable_address() as (host, port),
    ):
        # Load everything first: Python's import swallows an OSError that is raised inside it.
        send(transport, server.origin, "/again")
        if point == "connecting":
            origin, soon = f"http://{host}:{port}", threading.Timer(0.2, interrupt)
        else:
            origin, soon = server.origin, threading.Timer(0, int)
        with pytest.raises(type(error)) as caught:  # noqa: PT012
            soon.start()
            send(transport, origin)
        assert caught.value is error
        assert type(caught.value) is type(error)
        assert error.args == arguments
        assert error.__cause__ is error.__context__ is None
        assert SECRET not in everything_held_by(error)
        assert not modules_in(error) & {"requests", "urllib3", "http", "socket"}
        soon.join()
        over.set()
        assert send(transport, server.origin, "/again").body == b'"again"'
    assert server.connections == (1 if point == "connecting" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("error", [TimeoutError("enough"), OSError("enough")])
def test_a_time_limit_while_connecting_does_not_try_the_next_address(
    transport: live.Transport, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        raised_by_a_signal(error) as interrupt,
        raw_server(lambda s, _: s.sendall(answer())) as server,
        unreachable_address() as silent,
    ):
        send(transport, server.origin)
        resolve_to(monkeypatch, silent, ("127.0.0.1", server.port))
        soon = threading.Timer(0.2, interrupt)
        with pytest.raises(type(error)) as caught:  # noqa: PT012
            soon.start()
            send(transport, "http://vendor.test")
        soon.join()
    assert caught.value is error
    assert len(server.requests) == 1


def test_what_the_caller_is_handling_stays_the_context(transport: live.Transport) -> None:
    limit = SoftTimeLimit()
    with (
        raised_by_a_signal(limit) as interrupt,
        raw_server(lambda *_: (interrupt(), threading.Event().wait(5))) as server,
    ):
        try:
            raise LookupError("of the caller")
        except LookupError as handled:
            with pytest.raises(SoftTimeLimit):
                send(transport, server.origin)
            assert limit.__context__ is handled
            assert handled.__traceback__ is not None


def test_a_bug_inside_the_transport_is_not_a_lost_connection(
    transport: live.Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read1(*_: object, **__: object) -> bytes:
        raise AttributeError("read1")

    monkeypatch.setattr(urllib3.HTTPResponse, "read1", read1)
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        with pytest.raises(AttributeError, match="read1") as caught:
            send(transport, server.origin)
    assert SECRET not in everything_held_by(caught.value)
    assert "http/test_exceptions.py" in caught.value.__notes__[0]


def test_our_own_errors_hold_nothing_of_the_request(transport: live.Transport) -> None:
    def drop(connection: socket.socket, _: bytes) -> None:
        raise ConnectionError

    with raw_server(drop) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        origins = [server.origin, f"http://127.0.0.1:{closed.getsockname()[1]}", "http://a b"]
        closed.close()
        for origin in origins:
            with pytest.raises(live.LiveStreamError) as caught:
                send(transport, origin)
            assert SECRET not in everything_held_by(caught.value)
            assert caught.value.__context__ is None


@pytest.mark.slow
def test_over_aiohttp_neither_our_errors_nor_a_cancellation_hold_anything_of_the_request() -> None:
    def drop(connection: socket.socket, request: bytes) -> None:
        if b"/hangs" in request:
            threading.Event().wait(1)
        raise ConnectionError

    async def failing(origin: str, target: str = "/") -> BaseException:
        transport, limits = live.AiohttpTransport(), live.Timeout(20, 20, 20)
        try:
            async with asyncio.timeout(0.2 if target == "/hangs" else 20):
                await transport.send("POST", origin, target, HEADERS, BODY, limits)
        except TimeoutError as error:
            assert error.__cause__ is not None
            return error.__cause__
        except live.LiveStreamError as error:
            return error
        finally:
            await transport.close()
        raise AssertionError

    with raw_server(drop) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        origins = [server.origin, f"http://127.0.0.1:{closed.getsockname()[1]}", "http://a b"]
        closed.close()
        for origin in origins:
            error = asyncio.run(failing(origin))
            assert isinstance(error, live.LiveStreamError)
            assert SECRET not in everything_held_by(error)
            assert error.__context__ is None
        cancelled = asyncio.run(failing(server.origin, "/hangs"))
        assert isinstance(cancelled, asyncio.CancelledError)
        assert SECRET not in everything_held_by(cancelled)


@pytest.mark.parametrize("error", [KeyError("x"), SoftTimeLimit(), TimeoutError(), SystemExit(2)])
def test_an_exception_of_an_in_process_app_passes_unchanged(
    error: BaseException,
) -> None:
    def app(environ: dict[str, Any], _: object) -> list[bytes]:
        assert SECRET in environ["HTTP_AUTHORIZATION"]
        try:
            raise OSError(environ["HTTP_AUTHORIZATION"])
        except OSError:
            raise error from None

    with pytest.raises(type(error)) as caught:
        send(live.WSGITransport(app), "http://app.test")
    assert caught.value is error
    assert SECRET not in everything_held_by(error)
    assert "http/test_exceptions.py" in error.__notes__[0]


def test_a_header_that_cannot_be_sent_is_refused_without_showing_it() -> None:
    with requests.Session() as session, raw_server(lambda s, _: s.sendall(answer())) as server:
        session.headers["X-Trace"] = f"{SECRET}\r\nX-Evil: 1"
        with pytest.raises(live.ConfigurationError, match="the header X-Trace") as caught:
            send(live.RequestsTransport(session), server.origin)
    assert caught.value.applied is False
    assert SECRET not in everything_held_by(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "target",
    ["/a#b", "/a b", "/a?q=b c", "/a\r\nX: y", "/a\tb", "/\x00", "/ü", "a", "", "http://x/"],
)
def test_a_target_that_would_be_rewritten_is_refused_before_sending(
    transport: live.Transport, target: str
) -> None:
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        with pytest.raises(live.InvalidInput) as caught:
            send(transport, server.origin, target)
        assert caught.value.applied is False
        assert server.connections == 0
