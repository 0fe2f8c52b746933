"""`livestream sandbox` in this process: its output, and its refusals."""

from __future__ import annotations

import os
import shlex
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator
from livestream_core.cli.app import app
from livestream_core.cli.installation import sandbox as sandbox_module
from two_origins import TwoOriginsEmulator, TwoOriginsPlugin


class Plugin:
    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return [
            live.AdapterInfo(name="broken", factory="livestream_nowhere:Adapter"),
            live.AdapterInfo(name="half", factory=Half, emulator="livestream_nowhere:Emulator"),
            live.AdapterInfo(name="silent", factory=Silent),
        ]


class Half(AcmeAdapter):
    name = "half"


class Silent(AcmeAdapter):
    name = "silent"


@pytest.fixture(autouse=True)
def _only_what_is_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "acme")  # and no installed adapter
    plugin = Plugin()
    live.register(plugin)
    yield
    live.unregister(plugin)


def sandbox(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


def stop(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def exports(output: str) -> dict[str, str]:
    found = {}
    for line in output.splitlines():
        word, assignment = shlex.split(line)
        assert word == "export"
        name, _, value = assignment.partition("=")
        found[name] = value
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 1:
            stop(number)

    monkeypatch.setattr("livestream_core.cli.installation.sandbox.time.sleep", sleep)
    assert sandbox().exit_code == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_its_output_is_the_environment_to_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "_wait", stop)
    found = exports(sandbox().stdout)
    assert found.keys() == {
        "LIVESTREAM_ACME_BASE_URL",
        "LIVESTREAM_ACME_USER",
        "LIVESTREAM_ACME_PASSWORD",
    }
    assert found["LIVESTREAM_ACME_PASSWORD"] == "correct horse"
    with live.connect("acme", environ=found) as client:
        assert client.account.startswith("acme:127.0.0.1:")


def test_every_origin_of_an_adapter_is_that_of_its_emulator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin = TwoOriginsPlugin()
    monkeypatch.setattr(sandbox_module, "_wait", stop)
    live.register(plugin)
    try:
        found = exports(sandbox().stdout)
    finally:
        live.unregister(plugin)
    prefix = "LIVESTREAM_TWO_ORIGINS_"
    url = found[f"{prefix}BASE_URL"]
    expected = {"base_url": url, "login_url": url, **TwoOriginsEmulator().options()}
    assert {name: found[name] for name in found if name.startswith(prefix)} == {
        f"{prefix}{name.upper()}": value for name, value in expected.items()
    }


def test_providers_without_an_emulator_are_named_on_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox_module, "_wait", stop)
    errors = sandbox().stderr
    assert "# skipped broken: the adapter broken cannot be loaded" in errors
    assert "# skipped half: the emulator cannot be loaded: ModuleNotFoundError" in errors
    assert "# skipped silent: it has no emulator" in errors
    assert "Options you pass are never merged" in errors


def test_the_servers_are_closed_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "_wait", stop)
    url = exports(sandbox().stdout)["LIVESTREAM_ACME_BASE_URL"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_ports_start_at_the_given_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "_wait", stop)
    port = free_port()
    found = exports(sandbox("--port-base", str(port)).stdout)
    assert found["LIVESTREAM_ACME_BASE_URL"] == f"http://127.0.0.1:{port}"


def test_boot_seconds_reach_the_emulators(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def remember(self: AcmeEmulator, **settings: Any) -> None:
        seen.append(settings)
        original(self, **settings)

    original = AcmeEmulator.__init__
    monkeypatch.setattr(AcmeEmulator, "__init__", remember)
    monkeypatch.setattr(sandbox_module, "_wait", stop)
    sandbox("--boot-seconds", "3")
    assert seen == [{"boot_seconds": 3.0}]


def test_a_port_that_is_taken_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = sandbox("--port-base", str(port))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "choose another --host or --port-base"
    )


def test_an_address_that_is_not_ours_is_exit_code_2() -> None:
    result = sandbox("--host", "192.0.2.1")
    assert result.exit_code == 2
    assert "cannot listen on 192.0.2.1" in result.stderr


def test_on_all_addresses_the_output_has_what_clients_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "_wait", stop)
    result = sandbox("--host", "0.0.0.0")
    assert exports(result.stdout)["LIVESTREAM_ACME_BASE_URL"].startswith("http://127.0.0.1:")
    assert "allow_http_hosts" in result.stderr


def test_without_any_emulator_it_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "installed", list)
    result = sandbox()
    assert result.exit_code == 2
    assert "no provider with an emulator is installed" in result.stderr
