"""A local Node-Media-Server without media: its API and its webhooks.

It responds as version 4.4.3 was seen to respond: the tests run the conformance kit on both. The
README lists the sources.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

import attrs

from livestream_core.emulator import Emulator, Request, Response, Route, json_response

from .samples import SAMPLES

_APPLICATION = "live"
#: The header that the receiver of a webhook adds.
_WEBHOOK_HEADER = "X-Livestream-Token"
_HEADERS = {"Content-Type": "text/plain;charset=UTF-8"}
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
#: How long a stream waits for an encoder that is gone.
_GRACE_SECONDS = 30
_TOKEN_SECONDS = 24 * 3600
#: The number of wrong passwords that lock a user, and for how many seconds.
_MAX_FAILURES, _LOCK_SECONDS = 5, 15 * 60
#: The maximum number of requests for a login in a period of this number of seconds.
_MAX_LOGINS, _LOGIN_SECONDS = 10, 60
_HOST = "127.0.0.1"


@attrs.define(eq=False)
class _Record:
    """A recording."""

    id: str
    name: str
    publisher: str
    started: int
    ended: int = 0


@attrs.define(eq=False)
class _Stream:
    """A stream that has an encoder, or had one a moment ago."""

    name: str
    session: str
    since: int
    #: When the encoder left, in milliseconds.
    left: int | None = None
    record: _Record | None = None


def _signed_in(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Refuse requests without a token that is valid."""

    @functools.wraps(handler)
    def checked(self: NodeMediaServerEmulator, request: Request, **values: str) -> Response:
        if not self.is_valid(request):
            return json_response(
                {
                    "success": False,
                    "error": "Invalid or missing authentication token",
                    "code": "UNAUTHORIZED",
                },
                401,
            )
        self.pass_time()
        return handler(self, request, **values)

    return checked


def _success(data: Any, message: str) -> Response:
    return json_response({"success": True, "data": data, "message": message})


def _failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_response({"success": False, "data": {}, "message": message}, status, headers)


def _other_failure(status: int, error: str) -> Response:
    """Return a failure in the form of the newer endpoints."""
    return json_response({"success": False, "error": error}, status)


class NodeMediaServerEmulator(Emulator):
    """A local Node-Media-Server with one user, ``admin``, and the application ``live``.

    Another application has one stream, so that lists contain more than the client's own.
    """

    provider = "node-media-server"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/api/v1/login", "login"),
        Route("GET", "/api/v1/health", "health"),
        Route("GET", "/api/v1/streams", "list_streams"),
        Route("GET", "/api/v1/streams/<app>/<name>", "read_stream"),
        Route("GET", "/api/v1/streams/<app>/<name>/urls", "read_urls"),
        Route("GET", "/api/v1/streams/<app>/<name>/record", "read_record"),
        Route("POST", "/api/v1/streams/<app>/<name>/record", "start_record"),
        Route("DELETE", "/api/v1/streams/<app>/<name>/record", "stop_record"),
        Route("DELETE", "/api/v1/sessions/<id>", "delete_session"),
        Route("GET", "/api/v1/records", "list_records"),
        Route("GET", "/api/v1/records/<id>", "get_record"),
    )
    status_field = "data.status"
    sends_webhooks = True
    webhook_accepted: ClassVar[Collection[int]] = (200,)
    #: The list is one page, whatever the query says.
    page_size: ClassVar[None] = None
    samples: ClassVar[tuple[Mapping[str, Any], ...]] = SAMPLES
    opted_out: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            (
                "test_a_stopped_stream_is_over",
                "test_an_operation_has_its_effect_or_is_refused_in_every_status[stop]",
            ),
            "a stream whose encoder was disconnected is interrupted for 30 seconds",
        ),
        "test_an_operation_that_comes_again_an_hour_later_moves_no_time[stop]": (
            "30 seconds after the stop, the server has forgotten the run and its times"
        ),
        **dict.fromkeys(
            (
                "test_a_stream_is_in_the_list_in_every_status[ready]",
                "test_a_status_finds_the_streams_that_are_in_it[ready]",
            ),
            "the server does not know a stream without an encoder, so it is not in the list",
        ),
        "test_no_field_that_is_shown_holds_a_secret": (
            "the name of a stream is its key: it protects nothing, but auth.publish does"
        ),
    }

    def __init__(self, *, boot_seconds: float = 20.0) -> None:
        super().__init__(boot_seconds=boot_seconds)
        self._password, self._secret = secrets.token_urlsafe(16), secrets.token_bytes(32)
        self._numbers = itertools.count(1)
        self._streams: dict[str, _Stream] = {}
        self._kicked: set[str] = set()
        self._records: list[_Record] = []
        self._failures: dict[str, int] = {}
        self._locked: dict[str, float] = {}
        self._logins: list[float] = []
        self._elsewhere = _Stream("elsewhere", self._new_id(), self._now())

    def options(self) -> dict[str, Any]:
        """Return the options for ``connect``."""
        return {"username": "admin", "password": self._password}

    def login_options(self) -> dict[str, Any]:
        """Return the options for ``connect`` with a token."""
        return {"token": self._token()}

    def other_options(self) -> dict[str, Any]:
        """Return the options for ``connect`` of another application."""
        return {**self.options(), "application": "other"}

    # -- outside events ---------------------------------------------------------------------

    def unused_id(self) -> str:
        """Return a name that was never published."""
        return f"stream-{secrets.token_hex(8)}"

    def encoder_connects(self, id: str) -> None:
        """Publish under a name. Within 30 seconds, the same encoder resumes its stream."""
        with self.lock:
            self.pass_time()
            stream = self._streams.get(id)
            if not _SAFE.issuperset(id) or (stream is not None and stream.left is None):
                raise ValueError("the server refuses the encoder")
            if stream is None:
                stream = self._streams[id] = _Stream(id, self._new_id(), self._now())
            else:
                stream.session, stream.left = self._new_id(), None
            for action in ("prePublish", "postPublish"):
                self._notify(stream, action)

    def encoder_drops(self, id: str) -> None:
        """Stop publishing."""
        with self.lock:
            stream = self._streams.get(id)
            if stream is None or stream.left is not None:
                raise ValueError("no encoder publishes under this name")
            self._leave(stream)

    def webhook(
        self, id: str, *, secret: str, body: bytes | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return the delivery of ``postPublish`` for a name, as its receiver passes it on."""
        delivery = _delivery(self._streams[id], "postPublish")
        return {**_HEADERS, _WEBHOOK_HEADER: secret}, delivery if body is None else body

    def _notify(self, stream: _Stream, action: str) -> None:
        """Send a webhook. The server signs nothing, and adds no header."""
        session = stream.session
        self.send_webhook(
            lambda: _delivery(stream, action),
            lambda *_: _HEADERS,
            refused=lambda: self._close(session),
        )

    def _close(self, session: str) -> None:
        """Close a session, because the receiver of a webhook did not answer with 200."""
        with self.lock:
            for stream in self._streams.values():
                if stream.session == session and stream.left is None:
                    self._leave(stream)

    # -- the server -------------------------------------------------------------------------

    def not_found(self, request: Request) -> Response:
        """Return the page for an unknown path."""
        return Response(
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error'
            f"</title>\n</head>\n<body>\n<pre>Cannot {request.method} {request.path}</pre>\n"
            "</body>\n</html>\n",
            404,
            content_type="text/html",
        )

    method_not_allowed = not_found

    def is_valid(self, request: Request) -> bool:
        """Return whether a request has a token that is valid, in its header or its query."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token if scheme == "Bearer" else request.args.get("token", "")
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            return False
        claims = json.loads(base64.urlsafe_b64decode(f"{signed.partition('.')[2]}==="))
        return bool(claims["exp"] > self.clock.now().timestamp())

    def pass_time(self) -> None:
        """End the streams whose encoder was gone for 30 seconds."""
        now = self._now()
        for stream in list(self._streams.values()):
            if stream.left is not None and now - stream.left >= _GRACE_SECONDS * 1000:
                del self._streams[stream.name]
                if stream.record is not None:
                    stream.record.ended = stream.left + _GRACE_SECONDS * 1000
                self._notify(stream, "donePublish")

    def login(self, request: Request) -> Response:
        """Return a token for a user's name and password."""
        now = self.clock.now().timestamp()
        self._logins = [at for at in self._logins if now - at < _LOGIN_SECONDS]
        if len(self._logins) >= _MAX_LOGINS:
            wait = str(int(_LOGIN_SECONDS - (now - self._logins[0])) + 1)
            return _failure(
                429, "Too many login requests, please try again later", {"Retry-After": wait}
            )
        self._logins.append(now)
        body = request.get_json(silent=True)
        user, password = (
            (body.get("username"), body.get("password")) if isinstance(body, dict) else ("", "")
        )
        if not user or not password:
            return _failure(400, "Username and password are required")
        if now < self._locked.get(user, 0.0):
            return _failure(429, "Too many failed login attempts, please try again later")
        if (user, password) != ("admin", self._password):
            self._failures[user] = self._failures.get(user, 0) + 1
            if self._failures[user] >= _MAX_FAILURES:
                self._failures[user], self._locked[user] = 0, now + _LOCK_SECONDS
            return _failure(401, "Invalid username or password")
        self._failures.pop(user, None)
        data = {"token": self._token(), "user": {"username": user}, "expiresIn": "24h"}
        return _success(data, "Login successful")

    def health(self, request: Request) -> Response:
        """Return that the server is there, to everyone."""
        at = self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        data = {"status": "ok", "timestamp": at, "version": "4.4.3"}
        return _success(data, "Server is healthy")

    @_signed_in
    def list_streams(self, request: Request) -> Response:
        """Return all streams of all applications."""
        streams = [self._entry("other", self._elsewhere)]
        streams += [self._entry(_APPLICATION, each) for each in self._streams.values()]
        data = {"streams": streams, "total": len(streams)}
        return _success(data, "Streams retrieved successfully")

    @_signed_in
    def read_stream(self, request: Request, app: str, name: str) -> Response:
        """Return a stream, if the server has it."""
        stream = self._found(app, name)
        if stream is None:
            return _failure(404, "Stream not found")
        return _success(self._entry(app, stream), "Stream information retrieved successfully")

    @_signed_in
    def read_urls(self, request: Request, app: str, name: str) -> Response:
        """Return where a stream is watched, whether there is such a stream or not."""
        stream, path = self._found(app, name), f"/{app}/{name}"
        urls = {
            "rtmp": f"rtmp://{_HOST}{path}",
            "http-flv": f"http://{_HOST}:8000{path}.flv",
            "ws-flv": f"ws://{_HOST}:8000{path}.flv",
        }
        data = {
            "app": app,
            "name": name,
            "streamPath": path,
            "status": "idle" if stream is None else _status(stream),
            "signed": False,
            "expiresAt": None,
            "urls": [{"protocol": each, "url": url} for each, url in urls.items()],
        }
        return _success(data, "Play URLs generated successfully")

    @_signed_in
    def read_record(self, request: Request, app: str, name: str) -> Response:
        """Return whether a stream is recorded."""
        stream = self._found(app, name)
        if stream is None or stream.record is None:
            return _success({"recording": False}, "No active recording")
        data = {
            "recording": True,
            "recordId": stream.record.id,
            "filePath": _file(app, stream.record),
            "startTime": stream.record.started,
        }
        return _success(data, "Recording in progress")

    @_signed_in
    def start_record(self, request: Request, app: str, name: str) -> Response:
        """Record a stream that has an encoder."""
        stream = self._found(app, name)
        if stream is not None and stream.record is not None:
            return _failure(400, "Stream is already recording")
        if stream is None:
            return _failure(400, "Stream is not publishing")
        stream.record = _Record(self._new_id(), name, stream.session, self._now())
        self._records.append(stream.record)
        data = {"recordId": stream.record.id, "filePath": _file(app, stream.record)}
        return _success(data, "Recording started")

    @_signed_in
    def stop_record(self, request: Request, app: str, name: str) -> Response:
        """Stop recording a stream."""
        stream = self._found(app, name)
        if stream is None or stream.record is None:
            return _failure(400, "Stream is not recording")
        stream.record.ended, stream.record = self._now(), None
        return _success({}, "Recording stopped")

    @_signed_in
    def delete_session(self, request: Request, id: str) -> Response:
        """Disconnect an encoder."""
        stream = next((each for each in self._streams.values() if each.session == id), None)
        if stream is None and id not in self._kicked:
            return _failure(404, "Session not found")
        if stream is not None and stream.left is None:
            self._leave(stream)
            self._kicked = {id}
        return _success({"id": id}, "Session deleted successfully")

    @_signed_in
    def list_records(self, request: Request) -> Response:
        """Return a page of the recordings, the newest first."""
        path = request.args.get("streamPath")
        found = [
            each for each in self._records if path in (None, "", f"/{_APPLICATION}/{each.name}")
        ]
        found.sort(key=lambda each: each.started, reverse=True)
        page = max(1, request.args.get("page", 1, int))
        size = min(100, max(1, request.args.get("pageSize", 20, int)))
        shown = [_shown(each) for each in found]
        data = {
            "items": shown[(page - 1) * size : page * size],
            "count": len(found),
            "page": page,
            "pageSize": size,
            "totalDuration": sum(each["duration"] for each in shown),
            "totalSize": sum(each["size"] for each in shown),
        }
        return json_response({"success": True, "data": data})

    @_signed_in
    def get_record(self, request: Request, id: str) -> Response:
        """Return a recording."""
        found = next((each for each in self._records if each.id == id), None)
        if found is None:
            return _other_failure(404, f"Record not found: {id}")
        return json_response({"success": True, "data": _shown(found)})

    # -- helpers ----------------------------------------------------------------------------

    def _found(self, app: str, name: str) -> _Stream | None:
        if app == "other":
            return self._elsewhere if name == self._elsewhere.name else None
        return self._streams.get(name) if app == _APPLICATION else None

    def _leave(self, stream: _Stream) -> None:
        stream.left = self._now()

    def _now(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    def _new_id(self) -> str:
        return f"mwxl{next(self._numbers):04d}{secrets.token_hex(4)}"

    def _signature(self, signed: str) -> str:
        digest = hmac.new(self._secret, signed.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _token(self) -> str:
        now = int(self.clock.now().timestamp())
        parts = (
            {"alg": "HS256", "typ": "JWT"},
            {"username": "admin", "iat": now, "exp": now + _TOKEN_SECONDS},
        )
        signed = ".".join(
            base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
            for each in parts
        )
        return f"{signed}.{self._signature(signed)}"

    def _entry(self, app: str, stream: _Stream) -> dict[str, Any]:
        return {
            "key": f"/{app}/{stream.name}",
            "app": app,
            "name": stream.name,
            "status": _status(stream),
            "publisher": {
                "id": stream.session,
                "ip": "127.0.0.1:40312",
                "protocol": "rtmp",
                "createTime": stream.since,
                "videoCodec": 7,
                "videoWidth": 320,
                "videoHeight": 180,
                "videoFramerate": 15,
                "audioCodec": 10,
                "audioChannels": 1,
                "audioSamplerate": 44100,
                "inBytes": 235566,
            },
            "subscribers": 0 if stream.record is None else 1,
            "outBytes": 0,
            "inBps": 66901,
            "outBps": 0,
            "recording": stream.record is not None,
        }


def _delivery(stream: _Stream, action: str) -> bytes:
    """Return the body of a webhook."""
    delivery = {
        "id": stream.session,
        "ip": "127.0.0.1:40312",
        "app": _APPLICATION,
        "name": stream.name,
        "query": {},
        "protocol": "rtmp",
        "createtime": stream.since,
        "endtime": stream.left or 0,
        "inbytes": 3408,
        "outbytes": 0,
        "filePath": "",
        "action": action,
    }
    return json.dumps(delivery).encode()


def _status(stream: _Stream) -> str:
    return "publishing" if stream.left is None else "reconnecting"


def _file(app: str, record: _Record) -> str:
    return f"/srv/media/record/{app}/{record.name}/{record.started}.flv"


def _shown(record: _Record) -> dict[str, Any]:
    duration = max(0, record.ended - record.started) if record.ended else 0
    return {
        "streamPath": f"/{_APPLICATION}/{record.name}",
        "app": _APPLICATION,
        "name": record.name,
        "filePath": _file(_APPLICATION, record),
        "publisherId": record.publisher,
        "startTime": record.started,
        "endTime": record.ended,
        "duration": duration,
        "size": duration * 90,
        "status": "done" if record.ended else "recording",
        "id": record.id,
    }
