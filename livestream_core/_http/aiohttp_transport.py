"""The asynchronous transport; aiohttp is loaded when the first one is created."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._contract.foreign import bare
from .._contract.response import Response
from .._contract.transport import Timeout
from .._public import publish
from .network import Environment, SendArguments

if TYPE_CHECKING:
    from .aiohttp_exchange import Connections, Pool


class AiohttpTransport:
    """The asynchronous transport over aiohttp, for any number of event loops.

    Like :class:`RequestsTransport`, it reads proxies and the CA bundle from the environment once,
    when it is created. SOCKS proxies are not supported. Each event loop has separate connections;
    they are closed by :meth:`close` or when the loop ends. It needs the ``async`` extra.

    Raises:
        ConfigurationError: If aiohttp is missing or has an unsupported version.
    """

    __slots__ = ("__weakref__", "_connections", "pool")

    def __init__(self) -> None:
        from .aiohttp_exchange import Connections

        self._share(Connections(Environment()))

    def _share(self, connections: Connections) -> None:
        self._connections = connections
        # The pool that was used last.
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
        """Send one request; see :class:`AsyncTransport`."""
        handled = sys.exception()
        arguments = SendArguments(method, origin, target, headers, body, timeout)
        # No data of the request may remain in the locals of an error's traceback.
        outcome = await self._connections.outcome(self, arguments)
        if isinstance(outcome, Response):
            return outcome
        del target, headers, body, arguments
        try:
            raise bare(outcome, handled)
        finally:
            del outcome  # no cycle

    async def close(self) -> None:
        """Close the connections that only this transport uses."""
        self.pool = None
        await self._connections.leave(self)


def shared_transport() -> AiohttpTransport:
    """Return a transport that uses the shared connections of this process."""
    from .aiohttp_exchange import shared_connections

    return _over(shared_connections())


def pinned_transport(host: str, most: int) -> AiohttpTransport:
    """Return a transport like :class:`PinnedTransport`."""
    from .aiohttp_exchange import pinned_connections

    return _over(pinned_connections(host, most))


def _over(connections: Connections) -> AiohttpTransport:
    transport = AiohttpTransport.__new__(AiohttpTransport)
    transport._share(connections)
    return transport


publish("livestream_core", [AiohttpTransport])
