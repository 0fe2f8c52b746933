"""A deadline for the whole answer, under requests.

requests bounds the time between two pieces of an answer, so a server that sends a byte now and
then holds a caller for ever. Here every read from the socket is bounded by what is left until
the deadline of the request.
"""

from __future__ import annotations

import http.client
import io
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import urllib3
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

#: ``at``: when the answer to the request that this thread sends must be there.
_current = threading.local()


class _BoundedReader(io.RawIOBase):
    def __init__(self, raw: Any, sock: Any, at: float) -> None:
        self._raw, self._sock, self._at = raw, sock, at
        self._read_timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if self._read_timeout is None or left < self._read_timeout:
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)  # type: ignore[no-any-return]

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
            # The connection may go back to the pool.
            with suppress(OSError):
                self._sock.settimeout(self._read_timeout)
        super().close()


class _BoundedSocket:
    """A socket as http.client's answer sees it: something to read from until the deadline."""

    def __init__(self, sock: Any, at: float) -> None:
        self._sock, self._at = sock, at

    def makefile(self, mode: str) -> io.BufferedReader:
        raw = self._sock.makefile(mode, buffering=0)
        return io.BufferedReader(_BoundedReader(raw, self._sock, self._at))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        at = getattr(_current, "at", None)
        if at is not None:
            sock = _BoundedSocket(sock, at)
        super().__init__(sock, *args, **kwargs)


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            # A handshake that fails or takes too long looks like a lost or late answer, but
            # nothing of the request was sent.
            raise NewConnectionError(self, type(error).__name__) from None


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


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
    """requests' adapter over connections that keep the deadline.

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
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def answer(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: tuple[float, float],
        until: float,
    ) -> BaseHTTPResponse:
        """What ``send`` does, less what is the same for every request to an origin: which pool,
        which proxy, which certificates. Its body is not read yet.

        Raises:
            Exception: requests' or urllib3's, or an OSError.
        """
        route = self._routes.get(origin)
        if route is None or route.pool.pool is None:  # closed, as one of too many
            route = self._routes[origin] = self._route(origin)
        _current.at = until
        try:
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
        finally:
            _current.at = None
        return answer

    def _route(self, origin: str) -> _Route:
        request = PreparedRequest()
        request.method, request.url = "GET", f"{origin}/"
        proxies = dict(self._proxies_for(origin))
        pool = self.get_connection_with_tls_context(request, self._verify, proxies)
        self.cert_verify(pool, request.url, self._verify, None)  # type: ignore[no-untyped-call]
        whole = self.request_url(request, proxies) != "/"
        return _Route(pool, origin if whole else "")
