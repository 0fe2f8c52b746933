"""The commands that work on streams. What only some of them need is loaded when they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..._contract.capabilities import Feature
from ..._contract.pagination import Completeness
from ..._model.errors import InvalidInput, UnexpectedResponse, Unsupported
from ..._model.status import Status
from ..._model.stream import StreamSpec
from ..connections.connection import account_command, connected
from ..console.context import CommandContext
from ..console.exit_codes import code_of_playback
from ..console.output import (
    check_can_confirm_deletion,
    confirm_deletion,
    printable,
    say,
    show_deleted,
    working,
)
from .display import show_playability, show_recordings, show_stream, show_streams
from .spec_options import FIELDS, cleared, fields, spec_options
from .trim_option import trim_of

if TYPE_CHECKING:
    from ..._client import Client

F = TypeVar("F", bound=Callable[..., Any])


_full = click.option(
    "--full",
    is_flag=True,
    help="Read each stream by its ID too if this provider's lists lack fields.",
)


@contextmanager
def _hint_at_full() -> Iterator[None]:
    """Name the option in the error about a filter on a field that lists lack."""
    try:
        yield
    except Unsupported as error:
        if error.hint:
            error.hint = error.hint.replace("full=True", "--full")
        raise


def filter_options(command: F) -> F:
    """Add the options that select streams of an account."""
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
            help="Only streams scheduled to start at or after this time, such as "
            "2026-12-05T15:30:00+05:30.",
        ),
        click.option(
            "--status",
            type=click.Choice([each.value for each in Status]),
            metavar="STATUS",
            help=f"Only streams with this status: {', '.join(Status)}.",
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
    help="Drop fields that the provider does not support, with a warning, instead of failing.",
)
@account_command
def create(context: CommandContext, drop_unsupported: bool, **options: Any) -> None:
    """Create a stream and print it.

    Without --scheduled-start, the vendor starts it as soon as possible. Use --show-secrets to
    print the stream key.
    """
    given = fields(context, **options)
    if unknown := [name for name in given if name not in FIELDS]:
        raise InvalidInput(
            f"{unknown[0]}: is not a field of a stream",
            field=unknown[0],
            hint=f"the fields are {', '.join(FIELDS)}",
        )
    if "title" not in given:
        raise InvalidInput("title: is missing", field="title", hint="pass --title")
    spec = StreamSpec(**given)
    with connected(context) as client:
        try:
            with context.changing("create"), working("Creating"):
                stream = client.create(spec, on_unsupported="drop" if drop_unsupported else "raise")
        except Unsupported as error:
            if error.hint:
                error.hint = "pass --drop-unsupported to create the stream without it"
            raise
    show_stream(context, stream)


@click.command()
@_id
@click.option("--raw", is_flag=True, help="Also print the vendor's payload.")
@account_command
def show(context: CommandContext, id: str, raw: bool) -> None:
    """Show a stream.

    Stream keys, and URLs that contain a secret, are masked unless you pass --show-secrets. With
    --json, the output is what LiveStream.from_dict reads, with times in UTC.
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
@click.option("--reference", help="Only the streams with this reference.")
@_full
@click.option("--limit", type=click.IntRange(min=0), help="Maximum number of streams to list.")
@account_command
def list_streams(context: CommandContext, **filters: Any) -> None:
    """List streams.

    Each stream is listed once. With --json, each is printed on its own line as soon as it is
    read. A warning is printed if the vendor's own count shows that the list is incomplete.
    Entries that cannot be read as streams are reported after all others, with exit code 4.
    """
    with connected(context) as client:
        with _hint_at_full():
            streams = client.list(**filters)
        try:
            count = show_streams(context, streams)
        except UnexpectedResponse as error:
            if streams.unreadable:
                error.hint = "all other streams are listed"
            raise
    if streams.complete is Completeness.MISMATCHED:
        say(context, "warning", "the list is incomplete: the vendor reports a different total")
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
    help="A field to clear, such as description. Can be repeated.",
)
@account_command
def update(context: CommandContext, id: str, clear: tuple[str, ...], **options: Any) -> None:
    """Change fields of a stream. All other fields stay unchanged."""
    changes = cleared(fields(context, **options), clear)
    with connected(context) as client, context.changing("update", id), working("Changing"):
        stream = client.update(id, **changes)
    show_stream(context, stream)


@click.command()
@_id
@account_command
def start(context: CommandContext, id: str) -> None:
    """Start a stream, so that an encoder can connect soon.

    Run `livestream wait ID --until ready` to wait until an encoder can connect.
    """
    with connected(context) as client, context.changing("start", id), working("Starting"):
        stream = client.start(id)
    show_stream(context, stream)


@click.command("reset-key")
@_id
@account_command
def reset_key(context: CommandContext, id: str) -> None:
    """Replace a stream's key. The old key stops working.

    Use --show-secrets to print the new one.
    """
    with connected(context) as client, context.changing("reset_key", id), working("Replacing"):
        stream = client.reset_key(id)
    show_stream(context, stream)


@click.command()
@_id
@account_command
def disable(context: CommandContext, id: str) -> None:
    """Disable a stream: the vendor refuses encoders until you enable it again."""
    with connected(context) as client, context.changing("disable", id), working("Disabling"):
        stream = client.disable(id)
    show_stream(context, stream)


@click.command()
@_id
@account_command
def enable(context: CommandContext, id: str) -> None:
    """Enable a disabled stream, so that an encoder can connect again."""
    with connected(context) as client, context.changing("enable", id), working("Enabling"):
        stream = client.enable(id)
    show_stream(context, stream)


@click.command()
@_id
@account_command
def recordings(context: CommandContext, id: str) -> None:
    """List the recordings of a stream. With --json, each is printed on its own line."""
    with connected(context) as client, working("Reading"):
        found = client.recordings(id)
    show_recordings(context, found)
    if not found and not context.as_json:
        click.echo("No recordings.", err=True)


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
    help="The part of the recording to keep: two offsets from its start, in seconds or h:mm:ss "
    "(fractions are allowed), or two ISO 8601 times.",
)
@account_command
def stop(context: CommandContext, id: str, trim: str | None) -> None:
    """Stop a stream. Without --trim, the whole recording is kept."""
    part = None if trim is None else trim_of(trim)
    with connected(context) as client, context.changing("stop", id), working("Stopping"):
        stream = client.stop(id, trim=part)
    show_stream(context, stream)


@click.command()
@_id
@account_command
def cancel(context: CommandContext, id: str) -> None:
    """Cancel a stream that has not gone live."""
    with connected(context) as client, context.changing("cancel", id), working("Canceling"):
        stream = client.cancel(id)
    show_stream(context, stream)


@click.command()
@_id
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@account_command
def delete(context: CommandContext, id: str, yes: bool) -> None:
    """Delete a stream. Some vendors also delete its recording.

    On a terminal, the command shows the stream and asks for confirmation. Elsewhere, it requires
    --yes.
    """
    check_can_confirm_deletion(yes=yes)
    with connected(context) as client:
        if not yes:
            client.capabilities.require(Feature.DELETE)
            confirm_deletion(_description(client, id))
        with context.changing("delete", id), working("Deleting"):
            client.delete(id)
    show_deleted(context, id)


def _description(client: Client, id: str) -> str:
    if not client.supports(Feature.GET):
        return printable(id)
    with working("Reading"):
        stream = client.get(id)
    return f"{printable(stream.id)}, {printable(stream.title)!r}, with status {stream.status}"


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
    help=f"The status to wait for, or any of several: {', '.join(Status)}.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait before giving up, with exit code 4.",
)
@account_command
def wait(context: CommandContext, id: str, until: str, timeout: float) -> None:
    """Wait until a stream has a status.

    "live" also satisfies "ready", and "ended" satisfies "processing". If the stream can no longer
    reach the status, the command exits at once with code 3. A reusable stream has ended when a run
    that was seen live during the wait is over.
    """
    from .waiting import wait_for

    statuses = [word.strip() for word in until.split(",")]
    with connected(context) as client:
        stream = wait_for(client, id, statuses, timeout)
    show_stream(context, stream)


@click.command(
    epilog="\b\nExamples:\n"
    "  livestream -c school probe ID\n"
    "  livestream -c school probe ID --json | jq -r .state"
)
@_id
@click.option(
    "--allow-address",
    "allow_addresses",
    multiple=True,
    metavar="ADDRESS",
    help="An IP address or a network, such as 10.0.0.0/8, that may be connected to although it is "
    "not public. Can be repeated.",
)
@account_command
def probe(context: CommandContext, id: str, allow_addresses: tuple[str, ...]) -> None:
    """Find out whether viewers can watch a stream, by reading its HLS playlist.

    The command watches the playlist until a new segment appears, for up to a minute. It exits with
    code 0 if viewers can watch (live, ended), with 3 if they cannot (absent, forbidden, invalid),
    and with 4 if that may change soon (stalled, unreachable, unknown).

    It sends no credentials to the playback URL, and connects only to public addresses.
    """
    with connected(context) as client, working("Probing"):
        try:
            found = client.probe(id, allow_addresses=allow_addresses)
        except InvalidInput as error:
            if error.hint:
                # The argument is a list with one address.
                error.hint = re.sub(
                    r"allow_addresses=\['(.*?)'\]", r"--allow-address \1", error.hint
                )
            raise
    show_playability(context, found)
    if code := code_of_playback(found.state):
        raise click.exceptions.Exit(code)


@click.command(
    epilog="\b\nExamples:\n"
    "  livestream -c school watch --status live\n"
    "  livestream -c school watch ID --interval 2 --json"
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@filter_options
@_full
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait between two reads.",
)
@account_command
def watch(context: CommandContext, ids: tuple[str, ...], interval: float, **filters: Any) -> None:
    """Watch streams until you press Ctrl-C.

    Watch the streams with these IDs, or all streams that match the filters.

    On a terminal, the output is a table that is kept up to date. Elsewhere, and with --json, it
    is one line for each stream, and then one line for each change. A JSON line has "at", "id",
    "previous", "status", "changed" (the names of the changed fields), and "stream". If a stream
    no longer exists, "status" and "stream" are null. Temporary errors are shown, and watching
    continues.
    """
    from .watching import run

    if ids and any(value not in (None, False) for value in filters.values()):
        raise click.UsageError("Pass IDs or filters, not both.")
    with connected(context) as client, _hint_at_full():
        run(context, client, ids, filters, interval)
