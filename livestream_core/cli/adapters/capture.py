"""``livestream capture``: what a vendor really answers, for the conformance kit."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..connections.connection import connected, connection_options
from ..console.context import CommandContext, debug_option, pass_command_context
from ..console.exit_codes import OTHERWISE
from ..console.output import working


@click.command(
    epilog="\b\nExample:\n"
    "  livestream -p acme capture acme.json --yes\n"
    "  pytest --livestream-adapter acme --livestream-captures acme.json"
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--start", is_flag=True, help="Also start and stop the stream: that may cost money.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@connection_options
@debug_option
@pass_command_context
def capture(context: CommandContext, file: Path, start: bool, yes: bool) -> None:
    """Record calls of a real account, to test an adapter without its vendor.

    A stream is made on the account, read, listed, renamed, and cancelled or deleted, as far as
    the provider can. FILE gets the calls with what was sent and answered. Secrets and
    credentials are replaced; look through it before you publish it, for titles and names are
    not.
    """
    from ..._http.requests_transport import shared_transport
    from ...testing.captures import dumps
    from ...testing.captures import record as record_calls

    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody can be asked here: give --yes to record.")
        with connected(context) as client:
            if not click.confirm(f"Make a stream on {client.account}?", err=True):
                click.echo("Nothing was recorded.", err=True)
                raise click.exceptions.Exit(OTHERWISE)
    with context.changing("create"), working("Recording") as shown:
        recording = record_calls(
            lambda transport, clock: connected(context, transport=transport, clock=clock),
            shared_transport(),
            start=start,
            begins=lambda operation: shown(f"Recording {operation}"),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dumps(recording), encoding="utf-8")
    names = ", ".join(call.operation for call in recording.calls)
    click.echo(f"Recorded in {file}: {names}")
