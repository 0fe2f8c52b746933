"""A plan that is made in a ledger goes on after it was killed, and machines make it together."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate.ledger import schema
from migration_commands import BOTH, LEDGER, Migration, migration
from migrations import Side, planned, sides
from postgresql import PostgreSQL

STREAMS, WORKERS = 12, 2
PLAN = ("plan", *BOTH, "--ledger", LEDGER, "--workers", str(WORKERS))
LIST, READ = "GET /v1/streams", "GET /v1/streams/*"


def reads(side: Side) -> Counter[str]:
    """Return how often each stream was read by its ID."""
    with side.emulator.lock:
        paths = [each.path for each in side.emulator.requests if each.method == "GET"]
    return Counter(path.rpartition("/")[2] for path in paths if path.count("/") == 3)


def without_salt(plan: migrate.Plan) -> list[migrate.PlannedItem]:
    """Return the items of a plan as they are in any other plan of the same streams."""
    return [attrs.evolve(each, digest="") for each in plan.items]


def filled(moving: Migration) -> None:
    moving.source.fill(STREAMS - 2)
    moving.source.add("Lesson 1")  # equal to another, except for its start
    stream = moving.source.add("In use")
    moving.source.client.start(stream.id)
    moving.target.fill(3)
    moving.source.emulator.page_size = 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_", "skip"),
    [(LIST, 0), (LIST, 2), (READ, 0), (READ, 5), (READ, STREAMS - 2)],
)
def test_a_plan_that_was_killed_goes_on_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: str, skip: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with migration(tmp_path) as moving:
        filled(moving)
        started: list[Any] = []
        dies = Fault.edited(lambda _data, _emulator: started[0].kill())
        moving.source.inject(dies, request_, skip=skip)
        moving.source.emulator.requests.clear()
        with moving.started(*PLAN) as process:
            started.append(process)
            process.wait()
        ledger = tmp_path / LEDGER
        with pytest.raises(migrate.MigrationStopped, match="is not complete"):
            migrate.run(ledger=ledger, source=moving.source.client, target=moving.target.client)
        result = moving.run(*PLAN)
        assert result.exit_code == 0, result.output
        assert f"Run `livestream migrate run --ledger {LEDGER}`" in " ".join(result.stdout.split())
        found = reads(moving.source)
        assert len(found) == STREAMS - 1  # not the one that is in use
        assert sum(found.values()) - len(found) <= WORKERS, "more than was in flight"
        again = migrate.plan(moving.source.client, moving.target.client, ledger=ledger)
        assert reads(moving.source) == found, "the plan was complete"
        assert without_salt(again) == without_salt(
            migrate.plan(moving.source.client, moving.target.client)
        )
        assert moving.target.creates() == 3
        assert moving.run("run", "--ledger", LEDGER, "--settle-time", "0").exit_code == 0
        assert moving.target.creates() == 3 + STREAMS - 1


def test_a_run_of_a_ledger_with_a_plan_does_what_was_planned(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with sides("memory", "memory") as (old, new):
        first, second = old.fill(2)
        plan = planned(old, new, ledger=ledger, ids=[first])
        assert plan.source is old.client
        assert migrate.report(ledger).phase == "planned"
        old.client.update(second, title="Changed")
        with pytest.raises(migrate.MigrationStopped, match="other settings"):
            planned(old, new, ledger=ledger)
        result = migrate.run(ledger=ledger, source=old.client, target=new.client)
        assert result.exit_code == 0
        assert new.titles() == ["Lesson 0"]
        assert result.report.plan == plan.id
        with pytest.raises(migrate.LedgerError, match="has begun"):
            planned(old, new, ledger=ledger, ids=[first])
        with pytest.raises(migrate.LedgerError, match="another migration"):
            planned(new, old, ledger=ledger)


def test_a_plan_that_would_lose_what_must_not_be_lost_is_not_run(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with sides("memory", "videosdk") as (old, new):
        old.fill(1, tags=["maths"])
        assert planned(old, new, ledger=ledger, fail_on_loss=["tags"]).forbidden_losses
        with pytest.raises(migrate.MigrationStopped, match="fail_on_loss: tags"):
            migrate.run(ledger=ledger, source=old.client, target=new.client)
        assert migrate.report(ledger).phase == "planned"
        assert new.creates() == 0


@pytest.mark.parametrize("phase", ["planning", "planned"])
def test_earlier_versions_refuse_a_ledger_whose_plan_was_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    ledger = tmp_path / "ledger.db"
    with sides("memory", "memory") as (old, new):
        old.fill(1)
        if phase == "planning":
            old.inject(Fault.drop_before(), READ, times=9)
            with pytest.raises(live.ConnectionFailed):
                planned(old, new, ledger=ledger)
        else:
            planned(old, new, ledger=ledger)
        assert migrate.report(ledger).phase == phase
        with monkeypatch.context() as earlier:
            earlier.setattr(schema, "PLANNING_VERSION", schema.SCHEMA_VERSION)
            earlier.setattr(
                "livestream_core.migrate.ledger.ledger.PLANNING_VERSION", schema.SCHEMA_VERSION
            )
            with pytest.raises(migrate.LedgerError, match="newer version"):
                migrate.report(ledger)
        old.emulator.clear_faults()
        planned(old, new, ledger=ledger)
        assert migrate.run(ledger=ledger, source=old.client, target=new.client).exit_code == 0
        with monkeypatch.context() as earlier:
            earlier.setattr(
                "livestream_core.migrate.ledger.ledger.PLANNING_VERSION", schema.SCHEMA_VERSION
            )
            assert migrate.report(ledger).phase == "finished"


def made_by_another_process(
    database: str, source: dict[str, Any], target: dict[str, Any], start: str
) -> dict[str, int]:
    """Make a plan in a ledger once a file exists, and return its counts."""
    while not Path(start).exists():
        threading.Event().wait(0.01)
    with (
        closing(live.connect("memory", **source)) as old,
        closing(live.connect("memory", **target)) as new,
    ):
        return migrate.plan(old, new, ledger=database, workers=WORKERS).counts


@pytest.mark.slow
def test_two_processes_read_the_streams_of_one_plan_together(
    postgresql_server: PostgreSQL, tmp_path: Path
) -> None:
    database, start = postgresql_server.new_database(), tmp_path / "start"
    with sides("memory", "memory") as (old, new):
        ids = old.fill(20)
        old.emulator.requests.clear()
        old.inject(Fault.delay(0.1), READ, times=20)
        make = partial(made_by_another_process, database, old.options, new.options, str(start))
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
            both = [processes.submit(make) for _ in range(2)]
            start.touch()
            assert [each.result()["pending"] for each in both] == [20, 20]
        assert reads(old) == Counter(ids), "a stream was read twice, or not at all"
        with old.emulator.lock:
            lists = [each for each in old.emulator.requests if each.path == "/v1/streams"]
        assert len(lists) == 1
        result = migrate.run(ledger=database, source=old.client, target=new.client)
        assert result.report.counts["created"] == 20
