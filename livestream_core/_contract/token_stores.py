"""The interface between signing in and the stores that share sessions between processes."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from .._public import publish
from .session import Session


class TokenStore(Protocol):
    """Shares sessions between processes, by account. Its content is secret.

    A store may have two more methods, with which a group of processes signs in only once.
    ``claim(account, owner, seconds) -> bool`` grants one owner at a time the right to sign in, for
    at most that many seconds, and ``release(account, owner)`` returns it. Neither method waits,
    and any thread may call ``release``. The seconds are the store's ``lease_seconds``, by default
    45, which is longer than one request takes.

    A store may have a ``key``: secret bytes. With a key, the credentials of a session are compared
    by an HMAC; without one, by a digest that is slow on purpose.

    The store also keeps, under separate names, which credentials were refused. An entry with an
    ``expires_at`` may be deleted after that time.

    If a store fails, the client signs in itself, and the operation continues.
    """

    def get(self, account: str) -> Session | None:
        """Return the account's session, or ``None``."""
        ...

    def put(self, account: str, session: Session) -> None:
        """Store a new session."""
        ...

    def delete(self, account: str) -> None:
        """Delete a session that is no longer valid."""
        ...


class AsyncTokenStore(Protocol):
    """A :class:`TokenStore` for asynchronous clients.

    It may have the same extra methods and attributes.
    """

    async def get(self, account: str) -> Session | None:
        """Return the account's session, or ``None``."""
        ...

    async def put(self, account: str, session: Session) -> None:
        """Store a new session."""
        ...

    async def delete(self, account: str) -> None:
        """Delete a session that is no longer valid."""
        ...


AnyTokenStore: TypeAlias = TokenStore | AsyncTokenStore

publish("livestream_core", [AsyncTokenStore, TokenStore])
