"""examples/migrate_organisation.py: killed in the middle of a create, and run again."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from command_line import PATIENCE, environment
from livestream_core import migrate
from livestream_core.emulator import Fault
from migrations import Side, sides

SCRIPT = Path(__file__).parents[2] / "examples" / "migrate_organisation.py"
SOURCE, TARGET = "tktchurch", "tpstreams"
LESSONS = 6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not {SOURCE, TARGET} <= {point.name for point in entry_points(group="livestream_core")},
        reason="an adapter package is not installed",
    ),
]


def started(folder: Path, *both: Side) -> subprocess.Popen[str]:
    """Start the program in a folder, with the options of both accounts in its environment."""
    options = {
        f"LIVESTREAM_{side.provider}_{name}".upper(): str(value)
        for side in both
        for name, value in side.options.items()
    }
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), SOURCE, TARGET, "lessons.db", "mapping.csv"],
        cwd=folder,
        env=environment(options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_program_killed_during_a_create_moves_every_lesson_once_when_it_runs_again(
    tmp_path: Path,
) -> None:
    with sides(SOURCE, TARGET) as (source, target):
        source.fill(LESSONS)
        # The vendor creates the third lesson, and responds when the program no longer exists.
        target.inject(Fault.delay(PATIENCE), "create", skip=2)
        with started(tmp_path, source, target) as first:
            deadline = time.monotonic() + PATIENCE
            while target.creates() < 3:
                assert first.poll() is None, first.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            first.kill()
        left = migrate.report(tmp_path / "lessons.db").counts
        assert left["pending"] + left["unknown"] > 0

        with started(tmp_path, source, target) as second:
            output, _ = second.communicate(timeout=2 * PATIENCE)
        assert second.returncode == 0, output
        assert target.titles() == [f"North Academy: {title}" for title in source.titles()]
        with (tmp_path / "mapping.csv").open(newline="") as file:
            mapping = dict(csv.reader(file))
        old = {stream.id: stream.title for stream in source.streams()}
        new = {stream.id: stream.title for stream in target.streams()}
        assert {old[one]: new[other] for one, other in mapping.items()} == {
            title: f"North Academy: {title}" for title in old.values()
        }


def test_the_program_is_short_enough_to_be_read_at_a_glance() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
