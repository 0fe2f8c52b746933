"""Signing in: once for all that need it, kept, renewed, and shared with other processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from .._adapter import Session
from .._clock import Clock
from .._errors import (
    AuthenticationFailed,
    ConfigurationError,
    LiveStreamError,
    UnexpectedResponse,
)
from .._foreign import is_failure_of_store
from .._public import publish
from .effects import Flow, Once, Store

if TYPE_CHECKING:
    from .call import Call

logger = logging.getLogger("livestream_core")


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


#: A session is renewed this long before it ends, or after nine tenths of its life if that is later.
_MARGIN = timedelta(seconds=30)


class SharedSession:
    """One session for all clients of a process with the same account and credentials.

    Attributes:
        session: The session, once somebody has signed in.
        clients: How many clients share it.
    """

    session: Session | None = None

    def __init__(self) -> None:
        self._opened_at: datetime | None = None
        self.clients = 0

    def usable(self, rejected: Session | None, clock: Clock) -> Session | None:
        """The session, unless there is none, it is the one that was rejected, or it is ending."""
        session = self.session
        if session is None or session is rejected or self._is_ending(session, clock):
            return None
        return session

    def keep(self, session: Session, now: datetime) -> None:
        """Share a session from now on."""
        self.session, self._opened_at = session, now

    def take_orphan(self) -> Session | None:
        """The session that we opened and nobody uses any more, to be ended by who asks first."""
        if self.clients or self.session is None or not self.session.ours:
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
    from .call import drive

    engine = call.engine
    with call.adapter_code:
        operation = engine.adapter.sign_in(previous, engine.clock.now())
    # What is had at once (a given token, one signed here) is not worth a store.
    store = engine.token_store if isinstance(operation, Generator) else None
    dead = rejected or previous
    if store is not None:
        stored = yield from _stored(call, store)
        if stored is not None and (dead is None or stored.headers != dead.headers):
            return stored
    try:
        session = yield from drive(operation, call.sender(None, "sign_in"), call.adapter_code)
        check_session(session, given=not isinstance(operation, Generator))
    except AuthenticationFailed:
        if store is not None and dead is not None and (yield from _stored(call, store)) == dead:
            yield from _in_store(call, lambda: store.delete(engine.account))
        raise
    if store is not None:
        session = attrs.evolve(session, opened_with=engine.fingerprint)
        yield from _in_store(call, lambda: store.put(engine.account, session))
    return session


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
