"""The transport of asynchronous clients; aiohttp is loaded when the first one is made."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._contract.foreign import bare
from .._contract.request import Response
from .._contract.transport import Timeout
from .._public import publish
from .network import Environment, Wanted

if TYPE_CHECKING:
    from .aiohttp_exchange import Connections, Pool


class AiohttpTransport:
    """The asynchronous transport over aiohttp, for any number of event loops.

    Proxies and CA bundle are read from the environment once, now, as :class:`RequestsTransport`
    does. SOCKS proxies are not supported. Each event loop has connections of its own; they are
    closed by :meth:`close`, or at the end of the loop. It needs the ``async`` extra.

    Raises:
        ConfigurationError: aiohttp is not installed, or not in the version that is required.
    """

    __slots__ = ("__weakref__", "_connections", "pool")

    def __init__(self) -> None:
        from .aiohttp_exchange import Connections

        self._share(Connections(Environment()))

    def _share(self, connections: Connections) -> None:
        self._connections = connections
        # The one that was used last.
        self.pool: Pool | None = None

    async def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """See :class:`AsyncTransport`."""
        handled = sys.exception()
        wanted = Wanted(method, origin, target, headers, body, timeout)
        # What leaves here, errors as well, has nothing of the request in a traceback's locals.
        outcome = await self._connections.outcome(self, wanted)
        if isinstance(outcome, Response):
            return outcome
        del target, headers, body, wanted
        try:
            raise bare(outcome, handled)
        finally:
            del outcome  # no cycle

    async def close(self) -> None:
        """Close the connections that only this transport uses."""
        self.pool = None
        await self._connections.leave(self)


def shared_transport() -> AiohttpTransport:
    """Return a transport over the connections of this process."""
    from .aiohttp_exchange import shared_connections

    transport = AiohttpTransport.__new__(AiohttpTransport)
    transport._share(shared_connections())
    return transport


publish("livestream_core", [AiohttpTransport])
