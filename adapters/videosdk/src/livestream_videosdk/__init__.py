"""The VideoSDK provider for livestream-core: the live streams of API v1, which was withdrawn."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package, without loading it."""
    return [
        live.AdapterInfo(
            name="videosdk",
            title="VideoSDK",
            factory="livestream_videosdk.adapter:VideoSDKAdapter",
            emulator="livestream_videosdk.emulator:VideoSDKEmulator",
            api_version=1,
            deprecated="VideoSDK withdrew this API (v1 live streams) in 2023; use the provider "
            "'videosdk-rooms' for API v2",
        )
    ]
