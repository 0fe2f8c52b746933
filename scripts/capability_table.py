"""Writes the table of what each provider can do into README.md, between its two markers.

Usage: python scripts/capability_table.py
       python scripts/capability_table.py --against REPORT

With a report of the conformance kit it writes nothing: it says where the table promises what the
kit has not proven, or leaves out what it has, and ends with 1 if there is anything.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import livestream_core as live
from livestream_core._registry import registry
from livestream_core.testing.plugin import CLIENTS

PROVIDERS = ("tpstreams", "videosdk", "tktchurch")
BEGIN, END = "<!-- capabilities: begin -->", "<!-- capabilities: end -->"
ABSENT = "—"
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
    word = ABSENT if capability.support is live.Support.NONE else capability.support.value
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


# -- against what was proven ----------------------------------------------------------------


def shown(text: str) -> dict[str, dict[str, str]]:
    """The words of the table in the text of the README, by provider and feature."""
    lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    rows = [[each.strip() for each in line.split("|")[1:-1]] for line in lines if "|" in line]
    titles = {title: name for name, (title, _) in capabilities().items()}
    header, _, *body = rows
    words: dict[str, dict[str, str]] = {titles[title]: {} for title in header[1:]}
    for feature, *cells in body:
        for title, word in zip(header[1:], cells, strict=True):
            words[titles[title]][feature.strip("`")] = re.sub(r" \[\d+\]$", "", word)
    return words


def disagreements(text: str, report: Mapping[str, Any]) -> list[str]:
    """Where the table in the text of the README says other things than a report of the kit."""
    found: list[str] = []
    for provider, words in shown(text).items():
        for client in CLIENTS:
            by = f"{provider}, {client}"
            run = next((run for run in report["adapters"] if _is_of(run, provider, client)), None)
            if run is None:
                found.append(f"{by}: the kit did not run on it")
                continue
            if not run["over_http"]:
                found.append(f"{by}: it was not proven over HTTP")
            for feature, word in words.items():
                row = run["rows"].get(feature, {})
                verdict = row.get("verdict", "not in the report")
                is_proven = verdict == "proven" and row.get("support") == word
                if not is_proven and not (verdict == "not declared" and word == ABSENT):
                    how = row.get("support", "nothing")
                    found.append(f"{by}: {feature} is {word} in the table; {how}, {verdict}")
    return found


def _is_of(run: Mapping[str, Any], provider: str, client: str) -> bool:
    return (run["adapter"], run["client"]) == (provider, client)


def main() -> None:
    """Brings the README up to date, or holds it against a report."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--against", type=Path, metavar="REPORT")
    against = parser.parse_args().against
    text = README.read_text(encoding="utf-8")
    if against is not None:
        report = json.loads(against.read_text(encoding="utf-8"))
        sys.exit("\n".join(disagreements(text, report)) or None)
    if text != (new := updated(text)):
        README.write_text(new, encoding="utf-8")
        sys.stdout.write(f"{README.name} was changed\n")


if __name__ == "__main__":
    main()
