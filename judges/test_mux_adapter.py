"""Mux's official SDKs judge its adapter: what it sends, what it reads, and what it verifies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

import livestream_core as live
from livestream_core import Latency, Protection, RecordingStatus, RestreamTarget, Status
from livestream_mux.emulator import MuxEmulator

from .bench import Bench, operation_of, unlike_the_sdk
from .sdks import NodeSDK, Refused

WORDS = {Status.READY: "idle", Status.LIVE: "active", Status.DISABLED: "disabled"}
MODES = {Latency.NORMAL: "standard", Latency.LOW: "reduced", Latency.ULTRA_LOW: "low"}
POLICIES = {Protection.NONE: "public", Protection.SIGNED: "signed", Protection.DRM: "drm"}
ASSETS = {RecordingStatus.PROCESSING: "preparing", RecordingStatus.READY: "ready"}
RESTREAMS = (
    RestreamTarget("rtmp://live.example.com/app", "abcdefgh"),
    RestreamTarget("srt://live.example.com:1234?streamid=x"),
)


def connected(bench: Bench, **settings: Any) -> live.Client:
    """Return our client for the emulator that the SDK judges."""
    return bench.emulator.connect(retries=0, **settings)


# -- what the adapter sends -----------------------------------------------------------------


def test_every_request_of_the_adapter_is_one_that_the_sdk_would_send(python_bench: Bench) -> None:
    vendor = MuxEmulator()
    with vendor.connect() as client:
        for latency in Latency:
            client.create(
                title="Lesson 1, “Köln” 😀",
                reference="lesson 1, “Köln” 😀",
                latency=latency,
                restreams=RESTREAMS,
                options={"reconnect_window": 12.5, "playback_policies": ["public", "signed"]},
            )
        id = client.create(title="Lesson").id
        client.get(id)
        client.start(id)
        vendor.connect_encoder(id)
        client.stop(id)
        client.disable(id)
        client.enable(id)
        client.reset_key(id)
        client.recordings(id)
        client.update(id, title="Another", reference="another", latency="low")
        client.update(id, reference=None)
        list(client.list())
        for status in client.capabilities.statuses:
            list(client.list(status=status))
        client.pages(size=2)
        client.delete(id)
    assert {operation_of(each)[0] for each in vendor.requests} == {
        *("create", "get", "list", "update", "complete", "disable", "enable", "reset_key"),
        *("list_assets", "delete"),
    }
    for each in vendor.requests:
        assert unlike_the_sdk(python_bench, each) == [], f"{each.method} {each.path}?{each.query}"


# -- what the adapter reads -----------------------------------------------------------------


def as_mux(stream: live.LiveStream) -> dict[str, Any]:
    """Return what our stream says, in Mux's words."""
    assert stream.problems == ()
    rtmp, srt = stream.ingests
    assert rtmp.stream_key is not None
    assert srt.passphrase is not None
    assert stream.created_at is not None
    assert stream.latency is not None
    return {
        "id": stream.id,
        "status": WORDS[stream.status],
        "created_at": str(int(stream.created_at.timestamp())),
        "title": stream.title,
        "passthrough": stream.reference,
        "latency_mode": MODES[stream.latency],
        "stream_key": rtmp.stream_key.reveal(),
        "srt_passphrase": srt.passphrase.reveal(),
        "policies": [POLICIES[each.protection] for each in stream.playbacks],
        "public": [each.url for each in stream.playbacks if each.url is not None],
        "targets": [
            (each.url, each.stream_key and each.stream_key.reveal()) for each in stream.restreams
        ],
    }


def as_seen(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of the SDK's view."""
    playback_ids = view.get("playback_ids", [])
    return {
        **{name: view[name] for name in ("id", "status", "created_at", "latency_mode")},
        **{name: view[name] for name in ("stream_key", "srt_passphrase")},
        "title": view.get("meta", {}).get("title", ""),
        "passthrough": view.get("passthrough"),
        "policies": [each["policy"] for each in playback_ids],
        "public": [
            f"https://stream.mux.com/{each['id']}.m3u8"
            for each in playback_ids
            if each["policy"] == "public"
        ],
        "targets": [
            (each["url"], each.get("stream_key")) for each in view.get("simulcast_targets", [])
        ],
    }


def test_the_adapter_and_the_sdk_see_the_same_streams(bench: Bench) -> None:
    drm = {"policy": "drm", "drm_configuration_id": "x"}
    with connected(bench) as client:
        streams = [
            client.create(title="Bare"),
            client.create(title="Full", reference="full", latency="low", restreams=RESTREAMS),
            client.create(title="Live"),
            client.create(title="Off"),
            client.create(
                title="Kept",
                options={"playback_policies": ["signed"], "advanced_playback_policies": [drm]},
            ),
        ]
        bench.emulator.connect_encoder(streams[2].id)
        client.disable(streams[3].id)
        untitled = bench.made(playback_policies=["signed", "public"])
        for id in [*(stream.id for stream in streams), untitled]:
            assert as_mux(client.get(id)) == as_seen(bench.call("get", id))
        listed = [as_mux(stream) for stream in client.list()]
        assert listed == [as_seen(view) for view in bench.call("list", query={"limit": 100})]
        assert {each["status"] for each in listed} == {*WORDS.values()}


def test_the_sdk_sees_what_the_adapter_changes(bench: Bench) -> None:
    with connected(bench) as client:
        id = client.create(title="Before", reference="before").id
        changes: tuple[Callable[[], live.LiveStream], ...] = (
            lambda: client.update(id, title="After", latency="ultra_low"),
            lambda: client.update(id, reference=None),
            lambda: client.reset_key(id),
            lambda: client.disable(id),
            lambda: client.enable(id),
        )
        for change in changes:
            assert as_mux(change()) == as_seen(bench.call("get", id))
        client.delete(id)
    with pytest.raises(Refused) as caught:
        bench.call("get", id)
    assert caught.value.status == 404


def test_the_adapter_and_the_sdk_see_the_same_recordings(bench: Bench) -> None:
    with connected(bench) as client:
        id = client.create(title="Lesson").id
        for _ in range(2):
            bench.emulator.connect_encoder(id)
            bench.emulator.clock.advance(90)
            bench.emulator.drop_encoder(id)
            bench.emulator.finish_recording(id)
        bench.emulator.connect_encoder(id)
        recordings = client.recordings(id)
        views = bench.call("list_assets", query={"live_stream_id": id, "limit": 100})
    assert len(recordings) == 3
    for recording, view in zip(recordings, views, strict=True):
        (playback_id,) = view["playback_ids"]
        assert recording.id == view["id"]
        assert ASSETS[recording.status] == view["status"]
        assert recording.url == f"https://stream.mux.com/{playback_id['id']}.m3u8"
        assert recording.duration == view.get("duration")
        assert recording.started_at is not None
        first = view["recording_times"][0]
        assert recording.started_at == live.parse_instant(str(first["started_at"]))
        if view["status"] == "ready":
            last = view["recording_times"][-1]
            began = live.parse_instant(str(last["started_at"]))
            assert recording.ended_at == began + timedelta(seconds=last["duration"])
        else:
            assert recording.ended_at is None


# -- what the adapter verifies --------------------------------------------------------------


def test_the_adapter_and_the_sdk_accept_the_same_deliveries(node: NodeSDK) -> None:
    vendor, secret = MuxEmulator(), "a secret of the judges"
    with vendor.connect() as client:
        headers, body = vendor.webhook(client.create(title="Köln 😀").id, secret=secret)
        time, _, digest = headers["Mux-Signature"].partition(",v1=")
        signatures = [
            headers["Mux-Signature"],
            f"{time},v1={'0' * 64},v1={digest}",
            f"{time},v1={digest},v1={'0' * 64}",
            f"v1={digest},{time}",
            f"{time},v1={digest[:-1]}",
            f"{time},v1=",
            f"{time},v0={digest}",
            f"t={int(time[2:]) - 1},v1={digest}",
            f"t=x,v1={digest}",
            time,
            f"v1={digest}",
            "x",
        ]
        bodies = [body, body + b" ", body.replace(b"idle", b"active")]
        for signature in signatures:
            for sent in bodies:
                changed = {**headers, "Mux-Signature": signature}
                theirs = _accepts(node, changed, sent, secret)
                try:
                    client.parse_webhook(changed, sent, secret=secret)
                    ours = True
                except live.WebhookRejected:
                    ours = False
                assert ours is theirs, signature


def test_the_adapter_accepts_what_the_sdk_signs(node: NodeSDK) -> None:
    vendor, secret = MuxEmulator(), "a secret of the judges"
    with vendor.connect() as client:
        id = client.create(title="Lesson").id
        _, body = vendor.webhook(id, secret=secret)
        at = int(vendor.clock.now().timestamp())
        digest = node.webhooks("computeSignature", f"{at}.{body.decode()}", secret)
        event = client.parse_webhook({"mux-signature": f"t={at},v1={digest}"}, body, secret=secret)
    assert event.stream_id == id


def _accepts(node: NodeSDK, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    try:
        node.webhooks("verifySignature", body.decode(), dict(headers), secret)
    except Refused:
        return False
    return True
