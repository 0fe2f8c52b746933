"""Human-readable output of a migration's results."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...migrate import Cutover
from ...migrate.finishing.duplicates import advice
from ..console.context import CommandContext
from ..console.output import printable, time_text
from ..console.tables import line
from .plan import show_losses
from .rows import heading, print_lines, print_rows, stream_row
from .words import streams, sum_words

if TYPE_CHECKING:
    from rich.console import Console

    from ...migrate import (
        Acceptance,
        CheckResult,
        DeleteResult,
        HandoverResult,
        Item,
        Report,
        RunResult,
    )

#: The states that are listed first.
_OPEN = frozenset({"refused", "unknown", "needs_review"})
_RESUME = "To resume, run the same command again."


def show_run(context: CommandContext, result: RunResult, out: Console, ledger: str) -> None:
    """Print the result of a run.

    Args:
        context: The command's context.
        result: The result of the run.
        out: The console to print to.
        ledger: The location of the ledger, as given on the command line.
    """
    report = result.report
    _show_open(out, report)
    out.print(sum_words(report.counts))
    if result.writes:
        out.print(f"Sent {'1 create' if result.writes == 1 else f'{result.writes:,} creates'}.")
    elif report.phase == "finished":
        out.print("Nothing left to do. Sent no creates.")
    else:
        out.print("Sent no creates.")
    for step in _after_run(context, result, ledger):
        line(out, step, widths=[])


def _after_run(context: CommandContext, result: RunResult, ledger: str) -> Iterator[str]:
    report = result.report
    # A URL may contain a password.
    location = "LEDGER" if "://" in ledger else shlex.quote(ledger)
    yield from _unowned(report, location)
    if result.stopped == "budget":
        yield f"Stopped at --max-create. {_RESUME}"
    elif result.stopped == "wrong":
        yield (
            "Stopped because the target created a stream that differs from its spec. Check that "
            "stream first."
        )
    elif result.resume_at is not None:
        more = ", which is longer than --patience" if result.stopped == "patience" else ""
        yield (
            f"The vendor asks to wait until {time_text(context, result.resume_at)}{more}. The "
            "ledger is up to date. To resume, run the same command again after that time."
        )
    elif result.stopped or result.error is not None:
        yield f"Stopped. The ledger is up to date. {_RESUME}"
    elif report.counts["refused"] or report.counts["needs_review"]:
        yield (
            "Fix the streams listed above, then run the same command with --replan. To leave one "
            f"as it is: livestream migrate accept {location} --id ID --because TEXT"
        )
    elif report.phase == "finished":
        if not report.unowned:
            yield f"Next: livestream migrate check {location}"
    else:
        yield _RESUME


def show_report(context: CommandContext, report: Report, out: Console) -> None:
    """Print a summary of a ledger."""
    _show_open(out, report)
    out.print(f"from    {report.source_account}")
    out.print(f"to      {report.target_account}")
    out.print(f"started {time_text(context, report.started_at)}")
    out.print(f"phase   {report.phase.replace('_', ' ')}")
    heading(out, "Total")
    print_lines(out, filter(None, (sum_words(report.counts), _cutovers(report))))
    heading(out, "Losses")
    if not show_losses(out, (item.fields for item in report.items if item.state != "skipped")):
        print_lines(out, ["none"])
    if report.accepted:
        heading(out, "Accepted")
        show_accepted(report.accepted, out)
    for note in _unowned(report):
        line(out, note, widths=[])


def show_accepted(accepted: Iterable[Acceptance], out: Console) -> None:
    """Print what was accepted, and why."""
    print_rows(
        out,
        ("state",),
        (
            stream_row(
                each.state,
                title=each.title or "at the target",
                id=each.source_id or each.target_id or "",
                detail=f"{each.reason}. Accepted: {each.because}",
            )
            for each in accepted
        ),
    )


def show_status(report: Report, out: Console) -> None:
    """Print the state and cutover of every stream."""
    print_rows(
        out,
        ("state", "cutover"),
        (
            stream_row(
                str(item.state),
                "-" if item.cutover is None or item.rolled_back else str(item.cutover),
                title=item.title,
                id=_ids(item.source_id, item.target_id),
                detail="rolled back" if item.rolled_back else item.reason,
            )
            for item in report.items
        ),
    )
    out.print()
    out.print(sum_words(report.counts))
    if cutovers := _cutovers(report):
        out.print(cutovers)
    for note in _unowned(report):
        line(out, note, widths=[])


def show_check(result: CheckResult, out: Console) -> None:
    """Print the result of a check."""
    print_rows(
        out,
        ("verdict",),
        (
            stream_row(
                str(item.verdict),
                title=item.title,
                id=_ids(item.source_id, item.target_id),
                detail="; ".join(filter(None, (", ".join(item.differences), item.reason))),
                symbol=item.verdict.symbol,
            )
            for item in result.items
        ),
    )
    out.print()
    out.print(sum_words(result.counts))


def show_deletions(result: DeleteResult, out: Console) -> None:
    """Print which streams were or would be deleted, and which were kept."""
    deleted = "to be deleted" if result.dry_run else "deleted"
    print_rows(
        out,
        ("action",),
        (
            stream_row(
                deleted if item.deleted else "kept",
                title=item.title,
                id=_ids(item.source_id, item.target_id),
                detail=item.reason,
            )
            for item in result.items
        ),
    )
    if result.items:
        out.print()
    out.print(sum_words({deleted: result.deleted, "kept": len(result.kept)}))
    if result.remaining:
        out.print(f"{streams(result.remaining)} left. Run the same command again to continue.")


def deletion_question(preview: DeleteResult, account: str) -> str:
    """Return the question before a deletion, with the number of streams of each kind."""
    counts = preview.counts
    kinds = [
        f"{count:,} {words}"
        for count, words in (
            (counts["switched"], "switched"),
            (counts["prepared"], "only prepared"),
            (counts["adopted"], "of them adopted without a mark"),
            (len(preview.kept), "kept"),
            (preview.remaining, "left for later"),
        )
        if count
    ]
    detail = f" ({', '.join(kinds)})" if kinds else ""
    return f"Delete {streams(preview.deleted)} at {account}{detail}?"


def show_handover(result: HandoverResult, out: Console) -> None:
    """Print the result of a handover."""
    line(
        out,
        f"Wrote the files to {result.folder}. Only you can read them: they contain stream keys.",
        widths=[],
    )
    out.print(f"{streams(result.streams)} at the target")
    ingests = {
        "with an ingest": result.given,
        "with an ingest once started": result.after_start,
        "without an ingest": result.none,
    }
    print_lines(out, (f"{count:,} {what}" for what, count in ingests.items() if count))
    for id, reason in result.unread.items():
        line(out, printable(f"{id} could not be read: {reason}"), widths=[])


def _show_open(out: Console, report: Report) -> None:
    """Print the streams that were refused, are unknown, or need review."""
    found: list[Item] = [item for item in report.items if item.state in _OPEN]
    print_rows(
        out,
        ("state",),
        (
            stream_row(
                str(item.state),
                title=item.title,
                id=_ids(item.source_id, item.target_id),
                detail=item.reason,
            )
            for item in found
        ),
    )
    if found:
        out.print()


def _unowned(report: Report, ledger: str = "LEDGER") -> Iterator[str]:
    yield from map(printable, advice(report, ledger))


def _cutovers(report: Report) -> str:
    at_target = [item.cutover for item in report.items if item.cutover and not item.rolled_back]
    counts = Counter(at_target)
    shown = " + ".join(f"{counts[each]:,} {each}" for each in Cutover if counts[each])
    return f"{len(at_target):,} at the target = {shown}" if at_target else ""


def _ids(source_id: str, target_id: str | None) -> str:
    return source_id if target_id is None else f"{source_id} -> {target_id}"
