"""``mux.webhooks`` of the official SDK judges the signatures of the emulator's deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from livestream_mux import emulator as emulator_module
from livestream_mux.emulator import MuxEmulator

from .bench import TARGET, serving
from .sdks import NodeSDK, PythonSDK, Refused

SECRET = "a secret of the judges"
#: Older than this, a delivery is refused.
TOLERANCE = 300
RIGHT = emulator_module.sign


@pytest.fixture
def emulator() -> MuxEmulator:
    return MuxEmulator()


@pytest.fixture
def stream(emulator: MuxEmulator) -> str:
    """Return a stream that had every event that a stream can have, except for its end."""
    with serving(emulator, PythonSDK()) as bench:
        id = bench.made(meta={"title": "Köln 😀"}, simulcast_targets=[TARGET])
        emulator.connect_encoder(id)
        emulator.drop_encoder(id)
        emulator.finish_recording(id)
        emulator.warn(id)
        bench.call("update", id, body={"passthrough": "x"})
        bench.call("disable", id)
        bench.call("enable", id)
    return id


def accepts(node: NodeSDK, headers: Mapping[str, str], body: bytes, secret: str = SECRET) -> bool:
    """Whether the SDK accepts a delivery."""
    try:
        node.webhooks("verifySignature", body.decode(), dict(headers), secret)
    except Refused as refused:
        assert refused.status == 0
        return False
    return True


def test_the_sdk_accepts_every_delivery_and_reads_it(
    node: NodeSDK, emulator: MuxEmulator, stream: str
) -> None:
    sent = emulator.deliveries()
    assert len({each.type for each in sent}) > 12
    for each in sent:
        assert accepts(node, each.headers, each.body, emulator.webhook_secret)
        values = (each.body.decode(), dict(each.headers), emulator.webhook_secret)
        event = node.webhooks("unwrap", *values)
        assert event == json.loads(each.body)
        assert (event["type"], event["object"]["id"]) == (each.type, each.object_id)


def test_the_sdk_refuses_what_was_changed(
    node: NodeSDK, emulator: MuxEmulator, stream: str
) -> None:
    headers, body = emulator.webhook(stream, secret=SECRET)
    signature = headers["Mux-Signature"]
    time, _, digest = signature.partition(",v1=")
    assert accepts(node, headers, body)
    assert not accepts(node, headers, body, "another secret")
    assert not accepts(node, headers, body + b" ")
    assert not accepts(node, headers, body.replace(b"idle", b"active"))
    later = f"t={int(time[2:]) + 1},v1={digest}"
    for changed in (later, time, f"v1={digest}", f"{time},v0={digest}", f"{time},v1=00", "", "x"):
        assert not accepts(node, {**headers, "Mux-Signature": changed}, body)
    assert not accepts(node, {}, body)


def test_the_sdk_accepts_one_right_signature_of_several(
    node: NodeSDK, emulator: MuxEmulator, stream: str
) -> None:
    headers, body = emulator.webhook(stream, secret=SECRET)
    several = headers["Mux-Signature"].replace(",v1=", f",v1={'0' * 64},v1=")
    assert accepts(node, {"mux-signature": several}, body)


@pytest.mark.parametrize(("age", "accepted"), [(TOLERANCE - 60, True), (TOLERANCE + 60, False)])
def test_the_sdk_refuses_what_is_old(
    node: NodeSDK, emulator: MuxEmulator, stream: str, age: int, accepted: bool
) -> None:
    emulator.clock.advance(-age)
    headers, body = emulator.webhook(stream, secret=SECRET)
    assert accepts(node, headers, body) is accepted


def test_the_sdk_computes_the_same_signature(
    node: NodeSDK, emulator: MuxEmulator, stream: str
) -> None:
    headers, body = emulator.webhook(stream, secret=SECRET)
    assert headers == {"Content-Type": "application/json", **signed_by_the_sdk(node, body, headers)}


def signed_by_the_sdk(node: NodeSDK, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the header with the SDK's own signature of a body, at the time of other headers."""
    seconds = headers["Mux-Signature"].partition(",")[0].removeprefix("t=")
    digest = node.webhooks("computeSignature", f"{seconds}.{body.decode()}", SECRET)
    return {"Mux-Signature": f"t={seconds},v1={digest}"}


def _without_the_time(body: bytes, secret: str, at: Any) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Mux-Signature": f"t={int(at.timestamp())},v1={digest}"}


def _with_another_digest(body: bytes, secret: str, at: Any) -> dict[str, str]:
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha512).hexdigest()
    return {"Mux-Signature": f"t={seconds},v1={digest}"}


def _of_an_older_time(body: bytes, secret: str, at: Any) -> dict[str, str]:
    return RIGHT(body, secret, at - timedelta(seconds=TOLERANCE * 2))


@pytest.mark.parametrize("wrong", [_without_the_time, _with_another_digest, _of_an_older_time])
def test_the_judge_finds_a_wrong_signature_that_is_planted(
    node: NodeSDK, monkeypatch: pytest.MonkeyPatch, wrong: Any
) -> None:
    emulator = MuxEmulator()
    id = emulator.add_asset()
    assert accepts(node, *emulator.webhook(id, secret=SECRET))
    monkeypatch.setattr(emulator_module, "sign", wrong)
    assert not accepts(node, *emulator.webhook(id, secret=SECRET))
