"""The kit on vendors without titles, with sparse lists, and with unique references."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit_runs import run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("provider", ["sparse", "untitled", "unique", "returning"])
def test_the_kit_passes_on_a_small_vendor(provider: str, tmp_path: Path) -> None:
    # In a process of its own: the names of the kit's tests need the vendor when they are collected.
    selection = ("--livestream-adapter", provider, "-k", "not http")
    done = run(tmp_path, "-q", *selection, plugin="with_small_vendors")
    assert done.returncode == 0, done.stdout
