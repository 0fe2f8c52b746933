"""What all shipped token stores have in common: encryption, and a key to compare credentials."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from .._contract.session import Session
from .._model.errors import ConfigurationError
from .._model.log import logger
from .cipher import Cipher

#: What the store's own key is kept under. No account has this name.
_KEY = ""
#: How long an entry is kept after it has expired, in seconds: clocks may differ.
GRACE = 86_400.0


class Entry(NamedTuple):
    """An entry of a store: encrypted data, and when it may be deleted, in seconds since 1970."""

    data: bytes
    delete_after: float | None = None


class EncryptedTokenStore(ABC):
    """A :class:`TokenStore` whose content is encrypted, with leases for signing in.

    Attributes:
        lease_seconds: The longest time that one process may take to sign in.
    """

    lease_seconds: float = 45.0

    def __init__(self, cipher: Cipher | None) -> None:
        if cipher is None:
            raise ConfigurationError(
                "keys: expected one or more keys of cryptography.fernet.Fernet.generate_key()"
            )
        self._cipher = cipher

    # -- for each kind of storage -----------------------------------------------------------

    @abstractmethod
    def _load(self, name: str) -> bytes | None:
        """Return the data of an entry."""

    @abstractmethod
    def _save(self, name: str, entry: Entry, *, only_new: bool = False) -> None:
        """Store an entry."""

    @abstractmethod
    def _replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Replace or delete an entry's data, unless it has changed; return whether that was so."""

    @abstractmethod
    def _names(self) -> Iterator[str]:
        """Yield the names of all entries."""

    @abstractmethod
    def delete(self, account: str) -> None:
        """Delete a session that is no longer valid."""

    @abstractmethod
    def claim(self, account: str, owner: str, seconds: float) -> bool:
        """Return whether an owner may sign in now, for at most that many seconds."""

    @abstractmethod
    def release(self, account: str, owner: str) -> None:
        """Return the right to sign in, if the owner still has it."""

    # -- the interface ----------------------------------------------------------------------

    def get(self, account: str) -> Session | None:
        """Return the account's session, or ``None``."""
        data = self._load(account)
        return None if data is None else Session.from_dict(self._cipher.open(account, data))

    def put(self, account: str, session: Session) -> None:
        """Store a new session."""
        end = session.expires_at
        delete_after = None if end is None else max(end.timestamp(), time.time()) + GRACE
        self._save(account, Entry(self._cipher.seal(account, session.to_dict()), delete_after))

    @cached_property
    def key(self) -> bytes:
        """The secret by which clients compare credentials.

        The store makes it once and keeps it encrypted, so it stays the same if your keys change.
        """
        from cryptography.fernet import InvalidToken

        while True:
            data = self._load(_KEY)
            if data is None:
                fresh = self._cipher.seal(_KEY, secrets.token_hex(32))
                self._save(_KEY, Entry(fresh), only_new=True)
                continue  # another process may have been faster
            try:
                return bytes.fromhex(self._cipher.open(_KEY, data))
            except InvalidToken:
                # Its keys are lost. Then so are those of all sessions, which are opened again.
                logger().warning("the token store was encrypted with other keys; it starts again")
                self._replace(_KEY, data, None)

    def rotate(self) -> int:
        """Encrypt everything again with the first of the keys, and return the number of entries.

        After that, the other keys are not needed any more. Entries that none of the keys can
        decrypt are left as they are.
        """
        from cryptography.fernet import InvalidToken

        count = 0
        for name in self._names():
            data = self._load(name)
            try:
                rotated = data and self._cipher.rotate(data)
            except InvalidToken:
                continue
            # If it has changed, it was just encrypted with the first key of another process.
            count += bool(data and rotated and self._replace(name, data, rotated))
        return count

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
