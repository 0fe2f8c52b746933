"""Providers by how they come to have streams."""

from __future__ import annotations

import livestream_core as live
from livestream_core._plugins.registry import registry


def without_create() -> list[str]:
    """Return the providers with emulators of servers that only have the streams of encoders."""
    return [
        name
        for name, info in live.providers().items()
        if info.emulator is not None
        and not registry.adapter(name).capabilities.supports(live.Feature.CREATE)
    ]
