"""The status diagram, drawn from ``Status.can_become``.

The statuses that most streams go through are in a column, and the others are next to it. A step
down the column is a straight arrow, and a step that skips a status is a curve on the left. The
colors are those of the theme, so that the diagram is readable in light and dark mode.
"""

from __future__ import annotations

from livestream_core import Status
from livestream_core._model.status import FROM_ANY, STATUSES
from livestream_core._model.status import following as next_of


def _column() -> tuple[Status, ...]:
    """Return the statuses of a usual stream, in order."""
    column = [next(iter(Status))]
    while (following := STATUSES[column[-1]].next) and following[0] not in column:
        column.append(following[0])
    return tuple(column)


def _place_others() -> dict[Status, Status]:
    """Return the row of each other status: the free row nearest to the statuses before it."""
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
#: Every status that is not final can become these. A sentence says so; of these arrows, the diagram
#: shows only the last step of the column.
EVERYWHERE = FROM_ANY
#: The statuses next to the column, with the status whose row they share.
BESIDE = _place_others()

_WIDTH, _HEIGHT = 364, 524
_HALF_WIDTH, _HALF_HEIGHT = 52, 18
_COLUMN_X, _BESIDE_X, _TOP, _ROW = 165, 304, 32, 92
_TIP = 7  # the distance from the end of an arrow's line, where its head begins, to the box
_APART = 7  # the distance of each of two opposite arrows from the middle between them


def check() -> None:
    """Check that the diagram and the sentence about it leave nothing out.

    Raises:
        ValueError: If a status is not shown, or the sentence is wrong.
    """
    for status in Status:
        if status not in (*COLUMN, *BESIDE, *EVERYWHERE):
            raise ValueError(f"the diagram has no place for {status}")
        if not status.is_final and status is not Status.UNKNOWN:
            lost = [str(each) for each in EVERYWHERE if not status.can_become(each)]
            if lost:
                raise ValueError(
                    f"{status} cannot become {', '.join(lost)}, but EVERYWHERE says so"
                )


def arrows() -> list[tuple[Status, Status]]:
    """Return the transitions to draw."""
    shown = (*COLUMN, *BESIDE)
    return [
        (one, other)
        for one in shown
        for other in shown
        if one.can_become(other) and (other not in EVERYWHERE or (one, other) == COLUMN[-2:])
    ]


def sentence() -> str:
    """Return the transitions that the diagram leaves out, as a sentence in Markdown."""
    first, *rest = (f"`{status}`" for status in EVERYWHERE)
    words = f"{first}, {' or '.join(rest)}"
    return (
        f"Every status that is not final can also become {words}. Any status can follow `unknown`."
    )


def table() -> str:
    """Return all transitions as a table in Markdown."""
    lines = ["| status | can become | and, if the stream is reusable |", "| --- | --- | --- |"]
    for status in Status:
        following = [f"`{other}`" for other in Status if status.can_become(other)]
        if len(following) == len(Status) - 1:
            following = ["any other"]
        again = next_of(status, reusable=True)
        more = [f"`{each}`" for each in again if not status.can_become(each)]
        lines.append(
            f"| `{status}` | {', '.join(following) or 'nothing: it is final'} | {', '.join(more)} |"
        )
    return "\n".join(lines)


def drawn() -> str:
    """Return the diagram as SVG, to embed in a page."""
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
    """Return the center of a status's box."""
    x = _BESIDE_X if status in BESIDE else _COLUMN_X
    return x, _TOP + _ROW * COLUMN.index(BESIDE.get(status, status))


def _rows_down(one: Status, other: Status) -> int | None:
    """Return how far down the column a transition goes, or ``None`` if it leaves the column."""
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
