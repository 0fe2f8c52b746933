"""A server for emulators."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

#: The interval, in seconds, at which an idle server checks whether it should stop.
_POLL_SECONDS = 1.0


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass  # requests are in Emulator.requests; standard error is the user's

    def send_response(self, code: int, message: str | None = None) -> None:
        # Without the machine's Date: the response has the date of the emulated vendor.
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())


@contextmanager
def serving(
    app: Callable[[dict[str, Any], Any], Iterable[bytes]], host: str, port: int
) -> Iterator[str]:
    """Serve a WSGI app in threads, and yield the origin for clients on this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here, because werkzeug would print a message and exit the process on failure.
    with socket.create_server((host, port), family=family) as listener:
        server = make_server(
            host, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno()
        )
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    shown = f"[{reached}]" if ":" in reached else reached
    bound = server.server_address[1]
    server.timeout = _POLL_SECONDS
    stopping = threading.Event()

    def accept() -> None:
        while not stopping.is_set():
            server.handle_request()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://{shown}:{bound}"
    finally:
        # At interpreter exit, the thread no longer runs, and joining it would never return.
        if not sys.is_finalizing():
            stopping.set()
            with suppress(OSError):  # connect, so that the server checks now
                socket.create_connection((reached, bound), _POLL_SECONDS).close()
            thread.join()
        server.server_close()
