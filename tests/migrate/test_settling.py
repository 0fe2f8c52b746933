"""Settling: the outcomes of creates without a response, matching streams, and changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import attrs
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.durable.matching import IDENTIFYING, Matcher, words
from livestream_core.durable.settling import Decision, candidates, decide
from livestream_core.migrate import ItemState, RequestRate
from livestream_core.migrate.ledger.transaction import Entry
from livestream_core.migrate.planning.matching import SOURCE_FIELDS, digest, mark_of, snapshot
from livestream_core.testing.strategies import (
    live_streams,
    restream_targets,
    secret_urls,
    stream_specs,
)

TITLED, UNTITLED = Matcher(titled=True), Matcher(titled=False)
NOON = datetime(2026, 12, 5, 12, tzinfo=UTC)

#: For tests whose examples take long to draw.
few = settings(max_examples=40)


def entry(position: int, description: str = "a", *, intended_at: datetime = NOON) -> Entry:
    return Entry(
        position=position,
        source_id=f"from-{position}",
        title="Lesson",
        state=ItemState.UNKNOWN,
        spec=live.StreamSpec(title="Lesson", description=description),
        digest="",
        attempts=1,
        intended_at=intended_at.timestamp(),
        row={},
    )


def stream(
    id: str, description: str | None = "a", *, created_at: datetime | None = None, **fields: Any
) -> live.LiveStream:
    return live.LiveStream(
        provider="acme",
        id=id,
        status=live.Status.SCHEDULED,
        created_at=created_at,
        **{"title": "Lesson", "description": description, **fields},
    )


def listing(streams: Iterable[live.LiveStream]) -> dict[str, live.LiveStream]:
    return {each.id: each for each in streams}


# -- how many creates were applied --------------------------------------------------------------


def settled(
    asked: Sequence[str], shown: Sequence[str], *, is_settled: bool = True
) -> Decision[Entry]:
    """Return the decision for creates and streams of these kinds."""
    entries = [entry(at, kind) for at, kind in enumerate(asked)]
    streams = listing(stream(f"to-{at}", kind) for at, kind in enumerate(shown))
    return decide(
        entries, candidates(entries, streams, frozenset(), TITLED), TITLED, settled=is_settled
    )


@pytest.mark.parametrize(
    ("asked", "shown", "adopted", "created"),
    [
        ("a", "", 0, 1),
        ("a", "a", 1, 0),
        ("aa", "", 0, 2),
        ("aa", "a", 1, 1),
        ("aa", "aa", 2, 0),
        ("ab", "b", 1, 1),
        ("ab", "ab", 2, 0),
    ],
)
def test_streams_that_are_there_are_adopted_and_the_others_created(
    asked: str, shown: str, adopted: int, created: int
) -> None:
    decision = settled(asked, shown)
    assert decision.problem == ""
    assert (len(decision.adopted), len(decision.create)) == (adopted, created)


@pytest.mark.parametrize(("asked", "shown"), [("a", "aa"), ("ab", "aab"), ("ab", "aa")])
def test_more_streams_than_creates_of_a_kind_need_review(asked: str, shown: str) -> None:
    decision = settled(asked, shown)
    assert decision.problem
    assert not decision.create


def test_a_problem_names_the_streams() -> None:
    assert "to-0, to-1" in settled("a", "aa").problem


@pytest.mark.parametrize("shown", ["", "a"])
def test_nothing_is_created_before_it_is_settled(shown: str) -> None:
    decision = settled("aa", shown, is_settled=False)
    assert decision.wait
    assert not decision.create
    assert not decision.adopted


kinds = st.lists(st.sampled_from("abc"), max_size=5)


def possible(asked: Sequence[str], shown: Sequence[str]) -> bool:
    """Return whether each stream can have its own create of its kind, by trying all ways."""
    if len(shown) > len(asked):
        return False
    return any(
        all(one == other for one, other in zip(shown, chosen, strict=False))
        for chosen in permutations(asked, len(shown))
    )


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), kinds)
def test_each_stream_gets_a_create_of_its_kind_or_needs_review(
    asked: list[str], shown: list[str]
) -> None:
    # A stream of a kind without a create is not a candidate.
    shown = [kind for kind in shown if kind in asked]
    decision = settled(asked, shown)
    assert bool(decision.problem) != possible(asked, shown)
    if decision.problem:
        assert not decision.adopted
        assert not decision.create
        return
    adopted = {at: made.description for at, made in decision.adopted.items()}
    assert all(asked[at] == kind for at, kind in adopted.items())
    assert len({made.id for made in decision.adopted.values()}) == len(shown)
    left = Counter(asked) - Counter(shown)
    assert Counter(asked[each.position] for each in decision.create) == left


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=4))
@example([0, 2], [3, 1])  # the first fits both, and must leave one to the second
def test_streams_are_matched_also_where_each_fits_several_creates(
    asked: list[int], shown: list[int]
) -> None:
    # A stream whose creation time is at most five minutes before a create may belong to it.
    entries = [
        entry(at, intended_at=NOON + timedelta(minutes=each + 5)) for at, each in enumerate(asked)
    ]
    streams = [
        stream(f"to-{at}", created_at=NOON + timedelta(minutes=each))
        for at, each in enumerate(shown)
    ]
    found = candidates(entries, listing(streams), frozenset(), TITLED)
    decision = decide(entries, found, TITLED, settled=True)
    minutes = [each for each in shown if each >= min(asked)]
    can_be = len(minutes) <= len(asked) and any(
        all(made >= first for made, first in zip(minutes, chosen, strict=True))
        for chosen in permutations(asked, len(minutes))
    )
    assert bool(decision.problem) != can_be
    if can_be:
        assert {each.id for each in decision.adopted.values()} == set(found)
        assert len(decision.create) == len(asked) - len(minutes)


# -- candidates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fixed", ["baseline", "owned"])
def test_a_stream_in_the_baseline_or_with_an_owner_is_not_a_candidate(fixed: str) -> None:
    assert candidates([entry(0)], listing([stream(fixed)]), frozenset({fixed}), TITLED) == {}


@pytest.mark.parametrize(
    ("age", "is_one"),
    [
        (timedelta(0), True),
        (timedelta(minutes=-9), True),
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), False),
    ],
)
def test_an_adopted_stream_is_hardly_older_than_its_intent(age: timedelta, is_one: bool) -> None:
    streams = listing([stream("to-0", created_at=NOON - age)])
    assert bool(candidates([entry(0)], streams, frozenset(), TITLED)) == is_one


def test_a_stream_without_a_time_of_creation_may_be_one() -> None:
    assert candidates([entry(0)], listing([stream("to-0")]), frozenset(), TITLED)


# -- streams that match a create ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"title": " Lesson  1 "}, {"title": "Lesson 1"}),
        ({"title": "Fu\u0308r"}, {"title": "F\u00fcr"}),
        ({"description": None}, {"description": ""}),
        ({"description": "of\n2026"}, {"description": "of 2026 "}),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}),
        ({"latency": "low"}, {"latency": None}),
        ({"scheduled_start": NOON}, {"scheduled_start": None}),
        ({"restreams": [live.RestreamTarget("rtmp://a.example/x", "k")]}, {"restreams": ()}),
        (
            {"restreams": [live.RestreamTarget("rtmp://a.example/x", "k")]},
            {"restreams": [live.RestreamTarget("rtmp://a.example/x")]},
        ),
        ({"playback_url": "https://a.example/x"}, {"playbacks": ()}),
        ({"record": True}, {"record": False}),
    ],
)
def test_streams_that_vendors_only_format_differently_match(asked: Any, shown: Any) -> None:
    spec = live.StreamSpec(**{"title": "Lesson", **asked})
    assert TITLED.is_same(spec, stream("to-0", **{"description": spec.description, **shown}))


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"title": "Lesson 1"}, {"title": "Lesson 2"}),
        ({"description": "a"}, {"description": "b"}),
        ({"description": None}, {"description": "b"}),
        ({"tags": ["a"]}, {"tags": ["a", "b"]}),
        ({"tags": ()}, {"tags": ["a"]}),
        ({"latency": "low"}, {"latency": "normal"}),
        ({"scheduled_start": NOON}, {"scheduled_start": NOON + timedelta(seconds=1)}),
        (
            {"restreams": [live.RestreamTarget("rtmp://a.example/x", "k")]},
            {"restreams": [live.RestreamTarget("rtmp://b.example/x", "k")]},
        ),
        (
            {"playback_url": "https://a.example/x"},
            {"playbacks": [live.Playback("https://b.example/x")]},
        ),
    ],
)
def test_a_stream_that_differs_after_normalization_does_not_match(asked: Any, shown: Any) -> None:
    spec = live.StreamSpec(**{"title": "Lesson", **asked})
    found = stream("to-0", **{"description": spec.description, **shown})
    (name,) = {*asked} & {*TITLED.differences(spec, found)}
    assert [name] == list(asked)
    assert not TITLED.is_same(spec, found)


@pytest.mark.parametrize("title", ["", " ", "Lesson", "Another"])
def test_whether_a_title_is_compared_depends_on_the_target_and_not_on_the_title(title: str) -> None:
    spec, found = live.StreamSpec(title="Lesson", description="a"), stream("to-0", title=title)
    is_one = title == "Lesson"
    assert TITLED.differences(spec, found) == (() if is_one else ("title",))
    assert TITLED.may_be_same(spec, found) is TITLED.is_same(spec, found) is is_one
    assert UNTITLED.differences(spec, found) == ()
    assert UNTITLED.is_same(spec, found)


def test_a_stream_is_not_recognized_by_a_title_that_the_target_does_not_have() -> None:
    spec, found = live.StreamSpec(title="Lesson"), stream("to-0", description=None)
    assert TITLED.is_same(spec, found)
    assert UNTITLED.may_be_same(spec, found)
    assert not UNTITLED.is_same(spec, found)
    referred = attrs.evolve(spec, reference="lesson-7")
    assert UNTITLED.is_same(referred, attrs.evolve(found, reference="lesson-7"))
    assert not UNTITLED.may_be_same(referred, found)


@pytest.mark.slow
@given(stream_specs(restreams=st.lists(restream_targets(url=secret_urls()), max_size=3).map(tuple)))
def test_a_spec_from_the_ledger_has_the_same_streams_as_the_spec(spec: live.StreamSpec) -> None:
    made = live.LiveStream(
        provider="acme",
        id="1",
        status=live.Status.SCHEDULED,
        **{facts.name: getattr(spec, facts.name) for facts in IDENTIFYING if not facts.shown_in},
    )
    kept = live.StreamSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert TITLED.is_same(spec, made)
    assert TITLED.is_same(kept, made)


@pytest.mark.slow
@few
@given(stream_specs(), stream_specs())
def test_streams_that_could_be_confused_are_in_one_group(
    one: live.StreamSpec, other: live.StreamSpec
) -> None:
    same = attrs.evolve(other, title=f" {one.title} ", scheduled_start=one.scheduled_start)
    assert TITLED.group_key(same) == TITLED.group_key(one)
    if words(other.title) != words(one.title):
        assert TITLED.group_key(other) != TITLED.group_key(one)


def test_a_mark_is_of_one_stream_of_one_account() -> None:
    marks = {mark_of(account, id) for account in ("acme:a", "acme:b") for id in ("1", "2")}
    assert len(marks) == 4
    assert mark_of("acme:a", "1") in marks


# -- changes of a source stream -----------------------------------------------------------------

#: Fields that are never copied.
IRRELEVANT = {
    "id",
    "provider",
    "provider_status",
    "started_at",
    "ended_at",
    "created_at",
    "updated_at",
    "ingests",
    "recording",
    "chat_url",
    "raw",
    "problems",
}
EMPTY = (None, (), "")


def test_every_field_is_either_looked_at_or_known_not_to_matter() -> None:
    names = {field.name for field in attrs.fields(live.LiveStream)}
    assert names == IRRELEVANT | set(SOURCE_FIELDS)


@pytest.mark.slow
@few
@given(live_streams(), live_streams(), st.sampled_from(SOURCE_FIELDS))
def test_a_snapshot_changes_with_each_field_that_matters(
    one: live.LiveStream, other: live.LiveStream, name: str
) -> None:
    if name == "playbacks":
        # The kind is derived from the address.
        assume([each.url for each in one.playbacks] != [each.url for each in other.playbacks])
    before, after = getattr(one, name), getattr(other, name)
    assume(before != after and not (before in EMPTY and after in EMPTY))
    changed = attrs.evolve(one, **{name: after})
    assert snapshot(changed, "salt") != snapshot(one, "salt")
    assert digest(snapshot(changed, "salt"), None, "salt") != digest(
        snapshot(one, "salt"), None, "salt"
    )


@pytest.mark.slow
@few
@given(live_streams(ingests=()), live_streams(ingests=()), st.sampled_from(sorted(IRRELEVANT)))
def test_a_snapshot_does_not_change_with_what_does_not_matter(
    one: live.LiveStream, other: live.LiveStream, name: str
) -> None:
    changed = attrs.evolve(one, **{name: getattr(other, name)})
    assert snapshot(changed, "salt") == snapshot(one, "salt")


@pytest.mark.slow
@few
@given(live_streams())
def test_a_snapshot_is_the_same_each_time_and_shows_no_secret(one: live.LiveStream) -> None:
    text = json.dumps(snapshot(one, "salt"))
    assert text == json.dumps(snapshot(one, "salt"))
    assert "s3cr3t-" not in text


@pytest.mark.slow
@few
@given(live_streams(restreams=st.lists(restream_targets(), min_size=1, max_size=1).map(tuple)))
def test_a_snapshot_of_another_migration_hides_secrets_differently(one: live.LiveStream) -> None:
    assume(one.restreams[0].stream_key is not None)
    mine, theirs = snapshot(one, "salt")["restreams"], snapshot(one, "another")["restreams"]
    assert mine != theirs


@pytest.mark.slow
@few
@given(stream_specs(), stream_specs(), st.sampled_from(attrs.fields(live.StreamSpec)))
def test_a_digest_changes_with_each_field_of_what_is_made(
    one: live.StreamSpec, other: live.StreamSpec, field: Any
) -> None:
    before, after = getattr(one, field.name), getattr(other, field.name)
    assume(before != after)
    changed = attrs.evolve(one, **{field.name: after})
    assert digest({}, changed, "salt") != digest({}, one, "salt")


@pytest.mark.slow
@few
@given(stream_specs())
def test_a_digest_is_the_same_each_time(spec: live.StreamSpec) -> None:
    source: Mapping[str, Any] = {"title": spec.title}
    assert digest(source, spec, "salt") == digest(dict(source), attrs.evolve(spec), "salt")


# -- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "requests", "milliseconds"),
    [
        ("5/s", 5, 1_000),
        ("1/sec", 1, 1_000),
        ("300/min", 300, 60_000),
        ("60/m", 60, 60_000),
        ("1000/h", 1000, 3_600_000),
        ("10/hour", 10, 3_600_000),
        (" 5 / second ", 5, 1_000),
    ],
)
def test_a_rate_is_read(text: str, requests: int, milliseconds: int) -> None:
    assert RequestRate.parse(text) == RequestRate(requests, milliseconds)


@pytest.mark.parametrize(
    "text", ["", "5", "/s", "0/s", "-1/s", "5/", "5/d", "5.5/s", "5/ms", "5/s/s", "s/5", None, 5]
)
def test_an_invalid_rate_is_refused(text: Any) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        RequestRate.parse(text)
    assert caught.value.field == "rate"


@given(st.text())
def test_any_other_text_is_refused_or_read(text: str) -> None:
    try:
        rate = RequestRate.parse(text)
    except live.InvalidInput:
        return
    assert RequestRate.parse(str(rate)) == rate


@given(st.integers(1, 10**6), st.sampled_from(["s", "min", "h"]))
def test_a_rate_is_written_as_it_is_read(requests: int, unit: str) -> None:
    assert str(RequestRate.parse(f"{requests}/{unit}")) == f"{requests}/{unit}"


@given(st.integers(1, 1000), st.integers(1, 64))
def test_the_parts_of_a_rate_are_together_no_faster(requests: int, workers: int) -> None:
    part = RequestRate(requests, 1_000).shared_by(workers)
    assert part.requests * workers * 1_000 <= requests * part.milliseconds
