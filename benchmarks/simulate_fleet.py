"""Simulate the migration of many tenants: the time that it takes, and the requests that it sends.

This is a simulation, because no vendor can be tested with a million creates. Every request of every
worker is an event that waits for its turn at its account. The cost of the library is measured, by
the figure `migrate`. The behavior of the vendors is assumed, and options can change it:

    python -m benchmarks.simulate_fleet                     # all scenarios
    python -m benchmarks.simulate_fleet --target-rate 20    # the first, with something changed
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

#: Yields the second at which it resumes, and returns the second at which it ends.
Process: TypeAlias = Generator[float, None, float]

#: Measured, in seconds of one core: the cost of planning, migrating, and checking a stream.
PROCESSOR = 0.006_6
#: Estimated, in seconds of one core: the cost of a stream on a page of a list.
PROCESSOR_LISTED = 0.000_065
#: Measured, in bytes: the size of a stream in the ledger.
LEDGER = 2_376

#: The seconds between two checks whether another worker has finished its list.
_POLL = 1.0


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The streams, the machines, and the assumed behavior of the vendors.

    Attributes:
        streams: The total number of streams to migrate.
        tenants: The number of tenants, each with its own ledger and two accounts.
        skew: With 0, all tenants have the same number of streams. With 1, the second has half as
            many streams as the first, the third has a third, and so on.
        machines: The number of machines.
        cores: The number of cores of each machine.
        at_a_time: The number of tenants that a machine migrates at the same time.
        workers: The number of workers for each tenant.
        source_rate: The requests per second that a source allows an account.
        target_rate: The requests per second that a target allows an account.
        answer: The seconds until the vendor responds to a request.
        page: The number of streams on a page of a list.
        unknown: The share of creates that get no response.
        applied: The share of these creates that are applied nevertheless.
        settle: The seconds that the target may take to apply a create that got no response.
    """

    streams: int = 1_000_000
    tenants: int = 1_000
    skew: float = 0.0
    machines: int = 4
    cores: int = 2
    at_a_time: int = 32
    workers: int = 16
    source_rate: float = 10.0
    target_rate: float = 5.0
    answer: float = 0.2
    page: int = 50
    unknown: float = 0.001
    applied: float = 0.5
    settle: float = 60.0

    @property
    def sizes(self) -> list[int]:
        """The number of streams of each tenant, the largest first."""
        weights = [(rank + 1) ** -self.skew for rank in range(self.tenants)]
        whole, reached, sizes = sum(weights), 0.0, list[int]()
        for weight in weights:
            reached += weight
            sizes.append(round(self.streams * reached / whole) - sum(sizes))
        return sizes


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The cost of a migration, for one tenant or for all.

    Attributes:
        seconds: The time that it took.
        longest: The time of the tenant that took longest.
        source_requests: The number of requests to sources.
        target_requests: The number of requests to targets.
        processor: The seconds of one core.
        ledger: The bytes of the ledgers.
        created: The number of streams at the target.
    """

    seconds: float
    longest: float
    source_requests: int
    target_requests: int
    processor: float
    ledger: int
    created: int


SCENARIOS: Mapping[str, Fleet] = {
    "tenants alike": Fleet(),
    "one machine": Fleet(machines=1),
    "rate limits four times as high": Fleet(source_rate=40.0, target_rate=20.0),
    "one create in a hundred never responds": Fleet(unknown=0.01),
    "few large tenants": Fleet(skew=1.0),
    "few large tenants, every create gets a response": Fleet(skew=1.0, unknown=0.0),
}


def simulated(fleet: Fleet, *, seed: int = 1) -> Moved:
    """Migrate all tenants, the largest first, each as soon as a machine has room."""
    chance = random.Random(seed)  # noqa: S311
    tenants = [Tenant(size, fleet, chance).moved() for size in fleet.sizes if size]
    ends = [0.0] * (fleet.machines * fleet.at_a_time)
    for tenant in tenants:
        heapq.heapreplace(ends, ends[0] + tenant.seconds)
    processor = sum(each.processor for each in tenants)
    return Moved(
        # If the cores are always busy, they limit the speed.
        seconds=max(*ends, processor / (fleet.machines * fleet.cores)),
        longest=max(each.longest for each in tenants),
        source_requests=sum(each.source_requests for each in tenants),
        target_requests=sum(each.target_requests for each in tenants),
        processor=processor,
        ledger=sum(each.ledger for each in tenants),
        created=sum(each.created for each in tenants),
    )


class Account:
    """An account at a vendor, which limits the requests per second."""

    def __init__(self, rate: float, answer: float) -> None:
        self._apart, self._answer = 1 / rate, answer
        self._next = 0.0
        self.requests = 0

    def ask(self, now: float) -> float:
        """Return the time of the response to a request that is sent now."""
        turn = max(now, self._next)
        self._next = turn + self._apart
        self.requests += 1
        return turn + self._answer


class Tenant:
    """One tenant's plan, run and check."""

    def __init__(self, streams: int, fleet: Fleet, chance: random.Random) -> None:
        self._streams, self._fleet, self._chance = streams, fleet, chance
        self._source = Account(fleet.source_rate, fleet.answer)
        self._target = Account(fleet.target_rate, fleet.answer)
        self._created = self._listed = 0
        #: The times at which creates that were apparently not applied can be checked again.
        self._unsettled: deque[float] = deque()
        #: The start of the last list of the target, and whether it is still being read.
        self._begun, self._reads = -1.0, False

    def moved(self) -> Moved:
        """Run the migration, and return its cost."""
        now = _ended(0.0, [self._walk(0.0, self._source, self._streams)])
        for work in (self._plan, self._move, self._check):
            # The target is listed twice before the first create, and once for a plan or a check.
            for _ in range(2 if work == self._move else 1):
                now = _ended(now, [self._walk(now, self._target, self._created)])
            left = iter(range(self._streams))
            now = _ended(now, [work(now, left) for _ in range(self._fleet.workers)])
        return Moved(
            seconds=now,
            longest=now,
            source_requests=self._source.requests,
            target_requests=self._target.requests,
            processor=self._streams * PROCESSOR + self._listed * PROCESSOR_LISTED,
            ledger=self._streams * LEDGER,
            created=self._created,
        )

    def _plan(self, now: float, left: Iterator[int]) -> Process:
        for _ in left:
            now = self._source.ask(now)
            yield now
        return now

    def _check(self, now: float, left: Iterator[int]) -> Process:
        for _ in left:
            for side in (self._source, self._target):
                now = side.ask(now)
                yield now
        return now

    def _move(self, now: float, left: Iterator[int]) -> Process:
        while True:
            if self._unsettled and self._unsettled[0] <= now:
                self._unsettled.popleft()
                now = yield from self._list_target(now)
                now = yield from self._create(now)
            elif next(left, None) is not None:
                now = yield from self._create(now)
            elif self._unsettled:
                now = self._unsettled[0]
                yield now
            else:
                return now

    def _create(self, now: float) -> Process:
        for side in (self._source, self._target):
            now = side.ask(now)
            yield now
        is_answered = self._chance.random() >= self._fleet.unknown
        is_there = is_answered or self._chance.random() < self._fleet.applied
        self._created += is_there
        if not is_answered:
            now = yield from self._list_target(now)
            if not is_there:
                self._unsettled.append(now + self._fleet.settle)
        return now

    def _list_target(self, now: float) -> Process:
        """Read a list of the target that starts now or later.

        Workers that need one at the same time share it.
        """
        asked = now
        while self._reads:
            now += _POLL
            yield now
        if self._begun < asked:
            self._begun, self._reads = now, True
            now = yield from self._walk(now, self._target, self._created)
            self._reads = False
        return now

    def _walk(self, now: float, account: Account, streams: int) -> Process:
        for _ in range(max(1, -(-streams // self._fleet.page))):
            now = account.ask(now)
            yield now
        self._listed += streams
        return now


def _ended(now: float, processes: Sequence[Process]) -> float:
    """Return the time at which the last of several processes ends; all of them start now."""
    events = [(now, number, process) for number, process in enumerate(processes)]
    while events:
        _, number, process = events[0]
        try:
            following = next(process)
        except StopIteration as end:
            heapq.heappop(events)
            now = max(now, end.value)
        else:
            heapq.heapreplace(events, (following, number, process))
    return now


# -- as a program ----------------------------------------------------------------------------


def table(scenarios: Mapping[str, Fleet]) -> str:
    """Return a Markdown table with one row per scenario."""
    lines = [
        "| scenario | total time | longest tenant | requests to sources | requests to targets "
        "| cores busy | ledgers |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, fleet in scenarios.items():
        found = simulated(fleet)
        busy = found.processor / found.seconds / (fleet.machines * fleet.cores)
        cells = (
            name,
            _hours(found.seconds),
            _hours(found.longest),
            f"{found.source_requests:,}",
            f"{found.target_requests:,}",
            f"{busy:.0%}",
            f"{found.ledger / 1e9:.1f} GB",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of all scenarios, or of the one that the options describe."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate_fleet")
    for field in fields(Fleet):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=type(field.default), metavar=str(field.default))
    options = vars(parser.parse_args(arguments))
    changes = {name: value for name, value in options.items() if value is not None}
    print(table({"as given": replace(Fleet(), **changes)} if changes else SCENARIOS))


if __name__ == "__main__":
    main()
