"""A run creates each planned stream once at the target, and resumes after an interruption."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pyrate_limiter
import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.durable import listing
from livestream_core.emulator import Fault
from livestream_core.migrate import ItemState
from livestream_core.migrate.ledger.transaction import Transaction
from livestream_core.migrate.running import worker
from migrations import PAIRS, PROVIDERS, Side, by_state, end_pauses, in_days, planned, side, sides

pytestmark = pytest.mark.slow

SECRET = "k3y-0f-a-restream"
PASSWORD = "p4ssw0rd-0f-a-restream"


@pytest.fixture
def church() -> Iterator[tuple[Side, Side]]:
    """Return a source with schedules and tags, and a target that starts unscheduled streams."""
    with sides("tktchurch", "tpstreams") as both:
        yield both


def run(plan: migrate.Plan | None, ledger: Path, **settings: Any) -> migrate.RunResult:
    settings = {"settle": 0.1, **settings}
    return migrate.run(plan, ledger=ledger, **settings)


# -- complete migrations between all vendors ----------------------------------------------------


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_migration_from_its_plan_to_its_end_and_back(
    source: str, target: str, ledger: Path, tmp_path: Path
) -> None:
    with sides(source, target) as (old, new):
        new.add("Of the target's own")
        old.fill(5, description="All of it", tags=["maths"], latency="low", record=True)
        first = run(planned(old, new), ledger)
        assert (first.exit_code, first.writes, first.stopped) == (0, 5, None)
        assert by_state(first.report) == {"created": 5}
        moved = sorted(["Of the target's own", *old.titles()])
        assert new.titles() == moved

        assert migrate.check(ledger, old.client, new.client).all_equal

        changes = len(new.changes())
        second = run(None, ledger, source=old.client, target=new.client)
        assert (second.exit_code, second.writes) == (0, 0)
        assert len(new.changes()) == changes
        assert second.report.items == first.report.items

        handed = migrate.handover(ledger, old.client, new.client, tmp_path / "handover")
        assert handed.streams == 5

        back = migrate.rollback(ledger, new.client)
        assert (back.deleted, back.exit_code) == (5, 0)
        assert new.titles() == ["Of the target's own"]
        assert len(old.streams()) == 5


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_migration_between_two_accounts_of_one_vendor(provider: str, ledger: Path) -> None:
    with sides(provider, provider) as (old, new):
        old.fill(3)
        assert run(planned(old, new), ledger).exit_code == 0
        assert new.titles() == old.titles()


@pytest.mark.parametrize("target", PROVIDERS)
def test_two_equal_streams_become_two(target: str, ledger: Path) -> None:
    with sides("memory", target) as (old, new):
        for _ in range(2):
            old.add("Lesson", scheduled_start=in_days(3))
        result = run(planned(old, new), ledger)
        assert by_state(result.report) == {"created": 2}
        assert len({item.target_id for item in result.report.items}) == 2
        assert new.titles() == ["Lesson", "Lesson"]


def test_a_migration_of_nothing_is_done(church: tuple[Side, Side], ledger: Path) -> None:
    result = run(planned(*church), ledger)
    assert (result.exit_code, result.writes, result.report.counts["total"]) == (0, 0, 0)


def test_no_server_is_started(ledger: Path) -> None:
    with sides("videosdk", "tpstreams") as (old, new):
        old.add("Lesson")
        run(planned(old, new), ledger)
        new.emulator.clock.advance(60)
        assert [stream.status for stream in new.streams()] == [live.Status.SCHEDULED]


def test_a_stream_that_needs_review_is_not_created_and_reported_at_the_end(ledger: Path) -> None:
    with sides("videosdk", "tpstreams") as (old, new):
        old.add("Lesson")
        result = run(planned(old, new, transform=None), ledger)
        assert (result.exit_code, by_state(result.report)) == (7, {"needs_review": 1})
        assert new.streams() == []


@pytest.mark.parametrize("workers", [1, 7])
def test_any_number_of_workers_makes_each_stream_once(workers: int, ledger: Path) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(9)
        assert run(planned(old, new), ledger, workers=workers).exit_code == 0
        assert new.titles() == old.titles()


def test_the_counts_of_a_report_add_up(ledger: Path) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(4)
        old.client.start(old.streams()[0].id)
        new.inject(Fault.status(422), "create")
        counts = run(planned(old, new), ledger).report.counts
        assert counts == {
            "total": 4,
            "pending": 0,
            "created": 2,
            "adopted": 0,
            "skipped": 1,
            "refused": 1,
            "unknown": 0,
            "needs_review": 0,
        }


def test_marks_are_sent(ledger: Path) -> None:
    with sides("videosdk", "tktchurch") as (old, new):
        old.add("Lesson")
        result = run(planned(old, new, mark=True), ledger)
        (item,) = result.report.items
        assert item.marked
        (stream,) = new.streams()
        assert [tag for tag in stream.tags if tag.startswith("livestream-core:")] == [*stream.tags]


def test_a_stream_with_our_mark_is_not_moved_again(ledger: Path) -> None:
    with sides("videosdk", "tktchurch") as (old, new):
        old.fill(2)
        run(planned(old, new, mark=True), ledger, max_create=1)
        states = sorted(item.state for item in planned(old, new).items)
        assert states == [ItemState.PENDING, ItemState.SKIPPED]


# -- the source is read again -------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"title": "Another"}, {"tags": ["new"]}, {"description": "!"}])
def test_a_stream_that_changed_since_the_plan_is_not_created(
    church: tuple[Side, Side], ledger: Path, change: Any
) -> None:
    old, new = church
    changed, other = old.fill(2)
    plan = planned(old, new)
    old.client.update(changed, **change)
    items = {item.source_id: item for item in run(plan, ledger).report.items}
    assert items[changed].state is ItemState.NEEDS_REVIEW
    assert "has changed since the plan was made" in items[changed].reason
    assert items[other].state is ItemState.CREATED
    assert len(new.streams()) == 1


def test_a_changed_stream_is_created_after_it_is_planned_again(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    (changed,) = old.fill(1)
    plan = planned(old, new)
    old.client.update(changed, title="Another")
    assert run(plan, ledger).exit_code == 7
    assert run(plan, ledger).exit_code == 7
    result = run(plan, ledger, replan=True)
    assert (result.exit_code, by_state(result.report)) == (0, {"created": 1})
    assert new.titles() == ["Another"]


@pytest.mark.parametrize("source", ["tktchurch", "tpstreams"])
def test_a_stream_that_is_gone_from_the_source_is_looked_for_twice_and_then_skipped(
    source: str, ledger: Path
) -> None:
    with sides(source, "memory") as (old, new):
        gone, _ = old.fill(2)
        plan = planned(old, new)
        old.client.delete(gone)
        result = run(plan, ledger, workers=1)
        states = {item.source_id: item for item in result.report.items}
        assert (result.exit_code, states[gone].state) == (0, ItemState.SKIPPED)
        assert states[gone].reason == "gone: it no longer exists at the source"
        assert states[gone].intended_at is None
        assert (new.creates(), len(new.streams())) == (1, 1)
        assert migrate.check(ledger, old.client, new.client).all_equal


def test_a_stream_that_is_missing_for_a_moment_is_created(ledger: Path) -> None:
    with sides("memory", "memory") as (old, new):
        (lesson,) = old.fill(1)
        plan = planned(old, new)
        old.inject(Fault.status(404), f"GET /v1/streams/{lesson}")
        result = run(plan, ledger)
        assert (result.exit_code, by_state(result.report)) == (0, {"created": 1})


@pytest.mark.parametrize("moments", [0, 1])
def test_a_stream_that_needed_review_and_is_gone_is_skipped_by_replan(
    ledger: Path, moments: int
) -> None:
    with sides("memory", "memory") as (old, new):
        refused, changed = old.fill(2)
        plan = planned(old, new)
        old.client.update(changed, description="Another")
        new.inject(Fault.status(422), "create")
        assert by_state(run(plan, ledger).report) == {"refused": 1, "needs_review": 1}
        old.inject(Fault.status(404), f"GET /v1/streams/{changed}", times=moments)
        old.client.delete(refused)
        result = run(plan, ledger, replan=True)
        assert (result.exit_code, by_state(result.report)) == (0, {"created": 1, "skipped": 1})


def test_a_create_that_may_be_late_is_reported_even_if_its_source_is_gone(ledger: Path) -> None:
    with sides("memory", "memory", retries=0) as (old, new):
        (lesson,) = old.fill(1)
        plan = planned(old, new)
        start = plan.items[0].scheduled_start

        def deletes(*_: Any) -> None:
            old.client.delete(lesson)

        old.emulator.inject(Fault.edited(deletes), on=f"GET /v1/streams/{lesson}")
        new.inject(Fault.drop_before(), "create")
        assert by_state(run(plan, ledger).report) == {"skipped": 1}
        late = new.add("Lesson 0", scheduled_start=start)
        result = run(plan, ledger)
        assert (result.exit_code, result.report.unowned) == (7, (late.id,))


def test_a_stream_that_is_in_use_since_the_plan_is_not_created(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    (started,) = old.fill(1)
    plan = planned(old, new)
    old.client.start(started)
    (item,) = run(plan, ledger).report.items
    assert item.state is ItemState.NEEDS_REVIEW
    assert "in use" in item.reason
    assert new.streams() == []


def test_a_stream_that_cannot_be_read_for_a_moment_is_read_again(ledger: Path) -> None:
    with sides("videosdk", "tktchurch", retries=0) as (old, new):
        (lesson,) = old.fill(1)
        plan = planned(old, new)
        old.inject(Fault.status(503), f"GET /v1/livestreams/{lesson}", times=2)
        result = run(plan, ledger)
        assert (result.exit_code, result.writes) == (0, 1)


def test_a_transform_with_another_result_during_the_run_stops_the_stream(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(1)
    calls = iter(range(99))
    plan = planned(
        old, new, transform=lambda _, spec: attrs.evolve(spec, title=f"Take {next(calls)}")
    )
    assert by_state(run(plan, ledger).report) == {"needs_review": 1}
    assert new.streams() == []


# -- stop and resume ----------------------------------------------------------------------------


def test_no_more_is_created_than_the_budget(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(5)
    first = run(planned(old, new), ledger, max_create=2)
    assert (first.stopped, first.exit_code, first.writes) == ("budget", 6, 2)
    assert len(new.streams()) == 2
    second = run(None, ledger, source=old.client, target=new.client, max_create=2)
    assert (second.stopped, second.exit_code, second.writes) == ("budget", 6, 2)
    last = run(None, ledger, source=old.client, target=new.client)
    assert (last.stopped, last.exit_code, last.writes) == (None, 0, 1)
    assert new.titles() == old.titles()


def test_a_budget_of_nothing_creates_nothing(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(1)
    result = run(planned(old, new), ledger, max_create=0)
    assert (result.stopped, result.exit_code, result.writes) == ("budget", 6, 0)
    assert new.changes() == []


def test_a_budget_that_is_just_enough_does_not_stop_the_run(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(2)
    result = run(planned(old, new), ledger, max_create=2)
    assert (result.stopped, result.exit_code) == (None, 0)


def test_a_refused_create_does_not_count_towards_the_budget(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(2)
    new.inject(Fault.status(400), "create")
    result = run(planned(old, new), ledger, max_create=1, workers=1)
    assert by_state(result.report) == {"refused": 1, "created": 1}


def test_a_run_that_is_asked_to_stop_finishes_what_is_in_flight(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(8)
    stop = threading.Event()
    plan = planned(old, new)
    stops_at_a_create(new, stop)
    result = run(plan, ledger, workers=2, stop=stop)
    assert (result.stopped, result.exit_code, result.error) == ("requested", 6, None)
    counts = result.report.counts
    assert counts["unknown"] == 0
    assert 1 <= counts["created"] == len(new.streams()) <= 3
    last = run(None, ledger, source=old.client, target=new.client)
    assert last.exit_code == 0
    assert new.titles() == old.titles()


def stops_at_a_create(new: Side, stop: threading.Event) -> None:
    """Stop a run while its first create is in progress."""

    def edit(*_: Any) -> None:
        stop.set()

    new.inject(Fault.edited(edit), "create")


def test_a_run_that_is_stopped_before_it_begins_sends_nothing(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(1)
    stop = threading.Event()
    stop.set()
    result = run(planned(old, new), ledger, stop=stop)
    assert (result.stopped, result.exit_code) == ("requested", 6)
    assert new.changes() == []


def test_a_ledger_resumes_with_its_own_plan(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(2)
    run(planned(old, new), ledger, max_create=0)
    old.add("Added since")
    result = run(planned(old, new), ledger)
    assert result.report.counts["total"] == 2
    assert new.titles() == ["Lesson 0", "Lesson 1"]


def test_a_second_run_of_a_finished_ledger_writes_nothing_in_it_either(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(2)
    plan = planned(old, new)
    run(plan, ledger)
    before = ledger.read_bytes()
    run(plan, ledger)
    assert ledger.read_bytes() == before


def renamed(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    return attrs.evolve(spec, title=f"{stream.title} (moved)")


def test_a_ledger_whose_transform_cannot_be_found_requires_it_again(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(1)
    run(planned(old, new, transform=lambda *both: renamed(*both)), ledger, max_create=0)
    with pytest.raises(live.InvalidInput, match="transform"):
        run(None, ledger, source=old.client, target=new.client)
    assert new.streams() == []


def test_a_ledger_refuses_another_transform(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(1)
    run(planned(old, new), ledger, max_create=0)
    with pytest.raises(live.InvalidInput, match="transform"):
        run(None, ledger, source=old.client, target=new.client, transform=renamed)
    assert new.streams() == []


def test_a_ledger_resumes_with_its_transform(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(1)
    run(planned(old, new, transform=renamed), ledger, max_create=0)
    result = run(None, ledger, source=old.client, target=new.client, transform=renamed)
    assert result.exit_code == 0
    assert new.titles() == ["Lesson 0 (moved)"]


def test_a_ledger_of_other_accounts_is_refused(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(1)
    run(planned(old, new), ledger, max_create=0)
    with side("tktchurch") as another:
        with pytest.raises(migrate.LedgerError, match="another migration"):
            run(None, ledger, source=another.client, target=new.client)
        with pytest.raises(migrate.LedgerError, match="another migration"):
            run(None, ledger, source=old.client, target=another.client)


def test_without_plan_and_ledger_there_is_nothing_to_run(
    church: tuple[Side, Side], ledger: Path
) -> None:
    with pytest.raises(migrate.LedgerError, match="no ledger"):
        run(None, ledger, source=church[0].client, target=church[1].client)


def test_a_ledger_without_clients_says_which_is_missing(
    church: tuple[Side, Side], ledger: Path
) -> None:
    run(planned(*church), ledger)
    with pytest.raises(live.InvalidInput) as caught:
        run(None, ledger, source=church[0].client)
    assert caught.value.field == "target"


def test_a_plan_that_would_lose_what_must_not_be_lost_is_refused(ledger: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(1, tags=["maths"])
        with pytest.raises(migrate.MigrationStopped, match="tags"):
            run(planned(old, new, fail_on_loss=["tags"]), ledger)
        assert new.changes() == []
        assert not ledger.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": True}, "workers"),
        ({"max_create": -1}, "max_create"),
        ({"settle": -1}, "settle"),
        ({"settle": float("nan")}, "settle"),
        ({"lease": 0}, "lease"),
        ({"source_rate": "fast"}, "rate"),
        ({"target_rate": 5}, "rate"),
        ({"patience": -1}, "patience"),
        ({"patience": float("nan")}, "patience"),
        ({"patience": "15m"}, "patience"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_sent(
    church: tuple[Side, Side], ledger: Path, wrong: dict[str, Any], field: str
) -> None:
    old, new = church
    old.fill(1)
    with pytest.raises(live.InvalidInput) as caught:
        run(planned(old, new), ledger, **wrong)
    assert caught.value.field == field
    assert new.changes() == []


# -- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", PROVIDERS)
@pytest.mark.parametrize(
    "fault", [Fault.drop_before(), Fault.drop_after(), Fault.cut_body(), Fault.late_commit(0.2)]
)
def test_a_create_of_unknown_outcome_is_settled(target: str, fault: Fault, ledger: Path) -> None:
    with sides("memory", target) as (old, new):
        old.fill(3)
        new.inject(fault, "create", skip=1)
        result = run(planned(old, new), ledger, settle=0.5)
        assert (result.exit_code, result.stopped) == (0, None)
        assert new.titles() == old.titles()


def test_one_of_two_equal_creates_may_be_lost(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        for _ in range(3):
            old.add("Lesson", scheduled_start=in_days(3))
        new.inject(Fault.drop_after(), "create", skip=1)
        result = run(planned(old, new), ledger)
        assert by_state(result.report) == {"created": 2, "adopted": 1}
        assert len(new.streams()) == 3


def test_a_stream_that_a_create_left_is_distinguished_from_the_baseline(ledger: Path) -> None:
    with sides("memory", "tpstreams") as (old, new):
        start = in_days(3)
        there = new.add("Lesson", scheduled_start=start)
        old.add("Lesson", scheduled_start=start)
        new.inject(Fault.drop_after(), "create")
        (item,) = run(planned(old, new), ledger).report.items
        assert item.state is ItemState.ADOPTED
        assert item.target_id != there.id


def test_a_stream_with_credentials_in_a_restream_is_found_again(ledger: Path) -> None:
    with sides("memory", "memory") as (old, new):
        target = live.RestreamTarget(f"rtmp://user:{PASSWORD}@other.example/live", SECRET)
        old.add("Lesson", restreams=[target])
        new.inject(Fault.drop_after(), "create")
        result = run(planned(old, new), ledger)
        assert by_state(result.report) == {"adopted": 1}
        assert len(new.streams()) == 1


def test_more_matching_streams_than_creates_need_review(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.add("Lesson")
        new.inject(Fault.drop_before(), "create")
        stop = threading.Event()
        plan = planned(old, new)
        first = run(plan, ledger, settle=60, stop=stop, progress=stops_at_the_unknown(stop))
        assert (first.exit_code, by_state(first.report)) == (6, {"unknown": 1})
        one, other = (new.client.create(title="Lesson") for _ in range(2))

        second = run(plan, ledger)
        assert (second.exit_code, by_state(second.report)) == (7, {"needs_review": 1})
        (item,) = second.report.items
        assert one.id in item.reason
        assert other.id in item.reason
        assert len(new.streams()) == 2

        new.client.delete(other.id)
        last = run(plan, ledger, replan=True)
        assert (last.exit_code, by_state(last.report)) == (0, {"adopted": 1})
        assert last.report.items[0].target_id == one.id


def stops_at_the_unknown(stop: threading.Event) -> Callable[[Mapping[str, int], int], None]:
    """Return a callback that stops a run as soon as an outcome is unknown."""

    def progress(counts: Mapping[str, int], writes: int) -> None:
        if counts["unknown"]:
            stop.set()

    return progress


def test_a_refused_stream_is_reported_and_the_others_are_created(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(3)
        new.inject(
            Fault.status(400, body=b'{"statusCode": 400, "error": "no such word"}'), "create"
        )
        result = run(planned(old, new), ledger)
        assert (result.exit_code, by_state(result.report)) == (7, {"created": 2, "refused": 1})
        (refused,) = [item for item in result.report.items if item.state is ItemState.REFUSED]
        assert "no such word" in refused.reason
        assert refused.target_id is None


def test_a_refused_stream_is_retried_after_it_is_planned_again(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(2)
        plan = planned(old, new)
        new.inject(Fault.status(400), "create")
        assert run(plan, ledger).exit_code == 7
        again = run(plan, ledger)
        assert (again.exit_code, again.writes) == (7, 0)
        last = run(plan, ledger, replan=True)
        assert (last.exit_code, last.writes) == (0, 1)
        assert new.titles() == old.titles()


def test_a_refused_credential_ends_the_run_and_leaves_the_ledger_good(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(3)
        plan = planned(old, new)
        new.inject(Fault.status(401), "create", times=99)
        first = run(plan, ledger)
        assert isinstance(first.error, live.AuthenticationFailed)
        assert (first.exit_code, first.stopped) == (6, None)
        assert by_state(first.report) == {"pending": 3}
        new.emulator.clear_faults()
        assert run(plan, ledger).exit_code == 0
        assert new.titles() == old.titles()


def test_a_vendor_that_is_down_ends_the_run(ledger: Path) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.fill(12)
        plan = planned(old, new)
        new.inject(Fault.drop_before(), "create", times=99)
        first = run(plan, ledger, workers=12)
        assert isinstance(first.error, live.ConnectionFailed)
        assert (first.exit_code, first.stopped) == (6, None)
        new.emulator.clear_faults()
        assert run(plan, ledger).exit_code == 0
        assert new.titles() == old.titles()


def test_a_run_leaves_the_callers_event_alone(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(2)
        stop = threading.Event()
        new.inject(Fault.status(401), "create", times=99)
        run(planned(old, new), ledger, stop=stop)
        assert not stop.is_set()


def test_rate_limits_of_the_vendor_are_waited_for(ledger: Path) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.fill(2)
        new.inject(Fault.status(429, headers={"Retry-After": "0"}), "create", times=3)
        result = run(planned(old, new), ledger)
        assert (result.exit_code, by_state(result.report)) == (0, {"created": 2})


def busy(seconds: float | str, status: int = 429) -> Fault:
    return Fault.status(
        status, headers={"Retry-After": str(seconds)}, body='{"detail": "slow down"}'
    )


def soon(instant: datetime | None, seconds: float) -> bool:
    """Return whether an instant is this many seconds ahead, on a machine that may be busy."""
    assert instant is not None
    return (
        timedelta(seconds=seconds - 120)
        <= instant - datetime.now(UTC)
        <= timedelta(seconds=seconds)
    )


@pytest.mark.parametrize("on", ["create", "GET /v1/streams/*"])
@pytest.mark.parametrize("asked", ["901", "86400", "4000000000", "9" * 400])
def test_a_vendor_that_asks_for_more_patience_than_there_is_ends_the_run(
    ledger: Path, on: str, asked: str
) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(3)
        plan = planned(old, new)
        (new if on == "create" else old).inject(busy(asked), on, times=99)
        reported: list[datetime] = []
        first = run(plan, ledger, workers=1, waiting=lambda until, _: reported.append(until))
        assert (first.exit_code, first.stopped) == (6, "patience")
        assert isinstance(first.error, live.RateLimited)
        assert soon(first.resume_at, 901 if asked == "901" else 86_400)
        assert json.loads(json.dumps(first.to_dict()))["resume_at"] == str(
            first.resume_at and first.resume_at.isoformat()
        )
        assert by_state(first.report) == {"pending": 3}
        assert reported == []
        old.emulator.clear_faults()
        new.emulator.clear_faults()
        end_pauses(ledger)
        again = run(plan, ledger)
        assert (again.exit_code, again.stopped, again.resume_at) == (0, None, None)
        assert new.titles() == old.titles()


@pytest.mark.parametrize("status", [429, 503])
def test_also_a_list_that_may_be_read_tomorrow_only_is_6(ledger: Path, status: int) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(1)
        plan = planned(old, new)
        for skip in (0, 2):  # a new ledger's two lists, and the final check after all creates
            new.inject(busy(86_400, status), "list", times=99, skip=skip)
            result = run(plan, ledger)
            assert result.exit_code == 6
            assert soon(result.resume_at, 86_400)
            new.emulator.clear_faults()
            end_pauses(ledger)
        assert new.creates() == 1
        assert run(plan, ledger).exit_code == 0


def test_a_create_of_unknown_outcome_is_settled_after_a_long_pause_too(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(1)
        plan = planned(old, new)
        new.inject(busy(86_400, 503), "create")
        first = run(plan, ledger)
        assert (first.exit_code, first.stopped) == (6, "patience")
        assert by_state(first.report) == {"unknown": 1}
        end_pauses(ledger)
        assert run(plan, ledger, settle=0).exit_code == 0
        assert new.titles() == old.titles()


@pytest.mark.parametrize("on", ["create", "GET /v1/streams/*", "list"])
def test_a_shorter_pause_is_reported_and_kept_by_all_workers(ledger: Path, on: str) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.fill(12)
        plan = planned(old, new)
        stop = threading.Event()
        reported: list[tuple[datetime, live.LiveStreamError]] = []

        def waiting(until: datetime, error: live.LiveStreamError) -> None:
            reported.append((until, error))
            stop.set()

        (old if on.startswith("GET") else new).inject(busy(600), on, times=99)
        result = run(plan, ledger, workers=4, waiting=waiting, stop=stop)
        assert (result.exit_code, result.stopped) == (6, "requested")
        ((until, error),) = reported
        assert soon(until, 600)
        assert "slow down" in error.message
        assert new.creates() <= 4
        assert by_state(result.report) == {"pending": 12}


def together(fault: Fault, count: int) -> Fault:
    """Return a fault that answers a number of requests at once, when all have arrived."""
    barrier, respond = threading.Barrier(count), fault.response
    assert respond is not None

    def response() -> Any:
        barrier.wait(60)
        return respond()

    return attrs.evolve(fault, response=response)


def test_after_a_pause_the_run_continues(ledger: Path) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.fill(12)
        plan = planned(old, new)
        reported: list[datetime] = []
        new.inject(busy(1), "list")
        # More failures than the threshold for a vendor outage, but they count as one.
        new.inject(together(busy(1), 12), "create", times=12)
        began = time.monotonic()
        result = run(plan, ledger, workers=12, waiting=lambda until, _: reported.append(until))
        assert (result.exit_code, by_state(result.report)) == (0, {"created": 12})
        assert len(reported) == 2
        assert time.monotonic() - began >= 2


@pytest.mark.parametrize("on", ["create", "GET /v1/streams/*", "list"])
def test_short_pauses_in_a_row_count_as_one_and_grow(ledger: Path, on: str) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.fill(1)
        plan = planned(old, new)
        at = old if on.startswith("GET") else new
        at.inject(busy(0.01), on, times=99)
        before = len(at.emulator.requests)
        result = run(plan, ledger, workers=1, patience=1)
        assert (result.exit_code, result.stopped) == (6, "patience")
        assert isinstance(result.error, live.RateLimited)
        assert len(at.emulator.requests) - before < 8


def test_a_create_whose_response_is_incomplete_is_read_back(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(2)
        new.inject(Fault.missing_field("streamKey"), "create")
        result = run(planned(old, new), ledger)
        assert result.exit_code == 0
        assert new.titles() == old.titles()


def test_a_response_with_another_stream_needs_review(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(2)
        seen: list[str] = []

        def the_first(answer: Any, _: Any) -> None:
            seen.append(answer["id"])
            answer["id"] = seen[0]

        new.inject(Fault.edited(the_first), "create", times=2)
        result = run(planned(old, new), ledger, workers=1)
        assert by_state(result.report) == {"created": 1, "needs_review": 1}
        assert result.exit_code == 7


def test_a_stream_that_was_never_created_needs_review_at_the_end(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(1)
        plan = planned(old, new)
        new.inject(Fault.drop_before(), "create", times=worker.TRIES)
        first = run(plan, ledger, settle=0)
        assert (first.exit_code, by_state(first.report)) == (7, {"needs_review": 1})
        assert new.creates() == worker.TRIES
        last = run(plan, ledger, settle=0, replan=True)
        assert (last.exit_code, by_state(last.report)) == (0, {"created": 1})


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_pause", lambda tries, error: 0.01)


@pytest.mark.usefixtures("_short_pauses")
@pytest.mark.parametrize(("count", "runs"), [(1, 1), (12, 7)])
def test_a_vendor_that_takes_nothing_refuses_no_stream_however_often_it_is_asked(
    count: int, runs: int, ledger: Path
) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.fill(count)
        plan = planned(old, new)
        new.inject(Fault.status(429), "create", times=999)
        for _ in range(runs):
            result = run(plan, ledger)
            assert isinstance(result.error, live.RateLimited)
            assert (result.exit_code, by_state(result.report)) == (6, {"pending": count})
        new.emulator.clear_faults()
        assert run(plan, ledger).exit_code == 0
        assert new.titles() == old.titles()


@pytest.mark.usefixtures("_short_pauses")
def test_runs_that_failed_before_do_not_give_a_stream_up(ledger: Path) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        old.add("Lesson")
        plan = planned(old, new)
        for _ in range(3):
            # In each run, as many failures as one run tolerates.
            new.inject(Fault.drop_before(), "create", times=worker.TRIES - 2)
            new.inject(Fault.status(401), "create", times=99)
            result = run(plan, ledger, settle=0)
            assert (result.exit_code, by_state(result.report)) == (6, {"pending": 1})
            new.emulator.clear_faults()
        assert run(plan, ledger, settle=0).exit_code == 0


def test_a_stream_that_changes_after_a_failed_create_can_be_planned_again(ledger: Path) -> None:
    with sides("memory", "videosdk", retries=0) as (old, new):
        (lesson,) = old.fill(1)
        plan = planned(old, new)

        def edits(*_: Any) -> None:
            old.client.update(lesson, title="Another")

        new.inject(Fault.drop_before(), "create")
        old.emulator.inject(Fault.edited(edits), on=f"GET /v1/streams/{lesson}")
        assert run(plan, ledger).exit_code == 7
        results = [run(plan, ledger, replan=True) for _ in range(2)]
        assert results[-1].exit_code == 0
        assert new.titles() == ["Another"]


def test_a_matching_stream_of_another_user_is_reported_at_the_end(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(2)
    plan = planned(old, new)
    first = run(plan, ledger)
    assert first.exit_code == 0
    (item,) = first.report.items[:1]
    other = new.add(item.title, scheduled_start=item.spec and item.spec.scheduled_start)
    again = run(plan, ledger)
    assert again.exit_code == 7
    assert again.report.unowned == (other.id,)
    new.client.delete(other.id)
    assert run(plan, ledger).exit_code == 0


def test_skip_existing_looks_again_before_the_first_create(ledger: Path) -> None:
    with sides("memory", "memory") as (old, new):
        old.fill(2)
        first, second = planned(old, new, skip_existing=True), planned(old, new)
        assert by_state(first) == {"pending": 2}
        other = new.add("Lesson 0", scheduled_start=first.items[0].scheduled_start)
        result = run(first, ledger)
        assert by_state(result.report) == {"created": 1, "skipped": 1}
        assert other.id in result.report.items[0].reason
        assert (result.exit_code, len(new.streams())) == (0, 2)
        assert by_state(run(second, ledger.with_name("other.db")).report) == {"created": 2}


def test_a_stream_with_the_mark_of_another_migration_is_skipped_before_the_first_create(
    ledger: Path,
) -> None:
    with sides("memory", "memory") as (old, new):
        old.fill(2)
        plans = [planned(old, new, mark=True) for _ in range(2)]
        assert by_state(run(plans[0], ledger).report) == {"created": 2}
        result = run(plans[1], ledger.with_name("other.db"))
        assert (result.exit_code, by_state(result.report)) == (0, {"skipped": 2})
        assert "already moved" in result.report.items[0].reason
        assert len(new.streams()) == 2


# -- exactly once -------------------------------------------------------------------------------


def in_the_ledger(ledger: Path, query: str) -> Any:
    """Return what another process reads from the ledger."""
    database = sqlite3.connect(ledger)
    try:
        return database.execute(query).fetchone()[0]
    finally:
        database.close()


def test_an_intent_is_on_disk_before_its_create_is_answered(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(12)
        ahead: list[int] = []
        query = "SELECT count(*) FROM items WHERE state = 'unknown'"
        look = Fault.edited(lambda *_: ahead.append(in_the_ledger(ledger, query)))
        new.inject(look, "create", times=12)
        run(planned(old, new), ledger, workers=3)
        assert len(ahead) == 12
        assert min(ahead) >= 1
        # At most one for each worker, so that a crash leaves little to settle.
        assert max(ahead) <= 2 * 3


def test_the_baseline_is_on_disk_before_the_first_create(ledger: Path) -> None:
    with sides("memory", "tpstreams") as (old, new):
        new.fill(2)
        old.add("Lesson")
        seen: list[tuple[int, int]] = []

        def look(*_: Any) -> None:
            is_whole = in_the_ledger(ledger, "SELECT baseline FROM migration")
            seen.append((is_whole, in_the_ledger(ledger, "SELECT count(*) FROM baseline")))

        new.inject(Fault.edited(look), "create")
        run(planned(old, new), ledger)
        assert seen == [(1, 2)]


def test_nothing_is_created_where_the_target_cannot_be_listed_whole(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_PAUSE", 0.0)
    with sides("memory", "tpstreams") as (old, new):
        new.fill(1)
        old.add("Lesson")
        plan = planned(old, new)
        changes = len(new.changes())
        ids = iter(range(10_000, 99_999))

        def another(answer: Any, _: Any) -> None:
            answer["results"] = [{**each, "id": f"id{next(ids)}"} for each in answer["results"]]

        new.inject(Fault.edited(another), "list", times=99)
        with pytest.raises(migrate.MigrationStopped, match="no complete list could be read"):
            run(plan, ledger)
        assert len(new.changes()) == changes
        new.emulator.clear_faults()
        assert run(plan, ledger).exit_code == 0


@pytest.mark.parametrize(("titles", "at_once"), [("AAA", {1}), ("ABC", {2, 3})])
def test_creates_of_equal_streams_are_never_at_the_same_time(
    titles: str, at_once: set[int], ledger: Path
) -> None:
    with sides("memory", "videosdk") as (old, new):
        for title in titles:
            old.add(title, scheduled_start=in_days(3))
        under_way: list[int] = [0]
        most: list[int] = []

        def takes_long(*_: Any) -> None:
            under_way[0] += 1
            most.append(under_way[0])
            time.sleep(0.2)
            under_way[0] -= 1

        new.inject(Fault.edited(takes_long), "create", times=3)
        run(planned(old, new), ledger, workers=3)
        assert max(most) in at_once


def test_a_create_is_not_sent_once_its_time_is_over(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intend = Transaction.intend
    slow = iter([1.1])

    def slowly(*given: Any) -> Any:
        entry = intend(*given)
        time.sleep(next(slow, 0.0))
        return entry

    monkeypatch.setattr(Transaction, "intend", slowly)
    with sides("memory", "videosdk") as (old, new):
        old.add("Lesson")
        result = run(planned(old, new), ledger, lease=2)
        assert (result.exit_code, by_state(result.report)) == (0, {"created": 1})
        assert new.creates() == 1
        assert in_the_ledger(ledger, "SELECT attempts FROM items") == 2


# -- progress and rates -------------------------------------------------------------------------


def test_progress_is_reported_and_ends_with_the_last_counts(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(3)
    reported: list[tuple[dict[str, int], int]] = []

    def progress(counts: Mapping[str, int], writes: int) -> None:
        reported.append((dict(counts), writes))

    result = run(planned(old, new), ledger, progress=progress)
    assert reported[-1] == (result.report.counts, 3)


def test_each_request_waits_for_its_turn(
    church: tuple[Side, Side], ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: dict[str, int] = {}
    given: list[float] = []

    class Counted(pyrate_limiter.Limiter):
        def __init__(self, rate: pyrate_limiter.Rate) -> None:
            super().__init__(rate)
            self.shown = f"{rate.limit}/{rate.interval}"

        def try_acquire(self, *args: Any, **values: Any) -> Any:
            turns[self.shown] = turns.get(self.shown, 0) + 1
            given.append(values["timeout"])
            return super().try_acquire(*args, **values)

    monkeypatch.setattr(pyrate_limiter, "Limiter", Counted)
    old, new = church
    old.fill(3)
    plan = planned(old, new)
    before = [len(each.emulator.requests) for each in church]
    run(plan, ledger, source_rate="900/s", target_rate="50000/min")
    sent = [len(each.emulator.requests) - count for each, count in zip(church, before, strict=True)]
    assert turns == {"900/1000": sent[0], "50000/60000": sent[1]}
    assert all(0 < seconds <= 120 for seconds in given), "no longer than its operation lasts"


def test_the_vendor_sees_no_more_requests_than_the_rate_allows(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(4)
    plan = planned(old, new)
    before, began = len(new.emulator.requests), time.monotonic()
    run(plan, ledger, target_rate="5/s")
    took, sent = time.monotonic() - began, len(new.emulator.requests) - before
    assert sent > 5
    # Up to five in every second, including the first.
    assert took >= (sent - 5) / 5 - 0.1


def test_a_client_has_no_rate_after_the_run(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(1)
    run(planned(old, new, target_rate="100/h"), ledger, target_rate="100/h")
    assert len(new.emulator.requests) < 100
    for _ in range(101):  # a request that had to wait for its turn would time out
        new.client.pages(deadline=60)


# -- executors ----------------------------------------------------------------------------------


def test_workers_can_be_threads_of_a_pool_that_is_given(
    church: tuple[Side, Side], ledger: Path
) -> None:
    old, new = church
    old.fill(4)
    with ThreadPoolExecutor(2, thread_name_prefix="given") as executor:
        result = run(planned(old, new), ledger, executor=executor)
    assert (result.exit_code, result.writes) == (0, 4)
    assert new.titles() == old.titles()


# -- secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["videosdk", "memory"])
def test_restream_keys_arrive_and_are_kept_nowhere(
    target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ledger = tmp_path / "ledger.db"
    with sides("memory", target) as (old, new):
        restream = live.RestreamTarget(f"rtmp://user:{PASSWORD}@other.example/live", SECRET)
        for number in range(2):
            old.add(f"Lesson {number}", restreams=[restream], record=True)
        plan = planned(old, new)
        new.inject(Fault.drop_after(), "create")
        result = run(plan, ledger)
        assert result.exit_code == 0
        (first, *_) = [each for each in new.changes() if each.method == "POST"]
        assert SECRET.encode() in first.body

        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        shown = "".join(
            [
                repr(plan),
                json.dumps(plan.to_dict()),
                migrate.plan_html(plan),
                repr(result),
                json.dumps(result.to_dict()),
                migrate.report_html(result.report),
                caplog.text,
            ]
        )
        for secret in (SECRET, PASSWORD):
            assert secret.encode() not in kept
            assert secret not in shown


@pytest.mark.parametrize(
    "url",
    [
        f"rtmp://other.example/live/{SECRET}",
        f"rtmp://other.example/{SECRET}",
        f"rtmp://other.example/live/{SECRET.replace('-', '%2D')}?a=b",
        f"rtmp://other.example/live?token={PASSWORD}",
        f"srt://other.example:9000?streamid={SECRET}",
    ],
)
def test_a_restream_key_in_an_address_arrives_and_is_kept_nowhere(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with sides("memory", "videosdk") as (old, new):
        target = live.RestreamTarget(url, SECRET)
        old.add("Lesson", restreams=[target])
        plan = planned(old, new)
        result = run(plan, tmp_path / "ledger.db")
        assert by_state(result.report) == {"created": 1}
        (sent, *_) = [each for each in new.changes() if each.method == "POST"]
        assert {"url": str(target.url), "streamKey": SECRET} in sent.json["restream"]
        (checked,) = migrate.check(tmp_path / "ledger.db", old.client, new.client).items
        assert checked.verdict is migrate.Verdict.EQUAL
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        shown = f"{plan!r} {plan.to_dict()} {result!r} {result.to_dict()} {caplog.text}"
        shown += migrate.plan_html(plan) + migrate.report_html(result.report)
    for secret in (SECRET, SECRET.replace("-", "%2D"), PASSWORD):
        assert secret.encode() not in kept
        assert secret not in shown


def test_a_changed_restream_key_is_noticed(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        key = live.RestreamTarget("rtmp://other.example/live", SECRET)
        stream = old.add("Lesson", restreams=[key])
        plan = planned(old, new)
        old.client.update(stream.id, restreams=[attrs.evolve(key, stream_key="an0th3r-k3y")])
        assert by_state(run(plan, ledger).report) == {"needs_review": 1}
        assert new.streams() == []


def test_an_error_shows_no_restream_key(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.add("Lesson", restreams=[live.RestreamTarget("rtmp://other.example/live", SECRET)])
        echo = json.dumps({"statusCode": 400, "error": f"bad target {SECRET}"}).encode()
        new.inject(Fault.status(400, body=echo), "create")
        (item,) = run(planned(old, new), ledger).report.items
        assert item.state is ItemState.REFUSED
        assert SECRET not in item.reason


def test_times_of_a_report_are_instants(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(1)
    (item,) = run(planned(old, new), ledger).report.items
    assert item.intended_at is not None
    assert item.settled_at is not None
    assert item.intended_at <= item.settled_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    "kind",
    [
        migrate.CheckResult,
        migrate.DeleteResult,
        migrate.HandoverResult,
        migrate.Item,
        migrate.Plan,
        migrate.PlannedItem,
        migrate.Report,
        migrate.RunResult,
    ],
)
def test_results_are_values(kind: type) -> None:
    assert attrs.has(kind)
    assert kind.__setattr__ is not object.__setattr__


def test_a_report_is_json_and_the_same_each_time(church: tuple[Side, Side], ledger: Path) -> None:
    old, new = church
    old.fill(2)
    result = run(planned(old, new), ledger)
    data = json.loads(json.dumps(result.to_dict()))
    assert (data["exit_code"], data["writes"], data["error"]) == (0, 2, None)
    assert data["counts"]["created"] == len(data["items"]) == 2
    again = migrate.report(ledger)
    assert attrs.evolve(again, made_at=result.report.made_at) == result.report
