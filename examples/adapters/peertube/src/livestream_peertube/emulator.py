"""An emulator of PeerTube: one instance with one user, modeled on version 8 of the server.

The sources are the REST reference at docs.joinpeertube.org and the server's code at
github.com/Chocobozzz/PeerTube; docstrings and comments name its files. Behavior that is in neither
is marked as inferred.
"""

from __future__ import annotations

import functools
import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

import attrs
import livestream_core as live
from livestream_core.emulator import Emulator, Request, Response, Route, json_response

#: constants.ts, VIDEO_STATES: the states of an instance without object storage.
_LABELS = {
    1: "Published",
    2: "To transcode",
    4: "Waiting for livestream",
    5: "Livestream ended",
    7: "Transcoding failed",
}
_PUBLISHED, _TO_TRANSCODE, _WAITING, _LIVE_ENDED, _TRANSCODING_FAILED = _LABELS
_PRIVACIES = {1: "Public", 2: "Unlisted", 3: "Private", 4: "Internal", 5: "Password protected"}
_PRIVATE, _BY_PASSWORD = 3, 5

#: config/default.yaml, oauth2.token_lifetime and rates_limit.api, in seconds.
ACCESS_SECONDS, REFRESH_SECONDS = 86_400, 14 * 86_400
RATE_WINDOW_SECONDS = 10
#: constants.ts, VIDEO_LIVE.CLEANUP_DELAY: between the end of a session and its processing.
CLEANUP_SECONDS = 300
#: constants.ts, PAGINATION.GLOBAL.COUNT.
_COUNT, _MOST = 15, 100
#: constants.ts, SORTABLE_COLUMNS.VIDEOS: the columns that the emulator supports.
_SORTS = {"createdAt": "created_at", "publishedAt": "published_at", "name": "name"}

_INTEGER = re.compile(r"[-+]?[0-9]+")
_UUID4 = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_BASE58 = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_KEY = re.compile(r"[^\[\]]+")


class _Refused(Exception):
    """An error response."""

    def __init__(
        self,
        status: int,
        detail: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.response = _problem(status, detail, code, headers)


def _problem(
    status: int,
    detail: str,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Return an RFC 7807 response, as middlewares/error.ts does.

    ``code`` is PeerTube's own code; only with a code does the problem have a type.
    """
    page = "https://docs.joinpeertube.org/api-rest-reference.html#section/Errors/"
    data = {
        "type": f"{page}{code}" if code else "about:blank",
        "title": HTTPStatus(status).phrase,
        "detail": detail,
        "status": status,
        **({"code": code} if code else {}),
        **(more or {}),
    }
    response = json_response(data, status, headers)
    response.content_type = "application/problem+json; charset=utf-8"
    return response


def _wrong(where: str, problems: Mapping[str, str]) -> _Refused:
    """Return the refusal of invalid parameters, as validators/shared/utils.ts does."""
    params = {
        name: {"type": "field", "msg": message, "path": name, "location": where}
        for name, message in problems.items()
    }
    detail = f"Incorrect request parameters: {', '.join(problems)}"
    refused = _Refused(400, detail)
    refused.response = _problem(400, detail, more={"invalid-params": params})
    return refused


Handler = Callable[..., Response]


def _public(handler: Handler) -> Handler:
    """Serve an endpoint that does not need a signed-in user."""

    @functools.wraps(handler)
    def answer(self: PeerTubeEmulator, request: Request, **values: str) -> Response:
        try:
            self._count_request()
            return handler(self, request, **values)
        except _Refused as refused:
            return refused.response

    return answer


def _authenticated(handler: Handler) -> Handler:
    """Serve an endpoint that needs a signed-in user, as middlewares/auth.ts does."""

    @functools.wraps(handler)
    def answer(self: PeerTubeEmulator, request: Request, **values: str) -> Response:
        self._authenticate(request)
        return handler(self, request, **values)

    return _public(answer)


@attrs.define
class _Token:
    access: str
    refresh: str
    access_ends: datetime
    refresh_ends: datetime


@attrs.define(eq=False)
class _Session:
    """video-live-session.ts."""

    id: int
    start: datetime
    save_replay: bool
    replay_privacy: int | None
    end: datetime | None = None
    is_processed: bool = False
    replay: _Video | None = None


@attrs.define(eq=False)
class _Live:
    """video-live.ts: the additional data of a video that is a live stream."""

    key: str
    save_replay: bool
    replay_privacy: int | None
    permanent: bool
    latency: int
    schedules: list[str]


@attrs.define(eq=False)
class _Video:
    id: int
    uuid: str
    name: str
    created_at: datetime
    updated_at: datetime
    published_at: datetime
    state: int
    privacy: int
    description: str | None = None
    tags: list[str] = attrs.Factory(list)
    duration: int = 0
    playlist: str | None = None
    live: _Live | None = None
    sessions: list[_Session] = attrs.Factory(list)

    @property
    def short_uuid(self) -> str:
        number, digits = uuid.UUID(self.uuid).int, ""
        while number:
            number, digit = divmod(number, 58)
            digits = _BASE58[digit] + digits
        return digits.rjust(22, _BASE58[0])

    @property
    def ids(self) -> dict[str, Any]:
        return {"id": self.id, "uuid": self.uuid, "shortUUID": self.short_uuid}


class PeerTubeEmulator(Emulator):
    """A PeerTube instance with one user, one channel, and one uploaded video.

    Attributes:
        username: The user's name.
        password: The user's password.
        channel_id: The user's channel.
        otp: Whether the user has a second factor.
        page_size: The maximum page size of a list, for tests that need several pages.
        saves_replays: The instance's default for ``saveReplay`` (defaults.live.save_replay).
        has_schedules: Whether the instance is 7.3 or later; earlier versions ignore schedules.
        rate_limit: The number of requests allowed in ten seconds. Defaults to no limit; the default
            of a real instance is 50.
    """

    provider = "peertube"
    status_field = "state.id"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/api/v1/oauth-clients/local", "oauth_client"),
        Route("POST", "/api/v1/users/token", "token"),
        Route("POST", "/api/v1/users/revoke-token", "revoke_token"),
        Route("GET", "/api/v1/users/me/videos", "list_mine"),
        Route("POST", "/api/v1/videos/live", "create_live"),
        Route("GET", "/api/v1/videos/live/<id>", "read_live"),
        Route("PUT", "/api/v1/videos/live/<id>", "update_live"),
        Route("GET", "/api/v1/videos/live/<id>/sessions", "list_sessions"),
        Route("GET", "/api/v1/videos/<id>", "read_video"),
        Route("PUT", "/api/v1/videos/<id>", "update_video"),
        Route("DELETE", "/api/v1/videos/<id>", "delete_video"),
        Route("GET", "/api/v1/videos/<id>/live-session", "read_replay_session"),
    )

    def __init__(
        self,
        *,
        boot_seconds: float = 20.0,
        otp: bool = False,
        saves_replays: bool = False,
        has_schedules: bool = True,
        rate_limit: int | None = None,
    ) -> None:
        """Create the instance.

        Args:
            boot_seconds: Not used, because the ingest is open at once.
            otp: See the class.
            saves_replays: See the class.
            has_schedules: See the class.
            rate_limit: See the class.
        """
        super().__init__(boot_seconds=boot_seconds)
        self.username: str = f"user_{secrets.token_hex(4)}"
        self.password: str = secrets.token_urlsafe(12)
        self.channel_id: int = 2
        self.otp = otp
        self.page_size: int | None = None
        self.saves_replays = saves_replays
        self.has_schedules = has_schedules
        self.rate_limit = rate_limit
        self._client = {
            "client_id": secrets.token_hex(16),
            "client_secret": secrets.token_hex(16),
        }
        self._tokens: list[_Token] = []
        self._videos: dict[str, _Video] = {}
        self._ids_given = 0
        self._answered_at: list[datetime] = []
        self._upload: _Video | None = None

    # -- the account ------------------------------------------------------------------------

    def options(self) -> dict[str, Any]:
        """Return the user's name and password, and the channel."""
        return {
            "channel_id": self.channel_id,
            "username": self.username,
            "password": self.password,
        }

    def other_options(self) -> dict[str, Any]:
        """Return the options of another user, who does not exist here."""
        return {**self.options(), "username": f"{self.username}2"}

    def login_options(self) -> dict[str, Any]:
        """Return the channel and an access token."""
        return {
            "channel_id": self.channel_id,
            "access_token": self._new_token().access,
        }

    def other_ids(self) -> list[str]:
        """Return the IDs of the uploaded video and of the replays of permanent live streams."""
        self._uploaded()
        replays = {
            session.replay.uuid
            for video in self._videos.values()
            for session in video.sessions
            if session.replay is not None and session.replay is not video
        }
        return [
            video.uuid
            for video in self._videos.values()
            if video is self._upload or video.uuid in replays
        ]

    def _uploaded(self) -> None:
        # Created on first use, because the clock may be replaced after __init__.
        if self._upload is None:
            self._upload = self._new_video("An upload", _PUBLISHED, 1)
            self._upload.duration = 60
            self._upload.playlist = self._new_playlist(self._upload)

    # -- encoders and recordings ------------------------------------------------------------

    def encoder_connects(self, id: str) -> None:
        """Go live at once; lib/live/live-manager.ts waits for the first segments."""
        with self.lock:
            video = self._videos[id]
            if video.live is None or video.state != _WAITING:
                raise ValueError("the stream key is unknown or already in use")
            video.playlist = self._new_playlist(video)
            video.state, video.published_at = _PUBLISHED, self.clock.now()
            video.sessions.append(
                _Session(
                    self._next_id(),
                    self.clock.now(),
                    video.live.save_replay,
                    video.live.replay_privacy,
                )
            )

    def encoder_drops(self, id: str) -> None:
        """End the session at once, as live-manager.ts does: it does not wait for the encoder."""
        with self.lock:
            video = self._videos[id]
            if video.live is None or video.state != _PUBLISHED:
                raise ValueError("no encoder is connected")
            video.sessions[-1].end = self.clock.now()
            video.state = _WAITING if video.live.permanent else _LIVE_ENDED

    def replay_begins(self, id: str) -> None:
        """Begin the replay, as job-queue/handlers/video-live-ending.ts does.

        Five minutes after its session, a normal live stream becomes its replay, which is then
        transcoded. The replay of a permanent live stream is another video.

        Raises:
            ValueError: If no session is to be saved.
        """
        with self.lock:
            video = self._videos[id]
            live_, session = video.live, video.sessions[-1] if video.sessions else None
            if live_ is None or session is None or session.end is None or session.is_processed:
                raise ValueError("no session is waiting to be processed")
            if not session.save_replay:
                raise ValueError("the replay is not saved")
            session.is_processed = True
            replay = video
            if live_.permanent:
                video.playlist = None
                replay = self._new_video(f"{video.name} - {session.start:%c}", 0, 0)
                replay.description, replay.tags = video.description, [*video.tags]
            replay.live = None
            replay.state = _TO_TRANSCODE
            replay.privacy = session.replay_privacy or _PRIVATE
            replay.playlist = self._new_playlist(replay)
            replay.duration = int((session.end - session.start).total_seconds())
            session.replay = replay

    def recording_ready(self, id: str) -> None:
        """Finish transcoding the replay, and publish it."""
        self._finish_replay(id, _PUBLISHED)

    def transcoding_fails(self, id: str) -> None:
        """Fail to transcode the replay."""
        self._finish_replay(id, _TRANSCODING_FAILED)

    def _finish_replay(self, id: str, state: int) -> None:
        with self.lock:
            video = self._videos[id]
            if video.live is not None:
                self.replay_begins(id)
            replay = video.sessions[-1].replay if video.sessions else None
            if replay is None or replay.state != _TO_TRANSCODE:
                raise ValueError("there is no replay to finish")
            replay.state, replay.updated_at = state, self.clock.now()

    def replay_of(self, id: str) -> str | None:
        """Return the ID of a stream's last replay: its own, except for a permanent live stream."""
        sessions = self._videos[id].sessions
        return sessions[-1].replay.uuid if sessions and sessions[-1].replay else None

    # -- signing in -------------------------------------------------------------------------

    @_public
    def oauth_client(self, request: Request) -> Response:
        """GET /oauth-clients/local: the client of PeerTube's own pages."""
        return json_response(self._client)

    @_public
    def token(self, request: Request) -> Response:
        """POST /users/token, checked in the order of lib/auth/oauth.ts."""
        if request.mimetype != "application/x-www-form-urlencoded":
            detail = "Invalid request: content must be application/x-www-form-urlencoded"
            raise _Refused(400, detail, "invalid_request")
        form = request.form.to_dict()
        if any(form.get(name) != value for name, value in self._client.items()):
            raise _Refused(400, "Invalid client: client is invalid", "invalid_client")
        grant = form.get("grant_type")
        if grant == "password":
            self._check_password(form, request)
        elif grant == "refresh_token":
            self._use_refresh_token(form)
        else:
            detail = "Unsupported grant type: `grant_type` is invalid"
            raise _Refused(400, detail, "unsupported_grant_type")
        token = self._new_token()
        answer = {
            "token_type": "Bearer",
            "access_token": token.access,
            "refresh_token": token.refresh,
            "expires_in": ACCESS_SECONDS,
            "refresh_token_expires_in": REFRESH_SECONDS,
        }
        return json_response(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _check_password(self, form: Mapping[str, str], request: Request) -> None:
        for name in ("username", "password"):
            if not form.get(name):
                raise _Refused(400, f"Missing parameter: `{name}`", "invalid_request")
        if (form["username"].lower(), form["password"]) != (self.username, self.password):
            raise _Refused(400, "Invalid grant: user credentials are invalid", "invalid_grant")
        if self.otp and "x-peertube-otp" not in request.headers:
            headers = {"x-peertube-otp": "required; app"}
            raise _Refused(401, "Missing two factor header", "missing_two_factor", headers)

    def _use_refresh_token(self, form: Mapping[str, str]) -> None:
        given = form.get("refresh_token")
        token = next((each for each in self._tokens if each.refresh == given), None)
        if token is None:
            raise _Refused(400, "Invalid grant: refresh token is invalid", "invalid_grant")
        if token.refresh_ends < self.clock.now():
            raise _Refused(400, "Invalid grant: refresh token has expired", "invalid_grant")
        # Each refresh token is valid for one use, and its access token expires with it.
        self._tokens.remove(token)

    @_public
    def revoke_token(self, request: Request) -> Response:
        """POST /users/revoke-token."""
        self._tokens.remove(self._authenticate(request))
        return json_response({"success": True})

    def _new_token(self) -> _Token:
        now = self.clock.now()
        token = _Token(
            secrets.token_hex(20),
            secrets.token_hex(20),
            now + timedelta(seconds=ACCESS_SECONDS),
            now + timedelta(seconds=REFRESH_SECONDS),
        )
        self._tokens.append(token)
        return token

    def _authenticate(self, request: Request) -> _Token:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not given:
            raise _Refused(401, "Token is invalid", "unauthorized_request")
        for token in self._tokens:
            if token.access == given and token.access_ends > self.clock.now():
                return token
        raise _Refused(401, "Token is invalid", "invalid_token")

    def _count_request(self) -> None:
        """Refuse a request over the limit with plain text, as middlewares/rate-limiter.ts does."""
        if self.rate_limit is None:
            return
        now = self.clock.now()
        window = timedelta(seconds=RATE_WINDOW_SECONDS)
        self._answered_at = [each for each in self._answered_at if now - each < window]
        if len(self._answered_at) >= self.rate_limit:
            wait = (self._answered_at[0] + window - now).total_seconds()
            refused = _Refused(429, "")
            refused.response = Response(
                "Too many requests, please try again later.",
                429,
                headers={
                    "X-RateLimit-Limit": str(self.rate_limit),
                    "X-RateLimit-Remaining": "0",
                    "Retry-After": str(int(wait) + 1),
                },
                content_type="text/html; charset=utf-8",
            )
            raise refused
        self._answered_at.append(now)

    # -- lists ------------------------------------------------------------------------------

    @_authenticated
    def list_mine(self, request: Request) -> Response:
        """GET /users/me/videos: controllers/api/users/me.ts, validators/pagination.ts."""
        query = request.args
        problems = {}
        start, count = query.get("start", "0"), query.get("count", str(_COUNT))
        if not start.isdecimal():
            problems["start"] = "Invalid value"
        if not count.isdecimal() or int(count) > _MOST:
            problems["count"] = f"Should have a number count (max: {_MOST})"
        sort = query.get("sort", "-publishedAt")
        if sort.removeprefix("-") not in _SORTS:
            problems["sort"] = "Invalid value"
        if problems:
            raise _wrong("query", problems)
        if "include" in query or "stateOneOf" in query:
            raise _Refused(401, "You are not allowed to see all videos")
        self._uploaded()
        found = sorted(
            self._videos.values(),
            key=lambda video: (getattr(video, _SORTS[sort.removeprefix("-")]), video.id),
            reverse=sort.startswith("-"),
        )
        if "isLive" in query:
            wanted = query["isLive"] == "true"
            found = [video for video in found if (video.live is not None) is wanted]
        size = int(count) if self.page_size is None else min(int(count), self.page_size)
        page = found[int(start) :][:size]
        with_schedules = query.get("includeScheduledLive") == "true"
        return json_response(
            {
                "total": len(found),
                "data": [self._summary(video, with_schedules) for video in page],
            }
        )

    @_authenticated
    def list_sessions(self, request: Request, id: str) -> Response:
        """GET /videos/live/{id}/sessions: at most a hundred."""
        video = self._live(id)[0]
        newest_first = request.args.get("sort", "startDate").startswith("-")
        found = [*reversed(video.sessions)] if newest_first else video.sessions
        data = [self._session(each) for each in found[:100]]
        return json_response({"total": len(data), "data": data})

    # -- videos -----------------------------------------------------------------------------

    @_public
    def read_video(self, request: Request, id: str) -> Response:
        """GET /videos/{id}, which refuses an invalid token even where it needs no token."""
        video = self._video(id)
        if "Authorization" in request.headers:
            self._authenticate(request)
        elif video.privacy >= _PRIVATE:
            raise _Refused(401, "Authentication is required")
        return json_response(self._details(video))

    @_authenticated
    def update_video(self, request: Request, id: str) -> Response:
        """PUT /videos/{id} with a multipart form: controllers/api/videos/update.ts."""
        body = _multipart(request)
        _check(body, _VIDEO_CHECKS)
        video = self._video(id)
        if video.live and video.state != _WAITING and "privacy" in body:
            raise _Refused(400, "Cannot update privacy of a live that has already started")
        self._write(video, body)
        return Response(status=204)

    @_authenticated
    def delete_video(self, request: Request, id: str) -> Response:
        """DELETE /videos/{id}, which deletes any video and disconnects its encoder."""
        del self._videos[self._video(id).uuid]
        return Response(status=204)

    # -- lives ------------------------------------------------------------------------------

    @_authenticated
    def create_live(self, request: Request) -> Response:
        """POST /videos/live with a multipart form, whose unknown fields are ignored.

        See validators/videos/video-live.ts and lib/local-video-creator.ts.
        """
        body = _multipart(request)
        _check(body, {**_VIDEO_CHECKS, **_LIVE_CHECKS}, required=("name", "channelId"))
        if int(body["channelId"]) != self.channel_id:
            raise _Refused(404, "Video channel not found")
        privacy = int(body.get("privacy") or _PRIVATE)
        save_replay = _flag(body.get("saveReplay")) or self.saves_replays
        replay_privacy = int((body.get("replaySettings") or {}).get("privacy") or privacy)
        video = self._new_video(body["name"], _WAITING, privacy)
        video.live = _Live(
            key=str(uuid.uuid4()),
            save_replay=save_replay,
            replay_privacy=replay_privacy if save_replay else None,
            permanent=_flag(body.get("permanentLive")),
            latency=int(body.get("latencyMode") or 1),
            schedules=self._schedules(body.get("schedules")),
        )
        self._write(video, {name: body[name] for name in body if name != "name"})
        return json_response({"video": video.ids})

    @_public
    def read_live(self, request: Request, id: str) -> Response:
        """GET /videos/live/{id}, which shows the ingest only to users who may publish.

        Null and missing values are as in models/video/video-live.ts.
        """
        live_ = self._live(id)[1]
        private: dict[str, Any] = {}
        if "Authorization" in request.headers:
            self._authenticate(request)
            private = {
                "streamKey": live_.key,
                "rtmpUrl": "rtmp://peertube.example:1935/live",
                "rtmpsUrl": None,
            }
        replay = {"replaySettings": {"privacy": live_.replay_privacy}}
        return json_response(
            {
                **private,
                "permanentLive": live_.permanent,
                "saveReplay": live_.save_replay,
                **(replay if live_.save_replay else {}),
                "latencyMode": live_.latency,
                **self._shown_schedules("schedules", live_),
            }
        )

    @_authenticated
    def update_live(self, request: Request, id: str) -> Response:
        """PUT /videos/live/{id} with JSON: validators and controller of video-live.ts, live.ts."""
        video, live_ = self._live(id)
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise _Refused(400, "Unexpected token in JSON")
        _check(body, _LIVE_CHECKS)
        replay = body.get("replaySettings")
        save_replay = _flag(body.get("saveReplay", live_.save_replay))
        if save_replay and not live_.save_replay and (replay or {}).get("privacy") is None:
            raise _Refused(400, "Replay settings are missing now the live replay is saved")
        if not save_replay and replay is not None:
            raise _Refused(400, "Cannot save replay settings since live replay is not enabled")
        if video.state != _WAITING:
            raise _Refused(400, "Cannot update a live that has already started")
        if save_replay and replay is None:
            # live.ts reads replaySettings.privacy if the stream still saves its replay.
            raise _Refused(500, "Cannot read properties of undefined (reading 'privacy')")
        live_.save_replay = save_replay
        live_.replay_privacy = int(replay["privacy"]) if save_replay and replay else None
        if "permanentLive" in body:
            live_.permanent = _flag(body["permanentLive"])
        if "latencyMode" in body:
            live_.latency = int(body["latencyMode"])
        if "schedules" in body:
            live_.schedules = self._schedules(body["schedules"])
        video.updated_at = self.clock.now()
        return Response(status=204)

    @_public
    def read_replay_session(self, request: Request, id: str) -> Response:
        """GET /videos/{id}/live-session: the session whose replay is this video."""
        video = self._video(id)
        for each in self._videos.values():
            for session in each.sessions:
                if session.replay is video:
                    return json_response(self._session(session))
        raise _Refused(404, "No live replay found")

    # -- stored data ------------------------------------------------------------------------

    def _next_id(self) -> int:
        self._ids_given += 1
        return self._ids_given

    def _new_video(self, name: str, state: int, privacy: int) -> _Video:
        now = self.clock.now()
        video = _Video(self._next_id(), str(uuid.uuid4()), name, now, now, now, state, privacy)
        self._videos[video.uuid] = video
        return video

    def _new_playlist(self, video: _Video) -> str:
        name = f"{uuid.uuid4()}-master.m3u8"
        return f"https://peertube.example/static/streaming-playlists/hls/{video.uuid}/{name}"

    def _video(self, id: str) -> _Video:
        """Return the video with this number, UUID, or short UUID."""
        self._uploaded()
        if len(id) != 22 and not _INTEGER.fullmatch(id) and not _UUID4.fullmatch(id):
            message = "Should have a valid video id (id, short UUID or UUID)"
            raise _wrong("params", {"id": message})
        for video in self._videos.values():
            if id in (str(video.id), video.short_uuid) or id.lower() == video.uuid:
                self._clean_up(video)
                return video
        raise _Refused(404, "Video not found")

    def _live(self, id: str) -> tuple[_Video, _Live]:
        video = self._video(id)
        if video.live is None:
            # res.sendStatus: plain text, not JSON.
            refused = _Refused(404, "")
            refused.response = Response("Not Found", 404, content_type="text/plain")
            raise refused
        return video, video.live

    def _clean_up(self, video: _Video) -> None:
        """End a session that has no replay, as video-live-ending.ts does."""
        session = video.sessions[-1] if video.sessions else None
        if session is None or session.end is None or session.save_replay:
            return
        delay = timedelta(seconds=CLEANUP_SECONDS)
        if not session.is_processed and self.clock.now() >= session.end + delay:
            session.is_processed = True
            video.playlist = None

    def _write(self, video: _Video, body: Mapping[str, Any]) -> None:
        for name in ("name", "description"):
            if name in body:
                setattr(video, name, body[name])
        if "privacy" in body:
            video.privacy = int(body["privacy"])
        if "tags" in body:
            video.tags = [*(body["tags"] or ())]
        video.updated_at = self.clock.now()

    def _schedules(self, given: Iterable[Mapping[str, str]] | None) -> list[str]:
        if not self.has_schedules:
            return []
        return [_iso(live.parse_instant(each["startAt"])) for each in given or ()]

    # -- responses --------------------------------------------------------------------------

    def _shown_schedules(self, name: str, live_: _Live | None) -> dict[str, Any]:
        if not self.has_schedules:
            return {}
        return {name: [{"startAt": each} for each in (live_.schedules if live_ else ())]}

    def _summary(self, video: _Video, with_schedules: bool = False) -> dict[str, Any]:
        """Return a video as a list of the user's videos shows it: formatter/video-api-format.ts.

        It has no tags, no playlists, and only the beginning of the description.
        """
        self._clean_up(video)
        description = video.description
        if description is not None and len(description) > 250:
            description = f"{description[:247]}..."
        return {
            **video.ids,
            "url": f"https://peertube.example/videos/watch/{video.uuid}",
            "name": video.name,
            "category": {"id": None, "label": "Unknown"},
            "licence": {"id": None, "label": "Unknown"},
            "language": {"id": None, "label": "Unknown"},
            "privacy": {"id": video.privacy, "label": _PRIVACIES[video.privacy]},
            "nsfw": False,
            "truncatedDescription": description,
            "description": description,
            "isLocal": True,
            "duration": video.duration,
            "views": 0,
            "viewers": 0,
            "likes": 0,
            "dislikes": 0,
            "thumbnailPath": f"/lazy-static/thumbnails/{video.uuid}.jpg",
            "thumbnails": [
                {
                    "fileUrl": f"https://peertube.example/lazy-static/thumbnails/{video.uuid}.jpg",
                    "width": 280,
                    "height": 157,
                }
            ],
            "embedPath": f"/videos/embed/{video.uuid}",
            "createdAt": _iso(video.created_at),
            "updatedAt": _iso(video.updated_at),
            "publishedAt": _iso(video.published_at),
            "originallyPublishedAt": None,
            "isLive": video.live is not None,
            "account": {"name": self.username, "host": "peertube.example"},
            "channel": {"id": self.channel_id, "name": f"{self.username}_channel"},
            "state": {"id": video.state, "label": _LABELS[video.state]},
            "waitTranscoding": False,
            "blacklisted": False,
            "blacklistedReason": None,
            **(self._shown_schedules("liveSchedules", video.live) if with_schedules else {}),
        }

    def _details(self, video: _Video) -> dict[str, Any]:
        """Return a video as GET /videos/{id} shows it."""
        playlist: dict[str, Any] = {"id": video.id, "type": 1, "files": []}
        return {
            **self._summary(video, with_schedules=True),
            "description": video.description,
            "support": None,
            "tags": video.tags,
            "files": [],
            "streamingPlaylists": [{**playlist, "playlistUrl": video.playlist}]
            if video.playlist
            else [],
            "commentsPolicy": {"id": 1, "label": "Enabled"},
            "downloadEnabled": True,
            "inputFileUpdatedAt": None,
            "trackerUrls": [],
        }

    def _session(self, session: _Session) -> dict[str, Any]:
        settings = {"replaySettings": {"privacy": session.replay_privacy}}
        return {
            "id": session.id,
            "startDate": _iso(session.start),
            "endDate": _iso(session.end) if session.end else None,
            "endingProcessed": session.is_processed,
            "saveReplay": session.save_replay,
            **(settings if session.save_replay else {}),
            **({"replayVideo": session.replay.ids} if session.replay else {}),
            "error": None,
        }

    def not_found(self, request: Request) -> Response:
        """Answer a request for an unknown path, as server.ts does."""
        return _problem(404, "Not Found")

    def method_not_allowed(self, request: Request) -> Response:
        """Return 404, because express's router treats another method as another path."""
        return self.not_found(request)


# -- request bodies -------------------------------------------------------------------------

#: Whether a value is valid, and the message if it is not: helpers/custom-validators, and
#: CONSTRAINTS_FIELDS of constants.ts.
_Check = tuple[Callable[[Any], bool], str]


def _is_text(value: Any, shortest: int, longest: int) -> bool:
    return isinstance(value, str) and shortest <= len(value) <= longest


def _is_integer(value: Any, among: Iterable[int] | None = None) -> bool:
    if isinstance(value, bool) or not _INTEGER.fullmatch(str(value)):
        return False
    return among is None or int(value) in among


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or value in ("true", "false", "1", "0")


def _flag(value: Any) -> bool:
    return value in (True, "true", "1")


def _are_tags(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and len(value) <= 5 and all(_is_text(tag, 2, 30) for tag in value)
    )


def _are_schedules(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, list):
        return False
    for each in value:
        try:
            live.parse_instant(each["startAt"])
        except (live.InvalidInput, TypeError, KeyError):
            return False
    return True


def _is_replay(value: Any) -> bool:
    privacies = set(_PRIVACIES) - {_BY_PASSWORD}
    return value is None or (
        isinstance(value, dict) and _is_integer(value.get("privacy"), privacies)
    )


_VIDEO_CHECKS: dict[str, _Check] = {
    "name": (
        lambda value: _is_text(value, 3, 120),
        "Should have a video name between 3 and 120 characters long",
    ),
    "channelId": (_is_integer, "Invalid value"),
    # The emulator does not support passwords of videos.
    "privacy": (lambda value: _is_integer(value, set(_PRIVACIES) - {5}), "Invalid value"),
    "description": (lambda value: value is None or _is_text(value, 3, 10_000), "Invalid value"),
    "tags": (_are_tags, "Should have an array of up to 5 tags between 2 and 30 characters each"),
}
_LIVE_CHECKS: dict[str, _Check] = {
    "saveReplay": (_is_flag, "Should have a valid saveReplay boolean"),
    "permanentLive": (_is_flag, "Should have a valid permanentLive boolean"),
    "latencyMode": (lambda value: _is_integer(value, (1, 2, 3)), "Invalid value"),
    "schedules": (_are_schedules, "Should have a valid schedules array"),
    "replaySettings": (_is_replay, "Invalid value"),
}


def _check(
    body: Mapping[str, Any], checks: Mapping[str, _Check], required: Iterable[str] = ()
) -> None:
    problems = {
        name: message
        for name, (is_valid, message) in checks.items()
        if (name in body or name in required) and not is_valid(body.get(name))
    }
    if problems:
        raise _wrong("body", problems)


def _multipart(request: Request) -> dict[str, Any]:
    """Return the values of a multipart form; any other body is ignored.

    Names with brackets become nested values (multer), and the word null becomes no value (misc.ts,
    toValueOrNull). The reference documents no other kind of body.
    """
    if request.mimetype != "multipart/form-data":
        return {}
    nested: dict[str, Any] = {}
    for name, value in request.form.items(multi=True):
        *path, last = _KEY.findall(name) or [name]
        holder = nested
        for key in path:
            holder = holder.setdefault(key, {})
        # The word null inside a list or an object is not converted.
        read: Any = None if value == "null" and not path else value
        if last in holder:  # a repeated name becomes a list (append-field)
            earlier = holder[last]
            read = [*(earlier if isinstance(earlier, list) else [earlier]), read]
        holder[last] = read
    return {name: _listed(value) for name, value in nested.items()}


def _listed(value: Any) -> Any:
    """Convert objects whose names are 0, 1, 2, ... to lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(each) for name, each in value.items()}
    return [*inner.values()] if [*inner] == [str(i) for i in range(len(inner))] else inner


def _iso(at: datetime) -> str:
    """Return a time as JavaScript writes it: with milliseconds and Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
