"""Signing in once for all concurrent calls; sessions are kept, renewed, and shared."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from .._contract.adapter import Operation
from .._contract.clock import Clock
from .._contract.foreign import BUGS, is_failure_of_store
from .._contract.session import Session, has_unsendable
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
from .published_key import PublishedKey

if TYPE_CHECKING:
    from .call import Call

#: A session is renewed this long before it expires, or after 90% of its lifetime if that is later.
_MARGIN = timedelta(seconds=30)
#: A refused sign-in is not retried for this many seconds; each further refusal doubles the time.
_FIRST_REFUSAL = 5.0
_LONGEST_REFUSAL = 300.0
#: Statuses that blame the credentials; a 400 may also blame the request.
_REFUSING = (401, 403)
#: How long another process may take to sign in before it is considered dead, in seconds.
_LEASE = 45.0
#: The first and the longest pause between two checks of whether that process has finished.
_FIRST_CHECK, _LONGEST_CHECK = 0.05, 1.0
_LONGEST_NOTE = 500
#: The result of a store's method that failed.
_FAILED = object()


@attrs.frozen(slots=True)
class Refusal:
    """A refusal of the credentials by the vendor.

    Attributes:
        error: The vendor's error.
        until: The time from which the credentials may be tried again.
        times: The number of consecutive refusals.
    """

    error: AuthenticationFailed
    until: datetime
    times: int


class SharedSession:
    """One session for all clients of a process with the same account and credentials.

    Args:
        opened: A function that is called when this process has a session that it must end.

    Attributes:
        session: The session, once a client has signed in.
        clients: The number of clients that share it.
        refusal: The last refusal of the credentials, if they have not been accepted since.
        lease: The right to sign in, if this process holds it from a store.
        engine: The engine of the client that was created last.
        runner: The runner of that client's flows.
        webhook_key: The key with which the vendor signs deliveries, once it was fetched.
    """

    session: Session | None = None
    lease: _Lease | None = None
    webhook_key: PublishedKey | None = None

    def __init__(self, opened: Callable[[SharedSession], None]) -> None:
        self._opened = opened
        self._opened_at: datetime | None = None
        self.clients = 0
        self.refusal: Refusal | None = None
        self.engine: Any = None
        self.runner: Any = None

    def usable(self, rejected: Session | None, clock: Clock) -> Session | None:
        """Return the session if there is one that is neither rejected nor about to expire."""
        session = self.session
        if session is None or session is rejected or self._is_ending(session, clock):
            return None
        return session

    def keep(self, session: Session, instead_of: Session | None, now: datetime) -> None:
        """Share a session from now on.

        Args:
            session: The session.
            instead_of: The session it replaces, which was rejected or about to expire.
            now: The current time.
        """
        if session.ours:
            # An observer or a signal handler may have opened another session during this sign-in;
            # that one must still be ended. The dict is created only when it is needed, because
            # most clients never sign in.
            own: dict[int, Session] = vars(self).setdefault("own", {})
            own[id(session)] = session
            if instead_of is not None:
                own.pop(id(instead_of), None)
            self._opened(self)
        self.session, self._opened_at, self.refusal = session, now, None

    def take(self) -> Iterator[Session]:
        """Yield the sessions that this process must end, each to one caller only."""
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
        """Forget, in a forked child, the sessions and the lease that belong to the parent."""
        for name in ("own", "lease"):
            vars(self).pop(name, None)

    def _is_ending(self, session: Session, clock: Clock) -> bool:
        if session.expires_at is None or self._opened_at is None:
            return False
        margin = min(_MARGIN, (session.expires_at - self._opened_at) / 10)
        return clock.now() >= session.expires_at - margin


def session_for(call: Call, rejected: Session | None) -> Flow[Session]:
    """Return the session for a call, and sign in if necessary.

    Args:
        call: The call.
        rejected: A session that the vendor has just refused, and that must not be used again.
    """
    engine = call.engine
    shared = engine.shared
    session = shared.usable(rejected, engine.clock)
    while session is None or session is rejected:
        left = call.deadline - engine.clock.monotonic()
        call.awaits_sign_in = True  # until it signs in itself
        session = yield Once(shared, lambda: _open(call, rejected), left, partial(_is_own, call))
        call.awaits_sign_in = False
    if session is not engine.session:
        # Another client may have opened it: its credentials must be masked here too.
        engine.redactor.add_headers(session.headers.values())
        engine.redactor.add_memo(session.memo)
        engine.session = session
    return session


def _is_own(call: Call, error: LiveStreamError) -> bool:
    """Return whether a sign-in failed for lack of time; callers with more time may still try."""
    is_expired = call.engine.clock.monotonic() >= call.deadline
    return isinstance(error, RequestTimeout) or call.ran_out_of_time or is_expired


def _open(call: Call, rejected: Session | None) -> Flow[Session]:
    engine = call.engine
    shared = engine.shared
    call.awaits_sign_in = False
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
        raise call.error_to_raise(raised) from None
    if not isinstance(operation, Generator):
        # A session that needs no request (a static or locally signed token) needs no store.
        check_session(operation, is_local=True)
        return operation
    try:
        if engine.token_store is not None:
            dead = rejected or previous
            return (yield from _with_store(call, engine.token_store, operation, dead))
        _check_refusal(call)
        return (yield from _sign_in(call, operation))
    finally:
        operation.close()


def _sign_in(call: Call, operation: Operation[Session]) -> Flow[Session]:
    """Sign in at the vendor, and record a refusal of the credentials."""
    shared, clock = call.engine.shared, call.engine.clock
    try:
        return (yield from _signed_in(call, operation))
    except AuthenticationFailed as error:
        if _blames_credentials(call, error):
            shared.refusal = _next_refusal(shared.refusal, error, clock.now())
            error.hint = _hint(shared.refusal, clock)
        raise


def _signed_in(call: Call, operation: Operation[Session]) -> Flow[Session]:
    session = yield from drive(operation, call.sender(None, "sign_in"), call.error_to_raise)
    check_session(session, is_local=False)
    return session


# -- credentials that were refused ------------------------------------------------------------


def _blames_credentials(call: Call, error: AuthenticationFailed) -> bool:
    """Return whether the vendor refused the credentials, neither the request nor temporarily."""
    if error.http_status is None or error.retryable:
        return False
    if error.http_status in _REFUSING:
        return True
    # The engine makes every refused sign-in an AuthenticationFailed; the adapter's own error
    # shows whether the credentials are to blame.
    return call.last is not None and isinstance(call.error_for(call.last), AuthenticationFailed)


def _next_refusal(previous: Refusal | None, error: AuthenticationFailed, now: datetime) -> Refusal:
    times = 1 if previous is None else previous.times + 1
    seconds = min(_FIRST_REFUSAL * 2 ** min(times - 1, 20), _LONGEST_REFUSAL)
    return Refusal(copy.copy(error), now + timedelta(seconds=seconds), times)


def _check_refusal(call: Call) -> None:
    """Refuse credentials that the vendor has just refused, without sending a request."""
    refusal, clock = call.engine.shared.refusal, call.engine.clock
    if refusal is not None and _left(refusal, clock):
        error = copy.copy(refusal.error)
        error.http_status = None  # no request was sent this time
        error.hint = _hint(refusal, clock)
        raise error


def _left(refusal: Refusal, clock: Clock) -> float:
    seconds = (refusal.until - clock.now()).total_seconds()
    # A longer time is impossible: a clock is or was wrong, here or where it was recorded.
    return seconds if 0 < seconds <= _LONGEST_REFUSAL else 0.0


def _hint(refusal: Refusal, clock: Clock) -> str:
    usual = f"{refusal.error.hint}; " if refusal.error.hint else ""
    seconds = max(math.ceil(_left(refusal, clock)), 1)
    return f"{usual}the client will not send these credentials again for {seconds} s"


# -- a store that several processes share -----------------------------------------------------


def _with_store(
    call: Call, store: AnyTokenStore, operation: Operation[Session], dead: Session | None
) -> Flow[Session]:
    engine = call.engine
    # Computed as an effect, like a call of the store: it may be slow, and it uses the store's key.
    if (yield from _in_store(call, lambda: engine.fingerprint)) is None:
        _check_refusal(call)
        return (yield from _sign_in(call, operation))
    found = yield from _stored_or_lease(call, store, dead)
    if isinstance(found, Session):
        return found
    # After an interruption the lease simply expires: a closed flow cannot release it.
    try:
        had_refusal = yield from _read_refusal(call, store)
        _check_refusal(call)
        session = yield from _sign_in(call, operation)
    except LiveStreamError as error:
        if isinstance(error, AuthenticationFailed) and error.http_status is not None:
            yield from _forget(call, store, dead)
            if _blames_credentials(call, error):
                yield from _store_refusal(call, store)
        yield from _release(call, found)
        raise
    session = attrs.evolve(session, opened_with=engine.fingerprint)
    yield from _in_store(call, store.put, engine.account, session)
    if had_refusal:
        yield from _in_store(call, store.delete, _refusal_key(call))
    yield from _release(call, found)
    return session


class _Lease:
    """The right to sign in for all processes that share a store with leases."""

    def __init__(self, store: Any, account: str, clock: Clock) -> None:
        self._store, self._account, self._clock = store, account, clock
        self._owner = os.urandom(8).hex()
        self._until = 0.0

    def claim(self) -> Any:
        """Claim the lease, and return the store's result."""
        seconds = float(getattr(self._store, "lease_seconds", _LEASE))
        self._until = self._clock.monotonic() + seconds
        return self._store.claim(self._account, self._owner, seconds)

    def release(self) -> Any:
        """Release the lease, and return the store's result."""
        return self._store.release(self._account, self._owner)

    @property
    def is_valid(self) -> bool:
        """Whether the lease has not expired."""
        return self._clock.monotonic() < self._until


def _stored_or_lease(
    call: Call, store: AnyTokenStore, dead: Session | None
) -> Flow[Session | _Lease | None]:
    """Return a session from the store or, if the store has leases, the right to sign in.

    The lease is polled, and never waited for inside the store, so that nothing is blocked.
    """
    engine, shared = call.engine, call.engine.shared
    # This process may already hold the lease, from a sign-in that was interrupted or that is
    # the caller of this one.
    held = shared.lease if shared.lease is not None and shared.lease.is_valid else None
    lease = _Lease(store, engine.account, engine.clock)
    pause = _FIRST_CHECK
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
        won = yield from _in_store(
            call, lease.claim, failed=_FAILED, record=partial(_keep_lease, shared, lease)
        )
        if won is _FAILED:
            return None  # without leases, every process signs in
        if won:
            # The store is read again: another process may just have signed in.
            held = lease
            continue
        if engine.clock.monotonic() + pause >= call.deadline:
            call.awaits_sign_in = True
            raise RequestTimeout(
                "another process that is signing in did not finish in time", applied=False
            )
        yield Sleep(pause)
        pause = min(pause * 1.5, _LONGEST_CHECK)


def _keep_lease(shared: SharedSession, lease: _Lease, is_won: object) -> None:
    if is_won:
        shared.lease = lease


def _release(call: Call, lease: _Lease | None) -> Flow[None]:
    # If the store fails, this process keeps the lease and may still use it.
    if lease is None or (yield from _in_store(call, lease.release, failed=_FAILED)) is _FAILED:
        return
    call.engine.shared.lease = None


def _stored(call: Call, store: AnyTokenStore) -> Flow[Session | None]:
    """Return the account's session in the store, if this client may use it.

    It must be valid, and it must have been opened with this client's credentials or put there by
    hand: a store must not give access to a client with other credentials.
    """
    engine = call.engine
    stored = yield from _read(call, store, engine.account)
    if stored is None or stored.opened_with not in (None, engine.fingerprint):
        return None
    if stored.expires_at is not None and stored.expires_at <= engine.clock.now():
        return None
    try:
        check_session(stored, is_local=False)
    except LiveStreamError:
        return None  # stored by an earlier version, which did not check
    return stored


def _is_same(one: Session, other: Session | None) -> bool:
    # A store may change the types of the other attributes.
    return other is not None and one.headers == other.headers


def _forget(call: Call, store: AnyTokenStore, dead: Session | None) -> Flow[None]:
    """Delete a session that the vendor has refused and that could not be renewed."""
    stored = None if dead is None else (yield from _stored(call, store))
    if stored is not None and _is_same(stored, dead):
        yield from _in_store(call, store.delete, call.engine.account)


def _refusal_key(call: Call) -> str:
    """Return the name under which a store keeps the refusal of these credentials."""
    return f"{call.engine.account} refused {call.engine.fingerprint}"


def _read_refusal(call: Call, store: AnyTokenStore) -> Flow[bool]:
    """Adopt a refusal of these credentials that another process has stored, if there is one."""
    stored = yield from _read(call, store, _refusal_key(call))
    if stored is None or stored.expires_at is None or not isinstance(stored.memo, Mapping):
        return False
    message, times = stored.memo.get("message"), stored.memo.get("times")
    if isinstance(message, str) and type(times) is int:
        error = AuthenticationFailed(message)
        call.engine.shared.refusal = Refusal(error, stored.expires_at, times)
    return True


def _store_refusal(call: Call, store: AnyTokenStore) -> Flow[None]:
    engine, refusal = call.engine, call.engine.shared.refusal
    if refusal is None:
        return  # another thread has signed in meanwhile
    message = engine.redactor.mask(refusal.error.message, _LONGEST_NOTE)
    memo = {"message": message, "times": refusal.times}
    stored = Session({}, refusal.until, memo, opened_with=engine.fingerprint)
    yield from _in_store(call, store.put, _refusal_key(call), stored)


def _read(call: Call, store: AnyTokenStore, name: str) -> Flow[Session | None]:
    found: object = yield from _in_store(call, store.get, name)
    if found is None or isinstance(found, Session):
        return found
    logger().warning(
        "the token store failed: it returned %s instead of a Session", type(found).__name__
    )
    return None


def _in_store(
    call: Call,
    method: Callable[..., Any],
    *arguments: Any,
    failed: object = None,
    record: Callable[[Any], object] | None = None,
) -> Flow[Any]:
    """Return the result of a store's method, or ``failed``; ``record`` notes the result."""
    try:
        return (yield Store(method, *arguments, record=record))
    except Exception as error:
        if not is_failure_of_store(error, call.engine.token_store):
            raise
        # A store that is down costs a sign-in, not the operation.
        logger().warning("the token store failed: %s", type(error).__name__)
    return failed


def check_session(session: Session, *, is_local: bool) -> None:
    """Check the headers of a session before it is kept.

    Args:
        session: The session.
        is_local: Whether it was made from the caller's credentials alone, without a response.

    Raises:
        ConfigurationError: If a header of a local session cannot be sent.
        UnexpectedResponse: If a header from a response cannot be sent.
    """
    if has_unsendable(session.headers):
        problem = "characters that cannot be sent in a header"
        if is_local:
            raise ConfigurationError(f"the credentials contain {problem}")
        raise UnexpectedResponse(f"the sign-in response has a token with {problem}")
