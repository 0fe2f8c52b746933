"""Self-contained HTML pages for plans and reports.

A page loads nothing, and its content security policy allows only the style and the script inside
it, by their hashes. Titles and reasons come from vendors and are escaped. The script only sorts,
filters, and turns pages: without it, the page shows every stream. With it, a browser reads the
streams after the first ones as text, because it would need minutes to lay out 100,000 rows.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import attrs

from ..._model.times import format_instant
from ..finishing.duplicates import advice
from ..kept import batches
from ..values import (
    LOSSES,
    UNRESOLVED,
    Cutover,
    FieldOutcome,
    FieldResult,
    Item,
    ItemState,
    Plan,
    PlannedItem,
    Report,
    outcomes,
)
from .bars import bar

if TYPE_CHECKING:
    from jinja2 import Environment

#: The states in a plan; the other states come from a run.
_PLANNED = (ItemState.PENDING, ItemState.SKIPPED, ItemState.NEEDS_REVIEW)
#: The order in which outcomes are shown.
_WORST_FIRST = (
    FieldOutcome.NEEDS_REVIEW,
    FieldOutcome.DROPPED,
    FieldOutcome.DEFAULTED,
    FieldOutcome.CONVERTED,
    FieldOutcome.EXACT,
)


#: The streams that are laid out at once.
_AT_ONCE = 200
#: The most reasons that are shown for the loss of one field.
_REASONS = 3
#: Characters that reverse or hide the order of the text around them.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plan_html(plan: Plan) -> str:
    """Return a plan as an HTML page: every stream, every field's outcome, and the next steps.

    The page contains no secrets and is self-contained. It can be printed, and read on a phone or
    without JavaScript.
    """
    return "".join(plan_page(plan))


def report_html(report: Report) -> str:
    """Return a report as an HTML page: the state of every stream, the losses, and the next steps.

    The page contains no secrets and is self-contained. It can be printed, and read on a phone or
    without JavaScript.
    """
    return "".join(report_page(report))


def plan_page(plan: Plan) -> Iterator[str]:
    """Iterate over the parts of a plan's page, which is never in memory as a whole."""
    return _page("plan.html", plan, states=_PLANNED)


def report_page(report: Report) -> Iterator[str]:
    """Iterate over the parts of a report's page, which is never in memory as a whole."""
    return _page("report.html", report, states=tuple(ItemState))


def _page(template: str, shown: Plan | Report, *, states: tuple[ItemState, ...]) -> Iterator[str]:
    style, script = _inlined("page.css"), _inlined("page.js")
    policy = (
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    order, numbers = _walk(shown.items)
    values = {
        "shown": shown,
        "states": states,
        "items": map(shown.items.__getitem__, order),
        "sets": _sets(shown.items, order[_AT_ONCE:]),
        "at_once": _AT_ONCE,
        "reasons": _reasons(shown.items),
        # A skipped stream loses nothing, because it is not moved.
        "moving": len(order) - shown.counts["skipped"],
        "numbers": numbers,
        "duplicates": list(advice(shown)) if isinstance(shown, Report) else [],
        "policy": "; ".join(policy),
        "style": style,
        "script": script,
    }
    for parts in batches(_environment().get_template(template).generate(values)):
        # A vendor's title may contain half a character (a lone surrogate), which no file can store.
        yield "".join(parts).encode("utf-8", "replace").decode("utf-8")


def _walk(items: Sequence[Item | PlannedItem]) -> tuple[list[int], Counter[str]]:
    """Return the order in which streams are shown, and the numbers of those with a property."""
    numbers: Counter[str] = Counter()
    order = []
    for at, item in enumerate(items):
        order.append((_review_first(item), at))
        if isinstance(item, PlannedItem):
            numbers["existing"] += item.state is ItemState.PENDING and bool(item.existing)
        else:
            numbers["rolled_back"] += item.rolled_back
            numbers["moved"] += item.is_moved
            for cutover in (Cutover.PREPARED, Cutover.SWITCHED):
                numbers[cutover] += item.is_moved and item.cutover is cutover
    return [at for _, at in sorted(order)], numbers


@cache
def _environment() -> Environment:
    # Imported here, because most runs do not need it.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__name__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    environment.filters.update(
        parts=_parts,
        count=_count,
        instant=format_instant,
        number="{:,}".format,
        words=_words,
    )
    environment.globals.update(bar=bar, by_outcome=by_outcome)
    return environment


def _harmless(value: Any) -> Any:
    """Return a value without characters that change the direction of text.

    They could make a title read as another one, even inside of its own element.
    """
    return _DIRECTIONS.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _review_first(item: Item | PlannedItem) -> tuple[bool, bool, float]:
    start = item.scheduled_start
    return item.state not in UNRESOLVED, start is None, 0.0 if start is None else start.timestamp()


def _reasons(items: Iterable[Item | PlannedItem]) -> dict[str, list[tuple[str, int]]]:
    """Return the most common reasons for which each field is lost, with the number of streams."""
    found: dict[str, Counter[str]] = {}
    for state, fields in outcomes(items):
        for each in fields if state is not ItemState.SKIPPED else ():
            if each.is_loss and each.note:
                found.setdefault(each.field, Counter())[each.note] += 1
    return {field: notes.most_common(_REASONS) for field, notes in found.items()}


def _inlined(name: str) -> str:
    """Return the text of a file that is included in the page unchanged."""
    return files(__name__).joinpath("templates", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the hash by which a content security policy names a style or script."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _parts(text: str) -> list[str]:
    """Return the parts of an account, between which a line may be broken."""
    return re.findall(r"[^:/.@]*[:/.@]*", text)[:-1]


def _sets(
    items: Sequence[Item | PlannedItem], later: Sequence[int]
) -> dict[tuple[FieldResult, ...], int]:
    """Return the outcomes that several later streams share, numbered, to be written only once."""
    is_later = bytearray(len(items))
    for at in later:
        is_later[at] = True
    seen: set[int] = set()
    shared: dict[tuple[FieldResult, ...], int] = {}
    for at, (_, fields) in enumerate(outcomes(items)):
        if is_later[at] and fields and fields not in shared:
            # Of outcomes that only one stream has, not more than this is in memory.
            found = hash(fields)
            if found in seen:
                shared[fields] = len(shared) + 1
            seen.add(found)
    return shared


def _words(value: str) -> str:
    """Return a state or outcome as words."""
    return str(value).replace("_", " ")


def _count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 stream`` or ``2,000 streams``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@attrs.frozen(slots=True)
class Group:
    """The fields of one stream that share an outcome and a note."""

    outcome: FieldOutcome
    note: str
    own_to_vendor: bool
    fields: tuple[str, ...]


def by_outcome(fields: Iterable[FieldResult]) -> list[Group]:
    """Return the fields of one stream grouped by outcome, the worst first."""
    groups: dict[tuple[FieldOutcome, str, bool], list[str]] = {}
    for each in fields:
        own_to_vendor = each.fate in LOSSES and not each.is_loss
        # The same note on every stream would hide the notes that matter.
        note = "" if own_to_vendor else each.note
        groups.setdefault((each.fate, note, own_to_vendor), []).append(each.field)
    ordered = [Group(*about, tuple(names)) for about, names in groups.items()]
    return sorted(
        ordered, key=lambda group: (group.own_to_vendor, _WORST_FIRST.index(group.outcome))
    )
