"""What came of a migration, for people."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...migrate import Cutover
from ..console.context import CommandContext
from ..console.output import printable, time_text
from ..console.tables import line
from .plan import show_losses
from .rows import heading, print_lines, print_rows, stream_row
from .words import streams, sum_words

if TYPE_CHECKING:
    from rich.console import Console

    from ...migrate import CheckResult, DeleteResult, HandoverResult, Item, Report, RunResult

#: What a person looks at first.
_OPEN = frozenset({"refused", "unknown", "needs_review"})


def show_run(context: CommandContext, result: RunResult, out: Console, ledger: str) -> None:
    """Prints how a run ended.

    Args:
        context: What was said on the command line.
        result: What the run gave.
        out: Where to.
        ledger: Where the ledger is, as it was given.
    """
    report = result.report
    _show_open(out, report)
    out.print(sum_words(report.counts))
    if result.writes:
        sent = "1 create was" if result.writes == 1 else f"{result.writes:,} creates were"
        out.print(f"{sent} sent.")
    else:
        nothing = "Nothing was left to do: n" if report.phase == "finished" else "N"
        out.print(f"{nothing}o create was sent.")
    for step in _after_run(context, result, ledger):
        line(out, step, widths=[])


def _after_run(context: CommandContext, result: RunResult, ledger: str) -> Iterator[str]:
    report = result.report
    # An address may have a password in it.
    here = "LEDGER" if "://" in ledger else shlex.quote(ledger)
    yield from _unowned(report)
    if result.stopped == "budget":
        yield "It ended at --max-create. The same command goes on."
    elif result.stopped == "wrong":
        yield "It ended because a stream was not made as it was asked for: look at it first."
    elif result.resume_at is not None:
        more = ", which is longer than --patience" if result.stopped == "patience" else ""
        yield (
            f"The vendor asks to wait until {time_text(context, result.resume_at)}{more}. All is "
            "noted. The same command goes on after that."
        )
    elif result.stopped or result.error is not None:
        yield "It was stopped, and all is noted. The same command goes on."
    elif report.needs_review:
        yield (
            "What was refused or needs review is planned anew by the same command with "
            "--replan, once that is mended."
        )
    elif report.phase == "finished":
        yield f"Next: livestream migrate check {here}"
    else:
        yield "The same command goes on."


def show_report(context: CommandContext, report: Report, out: Console) -> None:
    """Prints what a ledger holds, in short."""
    _show_open(out, report)
    out.print(f"from    {report.source_account}")
    out.print(f"to      {report.target_account}")
    out.print(f"began   {time_text(context, report.started_at)}")
    out.print(f"phase   {report.phase.replace('_', ' ')}")
    heading(out, "In all")
    print_lines(out, filter(None, (sum_words(report.counts), _cutovers(report))))
    heading(out, "Lost on the way")
    if not show_losses(out, (item.fields for item in report.items if item.state != "skipped")):
        print_lines(out, ["nothing"])
    for note in _unowned(report):
        line(out, note, widths=[])


def show_status(report: Report, out: Console) -> None:
    """Prints where every stream is, and its users."""
    print_rows(
        out,
        ("state", "users"),
        (
            stream_row(
                str(item.state),
                "-" if item.cutover is None or item.rolled_back else str(item.cutover),
                title=item.title,
                id=_both(item.source_id, item.target_id),
                detail="rolled back" if item.rolled_back else item.reason,
            )
            for item in report.items
        ),
    )
    out.print()
    out.print(sum_words(report.counts))
    if users := _cutovers(report):
        out.print(users)
    for note in _unowned(report):
        line(out, note, widths=[])


def show_check(result: CheckResult, out: Console) -> None:
    """Prints whether both sides are as planned."""
    print_rows(
        out,
        ("verdict",),
        (
            stream_row(
                str(item.verdict),
                title=item.title,
                id=_both(item.source_id, item.target_id),
                detail="; ".join(filter(None, (", ".join(item.differences), item.reason))),
                symbol=item.verdict.symbol,
            )
            for item in result.items
        ),
    )
    out.print()
    out.print(sum_words(result.counts))


def show_deletions(result: DeleteResult, out: Console) -> None:
    """Prints what was deleted, or would be, and what not."""
    deleted = "to be deleted" if result.dry_run else "deleted"
    print_rows(
        out,
        ("what",),
        (
            stream_row(
                deleted if item.deleted else "kept",
                title=item.title,
                id=_both(item.source_id, item.target_id),
                detail=item.reason,
            )
            for item in result.items
        ),
    )
    if result.items:
        out.print()
    out.print(sum_words({deleted: result.deleted, "kept": len(result.kept)}))
    if result.remaining:
        out.print(f"{streams(result.remaining)} left; the same command goes on.")


def show_handover(result: HandoverResult, out: Console) -> None:
    """Prints what was written, and for how many streams."""
    line(out, f"Written to {result.folder}, for you alone: keys are in it.", widths=[])
    out.print(f"{streams(result.streams)} at the target")
    addresses = {
        "with an ingest address": result.given,
        "that get theirs when they are started": result.after_start,
        "that have none": result.none,
    }
    print_lines(out, (f"{count:,} {what}" for what, count in addresses.items() if count))
    for id, reason in result.unread.items():
        line(out, printable(f"{id} could not be read: {reason}"), widths=[])


def _show_open(out: Console, report: Report) -> None:
    """The streams that are not as they should be."""
    found: list[Item] = [item for item in report.items if item.state in _OPEN]
    print_rows(
        out,
        ("state",),
        (
            stream_row(
                str(item.state),
                title=item.title,
                id=_both(item.source_id, item.target_id),
                detail=item.reason,
            )
            for item in found
        ),
    )
    if found:
        out.print()


def _unowned(report: Report) -> Iterator[str]:
    if report.unowned:
        yield (
            f"{streams(len(report.unowned))} at the target equal one of this migration, were not "
            f"there before, and belong to none: {printable(', '.join(report.unowned))}. Delete "
            "what should not be there, and run it again."
        )


def _cutovers(report: Report) -> str:
    there = [item.cutover for item in report.items if item.cutover and not item.rolled_back]
    counts = Counter(there)
    shown = " + ".join(f"{counts[each]:,} {each}" for each in Cutover if counts[each])
    return f"{len(there):,} at the target = {shown}" if there else ""


def _both(source_id: str, target_id: str | None) -> str:
    return source_id if target_id is None else f"{source_id} -> {target_id}"
