"""The transport to a WSGI app in the same process."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from .._contract.clock import Clock
from .._contract.identity import Identity
from .._contract.response import Headers, Response
from .._contract.transport import CUT, Timeout
from .._model.urls import url_parts
from .._public import publish
from .bare import BareTransport
from .network import (
    MAX_BODY,
    TOO_LARGE,
    SendArguments,
    late_response,
    lost_connection,
)


class WSGITransport(BareTransport):
    """The transport to a WSGI app in the same process, without a port.

    It is for emulators, tests, and the conformance kit.

    Args:
        app: The app. If it raises ``ConnectionError``, the client sees a lost connection.
        clock: The app's clock. Defaults to the system clock. It measures how long a request
            takes, and clients that get no clock of their own use it.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], *, clock: Clock | None = None) -> None:
        self.app = app
        self.clock = clock

    @property
    def session_scope(self) -> object:
        """The identity of the app: two apps with the same origin do not share sessions."""
        return Identity(self.app)

    def _outcome(self, arguments: SendArguments) -> Response | BaseException:
        try:
            return self._exchange(wsgi_environ(*arguments[:5]), arguments.timeout)
        except BaseException as error:
            return error

    def _exchange(self, environ: dict[str, Any], timeout: Timeout) -> Response:
        # The app runs in this thread and cannot be interrupted, so the time limit is checked
        # after it has responded.
        monotonic = time.monotonic if self.clock is None else self.clock.monotonic
        began = monotonic()
        response = None
        with suppress(ConnectionError):
            response = run_wsgi(self.app, environ)
        if monotonic() - began > min(timeout.read, timeout.total):
            raise late_response()
        if response is None:
            raise lost_connection()
        return response


def wsgi_environ(
    method: str, origin: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> dict[str, Any]:
    """Return the PEP 3333 environment of a request."""
    from urllib.parse import unquote_to_bytes

    parts = url_parts(origin)
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": parts.netloc,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body or b"")),
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def run_wsgi(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Response:
    """Call an app as a server would, and return its response."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return chunks.append

    result = app(environ, start_response)
    try:
        chunks.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    status, pairs = started[-1]
    headers = Headers(dict(pairs))
    body = b"".join(chunks)
    problem = TOO_LARGE if len(body) > MAX_BODY else None
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > len(body) and environ["REQUEST_METHOD"] != "HEAD":
        problem = CUT
    return Response(int(status.split()[0]), headers, b"" if problem == TOO_LARGE else body, problem)


publish("livestream_core", [WSGITransport])
