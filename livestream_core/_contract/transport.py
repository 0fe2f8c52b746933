"""The interface between the engine and the transports that send its requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import attrs

from .._public import publish
from .response import Response

#: The problem of a body that ends too early.
CUT = "the response was cut off"
#: The hint of an error whose cause is TLS.
TLS_HINT = "check the certificate, this machine's trusted certificates, and its clock"


@attrs.frozen(slots=True)
class Timeout:
    """The time limits of one request, in seconds.

    Attributes:
        connect: The limit for making a network connection, over all addresses of the host. The
            lookup of the host's name is not interrupted.
        read: The limit between two parts of the response.
        total: The limit until the response is complete.
    """

    connect: float
    read: float
    total: float


@attrs.frozen(slots=True)
class Turn:
    """What a limiter says about one request.

    Attributes:
        wait: The seconds to wait before asking again; 0 if the request may be sent now.
        is_paused: Whether it must wait because the vendor asked for a pause.
        is_probe: Whether it is the only request that may be sent until its result is known.
    """

    wait: float = 0.0
    is_paused: bool = False
    is_probe: bool = False


class Limiter(Protocol):
    """Delays requests, by account, to stay within a vendor's rate limit. Thread-safe.

    A limiter may have an attribute ``keeps_pauses``. If it is true, its user keeps the pauses that
    the vendor asks for: a request is not retried after such a pause, but raises the error at once.

    A limiter may have two more methods, with which no thread waits inside it, and one request
    probes after a pause. ``turn(account, seconds) -> Turn`` says whether a request that takes at
    most that many seconds may be sent; the client then calls it instead of ``acquire``, waits, and
    asks again. ``settle(account, answered)`` ends a probe: ``answered`` says whether the request
    succeeded, that is, whether the vendor responded with anything but a 429, a request to wait, or
    a 5xx. The client then also calls ``hold`` with 0 seconds, for a 429 without a time, and if a
    probe is refused, it calls ``hold`` before ``settle``. If ``is_instant`` is true, the methods do
    no I/O, and event loops call them without a thread. If one of these methods fails, the request
    is sent. A canceled task waits for ``turn`` and ``settle`` to end, for at most two seconds, so
    that no probe is lost.
    """

    def acquire(self, account: str, seconds: float) -> bool:
        """Wait for permission to send one request.

        Args:
            account: The account.
            seconds: The longest time to wait.

        Returns:
            Whether permission was granted within ``seconds``.
        """
        ...

    def hold(self, account: str, seconds: float) -> None:
        """Grant no permission for some time, because the vendor asked for that. Must not wait.

        Args:
            account: The account.
            seconds: For how long.
        """
        ...


class AsyncLimiter(Protocol):
    """A :class:`Limiter` for asynchronous clients."""

    async def acquire(self, account: str, seconds: float) -> bool:
        """See :class:`Limiter`."""
        ...

    def hold(self, account: str, seconds: float) -> None:
        """See :class:`Limiter`."""
        ...


AnyLimiter: TypeAlias = Limiter | AsyncLimiter


class Transport(Protocol):
    """Sends one request and returns the response, whatever its status.

    A transport may have two more attributes. Sessions are shared only by clients whose transports
    have an equal ``session_scope``, which can be any hashable value. The value may outlive the
    transport, so use the transport itself rather than its ``id()``. A ``clock`` is the default
    clock of clients that use the transport, for a vendor whose time differs from the machine's.
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
        """Send a request. Follow no redirects, keep no cookies, and skip interim responses (1xx).

        Any other exception, such as a bug, a time limit of a task queue, or an interrupt, is
        passed to the caller of the client unchanged.

        Raises:
            ConnectionFailed: With ``applied=False`` if the request certainly never reached the
                vendor, with ``applied=None`` if the connection was lost later.
            RequestTimeout: If the request was sent, and the vendor did not respond in time.
            ConfigurationError: If the request cannot be sent until the configuration is fixed.
            InvalidInput: If the target cannot be sent unchanged.
        """
        ...


class AsyncTransport(Protocol):
    """A :class:`Transport` for asynchronous clients. It may have the same extra attributes."""

    async def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """Send a request, like :meth:`Transport.send`, with the same errors.

        If it is canceled, it sends nothing more and does not use the network connection again.
        """
        ...


publish("livestream_core", [AsyncLimiter, AsyncTransport, Limiter, Timeout, Transport, Turn])
