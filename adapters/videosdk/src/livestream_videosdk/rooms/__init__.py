"""The VideoSDK provider for API v2: rooms, which are streamed by HLS and published to by WHIP."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter for API v2, without loading it."""
    return [
        live.AdapterInfo(
            name="videosdk-rooms",
            title="VideoSDK rooms",
            factory="livestream_videosdk.rooms.adapter:VideoSDKRoomsAdapter",
            emulator="livestream_videosdk.rooms.emulator:VideoSDKRoomsEmulator",
            api_version=1,
        )
    ]
