"""Both vendors of a migration, and what they hold in truth: read from the emulators themselves,
not from what adapters say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import livestream_core as live
from livestream_core.emulator import Emulator, Fault, Request, load_emulator

#: What makes two streams equal: the title as it is kept, and the start, where there is one.
Look: TypeAlias = tuple[str, datetime | None]

#: Requests for lists, as :meth:`Emulator.inject` names them.
LISTS = {
    "tpstreams": "GET /api/v1/*/assets/live_streams/",
    "videosdk": "GET /v1/livestreams/",
    "tktchurch": "GET /v1/livestreams",
}
PROVIDERS = tuple(LISTS)


class Vendor:
    """One side of a migration.

    Attributes:
        provider: Its name.
        emulator: What serves it.
        options: Options for ``connect``, once it is served.
    """

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.emulator: Any = load_emulator(provider)()
        self.options: dict[str, Any] = {}
        self._world = self.emulator.connect(transport=live.WSGITransport(_Unseen(self.emulator)))

    @contextmanager
    def served(self) -> Iterator[None]:
        """Serves it on loopback."""
        with self._world, self.emulator.serve() as url:
            self.options = {**self.emulator.options(), "base_url": url}
            yield

    def add(self, title: str, start: datetime | None = None) -> str:
        """Creates a stream, as somebody else would; no fault hits it, and no log has it."""
        if start is None or not self.keeps_starts:
            return self.key(self._world.create(title=title).id)
        return self.key(self._world.create(title=title, scheduled_start=start).id)

    @property
    def keeps_starts(self) -> bool:
        """Whether it has a place for a schedule."""
        return self.provider != "videosdk"

    def streams(self) -> dict[str, Look]:
        """All that it holds, by id."""
        with self.emulator.lock:
            return dict(_HELD[self.provider](self.emulator))

    def keys(self) -> list[str]:
        """Every stream key that it has given."""
        with self.emulator.lock:
            if self.provider == "videosdk":
                return [each.key for each in self.emulator._streams.values()]
        return []

    def changes(self) -> Counter[str]:
        """How many requests came that change something: all but reads and signing in."""
        with self.emulator.lock:
            requests = list(self.emulator.requests)
        return Counter(
            f"{each.method} {each.path}"
            for each in requests
            if each.method not in ("GET", "HEAD") and "/auth/" not in each.path
        )

    def key(self, id: str) -> str:
        """An id as the emulator keeps it."""
        return id.lower() if self.provider == "tktchurch" else id

    def fails_at(self, fault_of: Callable[[Look, int], Fault | None]) -> None:
        """Lets creates fail: the function is asked for each, with what is to be created and how
        often that was asked for.
        """
        otherwise, asked = type(self.emulator)._fault, Counter[Look]()

        def fault(request: Request) -> Fault | None:
            look = self._wanted(request)
            if look is None:
                found: Fault | None = otherwise(self.emulator, request)
                return found
            with self.emulator.lock:
                asked[look] += 1
                nth = asked[look]
            return fault_of(look, nth)

        self.emulator._fault = fault

    def works_again(self) -> None:
        """Takes back all faults."""
        self.fails_at(lambda look, nth: None)
        self.emulator.clear_faults()

    def _wanted(self, request: Request) -> Look | None:
        if request.method != "POST" or "/auth/" in request.path:
            return None
        body = request.get_json()
        if self.provider == "videosdk":
            return body["name"], None
        if self.provider == "tktchurch":
            start = body.get("scheduledStartTime")
            return body["title"], None if start is None else datetime.fromisoformat(start)
        zone = ZoneInfo(self.emulator.timezone)
        start = datetime.fromisoformat(body["start"]).replace(tzinfo=zone)
        return body["title"], start.astimezone(UTC)


def _of_tpstreams(emulator: Any) -> Iterator[tuple[str, Look]]:
    zone = ZoneInfo(emulator.timezone)
    for asset in emulator._assets.values():
        if asset.live is not None:
            start = datetime.fromisoformat(asset.live.start).replace(tzinfo=zone)
            yield asset.id, (asset.title, start.astimezone(UTC))


def _of_videosdk(emulator: Any) -> Iterator[tuple[str, Look]]:
    for stream in emulator._streams.values():
        yield stream.id, (stream.name, None)


def _of_tktchurch(emulator: Any) -> Iterator[tuple[str, Look]]:
    for stream in emulator._streams.values():
        yield stream.id, (stream.values["title"], stream.values.get("scheduledStartTime"))


_HELD = {"tpstreams": _of_tpstreams, "videosdk": _of_videosdk, "tktchurch": _of_tktchurch}


class _Unseen:
    """The vendor without its faults and its log."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._emulator._dispatch(Request(environ))(environ, start_response)
