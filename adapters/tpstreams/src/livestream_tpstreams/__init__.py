"""TPStreams for livestream-core. Nothing here but the registration: the adapter and the
emulator are loaded when they are first used.
"""

from __future__ import annotations

import livestream_core as live

__all__ = ["livestream_adapters"]


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Tells the core what this package brings."""
    return [
        live.AdapterInfo(
            name="tpstreams",
            title="TPStreams",
            factory="livestream_tpstreams.adapter:TPStreamsAdapter",
            emulator="livestream_tpstreams.emulator:TPStreamsEmulator",
            api_version=1,
        )
    ]
