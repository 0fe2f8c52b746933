"""Options that apply to every command, and the state of the command that runs."""

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
    """A change that the command asks the vendor for.

    Attributes:
        operation: The client's method.
        id: The stream's ID; ``None`` before the stream exists.
        applied: ``None`` until the vendor has responded, ``True`` once the change was applied.
    """

    operation: str
    id: str | None
    applied: bool | None = None


@attrs.define(slots=True)
class CommandContext:
    """The options that all commands accept, and what is needed to report how a command ended.

    Attributes:
        debug: Whether errors show a traceback.
        provider: The provider to connect to with options from the environment.
        connection: The name of a connection in ``livestream.toml``.
        token_file: The file to read the credential from; ``-`` means standard input.
        as_json: Whether the output is JSON.
        error_as_json: Whether ``--json`` is on a command line that could not be parsed.
        show_secrets: Whether secrets are shown.
        utc: Whether times are shown in UTC.
        change: The change that was requested, set just before the request: an interruption can
            then report whether it was applied.
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
        """Mark the block that asks the vendor for a change."""
        self.change = Change(operation, id)
        yield
        self.change.applied = True


def command_context(context: click.Context) -> CommandContext:
    """Return the context of this command line."""
    found: CommandContext = context.meta.setdefault(_KEY, CommandContext())
    return found


def pass_command_context(command: F) -> F:
    """Pass the :class:`CommandContext` to a command as its first argument."""

    @click.pass_context
    def run(context: click.Context, /, *arguments: Any, **options: Any) -> Any:
        return command(command_context(context), *arguments, **options)

    return cast(F, update_wrapper(run, command))


def remembered(*declarations: str, name: str, **attributes: Any) -> Callable[[F], F]:
    """Store an option in the :class:`CommandContext` instead of passing it to the command.

    The option is therefore accepted both before and after the command's name.
    """

    def remember(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None and value is not False:
            setattr(command_context(context), name, value)

    return click.option(*declarations, name, expose_value=False, callback=remember, **attributes)


def debug_option(command: F) -> F:
    """Add ``--debug``."""
    return remembered(
        "--debug", name="debug", is_flag=True, help="Show a traceback with every error."
    )(command)


def json_option(command: F) -> F:
    """Add ``--json``."""
    return remembered("--json", name="as_json", is_flag=True, help="Print JSON.")(command)


def utc_option(command: F) -> F:
    """Add ``--utc``."""
    return remembered(
        "--utc", name="utc", is_flag=True, help="Show times in UTC. JSON output always uses UTC."
    )(command)


def output_options(command: F) -> F:
    """Add ``--json``, ``--show-secrets`` and ``--utc``, which control how streams are shown."""
    for option in (
        utc_option,
        remembered(
            "--show-secrets",
            name="show_secrets",
            is_flag=True,
            help="Show stream keys, and URLs that contain a secret.",
        ),
        json_option,
    ):
        command = option(command)
    return command
