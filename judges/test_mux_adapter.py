"""Mux's official SDKs judge our adapter: its view is theirs, and its requests are theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import livestream_core as live
from livestream_mux.emulator import MuxEmulator

from .bench import TARGET, Bench, serving, unlike_the_sdk
from .sdks import NodeSDK, PythonSDK

pytest.importorskip("livestream_mux.adapter")

LATENCIES = {
    "standard": live.Latency.NORMAL,
    "reduced": live.Latency.LOW,
    "low": live.Latency.ULTRA_LOW,
}
STATUSES = {
    "idle": live.Status.READY,
    "active": live.Status.LIVE,
    "disabled": live.Status.DISABLED,
}
SPEC: dict[str, Any] = {
    "title": "Lesson 1, “Köln” 😀",
    "reference": "lesson-1",
    "latency": live.Latency.LOW,
    "restreams": [live.RestreamTarget(TARGET["url"], TARGET["stream_key"])],
}


@pytest.fixture
def ours(bench: Bench) -> Iterator[live.Client]:
    with live.connect("mux", base_url=bench.origin, **bench.emulator.options()) as client:
        yield client


def same_view(ours: live.LiveStream, theirs: Any) -> None:
    """Fail if our view of a stream differs from that of an SDK, in any field."""
    assert ours.id == theirs["id"]
    assert ours.title == theirs.get("meta", {}).get("title", "")
    assert ours.reference == theirs.get("passthrough")
    assert ours.provider_status == theirs["status"]
    assert ours.status is STATUSES[theirs["status"]]
    assert ours.latency is LATENCIES[theirs["latency_mode"]]
    assert ours.created_at == datetime.fromtimestamp(int(theirs["created_at"]), UTC)
    assert {each.stream_key and each.stream_key.reveal() for each in ours.ingests} == {
        theirs["stream_key"]
    }
    assert [each.url for each in ours.playbacks if each.url] == [
        f"https://stream.mux.com/{each['id']}.m3u8"
        for each in theirs.get("playback_ids", [])
        if each["policy"] == "public"
    ]
    assert len(ours.playbacks) == len(theirs.get("playback_ids", []))
    assert [
        (each.url, each.stream_key and each.stream_key.reveal()) for each in ours.restreams
    ] == [(each["url"], each.get("stream_key")) for each in theirs.get("simulcast_targets", [])]
    assert ours.problems == ()


def test_our_view_is_the_sdks(bench: Bench, ours: live.Client) -> None:
    made = ours.create(**SPEC)
    same_view(made, bench.call("get", made.id))
    theirs = bench.call("create", body={"playback_policies": ["public", "signed"]})
    same_view(ours.get(theirs["id"]), theirs)
    bench.emulator.connect_encoder(made.id)
    same_view(ours.get(made.id), bench.call("get", made.id))
    same_view(ours.stop(made.id), bench.call("get", made.id))
    changed = ours.update(made.id, title="Another", reference=None, latency=live.Latency.NORMAL)
    same_view(changed, bench.call("get", made.id))
    key = changed.ingests[0].stream_key
    same_view(ours.reset_key(made.id), bench.call("get", made.id))
    assert ours.get(made.id).ingests[0].stream_key != key
    same_view(ours.disable(made.id), bench.call("get", made.id))
    bench.call("enable", made.id)
    same_view(ours.get(made.id), bench.call("get", made.id))
    views = bench.call("list", query={"limit": 10})
    for stream, view in zip(ours.list(), views, strict=True):
        same_view(stream, view)


def test_our_recordings_are_the_sdks(bench: Bench, ours: live.Client) -> None:
    id, asset = bench.recorded()
    [recording] = ours.recordings(id)
    theirs = bench.call("get_asset", asset)
    assert recording.id == theirs["id"]
    assert recording.duration == pytest.approx(theirs["duration"])
    assert recording.url == f"https://stream.mux.com/{theirs['playback_ids'][0]['id']}.m3u8"


def everything(client: live.Client, emulator: MuxEmulator) -> None:
    """Carry out every operation that the adapter has."""
    id = client.create(**SPEC).id
    client.create(title="Bare")
    client.get(id)
    list(client.list(status=live.Status.READY))
    list(client.list(reference="lesson-1"))
    client.update(id, title="Another", latency=live.Latency.ULTRA_LOW)
    client.update(id, reference=None)
    emulator.connect_encoder(id)
    client.stop(id)
    emulator.connect_encoder(id)
    client.disable(id)
    client.enable(id)
    client.reset_key(id)
    client.recordings(id)
    client.delete(id)


def test_every_request_of_our_adapter_is_one_that_the_sdk_would_send(
    python_bench: Bench,
) -> None:
    emulator = MuxEmulator()
    with emulator.connect() as client:
        everything(client, emulator)
    sent = list(emulator.requests)
    assert {each.method for each in sent} == {"GET", "POST", "PATCH", "PUT", "DELETE"}
    assert {each.path: unlike_the_sdk(python_bench, each) for each in sent} == {
        each.path: [] for each in sent
    }


def test_our_client_accepts_what_the_sdk_signed(node: NodeSDK) -> None:
    emulator = MuxEmulator()
    with serving(emulator, PythonSDK()) as bench, emulator.connect() as client:
        id = bench.made(meta={"title": "Köln 😀"})
        headers, body = emulator.webhook(id)
        seconds = headers["Mux-Signature"].partition(",")[0]
        values = (f"{seconds[2:]}.{body.decode()}", emulator.webhook_secret)
        signed = {"mux-signature": f"{seconds},v1={node.webhooks('computeSignature', *values)}"}
        event = client.parse_webhook(signed, body)
        assert event.stream_id == id
        for changed in (body + b" ", body.replace(b"idle", b"active")):
            with pytest.raises(live.WebhookRejected):
                client.parse_webhook(signed, changed)
