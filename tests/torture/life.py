"""One life: a process that plans and runs a migration, and may be killed or stopped meanwhile."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any, Literal

import attrs
import psycopg  # noqa: F401

import livestream_core as live

# Imported once, in the process from which all lives are forked.
import livestream_videosdk.adapter  # noqa: F401
from livestream_core import migrate

from .points import Places, Points

#: The seconds after which a life counts as hanging. Its stacks are then written to its output.
HANGS = 60.0


@attrs.frozen(kw_only=True)
class End:
    """How a life ends.

    Attributes:
        how: Whether the process is killed, or stopped until it is resumed.
        at: The number of the place where it ends, from 1.
        where: Text in the name of the place where it ends, as an alternative.
        after: The seconds after which it ends, as an alternative.
    """

    how: Literal["killed", "stopped"] = "killed"
    at: int | None = None
    where: str | None = None
    after: float | None = None


@attrs.frozen(kw_only=True)
class Job:
    """What a life does for a migration.

    Attributes:
        source: The provider and options of the source.
        target: The provider and options of the target.
        ledger: The path or URL of the ledger.
        output: The file for its output.
        end: How the life ends early, or ``None``.
        command: What it does.
        options: More arguments of the command.
    """

    source: tuple[str, Mapping[str, Any]]
    target: tuple[str, Mapping[str, Any]]
    ledger: str
    output: str
    workers: int
    settle: float
    lease: float
    retries: int
    mark: bool
    transform: bool
    end: End | None = None
    command: Literal["run", "retire", "rollback"] = "run"
    options: Mapping[str, Any] = attrs.field(factory=dict)


def scheduled(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    """Set a start, as a transform for streams of a vendor without schedules."""
    return attrs.evolve(spec, scheduled_start=start_of(stream.title))


def start_of(title: str) -> datetime:
    """Return the start that :func:`scheduled` sets."""
    return datetime(2037, 5, 1, tzinfo=UTC) + timedelta(minutes=zlib.crc32(title.encode()) % 999)


def perform(job: Job, channel: Connection) -> None:
    """Run a command of a migration, and send messages about it to the parent process.

    The messages are ``("ended", where)`` right before an early end, ``("raised", error, text)``,
    and ``("done", exit code, creates or deletes, why)``.
    """
    with watched(job.output, job.end, channel, Points) as (trigger, points):
        try:
            done = _performed(job)
        except live.LiveStreamError as error:
            trigger.over(("raised", type(error).__name__, str(error), points.count))
        else:
            trigger.over(("done", *done, points.count))


@contextmanager
def watched(
    output: str, end: End | None, channel: Connection, places: type[Places]
) -> Iterator[tuple[EndTrigger, Places]]:
    """Report the places that this process reaches, and end it at the planned one.

    Args:
        output: The file for the output of this process.
        end: How it ends early, or ``None``.
        channel: The connection to the parent process.
        places: The places to report.
    """
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    faulthandler.dump_traceback_later(HANGS - 5, exit=False)
    trigger = EndTrigger(end, channel)
    points = places(trigger.passed)
    points.install()
    trigger.begin()
    yield trigger, points
    faulthandler.cancel_dump_traceback_later()


def _performed(job: Job) -> tuple[int, int, str]:
    """Return the exit code of a command, the number of its creates or deletes, and why."""
    with (
        live.connect(job.source[0], retries=job.retries, **job.source[1]) as source,
        live.connect(job.target[0], retries=job.retries, **job.target[1]) as target,
    ):
        if job.command == "run":
            run = _migrate(job, source, target)
            return run.exit_code, run.writes, str(run.error)
        deletes = (
            migrate.retire(job.ledger, source, target, **job.options)
            if job.command == "retire"
            else migrate.rollback(job.ledger, target, **job.options)
        )
        kept = {item.reason for item in deletes.kept}
        return deletes.exit_code, deletes.deleted, f"{deletes.remaining} remain; {sorted(kept)}"


def _migrate(job: Job, source: live.Client, target: live.Client) -> migrate.RunResult:
    plan = None
    if not migrate.Ledger.exists(job.ledger):
        transform = scheduled if job.transform else None
        plan = migrate.plan(
            source,
            target,
            assume_idle=True,
            mark=job.mark,
            transform=transform,
            workers=job.workers,
            **job.options,
        )
    return migrate.run(
        plan,
        ledger=job.ledger,
        source=source,
        target=target,
        workers=job.workers,
        settle=job.settle,
        lease=job.lease,
    )


class EndTrigger:
    """The trigger that ends a life at the planned place or time."""

    def __init__(self, end: End | None, channel: Connection) -> None:
        self._end, self._channel = end, channel
        self._lock = threading.Lock()
        self._is_over = False
        self._passed = 0

    def begin(self) -> None:
        if self._end is not None and self._end.after is not None:
            timer = threading.Timer(self._end.after, self._end_process, ("at some moment",))
            timer.daemon = True
            timer.start()

    def passed(self, number: int, name: str) -> None:
        self._passed = number
        end = self._end
        if end is not None and (end.at == number or (end.where is not None and end.where in name)):
            self._end_process(name)

    def over(self, message: tuple[Any, ...]) -> None:
        with self._lock:
            self._is_over = True
            self._channel.send(message)

    def _end_process(self, where: str) -> None:
        with self._lock:
            end = self._end
            if self._is_over or end is None:
                return
            self._end = None
            self._channel.send(("ended", where, self._passed))
            # Signal this thread, which must not continue before all threads have stopped.
            here = threading.get_ident()
            signal.pthread_kill(here, signal.SIGKILL if end.how == "killed" else signal.SIGSTOP)
