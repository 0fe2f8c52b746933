"""A small vendor whose streams are reusable: idle, live, and idle again."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Request, Response, Route, json_response

WORDS = {"idle": live.Status.READY, "active": live.Status.LIVE, "disabled": live.Status.DISABLED}
STREAM = "/streams/{id}"


class RelayAdapter(live.Adapter):
    name = "relay"

    @attrs.frozen(kw_only=True)
    class Options(live.Options):
        base_url: str = live.option(default="https://api.relay.example", help="The origin.")

    capabilities = live.Capabilities(
        operations=dict.fromkeys(
            ("create", "get", "list", "stop", "delete", "disable", "enable", "reset_key",
             "recordings"), live.Support.NATIVE
        ),
        statuses=WORDS.values(),
        reusable=True,
        empty_page_ends=True,
    )  # fmt: skip

    def account_id(self) -> str:
        return "main"

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
        yield self.request("DELETE", STREAM, id=stream_id)

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
            live.Recording(ready, id=each.identifier("id"), duration=each.data["seconds"])
            for each in fields.objects("items")
        )

    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload)
        return live.LiveStream(
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.text("title"),
            status=fields.optional_word("status", WORDS) or live.Status.UNKNOWN,
            provider_status=fields.text("status"),
            ingests=[live.Ingest("rtmps://in.relay.example/app", fields.text("key"))],
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
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/streams", "add"),
        Route("GET", "/streams", "all"),
        Route("GET", "/streams/<id>", "one"),
        Route("DELETE", "/streams/<id>", "remove"),
        Route("PUT", "/streams/<id>/<action>", "act"),
        Route("GET", "/streams/<id>/recordings", "assets"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.streams: dict[str, _Stream] = {}
        self.number = 0

    def options(self) -> dict[str, Any]:
        return {}

    def _next(self) -> str:
        self.number += 1
        return f"{self.number:04}"

    def _shown(self, stream: _Stream) -> dict[str, str]:
        return {name: getattr(stream, name) for name in ("id", "title", "key", "status")}

    def add(self, request: Request) -> Response:
        number, body = self._next(), request.get_json()
        stream = _Stream(number, body["title"], f"relay-key-{number}")
        self.streams[stream.id] = stream
        return json_response(self._shown(stream), 201)

    def all(self, request: Request) -> Response:
        after, size = request.args.get("after", ""), int(request.args.get("size", self.page_size))
        found = [self._shown(each) for id, each in self.streams.items() if id > after]
        page = found[:size]
        return json_response({"items": page, "next": page[-1]["id"] if found[size:] else None})

    def one(self, request: Request, id: str) -> Response:
        if id not in self.streams:
            return self.not_found(request)
        return json_response(self._shown(self.streams[id]))

    def remove(self, request: Request, id: str) -> Response:
        if id not in self.streams:
            return self.not_found(request)
        del self.streams[id]
        return Response(status=204)

    def act(self, request: Request, id: str, action: str) -> Response:
        stream = self.streams.get(id)
        if stream is None:
            return self.not_found(request)
        if action == "key":
            stream.key = f"relay-key-{self._next()}"
        elif action == "complete":
            self._end(stream)
        elif action == "disable":
            self._end(stream)
            stream.status = "disabled"
        elif stream.status == "disabled":
            stream.status = "idle"
        return json_response(self._shown(stream))

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
