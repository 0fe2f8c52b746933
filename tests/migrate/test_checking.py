"""A check reads source and target again, changes nothing, and reports on each stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate import Verdict
from migrations import PAIRS, Side, planned, side, sides


@pytest.fixture
def moved(ledger: Path) -> Iterator[tuple[Side, Side]]:
    """Migrate two streams, between two accounts that can edit everything."""
    with sides("tktchurch", "tktchurch", retries=0) as (old, new):
        old.fill(2, description="All of it", tags=["maths"])
        assert migrate.run(planned(old, new), ledger=ledger, settle=0.1).exit_code == 0
        yield old, new


def checked(ledger: Path, old: Side, new: Side) -> dict[str, migrate.CheckedItem]:
    """Return the checked items by planned title."""
    return {item.title: item for item in migrate.check(ledger, old.client, new.client).items}


def target_of(ledger: Path, title: str) -> str:
    found = next(item for item in migrate.report(ledger).items if item.title == title)
    assert found.target_id is not None
    return found.target_id


def source_of(ledger: Path, title: str) -> str:
    return next(item.source_id for item in migrate.report(ledger).items if item.title == title)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_check_changes_nothing(source: str, target: str, ledger: Path) -> None:
    with sides(source, target) as (old, new):
        old.fill(2)
        migrate.run(planned(old, new), ledger=ledger, settle=0.1)
        before = ledger.read_bytes()
        changes = len(old.changes()), len(new.changes())
        assert migrate.check(ledger, old.client, new.client).all_equal
        assert (len(old.changes()), len(new.changes())) == changes
        assert ledger.read_bytes() == before


def test_a_stream_as_planned_is_equal(moved: tuple[Side, Side], ledger: Path) -> None:
    result = migrate.check(ledger, moved[0].client, moved[1].client)
    assert result.all_equal
    assert result.counts == {
        "equal": 2,
        "differs": 0,
        "source_only": 0,
        "target_only": 0,
        "error": 0,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "value"), [("title", "Another"), ("description", "!"), ("tags", ["new"])]
)
def test_a_stream_changed_at_the_target_differs(
    moved: tuple[Side, Side], ledger: Path, changed: Any, value: Any
) -> None:
    old, new = moved
    new.client.update(target_of(ledger, "Lesson 0"), **{changed: value})
    found = checked(ledger, old, new)
    assert found["Lesson 0"].verdict is Verdict.DIFFERS
    assert found["Lesson 0"].differences == (f"target.{changed}",)
    assert found["Lesson 1"].verdict is Verdict.EQUAL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "value"), [("title", "Another"), ("description", "!"), ("tags", ["new"])]
)
def test_a_stream_changed_at_the_source_differs(
    moved: tuple[Side, Side], ledger: Path, changed: Any, value: Any
) -> None:
    old, new = moved
    old.client.update(source_of(ledger, "Lesson 0"), **{changed: value})
    found = checked(ledger, old, new)
    assert found["Lesson 0"].verdict is Verdict.DIFFERS
    assert found["Lesson 0"].differences == (f"source.{changed}",)


def test_a_source_that_went_on_air_differs(moved: tuple[Side, Side], ledger: Path) -> None:
    old, new = moved
    old.client.start(source_of(ledger, "Lesson 0"))
    assert "source.status" in checked(ledger, old, new)["Lesson 0"].differences


def test_a_title_that_is_spelt_in_another_way_is_equal(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    new.client.update(target_of(ledger, "Lesson 0"), title="  Lesson  0 ")
    assert checked(ledger, old, new)["Lesson 0"].verdict is Verdict.EQUAL


def test_a_stream_deleted_at_the_target_is_only_at_the_source(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    new.client.delete(target_of(ledger, "Lesson 0"))
    found = checked(ledger, old, new)["Lesson 0"]
    assert found.verdict is Verdict.SOURCE_ONLY
    assert found.reason


def test_a_stream_deleted_at_the_source_is_only_at_the_target(
    moved: tuple[Side, Side], ledger: Path
) -> None:
    old, new = moved
    old.client.delete(source_of(ledger, "Lesson 0"))
    assert checked(ledger, old, new)["Lesson 0"].verdict is Verdict.TARGET_ONLY


def test_what_is_on_neither_side_is_an_error(moved: tuple[Side, Side], ledger: Path) -> None:
    old, new = moved
    old.client.delete(source_of(ledger, "Lesson 0"))
    new.client.delete(target_of(ledger, "Lesson 0"))
    assert checked(ledger, old, new)["Lesson 0"].verdict is Verdict.ERROR


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
def test_a_side_that_cannot_be_read_is_an_error_of_each_stream(
    moved: tuple[Side, Side], ledger: Path, which: int
) -> None:
    moved[which].inject(Fault.status(503), "GET *", times=999)
    found = migrate.check(ledger, moved[0].client, moved[1].client)
    assert {item.verdict for item in found.items} == {Verdict.ERROR}
    assert all(item.reason for item in found.items)
    assert not found.all_equal


def test_a_stream_that_was_not_created_is_only_at_the_source(ledger: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(2)
        migrate.run(planned(old, new), ledger=ledger, max_create=1)
        result = migrate.check(ledger, old.client, new.client)
        assert result.counts["equal"] == result.counts["source_only"] == 1


def test_a_stream_that_is_not_in_the_migration_is_not_checked(ledger: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        started, _ = old.fill(2)
        old.client.start(started)
        migrate.run(planned(old, new), ledger=ledger)
        assert len(migrate.check(ledger, old.client, new.client).items) == 1


def test_a_check_of_other_accounts_is_refused(moved: tuple[Side, Side], ledger: Path) -> None:
    old, new = moved
    with side("tktchurch") as another:
        with pytest.raises(migrate.LedgerError, match="another migration"):
            migrate.check(ledger, another.client, new.client)
        with pytest.raises(migrate.LedgerError, match="another migration"):
            migrate.check(ledger, old.client, another.client)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"workers": "two"}, {"source_rate": "fast"}, {"target_rate": 5}]
)
def test_a_wrong_argument_is_refused(
    moved: tuple[Side, Side], ledger: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(live.InvalidInput):
        migrate.check(ledger, moved[0].client, moved[1].client, **wrong)


def test_without_a_ledger_there_is_nothing_to_check(tmp_path: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        with pytest.raises(migrate.LedgerError, match="no ledger"):
            migrate.check(tmp_path / "none.db", old.client, new.client)


def test_a_check_is_json_with_words_and_symbols(moved: tuple[Side, Side], ledger: Path) -> None:
    old, new = moved
    new.client.update(target_of(ledger, "Lesson 0"), title="Another")
    data = json.loads(json.dumps(migrate.check(ledger, old.client, new.client).to_dict()))
    assert data["all_equal"] is False
    assert data["counts"]["differs"] == 1
    (item,) = [each for each in data["items"] if each["title"] == "Lesson 0"]
    assert (item["verdict"], item["symbol"]) == ("differs", "*")
    assert item["differences"] == ["target.title"]


@pytest.mark.parametrize(
    ("verdict", "symbol"),
    [("equal", "="), ("differs", "*"), ("source_only", "+"), ("target_only", "-"), ("error", "!")],
)
def test_the_symbols_are_those_of_rclone(verdict: str, symbol: str) -> None:
    assert Verdict(verdict).symbol == symbol
