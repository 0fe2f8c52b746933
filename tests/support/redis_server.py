"""A Redis server for tests: Debian's package, in a temporary folder."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livestream_core.emulator.programs import leashed

_PATIENCE = 30.0


class NoRedis(Exception):
    """Redis is not available; the message says why."""


class Redis:
    """A running Redis server."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def url(self, database: int) -> str:
        """Return the URL of one of its databases, for Celery and for the client."""
        return f"unix://{self._socket}?db={database}"

    def queue_url(self, database: int) -> str:
        """Return the same URL as Celery writes it."""
        return f"redis+socket://{self._socket}?virtual_host={database}"


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Run a server until the end of the block.

    Raises:
        NoRedis: If Redis is not available.
    """
    try:
        import redis
    except ImportError:
        raise NoRedis("the package redis is not installed") from None
    program = shutil.which("redis-server")
    if program is None:
        raise NoRedis("Redis is not installed: no redis-server in the PATH")
    # A short path, because the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="redis-", dir="/tmp"))
    socket = folder / "socket"
    command: list[str | Path] = [program, "--port", "0", "--unixsocket", socket]
    command += ["--save", "", "--dir", folder]
    with (folder / "log").open("wb") as log:
        process = leashed(*command, folder=folder, log=log, is_temporary=True)
    try:
        server = Redis(socket)
        deadline = time.monotonic() + _PATIENCE
        with redis.Redis.from_url(server.url(0)) as client:
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    if time.monotonic() > deadline:
                        text = (folder / "log").read_text()
                        raise NoRedis(f"the server does not start: {text}") from None
                time.sleep(0.05)
        yield server
    finally:
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)
