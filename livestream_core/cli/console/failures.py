"""Failure reports: one line on standard error, or one object with ``--json``."""

from __future__ import annotations

from typing import Any

import click

from ..._model.errors import LiveStreamError, applied_text
from .context import Change, CommandContext
from .exit_codes import FAILURE, INTERRUPTED, UNKNOWN_OUTCOME, code_of
from .output import json_text, printable

#: Attributes that only some classes of errors have.
_DETAILS = ("field", "features", "fields", "status", "retry_after")
_ON_WEBHOOKS = ("register_webhook", "delete_webhook")
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
    """Report the exception that ended a command, and return the exit code."""
    if isinstance(error, LiveStreamError):
        code = code_of(error)
        if code == UNKNOWN_OUTCOME:
            # "Retry later" could create a second stream.
            error.hint = _check_hint(error.operation, error.stream_id)
        data = {name: getattr(error, name) for name in _COMMON}
        data |= {name: getattr(error, name) for name in _DETAILS if hasattr(error, name)}
        return _report(context, code, str(error), error=type(error).__name__, **data)
    # The text of an unexpected exception may contain anything, including secrets.
    name = type(error).__name__
    if context.change is not None:
        return _report_change(context, context.change, name, error=name)
    line = f"internal error: {name}; add --debug to see the traceback"
    return _report(context, FAILURE, line, error=name, message=line, applied=False)


def misused(context: CommandContext, error: click.ClickException) -> int:
    """Report a usage error as JSON, and return the exit code.

    Without ``--json``, click prints its own text, which shows the usage too.
    """
    message = error.format_message()
    context.as_json = True
    return _report(
        context, error.exit_code, message, error="UsageError", message=message, applied=False
    )


def interrupted(context: CommandContext) -> int:
    """Report an interruption if a change was requested, and return the exit code."""
    if context.change is not None:
        return _report_change(context, context.change, "interrupted", error="Interrupted")
    return INTERRUPTED


def _report_change(context: CommandContext, change: Change, cause: str, *, error: str) -> int:
    message = f"{cause}; {applied_text(change.operation, change.applied)}"
    hint = _check_hint(change.operation, change.id)
    where = f"{change.operation} {change.id!r}" if change.id else change.operation
    return _report(
        context,
        UNKNOWN_OUTCOME,
        f"{where}: {message}; {hint}",
        error=error,
        message=message,
        hint=hint,
        operation=change.operation,
        stream_id=change.id,
        applied=change.applied,
    )


def _report(context: CommandContext, code: int, line: str, **data: Any) -> int:
    shown = (
        json_text({**data, "exit_code": code}) if context.as_json else f"Error: {printable(line)}"
    )
    click.echo(shown, err=True)
    return code


def _check_hint(operation: str | None, id: str | None) -> str:
    if operation in _ON_WEBHOOKS:
        return "check with `livestream webhooks list` before you retry"
    if operation == "create" or not id:
        return "check with `livestream list` before you retry"
    return f"check with `livestream show {id}` before you retry"
