"""The speed of a migration, and its remaining time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from livestream_core.cli.migrate.progress import Pause, Snapshot, Tracker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def counts(created: int, pending: int, skipped: int = 0) -> dict[str, int]:
    return {
        "total": created + pending + skipped,
        "pending": pending,
        "created": created,
        "skipped": skipped,
        "unknown": 0,
    }


def seen(*snapshots: tuple[float, int, int]) -> Snapshot:
    """Return the last of several snapshots: seconds since the one before, created, and pending."""
    clock = Clock()
    tracker = Tracker(clock)
    for seconds, created, pending in snapshots:
        clock.now += seconds
        snapshot = tracker.update(counts(created, pending), writes=created)
    return snapshot


def test_at_the_first_look_no_speed_is_known() -> None:
    snapshot = seen((0, 5, 10))
    assert (snapshot.per_second, snapshot.remaining_seconds) == (None, None)
    assert str(snapshot) == "5 of 15"


def test_earlier_progress_does_not_increase_the_speed_of_this_run() -> None:
    assert seen((0, 5_000, 100), (10, 5_020, 80)).per_second == 2.0


def test_the_rest_takes_as_long_as_it_takes_at_this_speed() -> None:
    snapshot = seen((0, 0, 100), (10, 20, 80))
    assert snapshot.remaining_seconds == 40.0
    assert str(snapshot) == "20 of 100, 2.0/s, 40 s left"


def test_only_the_last_half_minute_counts() -> None:
    snapshots = [(0, 0, 1_000), *((1, 10 * second, 1_000 - 10 * second) for second in range(1, 20))]
    slower = [(10, 190 + each, 810 - each) for each in range(1, 5)]
    assert seen(*snapshots).per_second == 10.0
    assert seen(*snapshots, *slower).per_second == 0.1


def test_a_run_that_stands_still_has_no_remaining_time() -> None:
    snapshot = seen((0, 3, 10), (60, 3, 10))
    assert (snapshot.per_second, snapshot.remaining_seconds) == (None, None)


def test_long_times_are_in_minutes_and_hours() -> None:
    assert str(seen((0, 0, 1_210), (1, 10, 1_200))).endswith(", 2 min left")
    assert str(seen((0, 0, 90_010), (1, 10, 90_000))).endswith(", 2 h 30 min left")


def test_streams_that_are_left_alone_are_not_counted() -> None:
    assert str(Tracker(Clock()).update(counts(1, 1, skipped=98), writes=1)) == "1 of 2"


def test_a_pause_is_shown_while_it_lasts() -> None:
    tracker, now = Tracker(Clock()), datetime.now(UTC)
    for seconds, shows in ((3600, True), (-1, False)):
        tracker.pause = Pause(now + timedelta(seconds=seconds), "memory: HTTP 429", utc=True)
        snapshot = tracker.update(counts(1, 1), writes=1)
        assert (snapshot.pause is not None) is shows
        assert (snapshot.to_dict()["waiting_until"] is not None) is shows
