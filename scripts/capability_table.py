"""Writes the table of what each provider can do into README.md, between its two markers.

Usage: python scripts/capability_table.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import livestream_core as live
from livestream_core._registry import registry

PROVIDERS = ("tpstreams", "videosdk", "tktchurch")
BEGIN, END = "<!-- capabilities: begin -->", "<!-- capabilities: end -->"
README = Path(__file__).parents[1] / "README.md"


def capabilities() -> dict[str, tuple[str, live.Capabilities]]:
    """Title and capabilities of each provider, by name."""
    return {
        name: (registry.info(name).title or name, registry.adapter(name).capabilities)
        for name in PROVIDERS
    }


def table(columns: Mapping[str, tuple[str, live.Capabilities]]) -> str:
    """The table, with the reasons as notes below it."""
    notes: dict[str, int] = {}
    lines = [
        row(["", *(title for title, _ in columns.values())]),
        row(["---"] * (len(columns) + 1)),
    ]
    for feature in live.Feature:
        cells = [cell(can[feature], notes) for _, can in columns.values()]
        lines.append(row([f"`{feature.value}`", *cells]))
    lines.append("")
    lines += [f"{number}. {reason}" for reason, number in notes.items()]
    return "\n".join(lines)


def cell(capability: live.Capability, notes: dict[str, int]) -> str:
    """How a feature is there, and the number of the note that says why."""
    word = "—" if capability.support is live.Support.NONE else capability.support.value
    if not capability.reason:
        return word
    return f"{word} [{notes.setdefault(sentence(capability.reason), len(notes) + 1)}]"


def sentence(reason: str) -> str:
    """A reason as a sentence of its own."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."


def row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def updated(text: str) -> str:
    """The text of the README with the table as it should be."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{README.name} lacks {BEGIN} or {END}")
    return f"{before}{begin}\n{table(capabilities())}\n{end}{after}"


def main() -> None:
    """Brings the README up to date."""
    text = README.read_text(encoding="utf-8")
    if text != (new := updated(text)):
        README.write_text(new, encoding="utf-8")
        sys.stdout.write(f"{README.name} was changed\n")


if __name__ == "__main__":
    main()
