"""When a stream is what a spec asked for, and whether a stream is still what it was."""

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

from ..._model.fields import FieldFacts, Kind, Owner, facts_of
from ..._model.stream import LiveStream, Playback, RestreamTarget, StreamSpec, field_of
from ..._model.urls import address_with_key
from ..._secrets.masked_mapping import plain
from ..._secrets.secret import SecretUrl

#: Tags that begin so are marks of ours.
MARK_PREFIX = "livestream-core:"

#: The fields of a spec that can be compared with those of a stream.
COMPARED = tuple(facts for facts in facts_of(StreamSpec) if facts.owner is not Owner.NONE)
#: Those that tell one stream from another: of the others vendors may show something else (a
#: recording that was asked for as not asked for, an uploaded picture instead of the one that was
#: named).
IDENTIFYING = tuple(facts for facts in COMPARED if facts.owner is not Owner.VENDOR)
_COMPARED_AS = frozenset(facts.shown_as for facts in COMPARED)

#: Fields of a source stream that its copy is made from, and its status.
SOURCE_FIELDS = ("status", *(facts.shown_as for facts in COMPARED))

#: Fields of a spec that are digested always. Those that came later are left out at their default,
#: so that no digest changes because the model grew.
_FIRST_FIELDS = tuple(facts.name for facts in facts_of(StreamSpec) if facts.always_digested)
_FIRST_SHOWN = ("status", *(facts.shown_as for facts in COMPARED if facts.always_digested))


def words(text: str | None) -> str:
    """A text as vendors may show it: they trim and normalise."""
    return " ".join(unicodedata.normalize("NFC", text or "").split())


def group_key(spec: StreamSpec, *, by_title: bool = False) -> str:
    """Equal for all specs whose streams could be taken for each other. Creates of one group
    never overlap.

    Args:
        spec: The spec.
        by_title: Whether there are specs of this title without a start: theirs could be taken
            for any other of that title.
    """
    start = None if by_title else spec.scheduled_start
    named = [words(spec.title), None if start is None else int(start.timestamp() // 60)]
    return _digest(named)


def differences(
    spec: StreamSpec, stream: LiveStream, fields: Iterable[FieldFacts] = COMPARED
) -> tuple[str, ...]:
    """The fields in which a stream is not what was asked for. What was not asked for, and what
    the vendor does not show, is no difference.
    """
    return tuple(facts.name for facts in fields if not _agree(facts, spec, stream))


def is_same(spec: StreamSpec, stream: LiveStream) -> bool:
    """Whether a stream may have been made from a spec."""
    return not differences(spec, stream, IDENTIFYING)


def may_be_same(spec: StreamSpec, stream: LiveStream) -> bool:
    """Whether a stream may have been made from a spec, as far as the stream can be read."""
    unread = unread_fields(stream)
    return all(facts.shown_as in unread or _agree(facts, spec, stream) for facts in IDENTIFYING)


def unread_fields(stream: LiveStream) -> frozenset[str]:
    """Return the fields of a stream that have a problem, of those that can be compared."""
    return frozenset(map(field_of, stream.problems)) & _COMPARED_AS


def _agree(facts: FieldFacts, spec: StreamSpec, stream: LiveStream) -> bool:
    wanted, shown = getattr(spec, facts.name), getattr(stream, facts.shown_as)
    if facts.owner is not Owner.CALLER and (wanted in _UNSAID or shown in _UNSAID):
        return True
    if facts.shown_as != facts.name:
        return any(wanted == str.__str__(part.url or "") for part in shown)
    if facts.part is RestreamTarget:
        return _targets_agree(wanted, shown)
    if facts.kind is Kind.TEXT:
        return words(wanted) == words(shown)
    if facts.kind is Kind.TEXTS:
        return set(wanted) == set(shown)
    return bool(wanted == shown)


_UNSAID: tuple[Any, ...] = (None, ())


def _targets_agree(wanted: Sequence[RestreamTarget], shown: Sequence[RestreamTarget]) -> bool:
    # A ledger keeps no address that has a password in it: it stands for any.
    asked = Counter(each.url for each in wanted if each.url is not None)
    return len(wanted) == len(shown) and asked <= Counter(each.url for each in shown)


# -- whether something changed --------------------------------------------------------------


def snapshot(
    stream: LiveStream, salt: str, like: Mapping[str, Any] | None = None, written: Any = None
) -> dict[str, Any]:
    """What of a source stream its copy is made from, without secrets: each is replaced by a
    digest that only shows whether it changed.

    Args:
        stream: The stream.
        salt: Known to this migration alone.
        like: An earlier snapshot, to compare with this one: fields that were not known to the
            version that made it are left out.
        written: All that a ledger holds of the stream; by default the earlier snapshot.
    """
    plain_of = _Plain(salt, frozenset(_texts(like if written is None else written)))
    values = {name: plain_of(getattr(stream, name)) for name in SOURCE_FIELDS}
    said = _said({name: value for name, value in values.items() if name in _FIRST_SHOWN})
    # Of fields that came later it is noted that they say nothing.
    later = {name: value for name, value in values.items() if name not in _FIRST_SHOWN}
    return said | {name: later[name] for name in later if like is None or name in like}


def digest(source: Mapping[str, Any], spec: StreamSpec | None, salt: str, like: Any = None) -> str:
    """Changes whenever the source stream, or what is made of it, does; and only then.

    Args:
        source: The snapshot of the source stream.
        spec: What is made of it.
        salt: Known to this migration alone.
        like: What a ledger holds of both, to compare with its digest.
    """
    made = None
    if spec is not None:
        plain_of = _Plain(salt, frozenset(_texts(like)))
        made = {name: plain_of(getattr(spec, name)) for name in _FIRST_FIELDS}
        made |= plain_of.added(spec, StreamSpec(title="-"), _FIRST_FIELDS)
    return _digest([_said(source), made])


def _said(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in snapshot.items() if value not in (None, [], "")}


def mark_of(source_account: str, source_id: str) -> str:
    """The mark of what is made of a stream: the same in every migration."""
    return MARK_PREFIX + _digest([source_account, source_id])[:20]


@attrs.frozen
class _Plain:
    """Values as data that shows no secret.

    Attributes:
        salt: Known to this migration alone.
        written: Texts that a ledger holds. Which addresses hold a secret is not the same in every
            version: what a ledger holds is written in the same way again.
    """

    salt: str
    written: frozenset[str] = frozenset()

    def __call__(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return list(map(self, value))
        if isinstance(value, RestreamTarget):
            key = value.stream_key
            told = [self._server(value), None if key is None else _hidden(key.reveal(), self.salt)]
            added = self.added(value, RestreamTarget(None), ("url", "stream_key"))
            return [*told, added] if added else told
        if isinstance(value, Playback):
            return self(value.url)
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Mapping):
            text = json.dumps(plain(value), sort_keys=True)
            return _hidden(text, self.salt) if value else None
        return self._text(value) if isinstance(value, str) else value

    def _text(self, value: str) -> str:
        text = str.__str__(value)
        if text in self.written:
            return text
        if isinstance(value, SecretUrl) or self.written:
            hidden = _hidden(text, self.salt)
            if isinstance(value, SecretUrl) or hidden in self.written:
                return hidden
        return text

    def _server(self, target: RestreamTarget) -> Any:
        if target.url and target.stream_key is not None:
            # A version may have left the key in the address.
            whole = address_with_key(target.url, target.stream_key.reveal())
            if whole in self.written or _hidden(whole, self.salt) in self.written:
                return self._text(whole)
        return self(target.url)

    def added(self, value: Any, blank: Any, first: Collection[str]) -> dict[str, Any]:
        """The fields that the model has got since, where they say anything."""
        return {
            field.name: self(getattr(value, field.name))
            for field in attrs.fields(type(value))
            if field.name not in first and getattr(value, field.name) != getattr(blank, field.name)
        }


def _texts(data: Any) -> Iterator[str]:
    """Every text in some JSON."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _texts(item)
    elif isinstance(data, Mapping):
        yield from _texts([*data.values()])


def _hidden(text: str, salt: str) -> str:
    return hmac.new(salt.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:24]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
