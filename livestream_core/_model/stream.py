"""The neutral model: what a live stream is, whoever hosts it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, NamedTuple, Self, TypeAlias

import attrs

from .._secrets.masked_mapping import MaskedMapping, plain, without_secrets
from .._secrets.secret import Secret, SecretUrl
from .._secrets.spellings import KnownSecrets, may_show
from . import converters as c
from .errors import READERS, InvalidInput
from .fields import (
    ITS_OWN,
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


class Feature(StrEnum):
    """What a provider may be able to do: operations, then fields of a stream."""

    CREATE = "create"
    """To make a stream."""
    SCHEDULE = "schedule"
    """To make one that starts later."""
    GET = "get"
    """To read a stream."""
    LIST = "list"
    """To read all streams."""
    UPDATE = "update"
    """To change a stream."""
    START = "start"
    """To start a stream, or its server."""
    STOP = "stop"
    """To end a stream."""
    TRIM = "trim"
    """To keep a part of the recording when a stream is ended."""
    CANCEL = "cancel"
    """To call a stream off before it was on air."""
    DELETE = "delete"
    """To delete a stream."""
    WEBHOOK = "webhook"
    """To be told of changes, and to verify that it was the vendor."""
    RECORD = "record"
    """To choose whether a recording is kept."""
    RECORDING_DRM = "recording_drm"
    """To protect the recording by DRM."""
    LATENCY = "latency"
    """To choose how far viewers are behind."""
    DESCRIPTION = "description"
    """A stream has a description."""
    TAGS = "tags"
    """A stream has tags."""
    THUMBNAIL_URL = "thumbnail_url"
    """A stream has a picture, given by its address."""
    PLAYBACK_URL = "playback_url"
    """A stream that is hosted elsewhere has the address where viewers watch."""
    RESTREAMS = "restreams"
    """The vendor forwards a stream to other platforms."""


class _Value(Pickled):
    """Turns a value into plain JSON data and back."""

    __slots__ = ()

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
        for field in facts_of(type(self)):
            value = getattr(self, field.name)
            if isinstance(value, (Secret, SecretUrl, MaskedMapping)):
                if not (secrets or (playback and field.for_viewers)):
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


def _is_unknown_word(field: FieldFacts, value: object) -> bool:
    return field.words is not None and isinstance(value, str) and value not in [*field.words]


def _read_parts(field: FieldFacts, value: Any, *, strict: bool) -> Any:
    if field.part is not None:
        if isinstance(value, Mapping):
            return field.part._read(value, strict=strict)
        if isinstance(value, list):
            return tuple(field.part._read(item, strict=strict) for item in value)
    return value


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
        url = self.url
        if url is None:
            return
        secrets = _own_secrets(self)
        if secrets and may_show(url, secrets):
            if self.stream_key is not None:
                url = without_key(url, self.stream_key.reveal())
            if KnownSecrets(secrets).find(url):
                url = SecretUrl(url)
            object.__setattr__(self, "url", url)


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class Ingest(_Server):
    """Where an encoder sends the stream.

    Attributes:
        url: The server, without the key and without a closing slash, as OBS calls it. Taken as
            the vendor gives it: whether the host exists is not judged. A key of eight characters
            or more that ends it is cut off, if an application is left; a URL that contains a
            secret still is a :class:`SecretUrl`.
        stream_key: The key; whoever has it can publish. Of SRT it is the ``streamid``, and of WHIP
            the bearer token.
        protocol: From the URL's scheme: ``"rtmp"``, ``"rtmps"``, ``"srt"``, ... An ``"https"``
            address is taken for one of WHIP.
        passphrase: What SRT encrypts the stream with.
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

    @property
    def publish_url(self) -> Secret | None:
        """All that its protocol needs in one URL, as ``ffmpeg`` takes it.

        ``None`` where one URL cannot say it (:meth:`ffmpeg_arguments` may), where an RTMP ingest
        has no key, and where the vendor's address or key has control characters.
        """
        told = publishing_of(self)
        return Secret(told.url) if told is not None and told.url is not None else None

    def ffmpeg_arguments(self) -> list[str] | None:
        """Return the arguments that make ``ffmpeg`` publish there, format and address included.

        They come last on its command line. Those that are secret are texts whose repr is masked,
        so the list, and an error of ``subprocess`` that shows it, may be logged; joined to one
        text, or in the list of running processes, they are in the clear.

        Returns:
            The arguments; ``None`` where an RTMP ingest has no key, the protocol is none of RTMP,
            SRT and WHIP, or the vendor's address or key has control characters.
        """
        told = publishing_of(self)
        return ["-f", told.format, *told.options] if told is not None else None


def publishing_of(ingest: Ingest) -> Publishing | None:
    """What an encoder is told; ``None`` where the ingest does not say enough."""
    if ingest.url is None:
        return None
    key, passphrase = (
        None if secret is None else secret.reveal()
        for secret in (ingest.stream_key, ingest.passphrase)
    )
    return publishing(ingest.url, key, passphrase, ingest.protocol)


def _playback_kind(kind: PlaybackKind | str) -> PlaybackKind:
    return c.enum_of(PlaybackKind, kind)


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class Playback(_Told):
    """Where viewers watch.

    Attributes:
        url: The address; a :class:`SecretUrl` where it contains a secret (some vendors put the
            stream key in it); ``None`` when read back from data without secrets.
        kind: HLS, DASH, or a page; by the URL's suffix unless told.
    """

    url: str | None = attrs.field(
        converter=c.read_url, metadata=about(may_be_left_out=True, for_viewers=True)
    )
    kind: PlaybackKind = attrs.field(
        default=attrs.Factory(lambda self: playback_kind(self.url or ""), takes_self=True),
        converter=_playback_kind,
        metadata=about(words=PlaybackKind),
    )


def _recording_status(status: RecordingStatus | str) -> RecordingStatus:
    return c.enum_of(RecordingStatus, status)


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class Recording(_Told):
    """What is kept of a stream.

    Attributes:
        status: How far it is; UNKNOWN where the vendor does not say.
        url: Where to watch it, usually HLS.
        dash_url: The same as DASH.
        duration: Seconds.
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


@attrs.frozen(slots=True, getstate_setstate=False, field_transformer=described)
class RestreamTarget(_Server):
    """Another platform that the vendor forwards the stream to.

    Attributes:
        url: The other platform's RTMP server, without the key, like :attr:`Ingest.url`.
        stream_key: The key there.
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
            raise InvalidInput(f"{field}: {problem}", field=field)
    return targets


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=owned)
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

    title: str = attrs.field(
        converter=c.title,
        metadata=about(Owner.CALLER, help="Its title.", unknown="", always_digested=True),
    )
    description: str | None = attrs.field(
        default=None,
        converter=c.optional_text,
        metadata=about(
            Owner.CALLER, Feature.DESCRIPTION, help="Its description.", always_digested=True
        ),
    )
    scheduled_start: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(
            Owner.ECHOED,
            Feature.SCHEDULE,
            help="When it starts.",
            unasked=ITS_OWN,
            always_digested=True,
        ),
    )
    record: bool | None = attrs.field(
        default=None,
        converter=c.flag,
        metadata=about(
            Owner.VENDOR,
            Feature.RECORD,
            help="Keep a recording, or none.",
            unasked=False,
            always_digested=True,
        ),
    )
    recording_drm: bool | None = attrs.field(
        default=None,
        converter=c.flag,
        metadata=about(
            Owner.VENDOR,
            Feature.RECORDING_DRM,
            help="Protect the recording by DRM, or not.",
            unasked=False,
            always_digested=True,
        ),
    )
    latency: Latency | None = attrs.field(
        default=None,
        converter=_latency,
        metadata=about(
            Owner.ECHOED,
            Feature.LATENCY,
            help="How far viewers may be behind.",
            words=Latency,
            unasked=Latency.NORMAL,
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
            Owner.VENDOR, Feature.THUMBNAIL_URL, help="Its picture.", always_digested=True
        ),
    )
    playback_url: str | None = attrs.field(
        default=None,
        converter=c.url,
        metadata=about(
            Owner.ECHOED,
            Feature.PLAYBACK_URL,
            help="Where viewers watch a stream that is hosted elsewhere.",
            unasked=ITS_OWN,
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
            help="Platforms to forward it to.",
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
            Owner.NOBODY, help="A field of this vendor alone.", option="--set", always_digested=True
        ),
    )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote, or what somebody wrote by hand.

        Raises:
            InvalidInput: Something in it is missing, wrong or unknown; ``field`` says what. A
                misspelt field is never ignored: without ``scheduled_start`` a server may boot.
        """
        return cls._read(data, strict=True)

    def __attrs_post_init__(self) -> None:
        if keys := _secrets_of(self.restreams):
            _hide_keys(self, keys)


@attrs.frozen(
    slots=True, kw_only=True, getstate_setstate=False, field_transformer=shown_of(StreamSpec)
)
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
        problems: What of the payload could not be read, and is therefore ``None``, empty or
            UNKNOWN: for each the name of the field, a colon, and the reason. It holds no value of
            the payload, and is not part of hash or equality.
    """

    provider: str = attrs.field(
        converter=c.identifier,
        metadata=about(Owner.VENDOR, replaced="the target is another provider, or another account"),
    )
    id: str = attrs.field(
        converter=c.identifier, metadata=about(Owner.VENDOR, replaced="the target gives its own")
    )
    title: str = attrs.field(converter=c.text)
    description: str | None = attrs.field(default=None, converter=c.optional_text)
    status: Status = attrs.field(
        converter=_status,
        metadata=about(
            Owner.VENDOR,
            replaced="the target begins with its own",
            words=Status,
            unknown=Status.UNKNOWN,
        ),
    )
    provider_status: str | None = attrs.field(
        default=None,
        converter=c.optional_text,
        metadata=about(Owner.VENDOR, replaced="a word of the source's"),
    )
    scheduled_start: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    started_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, left="it was on air at the source"),
    )
    ended_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, left="it was on air at the source"),
    )
    created_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, replaced="the target notes its own"),
    )
    updated_at: datetime | None = attrs.field(
        default=None,
        converter=c.optional_instant,
        metadata=about(Owner.VENDOR, replaced="the target notes its own"),
    )
    ingests: tuple[Ingest, ...] = attrs.field(
        default=(),
        converter=_ingests,
        metadata=about(
            Owner.VENDOR, replaced="the target gives its own address and stream key", part=Ingest
        ),
    )
    playbacks: tuple[Playback, ...] = attrs.field(
        default=(),
        converter=_playbacks,
        metadata=about(Owner.VENDOR, replaced="the target gives its own addresses", part=Playback),
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
        metadata=about(Owner.VENDOR, replaced="a page of the source's"),
    )
    latency: Latency | None = attrs.field(default=None, converter=_latency)
    raw: MaskedMapping | None = attrs.field(
        default=None,
        converter=c.optional_mapping,
        eq=False,
        repr=False,
        metadata=about(Owner.NOBODY, replaced="the source's payload"),
    )
    problems: tuple[str, ...] = attrs.field(
        default=(),
        converter=c.texts,
        eq=False,
        metadata=about(Owner.NOBODY, replaced="it is about the source's payload"),
    )

    def __attrs_post_init__(self) -> None:
        # Some vendors put the stream key into the URLs that viewers get.
        if (self.ingests or self.restreams) and (keys := self.stream_keys()):
            _hide_keys(self, keys)

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
        """All stream keys and passphrases in it, in the clear: what must not be printed."""
        return _secrets_of((*self.ingests, *self.restreams))


def field_of(problem: str) -> str:
    """Return the name of the field of a stream that one of its problems is about."""
    return problem.partition(":")[0].partition(".")[0].partition("[")[0]


def _stream_of_error(name: str, value: Any) -> LiveStream | None:
    return None if value is None else LiveStream.from_dict(value)


def _streams_of_error(name: str, value: Any) -> tuple[LiveStream, ...]:
    return tuple([LiveStream.from_dict(each) for each in value])


READERS["stream"] = _stream_of_error
READERS["streams"] = _streams_of_error


def _own_secrets(server: _Server) -> list[str]:
    names = _PLACES[type(server)].secrets
    return [secret.reveal() for name in names if (secret := getattr(server, name)) is not None]


def _secrets_of(servers: Iterable[_Server]) -> frozenset[str]:
    return frozenset([secret for each in servers for secret in _own_secrets(each)])


def _hide_keys(value: _Value, keys: Collection[str]) -> None:
    """Make each URL of a new value of the model that shows one of the keys a ``SecretUrl``."""
    if may_show("\n".join(_urls_in(value)), keys):
        for name, hidden in _hidden(value, KnownSecrets(keys)).items():
            object.__setattr__(value, name, hidden)


class _Names(NamedTuple):
    """The names of the fields of a class that hold a URL, that hold parts, and that are secret."""

    urls: tuple[str, ...]
    parts: tuple[str, ...]
    secrets: tuple[str, ...]


class _Places(dict[type, _Names]):
    def __missing__(self, cls: type) -> _Names:
        names = self[cls] = _Names(
            *(
                tuple(field.name for field in facts_of(cls) if field.kind is kind)
                for kind in (Kind.URL, Kind.PART, Kind.SECRET)
            )
        )
        return names


_PLACES = _Places()


def _urls_in(value: _Value) -> list[str]:
    # For every stream of a page that shows a key, so without a call for each part.
    urls: list[str] = []
    values = [value]
    for each in values:
        names, parts, _ = _PLACES[type(each)]
        for name in names:
            url = getattr(each, name)
            if type(url) is str:
                urls.append(url)
        for name in parts:
            part = getattr(each, name)
            if part:
                values += part if type(part) is tuple else (part,)
    return urls


def _hidden(value: _Value, known: KnownSecrets) -> dict[str, Any]:
    """The fields of a value that have to change, so that no URL in it shows a known secret."""
    changed: dict[str, Any] = {}
    urls, parts, _ = _PLACES[type(value)]
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
    return attrs.evolve(value, **_hidden(value, known))


def _event_kind(kind: EventKind | str) -> EventKind:
    return c.enum_of(EventKind, kind)


def _stream(stream: LiveStream | None) -> LiveStream | None:
    return c.instance_of(LiveStream, stream)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
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

    def to_dict(self, *, secrets: bool = False, playback: bool = False) -> dict[str, Any]:
        """As data that ``json.dumps`` takes, like :meth:`LiveStream.to_dict`; ``raw`` is left
        out.
        """
        data = _Value.to_dict(self, secrets=secrets, playback=playback)
        data.pop("raw", None)
        return data


#: What ``wait`` may wait for: a status, several of them, or a function of the stream.
Until: TypeAlias = Status | str | Collection[Status | str] | Callable[[LiveStream], object]
