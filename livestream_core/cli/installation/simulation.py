"""What the world does to the streams of a sandbox: encoders connect, recordings are made."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import click

from ..._client import Client
from ..._model.errors import LiveStreamError
from ..._model.status import Status
from ...emulator import Emulator

#: Seconds between two looks, for a while after somebody changed something, and otherwise: an
#: emulator keeps every request, so looking all night would fill the memory.
_EAGER = 0.25
_LAZY = 30.0


class World:
    """Everybody besides vendor and user, for the streams of one emulator.

    Args:
        emulator: The vendor.
        client: A client of the account whose streams are played with.
        seconds: How long an encoder waits once it may connect, and how long a recording takes.
    """

    def __init__(self, emulator: Emulator, client: Client, *, seconds: float) -> None:
        self._emulator, self._client, self._seconds = emulator, client, seconds
        self._acts = {
            Status.READY: (emulator.connect_encoder, "an encoder connects"),
            Status.PROCESSING: (emulator.finish_recording, "the recording is ready"),
        }
        #: Since when each stream has its status, until it was acted upon.
        self._since: dict[tuple[str, Status], float | None] = {}
        self._heard = 0
        self._eager_until = self._next_look = 0.0

    @property
    def account(self) -> str:
        """Whose streams these are."""
        return self._client.account

    def turn(self, now: float) -> None:
        """Looks at the streams if it is time to, and does what is due.

        Args:
            now: Seconds that never go back.
        """
        requests = self._emulator.requests[self._heard :]
        self._heard += len(requests)
        if any(request.method != "GET" for request in requests):
            # Long enough for a server to boot, an encoder to come, and some doubt.
            self._eager_until = now + self._emulator.boot_seconds + self._seconds + _LAZY
            self._next_look = now
        if now < self._next_look:
            return
        self._next_look = now + (_EAGER if now < self._eager_until else _LAZY)
        with suppress(LiveStreamError):  # the next look may see more
            self._act(now)

    def _act(self, now: float) -> None:
        before, self._since = self._since, {}
        for stream in self._client.list(on_unreadable="collect"):
            if stream.status not in self._acts:
                continue
            key = stream.id, stream.status
            since = self._since[key] = before.get(key, now)
            if since is None or now < since + self._seconds:
                continue
            self._since[key] = None
            act, words = self._acts[stream.status]
            # What cannot happen is refused: not every vendor has encoders or recordings.
            with suppress(ValueError, NotImplementedError):
                act(stream.id)
                click.echo(f"# {stream.provider} {stream.id}: {words}", err=True)


def play(worlds: Iterable[World]) -> None:
    """Gives every world its turns, for ever."""
    worlds = list(worlds)
    while True:
        for world in worlds:
            world.turn(time.monotonic())
        time.sleep(_EAGER)
