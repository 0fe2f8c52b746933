"""The adapter of ``memory``, which uses only public names, like an adapter of another package."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeAlias, TypeVar

import attrs

import livestream_core as live

from .accounts import DEFAULT_ACCOUNT, vendor

T = TypeVar("T")
#: An operation that is a generator, so that other operations can ``yield from`` it.
Steps: TypeAlias = Generator[live.Request, live.Response, T]

#: A name that never resolves (RFC 2606). Requests to it stay in this process.
IN_PROCESS = "https://memory.invalid"
#: The default API token, so that ``connect("memory")`` needs no options.
DEFAULT_TOKEN = "memory-token-3d41c7"  # noqa: S105

STREAMS = "/v1/streams"
STREAM = "/v1/streams/{id}"
WEBHOOKS = "/v1/webhooks"
LARGEST_PAGE = 100

# The vendor uses the words of this library.
STATUS_WORDS: dict[str, live.Status] = {
    status.value: status for status in live.Status if status is not live.Status.UNKNOWN
}

LATENCY_WORDS = {each.value: each for each in live.Latency}

#: The fields of a spec, which the vendor has under the same names.
FIELDS = tuple(field.name for field in attrs.fields(live.StreamSpec) if field.name != "options")
#: The fields that every stream has. If none is requested, the vendor chooses a value.
SETTINGS = ("record", "recording_drm", "latency")
#: The fields of a stream, which the vendor returns under the same names.
SHOWN = tuple(field.name for field in attrs.fields(live.LiveStream))

#: The maximum difference between the time of a delivery and now, in seconds. Deliveries beyond it
#: are rejected, because they may be replayed.
DELIVERY_SECONDS = 300
TIMESTAMP_HEADER = "X-Memory-Timestamp"
SIGNATURE_HEADER = "X-Memory-Signature"


@attrs.frozen(kw_only=True)
class MemoryOptions(live.Options):
    """The options of the ``memory`` provider.

    Attributes:
        base_url: The origin of the vendor. By default, the vendor is in this process.
        account: The account. All clients of the same account reach the same vendor.
        token: The API token. The vendor refuses unknown tokens.
        webhook_secret: The secret that signs webhook deliveries.
    """

    base_url: str = live.option(
        default=IN_PROCESS, help="The vendor's origin; by default, it is in this process."
    )
    account: str = live.option(default=DEFAULT_ACCOUNT, help="The account in this process.")
    token: live.Secret = live.option(default=live.Secret(DEFAULT_TOKEN), help="An API token.")
    webhook_secret: live.Secret | None = live.option(
        default=None, help="The secret that signs webhook deliveries."
    )


class MemoryAdapter(live.Adapter):
    """The adapter for the vendor of :mod:`livestream_core.memory`, which has every feature."""

    name = "memory"
    is_lenient: ClassVar[bool] = True
    Options: ClassVar[type[live.Options]] = MemoryOptions
    secret_patterns: ClassVar[tuple[str, ...]] = (r"\bmemory-key-[0-9a-f]+",)
    capabilities: ClassVar[live.Capabilities] = live.Capabilities(
        operations=dict.fromkeys(
            (each for each in live.Feature if each.value not in FIELDS), live.Support.NATIVE
        ),
        fields=dict.fromkeys(
            (each for each in live.Feature if each.value in FIELDS), live.Support.NATIVE
        ),
        statuses=STATUS_WORDS.values(),
        updatable=FIELDS,
        clearable=set(FIELDS) - {"title", "playback_url", *SETTINGS},
        filters={"status", "tag", "starts_after", "starts_before"},
        reports_total=True,
        create_starts=True,
        mark="tags",
        max_page_size=LARGEST_PAGE,
    )

    @classmethod
    def transport(cls, options: MemoryOptions) -> live.Transport | None:
        """Return a transport to the vendor in this process, unless the options have an origin."""
        if options.base_url != IN_PROCESS:
            return None
        return vendor(options.account).transport()

    # -- operations -------------------------------------------------------------------------

    def create(self, spec: live.StreamSpec) -> Steps[live.LiveStream]:
        """Create a stream. Without a schedule, its server starts at once."""
        fields = {name: getattr(spec, name) for name in FIELDS}
        # The vendor chooses the values that are not requested.
        body = {name: as_json(value) for name, value in fields.items() if value not in (None, ())}
        response = yield self.post(STREAMS, json=self.with_options(body, spec.options))
        return self.parse_stream(response.json())

    def get(self, stream_id: str) -> Steps[live.LiveStream]:
        """Return a stream. The vendor refuses the ID of a folder."""
        response = yield self.request("GET", STREAM, id=stream_id)
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> Steps[live.Page]:
        """Return one page of streams. The vendor compares all filters exactly."""
        params = {
            "cursor": query.cursor,
            "size": query.size,
            # The vendor has no word for a status that is not known; the core compares it.
            "status": None if query.status in (None, live.Status.UNKNOWN) else query.status.value,
            "tag": query.tag,
            "starts_after": as_json(query.starts_after),
            "starts_before": as_json(query.starts_before),
            "reference": query.reference,
        }
        fields = (yield self.request("GET", STREAMS, params=params)).fields()
        return self.page(
            fields.items("items"),
            next=lambda: fields.optional_text("next"),
            total=fields.data.get("total"),
        )

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> Steps[live.LiveStream]:
        """Change the fields of a stream; null clears a field."""
        body = {name: as_json(value) for name, value in changes.items()}
        response = yield self.patch(STREAM, id=stream_id, json=body)
        return self.parse_stream(response.json())

    def start(self, stream_id: str) -> Steps[live.LiveStream]:
        """Start the server of a scheduled stream."""
        response = yield self.post(f"{STREAM}/start", id=stream_id)
        return self.parse_stream(response.json())

    def reset_key(self, stream_id: str) -> Steps[live.LiveStream]:
        """Replace the key of a stream whose server is up."""
        response = yield self.post(f"{STREAM}/reset_key", id=stream_id)
        return self.parse_stream(response.json())

    def disable(self, stream_id: str) -> Steps[live.LiveStream]:
        """Disable a stream whose server is up. Its encoder is disconnected."""
        response = yield self.post(f"{STREAM}/disable", id=stream_id)
        return self.parse_stream(response.json())

    def enable(self, stream_id: str) -> Steps[live.LiveStream]:
        """Enable a disabled stream. Its server is ready at once."""
        response = yield self.post(f"{STREAM}/enable", id=stream_id)
        return self.parse_stream(response.json())

    def recordings(self, stream_id: str) -> Steps[tuple[live.Recording, ...]]:
        """Return the recording of a stream, if it has one."""
        response = yield self.request("GET", f"{STREAM}/recordings", id=stream_id)
        read = live.Recording.from_dict
        return tuple(read(each.data) for each in response.fields().objects("items"))

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Steps[live.LiveStream]:
        """Stop a stream. Its recording is processed, and trimmed, afterward."""
        body = {} if trim is None else {"trim": trim.to_dict()}
        response = yield self.post(f"{STREAM}/stop", id=stream_id, json=body)
        return self.parse_stream(response.json())

    def cancel(self, stream_id: str) -> Steps[live.LiveStream]:
        """Cancel a stream that has not gone live."""
        response = yield self.post(f"{STREAM}/cancel", id=stream_id)
        return self.parse_stream(response.json())

    def delete(self, stream_id: str) -> Steps[None]:
        """Delete a stream with its recording. The vendor refuses the ID of a folder."""
        response = yield self.request("DELETE", STREAM, id=stream_id)
        if not response.is_readable:
            raise response.unexpected("the response to a delete does not come from the vendor")

    def parse_stream(self, payload: Any) -> live.LiveStream:
        """Convert a stream of the vendor, which uses the words of this library."""
        fields = live.Fields(payload, lenient=True)
        if (kind := fields.text("object")) != "live_stream":
            raise live.UnexpectedResponse(f"object is {kind[:40]!r}, not 'live_stream'")
        data = {name: value for name, value in fields.data.items() if name in SHOWN}
        data |= {
            "latency": fields.optional_word("latency", LATENCY_WORDS, normal=str),
            "playbacks": [{"url": url} for url in fields.optional_texts("playbacks")],
            "provider_status": fields.optional_text("status"),
        }
        required = {
            "provider": self.name,
            "id": fields.identifier("id"),
            "title": fields.optional_text("title", expected=True) or "",
            "status": fields.optional_word("status", STATUS_WORDS, normal=str, expected=True)
            or live.Status.UNKNOWN,
            "raw": fields.data,
        }
        read = live.LiveStream.from_dict
        try:
            return read({**data, **required, "problems": fields.problems})
        except live.InvalidInput:
            pass
        for name, value in tuple(data.items()):
            try:
                read({**required, name: value})
            except live.InvalidInput:
                del data[name]
                fields.unreadable(name, "cannot be read")
        try:
            return read({**data, **required, "problems": fields.problems})
        except live.InvalidInput as error:
            problem = error.message
        raise live.UnexpectedResponse(problem)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        """Verify the signature and the time of a delivery, and parse it."""
        received = live.Headers(headers)
        live.webhooks.verify_hmac(
            body,
            received.get(SIGNATURE_HEADER),
            secret,
            signed="{timestamp}.{body}",
            timestamp=received.get(TIMESTAMP_HEADER),
            now=self.clock(),
            tolerance=DELIVERY_SECONDS,
        )
        response = live.Response(200, live.Headers(), body)
        fields = response.fields()
        event: dict[str, Any] = {
            "provider": self.name,
            "occurred_at": response.fields(lenient=True).optional_instant("occurred_at"),
            "raw": fields.data,
            "event_type": fields.text("type"),
        }
        if event["event_type"] != "live_stream.changed":
            return live.Event(kind=live.EventKind.OTHER, **event)
        data, stream = fields.object("data"), None
        try:
            stream = self.parse_stream(data.data)
        except live.UnexpectedResponse:
            pass
        return live.Event(
            kind=live.EventKind.STREAM_CHANGED,
            stream_id=data.identifier("id"),
            stream=stream,
            **event,
        )

    # -- webhooks ---------------------------------------------------------------------------

    def webhooks(self) -> Steps[tuple[live.Webhook, ...]]:
        """Return all webhooks of the account."""
        fields = (yield self.request("GET", WEBHOOKS)).fields()
        return tuple(self._webhook(each) for each in fields.objects("items"))

    def register_webhook(self, url: str, secret: live.Secret) -> Steps[live.Webhook]:
        """Register a webhook. The vendor returns the secret."""
        body = {"url": url, "secret": secret.reveal()}
        return self._webhook((yield self.post(WEBHOOKS, json=body)).fields())

    def delete_webhook(self, webhook_id: str) -> Steps[None]:
        """Delete a webhook."""
        response = yield self.request("DELETE", f"{WEBHOOKS}/{{id}}", id=webhook_id)
        if not response.is_readable:
            raise response.unexpected("the response to a delete does not come from the vendor")

    def _webhook(self, fields: live.Fields) -> live.Webhook:
        return live.Webhook(
            provider=self.name,
            id=fields.identifier("id"),
            url=fields.text("url"),
            secret=fields.optional_text("secret"),
            raw=fields.data,
        )

    # -- signing in -------------------------------------------------------------------------

    def sign_in(self, previous: live.Session | None, now: datetime) -> Steps[live.Session]:
        """Open a session with the account's token."""
        body = {"account": self.options.account, "token": self.options.token.reveal()}
        fields = (yield self.post("/v1/login", json=body, changes=False)).fields()
        return live.Session(
            {"Authorization": f"Bearer {fields.identifier('token')}"},
            expires_at=fields.optional_end("expires_in", now),
            ours=True,
        )

    def sign_out(self, session: live.Session) -> Steps[None]:
        """End the session."""
        yield self.post("/v1/logout", changes=False)

    def account_id(self) -> str:
        """Return the account's name."""
        return str(self.options.account)

    def error_for(self, response: live.Response) -> live.LiveStreamError:
        """Return the default error; a ``Conflict`` has the status from the response."""
        error = self.error_by_status(response)
        if isinstance(error, live.Conflict) and response.is_json:
            payload = response.json()
            word = payload.get("status") if isinstance(payload, Mapping) else None
            error.status = STATUS_WORDS.get(word) if isinstance(word, str) else None
        return error


def as_json(value: Any) -> Any:
    """Return the value of a field of a spec as JSON data for the vendor."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, live.RestreamTarget):
        key = value.stream_key
        return {"url": value.url, "stream_key": None if key is None else key.reveal()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_json(each) for each in value]
    return value
