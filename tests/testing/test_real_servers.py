"""The kit on a real server: through a relay, beside the emulator, and skipped where it is absent."""

from __future__ import annotations

import copy
import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
import real_columns
from kit_runs import run
from livestream_core.emulator import Fault
from livestream_core.testing import RealServer
from livestream_node_media_server.emulator import NodeMediaServerEmulator

CLASS = """
from livestream_core.testing import RealServer
from livestream_node_media_server.emulator import NodeMediaServerEmulator


class Real(RealServer):
    provider = "node-media-server"
    page_size = None

    def start(self):
        self.vendor = NodeMediaServerEmulator()
        self.origin = self._stack.enter_context(self.vendor.serve())

    def options(self):
        return self.vendor.options()

    def encoder_connects(self, id):
        self.vendor.connect_encoder(id)

    @classmethod
    def missing(cls):
        return None


class Absent(RealServer):
    provider = "node-media-server"
    programs = ("no-such-program",)
"""


class Behind(RealServer):
    """A server of another kind, so that no program is needed."""

    provider = "node-media-server"

    @classmethod
    def missing(cls) -> None:
        return None

    def start(self) -> None:
        self.vendor = NodeMediaServerEmulator()
        self.origin = self._stack.enter_context(self.vendor.serve())

    def options(self) -> dict[str, str]:
        return self.vendor.options()


def test_a_relay_passes_everything_on_and_injects_faults() -> None:
    server = Behind()
    with server.running(), server.connect(retries=0) as client:
        server.vendor.connect_encoder("abc")
        assert client.get("abc").status == "live"
        received = server.vendor.requests
        assert [(each.method, each.path) for each in server.requests] == [
            (each.method, each.path) for each in received
        ]
        assert received[-1].headers["Authorization"].startswith("Bearer ")
        # Headers of a connection belong to one connection.
        assert received[-1].headers["Host"] == server.origin.removeprefix("http://")
        server.inject(Fault.drop_before(), on="DELETE *")
        with pytest.raises(live.ConnectionFailed):
            client.stop("abc")
        assert [each.method for each in received].count("DELETE") == 0
        server.inject(Fault.drop_after(), on="DELETE *")
        with pytest.raises(live.ConnectionFailed) as caught:
            client.stop("abc")
        assert caught.value.applied is None
        assert [each.method for each in received].count("DELETE") == 1
    assert not server.folder.exists()


def test_a_program_ends_with_the_test_and_its_own_end_is_noticed() -> None:
    server = Behind()
    with server.running():
        short = server.run(sys.executable, "-c", "print('a line of the log'); raise SystemExit(3)")
        assert short.wait(60) == 3
        assert "a line of the log" in (server.folder / "log").read_text()
        long = server.run(sys.executable, "-c", "import time; time.sleep(600)")
        assert long.poll() is None
    assert long.poll() is not None


def test_a_server_whose_port_was_just_taken_is_started_on_another() -> None:
    server, tried = Behind(), list[int]()
    program = (
        "import socket, sys, time; kept = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
        "print('it listens', flush=True); time.sleep(600)"
    )

    with server.running(), ExitStack() as others:

        def run(port: int) -> subprocess.Popen[bytes]:
            if not tried:
                others.enter_context(socket.create_server(("127.0.0.1", port)))
            tried.append(port)
            return server.run(sys.executable, "-c", program, str(port))

        with pytest.MonkeyPatch.context() as patch:
            # The other program answers on that port, but ours does not.
            patch.setattr(
                server, "listens", lambda port: len(tried) > 1 and RealServer.listens(port)
            )
            [port] = server.launch(run, ports=1)
        assert tried == [tried[0], port]
        assert "Address already in use" in (server.folder / "log").read_text()
        with pytest.raises(AssertionError, match="the server has ended"):
            server.launch(lambda port: server.run("false"), ports=1)


@pytest.mark.slow
def test_the_emulator_and_the_real_server_are_two_columns_of_one_report(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text(CLASS)
    few = ("-q", "-k", "Operations and (test_get_shows or turns_a_flag)")
    both = ("--livestream-adapter", "node-media-server", "--livestream-server", "real.py:Real")
    done = run(tmp_path, *few, *both, "--livestream-report=report.json")
    assert done.returncode == 0, done.stdout
    _, _, table = done.stdout.partition("node-media-server on its emulator and a real server")
    rows = [line.split("  ")[0] for line in table.splitlines()[1:] if "proven" in line]
    assert rows[:2] == ["get", "update"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert [each["server"] for each in report["adapters"]] == ["emulated", "real"]
    assert list(real_columns.disagreements(report)) == []
    _check_that_disagreements_are_found(report)
    both = (*both[:3], "real.py:Absent", "--livestream-report=absent.json")
    absent = run(tmp_path, *few, *both)
    assert "skipped: not installed: no-such-program (2)" in absent.stdout
    assert absent.returncode == 0
    report = json.loads((tmp_path / "absent.json").read_text())
    assert real_columns.absent(report["adapters"][1]) == "not installed: no-such-program"
    assert list(real_columns.disagreements(report)) == []


def _check_that_disagreements_are_found(report: dict[str, Any]) -> None:
    """Damage each part of a report, and look for the damage."""
    run = "node-media-server, synchronous"
    for server in (0, 1):
        for change, problem in (
            (lambda one: one["rows"]["get"].update(verdict="not run"), "get is proven only on the"),
            (lambda one: one["skipped"].update({"": ["test_x"]}), "test_x has no reason to be"),
            (lambda one: one["opted_out"].update({"": ["test_x"]}), "test_x has no reason to be"),
            (lambda one: one["failed"].append("test_x"), "test_x failed"),
        ):
            damaged = copy.deepcopy(report)
            change(damaged["adapters"][server])
            [found] = real_columns.disagreements(damaged)
            assert found.startswith(run)
            assert problem in found
    emulated, real = report["adapters"]
    assert list(real_columns.disagreements({"adapters": [real]})) == [
        f"{run}: the report has no emulator"
    ]
    assert list(real_columns.disagreements({"adapters": [emulated]})) == [
        "the report has no real server"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("nowhere.py:Real", "there is no such Python file"),
        ("real.py:Nothing", "Nothing is not a RealServer class"),
        ("real.py:NodeMediaServerEmulator", "NodeMediaServerEmulator is not a RealServer class"),
    ],
)
def test_something_other_than_a_real_server_is_a_usage_error(
    tmp_path: Path, place: str, problem: str
) -> None:
    (tmp_path / "real.py").write_text(CLASS)
    done = run(tmp_path, "--livestream-server", place)
    assert done.returncode == 4
    assert f"--livestream-server {place}: {problem}" in done.stderr
