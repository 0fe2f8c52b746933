"""Webhook deliveries: how they are verified and read."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

import livestream_core as live
from livestream_core import EventKind, Status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "the-signing-secret"
STREAM = {
    "id": "stream-1",
    "created_at": 1609937654,
    "stream_key": "a-stream-key",
    "status": "idle",
    "latency_mode": "standard",
}


class Now:
    """A clock that shows one time."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError


def signature(body: bytes, *, at: int = int(NOW.timestamp()), secret: str = SECRET) -> str:
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
    return f"t={at},v1={signed}"


def delivery(kind: str, data: Any, **more: Any) -> bytes:
    event = {
        "type": kind,
        "id": "event-1",
        "created_at": "2026-01-02T03:04:04.000000Z",
        "object": {"type": "live", "id": "stream-1"},
        "environment": {"name": "Production", "id": "e-1"},
        "data": data,
        "attempts": [],
        **more,
    }
    return json.dumps(event).encode()


def parsed(body: bytes, header: str | None = None) -> live.Event:
    with live.connect(
        "mux", token_id="i", token_secret="s", webhook_secret=SECRET, clock=Now()
    ) as client:
        return client.parse_webhook({"Mux-Signature": header or signature(body)}, body)


@pytest.mark.parametrize(
    ("kind", "word", "status"),
    [
        ("created", "idle", Status.READY),
        ("connected", "idle", Status.READY),
        ("recording", "idle", Status.READY),
        ("active", "active", Status.LIVE),
        ("disconnected", "active", Status.INTERRUPTED),
        ("disconnected", "idle", Status.READY),
        ("idle", "idle", Status.READY),
        ("updated", "idle", Status.READY),
        ("enabled", "idle", Status.READY),
        ("disabled", "disabled", Status.DISABLED),
        ("warning", "active", Status.LIVE),
    ],
)
def test_a_delivery_about_a_stream_shows_it(kind: str, word: str, status: Status) -> None:
    event = parsed(delivery(f"video.live_stream.{kind}", {**STREAM, "status": word}))
    assert (event.kind, event.stream_id) == (EventKind.STREAM_CHANGED, "stream-1")
    assert event.stream is not None
    assert (event.stream.status, event.stream.problems) == (status, ())
    assert event.stream.created_at == live.parse_instant("2021-01-06T12:54:14Z")
    assert event.occurred_at == live.parse_instant("2026-01-02T03:04:04Z")
    announced = {"active": Status.LIVE, "disconnected": Status.INTERRUPTED}
    assert event.status is (announced.get(kind) if word == "active" else None)
    assert event.event_type == f"video.live_stream.{kind}"


def test_a_deleted_stream_is_not_shown() -> None:
    event = parsed(delivery("video.live_stream.deleted", STREAM))
    assert (event.stream_id, event.stream) == ("stream-1", None)


def test_a_finished_recording_is_about_its_stream() -> None:
    asset = {"id": "asset-1", "live_stream_id": "stream-1", "status": "ready"}
    event = parsed(delivery("video.asset.live_stream_completed", asset))
    assert (event.kind, event.stream_id, event.stream) == (
        EventKind.STREAM_CHANGED,
        "stream-1",
        None,
    )


@pytest.mark.parametrize(
    "kind",
    ["video.asset.ready", "video.live_stream.simulcast_target.idle", "video.upload.created"],
)
def test_a_delivery_about_something_else_is_another_kind(kind: str) -> None:
    event = parsed(delivery(kind, {"id": "something"}))
    assert (event.kind, event.stream_id, event.stream) == (EventKind.OTHER, None, None)


def test_one_of_several_signatures_is_enough() -> None:
    body = delivery("video.live_stream.idle", STREAM)
    at, right = signature(body).split(",")
    assert parsed(body, f"{at},v1={'0' * 64},{right}").stream_id == "stream-1"


@pytest.mark.parametrize("age", [301, 4000, -301])
def test_a_delivery_of_another_time_is_rejected(age: int) -> None:
    body = delivery("video.live_stream.idle", STREAM)
    with pytest.raises(live.WebhookRejected):
        parsed(body, signature(body, at=int(NOW.timestamp()) - age))


def test_another_secret_or_another_body_is_rejected() -> None:
    body = delivery("video.live_stream.idle", STREAM)
    for header in (signature(body, secret="other"), signature(body + b" "), "", "t=1", "v1=é"):
        with pytest.raises(live.WebhookRejected):
            parsed(body, header or " ")
