"""Self-contained HTML pages for plans and reports.

A page loads nothing, and its content security policy allows only the style and the script inside
it, by their hashes. Titles and reasons come from vendors and are escaped. The script only sorts and
filters: the page is complete without it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

import attrs

from ..._model.times import format_instant
from ..finishing.duplicates import advice
from ..values import LOSSES, FieldOutcome, FieldResult, ItemState, Plan, Report
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
    values = {
        "shown": shown,
        "states": states,
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
    )
    environment.filters.update(
        count=_count, instant=format_instant, number="{:,}".format, words=_words
    )
    environment.globals.update(bar=bar, by_outcome=by_outcome)
    return environment


def _inlined(name: str) -> str:
    """Return the text of a file that is included in the page unchanged."""
    return files(__name__).joinpath("templates", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the hash by which a content security policy names a style or script."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


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
