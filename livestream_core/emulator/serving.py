"""Serving an emulator on loopback."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

#: Seconds until a server that nobody connects to looks whether it shall stop.
_NOTICES_WITHIN = 1.0


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass  # requests are in Emulator.requests; standard error is the user's

    def send_response(self, code: int, message: str | None = None) -> None:
        # The machine's Date is left out: the answer has the emulated vendor's.
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())


@contextmanager
def serving(
    app: Callable[[dict[str, Any], Any], Iterable[bytes]], host: str, port: int
) -> Iterator[str]:
    """Serve a WSGI app in threads, and yield the origin for clients on this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here: werkzeug would print and exit the process where that fails.
    with socket.create_server((host, port), family=family) as listener:
        server = make_server(
            host, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno()
        )
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    shown = f"[{reached}]" if ":" in reached else reached
    bound = server.server_address[1]
    server.timeout = _NOTICES_WITHIN
    stopping = threading.Event()

    def accept() -> None:
        while not stopping.is_set():
            server.handle_request()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://{shown}:{bound}"
    finally:
        # At the end of the interpreter the thread no longer runs, and would be waited for.
        if not sys.is_finalizing():
            stopping.set()
            with suppress(OSError):  # a connection, so that it notices now
                socket.create_connection((reached, bound), _NOTICES_WITHIN).close()
            thread.join()
        server.server_close()
