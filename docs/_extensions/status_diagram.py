"""The picture of the statuses, drawn from ``Status.can_become``.

The statuses that most streams go through stand in a column, the others beside it. A step down the
column is a straight arrow; one that skips a status is a curve on the left. Colours are those of
the theme, so that the picture is readable in light and in dark.
"""

from __future__ import annotations

from livestream_core import Status
from livestream_core._model.status import FROM_ANY, STATUSES


def _column() -> tuple[Status, ...]:
    """The usual life, from step to step."""
    column = [next(iter(Status))]
    while (following := STATUSES[column[-1]].next) and following[0] not in column:
        column.append(following[0])
    return tuple(column)


def _beside() -> dict[Status, Status]:
    """The others, each in the free row that is nearest to the middle of those before it."""
    free = list(COLUMN)
    rows: dict[Status, Status] = {}
    for status in Status:
        before = [each for each in COLUMN if each.can_become(status)]
        if before and free and status not in (*COLUMN, *EVERYWHERE):
            middle = COLUMN.index(before[len(before) // 2])
            rows[status] = min(free, key=lambda row: abs(COLUMN.index(row) - middle))
            free.remove(rows[status])
    return dict(sorted(rows.items(), key=lambda row: COLUMN.index(row[1])))


COLUMN = _column()
#: Every status that is not final can become these. That is said in words; of the arrows only the
#: last step of the column is drawn.
EVERYWHERE = FROM_ANY
#: Beside the column, and in whose row.
BESIDE = _beside()

_WIDTH, _HEIGHT = 364, 524
_HALF_WIDTH, _HALF_HEIGHT = 52, 18
_COLUMN_X, _BESIDE_X, _TOP, _ROW = 165, 304, 32, 92
_TIP = 7  # an arrow ends so far from its box, where its head begins
_APART = 7  # between two arrows that go both ways, from their middle


def check() -> None:
    """That the picture and the sentence about it leave nothing out.

    Raises:
        ValueError: A status is not shown, or the sentence is wrong.
    """
    for status in Status:
        if status not in (*COLUMN, *BESIDE, *EVERYWHERE):
            raise ValueError(f"the picture has no place for {status}")
        if not status.is_final and status is not Status.UNKNOWN:
            lost = [str(each) for each in EVERYWHERE if not status.can_become(each)]
            if lost:
                raise ValueError(f"{status} cannot become {', '.join(lost)}: not everywhere")


def arrows() -> list[tuple[Status, Status]]:
    """The steps that are drawn."""
    shown = (*COLUMN, *BESIDE)
    return [
        (one, other)
        for one in shown
        for other in shown
        if one.can_become(other) and (other not in EVERYWHERE or (one, other) == COLUMN[-2:])
    ]


def sentence() -> str:
    """What the picture leaves to words, in Markdown."""
    first, *rest = (f"`{status}`" for status in EVERYWHERE)
    words = f"{first}, {' or '.join(rest)}"
    return f"Every status that is not final can also become {words}; after `unknown` any may come."


def table() -> str:
    """All steps in words, in Markdown."""
    lines = ["| status | can become |", "| --- | --- |"]
    for status in Status:
        following = [f"`{other}`" for other in Status if status.can_become(other)]
        if len(following) == len(Status) - 1:
            following = ["any other"]
        lines.append(f"| `{status}` | {', '.join(following) or 'nothing: it is final'} |")
    return "\n".join(lines)


def drawn() -> str:
    """The picture, as SVG to stand in a page."""
    check()
    described = "; ".join(f"{one} to {other}" for one, other in arrows())
    parts = [
        f'<svg class="statuses" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        ' aria-labelledby="statuses-title statuses-steps">',
        '<title id="statuses-title">How one status can follow another</title>',
        f'<desc id="statuses-steps">{described}.</desc>',
        "<defs>",
        *(
            f'<marker id="statuses-{kind}" class="{kind}" viewBox="0 0 8 8" refX="1" refY="4"'
            ' markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            '<path d="M0 0 L8 4 L0 8 z"/></marker>'
            for kind in ("usual", "possible")
        ),
        "</defs>",
    ]
    for one, other in arrows():
        kind = "usual" if _rows_down(one, other) == 1 else "possible"
        parts.append(
            f'<path class="{kind}" d="{_path(one, other)}" marker-end="url(#statuses-{kind})"/>'
        )
    for status in (*COLUMN, *BESIDE):
        x, y = _place(status)
        kind = "final" if status.is_final else "passing"
        parts.append(
            f'<rect class="{kind}" x="{x - _HALF_WIDTH}" y="{y - _HALF_HEIGHT}"'
            f' width="{2 * _HALF_WIDTH}" height="{2 * _HALF_HEIGHT}" rx="9"/>'
            f'<text x="{x}" y="{y}" dominant-baseline="central">{status}</text>'
        )
    return "\n".join([*parts, "</svg>"])


def _place(status: Status) -> tuple[int, int]:
    """The middle of a status's box."""
    x = _BESIDE_X if status in BESIDE else _COLUMN_X
    return x, _TOP + _ROW * COLUMN.index(BESIDE.get(status, status))


def _rows_down(one: Status, other: Status) -> int | None:
    """How far down the column a step leads; ``None`` if it leaves the column."""
    if one in BESIDE or other in BESIDE:
        return None
    return COLUMN.index(other) - COLUMN.index(one)


def _path(one: Status, other: Status) -> str:
    (x1, y1), (x2, y2) = _place(one), _place(other)
    aside = _APART if other.can_become(one) and other in (*COLUMN, *BESIDE) else 0
    rows = _rows_down(one, other)
    if rows is not None and abs(rows) == 1:
        down = 1 if rows > 0 else -1
        x = x1 + aside * down
        return f"M{x} {y1 + down * _HALF_HEIGHT} L{x} {y2 - down * (_HALF_HEIGHT + _TIP)}"
    if rows is not None:
        left = x1 - _HALF_WIDTH
        bend = left - 30 * abs(rows)
        return f"M{left} {y1 + 9} C{bend} {y1 + 30} {bend} {y2 - 30} {left - _TIP} {y2 - 6}"
    if y1 == y2:
        right = 1 if x2 > x1 else -1
        y = y1 - aside * right
        return f"M{x1 + right * _HALF_WIDTH} {y} L{x2 - right * (_HALF_WIDTH + _TIP)} {y}"
    down = 1 if y2 > y1 else -1
    if one in BESIDE:
        below, side = y1 + down * _HALF_HEIGHT, x2 + _HALF_WIDTH + _TIP
        return f"M{x1} {below} C{x1} {y2 - down * 12} {x1 - 30} {y2} {side} {y2}"
    level, end = y1 + down * 6, y2 - down * (_HALF_HEIGHT + _TIP)
    return f"M{x1 + _HALF_WIDTH} {level} C{x2 - 30} {level} {x2} {level + down * 12} {x2} {end}"
