"""Run many interrupted scenarios, several at a time, and print a line for each that fails."""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from livestream_core._contract.foreign import place_of
from postgresql import NoPostgreSQL, PostgreSQL, postgresql

from .run import Outcome, run_scenario
from .scenario import Scenario


@attrs.frozen(kw_only=True)
class Suite:
    """A kind of runs.

    Attributes:
        program: The command that runs them.
        scenario_of: Returns the scenario of a seed.
        run: Runs a scenario in a folder, with a function that creates a PostgreSQL database.
        summary: Returns a line about all outcomes, and whether they are acceptable together.
    """

    program: str
    scenario_of: Callable[[int], Any]
    run: Callable[[Any, Path, Callable[[], str] | None], Outcome]
    summary: Callable[[Sequence[Any]], tuple[str, bool]] | None = None


MIGRATIONS = Suite(program="python -m tests.torture", scenario_of=Scenario.of, run=run_scenario)


def main(suite: Suite = MIGRATIONS, arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; the exit code is 1 if one fails."""
    parser = argparse.ArgumentParser(prog=suite.program, description=__doc__)
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
        if any(suite.scenario_of(seed).shared for seed in seeds):
            try:
                server = stack.enter_context(postgresql())
            except NoPostgreSQL as error:
                reason = str(error)
        chosen = [seed for seed in seeds if server or not suite.scenario_of(seed).shared]
        outcomes = []
        for outcome in run_seeds(suite, chosen, server, options.jobs):
            outcomes.append(outcome)
            if outcome.problems or options.only is not None:
                print(described(suite, outcome, full=options.only is not None), flush=True)
            if outcome.problems and options.first:
                break
    if options.places:
        print(_places(outcomes))
    if left := len(seeds) - len(chosen):
        print(f"{left} skipped, which need PostgreSQL: {reason}")
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    print(f"{time.monotonic() - began:.0f} s, {_mean(outcomes):.1f} s each")
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    acceptable = True
    if suite.summary is not None:
        line, acceptable = suite.summary(outcomes)
        print(line)
    return 0 if acceptable and not failed else 1


def run_seeds(
    suite: Suite, seeds: Iterable[int], server: PostgreSQL | None, jobs: int
) -> Iterator[Outcome]:
    """Yield each outcome as soon as it is available."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as executor:
        try:
            yield from executor.map(partial(_run, suite, server), seeds)
        finally:
            executor.shutdown(cancel_futures=True)


def _run(suite: Suite, server: PostgreSQL | None, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        new_database = None if server is None else server.new_database
        scenario = suite.scenario_of(seed)
        try:
            return suite.run(scenario, Path(folder), new_database)
        except Exception as error:
            # The other runs continue.
            problem = f"the harness failed: {error!r} at {place_of(error)}"
            return Outcome(scenario=scenario, problems=(problem,), ends=(), lives=(), seconds=0.0)


def described(suite: Suite, outcome: Outcome, *, full: bool = False) -> str:
    """Return a line about a run and how to repeat it, with details if requested."""
    seed, scenario = outcome.scenario.seed, outcome.scenario
    what = "; ".join(outcome.problems) or "passed"
    line = f"seed {seed}: {what} [{scenario}] ({suite.program} --only {seed})"
    if full:
        line = "\n".join([line, *(f"  life: {each}" for each in outcome.lives)])
        line = "\n".join([line, *(f"  ended: {each}" for each in outcome.ends)])
    return line


def _places(outcomes: Iterable[Outcome]) -> str:
    counted = Counter(place for outcome in outcomes for place in outcome.ends)
    return "\n".join(f"{count:5} {place}" for place, count in sorted(counted.items()))


def _mean(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.seconds for outcome in outcomes) / max(len(outcomes), 1)
