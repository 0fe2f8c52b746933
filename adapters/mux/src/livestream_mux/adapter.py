"""The adapter for Mux Video's live streams, version 1 of its API.

A Mux live stream is reusable: it is idle, an encoder makes it active, and it is idle again. Each
run is recorded as an asset of its own. The sources are Mux's API reference and guides at
docs.mux.com, and the types of its SDKs ``@mux/mux-node`` 15 and ``mux_python`` 5.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import attrs

import livestream_core as live
from livestream_core import Feature, Latency, Protection, RecordingStatus, Status, Support

_ALL = "/video/v1/live-streams"
_ONE = f"{_ALL}/{{id}}"
_ASSETS = "/video/v1/assets"

_STATUS = {"idle": Status.READY, "active": Status.LIVE, "disabled": Status.DISABLED}
_WORDS = {status: word for word, status in _STATUS.items()}
_LATENCY = {"standard": Latency.NORMAL, "reduced": Latency.LOW, "low": Latency.ULTRA_LOW}
_MODES = {latency: word for word, latency in _LATENCY.items()}
_PROTECTION = {
    "public": Protection.NONE,
    "signed": Protection.SIGNED,
    "drm": Protection.DRM,
}
_ASSET_STATUS = {
    "preparing": RecordingStatus.PROCESSING,
    "ready": RecordingStatus.READY,
    "errored": RecordingStatus.FAILED,
}
#: An object with an ID and two of these is a live stream: an asset has only the first of them, a
#: simulcast target only the second.
_OWN = ("created_at", "stream_key", "latency_mode", "reconnect_window", "max_continuous_duration")
#: The longest title, in code points, and the longest passthrough, in characters.
_LONGEST_TITLE, _LONGEST_REFERENCE = 512, 255
#: The largest number of entries per page.
_PAGE_SIZE = 100
_CURSOR = re.compile(r"[1-9][0-9]{0,8}")
_MUX_HOST = re.compile(r"rtmps?://([\w.-]+\.mux\.com)(?:[:/]|$)")
#: The message of a 400 for an ID that Mux cannot have issued.
_NOT_AN_ID = "Failed to parse ID"

_STREAM_EVENTS = "video.live_stream."
_SIMULCAST_EVENTS = "video.live_stream.simulcast_target."
#: What these events say about a stream that Mux shows as active.
_ANNOUNCED = {
    "video.live_stream.connected": Status.LIVE,
    "video.live_stream.active": Status.LIVE,
    "video.live_stream.disconnected": Status.INTERRUPTED,
}
_RECORDED = "video.asset.live_stream_completed"

_OneStream = Generator[live.Request, live.Response, live.LiveStream]


def _check_playback_url(options: Any, field: Any, value: str) -> None:
    # The message does not contain it, because it may hold a password.
    if not re.fullmatch(r"https?://[^\s?#@]*[^\s?#@/]", value):
        raise ValueError(
            "must be https:// or http:// and a host, without a query or a slash at the end"
        )


@attrs.frozen(kw_only=True)
class MuxOptions(live.Options):
    """Options of a connection to Mux: an access token of one environment.

    Attributes:
        base_url: The vendor's origin.
        token_id: The ID of the access token.
        token_secret: The secret of the access token.
        environment: A name for the environment, which then identifies the account even if the
            access token is replaced.
        playback_policy: Who can watch new streams and their recordings.
        ingest_url: The RTMP server that encoders publish to, which Mux's API does not return.
        playback_url: The URL under which viewers find playback IDs, which Mux's API does not
            return.
        webhook_secret: The signing secret of the webhook.
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (("token_id", "token_secret"),)

    base_url: str = live.option(
        default="https://api.mux.com", help="The vendor's origin: https://host[:port]."
    )
    token_id: str = live.option(help="The ID of an access token.")
    token_secret: live.Secret = live.option(help="The secret of that access token.")
    environment: str | None = live.option(
        default=None, help="A name for the environment; by default the token's ID."
    )
    playback_policy: str = live.option(
        default="public",
        validator=attrs.validators.in_(("public", "signed")),
        help="Who can watch new streams: public, or signed (viewers need a token).",
    )
    ingest_url: str = live.option(
        default="rtmps://global-live.mux.com:443/app",
        ingest=True,
        help="The RTMP server that encoders publish to, such as one of Mux's regions.",
    )
    playback_url: str = live.option(
        default="https://stream.mux.com",
        validator=_check_playback_url,
        help="The URL under which viewers find streams, such as one of your custom domains.",
    )
    webhook_secret: live.Secret | None = live.option(
        default=None, help="The signing secret of the webhook."
    )


class MuxAdapter(live.Adapter):
    """The live streams of one Mux environment."""

    name = "mux"
    Options: ClassVar[type[live.Options]] = MuxOptions
    options: MuxOptions
    is_lenient: ClassVar[bool] = True
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            Feature.CREATE: Support.NATIVE,
            Feature.SCHEDULE: (
                Support.NONE,
                "Mux has no start times; an encoder may connect at any time",
            ),
            Feature.GET: Support.NATIVE,
            Feature.LIST: Support.NATIVE,
            Feature.UPDATE: Support.NATIVE,
            Feature.START: (
                Support.AUTOMATIC,
                "the ingest is always open, and the encoder starts the stream; start only reads it",
            ),
            Feature.STOP: (
                Support.NATIVE,
                "this ends the recording at once; Mux disconnects the encoder after 60 seconds, "
                "and an encoder that reconnects starts another run",
            ),
            Feature.TRIM: (Support.NONE, "Mux cannot trim a live stream; clip its asset instead"),
            Feature.CANCEL: (
                Support.NONE,
                "a Mux stream can always be used again; disable or delete it instead",
            ),
            Feature.DELETE: (
                Support.NATIVE,
                "this disconnects the encoder; the recordings are kept",
            ),
            Feature.DISABLE: Support.NATIVE,
            Feature.ENABLE: Support.NATIVE,
            Feature.RESET_KEY: Support.NATIVE,
            Feature.RECORDINGS: (Support.NATIVE, "Mux records each run as an asset"),
            Feature.WEBHOOK: Support.NATIVE,
            Feature.MANAGE_WEBHOOKS: (
                Support.NONE,
                "Mux documents no endpoint for it; add the webhook in Mux's dashboard",
            ),
        },
        fields={
            Feature.TITLE: (Support.NATIVE, "viewers can read it"),
            Feature.REFERENCE: (Support.NATIVE, "this is Mux's passthrough"),
            Feature.RECORD: live.Capability(
                Support.AUTOMATIC, "Mux records every run", values={True}
            ),
            Feature.RECORDING_DRM: (
                Support.NONE,
                "Mux protects a playback ID, not a stream: pass advanced_playback_policies in "
                "options",
            ),
            Feature.LATENCY: Support.NATIVE,
            Feature.DESCRIPTION: (Support.NONE, "Mux stores no description"),
            Feature.TAGS: (Support.NONE, "Mux stores no tags"),
            Feature.THUMBNAIL_URL: (Support.NONE, "Mux makes its own thumbnails"),
            Feature.PLAYBACK_URL: (Support.NONE, "Mux hosts its streams and sets the URLs"),
            Feature.RESTREAMS: (
                Support.NATIVE,
                "Mux calls them simulcast targets; they can be set when a stream is created",
            ),
        },
        statuses={*_STATUS.values(), Status.INTERRUPTED},
        reusable=True,
        updatable=("title", "reference", "latency"),
        clearable=("reference",),
        filters=("status", "reference"),
        empty_page_ends=True,
        mark="reference",
        max_page_size=_PAGE_SIZE,
        # The reconnect window, which only a delivery shows.
        reads_as={Status.INTERRUPTED: Status.LIVE},
    )

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: live.StreamSpec) -> _OneStream:
        """Send POST /live-streams.

        Without playback policies, neither the stream nor its recordings could be watched.
        """
        policies = {"playback_policies": [self.options.playback_policy]}
        body = _body(
            {
                name: value
                for name in ("title", "reference", "latency")
                if (value := getattr(spec, name)) is not None
            }
        )
        if spec.restreams:
            body["simulcast_targets"] = [_simulcast_target(each) for each in spec.restreams]
        body = self.with_options(body, spec.options)
        response = yield self.post(_ALL, json={**policies, "new_asset_settings": policies, **body})
        return self._stream(response)

    def get(self, stream_id: str) -> _OneStream:
        """Send GET /live-streams/{id}."""
        return self._stream((yield self.request("GET", _ONE, id=stream_id)))

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """Send GET /live-streams; only an empty page is the last one, because no total exists."""
        page = query.cursor or "1"
        if not _CURSOR.fullmatch(page):
            raise live.InvalidInput("cursor: is not a cursor of this list", field="cursor")
        response = yield self.request(
            "GET",
            _ALL,
            params={
                "page": page,
                "limit": query.size,
                "status": None if query.status is None else _WORDS.get(query.status),
            },
        )
        items = response.fields().items("data")
        return self.page(items, next=str(int(page) + 1) if items else None)

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> _OneStream:
        """Send PATCH /live-streams/{id}, a partial update; an empty passthrough clears it."""
        return self._stream((yield self.patch(_ONE, id=stream_id, json=_body(changes))))

    def start(self, stream_id: str) -> _OneStream:
        """Read the stream, which its encoder starts."""
        stream = yield from self.get(stream_id)
        if stream.status is Status.DISABLED:
            raise _conflict(stream, "enable it first")
        return stream

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> _OneStream:
        """Send PUT /live-streams/{id}/complete, if the stream is live."""
        stream = yield from self.get(stream_id)
        if stream.status is not Status.LIVE:
            raise _conflict(stream, "only a stream that is live can be stopped")
        # Not retried: a second one could end the run of an encoder that has just reconnected.
        _confirm((yield self.put(f"{_ONE}/complete", id=stream_id, idempotent=False)))
        return (yield from self.get(stream_id))

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        """Send DELETE /live-streams/{id}; this path has only live streams."""
        _confirm((yield self.request("DELETE", _ONE, id=stream_id)))

    def disable(self, stream_id: str) -> _OneStream:
        """Send PUT /live-streams/{id}/disable, which also ends a run."""
        return self._switch(stream_id, "disable")

    def enable(self, stream_id: str) -> _OneStream:
        """Send PUT /live-streams/{id}/enable."""
        return self._switch(stream_id, "enable")

    def _switch(self, stream_id: str, action: str) -> _OneStream:
        # Mux refuses to disable a disabled stream, and to enable an enabled one.
        stream = yield from self.get(stream_id)
        if (stream.status is Status.DISABLED) is (action == "disable"):
            return stream
        _confirm((yield self.put(f"{_ONE}/{action}", id=stream_id)))
        return (yield from self.get(stream_id))

    def reset_key(self, stream_id: str) -> _OneStream:
        """Send POST /live-streams/{id}/reset-stream-key."""
        return self._stream((yield self.post(f"{_ONE}/reset-stream-key", id=stream_id)))

    def recordings(
        self, stream_id: str
    ) -> Generator[live.Request, live.Response, tuple[live.Recording, ...]]:
        """Send GET /assets for the stream, after a check that the stream exists."""
        yield from self.get(stream_id)
        recordings: list[live.Recording] = []
        page = 1
        while True:
            response = yield self.request(
                "GET",
                _ASSETS,
                params={"live_stream_id": stream_id, "limit": _PAGE_SIZE, "page": page},
            )
            assets = response.fields().items("data")
            recordings += [self._recording(live.Fields(each, lenient=True)) for each in assets]
            if not assets:
                return tuple(recordings)
            page += 1

    # -- payloads ---------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse a live stream object of the API, or of a webhook delivery."""
        fields = live.Fields(payload, lenient=True)
        if len(fields.data.keys() & _OWN) < 2:
            raise live.UnexpectedResponse(
                f"fewer than two of {', '.join(_OWN)} are in the response"
            )
        meta = fields.optional_object("meta", field="title")
        playback_ids = fields.optional_objects("playback_ids", field="playbacks")
        playbacks = [each for part in playback_ids if (each := self._playback(part)) is not None]
        public = _public_id(playback_ids)
        restreams = (
            each.part(
                "restreams",
                live.RestreamTarget,
                each.optional_text("url"),
                each.optional_text("stream_key"),
            )
            for each in fields.optional_objects("simulcast_targets", field="restreams")
        )
        return fields.build(
            live.LiveStream,
            provider=MuxAdapter.name,
            id=fields.identifier("id"),
            # Streams that are older than this field have no title.
            title=(meta.optional_text("title") if meta is not None else None) or "",
            reference=fields.optional_text("passthrough", field="reference") or None,
            status=fields.optional_word("status", _STATUS, expected=True) or Status.UNKNOWN,
            provider_status=fields.optional_text("status"),
            # Text in the API, a number in webhook deliveries.
            created_at=fields.optional_unix("created_at"),
            ingests=self._ingests(fields),
            playbacks=playbacks,
            record=True,
            restreams=[each for each in restreams if each is not None],
            thumbnail_url=public and f"https://image.mux.com/{public}/thumbnail.jpg",
            latency=fields.optional_word("latency_mode", _LATENCY, field="latency"),
            raw=fields.data,
        )

    def _ingests(self, fields: live.Fields) -> tuple[live.Ingest, ...]:
        key = fields.optional_text("stream_key", field="ingests")
        if not key:
            return ()
        url = self.options.ingest_url
        ingests = [fields.part("ingests", live.Ingest, url, key)]
        host = _MUX_HOST.match(url)
        passphrase = fields.optional_text("srt_passphrase", field="ingests")
        if host and passphrase:
            srt = f"srt://{host[1]}:6001"
            ingests.append(fields.part("ingests", live.Ingest, srt, key, passphrase=passphrase))
        return tuple(each for each in ingests if each is not None)

    def _hls_url(self, playback_ids: Iterable[live.Fields]) -> str | None:
        public = _public_id(playback_ids)
        return public and f"{self.options.playback_url}/{public}.m3u8"

    def _playback(self, playback_id: live.Fields) -> live.Playback | None:
        """Return a playback: only a public ID makes a URL, any other one needs a token."""
        protection = playback_id.optional_word("policy", _PROTECTION, expected=True)
        return playback_id.part(
            "playbacks",
            live.Playback,
            self._hls_url([playback_id]),
            live.PlaybackKind.HLS,
            protection=protection or Protection.UNKNOWN,
        )

    def _recording(self, asset: live.Fields) -> live.Recording:
        """Return the recording of one run, from its asset."""
        is_live = asset.optional_flag("is_live") or False
        times = asset.optional_objects("recording_times")
        starts = [each.optional_instant("started_at") for each in times]
        started_at = next(filter(None, starts), None)
        ended_at = None
        if times and not is_live:
            duration = times[-1].optional_number("duration")
            if duration is not None and starts[-1] is not None:
                ended_at = starts[-1] + timedelta(seconds=duration)
        status = asset.optional_word("status", _ASSET_STATUS) or RecordingStatus.UNKNOWN
        return asset.build(
            live.Recording,
            # An asset can be watched while its stream is live, but it is not finished.
            RecordingStatus.PROCESSING if is_live and status is RecordingStatus.READY else status,
            url=self._hls_url(asset.optional_objects("playback_ids")),
            duration=asset.optional_number("duration"),
            id=asset.identifier("id"),
            started_at=started_at,
            ended_at=ended_at,
        )

    def _stream(self, response: live.Response) -> live.LiveStream:
        return self.parse_stream(response.fields().object("data").data)

    def id_in(self, payload: Any) -> str | None:
        """Return the ID of the object in the envelope."""
        data = payload.get("data", payload) if isinstance(payload, Mapping) else None
        return super().id_in(data)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        """Verify the header ``mux-signature`` and parse the delivery.

        Mux's own SDK rejects deliveries that were signed more than five minutes ago.
        """
        live.webhooks.verify_hmac(
            body,
            headers.get("mux-signature"),
            secret,
            prefix="v1=",
            timestamp_prefix="t=",
            signed="{timestamp}.{body}",
            now=self.clock(),
        )
        fields = live.Response(200, {}, body).fields(lenient=True)
        kind = fields.text("type")
        data = fields.optional_object("data")
        about_stream = kind.startswith(_STREAM_EVENTS) and not kind.startswith(_SIMULCAST_EVENTS)
        stream_id = stream = status = None
        if about_stream and data is not None:
            stream_id = data.identifier("id")
            if kind != "video.live_stream.deleted":
                stream = self.parse_stream(data.data)
            if stream and stream.status is Status.LIVE:
                status = _ANNOUNCED.get(kind)
            if stream and status is Status.INTERRUPTED:
                # The reconnect window is running, which the API itself does not show.
                stream = attrs.evolve(stream, status=status)
        elif kind == _RECORDED and data is not None:
            stream_id = data.optional_text("live_stream_id")
        return live.Event(
            provider=self.name,
            kind=live.EventKind.OTHER if stream_id is None else live.EventKind.STREAM_CHANGED,
            stream_id=stream_id,
            stream=stream,
            occurred_at=fields.optional_instant("created_at"),
            raw=fields.data,
            key=fields.optional_text("id") or None,
            event_type=kind,
            status=status,
        )

    # -- errors and signing in --------------------------------------------------------------

    def error_for(self, response: live.Response) -> live.LiveStreamError:
        """Return the error by status; a 400 for an ID that cannot be parsed is ``NotFound``."""
        error = self.error_by_status(response)
        if response.status == 400 and error.message.endswith(_NOT_AN_ID):
            return live.NotFound("this is not a Mux ID")
        return error

    def error_message(self, payload: Any) -> str | None:
        """Return the messages of ``{"error": {"type": ..., "messages": [...]}}``."""
        error = payload.get("error") if isinstance(payload, Mapping) else None
        messages = error.get("messages") if isinstance(error, Mapping) else None
        if isinstance(messages, list) and messages:
            return "; ".join(each for each in messages if isinstance(each, str))
        return super().error_message(payload)

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Session:
        """Return the access token as HTTP Basic credentials."""
        return live.Session.basic(self.options.token_id, self.options.token_secret)

    def account_id(self) -> str:
        """Return the environment, or the token's ID: the API does not name the environment."""
        return self.options.environment or self.options.token_id


def _confirm(response: live.Response) -> None:
    """Refuse a response that has a body, but not one of Mux's, which proves no change."""
    if response.body and not response.is_readable:
        raise response.unexpected("the response does not come from Mux")


def _body(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return Mux's fields for fields of the model.

    Raises:
        InvalidInput: If a text is longer than Mux stores.
    """
    body: dict[str, Any] = {}
    for name, value in values.items():
        if name == "title":
            _check_length(name, value, _LONGEST_TITLE)
            body["meta"] = {"title": value}
        elif name == "reference":
            body["passthrough"] = value or ""
            _check_length(name, body["passthrough"], _LONGEST_REFERENCE)
        else:
            body["latency_mode"] = _MODES[value]
    return body


def _check_length(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise live.InvalidInput(
            f"{name}: must have at most {longest} characters, not {len(text)}", field=name
        )


def _simulcast_target(target: live.RestreamTarget) -> dict[str, Any]:
    key = target.stream_key
    return {"url": target.url} | ({} if key is None else {"stream_key": key.reveal()})


def _public_id(playback_ids: Iterable[live.Fields]) -> str | None:
    """Return the first of the IDs that need no token."""
    for each in playback_ids:
        if each.data.get("policy") == "public" and (found := each.optional_text("id")):
            return found
    return None


def _conflict(stream: live.LiveStream, advice: str) -> live.Conflict:
    return live.Conflict(
        f"the stream's status is '{stream.status}'; {advice}", status=stream.status
    )
