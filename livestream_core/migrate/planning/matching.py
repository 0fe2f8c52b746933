"""What a migration compares: whether a stream or its spec has changed since the plan."""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs

from ..._model.fields import facts_of
from ..._model.stream import LiveStream, Playback, RestreamTarget, StreamSpec
from ..._model.urls import address_with_key
from ..._secrets.masked_mapping import plain
from ..._secrets.secret import SecretUrl
from ...durable.matching import COMPARED, digest_of
from ..values import MARK_PREFIX

#: The fields of a source stream that its copy is made from, and its status.
SOURCE_FIELDS = ("status", *(facts.shown_as for facts in COMPARED))

#: The fields of a spec that are always in its digest. Fields added later are left out at their
#: default, so that no digest changes because the model grew.
_FIRST_FIELDS = tuple(facts.name for facts in facts_of(StreamSpec) if facts.always_digested)
_FIRST_SHOWN = ("status", *(facts.shown_as for facts in COMPARED if facts.always_digested))


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
    return digest_of([_nonempty(source), values])


def _nonempty(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in snapshot.items() if value not in (None, [], "")}


def mark_of(source_account: str, source_id: str) -> str:
    """Return the mark for a stream's copy, which is the same in every migration."""
    return MARK_PREFIX + digest_of([source_account, source_id])[:20]


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
