"""How long it takes to move the streams of many tenants, and what that asks of the vendors.

A simulation, for what cannot be tried: vendors that answer a million creates. Every request of
every worker is an event, which waits for its turn at its account. What the library takes is
measured, by the figure `migrate`; what vendors do is assumed, and can be said otherwise:

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

#: Yields the second at which it goes on; gives the one at which it ends.
Process: TypeAlias = Generator[float, None, float]

#: Measured, in seconds of one core: what a stream takes to be planned, moved and checked.
PROCESSOR = 0.006_6
#: Estimated, in seconds of one core: what a stream takes on a page of a list.
PROCESSOR_LISTED = 0.000_065
#: Measured, in bytes: what a stream takes in the ledger.
LEDGER = 2_376

#: Seconds between two looks whether another worker's list is read.
_LOOK = 1.0


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What is moved, by what, and how vendors are assumed to answer.

    Attributes:
        streams: Streams to be moved, of all tenants together.
        tenants: Tenants, each with a ledger and two accounts of its own.
        skew: 0: tenants are alike. 1: the second has half as many streams as the first, the
            third a third of them, and so on.
        machines: Machines.
        cores: Cores of each machine.
        at_a_time: Tenants that a machine moves at the same time.
        workers: Workers for each tenant.
        source_rate: Requests per second that a source allows an account.
        target_rate: Requests per second that a target allows an account.
        answer: Seconds until a request is answered.
        page: Streams on a page of a list.
        unknown: Share of creates that are not answered.
        carried_out: Share of these that were carried out nevertheless.
        settle: Seconds that a target is given to carry out the others.
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
    carried_out: float = 0.5
    settle: float = 60.0

    @property
    def sizes(self) -> list[int]:
        """How many streams each tenant has, the largest first."""
        weights = [(rank + 1) ** -self.skew for rank in range(self.tenants)]
        whole, reached, sizes = sum(weights), 0.0, list[int]()
        for weight in weights:
            reached += weight
            sizes.append(round(self.streams * reached / whole) - sum(sizes))
        return sizes


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What it took, for one tenant or for all.

    Attributes:
        seconds: How long.
        longest: How long the tenant that took longest.
        source_requests: What sources were asked.
        target_requests: What targets were asked.
        processor: Seconds of one core.
        ledger: Bytes of ledgers.
        created: Streams that are at the target.
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
    """What it takes to move all tenants, the largest first, each as soon as there is room."""
    chance = random.Random(seed)  # noqa: S311
    tenants = [Tenant(size, fleet, chance).moved() for size in fleet.sizes if size]
    ends = [0.0] * (fleet.machines * fleet.at_a_time)
    for tenant in tenants:
        heapq.heapreplace(ends, ends[0] + tenant.seconds)
    processor = sum(each.processor for each in tenants)
    return Moved(
        # Cores that are always busy hold everybody up.
        seconds=max(*ends, processor / (fleet.machines * fleet.cores)),
        longest=max(each.longest for each in tenants),
        source_requests=sum(each.source_requests for each in tenants),
        target_requests=sum(each.target_requests for each in tenants),
        processor=processor,
        ledger=sum(each.ledger for each in tenants),
        created=sum(each.created for each in tenants),
    )


class Account:
    """An account at a vendor, that answers so many requests per second."""

    def __init__(self, rate: float, answer: float) -> None:
        self._apart, self._answer = 1 / rate, answer
        self._next = 0.0
        self.requests = 0

    def ask(self, now: float) -> float:
        """When a request is answered that is made now."""
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
        #: When creates that were not carried out, as it seems, may be looked for once more.
        self._unsettled: deque[float] = deque()
        #: When the last list of the target was begun, and whether it is being read.
        self._begun, self._reads = -1.0, False

    def moved(self) -> Moved:
        """What it takes."""
        now = _ended(0.0, [self._walk(0.0, self._source, self._streams)])
        for work in (self._plan, self._move, self._check):
            # Before the first create the target is read twice; a plan reads it once.
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
                now = yield from self._look(now)
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
        is_there = is_answered or self._chance.random() < self._fleet.carried_out
        self._created += is_there
        if not is_answered:
            now = yield from self._look(now)
            if not is_there:
                self._unsettled.append(now + self._fleet.settle)
        return now

    def _look(self, now: float) -> Process:
        """Reads a list of the target that is begun now or later. Who needs one at the same time
        gets the same one.
        """
        asked = now
        while self._reads:
            now += _LOOK
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
    """When the last of several processes ends that begin now."""
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
    """Prints a table of all scenarios, or of what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate_fleet")
    for field in fields(Fleet):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=type(field.default), metavar=str(field.default))
    said = vars(parser.parse_args(arguments))
    given = {name: value for name, value in said.items() if value is not None}
    print(table({"as given": replace(Fleet(), **given)} if given else SCENARIOS))


if __name__ == "__main__":
    main()
