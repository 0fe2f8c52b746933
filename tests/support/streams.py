"""Streams of any provider, also of one that cannot create them."""

from __future__ import annotations

from typing import Any

import livestream_core as live
from livestream_core._plugins.registry import registry
from livestream_core.emulator import Emulator


def without_create() -> list[str]:
    """Return the providers with emulators of servers that only have the streams of encoders."""
    return [
        name
        for name, info in live.providers().items()
        if info.emulator is not None
        and not registry.adapter(name).capabilities.supports(live.Feature.CREATE)
    ]


def stream_of(client: live.Client, emulator: Emulator, **fields: Any) -> live.LiveStream:
    """Create a stream. If the provider cannot, let an encoder publish one."""
    if client.supports(live.Feature.CREATE):
        return client.create(**{"title": "A stream", **fields})
    return client.get(emulator.add_stream())
