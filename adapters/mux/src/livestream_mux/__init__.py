"""The Mux provider for livestream-core."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package, without loading it."""
    return [
        live.AdapterInfo(
            name="mux",
            title="Mux",
            factory="livestream_mux.adapter:MuxAdapter",
            emulator="livestream_mux.emulator:MuxEmulator",
            api_version=1,
        )
    ]
