"""One run: lives, one after the other or two at once, until every key has its stream."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa

import livestream_core as live
from livestream_core import durable
from tests.torture import life as lives
from tests.torture import run as torture
from tests.torture.life import End
from tests.torture.scenario import ON_READS, Kind
from tests.torture.vendors import LISTS, Content, Vendor, meanwhile

from . import life
from .life import Job, application_engine, create_rows
from .scenario import Scenario

#: The number of lives after which the keys count as stuck.
_MOST_LIVES = 10
#: A stream that is older than this cannot be the result of a create, if the vendor shows its age.
_LONG_AGO = 600.0

torture.processes.set_forkserver_preload([lives.__name__, life.__name__])


@attrs.frozen(kw_only=True)
class Outcome(torture.Outcome):
    """The outcome of a run.

    Attributes:
        keys: The number of its keys.
        reviews: The cause of each key that needs review.
    """

    scenario: Any
    keys: int = 0
    reviews: tuple[str, ...] = ()


class Run:
    """The run of one scenario."""

    def __init__(self, scenario: Scenario, folder: Path, database: str) -> None:
        self.scenario, self.folder, self.database = scenario, folder, database
        self.vendor = Vendor(scenario.provider)
        self.strangers: dict[str, Content] = {}
        self.living: list[torture.Life] = []
        self.lives: list[str] = []
        self.ends: list[str] = []
        self.problems: list[str] = []
        #: Every outcome that a life has reported, by key.
        self.reported: dict[str, list[tuple[str, ...]]] = {
            each.key: [] for each in scenario.lessons
        }
        self._born = 0

    def execute(self) -> Outcome:
        """Run the scenario, check the result, and return the outcome."""
        began = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(self.vendor.served())
            clock = self.vendor.emulator.clock
            clock.advance(-_LONG_AGO)
            for title, start in self.scenario.decoys:
                self.vendor.add(title, start)
            clock.advance(_LONG_AGO + self.scenario.skew)
            before = self.vendor.streams()
            create_rows(self.database)
            self._inject_faults()
            stack.enter_context(meanwhile(self.scenario.strangers, self._stranger))
            stack.callback(self._kill_all)
            self._live()
            if not self.problems:
                self._check(before)
        return Outcome(
            scenario=self.scenario,
            problems=tuple(self.problems),
            ends=tuple(self.ends),
            lives=tuple(self.lives),
            seconds=time.monotonic() - began,
            keys=len(self.scenario.lessons),
            reviews=tuple(
                each[-1][1] for each in self.reported.values() if each and each[-1][0] != "stream"
            ),
        )

    def _inject_faults(self) -> None:
        self.vendor.fails_at(lambda content, nth: self.scenario.fault(content, nth, self._kill))
        for each in self.scenario.on_lists:
            on = LISTS[self.vendor.provider]
            self.vendor.emulator.inject(ON_READS[each.name], on=on, skip=each.skip)

    def _kill(self) -> None:
        if self.living:
            self.ends.append("by its vendor, at a create")
            self.living[0].kill()

    def _stranger(self, title: str) -> None:
        with self.vendor.emulator.lock:
            id = self.vendor.add(title)
            self.strangers[id] = self.vendor.streams()[id]

    # -- lives ------------------------------------------------------------------------------

    def _live(self) -> None:
        """Start lives until one has reported the outcome of every key."""
        ends = list(self.scenario.ends)
        done = False
        if self.scenario.kind is Kind.TOGETHER:
            done = self._two_at_once(ends.pop(0) if ends else None)
        elif self.scenario.kind is Kind.STOPPED:
            done = self._stopped(ends.pop(0))
        while not self.problems and not done:
            if len(self.lives) >= _MOST_LIVES:
                self.problems.append(f"not complete after {_MOST_LIVES} lives: {self.lives[-1]}")
                break
            done = self._end(self._begin(ends.pop(0) if ends else None))

    def _begin(self, end: End | None = None) -> torture.Life:
        scenario = self.scenario
        shift = scenario.shifts[min(self._born, len(scenario.shifts) - 1)]
        self._born += 1
        born = torture.Life(
            Job(
                vendor=(scenario.provider, self.vendor.options),
                database=self.database,
                output=str(self.folder / "output"),
                lessons=scenario.lessons,
                way=scenario.way,
                runner=scenario.runner,
                threads=scenario.threads,
                settle=scenario.settle,
                lease=scenario.lease,
                baseline_age=scenario.baseline_age,
                retries=scenario.retries,
                shift=shift,
                end=end,
            ),
            life.perform,
        )
        self.living.append(born)
        return born

    def _end(self, living: torture.Life) -> bool:
        """Wait for a life, and return whether it has reported the outcome of every key."""
        last = living.join()
        self.living.remove(living)
        self.lives.append(" ".join(map(str, last)))
        self.ends += [message[1] for message in living.messages if message[0] == "ended"]
        if last[0] == "done":
            for key, outcome in last[1].items():
                self.reported[key].append(outcome)
                if outcome[0] == "raised":
                    self.problems.append(f"{key} {outcome}")
        elif last[0] == "hung":
            self.problems.append(f"a life {last}")
        elif not living.messages and "by its vendor, at a create" not in self.ends:
            self.problems.append(f"a life ended: {(self.folder / 'output').read_text()[-3000:]}")
        return bool(last[0] == "done")

    def _kill_all(self) -> None:
        """Kill all remaining lives."""
        for living in list(self.living):
            living.kill()
            self._end(living)

    def _two_at_once(self, end: End | None) -> bool:
        both = [self._begin(end)]
        time.sleep(self.scenario.apart)
        both.append(self._begin())
        results = [self._end(each) for each in both]
        return any(results)

    def _stopped(self, end: End) -> bool:
        first = self._begin(end)
        if not first.until_stopped():
            return self._end(first)
        # A process that is stopped while it writes to the file keeps others from writing.
        second = self._begin() if self._lets_others_write(first) else None
        if second is not None and self.scenario.pause is None:
            self._end(second)
        time.sleep(self.scenario.pause or 0.0)
        first.resume()
        results = [self._end(each) for each in (first, second) if each in self.living]
        return any(results)

    def _lets_others_write(self, stopped: torture.Life) -> bool:
        return not stopped.messages[-1][1].startswith("before commit")

    # -- the end ----------------------------------------------------------------------------

    @property
    def _allows_extras(self) -> bool:
        """Whether a key may get an extra stream, which ``check`` must then name.

        If a process is stopped between its check of the lease and the sending of a create, it sends
        the create after the lease has expired. Only the vendor could prevent that.
        """
        return self.scenario.kind is Kind.STOPPED and any(
            "a create" in where or "bytes" in where for where in self.ends
        )

    def _check(self, before: dict[str, Content]) -> None:
        time.sleep(self.scenario.latest)  # late creates have been applied by now
        now = self.vendor.streams()
        for id, content in {**before, **self.strangers}.items():
            if now.get(id) != content:
                self.problems.append(f"a stream of others was changed: {content}")
        made = {
            id: self.scenario.seen(content)
            for id, content in now.items()
            if id not in before and id not in self.strangers
        }
        owned = self._each_key_has_one(made)
        self._nothing_more(made, owned)
        self.vendor.works_again()
        changes = self.vendor.changes()
        reported = {key: outcomes[-1] for key, outcomes in self.reported.items()}
        self._end(self._begin())
        again = {key: outcomes[-1] for key, outcomes in self.reported.items()}
        if self.vendor.changes() != changes or {key: each[:2] for key, each in again.items()} != {
            key: each[:2] for key, each in reported.items()
        }:
            self.problems.append(f"another life changed something: {reported}, {again}")
        self._rows_and_intents()
        self._keeps_secrets()

    def _each_key_has_one(self, made: dict[str, Content]) -> dict[str, str]:
        """Check the streams that the lives have reported, and return them by key."""
        owned: dict[str, str] = {}
        for lesson in self.scenario.lessons:
            reported = self.reported[lesson.key]
            ids = {self.vendor.key(each[1]) for each in reported if each[0] == "stream"}
            if len(ids) > 1:
                self.problems.append(f"{lesson.key} had several streams: {sorted(ids)}")
            for id in ids:
                owned[lesson.key] = id
                if made.get(id) != self.scenario.expected(lesson):
                    self.problems.append(f"{lesson.key} has {id}, which is {made.get(id)}")
        if len(set(owned.values())) != len(owned):
            self.problems.append(f"two keys have the same stream: {owned}")
        return owned

    def _nothing_more(self, made: dict[str, Content], owned: dict[str, str]) -> None:
        unsure = {
            self.scenario.expected(each) for each in self.scenario.lessons if each.key not in owned
        }
        extra = {id for id in made if id not in owned.values() and made[id] not in unsure}
        with (
            live.connect(self.vendor.provider, **self.vendor.options) as client,
            _creates(self.database, self.scenario) as creates,
        ):
            unowned = {self.vendor.key(each.id) for each in creates.check(client)}
            for key, id in owned.items():
                status = creates.status(key)
                if status is None or status.stream_id is None:
                    self.problems.append(f"the status of {key} is {status}")
                elif self.vendor.key(status.stream_id) != id:
                    self.problems.append(f"{key} has {id}, and its status {status.stream_id}")
        if extra and not (self._allows_extras and extra <= unowned):
            doubled = Counter(made[id] for id in extra)
            self.problems.append(f"doubled: {dict(doubled)}; check names {sorted(unowned)}")
        if unowned & set(owned.values()):
            self.problems.append("check names a stream that a key owns")

    def _rows_and_intents(self) -> None:
        if self.scenario.way == "create":
            return
        engine = application_engine(self.database)
        with engine.connect() as connection:
            rows = set(connection.scalars(sa.select(life.LESSONS.c.key)))
        engine.dispose()
        if rows != {each.key for each in self.scenario.lessons}:
            self.problems.append(f"the application has the rows {sorted(rows)}")

    def _keeps_secrets(self) -> None:
        secrets = self.vendor.keys()
        secrets += [each.restream for each in self.scenario.lessons if each.restream]
        kept = {path.name: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        kept["the database"] = _dump(self.database)
        for name, data in kept.items():
            if any(secret.encode() in data for secret in secrets):
                self.problems.append(f"{name} contains a secret")


@contextmanager
def _creates(database: str, scenario: Scenario) -> Iterator[durable.Creates]:
    yield durable.Creates(database, settle=scenario.settle, lease=scenario.lease)


def _dump(database: str) -> bytes:
    engine = application_engine(database)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        rows = [
            repr(tuple(row))
            for table in metadata.sorted_tables
            for row in connection.execute(sa.select(table))
        ]
    engine.dispose()
    return "\n".join(rows).encode()


def run_scenario(
    scenario: Scenario, folder: Path, new_database: Callable[[], str] | None
) -> Outcome:
    """Run a scenario and return its outcome; see :func:`tests.torture.run.run_scenario`."""
    if scenario.shared:
        assert new_database is not None
        database = new_database()
    else:
        database = f"sqlite:///{folder / 'creates.db'}"
    return Run(scenario, folder, database).execute()
