"""`livestream sandbox --media`: what it refuses. tests/processes/ has the media."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from livestream_core.cli.app import app
from livestream_core.cli.media.nginx import missing
from livestream_core.emulator import programs


@pytest.fixture(autouse=True)
def _only_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "memory")


def sandbox(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(programs, "_MODULES", (tmp_path,))
    refused = sandbox("--media")
    assert refused.exit_code == 2
    assert "not installed: nginx, ffmpeg, libnginx-mod-rtmp" in refused.stderr
    assert "apt-get install nginx libnginx-mod-rtmp ffmpeg" in refused.stderr


@pytest.mark.parametrize("arguments", [("--simulate",), ("--clock", "manual", "--control-port=0")])
def test_real_encoders_need_real_time_and_no_simulated_ones(arguments: tuple[str, ...]) -> None:
    refused = sandbox("--media", *arguments)
    assert refused.exit_code == 2
    assert "not both" in refused.stderr


@pytest.mark.processes
@pytest.mark.skipif(missing() is not None, reason=f"not installed: {missing()}")
def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = sandbox("--media", str(taken.getsockname()[1]))
    assert refused.exit_code == 2
    assert "Address already in use" in refused.stderr
