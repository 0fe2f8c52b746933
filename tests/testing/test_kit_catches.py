"""The kit can fail: each adapter that is wrong on purpose fails the named test."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kit_runs import SUPPORT, once, run
from wrong_adapters import WRONG, Wrong, rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the names of the failed tests by adapter, after one run of all."""

    def make(folder: Path) -> str:
        done = run(
            folder,
            *("-q", "--tb=no", "-c", os.devnull, "--rootdir", str(folder)),
            *("--livestream-report=report.json", str(SUPPORT / "wrong_adapters_kit.py")),
        )
        return done.stdout + done.stderr

    folder, printed = once(tmp_path_factory, "kit-catches", make)
    assert (folder / "report.json").exists(), printed
    reports = json.loads((folder / "report.json").read_text())["adapters"]
    return {report["adapter"]: report["failed"] for report in reports}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_an_adapter_is_caught_that(wrong: Wrong, failed: dict[str, list[str]]) -> None:
    _, _, test = wrong.caught_by.partition("::")
    found = [name.rpartition("::")[2] for name in failed.get(wrong.name, [])]
    assert [name for name in found if name.startswith(test)], f"not caught; failed: {found}"


def test_there_are_at_least_thirty_and_no_two_are_alike() -> None:
    assert len({what for what, _ in rows()}) == len(WRONG) >= 30
