"""Real servers for tests: a raw server with scripted behavior, and a proxy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

Handler = Callable[[socket.socket, bytes], None]


def answer(body: bytes = b'{"id":"1","title":"T","status":"on"}', head: str = "") -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{head}\r\n".encode()
        + body
    )


class RawServer:
    """A server that passes each request, head and body, to a function with the socket."""

    def __init__(
        self,
        handler: Handler,
        tls: ssl.SSLContext | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.handler = handler
        self.tls = tls
        self.read = read_request
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(address)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"http{'s' if self.tls else ''}://localhost:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            # Send at once, and do not wait until the client has received the previous data.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            while request := self.read(connection):
                self.requests.append(request)
                self.handler(connection, request)
        connection.close()

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


#: A pause between the pieces that :func:`send_pieces` sends.
PAUSE = None


def send_pieces(connection: socket.socket, pieces: Iterable[bytes | None]) -> None:
    """Send the pieces one at a time, so that the client reads them separately."""
    for piece in pieces:
        if piece is PAUSE:
            threading.Event().wait(0.05)
        else:
            connection.sendall(piece)


def until_received(connection: socket.socket) -> None:
    """Wait until the peer's system has received everything, even if nobody has read it yet."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import fcntl
        import termios

        for _ in range(2000):
            waiting = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
            if not any(waiting):
                break
            threading.Event().wait(0.005)


@contextlib.contextmanager
def unreachable_address() -> Iterator[tuple[str, int]]:
    """Provide an address that never responds, so that clients wait for the network connection."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        while True:  # Fill the queue, so that the system drops further network connections.
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(address)
            except TimeoutError:
                break
        yield address


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Make every name resolve to these addresses."""

    def getaddrinfo(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class Proxy:
    """A CONNECT proxy that forwards everything to one port and records its requests.

    With a ``refusal``, such as ``407 Credentials, please``, it responds to every request with it.
    """

    def __init__(self, target_port: int, refusal: str | None = None) -> None:
        self.asked: list[bytes] = []
        self._refusal = refusal
        self._target_port = target_port
        self._server = RawServer(self._connect)
        self.url = f"http://user:pr0xy-passw0rd@127.0.0.1:{self._server.port}"

    def _connect(self, connection: socket.socket, request: bytes) -> None:
        self.asked.append(request)
        refusal = self._refusal or ("" if request.startswith(b"CONNECT ") else "405 No")
        if refusal:
            connection.sendall(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        with socket.create_connection(("127.0.0.1", self._target_port)) as target:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pump, args=(target, connection), daemon=True)
            back.start()
            _pump(connection, target)
            back.join()
        raise ConnectionError("done")

    def close(self) -> None:
        self._server.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def raw_server(handler: Handler, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    server = RawServer(handler, tls)
    try:
        yield server
    finally:
        server.close()
