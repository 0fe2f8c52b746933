"""The ``livestream migrate`` commands, which load the migration code only when they run."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..._model.errors import ConfigurationError, LiveStreamError
from ..console import exit_codes as codes
from ..console.context import CommandContext, pass_command_context
from ..console.output import NOT_A_TERMINAL, json_line, printable, working
from .options import (
    NamedAccounts,
    Planning,
    Rows,
    Speed,
    account_options,
    dry_run_option,
    duration,
    html_option,
    ledger_argument,
    output_options,
    planning_options,
    rows_options,
    speed_options,
    yes_option,
)

if TYPE_CHECKING:
    from ...migrate import DeleteResult

F = TypeVar("F", bound=Callable[..., Any])

_REQUIRED = ("filelock", "jinja2", "pyrate_limiter", "sqlalchemy")


def _on_migrations(command: F) -> F:
    """Add the options of every command, and pass a :class:`CommandContext` as first argument."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        if missing := [name for name in _REQUIRED if find_spec(name) is None]:
            raise ConfigurationError(
                f"migrate requires {', '.join(missing)}",
                hint="pip install 'livestream-core[migrate]'",
            )
        from ...migrate import LedgerError, MigrationStopped, PatienceExceeded

        codes.add({LedgerError: codes.NEEDS_REVIEW, MigrationStopped: codes.NEEDS_REVIEW})
        codes.add({PatienceExceeded: codes.STOPPED})
        return command(*arguments, **options)

    return output_options(cast(F, pass_command_context(run)))


@contextmanager
def _ends_with(code: int) -> Iterator[None]:
    """Exit with a code after the output is printed, even if standard output is closed."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise click.exceptions.Exit(code)


def _write_page(file: Path, page: Iterable[str]) -> None:
    problem = ""
    try:
        with file.open("w", encoding="utf-8") as text:
            text.writelines(page)
    except OSError as error:
        problem = f"{file} cannot be written: {error.strerror}"
    if problem:
        raise ConfigurationError(problem)
    click.echo(f"Wrote {file}", err=True)


class _InOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they are used."""
        return list(self.commands)


@click.group(cls=_InOrder)
@output_options
def migrate() -> None:
    """Move streams to another account.

    \b
      livestream migrate plan --from A --to B
      livestream migrate run --from A --to B --ledger school.db
      livestream migrate check school.db

    A and B are connections in livestream.toml, or providers configured by environment variables.
    To move streams between two accounts at one provider, define two connections.

    A run records each create in the ledger before it sends it, so you can interrupt a run at any
    time. To resume, run the same command again, until it exits with 0. It exits with 6 if it can
    be resumed, and with 7 if something needs review.
    """  # noqa: D301


@migrate.command(
    epilog="\b\nExamples:\n"
    "  livestream migrate plan --from school --to church --html plan.html\n"
    "  livestream migrate plan --from school --to church --tag maths --json |\n"
    "      jq -r '.items[] | select(.state == \"needs_review\") | .reason'"
)
@account_options(required=True)
@planning_options
@speed_options()
@rows_options
@html_option("the plan")
@click.option(
    "--ledger",
    metavar="FILE_OR_URL",
    help="Make the plan in this ledger, for `livestream migrate run --ledger`. If the command is "
    "interrupted, run it again to go on. Several machines can make one plan in PostgreSQL "
    "together.",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also save the plan, for `livestream migrate run --plan FILE`. It contains no secrets.",
)
@_on_migrations
def plan(
    context: CommandContext,
    accounts: NamedAccounts,
    planning: Planning,
    speed: Speed,
    rows: Rows,
    html: Path | None,
    ledger: str | None,
    save: Path | None,
) -> None:
    """Show what a migration would do, without changing anything.

    For each stream, the plan says whether it will be moved and which fields the target cannot
    store, followed by the total losses. A stream is moved if it is scheduled, starts later than
    --min-lead-time from now, and passes the filters. Streams that are over or in use are skipped.

    The exit code is 7 if a stream needs review, or a field in --fail-on-loss would be lost.
    """
    from ...migrate import ItemState, save_plan
    from ...migrate.pages import plan_page
    from ..console.output import console
    from .plan import exit_code, show_plan
    from .rows import json_result
    from .run import planned

    rows.check(ItemState)
    with ExitStack() as stack:
        made = planned(context, stack, accounts, planning, speed, ledger=ledger)
    if html is not None:
        _write_page(html, plan_page(made))
    if save is not None:
        save_plan(made, save)
        click.echo(f"Wrote {save}, digest {made.digest}", err=True)
    with _ends_with(exit_code(made)):
        if context.as_json:
            json_result(made, rows, digest=made.digest)
        else:
            show_plan(context, made, console(), rows, ledger=ledger)


@migrate.command(
    epilog="\b\nExamples:\n"
    "  livestream migrate run --from school --to church --ledger school.db --rate 5/s\n"
    "  livestream migrate run --ledger school.db    # resumes\n"
    "  until livestream migrate run --ledger school.db; do\n"
    "      [ $? -eq 6 ] || break; sleep 60; done"
)
@account_options()
@click.option(
    "--ledger",
    required=True,
    metavar="FILE_OR_URL",
    help="An SQLite file, or postgresql://USER@HOST/DATABASE. Keep the file together with its mark "
    "file, FILE-mark. Put the database password in PGPASSWORD or ~/.pgpass.",
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run the plan in this file, from `livestream migrate plan --save FILE`. It is refused if "
    "the file was changed.",
)
@speed_options()
@click.option(
    "--max-create",
    type=click.IntRange(min=0),
    metavar="N",
    help="Stop after N creates. Run the same command again to resume.",
)
@click.option(
    "--settle-time",
    "settle",
    type=duration,
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="How long the target may take to apply a create that received no response, before the "
    "create is sent again.",
)
@click.option(
    "--replan",
    is_flag=True,
    help="Plan streams again that were refused or need review.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Run the workers on the Dask cluster with this scheduler. Each worker connects with its "
    "own environment and livestream.toml. Requires a PostgreSQL ledger.",
)
@yes_option
@planning_options
@_on_migrations
def run(
    context: CommandContext,
    ledger: str,
    accounts: NamedAccounts,
    planning: Planning,
    speed: Speed,
    **options: Any,
) -> None:
    """Create the planned streams at the target.

    If there is no ledger yet, the command makes a plan, shows it, and asks for confirmation. If
    standard input is not a terminal, pass --yes. If there is a ledger, the command resumes from it
    without asking. You can then leave out --from, --to, and the options of the plan.

    Ctrl-C or SIGTERM stops the run once the requests in flight are done, with exit code 6. A second
    one stops it at once. To resume, run the same command again, whatever stopped it, until it exits
    with 0. It never creates a stream twice. The exit code is 7 if something needs review. With
    --json, each line is an object: some have "progress", and the last is the result.
    """
    from ..console.output import console
    from .plan import show_plan
    from .results import show_run
    from .run import run as run_migration

    ended = run_migration(context, ledger, accounts, planning, speed, **options)
    with _ends_with(ended.exit_code):
        _show_error(context, ended.result.error if ended.result is not None else None)
        if context.as_json:
            ended.print_json()
        elif ended.result is not None:
            show_run(context, ended.result, console(), ledger)
        elif ended.plan is not None:
            show_plan(context, ended.plan, console())


def _show_error(context: CommandContext, error: LiveStreamError | None) -> None:
    """Print the error that ended a run.

    It is not reported as a failed command: requests may have been sent, and the ledger has them.
    """
    if error is not None and context.debug:
        traceback.print_exception(error)
    if error is not None and not context.as_json:  # the JSON result contains it
        click.echo(f"Error: {printable(str(error))}", err=True)


@migrate.command(
    epilog='\b\nExample:\n  livestream migrate accept school.db --id 4711 --because "Not needed"'
)
@ledger_argument
@click.option(
    "--id",
    "ids",
    multiple=True,
    required=True,
    metavar="ID",
    help="The source ID of a stream that was refused or needs review, or the ID of a stream at the "
    "target that is not in the ledger. Can be repeated.",
)
@click.option(
    "--because",
    required=True,
    metavar="TEXT",
    help="Why it is accepted. The ledger and its reports keep the text.",
)
@_on_migrations
def accept(context: CommandContext, ledger: str, ids: tuple[str, ...], because: str) -> None:
    """Accept streams that were refused or need review.

    An accepted stream is skipped, and --replan leaves it out. If it was created, but differs from
    its plan, it counts as created. A matching stream at the target that is not in the ledger is no
    longer reported. No requests are sent. The exit code of the next run is 0 once nothing else
    needs review.
    """
    from ... import migrate as library
    from ..console.output import console
    from .results import show_accepted

    accepted = library.accept(ledger, ids, because=because)
    if context.as_json:
        json_line({"accepted": [each.to_dict() for each in accepted]})
    else:
        show_accepted(accepted, console())


@migrate.command()
@ledger_argument
@account_options()
@speed_options()
@rows_options
@_on_migrations
def check(
    context: CommandContext, ledger: str, accounts: NamedAccounts, speed: Speed, rows: Rows
) -> None:
    """Compare the source and the target with the plan.

    \b
      =  equal        the source and the target are as planned
      *  differs      one of the two is not as planned; the fields are named
      +  source only  the stream is missing at the target
      -  target only  the stream is missing at the source
      !  error        the stream could not be read

    Nothing is changed. The exit code is 0 if all streams are equal, and 7 otherwise.
    """  # noqa: D301
    from ... import migrate as library
    from ..console.output import console
    from .accounts import connected_clients, names_in
    from .progress import says_waits
    from .results import show_check
    from .rows import json_result

    rows.check(library.Verdict)
    with ExitStack() as stack:
        source, target = connected_clients(stack, names_in(ledger, accounts))
        with working("Reading both accounts"):
            result = library.check(
                ledger,
                source,
                target,
                workers=speed.workers,
                waiting=says_waits(context),
                **speed.rates,
            )
    with _ends_with(codes.SUCCESS if result.all_equal else codes.NEEDS_REVIEW):
        if context.as_json:
            json_result(result, rows)
        else:
            items = library.report(ledger).items
            starts = {item.source_id: item.scheduled_start for item in items}
            show_check(result, console(), rows, starts)


@migrate.command()
@ledger_argument
@click.option(
    "--refresh",
    is_flag=True,
    help="Ask the target which streams have been live, and mark them as switched.",
)
@click.option(
    "--switched",
    "switched_ids",
    multiple=True,
    metavar="ID",
    help="Mark the stream with this source ID as switched, for targets that do not report a "
    "status. Can be repeated.",
)
@account_options(source=False)
@speed_options(source=False)
@rows_options
@_on_migrations
def status(
    context: CommandContext,
    ledger: str,
    refresh: bool,
    switched_ids: tuple[str, ...],
    accounts: NamedAccounts,
    speed: Speed,
    rows: Rows,
) -> None:
    """Show the state and cutover of every stream.

    A stream is "prepared" once it exists at the target, "switched" once it has been live there, and
    "retired" once it is deleted from the source. Without --refresh, no requests are sent.
    """
    from ... import migrate as library
    from ..console.output import console
    from .accounts import connect_named, names_in
    from .progress import says_waits
    from .results import show_status
    from .rows import json_result

    rows.check(library.ItemState, library.Cutover)
    if switched_ids:
        library.mark_switched(ledger, switched_ids)
    if refresh:
        name = names_in(ledger, accounts).target
        with connect_named(name) as target, working("Reading the target"):
            library.refresh_cutovers(
                ledger,
                target,
                workers=speed.workers,
                target_rate=speed.target_rate,
                patience=speed.patience,
                waiting=says_waits(context),
            )
    report = library.report(ledger)
    if context.as_json:
        json_result(report, rows)
    else:
        show_status(context, report, console(), rows)


@migrate.command()
@ledger_argument
@click.argument("id")
@_on_migrations
def show(context: CommandContext, ledger: str, id: str) -> None:
    """Show everything that a ledger knows about one stream.

    ID is the stream's ID at the source or the target. The output includes the spec, what became of
    each field, and every earlier try with its reason. No requests are sent.
    """
    from ...migrate import history
    from ..console.output import console
    from .results import show_history

    found = history(ledger, id)
    if context.as_json:
        json_line(found.to_dict())
    else:
        show_history(context, found, console())


@migrate.command(epilog="\b\nExample:\n  livestream migrate handover school.db --to-folder keys")
@ledger_argument
@click.option(
    "--to-folder",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="handover",
    show_default=True,
    help="The folder to write the files to.",
)
@account_options()
@speed_options()
@_on_migrations
def handover(
    context: CommandContext, ledger: str, folder: Path, accounts: NamedAccounts, speed: Speed
) -> None:
    """Write the new ingests and playback URLs for publishers.

    \b
      ingests.csv, .json   server and stream key of each new stream
      obs/                 the same, as OBS Studio profiles
      map.csv, .json       old and new ID, old and new playback URL

    The files contain stream keys, so only your user account can read them. If the target assigns an
    ingest only when a stream starts, the row says so.
    """  # noqa: D301
    from ... import migrate as library
    from ..console.output import console
    from .accounts import connected_clients, names_in
    from .progress import says_waits
    from .results import show_handover

    with ExitStack() as stack:
        source, target = connected_clients(stack, names_in(ledger, accounts))
        with working("Reading the target"):
            result = library.handover(
                ledger,
                source,
                target,
                folder,
                workers=speed.workers,
                waiting=says_waits(context),
                **speed.rates,
            )
    with _ends_with(codes.NEEDS_REVIEW if result.unread else codes.SUCCESS):
        if context.as_json:
            json_line(result.to_dict())
        else:
            show_handover(result, console())


@migrate.command()
@ledger_argument
@click.option(
    "--adopted",
    is_flag=True,
    help="Delete streams, too, that were adopted without a mark. Something else may have created "
    "them, so review the list first.",
)
@dry_run_option
@yes_option
@account_options(source=False)
@speed_options(source=False, workers=False)
@_on_migrations
def rollback(
    context: CommandContext,
    ledger: str,
    adopted: bool,
    dry_run: bool,
    yes: bool,
    accounts: NamedAccounts,
    speed: Speed,
) -> None:
    """Delete the streams that this migration created at the target.

    A stream is kept if it is or has been live, was edited after it was created, or may not have
    been created by this migration. The source is not changed. A migration cannot run again after
    its rollback.

    The command shows what would be deleted, and asks for confirmation. If standard input is not a
    terminal, pass --yes. The exit code is 7 if any stream is kept.
    """
    from ... import migrate as library
    from .accounts import connect_named, names_in
    from .progress import says_waits

    names = names_in(ledger, accounts)
    _require_confirmation(dry_run=dry_run, yes=yes)
    with connect_named(names.target) as target:

        def delete(**options: Any) -> DeleteResult:
            return library.rollback(
                ledger,
                target,
                adopted=adopted,
                target_rate=speed.target_rate,
                patience=speed.patience,
                waiting=says_waits(context),
                **options,
            )

        _delete(context, delete, target.account, dry_run=dry_run, yes=yes)


@migrate.command(
    epilog="\b\nExamples:\n"
    "  livestream migrate retire school.db --max-delete 100 --dry-run\n"
    "  livestream migrate retire school.db --max-delete 100 --before 2026-12-01T00:00:00Z"
)
@ledger_argument
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="ID",
    help="Delete only the stream with this source ID. Can be repeated.",
)
@click.option(
    "--before",
    metavar="TIME",
    help="Delete only streams scheduled to start before TIME, such as 2026-12-01T00:00:00+01:00.",
)
@click.option(
    "--prepared",
    is_flag=True,
    help="Delete streams, too, that are only prepared: they are not known to have been live at the "
    "target.",
)
@click.option(
    "--adopted",
    is_flag=True,
    help="Delete streams, too, whose copies were adopted without a mark. Something else may have "
    "created those copies.",
)
@click.option(
    "--max-delete",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="Maximum number of streams to delete. Run the same command again to continue.",
)
@dry_run_option
@yes_option
@account_options()
@speed_options(workers=False)
@_on_migrations
def retire(
    context: CommandContext,
    ledger: str,
    ids: tuple[str, ...],
    before: str | None,
    max_delete: int,
    prepared: bool,
    adopted: bool,
    dry_run: bool,
    yes: bool,
    accounts: NamedAccounts,
    speed: Speed,
) -> None:
    """Delete the moved streams at the source.

    A stream is deleted only if `livestream migrate check` finds it equal at that moment, if it was
    switched (it has been live at the target, or was marked as switched), and if this migration
    certainly created its copy. The stream with the nearest start is deleted last.

    The command shows what would be deleted, and asks for confirmation. If standard input is not a
    terminal, pass --yes. The exit code is 7 if any stream is kept, and 6 if --max-delete
    leaves some.
    """
    from ... import migrate as library
    from .accounts import connected_clients, names_in
    from .progress import says_waits

    names = names_in(ledger, accounts)
    _require_confirmation(dry_run=dry_run, yes=yes)
    with ExitStack() as stack:
        source, target = connected_clients(stack, names)

        def delete(**options: Any) -> DeleteResult:
            return library.retire(
                ledger,
                source,
                target,
                max_delete=max_delete,
                waiting=says_waits(context),
                ids=ids or None,
                before=before,
                prepared=prepared,
                adopted=adopted,
                **speed.rates,
                **options,
            )

        _delete(context, delete, source.account, dry_run=dry_run, yes=yes)


def _require_confirmation(*, dry_run: bool, yes: bool) -> None:
    if not dry_run and not yes and not sys.stdin.isatty():
        raise click.UsageError(NOT_A_TERMINAL.format("delete"))


def _delete(
    context: CommandContext,
    delete: Callable[..., DeleteResult],
    account: str,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    from ..console.output import console
    from .results import deletion_question, show_deletions
    from .rows import json_result
    from .stopping import stopped_by_signals

    if not dry_run and not yes:
        with working("Checking which streams would be deleted"):
            preview = delete(dry_run=True)
        show_deletions(preview, console(stderr=True))
        if not click.confirm(deletion_question(preview, account), err=True):
            click.echo("Nothing was deleted.", err=True)
            raise click.exceptions.Exit(codes.FAILURE)
    with (
        working("Checking" if dry_run else "Deleting") as shown,
        stopped_by_signals(lambda: shown("Stopping once the requests in flight are done")) as stop,
    ):
        result = delete(dry_run=dry_run, stop=stop)
    with _ends_with(result.exit_code):
        if context.as_json:
            json_result(result, exit_code=result.exit_code)
        else:
            show_deletions(result, console())


@migrate.command(epilog="\b\nExample:\n  livestream migrate report school.db --html report.html")
@ledger_argument
@html_option("the report")
@_on_migrations
def report(context: CommandContext, ledger: str, html: Path | None) -> None:
    """Show a summary of a ledger.

    The counts add up, because every stream is in exactly one state. With --json, the report
    includes every stream. Ledgers and reports contain no secrets.
    """
    from ...migrate import report as report_of
    from ...migrate.pages import report_page
    from ..console.output import console
    from .results import show_report
    from .rows import json_result

    found = report_of(ledger)
    if html is not None:
        _write_page(html, report_page(found))
    if context.as_json:
        json_result(found)
    else:
        show_report(context, found, console())
