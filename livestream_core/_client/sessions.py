"""The sessions of a process, shared by equal clients and ended by the last one or at exit."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from .._contract.adapter import Adapter
from .._contract.foreign import BUGS, pass_on
from .._engine.call import Call
from .._engine.effects import Flow
from .._engine.sign_in import SharedSession
from .._model.errors import LiveStreamError
from .._model.log import logger

#: The time limit for all sign-outs at exit, in seconds.
EXIT_SECONDS = 5.0
#: The maximum number of sessions, refusals, and keys that are kept although no client uses them.
_MOST_IDLE = 10_000


class SessionPool:
    """The sessions of this process."""

    def __init__(self) -> None:
        # Reentrant: a client that was never closed leaves when it is garbage-collected, which may
        # happen while this same thread holds the lock.
        self._lock = threading.RLock()
        self._sessions: dict[Hashable, SharedSession] = {}
        #: The keys of sessions that no client uses but that are worth remembering.
        self._idle: dict[Hashable, None] = {}
        #: The sessions that this process must end, with the engine and the runner to do it.
        self._own: dict[SharedSession, tuple[Any, Any]] = {}
        self._registered: set[str] = set()

    def join(self, key: Hashable) -> Membership:
        """Let one more client share the session for a key, and return its membership."""
        with self._lock:
            shared = self._sessions.get(key)
            if shared is None:
                shared = self._sessions[key] = SharedSession(self._opened)
            self._idle.pop(key, None)
            shared.clients += 1
            return Membership(self, key, shared)

    def leave(self, member: Membership) -> None:
        """End a client's membership; further calls for it have no effect."""
        with self._lock:
            if not member.is_open:
                return
            member.is_open = False
            member.shared.clients -= 1
            self._tidy(member)

    def forget(self, member: Membership) -> None:
        """Forget a session that is ended now, so that it is not ended again at exit."""
        with self._lock:
            self._own.pop(member.shared, None)
            self._tidy(member)

    def _tidy(self, member: Membership) -> None:
        shared, key = member.shared, member.key
        if shared.clients or self._sessions.get(key) is not shared:
            return
        shared.engine = shared.runner = None  # they refer to it, too
        is_forgettable = shared.refusal is None and shared.webhook_key is None
        if is_forgettable and shared not in self._own:
            del self._sessions[key]
            self._idle.pop(key, None)
            return
        self._idle[key] = None
        if len(self._idle) > _MOST_IDLE:
            oldest = next(iter(self._idle))
            del self._idle[oldest], self._sessions[oldest]

    # -- the end of the process -------------------------------------------------------------

    def _opened(self, shared: SharedSession) -> None:
        engine, runner = shared.engine, shared.runner
        if engine is None or not _can_end(engine):
            return
        with self._lock:
            self._own[shared] = engine, runner
        for name, register in _ENDINGS.items():
            module = sys.modules.get(name)
            if module is not None and name not in self._registered:
                self._registered.add(name)
                try:
                    register(module, self.end_own)
                except BUGS as error:  # an incompatible version of the module
                    logger().warning(
                        "cannot end sessions when %s exits: %s", name, type(error).__name__
                    )

    def end_own(self, seconds: float = EXIT_SECONDS) -> None:
        """End all sessions that this process has opened, concurrently, within a time limit."""
        with self._lock:
            own, self._own = self._own, {}
        until = time.monotonic() + seconds
        threads, left_over = [], []
        for shared, (engine, runner) in own.items():
            end = (shared, engine, runner)
            thread = threading.Thread(target=_end_quietly, args=(*end, seconds), daemon=True)
            try:
                thread.start()
                threads.append(thread)
            except RuntimeError:
                # Since Python 3.12, no thread can be started while the interpreter exits.
                left_over.append(end)
        for number, end in enumerate(left_over):
            left = until - time.monotonic()
            if left > 0:
                # One that hangs must not use up all the time, and each one needs a minimum.
                _end_quietly(*end, min(left, max(left / (len(left_over) - number), 1.0)))
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def after_fork(self) -> None:
        """Leave, in a child process, the parent's sessions for the parent to end."""
        self._lock = threading.RLock()
        self._own = {}
        self._registered &= {"atexit"}
        for shared in tuple(self._sessions.values()):
            shared.disown()


def _finalize(module: Any, end: Callable[[], None]) -> None:
    module.Finalize(None, end, exitpriority=100)


def _hook_worker(module: Any, end: Callable[[], None]) -> None:
    # The processes of billiard's pools, including Celery's, skip the finalizers too, and call
    # this function instead.
    worker: Any = getattr(module.current_process(), "_target", None)
    if not hasattr(worker, "on_exit"):
        return
    original = worker.on_exit

    def on_exit(pid: int, code: int) -> None:
        end()
        if original is not None:
            original(pid, code)

    worker.on_exit = on_exit


#: How to register for the exit of a process, by module. Children of multiprocessing and billiard
#: skip atexit, and everything that was registered before the fork.
_ENDINGS: dict[str, Callable[[Any, Callable[[], None]], object]] = {
    "atexit": lambda _, end: atexit.register(end),
    "multiprocessing.util": _finalize,
    "billiard.util": _finalize,
    "billiard.process": _hook_worker,
}


def ending(shared: SharedSession, engine: Any, seconds: float) -> Flow[None]:
    """Sign out of the sessions that this process has opened, if the vendor supports it.

    Raises:
        BaseException: If another library or the program raises it; it gets a note.
    """
    if not _can_end(engine):
        return
    handled = sys.exception()
    call = Call(engine, "close", None, seconds)
    for session in shared.take():
        try:
            yield from call.sign_out(session)
        except LiveStreamError as error:
            logger().warning("%s: sign-out failed: %s", engine.account, type(error).__name__)
        except BaseException as raised:
            pass_on(raised, call.interruption_note(), handled)


def _can_end(engine: Any) -> bool:
    # With a token store, other processes use the session.
    overridden = type(engine.adapter).sign_out is not Adapter.sign_out
    return overridden and engine.token_store is None


def _end_quietly(shared: SharedSession, engine: Any, runner: Any, seconds: float) -> None:
    try:
        runner.run(ending(shared, engine, seconds))
    except Exception as error:
        logger().warning("%s: sign-out failed: %s", engine.account, type(error).__name__)


class Membership:
    """One client's membership in a shared session."""

    __slots__ = ("_pool", "is_open", "key", "shared")

    def __init__(self, pool: SessionPool, key: Hashable, shared: SharedSession) -> None:
        self._pool = pool
        self.key = key
        self.shared = shared
        self.is_open = True

    def leave(self) -> None:
        """End the membership."""
        self._pool.leave(self)

    def ending(self, engine: Any) -> Flow[None] | None:
        """Return the flow that signs out of the session, or ``None`` if other clients share it."""
        if self.shared.clients:
            return None
        self._pool.forget(self)
        return ending(self.shared, engine, EXIT_SECONDS)


pool = SessionPool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.after_fork)
