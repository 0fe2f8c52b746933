"""`livestream completion`: the script for a shell, and what it completes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acme import AcmeEmulator
from command_line import install, livestream, run, served


@pytest.fixture(autouse=True)
def vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AcmeEmulator]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with served(monkeypatch) as emulator:
        yield emulator


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_that_of_the_shell(shell: str) -> None:
    assert f"_LIVESTREAM_COMPLETE={shell}_complete" in run("completion", shell).stdout


def test_without_an_argument_it_is_that_of_the_users_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "fish_complete" in run("completion").stdout


@pytest.mark.parametrize("shell", ["/bin/tcsh", ""])
def test_an_unknown_shell_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("SHELL", shell)
    result = run("completion")
    assert result.exit_code == 2
    assert "bash, zsh, fish" in result.stderr


def completed(folder: Path, words: str, **environ: str) -> list[str]:
    site = folder / "site"
    ours = install(site, acme="acme:ACME") if not site.exists() else {}
    result = livestream(
        environ={
            **ours,
            **environ,
            "_LIVESTREAM_COMPLETE": "bash_complete",
            "COMP_WORDS": f"livestream {words}",
            "COMP_CWORD": str(len(words.split()) + words.endswith(" ")),
        }
    )
    assert result.returncode == 0, result.stderr
    return [line.partition(",")[2] for line in result.stdout.split()]


@pytest.mark.slow
def test_providers_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "list -p a") == ["acme"]


def test_connections_are_completed(tmp_path: Path) -> None:
    Path("livestream.toml").write_text("[connections.school]\n[connections.shop]\n")
    assert completed(tmp_path, "list -c sch") == ["school"]


def test_statuses_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "list --status s") == ["scheduled", "starting"]


def test_commands_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "wa") == ["wait", "watch"]


@pytest.mark.slow
def test_a_file_that_is_broken_completes_to_nothing(tmp_path: Path) -> None:
    Path("livestream.toml").write_text("]")
    assert completed(tmp_path, "list -c s") == []
