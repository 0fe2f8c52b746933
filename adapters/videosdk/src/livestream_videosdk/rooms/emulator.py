"""An emulator of VideoSDK's API v2: rooms, and what streams from them and into them.

Its sources are the reference of API v2, the guides for webhooks and WHIP, and the vendor's server
SDK for Node.js (``@videosdk.live/server-sdk`` 0.1.1), whose types and paths correct the reference.
Where these contradict each other, the emulator has a setting. Where they say nothing, it refuses
what it is asked. Tracks, composite recordings, agents, telephony, and WHEP are not emulated.
"""

from __future__ import annotations

import base64
import json
import math
import secrets
import string
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, wraps
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlencode

import attrs

from livestream_core.emulator import Request, Response, Route, json_response
from livestream_videosdk.account import AccountEmulator, Fields, Refused, count, milliseconds
from livestream_videosdk.rooms import parameters
from livestream_videosdk.rooms.samples import SAMPLES

API = "https://api.videosdk.live/v2"
CDN = "https://cdn.videosdk.live"
#: The most of each kind that may run at the same time: on the plan Free, and without a contract.
LIMITS: Mapping[bool | None, Mapping[str, float]] = {
    None: dict.fromkeys(("participants", "hls", "recordings", "livestreams"), math.inf),
    True: {"participants": 50, "hls": 1, "recordings": 1, "livestreams": 1},
    False: {"participants": 100, "hls": 5, "recordings": 5, "livestreams": 5},
}
#: A room without ``autoCloseConfig`` closes its session after 480 minutes.
_DURATION = 480
_PERMISSIONS = {"allow_join", "ask_join", "allow_mod"}
_ROLES = {"crawler", "rtc"}
_LETTERS = string.ascii_lowercase + string.digits
#: The default size of a capture, by quality; portrait exchanges the two.
_SIZES = {"high": (1920, 1080), "med": (1280, 720), "low": (854, 480)}

Shape: TypeAlias = Literal["pageInfo", "pagination", "named", "bare"]


@attrs.frozen
class _Kind:
    """What can run while a session is on, and the vendor's words for it.

    Attributes:
        path: The path of its endpoints.
        event: The first part of its webhook types.
        multi: Its name in ``multiComposition``.
        started: The answer to a start, if that is not the object.
        ended: The answer to an end.
        deleted: The answer to a deletion.
    """

    path: str
    event: str
    multi: str
    started: str | None
    ended: str
    deleted: str = ""


HLS = _Kind(
    "hls", "hls", "hls", None, "HLS ended successfully", "Room Hls Recording deleted successfully !"
)
RTMP_OUT = _Kind(
    "livestreams",
    "livestream",
    "rtmp",
    "Livestream started successfully",
    "Livestream ended successfully",
)
RECORDING = _Kind(
    "recordings",
    "recording",
    "recording",
    "Recording started successfully",
    "Recording ended successfully",
    "Room recording deleted successfully",
)
_KINDS = {each.path: each for each in (HLS, RTMP_OUT, RECORDING)}


# -- stored data ------------------------------------------------------------------------------


@attrs.define
class _Room:
    id: str
    room_id: str
    custom_room_id: str | None
    settings: Fields
    created_at: datetime
    updated_at: datetime
    is_disabled: bool = False
    #: Cannot be enabled again.
    is_deactivated: bool = False

    @property
    def names(self) -> tuple[str | None, ...]:
        return self.id, self.room_id, self.custom_room_id


@attrs.define
class _Participant:
    id: str
    name: str
    #: When it joined and left, each time.
    times: list[list[datetime | None]]

    @property
    def is_present(self) -> bool:
        return self.times[-1][1] is None


@attrs.define
class _Session:
    id: str
    room: _Room
    start: datetime
    end: datetime | None = None
    participants: list[_Participant] = attrs.field(factory=list)

    @property
    def present(self) -> list[_Participant]:
        return [each for each in self.participants if each.is_present]


@attrs.define
class _Run:
    """An HLS stream, an RTMP-out livestream, or a recording."""

    id: str
    kind: _Kind
    session: _Session
    start: datetime
    settings: Fields
    end: datetime | None = None
    name: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    is_playable: bool = False
    #: When the file of a recording was written.
    written_at: datetime | None = None


@attrs.frozen
class Delivery:
    """A webhook delivery that the vendor has sent.

    Attributes:
        type: Its type, such as ``"hls-started"``.
        room_id: The ID of the room that it is about.
        url: Where it was sent.
        body: Its body.
        key: The name of the key that signed it.
    """

    type: str
    room_id: str
    url: str
    body: bytes = attrs.field(repr=False)
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """Its headers, with the signature."""
        return sign(self.body, self.key)


@lru_cache(maxsize=32)
def _key(name: str) -> Any:
    """Return the private key of a name; making one takes a while."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(public_exponent=65537, key_size=2048)


def sign(body: bytes, key: str) -> dict[str, str]:
    """Return the headers of a webhook delivery, signed with the key of a name."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    signature = base64.b64encode(_key(key).sign(body, PKCS1v15(), SHA256())).decode()
    return {"Content-Type": "application/json", "videosdk-signature": signature}


# -- requests ---------------------------------------------------------------------------------


def _api(handler: Callable[..., Any]) -> Callable[..., Response]:
    """Make an endpoint require a token for REST, and turn its exceptions into error responses."""

    @wraps(handler)
    def respond(self: VideoSDKRoomsEmulator, request: Request, **values: str) -> Response:
        try:
            self.admit(request, "crawler")
            answer = handler(self, request, **values)
        except Refused as refused:
            return refused.response()
        return answer if isinstance(answer, Response) else json_response(answer)

    return respond


def _routes() -> Iterable[Route]:
    kinds = "<any(hls, livestreams, recordings):kind>"
    for method, path, handler in (
        ("POST", "rooms", "create_room"),
        ("GET", "rooms", "list_rooms"),
        ("GET", "rooms/", "list_rooms"),
        ("GET", "rooms/<id>", "read_room"),
        ("GET", "rooms/validate/<id>", "validate_room"),
        ("POST", "rooms/deactivate", "deactivate_room"),
        ("POST", "rooms/<id>", "update_room"),
        ("GET", "sessions", "list_sessions"),
        ("GET", "sessions/", "list_sessions"),
        ("GET", "sessions/<id>", "read_session"),
        ("POST", "sessions/end", "end_session"),
        ("POST", f"{kinds}/start", "start_run"),
        ("POST", f"{kinds}/end", "end_run"),
        ("GET", kinds, "list_runs"),
        ("GET", "<any(hls, livestreams):kind>/", "list_runs"),
        ("GET", f"{kinds}/<id>", "read_run"),
        ("DELETE", "<any(hls, recordings):kind>/<id>", "delete_run"),
        ("GET", "hls/<id>/active", "active_hls"),
        ("POST", "hls/capture", "capture"),
        ("POST", "whip", "publish"),
        ("DELETE", "whip/sessions/<id>", "unpublish"),
        ("GET", "public/rsa-public-key", "read_public_key"),
    ):
        yield Route(method, f"/v2/{path}", handler)


class VideoSDKRoomsEmulator(AccountEmulator):
    """An emulator of VideoSDK's API v2 with one account.

    An encoder is a participant that publishes by WHIP. The first participant begins a session of
    the room. When the last one leaves, the session ends, and all that runs in it.

    Attributes:
        page_size: The maximum number of objects per page, whatever the client requests.
        is_active: Whether the account is active; the API refuses each token of one that is not.
        webhook_secret: Stands for the vendor's private key in :meth:`webhook`.
        events: All webhook deliveries so far, in order: to the endpoint of the room, if it has
            subscribed to the event, and to the ``webhookUrl`` of what runs.
    """

    provider = "videosdk-rooms"
    without_media: ClassVar[str] = "its encoders publish by WHIP, not by RTMP"
    sends_webhooks = True
    claims: ClassVar[Mapping[str, Any]] = {"permissions": ["allow_join", "allow_mod"], "version": 2}
    samples: ClassVar[tuple[Mapping[str, Any], ...]] = SAMPLES
    routes: ClassVar[tuple[Route, ...]] = tuple(_routes())

    def __init__(
        self,
        *,
        boot_seconds: float = 20.0,
        page_size: int = 100,
        free: bool | None = None,
        not_found_status: int = 404,
        conflict_status: int = 409,
        limit_status: int = 403,
        list_shape: Shape = "pageInfo",
        old_naming: bool = False,
        before_2025: bool = False,
        key_form: Literal["pkcs1", "spki"] = "pkcs1",
        seconds_per_duration: int = 60,
        requests_per_minute: int | None = None,
    ) -> None:
        """Create an emulator.

        Args:
            boot_seconds: The time from the start of HLS until its playlist can be fetched.
            page_size: See the attribute. No document gives the maximum.
            free: Whether the account has the limits of the plan Free, or those of pay-as-you-go. By
                default, it has none, like one whose limits were raised by contract.
            not_found_status: The status for an unknown ID: 404, or also 402.
            conflict_status: The status of what the state of a room forbids, such as HLS while
                no participant is there. The SDK has 409 for "conflicting/duplicate state"; no page
                gives a status.
            limit_status: The status when the account runs as much as it may (not documented).
            list_shape: The shape of lists: ``{pageInfo, data}``, as the reference has it, or one of
                the others that the SDK takes: ``{pagination, data}``, items under the name of
                their kind, or a bare array with everything.
            old_naming: Whether active HLS and the end of a session are also answered with
                ``meetingId`` and ``userMeetingId``, which the SDK takes. A deactivation always is.
            before_2025: Whether HLS has ``downstreamUrl`` alone.
            key_form: Whether the public key is ``RSA PUBLIC KEY`` or ``PUBLIC KEY`` in PEM.
            seconds_per_duration: The unit of ``autoCloseConfig.duration``: minutes in the
                reference, seconds in the SDK.
            requests_per_minute: After how many requests the API answers 429. No numbers are
                published.
        """
        super().__init__(boot_seconds=boot_seconds)
        self.page_size = page_size
        self.limits: Mapping[str, float] = LIMITS[free]
        self.not_found_status = not_found_status
        self.conflict_status = conflict_status
        self.limit_status = limit_status
        self.list_shape: Shape = list_shape
        self.old_naming = old_naming
        self.before_2025 = before_2025
        self.key_form: Literal["pkcs1", "spki"] = key_form
        self.seconds_per_duration = seconds_per_duration
        self.requests_per_minute = requests_per_minute
        self.is_active = True
        self.webhook_secret: str = secrets.token_hex(16)
        self.events: list[Delivery] = []
        self._admitted: list[datetime] = []
        self._key_name = "first"
        self._rooms: list[_Room] = []
        self._names: dict[str | None, _Room] = {}
        self._sessions: dict[str, _Session] = {}
        self._runs: dict[str, _Run] = {}

    def method_not_allowed(self, request: Request) -> Response:
        """Respond with 404."""
        return self.not_found(request)

    # -- tokens -----------------------------------------------------------------------------

    def admit(self, request: Request, *roles: str, token: str | None = None) -> Fields:
        """Return the claims of a request's token.

        Args:
            request: The request.
            roles: The roles, of which the token must have one. A token without roles has all.
            token: The token. Defaults to the header, which has no prefix.

        Raises:
            Refused: If there are too many requests, or the token is not valid for this.
        """
        self._settle()
        self._slow_down()
        header = request.headers.get("Authorization", "")
        claims = self.check_token(header if token is None else token)
        if not self.is_active:
            raise Refused(401, "Account is not active")
        if claims.get("version") != 2:
            raise Refused(401, "Token is not of version 2")
        if not _are_of(claims.get("permissions"), _PERMISSIONS):
            raise Refused(401, "Token has no valid permissions")
        given = claims.get("roles", [*_ROLES])
        if not _are_of(given, _ROLES):
            raise Refused(401, "Token has no valid roles")
        if not set(roles) & set(given):
            raise Refused(403, "Token has not the role for this")
        request.environ["videosdk.claims"] = claims
        return claims

    def _slow_down(self) -> None:
        if self.requests_per_minute is None:
            return
        now, minute = self.clock.now(), timedelta(seconds=60)
        self._admitted = [each for each in self._admitted if each > now - minute]
        if len(self._admitted) >= self.requests_per_minute:
            seconds = (self._admitted[0] + minute - now).total_seconds()
            raise Refused(429, "Too many requests", {"Retry-After": str(int(seconds) + 1)})
        self._admitted.append(now)

    def _scoped(self, request: Request, room: _Room) -> _Room:
        """Return a room, unless the token is for another one."""
        scope = request.environ["videosdk.claims"].get("roomId")
        if scope is not None and scope not in (room.room_id, room.custom_room_id):
            raise Refused(403, "Token is for another room")
        return room

    # -- rooms ------------------------------------------------------------------------------

    @_api
    def create_room(self, request: Request) -> Fields:
        """Create a room, or return the one that has the ``customRoomId``, unchanged."""
        body = parameters.checked_body(request, parameters.ROOM)
        custom = body.pop("customRoomId", None)
        room = None if custom is None else self._names.get(custom)
        if room is None:
            now = self.clock.now()
            room = _Room(secrets.token_hex(12), _new_room_id(), custom, body, now, now)
            self._rooms.append(room)
            self._names |= dict.fromkeys(room.names, room)
        elif room.custom_room_id != custom:
            raise self._conflict("customRoomId is the ID of another room")
        return self._shown_room(room)

    @_api
    def list_rooms(self, request: Request) -> Any:
        """List the rooms, the newest first. Nothing shows whether one is disabled."""
        query = request.args.get("query")
        rooms = [
            room
            for room in reversed(self._rooms)
            if query is None or query in (room.room_id, room.custom_room_id)
        ]
        return self._page(request, "rooms", rooms, self._listed_room)

    @_api
    def read_room(self, request: Request, id: str) -> Fields:
        """Return a room by any of its IDs; its owner is an object here."""
        shown = self._shown_room(self._room(request, id, "id", "room_id", "custom_room_id"))
        del shown["userId"]
        return {**shown, "user": self._user()}

    @_api
    def validate_room(self, request: Request, id: str) -> Fields:
        """Return a room by one of its two IDs for callers."""
        return self._shown_room(self._room(request, id, "room_id", "custom_room_id"))

    @_api
    def update_room(self, request: Request, id: str) -> Fields:
        """Enable or disable a room; its session ends (inferred), if it is disabled."""
        wanted = parameters.checked_body(request, parameters.UPDATE)["status"]
        room = self._room(request, id, "room_id")
        if room.is_deactivated and wanted == "enabled":
            raise self._conflict("Room is deactivated")
        if room.is_disabled is (wanted == "enabled"):
            self._disable(room, wanted == "disabled")
        shown = self._shown_room(room)
        del shown["disabled"]
        return {"status": wanted, **shown}

    @_api
    def deactivate_room(self, request: Request) -> Fields:
        """Deactivate a room permanently, by its ``roomId`` alone."""
        id = parameters.checked_body(request, parameters.DEACTIVATE)["roomId"]
        named = self._names.get(id)
        if named is not None and named.custom_room_id == id:
            raise Refused(402, "Room not found")
        room = self._room(request, id, "room_id")
        self._deactivate(room)
        shown = _in_old_naming({**self._shown_room(room), "user": self._user()})
        del shown["links"]
        return shown

    def _deactivate(self, room: _Room) -> None:
        room.is_deactivated = True
        if not room.is_disabled:
            self._disable(room, True)

    def _disable(self, room: _Room, is_disabled: bool) -> None:
        room.is_disabled = is_disabled
        room.updated_at = self.clock.now()
        session = self._ongoing(room)
        if is_disabled and session is not None:
            self._end_session(session)

    def _room(self, request: Request, id: str, *by: str) -> _Room:
        room = self._names.get(id)
        if room is None or id not in [getattr(room, name) for name in by]:
            raise self._missing("Room")
        return self._scoped(request, room)

    def _missing(self, what: str) -> Refused:
        return Refused(self.not_found_status, f"{what} not found")

    def _conflict(self, error: str) -> Refused:
        return Refused(self.conflict_status, error)

    def _user(self) -> Fields:
        user = {"email": "demo@example.com", "name": "Demo user 01", "discontinuedReason": None}
        return {**user, "id": self.user_id}

    def _shown_room(self, room: _Room) -> Fields:
        return {
            "roomId": room.room_id,
            "customRoomId": room.custom_room_id,
            "userId": self.user_id,
            "disabled": room.is_disabled,
            **room.settings,
            "createdAt": milliseconds(room.created_at),
            "updatedAt": milliseconds(room.updated_at),
            "id": room.id,
            "links": _links(room),
        }

    def _listed_room(self, room: _Room) -> Fields:
        shown = self._shown_room(room)
        names = ("roomId", "customRoomId", "createdAt", "updatedAt", "id", "links")
        return {**{name: shown[name] for name in names}, "user": self._user()}

    # -- sessions ---------------------------------------------------------------------------

    @_api
    def list_sessions(self, request: Request) -> Any:
        """List the sessions, the newest first, of all rooms or of one."""
        args = request.args
        if args.get("status", "ended") not in ("ongoing", "ended"):
            raise Refused(400, '"status" must be one of ongoing, ended')
        since, until = (_epoch(request, name) for name in ("startDate", "endDate"))
        sessions = [
            each
            for each in reversed(self._sessions.values())
            if args.get("roomId", each.room.room_id) == each.room.room_id
            and args.get("customRoomId", each.room.custom_room_id) == each.room.custom_room_id
            and args.get("query", each.room.room_id) in each.room.names[1:]
            and args.get("status", _status(each)) == _status(each)
            and (since is None or each.start.timestamp() * 1000 >= since)
            and (until is None or each.start.timestamp() * 1000 <= until)
        ]
        return self._page(request, "sessions", sessions, self._shown_session)

    @_api
    def read_session(self, request: Request, id: str) -> Fields:
        """Return a session."""
        if id not in self._sessions:
            raise self._missing("Session")
        session = self._sessions[id]
        self._scoped(request, session.room)
        return self._shown_session(session)

    @_api
    def end_session(self, request: Request) -> Fields:
        """End the session of a room; the answer still shows it as ongoing."""
        body = parameters.checked_body(request, parameters.END_SESSION)
        room = self._room(request, body["roomId"], "room_id", "custom_room_id")
        last = self._last_session(room)
        if last is None or body.get("sessionId", last.id) != last.id:
            raise self._missing("Session")
        if last.end is not None and not body.get("ignoreClosed"):
            raise self._conflict("Session is not ongoing")
        shown = self._shown_session(last)
        if last.end is None:
            self._end_session(last)
        if self.old_naming:
            del shown["status"]
            return _in_old_naming({**shown, "customRoomId": room.custom_room_id})
        return shown

    def _last_session(self, room: _Room) -> _Session | None:
        return next((each for each in reversed(self._sessions.values()) if each.room is room), None)

    def _ongoing(self, room: _Room) -> _Session | None:
        last = self._last_session(room)
        return last if last is not None and last.end is None else None

    def _shown_session(self, session: _Session) -> Fields:
        return {
            "id": session.id,
            "roomId": session.room.room_id,
            "start": milliseconds(session.start),
            "end": _or_null(session.end),
            "participants": [
                {
                    "participantId": each.id,
                    "name": each.name,
                    "timelog": [
                        {"start": _or_null(start), "end": _or_null(end)}
                        for start, end in each.times
                    ],
                }
                for each in session.participants
            ],
            "status": _status(session),
            "links": _links(session.room, session),
        }

    # -- HLS, RTMP-out, and recordings ------------------------------------------------------

    @_api
    def start_run(self, request: Request, kind: str) -> Any:
        """Start one of them, in a room with a session. Only HLS is returned."""
        body = parameters.checked_body(
            request, {"roomId!": parameters.TEXT, **parameters.START[kind]}
        )
        room = self._room(request, body.pop("roomId"), "room_id")
        if kind == "livestreams" and not ("config" in body or "templateUrl" in body):
            raise Refused(400, '"config.layout" is required')
        if "resourceId" in body:
            raise self._missing("Resource")  # the account has acquired none
        session = self._ongoing(room)
        if session is None or not session.present:
            raise self._conflict("There is no active session in the room")
        return self._start(_KINDS[kind], session, body)

    def _start(self, kind: _Kind, session: _Session, settings: Fields) -> Any:
        is_multi = session.room.settings.get("multiComposition", {}).get(kind.multi, False)
        if self._running(kind, session.room) and not is_multi:
            raise self._conflict(f"{kind.event} is running already")
        if len(self._running(kind)) >= self.limits[kind.path]:
            raise Refused(
                self.limit_status, f"You have reached max limit of {kind.event} on organization"
            )
        run = _Run(secrets.token_hex(12), kind, session, self.clock.now(), settings)
        self._runs[run.id] = run
        for state in ("starting", "started"):
            self._note_run(run, state)
        if kind is not HLS:
            return kind.started
        shown = self._shown_run(run)
        del shown["end"], shown["duration"]
        return {**shown, **self._addresses(run, "downstreamUrl", "playbackHlsUrl", "livestreamUrl")}

    @_api
    def end_run(self, request: Request, kind: str) -> str:
        """End all of a kind in a room, or the one with an ID."""
        body = parameters.checked_body(request, parameters.END)
        room = self._room(request, body["roomId"], "room_id")
        running = [
            each for each in self._running(_KINDS[kind], room) if body.get("id", each.id) == each.id
        ]
        if not running:
            raise self._conflict(f"{_KINDS[kind].event} is not running")
        for each in running:
            self._end(each)
        return _KINDS[kind].ended

    @_api
    def list_runs(self, request: Request, kind: str) -> Any:
        """List those of one room, the newest first."""
        args = request.args
        runs = [
            each
            for each in reversed(self._runs.values())
            if each.kind.path == kind
            and each.session.room.room_id == args.get("roomId")
            and args.get("sessionId", each.session.id) == each.session.id
            and args.get("query", each.session.room.room_id) in each.session.room.names[1:]
        ]
        return self._page(request, kind, runs, self._shown_run, required=("roomId",))

    @_api
    def read_run(self, request: Request, kind: str, id: str) -> Fields:
        """Return one of them."""
        return self._shown_run(self._run(request, kind, id))

    @_api
    def delete_run(self, request: Request, kind: str, id: str) -> str:
        """Delete HLS or a recording that has ended."""
        run = self._run(request, kind, id)
        if run.end is None:
            raise self._conflict(f"{run.kind.event} is running")
        del self._runs[run.id]
        return run.kind.deleted

    @_api
    def active_hls(self, request: Request, id: str) -> Fields:
        """Return the HLS that is running in a room, in an envelope that nothing else has."""
        running = self._running(HLS, self._room(request, id, "room_id"))
        if not running:
            raise Refused(404, "No active HLS found")
        shown = self._shown_run(running[-1])
        return {"code": 200, "data": _in_old_naming(shown) if self.old_naming else shown}

    @_api
    def capture(self, request: Request) -> Fields:
        """Capture a frame of the HLS that is running."""
        body = parameters.checked_body(request, parameters.CAPTURE)
        running = self._running(HLS, self._room(request, body["roomId"], "room_id"))
        if not running:
            raise Refused(404, "No active HLS found")
        format = body.get("format", "jpg")
        if format == "webp" and "time" in body:
            raise Refused(400, '"format" webp is only for the present frame')
        if body.get("time", 0) > self._seconds(running[-1]):
            raise Refused(400, '"time" is after what was streamed')
        config = running[-1].settings.get("config", {})
        size = _SIZES.get(config.get("quality", "high"), _SIZES["high"])
        width, height = size if config.get("orientation") != "portrait" else size[::-1]
        name = secrets.token_hex(12)
        return {
            "message": "captured thumbnail successfully",
            "roomId": body["roomId"],
            "meta": {
                "createdAt": milliseconds(self.clock.now()),
                "width": body.get("width", width),
                "height": body.get("height", height),
                "format": format,
            },
            "filePath": f"{CDN}/thumbnail/{name}.{format}",
            "fileSize": 415153,
            "fileName": name,
        }

    def _run(self, request: Request, kind: str, id: str) -> _Run:
        run = self._runs.get(id)
        if run is None or run.kind.path != kind:
            raise self._missing(_KINDS[kind].event)
        self._scoped(request, run.session.room)
        return run

    def _running(self, kind: _Kind, room: _Room | None = None) -> list[_Run]:
        return [
            each
            for each in self._runs.values()
            if each.kind is kind and each.end is None and room in (None, each.session.room)
        ]

    def _end(self, run: _Run, *states: str, at: datetime | None = None) -> None:
        run.end = at or self.clock.now()
        # A recording has stopped when its file is written.
        usual = ("stopping",) if run.kind is RECORDING else ("stopping", "stopped")
        for state in states or usual:
            self._note_run(run, state)

    def _seconds(self, run: _Run) -> float:
        return round(((run.end or self.clock.now()) - run.start).total_seconds(), 3)

    def _addresses(self, run: _Run, *names: str) -> Fields:
        """Return the URLs of HLS, by their names; before 2025 there was one."""
        files = {"livestreamUrl": "live.m3u8"}
        return {
            name: f"{CDN}/meetings-hls/{run.name}/{files.get(name, 'index.m3u8')}"
            for name in (("downstreamUrl",) if self.before_2025 else names)
        }

    def _shown_run(self, run: _Run) -> Fields:
        session = run.session
        shown: Fields = {"roomId": session.room.room_id, "sessionId": session.id, "id": run.id}
        times = {"start": milliseconds(run.start), "end": _or_null(run.end)}
        if run.kind is RTMP_OUT:
            return {**shown, **times, "outputs": run.settings["outputs"]}
        if run.kind is RECORDING:
            return {**shown, **self._shown_recording(run)}
        return {
            **shown,
            **times,
            "duration": self._seconds(run),
            "links": _links(session.room, session),
            **self._addresses(run, "playbackHlsUrl"),
        }

    def _shown_recording(self, run: _Run) -> Fields:
        shown: Fields = {
            "userId": self.user_id,
            "createdAt": milliseconds(run.start),
            "updatedAt": milliseconds(run.written_at or run.end or run.start),
        }
        if run.written_at is None:
            return shown
        file_id = run.id[::-1]
        format = run.settings.get("fileFormat", "mp4")
        return {
            **shown,
            "fileId": file_id,
            "file": {
                "meta": {
                    "resolution": {"width": 1920, "height": 1080},
                    "format": "mov,mp4,m4a,3gp,3g2,mj2" if format == "mp4" else "matroska,webm",
                    "duration": self._seconds(run),
                },
                **self._file(run),
                "size": 17023255,
                "type": "video",
                "userStorage": None,
                "createdAt": milliseconds(run.written_at),
                "updatedAt": milliseconds(run.written_at),
                "ratio": {"1080": 309204.523},
                "id": file_id,
            },
        }

    def _file(self, run: _Run) -> Fields:
        path = f"uploads/videos/{run.id[::-1]}.{run.settings.get('fileFormat', 'mp4')}"
        return {"filePath": path, "fileUrl": f"{CDN}/{path}"}

    def _page(
        self,
        request: Request,
        kind: str,
        items: list[Any],
        shown: Callable[[Any], Fields],
        required: tuple[str, ...] = (),
    ) -> Any:
        parameters.check_query(request, parameters.QUERY[kind], required)
        page = count(request, "page", 1)
        size = min(count(request, "perPage", 20), self.page_size)
        if self.list_shape == "bare":
            return [shown(each) for each in items]
        data = [shown(each) for each in items[(page - 1) * size : page * size]]
        last, total = max(1, -(-len(items) // size)), len(items)
        if self.list_shape == "pagination":
            pages = {"page": page, "perPage": size, "totalPages": last, "total": total}
            return {"pagination": pages, "data": data}
        pages = {"currentPage": page, "perPage": size, "lastPage": last, "total": total}
        return {"pageInfo": pages, kind if self.list_shape == "named" else "data": data}

    # -- WHIP -------------------------------------------------------------------------------

    def publish(self, request: Request) -> Response:
        """Let a participant join by WHIP; encoders send the token with the prefix ``Bearer``."""
        try:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            claims = self.admit(request, "crawler", "rtc", token=token)
            names = ("roomId", "participantId", "displayName", "useExistingPeer")
            parameters.check_query(request, names, ("roomId",))
            room = self._room(request, request.args["roomId"], "room_id")
            id = request.args.get("participantId", f"whip-{uuid.uuid4()}")
            if claims.get("participantId", id) != id:
                raise Refused(403, "Token is for another participant")
            if request.mimetype != "application/sdp" or not request.get_data().startswith(b"v=0"):
                raise Refused(400, "the body must be an SDP offer")
            again = request.args.get("useExistingPeer", "false")
            if again not in ("true", "false"):
                raise Refused(400, '"useExistingPeer" must be a boolean')
            session = self._join(
                room, id, request.args.get("displayName", id), is_again=again == "true"
            )
        except Refused as refused:
            return refused.response()
        location = f"/v2/whip/sessions/{session.id}?{urlencode({'participantId': id})}"
        answer = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
        return Response(answer, 201, headers={"Location": location}, content_type="application/sdp")

    @_api
    def unpublish(self, request: Request, id: str) -> str:
        """Let a participant leave that publishes by WHIP."""
        parameters.check_query(request, ("participantId", "displayName"), ("participantId",))
        session = self._sessions.get(id)
        if session is not None:
            self._scoped(request, session.room)
            for each in session.present:
                if each.id == request.args["participantId"]:
                    self._leave(session, each)
                    return ""
        raise self._missing("WHIP session")

    def _join(self, room: _Room, id: str, name: str, *, is_again: bool = False) -> _Session:
        if room.is_disabled:
            raise self._conflict("Room is disabled")
        if id not in room.settings.get("allowedParticipantIds", [id]):
            raise Refused(403, "Participant is not allowed in this room")
        session, now = self._ongoing(room), self.clock.now()
        known = [each for each in session.participants if each.id == id] if session else []
        if session is not None and known and known[0].is_present:
            if not is_again:
                raise self._conflict("Participant is in the room already")
            return session
        present = sum(len(each.present) for each in self._sessions.values())
        if present >= self.limits["participants"]:
            raise Refused(self.limit_status, "You have reached the maximum participant limit")
        is_new = session is None
        if session is None:
            session = _Session(secrets.token_hex(12), room, now)
            self._sessions[session.id] = session
            self._note("session-started", session, start=_in_webhook(now))
        if known:
            known[0].times.append([now, None])
        else:
            known = [_Participant(id, name, [[now, None]])]
            session.participants += known
        self._note_participant(session, known[0], "joined")
        if is_new:
            self._start_automatically(session)
        return session

    def _start_automatically(self, session: _Session) -> None:
        for kind in (RECORDING, HLS):
            settings = session.room.settings.get("autoStartConfig", {}).get(kind.event)
            if settings is not None and len(self._running(kind)) < self.limits[kind.path]:
                self._start(kind, session, settings)

    def _leave(self, session: _Session, participant: _Participant) -> None:
        participant.times[-1][1] = now = self.clock.now()
        self._note_participant(session, participant, "left")
        if not session.present:
            self._end_session(session, now)

    def _end_session(self, session: _Session, at: datetime | None = None) -> None:
        now = at or self.clock.now()
        for run in list(self._runs.values()):
            if run.session is session and run.end is None:
                self._end(run, at=now)
        session.end = now
        for each in session.present:
            each.times[-1][1] = now
            self._note_participant(session, each, "left")
        times = {"start": _in_webhook(session.start), "end": _in_webhook(now)}
        self._note("session-ended", session, **times)
        close = session.room.settings.get("autoCloseConfig", {})
        if close.get("type") == "session-end-and-deactivate":
            self._deactivate(session.room)

    def _settle(self) -> None:
        """Apply what has become due: HLS is playable, sessions have their longest duration."""
        now = self.clock.now()
        for run in self._running(HLS):
            if not run.is_playable and run.start + timedelta(seconds=self.boot_seconds) <= now:
                run.is_playable = True
                self._note_run(run, "playable")
        for session in [each for each in self._sessions.values() if each.end is None]:
            close = session.room.settings.get("autoCloseConfig", {})
            seconds = (
                close["duration"] * self.seconds_per_duration
                if "duration" in close
                else _DURATION * 60
            )
            if session.start + timedelta(seconds=seconds) <= now:
                self._end_session(session)

    def pass_time(self) -> None:
        """Apply what has become due."""
        self._settle()

    # -- webhooks ---------------------------------------------------------------------------

    def read_public_key(self, request: Request) -> Response:
        """Return the key that verifies deliveries; this needs no token."""
        return json_response({"publicKey": self.public_key()})

    def public_key(self) -> str:
        """Return the key that verifies deliveries, in PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        form = PublicFormat.PKCS1 if self.key_form == "pkcs1" else PublicFormat.SubjectPublicKeyInfo
        text: str = _key(self._key_name).public_key().public_bytes(Encoding.PEM, form).decode()
        # The text that is published in PKCS #1 begins with a line break.
        return f"\n{text}" if self.key_form == "pkcs1" else text

    def rotate_key(self) -> None:
        """Sign with a new key from now on."""
        with self.lock:
            self._key_name += " and the next"

    def _body(self, type: str, session: _Session, **data: Any) -> bytes:
        """Return a body, which has no ID, no time of sending, and no name of the account."""
        shown = {"meetingId": session.room.room_id, "sessionId": session.id, **data}
        body = {"webhookType": type, "data": shown}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    def _note(self, type: str, session: _Session, *, to: str | None = None, **data: Any) -> None:
        body = self._body(type, session, **data)
        hook = session.room.settings.get("webhook", {"endPoint": None, "events": []})
        covered = any(parameters.covers(each, type) for each in hook["events"])
        for url in (hook["endPoint"] if covered else None, to):
            if url is not None:
                self.events.append(Delivery(type, session.room.room_id, url, body, self._key_name))
                self.send_webhook(lambda: body, lambda *_: sign(body, self._key_name))

    def _note_participant(self, session: _Session, participant: _Participant, state: str) -> None:
        who = {"participantId": participant.id, "participantName": participant.name}
        self._note(f"participant-{state}", session, **who)

    def _note_run(self, run: _Run, state: str) -> None:
        self._note(
            f"{run.kind.event}-{state}",
            run.session,
            to=run.settings.get("webhookUrl"),
            **self._told(run, state),
        )

    def _told(self, run: _Run, state: str) -> Fields:
        if run.kind is HLS and state in ("started", "playable"):
            return self._addresses(run, "playbackHlsUrl")
        return self._file(run) if run.kind is RECORDING and state == "stopped" else {}

    def deliveries(self, type: str | None = None, id: str | None = None) -> list[Delivery]:
        """Return the deliveries of a type such as ``"hls-started"``, about a room."""
        with self.lock:
            self._settle()
            return [
                each
                for each in self.events
                if type in (None, each.type) and id in (None, each.room_id)
            ]

    def webhook(
        self,
        id: str,
        *,
        secret: str | None = None,
        type: str | None = None,
        body: bytes | None = None,
    ) -> tuple[dict[str, str], bytes]:
        """Return the headers and body of a delivery about a room as it is now.

        Args:
            id: The ID of the room.
            secret: With any other than :attr:`webhook_secret`, a forger's key signs it.
            type: The type. Defaults to that of the event that led to the current state.
            body: The body to sign. Defaults to the one of that type.

        Raises:
            ValueError: If there is no such room.
        """
        with self.lock:
            room = self._known(id)
            # A room without a session has no events: this is what its first one will be.
            never = _Session(room.id[::-1], room, room.created_at)
            session = self._last_session(room) or never
            runs = [each for each in self._runs.values() if each.session is session]
            type = type or _latest(session, runs)
            is_own = secret in (None, self.webhook_secret)
            key = self._key_name if is_own else "the key of a forger"
            if body is None:
                body = self._body(type, session, **self._data(type, session, runs))
            return sign(body, key), body

    def _data(self, type: str, session: _Session, runs: list[_Run]) -> Fields:
        group, _, state = type.rpartition("-")
        mine = [each for each in runs if each.kind.event == group]
        if mine:
            return self._told(mine[-1], state)
        if group == "participant" and session.participants:
            last = session.participants[-1]
            return {"participantId": last.id, "participantName": last.name}
        if group != "session":
            return {}
        times = {"start": _in_webhook(session.start)}
        if state == "ended":
            times["end"] = _in_webhook(session.end or self.clock.now())
        return times

    # -- the world --------------------------------------------------------------------------

    def shown(self, id: str) -> Fields:
        """Return a room, a session, or what runs in one, as the API currently shows it.

        Raises:
            ValueError: If it does not exist.
        """
        with self.lock:
            self._settle()
            if id in self._sessions:
                return self._shown_session(self._sessions[id])
            if id in self._runs:
                return self._shown_run(self._runs[id])
            return self._shown_room(self._known(id))

    def running_ids(self, id: str, kind: str = "hls") -> list[str]:
        """Return the IDs of what is running in a room.

        Args:
            id: An ID of the room.
            kind: ``"hls"``, ``"livestreams"``, or ``"recordings"``.

        Raises:
            ValueError: If the room does not exist.
        """
        with self.lock:
            return [each.id for each in self._running(_KINDS[kind], self._known(id))]

    def _known(self, id: str) -> _Room:
        self._settle()
        if id not in self._names:
            raise ValueError(f"the room {id} does not exist")
        return self._names[id]

    def encoder_connects(self, id: str) -> None:
        """Let one more participant join by WHIP; the first one begins a session.

        Raises:
            ValueError: If the room does not exist, is disabled, or is full.
        """
        with self.lock:
            name = f"whip-{uuid.uuid4()}"
            try:
                self._join(self._known(id), name, name)
            except Refused as refused:
                raise ValueError(str(refused)) from None

    def encoder_drops(self, id: str) -> None:
        """Let the participant leave that joined last.

        Raises:
            ValueError: If the room does not exist, or is empty.
        """
        with self.lock:
            session = self._ongoing(self._known(id))
            if session is None:
                raise ValueError(f"no participant is in the room {id}")
            self._leave(session, session.present[-1])

    def recording_ready(self, id: str) -> None:
        """Write the file of the recording that ended last.

        Without a recording, HLS that ended stands for it: its playlist is the recording at once.

        Raises:
            ValueError: If the room does not exist, or nothing that ended is unfinished.
        """
        with self.lock:
            room = self._known(id)
            for kind in (RECORDING, HLS):
                for run in reversed(self._runs.values()):
                    is_done = run.end is not None and run.written_at is None
                    if run.kind is kind and run.session.room is room and is_done:
                        run.written_at = self.clock.now()
                        if kind is RECORDING:
                            self._note_run(run, "stopped")
                        return
            raise ValueError(f"there is no recording of {id} to finish")

    def fail_hls(self, id: str) -> None:
        """End HLS by a failure, which only a webhook tells.

        Raises:
            ValueError: If the room does not exist, or has no HLS.
        """
        with self.lock:
            running = self._running(HLS, self._known(id))
            if not running:
                raise ValueError(f"no HLS is running in {id}")
            self._end(running[-1], "failed")


def _are_of(values: Any, known: set[str]) -> bool:
    return isinstance(values, list) and values != [] and all(each in [*known] for each in values)


def _new_room_id() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def _status(session: _Session) -> str:
    return "ongoing" if session.end is None else "ended"


def _latest(session: _Session, runs: list[_Run]) -> str:
    if session.end is not None:
        return "session-ended"
    hls = [each for each in runs if each.kind is HLS]
    if not hls:
        return "session-started"
    return "hls-started" if hls[-1].end is None else "hls-stopped"


def _links(room: _Room, session: _Session | None = None) -> Fields:
    return {
        "get_room": f"{API}/rooms/{room.room_id}",
        "get_session": f"{API}/sessions/{session.id if session else ''}",
    }


def _in_old_naming(shown: Fields) -> Fields:
    """Return the same with the names that rooms had when they were meetings."""
    old = {"roomId": "meetingId", "customRoomId": "userMeetingId"}
    return {old.get(name, name): value for name, value in shown.items()}


def _or_null(at: datetime | None) -> str | None:
    return None if at is None else milliseconds(at)


def _in_webhook(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _epoch(request: Request, name: str) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refused(400, f'"{name}" must be milliseconds')
    return int(text)
