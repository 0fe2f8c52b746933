"""The vendor of ``memory``: a small emulator without quirks."""

from __future__ import annotations

import bisect
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial, wraps
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
)

_S = live.Status
_R = live.RecordingStatus

_REPORTED = frozenset(STATUS_WORDS.values())
#: The statuses before a stream goes live, in which all of its fields can be changed. Later, the
#: fields in FIXED_ON_AIR cannot.
BEFORE_AIR = frozenset(each for each in _REPORTED if each.can_become(_S.CANCELLED))
#: An encoder may connect, or is connected.
OPEN = frozenset({_S.READY, _S.LIVE, _S.INTERRUPTED})
#: The statuses in which each operation, and each outside event, is possible.
POSSIBLE: dict[str, frozenset[live.Status]] = {
    "be started": frozenset({_S.SCHEDULED}),
    "get a new key": OPEN,
    "be disabled": frozenset(each for each in _REPORTED if each.can_become(_S.DISABLED)),
    "be enabled": frozenset({_S.DISABLED}),
    "be stopped": frozenset(each for each in _REPORTED if each.is_active),
    "be cancelled": BEFORE_AIR,
    "accept an encoder": frozenset({_S.READY, _S.INTERRUPTED}),
    "lose its encoder": frozenset({_S.LIVE}),
    "finish its recording": frozenset({_S.PROCESSING}),
    "fail": frozenset(each for each in _REPORTED if not each.is_final),
}
FIXED_ON_AIR = frozenset({"scheduled_start", *SETTINGS})

_FILTERS = {"status", "tag", "starts_after", "starts_before", "reference"}
_WEBHOOK_SECRET = "memory-webhook-5b90ae"  # noqa: S105


class _Refusal(Exception):
    """A response other than 2xx, raised where the reason is found."""

    def __init__(self, code: int, message: str, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.response = json_response({"error": {"message": message}, **(extra or {})}, code)


class _Invalid(_Refusal):
    """A 400 response with a message for the invalid field."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(400, f"{field}: {problem}", {field: [problem]})


@attrs.define(slots=True)
class _Stream:
    """A stream. Its status is updated when a request or an event reads it."""

    id: str
    number: int
    spec: live.StreamSpec
    status: live.Status
    created_at: datetime
    updated_at: datetime
    stream_key: str
    #: When the server is ready, or the recording is finished.
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
    """Decorate the handler of an endpoint that requires a session."""

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

    ``clock`` is a :class:`ManualClock` if the vendor comes from :func:`vendor` or a fixture. If you
    create the vendor yourself, its clock follows the machine's by default.

    Attributes:
        account: The account's name.
        token: The API token.
        webhook_secret: The secret that signs webhook deliveries.
    """

    provider = "memory"
    without_media: ClassVar[None] = None
    sends_webhooks = True
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/v1/login", "login"),
        Route("POST", "/v1/logout", "logout"),
        Route("POST", "/v1/streams", "create"),
        Route("GET", "/v1/streams", "list_streams"),
        Route("GET", "/v1/streams/<id>", "read"),
        Route("PATCH", "/v1/streams/<id>", "change"),
        Route("DELETE", "/v1/streams/<id>", "remove"),
        Route("POST", "/v1/streams/<id>/start", "start"),
        Route("POST", "/v1/streams/<id>/reset_key", "reset_key"),
        Route("POST", "/v1/streams/<id>/disable", "disable"),
        Route("POST", "/v1/streams/<id>/enable", "enable"),
        Route("GET", "/v1/streams/<id>/recordings", "list_recordings"),
        Route("POST", "/v1/streams/<id>/stop", "stop"),
        Route("POST", "/v1/streams/<id>/cancel", "cancel"),
        Route("GET", "/v1/webhooks", "list_webhooks"),
        Route("POST", "/v1/webhooks", "register_webhook"),
        Route("DELETE", "/v1/webhooks/<id>", "remove_webhook"),
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
        """Create a vendor.

        Args:
            boot_seconds: The time that a server takes to start.
            recording_seconds: The time that a recording takes to finish after a stream has ended.
            session_seconds: The lifetime of a session.
            page_size: The maximum number of streams per page. A small number forces several pages.
            account: The account's name.
            clock: The vendor's clock. By default, it follows the machine's.
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
        self._webhooks: dict[str, dict[str, str]] = {}
        self._number = 0

    def options(self) -> dict[str, Any]:
        """Return the options for ``connect``: the account, the token, and the webhook secret."""
        return {
            "account": self.account,
            "token": self.token,
            "webhook_secret": self.webhook_secret,
        }

    def other_options(self) -> dict[str, Any]:
        """Return options of another account, to which this vendor refuses to connect."""
        return {**self.options(), "account": f"not-{self.account}"}

    # -- sessions ---------------------------------------------------------------------------

    def login(self, request: Request) -> Response:
        """Return a token for a new session."""
        try:
            body = _object(request)
            if (body.get("account"), body.get("token")) != (self.account, self.token):
                raise _Refusal(403, "unknown account or token")
        except _Refusal as refusal:
            return refusal.response
        session = secrets.token_hex(16)
        self._sessions[session] = self.clock.now() + timedelta(seconds=self.session_seconds)
        return json_response({"token": session, "expires_in": self.session_seconds})

    @_api
    def logout(self, request: Request) -> Response:
        """End the session of the request."""
        del self._sessions[_bearer(request)]
        return Response(status=204)

    def end_sessions(self) -> None:
        """Invalidate all sessions, as a vendor may at any time. Clients then sign in again."""
        with self.lock:
            self._sessions.clear()

    @property
    def open_sessions(self) -> int:
        """The number of valid sessions."""
        with self.lock:
            return sum(self.clock.now() < ends_at for ends_at in self._sessions.values())

    def _authenticate(self, request: Request) -> None:
        ends_at = self._sessions.get(_bearer(request))
        if ends_at is None or self.clock.now() >= ends_at:
            raise _Refusal(401, "the session is unknown or has expired")

    # -- streams ----------------------------------------------------------------------------

    @_api
    def create(self, request: Request) -> Response:
        """Create a stream. Without a schedule, its server starts at once."""
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
            stream_key=_new_key(),
        )
        self._streams[stream.id] = stream
        if spec.scheduled_start is None:
            self._boot(stream)
        else:
            self._note_change(stream)
        return json_response(self._shown(stream), 201)

    @_api
    def list_streams(self, request: Request) -> Response:
        """Return one page, oldest first. Cursors stay valid when streams are created or deleted."""
        size = _integer(request, "size", LARGEST_PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise _Invalid("size", f"must be between 1 and {LARGEST_PAGE}")
        size = min(size, self.page_size)
        after = _integer(request, "cursor", 0)
        matches = _filter(request.args)
        streams = [
            each
            for each in self._streams.values()
            # Without a filter, a page costs what its own streams cost, however many there are.
            if matches is None or matches(self._shown(each))
        ]
        first = bisect.bisect_right(streams, after, key=lambda each: each.number)
        page = streams[first : first + size]
        is_last = first + size >= len(streams)
        return json_response(
            {
                "items": [self._shown(each) for each in page],
                "next": None if is_last else str(page[-1].number),
                "total": len(streams),
            }
        )

    @_api
    def read(self, request: Request, id: str) -> Response:
        """Return one stream."""
        return json_response(self._shown(self._requested(id)))

    @_api
    def change(self, request: Request, id: str) -> Response:
        """Change the fields of a stream; null clears a field."""
        stream, changes = self._requested(id), _object(request)
        self._settle(stream)
        fixed = FIXED_ON_AIR.intersection(changes)
        if fixed and stream.status not in BEFORE_AIR:
            raise _conflict(stream, f"{' and '.join(sorted(fixed))} cannot be changed")
        stream.spec = _spec({**stream.spec.to_dict(secrets=True), **changes})
        stream.updated_at = self.clock.now()
        self._note_change(stream)
        return json_response(self._shown(stream))

    @_api
    def remove(self, request: Request, id: str) -> Response:
        """Delete a stream with its recording."""
        del self._streams[self._requested(id).id]
        return Response(status=204)

    @_api
    def start(self, request: Request, id: str) -> Response:
        """Start the server of a scheduled stream."""
        stream = self._requested(id, action="be started")
        self._boot(stream)
        return json_response(self._shown(stream))

    @_api
    def reset_key(self, request: Request, id: str) -> Response:
        """Replace the key of a stream."""
        stream = self._requested(id, action="get a new key")
        stream.stream_key, stream.updated_at = _new_key(), self.clock.now()
        self._note_change(stream)
        return json_response(self._shown(stream))

    @_api
    def disable(self, request: Request, id: str) -> Response:
        """Disable a stream, and disconnect its encoder."""
        stream = self._requested(id, action="be disabled")
        self._unpublish(stream)
        self._become(stream, _S.DISABLED, self.clock.now())
        return json_response(self._shown(stream))

    @_api
    def enable(self, request: Request, id: str) -> Response:
        """Enable a disabled stream."""
        stream = self._requested(id, action="be enabled")
        self._become(stream, _S.READY, self.clock.now())
        return json_response(self._shown(stream))

    @_api
    def list_recordings(self, request: Request, id: str) -> Response:
        """Return the recording of a stream, if it has one."""
        recording = self._recording(self._requested(id))
        return json_response({"items": [] if recording is None else [recording]})

    @_api
    def stop(self, request: Request, id: str) -> Response:
        """Stop a stream. If it was live and is recorded, its recording is processed now."""
        trim = _trim(_object(request).get("trim"))
        stream = self._requested(id, action="be stopped")
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
        """Cancel a stream that has not gone live."""
        stream = self._requested(id, action="be cancelled")
        self._become(stream, _S.CANCELLED, self.clock.now())
        return json_response(self._shown(stream))

    def _requested(self, id: str, *, action: str | None = None) -> _Stream:
        """Return the stream of a request, or raise a refusal."""
        stream = self._streams.get(id)
        if stream is None:
            problem = "a folder, not a live stream" if id in self._folders else "not known"
            raise _Refusal(404, f"{id} is {problem}")
        self._settle(stream)
        if action is not None and stream.status not in POSSIBLE[action]:
            raise _conflict(stream, f"the stream cannot {action}")
        return stream

    # -- webhooks ---------------------------------------------------------------------------

    @_api
    def list_webhooks(self, request: Request) -> Response:
        """Return all webhooks, with their secrets."""
        return json_response({"items": list(self._webhooks.values())})

    @_api
    def register_webhook(self, request: Request) -> Response:
        """Register a webhook. Deliveries to its URL are signed with its secret."""
        body = _object(request)
        for name in ("url", "secret"):
            if not isinstance(body.get(name), str) or not body[name].strip():
                raise _Invalid(name, "is missing")
        webhook = {
            "id": f"webhook-{secrets.token_hex(4)}",
            "url": body["url"],
            "secret": body["secret"],
        }
        self._webhooks[webhook["id"]] = webhook
        return json_response(webhook, 201)

    @_api
    def remove_webhook(self, request: Request, id: str) -> Response:
        """Delete a webhook."""
        if self._webhooks.pop(id, None) is None:
            raise _Refusal(404, f"{id} is not a webhook")
        return Response(status=204)

    # -- outside events ---------------------------------------------------------------------

    def encoder_connects(self, id: str) -> None:
        """Make the stream live, because an encoder starts to publish.

        Raises:
            ValueError: If the server is not ready, or another encoder is connected.
        """
        with self.lock:
            stream = self._known(id, action="accept an encoder")
            now = self.clock.now()
            stream.publishing_since = now
            stream.started_at = stream.started_at or now
            self._become(stream, _S.LIVE, now)

    def encoder_drops(self, id: str) -> None:
        """Interrupt the stream, because its encoder has disconnected.

        Raises:
            ValueError: If no encoder is connected.
        """
        with self.lock:
            stream = self._known(id, action="lose its encoder")
            self._unpublish(stream)
            self._become(stream, _S.INTERRUPTED, self.clock.now())

    def is_published(self, id: str) -> bool:
        """Return whether an encoder is connected to a stream."""
        with self.lock:
            return id in self._streams and self._known(id).publishing_since is not None

    def kept_part(self, id: str) -> tuple[float, float] | None:
        """Return the part of the recording that the stream's trim keeps."""
        with self.lock:
            stream = self._known(id)
            if stream.trim is None or stream.started_at is None:
                return None
            start, end = stream.trim.to_relative(stream.started_at).unix_times()
            return max(0.0, start), end

    def recording_ready(self, id: str) -> None:
        """Finish the recording before its time.

        Raises:
            ValueError: If no recording is in progress.
        """
        with self.lock:
            self._become(self._known(id, action="finish its recording"), _S.ENDED, self.clock.now())

    def stream_fails(self, id: str) -> None:
        """Make the stream fail, because of a problem at the vendor.

        Raises:
            ValueError: If the stream has already ended.
        """
        with self.lock:
            stream = self._known(id, action="fail")
            self._unpublish(stream)
            stream.ended_at = stream.ended_at or self.clock.now()
            self._become(stream, _S.FAILED, self.clock.now())

    def add_folder(self, title: str = "Maths") -> str:
        """Create a folder, and return its ID, which is not the ID of a live stream."""
        with self.lock:
            self._number += 1
            id = f"folder-{self._number}"
            self._folders[id] = title
            return id

    def other_ids(self) -> list[str]:
        """Return IDs that are not those of live streams: those of the folders, at least one."""
        with self.lock:
            return list(self._folders) or [self.add_folder()]

    def webhook(
        self, id: str, *, secret: str | None = None, body: bytes | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of a webhook delivery about a stream or a folder.

        Args:
            id: The ID of the stream or the folder.
            secret: The secret that signs the delivery. Defaults to :attr:`webhook_secret`.
            body: The body to sign. Defaults to the one about the current state.

        Raises:
            ValueError: If the ID is unknown.
        """
        with self.lock:
            now = self.clock.now()
            if id in self._folders:
                folder = {"object": "folder", "id": id, "title": self._folders[id]}
                about = _event("folder.changed", now, folder)
            else:
                about = _event("live_stream.changed", now, self._shown(self._known(id)))
        if body is None:
            body = about
        return _signed(secret or self.webhook_secret, body, now), body

    def _note_change(self, stream: _Stream) -> None:
        """Send a delivery about a stream to each webhook, because it has changed."""
        registered = [(each["url"], each["secret"]) for each in self._webhooks.values()]
        for url, secret in [(None, self.webhook_secret), *registered]:
            self.send_webhook(
                lambda: _event("live_stream.changed", self.clock.now(), self._shown(stream)),
                partial(_signed, secret),
                url=url,
            )

    def pass_time(self) -> None:
        """Apply the transitions that are due."""
        for stream in list(self._streams.values()):
            self._settle(stream)

    def _known(self, id: str, *, action: str | None = None) -> _Stream:
        """Return the stream of an outside event."""
        stream = self._streams.get(id)
        if stream is None:
            raise ValueError(f"{id} is not a live stream")
        self._settle(stream)
        if action is not None and stream.status not in POSSIBLE[action]:
            raise ValueError(f"{id} cannot {action}: its status is '{stream.status}'")
        return stream

    # -- transitions ------------------------------------------------------------------------

    def _boot(self, stream: _Stream) -> None:
        now = self.clock.now()
        self._become(stream, _S.STARTING, now)
        stream.done_at = now + timedelta(seconds=self.boot_seconds)

    def _become(self, stream: _Stream, status: live.Status, at: datetime) -> None:
        stream.status, stream.updated_at, stream.done_at = status, at, None
        self._note_change(stream)

    def _unpublish(self, stream: _Stream) -> None:
        if stream.publishing_since is not None:
            stream.on_air += self.clock.now() - stream.publishing_since
            stream.publishing_since = None

    def _settle(self, stream: _Stream) -> None:
        """Apply the transitions that are due."""
        if stream.done_at is not None and self.clock.now() >= stream.done_at:
            status = _S.READY if stream.status is _S.STARTING else _S.ENDED
            self._become(stream, status, stream.done_at)

    # -- responses --------------------------------------------------------------------------

    def _shown(self, stream: _Stream) -> dict[str, Any]:
        self._settle(stream)
        spec, id = stream.spec, stream.id
        watch, ingest = self._watch_url(id), "rtmp://ingest.memory.example/live"
        playbacks = [spec.playback_url or f"{watch}/index.m3u8"]
        if spec.playback_url is None:
            playbacks.append(f"{watch}/index.mpd")
        return {
            # The spec's options are stored and returned unchanged.
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
                {
                    "url": ingest if self.media is None else self.media.rtmp_url,
                    "stream_key": stream.stream_key,
                }
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

    def _watch_url(self, id: str) -> str:
        origin = "https://watch.memory.example" if self.media is None else self.media.http_url
        return f"{origin}/{id}"

    def _recording(self, stream: _Stream) -> dict[str, Any] | None:
        if stream.started_at is None or not stream.is_recorded:
            return None
        status = {_S.PROCESSING: _R.PROCESSING, _S.ENDED: _R.READY, _S.FAILED: _R.FAILED}.get(
            stream.status, _R.PENDING
        )
        is_ready = status is _R.READY
        watch = f"{self._watch_url(stream.id)}/recording"
        return {
            "id": f"{stream.id}-recording",
            "status": status.value,
            "started_at": as_json(stream.started_at),
            "ended_at": as_json(stream.ended_at),
            "url": f"{watch}.m3u8" if is_ready else None,
            "dash_url": f"{watch}.mpd" if is_ready else None,
            "duration": _duration(stream) if is_ready else None,
        }


def _duration(stream: _Stream) -> float:
    """Return the duration of the recording in seconds, after trimming."""
    on_air = stream.on_air.total_seconds()
    if stream.trim is None or stream.started_at is None:
        return on_air
    kept = stream.trim.to_relative(stream.started_at)
    start, end = kept.unix_times()
    return max(0.0, min(on_air, end) - start)


def _new_key() -> str:
    return f"memory-key-{secrets.token_hex(8)}"


def _conflict(stream: _Stream, problem: str) -> _Refusal:
    word = stream.status.value
    return _Refusal(409, f"{problem}: its status is '{word}'", {"status": word})


# -- reading requests ---------------------------------------------------------------------------


def _bearer(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _object(request: Request) -> dict[str, Any]:
    body = request.get_json(silent=True) if request.get_data() else {}
    if not isinstance(body, dict):
        raise _Refusal(400, "the body is not a JSON object")
    return body


def _integer(request: Request, name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _Invalid(name, "is not a whole number")
    return int(text)


def _spec(body: Mapping[str, Any]) -> live.StreamSpec:
    """Convert a body to a spec. Fields that the model does not have become options."""
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


def _filter(args: Mapping[str, str]) -> Callable[[dict[str, Any]], bool] | None:
    """Return a function that tells whether a stream of a response passes a request's filters.

    Returns ``None`` if the request has no filters.
    """
    filters = {name: args[name] for name in _FILTERS if name in args}
    if not filters:
        return None
    if (word := filters.get("status")) is not None and word not in STATUS_WORDS:
        raise _Invalid("status", "is not a status")
    bounds = {}
    for name in ("starts_after", "starts_before"):
        try:
            bounds[name] = live.parse_instant(filters[name]) if name in filters else None
        except live.InvalidInput as error:
            raise _Invalid(name, error.message) from None
    after, before = bounds["starts_after"], bounds["starts_before"]

    def matches(shown: dict[str, Any]) -> bool:
        text = shown["scheduled_start"]
        start = text and live.parse_instant(text)
        return (
            filters.get("status") in (None, shown["status"])
            and ("tag" not in filters or filters["tag"] in shown["tags"])
            and filters.get("reference") in (None, shown["reference"])
            and (after is None or (bool(start) and start >= after))
            and (before is None or (bool(start) and start < before))
        )

    return matches


publish("livestream_core.memory", [MemoryVendor])


def _event(type: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """Return the body of a webhook delivery."""
    event = {"occurred_at": at.isoformat(), "type": type, "data": data}
    return json.dumps(event, ensure_ascii=False).encode()


def _signed(secret: str, body: bytes, at: datetime) -> dict[str, str]:
    """Return the headers of a webhook delivery."""
    timestamp = str(int(at.timestamp()))
    signed = timestamp.encode() + b"." + body
    signature = hmac.digest(secret.encode("utf-8", "surrogatepass"), signed, "sha256").hex()
    return {
        "Content-Type": "application/json",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: signature,
    }
