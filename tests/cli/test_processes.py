"""The command line as users run it: in a separate process, with the installed packages."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from rich.text import Text

import demo_picture
import livestream_core as live
from command_line import PATIENCE, install, livestream, run, sandbox
from livestream_core._plugins.registry import registry

pytestmark = pytest.mark.processes

INSTALLED = entry_points(group="livestream_core")
needs_an_adapter = pytest.mark.skipif(not INSTALLED, reason="no adapter package is installed")


# -- installed packages -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo_of_all() -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    return livestream("demo"), time.monotonic() - began


Demo = tuple[subprocess.CompletedProcess[str], float]


@needs_an_adapter
def test_the_demo_of_all_installed_adapters_keeps_every_promise(demo_of_all: Demo) -> None:
    result, _ = demo_of_all
    assert result.returncode == 0, result.stdout + result.stderr
    assert "FAILED" not in result.stdout
    assert "no stream could be created" not in " ".join(result.stdout.split())
    # A terminal is too narrow for one table of all.
    headers = [line for line in result.stdout.splitlines() if line.startswith("operation")]
    assert [name for line in headers for name in line.split()[1:]] == sorted(
        point.name for point in INSTALLED
    )


@needs_an_adapter
def test_the_demo_of_all_installed_adapters_is_over_within_20_seconds(demo_of_all: Demo) -> None:
    assert demo_of_all[1] < 20


@needs_an_adapter
def test_the_demo_that_is_piped_fits_80_columns_and_has_no_colour(demo_of_all: Demo) -> None:
    output = demo_of_all[0].stdout
    assert max(map(len, output.splitlines())) <= 80
    assert "\x1b" not in output


@needs_an_adapter
def test_the_demo_prints_no_credential_and_no_stream_key(demo_of_all: Demo) -> None:
    output = demo_of_all[0].stdout
    assert "key ***" in output
    assert "password" not in output
    for match in re.findall(r"ingest +(rtmps?://\S+)", output):
        assert match.count("/") == 3, "an ingest's server has no key behind its application"


@needs_an_adapter
def test_the_picture_in_the_readme_shows_lines_of_the_demo(demo_of_all: Demo) -> None:
    printed = demo_picture.excerpt(Text(demo_of_all[0].stdout)).plain.split("\n")
    shown = demo_picture.lines_of(demo_picture.PICTURE.read_text(encoding="utf-8"))
    assert shown == printed, "run: python scripts/demo_picture.py"


def test_no_color_is_obeyed_where_colours_are_forced(tmp_path: Path) -> None:
    environ = install(tmp_path, acme="acme:ACME")
    forced = {**environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert "\x1b[32m" in livestream("providers", "--features", environ=forced).stdout
    plain = livestream("providers", "--features", environ={**forced, "NO_COLOR": "1"}).stdout
    assert not re.search(r"\x1b\[[0-9;]*3\dm", plain)


def test_the_demo_of_a_lying_adapter_exits_with_1(tmp_path: Path) -> None:
    result = livestream("demo", environ=install(tmp_path, walkable="test_demo:LYING"))
    assert result.returncode == 1
    assert "update      FAILED" in result.stdout
    assert "21 steps" not in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_a_broken_adapter_fails_the_demo_and_stops_no_other(tmp_path: Path) -> None:
    environ = install(tmp_path, broken="livestream_nowhere", walkable="test_demo:HONEST")
    result = livestream("demo", environ=environ)
    assert result.returncode == 1
    assert "21 steps as declared, 1 failed" in result.stdout
    assert "No module named 'livestream_nowhere'" in " ".join(result.stdout.split())


def test_an_installed_provider_is_listed_with_its_distribution(tmp_path: Path) -> None:
    environ = install(tmp_path, broken="livestream_nowhere", walkable="test_demo:HONEST")
    result = livestream("providers", "--json", environ=environ)
    broken, walkable = json.loads(result.stdout)
    assert (walkable["title"], walkable["distribution"], walkable["version"]) == (
        "Walkable Live",
        "livestream-walkable",
        "1.0",
    )
    assert (broken["distribution"], broken["version"]) == ("livestream-broken", "1.0")
    assert "livestream-broken 1.0 cannot be loaded" in broken["problem"]


# -- the sandbox ------------------------------------------------------------------------------

#: With streams of the servers that keep none, and without encoders for those that are created.
PUBLISHED = "--simulate", "3600"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_serves_what_its_exports_connect_to_until_a_signal(
    tmp_path: Path, number: int
) -> None:
    with sandbox(tmp_path, install(tmp_path / "site", acme="acme:ACME")) as (
        process,
        exports,
    ):
        with live.connect("acme", environ=exports) as client:
            stream = client.create(title="In the sandbox")
            assert client.get(stream.id).title == "In the sandbox"
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0


def test_a_sandbox_with_simulate_makes_a_stream_live(tmp_path: Path) -> None:
    environ = install(tmp_path / "site", acme="acme:ACME")
    with sandbox(tmp_path, environ, "--simulate", "0") as (process, exports):
        with live.connect("acme", environ=exports) as client:
            stream = client.create(title="T", options={"status": "ready"})
            client.wait(stream.id, until=live.Status.LIVE, timeout=PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


@needs_an_adapter
def test_the_sandbox_serves_every_installed_adapter(tmp_path: Path) -> None:
    with sandbox(tmp_path, {}, *PUBLISHED) as (process, exports):
        for point in INSTALLED:
            with live.connect(point.name, environ=exports) as client:
                if not client.supports("create"):
                    [stream] = client.list()
                    assert client.get(stream.id).status == "live"
                    continue
                stream = client.create(title="In the sandbox")
                shown = "In the sandbox" if client.supports("title") else ""
                assert client.get(stream.id).title == shown
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Run a sandbox of all adapters, and set what it exports for the commands of this process."""
    with sandbox(tmp_path, {}, *PUBLISHED) as (_, exports):
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        yield exports


@needs_an_adapter
@pytest.mark.usefixtures("exports")
def test_the_commands_walk_a_stream_of_every_installed_adapter() -> None:
    for point in INSTALLED:
        on = "-p", point.name
        can = registry.adapter(point.name).capabilities
        if can.supports("create"):
            made = json.loads(run("create", *on, "--title", "From a shell", "--json").stdout)
        else:
            assert "keeps no streams" in run("create", *on, "--title", "From a shell").stderr
            made = json.loads(run("list", *on, "--json").stdout)
        shown = run("show", *on, made["id"])
        assert shown.exit_code == 0
        assert made["title"] in shown.stdout
        listed = [json.loads(line) for line in run("list", *on, "--json").stdout.splitlines()]
        assert [stream["id"] for stream in listed] == [made["id"]]
        if not can.supports("create"):
            assert made["status"] == "live"
            assert run("stop", *on, made["id"]).exit_code == 0
            stopped = json.loads(run("list", *on, "--json").stdout or "{}")
            assert stopped.get("status", "ended") in {"ended", "interrupted"}
        if not can.supports("delete"):
            assert "does not support delete" in run("delete", *on, made["id"], "--yes").stderr
            continue
        assert run("delete", *on, made["id"]).exit_code == 2  # no prompt is possible
        assert run("delete", *on, made["id"], "--yes").exit_code == 0
        assert run("show", *on, made["id"]).exit_code == 3


@needs_an_adapter
def test_no_command_on_streams_shows_a_secret_of_the_sandbox(exports: dict[str, str]) -> None:
    credentials = [v for k, v in exports.items() if k.endswith(("TOKEN", "SECRET", "PASSWORD"))]
    assert credentials
    for point in INSTALLED:
        for arguments in (
            ["create", "-p", point.name, "--title", "T"],
            ["create", "-p", point.name, "--title", "T", "--json", "--debug"],
            ["list", "-p", point.name, "--json"],
            ["show", "-p", point.name, "nope", "--debug"],
            ["doctor", "--check", "--json"],
        ):
            result = run(*arguments)
            shown = result.stdout + result.stderr
            assert not [each for each in credentials if each in shown]
