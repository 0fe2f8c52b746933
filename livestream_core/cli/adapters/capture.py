"""``livestream capture``: a vendor's real responses, for the conformance kit."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..connections.connection import connected, connection_options
from ..console.context import CommandContext, debug_option, pass_command_context
from ..console.exit_codes import FAILURE
from ..console.output import NOT_A_TERMINAL, working


@click.command(
    epilog="\b\nExample:\n"
    "  livestream -p acme capture acme.json --yes\n"
    "  pytest --livestream-adapter acme --livestream-captures acme.json"
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--start", is_flag=True, help="Also start and stop the stream, which may cost money.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@connection_options
@debug_option
@pass_command_context
def capture(context: CommandContext, file: Path, start: bool, yes: bool) -> None:
    """Save a real account's requests and responses for tests.

    The command creates a stream on the account, reads, lists, and renames it, and cancels or
    deletes it, as far as the provider supports that. It writes all requests and responses to
    FILE. Secrets and credentials are redacted, but titles and names are not: review the file
    before you publish it.
    """
    from ..._http.requests_transport import shared_transport
    from ...testing.captures import capture as capture_operations
    from ...testing.captures import dumps

    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(NOT_A_TERMINAL.format("capture"))
        with connected(context) as client:
            if not click.confirm(f"Create a stream on {client.account}?", err=True):
                click.echo("Nothing was captured.", err=True)
                raise click.exceptions.Exit(FAILURE)
    with context.changing("create"), working("Capturing") as show:
        captured = capture_operations(
            lambda transport, clock: connected(context, transport=transport, clock=clock),
            shared_transport(),
            start=start,
            on_operation=lambda operation: show(f"Capturing {operation}"),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dumps(captured), encoding="utf-8")
    names = ", ".join(call.operation for call in captured.calls)
    click.echo(f"Wrote {file}: {names}")
