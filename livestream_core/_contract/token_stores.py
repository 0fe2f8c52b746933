"""The interface between signing in and whatever keeps the sessions of several processes."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from .._public import publish
from .adapter import Session


class TokenStore(Protocol):
    """Where a fleet of processes shares its sessions, by account. What it holds is secret.

    It may have two methods more, by which a fleet signs in once: ``claim(account, owner, seconds)
    -> bool`` gives one owner at a time the right to sign in, for so many seconds at the most, and
    ``release(account, owner)`` gives it back. Neither waits, and any thread may release. The
    seconds are its ``lease_seconds``, if it has those, and else 45: longer than one request takes.

    It may have a ``key``, secret bytes of its own: with it, the credentials that a session was
    opened with are told apart by an HMAC, and without it by a digest that is slow on purpose.

    It also keeps, under names of their own, which credentials were refused; what has an
    ``expires_at`` may be dropped after that.

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


class AsyncTokenStore(Protocol):
    """What :class:`TokenStore` is, for asynchronous clients; it may have the same methods and
    attributes more.
    """

    async def get(self, account: str) -> Session | None:
        """See :class:`TokenStore`."""
        ...

    async def put(self, account: str, session: Session) -> None:
        """See :class:`TokenStore`."""
        ...

    async def delete(self, account: str) -> None:
        """See :class:`TokenStore`."""
        ...


AnyTokenStore: TypeAlias = TokenStore | AsyncTokenStore

publish("livestream_core", [AsyncTokenStore, TokenStore])
