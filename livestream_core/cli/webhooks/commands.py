"""Commands for webhooks."""

from __future__ import annotations

import click

from ..connections.connection import account_command, connected, connection_options
from ..console.context import CommandContext, debug_option, output_options


@click.group()
@connection_options
@output_options
@debug_option
def webhooks() -> None:
    """Receive webhook deliveries."""


@webhooks.command(
    epilog="\b\nExamples:\n"
    "  livestream -c school webhooks listen\n"
    "  livestream -c school webhooks listen --port 9000 --json | jq .kind"
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen on; 0 chooses a free one.",
)
@account_command
def listen(context: CommandContext, port: int) -> None:
    """Print the changes that deliveries announce, until you press Ctrl-C.

    Listen on this machine only. For deliveries of a vendor, forward a public HTTPS URL to the
    port with a tunnel, and register that URL at the vendor. Every path is accepted. The account's
    option webhook_secret verifies the deliveries, unless the vendor publishes a key.

    After a delivery, the stream is read, and each change is printed on its own line. With --json,
    a line is what events.Change.from_dict reads. A delivery that was refused is a warning.
    Nothing is kept: the first change of each stream has no previous status.
    """
    from .listening import run

    with connected(context) as client:
        run(context, client, port)
