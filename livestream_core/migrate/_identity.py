"""When a stream is what a spec asked for, and whether a stream is still what it was."""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from .._masked import plain
from .._model import LiveStream, Playback, RestreamTarget, StreamSpec
from .._secret import SecretUrl

#: Tags that begin so are marks of ours.
MARK_PREFIX = "livestream-core:"

#: Fields of a spec that vendors give back as they were given. The others are shown by some as
#: something else (a recording that was asked for as not asked for, an uploaded picture instead
#: of the one that was named), so they cannot tell one stream from another.
ECHOED = ("title", "scheduled_start", "description", "tags", "playback_url", "latency", "restreams")
COMPARED = (*ECHOED, "record", "recording_drm", "thumbnail_url")

#: Fields of a source stream that its copy is made from, besides its status.
SOURCE_FIELDS = (
    "title",
    "description",
    "status",
    "scheduled_start",
    "record",
    "recording_drm",
    "latency",
    "tags",
    "thumbnail_url",
    "playbacks",
    "restreams",
)


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
    spec: StreamSpec, stream: LiveStream, fields: Iterable[str] = COMPARED
) -> tuple[str, ...]:
    """The fields in which a stream is not what was asked for. What was not asked for, and what
    the vendor does not show, is no difference."""
    return tuple(name for name in fields if not _AGREES[name](spec, stream))


def is_same(spec: StreamSpec, stream: LiveStream) -> bool:
    """Whether a stream may have been made from a spec."""
    return not differences(spec, stream, ECHOED)


def _texts_agree(name: str) -> Callable[[StreamSpec, LiveStream], bool]:
    def agrees(spec: StreamSpec, stream: LiveStream) -> bool:
        return words(getattr(spec, name)) == words(getattr(stream, name))

    return agrees


def _unless_unsaid(name: str) -> Callable[[StreamSpec, LiveStream], bool]:
    def agrees(spec: StreamSpec, stream: LiveStream) -> bool:
        wanted, shown = getattr(spec, name), getattr(stream, name)
        return wanted is None or shown is None or wanted == shown

    return agrees


def _playback_agrees(spec: StreamSpec, stream: LiveStream) -> bool:
    if spec.playback_url is None:
        return True
    return not stream.playbacks or any(
        str.__str__(each.url or "") == spec.playback_url for each in stream.playbacks
    )


def _restreams_agree(spec: StreamSpec, stream: LiveStream) -> bool:
    if not spec.restreams or not stream.restreams:
        return True
    # A ledger keeps no address that has a password in it: it stands for any.
    wanted = Counter(each.url for each in spec.restreams if each.url is not None)
    shown = Counter(each.url for each in stream.restreams)
    return len(spec.restreams) == len(stream.restreams) and wanted <= shown


def _tags_agree(spec: StreamSpec, stream: LiveStream) -> bool:
    return set(spec.tags) == set(stream.tags)


_AGREES: Mapping[str, Callable[[StreamSpec, LiveStream], bool]] = {
    "title": _texts_agree("title"),
    "description": _texts_agree("description"),
    "scheduled_start": _unless_unsaid("scheduled_start"),
    "tags": _tags_agree,
    "playback_url": _playback_agrees,
    "latency": _unless_unsaid("latency"),
    "restreams": _restreams_agree,
    "record": _unless_unsaid("record"),
    "recording_drm": _unless_unsaid("recording_drm"),
    "thumbnail_url": _unless_unsaid("thumbnail_url"),
}


# -- whether something changed --------------------------------------------------------------


def snapshot(stream: LiveStream, salt: str) -> dict[str, Any]:
    """What of a source stream its copy is made from, without secrets: each is replaced by a
    digest that only shows whether it changed.

    Args:
        stream: The stream.
        salt: Known to this migration alone.
    """
    values = {name: _plain(getattr(stream, name), salt) for name in SOURCE_FIELDS}
    return {name: value for name, value in values.items() if value not in (None, [], "")}


def digest(source: Mapping[str, Any], spec: StreamSpec | None, salt: str) -> str:
    """Changes whenever the source stream, or what is made of it, does."""
    made = None
    if spec is not None:
        made = {
            field.name: _plain(getattr(spec, field.name), salt)
            for field in attrs.fields(StreamSpec)
        }
    return _digest([source, made])


def mark_of(source_account: str, source_id: str) -> str:
    """The mark of what is made of a stream: the same in every migration."""
    return MARK_PREFIX + _digest([source_account, source_id])[:20]


def _plain(value: Any, salt: str) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each, salt) for each in value]
    if isinstance(value, RestreamTarget):
        key = value.stream_key
        return [_plain(value.url, salt), None if key is None else _hidden(key.reveal(), salt)]
    if isinstance(value, Playback):
        return _plain(value.url, salt)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _hidden(json.dumps(plain(value), sort_keys=True), salt) if value else None
    if isinstance(value, SecretUrl):
        return _hidden(str.__str__(value), salt)
    return str(value) if isinstance(value, str) else value


def _hidden(text: str, salt: str) -> str:
    return hmac.new(salt.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:24]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
