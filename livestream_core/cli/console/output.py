"""Where things are printed: results on standard output, everything else on standard error."""

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

if TYPE_CHECKING:
    from rich.console import Console

#: The usage error of a command that must ask for confirmation and cannot.
NOT_A_TERMINAL = "Cannot ask for confirmation: standard input is not a terminal. Pass --yes to {}."

#: Joiners and their opposite: no sign of their own, and part of how many scripts are spelt.
_JOINERS = "\u200c\u200d"


def console(*, stderr: bool = False) -> Console:
    """Rich's console, for people. Nothing in a text is markup, and a closed pipe is the same
    exception as everywhere.
    """
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Output(stderr=stderr, highlight=False, markup=False, emoji=False)


def json_text(data: Any, *, indent: int | None = None) -> str:
    """Return JSON that every program reads, in ASCII, so that it survives every pipe. A vendor's
    payload may hold a number such as ``1e999``, which is read as infinity and becomes ``null``.
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
    """A line for people on standard error; with ``--json`` an object, as errors are."""
    if context.as_json:
        click.echo(json_text({kind: text}), err=True)
    else:
        click.echo(f"{kind.capitalize()}: {text}", err=True)


def printable(text: str) -> str:
    """A text of the vendor's on one line, without what could steer the terminal."""
    return " ".join(
        "".join(
            character
            if character.isprintable() or character.isspace() or character in _JOINERS
            else "\N{REPLACEMENT CHARACTER}"
            for character in text
        ).split()
    )


def time_text(context: CommandContext, instant: datetime, *, seconds: bool = True) -> str:
    """An instant in the user's zone, or in UTC, with the offset."""
    local = instant.astimezone(UTC if context.utc else None)
    return local.isoformat(" ", "seconds" if seconds else "minutes")


def is_terminal(stream: Any) -> bool:
    """Whether lines that were printed can be changed."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """A spinner on standard error while the block runs, if somebody is looking; gives a function
    that changes its text.
    """
    if not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.text import Text

    with console(stderr=True).status(Text(text)) as status:
        yield lambda text: status.update(Text(text))


class _Shown(logging.Handler):
    def __init__(self, context: CommandContext) -> None:
        super().__init__(logging.WARNING)
        self._context = context

    def emit(self, record: logging.LogRecord) -> None:
        say(self._context, "warning", record.getMessage())


@contextmanager
def warnings_shown(context: CommandContext) -> Iterator[None]:
    """Shows what the library warns of, such as a field that was dropped."""
    logger, handler = logging.getLogger("livestream_core"), _Shown(context)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
