"""An adapter that was written against version 1 of the interface still works."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import livestream_core as live

FILE = Path(__file__).parents[1] / "frozen" / "version_1.py"
DIGEST = "3541d3909291d615d962eba1d57961789ec3a4a5f8e40ba1e76499e14ab75d3e"


@pytest.fixture(scope="module")
def frozen() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("frozen_version_1", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    live.register(module)
    yield module
    live.unregister(module)
    del sys.modules[spec.name]


def test_it_was_never_edited() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == DIGEST


def test_a_life_at_it_goes_as_it_always_did(frozen: ModuleType) -> None:
    vendor = frozen.FrozenEmulator()
    with vendor.serve() as url, live.connect("frozen", base_url=url, **vendor.options()) as client:
        made = client.create(
            title="T", description="D", tags=["a"], scheduled_start="2026-12-05T15:30:20+01:00"
        )
        assert made.scheduled_start is not None
        assert made.scheduled_start.isoformat() == "2026-12-05T14:30:00+00:00"
        assert client.get(made.id.lower()) == made
        changed = client.update(made.id, title="U", description=None)
        assert (changed.title, changed.description) == ("U", None)
        with pytest.raises(live.Conflict):
            client.stop(made.id)
        vendor.connect_encoder(made.id)
        on_air = client.wait(made.id, until=live.Status.LIVE, timeout=5)
        assert on_air.ingest is not None
        assert on_air.ingest.stream_key == live.Secret("fz-Live1")
        assert client.stop(made.id).status is live.Status.ENDED
        for number in range(4):
            client.create(title=f"T{number}")
        streams = client.list()
        assert len(list(streams)) == 5
        assert streams.complete is live.Completeness.PROVEN
        assert [each.title for each in client.list(status="ended")] == ["U"]
        client.delete(made.id)
        with pytest.raises(live.NotFound):
            client.get(made.id)
    assert vendor.tokens == set()  # it was signed out


def test_its_refusals_are_what_they_always_were(frozen: ModuleType) -> None:
    vendor = frozen.FrozenEmulator()
    with vendor.connect() as client:
        with pytest.raises(live.Unsupported, match="the encoder starts it"):
            client.start("x")
        with pytest.raises(live.Unsupported):
            client.create(title="T", latency="low")
        with pytest.raises(live.Rejected, match="too long") as caught:
            client.create(title="T" * 101)
        assert caught.value.fields == {"title": ("is too long",)}
        assert caught.value.applied is False
    with pytest.raises(live.ConfigurationError, match="must not have a slash"):
        live.connect("frozen", room="a/b", token="t")
    with vendor.connect(password="wrong") as client, pytest.raises(live.AuthenticationFailed):
        client.get("x")


def test_its_webhooks_are_verified_as_they_always_were(frozen: ModuleType) -> None:
    vendor = frozen.FrozenEmulator()
    with vendor.connect() as client:
        stream = client.create(title="T")
        assert stream.raw is not None
        body = json.dumps(stream.raw.reveal()).encode()
        signature = hmac.new(b"hush", body, "sha256").hexdigest()
        event = client.parse_webhook({"X-Frozen": signature}, body, secret="hush")
        assert (event.kind, event.stream) == (live.EventKind.STREAM_CHANGED, stream)
        with pytest.raises(live.WebhookRejected):
            client.parse_webhook({"X-Frozen": signature}, body + b" ", secret="hush")
