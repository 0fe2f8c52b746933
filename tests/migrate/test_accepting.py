"""What needs review can be accepted as it is, and two ledgers of one migration know each other."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate import ItemState
from migrations import Side, by_state, planned, sides
from postgresql import PostgreSQL

BECAUSE = "The lesson was canceled"


@pytest.fixture
def memory() -> Iterator[tuple[Side, Side]]:
    with sides("memory", "memory", retries=0) as both:
        yield both


def run(plan: migrate.Plan, ledger: Path, **settings: Any) -> migrate.RunResult:
    return migrate.run(plan, ledger=ledger, settle=0.1, **settings)


def twin_of(made: live.LiveStream, side: Side) -> live.LiveStream:
    """Create a stream that matches another one."""
    url = made.playbacks[0].url
    return side.add(made.title, scheduled_start=made.scheduled_start, playback_url=url)


def damage(ledger: Path, change: str) -> None:
    database = sqlite3.connect(ledger)
    with database:
        database.execute(change)
    database.close()


# -- accepting ----------------------------------------------------------------------------------


def test_an_accepted_stream_needs_no_review_and_the_report_keeps_why(
    memory: tuple[Side, Side], ledger: Path
) -> None:
    old, new = memory
    refused, changed, _ = old.fill(3)
    plan = planned(old, new)
    old.client.update(changed, description="Another")
    new.inject(Fault.status(422), "create")
    assert run(plan, ledger, workers=1).exit_code == 7
    (accepted,) = migrate.accept(ledger, [refused], because=BECAUSE)
    assert (accepted.source_id, accepted.because) == (refused, BECAUSE)
    assert accepted.state == "refused"
    assert run(plan, ledger).exit_code == 7
    migrate.accept(ledger, changed, because="Moved by hand")
    for replan in (False, True):
        result = run(plan, ledger, replan=replan)
        assert (result.exit_code, result.writes) == (0, 0)
    assert by_state(result.report) == {"created": 1, "skipped": 2}
    assert [(each.source_id, each.because) for each in result.report.accepted] == [
        (refused, BECAUSE),
        (changed, "Moved by hand"),
    ]
    reasons = {item.source_id: item.reason for item in result.report.items}
    assert reasons[refused].startswith(f"accepted: {BECAUSE} (refused: ")
    assert "has changed since the plan was made" in reasons[changed]
    assert migrate.check(ledger, old.client, new.client).all_equal
    data = json.loads(json.dumps(result.to_dict()))
    assert data["accepted"][0]["because"] == BECAUSE
    assert BECAUSE in migrate.report_html(result.report)


def test_accepting_again_changes_nothing(memory: tuple[Side, Side], ledger: Path) -> None:
    old, new = memory
    (refused,) = old.fill(1)
    new.inject(Fault.status(422), "create")
    run(planned(old, new), ledger)
    first = migrate.accept(ledger, refused, because=BECAUSE)
    assert migrate.accept(ledger, refused, because="Something else") == first
    assert migrate.report(ledger).accepted == first


def test_a_stream_that_was_created_differently_is_moved_once_it_is_accepted(
    memory: tuple[Side, Side], ledger: Path
) -> None:
    old, new = memory
    (lesson,) = old.fill(1, description="All of it")

    def without_a_kind(data: Any, _: Any) -> Any:
        return {name: value for name, value in data.items() if name != "object"}

    new.inject(Fault.edited(without_a_kind), "create")
    new.inject(Fault.edited(lambda data, _: {**data, "description": "-"}), "GET /v1/streams/*")
    plan = planned(old, new)
    result = run(plan, ledger)
    (item,) = result.report.items
    assert (item.state, item.target_id is not None) == (ItemState.NEEDS_REVIEW, True)
    migrate.accept(ledger, lesson, because=BECAUSE)
    result = run(plan, ledger)
    assert (result.exit_code, by_state(result.report)) == (0, {"created": 1})
    assert result.report.items[0].is_moved


def test_a_stream_at_the_target_that_is_in_no_ledger_can_be_accepted(
    memory: tuple[Side, Side], ledger: Path
) -> None:
    old, new = memory
    old.fill(1)
    plan = planned(old, new)
    run(plan, ledger)
    (made,) = new.streams()
    others = [twin_of(made, new).id for _ in range(2)]
    assert set(run(plan, ledger).report.unowned) == set(others)
    migrate.accept(ledger, others[0], because=BECAUSE)
    result = run(plan, ledger)
    assert (result.exit_code, result.report.unowned) == (7, (others[1],))
    (accepted,) = migrate.accept(ledger, others[1], because=BECAUSE)
    assert (accepted.source_id, accepted.target_id) == (None, others[1])
    result = run(plan, ledger)
    assert (result.exit_code, result.report.unowned) == (0, ())
    assert {each.target_id for each in result.report.accepted} == set(others)


def test_a_stream_is_accepted_in_a_database_too(
    memory: tuple[Side, Side], postgresql_server: PostgreSQL
) -> None:
    old, new = memory
    (refused,) = old.fill(1)
    database = postgresql_server.new_database()
    new.inject(Fault.status(422), "create")
    accounts = {"source": old.client, "target": new.client}
    assert migrate.run(planned(old, new), ledger=database).exit_code == 7
    accepted = migrate.accept(database, refused, because=BECAUSE)
    result = migrate.run(ledger=database, replan=True, **accounts)
    assert (result.exit_code, result.report.accepted) == (0, accepted)


@pytest.mark.parametrize("because", ["", "  ", None, 5])
def test_accepting_needs_a_reason(ledger: Path, because: Any) -> None:
    with pytest.raises(live.InvalidInput) as raised:
        migrate.accept(ledger, ["1"], because=because)
    assert raised.value.field == "because"


def test_only_what_needs_review_can_be_accepted_and_all_or_nothing(
    memory: tuple[Side, Side], ledger: Path
) -> None:
    old, new = memory
    refused, created = old.fill(2)
    new.inject(Fault.status(422), "create")
    run(planned(old, new), ledger, workers=1)
    for ids in ([refused, created], [refused, "none-such"]):
        with pytest.raises(live.InvalidInput, match=ids[1]) as raised:
            migrate.accept(ledger, ids, because=BECAUSE)
        assert raised.value.field == "source_ids"
    assert by_state(migrate.report(ledger)) == {"created": 1, "refused": 1}
    assert migrate.report(ledger).accepted == ()


def test_a_changed_acceptance_is_damage(memory: tuple[Side, Side], ledger: Path) -> None:
    old, new = memory
    (refused,) = old.fill(1)
    new.inject(Fault.status(422), "create")
    run(planned(old, new), ledger)
    migrate.accept(ledger, refused, because=BECAUSE)
    damage(ledger, "UPDATE accepted SET because = 'Another'")
    with pytest.raises(migrate.LedgerError, match="damaged"):
        migrate.report(ledger)


# -- two ledgers --------------------------------------------------------------------------------


@pytest.fixture
def two(memory: tuple[Side, Side], ledger: Path) -> tuple[Path, Path]:
    """Move two streams with one ledger, and with another while the first create is under way."""
    old, new = memory
    old.fill(2)
    first, second = (planned(old, new) for _ in range(2))
    other = ledger.with_name("other.db")

    def both(*_: Any) -> None:
        assert run(second, other).writes == 2

    new.inject(Fault.edited(both), "create")
    assert run(first, ledger, workers=1).writes == 2
    run(second, other)
    assert len(new.streams()) == 4
    return ledger, other


def test_each_of_two_ledgers_names_the_other(two: tuple[Path, Path]) -> None:
    for own, other in (two, two[::-1]):
        report = migrate.report(own)
        assert report.unowned
        (found,) = report.others
        assert found == migrate.OtherLedger(
            location=str(other),
            is_copy=False,
            moved=tuple(item.source_id for item in report.items),
            unowned=report.unowned,
        )
        assert report.lost_creates == 0
        assert f"livestream migrate rollback {other}" in migrate.report_html(report)


def test_after_the_rollback_of_one_the_other_is_complete(
    memory: tuple[Side, Side], two: tuple[Path, Path]
) -> None:
    old, new = memory
    assert migrate.rollback(two[1], new.client).deleted == 2
    result = migrate.run(ledger=two[0], source=old.client, target=new.client)
    assert (result.exit_code, result.report.others, result.report.unowned) == (0, (), ())
    assert migrate.check(two[0], old.client, new.client).all_equal


@pytest.mark.parametrize("mark", [False, True])
def test_a_rollback_keeps_what_it_adopted_from_another_ledger(
    memory: tuple[Side, Side], ledger: Path, mark: bool
) -> None:
    old, new = memory
    old.fill(1)
    first, second = (planned(old, new, mark=mark) for _ in range(2))
    other = ledger.with_name("other.db")
    stop = threading.Event()

    def progress(counts: Any, _: int) -> None:
        if counts["unknown"]:
            stop.set()

    new.inject(Fault.drop_before(), "create")
    migrate.run(second, ledger=other, settle=60, stop=stop, progress=progress)
    assert by_state(run(first, ledger).report) == {"created": 1}
    assert by_state(run(second, other).report) == {"adopted": 1}
    (kept,) = migrate.rollback(other, new.client, adopted=True).kept
    assert f"the ledger {ledger} has it" in kept.reason
    assert len(new.streams()) == 1
    assert migrate.rollback(ledger, new.client).deleted == 1


def test_a_copy_of_a_ledger_is_known_as_one(memory: tuple[Side, Side], ledger: Path) -> None:
    old, new = memory
    old.fill(2)
    run(planned(old, new), ledger, max_create=1)
    backup = ledger.with_name("backup.db")
    for end in ("", "-mark"):
        shutil.copy(f"{ledger}{end}", f"{backup}{end}")
    result = migrate.run(ledger=ledger, source=old.client, target=new.client)
    assert (result.exit_code, result.report.others) == (0, ())
    assert migrate.report(backup).others == ()


@pytest.mark.parametrize("broken", ["", "SQLite format 3", "x" * 5000])
def test_a_ledger_next_to_it_that_cannot_be_read_is_left_out(
    two: tuple[Path, Path], broken: str
) -> None:
    two[1].write_text(broken)
    report = migrate.report(two[0])
    assert report.unowned
    assert report.others == ()


def test_an_unowned_stream_may_come_from_a_lost_create(
    memory: tuple[Side, Side], ledger: Path
) -> None:
    old, new = memory
    old.fill(1)
    plan = planned(old, new)
    new.inject(Fault.drop_before(), "create")
    assert by_state(run(plan, ledger).report) == {"created": 1}
    (made,) = new.streams()
    twin_of(made, new)
    assert run(plan, ledger).report.lost_creates == 1
