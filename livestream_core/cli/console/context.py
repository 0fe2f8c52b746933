"""What was said on the command line besides a command's own arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any, TypeVar, cast

import attrs
import click

F = TypeVar("F", bound=Callable[..., Any])

_KEY = __name__


@attrs.define(slots=True)
class Change:
    """A change that this command asks the vendor for.

    Attributes:
        operation: The client's method.
        id: The stream's id, where there is one yet.
        applied: ``None`` while the vendor has not answered, ``True`` once it was carried out.
    """

    operation: str
    id: str | None
    applied: bool | None = None


@attrs.define(slots=True)
class CommandContext:
    """What every command may be told, and what the end of a command has to know.

    Attributes:
        debug: Whether errors show a traceback.
        provider: The provider to connect to by the environment.
        connection: The name of a connection in ``livestream.toml``.
        token_file: Where the credential is read from; ``-`` is standard input.
        as_json: Whether the output is JSON.
        error_as_json: Whether that was asked for on a line that cannot be read otherwise.
        show_secrets: Whether secrets are shown.
        utc: Whether times are shown in UTC.
        change: What the vendor was told to change, from just before it is told: an interruption
            says then whether it was carried out.
    """

    debug: bool = False
    provider: str | None = None
    connection: str | None = None
    token_file: str | None = None
    as_json: bool = False
    error_as_json: bool = False
    show_secrets: bool = False
    utc: bool = False
    change: Change | None = None

    @contextmanager
    def changing(self, operation: str, id: str | None = None) -> Iterator[None]:
        """Marks the block that tells the vendor to change something."""
        self.change = Change(operation, id)
        yield
        self.change.applied = True


def command_context(context: click.Context) -> CommandContext:
    """What was said on this command line."""
    found: CommandContext = context.meta.setdefault(_KEY, CommandContext())
    return found


def pass_command_context(command: F) -> F:
    """Hands :class:`CommandContext` to a command as its first argument."""

    @click.pass_context
    def run(context: click.Context, /, *arguments: Any, **options: Any) -> Any:
        return command(command_context(context), *arguments, **options)

    return cast(F, update_wrapper(run, command))


def remembered(*declarations: str, name: str, **attributes: Any) -> Callable[[F], F]:
    """Keep an option in the :class:`CommandContext` instead of handing it to the command, so that
    it is taken both before and after the command's name.
    """

    def remember(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None and value is not False:
            setattr(command_context(context), name, value)

    return click.option(*declarations, name, expose_value=False, callback=remember, **attributes)


def debug_option(command: F) -> F:
    """``--debug``."""
    return remembered(
        "--debug", name="debug", is_flag=True, help="Show a traceback with every error."
    )(command)


def json_option(command: F) -> F:
    """``--json``."""
    return remembered("--json", name="as_json", is_flag=True, help="Print JSON.")(command)


def utc_option(command: F) -> F:
    """``--utc``."""
    return remembered(
        "--utc", name="utc", is_flag=True, help="Show times in UTC (JSON always is)."
    )(command)


def output_options(command: F) -> F:
    """``--json``, ``--show-secrets`` and ``--utc``: how streams are shown."""
    for option in (
        utc_option,
        remembered(
            "--show-secrets",
            name="show_secrets",
            is_flag=True,
            help="Show stream keys, and addresses that contain a secret.",
        ),
        json_option,
    ):
        command = option(command)
    return command
