"""The adapter for VideoSDK's rooms: the API ``/v2``.

A room is a reusable stream. Encoders publish to it by WHIP, and while a participant is in the room,
HLS can be started for viewers. The sources are the reference of API v2 in VideoSDK's public
documentation repository ("the reference") and the code and types of its server SDK for Node.js,
``@videosdk.live/server-sdk`` 0.1.1 ("the SDK"). Where these contradict each other, the SDK, which
is newer, decides.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

import attrs

import livestream_core as live
from livestream_core import Feature, RecordingStatus, Status, Support
from livestream_videosdk.api import SigningAdapter, VideoSDKOptions, next_page, page_number

_ROOMS = "/v2/rooms"
_ROOM = "/v2/rooms/{id}"
_SESSIONS = "/v2/sessions"
_HLS = "/v2/hls"
_RECORDINGS = "/v2/recordings"

#: The participant that an encoder is.
_ENCODER = "encoder"
#: The fields that only rooms have. A room in the old naming, as a meeting, is not read.
_OWN = ("customRoomId", "disabled", "autoCloseConfig", "userId", "multiComposition")
#: The first words of webhook types about what a stream is here: a room, and its HLS.
_EVENTS = ("session", "hls", "recording")
_ANNOUNCED = {"hls-started": Status.LIVE, "hls-stopped": Status.READY}

T = TypeVar("T")
_Steps = Generator[live.Request, live.Response, T]
_OneStream = _Steps[live.LiveStream]


def _is_positive(_: object, __: object, hours: int) -> None:
    if not 1 <= hours <= 24 * 365:
        raise ValueError("must be from 1 to 8760")


@attrs.frozen(kw_only=True)
class VideoSDKRoomsOptions(VideoSDKOptions):
    """Options of a connection to VideoSDK's API v2.

    Attributes:
        whip_hours: How long the token of an ingest is valid at least.
        ingest_url: The WHIP server that encoders publish to.
    """

    whip_hours: int = live.option(
        default=24,
        validator=_is_positive,
        help="The hours for which the token of a WHIP ingest is valid, at least.",
    )
    ingest_url: str = live.option(
        default="https://api.videosdk.live/v2/whip",
        ingest=True,
        help="The WHIP server that encoders publish to.",
    )


class VideoSDKRoomsAdapter(SigningAdapter):
    """The rooms of a VideoSDK account, by API v2."""

    name = "videosdk-rooms"
    Options: ClassVar[type[live.Options]] = VideoSDKRoomsOptions
    options: VideoSDKRoomsOptions
    is_lenient: ClassVar[bool] = True
    # The role for the API; the SDK asks for the same permissions.
    claims: ClassVar[Mapping[str, Any]] = {
        "permissions": ["allow_join", "allow_mod"],
        "version": 2,
        "roles": ["crawler"],
    }
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            Feature.CREATE: (
                Support.NATIVE,
                "with a reference that is in use, VideoSDK returns the existing room",
            ),
            Feature.SCHEDULE: (Support.NONE, "a room has no schedule; it is open at any time"),
            Feature.GET: (Support.NATIVE, "this reads the room and its running HLS"),
            Feature.LIST: (
                Support.NATIVE,
                "an entry does not show whether HLS is running; get does",
            ),
            Feature.UPDATE: (Support.NONE, "VideoSDK cannot change a room"),
            Feature.START: (
                Support.NATIVE,
                "this starts HLS, for which an encoder must be in the room",
            ),
            Feature.STOP: (
                Support.NATIVE,
                "this ends HLS; the encoder stays in the room, and HLS can be started again",
            ),
            Feature.TRIM: (Support.NONE, "VideoSDK cannot trim a recording"),
            Feature.CANCEL: (Support.NONE, "a room has no schedule; disable it instead"),
            Feature.DELETE: (Support.NONE, "VideoSDK keeps rooms forever; disable it instead"),
            Feature.DISABLE: Support.NATIVE,
            Feature.ENABLE: Support.NATIVE,
            Feature.RESET_KEY: (
                Support.NONE,
                "tokens are signed with the account's secret and expire; a room has no key",
            ),
            Feature.RECORDINGS: (
                Support.NATIVE,
                "each run of HLS can be watched again, and so can the recordings of the room",
            ),
            Feature.WEBHOOK: (
                Support.NATIVE,
                "VideoSDK signs with RSA and publishes its key; pass webhook in options of create",
            ),
            Feature.MANAGE_WEBHOOKS: (
                Support.NONE,
                "each VideoSDK room has its own webhook; pass webhook in options of create",
            ),
        },
        fields={
            Feature.TITLE: (Support.NONE, "a VideoSDK room has no title"),
            Feature.REFERENCE: (Support.NATIVE, "this is VideoSDK's customRoomId"),
            Feature.RECORD: (
                Support.NONE,
                "VideoSDK records a room on request; pass autoStartConfig in options of create",
            ),
            Feature.RECORDING_DRM: (Support.NONE, "VideoSDK has no DRM for recordings"),
            Feature.LATENCY: (Support.NONE, "VideoSDK does not let you choose the latency"),
            Feature.DESCRIPTION: (Support.NONE, "a VideoSDK room has no description"),
            Feature.TAGS: (Support.NONE, "a VideoSDK room has no tags"),
            Feature.THUMBNAIL_URL: (
                Support.NONE,
                "VideoSDK captures a picture on request, and stores none for a room",
            ),
            Feature.PLAYBACK_URL: (Support.NONE, "VideoSDK hosts the stream and sets its URLs"),
            Feature.RESTREAMS: (
                Support.NONE,
                "VideoSDK restreams (RTMP-out) only on request while a participant is in the room, "
                "and stores no targets for a room",
            ),
        },
        statuses={Status.READY, Status.LIVE, Status.DISABLED},
        start_needs_encoder=True,
        reusable=True,
        filters=("status", "reference"),
        reports_total=True,
        empty_page_ends=True,
        mark="reference",
        reference_is_unique=True,
        list_lacks=("status", "playbacks", "started_at"),
    )

    # Tokens are JWTs.
    secret_patterns: ClassVar[tuple[str, ...]] = (r"\beyJ[\w-]*\.[\w-]+\.[\w-]+",)

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: live.StreamSpec) -> _OneStream:
        """Send POST /v2/rooms, which returns the existing room of a customRoomId."""
        known = {} if spec.reference is None else {"customRoomId": spec.reference}
        response = yield self.post(
            _ROOMS, json=self.with_options(known, spec.options), idempotent=bool(known)
        )
        return (yield from self._with_hls(response.fields()))

    def get(self, stream_id: str) -> _OneStream:
        """Send GET /v2/rooms/{id}, and GET /v2/hls/{id}/active unless the room is disabled.

        Raises:
            NotFound: If the ID is another one of a room, such as its customRoomId.
        """
        room = (yield self.request("GET", _ROOM, id=stream_id)).fields()
        if (room_id := room.identifier("roomId")) != stream_id:
            raise live.NotFound(f"this is another ID of the room {room_id}; use that ID")
        return (yield from self._with_hls(room))

    def list(self, query: live.Query) -> _Steps[live.Page]:
        """Send GET /v2/rooms; the cursor is the page number.

        Its parameter ``query`` compares the whole customRoomId, or the whole roomId.
        """
        number = page_number(query)
        response = yield self.request(
            "GET",
            _ROOMS,
            params={"page": number, "perPage": query.size, "query": query.reference},
        )
        items = _items(response, "rooms")
        return self.page(
            items,
            lambda item: self.parse_stream(self._with_token(item)),
            next=lambda: next_page(_pages(response), int(number), len(items)),
            total=_total(response),
        )

    def start(self, stream_id: str) -> _OneStream:
        """Send POST /v2/hls/start, if a participant is in the room.

        Raises:
            Conflict: If the room is disabled or empty.
        """
        stream = yield from self.get(stream_id)
        if stream.status is Status.LIVE:
            return stream
        if stream.status is Status.DISABLED:
            raise _conflict(stream, "enable it first")
        if not (yield from self._is_occupied(stream_id)):
            raise _conflict(stream, "connect the encoder first: no one is in the room")
        response = yield self.post(f"{_HLS}/start", json={"roomId": stream_id})
        hls = response.fields()
        hls.identifier("id")
        return self.parse_stream({**(stream.raw or {}), "hls": hls.data})

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> _OneStream:
        """Send POST /v2/hls/end, whose response is a string.

        Raises:
            Conflict: If HLS is not running.
        """
        stream = yield from self.get(stream_id)
        if stream.status is not Status.LIVE:
            raise _conflict(stream, "only a stream that is live can be stopped")
        (yield self.post(f"{_HLS}/end", json={"roomId": stream_id})).json()
        return (yield from self.get(stream_id))

    def disable(self, stream_id: str) -> _OneStream:
        """Send POST /v2/rooms/{id} with the status ``disabled``."""
        return self._switch(stream_id, "disabled")

    def enable(self, stream_id: str) -> _OneStream:
        """Send POST /v2/rooms/{id} with the status ``enabled``."""
        return self._switch(stream_id, "enabled")

    def recordings(self, stream_id: str) -> _Steps[tuple[live.Recording, ...]]:
        """Send GET /v2/hls and GET /v2/recordings for the room."""
        yield from self.get(stream_id)
        runs = yield from self._recorded(_HLS, stream_id, _run)
        files = yield from self._recorded(_RECORDINGS, stream_id, _file)
        return runs + files

    def _switch(self, stream_id: str, word: str) -> _OneStream:
        stream = yield from self.get(stream_id)
        if (stream.status is Status.DISABLED) is (word == "disabled"):
            return stream
        (yield self.post(_ROOM, id=stream_id, json={"status": word}, idempotent=True)).json()
        return (yield from self.get(stream_id))

    def _with_hls(self, room: live.Fields) -> _OneStream:
        """Return the stream of a room, after a read of the HLS that is running in it."""
        hls = None
        if room.data.get("disabled") is not True:
            room_id = room.identifier("roomId")
            try:
                response = yield self.request("GET", f"{_HLS}/{{id}}/active", id=room_id)
            except live.NotFound as error:
                if not (error.body or "").lstrip().startswith("{"):
                    # It does not come from VideoSDK, so it does not prove that HLS is not running.
                    raise live.UnexpectedResponse("the response is not an error of VideoSDK") from (
                        None
                    )
            else:
                # The only response with an envelope: {"code": 200, "data": {...}}.
                hls = response.fields().object("data").data
        return self.parse_stream({**self._with_token(room.data), "hls": hls})

    def _is_occupied(self, room_id: str) -> _Steps[bool]:
        response = yield self.request(
            "GET", _SESSIONS, params={"roomId": room_id, "status": "ongoing"}
        )
        sessions = map(live.Fields, _items(response, "sessions"))
        return any(each.data.get("end") is None for each in sessions)

    def _recorded(
        self, path: str, room_id: str, read: Callable[[live.Fields], live.Recording]
    ) -> _Steps[tuple[live.Recording, ...]]:
        """Return all that a room's list of HLS or recordings contains."""
        found: tuple[live.Recording, ...] = ()
        number: str | None = "1"
        while number is not None:
            response = yield self.request("GET", path, params={"roomId": room_id, "page": number})
            items = _items(response, path.rpartition("/")[2])
            found += tuple(read(live.Fields(each, lenient=True)) for each in items)
            number = next_page(_pages(response), int(number), len(items))
        return found

    # -- payloads ---------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse a room.

        The adapter adds two keys, which ``raw`` therefore has too: ``whip``, the token of an
        encoder, and ``hls``, the running HLS, or null. A room without ``hls``, as in a list, does
        not show its status.
        """
        fields = live.Fields(payload, lenient=True)
        if not any(name in fields.data for name in _OWN):
            raise live.UnexpectedResponse(f"none of {', '.join(_OWN)} is in the response")
        room_id = fields.identifier("roomId")
        has_status = "hls" in fields.data
        is_disabled = fields.optional_flag("disabled", field="status", expected=has_status)
        hls = fields.optional_object("hls", field="status")
        status = Status.UNKNOWN
        if has_status and is_disabled is not None:
            status = Status.DISABLED if is_disabled else _hls_status(fields, hls)
        running = hls if status is Status.LIVE else None
        return fields.build(
            live.LiveStream,
            provider=self.name,
            id=room_id,
            title="",
            reference=fields.optional_text("customRoomId", field="reference") or None,
            status=status,
            created_at=fields.optional_instant("createdAt", field="created_at"),
            updated_at=fields.optional_instant("updatedAt", field="updated_at"),
            started_at=None
            if running is None
            else running.optional_instant("start", field="started_at", expected=True),
            ingests=self._ingests(fields, room_id),
            playbacks=() if running is None else _playbacks(running),
            raw=fields.data,
        )

    def _ingests(self, fields: live.Fields, room_id: str) -> tuple[live.Ingest, ...]:
        # An encoder that lost its connection joins again before VideoSDK notices that it left.
        query = urlencode(
            {"roomId": room_id, "participantId": _ENCODER, "useExistingPeer": "true"},
            errors="surrogatepass",
        )
        whip = fields.optional_object("whip", field="ingests")
        ingest = fields.part(
            "ingests",
            live.Ingest,
            f"{self.options.ingest_url}?{query}",
            None if whip is None else whip.optional_text("token", field="ingests"),
            expires_at=None if whip is None else whip.optional_unix("exp", field="ingests"),
        )
        return () if ingest is None else (ingest,)

    def _with_token(self, room: Any) -> Any:
        """Return a room with the token of its encoder, which the account's secret signs.

        All reads within a period return the same token, so that two reads are equal.
        """
        room_id = room.get("roomId") if isinstance(room, Mapping) else None
        if self.options.secret is None or not isinstance(room_id, str):
            return room
        period = self.options.whip_hours * 3600
        issued = int(self.clock().timestamp()) // period * period
        expires = issued + 2 * period
        # The role for the API, because WHIP is a part of it, as in the SDK.
        claims = {**self.claims, "roomId": room_id, "participantId": _ENCODER}
        token = self.signed(claims, issued, expires)
        return {**room, "whip": {"token": token, "exp": expires}}

    def id_in(self, payload: Any) -> str | None:
        """Return the ``roomId``, because ``id`` is something else."""
        return super().id_in({"id": payload.get("roomId")} if isinstance(payload, Mapping) else {})

    def webhook_key(self) -> _Steps[str]:
        """Send GET /v2/public/rsa-public-key."""
        response = yield self.request("GET", "/v2/public/rsa-public-key")
        key = response.fields().text("publicKey")
        if "-----BEGIN " not in key:
            raise response.unexpected("publicKey is not in PEM form")
        return key

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        """Verify the header ``videosdk-signature`` of the body, and parse the delivery.

        A delivery has no ID and no time of sending, so one that is sent again is accepted.
        """
        live.webhooks.verify_rsa(body, headers.get("videosdk-signature"), secret)
        fields = live.Response(200, {}, body).fields(lenient=True)
        kind = fields.text("webhookType" if "webhookType" in fields.data else "type")
        group, _, state = kind.partition("-")
        data = fields.optional_object("data")
        if data is None or group not in _EVENTS:
            return live.Event(
                provider=self.name, kind=live.EventKind.OTHER, raw=fields.data, event_type=kind
            )
        # Webhooks have the old name of a room.
        room_id = data.identifier("meetingId" if "meetingId" in data.data else "roomId")
        return live.Event(
            provider=self.name,
            kind=live.EventKind.STREAM_CHANGED,
            stream_id=room_id,
            # Only deliveries about sessions have times.
            occurred_at=data.optional_instant("end" if state == "ended" else "start"),
            raw=fields.data,
            event_type=kind,
            status=_ANNOUNCED.get(kind),
        )


def _items(response: live.Response, name: str) -> Sequence[Any]:
    """Return the entries of a list.

    VideoSDK has four shapes of lists, and the SDK reads all of them everywhere: under ``data``,
    with ``pageInfo`` or ``pagination``; under a name; and an array.
    """
    payload = response.json()
    if isinstance(payload, list):
        return payload
    fields = response.fields()
    return fields.items(name if name in fields.data else "data")


def _pages(response: live.Response) -> live.Fields | None:
    """Return the facts about the pages of a list."""
    if isinstance(response.json(), list):
        return None
    fields = response.fields()
    return fields.object("pagination" if "pagination" in fields.data else "pageInfo")


def _total(response: live.Response) -> Any:
    payload = response.json()
    if isinstance(payload, list):
        return len(payload)
    info = payload.get("pageInfo", payload.get("pagination"))
    return info.get("total") if isinstance(info, Mapping) else None


def _hls_status(fields: live.Fields, hls: live.Fields | None) -> Status:
    if hls is None:
        return Status.READY if fields.data["hls"] is None else Status.UNKNOWN
    end = hls.data.get("end")
    if end is None:
        return Status.LIVE
    return Status.UNKNOWN if hls.optional_instant("end", field="status") is None else Status.READY


def _hls_url(hls: live.Fields, field: str) -> str | None:
    """Return the URL with DVR, which is that of the recording after the end."""
    # The older documents call it downstreamUrl.
    return hls.optional_text("playbackHlsUrl", field=field) or hls.optional_text(
        "downstreamUrl", field=field
    )


def _playbacks(hls: live.Fields) -> list[live.Playback]:
    urls = (_hls_url(hls, "playbacks"), hls.optional_text("livestreamUrl", field="playbacks"))
    # VideoSDK needs nothing but the URL.
    parts = [
        hls.part("playbacks", live.Playback, url, live.PlaybackKind.HLS)
        for url in dict.fromkeys(urls)
        if url
    ]
    return [each for each in parts if each is not None]


def _run(hls: live.Fields) -> live.Recording:
    end = hls.optional_instant("end")
    return hls.build(
        live.Recording,
        RecordingStatus.PROCESSING if end is None else RecordingStatus.READY,
        url=_hls_url(hls, "url"),
        # A run that has not ended has a duration too.
        duration=None if end is None else hls.optional_number("duration"),
        id=hls.identifier("id"),
        started_at=hls.optional_instant("start"),
        ended_at=end,
    )


def _file(recording: live.Fields) -> live.Recording:
    """Return a recording of the room; an older one has no times of its own."""
    file = recording.optional_object("file")
    url = None if file is None else file.optional_text("fileUrl")
    meta = None if file is None else file.optional_object("meta")
    return recording.build(
        live.Recording,
        RecordingStatus.PROCESSING if file is None else RecordingStatus.READY,
        url=url,
        duration=None if meta is None else meta.optional_number("duration"),
        id=recording.identifier("id"),
        started_at=recording.optional_instant("start"),
        ended_at=recording.optional_instant("end"),
    )


def _conflict(stream: live.LiveStream, advice: str) -> live.Conflict:
    return live.Conflict(
        f"the stream's status is '{stream.status}'; {advice}", status=stream.status
    )
