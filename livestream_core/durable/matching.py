"""Whether a stream matches a spec, as far as the stream can be read."""

from __future__ import annotations

import hashlib
import html
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from .._contract.capabilities import Capabilities, Feature
from .._model.fields import FieldFacts, Kind, Owner, facts_of
from .._model.stream import LiveStream, RestreamTarget, StreamSpec, field_of

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


def words(text: str | None) -> str:
    """Return a text in the form used for comparison, because vendors trim and normalize."""
    return " ".join(unicodedata.normalize("NFC", text or "").split())


def resembles(title: str, shown: str) -> bool:
    """Return whether a vendor may have made one title from another.

    Vendors escape or drop characters, change the case, and shorten long titles.
    """
    wanted, found = _letters(title), _letters(shown)
    if not found:
        return not wanted
    return found == wanted or (len(found) >= _SHORTENED and wanted.startswith(found))


#: The fewest letters of a title that counts as a shortened one.
_SHORTENED = 20


def _letters(title: str) -> str:
    text = unicodedata.normalize("NFKC", html.unescape(title)).casefold()
    return "".join(filter(str.isalnum, text))


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
        return digest_of(
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

    def may_be_confused(self, spec: StreamSpec, other: StreamSpec) -> bool:
        """Return whether one stream could have been created from either of two specs."""
        return all(
            _agree_as_specs(facts, getattr(spec, facts.name), getattr(other, facts.name))
            for facts in self._returned(IDENTIFYING)
        )

    def is_nearly_same(self, spec: StreamSpec, stream: LiveStream) -> bool:
        """Return whether the vendor may have made a stream from a spec and changed its values.

        Its title is a shortened or otherwise altered form of the requested one, or a value that
        vendors echo differs; the rest agrees.
        """
        if not self.name_of(spec):
            return False
        wrong = [facts for facts in self._returned(IDENTIFYING) if not _agree(facts, spec, stream)]
        return bool(wrong) and all(
            facts.owner is Owner.ECHOED
            or (facts.name == "title" and resembles(spec.title, stream.title))
            for facts in wrong
        )

    def identity(self, spec: StreamSpec) -> tuple[Any, ...]:
        """Return what two specs have in common if the same streams are recognized as theirs."""
        values = (getattr(spec, facts.name) for facts in self._returned(IDENTIFYING))
        return tuple(
            tuple(each.url for each in value) if value and value is spec.restreams else value
            for value in values
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


def slim(stream: LiveStream) -> LiveStream:
    """Return a stream without the fields by which it is not identified, which takes less memory."""
    small = object.__new__(LiveStream)
    for name, absent in _SLIM.items():
        object.__setattr__(small, name, getattr(stream, name) if name in _KEPT else absent)
    return small


_KEPT = frozenset(
    {
        *("provider", "id", "title", "status", "created_at", "problems"),
        *(facts.shown_as for facts in IDENTIFYING),
    }
)
_SLIM = {field.name: field.default for field in attrs.fields(LiveStream)}


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
    if facts.kind is Kind.INSTANT and value is not None:
        return value.replace(microsecond=0)  # vendors show times in whole seconds
    return frozenset(value) if facts.kind is Kind.TEXTS else value


def _agree_as_specs(facts: FieldFacts, wanted: Any, other: Any) -> bool:
    if facts.owner is not Owner.CALLER and (wanted in _UNSET or other in _UNSET):
        return True
    if facts.part is not None:
        return len(wanted) == len(other)  # URLs with a secret are not stored
    return bool(_compared(facts, wanted) == _compared(facts, other))


_UNSET: tuple[Any, ...] = (None, ())
_EMPTY: tuple[Any, ...] = (*_UNSET, "")


def _targets_agree(wanted: Sequence[RestreamTarget], shown: Sequence[RestreamTarget]) -> bool:
    # A ledger does not store URLs that contain a password. A missing URL matches any.
    planned = Counter(each.url for each in wanted if each.url is not None)
    return len(wanted) == len(shown) and planned <= Counter(each.url for each in shown)


def digest_of(value: Any) -> str:
    """Return a digest of JSON data."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
