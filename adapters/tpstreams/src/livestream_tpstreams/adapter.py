"""The adapter for TPStreams (app.tpstreams.com).

Quoted page titles refer to its documentation at developer.tpstreams.com.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias, TypeVar

import attrs

import livestream_core as live

T = TypeVar("T")
#: An operation written as a generator, so that other operations can ``yield from`` it.
Steps: TypeAlias = Generator[live.Request, live.Response, T]

#: The events of a stream, in the vendor's words, with their times.
Activities: TypeAlias = Mapping[str, Sequence[datetime]]

_S = live.Status

# "Live Stream Events & Status" writes NOT_STARTED; every sample and the vendor's own players write
# "Not Started". "not started" and "stopped" alone are ambiguous: see _status_of().
STATUS_WORDS: dict[str, live.Status] = {
    "available": _S.READY,  # only in the documents of 2023: the server is up
    "streaming": _S.LIVE,
    "running": _S.LIVE,  # the vendor's iOS player accepts it
    "disconnected": _S.INTERRUPTED,
    "recording": _S.PROCESSING,  # "webhook response": after the end, transcoding has begun
    "completed": _S.ENDED,
    "error": _S.FAILED,
}
NOT_STARTED, STOPPED = "not started", "stopped"

RECORDING_WORDS: dict[str, live.RecordingStatus] = {
    "not started": live.RecordingStatus.PENDING,
    "queued": live.RecordingStatus.PENDING,
    "processing": live.RecordingStatus.PROCESSING,
    "completed": live.RecordingStatus.READY,
    "error": live.RecordingStatus.FAILED,
}

LATENCY_WORDS: dict[live.Latency, str] = {
    live.Latency.NORMAL: "Normal Latency",
    live.Latency.LOW: "Low Latency",
}
_LATENCIES = {word.lower(): latency for latency, word in LATENCY_WORDS.items()}

#: The ``activities`` that only a stream has that was live.
ON_AIR_WORDS = frozenset({"on publish", "on publish done"})
#: The activities whose times are used, and the field that each is used for.
TIMED_WORDS = {"on publish": "started_at", "stopped": "ended_at"}

PLAYBACKS = (("hls_url", live.PlaybackKind.HLS), ("dash_url", live.PlaybackKind.DASH))

#: The statuses that explain why the vendor refused a start or a stop. UNKNOWN, and the statuses in
#: which the operation is possible, do not explain it.
FORBID_START = frozenset(_S) - {_S.SCHEDULED, _S.STARTING, _S.UNKNOWN}
FORBID_STOP = frozenset(_S) - {_S.READY, _S.LIVE, _S.INTERRUPTED, _S.UNKNOWN}

LIVE_STREAMS = "/api/v1/{org}/assets/live_streams/"
ASSETS = "/api/v1/{org}/assets/"  # the path in the sample of a next link
ASSET = "/api/v1/{org}/assets/{id}/"
WEBHOOKS = "/api/v1/{org}/webhooks/"

#: The library's border between seconds and Unix times; the vendor's is not documented.
UNIX_TIME_FROM = 1_000_000_000

_LOGIN = "/api/auth/login/"
_ASSET_ID = re.compile(r"[A-Za-z0-9]{11}")
_START = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?", re.ASCII)
_ACTIVITY_TIME = re.compile(
    r"([A-Za-z]+) (\d{1,2}), (\d{4}), (\d{1,2}):(\d\d) ([AaPp])[Mm]", re.ASCII
)
# Not strptime's %B, which depends on the locale of the process.
_MONTHS = {
    "january": 1,
    "february": 2,
    "march": 3,
    "april": 4,
    "may": 5,
    "june": 6,
    "july": 7,
    "august": 8,
    "september": 9,
    "october": 10,
    "november": 11,
    "december": 12,
}

_HOURS = {
    (hour, half): hour % 12 + (12 if half in "Pp" else 0)
    for hour in range(1, 13)
    for half in "AaPp"
}


def _check_organization(_: Any, __: Any, value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise ValueError("must be the organization's short code, such as gcdem4")


def _check_timezone(_: Any, __: Any, value: str) -> None:
    live.WallClock(value)


@attrs.frozen(kw_only=True)
class TPStreamsOptions(live.Options):
    """Options of a connection to TPStreams.

    Attributes:
        base_url: The vendor's origin.
        organization_id: The organization's code, which is in every path ("Organizations": the
            ``uuid`` in the list).
        token: An existing API token. The adapter never logs it out.
        username: The email address to log in with ("Authentication").
        password: The password to log in with.
        timezone: The time zone of times that the vendor writes without one. The default is India,
            based on the evidence in this package's README; it is not documented.
        webhook_secret: The ``secret_token`` of the webhook ("Webhooks").
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (("token",), ("username", "password"))

    base_url: str = live.option(
        default="https://app.tpstreams.com", help="The vendor's origin: https://host[:port]."
    )
    organization_id: str = live.option(
        help="The organization's code, as in the API's paths.", validator=_check_organization
    )
    token: live.Secret | None = live.option(default=None, help="An API token.")
    username: str | None = live.option(default=None, help="The email address to log in with.")
    password: live.Secret | None = live.option(default=None, help="The password to log in with.")
    timezone: str = live.option(
        default="Asia/Kolkata",
        help="The vendor's time zone, as an IANA name.",
        validator=_check_timezone,
    )
    webhook_secret: live.Secret | None = live.option(
        default=None, help="The secret that webhook deliveries have in x-streams-token."
    )


class TPStreamsAdapter(live.Adapter):
    """The adapter for TPStreams."""

    name = "tpstreams"
    Options: ClassVar[type[live.Options]] = TPStreamsOptions
    is_lenient: ClassVar[bool] = True
    # "List live streams": org-89b2cy-live-8DH94uXQgrA-7XkI
    secret_patterns: ClassVar[tuple[str, ...]] = (r"\borg-[\w-]{1,64}?-live-[\w-]+",)
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            live.Feature.CREATE: live.Support.NATIVE,
            live.Feature.SCHEDULE: live.Support.NATIVE,
            live.Feature.GET: live.Support.NATIVE,
            live.Feature.LIST: live.Support.NATIVE,
            live.Feature.UPDATE: (
                live.Support.NONE,
                "TPStreams documents no endpoint that changes a live stream; "
                "delete the stream and create another",
            ),
            live.Feature.START: live.Support.NATIVE,
            live.Feature.RESET_KEY: (
                live.Support.NONE,
                "TPStreams documents no endpoint that replaces a stream key",
            ),
            live.Feature.DISABLE: (
                live.Support.NONE,
                "TPStreams documents no endpoint that disables a live stream; delete the stream",
            ),
            live.Feature.ENABLE: (live.Support.NONE, "a TPStreams live stream is never disabled"),
            live.Feature.STOP: live.Support.NATIVE,
            live.Feature.TRIM: live.Support.NATIVE,
            live.Feature.RECORDINGS: (
                live.Support.EMULATED,
                "a TPStreams live stream has one recording, which the adapter reads with the "
                "stream",
            ),
            live.Feature.CANCEL: (
                live.Support.EMULATED,
                "TPStreams has no endpoint for it: a stream without a server is deleted, so a "
                "later get raises NotFound; a stream whose server is booting looks the same and "
                "is also deleted",
            ),
            live.Feature.DELETE: live.Support.NATIVE,
            live.Feature.WEBHOOK: live.Support.NATIVE,
            live.Feature.MANAGE_WEBHOOKS: live.Support.NATIVE,
        },
        fields={
            live.Feature.RECORD: live.Capability(
                live.Support.AUTOMATIC,
                "TPStreams records every stream, and its API cannot turn that off",
                values={True},
            ),
            live.Feature.RECORDING_DRM: live.Support.NATIVE,
            live.Feature.LATENCY: live.Capability(
                live.Support.NATIVE,
                "TPStreams has normal and low latency",
                values=set(LATENCY_WORDS),
            ),
            live.Feature.DESCRIPTION: (
                live.Support.NONE,
                "a TPStreams live stream has a title but no description",
            ),
            live.Feature.TAGS: (live.Support.NONE, "a TPStreams live stream has no tags"),
            live.Feature.REFERENCE: (
                live.Support.NONE,
                "a TPStreams live stream has no field for an ID of your own",
            ),
            live.Feature.THUMBNAIL_URL: (
                live.Support.NONE,
                "TPStreams accepts a picture only as an uploaded file, not as a URL",
            ),
            live.Feature.PLAYBACK_URL: (
                live.Support.NONE,
                "TPStreams hosts its streams itself and assigns the playback URLs",
            ),
            live.Feature.RESTREAMS: (
                live.Support.NONE,
                "TPStreams documents no restreaming to other platforms",
            ),
        },
        # Not CANCELLED: a cancelled stream is deleted, so it is never read again.
        statuses={_S.SCHEDULED, _S.STARTING, _S.READY, *STATUS_WORDS.values()},
        filters={"status", "starts_after", "starts_before"},
        reports_total=True,
        create_starts=True,
        # Only the response that starts the boot shows that a server is booting.
        reads_as={_S.STARTING: _S.SCHEDULED},
    )

    def __init__(self, options: TPStreamsOptions, **settings: Any) -> None:
        super().__init__(options, **settings)
        self.path_values: Mapping[str, str] = {"org": options.organization_id}
        self.wall_clock: live.WallClock = live.WallClock(options.timezone)

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: live.StreamSpec) -> Steps[live.LiveStream]:
        """Create a stream ("Create a live stream instantly", "Schedule a live stream").

        The two differ only in ``start``. Without it, the server boots within 20 to 30 seconds.
        """
        wall = spec.scheduled_start and self.wall_clock.to_wall(
            spec.scheduled_start, field="scheduled_start"
        )
        body = {
            "title": spec.title,
            "start": wall and wall.isoformat(" ", "seconds"),
            "enable_drm_for_recording": spec.recording_drm,
            "latency": spec.latency and LATENCY_WORDS[spec.latency],
        }
        with_options = self.with_options(body, spec.options)
        # Omitted values are not sent: the documents do not say that null means the default.
        body = {
            name: value
            for name, value in with_options.items()
            if value is not None or name in spec.options
        }
        response = yield self.post(LIVE_STREAMS, json=body)
        stream = self._stream(response.json(), booting=wall is None)
        if wall is not None and stream.scheduled_start != self.wall_clock.to_instant(wall):
            shown = stream.scheduled_start and stream.scheduled_start.isoformat()
            raise live.UnexpectedResponse(
                f"the stream was scheduled for {shown}, not for {body['start']} in "
                f"{self.options.timezone} as requested",
                stream_id=stream.id,
                hint="check that the option timezone is the organization's time zone",
            )
        return stream

    def get(self, stream_id: str) -> Steps[live.LiveStream]:
        """Return a stream ("Assets": the same endpoint also returns videos and folders)."""
        response = yield from self._asset(stream_id)
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> Steps[live.Page]:
        """Return one page of streams ("List Live Streams API").

        ``limit`` appears only in samples of links, so it is sent only if a size is requested.
        """
        if query.cursor is None:
            request = self.request("GET", LIVE_STREAMS, params={"limit": query.size})
        else:
            request = self.follow(query.cursor, under=ASSETS)
        fields = (yield request).fields()
        return self.page(
            fields.items("results"),
            self._livestream,
            next=lambda: self._next(fields, under=ASSETS),
            total=fields.data.get("count"),
        )

    def _next(self, fields: live.Fields, *, under: str) -> str | None:
        if "next" not in fields.data:
            # Unlike with null, it is unknown whether this is the last page.
            raise live.UnexpectedResponse("next is missing")
        link = fields.optional_text("next")
        return None if link is None else self.cursor_of(link, under=under)

    def _livestream(self, asset: Any) -> live.LiveStream | None:
        """Parse an entry of a list; the samples show only live streams in it."""
        fields = live.Fields(asset)
        if fields.text("type") != "livestream" and fields.data.get("live_stream") is None:
            return None
        return self.parse_stream(asset)

    def start(self, stream_id: str) -> Steps[live.LiveStream]:
        """Start the server of a scheduled stream ("Start a server")."""
        request = self.post(f"{ASSET}start_server/", id=stream_id)
        response = yield from self._unless_forbidden(request, stream_id, FORBID_START)
        return self._stream(response.json(), booting=True)

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Steps[live.LiveStream]:
        """Stop a stream, and schedule the trim of its recording ("Stop a live stream").

        The vendor trims once the recording is transcoded. It accepts both seconds and Unix times
        since 2026-01.
        """
        body = None if trim is None else _trim_body(trim)
        request = self.post(f"{ASSET}stop_live_stream/", id=stream_id, json=body)
        response = yield from self._unless_forbidden(request, stream_id, FORBID_STOP)
        fields = response.fields()
        if body is not None and fields.data.get("trim_scheduled") is not True:
            raise live.UnexpectedResponse(
                "the stream was stopped, but the response does not confirm the trim",
                stream_id=stream_id,
            )
        return (yield from self.get(stream_id))

    def recordings(self, stream_id: str) -> Steps[tuple[live.Recording, ...]]:
        """Read the stream, whose asset holds its only recording ("Assets")."""
        stream = yield from self.get(stream_id)
        return () if stream.recording is None else (stream.recording,)

    def cancel(self, stream_id: str) -> Steps[live.LiveStream]:
        """Delete a stream that has no server yet, and return it as it was last read."""
        stream = yield from self.get(stream_id)
        if stream.status is not _S.SCHEDULED:
            raise live.Conflict(
                f"cannot cancel a stream whose status is '{stream.status}': TPStreams streams can "
                "be canceled only before their server starts",
                status=stream.status,
            )
        yield from self._delete(stream_id)
        return attrs.evolve(stream, status=_S.CANCELLED)

    def delete(self, stream_id: str) -> Steps[None]:
        """Delete a stream and its recording ("Delete live stream"); this stops a running server.

        The same request on a folder deletes everything in it ("Folders"), so the asset is read
        first.
        """
        yield from self._asset(stream_id)
        yield from self._delete(stream_id)

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse an asset of type ``livestream``, in any form documented since 2023."""
        return self._stream(payload, booting=False)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        """Verify and parse a delivery ("Webhooks").

        The header ``x-streams-token`` is the webhook's ``secret_token`` in plain text. The body is
        the asset, which may or may not be a live stream.
        """
        live.webhooks.verify_token(live.Headers(headers).get("x-streams-token"), secret)
        fields = live.Response(200, live.Headers(), body).fields()
        if fields.text("type") != "livestream":
            return live.Event(provider=self.name, kind=live.EventKind.OTHER, raw=fields.data)
        stream = None
        try:
            stream = self.parse_stream(fields.data)
        except live.UnexpectedResponse:
            pass
        return live.Event(
            provider=self.name,
            kind=live.EventKind.STREAM_CHANGED,
            stream_id=fields.identifier("id"),
            stream=stream,
            raw=fields.data,
        )

    def webhooks(self) -> Steps[tuple[live.Webhook, ...]]:
        """Return the webhooks of all pages ("Webhooks"). The responses contain the secrets."""
        found: list[live.Webhook] = []
        request = self.request("GET", WEBHOOKS)
        read: set[str] = set()
        while True:
            fields = (yield request).fields()
            found += map(self._webhook, fields.objects("results"))
            cursor = self._next(fields, under=WEBHOOKS)
            if cursor is None:
                return tuple(found)
            if cursor in read:
                raise live.UnexpectedResponse(
                    "the list of webhooks is incomplete: the link to the next page points back to "
                    "a page already read"
                )
            read.add(cursor)
            request = self.follow(cursor, under=WEBHOOKS)

    def register_webhook(self, url: str, secret: live.Secret) -> Steps[live.Webhook]:
        """Register a webhook, which gets deliveries about all assets ("Webhooks")."""
        body = {"url": url, "secret_token": secret.reveal()}
        return self._webhook((yield self.post(WEBHOOKS, json=body)).fields())

    def delete_webhook(self, webhook_id: str) -> Steps[None]:
        """Delete a webhook ("Webhooks"). The status of success and its body are not documented."""
        response = yield self.request("DELETE", f"{WEBHOOKS}{{id}}/", id=webhook_id)
        _check_deleted(response)

    def _webhook(self, fields: live.Fields) -> live.Webhook:
        return live.Webhook(
            provider=self.name,
            id=fields.identifier("id"),
            url=fields.text("url"),
            secret=fields.optional_text("secret_token") or None,
            raw=fields.data,
        )

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Operation[live.Session]:
        """Use the token, or log in ("Authentication")."""
        if self.options.token is not None:
            return _session(self.options.token.reveal(), ours=False)
        return self._login()

    def sign_out(self, session: live.Session) -> Steps[None]:
        """Delete the session's token, because an organization has only 20 ("Authentication")."""
        yield self.post("/api/auth/logout/", changes=False)

    def account_id(self) -> str:
        """Return the organization's code."""
        return str(self.options.organization_id)

    def error_for(self, response: live.Response) -> live.LiveStreamError:
        """Return the usual error, but recognize a wrong organization: a 404 that is not JSON."""
        if response.status == 404 and response.problem is None and not response.is_readable:
            request = response.request
            if request is not None and "{org}" in request.template:
                # An ID not in the vendor's format may match no path of the API.
                stream_id = request.values.get("id")
                if stream_id is None or _ASSET_ID.fullmatch(stream_id):
                    return live.ConfigurationError(
                        "organization_id: TPStreams has no organization "
                        f"{self.options.organization_id!r}",
                        hint="copy the code from the path of an API request",
                    )
        error = self.error_by_status(response)
        if response.request is not None and response.request.template == _LOGIN:
            return _login_refused(response, error)
        return error

    # -- steps of operations ----------------------------------------------------------------

    def _login(self) -> Steps[live.Session]:
        response = yield self.post(
            _LOGIN,
            json={
                "username": self.options.username,
                "password": self.options.password.reveal(),
                "organization_id": self.options.organization_id,
            },
            changes=False,
        )
        # Its lifetime is not documented, so it is renewed when the vendor refuses it.
        return _session(response.fields().identifier("token"), ours=True)

    def _asset(self, stream_id: str) -> Steps[live.Response]:
        """Read an asset, and check that it is a live stream."""
        response = yield self.request("GET", ASSET, id=stream_id)
        kind = response.fields().text("type")
        if kind != "livestream":
            raise live.NotFound(f"the ID belongs to a {kind}, not to a live stream")
        return response

    def _delete(self, stream_id: str) -> Steps[None]:
        _check_deleted((yield self.request("DELETE", ASSET, id=stream_id)))

    def _unless_forbidden(
        self, request: live.Request, stream_id: str, forbid: frozenset[live.Status]
    ) -> Steps[live.Response]:
        """Send a request; if it is refused because of the stream's status, raise Conflict.

        How the vendor refuses such a request is not documented, so the stream is read after a
        refusal.
        """
        refused: live.LiveStreamError
        try:
            return (yield request)
        except (live.Rejected, live.Conflict) as error:
            refused = error
        if refused.http_status == 408:
            raise refused  # the change may have been applied, so the status explains nothing
        status = None
        try:
            status = (yield from self.get(stream_id)).status
        except live.NotFound:
            raise
        except live.LiveStreamError:
            pass
        if status not in forbid:
            raise refused
        raise live.Conflict(
            f"not allowed while the stream's status is '{status}' ({refused.message})",
            status=status,
            http_status=refused.http_status,
        )

    # -- reading ----------------------------------------------------------------------------

    def _stream(self, payload: Any, *, booting: bool) -> live.LiveStream:
        asset = live.Fields(payload, lenient=True)
        kind = asset.text("type")
        if kind != "livestream":
            raise live.UnexpectedResponse(f"type is {kind[:40]!r}, not 'livestream'")
        fields = asset.object("live_stream")
        word = fields.optional_text("status", expected=True)
        url = fields.optional_text("rtmp_url", field="ingests")
        key = fields.optional_text("stream_key", field="ingests")
        record = fields.optional_flag("transcode_recorded_video", field="record")
        activities = self._activities(fields)
        on_air, stopped = activities.get("on publish"), activities.get("stopped")
        return asset.build(
            live.LiveStream,
            provider=self.name,
            id=asset.identifier("id"),
            title=asset.optional_text("title", expected=True) or "",
            status=_status_of(
                fields,
                word,
                has_ingest=bool(url and key),
                booting=booting,
                record=record,
                activities=activities,
            ),
            provider_status=word,
            scheduled_start=self._start(fields),
            # The order of the activities is not documented.
            started_at=min(on_air) if on_air else None,
            ended_at=max(stopped) if stopped else None,
            # "" and null mean that there is no server yet, or no longer.
            ingests=(live.Ingest(url, live.Secret(key)),) if url and key else (),
            playbacks=[
                live.Playback(address, kind)
                for name, kind in PLAYBACKS
                if (address := fields.optional_text(name, field="playbacks"))
            ],
            record=record,
            recording=_recording(asset.optional_object("video", field="recording")),
            recording_drm=fields.optional_flag("enable_drm_for_recording", field="recording_drm"),
            chat_url=fields.optional_text("chat_embed_url", field="chat_url") or None,
            latency=fields.optional_word("latency", _LATENCIES, normal=_normal),
            raw=asset.data,
        )

    def _start(self, fields: live.Fields) -> datetime | None:
        """Parse ``start``: a local time without a zone; ``null`` in the documents of 2023-07."""
        text = fields.optional_text("start", field="scheduled_start")
        if text is None:
            return None
        if _START.fullmatch(text):
            try:
                return self.wall_clock.to_instant(datetime.fromisoformat(text))
            except (ValueError, OverflowError):
                pass
        fields.unreadable("start", "is not YYYY-MM-DD HH:MM:SS", field="scheduled_start")
        return None

    def _activities(self, fields: live.Fields) -> Activities:
        """Parse ``activities``, which exists since 2025-09; only times that are used are read."""
        read: dict[str, list[datetime]] = {}
        for activity in fields.optional_objects("activities", field="started_at"):
            word = activity.optional_text("status", expected=True)
            if word is None:
                continue
            word = _normal(word)
            times = read.setdefault(word, [])
            if about := TIMED_WORDS.get(word):
                text = activity.optional_text("timestamp", field=about)
                time = None if text is None else self._activity_time(text)
                if time is not None:
                    times.append(time)
                elif text is not None:
                    activity.unreadable("timestamp", "is not a time of the day", field=about)
        return read

    def _activity_time(self, text: str) -> datetime | None:
        """Parse a time such as ``September 22, 2025, 05:59 PM``, without seconds or a zone."""
        if match := _ACTIVITY_TIME.fullmatch(text.strip()):
            name, day, year, hour, minute, half = match.groups()
            try:
                month, hours = _MONTHS[name.lower()], _HOURS[int(hour), half]
                wall = datetime(int(year), month, int(day), hours, int(minute))  # noqa: DTZ001
                return self.wall_clock.to_instant(wall)
            except (KeyError, ValueError, OverflowError):
                pass
        return None


def _check_deleted(response: live.Response) -> None:
    if response.body and not response.is_readable:
        raise response.unexpected("the response to the delete does not come from the vendor")


@lru_cache(maxsize=256)
def _normal(word: str) -> str:
    return word.strip().lower().replace("_", " ").replace("-", " ")


def _status_of(
    fields: live.Fields,
    word: str | None,
    *,
    has_ingest: bool,
    booting: bool,
    record: bool | None,
    activities: Activities,
) -> live.Status:
    if word is None:
        return _S.UNKNOWN
    word = _normal(word)
    doubtful = {problem.partition(":")[0] for problem in fields.problems or ()}
    if word == NOT_STARTED:
        # Since 2023-12, only the ingest shows that the stream is ready. Without an ingest, only
        # the response that started the boot distinguishes a booting server from none.
        if has_ingest:
            return _S.READY
        if "ingests" not in doubtful:
            return _S.STARTING if booting else _S.SCHEDULED
        fields.unreadable("status", "depends on the ingest, which cannot be read")
        return _S.UNKNOWN
    if word == STOPPED:
        # A recording follows, unless it is certain that the stream was never live.
        was_on_air = (
            not activities or not ON_AIR_WORDS.isdisjoint(activities) or "started_at" in doubtful
        )
        if "record" not in doubtful:
            return _S.PROCESSING if record and was_on_air else _S.ENDED
        fields.unreadable("status", "does not say whether a recording follows")
        return _S.UNKNOWN
    return fields.optional_word("status", STATUS_WORDS, normal=_normal) or _S.UNKNOWN


def _recording(video: live.Fields | None) -> live.Recording | None:
    """Parse ``video`` of a live stream: its recording; ``null`` until it exists."""
    if video is None:
        return None
    return video.part(
        "recording",
        live.Recording,
        video.optional_word("status", RECORDING_WORDS, normal=_normal, expected=True)
        or live.RecordingStatus.UNKNOWN,
        url=video.optional_text("playback_url") or None,
        dash_url=video.optional_text("dash_url") or None,
        duration=video.optional_number("duration"),
    )


def _trim_body(trim: live.Trim) -> dict[str, int]:
    start, end = trim.unix_times()
    for field, value in (("trim.start", start), ("trim.end", end)):
        if trim.is_relative and value >= UNIX_TIME_FROM:
            raise live.InvalidInput(
                f"{field}: TPStreams would read {value} seconds as a Unix time", field=field
            )
        if not trim.is_relative and value < UNIX_TIME_FROM:
            raise live.InvalidInput(
                f"{field}: is before 2001-09-09, so TPStreams would read it as seconds from the "
                "start of the recording",
                field=field,
            )
    return {"start_time": start, "end_time": end}


def _login_refused(response: live.Response, error: live.LiveStreamError) -> live.LiveStreamError:
    """Return the error for a refused login.

    "Authentication" documents only the successful response, so the others are taken from
    django-rest-knox.
    """
    if response.status == 403:
        # This is also the response to a request for a 21st token.
        return live.AuthenticationFailed(
            error.message,
            retryable=True,
            hint="check username and password; if they are correct, all 20 tokens of the "
            "organization are in use: close a session, or retry when one has ended",
        )
    if isinstance(error, live.Rejected) and "non_field_errors" in error.fields:
        return live.AuthenticationFailed(error.message)
    return error


def _session(token: str, *, ours: bool) -> live.Session:
    return live.Session(headers={"Authorization": f"Token {token}"}, ours=ours)
