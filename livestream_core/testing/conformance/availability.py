"""Replaced keys, disabled streams, runs that follow each other, and recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from ..._contract.capabilities import Feature
from ..._model.errors import Conflict, Rejected, WaitTimeout
from ..._model.fields import Owner, facts_of
from ..._model.status import Status, satisfied_by
from ..._model.stream import LiveStream, Recording, StreamSpec, publish_keys
from .area import HTTP, IN_PROCESS, Area, needs, proves
from .harness import Harness
from .operations import shown

#: The fields that a caller sets.
_SET = [each.name for each in facts_of(StreamSpec) if each.owner is not Owner.NONE]
#: The difference that a vendor's rounding of times explains, in seconds.
_ROUNDING = 60.0


def _fields(stream: LiveStream) -> dict[str, Any]:
    return {name: shown(stream, name) for name in _SET}


def _twice(harness: Harness, call: Callable[[str], LiveStream], stream_id: str) -> None:
    """Call an operation that was called before: a refusal, or no change."""
    before = harness.read(stream_id)
    try:
        call(stream_id)
    except (Conflict, Rejected) as error:
        assert error.applied is False
    after = harness.read(stream_id)
    assert (after.status, after.stream_keys()) == (before.status, before.stream_keys())


class Availability(Area):
    """A stream's key can be replaced, and a stream can be disabled and enabled."""

    title = "availability"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    # -- keys -------------------------------------------------------------------------------

    @proves(Feature.RESET_KEY)
    def test_a_replaced_key_is_another_one_and_the_old_one_is_gone(self, harness: Harness) -> None:
        stream = harness.read(harness.reach(Status.READY).id)
        # A passphrase may stay the same.
        old = publish_keys(stream)
        for _ in range(2):
            answer = harness.client.reset_key(stream.id)
            assert harness.key(answer.id) == harness.key(stream.id)
            new = publish_keys(answer)
            assert new, "the response has no key"
            assert not new & old, "the response has an old key"
            assert publish_keys(harness.read(stream.id)) == new, (
                "a later read shows another key than the response"
            )
            old |= new

    @proves(Feature.RESET_KEY)
    def test_a_replaced_key_changes_nothing_else(self, harness: Harness) -> None:
        stream, other = (harness.read(harness.reach(Status.READY).id) for _ in range(2))
        harness.client.reset_key(stream.id)
        after = harness.read(stream.id)
        assert (after.status, _fields(after)) == (stream.status, _fields(stream))
        assert harness.read(other.id).stream_keys() == other.stream_keys(), (
            "another stream has a new key"
        )

    # -- disable and enable -----------------------------------------------------------------

    @proves(Feature.DISABLE)
    def test_a_disabled_stream_is_disabled_wherever_it_is_read(self, harness: Harness) -> None:
        stream, other = harness.reach(Status.READY), harness.reach(Status.READY)
        answer = harness.client.disable(stream.id)
        assert (harness.key(answer.id), answer.status) == (harness.key(stream.id), Status.DISABLED)
        assert harness.read(stream.id).status is Status.DISABLED
        assert harness.read(other.id).status is Status.READY, "another stream was disabled too"
        if harness.can.supports(Feature.LIST):
            listed = {harness.key(each.id): each for each in harness.client.list()}
            assert listed[harness.key(stream.id)].status in (Status.DISABLED, Status.UNKNOWN)

    @proves(Feature.DISABLE)
    def test_a_disabled_stream_accepts_no_encoder(self, harness: Harness) -> None:
        stream = harness.reach(Status.READY)
        harness.client.disable(stream.id)
        try:
            harness.emulator.connect_encoder(stream.id)
        except NotImplementedError:
            pytest.skip("the emulator has no encoders")
        except ValueError:
            pass
        assert harness.read(stream.id).status is Status.DISABLED

    @proves(Feature.DISABLE)
    def test_a_live_stream_is_cut_off_or_left_alone(self, harness: Harness) -> None:
        stream = harness.reach(Status.LIVE)
        expected = Status.DISABLED
        try:
            assert harness.client.disable(stream.id).status is expected
        except Conflict as error:
            assert error.applied is False
            expected = Status.LIVE
        assert harness.read(stream.id).status is expected

    @proves(Feature.DISABLE)
    def test_disabling_twice_is_a_conflict_or_changes_nothing(self, harness: Harness) -> None:
        stream = harness.reach(Status.DISABLED)
        _twice(harness, harness.client.disable, stream.id)
        assert harness.read(stream.id).status is Status.DISABLED

    @proves(Feature.ENABLE)
    def test_an_enabled_stream_is_ready_and_as_it_was(self, harness: Harness) -> None:
        stream = harness.read(harness.reach(Status.READY).id)
        if harness.attempt(harness.client.disable, stream.id) is None:
            pytest.skip("no stream can be disabled")
        answer = harness.client.enable(stream.id)
        assert (harness.key(answer.id), answer.status) == (harness.key(stream.id), Status.READY)
        after = harness.read(stream.id)
        assert after.status is Status.READY
        assert (after.stream_keys(), _fields(after)) == (stream.stream_keys(), _fields(stream))

    @proves(Feature.ENABLE)
    def test_an_enabled_stream_accepts_an_encoder(self, harness: Harness) -> None:
        stream = harness.reach(Status.DISABLED)
        harness.client.enable(stream.id)
        try:
            harness.emulator.connect_encoder(stream.id)
        except NotImplementedError:
            pytest.skip("the emulator has no encoders")
        assert harness.read(stream.id).status in satisfied_by(Status.READY)

    @proves(Feature.ENABLE)
    def test_enabling_twice_is_a_conflict_or_changes_nothing(self, harness: Harness) -> None:
        stream = harness.reach(Status.DISABLED)
        harness.client.enable(stream.id)
        _twice(harness, harness.client.enable, stream.id)


class Reusable(Area):
    """A reusable stream can be live again, and its runs are told apart."""

    title = "availability"

    @needs(Feature.GET, when=lambda can: can.reusable)
    def test_a_reusable_stream_is_ready_after_each_run(self, harness: Harness) -> None:
        harness.need_emulated_time()
        stream = harness.reach(Status.LIVE)
        for _ in range(2):
            harness.end_run(stream.id)
            after = harness.client.wait(stream.id, until=Status.READY, timeout=600)
            assert (harness.key(after.id), after.status) == (harness.key(stream.id), Status.READY)
            harness.go_live(stream.id)
            again = harness.client.wait(stream.id, until=Status.LIVE, timeout=600)
            assert again.status is Status.LIVE, "it cannot be live again"

    @needs(Feature.GET, when=lambda can: can.reusable)
    def test_a_run_that_was_seen_live_has_an_end(self, harness: Harness) -> None:
        harness.need_emulated_time()
        live = harness.client.get(harness.reach(Status.LIVE).id)
        harness.end_run(live.id)
        after = harness.client.wait(live.id, until=Status.ENDED, timeout=600, since=live)
        assert after.status in {Status.READY, Status.ENDED}

    @needs(Feature.GET, when=lambda can: can.reusable)
    def test_a_run_that_nobody_saw_has_no_end(self, harness: Harness) -> None:
        stream = harness.reach(Status.READY)
        with pytest.raises(WaitTimeout, match="no run of it was seen"):
            harness.client.wait(stream.id, until=Status.ENDED, timeout=30)


class Recordings(Area):
    """The recordings of a stream are its own, and plausible."""

    title = "availability"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    @proves(Feature.RECORDINGS)
    def test_a_stream_that_was_never_live_has_no_recordings(self, harness: Harness) -> None:
        self._recorded(harness)  # another stream's recordings are not its own
        assert harness.client.recordings(harness.stream().id) == ()

    @proves(Feature.RECORDINGS)
    def test_recordings_are_plausible(self, harness: Harness) -> None:
        begin = harness.clock.now()
        found = self._recorded(harness)
        seconds = (harness.clock.now() - begin).total_seconds() + _ROUNDING
        for recording in found:
            assert isinstance(recording, Recording)
            times = [at for at in (recording.started_at, recording.ended_at) if at is not None]
            assert times == sorted(times), "it ended before it started"
            for at in times:
                assert -_ROUNDING <= (at - begin).total_seconds() <= seconds
            assert recording.duration is None or recording.duration <= seconds
            assert recording.id is not None or recording.url is not None, (
                "it has neither an ID nor a URL"
            )

    @proves(Feature.RECORDINGS)
    def test_each_recording_is_listed_once_and_every_time(self, harness: Harness) -> None:
        stream = harness.reach(Status.LIVE)
        self._record(harness, stream.id)
        harness.end_run(stream.id)
        first, second = (harness.client.recordings(stream.id) for _ in range(2))
        assert first == second
        ids = [each.id for each in first if each.id is not None]
        assert len({*ids}) == len(ids)

    @proves(Feature.RECORDINGS)
    def test_a_recording_has_no_end_while_its_stream_is_live(self, harness: Harness) -> None:
        stream = harness.reach(Status.LIVE)
        harness.clock.sleep(120)
        assert [
            each.ended_at for each in harness.client.recordings(stream.id) if each.ended_at
        ] == []

    @proves(Feature.RECORDINGS)
    @needs(when=lambda can: can.reusable)
    def test_another_run_adds_a_recording(self, harness: Harness) -> None:
        harness.need_emulated_time()
        stream = harness.reach(Status.LIVE)
        self._record(harness, stream.id)
        harness.end_run(stream.id)
        before = {each.id for each in harness.client.recordings(stream.id)}
        if not before:
            pytest.skip("the emulator makes no recordings")
        # With the first one, more than the emulator puts on a page.
        for _ in range(2):
            harness.go_live(stream.id)
            self._record(harness, stream.id)
            harness.clock.sleep(60)
            harness.end_run(stream.id)
        after = {each.id for each in harness.client.recordings(stream.id)}
        assert before < after
        assert len(after) == len(before) + 2

    @staticmethod
    def _record(harness: Harness, stream_id: str) -> None:
        """Record a stream that is live, if that can only be requested then."""
        if "record" in harness.can.updatable and not harness.can.supports(Feature.CREATE):
            harness.client.update(stream_id, record=True)

    def _recorded(self, harness: Harness) -> tuple[Recording, ...]:
        stream = harness.reach(Status.LIVE)
        self._record(harness, stream.id)
        harness.clock.sleep(120)
        harness.end_run(stream.id)
        found = harness.client.recordings(stream.id)
        assert isinstance(found, tuple)
        if not found:
            pytest.skip("the emulator makes no recordings")
        return found
