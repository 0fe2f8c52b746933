"""What a vendor once answered is read as it was, and asked for with the same requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ..._client import Client
from ..._contract.capabilities import Feature
from ..._contract.request import Response
from ..._model.errors import LiveStreamError, ProviderUnavailable, UnexpectedResponse
from ..._model.operations import OPERATION_TABLE
from ..captures import Capture, Player, StandingClock, leftovers, outcome
from .area import Area, each
from .subject import Subject


def recorded_calls(subject: Subject) -> Iterable[tuple[Feature, int, int]]:
    """Each recorded call: its operation, the number of its recording, and its own."""
    return [
        (Feature(OPERATION_TABLE[call.operation].feature), number, at)
        for number, recording in enumerate(subject.recorded())
        for at, call in enumerate(recording.calls)
    ]


class _Replay:
    """A recording that is played back up to one of its calls."""

    def __init__(self, subject: Subject, recording: Capture) -> None:
        self.player = Player()
        self.clock = StandingClock(recording.calls[0].at)
        self.recording = recording
        self.client: Client = subject.connect(
            transport=self.player,
            clock=self.clock,
            environ={},
            retries=0,
            **recording.options,
        )

    def outcome(self, at: int) -> Any:
        """What a call gives now."""
        call = self.recording.calls[at]
        self.clock.set(call.at)
        self.player.expect(call.exchanges)
        return outcome(self.client, call.operation, call.arguments)

    def up_to(self, at: int) -> None:
        """Makes all calls before one."""
        for earlier in range(at):
            self.outcome(earlier)


class Replayed(Area):
    """Recorded calls, made again."""

    title = "captures"
    needs_emulator = False

    @each("call", recorded_calls)
    def test_a_recorded_call_sends_what_was_recorded_and_reads_it_the_same(
        self, call: tuple[Feature, int, int]
    ) -> None:
        _, number, at = call
        replay = _Replay(self.subject, self.subject.recorded()[number])
        replay.up_to(at)
        found = replay.outcome(at)
        replay.player.expect(())
        assert replay.player.problems == []
        assert found == replay.recording.calls[at].result

    @each("call", recorded_calls)
    def test_an_error_in_place_of_the_recorded_answer_is_raised(
        self, call: tuple[Feature, int, int]
    ) -> None:
        found = self._instead(call, Response(503, {}, b"{}"))
        assert found == ProviderUnavailable.__name__, "a 503 was taken for success"

    @each("call", recorded_calls)
    def test_a_page_of_html_in_place_of_the_recorded_answer_is_no_success(
        self, call: tuple[Feature, int, int]
    ) -> None:
        page = Response(200, {"content-type": "text/html"}, b"<html></html>")
        assert self._instead(call, page) == UnexpectedResponse.__name__

    @each("number", lambda subject: range(len(subject.recorded())))
    def test_a_recording_holds_no_secrets(self, number: int) -> None:
        assert leftovers(self.subject.recorded()[number]) == []

    @each("number", lambda subject: range(len(subject.recorded())))
    def test_a_request_that_was_not_recorded_is_refused(self, number: int) -> None:
        replay = _Replay(self.subject, self.subject.recorded()[number])
        replay.player.expect(())
        if not self.subject.capabilities.supports(Feature.GET):
            pytest.skip("there is nothing to read")
        with pytest.raises(LiveStreamError):
            replay.client.get("an-id-of-the-kit")
        assert len(replay.player.problems) == 1

    def _instead(self, call: tuple[Feature, int, int], answer: Response) -> object:
        """The class of what a call raises whose last recorded answer is another one, or what it
        gives.
        """
        _, number, at = call
        replay = _Replay(self.subject, self.subject.recorded()[number])
        if not replay.recording.calls[at].exchanges:
            pytest.skip("the call sends nothing")
        replay.up_to(at)
        replay.player.last_answer = answer
        found = replay.outcome(at)
        return found.get("error") if isinstance(found, dict) else found
