"""Fixtures for the tests of migrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from livestream_core.migrate.running import worker


@pytest.fixture(autouse=True)
def _idle_workers_check_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_LONGEST_WAIT", 0.02)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"
