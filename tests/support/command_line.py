"""The command line, run as users run it, or in this process if that is equivalent."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from acme import AcmeEmulator
from livestream_core.cli.app import app

TESTS = Path(__file__).parents[1]
#: Generous, for a busy machine.
PATIENCE = 120.0
TOKEN = "good-token"


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is met."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_asked(vendor: AcmeEmulator, method: str) -> None:
    """Wait until the vendor has received a request with this method."""
    until(lambda: any(each.method == method for each in list(vendor.requests)))


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeEmulator]:
    """Serve Acme over loopback as the only adapter, and set its environment variables."""
    emulator = AcmeEmulator()
    with emulator.serve() as url:
        for name in list(os.environ):
            if name.startswith("LIVESTREAM_"):
                monkeypatch.delenv(name)
        for name, value in reaching(url).items():
            monkeypatch.setenv(name, value)
        yield emulator


def reaching(url: str) -> dict[str, str]:
    """Return the environment variables for an Acme at this URL."""
    return {
        "LIVESTREAM_ADAPTERS": "acme",
        "LIVESTREAM_ACME_BASE_URL": url,
        "LIVESTREAM_ACME_TOKEN": TOKEN,
    }


def run(*arguments: str, input: str | None = None) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, arguments, input=input)


def acme(*arguments: str, input: str | None = None) -> Result:
    """Run a command on Acme's streams in this process."""
    command, *rest = arguments
    return run(command, "-p", "acme", *rest, input=input)


def install(folder: Path, **providers: str) -> dict[str, str]:
    """Install a distribution for each provider, as pip does, and return the environment for it."""
    for name, target in providers.items():
        metadata = folder / f"livestream_{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Name: livestream-{name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[livestream_core]\n{name} = {target}\n")
    # Processes import from the same paths as this one, which may not be the installed packages.
    ours = filter(None, [os.environ.get("PYTHONPATH")])
    return {
        "PYTHONPATH": os.pathsep.join(map(str, (folder, TESTS / "cli", TESTS / "support", *ours))),
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


@contextmanager
def sandbox(
    folder: Path, environ: Mapping[str, str], *arguments: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """Run a sandbox, and provide the environment that it printed."""
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "livestream_core.cli", "sandbox", *arguments],
            env=environment(environ),
            stdout=stdout,
            stderr=stderr,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        # The hint is printed after all of standard output.
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
