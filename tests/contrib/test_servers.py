"""Doors behind the servers that platforms use, over real network connections."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from command_line import until
from livestream_core import events
from livestream_core.emulator import load_emulator
from tests.contrib.conftest import ACCOUNT, Platform

pytestmark = pytest.mark.processes

SUPPORT = Path(__file__).parents[1] / "support"
PATIENCE = 60.0
SERVERS = {
    "gunicorn": ("--bind=fd://{}", "--log-level=critical", "receiving_app:app"),
    "uvicorn": ("--fd={}", "--log-level=critical", "receiving_app:asgi_app"),
}


@attrs.define
class Server:
    """A server with one receiver.

    Attributes:
        port: Its port.
        platform: The platform, whose store it uses.
    """

    port: int
    platform: Platform

    def post(self, headers: dict[str, str], body: Any) -> tuple[int, str]:
        """Send a request; a body of several pieces is sent in chunks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        is_chunked = not isinstance(body, bytes)
        connection.request("POST", f"/{ACCOUNT}/", body, headers, encode_chunked=is_chunked)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    pytest.importorskip(request.param)
    vendor: Any = load_emulator("memory")()
    url = f"sqlite:///{tmp_path / 'events.db'}"
    platform = Platform(vendor, store=events.SQLAlchemyStore(url))
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    settings = json.dumps({"store": url, "options": platform.options()})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", request.param]
            + [each.format(number) for each in SERVERS[request.param]],
            env={**os.environ, "RECEIVES": settings, "PYTHONPATH": path},
            pass_fds=[number],
        )
        try:
            yield Server(listener.getsockname()[1], platform)
        finally:
            process.terminate()
            process.wait(PATIENCE)
    platform.store.close()


def test_a_delivery_is_stored_whether_it_has_a_length_or_comes_in_chunks(server: Server) -> None:
    headers, body = server.platform.delivery()
    assert server.post(headers, body) == (200, "received\n")
    headers, body = server.platform.delivery()
    assert server.post(headers, iter([body[:9], body[9:]])) == (200, "received\n")
    assert len(server.platform.stored()) == 2


def test_a_body_in_chunks_that_is_too_long_is_refused(server: Server) -> None:
    status, _ = server.post({}, iter([b"x" * 500_000] * 2 + [b"x" * 50_000]))
    assert status == 413
    assert server.post({}, b"x" * 1_048_576)[0] == 401


def test_a_delivery_whose_sender_disconnects_is_not_stored(server: Server) -> None:
    headers, body = server.platform.delivery()
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"POST /{ACCOUNT}/ HTTP/1.1", "Host: platform.example", *lines])
    for framing, sent in (
        (f"Content-Length: {len(body) + 1}", body),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (len(body), body)),
    ):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            connection.sendall(f"{head}\r\n{framing}\r\n\r\n".encode() + sent)
    # The server receives one request after the other.
    other, content = server.platform.delivery()
    until(lambda: server.post(other, content)[0] == 200)
    assert server.platform.stored() == [json.loads(content)["data"]["id"]]
