"""The TKT Church provider for livestream-core."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package, without loading it."""
    return [
        live.AdapterInfo(
            name="tktchurch",
            title="TKT Church",
            factory="livestream_tktchurch.adapter:TKTChurchAdapter",
            emulator="livestream_tktchurch.emulator:TKTChurchEmulator",
            api_version=1,
        )
    ]
