"""Sessions: signed in once, shared by equal clients of a process, ended by the last of them."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Protocol

from ._adapter import Session
from ._clock import Clock
from ._errors import LiveStreamError, TimedOut
from ._public import publish


class TokenStore(Protocol):
    """Where a fleet of processes shares its sessions, by account. What it holds is secret."""

    def get(self, account: str) -> Session | None:
        """The account's session, if there is one."""
        ...

    def put(self, account: str, session: Session) -> None:
        """Keeps a new session."""
        ...

    def delete(self, account: str) -> None:
        """Forgets a session that no longer works."""
        ...


class _SignIn:
    """A sign-in under way, and what came of it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: LiveStreamError | None = None


#: A session is renewed this long before it ends, or after nine tenths of its life if that is later.
_MARGIN = timedelta(seconds=30)


class SharedSession:
    """One session for all clients with the same account and credentials."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sign_in: _SignIn | None = None
        self._opened_at: datetime | None = None
        self.session: Session | None = None
        self.clients = 0

    def get(
        self,
        open_session: Callable[[Session | None], Session],
        *,
        rejected: Session | None,
        clock: Clock,
        deadline: float,
    ) -> Session:
        """The session to use; opened or renewed by one thread while the others wait for it.

        Args:
            open_session: Signs in, given the session to renew.
            rejected: A session that the vendor has just refused: not that one again.
            clock: The time.
            deadline: When waiting for another thread's sign-in ends.
        """
        while True:
            with self._lock:
                current = self.session
                if current is not None and current is not rejected and not self._is_ending(clock):
                    return current
                sign_in, mine = self._sign_in, False
                if sign_in is None:
                    sign_in, mine = _SignIn(), True
                    self._sign_in = sign_in
            if mine:
                return self._open(sign_in, open_session, current, clock)
            if not sign_in.done.wait(max(0.0, deadline - clock.monotonic())):
                raise TimedOut("another thread's sign-in did not end in time")
            # One that gave up early had less time than others may have: they try themselves.
            if sign_in.error is not None and not isinstance(sign_in.error, TimedOut):
                raise copy.copy(sign_in.error)
            if deadline <= clock.monotonic():
                raise TimedOut("signing in took too long")

    def _open(
        self,
        sign_in: _SignIn,
        open_session: Callable[[Session | None], Session],
        previous: Session | None,
        clock: Clock,
    ) -> Session:
        opened: Session | None = None
        try:
            opened = open_session(previous)
            return opened
        except LiveStreamError as error:
            # A copy: the error gets the context of this thread's call on its way up.
            sign_in.error = copy.copy(error)
            raise
        finally:
            with self._lock:
                self._sign_in = None
                if opened is not None:
                    self.session, self._opened_at = opened, clock.now()
            sign_in.done.set()

    def take_orphan(self) -> Session | None:
        """The session that we opened and nobody uses any more, to be ended by who asks first."""
        with self._lock:
            session = self.session
            if self.clients or session is None or not session.ours:
                return None
            self.session = None
            return session

    def _is_ending(self, clock: Clock) -> bool:
        session = self.session
        if session is None or session.expires_at is None or self._opened_at is None:
            return False
        margin = min(_MARGIN, (session.expires_at - self._opened_at) / 10)
        return clock.now() >= session.expires_at - margin

    def after_fork(self) -> None:
        """In a child process: locks may be held by threads that do not exist here, and what the
        parent opened is the parent's to end."""
        self._lock = threading.Lock()
        self._sign_in = None
        if self.session is not None and self.session.ours:
            self.session = Session(
                self.session.headers, self.session.expires_at, self.session.memo, ours=False
            )


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
            shared.after_fork()


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


publish("livestream_core", [TokenStore])
