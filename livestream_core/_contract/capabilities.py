"""What a provider can do, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeAlias

import attrs

from .._model.errors import Unsupported
from .._model.fields import table
from .._model.operations import OPERATION_TABLE, OperationFacts
from .._model.status import Status
from .._model.stream import Feature as Feature
from .._model.stream import StreamSpec


class Support(Enum):
    """How a feature is there."""

    NATIVE = "native"
    """The vendor has a call or a field for it."""
    EMULATED = "emulated"
    """The adapter does it with other calls; the reason says how."""
    AUTOMATIC = "automatic"
    """The vendor does it by itself; the call just reads."""
    NONE = "none"
    """It is not there; the reason says why."""


def _feature(name: str) -> Feature:
    try:
        return Feature(name)
    except ValueError:
        pass
    raise TypeError(f"Feature has no {name!r}, which is in the table of operations")


#: What the table says of the operation that a feature stands for.
OPERATION_OF: dict[Feature, OperationFacts] = {
    _feature(each.feature): each for each in OPERATION_TABLE.values()
}
#: Features that are a part of what another one stands for.
PART_OF: dict[Feature, Feature] = {
    _feature(part): feature for feature, each in OPERATION_OF.items() for part in each.parts
}
OPERATIONS = tuple(each for each in Feature if each in OPERATION_OF or each in PART_OF)
FIELDS = tuple(feature for feature in Feature if feature not in OPERATIONS)

#: The feature behind each field of a StreamSpec that has one.
FEATURE_OF_FIELD: dict[str, Feature] = {
    name: Feature(field.feature)
    for name, field in table(StreamSpec).items()
    if field.feature is not None
}
if _strays := [each.name for each in FIELDS if FEATURE_OF_FIELD.get(each.value) is not each]:
    raise TypeError(
        f"Feature.{_strays[0]} is neither in the table of operations nor a field of StreamSpec"
    )

#: The filters of a list, and the field of a stream that each looks at.
FILTERS = {
    "status": "status",
    "tag": "tags",
    "starts_after": "scheduled_start",
    "starts_before": "scheduled_start",
}


def _optional_set(values: Iterable[Any] | None) -> frozenset[Any] | None:
    return None if values is None else frozenset(values)


def _names(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)


def _statuses(values: Iterable[Status]) -> frozenset[Status]:
    return frozenset(values)


@attrs.frozen(slots=True)
class Capability:
    """How one feature is there, and why it is not.

    Attributes:
        support: Native, emulated, automatic, or none.
        reason: Why it is none, or how it is emulated: users read it.
        values: The only values that can be asked for, where not all can be.
    """

    support: Support
    reason: str = ""
    values: frozenset[Any] | None = attrs.field(default=None, converter=_optional_set)

    def __attrs_post_init__(self) -> None:
        if self.support in (Support.NONE, Support.EMULATED) and not self.reason:
            raise ValueError(f"{self.support.value} support needs a reason")

    def __bool__(self) -> bool:
        return self.support is not Support.NONE


#: What may stand in a table of capabilities.
Declared: TypeAlias = Support | Capability | tuple[Support, str]


def _operations(table: Mapping[Feature, Declared]) -> dict[Feature, Capability]:
    return _table(table, OPERATIONS)


def _fields(table: Mapping[Feature, Declared]) -> dict[Feature, Capability]:
    return _table(table, FIELDS)


def _table(
    table: Mapping[Feature, Declared], allowed: tuple[Feature, ...]
) -> dict[Feature, Capability]:
    read: dict[Feature, Capability] = {}
    for name, declared in table.items():
        feature = Feature(name)
        if feature not in allowed:
            raise ValueError(f"{feature} does not belong in this table")
        if isinstance(declared, tuple):
            declared = Capability(*declared)
        elif isinstance(declared, Support):
            declared = Capability(declared)
        read[feature] = declared
    for feature in allowed:
        read.setdefault(feature, Capability(Support.NONE, f"this provider has no {feature.value}"))
    return read


@attrs.frozen(slots=True, kw_only=True)
class Capabilities:
    """What one provider can do. The client checks every call against it before it sends.

    Attributes:
        operations: Each operation and how it is there; what is not named is none.
        fields: The same for the fields of a stream.
        statuses: Every status that the provider can ever report, UNKNOWN aside.
        updatable: Names of the fields that ``update`` can change.
        clearable: Those of them that ``None`` can clear.
        filters: Which of ``status, tag, starts_after, starts_before`` a list can be filtered by:
            those whose field the provider reports.
        reports_total: Whether a page of a list says how many there are in all.
        empty_page_ends: Whether an empty page is the end of a list even if it names a next one.
        create_starts: Whether a create without a schedule boots a server.
        mark: The field of a spec that can carry a mark of our own, if any.
        max_page_size: The largest page that a list may ask for, where one is documented.
    """

    operations: Mapping[Feature, Capability] = attrs.field(converter=_operations, hash=False)
    fields: Mapping[Feature, Capability] = attrs.field(factory=dict, converter=_fields, hash=False)
    statuses: frozenset[Status] = attrs.field(converter=_statuses)
    updatable: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    clearable: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    filters: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    reports_total: bool = False
    empty_page_ends: bool = False
    create_starts: bool = False
    mark: str | None = None
    max_page_size: int | None = None

    def __attrs_post_init__(self) -> None:
        known = set(table(StreamSpec))
        for name, given, allowed in (
            ("updatable", self.updatable, known),
            ("clearable", self.clearable, set(self.updatable)),
            ("filters", self.filters, set(FILTERS)),
            ("mark", {self.mark} - {None}, known),
        ):
            if unknown := given - allowed:
                raise ValueError(f"{name}: {', '.join(sorted(map(str, unknown)))} is not possible")

    def __getitem__(self, feature: Feature | str) -> Capability:
        feature = Feature(feature)
        return self.fields[feature] if feature in self.fields else self.operations[feature]

    def supports(self, feature: Feature | str) -> bool:
        """Whether the feature is there in any form."""
        return bool(self[feature])

    def require(self, *features: Feature | str) -> None:
        """Checks that all of the features are there.

        Raises:
            Unsupported: One or more are not; it names each with its reason.
        """
        missing = [Feature(feature) for feature in features if not self[feature]]
        if missing:
            reasons = ", ".join(f"{name.value} ({self[name].reason})" for name in missing)
            raise Unsupported(
                f"not supported: {reasons}", features=tuple(name.value for name in missing)
            )

    def unsupported_error(self, field: str, value: object) -> Unsupported | None:
        """Why a spec's field cannot have this value here; ``None`` if it can."""
        feature = FEATURE_OF_FIELD.get(field)
        if feature is None or value is None or value == ():
            return None
        capability = self[feature]
        if not capability:
            problem = f"{field}: {capability.reason}"
        elif capability.values is not None and value not in capability.values:
            possible = ", ".join(sorted(map(_word, capability.values)))
            reason = capability.reason or f"only {possible} is possible"
            problem = f"{field} {_word(value)}: {reason}"
        else:
            return None
        return Unsupported(problem, features=(feature.value,))


def _word(value: object) -> str:
    """A switch or a choice, for people who may never have seen Python."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
