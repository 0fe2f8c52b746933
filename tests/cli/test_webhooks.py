"""`livestream webhooks listen`: a real process that receives deliveries."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from command_line import PATIENCE, environment, run
from livestream_core import events
from livestream_core._contract.options import environment_name
from livestream_core.emulator import load_emulator

pytestmark = pytest.mark.processes


@pytest.fixture
def vendor() -> Any:
    return load_emulator("tpstreams")(boot_seconds=0)


@contextmanager
def listening(vendor: Any, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and yield its process, and the line with which it begins."""
    with vendor.serve() as origin:
        options = {**vendor.options(), "webhook_secret": vendor.webhook_secret, "base_url": origin}
        environ = {environment_name("tpstreams", name): each for name, each in options.items()}
        command = [sys.executable, "-m", "livestream_core.cli", "-p", "tpstreams", "webhooks"]
        process = subprocess.Popen(
            [*command, "listen", "--port", "0", *arguments],
            env=environment(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            yield process, process.stderr.readline()
        finally:
            process.kill()
            process.communicate()


def post(url: str, headers: dict[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    connection.request("POST", parts.path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def live_stream(vendor: Any) -> str:
    with vendor.connect() as client:
        id: str = client.create(title="Algebra").id
    vendor.connect_encoder(id)
    return id


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_change_is_a_line_of_json_until_a_signal(vendor: Any, number: int) -> None:
    id = live_stream(vendor)
    with listening(vendor, "--json") as (process, first):
        announced = json.loads(first)
        assert announced["account"].startswith("tpstreams:")
        url = announced["listening"]
        assert post(url, *vendor.webhook(id)) == 200
        change = events.Change.from_dict(json.loads(line_of(process)))
        assert (change.kind, change.stream_id, change.source) == ("status_changed", id, "webhook")
        assert change.stream
        assert change.stream.status == "live"
        vendor.drop_encoder(id)
        assert post(f"{url}any/path", *vendor.webhook(id)) == 200
        change = events.Change.from_dict(json.loads(line_of(process)))
        assert change.previous
        assert change.stream
        assert (change.previous.status, change.stream.status) == ("live", "interrupted")
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_people_see_lines_and_warnings_about_forged_deliveries(vendor: Any) -> None:
    id = live_stream(vendor)
    with listening(vendor) as (process, first):
        assert first.startswith("Listening on http://127.0.0.1:")
        url = first.split()[2]
        headers, body = vendor.webhook(id)
        assert post(url, {**headers, "x-streams-token": "of-a-forger"}, body) == 401
        assert post(url, headers, body) == 200
        assert line_of(process).rstrip().endswith(f"  {id}  live  Algebra")
        vendor.drop_encoder(id)
        assert post(url, *vendor.webhook(id)) == 200
        assert line_of(process).rstrip().endswith(f"  {id}  live -> interrupted  Algebra")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    assert output == ""
    (warning,) = errors.splitlines()
    assert warning.startswith("Warning: tpstreams:")
    assert "a webhook delivery was refused" in warning
    assert vendor.webhook_secret not in warning


def test_a_vendor_without_webhooks_is_an_error_that_says_why() -> None:
    vendor: Any = load_emulator("tktchurch")()
    with vendor.serve() as origin, pytest.MonkeyPatch.context() as patch:
        for name, each in {**vendor.options(), "base_url": origin}.items():
            patch.setenv(environment_name("tktchurch", name), each)
        result = run("-p", "tktchurch", "webhooks", "listen", "--port", "0")
    assert result.exit_code != 0
    assert "TKT Church sends no webhooks" in result.stderr


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(vendor: Any) -> None:
    with listening(vendor, "--json") as (_, first), pytest.MonkeyPatch.context() as patch:
        port = str(urlsplit(json.loads(first)["listening"]).port)
        for name, each in {**vendor.options(), "webhook_secret": "made-up"}.items():
            patch.setenv(environment_name("tpstreams", name), each)
        result = run("-p", "tpstreams", "webhooks", "listen", "--port", port)
    assert result.exit_code != 0
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr
    assert "choose another --port" in result.stderr
