"""Webhook deliveries."""

from __future__ import annotations

import hmac
import json
import traceback

import pytest

import livestream_core as live
from livestream_core.emulator import Fault


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


# -- the webhooks of the organization -----------------------------------------------------------

HOOK = "https://platform.example/hooks/school"
PATH = "/api/v1/gcdem4/webhooks/"
REQUIRED = "This field is required."


def test_webhooks_are_registered_with_their_secret_and_listed_from_all_pages(
    emulator, client, sent
):
    emulator.page_size = 2
    made = [client.register_webhook(f"{HOOK}/{n}", secret=f"s3cret-{n}") for n in range(5)]
    assert sent("POST /webhooks/")[0] == {"url": f"{HOOK}/0", "secret_token": "s3cret-0"}
    assert client.webhooks() == tuple(made)
    paths = [each.query for each in emulator.requests if each.method == "GET"]
    assert paths == ["", "limit=2&offset=2", "limit=2&offset=4"]


def test_pages_of_webhooks_that_do_not_end_are_an_error(emulator, client):
    emulator.page_size = 1
    for n in range(3):
        client.register_webhook(f"{HOOK}/{n}")

    def first_again(data, _):
        data["next"] = f"https://app.tpstreams.com{PATH}?limit=1&offset=1"

    emulator.inject(Fault.edited(first_again), on="GET */webhooks/", times=9)
    with pytest.raises(live.UnexpectedResponse, match="points back to a page already read"):
        client.webhooks()


@pytest.mark.parametrize(("status", "body"), [(200, b""), (202, b'{"detail": "ok"}'), (204, b"")])
def test_a_webhook_is_deleted_whatever_success_looks_like(emulator, client, status, body):
    webhook = client.register_webhook(HOOK)
    answer = Fault.status(status, body=body, content_type="application/json")
    emulator.inject(answer, on="DELETE *")
    assert client.delete_webhook(webhook.id) is None


def test_a_page_of_html_does_not_prove_that_a_webhook_was_deleted(emulator, client):
    webhook = client.register_webhook(HOOK)
    emulator.inject(Fault.html(), on="DELETE *", times=9)
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.delete_webhook(webhook.id)
    assert caught.value.applied is None


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"url": [REQUIRED], "secret_token": [REQUIRED]}),
        ({"url": HOOK}, {"secret_token": [REQUIRED]}),
        ({"url": "platform", "secret_token": "s"}, {"url": ["Enter a valid URL."]}),
        (
            {"url": HOOK, "secret_token": " "},
            {"secret_token": ["This field may not be blank."]},
        ),
    ],
)
def test_the_emulator_refuses_a_webhook_without_its_fields(api, body, errors):
    answer = api("POST", "/webhooks/", body)
    assert (answer.status_code, answer.json) == (400, errors)
    assert api("GET", "/webhooks/").json["count"] == 0


def test_the_emulator_returns_what_the_documents_show(api):
    made = api("POST", "/webhooks/", {"url": HOOK, "secret_token": "s3cret"})
    assert made.status_code == 201
    assert set(made.json) == {"url", "secret_token", "id"}
    path = f"/webhooks/{made.json['id']}/"
    changed = api("PUT", path, {"url": f"{HOOK}/2", "secret_token": "other"})
    assert (changed.status_code, changed.json["url"]) == (200, f"{HOOK}/2")
    listed = api("GET", "/webhooks/").json
    assert listed == {"count": 1, "next": None, "previous": None, "results": [changed.json]}
    assert api("DELETE", path).status_code == 204
    for method in ("PUT", "DELETE"):
        answer = api(method, path, {"url": HOOK, "secret_token": "s"})
        assert (answer.status_code, answer.json) == (404, {"detail": "Not found."})
    assert api("GET", "/webhooks/", auth=None).status_code == 401


def test_every_registered_webhook_gets_deliveries_with_its_own_secret(emulator, client):
    received = []
    emulator.webhook_receivers.append(received.append)
    hooks = [client.register_webhook(f"{HOOK}/{n}") for n in range(2)]
    stream = client.create(title="Class")
    assert [each.url for each in received] == [None, f"{HOOK}/0", f"{HOOK}/1"]
    for hook, each in zip(hooks, received[1:], strict=True):
        headers = each.headers(emulator.clock.now())
        event = client.parse_webhook(headers, each.body, secret=hook.secret)
        assert event.stream_id == stream.id
    headers = received[1].headers(emulator.clock.now())
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook(headers, received[1].body, secret=hooks[1].secret)
