"""The Python SDKs of other vendors, measured in the same way with their own vendors' payloads.

They are installed in an environment without this library, so nothing in this package imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from ..measure import Size
from ..table import Row
from . import apivideo, cloudflare, livepeer, mux
from .rows import rows

PEERS: Mapping[str, Callable[[Size], Iterator[Row]]] = {
    "mux": partial(rows, "mux", mux.Mux()),
    "api.video": partial(rows, "api.video", apivideo.ApiVideo()),
    "livepeer": partial(rows, "livepeer", livepeer.Livepeer()),
    "cloudflare": partial(rows, "cloudflare", cloudflare.Cloudflare()),
}
