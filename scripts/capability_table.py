"""Write the features of each provider into README.md and the capabilities page.

Usage: python scripts/capability_table.py
       python scripts/capability_table.py --against REPORT

README.md gets a table, and the page gets the reasons, each between two markers.

With a report of the conformance kit, write nothing. Print each feature that the table promises but
the kit has not proven, or that the kit has proven but the table leaves out, and exit with code 1 if
there are any.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import livestream_core as live
from livestream_core._plugins.registry import registry
from livestream_core.testing.plugin import CLIENTS

PROVIDERS = (
    *("tpstreams", "videosdk", "tktchurch", "mux"),
    *("nginx-rtmp", "node-media-server"),
)
BEGIN, END = "<!-- capabilities: begin -->", "<!-- capabilities: end -->"
ABSENT = "—"
ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def capabilities() -> dict[str, tuple[str, live.Capabilities]]:
    """Return the title and capabilities of each provider, by name."""
    return {
        name: (registry.info(name).title or name, registry.adapter(name).capabilities)
        for name in PROVIDERS
    }


def table(columns: Mapping[str, tuple[str, live.Capabilities]]) -> str:
    """Return the table, with one word for each feature of each provider."""
    lines = [
        row(["", *(title for title, _ in columns.values())]),
        row(["---"] * (len(columns) + 1)),
    ]
    for feature in live.Feature:
        words = [word(can[feature]) for _, can in columns.values()]
        lines.append(row([f"`{feature.value}`", *words]))
    return "\n".join(lines)


def word(capability: live.Capability) -> str:
    """Return the support level as the table shows it."""
    return ABSENT if capability.support is live.Support.NONE else capability.support.value


def reasons(columns: Mapping[str, tuple[str, live.Capabilities]]) -> str:
    """Return every reason that an adapter declares, by provider."""
    parts = []
    for title, can in columns.values():
        lines = [
            f"- `{feature.value}` ({can[feature].support.value}): {sentence(can[feature].reason)}"
            for feature in live.Feature
            if can[feature].reason
        ]
        parts.append("\n".join([f"### {title}", "", *lines]))
    return "\n\n".join(parts)


#: The function that generates the text, by the page that holds it.
GENERATED = {README: table, ROOT / "docs" / "concepts" / "capabilities.md": reasons}


def sentence(reason: str) -> str:
    """Return a reason as a sentence."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."


def row(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def updated(page: Path) -> str:
    """Return the text of a page with the part between its markers regenerated."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page.name} lacks {BEGIN} or {END}")
    return f"{before}{begin}\n{GENERATED[page](capabilities())}\n{end}{after}"


# -- against a report of the kit ----------------------------------------------------------------


def shown(text: str) -> dict[str, dict[str, str]]:
    """Return the words of the table in the text of the README, by provider and feature."""
    lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    rows = [[each.strip() for each in line.split("|")[1:-1]] for line in lines if "|" in line]
    titles = {title: name for name, (title, _) in capabilities().items()}
    header, _, *body = rows
    words: dict[str, dict[str, str]] = {titles[title]: {} for title in header[1:]}
    for feature, *cells in body:
        for title, cell in zip(header[1:], cells, strict=True):
            words[titles[title]][feature.strip("`")] = cell
    return words


def disagreements(text: str, report: Mapping[str, Any]) -> list[str]:
    """Return where the table in the text of the README disagrees with a report of the kit."""
    found: list[str] = []
    for provider, words in shown(text).items():
        for client in CLIENTS:
            by = f"{provider}, {client}"
            run = next((run for run in report["adapters"] if _is_of(run, provider, client)), None)
            if run is None:
                found.append(f"{by}: the report has no run of this adapter and client")
                continue
            if not run["over_http"]:
                found.append(f"{by}: the kit did not run over HTTP")
            for feature, level in words.items():
                row = run["rows"].get(feature, {})
                verdict = row.get("verdict", "not in the report")
                is_proven = verdict == "proven" and row.get("support") == level
                if not is_proven and not (verdict == "not declared" and level == ABSENT):
                    how = row.get("support", "nothing")
                    found.append(f"{by}: {feature} is {level} in the table; {how}, {verdict}")
    return found


def _is_of(run: Mapping[str, Any], provider: str, client: str) -> bool:
    return (run["adapter"], run["client"]) == (provider, client)


def main() -> None:
    """Update the pages, or compare the README with a report."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--against", type=Path, metavar="REPORT")
    against = parser.parse_args().against
    if against is not None:
        report = json.loads(against.read_text(encoding="utf-8"))
        sys.exit("\n".join(disagreements(README.read_text(encoding="utf-8"), report)) or None)
    for page in GENERATED:
        if page.read_text(encoding="utf-8") != (new := updated(page)):
            page.write_text(new, encoding="utf-8")
            sys.stdout.write(f"{page.name} was changed\n")


if __name__ == "__main__":
    main()
