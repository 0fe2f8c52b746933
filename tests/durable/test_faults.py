"""Durable creates that are interrupted make one stream for each key.

These are a few of the cases of ``python -m tests.durable``.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import attrs
import pytest

from postgresql import PostgreSQL
from tests.durable.life import Lesson
from tests.durable.run import Outcome, Run, run_scenario
from tests.durable.scenario import OnCreate, Scenario
from tests.torture.life import End
from tests.torture.scenario import Kind

pytestmark = pytest.mark.slow

#: How many seeds of ``python -m tests.durable`` are tried.
SEEDS = int(os.environ.get("DURABLE_SEEDS", "2"))
SOON = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
PLAIN = Scenario(
    seed=0,
    kind=Kind.AT_A_PLACE,
    shared=False,
    provider="tpstreams",
    lessons=(
        Lesson(key="lesson-0", title="Algebra", start=SOON),
        Lesson(key="lesson-1", title="Algebra", start=SOON),
    ),
    decoys=(("Algebra", SOON),),
    strangers=(),
    on_creates=(),
    on_lists=(),
    ends=(),
    way="create",
    runner="sync",
    threads=1,
    lease=2.0,
    settle=0.8,
    baseline_age=0.0,
    pause=None,
    apart=0.0,
    retries=0,
    skew=0.0,
    shifts=(0.0,),
)


def run_cleanly(folder: Path, scenario: Scenario, server: PostgreSQL | None = None) -> Outcome:
    """Run a scenario that must have no problems and nothing to review, and return its outcome."""
    outcome = run_scenario(scenario, folder, server and server.new_database)
    assert outcome.problems == ()
    assert outcome.reviews == ()
    return outcome


@pytest.mark.parametrize(
    ("where", "runner"),
    [
        ("after reading", "async"),
        ("before byte last of a create", "async"),
        ("after bytes of a create", "sync"),
        ("after sending a create", "async"),
    ],
)
def test_a_process_that_is_killed_leaves_one_stream_for_each_key(
    tmp_path: Path, where: str, runner: str
) -> None:
    outcome = run_cleanly(tmp_path, attrs.evolve(PLAIN, runner=runner, ends=(End(where=where),)))
    assert [each for each in outcome.ends if where in each]


@pytest.mark.parametrize("way", ["intend", "resume"])
def test_an_intent_beside_a_row_is_kept_by_a_database_server(
    tmp_path: Path, postgresql_server: PostgreSQL, way: Literal["intend", "resume"]
) -> None:
    run_cleanly(
        tmp_path,
        attrs.evolve(
            PLAIN,
            shared=True,
            way=way,
            ends=(End(where="before commit of insert lessons"),),
            shifts=(3600.0, -3600.0),
        ),
        postgresql_server,
    )


@pytest.mark.parametrize("shared", [False, True], ids=["SQLite", "PostgreSQL"])
def test_two_processes_make_one_stream_for_a_key(
    tmp_path: Path, shared: bool, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgresql_server") if shared else None
    run_cleanly(
        tmp_path,
        attrs.evolve(
            PLAIN,
            kind=Kind.TOGETHER,
            shared=shared,
            threads=2,
            on_creates=(OnCreate("late", "Algebra", 1), OnCreate("dropped before", "Algebra", 2)),
        ),
        server,
    )


@pytest.mark.parametrize("seed", range(1, 1 + SEEDS))
def test_some_seeds_have_no_problems(
    tmp_path: Path, seed: int, request: pytest.FixtureRequest
) -> None:
    scenario = Scenario.of(seed)
    server = request.getfixturevalue("postgresql_server") if scenario.shared else None
    run_cleanly(tmp_path, scenario, server)


# -- the oracle -----------------------------------------------------------------------------


def checked(folder: Path, made: int) -> list[str]:
    """Return the oracle's problems for two equal keys, of which the vendor has some streams."""
    run = Run(attrs.evolve(PLAIN, decoys=()), folder, f"sqlite:///{folder / 'creates.db'}")
    with run.vendor.served():
        ids = [run.vendor.add("Algebra", SOON) for _ in range(made)]
        for key in run.reported:
            run.reported[key].append(("stream", ids.pop(0) if ids else "?"))
        owned = run._each_key_has_one(dict.fromkeys(run.vendor.streams(), ("Algebra", SOON)))
        run._nothing_more(run.vendor.streams(), owned)
    return run.problems


def test_the_oracle_sees_what_is_lost(tmp_path: Path) -> None:
    assert "lesson-1 has ?, which is None" in checked(tmp_path, 1)


def test_the_oracle_sees_what_is_doubled(tmp_path: Path) -> None:
    assert any(each.startswith("doubled: ") for each in checked(tmp_path, 3))
