"""No delivery that was answered with 2xx is lost, whatever is killed, and none is stored twice."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from command_line import until
from livestream_core import memory
from livestream_core.emulator import load_emulator
from postgresql import NoPostgreSQL, PostgreSQL, postgresql
from wrk import Post, needs_wrk, wrk

pytestmark = pytest.mark.processes

pytest.importorskip("gunicorn")

SUPPORT = Path(__file__).parents[1] / "support"
ACCOUNT = "north-school"
DELIVERIES, SENDERS = 400, 8
#: The responses that wrk gets before the server is killed, and after.
ENOUGH = 500
#: More than wrk sends until its test has seen enough.
MANY = 8000
PATIENCE = 120.0
#: How each server is started, with two workers.
SERVERS = {
    "gunicorn": ("--bind=fd://{}", "--worker-class=gthread", "--threads=4", "receiving_app:app"),
    "uvicorn": ("--fd={}", "receiving_app:asgi_app"),
}


@attrs.define
class Vendor:
    """A vendor that sends each delivery again until it is answered with 2xx.

    Attributes:
        port: Where it sends them.
        left: The deliveries that were not accepted yet.
        statuses: How often each status was answered; 0 for no answer.
        accepted: The bodies of those that were answered with 2xx.
    """

    port: int
    left: list[tuple[dict[str, str], bytes]]
    statuses: Counter[int] = attrs.Factory(Counter)
    accepted: list[bytes] = attrs.Factory(list)
    _lock: Any = attrs.Factory(threading.Lock)

    def has_accepted_more_than(self, number: float) -> bool:
        return len(self.accepted) > number

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send in threads, and wait at the end of the block until all are accepted."""
        threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]
        for each in threads:
            each.start()
        yield
        for each in threads:
            each.join(PATIENCE)
        assert not any(each.is_alive() for each in threads)

    def _send(self) -> None:
        while True:
            with self._lock:
                if not self.left:
                    return
                delivery = self.left.pop()
            status = self._post(*delivery)
            with self._lock:
                self.statuses[status] += 1
                if status == 200:
                    self.accepted.append(delivery[1])
                else:
                    self.left.insert(0, delivery)
            if status != 200:
                threading.Event().wait(0.05)  # as a vendor does, but sooner

    def _post(self, headers: dict[str, str], body: bytes) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", f"/{ACCOUNT}/", body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


@attrs.define
class Server:
    """A server with two workers, which can be killed and started again."""

    port: int
    started: Path
    _start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]

    def has_started(self) -> bool:
        """Return whether both workers have opened the store, without which none starts."""
        return len([*self.started.iterdir()]) >= 2

    def workers(self) -> list[int]:
        """Return the workers that have started."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in found.read_text().split()]

    def kill(self) -> None:
        """Kill the server and its workers, in the middle of whatever they do."""
        self.process.send_signal(signal.SIGSTOP)  # it would start another worker
        for each in [*self.workers(), self.process.pid]:
            os.kill(each, signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        """Start the server again."""
        self.process = self._start()


@contextmanager
def server(store: str, options: dict[str, Any], kind: str = "gunicorn") -> Iterator[Server]:
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryDirectory() as started,
    ):
        settings = json.dumps({"store": store, "options": options, "started": started})
        environment = {**os.environ, "RECEIVES": settings, "PYTHONPATH": path}
        # uvicorn takes a socket that it inherits for a local one, and would not send at once.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = listener.fileno()
        command = [sys.executable, "-m", kind, "--workers=2", "--log-level=critical"]
        command += [each.format(number) for each in SERVERS[kind]]

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(command, env=environment, pass_fds=[number])

        running = Server(listener.getsockname()[1], Path(started), start, start())
        try:
            yield running
        finally:
            running.process.terminate()
            running.process.wait(PATIENCE)


@pytest.fixture
def sent(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[dict[str, Any], list[tuple[dict[str, str], bytes]]]]:
    """Return the options of an account, and deliveries about its streams."""
    count: int = getattr(request, "param", DELIVERIES)
    vendor: Any = load_emulator("memory")()
    with vendor.connect() as client:
        ids = [client.create(title=f"Lesson {number}").id for number in range(20)]
    options = {**vendor.options(), "webhook_secret": vendor.webhook_secret}
    yield options, [vendor.webhook(ids[number % 20]) for number in range(count)]
    memory.reset()


def stored(url: str) -> Counter[str]:
    """Return how often each delivery is in the store, by its key."""
    import psycopg

    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT key FROM livestream_deliveries").fetchall()
    return Counter(json.loads(key) for (key,) in rows)


@contextmanager
def unwritable(url: str) -> Iterator[Callable[[], int]]:
    """Let writes to a store wait, and return how many wait. They fail at the end of the block."""
    import psycopg

    waiting = "FROM pg_locks WHERE relation = 'livestream_deliveries'::regclass AND NOT granted"
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE livestream_deliveries IN SHARE MODE")
        yield lambda: connection.execute(f"SELECT {waiting}").rowcount
        # PostgreSQL would write first, and then notice that a client was killed.
        connection.execute(f"SELECT pg_terminate_backend(pid) {waiting}")


def key_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()  # the vendor has no IDs of its own


def test_deliveries_survive_servers_that_are_killed(
    postgresql_server: PostgreSQL, sent: tuple[dict[str, Any], list[Any]]
) -> None:
    options, deliveries = sent
    url = postgresql_server.new_database()
    expected = {key_of(body): 1 for _, body in deliveries}
    with server(url, options) as running:
        vendor = Vendor(running.port, list(deliveries))
        with vendor.sending():
            for share in (0.2, 0.4, 0.6):
                until(partial(vendor.has_accepted_more_than, share * DELIVERIES))
                running.kill()
                running.start()
    assert set(vendor.statuses) == {0, 200}, vendor.statuses
    assert len(vendor.accepted) == DELIVERIES
    assert stored(url) == expected


@needs_wrk
@pytest.mark.parametrize("sent", [MANY], indirect=True, ids=["many"])
@pytest.mark.parametrize("kind", SERVERS)
def test_nothing_that_wrk_got_accepted_is_lost(
    kind: str, postgresql_server: PostgreSQL, sent: tuple[dict[str, Any], list[Any]], tmp_path: Path
) -> None:
    pytest.importorskip(kind)
    options, deliveries = sent
    url = postgresql_server.new_database()
    posts = [Post(key_of(body), headers, body) for headers, body in deliveries]
    # Vendors send some twice, here at about the same time. A copy that is stored could hide that the
    # other one is lost, so most are sent once.
    repeated = [post for number, post in enumerate(posts) for _ in range(1 + (number % 10 == 0))]
    with (
        server(url, options, kind) as running,
        wrk(f"http://127.0.0.1:{running.port}/{ACCOUNT}/", repeated, SENDERS, tmp_path) as load,
    ):
        until(partial(load.has_answers, ENOUGH))
        with unwritable(url) as waiting:
            # Each sender may get one more response, to what was stored before.
            too_many = len(load.answers()) + SENDERS + 1
            until(lambda: waiting() >= SENDERS // 2 or load.has_answers(too_many))
            running.kill()
        running.start()
        until(partial(load.has_answers, len(load.answers()) + ENOUGH))
        answers = load.answers()
    assert {answer.status for answer in answers} == {200}
    accepted = Counter(answer.key for answer in answers)
    assert set(accepted.values()) == {1, 2}
    found = stored(url)
    assert accepted.keys() - found.keys() == set()
    assert set(found.values()) == {1}
    assert found.keys() <= {post.key for post in posts}


def test_deliveries_survive_a_database_that_is_stopped(
    sent: tuple[dict[str, Any], list[Any]],
) -> None:
    options, deliveries = sent
    try:
        database = postgresql()
        with database as postgres:
            url = postgres.new_database()
            with server(url, options) as running:
                until(running.has_started)
                vendor = Vendor(running.port, list(deliveries))
                with vendor.sending():
                    until(lambda: len(vendor.accepted) > 0.3 * DELIVERIES)
                    postgres.stop()
                    until(lambda: vendor.statuses[503] > 2 * SENDERS)
                    postgres.start()
            assert set(vendor.statuses) <= {0, 200, 503}, vendor.statuses
            assert len(vendor.accepted) == DELIVERIES
            assert stored(url) == {key_of(body): 1 for _, body in deliveries}
    except NoPostgreSQL as missing:
        pytest.skip(str(missing))
