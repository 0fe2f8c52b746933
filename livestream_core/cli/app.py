"""The program: its commands, and how each of them ends."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import click

from .._version import __version__
from .adapters.capture import capture
from .adapters.new_adapter import new_adapter
from .connections.connection import connection_options
from .console.context import command_context, debug_option, output_options
from .console.exit_codes import FINE, MEANINGS
from .console.failures import failed, interrupted, misused
from .console.output import warnings_shown
from .installation import commands as installation
from .migrate.commands import migrate
from .streams import commands as streams

_EPILOG = "\b\nExit codes:\n" + "\n".join(
    f"{code:>5}  {meaning}" for code, meaning in MEANINGS.items()
)


class _Group(click.Group):
    #: The commands under the headings of the help.
    sections: dict[str, list[str]]

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.sections = {}

    def add_section(self, heading: str, *commands: click.Command) -> None:
        """Adds commands under a heading of the help."""
        for command in commands:
            self.add_command(command)
            self.sections.setdefault(heading, []).append(str(command.name))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used, not that of the alphabet."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, self.commands))
        limit = formatter.width - widest - 6
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (f"{name:<{widest}}", self.commands[name].get_short_help_str(limit))
                        for name in names
                    ]
                )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        command_context(ctx).error_as_json = "--json" in args
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuses what the command would not use, such as an account, wherever it was said."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            said, taken = command_context(ctx), {param.name for param in command.params}
            for param in self.params:
                if param.name not in taken and getattr(said, str(param.name), None):
                    raise click.UsageError(
                        f"`{name}` takes no {param.opts[-1]} before its name.", ctx
                    )
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        said = command_context(ctx)
        try:
            with warnings_shown(said):
                return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except click.ClickException as error:
            if not said.error_as_json:
                raise
            code = misused(said, error)
        except BrokenPipeError:
            # The reader has had enough (`| head`). What is still buffered goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = FINE
        except (KeyboardInterrupt, click.Abort):
            click.echo(err=True)  # away from the ^C, or from the question
            code = interrupted(said)
        except Exception as error:
            if said.debug:
                traceback.print_exc()
            code = failed(said, error)
        raise click.exceptions.Exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, package_name="livestream-core")
@connection_options
@output_options
@debug_option
def app() -> None:
    """One interface to every live-streaming vendor.

    Commands on streams need an account: a provider with its options in the environment
    (LIVESTREAM_<PROVIDER>_<OPTION>), or a connection that livestream.toml describes.

    \b
      livestream -p acme create --title "Data science"
      livestream -c school list --status live --json
    """


app.add_section(
    "A stream's life",
    streams.create,
    streams.show,
    streams.list_streams,
    streams.update,
    streams.start,
    streams.stop,
    streams.cancel,
    streams.delete,
    streams.wait,
    streams.watch,
)
app.add_section("From one account to another", migrate)
app.add_section(
    "This installation",
    installation.providers,
    installation.doctor,
    installation.sandbox,
    installation.demo,
    installation.completion,
)
app.add_section("Adapters", new_adapter, capture)
