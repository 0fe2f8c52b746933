"""The command: many runs, several at a time, and a line for each that failed."""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from livestream_core._contract.foreign import place_of
from postgresql import NoPostgreSQL, PostgreSQL, postgresql

from .run import Outcome, carry_out
from .scenario import Scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs them; the exit code is 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="that of the first run")
    parser.add_argument("--only", type=int, metavar="SEED", help="only this run, with all it did")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="so many at a time")
    parser.add_argument("--first", action="store_true", help="end with the first that fails")
    parser.add_argument("--places", action="store_true", help="also where processes were ended")
    given = parser.parse_args(arguments)
    seeds = range(given.seed, given.seed + given.runs) if given.only is None else [given.only]
    began = time.monotonic()
    # As for an interrupt: the server, and what is under way, come to their end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ExitStack() as stack:
        server, reason = None, ""
        if any(Scenario.of(seed).shared for seed in seeds):
            try:
                server = stack.enter_context(postgresql())
            except NoPostgreSQL as error:
                reason = str(error)
        chosen = [seed for seed in seeds if server or not Scenario.of(seed).shared]
        outcomes = []
        for outcome in carried_out(chosen, server, given.jobs):
            outcomes.append(outcome)
            if outcome.problems or given.only is not None:
                print(described(outcome, full=given.only is not None), flush=True)
            if outcome.problems and given.first:
                break
    if given.places:
        print(_places(outcomes))
    if left := len(seeds) - len(chosen):
        print(f"{left} not run, which need PostgreSQL: {reason}")
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    print(f"{time.monotonic() - began:.0f} s, {_mean(outcomes):.1f} s each")
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def carried_out(seeds: Iterable[int], server: PostgreSQL | None, jobs: int) -> Iterator[Outcome]:
    """The outcomes, each as soon as it is there."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as executor:
        try:
            yield from executor.map(partial(_run, server), seeds)
        finally:
            executor.shutdown(cancel_futures=True)


def _run(server: PostgreSQL | None, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        new_database = None if server is None else server.new_database
        scenario = Scenario.of(seed)
        try:
            return carry_out(scenario, Path(folder), new_database)
        except Exception as error:
            # The others go on.
            problem = f"the harness failed: {error!r} at {place_of(error)}"
            return Outcome(scenario=scenario, problems=(problem,), ends=(), lives=(), seconds=0.0)


def described(outcome: Outcome, *, full: bool = False) -> str:
    """A failed run in a line, with how to repeat it; or all of a run."""
    seed, scenario = outcome.scenario.seed, outcome.scenario
    what = "; ".join(outcome.problems) or "passed"
    line = f"seed {seed}: {what} [{scenario}] (python -m tests.torture --only {seed})"
    if full:
        line = "\n".join([line, *(f"  life: {each}" for each in outcome.lives)])
        line = "\n".join([line, *(f"  ended: {each}" for each in outcome.ends)])
    return line


def _places(outcomes: Iterable[Outcome]) -> str:
    counted = Counter(place for outcome in outcomes for place in outcome.ends)
    return "\n".join(f"{count:5} {place}" for place, count in sorted(counted.items()))


def _mean(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.seconds for outcome in outcomes) / max(len(outcomes), 1)
