"""A sandbox in a process of its own: its accounts, its control port, and its webhooks."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import livestream_core as live
from command_line import sandbox
from livestream_core.emulator.world import World
from livestream_core.testing import Sandbox, SandboxVendor
from receiver import Received, Receiver, receiver

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        not {"mux", "nginx-rtmp", "node-media-server", "tpstreams", "videosdk-rooms"}
        <= {point.name for point in entry_points(group="livestream_core")},
        reason="the adapter packages are not installed",
    ),
]

BOOT_SECONDS = 20.0
#: Longer than any vendor waits for an encoder that is gone. The vendors of all tests have one clock,
#: and a client's tokens expire at a vendor that is far ahead.
A_WHILE = 70.0


class Running:
    """A sandbox that runs, with two accounts at each vendor."""

    def __init__(
        self, folder: Path, exports: dict[str, str], hooks: Receiver, parts: ExitStack
    ) -> None:
        self.folder, self.exports, self.hooks, self._parts = folder, exports, hooks, parts
        self.control = Sandbox(
            exports["LIVESTREAM_SANDBOX_URL"], exports["LIVESTREAM_SANDBOX_TOKEN"]
        )
        file = tomllib.loads((folder / "livestream.toml").read_text())
        self.connections: dict[str, dict[str, Any]] = file["connections"]

    def connect(self, account: str, **settings: Any) -> live.Client:
        options = {**self.connections[account], **settings}
        return self._parts.enter_context(live.connect(options.pop("provider"), **options))

    def vendor(self, account: str) -> SandboxVendor:
        return self.control.vendor(account)

    def errors(self) -> str:
        return (self.folder / "err").read_text()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sandbox")
    with ExitStack() as parts:
        hooks = parts.enter_context(receiver())
        arguments = (
            *("--accounts", "2", "--control-port", "0", "--clock", "manual"),
            *("--boot-seconds", str(BOOT_SECONDS), "--webhooks", f"{hooks.url}/{{account}}"),
            *("--write-connections", str(folder / "livestream.toml")),
        )
        _, exports = parts.enter_context(sandbox(folder, {}, *arguments))
        yield Running(folder, exports, hooks, parts)


@pytest.fixture(autouse=True)
def _no_faults_and_no_duplicates(running: Running) -> Iterator[None]:
    yield
    running.control.change_webhooks(delay=0, duplicates=0)
    for account in running.connections:
        running.vendor(account).clear_faults()


def test_two_accounts_of_a_vendor_do_not_see_the_streams_of_each_other(running: Running) -> None:
    with live.connect("tpstreams", environ=running.exports) as first:
        second = running.connect("tpstreams-2")
        stream = first.create(title="Of the first")
        assert [each.id for each in running.connect("tpstreams").list()] == [stream.id]
        assert list(second.list()) == []
        with pytest.raises(live.NotFound):
            second.get(stream.id)
        assert first.account != second.account


def test_the_credentials_of_an_account_are_refused_at_another(running: Running) -> None:
    elsewhere = running.connections["tpstreams"]["base_url"]
    with pytest.raises(live.AuthenticationFailed):
        list(running.connect("tpstreams-2", base_url=elsewhere).list())


def test_only_the_user_can_read_the_connections_that_are_written(running: Running) -> None:
    assert (running.folder / "livestream.toml").stat().st_mode & 0o777 == 0o600


def test_a_client_in_another_process_meets_the_faults_of_its_account_only(running: Running) -> None:
    client, other = running.connect("mux", retries=0), running.connect("mux-2", retries=0)
    vendor = running.vendor("mux")
    stream = client.create(title="T")
    vendor.inject("status", status=503, on="GET *", skip=1)
    client.get(stream.id)
    other.list(limit=1)
    with pytest.raises(live.ProviderUnavailable) as caught:
        client.get(stream.id)
    assert caught.value.http_status == 503
    client.get(stream.id)
    vendor.inject("drop_after", on="POST *")
    before = len(list(client.list()))
    with pytest.raises(live.ConnectionFailed) as lost:
        client.create(title="Is lost")
    assert lost.value.applied is None
    assert len(list(client.list())) == before + 1
    vendor.inject("status", status=500, times=9)
    vendor.clear_faults()
    client.get(stream.id)


def test_time_passes_only_when_the_control_port_advances_it(running: Running) -> None:
    client, vendor = running.connect("tpstreams"), running.vendor("tpstreams")
    stream = client.create(title="T")
    with pytest.raises(ValueError, match="its server is not up"):
        vendor.connect_encoder(stream.id)
    assert client.get(stream.id).status is not live.Status.READY
    running.control.advance(BOOT_SECONDS)
    assert client.get(stream.id).status is live.Status.READY
    vendor.connect_encoder(stream.id)
    assert client.get(stream.id).status is live.Status.LIVE
    vendor.drop_encoder(stream.id)
    assert client.get(stream.id).status is live.Status.INTERRUPTED
    running.control.advance(A_WHILE)
    vendor.finish_recording(stream.id)
    assert client.get(stream.id).status is live.Status.ENDED


def test_what_a_vendor_cannot_do_is_an_error_that_says_so(running: Running) -> None:
    with pytest.raises(NotImplementedError, match="the emulator of tpstreams has no add_stream"):
        running.vendor("tpstreams").add_stream()
    with pytest.raises(ValueError, match=r"there is no account 'tpstream'.*tpstreams-2"):
        running.vendor("tpstream").clear_faults()
    with pytest.raises(ValueError, match=r"'statuss' is not a known fault.*drop_before"):
        running.vendor("tpstreams").inject("statuss")


def test_the_remote_vendor_has_the_events_of_an_emulator() -> None:
    for event in World.outside_events:
        ours, theirs = getattr(SandboxVendor, event), getattr(World, event)
        assert ours.__annotations__ == theirs.__annotations__


def test_nothing_is_told_without_the_token(running: Running) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer \xe9"}):
        with pytest.raises(HTTPError) as caught:
            urlopen(Request(running.control.url, headers=headers), timeout=30)
        with caught.value as error:
            assert error.code == 401
            assert list(json.load(error)) == ["error"]
    with pytest.raises(live.ConfigurationError, match="refuses the token"):
        Sandbox(running.control.url, "another token").advance(1)


def test_the_control_port_shows_no_secret(running: Running) -> None:
    sent: list[Any] = [running.control.send("GET", "/")]
    for account, connection in running.connections.items():
        client = running.connect(account, retries=0)
        if client.supports("create"):
            client.create(title="T")
        client.list(limit=1)
        page = running.vendor(account).requests
        sent.append(page)
        with pytest.raises(ValueError, match="\\*\\*\\*") as refused:
            # A caller's mistake is no reason to repeat a secret.
            running.vendor(account).inject(f"token={client_secret(connection)}")
        sent.append(str(refused.value))
    shown = json.dumps(sent)
    for connection in running.connections.values():
        assert client_secret(connection) not in shown
    assert running.exports["LIVESTREAM_SANDBOX_TOKEN"] not in shown


def client_secret(connection: dict[str, Any]) -> str:
    names = ("token", "token_secret", "password", "secret")
    return next(connection[name] for name in names if name in connection)


# -- webhooks ---------------------------------------------------------------------------------

#: nginx and Node-Media-Server sign nothing: a proxy or the receiver adds a secret.
ADDED = {"X-Livestream-Token": "added by the receiver"}


def read(client: live.Client, received: Received) -> live.Event:
    added = ADDED if client.provider in ("nginx-rtmp", "node-media-server") else {}
    secret = ADDED["X-Livestream-Token"] if added else None
    return client.receive_webhook({**received.headers, **added}, received.body, secret=secret)


#: The options by which streams are created, and how many deliveries a lifecycle sends at least.
LIFECYCLES: dict[str, tuple[dict[str, Any], int]] = {
    "memory": ({}, 4),
    "mux": ({}, 5),
    "nginx-rtmp": ({}, 2),
    "node-media-server": ({}, 3),
    "tpstreams": ({}, 5),
    "videosdk-rooms": (
        {"webhook": {"endPoint": "https://school.example/hooks", "events": ["session*"]}},
        2,
    ),
}


@pytest.mark.parametrize("provider", LIFECYCLES)
def test_the_deliveries_of_every_vendor_verify_and_name_the_stream(
    running: Running, provider: str
) -> None:
    options, count = LIFECYCLES[provider]
    client, vendor = running.connect(provider), running.vendor(provider)
    if client.supports("create"):
        id = client.create(title="T", options=options).id
        running.control.advance(BOOT_SECONDS)
        vendor.connect_encoder(id)
    else:
        id = vendor.add_stream()
    vendor.drop_encoder(id)
    running.control.advance(A_WHILE)
    events = [read(client, each) for each in running.hooks.about(id, provider, count)]
    about_it = [each.stream_id for each in events if each.kind is live.EventKind.STREAM_CHANGED]
    assert set(about_it) == {id}
    assert len(about_it) >= 2


def test_every_status_of_a_stream_at_tpstreams_is_delivered_in_order(running: Running) -> None:
    client, vendor = running.connect("tpstreams"), running.vendor("tpstreams")
    stream = client.create(title="T")
    running.control.advance(BOOT_SECONDS)
    vendor.connect_encoder(stream.id)
    vendor.drop_encoder(stream.id)
    running.control.advance(A_WHILE)
    vendor.finish_recording(stream.id)
    deliveries = running.hooks.about(stream.id, "tpstreams", 7)
    shown = [json.loads(each.body)["live_stream"]["status"] for each in deliveries]
    assert shown == [
        *("Not Started", "Not Started", "Streaming", "Disconnected"),
        *("Stopped", "Recording", "Completed"),
    ]
    read_ = [read(client, each).stream for each in deliveries]
    assert [bool(each and each.ingests) for each in read_] == [False, *[True] * 6]
    with pytest.raises(live.WebhookRejected):
        client.receive_webhook({**deliveries[0].headers, "X-Streams-Token": "x"}, b"{}")


def test_a_delivery_is_for_its_account_only(running: Running) -> None:
    client = running.connect("mux-2")
    id = client.create(title="T").id
    [delivery] = running.hooks.about(id, "mux-2", 1)
    assert read(client, delivery).stream_id == id
    with pytest.raises(live.WebhookRejected):
        read(running.connect("mux"), delivery)
    assert running.hooks.about(id, "mux", 0) == []


def test_duplicates_and_a_delay_are_sent_on_request(running: Running) -> None:
    running.control.change_webhooks(delay=0.5, duplicates=2)
    began = time.monotonic()
    client = running.connect("mux")
    deliveries = running.hooks.about(client.create(title="T").id, "mux", 3)
    assert deliveries[0].at - began >= 0.5
    assert len({each.body for each in deliveries}) == 1
    for each in deliveries:
        read(client, each)


def test_mux_delivers_again_what_was_not_accepted(running: Running) -> None:
    running.hooks.statuses["mux-2"] = [500, 302]
    client = running.connect("mux-2")
    first, *others = running.hooks.about(client.create(title="T").id, "mux-2", 3)
    assert {each.body for each in others} == {first.body}
    read(client, others[-1])
    failures = [line for line in running.errors().splitlines() if "# mux-2: " in line]
    assert failures == [
        f"# mux-2: a webhook delivery failed: the receiver responded with {status}; "
        f"the next attempt is in {pause} seconds"
        for status, pause in ((500, 1), (302, 2))
    ]


def test_a_vendor_that_promises_no_retry_does_not_deliver_again(running: Running) -> None:
    running.hooks.statuses["tpstreams-2"] = [500]
    client = running.connect("tpstreams-2")
    lost = client.create(title="Is lost")
    running.control.advance(BOOT_SECONDS)
    deliveries = running.hooks.about(lost.id, "tpstreams-2", 2)
    assert [bool(json.loads(each.body)["live_stream"]["rtmp_url"]) for each in deliveries] == [
        False,
        True,
    ]
    failures = [line for line in running.errors().splitlines() if "# tpstreams-2: " in line]
    assert failures == ["# tpstreams-2: a webhook delivery failed: the receiver responded with 500"]


def test_an_encoder_is_dropped_if_the_receiver_refuses_it(running: Running) -> None:
    client, vendor = running.connect("nginx-rtmp-2"), running.vendor("nginx-rtmp-2")
    running.hooks.statuses["nginx-rtmp-2"] = [403]
    id = vendor.add_stream()
    _, done = running.hooks.about(id, "nginx-rtmp-2", 2)
    assert b"call=publish_done" in done.body
    with pytest.raises(live.NotFound):
        client.get(id)


def test_a_registered_webhook_gets_deliveries_at_its_own_url_with_its_own_secret(
    running: Running,
) -> None:
    client = running.connect("tpstreams-2")
    webhook = client.register_webhook(f"{running.hooks.url}/registered")
    stream = client.create(title="T")
    [delivery] = running.hooks.about(stream.id, "registered", 1)
    event = client.parse_webhook(delivery.headers, delivery.body, secret=webhook.secret)
    assert event.stream_id == stream.id
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook(delivery.headers, delivery.body)
    [usual] = running.hooks.about(stream.id, "tpstreams-2", 1)
    assert client.parse_webhook(usual.headers, usual.body).stream_id == stream.id
    client.delete_webhook(webhook.id)


def test_vendors_without_webhooks_are_named_once(running: Running) -> None:
    lines = [line for line in running.errors().splitlines() if "delivers no webhooks" in line]
    assert lines == [
        "# tktchurch delivers no webhooks: TKT Church sends no webhooks; read the list instead",
        "# videosdk delivers no webhooks: VideoSDK sends no webhooks for v1 live streams",
    ]
