"""Run many interrupted migrations, several at a time, and print a line for each that fails."""

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

from .run import Outcome, run_scenario
from .scenario import Scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the migrations; the exit code is 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, metavar="N")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the seed of the first run"
    )
    parser.add_argument("--only", type=int, metavar="SEED", help="only this run, with details")
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="the number of runs at a time"
    )
    parser.add_argument("--first", action="store_true", help="stop at the first failure")
    parser.add_argument(
        "--places", action="store_true", help="also print the places where processes ended"
    )
    options = parser.parse_args(arguments)
    seeds = (
        range(options.seed, options.seed + options.runs) if options.only is None else [options.only]
    )
    began = time.monotonic()
    # As after an interrupt, the server and the current runs end properly.
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
        for outcome in run_seeds(chosen, server, options.jobs):
            outcomes.append(outcome)
            if outcome.problems or options.only is not None:
                print(described(outcome, full=options.only is not None), flush=True)
            if outcome.problems and options.first:
                break
    if options.places:
        print(_places(outcomes))
    if left := len(seeds) - len(chosen):
        print(f"{left} skipped, which need PostgreSQL: {reason}")
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    print(f"{time.monotonic() - began:.0f} s, {_mean(outcomes):.1f} s each")
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def run_seeds(seeds: Iterable[int], server: PostgreSQL | None, jobs: int) -> Iterator[Outcome]:
    """Yield each outcome as soon as it is available."""
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
            return run_scenario(scenario, Path(folder), new_database)
        except Exception as error:
            # The other runs continue.
            problem = f"the harness failed: {error!r} at {place_of(error)}"
            return Outcome(scenario=scenario, problems=(problem,), ends=(), lives=(), seconds=0.0)


def described(outcome: Outcome, *, full: bool = False) -> str:
    """Return a line about a run and how to repeat it, with details if requested."""
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
