"""The TPStreams provider for livestream-core.

This module only registers it. The adapter and the emulator are loaded on first use.
"""

from __future__ import annotations

import livestream_core as live

__all__ = ["livestream_adapters"]


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package, without loading it."""
    return [
        live.AdapterInfo(
            name="tpstreams",
            title="TPStreams",
            factory="livestream_tpstreams.adapter:TPStreamsAdapter",
            emulator="livestream_tpstreams.emulator:TPStreamsEmulator",
            api_version=1,
        )
    ]
