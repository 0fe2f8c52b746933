"""VideoSDK's live streams: the API ``/v1/livestreams``.

The facts are from the reference of that API (``docs/live-streaming/api-reference`` in
VideoSDK's public documentation repository, "the reference") and from its older guide
(``docs/guide/standard-live-streaming-api-sdk``, "the guide"). VideoSDK withdrew the product on
2023-02-02. What its API v2 calls livestreams pushes a meeting to other platforms, and is
something else.
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
_PAGES = "/v1/livestreams/"  # the reference writes the list, and only the list, with a slash
_ONE = "/v1/livestreams/{id}"

#: How long a token that is signed here is good for: what the reference's page on
#: authentication uses.
TOKEN_LIFE = timedelta(minutes=10)

#: A token says that it was issued so long ago: a vendor whose clock is a little behind ours refuses
#: one that was issued in its future.
ISSUED_BEFORE = timedelta(seconds=30)

#: Fields of a spec and the vendor's names for them.
_FIELDS = {"title": "name", "record": "record", "restreams": "restream"}

#: What only livestreams of v1 have. API v2 calls other things livestreams, and has ids too.
_OWN = ("name", "record", "restream", "streamKey", "streamUrl", "upstreamUrl")

#: A page number, as we send it and as a cursor.
_PAGE = re.compile(r"[1-9][0-9]{0,17}")

_NONE = live.Support.NONE
_NATIVE = live.Support.NATIVE


class _AnyLength(HMACAlgorithm):
    def check_key_length(self, key: object) -> str | None:
        """No warning: how long an account's secret is, is VideoSDK's choice and not its user's."""
        return None


_JWS = jwt.PyJWS()
_JWS.unregister_algorithm("HS256")
_JWS.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))


def _is_jwt(_: object, __: object, token: live.Secret | None) -> None:
    if token is not None and not re.fullmatch(r"[!-~]+", token.reveal()):
        raise ValueError("must be the JWT alone, without Bearer or any other prefix")


@attrs.frozen(kw_only=True)
class VideoSDKOptions(live.Options):
    """A ready token, or what tokens are signed with.

    Attributes:
        token: A JWT; it is sent as it is and never renewed.
        api_key: The account's API key. It names the account and is not secret by itself.
        secret: The account's secret; it is never sent.
    """

    credentials: ClassVar[tuple[tuple[str, ...], ...]] = (("token",), ("api_key", "secret"))

    base_url: str = live.option(
        default="https://api.videosdk.live", help="The vendor's origin: https://host[:port]."
    )
    token: live.Secret | None = live.option(
        default=None, validator=_is_jwt, help="A ready JWT, without any prefix."
    )
    api_key: str | None = live.option(default=None, help="The account's API key.")
    secret: live.Secret | None = live.option(
        default=None, help="The account's secret, to sign tokens with."
    )


class VideoSDKAdapter(live.Adapter):
    """Live streams of VideoSDK's API v1.

    A stream there is an RTMP address that is open from creation until it is deleted. The API has
    no status, no time and no event: nothing says whether a stream is on air.
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
                "the ingest is open from creation on; the call reads the stream",
            ),
            live.Feature.STOP: (
                _NONE,
                "VideoSDK has no call to stop a stream: the encoder ends it by disconnecting",
            ),
            live.Feature.TRIM: (_NONE, "VideoSDK cannot trim a recording"),
            live.Feature.CANCEL: (
                _NONE,
                "VideoSDK cannot call a stream off: nothing is scheduled; delete it instead",
            ),
            live.Feature.DELETE: _NATIVE,
            live.Feature.WEBHOOK: (_NONE, "VideoSDK sends no webhooks for v1 live streams"),
        },
        fields={
            live.Feature.RECORD: _NATIVE,
            live.Feature.RESTREAMS: live.Capability(
                live.Support.NATIVE,
                "only the answers to create and update name them, so nobody who reads the stream "
                "later, a migration included, learns of them",
            ),
            live.Feature.RECORDING_DRM: (_NONE, "VideoSDK has no DRM for recordings"),
            live.Feature.LATENCY: (_NONE, "VideoSDK has no choice of latency"),
            live.Feature.DESCRIPTION: (_NONE, "a VideoSDK stream has a name and no description"),
            live.Feature.TAGS: (_NONE, "a VideoSDK stream has no tags"),
            live.Feature.THUMBNAIL_URL: (_NONE, "a VideoSDK stream has no picture"),
            live.Feature.PLAYBACK_URL: (
                _NONE,
                "VideoSDK hosts the stream itself and names its playback URL",
            ),
        },
        statuses={live.Status.READY},
        updatable={"title", "record"},
        filters={"status"},
        empty_page_ends=True,
    )

    is_lenient: ClassVar[bool] = True

    # Its SDK's documentation: "The API uses both" 402 and 404 for what is not found.
    errors: ClassVar[Mapping[int, type[live.LiveStreamError]]] = {402: live.NotFound}

    # Stream keys are UUIDs, and playback URLs contain them; the guide shows keys of another form.
    secret_patterns: ClassVar[tuple[str, ...]] = (
        r"(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
        r"(?<=/live/)[^\s/\"'<>?#\\]+",
    )

    # -- operations -------------------------------------------------------------------------

    def create(
        self, spec: live.StreamSpec
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        """``POST /v1/livestreams`` (the reference, "Create Live Stream").

        Raises:
            InvalidInput: A restream target lacks its URL or its key: both are required there.
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
        """``GET /v1/livestreams/{id}``. The answer does not name the restream targets."""
        response = yield self.request("GET", _ONE, id=stream_id)
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        """``GET /v1/livestreams/``; the cursor is the page's number.

        Raises:
            InvalidInput: The cursor is not a page's number.
        """
        number = query.cursor or "1"
        if not _PAGE.fullmatch(number):
            raise live.InvalidInput("cursor: is not the number of a page", field="cursor")
        response = yield self.request("GET", _PAGES, params={"page": number, "perPage": query.size})
        answer = response.fields()
        items = answer.items("data")
        info = response.fields(lenient=True).optional_object("pageInfo")
        return self.page(
            items,
            next=lambda: _next_page(answer, int(number), len(items)),
            total=None if info is None else info.optional_integer("total"),
        )

    def update(
        self, stream_id: str, changes: Mapping[str, Any]
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        """``POST /v1/livestreams/{id}``: the page's cURL sample has GET with a body, those in
        other languages have POST.
        """
        body = {_FIELDS[name]: value for name, value in changes.items()}
        response = yield self.post(_ONE, id=stream_id, json=body)
        return self.parse_stream(response.json())

    def start(self, stream_id: str) -> Generator[live.Request, live.Response, live.LiveStream]:
        """Reads the stream: its ingest is open already."""
        return self.get(stream_id)

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        """``DELETE /v1/livestreams/{id}``. Only live streams live under that path, so nothing is
        read first. The answer is the deleted stream.
        """
        response = yield self.request("DELETE", _ONE, id=stream_id)
        if response.status != 204:
            response.json()  # a proxy's page is no proof of a deletion

    # -- reading ----------------------------------------------------------------------------

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Reads a livestream object, of any of the vendor's documents."""
        fields = live.Fields(payload, lenient=True)
        if not any(name in fields.data for name in _OWN):
            raise live.UnexpectedResponse(f"none of {', '.join(_OWN)} is in the answer")
        record = fields.optional_flag("record")
        # Viewers' URLs contain the stream key.
        playback = fields.optional_text("downstreamUrl", field="playbacks")
        # The create sample has a recordingUrl next to `record: false`: nothing is recorded there.
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
        """The ready token, or one that is signed here: HS256, as the raw value of the header
        (the reference's page on authentication).
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
        raise live.ConfigurationError("secret: no token can be signed with it")

    def account_id(self) -> str:
        """The API key, which a token names too; for a token that cannot be read, a short digest
        of it.
        """
        if self.options.token is None:
            return self.options.api_key or ""
        token = self.options.token.reveal()
        api_key = None
        try:
            # Only VideoSDK can verify it, and has to: this is no check.
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


def _next_page(answer: live.Fields, asked: int, count: int) -> str | None:
    """The number of the page that follows one with ``count`` streams, or ``None``."""
    # The guide's answer has no pageInfo: all streams are on one page.
    info = answer.optional_object("pageInfo")
    if info is None or not count:
        return None
    current = info.optional_integer("currentPage")
    if current is None:
        current = asked
    last = info.optional_integer("lastPage")
    total = info.optional_integer("total")
    if last is None and total is not None:
        size = info.optional_integer("perPage") or 0
        last = -(-total // (size if size > 0 else count))
    if last is not None and current >= last:
        return None
    following = str(current + 1)
    if current < 1 or not _PAGE.fullmatch(following):
        raise live.UnexpectedResponse("pageInfo.currentPage is not the number of a page")
    return following


def _ingests(fields: live.Fields) -> tuple[live.Ingest, ...]:
    key = fields.optional_text("streamKey", field="ingests") or None
    server = fields.optional_text("streamUrl", field="ingests")
    if not server and (whole := fields.optional_text("upstreamUrl", field="ingests")):
        # streamUrl exists since 2022-01-28 only.
        try:
            server, key = live.split_publish_url(whole, key)
        except live.InvalidInput:
            fields.unreadable("upstreamUrl", "does not end in streamKey", field="ingests")
    return (live.Ingest(server, key),) if server else ()
