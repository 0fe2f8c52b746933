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
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import attrs

from ..._model.times import format_instant
from ..finishing.duplicates import advice
from ..values import (
    LOSSES,
    UNRESOLVED,
    FieldOutcome,
    FieldResult,
    Item,
    ItemState,
    Plan,
    PlannedItem,
    Report,
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
    return _page("plan.html", plan, states=_PLANNED)


def report_html(report: Report) -> str:
    """Return a report as an HTML page: the state of every stream, the losses, and the next steps.

    The page contains no secrets and is self-contained. It can be printed, and read on a phone or
    without JavaScript.
    """
    return _page("report.html", report, states=tuple(ItemState))


def _page(template: str, shown: Plan | Report, *, states: tuple[ItemState, ...]) -> str:
    style, script = _inlined("page.css"), _inlined("page.js")
    policy = (
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    items = sorted(shown.items, key=_review_first)
    values = {
        "shown": shown,
        "states": states,
        "items": items,
        "sets": _sets(items[_AT_ONCE:]),
        "at_once": _AT_ONCE,
        "reasons": _reasons(shown.items),
        # A skipped stream loses nothing, because it is not moved.
        "moving": sum(item.state is not ItemState.SKIPPED for item in shown.items),
        "duplicates": list(advice(shown)) if isinstance(shown, Report) else [],
        "policy": "; ".join(policy),
        "style": style,
        "script": script,
    }
    page = _environment().get_template(template).render(values)
    # A vendor's title may contain half a character (a lone surrogate), which no file can store.
    return page.encode("utf-8", "replace").decode("utf-8")


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
    for item in items:
        if item.state is not ItemState.SKIPPED:
            for each in item.losses:
                if each.note:
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


def _sets(items: Iterable[Item | PlannedItem]) -> dict[tuple[FieldResult, ...], int]:
    """Return the outcomes that several streams share, numbered, to be written only once."""
    counted = Counter(item.fields for item in items)
    shared = [fields for fields, count in counted.items() if fields and count > 1]
    return {fields: number for number, fields in enumerate(shared, start=1)}


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
