"""The nginx-rtmp provider for livestream-core."""

from __future__ import annotations

import livestream_core as live


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    """Return the adapter of this package, without loading it."""
    return [
        live.AdapterInfo(
            name="nginx-rtmp",
            title="nginx-rtmp",
            factory="livestream_nginx_rtmp.adapter:NginxRtmpAdapter",
            emulator="livestream_nginx_rtmp.emulator:NginxRtmpEmulator",
            api_version=1,
        )
    ]
