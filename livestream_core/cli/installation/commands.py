"""The commands about this installation. What each needs is loaded when it runs."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any

import click

from ..connections.connection import account_options
from ..console.context import CommandContext, debug_option, json_option, pass_command_context
from ..console.exit_codes import FAILURE
from ..console.output import json_text

SHELLS = ("bash", "zsh", "fish")
_SIMULATE_SECONDS = 2.0


@click.command()
@click.option("--features", is_flag=True, help="Also show which features each provider supports.")
@json_option
@debug_option
@pass_command_context
def providers(context: CommandContext, features: bool) -> None:
    """List the installed providers."""
    from ..console.output import console
    from .providers import as_data, show

    if context.as_json:
        click.echo(json_text(as_data(features=features), indent=2))
    else:
        show(console(), features=features)


def _http_url(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    from ..._model.urls import origin_of

    try:
        if url is not None:
            origin_of(url)
    except ValueError:
        raise click.BadParameter("must be a URL: http:// or https://, and a host.") from None
    return url


@click.command(
    epilog="\b\nExample, in two terminals:\n"
    "  livestream sandbox > sandbox.env\n"
    "  . ./sandbox.env && livestream -p PROVIDER list"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port-base",
    type=click.IntRange(1, 65535),
    show_default="free ports",
    help="The first emulator's port; the others follow.",
)
@click.option(
    "--boot-seconds",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="How many seconds an emulated vendor takes to start a stream's server.",
)
@click.option(
    "--simulate",
    "simulate_seconds",
    is_flag=False,
    flag_value=_SIMULATE_SECONDS,
    type=click.FloatRange(min=0),
    metavar="[SECONDS]",
    help="Also simulate encoders and recordings: an encoder connects SECONDS after a stream is "
    f"ready (default {_SIMULATE_SECONDS:g}), and the recording is ready SECONDS after it ends. "
    "Where streams cannot be created, an encoder publishes one at once.",
)
@click.option(
    "--media",
    "media_port",
    is_flag=False,
    flag_value=0,
    type=click.IntRange(0, 65534),
    metavar="[PORT]",
    help="Put a real media server (nginx) behind the emulators: an encoder that publishes to a "
    "stream's ingest makes it live, and its playback URL and its recording play. It listens on "
    "PORT for RTMP and on the next one for viewers, by default on free ports.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="The number of accounts at each vendor. The variables are those of the first.",
)
@click.option(
    "--write-connections",
    "connections",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the connections of all accounts to FILE, such as livestream.toml: PROVIDER, "
    "PROVIDER-2, and so on.",
)
@click.option(
    "--control-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Also serve a control port, so that tests in other processes can inject faults, connect "
    "encoders, and advance the clock. 0 chooses a free port. Its token is in the variables; to "
    "choose one, set LIVESTREAM_SANDBOX_TOKEN.",
)
@click.option(
    "--clock",
    type=click.Choice(["machine", "manual"]),
    default="machine",
    show_default=True,
    help="Whether time passes at the vendors as on this machine, or only when the control port "
    "advances it.",
)
@click.option(
    "--webhooks",
    "webhook_url",
    metavar="URL",
    callback=_http_url,
    help="Send what the vendors deliver to URL, signed as each vendor signs. In it, {account} and "
    "{provider} stand for their names.",
)
@click.option(
    "--webhook-delay",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="With --webhooks: send each delivery SECONDS after its event.",
)
@click.option(
    "--webhook-duplicates",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="With --webhooks: send each delivery N more times.",
)
@debug_option
def sandbox(clock: str, webhook_url: str | None, control_port: int | None, **options: Any) -> None:
    """Run every provider's emulator until you press Ctrl-C.

    Standard output shows the environment variables to export. With them, connect() needs no
    options, and --provider works.
    """
    from .sandbox import run

    if options["media_port"] is not None and options["simulate_seconds"] is not None:
        raise click.UsageError("Pass --media or --simulate, not both.")
    if options["media_port"] is not None and clock == "manual":
        raise click.UsageError("Pass --media or --clock manual, not both.")
    if clock == "manual" and control_port is None:
        raise click.UsageError("--clock manual needs --control-port, which advances it.")
    if webhook_url is None and (options["webhook_delay"] or options["webhook_duplicates"]):
        raise click.UsageError("--webhook-delay and --webhook-duplicates need --webhooks.")
    run(
        manual_clock=clock == "manual",
        control_port=control_port,
        webhook_url=webhook_url,
        **options,
    )


@click.command()
@click.option(
    "--provider",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this provider. Can be repeated.",
)
@debug_option
@pass_command_context
def demo(context: CommandContext, names: tuple[str, ...]) -> None:
    """Run a stream's whole lifecycle on every provider's emulator.

    All requests are real HTTP, on the loopback interface. The exit code is 1 if a provider
    differs from its declared capabilities.
    """
    from ..console.output import console
    from .demo import run

    if not run(names, console(), debug=context.debug):
        raise click.exceptions.Exit(FAILURE)


@click.command(
    epilog="\b\nExamples:\n"
    "  livestream doctor --check\n"
    "  livestream doctor -c school --check --json\n"
    "  livestream doctor -c school --live --output school.json"
)
@click.option(
    "--check",
    is_flag=True,
    help="Also sign in and list one stream, for every account whose options are complete.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Instead, make every call that only reads on one account, and write the vendor's answers "
    "to a file that the conformance kit can replay. Your texts and IDs are replaced.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --live: the file to write. Defaults to livestream-PROVIDER.json.",
)
@click.option(
    "--write",
    is_flag=True,
    help="With --live: also create a stream, read it, and delete it. The command asks first.",
)
@click.option(
    "--keep",
    is_flag=True,
    help="With --write: create the stream even if the provider cannot delete it.",
)
@click.option("-y", "--yes", is_flag=True, help="With --write: do not ask for confirmation.")
@account_options
@json_option
@debug_option
@pass_command_context
def doctor(context: CommandContext, check: bool, live: bool, **options: Any) -> None:
    """Diagnose this installation and its configuration.

    Check every adapter and observer, the environment variables that they read (names are shown,
    never values), and every livestream.toml. With --provider or --connection, check only that
    one. The exit code is 2 if something is broken or incomplete, and 4 if a vendor is
    unreachable. A provider without any configuration is not a problem.

    With --live, the output shows each call with its answer and what was surprising about it. The
    exit code is that of the first call that failed, and 5 if a created stream is left.
    """
    if not live and any(options.values()):
        raise click.UsageError("--output, --write, --keep, and --yes need --live.")
    if not options["write"] and (options["keep"] or options["yes"]):
        raise click.UsageError("--keep and --yes need --write.")
    if live:
        from .tour import run

        if check:
            raise click.UsageError("Pass --check or --live, not both.")
        raise click.exceptions.Exit(run(context, **options))
    from ..console.output import console
    from .doctor import examine, exit_code
    from .doctor_report import show

    if context.provider and context.connection:
        raise click.UsageError("Pass --provider or --connection, not both.")
    found = examine(context, check=check)
    if context.as_json:
        click.echo(json_text(found, indent=2))
    else:
        show(console(), found)
    raise click.exceptions.Exit(exit_code(found))


@click.command(
    epilog="\b\nExamples:\n"
    '  eval "$(livestream completion bash)"    # in ~/.bashrc; zsh likewise\n'
    "  livestream completion fish > ~/.config/fish/completions/livestream.fish"
)
@click.argument("shell", required=False, type=click.Choice(SHELLS), metavar="[bash|zsh|fish]")
@debug_option
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print a script that completes commands in a shell.

    Without an argument, the script is for the shell in $SHELL. It also completes the names of
    providers, connections, and statuses.
    """
    from click.shell_completion import get_completion_class

    if shell is None:
        shell = PurePath(os.environ.get("SHELL", "")).name
        if shell not in SHELLS:
            raise click.UsageError(f"Unknown shell: pass one of {', '.join(SHELLS)}.")
    if kind := get_completion_class(shell):
        program = context.find_root().command
        click.echo(kind(program, {}, "livestream", "_LIVESTREAM_COMPLETE").source())
