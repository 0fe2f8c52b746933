"""Workers in several processes that share a store, and are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core import events
from livestream_tpstreams.emulator import TPStreamsEmulator
from tests.events import worker

pytestmark = pytest.mark.processes

PATIENCE = 120
#: The numbers of Redis's databases that are not used yet.
_NUMBERS = iter(range(1, 16))


@pytest.fixture(params=["SQLite", "PostgreSQL", "Redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'events.db'}"
    if request.param == "PostgreSQL":
        database: Any = request.getfixturevalue("postgresql_server")
        return str(database.new_database())
    server: Any = request.getfixturevalue("redis_for_stores")
    return str(server.url(next(_NUMBERS)))


def test_no_change_that_lists_show_is_lost_when_workers_that_watch_are_killed(
    url: str, tmp_path: Path
) -> None:
    vendor = TPStreamsEmulator()
    vendor.clock = live.ManualClock()
    file = tmp_path / "changes"
    options = vendor.options()
    store = worker.store_at(url)
    with (
        vendor.serve() as origin,
        live.connect("tpstreams", base_url=origin, environ={}, **options) as client,
    ):
        streams = [client.create(title=f"Lesson {number}") for number in range(4)]
        watcher = worker.watcher_of(store, client)
        vendor.clock.advance(600)
        command = [sys.executable, worker.__file__, url, origin, json.dumps(options), str(file)]
        for number, step in enumerate((None, vendor.connect_encoder, vendor.drop_encoder), 1):
            vendor.clock.advance(1)
            for stream in streams if step else ():
                step(stream.id)
            workers = [subprocess.Popen([*command, str(each), "watch"]) for each in (2, 3)]
            assert [each.wait(PATIENCE) for each in workers] == [-9, -9]
            until = time.monotonic() + PATIENCE
            while len(told := changes_in(file)) < number * len(streams):
                assert time.monotonic() < until, told
                watcher.process(worker.handler(file, 0))
        store.close()

    for stream in streams:
        mine = [each.stream.status for each in told if each.stream and each.stream_id == stream.id]
        assert mine == ["ready", "live", "interrupted"]


def changes_in(file: Path) -> list[events.Change]:
    """Return the changes that were handed over, each once."""
    lines = dict.fromkeys(file.read_text().splitlines())
    changes = [events.Change.from_dict(json.loads(each)) for each in lines]
    assert len({each.key for each in changes}) == len(changes)
    return changes


def test_no_change_is_lost_or_overtaken_when_workers_are_killed(url: str, tmp_path: Path) -> None:
    vendor = TPStreamsEmulator()
    vendor.clock = live.ManualClock()
    file = tmp_path / "changes"
    options = {**vendor.options(), "webhook_secret": vendor.webhook_secret}
    store = worker.store_at(url)
    with (
        vendor.serve() as origin,
        live.connect("tpstreams", base_url=origin, environ={}, **options) as client,
    ):
        tracker = events.Tracker(store, client_for=lambda account: client)
        streams = [client.create(title=f"Lesson {number}") for number in range(4)]
        vendor.clock.advance(600)
        for step in (vendor.connect_encoder, vendor.drop_encoder, vendor.connect_encoder):
            vendor.clock.advance(1)
            for stream in streams:
                step(stream.id)
                tracker.add(client.parse_webhook(*vendor.webhook(stream.id)))
        command = [sys.executable, worker.__file__, url, origin, json.dumps(options), str(file)]
        workers = [subprocess.Popen([*command, str(number)]) for number in (2, 3)]
        assert [each.wait(PATIENCE) for each in workers] == [-9, -9]

        lines: list[str] = []
        until = time.monotonic() + PATIENCE
        # What the two were handling is handed over again, once their leases end.
        while len(lines) < 3 * len(streams) + 2:
            assert time.monotonic() < until, lines
            tracker.process(worker.handler(file, 0))
            lines = file.read_text().splitlines()
        store.close()

    changes = changes_in(file)
    assert len(changes) == 3 * len(streams)
    for stream in streams:
        mine = [
            each.stream.status for each in changes if each.stream and each.stream_id == stream.id
        ]
        assert mine == ["live", "interrupted", "live"]
