"""The widths of the parts of a stacked bar."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

#: No part is much narrower than this, in percent, so that 1 of 2,000 is still visible.
_NARROWEST = 1.0


@attrs.frozen(slots=True)
class Part:
    """One part of a bar.

    Attributes:
        name: The name of what is counted.
        count: The count.
        x: The left edge, in percent of the bar.
        width: The width, in percent of the bar.
    """

    name: str
    count: int
    x: float
    width: float


def bar(counts: Mapping[str, int], total: int) -> list[Part]:
    """Return the parts of a bar that is full at ``total``, from left to right, without zero counts.

    The bar's length shows the sum of the counts. Wider parts shrink to make room for parts that
    would be too narrow to see.
    """
    shares = {name: 100 * count / total for name, count in counts.items() if count}
    widths = {name: max(share, _NARROWEST) for name, share in shares.items()}
    missing = sum(widths.values()) - max(sum(shares.values()), sum(_NARROWEST for _ in shares))
    spare = sum(width - _NARROWEST for width in widths.values())
    parts, x = [], 0.0
    for name, width in widths.items():
        if spare:
            width -= missing * (width - _NARROWEST) / spare
        parts.append(Part(name, counts[name], round(x, 3), round(width, 3)))
        x += width
    return parts
