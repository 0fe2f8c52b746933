"""The sessions of a process: shared by equal clients, ended by the last of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable

from ._engine.sign_in import SharedSession


class SessionPool:
    """The sessions of this process."""

    def __init__(self) -> None:
        # Reentrant: a client that was never closed leaves when it is collected, which may happen
        # while this very thread is in here.
        self._lock = threading.RLock()
        self._sessions: dict[Hashable, SharedSession] = {}

    def join(self, key: Hashable) -> Membership:
        """A place in the session for a key, for one more client."""
        with self._lock:
            shared = self._sessions.get(key)
            if shared is None:
                shared = self._sessions[key] = SharedSession()
            shared.clients += 1
            return Membership(self, key, shared)

    def leave(self, member: Membership) -> None:
        """One client less, however often this is called for it."""
        with self._lock:
            if not member.is_open:
                return
            member.is_open = False
            member.shared.clients -= 1
            if not member.shared.clients:
                del self._sessions[member.key]

    def after_fork(self) -> None:
        """In a child process."""
        self._lock = threading.RLock()
        for shared in self._sessions.values():
            shared.disown()


class Membership:
    """One client's part in a shared session."""

    __slots__ = ("_pool", "is_open", "key", "shared")

    def __init__(self, pool: SessionPool, key: Hashable, shared: SharedSession) -> None:
        self._pool = pool
        self.key = key
        self.shared = shared
        self.is_open = True

    def leave(self) -> None:
        """Gives it up."""
        self._pool.leave(self)


pool = SessionPool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.after_fork)
