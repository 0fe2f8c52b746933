"""How it is told that a command failed: one line, or with ``--json`` one object."""

from __future__ import annotations

from typing import Any

import click

from ..._model.errors import LiveStreamError, applied_text
from .context import Change, CommandContext
from .exit_codes import INTERRUPTED, OTHERWISE, OUTCOME_OPEN, code_of
from .output import json_text

#: What classes of errors have besides what every error has.
_DETAILS = ("field", "features", "fields", "status", "retry_after")
_COMMON = (
    "message",
    "hint",
    "provider",
    "account",
    "operation",
    "stream_id",
    "applied",
    "retryable",
    "http_status",
    "request_id",
)


def failed(context: CommandContext, error: Exception) -> int:
    """Tells of an exception that ended a command, and gives the exit code."""
    if isinstance(error, LiveStreamError):
        code = code_of(error)
        if code == OUTCOME_OPEN:
            # "Try later" would be the way to a second stream.
            error.hint = _look_first(error.operation, error.stream_id)
        data = {name: getattr(error, name) for name in _COMMON}
        data |= {name: getattr(error, name) for name in _DETAILS if hasattr(error, name)}
        return _told(context, code, str(error), error=type(error).__name__, **data)
    # The text of an unforeseen exception may have anything in it, secrets too.
    name = type(error).__name__
    if context.change is not None:
        return _told_of_change(context, context.change, name, error=name)
    line = f"{name}; --debug shows where it came from"
    return _told(context, OTHERWISE, line, error=name, message=line, applied=False)


def misused(context: CommandContext, error: click.ClickException) -> int:
    """Tells a program that the command line is wrong, and gives the exit code. People get
    click's own text, which shows the usage too.
    """
    message = error.format_message()
    context.as_json = True
    return _told(
        context, error.exit_code, message, error="UsageError", message=message, applied=False
    )


def interrupted(context: CommandContext) -> int:
    """Tells of an interruption where that matters, and gives the exit code."""
    if context.change is not None:
        return _told_of_change(context, context.change, "interrupted", error="Interrupted")
    return INTERRUPTED


def _told_of_change(context: CommandContext, change: Change, what: str, *, error: str) -> int:
    message = f"{what}; {applied_text(change.operation, change.applied)}"
    hint = _look_first(change.operation, change.id)
    where = f"{change.operation} {change.id!r}" if change.id else change.operation
    return _told(
        context,
        OUTCOME_OPEN,
        f"{where}: {message}; {hint}",
        error=error,
        message=message,
        hint=hint,
        operation=change.operation,
        stream_id=change.id,
        applied=change.applied,
    )


def _told(context: CommandContext, code: int, line: str, **data: Any) -> int:
    shown = json_text({**data, "exit_code": code}) if context.as_json else f"Error: {line}"
    click.echo(shown, err=True)
    return code


def _look_first(operation: str | None, id: str | None) -> str:
    if operation == "create" or not id:
        return "look with `livestream list` before you try again"
    return f"look with `livestream show {id}` before you try again"
