"""A migration that is interrupted in its process, and resumes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import PATIENCE
from livestream_core.emulator import Fault
from migration_commands import BOTH, LEDGER, RUN, SIGNALS, Migration, migration
from postgresql import PostgreSQL

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


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_process_of_a_ledger_says_that_it_waits_and_a_signal_or_its_patience_ends_the_wait(
    moving: Migration, database: str, request: pytest.FixtureRequest
) -> None:
    ledger = LEDGER
    if database == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        ledger = server.new_database()
    busy = Fault.status(429, headers={"Retry-After": "600"}, body='{"detail": "slow down"}')
    moving.source.fill(4)
    moving.target.inject(busy, "create", times=99)
    run = ("run", *BOTH, "--ledger", ledger, "--yes", "--workers", "1")

    def waits(process: subprocess.Popen[str]) -> bool:
        assert process.stderr is not None
        return any(
            line.startswith("Waiting until 2") and "slow down" in line for line in process.stderr
        )

    def ends_by(process: subprocess.Popen[str], number: int) -> bool:
        process.send_signal(number)
        return process.wait(PATIENCE) == 6

    with moving.started(*run) as first:
        assert waits(first)
        if database == "sqlite":  # a ledger file is one run's
            assert ends_by(first, SIGNALS[0])
        with moving.started(*run) as second:
            assert waits(second)
            if database == "postgresql":
                assert ends_by(first, SIGNALS[0])
            assert ends_by(second, SIGNALS[1])
    impatient = moving.process(*run, "--patience", "1m")
    assert impatient.returncode == 6
    assert "longer than --patience" in " ".join(impatient.stdout.split())
    assert moving.target.creates() == 1
