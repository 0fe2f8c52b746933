"""Captured calls, repeated: the same requests, and the same results from the responses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ..._client import Client
from ..._contract.capabilities import Feature
from ..._contract.response import Response
from ..._model.errors import LiveStreamError, ProviderUnavailable, UnexpectedResponse
from ..captures import CAPTURED, Capture, FrozenClock, Player, outcome, unredacted_names
from .area import Area, each
from .subject import Subject


def captured_calls(subject: Subject) -> Iterable[tuple[Feature, int, int]]:
    """Return each captured call: its operation, its capture's number, and its own number."""
    return [
        (Feature(CAPTURED[call.operation].feature), number, at)
        for number, capture in enumerate(subject.captured())
        for at, call in enumerate(capture.calls)
    ]


class _Replay:
    """The replay of a capture up to one of its calls."""

    def __init__(self, subject: Subject, capture: Capture) -> None:
        self.player = Player()
        self.clock = FrozenClock(capture.calls[0].at)
        self.capture = capture
        self.client: Client = subject.connect(
            transport=self.player,
            clock=self.clock,
            environ={},
            retries=0,
            **capture.connection(),
        )

    def outcome(self, at: int) -> Any:
        """Repeat a call, and return its outcome."""
        call = self.capture.calls[at]
        self.clock.set(call.at)
        self.player.expect(call.exchanges)
        return outcome(self.client, call.operation, call.arguments)

    def up_to(self, at: int) -> None:
        """Repeat all calls before one."""
        for earlier in range(at):
            self.outcome(earlier)


class Replayed(Area):
    """Captured calls, repeated."""

    title = "captures"
    needs_emulator = False

    @each("call", captured_calls)
    def test_a_captured_call_sends_what_was_captured_and_reads_it_the_same(
        self, call: tuple[Feature, int, int]
    ) -> None:
        _, number, at = call
        replay = _Replay(self.subject, self.subject.captured()[number])
        replay.up_to(at)
        found = replay.outcome(at)
        replay.player.expect(())
        assert replay.player.problems == []
        assert found == replay.capture.calls[at].result

    @each("call", captured_calls)
    def test_an_error_in_place_of_the_captured_answer_is_raised(
        self, call: tuple[Feature, int, int]
    ) -> None:
        found = self._outcome_with(call, Response(503, {}, b"{}"))
        assert found == ProviderUnavailable.__name__, "a 503 was treated as success"

    @each("call", captured_calls)
    def test_a_page_of_html_in_place_of_the_captured_answer_is_no_success(
        self, call: tuple[Feature, int, int]
    ) -> None:
        page = Response(200, {"content-type": "text/html"}, b"<html></html>")
        assert self._outcome_with(call, page) == UnexpectedResponse.__name__

    @each("number", lambda subject: range(len(subject.captured())))
    def test_a_capture_holds_no_secrets(self, number: int) -> None:
        assert unredacted_names(self.subject.captured()[number]) == []

    @each("number", lambda subject: range(len(subject.captured())))
    def test_a_request_that_was_not_captured_is_refused(self, number: int) -> None:
        replay = _Replay(self.subject, self.subject.captured()[number])
        replay.player.expect(())
        if not self.subject.capabilities.supports(Feature.GET):
            pytest.skip("get is not supported")
        with pytest.raises(LiveStreamError):
            replay.client.get("an-id-of-the-kit")
        assert len(replay.player.problems) == 1

    def _outcome_with(self, call: tuple[Feature, int, int], response: Response) -> object:
        """Repeat a call with another last response.

        Returns:
            The name of the error's class, or the result.
        """
        _, number, at = call
        replay = _Replay(self.subject, self.subject.captured()[number])
        if not replay.capture.calls[at].exchanges:
            pytest.skip("the call sends no requests")
        replay.up_to(at)
        replay.player.last_response = response
        found = replay.outcome(at)
        return found.get("error") if isinstance(found, dict) else found
