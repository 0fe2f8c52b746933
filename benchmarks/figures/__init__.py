"""The figures of the library, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..measure import Size
from ..table import Row
from . import asynchronous, discovery, get, memory, migrate, read, start, walk, webhooks

Figure = Callable[[Size], Iterator[Row]]

FIGURES: Mapping[str, Figure] = {
    "get": get.rows,
    "read": read.rows,
    "list": walk.rows,
    "import": start.rows,
    "memory": memory.rows,
    "discovery": discovery.rows,
    "migrate": migrate.rows,
    "async": asynchronous.rows,
    "webhooks": webhooks.rows,
}
