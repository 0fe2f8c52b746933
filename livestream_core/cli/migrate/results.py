"""Human-readable output of a migration's results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from ...migrate import Cutover
from ...migrate.finishing.duplicates import advice
from ...migrate.values import UNRESOLVED
from ..console.context import CommandContext
from ..console.output import printable, time_text
from ..console.tables import line
from .options import Rows
from .plan import show_losses
from .rows import heading, print_chosen, print_lines, print_rows, stream_row
from .words import command_name, state_words, streams, sum_words

if TYPE_CHECKING:
    from rich.console import Console

    from ...migrate import (
        Acceptance,
        CheckResult,
        DeleteResult,
        HandoverResult,
        History,
        Item,
        Report,
        RunResult,
    )

_NAME = 14
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
    location = command_name(ledger)
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
            f"unchanged: livestream migrate accept {location} --id ID --because TEXT"
        )
    elif report.phase == "finished":
        if not report.unowned:
            yield f"Next: livestream migrate check {location}"
    else:
        yield _RESUME


def show_report(context: CommandContext, report: Report, out: Console) -> None:
    """Print a summary of a ledger."""
    _show_open(out, report)
    out.print(f"from    {printable(report.source_account)}")
    out.print(f"to      {printable(report.target_account)}")
    out.print(f"started {time_text(context, report.started_at)}")
    out.print(f"phase   {report.phase.replace('_', ' ')}")
    heading(out, "Total")
    print_lines(out, filter(None, (sum_words(report.counts), _cutovers(report))))
    heading(out, "Losses")
    if not show_losses(out, report.items):
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


def show_status(
    context: CommandContext, report: Report, out: Console, chosen: Rows | None = None
) -> None:
    """Print the state and cutover of the streams that were chosen, and the counts."""
    print_chosen(
        out,
        ("state", "cutover"),
        report.items,
        lambda item: stream_row(
            str(item.state),
            "-" if item.cutover is None or item.rolled_back else str(item.cutover),
            title=item.title,
            id=_ids(item.source_id, item.target_id),
            detail=_detail(context, item, "rolled back" if item.rolled_back else item.reason),
        ),
        chosen or Rows(),
    )
    out.print()
    out.print(sum_words(report.counts))
    if cutovers := _cutovers(report):
        out.print(cutovers)
    for note in _unowned(report):
        line(out, note, widths=[])


def show_history(context: CommandContext, found: History, out: Console) -> None:
    """Print everything that a ledger knows about one stream."""
    item = found.item

    def moment(at: datetime | None) -> str:
        return "-" if at is None else time_text(context, at)

    facts = {
        "title": item.title,
        "state": state_words(item.state) + (", rolled back" if item.rolled_back else ""),
        "reason": item.reason,
        "cutover": str(item.cutover or ""),
        "source ID": item.source_id,
        "target ID": item.target_id or "",
        "start": "" if item.scheduled_start is None else moment(item.scheduled_start),
        "attempts": f"{found.attempts:,}",
        "last create": moment(item.intended_at),
        "settled": moment(item.settled_at),
    }
    for name, value in facts.items():
        if value:
            line(out, name, printable(value), widths=[_NAME])
    heading(out, "Fields")
    for each in item.fields:
        widths = [1, _NAME, _NAME]
        line(out, "", each.field, state_words(each.fate), printable(each.note), widths=widths)
    heading(out, "Earlier tries")
    for each_try in found.tries:
        line(
            out,
            "",
            moment(each_try.intended_at or each_try.replaced_at),
            f"{state_words(each_try.state)}: {printable(each_try.reason)}",
            widths=[1, 25],
        )
    if not found.tries:
        print_lines(out, ["none"])


def show_check(
    result: CheckResult,
    out: Console,
    chosen: Rows | None = None,
    starts: Mapping[str, datetime | None] = MappingProxyType({}),
) -> None:
    """Print the streams of a check that were chosen, and the counts."""
    print_chosen(
        out,
        ("verdict",),
        result.items,
        lambda item: stream_row(
            str(item.verdict),
            title=item.title,
            id=_ids(item.source_id, item.target_id),
            detail="; ".join(filter(None, (", ".join(item.differences), item.reason))),
            symbol=item.verdict.symbol,
        ),
        chosen or Rows(),
        starts,
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
    is_shown = print_chosen(
        out,
        ("state",),
        [item for item in report.items if item.state in UNRESOLVED],
        lambda item: stream_row(
            str(item.state),
            title=item.title,
            id=_ids(item.source_id, item.target_id),
            detail=item.reason,
        ),
        Rows(),
    )
    if is_shown:
        out.print()


def _detail(context: CommandContext, item: Item, text: str) -> str:
    start = item.scheduled_start
    starts = "" if start is None else f"starts {time_text(context, start, seconds=False)}"
    return "; ".join(filter(None, (text, starts)))


def _unowned(report: Report, ledger: str = "LEDGER") -> Iterator[str]:
    yield from map(printable, advice(report, ledger))


def _cutovers(report: Report) -> str:
    counts = Counter(item.cutover for item in report.items if item.cutover and not item.rolled_back)
    shown = " + ".join(f"{counts[each]:,} {each}" for each in Cutover if counts[each])
    return f"{counts.total():,} at the target = {shown}" if counts else ""


def _ids(source_id: str, target_id: str | None) -> str:
    return source_id if target_id is None else f"{source_id} -> {target_id}"
