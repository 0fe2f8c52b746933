"""A real server in place of an emulator, for the conformance kit.

The kit's requests pass through a relay, which logs them and injects faults as an emulator does. The
encoders are real too: ffmpeg, with a test picture.
"""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from werkzeug.datastructures import Headers

from .._public import publish
from ..emulator import Emulator, Request, Response, Route
from ..emulator.programs import free_port, leashed, listens, which

#: How long to wait for a server or an encoder, on a machine that is very busy.
PATIENCE = 120.0
_POLL_SECONDS = 0.02
#: How often a server is started, if another program has just taken its port.
_LAUNCHES = 5
#: Headers of one network connection, which are not passed on.
_OF_A_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "host"})
#: A small picture in H.264, as most encoders send it.
PICTURE: tuple[str, ...] = (
    *("-re", "-f", "lavfi", "-i", "testsrc=size=64x36:rate=10"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10"),
    *("-pix_fmt", "yuv420p"),
)


class RealServer(Emulator):
    """A server that a subclass starts, on this machine, for one test.

    The methods and class variables of :class:`~livestream_core.emulator.Emulator` that describe
    the vendor apply to it too. Its time is the machine's: advancing the clock of a test does not
    change it.

    Attributes:
        programs: The programs that must be installed.
        picture: The arguments of ffmpeg for what encoders publish.
        folder: A folder for the server's files, which is removed at the end.
        origin: The origin of the server's API.
        address: The address from which requests are sent, for a server that limits them.
        deliveries: The headers and the bodies of what the server has sent to :attr:`hook_url`.
        hook_url: A URL for the server's webhooks.
    """

    routes: ClassVar[tuple[Route, ...]] = ()
    is_real: ClassVar[bool] = True
    programs: ClassVar[Sequence[str]] = ()
    picture: ClassVar[Sequence[str]] = PICTURE

    address: str = "127.0.0.1"
    folder: Path
    origin: str
    hook_url: str

    def __init__(self) -> None:
        super().__init__(boot_seconds=0.0)
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self._stack = ExitStack()
        self._encoders: dict[str, subprocess.Popen[bytes]] = {}

    # -- for subclasses to override ---------------------------------------------------------

    @classmethod
    def missing(cls) -> str | None:
        """Return what is not installed, or ``None`` if the server can be started."""
        absent = [each for each in ("ffmpeg", *cls.programs) if cls.which(each) is None]
        return f"not installed: {', '.join(absent)}" if absent else None

    def start(self) -> None:
        """Start the server with :meth:`launch`, and set :attr:`origin`."""
        raise NotImplementedError

    def publish_url(self, id: str) -> str:
        """Return the URL to which the encoder of a stream publishes."""
        raise NotImplementedError

    # -- running ----------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server and its encoders until the end of the block.

        If something is not installed, skip the test.
        """
        if (problem := self.missing()) is not None:
            pytest.skip(problem)
        with self._stack:
            self.folder = Path(self._stack.enter_context(_folder()))
            self.hook_url = self._stack.enter_context(_receiver(self.deliveries))
            self.start()
            yield

    def run(
        self, *command: str | os.PathLike[str], signal: str = "TERM"
    ) -> subprocess.Popen[bytes]:
        """Start a program, which ends with the test, however that ends."""
        with (self.folder / "log").open("ab") as log:
            process = leashed(*command, folder=self.folder, log=log, signal=signal)
        self._stack.callback(process.communicate)
        return process

    def launch(self, run: Callable[..., subprocess.Popen[bytes]], *, ports: int) -> tuple[int, ...]:
        """Start a server on free ports, wait until it listens, and return the ports.

        If it ends because another program has just taken one of them, it is started on others.

        Args:
            run: A function that starts it with :meth:`run` on the ports that are its arguments.
            ports: The number of ports.

        Raises:
            AssertionError: If it does not start. The message has the end of the log.
        """
        for _ in range(_LAUNCHES):
            chosen = tuple(free_port() for _ in range(ports))
            if self._is_up(run(*chosen), chosen):
                return chosen
        raise AssertionError(f"the server has ended: {self._log_end()}")

    @staticmethod
    def which(program: str) -> str | None:
        """Return the path of a program. Some are installed where only root looks."""
        return which(program)

    @staticmethod
    def listens(*ports: int) -> bool:
        """Return whether something listens on all of these ports of the loopback interface."""
        return listens(*ports)

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition is true.

        Raises:
            AssertionError: If it does not become true. The message has the end of the log.
        """
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain until {what}: {self._log_end()}")
            time.sleep(_POLL_SECONDS)

    def _is_up(self, process: subprocess.Popen[bytes], ports: tuple[int, ...]) -> bool:
        self.wait_for(
            lambda: process.poll() is not None or self.listens(*ports), "the server listens"
        )
        return process.poll() is None

    def _log_end(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-2000:]

    # -- the world --------------------------------------------------------------------------

    def unused_id(self) -> str:
        """Return a name that no encoder has published."""
        return f"stream-{secrets.token_hex(8)}"

    def encoder_connects(self, id: str) -> None:
        """Publish the test picture until the encoder is dropped."""
        if self.is_published(id):
            raise ValueError("another encoder already publishes to this stream")
        encoder = self.play_ffmpeg(*self.picture, "-f", "flv", self.publish_url(id))
        self.wait_for(
            lambda: encoder.poll() is not None or self.is_published(id),
            "the server shows the encoder",
        )
        if encoder.poll() is not None:
            raise ValueError("the server refused the encoder")
        self._encoders[id] = encoder

    def encoder_drops(self, id: str) -> None:
        """Kill the encoder, as a lost network connection does."""
        encoder = self._encoders.pop(id, None)
        if encoder is None or not self.is_published(id):
            raise ValueError("no encoder publishes to this stream")
        encoder.communicate()
        self.wait_for(lambda: not self.is_published(id), "the server has noticed")

    def play_ffmpeg(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ffmpeg, as an encoder or as a viewer."""
        return self.run(
            "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", *arguments, signal="KILL"
        )

    # -- the relay --------------------------------------------------------------------------

    def _dispatch(self, request: Request) -> Response:
        environ = request.environ
        target = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or request.full_path)
        status, headers, body = self.send(
            request.method,
            target,
            {name: value for name, value in request.headers if not _is_of_connection(name)},
            request.get_data(),
        )
        shown = Headers([pair for pair in headers if not _is_of_connection(pair[0])])
        response = Response(body, status, headers=shown)
        if "content-type" not in {name.lower() for name, _ in headers}:
            del response.headers["Content-Type"]
        return response

    def send(
        self, method: str, target: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send a request to the server, without the log, and return what it answers."""
        connection = http.client.HTTPConnection(
            self.origin.partition("://")[2], timeout=PATIENCE, source_address=(self.address, 0)
        )
        try:
            connection.request(method, target, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


def _is_of_connection(name: str) -> bool:
    return name.lower() in _OF_A_CONNECTION


@contextmanager
def _folder() -> Iterator[str]:
    # A server that ends may still write, so what is left is left.
    folder = tempfile.mkdtemp(prefix="livestream-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _receiver(deliveries: list[tuple[dict[str, str], bytes]]) -> Iterator[str]:
    """Provide a URL, and list what is posted to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            deliveries.append((dict(self.headers.items()), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hooks"
        finally:
            server.shutdown()
            thread.join()


publish("livestream_core.testing", [RealServer])
