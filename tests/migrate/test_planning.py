"""A plan shows the outcome of each stream and each field, and changes nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import migrate
from livestream_core._contract.capabilities import FIELDS, OPERATIONS
from livestream_core.durable import listing
from livestream_core.emulator import Fault, load_emulator
from livestream_core.migrate import FieldOutcome, ItemState
from livestream_core.migrate.planning.translation import Translation, Translator, not_movable
from livestream_core.testing.strategies import live_streams
from migrations import PAIRS, PROVIDERS, Side, by_state, in_days, planned, sides

SECRET = "k3y-0f-a-restream"


@pytest.fixture
def church() -> Iterator[tuple[Side, Side]]:
    """Return a source with schedules, tags, and descriptions, and a target with schedules only."""
    with sides("tktchurch", "tpstreams") as both:
        yield both


def fates(item: migrate.PlannedItem) -> dict[str, FieldOutcome]:
    return {each.field: each.fate for each in item.fields}


# -- all streams of the source, without changes -------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_plan_changes_nothing_on_either_side(source: str, target: str) -> None:
    with sides(source, target) as (old, new):
        old.fill(2)
        before = len(old.changes())
        planned(old, new)
        assert len(old.changes()) == before
        assert new.changes() == []


@pytest.mark.slow
@pytest.mark.parametrize("source", PROVIDERS)
def test_every_page_of_the_source_is_in_the_plan(source: str) -> None:
    with sides(source, "tktchurch" if source != "tktchurch" else "tpstreams") as (old, new):
        ids = old.fill(45)
        plan = planned(old, new)
        assert sorted(item.source_id for item in plan.items) == sorted(ids)
        assert plan.left_out == 0


@pytest.mark.parametrize(
    ("source", "proof"),
    [
        ("tpstreams", live.Completeness.PROVEN),
        ("tktchurch", live.Completeness.PROVEN),
        ("videosdk", live.Completeness.UNKNOWN),
    ],
)
def test_a_plan_says_whether_the_vendors_total_proves_it(
    source: str, proof: live.Completeness
) -> None:
    with sides(source, "memory") as (old, new):
        old.fill(2)
        assert planned(old, new).source_complete is proof


def test_a_list_that_differs_each_time_fails_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_PAUSE", 0.0)
    walks = itertools.count()

    def another(answer: Any, _: Any) -> None:
        stream = answer["data"][0]
        answer["data"] = [{**stream, "id": f"{next(walks):024}"}]

    with sides("videosdk", "tktchurch") as (old, new):
        old.fill(1)
        old.inject(Fault.edited(another), "list", times=99)
        with pytest.raises(migrate.MigrationStopped, match="no complete list could be read"):
            planned(old, new)


def test_a_total_that_is_never_reached_makes_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_PAUSE", 0.0)

    def one_more(answer: Any, _: Any) -> None:
        answer["count"] += 1

    with sides("tpstreams", "tktchurch") as (old, new):
        old.fill(1)
        old.inject(Fault.edited(one_more), "list", times=99)
        with pytest.raises(migrate.MigrationStopped, match="no complete list could be read"):
            planned(old, new)


@pytest.mark.slow
def test_a_plan_names_how_many_streams_the_target_has(church: tuple[Side, Side]) -> None:
    old, new = church
    old.fill(1)
    new.fill(3)
    assert planned(old, new).target_total == 3


def test_an_empty_account_makes_an_empty_plan(church: tuple[Side, Side]) -> None:
    plan = planned(*church)
    assert plan.counts["total"] == 0


def test_one_account_is_not_moved_to_itself(church: tuple[Side, Side]) -> None:
    with pytest.raises(live.InvalidInput, match="same account"):
        migrate.plan(church[0].client, church[0].client)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_two_accounts_of_one_vendor_can_be_a_pair(provider: str) -> None:
    with sides(provider, provider) as (old, new):
        old.fill(1)
        settings = {"transform": None} if provider != "tpstreams" else {}
        assert planned(old, new, **settings).counts["pending"] == 1


# -- filters ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ({"status": "scheduled"}, ["Lesson 0", "Lesson 1", "Lesson 2"]),
        ({"status": live.Status.LIVE}, []),
        ({"tag": "maths"}, ["Lesson 1"]),
        ({"starts_after": in_days(4)}, ["Lesson 2"]),
        ({"starts_before": in_days(4)}, ["Lesson 0", "Lesson 1"]),
        ({"starts_after": in_days(3), "starts_before": in_days(4)}, ["Lesson 1"]),
        ({"tag": "maths", "starts_after": in_days(4)}, []),
    ],
)
def test_only_what_was_asked_for_is_in_a_plan(wanted: dict[str, Any], titles: list[str]) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        for number in range(3):
            tags = ["maths"] if number == 1 else []
            old.add(f"Lesson {number}", tags=tags, scheduled_start=in_days(2.5 + number))
        plan = planned(old, new, **wanted)
        assert sorted(item.title for item in plan.items) == titles
        assert plan.left_out == 3 - len(titles)


@pytest.mark.parametrize("spelling", [str.upper, str.lower])
def test_ids_are_found_in_any_spelling_that_the_vendor_takes(
    church: tuple[Side, Side], spelling: Any
) -> None:
    old, new = church
    wanted, _ = old.fill(2)
    (item,) = planned(old, new, ids=[spelling(wanted)]).items
    assert item.source_id == wanted


def test_an_id_that_the_source_does_not_have_fails_the_plan(church: tuple[Side, Side]) -> None:
    old, new = church
    wanted, _ = old.fill(2)
    other = "11111111-1111-4111-8111-111111111111"
    with pytest.raises(live.InvalidInput, match=other) as caught:
        planned(old, new, ids=[wanted, other])
    assert caught.value.field == "ids"


def test_one_id_as_a_string_is_refused(church: tuple[Side, Side]) -> None:
    with pytest.raises(live.InvalidInput, match="ids"):
        planned(*church, ids="abc")


def test_a_filter_on_what_the_source_never_says_is_refused() -> None:
    with sides("videosdk", "tktchurch") as (old, new):
        with pytest.raises(live.Unsupported, match="tag"):
            planned(old, new, tag="maths")


def test_a_plan_keeps_what_was_asked_for(church: tuple[Side, Side]) -> None:
    old, new = church
    old.add("Lesson", tags=["maths"])
    plan = planned(old, new, tag="maths", starts_before="2099-01-01T00:00:00Z")
    assert plan.settings.filters == {"tag": "maths", "starts_before": "2099-01-01T00:00:00+00:00"}


# -- the selected streams -----------------------------------------------------------------------

NOW = datetime(2026, 12, 5, 12, tzinfo=UTC)
GUARD = timedelta(minutes=30)
OVER = {live.Status.ENDED, live.Status.CANCELLED, live.Status.FAILED}
IN_USE = {
    live.Status.STARTING,
    live.Status.READY,
    live.Status.LIVE,
    live.Status.INTERRUPTED,
    live.Status.PROCESSING,
}


def why_not_moved(
    status: live.Status = live.Status.SCHEDULED,
    start: datetime | None = NOW + timedelta(days=1),
    *,
    provider: str = "memory",
    assume_idle: bool = False,
) -> str:
    with load_emulator(provider)().connect() as client:
        stream = live.LiveStream(
            provider=provider, id="1", title="Lesson", status=status, scheduled_start=start
        )
        return not_movable(
            stream, client.capabilities, now=NOW, guard=GUARD, assume_idle=assume_idle
        )


@pytest.mark.parametrize("status", live.Status)
def test_only_what_is_scheduled_is_moved(status: live.Status) -> None:
    assert bool(why_not_moved(status)) == (status is not live.Status.SCHEDULED)


@pytest.mark.parametrize("status", sorted(OVER))
def test_an_ended_stream_is_reported_as_ended(status: live.Status) -> None:
    assert why_not_moved(status) == f"it is over: {status}"


@pytest.mark.parametrize("status", sorted(IN_USE))
def test_a_stream_in_use_is_reported_as_in_use(status: live.Status) -> None:
    assert why_not_moved(status) == f"it is in use: {status}"


@pytest.mark.parametrize("status", live.Status)
def test_assuming_that_streams_are_idle_overrules_no_status_that_is_reported(
    status: live.Status,
) -> None:
    assert why_not_moved(status, assume_idle=True) == why_not_moved(status)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (None, "it is scheduled without a start time"),
        (NOW - timedelta(seconds=1), "its start time has passed"),
        (NOW, "its start time has passed"),
        (NOW + timedelta(seconds=1), "it starts within 30 min"),
        (NOW + GUARD, "it starts within 30 min"),
        (NOW + GUARD + timedelta(seconds=1), ""),
    ],
)
def test_a_stream_is_moved_if_it_starts_after_the_guard(
    start: datetime | None, reason: str
) -> None:
    assert why_not_moved(start=start) == reason


def test_the_guard_is_half_an_hour() -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        now = datetime.now(UTC)
        old.add("Soon", scheduled_start=now + timedelta(minutes=29))
        old.add("Later", scheduled_start=now + timedelta(minutes=33))
        soon, later = sorted(planned(old, new).items, key=lambda item: item.scheduled_start or now)
        assert (soon.state, soon.reason) == (ItemState.SKIPPED, "it starts within 30 min")
        assert later.state is ItemState.PENDING


@pytest.mark.parametrize("guard", [3600, timedelta(hours=1)])
def test_the_guard_can_be_longer(church: tuple[Side, Side], guard: Any) -> None:
    old, new = church
    old.add("Soon", scheduled_start=datetime.now(UTC) + timedelta(minutes=50))
    (item,) = planned(old, new, guard=guard).items
    assert item.state is ItemState.SKIPPED


@pytest.mark.parametrize("guard", [-1, timedelta(seconds=-1), True, "30"])
def test_a_guard_that_is_none_is_refused(church: tuple[Side, Side], guard: Any) -> None:
    with pytest.raises(live.InvalidInput, match="guard"):
        planned(*church, guard=guard)


def test_a_stream_on_air_is_listed_and_not_moved() -> None:
    with sides("tpstreams", "tktchurch") as (old, new):
        on_air, idle = old.add("On air").id, old.add("Idle").id
        old.client.start(on_air)
        old.emulator.clock.advance(old.emulator.boot_seconds + 1)
        old.emulator.connect_encoder(on_air)
        states = {item.source_id: item.state for item in planned(old, new).items}
        assert states == {on_air: ItemState.SKIPPED, idle: ItemState.PENDING}


def test_an_unknown_status_is_listed_with_the_vendors_word() -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.add("Lesson")
        old.inject(Fault.status_word("rehearsing"), "GET *", times=99)
        (item,) = planned(old, new).items
        assert item.state is ItemState.SKIPPED
        assert "rehearsing" in item.reason


def test_a_source_without_statuses_needs_assume_idle() -> None:
    with sides("videosdk", "tktchurch") as (old, new):
        old.add("Lesson")
        (kept,) = planned(old, new, assume_idle=False).items
        (moved,) = planned(old, new, assume_idle=True).items
        assert (kept.state, moved.state) == (ItemState.SKIPPED, ItemState.PENDING)
        assert "assume_idle" in kept.reason


def test_a_create_that_would_start_a_server_needs_review() -> None:
    with sides("videosdk", "tpstreams") as (old, new):
        old.add("Lesson")
        (item,) = planned(old, new, transform=None).items
        assert item.state is ItemState.NEEDS_REVIEW
        assert item.reason.startswith("scheduled_start: ")


def test_a_transform_that_sets_a_start_does_instead() -> None:
    with sides("videosdk", "tpstreams") as (old, new):
        old.add("Lesson")
        (item,) = planned(old, new).items
        assert item.state is ItemState.PENDING
        assert fates(item)["scheduled_start"] is FieldOutcome.CONVERTED


# -- transforms ---------------------------------------------------------------------------------


def test_a_transform_changes_what_is_created(church: tuple[Side, Side]) -> None:
    old, new = church
    old.add("Lesson")
    (item,) = planned(
        old, new, transform=lambda stream, spec: attrs.evolve(spec, title=f"{stream.title} (moved)")
    ).items
    assert item.spec is not None
    assert item.spec.title == "Lesson (moved)"
    assert fates(item)["title"] is FieldOutcome.CONVERTED


def test_a_field_that_a_transform_clears_is_reported_as_cleared() -> None:
    with sides("tktchurch", "memory") as (old, new):
        old.add("Lesson", description="of 2024")
        (item,) = planned(
            old, new, transform=lambda _, spec: attrs.evolve(spec, description=None)
        ).items
        assert fates(item)["description"] is FieldOutcome.CONVERTED


def test_a_transform_that_returns_nothing_keeps_the_spec(church: tuple[Side, Side]) -> None:
    old, new = church
    old.add("Lesson")
    (item,) = planned(old, new, transform=lambda stream, spec: None).items
    assert fates(item)["title"] is FieldOutcome.EXACT


def fails(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    raise RuntimeError(f"cannot: {SECRET}")


def test_a_failing_transform_needs_review_and_shows_no_text_of_its_error(
    church: tuple[Side, Side],
) -> None:
    old, new = church
    old.add("Lesson")
    (item,) = planned(old, new, transform=fails).items
    assert item.state is ItemState.NEEDS_REVIEW
    assert "fails" in item.reason
    assert "RuntimeError" in item.reason
    assert SECRET not in item.reason


@pytest.mark.parametrize("given", [{}, "Lesson", 0, False])
def test_a_transform_that_returns_something_else_needs_review(
    church: tuple[Side, Side], given: Any
) -> None:
    old, new = church
    old.add("Lesson")
    (item,) = planned(old, new, transform=lambda stream, spec: given).items
    assert item.state is ItemState.NEEDS_REVIEW


def test_a_start_that_a_transform_sets_into_the_past_needs_review(
    church: tuple[Side, Side],
) -> None:
    old, new = church
    old.add("Lesson")
    (item,) = planned(
        old, new, transform=lambda _, spec: attrs.evolve(spec, scheduled_start="2020-01-01T00:00Z")
    ).items
    assert item.state is ItemState.NEEDS_REVIEW


class Renames:
    """A plugin that renames streams."""

    @live.hookimpl
    def livestream_translate(
        self, target: str, stream: live.LiveStream, spec: live.StreamSpec
    ) -> live.StreamSpec:
        return attrs.evolve(spec, title=f"{spec.title} at {target.partition(':')[0]}")


def test_plugins_translate_before_the_transform(church: tuple[Side, Side]) -> None:
    old, new = church
    old.add("Lesson")
    plugin = Renames()
    live.register(plugin)
    try:
        (item,) = planned(
            old, new, transform=lambda _, spec: attrs.evolve(spec, title=f"{spec.title}!")
        ).items
    finally:
        live.unregister(plugin)
    assert item.spec is not None
    assert item.spec.title == "Lesson at tpstreams!"


def test_a_transform_must_be_a_function(church: tuple[Side, Side]) -> None:
    with pytest.raises(live.InvalidInput, match="transform"):
        planned(*church, transform="package:function")


# -- existing streams and marks -----------------------------------------------------------------


def test_a_matching_stream_at_the_target_is_named_and_another_is_created(
    church: tuple[Side, Side],
) -> None:
    old, new = church
    start = in_days(2)
    old.add("Lesson", scheduled_start=start)
    there = new.add("Lesson", scheduled_start=start)
    (item,) = planned(old, new).items
    assert item.existing == (there.id,)
    assert item.state is ItemState.PENDING


def test_a_stream_that_the_target_has_can_be_skipped(church: tuple[Side, Side]) -> None:
    old, new = church
    start = in_days(2)
    old.add("Lesson", scheduled_start=start)
    there = new.add("Lesson", scheduled_start=start)
    (item,) = planned(old, new, skip_existing=True).items
    assert item.state is ItemState.SKIPPED
    assert there.id in item.reason


def test_a_stream_of_the_same_title_at_another_time_is_another(church: tuple[Side, Side]) -> None:
    old, new = church
    old.add("Lesson", scheduled_start=in_days(2))
    new.add("Lesson", scheduled_start=in_days(3))
    (item,) = planned(old, new, skip_existing=True).items
    assert (item.existing, item.state) == ((), ItemState.PENDING)


def test_a_mark_is_put_where_it_is_wanted_and_there_is_a_place() -> None:
    with sides("tpstreams", "tktchurch") as (old, new):
        old.add("Lesson")
        (plain,) = planned(old, new).items
        (marked,) = planned(old, new, mark=True).items
        assert plain.spec is not None
        assert marked.spec is not None
        assert plain.spec.tags == ()
        assert len(marked.spec.tags) == 1


def test_a_stream_has_the_same_mark_in_every_plan() -> None:
    with sides("tpstreams", "tktchurch") as (old, new):
        old.fill(2)
        one, other = (
            [item.spec and item.spec.tags for item in planned(old, new, mark=True).items]
            for _ in range(2)
        )
        assert one == other
        assert one[0] != one[1]


def test_a_mark_is_refused_if_the_target_has_no_place_for_it(church: tuple[Side, Side]) -> None:
    with pytest.raises(live.InvalidInput, match="mark"):
        planned(*church, mark=True)


# -- outcomes of fields -------------------------------------------------------------------------

FULL: dict[str, Any] = {
    "description": "All of it",
    "tags": ["maths", "2026"],
    "record": True,
    "recording_drm": True,
    "latency": "low",
    "thumbnail_url": "https://images.example/a.png",
    "playback_url": "https://watch.example/a.m3u8",
    "restreams": [live.RestreamTarget("rtmp://other.example/live", SECRET)],
}
DROPPED = {
    "tpstreams": {"description", "tags", "thumbnail_url", "playback_url", "restreams"},
    "videosdk": {
        "description",
        "latency",
        "playback_url",
        "recording_drm",
        "scheduled_start",
        "tags",
        "thumbnail_url",
    },
    "tktchurch": {"latency", "record", "recording_drm", "restreams"},
    "memory": set(),
}


@pytest.mark.parametrize("target", DROPPED)
def test_a_field_that_the_target_lacks_is_dropped(target: str) -> None:
    with sides("memory", target) as (old, new):
        old.add("Lesson", **FULL)
        plan = planned(old, new)
        assert set(plan.losses) == DROPPED[target]
        (item,) = plan.items
        wanted = {"title", "scheduled_start", *FULL} - DROPPED[target]
        assert {name for name, fate in fates(item).items() if fate is FieldOutcome.EXACT} == wanted


def test_a_value_that_the_target_does_not_have_is_left_to_it() -> None:
    with sides("memory", "tpstreams") as (old, new):
        old.add("Lesson", record=False, latency="ultra_low")
        (item,) = planned(old, new).items
        assert fates(item)["record"] is FieldOutcome.DEFAULTED
        assert fates(item)["latency"] is FieldOutcome.DEFAULTED
        assert {"record", "latency"} <= {each.field for each in item.losses}


def test_fractions_of_a_second_are_floored_where_the_target_has_none() -> None:
    start = in_days(2) + timedelta(seconds=20, microseconds=250_000)
    with sides("memory", "tktchurch") as (old, new):
        old.add("Lesson", scheduled_start=start)
        (item,) = planned(old, new).items
        assert fates(item)["scheduled_start"] is FieldOutcome.CONVERTED
        assert item.spec is not None
        assert item.spec.scheduled_start == start.replace(microsecond=0)


def test_losses_that_are_forbidden_are_named() -> None:
    with sides("memory", "tktchurch") as (old, new):
        old.add("Lesson", record=True, description="All of it")
        plan = planned(old, new, fail_on_loss=["record", "description"])
        assert plan.forbidden_losses == ("record",)


def test_a_loss_of_a_stream_that_is_not_moved_is_not_forbidden() -> None:
    with sides("memory", "tktchurch") as (old, new):
        stream = old.add("Lesson", record=True)
        old.client.start(stream.id)
        assert planned(old, new, fail_on_loss=["record"]).forbidden_losses == ()


@pytest.mark.parametrize("names", [["colour"], "record"])
def test_a_loss_of_no_field_is_refused(church: tuple[Side, Side], names: Any) -> None:
    with pytest.raises(live.InvalidInput, match="fail_on_loss"):
        planned(*church, fail_on_loss=names)


def test_a_plan_is_json() -> None:
    with sides("memory", "tktchurch") as (old, new):
        old.add("Lesson", **FULL)
        plan = planned(old, new, fail_on_loss=["title"], ids=[old.streams()[0].id])
        data = json.loads(json.dumps(plan.to_dict()))
        assert data["counts"]["total"] == len(data["items"]) == 1
        assert data["losses"]["restreams"] == {"dropped": 1}


def test_a_plan_shows_no_secret() -> None:
    with sides("memory", "videosdk") as (old, new):
        old.add("Lesson", **FULL)
        plan = planned(old, new)
        (item,) = plan.items
        assert item.spec is not None
        assert len(item.spec.restreams) == 1
        for shown in (
            repr(plan),
            repr(item),
            repr(item.spec.restreams[0].stream_key),
            json.dumps(plan.to_dict()),
            migrate.plan_html(plan),
        ):
            assert SECRET not in shown


def test_the_counts_of_a_plan_add_up() -> None:
    with sides("memory", "tpstreams") as (old, new):
        old.fill(3)
        old.add("In use")
        old.client.start(old.streams()[-1].id)
        counts = planned(old, new).counts
        assert counts.pop("total") == sum(counts.values()) == 4


def test_planning_twice_returns_the_same_items() -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(3, tags=["maths"], description="All of it")
        one, other = (planned(old, new) for _ in range(2))
        assert [attrs.evolve(each, digest="") for each in one.items] == [
            attrs.evolve(each, digest="") for each in other.items
        ]
        assert by_state(one) == {"pending": 3}


# -- no field is lost ---------------------------------------------------------------------------

#: The fields that have a value even in an empty stream.
ALWAYS = {"provider", "id", "title", "status"}
_CLIENTS = {name: load_emulator(name)().connect() for name in ("memory", *PROVIDERS)}


@st.composite
def capabilities(draw: st.DrawFn) -> live.Capabilities:
    """Return any capabilities that a vendor can declare."""

    def declared(feature: live.Feature) -> live.Capability:
        support = draw(st.sampled_from(live.Support))
        values: Any = None
        if support and feature in (live.Feature.RECORD, live.Feature.RECORDING_DRM):
            values = draw(st.none() | st.sets(st.booleans(), min_size=1))
        if support and feature is live.Feature.LATENCY:
            values = draw(st.none() | st.sets(st.sampled_from(live.Latency), min_size=1))
        return live.Capability(support, "so it is", values)

    return live.Capabilities(
        operations={
            **dict.fromkeys(OPERATIONS, live.Support.NATIVE),
            live.Feature.SCHEDULE: declared(live.Feature.SCHEDULE),
        },
        fields={feature: declared(feature) for feature in FIELDS},
        statuses=draw(st.sets(st.sampled_from(live.Status))),
        create_starts=draw(st.booleans()),
        mark=draw(st.sampled_from([None, "tags"])),
    )


def translated(
    source: str,
    target: str,
    stream: live.LiveStream,
    *,
    to: live.Capabilities | None = None,
    transforms: Any = (),
    mark: bool = False,
) -> Translation:
    client = _CLIENTS[target]
    declared = client._adapter.capabilities
    if to is not None:
        client._adapter.capabilities = to  # type: ignore[misc]
    try:
        return Translator(_CLIENTS[source], client, transforms=transforms, mark=mark).translate(
            stream
        )
    finally:
        client._adapter.capabilities = declared  # type: ignore[misc]


def with_a_value(stream: live.LiveStream) -> set[str]:
    """Return the fields of a stream that have a value."""
    values = {field.name: getattr(stream, field.name) for field in attrs.fields(live.LiveStream)}
    return ALWAYS | {
        name for name, value in values.items() if isinstance(value, bool) or bool(value)
    }


def breaks(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    raise KeyError(stream.id)


def clears(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    return live.StreamSpec(title="All new")


sources = st.sampled_from(("memory", *PROVIDERS))
transforms = st.sampled_from([(), (breaks,), (clears,)])


@pytest.mark.slow
@given(live_streams(), sources, capabilities(), transforms, st.booleans())
def test_no_field_vanishes_whatever_the_target_can(
    stream: live.LiveStream, source: str, to: live.Capabilities, transforms: Any, mark: bool
) -> None:
    made = translated(source, "memory", stream, to=to, transforms=transforms, mark=mark)
    assert with_a_value(stream) <= {each.field for each in made.fields}


@pytest.mark.slow
@given(live_streams(), sources, st.sampled_from(PROVIDERS), transforms)
def test_no_field_vanishes_on_the_way_to_a_vendor(
    stream: live.LiveStream, source: str, target: str, transforms: Any
) -> None:
    made = translated(source, target, stream, transforms=transforms)
    assert with_a_value(stream) <= {each.field for each in made.fields}


@pytest.mark.slow
@settings(max_examples=40)
@given(live_streams(), sources, capabilities())
def test_a_field_that_is_not_sent_is_a_loss(
    stream: live.LiveStream, source: str, to: live.Capabilities
) -> None:
    made = translated(source, "memory", stream, to=to)
    lost = {each.field for each in made.fields if each.is_loss}
    for name in ("description", "tags", "restreams", "thumbnail_url", "scheduled_start"):
        if made.spec is not None and getattr(stream, name) and not getattr(made.spec, name):
            assert name in lost


@pytest.mark.slow
@settings(max_examples=40)
@given(live_streams(), sources, capabilities())
def test_what_is_called_exact_is_sent_as_it_was(
    stream: live.LiveStream, source: str, to: live.Capabilities
) -> None:
    made = translated(source, "memory", stream, to=to)
    for each in made.fields:
        if each.fate is FieldOutcome.EXACT and not each.note and made.spec is not None:
            wanted = getattr(stream, each.field, None)
            if each.field == "playback_url":
                wanted = stream.playbacks[0].url
            assert getattr(made.spec, each.field) == wanted


@pytest.mark.slow
@settings(max_examples=40)
@given(live_streams(scheduled_start=None), capabilities())
def test_a_run_never_starts_a_server(stream: live.LiveStream, to: live.Capabilities) -> None:
    made = translated("memory", "memory", stream, to=attrs.evolve(to, create_starts=True))
    assert made.problem


@pytest.mark.slow
@settings(max_examples=40)
@given(live_streams(), sources, capabilities())
def test_no_note_shows_a_secret(
    stream: live.LiveStream, source: str, to: live.Capabilities
) -> None:
    made = translated(source, "memory", stream, to=to)
    assert "s3cr3t-" not in repr(made)


def test_a_stream_without_a_start_is_in_one_group_with_all_of_its_title() -> None:
    def without_start(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
        is_open = stream.description == "open"
        return attrs.evolve(spec, scheduled_start=None) if is_open else spec

    with sides("tktchurch", "memory") as (old, new):
        old.add("Mass", scheduled_start=in_days(2), description="open")
        old.add("Mass", scheduled_start=in_days(3))
        old.add("Mass", scheduled_start=in_days(4))
        old.add("Choir", scheduled_start=in_days(3))
        old.add("Choir", scheduled_start=in_days(4))
        plan = planned(old, new, transform=without_start)
        keys = {
            title: {item.key for item in plan.items if item.title == title}
            for title in ("Mass", "Choir")
        }
        assert {title: len(found) for title, found in keys.items()} == {"Mass": 1, "Choir": 2}
