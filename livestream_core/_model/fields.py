"""Facts about the fields of the model, declared once, in the metadata of their classes.

All code that handles the fields of a stream (capabilities, migrations, the command line, the
conformance kit) uses :func:`facts_of` or :func:`table`. There is no other list of the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, StrEnum, auto
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, ParamSpec, TypeAlias, TypeVar

import attrs

from . import converters as c

P = ParamSpec("P")
V = TypeVar("V")
#: Type checkers see a function.
_Factory: Any = attrs.Factory
#: The type of the ``field_transformer`` argument of ``attrs.frozen``.
Transformer: TypeAlias = "Callable[[type, list[attrs.Attribute[Any]]], list[attrs.Attribute[Any]]]"

#: The :attr:`FieldFacts.vendor_default` of a field whose value the vendor chooses freely.
UNKNOWN_DEFAULT: Final = object()


class Owner(Enum):
    """Who decides the value of a field, which matters when a stream is compared with its spec."""

    CALLER = auto()
    """The caller: the value is the requested one, and empty if none was requested."""
    ECHOED = auto()
    """The caller, if a value was requested. Otherwise the vendor chooses one."""
    VENDOR = auto()
    """The vendor, which may choose a value other than the requested one. That is a difference, but
    it does not distinguish two streams."""
    NONE = auto()
    """The field is not compared."""


class Kind(Enum):
    """The kind of value that a field contains."""

    TEXT = auto()
    IDENTIFIER = auto()
    """A text that is not empty."""
    TEXTS = auto()
    WORD = auto()
    """A member of an enumeration."""
    FLAG = auto()
    INSTANT = auto()
    SECONDS = auto()
    NUMBER = auto()
    URL = auto()
    SECRET = auto()
    PART = auto()
    """Another value of the model, or several of the same class."""
    DATA = auto()
    """JSON data of the vendor."""


_KINDS: Mapping[Callable[[Any], Any], Kind] = {
    c.text: Kind.TEXT,
    c.optional_text: Kind.TEXT,
    c.title: Kind.TEXT,
    c.identifier: Kind.IDENTIFIER,
    c.optional_identifier: Kind.IDENTIFIER,
    c.texts: Kind.TEXTS,
    c.flag: Kind.FLAG,
    c.instant: Kind.INSTANT,
    c.optional_instant: Kind.INSTANT,
    c.optional_seconds: Kind.SECONDS,
    c.optional_count: Kind.NUMBER,
    c.optional_number: Kind.NUMBER,
    c.url: Kind.URL,
    c.read_url: Kind.URL,
    c.optional_secret: Kind.SECRET,
    c.mapping: Kind.DATA,
    c.optional_mapping: Kind.DATA,
}


class FieldFacts(NamedTuple):
    """The facts about one field. Only the fields of streams and specs need an owner.

    Attributes:
        owner: Who decides the value.
        feature: The feature by which a provider declares that the field can be set.
        help: The description of the field for the command line.
        option: The command-line option, if its name differs from the field's.
        vendor_default: The value that a vendor chooses if none was requested: ``None`` for no
            value, a value, or :data:`UNKNOWN_DEFAULT`.
        shown_in: The field of a stream that shows this field of a spec, if its name differs.
        replaced: For a field that a migration does not move: what the target has instead.
        left: For a field that a migration does not move: why its absence is not a loss.
        lost: For a field that a migration does not move: why its absence is a loss.
        always_digested: Whether a migration's digests include the field even if it is empty. True
            for the fields of the first version.
        examples: The values that strategies draw from and that the conformance kit requests, if
            not every value of the kind is valid.
        words: The enumeration of the field's values.
        unknown: The value of a required field whose actual value cannot be read, such as a word
            that is not known.
        part: The model class of the field's value.
        may_be_left_out: Whether a missing field is read as ``None``, although it has no default.
        for_viewers: Whether viewers receive the value even if it contains a secret.
        kind: Set automatically, from the converter, the words, or the part.
        name: Set automatically.
        default: Set automatically.
    """

    owner: Owner | None = None
    feature: StrEnum | None = None
    help: str = ""
    option: str = ""
    vendor_default: object = None
    shown_in: str = ""
    replaced: str = ""
    left: str = ""
    lost: str = ""
    always_digested: bool = False
    examples: tuple[Any, ...] = ()
    words: type[StrEnum] | None = None
    unknown: str | None = None
    part: Any = None
    may_be_left_out: bool = False
    for_viewers: bool = False
    kind: Kind | None = None
    name: str = ""
    default: Any = attrs.NOTHING

    @property
    def is_required(self) -> bool:
        """Whether the field must have a value."""
        return self.default is attrs.NOTHING

    @property
    def shown_as(self) -> str:
        """The name of the field of a stream that shows this field."""
        return self.shown_in or self.name

    @property
    def label(self) -> str:
        """The label that is displayed before the value."""
        return self.name.removesuffix("_url").replace("_", " ")


class Pickled:
    """A base class for values of the model that reads pickles of earlier versions.

    A field that is missing in a pickle gets its default. For classes with
    ``getstate_setstate=False``.
    """

    __slots__ = ()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in table(type(self))}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, field in table(type(self)).items():
            value = state.get(name, field.default)
            if name not in state and isinstance(value, _Factory):
                value = value.factory(self) if value.takes_self else value.factory()
            object.__setattr__(self, name, value)


def replaced(value: V, **changes: object) -> V:
    """Return a copy of a value with changes that are known to be valid.

    Unlike ``attrs.evolve``, it does not convert and check all fields again.
    """
    copied = object.__new__(type(value))
    for name in table(type(value)):
        object.__setattr__(copied, name, getattr(value, name))
    for name, change in changes.items():
        object.__setattr__(copied, name, change)
    return copied


def _as_metadata(facts: Callable[P, FieldFacts]) -> Callable[P, dict[str, FieldFacts]]:
    def metadata(*args: P.args, **kwargs: P.kwargs) -> dict[str, FieldFacts]:
        return {"facts": facts(*args, **kwargs)}

    return metadata


#: Return the metadata of a field. The arguments are those of :class:`FieldFacts`.
about = _as_metadata(FieldFacts)


def _table(value_class: type[Any]) -> Mapping[str, FieldFacts]:
    # Subclasses outside of this library declare no facts about the fields that they add.
    return MappingProxyType(
        {
            field.name: field.metadata.get("facts")
            or FieldFacts(name=field.name, default=field.default)
            for field in attrs.fields(value_class)
        }
    )


#: Return the facts about the fields of a class, by name and in order.
table: Callable[[Any], Mapping[str, FieldFacts]] = cache(_table)


def facts_of(value_class: type[Any]) -> Iterable[FieldFacts]:
    """Return the facts about the fields of a class, in order."""
    return table(value_class).values()


def described(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Complete the facts about each field, and add the field's name to its converter's errors.

    A ``field_transformer`` of ``attrs.frozen``.
    """
    return [_described(cls, field, _declared(field)) for field in fields]


def owned(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Do the same as :func:`described`, for a class that describes a stream to create.

    Raises:
        TypeError: If a required fact about a field is missing.
    """
    for field in fields:
        _require(_declared(field).owner, cls, field.name, "who owns its value")
    return described(cls, fields)


def shown_of(spec_class: type[Any]) -> Transformer:
    """Return a transformer like :func:`described` for a class that shows a stream.

    A field that the spec has too takes the facts of the spec's field.

    Raises:
        TypeError: If a required fact about a field is missing, or a field of the spec is not shown.
    """
    spec_facts = table(spec_class)

    def transform(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
        names = {field.name for field in fields}
        for facts in spec_facts.values():
            if facts.owner is not Owner.NONE and facts.shown_as not in names:
                raise TypeError(f"{cls.__name__} does not show {facts.name!r}, which a spec has")
        all_facts = {field.name: spec_facts.get(field.name) or _declared(field) for field in fields}
        for name, facts in all_facts.items():
            _require(facts.owner, cls, name, "who owns its value")
            if name not in spec_facts:
                reason = facts.replaced or facts.left or facts.lost
                _require(reason, cls, name, "how a migration handles it")
        return [_described(cls, field, all_facts[field.name]) for field in fields]

    return transform


def _declared(field: attrs.Attribute[Any]) -> FieldFacts:
    return field.metadata.get("facts") or FieldFacts()


def _require(fact: object, cls: type, name: str, what: str) -> None:
    if not fact:
        raise TypeError(f"{cls.__name__}.{name} does not declare {what}: see FieldFacts")


def _described(cls: type, field: attrs.Attribute[Any], facts: FieldFacts) -> attrs.Attribute[Any]:
    convert = field.converter
    if not callable(convert):
        raise TypeError(f"{cls.__name__}.{field.name} has no converter")
    kind = Kind.WORD if facts.words else Kind.PART if facts.part else facts.kind
    kind = kind or _KINDS.get(convert)
    _require(kind, cls, field.name, "what kind of value its converter returns")
    facts = facts._replace(name=field.name, default=field.default, kind=kind)
    converter = c.with_field_name(field.name, convert, cls.__name__, default=field.default)
    return field.evolve(converter=converter, metadata={**field.metadata, "facts": facts})
