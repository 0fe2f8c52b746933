"""Connections for requests that keep a deadline, and match each response to its own request.

requests limits only the time between two pieces of a response, so a slow server can block a
caller indefinitely. Here, everything that a request does (connecting, sending, and reading) is
limited to the time left until its deadline.

http.client takes an interim response (1xx) for the final one, and does not notice data after a
response. In both cases, the next request on the connection gets the wrong response. Here, interim
responses are skipped, and a connection is reused only after exactly one complete response.
http.client also takes a head that was cut off for a complete one without a body. Here, that is a
lost response.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import urllib3
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.utils import prepend_scheme_if_needed, select_proxy
from urllib3 import BaseHTTPResponse, HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_match_hostname import CertificateError

from .failures import foreign_in

#: The number of bytes that are sent between two checks of the time: one TLS record.
_PIECE = 16 * 1024
#: The minimum time for each address of a host, in seconds; otherwise they share the time left.
_SLOW_ADDRESS = 1.0


class _Current(threading.local):
    """The request that this thread is sending.

    Attributes:
        at: The deadline of the response, by the monotonic clock.
        url: The origin and the target, exactly as they must be sent.
    """

    at: float | None = None
    url: tuple[str, str] | None = None


_current = _Current()


@contextmanager
def deadline(at: float, url: tuple[str, str] | None = None) -> Iterator[None]:
    """Limit the time that this thread may spend on this module's connections.

    Args:
        at: The deadline, by the monotonic clock.
        url: The origin and the target of the request.
    """
    before = _current.at, _current.url
    _current.at = at
    if url is not None:
        _current.url = url
    try:
        yield
    finally:
        _current.at, _current.url = before


def _at() -> float:
    if _current.at is None:
        raise RuntimeError("a deadline connection is used outside of deadline()")
    return _current.at


def _left(at: float) -> float:
    left = at - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Reader(io.RawIOBase):
    """A socket that http.client's response can read from until the deadline."""

    def __init__(self, sock: Any, at: float) -> None:
        self._sock, self._at = sock, at
        self._raw = sock.makefile("rb", buffering=0)
        self._read_timeout = sock.gettimeout()
        #: Whether nothing more is read from the socket.
        self.is_stopped = False
        #: Whether the other side has closed the connection, and all its data was read.
        self.has_ended = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_stopped:
            return None
        left = _left(self._at)
        if self._read_timeout is None or left < self._read_timeout:
            self._sock.settimeout(left)
        size: int | None = self._raw.readinto(buffer)
        self.has_ended = size == 0
        return size

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, connection: HTTPConnection, sock: Any, *args: Any, **kwargs: Any) -> None:
        self._connection, self._socket = connection, sock
        self._reader = _Reader(sock, _at())
        super().__init__(self._reader, *args, **kwargs)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == 101 or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)

    def begin(self) -> None:
        super().begin()
        # http.client takes the end of the connection within a head for the blank line. A complete
        # head is read without reaching that end.
        if self._reader.has_ended:
            raise http.client.RemoteDisconnected("the head of the response was cut off")
        if self.length == 0:
            self.chunked = False  # 204 and 304 have no body, whatever their headers say

    def _check_close(self) -> bool:
        # If both headers specify the length, one of them is wrong.
        two = "transfer-encoding" in self.headers and "content-length" in self.headers
        return two or super()._check_close()  # type: ignore[misc]

    def _close_conn(self) -> None:
        # Called when the response was read to its end or is abandoned.
        is_followed = not self.will_close and self._is_followed()
        super()._close_conn()  # type: ignore[misc]
        if is_followed:
            self._connection.close()

    def _is_followed(self) -> bool:
        """Return whether data after the response has already left the socket's queue.

        Data that is still in the queue is noticed before the connection is reused.
        """
        self._reader.is_stopped = True
        if self.fp.peek(1):
            return True
        # The data that TLS has decrypted. Any other wrapper of a socket cannot be checked.
        pending = getattr(self._socket, "pending", None)
        return bool(pending()) if pending else not isinstance(self._socket, socket.socket)


class _Connection(HTTPConnection):
    """A mixin for urllib3's connection classes and classes derived from them."""

    def response_class(  # type: ignore[override]
        self, sock: Any, *args: Any, **kwargs: Any
    ) -> _Response:
        return _Response(self, sock, *args, **kwargs)

    def connect(self) -> None:
        at = _at()
        if isinstance(self.timeout, (int, float)):
            at = min(at, time.monotonic() + self.timeout)
        try:
            with deadline(at):
                super().connect()
        except NewConnectionError:
            raise
        except (OSError, HTTPError, http.client.HTTPException, CertificateError) as error:
            # A failed tunnel or handshake looks like a lost or late response, but nothing of the
            # request was sent.
            raise NewConnectionError(self, type(error).__name__) from error

    def _new_conn(self) -> socket.socket:
        inherited: Any = super()._new_conn
        if inherited.__func__ is not HTTPConnection._new_conn:
            return inherited()  # type: ignore[no-any-return]
        host = self._dns_host.strip("[]")
        try:
            host.encode("idna")
        except UnicodeError:
            raise LocationParseError("the host is not a valid name") from None
        found = socket.getaddrinfo(host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        failure = OSError("the name has no address")
        for tried, (family, kind, protocol, _, address) in enumerate(found):
            left = _left(_at())
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(max(left / (len(found) - tried), min(left, _SLOW_ADDRESS)))
                if self.source_address:
                    sock.bind(self.source_address)
                sock.connect(address)
                sys.audit("http.client.connect", self, self.host, self.port)
                sock.settimeout(_left(_at()))
                return sock
            except OSError as error:
                sock.close()
                if foreign_in(error) is not None:
                    raise
                failure = error
            except BaseException:
                sock.close()
                raise
        try:
            raise failure
        finally:
            del failure  # no cycle

    def _tunnel(self) -> None:
        self.sock.settimeout(_left(_at()))
        super()._tunnel()
        self.sock.settimeout(_left(_at()))

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        if _current.url is not None:
            # urllib3 would change some characters, and the case of percent-encoding.
            origin, target = _current.url
            url = target if url.startswith("/") else origin + target
        super().putrequest(method, url, *args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        data = memoryview(data)
        for start in range(0, len(data), _PIECE):
            self.sock.settimeout(_left(_at()))
            super().send(data[start : start + _PIECE])


@cache
def _with_deadline(pool: Any) -> Any:
    """Return a class of pools that use this module's connections."""
    connection = getattr(pool, "ConnectionCls", None)
    if not (isinstance(connection, type) and issubclass(connection, HTTPConnection)):
        return pool
    ours = type(f"Deadline{connection.__name__}", (_Connection, connection), {})
    return type(f"Deadline{pool.__name__}", (pool,), {"ConnectionCls": ours})


class _PoolClasses(dict[str, type[HTTPConnectionPool]]):
    def __getitem__(self, scheme: str) -> type[HTTPConnectionPool]:
        pool: Any = super().__getitem__(scheme)
        return pool if _current.at is None else _with_deadline(pool)  # type: ignore[no-any-return]


def _key(make: Callable[[Any], Any], context: Any) -> Any:
    # If parent and child of a fork wrote to the same connection, their responses would be mixed up.
    key = make(context)
    return key if _current.at is None else (key, os.getpid())


def install(manager: Any) -> None:
    """Make a pool manager use separate pools of this module within :func:`deadline`."""
    if not isinstance(manager.pool_classes_by_scheme, _PoolClasses):
        made = manager.key_fn_by_scheme.items()
        manager.key_fn_by_scheme = {scheme: partial(_key, make) for scheme, make in made}
        manager.pool_classes_by_scheme = _PoolClasses(manager.pool_classes_by_scheme)


def install_for_session(adapter: HTTPAdapter, url: str, proxies: Mapping[str, str]) -> bool:
    """Make the mounted adapter of a session use this module's connections for a URL.

    Returns:
        Whether a proxy gets the request itself, and may respond to it.
    """
    proxy = select_proxy(url, dict(proxies))
    if not proxy:
        install(adapter.poolmanager)
        return False
    proxy = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
    install(adapter.proxy_manager_for(proxy))
    return url.startswith("http:")


class _Route:
    """The route of all requests to one origin.

    Attributes:
        pool: urllib3's pool of connections.
        prefix: The text before the path; a proxy for plain http needs the full URL.
    """

    __slots__ = ("pool", "prefix")

    def __init__(self, pool: Any, prefix: str) -> None:
        self.pool, self.prefix = pool, prefix


class DeadlineAdapter(HTTPAdapter):
    """The adapter of requests, with this module's connections.

    Args:
        verify: Whether to verify certificates, or the file of the certificates to trust.
        proxies_for: A function that returns the proxies for an origin, by scheme.
        server_hostname: The host that certificates must be for, if it is not that of the origin.
    """

    def __init__(
        self,
        verify: bool | str,
        proxies_for: Callable[[str], Mapping[str, str]],
        server_hostname: str | None = None,
    ) -> None:
        self._verify, self._proxies_for = verify, proxies_for
        self._server_hostname = server_hostname
        self._routes: dict[str, _Route] = {}
        super().__init__(pool_connections=64, pool_maxsize=64)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool manager, with this module's connections."""
        super().init_poolmanager(*args, **kwargs, server_hostname=self._server_hostname)
        install(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """Return the pool manager of a proxy, with this module's connections."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        install(manager)
        return manager

    def open(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: tuple[float, float],
    ) -> BaseHTTPResponse:
        """Send a request, and return the response before its body is read.

        Unlike ``send``, it determines the pool, the proxy, and the certificates only once for
        each origin.

        Raises:
            Exception: An exception of requests or urllib3, or an OSError.
        """
        route = self._routes.get(origin)
        if route is None or route.pool.pool is None:  # closed, because there were too many pools
            route = self._routes[origin] = self._route(origin)
        response: BaseHTTPResponse = route.pool.urlopen(
            method,
            # What is sent is the URL of deadline(); urllib3 logs this one, and playback URLs may be
            # secret.
            route.prefix + target if self._server_hostname is None else "/",
            body=body,
            headers=headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=self.max_retries,
            timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
        )
        return response

    def is_forwarded(self, origin: str) -> bool:
        """Return whether a proxy gets the requests to an origin, and may respond to them."""
        return bool(self._routes[origin].prefix)

    def _route(self, origin: str) -> _Route:
        request = PreparedRequest()
        request.method, request.url = "GET", f"{origin}/"
        proxies = dict(self._proxies_for(origin))
        pool = self.get_connection_with_tls_context(request, self._verify, proxies)
        self.cert_verify(pool, request.url, self._verify, None)  # type: ignore[no-untyped-call]
        needs_full_url = self.request_url(request, proxies) != "/"
        return _Route(pool, origin if needs_full_url else "")
