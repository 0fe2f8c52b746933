"""Streams of a migration in rows: a word or two, and beside them the title over its details."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..console.output import printable
from ..console.tables import line
from .words import STYLES, state_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

#: "needs review", and a time to the minute.
_WIDTHS = (14, 22)
#: Where a terminal is narrower, it breaks the lines.
_NARROWEST = 60


def stream_row(
    state: str, *more: str, title: str, id: str, detail: str = "", symbol: str = ""
) -> list[Text]:
    """One stream.

    Args:
        state: A state or a verdict, by its name.
        more: What stands beside it.
        title: The stream's title, as a vendor has it.
        id: Its id at the source, and perhaps that at the target.
        detail: What else there is to say, as a vendor may have said it.
        symbol: What stands before the state.
    """
    from rich.text import Text

    style = STYLES.get(state, "")
    below = printable(f"{id}: {detail}" if detail else id)
    about = Text(printable(title)).append(f"\n{below}", "dim")
    word = f"{symbol} {state_words(state)}".lstrip()
    return [Text(word, style), *map(Text, more), about]


def print_rows(out: Console, columns: Sequence[str], rows: Iterable[Sequence[Text]]) -> None:
    """Prints rows one by one, however many there are.

    Args:
        out: Where to.
        columns: The names of the first columns; the last is the stream.
        rows: What :func:`stream_row` gives.
    """
    from rich.text import Text

    out.width = max(out.width, _NARROWEST)
    header: Sequence[Text] | None = [Text(name, "bold") for name in (*columns, "stream")]
    for row in rows:
        for cells in (header, row):
            if cells is not None:
                line(out, *cells, widths=_WIDTHS[: len(columns)])
        header = None


def heading(out: Console, text: str) -> None:
    """Begins a part."""
    from rich.text import Text

    out.print()
    out.print(Text(text, "bold"))


def print_lines(out: Console, lines: Iterable[str]) -> None:
    """Prints lines of a part, folded where they are long."""
    for text in lines:
        line(out, "", text, widths=[1])
