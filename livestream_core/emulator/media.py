"""The addresses of a real media server behind an emulator."""

from __future__ import annotations

import attrs


@attrs.frozen(slots=True)
class Media:
    """Where encoders and viewers of an emulated vendor really find a media server.

    An emulator puts these in place of the vendor's own origins, and keeps the paths. The media
    server learns from the emulator's API which stream key is valid, and serves each stream and each
    recording under the URL that the API returns.

    Attributes:
        rtmp_url: The RTMP URL to publish to, which a stream key follows after a slash.
        http_url: The URL for viewers, which an emulator continues with a path of its own.
    """

    rtmp_url: str
    http_url: str
