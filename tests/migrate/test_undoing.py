"""Rollback deletes what a migration created, and cleanup deletes what it copied at the source."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate import Cutover
from migrations import PAIRS, Side, by_state, in_days, planned, side, sides


@pytest.fixture
def moved(ledger: Path) -> Iterator[tuple[Side, Side]]:
    """Migrate three streams to a target that already has one."""
    with sides("tktchurch", "tktchurch", retries=0) as (old, new):
        new.add("Of the target's own")
        old.fill(3, description="All of it", tags=["maths"])
        assert run(planned(old, new), ledger).exit_code == 0
        yield old, new


def run(plan: migrate.Plan, ledger: Path, **settings: Any) -> migrate.RunResult:
    return migrate.run(plan, ledger=ledger, settle=0.1, **settings)


def item_of(ledger: Path, title: str) -> migrate.Item:
    return next(item for item in migrate.report(ledger).items if item.title == title)


def target_of(ledger: Path, title: str) -> str:
    target_id = item_of(ledger, title).target_id
    assert target_id is not None
    return target_id


# -- rolling back -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_rollback_deletes_what_was_created_and_nothing_else(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    changes = len(old.changes())
    result = migrate.rollback(ledger, new.client)
    assert (result.deleted, result.exit_code, result.kept) == (3, 0, ())
    assert new.titles() == ["Of the target's own"]
    assert len(old.changes()) == changes


@pytest.mark.slow
def test_a_dry_run_of_a_rollback_says_the_same_and_deletes_nothing(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    _, new = moved
    before, changes = ledger.read_bytes(), len(new.changes())
    dry = migrate.rollback(ledger, new.client, dry_run=True)
    assert (dry.dry_run, dry.deleted) == (True, 3)
    assert len(new.changes()) == changes
    assert ledger.read_bytes() == before
    assert [item.target_id for item in migrate.rollback(ledger, new.client).items] == [
        item.target_id for item in dry.items
    ]


def test_a_ledger_can_resume_after_a_dry_run_of_a_rollback(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    migrate.rollback(ledger, new.client, dry_run=True)
    result = migrate.run(ledger=ledger, source=old.client, target=new.client)
    assert (result.exit_code, result.writes) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("replan", [False, True])
def test_a_ledger_that_was_rolled_back_does_not_run(
    moved: tuple[Side, Side], ledger: Path, replan: bool
) -> None:
    old, new = moved
    migrate.rollback(ledger, new.client)
    with pytest.raises(migrate.MigrationStopped, match="rolled back"):
        migrate.run(ledger=ledger, source=old.client, target=new.client, replan=replan)
    assert new.titles() == ["Of the target's own"]


def test_a_ledger_that_was_rolled_back_in_part_does_not_run_either(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    new.inject(Fault.status(503), "DELETE *", times=1)
    assert migrate.rollback(ledger, new.client).exit_code == 7
    with pytest.raises(migrate.MigrationStopped, match="rolled back"):
        migrate.run(ledger=ledger, source=old.client, target=new.client)


def test_a_report_shows_what_was_rolled_back(moved: tuple[Side, Side], ledger: Path) -> None:
    migrate.rollback(ledger, moved[1].client)
    report = migrate.report(ledger)
    assert report.phase == "rolled_back"
    assert all(item.rolled_back and not item.is_moved for item in report.items)
    counts = report.counts
    assert counts.pop("total") == sum(counts.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "value"),
    [("title", "Another"), ("description", "!"), ("tags", ["new"]), ("scheduled_start", "later")],
)
def test_a_stream_that_was_edited_since_is_kept(
    moved: tuple[Side, Side], ledger: Path, changed: Any, value: Any
) -> None:
    _, new = moved
    edited = target_of(ledger, "Lesson 1")
    new.client.update(edited, **{changed: in_days(30) if value == "later" else value})
    result = migrate.rollback(ledger, new.client)
    assert (result.deleted, result.exit_code) == (2, 7)
    (kept,) = result.kept
    assert kept.target_id == edited
    assert f"edited after it was created: {changed}" in kept.reason
    assert new.client.get(edited)


def test_a_stream_that_was_changed_later_is_kept(ledger: Path) -> None:
    with sides("tktchurch", "tktchurch") as (old, new):
        old.fill(1)
        run(planned(old, new), ledger)
        made = target_of(ledger, "Lesson 0")
        new.client.update(made, description="Bring your books", tags=["new"])
        (kept,) = migrate.rollback(ledger, new.client).kept
        assert "edited after it was created" in kept.reason


@pytest.mark.slow
@pytest.mark.parametrize("on_air", [1, 2])
def test_a_stream_that_is_or_was_live_is_kept(ledger: Path, on_air: int) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(2)
        run(planned(old, new), ledger)
        made = target_of(ledger, "Lesson 1")
        new.client.start(made)
        new.emulator.clock.advance(new.emulator.boot_seconds + 1)
        new.emulator.connect_encoder(made)
        if on_air == 2:
            new.client.stop(made)
        result = migrate.rollback(ledger, new.client)
        assert (result.deleted, result.exit_code) == (1, 7)
        (kept,) = result.kept
        assert (kept.target_id, kept.reason) == (made, "it is or has been live")


def test_a_stream_whose_address_was_handed_over_is_kept(ledger: Path) -> None:
    with sides("tktchurch", "videosdk") as (old, new):
        old.fill(2)
        run(planned(old, new), ledger)
        migrate.mark_switched(ledger, [item_of(ledger, "Lesson 0").source_id])
        result = migrate.rollback(ledger, new.client)
        assert (result.deleted, [kept.title for kept in result.kept]) == (1, ["Lesson 0"])


def test_an_adopted_stream_without_a_mark_is_kept(ledger: Path) -> None:
    with sides("memory", "tktchurch") as (old, new):
        old.fill(1)
        new.inject(Fault.drop_after(), "create")
        assert by_state(run(planned(old, new), ledger).report) == {"adopted": 1}
        result = migrate.rollback(ledger, new.client)
        assert (result.deleted, result.exit_code) == (0, 7)
        assert "adopted" in result.kept[0].reason
        assert len(new.streams()) == 1


def test_an_adopted_stream_is_deleted_if_the_caller_includes_it(ledger: Path) -> None:
    with sides("memory", "tktchurch") as (old, new):
        old.fill(2)
        new.inject(Fault.drop_after(), "create")
        assert by_state(run(planned(old, new), ledger).report) == {"created": 1, "adopted": 1}
        dry = migrate.rollback(ledger, new.client, adopted=True, dry_run=True)
        assert (dry.deleted, dry.counts["adopted"]) == (2, 1)
        assert migrate.rollback(ledger, new.client, adopted=True).deleted == 2
        assert new.streams() == []


def test_an_adopted_stream_that_was_edited_is_kept_even_if_included(ledger: Path) -> None:
    with sides("memory", "tktchurch") as (old, new):
        old.fill(1)
        new.inject(Fault.drop_after(), "create")
        run(planned(old, new), ledger)
        new.client.update(target_of(ledger, "Lesson 0"), description="Theirs")
        (kept,) = migrate.rollback(ledger, new.client, adopted=True).kept
        assert "edited after it was created" in kept.reason


def test_an_adopted_stream_with_our_mark_is_deleted(ledger: Path) -> None:
    with sides("memory", "tktchurch") as (old, new):
        old.fill(1)
        new.inject(Fault.drop_after(), "create")
        assert by_state(run(planned(old, new, mark=True), ledger).report) == {"adopted": 1}
        assert migrate.rollback(ledger, new.client).deleted == 1
        assert new.streams() == []


def test_an_adopted_stream_that_lost_its_mark_is_kept(ledger: Path) -> None:
    with sides("memory", "tktchurch") as (old, new):
        old.fill(1)
        new.inject(Fault.drop_after(), "create")
        run(planned(old, new, mark=True), ledger)
        new.client.update(target_of(ledger, "Lesson 0"), tags=["theirs"])
        assert migrate.rollback(ledger, new.client).deleted == 0
        assert len(new.streams()) == 1


@pytest.mark.slow
def test_a_create_of_unknown_outcome_is_named(ledger: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.fill(1)
        stop = threading.Event()

        def progress(counts: Any, writes: int) -> None:
            if counts["unknown"]:
                stop.set()

        new.inject(Fault.drop_before(), "create")
        plan = planned(old, new)
        migrate.run(plan, ledger=ledger, settle=60, stop=stop, progress=progress)
        result = migrate.rollback(ledger, new.client)
        assert (result.deleted, result.exit_code) == (0, 7)
        assert "may have been applied" in result.kept[0].reason


@pytest.mark.slow
def test_a_stream_that_is_already_deleted_is_not_a_problem(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    _, new = moved
    new.client.delete(target_of(ledger, "Lesson 1"))
    result = migrate.rollback(ledger, new.client)
    assert (result.deleted, result.exit_code) == (3, 0)


@pytest.mark.slow
def test_a_rollback_that_failed_in_part_resumes(moved: tuple[Side, Side], ledger: Path) -> None:
    _, new = moved
    new.inject(Fault.status(500), "DELETE *", skip=1)
    first = migrate.rollback(ledger, new.client)
    assert (first.deleted, len(first.kept)) == (2, 1)
    second = migrate.rollback(ledger, new.client)
    assert (second.deleted, second.exit_code) == (1, 0)
    assert new.titles() == ["Of the target's own"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.drop_after(), Fault.drop_before()])
def test_a_delete_with_a_lost_response_is_complete_at_the_end(
    moved: tuple[Side, Side], ledger: Path, fault: Fault
) -> None:
    _, new = moved
    new.inject(fault, "DELETE *", times=2)
    migrate.rollback(ledger, new.client)
    migrate.rollback(ledger, new.client)
    assert migrate.rollback(ledger, new.client).exit_code == 0
    assert new.titles() == ["Of the target's own"]


class StopsAtADelete:
    """A plugin that requests a stop while the first stream is deleted."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    @live.hookimpl
    def livestream_exchange(self, exchange: live.Exchange) -> None:
        if exchange.method == "DELETE":
            self._stop.set()


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    plugin = StopsAtADelete(stop)
    live.register(plugin)
    yield stop
    live.unregister(plugin)


@pytest.mark.slow
def test_a_rollback_that_is_stopped_says_what_remains(
    moved: tuple[Side, Side], ledger: Path, stop: threading.Event
) -> None:
    _, new = moved
    first = migrate.rollback(ledger, new.client, stop=stop)
    assert (first.deleted, first.remaining, first.exit_code) == (1, 2, 6)
    assert len(new.streams()) == 3
    last = migrate.rollback(ledger, new.client)
    assert (last.deleted, last.exit_code) == (2, 0)


@pytest.mark.slow
def test_retiring_that_is_stopped_says_what_remains(
    moved: tuple[Side, Side], ledger: Path, stop: threading.Event
) -> None:
    first = retire(ledger, *moved, stop=stop)
    assert (first.deleted, first.remaining, first.exit_code) == (1, 2, 6)
    assert len(moved[0].streams()) == 2


@pytest.mark.slow
def test_a_rollback_at_another_account_is_refused(moved: tuple[Side, Side], ledger: Path) -> None:
    with side("tktchurch") as another:
        with pytest.raises(migrate.LedgerError, match="another migration"):
            migrate.rollback(ledger, another.client)
        assert another.changes() == []
    assert migrate.report(ledger).phase == "finished"


def test_a_rollback_of_nothing_is_done(ledger: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        run(planned(old, new), ledger)
        assert migrate.rollback(ledger, new.client).exit_code == 0


@pytest.mark.slow
def test_a_rollback_is_json(moved: tuple[Side, Side], ledger: Path) -> None:
    data = json.loads(json.dumps(migrate.rollback(ledger, moved[1].client).to_dict()))
    assert (data["deleted"], data["remaining"], data["dry_run"]) == (3, 0, False)


# -- retiring the source ------------------------------------------------------------------------


def retire(ledger: Path, old: Side, new: Side, **settings: Any) -> migrate.DeleteResult:
    settings = {"max_delete": 99, "prepared": True, **settings}
    return migrate.retire(ledger, old.client, new.client, **settings)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_an_equal_stream_is_deleted_at_the_source(source: str, target: str, ledger: Path) -> None:
    with sides(source, target) as (old, new):
        old.fill(3)
        run(planned(old, new), ledger)
        changes = len(new.changes())
        result = retire(ledger, old, new)
        assert (result.deleted, result.exit_code) == (3, 0)
        assert old.streams() == []
        assert len(new.changes()) == changes
        assert {item.cutover for item in migrate.report(ledger).items} == {Cutover.RETIRED}


def test_by_default_only_streams_that_were_switched_are_deleted_at_the_source(
    ledger: Path,
) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(4)
        run(planned(old, new), ledger)
        live_now, was_live = (target_of(ledger, f"Lesson {number}") for number in (0, 1))
        for made in (live_now, was_live):
            new.client.start(made)
            new.emulator.clock.advance(new.emulator.boot_seconds + 1)
            new.emulator.connect_encoder(made)
        new.client.stop(was_live)
        migrate.mark_switched(ledger, [item_of(ledger, "Lesson 2").source_id])
        dry = retire(ledger, old, new, prepared=False, dry_run=True)
        assert dry.counts == {"switched": 3, "prepared": 0, "adopted": 0}
        result = retire(ledger, old, new, prepared=False)
        assert (result.deleted, result.exit_code, old.titles()) == (3, 7, ["Lesson 3"])
        (kept,) = result.kept
        assert "only prepared" in kept.reason
        assert kept.cutover is Cutover.PREPARED
        assert retire(ledger, old, new).counts["prepared"] == 1


@pytest.mark.parametrize(("mark", "deleted"), [(False, 0), (True, 1)])
def test_the_source_of_an_uncertain_copy_is_deleted_only_if_the_caller_includes_it(
    ledger: Path, mark: bool, deleted: int
) -> None:
    with sides("tktchurch", "memory") as (old, new):
        old.fill(1)
        new.inject(Fault.drop_after(), "create")
        assert by_state(run(planned(old, new, mark=mark), ledger).report) == {"adopted": 1}
        result = retire(ledger, old, new)
        assert (result.deleted, len(old.streams())) == (deleted, 1 - deleted)
        if not deleted:
            assert "adopted and has no mark" in result.kept[0].reason
            assert retire(ledger, old, new, adopted=True).counts["adopted"] == 1
            assert old.streams() == []


def test_the_stream_that_starts_next_is_deleted_last(ledger: Path) -> None:
    with sides("memory", "memory") as (old, new):
        for days in (5, 2, 9, 3):
            old.add(f"In {days} days", scheduled_start=in_days(days))
        run(planned(old, new), ledger)
        first = retire(ledger, old, new, max_delete=2)
        assert [item.title for item in first.items] == ["In 9 days", "In 5 days"]
        assert [item.title for item in retire(ledger, old, new).items] == ["In 3 days", "In 2 days"]


def test_only_the_selected_streams_are_deleted_at_the_source(ledger: Path) -> None:
    with sides("memory", "memory") as (old, new):
        first, second, third, _ = old.fill(4)
        run(planned(old, new), ledger)
        by_id = retire(ledger, old, new, ids=[third], dry_run=True)
        assert [item.source_id for item in by_id.items] == [third]
        earlier = retire(ledger, old, new, before=in_days(2.5))
        assert [item.source_id for item in earlier.items] == [first]
        both = retire(ledger, old, new, ids=[second, third], before=in_days(3.5).isoformat())
        assert [item.source_id for item in both.items] == [second]
        assert old.titles() == ["Lesson 2", "Lesson 3"]
        assert retire(ledger, old, new, ids=[first]).items == ()


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"ids": ["none-such"]}, "ids"), ({"ids": "text"}, "ids"), ({"before": "soon"}, "before")],
)
def test_a_selection_that_cannot_be_meant_is_refused(
    moved: tuple[Side, Side], ledger: Path, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(live.InvalidInput) as raised:
        retire(ledger, *moved, **settings)
    assert raised.value.field == field
    assert len(moved[0].streams()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("which", ["source", "target"])
def test_a_stream_that_differs_stays_at_the_source(
    moved: tuple[Side, Side], ledger: Path, which: str
) -> None:
    old, new = moved
    item = item_of(ledger, "Lesson 1")
    if which == "source":
        old.client.update(item.source_id, description="!")
    else:
        new.client.update(target_of(ledger, "Lesson 1"), description="!")
    result = retire(ledger, old, new)
    assert (result.deleted, result.exit_code) == (2, 7)
    (kept,) = result.kept
    assert kept.source_id == item.source_id
    assert f"{which}.description" in kept.reason
    assert [stream.id for stream in old.streams()] == [item.source_id]


@pytest.mark.slow
def test_a_stream_deleted_at_the_target_stays_at_the_source(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    new.client.delete(target_of(ledger, "Lesson 1"))
    assert retire(ledger, old, new).deleted == 2
    assert old.titles() == ["Lesson 1"]


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
def test_nothing_is_deleted_while_a_side_cannot_be_read(
    moved: tuple[Side, Side], ledger: Path, which: int
) -> None:
    moved[which].inject(Fault.status(503), "GET *", times=999)
    result = retire(ledger, *moved)
    assert (result.deleted, result.exit_code) == (0, 7)
    moved[which].emulator.clear_faults()
    assert len(moved[0].streams()) == 3


def test_a_stream_that_was_not_migrated_stays_at_the_source(ledger: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        started, _, _ = old.fill(3)
        old.client.start(started)
        run(planned(old, new), ledger, max_create=1)
        assert retire(ledger, old, new).deleted == 1
        assert len(old.streams()) == 2


@pytest.mark.slow
def test_no_more_is_deleted_than_allowed(moved: tuple[Side, Side], ledger: Path) -> None:
    old, new = moved
    first = retire(ledger, old, new, max_delete=2)
    assert (first.deleted, first.remaining, first.exit_code) == (2, 1, 6)
    assert len(old.streams()) == 1
    last = retire(ledger, old, new, max_delete=2)
    assert (last.deleted, last.remaining, last.exit_code) == (1, 0, 0)


@pytest.mark.slow
def test_a_limit_of_nothing_deletes_nothing(moved: tuple[Side, Side], ledger: Path) -> None:
    result = retire(ledger, *moved, max_delete=0)
    assert (result.deleted, result.remaining) == (0, 3)
    assert len(moved[0].streams()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("limit", [-1, None, True, 1.5])
def test_a_limit_that_is_none_is_refused(
    moved: tuple[Side, Side], ledger: Path, limit: Any
) -> None:
    with pytest.raises(live.InvalidInput, match="max_delete"):
        retire(ledger, *moved, max_delete=limit)


def test_a_dry_run_of_retiring_deletes_nothing(moved: tuple[Side, Side], ledger: Path) -> None:
    before = ledger.read_bytes()
    dry = retire(ledger, *moved, max_delete=2, dry_run=True)
    assert (dry.deleted, dry.remaining) == (2, 1)
    assert len(moved[0].streams()) == 3
    assert ledger.read_bytes() == before


@pytest.mark.slow
def test_a_migration_that_was_rolled_back_retires_nothing(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    migrate.rollback(ledger, moved[1].client)
    with pytest.raises(migrate.MigrationStopped, match="rolled back"):
        retire(ledger, *moved)
    assert len(moved[0].streams()) == 3


@pytest.mark.slow
def test_a_retired_stream_is_not_rolled_back(moved: tuple[Side, Side], ledger: Path) -> None:
    old, new = moved
    retire(ledger, old, new, max_delete=1)
    result = migrate.rollback(ledger, new.client)
    assert (result.deleted, len(result.kept)) == (2, 1)
    assert "only copy left" in result.kept[0].reason
    assert len(new.streams()) == 2


@pytest.mark.slow
def test_a_stream_deleted_by_an_interrupted_retirement_is_not_rolled_back(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    # Applied, but the response is lost.
    old.inject(Fault.drop_after(), "DELETE *")
    retire(ledger, old, new, max_delete=1)
    assert len(old.streams()) == 2
    (kept,) = migrate.rollback(ledger, new.client).kept
    assert "only copy left" in kept.reason
    assert {*old.titles(), *new.titles()} >= {"Lesson 0", "Lesson 1", "Lesson 2"}


def test_a_delete_with_a_lost_response_counts_towards_the_limit(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    old.inject(Fault.drop_after(), "DELETE *")
    result = retire(ledger, old, new, max_delete=1)
    assert (result.deleted, result.remaining) == (0, 2)
    assert len(old.streams()) == 2


@pytest.mark.slow
def test_a_delete_that_was_refused_leaves_the_stream_to_a_rollback(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    old.inject(Fault.status(400), "DELETE *")
    assert retire(ledger, old, new, max_delete=1).deleted == 1
    assert migrate.rollback(ledger, new.client).deleted == 2


@pytest.mark.slow
def test_retiring_resumes_where_it_was_stopped(moved: tuple[Side, Side], ledger: Path) -> None:
    old, new = moved
    old.inject(Fault.status(500), "DELETE *")
    first = retire(ledger, old, new)
    assert (first.deleted, first.exit_code) == (2, 7)
    last = retire(ledger, old, new)
    assert (last.deleted, last.exit_code) == (1, 0)
    assert old.streams() == []


@pytest.mark.slow
def test_a_finished_ledger_of_retired_streams_still_runs_to_nothing(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    retire(ledger, old, new)
    result = migrate.run(ledger=ledger, source=old.client, target=new.client)
    assert (result.exit_code, result.writes) == (0, 0)


def test_retiring_at_another_account_is_refused(moved: tuple[Side, Side], ledger: Path) -> None:
    with side("tktchurch") as another:
        with pytest.raises(migrate.LedgerError, match="another migration"):
            retire(ledger, another, moved[1])
        assert another.changes() == []
