"""The adapter for nginx with its RTMP module, the most widely installed RTMP server.

The server keeps no streams. It has those that an encoder publishes now, by the names that the
encoders chose. It has no API either: its statistics are one XML document, and a few control
endpoints change something in response to a GET. The sources are the server itself (Debian 12,
nginx 1.22.1 with module 1.2.2) and its wiki at github.com/arut/nginx-rtmp-module.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

import attrs

import livestream_core as live
from livestream_core import Feature, Status, Support

from .statistics import streams_in

#: The header with the secret of the webhooks, which the receiver adds; see the README.
WEBHOOK_HEADER = "X-Livestream-Token"

#: The calls of ``on_publish``, ``on_update``, ``on_publish_done``, and ``on_record_done``. The
#: others are about a connection, or about a viewer.
_ABOUT_STREAMS = ("publish", "update_publish", "publish_done", "record_done")
_PATH = re.compile(r"(?:/[\w.~-]+)+")
_SECONDS = re.compile(r"[0-9]{1,18}")
#: What can be a name: no control characters, and nothing that a path would resolve.
_NAME = re.compile(r"(?!\.{1,2}\Z)[^\x00-\x1f\x7f\ud800-\udfff]+")
#: What an argument of a control endpoint can be, which the module does not decode.
_SENDABLE = re.compile(r"[!\"$%'-~]+")

_OneStream = Generator[live.Request, live.Response, live.LiveStream]
_Payloads = Generator[live.Request, live.Response, list[dict[str, Any]]]


def _check_path(options: Any, field: Any, value: str) -> None:
    if not _PATH.fullmatch(value):
        raise ValueError("must be the path of a location, such as /stat")


def _check_argument(options: Any, field: Any, value: str | None) -> None:
    if value is not None and not _SENDABLE.fullmatch(value):
        raise ValueError("must not contain spaces, &, #, or other characters than ASCII")


def _check_template(options: Any, field: Any, value: str | None) -> None:
    if value is not None and not re.fullmatch(r"https?://[^\s{}]+\{name\}[^\s{}]*", value):
        raise ValueError("must be a URL with {name}, such as https://host/hls/{name}.m3u8")


@attrs.frozen(kw_only=True)
class NginxRtmpOptions(live.Options):
    """Options of a connection to one application of a server.

    Attributes:
        base_url: The origin of nginx's HTTP server.
        application: The RTMP application.
        server: The number of the ``server`` block in ``rtmp`` that has it.
        stat_path: The location with ``rtmp_stat``.
        control_path: The location with ``rtmp_control``.
        recorder: The recorder that ``update(record=...)`` starts and stops.
        rtmp_url: The URL to which encoders publish, without the name of a stream.
        hls_url: The URL of a stream's HLS playlist, with ``{name}``.
        username: The user of ``auth_basic``, if the two locations have it.
        password: The password of that user.
        webhook_secret: The secret that the receiver of the webhooks adds to them.
    """

    base_url: str = live.option(help="The origin of nginx's HTTP server: https://host[:port].")
    application: str = live.option(
        default="live", validator=_check_argument, help="The RTMP application."
    )
    server: int = live.option(
        default=0,
        validator=attrs.validators.ge(0),
        help="The number of the server block in rtmp that has the application, from 0.",
    )
    stat_path: str = live.option(
        default="/stat", validator=_check_path, help="The location with rtmp_stat."
    )
    control_path: str = live.option(
        default="/control", validator=_check_path, help="The location with rtmp_control."
    )
    recorder: str | None = live.option(
        default=None,
        validator=_check_argument,
        help="The manual recorder to start and stop; by default the unnamed one.",
    )
    rtmp_url: str | None = live.option(
        default=None,
        ingest=True,
        help="The URL to publish to; by default rtmp://host/application.",
    )
    hls_url: str | None = live.option(
        default=None,
        validator=_check_template,
        help="The URL of HLS playlists, such as https://host/hls/{name}.m3u8.",
    )
    username: str | None = live.option(default=None, help="The user of auth_basic, if it is on.")
    password: live.Secret | None = live.option(default=None, help="The password of that user.")
    webhook_secret: live.Secret | None = live.option(
        default=None, help=f"The secret that the receiver passes in {WEBHOOK_HEADER}."
    )


class NginxRtmpAdapter(live.Adapter):
    """The streams of one application of an nginx with the RTMP module."""

    name = "nginx-rtmp"
    Options: ClassVar[type[live.Options]] = NginxRtmpOptions
    options: NginxRtmpOptions
    is_lenient: ClassVar[bool] = True
    receives_forms: ClassVar[bool] = True
    #: A missing location is a mistake in the options, and says nothing about a stream.
    errors: ClassVar[Mapping[int, type[live.LiveStreamError]]] = {404: live.ConfigurationError}
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            Feature.CREATE: (
                Support.NONE,
                "nginx keeps no streams; publish under a name of your choice",
            ),
            Feature.SCHEDULE: (Support.NONE, "nginx keeps no streams"),
            Feature.GET: (Support.NATIVE, "a name that no encoder publishes is not found"),
            Feature.LIST: (Support.NATIVE, "the streams that encoders publish now, on one page"),
            Feature.UPDATE: (Support.NATIVE, "this starts and stops a manual recorder"),
            Feature.START: (Support.NONE, "an encoder starts a stream: it publishes"),
            Feature.STOP: (
                Support.NATIVE,
                "this drops the encoder, which may connect again unless on_publish refuses it",
            ),
            Feature.TRIM: (Support.NONE, "nginx cannot trim a recording"),
            Feature.CANCEL: (Support.NONE, "nginx keeps no streams; stop a stream instead"),
            Feature.DELETE: (Support.NONE, "nginx keeps no streams; stop a stream instead"),
            Feature.RECORDINGS: (
                Support.NONE,
                "nginx only writes files; on_record_done delivers their paths",
            ),
            Feature.DISABLE: (Support.NONE, "refuse the name in the receiver of on_publish"),
            Feature.ENABLE: (Support.NONE, "accept the name in the receiver of on_publish"),
            Feature.RESET_KEY: (Support.NONE, "the name of a stream is its key"),
            Feature.WEBHOOK: (
                Support.NATIVE,
                f"nginx does not sign them: the receiver must add a secret as {WEBHOOK_HEADER}",
            ),
            Feature.MANAGE_WEBHOOKS: (
                Support.NONE,
                "the URLs are in nginx's configuration, as on_publish and others",
            ),
        },
        fields={
            Feature.TITLE: (Support.NONE, "an nginx-rtmp stream has only a name, which is its ID"),
            Feature.RECORD: live.Capability(
                Support.NATIVE,
                "a manual recorder; nginx does not show whether it is running",
                values={True, False},
            ),
            Feature.RECORDING_DRM: (Support.NONE, "nginx-rtmp has no DRM"),
            Feature.LATENCY: (Support.NONE, "nginx.conf sets the length of HLS fragments"),
            Feature.DESCRIPTION: (Support.NONE, "nginx keeps no streams"),
            Feature.TAGS: (Support.NONE, "nginx keeps no streams"),
            Feature.REFERENCE: (Support.NONE, "publish under a name of your choice instead"),
            Feature.THUMBNAIL_URL: (Support.NONE, "nginx keeps no streams"),
            Feature.PLAYBACK_URL: (Support.NONE, "nginx serves its streams itself"),
            Feature.RESTREAMS: (Support.NONE, "nginx.conf sets them, with push"),
        },
        statuses={Status.LIVE, Status.ENDED},
        updatable=("record",),
        filters=("status",),
    )

    def __init__(self, options: NginxRtmpOptions, **settings: Any) -> None:
        super().__init__(options, **settings)
        if (options.username is None) is not (options.password is None):
            raise live.ConfigurationError("username and password must be set together")
        host = urlsplit(self.origin).netloc.rpartition("@")[2]
        host = re.sub(r":\d+$", "", host)
        self._rtmp_url = options.rtmp_url or f"rtmp://{host}/{options.application}"

    # -- operations -------------------------------------------------------------------------

    def get(self, stream_id: str) -> _OneStream:
        """Send GET /stat, which shows all streams."""
        if not _NAME.fullmatch(stream_id):
            raise live.InvalidInput("must be the name of a stream", field="stream_id")
        for each in (yield from self._streams()):
            if each.get("name") == stream_id and _is_published(each):
                return self.parse_stream(each)
        raise live.NotFound("no encoder publishes under this name")

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """Send GET /stat; what only has viewers, who wait for an encoder, is not a stream."""
        if query.cursor is not None:
            raise live.InvalidInput("cursor: nginx has no pages", field="cursor")
        return self.page([each for each in (yield from self._streams()) if _is_published(each)])

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> _OneStream:
        """Send GET /control/record/start or stop, once the stream is known to be live."""
        stream = yield from self.get(stream_id)
        action = "start" if changes["record"] else "stop"
        # The body is the file's path; it is empty if the recorder is in that state already.
        yield self._control(f"record/{action}", stream_id, self.options.recorder)
        return attrs.evolve(stream, record=changes["record"])

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> _OneStream:
        """Send GET /control/drop/publisher. It answers with the number of encoders it dropped."""
        stream = yield from self.get(stream_id)
        response = yield self._control("drop/publisher", stream_id)
        if not re.fullmatch(rb"\d+", response.body):
            raise response.unexpected("the response is not a number")
        if int(response.body) == 0:
            raise live.NotFound("the encoder had disconnected already")
        return attrs.evolve(stream, status=Status.ENDED)

    def _streams(self) -> _Payloads:
        response = yield self.request("GET", self.options.stat_path)
        return streams_in(response, self.options.server, self.options.application)

    def _control(self, action: str, name: str, recorder: str | None = None) -> live.Request:
        """Return a GET that changes something: it is not a read, and is never repeated.

        A second one could drop an encoder that has just come back. The module compares the
        arguments as they are sent, and a missing one matches everything.
        """
        if not _SENDABLE.fullmatch(name):
            raise live.InvalidInput(
                "nginx cannot control a stream whose name has spaces, &, #, or other characters "
                "than ASCII",
                field="stream_id",
            )
        path = f"{self.options.control_path}/{action}"
        target = f"{path}?srv={self.options.server}&app={self.options.application}&name={name}"
        return live.Request(
            method="GET",
            template=path,
            link=target if recorder is None else f"{target}&rec={recorder}",
            changes=True,
            idempotent=False,
        )

    # -- payloads ---------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse a stream of the statistics, as data, with the ``date`` of the response."""
        fields = live.Fields(payload, lenient=True)
        name = fields.identifier("name")
        if not _NAME.fullmatch(name):
            raise live.UnexpectedResponse("name is not text in the response")
        if not _is_published(fields.data):
            raise live.UnexpectedResponse("publishing is missing in the response")
        ingest = fields.part("ingests", live.Ingest, self._rtmp_url, name)
        urls = {live.PlaybackKind.RTMP: f"{self._rtmp_url}/{name}"}
        if self.options.hls_url is not None:
            urls[live.PlaybackKind.HLS] = self.options.hls_url.replace("{name}", quote(name, ""))
        playbacks = (
            fields.part("playbacks", live.Playback, url, kind) for kind, url in urls.items()
        )
        return fields.build(
            live.LiveStream,
            provider=NginxRtmpAdapter.name,
            id=name,
            title="",
            # Until an encoder has sent something, there is nothing to watch.
            status=Status.LIVE if "active" in fields.data else Status.UNKNOWN,
            started_at=_started_at(fields),
            ingests=() if ingest is None else (ingest,),
            playbacks=[each for each in playbacks if each is not None],
            raw=fields.data,
        )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        """Check the secret that the receiver has added, then read the form."""
        live.webhooks.verify_token(headers.get(WEBHOOK_HEADER.lower()), secret)
        form: dict[str, str] = {}
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
            # Arguments of the encoder come last, and could have the name of any of nginx's own.
            form.setdefault(name, value)
        call = live.Fields(form).text("call")
        is_here = form.get("app") == self.options.application
        stream_id = form.get("name") if is_here and call in _ABOUT_STREAMS else None
        return live.Event(
            provider=self.name,
            kind=live.EventKind.STREAM_CHANGED if stream_id else live.EventKind.OTHER,
            stream_id=stream_id or None,
            raw=form,
            event_type=call,
            # nginx asks before it admits an encoder, so "publish" announces nothing.
            status=Status.ENDED if stream_id and call == "publish_done" else None,
        )

    # -- signing in and errors --------------------------------------------------------------

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Session:
        """Return HTTP Basic credentials, if there are any."""
        if self.options.username is None or self.options.password is None:
            return live.Session({})
        return live.Session.basic(self.options.username, self.options.password)

    def account_id(self) -> str:
        """Return the application, after the number of its server block if it is not the first."""
        number = f"{self.options.server}/" if self.options.server else ""
        return number + self.options.application

    def error_for(self, response: live.Response) -> live.LiveStreamError:
        """Add the usual reason to an error: options that do not agree with nginx.conf."""
        error = self.error_by_status(response)
        control = response.request is not None and response.request.changes
        if response.status == 404:
            error.hint = "set stat_path and control_path to the locations in nginx.conf"
        elif response.status == 500 and control:
            error.message += "; nginx has no such recorder: check the option recorder"
        return error

    def is_from_vendor(self, response: live.Response) -> bool:
        """Return whether a response is XML or plain text: nginx's own pages are HTML."""
        return not response.is_html


def _is_published(stream: Mapping[str, Any]) -> bool:
    return "publishing" in stream


def _started_at(fields: live.Fields) -> datetime | None:
    """Return when the encoder connected, by the server's clock, to the second."""
    shown = fields.optional_text("date", field="started_at")
    age = fields.optional_text("time", field="started_at")
    if shown is None or age is None:
        return None
    if not _SECONDS.fullmatch(age):
        fields.unreadable("time", "is not a number", field="started_at")
        return None
    try:
        at = parsedate_to_datetime(shown).astimezone(UTC) - timedelta(milliseconds=int(age))
    except (ValueError, OverflowError, TypeError):
        fields.unreadable("date", "is not a time", field="started_at")
        return None
    return at.replace(microsecond=0)
