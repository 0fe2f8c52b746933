"""Strategies for hypothesis: every type of the model, in every form that it can have.

Each function takes parts that are to be fixed, by the names of the type's fields: a value, or a
strategy for it::

    @given(live_streams(status=live.Status.ENDED, recording=recordings()))
    def test_a_lesson_that_is_over_has_a_link(stream): ...

The rest is anything that is valid. Parts do not always agree with each other (a stream that is
scheduled may have ended): vendors send such things, so an application should bear them.
``st.from_type(live.LiveStream)`` works as well, since hypothesis finds these by itself. Needs the
extra ``testing``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypedDict, TypeVar, Unpack

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import livestream_core as live

from .._model.fields import FieldFacts, Kind, Owner, table

__all__ = [
    "EventParts",
    "IngestParts",
    "LiveStreamParts",
    "PageParts",
    "PlaybackParts",
    "QueryParts",
    "RecordingParts",
    "RestreamTargetParts",
    "StreamSpecParts",
    "durations",
    "events",
    "ids",
    "ingests",
    "instants",
    "live_streams",
    "pages",
    "payloads",
    "playbacks",
    "queries",
    "recordings",
    "restream_targets",
    "secret_urls",
    "secrets",
    "servers",
    "statuses",
    "stream_specs",
    "tags",
    "texts",
    "titles",
    "trims",
    "urls",
]

T = TypeVar("T")

#: A part of a value: fixed, or drawn from a strategy.
Part: TypeAlias = T | SearchStrategy[T]

#: Where everything that is secret begins: no other text that is made here has it.
MARKER = "s3cr3t-"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The longest that a trim may last, or begin after the start: far more than a stream.
_LONGEST_TRIM = 10**9


class IngestParts(TypedDict, total=False):
    """Parts of an ingest."""

    url: Part[str | None]
    stream_key: Part[live.Secret | None]
    protocol: Part[str | None]
    passphrase: Part[live.Secret | None]


class PlaybackParts(TypedDict, total=False):
    """Parts of a playback."""

    url: Part[str | None]
    kind: Part[live.PlaybackKind]


class RecordingParts(TypedDict, total=False):
    """Parts of a recording."""

    status: Part[live.RecordingStatus]
    url: Part[str | None]
    dash_url: Part[str | None]
    duration: Part[float | None]


class RestreamTargetParts(TypedDict, total=False):
    """Parts of a restream target."""

    url: Part[str]
    stream_key: Part[live.Secret | None]


class LiveStreamParts(TypedDict, total=False):
    """Parts of a live stream."""

    provider: Part[str]
    id: Part[str]
    title: Part[str]
    description: Part[str | None]
    status: Part[live.Status]
    provider_status: Part[str | None]
    scheduled_start: Part[datetime | None]
    started_at: Part[datetime | None]
    ended_at: Part[datetime | None]
    created_at: Part[datetime | None]
    updated_at: Part[datetime | None]
    ingests: Part[tuple[live.Ingest, ...]]
    playbacks: Part[tuple[live.Playback, ...]]
    record: Part[bool | None]
    recording: Part[live.Recording | None]
    recording_drm: Part[bool | None]
    restreams: Part[tuple[live.RestreamTarget, ...]]
    tags: Part[tuple[str, ...]]
    thumbnail_url: Part[str | None]
    chat_url: Part[str | None]
    latency: Part[live.Latency | None]
    raw: Part[live.MaskedMapping | None]
    problems: Part[tuple[str, ...]]


class StreamSpecParts(TypedDict, total=False):
    """Parts of a stream spec."""

    title: Part[str]
    description: Part[str | None]
    scheduled_start: Part[datetime | None]
    record: Part[bool | None]
    recording_drm: Part[bool | None]
    latency: Part[live.Latency | None]
    tags: Part[tuple[str, ...]]
    thumbnail_url: Part[str | None]
    playback_url: Part[str | None]
    restreams: Part[tuple[live.RestreamTarget, ...]]
    options: Part[live.MaskedMapping]


class EventParts(TypedDict, total=False):
    """Parts of an event."""

    provider: Part[str]
    kind: Part[live.EventKind]
    stream_id: Part[str | None]
    stream: Part[live.LiveStream | None]
    occurred_at: Part[datetime | None]
    raw: Part[live.MaskedMapping | None]


class PageParts(TypedDict, total=False):
    """Parts of a page."""

    items: Part[tuple[live.LiveStream, ...]]
    next_cursor: Part[str | None]
    total: Part[int | None]
    unreadable: Part[tuple[live.Unreadable, ...]]


class QueryParts(TypedDict, total=False):
    """Parts of a query."""

    status: Part[live.Status | None]
    tag: Part[str | None]
    starts_after: Part[datetime | None]
    starts_before: Part[datetime | None]
    cursor: Part[str | None]
    size: Part[int | None]


# -- plain values -------------------------------------------------------------------------------


def texts(*, min_size: int = 0, max_size: int = 20) -> SearchStrategy[str]:
    """Any text that a vendor can send: other scripts, emoji, control characters, nothing at all.

    Args:
        min_size: At least so many characters.
        max_size: At most so many.
    """
    return st.text(st.characters(codec="utf-8"), min_size=min_size, max_size=max_size).filter(
        _shows_no_secret
    )


def titles() -> SearchStrategy[str]:
    """Titles as a spec takes them: not blank, on one line, in any script."""
    return st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=60
    ).filter(lambda title: bool(title.strip()) and _shows_no_secret(title))


def ids() -> SearchStrategy[str]:
    """Ids of streams: short words, and now and then what has to be encoded in a path."""
    return _words() | texts(min_size=1)


def tags() -> SearchStrategy[str]:
    """Single tags."""
    return _words() | texts()


def instants(
    min_value: datetime | None = None, max_value: datetime | None = None
) -> SearchStrategy[datetime]:
    """Instants in UTC, from the year 1 to 9999, with microseconds. They shrink towards 2000.

    Args:
        min_value: Not before this aware datetime.
        max_value: Not after it.
    """

    def bound(value: datetime | None, otherwise: datetime) -> datetime:
        if value is None:
            return otherwise
        if value.utcoffset() is None:
            raise ValueError("a bound of instants() is an aware datetime")
        return value.astimezone(UTC).replace(tzinfo=None)

    # Not to the very ends: there would be no such time in other zones.
    first, last = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001
    return st.datetimes(bound(min_value, first), bound(max_value, last), timezones=st.just(UTC))


def durations() -> SearchStrategy[float]:
    """Lengths of recordings in seconds, whole or not."""
    return st.integers(0, 10**6) | st.floats(0, 1e6, allow_nan=False)


def secrets(*, marker: str = MARKER) -> SearchStrategy[live.Secret]:
    """Secrets, such as stream keys.

    Args:
        marker: What each begins with, so that a test can look for it in whatever was printed.
    """
    rest = st.text(st.characters(codec="utf-8"), min_size=0 if marker else 1, max_size=20)
    return rest.map(lambda text: live.Secret(marker + text))


def urls() -> SearchStrategy[str]:
    """Addresses of pages, pictures and playlists, which show no secret."""
    return st.builds(
        lambda scheme, host, path, suffix: f"{scheme}://{host}.example/{'/'.join(path)}{suffix}",
        st.sampled_from(["https", "http"]),
        _words(),
        st.lists(_words(), max_size=3),
        st.sampled_from(["", ".m3u8", ".mpd", "?a=1", "/%C3%BC"]),
    )


def secret_urls(*, marker: str = MARKER) -> SearchStrategy[live.SecretUrl]:
    """Addresses that contain a secret: in the path, as a password, or as a signature.

    Args:
        marker: What the secret begins with.
    """
    return st.builds(
        lambda form, host, word: live.SecretUrl(form.format(host=host, secret=marker + word)),
        st.sampled_from(
            [
                "https://{host}.example/{secret}/index.m3u8",
                "https://{host}.example/index.m3u8?token={secret}",
                "https://user:{secret}@{host}.example/",
            ]
        ),
        _words(),
        _words(),
    )


def servers() -> SearchStrategy[str]:
    """Servers that an encoder sends to, without a key."""
    return st.builds(
        lambda scheme, host, path: f"{scheme}://{host}.example/{'/'.join(path)}",
        st.sampled_from(["rtmp", "rtmps", "srt"]),
        _words(),
        st.lists(_words(), min_size=1, max_size=2),
    )


def statuses() -> SearchStrategy[live.Status]:
    """Every status, UNKNOWN among them."""
    return st.sampled_from(live.Status)


def payloads() -> SearchStrategy[live.MaskedMapping]:
    """What ``raw`` and ``options`` hold: objects of JSON, nested, with any names."""
    leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts()
    values = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3),
        max_leaves=5,
    )
    return st.dictionaries(texts(), values, max_size=3).map(live.MaskedMapping)


# -- the model ----------------------------------------------------------------------------------


def trims(*, is_relative: bool | None = None) -> SearchStrategy[live.Trim]:
    """Trims, with fractions of seconds too.

    Args:
        is_relative: Whether they count from the start of the recording; by default some do.
    """
    microseconds = st.integers(0, _LONGEST_TRIM * 10**6)
    lengths = st.integers(1, _LONGEST_TRIM * 10**6)

    def relative(start: int, length: int) -> live.Trim:
        begins = timedelta(microseconds=start)
        return live.Trim.relative(begins, begins + timedelta(microseconds=length))

    def absolute(start: datetime, length: int) -> live.Trim:
        return live.Trim.absolute(start, start + timedelta(microseconds=length))

    seconds = st.builds(relative, microseconds, lengths)
    # It must end, rounded up, within the years that there are.
    latest = datetime(9999, 12, 29, tzinfo=UTC) - timedelta(seconds=_LONGEST_TRIM)
    moments = st.builds(absolute, instants(max_value=latest), lengths)
    if is_relative is None:
        return seconds | moments
    return seconds if is_relative else moments


def ingests(**parts: Unpack[IngestParts]) -> SearchStrategy[live.Ingest]:
    """Where encoders send to, with a stream key and a passphrase, and without."""
    return _built(
        live.Ingest,
        parts,
        url=servers,
        stream_key=lambda: _optional(secrets()),
        passphrase=lambda: _optional(secrets()),
    )


def playbacks(**parts: Unpack[PlaybackParts]) -> SearchStrategy[live.Playback]:
    """Where viewers watch."""
    return _built(
        live.Playback,
        parts,
        url=lambda: urls() | secret_urls(),
        kind=lambda: st.sampled_from(live.PlaybackKind),
    )


def recordings(**parts: Unpack[RecordingParts]) -> SearchStrategy[live.Recording]:
    """Recordings, ready or not."""
    return _built(
        live.Recording,
        parts,
        status=lambda: st.sampled_from(live.RecordingStatus),
        url=lambda: _optional(urls() | secret_urls()),
        dash_url=lambda: _optional(urls() | secret_urls()),
        duration=lambda: _optional(durations()),
    )


def restream_targets(
    **parts: Unpack[RestreamTargetParts],
) -> SearchStrategy[live.RestreamTarget]:
    """Platforms that a stream is forwarded to. Their keys have no blanks and no control characters,
    so that a spec takes them too.
    """
    return _built(
        live.RestreamTarget, parts, url=servers, stream_key=lambda: _optional(_given_keys())
    )


def _given_keys() -> SearchStrategy[live.Secret]:
    letters = st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"])
    return st.text(letters, max_size=20).map(lambda text: live.Secret(MARKER + text))


def live_streams(**parts: Unpack[LiveStreamParts]) -> SearchStrategy[live.LiveStream]:
    """Live streams as vendors show them, without problems. The stream key is in the playbacks of
    some.
    """
    streams = _built(live.LiveStream, parts, provider=_words, problems=lambda: st.just(()))
    if "playbacks" in parts:
        return streams
    return st.builds(_with_key_in_playback, streams, st.booleans())


def _with_key_in_playback(stream: live.LiveStream, is_there: bool) -> live.LiveStream:
    """Some vendors name their playlists by the stream key."""
    key = next((each.stream_key for each in stream.ingests if each.stream_key), None)
    if key is None or not is_there:
        return stream
    playback = live.Playback(f"https://cdn.example/{key.reveal()}/index.m3u8")
    return attrs.evolve(stream, playbacks=(playback, *stream.playbacks))


def stream_specs(**parts: Unpack[StreamSpecParts]) -> SearchStrategy[live.StreamSpec]:
    """What a stream may be asked to be."""
    return _built(live.StreamSpec, parts, title=titles)


def events(**parts: Unpack[EventParts]) -> SearchStrategy[live.Event]:
    """Webhook deliveries, about a live stream and about something else."""
    return _built(
        live.Event,
        parts,
        provider=_words,
        kind=lambda: st.sampled_from(live.EventKind),
        stream_id=lambda: _optional(ids()),
        stream=lambda: _optional(live_streams()),
        occurred_at=lambda: _optional(instants()),
        raw=lambda: _optional(payloads()),
    )


def pages(**parts: Unpack[PageParts]) -> SearchStrategy[live.Page]:
    """Pages of lists: empty ones, last ones, with a total and without. All on them was read."""
    return _built(
        live.Page,
        parts,
        items=lambda: _several(live_streams()),
        next_cursor=lambda: _optional(texts(min_size=1)),
        total=lambda: _optional(st.integers(0, 10**6)),
        unreadable=lambda: st.just(()),
    )


def queries(**parts: Unpack[QueryParts]) -> SearchStrategy[live.Query]:
    """What an adapter's list may be asked for."""
    return _built(
        live.Query,
        parts,
        status=lambda: _optional(statuses()),
        tag=lambda: _optional(tags()),
        starts_after=lambda: _optional(instants()),
        starts_before=lambda: _optional(instants()),
        cursor=lambda: _optional(texts(min_size=1)),
        size=lambda: _optional(st.integers(1, 1000)),
    )


def _built(
    kind: type[T], given: Mapping[str, Any], /, **usual: Callable[[], SearchStrategy[Any]]
) -> SearchStrategy[T]:
    """Values of a class, of given parts and usual ones."""
    known = table(kind)
    parts = {
        name: usual[name]() if name in usual else _value_of(field)
        for name, field in known.items()
        if name not in given and (name in usual or field.owner is not None)
    }
    for name, part in given.items():
        if name not in known:
            raise TypeError(f"{kind.__name__} has no part {name!r}")
        parts[name] = part if isinstance(part, SearchStrategy) else st.just(part)
    attrs_class: Any = kind
    arguments = {each.name: each.alias for each in attrs.fields(attrs_class)}
    return st.builds(kind, **{arguments[name]: part for name, part in parts.items()})


def _value_of(field: FieldFacts) -> SearchStrategy[Any]:
    """Anything that a field of a stream, or of a spec, may have."""
    value: SearchStrategy[Any]
    if field.examples:
        value = st.sampled_from(field.examples)
        return value if field.is_required else st.just(field.default) | value
    if field.kind is Kind.PART:
        value = _BY_PART[field.part]()
    elif field.words is not None:
        value = st.sampled_from(field.words)
    elif field.kind is Kind.URL and field.owner is Owner.VENDOR and field.feature is None:
        value = urls() | secret_urls()
    else:
        value = _BY_KIND[field.kind]()
    if field.default == ():
        return _several(value)
    return _optional(value) if field.default is None else value


_BY_KIND: Mapping[Kind | None, Callable[[], SearchStrategy[Any]]] = {
    Kind.TEXT: texts,
    Kind.IDENTIFIER: ids,
    Kind.TEXTS: tags,
    Kind.FLAG: st.booleans,
    Kind.INSTANT: instants,
    Kind.SECONDS: durations,
    Kind.URL: urls,
    Kind.SECRET: secrets,
    Kind.DATA: payloads,
}
_BY_PART: Mapping[Any, Callable[[], SearchStrategy[Any]]] = {
    live.Ingest: ingests,
    live.Playback: playbacks,
    live.Recording: recordings,
    live.RestreamTarget: restream_targets,
}


def _optional(strategy: SearchStrategy[T]) -> SearchStrategy[T | None]:
    return st.none() | strategy


def _several(strategy: SearchStrategy[T]) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


def _words() -> SearchStrategy[str]:
    return st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)


def _shows_no_secret(text: str) -> bool:
    return MARKER not in text
