"""A plan and a report as one HTML file each, that can be mailed, kept, and opened anywhere.

The files load nothing, and a browser would not let them: the policy in their head allows the
style and the script that stand in them, by their hashes, and nothing else. Titles and reasons come
from vendors and are escaped. The script only sorts and filters: all is there without it.
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
from ..values import LOSSES, FieldOutcome, FieldResult, ItemState, Plan, Report
from .bars import bar

if TYPE_CHECKING:
    from jinja2 import Environment

#: What a plan says of a stream; the other states come from a run.
_PLANNED = (ItemState.PENDING, ItemState.SKIPPED, ItemState.NEEDS_REVIEW)
#: What a reader has to see first.
_WORST_FIRST = (
    FieldOutcome.NEEDS_REVIEW,
    FieldOutcome.DROPPED,
    FieldOutcome.DEFAULTED,
    FieldOutcome.CONVERTED,
    FieldOutcome.EXACT,
)


def plan_html(plan: Plan) -> str:
    """A plan as a page: what becomes of every stream and field, and what to do next.

    It holds no secret, needs no network, and can be read on paper, on a phone, and without
    JavaScript.
    """
    return _page("plan.html", plan, states=_PLANNED)


def report_html(report: Report) -> str:
    """A report as a page: where every stream is, what was lost, and what to do next.

    It holds no secret, needs no network, and can be read on paper, on a phone, and without
    JavaScript.
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
        # A skipped stream loses nothing: it stays where it is.
        "moving": sum(item.state is not ItemState.SKIPPED for item in shown.items),
        "policy": "; ".join(policy),
        "style": style,
        "script": script,
    }
    page = _environment().get_template(template).render(values)
    # A vendor's title may hold half of a character (a lone surrogate), which no file can.
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment() -> Environment:
    # Who only runs a migration does not wait for it.
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
    environment.globals.update(bar=bar, by_fate=by_fate)
    return environment


def _inlined(name: str) -> str:
    """A file of ours that stands in the page as it is."""
    return files(__name__).joinpath("templates", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """What a policy calls a style or a script by."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _words(value: str) -> str:
    """A state or a fate as people say it."""
    return str(value).replace("_", " ")


def _count(number: int, noun: str) -> str:
    """``1 stream``, ``2,000 streams``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@attrs.frozen(slots=True)
class Group:
    """Fields of one stream that share a fate, and the words about it."""

    fate: FieldOutcome
    note: str
    own_to_vendor: bool
    fields: tuple[str, ...]


def by_fate(fields: Iterable[FieldResult]) -> list[Group]:
    """The fields of one stream by what becomes of them, the worst first."""
    groups: dict[tuple[FieldOutcome, str, bool], list[str]] = {}
    for each in fields:
        own_to_vendor = each.fate in LOSSES and not each.is_loss
        # Said of every stream in the same words, it would hide what concerns this one.
        note = "" if own_to_vendor else each.note
        groups.setdefault((each.fate, note, own_to_vendor), []).append(each.field)
    ordered = [Group(*about, tuple(names)) for about, names in groups.items()]
    return sorted(ordered, key=lambda group: (group.own_to_vendor, _WORST_FIRST.index(group.fate)))
