"""The conformance kit shows the same of an adapter with either client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("provider", ["memory", "tpstreams"])
def test_the_kit_proves_the_same_with_both_clients(tmp_path: Path, provider: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--livestream-adapter", provider, "--livestream-client", "both"),
            "--livestream-report=report.json",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    one, other = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["adapters"]
    assert (one["client"], other["client"]) == ("synchronous", "asynchronous")
    assert one["rows"] == other["rows"]
    for title in (f"conformance of {provider}", f"conformance of {provider}-asynchronous"):
        assert f" {title} " in done.stdout
