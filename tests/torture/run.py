"""One run: lives, one after the other or two at once, until the migration is complete."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs

from livestream_core import migrate

from . import life
from .afterwards import problems_afterwards
from .life import End, Job
from .oracle import problems, waits_kept
from .scenario import ON_READS, Kind, Scenario
from .vendors import LISTS, Content, Vendor, meanwhile

#: The number of lives after which a migration counts as stuck.
_MOST_LIVES = 16

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload([life.__name__])


@attrs.frozen(kw_only=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        scenario: The scenario of the run.
        problems: The problems that the oracle found.
        ends: The places where lives ended.
        lives: The last message of each life.
        seconds: The duration.
    """

    scenario: Scenario
    problems: tuple[str, ...]
    ends: tuple[str, ...]
    lives: tuple[str, ...]
    seconds: float


class Life:
    """A process that does a job.

    Args:
        job: The job, with the file for its output.
        perform: The function that does it, and sends messages through a connection.
    """

    def __init__(self, job: Any, perform: Callable[[Any, Connection], None] = life.perform) -> None:
        self._job = job
        self._receiver, sender = processes.Pipe(duplex=False)
        self._process = processes.Process(
            target=perform, args=(job, sender), daemon=True, name="life"
        )
        self._process.start()
        sender.close()
        assert self._process.pid is not None
        self._pid = self._process.pid
        # Other threads also kill it, and must not hit another process that reuses its number.
        self._handle = os.pidfd_open(self._pid)
        self._lock = threading.Lock()
        self._is_over = False
        self.messages: list[tuple[Any, ...]] = []

    def kill(self) -> None:
        """Kill the process if it is running."""
        self._send(signal.SIGKILL)

    def until_stopped(self) -> bool:
        """Wait until the process has stopped itself; return false if it has exited before that."""
        if not self._receive() or self.messages[-1][0] != "ended":
            return False
        while _state_of(self._pid) not in "TtZ":
            time.sleep(0.01)
        return True

    def resume(self) -> None:
        """Resume the stopped process."""
        self._send(signal.SIGCONT)

    def join(self) -> tuple[Any, ...]:
        """Wait for the process to exit, and return its last message."""
        while self._receive():
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
        self._receiver.close()
        if hangs:
            return ("hung", Path(self._job.output).read_text()[-4000:])
        return self.messages[-1] if self.messages else ("killed by its vendor",)

    def _send(self, number: signal.Signals) -> None:
        with self._lock, suppress(ProcessLookupError):
            if not self._is_over:
                signal.pidfd_send_signal(self._handle, number)

    def _receive(self) -> bool:
        if not self._receiver.poll(life.HANGS):
            return False
        try:
            self.messages.append(self._receiver.recv())
        except EOFError:
            return False
        return True


def _state_of(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0]


class Run:
    """The run of one scenario."""

    def __init__(self, scenario: Scenario, folder: Path, ledger: str) -> None:
        self.scenario, self.folder, self.ledger = scenario, folder, ledger
        self.source, self.target = Vendor(scenario.source), Vendor(scenario.target)
        self.strangers: dict[str, Content] = {}
        #: The streams of the source that others deleted.
        self.gone: set[str] = set()
        self.living: list[Life] = []
        self.lives: list[str] = []
        self.ends: list[str] = []
        self.problems: list[str] = []

    def execute(self) -> Outcome:
        """Run the scenario, check the result, and return the outcome."""
        began = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(self.source.served())
            stack.enter_context(self.target.served())
            self._create_streams()
            source_before, target_before = self.source.streams(), self.target.streams()
            self._inject_faults()
            stack.callback(self._kill_all)
            with (
                meanwhile(self.scenario.strangers, self._stranger),
                meanwhile(self.scenario.gone, partial(self._lose, [*source_before])),
            ):
                last = self._live()
            if not self.problems:
                self._check(last, source_before, target_before)
            if not self.problems and self.scenario.afterwards is not None:
                self._ask_to_wait()
                self.problems += problems_afterwards(self, self.scenario.afterwards)
            for vendor in (self.source, self.target):
                self.problems += waits_kept(vendor.waits)
        return Outcome(
            scenario=self.scenario,
            problems=tuple(self.problems),
            ends=tuple(self.ends),
            lives=tuple(self.lives),
            seconds=time.monotonic() - began,
        )

    # -- vendors and their faults -----------------------------------------------------------

    def _create_streams(self) -> None:
        for title, start in self.scenario.streams:
            self.source.add(title, start)
        for title in self.scenario.kept_back:
            self.source.add(title)
        for title, start in self.scenario.decoys:
            self.target.add(title, start)
        self.target.emulator.clock.advance(self.scenario.skew)

    def _inject_faults(self) -> None:
        target, source = self.target, self.source
        target.fails_at(lambda content, nth: self.scenario.fault(content, nth, self._kill))
        for each in self.scenario.on_lists:
            on = LISTS[target.provider]
            target.emulator.inject(ON_READS[each.name], on=on, skip=each.skip)
        for each in self.scenario.on_source:
            source.emulator.inject(ON_READS[each.name], on="GET *", skip=each.skip)
        self._ask_to_wait()

    def _ask_to_wait(self) -> None:
        def allowed() -> int:
            return self._under_way * len(self.living)

        self.source.asks_to_wait(self.scenario.source_asks, allowed)
        self.target.asks_to_wait(self.scenario.target_asks, allowed)

    @property
    def _under_way(self) -> int:
        """The number of requests that a life may send before all of its threads know of a wait.

        Each of them may have one under way, and send another before the first one is noted.
        """
        return 2 * (self.scenario.workers + 1)

    def _kill(self) -> None:
        # With two lives, it is not known which one sent the request, so kill the older one.
        if self.living:
            self.ends.append("by its vendor, at a create")
            self.living[0].kill()

    def _stranger(self, title: str) -> None:
        soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
        with self.target.emulator.lock:
            id = self.target.add(title, soon)
            self.strangers[id] = self.target.streams()[id]

    def _lose(self, ids: list[str], index: int) -> None:
        self.source.remove(ids[index])
        self.gone.add(ids[index])

    # -- lives ------------------------------------------------------------------------------

    def _live(self) -> tuple[Any, ...]:
        """Start lives until one says that the migration is complete, and return its message."""
        ends = list(self.scenario.ends)
        kind = self.scenario.kind
        last: tuple[Any, ...] = ()
        if kind is Kind.TOGETHER:
            last = self._two_at_once(ends.pop(0) if ends else None)
        elif kind is Kind.STOPPED:
            last = self._stopped(ends.pop(0))
        while not self.problems and not _is_done(last):
            if len(self.lives) >= _MOST_LIVES:
                self.problems.append(f"not complete after {_MOST_LIVES} lives: {last}")
                break
            last = self._end(self._begin(ends.pop(0) if ends else None))
        return last

    def repeat(
        self, ends: Sequence[End], is_complete: Callable[[tuple[Any, ...]], bool], **changes: Any
    ) -> tuple[Any, ...]:
        """Start lives, which end as given, until a last one is complete; return its message."""
        for end in (*ends, None):  # the last one is disturbed by the vendors only
            self._end(self._begin(end, **changes))
        for vendor in (self.source, self.target):
            vendor.works_again()
        for _ in range(_MOST_LIVES):
            last = self._end(self._begin(**changes))
            if is_complete(last):
                return last
        self.problems.append(f"not complete: {last}")
        return last

    def _begin(self, end: End | None = None, **changes: Any) -> Life:
        scenario = self.scenario
        for vendor in (self.source, self.target):
            for wait in vendor.waits:
                if wait.until > time.monotonic():
                    # The new life knows of it only if the ledger does.
                    wait.allowed += self._under_way
                    wait.refuses_all = True
        job = Job(
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
        born = Life(attrs.evolve(job, **changes))
        self.living.append(born)
        return born

    def _end(self, living: Life) -> tuple[Any, ...]:
        last = living.join()
        self.living.remove(living)
        self.lives.append(" ".join(map(str, last)))
        self.ends += [message[1] for message in living.messages if message[0] == "ended"]
        if last[0] == "hung" or (last[0] == "raised" and last[1] == "LedgerError"):
            self.problems.append(f"a life {last}")
        return last

    def _kill_all(self) -> None:
        """Kill all remaining lives."""
        for living in list(self.living):
            living.kill()
            self._end(living)

    def _two_at_once(self, end: End | None) -> tuple[Any, ...]:
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
        first.resume()
        results = [self._end(each) for each in (first, second) if each in self.living]
        return results[0]

    def _is_refused(self, second: Life, first: Life) -> None:
        """Check that the second of two lives is refused while the first holds a ledger file."""
        message = second.join()
        self.living.remove(second)
        self.lives.append(" ".join(map(str, message)))
        holds_it = first.messages[-1][2] > 0
        refusal = "another run is using the ledger"
        if holds_it and (message[0] != "raised" or refusal not in message[2]):
            self.problems.append(
                f"a second run was not refused while the first was stopped: {message}"
            )

    # -- the end ----------------------------------------------------------------------------

    @property
    def _allows_extras(self) -> bool:
        """Whether the run may create an extra stream, which the report must then name.

        If a process is stopped between its check of the lease and the sending of a create, it sends
        the create after the lease has expired. Only the vendor could prevent that.
        """
        return self.scenario.kind is Kind.STOPPED and any(
            where in ("at some moment", "before sending a create") for where in self.ends
        )

    def _check(
        self,
        last: tuple[Any, ...],
        source_before: dict[str, Content],
        target_before: dict[str, Content],
    ) -> None:
        time.sleep(self.scenario.latest)  # late creates have been applied by now
        report = migrate.report(self.ledger)
        found = partial(
            problems,
            self.scenario,
            report,
            source=self.source,
            target=self.target,
            source_before=source_before,
            target_before=target_before,
            strangers=self.strangers,
            gone=self.gone,
        )
        extras_reported = self._allows_extras and bool(report.unowned)
        self.problems += found(extras_reported=extras_reported)
        if last[1] != (7 if extras_reported else 0):
            self.problems.append(f"the exit code is {last[1]}: {last}")
        for vendor in (self.source, self.target):
            vendor.works_again()
        before = self.source.changes() + self.target.changes()
        again = self._end(self._begin())
        changes = self.source.changes() + self.target.changes() - before
        if changes or again[:3] != ("done", last[1], 0):
            self.problems.append(f"another run changed something: {again}, {dict(changes)}")
        if extras_reported:
            self._accept(report.unowned)
        self._keeps_secrets()

    def _accept(self, unowned: tuple[str, ...]) -> None:
        """Check that accepting the extra streams leaves nothing to review."""
        migrate.accept(self.ledger, unowned, because="They may stay")
        last = self._end(self._begin())
        accepted = {each.target_id for each in migrate.report(self.ledger).accepted}
        if last[:3] != ("done", 0, 0) or accepted != {*unowned}:
            self.problems.append(f"{unowned} were accepted, but: {last}, {accepted}")

    def _keeps_secrets(self) -> None:
        kept = [path for path in self.folder.rglob("*") if path.is_file()]
        for path in kept:
            data = path.read_bytes()
            if any(key.encode() in data for key in self.source.keys() + self.target.keys()):
                self.problems.append(f"{path.name} contains a stream key")


def _is_done(last: tuple[Any, ...]) -> bool:
    return bool(last) and last[0] == "done" and last[1] in (0, 7)


def run_scenario(
    scenario: Scenario, folder: Path, new_database: Callable[[], str] | None
) -> Outcome:
    """Run a scenario and return its outcome.

    Args:
        scenario: The scenario to run.
        folder: An empty folder.
        new_database: Creates a PostgreSQL database for a shared ledger.
    """
    if scenario.shared:
        assert new_database is not None
        ledger = new_database()
    else:
        ledger = str(folder / "ledger.db")
    return Run(scenario, folder, ledger).execute()
