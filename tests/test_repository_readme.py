"""What the documents say is true: their examples run, their links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import livestream_core as live

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("adapters/*/*.md")),
]
#: Their examples run; those of an adapter may need an account at its vendor.
RUNNABLE = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)(?: (no-run))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def python_blocks(document: Path) -> Iterator[tuple[str, bool]]:
    """Each block of Python in a document, and whether it is to run."""
    for language, mark, code in BLOCK.findall(document.read_text(encoding="utf-8")):
        if language == "python":
            yield code, not mark


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def with_examples(documents: list[Path]) -> list[Path]:
    return [document for document in documents if any(python_blocks(document))]


@pytest.mark.parametrize("document", with_examples(DOCUMENTS), ids=name_of)
def test_every_example_of_a_document_compiles(document: Path) -> None:
    for number, (code, _) in enumerate(python_blocks(document), 1):
        compile(code, f"{name_of(document)}, block {number}", "exec")


@pytest.mark.parametrize("document", with_examples(RUNNABLE), ids=name_of)
def test_the_examples_of_a_document_run_one_after_the_other(document: Path, tmp_path: Path) -> None:
    program = tmp_path / f"{document.stem}.py"
    program.write_text("\n".join(code for code, runs in python_blocks(document) if runs))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if "LIVESTREAM_" not in name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_readme_shows_an_example_of_at_most_fifteen_lines() -> None:
    (code, runs), *_ = python_blocks(ROOT / "README.md")
    assert runs
    assert len(code.splitlines()) <= 15


def test_the_readme_has_the_capabilities_that_the_adapters_declare() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script("capability_table").updated(readme) == readme, (
        "run: python scripts/capability_table.py"
    )


def test_the_picture_of_the_statuses_is_that_of_the_code() -> None:
    picture = script("status_picture")
    text = picture.DOCUMENT.read_text(encoding="utf-8")
    assert picture.updated(text) == text, "run: python scripts/status_picture.py"


def test_the_capability_table_has_every_feature_and_every_provider() -> None:
    table = script("capability_table")
    columns = table.capabilities()
    lines = table.table(columns).splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == list(live.Feature)
    assert set(columns) == set(table.PROVIDERS)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
