"""The guide for authors covers everything that they write, and its lists match the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import kit_tables
import livestream_core as live
import wrong_adapters
from line_counts import code_lines, line_table
from livestream_core.testing import conformance

pytestmark = pytest.mark.docs

ADAPTERS = Path(__file__).parents[2] / "docs" / "adapters"
METHODS = (ADAPTERS / "methods.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", METHODS, re.DOTALL | re.MULTILINE))
#: The parts of a section, in this order. A table has no return value.
PARTS = ["Rely on", "Return", "Raise", "Don't"]
#: The methods that an author calls but does not write.
CALLED = {
    "request",
    "post",
    "put",
    "patch",
    "cursor_of",
    "follow",
    "with_options",
    "page",
    "find",
    "error_by_status",
}


def public_methods() -> set[str]:
    members = inspect.getmembers(live.Adapter, callable)
    return {name for name, _ in members if not name.startswith("_") and name != "Options"}


# -- method by method -------------------------------------------------------------------------


def test_there_is_a_section_for_every_method_that_an_author_may_write() -> None:
    assert set(SECTIONS) == public_methods() - CALLED | {"capabilities"}


@pytest.mark.parametrize("name", sorted(CALLED))
def test_a_method_that_an_author_calls_is_named_on_the_page(name: str) -> None:
    assert re.search(rf"\b{name}\b[`(]", METHODS)


@pytest.mark.parametrize("name", sorted(set(SECTIONS) - {"account", "capabilities"}))
def test_a_section_says_what_to_rely_on_return_raise_and_avoid(name: str) -> None:
    assert re.findall(r"^(.+)\n: ", SECTIONS[name], re.MULTILINE) == PARTS


# -- the kit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("area", conformance.AREAS, ids=lambda area: area.__name__)
def test_every_area_of_the_kit_is_listed_with_what_it_is_about(
    area: type[conformance.Area],
) -> None:
    line = next(
        line for line in kit_tables.area_table().splitlines() if f".{area.__name__}`" in line
    )
    assert line.startswith(f"| {area.title} |")
    assert re.search(r"\w+\. \|$", line)


def test_every_test_of_the_kit_is_listed_once() -> None:
    written = [
        name.removeprefix("test_").replace("_", " ")
        for area in conformance.AREAS
        for name in dir(area)
        if name.startswith("test_")
    ]
    listed = re.findall(r"^- (.+)$", kit_tables.test_list(), re.MULTILINE)
    assert sorted(listed) == sorted(written)


def test_every_wrong_adapter_is_listed_with_the_test_that_it_fails() -> None:
    lines = kit_tables.wrong_table().splitlines()[2:]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == [
        each.what for each in wrong_adapters.WRONG
    ]


@pytest.mark.parametrize("wrong", wrong_adapters.WRONG, ids=lambda wrong: wrong.name)
def test_what_catches_a_wrong_adapter_is_a_test_of_that_area(wrong: wrong_adapters.Wrong) -> None:
    area, _, test = wrong.caught_by.partition("::")
    assert test.partition("[")[0] in dir(getattr(conformance, area))


# -- how long an adapter is -------------------------------------------------------------------


def test_blank_lines_comments_and_docstrings_are_not_code(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""A docstring\nof two lines."""\n'
        "\n"
        "# a comment\n"
        "import os  # and code before it\n"
        "def f():\n"
        '    """Another."""\n'
        '    text = """not a\n'
        "\n"
        'docstring"""\n'
        "    return (\n"
        "        os\n"
        "    )\n"
    )
    assert code_lines(module) == {5, 6, 8, 9, 10, 11, 12, 13}


def test_the_table_of_lines_ends_with_their_sum(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n\n")
    (tmp_path / "b.py").write_text("# b\nb = 1\nc = 2\n")
    assert line_table(tmp_path).splitlines()[2:] == [
        "| `a.py` | 2 | 1 |",
        "| `b.py` | 3 | 2 |",
        "| total | 5 | 3 |",
    ]


def test_a_package_that_has_moved_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        line_table(tmp_path / "nowhere")
