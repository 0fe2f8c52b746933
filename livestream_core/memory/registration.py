"""Nothing but the registration: the adapter and its vendor are loaded when they are first used."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Tells the core what this package brings."""
    return [
        live.AdapterInfo(
            name="memory",
            title="In memory",
            factory="livestream_core.memory.adapter:MemoryAdapter",
            emulator="livestream_core.memory.emulator:MemoryVendor",
            api_version=1,
        )
    ]
