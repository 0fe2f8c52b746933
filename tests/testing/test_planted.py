"""The kit finds the faults that reviewers planted in the adapters, as far as it can know them.

Each run of the kit takes seconds, so some are a fixed sample. ``LIVESTREAM_ALL_FAULTS=1`` runs all.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
from pathlib import Path

import pytest

from kit_runs import run
from planted import VENDORS, Fault, apply, faults_of

ALL = [(vendor, fault) for vendor in VENDORS for fault in faults_of(vendor)]
CAUGHT = [(vendor, fault) for vendor, fault in ALL if fault.caught_by]
SAMPLE = CAUGHT if os.environ.get("LIVESTREAM_ALL_FAULTS") else CAUGHT[::16]


def _id(value: object) -> str:
    return value.name if isinstance(value, Fault) else str(value)


def _package(vendor: str) -> Path:
    found = importlib.import_module(f"livestream_{vendor}").__file__
    assert found is not None
    return Path(found).parent


@pytest.mark.parametrize(("vendor", "fault"), ALL, ids=_id)
def test_a_fault_can_be_planted_and_is_caught_or_explained(vendor: str, fault: Fault) -> None:
    source = (_package(vendor) / fault.file).read_text(encoding="utf-8")
    compile(apply(fault, source), fault.name, "exec")
    assert [*map(bool, (fault.caught_by, fault.unknowable, fault.missed))].count(True) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "fault"), SAMPLE, ids=_id)
def test_the_kit_finds(
    vendor: str, fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = _package(vendor)
    copy = tmp_path / original.name
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = (copy / fault.file).read_text(encoding="utf-8")
    (copy / fault.file).write_text(apply(fault, source), encoding="utf-8")
    path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    # Without coverage, which would count the copy as source of its own.
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
    area, _, test = fault.caught_by.partition("::")
    done = run(tmp_path, "-q", "--livestream-adapter", vendor, "-k", f"{area} and {test}")
    failed = re.findall(r"^FAILED \S*::(\w+)", done.stdout, re.MULTILINE)
    assert test in failed, done.stdout + done.stderr
