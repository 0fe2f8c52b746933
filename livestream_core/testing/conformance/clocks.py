"""Times are those of the clocks that the vendor and the client have, at any hour of any year."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from ..._contract.capabilities import OPERATION_OF, Feature
from ..._model.errors import Conflict, Rejected
from ..._model.status import STATUSES, Status
from ..._model.stream import LiveStream
from .area import Area, each, needs
from .harness import Harness
from .operations import change, changed, updatable
from .subject import Subject

#: Far from the machine's clock, which an adapter may read by mistake.
_YEARS = 3 * 365 * 86_400
#: The coarsest vendors store whole minutes.
_MINUTE = 60
#: When to go live: in each hour, and on the days on which arithmetic with months goes wrong.
_MOMENTS: tuple[tuple[int, ...], ...] = (
    *((1, 9, hour, 5) for hour in range(24)),
    (1, 31, 23, 58),
    (2, 28, 23, 58),
    (6, 30, 12, 1),
    (12, 31, 23, 58),
)
_TIMES = ("created_at", "started_at", "ended_at")


def _steps(subject: Subject) -> Iterable[Feature]:
    """Return the operations that can be tried a second time, of those that are declared."""
    steps = (Feature.START, Feature.STOP, Feature.CANCEL)
    return [each for each in steps if subject.capabilities.supports(each)]


def times(stream: LiveStream) -> dict[str, datetime | None]:
    """Return the times that a later call may not change."""
    return {name: getattr(stream, name) for name in _TIMES}


class Clocks(Area):
    """What is written as a time, and read as one, is the time at which it happened."""

    title = "lifecycle"

    @needs(Feature.GET)
    def test_times_are_those_of_the_clock_that_was_passed(self, harness: Harness) -> None:
        harness.need_emulated_time()
        harness.clock.sleep(_YEARS)
        before, wrong = harness.clock.now(), set()
        for stream in harness.life():
            for name, at in times(stream).items():
                if at is not None and not _is_between(before, at, harness.clock.now()):
                    wrong.add(f"{name} is {at}, at {harness.clock.now()}")
        assert sorted(wrong) == []

    @needs(Feature.GET)
    def test_a_stream_that_goes_live_at_any_hour_started_then(self, harness: Harness) -> None:
        harness.need_emulated_time()
        wrong: list[str] = []
        seen = False
        year = harness.clock.now().year + 1
        for month, day, hour, minute in sorted(_MOMENTS):
            moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
            boot = harness.emulator.boot_seconds
            left = (moment - harness.clock.now()).total_seconds() - boot - 1
            harness.clock.sleep(max(left, 0))
            before = harness.clock.now()
            stream = _live(harness)
            if stream is None or stream.started_at is None:
                continue
            seen = True
            if not _is_between(before, stream.started_at, harness.clock.now()):
                wrong.append(f"{stream.started_at} at {harness.clock.now()}")
        if not seen:
            pytest.skip("no stream that is live has a started_at")
        assert wrong == []

    @needs(Feature.GET)
    def test_the_time_of_a_creation_is_kept_by_all_that_follows(self, harness: Harness) -> None:
        before = harness.clock.now()
        stream = harness.client.get(harness.stream().id)
        if stream.created_at is None:
            pytest.skip("created_at is None")
        assert _is_between(before, stream.created_at, harness.clock.now())
        harness.clock.sleep(3700)
        if harness.can.supports(Feature.UPDATE):
            name = next(iter(updatable(self.subject)))
            change(harness, stream.id, name, changed(self.subject, name))
            updated_at = harness.client.get(stream.id).updated_at
            if updated_at is not None:
                since = harness.clock.now() - timedelta(minutes=2)
                assert updated_at > since, "updated_at is not the time of the update"
        for operation in (Feature.START, Feature.STOP):
            if harness.can.supports(operation):
                method = getattr(harness.client, OPERATION_OF[operation].name)
                harness.attempt(method, stream.id)
            harness.clock.sleep(3700)
            assert harness.client.get(stream.id).created_at == stream.created_at

    @needs(Feature.GET)
    @each("feature", _steps)
    def test_an_operation_that_comes_again_an_hour_later_moves_no_time(
        self, harness: Harness, feature: Feature
    ) -> None:
        harness.need_emulated_time()
        name = OPERATION_OF[feature].name
        method: Callable[[str], object] = getattr(harness.client, name)
        if feature is Feature.START:
            stream = harness.unstarted()
            method(stream.id)
            harness.clock.sleep(harness.emulator.boot_seconds + 1)
            harness.attempt(harness.emulator.connect_encoder, stream.id)
        elif feature is Feature.STOP:
            stream = harness.reach(Status.LIVE)
            method(stream.id)
        else:
            stream = harness.scheduled()
            method(stream.id)
            if not harness.exists(stream.id):
                pytest.skip("a stream that was cancelled is gone")
        before = harness.seen(stream.id)
        if before is None:
            pytest.skip("the vendor forgets a stream with its encoder")
        harness.clock.sleep(3700)
        harness.client.get(stream.id)
        try:
            method(stream.id)
        except (Conflict, Rejected) as error:
            assert error.applied is False
        after = harness.client.get(stream.id)
        assert times(after) == times(before), f"a second {name} changed a time"


def _is_between(start: datetime, at: datetime, end: datetime) -> bool:
    tolerance = timedelta(seconds=_MINUTE)
    return start - tolerance <= at <= end + tolerance


def _live(harness: Harness) -> LiveStream | None:
    """Return a new stream that is live, as a read shows it."""
    stream = harness.stream()
    harness.attempt(harness.client.start, stream.id)
    harness.clock.sleep(harness.emulator.boot_seconds + 1)
    harness.attempt(harness.go_live, stream.id)
    shown = harness.client.get(stream.id)
    return shown if STATUSES[shown.status].aired else None
