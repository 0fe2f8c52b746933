"""Signing in: once for all that need it, kept, renewed, and shared with other processes."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from .._contract.adapter import Operation, Session
from .._contract.clock import Clock
from .._contract.foreign import BUGS, is_failure_of_store
from .._contract.token_stores import AnyTokenStore
from .._model.errors import (
    AuthenticationFailed,
    ConfigurationError,
    LiveStreamError,
    RequestTimeout,
    UnexpectedResponse,
)
from .._model.log import logger
from .driving import drive
from .effects import Flow, Once, Sleep, Store

if TYPE_CHECKING:
    from .call import Call

#: A session is renewed this long before it ends, or after nine tenths of its life if that is later.
_MARGIN = timedelta(seconds=30)
#: A refused sign-in is not tried again for so many seconds; each further refusal doubles that.
_FIRST_REFUSAL = 5.0
_LONGEST_REFUSAL = 300.0
#: Statuses that say so of the credentials; 400 may also say that of the request.
_REFUSING = (401, 403)
#: How long another process that signs in is waited for, before it counts as dead; in seconds.
_LEASE = 45.0
#: How often it is looked whether that has ended: after so many seconds, and ever more seldom.
_LOOK, _LONGEST_LOOK = 0.05, 1.0
_LONGEST_NOTE = 500
#: In place of what a store says that failed.
_FAILED = object()


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
        lease: The right to sign in, if this process has it from a store.
        engine: Of the client that was made last.
        runner: What runs that client's flows.
    """

    session: Session | None = None
    lease: _Lease | None = None

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

    def keep(self, session: Session, instead_of: Session | None, now: datetime) -> None:
        """Share a session from now on.

        Args:
            session: The session.
            instead_of: The one that was found dead or about to end.
            now: The present instant.
        """
        if session.ours:
            # Another one than that was opened from within this sign-in, by an observer or a
            # signal handler that called back: it still is to be ended. Made when there is one,
            # for the sake of clients that never sign in.
            own: dict[int, Session] = vars(self).setdefault("own", {})
            own[id(session)] = session
            if instead_of is not None:
                own.pop(id(instead_of), None)
            self._opened(self)
        self.session, self._opened_at, self.refusal = session, now, None

    def take(self) -> Iterator[Session]:
        """What this process has to end; each is given to who asks first."""
        own: dict[int, Session] = vars(self).get("own", {})
        while own:
            try:
                _, session = own.popitem()
            except KeyError:
                return  # another thread was faster
            if session is self.session:
                self.session = None
            yield session

    def disown(self) -> None:
        """In a forked child: what the parent opened and holds is the parent's."""
        for name in ("own", "lease"):
            vars(self).pop(name, None)

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
        session = yield Once(shared, lambda: _open(call, rejected), left, partial(_is_own, call))
    if session is not engine.session:
        # Perhaps opened by another client: its credentials are to be masked here too.
        engine.redactor.add_headers(session.headers.values())
        engine.redactor.add_memo(session.memo)
        engine.session = session
    return session


def _is_own(call: Call, error: LiveStreamError) -> bool:
    """Whether a sign-in failed for lack of time: that says nothing to those who have more."""
    is_over = call.engine.clock.monotonic() >= call.deadline
    return isinstance(error, RequestTimeout) or call.ran_out or is_over


def _open(call: Call, rejected: Session | None) -> Flow[Session]:
    engine = call.engine
    shared = engine.shared
    previous = shared.session  # read first: a signal handler may sign in at any moment
    if (current := shared.usable(rejected, engine.clock)) is not None:
        return current
    session = yield from _opened(call, previous, rejected)
    shared.keep(session, previous, engine.clock.now())
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
        if engine.token_store is not None:
            dead = rejected or previous
            return (yield from _with_store(call, engine.token_store, operation, dead))
        _check_refusal(call)
        return (yield from _tried(call, operation))
    finally:
        operation.close()


def _tried(call: Call, operation: Operation[Session]) -> Flow[Session]:
    """Sign in at the vendor, and remember it if the vendor refuses the credentials."""
    shared, clock = call.engine.shared, call.engine.clock
    try:
        return (yield from _signed_in(call, operation))
    except AuthenticationFailed as error:
        if _blames_credentials(call, error):
            shared.refusal = _again(shared.refusal, error, clock.now())
            error.hint = _hint(shared.refusal, clock)
        raise


def _signed_in(call: Call, operation: Operation[Session]) -> Flow[Session]:
    session = yield from drive(operation, call.sender(None, "sign_in"), call.bug)
    check_session(session, given=False)
    return session


# -- credentials that were refused ------------------------------------------------------------


def _blames_credentials(call: Call, error: AuthenticationFailed) -> bool:
    """Whether the vendor refused the credentials for good, and not the request, or for now."""
    if error.http_status is None or error.retryable:
        return False
    if error.http_status in _REFUSING:
        return True
    # Every refused sign-in is made an AuthenticationFailed; here the adapter says it by itself.
    return call.last is not None and isinstance(call.error_for(call.last), AuthenticationFailed)


def _again(before: Refusal | None, error: AuthenticationFailed, now: datetime) -> Refusal:
    times = 1 if before is None else before.times + 1
    seconds = min(_FIRST_REFUSAL * 2 ** min(times - 1, 20), _LONGEST_REFUSAL)
    return Refusal(copy.copy(error), now + timedelta(seconds=seconds), times)


def _check_refusal(call: Call) -> None:
    """Refuse credentials that the vendor has just refused, without asking it again."""
    refusal, clock = call.engine.shared.refusal, call.engine.clock
    if refusal is not None and _left(refusal, clock):
        error = copy.copy(refusal.error)
        error.http_status = None  # this time it was not asked
        error.hint = _hint(refusal, clock)
        raise error


def _left(refusal: Refusal, clock: Clock) -> float:
    seconds = (refusal.until - clock.now()).total_seconds()
    # More than there can be: a clock was wrong, here or where it was noted.
    return seconds if 0 < seconds <= _LONGEST_REFUSAL else 0.0


def _hint(refusal: Refusal, clock: Clock) -> str:
    usual = f"{refusal.error.hint}; " if refusal.error.hint else ""
    seconds = max(math.ceil(_left(refusal, clock)), 1)
    return f"{usual}these credentials are not tried again for {seconds} s"


# -- a store that a fleet shares --------------------------------------------------------------


def _with_store(
    call: Call, store: AnyTokenStore, operation: Operation[Session], dead: Session | None
) -> Flow[Session]:
    engine = call.engine
    # Asked as the store is: it may be slow, and its key may come from anywhere.
    if (yield from _in_store(call, lambda: engine.fingerprint)) is None:
        _check_refusal(call)
        return (yield from _tried(call, operation))
    found = yield from _stored_or_lease(call, store, dead)
    if isinstance(found, Session):
        return found
    # Of one who is interrupted the lease just ends: a flow that is closed sends nothing more.
    try:
        noted = yield from _read_refusal(call, store)
        _check_refusal(call)
        session = yield from _tried(call, operation)
    except LiveStreamError as error:
        if isinstance(error, AuthenticationFailed) and error.http_status is not None:
            yield from _forget(call, store, dead)
            if _blames_credentials(call, error):
                yield from _note_refusal(call, store)
        yield from _release(call, found)
        raise
    session = attrs.evolve(session, opened_with=engine.fingerprint)
    yield from _in_store(call, store.put, engine.account, session)
    if noted:
        yield from _in_store(call, store.delete, _refused(call))
    yield from _release(call, found)
    return session


class _Lease:
    """The right to sign in for a fleet, from a store that has leases."""

    def __init__(self, store: Any, account: str, clock: Clock) -> None:
        self._store, self._account, self._clock = store, account, clock
        self._owner = os.urandom(8).hex()
        self._until = 0.0

    def claim(self) -> Any:
        seconds = float(getattr(self._store, "lease_seconds", _LEASE))
        self._until = self._clock.monotonic() + seconds
        return self._store.claim(self._account, self._owner, seconds)

    def release(self) -> Any:
        return self._store.release(self._account, self._owner)

    @property
    def lasts(self) -> bool:
        return self._clock.monotonic() < self._until


def _stored_or_lease(
    call: Call, store: AnyTokenStore, dead: Session | None
) -> Flow[Session | _Lease | None]:
    """A session that somebody has put into the store, or, where the store has leases, the right to
    sign in. A lease is tried for, and never waited for, so that nothing is blocked meanwhile.
    """
    engine, shared = call.engine, call.engine.shared
    # This process may have it already: from somebody who was interrupted, or whose sign-in this
    # is called from within.
    held = shared.lease if shared.lease is not None and shared.lease.lasts else None
    lease = _Lease(store, engine.account, engine.clock)
    look = _LOOK
    while True:
        stored = yield from _stored(call, store)
        if stored is not None and not _is_same(stored, dead):
            yield from _release(call, held)
            return stored
        if held is not None:
            return held
        _check_refusal(call)
        if not hasattr(store, "claim"):
            return None
        won = yield from _in_store(call, lease.claim, failed=_FAILED)
        if won is _FAILED:
            return None  # a store that fails gives no lease; then everybody signs in
        if won:
            # The store is read once more: somebody may just have signed in.
            held = shared.lease = lease
            continue
        if engine.clock.monotonic() + look >= call.deadline:
            raise RequestTimeout("another process's sign-in did not end in time", applied=False)
        yield Sleep(look)
        look = min(look * 1.5, _LONGEST_LOOK)


def _release(call: Call, lease: _Lease | None) -> Flow[None]:
    # What a store that fails does not take back, this process may still use.
    if lease is None or (yield from _in_store(call, lease.release, failed=_FAILED)) is _FAILED:
        return
    call.engine.shared.lease = None


def _stored(call: Call, store: AnyTokenStore) -> Flow[Session | None]:
    """The account's session in the store, if it is good and was opened with the credentials that
    this client has (or was put there by hand): a store must not let anybody in who has others.
    """
    engine = call.engine
    stored = yield from _read(call, store, engine.account)
    if stored is None or stored.opened_with not in (None, engine.fingerprint):
        return None
    if stored.expires_at is not None and stored.expires_at <= engine.clock.now():
        return None
    try:
        check_session(stored, given=False)
    except LiveStreamError:
        return None  # from a version before, which did not look
    return stored


def _is_same(one: Session, other: Session | None) -> bool:
    # All else may have changed its type on the way through a store.
    return other is not None and one.headers == other.headers


def _forget(call: Call, store: AnyTokenStore, dead: Session | None) -> Flow[None]:
    """A session that the vendor has refused, and that could not be renewed, goes."""
    stored = None if dead is None else (yield from _stored(call, store))
    if stored is not None and _is_same(stored, dead):
        yield from _in_store(call, store.delete, call.engine.account)


def _refused(call: Call) -> str:
    """Under which name a store has the refusal of these credentials."""
    return f"{call.engine.account} refused {call.engine.fingerprint}"


def _read_refusal(call: Call, store: AnyTokenStore) -> Flow[bool]:
    """Take over what another process has noted of these credentials, if anything."""
    noted = yield from _read(call, store, _refused(call))
    if noted is None or noted.expires_at is None or not isinstance(noted.memo, Mapping):
        return False
    message, times = noted.memo.get("message"), noted.memo.get("times")
    if isinstance(message, str) and type(times) is int:
        error = AuthenticationFailed(message)
        call.engine.shared.refusal = Refusal(error, noted.expires_at, times)
    return True


def _note_refusal(call: Call, store: AnyTokenStore) -> Flow[None]:
    engine, refusal = call.engine, call.engine.shared.refusal
    if refusal is None:
        return  # by another thread's success meanwhile
    message = engine.redactor.mask(refusal.error.message, _LONGEST_NOTE)
    memo = {"message": message, "times": refusal.times}
    noted = Session({}, refusal.until, memo, opened_with=engine.fingerprint)
    yield from _in_store(call, store.put, _refused(call), noted)


def _read(call: Call, store: AnyTokenStore, name: str) -> Flow[Session | None]:
    found: object = yield from _in_store(call, store.get, name)
    if found is None or isinstance(found, Session):
        return found
    logger().warning("the token store failed: it gave a %s for a Session", type(found).__name__)
    return None


def _in_store(
    call: Call, method: Callable[..., Any], *arguments: Any, failed: object = None
) -> Flow[Any]:
    """What the store says, or ``failed``."""
    try:
        return (yield Store(method, *arguments))
    except Exception as error:
        if not is_failure_of_store(error, call.engine.token_store):
            raise
        # A store that is down costs a sign-in, not the operation.
        logger().warning("the token store failed: %s", type(error).__name__)
    return failed


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
