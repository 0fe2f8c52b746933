"""Migrations that are interrupted create every stream exactly once.

These are a few of the thousands of cases of ``python -m tests.torture``.
"""

from __future__ import annotations

import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate import Item, ItemState, Report
from migration_commands import RUN, migration
from postgresql import PostgreSQL
from tests.torture.life import End
from tests.torture.oracle import problems, waits_kept
from tests.torture.run import Outcome, run_scenario
from tests.torture.scenario import (
    FATAL,
    HELD,
    ON_CREATES,
    ON_DELETES,
    After,
    Afterwards,
    Kind,
    OnCreate,
    OnRead,
    Scenario,
)
from tests.torture.vendors import PROVIDERS, Asks, Content, Vendor, Wait

pytestmark = pytest.mark.slow

SOON = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
#: Two equal streams, and one with another start.
STREAMS = (("Algebra", SOON), ("Algebra", SOON), ("Algebra", SOON + timedelta(hours=1)))
PLAIN = Scenario(
    seed=0,
    kind=Kind.BY_THE_VENDOR,
    shared=False,
    source="tktchurch",
    target="tpstreams",
    streams=(*STREAMS, ("Vespers", SOON)),
    kept_back=("Without a start",),
    decoys=(("Algebra", SOON),),
    strangers=(),
    on_creates=(),
    on_lists=(),
    on_source=(),
    ends=(),
    workers=2,
    lease=1.0,
    pause=None,
    apart=0.0,
    retries=0,
    mark=False,
    skew=0.0,
    settle=0.6,
)


def run_cleanly(folder: Path, scenario: Scenario, server: PostgreSQL | None = None) -> Outcome:
    """Run a scenario that must have no problems, and return its outcome."""
    outcome = run_scenario(scenario, folder, server and server.new_database)
    assert outcome.problems == ()
    return outcome


# -- one process ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "before replace",
        "after commit of change_migration+save_baseline",
        "after commit of hold+intend",
        "before the mark of hold+intend",
        "after the mark of hold+intend",
        "after sending a create",
    ],
)
def test_a_run_that_is_killed_resumes(tmp_path: Path, where: str) -> None:
    scenario = attrs.evolve(PLAIN, kind=Kind.AT_A_PLACE, ends=(End(where=where),))
    assert run_cleanly(tmp_path, scenario).ends == (where,)


@pytest.mark.parametrize("fatal", sorted(FATAL))
def test_a_create_whose_process_died_is_applied_once(tmp_path: Path, fatal: str) -> None:
    scenario = attrs.evolve(PLAIN, on_creates=(OnCreate(fatal, 0, 1),))
    assert run_cleanly(tmp_path, scenario).lives[0] == "killed by its vendor"


def test_a_create_that_is_retried_gets_its_own_settle_time(
    tmp_path: Path,
) -> None:
    again = (OnCreate("502", 0, 1), OnCreate("fatal, late", 0, 2))
    run_cleanly(tmp_path, attrs.evolve(PLAIN, on_creates=again, workers=1))


@pytest.mark.parametrize("what", After)
def test_what_is_deleted_afterwards_is_what_should_be_although_it_is_killed(
    tmp_path: Path, what: After
) -> None:
    afterwards = Afterwards(
        what=what,
        ends=(End(where="before sending a delete"), End(where="after sending a delete")),
        on_deletes=(OnRead("dropped after", 1),),
        switched=2,
        most=2,
    )
    scenario = attrs.evolve(
        PLAIN,
        target_asks=(Asks(8, 0.5, 429, refuses_all=False),),
        gone=((0.4, 3),),
        afterwards=afterwards,
    )
    outcome = run_cleanly(tmp_path, scenario)
    assert outcome.ends[-2:] == ("before sending a delete", "after sending a delete")


@pytest.mark.parametrize("seed", [5, 11])
def test_a_run_of_the_harness_passes(tmp_path: Path, seed: int) -> None:
    run_cleanly(tmp_path, Scenario.of(seed))


def test_a_killed_command_resumes_when_it_is_run_again(tmp_path: Path) -> None:
    with migration(tmp_path) as migrating:
        migrating.source.fill(3)
        started: list[subprocess.Popen[str]] = []
        dies = Fault.edited(lambda _data, _emulator: started[0].kill())
        migrating.target.inject(dies, "create", skip=1)
        with migrating.started(*RUN, "--yes") as process:
            started.append(process)
            assert process.wait() == -signal.SIGKILL
        again = migrating.process(*RUN, "--yes", "--settle-time", "0.2")
        assert again.returncode == 0, again.stderr
        assert migrating.target.titles() == migrating.source.titles()


# -- several processes ----------------------------------------------------------------------


def test_a_second_run_on_a_file_is_refused_while_the_first_is_stopped(tmp_path: Path) -> None:
    stopped = End(how="stopped", where="after commit of hold+intend")
    outcome = run_cleanly(tmp_path, attrs.evolve(PLAIN, kind=Kind.STOPPED, ends=(stopped,)))
    assert "another run is using the ledger" in outcome.lives[0]


def test_two_runs_share_a_database_and_the_waits_that_vendors_ask_for(
    tmp_path: Path, postgresql_server: PostgreSQL
) -> None:
    asks = {
        "source_asks": (Asks(9, 0.5, 503, refuses_all=True),),
        "target_asks": (Asks(6, 0.8, 429, refuses_all=True),),
    }
    scenario = attrs.evolve(PLAIN, kind=Kind.TOGETHER, shared=True, **asks)
    run_cleanly(tmp_path, scenario, postgresql_server)


def test_a_create_that_is_retried_next_to_other_workers_gets_its_own_settle_time(
    tmp_path: Path, postgresql_server: PostgreSQL
) -> None:
    again = (OnCreate("502", 0, 1), OnCreate("fatal, late", 0, 2))
    # Longer than the lease that the dead process leaves.
    scenario = attrs.evolve(PLAIN, on_creates=again, shared=True, workers=1, settle=2.0)
    run_cleanly(tmp_path, scenario, postgresql_server)


def test_the_work_of_a_run_that_died_is_taken_over_when_its_lease_is_over(
    tmp_path: Path, postgresql_server: PostgreSQL
) -> None:
    dies = End(where="after sending a create")
    scenario = attrs.evolve(PLAIN, kind=Kind.AT_A_PLACE, shared=True, ends=(dies,))
    assert run_cleanly(tmp_path, scenario, postgresql_server).ends == ("after sending a create",)


@pytest.mark.parametrize("where", ["after commit of hold+intend", "after sending a create"])
def test_a_run_that_was_stopped_past_its_lease_creates_nothing_twice(
    tmp_path: Path, postgresql_server: PostgreSQL, where: str
) -> None:
    stopped = End(how="stopped", where=where)
    scenario = attrs.evolve(PLAIN, kind=Kind.STOPPED, shared=True, ends=(stopped,), workers=1)
    assert run_cleanly(tmp_path, scenario, postgresql_server).ends == (where,)


def test_a_create_that_was_stopped_on_its_way_out_is_found_and_named_and_can_be_accepted(
    tmp_path: Path, postgresql_server: PostgreSQL
) -> None:
    stopped = End(how="stopped", where="before sending a create")
    scenario = attrs.evolve(PLAIN, kind=Kind.STOPPED, shared=True, ends=(stopped,), workers=1)
    named, accepted = run_cleanly(tmp_path, scenario, postgresql_server).lives[-2:]
    assert (named[:8], accepted[:8]) == ("done 7 0", "done 0 0")


# -- the harness itself ---------------------------------------------------------------------


def test_two_hundred_seeds_have_every_kind_pair_and_fault() -> None:
    scenarios = [Scenario.of(seed) for seed in range(1, 201)]
    assert {each.kind for each in scenarios} == set(Kind)
    assert {(each.source, each.target) for each in scenarios} == {
        (one, other) for one in PROVIDERS for other in PROVIDERS
    }
    faults = {trouble.name for each in scenarios for trouble in each.on_creates}
    assert faults == {*ON_CREATES, *FATAL, HELD}
    afterwards = [each.afterwards for each in scenarios if each.afterwards]
    assert {each.what for each in afterwards if each.ends} == set(After)
    assert {each.name for every in afterwards for each in every.on_deletes} == set(ON_DELETES)
    assert all(
        any(getattr(each, name) for each in scenarios)
        for name in ("gone", "source_asks", "target_asks")
    )


def test_two_hundred_seeds_kill_a_run_at_each_of_its_first_eighty_places() -> None:
    ends = [end for seed in range(1, 201) for end in Scenario.of(seed).ends]
    assert set(range(2, 82)) <= {end.at for end in ends if end.how == "killed"}


class Held:
    """A vendor with the given streams."""

    keeps_starts = True

    def __init__(self, *contents: Content) -> None:
        self.held = {f"{number}": content for number, content in enumerate(contents)}

    def streams(self) -> dict[str, Content]:
        return self.held

    def key(self, id: str) -> str:
        return id


def problems_of(scenario: Scenario, *made: Content, **changes: Any) -> list[str]:
    """Return the oracle's problems for a target with these streams and a complete ledger."""
    items = [
        Item(
            source_id=f"s{number}",
            target_id=f"{number}",
            title=title,
            state=ItemState.CREATED,
            spec=None,
        )
        for number, (title, _) in enumerate(scenario.streams)
    ]
    report = Report(
        plan="p",
        source_account="a",
        target_account="b",
        started_at=SOON,
        made_at=SOON,
        phase="finished",
        settings=migrate.PlanSettings(),
        items=tuple(items),
    )
    vendors: dict[str, Any] = {"source": Held(), "target": Held(*made)}
    before: dict[str, Any] = {
        "source_before": {},
        "target_before": {},
        "strangers": {},
        "gone": set(),
    }
    return list(
        problems(scenario, report, **{**vendors, **before, "extras_reported": False, **changes})
    )


def test_the_oracle_sees_what_is_lost() -> None:
    assert any(each.startswith("lost: 1 of") for each in problems_of(PLAIN, *PLAIN.streams[1:]))


def test_the_oracle_sees_what_is_doubled() -> None:
    found = problems_of(PLAIN, *PLAIN.streams, PLAIN.streams[0])
    assert any(each.startswith("doubled: 1 too many of") for each in found)


def test_the_oracle_sees_what_was_changed_that_was_there_before() -> None:
    before: dict[str, Content] = {"x": ("Algebra", SOON)}
    assert "a previous stream was changed" in problems_of(PLAIN, target_before=before)[0]


def test_the_oracle_sees_a_source_that_was_changed() -> None:
    assert problems_of(PLAIN, source_before={"x": ("Algebra", SOON)})[0] == "the source was changed"


def test_the_oracle_sees_a_wait_that_was_not_kept() -> None:
    asks = Asks(0, 0.5, 429, refuses_all=True)
    kept, not_kept = (Wait(0.0, asks, allowed=2, arrived=arrived) for arrived in (2, 3))
    found = ["3 requests in a wait, of which 2 may be under way"]
    assert list(waits_kept([kept, not_kept])) == found


def test_the_streams_of_vendors_are_read_from_their_own_state() -> None:
    for provider in PROVIDERS:
        vendor = Vendor(provider)
        with vendor.served():
            id = vendor.add("Algebra", SOON)
            kept = SOON if vendor.keeps_starts else None
            assert vendor.streams() == {id: ("Algebra", kept)}
