"""The results of a run of the kit: as a table, as JSON, and as a badge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import attrs

from .._contract.capabilities import Feature, Support
from .._version import __version__
from .conformance import AREAS, Subject

#: The version of the JSON format.
FORMAT = 1
_GREEN, _RED, _GREY, _YELLOW = "#3a7d44", "#b3261e", "#555", "#8a6d00"


class Verdict(StrEnum):
    """The result of the tests of a feature or an area."""

    PROVEN = "proven"
    FAILED = "failed"
    NOT_DECLARED = "not declared"
    NOT_RUN = "not run"


#: The terminal color of each verdict.
COLORS: Mapping[Verdict, str] = {
    Verdict.PROVEN: "green",
    Verdict.FAILED: "red",
    Verdict.NOT_DECLARED: "light",
    Verdict.NOT_RUN: "yellow",
}


@attrs.define(slots=True)
class Row:
    """The tests of one feature or one area.

    Attributes:
        passed: The number of tests that passed.
        skipped: The number of tests that could not run.
        opted_out: The number of tests that the adapter opts out of.
        failed: The names of the tests that failed.
    """

    passed: int = 0
    skipped: int = 0
    opted_out: int = 0
    failed: list[str] = attrs.field(factory=list)

    @property
    def verdict(self) -> Verdict:
        """The combined result."""
        if self.failed:
            return Verdict.FAILED
        return Verdict.PROVEN if self.passed else Verdict.NOT_RUN


@attrs.define(slots=True)
class AdapterReport:
    """The results of one adapter.

    Attributes:
        subject: The adapter.
        rows: The results by feature or area.
        failed: The names of all tests that failed, each once.
        skipped: The names of all tests that could not run, by reason.
        opted_out: The names of all tests that the adapter opts out of, by reason.
    """

    subject: Subject
    rows: dict[str, Row] = attrs.field(factory=dict)
    failed: list[str] = attrs.field(factory=list)
    skipped: dict[str, list[str]] = attrs.field(factory=dict)
    opted_out: dict[str, list[str]] = attrs.field(factory=dict)

    @property
    def over_http(self) -> bool:
        """Whether the adapter was tested over HTTP, and not only against API captures."""
        return self.subject.has_emulator

    def note(self, rows: Iterable[str], test: str, outcome: str, reason: str = "") -> None:
        """Note the outcome of a test: passed, failed, skipped, or opted out, with the reason."""
        if outcome == "failed" and test not in self.failed:
            self.failed.append(test)
        if outcome in ("skipped", "opted out"):
            reasons = self.skipped if outcome == "skipped" else self.opted_out
            reasons.setdefault(reason, []).append(test)
        for name in rows:
            row = self.rows.setdefault(name, Row())
            if outcome == "failed":
                row.failed.append(test)
            elif outcome == "skipped":
                row.skipped += 1
            elif outcome == "opted out":
                row.opted_out += 1
            else:
                row.passed += 1

    def lines(self) -> Iterator[tuple[str, Verdict, str]]:
        """Yield each row with its verdict and a short text."""
        for feature in Feature:
            capability = self.subject.capabilities[feature]
            row = self.rows.get(feature, Row())
            verdict = row.verdict
            if not capability and verdict is not Verdict.FAILED:
                yield feature.value, Verdict.NOT_DECLARED, capability.reason
                continue
            words = [] if capability.support is Support.NATIVE else [capability.support.value]
            yield feature.value, verdict, ", ".join([*words, *_counts(row)])
        for title in dict.fromkeys(area.title for area in AREAS):
            found = self.rows.get(title)
            if found is not None:
                yield title, found.verdict, ", ".join(_counts(found))

    def as_data(self) -> dict[str, Any]:
        """Return the results as data for JSON."""
        capabilities = self.subject.capabilities
        return {
            "adapter": self.subject.name,
            "client": self.subject.client,
            "server": "real" if self.subject.is_real else "emulated",
            "over_http": self.over_http,
            "rows": {
                name: {
                    "verdict": verdict.value,
                    **(
                        {
                            "support": capabilities[Feature(name)].support.value,
                            "reason": capabilities[Feature(name)].reason,
                        }
                        if name in set(Feature)
                        else {}
                    ),
                    **attrs.asdict(self.rows.get(name, Row())),
                }
                for name, verdict, _ in self.lines()
            },
            "failed": self.failed,
            "skipped": self.skipped,
            "opted_out": self.opted_out,
        }


def _counts(row: Row) -> list[str]:
    counts = [f"{row.passed} tests"] if row.passed else []
    if row.skipped:
        counts.append(f"{row.skipped} skipped")
    if row.opted_out:
        counts.append(f"{row.opted_out} opted out")
    if row.failed:
        counts.append(f"{len(row.failed)} failed")
    return counts


def pairs(reports: Sequence[AdapterReport]) -> Iterator[tuple[AdapterReport, AdapterReport]]:
    """Yield the reports of an adapter on its emulator and on a real server, with one client."""
    for real in reports:
        for emulated in reports:
            is_same = (emulated.subject.name, emulated.subject.client) == (
                real.subject.name,
                real.subject.client,
            )
            if real.subject.is_real and is_same and not emulated.subject.is_real:
                yield emulated, real


def side_by_side(
    emulated: AdapterReport, real: AdapterReport
) -> Iterator[tuple[str, Verdict, Verdict]]:
    """Yield each row that at least one of two reports has, with both verdicts."""
    columns = [{row: verdict for row, verdict, _ in report.lines()} for report in (emulated, real)]
    for row in dict.fromkeys([*columns[0], *columns[1]]):
        found = [column.get(row, Verdict.NOT_RUN) for column in columns]
        if found != [Verdict.NOT_DECLARED] * 2:
            yield row, found[0], found[1]


def as_json(reports: Sequence[AdapterReport]) -> str:
    """Return the report of a run as JSON."""
    data = {
        "format": FORMAT,
        "core": __version__,
        "adapters": [report.as_data() for report in reports],
    }
    return json.dumps(data, indent=2) + "\n"


def badge(reports: Sequence[AdapterReport]) -> str:
    """Return a small SVG that shows the result of a run."""
    verdicts = [verdict for report in reports for _, verdict, _ in report.lines()]
    failed = sum(verdict is Verdict.FAILED for verdict in verdicts)
    not_run = sum(verdict is Verdict.NOT_RUN for verdict in verdicts)
    proven = sum(verdict is Verdict.PROVEN for verdict in verdicts)
    if failed:
        text, color = f"{failed} failed", _RED
    elif not proven:
        text, color = "nothing proven", _GREY
    elif not all(report.over_http for report in reports):
        text, color = f"{proven} proven, not over HTTP", _YELLOW
    elif not_run:
        text, color = f"{proven} proven, {not_run} not run", _YELLOW
    else:
        text, color = f"{proven} proven", _GREEN
    label = " ".join(
        ["livestream-core:", *dict.fromkeys(report.subject.name for report in reports)]
    )
    return _svg(label, text, color)


def _svg(label: str, text: str, color: str) -> str:
    left, right = (12 + 6.6 * len(each) for each in (label, text))
    escaped = escape(f"{label}: {text}", {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right:.0f}" height="20" '
        f'role="img" aria-label="{escaped}"><title>{escaped}</title>'
        f'<rect width="{left:.0f}" height="20" fill="{_GREY}"/>'
        f'<rect x="{left:.0f}" width="{right:.0f}" height="20" fill="{color}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,sans-serif" font-size="11">'
        f'<text x="{left / 2:.0f}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2:.0f}" y="14">{escape(text)}</text></g></svg>\n'
    )


def write(path: Path, reports: Sequence[AdapterReport]) -> None:
    """Write the JSON, and the badge next to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_json(reports), encoding="utf-8")
    path.with_suffix(".svg").write_text(badge(reports), encoding="utf-8")
