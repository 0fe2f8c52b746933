"""The sessions of a process: shared by equal clients, ended by the last of them or at the exit."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from ._adapter import Adapter
from ._engine.call import Call
from ._engine.sign_in import SharedSession
from ._errors import LiveStreamError
from ._foreign import pass_on

logger = logging.getLogger("livestream_core")

#: Seconds for all sign-outs at the exit together.
EXIT_SECONDS = 5.0
#: Refused credentials that are remembered though no client has them any more.
_MOST_REFUSED = 10_000


class SessionPool:
    """The sessions of this process."""

    def __init__(self) -> None:
        # Reentrant: a client that was never closed leaves when it is collected, which may happen
        # while this very thread is in here.
        self._lock = threading.RLock()
        self._sessions: dict[Hashable, SharedSession] = {}
        #: Those with a session that this process has to end, also after its last client is gone.
        self._own: dict[SharedSession, None] = {}
        self._registered: set[str] = set()

    def join(self, key: Hashable) -> Membership:
        """A place in the session for a key, for one more client."""
        with self._lock:
            shared = self._sessions.get(key)
            if shared is None:
                shared = self._sessions[key] = SharedSession(self._opened)
            shared.clients += 1
            return Membership(self, key, shared)

    def leave(self, member: Membership) -> None:
        """One client less, however often this is called for it."""
        with self._lock:
            if not member.is_open:
                return
            member.is_open = False
            member.shared.clients -= 1
            if member.shared.clients == 0 and member.shared.refusal is None:
                del self._sessions[member.key]
            if len(self._sessions) > _MOST_REFUSED:
                self._forget_refusals()

    def _forget_refusals(self) -> None:
        for key in [key for key, shared in self._sessions.items() if not shared.clients]:
            del self._sessions[key]

    def forget(self, shared: SharedSession) -> None:
        """A session that is ended now need not be ended at the exit."""
        with self._lock:
            self._own.pop(shared, None)
            if not shared.clients:
                shared.engine = shared.runner = None  # they hold it, too

    # -- the end of the process -------------------------------------------------------------

    def _opened(self, shared: SharedSession) -> None:
        if shared.engine is None or not _can_end(shared.engine):
            return
        with self._lock:
            self._own[shared] = None
            self._end_at_exit()

    def _end_at_exit(self) -> None:
        # Children of multiprocessing and billiard skip atexit. Their registers are emptied when a
        # child begins, so this is done where the session is opened.
        registers: dict[str, Callable[[], object]] = {
            "atexit": lambda: atexit.register(self.end_own)
        }
        for name in ("multiprocessing.util", "billiard.util"):
            if (module := sys.modules.get(name)) is not None:
                registers[name] = _finalizer(module, self.end_own)
        for name, register in registers.items():
            if name not in self._registered:
                self._registered.add(name)
                register()

    def end_own(self, seconds: float = EXIT_SECONDS) -> None:
        """End the sessions that this process has opened, all at once, within so many seconds."""
        with self._lock:
            own, self._own = list(self._own), {}
        threads = [
            threading.Thread(target=_end_quietly, args=(shared, seconds), daemon=True)
            for shared in own
        ]
        until = time.monotonic() + seconds
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def after_fork(self) -> None:
        """In a child process."""
        self._lock = threading.RLock()
        self._own = {}
        self._registered -= {"multiprocessing.util", "billiard.util"}
        for shared in self._sessions.values():
            shared.disown()


def _finalizer(module: Any, function: Callable[[], None]) -> Callable[[], object]:
    return lambda: module.Finalize(None, function, exitpriority=100)


def end_session(shared: SharedSession, engine: Any, runner: Any, seconds: float) -> None:
    """Sign out of a session, if this process has opened it and the vendor has that."""
    if not _can_end(engine) or (session := shared.take()) is None:
        return
    handled = sys.exception()
    call = Call(engine, "close", None, engine.clock.monotonic() + seconds)
    try:
        runner.run(call.sign_out(session))
    except LiveStreamError as error:
        logger.warning("%s: signing out failed: %s", engine.account, type(error).__name__)
    except BaseException as raised:
        raise pass_on(raised, call.where_it_was(), handled)  # noqa: B904 - the same object


def _can_end(engine: Any) -> bool:
    # With a store, other processes use the session.
    overridden = type(engine.adapter).sign_out is not Adapter.sign_out
    return overridden and engine.token_store is None


def _end_quietly(shared: SharedSession, seconds: float) -> None:
    try:
        end_session(shared, shared.engine, shared.runner, seconds)
    except Exception as error:
        logger.warning("%s: signing out failed: %s", shared.engine.account, type(error).__name__)


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

    def end_if_last(self, engine: Any, runner: Any) -> None:
        """Sign out of the session if no client shares it any more."""
        if not self.shared.clients:
            self._pool.forget(self.shared)
            end_session(self.shared, engine, runner, EXIT_SECONDS)


pool = SessionPool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.after_fork)
