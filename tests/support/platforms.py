"""The platforms of ``examples``, run as their users would run them: servers, workers, databases."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import psycopg
import requests
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from livestream_core.cli.installation.courier import Courier, Webhooks
from livestream_core.emulator.programs import free_port, leashed
from redis_server import Redis

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Generous, for a busy machine.
PATIENCE = 240.0
#: Seconds. Short, because tests wait for the leases of killed workers, but longer than any step.
HURRIED = {"LEASE": "6", "SETTLE": "3", "REPEAT": "0.5", "RATE_LIMIT": "500/s"}


@attrs.frozen
class Example:
    """How one of the examples is run.

    Attributes:
        folder: Its folder.
        setup: The command that creates its tables. Commands are arguments of Python.
        server: The command that serves HTTP. ``{port}`` stands for the port.
        workers: The commands of its workers.
        others: The commands of its other programs.
        tables: The names of the tables of accounts and changes.
        account: The column of an account's name in the table of changes.
    """

    folder: Path
    setup: tuple[str, ...]
    server: tuple[str, ...]
    workers: tuple[tuple[str, ...], ...]
    others: tuple[tuple[str, ...], ...]
    tables: tuple[str, str]
    account: str


_CELERY = ("-m", "celery", "-A", "lessons")
DJANGO = Example(
    folder=EXAMPLES / "platform_django",
    setup=("-m", "django", "migrate", "--run-syncdb"),
    server=(
        *("-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}"),
        "django.core.wsgi:get_wsgi_application()",
    ),
    workers=((*_CELERY, "worker", "--concurrency", "2", "--loglevel", "info"),),
    others=((*_CELERY, "beat", "--schedule", "{own}/beat"),),
    tables=("lessons_account", "lessons_change"),
    account="account_id",
)
FASTAPI = Example(
    folder=EXAMPLES / "platform_fastapi",
    setup=("-m", "school.database"),
    server=("-m", "uvicorn", "--workers", "2", "--port", "{port}", "school.app:app"),
    workers=(("-m", "school.worker"),) * 2,
    others=(),
    tables=("accounts", "changes"),
    account="account",
)


class Program:
    """A program of a platform, in a process group of its own."""

    def __init__(self, command: list[str], environ: Mapping[str, str], folder: Path, log: Path):
        self._command, self._environ, self._folder, self.log = command, environ, folder, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as output:
            self._process = leashed(
                sys.executable,
                *self._command,
                folder=self._folder,
                log=output,
                signal="KILL",
                env=self._environ,
            )

    def kill(self) -> None:
        """Kill it, with all processes that it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


class Platform:
    """A platform that runs.

    Attributes:
        origin: The origin of its server.
    """

    def __init__(self, example: Example, database: str, origin: str, server: Program) -> None:
        self.example, self.origin = example, origin
        self.server = server
        self.workers: list[Program] = []
        self.others: list[Program] = []
        self._database = database
        self._lock = threading.Lock()

    def kill_workers(self) -> None:
        """Kill all workers at once, and start others."""
        with self._lock:
            for each in self.workers:
                each.kill()
            for each in self.workers:
                each.start()

    def kill_server(self) -> None:
        """Kill all processes of the server, and wait until others serve."""
        self.server.kill()
        self.server.start()
        self.until(self.is_serving)

    def is_serving(self) -> bool:
        """Return whether the server responds."""
        try:
            return self.get("/nowhere/health/").status_code == 404
        except requests.ConnectionError:
            return False

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until a function returns something true, and return that."""
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        return found

    def log(self) -> str:
        """Return what its programs have logged."""
        programs = (self.server, *self.workers, *self.others)
        return "\n".join(f"{each.log}:\n{each.log.read_text()}" for each in programs)

    # -- its endpoints ----------------------------------------------------------------------

    def get(self, path: str) -> requests.Response:
        """Send a GET request."""
        return self._send("GET", path)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Send a POST request."""
        return self._send("POST", path, data=body, headers=headers)

    def _send(self, method: str, path: str, **given: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False  # a proxy is not meant for this server
            return session.request(method, f"{self.origin}{path}", timeout=PATIENCE, **given)

    # -- its database -----------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a query, in which the names in braces are those of the example."""
        with psycopg.connect(self._database) as connection:
            return connection.execute(self._query(query), values).fetchall()

    def change_account(self, name: str, **values: Any) -> None:
        """Set columns of an account, which may be new."""
        new = {"name": name, "provider": "", "options": "{}", "base_url": "", **values}
        columns, sets = ", ".join(new), ", ".join(f"{each} = excluded.{each}" for each in values)
        self.rows(
            f"INSERT INTO {{accounts}} ({columns}) VALUES (%s, %s, %s, %s)"
            f" ON CONFLICT (name) DO UPDATE SET {sets} RETURNING name",
            *new.values(),
        )

    def _query(self, query: str) -> bytes:
        accounts, changes = self.example.tables
        account = self.example.account
        return query.format(accounts=accounts, changes=changes, account=account).encode()

    @contextmanager
    def locked(self, lock: str) -> Iterator[Callable[[], object]]:
        """Hold a lock in the database, and provide a function that releases it earlier."""
        with psycopg.connect(self._database) as connection:
            connection.execute(self._query(lock))
            yield connection.rollback
            connection.rollback()

    def until_waiting(self, statement: str) -> None:
        """Wait until a statement, given as a pattern of LIKE, waits for a lock."""
        self.until(lambda: self._waiting(statement))

    def _waiting(self, statement: str) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE %s",
            statement,
        )

    def cut_off(self, statement: str) -> None:
        """End the statements that wait for a lock.

        Their process was killed, but the database would notice it only after them.
        """
        for (pid,) in self._waiting(statement):
            self.rows("SELECT pg_terminate_backend(%s)", pid)


@contextmanager
def running(example: Example, database: str, redis: Redis, number: int) -> Iterator[Platform]:
    """Run a platform until the end of the block.

    Args:
        example: The platform.
        database: The URL of its database, which is empty.
        redis: The server for its Redis databases.
        number: The number of the first of its two Redis databases.
    """
    own = Path(tempfile.mkdtemp(prefix="platform-"))
    port = free_port()
    environ = {**_environment(database, redis, number), "HOME": str(own)}  # gunicorn writes there

    def program(name: str, command: tuple[str, ...]) -> Program:
        arguments = [each.format(port=port, own=own) for each in command]
        return Program(arguments, environ, example.folder, own / name)

    subprocess.run(
        [sys.executable, *example.setup],
        cwd=example.folder,
        env=environ,
        check=True,
        timeout=PATIENCE,
        stdout=subprocess.DEVNULL,
    )
    server = program("server", example.server)
    platform = Platform(example, database, f"http://127.0.0.1:{port}", server)
    platform.workers = [
        program(f"worker-{index}", each) for index, each in enumerate(example.workers)
    ]
    platform.others = [program(f"other-{index}", each) for index, each in enumerate(example.others)]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, own, ignore_errors=True)
        for each in (server, *platform.workers, *platform.others):
            stack.callback(each.kill)
            each.start()
        platform.until(platform.is_serving)
        yield platform


def _environment(database: str, redis: Redis, number: int) -> dict[str, str]:
    url = make_url(database)
    # Without coverage: with a tracer in each thread, a worker would take minutes.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return {
        **ours,
        **HURRIED,
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "lessons.settings",
        "SECRET_KEY": "made-up",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SESSION_KEYS": Fernet.generate_key().decode(),
        "PGDATABASE": str(url.database),
        "PGUSER": str(url.username),
        "PGHOST": str(url.query["host"]),
        "DATABASE_URL": database.replace("postgresql:", "postgresql+psycopg:", 1),
        "REDIS_URL": redis.url(number),
        "CELERY_BROKER_URL": redis.queue_url(number + 1),
    }


@attrs.frozen
class School:
    """A school with an account at a vendor, and what happens at the vendor.

    Attributes:
        platform: The platform that it uses.
        name: Its name.
        vendor: The vendor.
    """

    platform: Platform
    name: str
    vendor: Any

    def create_lesson(self, title: str, **values: Any) -> int:
        """Create a lesson, and return its ID."""
        response = self.send_lesson(json.dumps({"title": title, **values}).encode())
        assert response.status_code == 202, response.text
        return int(response.json()["id"])

    def send_lesson(self, body: bytes) -> requests.Response:
        """Send a lesson to create, and return the response."""
        return self.platform.post(
            f"/{self.name}/lessons/", body, {"Content-Type": "application/json"}
        )

    def lesson(self, id: int) -> dict[str, Any]:
        """Return a lesson as the platform shows it."""
        response = self.platform.get(f"/{self.name}/lessons/{id}/")
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        assert not shown["problem"], shown
        return shown

    def until_created(self, id: int) -> str:
        """Wait until a lesson has a stream, and return the stream's ID."""
        return str(self.platform.until(lambda: self.lesson(id)["stream_id"]))

    def until_status(self, id: int, status: str) -> None:
        """Wait until the platform shows this status of a lesson."""
        self.platform.until(lambda: self.lesson(id)["status"] == status)

    def changes(self, stream_id: str) -> list[str]:
        """Return the statuses of a stream that the platform has handled, in that order."""
        found = self.platform.rows(
            "SELECT status FROM {changes} WHERE {account} = %s AND stream_id = %s"
            " AND kind = 'status_changed' ORDER BY id",
            self.name,
            stream_id,
        )
        return [status for (status,) in found]

    def streams(self) -> list[str]:
        """Return the IDs of all streams at the vendor."""
        with self.vendor.observe() as client:
            return [each.id for each in client.list()]


@contextmanager
def school(platform: Platform, name: str, vendor: Any, **options: Any) -> Iterator[School]:
    """Enter a school into a platform, until the end of the block, and serve its vendor.

    If the vendor sends webhooks, it delivers each of them twice.

    Args:
        platform: The platform.
        name: The name of the school.
        vendor: The vendor.
        options: The school's options, if they are not those of the vendor's account.
    """
    with vendor.serve() as origin:
        given = options or vendor.options()
        if vendor.sends_webhooks:
            given = {**given, "webhook_secret": vendor.webhook_secret}
        platform.change_account(
            name, provider=vendor.provider, options=json.dumps(given), base_url=origin
        )
        courier = Courier(
            name, vendor, Webhooks(f"{platform.origin}/webhooks/{name}/", duplicates=1)
        )
        courier.start()
        try:
            yield School(platform, name, vendor)
        finally:
            courier.stop()
            # So that its streams are not read any more.
            platform.change_account(name, provider="none")
