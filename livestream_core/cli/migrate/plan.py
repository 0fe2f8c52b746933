"""A plan for people: every stream, what would be lost, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..._contract.pagination import Completeness
from ..console.context import CommandContext
from ..console.exit_codes import NEEDS_REVIEW, SUCCESS
from ..console.output import printable, time_text
from ..console.tables import line
from .rows import heading, print_lines, print_rows, stream_row
from .words import state_words, streams, sum_words

if TYPE_CHECKING:
    from rich.console import Console

    from ...migrate import FieldResult, ItemState, Plan, PlannedItem

_FIELD, _FATE, _COUNT = 16, 14, 7


def exit_code(plan: Plan) -> int:
    """Whether somebody has to decide something before all of it can be moved."""
    needs_review = plan.forbidden_losses or plan.counts["needs_review"] or plan.target_unreadable
    return NEEDS_REVIEW if needs_review else SUCCESS


def show_plan(context: CommandContext, plan: Plan, out: Console) -> None:
    """Prints a plan."""
    print_rows(
        out,
        ("state", "start"),
        (
            stream_row(
                str(item.state),
                "-"
                if item.scheduled_start is None
                else time_text(context, item.scheduled_start, seconds=False),
                title=item.title,
                id=item.source_id,
                detail=_detail(item),
            )
            for item in plan.items
        ),
    )
    heading(out, "Lost on the way")
    if not show_losses(out, (item.fields for item in plan.items if _may_move(item.state))):
        print_lines(out, ["nothing"])
    heading(out, "In all")
    print_lines(out, _totals(plan))
    heading(out, "Next")
    print_lines(out, _next(plan))


def show_losses(out: Console, fields: Iterable[Iterable[FieldResult]]) -> bool:
    """Prints for each field that is lost: how, of how many streams, and why. Gives whether there
    is any.
    """
    counts: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for several in fields:
        lost = [each for each in several if each.is_loss]
        counts.update({(each.field, str(each.fate)) for each in lost})
        for each in lost:
            reasons.setdefault((each.field, str(each.fate)), Counter())[each.note] += 1
    for (field, fate), count in sorted(counts.items()):
        notes = reasons[field, fate]
        why = printable(notes.most_common(1)[0][0])
        if len(notes) > 1:
            why += f" (or another of {len(notes)} reasons)"
        widths = [1, _FIELD, _FATE, _COUNT]
        line(out, "", field, state_words(fate), f"{count:,}", why, widths=widths)
    return bool(counts)


def _may_move(state: ItemState) -> bool:
    return state != "skipped"


def _detail(item: PlannedItem) -> str:
    """Why a stream is not moved; or what it loses."""
    if not _may_move(item.state):
        return item.reason
    lost: dict[str, dict[str, None]] = {}
    for each in item.losses:
        lost.setdefault(state_words(each.fate), {})[each.field] = None
    parts = [item.reason] if item.reason else []
    if not parts:
        parts = [f"{fate}: {', '.join(fields)}" for fate, fields in lost.items()]
    if item.existing:
        parts.append(f"the target has an equal one already: {', '.join(item.existing)}")
    return "; ".join(parts)


def _totals(plan: Plan) -> Iterator[str]:
    yield sum_words(plan.counts)
    if plan.left_out:
        yield f"the filters leave out {streams(plan.left_out)} more"
    if plan.source_complete is Completeness.PROVEN:
        yield "the list is whole: it has as many as the source says"
    else:
        yield "nothing proves that the list is whole; two walks over it agreed"
    yield f"from {plan.source_account}"
    yield f"to {plan.target_account}, which has {streams(plan.target_total)}"
    if count := plan.target_unreadable:
        yield f"{count:,} more of its list cannot be read"


def _next(plan: Plan) -> Iterator[str]:
    if plan.target_unreadable:
        yield (
            "A run refuses to begin while the target's list cannot be read whole: "
            "`livestream list` says what is wrong."
        )
    if lost := plan.forbidden_losses:
        yield f"A run refuses this plan: {', '.join(lost)} must not be lost."
    if count := plan.counts["needs_review"]:
        yield (
            f"{streams(count)}: somebody has to decide. Change them at the source, or by "
            "--transform."
        )
    existing = sum(bool(item.existing) for item in plan.items if item.state == "pending")
    if existing:
        yield (
            f"{streams(existing)}: the target has an equal one already, and would have two. "
            "--skip-existing leaves them out."
        )
    if not plan.counts["pending"]:
        yield "Nothing is to be moved."
    elif not lost and not plan.target_unreadable:
        yield "`livestream migrate run` with the same options, and --ledger FILE."
