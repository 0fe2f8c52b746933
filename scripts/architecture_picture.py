"""Draw the layers of `livestream_core` as the picture that docs/architecture.md shows.

Usage: python scripts/architecture_picture.py

Boxes and arrows are read from the code. Each folder stands above those that it imports from. An
arrow is left out where a way along other arrows leads to the same folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple
from xml.sax.saxutils import escape

from layers import CORE, MODULES, ORDER, own_imports, place_in

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "architecture.svg"

#: Drawn as one box: modules in no folder, which any other may import.
LOOSE = tuple(
    name
    for name in ORDER[CORE.name]
    if (CORE / f"{name}.py").exists() and name.startswith("_") and name != "__init__"
)
BASE = " ".join(LOOSE)

_WIDTH, _EDGE = 800, 20
_GAP, _RISE = 16, 28  # between two boxes of a row, and between two rows
_LANE = 24  # the width of an arrow that passes a row
_HEAD, _LINE, _PAD = 30, 15, 10  # the height of a box's first line, of each other one, and below
_LETTER = 7  # the width of a letter of the names of modules, with hinting
_TIP = 7  # an arrow ends so far above its box, where its head begins

_STYLE = """
text {
  font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: #4b5563;
}
.name { font-size: 14px; font-weight: 600; fill: #111827 }
.count { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
.paper { fill: #fcfcfd; stroke: #e5e7eb }
.box { stroke-width: 1.25 }
.inside { fill: #eef4ff; stroke: #9db7e8 }
.public { fill: #ecf8f1; stroke: #8cc9a5 }
.entry { fill: #fff6e0; stroke: #e0b354 }
.loose { fill: #f4f4f5; stroke: #c4c8cf }
.arrow { fill: none; stroke: #7b8494; stroke-width: 1.25 }
.head { fill: #7b8494 }
@media (prefers-color-scheme: dark) {
  text { fill: #a9b4c4 }
  .name { fill: #f3f4f6 }
  .paper { fill: #15181d; stroke: #2b313a }
  .inside { fill: #1b2536; stroke: #47618f }
  .public { fill: #17291f; stroke: #3f7a57 }
  .entry { fill: #30270f; stroke: #94752c }
  .loose { fill: #212429; stroke: #4a515c }
  .arrow { stroke: #8b95a5 }
  .head { fill: #8b95a5 }
}
"""


class Span(NamedTuple):
    """From where to where a box, or an arrow that passes it, takes up a row."""

    left: float
    right: float


Arrow = tuple[str, str]
#: An entry of a row: a folder, or an arrow that passes through.
Slot = str | Arrow


# -- what is drawn --------------------------------------------------------------------------


def box_of(module: str) -> str:
    """Return the box that a module is in."""
    place = place_in(CORE.name, module)
    return BASE if place in LOOSE else place


def modules_by_box() -> dict[str, list[str]]:
    """Return the modules in each box, from the lowest to the highest."""
    found: dict[str, list[str]] = {}
    for place in ORDER[CORE.name]:
        found[box_of(f"{CORE.name}.{place}")] = []
    for module in MODULES:
        found[box_of(module)].append(module)
    return found


def imports_by_box() -> dict[str, set[str]]:
    """Return the boxes that each box imports from, for types and in functions too."""
    found: dict[str, set[str]] = {box: set() for box in modules_by_box()}
    for module in MODULES:
        box = box_of(module)
        found[box] |= {box_of(each) for each in own_imports(module)} - {box}
    return found


def without_detours(imports: Mapping[str, set[str]]) -> list[Arrow]:
    """Return the arrows from which all the others follow."""
    reached: dict[str, set[str]] = {}  # by more than one step or by one, from the lowest up
    for box, targets in imports.items():
        reached[box] = targets.union(*(reached[each] for each in targets))
    return [
        (box, target)
        for box, targets in imports.items()
        for target in sorted(targets, key=list(imports).index)
        if not any(target in reached[other] for other in targets)
    ]


def names_in(box: str) -> list[str]:
    """Return what a box lists of its folder: what `ORDER` has, else the modules."""
    if box in (BASE, "__init__"):
        return []
    package = f"{CORE.name}.{box}"
    listed = ORDER.get(package) or sorted(
        {place_in(package, each) for each in MODULES if each.startswith(f"{package}.")}
    )
    return [name for name in listed if not name.startswith("__")]


# -- the layout -----------------------------------------------------------------------------


def rows_of(arrows: Iterable[Arrow], boxes: Iterable[str]) -> list[list[Slot]]:
    """Return the entries of each row, from the lowest up.

    A box is in the row above the highest box that it imports from. An arrow that leads further
    down passes the rows between in a separate lane.
    """
    arrows = list(arrows)
    height: dict[str, int] = {}
    for box in boxes:
        below = [height[target] for origin, target in arrows if origin == box]
        height[box] = max(below, default=-1) + 1
    rows: list[list[Slot]] = [[] for _ in range(max(height.values()) + 1)]
    for box, row in height.items():
        rows[row].append(box)
    for arrow in arrows:
        for row in range(height[arrow[1]] + 1, height[arrow[0]]):
            rows[row].append(arrow)
    return rows


def placed(rows: list[list[Slot]], arrows: list[Arrow]) -> list[dict[Slot, Span]]:
    """Return where each row's boxes and lanes stand: above what they lead to, if possible."""
    found: list[dict[Slot, Span]] = []
    for row in rows:
        below = found[-1] if found else {}
        ordered = sorted(row, key=lambda slot: _wish(slot, below, arrows))
        lanes = sum(isinstance(slot, tuple) for slot in row)
        gaps = _GAP * (len(row) - 1)
        room = (_WIDTH - 2 * _EDGE - gaps - _LANE * lanes) / max(len(row) - lanes, 1)
        left, spans = float(_EDGE), {}
        for slot in ordered:
            right = left + (_LANE if isinstance(slot, tuple) else room)
            spans[slot] = Span(left, right)
            left = right + _GAP
        found.append(spans)
    return found


def _wish(slot: Slot, below: Mapping[Slot, Span], arrows: Iterable[Arrow]) -> float:
    """Return where in its row a slot would best stand: in the middle of what it leads to."""
    leads = [slot] if isinstance(slot, tuple) else [each for each in arrows if each[0] == slot]
    middles = [sum(below[_next(each, below)]) / 2 for each in leads if _next(each, below) in below]
    return sum(middles) / len(middles) if middles else 0.0


def _next(arrow: Arrow, row: Mapping[Slot, Span]) -> Slot:
    """Return where an arrow comes to in the row below: its lane, or its end."""
    return arrow if arrow in row else arrow[1]


def meeting(upper: Span, lower: Span) -> tuple[float, float]:
    """Return where an arrow leaves one span and reaches another: straight down, if possible."""
    left, right = max(upper.left, lower.left), min(upper.right, lower.right)
    if left < right:
        return (left + right) / 2, (left + right) / 2
    return sum(upper) / 2, sum(lower) / 2


# -- the drawing ----------------------------------------------------------------------------


def drawn() -> str:
    """Return the picture as SVG, with text that can be selected."""
    modules, imports = modules_by_box(), imports_by_box()
    arrows = without_detours(imports)
    rows = placed(rows_of(arrows, modules), arrows)
    lines = {
        (row, box): wrap(
            "  ".join(names_in(box)), max(int((span.right - span.left - 24) / _LETTER), 12)
        )
        for row, spans in enumerate(rows)
        for box, span in spans.items()
        if isinstance(box, str)
    }
    heights = [
        max(_height(told) for (place, _), told in lines.items() if place == row)
        for row in range(len(rows))
    ]
    total = 2 * _EDGE + sum(heights) + _RISE * (len(rows) - 1)
    tops, top = [], float(total - _EDGE)
    for height in heights:
        tops.append(top - height)
        top -= height + _RISE
    told = "; ".join(f"{one} imports from {other}" for one, other in arrows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {total:g}"'
        f' width="{_WIDTH}" height="{total:g}" role="img" aria-labelledby="title arrows">',
        f'<title id="title">The layers of {CORE.name}, the lowest at the bottom</title>',
        f'<desc id="arrows">{escape(told)}.</desc>',
        f"<style>{_STYLE}</style>",
        '<rect class="paper" x="0.5" y="0.5" rx="14"'
        f' width="{_WIDTH - 1}" height="{total - 1:g}"/>',
    ]
    for arrow in arrows:
        parts += _arrow(arrow, rows, tops, heights)
    for (row, box), names in lines.items():
        known = ", ".join(each for each in imports if each in imports[box])
        parts += [
            f"<g><title>{escape(f'{box} imports from {known}' if known else box)}</title>",
            *_box(box, rows[row][box], tops[row], heights[row], len(modules[box]), names),
            "</g>",
        ]
    return "\n".join([*parts, "</svg>", ""])


def _height(lines: list[str]) -> int:
    return _HEAD + _PAD * bool(lines) + _LINE * len(lines)


def _box(
    box: str, span: Span, top: float, height: int, count: int, names: list[str]
) -> Iterator[str]:
    left, right = span.left + 12, span.right - 12
    middle = top + (_HEAD if names else height) / 2 + 4
    yield (
        f'<rect class="box {_kind(box)}" x="{span.left:.1f}" y="{top:g}" rx="8"'
        f' width="{span.right - span.left:.1f}" height="{height}"/>'
    )
    yield f'<text class="name" x="{left:.1f}" y="{middle + 1:g}">{escape(_label(box))}</text>'
    yield (
        f'<text class="count" x="{right:.1f}" y="{middle:g}" text-anchor="end">'
        f"{count} module{'s' if count != 1 else ''}</text>"
    )
    for place, line in enumerate(names):
        y = top + _HEAD + _LINE * place + 11
        yield f'<text x="{left:.1f}" y="{y:g}" xml:space="preserve">{escape(line)}</text>'


def _label(box: str) -> str:
    return "__init__.py" if box == "__init__" else box


def _kind(box: str) -> str:
    if box in (BASE, "__init__"):
        return "loose" if box == BASE else "entry"
    return "inside" if box.startswith("_") else "public"


def _arrow(
    arrow: Arrow, rows: list[dict[Slot, Span]], tops: list[float], heights: list[int]
) -> Iterator[str]:
    origin, target = arrow
    top = next(row for row, spans in enumerate(rows) if origin in spans)
    bottom = next(row for row, spans in enumerate(rows) if target in spans)
    steps = [(top, origin), *((row, arrow) for row in range(top - 1, bottom, -1)), (bottom, target)]
    path = ""
    for (row, one), (below, other) in pairwise(steps):
        x1, x2 = meeting(rows[row][one], rows[below][other])  # type: ignore[index]
        y1, y2 = tops[row] + heights[row], tops[below] - (_TIP if below == bottom else 0)
        path += f"{'L' if path else 'M'}{x1:.1f} {y1:g}"
        path += f"V{y2:g}" if x1 == x2 else f"C{x1:.1f} {y2:g} {x2:.1f} {y1:g} {x2:.1f} {y2:g}"
    x, y = x2, tops[bottom]
    yield f'<path class="arrow" d="{path}"/>'
    yield f'<path class="head" d="M{x - 4:.1f} {y - 8:g}h8l-4 7z"/>'


def main() -> None:
    """Draw the picture."""
    PICTURE.write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main()
