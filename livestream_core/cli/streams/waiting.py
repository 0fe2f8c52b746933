"""Waiting for a status, with the latest status on the spinner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..._client import Client
from ..._client.connect import register, unregister
from ..._model.status import Status
from ..._model.stream import LiveStream
from ..._plugins.hooks import hookimpl
from ..console.output import working


class _StatusObserver:
    """An observer that reports each status."""

    def __init__(self, report: Callable[[Status], None]) -> None:
        self._report = report

    @hookimpl
    def livestream_status_changed(self, stream: LiveStream) -> None:
        self._report(stream.status)


def wait_for(client: Client, id: str, until: Sequence[str], timeout: float) -> LiveStream:
    """Return the stream once it has one of the statuses; see ``Client.wait``."""
    text = f"Waiting for {' or '.join(until)}"
    with working(text) as show:
        observer = _StatusObserver(lambda status: show(f"{text}; the status is {status}"))
        register(observer)
        try:
            return client.wait(id, until=until, timeout=timeout)
        finally:
            unregister(observer)
