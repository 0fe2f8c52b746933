"""The conformance kit has the same results with either client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core.testing import conformance

pytestmark = pytest.mark.slow


class Memory(conformance.Subject):
    name = "memory"
    client = "asynchronous"


# `make kit` does the same for every adapter.
@pytest.mark.parametrize("provider", ["tpstreams"])
def test_the_kit_proves_the_same_with_both_clients(tmp_path: Path, provider: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--livestream-adapter", provider, "--livestream-client", "both"),
            "--livestream-report=report.json",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    one, other = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["adapters"]
    assert (one["client"], other["client"]) == ("synchronous", "asynchronous")
    assert one["rows"] == other["rows"]
    for title in (f"conformance of {provider}", f"conformance of {provider}-asynchronous"):
        assert f" {title} " in done.stdout


def test_over_http_the_asynchronous_client_sends_over_the_transport_that_users_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(live.RequestsTransport, "_outcome")
    sent_by: list[str] = []
    send = live.AiohttpTransport.send

    async def noted(transport: live.AiohttpTransport, method: str, *more: Any) -> live.Response:
        sent_by.append(method)
        return await send(transport, method, *more)

    monkeypatch.setattr(live.AiohttpTransport, "send", noted)
    with conformance.Harness.open(Memory(), over_http=True) as harness:
        harness.stream()
        assert sent_by == [each.method for each in harness.emulator.requests] != []


@pytest.mark.parametrize("client", ["synchronous", "asynchronous"])
@pytest.mark.parametrize("over_http", [True, False])
def test_an_answer_can_be_changed_by_what_uses_the_client_meanwhile(
    client: str, over_http: bool
) -> None:
    with conformance.Harness.open(Memory(client=client), over_http=over_http) as harness:
        wanted, other = harness.stream(), harness.stream()

        def answer(method: str, target: str, response: live.Response) -> live.Response:
            harness.tap.answer = None
            harness.client.delete(other.id)
            return response

        harness.tap.answer = answer
        assert harness.client.get(wanted.id) == wanted
        assert set(harness.look()) == {harness.key(wanted.id)}
