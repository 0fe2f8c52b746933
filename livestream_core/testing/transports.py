"""Base classes of the kit's transports."""

from __future__ import annotations

from collections.abc import Mapping

from .._contract.identity import Identity
from .._contract.response import Response
from .._contract.transport import Timeout
from .._http.network import SendArguments


class UnsharedSessions:
    """A transport that shares no sessions with other clients, so that it sees its own sign-in."""

    @property
    def session_scope(self) -> object:
        """The scope of sessions; see :class:`~livestream_core.Transport`."""
        return Identity(self)


class KitTransport(UnsharedSessions):
    """A transport that receives a request as one value."""

    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """Send a request; see :class:`~livestream_core.Transport`."""
        return self._respond(SendArguments(method, origin, target, headers, body, timeout))

    def _respond(self, sent: SendArguments) -> Response:
        """Return the response to a request."""
        raise NotImplementedError


class AsyncKitTransport(UnsharedSessions):
    """The counterpart of :class:`KitTransport` for asynchronous clients."""

    async def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """Send a request; see :class:`~livestream_core.AsyncTransport`."""
        return await self._respond(SendArguments(method, origin, target, headers, body, timeout))

    async def _respond(self, sent: SendArguments) -> Response:
        """Return the response to a request."""
        raise NotImplementedError
