"""Make the plan for ``livestream migrate plan``, and run it for ``livestream migrate run``."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import click

from ... import migrate
from ..._model.errors import LiveStreamError
from ...migrate.ledger.ledger import head, no_ledger, shown
from ..console.context import CommandContext
from ..console.exit_codes import FAILURE, NEEDS_REVIEW, STOPPED, SUCCESS
from ..console.output import NOT_A_TERMINAL, console, printable, say, working
from .accounts import Names, connect_named, connected_clients, names_of
from .cluster import cluster
from .options import NamedAccounts, Planning, Speed
from .plan import show_plan
from .progress import Pause, Tracker, progress, says_waits
from .rows import json_result
from .stopping import stopped_by_signals
from .words import streams

_NEW = "A new migration requires --from and --to."
#: What a plan is reading.
_READING = {
    "source": "Reading the list of the source",
    "target": "Reading the list of the target",
    "streams": "Reading each stream of the source",
}
_SHOWN_EVERY = 0.1
#: Errors that need review: the same command would fail again.
_NEED_REVIEW = (migrate.LedgerError, migrate.MigrationStopped)


def planned(
    context: CommandContext,
    stack: ExitStack,
    accounts: NamedAccounts,
    planning: Planning,
    speed: Speed,
    saved: migrate.Plan | None = None,
    ledger: str | None = None,
) -> migrate.Plan:
    """Return a new plan, or a saved one, whose clients the stack closes. Nothing is changed.

    A new plan is made in the ledger, if there is one.
    """
    if not accounts.source or not accounts.target:
        raise click.UsageError(_NEW)
    names = Names(accounts.source, accounts.target)
    if saved is not None:
        source, target = connected_clients(stack, names)
        return attrs.evolve(saved, source=source, target=target)
    transform = None
    if planning.transform is not None:
        add_current_folder_to_path()
        transform = migrate.load_transform(planning.transform)
    source, target = connected_clients(stack, names)
    with working("Reading both accounts") as shown:
        plan = migrate.plan(
            source,
            target,
            ledger=ledger,
            transform=transform,
            progress=_reading(shown),
            workers=speed.workers,
            waiting=says_waits(context),
            **speed.rates,
            **planning.arguments,
        )
    named: dict[str, Any] = {"source_name": names.source, "target_name": names.target}
    if ledger is not None:
        with migrate.Ledger.open(ledger, write=True) as opened:
            opened.write(lambda transaction: transaction.change_migration(**named))
    return attrs.evolve(plan, **named)


def _reading(shown: Callable[[str], None]) -> Callable[[str, int], None]:
    """Return a function that shows the progress of a plan, a few times per second."""
    last = -math.inf

    def show(what: str, count: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _SHOWN_EVERY:
            last = now
            shown(f"{_READING[what]}: {streams(count)}")

    return show


def _saved(file: Path, planning: Planning) -> migrate.Plan:
    """Return the plan in a file.

    Raises:
        click.UsageError: If there are options that would change it.
        LiveStreamError: If the file cannot be read or was changed.
    """
    if planning.arguments or planning.transform:
        raise click.UsageError(
            "--plan runs a saved plan unchanged: leave out the options that select and change "
            "streams."
        )
    return migrate.load_plan(file)


def _check_same_plan(ledger: str, saved: migrate.Plan) -> None:
    with migrate.Ledger.open(ledger) as opened:
        found = opened.read(head).plan
    if found != saved.id:
        raise migrate.MigrationStopped(
            f"the ledger was made from another plan: {found}, not {saved.id}",
            hint="leave out --plan to resume it, or name a new ledger",
        )


def add_current_folder_to_path() -> None:
    """Make transforms in the current folder importable, as with `python -m`.

    The folder comes last, so that a file in it does not replace an installed module.
    """
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)


@attrs.frozen(slots=True, kw_only=True)
class Ended:
    """How the command ended.

    Attributes:
        result: The result of the run, or ``None`` if there was nothing to move and no ledger was
            created.
        plan: The plan, if one was made.
        exit_code: The exit code.
    """

    result: migrate.RunResult | None
    plan: migrate.Plan | None
    exit_code: int

    def print_json(self) -> None:
        """Print the value as a line of JSON, with the run's keys even without a run."""
        if self.result is not None:
            json_result(self.result, exit_code=self.exit_code)
        else:
            no_run: dict[str, Any] = {
                "writes": 0,
                "stopped": None,
                "error": None,
                "resume_at": None,
            }
            json_result(self.plan, **no_run, exit_code=self.exit_code)


def run(
    context: CommandContext,
    ledger: str,
    accounts: NamedAccounts,
    planning: Planning,
    speed: Speed,
    *,
    yes: bool,
    dask: str | None,
    plan_file: Path | None,
    **settings: Any,
) -> Ended:
    """Plan and run a new migration, or resume one from its ledger.

    Args:
        context: The command's context.
        ledger: The location of the ledger: a file, or a PostgreSQL URL.
        accounts: The accounts named on the command line.
        planning: The options for the plan of a new ledger.
        speed: The number of workers and the rate limits.
        yes: Whether to start a new migration without confirmation.
        dask: The address of the Dask scheduler whose cluster runs the workers, if any.
        plan_file: The file of a saved plan to run, if any.
        settings: Further arguments for ``migrate.run``.

    Raises:
        click.UsageError: If confirmation is impossible, or the options contradict each other.
        click.exceptions.Exit: If the user declined.
        LiveStreamError: If the run failed before it sent anything.
    """
    if dask is not None and not ledger.startswith("postgresql"):
        raise click.UsageError("--dask requires a PostgreSQL ledger, which workers can share.")
    saved = None
    if plan_file is not None:
        saved = _saved(plan_file, planning)
        accounts = NamedAccounts(
            source=accounts.source or saved.source_name,
            target=accounts.target or saved.target_name,
        )
        say(context, "plan", f"{plan_file}, digest {saved.digest}")
    with ExitStack() as stack:
        if dask is not None:
            settings["executor"] = stack.enter_context(cluster(dask))
        plan = None
        if migrate.Ledger.exists(ledger):
            if saved is not None:
                _check_same_plan(ledger, saved)
            names = _resumed_names(context, ledger, accounts, planning)
        else:
            _check_new(ledger, accounts, yes=yes, replan=settings["replan"])
            plan = planned(context, stack, accounts, planning, speed, saved)
            names = Names(plan.source_name, plan.target_name)
            if not plan.counts["pending"] and not plan.forbidden_losses:
                # No ledger: it would keep a plan that may be different tomorrow.
                code = NEEDS_REVIEW if plan.counts["needs_review"] else SUCCESS
                return Ended(result=None, plan=plan, exit_code=code)
            if not yes and not plan.forbidden_losses:
                _ask(context, plan)
        if dask is not None:
            # Each worker connects in its own process.
            both: list[Any] = [
                partial(connect_named, each) for each in (names.source, names.target)
            ]
        elif plan is not None:
            both = [plan.source, plan.target]
        else:
            both = list(connected_clients(stack, names))
        add_current_folder_to_path()  # a ledger names its transform
        result = _run(context, plan, ledger, both, speed, settings)
    return Ended(result=result, plan=plan, exit_code=exit_code(result))


def _check_new(ledger: str, accounts: NamedAccounts, *, yes: bool, replan: bool) -> None:
    """Check that a ledger that does not exist is meant to be new, and not misspelled.

    Raises:
        LedgerError: If the command can only be meant for an existing ledger.
        click.UsageError: If a new migration lacks an account or a confirmation.
    """
    if replan or not (accounts.source or accounts.target):
        raise no_ledger(ledger, ", or pass --from and --to to start a new migration")
    missing = f"There is no ledger at {shown(ledger)}. "
    if not (accounts.source and accounts.target):
        raise click.UsageError(missing + _NEW)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(
            f"{missing}To resume a migration, check the name of its ledger. "
            + NOT_A_TERMINAL.format("start a new migration")
        )


def exit_code(result: migrate.RunResult) -> int:
    """Return the exit code for a run."""
    if isinstance(result.error, _NEED_REVIEW):
        return NEEDS_REVIEW
    return result.exit_code or (STOPPED if result.error is not None else SUCCESS)


def _run(
    context: CommandContext,
    plan: migrate.Plan | None,
    ledger: str,
    both: list[Any],
    speed: Speed,
    settings: dict[str, Any],
) -> migrate.RunResult:
    tracker = Tracker()
    with progress(context) as shown, stopped_by_signals(shown.stopping) as stop:

        def waiting(until: datetime, error: LiveStreamError) -> None:
            tracker.pause = Pause.asked(context, until, error)
            shown.waiting(tracker.pause)

        try:
            return migrate.run(
                plan,
                ledger=ledger,
                source=both[0],
                target=both[1],
                workers=speed.workers,
                **speed.rates,
                **settings,
                progress=lambda counts, writes: shown.show(tracker.update(counts, writes)),
                waiting=waiting,
                stop=stop,
            )
        except _NEED_REVIEW:
            raise
        except LiveStreamError as error:
            if tracker.last is None or not tracker.last.writes:
                raise
            # For example, the target could not be read after everything was created.
            with migrate.Ledger.open(ledger) as opened:
                report = opened.report()
            return migrate.RunResult(report=report, writes=tracker.last.writes, error=error)


def _resumed_names(
    context: CommandContext, ledger: str, accounts: NamedAccounts, planning: Planning
) -> Names:
    with migrate.Ledger.open(ledger) as opened:
        names = names_of(opened, accounts)
        settings = opened.read(head).settings.to_dict()
    if different := planning.different_from(settings):
        say(
            context,
            "warning",
            "the run resumes with the ledger's own plan; these options differ from it and are "
            f"ignored: {', '.join(different)}",
        )
    return names


def _ask(context: CommandContext, plan: migrate.Plan) -> None:
    # On standard error, like the question: standard output may be redirected.
    show_plan(context, plan, console(stderr=True))
    click.echo(err=True)
    question = f"Create {streams(plan.counts['pending'])} at {printable(plan.target_account)}?"
    if not click.confirm(question, err=True):
        click.echo("Nothing was created.", err=True)
        raise click.exceptions.Exit(FAILURE)
