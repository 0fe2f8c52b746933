"""What the conformance kit proves, and by which wrong adapters it is tested, in Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from capability_table import row
from livestream_core.testing.conformance import AREAS, Area
from wrong_adapters import rows


def titles() -> dict[str, list[type[Area]]]:
    """The areas by their name in the report; some have several classes."""
    found: dict[str, list[type[Area]]] = {}
    for area in AREAS:
        found.setdefault(area.title, []).append(area)
    return found


def area_table() -> str:
    """The areas with what they are about, in a line each."""
    lines = [row(["in the report", "class", "what it is about"]), row(["---"] * 3)]
    for title, areas in titles().items():
        for area in areas:
            name = f"{{class}}`~livestream_core.testing.conformance.{area.__name__}`"
            lines.append(row([title, name, about(area)]))
    return "\n".join(lines)


def test_list() -> str:
    """Every test of every area, as the sentence that its name is."""
    lines: list[str] = []
    for title, areas in titles().items():
        lines += [f"**{title}**", ""]
        lines += [f"- {as_sentence(name)}" for area in areas for name in own_tests(area)]
        lines.append("")
    return "\n".join(lines)


def wrong_table() -> str:
    """What is wrong with each adapter that is wrong on purpose, and the test that says so."""
    lines = [row(["an adapter that", "fails"]), row(["---"] * 2)]
    for what, caught_by in rows():
        area, _, test = caught_by.partition("::")
        lines.append(row([what, f"{area}: {as_sentence(test)}"]))
    return "\n".join(lines)


def about(area: type[Area]) -> str:
    """The first sentence of an area's docstring, on one line."""
    text = " ".join(inspect.cleandoc(area.__doc__ or "").split())
    return re.split(r"(?<=\.) ", text)[0]


def own_tests(area: type[Area]) -> Iterator[str]:
    """Names of the tests that were written in an area, in that order."""
    return (name for name in vars(area) if name.startswith("test_"))


def as_sentence(test: str) -> str:
    """A test's name as words, without the parameters."""
    return test.partition("[")[0].removeprefix("test_").replace("_", " ")
