"""PeerTube as a provider of ``livestream_core``."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package, which is imported when it is first used."""
    return [
        live.AdapterInfo(
            name="peertube",
            title="PeerTube",
            factory="livestream_peertube.adapter:PeerTubeAdapter",
            emulator="livestream_peertube.emulator:PeerTubeEmulator",
            api_version=1,
        )
    ]
