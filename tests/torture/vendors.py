"""Both vendors of a migration, with their real streams.

The streams are read from the emulators' state and not through adapters.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Fault, Request, load_emulator

T = TypeVar("T")

#: What makes two streams equal: the stored title and the start, if there is one.
Content: TypeAlias = tuple[str, datetime | None]

#: The requests for lists, in the form that :meth:`Emulator.inject` takes.
LISTS = {
    "tpstreams": "GET /api/v1/*/assets/live_streams/",
    "videosdk": "GET /v1/livestreams/",
    "tktchurch": "GET /v1/livestreams",
    "mux": "GET /video/v1/live-streams",
}
#: The vendors of migrations.
PROVIDERS = ("tpstreams", "videosdk", "tktchurch")


@attrs.frozen
class Asks:
    """A vendor that asks to wait.

    Attributes:
        skip: The number of requests before the one that is refused.
        seconds: For how long.
        status: The status of refusals.
        refuses_all: Whether it also refuses every other request until then. If not, a client's
            other threads can only know of the wait from the one whose request was refused.
    """

    skip: int
    seconds: float
    status: int
    refuses_all: bool

    def __str__(self) -> str:
        return f"asks with {self.status} at request {self.skip + 1} to wait {self.seconds:.1f} s"


@attrs.define
class Wait:
    """A wait that a vendor asks for.

    Attributes:
        until: Its end, by the monotonic clock.
        asks: What the vendor asks for.
        allowed: The number of requests that clients may send before they know of it.
        arrived: The number of requests that arrived before its end.
        refuses_all: Whether all of them are refused.
    """

    until: float
    asks: Asks
    allowed: int
    arrived: int = 0
    refuses_all: bool = attrs.field(
        default=attrs.Factory(lambda self: self.asks.refuses_all, takes_self=True)
    )


class Vendor:
    """The vendor of the source or the target.

    Attributes:
        provider: The provider's name.
        emulator: The emulator of the vendor.
        options: The options for ``connect``, once the emulator is serving.
    """

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.emulator: Any = load_emulator(provider)()
        self.options: dict[str, Any] = {}
        self._world = self.emulator.connect(transport=live.WSGITransport(_Unseen(self.emulator)))
        self.waits: list[Wait] = []

    @contextmanager
    def served(self) -> Iterator[None]:
        """Serve the emulator on loopback."""
        with self._world, self.emulator.serve() as url:
            self.options = {**self.emulator.options(), "base_url": url}
            yield

    def add(self, title: str, start: datetime | None = None) -> str:
        """Create a stream as another user would, without faults and without a log entry."""
        if start is None or not self.keeps_starts:
            return self.key(self._world.create(title=title).id)
        return self.key(self._world.create(title=title, scheduled_start=start).id)

    def remove(self, id: str) -> None:
        """Delete a stream as another user would."""
        self._world.delete(id)

    @property
    def keeps_starts(self) -> bool:
        """Whether the vendor stores a schedule."""
        return self.provider in ("tpstreams", "tktchurch")

    def streams(self) -> dict[str, Content]:
        """Return all streams by ID."""
        with self.emulator.lock:
            return dict(_HELD[self.provider](self.emulator))

    def keys(self) -> list[str]:
        """Return every stream key that the vendor has created."""
        with self.emulator.lock:
            if self.provider == "videosdk":
                return [each.key for each in self.emulator._streams.values()]
            if self.provider == "mux":
                return [each.stream_key for each in self.emulator._streams.values()]
            if self.provider == "tpstreams":
                lives = [each.live for each in self.emulator._assets.values()]
                return [each.stream_key for each in lives if each and each.stream_key]
        return []

    def changes(self) -> Counter[str]:
        """Count the requests that change something: all except reads and signing in."""
        with self.emulator.lock:
            requests = list(self.emulator.requests)
        return Counter(
            f"{each.method} {each.path}"
            for each in requests
            if each.method not in ("GET", "HEAD") and "/auth/" not in each.path
        )

    def key(self, id: str) -> str:
        """Return an ID as the emulator stores it."""
        return id.lower() if self.provider == "tktchurch" else id

    def fails_at(self, fault_of: Callable[[Content, int], Fault | None]) -> None:
        """Set the function that returns the fault of each create.

        Its arguments are the stream to create and the number of the attempt.
        """
        otherwise, asked = type(self.emulator)._fault, Counter[Content]()

        def fault(request: Request) -> Fault | None:
            content = self._wanted(request)
            if content is None:
                found: Fault | None = otherwise(self.emulator, request)
                return found
            with self.emulator.lock:
                asked[content] += 1
                nth = asked[content]
            return fault_of(content, nth)

        self.emulator._fault = fault

    def asks_to_wait(self, asks: Iterable[Asks], allowed: Callable[[], int]) -> None:
        """Ask to wait at some requests.

        Args:
            asks: When, and for how long.
            allowed: Returns how many requests clients may send before they know of a wait.
        """
        otherwise, coming, seen = self.emulator._fault, list(asks), 0

        def fault(request: Request) -> Fault | None:
            nonlocal seen
            with self.emulator.lock:
                seen += 1
                now = time.monotonic()
                due = [each for each in coming if each.skip < seen]
                if due and not (self.waits and self.waits[-1].until > now):
                    coming.remove(due[0])
                    self.waits.append(Wait(now + due[0].seconds, due[0], allowed()))
                if self.waits and (left := self.waits[-1].until - now) > 0:
                    wait = self.waits[-1]
                    wait.arrived += 1
                    if wait.refuses_all or wait.arrived == 1:
                        headers = {"Retry-After": f"{left + 0.01:.3f}"}
                        return Fault.status(wait.asks.status, headers=headers)
            found: Fault | None = otherwise(request)
            return found

        self.emulator._fault = fault

    def works_again(self) -> None:
        """Remove all faults."""
        vars(self.emulator).pop("_fault", None)
        self.emulator.clear_faults()

    def _wanted(self, request: Request) -> Content | None:
        if request.method != "POST" or "/auth/" in request.path:
            return None
        body = request.get_json(silent=True)
        if body is None:  # the client was killed
            return None
        if self.provider == "videosdk":
            return body["name"], None
        if self.provider == "mux":
            return body["meta"]["title"], None
        if self.provider == "tktchurch":
            start = body.get("scheduledStartTime")
            return body["title"], None if start is None else datetime.fromisoformat(start)
        if "start" not in body:
            return body["title"], None
        zone = ZoneInfo(self.emulator.timezone)
        start = datetime.fromisoformat(body["start"]).replace(tzinfo=zone)
        return body["title"], start.astimezone(UTC)


def _of_tpstreams(emulator: Any) -> Iterator[tuple[str, Content]]:
    zone = ZoneInfo(emulator.timezone)
    for asset in emulator._assets.values():
        if asset.live is not None:
            start = datetime.fromisoformat(asset.live.start).replace(tzinfo=zone)
            yield asset.id, (asset.title, start.astimezone(UTC))


def _of_videosdk(emulator: Any) -> Iterator[tuple[str, Content]]:
    for stream in emulator._streams.values():
        yield stream.id, (stream.name, None)


def _of_tktchurch(emulator: Any) -> Iterator[tuple[str, Content]]:
    for stream in emulator._streams.values():
        yield stream.id, (stream.values["title"], stream.values.get("scheduledStartTime"))


def _of_mux(emulator: Any) -> Iterator[tuple[str, Content]]:
    for stream in emulator._streams.values():
        yield stream.id, (stream.settings["meta"]["title"], None)


_HELD = {
    "mux": _of_mux,
    "tpstreams": _of_tpstreams,
    "videosdk": _of_videosdk,
    "tktchurch": _of_tktchurch,
}


class _Unseen:
    """The vendor without its faults and its log, as a WSGI application."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._emulator._dispatch(Request(environ))(environ, start_response)


@contextmanager
def meanwhile(others: Iterable[tuple[float, T]], do: Callable[[T], object]) -> Iterator[None]:
    """Call a function for what others do meanwhile, each with a delay in seconds."""
    timers = [threading.Timer(after, do, (what,)) for after, what in others]
    for timer in timers:
        timer.start()
    yield
    for timer in timers:
        timer.join()
