"""Sending HTTP requests over aiohttp, without its automatic behavior.

aiohttp passes data that arrives on an idle connection to the next request on it, and sends some
requests a second time if a connection is lost. Here, a connection is reused only after exactly
one complete response, and nothing is sent twice. This uses a few private parts of aiohttp, so one
minor version is required; tests/http/test_answers.py checks the behavior.
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
from .._contract.request import checked_target
from .._contract.response import Headers, Response
from .._contract.transport import Timeout
from .._model.errors import ConfigurationError
from .decoding import CutOffError, decoded
from .failures import chain_of
from .network import (
    MAX_BODY,
    Environment,
    SendArguments,
    check_headers,
    headers_to_send,
    invalid_address,
    late_end,
    late_response,
    lost_connection,
    no_connection,
    proxy_requires_credentials,
    read_body,
    reason_of,
    untrusted_certificate,
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

#: The private attributes of aiohttp's objects that this module uses.
PRIVATES_OF_AIOHTTP = ("_close",)
#: The number of forks between the first process and this one.
_forks = 0
#: The maximum number of connections to one host; further requests wait.
_PER_HOST = 100
#: The longest header line, as in http.client.
_LONGEST_LINE = 65536


class _Progress:
    """The progress of a request.

    Attributes:
        is_connected: Whether it has a connection. From then on it is unknown what was sent.
        is_answered: Whether the head of the response has arrived.
    """

    __slots__ = ("is_answered", "is_connected")

    def __init__(self) -> None:
        self.is_connected: bool = False
        self.is_answered: bool = False


class _Request(aiohttp.ClientRequest):
    """A request with only the headers that it is passed."""

    _skip_auto_headers = CIMultiDict({hdrs.CONTENT_TYPE: None})

    def update_auto_headers(self, skip_auto_headers: object) -> None:
        pass


class _Protocol(ResponseHandler):
    """A connection that ignores all data after a response.

    One timer checks its time limits and is kept for many requests. Setting timers for each piece
    of a response and for the whole, as aiohttp and asyncio do, is a large part of a request's
    cost.
    """

    _is_reading = _has_ended = False
    #: When the whole response must have arrived, and when the next data or the whole must have.
    _until = _due = math.inf
    _alarm: asyncio.TimerHandle | None = None
    _alarm_at = math.inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._has_received = _readable(transport.get_extra_info("socket"))

    @property
    def is_stale(self) -> bool:
        """Whether data has arrived since the last response, even if only in the system's queue."""
        return self.should_close or self.transport is None or bool(self._has_received())

    def expect_until(self, at: float) -> None:
        """Let all further reads fail at a time of the loop's clock."""
        self._until = at
        self._be_due(at)

    def _reschedule_timeout(self) -> None:
        # aiohttp's name: called when data arrives.
        silent = math.inf if self._read_timeout is None else self._read_timeout
        self._be_due(min(self._until, self._loop.time() + silent))

    def _drop_timeout(self) -> None:
        # aiohttp's name: called at the end of each response, also of an interim one, after which
        # the time limit still applies. Only end() removes it.
        pass

    def _be_due(self, at: float) -> None:
        self._due = at
        if at < self._alarm_at:
            self._stop_alarm()
            self._alarm_at = at
            self._alarm = self._loop.call_at(at, self._check_time)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm, self._alarm_at = None, math.inf

    def _check_time(self) -> None:
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
                if end < len(_END_OF_HEAD) or _is_one_response(data, end):
                    break
                # Passed on alone: data after a response in the same piece would make it lost.
                super().data_received(data[:end])
                data = data[end:]
            if data:
                super().data_received(data)
        finally:
            self._is_reading = False
            if self._has_ended:
                self.end()

    def close(self) -> None:
        # A regular close over TLS would wait for the vendor, which could send indefinitely.
        self.abort()

    def end(self) -> None:
        """Stop parsing, because the response was read to its end.

        Data that arrives from now on stays queued, and is noticed before the connection is reused.
        """
        self._has_ended = self._is_reading
        if self._is_reading or self._parser is None:
            return
        self._until = self._due = math.inf
        if _has_begun(self._parser):
            self.close()
        self._parser = self._payload = None


def _readable(sock: Any) -> Callable[[], object]:
    """Return a function that returns whether a socket has data in its queue or was closed."""
    if not hasattr(select, "poll"):
        return partial(wait_for_read, sock, 0)
    queue = select.poll()
    queue.register(sock, select.POLLIN)
    return partial(queue.poll, 0)


_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _is_one_response(data: bytes, end: int) -> bool:
    """Return whether the data is exactly one response, whose head ends at ``end``."""
    if data[9:10] == b"1" or data[9:12] in (b"204", b"304"):
        return False  # these statuses have no body
    length = _LENGTH.search(data, 0, end)
    return length is not None and int(length[1]) == len(data) - end


def _has_begun(parser: Any) -> bool:
    """Return whether a parser has begun to read data after a response."""
    # These are attributes of aiohttp's Python parser; the C parser reports it only at the end.
    if getattr(parser, "_lines", None) or getattr(parser, "_tail", None):
        return True
    try:
        return parser.feed_eof() is not None
    except Exception:
        return True


class _Names:
    """Name resolution as in synchronous clients, independent of the event loop."""

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
        # This limit covers all addresses of the host, but not the wait for a free connection.
        async with asyncio.timeout(timeout.sock_connect):
            return await super()._create_connection(req, traces, timeout)

    async def _get(self, key: ConnectionKey, traces: Any) -> Any:
        while (connection := await super()._get(key, traces)) is not None:
            protocol: Any = connection.protocol
            if not protocol.is_stale:
                return connection
            connection.close()
        return None

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=should_close)
        protocol.end()


class _Route(NamedTuple):
    """The route of requests to an origin."""

    base: URL
    proxy: URL | None
    ssl: Any
    #: The name that the certificate must be for, if it is not the host of the base.
    server_hostname: str | None = None

    @property
    def is_forwarded(self) -> bool:
        """Whether a proxy gets the requests themselves, and may respond to them."""
        return self.proxy is not None and self.base.scheme == "http"


class Pool:
    """The network connections of one event loop.

    It is closed with the last transport that uses it, or else when the loop ends.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, forget: Callable[[Pool], None]) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self._forget = forget
        self.forks: int = _forks
        self.users: WeakSet[AiohttpTransport] = WeakSet()
        self.sending: int = 0
        self.is_open: bool = True
        self._connector = _Connector(loop)
        # A loop that ends closes its asynchronous generators, and thereby these connections.
        self._keeper = self._keep_open()
        try:
            self._keeper.asend(None).send(None)
        except StopIteration:
            pass

    async def _keep_open(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._forget(self)
            await self._connector.close()

    @property
    def is_unused(self) -> bool:
        """Whether no transport uses it and no request is in progress."""
        return not self.users and not self.sending

    def serves(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether this is the pool to use in a loop."""
        return self.loop is loop and self.is_open and self.forks == _forks

    async def close(self) -> None:
        """Close the connections."""
        await self._keeper.aclose()

    def drop(self) -> None:
        """Close the connections without waiting, because their loop is closed already."""
        self._connector._close()

    async def open(
        self, request: aiohttp.ClientRequest, timeout: Timeout, until: float, progress: _Progress
    ) -> aiohttp.ClientResponse:
        """Send a request once, and return the response when its head has arrived.

        Unlike aiohttp's session, it does not send some requests twice, follow redirects, or add
        cookies and credentials from other sources.
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
            response = await request.send(connection)
            try:
                await response.start(connection)
            except BaseException:
                response.close()
                raise
        except BaseException:
            connection.close()
            raise
        progress.is_answered = True
        return response


class Connections:
    """The network connections of a process, by event loop.

    Args:
        environment: The proxies and certificates to use.
        most: The maximum size of a body, in bytes.
        pinned_to: The host that certificates must be for, if requests are sent to one address of
            it, which the caller has checked. No proxy is used: it would look up the host again.
    """

    def __init__(
        self, environment: Environment, most: int = MAX_BODY, pinned_to: str | None = None
    ) -> None:
        import requests.utils  # noqa: F401 - loaded now, so that it does not block an event loop

        self._environment, self._most, self._pinned_to = environment, most, pinned_to
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._routes: dict[str, _Route] = {}

    def _route(self, origin: str) -> _Route:
        """Return the route of requests to an origin.

        Raises:
            ConfigurationError: If the origin's proxy cannot be used.
        """
        found = self._routes.get(origin)
        if found is None:
            found = self._routes[origin] = self._new_route(origin)
        return found

    def _new_route(self, origin: str) -> _Route:
        proxy = None if self._pinned_to is not None else self._environment.proxy_for(origin)
        scheme = urlsplit(proxy).scheme if proxy is not None else ""
        if scheme.startswith("socks"):
            raise ConfigurationError(
                "aiohttp cannot use a SOCKS proxy",
                hint="use an http proxy, add the host to NO_PROXY, or use connect()",
                applied=False,
            )
        try:
            base, through = URL(origin), None if proxy is None else URL(proxy)
        except ValueError:
            raise invalid_address() from None
        is_secure = "https" in (base.scheme, scheme)
        context = self._environment.ssl_context if is_secure else True
        return _Route(base, through, context, self._pinned_to)

    def _pool_for(self, user: AiohttpTransport) -> Pool:
        """Return the pool of the running loop, and record that a transport uses it."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool.forks != _forks:
            pool = self._new_pool(loop)
        pool.users.add(user)
        return pool

    def _new_pool(self, loop: asyncio.AbstractEventLoop) -> Pool:
        # Without a lock: each loop has a separate entry.
        if any(each.forks != _forks for each in list(self._pools.values())):
            # The parent still uses its pools, so they must be neither closed nor collected here.
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

    async def outcome(
        self, user: AiohttpTransport, arguments: SendArguments
    ) -> Response | BaseException:
        """Send a request, and return the response or the exception to raise."""
        progress = _Progress()
        try:
            return await self._exchange(user, progress, *arguments)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            return _failure(error, arguments.origin, progress)
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
                server_hostname=route.server_hostname,
            )
            response = await pool.open(request, timeout, until, progress)
            try:
                status, found = response.status, _headers(response)
                if status == 407 and route.is_forwarded:
                    raise proxy_requires_credentials()
                if status < 200:  # 101, although no upgrade was requested
                    return Response(status, found)
                chunks, is_cut = await _read(response, self._most)
            finally:
                # A connection whose response was not read to its end is not reused.
                response.close()
        finally:
            pool.sending -= 1
            if not pool.users:
                await self._close_if_unused(pool)
        coding = found.get("content-encoding", "")
        small = min(LARGE, self._most)
        if not coding and not is_cut and len(chunks) == 1 and len(chunks[0]) <= small:
            return Response(status, found, chunks[0])
        pieces = decoded(_pieces(chunks, is_cut), coding)
        if sum(map(len, chunks)) > LARGE:
            content, problem = await working.run(read_body, pieces, self._most)
        else:
            content, problem = read_body(pieces, self._most)
        return Response(status, found, content, problem)

    async def leave(self, user: AiohttpTransport) -> None:
        """Close the connections that no other transport uses."""
        loop = asyncio.get_running_loop()
        for pool in list(self._pools.values()):
            if user not in pool.users:
                continue
            pool.users.discard(user)
            if pool.loop is loop:
                await self._close_if_unused(pool)
            elif not pool.loop.is_closed():
                pool.loop.call_soon_threadsafe(self._close_soon, pool)

    def _close_soon(self, pool: Pool) -> None:
        task = pool.loop.create_task(self._close_if_unused(pool))
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    async def _close_if_unused(self, pool: Pool) -> None:
        if pool.is_unused:
            self._forget(pool)
            await pool.close()


_of_parents: list[object] = []
#: Strong references, because a loop refers to its tasks only weakly.
_closing: set[asyncio.Task[None]] = set()


@lru_cache(maxsize=64)
def _bounds(connect: float, total: float) -> aiohttp.ClientTimeout:
    # aiohttp rounds times above its threshold up to whole seconds.
    return aiohttp.ClientTimeout(
        total=None, connect=total, sock_connect=connect, ceil_threshold=math.inf
    )


def _headers(response: aiohttp.ClientResponse) -> Headers:
    received = response.headers
    joined: dict[str, str] = dict(received)
    if len(joined) < len(received):
        joined = {name: ", ".join(received.getall(name)) for name in received}
    return Headers(joined)


async def _read(response: aiohttp.ClientResponse, most: int) -> tuple[list[bytes], bool]:
    """Read a body up to a limit, and return its pieces and whether it was cut off."""
    chunks, size, content = [], 0, response.content
    most += most // 16  # an encoded body is never much larger than the decoded one
    try:
        while size <= most and (chunk := await content.readany()):
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
    """Return this library's error for one of aiohttp or the system.

    It has ``applied=False`` only if it is certain that nothing was sent.
    """
    chain = chain_of(error)
    for each in chain:
        if is_of_signal_handler(each):
            return each
    if isinstance(error, (aiohttp.InvalidURL, UnicodeError)):  # the host is not a name
        return invalid_address()
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return untrusted_certificate()
    if not progress.is_connected:
        refused = error.status if isinstance(error, aiohttp.ClientHttpProxyError) else None
        if refused == 407:
            return proxy_requires_credentials()
        reason = f"the proxy returned HTTP {refused}" if refused else reason_of(chain)
        return no_connection(urlsplit(origin).netloc, reason)
    if not any(isinstance(each, TimeoutError) for each in chain):
        return lost_connection(reason_of(chain))
    return late_end() if progress.is_answered else late_response()


_shared_lock = threading.RLock()
_shared: Connections | None = None


def shared_connections() -> Connections:
    """Return the connections of this process, which are created on first use."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Connections(Environment())
        return _shared


def pinned_connections(host: str, most: int) -> Connections:
    """Return connections to one address of a host; see :class:`Connections`."""
    return Connections(shared_connections()._environment, most, host)


def _after_fork() -> None:
    # The old lock may be held by a thread that does not exist in the child.
    global _shared_lock, _forks
    _shared_lock = threading.RLock()
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
