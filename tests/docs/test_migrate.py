"""The migration guide explains the reasons, outcomes, hooks, and exit codes that the code has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from livestream_core import migrate
from livestream_core._plugins.hooks import Hooks
from livestream_core.cli.console import exit_codes as codes

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDE = (DOCS / "howto" / "migrate.md").read_text(encoding="utf-8")


def texts_in_the_code() -> str:
    """Return every text in the package, with three dots for what is inserted at run time."""
    texts = []
    folders = [ROOT / "livestream_core" / each for each in ("durable", "migrate")]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else "..." for part in node.values
                ]
                texts.append("".join(map(str, parts)))
    return "\n".join(texts)


def rows_below(heading: str) -> list[list[str]]:
    """Return the rows of a section's table, without its head."""
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[1:]]


REASONS = [row[0] for row in rows_below("Resolve streams that need review")]
#: These contain text from elsewhere: an adapter's message about a field, or the target's refusal.
FROM_ELSEWHERE = ("*a field*: *a reason*", "refused, followed by the target's message")


def test_there_are_reasons() -> None:
    assert len(REASONS) > 10


@pytest.mark.parametrize("reason", [each for each in REASONS if each not in FROM_ELSEWHERE])
def test_a_reason_that_the_guide_explains_is_in_the_code(reason: str) -> None:
    texts = texts_in_the_code()
    parts = [part.strip(" :") for part in reason.split("...")]
    assert [part for part in parts if part and part not in texts] == []


def test_the_guide_explains_every_outcome_of_a_field() -> None:
    told = {row[0].replace(" ", "_") for row in rows_below("Plan the migration")}
    assert told == set(migrate.FieldOutcome)


def test_the_guide_has_every_exit_code_of_migrations() -> None:
    told = {row[0] for row in rows_below("Exit codes")}
    assert told == {str(each) for each in (codes.SUCCESS, codes.STOPPED, codes.NEEDS_REVIEW)}


def test_the_guide_has_every_symbol_of_check() -> None:
    section = GUIDE.partition("\n## Verify the result\n")[2].partition("\n## ")[0]
    assert [v.name for v in migrate.Verdict if f"`{v.symbol}`" not in section] == []


def test_the_guide_has_every_step_of_the_way_to_another_account() -> None:
    assert [each.name for each in migrate.Cutover if f"*{each}*" not in GUIDE] == []


@pytest.mark.parametrize("hook", [name for name in vars(Hooks) if name.startswith("livestream_")])
def test_every_hook_is_shown_in_use(hook: str) -> None:
    pages = [path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")]
    assert any(re.search(rf"^ *def {hook}\(", page, re.MULTILINE) for page in pages)


@pytest.mark.parametrize("name", ["guard", "settle"])
def test_the_spans_that_pages_name_are_those_of_the_code(name: str) -> None:
    if name == "guard":
        assert migrate.DEFAULT_LEAD_TIME.total_seconds() == 30 * 60
        assert "later than half an hour from now" in GUIDE
    else:
        page = (DOCS / "concepts" / "exactly-once.md").read_text(encoding="utf-8")
        assert f"`--settle-time` ({migrate.DEFAULT_SETTLE_SECONDS:.0f} seconds)" in page
