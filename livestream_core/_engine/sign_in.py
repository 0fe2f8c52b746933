"""Signing in: once for all that need it, kept, renewed, and shared with other processes."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from .._adapter import Operation, Session
from .._clock import Clock
from .._errors import (
    AuthenticationFailed,
    ConfigurationError,
    LiveStreamError,
    TimedOut,
    UnexpectedResponse,
)
from .._foreign import BUGS, is_failure_of_store
from .._public import publish
from .effects import Flow, Once, Sleep, Store

if TYPE_CHECKING:
    from .call import Call

logger = logging.getLogger("livestream_core")


class TokenStore(Protocol):
    """Where a fleet of processes shares its sessions, by account. What it holds is secret.

    It may have two methods more, by which a fleet signs in once: ``claim(account, owner, seconds)
    -> bool`` gives one owner at a time the right to sign in, for so many seconds at the most, and
    ``release(account, owner)`` gives it back. Neither waits, and any thread may release.

    It may have a ``key``, secret bytes of its own: with it, the credentials that a session was
    opened with are told apart by an HMAC, and without it by a digest that is slow on purpose.

    A store that fails costs a sign-in, not the operation.
    """

    def get(self, account: str) -> Session | None:
        """The account's session, if there is one."""
        ...

    def put(self, account: str, session: Session) -> None:
        """Keeps a new session."""
        ...

    def delete(self, account: str) -> None:
        """Forgets a session that no longer works."""
        ...


#: A session is renewed this long before it ends, or after nine tenths of its life if that is later.
_MARGIN = timedelta(seconds=30)


#: A refused sign-in is not tried again for so many seconds; each further refusal doubles that.
_FIRST_REFUSAL = 5.0
_LONGEST_REFUSAL = 300.0
#: Statuses that say so of the credentials; 400 may also say that of the request.
_REFUSING = (401, 403)
#: How long another process that signs in is waited for, before it counts as dead; in seconds.
_LEASE = 30.0
#: How often it is looked whether that has ended: after so many seconds, and ever more seldom.
_LOOK, _LONGEST_LOOK = 0.05, 1.0


@attrs.frozen(slots=True)
class Refusal:
    """Credentials that the vendor refused.

    Attributes:
        error: What it said.
        until: When they may be tried again.
        times: How many times in a row they were refused.
    """

    error: AuthenticationFailed
    until: datetime
    times: int


class SharedSession:
    """One session for all clients of a process with the same account and credentials.

    Args:
        opened: Called when the process has a session that is its own to end.

    Attributes:
        session: The session, once somebody has signed in.
        clients: How many clients share it.
        refusal: The last refusal of the credentials, if they were not accepted since.
        engine: Of the client that was made last.
        runner: What runs that client's flows.
    """

    session: Session | None = None

    def __init__(self, opened: Callable[[SharedSession], None]) -> None:
        self._opened = opened
        self._opened_at: datetime | None = None
        self.clients = 0
        self.refusal: Refusal | None = None
        self.engine: Any = None
        self.runner: Any = None

    def usable(self, rejected: Session | None, clock: Clock) -> Session | None:
        """The session, unless there is none, it is the one that was rejected, or it is ending."""
        session = self.session
        if session is None or session is rejected or self._is_ending(session, clock):
            return None
        return session

    def keep(self, session: Session, now: datetime) -> None:
        """Share a session from now on."""
        self.session, self._opened_at, self.refusal = session, now, None
        if session.ours:
            self._opened(self)

    def take(self) -> Session | None:
        """The session, if it is this process's own; to be ended by who asks first."""
        session = self.session
        if session is None or not session.ours:
            return None
        taken: Session | None = vars(self).pop("session", None)  # one of two threads gets it
        return taken

    def disown(self) -> None:
        """In a forked child: what the parent opened is the parent's to end."""
        if self.session is not None and self.session.ours:
            self.session = attrs.evolve(self.session, ours=False)

    def _is_ending(self, session: Session, clock: Clock) -> bool:
        if session.expires_at is None or self._opened_at is None:
            return False
        margin = min(_MARGIN, (session.expires_at - self._opened_at) / 10)
        return clock.now() >= session.expires_at - margin


def session_for(call: Call, rejected: Session | None) -> Flow[Session]:
    """The session for a call.

    Args:
        call: The call.
        rejected: A session that the vendor has just refused: not that one again.
    """
    engine = call.engine
    shared = engine.shared
    session = shared.usable(rejected, engine.clock)
    while session is None or session is rejected:
        left = call.deadline - engine.clock.monotonic()
        session = yield Once(shared, lambda: _open(call, rejected), left)
    if session is not engine.session:
        # Perhaps opened by another client: its credentials are to be masked here too.
        engine.redactor.add_headers(session.headers.values())
        engine.redactor.add_memo(session.memo)
        engine.session = session
    return session


def _open(call: Call, rejected: Session | None) -> Flow[Session]:
    engine = call.engine
    shared = engine.shared
    if (current := shared.usable(rejected, engine.clock)) is not None:
        return current
    session = yield from _opened(call, shared.session, rejected)
    shared.keep(session, engine.clock.now())
    return session


def _opened(call: Call, previous: Session | None, rejected: Session | None) -> Flow[Session]:
    engine = call.engine
    try:
        operation = engine.adapter.sign_in(previous, engine.clock.now())
    except BUGS as raised:
        raise call.bug(raised) from None
    if not isinstance(operation, Generator):
        # What is had at once (a given token, one signed here) is not worth a store.
        check_session(operation, given=True)
        return operation
    try:
        _check_refusal(engine.shared.refusal, engine.clock)
        if engine.token_store is None:
            return (yield from _signed_in(call, operation))
        dead = rejected or previous
        return (yield from _with_store(call, engine.token_store, operation, dead))
    except AuthenticationFailed as error:
        if error.http_status in _REFUSING and not error.retryable:
            engine.shared.refusal = _again(engine.shared.refusal, error, engine.clock.now())
            error.hint = _hint(error, engine.shared.refusal, engine.clock)
        raise
    finally:
        operation.close()


def _signed_in(call: Call, operation: Operation[Session]) -> Flow[Session]:
    from .call import drive

    session = yield from drive(operation, call.sender(None, "sign_in"), call.bug)
    check_session(session, given=False)
    return session


# -- credentials that were refused ------------------------------------------------------------


def _again(before: Refusal | None, error: AuthenticationFailed, now: datetime) -> Refusal:
    times = 1 if before is None else before.times + 1
    seconds = min(_FIRST_REFUSAL * 2 ** (times - 1), _LONGEST_REFUSAL)
    return Refusal(copy.copy(error), now + timedelta(seconds=seconds), times)


def _check_refusal(refusal: Refusal | None, clock: Clock) -> None:
    """Refuse credentials that the vendor has just refused, without asking it again."""
    if refusal is not None and clock.now() < refusal.until:
        error = copy.copy(refusal.error)
        error.http_status = None  # this time it was not asked
        error.hint = _hint(error, refusal, clock)
        raise error


def _hint(error: AuthenticationFailed, refusal: Refusal, clock: Clock) -> str:
    seconds = max(0.0, (refusal.until - clock.now()).total_seconds())
    usual = (error.hint or "").partition("; these credentials")[0]
    return f"{usual}; these credentials are not tried again for {seconds:.0f} s"


# -- a store that a fleet shares --------------------------------------------------------------


def _with_store(
    call: Call, store: TokenStore, operation: Operation[Session], dead: Session | None
) -> Flow[Session]:
    engine = call.engine
    found = yield from _stored_or_lease(call, store, dead)
    if isinstance(found, Session):
        return found
    # Of one who is interrupted the lease just ends: a flow that is closed sends nothing more.
    try:
        noted = yield from _check_stored_refusal(call, store)
        session = yield from _signed_in(call, operation)
    except LiveStreamError as error:
        if isinstance(error, AuthenticationFailed) and error.http_status in _REFUSING:
            yield from _note_refusal(call, store, error, dead)
        yield from _release(call, found)
        raise
    session = attrs.evolve(session, opened_with=engine.fingerprint)
    yield from _in_store(call, lambda: store.put(engine.account, session))
    if noted is not None:
        yield from _in_store(call, lambda: store.delete(_refused(call)))
    yield from _release(call, found)
    return session


class _Lease:
    """The right to sign in for a fleet, from a store that has leases."""

    def __init__(self, store: Any, account: str) -> None:
        self._store, self._account = store, account
        self._owner = os.urandom(8).hex()

    def claim(self) -> bool:
        return bool(self._store.claim(self._account, self._owner, _LEASE))

    def release(self) -> None:
        self._store.release(self._account, self._owner)


def _stored_or_lease(
    call: Call, store: TokenStore, dead: Session | None
) -> Flow[Session | _Lease | None]:
    """A session that somebody has put into the store, or, where the store has leases, the right to
    sign in. A lease is tried for, and never waited for, so that nothing is blocked meanwhile."""
    engine = call.engine
    lease = _Lease(store, engine.account) if hasattr(store, "claim") else None
    is_ours, look = False, _LOOK
    while True:
        stored = yield from _stored(call, store)
        if stored is not None and (dead is None or stored.headers != dead.headers):
            if is_ours:
                yield from _release(call, lease)
            return stored
        if lease is None or is_ours:
            return lease
        # A store that fails gives no lease; then everybody signs in.
        won = yield from _in_store(call, lease.claim)
        if won is None:
            return None
        if won:
            is_ours = True  # the store is read once more: somebody may just have signed in
            continue
        if engine.clock.monotonic() + look >= call.deadline:
            raise TimedOut("another process's sign-in did not end in time", applied=False)
        yield Sleep(look)
        look = min(look * 1.5, _LONGEST_LOOK)


def _release(call: Call, lease: _Lease | None) -> Flow[None]:
    if lease is not None:
        yield from _in_store(call, lease.release)


def _refused(call: Call) -> str:
    """Under which name a store has the refusal of these credentials."""
    return f"{call.engine.account} refused {call.engine.fingerprint}"


def _check_stored_refusal(call: Call, store: TokenStore) -> Flow[Session | None]:
    """What the store has noted of these credentials, if they may be tried.

    Raises:
        AuthenticationFailed: Another process has just tried them in vain.
    """
    shared, clock = call.engine.shared, call.engine.clock
    noted: Session | None = yield from _in_store(call, lambda: store.get(_refused(call)))
    if noted is not None and noted.expires_at is not None and isinstance(noted.memo, Mapping):
        error = AuthenticationFailed(str(noted.memo.get("message")))
        times = noted.memo.get("times")
        shared.refusal = Refusal(error, noted.expires_at, times if type(times) is int else 1)
        _check_refusal(shared.refusal, clock)
    return noted


def _note_refusal(
    call: Call, store: TokenStore, error: AuthenticationFailed, dead: Session | None
) -> Flow[None]:
    engine = call.engine
    if dead is not None and (yield from _stored(call, store)) == dead:
        yield from _in_store(call, lambda: store.delete(engine.account))
    if error.retryable:
        return
    refusal = _again(engine.shared.refusal, error, engine.clock.now())
    memo = {"message": engine.redactor.mask(error.message), "times": refusal.times}
    noted = Session({}, refusal.until, memo, opened_with=engine.fingerprint)
    yield from _in_store(call, lambda: store.put(_refused(call), noted))


def _stored(call: Call, store: TokenStore) -> Flow[Session | None]:
    """The account's session in the store, if it is good and was opened with the credentials that
    this client has (or was put there by hand): a store must not let anybody in who has others."""
    engine = call.engine
    stored: Session | None = yield from _in_store(call, lambda: store.get(engine.account))
    if stored is None or stored.opened_with not in (None, engine.fingerprint):
        return None
    if stored.expires_at is not None and stored.expires_at <= engine.clock.now():
        return None
    try:
        check_session(stored, given=False)
    except LiveStreamError:
        return None  # from a version before, which did not look
    return stored


def _in_store(call: Call, use: Callable[[], Any]) -> Flow[Any]:
    """What the store says; ``None`` if it fails."""
    try:
        return (yield Store(use))
    except Exception as error:
        if not is_failure_of_store(error, call.engine.token_store):
            raise
        # A store that is down costs a sign-in, not the operation.
        logger.warning("the token store failed: %s", type(error).__name__)
    return None


def check_session(session: Session, *, given: bool) -> None:
    """Check what a session carries before anybody keeps it.

    Args:
        session: The session.
        given: Whether it was made of the caller's credentials alone, and not of an answer.
    """
    for name, value in session.headers.items():
        for text in (name, value):
            if not isinstance(text, str) or not text.isascii() or not text.isprintable():
                problem = "characters that cannot be sent"
                if given:
                    raise ConfigurationError(f"the credentials have {problem}")
                raise UnexpectedResponse(f"the answer to signing in has a token with {problem}")


publish("livestream_core", [TokenStore])
