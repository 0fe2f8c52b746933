"""Figures of a migration, compared with a script that keeps no ledger."""

from __future__ import annotations

import gc
import statistics
import tempfile
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import requests

from livestream_core import migrate

from ..emulated import Account, Vendors, emulated
from ..measure import Size, apart, compare
from ..table import Row, in_bytes, seconds

TARGET = 1.3
WORKERS = 16
#: The seconds that every response takes.
ANSWER = 0.05
_TIMEOUT = (5, 30)

#: Prepares a migration in a folder, and returns the function to time.
Preparation: TypeAlias = Callable[[Vendors, Path], AbstractContextManager[Callable[[], object]]]


def rows(size: Size) -> Iterator[Row]:
    """Yield the time of a run, and the processor time, memory, and disk space for each stream."""
    ours, theirs = Moves(by_the_library, size.moved), Moves(by_a_script, size.moved)
    measured = compare(ours.measure, theirs.measure, rounds=size.move_rounds)
    assert ours.requests == theirs.requests  # otherwise it was not the same work
    beside = "requests and a thread pool, the same calls"
    yield Row(
        "migrate",
        f"run() of {size.moved:,} streams, {WORKERS} workers, answers after {ANSWER * 1e3:.0f} ms",
        beside,
        seconds(measured.ours),
        seconds(measured.theirs),
        measured,
        TARGET,
    )
    busy, script_busy = (statistics.median(each.processor) for each in (ours, theirs))
    yield Row(
        "migrate",
        "processor time of run() for each stream",
        beside,
        seconds(busy),
        seconds(script_busy),
        amount=busy,
    )
    busy = processor(size.moved)
    yield Row(
        "migrate",
        "processor time of plan(), run() and check() for each stream",
        cost=seconds(busy),
        amount=busy,
    )
    held = apart(memory, size.moved)
    yield Row(
        "migrate", "memory of plan() and run() for each stream", cost=in_bytes(held), amount=held
    )
    yield Row("migrate", "ledger for each stream", cost=in_bytes(ours.disk), amount=ours.disk)


def processor(streams: int) -> float:
    """Return the processor seconds of a whole migration, for each stream."""
    with (
        emulated(streams=streams, seconds=0.0) as vendors,
        tempfile.TemporaryDirectory() as folder,
        vendors.source.connect() as source,
        vendors.target.connect() as target,
    ):
        ledger = Path(folder) / "ledger.db"
        began = time.process_time()
        migrate.run(migrate.plan(source, target), ledger=ledger)
        assert migrate.check(ledger, source, target).all_equal
        return (time.process_time() - began) / streams


def memory(streams: int) -> float:
    """Return the peak of bytes in use, for each stream."""
    with (
        emulated(streams=streams, seconds=0.0) as vendors,
        tempfile.TemporaryDirectory() as folder,
        vendors.source.connect() as source,
        vendors.target.connect() as target,
    ):
        tracemalloc.start()
        migrate.run(migrate.plan(source, target), ledger=Path(folder) / "ledger.db")
        _, most = tracemalloc.get_traced_memory()
        return most / streams


class Moves:
    """A migration that can be measured repeatedly, each time between two new accounts.

    Attributes:
        processor: The processor seconds for each stream, one value for each measurement.
        requests: The last measurement's requests: a count for each account and method.
        disk: The bytes on the disk for each stream after the last measurement.
    """

    def __init__(self, prepare: Preparation, streams: int) -> None:
        self._prepare, self._streams = prepare, streams
        self.processor: list[float] = []
        self.requests: Counter[str] = Counter()
        self.disk = 0.0

    def measure(self) -> float:
        """Return the seconds of one migration, without its preparation."""
        with (
            emulated(streams=self._streams, seconds=ANSWER) as vendors,
            tempfile.TemporaryDirectory() as folder,
            self._prepare(vendors, Path(folder)) as move,
        ):
            vendors.count_requests()
            gc.collect()
            began, busy = time.perf_counter(), time.process_time()
            move()
            taken, busy = time.perf_counter() - began, time.process_time() - busy
            self.requests = vendors.count_requests()
            left = sum(path.stat().st_size for path in Path(folder).iterdir())
        self.processor.append(busy / self._streams)
        self.disk = left / self._streams
        return taken


@contextmanager
def by_the_library(vendors: Vendors, folder: Path) -> Iterator[Callable[[], object]]:
    """Prepare a run of an existing plan into a new ledger."""
    with vendors.source.connect() as source, vendors.target.connect() as target:
        plan = migrate.plan(source, target, workers=WORKERS)

        def move() -> None:
            result = migrate.run(plan, ledger=folder / "ledger.db", workers=WORKERS)
            assert result.exit_code == 0
            assert result.report.counts["created"] == len(plan.items)

        yield move


@contextmanager
def by_a_script(vendors: Vendors, folder: Path) -> Iterator[Callable[[], object]]:
    """Prepare a one-time script, which cannot resume or report its progress."""
    source, target = Assets(vendors.source), Assets(vendors.target)
    ids = [asset["id"] for asset in source.walk()]

    def copy(asset_id: str) -> None:
        asset = source.read(asset_id)
        stream = asset["live_stream"]
        target.create(
            {
                "title": asset["title"],
                "start": stream["start"],
                "enable_drm_for_recording": stream["enable_drm_for_recording"],
                "latency": stream["latency"],
            }
        )

    def move() -> None:
        # The library also lists the target twice, to check that no other process creates streams.
        assert target.walk() == target.walk() == []
        with ThreadPoolExecutor(WORKERS) as threads:
            for _ in threads.map(copy, ids):
                pass
        assert len(target.walk()) == len(ids)

    yield move


class Assets:
    """The TPStreams endpoints that a script needs, with a ``requests.Session`` for each thread."""

    def __init__(self, account: Account) -> None:
        organization = account.options["organization_id"]
        self._url = f"{account.origin}/api/v1/{organization}/assets/"
        self._token = account.options["token"]
        self._local = threading.local()

    def read(self, asset_id: str) -> Any:
        """Return one asset."""
        return self._request("GET", f"{self._url}{asset_id}/")

    def create(self, body: dict[str, Any]) -> Any:
        """Create a live stream."""
        return self._request("POST", f"{self._url}live_streams/", json=body)

    def walk(self) -> list[Any]:
        """Return all live streams."""
        found, link = [], f"{self._url}live_streams/"
        while link:
            page = self._request("GET", link)
            found += page["results"]
            link = page["next"]
        return found

    def _request(self, method: str, url: str, **body: Any) -> Any:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers["Authorization"] = f"Token {self._token}"
        response = self._local.session.request(method, url, timeout=_TIMEOUT, **body)
        response.raise_for_status()
        return response.json()
