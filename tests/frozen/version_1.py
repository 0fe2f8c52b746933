"""An adapter and its emulator as somebody wrote them against version 1 of the adapter interface.

Never edited, so that it shows what a change of the core would break: a test compares its digest.
For another version of the interface there is another file.
"""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Request, Response, Route, json_response

WORDS = {
    "planned": live.Status.SCHEDULED,
    "waiting": live.Status.READY,
    "on-air": live.Status.LIVE,
    "gone": live.Status.INTERRUPTED,
    "finished": live.Status.ENDED,
}


def _check_room(_: Any, __: Any, value: str) -> None:
    if "/" in value:
        raise ValueError("must not have a slash")


@attrs.frozen(kw_only=True)
class FrozenOptions(live.Options):
    credentials = (("token",), ("user", "password"))

    base_url: str = live.option(default="https://api.frozen.example", help="The vendor's origin.")
    room: str = live.option(help="The room.", validator=_check_room)
    token: live.Secret | None = live.option(default=None, help="A token.")
    user: str | None = live.option(default=None, help="A user.")
    password: live.Secret | None = live.option(default=None, help="The user's password.")
    webhook_secret: live.Secret | None = live.option(default=None, help="For deliveries.")
    timezone: str = live.option(default="Europe/Berlin", help="Of the vendor's times.")


class FrozenAdapter(live.Adapter):
    name = "frozen"
    Options = FrozenOptions
    errors = {402: live.PermissionDenied}
    secret_patterns = (r"\bfz-\w+",)
    capabilities = live.Capabilities(
        operations={
            live.Feature.CREATE: live.Support.NATIVE,
            live.Feature.SCHEDULE: live.Support.NATIVE,
            live.Feature.GET: (live.Support.EMULATED, "it is looked for in the list"),
            live.Feature.LIST: live.Support.NATIVE,
            live.Feature.UPDATE: live.Support.NATIVE,
            live.Feature.START: (live.Support.NONE, "the encoder starts it"),
            live.Feature.STOP: live.Support.NATIVE,
            live.Feature.DELETE: live.Support.NATIVE,
            live.Feature.WEBHOOK: live.Support.NATIVE,
        },
        fields={
            live.Feature.DESCRIPTION: live.Support.NATIVE,
            live.Feature.TAGS: live.Support.NATIVE,
            live.Feature.RECORD: live.Capability(
                live.Support.AUTOMATIC, "everything is recorded", values={True}
            ),
        },
        statuses=WORDS.values(),
        updatable={"title", "description", "tags"},
        clearable={"description", "tags"},
        filters={"status", "tag", "starts_after", "starts_before"},
        reports_total=True,
        empty_page_ends=True,
        create_starts=False,
        mark="tags",
        max_page_size=2,
    )

    def __init__(self, options: FrozenOptions, **settings: Any) -> None:
        super().__init__(options, **settings)
        self.path_values = {"room": options.room}
        self.wall_clock = live.WallClock(options.timezone, timedelta(minutes=1))

    def create(
        self, spec: live.StreamSpec
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        start = spec.scheduled_start and self.wall_clock.to_wall(
            spec.scheduled_start, field="scheduled_start"
        )
        form = {
            "title": spec.title,
            "text": spec.description or "",
            "tags": ",".join(spec.tags),
            "start": start.isoformat(" ") if start else "",
        }
        response = yield self.post("/{room}/lives", form=self.with_options(form, spec.options))
        return self.parse_stream(response.json())

    def get(self, stream_id: str) -> Generator[live.Request, live.Response, live.LiveStream]:
        stream = yield from self.find(stream_id)
        if stream is None:
            raise live.NotFound("it is not in the list")
        return stream

    def list(self, query: live.Query) -> Generator[live.Request, live.Response, live.Page]:
        if query.cursor is None:
            request = self.request("GET", "/{room}/lives", params={"size": query.size})
        else:
            request = self.follow(query.cursor, under="/{room}/lives")
        fields = (yield request).fields()
        link = fields.optional_text("next")
        return live.Page(
            [self.parse_stream(each.data) for each in fields.objects("lives")],
            next=None if link is None else self.cursor_of(link, under="/{room}/lives"),
            total=fields.integer("total"),
        )

    def update(
        self, stream_id: str, changes: Mapping[str, Any]
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        names = {"title": "title", "description": "text", "tags": "tags"}
        body = {
            names[name]: list(value) if isinstance(value, tuple) else value
            for name, value in changes.items()
        }
        response = yield self.patch("/{room}/lives/{id}", id=stream_id, json=body)
        return self.parse_stream(response.json())

    def stop(
        self, stream_id: str, trim: live.Trim | None = None
    ) -> Generator[live.Request, live.Response, live.LiveStream]:
        stream = yield from self.get(stream_id)
        if stream.status is live.Status.SCHEDULED:
            raise live.Conflict("it was never on air", status=stream.status)
        response = yield self.put("/{room}/lives/{id}/end", id=stream_id)
        return self.parse_stream(response.json())

    def delete(self, stream_id: str) -> Generator[live.Request, live.Response, None]:
        yield self.request("DELETE", "/{room}/lives/{id}", id=stream_id)

    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload)
        word, key = fields.text("state"), fields.optional_text("key")
        start = fields.optional_text("start")
        return live.LiveStream(
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.text("title"),
            description=fields.optional_text("text") or None,
            status=WORDS.get(word, live.Status.UNKNOWN),
            provider_status=word,
            scheduled_start=self.wall_clock.to_instant(datetime.fromisoformat(start))
            if start
            else None,
            created_at=fields.optional_instant("made"),
            ingests=[live.Ingest("rtmp://in.frozen.example/live", key)] if key else [],
            playbacks=[live.Playback(f"https://cdn.frozen.example/{fields.text('id')}.m3u8")],
            record=True,
            tags=fields.optional_texts("tags"),
            raw=fields.data,
        )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        if not hmac.compare_digest(headers.get("x-frozen", ""), signature):
            raise live.WebhookRejected("the signature is wrong")
        stream = self.parse_stream(live.Response(200, live.Headers(), body).json())
        return live.Event(
            provider=self.name,
            kind=live.EventKind.STREAM_CHANGED,
            stream_id=stream.id,
            stream=stream,
            raw=stream.raw,
        )

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Operation[live.Session]:
        if self.options.token is not None:
            return live.Session(headers={"X-Token": self.options.token.reveal()})
        return self._login(now)

    def _login(self, now: datetime) -> Generator[live.Request, live.Response, live.Session]:
        response = yield self.post(
            "/login",
            form={"user": self.options.user, "password": self.options.password.reveal()},
            changes=False,
        )
        fields = response.fields()
        return live.Session(
            headers={"X-Token": fields.identifier("token")},
            expires_at=now + timedelta(seconds=fields.integer("seconds")),
            ours=True,
        )

    def sign_out(self, session: live.Session) -> Generator[live.Request, live.Response, None]:
        yield self.post("/logout", changes=False)

    def account_id(self) -> str:
        return str(self.options.room)

    def id_key(self, stream_id: str) -> str:
        return stream_id.lower()

    def error_for(self, response: live.Response) -> live.LiveStreamError:
        if response.status == 400 and response.is_json:
            return live.Rejected(
                response.fields().text("why"), fields={"title": ("is too long",)}, http_status=400
            )
        return self.error_by_status(response)


class FrozenEmulator(Emulator):
    provider = "frozen"
    routes = (
        Route("POST", "/login", "login"),
        Route("POST", "/logout", "logout"),
        Route("POST", "/hall/lives", "make"),
        Route("GET", "/hall/lives", "page"),
        Route("PATCH", "/hall/lives/<id>", "change"),
        Route("PUT", "/hall/lives/<id>/end", "end"),
        Route("DELETE", "/hall/lives/<id>", "remove"),
    )

    def __init__(self, *, boot_seconds: float = 20.0) -> None:
        super().__init__(boot_seconds=boot_seconds)
        self.lives: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self._ids = map("Live{}".format, itertools.count(1))

    def options(self) -> dict[str, Any]:
        return {"room": "hall", "user": "somebody", "password": "correct horse"}

    def login(self, request: Request) -> Response:
        if request.form.get("password") != "correct horse":
            return json_response({"why": "no"}, 401)
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        return json_response({"token": token, "seconds": 3600})

    def logout(self, request: Request) -> Response:
        self.tokens.discard(request.headers.get("X-Token", ""))
        return Response(status=204)

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("X-Token") in self.tokens:
            return None
        return json_response({"why": "who are you?"}, 401)

    def make(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        if len(request.form["title"]) > 100:
            return json_response({"why": "the title is too long"}, 400)
        id = next(self._ids)
        self.lives[id] = {
            "id": id,
            "title": request.form["title"],
            "text": request.form["text"],
            "tags": [tag for tag in request.form["tags"].split(",") if tag],
            "start": request.form["start"] or None,
            "state": "planned" if request.form["start"] else "waiting",
            "key": f"fz-{id}",
            "made": "2026-01-01T00:00:00Z",
        }
        return json_response(self.lives[id], 201)

    def page(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        after, size = int(request.args.get("after", 0)), int(request.args.get("size", 2))
        lives = list(self.lives.values())
        more = f"/hall/lives?after={after + size}&size={size}"
        return json_response(
            {
                "lives": lives[after : after + size],
                "total": len(lives),
                "next": more if after + size < len(lives) else None,
            }
        )

    def change(self, request: Request, id: str) -> Response:
        if refused := self._refused(request) or self._missing(id):
            return refused
        self.lives[id] |= request.get_json()
        return json_response(self.lives[id])

    def end(self, request: Request, id: str) -> Response:
        if refused := self._refused(request) or self._missing(id):
            return refused
        self.lives[id]["state"] = "finished"
        return json_response(self.lives[id])

    def remove(self, request: Request, id: str) -> Response:
        if refused := self._refused(request) or self._missing(id):
            return refused
        del self.lives[id]
        return Response(status=204)

    def _missing(self, id: str) -> Response | None:
        return None if id in self.lives else json_response({"why": "there is none"}, 404)

    def encoder_connects(self, id: str) -> None:
        self.lives[id]["state"] = "on-air"

    def encoder_drops(self, id: str) -> None:
        self.lives[id]["state"] = "gone"

    def recording_ready(self, id: str) -> None:
        raise ValueError("there is no recording")


@live.hookimpl
def livestream_adapters() -> list[live.AdapterInfo]:
    return [
        live.AdapterInfo(
            name="frozen",
            title="Frozen Live",
            factory=FrozenAdapter,
            emulator=FrozenEmulator,
            api_version=1,
        )
    ]
