"""Workers in separate processes, as on several machines, with one PostgreSQL ledger."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from migrations import Side, by_state, planned, scheduled, sides

pytestmark = pytest.mark.slow

SECRET = "k3y-0f-a-restream"
#: Seconds of a worker's lease. A worker that was killed keeps it for as long.
LEASE = 3.0


@pytest.fixture
def creates_of_this_process() -> Iterator[list[live.Exchange]]:
    """Record the creates that this process sends."""
    seen: list[live.Exchange] = []

    class Notes:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            if exchange.operation == "create":
                seen.append(exchange)

    plugin = Notes()
    live.register(plugin)
    yield seen
    live.unregister(plugin)


def connecting(side: Side) -> Callable[[], live.Client]:
    """Return a function that creates a client of an account in another process."""
    return partial(live.connect, side.provider, **side.options)


def run(
    plan: migrate.Plan | None, database: str, old: Side, new: Side, **settings: Any
) -> migrate.RunResult:
    settings = {"settle": 0.2, "workers": 2, "lease": LEASE, **settings}
    return migrate.run(
        plan, ledger=database, source=connecting(old), target=connecting(new), **settings
    )


@contextmanager
def connected(database: str) -> Iterator[sa.Connection]:
    """Connect to a database, and commit at the end."""
    engine = sa.create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def everything_in(database: str) -> str:
    """Return all rows of all tables as text."""
    with connected(database) as connection:
        names = sa.inspect(connection).get_table_names()
        return repr([connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in names])


def indexes_of(database: str) -> set[str]:
    """Return the names of all indexes."""
    with connected(database) as connection:
        return set(connection.scalars(sa.text("SELECT indexname FROM pg_indexes")))


def test_an_earlier_versions_ledger_is_upgraded_by_the_first_of_several_machines(
    database: str,
) -> None:
    with sides("memory", "memory") as (old, new):
        old.fill(3)
        migrate.Ledger.create(database, planned(old, new)).close()
    whole = indexes_of(database)
    with connected(database) as connection:
        connection.execute(sa.text("DROP INDEX open_groups"))

    def opened(_: int) -> int:
        with migrate.Ledger.open(database, write=True) as ledger:
            return len(ledger.report().items)

    migrate.report(database)
    assert indexes_of(database) < whole  # a report changes nothing
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(opened, range(4))) == [3] * 4
    assert indexes_of(database) == whole


def test_a_dask_cluster_makes_each_stream_once(
    database: str, creates_of_this_process: list[live.Exchange]
) -> None:
    distributed = pytest.importorskip("distributed")
    with sides("memory", "videosdk") as (old, new):
        restream = live.RestreamTarget("rtmp://other.example/live", SECRET)
        old.fill(7, restreams=[restream])
        old.add("Lesson 6")  # equal to another, except for its start
        plan = planned(old, new)
        new.inject(Fault.drop_after(), "create", skip=1)
        new.inject(Fault.drop_before(), "create", skip=3)
        new.inject(Fault.late_commit(0.3), "create", skip=5)
        creates_of_this_process.clear()
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            result = run(
                plan,
                database,
                old,
                new,
                settle=0.6,
                workers=2,
                executor=client.get_executor(pure=False),
            )
        assert (result.exit_code, result.stopped, result.error) == (0, None, None)
        assert new.titles() == old.titles()
        counts = result.report.counts
        assert counts["total"] == counts["created"] + counts["adopted"] == 8
        assert creates_of_this_process == []
        assert SECRET not in everything_in(database)
        assert all(
            each.restream[0]["streamKey"] == SECRET
            for each in new.emulator._streams.values()
            if each.restream
        )

        again = run(None, database, old, new)
        assert (again.exit_code, again.writes) == (0, 0)


def test_any_executor_of_processes_will_do(
    database: str, processes: Executor, creates_of_this_process: list[live.Exchange]
) -> None:
    with sides("videosdk", "tpstreams") as (old, new):
        old.fill(4)
        plan = planned(old, new, transform=scheduled)
        creates_of_this_process.clear()
        first = run(plan, database, old, new, executor=processes, max_create=3)
        assert (first.stopped, first.exit_code, first.writes) == ("budget", 6, 3)
        last = run(None, database, old, new, executor=processes)
        assert (last.stopped, last.exit_code, last.writes) == (None, 0, 1)
        assert creates_of_this_process == []
        assert new.titles() == old.titles()
        assert {stream.status for stream in new.streams()} == {live.Status.SCHEDULED}


def test_workers_of_other_processes_are_asked_to_stop(database: str, processes: Executor) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(30)
        plan = planned(old, new)
        stop = threading.Event()
        new.inject(Fault.edited(lambda *_: stop.set()), "create")
        new.inject(Fault.delay(0.05), "create", times=999)
        first = run(plan, database, old, new, executor=processes, stop=stop)
        assert (first.stopped, first.exit_code) == ("requested", 6)
        assert first.report.counts["unknown"] == 0
        new.emulator.clear_faults()
        assert run(None, database, old, new).exit_code == 0
        assert new.titles() == old.titles()


def dies(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    """Kill the process, except the one that made the plan, as a transform."""
    if os.environ["PLANNED_IN"] != str(os.getpid()):
        os._exit(1)
    return spec


def test_a_worker_that_dies_ends_the_run_and_the_next_resumes(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNED_IN", str(os.getpid()))
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(1)
        plan = planned(old, new, transform=dies)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
            first = run(plan, database, old, new, executor=executor, lease=1)
        assert first.exit_code == 6
        assert "a worker was lost" in str(first.error)
        last = run(None, database, old, new, transform=dies, lease=1)
        assert last.exit_code == 0
        assert new.titles() == old.titles()


def test_workers_of_other_processes_need_a_database(tmp_path: Path, processes: Executor) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(1)
        with pytest.raises(live.InvalidInput, match="PostgreSQL") as caught:
            run(planned(old, new), str(tmp_path / "ledger.db"), old, new, executor=processes)
        assert caught.value.field == "ledger"
        assert new.changes() == []


def test_workers_of_other_processes_need_functions_that_make_clients(
    database: str, processes: Executor
) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(1)
        plan = planned(old, new)
        with pytest.raises(live.InvalidInput, match="function") as caught:
            migrate.run(plan, ledger=database, executor=processes)
        assert caught.value.field == "source"
        assert new.changes() == []


def test_threads_of_a_pool_share_the_clients_also_with_a_database(database: str) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(3)
        plan = planned(old, new)
        with ThreadPoolExecutor(2) as executor:
            result = migrate.run(plan, ledger=database, executor=executor, workers=2)
        assert result.exit_code == 0
        assert new.titles() == old.titles()


def test_runs_at_the_same_time_share_the_work(database: str) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(12)
        plan = planned(old, new)
        assert run(plan, database, old, new, max_create=0).exit_code == 6
        everybody = threading.Barrier(6)

        def waits_for_the_others(_data: Any, _emulator: Any) -> None:
            everybody.wait(20)

        new.inject(Fault.edited(waits_for_the_others), "create", times=6)
        with ThreadPoolExecutor(2) as two:
            results = list(two.map(lambda _: run(None, database, old, new, workers=3), range(2)))
        assert [result.exit_code for result in results] == [0, 0]
        assert sum(result.writes for result in results) == 12
        assert all(result.writes for result in results)
        assert new.titles() == old.titles()


def test_the_whole_of_a_migration_works_with_a_database(database: str, tmp_path: Path) -> None:
    with sides("tktchurch", "tktchurch") as (old, new):
        old.fill(3)
        run(planned(old, new), database, old, new)
        assert migrate.check(database, old.client, new.client).all_equal
        first = migrate.report(database).items[0]
        migrate.mark_switched(database, [first.source_id])
        folder = tmp_path / "handover"
        assert migrate.handover(database, old.client, new.client, folder).streams == 3
        assert migrate.rollback(database, new.client).deleted == 2
        with pytest.raises(migrate.MigrationStopped):
            run(None, database, old, new)
        assert by_state(migrate.report(database)) == {"created": 3}
