"""One run: lives, one after the other or two at once, until all is done; then the oracle."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from livestream_core.migrate import Ledger

from . import life
from .life import End, Errand
from .oracle import problems
from .scenario import ON_READS, Kind, Scenario
from .vendors import LISTS, Look, Vendor

#: A migration that is started so often, and is not done, never will be.
_MOST_LIVES = 16

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([life.__name__])


@attrs.frozen(kw_only=True)
class Outcome:
    """How a run went.

    Attributes:
        scenario: What happened.
        problems: What is wrong.
        ends: The places where lives ended.
        lives: What became of each life.
        seconds: How long it took.
    """

    scenario: Scenario
    problems: tuple[str, ...]
    ends: tuple[str, ...]
    lives: tuple[str, ...]
    seconds: float


class Life:
    """A process that migrates."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._heard, said = _processes.Pipe(duplex=False)
        self._process = _processes.Process(
            target=life.live_out, args=(errand, said), daemon=True, name="life"
        )
        self._process.start()
        said.close()
        assert self._process.pid is not None
        self._pid = self._process.pid
        # It is killed from other threads, too: never another process that has its number by then.
        self._handle = os.pidfd_open(self._pid)
        self._lock = threading.Lock()
        self._is_over = False
        self.messages: list[tuple[Any, ...]] = []

    def kill(self) -> None:
        """Ends it now, if it lives."""
        self._send(signal.SIGKILL)

    def until_stopped(self) -> bool:
        """Waits until it has stopped itself; false if it has come to its end before."""
        if not self._hear() or self.messages[-1][0] != "ended":
            return False
        while _state_of(self._pid) not in "TtZ":
            time.sleep(0.01)
        return True

    def go_on(self) -> None:
        """Continues it."""
        self._send(signal.SIGCONT)

    def join(self) -> tuple[Any, ...]:
        """Waits for its end; gives the last that it said."""
        while self._hear():
            pass
        self._process.join(life.HANGS)
        hangs = self._process.is_alive()
        if hangs:
            self.kill()
            self._process.join()
        with self._lock:
            self._is_over = True
            os.close(self._handle)
        self._process.close()
        self._heard.close()
        if hangs:
            return ("hung", Path(self._errand.output).read_text()[-4000:])
        return self.messages[-1] if self.messages else ("killed by its vendor",)

    def _send(self, number: signal.Signals) -> None:
        with self._lock, suppress(ProcessLookupError):
            if not self._is_over:
                signal.pidfd_send_signal(self._handle, number)

    def _hear(self) -> bool:
        if not self._heard.poll(life.HANGS):
            return False
        try:
            self.messages.append(self._heard.recv())
        except EOFError:
            return False
        return True


def _state_of(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0]


class Run:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, folder: Path, ledger: str) -> None:
        self.scenario, self.folder, self.ledger = scenario, folder, ledger
        self.source, self.target = Vendor(scenario.source), Vendor(scenario.target)
        self.strangers: dict[str, Look] = {}
        self.living: list[Life] = []
        self.lives: list[str] = []
        self.ends: list[str] = []
        self.wrong: list[str] = []

    def carry_out(self) -> Outcome:
        """Does all of it."""
        began = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(self.source.served())
            stack.enter_context(self.target.served())
            self._furnish()
            source_before, target_before = self.source.streams(), self.target.streams()
            self._trouble()
            stack.enter_context(self._meanwhile())
            stack.callback(self._bury)
            last = self._live()
            if not self.wrong:
                self._prove(last, source_before, target_before)
        return Outcome(
            scenario=self.scenario,
            problems=tuple(self.wrong),
            ends=tuple(self.ends),
            lives=tuple(self.lives),
            seconds=time.monotonic() - began,
        )

    # -- the world --------------------------------------------------------------------------

    def _furnish(self) -> None:
        for title, start in self.scenario.streams:
            self.source.add(title, start)
        for title in self.scenario.kept_back:
            self.source.add(title)
        for title, start in self.scenario.decoys:
            self.target.add(title, start)
        self.target.emulator.clock.advance(self.scenario.skew)

    def _trouble(self) -> None:
        target, source = self.target, self.source
        target.fails_at(lambda look, nth: self.scenario.fault(look, nth, self._kill))
        for each in self.scenario.on_lists:
            on = LISTS[target.provider]
            target.emulator.inject(ON_READS[each.name], on=on, skip=each.skip)
        for each in self.scenario.on_source:
            source.emulator.inject(ON_READS[each.name], on="GET *", skip=each.skip)

    def _kill(self) -> None:
        # Of two that live, it is not known who asked: the one that has lived longer goes.
        if self.living:
            self.ends.append("by its vendor, at a create")
            self.living[0].kill()

    @contextmanager
    def _meanwhile(self) -> Iterator[None]:
        """Others use the target, too."""
        timers = [
            threading.Timer(after, self._stranger, (title,))
            for after, title in self.scenario.strangers
        ]
        for timer in timers:
            timer.start()
        yield
        for timer in timers:
            timer.join()

    def _stranger(self, title: str) -> None:
        soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
        with self.target.emulator.lock:
            id = self.target.add(title, soon)
            self.strangers[id] = self.target.streams()[id]

    # -- lives ------------------------------------------------------------------------------

    def _live(self) -> tuple[Any, ...]:
        """Lives until a process says that all is done; gives what it said."""
        ends = list(self.scenario.ends)
        kind = self.scenario.kind
        last: tuple[Any, ...] = ()
        if kind is Kind.TOGETHER:
            last = self._together(ends.pop(0) if ends else None)
        elif kind is Kind.STOPPED:
            last = self._stopped(ends.pop(0))
        while not self.wrong and not _is_done(last):
            if len(self.lives) >= _MOST_LIVES:
                self.wrong.append(f"after {_MOST_LIVES} lives it is not done: {last}")
                break
            last = self._end(self._begin(ends.pop(0) if ends else None))
        return last

    def _begin(self, end: End | None = None) -> Life:
        scenario = self.scenario
        born = Life(
            Errand(
                source=(scenario.source, self.source.options),
                target=(scenario.target, self.target.options),
                ledger=self.ledger,
                output=str(self.folder / "output"),
                workers=scenario.workers,
                settle=scenario.settle,
                lease=scenario.lease,
                retries=scenario.retries,
                mark=scenario.mark,
                transform=scenario.transform,
                end=end,
            )
        )
        self.living.append(born)
        return born

    def _end(self, living: Life) -> tuple[Any, ...]:
        last = living.join()
        self.living.remove(living)
        self.lives.append(" ".join(map(str, last)))
        self.ends += [message[1] for message in living.messages if message[0] == "ended"]
        if last[0] == "hung" or (last[0] == "raised" and last[1] == "LedgerError"):
            self.wrong.append(f"a life {last}")
        return last

    def _bury(self) -> None:
        """Leaves nobody behind, whatever went wrong here."""
        for living in list(self.living):
            living.kill()
            self._end(living)

    def _together(self, end: End | None) -> tuple[Any, ...]:
        both = [self._begin(end)]
        time.sleep(self.scenario.apart)
        both.append(self._begin())
        results = [self._end(each) for each in both]
        return results[1] if results[0][0] == "ended" else results[0]

    def _stopped(self, end: End) -> tuple[Any, ...]:
        first = self._begin(end)
        if not first.until_stopped():
            return self._end(first)
        second = self._begin()
        if not self.scenario.shared:
            self._is_refused(second, first)
        elif self.scenario.pause is None:
            self._end(second)
        time.sleep(self.scenario.pause or 0.0)
        first.go_on()
        results = [self._end(each) for each in (first, second) if each in self.living]
        return results[0]

    def _is_refused(self, second: Life, first: Life) -> None:
        """With a file, the second of two must not go on; it is stopped where the first is."""
        said = second.join()
        self.living.remove(second)
        self.lives.append(" ".join(map(str, said)))
        holds_it = first.messages[-1][2] > 0
        if holds_it and (said[0] != "raised" or "another run is using the ledger" not in said[2]):
            self.wrong.append(f"a second run went on beside one that is stopped: {said}")

    # -- the end ----------------------------------------------------------------------------

    @property
    def _told(self) -> bool:
        """A create that was stopped between the look at the time and the sending is sent past
        its lease; only the vendor could prevent that. It must be found, and named.
        """
        return self.scenario.kind is Kind.STOPPED and any(
            where in ("at some moment", "before sending a create") for where in self.ends
        )

    def _prove(
        self, last: tuple[Any, ...], source_before: dict[str, Look], target_before: dict[str, Look]
    ) -> None:
        time.sleep(self.scenario.latest)  # what is carried out late is there now
        with Ledger.open(self.ledger) as ledger:
            report = ledger.report()
        found = partial(
            problems,
            self.scenario,
            report,
            source=self.source,
            target=self.target,
            source_before=source_before,
            target_before=target_before,
            strangers=self.strangers,
        )
        told = self._told and bool(report.unowned)
        self.wrong += found(told=told)
        if last[1] != (7 if told else 0):
            self.wrong.append(f"its exit code is {last[1]}: {last}")
        for vendor in (self.source, self.target):
            vendor.works_again()
        before = self.source.changes() + self.target.changes()
        again = self._end(self._begin())
        changes = self.source.changes() + self.target.changes() - before
        if changes or again[:3] != ("done", last[1], 0):
            self.wrong.append(f"another run is not idle: {again}, {dict(changes)}")
        self._keeps_secrets()

    def _keeps_secrets(self) -> None:
        kept = [path for path in self.folder.rglob("*") if path.is_file()]
        for path in kept:
            data = path.read_bytes()
            if any(key.encode() in data for key in self.source.keys() + self.target.keys()):
                self.wrong.append(f"{path.name} has a stream key in it")


def _is_done(last: tuple[Any, ...]) -> bool:
    return bool(last) and last[0] == "done" and last[1] in (0, 7)


def carry_out(scenario: Scenario, folder: Path, new_database: Callable[[], str] | None) -> Outcome:
    """Carries out a scenario.

    Args:
        scenario: What happens.
        folder: An empty folder.
        new_database: Makes a PostgreSQL database, for a ledger that is shared.
    """
    if scenario.shared:
        assert new_database is not None
        ledger = new_database()
    else:
        ledger = str(folder / "ledger.db")
    return Run(scenario, folder, ledger).carry_out()
