"""Listing, registering, and deleting the webhooks of an account, with both clients."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeEmulator
from livestream_core.emulator import Fault
from livestream_core.memory import MemoryVendor
from runners import connect

pytestmark = pytest.mark.usefixtures("runner")

URL = "https://platform.example/hooks/school"
SECRET = "a-secret-of-the-caller"


@pytest.fixture
def vendor() -> MemoryVendor:
    return MemoryVendor()


@pytest.fixture
def client(vendor: MemoryVendor) -> live.Client:
    return connected(vendor)


def connected(vendor: MemoryVendor, **settings: Any) -> live.Client:
    options = {name: each for name, each in vendor.options().items() if name != "webhook_secret"}
    return connect("memory", transport=vendor.transport(), environ={}, **options, **settings)


def test_a_webhook_is_registered_listed_and_deleted(client: live.Client) -> None:
    webhook = client.register_webhook(URL, secret=SECRET)
    assert (webhook.provider, webhook.url, webhook.secret) == ("memory", URL, live.Secret(SECRET))
    assert client.webhooks() == (webhook,)
    client.delete_webhook(webhook.id)
    assert client.webhooks() == ()


def test_a_random_secret_is_long_and_differs_each_time(client: live.Client) -> None:
    secrets = {client.register_webhook(URL).secret for _ in range(3)}
    assert len(secrets) == 3
    assert all(each is not None and len(each.reveal()) >= 40 for each in secrets)


def test_a_secret_that_the_vendor_does_not_return_is_the_one_that_was_sent(
    client: live.Client, vendor: MemoryVendor
) -> None:
    def without(data: dict[str, Any], _: object) -> None:
        del data["secret"]

    vendor.inject(Fault.edited(without), on="POST */webhooks")
    assert client.register_webhook(URL, secret=SECRET).secret == live.Secret(SECRET)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://platform.example/hooks", "plain http to platform.example would expose"),
        ("ftp://platform.example/hooks", "is not an https URL"),
        ("platform.example/hooks", "is not a URL"),
        ("https://", "is not a URL"),
        ("", "is not a URL"),
        (None, "expected a string, not NoneType"),
    ],
)
def test_a_url_that_is_not_valid_is_refused_and_nothing_is_sent(
    client: live.Client, vendor: MemoryVendor, url: Any, problem: str
) -> None:
    with pytest.raises(live.InvalidInput, match=problem) as caught:
        client.register_webhook(url)
    assert (caught.value.field, caught.value.applied) == ("url", False)
    assert vendor.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost/x", "http://[::1]/"])
def test_plain_http_to_this_machine_is_accepted(client: live.Client, url: str) -> None:
    assert client.register_webhook(url).url == url


def test_plain_http_to_a_host_that_was_allowed_is_accepted(vendor: MemoryVendor) -> None:
    client = connected(vendor, allow_http_hosts=["Receiver.internal"])
    assert client.register_webhook("http://receiver.internal/x").id
    with pytest.raises(live.InvalidInput):
        client.register_webhook("http://another.internal/x")


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "the secret is empty"),
        ("  ", "the secret is empty"),
        ("two\nlines", "contains a control character"),
        (" padded", "starts or ends with whitespace"),
        (7, "must be a Secret or a string, not int"),
    ],
)
def test_a_secret_that_is_not_valid_is_refused_and_nothing_is_sent(
    client: live.Client, vendor: MemoryVendor, secret: Any, problem: str
) -> None:
    with pytest.raises(live.InvalidInput, match=problem) as caught:
        client.register_webhook(URL, secret=secret)
    assert caught.value.field == "secret"
    assert vendor.requests == []


def test_a_lost_response_leaves_the_outcome_open_and_says_what_to_do(
    client: live.Client, vendor: MemoryVendor
) -> None:
    vendor.inject(Fault.drop_after(), on="POST */webhooks")
    with pytest.raises(live.ConnectionFailed) as caught:
        client.register_webhook(URL)
    assert (caught.value.applied, caught.value.retryable) == (None, False)
    assert "the webhook may or may not have been registered" in str(caught.value)
    assert "list the webhooks before you retry" in str(caught.value)
    assert len(client.webhooks()) == 1


def test_a_deletion_whose_response_is_lost_is_sent_again_and_succeeds(
    client: live.Client, vendor: MemoryVendor
) -> None:
    webhook = client.register_webhook(URL)
    vendor.inject(Fault.drop_after(), on="DELETE *")
    client.delete_webhook(webhook.id)
    assert [each.method for each in vendor.requests].count("DELETE") == 2
    assert client.webhooks() == ()


def test_an_error_after_a_registration_does_not_take_the_webhook_for_a_stream(
    client: live.Client, vendor: MemoryVendor
) -> None:
    def damage(data: dict[str, Any], _: object) -> None:
        data["url"] = 7

    vendor.inject(Fault.edited(damage), on="POST */webhooks")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.register_webhook(URL)
    assert (caught.value.applied, caught.value.stream_id) == (True, None)


def test_a_success_that_names_no_webhook_leaves_the_outcome_open(
    client: live.Client, vendor: MemoryVendor
) -> None:
    vendor.inject(Fault.edited(lambda data, _: {}), on="POST */webhooks")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.register_webhook(URL)
    assert (caught.value.applied, caught.value.stream_id) == (None, None)


def test_a_secret_is_in_no_log_and_no_error(
    client: live.Client, vendor: MemoryVendor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "livestream_core")
    echo = f'{{"error": {{"message": "{SECRET} is too short"}}}}'.encode()
    vendor.inject(
        Fault.status(400, body=echo, content_type="application/json"), on="POST */webhooks"
    )
    with pytest.raises(live.Rejected) as caught:
        client.register_webhook(URL, secret=SECRET)
    assert "*** is too short" in str(caught.value)
    shown = f"{caught.value!r} {caught.value.body} {caplog.text} {caught.value.to_dict()}"
    assert SECRET not in shown


def test_a_webhook_as_data_has_its_secret_only_on_request(client: live.Client) -> None:
    webhook = client.register_webhook(URL, secret=SECRET)
    assert webhook.to_dict() == {"provider": "memory", "id": webhook.id, "url": URL}
    assert live.Webhook.from_dict(webhook.to_dict(secrets=True)) == webhook
    assert SECRET not in repr(webhook)
    hidden = attrs.evolve(webhook, url=live.SecretUrl(f"{URL}?token=made-up-7c1"))
    assert "made-up-7c1" not in f"{hidden!r} {hidden.to_dict()}"
    assert live.Webhook.from_dict(hidden.to_dict()).url is None


def test_a_provider_without_the_feature_refuses_all_three_without_a_request() -> None:
    vendor = AcmeEmulator()
    client = connect("acme", transport=vendor.transport(), **vendor.options())
    for call in (
        client.webhooks,
        lambda: client.register_webhook(URL),
        lambda: client.delete_webhook("1"),
    ):
        with pytest.raises(live.Unsupported) as caught:
            call()
        assert caught.value.features == ("manage_webhooks",)
    assert vendor.requests == []
