"""The commands on streams. What some of them need besides is loaded when they run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..._contract.capabilities import Feature
from ..._contract.pagination import Completeness
from ..._model.errors import InvalidInput, UnexpectedResponse, Unsupported
from ..._model.status import Status
from ..._model.stream import StreamSpec
from ..connections.connection import connected, connection_options
from ..console.context import CommandContext, debug_option, output_options, pass_command_context
from ..console.exit_codes import OTHERWISE
from ..console.output import json_line, printable, say, working
from .display import show_stream, show_streams
from .spec_options import FIELDS, cleared, fields, spec_options
from .trim_option import trim_of

if TYPE_CHECKING:
    from ..._client import Client

F = TypeVar("F", bound=Callable[..., Any])


def _on_streams(command: F) -> F:
    """What every command on streams takes, and :class:`CommandContext` as its first argument."""
    command = pass_command_context(command)
    for option in (debug_option, output_options, connection_options):
        command = option(command)
    return command


def filter_options(command: F) -> F:
    """Which streams of an account."""
    for option in (
        click.option("--tag", help="Only streams with this tag."),
        click.option(
            "--starts-before",
            metavar="TIME",
            help="Only streams scheduled to start before this time.",
        ),
        click.option(
            "--starts-after",
            metavar="TIME",
            help="Only streams scheduled to start at this time, such as "
            "2026-12-05T15:30:00+05:30, or later.",
        ),
        click.option(
            "--status",
            type=click.Choice([each.value for each in Status]),
            metavar="STATUS",
            help=f"Only streams in this status: {', '.join(Status)}.",
        ),
    ):
        command = option(command)
    return command


_id = click.argument("id")


@click.command(
    epilog="\b\nExamples:\n"
    '  livestream -p acme create --title "Data science" \\\n'
    "      --scheduled-start 2026-12-05T15:30:00+05:30\n"
    "  livestream -c school create --spec stream.json --json | jq -r .id"
)
@spec_options
@click.option(
    "--drop-unsupported",
    is_flag=True,
    help="Leave out what the provider lacks, and say so, instead of refusing.",
)
@_on_streams
def create(context: CommandContext, drop_unsupported: bool, **options: Any) -> None:
    """Make a stream.

    Without --scheduled-start it starts as soon as the vendor can. The stream as the vendor made
    it is printed; --show-secrets shows the stream key too.
    """
    found = fields(context, **options)
    if unknown := [name for name in found if name not in FIELDS]:
        raise InvalidInput(
            f"{unknown[0]}: a stream has no such field",
            field=unknown[0],
            hint=f"it has {', '.join(FIELDS)}",
        )
    if "title" not in found:
        raise InvalidInput("title: is missing", field="title", hint="give --title")
    spec = StreamSpec(**found)
    with connected(context) as client:
        try:
            with context.changing("create"), working("Creating"):
                stream = client.create(spec, on_unsupported="drop" if drop_unsupported else "raise")
        except Unsupported as error:
            if error.hint:
                error.hint = "--drop-unsupported leaves it out"
            raise
    show_stream(context, stream)


@click.command()
@_id
@click.option("--raw", is_flag=True, help="The vendor's payload too.")
@_on_streams
def show(context: CommandContext, id: str, raw: bool) -> None:
    """Show a stream.

    Stream keys, and addresses that contain one, are hidden unless --show-secrets is given. --json
    prints what LiveStream.from_dict reads; times in it are in UTC.
    """
    with connected(context) as client, working("Reading"):
        stream = client.get(id)
    show_stream(context, stream, raw=raw)


@click.command(
    "list",
    epilog="\b\nExamples:\n"
    "  livestream -c school list --status live\n"
    "  livestream -c school list --json | jq -r 'select(.recording) | .id'",
)
@filter_options
@click.option("--limit", type=click.IntRange(min=0), help="At most so many.")
@_on_streams
def list_streams(context: CommandContext, **filters: Any) -> None:
    """List streams, each once.

    --json prints a line for each, as soon as it is read. A warning says so if the vendor's own
    count proves that some are missing. What cannot be read as a stream is named at the end, with
    exit code 4, after all others.
    """
    with connected(context) as client:
        streams = client.list(**filters)
        try:
            count = show_streams(context, streams)
        except UnexpectedResponse as error:
            if streams.unreadable:
                error.hint = "all others are listed"
            raise
    if streams.complete is Completeness.MISMATCHED:
        say(
            context, "warning", "the vendor counts another number of streams: the list is not whole"
        )
    if not count and not context.as_json:
        click.echo("No streams.", err=True)


@click.command(
    epilog="\b\nExamples:\n"
    '  livestream -c school update ID --title "Data science II" --tag maths\n'
    "  livestream -c school update ID --clear description"
)
@_id
@spec_options
@click.option(
    "--clear",
    "clear",
    multiple=True,
    type=click.Choice([name for name in FIELDS if name not in ("title", "options")]),
    metavar="FIELD",
    help="A field to empty, such as description; may be given several times.",
)
@_on_streams
def update(context: CommandContext, id: str, clear: tuple[str, ...], **options: Any) -> None:
    """Change fields of a stream; the others stay as they are."""
    changes = cleared(fields(context, **options), clear)
    with connected(context) as client, context.changing("update", id), working("Changing"):
        stream = client.update(id, **changes)
    show_stream(context, stream)


@click.command()
@_id
@_on_streams
def start(context: CommandContext, id: str) -> None:
    """Start a stream: soon after, an encoder may connect.

    `livestream wait ID --until ready` waits for that.
    """
    with connected(context) as client, context.changing("start", id), working("Starting"):
        stream = client.start(id)
    show_stream(context, stream)


@click.command(
    epilog="\b\nExamples:\n"
    "  livestream -c school stop ID --trim 30..120\n"
    "  livestream -c school stop ID --trim 12.5..1:30:00\n"
    "  livestream -c school stop ID --trim 2026-12-05T10:00Z..2026-12-05T11:00Z"
)
@_id
@click.option(
    "--trim",
    metavar="START..END",
    help="The part of the recording to keep: seconds or h:mm:ss from its start, both may have "
    "fractions; or two ISO 8601 times.",
)
@_on_streams
def stop(context: CommandContext, id: str, trim: str | None) -> None:
    """End a stream. Without --trim the whole recording is kept."""
    part = None if trim is None else trim_of(trim)
    with connected(context) as client, context.changing("stop", id), working("Stopping"):
        stream = client.stop(id, trim=part)
    show_stream(context, stream)


@click.command()
@_id
@_on_streams
def cancel(context: CommandContext, id: str) -> None:
    """Call a stream off before it was on air."""
    with connected(context) as client, context.changing("cancel", id), working("Cancelling"):
        stream = client.cancel(id)
    show_stream(context, stream)


@click.command()
@_id
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_on_streams
def delete(context: CommandContext, id: str, yes: bool) -> None:
    """Delete a stream, and with some vendors its recording.

    On a terminal it shows what will go, and asks. Elsewhere --yes is needed.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: give --yes to delete.")
    with connected(context) as client:
        if not yes:
            client.capabilities.require(Feature.DELETE)
            if not click.confirm(f"Delete {_what_goes(client, id)}?", err=True):
                click.echo("Nothing was deleted.", err=True)
                raise click.exceptions.Exit(OTHERWISE)
        with context.changing("delete", id), working("Deleting"):
            client.delete(id)
    if context.as_json:
        json_line({"id": id, "deleted": True})
    else:
        click.echo(f"Deleted {printable(id)}.")


def _what_goes(client: Client, id: str) -> str:
    if not client.supports(Feature.GET):
        return printable(id)
    with working("Reading"):
        stream = client.get(id)
    return f"{printable(stream.id)}, {printable(stream.title)!r}, which is {stream.status}"


@click.command(
    epilog="\b\nExamples:\n"
    "  livestream -c school wait ID --until ready --timeout 120\n"
    "  livestream -c school wait ID --until ended,cancelled"
)
@_id
@click.option(
    "--until",
    required=True,
    metavar="STATUS[,STATUS]",
    help=f"What to wait for, one of several: {', '.join(Status)}.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="When to give up, with exit code 4.",
)
@_on_streams
def wait(context: CommandContext, id: str, until: str, timeout: float) -> None:
    """Wait until a stream has a status.

    "ready" is met by "live" too, and "processing" by "ended". What can no longer happen ends it
    at once, with exit code 3.
    """
    from .waiting import waited

    wanted = [word.strip() for word in until.split(",")]
    with connected(context) as client:
        stream = waited(client, id, wanted, timeout)
    show_stream(context, stream)


@click.command(
    epilog="\b\nExamples:\n"
    "  livestream -c school watch --status live\n"
    "  livestream -c school watch ID --interval 2 --json"
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@filter_options
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait between two looks.",
)
@_on_streams
def watch(context: CommandContext, ids: tuple[str, ...], interval: float, **filters: Any) -> None:
    """Watch streams until Ctrl-C.

    It watches those with these ids, or all that pass the filters.

    On a terminal it is a table that follows what happens. Elsewhere, and with --json, it is a
    line for each stream at first, and then one for each change: a JSON line has "at", "id",
    "previous" and "status", "changed" (the names of what changed) and "stream". Where a stream
    is gone, "status" and "stream" are null. Temporary errors are shown, and it goes on.
    """
    from .watching import run

    if ids and any(value is not None for value in filters.values()):
        raise click.UsageError("Give ids or filters, not both.")
    with connected(context) as client:
        run(context, client, ids, filters, interval)
