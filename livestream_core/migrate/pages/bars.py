"""The lengths in a stacked bar."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

#: One of two thousand must be seen too: no part is much narrower than this, in percent.
_NARROWEST = 1.0


@attrs.frozen(slots=True)
class Part:
    """One part of a bar.

    Attributes:
        name: What is counted.
        count: How many.
        x: Where it begins, in percent of the whole.
        width: How wide it is, in percent of the whole.
    """

    name: str
    count: int
    x: float
    width: float


def bar(counts: Mapping[str, int], whole: int) -> list[Part]:
    """The parts of a bar that is full at ``whole``, from the left, without those of nothing.

    Together they are as long as their sum asks for; the wider ones give way to those that could
    not be seen.
    """
    shares = {name: 100 * count / whole for name, count in counts.items() if count}
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
