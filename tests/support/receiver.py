"""A receiver of webhooks, which responds as a test chooses."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from werkzeug.wrappers import Request, Response

from command_line import until
from livestream_core.emulator.serving import serving


class Received(NamedTuple):
    headers: dict[str, str]
    body: bytes
    at: float


class Receiver:
    """What was received, by path, and the statuses to respond with; 200 if none is left."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: dict[str, list[int]] = defaultdict(list)
        self._received: dict[str, list[Received]] = defaultdict(list)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        name = request.path.strip("/")
        with self._lock:
            status = self.statuses[name].pop(0) if self.statuses[name] else 200
            received = Received(dict(request.headers), request.get_data(), time.monotonic())
            self._received[name].append(received)
        return Response(status=status)(environ, start_response)

    def about(self, id: str, name: str, count: int) -> list[Received]:
        """Wait for at least a number of deliveries about a stream, and return them."""

        def found() -> list[Received]:
            return [each for each in self._received[name] if id.encode() in each.body]

        until(lambda: len(found()) >= count)
        return found()


@contextmanager
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    with serving(found, "127.0.0.1", 0) as found.url:
        yield found
