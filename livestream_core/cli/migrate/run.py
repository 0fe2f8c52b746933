"""``livestream migrate plan`` and ``run``: from two names to streams at the target."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any

import attrs
import click

from ... import migrate
from ..._model.errors import LiveStreamError
from ..console.context import CommandContext
from ..console.exit_codes import FAILURE, NEEDS_REVIEW, STOPPED, SUCCESS
from ..console.output import console, say, working
from .accounts import Names, connect_named, connected_sides, names_of
from .cluster import cluster
from .options import Planning, Sides, Speed
from .plan import show_plan
from .progress import Pause, Watched, progress
from .stopping import stopped_by_signals

#: Nothing but a person changes these: the same command again would end in the same way.
_FOR_A_PERSON = (migrate.LedgerError, migrate.MigrationStopped)


def planned(stack: ExitStack, sides: Sides, planning: Planning, speed: Speed) -> migrate.Plan:
    """A plan, whose clients are closed when the stack ends. Reads only."""
    if not sides.source or not sides.target:
        raise click.UsageError("A new migration needs --from and --to.")
    names = Names(sides.source, sides.target)
    transform = None
    if planning.transform is not None:
        find_modules_here()
        transform = migrate.load_transform(planning.transform)
    source, target = connected_sides(stack, names)
    with working("Reading both sides"):
        plan = migrate.plan(
            source,
            target,
            transform=transform,
            workers=speed.workers,
            **speed.rates,
            **planning.arguments,
        )
    return attrs.evolve(plan, source_name=names.source, target_name=names.target)


def find_modules_here() -> None:
    """Lets transforms be found in this folder, as `python -m` would; after all else, so that a
    file here takes no library's place.
    """
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)


@attrs.frozen(slots=True, kw_only=True)
class Ended:
    """How a run ended.

    Attributes:
        result: What it gave; ``None`` if nothing was to be moved, and no ledger was made.
        plan: The plan, if one was made.
        exit_code: The exit code.
    """

    result: migrate.RunResult | None
    plan: migrate.Plan | None
    exit_code: int

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes; the same keys in both cases."""
        nothing = {"writes": 0, "stopped": None, "error": None, "resume_at": None}
        if self.result is not None:
            data = self.result.to_dict()
        else:
            data = {**nothing, **(self.plan.to_dict() if self.plan is not None else {})}
        return {**data, "exit_code": self.exit_code}


def run(
    context: CommandContext,
    ledger: str,
    sides: Sides,
    planning: Planning,
    speed: Speed,
    *,
    yes: bool,
    dask: str | None,
    **settings: Any,
) -> Ended:
    """Plans and runs a new ledger, or goes on with one.

    Args:
        context: Who is told how it gets on.
        ledger: A file, or a PostgreSQL URL.
        sides: The accounts.
        planning: What a new ledger is planned by.
        speed: How fast.
        yes: Whether a new ledger is run without a question.
        dask: The address of the cluster on which workers run.
        settings: What else ``migrate.run`` takes.

    Raises:
        click.UsageError: Nobody can be asked, or what was said does not go together.
        click.exceptions.Exit: The answer was no.
        LiveStreamError: Nothing was sent.
    """
    if dask is not None and not ledger.startswith("postgresql"):
        raise click.UsageError("--dask needs a PostgreSQL ledger, which workers can share.")
    with ExitStack() as stack:
        if dask is not None:
            settings["executor"] = stack.enter_context(cluster(dask))
        plan = None
        if migrate.Ledger.exists(ledger):
            names = _going_on(context, ledger, sides, planning)
        else:
            if not yes and not sys.stdin.isatty():
                raise click.UsageError("Nobody can be asked here: give --yes to run a new ledger.")
            plan = planned(stack, sides, planning, speed)
            names = Names(plan.source_name, plan.target_name)
            if not plan.counts["pending"] and not plan.forbidden_losses:
                # A ledger would keep for ever what may be different tomorrow.
                code = NEEDS_REVIEW if plan.counts["needs_review"] else SUCCESS
                return Ended(result=None, plan=plan, exit_code=code)
            if not yes and not plan.forbidden_losses:
                _ask(context, plan)
        if dask is not None:
            # Workers connect by themselves, each where it is.
            both: list[Any] = [
                partial(connect_named, each) for each in (names.source, names.target)
            ]
        elif plan is not None:
            both = [plan.source, plan.target]
        else:
            both = list(connected_sides(stack, names))
        find_modules_here()  # a ledger names its transform
        result = _run(context, plan, ledger, both, speed, settings)
    return Ended(result=result, plan=plan, exit_code=exit_code(result))


def exit_code(result: migrate.RunResult) -> int:
    """The exit code of a run."""
    if isinstance(result.error, _FOR_A_PERSON):
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
    watched = Watched()
    with progress(context) as shown, stopped_by_signals(shown.stopping) as stop:

        def waiting(until: datetime, error: LiveStreamError) -> None:
            watched.pause = Pause(until, f"{error.provider}: {error.message}", context.utc)
            shown.waiting(watched.pause)

        try:
            return migrate.run(
                plan,
                ledger=ledger,
                source=both[0],
                target=both[1],
                workers=speed.workers,
                **speed.rates,
                **settings,
                progress=lambda counts, writes: shown.show(watched.look(counts, writes)),
                waiting=waiting,
                stop=stop,
            )
        except _FOR_A_PERSON:
            raise
        except LiveStreamError as error:
            if watched.last is None or not watched.last.writes:
                raise
            # Such as the last look at the target, after all was created.
            with migrate.Ledger.open(ledger) as opened:
                report = opened.report()
            return migrate.RunResult(report=report, writes=watched.last.writes, error=error)


def _going_on(context: CommandContext, ledger: str, sides: Sides, planning: Planning) -> Names:
    with migrate.Ledger.open(ledger) as opened:
        names = names_of(opened, sides)
        settings = opened.report().settings.to_dict()
    if unlike := planning.unlike(settings):
        say(
            context,
            "warning",
            f"the ledger goes on with the plan that it was made with; not as given: "
            f"{', '.join(unlike)}",
        )
    return names


def _ask(context: CommandContext, plan: migrate.Plan) -> None:
    # On standard error, as the question is: standard output may go elsewhere.
    show_plan(context, plan, console(stderr=True))
    click.echo(err=True)
    question = f"Create {plan.counts['pending']:,} at {plan.target_account}?"
    if not click.confirm(question, err=True):
        click.echo("Nothing was created.", err=True)
        raise click.exceptions.Exit(FAILURE)
