"""Servers of HLS playlists for tests: scripted ones, and names that resolve as a test says."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import FunctionType
from typing import Any, TypeAlias

import pytest

import livestream_core as live
from servers import RawServer

#: Answers a request: with a whole response, with nothing (the socket stays open), or by itself.
Page: TypeAlias = bytes | Callable[[socket.socket], bytes | None]


def response(body: bytes | str, status: str = "200 OK", head: str = "") -> bytes:
    body = body.encode() if isinstance(body, str) else body
    length = f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status}\r\n{length}{head}\r\n".encode() + body


def redirect(url: str, status: str = "302 Found") -> bytes:
    return response(b"", status, f"Location: {url}\r\n")


def media(first: int = 0, *, segments: int = 4, ended: bool = False, more: str = "") -> str:
    """Return a media playlist with segments of one second."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}", more]
    for number in range(first, first + segments):
        lines += ["#EXTINF:1.0,", f"s{number}.ts"]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])


def multivariant(*uris: str) -> str:
    """Return a multivariant playlist with one rendition for each URI."""
    lines = ["#EXTM3U"]
    for uri in uris:
        info = 'BANDWIDTH=800000,RESOLUTION=1280x720,CODECS="avc1.64001f,mp4a.40.2",FRAME-RATE=25.0'
        lines += [f"#EXT-X-STREAM-INF:{info}", uri]
    return "\n".join([*lines, ""])


def advancing() -> Callable[[socket.socket], bytes]:
    """Return a page: a live playlist with a new segment at each read."""
    numbers = count()
    return lambda _: response(media(next(numbers)))


@contextmanager
def playlist_server(
    pages: Mapping[str, Page],
    tls: ssl.SSLContext | None = None,
    address: tuple[str, int] = ("127.0.0.1", 0),
) -> Iterator[RawServer]:
    """Serve pages by their paths. Segments exist; everything else is a 404."""

    def handle(connection: socket.socket, request: bytes) -> None:
        path = request.split(b" ", 2)[1].decode().partition("?")[0]
        page = pages.get(path, response("segment") if path.endswith(".ts") else None)
        page = response("", "404 Not Found") if page is None else page
        content = page(connection) if callable(page) else page
        if content is not None:
            connection.sendall(content)

    server = RawServer(handle, tls, address)
    try:
        yield server
    finally:
        server.close()


def endless(connection: socket.socket) -> None:
    """Answer with a playlist that does not end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n#EXTM3U\n")
    while True:
        connection.sendall(b"#EXTINF:1,\ns.ts\n" * 4096)


def dripping(connection: socket.socket) -> None:
    """Answer with one byte every 50 ms."""
    import threading

    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n#EXTM3U\n")
    while True:
        connection.sendall(b"#")
        threading.Event().wait(0.05)


def silent(_: socket.socket) -> None:
    """Answer nothing."""


def bomb() -> bytes:
    """Return a response of 60 KB that expands to 60 MB."""
    body = gzip.compress(b"#EXTM3U\n" + bytes(60_000_000), 9)
    return response(body, head="Content-Encoding: gzip\r\n")


def stream_at(url: str) -> live.LiveStream:
    """Return a stream that viewers watch at a URL."""
    playbacks = [live.Playback(url, "hls")]
    return live.LiveStream(provider="acme", id="7", title="T", status="live", playbacks=playbacks)


class Resolver:
    """A resolver of names whose answers a test determines.

    Attributes:
        answers: The addresses of each name: one list for each lookup, the last one for all others.
        asked: The names that were looked up.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self._system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in self.answers:
            return self._system(host, port, *args, **kwargs)
        self.asked.append(host)
        lists = self.answers[host]
        addresses = lists.pop(0) if len(lists) > 1 else lists[0]
        return [each for one in addresses for each in self._system(one, port, *args, **kwargs)]


class Connections:
    """The addresses to which this process tried to connect; some of them refuse at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[str] = []
        system = socket.socket.connect

        def connect(sock: socket.socket, address: Any) -> None:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                self.tried.append(address[0])
                if not address[0].startswith("127."):
                    raise ConnectionRefusedError(111, "Connection refused")
            system(sock, address)

        # Its errors must count as the system's, not as those of a signal handler.
        as_system = FunctionType(
            connect.__code__, {**globals(), "__name__": "socket"}, closure=connect.__closure__
        )
        monkeypatch.setattr(socket.socket, "connect", as_system)
