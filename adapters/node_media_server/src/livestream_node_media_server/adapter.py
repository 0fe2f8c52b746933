"""The adapter for Node-Media-Server, version 4.

The server keeps no streams: any name may be published, and may be again. What it does not see is
ready. When an encoder is gone, its stream stays for 30 seconds, in which it may come back. The
source is the server itself, version 4.4.3 from npm, whose API no document describes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import attrs

import livestream_core as live
from livestream_core import Feature, RecordingStatus, Status, Support

#: The header with the secret of the webhooks, which the receiver adds; see the README.
WEBHOOK_HEADER = "X-Livestream-Token"

_API = "/api/v1"
_ALL = f"{_API}/streams"
_ONE = f"{_ALL}/{{app}}/{{name}}"
_RECORD = f"{_ONE}/record"
_STATUS = {
    "idle": Status.READY,
    "publishing": Status.LIVE,
    "reconnecting": Status.INTERRUPTED,
}
_RECORD_STATUS = {"recording": RecordingStatus.PROCESSING, "done": RecordingStatus.READY}
#: The server refuses encoders that publish under other names.
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
#: The largest number of recordings per page.
_PAGE_SIZE = 100
#: The deliveries about a viewer.
_ABOUT_VIEWERS = ("prePlay", "postPlay", "donePlay")

_OneStream = Generator[live.Request, live.Response, live.LiveStream]


def _check_name(options: Any, field: Any, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise ValueError("must consist of letters, digits, - and _")


@attrs.frozen(kw_only=True)
class NodeMediaServerOptions(live.Options):
    """Options of a connection to one application of a server.

    Attributes:
        base_url: The origin of the server's HTTP port.
        application: The first part of the streams' paths.
        token: A token of the API, which is never renewed.
        username: The name of a user of the API.
        password: The password of that user.
        rtmp_url: The URL to which encoders publish, without the name of a stream.
        webhook_secret: The secret that the receiver of the webhooks adds to them.
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (("token",), ("username", "password"))

    base_url: str = live.option(help="The origin of the server's API: https://host[:port].")
    application: str = live.option(
        default="live", validator=_check_name, help="The application of the streams."
    )
    token: live.Secret | None = live.option(
        default=None, help="A token of the API; it is never renewed."
    )
    username: str | None = live.option(default=None, help="A user of the API.")
    password: live.Secret | None = live.option(default=None, help="The password of that user.")
    rtmp_url: str | None = live.option(
        default=None,
        ingest=True,
        help="The URL to publish to; by default rtmp://host/application.",
    )
    webhook_secret: live.Secret | None = live.option(
        default=None, help=f"The secret that the receiver passes in {WEBHOOK_HEADER}."
    )


class NodeMediaServerAdapter(live.Adapter):
    """The streams of one application of a Node-Media-Server."""

    name = "node-media-server"
    Options: ClassVar[type[live.Options]] = NodeMediaServerOptions
    options: NodeMediaServerOptions
    is_lenient: ClassVar[bool] = True
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            Feature.CREATE: (
                Support.NONE,
                "the server keeps no streams; publish under a name of your choice",
            ),
            Feature.SCHEDULE: (Support.NONE, "the server keeps no streams"),
            Feature.GET: (Support.NATIVE, "a name that no encoder publishes is ready"),
            Feature.LIST: (
                Support.NATIVE,
                "the streams that have an encoder, had one in the last 30 seconds, or have viewers",
            ),
            Feature.UPDATE: (Support.NATIVE, "this starts and stops a recording"),
            Feature.START: (
                Support.AUTOMATIC,
                "an encoder starts a stream: it publishes; start only reads it",
            ),
            Feature.STOP: (
                Support.NATIVE,
                "this disconnects the encoder; the stream is interrupted for 30 seconds, and an "
                "encoder that connects again is accepted",
            ),
            Feature.TRIM: (Support.NONE, "the server cannot trim a recording"),
            Feature.CANCEL: (Support.NONE, "the server keeps no streams; stop a stream instead"),
            Feature.DELETE: (Support.NONE, "the server keeps no streams; stop a stream instead"),
            Feature.DISABLE: (Support.NONE, "refuse the name in the receiver of the webhooks"),
            Feature.ENABLE: (Support.NONE, "accept the name in the receiver of the webhooks"),
            Feature.RESET_KEY: (Support.NONE, "the name of a stream is its key"),
            Feature.RECORDINGS: (Support.NATIVE, "each has an ID, with which it is downloaded"),
            Feature.WEBHOOK: (
                Support.NATIVE,
                f"the server does not sign them: the receiver must add a secret as "
                f"{WEBHOOK_HEADER}",
            ),
            Feature.MANAGE_WEBHOOKS: (
                Support.NONE,
                "the URL is in the server's configuration, as notify.url",
            ),
        },
        fields={
            Feature.TITLE: (Support.NONE, "a stream has only a name, which is its ID"),
            Feature.RECORD: live.Capability(
                Support.NATIVE, "only while the stream has an encoder", values={True, False}
            ),
            Feature.RECORDING_DRM: (Support.NONE, "the server has no DRM"),
            Feature.LATENCY: (Support.NONE, "the server has no such setting"),
            Feature.DESCRIPTION: (Support.NONE, "the server keeps no streams"),
            Feature.TAGS: (Support.NONE, "the server keeps no streams"),
            Feature.REFERENCE: (Support.NONE, "publish under a name of your choice instead"),
            Feature.THUMBNAIL_URL: (Support.NONE, "the server keeps no streams"),
            Feature.PLAYBACK_URL: (Support.NONE, "the server serves its streams itself"),
            Feature.RESTREAMS: (Support.NONE, "this adapter does not set up relays"),
        },
        statuses=_STATUS.values(),
        reusable=True,
        updatable=("record",),
        filters=("status",),
        reports_total=True,
    )

    def __init__(self, options: NodeMediaServerOptions, **settings: Any) -> None:
        super().__init__(options, **settings)
        host = re.sub(r":\d+$", "", self.origin.partition("://")[2])
        self._rtmp_url = options.rtmp_url or f"rtmp://{host}/{options.application}"
        self.path_values: Mapping[str, str] = {"app": options.application}

    # -- operations -------------------------------------------------------------------------

    def get(self, stream_id: str) -> _OneStream:
        """Send GET /streams/{app}/{name}; if it is not found, GET .../urls, which always is."""
        if not _NAME.fullmatch(stream_id):
            raise live.InvalidInput("must consist of letters, digits, - and _", field="stream_id")
        try:
            response = yield self.request("GET", _ONE, name=stream_id)
        except live.NotFound:
            response = yield self.request("GET", f"{_ONE}/urls", name=stream_id)
        return self.parse_stream(response.fields().object("data").data)

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """Send GET /streams, which has the streams of all applications, on one page."""
        if query.cursor is not None:
            raise live.InvalidInput("cursor: the server has no pages", field="cursor")
        response = yield self.request("GET", _ALL)
        data = response.fields(lenient=True).object("data")
        entries = data.items("streams")
        ours = [each for each in entries if not self._is_elsewhere(each)]
        total = data.optional_integer("total")
        return self.page(ours, total=None if total is None else total - len(entries) + len(ours))

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> _OneStream:
        """Send POST or DELETE /streams/{app}/{name}/record, if it changes something."""
        stream = yield from self.get(stream_id)
        record = changes["record"]
        if stream.record is record:
            return stream
        if stream.status is Status.READY:
            raise live.Conflict(
                "only a stream that has an encoder is recorded", status=Status.READY
            )
        # Not repeated: the second one would be refused, because the first one was applied.
        yield self.request(
            "POST" if record else "DELETE", _RECORD, name=stream_id, idempotent=False
        )
        return (yield from self.get(stream_id))

    def start(self, stream_id: str) -> _OneStream:
        """Read the stream, which its encoder starts."""
        return self.get(stream_id)

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> _OneStream:
        """Send DELETE /sessions/{id} for the session of the encoder, and for no other one."""
        stream = yield from self.get(stream_id)
        if stream.status is not Status.LIVE or stream.raw is None:
            raise live.Conflict("no encoder is connected", status=stream.status)
        session = live.Fields(stream.raw.reveal()).object("publisher").identifier("id")
        response = yield self.request("DELETE", f"{_API}/sessions/{{id}}", id=session)
        if not response.is_readable:
            raise response.unexpected("the response is not JSON")
        # The server needs a moment to notice that the connection is closed.
        return attrs.evolve(stream, status=Status.INTERRUPTED, provider_status="reconnecting")

    def recordings(
        self, stream_id: str
    ) -> Generator[live.Request, live.Response, tuple[live.Recording, ...]]:
        """Send GET /records, whose filter compares the whole path of a stream."""
        if not _NAME.fullmatch(stream_id):
            raise live.InvalidInput("must consist of letters, digits, - and _", field="stream_id")
        path = f"/{self.options.application}/{stream_id}"
        found: list[live.Recording] = []
        page = 1
        while True:
            response = yield self.request(
                "GET",
                f"{_API}/records",
                params={"streamPath": path, "page": page, "pageSize": _PAGE_SIZE},
            )
            data = response.fields().object("data")
            items = data.items("items")
            found += [_recording(live.Fields(each, lenient=True)) for each in items]
            if not items or len(found) >= data.integer("count"):
                return tuple(found)
            page += 1

    # -- payloads ---------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse an entry of GET /streams, or the data of GET /streams/{app}/{name}/urls."""
        fields = live.Fields(payload, lenient=True)
        name = fields.identifier("name")
        if not _NAME.fullmatch(name) or "app" not in fields.data or "status" not in fields.data:
            raise live.UnexpectedResponse("the response is not about a stream")
        publisher = fields.optional_object("publisher", field="started_at")
        started_at = (
            None
            if publisher is None
            else publisher.optional_unix("createTime", unit="ms", field="started_at")
        )
        ingest = live.Ingest(self._rtmp_url, name)
        path = f"/{self.options.application}/{name}"
        return fields.build(
            live.LiveStream,
            provider=NodeMediaServerAdapter.name,
            id=name,
            title="",
            status=fields.optional_word("status", _STATUS, expected=True) or Status.UNKNOWN,
            provider_status=fields.optional_text("status"),
            started_at=started_at,
            ingests=(ingest,),
            playbacks=(
                live.Playback(f"{self.origin}{path}.flv"),
                live.Playback(f"{self._rtmp_url}/{name}"),
            ),
            record=fields.optional_flag("recording", field="record"),
            raw=fields.data,
        )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        """Check the secret that the receiver has added, then read the JSON."""
        live.webhooks.verify_token(headers.get(WEBHOOK_HEADER.lower()), secret)
        fields = live.Fields(live.Response(200, {}, body).json(), lenient=True)
        name, action = fields.optional_text("name"), fields.optional_text("action")
        is_ours = fields.data.get("app") == self.options.application
        has_ended = bool(fields.data.get("endtime"))
        if not name or not is_ours or action in _ABOUT_VIEWERS:
            return live.Event(
                provider=self.name, kind=live.EventKind.OTHER, raw=fields.data, event_type=action
            )
        return live.Event(
            provider=self.name,
            kind=live.EventKind.STREAM_CHANGED,
            stream_id=name,
            # The other one is 0 until the end.
            occurred_at=fields.optional_unix("endtime" if has_ended else "createtime", unit="ms"),
            raw=fields.data,
            event_type=action,
            status=Status.LIVE if action == "postPublish" else None,
        )

    def id_in(self, payload: Any) -> str | None:
        """Return the name in a payload of a stream."""
        name = payload.get("name") if isinstance(payload, Mapping) else None
        return name if isinstance(name, str) and name else None

    def _is_elsewhere(self, entry: Any) -> bool:
        """Return whether an entry is certainly one of another application."""
        app = entry.get("app") if isinstance(entry, Mapping) else None
        return isinstance(app, str) and app != self.options.application

    # -- signing in and errors --------------------------------------------------------------

    def sign_in(
        self, previous: live.Session | None, now: datetime
    ) -> live.Session | Generator[live.Request, live.Response, live.Session]:
        """Use the token that was given, or send POST /login."""
        token, username, password = (
            self.options.token,
            self.options.username,
            self.options.password,
        )
        if username is not None and password is not None:
            return self._login(username, password)
        return _session("" if token is None else token.reveal(), None)

    def _login(
        self, username: str, password: live.Secret
    ) -> Generator[live.Request, live.Response, live.Session]:
        response = yield self.post(
            f"{_API}/login",
            json={"username": username, "password": password.reveal()},
            changes=False,
        )
        token = response.fields().object("data").text("token")
        return _session(token, _expiry_of(token))

    def account_id(self) -> str:
        """Return the application."""
        return self.options.application

    def is_error(self, response: live.Response) -> bool:
        """Return whether the envelope says that the request failed, whatever the status says."""
        data = response.json() if response.is_json else None
        return isinstance(data, Mapping) and data.get("success") is False


def _session(token: str, expires_at: datetime | None) -> live.Session:
    return live.Session({"Authorization": f"Bearer {token}"}, expires_at)


def _expiry_of(token: str) -> datetime | None:
    """Return when a JWT expires. It is only read, and not verified: the server does that."""
    part = token.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(f"{part[0]}==="))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (IndexError, ValueError, TypeError, KeyError, OverflowError, OSError):
        return None


def _recording(fields: live.Fields) -> live.Recording:
    """Return a recording. Its duration is 0, and it has no end, until it is done."""
    status = fields.optional_word("status", _RECORD_STATUS) or RecordingStatus.UNKNOWN
    is_done = status is RecordingStatus.READY
    milliseconds = fields.optional_number("duration") if is_done else None
    return live.Recording(
        status,
        id=fields.identifier("id"),
        started_at=fields.optional_unix("startTime", unit="ms"),
        ended_at=fields.optional_unix("endTime", unit="ms") if is_done else None,
        duration=None if milliseconds is None else milliseconds / 1000,
    )
