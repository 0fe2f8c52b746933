"""Commands for webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..._contract.capabilities import Feature
from ..._model.errors import NotFound
from ..connections.connection import account_command, connected, connection_options, secret_from
from ..console.context import CommandContext, debug_option, output_options
from ..console.output import (
    check_can_confirm_deletion,
    confirm_deletion,
    printable,
    show_deleted,
    working,
)

if TYPE_CHECKING:
    from ..._client import Client
    from ..._secrets.secret import Secret


@click.group()
@connection_options
@output_options
@debug_option
def webhooks() -> None:
    """Receive webhook deliveries, and manage the webhooks of an account."""


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


@webhooks.command(
    epilog="\b\nExamples:\n"
    "  livestream -c school webhooks register https://platform.example/hooks/school/\n"
    "  livestream -c school webhooks register URL --secret-file - < secret"
)
@click.argument("url")
@click.option(
    "--secret-file",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="Let the secret in this file verify the deliveries; - reads it from standard input. "
    "Defaults to the account's option webhook_secret.",
)
@account_command
def register(context: CommandContext, url: str, secret_file: str | None) -> None:
    """Register a URL to which the vendor sends deliveries from now on.

    The deliveries are verified with a secret: that of --secret-file, else the account's option
    webhook_secret. Without either, a random one is made. That needs --show-secrets, so that you
    can set it as webhook_secret.

    The URL must be https, unless it leads to this machine. A URL that is registered already is
    registered again.
    """
    from ..streams.display import show_webhooks

    with connected(context) as client:
        client.capabilities.require(Feature.MANAGE_WEBHOOKS)
        secret = _secret(context, client, secret_file)
        with context.changing("register_webhook"), working("Registering"):
            webhook = client.register_webhook(url, secret=secret)
    show_webhooks(context, [webhook])


def _secret(context: CommandContext, client: Client, file: str | None) -> Secret | str | None:
    if file is not None:
        return secret_from(file, "secret")
    own: Secret | None = getattr(client.options, "webhook_secret", None)
    if own is None and not context.show_secrets:
        raise click.UsageError(
            "No secret for the deliveries: pass --secret-file, set the account's option "
            "webhook_secret, or pass --show-secrets to print a random one."
        )
    return own


@webhooks.command("list")
@account_command
def list_webhooks(context: CommandContext) -> None:
    """List the webhooks of an account. With --json, each is printed on its own line.

    Use --show-secrets to print the secrets that the vendor returns.
    """
    from ..streams.display import show_webhooks

    with connected(context) as client, working("Reading"):
        found = client.webhooks()
    show_webhooks(context, found)
    if not found and not context.as_json:
        click.echo("No webhooks.", err=True)


@webhooks.command()
@click.argument("id")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@account_command
def delete(context: CommandContext, id: str, yes: bool) -> None:
    """Delete a webhook: the vendor sends no more deliveries to its URL.

    On a terminal, the command shows the webhook and asks for confirmation. Elsewhere, it requires
    --yes.
    """
    check_can_confirm_deletion(yes=yes)
    with connected(context) as client:
        if not yes:
            client.capabilities.require(Feature.MANAGE_WEBHOOKS)
            confirm_deletion(f"the webhook {_description(client, id)}")
        with context.changing("delete_webhook"), working("Deleting"):
            client.delete_webhook(id)
    show_deleted(context, id)


def _description(client: Client, id: str) -> str:
    with working("Reading"):
        found = next((each for each in client.webhooks() if each.id == id), None)
    if found is None:
        raise NotFound(
            "the account has no webhook with this ID",
            provider=client.provider,
            account=client.account,
            operation="delete_webhook",
            applied=False,
        )
    # A URL that contains a secret is masked.
    return f"{printable(id)}, {printable(repr(found.url))}"
