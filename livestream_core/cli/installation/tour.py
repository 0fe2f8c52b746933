"""``livestream doctor --live``: a tour of a real account, and the file that it writes."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ..._contract.capabilities import Feature
from ..._http.requests_transport import shared_transport
from ..._plugins.registry import registry
from ...testing.captures import FrozenClock
from ...testing.tour import REQUESTS, BudgetedTransport, Recorded, Row, Tour, Visit, reads, writes
from ..connections.connection import connected
from ..console.context import Change, CommandContext
from ..console.exit_codes import FAILURE, SUCCESS, UNKNOWN_OUTCOME, code_of
from ..console.output import NOT_A_TERMINAL, console, json_text, printable, say, working
from ..console.tables import line

_WIDTHS = (24, 10)


def run(context: CommandContext, *, output: Path | None, write: bool, keep: bool, yes: bool) -> int:
    """Tour the command's account, print what it answered, write the file, and return the exit code.

    Args:
        context: The context, which names the account.
        output: The file to write; by default one in this folder that is named after the provider.
        write: Whether to also create a stream.
        keep: Whether to create it even if the provider cannot delete it.
        yes: Whether to create it without asking.
    """
    now = datetime.now(UTC)
    title = f"livestream-core tour {secrets.token_hex(3)}, safe to delete"
    with connected(context) as client:
        can, account, provider = client.capabilities, client.account, client.provider
        inner = registry.adapter(provider).transport(client.options) or shared_transport()
    reading = reads(can, now)
    changing = writes(can, title, now) if write else []
    if write:
        can.require(Feature.CREATE)
        if not can.supports(Feature.DELETE) and not keep:
            raise click.UsageError(
                f"The created stream would stay: {provider} does not support delete "
                f"({can[Feature.DELETE].reason}). Pass --keep to create it anyway."
            )
        if not yes and not sys.stdin.isatty():
            raise click.UsageError(NOT_A_TERMINAL.format("create the stream"))
    say(context, "note", _plan(account, reading, changing))
    if write and not yes and not click.confirm(_question(title, account, can), err=True):
        click.echo("Nothing was sent.", err=True)
        return FAILURE
    clock, transport = FrozenClock(now), BudgetedTransport(inner)
    with (
        connected(context, transport=transport, clock=clock, retries=0) as client,
        working("Touring") as show,
    ):
        tour = Tour(
            client,
            transport,
            clock,
            changing=lambda operation, id: _changing(context, tour, operation, id),
            on_visit=show,
            on_wait=lambda seconds: say(
                context, "note", f"{provider} asked to wait; continuing in {seconds:g} s"
            ),
        )
        try:
            tour.run((*reading, *changing))
            recorded = tour.capture() if tour.calls else None
        finally:
            _tell_what_is_left(context, tour, account)
    file = _written(recorded, output or Path(f"livestream-{provider}.json"))
    _show(context, account, tour, recorded, file)
    if tour.left is not None and (can.supports(Feature.DELETE) or tour.left.id is None):
        return UNKNOWN_OUTCOME
    failed = next((code_of(row.error) for row in tour.rows if row.error is not None), SUCCESS)
    return failed or (SUCCESS if file is not None else FAILURE)


@contextmanager
def _changing(
    context: CommandContext, tour: Tour, operation: str, id: str | None
) -> Iterator[None]:
    """Mark a change, so that an interruption, even a later one, tells what became of it."""
    with context.changing(operation, id):
        yield
    context.change = None
    if tour.left is not None:
        context.change = Change("create", tour.left.id, applied=True if tour.left.id else None)


def _plan(account: str, reading: list[Visit], changing: list[Visit]) -> str:
    what = "they create one stream" if changing else "all of them only read"
    if any(visit.operation == "delete" for visit in changing):
        what += " and delete it"
    return (
        f"the tour of {account} signs in and makes at most {len(reading) + len(changing)} calls of "
        f"at most {REQUESTS} requests each; {what}"
    )


def _question(title: str, account: str, can: Any) -> str:
    end = "and delete it" if can.supports(Feature.DELETE) else "and leave it there"
    if can.create_starts and not can.supports(Feature.SCHEDULE):
        end += " (its server starts at once, which may cost money)"
    return f"Create the stream {title!r} on {account}, read it, {end}?"


def _tell_what_is_left(context: CommandContext, tour: Tour, account: str) -> None:
    left = tour.left
    if left is None:
        return
    if left.id is None:
        text = f"a stream may be left on {account}: look for the title {left.title!r}"
    else:
        text = (
            f"the stream {left.id} ({left.title!r}) {'is' if left.is_certain else 'may be'} left "
            f"on {account}: delete it with `livestream delete {left.id}`, or at the vendor"
        )
    say(context, "warning", text)


def _written(recorded: Recorded | None, output: Path) -> Path | None:
    if recorded is None or recorded.problems or not recorded.operations:
        return None
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(recorded.text, encoding="utf-8")
    return output


# -- what is shown ----------------------------------------------------------------------------


def _show(
    context: CommandContext, account: str, tour: Tour, recorded: Recorded | None, file: Path | None
) -> None:
    if context.as_json:
        data = {
            "account": account,
            "calls": [_data(row) for row in tour.rows],
            "file": None if file is None else str(file),
            "problems": [] if recorded is None else recorded.problems,
            "left_out": [] if recorded is None else recorded.left_out,
            "left": None if tour.left is None else {"id": tour.left.id, "title": tour.left.title},
        }
        click.echo(json_text(data, indent=2))
        return
    out = console()
    for row in tour.rows:
        style = "dim" if not row.is_tried else "bold red" if row.error else "green"
        word = "not tried" if not row.is_tried else "failed" if row.error else "answered"
        line(out, row.label, Text(word, style), printable(row.answer), widths=_WIDTHS)
        for surprise in row.surprises:
            line(out, "", Text("surprise", "yellow"), printable(surprise), widths=_WIDTHS)
    sent = sum(row.requests for row in tour.rows)
    click.echo(f"{sent} requests were sent.")
    if recorded is not None and recorded.left_out:
        names = ", ".join(recorded.left_out)
        click.echo(f"Not in the file, because your texts were needed to read them: {names}")
    if file is not None:
        click.echo(f"Wrote {file}. Review it before you send it.")
    elif recorded is not None and recorded.problems:
        click.echo(f"No file was written: {'; '.join(recorded.problems)}.")
    else:
        click.echo("No file was written: no call can be replayed.")


def _data(row: Row) -> dict[str, Any]:
    return {
        "call": row.label,
        "tried": row.is_tried,
        "answer": row.answer,
        "error": None if row.error is None else type(row.error).__name__,
        "surprises": row.surprises,
        "requests": row.requests,
        "seconds": round(row.seconds, 3),
    }
