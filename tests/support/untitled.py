"""Small vendors: one without titles, one whose lists lack most fields, one of unique references."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Request, Response, Route, json_response

N = live.Support.NATIVE
F = live.Feature


@attrs.frozen(kw_only=True)
class TokenOptions(live.Options):
    base_url: str = live.option(default="https://api.brief.example", help="The origin.")
    token: live.Secret = live.option(help="The token.")
    ingest_url: str = live.option(
        default="rtmps://ingest.brief.example:443/app", ingest=True, help="The ingest server."
    )


class SparseAdapter(live.Adapter):
    """A vendor whose lists have only the title and the status, and whose titles are final."""

    name = "sparse"
    Options = TokenOptions
    is_lenient = True
    capabilities = live.Capabilities(
        operations={F.CREATE: N, F.GET: N, F.LIST: N, F.UPDATE: N, F.DELETE: N},
        fields={F.REFERENCE: N, F.TAGS: N, F.DESCRIPTION: N},
        statuses={live.Status.READY},
        updatable={"description", "tags"},
        filters={"tag"},
        reports_total=True,
        list_lacks={"reference", "tags", "description", "ingests", "playbacks"},
        mark="reference",
    )

    def sign_in(self, previous: live.Session | None, now: Any) -> live.Session:
        return live.Session({"Authorization": f"Bearer {self.options.token.reveal()}"})

    def account_id(self) -> str:
        return "one"

    def create(self, spec: live.StreamSpec) -> live.Operation[live.LiveStream]:
        body = {"reference": spec.reference, "tags": list(spec.tags), "about": spec.description}
        if self.capabilities.supports(F.TITLE):
            body["title"] = spec.title
        response = yield self.post("/lives", json=self.with_options(body, spec.options))
        return self.parse_stream(response.json())

    def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
        return self.parse_stream((yield self.request("GET", "/lives/{id}", id=stream_id)).json())

    def list(self, query: live.Query) -> live.Operation[live.Page]:
        params = {"after": query.cursor}
        fields = (yield self.request("GET", "/lives", params=params)).fields()
        return self.page(
            fields.items("data"),
            next=lambda: fields.optional_text("next"),
            total=fields.data.get("total"),
        )

    def update(self, stream_id: str, changes: Mapping[str, Any]) -> live.Operation[live.LiveStream]:
        names = {"description": "about"}
        body = {names.get(name, name): value for name, value in changes.items()}
        response = yield self.request("PATCH", "/lives/{id}", id=stream_id, json=body)
        return self.parse_stream(response.json())

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        response = yield self.request("DELETE", "/lives/{id}", id=stream_id)
        if response.body and not response.is_readable:
            raise response.unexpected("the response does not come from the vendor")

    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload, lenient=True)
        key = fields.optional_text("key", field="ingests")
        watch = fields.optional_text("watch", field="playbacks")
        playbacks = []
        try:
            if watch is not None:
                playbacks.append(live.Playback(watch, protection=live.Protection.SIGNED))
        except live.InvalidInput:
            fields.unreadable("watch", "is not a URL", field="playbacks")
        return live.LiveStream(
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.optional_text("title") or "",
            description=fields.optional_text("about", field="description"),
            status=fields.optional_word(
                "state", {"idle": live.Status.READY}, field="status", expected=True
            )
            or live.Status.UNKNOWN,
            tags=fields.optional_texts("tags"),
            reference=fields.optional_text("reference"),
            ingests=() if key is None else (live.Ingest(self.options.ingest_url, key),),
            playbacks=playbacks,
            problems=fields.problems or (),
            raw=fields.data,
        )


class UntitledAdapter(SparseAdapter):
    """A vendor without titles, whose lists are complete."""

    name = "untitled"
    capabilities = attrs.evolve(
        SparseAdapter.capabilities,
        fields={
            F.TITLE: (live.Support.NONE, "streams of this vendor have no title"),
            F.REFERENCE: N,
            F.TAGS: N,
            F.DESCRIPTION: N,
        },
        list_lacks=(),
    )


class UniqueAdapter(SparseAdapter):
    """A vendor where at most one stream can have a reference."""

    name = "unique"
    capabilities = attrs.evolve(SparseAdapter.capabilities, reference_is_unique=True, list_lacks=())


class ReturningAdapter(UniqueAdapter):
    """The same, where a second create returns the first stream."""

    name = "returning"


class SparseEmulator(Emulator):
    """The vendor."""

    provider = "sparse"
    lists: ClassVar[tuple[str, ...]] = ("id", "title", "state")
    has_titles = True
    routes = (
        Route("POST", "/lives", "create"),
        Route("GET", "/lives", "listing"),
        Route("GET", "/lives/<id>", "read"),
        Route("PATCH", "/lives/<id>", "change"),
        Route("DELETE", "/lives/<id>", "remove"),
    )

    def __init__(self, *, boot_seconds: float = 1.0) -> None:
        super().__init__(boot_seconds=boot_seconds)
        self.page_size = 50
        self.streams: dict[str, dict[str, Any]] = {}
        self._ids = itertools.count(1)

    def options(self) -> dict[str, Any]:
        return {"token": "brief-token-81f2"}

    def refused(self, request: Request) -> Response | None:
        if request.headers.get("Authorization") != "Bearer brief-token-81f2":
            return json_response({"message": "unauthorized"}, 401)
        return None

    def create(self, request: Request) -> Response:
        body = request.get_json(silent=True)
        if refused := self.refused(request):
            return refused
        if not isinstance(body, dict) or (self.has_titles and not body.get("title")):
            return json_response({"message": "title is missing"}, 422)
        number = next(self._ids)
        stream: dict[str, Any] = {
            "id": f"live-{number}",
            "title": body.get("title"),
            "about": body.get("about"),
            "state": "idle",
            "tags": body.get("tags") or [],
            "reference": body.get("reference"),
            "key": f"brief-key-{number}-5d1e90",
            "watch": f"https://watch.brief.example/{number}/index.m3u8",
        }
        if not self.has_titles:
            del stream["title"]
        self.streams[stream["id"]] = stream
        return json_response(stream, 201)

    def listing(self, request: Request) -> Response:
        if refused := self.refused(request):
            return refused
        after = request.args.get("after", "0")
        start = int(after) if after.isdigit() else 0
        streams = [*self.streams.values()]
        page = streams[start : start + self.page_size]
        end = start + len(page)
        return json_response(
            {
                "data": [
                    {name: each[name] for name in each if name in self.lists} for each in page
                ],
                "next": str(end) if end < len(streams) else None,
                "total": len(streams),
            }
        )

    def read(self, request: Request, id: str) -> Response:
        if refused := self.refused(request):
            return refused
        if id not in self.streams:
            return json_response({"message": "not found"}, 404)
        return json_response(self.streams[id])

    def change(self, request: Request, id: str) -> Response:
        if refused := self.refused(request):
            return refused
        if id not in self.streams:
            return json_response({"message": "not found"}, 404)
        body = request.get_json(silent=True)
        if not isinstance(body, dict) or not body.keys() <= {"about", "tags"}:
            return json_response({"message": "this cannot be changed"}, 422)
        self.streams[id] |= body
        return json_response(self.streams[id])

    def remove(self, request: Request, id: str) -> Response:
        if refused := self.refused(request):
            return refused
        if self.streams.pop(id, None) is None:
            return json_response({"message": "not found"}, 404)
        return Response(status=204)


class UntitledEmulator(SparseEmulator):
    """The vendor without titles."""

    provider = "untitled"
    lists = ("id", "state", "about", "tags", "reference", "key", "watch")
    has_titles = False


class UniqueEmulator(SparseEmulator):
    """The vendor of unique references, which refuses a second stream or returns the first."""

    provider = "unique"
    lists = (*UntitledEmulator.lists, "title")
    returns_first = False

    def create(self, request: Request) -> Response:
        body = request.get_json(silent=True)
        reference = body.get("reference") if isinstance(body, dict) else None
        first = [each for each in self.streams.values() if each["reference"] == reference]
        if self.refused(request) or reference is None or not first:
            return super().create(request)
        if self.returns_first:
            return json_response(first[0])
        return json_response({"message": "the reference is in use"}, 422)


class ReturningEmulator(UniqueEmulator):
    """The same vendor, returning the first stream."""

    provider = "returning"
    returns_first = True


class SmallVendors:
    """The plugin of all."""

    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [
            live.AdapterInfo(name="sparse", factory=SparseAdapter, emulator=SparseEmulator),
            live.AdapterInfo(name="untitled", factory=UntitledAdapter, emulator=UntitledEmulator),
            live.AdapterInfo(name="unique", factory=UniqueAdapter, emulator=UniqueEmulator),
            live.AdapterInfo(
                name="returning", factory=ReturningAdapter, emulator=ReturningEmulator
            ),
        ]
