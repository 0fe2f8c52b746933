"""The base class of emulators, without a particular vendor."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator
from livestream_core.emulator import Emulator, Fault, load_emulator


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        pytest.param(
            "::1",
            "http://[::1]:",
            marks=pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6"),
        ),
    ],
)
def test_it_serves_at_an_origin_that_clients_can_use(
    emulator: AcmeEmulator, host: str, prefix: str
) -> None:
    with emulator.serve(host) as url:
        assert url.startswith(prefix)
        with live.connect("acme", base_url=url, **emulator.options()) as client:
            assert client.create(title="T").title == "T"


def test_a_taken_port_is_an_error_and_no_exit(emulator: AcmeEmulator) -> None:
    with emulator.serve() as url:
        taken = emulator.serve(port=int(url.rpartition(":")[2]))
        with pytest.raises(OSError), taken:
            pass


def test_an_emulator_is_found_by_its_providers_name() -> None:
    assert load_emulator("acme") is AcmeEmulator


@pytest.mark.parametrize(
    ("emulator", "reason"),
    [
        (None, "its adapter declares none"),
        ("no_such_module:X", "ModuleNotFoundError"),
        ("json:dumps", "is not an Emulator class"),
    ],
)
def test_an_emulator_that_is_not_available_says_why(emulator: str | None, reason: str) -> None:
    class Plugin:
        @live.hookimpl
        def livestream_adapters(self) -> list[live.AdapterInfo]:
            return [live.AdapterInfo(name="odd", factory=AcmeAdapter, emulator=emulator)]

    plugin = Plugin()
    live.register(plugin)
    with pytest.raises(live.ConfigurationError, match=reason):
        load_emulator("odd")
    live.unregister(plugin)


def test_faults_hit_the_requests_they_are_meant_for_in_order(emulator: AcmeEmulator) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status(500), on="POST *")
    emulator.inject(Fault.status(418), on="GET /streams/*", skip=1)
    with live.connect(
        "acme", transport=emulator.transport(), token="good-token", retries=0
    ) as client:
        client.get(stream["id"])
        with pytest.raises(live.NotFound):
            client.get(stream["id"])
        client.get(stream["id"])
        with pytest.raises(live.ProviderUnavailable):
            client.start(stream["id"])
        client.start(stream["id"])


def test_a_fault_edits_an_answer_wherever_the_field_occurs(emulator: AcmeEmulator) -> None:
    emulator.add()
    emulator.add()
    with live.connect("acme", transport=emulator.transport(), token="good-token") as client:
        emulator.inject(Fault.status_word("odd"), on="GET /streams")
        assert {stream.provider_status for stream in client.list()} == {"odd"}
        emulator.inject(Fault.edited(lambda data, _: {**data, "items": []}), on="GET /streams")
        assert client.pages().items == ()
        emulator.inject(Fault.missing_field("items"), on="GET /streams")
        with pytest.raises(live.UnexpectedResponse, match="items is missing"):
            client.pages()


def test_unknown_paths_and_methods_are_answered_and_slashes_not_forgiven(
    emulator: AcmeEmulator,
) -> None:
    transport = emulator.transport()

    def status(method: str, target: str) -> int:
        timeout = live.Timeout(1, 1, 1)
        return transport.send(method, "http://x.example", target, {}, None, timeout).status

    assert status("GET", "/nothing") == 404
    assert status("PATCH", "/streams") == 405
    assert status("GET", "/streams/") == 404
    assert status("GET", "//streams") == 404
    assert status("GET", "/streams") == 401


def test_what_a_subclass_must_give_is_not_there_by_mistake() -> None:
    class Bare(Emulator):
        provider = "bare"
        routes = ()

    bare = Bare()
    with pytest.raises(NotImplementedError):
        bare.options()
    for action in (bare.connect_encoder, bare.drop_encoder, bare.finish_recording):
        with pytest.raises(NotImplementedError):
            action("1")


@pytest.mark.slow
def test_a_program_that_ends_while_an_emulator_serves_does_end() -> None:
    program = """
from contextlib import ExitStack
from acme import AcmeEmulator
stack = ExitStack()
print(stack.enter_context(AcmeEmulator().serve()))
"""
    support = str(Path(__file__).parents[1] / "support")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": support},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://127.0.0.1:")


def test_a_client_that_is_killed_in_the_middle_of_a_request_changes_nothing_and_prints_nothing(
    emulator: AcmeEmulator, capfd: pytest.CaptureFixture[str]
) -> None:
    with emulator.serve() as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /streams HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    assert emulator.requests == []
    assert capfd.readouterr() == ("", "")
