"""The adapter for PeerTube: a video platform that anyone can host, with live streams over RTMP.

In PeerTube, a live stream is a video whose ``isLive`` is true, with separate settings and sessions.
It is live while an encoder publishes, and no endpoint starts or stops it. When a stream that saves
its replay ends, it *becomes* its replay: the same ID is then an ordinary video. A permanent live
stream waits for its next session instead, and each of its replays is a separate video.

The sources are the REST reference at docs.joinpeertube.org and, where the reference is silent, the
server's code at github.com/Chocobozzz/PeerTube. Comments name the files of that code.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs
import livestream_core as live
from livestream_core import Feature, Latency, RecordingStatus, Status, Support

_VIDEO = "/api/v1/videos/{id}"
_LIVE = "/api/v1/videos/live/{id}"

_PUBLISHED, _TO_TRANSCODE, _WAITING, _LIVE_ENDED = 1, 2, 4, 5
#: video-state.enum.ts, for a video that is a live stream.
_LIVE_STATES = {_WAITING: Status.READY, _PUBLISHED: Status.LIVE, _LIVE_ENDED: Status.ENDED}
#: The same, for a video that was a live stream and is now its replay. Imports never are.
_REPLAY_STATES = {
    _PUBLISHED: (Status.ENDED, RecordingStatus.READY),
    _TO_TRANSCODE: (Status.PROCESSING, RecordingStatus.PROCESSING),
    6: (Status.PROCESSING, RecordingStatus.PROCESSING),  # to move to an external storage
    7: (Status.ENDED, RecordingStatus.FAILED),  # transcoding failed
    8: (Status.ENDED, RecordingStatus.FAILED),  # the move to an external storage failed
    9: (Status.ENDED, RecordingStatus.PROCESSING),  # to edit, in the studio
    10: (Status.PROCESSING, RecordingStatus.PROCESSING),  # to move to the file system
    11: (Status.ENDED, RecordingStatus.FAILED),  # that move failed
}

#: LiveVideoLatencyMode. Mode 2 has more latency than the default, and no :class:`Latency` requests
#: it. The adapter reads it as normal, which means ten seconds or more.
_LATENCY_MODES = {Latency.NORMAL: 1, Latency.LOW: 3}
_LATENCIES = {1: Latency.NORMAL, 2: Latency.NORMAL, 3: Latency.LOW}

#: VideoPrivacySet. The fifth, by password, is not an option, because it also needs the passwords.
_PRIVACIES = {"public": 1, "unlisted": 2, "private": 3, "internal": 4}

#: The fields that belong to the live settings and not to the video. They can change only before the
#: stream is live.
_LIVE_FIELDS = {"scheduled_start", "record", "latency"}

_CURSOR = re.compile(r"[1-9][0-9]{0,8}")

_OneStream = Generator[live.Request, live.Response, live.LiveStream]


@attrs.frozen(kw_only=True)
class PeerTubeOptions(live.Options):
    """An instance, one of its channels, and a token or a user's credentials.

    Attributes:
        base_url: The instance's origin.
        channel_id: The number of the channel for new streams.
        privacy: Who may watch new streams: ``public``, ``unlisted``, ``private``, ``internal``.
        access_token: An OAuth access token, which is never renewed.
        username: The user's name, or e-mail address.
        password: The user's password. For an account with a second factor, set a token instead.
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("access_token",),
        ("username", "password"),
    )

    base_url: str = live.option(help="The instance's origin: https://host[:port].")
    channel_id: int = live.option(help="The number of the channel for new streams.")
    privacy: str = live.option(
        default="public",
        validator=attrs.validators.in_(tuple(_PRIVACIES)),
        help="Who may watch new streams: public, unlisted, private or internal.",
    )
    access_token: live.Secret | None = live.option(
        default=None, help="An OAuth access token; it is sent unchanged and never renewed."
    )
    username: str | None = live.option(default=None, help="A user's name, or e-mail address.")
    password: live.Secret | None = live.option(default=None, help="That user's password.")


class PeerTubeAdapter(live.Adapter):
    """The live streams of one user of a PeerTube instance."""

    name = "peertube"
    Options: ClassVar[type[live.Options]] = PeerTubeOptions
    options: PeerTubeOptions
    is_lenient: ClassVar[bool] = True
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            Feature.CREATE: Support.NATIVE,
            Feature.SCHEDULE: (
                Support.NATIVE,
                "PeerTube announces the time, since version 7.3; an encoder may connect earlier",
            ),
            Feature.GET: Support.NATIVE,
            Feature.LIST: (
                Support.NATIVE,
                "an entry lacks ingest, description, tags, and recording, which get returns; a "
                "stream that has become its replay is no longer listed",
            ),
            Feature.UPDATE: Support.NATIVE,
            Feature.START: (
                Support.AUTOMATIC,
                "the ingest is open from creation on, and the encoder starts the stream; start "
                "only reads it",
            ),
            Feature.RESET_KEY: (
                Support.NONE,
                "a PeerTube stream keeps its key; delete the stream and create another",
            ),
            Feature.DISABLE: (
                Support.NONE,
                "PeerTube has no endpoint for it; delete the stream to refuse its encoder",
            ),
            Feature.ENABLE: (Support.NONE, "a PeerTube stream is never disabled"),
            Feature.STOP: (
                Support.NONE,
                "PeerTube has no endpoint for it; disconnect the encoder to end the stream",
            ),
            Feature.TRIM: (Support.NONE, "PeerTube cannot stop a stream, so it cannot trim one"),
            Feature.RECORDINGS: (
                Support.EMULATED,
                "the replay that the stream has become; of a permanent stream, the IDs and times "
                "of its replays, which are separate videos",
            ),
            Feature.CANCEL: (
                Support.NONE,
                "PeerTube cannot cancel a stream; clear its schedule, or delete it",
            ),
            Feature.DELETE: (Support.NATIVE, "this also deletes the recording"),
            Feature.WEBHOOK: (Support.NONE, "PeerTube sends no webhooks; read the stream instead"),
            Feature.MANAGE_WEBHOOKS: (Support.NONE, "PeerTube sends no webhooks"),
        },
        fields={
            Feature.RECORD: (
                Support.NATIVE,
                "the stream becomes its replay; a permanent stream's replay is another video",
            ),
            Feature.RECORDING_DRM: (Support.NONE, "PeerTube has no DRM"),
            Feature.LATENCY: live.Capability(
                Support.NATIVE, "PeerTube has normal and low latency", values=_LATENCY_MODES
            ),
            Feature.DESCRIPTION: Support.NATIVE,
            Feature.TAGS: Support.NATIVE,
            Feature.REFERENCE: (
                Support.NONE,
                "a PeerTube video has no field for an ID of your own",
            ),
            Feature.THUMBNAIL_URL: (
                Support.NONE,
                "PeerTube accepts a picture only as an uploaded file, not as a URL",
            ),
            Feature.PLAYBACK_URL: (
                Support.NONE,
                "PeerTube hosts its streams and sets the playback URLs",
            ),
            Feature.RESTREAMS: (Support.NONE, "PeerTube needs a plugin to restream"),
        },
        statuses={Status.READY, Status.LIVE, Status.PROCESSING, Status.ENDED},
        updatable=("title", "description", "tags", *_LIVE_FIELDS),
        clearable=("description", "tags", "scheduled_start"),
        # Not tags: PeerTube could filter by them, but entries of a list do not have them.
        filters=("status", "starts_after", "starts_before"),
        reports_total=True,
        list_lacks={
            *("description", "tags", "ingests", "record", "latency"),
            *("started_at", "ended_at"),
        },
        # Pages are selected by offset, so a page after the last stream is empty.
        empty_page_ends=True,
        max_page_size=100,
    )

    # There are no secret_patterns: a stream key is a UUID like the ID of any video. Only the
    # response to GET /videos/live/{id} is known to contain one.

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: live.StreamSpec) -> _OneStream:
        """Create a stream with POST /videos/live, and read it: the response has only IDs."""
        given = {
            name: value
            for name in ("title", "description", "tags", *_LIVE_FIELDS)
            if (value := getattr(spec, name)) not in (None, ())
        }
        known = {**_video_body(given), **_live_body(given)}
        # In a form, a field may also be written in parts, such as "tags[0]".
        self.with_options(known, {name.partition("[")[0]: None for name in spec.options})
        body = self.with_options(known, spec.options)
        defaults = {
            "channelId": self.options.channel_id,
            "privacy": _PRIVACIES[self.options.privacy],
        }
        response = yield self.post(
            "/api/v1/videos/live", form=_form({**defaults, **body}), files={}
        )
        stream_id = response.fields().object("video").identifier("uuid")
        stream = yield from self.get(stream_id)
        if spec.record is False and stream.record:
            # local-video-creator.ts: in a create, false means the instance's default.
            stream = yield from self.update(stream_id, {"record": False})
        if spec.scheduled_start is not None and stream.scheduled_start is None:
            raise live.UnexpectedResponse(
                "the stream was created without its schedule, which needs PeerTube 7.3 or later"
            )
        return stream

    def get(self, stream_id: str) -> _OneStream:
        """Return a stream from GET /videos/{id} and its live endpoints.

        These return the live settings and, once the stream has been live, its last session.
        """
        return self.parse_stream((yield from self._read(stream_id)))

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """Return a page of GET /users/me/videos.

        The oldest stream is first, so that new streams do not shift the pages. The cursor is the
        number of streams on the earlier pages.
        """
        start = query.cursor or "0"
        if query.cursor is not None and not _CURSOR.fullmatch(start):
            raise live.InvalidInput("cursor: is not a cursor of this list", field="cursor")
        response = yield self.request(
            "GET",
            "/api/v1/users/me/videos",
            params={
                "isLive": True,
                "includeScheduledLive": True,  # entries have their schedules
                "start": start,
                "count": query.size,
                "sort": "createdAt",
            },
        )
        answer = response.fields()
        items = answer.items("data")

        def following() -> str | None:
            end = int(start) + len(items)
            return str(end) if end < answer.integer("total") else None

        return self.page(items, next=following, total=answer.data.get("total"))

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> _OneStream:
        """Update the live settings with PUT /videos/live/{id}, and the video with PUT /videos/{id}.

        Raises:
            Conflict: If a live setting was to change after the stream went live.
        """
        payload = yield from self._read(stream_id)
        body = _live_body(changes)
        if body:
            status = self.parse_stream(payload).status
            if status is not Status.READY:
                raise live.Conflict(
                    f"cannot change {', '.join(sorted(_LIVE_FIELDS & changes.keys()))} of a stream "
                    f"whose status is '{status}'; change it before the stream is live",
                    status=status,
                )
            body = {**_replay_settings(payload, body), **body}
            _check_done((yield self.put(_LIVE, id=stream_id, json=body)))
        if body := _video_body(changes):
            _check_done((yield self.put(_VIDEO, id=stream_id, form=_form(body), files={})))
        return (yield from self.get(stream_id))

    def start(self, stream_id: str) -> _OneStream:
        """Read the stream, which its encoder starts."""
        stream = yield from self.get(stream_id)
        if stream.status not in (Status.READY, Status.LIVE):
            raise live.Conflict(
                f"cannot start a stream whose status is '{stream.status}'", status=stream.status
            )
        return stream

    def recordings(
        self, stream_id: str
    ) -> Generator[live.Request, live.Response, tuple[live.Recording, ...]]:
        """Return the replay of a stream, or one of each session of a permanent stream.

        The sessions are those of GET /videos/live/{id}/sessions.
        """
        payload = yield from self._read(stream_id)
        if not live.Fields(payload.get("live") or {}).optional_flag("permanentLive"):
            recording = self.parse_stream(payload).recording
            return () if recording is None else (recording,)
        response = yield self.request(
            "GET", f"{_LIVE}/sessions", id=stream_id, params={"sort": "startDate"}
        )
        return tuple(
            live.Recording(
                RecordingStatus.UNKNOWN,
                id=replay.identifier("uuid"),
                started_at=session.optional_instant("startDate"),
                ended_at=session.optional_instant("endDate"),
            )
            for session in response.fields().objects("data")
            if (replay := session.optional_object("replayVideo")) is not None
        )

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        """Delete a stream with DELETE /videos/{id}, after a check that the video is a stream."""
        yield from self._read(stream_id)
        _check_done((yield self.request("DELETE", _VIDEO, id=stream_id)))

    # -- reading ----------------------------------------------------------------------------

    def _read(self, stream_id: str) -> Generator[live.Request, live.Response, Mapping[str, Any]]:
        """Return the payload that :meth:`parse_stream` reads.

        Raises:
            NotFound: If the video does not exist, or is not and never was a live stream.
        """
        for _ in range(2):
            try:
                response = yield self.request("GET", _VIDEO, id=stream_id)
            except live.Rejected as error:
                if "id" not in error.fields:
                    raise
                raise live.NotFound("this is not a PeerTube ID") from None
            video = response.fields()
            if (uuid := video.identifier("uuid")) != stream_id:
                # PeerTube also accepts a video's number and its short UUID.
                raise live.NotFound(f"this is another ID of the stream {uuid}; use that ID")
            if not video.flag("isLive"):
                return (yield from self._read_replay(video, stream_id))
            try:
                response = yield self.request("GET", _LIVE, id=stream_id)
                payload = {**video.data, "live": response.fields().data}
                if video.object("state").data.get("id") == _WAITING:
                    return payload
                response = yield self.request(
                    "GET", f"{_LIVE}/sessions", id=stream_id, params={"sort": "-startDate"}
                )
            except live.NotFound:
                continue  # it has just become its replay: read the video again
            sessions = response.fields().objects("data")
            last = max(sessions, key=lambda each: each.text("startDate"), default=None)
            return payload if last is None else {**payload, "session": last.data}
        raise live.NotFound("this live stream has no settings")

    def _read_replay(
        self, video: live.Fields, stream_id: str
    ) -> Generator[live.Request, live.Response, Mapping[str, Any]]:
        try:
            response = yield self.request("GET", f"{_VIDEO}/live-session", id=stream_id)
        except live.NotFound:
            raise live.NotFound("this video was never a live stream") from None
        payload = {**video.data, "session": response.fields().data}
        if not _was_live(live.Fields(payload)):
            raise live.NotFound(
                "this is the replay of a permanent live stream, which has another ID"
            )
        return payload

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Return the live stream of a PeerTube video object.

        The adapter adds two keys to the object, which ``raw`` therefore has too: ``live``, the
        response to GET /videos/live/{id}, and ``session``, the last session.
        """
        fields = live.Fields(payload, lenient=True)
        settings = fields.optional_object("live", field="ingests") or live.Fields({}, "", fields)
        session = fields.optional_object("session", field="started_at") or live.Fields(
            {}, "", fields
        )
        number, label = _state(fields)
        playlists = fields.optional_objects("streamingPlaylists", field="playbacks")
        urls = [each.optional_text("playlistUrl") for each in playlists]
        playlist = next(filter(None, urls), None)
        recording = None
        if fields.flag("isLive"):
            status = _LIVE_STATES.get(number, Status.UNKNOWN)
            record = settings.optional_flag("saveReplay", field="record")
            if status is Status.ENDED and session.optional_flag("saveReplay", field="recording"):
                # PeerTube does not say more about a replay that failed.
                processed = session.optional_flag("endingProcessed", field="recording") or False
                recording = live.Recording(
                    RecordingStatus.UNKNOWN if processed else RecordingStatus.PENDING
                )
                status = Status.ENDED if processed else Status.PROCESSING
        elif _was_live(fields):
            status, replay = _REPLAY_STATES.get(number, (Status.UNKNOWN, RecordingStatus.UNKNOWN))
            record = session.optional_flag("saveReplay", field="record")
            duration = fields.optional_number("duration", field="recording") or None
            recording = fields.part("recording", live.Recording, replay, playlist, None, duration)
            playlist = None
        else:
            raise live.UnexpectedResponse("the payload is a video, not a live stream")
        return fields.build(
            live.LiveStream,
            provider=self.name,
            id=fields.identifier("uuid"),
            title=fields.optional_text("name", field="title", expected=True) or "",
            # An entry of a list has no tags, and only the beginning of the description.
            description=fields.optional_text("description") if "tags" in fields.data else None,
            status=status,
            provider_status=label,
            scheduled_start=_schedule(fields, "liveSchedules") or _schedule(settings, "schedules"),
            started_at=session.optional_instant("startDate", field="started_at"),
            ended_at=session.optional_instant("endDate", field="ended_at"),
            created_at=fields.optional_instant("createdAt", field="created_at"),
            updated_at=fields.optional_instant("updatedAt", field="updated_at"),
            ingests=tuple(_ingests(settings)),
            playbacks=[
                live.Playback(url)
                for url in (playlist, fields.optional_text("url", field="playbacks"))
                if url
            ],
            record=record,
            recording=recording,
            tags=fields.optional_texts("tags"),
            thumbnail_url=self._thumbnail_url(fields),
            latency=_LATENCIES.get(settings.optional_integer("latencyMode", field="latency") or 0),
            raw=fields.data,
        )

    def _thumbnail_url(self, fields: live.Fields) -> str | None:
        # PeerTube 8.1 has a list of thumbnails, and earlier versions have one path.
        for thumbnail in fields.optional_objects("thumbnails", field="thumbnail_url"):
            if url := thumbnail.optional_text("fileUrl"):
                return url
        path = fields.optional_text("thumbnailPath", field="thumbnail_url")
        return self.origin + path if path and path.startswith("/") else None

    def id_in(self, payload: Any) -> str | None:
        """Return the ``uuid``; PeerTube also accepts the number and the short UUID of a video."""
        video = payload.get("video", payload) if isinstance(payload, Mapping) else None
        uuid = video.get("uuid") if isinstance(video, Mapping) else None
        return uuid if isinstance(uuid, str) and uuid else None

    # -- signing in -------------------------------------------------------------------------

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Operation[live.Session]:
        """Return a session with the configured token, or sign in with POST /users/token.

        The request has the previous session's refresh token or the password, and the client's
        credentials from GET /oauth-clients/local.
        """
        if self.options.access_token is not None:
            return live.Session(_bearer(self.options.access_token.reveal()))
        return self._sign_in(previous, now)

    def _sign_in(
        self, previous: live.Session | None, now: datetime
    ) -> Generator[live.Request, live.Response, live.Session]:
        response = yield self.request("GET", "/api/v1/oauth-clients/local")
        fields = response.fields()
        client = {name: fields.identifier(name) for name in ("client_id", "client_secret")}
        refresh = previous.memo if previous is not None else None
        if isinstance(refresh, live.Secret):
            form = {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
            try:
                response = yield self._token({**client, **form})
            except live.AuthenticationFailed:
                pass  # it has expired, or an attempt whose response was lost has used it
            else:
                return _session(response, now)
        password = self.options.password
        form = {
            "grant_type": "password",
            "username": self.options.username or "",
            "password": password.reveal() if password else "",
        }
        response = yield self._token({**client, **form})
        return _session(response, now)

    def _token(self, form: Mapping[str, str]) -> live.Request:
        # Safe to retry: a second sign-in only opens another session; a second refresh is refused.
        return self.post("/api/v1/users/token", form=form, changes=False, idempotent=True)

    def sign_out(self, session: live.Session) -> Generator[live.Request, live.Response, None]:
        """End the session with POST /users/revoke-token."""
        yield self.post("/api/v1/users/revoke-token")

    def account_id(self) -> str:
        """Return the user's name in lower case, as PeerTube compares names.

        A token names no user and may be replaced, so with a token this is the user's channel.
        """
        if self.options.access_token is None:
            return (self.options.username or "").lower()
        return f"channel-{self.options.channel_id}"

    # -- errors -----------------------------------------------------------------------------

    def error_for(self, response: live.Response) -> live.LiveStreamError:
        """Return the error for a response: by its status, with the fields in ``invalid-params``."""
        error = self.error_by_status(response)
        payload = response.json() if response.is_json else None
        problems = payload.get("invalid-params") if isinstance(payload, Mapping) else None
        if isinstance(error, live.Rejected) and isinstance(problems, Mapping):
            error.fields = {
                str(name): (str(problem.get("msg")),)
                for name, problem in problems.items()
                if isinstance(problem, Mapping)
            }
        return error


# -- what is sent ---------------------------------------------------------------------------


def _video_body(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that belong to the video, as PeerTube's fields."""
    body: dict[str, Any] = {}
    if "title" in values:
        body["name"] = values["title"]
    if "description" in values:
        if values["description"] == "null":
            # misc.ts, toValueOrNull: in a form, this word means no value.
            raise live.InvalidInput(
                "description: PeerTube reads the word 'null' as no description", field="description"
            )
        body["description"] = values["description"] or None
    if "tags" in values:
        # A form has no empty list.
        body["tags"] = [*(values["tags"] or ())] or None
    return body


def _live_body(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that belong to the live settings, as PeerTube's fields."""
    body: dict[str, Any] = {}
    if "record" in values:
        body["saveReplay"] = values["record"]
    if "latency" in values:
        body["latencyMode"] = _LATENCY_MODES[values["latency"]]
    if "scheduled_start" in values:
        start = values["scheduled_start"]
        body["schedules"] = [{"startAt": live.format_instant(start)}] if start else None
    return body


def _replay_settings(payload: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the replay settings that an update must repeat if the stream saves its replay.

    Without them, the server refuses the update (video-live.ts, validator) or fails (video-live.ts,
    controller). The privacy is the replay's current one, or else the video's.
    """
    fields = live.Fields(payload)
    settings = fields.object("live")
    if not body.get("saveReplay", settings.optional_flag("saveReplay")):
        return {}
    replay = settings.optional_object("replaySettings")
    privacy = replay.integer("privacy") if replay else fields.object("privacy").integer("id")
    return {"replaySettings": {"privacy": privacy}}


def _form(body: Mapping[str, Any]) -> dict[str, str]:
    """Return a form with brackets for nested values, as the server's parser (multer) reads it."""
    return dict(_form_fields(body))


def _form_fields(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    inner: Iterator[tuple[Any, Any]] | None = None
    if isinstance(value, Mapping):
        inner = iter(value.items())
    elif isinstance(value, (list, tuple)):
        inner = iter(enumerate(value))
    if inner is not None:
        for key, each in inner:
            yield from _form_fields(each, f"{name}[{key}]" if name else str(key))
    elif value is None:
        yield name, "null"
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _check_done(response: live.Response) -> None:
    """Check that a change returned 204, because a proxy's page does not prove it."""
    if response.status != 204:
        raise response.unexpected("this is not PeerTube's response to a change")


# -- what is read ---------------------------------------------------------------------------


def _state(fields: live.Fields) -> tuple[int, str | None]:
    """Return the number of the video's state, and its label.

    The label of an unknown state is its number, so that it can be looked up.
    """
    state = fields.optional_object("state", field="status", expected=True)
    if state is None:
        return 0, None
    number = state.data.get("id")
    if isinstance(number, int) and (number in _LIVE_STATES or number in _REPLAY_STATES):
        return number, state.optional_text("label", field="provider_status") or str(number)
    state.unreadable("id", "is not the number of a known state")
    return 0, str(number) if isinstance(number, (int, str)) else None


def _was_live(fields: live.Fields) -> bool:
    """Return whether an ordinary video was a live stream before.

    The replay of a permanent live stream has a session too, but is created after that session.
    """
    session = fields.optional_object("session", field="started_at")
    created = fields.optional_instant("createdAt", field="created_at")
    started = session.optional_instant("startDate", field="started_at") if session else None
    if created is None or started is None:
        # If a time cannot be read, show the stream rather than hide it.
        return session is not None and bool(fields.problems)
    return created <= started


def _schedule(fields: live.Fields, name: str) -> datetime | None:
    """Return the earliest announced time."""
    schedules = fields.optional_objects(name, field="scheduled_start")
    times = [each.optional_instant("startAt") for each in schedules]
    return min((each for each in times if each is not None), default=None)


def _ingests(settings: live.Fields) -> Iterator[live.Ingest]:
    """Yield the RTMP and RTMPS ingests.

    A URL is null if the instance has disabled that protocol, and missing for users who may not
    publish.
    """
    key = settings.optional_text("streamKey", field="ingests") or None
    for name in ("rtmpUrl", "rtmpsUrl"):
        if url := settings.optional_text(name, field="ingests"):
            yield live.Ingest(url, key)


def _session(response: live.Response, now: datetime) -> live.Session:
    """Return the session of a POST /users/token response; ``expires_in`` is in seconds."""
    fields = response.fields()
    refresh = fields.optional_text("refresh_token")
    return live.Session(
        _bearer(fields.identifier("access_token")),
        expires_at=fields.optional_end("expires_in", now),
        memo=live.Secret(refresh) if refresh else None,
        ours=True,
    )
