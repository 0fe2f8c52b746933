"""The commands about what is installed here. What they do is loaded when they run."""

from __future__ import annotations

import os
from pathlib import PurePath

import click

from ..connections.connection import account_options
from ..console.context import CommandContext, debug_option, json_option, pass_command_context
from ..console.exit_codes import OTHERWISE
from ..console.output import json_text

SHELLS = ("bash", "zsh", "fish")
_SIMULATE_SECONDS = 2.0


@click.command()
@click.option("--features", is_flag=True, help="What each of them can do, and why not.")
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


@click.command(
    epilog="\b\nExample, in one terminal and in another:\n"
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
    help="How long a vendor needs to make a stream's server.",
)
@click.option(
    "--simulate",
    "simulate_seconds",
    is_flag=False,
    flag_value=_SIMULATE_SECONDS,
    type=click.FloatRange(min=0),
    metavar="[SECONDS]",
    help="Play the world, too: an encoder connects to each stream so many seconds after it is "
    f"ready ({_SIMULATE_SECONDS:g} unless told), and its recording is made as soon after the end.",
)
@debug_option
def sandbox(
    host: str, port_base: int | None, boot_seconds: float, simulate_seconds: float | None
) -> None:
    """Serve every provider's emulator until Ctrl-C.

    Standard output gets the environment to export, for connect() without options and for
    --provider.
    """
    from .sandbox import run

    run(
        host=host, port_base=port_base, boot_seconds=boot_seconds, simulate_seconds=simulate_seconds
    )


@click.command()
@click.option(
    "--provider",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this provider; may be given several times.",
)
@debug_option
@pass_command_context
def demo(context: CommandContext, names: tuple[str, ...]) -> None:
    """Walk a stream's life through every provider's emulator.

    Everything goes over real HTTP, on loopback. The exit code is 1 if anything differs from what
    a provider's capabilities promise.
    """
    from ..console.output import console
    from .demo import run

    if not run(names, console(), debug=context.debug):
        raise click.exceptions.Exit(OTHERWISE)


@click.command(
    epilog="\b\nExamples:\n"
    "  livestream doctor --check\n"
    "  livestream doctor -c school --check --json"
)
@click.option(
    "--check",
    is_flag=True,
    help="Sign in and read the smallest page, wherever the options are complete.",
)
@account_options
@json_option
@debug_option
@pass_command_context
def doctor(context: CommandContext, check: bool) -> None:
    """Find out what is wrong with this installation and its set-up.

    It looks at every adapter and observer, at the variables that they read (their names are
    shown, never their values), and at every livestream.toml; with --provider or --connection at
    that one alone. The exit code is 2 if something is broken or half set up, and 4 if a vendor
    cannot be reached. A provider of which nothing is set is well.
    """
    from ..console.output import console
    from .doctor import examine, exit_code
    from .doctor_report import show

    if context.provider and context.connection:
        raise click.UsageError("Give --provider or --connection, not both.")
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
    """Print the script that completes commands in a shell.

    Without an argument it is for the shell that $SHELL names. Names of providers, connections
    and statuses are completed too.
    """
    from click.shell_completion import get_completion_class

    if shell is None:
        shell = PurePath(os.environ.get("SHELL", "")).name
        if shell not in SHELLS:
            raise click.UsageError(f"Say for which shell: {', '.join(SHELLS)}.")
    if kind := get_completion_class(shell):
        program = context.find_root().command
        click.echo(kind(program, {}, "livestream", "_LIVESTREAM_COMPLETE").source())
