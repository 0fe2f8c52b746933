"""The page about the architecture names files and symbols that exist, and shows today's layers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import architecture_picture as picture
from layers import CORE, ORDER, ROOT

pytestmark = pytest.mark.docs

PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")
#: Where a reader looks for what to change.
QUESTIONS = TEXT.partition("## Where do I change")[2].partition("\n## ")[0]
LEAST_QUESTIONS = 24

#: A file or folder, and what of it is meant: `path` · `symbol`, `symbol`.
_PLACE = re.compile(r"`(?P<path>[^`\s]+)`(?:\s·\s(?P<symbols>`[\w.-]+`(?:,\s`[\w.-]+`)*))?")
_IS_PATH = re.compile(r"\.?[\w-]+(?:/[\w.-]+)+/?|[\w-]+/|[\w-]+\.(?:py|md|toml)|Makefile")
#: What `make` makes is in no checkout.
_IS_MADE = re.compile(r"\.venv|build/")


def places(text: str) -> Iterator[tuple[Path, list[str]]]:
    """Yield the files and folders that a text names, each with the symbols beside it."""
    for found in _PLACE.finditer(text):
        is_path = _IS_PATH.fullmatch(found["path"]) and not _IS_MADE.match(found["path"])
        if found["symbols"] or is_path:
            yield ROOT / found["path"], re.findall(r"`([^`]+)`", found["symbols"] or "")


@cache
def defined_in(path: Path) -> frozenset[str]:
    """Return what a module defines; what is in a class has the name of the class before it."""
    return frozenset(_defined(ast.parse(path.read_text(encoding="utf-8"))))


def _defined(tree: ast.AST, within: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield within + node.name
            if isinstance(node, ast.ClassDef):
                yield from _defined(node, f"{within}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (f"{within}{each.id}" for each in targets if isinstance(each, ast.Name))
        elif isinstance(node, ast.If | ast.Try):
            yield from _defined(node, within)


def problems(text: str) -> list[str]:
    """Return what a text names and the code does not have."""
    found = []
    for path, symbols in places(text):
        shown = path.relative_to(ROOT).as_posix()
        if not path.exists():
            found.append(f"{shown} does not exist")
        elif path.suffix == ".py":
            lost = [each for each in symbols if each not in defined_in(path)]
            found += [f"{each} is not defined in {shown}" for each in lost]
        elif symbols and path.is_dir():
            found.append(f"{shown} is a folder: name the file")
        else:
            content = path.read_text(encoding="utf-8") if symbols else ""
            found += [f"{each} is not in {shown}" for each in symbols if each not in content]
    return found


def rows(text: str) -> Mapping[str, str]:
    """Return the rows of a text's tables, by their first cell."""
    found = re.findall(r"^\| ([^|]+?) \| (.+) \|$", text, re.MULTILINE)
    return {first: rest for first, rest in found if first != "What"}


@pytest.mark.parametrize(("what", "where"), rows(QUESTIONS).items(), ids=rows(QUESTIONS))
def test_a_row_leads_to_files_and_symbols_that_exist(what: str, where: str) -> None:
    assert list(places(where)), f"the row {what!r} of docs/architecture.md names no file"
    assert problems(where) == [], f"correct the row {what!r} of docs/architecture.md"


@pytest.mark.parametrize(
    "paragraph", [each for each in re.split(r"\n\n|\n(?=\d+\. )", TEXT) if list(places(each))]
)
def test_every_other_file_and_symbol_on_the_page_exists(paragraph: str) -> None:
    assert problems(paragraph) == []


def test_every_file_that_contributors_are_told_of_exists() -> None:
    assert problems((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")) == []


def test_the_page_answers_what_newcomers_ask() -> None:
    assert len(rows(QUESTIONS)) >= LEAST_QUESTIONS


def test_the_page_describes_every_folder_from_the_bottom_up() -> None:
    described = re.findall(r"^\| `livestream_core/(\w+)` \|", TEXT, re.MULTILINE)
    folders = [each for each in ORDER["livestream_core"] if (CORE / each).is_dir()]
    assert sorted(described, key=folders.index) == sorted(folders, key=folders.index)


def test_a_file_or_symbol_that_is_gone_is_named() -> None:
    text = "`scripts/layers.py` · `LAYERS`, `NOTHING`, and `scripts/gone.py` · `a`, and `scripts/`"
    assert problems(text) == [
        "NOTHING is not defined in scripts/layers.py",
        "scripts/gone.py does not exist",
    ]


# -- the picture ----------------------------------------------------------------------------


def test_the_picture_shows_the_layers_of_today() -> None:
    drawn = picture.PICTURE.read_text(encoding="utf-8")
    assert drawn == picture.drawn(), "run: python scripts/architecture_picture.py"


@st.composite
def imports(draw: st.DrawFn) -> dict[str, set[str]]:
    """Draw what imports what, from the bottom up."""
    names = "abcdefgh"[: draw(st.integers(1, 8))]
    return {
        name: draw(st.sets(st.sampled_from(names[:place]))) if place else set()
        for place, name in enumerate(names)
    }


def reached(arrows: Mapping[str, set[str]], start: str) -> set[str]:
    return set().union(*({each} | reached(arrows, each) for each in arrows[start]))


@given(imports())
def test_the_arrows_that_are_drawn_lead_to_all_that_is_imported(
    arrows: dict[str, set[str]],
) -> None:
    drawn = {
        name: {to for origin, to in picture.without_detours(arrows) if origin == name}
        for name in arrows
    }
    assert all(drawn[name] <= arrows[name] for name in arrows)
    assert all(reached(drawn, name) == reached(arrows, name) for name in arrows)


@given(imports())
def test_a_box_stands_above_all_that_it_imports_from_and_covers_no_other(
    arrows: dict[str, set[str]],
) -> None:
    drawn = picture.without_detours(arrows)
    spans = picture.placed(picture.rows_of(drawn, arrows), drawn)
    row_of = {slot: row for row, slots in enumerate(spans) for slot in slots}
    assert all(row_of[name] > row_of[to] for name in arrows for to in arrows[name])
    for slots in spans:
        ordered = sorted(slots.values())
        assert all(one.right < other.left for one, other in pairwise(ordered))
        assert all(span.left < span.right for span in ordered)
