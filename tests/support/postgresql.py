"""A PostgreSQL server for tests: Debian's package, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livestream_core.emulator.programs import leashed

#: The folders of Debian that are not in PATH.
_FOLDERS = "/usr/lib/postgresql/*/bin"
_PATIENCE = 30.0


class NoPostgreSQL(Exception):
    """PostgreSQL is not available; the message says why."""


def programs() -> Path:
    """Return the folder with ``initdb`` and ``postgres``.

    Raises:
        NoPostgreSQL: If there is no such folder.
    """
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/").glob(_FOLDERS.lstrip("/")), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgreSQL(f"PostgreSQL is not installed: no initdb in the PATH or in {_FOLDERS}")


class PostgreSQL:
    """A running PostgreSQL server."""

    def __init__(
        self, folder: Path, user: str, start: Callable[[], subprocess.Popen[bytes]]
    ) -> None:
        self._folder, self._user, self._start = folder, user, start
        self._processes: list[subprocess.Popen[bytes]] = []

    def __getstate__(self) -> dict[str, Any]:
        # Processes that get a copy only connect to the server.
        return {"_folder": self._folder, "_user": self._user}

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        self._processes.append(self._start())
        _wait(self, self._folder / "log")

    def stop(self) -> None:
        """Stop the server at once, as a crash would. Its data stays."""
        process = self.process
        os.kill(process, signal.SIGQUIT)
        deadline = time.monotonic() + _PATIENCE
        while Path(f"/proc/{process}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self) -> None:
        """Stop the server, and remove its data."""
        for each in reversed(self._processes):
            each.communicate()

    @property
    def process(self) -> int:
        """The ID of the server's main process."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{self._user}@/{database}?host={self._folder}"

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        import psycopg

        name = f"test_{secrets.token_hex(8)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run a server until the end of the block.

    Raises:
        NoPostgreSQL: If PostgreSQL is not available.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise NoPostgreSQL("psycopg is not installed") from None
    where = programs()
    user, settings = _unprivileged()
    # A short path, because the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    server = None
    try:
        if settings:
            shutil.chown(folder, user, settings["group"])
        data = folder / "data"
        done = subprocess.run(
            [str(where / "initdb"), "-D", str(data), "-U", user, "-A", "trust", "-N", "-E", "UTF8"]
            + ["--locale", "C"],
            capture_output=True,
            text=True,
            cwd=folder,
            **settings,
        )
        if done.returncode:
            raise NoPostgreSQL(f"initdb failed: {done.stderr.strip()}")
        # Only processes fail in these tests, not the machine, so fsync is not needed.
        command: list[str | Path] = [where / "postgres", "-D", data, "-k", folder]
        for setting in ("listen_addresses=", "fsync=off", "max_connections=200"):
            command += ["-c", setting]

        def start() -> subprocess.Popen[bytes]:
            with (folder / "log").open("ab") as log:
                return leashed(
                    *command,
                    folder=folder,
                    log=log,
                    signal="QUIT",
                    is_temporary=True,
                    cwd="/",
                    **settings,
                )

        server = PostgreSQL(folder, user, start)
        server.start()
        yield server
    finally:
        if server is not None:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> tuple[str, dict[str, Any]]:
    """Return a user that is not root, and the arguments of ``subprocess`` to run as that user."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, {}
    for name in ("postgres", "nobody"):
        try:
            group = pwd.getpwnam(name).pw_gid
        except KeyError:
            continue
        return name, {"user": name, "group": group, "extra_groups": []}
    raise NoPostgreSQL("there is no unprivileged user to run PostgreSQL as")


def _wait(server: PostgreSQL, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise NoPostgreSQL(f"the server does not start: {log.read_text()}") from None
        time.sleep(0.05)
