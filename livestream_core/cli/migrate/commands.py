"""The commands of ``migrate``. What they do is loaded when they run."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..._model.errors import ConfigurationError, LiveStreamError
from ..console import exit_codes as codes
from ..console.context import CommandContext, pass_command_context
from ..console.output import json_line, working
from .options import (
    Planning,
    Sides,
    Speed,
    dry_run_option,
    duration,
    html_option,
    ledger_argument,
    output_options,
    planning_options,
    side_options,
    speed_options,
    yes_option,
)

if TYPE_CHECKING:
    from ...migrate import DeleteResult

F = TypeVar("F", bound=Callable[..., Any])

_NEEDED = ("filelock", "jinja2", "pyrate_limiter", "sqlalchemy")


def _on_migrations(command: F) -> F:
    """What every command takes, and :class:`CommandContext` as its first argument."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        if missing := [name for name in _NEEDED if find_spec(name) is None]:
            raise ConfigurationError(
                f"migrate needs {', '.join(missing)}",
                hint="pip install 'livestream-core[migrate]'",
            )
        from ...migrate import LedgerError, MigrationStopped

        codes.add({LedgerError: codes.NEEDS_REVIEW, MigrationStopped: codes.NEEDS_REVIEW})
        return command(*arguments, **options)

    return output_options(cast(F, pass_command_context(run)))


@contextmanager
def _ends_with(code: int) -> Iterator[None]:
    """Prints what came of it, and ends with an exit code, also where nobody reads on."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise click.exceptions.Exit(code)


def _write_page(file: Path, page: str) -> None:
    problem = ""
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        problem = f"{file} cannot be written: {error.strerror}"
    if problem:
        raise ConfigurationError(problem)
    click.echo(f"Written: {file}", err=True)


class _InOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(self.commands)


@click.group(cls=_InOrder)
@output_options
def migrate() -> None:
    """Move streams from one account to another.

    \b
      livestream migrate plan --from A --to B
      livestream migrate run --from A --to B --ledger school.db
      livestream migrate check school.db

    Each of A and B is a connection of livestream.toml, or else a provider with its options from
    the environment. Two accounts of one provider are two connections.

    A ledger notes each create before it is sent, so that a run can be interrupted at any moment:
    the same command goes on, until it exits with 0. 6 means that it can go on, 7 that a person
    has to look first.
    """


@migrate.command(
    epilog="\b\nExamples:\n"
    "  livestream migrate plan --from school --to church --html plan.html\n"
    "  livestream migrate plan --from school --to church --tag maths --json |\n"
    "      jq -r '.items[] | select(.state == \"needs_review\") | .reason'"
)
@side_options(required=True)
@planning_options
@speed_options()
@html_option("the plan")
@_on_migrations
def plan(
    context: CommandContext, sides: Sides, planning: Planning, speed: Speed, html: Path | None
) -> None:
    """Say what a migration would do; reads only.

    For each stream, the plan says whether it will be moved and what the target cannot hold of it,
    and then what would be lost in total. A stream is moved if it is scheduled, starts later than
    --min-lead-time from now, and passes the filters. Streams that are over or in use are skipped.

    The exit code is 7 if something needs review, or would be lost that must not be.
    """
    from ...migrate.pages import plan_html
    from ..console.output import console
    from .plan import exit_code, show_plan
    from .run import planned

    with ExitStack() as stack:
        made = planned(stack, sides, planning, speed)
    if html is not None:
        _write_page(html, plan_html(made))
    with _ends_with(exit_code(made)):
        if context.as_json:
            json_line(made.to_dict())
        else:
            show_plan(context, made, console())


@migrate.command(
    epilog="\b\nExamples:\n"
    "  livestream migrate run --from school --to church --ledger school.db --rate 5/s\n"
    "  livestream migrate run --ledger school.db    # goes on\n"
    "  until livestream migrate run --ledger school.db; do\n"
    "      [ $? -eq 6 ] || break; sleep 60; done"
)
@side_options()
@click.option(
    "--ledger",
    required=True,
    metavar="FILE_OR_URL",
    help="An SQLite file, or postgresql://USER@HOST/DATABASE. Keep the file together with its mark "
    "file, FILE-mark. A password belongs in PGPASSWORD or ~/.pgpass.",
)
@speed_options()
@click.option(
    "--max-create",
    type=click.IntRange(min=0),
    metavar="N",
    help="End after so many creates; the same command goes on.",
)
@click.option(
    "--settle-time",
    "settle",
    type=duration,
    default="60s",
    show_default=True,
    metavar="SPAN",
    help="How long the target may take for a create that it has not answered, before it is sent "
    "again.",
)
@click.option(
    "--patience",
    type=duration,
    default="15m",
    show_default=True,
    metavar="SPAN",
    help="How long to wait when a vendor asks for it. If one asks for more, the run ends with 6, "
    "and says until when.",
)
@click.option(
    "--replan",
    is_flag=True,
    help="Plan anew what was refused or needed a person.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Run the workers on the Dask cluster of this scheduler. They connect by their own "
    "environment and livestream.toml. Needs a PostgreSQL ledger.",
)
@yes_option
@planning_options
@_on_migrations
def run(
    context: CommandContext,
    ledger: str,
    sides: Sides,
    planning: Planning,
    speed: Speed,
    **options: Any,
) -> None:
    """Create the streams at the target.

    If there is no ledger yet it plans, as `livestream migrate plan` does, shows the plan, and
    asks; where nobody can be asked, --yes is needed. If there is one it goes on with that, and
    asks nothing: --from, --to and all that a plan is made by may then be left out.

    Ctrl-C (or SIGTERM) finishes what is in flight, and exits with 6; a second one ends it at
    once. Whatever ended it, the same command goes on and doubles nothing, until it exits with 0.
    With 7 a person has to look at something first. With --json, each line is an object: some
    have "progress", the last is the result.
    """
    from ..console.output import console
    from .plan import show_plan
    from .results import show_run
    from .run import run as run_migration

    ended = run_migration(context, ledger, sides, planning, speed, **options)
    with _ends_with(ended.exit_code):
        _tell(context, ended.result.error if ended.result is not None else None)
        if context.as_json:
            json_line(ended.to_dict())
        elif ended.result is not None:
            show_run(context, ended.result, console(), ledger)
        elif ended.plan is not None:
            show_plan(context, ended.plan, console())


def _tell(context: CommandContext, error: LiveStreamError | None) -> None:
    """Shows what ended a run. Not as the error of a command: something may have been sent, and
    the ledger knows what.
    """
    if error is not None and context.debug:
        traceback.print_exception(error)
    if error is not None and not context.as_json:  # there, the result has it
        click.echo(f"Error: {error}", err=True)


@migrate.command()
@ledger_argument
@side_options()
@speed_options()
@_on_migrations
def check(context: CommandContext, ledger: str, sides: Sides, speed: Speed) -> None:
    """Compare both sides with the plan; writes nothing.

    \b
      =  equal        the target is as planned, and so is the source
      *  differs      one of them is not; the fields are named
      +  source only  there is nothing at the target
      -  target only  it is gone from the source
      !  error        it could not be read

    The exit code is 0 if all are equal, and else 7.
    """
    from ... import migrate as library
    from ..console.output import console
    from .accounts import connected_sides, names_in
    from .results import show_check

    with ExitStack() as stack:
        source, target = connected_sides(stack, names_in(ledger, sides))
        with working("Reading both sides"):
            result = library.check(ledger, source, target, workers=speed.workers, **speed.rates)
    with _ends_with(codes.SUCCESS if result.all_equal else codes.NEEDS_REVIEW):
        if context.as_json:
            json_line(result.to_dict())
        else:
            show_check(result, console())


@migrate.command()
@ledger_argument
@click.option(
    "--refresh",
    is_flag=True,
    help="Look at the target which streams have been on air there, and note it.",
)
@click.option(
    "--switched",
    "switched_ids",
    multiple=True,
    metavar="ID",
    help="Note that people publish to the new stream of this one of the source; for targets "
    "that report no status. May be given several times.",
)
@side_options(source=False)
@speed_options(source=False)
@_on_migrations
def status(
    context: CommandContext,
    ledger: str,
    refresh: bool,
    switched_ids: tuple[str, ...],
    sides: Sides,
    speed: Speed,
) -> None:
    """Show where every stream is, and its users.

    Users of a stream are "prepared" once it is at the target, "switched" once it was on air
    there, and "retired" once it is deleted at the source. Nothing is sent without --refresh.
    """
    from ... import migrate as library
    from ..console.output import console
    from .accounts import connect_named, names_in
    from .results import show_status

    if switched_ids:
        library.mark_switched(ledger, switched_ids)
    if refresh:
        name = names_in(ledger, sides).target
        with connect_named(name) as target, working("Reading the target"):
            library.refresh_cutovers(
                ledger, target, workers=speed.workers, target_rate=speed.target_rate
            )
    report = library.report(ledger)
    if context.as_json:
        json_line(report.to_dict())
    else:
        show_status(report, console())


@migrate.command(epilog="\b\nExample:\n  livestream migrate handover school.db --to-folder keys")
@ledger_argument
@click.option(
    "--to-folder",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="handover",
    show_default=True,
    help="Where the files are written.",
)
@side_options()
@speed_options()
@_on_migrations
def handover(
    context: CommandContext, ledger: str, folder: Path, sides: Sides, speed: Speed
) -> None:
    """Write down new addresses, stream keys and links.

    \b
      ingests.csv, .json   server and stream key of each new stream
      obs/                 the same, as profiles of OBS Studio
      map.csv, .json       old id to new id, old playback address to new one

    They have stream keys, so nobody else can read them. Where the target gives an address only
    once a stream is started, the row says so.
    """
    from ... import migrate as library
    from ..console.output import console
    from .accounts import connected_sides, names_in
    from .results import show_handover

    with ExitStack() as stack:
        source, target = connected_sides(stack, names_in(ledger, sides))
        with working("Reading the target"):
            result = library.handover(
                ledger, source, target, folder, workers=speed.workers, **speed.rates
            )
    with _ends_with(codes.NEEDS_REVIEW if result.unread else codes.SUCCESS):
        if context.as_json:
            json_line(result.to_dict())
        else:
            show_handover(result, console())


@migrate.command()
@ledger_argument
@dry_run_option
@yes_option
@side_options(source=False)
@speed_options(source=False, workers=False)
@_on_migrations
def rollback(
    context: CommandContext, ledger: str, dry_run: bool, yes: bool, sides: Sides, speed: Speed
) -> None:
    """Delete at the target what this migration made.

    Kept is what was on air, what somebody has edited since, and what was not surely made by this
    migration. The source is not touched. A migration that was rolled back does not run again.

    It looks first, shows what would be deleted, and asks; where nobody can be asked, --yes is
    needed. The exit code is 7 if something is kept.
    """
    from ... import migrate as library
    from .accounts import connect_named, names_in

    _somebody_to_ask(dry_run=dry_run, yes=yes)
    with connect_named(names_in(ledger, sides).target) as target:

        def delete(**options: Any) -> DeleteResult:
            return library.rollback(ledger, target, target_rate=speed.target_rate, **options)

        _delete(context, delete, target.account, dry_run=dry_run, yes=yes)


@migrate.command(
    epilog="\b\nExample:\n  livestream migrate retire school.db --max-delete 100 --dry-run"
)
@ledger_argument
@click.option(
    "--max-delete",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="The most streams to delete; the same command goes on.",
)
@dry_run_option
@yes_option
@side_options()
@speed_options(workers=False)
@_on_migrations
def retire(
    context: CommandContext,
    ledger: str,
    max_delete: int,
    dry_run: bool,
    yes: bool,
    sides: Sides,
    speed: Speed,
) -> None:
    """Delete at the source what was moved.

    Only that of which both sides are as planned, as `livestream migrate check` says. It looks
    first, shows what would be deleted, and asks; where nobody can be asked, --yes is needed. The
    exit code is 7 if something is kept, and 6 if only --max-delete left some.
    """
    from ... import migrate as library
    from .accounts import connected_sides, names_in

    _somebody_to_ask(dry_run=dry_run, yes=yes)
    with ExitStack() as stack:
        source, target = connected_sides(stack, names_in(ledger, sides))

        def delete(**options: Any) -> DeleteResult:
            return library.retire(
                ledger, source, target, max_delete=max_delete, **speed.rates, **options
            )

        _delete(context, delete, source.account, dry_run=dry_run, yes=yes)


def _somebody_to_ask(*, dry_run: bool, yes: bool) -> None:
    if not dry_run and not yes and not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: give --yes to delete.")


def _delete(
    context: CommandContext,
    delete: Callable[..., DeleteResult],
    account: str,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    from ..console.output import console
    from .results import show_deletions
    from .stopping import stopped_by_signals

    if not dry_run and not yes:
        with working("Looking at what would be deleted"):
            would = delete(dry_run=True)
        show_deletions(would, console(stderr=True))
        question = f"Delete {would.deleted:,} at {account}?"
        if not click.confirm(question, err=True):
            click.echo("Nothing was deleted.", err=True)
            raise click.exceptions.Exit(codes.FAILURE)
    with (
        working("Looking" if dry_run else "Deleting") as shown,
        stopped_by_signals(lambda: shown("Stopping after what is in flight")) as stop,
    ):
        result = delete(dry_run=dry_run, stop=stop)
    with _ends_with(result.exit_code):
        if context.as_json:
            json_line({**result.to_dict(), "exit_code": result.exit_code})
        else:
            show_deletions(result, console())


@migrate.command(epilog="\b\nExample:\n  livestream migrate report school.db --html report.html")
@ledger_argument
@html_option("the report")
@_on_migrations
def report(context: CommandContext, ledger: str, html: Path | None) -> None:
    """Show what a ledger holds, in short.

    The counts add up: every stream is in exactly one state. --json has every stream. No secret
    is in a ledger or a report.
    """
    from ...migrate import report as report_of
    from ...migrate.pages import report_html
    from ..console.output import console
    from .results import show_report

    found = report_of(ledger)
    if html is not None:
        _write_page(html, report_html(found))
    if context.as_json:
        json_line(found.to_dict())
    else:
        show_report(context, found, console())
