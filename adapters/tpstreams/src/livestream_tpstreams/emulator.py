"""An emulator of TPStreams, as strict as its documents and with the same quirks.

Behavior that the documents leave open follows the defaults of Django REST framework, whose error
texts, pagination, and 404 page the vendor uses. It is marked "not documented" here.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import uuid4

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Request, Response, Route, json_response
from livestream_tpstreams.samples import SAMPLES

MAX_TOKENS = 20
RESOLUTIONS = ("240p", "480p", "720p")
LATENCIES = ("Normal Latency", "Low Latency")
#: From this value on, a bound of a trim is a Unix time. The exact value is not documented.
UNIX_TIME_FROM = 1_000_000_000

#: Fields of ``live_stream`` that the documents of 2023-07 do not have.
NEWER_FIELDS = (
    "dash_url",
    "enable_drm_for_recording",
    "enable_drm",
    "enable_llhls",
    "latency",
    "chat_room_id",
    "resolutions",
    "notice_message",
    "activities",
)

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
#: Username, password, webhook secret.
_ACCOUNT = ("teacher@school.example", "correct horse battery", "whsec-3f9a1c")
_MEDIA = "https://d28qihy7z761lk.cloudfront.net"
_NOT_FOUND_PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
"""

_REQUIRED = "This field is required."
_NULL = "This field may not be null."
_BLANK = "This field may not be blank."
_NO_STRING = "Not a valid string."
_NO_URL = "Enter a valid URL."
_NO_BOOLEAN = "Must be a valid boolean."
_NO_INTEGER = "A valid integer is required."
_NEGATIVE = "Ensure this value is greater than or equal to 0."
_NO_DATE = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DD hh:mm:ss."

Errors = dict[str, list[str]]


class _Refusal(Exception):
    """An exception that carries a response other than 2xx."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.response = json_response(body, status, headers)


@attrs.define(slots=True)
class _Live:
    """The vendor's data of a live stream, in addition to its asset."""

    start: str | None
    enable_drm_for_recording: bool
    latency: str
    chat_room_id: str
    status: str = "Not Started"
    rtmp_url: str = ""
    stream_key: str | None = None
    transcode_recorded_video: bool = True
    boots_until: datetime | None = None
    activities: list[dict[str, str]] = attrs.field(factory=list)
    publishing_since: datetime | None = None
    disconnected_at: datetime | None = None
    stopped_at: datetime | None = None
    first_on_air: datetime | None = None
    recorded: timedelta = timedelta()
    trim: tuple[int, int] | None = None


@attrs.define(slots=True)
class _Asset:
    id: str
    type: str
    title: str
    parent: str | None
    live: _Live | None = None
    video: dict[str, Any] | None = None


def _api(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Make an endpoint require a token, and the right organization if its path has one."""

    @wraps(handler)
    def guarded(self: TPStreamsEmulator, request: Request, **values: str) -> Response:
        try:
            self._authenticate(request)
            if values.pop("org", self.organization_id) != self.organization_id:
                return self.not_found(request)
            return handler(self, request, **values)
        except _Refusal as refusal:
            return refusal.response

    return guarded


class TPStreamsEmulator(Emulator):
    """An emulator of TPStreams with one organization.

    Attributes:
        organization_id: The organization's code.
        username: The username to log in with.
        password: The password to log in with.
        webhook_secret: The secret that its webhook deliveries carry.
        wall_clock: The vendor's clock, in its time zone.
    """

    provider = "tpstreams"
    samples: ClassVar[tuple[Mapping[str, Any], ...]] = SAMPLES
    status_field = "live_stream.status"
    without_media: ClassVar[None] = None
    sends_webhooks = True
    username: str
    password: str
    webhook_secret: str
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/api/auth/login/", "login"),
        Route("POST", "/api/auth/logout/", "logout"),
        Route("GET", "/api/v1/organizations/", "list_organizations"),
        Route("GET", "/api/v1/<org>/assets/", "list_assets"),
        Route("POST", "/api/v1/<org>/assets/live_streams/", "create"),
        Route("GET", "/api/v1/<org>/assets/live_streams/", "list_streams"),
        Route("DELETE", "/api/v1/<org>/assets/live_streams/", "no_such_method"),
        Route("POST", "/api/v1/<org>/assets/folders/", "create_folder"),
        Route("GET", "/api/v1/<org>/assets/folders/", "list_folders"),
        Route("DELETE", "/api/v1/<org>/assets/folders/", "no_such_method"),
        Route("GET", "/api/v1/<org>/assets/<id>/", "read"),
        Route("DELETE", "/api/v1/<org>/assets/<id>/", "remove"),
        Route("POST", "/api/v1/<org>/assets/<id>/start_server/", "start_server"),
        Route("POST", "/api/v1/<org>/assets/<id>/stop_live_stream/", "stop_live_stream"),
        Route("POST", "/api/v1/<org>/webhooks/", "register_webhook"),
        Route("GET", "/api/v1/<org>/webhooks/", "list_webhooks"),
        Route("PUT", "/api/v1/<org>/webhooks/<id>/", "change_webhook"),
        Route("DELETE", "/api/v1/<org>/webhooks/<id>/", "remove_webhook"),
    )

    def __init__(
        self,
        *,
        boot_seconds: float = 20.0,
        reconnect_seconds: float = 60.0,
        finishing_seconds: float = 5.0,
        token_seconds: float | None = None,
        page_size: int = 50,
        timezone: str = "Asia/Kolkata",
        organization_id: str = "gcdem4",
        refuses_long_trims: bool = False,
        available_status: bool = False,
        start_is_null: bool = False,
        lacks_newer_fields: bool = False,
        clears_ingest: bool = False,
        skips_to_completed: bool = False,
    ) -> None:
        """Create an emulator.

        Args:
            boot_seconds: Seconds that a server needs to boot; the documents say 20 to 30.
            reconnect_seconds: Seconds that a server waits for a lost encoder; not documented.
            finishing_seconds: Seconds from ``Stopped`` to ``Recording`` for a stream that was
                live; not documented.
            token_seconds: The lifetime of a token in seconds. By default a token never expires,
                because no lifetime is documented.
            page_size: The number of streams on a page.
            timezone: The vendor's time zone.
            organization_id: The organization's code.
            refuses_long_trims: Whether a trim that ends after the current end of the recording is
                refused at once. By default, it is accepted and later has no effect. When the
                vendor checks is not documented.
            available_status: Whether a server that is up is ``Available``, as in 2023.
            start_is_null: Whether an instant stream has no ``start``, as in 2023-07.
            lacks_newer_fields: Whether fields that were added after 2023-07 are missing.
            clears_ingest: Whether the ingest is removed after the end, as in some samples.
            skips_to_completed: Whether the recording is ready as soon as a stream ends, so that
                polling shows ``Streaming``, then ``Completed``.
        """
        super().__init__(boot_seconds=boot_seconds)
        self.reconnect_seconds = reconnect_seconds
        self.finishing_seconds = finishing_seconds
        self.token_seconds = token_seconds
        self.page_size = page_size
        self.wall_clock: live.WallClock = live.WallClock(timezone)
        self.timezone = timezone
        self.organization_id = organization_id
        self.refuses_long_trims = refuses_long_trims
        self.available_status = available_status
        self.start_is_null = start_is_null
        self.lacks_newer_fields = lacks_newer_fields
        self.clears_ingest = clears_ingest
        self.skips_to_completed = skips_to_completed
        self.username, self.password, self.webhook_secret = _ACCOUNT
        self._tokens: dict[str, datetime | None] = {}
        self._own_token: str | None = None
        self._assets: dict[str, _Asset] = {}
        self._webhooks: dict[str, dict[str, str]] = {}
        self._server_number = 0

    # -- accounts ---------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """A manually created token; from its first use, it counts as one of the 20."""
        with self.lock:
            if self._own_token is None:
                self._own_token = self._new_token(expires_at=None)
            return self._own_token

    @property
    def live_tokens(self) -> int:
        """The number of valid tokens."""
        with self.lock:
            return sum(map(self._is_valid, self._tokens))

    def options(self) -> dict[str, Any]:
        """Return options for ``connect`` with the organization and a token."""
        return {**self._account_options(), "token": self.token}

    def login_options(self) -> dict[str, Any]:
        """Return options for ``connect`` with a username and password instead of a token."""
        return {
            **self._account_options(),
            "username": self.username,
            "password": self.password,
        }

    def other_options(self) -> dict[str, Any]:
        """Return options of another organization, which does not exist here."""
        return {**self.options(), "organization_id": f"{self.organization_id}x"}

    def _account_options(self) -> dict[str, Any]:
        options = {"organization_id": self.organization_id}
        # Only a time zone other than the default must be set.
        return options | ({"timezone": self.timezone} if self.timezone != "Asia/Kolkata" else {})

    def revoke_tokens(self) -> None:
        """Invalidate every token, as the vendor's staff could."""
        with self.lock:
            self._tokens.clear()
            self._own_token = None

    def _new_token(self, expires_at: datetime | None) -> str:
        token = secrets.token_hex(32)
        self._tokens[token] = expires_at
        return token

    def _is_valid(self, token: str) -> bool:
        if token not in self._tokens:
            return False
        expires_at = self._tokens[token]
        return expires_at is None or self.clock.now() < expires_at

    def _authenticate(self, request: Request) -> str:
        header = request.headers.get("Authorization", "")
        keyword, _, token = header.partition(" ")
        problem = None
        if keyword.lower() != "token":
            problem = "Authentication credentials were not provided."
        elif not token.strip():
            problem = "Invalid token header. No credentials provided."
        elif " " in token.strip():
            problem = "Invalid token header. Token string should not contain spaces."
        elif not self._is_valid(token.strip()):
            problem = "Invalid token."
        if problem:
            raise _Refusal(401, {"detail": problem}, {"WWW-Authenticate": "Token"})
        return token.strip()

    def login(self, request: Request) -> Response:
        """Log in ("Authentication"); the undocumented response is that of django-rest-knox."""
        try:
            body = _json_object(request)
            errors: Errors = {}
            credentials = tuple(
                _text(body, name, errors) for name in ("username", "password", "organization_id")
            )
            if errors:
                raise _Refusal(400, errors)
            if credentials != (self.username, self.password, self.organization_id):
                problem = "Unable to log in with provided credentials."
                raise _Refusal(400, {"non_field_errors": [problem]})
            if self.live_tokens >= MAX_TOKENS:
                problem = "Maximum amount of tokens allowed per user exceeded."
                raise _Refusal(403, {"error": problem})
        except _Refusal as refusal:
            return refusal.response
        expires_at = None
        if self.token_seconds is not None:
            expires_at = self.clock.now() + timedelta(seconds=self.token_seconds)
        token = self._new_token(expires_at)
        return json_response(
            {"expiry": expires_at and live.format_instant(expires_at), "token": token}
        )

    @_api
    def logout(self, request: Request) -> Response:
        """Delete the token that the request carries."""
        del self._tokens[self._authenticate(request)]
        return Response(status=204)

    @_api
    def list_organizations(self, request: Request) -> Response:
        """List the organizations ("Organizations"), with their DRM secrets in plain text."""
        organization = {
            "name": "School",
            "uuid": self.organization_id,
            "drm_aes_signing_iv": "0f" * 16,
            "drm_aes_signing_key": "a1" * 32,
        }
        return self._page(request, [organization])

    # -- unknown paths and methods ----------------------------------------------------------

    def not_found(self, request: Request) -> Response:
        """Return Django's 404 page, which is not JSON.

        A path without its trailing slash is redirected, unless that would lose a body.
        """
        return self._slashed(request) or Response(_NOT_FOUND_PAGE, 404, content_type="text/html")

    def method_not_allowed(self, request: Request) -> Response:
        """Refuse a method that is not documented, such as PUT or PATCH."""
        try:
            self._authenticate(request)
        except _Refusal as refusal:
            return refusal.response
        return json_response({"detail": f'Method "{request.method}" not allowed.'}, 405)

    @_api
    def no_such_method(self, request: Request) -> Response:
        """Refuse a method that another path of the same form has, but this path does not."""
        return self.method_not_allowed(request)

    def _slashed(self, request: Request) -> Response | None:
        path = request.path
        if path.endswith("/") or not any(rule.fullmatch(f"{path}/") for rule in _PATHS):
            return None
        if request.method not in ("GET", "HEAD"):
            return Response(_NOT_FOUND_PAGE, 404, content_type="text/html")
        query = request.query_string.decode("latin-1")
        return Response(
            status=301, headers={"Location": f"{path}/" + (f"?{query}" if query else "")}
        )

    # -- live streams -----------------------------------------------------------------------

    @_api
    def create(self, request: Request) -> Response:
        """Create a stream ("Create a live stream instantly", "Schedule a live stream")."""
        body = _json_object(request)
        errors: Errors = {}
        title = _text(body, "title", errors)
        start = self._valid_start(body, errors)
        drm = _boolean(body, "enable_drm_for_recording", errors)
        latency = _choice(body, "latency", LATENCIES, errors)
        parent = self._valid_folder(body, errors)
        if errors:
            raise _Refusal(400, errors)
        asset = self._new_asset("livestream", title, parent)
        now = self.clock.now()
        instant = None if self.start_is_null else self._wall(now).isoformat(" ", "seconds")
        asset.live = _Live(
            start=start or instant,
            enable_drm_for_recording=drm,
            latency=latency or LATENCIES[0],
            chat_room_id=str(uuid4()),
            boots_until=None if start else now + timedelta(seconds=self.boot_seconds),
        )
        self._note_change(asset)
        return json_response(self._shown(asset), 201)

    @_api
    def list_streams(self, request: Request) -> Response:
        """List the streams ("List Live Streams API")."""
        streams = (asset for asset in self._assets.values() if asset.type == "livestream")
        return self._page(request, map(self._shown, _newest_first(streams)))

    @_api
    def read(self, request: Request, id: str) -> Response:
        """Return an asset, with fields that the lists do not have ("Assets")."""
        return json_response(self._shown(self._asset(id), detail=True))

    @_api
    def start_server(self, request: Request, id: str) -> Response:
        """Start the server of a scheduled stream ("Start a server").

        It is not documented that an unscheduled stream, or one that was started before, is
        refused, nor with which response.
        """
        asset, stream = self._stream(id)
        if stream.status != "Not Started" or stream.boots_until or stream.rtmp_url:
            raise _Refusal(400, {"detail": "The server of this live stream was already started."})
        stream.boots_until = self.clock.now() + timedelta(seconds=self.boot_seconds)
        return json_response(self._shown(asset))

    @_api
    def stop_live_stream(self, request: Request, id: str) -> Response:
        """Stop a running stream ("Stop a live stream"); other refusals are not documented."""
        asset, stream = self._stream(id)
        trim = self._valid_trim(_json_object(request), stream)
        if not stream.rtmp_url or stream.stopped_at is not None or stream.status == "Error":
            raise _Refusal(400, {"detail": "This live stream is not running."})
        stream.trim = trim
        self._end(asset, stream, self.clock.now())
        return json_response(
            {"message": "Live stream stopped successfully", "trim_scheduled": trim is not None}
        )

    @_api
    def remove(self, request: Request, id: str) -> Response:
        """Delete any asset with everything in it ("Delete live stream", "Folders")."""
        self._asset(id)
        self._remove(id)
        return Response(status=204)

    def _remove(self, id: str) -> None:
        for child in [each.id for each in self._assets.values() if each.parent == id]:
            self._remove(child)
        del self._assets[id]

    def _valid_start(self, body: Mapping[str, Any], errors: Errors) -> str | None:
        if "start" not in body:
            return None
        start = body["start"]
        if isinstance(start, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", start):
            try:
                datetime.fromisoformat(start)
                return start
            except ValueError:
                pass
        errors["start"] = [_NULL if start is None else _NO_DATE]
        return None

    def _valid_folder(self, body: Mapping[str, Any], errors: Errors) -> str | None:
        if "parent" not in body:
            return None
        parent = body["parent"]
        folder = self._assets.get(parent) if isinstance(parent, str) else None
        if folder is not None and folder.type == "folder":
            return folder.id
        errors["parent"] = ["Invalid folder UUID"]
        return None

    def _valid_trim(self, body: Mapping[str, Any], stream: _Live) -> tuple[int, int] | None:
        """Check a trim by the rules of 2026-01: relative seconds or Unix times."""
        names = ("start_time", "end_time")
        if not any(name in body for name in names):
            return None
        errors: Errors = {}
        for name in names:
            value = body.get(name)
            if name not in body:
                errors[name] = [_REQUIRED]
            elif value is None:
                errors[name] = [_NULL]
            elif type(value) is not int:
                errors[name] = [_NO_INTEGER]
            elif value < 0:
                errors[name] = [_NEGATIVE]
        if not errors:
            start, end = body["start_time"], body["end_time"]
            recorded = (stream.recorded + self._on_air_now(stream)).total_seconds()
            if (start < UNIX_TIME_FROM) != (end < UNIX_TIME_FROM):
                problem = "start_time and end_time must both be seconds or both be timestamps."
                errors["non_field_errors"] = [problem]
            elif start >= end:
                errors["end_time"] = ["end_time must be greater than start_time."]
            elif self.refuses_long_trims and self._offset(end, stream) > recorded:
                errors["end_time"] = ["end_time cannot exceed the duration of the recording."]
        if errors:
            raise _Refusal(400, errors)
        return start, end

    def _offset(self, bound: int, stream: _Live) -> float:
        """Return a bound of a trim in seconds from the start of the recording."""
        if bound < UNIX_TIME_FROM:
            return bound
        began = stream.first_on_air or self.clock.now()
        return bound - int(began.timestamp())

    def _on_air_now(self, stream: _Live) -> timedelta:
        since = stream.publishing_since
        return timedelta() if since is None else self.clock.now() - since

    # -- webhooks ---------------------------------------------------------------------------

    @_api
    def register_webhook(self, request: Request) -> Response:
        """Register a webhook ("Webhooks"). The response contains its secret."""
        webhook = {**_valid_webhook(request), "id": str(uuid4())}
        self._webhooks[webhook["id"]] = webhook
        return json_response(webhook, 201)

    @_api
    def list_webhooks(self, request: Request) -> Response:
        """List the webhooks, with their secrets ("Webhooks")."""
        return self._page(request, self._webhooks.values())

    @_api
    def change_webhook(self, request: Request, id: str) -> Response:
        """Replace the URL and the secret of a webhook ("Webhooks")."""
        webhook = self._webhook(id)
        webhook.update(_valid_webhook(request))
        return json_response(webhook)

    @_api
    def remove_webhook(self, request: Request, id: str) -> Response:
        """Delete a webhook ("Webhooks"). The status of the response is not documented."""
        del self._webhooks[self._webhook(id)["id"]]
        return Response(status=204)

    def _webhook(self, id: str) -> dict[str, str]:
        if id not in self._webhooks:
            raise _Refusal(404, {"detail": "Not found."})
        return self._webhooks[id]

    # -- folders and other assets -----------------------------------------------------------

    @_api
    def list_assets(self, request: Request) -> Response:
        """List assets of all types ("Assets"): all, those in a folder, or those in no folder."""
        assets: Iterable[_Asset] = self._assets.values()
        if folder := request.args.get("parent"):
            assets = (asset for asset in assets if asset.parent == folder)
        elif request.args.get("has_parent") == "false":
            assets = (asset for asset in assets if asset.parent is None)
        return self._page(request, map(self._shown, _newest_first(assets)))

    @_api
    def create_folder(self, request: Request) -> Response:
        """Create a folder ("Folders")."""
        body = _json_object(request)
        errors: Errors = {}
        title = _text(body, "title", errors)
        parent = self._valid_folder(body, errors)
        if errors:
            raise _Refusal(400, errors)
        folder = self._new_asset("folder", title, parent)
        return json_response({"title": folder.title, "uuid": folder.id}, 201)

    @_api
    def list_folders(self, request: Request) -> Response:
        """List folders, filtered by title with ``q`` ("Folders")."""
        query = request.args.get("q", "").lower()
        folders = [
            {"title": asset.title, "uuid": asset.id}
            for asset in _newest_first(self._assets.values())
            if asset.type == "folder" and query in asset.title.lower()
        ]
        return self._page(request, folders)

    def add_folder(self, title: str = "Maths", *, parent: str | None = None) -> str:
        """Add a folder, as a user of the dashboard could, and return its ID."""
        with self.lock:
            return self._new_asset("folder", title, parent).id

    def other_ids(self) -> list[str]:
        """Return the IDs of assets that are not live streams.

        If there are none, a folder and a video are created.
        """
        with self.lock:
            found = [asset.id for asset in self._assets.values() if asset.live is None]
            return found or [self.add_folder(), self.add_video()]

    def add_video(self, title: str = "Lecture", *, parent: str | None = None) -> str:
        """Add an uploaded video, and return its ID."""
        with self.lock:
            asset = self._new_asset("video", title, parent)
            asset.video = self._video(asset.id, duration=600)
            return asset.id

    def __contains__(self, id: object) -> bool:
        """Return whether an asset with this ID exists."""
        return id in self._assets

    def _new_asset(self, type: str, title: str, parent: str | None) -> _Asset:
        asset = _Asset(_short_id(11), type, title, parent)
        self._assets[asset.id] = asset
        return asset

    def _asset(self, id: str) -> _Asset:
        if id not in self._assets:
            raise _Refusal(404, {"detail": "Not found."})
        return self._assets[id]

    def _stream(self, id: str) -> tuple[_Asset, _Live]:
        asset = self._asset(id)
        if asset.live is None:
            # Not documented: this request on a folder or a video.
            raise _Refusal(404, {"detail": "Not found."})
        self._settle(asset, asset.live)
        return asset, asset.live

    # -- response bodies --------------------------------------------------------------------

    def _shown(self, asset: _Asset, *, detail: bool = False, webhook: bool = False) -> Any:
        if asset.live is not None:
            self._settle(asset, asset.live)
        return self._as_it_is(asset, detail=detail, webhook=webhook)

    def _as_it_is(self, asset: _Asset, *, detail: bool = False, webhook: bool = False) -> Any:
        shown: dict[str, Any] = {
            "title": asset.title,
            "bytes": None,
            "type": asset.type,
            "video": None,
            "id": asset.id,
            "live_stream": None,
        }
        if asset.live is not None:
            shown["live_stream"] = self._live_stream(asset.id, asset.live)
        shown["video"] = asset.video
        if not (webhook or self.lacks_newer_fields):
            folder = self._assets.get(asset.parent or "")
            shown["parent"] = folder and {"title": folder.title, "uuid": folder.id}
        shown["parent_id"] = asset.parent
        if detail:
            expires = int(self.clock.now().timestamp()) + 3600
            url = f"{self._media_url}/transcoded/{asset.id}/video.mp4"
            url += f"?Expires={expires}&Signature=c2lnbmVk"
            shown |= {
                "views_count": 0,
                "average_watched_time": 0,
                "total_watch_time": 0,
                "unique_viewers_count": 0,
                "download_url": url if asset.video else None,
                "folder_tree": self._folder_tree(asset),
            }
        return shown

    @property
    def _media_url(self) -> str:
        return _MEDIA if self.media is None else self.media.http_url

    def _folder_tree(self, asset: _Asset) -> str:
        names: list[str] = []
        while asset.parent is not None:
            asset = self._assets[asset.parent]
            names.insert(0, asset.title)
        return "/".join(names)

    def _live_stream(self, id: str, stream: _Live) -> dict[str, Any]:
        media = f"{self._media_url}/live/{self.organization_id}/{id}"
        ended = stream.stopped_at is not None
        shown = {
            "rtmp_url": stream.rtmp_url,
            "stream_key": stream.stream_key,
            "status": stream.status,
            "hls_url": f"{media}/video.m3u8",
            "dash_url": f"{media}/video.mpd",
            "start": stream.start,
            "transcode_recorded_video": stream.transcode_recorded_video,
            "enable_drm_for_recording": stream.enable_drm_for_recording,
            "enable_drm": False,
            "enable_llhls": False,
            "latency": stream.latency,
            "chat_embed_url": f"https://app.tpstreams.com/live-chat/{self.organization_id}/{id}/",
            "chat_room_id": stream.chat_room_id,
            "resolutions": list(RESOLUTIONS),
            "notice_message": "The live stream has come to an end." if ended else None,
            "activities": [dict(activity) for activity in stream.activities],
        }
        if self.lacks_newer_fields:
            for name in NEWER_FIELDS:
                del shown[name]
        return shown

    def _video(self, id: str, *, duration: int, drm: bool = False) -> dict[str, Any]:
        media = f"{self._media_url}/transcoded/{id}"
        return {
            "progress": 0,
            "thumbnails": [],
            "status": "Completed",
            "playback_url": f"{media}/video.m3u8",
            "dash_url": f"{media}/video.mpd",
            "preview_thumbnail_url": None,
            "cover_thumbnail_url": None,
            "format": "abr",
            "resolutions": list(RESOLUTIONS),
            "video_codec": "h264",
            "audio_codec": "aac",
            "enable_drm": drm,
            "tracks": [],
            "inputs": [{"url": f"https://static.example/{id}.mp4"}],
            "transmux_only": None,
            "duration": duration,
            "content_protection_type": "drm" if drm else "disable",
            "generate_subtitle": False,
            "video_codecs": ["h264"],
            "output_urls": {
                "h264": {"hls_url": f"{media}/video.m3u8", "dash_url": f"{media}/video.mpd"}
            },
        }

    def _page(self, request: Request, items: Iterable[Any]) -> Response:
        """Return a page by limit and offset, with REST framework's links to its neighbors."""
        all_items = list(items)
        limit = _positive(request.args.get("limit")) or self.page_size
        offset = _positive(request.args.get("offset")) or 0

        def link(offset: int) -> str:
            others = [
                (name, value)
                for name, value in request.args.items(multi=True)
                if name not in ("limit", "offset")
            ]
            pairs = [*others, ("limit", limit), *([("offset", offset)] if offset else [])]
            return f"{request.base_url}?{urlencode(pairs)}"

        following = offset + limit
        return json_response(
            {
                "count": len(all_items),
                "next": link(following) if following < len(all_items) else None,
                "previous": link(max(0, offset - limit)) if offset else None,
                "results": all_items[offset:following],
            }
        )

    def webhook(self, id: str, *, secret: str | None = None) -> tuple[dict[str, str], bytes]:
        """Return the headers and body of a delivery about an asset ("Webhooks").

        The body is the asset itself, without an event, a time, or a signature.

        Args:
            id: The asset's ID.
            secret: The webhook's secret. Defaults to :attr:`webhook_secret`.
        """
        with self.lock:
            body = json.dumps(self._shown(self._assets[id], webhook=True)).encode()
        return _delivery_headers(self.webhook_secret if secret is None else secret), body

    def _note_change(self, asset: _Asset) -> None:
        """Send a delivery about an asset ("whenever the status of live stream changes").

        There is no filter: every webhook of the organization gets every change.
        """
        registered = [(each["url"], each["secret_token"]) for each in self._webhooks.values()]
        for url, secret in [(None, self.webhook_secret), *registered]:
            self.send_webhook(
                lambda: json.dumps(self._as_it_is(asset, webhook=True)).encode(),
                lambda *_, secret=secret: _delivery_headers(secret),
                url=url,
            )

    def pass_time(self) -> None:
        """Boot servers, give up lost encoders, and begin to transcode, if it is time."""
        for asset in list(self._assets.values()):
            if asset.live is not None:
                self._settle(asset, asset.live)

    # -- events at the vendor and the encoder -----------------------------------------------

    def encoder_connects(self, id: str) -> None:
        """Connect an encoder, which starts to publish: ``Streaming``.

        Raises:
            ValueError: If the stream has no server that is ready for an encoder.
        """
        with self.lock:
            stream = self._known(id)
            if stream.status not in ("Not Started", "Available", "Disconnected"):
                raise ValueError(f"cannot publish to {id}: its status is {stream.status}")
            if not stream.rtmp_url:
                raise ValueError(f"cannot publish to {id}: its server is not up")
            now = self.clock.now()
            stream.status = "Streaming"
            stream.publishing_since = now
            stream.first_on_air = stream.first_on_air or now
            stream.disconnected_at = None
            self._note(stream, "On Publish", now)
            self._note_change(self._assets[id])

    def encoder_drops(self, id: str) -> None:
        """Disconnect the encoder: ``Disconnected``, then ``Stopped`` if it does not reconnect.

        Raises:
            ValueError: If no encoder is connected.
        """
        with self.lock:
            stream = self._known(id)
            if stream.status != "Streaming":
                raise ValueError(f"no encoder publishes to {id}: its status is {stream.status}")
            now = self.clock.now()
            self._unpublish(stream, now)
            stream.status = "Disconnected"
            stream.disconnected_at = now
            self._note(stream, "On Publish Done", now)
            self._note_change(self._assets[id])

    def is_published(self, id: str) -> bool:
        """Return whether an encoder is connected to a stream."""
        with self.lock:
            return id in self._assets and self._known(id).publishing_since is not None

    def kept_part(self, id: str) -> tuple[float, float] | None:
        """Return the part of the recording that its trim keeps.

        A trim beyond the recording has no effect; the vendor's behavior is not documented.
        """
        with self.lock:
            stream = self._known(id)
            if stream.trim is None:
                return None
            start, end = (self._offset(bound, stream) for bound in stream.trim)
            is_possible = start >= 0 and end <= round(stream.recorded.total_seconds())
            return (start, end) if is_possible else None

    def recording_ready(self, id: str) -> None:
        """Finish transcoding the recording, and trim it if requested: ``Completed``.

        Raises:
            ValueError: If the stream has not ended, was never live, or is not recorded.
        """
        with self.lock:
            stream = self._known(id)
            if stream.status not in ("Stopped", "Recording"):
                raise ValueError(f"{id} is not being transcoded: its status is {stream.status}")
            if not self._is_recorded(stream):
                raise ValueError(f"{id} has no recording: it was never live, or was not recorded")
            self._complete(self._assets[id], stream)

    def stream_fails(self, id: str) -> None:
        """Make the stream fail at the vendor: ``Error``.

        Raises:
            ValueError: If the stream has ended.
        """
        with self.lock:
            stream = self._known(id)
            if stream.stopped_at is not None:
                raise ValueError(f"{id} has ended")
            stream.status = "Error"
            stream.boots_until = stream.disconnected_at = None
            self._note_change(self._assets[id])

    def keep_no_recording(self, id: str) -> None:
        """Set ``transcode_recorded_video`` to false, which no documented endpoint can do."""
        with self.lock:
            self._known(id).transcode_recorded_video = False

    def _known(self, id: str) -> _Live:
        asset = self._assets.get(id)
        if asset is None or asset.live is None:
            raise ValueError(f"{id} is not a live stream")
        self._settle(asset, asset.live)
        return asset.live

    def _settle(self, asset: _Asset, stream: _Live) -> None:
        """Apply the changes that happen with the passage of time."""
        now = self.clock.now()
        if stream.boots_until is not None and now >= stream.boots_until:
            stream.boots_until = None
            self._server_number = self._server_number % 254 + 1
            stream.rtmp_url = (
                f"rtmp://203.0.113.{self._server_number}/live"
                if self.media is None
                else self.media.rtmp_url
            )
            stream.stream_key = f"org-{self.organization_id}-live-{asset.id}-{_short_id(4)}"
            if self.available_status:
                stream.status = "Available"
            self._note_change(asset)
        if stream.disconnected_at is not None:
            given_up = stream.disconnected_at + timedelta(seconds=self.reconnect_seconds)
            if now >= given_up:
                self._end(asset, stream, given_up)
        if stream.status == "Stopped" and stream.stopped_at and self._is_recorded(stream):
            finished = stream.stopped_at + timedelta(seconds=self.finishing_seconds)
            if now >= finished:
                stream.status = "Recording"
                self._note_change(asset)

    def _end(self, asset: _Asset, stream: _Live, at: datetime) -> None:
        self._unpublish(stream, at)
        stream.status = "Stopped"
        stream.stopped_at = at
        stream.disconnected_at = None
        self._note(stream, "Stopped", at)
        if self.clears_ingest:
            stream.rtmp_url, stream.stream_key = "", None
        self._note_change(asset)
        if self.skips_to_completed and self._is_recorded(stream):
            self._complete(asset, stream)

    def _is_recorded(self, stream: _Live) -> bool:
        return stream.transcode_recorded_video and stream.first_on_air is not None

    def _complete(self, asset: _Asset, stream: _Live) -> None:
        kept = self.kept_part(asset.id) or (0, stream.recorded.total_seconds())
        duration = round(kept[1] - kept[0])
        stream.status = "Completed"
        asset.video = self._video(asset.id, duration=duration, drm=stream.enable_drm_for_recording)
        self._note_change(asset)

    def _unpublish(self, stream: _Live, at: datetime) -> None:
        if stream.publishing_since is not None:
            stream.recorded += at - stream.publishing_since
            stream.publishing_since = None

    def _note(self, stream: _Live, status: str, at: datetime) -> None:
        wall = self._wall(at)
        stream.activities.append(
            {
                "status": status,
                "timestamp": f"{_MONTHS[wall.month - 1]} {wall:%d, %Y, %I:%M} "
                + ("AM" if wall.hour < 12 else "PM"),
            }
        )

    def _wall(self, at: datetime) -> datetime:
        return at.astimezone(self.wall_clock.zone).replace(tzinfo=None)


_PATHS = [re.compile(re.sub("<[a-z]+>", "[^/]+", route.path)) for route in TPStreamsEmulator.routes]


def _delivery_headers(secret: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "x-streams-token": secret}


def _short_id(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _newest_first(assets: Iterable[_Asset]) -> list[_Asset]:
    return list(assets)[::-1]


def _positive(text: str | None) -> int:
    """Parse a page's limit or offset; an invalid one is ignored, as in REST framework."""
    return int(text) if text is not None and re.fullmatch("[0-9]{1,18}", text) else 0


# -- checks of fields, with the texts of REST framework. They are stricter where REST framework
# -- would accept a number as a string, or "true" as a boolean: that is not documented.


def _json_object(request: Request) -> dict[str, Any]:
    body = request.get_data()
    if not body:
        return {}
    if request.mimetype != "application/json":
        given = request.headers.get("Content-Type", "")
        raise _Refusal(415, {"detail": f'Unsupported media type "{given}" in request.'})
    data: Any = None
    problem = ""
    try:
        data = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problem = str(error)
    if problem:
        raise _Refusal(400, {"detail": f"JSON parse error - {problem}"})
    if not isinstance(data, dict):
        problem = f"Invalid data. Expected a dictionary, but got {type(data).__name__}."
        raise _Refusal(400, {"non_field_errors": [problem]})
    return data


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Out of range float values are not JSON compliant: {name}")


def _valid_webhook(request: Request) -> dict[str, str]:
    body = _json_object(request)
    errors: Errors = {}
    values = {name: _text(body, name, errors) for name in ("url", "secret_token")}
    if "url" not in errors and not re.fullmatch(r"https?://[^\s/?#]+([/?#]\S*)?", values["url"]):
        errors["url"] = [_NO_URL]
    if errors:
        raise _Refusal(400, errors)
    return values


def _text(body: Mapping[str, Any], name: str, errors: Errors) -> str:
    value = body.get(name)
    if name not in body:
        errors[name] = [_REQUIRED]
    elif value is None:
        errors[name] = [_NULL]
    elif not isinstance(value, str):
        errors[name] = [_NO_STRING]
    elif not value.strip():
        errors[name] = [_BLANK]
    else:
        return value
    return ""


def _boolean(body: Mapping[str, Any], name: str, errors: Errors) -> bool:
    value = body.get(name, False)
    if isinstance(value, bool):
        return value
    errors[name] = [_NULL if value is None else _NO_BOOLEAN]
    return False


def _choice(
    body: Mapping[str, Any], name: str, choices: tuple[str, ...], errors: Errors
) -> str | None:
    if name not in body:
        return None
    value = body[name]
    if isinstance(value, str) and value in choices:
        return value
    errors[name] = [_NULL if value is None else f'"{value}" is not a valid choice.']
    return None
