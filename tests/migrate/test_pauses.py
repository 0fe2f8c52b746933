"""A pause that a vendor asks for holds for the account: for all threads, processes, and commands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate.patience import Patience
from livestream_core.migrate.running import worker
from migrations import Side, by_state, end_pauses, planned, sides
from postgresql import PostgreSQL

pytestmark = pytest.mark.slow

#: A read of one stream of the memory provider.
READ = "GET /v1/streams/*"

#: Seconds after which a test gives up, on a machine that may be busy.
PATIENCE = 60.0


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where to keep a ledger, in both kinds of database."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    return server.new_database()


def busy(seconds: float, status: int = 429) -> Fault:
    return Fault.status(
        status, headers={"Retry-After": str(seconds)}, body='{"detail": "slow down"}'
    )


def run(plan: migrate.Plan | None, location: str, **settings: Any) -> migrate.RunResult:
    settings = {"settle": 0.2, "workers": 1, **settings}
    return migrate.run(plan, ledger=location, **settings)


def connecting(side: Side) -> Callable[[], live.Client]:
    """Return a function that creates a client of an account in another process."""
    return partial(live.connect, side.provider, **side.options)


@attrs.define
class Waits:
    """Records the pauses that are reported, and then stops what waits."""

    stop: threading.Event = attrs.field(factory=threading.Event)
    errors: list[live.LiveStreamError] = attrs.field(factory=list)
    reported: threading.Event = attrs.field(factory=threading.Event)
    stops: bool = True

    def __call__(self, until: datetime, error: live.LiveStreamError) -> None:
        self.errors.append(error)
        self.reported.set()
        if self.stops:
            self.stop.set()

    def settings(self) -> dict[str, Any]:
        return {"waiting": self, "stop": self.stop}


def test_a_run_that_starts_in_a_pause_keeps_it_and_says_why(location: str) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(3)
        plan = planned(old, new)
        new.inject(busy(600), "create", times=99)
        for _ in range(2):
            waits = Waits()
            result = run(plan, location, workers=3, **waits.settings())
            assert (result.exit_code, result.stopped) == (6, "requested")
            (error,) = waits.errors
            assert isinstance(error, live.RateLimited)
            assert "slow down" in error.message
            assert (error.provider, error.account) == ("videosdk", new.client.account)
            assert by_state(result.report) == {"pending": 3}
            sent = new.creates()
            assert 1 <= sent <= 3  # one request in flight per worker
            waits = Waits()
        assert new.creates() == sent


def test_runs_of_several_machines_keep_the_pause_that_one_was_asked_for(database: str) -> None:
    with sides("memory", "videosdk") as (old, new), ThreadPoolExecutor(2) as machines:
        old.fill(12)
        plan = planned(old, new)
        new.inject(busy(600), "create", times=99)
        first, second = Waits(stops=False), Waits()
        one = machines.submit(run, plan, database, **first.settings())
        assert first.reported.wait(PATIENCE)
        clients = {"source": old.client, "target": new.client, "workers": 6}
        with live.connect("videosdk", **new.options) as another:
            clients["target"] = another
            assert run(None, database, **clients, **second.settings()).stopped == "requested"
        first.stop.set()
        assert one.result(PATIENCE).stopped == "requested"
        assert new.creates() == 1
        assert ["slow down" in each.message for each in second.errors] == [True]


@pytest.mark.parametrize("runs", [1, 2])
def test_who_works_already_stops_sending_when_another_worker_or_run_is_asked_to_wait(
    database: str, runs: int
) -> None:
    with sides("memory", "videosdk") as (old, new), ThreadPoolExecutor(2) as machines:
        old.fill(40)
        plan = planned(old, new)
        everyone, refused = threading.Barrier(2), threading.Event()

        def waits_for_the_refusal(_data: Any, _emulator: Any) -> None:
            everyone.wait(PATIENCE)
            assert refused.wait(PATIENCE)

        def refuses() -> Any:
            everyone.wait(PATIENCE)
            return asked()

        asked = busy(600).response
        assert asked is not None
        # Both runs have a create in flight; the answer to one of them is the pause.
        new.inject(Fault.edited(waits_for_the_refusal), "create")
        new.inject(attrs.evolve(busy(600), response=refuses), "create")
        assert run(plan, database, max_create=0).exit_code == 6
        waits = Waits(stops=False)

        def tells(until: datetime, error: live.LiveStreamError) -> None:
            refused.set()
            waits(until, error)

        both = [
            machines.submit(run, plan, database, waiting=tells, stop=waits.stop, workers=3 - runs)
            for _ in range(runs)
        ]
        deadline = time.monotonic() + PATIENCE
        while len(waits.errors) < runs or "created" not in by_state(migrate.report(database)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        waits.stop.set()
        assert {each.result(PATIENCE).stopped for each in both} == {"requested"}
        assert new.creates() == 2


def test_workers_of_other_processes_wait_and_their_pause_is_reported(
    database: str, processes: Executor
) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(6)
        plan = planned(old, new)
        accounts = {"source": connecting(old), "target": connecting(new)}
        new.inject(busy(600), "create", times=99)
        waits = Waits()
        began = time.monotonic()
        first = run(plan, database, executor=processes, workers=2, **accounts, **waits.settings())
        assert (first.exit_code, first.stopped) == (6, "requested")
        assert time.monotonic() - began < 300  # workers in a pause notice the stop
        assert len(waits.errors) == 1
        sent = new.creates()
        assert 1 <= sent <= 2

        again = Waits()
        second = run(plan, database, executor=processes, workers=6, **accounts, **again.settings())
        assert (second.exit_code, second.stopped) == (6, "requested")
        assert len(again.errors) == 1
        assert new.creates() == sent


def test_a_pause_that_is_too_long_ends_the_run_of_every_process(
    database: str, processes: Executor
) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(6)
        plan = planned(old, new)
        accounts = {"source": connecting(old), "target": connecting(new)}
        new.inject(busy(3600), "create", times=99)
        settings: dict[str, Any] = {"executor": processes, "workers": 4, **accounts}
        for started in (2, 0):
            before = new.creates()
            result = run(plan, database, **settings)
            assert (result.exit_code, result.stopped) == (6, "patience")
            assert isinstance(result.error, live.RateLimited)
            assert result.resume_at is not None
            assert new.creates() - before <= started


def test_nothing_is_sent_before_the_end_of_a_pause_and_everything_after(location: str) -> None:
    seconds = 3.0
    with sides("memory", "videosdk") as (old, new):
        old.fill(12)
        plan = planned(old, new)
        arrivals: list[float] = []
        ask = busy(seconds).response
        assert ask is not None

        def refuses() -> Any:
            arrivals.append(time.monotonic())
            return ask()

        def arrives(_data: Any, _emulator: Any) -> None:
            arrivals.append(time.monotonic())

        new.inject(Fault.edited(arrives), "create", times=2)
        new.inject(attrs.evolve(busy(seconds), response=refuses), "create")
        new.inject(Fault.edited(arrives), "create", times=99)
        result = run(plan, location, workers=4)
        assert (result.exit_code, by_state(result.report)) == (0, {"created": 12})
        refused = arrivals[2]
        early = [each for each in arrivals[3:] if each < refused + seconds - 0.2]
        assert len(early) <= 3  # in flight
        assert new.creates() == 13
        assert new.titles() == old.titles()


def test_pauses_with_answers_in_between_do_not_add_up_for_a_process_that_only_watches(
    location: str,
) -> None:
    with sides("memory", "memory") as (old, new):
        old.fill(1)
        migrate.Ledger.create(location, planned(old, new)).close()
        account = new.client.account
    with migrate.Ledger.open(location, write=True) as one, migrate.Ledger.open(location) as other:
        works, watches = Patience(ledger=one), Patience(1.0, ledger=other)
        for _ in range(3):
            error = live.RateLimited("slow down", retry_after=0.6, account=account)
            error.http_status = 429
            works.keep(error)
            while works.left:
                watches.look()
                assert watches.too_long is None
                time.sleep(0.05)
            works.answered(account)
        assert not watches.left


def test_a_pause_is_no_failure_and_costs_no_try(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "TRIES", 2)
    monkeypatch.setattr(worker, "FAILURES_IN_A_ROW", 2)
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.fill(1)
        plan = planned(old, new)
        new.inject(busy(0.05), "create", times=3)
        new.inject(busy(0.05, 503), "list", times=3)
        old.inject(busy(0.05), READ, times=3)
        result = run(plan, location)
        assert (result.exit_code, by_state(result.report)) == (0, {"created": 1})
        assert result.writes == 1


@pytest.mark.parametrize("on", ["create", "source"])
def test_a_short_pause_ends_too_when_the_run_is_stopped(location: str, on: str) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(2)
        plan = planned(old, new)
        at = new if on == "create" else old
        at.inject(busy(19), on if on == "create" else READ, times=99)
        before, waits = len(at.emulator.requests), Waits()
        result = run(plan, location, **waits.settings())
        assert (result.exit_code, result.stopped, len(waits.errors)) == (6, "requested", 1)
        sent = [
            each for each in at.emulator.requests[before:] if each.method == "POST" or at is old
        ]
        assert len(sent) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("where", ["the source's list", "the target's list", "a source stream"])
def test_a_plan_waits(where: str, status: int) -> None:
    with sides("memory", "memory", retries=0) as (old, new):
        old.fill(2)
        at = new if where == "the target's list" else old
        at.inject(busy(1, status), READ if "stream" in where else "list")
        waits = Waits()
        plan = migrate.plan(old.client, new.client, waiting=waits)
        assert plan.counts["pending"] == 2
        assert len(waits.errors) == 1
        at.inject(busy(60, status), "list", times=99)
        with pytest.raises(migrate.PatienceExceeded) as caught:
            migrate.plan(old.client, new.client, patience=59)
        assert (caught.value.retry_after, caught.value.http_status) == (60, status)


@pytest.fixture
def moved(location: str) -> Iterator[tuple[str, Side, Side]]:
    with sides("memory", "memory", retries=0) as (old, new):
        old.fill(3)
        run(planned(old, new), location)
        yield location, old, new


@pytest.mark.parametrize("command", ["check", "handover", "refresh", "retire", "rollback"])
def test_every_later_command_waits_too(
    moved: tuple[str, Side, Side], command: str, tmp_path: Path
) -> None:
    location, old, new = moved
    waits = Waits()
    new.inject(busy(1), READ)
    delete: dict[str, Any] = {"waiting": waits}
    if command == "check":
        assert migrate.check(location, old.client, new.client, waiting=waits).all_equal
    elif command == "handover":
        found = migrate.handover(location, old.client, new.client, tmp_path / "to", waiting=waits)
        assert (found.streams, found.unread) == (3, {})
    elif command == "refresh":
        migrate.refresh_cutovers(location, new.client, waiting=waits)
    elif command == "retire":
        old.inject(busy(1), "DELETE /v1/streams/*")
        result = migrate.retire(
            location, old.client, new.client, max_delete=9, prepared=True, **delete
        )
        assert (result.deleted, result.exit_code) == (3, 0)
    else:
        new.inject(busy(1), "DELETE /v1/streams/*", skip=1)
        result = migrate.rollback(location, new.client, **delete)
        assert (result.deleted, result.exit_code) == (3, 0)
    assert len(waits.errors) == (2 if command in ("retire", "rollback") else 1)


def test_deleting_stops_early_in_a_pause_that_is_too_long_and_goes_on_after_it(
    moved: tuple[str, Side, Side],
) -> None:
    location, _, new = moved
    new.inject(busy(3600), "DELETE /v1/streams/*", skip=1, times=99)
    for _ in range(2):
        before = len(new.changes())
        result = migrate.rollback(location, new.client)
        assert (result.exit_code, result.kept) == (6, ())
        assert result.remaining == 2
        if before > 3 + 2:  # the second call sends nothing
            assert len(new.changes()) == before


def test_deleting_stops_in_a_pause_when_asked(moved: tuple[str, Side, Side]) -> None:
    location, _, new = moved
    waits = Waits()
    new.inject(busy(600), "DELETE /v1/streams/*", skip=1, times=99)
    result = migrate.rollback(location, new.client, **waits.settings())
    assert (result.deleted, result.remaining, result.exit_code) == (1, 2, 6)


def test_a_run_waits_for_the_pause_that_a_rollback_was_asked_for(
    moved: tuple[str, Side, Side],
) -> None:
    location, _, new = moved
    new.inject(busy(600), READ, times=99)
    first = Waits()
    assert migrate.rollback(location, new.client, **first.settings()).exit_code == 6
    sent = len(new.emulator.requests)
    second = Waits()
    assert migrate.rollback(location, new.client, **second.settings()).exit_code == 6
    assert len(new.emulator.requests) == sent
    assert len(second.errors) == 1


def test_a_check_keeps_the_pause_of_a_run_in_the_same_ledger(
    moved: tuple[str, Side, Side],
) -> None:
    location, old, new = moved
    new.inject(busy(600), READ, times=99)
    migrate.rollback(location, new.client, patience=0)
    sent = len(new.emulator.requests)
    with pytest.raises(live.RateLimited):
        migrate.check(location, old.client, new.client, patience=1)
    assert len(new.emulator.requests) == sent
    if not location.startswith("postgresql"):
        end_pauses(Path(location))
    else:
        engine = sa.create_engine(location.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE pauses SET until = 0"))
        engine.dispose()
    new.emulator.clear_faults()
    assert migrate.check(location, old.client, new.client).all_equal
