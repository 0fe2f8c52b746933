"""The neutral model of a live stream, independent of its vendor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, Self, TypeAlias

import attrs

from .._secrets.masked_mapping import MaskedMapping, plain, without_secrets
from .._secrets.secret import Secret, SecretUrl
from .._secrets.spellings import KnownSecrets, may_show
from . import converters as c
from .errors import READERS, InvalidInput
from .fields import (
    UNKNOWN_DEFAULT,
    FieldFacts,
    Kind,
    Owner,
    Pickled,
    about,
    described,
    facts_of,
    owned,
    shown_of,
)
from .publishing import Publishing, publishing
from .status import Status
from .urls import (
    PlaybackKind,
    key_problem,
    playback_kind,
    scheme,
    server_url,
    without_key,
)


class Latency(StrEnum):
    """The delay between the encoder and the viewers."""

    NORMAL = "normal"
    """The vendor's default, usually ten seconds or more."""
    LOW = "low"
    """A few seconds."""
    ULTRA_LOW = "ultra_low"
    """About a second."""


class RecordingStatus(StrEnum):
    """The status of a recording."""

    PENDING = "pending"
    """There will be a recording, but its processing has not started."""
    PROCESSING = "processing"
    """The recording is being processed."""
    READY = "ready"
    """The recording can be watched."""
    FAILED = "failed"
    """The recording could not be made."""
    UNKNOWN = "unknown"
    """The vendor does not report the status."""


class Protection(StrEnum):
    """What a player needs to watch a playback, apart from its URL."""

    NONE = "none"
    """Nothing: anybody who has the URL can watch."""
    SIGNED = "signed"
    """A token that the caller signs, usually as a part of the URL."""
    DRM = "drm"
    """A license of a DRM system."""
    UNKNOWN = "unknown"
    """The vendor does not report it."""


class EventKind(StrEnum):
    """The subject of a webhook delivery."""

    STREAM_CHANGED = "stream_changed"
    """A live stream changed. If the delivery shows the stream, the event contains it."""
    OTHER = "other"
    """The delivery is verified, but is not about a live stream."""


class Feature(StrEnum):
    """A feature that a provider may support: first the operations, then the fields of a stream."""

    CREATE = "create"
    """Create a stream."""
    SCHEDULE = "schedule"
    """Create a stream that starts later."""
    GET = "get"
    """Read a stream."""
    LIST = "list"
    """List all streams."""
    UPDATE = "update"
    """Change a stream."""
    START = "start"
    """Start a stream, or its server."""
    RESET_KEY = "reset_key"
    """Replace a stream's key."""
    DISABLE = "disable"
    """Refuse encoders until the stream is enabled again."""
    ENABLE = "enable"
    """Accept encoders again after a stream was disabled."""
    STOP = "stop"
    """Stop a stream."""
    TRIM = "trim"
    """Keep only a part of the recording when a stream is stopped."""
    RECORDINGS = "recordings"
    """List the recordings of a stream."""
    CANCEL = "cancel"
    """Cancel a stream that has not gone live."""
    DELETE = "delete"
    """Delete a stream."""
    WEBHOOK = "webhook"
    """Receive webhook deliveries about changes, and verify that they come from the vendor."""
    MANAGE_WEBHOOKS = "manage_webhooks"
    """List, register, and delete the webhooks of the account."""
    TITLE = "title"
    """Set a stream's title. Supported unless the provider declares otherwise."""
    REFERENCE = "reference"
    """Set the caller's own ID of a stream, and find the stream by it."""
    RECORD = "record"
    """Choose whether to keep a recording."""
    RECORDING_DRM = "recording_drm"
    """Protect the recording with DRM."""
    LATENCY = "latency"
    """Choose the latency."""
    DESCRIPTION = "description"
    """Set a stream's description."""
    TAGS = "tags"
    """Set a stream's tags."""
    THUMBNAIL_URL = "thumbnail_url"
    """Set the URL of a stream's thumbnail."""
    PLAYBACK_URL = "playback_url"
    """Set the playback URL of a stream that is hosted elsewhere."""
    RESTREAMS = "restreams"
    """Have the vendor restream to other platforms."""


class _Value(Pickled):
    """A value of the model that converts to plain JSON data and back."""

    __slots__ = ()

    def to_dict(self, *, secrets: bool = False, playback: bool = False) -> dict[str, Any]:
        """Return the value as data that ``json.dumps`` accepts, without ``raw``.

        Args:
            secrets: Whether to include secrets and URLs that contain a secret. Without them, the
                data reads back with ``None`` in their place.
            playback: Whether to include the URLs of playbacks and recordings even if they contain
                a secret.
        """
        return _form(secrets, playback, True).data(self)

    @classmethod
    def _read(cls, data: Mapping[str, Any], *, strict: bool) -> Self:
        if not isinstance(data, Mapping):
            raise InvalidInput(f"{cls.__name__}: expected a mapping, not {type(data).__name__}")
        fields = facts_of(cls)
        if strict:
            names = [name for name in data if name != "secret_urls"]
            c.refuse_unknown(cls.__name__, names, [field.name for field in fields])
        values: dict[str, Any] = {}
        for field in fields:
            if field.name not in data:
                if field.may_be_left_out:
                    values[field.name] = None
                elif field.is_required:
                    raise InvalidInput(f"{field.name}: is missing", field=field.name)
            elif strict or not _is_unknown_word(field, data[field.name]):
                values[field.name] = _read_parts(field, data[field.name], strict=strict)
            elif field.is_required:
                values[field.name] = field.unknown
        for name in c.with_field_name("secret_urls", c.texts)(data.get("secret_urls", ())):
            if isinstance(values.get(name), str):
                values[name] = SecretUrl(values[name])
        return cls(**values)


class VendorValue(_Value):
    """A value that a vendor reports. A newer version of this library may have written its data."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, strict: bool = False) -> Self:
        """Read the data that :meth:`to_dict` returned, in this version or a newer one.

        Args:
            data: The data.
            strict: Whether to reject a field or a word that this version does not know. By
                default, the field is ignored, and the word is read as the closest known value: an
                unknown status is ``UNKNOWN``.

        Raises:
            InvalidInput: If a value is missing or invalid; ``field`` names it.
        """
        return cls._read(data, strict=strict)


def _is_unknown_word(field: FieldFacts, value: object) -> bool:
    return field.words is not None and isinstance(value, str) and value not in [*field.words]


def _read_parts(field: FieldFacts, value: Any, *, strict: bool) -> Any:
    if field.part is not None:
        if isinstance(value, Mapping):
            return field.part._read(value, strict=strict)
        if isinstance(value, list):
            return tuple(field.part._read(item, strict=strict) for item in value)
    return value


def stored_data(value: VendorValue) -> dict[str, Any]:
    """Return the data of a value without secrets, and without the fields that have their default.

    It reads back like the data that :meth:`VendorValue.to_dict` returns, and takes less room.
    """
    return _form(False, False, False).data(value)


def _revealed(value: Secret | SecretUrl | MaskedMapping) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    return plain(value) if isinstance(value, MaskedMapping) else str.__str__(value)


_Way: TypeAlias = Callable[[Any], Any]


class _Form(dict[type, _Way | None]):
    """One form of JSON data, as the functions that convert values to it, by type.

    ``None`` stands for what needs no conversion, and ``_revealed`` for what may be left out. Each
    is looked up once, because the checks take long, above all whether it is a mapping.
    """

    def __init__(self, secrets: bool, playback: bool, is_whole: bool) -> None:
        super().__init__()
        self._secrets, self._playback, self._is_whole = secrets, playback, is_whole
        self._fields: dict[type, list[tuple[str, object, bool]]] = {}

    def __missing__(self, kind: type) -> _Way | None:
        known: tuple[tuple[type, _Way], ...] = (
            (_Value, self.data),
            (tuple, self._items),
            (datetime, datetime.isoformat),
            (Secret, _revealed),
            (Enum, attrgetter("value")),
            (SecretUrl, _revealed),
            (MaskedMapping, _revealed),
        )
        found = next((way for base, way in known if issubclass(kind, base)), None)
        self[kind] = found
        return found

    def data(self, value: _Value) -> dict[str, Any]:
        """Return the data of a value."""
        cls = type(value)
        data: dict[str, Any] = {}
        secret_urls = []
        for name, default, for_viewers in self._fields.get(cls) or self._fields_of(cls):
            item = getattr(value, name)
            if item is default:
                continue
            way = self[type(item)]
            if way is None:
                data[name] = item
            elif way is not _revealed:
                data[name] = way(item)
            elif self._secrets or (self._playback and for_viewers):
                data[name] = way(item)
                if isinstance(item, SecretUrl):
                    # Recorded, so that it is read back as a SecretUrl.
                    secret_urls.append(name)
        if secret_urls:
            data["secret_urls"] = secret_urls
        return data

    def _fields_of(self, cls: type[_Value]) -> list[tuple[str, object, bool]]:
        """Return each field's name, the value that is left out, and whether viewers receive it."""
        fields = self._fields[cls] = [
            (field.name, attrs.NOTHING if self._is_whole else field.default, field.for_viewers)
            for field in facts_of(cls)
            if field.name != "raw"
        ]
        return fields

    def _items(self, values: tuple[Any, ...]) -> list[Any]:
        return [item if (way := self[type(item)]) is None else way(item) for item in values]


_form: Callable[[bool, bool, bool], _Form] = cache(_Form)


def _server(url: str | None) -> str | None:
    url = c.read_url(url)
    if url is None:
        return None
    server = server_url(url)
    return SecretUrl(server) if type(url) is SecretUrl else server


class _Server(VendorValue):
    """An ingest server with its stream key."""

    __slots__ = ()
    url: str | None
    stream_key: Secret | None

    def __attrs_post_init__(self) -> None:
        url = self.url
        if url is None:
            return
        secrets = _secrets_of((self,))
        if secrets and may_show(url, secrets):
            if self.stream_key is not None:
                url = without_key(url, self.stream_key.reveal())
            if KnownSecrets(secrets).find(url):
                url = SecretUrl(url)
            object.__setattr__(self, "url", url)


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class Ingest(_Server):
    """The server that an encoder publishes to.

    Attributes:
        url: The URL of the server, without the stream key and without a trailing slash, as OBS
            expects it. The host is not checked. If the vendor's URL ends with a stream key of
            eight characters or more, the key is removed, provided that an application is left. A
            URL that still contains a secret is a :class:`SecretUrl`.
        stream_key: The stream key, which authorizes publishing. For SRT it is the ``streamid``,
            for WHIP the bearer token.
        protocol: The protocol, by default the URL's scheme: ``"rtmp"``, ``"rtmps"``, ``"srt"``,
            ... An ``"https"`` URL is treated as WHIP.
        passphrase: The passphrase for SRT encryption.
        expires_at: The time after which the stream key no longer starts a broadcast, if the vendor
            limits it. Read the stream again for another key. ``None`` means that no end is known.
    """

    url: str | None = attrs.field(
        converter=_server, metadata=about(kind=Kind.URL, may_be_left_out=True)
    )
    stream_key: Secret | None = attrs.field(default=None, converter=c.optional_secret)
    protocol: str | None = attrs.field(
        default=attrs.Factory(lambda self: scheme(self.url or "") or None, takes_self=True),
        converter=c.optional_text,
    )

    passphrase: Secret | None = attrs.field(default=None, converter=c.optional_secret, kw_only=True)
    expires_at: datetime | None = attrs.field(
        default=None, converter=c.optional_instant, kw_only=True
    )

    @property
    def publish_url(self) -> Secret | None:
        """The complete URL to publish to, as ``ffmpeg`` expects it.

        ``None`` if one URL cannot contain everything (:meth:`ffmpeg_arguments` may be able to), if
        an RTMP ingest has no stream key, or if the vendor's URL or key has control characters.
        """
        target = publishing_of(self)
        return Secret(target.url) if target is not None and target.url is not None else None

    def ffmpeg_arguments(self) -> list[str] | None:
        """Return the arguments with which ``ffmpeg`` publishes, including the format and the URL.

        Put them at the end of the command line. Secret arguments have a masked repr, so you may
        log the list, or an error of ``subprocess`` that shows it. They are in plain text if you
        join them to one string, and in the list of running processes.

        Returns:
            The arguments, or ``None`` if an RTMP ingest has no stream key, the protocol is not
            RTMP, SRT, or WHIP, or the vendor's URL or key has control characters.
        """
        target = publishing_of(self)
        return ["-f", target.format, *target.options] if target is not None else None


def publishing_of(ingest: Ingest) -> Publishing | None:
    """Return the publishing settings of an ingest, or ``None`` if it is incomplete."""
    if ingest.url is None:
        return None
    key, passphrase = (
        None if secret is None else secret.reveal()
        for secret in (ingest.stream_key, ingest.passphrase)
    )
    return publishing(ingest.url, key, passphrase, ingest.protocol)


def _playback_kind(kind: PlaybackKind | str) -> PlaybackKind:
    return c.enum_of(PlaybackKind, kind)


def _protection(protection: Protection | str) -> Protection:
    return c.enum_of(Protection, protection)


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class Playback(VendorValue):
    """A URL where viewers watch.

    Attributes:
        url: The URL. A :class:`SecretUrl` if it contains a secret (some vendors put the stream key
            in it). ``None`` if it was read back from data without secrets.
        kind: The kind of content. By default, HLS, DASH, FLV, RTMP, or a page, as the URL shows.
        protection: What a player needs to watch it, apart from the URL.
    """

    url: str | None = attrs.field(
        converter=c.read_url, metadata=about(may_be_left_out=True, for_viewers=True)
    )
    kind: PlaybackKind = attrs.field(
        default=attrs.Factory(lambda self: playback_kind(self.url or ""), takes_self=True),
        converter=_playback_kind,
        metadata=about(words=PlaybackKind),
    )
    protection: Protection = attrs.field(
        default=Protection.UNKNOWN,
        converter=_protection,
        metadata=about(words=Protection, unknown=Protection.UNKNOWN),
        kw_only=True,
    )


def hls_url_of(playbacks: Sequence[Playback]) -> str | None:
    """Return the URL of the first HLS playback that has one, else of low-latency HLS."""
    for kind in (PlaybackKind.HLS, PlaybackKind.LL_HLS):
        for each in playbacks:
            if each.kind is kind and each.url is not None:
                return each.url
    return None


def _recording_status(status: RecordingStatus | str) -> RecordingStatus:
    return c.enum_of(RecordingStatus, status)


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class Recording(VendorValue):
    """The stored video of a stream.

    Attributes:
        status: The status; UNKNOWN if the vendor does not report it.
        url: The URL where viewers watch it, usually HLS.
        dash_url: The URL of the DASH version.
        duration: The duration in seconds.
        id: The recording's own ID, if the vendor gives it one.
        started_at: The start of the recorded broadcast.
        ended_at: The end of the recorded broadcast.
    """

    status: RecordingStatus = attrs.field(
        converter=_recording_status,
        metadata=about(words=RecordingStatus, unknown=RecordingStatus.UNKNOWN),
    )
    url: str | None = attrs.field(
        default=None, converter=c.read_url, metadata=about(for_viewers=True)
    )
    dash_url: str | None = attrs.field(
        default=None, converter=c.read_url, metadata=about(for_viewers=True)
    )
    duration: float | None = attrs.field(default=None, converter=c.optional_seconds)
    id: str | None = attrs.field(default=None, converter=c.optional_identifier, kw_only=True)
    started_at: datetime | None = attrs.field(
        default=None, converter=c.optional_instant, kw_only=True
    )
    ended_at: datetime | None = attrs.field(
        default=None, converter=c.optional_instant, kw_only=True
    )


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class RestreamTarget(_Server):
    """Another platform that the vendor restreams to.

    Attributes:
        url: The other platform's RTMP server, without the stream key, like :attr:`Ingest.url`.
        stream_key: The stream key of the other platform.
    """

    url: str | None = attrs.field(
        converter=_server, metadata=about(kind=Kind.URL, may_be_left_out=True)
    )
    stream_key: Secret | None = attrs.field(default=None, converter=c.optional_secret)


def _status(status: Status | str) -> Status:
    return c.enum_of(Status, status)


def _latency(latency: Latency | str | None) -> Latency | None:
    return None if latency is None else c.enum_of(Latency, latency)


def _ingests(ingests: Sequence[Ingest]) -> tuple[Ingest, ...]:
    return c.tuple_of(Ingest, ingests)


def _playbacks(playbacks: Sequence[Playback]) -> tuple[Playback, ...]:
    return c.tuple_of(Playback, playbacks)


def _recording(recording: Recording | None) -> Recording | None:
    return c.instance_of(Recording, recording)


def _restreams(restreams: Sequence[RestreamTarget]) -> tuple[RestreamTarget, ...]:
    return c.tuple_of(RestreamTarget, restreams)


def _wanted_restreams(restreams: Sequence[RestreamTarget]) -> tuple[RestreamTarget, ...]:
    targets = _restreams(restreams)
    for number, target in enumerate(targets):
        c.url(target.url)
        key = target.stream_key
        if key is not None and (problem := key_problem(key.reveal())):
            field = f"restreams[{number}].stream_key"
            # With a colon, the masking of errors would take the next word for the key.
            raise InvalidInput(f"{field} {problem}", field=field)
    return targets


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=owned)
class StreamSpec(_Value):
    """A stream to create. Only the title is required; the vendor chooses the rest.

    Attributes:
        title: The title. Must not be blank. A provider without titles drops it.
        description: The description.
        scheduled_start: The start time: an aware datetime, or an ISO 8601 string with an offset.
            Without it, the vendor starts the stream as soon as possible.
        record: Whether to keep a recording.
        recording_drm: Whether to protect the recording with DRM.
        latency: The latency between the encoder and the viewers.
        tags: The tags.
        thumbnail_url: The URL of the thumbnail.
        playback_url: The playback URL of a stream that is hosted elsewhere.
        restreams: The platforms to restream to.
        options: Fields that only this vendor has, which are added to the request unchanged.
        reference: Your own ID of the stream, which the vendor stores. Must not be empty. Where
            ``Capabilities.reference_is_unique`` is true, a create with a reference that is in use
            may return the existing stream.
    """

    title: str = attrs.field(
        converter=c.title,
        metadata=about(
            Owner.CALLER, Feature.TITLE, help="The title.", unknown="", always_digested=True
        ),
    )
    description: str | None = attrs.field(
        default=None,
        converter=c.optional_text,
        metadata=about(
            Owner.CALLER, Feature.DESCRIPTION, help="The description.", always_digested=True
        ),
    )
    scheduled_start: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(
            Owner.ECHOED,
            Feature.SCHEDULE,
            help="The start time.",
            vendor_default=UNKNOWN_DEFAULT,
            always_digested=True,
        ),
    )
    record: bool | None = attrs.field(
        default=None,
        converter=c.flag,
        metadata=about(
            Owner.VENDOR,
            Feature.RECORD,
            help="Whether to keep a recording.",
            vendor_default=False,
            always_digested=True,
        ),
    )
    recording_drm: bool | None = attrs.field(
        default=None,
        converter=c.flag,
        metadata=about(
            Owner.VENDOR,
            Feature.RECORDING_DRM,
            help="Whether to protect the recording with DRM.",
            vendor_default=False,
            always_digested=True,
        ),
    )
    latency: Latency | None = attrs.field(
        default=None,
        converter=_latency,
        metadata=about(
            Owner.ECHOED,
            Feature.LATENCY,
            help="The latency between the encoder and the viewers.",
            words=Latency,
            vendor_default=Latency.NORMAL,
            always_digested=True,
        ),
    )
    tags: tuple[str, ...] = attrs.field(
        default=(),
        converter=c.texts,
        metadata=about(
            Owner.CALLER, Feature.TAGS, help="A tag.", option="--tag", always_digested=True
        ),
    )
    thumbnail_url: str | None = attrs.field(
        default=None,
        converter=c.url,
        metadata=about(
            Owner.VENDOR,
            Feature.THUMBNAIL_URL,
            help="The URL of the thumbnail.",
            always_digested=True,
        ),
    )
    playback_url: str | None = attrs.field(
        default=None,
        converter=c.url,
        metadata=about(
            Owner.ECHOED,
            Feature.PLAYBACK_URL,
            help="The playback URL of a stream that is hosted elsewhere.",
            vendor_default=UNKNOWN_DEFAULT,
            shown_in="playbacks",
            for_viewers=True,
            always_digested=True,
        ),
    )
    restreams: tuple[RestreamTarget, ...] = attrs.field(
        default=(),
        converter=_wanted_restreams,
        metadata=about(
            Owner.ECHOED,
            Feature.RESTREAMS,
            help="The platforms to restream to.",
            option="--restreams-file",
            part=RestreamTarget,
            always_digested=True,
        ),
    )
    options: MaskedMapping = attrs.field(
        default=MaskedMapping({}),
        converter=c.mapping,
        hash=False,
        metadata=about(
            Owner.NONE,
            help="A field that only this vendor has.",
            option="--set",
            always_digested=True,
        ),
    )
    reference: str | None = attrs.field(
        default=None,
        converter=c.optional_identifier,
        metadata=about(
            Owner.CALLER,
            Feature.REFERENCE,
            help="Your own ID of the stream.",
        ),
    )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read data that :meth:`to_dict` returned, or that was written by hand.

        Raises:
            InvalidInput: If a value is missing, invalid, or unknown; ``field`` names it. A
                misspelled field is never ignored: without ``scheduled_start``, a server may boot.
        """
        return cls._read(data, strict=True)

    def __attrs_post_init__(self) -> None:
        if keys := _secrets_of(self.restreams):
            _hide_keys(self, keys)


@attrs.frozen(
    slots=True, kw_only=True, getstate_setstate=False, field_transformer=shown_of(StreamSpec)
)
class LiveStream(VendorValue):
    """A live stream as its vendor reports it. Fields that the vendor omits are ``None`` or empty.

    All times are instants in UTC.

    Attributes:
        provider: The provider's name.
        id: The vendor's ID of the stream.
        title: The title; empty at a provider without titles.
        description: The description.
        status: The neutral status.
        provider_status: The vendor's own word for the status.
        scheduled_start: When the stream is scheduled to start.
        started_at: When the stream first went live.
        ended_at: When the stream ended.
        created_at: When the stream was created.
        updated_at: When the stream was last changed.
        ingests: The servers that an encoder can publish to.
        playbacks: The URLs where viewers watch.
        record: Whether a recording is kept.
        recording: The recording, once the vendor reports one.
        recording_drm: Whether the recording is protected with DRM.
        restreams: The platforms that the vendor restreams to.
        tags: The tags.
        thumbnail_url: The URL of the thumbnail.
        chat_url: The URL of a page with the live chat.
        latency: The latency between the encoder and the viewers.
        raw: The vendor's payload, unchanged. Not part of the repr, the hash, or equality.
        problems: The fields that could not be read, and are therefore ``None``, empty, or
            UNKNOWN. Each entry is the name of the field, a colon, and the reason. The entries
            contain no values of the payload. Not part of the hash or equality.
        reference: The caller's own ID of the stream.
    """

    provider: str = attrs.field(
        converter=c.identifier,
        metadata=about(Owner.VENDOR, replaced="the target is another provider, or another account"),
    )
    id: str = attrs.field(
        converter=c.identifier, metadata=about(Owner.VENDOR, replaced="the target assigns its own")
    )
    title: str = attrs.field(converter=c.text)
    description: str | None = attrs.field(default=None, converter=c.optional_text)
    status: Status = attrs.field(
        converter=_status,
        metadata=about(
            Owner.VENDOR,
            replaced="the target starts with its own",
            words=Status,
            unknown=Status.UNKNOWN,
        ),
    )
    provider_status: str | None = attrs.field(
        default=None,
        converter=c.optional_text,
        metadata=about(Owner.VENDOR, replaced="it is the source vendor's word"),
    )
    scheduled_start: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    started_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, left="it was live at the source"),
    )
    ended_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, left="it was live at the source"),
    )
    created_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, replaced="the target records its own"),
    )
    updated_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, replaced="the target records its own"),
    )
    ingests: tuple[Ingest, ...] = attrs.field(
        default=(),
        converter=_ingests,
        metadata=about(
            Owner.VENDOR, replaced="the target assigns its own ingest and stream key", part=Ingest
        ),
    )
    playbacks: tuple[Playback, ...] = attrs.field(
        default=(),
        converter=_playbacks,
        metadata=about(
            Owner.VENDOR, replaced="the target assigns its own playback URLs", part=Playback
        ),
    )
    record: bool | None = attrs.field(default=None, converter=c.flag)
    recording: Recording | None = attrs.field(
        default=None,
        converter=_recording,
        metadata=about(Owner.VENDOR, lost="recordings are not moved", part=Recording),
    )
    recording_drm: bool | None = attrs.field(default=None, converter=c.flag)
    restreams: tuple[RestreamTarget, ...] = attrs.field(default=(), converter=_restreams)
    tags: tuple[str, ...] = attrs.field(default=(), converter=c.texts)
    thumbnail_url: str | None = attrs.field(default=None, converter=c.read_url)
    chat_url: str | None = attrs.field(
        default=None,
        converter=c.read_url,
        metadata=about(Owner.VENDOR, replaced="it is a page of the source vendor"),
    )
    latency: Latency | None = attrs.field(default=None, converter=_latency)
    raw: MaskedMapping | None = attrs.field(
        default=None,
        converter=c.optional_mapping,
        eq=False,
        repr=False,
        metadata=about(Owner.NONE, replaced="it is the source vendor's payload"),
    )
    problems: tuple[str, ...] = attrs.field(
        default=(),
        converter=c.texts,
        eq=False,
        metadata=about(Owner.NONE, replaced="it is about the source vendor's payload"),
    )
    reference: str | None = attrs.field(default=None, converter=c.optional_text)

    def __attrs_post_init__(self) -> None:
        # Some vendors put the stream key into the URLs for viewers.
        if (self.ingests or self.restreams) and (keys := self.stream_keys()):
            _hide_keys(self, keys)

    @property
    def ingest(self) -> Ingest | None:
        """The first RTMP (or RTMPS) ingest, or ``None``."""
        return next((i for i in self.ingests if i.protocol in ("rtmp", "rtmps")), None)

    @property
    def hls_url(self) -> str | None:
        """The URL of the first HLS playback that has one, else of low-latency HLS, or ``None``."""
        return hls_url_of(self.playbacks)

    def to_dict(
        self, *, secrets: bool = False, raw: bool = False, playback: bool = False
    ) -> dict[str, Any]:
        """Return the stream as data that ``json.dumps`` accepts.

        Args:
            secrets: Whether to include secrets and URLs that contain a secret. Without them, the
                data reads back with ``None`` in their place.
            raw: Whether to include the vendor's payload. Without ``secrets``, all values in it
                that are or may be secrets are masked.
            playback: Whether to include the URLs of playbacks and recordings even if they contain
                a secret.
        """
        data = _Value.to_dict(self, secrets=secrets, playback=playback)
        if raw and self.raw is not None:
            data["raw"] = (
                plain(self.raw)
                if secrets
                else without_secrets(self.raw, KnownSecrets(self.stream_keys()))
            )
        return data

    def stream_keys(self) -> frozenset[str]:
        """Return the stream keys and passphrases of the stream in plain text: never print them.

        A key that is the stream's ID, or the last part of it, is left out. Some servers have no
        other key than the name of a stream, which anyone who can watch it knows.
        """
        keys = _secrets_of((*self.ingests, *self.restreams))
        return frozenset(keys.difference((self.id, self.id.rpartition("/")[2])))


def publish_keys(stream: LiveStream) -> set[str]:
    """Return the keys that encoders publish with, in plain text, without passphrases."""
    return {each.stream_key.reveal() for each in stream.ingests if each.stream_key is not None}


def field_of(problem: str) -> str:
    """Return the name of the field that an entry of ``LiveStream.problems`` is about."""
    return problem.partition(":")[0].partition(".")[0].partition("[")[0]


def _stream_of_error(name: str, value: Any) -> LiveStream | None:
    return None if value is None else LiveStream.from_dict(value)


def _streams_of_error(name: str, value: Any) -> tuple[LiveStream, ...]:
    return tuple([LiveStream.from_dict(each) for each in value])


READERS["stream"] = _stream_of_error
READERS["streams"] = _streams_of_error


def _secrets_of(servers: Iterable[_Server]) -> set[str]:
    secrets = set()
    for each in servers:
        _, _, names = _FIELD_NAMES[type(each)]
        for name in names:
            secret = getattr(each, name)
            if secret is not None:
                secrets.add(secret.reveal())
    return secrets


def _hide_keys(value: _Value, keys: Collection[str]) -> None:
    """Convert each URL of a value that contains one of the keys to a ``SecretUrl``."""
    if may_show("\n".join(_urls_in(value)), keys):
        for name, masked in _masked(value, KnownSecrets(keys)).items():
            object.__setattr__(value, name, masked)


class _FieldNames(NamedTuple):
    """The names of a class's fields that contain URLs, parts, and secrets."""

    urls: tuple[str, ...]
    parts: tuple[str, ...]
    secrets: tuple[str, ...]


class _FieldNamesByClass(dict[type, _FieldNames]):
    def __missing__(self, cls: type) -> _FieldNames:
        names = self[cls] = _FieldNames(
            *(
                tuple(field.name for field in facts_of(cls) if field.kind is kind)
                for kind in (Kind.URL, Kind.PART, Kind.SECRET)
            )
        )
        return names


_FIELD_NAMES = _FieldNamesByClass()


def _urls_in(value: _Value) -> list[str]:
    # Called for every stream that has a key, so it avoids a function call for each part.
    urls: list[str] = []
    values = [value]
    for each in values:
        names, parts, _ = _FIELD_NAMES[type(each)]
        for name in names:
            url = getattr(each, name)
            if type(url) is str:
                urls.append(url)
        for name in parts:
            part = getattr(each, name)
            if part:
                values += part if type(part) is tuple else (part,)
    return urls


def _masked(value: _Value, known: KnownSecrets) -> dict[str, Any]:
    """Return the fields of a value that must change to mask URLs that contain known secrets."""
    changed: dict[str, Any] = {}
    urls, parts, _ = _FIELD_NAMES[type(value)]
    for name in urls:
        url = getattr(value, name)
        if type(url) is str and known.find(url):
            changed[name] = SecretUrl(url)
    for name in parts:
        part = getattr(value, name)
        if isinstance(part, tuple):
            changed[name] = tuple([_evolved(each, known) for each in part])
        elif part is not None:
            changed[name] = _evolved(part, known)
    return changed


def _evolved(value: Any, known: KnownSecrets) -> Any:
    return attrs.evolve(value, **_masked(value, known))


def _event_kind(kind: EventKind | str) -> EventKind:
    return c.enum_of(EventKind, kind)


def _optional_status(status: Status | str | None) -> Status | None:
    return None if status is None else _status(status)


def _stream(stream: LiveStream | None) -> LiveStream | None:
    return c.instance_of(LiveStream, stream)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Event(VendorValue):
    """A verified webhook delivery. Treat it as a hint: read the stream before you act on it.

    Attributes:
        provider: The provider's name.
        kind: The subject of the delivery.
        stream_id: The ID of the stream, or ``None`` if the delivery is not about a stream.
        stream: The stream, if the delivery contains it.
        occurred_at: When the event occurred, if the delivery contains the time.
        raw: The delivery's payload, unchanged. Not part of the repr, the hash, or equality.
        key: What two copies of one delivery have in common: the vendor's ID of it, or else a digest
            of the body, which another delivery with the same body has too.
        account: The account, as :attr:`Client.account`.
        event_type: The vendor's own word for the event, if the delivery contains one.
        status: The status that the delivery announces, if it announces one. It is certain, while
            the status of ``stream`` may be one that ``Capabilities.reads_as`` names.
    """

    provider: str = attrs.field(converter=c.identifier)
    kind: EventKind = attrs.field(
        converter=_event_kind, metadata=about(words=EventKind, unknown=EventKind.OTHER)
    )
    stream_id: str | None = attrs.field(default=None, converter=c.optional_text)
    stream: LiveStream | None = attrs.field(
        default=None, converter=_stream, metadata=about(part=LiveStream)
    )
    occurred_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    raw: MaskedMapping | None = attrs.field(
        default=None, converter=c.optional_mapping, eq=False, repr=False
    )
    key: str | None = attrs.field(default=None, converter=c.optional_identifier)
    account: str | None = attrs.field(default=None, converter=c.optional_identifier)
    event_type: str | None = attrs.field(default=None, converter=c.optional_text)
    status: Status | None = attrs.field(
        default=None, converter=_optional_status, metadata=about(words=Status)
    )


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Webhook(VendorValue):
    """A webhook of an account: a URL to which the vendor sends deliveries.

    Attributes:
        provider: The provider's name.
        id: The ID of the webhook.
        url: The URL that receives the deliveries. A :class:`SecretUrl` if it contains a secret.
            ``None`` if it was read back from data without secrets.
        secret: The secret that verifies the deliveries, if the vendor returns it.
        raw: The vendor's payload, unchanged. Not part of the repr, the hash, or equality.
    """

    provider: str = attrs.field(converter=c.identifier)
    id: str = attrs.field(converter=c.identifier)
    url: str | None = attrs.field(converter=c.read_url, metadata=about(may_be_left_out=True))
    secret: Secret | None = attrs.field(default=None, converter=c.optional_secret)
    raw: MaskedMapping | None = attrs.field(
        default=None, converter=c.optional_mapping, eq=False, repr=False
    )


#: The condition of ``wait``: a status, several statuses, or a function of the stream.
Until: TypeAlias = Status | str | Collection[Status | str] | Callable[[LiveStream], object]
