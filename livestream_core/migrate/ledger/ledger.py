"""The ledger: the durable record of a migration, in a database.

The intent to create a stream is committed before the request is sent, and the outcome afterward.
An intent without an outcome means that the stream may have been created.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import attrs
import filelock
import sqlalchemy as sa

from ..._client import Client
from ..._model.errors import InvalidInput
from ...durable.database import committed
from ...durable.database import shown as shown_url
from ...durable.leases import LeaseLost
from ..kept import batches
from ..values import History, ItemState, LedgerError, Plan, PlanSettings, Report
from . import mark_file
from .neighbors import Neighbor, neighbors, others
from .schema import (
    APPLICATION_ID,
    BASELINE,
    COUNTING,
    GROUPS,
    ITEMS,
    METADATA,
    MIGRATION,
    PLANNING_VERSION,
    SCHEMA_VERSION,
    instant,
    item_row,
    lock_tables,
    migration_row,
    seal_of,
    stored,
)
from .transaction import (
    UNSETTLED,
    BudgetSpent,
    Paused,
    Stopped,
    Taken,
    Transaction,
    acceptance,
    walked,
)

T = TypeVar("T")


class Ledger:
    """The ledger of one migration: an SQLite file, or a PostgreSQL database or schema of its own.

    Move, copy, restore, and delete an SQLite file together with its mark file, which has the same
    name with ``-mark`` at the end.

    Use :meth:`open` or :meth:`create` as a context manager.
    """

    def __init__(
        self,
        engine: sa.Engine,
        where: str,
        lock: filelock.FileLock | None,
        *,
        is_temporary: bool = False,
    ) -> None:
        self._engine, self._shown, self._lock = engine, where, lock
        #: Whether it is gone once it is closed.
        self.is_temporary: bool = is_temporary
        self._file = engine.dialect.name == "sqlite"
        #: Whether the ledger was opened for writing.
        self.is_writable: bool = lock is not None
        self._mark = _companion(Path(where), "-mark")
        self._group_commit = GroupCommit(self._commit_all) if self._file else None

    # -- opening ----------------------------------------------------------------------------

    @classmethod
    def exists(cls, location: str | os.PathLike[str]) -> bool:
        """Return whether a ledger exists, usable or not.

        Raises:
            LedgerError: If this cannot be determined, or only parts of a ledger exist.
        """
        url, path = _url(location)
        if path is None:
            engine = _postgresql(url)
            try:
                with _explained(shown_url(url)), engine.connect() as connection:
                    return sa.inspect(connection).has_table(MIGRATION.name)
            finally:
                engine.dispose()
        if path.exists() or path.is_symlink():
            return True
        parts = [f"journal {path.name}{each}" for each in _LOG if _companion(path, each).exists()]
        if _required(path):
            parts.append(f"mark file {path.name}-mark")
        if parts:
            raise LedgerError(
                f"the ledger {path} is missing, but its {parts[0]} exists",
                hint="restore the ledger; a new ledger would create every stream again",
            )
        return False

    @classmethod
    def create(cls, location: str | os.PathLike[str], plan: Plan, phase: str = "running") -> Ledger:
        """Create a ledger from a plan, and open it. An SQLite ledger is locked until it is closed.

        Args:
            location: An SQLite file, or the URL of a PostgreSQL database.
            plan: The plan.
            phase: The phase of the migration: ``"running"``, or ``"planning"`` if the streams of
                the plan are still to be read.

        Raises:
            LedgerError: If the ledger already exists or cannot be written.
        """
        url, path = _url(location)
        where = shown_url(url)
        if path is None:
            engine = _postgresql(url)
            with _explained(where), engine.begin() as connection:
                lock_tables(connection)
                if not sa.inspect(connection).has_table(MIGRATION.name):
                    _fill(connection, plan, phase)
            engine.dispose()
            return cls.open(location, write=True)
        lock = _hold(path)
        try:
            if cls.exists(path):
                raise LedgerError(f"the ledger {path} already exists")
            # Written under another name and then renamed, so that no partial ledger ever exists.
            making = Path(f"{path}.new")
            with _explained(where):
                making.unlink(missing_ok=True)
                engine = _sqlite(making, journal="DELETE")
                try:
                    with engine.connect() as connection:
                        connection.exec_driver_sql("BEGIN")
                        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                        _fill(connection, plan, phase)
                        _count_commit(connection)
                        connection.exec_driver_sql("COMMIT")
                finally:
                    engine.dispose()
                os.chmod(making, 0o600)
                # First: a ledger without a mark file is damaged, and this mark file requires no
                # commits.
                mark_file.create(_companion(path, "-mark"))
                os.replace(making, path)
                mark_file.sync_folder(path.parent)
        except BaseException:
            lock.release()
            raise
        return cls._opened(path, lock)

    @classmethod
    @contextmanager
    def temporary(cls, plan: Plan) -> Iterator[Ledger]:
        """Yield a ledger for a plan that is made, which is gone at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="livestream-plan-") as folder:
            engine = _sqlite(Path(folder) / "plan.db", journal="MEMORY")
            ledger = cls(engine, "of the plan", None, is_temporary=True)
            try:
                with _explained(ledger.location), engine.begin() as connection:
                    _fill(connection, plan, "planning")
                yield ledger
            finally:
                ledger.close()

    @classmethod
    def open(cls, location: str | os.PathLike[str], *, write: bool = False) -> Ledger:
        """Open an existing ledger.

        Args:
            location: The SQLite file, or the URL of a PostgreSQL database.
            write: Whether to open the ledger for writing. An SQLite ledger is then locked until
                it is closed.

        Raises:
            LedgerError: If there is no ledger, another run is using it, or it is damaged, was
                written by a newer version, or is not a ledger.
        """
        url, path = _url(location)
        if not cls.exists(location):
            raise no_ledger(location)
        if path is None:
            ledger = cls(_postgresql(url), shown_url(url), None)
            ledger._verify()
            if write:
                ledger._upgrade()
                ledger.is_writable = True
            return ledger
        lock = _hold(path) if write else None
        return cls._opened(path, lock)

    @classmethod
    def _opened(cls, path: Path, lock: filelock.FileLock | None) -> Ledger:
        engine = None
        try:
            if not path.stat().st_size:
                raise LedgerError(f"the ledger {path} is damaged: it is empty", hint=_RESTORE)
            # Read before the ledger: a run that is writing only increases both counts.
            required = _required(path)
            with _explained(str(path)):
                _check_header(path)
                engine = _sqlite(path, journal="WAL")
            ledger = cls(engine, str(path), lock)
            ledger._verify(required)
            if lock is not None:
                ledger._catch_up(required)
                ledger._upgrade()
        except BaseException as error:
            if engine is not None:
                engine.dispose()
            if lock is not None:
                lock.release()
            if isinstance(error, OSError):
                raise LedgerError(f"the ledger {path} cannot be read: {error.strerror}") from None
            raise
        return ledger

    def close(self) -> None:
        """Close the ledger, and release its lock."""
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Ledger {self._shown}>"

    @property
    def is_file(self) -> bool:
        """Whether the ledger is a file, which only one run at a time can use."""
        return self._file

    @property
    def location(self) -> str:
        """The ledger's location, without a password."""
        return self._shown

    # -- reading and writing ----------------------------------------------------------------

    def write(self, do: Callable[[Transaction], T]) -> T:
        """Run a function in a transaction, commit it, and return the function's result.

        When this method returns, the commit is on disk and counted in the mark file. For an SQLite
        ledger, what several threads write at the same time is committed together.

        Raises:
            LedgerError: If the transaction could not be written or counted. Send nothing that
                relies on it.
        """
        with _explained(self._shown):
            if self._group_commit is not None:
                return self._group_commit.run(do)
            return committed(lambda: self._commit(do))

    def _commit(self, do: Callable[[Transaction], T]) -> T:
        with self._engine.begin() as connection:
            now = connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())"))
            return do(Transaction(connection, float(now or 0.0)))

    def read(self, do: Callable[[Transaction], T]) -> T:
        """Run a function that only reads, and return its result.

        Raises:
            LedgerError: If the ledger could not be read.
        """
        with _explained(self._shown), self._engine.connect() as connection:
            try:
                return do(Transaction(connection, time.time()))
            except BaseException:
                # An unfinished read would block writes and checkpoints.
                connection.invalidate()
                raise

    def _commit_all(self, jobs: list[_Job]) -> None:
        # One fsync for all jobs that arrived during the last one. The errors caught below are
        # raised before a job has written anything.
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                transaction = Transaction(connection, time.time())
                for job in jobs:
                    try:
                        job.result = job.do(transaction)
                    except (BudgetSpent, LeaseLost, Paused, Stopped, Taken) as error:
                        job.error = error
                count = _count_commit(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                driver = connection.connection.dbapi_connection
                if driver is not None and driver.in_transaction:
                    connection.exec_driver_sql("ROLLBACK")
                raise
        self._write_mark(count)

    def _write_mark(self, count: int) -> None:
        if self.is_temporary:
            return
        try:
            mark_file.write(self._mark, count)
        except OSError as error:
            problem = f"the mark file {self._mark} cannot be written: {error.strerror}"
        else:
            return
        raise LedgerError(problem, hint=_hint(problem))

    def _catch_up(self, required: int | None) -> None:
        """Bring the mark file up to date.

        A run may have been killed between a commit and its mark. A ledger made by an earlier
        version starts to count its commits now.
        """
        with _explained(self._shown), self._engine.connect() as connection:
            count = _commits(connection)
            version = connection.execute(sa.select(MIGRATION.c.schema_version)).scalar_one()
            if version < COUNTING and required is None:
                mark_file.create(self._mark)
        if version < COUNTING:
            self.write(lambda tx: tx.change_migration(schema_version=COUNTING))
        else:
            self._write_mark(count)

    def _upgrade(self) -> None:
        """Create the tables and indexes that a ledger of an earlier version lacks."""
        if self.read(Transaction.is_outdated):
            self.write(Transaction.upgrade)

    def report(self) -> Report:
        """Return the contents of the ledger."""
        found = self.read(_report)
        return attrs.evolve(found, others=others(found, self.neighbors(found)))

    def neighbors(self, report: Report) -> Iterator[Neighbor]:
        """Iterate over the other ledgers in the folder that are for the same two accounts."""
        return neighbors(Path(self._shown), report) if self._file else iter(())

    def _verify(self, required: int | None = None) -> None:
        """Check the ledger, so that damage is never mistaken for streams not created yet."""
        with _explained(self._shown), self._engine.connect() as connection:
            if self._file:
                found = connection.exec_driver_sql("PRAGMA application_id").scalar()
                if found != APPLICATION_ID:
                    raise LedgerError(f"{self._shown} is not the ledger of a migration")
            elif not sa.inspect(connection).has_table(MIGRATION.name):
                raise LedgerError(f"there is no ledger at {self._shown}")
            version = connection.execute(sa.text("SELECT schema_version FROM migration")).scalar()
            newest = PLANNING_VERSION[self._engine.dialect.name]
            if isinstance(version, int) and version > newest:
                raise LedgerError(
                    f"the ledger {self._shown} was written by a newer version of livestream-core "
                    f"(schema {version}; this version supports up to {newest})",
                    hint="upgrade livestream-core",
                )
            if not isinstance(version, int) or version < 1:
                raise self._damaged(f"its version is {version!r}")
            if self._file:
                self._verify_count(_commits(connection), required, is_old=version < COUNTING)
                result = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
                if result != "ok":
                    raise self._damaged(str(result).splitlines()[0])
            try:
                self._verify_rows(connection)
            except TypeError:  # one flipped bit turns a text into a number or a blob
                raise self._damaged("a value has the wrong type") from None

    def _verify_count(self, count: int, required: int | None, *, is_old: bool) -> None:
        name = self._mark.name
        if required is None:
            # If one exists now, a run that has started to count created it in the meantime.
            if not is_old and not self._mark.exists():
                raise LedgerError(
                    f"the ledger {self._shown} is damaged: its mark file {name} is missing",
                    hint="copy or move a ledger together with its mark file; a new ledger would "
                    "create every stream again",
                )
        elif count < required:
            raise self._damaged(
                f"it has lost commits, or is an older copy: it has {count} commits, but its mark "
                f"file {name} requires {required}"
            )

    def _verify_rows(self, connection: sa.Connection) -> None:
        # SQLite finds a malformed page, but not a changed letter in an ID.
        migrations = connection.execute(sa.select(MIGRATION)).mappings().all()
        if len(migrations) != 1 or migrations[0]["seal"] != seal_of(migrations[0]):
            raise self._damaged("its first row was changed")
        migration = migrations[0]
        found = 0
        for row in walked(connection, sa.select(ITEMS)):
            found += 1
            if row["seal"] != seal_of(row):
                raise self._damaged(f"the row of stream {row['source_id']!r} was changed")
        if found != migration["item_count"] and migration["phase"] != "planning":
            raise self._damaged(f"it has {found} streams of {migration['item_count']}")
        waiting = sa.select(ITEMS.c.group_key).where(
            ITEMS.c.state.in_(UNSETTLED), ITEMS.c.group_key.not_in(sa.select(GROUPS.c.key))
        )
        is_planned = migration["phase"] != "planning"
        if is_planned and connection.execute(waiting.limit(1)).first() is not None:
            raise self._damaged("an unsettled stream has no group")
        for accepted in Transaction(connection, 0.0).accepted():
            if accepted["seal"] != seal_of(accepted):
                raise self._damaged("what was accepted was changed")
        if migration["baseline"]:
            ids = connection.execute(sa.select(BASELINE.c.target_key)).scalars()
            if digest_of(ids) != migration["baseline_digest"]:
                raise self._damaged("its baseline was changed")

    def _damaged(self, how: str) -> LedgerError:
        return LedgerError(f"the ledger {self._shown} is damaged: {how}", hint=_RESTORE)


_RESTORE = (
    "restore it from a copy (an SQLite file together with its mark file); a new ledger would "
    "create every stream again"
)


def digest_of(ids: Iterable[str]) -> str:
    """Return a digest of a set of IDs."""
    return seal_of({"ids": "\n".join(sorted(ids))})


# -- group commits ---------------------------------------------------------------------------


class _Job:
    __slots__ = ("do", "done", "error", "result")

    def __init__(self, do: Callable[[Transaction], Any]) -> None:
        self.do = do
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None


class GroupCommit:
    """Runs jobs of several threads, queued during one commit, in the next transaction together."""

    def __init__(self, commit: Callable[[list[_Job]], None]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []
        self._busy = False

    def run(self, do: Callable[[Transaction], T]) -> T:
        job = _Job(do)
        with self._lock:
            self._waiting.append(job)
            leads = not self._busy
            self._busy = True
        if leads:
            self._lead()
        job.done.wait()
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def _lead(self) -> None:
        while True:
            with self._lock:
                jobs, self._waiting = self._waiting, []
                if not jobs:
                    self._busy = False
                    return
            try:
                self._commit(jobs)
            except BaseException as error:
                for job in jobs:
                    job.error = error
            for job in jobs:
                job.done.set()


# -- databases -------------------------------------------------------------------------------


def _url(location: str | os.PathLike[str]) -> tuple[sa.URL, Path | None]:
    """Return the URL of a ledger, and its path if it is a file."""
    text = os.fspath(location)
    if "://" not in text:
        path = Path(text).absolute()
        return sa.URL.create("sqlite", database=str(path)), path
    problem = ""
    url = sa.URL.create("sqlite")
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        problem = "it is not a valid URL"  # not shown: it may contain a password
    if not problem and url.get_backend_name() == "sqlite" and url.database:
        path = Path(url.database).absolute()
        return sa.URL.create("sqlite", database=str(path)), path
    if not problem and url.get_backend_name() != "postgresql":
        problem = f"{url.get_backend_name()} is neither sqlite nor postgresql"
    if problem:
        raise InvalidInput(
            f"ledger: expected a file or postgresql://...: {problem}", field="ledger"
        )
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url, None


def shown(location: str | os.PathLike[str]) -> str:
    """Return a location without anything that may be a password."""
    return shown_url(_url(location)[0])


def no_ledger(location: str | os.PathLike[str], more: str = "") -> LedgerError:
    """Return the error for a ledger that does not exist, with what else to do than check its name.

    A name that does not exist may be misspelled, so this comes before any other problem: a new
    ledger under that name would create every stream again.
    """
    return LedgerError(f"there is no ledger at {shown(location)}", hint=f"check its name{more}")


def _sqlite(path: Path, *, journal: str) -> sa.Engine:
    # `uri` with mode=rw: a missing file is never created, except for a new ledger.
    mode = "rw" if journal == "WAL" else "rwc"
    if journal == "WAL" and _never_changes(path):
        mode = "ro&immutable=1"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=30,
            isolation_level=None,
            check_same_thread=False,
        )
        if "immutable" not in mode:
            # Then a damaged log loses nothing, unless a reader prevented the checkpoint.
            connection.execute("PRAGMA wal_autocheckpoint = 1")
            connection.execute(f"PRAGMA journal_mode = {journal}")
            synchronous = "OFF" if journal == "MEMORY" else "FULL"  # it need not survive a crash
            connection.execute(f"PRAGMA synchronous = {synchronous}")
        return connection

    return sa.create_engine(
        "sqlite://",
        creator=connect,
        poolclass=sa.pool.QueuePool,
        max_overflow=-1,
        hide_parameters=True,
    )


def _never_changes(path: Path) -> bool:
    """Return whether a ledger is on a read-only disk, with all of its files."""
    return not os.access(path.parent, os.W_OK) and not _companion(path, "-wal").exists()


def _postgresql(url: sa.URL) -> sa.Engine:
    try:
        # A few connections, plus one for each worker that needs it for milliseconds.
        return sa.create_engine(
            url, pool_size=8, max_overflow=-1, pool_pre_ping=True, hide_parameters=True
        )
    except ImportError:
        pass
    raise LedgerError(
        "a PostgreSQL ledger needs psycopg", hint="pip install 'livestream-core[postgresql]'"
    )


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise LedgerError(
                f"{path} is damaged or is not a ledger (no SQLite header)",
                hint=_RESTORE,
            )


def _hold(path: Path) -> filelock.FileLock:
    lock_file = _companion(path, ".lock")
    if not lock_file.parent.is_dir():
        # The disk may not be mounted: a ledger created here would be a different one.
        raise LedgerError(f"the ledger {path} cannot be written: its folder does not exist")
    lock = filelock.FileLock(lock_file, timeout=0)
    hint = None
    try:
        lock.acquire()
        return lock
    except filelock.Timeout:
        problem = f"another run is using the ledger {path}"
        hint = "wait for that run to finish, or stop it"
    except OSError as error:
        problem = f"the ledger {path} cannot be written: {error.strerror}"
    raise LedgerError(problem, hint=hint)


#: Names of SQLite's write-ahead log and its index.
_LOG = ("-wal", "-shm")


def _companion(path: Path, suffix: str) -> Path:
    """Return the path of a file that belongs to a ledger, next to the target of a symbolic link."""
    return Path(f"{os.path.realpath(path)}{suffix}")


def _required(path: Path) -> int | None:
    """Return how many commits a ledger must have, or ``None`` if it has no mark file.

    Raises:
        LedgerError: If the mark file cannot be read.
    """
    mark = _companion(path, "-mark")
    try:
        required = mark_file.required(mark)
        problem = f"the ledger {path} is damaged: its mark file {mark.name} is unreadable"
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        required, problem = None, f"the mark file {mark} cannot be read: {error.strerror}"
    if required is None:
        raise LedgerError(problem, hint=_hint(problem))
    return required


def _commits(connection: sa.Connection) -> int:
    """Return how many commits an SQLite ledger has counted."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _count_commit(connection: sa.Connection) -> int:
    """Count the commit of the current transaction of an SQLite ledger, and return the count."""
    count = _commits(connection) + 1
    connection.exec_driver_sql(f"PRAGMA user_version = {count}")
    return count


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Convert database errors to errors that say what happened to the ledger."""
    problem: str
    try:
        yield
        return
    except sa.exc.DBAPIError as error:
        problem = _problem(where, str(error.orig))
    except sqlite3.Error as error:
        problem = _problem(where, str(error))
    except OSError as error:
        problem = f"the ledger {where} cannot be written: {error.strerror}"
    except (sa.exc.SQLAlchemyError, ValueError, KeyError) as error:
        # A row cannot be decoded.
        problem = f"the ledger {where} is damaged: {type(error).__name__}"
    raise LedgerError(problem, hint=_hint(problem))


_SQLITE_PROBLEMS = (
    ("full", "cannot be written: the disk is full"),
    ("readonly", "cannot be written: it is read-only"),
    ("read-only", "cannot be written: it is read-only"),
    ("unable to open", "cannot be opened"),
    ("disk i/o", "cannot be read or written: the disk failed"),
    ("locked", "is in use by another program"),
)


def _problem(where: str, text: str) -> str:
    first = text.strip().splitlines()[0] if text.strip() else "unknown"
    if where.startswith("postgresql"):
        return f"the ledger {where} cannot be used: {first}"
    for sign, problem in _SQLITE_PROBLEMS:
        if sign in first.lower():
            return f"the ledger {where} {problem}"
    return f"the ledger {where} is damaged: {first}"


def _hint(problem: str) -> str | None:
    if "damaged" in problem:
        return _RESTORE
    if "cannot be written" in problem:
        return (
            "every create that was sent is recorded; once the ledger can be written, run the same "
            "command again to resume"
        )
    return None


def _fill(connection: sa.Connection, plan: Plan, phase: str) -> None:
    METADATA.create_all(connection)
    versions = PLANNING_VERSION if phase == "planning" else SCHEMA_VERSION
    version = versions[connection.dialect.name]
    connection.execute(MIGRATION.insert(), [migration_row(plan, version, phase)])
    groups: dict[str, int] = {}
    for batch in batches(enumerate(plan.items)):
        connection.execute(ITEMS.insert(), [item_row(plan, at, item) for at, item in batch])
        for at, item in batch:
            if item.state is ItemState.PENDING:
                groups.setdefault(item.key, at)
    for some in batches(groups.items()):
        connection.execute(GROUPS.insert(), [{"key": key, "position": at} for key, at in some])


def check_accounts(ledger: Ledger, source: Client | None, target: Client | None) -> None:
    """Check that a ledger belongs to these accounts.

    Raises:
        LedgerError: If it belongs to other accounts.
    """
    row = ledger.read(Transaction.migration)
    for name, client in (("source", source), ("target", target)):
        if client is not None and client.account != row[f"{name}_account"]:
            raise LedgerError(
                f"the ledger {ledger.location} belongs to another migration: its {name} is "
                f"{row[f'{name}_account']}, not {client.account}"
            )


def new_owner() -> str:
    """Return a unique name for one worker."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def head(transaction: Transaction) -> Report:
    """Return the contents of a ledger without its items."""
    migration = transaction.migration()
    phase = migration["phase"]
    if phase == "running" and transaction.is_finished():
        phase = "finished"
    accepted = tuple(map(acceptance, transaction.accepted()))
    owned_by_none = {each.target_id for each in accepted if each.source_id is None}
    return Report(
        plan=migration["plan_id"],
        source_account=migration["source_account"],
        target_account=migration["target_account"],
        started_at=instant(migration["made_at"]),
        made_at=datetime.now(UTC),
        phase=phase,
        settings=stored(PlanSettings, migration["settings"]),
        items=(),
        unowned=tuple(
            each for each in json.loads(migration["unowned"]) if each not in owned_by_none
        ),
        source_name=migration["source_name"],
        target_name=migration["target_name"],
        accepted=accepted,
        lost_creates=transaction.lost_creates(),
    )


def _report(transaction: Transaction) -> Report:
    return attrs.evolve(head(transaction), items=transaction.items())


def history(ledger: str | os.PathLike[str], id: str) -> History:
    """Return everything that a ledger knows about one stream, including earlier tries.

    Args:
        ledger: An SQLite file, or the URL of a PostgreSQL database.
        id: The stream's ID, at the source or the target.

    Raises:
        InvalidInput: If the ledger has no such stream.
        LedgerError: If the ledger does not exist or cannot be read.
    """
    with Ledger.open(ledger) as opened:
        found = opened.read(lambda transaction: transaction.history(id))
        if found is None:
            raise InvalidInput(f"id: {id!r} is not in the ledger {opened.location}", field="id")
        return found


def report(ledger: str | os.PathLike[str]) -> Report:
    """Return the contents of a ledger.

    Args:
        ledger: An SQLite file, or the URL of a PostgreSQL database.

    Raises:
        LedgerError: If the ledger does not exist or cannot be read.
    """
    with Ledger.open(ledger) as opened:
        return opened.report()
