"""The output of `--help` has every command, and fits a terminal."""

from __future__ import annotations

import pytest

from command_line import run
from livestream_core.cli.app import app


def test_the_commands_are_listed_in_the_order_in_which_they_are_used() -> None:
    _, _, sections = run("--help").stdout.partition("Streams:")
    rows = [line.split() for line in sections.partition("Exit codes")[0].splitlines()]
    assert [row[0] for row in rows if row and row[0] in app.commands] == list(app.commands)


@pytest.mark.parametrize("command", ["", *app.commands])
def test_the_help_fits_80_columns(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", app.commands)
def test_every_option_of_every_command_is_explained(command: str) -> None:
    context = app.commands[command].make_context(command, [], resilient_parsing=True)
    options = [each for each in app.commands[command].get_params(context) if each.opts[0][0] == "-"]
    assert [each.name for each in options if not getattr(each, "help", None)] == []
