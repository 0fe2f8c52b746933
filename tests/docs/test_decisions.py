"""The pages of decisions are short, have the same form, and are listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

DOCS = Path(__file__).parents[2] / "docs"
INDEX = DOCS / "decisions" / "index.md"
PAGES = sorted(set(INDEX.parent.glob("*.md")) - {INDEX})


def each_page() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@each_page()
def test_a_decision_has_context_decision_consequences_and_alternatives(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives"]


@each_page()
def test_a_decision_can_be_read_in_two_minutes(page: Path) -> None:
    assert 200 <= len(page.read_text(encoding="utf-8").split()) <= 350


@each_page()
def test_a_decision_names_no_private_module(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"livestream_core[./][\w./]*\b_\w+|`_\w+|\w+\.py\b", text) == []


def test_the_index_lists_every_decision_once_in_its_table_and_once_in_the_navigation() -> None:
    text = INDEX.read_text(encoding="utf-8")
    (navigation,) = re.findall(
        r"^```\{toctree\}\n(?::.+\n)*((?:[\w-]+\n)+)```$", text, re.MULTILINE
    )
    listed = re.findall(r"^\| \[.+?\]\(([\w-]+)\.md\) \| .+ \|$", text, re.MULTILINE)
    assert listed == navigation.split()
    assert sorted(listed) == [page.stem for page in PAGES]


def test_the_site_leads_to_the_decisions() -> None:
    assert "\ndecisions/index\n" in (DOCS / "index.md").read_text(encoding="utf-8")
