"""Deliveries of a vendor that publishes its key are verified with it, whichever client receives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeAdapter, FakeClock
from runners import connect
from scripted import REFUSED, ScriptedTransport, respond

pytestmark = pytest.mark.usefixtures("runner")

BODY = b'{"id": "1", "title": "T", "status": "on", "key": "acme-key-1"}'
OLD, NEW = "key-of-yesterday", "key-of-today"


class PublishingAdapter(AcmeAdapter):
    """Acme, but its deliveries are verified with a key that it publishes."""

    name = "publishing"

    def webhook_key(self) -> live.Operation[str]:
        response = yield self.request("GET", "/public/key")
        return response.fields().text("key")

    def parse_webhook(self, headers: Any, body: bytes, secret: str) -> live.Event:
        if secret == "broken":
            raise live.ConfigurationError("this is not a key")
        return super().parse_webhook(headers, body, secret)


@attrs.define
class Vendor:
    """A vendor that publishes a key, and signs with the one that it has now."""

    key: str = OLD
    signs_with: str = OLD
    answer: Any = None
    asked: int = 0
    number: int = attrs.field(factory=itertools.count().__next__)
    clock: FakeClock = attrs.field(factory=FakeClock)
    transport: ScriptedTransport = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.transport = ScriptedTransport(self.respond)

    def respond(self, method: str, target: str) -> Any:
        assert (method, target) == ("GET", "/public/key")
        self.asked += 1
        return self.answer or respond(data={"key": self.key})

    def replace(self, key: str) -> None:
        self.key = self.signs_with = key

    def connect(self) -> live.Client:
        return connect(
            "publishing",
            account_name=f"account-{self.number}",  # keys are shared by the clients of an account
            token="t0k",
            transport=self.transport,
            clock=self.clock,
            retries=0,
        )

    def deliver(self, client: live.Client, **settings: Any) -> live.Event:
        return client.receive_webhook({"x-acme-secret": self.signs_with}, BODY, **settings)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    info = live.AdapterInfo(name="publishing", factory=PublishingAdapter)
    plugin = SimpleNamespace(livestream_adapters=live.hookimpl(lambda: [info]))
    live.register(plugin)
    yield Vendor()
    live.unregister(plugin)


def test_a_key_is_fetched_once_without_a_session_and_kept_by_all_clients_for_an_hour(
    vendor: Vendor,
) -> None:
    for _ in range(3):  # as in a handler that connects for each request
        with vendor.connect() as client:
            event = vendor.deliver(client)
            assert (event.stream_id, event.kind) == ("1", live.EventKind.STREAM_CHANGED)
    assert vendor.asked == 1
    assert not {"authorization", "cookie"} & {
        name.lower() for name in vendor.transport.sent[0].headers
    }
    vendor.clock.sleep(timedelta(hours=1).total_seconds())
    with vendor.connect() as client:
        vendor.deliver(client)
    assert vendor.asked == 2


def test_a_key_that_the_vendor_replaced_is_fetched_again_at_the_next_delivery(
    vendor: Vendor,
) -> None:
    with vendor.connect() as client:
        vendor.deliver(client)
        vendor.replace(NEW)
        assert vendor.deliver(client).stream_id == "1"
        assert vendor.asked == 2


def test_forged_deliveries_cause_one_request_a_minute(vendor: Vendor) -> None:
    with vendor.connect() as client:
        vendor.deliver(client)
        vendor.signs_with = "key-of-a-forger"
        for _ in range(5):
            with pytest.raises(live.WebhookRejected) as caught:
                vendor.deliver(client)
            assert caught.value.operation == "receive_webhook"
        assert vendor.asked == 2
        vendor.clock.sleep(60)
        with pytest.raises(live.WebhookRejected):
            vendor.deliver(client)
        assert vendor.asked == 3
        vendor.signs_with = OLD
        vendor.deliver(client)


def test_a_forged_delivery_that_is_the_first_one_causes_one_request(vendor: Vendor) -> None:
    vendor.signs_with = "key-of-a-forger"
    with vendor.connect() as client, pytest.raises(live.WebhookRejected):
        vendor.deliver(client)
    assert vendor.asked == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (respond(503), live.ProviderUnavailable),
        (REFUSED, live.ConnectionFailed),
        (respond(200, {"key": None}), live.UnexpectedResponse),
        (respond(200, {"key": "broken"}), live.ConfigurationError),
    ],
)
def test_a_delivery_is_not_rejected_because_its_key_could_not_be_fetched(
    vendor: Vendor, answer: Any, error: type[live.LiveStreamError]
) -> None:
    vendor.answer = answer
    with vendor.connect() as client:
        with pytest.raises(error) as caught:
            vendor.deliver(client)
        assert (caught.value.operation, caught.value.applied) == ("receive_webhook", False)
        vendor.answer = None
        assert vendor.deliver(client).stream_id == "1"


def test_a_secret_that_is_passed_is_used_and_nothing_is_fetched(vendor: Vendor) -> None:
    with vendor.connect() as client:
        assert vendor.deliver(client, secret=live.Secret(OLD)).stream_id == "1"
        with pytest.raises(live.WebhookRejected):
            vendor.deliver(client, secret=NEW)
        for parse in (client.parse_webhook, client.receive_webhook):
            with pytest.raises(live.ConfigurationError):
                parse({}, BODY, secret=" ")
    assert vendor.asked == 0


def test_a_method_that_sends_nothing_names_the_one_that_fetches_the_key(vendor: Vendor) -> None:
    with vendor.connect() as client:
        vendor.deliver(client)
        with pytest.raises(live.ConfigurationError) as caught:
            client.parse_webhook({"x-acme-secret": OLD}, BODY)
        assert "receive_webhook()" in (caught.value.hint or "")
        assert client.parse_webhook({"x-acme-secret": OLD}, BODY, secret=OLD).stream_id == "1"
    assert vendor.asked == 1


def test_deliveries_of_every_other_vendor_can_be_received_by_the_same_method() -> None:
    with connect("acme", token="t0k", webhook_secret="s3cret") as client:
        event = client.receive_webhook({"x-acme-secret": "s3cret"}, BODY)
        assert event.stream_id == "1"
        with pytest.raises(live.WebhookRejected):
            client.receive_webhook({"x-acme-secret": "another"}, BODY)
        with pytest.raises(live.InvalidInput):
            client.receive_webhook({}, "text")  # type: ignore[arg-type]


def test_a_closed_client_receives_nothing(vendor: Vendor) -> None:
    client = vendor.connect()
    client.close()
    with pytest.raises(live.ConfigurationError, match="closed"):
        vendor.deliver(client)
