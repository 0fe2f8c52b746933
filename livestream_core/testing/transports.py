"""What the transports of the kit have in common."""

from __future__ import annotations

from collections.abc import Mapping

from .._contract.identity import Identity
from .._contract.request import Response
from .._contract.transport import Timeout
from .._http.network import SendArguments


class OwnSessions:
    """A transport whose sessions are its own: what other clients do does not show, and signing in
    is a part of what does.
    """

    @property
    def session_scope(self) -> object:
        """See :class:`~livestream_core.Transport`."""
        return Identity(self)


class OwnTransport(OwnSessions):
    """One that is given a request as one value."""

    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """See :class:`~livestream_core.Transport`."""
        return self._answer_to(SendArguments(method, origin, target, headers, body, timeout))

    def _answer_to(self, sent: SendArguments) -> Response:
        """Return the answer to a request."""
        raise NotImplementedError


class OwnAsyncTransport(OwnSessions):
    """What :class:`OwnTransport` is, for asynchronous clients."""

    async def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """See :class:`~livestream_core.AsyncTransport`."""
        return await self._answer_to(SendArguments(method, origin, target, headers, body, timeout))

    async def _answer_to(self, sent: SendArguments) -> Response:
        """Return the answer to a request."""
        raise NotImplementedError
