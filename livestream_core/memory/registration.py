"""The registration of the adapter. The adapter and its vendor are imported on first use."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package."""
    return [
        live.AdapterInfo(
            name="memory",
            title="In memory",
            factory="livestream_core.memory.adapter:MemoryAdapter",
            emulator="livestream_core.memory.emulator:MemoryVendor",
            api_version=1,
        )
    ]
