"""Sending HTTP requests over aiohttp, without what it does by itself.

aiohttp gives what comes on an idle connection to the request that uses it next, and sends some
requests a second time when a connection is lost. Here a connection is used again only after
exactly one complete answer, and nothing is sent twice. That takes a few of its private parts, so
one minor version of it is required; tests/http/test_answers.py is the fence.
"""

from __future__ import annotations

import asyncio
import io
import math
import os
import re
import select
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakSet

from urllib3.util.wait import wait_for_read

from .._contract.foreign import is_of_signal_handler
from .._contract.request import Headers, Response, checked_target
from .._contract.transport import Timeout
from .._model.errors import ConfigurationError, ConnectionFailed, RequestTimeout
from .decoding import CutOffError, decoded
from .failures import chain_of
from .network import (
    MAX_BODY,
    Environment,
    Wanted,
    check_headers,
    headers_to_send,
    invalid_address,
    late_end,
    proxy_wants_credentials,
    read_body,
    reason_of,
)
from .threads import LARGE, working

if TYPE_CHECKING:
    from .aiohttp_transport import AiohttpTransport

try:
    import aiohttp
    from aiohttp import hdrs
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.streams import EMPTY_PAYLOAD
    from multidict import CIMultiDict
    from yarl import URL
except ImportError as missing:
    raise ConfigurationError(
        "the asynchronous client needs aiohttp", hint="pip install 'livestream-core[async]'"
    ) from missing

_SUPPORTED = "3.14."
if not aiohttp.__version__.startswith(_SUPPORTED):
    raise ConfigurationError(
        f"the asynchronous client needs aiohttp {_SUPPORTED}x, not {aiohttp.__version__}",
        hint="pip install 'livestream-core[async]'",
    )

#: What this module uses of aiohttp's objects although it is private.
PRIVATES_OF_AIOHTTP = ("_close",)
#: How many forks this process is away from the first one.
_forks = 0
#: Connections to one host at once; who wants one more waits.
_PER_HOST = 100
#: As much as http.client takes.
_LONGEST_LINE = 65536
#: A coded body is never much larger than what it is decoded to.
_MOST_CODED = MAX_BODY + MAX_BODY // 16


class _Progress:
    """How far a request has come.

    Attributes:
        is_connected: Whether it has a connection: from then on nobody can know what was sent.
        is_answered: Whether the head of the answer has come.
    """

    __slots__ = ("is_answered", "is_connected")

    def __init__(self) -> None:
        self.is_connected: bool = False
        self.is_answered: bool = False


class _Request(aiohttp.ClientRequest):
    """A request with the headers that it is given, and no others."""

    _skip_auto_headers = CIMultiDict({hdrs.CONTENT_TYPE: None})

    def update_auto_headers(self, skip_auto_headers: object) -> None:
        pass


class _Protocol(ResponseHandler):
    """A connection that gives what comes after an answer to nobody.

    Its time is looked at by one alarm, which stays over many requests: to set one for each piece
    of an answer, and one for the whole, as aiohttp and asyncio do, is a large part of what a
    request costs.
    """

    _is_reading = _is_over = False
    #: When the answer must be there, and when the next sign of life or all of it must be.
    _until = _due = math.inf
    _alarm: asyncio.TimerHandle | None = None
    _alarm_at = math.inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._has_received = _watched(transport.get_extra_info("socket"))

    @property
    def is_used_up(self) -> bool:
        """Whether anything has come since the last answer, be it in the system's queue."""
        return self.should_close or self.transport is None or bool(self._has_received())

    def expect_until(self, at: float) -> None:
        """Have what is read from now on fail at a time of the loop's clock."""
        self._until = at
        self._be_due(at)

    def _reschedule_timeout(self) -> None:
        # aiohttp's name: called when there is a sign of life.
        silent = math.inf if self._read_timeout is None else self._read_timeout
        self._be_due(min(self._until, self._loop.time() + silent))

    def _drop_timeout(self) -> None:
        # aiohttp's name: called at the end of each answer, of an interim one, too. What is awaited
        # after that has its time as well; end() is when nothing is.
        pass

    def _be_due(self, at: float) -> None:
        self._due = at
        if at < self._alarm_at:
            self._stop_alarm()
            self._alarm_at = at
            self._alarm = self._loop.call_at(at, self._look_at_time)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm, self._alarm_at = None, math.inf

    def _look_at_time(self) -> None:
        self._alarm, self._alarm_at = None, math.inf
        if self._due > self._loop.time():
            self._be_due(self._due)
            return
        self._until = self._due = math.inf
        self._on_read_timeout()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._until = math.inf
        self._stop_alarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._is_reading = True
        try:
            while self._payload is None or self._payload is EMPTY_PAYLOAD:
                end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
                if end < len(_END_OF_HEAD) or _is_one_answer(data, end):
                    break
                # A head by itself: what follows an answer in one piece would take it away.
                super().data_received(data[:end])
                data = data[end:]
            if data:
                super().data_received(data)
        finally:
            self._is_reading = False
            if self._is_over:
                self.end()

    def close(self) -> None:
        # Over TLS the vendor would be waited for, who may send for ever meanwhile.
        self.abort()

    def end(self) -> None:
        """The answer was read to its end. What comes from now on is kept, and seen before the
        connection is used again.
        """
        self._is_over = self._is_reading
        if self._is_reading or self._parser is None:
            return
        self._until = self._due = math.inf
        if _has_begun(self._parser):
            self.close()
        self._parser = self._payload = None


def _watched(sock: Any) -> Callable[[], object]:
    """Make what says whether anything is in the system's queue of a socket, or it has ended."""
    if not hasattr(select, "poll"):
        return partial(wait_for_read, sock, 0)
    queue = select.poll()
    queue.register(sock, select.POLLIN)
    return partial(queue.poll, 0)


_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _is_one_answer(data: bytes, end: int) -> bool:
    """Whether there is nothing after an answer whose head has an end there, as is the rule."""
    if data[9:10] == b"1" or data[9:12] in (b"204", b"304"):
        return False  # a body where none can be
    length = _LENGTH.search(data, 0, end)
    return length is not None and int(length[1]) == len(data) - end


def _has_begun(parser: Any) -> bool:
    """Whether a parser has begun with what comes after an answer."""
    # Of aiohttp's parser in Python; the one in C shows nothing, and tells at the end.
    if getattr(parser, "_lines", None) or getattr(parser, "_tail", None):
        return True
    try:
        return parser.feed_eof() is not None
    except Exception:
        return True


class _Names:
    """Has names looked up as synchronous clients have, whatever the event loop."""

    async def getaddrinfo(self, host: str, port: int, **more: Any) -> list[Any]:
        return await working.run(partial(socket.getaddrinfo, host, port, **more))

    async def getnameinfo(self, address: Any, flags: int = 0) -> tuple[str, str]:
        return await working.run(socket.getnameinfo, address, flags)


class _Connector(aiohttp.TCPConnector):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        names: Any = _Names()
        super().__init__(
            limit=0,
            limit_per_host=_PER_HOST,
            resolver=aiohttp.ThreadedResolver(names),
            timeout_ceil_threshold=math.inf,
        )
        make: Any = partial(_Protocol, loop)
        self._factory = make

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        # Over all addresses of the host, and without the wait for others' connections.
        async with asyncio.timeout(timeout.sock_connect):
            return await super()._create_connection(req, traces, timeout)

    async def _get(self, key: ConnectionKey, traces: Any) -> Any:
        while (connection := await super()._get(key, traces)) is not None:
            protocol: Any = connection.protocol
            if not protocol.is_used_up:
                return connection
            connection.close()
        return None

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=should_close)
        protocol.end()


class _Route(NamedTuple):
    """How requests to an origin go."""

    base: URL
    proxy: URL | None
    ssl: Any

    @property
    def is_forwarded(self) -> bool:
        """Whether a proxy is handed the requests, and may answer them."""
        return self.proxy is not None and self.base.scheme == "http"


class Pool:
    """The connections of one event loop.

    It is closed with the last transport that uses it, or, if none is closed, at the end of the
    loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, forget: Callable[[Pool], None]) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self._forget = forget
        self.forks: int = _forks
        self.users: WeakSet[AiohttpTransport] = WeakSet()
        self.sending: int = 0
        self.is_open: bool = True
        self._connector = _Connector(loop)
        # Whoever runs a loop ends its generators with it, and so these connections.
        self._keeper = self._kept()
        try:
            self._keeper.asend(None).send(None)
        except StopIteration:
            pass

    async def _kept(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._forget(self)
            await self._connector.close()

    @property
    def is_left(self) -> bool:
        return not self.users and not self.sending

    def serves(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether it is the one to use in a loop."""
        return self.loop is loop and self.is_open and self.forks == _forks

    async def close(self) -> None:
        await self._keeper.aclose()

    def drop(self) -> None:
        """Of a loop that is closed already: there is nothing left to wait for."""
        self._connector._close()

    async def answer(
        self, request: aiohttp.ClientRequest, timeout: Timeout, until: float, progress: _Progress
    ) -> aiohttp.ClientResponse:
        """Send a request once, and return the answer when its head has come. That is what
        aiohttp's session does, less all that is not wanted here: sending some requests a second
        time, cookies, redirects, credentials of other places.
        """
        bounds = _bounds(timeout.connect, timeout.total)
        connection = await self._connector.connect(request, [], bounds)
        progress.is_connected = True
        protocol: Any = connection.protocol
        try:
            protocol.expect_until(until)
            protocol.set_response_params(
                skip_payload=request.method == "HEAD",
                read_until_eof=True,
                auto_decompress=False,
                read_timeout=timeout.read,
                timeout_ceil_threshold=math.inf,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            )
            answer = await request.send(connection)
            try:
                await answer.start(connection)
            except BaseException:
                answer.close()
                raise
        except BaseException:
            connection.close()
            raise
        progress.is_answered = True
        return answer


class Connections:
    """The connections of a process, by event loop, all to the same rules.

    Args:
        environment: Proxies and certificates.
    """

    def __init__(self, environment: Environment) -> None:
        import requests.utils  # noqa: F401 - now, and not while an event loop waits

        self._environment = environment
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._routes: dict[str, _Route] = {}

    def _route(self, origin: str) -> _Route:
        """Return how requests to an origin go.

        Raises:
            ConfigurationError: By a proxy that cannot be used.
        """
        found = self._routes.get(origin)
        if found is None:
            found = self._routes[origin] = self._new_route(origin)
        return found

    def _new_route(self, origin: str) -> _Route:
        proxy = self._environment.proxy_for(origin)
        scheme = urlsplit(proxy).scheme if proxy is not None else ""
        if scheme.startswith("socks"):
            raise ConfigurationError(
                "aiohttp cannot use a SOCKS proxy",
                hint="use an http proxy, name the host in NO_PROXY, or use connect()",
                applied=False,
            )
        try:
            base, through = URL(origin), None if proxy is None else URL(proxy)
        except ValueError:
            raise invalid_address() from None
        is_secure = "https" in (base.scheme, scheme)
        return _Route(base, through, self._environment.ssl_context if is_secure else True)

    def _pool_for(self, user: AiohttpTransport) -> Pool:
        """Return the pool of the running loop, and note who uses it."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool.forks != _forks:
            pool = self._new_pool(loop)
        pool.users.add(user)
        return pool

    def _new_pool(self, loop: asyncio.AbstractEventLoop) -> Pool:
        # Without a lock: each loop has an entry of its own.
        if any(each.forks != _forks for each in list(self._pools.values())):
            # The parent's, which still uses them: not to be closed, nor to be collected.
            _of_parents.append(self._pools)
            self._pools = {}
        for other in [each for each in list(self._pools) if each.is_closed()]:
            if (left_over := self._pools.pop(other, None)) is not None:
                left_over.drop()
        pool = self._pools[loop] = Pool(loop, self._forget)
        return pool

    def _forget(self, pool: Pool) -> None:
        pool.is_open = False
        if self._pools.get(pool.loop) is pool:
            del self._pools[pool.loop]

    async def outcome(self, user: AiohttpTransport, wanted: Wanted) -> Response | BaseException:
        progress = _Progress()
        try:
            return await self._exchange(user, progress, *wanted)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            return _failure(error, wanted.origin, progress)
        except BaseException as error:
            return error

    async def _exchange(
        self,
        user: AiohttpTransport,
        progress: _Progress,
        method: str,
        origin: str,
        target: str,
        given: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        checked_target(target)
        headers = headers_to_send(method, given, body)
        check_headers(headers)
        route = self._route(origin)
        pool = user.pool
        if pool is None or not pool.serves(asyncio.get_running_loop()):
            pool = user.pool = self._pool_for(user)
        until = pool.loop.time() + timeout.total
        pool.sending += 1
        try:
            request = _Request(
                method,
                route.base.with_path(target, encoded=True),
                headers=headers,
                data=io.BytesIO(body) if body is not None and len(body) > LARGE else body,
                loop=pool.loop,
                proxy=route.proxy,
                ssl=route.ssl,
            )
            answer = await pool.answer(request, timeout, until, progress)
            try:
                status, found = answer.status, _headers(answer)
                if status == 407 and route.is_forwarded:
                    raise proxy_wants_credentials()
                if status < 200:  # 101, which nobody asked for
                    return Response(status, found)
                chunks, is_cut = await _read(answer)
            finally:
                # What was not read to its end is not used again.
                answer.close()
        finally:
            pool.sending -= 1
            if not pool.users:
                await self._close_if_left(pool)
        coding = found.get("content-encoding", "")
        if not coding and not is_cut and len(chunks) == 1 and len(chunks[0]) <= LARGE:
            return Response(status, found, chunks[0])
        pieces = decoded(_pieces(chunks, is_cut), coding)
        if sum(map(len, chunks)) > LARGE:
            content, problem = await working.run(read_body, pieces)
        else:
            content, problem = read_body(pieces)
        return Response(status, found, content, problem)

    async def leave(self, user: AiohttpTransport) -> None:
        """Close what nobody else uses."""
        loop = asyncio.get_running_loop()
        for pool in list(self._pools.values()):
            if user not in pool.users:
                continue
            pool.users.discard(user)
            if pool.loop is loop:
                await self._close_if_left(pool)
            elif not pool.loop.is_closed():
                pool.loop.call_soon_threadsafe(self._close_soon, pool)

    def _close_soon(self, pool: Pool) -> None:
        task = pool.loop.create_task(self._close_if_left(pool))
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    async def _close_if_left(self, pool: Pool) -> None:
        if pool.is_left:
            self._forget(pool)
            await pool.close()


_of_parents: list[object] = []
#: A loop itself holds its tasks weakly.
_closing: set[asyncio.Task[None]] = set()


@lru_cache(maxsize=64)
def _bounds(connect: float, total: float) -> aiohttp.ClientTimeout:
    # aiohttp rounds what is longer than its threshold up to whole seconds.
    return aiohttp.ClientTimeout(
        total=None, connect=total, sock_connect=connect, ceil_threshold=math.inf
    )


def _headers(answer: aiohttp.ClientResponse) -> Headers:
    given = answer.headers
    found: dict[str, str] = dict(given)
    if len(found) < len(given):
        found = {name: ", ".join(given.getall(name)) for name in given}
    return Headers(found)


async def _read(answer: aiohttp.ClientResponse) -> tuple[list[bytes], bool]:
    """Read a body as it comes in, up to a bound; and whether it ends before its end."""
    chunks, size, content = [], 0, answer.content
    try:
        while size <= _MOST_CODED and (chunk := await content.readany()):
            chunks.append(chunk)
            size += len(chunk)
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError):
        return chunks, True
    return chunks, False


def _pieces(chunks: list[bytes], is_cut: bool) -> Iterator[bytes]:
    yield from chunks
    if is_cut:
        raise CutOffError


def _failure(error: BaseException, origin: str, progress: _Progress) -> BaseException:
    """Our error for one of aiohttp's or the system's; only certain knowledge that nothing was
    sent gives ``applied=False``.
    """
    chain = chain_of(error)
    for each in chain:
        if is_of_signal_handler(each):
            return each
    if isinstance(error, (aiohttp.InvalidURL, UnicodeError)):  # the host is not a name
        return invalid_address()
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ConnectionFailed(
            "the certificate of the vendor could not be verified", applied=False
        )
    if not progress.is_connected:
        refused = error.status if isinstance(error, aiohttp.ClientHttpProxyError) else None
        if refused == 407:
            return proxy_wants_credentials()
        reason = f"the proxy answered HTTP {refused}" if refused else reason_of(chain)
        return ConnectionFailed(
            f"no connection to {urlsplit(origin).netloc} ({reason})", applied=False
        )
    if not any(isinstance(each, TimeoutError) for each in chain):
        return ConnectionFailed(f"the connection was lost ({reason_of(chain)})", applied=None)
    if progress.is_answered:
        return late_end()
    return RequestTimeout("no answer in time", applied=None)


_shared_lock = threading.RLock()
_shared: Connections | None = None


def shared_connections() -> Connections:
    """Return the connections of this process, made on first use."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Connections(Environment())
        return _shared


def _after_fork() -> None:
    # It may be held by a thread that does not exist here.
    global _shared_lock, _forks
    _shared_lock = threading.RLock()
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
