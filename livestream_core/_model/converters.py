"""Converters for the fields of the model.

Each converter accepts the common forms of a value and returns the type of the field. If the value
is not valid, it raises ``InvalidInput``, and :func:`with_field_name` adds the name of the field.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

import attrs

from .._secrets.masked_mapping import MaskedMapping
from .._secrets.recognition import carries_secret
from .._secrets.secret import Secret, SecretUrl
from .._secrets.spellings import compiled
from .errors import InvalidInput
from .times import parse_instant, to_utc
from .urls import is_url

A = TypeVar("A")
E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

#: Longer than any stream, and small enough for every calculation.
MAX_SECONDS = 10**12

NOT_TEXT = "contains half a surrogate pair, which is not text"

_TEXT = {str}

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


_SIGNATURE = inspect.Signature([inspect.Parameter("value", inspect.Parameter.POSITIONAL_ONLY)])


def refuse(problem: str, hint: str | None = None) -> NoReturn:
    """Raise the error for an invalid value."""
    raise InvalidInput(problem, hint=hint)


def wrong_type(expected: str, value: object) -> NoReturn:
    """Raise the error for a value of the wrong type."""
    refuse(f"expected {expected}, not {type(value).__name__}")


def refuse_unknown(owner: str, names: Iterable[object], known: Sequence[str]) -> None:
    """Raise an error if one of the names is not a field of a class."""
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"{name}: {owner} has no such field",
                field=str(name),
                hint=f"its fields are {', '.join(known)}",
            )


def with_field_name(
    name: str, convert: Callable[[A], T], owner: str | None = None, default: object = attrs.NOTHING
) -> Callable[[A], T]:
    """Return a converter whose errors contain the name of the argument or field.

    Args:
        name: The name of the argument or field.
        convert: The converter.
        owner: The name of the model class that has the field.
        default: The default of the field, which is returned unchanged.
    """

    def convert_named(value: A) -> T:
        if value is default:
            return value  # type: ignore[return-value]
        try:
            return convert(value)
        except InvalidInput as error:
            if error.field is None:
                error.field = name
                error.message = f"{name}: {error.message}"
            error.value_of = owner
            raise

    # attrs reads the signature for each field, and computing it is slow.
    convert_named.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
    return convert_named


def text(value: str) -> str:
    if type(value) is not str:
        if not isinstance(value, str):
            wrong_type("a string", value)
        value = str.__str__(value)
    if not (value.isascii() or is_encodable(value)):
        refuse(NOT_TEXT)
    return value


def is_encodable(value: str) -> bool:
    """Return whether a string can be encoded: one from JSON may contain half a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def optional_text(value: str | None) -> str | None:
    return None if value is None else text(value)


def title(value: str) -> str:
    value = text(value)
    if not value.strip():
        refuse("must not be empty")
    if compiled(_CONTROL).search(value):
        refuse("contains a control character")
    return value


def identifier(value: str) -> str:
    value = text(value)
    if not value:
        refuse("must not be empty")
    return value


def optional_identifier(value: str | None) -> str | None:
    return None if value is None else identifier(value)


def url(value: str | None) -> str | None:
    """Convert a URL that is sent to a vendor.

    Only its form is checked, not its host. It is masked like a URL that was read from a vendor.
    """
    if value is not None and not is_url(text(value)):
        refuse("is not a URL", hint="write the complete URL, such as https://host/path")
    return read_url(value)


def read_url(value: str | None) -> str | None:
    """Convert a URL from a vendor: leave it unchanged, and mask it if it contains a secret."""
    if value is None:
        return None
    if type(value) is SecretUrl:
        text(value)
        return value
    value = text(value)
    return SecretUrl(value) if carries_secret(value) else value


def flag(value: bool | None) -> bool | None:
    if value is not None and not isinstance(value, bool):
        wrong_type("True or False", value)
    return value


def instant(value: datetime | str) -> datetime:
    if isinstance(value, datetime):
        return to_utc(value)
    if isinstance(value, str):
        return parse_instant(value)
    wrong_type("an aware datetime or an ISO 8601 string with an offset", value)


def optional_instant(value: datetime | str | None) -> datetime | None:
    return None if value is None else instant(value)


def optional_secret(value: Secret | str | None) -> Secret | None:
    if isinstance(value, str):
        value = Secret(value)
    if value is not None and not isinstance(value, Secret):
        wrong_type("a Secret or a string", value)
    if value is not None and not value:
        refuse("must not be empty")
    return value


def optional_seconds(value: float | None) -> float | None:
    if value is None:
        return None
    return seconds(value)


def seconds(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        wrong_type("a number of seconds", value)
    if not 0 <= value < MAX_SECONDS:
        refuse("is not a valid number of seconds")
    return value


def count(value: int) -> int:
    if type(value) is not int:
        wrong_type("a whole number", value)
    if value < 0:
        refuse("must not be negative")
    return value


def optional_count(value: int | None) -> int | None:
    return None if value is None else count(value)


def optional_number(value: float | None) -> float | None:
    """Convert a number that is not negative, or ``None``."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        wrong_type("a number", value)
    if not 0 <= value < math.inf:
        refuse("must be a finite number, not a negative one")
    return value


def enum_of(kind: type[E], value: E | str) -> E:
    """Convert a member of an enumeration, or the value of one."""
    if type(value) is kind:
        return value
    if not isinstance(value, str):
        wrong_type(f"a {kind.__name__}", value)
    try:
        return kind(value)
    except ValueError:
        pass
    refuse(f"{value[:40]!r} is not one of {', '.join(kind)}")


def tuple_of(kind: type[T], value: Sequence[T]) -> tuple[T, ...]:
    """Convert a sequence of instances of a class, other than a string, to a tuple."""
    items = _items(value)
    for item in items:
        if type(item) is not kind and not isinstance(item, kind):
            wrong_type(f"a sequence of {kind.__name__}", item)
    return items


def instance_of(kind: type[T], value: T | None) -> T | None:
    """Check that a value is an instance of a class, or ``None``."""
    if value is not None and not isinstance(value, kind):
        wrong_type(f"a {kind.__name__}", value)
    return value


def texts(value: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(text, _items(value)))


def mapping(value: Mapping[str, Any]) -> MaskedMapping:
    # JSON objects are dicts. The check of an abstract class takes ten times as long.
    if type(value) is not dict and not isinstance(value, Mapping):
        wrong_type("a mapping", value)
    # All types at once: a check of each key takes longer.
    kinds = set(map(type, value))
    if kinds != _TEXT and not all(issubclass(kind, str) for kind in kinds):
        refuse("its keys must be strings")
    return MaskedMapping(value)


def optional_mapping(value: Mapping[str, Any] | None) -> MaskedMapping | None:
    return None if value is None else mapping(value)


def _items(value: Sequence[T]) -> tuple[T, ...]:
    if type(value) is tuple:
        return value
    if type(value) is list:
        return tuple(value)
    if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Sequence):
        wrong_type("a sequence", value)
    return tuple(value)
