"""One life of a migrating process: it plans, runs, and may die or be stopped on the way."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any, Literal

import attrs
import psycopg  # noqa: F401

import livestream_core as live

# What every life needs, so that it is imported once, in the process that all are forked from.
import livestream_videosdk.adapter  # noqa: F401
from livestream_core import migrate

from .points import Points

#: After this a life hangs; seconds. Its stacks are written where its output goes.
HANGS = 60.0


@attrs.frozen(kw_only=True)
class End:
    """What becomes of a life.

    Attributes:
        how: Whether it is killed, or stopped until it is continued.
        at: At which place, counted from 1.
        where: Or at the first place with this in its name.
        after: Or after how many seconds.
    """

    how: Literal["killed", "stopped"] = "killed"
    at: int | None = None
    where: str | None = None
    after: float | None = None


@attrs.frozen(kw_only=True)
class Errand:
    """What a life is for.

    Attributes:
        source: Provider and options of the source.
        target: Provider and options of the target.
        ledger: Where the ledger is.
        output: The file that its output goes to.
        end: What becomes of it; ``None`` lets it live.
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


def scheduled(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    """A transform: gives streams of a vendor without a schedule a start."""
    return attrs.evolve(spec, scheduled_start=start_of(stream.title))


def start_of(title: str) -> datetime:
    """The start that :func:`scheduled` sets."""
    return datetime(2037, 5, 1, tzinfo=UTC) + timedelta(minutes=zlib.crc32(title.encode()) % 999)


def live_out(errand: Errand, said: Connection) -> None:
    """Does an errand, and says how it went: ``("ended", where)`` right before its end,
    ``("raised", error, text)`` or ``("done", result)``.
    """
    output = os.open(errand.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.dump_traceback_later(HANGS - 5, exit=False)
    fate = _Fate(errand.end, said)
    points = Points(fate.passed)
    points.install()
    fate.begin()
    try:
        result = _migrate(errand)
    except live.LiveStreamError as error:
        fate.over(("raised", type(error).__name__, str(error), points.count))
    else:
        fate.over(("done", result.exit_code, result.writes, str(result.error), points.count))
    faulthandler.cancel_dump_traceback_later()


def _migrate(errand: Errand) -> migrate.RunResult:
    with (
        live.connect(errand.source[0], retries=errand.retries, **errand.source[1]) as source,
        live.connect(errand.target[0], retries=errand.retries, **errand.target[1]) as target,
    ):
        plan = None
        if not migrate.Ledger.exists(errand.ledger):
            transform = scheduled if errand.transform else None
            plan = migrate.plan(
                source, target, assume_idle=True, mark=errand.mark, transform=transform
            )
        return migrate.run(
            plan,
            ledger=errand.ledger,
            source=source,
            target=target,
            workers=errand.workers,
            settle=errand.settle,
            lease=errand.lease,
        )


class _Fate:
    """Ends a life where that is due."""

    def __init__(self, end: End | None, said: Connection) -> None:
        self._end, self._said = end, said
        self._lock = threading.Lock()
        self._is_over = False
        self._passed = 0

    def begin(self) -> None:
        if self._end is not None and self._end.after is not None:
            timer = threading.Timer(self._end.after, self._strike, ("at some moment",))
            timer.daemon = True
            timer.start()

    def passed(self, number: int, name: str) -> None:
        self._passed = number
        end = self._end
        if end is not None and (end.at == number or (end.where is not None and end.where in name)):
            self._strike(name)

    def over(self, message: tuple[Any, ...]) -> None:
        with self._lock:
            self._is_over = True
            self._said.send(message)

    def _strike(self, where: str) -> None:
        with self._lock:
            end = self._end
            if self._is_over or end is None:
                return
            self._end = None
            self._said.send(("ended", where, self._passed))
            # To this very thread: it must not come any further before all of them stand still.
            here = threading.get_ident()
            signal.pthread_kill(here, signal.SIGKILL if end.how == "killed" else signal.SIGSTOP)
