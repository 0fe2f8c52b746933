"""Values for the fields of a stream, to request and to change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .._contract.capabilities import FEATURE_OF_FIELD, Capabilities, Feature
from .._model.fields import FieldFacts, Kind, table
from .._model.stream import RestreamTarget, StreamSpec

_BY_KIND: Mapping[Kind | None, Sequence[Any]] = {
    Kind.TEXT: ("Heute: Übertragung aus Köln, 日本語, with “quotes” & <tags>",),
    Kind.IDENTIFIER: ("kit-1",),
    Kind.TEXTS: (("maths", "exam 2026"),),
    Kind.FLAG: (True, False),
    Kind.INSTANT: (datetime(2030, 1, 15, 9, 30, tzinfo=UTC),),
    Kind.SECONDS: (90,),
    Kind.NUMBER: (25,),
    Kind.URL: ("https://images.example/a%20picture.jpg",),
}
_BY_PART: Mapping[Any, Sequence[Any]] = {
    RestreamTarget: (
        (
            RestreamTarget("rtmp://relay.example/live2", "a-restream-key-of-the-kit"),
            RestreamTarget("rtmp://another.example/live", "another-restream-key-of-the-kit"),
        ),
    ),
}


def _examples(field: FieldFacts) -> Sequence[Any]:
    if field.part is not None:
        return _BY_PART[field.part]
    return field.examples or tuple(field.words or ()) or _BY_KIND[field.kind]


#: The values to request for each field of a spec, unless the adapter declares its own.
VALUES: Mapping[Feature, Sequence[Any]] = {
    feature: _examples(table(StreamSpec)[name]) for name, feature in FEATURE_OF_FIELD.items()
}


#: Another value for some kinds of fields. For others, it is the last of the tested values.
OTHER_VALUES: Mapping[Kind | None, Any] = {
    Kind.TEXTS: ("another",),
    Kind.INSTANT: datetime(2033, 5, 5, 5, 5, tzinfo=UTC),
    Kind.URL: "https://images.example/another.jpg",
}


def values_of(capabilities: Capabilities, feature: Feature) -> Sequence[Any]:
    """Return values that a provider supports for a field of a spec."""
    allowed: Collection[Any] | None = capabilities[feature].values
    return VALUES[feature] if allowed is None else sorted(allowed, key=str)


def updatable_fields(capabilities: Capabilities) -> list[str]:
    """Return the fields that an update may change, without the vendor's own options.

    The title is first.
    """
    return sorted(capabilities.updatable - {"options"}, key=lambda name: (name != "title", name))


def another_value(name: str, values: Callable[[Feature], Sequence[Any]]) -> Any:
    """Return a new value for a field.

    Args:
        name: The field.
        values: A function that returns the values to request for a field.
    """
    field = table(StreamSpec)[name]
    if not field.examples:
        if field.kind is Kind.TEXT:
            return f"Another {field.label}."
        if field.kind in OTHER_VALUES:
            return OTHER_VALUES[field.kind]
    return values(FEATURE_OF_FIELD[name])[-1]
