"""A small vendor whose streams are reusable: idle, live, and idle again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Request, Response, Route, json_response

WORDS = {"idle": live.Status.READY, "active": live.Status.LIVE, "disabled": live.Status.DISABLED}
STREAM = "/streams/{id}"


class RelayAdapter(live.Adapter):
    name = "relay"
    is_lenient = True
    secret_patterns = (r"relay-key-\d+",)

    @attrs.frozen(kw_only=True)
    class Options(live.Options):
        base_url: str = live.option(default="https://api.relay.example", help="The origin.")
        token: live.Secret = live.option(help="The token of the account.")

    capabilities = live.Capabilities(
        operations=dict.fromkeys(
            map(live.Feature, ("create", "get", "list", "stop", "delete", "disable", "enable",
             "reset_key", "recordings")), live.Support.NATIVE
        ),
        statuses=WORDS.values(),
        reusable=True,
        empty_page_ends=True,
    )  # fmt: skip

    def account_id(self) -> str:
        return "main"

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Session:
        return live.Session({"Authorization": f"Bearer {self.options.token.reveal()}"})

    def create(self, spec: live.StreamSpec) -> Any:
        body = self.with_options({"title": spec.title}, spec.options)
        return self.parse_stream((yield self.post("/streams", json=body)).json())

    def get(self, stream_id: str) -> Any:
        return self.parse_stream((yield self.request("GET", STREAM, id=stream_id)).json())

    def list(self, query: live.Query) -> Any:
        params = {"after": query.cursor, "size": query.size}
        fields = (yield self.request("GET", "/streams", params=params)).fields()
        return self.page(fields.items("items"), next=lambda: fields.optional_text("next"))

    def delete(self, stream_id: str) -> Any:
        response = yield self.request("DELETE", STREAM, id=stream_id)
        if response.body and not response.is_readable:
            raise response.unexpected("the response does not come from the vendor")

    def _put(self, stream_id: str, action: str) -> Generator[Any, Any, live.LiveStream]:
        response = yield self.request("PUT", f"{STREAM}/{action}", id=stream_id)
        return self.parse_stream(response.json())

    def stop(self, stream_id: str, trim: live.Trim | None = None) -> Any:
        return self._put(stream_id, "complete")

    def disable(self, stream_id: str) -> Any:
        return self._put(stream_id, "disable")

    def enable(self, stream_id: str) -> Any:
        return self._put(stream_id, "enable")

    def reset_key(self, stream_id: str) -> Any:
        return self._put(stream_id, "key")

    def recordings(self, stream_id: str) -> Any:
        fields = (yield self.request("GET", f"{STREAM}/recordings", id=stream_id)).fields()
        ready = live.RecordingStatus.READY
        return tuple(
            live.Recording(
                ready, id=each.identifier("id"), duration=each.optional_number("seconds")
            )
            for each in fields.objects("items")
        )

    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload, lenient=True)
        if "key" not in fields.data:
            raise live.UnexpectedResponse("this is not a stream")
        key = fields.optional_text("key", field="ingests", expected=True)
        return fields.build(
            live.LiveStream,
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.optional_text("title", expected=True) or "",
            status=fields.optional_word("status", WORDS, expected=True) or live.Status.UNKNOWN,
            provider_status=fields.optional_text("status"),
            ingests=[live.Ingest("rtmps://in.relay.example/app", key)] if key else [],
            raw=payload,
        )


@attrs.define
class _Stream:
    id: str
    title: str
    key: str
    status: str = "idle"
    since: float = 0.0
    runs: list[float] = attrs.field(factory=list)


class RelayEmulator(Emulator):
    provider = "relay"
    page_size = 25
    token = "relay-token"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/streams", "add"),
        Route("GET", "/streams", "all"),
        Route("GET", "/streams/<id>", "one"),
        Route("DELETE", "/streams/<id>", "remove"),
        Route("PUT", "/streams/<id>/key", "replace_key"),
        Route("PUT", "/streams/<id>/complete", "complete"),
        Route("PUT", "/streams/<id>/disable", "disable"),
        Route("PUT", "/streams/<id>/enable", "enable"),
        Route("GET", "/streams/<id>/recordings", "assets"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.streams: dict[str, _Stream] = {}
        self.number = 0

    def options(self) -> dict[str, Any]:
        return {"token": self.token}

    def _dispatch(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return json_response({"message": "the token is wrong"}, 401)
        return super()._dispatch(request)

    def _next(self) -> str:
        self.number += 1
        return f"{self.number:04}"

    def _shown(self, stream: _Stream) -> dict[str, str]:
        return {name: getattr(stream, name) for name in ("id", "title", "key", "status")}

    def add(self, request: Request) -> Response:
        body = request.get_json(silent=True)
        title = body.get("title") if isinstance(body, dict) else None
        if not (isinstance(title, str) and title):
            return json_response({"message": "title is required"}, 422)
        number = self._next()
        stream = self.streams[number] = _Stream(number, title, f"relay-key-{number}")
        return json_response(self._shown(stream), 201)

    def all(self, request: Request) -> Response:
        after, size = request.args.get("after", ""), request.args.get("size", "25")
        if not size.isdecimal() or int(size) < 1:
            return json_response({"message": "size is not a number"}, 422)
        found = [self._shown(each) for id, each in self.streams.items() if id > after]
        last = min(int(size), self.page_size)
        page = found[:last]
        return json_response({"items": page, "next": page[-1]["id"] if found[last:] else None})

    def _on_one(
        self, request: Request, id: str, act: Callable[[_Stream], object] = bool
    ) -> Response:
        """Return a stream after a change, if there is one."""
        stream = self.streams.get(id)
        if stream is None:
            return self.not_found(request)
        act(stream)
        return json_response(self._shown(stream))

    def one(self, request: Request, id: str) -> Response:
        return self._on_one(request, id)

    def remove(self, request: Request, id: str) -> Response:
        response = self._on_one(request, id, lambda stream: self.streams.pop(stream.id))
        return Response(status=204) if response.status_code == 200 else response

    def replace_key(self, request: Request, id: str) -> Response:
        def act(stream: _Stream) -> None:
            stream.key = f"relay-key-{self._next()}"

        return self._on_one(request, id, act)

    def complete(self, request: Request, id: str) -> Response:
        stream = self.streams.get(id)
        if stream is not None and stream.status == "disabled":
            return json_response({"message": "the stream is disabled"}, 409)
        return self._on_one(request, id, self._end)

    def disable(self, request: Request, id: str) -> Response:
        def act(stream: _Stream) -> None:
            self._end(stream)
            stream.status = "disabled"

        return self._on_one(request, id, act)

    def enable(self, request: Request, id: str) -> Response:
        def act(stream: _Stream) -> None:
            if stream.status == "disabled":
                stream.status = "idle"

        return self._on_one(request, id, act)

    def assets(self, request: Request, id: str) -> Response:
        if id not in self.streams:
            return self.not_found(request)
        runs = enumerate(self.streams[id].runs)
        return json_response({"items": [{"id": f"{id}-{n}", "seconds": each} for n, each in runs]})

    def _end(self, stream: _Stream) -> None:
        if stream.status == "active":
            stream.runs.append(self.clock.now().timestamp() - stream.since)
            stream.status = "idle"

    def encoder_connects(self, id: str) -> None:
        stream = self.streams.get(id)
        if stream is None or stream.status != "idle":
            raise ValueError(f"{id} does not accept an encoder")
        stream.status, stream.since = "active", self.clock.now().timestamp()

    def encoder_drops(self, id: str) -> None:
        if id not in self.streams or self.streams[id].status != "active":
            raise ValueError(f"{id} has no encoder")
        self._end(self.streams[id])


class RelayPlugin:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [live.AdapterInfo(name="relay", factory=RelayAdapter, emulator=RelayEmulator)]


@contextmanager
def registered() -> Iterator[None]:
    """Install the vendor inside the context."""
    plugin = RelayPlugin()
    live.register(plugin)
    try:
        yield
    finally:
        live.unregister(plugin)
