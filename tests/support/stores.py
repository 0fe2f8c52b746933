"""Token stores of a fleet: one in memory, and the file store that the documentation shows."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import livestream_core as live
from run_page import ROOT, blocks_of

_PAGE = ROOT / "docs" / "howto" / "tenants.md"


def _shown(name: str) -> Any:
    """Return a class as a page of the documentation shows it."""
    (block,) = [each for each in blocks_of(_PAGE) if f"class {name}" in each.code]
    names: dict[str, Any] = {"live": live, "__name__": __name__}
    exec(compile(block.code, str(_PAGE), "exec"), names)
    return names[name]


SQLiteStore: Any = _shown("SQLiteStore")


class MemoryStore:
    """A fleet's store with the three required methods, which keeps the same objects."""

    def __init__(self, sessions: dict[str, live.Session] | None = None) -> None:
        self.sessions = {} if sessions is None else sessions

    def get(self, account: str) -> live.Session | None:
        return self.sessions.get(account)

    def put(self, account: str, session: live.Session) -> None:
        self.sessions[account] = session

    def delete(self, account: str) -> None:
        self.sessions.pop(account, None)


class LeasingStore(MemoryStore):
    """A store that also grants leases for signing in."""

    def __init__(self, sessions: dict[str, live.Session] | None = None) -> None:
        super().__init__(sessions)
        self.leases: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def claim(self, account: str, owner: str, seconds: float) -> bool:
        with self._lock:
            now = time.monotonic()
            if account in self.leases and self.leases[account][1] > now:
                return False
            self.leases[account] = owner, now + seconds
            return True

    def release(self, account: str, owner: str) -> None:
        with self._lock:
            if self.leases.get(account, ("", 0))[0] == owner:
                del self.leases[account]


def file_store(path: Path, key: bytes | None = b"a key of the fleet's own") -> Any:
    """Return the file store with a key, or without one, as if no key were configured."""
    return SQLiteStore(path, key)
