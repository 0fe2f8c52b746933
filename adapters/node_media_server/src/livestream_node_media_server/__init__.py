"""The node-media-server provider for livestream-core."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package, without loading it."""
    return [
        live.AdapterInfo(
            name="node-media-server",
            title="Node-Media-Server",
            factory="livestream_node_media_server.adapter:NodeMediaServerAdapter",
            emulator="livestream_node_media_server.emulator:NodeMediaServerEmulator",
            api_version=1,
        )
    ]
