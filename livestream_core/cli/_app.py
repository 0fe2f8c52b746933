"""The commands, their options, and how errors are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .._errors import ConfigurationError, LiveStreamError
from .._version import __version__

F = TypeVar("F", bound=Callable[..., Any])

_DEBUG = f"{__name__}.debug"


def _remember(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_DEBUG] = True


def _debug_option(command: F) -> F:
    """``--debug``, taken before and after the command's name."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Show a traceback with every error.",
    )(command)


class _Misconfigured(click.ClickException):
    """An error in the installation or the environment, as one line on standard error."""

    exit_code = 2


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        problem: click.ClickException
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.meta.get(_DEBUG):
                raise
            if isinstance(error, ConfigurationError):
                problem = _Misconfigured(str(error))
            elif isinstance(error, LiveStreamError):
                problem = click.ClickException(str(error))
            else:
                # The text of an unforeseen exception may have anything in it, secrets too.
                name = type(error).__name__
                problem = click.ClickException(f"{name}; --debug shows where it came from")
        raise problem


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="livestream-core")
@_debug_option
def app() -> None:
    """One interface to every live-streaming vendor."""


@app.command()
@click.option(
    "--provider",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this provider; may be given several times.",
)
@_debug_option
@click.pass_context
def demo(context: click.Context, names: tuple[str, ...]) -> None:
    """Walk a stream's life through every provider's emulator.

    Everything goes over real HTTP, on loopback. The exit code is 1 if anything differs from what
    a provider's capabilities promise.
    """
    from rich.console import Console

    from ._demo import run

    if not run(names, Console(highlight=False), debug=context.meta.get(_DEBUG, False)):
        context.exit(1)


@app.command()
@click.option("--features", is_flag=True, help="What each of them can do, and why not.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_debug_option
def providers(features: bool, as_json: bool) -> None:
    """List the installed providers."""
    from rich.console import Console

    from ._providers import as_data, show

    if as_json:
        import json

        click.echo(json.dumps(as_data(features=features), indent=2))
    else:
        show(Console(highlight=False), features=features)


@app.command()
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
@_debug_option
def sandbox(host: str, port_base: int | None, boot_seconds: float) -> None:
    """Serve every provider's emulator until Ctrl-C.

    Standard output gets the environment to export, for connect() without options.
    """
    from ._sandbox import run

    run(host=host, port_base=port_base, boot_seconds=boot_seconds)
