"""The rows of the table, and its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .measure import Comparison


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        figure: The name of the figure, with which it can be measured alone.
        what: What was measured.
        beside: What it was compared with.
        cost: Its cost, as text with a unit.
        other_cost: The cost of the other side.
        comparison: The ratio of the two, or ``None`` if only the amount counts.
        target: The maximum of the ratio, or of the amount; ``None`` for a figure that is only for
            comparison.
        amount: The value to compare with the target if there is no ratio.
        trouble: The reason why there is no figure.
    """

    figure: str
    what: str
    beside: str = ""
    cost: str = ""
    other_cost: str = ""
    comparison: Comparison | None = None
    target: float | None = None
    amount: float | None = None
    trouble: str | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target was met, or ``None`` if there is no target."""
        measured = self.comparison.ratio if self.comparison else self.amount
        if self.target is None or measured is None:
            return None
        return measured <= self.target

    def to_dict(self) -> dict[str, Any]:
        """Return the row as values for JSON."""
        ratio = self.comparison
        return {
            "figure": self.figure,
            "what": self.what,
            "beside": self.beside,
            "cost": self.cost,
            "other_cost": self.other_cost,
            "ratio": ratio and ratio.ratio,
            "quartiles": ratio and list(ratio.spread),
            "ratios": ratio and list(ratio.ratios),
            "amount": self.amount,
            "target": self.target,
            "met": self.met,
            "trouble": self.trouble,
        }


def seconds(value: float) -> str:
    """Return a time as text, in a suitable unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def in_bytes(value: float) -> str:
    """Return a number of bytes as text."""
    return f"{value:,.0f} B"


def by_collector(collector: bool) -> str:
    """Return the suffix for the name of a row, which says if the collector was off."""
    return "" if collector else ", garbage collector off"


HEADINGS = ("figure", "what", "cost", "beside", "its cost", "ratio", "quartiles", "target", "")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table that is also readable in a terminal."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    troubles = [f"\n{row.figure}: {row.trouble}" for row in rows if row.trouble]
    return "\n".join([lines[0], rule, *lines[1:], *troubles])


def _cells(row: Row) -> tuple[str, ...]:
    ratio, quartiles, target = "", "", ""
    if row.comparison is not None:
        ratio = _factor(row.comparison.ratio)
        quartiles = "-".join(map(_factor, row.comparison.spread))
        target = "" if row.target is None else _factor(row.target)
    elif row.target is not None:
        target = in_bytes(row.target)
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    if row.trouble is not None:
        verdict = "FAILED, see below"
    measured = (row.figure, row.what, row.cost, row.beside, row.other_cost)
    return (*measured, ratio, quartiles, target, verdict)


def _factor(value: float) -> str:
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"
