"""Migrations to and from vendors without titles, and vendors whose lists lack fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Emulator, Fault, Request, Response
from livestream_core.memory import MemoryVendor
from untitled import ReturningEmulator, SparseEmulator, UniqueEmulator, UntitledEmulator

pytestmark = pytest.mark.usefixtures("small_vendors")

START = "2099-01-01T10:00:00Z"


@contextmanager
def clients(*vendors: Emulator) -> Iterator[list[live.Client]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                live.connect(each.provider, transport=each.transport(), **each.options())
            )
            for each in vendors
        ]


def outcomes(plan: migrate.Plan, field: str) -> list[str]:
    return [str(row.fate) for item in plan.items for row in item.fields if row.field == field]


def test_a_plan_says_that_titles_are_lost() -> None:
    with clients(MemoryVendor(), UntitledEmulator()) as (source, target):
        source.create(title="Lesson", scheduled_start=START, on_unsupported="drop")
        plan = migrate.plan(source, target)
    assert outcomes(plan, "title") == ["dropped"]


@pytest.mark.parametrize("target", [SparseEmulator, UntitledEmulator])
def test_a_mark_goes_to_the_reference_only_where_the_stream_has_none(
    target: Any, tmp_path: Path
) -> None:
    vendor = target()
    with clients(MemoryVendor(), vendor) as (source, new):
        source.create(title="Mine", reference="my-own", scheduled_start=START)
        source.create(title="None", scheduled_start=START)
        plan = migrate.plan(source, new, mark=True)
        references = [item.spec.reference for item in plan.items if item.spec]
        migrate.run(plan, ledger=tmp_path / "ledger.db", max_create=10)
        assert references[0] == "my-own"
        assert str(references[1]).startswith("livestream-core:")
        again = migrate.plan(source, new, mark=True)
        assert [str(each.state) for each in again.items] == ["pending", "skipped"]
        assert again.items[0].existing, "it was not found by its reference"


def test_the_mark_of_an_earlier_migration_is_not_moved_as_a_reference() -> None:
    with clients(MemoryVendor(), SparseEmulator()) as (source, target):
        source.create(title="Old", reference="livestream-core:00ff", scheduled_start=START)
        (item,) = migrate.plan(source, target).items
    assert item.spec is not None
    assert item.spec.reference is None


@pytest.mark.parametrize("has_reference", [True, False])
@pytest.mark.parametrize("fault", [Fault.drop_after(), Fault.drop_before()])
def test_a_lost_create_at_a_vendor_without_titles_is_never_repeated_blindly(
    fault: Fault, has_reference: bool, tmp_path: Path
) -> None:
    vendor = UntitledEmulator()
    with clients(MemoryVendor(), vendor) as (source, target):
        reference = "lesson-7" if has_reference else None
        source.create(title="Lesson", reference=reference, scheduled_start=START)
        plan = migrate.plan(source, target)
        vendor.inject(fault, on="POST /lives")
        result = migrate.run(plan, ledger=tmp_path / "ledger.db", max_create=5, settle=0.1)
        (item,) = result.report.items
        assert len(vendor.streams) <= 1
        if vendor.streams and not has_reference:
            assert str(item.state) in ("needs_review", "created")
        else:
            assert str(item.state) in ("adopted", "created")


# -- whether a title is compared depends on the target, not on whether it is empty ------------------


def test_a_rollback_keeps_a_stream_whose_title_was_emptied(tmp_path: Path) -> None:
    vendor = SparseEmulator()
    with clients(MemoryVendor(), vendor) as (source, target):
        source.create(title="Lesson", scheduled_start=START)
        migrate.run(
            migrate.plan(source, target), ledger=tmp_path / "ledger.db", max_create=5, settle=0.1
        )
        (made,) = vendor.streams.values()
        made["title"] = ""
        result = migrate.rollback(tmp_path / "ledger.db", target)
        assert result.deleted == 0
        (kept,) = result.kept
        assert "edited after it was created: title" in kept.reason
        assert vendor.streams
        (checked,) = migrate.check(tmp_path / "ledger.db", source, target).items
        assert "target.title" in checked.differences


def test_a_rollback_deletes_unchanged_streams_of_a_vendor_without_titles(tmp_path: Path) -> None:
    vendor = UntitledEmulator()
    with clients(MemoryVendor(), vendor) as (source, target):
        source.create(title="Lesson", reference="lesson-7", scheduled_start=START)
        migrate.run(
            migrate.plan(source, target), ledger=tmp_path / "ledger.db", max_create=5, settle=0.1
        )
        (checked,) = migrate.check(tmp_path / "ledger.db", source, target).items
        assert checked.verdict is migrate.Verdict.EQUAL
        assert migrate.rollback(tmp_path / "ledger.db", target).deleted == 1


def test_a_handover_names_streams_by_the_titles_that_the_target_does_not_have(
    tmp_path: Path,
) -> None:
    with clients(MemoryVendor(), UntitledEmulator()) as (source, target):
        source.create(title="Lesson", reference="lesson-7", scheduled_start=START)
        ledger, folder = tmp_path / "ledger.db", tmp_path / "handover"
        migrate.run(migrate.plan(source, target), ledger=ledger, max_create=5, settle=0.1)
        migrate.handover(ledger, source, target, folder)
    for name in ("ingests", "map"):
        (row,) = json.loads((folder / f"{name}.json").read_text())
        assert row["title"] == "Lesson"
    assert [each.name for each in (folder / "obs").iterdir()] == ["Lesson-live-1"]


@pytest.mark.parametrize("shown", ["", "Lesson"])
def test_a_stream_with_an_empty_title_is_not_a_copy_where_streams_have_titles(
    shown: str, tmp_path: Path
) -> None:
    vendor = SparseEmulator()
    with clients(MemoryVendor(), vendor) as (source, target):
        source.create(title="Lesson", description="Algebra", scheduled_start=START)
        plan = migrate.plan(source, target)
        migrate.run(plan, ledger=tmp_path / "ledger.db", max_create=5, settle=0.1)
        (made,) = vendor.streams.values()
        made["title"] = shown
        (again,) = migrate.plan(source, target, skip_existing=True).items
        assert again.state == ("skipped" if shown else "pending")


def test_a_lost_create_does_not_adopt_a_stream_with_an_empty_title(tmp_path: Path) -> None:
    class Crowded(SparseEmulator):
        """Somebody else's stream appears while the create is lost."""

        def create(self, request: Request) -> Response:
            response = super().create(request)
            if len(self.streams) == 1:
                self.streams["live-1"]["title"] = ""
            return response

    vendor = Crowded()
    with clients(MemoryVendor(), vendor) as (source, target):
        source.create(title="Lesson", description="Algebra", scheduled_start=START)
        vendor.inject(Fault.drop_after(), on="POST /lives")
        result = migrate.run(
            migrate.plan(source, target), ledger=tmp_path / "ledger.db", max_create=5, settle=0.1
        )
        (item,) = result.report.items
        assert item.target_id != "live-1"
        assert len(vendor.streams) == 2


# -- vendors where a reference is unique --------------------------------------------------------


@pytest.mark.parametrize("kind", [UniqueEmulator, ReturningEmulator])
def test_a_stream_that_had_the_reference_before_is_neither_taken_nor_deleted(
    kind: Any, tmp_path: Path
) -> None:
    vendor, ledger = kind(), tmp_path / "ledger.db"
    with clients(MemoryVendor(), vendor) as (source, target):
        earlier = target.create(title="Somebody else's", reference="lesson-7")
        source.create(title="Lesson", reference="lesson-7", scheduled_start=START)
        source.create(title="Other", scheduled_start=START)
        plan = migrate.plan(source, target)
        result = migrate.run(plan, ledger=ledger, max_create=5, settle=0.1)
        first, other = result.report.items
        assert (first.target_id, str(other.state)) == (None, "created")
        assert str(first.state) in ("refused", "needs_review")
        assert "reference" in first.reason
        assert migrate.rollback(ledger, target).deleted == 1
        assert [*vendor.streams] == [earlier.id]


def test_a_stream_whose_reference_became_free_is_created_after_replanning(tmp_path: Path) -> None:
    vendor, ledger = ReturningEmulator(), tmp_path / "ledger.db"
    with clients(MemoryVendor(), vendor) as (source, target):
        earlier = target.create(title="Somebody else's", reference="lesson-7")
        source.create(title="Lesson", reference="lesson-7", scheduled_start=START)
        migrate.run(migrate.plan(source, target), ledger=ledger, max_create=5, settle=0.1)
        target.delete(earlier.id)
        result = migrate.run(
            ledger=ledger, source=source, target=target, max_create=5, settle=0.1, replan=True
        )
        (item,) = result.report.items
        assert str(item.state) == "created"
        assert [*vendor.streams] == [item.target_id]


@pytest.mark.parametrize("fault", [Fault.drop_after(), Fault.drop_before()])
def test_a_lost_create_is_found_by_its_unique_reference(fault: Fault, tmp_path: Path) -> None:
    vendor = ReturningEmulator()
    with clients(MemoryVendor(), vendor) as (source, target):
        source.create(title="Lesson", reference="lesson-7", scheduled_start=START)
        plan = migrate.plan(source, target)
        vendor.inject(fault, on="POST /lives")
        result = migrate.run(plan, ledger=tmp_path / "ledger.db", max_create=5, settle=0.1)
        (item,) = result.report.items
        assert str(item.state) in ("adopted", "created")
        assert [*vendor.streams] == [item.target_id]


def test_a_stream_that_took_the_reference_between_two_runs_is_not_taken(tmp_path: Path) -> None:
    vendor, ledger = ReturningEmulator(), tmp_path / "ledger.db"
    with clients(MemoryVendor(), vendor) as (source, target):
        for at in range(2):
            source.create(title=f"Lesson {at}", reference=f"lesson-{at}", scheduled_start=START)
        migrate.run(migrate.plan(source, target), ledger=ledger, max_create=1, settle=0.1)
        (made,) = vendor.streams
        missing = {"lesson-0", "lesson-1"} - {vendor.streams[made]["reference"]}
        theirs = target.create(title="Somebody else's", reference=missing.pop())
        migrate.run(ledger=ledger, source=source, target=target, max_create=5, settle=0.1)
        assert migrate.rollback(ledger, target).deleted == 1
        assert [*vendor.streams] == [theirs.id]
