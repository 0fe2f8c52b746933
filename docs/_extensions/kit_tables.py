"""Markdown tables of the conformance kit's tests and of the wrong adapters that test the kit."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from capability_table import row
from livestream_core.testing.conformance import AREAS, Area
from planted import VENDORS, faults_of, rates
from wrong_adapters import rows


def titles() -> dict[str, list[type[Area]]]:
    """Return the areas by their name in the report; some have several classes."""
    found: dict[str, list[type[Area]]] = {}
    for area in AREAS:
        found.setdefault(area.title, []).append(area)
    return found


def area_table() -> str:
    """Return the table of the areas, with a line about each."""
    lines = [row(["in the report", "class", "what it tests"]), row(["---"] * 3)]
    for title, areas in titles().items():
        for area in areas:
            name = f"{{class}}`~livestream_core.testing.conformance.{area.__name__}`"
            lines.append(row([title, name, about(area)]))
    return "\n".join(lines)


def test_list() -> str:
    """Return every test of every area, each as a sentence."""
    lines: list[str] = []
    for title, areas in titles().items():
        lines += [f"**{title}**", ""]
        lines += [f"- {as_sentence(name)}" for area in areas for name in own_tests(area)]
        lines.append("")
    return "\n".join(lines)


def wrong_table() -> str:
    """Return the table of the wrong adapters: the fault, and the test that catches it."""
    lines = [row(["an adapter that", "fails"]), row(["---"] * 2)]
    for what, caught_by in rows():
        area, _, test = caught_by.partition("::")
        lines.append(row([what, f"{area}: {as_sentence(test)}"]))
    return "\n".join(lines)


def rate_table() -> str:
    """Return the table of how many planted faults the kit finds."""
    lines = [row(["adapter", "planted", "found at first", "found now"]), row(["---"] * 4)]
    for vendor, before, after, planted in rates():
        counts = [str(planted), *(f"{n} ({n / planted:.0%})" for n in (before, after))]
        lines.append(row([vendor, *counts]))
    return "\n".join(lines)


def uncaught_table() -> str:
    """Return the table of the planted faults that the kit does not find."""
    lines = [row(["adapter", "what a user sees", "why the kit does not find it"]), row(["---"] * 3)]
    lines += [
        row([vendor, fault.why, fault.unknowable or f"No test yet looks at: {fault.missed}"])
        for vendor in VENDORS
        for fault in faults_of(vendor)
        if not fault.caught_by
    ]
    return "\n".join(lines)


def about(area: type[Area]) -> str:
    """Return the first sentence of an area's docstring, on one line."""
    text = " ".join(inspect.cleandoc(area.__doc__ or "").split())
    return re.split(r"(?<=\.) ", text)[0]


def own_tests(area: type[Area]) -> Iterator[str]:
    """Return the names of the tests that an area itself defines, in that order."""
    return (name for name in vars(area) if name.startswith("test_"))


def as_sentence(test: str) -> str:
    """Return a test's name as words, without the parameters."""
    return test.partition("[")[0].removeprefix("test_").replace("_", " ")
