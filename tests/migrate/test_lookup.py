"""A lookup finds what comparing each spec with each stream finds, and compares few of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.durable.lookup import Lookup
from livestream_core.durable.matching import Matcher

NOON = datetime(2090, 12, 5, 12, tzinfo=UTC)
TITLED, UNTITLED = Matcher(titled=True), Matcher(titled=False)

#: Few values, so that many specs and streams are equal, or nearly.
SHARED: dict[str, st.SearchStrategy[Any]] = {
    "title": st.sampled_from(["Lesson", " Lesson ", "Fu\u0308r", "F\u00fcr"]),
    "description": st.sampled_from([None, "", "a", "a\n"]),
    "scheduled_start": st.sampled_from(
        [
            None,
            NOON,
            NOON.astimezone(timezone(timedelta(hours=5, minutes=30))),
            NOON + timedelta(seconds=1),
            NOON + timedelta(minutes=1),
        ]
    ),
    "latency": st.sampled_from([None, "low", "normal"]),
    "tags": st.sampled_from([(), ("a",), ("a", "b"), ("b", "a")]),
    "reference": st.sampled_from([None, "lesson-7"]),
    "restreams": st.sampled_from([(), (live.RestreamTarget("rtmp://a.example/x"),)]),
}
specs = st.builds(
    live.StreamSpec,
    **SHARED,
    playback_url=st.sampled_from([None, "https://a.example/x", "https://b.example/x"]),
)
streams = st.builds(
    live.LiveStream,
    **{**SHARED, "title": st.one_of(st.just(""), SHARED["title"])},
    provider=st.just("acme"),
    id=st.just("1"),
    status=st.just(live.Status.SCHEDULED),
    playbacks=st.sampled_from([(), (live.Playback("https://a.example/x"),)]),
    problems=st.sets(
        st.sampled_from(["title", "scheduled_start", "tags", "playbacks", "reference", "chat_url"]),
        max_size=2,
    ).map(lambda names: tuple(f"{name}: cannot be read" for name in sorted(names))),
)


@settings(max_examples=300)
@given(st.lists(specs, max_size=6), st.lists(streams, max_size=6), st.booleans())
def test_a_lookup_finds_exactly_what_comparing_with_all_finds(
    asked: list[live.StreamSpec], shown: list[live.LiveStream], titled: bool
) -> None:
    matcher = TITLED if titled else UNTITLED
    by_spec = Lookup(matcher, enumerate(shown))
    for spec in asked:
        for are_one in (matcher.may_be_same, matcher.is_same):
            found = [at for at, each in by_spec.near(spec) if are_one(spec, each)]
            assert found == [at for at, each in enumerate(shown) if are_one(spec, each)]
    by_stream = Lookup(matcher, enumerate(asked))
    for stream in shown:
        found = [at for at, each in by_stream.near(stream) if matcher.may_be_same(each, stream)]
        assert found == [at for at, each in enumerate(asked) if matcher.may_be_same(each, stream)]


@pytest.mark.parametrize(
    ("matcher", "vary"),
    [(TITLED, "title"), (TITLED, "scheduled_start"), (TITLED, "tags"), (UNTITLED, "reference")],
)
def test_a_lookup_compares_few_if_one_field_distinguishes_all(matcher: Matcher, vary: str) -> None:
    def value(at: int) -> Any:
        if vary == "scheduled_start":
            return NOON + timedelta(minutes=at)
        return (f"lesson-{at}",) if vary == "tags" else f"lesson-{at}"

    wanted = [
        attrs.evolve(live.StreamSpec(title="Lesson"), **{vary: value(at)}) for at in range(500)
    ]
    found = Lookup(
        matcher,
        (
            (
                at,
                live.LiveStream(
                    provider="acme",
                    id=str(at),
                    status=live.Status.SCHEDULED,
                    **{"title": "Lesson", vary: value(at)},
                ),
            )
            for at in range(500)
        ),
    )
    assert [[at for at, _ in found.near(spec)] for spec in wanted] == [[at] for at in range(500)]
