"""The source and target of a migration: emulated vendors over HTTP, each with a client."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import attrs

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Emulator, LoggedRequest, load_emulator

PROVIDERS = ("tpstreams", "videosdk", "tktchurch")
PAIRS = tuple(permutations(PROVIDERS, 2))

#: The requests that create, read, and list streams, in the form that :meth:`Emulator.inject` takes.
CREATE = {
    "memory": "POST /v1/streams",
    "tktchurch": "POST /v1/livestreams",
    "tpstreams": "POST *live_streams/",
    "videosdk": "POST /v1/livestreams",
}
LIST = {
    "memory": "GET /v1/streams",
    "tktchurch": "GET /v1/livestreams",
    "mux": "GET /video/v1/live-streams",
    "tpstreams": "GET *live_streams/",
    "videosdk": "GET /v1/livestreams/",
}


@attrs.frozen
class Side:
    """An account of a migration.

    Attributes:
        emulator: The emulator of its vendor.
        client: A client of the account.
        options: The options with which another process connects to it.
    """

    emulator: Any
    client: live.Client
    options: dict[str, Any]

    @property
    def provider(self) -> str:
        return self.client.provider

    def add(self, title: str, **fields: Any) -> live.LiveStream:
        """Create a stream that can be migrated, without the fields that this vendor lacks."""
        fields.setdefault("scheduled_start", in_days(2))
        spec = live.StreamSpec(title=title, **fields)
        possible = {
            name: value
            for name, value in fields.items()
            if self.client.capabilities.unsupported_error(name, getattr(spec, name)) is None
        }
        return self.client.create(title=title, **possible)

    def fill(self, count: int, **fields: Any) -> list[str]:
        """Create several streams, each with its own title and start, and return their IDs."""
        return [
            self.add(f"Lesson {number}", scheduled_start=in_days(2 + number), **fields).id
            for number in range(count)
        ]

    def streams(self) -> list[live.LiveStream]:
        """Return all streams of the account."""
        return list(self.client.list())

    def titles(self) -> list[str]:
        """Return the sorted titles of all streams of the account."""
        return sorted(stream.title for stream in self.streams())

    def changes(self) -> list[LoggedRequest]:
        """Return the requests so far that change something; signing in does not."""
        with self.emulator.lock:
            return [
                each
                for each in self.emulator.requests
                if each.method not in ("GET", "HEAD") and not _signs_in(each.path)
            ]

    def creates(self) -> int:
        """Return the number of creates so far."""
        path = "/live_streams/" if self.provider == "tpstreams" else "streams"
        return sum(each.method == "POST" and each.path.endswith(path) for each in self.changes())

    def inject(self, fault: Any, on: str, *, times: int = 1, skip: int = 0) -> None:
        """Inject a fault: ``on`` is ``"create"``, ``"list"``, or a pattern."""
        pattern = {"create": CREATE, "list": LIST}.get(on, {}).get(self.provider, on)
        self.emulator.inject(fault, on=pattern, times=times, skip=skip)


def _signs_in(path: str) -> bool:
    return "/auth/" in path or path.endswith("/login")


def in_days(days: float) -> datetime:
    """Return a start in whole minutes, because some vendors support no other times."""
    return (datetime.now(UTC) + timedelta(days=days)).replace(second=0, microsecond=0)


@contextmanager
def side(provider: str, **settings: Any) -> Iterator[Side]:
    """Serve a new account at a vendor over HTTP."""
    emulator: Emulator = load_emulator(provider)()
    with emulator.serve() as url:
        options = {**emulator.options(), "base_url": url}
        with live.connect(provider, **settings, **options) as client:
            yield Side(emulator, client, options)


@contextmanager
def sides(source: str, target: str, **settings: Any) -> Iterator[tuple[Side, Side]]:
    """Serve two accounts, of one vendor or two."""
    with side(source, **settings) as one, side(target, **settings) as other:
        yield one, other


def planned(source: Side, target: Side, **settings: Any) -> migrate.Plan:
    """Return a plan, in which streams without a reported status count as idle."""
    settings.setdefault("assume_idle", source.provider == "videosdk")
    if target.provider == "tpstreams" and source.provider == "videosdk":
        settings.setdefault("transform", scheduled)
    return migrate.plan(source.client, target.client, **settings)


def scheduled(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    """Set a start by the title, as a transform for sources without schedules."""
    number = sum(map(ord, stream.title)) % 100
    start = datetime(2038, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return attrs.evolve(spec, scheduled_start=start)


def end_pauses(ledger: Path) -> None:
    """Let the pauses of a ledger be over, as if their time had passed."""
    with sqlite3.connect(ledger) as connection:
        connection.execute("UPDATE pauses SET until = 0")
    connection.close()


def by_state(report: migrate.Report | migrate.Plan) -> dict[str, int]:
    """Return the number of items in each state that has any."""
    return {name: count for name, count in report.counts.items() if count and name != "total"}
