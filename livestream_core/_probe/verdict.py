"""The end of a probe that finds nothing to watch. It is an answer, not an error."""

from __future__ import annotations

from .._model.playability import PlaybackState


class NotPlayable(Exception):
    """A probe ends here.

    Attributes:
        state: The state.
        reason: The reason, for people, without a URL.
    """

    def __init__(self, state: PlaybackState, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


def invalid(reason: str) -> NotPlayable:
    """Return the end of a probe at something that players cannot play."""
    return NotPlayable(PlaybackState.INVALID, reason)
