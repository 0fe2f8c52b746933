"""Rows for the streams of a migration: a few short columns, then the title above its details."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...migrate.kept import document
from ...migrate.values import UNRESOLVED, Verdict, parts
from ..console.output import json_text, printable
from ..console.tables import line
from .options import Rows, words_of
from .words import STYLES, state_words, streams

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

T = TypeVar("T")

#: The most streams that are shown unless the user asks for more.
_PAGE = 20
#: What needs review, and so comes first.
_REVIEW = frozenset(map(str, {*UNRESOLVED, *Verdict} - {Verdict.EQUAL}))
#: The widths for a state, and for a time to the minute.
_WIDTHS = (14, 22)
#: A narrower terminal wraps the lines itself.
_MIN_WIDTH = 60


def stream_row(
    state: str, *more: str, title: str, id: str, detail: str = "", symbol: str = ""
) -> list[Text]:
    """Return the row for one stream.

    Args:
        state: The name of a state or verdict.
        more: The values of further columns.
        title: The stream's title, as the vendor returned it.
        id: The stream's ID at the source, and at the target if it has one.
        detail: Further details, which may include text from a vendor.
        symbol: The symbol to show before the state.
    """
    from rich.text import Text

    style = STYLES.get(state, "")
    below = printable(f"{id}: {detail}" if detail else id)
    about = Text(printable(title)).append(f"\n{below}", "dim")
    word = f"{symbol} {state_words(state)}".lstrip()
    return [Text(word, style), *map(Text, more), about]


def print_rows(
    out: Console, columns: Sequence[str], rows: Iterable[Sequence[Text]], *, header: bool = True
) -> None:
    """Print rows one by one, without holding them all in memory.

    Args:
        out: The console to print to.
        columns: The names of the first columns. The last column is the stream.
        rows: The rows from :func:`stream_row`.
        header: Whether to print the names of the columns first.
    """
    from rich.text import Text

    out.width = max(out.width, _MIN_WIDTH)
    for row in rows:
        names = [Text(name, "bold") for name in (*columns, "stream")] if header else None
        for cells in (names, row):
            if cells is not None:
                line(out, *cells, widths=_WIDTHS[: len(columns)])
        header = False


def print_chosen(
    out: Console,
    columns: Sequence[str],
    items: Sequence[T],
    row: Callable[[T], Sequence[Text]],
    chosen: Rows,
    starts: Mapping[str, datetime | None] | None = None,
) -> bool:
    """Print streams: first what needs review, and then the others, in the order of their starts.

    Without ``--all`` or ``--only``, at most a page is shown, and of more streams than fit on it
    only those that need review. On a terminal, a pager shows what is longer than the screen.

    Args:
        out: The console to print to.
        columns: The names of the first columns.
        items: All streams.
        row: A function that returns the row of a stream.
        chosen: The streams to show.
        starts: The start of each stream, by source ID. Defaults to those of the items.

    Returns:
        Whether anything was printed.
    """
    # The order alone is in memory, not the streams.
    order = sorted(
        (_order(item, starts), at) for at, item in enumerate(items) if chosen.wants(item)
    )
    if not (chosen.all or chosen.only) and len(order) > _PAGE:
        order = [each for each in order if not each[0][0]][:_PAGE]
    shown = (row(items[at]) for _, at in order)
    _print_in_pages(out, columns, shown, len(order))
    has_more = len(order) < len(items) and not chosen.only
    if has_more:
        which = f"{len(order):,} of {streams(len(items))}"
        text = f"Showing {which}. To see more, add --all or --only STATE."
        line(out, f"\n{text}" if order else text, widths=[])
    return bool(order) or has_more


def _order(item: Any, starts: Mapping[str, datetime | None] | None) -> tuple[bool, bool, float]:
    start = item.scheduled_start if starts is None else starts.get(item.source_id)
    return _REVIEW.isdisjoint(words_of(item)), start is None, start.timestamp() if start else 0.0


def _print_in_pages(
    out: Console, columns: Sequence[str], rows: Iterable[Sequence[Text]], count: int
) -> None:
    if not (out.is_terminal and sys.stdin.isatty() and not out.stderr and count > out.height // 2):
        print_rows(out, columns, rows)
        return

    def rendered() -> Iterator[str]:
        header = True
        for row in rows:
            with out.capture() as captured:
                print_rows(out, columns, [row], header=header)
            header = False
            yield captured.get()

    click.echo_via_pager(rendered())


def json_result(result: Any, chosen: Rows | None = None, **more: Any) -> None:
    """Print a result as a line of JSON, with the chosen streams, one after the other."""
    data, items = parts(result)
    wants = (chosen or Rows()).wants
    for text in document({**data, **more}, filter(wants, items), dumps=json_text):
        click.echo(text, nl=False)
    click.echo()


def heading(out: Console, text: str) -> None:
    """Print a section heading."""
    from rich.text import Text

    out.print()
    out.print(Text(text, "bold"))


def print_lines(out: Console, lines: Iterable[str]) -> None:
    """Print the lines of a section, and wrap long ones."""
    for text in lines:
        line(out, "", text, widths=[1])
