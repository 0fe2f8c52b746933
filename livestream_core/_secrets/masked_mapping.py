"""A read-only mapping for data that may contain secrets. Its repr shows only the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .recognition import carries_secret, suggests_secret
from .secret import MASK
from .spellings import KnownSecrets


class MaskedMapping(Mapping[str, Any]):
    """A read-only mapping whose repr shows only the keys. Equal to the mapping it was created from.

    Mappings and lists inside it are returned as copies whose reprs do not show the values either.
    :meth:`reveal` returns plain dicts and lists.
    """

    __slots__ = ("_data",)
    _data: Mapping[str, Any]

    def __init__(self, data: Mapping[str, Any]) -> None:
        if type(data) is MaskedMapping:
            data = data._data
        _set_data(self, data)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a MaskedMapping cannot be changed")

    def __getitem__(self, name: str) -> Any:
        return _wrapped(self._data[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MaskedMapping):
            return self._data == other._data
        if isinstance(other, Mapping):
            return self._data == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} values, not shown: {', '.join(map(str, self))}>"

    def __reduce__(self) -> tuple[type[MaskedMapping], tuple[Mapping[str, Any]]]:
        return MaskedMapping, (self._data,)

    def reveal(self) -> Any:
        """Return the unmasked data as a copy in plain dicts and lists."""
        return plain(self._data)


_set_data = MaskedMapping.__dict__["_data"].__set__


def plain(value: Any) -> Any:
    """Return a deep copy in plain dicts and lists."""
    if isinstance(value, MaskedMapping):
        value = value._data
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def without_secrets(value: Any, known: KnownSecrets, *, is_secret: bool = False) -> Any:
    """Return a deep copy with every secret masked.

    A text is masked if it contains a known secret, has the form of a secret, or has a key whose
    name suggests a secret.

    Args:
        value: The value to copy.
        known: The known secrets.
        is_secret: Whether the value has a key whose name suggests a secret.
    """
    if isinstance(value, MaskedMapping):
        value = value._data
    if isinstance(value, Mapping):
        return {
            MASK if known.find(str(name)) else name: without_secrets(
                item, known, is_secret=is_secret or suggests_secret(str(name))
            )
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without_secrets(item, known, is_secret=is_secret) for item in value]
    if (
        isinstance(value, str)
        and value
        and (is_secret or carries_secret(value) or known.find(value))
    ):
        return MASK
    return value


def _wrapped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _MaskedDict((name, _wrapped(item)) for name, item in value.items())
    if isinstance(value, list):
        return _MaskedList(map(_wrapped, value))
    return value


# Copies that json.dumps accepts.
class _MaskedDict(dict[str, Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} values, not shown: {', '.join(map(str, self))}>"


class _MaskedList(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} items, not shown>"
