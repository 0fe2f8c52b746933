"""The figure of receiving a webhook: verified and stored, beside storing its body and nothing else.

Both run in the same framework and server, with one commit for each delivery, in PostgreSQL.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from livestream_mux.emulator import MuxEmulator

from ..measure import Size, compare
from ..table import Row, seconds
from ..webhook_server import ACCOUNT, FRAMEWORKS

TARGET = 1.6
ROOT = Path(__file__).parents[2]

_STREAMS = 50
_PATIENCE = 30.0
_GUNICORN = (
    "gunicorn",
    "--bind=fd://{}",
    "--worker-class=gthread",
    "--threads=1",
    "--keep-alive=60",
    "--log-level=warning",
    "benchmarks.webhook_server:app",
)
#: Its own --fd takes the socket for one of the file system, so each response is delayed by 40 ms.
_UVICORN = ("benchmarks.webhook_server", "{}")
_SERVERS = {"Django": _GUNICORN, "Flask": _GUNICORN, "FastAPI": _UVICORN}
#: Runs a module. The checkout comes last, so that the installed library is measured.
_START = """
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""

Delivery = tuple[dict[str, str], bytes]

NO_HEADERS: Mapping[str, str] = {}
#: How the stored deliveries of each side are counted, and removed.
STATEMENTS = {
    "ours": ("SELECT count(*) FROM livestream_deliveries", "TRUNCATE livestream_deliveries"),
    "theirs": ("SELECT count(*) FROM bodies", "TRUNCATE bodies"),
}


def rows(size: Size) -> Iterator[Row]:
    """Yield the processor time of the server for each delivery; that of PostgreSQL is not in it."""
    sys.path.append(str(ROOT / "tests" / "support"))
    from postgresql import postgresql

    vendor = MuxEmulator()
    with vendor.connect() as client:
        ids = [client.create(title=f"Lesson {number}").id for number in range(_STREAMS)]
    with postgresql() as database:
        for framework in FRAMEWORKS:
            yield from _framework(framework, size, vendor, ids, database)


def _framework(
    framework: str, size: Size, vendor: MuxEmulator, ids: list[str], database: Any
) -> Iterator[Row]:
    with ExitStack() as stack:
        sides = []
        for side in STATEMENTS:
            url = database.new_database()
            port = stack.enter_context(_served(framework, side, url, vendor.webhook_secret))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
            stack.callback(connection.close)
            sides.append(Side(side, connection, url, database.process))
        ours, theirs = sides

        def deliveries() -> list[Delivery]:
            # New ones each time: the vendor signs the time, and ours stores no copies.
            return [vendor.webhook(ids[number % len(ids)]) for number in range(size.deliveries)]

        measured = compare(
            lambda: ours.receive(deliveries()),
            lambda: theirs.receive(deliveries()),
            rounds=size.call_rounds,
        )
    yield Row(
        "webhooks",
        f"processor time of a delivery to {framework}",
        "its body is inserted with psycopg, and nothing is verified",
        f"{seconds(measured.ours)} ({seconds(statistics.fmean(ours.spent))} in PostgreSQL)",
        f"{seconds(measured.theirs)} ({seconds(statistics.fmean(theirs.spent))} in PostgreSQL)",
        measured,
        TARGET,
    )


@contextmanager
def _served(framework: str, side: str, database: str, secret: str) -> Iterator[int]:
    environment = {
        **os.environ,
        "BENCHMARK_FRAMEWORK": framework,
        "BENCHMARK_SIDE": side,
        "BENCHMARK_DATABASE": database,
        "BENCHMARK_SECRET": secret,
    }
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryDirectory() as folder,
    ):
        number = listener.fileno()
        command = [sys.executable, "-c", _START, str(ROOT), *_SERVERS[framework]]
        server = subprocess.Popen(
            [each.format(number) for each in command],
            env=environment,
            pass_fds=[number],
            cwd=folder,  # servers import from there first
        )
        try:
            yield listener.getsockname()[1]
        finally:
            server.terminate()
            server.wait(_PATIENCE)


class Side:
    """One of the two servers.

    Attributes:
        spent: The processor time of PostgreSQL for each delivery, in seconds, in each measurement.
    """

    def __init__(
        self, name: str, connection: http.client.HTTPConnection, database: str, postmaster: int
    ) -> None:
        self._connection = connection
        self._count, self._clear = STATEMENTS[name]
        self._database, self._postmaster = database, postmaster
        self.spent: list[float] = []

    def receive(self, deliveries: list[Delivery]) -> float:
        """Send deliveries, and return the processor time of the server for each, in seconds."""
        began, used = self._spent(), _children(self._postmaster)
        for headers, body in deliveries:
            self._ask("POST", f"/webhooks/{ACCOUNT}/", body, headers)
        seconds = self._spent() - began
        self._connection.close()  # it opens again: a server may close one that is idle
        self.spent.append((_children(self._postmaster) - used) / len(deliveries))
        with psycopg.connect(self._database, autocommit=True) as connection:
            assert connection.execute(self._count).fetchone() == (len(deliveries),)
            connection.execute(self._clear)
        return seconds / len(deliveries)

    def _spent(self) -> float:
        return float(self._ask("GET", "/spent"))

    def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> bytes:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, (answer.status, content)
        return content


def _children(process: int) -> float:
    """Return the processor time of a process's children, in seconds."""
    ticks = 0
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(values[1]) == process:
            ticks += int(values[11]) + int(values[12])
    return ticks / os.sysconf("SC_CLK_TCK")
