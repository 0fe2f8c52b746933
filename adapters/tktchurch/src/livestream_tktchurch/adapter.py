"""The adapter for TKT Church.

The vendor keeps a catalog of announcements: the title, times, status, and URL of a stream that is
hosted elsewhere, all written by its clients. It has no ingest and no recordings.

The only source is the API reference at docs.tktchurch.com; docstrings name its endpoints. Facts
that are marked as inferred are not documented.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import attrs

import livestream_core as live
from livestream_core import Feature, Status, Support

_ALL = "/v1/livestreams"
_ONE = "/v1/livestreams/{id}"

_STATUS = {
    "scheduled": Status.SCHEDULED,
    "live": Status.LIVE,
    "ended": Status.ENDED,
    "cancelled": Status.CANCELLED,
}

#: The vendor's name of each field that can be written, and the conversion of its value.
_WRITTEN: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "title": ("title", str),
    "description": ("description", lambda text: text or ""),
    "tags": ("tags", lambda tags: [*(tags or ())]),
    # The format has no fractions of a second, which may be refused (inferred from Foundation).
    "scheduled_start": ("scheduledStartTime", live.format_instant),
    "thumbnail_url": ("thumbnailUrl", str),
}
#: POST /livestreams requires these two fields in addition to the title, even if they are empty.
_REQUIRED = ("description", "tags")
_OPTIONAL = ("scheduled_start", "thumbnail_url", "playback_url")

#: An object with an ID and two of these is a livestream. A livestream always has the first three,
#: and nulls may be omitted. Many other objects have one of them.
_OWN = ("title", "status", "tags", "youtubeUrl", "customStreamUrl", "scheduledStartTime")

_YOUTUBE = re.compile(r"(?:.+\.)?(?:youtube\.com|youtu\.be)\.?")
_CURSOR = re.compile(r"[1-9][0-9]{0,17}")


class _Step(NamedTuple):
    """A change of status. The vendor allows any change, and sets no times automatically.

    Attributes:
        word: The vendor's word for the new status.
        time_field: The field that is set to the current time, if any.
        unchanged: The status in which a stream is returned unchanged, with its times.
        forbidden: The statuses in which the change is a conflict.
    """

    word: str
    time_field: str | None
    unchanged: Status
    forbidden: frozenset[Status]


_START = _Step("live", "actualStartTime", Status.LIVE, frozenset({Status.ENDED, Status.CANCELLED}))
_STOP = _Step("ended", "endTime", Status.ENDED, frozenset({Status.CANCELLED}))
_CANCEL = _Step("cancelled", None, Status.CANCELLED, frozenset({Status.LIVE, Status.ENDED}))

_OneStream = Generator[live.Request, live.Response, live.LiveStream]


@attrs.frozen(kw_only=True)
class TKTChurchOptions(live.Options):
    """Options of a connection to TKT Church: an access token, or a user's credentials.

    Attributes:
        base_url: The vendor's origin.
        access_token: A JWT access token. It cannot be renewed, and expires after an hour.
        email: The user's email address.
        password: The user's password.
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (("access_token",), ("email", "password"))

    base_url: str = live.option(
        default="https://api.tktchurch.com", help="The vendor's origin: https://host[:port]."
    )
    access_token: live.Secret | None = live.option(
        default=None, help="A JWT access token; it is sent unchanged and never renewed."
    )
    email: str | None = live.option(default=None, help="The user's email address.")
    password: live.Secret | None = live.option(default=None, help="The user's password.")


_CATALOG = "TKT Church is a catalog of streams that are hosted elsewhere"


class TKTChurchAdapter(live.Adapter):
    """The adapter for TKT Church's livestream catalog, version 1 of its API."""

    name = "tktchurch"
    Options: ClassVar[type[live.Options]] = TKTChurchOptions
    options: TKTChurchOptions
    is_lenient: ClassVar[bool] = True
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            Feature.CREATE: Support.NATIVE,
            Feature.SCHEDULE: Support.NATIVE,
            Feature.GET: (
                Support.EMULATED,
                "reading one livestream is not documented: the adapter tries GET "
                "/livestreams/{id}, and searches the list if that returns 404 or 405",
            ),
            Feature.LIST: Support.NATIVE,
            Feature.UPDATE: Support.NATIVE,
            Feature.START: Support.NATIVE,
            Feature.STOP: Support.NATIVE,
            Feature.RESET_KEY: (Support.NONE, f"{_CATALOG}; it has no stream keys"),
            Feature.DISABLE: (Support.NONE, f"{_CATALOG}; it cannot refuse their encoders"),
            Feature.ENABLE: (Support.NONE, f"{_CATALOG}; it cannot refuse their encoders"),
            Feature.TRIM: (Support.NONE, f"{_CATALOG}; it has no recordings to trim"),
            Feature.RECORDINGS: (Support.NONE, f"{_CATALOG}; it records nothing"),
            Feature.CANCEL: Support.NATIVE,
            Feature.DELETE: Support.NATIVE,
            Feature.WEBHOOK: (Support.NONE, "TKT Church sends no webhooks; read the list instead"),
            Feature.MANAGE_WEBHOOKS: (Support.NONE, "TKT Church sends no webhooks"),
        },
        fields={
            Feature.RECORD: (Support.NONE, f"{_CATALOG}; it records nothing"),
            Feature.RECORDING_DRM: (Support.NONE, f"{_CATALOG}; it records nothing"),
            Feature.LATENCY: (Support.NONE, f"{_CATALOG}; it delivers no video"),
            Feature.DESCRIPTION: Support.NATIVE,
            Feature.TAGS: Support.NATIVE,
            Feature.REFERENCE: (
                Support.NONE,
                "a TKT Church livestream has no field for an ID of your own; use a tag",
            ),
            Feature.THUMBNAIL_URL: (
                Support.NATIVE,
                "an uploaded picture takes precedence over this URL",
            ),
            Feature.PLAYBACK_URL: (
                Support.NATIVE,
                "a stream has separate fields for a YouTube URL and any other URL: setting one "
                "leaves the other unchanged",
            ),
            Feature.RESTREAMS: (Support.NONE, f"{_CATALOG}; it does not restream"),
        },
        statuses=_STATUS.values(),
        updatable=(*_WRITTEN, "playback_url"),
        clearable=_REQUIRED,
        filters=("status", "tag", "starts_after", "starts_before"),
        reports_total=True,
        mark="tags",
    )

    def __init__(
        self, options: live.Options, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        super().__init__(options, clock=clock)
        #: Whether GET /livestreams/{id} is known not to exist.
        self._has_no_get = False

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: live.StreamSpec) -> _OneStream:
        """Send POST /livestreams; the vendor sets the status to scheduled."""
        values = {name: getattr(spec, name) for name in ("title", *_REQUIRED, *_OPTIONAL)}
        known = {
            name: value for name, value in values.items() if value is not None or name in _REQUIRED
        }
        response = yield self.post(_ALL, json=self.with_options(_body(known), spec.options))
        return _stream(response.fields(lenient=True))

    def get(self, stream_id: str) -> _OneStream:
        """Send GET /livestreams/{id}, which is not documented, or search GET /livestreams."""
        request = self.request("GET", _ONE, id=stream_id)
        request.target()  # an ID that cannot be part of a path is refused in both cases
        if not self._has_no_get:
            try:
                response = yield request
            except live.LiveStreamError as error:
                if not isinstance(error, live.NotFound) and error.http_status != 405:
                    raise
            else:
                return self._checked(response, stream_id)
        stream = yield from self.find(stream_id)
        if stream is None:
            raise live.NotFound("no stream in the list has this ID", stream_id=stream_id)
        # The stream exists, so the endpoint does not.
        self._has_no_get = True
        return stream

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """Send GET /livestreams.

        Time filters are not sent, because the documents do not say which time they compare.
        """
        page = 1
        if query.cursor is not None:
            if not _CURSOR.fullmatch(query.cursor):
                raise live.InvalidInput("cursor: is not a cursor of this list", field="cursor")
            page = int(query.cursor)
        status = query.status if query.status in _STATUS.values() else None
        response = yield self.request(
            "GET",
            _ALL,
            params={"page": page, "per": query.size, "status": status, "tag": query.tag},
        )
        fields = response.fields()
        metadata = response.fields(lenient=True).optional_object("metadata")
        return self.page(
            fields.items("items"),
            next=lambda: _next_page(fields.object("metadata"), page),
            total=None if metadata is None else metadata.optional_integer("total"),
        )

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> _OneStream:
        """Send PUT /livestreams/{id}, a partial update.

        Null probably does not clear a field (inferred), so only a field that can be empty can be
        cleared.
        """
        return self._put(stream_id, _body(changes))

    def start(self, stream_id: str) -> _OneStream:
        """Set the status to ``live``, and ``actualStartTime`` to the current time."""
        return self._step(stream_id, _START)

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> _OneStream:
        """Set the status to ``ended``, and ``endTime`` to the current time."""
        return self._step(stream_id, _STOP)

    def cancel(self, stream_id: str) -> _OneStream:
        """Set the status to ``cancelled``."""
        return self._step(stream_id, _CANCEL)

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        """Send DELETE /livestreams/{id}; this path has only livestreams."""
        response = yield self.request("DELETE", _ONE, id=stream_id)
        if response.body and not response.is_readable:
            # A proxy's page does not prove a deletion.
            raise response.unexpected("the response to the delete does not come from the vendor")

    def _step(self, stream_id: str, step: _Step) -> _OneStream:
        stream = yield from self.get(stream_id)
        if stream.status is step.unchanged:
            return stream
        if stream.status in step.forbidden:
            raise live.Conflict(
                f"not allowed while the stream's status is '{stream.status}'", status=stream.status
            )
        body = {"status": step.word}
        if step.time_field is not None:
            body[step.time_field] = live.format_instant(self.clock())
        return (yield from self._put(stream_id, body))

    def _put(self, stream_id: str, body: Mapping[str, Any]) -> _OneStream:
        response = yield self.put(_ONE, id=stream_id, json=body)
        return self._checked(response, stream_id)

    def _checked(self, response: live.Response, stream_id: str) -> live.LiveStream:
        stream = _stream(response.fields(lenient=True))
        if self.id_key(stream.id) != self.id_key(stream_id):
            raise response.unexpected("the response is about another stream")
        return stream

    # -- payloads ---------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse a livestream object.

        Null and missing mean the same: Fluent's models print nulls, while Swift's own encoders
        omit them (inferred).
        """
        return _stream(live.Fields(payload, lenient=True))

    def id_key(self, stream_id: str) -> str:
        """Return an ID in lower case: Vapor prints UUIDs in upper case, the samples in lower."""
        return stream_id.lower()

    # -- signing in -------------------------------------------------------------------------

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Operation[live.Session]:
        """Send POST /auth/token with the previous refresh token, or POST /auth/login.

        There is no sign-out, because POST /auth/logout ends every session of the user.
        """
        if self.options.access_token is not None:
            return live.Session(_bearer(self.options.access_token.reveal()))
        return self._sign_in(previous, now)

    def _sign_in(
        self, previous: live.Session | None, now: datetime
    ) -> Generator[live.Request, live.Response, live.Session]:
        refresh = previous.memo if previous is not None else None
        if isinstance(refresh, live.Secret):
            body = {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
            try:
                response = yield self._auth("token", body)
            except (live.AuthenticationFailed, live.NotFound, live.Rejected):
                pass  # the status for an expired refresh token is not documented
            else:
                return _session(response, now, refresh)
        password = self.options.password
        body = {
            "email": self.options.email or "",
            "password": password.reveal() if password else "",
        }
        response = yield self._auth("login", body)
        return _session(response, now, None)

    def _auth(self, endpoint: str, body: Mapping[str, str]) -> live.Request:
        # A login that is sent twice opens one more session; a refresh is refused at worst.
        return self.post(f"/v1/auth/{endpoint}", json=body, changes=False, idempotent=True)

    def account_id(self) -> str:
        """Return the subject of the access token, or the user's email address in lower case."""
        if self.options.access_token is None:
            return (self.options.email or "").lower()
        token = self.options.access_token.reveal()
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        return _subject(token) or f"token-{digest[:8]}"


def _body(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the vendor's fields for fields of the model."""
    body = {}
    for name, value in values.items():
        if name == "playback_url":
            body[_field_for(value)] = value
        else:
            field, convert = _WRITTEN[name]
            body[field] = convert(value)
    return body


def _field_for(url: str) -> str:
    """Return the vendor's field for a URL: it has one for YouTube and one for all others."""
    host = None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        pass
    return "youtubeUrl" if _YOUTUBE.fullmatch(host or "") else "customStreamUrl"


def _stream(fields: live.Fields) -> live.LiveStream:
    """Parse the livestream object of POST /livestreams; an empty URL is none."""
    if sum(name in fields.data for name in _OWN) < 2:
        raise live.UnexpectedResponse(f"fewer than two of {', '.join(_OWN)} are in the response")
    addresses = [
        fields.optional_text(name, field="playbacks") for name in ("youtubeUrl", "customStreamUrl")
    ]
    # The documents do not say which of two pictures applies: the uploaded one (inferred).
    thumbnail = fields.optional_object("thumbnail", field="thumbnail_url")
    uploaded = thumbnail.optional_text("url") if thumbnail is not None else None
    linked = fields.optional_text("thumbnailUrl", field="thumbnail_url")
    return fields.build(
        live.LiveStream,
        provider=TKTChurchAdapter.name,
        id=fields.identifier("id"),
        title=fields.optional_text("title", expected=True) or "",
        description=fields.optional_text("description"),
        status=fields.optional_word("status", _STATUS, normal=_normal, expected=True)
        or Status.UNKNOWN,
        provider_status=fields.optional_text("status"),
        scheduled_start=fields.optional_instant("scheduledStartTime", field="scheduled_start"),
        started_at=fields.optional_instant("actualStartTime", field="started_at"),
        ended_at=fields.optional_instant("endTime", field="ended_at"),
        created_at=fields.optional_instant("createdAt", field="created_at"),
        updated_at=fields.optional_instant("updatedAt", field="updated_at"),
        playbacks=[live.Playback(url) for url in addresses if url],
        tags=fields.optional_texts("tags"),
        thumbnail_url=uploaded or linked or None,
        raw=fields.data,
    )


def _normal(word: str) -> str:
    return re.sub("[_-]", " ", word.strip().lower())


def _next_page(metadata: live.Fields, page: int) -> str | None:
    """Return the number of the next page, or ``None`` after the last one.

    Unlike the vendor's sample, Fluent's own pages do not include the number of pages.
    """
    total = metadata.integer("total")
    if total < 0 or metadata.optional_integer("page") not in (None, page):
        raise live.UnexpectedResponse(f"the response is not page {page} of a list")
    count = metadata.optional_integer("pageCount")
    if count is None:
        per = metadata.integer("per")
        if per < 1:
            raise live.UnexpectedResponse("metadata.per is below 1")
        count = max(1, -(-total // per))
    if count < 1 and total:
        raise live.UnexpectedResponse("metadata.pageCount is below 1")
    return str(page + 1) if page < count else None


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _session(response: live.Response, now: datetime, refresh: live.Secret | None) -> live.Session:
    """Parse the response of POST /auth/login or POST /auth/token; ``expires_in`` is in seconds."""
    fields = response.fields()
    token, renewed = fields.text("access_token"), fields.optional_text("refresh_token")
    if not token:
        raise response.unexpected("access_token is empty in the response")
    return live.Session(
        _bearer(token),
        expires_at=fields.optional_end("expires_in", now),
        # The documents do not say whether the previous refresh token still works.
        memo=live.Secret(renewed) if renewed else refresh,
    )


def _subject(token: str) -> str | None:
    """Return the ``sub`` of a JWT; only the vendor can verify its signature."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject = claims["sub"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return subject if isinstance(subject, str) and subject and subject.isprintable() else None
