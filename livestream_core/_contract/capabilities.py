"""The capabilities of a provider, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeAlias

import attrs

from .._model.errors import Unsupported
from .._model.fields import Owner, table
from .._model.operations import OPERATION_TABLE, OperationFacts
from .._model.status import Status, following, reachable
from .._model.stream import Feature as Feature
from .._model.stream import LiveStream, StreamSpec


class Support(Enum):
    """The support level of a feature."""

    NATIVE = "native"
    """The vendor has an endpoint or a field for it."""
    EMULATED = "emulated"
    """The adapter uses other endpoints for it. The reason says how."""
    AUTOMATIC = "automatic"
    """The vendor does it automatically. The operation only reads the stream."""
    NONE = "none"
    """The provider does not support it. The reason says why."""


def _feature(name: str) -> Feature:
    try:
        return Feature(name)
    except ValueError:
        pass
    raise TypeError(f"Feature has no {name!r}, which is in the table of operations")


#: The row of the table of operations for each feature that is an operation. If a feature declares
#: several, the first one.
OPERATION_OF: dict[Feature, OperationFacts] = {}
for _row in OPERATION_TABLE.values():
    OPERATION_OF.setdefault(_feature(_row.feature), _row)
#: The features that are a part of an operation, each with the feature of that operation.
PART_OF: dict[Feature, Feature] = {
    _feature(part): feature for feature, each in OPERATION_OF.items() for part in each.parts
}
OPERATIONS = tuple(each for each in Feature if each in OPERATION_OF or each in PART_OF)
FIELDS = tuple(feature for feature in Feature if feature not in OPERATIONS)

#: The feature of each StreamSpec field that has one.
FEATURE_OF_FIELD: dict[str, Feature] = {
    name: Feature(field.feature)
    for name, field in table(StreamSpec).items()
    if field.feature is not None
}
if _unknown := [each.name for each in FIELDS if FEATURE_OF_FIELD.get(each.value) is not each]:
    raise TypeError(
        f"Feature.{_unknown[0]} is neither in the table of operations nor a field of StreamSpec"
    )

#: The filters of a list, and the field of a stream that each one compares.
FILTERS = {
    "status": "status",
    "tag": "tags",
    "starts_after": "scheduled_start",
    "starts_before": "scheduled_start",
    "reference": "reference",
}
#: The fields of a stream that a list may lack: all but its ID, and what is not about the stream.
_MAY_BE_LACKING = frozenset(
    name
    for name, field in table(LiveStream).items()
    if field.owner is not Owner.NONE and name not in ("id", "provider")
)


def _optional_set(values: Iterable[Any] | None) -> frozenset[Any] | None:
    return None if values is None else frozenset(values)


def _names(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)


def _statuses(values: Iterable[Status]) -> frozenset[Status]:
    return frozenset(values)


def _pairs(values: Mapping[Status, Status]) -> dict[Status, Status]:
    return dict(values)


@attrs.frozen(slots=True)
class Capability:
    """The support for one feature.

    Attributes:
        support: The support level: native, emulated, automatic, or none.
        reason: Why the feature is not supported, or how it is emulated. Users read it.
        values: The supported values, or ``None`` if all values are supported.
    """

    support: Support
    reason: str = ""
    values: frozenset[Any] | None = attrs.field(default=None, converter=_optional_set)

    def __attrs_post_init__(self) -> None:
        if self.support in (Support.NONE, Support.EMULATED) and not self.reason:
            raise ValueError(f"{self.support.value} support needs a reason")

    def __bool__(self) -> bool:
        return self.support is not Support.NONE


#: A value in a table of capabilities.
Declared: TypeAlias = Support | Capability | tuple[Support, str]


def _operations(table: Mapping[Feature, Declared]) -> dict[Feature, Capability]:
    return _table(table, OPERATIONS)


def _fields(table: Mapping[Feature, Declared]) -> dict[Feature, Capability]:
    # Every vendor has a title unless its adapter says otherwise.
    return _table({Feature.TITLE: Support.NATIVE, **table}, FIELDS)


def _table(
    table: Mapping[Feature, Declared], allowed: tuple[Feature, ...]
) -> dict[Feature, Capability]:
    read: dict[Feature, Capability] = {}
    for name, declared in table.items():
        feature = Feature(name)
        if feature not in allowed:
            raise ValueError(f"{feature} does not belong in this table of capabilities")
        if isinstance(declared, tuple):
            declared = Capability(*declared)
        elif isinstance(declared, Support):
            declared = Capability(declared)
        read[feature] = declared
    for feature in allowed:
        read.setdefault(
            feature, Capability(Support.NONE, f"the vendor does not offer {feature.value}")
        )
    return read


@attrs.frozen(slots=True, kw_only=True)
class Capabilities:
    """The capabilities of one provider. The client checks every operation before it sends.

    Attributes:
        operations: The support for each operation. Operations that are left out are unsupported.
        fields: The support for each field of a stream. Fields that are left out are unsupported,
            except for the title, which is native.
        statuses: All statuses that the provider can report, except UNKNOWN.
        updatable: The names of the fields that ``update`` can change.
        clearable: The names of the updatable fields that ``None`` can clear.
        filters: The supported filters of ``list``, from ``status``, ``tag``, ``starts_after``,
            and ``starts_before``. A filter requires that the provider reports its field. The filter
            ``reference`` is included automatically if the provider supports references.
        reports_total: Whether a page of a list contains the total number of streams.
        empty_page_ends: Whether an empty page is the last page, even if it has a next cursor.
        create_starts: Whether a create without a schedule starts the stream's server.
        start_needs_encoder: Whether a stream can be started only while an encoder is connected, and
            is live only once it was started.
        reusable: Whether a stream can be live any number of times: it is READY again after each
            run.
        mark: The StreamSpec field that can carry a migration's mark, or ``None``.
        max_page_size: The largest page size that the vendor documents, or ``None``.
        reference_is_unique: Whether at most one stream can have a reference, so that a create with
            a reference that is in use returns the existing stream or is refused.
        list_lacks: The names of the fields of a ``LiveStream`` that ``get`` returns and a list does
            not. In a list, they are empty, and the status is UNKNOWN.
        reads_as: The statuses that ``get`` and ``list`` cannot show, because only some response or
            delivery does, each with the status that they show instead. A stream that had such a
            status and is read with the other one has not changed. By default, a stream that was
            STARTING may read as SCHEDULED.
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
    start_needs_encoder: bool = False
    reusable: bool = False
    mark: str | None = None
    max_page_size: int | None = None
    reference_is_unique: bool = False
    list_lacks: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    reads_as: Mapping[Status, Status] = attrs.field(
        factory=lambda: {Status.STARTING: Status.SCHEDULED}, converter=_pairs, hash=False
    )

    def __attrs_post_init__(self) -> None:
        # The client compares references itself, so the filter needs nothing but the field.
        reference = {"reference"} if self.fields[Feature.REFERENCE] else set()
        object.__setattr__(self, "filters", self.filters - {"reference"} | reference)
        known = set(table(StreamSpec))
        for name, names, allowed in (
            ("updatable", self.updatable, known),
            ("clearable", self.clearable, set(self.updatable)),
            ("filters", self.filters, set(FILTERS)),
            ("mark", {self.mark} - {None}, known),
            ("list_lacks", self.list_lacks, _MAY_BE_LACKING),
        ):
            if unknown := names - allowed:
                raise ValueError(f"{name}: {', '.join(sorted(map(str, unknown)))} is not allowed")

    def __getitem__(self, feature: Feature | str) -> Capability:
        if type(feature) is not Feature:
            feature = Feature(feature)
        return self.fields[feature] if feature in self.fields else self.operations[feature]

    def supports(self, feature: Feature | str) -> bool:
        """Return whether the provider supports a feature at any level."""
        return bool(self[feature])

    def can_become(self, status: Status, other: Status) -> bool:
        """Return whether a stream of this provider with ``status`` may directly become ``other``.

        It is :meth:`Status.can_become`, but knows whether streams are reusable.
        """
        return other in following(status, reusable=self.reusable)

    @property
    def any_id_is_ready(self) -> bool:
        """Whether every ID is that of a stream: a server that keeps none says that it is ready."""
        return not self.supports(Feature.CREATE) and Status.READY in self.statuses

    def can_reach(self, status: Status, other: Status) -> bool:
        """Return whether ``other`` can follow ``status`` after any number of transitions."""
        return other in reachable(status, reusable=self.reusable)

    def status_after(self, status: Status, read: Status) -> Status:
        """Return the status of a stream that had ``status`` and is now read with ``read``.

        It is ``read``, unless the vendor shows that for ``status``, too: see :attr:`reads_as`.
        """
        return status if self.reads_as.get(status) is read else read

    def require(self, *features: Feature | str) -> None:
        """Check that the provider supports all of the features.

        Raises:
            Unsupported: If it does not. The message names each missing feature with its reason.
        """
        missing = [Feature(feature) for feature in features if not self[feature]]
        if missing:
            reasons = (
                f"{missing[0].value}: {self[missing[0]].reason}"
                if len(missing) == 1
                else ", ".join(f"{name.value} ({self[name].reason})" for name in missing)
            )
            raise Unsupported(
                f"this provider does not support {reasons}",
                features=tuple(name.value for name in missing),
            )

    def unsupported_error(self, field: str, value: object) -> Unsupported | None:
        """Return the error for a field of a spec with this value.

        Returns:
            The error, or ``None`` if the provider supports the field with this value.
        """
        feature = FEATURE_OF_FIELD.get(field)
        if feature is None or value is None or value == ():
            return None
        capability = self[feature]
        if not capability:
            problem = f"{field}: {capability.reason}"
        elif capability.values is not None and value not in capability.values:
            supported = ", ".join(sorted(map(_word, capability.values)))
            reason = capability.reason or f"this provider supports only {supported}"
            problem = f"{field} {_word(value)}: {reason}"
        else:
            return None
        return Unsupported(problem, features=(feature.value,))


def _word(value: object) -> str:
    """Return a value in a form that does not assume knowledge of Python."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
