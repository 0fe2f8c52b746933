"""The catalog of errors has every class, and describes each correctly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import livestream_core as live
from livestream_core.cli.console.exit_codes import code_of

pytestmark = pytest.mark.docs

CATALOGUE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=^##|\Z)", CATALOGUE, re.DOTALL | re.MULTILINE))


def public_errors() -> dict[str, type[live.LiveStreamError]]:
    values = {name: getattr(live, name) for name in live.__all__}
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, type) and issubclass(value, live.LiveStreamError)
    }


ERRORS = {name: kind for name, kind in public_errors().items() if name != "LiveStreamError"}


def test_the_catalogue_has_an_entry_for_every_class_of_error() -> None:
    assert set(ENTRIES) == set(ERRORS)


@pytest.mark.parametrize("name", ERRORS)
def test_an_entry_says_whether_the_call_may_be_made_again(name: str) -> None:
    word = "yes" if ERRORS[name].temporary else "no"
    assert f"*again*: {word} " in ENTRIES[name]


@pytest.mark.parametrize("name", ERRORS)
def test_an_entry_has_the_exit_code_of_the_command_line(name: str) -> None:
    assert f"*exit code*: {code_of(ERRORS[name]('made up'))}\n" in ENTRIES[name]


@pytest.mark.parametrize("applied", [True, None])
@pytest.mark.parametrize("name", ERRORS)
def test_the_exit_code_is_five_wherever_the_change_may_have_happened(
    name: str, applied: bool | None
) -> None:
    assert code_of(ERRORS[name]("made up", applied=applied)) == 5


@pytest.mark.parametrize("name", ERRORS)
def test_an_entry_names_every_attribute_that_the_class_adds(name: str) -> None:
    error = ERRORS[name]("made up")
    added = set(vars(error)) - {"message", *dir(live.LiveStreamError)}
    text = CATALOGUE if name in ("WaitFailed", "StreamFailed", "WaitTimeout") else ENTRIES[name]
    assert {each for each in added if f"`{each}`" not in text} <= {"value_of"}
