"""Waiting for a status, with what was seen last on the spinner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..._client import Client
from ..._client.connect import register, unregister
from ..._model.status import Status
from ..._model.stream import LiveStream
from ..._plugins.hooks import hookimpl
from ..console.output import working


class _Seen:
    """An observer that tells of each status."""

    def __init__(self, tell: Callable[[Status], None]) -> None:
        self._tell = tell

    @hookimpl
    def livestream_status_changed(self, stream: LiveStream) -> None:
        self._tell(stream.status)


def waited(client: Client, id: str, until: Sequence[str], timeout: float) -> LiveStream:
    """The stream, once it has one of the statuses; see ``Client.wait``."""
    text = f"Waiting for {' or '.join(until)}"
    with working(text) as show:
        seen = _Seen(lambda status: show(f"{text}: it is {status}"))
        register(seen)
        try:
            return client.wait(id, until=until, timeout=timeout)
        finally:
            unregister(seen)
