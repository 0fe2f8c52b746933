"""The effects that a flow yields for its runner to perform."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar, final

from .._contract.request import Request, WireRequest
from .._contract.response import Headers
from .._contract.session import Session, has_unsendable
from .._contract.transport import Timeout
from .._model.errors import LiveStreamError
from .._model.urls import host_header
from .._version import __version__

T = TypeVar("T")

_STANDARD_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"livestream-core/{__version__}",
}


@final
class Send:
    """Send one request over the transport; the flow is resumed with the response.

    Error trackers record the locals of frames and the contents of dicts. So only this object
    holds a request's secrets, and its repr shows none of them.
    """

    __slots__ = (
        *("_body", "_headers", "_method", "_origin", "_signature", "_target"),
        *("session", "timeout"),
    )

    def __init__(self, request: Request, origin: str) -> None:
        self._body, headers = request.content()
        self._method, self._origin, self._target = request.method, origin, request.target()
        self._headers = {**headers, **_STANDARD_HEADERS, **request.headers}
        self.session: Session | None = None
        self.timeout = Timeout(0.0, 0.0, 0.0)
        self._signature: Mapping[str, str] | None = None

    def sign(
        self, sign: Callable[[WireRequest, Session | None, datetime], object], now: datetime
    ) -> Iterable[str]:
        """Sign the next attempt, and return the values of the signature's headers.

        Raises:
            TypeError: If ``sign`` does not return headers.
            ValueError: If they contain characters that cannot be sent.
        """
        self._signature = None
        host = host_header(self._origin)
        path, _, query = self._target.partition("?")
        # The host is sent as it is signed, whatever the HTTP library would write there.
        headers = {**self._all_headers(), "Host": host}
        wire = WireRequest(
            method=self._method,
            host=host,
            path=path,
            query=query,
            body=self._body or b"",
            headers=Headers(headers),
        )
        signature = sign(wire, self.session, now)
        if not isinstance(signature, Mapping):
            raise TypeError(f"sign() returned {type(signature).__name__}, not headers")
        if has_unsendable(signature):
            raise ValueError("sign() returned characters that cannot be sent in a header")
        names = {name.lower() for name in signature}
        others = {name: value for name, value in headers.items() if name.lower() not in names}
        self._signature = {**others, **signature}
        return list(signature.values())

    def _all_headers(self) -> Mapping[str, str]:
        if self._signature is not None:
            return self._signature
        headers = self._headers
        return headers if self.session is None else {**headers, **self.session.headers}

    def by(self, transport: Any) -> Any:
        """Pass the request to a transport's ``send``, and return what it returns."""
        return transport.send(
            self._method,
            self._origin,
            self._target,
            self._all_headers(),
            self._body,
            self.timeout,
        )


@final
class Sleep:
    """Sleep, in a way that the surrounding program can interrupt."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


@final
class Once(Generic[T]):
    """Run a flow once for all callers in this process that request its key at the same time.

    One caller, the leader, runs it. The others wait, each within its own time limit, and get the
    same result or a copy of the same error. An exception from outside, such as a task's time
    limit, affects only the leader: another caller then takes over.

    Attributes:
        key: The identity of the work.
        make: A function that creates the flow. The flow first checks whether work is left to do.
        seconds: How long the caller may wait for the leader.
        is_own: A function that returns whether an error concerns the caller alone, for example
            because it ran out of time.
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
    """Call the token store, which may be slow; its methods may be coroutine functions."""

    __slots__ = ("arguments", "method")

    def __init__(self, method: Callable[..., Any], *arguments: Any) -> None:
        self.method, self.arguments = method, arguments

    def use(self) -> Any:
        """Call the method, and return what it returns."""
        return self.method(*self.arguments)


@final
class Permit:
    """Wait until a limiter allows one more request, or the time runs out."""

    __slots__ = ("account", "limiter", "seconds")

    def __init__(self, limiter: Any, account: str, seconds: float) -> None:
        self.limiter, self.account, self.seconds = limiter, account, seconds


Effect: TypeAlias = Send | Sleep | Once[Any] | Store | Permit
Flow: TypeAlias = Generator[Effect, Any, T]
