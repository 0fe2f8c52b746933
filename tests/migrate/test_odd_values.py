"""A migration never copies a stream that it could not read completely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate import FieldOutcome, ItemState
from migrations import Side, by_state, in_days, planned, sides

ANY = "GET *"

FOR_EVER = 10_000


@pytest.fixture(params=["tktchurch", "tpstreams"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[Side, Side]]:
    """Return source and target, with streams read from a list, or each with a get."""
    with sides(request.param, "memory") as accounts:
        yield accounts


class NoStream(dict[str, Any]):
    """An entry that is replaced completely, and not only has other values."""


@contextmanager
def odd(side: Side, **streams: Mapping[str, Any] | Any) -> Iterator[None]:
    """Make the vendor return streams with other values, until the end of the block.

    The streams are named by their IDs, after a letter. A field of ``live_stream`` is named like the
    others.
    """

    def edit(data: Any, _: Any) -> Any:
        if isinstance(data, list):
            return [edit(each, _) for each in data]
        if not isinstance(data, dict):
            return data
        changes = streams.get(f"s{data.get('id')}".replace("-", "_"))
        if changes is None:
            return {name: edit(value, _) for name, value in data.items()}
        if isinstance(changes, NoStream) or not isinstance(changes, Mapping):
            return changes
        inner = data.get("live_stream")
        if isinstance(inner, dict) and not changes.keys() & data.keys():
            return {**data, "live_stream": {**inner, **changes}}
        return {**data, **changes}

    side.emulator.inject(Fault.edited(edit), on=ANY, times=FOR_EVER)
    try:
        yield
    finally:
        side.emulator.clear_faults()


def key(id: str) -> str:
    return f"s{id}".replace("-", "_")


START = {"tktchurch": "scheduledStartTime", "tpstreams": "start", "memory": "scheduled_start"}


def items(plan: migrate.Plan | migrate.Report) -> dict[str, Any]:
    return {item.source_id: item for item in plan.items}


def run(plan: migrate.Plan | None, ledger: Path, **settings: Any) -> migrate.RunResult:
    return migrate.run(plan, ledger=ledger, **{"settle": 0.1, **settings})


# -- a field of a stream ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stream_with_a_problem_in_a_moved_field_needs_review_and_all_others_do_not(
    both: tuple[Side, Side], ledger: Path
) -> None:
    old, new = both
    first, *others = old.fill(3)
    with odd(old, **{key(first): {START[old.provider]: "soon"}}):
        plan = planned(old, new)
        item = items(plan)[first]
        assert item.state is ItemState.NEEDS_REVIEW
        assert "scheduled_start: it could not be read at the source" in item.reason
        assert "soon" not in item.reason
        assert {items(plan)[id].state for id in others} == {ItemState.PENDING}
        result = run(plan, ledger)
    assert by_state(result.report) == {"created": 2, "needs_review": 1}
    assert len(new.streams()) == 2


def test_a_title_that_cannot_be_read_is_never_made_up(both: tuple[Side, Side]) -> None:
    old, new = both
    (id,) = old.fill(1)
    with odd(old, **{key(id): {"title": None}}):
        item = items(planned(old, new))[id]
    assert (item.state, item.spec) == (ItemState.NEEDS_REVIEW, None)


@pytest.mark.slow
def test_a_problem_in_a_field_that_is_not_copied_does_not_matter(
    both: tuple[Side, Side], ledger: Path
) -> None:
    old, new = both
    (id,) = old.fill(1)
    field = {"tktchurch": "createdAt", "tpstreams": "chat_embed_url"}[old.provider]
    plan = planned(old, new)
    with odd(old, **{key(id): {field: 7}}):
        assert items(planned(old, new))[id].state is ItemState.PENDING
        # The digest does not include it either.
        assert by_state(run(plan, ledger).report) == {"created": 1}


@pytest.mark.slow
def test_a_problem_that_comes_between_plan_and_run_is_found_before_anything_is_created(
    both: tuple[Side, Side], ledger: Path
) -> None:
    old, new = both
    first, other = old.fill(2)
    plan = planned(old, new)
    # It had no value before, so the digest does not change.
    field = {"tktchurch": "description", "tpstreams": "latency"}[old.provider]
    with odd(old, **{key(first): {field: 7}}):
        result = run(plan, ledger)
        found = items(result.report)
        assert found[first].state is ItemState.NEEDS_REVIEW
        assert (
            f"changed since the plan was made: {field}: it could not be read" in found[first].reason
        )
        assert found[other].state is ItemState.CREATED
    again = run(None, ledger, source=old.client, target=new.client, replan=True)
    assert by_state(again.report) == {"created": 2}


def test_a_transform_that_sets_the_field_takes_its_place(both: tuple[Side, Side]) -> None:
    old, new = both
    (first,) = old.fill(1)
    start = in_days(9)

    def transform(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
        changes: dict[str, Any] = {}
        if not stream.title:
            changes["title"] = f"Lesson of {stream.id}"
        if stream.scheduled_start is None:
            changes["scheduled_start"] = start
        return attrs.evolve(spec, **changes)

    # TPStreams has the start and the title in different objects.
    for changes in ({START[old.provider]: "soon"}, {"title": None}):
        with odd(old, **{key(first): changes}):
            item = items(planned(old, new, transform=transform))[first]
        assert item.state is ItemState.PENDING, item.reason
        assert item.spec is not None
        if "title" in changes:
            assert item.spec.title == f"Lesson of {first}"
            assert {each.fate for each in item.fields if each.field == "title"} == {
                FieldOutcome.CONVERTED
            }
        else:
            assert item.spec.scheduled_start == start


def test_a_transform_that_only_adds_to_a_title_does_not_give_it_one(
    both: tuple[Side, Side],
) -> None:
    old, new = both
    (id,) = old.fill(1)

    def transform(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
        return attrs.evolve(spec, title=f"Moved: {spec.title}")

    with odd(old, **{key(id): {"title": {}}}):
        item = items(planned(old, new, transform=transform))[id]
    assert (item.state, item.spec) == (ItemState.NEEDS_REVIEW, None)


def test_a_filter_keeps_streams_whose_field_cannot_be_read(
    both: tuple[Side, Side],
) -> None:
    old, new = both
    first, later = (
        old.add("One", scheduled_start=in_days(2)),
        old.add("Two", scheduled_start=in_days(9)),
    )
    with odd(old, **{key(first.id): {START[old.provider]: "soon"}}):
        plan = planned(old, new, starts_after=in_days(5))
    assert {id: item.state for id, item in items(plan).items()} == {
        first.id: ItemState.NEEDS_REVIEW,
        later.id: ItemState.PENDING,
    }


# -- an entry that is not a stream --------------------------------------------------------------


@pytest.mark.slow
def test_entries_that_cannot_be_read_are_items_that_need_review(
    both: tuple[Side, Side], ledger: Path
) -> None:
    old, new = both
    named, nameless, other = old.fill(3)
    with odd(old, **{key(named): NoStream(id=named), key(nameless): "x"}):
        plan = planned(old, new)
        found = items(plan)
        assert by_state(plan) == {"pending": 1, "needs_review": 2}
        assert found[other].state is ItemState.PENDING
        assert "it could not be read: " in found[named].reason
        (place,) = found.keys() - {named, other}
        assert place.startswith("page 1, position ")
        assert plan.left_out == 0
        assert not plan.source_complete
        result = run(plan, ledger)
        assert by_state(result.report) == {"created": 1, "needs_review": 2}
        again = run(None, ledger, source=old.client, target=new.client, replan=True)
        assert by_state(again.report) == {"created": 1, "needs_review": 2}
    resumed = run(None, ledger, source=old.client, target=new.client, replan=True)
    # The ledger identifies an entry without an ID by its place, so a new plan finds it.
    assert by_state(resumed.report) == {"created": 2, "needs_review": 1}
    assert by_state(planned(old, new, skip_existing=True)) == {"pending": 1, "skipped": 2}


def test_only_what_may_have_been_asked_for_is_an_item(both: tuple[Side, Side]) -> None:
    old, new = both
    asked, not_asked, nameless = old.fill(3)
    shown = {
        key(asked): NoStream(id=asked),
        key(not_asked): NoStream(id=not_asked),
        key(nameless): "x",
    }
    with odd(old, **shown):
        plan = planned(old, new, ids=[asked])
    assert by_state(plan) == {"needs_review": 2}
    assert asked in items(plan)
    assert not_asked not in items(plan)


def test_a_stream_that_only_its_list_shows_is_an_item_too() -> None:
    with sides("tpstreams", "memory") as (old, new):
        first, other = old.fill(2)
        old.emulator.inject(
            Fault.missing_field("live_stream"), on=f"GET */{first}/", times=FOR_EVER
        )
        plan = planned(old, new)
    assert items(plan)[first].state is ItemState.NEEDS_REVIEW
    assert "live_stream is missing" in items(plan)[first].reason
    assert items(plan)[other].state is ItemState.PENDING


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.cut_body(), Fault.html()], ids=["cut", "a proxy's page"])
def test_a_response_without_the_stream_fails_the_plan(fault: Fault) -> None:
    with sides("tpstreams", "memory") as (old, new):
        first, _ = old.fill(2)
        old.emulator.inject(fault, on=f"GET */{first}/", times=FOR_EVER)
        with pytest.raises(live.UnexpectedResponse):
            planned(old, new)


def test_a_list_that_cannot_be_read_to_its_end_fails_the_plan() -> None:
    with sides("tpstreams", "memory") as (old, new):
        old.fill(2)
        old.inject(Fault.extra_field("next", 7), on="list", times=FOR_EVER)
        with pytest.raises(live.UnexpectedResponse, match="next is a number"):
            planned(old, new)


# -- the target ---------------------------------------------------------------------------------


def test_a_run_refuses_to_begin_at_a_target_that_it_cannot_see_whole(ledger: Path) -> None:
    with sides("tpstreams", "memory") as (old, new):
        old.fill(2)
        there = new.add("Of the target's own").id
        with odd(new, **{key(there): NoStream(id=there)}):
            plan = planned(old, new)
            assert (plan.target_total, plan.target_unreadable) == (0, 1)
            assert plan.to_dict()["target_unreadable"] == 1
            assert by_state(plan) == {"pending": 2}
            before = new.creates()
            with pytest.raises(live.UnexpectedResponse, match=there) as caught:
                run(plan, ledger)
            assert "every stream" in (caught.value.hint or "")
            assert new.creates() == before
        assert by_state(run(plan, ledger).report) == {"created": 2}


@pytest.mark.slow
def test_what_may_be_a_create_of_ours_is_not_created_again_where_it_cannot_be_read(
    ledger: Path,
) -> None:
    with sides("tpstreams", "memory") as (old, new):
        old.add("Lesson")
        plan = planned(old, new)
        new.inject(Fault.drop_after(), on="create")

        def edit(data: Any, _: Any) -> Any:
            for stream in data.get("items", ()):
                stream["title"] = None
            return data

        new.inject(Fault.edited(edit), on="list", times=FOR_EVER)
        result = run(plan, ledger)
        assert by_state(result.report) == {"needs_review": 1}
        assert "could not be read" in result.report.items[0].reason
        assert new.creates() == 1
        new.emulator.clear_faults()
        resumed = run(None, ledger, source=old.client, target=new.client, replan=True)
        assert by_state(resumed.report) == {"adopted": 1}
        assert new.creates() == 1


def test_a_check_says_what_could_not_be_read_and_calls_nothing_different(ledger: Path) -> None:
    with sides("tpstreams", "memory") as (old, new):
        old.fill(1)
        report = run(planned(old, new), ledger).report
        id = report.items[0].target_id
        assert id is not None
        with odd(new, **{key(id): {"scheduled_start": 7}}):
            (item,) = migrate.check(ledger, old.client, new.client).items
    assert (item.verdict, item.differences) == ("error", ())
    assert "fields of the stream at the target could not be read: scheduled_start" in item.reason


def test_an_address_that_cannot_be_read_is_not_handed_over_as_none(
    ledger: Path, tmp_path: Path
) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(2)
        first, _ = run(planned(old, new), ledger).report.items
        assert first.target_id is not None
        with odd(new, **{key(first.target_id): {"rtmp_url": 7}}):
            result = migrate.handover(ledger, old.client, new.client, tmp_path / "keys")
    assert result.streams == 1
    assert dict(result.unread) == {
        first.target_id: "ingests: live_stream.rtmp_url is a number, not a string"
    }
