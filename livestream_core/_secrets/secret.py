"""Values that must not be printed: stream keys, tokens, and URLs that contain them."""

from __future__ import annotations

import re
from typing import final

MASK = "***"


@final
class Secret:
    """A string that prints as ``***``. :meth:`reveal` returns the value.

    Secrets are compared in constant time. They can be pickled, because task queues need it; the
    pickle contains the value.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a Secret must be a str, not {type(value).__name__}")
        _set_value(self, value)

    def reveal(self) -> str:
        """Return the value. Pass it on, but do not print it."""
        return self._value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Secret cannot be changed")

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # brings in OpenSSL, which is slow to load

        mine, theirs = (s._value.encode("utf-8", "surrogatepass") for s in (self, other))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (self._value,)


#: Thousands of secrets are created: this is the fastest way around ``__setattr__``.
_set_value = Secret.__dict__["_value"].__set__


class SecretText(str):
    """A secret text: a ``str`` in every use, except that its repr is masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


class SecretUrl(str):
    """A URL that contains a secret: a ``str`` in every use, except that its repr is masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"SecretUrl('{masked_url(self)}')"


def masked_url(url: str) -> str:
    """Return the scheme and the host of a URL, with the rest, which may be secret, masked."""
    scheme, found, rest = str.partition(url, "://")
    if not found:
        return MASK
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}/{MASK}"
