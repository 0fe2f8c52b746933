"""Measures two functions in turns, so that a disturbance affects both."""

from __future__ import annotations

import gc
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Does the work once more and returns its cost.
Measurement = Callable[[], float]


@dataclass(frozen=True)
class Size:
    """The amount of work to measure.

    Attributes:
        rounds: The number of rounds in which two functions are compared.
        process_rounds: The same, if each measurement is a new interpreter.
        call_rounds: The same, if each measurement is a few short calls.
        calls: The number of these calls.
        streams: The number of streams on the large page, and in the whole list.
        page: The number of streams on each page of the list.
        clients: The number of idle clients.
        adapters: The number of installed adapters, for the figure with many.
        moved: The number of streams to migrate.
        move_rounds: The number of rounds for a migration, which takes much longer than the others.
        gets: The number of streams that the tasks of one event loop read.
        deliveries: The number of webhook deliveries in one measurement. They are few, so that the
            machine's speed does not drift between the two sides.
        delay: The seconds that a slow vendor takes for each response.
        work: The seconds that the caller works on each page.
    """

    rounds: int
    process_rounds: int
    call_rounds: int
    calls: int
    streams: int
    page: int
    clients: int
    adapters: int
    moved: int
    move_rounds: int
    gets: int
    deliveries: int
    delay: float
    work: float


FULL = Size(
    rounds=11,
    process_rounds=31,
    call_rounds=61,
    calls=25,
    streams=10_000,
    page=100,
    clients=10_000,
    adapters=50,
    moved=2_000,
    move_rounds=3,
    gets=2_000,
    deliveries=150,
    delay=0.05,
    work=0.02,
)
#: For peers, which take much longer for the same work.
FEWER_ROUNDS = replace(FULL, rounds=5, process_rounds=7)
#: Only to check that everything runs. Its figures mean nothing.
TINY = Size(
    rounds=1,
    process_rounds=1,
    call_rounds=1,
    calls=2,
    streams=20,
    page=10,
    clients=20,
    adapters=3,
    moved=20,
    move_rounds=1,
    gets=4,
    deliveries=3,
    delay=0.001,
    work=0.001,
)


@dataclass(frozen=True)
class Comparison:
    """The costs of two functions, and the ratio of each round.

    Only the ratios are exact: if the machine is slower for a while, it is slower for both.
    """

    ours: float
    theirs: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles: half of the rounds lie between these two."""
        if len(self.ratios) == 1:
            return self.ratios[0], self.ratios[0]
        low, _, high = statistics.quantiles(self.ratios, method="inclusive")
        return low, high


def timed(
    work: Callable[[], object],
    *,
    times: int = 1,
    collector: bool = True,
    clock: Callable[[], float] | None = None,
) -> Measurement:
    """Return a measurement of the seconds that ``work`` takes.

    It starts after a full garbage collection, and releases the result after the clock has stopped.

    Args:
        work: The function to time.
        times: The number of calls in one measurement.
        collector: Whether the garbage collector stays on, as it does for users. It is a large part
            of the time on both sides if they allocate much.
        clock: The clock to read. Defaults to the wall clock.
    """

    def measure() -> float:
        now = clock or time.perf_counter
        gc.collect()
        result: object = None
        turns = range(times)
        if not collector:
            gc.disable()
        try:
            began = now()
            for _ in turns:
                result = work()
            seconds = now() - began
        finally:
            gc.enable()
        del result
        return seconds / times

    return measure


def compare(ours: Measurement, theirs: Measurement, *, rounds: int) -> Comparison:
    """Measure in the order ours, theirs, theirs, ours, and return the comparison.

    This order favors neither side if the machine slows down evenly. The first round, in which both
    sides warm up, is discarded.
    """
    ours(), theirs()
    our_costs, their_costs, ratios = [], [], []
    for _ in range(rounds):
        a, b, c, d = ours(), theirs(), theirs(), ours()
        our_costs += [a, d]
        their_costs += [b, c]
        ratios.append((a + d) / (b + c))
    return Comparison(statistics.median(our_costs), statistics.median(their_costs), tuple(ratios))


def apart(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a new process, so that earlier measurements do not use its memory."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as processes:
        return processes.submit(function, *args, **kwargs).result()
