"""Further arguments of ``connect`` and every method: deadlines, options, limiters, previews."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, AcmeOptions, FakeClock, connected
from livestream_core.emulator import Fault
from scripted import ScriptedTransport, respond

TOKEN = "t0ken-t0ken"
STREAM = respond(200, {"id": "1", "title": "T", "status": "on"})

METHODS: dict[str, Callable[..., Any]] = {
    "create": lambda client, **more: client.create(title="T", **more),
    "get": lambda client, **more: client.get("1", **more),
    "update": lambda client, **more: client.update("1", title="U", **more),
    "start": lambda client, **more: client.start("1", **more),
    "stop": lambda client, **more: client.stop("1", **more),
    "cancel": lambda client, **more: client.cancel("1", **more),
    "delete": lambda client, **more: client.delete("1", **more),
    "list": lambda client, **more: list(client.list(**more)),
    "pages": lambda client, **more: client.pages(**more),
}


# -- deadlines ------------------------------------------------------------------------------


class Hasty:
    """A vendor that asks clients to wait, and records how long each request may take."""

    def __init__(self) -> None:
        self.totals: list[float] = []

    def send(self, *request: Any) -> live.Response:
        self.totals.append(request[-1].total)
        return respond(429, {}, **{"Retry-After": "4"})


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("where", ["connect", "method"])
def test_an_operation_ends_at_its_deadline_with_retries_included(name: str, where: str) -> None:
    transport, clock = Hasty(), FakeClock()
    given = {"deadline": 10} if where == "connect" else {}
    client = live.connect("acme", transport=transport, clock=clock, token=TOKEN, **given)
    more = {"deadline": 10} if where == "method" else {}
    with client, pytest.raises(live.RateLimited) as caught:
        METHODS[name](client, **more)
    assert transport.totals == [10, 6, 2]
    assert clock.waits == [4, 4]
    assert caught.value.applied is False


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_sent_without_any_time(name: str) -> None:
    transport = ScriptedTransport(lambda *_: STREAM)
    client = live.connect("acme", transport=transport, clock=FakeClock(), token=TOKEN)
    with client, pytest.raises(live.RequestTimeout) as caught:
        METHODS[name](client, deadline=0)
    assert transport.sent == []
    assert caught.value.applied is False


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("wrong", [-1, "10", True, float("nan"), float("inf")])
def test_a_deadline_is_a_number_of_seconds(name: str, wrong: Any) -> None:
    transport = ScriptedTransport(lambda *_: STREAM)
    client = live.connect("acme", transport=transport, clock=FakeClock(), token=TOKEN)
    with client, pytest.raises(live.InvalidInput) as caught:
        METHODS[name](client, deadline=wrong)
    assert (caught.value.field, transport.sent) == ("deadline", [])


@pytest.mark.parametrize("wrong", [0, -1, "10", True, None, float("nan"), float("inf")])
def test_a_client_has_a_deadline_above_zero(wrong: Any) -> None:
    with pytest.raises(live.ConfigurationError, match="deadline: expected"):
        live.connect("acme", deadline=wrong, token=TOKEN)


def test_each_page_of_a_list_has_the_whole_deadline(emulator: AcmeEmulator) -> None:
    for _ in range(9):
        emulator.add()
    clock = FakeClock()
    inner = emulator.transport()

    class Slow:
        session_scope = inner.session_scope

        def send(self, *request: Any) -> live.Response:
            clock.time += 4
            return inner.send(*request)

    client = live.connect("acme", transport=Slow(), clock=clock, **emulator.options())
    with client:
        assert len(list(client.list(deadline=9))) == 9


def test_a_read_of_wait_takes_at_most_the_clients_deadline() -> None:
    transport, clock = Hasty(), FakeClock()
    client = live.connect("acme", transport=transport, clock=clock, token=TOKEN, deadline=3)
    with client, pytest.raises(live.WaitTimeout):
        client.wait("1", until=live.Status.ENDED, timeout=60)
    assert max(transport.totals) == 3


# -- options apart from settings ------------------------------------------------------------


def test_a_tenants_options_come_as_a_mapping(emulator: AcmeEmulator) -> None:
    row = {**emulator.options(), "account_name": "main"}
    with live.connect("acme", transport=emulator.transport(), options=row) as client:
        assert client.pages().items == ()


def test_the_environment_is_not_looked_at_for_a_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ACME_TOKEN", "the platform's")
    with pytest.raises(live.ConfigurationError, match="missing credentials"):
        live.connect("acme", options={})


def test_a_tenants_row_does_not_choose_where_credentials_go() -> None:
    row = {"token": TOKEN, "base_url": "https://evil.example"}
    with pytest.raises(live.ConfigurationError, match="where credentials are sent"):
        live.connect("acme", options=row)
    client = live.connect("acme", base_url="https://api2.acme.example", options={"token": TOKEN})
    assert "api2.acme.example" in client.account


@pytest.mark.parametrize("options", [{"user": "u"}, {}])
def test_options_are_given_in_one_way(options: dict[str, str]) -> None:
    with pytest.raises(live.ConfigurationError, match="not both"):
        live.connect("acme", options=options, token=TOKEN)


@pytest.mark.parametrize("wrong", ["token", [("token", TOKEN)], 5])
def test_options_are_a_mapping(wrong: Any) -> None:
    with pytest.raises(live.ConfigurationError, match="expected a mapping"):
        live.connect("acme", options=wrong)


def test_an_option_of_a_third_party_may_have_the_name_of_a_newer_argument() -> None:
    @attrs.frozen(kw_only=True)
    class Options(AcmeOptions):
        deadline: str = live.option(default="", help="One of theirs.")
        limiter: str = live.option(default="", help="One of theirs.")
        options: str = live.option(default="", help="One of theirs.")

    class Special(AcmeAdapter):
        name = "special"

        def account_id(self) -> str:
            return f"{self.options.deadline}-{self.options.limiter}-{self.options.options}"

    Special.Options = Options
    row = {"token": TOKEN, "deadline": "d", "limiter": "l", "options": "o"}
    transport = ScriptedTransport(lambda *_: STREAM)
    with connected(Special, transport, options=row, deadline=3) as client:
        assert client.account.endswith(":d-l-o")


# -- limiters -------------------------------------------------------------------------------


class Limiter:
    def __init__(self, *, grants: bool = True) -> None:
        self.grants = grants
        self.asked: list[tuple[str, float]] = []
        self.held: list[tuple[str, float]] = []

    def acquire(self, account: str, seconds: float) -> bool:
        self.asked.append((account, seconds))
        return self.grants

    def hold(self, account: str, seconds: float) -> None:
        self.held.append((account, seconds))


def test_a_limiter_is_asked_before_each_request(emulator: AcmeEmulator, clock: FakeClock) -> None:
    stream = emulator.add()
    limiter = Limiter()
    with emulator.connect(limiter=limiter, clock=clock) as client:
        client.get(stream["id"])
        assert limiter.asked == [(client.account, 120)] * 2  # signing in is a request too


@pytest.mark.parametrize("status", [429, 503])
def test_a_limiter_is_notified_of_the_wait_that_a_vendor_asks_for(
    emulator: AcmeEmulator, clock: FakeClock, status: int
) -> None:
    stream = emulator.add()
    limiter = Limiter()
    emulator.inject(Fault.status(status, headers={"Retry-After": "7"}), on="GET *")
    with emulator.connect(limiter=limiter, clock=clock) as client:
        client.get(stream["id"])
        assert limiter.held == [(client.account, 7)]


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_is_not_retried_after_a_pause_that_the_limiters_user_keeps(
    emulator: AcmeEmulator, clock: FakeClock, status: int
) -> None:
    class Patient(Limiter):
        keeps_pauses = True

    stream, began = emulator.add(), clock.monotonic()
    emulator.inject(Fault.status(status, headers={"Retry-After": "7"}), on="GET *")
    with emulator.connect(clock=clock) as client:
        with client.paced(Patient()), pytest.raises((live.RateLimited, live.ProviderUnavailable)):
            client.get(stream["id"])
        assert clock.monotonic() == began
        emulator.inject(Fault.status(status), on="GET *")
        with client.paced(Patient()):
            client.get(stream["id"])  # no pause was asked for


def test_a_request_that_gets_no_permission_in_time_is_not_sent(emulator: AcmeEmulator) -> None:
    with emulator.connect(limiter=Limiter(grants=False)) as client:
        with pytest.raises(live.RequestTimeout, match="limiter") as caught:
            client.create(title="T")
    assert (caught.value.applied, emulator.requests) == (False, [])


def test_two_users_of_a_client_do_not_take_each_others_limiter_away(
    emulator: AcmeEmulator,
) -> None:
    stream = emulator.add()
    one, two, inside, may_end = Limiter(), Limiter(), threading.Event(), threading.Event()
    with emulator.connect() as client:

        def user() -> None:
            with client.paced(one):
                inside.set()
                may_end.wait(30)

        other = threading.Thread(target=user)
        other.start()
        inside.wait(30)
        with client.paced(two), client.paced(two):
            client.get(stream["id"])
            assert (len(one.asked), len(two.asked)) == (2, 4)
            may_end.set()
            other.join(30)
            client.get(stream["id"])
            assert (len(one.asked), len(two.asked)) == (2, 6)
        client.get(stream["id"])
        assert (len(one.asked), len(two.asked)) == (2, 6)


# -- previews and IDs -----------------------------------------------------------------------


def test_a_preview_is_the_request_of_a_create_unsent_and_masked(emulator: AcmeEmulator) -> None:
    class Restreaming(AcmeAdapter):
        name = "special"

        def create(self, spec: live.StreamSpec) -> live.Operation[live.LiveStream]:
            targets = [
                {"url": each.url, "key": each.stream_key and each.stream_key.reveal()}
                for each in spec.restreams
            ]
            response = yield self.post(
                "/streams", params={"notify": True}, json={"title": spec.title, "to": targets}
            )
            return self.parse_stream(response.json())

    spec = live.StreamSpec(
        title="T", restreams=[live.RestreamTarget("rtmp://x.example/app", "a-key-of-theirs")]
    )
    transport = ScriptedTransport(lambda *_: STREAM)
    with connected(Restreaming, transport, token=TOKEN) as client:
        preview = client.preview(spec)
    assert preview == live.Preview(
        method="POST",
        path="/streams",
        params={"notify": True},
        body={"title": "T", "to": [{"url": "rtmp://x.example/app", "key": "***"}]},
    )
    assert transport.sent == []
    assert "a-key-of-theirs" not in repr(preview)


def test_a_preview_refuses_what_a_create_would(emulator: AcmeEmulator) -> None:
    with emulator.connect() as client:
        with pytest.raises(live.Unsupported):
            client.preview(live.StreamSpec(title="T", latency="low"))
        with pytest.raises(live.InvalidInput):
            client.preview(live.StreamSpec(title="T", options={"x": object()}))
    assert emulator.requests == []


def test_a_create_that_starts_with_a_read_has_no_preview() -> None:
    class LooksFirst(AcmeAdapter):
        name = "special"

        def create(self, spec: live.StreamSpec) -> live.Operation[live.LiveStream]:
            yield self.request("GET", "/quota")
            return (yield from super().create(spec))  # type: ignore[misc]

    transport = ScriptedTransport(lambda *_: STREAM)
    with connected(LooksFirst, transport, token=TOKEN) as client:
        assert client.preview(live.StreamSpec(title="T")) is None


def test_ids_are_compared_by_their_key() -> None:
    class CaseBlind(AcmeAdapter):
        name = "special"

        def id_key(self, stream_id: str) -> str:
            return stream_id.lower()

    transport = ScriptedTransport(lambda *_: STREAM)
    with connected(CaseBlind, transport, token=TOKEN) as client:
        assert client.id_key("AbC") == "abc"
