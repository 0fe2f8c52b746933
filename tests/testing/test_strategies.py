"""The public Hypothesis strategies."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from datetime import UTC, datetime
from functools import cache
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core._public import homes
from livestream_core.testing import strategies as s
from livestream_core.testing.registration import STRATEGIES

THOROUGH = settings(max_examples=500, database=None)

MAKERS = [value for value in vars(s).values() if inspect.isfunction(value)]
MAKERS = [make for make in MAKERS if make.__name__ in s.__all__]


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_generated_values_are_valid(make: Any, data: st.DataObject) -> None:
    data.draw(made(make))  # the constructors check


@cache
def made(make: Any) -> st.SearchStrategy[Any]:
    return make()  # takes as long as several examples


def model() -> list[type]:
    """Return the public classes of the model: streams, their parts, and requests."""
    values = [getattr(live, name) for name in live.__all__ if not name.startswith("_")]
    classes = [value for value in values if isinstance(value, type)]
    return [each for each in classes if homes[each].endswith(("._model", "._trim", "._secret"))]


def test_every_type_of_the_model_has_a_strategy() -> None:
    enumerations = {live.EventKind, live.Feature, live.Latency, live.RecordingStatus}
    assert set(model()) - enumerations <= set(STRATEGIES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STRATEGIES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_hypothesis_finds_them_by_the_type(kind: type, data: st.DataObject) -> None:
    assert isinstance(data.draw(found(kind)), kind)


@cache
def found(kind: type) -> st.SearchStrategy[Any]:
    return st.from_type(kind)  # as long as it lasts, hypothesis makes and checks its parts once


@given(st.builds(live.Event, provider=st.just("acme"), kind=st.sampled_from(live.EventKind)))
def test_builds_takes_the_types_of_the_model(event: live.Event) -> None:
    assert event.provider == "acme"


FIELDS = {
    live.Event: s.EventParts,
    live.Ingest: s.IngestParts,
    live.LiveStream: s.LiveStreamParts,
    live.Page: s.PageParts,
    live.Playback: s.PlaybackParts,
    live.Query: s.QueryParts,
    live.Recording: s.RecordingParts,
    live.RestreamTarget: s.RestreamTargetParts,
    live.StreamSpec: s.StreamSpecParts,
}


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_every_field_of_a_value_can_be_fixed(kind: type[Any]) -> None:
    assert set(attrs.fields_dict(kind)) == set(typing.get_type_hints(FIELDS[kind]))


@pytest.mark.slow
@given(s.pages(next_cursor="after"))
def test_the_cursor_of_a_page_can_be_fixed(page: live.Page) -> None:
    assert page.next_cursor == "after"


@pytest.mark.slow
@given(s.live_streams(status=live.Status.ENDED, recording=s.recordings(duration=5), ingests=()))
def test_parts_are_fixed_by_a_value_or_by_a_strategy(stream: live.LiveStream) -> None:
    assert stream.status is live.Status.ENDED
    assert stream.ingests == ()
    assert stream.recording is not None
    assert stream.recording.duration == 5


def test_a_part_that_there_is_not_is_an_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        s.live_streams(colour="red")  # type: ignore[call-arg]


SEEN = {
    "a title in another script": (s.stream_specs(), lambda spec: not spec.title.isascii()),
    "an id that must be encoded": (s.ids(), lambda id: "/" in id or "%" in id),
    "the first years": (s.instants(), lambda at: at.year < 1000),
    "far times": (s.instants(), lambda at: at.year > 9000),
    "microseconds": (s.instants(), lambda at: at.microsecond % 1000 != 0),
    "a stream with nothing": (
        s.live_streams(),
        lambda x: not (x.ingests or x.playbacks or x.tags or x.restreams or x.recording),
    ),
    "a stream with a key in its playback": (
        s.live_streams(),
        # No other generated URL has one that is not ASCII.
        lambda x: any(
            key in str.__str__(p.url)
            for p in x.playbacks
            for key in x.stream_keys()
            if not key.isascii()
        ),
    ),
    "a password in a URL": (s.secret_urls(), lambda url: "@" in url),
    "a page that another one follows": (s.pages(), lambda page: page.next_cursor is not None),
    "an empty page": (s.pages(), lambda page: not page.items),
    "an event without a stream": (s.events(), lambda event: event.stream is None),
    "a relative trim": (s.trims(), lambda trim: trim.is_relative),
    "an absolute trim": (s.trims(), lambda trim: not trim.is_relative),
    "a status that nobody knows": (s.statuses(), lambda status: status is live.Status.UNKNOWN),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", SEEN)
def test_the_edges_are_among_what_is_made(what: str) -> None:
    strategy, is_there = SEEN[what]
    found = find(strategy, is_there, settings=settings(THOROUGH, phases=[Phase.generate]))
    assert is_there(found)


@pytest.mark.slow
def test_generated_values_shrink_to_a_minimal_example() -> None:
    # Explaining would try hundreds of other values, for comments in a report of a failure.
    phases = [phase for phase in Phase if phase is not Phase.explain]
    least = find(
        s.stream_specs(),
        lambda spec: spec.scheduled_start is not None,
        settings=settings(THOROUGH, phases=phases),
    )
    assert least == live.StreamSpec(title="0", scheduled_start="2000-01-01T00:00:00Z")


@pytest.mark.slow
@given(s.live_streams() | s.events() | s.stream_specs() | s.pages() | s.recordings())
def test_a_secret_shows_nowhere_but_where_it_is_asked_for(value: Any) -> None:
    assert s.MARKER not in repr(value)
    assert s.MARKER not in str(value)


@given(s.secrets(marker="k3y:") | s.secrets(marker=""))
def test_a_secret_begins_with_the_marker_and_is_never_empty(secret: live.Secret) -> None:
    assume(not secret.reveal().startswith("k3y:"))
    assert secret


@given(
    s.instants(
        min_value=datetime(2026, 1, 1, tzinfo=UTC), max_value=datetime(2027, 1, 1, tzinfo=UTC)
    )
)
def test_instants_keep_to_their_bounds(at: datetime) -> None:
    assert at.year == 2026 or at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_bound_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        s.instants(min_value=datetime(2026, 1, 1))


@given(s.trims(is_relative=True), s.trims(is_relative=False))
def test_trims_are_of_the_form_that_is_asked_for(relative: live.Trim, absolute: live.Trim) -> None:
    assert (relative.is_relative, absolute.is_relative) == (True, False)


@pytest.mark.slow
def test_hypothesis_loads_no_strategy_before_one_is_asked_for() -> None:
    code = (
        "import sys, hypothesis\n"
        "print('livestream_core' in sys.modules, 'livestream_core.testing.strategies' in sys.modules)\n"
        "import hypothesis.strategies as st, livestream_core as live\n"
        "print(type(st.from_type(live.Trim).example()).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "False", "Trim"]
