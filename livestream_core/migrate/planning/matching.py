"""Whether a stream matches a spec, and whether a stream has changed."""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from ..._contract.capabilities import Capabilities, Feature
from ..._model.fields import FieldFacts, Kind, Owner, facts_of
from ..._model.stream import LiveStream, Playback, RestreamTarget, StreamSpec, field_of
from ..._model.urls import address_with_key
from ..._secrets.masked_mapping import plain
from ..._secrets.secret import SecretUrl
from ..values import MARK_PREFIX

#: The fields of a spec that can be compared with the fields of a stream.
COMPARED = tuple(facts for facts in facts_of(StreamSpec) if facts.owner is not Owner.NONE)
#: The compared fields that identify a stream. Vendors may return other values for the rest: a
#: recording as not requested, for example, or the URL of an uploaded copy of a thumbnail.
IDENTIFYING = tuple(facts for facts in COMPARED if facts.owner is not Owner.VENDOR)
#: The identifying fields whose values are the caller's own, so that few streams share them.
_DISTINCTIVE = tuple(each for each in IDENTIFYING if each.kind not in (Kind.WORD, Kind.FLAG))
#: The identifying fields that agree only if both sides have the same value, if both have one.
_EQUAL = tuple(
    each for each in IDENTIFYING if each.shown_as == each.name and each.part is not RestreamTarget
)
_COMPARED_AS = frozenset(facts.shown_as for facts in COMPARED)

#: The fields of a source stream that its copy is made from, and its status.
SOURCE_FIELDS = ("status", *(facts.shown_as for facts in COMPARED))

#: The fields of a spec that are always in its digest. Fields added later are left out at their
#: default, so that no digest changes because the model grew.
_FIRST_FIELDS = tuple(facts.name for facts in facts_of(StreamSpec) if facts.always_digested)
_FIRST_SHOWN = ("status", *(facts.shown_as for facts in COMPARED if facts.always_digested))


def words(text: str | None) -> str:
    """Return a text in the form used for comparison, because vendors trim and normalize."""
    return " ".join(unicodedata.normalize("NFC", text or "").split())


@attrs.frozen
class Matcher:
    """Compares specs with the streams of one target.

    Every comparison is made here, by the fields that the target returns. Without titles, nothing
    but a difference in another field distinguishes two streams.

    Attributes:
        titled: Whether the target has titles. If it has, a stream whose title is empty differs from
            every spec. If not, the title is not compared.
    """

    titled: bool

    @classmethod
    def of(cls, target: Capabilities) -> Matcher:
        """Return the matcher for a target."""
        return cls(titled=target.supports(Feature.TITLE))

    def title_of(self, shown: StreamSpec | LiveStream) -> str:
        """Return the title as it is compared: empty if the target has none."""
        return words(shown.title) if self.titled else ""

    def name_of(self, spec: StreamSpec) -> str:
        """Return what a stream of a spec is called at the target: its title, else its reference."""
        return self.title_of(spec) if self.titled else spec.reference or ""

    def group_key(self, spec: StreamSpec, *, by_name: bool = False) -> str:
        """Return the key of the group of specs whose streams could be confused.

        Creates in one group never overlap.

        Args:
            spec: The spec.
            by_name: Whether there are specs with this name but without a start time. Their streams
                could be confused with any other stream with that name.
        """
        start = None if by_name else spec.scheduled_start
        return _digest(
            [self.name_of(spec), None if start is None else int(start.timestamp() // 60)]
        )

    def differences(self, spec: StreamSpec, stream: LiveStream) -> tuple[str, ...]:
        """Return the fields in which a stream differs from its spec.

        A field that was not requested, or that the vendor does not return, is not a difference.
        """
        fields = self._returned(COMPARED)
        return tuple(facts.name for facts in fields if not _agree(facts, spec, stream))

    def is_same(self, spec: StreamSpec, stream: LiveStream) -> bool:
        """Return whether a stream is recognized as one that was created from a spec."""
        agrees = all(_agree(facts, spec, stream) for facts in self._returned(IDENTIFYING))
        return agrees and self.is_recognizable(spec, stream)

    def is_recognizable(self, spec: StreamSpec, stream: LiveStream) -> bool:
        """Return whether a stream shows a requested value that few other streams have.

        Without one, as at a vendor that has no titles and returns nothing else that was requested,
        a stream that agrees with a spec may be any stream.
        """
        return any(
            getattr(spec, facts.name) not in _UNSET
            and getattr(stream, facts.shown_as) not in _EMPTY
            for facts in self._returned(_DISTINCTIVE)
        )

    def may_be_same(self, spec: StreamSpec, stream: LiveStream) -> bool:
        """Return whether a stream may have been created from a spec, as far as it can be read."""
        unread = unread_fields(stream)
        return all(
            facts.shown_as in unread or _agree(facts, spec, stream)
            for facts in self._returned(IDENTIFYING)
        )

    def values_of(self, either: StreamSpec | LiveStream) -> dict[str, Any]:
        """Return values by field: a spec and a stream that may be the same share those both have.

        A field that may have any value on the other side, such as one that was not requested or
        could not be read, is left out.
        """
        unread = unread_fields(either) if isinstance(either, LiveStream) else ()
        return {
            facts.name: _compared(facts, value)
            for facts in self._returned(_EQUAL)
            if facts.name not in unread
            and (
                (value := getattr(either, facts.name)) not in _UNSET or facts.owner is Owner.CALLER
            )
        }

    def _returned(self, fields: Iterable[FieldFacts]) -> Iterator[FieldFacts]:
        # A spec has no value for the other fields that the target lacks.
        return (facts for facts in fields if self.titled or facts.feature is not Feature.TITLE)


def unread_fields(stream: LiveStream) -> frozenset[str]:
    """Return the comparable fields of a stream that could not be read."""
    return frozenset(map(field_of, stream.problems)) & _COMPARED_AS


def _agree(facts: FieldFacts, spec: StreamSpec, stream: LiveStream) -> bool:
    wanted, shown = getattr(spec, facts.name), getattr(stream, facts.shown_as)
    if facts.owner is not Owner.CALLER and (wanted in _UNSET or shown in _UNSET):
        return True
    if facts.shown_as != facts.name:
        return any(wanted == str.__str__(part.url or "") for part in shown)
    if facts.part is RestreamTarget:
        return _targets_agree(wanted, shown)
    return bool(_compared(facts, wanted) == _compared(facts, shown))


def _compared(facts: FieldFacts, value: Any) -> Any:
    """Return a value in the form used for comparison, which is hashable."""
    if facts.kind is Kind.TEXT:
        return words(value)
    return frozenset(value) if facts.kind is Kind.TEXTS else value


_UNSET: tuple[Any, ...] = (None, ())
_EMPTY: tuple[Any, ...] = (*_UNSET, "")


def _targets_agree(wanted: Sequence[RestreamTarget], shown: Sequence[RestreamTarget]) -> bool:
    # A ledger does not store URLs that contain a password. A missing URL matches any.
    planned = Counter(each.url for each in wanted if each.url is not None)
    return len(wanted) == len(shown) and planned <= Counter(each.url for each in shown)


# -- whether something changed --------------------------------------------------------------


def snapshot(
    stream: LiveStream, salt: str, like: Mapping[str, Any] | None = None, written: Any = None
) -> dict[str, Any]:
    """Return the fields of a source stream that its copy is made from, without secrets.

    Each secret is replaced by a digest, which only shows whether the secret has changed.

    Args:
        stream: The stream.
        salt: A salt known only to this migration.
        like: An earlier snapshot to compare with this one. Fields that the version that took it did
            not know are left out.
        written: Everything that a ledger stores about the stream. Defaults to the earlier snapshot.
    """
    plain_of = _Plain(salt, frozenset(_texts(like if written is None else written)))
    values = {name: plain_of(getattr(stream, name)) for name in SOURCE_FIELDS}
    first = _nonempty({name: value for name, value in values.items() if name in _FIRST_SHOWN})
    # Fields added later are stored even if they are empty.
    later = {name: value for name, value in values.items() if name not in _FIRST_SHOWN}
    return first | {name: later[name] for name in later if like is None or name in like}


def digest(source: Mapping[str, Any], spec: StreamSpec | None, salt: str, like: Any = None) -> str:
    """Return a digest that changes if and only if the source stream or its spec changes.

    Args:
        source: The snapshot of the source stream.
        spec: The spec made from it.
        salt: A salt known only to this migration.
        like: What a ledger stores about both, to compare with its digest.
    """
    values = None
    if spec is not None:
        plain_of = _Plain(salt, frozenset(_texts(like)))
        values = {name: plain_of(getattr(spec, name)) for name in _FIRST_FIELDS}
        values |= plain_of.added(spec, StreamSpec(title="-"), _FIRST_FIELDS)
    return _digest([_nonempty(source), values])


def _nonempty(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in snapshot.items() if value not in (None, [], "")}


def mark_of(source_account: str, source_id: str) -> str:
    """Return the mark for a stream's copy, which is the same in every migration."""
    return MARK_PREFIX + _digest([source_account, source_id])[:20]


@attrs.frozen
class _Plain:
    """Converts values to data without secrets.

    Attributes:
        salt: A salt known only to this migration.
        written: The texts that a ledger stores. Versions differ in which URLs they treat as secret,
            so a text that a ledger stores is written in the same form again.
    """

    salt: str
    written: frozenset[str] = frozenset()

    def __call__(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return list(map(self, value))
        if isinstance(value, RestreamTarget):
            key = value.stream_key
            first = [self._server(value), None if key is None else _hashed(key.reveal(), self.salt)]
            added = self.added(value, RestreamTarget(None), ("url", "stream_key"))
            return [*first, added] if added else first
        if isinstance(value, Playback):
            return self(value.url)
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Mapping):
            text = json.dumps(plain(value), sort_keys=True)
            return _hashed(text, self.salt) if value else None
        return self._text(value) if isinstance(value, str) else value

    def _text(self, value: str) -> str:
        text = str.__str__(value)
        if text in self.written:
            return text
        if isinstance(value, SecretUrl) or self.written:
            hashed = _hashed(text, self.salt)
            if isinstance(value, SecretUrl) or hashed in self.written:
                return hashed
        return text

    def _server(self, target: RestreamTarget) -> Any:
        if target.url and target.stream_key is not None:
            # Another version may have left the key in the URL.
            with_key = address_with_key(target.url, target.stream_key.reveal())
            if with_key in self.written or _hashed(with_key, self.salt) in self.written:
                return self._text(with_key)
        return self(target.url)

    def added(self, value: Any, blank: Any, first: Collection[str]) -> dict[str, Any]:
        """Return the fields that were added to the model later and are not at their default."""
        return {
            field.name: self(getattr(value, field.name))
            for field in attrs.fields(type(value))
            if field.name not in first and getattr(value, field.name) != getattr(blank, field.name)
        }


def _texts(data: Any) -> Iterator[str]:
    """Iterate over every text in JSON data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _texts(item)
    elif isinstance(data, Mapping):
        yield from _texts([*data.values()])


def _hashed(text: str, salt: str) -> str:
    return hmac.new(salt.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:24]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
