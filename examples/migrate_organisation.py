"""Move the scheduled lessons of an organization to another account.

    python examples/migrate_organisation.py tktchurch tpstreams lessons.db mapping.csv

Both names are providers whose options are environment variables. Whatever stops the program, run it
again until it exits with 0: it resumes from lessons.db, and creates no lesson twice.
"""

import csv
import sys
from pathlib import Path

import attrs

import livestream_core as live
from livestream_core import migrate


def branded(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    """Return the spec with the organization's name before the title."""
    return attrs.evolve(spec, title=f"North Academy: {stream.title}")


def main(source_name: str, target_name: str, ledger: str, mapping: str) -> int:
    """Move the lessons, write old and new IDs to a CSV file, and return the exit code."""
    with live.connect(source_name) as source, live.connect(target_name) as target:
        is_new = not migrate.Ledger.exists(ledger)
        plan = migrate.plan(source, target, transform=branded) if is_new else None
        result = migrate.run(plan, ledger=ledger, source=source, target=target, transform=branded)
        print(result.report.counts, result.error or "")
        with Path(mapping).open("w", encoding="utf-8", newline="") as file:
            moved = [item for item in result.report.items if item.is_moved]
            csv.writer(file).writerows((item.source_id, item.target_id) for item in moved)
        checked = migrate.check(ledger, source, target)
        return result.exit_code or (0 if checked.all_equal else 7)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
