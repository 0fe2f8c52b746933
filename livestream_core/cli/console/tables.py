"""Tables that stay readable at a width of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_CELL = 12


def matrix(
    console: Console,
    corner: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cell: Callable[[str, str], Text],
) -> None:
    """Print a table of rows by columns, in several parts if the columns do not fit.

    Args:
        console: The console to print to.
        corner: The heading of the first column.
        rows: The names of the rows.
        columns: The names of the columns.
        cell: A function that returns the cell of a row and a column.
    """
    widest = max((len(name) for name in columns), default=0)
    names = max(map(len, [corner, *rows]))
    at_once = max(1, (console.width - names - 4) // (max(widest, _CELL) + 3))
    for first in range(0, len(columns), at_once):
        part = columns[first : first + at_once]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column(corner, no_wrap=True)
        for name in part:
            table.add_column(Text(name), overflow="fold", min_width=_CELL)
        for row in rows:
            table.add_row(Text(row), *(cell(row, column) for column in part))
        console.print(table)
        console.print()


def line(console: Console, *texts: str | Text, widths: Sequence[int]) -> None:
    """Print texts in columns of fixed widths. The last one takes the rest, and wraps."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    for width in widths:
        grid.add_column(width=width, overflow="fold")
    grid.add_column(overflow="fold")
    grid.add_row(*(Text(text) if isinstance(text, str) else text for text in texts))
    console.print(grid)


def reasons(console: Console, title: str, notes: Iterable[tuple[str, str, str]]) -> None:
    """Print notes (provider, operation, reason) under a title, each reason once."""
    merged: dict[tuple[str, str], list[str]] = {}
    for provider, operation, reason in notes:
        merged.setdefault((provider, reason), []).append(operation)
    if not merged:
        return
    console.print(Text(title, style="bold"))
    width = max(len(provider) for provider, _ in merged) + 2
    before = None
    for (provider, reason), operations in merged.items():
        name = "" if provider == before else f"  {provider}"
        line(console, name, f"{', '.join(operations)}: {reason}", widths=[width])
        before = provider
