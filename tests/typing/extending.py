"""The types of extensions, as type checkers see them: adapters, emulators, plugins, and arguments.

mypy and pyright read this file, and it is never run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar, assert_type

import attrs

import livestream_core as live
from livestream_core.emulator import Emulator, Fault, Request, Response, Route, json_response

T = TypeVar("T")
Steps: TypeAlias = Generator[live.Request, live.Response, T]

# -- an adapter -----------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class BeaconOptions(live.Options):
    credentials = (("token",),)

    base_url: str = live.option(default="https://api.beacon.example", help="Beacon's origin.")
    channel: str = live.option(help="The channel's id.")
    token: live.Secret | None = live.option(default=None, help="An API token.")


class BeaconAdapter(live.Adapter):
    name = "beacon"
    Options = BeaconOptions
    options: BeaconOptions
    errors = {402: live.NotFound}
    secret_patterns = (r"bk-\w+", r"bs-\w+")
    capabilities = live.Capabilities(
        operations={
            live.Feature.CREATE: live.Support.NATIVE,
            live.Feature.GET: live.Capability(live.Support.EMULATED, "reads the list"),
            live.Feature.LIST: live.Support.NATIVE,
            live.Feature.DELETE: live.Support.NATIVE,
            live.Feature.START: (live.Support.NONE, "the encoder starts it"),
            live.Feature.WEBHOOK: live.Support.NATIVE,
        },
        statuses={live.Status.LIVE, live.Status.ENDED},
        filters=["status"],
    )

    def __init__(
        self, options: BeaconOptions, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        super().__init__(options, clock=clock)
        self.path_values = {"channel": options.channel}

    def create(self, spec: live.StreamSpec) -> Steps[live.LiveStream]:
        response = yield self.post("/shows", json={"name": spec.title})
        assert_type(response, live.Response)
        return self.parse_stream(response.json())

    def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
        return self._look_for(stream_id)

    def _look_for(self, stream_id: str) -> Steps[live.LiveStream]:
        found = yield from self.find(stream_id)
        assert_type(found, live.LiveStream | None)
        if found is None:
            raise live.NotFound("no such show", stream_id=stream_id)
        return found

    def list(self, query: live.Query) -> Steps[live.Page]:
        response = yield self.request(
            "GET", "/shows", params={"after": query.cursor, "size": query.size}
        )
        fields = response.fields()
        assert_type(fields, live.Fields)
        shows = [self.parse_stream(each.data) for each in fields.objects("shows")]
        return live.Page(shows, next=fields.optional_text("after"))

    def delete(self, stream_id: str) -> Steps[None]:
        yield self.request("DELETE", "/shows/{id}", id=stream_id)

    def parse_stream(self, payload: Any) -> live.LiveStream:
        fields = live.Fields(payload)
        assert_type(fields.optional_instant("at"), datetime | None)
        assert_type(fields.optional_unix("since", unit="ms"), datetime | None)
        return live.LiveStream(
            provider=self.name,
            id=fields.identifier("id"),
            title=fields.text("name"),
            status=live.Status.UNKNOWN,
            scheduled_start=fields.optional_instant("at"),
            raw=payload,
        )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> live.Event:
        if headers.get("x-token") != secret:
            raise live.WebhookRejected("the token is another one")
        return live.Event(provider=self.name, kind=live.EventKind.OTHER)

    def sign_in(self, previous: live.Session | None, now: datetime) -> live.Session:
        token = self.options.token
        assert_type(token, live.Secret | None)
        return live.Session({"Authorization": token.reveal() if token else ""})

    def account_id(self) -> str:
        assert_type(self.origin, str)
        assert_type(self.clock(), datetime)
        return self.options.channel


class WrongAdapter(live.Adapter):
    def get(self, stream_id: int) -> Steps[live.LiveStream]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        response = yield "/shows"  # type: ignore[misc]  # pyright: ignore[reportReturnType]
        return self.parse_stream(response.json())

    def list(self, query: live.Query) -> list[live.LiveStream]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return []


# -- an emulator ----------------------------------------------------------------------------


class BeaconEmulator(Emulator):
    provider = "beacon"
    routes = (Route("GET", "/shows/<id>", "read"),)

    def read(self, request: Request, id: str) -> Response:
        return json_response({"id": id, "by": request.headers.get("Authorization")})

    def options(self) -> dict[str, Any]:
        return {"channel": "news", "token": "made-up"}


def trying_it(vendor: BeaconEmulator) -> None:
    vendor.inject(Fault.status(503, headers={"Retry-After": "1"}), on="GET *", times=2)
    assert_type(vendor.connect(timeout=5), live.Client)
    assert_type(vendor.clock.now(), datetime)
    with vendor.serve() as origin:
        assert_type(origin, str)
        live.connect("beacon", base_url=origin, **vendor.options())


# -- plugins --------------------------------------------------------------------------------


class BeaconPlugin:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [live.AdapterInfo(name="beacon", factory=BeaconAdapter, emulator=BeaconEmulator)]

    @live.hookimpl
    def livestream_exchange(self, exchange: live.Exchange) -> None:
        assert_type(exchange.status, int | None)

    @live.hookimpl(trylast=True)
    def livestream_status_changed(
        self, account: str, stream: live.LiveStream, previous: live.Status | None
    ) -> None: ...


def registering() -> None:
    plugin = BeaconPlugin()
    live.register(plugin)
    # The decorator keeps the hook's type: it can still be called, and is still checked.
    assert_type(plugin.livestream_adapters(), list[live.AdapterInfo])
    live.AdapterInfo("beacon")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# -- the arguments of a client --------------------------------------------------------------


class SharedTokens:
    def __init__(self) -> None:
        self._sessions: dict[str, live.Session] = {}

    def get(self, account: str) -> live.Session | None:
        return self._sessions.get(account)

    def put(self, account: str, session: live.Session) -> None:
        self._sessions[account] = session

    def delete(self, account: str) -> None:
        self._sessions.pop(account, None)


class OneAnswer:
    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: live.Timeout,
    ) -> live.Response:
        assert_type(timeout.total, float)
        return live.Response(200, {"Content-Type": "application/json"}, b"{}")


class MovedByHand:
    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds


class Deaf:
    def send(self, url: str) -> bytes:
        return url.encode()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"{}"]


def giving_them_to_a_client() -> None:
    live.connect("acme", transport=OneAnswer(), token_store=SharedTokens(), clock=MovedByHand())
    live.connect("acme", transport=live.WSGITransport(application))
    live.connect("acme", transport=live.RequestsTransport())
    live.connect("acme", transport=Deaf())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.connect("acme", token_store={})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.connect("acme", clock=time)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
