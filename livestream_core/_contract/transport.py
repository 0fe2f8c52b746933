"""The interface between the driver and whatever sends its requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import attrs

from .._public import publish
from .request import Response

#: The problem of a body that ends before its end.
CUT = "the answer was cut off"


@attrs.frozen(slots=True)
class Timeout:
    """How long one request may take, in seconds.

    Attributes:
        connect: Until a connection is made, over all addresses of the host. Looking up the host's
            name is not interrupted.
        read: Between two pieces of the answer.
        total: Until the answer is complete.
    """

    connect: float
    read: float
    total: float


class Limiter(Protocol):
    """Holds requests back, by account, so that a vendor's limit is kept. Thread-safe."""

    def acquire(self, account: str, seconds: float) -> bool:
        """Wait for permission to send one request; return whether it came within ``seconds``."""
        ...

    def hold(self, account: str, seconds: float) -> None:
        """Give no permission for so long, because the vendor answered 429. Must not wait."""
        ...


class AsyncLimiter(Protocol):
    """What :class:`Limiter` is, for asynchronous clients."""

    async def acquire(self, account: str, seconds: float) -> bool:
        """See :class:`Limiter`."""
        ...

    def hold(self, account: str, seconds: float) -> None:
        """See :class:`Limiter`."""
        ...


AnyLimiter: TypeAlias = Limiter | AsyncLimiter


class Transport(Protocol):
    """Sends one request and gives the answer, whatever its status.

    It may have two attributes besides. Sessions are shared only by clients whose transports have
    equal ``session_scope``, which any hashable value can be; it may outlive the transport, so the
    transport itself is better than its ``id()``. A ``clock``, where the vendor has a time of its
    own, is the clock of clients that were given none.
    """

    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """Send it. Follow no redirect, keep no cookie, and skip interim answers (1xx).

        Any other exception passes through to the caller of the client, unchanged: a bug, a time
        limit of a task queue, an interrupt.

        Raises:
            ConnectionFailed: ``applied=False`` if the request certainly never reached the
                vendor, ``applied=None`` if the connection was lost on the way.
            RequestTimeout: It was sent, and no answer came in time.
            ConfigurationError: It cannot be sent until something is set right.
            InvalidInput: The target cannot be sent as it is.
        """
        ...


class AsyncTransport(Protocol):
    """What :class:`Transport` is, for asynchronous clients; it may have the same attributes."""

    async def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """Send it, and raise what :meth:`Transport.send` raises. Where it is cancelled, it sends
        nothing more, and does not use the connection again.
        """
        ...


publish("livestream_core", [AsyncLimiter, AsyncTransport, Limiter, Timeout, Transport])
