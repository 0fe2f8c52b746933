"""What a flow asks its runner to do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any, Generic, TypeAlias, TypeVar, final

from .._contract.adapter import Session
from .._contract.request import Request
from .._contract.transport import Timeout
from .._model.errors import LiveStreamError
from .._version import __version__

T = TypeVar("T")

_STANDARD_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"livestream-core/{__version__}",
}


@final
class Send:
    """Send one request by the transport; resumed with the response.

    Error trackers keep the locals of frames, and walk through dicts. So what is secret in a
    request is held by this object only, which prints nothing.
    """

    __slots__ = ("_body", "_headers", "_method", "_origin", "_target", "session", "timeout")

    def __init__(self, request: Request, origin: str) -> None:
        self._body, headers = request.content()
        self._method, self._origin, self._target = request.method, origin, request.target()
        self._headers = {**headers, **_STANDARD_HEADERS, **request.headers}
        self.session: Session | None = None
        self.timeout = Timeout(0.0, 0.0, 0.0)

    def by(self, transport: Any) -> Any:
        """Hand the request to a transport, and return what its ``send`` returns."""
        headers = self._headers
        return transport.send(
            self._method,
            self._origin,
            self._target,
            headers if self.session is None else {**headers, **self.session.headers},
            self._body,
            self.timeout,
        )


@final
class Sleep:
    """Wait, so that the program around can interrupt it."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


@final
class Once(Generic[T]):
    """Run a flow once for everybody in this process who asks for its key meanwhile.

    One of them runs it; the others wait, each for as long as it has itself, and get the same
    result or a copy of the same error. What comes to the one that runs it from outside, such as
    a time limit, is not given to the others: one of them takes over.

    Attributes:
        key: What it is that happens once.
        make: Makes the flow. It first looks whether there is anything left to do.
        seconds: How long the asker may wait for another's.
        is_own: Whether an error says something of the asker alone, such as that it had little
            time.
    """

    __slots__ = ("is_own", "key", "make", "seconds")

    def __init__(
        self,
        key: Hashable,
        make: Callable[[], Flow[T]],
        seconds: float,
        is_own: Callable[[LiveStreamError], bool],
    ) -> None:
        self.key, self.make, self.seconds, self.is_own = key, make, seconds, is_own


@final
class Store:
    """Ask the token store, which may take its time; its methods may be coroutine functions."""

    __slots__ = ("arguments", "method")

    def __init__(self, method: Callable[..., Any], *arguments: Any) -> None:
        self.method, self.arguments = method, arguments

    def use(self) -> Any:
        return self.method(*self.arguments)


@final
class Permit:
    """Wait until a limiter lets one more request through, or the time is over."""

    __slots__ = ("account", "limiter", "seconds")

    def __init__(self, limiter: Any, account: str, seconds: float) -> None:
        self.limiter, self.account, self.seconds = limiter, account, seconds


Effect: TypeAlias = Send | Sleep | Once[Any] | Store | Permit
Flow: TypeAlias = Generator[Effect, Any, T]
