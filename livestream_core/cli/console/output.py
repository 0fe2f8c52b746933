"""Output: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from .context import CommandContext
from .exit_codes import FAILURE

if TYPE_CHECKING:
    from rich.console import Console

#: The usage error of a command that must ask for confirmation and cannot.
NOT_A_TERMINAL = "Cannot ask for confirmation: standard input is not a terminal. Pass --yes to {}."

#: The zero-width joiner and non-joiner: invisible, and required to spell many scripts.
_JOINERS = "\u200c\u200d"


def console(*, stderr: bool = False) -> Console:
    """Return a rich console for human-readable output.

    It never interprets text as markup, and a closed pipe raises ``BrokenPipeError``.
    """
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Output(stderr=stderr, highlight=False, markup=False, emoji=False)


def json_text(data: Any, *, indent: int | None = None) -> str:
    """Return strict JSON in ASCII, so that it survives every pipe.

    A vendor's payload may hold a number such as ``1e999``, which Python reads as infinity. It
    becomes ``null``.
    """
    try:
        return json.dumps(data, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(data), indent=indent, allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def json_line(data: Any) -> None:
    """Print a line of JSON."""
    click.echo(json_text(data))


def say(context: CommandContext, kind: str, text: str) -> None:
    """Print a line to standard error; with ``--json`` an object, as for errors."""
    if context.as_json:
        click.echo(json_text({kind: text}), err=True)
    else:
        click.echo(f"{kind.capitalize()}: {printable(text)}", err=True)


def printable(text: str) -> str:
    """Return the vendor's text on one line, without terminal control characters."""
    return " ".join(
        "".join(
            character
            if character.isprintable() or character.isspace() or character in _JOINERS
            else "\N{REPLACEMENT CHARACTER}"
            for character in text
        ).split()
    )


def check_can_confirm_deletion(*, yes: bool) -> None:
    """Check that a deletion was confirmed, or that the user can be asked.

    Raises:
        click.UsageError: If neither is so.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(NOT_A_TERMINAL.format("delete"))


def confirm_deletion(description: str) -> None:
    """Ask the user whether to delete something.

    Raises:
        click.exceptions.Exit: If the user says no.
    """
    if not click.confirm(f"Delete {description}?", err=True):
        click.echo("Nothing was deleted.", err=True)
        raise click.exceptions.Exit(FAILURE)


def show_deleted(context: CommandContext, id: str) -> None:
    """Print that something was deleted."""
    if context.as_json:
        json_line({"id": id, "deleted": True})
    else:
        click.echo(f"Deleted {printable(id)}.")


def time_text(context: CommandContext, instant: datetime, *, seconds: bool = True) -> str:
    """Return an instant in the user's time zone, or in UTC, with the offset."""
    local = instant.astimezone(UTC if context.utc else None)
    return local.isoformat(" ", "seconds" if seconds else "minutes")


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal whose lines can be rewritten."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner on standard error while the block runs, if that is a terminal.

    Yields:
        A function that changes the spinner's text.
    """
    if not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.text import Text

    with console(stderr=True).status(Text(text)) as status:
        yield lambda text: status.update(Text(text))


class _WarningHandler(logging.Handler):
    def __init__(self, context: CommandContext) -> None:
        super().__init__(logging.WARNING)
        self._context = context

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "livestream"):
            return  # the outcome of an operation, which the command itself shows
        say(self._context, "warning", record.getMessage())


@contextmanager
def warnings_shown(context: CommandContext) -> Iterator[None]:
    """Print the library's warnings, such as a dropped field, while the block runs."""
    logger, handler = logging.getLogger("livestream_core"), _WarningHandler(context)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
