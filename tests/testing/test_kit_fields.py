"""The kit on vendors without titles, with sparse lists, and with unique references."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit_runs import run

pytestmark = pytest.mark.slow


def test_the_kit_passes_on_small_vendors(tmp_path: Path) -> None:
    # In a process of its own: the names of the kit's tests need the vendors when they are collected.
    vendors = [
        f"--livestream-adapter={name}" for name in ("sparse", "untitled", "unique", "returning")
    ]
    done = run(tmp_path, "-q", *vendors, "-k", "not http", plugin="with_small_vendors")
    assert done.returncode == 0, done.stdout
