"""`livestream providers`, and how the command line shows errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

import livestream_core as live
from acme import AcmeAdapter
from livestream_core import cli
from livestream_core.cli.app import app
from livestream_core.cli.installation import providers as providers_module


class OnlyLow(AcmeAdapter):
    name = "onlylow"
    capabilities = attrs.evolve(
        AcmeAdapter.capabilities,
        fields={
            live.Feature.LATENCY: live.Capability(
                live.Support.NATIVE, values={live.Latency.LOW, live.Latency.NORMAL}
            )
        },
    )


class Plugin:
    def __init__(self, *infos: live.AdapterInfo) -> None:
        self.infos = list(infos)

    @live.hookimpl
    def livestream_adapters(self) -> list[live.AdapterInfo]:
        return self.infos


@pytest.fixture(autouse=True)
def _only_what_is_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "acme")  # and no installed adapter
    plugin = Plugin(
        live.AdapterInfo(name="broken", title="Broken", factory="livestream_nowhere:Adapter"),
        live.AdapterInfo(name="onlylow", title="Only Low", factory=OnlyLow),
    )
    live.register(plugin)
    yield
    live.unregister(plugin)


def providers(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["providers", *arguments])
    assert result.exit_code == 0, result.output
    return result


def words(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_providers_are_listed_with_name_and_title() -> None:
    output = providers().output
    assert ["name", "title", "distribution", "version", "problem"] in words(output)
    assert ["acme", "Acme", "Live", "-", "-", "-"] in words(output)


def test_a_provider_that_cannot_be_loaded_is_shown_with_its_reason() -> None:
    output = " ".join(providers().output.split())
    assert "broken Broken - - see below" in output
    assert (
        "Not usable: broken problem: the adapter broken cannot be loaded: "
        "ModuleNotFoundError: No module named 'livestream_nowhere'" in output
    )


def test_the_features_of_those_that_work_are_a_matrix_with_the_reasons_below() -> None:
    output = providers("--features").output
    assert ["feature", "acme", "onlylow"] in words(output)
    assert ["cancel", "emulated", "emulated"] in words(output)
    assert ["latency", "none", "native"] in words(output)
    below = output.partition("Notes:")[2]
    assert "latency: Acme is always slow" in below
    assert "latency: only low, normal" in below
    assert max(map(len, output.splitlines())) <= 80


def test_a_matrix_that_is_too_wide_is_printed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output = providers("--features").output
    assert ["feature", "acme"] in words(output)
    assert ["feature", "onlylow"] in words(output)


def test_providers_as_json_have_what_the_table_has() -> None:
    rows = {row["name"]: row for row in json.loads(providers("--json").output)}
    assert rows["acme"] == {
        "name": "acme",
        "title": "Acme Live",
        "distribution": None,
        "version": None,
        "problem": None,
    }
    assert "cannot be loaded" in rows["broken"]["problem"]


def test_features_as_json_have_support_reason_and_values() -> None:
    rows = {row["name"]: row for row in json.loads(providers("--json", "--features").output)}
    assert rows["acme"]["features"]["cancel"] == {
        "support": "emulated",
        "reason": "it deletes",
        "values": None,
    }
    assert rows["onlylow"]["features"]["latency"]["values"] == ["low", "normal"]
    assert "live" in rows["acme"]["statuses"]
    assert rows["broken"]["features"] is None


def test_without_any_provider_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers_module, "installed", list)
    assert providers().output == "No provider is installed. Install an adapter package.\n"


# -- errors -----------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> Any:
        raise error

    monkeypatch.setattr(providers_module, "installed", fail)


def test_a_wrong_configuration_is_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, live.ConfigurationError("it is wrong", hint="mend it"))
    result = CliRunner().invoke(app, ["providers"])
    assert (result.exit_code, result.stderr) == (2, "Error: it is wrong; mend it\n")


def test_another_error_of_ours_is_one_line_and_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(monkeypatch, live.NotFound("it is gone"))
    result = CliRunner().invoke(app, ["providers"])
    assert (result.exit_code, result.stderr) == (3, "Error: it is gone\n")


def test_an_unexpected_error_shows_only_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError("token=abc"))
    result = CliRunner().invoke(app, ["providers"])
    assert result.exit_code == 1
    assert (
        result.stderr == "Error: internal error: RuntimeError; add --debug to see the traceback\n"
    )


@pytest.mark.parametrize("arguments", [["--debug", "providers"], ["providers", "--debug"]])
def test_debug_shows_a_traceback_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    failing(monkeypatch, RuntimeError("boom"))
    result = CliRunner().invoke(app, arguments)
    assert "Traceback" in result.stderr
    assert "RuntimeError: boom" in result.stderr
    assert result.exit_code == 1


def test_an_unknown_option_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["providers", "--nonsense"])
    assert result.exit_code == 2
    assert "No such option" in result.stderr


# -- the entry point --------------------------------------------------------------------------


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main() == 2
    assert capsys.readouterr().err == (
        "livestream: the command line needs click and rich: pip install 'livestream-core[cli]'\n"
    )


def test_main_runs_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["livestream", "--version"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    assert capsys.readouterr().out == f"livestream, version {live.__version__}\n"


def test_importing_the_command_line_imports_neither_click_nor_rich() -> None:
    source = Path(cli.__file__).read_text()
    assert "import click" not in source
    assert "import rich" not in source
