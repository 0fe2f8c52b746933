"""Runs of the kit as its users start them: pytest, in a separate process and folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent
#: A few quick tests of the kit, of three areas.
FEW = "test_get_shows or test_a_limit_is_kept or test_a_time_without_a_zone"


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]
) -> tuple[Path, str]:
    """Return a folder and a text that the first of several test processes creates for all."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, result = shared / name, shared / f"{name}.txt"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 600
        while not result.exists():
            assert time.monotonic() < deadline, "the process that makes it has failed"
            time.sleep(0.1)
    else:
        text = make(folder)
        part = shared / f"{name}.part"
        part.write_text(text)
        part.rename(result)
    return folder, result.read_text()


def run(
    folder: Path, *arguments: str, plugin: str = "with_wrong_adapters"
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, with the adapters of ``wrong_adapters`` and the installed ones."""
    # The process imports from the same paths as this one, which may not be the installed packages.
    path = [str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", plugin),
            *("--tb=short", *arguments),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=600,
    )
