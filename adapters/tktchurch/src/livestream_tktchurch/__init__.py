"""TKT Church as a provider of ``livestream_core``."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """What this package brings; the adapter is imported when it is first used."""
    return [
        live.AdapterInfo(
            name="tktchurch",
            title="TKT Church",
            factory="livestream_tktchurch.adapter:TKTChurchAdapter",
            emulator="livestream_tktchurch.emulator:TKTChurchEmulator",
            api_version=1,
        )
    ]
