"""Strategies for hypothesis: every type of the model, in every valid form.

Each function accepts parts, by the names of the type's fields. A part is a fixed value, or a
strategy for it::

    @given(live_streams(status=live.Status.ENDED, recording=recordings()))
    def test_a_lesson_that_is_over_has_a_link(stream): ...

All other fields have any valid value. Fields do not always agree with each other (a scheduled
stream may have ended): vendors send such data, so an application should tolerate it.
``st.from_type(live.LiveStream)`` works too, because hypothesis finds these strategies
automatically. The module needs the ``testing`` extra.
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
    "WebhookParts",
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
    "webhooks",
]

T = TypeVar("T")

#: A part of a value: fixed, or drawn from a strategy.
Part: TypeAlias = T | SearchStrategy[T]

#: The start of every secret. No other generated text contains it.
MARKER = "s3cr3t-"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The maximum length and offset of a trim in seconds: far more than a stream.
_MAX_TRIM = 10**9


class IngestParts(TypedDict, total=False):
    """Parts of an ingest."""

    url: Part[str | None]
    stream_key: Part[live.Secret | None]
    protocol: Part[str | None]
    passphrase: Part[live.Secret | None]
    expires_at: Part[datetime | None]


class PlaybackParts(TypedDict, total=False):
    """Parts of a playback."""

    url: Part[str | None]
    kind: Part[live.PlaybackKind]
    protection: Part[live.Protection]


class RecordingParts(TypedDict, total=False):
    """Parts of a recording."""

    status: Part[live.RecordingStatus]
    url: Part[str | None]
    dash_url: Part[str | None]
    duration: Part[float | None]
    id: Part[str | None]
    started_at: Part[datetime | None]
    ended_at: Part[datetime | None]


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
    reference: Part[str | None]


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
    reference: Part[str | None]


class EventParts(TypedDict, total=False):
    """Parts of an event."""

    provider: Part[str]
    kind: Part[live.EventKind]
    stream_id: Part[str | None]
    stream: Part[live.LiveStream | None]
    occurred_at: Part[datetime | None]
    raw: Part[live.MaskedMapping | None]
    key: Part[str | None]
    account: Part[str | None]
    event_type: Part[str | None]
    status: Part[live.Status | None]


class WebhookParts(TypedDict, total=False):
    """Parts of a webhook."""

    provider: Part[str]
    id: Part[str]
    url: Part[str | None]
    secret: Part[live.Secret | None]
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
    reference: Part[str | None]


# -- plain values -------------------------------------------------------------------------------


def texts(*, min_size: int = 0, max_size: int = 20) -> SearchStrategy[str]:
    """Generate any text that a vendor can send: any script, emoji, control characters, or empty.

    Args:
        min_size: The minimum number of characters.
        max_size: The maximum number of characters.
    """
    return st.text(st.characters(codec="utf-8"), min_size=min_size, max_size=max_size).filter(
        _shows_no_secret
    )


def titles() -> SearchStrategy[str]:
    """Generate titles that a spec accepts: not blank, on one line, in any script."""
    return st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=60
    ).filter(lambda title: bool(title.strip()) and _shows_no_secret(title))


def ids() -> SearchStrategy[str]:
    """Generate IDs of streams: short words, and some that must be encoded in a path."""
    return _words() | texts(min_size=1)


def tags() -> SearchStrategy[str]:
    """Generate single tags."""
    return _words() | texts()


def instants(
    min_value: datetime | None = None, max_value: datetime | None = None
) -> SearchStrategy[datetime]:
    """Generate instants in UTC, from the year 1 to 9999, with microseconds.

    They shrink towards the year 2000.

    Args:
        min_value: The earliest instant, an aware datetime.
        max_value: The latest instant, an aware datetime.
    """

    def bound(value: datetime | None, otherwise: datetime) -> datetime:
        if value is None:
            return otherwise
        if value.utcoffset() is None:
            raise ValueError("the bounds of instants() must be aware datetimes")
        return value.astimezone(UTC).replace(tzinfo=None)

    # Not to the very ends, which do not exist in other time zones.
    first, last = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001
    return st.datetimes(bound(min_value, first), bound(max_value, last), timezones=st.just(UTC))


def durations() -> SearchStrategy[float]:
    """Generate durations of recordings in seconds, whole or with fractions."""
    return st.integers(0, 10**6) | st.floats(0, 1e6, allow_nan=False)


def secrets(*, marker: str = MARKER) -> SearchStrategy[live.Secret]:
    """Generate secrets, such as stream keys.

    Args:
        marker: The start of each secret, so that a test can search for it in output.
    """
    rest = st.text(st.characters(codec="utf-8"), min_size=0 if marker else 1, max_size=20)
    return rest.map(lambda text: live.Secret(marker + text))


def urls() -> SearchStrategy[str]:
    """Generate URLs of pages, pictures and playlists, without secrets."""
    return st.builds(
        lambda scheme, host, path, suffix: f"{scheme}://{host}.example/{'/'.join(path)}{suffix}",
        st.sampled_from(["https", "http"]),
        _words(),
        st.lists(_words(), max_size=3),
        st.sampled_from(["", ".m3u8", ".mpd", "?a=1", "/%C3%BC"]),
    )


def secret_urls(*, marker: str = MARKER) -> SearchStrategy[live.SecretUrl]:
    """Generate URLs that contain a secret: in the path, as a password, or as a signature.

    Args:
        marker: The start of the secret.
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
    """Generate ingest URLs that an encoder publishes to, without a stream key."""
    return st.builds(
        lambda scheme, host, path: f"{scheme}://{host}.example/{'/'.join(path)}",
        st.sampled_from(["rtmp", "rtmps", "srt"]),
        _words(),
        st.lists(_words(), min_size=1, max_size=2),
    )


def statuses() -> SearchStrategy[live.Status]:
    """Generate statuses, including UNKNOWN."""
    return st.sampled_from(live.Status)


def payloads() -> SearchStrategy[live.MaskedMapping]:
    """Generate values of ``raw`` and ``options``: nested JSON objects with any names."""
    leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts()
    values = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3),
        max_leaves=5,
    )
    return st.dictionaries(texts(), values, max_size=3).map(live.MaskedMapping)


# -- the model ----------------------------------------------------------------------------------


def trims(*, is_relative: bool | None = None) -> SearchStrategy[live.Trim]:
    """Generate trims, some with fractions of seconds.

    Args:
        is_relative: Whether they count from the start of the recording. By default, some do.
    """
    microseconds = st.integers(0, _MAX_TRIM * 10**6)
    lengths = st.integers(1, _MAX_TRIM * 10**6)

    def relative(start: int, length: int) -> live.Trim:
        begins = timedelta(microseconds=start)
        return live.Trim.relative(begins, begins + timedelta(microseconds=length))

    def absolute(start: datetime, length: int) -> live.Trim:
        return live.Trim.absolute(start, start + timedelta(microseconds=length))

    seconds = st.builds(relative, microseconds, lengths)
    # The end, rounded up, must be in the year 9999 at the latest.
    latest = datetime(9999, 12, 29, tzinfo=UTC) - timedelta(seconds=_MAX_TRIM)
    moments = st.builds(absolute, instants(max_value=latest), lengths)
    if is_relative is None:
        return seconds | moments
    return seconds if is_relative else moments


def ingests(**parts: Unpack[IngestParts]) -> SearchStrategy[live.Ingest]:
    """Generate ingests, with and without a stream key, its end, and a passphrase."""
    return _built(
        live.Ingest,
        parts,
        url=servers,
        stream_key=lambda: _optional(secrets()),
        passphrase=lambda: _optional(secrets()),
        expires_at=lambda: _optional(instants()),
    )


def playbacks(**parts: Unpack[PlaybackParts]) -> SearchStrategy[live.Playback]:
    """Generate playbacks."""
    return _built(
        live.Playback,
        parts,
        url=lambda: urls() | secret_urls(),
        kind=lambda: st.sampled_from(live.PlaybackKind),
        protection=lambda: st.sampled_from(live.Protection),
    )


def recordings(**parts: Unpack[RecordingParts]) -> SearchStrategy[live.Recording]:
    """Generate recordings, ready or not."""
    return _built(
        live.Recording,
        parts,
        status=lambda: st.sampled_from(live.RecordingStatus),
        url=lambda: _optional(urls() | secret_urls()),
        dash_url=lambda: _optional(urls() | secret_urls()),
        duration=lambda: _optional(durations()),
        id=lambda: _optional(ids()),
        started_at=lambda: _optional(instants()),
        ended_at=lambda: _optional(instants()),
    )


def restream_targets(
    **parts: Unpack[RestreamTargetParts],
) -> SearchStrategy[live.RestreamTarget]:
    """Generate restream targets.

    Their stream keys contain no spaces or control characters, so that a spec accepts them.
    """
    return _built(
        live.RestreamTarget, parts, url=servers, stream_key=lambda: _optional(_restream_keys())
    )


def _restream_keys() -> SearchStrategy[live.Secret]:
    letters = st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"])
    return st.text(letters, max_size=20).map(lambda text: live.Secret(MARKER + text))


def live_streams(**parts: Unpack[LiveStreamParts]) -> SearchStrategy[live.LiveStream]:
    """Generate live streams as vendors return them, without problems.

    Some have their stream key in a playback URL.
    """
    streams = _built(live.LiveStream, parts, provider=_words, problems=lambda: st.just(()))
    if "playbacks" in parts:
        return streams
    return st.builds(_with_key_in_playback, streams, st.booleans())


def _with_key_in_playback(stream: live.LiveStream, has_key: bool) -> live.LiveStream:
    """Add a playback URL that contains the stream key, as some vendors do."""
    key = next((each.stream_key for each in stream.ingests if each.stream_key), None)
    if key is None or not has_key:
        return stream
    playback = live.Playback(f"https://cdn.example/{key.reveal()}/index.m3u8")
    return attrs.evolve(stream, playbacks=(playback, *stream.playbacks))


def stream_specs(**parts: Unpack[StreamSpecParts]) -> SearchStrategy[live.StreamSpec]:
    """Generate specs of streams to create."""
    return _built(live.StreamSpec, parts, title=titles)


def events(**parts: Unpack[EventParts]) -> SearchStrategy[live.Event]:
    """Generate webhook events, about a live stream or about something else."""
    return _built(
        live.Event,
        parts,
        provider=_words,
        kind=lambda: st.sampled_from(live.EventKind),
        stream_id=lambda: _optional(ids()),
        stream=lambda: _optional(live_streams()),
        occurred_at=lambda: _optional(instants()),
        raw=lambda: _optional(payloads()),
        key=lambda: _optional(ids()),
        account=lambda: _optional(ids()),
    )


def webhooks(**parts: Unpack[WebhookParts]) -> SearchStrategy[live.Webhook]:
    """Generate webhooks of an account."""
    return _built(
        live.Webhook,
        parts,
        provider=_words,
        id=ids,
        url=lambda: urls() | secret_urls(),
        secret=lambda: _optional(secrets()),
        raw=lambda: _optional(payloads()),
    )


def pages(**parts: Unpack[PageParts]) -> SearchStrategy[live.Page]:
    """Generate pages of lists: empty or last ones, with or without a total, all readable."""
    return _built(
        live.Page,
        parts,
        items=lambda: _several(live_streams()),
        next_cursor=lambda: _optional(texts(min_size=1)),
        total=lambda: _optional(st.integers(0, 10**6)),
        unreadable=lambda: st.just(()),
    )


def queries(**parts: Unpack[QueryParts]) -> SearchStrategy[live.Query]:
    """Generate queries for an adapter's list."""
    return _built(
        live.Query,
        parts,
        status=lambda: _optional(statuses()),
        tag=lambda: _optional(tags()),
        starts_after=lambda: _optional(instants()),
        starts_before=lambda: _optional(instants()),
        cursor=lambda: _optional(texts(min_size=1)),
        size=lambda: _optional(st.integers(1, 1000)),
        reference=lambda: _optional(ids()),
    )


def _built(
    kind: type[T], given: Mapping[str, Any], /, **defaults: Callable[[], SearchStrategy[Any]]
) -> SearchStrategy[T]:
    """Generate values of a class from given parts and default ones."""
    known = table(kind)
    parts = {
        name: defaults[name]() if name in defaults else _value_of(field)
        for name, field in known.items()
        if name not in given and (name in defaults or field.owner is not None)
    }
    for name, part in given.items():
        if name not in known:
            raise TypeError(f"{kind.__name__} has no part {name!r}")
        parts[name] = part if isinstance(part, SearchStrategy) else st.just(part)
    model: Any = kind
    arguments = {field.name: field.alias for field in attrs.fields(model)}
    return st.builds(kind, **{arguments[name]: part for name, part in parts.items()})


def _value_of(field: FieldFacts) -> SearchStrategy[Any]:
    """Generate values of a field of a stream or a spec."""
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
    Kind.NUMBER: lambda: st.integers(0, 10**6),
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
