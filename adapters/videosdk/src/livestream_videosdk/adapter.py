"""The adapter for VideoSDK's live streams: the API ``/v1/livestreams``.

Its sources are the reference of that API (``docs/live-streaming/api-reference`` in VideoSDK's
public documentation repository, "the reference") and an older guide
(``docs/guide/standard-live-streaming-api-sdk``, "the guide"). VideoSDK withdrew the product on
2023-02-02. The livestreams of its API v2 are something else: they push a meeting to other
platforms.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import attrs
import jwt
from jwt.algorithms import HMACAlgorithm

import livestream_core as live

_ALL = "/v1/livestreams"
_PAGES = "/v1/livestreams/"  # in the reference, only the list has a trailing slash
_ONE = "/v1/livestreams/{id}"

#: The lifetime of a token that the adapter signs, as on the reference's page on authentication.
TOKEN_LIFE = timedelta(minutes=10)

#: How far a token's issue time is set back, because a vendor whose clock is slightly behind would
#: refuse a token that was issued in its future.
ISSUED_BEFORE = timedelta(seconds=30)

#: The vendor's names for the fields of a spec.
_FIELDS = {"title": "name", "record": "record", "restreams": "restream"}

#: The fields that only livestreams of v1 have. Other objects have IDs too.
_OWN = ("name", "record", "restream", "streamKey", "streamUrl", "upstreamUrl")

#: A page number, in a request and as a cursor.
_PAGE = re.compile(r"[1-9][0-9]{0,17}")

_NONE = live.Support.NONE
_NATIVE = live.Support.NATIVE


class _AnyLength(HMACAlgorithm):
    def check_key_length(self, key: object) -> str | None:
        """Return no warning, because VideoSDK chooses the length of an account's secret."""
        return None


_JWS = jwt.PyJWS()
_JWS.unregister_algorithm("HS256")
_JWS.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))


def _is_jwt(_: object, __: object, token: live.Secret | None) -> None:
    if token is not None and not re.fullmatch(r"[!-~]+", token.reveal()):
        raise ValueError("must be only the JWT, without Bearer or any other prefix")


@attrs.frozen(kw_only=True)
class VideoSDKOptions(live.Options):
    """Options of a connection to VideoSDK: a token, or the key and secret to sign tokens with.

    Attributes:
        base_url: The vendor's origin.
        token: A JWT. It is sent unchanged and never renewed.
        api_key: The account's API key. It identifies the account and is not secret.
        secret: The account's secret. It is never sent.
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (("token",), ("api_key", "secret"))

    base_url: str = live.option(
        default="https://api.videosdk.live", help="The vendor's origin: https://host[:port]."
    )
    token: live.Secret | None = live.option(
        default=None, validator=_is_jwt, help="An existing JWT, without any prefix."
    )
    api_key: str | None = live.option(default=None, help="The account's API key.")
    secret: live.Secret | None = live.option(
        default=None, help="The account's secret, which signs tokens."
    )


class VideoSDKAdapter(live.Adapter):
    """The adapter for the live streams of VideoSDK's API v1.

    A stream is an ingest that is open from its creation until it is deleted. The API returns no
    status, no start time, and no events, so it is unknown whether a stream is live.
    """

    name = "videosdk"
    Options: ClassVar[type[live.Options]] = VideoSDKOptions
    options: VideoSDKOptions

    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations={
            live.Feature.CREATE: _NATIVE,
            live.Feature.SCHEDULE: (_NONE, "VideoSDK has no schedule: the ingest is open at once"),
            live.Feature.GET: _NATIVE,
            live.Feature.LIST: _NATIVE,
            live.Feature.UPDATE: _NATIVE,
            live.Feature.START: live.Capability(
                live.Support.AUTOMATIC,
                "the ingest is open as soon as the stream is created; start only reads the stream",
            ),
            live.Feature.RESET_KEY: (_NONE, "a VideoSDK stream keeps its key until it is deleted"),
            live.Feature.DISABLE: (
                _NONE,
                "VideoSDK has no endpoint for it; delete the stream to close its ingest",
            ),
            live.Feature.ENABLE: (_NONE, "a VideoSDK stream is never disabled"),
            live.Feature.STOP: (
                _NONE,
                "VideoSDK has no endpoint for it; disconnect the encoder to end the stream",
            ),
            live.Feature.TRIM: (_NONE, "VideoSDK cannot trim a recording"),
            live.Feature.RECORDINGS: (
                _NONE,
                "VideoSDK does not say which recordings exist: a stream with record on has the "
                "URL of one before it was live",
            ),
            live.Feature.CANCEL: (
                _NONE,
                "VideoSDK has no schedule; delete the stream instead",
            ),
            live.Feature.DELETE: _NATIVE,
            live.Feature.WEBHOOK: (_NONE, "VideoSDK sends no webhooks for v1 live streams"),
        },
        fields={
            live.Feature.RECORD: _NATIVE,
            live.Feature.RESTREAMS: live.Capability(
                live.Support.NATIVE,
                "only the responses to create and update include restream targets, so a later "
                "read, including one by a migration, does not return them",
            ),
            live.Feature.RECORDING_DRM: (_NONE, "VideoSDK has no DRM for recordings"),
            live.Feature.LATENCY: (_NONE, "VideoSDK does not let you choose the latency"),
            live.Feature.DESCRIPTION: (_NONE, "a VideoSDK stream has a name but no description"),
            live.Feature.TAGS: (_NONE, "a VideoSDK stream has no tags"),
            live.Feature.REFERENCE: (_NONE, "a VideoSDK stream has no field for an ID of your own"),
            live.Feature.THUMBNAIL_URL: (_NONE, "a VideoSDK stream has no picture"),
            live.Feature.PLAYBACK_URL: (
                _NONE,
                "VideoSDK hosts the stream itself and assigns its playback URL",
            ),
        },
        statuses={live.Status.READY},
        updatable={"title", "record"},
        filters={"status"},
        empty_page_ends=True,
    )

    is_lenient: ClassVar[bool] = True

    # From the SDK's documentation: "The API uses both" 402 and 404 for a missing stream.
    errors: ClassVar[Mapping[int, type[live.LiveStreamError]]] = {402: live.NotFound}

    # Stream keys are UUIDs, and playback URLs contain them; the guide shows keys in another form.
    secret_patterns: ClassVar[tuple[str, ...]] = (
        r"(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
        r"(?<=/live/)[^\s/\"'<>?#\\]+",
    )

    # -- operations -------------------------------------------------------------------------

    def create(
        self, spec: live.StreamSpec
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Send ``POST /v1/livestreams`` (the reference, "Create Live Stream").

        Raises:
            InvalidInput: If a restream target has no URL or no stream key; both are required.
        """
        values = {
            "title": spec.title,
            "record": spec.record,
            "restreams": [_target(each) for each in spec.restreams] or None,
        }
        known = {theirs: values[ours] for ours, theirs in _FIELDS.items()}
        body = self.with_options(known, spec.options)
        for name, value in known.items():
            if value is None:
                del body[name]
        response = yield self.post(_ALL, json=body)
        return self.parse_stream(response.json())

    def get(self, stream_id: str) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Send ``GET /v1/livestreams/{id}``; the response does not include restream targets."""
        response = yield self.request("GET", _ONE, id=stream_id)
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """Send ``GET /v1/livestreams/``; the cursor is the page number.

        Raises:
            InvalidInput: If the cursor is not a page number.
        """
        number = query.cursor or "1"
        if not _PAGE.fullmatch(number):
            raise live.InvalidInput("cursor: is not a page number", field="cursor")
        response = yield self.request("GET", _PAGES, params={"page": number, "perPage": query.size})
        fields = response.fields()
        items = fields.items("data")
        info = response.fields(lenient=True).optional_object("pageInfo")
        return self.page(
            items,
            next=lambda: _next_page(fields, int(number), len(items)),
            total=None if info is None else info.optional_integer("total"),
        )

    def update(
        self, stream_id: str, changes: Mapping[str, Any]
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Send ``POST /v1/livestreams/{id}``.

        The cURL sample in the reference shows GET with a body; the samples in other languages
        show POST.
        """
        body = {_FIELDS[name]: value for name, value in changes.items()}
        response = yield self.post(_ONE, id=stream_id, json=body)
        return self.parse_stream(response.json())

    def start(self, stream_id: str) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Read the stream, because its ingest is already open."""
        return self.get(stream_id)

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        """Send ``DELETE /v1/livestreams/{id}``; the response is the deleted stream.

        This path has only live streams, so the stream is not read first.
        """
        response = yield self.request("DELETE", _ONE, id=stream_id)
        if response.status != 204:
            response.json()  # a proxy's page does not prove a deletion

    # -- reading ----------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Parse a livestream object, in any form that the vendor documents."""
        fields = live.Fields(payload, lenient=True)
        if not any(name in fields.data for name in _OWN):
            raise live.UnexpectedResponse(f"none of {', '.join(_OWN)} is in the response")
        record = fields.optional_flag("record")
        # Playback URLs contain the stream key.
        playback = fields.optional_text("downstreamUrl", field="playbacks")
        # The create sample has a recordingUrl although `record` is false: nothing is recorded.
        recording = fields.optional_text("recordingUrl", field="recording")
        return fields.build(
            live.LiveStream,
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.optional_text("name", field="title", expected=True) or "",
            status=live.Status.READY,
            created_at=fields.optional_instant("createdAt", field="created_at"),
            updated_at=fields.optional_instant("updatedAt", field="updated_at"),
            ingests=_ingests(fields),
            playbacks=(live.Playback(live.SecretUrl(playback)),) if playback else (),
            record=record,
            recording=live.Recording(live.RecordingStatus.UNKNOWN, live.SecretUrl(recording))
            if record and recording
            else None,
            restreams=tuple(
                live.RestreamTarget(
                    each.optional_text("url") or None, each.optional_text("streamKey") or None
                )
                for each in fields.optional_objects("restream", field="restreams")
            ),
            raw=fields.data,
        )

    # -- signing in -------------------------------------------------------------------------

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Session:
        """Return a session with the configured token, or with a newly signed one.

        The token is signed with HS256, and is the raw value of the header (the reference's page on
        authentication).
        """
        if self.options.token is not None:
            return live.Session(headers={"Authorization": self.options.token.reveal()})
        secret = self.options.secret
        present = int(now.timestamp())
        issued = present - int(ISSUED_BEFORE.total_seconds())
        expires = present + int(TOKEN_LIFE.total_seconds())
        claims = {"apikey": self.options.api_key, "iat": issued, "exp": expires}
        try:
            token = _JWS.encode(
                json.dumps(claims).encode(), secret.reveal() if secret else "", "HS256"
            )
        except (jwt.InvalidKeyError, UnicodeError):
            pass
        else:
            return live.Session(
                headers={"Authorization": token}, expires_at=datetime.fromtimestamp(expires, UTC)
            )
        raise live.ConfigurationError("secret: cannot be used to sign a token")

    def account_id(self) -> str:
        """Return the API key, or a short digest of a token in which it cannot be read."""
        if self.options.token is None:
            return self.options.api_key or ""
        token = self.options.token.reveal()
        api_key = None
        try:
            # Only VideoSDK can verify the token; this only reads it.
            api_key = jwt.decode(token, options={"verify_signature": False}).get("apikey")
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            pass
        if isinstance(api_key, str) and api_key.strip() and api_key.isprintable():
            return api_key
        return f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def _target(target: live.RestreamTarget) -> dict[str, str]:
    if target.url is None or target.stream_key is None:
        raise live.InvalidInput(
            "restreams: VideoSDK needs the URL and the stream key of each target",
            field="restreams",
        )
    return {"url": str(target.url), "streamKey": target.stream_key.reveal()}


def _next_page(fields: live.Fields, requested: int, count: int) -> str | None:
    """Return the number of the page after one with ``count`` streams, or ``None``."""
    # The guide's response has no pageInfo: all streams are on one page.
    info = fields.optional_object("pageInfo")
    if info is None or not count:
        return None
    if info.optional_integer("currentPage") not in (None, requested):
        raise live.UnexpectedResponse(f"the response is not page {requested} of the list")
    last = info.optional_integer("lastPage")
    total = info.optional_integer("total")
    if last is None and total is not None:
        size = info.optional_integer("perPage") or 0
        last = -(-total // (size if size > 0 else count))
    return str(requested + 1) if last is None or requested < last else None


def _ingests(fields: live.Fields) -> tuple[live.Ingest, ...]:
    key = fields.optional_text("streamKey", field="ingests") or None
    server = fields.optional_text("streamUrl", field="ingests")
    if not server and (url := fields.optional_text("upstreamUrl", field="ingests")):
        # streamUrl exists only since 2022-01-28.
        try:
            server, key = live.split_publish_url(url, key)
        except live.InvalidInput:
            fields.unreadable("upstreamUrl", "does not end in streamKey", field="ingests")
    return (live.Ingest(server, key),) if server else ()
