"""Rows for the streams of a migration: a few short columns, then the title above its details."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..console.output import printable
from ..console.tables import line
from .words import STYLES, state_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

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


def print_rows(out: Console, columns: Sequence[str], rows: Iterable[Sequence[Text]]) -> None:
    """Print rows one by one, without holding them all in memory.

    Args:
        out: The console to print to.
        columns: The names of the first columns. The last column is the stream.
        rows: The rows from :func:`stream_row`.
    """
    from rich.text import Text

    out.width = max(out.width, _MIN_WIDTH)
    header: Sequence[Text] | None = [Text(name, "bold") for name in (*columns, "stream")]
    for row in rows:
        for cells in (header, row):
            if cells is not None:
                line(out, *cells, widths=_WIDTHS[: len(columns)])
        header = None


def heading(out: Console, text: str) -> None:
    """Print a section heading."""
    from rich.text import Text

    out.print()
    out.print(Text(text, "bold"))


def print_lines(out: Console, lines: Iterable[str]) -> None:
    """Print the lines of a section, and wrap long ones."""
    for text in lines:
        line(out, "", text, widths=[1])
