"""The effects that a flow yields for its runner to perform."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar, final

from .._contract.clock import Clock
from .._contract.request import Request, WireRequest
from .._contract.response import Headers
from .._contract.session import Session, has_unsendable
from .._contract.transport import Timeout
from .._model.errors import InvalidInput, LiveStreamError
from .._model.urls import host_header
from .._version import __version__

T = TypeVar("T")

_STANDARD_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"livestream-core/{__version__}",
}
#: Headers that HTTP libraries add: with other values, the request would mean something else.
_FRAMING = ("connection", "content-length", "host", "transfer-encoding")


@final
class Send:
    """Send one request over the transport; the flow is resumed with the response.

    Error trackers record the locals of frames and the contents of dicts. So only this object
    holds a request's secrets, and its repr shows none of them.
    """

    __slots__ = (
        *("_body", "_headers", "_method", "_signature", "_target", "_traced"),
        *("origin", "session", "timeout"),
    )

    def __init__(self, request: Request, origin: str) -> None:
        self._body, headers = request.content()
        if has_unsendable(request.headers):
            raise InvalidInput(
                "the request has a header whose name or value cannot be sent", field="headers"
            )
        self.origin: str = origin
        self._method, self._target = request.method, request.target()
        self._headers = {**headers, **_STANDARD_HEADERS, **request.headers}
        self.session: Session | None = None
        self.timeout: Timeout = Timeout(0.0, 0.0, 0.0)
        self._signature: Mapping[str, str] | None = None
        self._traced: Mapping[str, str] = {}

    def trace(self, headers: Mapping[str, str]) -> None:
        """Send headers of a trace with the next attempt, except those that it has anyway."""
        self._signature, self._traced = None, {}
        known = {*_FRAMING, *(name.lower() for name in self._all_headers())}
        self._traced = {name: value for name, value in headers.items() if name.lower() not in known}

    def sign(
        self, sign: Callable[[WireRequest, Session | None, datetime], object], now: datetime
    ) -> Iterable[str]:
        """Sign the next attempt, and return the values of the signature's headers.

        Raises:
            TypeError: If ``sign`` does not return headers.
            ValueError: If they contain characters that cannot be sent.
        """
        self._signature = None
        host = host_header(self.origin)
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
        headers = (
            self._headers if self.session is None else {**self._headers, **self.session.headers}
        )
        return {**self._traced, **headers} if self._traced else headers

    def by(self, transport: Any) -> Any:
        """Pass the request to a transport's ``send``, and return what it returns."""
        return transport.send(
            self._method,
            self.origin,
            self._target,
            self._all_headers(),
            self._body,
            self.timeout,
        )


@final
class Sleep:
    """Sleep, in a way that the surrounding program can interrupt.

    Attributes:
        seconds: For how long.
        clock: The clock to sleep by, if it is not the client's.
        bell: What ends the sleep early, by the machine's clock, once it is done.
    """

    __slots__ = ("bell", "clock", "seconds")

    def __init__(
        self, seconds: float, clock: Clock | None = None, *, bell: Future[None] | None = None
    ) -> None:
        self.seconds, self.clock, self.bell = seconds, clock, bell


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
    """Call a token store or a limiter, which may be slow; its methods may be coroutine functions.

    Attributes:
        method: The method.
        arguments: Its arguments.
        record: A function that notes the result of a call that must not be lost, because the store
            has noted it too. It is called before the flow is resumed, even if the caller is
            canceled meanwhile.
    """

    __slots__ = ("arguments", "method", "record")

    def __init__(
        self,
        method: Callable[..., Any],
        *arguments: Any,
        record: Callable[[Any], object] | None = None,
    ) -> None:
        self.method, self.arguments, self.record = method, arguments, record

    def use(self) -> Any:
        """Call the method, note what it returns, and return it."""
        result = self.method(*self.arguments)
        if self.record is not None:
            self.record(result)
        return result


@final
class Permit:
    """Wait until a limiter allows one more request, or the time runs out."""

    __slots__ = ("account", "limiter", "seconds")

    def __init__(self, limiter: Any, account: str, seconds: float) -> None:
        self.limiter, self.account, self.seconds = limiter, account, seconds


@final
class LookUp:
    """Look up the addresses of a host; the flow is resumed with a list of them, as texts."""

    __slots__ = ("host", "port", "seconds")

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.host, self.port, self.seconds = host, port, seconds


@final
class Fetch:
    """Fetch a document from one address of its host; the flow is resumed with the response.

    Nothing is looked up again, and nothing is sent but the URL. Only this object holds the path
    and the query.

    Attributes:
        host: The host. TLS checks that the certificate is for it.
        timeout: The time limits.
        most: The maximum size of the body, in bytes.
    """

    __slots__ = ("_headers", "_origin", "_target", "host", "most", "timeout")

    def __init__(self, location: Any, address: str, timeout: Timeout, most: int) -> None:
        host = f"[{address}]" if ":" in address else address
        self._origin = f"{location.scheme}://{host}:{location.port}"
        self._target = location.target
        self._headers = {**_STANDARD_HEADERS, "Accept": "*/*", "Host": location.host_header}
        self.host, self.timeout, self.most = location.host, timeout, most

    def by(self, transport: Any) -> Any:
        """Pass the request to a transport's ``send``, and return what it returns."""
        return transport.send("GET", self._origin, self._target, self._headers, None, self.timeout)


Effect: TypeAlias = Send | LookUp | Fetch | Sleep | Once[Any] | Store | Permit
Flow: TypeAlias = Generator[Effect, Any, T]
