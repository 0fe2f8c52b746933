"""Compare the two columns of a report of the conformance kit: emulators, and real servers.

Usage: python scripts/real_columns.py REPORT

Print each feature or area that is proven in only one column, and each test that is skipped without
a reason, and exit with code 1 if there are any. A server that is not installed is named.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NOT_INSTALLED = "not installed: "


def disagreements(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what one column of a report lacks."""
    emulated = {_key(run): run for run in report["adapters"] if run["server"] == "emulated"}
    real = {_key(run): run for run in report["adapters"] if run["server"] == "real"}
    if not real:
        yield "the report has no real server"
    for key, run in real.items():
        if absent(run):
            continue
        if key not in emulated:
            yield f"{key}: the report has no emulator"
            continue
        for column, proven, other in (
            ("emulator", _proven(emulated[key]), _proven(run)),
            ("real server", _proven(run), _proven(emulated[key])),
        ):
            for row in sorted(proven - other):
                yield f"{key}: {row} is proven only on the {column}"
        if not _proven(run):
            yield f"{key}: nothing is proven"
        for each in (emulated[key], run):
            yield from (f"{key}, {each['server']}: {test} failed" for test in each["failed"])
            for tests in (each["skipped"].get(""), each["opted_out"].get("")):
                for test in tests or ():
                    yield f"{key}, {each['server']}: {test} has no reason to be skipped"


def absent(run: Mapping[str, Any]) -> str | None:
    """Return what is not installed, if that is why no test of a real server ran."""
    reasons = [reason for reason in run["skipped"] if reason.startswith(NOT_INSTALLED)]
    ran = any(row["passed"] or row["failed"] for row in run["rows"].values())
    return reasons[0] if reasons and not ran else None


def _key(run: Mapping[str, Any]) -> str:
    return f"{run['adapter']}, {run['client']}"


def _proven(run: Mapping[str, Any]) -> set[str]:
    return {name for name, row in run["rows"].items() if row["verdict"] == "proven"}


def main() -> None:
    """Compare the columns of a report."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("report", type=Path, metavar="REPORT")
    report = json.loads(parser.parse_args().report.read_text(encoding="utf-8"))
    if found := list(disagreements(report)):
        sys.exit("\n".join(found))
    for run in report["adapters"]:
        if run["server"] == "real":
            both = absent(run) or f"{len(_proven(run))} proven on the emulator and the real server"
            sys.stdout.write(f"{_key(run)}: {both}\n")


if __name__ == "__main__":
    main()
