"""The commands that replace a key, disable and enable a stream, and list its recordings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from command_line import run
from livestream_core.memory import MemoryVendor

NAME = "memory"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Any:
    emulator = MemoryVendor(boot_seconds=0.0)
    with emulator.serve() as origin:
        monkeypatch.setenv("LIVESTREAM_MEMORY_BASE_URL", origin)
        yield emulator


def as_json(*arguments: str) -> list[Any]:
    result = run("-p", NAME, *arguments, "--json", "--show-secrets")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_stream_is_disabled_and_enabled(vendor: MemoryVendor) -> None:
    (stream,) = as_json("create", "--title", "T")
    as_json("wait", stream["id"], "--until", "ready")
    assert as_json("disable", stream["id"])[0]["status"] == "disabled"
    assert as_json("enable", stream["id"])[0]["status"] == "ready"


def test_a_new_key_is_printed_on_request(vendor: MemoryVendor) -> None:
    (stream,) = as_json("create", "--title", "T")
    (before,) = as_json("wait", stream["id"], "--until", "ready")
    (after,) = as_json("reset-key", stream["id"])
    assert before["ingests"][0]["stream_key"] != after["ingests"][0]["stream_key"]
    shown = run("-p", NAME, "reset-key", stream["id"])
    assert "memory-key-" not in shown.output


def test_recordings_are_listed_one_on_each_line(vendor: MemoryVendor) -> None:
    (stream,) = as_json("create", "--title", "T")
    assert as_json("recordings", stream["id"]) == []
    as_json("wait", stream["id"], "--until", "ready")
    vendor.connect_encoder(stream["id"])
    (recording,) = as_json("recordings", stream["id"])
    assert (recording["id"], recording["status"]) == (f"{stream['id']}-recording", "pending")
    assert f"{stream['id']}-recording" in run("-p", NAME, "recordings", stream["id"]).stdout
