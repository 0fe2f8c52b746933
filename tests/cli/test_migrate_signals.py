"""A migration that is interrupted in its process, and resumes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import PATIENCE
from livestream_core.emulator import Fault
from migration_commands import LEDGER, RUN, SIGNALS, Migration, migration

pytestmark = pytest.mark.processes


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Migration]:
    with migration(tmp_path) as both:
        yield both


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_finishes_what_is_in_flight_and_exits_with_6(
    moving: Migration, number: int
) -> None:
    moving.source.fill(20)
    moving.target.inject(Fault.delay(0.5), "create", times=99)
    with moving.started(*RUN, "--yes", "--workers", "2") as it:
        moving.until_creates(2)
        it.send_signal(number)
        _, errors = it.communicate(timeout=PATIENCE)
    assert it.returncode == 6
    assert "Stopping once the requests in flight are done. Send the signal again" in errors
    counts = json.loads(moving.process("report", LEDGER, "--json").stdout)["counts"]
    assert counts["created"] == len(moving.target.streams()) < 20
    assert counts["unknown"] == 0


def test_the_same_command_resumes_an_interrupted_run(moving: Migration) -> None:
    moving.source.fill(6)
    moving.target.inject(Fault.delay(0.3), "create", times=99)
    with moving.started(*RUN, "--yes", "--workers", "1") as it:
        moving.until_creates(1)
        it.send_signal(SIGNALS[0])
        it.communicate(timeout=PATIENCE)
    assert it.returncode == 6
    moving.target.emulator.clear_faults()
    result = moving.process(*RUN)
    assert result.returncode == 0
    assert moving.target.titles() == moving.source.titles()


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_it_at_once_and_the_ledger_knows_what_was_under_way(
    moving: Migration, number: int
) -> None:
    moving.source.fill(2)
    moving.target.inject(Fault.delay(2 * PATIENCE), "create", times=99)
    with moving.started(*RUN, "--yes", "--json", "--workers", "1") as it:
        moving.until_creates(1)
        it.send_signal(number)
        assert it.stderr is not None
        assert "stopping" in json.loads(it.stderr.readline())
        it.send_signal(number)
        assert it.wait(PATIENCE) == 6
    counts = json.loads(moving.process("report", LEDGER, "--json").stdout)["counts"]
    assert (counts["unknown"], counts["pending"]) == (1, 1)


def test_the_same_command_resumes_an_interrupted_rollback(moving: Migration) -> None:
    moving.source.fill(5)
    moving.process(*RUN, "--yes")
    moving.target.inject(Fault.delay(0.3), "DELETE *", times=99)
    with moving.started("rollback", LEDGER, "--yes") as it:
        while not any(each.method == "DELETE" for each in list(moving.target.changes())):
            assert it.poll() is None
        it.send_signal(SIGNALS[1])
        assert it.wait(PATIENCE) == 6
    assert 0 < len(moving.target.streams()) < 5
    assert moving.process("rollback", LEDGER, "--yes").returncode == 0
    assert moving.target.streams() == []
