"""A small vendor for the tests, with every feature of the core."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Request, Response, Route, json_response

N = live.Support.NATIVE


class FakeClock:
    """A clock that advances only during waits, or when a test advances it."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.waits: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@attrs.frozen(kw_only=True)
class AcmeOptions(live.Options):
    credentials = (("token",), ("user", "password"))

    base_url: str = live.option(default="https://api.acme.example", help="The vendor's origin.")
    account_name: str = live.option(default="main", help="The account.")
    token: live.Secret | None = live.option(default=None, help="A token.")
    user: str | None = live.option(default=None, help="A user.")
    password: live.Secret | None = live.option(default=None, help="The user's password.")
    webhook_secret: live.Secret | None = live.option(default=None, help="For deliveries.")
    retries_of_its_own: int = live.option(default=3, help="A number.")
    beta: bool = live.option(default=False, help="A switch.")


WORDS = {
    "new": live.Status.SCHEDULED,
    "boot": live.Status.STARTING,
    "ready": live.Status.READY,
    "on": live.Status.LIVE,
    "lost": live.Status.INTERRUPTED,
    "post": live.Status.PROCESSING,
    "over": live.Status.ENDED,
    "off": live.Status.CANCELLED,
    "bad": live.Status.FAILED,
    "shut": live.Status.DISABLED,
}


class AcmeAdapter(live.Adapter):
    """Every feature, except UPDATE of latency, so that something is unsupported."""

    name = "acme"
    Options = AcmeOptions
    is_lenient = True
    secret_patterns = (r"acme-key-\w+",)
    errors = {418: live.NotFound}
    capabilities = live.Capabilities(
        operations={
            live.Feature.CREATE: N,
            live.Feature.SCHEDULE: N,
            live.Feature.GET: N,
            live.Feature.LIST: N,
            live.Feature.UPDATE: N,
            live.Feature.START: N,
            live.Feature.RESET_KEY: N,
            live.Feature.DISABLE: N,
            live.Feature.ENABLE: N,
            live.Feature.STOP: N,
            live.Feature.TRIM: N,
            live.Feature.RECORDINGS: N,
            live.Feature.CANCEL: (live.Support.EMULATED, "it deletes"),
            live.Feature.DELETE: N,
            live.Feature.WEBHOOK: N,
        },
        fields={
            live.Feature.DESCRIPTION: N,
            live.Feature.TAGS: N,
            live.Feature.RESTREAMS: N,
            live.Feature.RECORD: live.Capability(
                live.Support.AUTOMATIC, "always recorded", values={True}
            ),
            live.Feature.LATENCY: (live.Support.NONE, "Acme is always slow"),
        },
        statuses=set(WORDS.values()) - {live.Status.CANCELLED},
        updatable={"title", "description", "tags", "scheduled_start"},
        clearable={"description"},
        filters={"status", "tag", "starts_after", "starts_before"},
        reports_total=True,
        create_starts=True,
        max_page_size=50,
    )

    def create(self, spec: live.StreamSpec) -> live.Operation[live.LiveStream]:
        body = self.with_options(
            {
                "title": spec.title,
                "description": spec.description,
                "tags": list(spec.tags),
                "start": spec.scheduled_start and live.format_instant(spec.scheduled_start),
            },
            spec.options,
        )
        response = yield self.post("/streams", json=body)
        return self.parse_stream(response.json())

    def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
        response = yield self.request("GET", "/streams/{id}", id=stream_id)
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> live.Operation[live.Page]:
        response = yield self.request(
            "GET", "/streams", params={"cursor": query.cursor, "size": query.size}
        )
        fields = response.fields()
        return self.page(
            fields.items("items"),
            next=lambda: fields.optional_text("next"),
            total=fields.data.get("total"),
        )

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> live.Operation[live.LiveStream]:
        response = yield self.put("/streams/{id}", id=stream_id, json=_plain(changes))
        return self.parse_stream(response.json())

    def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
        response = yield self.post("/streams/{id}/start", id=stream_id)
        return self.parse_stream(response.json())

    def reset_key(self, stream_id: str) -> live.Operation[live.LiveStream]:
        response = yield self.post("/streams/{id}/key", id=stream_id)
        return self.parse_stream(response.json())

    def disable(self, stream_id: str) -> live.Operation[live.LiveStream]:
        response = yield self.post("/streams/{id}/disable", id=stream_id)
        return self.parse_stream(response.json())

    def enable(self, stream_id: str) -> live.Operation[live.LiveStream]:
        response = yield self.post("/streams/{id}/enable", id=stream_id)
        return self.parse_stream(response.json())

    def stop(
        self, stream_id: str, trim: live.Trim | None = None
    ) -> live.Operation[live.LiveStream]:
        yield self.post("/streams/{id}/stop", id=stream_id, json={"trim": trim and trim.to_dict()})
        return (yield from self.get(stream_id))

    def recordings(self, stream_id: str) -> live.Operation[tuple[live.Recording, ...]]:
        response = yield self.request("GET", "/streams/{id}/recordings", id=stream_id)
        return tuple(
            live.Recording("ready", each.text("url"), id=each.identifier("id"))
            for each in response.fields().objects("items")
        )

    def cancel(self, stream_id: str) -> live.Operation[live.LiveStream]:
        stream = yield from self.get(stream_id)
        if stream.status is not live.Status.SCHEDULED:
            raise live.Conflict(f"it is {stream.status}", status=stream.status)
        yield from self.delete(stream_id)
        return attrs.evolve(stream, status=live.Status.CANCELLED)

    def delete(self, stream_id: str) -> live.Operation[None]:
        yield self.request("DELETE", "/streams/{id}", id=stream_id)

    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload, lenient=True)
        if "status" not in fields.data:
            raise live.UnexpectedResponse("status is missing in the answer")
        key = fields.optional_text("key", field="ingests")
        return fields.build(
            live.LiveStream,
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.optional_text("title", expected=True) or "",
            description=fields.optional_text("description"),
            status=fields.optional_word("status", WORDS, normal=str, expected=True)
            or live.Status.UNKNOWN,
            provider_status=fields.optional_text("status"),
            scheduled_start=fields.optional_instant("start", field="scheduled_start"),
            ingests=[live.Ingest("rtmp://in.acme.example/app/", key)] if key else [],
            playbacks=[live.Playback(f"https://cdn.acme.example/{key or 'x'}/a.m3u8")],
            tags=fields.optional_texts("tags"),
            raw=payload,
        )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        if headers.get("x-acme-secret") != secret:
            raise live.WebhookRejected("the secret is wrong")
        fields = live.Response(200, {}, body).fields()
        stream = None
        with suppress(live.UnexpectedResponse):
            stream = self.parse_stream(fields.data)
        return live.Event(
            provider=self.name,
            kind="stream_changed",
            stream_id=fields.identifier("id"),
            stream=stream,
            raw=fields.data,
        )

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Operation[live.Session]:
        if self.options.token is not None:
            return live.Session({"Authorization": f"Acme {self.options.token.reveal()}"})
        return self._login(now)

    def _login(self, now: datetime) -> live.Operation[live.Session]:
        response = yield self.post(
            "/login",
            json={"user": self.options.user, "password": self.options.password.reveal()},
            changes=False,
        )
        fields = response.fields()
        lasts = fields.optional_integer("lasts")
        return live.Session(
            {"Authorization": f"Acme {fields.text('token')}"},
            expires_at=now + timedelta(seconds=lasts) if lasts else None,
            memo={"again": live.Secret("memo-secret")},
            ours=True,
        )

    def sign_out(self, session: live.Session) -> live.Operation[None]:
        yield self.post("/logout", changes=False)

    def account_id(self) -> str:
        return str(self.options.account_name)


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: live.format_instant(value) if isinstance(value, datetime) else value
        for name, value in changes.items()
    }


class AcmeEmulator(Emulator):
    provider = "acme"
    routes = (
        Route("POST", "/login", "login"),
        Route("POST", "/logout", "logout"),
        Route("POST", "/streams", "create"),
        Route("GET", "/streams", "list_all"),
        Route("GET", "/streams/<id>", "read"),
        Route("PUT", "/streams/<id>", "write"),
        Route("DELETE", "/streams/<id>", "remove"),
        Route("POST", "/streams/<id>/start", "start"),
        Route("POST", "/streams/<id>/key", "replace_key"),
        Route("POST", "/streams/<id>/disable", "disable"),
        Route("POST", "/streams/<id>/enable", "enable"),
        Route("POST", "/streams/<id>/stop", "stop"),
        Route("GET", "/streams/<id>/recordings", "recordings"),
    )

    def __init__(self, *, boot_seconds: float = 20.0, page_size: int = 3) -> None:
        super().__init__(boot_seconds=boot_seconds)
        self.page_size = page_size
        self.lasts: int | None = None
        self.streams: dict[str, dict[str, Any]] = {}
        #: The streams that were on air.
        self.aired: set[str] = set()
        self.tokens = {"good-token"}
        self.ids = map(str, itertools.count(1))

    def options(self) -> dict[str, Any]:
        return {"user": "u@acme.example", "password": "correct horse"}

    def connect(self, **settings: Any) -> live.Client:
        from runners import connect  # needs pytest, and processes that tests start do not

        return connect(
            self.provider, **{**self.options(), "transport": self.transport(), **settings}
        )

    def add(self, **fields: Any) -> dict[str, Any]:
        id = next(self.ids)
        stream = {
            "id": id,
            "title": f"Stream {id}",
            "status": "new",
            "key": f"acme-key-{id}",
            **fields,
        }
        self.streams[id] = stream
        return stream

    def _refused(self, request: Request) -> Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Acme ")
        if token in self.tokens:
            return None
        return json_response({"detail": "who are you?"}, 401)

    def login(self, request: Request) -> Response:
        body = request.get_json()
        if body != self.options():
            return json_response({"detail": f"not {body['password']}"}, 403)
        token = f"token-{len(self.requests)}"
        self.tokens.add(token)
        return json_response({"token": token, "lasts": self.lasts})

    def logout(self, request: Request) -> Response:
        self.tokens.discard(request.headers["Authorization"].removeprefix("Acme "))
        return Response(status=204)

    def create(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        body = {name: value for name, value in request.get_json().items() if value is not None}
        return json_response(self.add(**body), 201)

    def list_all(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        offset = int(request.args.get("cursor", 0))
        size = min(int(request.args.get("size", self.page_size)), self.page_size)
        streams = list(self.streams.values())
        following = offset + size
        return json_response(
            {
                "items": streams[offset:following],
                "next": str(following) if following < len(streams) else None,
                "total": len(streams),
            }
        )

    def read(self, request: Request, id: str) -> Response:
        return self._change(request, id, {})

    def write(self, request: Request, id: str) -> Response:
        return self._change(request, id, request.get_json())

    def start(self, request: Request, id: str) -> Response:
        return self._move(request, id, {"new"}, "boot")

    def replace_key(self, request: Request, id: str) -> Response:
        return self._change(request, id, {"key": f"acme-key-{next(self.ids)}"})

    def disable(self, request: Request, id: str) -> Response:
        return self._move(request, id, {"ready", "on", "lost"}, "shut")

    def enable(self, request: Request, id: str) -> Response:
        return self._move(request, id, {"shut"}, "ready")

    def recordings(self, request: Request, id: str) -> Response:
        response = self._change(request, id, {})
        if response.status_code != 200:
            return response
        is_recorded = id in self.aired and self.streams[id]["status"] == "over"
        recording = {"id": f"recording-{id}", "url": f"https://cdn.acme.example/{id}/vod.m3u8"}
        return json_response({"items": [recording] if is_recorded else []})

    def stop(self, request: Request, id: str) -> Response:
        return self._move(request, id, {"boot", "ready", "on", "lost"}, "over")

    def _move(self, request: Request, id: str, allowed: set[str], word: str) -> Response:
        if id in self.streams and self.streams[id]["status"] not in allowed:
            return json_response({"detail": "its status forbids it"}, 409)
        return self._change(request, id, {"status": word})

    def remove(self, request: Request, id: str) -> Response:
        response = self._change(request, id, {})
        if response.status_code == 200:
            del self.streams[id]
            return Response(status=204)
        return response

    def _change(self, request: Request, id: str, changes: dict[str, Any]) -> Response:
        if refused := self._refused(request):
            return refused
        if id not in self.streams:
            return json_response({"detail": "no such stream"}, 404)
        self.streams[id].update(changes)
        return json_response(self.streams[id])

    def encoder_connects(self, id: str) -> None:
        self._happens(id, {"boot", "ready", "lost"}, "on")

    def encoder_drops(self, id: str) -> None:
        self._happens(id, {"on"}, "lost")

    def recording_ready(self, id: str) -> None:
        self._happens(id, {"post"}, "over")

    def _happens(self, id: str, allowed: set[str], word: str) -> None:
        if self.streams[id]["status"] not in allowed:
            raise ValueError("not now")
        self.streams[id]["status"] = word
        if word == "on":
            self.aired.add(id)


@contextmanager
def connected(kind: type[live.Adapter], transport: Any, **arguments: Any) -> Iterator[live.Client]:
    """Return a client of the test's own adapter, which is registered until the end of the block."""

    class Plugin:
        @live.hookimpl
        def livestream_adapters(self) -> list[live.AdapterInfo]:
            return [live.AdapterInfo(name=kind.name, factory=kind)]

    from runners import connect

    plugin = Plugin()
    live.register(plugin)
    try:
        with connect(kind.name, transport=transport, **arguments) as client:
            yield client
    finally:
        live.unregister(plugin)


class AcmePlugin:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [
            live.AdapterInfo(
                name="acme", title="Acme Live", factory=AcmeAdapter, emulator=AcmeEmulator
            )
        ]


#: The plugin, for processes in which the adapter is installed.
ACME = AcmePlugin()
