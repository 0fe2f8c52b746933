"""Two things measured in turns, so that what disturbs the one disturbs the other."""

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

#: Does the work once more, and gives what that cost.
Measurement = Callable[[], float]


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: How often two things are measured beside each other.
        process_rounds: The same, where each measurement is a new interpreter.
        call_rounds: The same, where each measurement is of a few short calls.
        calls: How many calls that are.
        streams: Streams on the large page, and in the whole list.
        page: Streams on each page of the list.
        clients: Idle clients.
        adapters: Installed adapters, where there are many.
        moved: Streams that are moved from one account to another.
        move_rounds: How often that is measured: it takes much longer than all else.
        gets: Streams that are read by tasks of one event loop.
        delay: Seconds that a slow vendor takes for an answer.
        work: Seconds that a caller needs for each page.
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
    delay=0.05,
    work=0.02,
)
#: For peers, which need much longer for the same.
FEWER_ROUNDS = replace(FULL, rounds=5, process_rounds=7)
#: Shows that everything runs. Its figures mean nothing.
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
    delay=0.001,
    work=0.001,
)


@dataclass(frozen=True)
class Comparison:
    """What two things cost, and for every round the ratio of the two.

    Only the ratios are exact: a machine that is slower for a while is slower for both.
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
    """Seconds that ``work`` takes. It begins behind a whole garbage collection, and what it
    gives back is let go after the clock has stopped.

    Args:
        work: What is timed.
        times: How often it is done in one measurement.
        collector: Whether the garbage collector is on meanwhile, as it is for users. Where
            much is allocated it is a large part of the time, on both sides.
        clock: What is counted; by default the time that passes.
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
    """Measures in the order ours, theirs, theirs, ours, so that a machine which slows down
    evenly favours none. A first round, in which both warm up, is thrown away.
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
    """Calls a function in a new process, so that nothing measured before is in its memory."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as processes:
        return processes.submit(function, *args, **kwargs).result()
