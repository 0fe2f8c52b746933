"""Connections under requests that keep a deadline, and give each answer to its own request.

requests bounds the time between two pieces of an answer, so a server that sends a byte now and
then holds a caller indefinitely. Here whatever a request does, connecting, sending, reading, has
only what is left until its deadline.

http.client takes an interim answer (1xx) for the answer, and does not see what comes after one.
Both leave a connection one answer behind, and the next request gets it. Here interim answers are
skipped, and a connection is used again only after exactly one complete answer. It also takes a
head that is cut off for a whole one without a body; here that is a lost answer.
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

#: The most that is sent before the time is looked at: one record of TLS.
_PIECE = 16 * 1024
#: As long as other addresses are left, one is given its share of the time, or this many seconds.
_SLOW_ADDRESS = 1.0


class _Current(threading.local):
    """What this thread sends; ``at`` is when the answer must be there, ``url`` are the origin and
    the target as they are to be sent.
    """

    at: float | None = None
    url: tuple[str, str] | None = None


_current = _Current()


@contextmanager
def deadline(at: float, url: tuple[str, str] | None = None) -> Iterator[None]:
    """Bound what this thread does with connections of ours.

    Args:
        at: When it must be over.
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
        raise RuntimeError("a connection of ours is used outside of deadline()")
    return _current.at


def _left(at: float) -> float:
    left = at - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Reader(io.RawIOBase):
    """A socket as http.client's answer sees it: something to read from until the deadline."""

    def __init__(self, sock: Any, at: float) -> None:
        self._sock, self._at = sock, at
        self._raw = sock.makefile("rb", buffering=0)
        self._read_timeout = sock.gettimeout()
        #: Whether nothing more is taken off the socket.
        self.is_over = False
        #: Whether the other end has closed the connection, and all that it sent was read.
        self.has_ended = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_over:
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
        # http.client takes an end inside of a head for the blank line. A whole head is read
        # without asking for more.
        if self._reader.has_ended:
            raise http.client.RemoteDisconnected("the head of the answer was cut off")
        if self.length == 0:
            self.chunked = False  # 204 and 304 have no body, whatever their heads announce

    def _check_close(self) -> bool:
        # Of two framings one is wrong.
        two = "transfer-encoding" in self.headers and "content-length" in self.headers
        return two or super()._check_close()  # type: ignore[misc]

    def _close_conn(self) -> None:
        # Called when the answer was read to its end, or nobody wants the rest.
        is_followed = not self.will_close and self._is_followed()
        super()._close_conn()  # type: ignore[misc]
        if is_followed:
            self._connection.close()

    def _is_followed(self) -> bool:
        """Whether there are bytes after the answer that have left the socket's queue. What is in
        the queue is seen when the connection is to be used again.
        """
        self._reader.is_over = True
        if self.fp.peek(1):
            return True
        # What TLS has decrypted. Something else around a socket cannot be seen through.
        pending = getattr(self._socket, "pending", None)
        return bool(pending()) if pending else not isinstance(self._socket, socket.socket)


class _Connection(HTTPConnection):
    """Put before a class of connections of urllib3's, or derived from one of these."""

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
            # A tunnel or a handshake that fails looks like a lost or late answer, but nothing
            # of the request was sent.
            raise NewConnectionError(self, type(error).__name__) from error

    def _new_conn(self) -> socket.socket:
        inherited: Any = super()._new_conn
        if inherited.__func__ is not HTTPConnection._new_conn:
            return inherited()  # type: ignore[no-any-return]
        host = self._dns_host.strip("[]")
        try:
            host.encode("idna")
        except UnicodeError:
            raise LocationParseError("the host is no name") from None
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
            # urllib3 writes some characters, and what follows a percent sign, in its own way.
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
def _kept(pool: Any) -> Any:
    """A class of pools with connections of ours."""
    connection = getattr(pool, "ConnectionCls", None)
    if not (isinstance(connection, type) and issubclass(connection, HTTPConnection)):
        return pool
    ours = type(f"Kept{connection.__name__}", (_Connection, connection), {})
    return type(f"Kept{pool.__name__}", (pool,), {"ConnectionCls": ours})


class _PoolClasses(dict[str, type[HTTPConnectionPool]]):
    def __getitem__(self, scheme: str) -> type[HTTPConnectionPool]:
        pool: Any = super().__getitem__(scheme)
        return pool if _current.at is None else _kept(pool)  # type: ignore[no-any-return]


def _key(make: Callable[[Any], Any], context: Any) -> Any:
    # A connection that parent and child of a fork both write to would mix their answers.
    key = make(context)
    return key if _current.at is None else (key, os.getpid())


def keep(manager: Any) -> None:
    """Have a pool manager make pools with connections of ours, beside its own, for what is sent
    inside of :func:`deadline`.
    """
    if not isinstance(manager.pool_classes_by_scheme, _PoolClasses):
        made = manager.key_fn_by_scheme.items()
        manager.key_fn_by_scheme = {scheme: partial(_key, make) for scheme, make in made}
        manager.pool_classes_by_scheme = _PoolClasses(manager.pool_classes_by_scheme)


def keep_session(adapter: HTTPAdapter, url: str, proxies: Mapping[str, str]) -> bool:
    """Have an adapter that a session has mounted use connections of ours for a URL.

    Returns:
        Whether a proxy is handed the request itself, and may answer it.
    """
    proxy = select_proxy(url, dict(proxies))
    if not proxy:
        keep(adapter.poolmanager)
        return False
    proxy = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
    keep(adapter.proxy_manager_for(proxy))
    return url.startswith("http:")


class _Route:
    """How requests to an origin go: it is the same for all of them.

    Attributes:
        pool: urllib3's pool of connections.
        prefix: What stands before path and query; a proxy for plain http wants the whole URL.
    """

    __slots__ = ("pool", "prefix")

    def __init__(self, pool: Any, prefix: str) -> None:
        self.pool, self.prefix = pool, prefix


class DeadlineAdapter(HTTPAdapter):
    """requests' adapter over connections of ours.

    Args:
        verify: Whether certificates are verified, or the file with those that are trusted.
        proxies_for: The proxies for an origin, by scheme.
    """

    def __init__(self, verify: bool | str, proxies_for: Callable[[str], Mapping[str, str]]) -> None:
        self._verify, self._proxies_for = verify, proxies_for
        self._routes: dict[str, _Route] = {}
        super().__init__(pool_connections=64, pool_maxsize=64)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        keep(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        keep(manager)
        return manager

    def answer(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: tuple[float, float],
    ) -> BaseHTTPResponse:
        """Do what ``send`` does, less what is the same for every request to an origin: which
        pool, which proxy, which certificates. The body of the answer is not read yet.

        Raises:
            Exception: requests' or urllib3's, or an OSError.
        """
        route = self._routes.get(origin)
        if route is None or route.pool.pool is None:  # closed, as one of too many
            route = self._routes[origin] = self._route(origin)
        answer: BaseHTTPResponse = route.pool.urlopen(
            method,
            route.prefix + target,
            body=body,
            headers=headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=self.max_retries,
            timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
        )
        return answer

    def is_forwarded(self, origin: str) -> bool:
        """Whether a proxy is handed the requests to an origin, and may answer them."""
        return bool(self._routes[origin].prefix)

    def _route(self, origin: str) -> _Route:
        request = PreparedRequest()
        request.method, request.url = "GET", f"{origin}/"
        proxies = dict(self._proxies_for(origin))
        pool = self.get_connection_with_tls_context(request, self._verify, proxies)
        self.cert_verify(pool, request.url, self._verify, None)  # type: ignore[no-untyped-call]
        whole = self.request_url(request, proxies) != "/"
        return _Route(pool, origin if whole else "")
