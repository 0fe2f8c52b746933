"""Streams follow the state machine, whatever the order of calls."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ..._client import Client
from ..._contract.capabilities import OPERATION_OF, Capabilities, Feature, Support
from ..._contract.pagination import Completeness
from ..._model.errors import (
    Conflict,
    NotFound,
    Rejected,
    StreamFailed,
    Unsupported,
    WaitFailed,
    WaitTimeout,
)
from ..._model.status import STATUSES, Status
from ..._model.stream import LiveStream
from ..._model.times import parse_instant
from ..._model.trim import Trim
from ...emulator import Emulator, Fault
from .area import HTTP, IN_PROCESS, Area, each, needs, proves, walk, walk_settings
from .harness import START, Harness
from .operations import ON_ONE, over
from .subject import Subject

#: The operations on one stream, by the names of the methods.
_ON_ONE = {OPERATION_OF[feature].name: on_one for feature, on_one in ON_ONE.items()}

#: Short lives first: a fault that a few steps show is shown by few.
_STAGES = tuple(
    walk_settings(examples, stateful_step_count=steps) for steps, examples in ((4, 15), (20, 25))
)


def statuses(subject: Subject) -> list[Status]:
    """Return the statuses that the adapter can report, in lifecycle order."""
    return [status for status in Status if status in subject.capabilities.statuses]


def can_move(can: Capabilities, before: Status, after: Status) -> bool:
    """Return whether one status may follow another, in one transition or more."""
    return can.can_become(before, after) or can.can_reach(before, after)


def final_statuses(subject: Subject) -> list[Status]:
    """Return the statuses that the adapter can report and that nothing follows."""
    can_become = subject.capabilities.can_become
    return [one for one in statuses(subject) if not any(can_become(one, each) for each in Status)]


class Lifecycle(Area):
    """The order of a stream's statuses and times."""

    title = "lifecycle"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    @needs(Feature.GET)
    def test_every_step_of_a_life_is_one_that_the_state_machine_knows(
        self, harness: Harness
    ) -> None:
        seen = [stream.status for stream in harness.life()]
        assert set(seen) <= harness.can.statuses | {Status.CANCELLED}
        steps = [(a, b) for a, b in pairwise(seen) if a is not b]
        assert [f"{a} -> {b}" for a, b in steps if not can_move(harness.can, a, b)] == []

    @proves(Feature.START)
    @needs(Feature.GET, when=lambda can: Status.ENDED in can.statuses and not can.reusable)
    def test_a_stream_that_is_over_cannot_be_started_again(self, harness: Harness) -> None:
        stream = harness.reach(Status.ENDED)
        with pytest.raises(Conflict) as caught:
            harness.client.start(stream.id)
        assert caught.value.applied is False
        assert harness.client.get(stream.id).status is Status.ENDED

    @proves(Feature.START)
    def test_starting_twice_is_a_conflict_or_changes_nothing(self, harness: Harness) -> None:
        stream = harness.unstarted()
        harness.client.start(stream.id)
        before = harness.client.get(stream.id)
        try:
            harness.client.start(stream.id)
        except (Conflict, Rejected) as error:
            assert error.applied is False
        after = harness.client.get(stream.id)
        assert (after.status, after.started_at) == (before.status, before.started_at)

    @proves(Feature.STOP)
    def test_stopping_twice_is_a_conflict_or_changes_nothing(self, harness: Harness) -> None:
        stream = harness.reach(Status.LIVE)
        harness.client.stop(stream.id)
        before = harness.seen(stream.id)
        try:
            harness.client.stop(stream.id)
        except (Conflict, Rejected) as error:
            assert error.applied is False
        except NotFound as error:
            assert (error.applied, before) == (False, None)
        after = harness.seen(stream.id)
        assert (after and after.ended_at) == (before and before.ended_at)

    @needs(Feature.GET)
    def test_times_of_a_life_are_in_order_and_none_is_invented(self, harness: Harness) -> None:
        before_it, had_run = harness.clock.now(), False
        for stream in harness.life():
            started, ended = stream.started_at, stream.ended_at
            facts = STATUSES[stream.status]
            # A reusable stream that is idle may show the times of its last run.
            had_run = had_run or (harness.can.reusable and bool(facts.aired))
            if facts.aired is False and not facts.over and not had_run:
                assert (started, ended) == (None, None), f"the status is {stream.status}"
            if ended is not None:
                assert facts.over or had_run, f"the status is {stream.status}"
                assert stream.status is not Status.CANCELLED
            for at in (started, ended, stream.created_at, stream.updated_at):
                # The coarsest vendors store whole minutes.
                assert at is None or (at - harness.clock.now()).total_seconds() <= 60
                assert at is None or (before_it - at).total_seconds() <= 60
            if started is not None and ended is not None:
                assert started <= ended


class RandomLifecycles(Area):
    """Random calls and events, in any order."""

    title = "lifecycle"

    @walk
    @needs(Feature.CREATE, Feature.GET, Feature.LIST)
    def test_any_order_of_calls_agrees_with_the_state_machine(self) -> None:
        machine = type("Lives", (Lives,), {"subject": self.subject})
        for settings in _STAGES:
            run_state_machine_as_test(machine, settings=settings)


class Waiting(Area):
    """``wait`` ends at the right time, and says why."""

    title = "waiting"

    @proves(Feature.GET)
    @each("status", statuses)
    def test_waiting_for_the_status_that_it_is_in_ends_with_one_read(
        self, harness: Harness, status: Status
    ) -> None:
        stream = harness.visible(status)
        before = harness.clock.monotonic()
        assert harness.client.wait(stream.id, until=status, timeout=60).status is status
        assert harness.clock.monotonic() == before

    @proves(Feature.GET)
    @each("status", final_statuses)
    def test_waiting_for_what_can_no_longer_happen_fails_at_once(
        self, harness: Harness, status: Status
    ) -> None:
        stream = harness.visible(status)
        wanted = {Status.SCHEDULED, Status.READY, Status.LIVE} & harness.can.statuses
        with pytest.raises(WaitFailed) as caught:
            harness.client.wait(stream.id, until=wanted or Status.LIVE, timeout=600)
        assert isinstance(caught.value, StreamFailed) == (status is Status.FAILED)
        assert caught.value.stream is not None
        assert caught.value.stream.status is status

    @proves(Feature.GET)
    @needs(Feature.START, when=lambda can: {Status.STARTING, Status.READY} <= can.statuses)
    def test_waiting_for_a_started_stream_ends_when_its_server_is_up(
        self, harness: Harness
    ) -> None:
        stream = harness.stream()
        harness.attempt(harness.client.start, stream.id)
        ready = harness.client.wait(
            stream.id, until=Status.READY, timeout=harness.emulator.boot_seconds + 60
        )
        assert ready.status is Status.READY
        assert ready.ingest is not None, "the stream is ready, but has no ingest"

    @proves(Feature.GET)
    def test_a_wait_that_is_in_vain_ends_with_the_stream_as_last_seen(
        self, harness: Harness
    ) -> None:
        stream = harness.stream()
        with pytest.raises(WaitTimeout) as caught:
            harness.client.wait(stream.id, until=lambda _: False, timeout=30)
        assert caught.value.stream is not None
        assert harness.key(caught.value.stream.id) == harness.key(stream.id)

    @proves(Feature.GET)
    def test_a_wait_outlasts_a_vendor_that_is_away_for_a_while(self, harness: Harness) -> None:
        stream = harness.stream()
        client = harness.signed_in(retries=0)
        harness.emulator.inject(Fault.status(503), times=3)
        found = client.wait(stream.id, until=lambda _: True, timeout=60)
        assert harness.key(found.id) == harness.key(stream.id)

    @proves(Feature.GET)
    @needs(Feature.DELETE)
    def test_waiting_for_a_stream_that_is_gone_ends_at_once(self, harness: Harness) -> None:
        stream = harness.stream()
        harness.client.delete(stream.id)
        with pytest.raises(NotFound):
            harness.client.wait(stream.id, until=lambda _: True, timeout=600)


class Lives(RuleBasedStateMachine):
    """Random calls and events, compared with a small model.

    The model knows only which IDs exist, and the last status of each.
    """

    subject: ClassVar[Subject]
    streams: Bundle[str] = Bundle("streams")

    def __init__(self) -> None:
        super().__init__()
        self.stack: ExitStack[bool | None] = ExitStack()
        self.harness: Harness = self.stack.enter_context(
            Harness.open(self.subject, over_http=False)
        )
        self.client: Client = self.harness.client
        self.can: Capabilities = self.harness.can
        self.emulator: Emulator = self.harness.emulator
        self.seen: dict[str, Status] = {}

    def teardown(self) -> None:
        """Close the clients."""
        self.stack.close()

    def check(self, stream: LiveStream, *, cancelled: bool = False) -> None:
        """Check a stream that was returned."""
        key = self.harness.key(stream.id)
        before, status = self.seen.get(key), stream.status
        assert stream.provider == self.subject.name
        assert cancelled or status in self.can.statuses, f"{status} is not declared"
        moves = before in (None, status) or can_move(self.can, before, status)
        assert moves, f"the status went from {before} to {status}"
        self.seen[key] = status

    def attempt(self, feature: Feature, *arguments: Any, **named: Any) -> Any:
        """Call an operation. A refusal must have changed nothing."""
        call = getattr(self.client, OPERATION_OF[feature].name)
        before = len(self.emulator.requests)
        if not self.can.supports(feature):
            with pytest.raises(Unsupported):
                call(
                    *arguments,
                    **(named or ({"title": "Lesson"} if feature is Feature.UPDATE else {})),
                )
            assert len(self.emulator.requests) == before
            return None
        try:
            return call(*arguments, **named)
        except (Conflict, Rejected) as error:
            assert error.applied is False
            return None

    @rule(target=streams, scheduled=st.booleans())
    def create(self, scheduled: bool) -> str:
        """Create a stream."""
        fields: dict[str, Any] = {"title": "A title"}
        if scheduled and self.can.supports(Feature.SCHEDULE):
            fields["scheduled_start"] = START
        stream = self.client.create(**fields)
        assert stream.title == ("A title" if self.can.supports(Feature.TITLE) else "")
        if "scheduled_start" in fields:
            assert stream.scheduled_start == parse_instant(START)
        self.check(stream)
        return stream.id

    @rule(id=streams)
    def get(self, id: str) -> None:
        """Read a stream."""
        stream = self.client.get(id)
        assert self.harness.key(stream.id) == self.harness.key(id)
        self.check(stream)

    @rule(id=streams)
    def start(self, id: str) -> None:
        """Start a stream, whatever its status."""
        if stream := self.attempt(Feature.START, id):
            self.check(stream)

    @rule(id=streams, trimmed=st.booleans())
    def stop(self, id: str, trimmed: bool) -> None:
        """Stop a stream, whatever its status."""
        trim = Trim.relative(1, 5) if trimmed and self.can.supports(Feature.TRIM) else None
        if stream := self.attempt(Feature.STOP, id, trim=trim):
            self.check(stream)
            assert stream.status in over(self.can)

    @rule(id=consumes(streams))
    def cancel(self, id: str) -> None:
        """Cancel a stream, whatever its status."""
        if stream := self.attempt(Feature.CANCEL, id):
            self.check(stream, cancelled=True)
            assert stream.status is Status.CANCELLED
            if self.can[Feature.CANCEL].support is Support.EMULATED:
                # The adapter may cancel by deleting.
                try:
                    self.client.get(id)
                except NotFound:
                    self.seen.pop(self.harness.key(id))

    @rule(id=streams, title=st.sampled_from(["Another", "Ünï"]))
    def update(self, id: str, title: str) -> None:
        """Rename a stream."""
        if "title" not in self.can.updatable:
            return
        if stream := self.attempt(Feature.UPDATE, id, title=title):
            assert stream.title == title
            self.check(stream)

    @rule(id=consumes(streams))
    def delete(self, id: str) -> None:
        """Delete a stream."""
        if not self.can.supports(Feature.DELETE):
            return
        self.client.delete(id)
        self.seen.pop(self.harness.key(id))
        for feature in (Feature.GET, Feature.DELETE):
            with pytest.raises(NotFound):
                ON_ONE[feature](self.harness, id)

    @rule(id=streams, what=st.sampled_from(["connect_encoder", "drop_encoder", "finish_recording"]))
    def event_occurs(self, id: str, what: str) -> None:
        """Cause an event that no client requested."""
        try:
            getattr(self.emulator, what)(id)
        except (ValueError, NotImplementedError):
            pass  # impossible now: the vendor's state is unchanged

    @rule(seconds=st.sampled_from([1, 25, 400]))
    def time_passes(self, seconds: int) -> None:
        """Let time pass: servers boot, sessions expire."""
        self.harness.clock.sleep(seconds)

    @rule(size=st.integers(1, 3))
    def pages(self, size: int) -> None:
        """Read the list page by page."""
        cursor, ids = None, []
        while True:
            page = self.client.pages(cursor=cursor, size=size)
            ids += [self.harness.key(stream.id) for stream in page]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(ids) == sorted(self.seen)

    #: Operations in the table without a rule above.
    others: list[str] = sorted(_ON_ONE.keys() - vars().keys())
    if others:

        @rule(id=streams, name=st.sampled_from(others))
        def any_other(self, id: str, name: str) -> None:
            """Call one of these operations, whatever the status."""
            try:
                found = _ON_ONE[name](self.harness, id)
            except (Conflict, Rejected, Unsupported) as error:
                assert error.applied is False
            else:
                if isinstance(found, LiveStream):
                    self.check(found)

    @invariant()
    def the_list_has_exactly_what_exists(self) -> None:
        """Check the list after every step."""
        listing = self.client.list(full="status" in self.can.list_lacks)
        streams = list(listing)
        assert sorted(self.harness.key(each.id) for each in streams) == sorted(self.seen)
        for stream in streams:
            self.check(stream)
        if self.can.reports_total:
            assert listing.complete is Completeness.PROVEN
