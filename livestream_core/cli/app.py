"""The ``livestream`` program: its commands, and how each one ends."""

from __future__ import annotations

import os
import sys
import traceback
from textwrap import fill
from typing import Any

import click

from .._version import __version__
from .adapters.capture import capture
from .adapters.new_adapter import new_adapter
from .connections.connection import connection_options
from .console.context import command_context, debug_option, output_options
from .console.exit_codes import MEANINGS, SUCCESS
from .console.failures import failed, interrupted, misused
from .console.output import warnings_shown
from .installation import commands as installation
from .migrate.commands import migrate
from .streams import commands as streams
from .webhooks.commands import webhooks

_EPILOG = "\b\nExit codes:\n" + "\n".join(
    fill(meaning, 78, initial_indent=f"{code:>5}  ", subsequent_indent=" " * 7)
    for code, meaning in MEANINGS.items()
)


class _Group(click.Group):
    #: The names of the commands, by their heading in the help.
    sections: dict[str, list[str]]

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.sections = {}

    def add_section(self, heading: str, *commands: click.Command) -> None:
        """Add commands under a heading of the help."""
        for command in commands:
            self.add_command(command)
            self.sections.setdefault(heading, []).append(str(command.name))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use, not alphabetically."""
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
        """Refuse a global option that the command does not use, such as an account."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            context, accepted = command_context(ctx), {param.name for param in command.params}
            for param in self.params:
                if param.name not in accepted and getattr(context, str(param.name), None):
                    raise click.UsageError(
                        f"`{name}` does not accept {param.opts[-1]} before its name.", ctx
                    )
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        context = command_context(ctx)
        try:
            with warnings_shown(context):
                return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except click.ClickException as error:
            if not context.error_as_json:
                raise
            code = misused(context, error)
        except BrokenPipeError:
            # The reader closed the pipe (`| head`). Discard what is still buffered.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = SUCCESS
        except (KeyboardInterrupt, click.Abort):
            click.echo(err=True)  # end the line that shows ^C, or the prompt
            code = interrupted(context)
        except Exception as error:
            if context.debug:
                traceback.print_exc()
            code = failed(context, error)
        raise click.exceptions.Exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, package_name="livestream-core")
@connection_options
@output_options
@debug_option
def app() -> None:
    """One interface to every live-streaming vendor.

    Commands that work on streams need an account: a provider with its options in environment
    variables (LIVESTREAM_<PROVIDER>_<OPTION>), or a connection in livestream.toml.

    \b
      livestream -p acme create --title "Data science"
      livestream -c school list --status live --json
    """  # noqa: D301


app.add_section(
    "Streams",
    streams.create,
    streams.show,
    streams.list_streams,
    streams.update,
    streams.start,
    streams.stop,
    streams.disable,
    streams.enable,
    streams.reset_key,
    streams.recordings,
    streams.cancel,
    streams.delete,
    streams.wait,
    streams.probe,
    streams.watch,
)
app.add_section("Webhooks", webhooks)
app.add_section("Migration", migrate)
app.add_section(
    "Installation",
    installation.providers,
    installation.doctor,
    installation.sandbox,
    installation.demo,
    installation.completion,
)
app.add_section("Adapters", new_adapter, capture)
