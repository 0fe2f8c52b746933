"""A worker in a process of its own, which kills itself while it handles a change.

Usage: python worker.py STORE ORIGIN OPTIONS FILE KILLED-AT [watch]
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import livestream_core as live
from livestream_core import events


def store_at(url: str) -> Any:
    """Return the store at a URL."""
    kind = events.RedisStore if url.startswith("unix:") else events.SQLAlchemyStore
    return kind(url)


def watcher_of(store: events.Store, client: live.Client) -> events.Watcher:
    """Return a watcher of one account, which lists it about every second."""
    tracker = events.Tracker(store, client_for=lambda account: client, lease=1, poll=1)
    return events.Watcher(tracker, accounts=lambda: [client.account])


def handler(file: Path, killed_at: int) -> Any:
    """Return a function that writes each change to a file, and kills this process at one of them."""
    handled = 0

    def handle(change: events.Change) -> None:
        nonlocal handled
        handled += 1
        with file.open("a") as opened:
            opened.write(json.dumps(change.to_dict()) + "\n")
        if handled == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return handle


if __name__ == "__main__":
    store, origin, options, file, killed_at, *watches = sys.argv[1:]
    with live.connect("tpstreams", base_url=origin, environ={}, **json.loads(options)) as client:
        handle = handler(Path(file), int(killed_at))
        if watches:
            watcher = watcher_of(store_at(store), client)
            while True:
                watcher.process(handle)
        tracker = events.Tracker(store_at(store), client_for=lambda account: client, lease=1)
        tracker.process(handle)
