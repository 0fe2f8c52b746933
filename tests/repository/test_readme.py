"""The README is up to date, and the links of all documents work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import capability_table
import livestream_core as live
from run_page import blocks_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("adapters/*/*.md")),
]
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def test_the_readme_shows_an_example_of_at_most_fifteen_lines() -> None:
    first = next(each for each in blocks_of(ROOT / "README.md") if each.language == "python")
    assert len(first.code.splitlines()) <= 15


@pytest.mark.parametrize("page", capability_table.GENERATED, ids=name_of)
def test_a_page_has_the_capabilities_that_the_adapters_declare(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert capability_table.updated(page) == text, "run: python scripts/capability_table.py"


def test_every_reason_that_an_adapter_declares_is_listed() -> None:
    columns = capability_table.capabilities()
    text = capability_table.reasons(columns)
    for _, can in columns.values():
        for feature in live.Feature:
            reason = can[feature].reason
            assert not reason or capability_table.sentence(reason) in text


def test_the_capability_table_has_every_feature_and_every_provider() -> None:
    columns = capability_table.capabilities()
    lines = capability_table.table(columns).splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == list(live.Feature)
    assert set(columns) == set(capability_table.PROVIDERS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_to_a_file_leads_to_a_file(document: Path) -> None:
    text = BLOCK.sub("", document.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    lost = [
        target
        for target in targets
        if not target.startswith(("https://", "mailto:"))
        and not (document.parent / target).exists()
    ]
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z-]+)", text)) | set(
        re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
    )
    assert named <= targets
