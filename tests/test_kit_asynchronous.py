"""The conformance kit shows the same of an adapter with either client."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import kit_asynchronous


@pytest.mark.parametrize("provider", ["memory", "tpstreams", "videosdk", "tktchurch"])
def test_the_kit_proves_the_same_with_asynchronous_clients(tmp_path: Path, provider: str) -> None:
    program = str(Path(str(kit_asynchronous.__file__)))
    arguments = ("-q", "-p", "no:cacheprovider", "--livestream-adapter", provider)
    done = subprocess.run(
        [sys.executable, program, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(rf"^{provider}: \d+ proven(, \d+ not declared)?$", done.stdout, re.MULTILINE)
