"""`ManualClock`: a clock that only tests advance."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

import livestream_core as live
from acme import AcmeEmulator

START = datetime(2026, 12, 5, 10, tzinfo=UTC)


def test_it_moves_only_when_it_is_advanced() -> None:
    clock = live.ManualClock(START)
    assert (clock.now(), clock.monotonic()) == (START, 0)
    clock.advance(1.5)
    clock.sleep(1.5)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=3), 3)


def test_it_starts_at_the_current_time_by_default() -> None:
    before = datetime.now(UTC)
    began = live.ManualClock().now()
    assert before <= began <= datetime.now(UTC)


def test_it_tells_the_time_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    now = live.ManualClock(datetime(2026, 12, 5, 15, 30, tzinfo=india)).now()
    assert (now, now.tzinfo) == (START, UTC)


def test_it_does_not_begin_without_a_zone() -> None:
    with pytest.raises(live.InvalidInput):
        live.ManualClock(datetime(2026, 12, 5))


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_it_cannot_advance_by_a_negative_or_unbounded_time(seconds: float) -> None:
    clock = live.ManualClock(START)
    with pytest.raises(ValueError):
        clock.advance(seconds)
    with pytest.raises(ValueError):
        clock.call_later(seconds, clock.now)
    assert clock.now() == START


def test_scheduled_calls_run_in_order_and_on_time() -> None:
    clock = live.ManualClock(START)
    called: list[tuple[str, float]] = []

    def note(name: str) -> None:
        called.append((name, clock.monotonic()))

    clock.call_later(20, lambda: note("second"))
    clock.call_later(20, lambda: note("third"))
    clock.call_later(10, lambda: note("first"))
    clock.call_later(31, lambda: note("never"))
    clock.advance(30)
    assert called == [("first", 10), ("second", 20), ("third", 20)]
    assert clock.monotonic() == 30


def test_what_is_called_may_call_for_more_and_move_the_clock() -> None:
    clock = live.ManualClock(START)
    called: list[float] = []

    def again() -> None:
        called.append(clock.monotonic())
        clock.call_later(10, again)
        clock.advance(1)

    clock.call_later(10, again)
    clock.advance(35)
    assert called == [10, 20, 30]
    assert clock.monotonic() == 35


def test_an_exception_in_a_scheduled_call_is_raised_by_advance() -> None:
    clock = live.ManualClock(START)
    clock.call_later(10, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        clock.advance(30)
    assert clock.monotonic() == 10


def test_an_emulator_and_its_clients_have_one_time() -> None:
    emulator = AcmeEmulator()
    emulator.clock = live.ManualClock(START)
    with emulator.connect() as client:
        id = client.create(title="T").id
        with pytest.raises(live.WaitTimeout):
            client.wait(id, until="live", timeout=600)
    assert emulator.clock.now() - START >= timedelta(seconds=500)


def test_a_client_that_is_given_a_clock_keeps_to_it() -> None:
    emulator, clock = AcmeEmulator(), live.ManualClock(START)
    emulator.clock = live.ManualClock(START)
    with emulator.connect(clock=clock) as client:
        id = client.create(title="T").id
        with pytest.raises(live.WaitTimeout):
            client.wait(id, until="live", timeout=600)
    assert emulator.clock.now() == START < clock.now()
