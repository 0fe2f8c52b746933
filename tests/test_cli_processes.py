"""The command line as users run it: in a process of its own, over what is installed there."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import livestream_core as live
from acme import AcmePlugin

TESTS = Path(__file__).parent
PATIENCE = 30.0
#: For the processes: an adapter that is installed there.
ACME = AcmePlugin()

INSTALLED = entry_points(group="livestream_core")
needs_an_adapter = pytest.mark.skipif(not INSTALLED, reason="no adapter package is installed")


def install(folder: Path, **providers: str) -> dict[str, str]:
    """A distribution per provider, as pip leaves it; gives the environment that finds it."""
    for name, target in providers.items():
        metadata = folder / f"livestream_{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Name: livestream-{name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[livestream_core]\n{name} = {target}\n")
    return {
        "PYTHONPATH": os.pathsep.join(map(str, (folder, TESTS, TESTS / "support"))),
        "LIVESTREAM_ADAPTERS": ",".join(providers),
    }


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    ours = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")
    }
    return {**ours, **changes}


def livestream(
    *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "livestream_core.cli", *arguments],
        env=environment(environ or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


# -- what is installed here -------------------------------------------------------------------


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
    header = next(line for line in result.stdout.splitlines() if line.startswith("operation"))
    assert header.split()[1:] == sorted(point.name for point in INSTALLED)


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
    for match in re.findall(r"rtmps?://\S+", output):
        assert match.count("/") == 3, "an ingest's server has no key behind its application"


def test_no_color_is_obeyed_where_colours_are_forced(tmp_path: Path) -> None:
    environ = install(tmp_path, acme="test_cli_processes:ACME")
    forced = {**environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert "\x1b[32m" in livestream("providers", "--features", environ=forced).stdout
    plain = livestream("providers", "--features", environ={**forced, "NO_COLOR": "1"}).stdout
    assert not re.search(r"\x1b\[[0-9;]*3\dm", plain)


def test_the_demo_of_a_lying_adapter_exits_with_1(tmp_path: Path) -> None:
    result = livestream("demo", environ=install(tmp_path, walkable="test_cli_demo:LYING"))
    assert result.returncode == 1
    assert "update      FAILED" in result.stdout
    assert "17 steps" not in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_a_broken_adapter_fails_the_demo_and_stops_no_other(tmp_path: Path) -> None:
    environ = install(tmp_path, broken="livestream_nowhere", walkable="test_cli_demo:HONEST")
    result = livestream("demo", environ=environ)
    assert result.returncode == 1
    assert "17 steps as promised, 1 failed" in result.stdout
    assert "No module named 'livestream_nowhere'" in " ".join(result.stdout.split())


def test_an_installed_provider_is_listed_with_its_distribution(tmp_path: Path) -> None:
    environ = install(tmp_path, broken="livestream_nowhere", walkable="test_cli_demo:HONEST")
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


@contextmanager
def sandbox(
    folder: Path, environ: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """A sandbox that serves, and the environment that it printed."""
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "livestream_core.cli", "sandbox"],
            env=environment(environ),
            stdout=stdout,
            stderr=stderr,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        # The hint comes after all of standard output.
        while "Ctrl-C" not in err.read_text():
            assert process.poll() is None, err.read_text()
            assert time.monotonic() < deadline
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        lines = [shlex.split(line) for line in out.read_text().splitlines()]
        assert {line[0] for line in lines} == {"export"}
        yield process, dict(line[1].split("=", 1) for line in lines)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_serves_what_its_exports_connect_to_until_a_signal(
    tmp_path: Path, number: int
) -> None:
    with sandbox(tmp_path, install(tmp_path / "site", acme="test_cli_processes:ACME")) as (
        process,
        exports,
    ):
        with live.connect("acme", environ=exports) as client:
            stream = client.create(title="In the sandbox")
            assert client.get(stream.id).title == "In the sandbox"
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0


@needs_an_adapter
def test_the_sandbox_serves_every_installed_adapter(tmp_path: Path) -> None:
    with sandbox(tmp_path, {}) as (process, exports):
        for point in INSTALLED:
            with live.connect(point.name, environ=exports) as client:
                stream = client.create(title="In the sandbox")
                assert client.get(stream.id).title == "In the sandbox"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()
