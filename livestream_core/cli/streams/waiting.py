"""Waiting for a status, with the latest status on the spinner."""

from __future__ import annotations

from collections.abc import Sequence

from ..._client import Client
from ..._model.stream import LiveStream
from ..console.output import working


def wait_for(client: Client, id: str, until: Sequence[str], timeout: float) -> LiveStream:
    """Return the stream once it has one of the statuses; see ``Client.wait``."""
    text = f"Waiting for {' or '.join(until)}"
    with working(text) as show:
        return client.wait(
            id,
            until=until,
            timeout=timeout,
            on_change=lambda stream: show(f"{text}; the status is {stream.status}"),
        )
