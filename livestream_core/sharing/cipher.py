"""Encryption of what stores keep, with keys that can be rotated."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from .._model.errors import ConfigurationError
from .._secrets.secret import Secret

#: A key of ``cryptography.fernet.Fernet.generate_key()``, as text, bytes, or a secret.
Key: TypeAlias = "Secret | str | bytes"


class Cipher:
    """Encrypts values under a name, with the first of several keys; all of them decrypt.

    The name is encrypted too, so an entry that was moved to another name cannot be read.
    """

    __slots__ = ("_fernet",)

    def __init__(self, fernet: Any) -> None:
        self._fernet = fernet

    @classmethod
    def read(cls, keys: Key | Iterable[Key]) -> Cipher | None:
        """Return the cipher for one or more keys, or ``None`` if they are not valid.

        Raises:
            ConfigurationError: If cryptography is missing.
        """
        try:
            from cryptography.fernet import Fernet, MultiFernet
        except ImportError:
            raise ConfigurationError(
                "a store that several processes share needs cryptography",
                hint="pip install 'livestream-core[sharing]'",
            ) from None
        try:
            several = [keys] if isinstance(keys, (Secret, str, bytes)) else [*keys]
            return cls(MultiFernet([Fernet(_plain(each)) for each in several]))
        except (AttributeError, TypeError, ValueError):
            return None

    def seal(self, name: str, value: Any) -> bytes:
        """Return a JSON value, encrypted for a name."""
        token: bytes = self._fernet.encrypt(json.dumps([name, value]).encode())
        return token

    def open(self, name: str, token: bytes) -> Any:
        """Return what was encrypted for a name.

        Raises:
            cryptography.fernet.InvalidToken: If it was encrypted with another key, for another
                name, or was changed.
        """
        from cryptography.fernet import InvalidToken

        for_name, value = json.loads(self._fernet.decrypt(token))
        if for_name != name:
            raise InvalidToken
        return value

    def rotate(self, token: bytes) -> bytes:
        """Return the same value, encrypted with the first key.

        Raises:
            cryptography.fernet.InvalidToken: As :meth:`open` does.
        """
        rotated: bytes = self._fernet.rotate(token)
        return rotated


def _plain(key: Key) -> str | bytes:
    return key.reveal() if isinstance(key, Secret) else key
