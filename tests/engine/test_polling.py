"""How soon a stream is read again, as a function of what is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import memory
from livestream_core._engine.polling import FAST, jittered, next_read, retry_pause
from livestream_core._model.status import STATUSES
from livestream_core.testing.strategies import instants, live_streams

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CAN = memory.MemoryVendor().connect().capabilities
BASE = 60.0


def stream(status: str, **fields: Any) -> live.LiveStream:
    return live.LiveStream(provider="memory", id="1", title="Lesson", status=status, **fields)


def pause(found: live.LiveStream, *, changed: float | None = None, can: Any = CAN) -> float | None:
    """Return the pause, if the last change was some seconds ago."""
    last = None if changed is None else NOW - timedelta(seconds=changed)
    return next_read(found, can, NOW, last, BASE)


@pytest.mark.parametrize("status", ["scheduled", "ready", "live", "disabled", "unknown"])
def test_a_stream_is_read_seldom_while_nothing_points_to_a_change(status: str) -> None:
    assert pause(stream(status)) == pause(stream(status), changed=3600) == BASE


@pytest.mark.parametrize("status", ["scheduled", "ready", "live", "disabled", "unknown"])
def test_after_a_change_a_stream_is_read_fast_for_two_minutes(status: str) -> None:
    assert pause(stream(status), changed=0) == pause(stream(status), changed=119) == FAST
    assert pause(stream(status), changed=120) == BASE


@pytest.mark.parametrize("status", ["starting", "interrupted", "processing"])
def test_in_a_status_that_does_not_last_it_is_read_fast_and_slower_the_longer_that_lasts(
    status: str,
) -> None:
    assert pause(stream(status)) == pause(stream(status), changed=120) == FAST
    assert pause(stream(status), changed=600) == 15
    assert pause(stream(status), changed=86_400) == BASE


def test_around_its_scheduled_start_a_stream_is_read_fast() -> None:
    def at(seconds: float, status: str = "scheduled") -> float | None:
        return pause(stream(status, scheduled_start=NOW + timedelta(seconds=seconds)))

    assert at(3600) == BASE
    assert at(150) == 30, "the next read is when the time around the start begins"
    assert at(121) == at(120) == at(0) == at(-599) == FAST
    assert at(-600) == BASE
    assert at(0, "ready") == FAST
    assert at(0, "live") == BASE


@pytest.mark.parametrize("status", ["ended", "cancelled", "failed"])
def test_a_stream_that_is_over_is_not_read_again(status: str) -> None:
    assert pause(stream(status), changed=0) is None


def test_a_stream_with_a_pending_recording_is_read_until_it_is_made() -> None:
    def ended(recording: str) -> live.LiveStream:
        return stream("ended", recording=live.Recording(recording))

    assert pause(ended("processing"), changed=600) == 15
    assert pause(ended("pending")) == FAST
    assert pause(ended("ready"), changed=0) is None
    assert pause(ended("failed"), changed=0) is None


def test_a_reusable_stream_is_never_over() -> None:
    from livestream_mux.emulator import MuxEmulator

    can = MuxEmulator().connect().capabilities
    assert pause(stream("ended"), can=can) == BASE


@given(
    found=live_streams(),
    now=instants(),
    last=st.none() | instants(),
    base=st.floats(0.01, 1e6),
)
def test_a_pause_is_never_longer_than_the_base_nor_shorter_than_it_must_be(
    found: live.LiveStream, now: datetime, last: datetime | None, base: float
) -> None:
    seconds = next_read(found, CAN, now, last, base)
    if seconds is None:
        assert STATUSES[found.status].over
    else:
        assert min(FAST, base) <= seconds <= base


def test_jitter_is_a_tenth_in_both_directions() -> None:
    assert [jittered(10, fraction) for fraction in (0, 0.5, 1)] == pytest.approx([9, 10, 11])


def test_the_pauses_after_failures_double_up_to_five_minutes_or_what_the_vendor_asks_for() -> None:
    assert [retry_pause(failures) for failures in (0, 1, 2, 9, 1000)] == [5, 10, 20, 300, 300]
    assert retry_pause(0, 3) == 5
    assert retry_pause(0, 3600) == 3600
