"""The vendor of ``memory``: small, without quirks, and an emulator like any other."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ClassVar

import attrs

import livestream_core as live
from livestream_core.emulator import (
    Emulator,
    EmulatorClock,
    Request,
    Response,
    Route,
    json_response,
)

from .._public import publish
from .accounts import DEFAULT_ACCOUNT
from .adapter import (
    DEFAULT_TOKEN,
    FIELDS,
    LARGEST_PAGE,
    SETTINGS,
    SIGNATURE_HEADER,
    STATUS_WORDS,
    TIMESTAMP_HEADER,
    as_json,
    signature,
)

_S = live.Status
_R = live.RecordingStatus

_REPORTED = frozenset(STATUS_WORDS.values())
#: Until it is on air, everything about a stream can be changed; later, not how it is made.
BEFORE_AIR = frozenset(each for each in _REPORTED if each.can_become(_S.CANCELLED))
#: From which statuses each call, and each thing that the world does, is possible.
POSSIBLE: dict[str, frozenset[live.Status]] = {
    "started": frozenset({_S.SCHEDULED}),
    "stopped": frozenset(each for each in _REPORTED if each.is_active),
    "called off": BEFORE_AIR,
    "published to": frozenset({_S.READY, _S.INTERRUPTED}),
    "dropped by its encoder": frozenset({_S.LIVE}),
    "recorded": frozenset({_S.PROCESSING}),
    "failed": frozenset(each for each in _REPORTED if not each.is_final),
}
FIXED_ON_AIR = frozenset({"scheduled_start", *SETTINGS})
#: An encoder may connect, or is connected.
OPEN = frozenset({_S.READY, _S.LIVE, _S.INTERRUPTED})

_FILTERS = {"status", "tag", "starts_after", "starts_before"}
_WEBHOOK_SECRET = "memory-webhook-5b90ae"  # noqa: S105


class _Refusal(Exception):
    """An answer other than 2xx, raised from wherever the reason is found."""

    def __init__(self, code: int, message: str, besides: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.response = json_response({"error": {"message": message}, **(besides or {})}, code)


class _Invalid(_Refusal):
    """A 400 with the message at the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(400, f"{field}: {problem}", {field: [problem]})


@attrs.define(slots=True)
class _Stream:
    """A stream, and how it is until the clock has moved on far enough."""

    id: str
    number: int
    spec: live.StreamSpec
    status: live.Status
    created_at: datetime
    updated_at: datetime
    stream_key: str
    #: When the server is up, or the recording made.
    done_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    publishing_since: datetime | None = None
    on_air: timedelta = timedelta()
    trim: live.Trim | None = None

    @property
    def is_recorded(self) -> bool:
        return self.spec.record is not False


def _api(handler: Callable[..., Response]) -> Callable[..., Response]:
    """An endpoint that needs a session."""

    @wraps(handler)
    def guarded(self: MemoryVendor, request: Request, **values: str) -> Response:
        try:
            self._authenticate(request)
            return handler(self, request, **values)
        except _Refusal as refusal:
            return refusal.response

    return guarded


class MemoryVendor(Emulator):
    """A vendor with one account, as ``connect("memory")`` reaches it.

    ``clock`` is a :class:`ManualClock` where the vendor was made by :func:`vendor` or a fixture,
    and runs with the machine's where it was made by hand.

    Attributes:
        account: The account's name.
        token: What signs in.
        webhook_secret: What deliveries are signed with.
    """

    provider = "memory"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/v1/login", "login"),
        Route("POST", "/v1/logout", "logout"),
        Route("POST", "/v1/streams", "create"),
        Route("GET", "/v1/streams", "list_streams"),
        Route("GET", "/v1/streams/<id>", "read"),
        Route("PATCH", "/v1/streams/<id>", "change"),
        Route("DELETE", "/v1/streams/<id>", "remove"),
        Route("POST", "/v1/streams/<id>/start", "start"),
        Route("POST", "/v1/streams/<id>/stop", "stop"),
        Route("POST", "/v1/streams/<id>/cancel", "cancel"),
    )

    def __init__(
        self,
        *,
        boot_seconds: float = 20.0,
        recording_seconds: float = 120.0,
        session_seconds: int = 3600,
        page_size: int = LARGEST_PAGE,
        account: str = DEFAULT_ACCOUNT,
        clock: EmulatorClock | live.ManualClock | None = None,
    ) -> None:
        """Args:
        boot_seconds: How long a server needs to come up.
        recording_seconds: How long a recording is made after the end of a stream.
        session_seconds: How long a session lasts.
        page_size: Streams on a page, at most; a small one forces several pages.
        account: The account's name.
        clock: The vendor's time; by default it runs with the machine's.
        """
        super().__init__(boot_seconds=boot_seconds)
        if clock is not None:
            self.clock = clock
        self.recording_seconds = recording_seconds
        self.session_seconds = session_seconds
        self.page_size = page_size
        self.account = account
        self.token: str = DEFAULT_TOKEN
        self.webhook_secret: str = _WEBHOOK_SECRET
        self._sessions: dict[str, datetime] = {}
        self._streams: dict[str, _Stream] = {}
        self._folders: dict[str, str] = {}
        self._number = 0

    def options(self) -> dict[str, Any]:
        """Options for ``connect``: the account, its token, and the webhook's secret."""
        return {
            "account": self.account,
            "token": self.token,
            "webhook_secret": self.webhook_secret,
        }

    # -- sessions ---------------------------------------------------------------------------

    def login(self, request: Request) -> Response:
        """A token for a session."""
        try:
            body = _object(request)
            if (body.get("account"), body.get("token")) != (self.account, self.token):
                raise _Refusal(403, "the account or its token is not known")
        except _Refusal as refusal:
            return refusal.response
        session = secrets.token_hex(16)
        self._sessions[session] = self.clock.now() + timedelta(seconds=self.session_seconds)
        return json_response({"token": session, "expires_in": self.session_seconds})

    @_api
    def logout(self, request: Request) -> Response:
        """Ends the session of the request."""
        del self._sessions[_bearer(request)]
        return Response(status=204)

    def end_sessions(self) -> None:
        """Makes every session invalid, as a vendor may at any time: clients sign in again."""
        with self.lock:
            self._sessions.clear()

    @property
    def open_sessions(self) -> int:
        """How many sessions are good now."""
        with self.lock:
            return sum(self.clock.now() < ends_at for ends_at in self._sessions.values())

    def _authenticate(self, request: Request) -> None:
        ends_at = self._sessions.get(_bearer(request))
        if ends_at is None or self.clock.now() >= ends_at:
            raise _Refusal(401, "there is no such session, or it is over")

    # -- streams ----------------------------------------------------------------------------

    @_api
    def create(self, request: Request) -> Response:
        """Makes a stream; without a schedule its server boots at once."""
        spec = _spec(_object(request))
        self._number += 1
        now = self.clock.now()
        stream = _Stream(
            id=f"stream-{self._number}",
            number=self._number,
            spec=spec,
            status=_S.SCHEDULED,
            created_at=now,
            updated_at=now,
            stream_key=f"memory-key-{secrets.token_hex(8)}",
        )
        if spec.scheduled_start is None:
            self._boot(stream)
        self._streams[stream.id] = stream
        return json_response(self._shown(stream), 201)

    @_api
    def list_streams(self, request: Request) -> Response:
        """A page, the oldest first. A cursor stays good whatever is made or deleted meanwhile."""
        size = _whole(request, "size", LARGEST_PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise _Invalid("size", f"must be between 1 and {LARGEST_PAGE}")
        size = min(size, self.page_size)
        after = _whole(request, "cursor", 0)
        matches = _filter(request.args)
        streams = [shown for each in self._streams.values() if matches(shown := self._shown(each))]
        left = [each for each in streams if self._streams[each["id"]].number > after]
        page = left[:size]
        last = self._streams[page[-1]["id"]].number if len(left) > size else None
        return json_response(
            {
                "items": page,
                "next": None if last is None else str(last),
                "total": len(streams),
            }
        )

    @_api
    def read(self, request: Request, id: str) -> Response:
        """One stream."""
        return json_response(self._shown(self._asked(id)))

    @_api
    def change(self, request: Request, id: str) -> Response:
        """Changes the fields that are given; null clears."""
        stream, changes = self._asked(id), _object(request)
        self._settle(stream)
        fixed = FIXED_ON_AIR.intersection(changes)
        if fixed and stream.status not in BEFORE_AIR:
            raise _conflict(stream, f"{' and '.join(sorted(fixed))} cannot be changed")
        stream.spec = _spec({**stream.spec.to_dict(secrets=True), **changes})
        stream.updated_at = self.clock.now()
        return json_response(self._shown(stream))

    @_api
    def remove(self, request: Request, id: str) -> Response:
        """Deletes a stream and its recording."""
        del self._streams[self._asked(id).id]
        return Response(status=204)

    @_api
    def start(self, request: Request, id: str) -> Response:
        """Boots the server of a scheduled stream."""
        stream = self._asked(id, to_be="started")
        self._boot(stream)
        return json_response(self._shown(stream))

    @_api
    def stop(self, request: Request, id: str) -> Response:
        """Ends a stream. If it was on air and is recorded, its recording is made now."""
        trim = _trim(_object(request).get("trim"))
        stream = self._asked(id, to_be="stopped")
        now = self.clock.now()
        self._unpublish(stream)
        stream.trim = trim
        stream.ended_at = now
        if stream.started_at is not None and stream.is_recorded:
            self._become(stream, _S.PROCESSING, now)
            stream.done_at = now + timedelta(seconds=self.recording_seconds)
        else:
            self._become(stream, _S.ENDED, now)
        return json_response(self._shown(stream))

    @_api
    def cancel(self, request: Request, id: str) -> Response:
        """Calls a stream off."""
        stream = self._asked(id, to_be="called off")
        self._become(stream, _S.CANCELLED, self.clock.now())
        return json_response(self._shown(stream))

    def _asked(self, id: str, *, to_be: str | None = None) -> _Stream:
        """The stream that a request is about."""
        stream = self._streams.get(id)
        if stream is None:
            kind = "a folder, not a live stream" if id in self._folders else "not known"
            raise _Refusal(404, f"{id} is {kind}")
        self._settle(stream)
        if to_be is not None and stream.status not in POSSIBLE[to_be]:
            raise _conflict(stream, f"it cannot be {to_be}")
        return stream

    # -- what the world does ----------------------------------------------------------------

    def encoder_connects(self, id: str) -> None:
        """An encoder begins to publish: the stream is live.

        Raises:
            ValueError: Its server is not up, or another encoder publishes to it.
        """
        with self.lock:
            stream = self._known(id, to_be="published to")
            now = self.clock.now()
            stream.publishing_since = now
            stream.started_at = stream.started_at or now
            self._become(stream, _S.LIVE, now)

    def encoder_drops(self, id: str) -> None:
        """The encoder's connection is lost: the stream is interrupted until one connects again.

        Raises:
            ValueError: No encoder publishes to it.
        """
        with self.lock:
            stream = self._known(id, to_be="dropped by its encoder")
            self._unpublish(stream)
            self._become(stream, _S.INTERRUPTED, self.clock.now())

    def recording_ready(self, id: str) -> None:
        """The recording is made, sooner than the clock would have it.

        Raises:
            ValueError: None is being made.
        """
        with self.lock:
            self._become(self._known(id, to_be="recorded"), _S.ENDED, self.clock.now())

    def stream_fails(self, id: str) -> None:
        """Something breaks at the vendor: the stream failed.

        Raises:
            ValueError: It is over already.
        """
        with self.lock:
            stream = self._known(id, to_be="failed")
            self._unpublish(stream)
            stream.ended_at = stream.ended_at or self.clock.now()
            self._become(stream, _S.FAILED, self.clock.now())

    def add_folder(self, title: str = "Maths") -> str:
        """Makes a folder, whose id is not that of a live stream, and gives that id."""
        with self.lock:
            self._number += 1
            id = f"folder-{self._number}"
            self._folders[id] = title
            return id

    def other_ids(self) -> list[str]:
        """Ids of things that are no live streams: of the folders, one being made if need be."""
        with self.lock:
            return list(self._folders) or [self.add_folder()]

    def webhook(self, id: str, *, secret: str | None = None) -> tuple[dict[str, str], bytes]:
        """Headers and body of a delivery: about a stream as it is now, or about a folder.

        Args:
            id: The stream, or the folder.
            secret: What it is signed with; by default :attr:`webhook_secret`.

        Raises:
            ValueError: There is neither.
        """
        with self.lock:
            now = self.clock.now()
            event: dict[str, Any] = {"occurred_at": now.isoformat()}
            if id in self._folders:
                event |= {
                    "type": "folder.changed",
                    "data": {"object": "folder", "id": id, "title": self._folders[id]},
                }
            else:
                event |= {"type": "live_stream.changed", "data": self._shown(self._known(id))}
        body = json.dumps(event, ensure_ascii=False).encode()
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature(secret or self.webhook_secret, timestamp, body),
        }
        return headers, body

    def _known(self, id: str, *, to_be: str | None = None) -> _Stream:
        """The stream that something happens to."""
        stream = self._streams.get(id)
        if stream is None:
            raise ValueError(f"{id} is no live stream")
        self._settle(stream)
        if to_be is not None and stream.status not in POSSIBLE[to_be]:
            raise ValueError(f"{id} cannot be {to_be}: it is {stream.status}")
        return stream

    # -- how streams move -------------------------------------------------------------------

    def _boot(self, stream: _Stream) -> None:
        now = self.clock.now()
        self._become(stream, _S.STARTING, now)
        stream.done_at = now + timedelta(seconds=self.boot_seconds)

    def _become(self, stream: _Stream, status: live.Status, at: datetime) -> None:
        stream.status, stream.updated_at, stream.done_at = status, at, None

    def _unpublish(self, stream: _Stream) -> None:
        if stream.publishing_since is not None:
            stream.on_air += self.clock.now() - stream.publishing_since
            stream.publishing_since = None

    def _settle(self, stream: _Stream) -> None:
        """Lets happen what the time alone brings about."""
        if stream.done_at is not None and self.clock.now() >= stream.done_at:
            following = _S.READY if stream.status is _S.STARTING else _S.ENDED
            self._become(stream, following, stream.done_at)

    # -- how they are shown -----------------------------------------------------------------

    def _shown(self, stream: _Stream) -> dict[str, Any]:
        self._settle(stream)
        spec, id = stream.spec, stream.id
        watch = f"https://watch.memory.example/{id}"
        playbacks = [spec.playback_url or f"{watch}/index.m3u8"]
        if spec.playback_url is None:
            playbacks.append(f"{watch}/index.mpd")
        return {
            # What a spec's options bring is kept, and shown as it was given.
            **spec.options.reveal(),
            **{name: as_json(getattr(spec, name)) for name in FIELDS},
            "object": "live_stream",
            "id": id,
            "status": stream.status.value,
            "started_at": as_json(stream.started_at),
            "ended_at": as_json(stream.ended_at),
            "created_at": as_json(stream.created_at),
            "updated_at": as_json(stream.updated_at),
            "ingests": [
                {"url": "rtmp://ingest.memory.example/live", "stream_key": stream.stream_key}
            ]
            if stream.status in OPEN
            else [],
            "playbacks": playbacks,
            "record": stream.is_recorded,
            "recording": self._recording(stream),
            "recording_drm": bool(spec.recording_drm),
            "chat_url": f"https://chat.memory.example/{id}",
            "latency": (spec.latency or live.Latency.NORMAL).value,
            "trim": stream.trim and stream.trim.to_dict(),
        }

    def _recording(self, stream: _Stream) -> dict[str, Any] | None:
        if stream.started_at is None or not stream.is_recorded:
            return None
        status = {_S.PROCESSING: _R.PROCESSING, _S.ENDED: _R.READY, _S.FAILED: _R.FAILED}.get(
            stream.status, _R.PENDING
        )
        is_ready = status is _R.READY
        watch = f"https://watch.memory.example/{stream.id}/recording"
        return {
            "status": status.value,
            "url": f"{watch}.m3u8" if is_ready else None,
            "dash_url": f"{watch}.mpd" if is_ready else None,
            "duration": _kept(stream) if is_ready else None,
        }


def _kept(stream: _Stream) -> float:
    """Seconds of the recording: what was on air, or as much of it as the trim keeps."""
    on_air = stream.on_air.total_seconds()
    if stream.trim is None or stream.started_at is None:
        return on_air
    kept = stream.trim.to_relative(stream.started_at)
    start, end = kept.unix_times()
    return max(0.0, min(on_air, end) - start)


def _conflict(stream: _Stream, problem: str) -> _Refusal:
    word = stream.status.value
    return _Refusal(409, f"{problem}: it is {word}", {"status": word})


# -- reading requests ---------------------------------------------------------------------------


def _bearer(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _object(request: Request) -> dict[str, Any]:
    body = request.get_json(silent=True) if request.get_data() else {}
    if not isinstance(body, dict):
        raise _Refusal(400, "the body is not a JSON object")
    return body


def _whole(request: Request, name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _Invalid(name, "is not a whole number")
    return int(text)


def _spec(body: Mapping[str, Any]) -> live.StreamSpec:
    """What a stream is to be; what is not among the model's fields is among its options."""
    options = dict(body.get("options") or {})
    options |= {name: value for name, value in body.items() if name not in (*FIELDS, "options")}
    fields = {name: body[name] for name in FIELDS if body.get(name) is not None}
    try:
        return live.StreamSpec.from_dict({**fields, "options": options})
    except live.InvalidInput as error:
        raise _Invalid(error.field or "title", error.message) from None


def _trim(value: Any) -> live.Trim | None:
    if value is None:
        return None
    try:
        return live.Trim.from_dict(value)
    except live.InvalidInput as error:
        raise _Invalid("trim", str(error)) from None


def _filter(args: Mapping[str, str]) -> Callable[[dict[str, Any]], bool]:
    """Whether a stream, as it is shown, passes a request's filters."""
    given = {name: args[name] for name in _FILTERS if name in args}
    if (word := given.get("status")) is not None and word not in STATUS_WORDS:
        raise _Invalid("status", "is no status")
    bounds = {}
    for name in ("starts_after", "starts_before"):
        try:
            bounds[name] = live.parse_instant(given[name]) if name in given else None
        except live.InvalidInput as error:
            raise _Invalid(name, error.message) from None
    after, before = bounds["starts_after"], bounds["starts_before"]

    def matches(shown: dict[str, Any]) -> bool:
        text = shown["scheduled_start"]
        start = text and live.parse_instant(text)
        return (
            given.get("status") in (None, shown["status"])
            and ("tag" not in given or given["tag"] in shown["tags"])
            and (after is None or (bool(start) and start >= after))
            and (before is None or (bool(start) and start < before))
        )

    return matches


publish("livestream_core.memory", [MemoryVendor])
