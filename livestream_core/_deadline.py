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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

_current = threading.local()


@contextmanager
def deadline(at: float) -> Iterator[None]:
    """Requests of this thread must be answered before this time of ``time.monotonic``."""
    _current.at = at
    try:
        yield
    finally:
        _current.at = None


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


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        at = getattr(_current, "at", None)
        if at is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_BoundedReader(sock.makefile("rb", buffering=0), sock, at))


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


class DeadlineAdapter(HTTPAdapter):
    """requests' adapter over connections that keep the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager
