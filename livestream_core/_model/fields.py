"""What a field of the model is: said once, in the metadata of the class that has it.

Whatever treats the fields of a stream (capabilities, migrations, the command line, strategies, the
kit) asks :func:`facts_of` or :func:`table`; there is no other list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, StrEnum, auto
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, ParamSpec, TypeAlias

import attrs

from . import converters as c

P = ParamSpec("P")
#: For the type checker it is a function.
_Factory: Any = attrs.Factory
#: What ``attrs.frozen(field_transformer=...)`` takes.
Transformer: TypeAlias = "Callable[[type, list[attrs.Attribute[Any]]], list[attrs.Attribute[Any]]]"

#: For :attr:`FieldFacts.unasked`: a vendor that is not asked does something that is not known here.
ITS_OWN: Final = object()


class Owner(Enum):
    """Who decides what a stream has in a field, when it is compared with what was asked for."""

    CALLER = auto()
    """The caller: it is as asked for, and empty where nothing was asked for."""
    ECHOED = auto()
    """The vendor gives back what it was asked for; where it was not asked, it has its own."""
    VENDOR = auto()
    """The vendor, which may show something else than it was asked for: that is a difference, and
    does not tell one stream from another."""
    NOBODY = auto()
    """It is not compared."""


class Kind(Enum):
    """What kind of value a field holds."""

    TEXT = auto()
    IDENTIFIER = auto()
    """A text that is not empty."""
    TEXTS = auto()
    WORD = auto()
    """One of an enumeration."""
    FLAG = auto()
    INSTANT = auto()
    SECONDS = auto()
    URL = auto()
    SECRET = auto()
    PART = auto()
    """Another value of the model, or several of one class."""
    DATA = auto()
    """JSON of the vendor's."""


_KINDS: Mapping[Callable[[Any], Any], Kind] = {
    c.text: Kind.TEXT,
    c.optional_text: Kind.TEXT,
    c.title: Kind.TEXT,
    c.identifier: Kind.IDENTIFIER,
    c.texts: Kind.TEXTS,
    c.flag: Kind.FLAG,
    c.optional_instant: Kind.INSTANT,
    c.optional_seconds: Kind.SECONDS,
    c.url: Kind.URL,
    c.read_url: Kind.URL,
    c.optional_secret: Kind.SECRET,
    c.mapping: Kind.DATA,
    c.optional_mapping: Kind.DATA,
}


class FieldFacts(NamedTuple):
    """What is said of one field. Only streams and their specs need an owner.

    Attributes:
        owner: Who decides what it has.
        feature: What a provider declares that can be asked for it.
        help: What it is, for the command line.
        option: Its option there, if that is not called like it.
        unasked: What a vendor does that is not asked for it: nothing (``None``), or this value,
            or :data:`ITS_OWN`.
        shown_in: The field of a stream that shows a spec's, if that has another name.
        replaced: Of what a migration does not move: what the target has instead.
        left: Of what a migration does not move: why the target has nothing instead, which is no
            loss.
        lost: The same where it is a loss.
        always_digested: Whether a migration's digests have it even if it says nothing, as they
            have all fields that there were at first.
        examples: The values that strategies draw from and the kit asks for, where not every
            value of its kind will do.
        words: The enumeration that its words are of.
        unknown: What stands for a value that cannot be read, such as a word that is not known, in
            a field that must have one.
        part: The class of the model that it holds.
        may_be_left_out: Whether it is read as ``None`` where it is missing, though it has no
            default.
        for_viewers: Whether viewers get it even if it contains a secret.
        kind: Filled in by its converter, its words or its part.
        name: Filled in.
        default: Filled in.
    """

    owner: Owner | None = None
    feature: StrEnum | None = None
    help: str = ""
    option: str = ""
    unasked: object = None
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
        """Whether there is no value without it."""
        return self.default is attrs.NOTHING

    @property
    def shown_as(self) -> str:
        """The field of a stream that shows it."""
        return self.shown_in or self.name

    @property
    def label(self) -> str:
        """What people see in front of its value."""
        return self.name.removesuffix("_url").replace("_", " ")


class Pickled:
    """How values of the model are pickled: a field that is not in a pickle, because it is of a
    version before, has its default. For classes with ``getstate_setstate=False``.
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


def _as_metadata(facts: Callable[P, FieldFacts]) -> Callable[P, dict[str, FieldFacts]]:
    def metadata(*args: P.args, **kwargs: P.kwargs) -> dict[str, FieldFacts]:
        return {"facts": facts(*args, **kwargs)}

    return metadata


#: The metadata of a field: takes what :class:`FieldFacts` takes.
about = _as_metadata(FieldFacts)


def _table(value_class: type[Any]) -> Mapping[str, FieldFacts]:
    # A subclass that somebody else wrote says nothing about what it adds.
    return MappingProxyType(
        {
            field.name: field.metadata.get("facts")
            or FieldFacts(name=field.name, default=field.default)
            for field in attrs.fields(value_class)
        }
    )


#: What is said of each field of a class, by name and in their order.
table: Callable[[Any], Mapping[str, FieldFacts]] = cache(_table)


def facts_of(value_class: type[Any]) -> Iterable[FieldFacts]:
    """Return what is said of each field of a class, in their order."""
    return table(value_class).values()


def described(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """For ``attrs.frozen(field_transformer=...)``: fill in what a field says by itself, and give
    each converter the name of its field.
    """
    return [_described(cls, field, _said(field)) for field in fields]


def owned(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """The same for what can be asked for.

    Raises:
        TypeError: A field does not say enough.
    """
    for field in fields:
        _demand(_said(field).owner, cls, field.name, "who owns its value")
    return described(cls, fields)


def shown_of(spec_class: type[Any]) -> Transformer:
    """The same for a stream: of a field that a spec has too, the spec says all.

    Raises:
        TypeError: A field does not say enough, or one of the spec is not shown.
    """
    asked = table(spec_class)

    def transform(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
        names = {field.name for field in fields}
        for facts in asked.values():
            if facts.owner is not Owner.NOBODY and facts.shown_as not in names:
                raise TypeError(f"{cls.__name__} does not show {facts.name!r}, which a spec has")
        said = {field.name: asked.get(field.name) or _said(field) for field in fields}
        for name, facts in said.items():
            _demand(facts.owner, cls, name, "who owns its value")
            if name not in asked:
                fate = facts.replaced or facts.left or facts.lost
                _demand(fate, cls, name, "what becomes of it in a migration")
        return [_described(cls, field, said[field.name]) for field in fields]

    return transform


def _said(field: attrs.Attribute[Any]) -> FieldFacts:
    return field.metadata.get("facts") or FieldFacts()


def _demand(said: object, cls: type, name: str, what: str) -> None:
    if not said:
        raise TypeError(f"{cls.__name__}.{name} does not say {what}: see FieldFacts")


def _described(cls: type, field: attrs.Attribute[Any], facts: FieldFacts) -> attrs.Attribute[Any]:
    convert = field.converter
    if not callable(convert):
        raise TypeError(f"{cls.__name__}.{field.name} has no converter")
    kind = Kind.WORD if facts.words else Kind.PART if facts.part else facts.kind
    kind = kind or _KINDS.get(convert)
    _demand(kind, cls, field.name, "what kind of value its converter gives")
    facts = facts._replace(name=field.name, default=field.default, kind=kind)
    named = c.named(field.name, convert, cls.__name__, default=field.default)
    return field.evolve(converter=named, metadata={**field.metadata, "facts": facts})
