"""The status diagrams, drawn from the table of statuses: one-run streams, and reusable ones.

The statuses that most streams go through are in a column, and the others are next to it. A step
down the column is a straight arrow, and a step that skips a status is a curve on the left. The
colors are those of the theme, so that the diagrams are readable in light and dark mode.

A reusable stream waits for its runs in READY, so its diagram begins there.
"""

from __future__ import annotations

from livestream_core import Status
from livestream_core._model.status import FROM_ANY, STATUSES, reachable
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

_WIDTH = 364
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


def shown(*, reusable: bool = False) -> list[Status]:
    """Return the statuses to draw."""
    everything = [*COLUMN, *BESIDE]
    if not reusable:
        return everything
    later = reachable(Status.READY, reusable=True)
    return [each for each in everything if each is Status.READY or each in later]


def arrows(*, reusable: bool = False) -> list[tuple[Status, Status]]:
    """Return the transitions to draw."""
    statuses = shown(reusable=reusable)
    return [
        (one, other)
        for one in statuses
        for other in statuses
        if other in next_of(one, reusable=reusable)
        and (other not in EVERYWHERE or (one, other) == COLUMN[-2:])
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


def drawn(*, reusable: bool = False) -> str:
    """Return a diagram as SVG, to embed in a page."""
    check()
    steps = arrows(reusable=reusable)
    statuses = shown(reusable=reusable)
    described = "; ".join(f"{one} to {other}" for one, other in steps)
    # A page may have both diagrams, so each has its own IDs.
    name, whose = ("reusable", " of a reusable stream") if reusable else ("statuses", "")
    heights = [_place(status)[1] for status in statuses]
    top, height = min(heights) - _TOP, max(heights) - min(heights) + 2 * _TOP
    parts = [
        f'<svg class="statuses" viewBox="0 {top} {_WIDTH} {height}" role="img"'
        f' aria-labelledby="{name}-title {name}-steps">',
        f'<title id="{name}-title">How one status{whose} can follow another</title>',
        f'<desc id="{name}-steps">{described}.</desc>',
        "<defs>",
        *(
            f'<marker id="{name}-{kind}" class="{kind}" viewBox="0 0 8 8" refX="1" refY="4"'
            ' markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            '<path d="M0 0 L8 4 L0 8 z"/></marker>'
            for kind in ("usual", "possible")
        ),
        "</defs>",
    ]
    for one, other in steps:
        is_pair = (other, one) in steps
        kind = "usual" if _is_usual(one, other, reusable=reusable) else "possible"
        path = _path(one, other, _APART if is_pair else 0)
        parts.append(f'<path class="{kind}" d="{path}" marker-end="url(#{name}-{kind})"/>')
    for status in statuses:
        x, y = _place(status)
        kind = "passing" if next_of(status, reusable=reusable) else "final"
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


def _is_usual(one: Status, other: Status, *, reusable: bool) -> bool:
    """Return whether most streams take a step: down the column, or from a run to the next."""
    is_back = reusable and (one, other) == (Status.LIVE, Status.READY)
    return is_back or _rows_down(one, other) == 1


def _path(one: Status, other: Status, aside: int) -> str:
    (x1, y1), (x2, y2) = _place(one), _place(other)
    rows = _rows_down(one, other)
    if rows is not None and abs(rows) > 1:
        left = x1 - _HALF_WIDTH
        # A step back goes around the steps down.
        bend = left - 30 * abs(rows) - (24 if rows < 0 else 0)
        return f"M{left} {y1 + 9} C{bend} {y1 + 30} {bend} {y2 - 30} {left - _TIP} {y2 - 6}"
    if y1 == y2:
        right = 1 if x2 > x1 else -1
        y = y1 - aside * right
        return f"M{x1 + right * _HALF_WIDTH} {y} L{x2 - right * (_HALF_WIDTH + _TIP)} {y}"
    down = 1 if y2 > y1 else -1
    if x1 == x2:
        x = x1 + aside * down
        return f"M{x} {y1 + down * _HALF_HEIGHT} L{x} {y2 - down * (_HALF_HEIGHT + _TIP)}"
    right = 1 if x2 > x1 else -1
    if abs(y1 - y2) == _ROW:
        # Straight through the gap beside the column, since a box may be where a curve would be.
        y, end = y1 + down * 10 - aside * right, y2 - down * 10 - aside * right
        return f"M{x1 + right * _HALF_WIDTH} {y} L{x2 - right * (_HALF_WIDTH + _TIP)} {end}"
    if right < 0:
        below, side = y1 + down * _HALF_HEIGHT, x2 + _HALF_WIDTH + _TIP
        return f"M{x1} {below} C{x1} {y2 - down * 12} {x1 - 30} {y2} {side} {y2}"
    level, end = y1 + down * 6, y2 - down * (_HALF_HEIGHT + _TIP)
    return f"M{x1 + _HALF_WIDTH} {level} C{x2 - 30} {level} {x2} {level + down * 12} {x2} {end}"
