"""Human-readable output of a plan: every stream, the losses, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..._contract.pagination import Completeness
from ...migrate.values import outcomes
from ..console.context import CommandContext
from ..console.exit_codes import NEEDS_REVIEW, SUCCESS
from ..console.output import printable, time_text
from ..console.tables import line
from .options import Rows
from .rows import heading, print_chosen, print_lines, stream_row
from .words import command_name, state_words, streams, sum_words

if TYPE_CHECKING:
    from rich.console import Console

    from ...migrate import Item, ItemState, Plan, PlannedItem

_FIELD, _OUTCOME, _COUNT = 16, 14, 7


def exit_code(plan: Plan) -> int:
    """Return the exit code for a plan: whether anything needs review before all can be moved."""
    needs_review = plan.forbidden_losses or plan.counts["needs_review"] or plan.target_unreadable
    return NEEDS_REVIEW if needs_review else SUCCESS


def show_plan(
    context: CommandContext,
    plan: Plan,
    out: Console,
    chosen: Rows | None = None,
    *,
    ledger: str | None = None,
) -> None:
    """Print a plan: first the streams that were chosen, and then the losses and the totals."""
    print_chosen(
        out,
        ("state", "start"),
        plan.items,
        lambda item: stream_row(
            str(item.state),
            "-"
            if item.scheduled_start is None
            else time_text(context, item.scheduled_start, seconds=False),
            title=item.title,
            id=item.source_id,
            detail=_detail(item),
        ),
        chosen or Rows(),
    )
    heading(out, "Losses")
    if not show_losses(out, plan.items):
        print_lines(out, ["none"])
    heading(out, "Total")
    print_lines(out, _totals(plan))
    heading(out, "Next")
    print_lines(out, _next(plan, ledger))


def show_losses(out: Console, items: Iterable[Item | PlannedItem]) -> bool:
    """Print each field that is lost by a stream to move: outcome, number of streams, and reason.

    Returns whether any field is lost.
    """
    counts: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for state, fields in outcomes(items):
        lost = [each for each in fields if each.is_loss and _may_move(state)]
        counts.update({(each.field, str(each.fate)) for each in lost})
        for each in lost:
            reasons.setdefault((each.field, str(each.fate)), Counter())[each.note] += 1
    for (field, outcome), count in sorted(counts.items()):
        notes = reasons[field, outcome]
        why = printable(notes.most_common(1)[0][0])
        if len(notes) > 1:
            why += f" (the most common of {len(notes)} reasons)"
        widths = [1, _FIELD, _OUTCOME, _COUNT]
        line(out, "", field, state_words(outcome), f"{count:,}", why, widths=widths)
    return bool(counts)


def _may_move(state: ItemState) -> bool:
    return state != "skipped"


def _detail(item: PlannedItem) -> str:
    """Return why a stream is not moved, or else what it loses and its matches at the target."""
    if not _may_move(item.state):
        return item.reason
    lost: dict[str, dict[str, None]] = {}
    for each in item.losses:
        lost.setdefault(state_words(each.fate), {})[each.field] = None
    parts = [item.reason] if item.reason else []
    if not parts:
        parts = [f"{outcome}: {', '.join(fields)}" for outcome, fields in lost.items()]
    if item.existing:
        more = item.existing_total - len(item.existing)
        ids = ", ".join(item.existing) + (f", and {more:,} more" if more else "")
        parts.append(f"already has a match at the target: {ids}")
    return "; ".join(parts)


def _totals(plan: Plan) -> Iterator[str]:
    yield sum_words(plan.counts)
    if plan.left_out:
        yield f"{streams(plan.left_out)} excluded by the filters"
    if plan.source_complete is Completeness.PROVEN:
        yield "the list is complete: it has as many streams as the source reports"
    else:
        yield "the list is not proven to be complete, but two reads of it agreed"
    yield f"digest {plan.digest}"
    yield f"from {printable(plan.source_account)}"
    yield f"to {printable(plan.target_account)}, which has {streams(plan.target_total)}"
    if count := plan.target_unreadable:
        yield f"{count:,} {'entry' if count == 1 else 'entries'} in its list cannot be read"


def _next(plan: Plan, ledger: str | None) -> Iterator[str]:
    if plan.target_unreadable:
        yield (
            "A run does not start until every entry in the target's list can be read. To see what "
            "is wrong, run `livestream list`."
        )
    if lost := plan.forbidden_losses:
        yield (
            f"A run refuses this plan, because it would lose {', '.join(lost)}. Map the fields "
            "with --transform, or allow the loss."
        )
    if count := plan.counts["needs_review"]:
        them = "it" if count == 1 else "them"
        yield (
            f"{streams(count)} {'needs' if count == 1 else 'need'} review. Change {them} at the "
            "source or with --transform."
        )
    existing = sum(bool(item.existing) for item in plan.items if item.state == "pending")
    if existing:
        yield (
            f"{streams(existing)} already {'has a match' if existing == 1 else 'have matches'} at "
            f"the target and would be duplicated. To skip {'it' if existing == 1 else 'them'}, "
            "use --skip-existing."
        )
    if not plan.counts["pending"]:
        yield "There is nothing to move."
    elif not lost and not plan.target_unreadable and ledger is not None:
        yield f"Run `livestream migrate run --ledger {command_name(ledger)}`."
    elif not lost and not plan.target_unreadable:
        yield "Run `livestream migrate run` with the same options and --ledger FILE."
