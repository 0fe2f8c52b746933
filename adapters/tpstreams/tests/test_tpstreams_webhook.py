"""Webhook deliveries."""

from __future__ import annotations

import hmac
import json
import traceback

import pytest

import livestream_core as live


@pytest.fixture
def delivery(emulator, on_air):
    return emulator.webhook(on_air)


def test_a_delivery_gives_the_stream(client, emulator, delivery, on_air):
    event = client.parse_webhook(*delivery, secret=emulator.webhook_secret)
    assert (event.provider, event.kind, event.stream_id) == ("tpstreams", "stream_changed", on_air)
    assert event.stream.status is live.Status.LIVE
    assert event.raw == json.loads(delivery[1])


def test_the_secret_may_be_an_option(emulator, delivery):
    with emulator.connect(webhook_secret=emulator.webhook_secret) as client:
        assert client.parse_webhook(*delivery).stream is not None


def test_a_delivery_says_that_the_server_is_up_while_the_status_word_stays(client, emulator):
    stream = client.create(title="Class")
    emulator.clock.advance(emulator.boot_seconds)
    headers, body = emulator.webhook(stream.id)
    event = client.parse_webhook(headers, body, secret=emulator.webhook_secret)
    assert event.stream.status is live.Status.READY


@pytest.mark.parametrize("name", ["x-streams-token", "X-Streams-Token", "X-STREAMS-TOKEN"])
def test_the_headers_name_may_have_any_case(client, delivery, name):
    assert client.parse_webhook({name: "s3cret"}, delivery[1], secret="s3cret").stream is not None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-streams-token": ""},
        {"x-streams-token": "wrong"},
        {"x-streams-token": "s3cret "},
        {"x-streams-token": "S3CRET"},
        {"x-tpstreams-token": "s3cret"},
        {"x-streams-token": "s3cr\ud800t"},
        {"x-streams-token": "s3cr\N{SNOWMAN}t"},
    ],
)
def test_a_delivery_without_the_secret_is_rejected(client, delivery, headers):
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook(headers, delivery[1], secret="s3cret")


def test_an_unverified_body_is_not_even_read(client):
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook({"x-streams-token": "wrong"}, b"not json", secret="s3cret")


def test_a_missing_secret_is_a_configuration_error(client, delivery):
    with pytest.raises(live.ConfigurationError, match="webhook_secret"):
        client.parse_webhook(*delivery)


@pytest.mark.parametrize("as_server_gives_it", [str, lambda text: text.encode().decode("latin-1")])
def test_a_secret_may_be_other_than_ascii(client, delivery, as_server_gives_it):
    headers = {"x-streams-token": as_server_gives_it("gehëim-\N{SNOWMAN}")}
    event = client.parse_webhook(headers, delivery[1], secret="gehëim-\N{SNOWMAN}")
    assert event.stream is not None


def test_the_secret_is_compared_in_constant_time(client, delivery, monkeypatch):
    compared = []

    def compare(first, second):
        compared.append((first, second))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook({"x-streams-token": "s3cret"}, delivery[1], secret="s3cret")
    assert compared == [(b"s3cret", b"s3cret")] * 2


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_delivery_about_something_else_has_no_stream(client, emulator, kind):
    id = emulator.add_video() if kind == "video" else emulator.add_folder()
    event = client.parse_webhook(*emulator.webhook(id), secret=emulator.webhook_secret)
    assert (event.kind, event.stream, event.stream_id) == ("other", None, None)
    assert event.raw["type"] == kind


@pytest.mark.parametrize("body", [b"", b"nope", b"[]", b"{}", b'{"type":"livestream"}', b"\xff"])
def test_a_verified_delivery_that_cannot_be_read_is_unexpected(client, body):
    with pytest.raises(live.UnexpectedResponse):
        client.parse_webhook({"x-streams-token": "s3cret"}, body, secret="s3cret")


def test_a_webhook_secret_is_not_printed(client, delivery):
    with pytest.raises(live.UnexpectedResponse) as info:
        client.parse_webhook(
            {"x-streams-token": "s3cret-s3cret"}, b'{"type":7}', secret="s3cret-s3cret"
        )
    assert "s3cret" not in f"{info.value} {info.value.body}"


def test_a_delivery_with_an_odd_value_gives_the_stream_without_it(client, emulator, delivery):
    headers, body = delivery
    asset = json.loads(body)
    asset["live_stream"]["start"] = "soon"
    event = client.parse_webhook(
        headers, json.dumps(asset).encode(), secret=emulator.webhook_secret
    )
    assert event.stream.id == event.stream_id == asset["id"]
    assert event.stream.problems == (
        "scheduled_start: live_stream.start is not YYYY-MM-DD HH:MM:SS",
    )


def test_a_delivery_whose_stream_cannot_be_read_gives_its_id(client, emulator, delivery, on_air):
    headers, body = delivery
    asset = {**json.loads(body), "live_stream": 7}
    event = client.parse_webhook(
        headers, json.dumps(asset).encode(), secret=emulator.webhook_secret
    )
    assert (event.kind, event.stream_id, event.stream) == ("stream_changed", on_air, None)


def test_a_delivery_about_nobody_knows_what_is_an_error_that_names_its_id(
    client, emulator, delivery, on_air
):
    headers, body = delivery
    asset = {**json.loads(body), "type": None}
    with pytest.raises(live.UnexpectedResponse, match="type is null in the delivery") as caught:
        client.parse_webhook(headers, json.dumps(asset).encode(), secret=emulator.webhook_secret)
    assert caught.value.stream_id == on_air


@pytest.mark.parametrize("sent", ["wrong", "s3cret-of-a-tenant"])
def test_no_frame_of_a_refused_delivery_holds_the_secret(client, sent):
    secret = "s3cret-of-a-tenant"
    with pytest.raises((live.WebhookRejected, live.UnexpectedResponse)) as caught:
        client.parse_webhook({"x-streams-token": sent}, b"{}", secret=secret)
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb)][1:]
    assert frames
    assert not any(secret in repr(frame.f_locals) for frame in frames)
