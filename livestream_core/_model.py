"""The neutral model: what a live stream is, whoever hosts it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, ClassVar, Self, TypeAlias

import attrs

from . import _convert as c
from ._convert import named_fields
from ._errors import READERS, InvalidInput
from ._init import init_on_first_use, unchanged_if
from ._masked import MaskedMapping, plain, without_secrets
from ._secret import Secret, SecretUrl
from ._spellings import KnownSecrets, may_show
from ._status import Status
from ._urls import (
    PlaybackKind,
    has_control,
    key_problem,
    playback_kind,
    publish_url,
    scheme,
    server_url,
    without_key,
)


class Latency(StrEnum):
    """How far viewers are behind the encoder."""

    NORMAL = "normal"
    """What the vendor does unless told; usually ten seconds and more."""
    LOW = "low"
    """A few seconds."""
    ULTRA_LOW = "ultra_low"
    """About a second."""


class RecordingStatus(StrEnum):
    """How far a recording is."""

    PENDING = "pending"
    """There will be one; nothing was done for it yet."""
    PROCESSING = "processing"
    """It is being made."""
    READY = "ready"
    """It can be watched."""
    FAILED = "failed"
    """It could not be made."""
    UNKNOWN = "unknown"
    """The vendor does not say."""


class EventKind(StrEnum):
    """What a webhook delivery is about."""

    STREAM_CHANGED = "stream_changed"
    """Something about a live stream changed; the event has the stream as it is now."""
    OTHER = "other"
    """Verified, and not about a live stream."""


class _Value:
    """Turns a value into plain JSON data and back."""

    __slots__ = ()
    #: Fields that hold other values of the model.
    _parts: ClassVar[Mapping[str, type[_Value]]] = {}

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        # Not by assignment: type checkers would take it for a method that all values inherit.
        setattr(cls, "__init__", init_on_first_use(cls))  # noqa: B010

    def to_dict(self, *, secrets: bool = False, playback: bool = False) -> dict[str, Any]:
        """Return the value as data that ``json.dumps`` takes.

        Args:
            secrets: Whether secrets, and URLs that contain one, are included. Without them the
                data reads back with ``None`` in their place.
            playback: Whether the addresses that viewers get are included even if they contain a
                secret: those of playbacks and recordings.
        """
        data: dict[str, Any] = {}
        secret_urls = []
        for field in _fields(type(self)):
            value = getattr(self, field.name)
            if isinstance(value, (Secret, SecretUrl, MaskedMapping)):
                if not (secrets or (playback and field.metadata.get("for_viewers"))):
                    continue
                if isinstance(value, SecretUrl):
                    # Written down, so that it is a SecretUrl again when it is read back.
                    secret_urls.append(field.name)
            data[field.name] = _plain_value(value, secrets=secrets, playback=playback)
        if secret_urls:
            data["secret_urls"] = secret_urls
        return data

    @classmethod
    def _read(cls, data: Mapping[str, Any], *, strict: bool) -> Self:
        if not isinstance(data, Mapping):
            raise InvalidInput(f"{cls.__name__}: expected a mapping, not {type(data).__name__}")
        fields = _fields(cls)
        if strict:
            names = [name for name in data if name != "secret_urls"]
            c.refuse_unknown(cls.__name__, names, [field.name for field in fields])
        values: dict[str, Any] = {}
        for field in fields:
            if field.name not in data:
                if field.metadata.get("may_be_left_out"):
                    values[field.name] = None
                elif field.default is attrs.NOTHING:
                    raise InvalidInput(f"{field.name}: is missing", field=field.name)
            elif strict or not _is_unknown_word(field, data[field.name]):
                values[field.name] = data[field.name]
            elif field.default is attrs.NOTHING:
                values[field.name] = field.metadata["unknown"]
        for name, kind in cls._parts.items():
            value = values.get(name)
            if isinstance(value, Mapping):
                values[name] = kind._read(value, strict=strict)
            elif isinstance(value, list):
                values[name] = tuple(kind._read(item, strict=strict) for item in value)
        for name in c.named("secret_urls", c.texts)(data.get("secret_urls", ())):
            if isinstance(values.get(name), str):
                values[name] = SecretUrl(values[name])
        return cls(**values)


class _Told(_Value):
    """What a vendor tells. A version that knows more may have written it down."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, strict: bool = False) -> Self:
        """Read what :meth:`to_dict` wrote, in this version or in a newer one.

        Args:
            data: The data.
            strict: Whether a field or a word that this version does not know is refused. By
                default the field is ignored, and the word is read as the nearest thing that is
                true: an unknown status is ``UNKNOWN``.

        Raises:
            InvalidInput: Something in it is missing or wrong; ``field`` says what.
        """
        return cls._read(data, strict=strict)


def _words(kind: type[StrEnum], unknown: StrEnum | None = None) -> dict[str, Any]:
    """The metadata of a field that holds a word: of which kind, and what stands for a word that is
    not known; by default the field is as if it were not there."""
    return {"words": kind, "unknown": unknown}


def _is_unknown_word(field: attrs.Attribute[Any], value: object) -> bool:
    kind = field.metadata.get("words")
    return kind is not None and isinstance(value, str) and value not in [*kind]


def _fields(cls: type[Any]) -> tuple[attrs.Attribute[Any], ...]:
    return tuple(attrs.fields(cls))


def _plain_value(value: Any, *, secrets: bool, playback: bool) -> Any:
    if isinstance(value, _Value):
        return value.to_dict(secrets=secrets, playback=playback)
    if isinstance(value, tuple):
        return [_plain_value(item, secrets=secrets, playback=playback) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, MaskedMapping):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, SecretUrl):
        return str.__str__(value)
    return value


_LEFT_OUT = {"may_be_left_out": True}
_FOR_VIEWERS = {"for_viewers": True}


def _server(url: str | None) -> str | None:
    url = c.read_url(url)
    if url is None:
        return None
    server = server_url(url)
    return SecretUrl(server) if type(url) is SecretUrl else server


class _Server(_Told):
    """A server and the key that is published with."""

    __slots__ = ()
    url: str | None
    stream_key: Secret | None

    def __attrs_post_init__(self) -> None:
        if self.url is not None and self.stream_key is not None:
            key = self.stream_key.reveal()
            if may_show(self.url, (key,)):
                object.__setattr__(self, "url", without_key(self.url, key))


@attrs.frozen(slots=True, field_transformer=named_fields)
class Ingest(_Server):
    """Where an encoder sends the stream.

    Attributes:
        url: The server, without the key and without a closing slash, as OBS calls it. Taken as
            the vendor gives it: whether the host exists is not judged. A key of eight characters
            or more that ends it is cut off, if an application is left; a URL that contains a
            secret still is a :class:`SecretUrl`.
        stream_key: The key; whoever has it can publish.
        protocol: From the URL's scheme: ``"rtmp"``, ``"rtmps"``, ``"srt"``, ...
    """

    url: str | None = attrs.field(converter=_server, metadata=_LEFT_OUT)
    stream_key: Secret | None = attrs.field(default=None, converter=c.optional_secret)
    protocol: str | None = attrs.field(
        default=attrs.Factory(lambda self: scheme(self.url or "") or None, takes_self=True),
        converter=c.optional_text,
    )

    @property
    def publish_url(self) -> Secret | None:
        """Server and key in one, as ``ffmpeg`` takes it. ``None`` without a key, and where the
        vendor's has control characters, which no address may have."""
        if self.stream_key is None or self.url is None or has_control(self.stream_key.reveal()):
            return None
        return Secret(publish_url(self.url, self.stream_key.reveal()))


def _playback_kind(kind: PlaybackKind | str) -> PlaybackKind:
    return c.enum_of(PlaybackKind, kind)


unchanged_if(_playback_kind, "type({v}) is PlaybackKind", PlaybackKind=PlaybackKind)


@attrs.frozen(slots=True, field_transformer=named_fields)
class Playback(_Told):
    """Where viewers watch.

    Attributes:
        url: The address; a :class:`SecretUrl` where it contains a secret (some vendors put the
            stream key in it); ``None`` when read back from data without secrets.
        kind: HLS, DASH, or a page; by the URL's suffix unless told.
    """

    url: str | None = attrs.field(converter=c.read_url, metadata=_LEFT_OUT | _FOR_VIEWERS)
    kind: PlaybackKind = attrs.field(
        default=attrs.Factory(lambda self: playback_kind(self.url or ""), takes_self=True),
        converter=_playback_kind,
        metadata=_words(PlaybackKind),
    )


def _recording_status(status: RecordingStatus | str) -> RecordingStatus:
    return c.enum_of(RecordingStatus, status)


unchanged_if(_recording_status, "type({v}) is RecordingStatus", RecordingStatus=RecordingStatus)


@attrs.frozen(slots=True, field_transformer=named_fields)
class Recording(_Told):
    """What is kept of a stream.

    Attributes:
        status: How far it is; UNKNOWN where the vendor does not say.
        url: Where to watch it, usually HLS.
        dash_url: The same as DASH.
        duration: Seconds.
    """

    status: RecordingStatus = attrs.field(
        converter=_recording_status, metadata=_words(RecordingStatus, RecordingStatus.UNKNOWN)
    )
    url: str | None = attrs.field(default=None, converter=c.read_url, metadata=_FOR_VIEWERS)
    dash_url: str | None = attrs.field(default=None, converter=c.read_url, metadata=_FOR_VIEWERS)
    duration: float | None = attrs.field(default=None, converter=c.optional_seconds)


@attrs.frozen(slots=True, field_transformer=named_fields)
class RestreamTarget(_Server):
    """Another platform that the vendor forwards the stream to.

    Attributes:
        url: The other platform's RTMP server, without the key, like :attr:`Ingest.url`.
        stream_key: The key there.
    """

    url: str | None = attrs.field(converter=_server, metadata=_LEFT_OUT)
    stream_key: Secret | None = attrs.field(default=None, converter=c.optional_secret)


def _status(status: Status | str) -> Status:
    return c.enum_of(Status, status)


unchanged_if(_status, "type({v}) is Status", Status=Status)


def _latency(latency: Latency | str | None) -> Latency | None:
    return None if latency is None else c.enum_of(Latency, latency)


unchanged_if(_latency, "{v} is None or type({v}) is Latency", Latency=Latency)


def _ingests(ingests: Sequence[Ingest]) -> tuple[Ingest, ...]:
    return c.tuple_of(Ingest, ingests)


unchanged_if(_ingests, "type({v}) is tuple and not {v}")


def _playbacks(playbacks: Sequence[Playback]) -> tuple[Playback, ...]:
    return c.tuple_of(Playback, playbacks)


unchanged_if(_playbacks, "type({v}) is tuple and not {v}")


def _recording(recording: Recording | None) -> Recording | None:
    return c.instance_of(Recording, recording)


unchanged_if(_recording, "{v} is None or type({v}) is Recording", Recording=Recording)


def _restreams(restreams: Sequence[RestreamTarget]) -> tuple[RestreamTarget, ...]:
    return c.tuple_of(RestreamTarget, restreams)


unchanged_if(_restreams, "type({v}) is tuple and not {v}")


@attrs.frozen(slots=True, kw_only=True, field_transformer=named_fields)
class LiveStream(_Told):
    """A live stream as its vendor shows it. What the vendor did not say is ``None`` or empty.

    All times are instants in UTC.

    Attributes:
        provider: The provider's name.
        id: The vendor's id.
        title: Its title.
        description: Its description.
        status: The neutral status.
        provider_status: The vendor's own word for it.
        scheduled_start: When it is announced to start.
        started_at: When it was first on air.
        ended_at: When it ended.
        created_at: When it was created.
        updated_at: When it was last changed.
        ingests: Where an encoder may send it.
        playbacks: Where viewers watch.
        record: Whether a recording is kept.
        recording: The recording, once there is one to speak of.
        recording_drm: Whether the recording is protected by DRM.
        restreams: Platforms that the vendor forwards it to.
        tags: Its tags.
        thumbnail_url: Its picture.
        chat_url: A page with its live chat.
        latency: How far viewers are behind.
        raw: The vendor's payload, untouched; not part of repr, hash or equality.
    """

    _parts: ClassVar[Mapping[str, type[_Value]]] = {
        "ingests": Ingest,
        "playbacks": Playback,
        "recording": Recording,
        "restreams": RestreamTarget,
    }

    provider: str = attrs.field(converter=c.identifier)
    id: str = attrs.field(converter=c.identifier)
    title: str = attrs.field(converter=c.text)
    description: str | None = attrs.field(default=None, converter=c.optional_text)
    status: Status = attrs.field(converter=_status, metadata=_words(Status, Status.UNKNOWN))
    provider_status: str | None = attrs.field(default=None, converter=c.optional_text)
    scheduled_start: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    started_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    ended_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    created_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    updated_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    ingests: tuple[Ingest, ...] = attrs.field(default=(), converter=_ingests)
    playbacks: tuple[Playback, ...] = attrs.field(default=(), converter=_playbacks)
    record: bool | None = attrs.field(default=None, converter=c.flag)
    recording: Recording | None = attrs.field(default=None, converter=_recording)
    recording_drm: bool | None = attrs.field(default=None, converter=c.flag)
    restreams: tuple[RestreamTarget, ...] = attrs.field(default=(), converter=_restreams)
    tags: tuple[str, ...] = attrs.field(default=(), converter=c.texts)
    thumbnail_url: str | None = attrs.field(default=None, converter=c.read_url)
    chat_url: str | None = attrs.field(default=None, converter=c.read_url)
    latency: Latency | None = attrs.field(
        default=None, converter=_latency, metadata=_words(Latency)
    )
    raw: MaskedMapping | None = attrs.field(
        default=None, converter=c.optional_mapping, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        # Some vendors put the stream key into the URLs that viewers get.
        if (self.ingests or self.restreams) and (keys := self.stream_keys()):
            holders: tuple[Ingest | Playback | RestreamTarget, ...] = (
                *self.ingests,
                *self.playbacks,
                *self.restreams,
            )
            urls = [each.url for each in holders]
            if self.recording is not None:
                urls += self.recording.url, self.recording.dash_url
            _hide_keys(self, keys, [*urls, self.thumbnail_url, self.chat_url])

    @property
    def ingest(self) -> Ingest | None:
        """The first RTMP (or RTMPS) ingest, or ``None``."""
        return next((i for i in self.ingests if i.protocol in ("rtmp", "rtmps")), None)

    @property
    def hls_url(self) -> str | None:
        """The first HLS playback's URL, or ``None``."""
        return next((p.url for p in self.playbacks if p.kind is PlaybackKind.HLS), None)

    def to_dict(
        self, *, secrets: bool = False, raw: bool = False, playback: bool = False
    ) -> dict[str, Any]:
        """Return the stream as data that ``json.dumps`` takes.

        Args:
            secrets: Whether secrets, and URLs that contain one, are included. Without them the
                data reads back with ``None`` in their place.
            raw: Whether the vendor's payload is included; without ``secrets``, what in it is or
                may be a secret is ``***``.
            playback: Whether the addresses that viewers get are included even if they contain a
                secret: those of playbacks and recordings.
        """
        data = _Value.to_dict(self, secrets=secrets, playback=playback)
        data.pop("raw", None)
        if raw and self.raw is not None:
            data["raw"] = (
                plain(self.raw)
                if secrets
                else without_secrets(self.raw, KnownSecrets(self.stream_keys()))
            )
        return data

    def stream_keys(self) -> frozenset[str]:
        """All stream keys in it, in the clear: what must not be printed."""
        return _keys_of((*self.ingests, *self.restreams))


def _stream_of_error(name: str, value: Any) -> LiveStream | None:
    return None if value is None else LiveStream.from_dict(value)


READERS["stream"] = _stream_of_error


def _keys_of(servers: Iterable[Ingest | RestreamTarget]) -> frozenset[str]:
    return frozenset([each.stream_key.reveal() for each in servers if each.stream_key is not None])


def _hide_keys(value: _Value, keys: frozenset[str], urls: Iterable[str | None]) -> None:
    """Makes each URL of a new value of the model that shows one of the keys a ``SecretUrl``."""
    if may_show("\n".join([url for url in urls if type(url) is str]), keys):
        for name, hidden in _hidden(value, KnownSecrets(keys)).items():
            object.__setattr__(value, name, hidden)


def _hidden(value: _Value, known: KnownSecrets) -> dict[str, Any]:
    """The fields of a value that have to change, so that no URL in it shows a known secret."""
    changed: dict[str, Any] = {}
    for field in _fields(type(value)):
        url = getattr(value, field.name)
        if field.name.endswith("url") and type(url) is str and known.find(url):
            changed[field.name] = SecretUrl(url)
    for name in value._parts:
        part = getattr(value, name)
        if isinstance(part, tuple):
            changed[name] = tuple([_evolved(each, known) for each in part])
        elif part is not None:
            changed[name] = _evolved(part, known)
    return changed


def _evolved(value: Any, known: KnownSecrets) -> Any:
    return attrs.evolve(value, **_hidden(value, known))


def _wanted_restreams(restreams: Sequence[RestreamTarget]) -> tuple[RestreamTarget, ...]:
    targets = _restreams(restreams)
    for number, target in enumerate(targets):
        c.url(target.url)
        key = target.stream_key
        if key is not None and (problem := key_problem(key.reveal())):
            field = f"restreams[{number}].stream_key"
            raise InvalidInput(f"{field}: {problem}", field=field)
    return targets


@attrs.frozen(slots=True, kw_only=True, field_transformer=named_fields)
class StreamSpec(_Value):
    """What a stream is to be. Everything but the title may be left to the vendor.

    Attributes:
        title: Required, not blank.
        description: Its description.
        scheduled_start: When it is to start: an aware datetime, or an ISO 8601 string with an
            offset. Without it: as soon as the vendor can.
        record: Whether to keep a recording.
        recording_drm: Whether to protect the recording by DRM.
        latency: How far viewers may be behind.
        tags: Its tags.
        thumbnail_url: Its picture.
        playback_url: Where viewers watch a stream that is hosted elsewhere.
        restreams: Platforms to forward it to.
        options: Fields of this vendor alone, passed through to its request.
    """

    _parts: ClassVar[Mapping[str, type[_Value]]] = {"restreams": RestreamTarget}

    title: str = attrs.field(converter=c.title)
    description: str | None = attrs.field(default=None, converter=c.optional_text)
    scheduled_start: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    record: bool | None = attrs.field(default=None, converter=c.flag)
    recording_drm: bool | None = attrs.field(default=None, converter=c.flag)
    latency: Latency | None = attrs.field(default=None, converter=_latency)
    tags: tuple[str, ...] = attrs.field(default=(), converter=c.texts)
    thumbnail_url: str | None = attrs.field(default=None, converter=c.url)
    playback_url: str | None = attrs.field(default=None, converter=c.url, metadata=_FOR_VIEWERS)
    restreams: tuple[RestreamTarget, ...] = attrs.field(default=(), converter=_wanted_restreams)
    options: MaskedMapping = attrs.field(default=MaskedMapping({}), converter=c.mapping, hash=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote, or what somebody wrote by hand.

        Raises:
            InvalidInput: Something in it is missing, wrong or unknown; ``field`` says what. A
                misspelt field is never ignored: without ``scheduled_start`` a server may boot.
        """
        return cls._read(data, strict=True)

    def __attrs_post_init__(self) -> None:
        if keys := _keys_of(self.restreams):
            urls = [each.url for each in self.restreams]
            _hide_keys(self, keys, [*urls, self.thumbnail_url, self.playback_url])


def _event_kind(kind: EventKind | str) -> EventKind:
    return c.enum_of(EventKind, kind)


def _stream(stream: LiveStream | None) -> LiveStream | None:
    return c.instance_of(LiveStream, stream)


@attrs.frozen(slots=True, kw_only=True, field_transformer=named_fields)
class Event(_Told):
    """A verified webhook delivery. It is a hint: read the stream before acting on it.

    Attributes:
        provider: The provider's name.
        kind: What it is about.
        stream_id: The stream's id, or ``None`` if it is about something else.
        stream: The stream as the delivery shows it, where it does.
        occurred_at: When it happened, where the delivery says so.
        raw: The delivery's payload, untouched; not part of repr, hash or equality.
    """

    _parts: ClassVar[Mapping[str, type[_Value]]] = {"stream": LiveStream}

    provider: str = attrs.field(converter=c.identifier)
    kind: EventKind = attrs.field(
        converter=_event_kind, metadata=_words(EventKind, EventKind.OTHER)
    )
    stream_id: str | None = attrs.field(default=None, converter=c.optional_text)
    stream: LiveStream | None = attrs.field(default=None, converter=_stream)
    occurred_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    raw: MaskedMapping | None = attrs.field(
        default=None, converter=c.optional_mapping, eq=False, repr=False
    )

    def to_dict(self, *, secrets: bool = False, playback: bool = False) -> dict[str, Any]:
        """As data that ``json.dumps`` takes, like :meth:`LiveStream.to_dict`; ``raw`` is left
        out."""
        data = _Value.to_dict(self, secrets=secrets, playback=playback)
        data.pop("raw", None)
        return data


#: What ``wait`` may wait for: a status, several of them, or a function of the stream.
Until: TypeAlias = Status | str | Collection[Status | str] | Callable[[LiveStream], object]
