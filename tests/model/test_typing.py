"""What type checkers report to users, as the programs in ``tests/typing`` expect it.

pyright checks the same programs in ``make types``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import attrs
import pytest

import livestream_core as live

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted((ROOT / "tests" / "typing").glob("*.py"))

SPEC_FIELDS = attrs.fields_dict(live.StreamSpec)


def mypy(*arguments: str | Path) -> str:
    """Return what mypy reports about programs; the library itself is checked elsewhere."""
    pytest.importorskip("mypy")
    settings = ("--no-error-summary", "--follow-imports=silent", f"--cache-dir={os.devnull}")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *settings, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_mypy_finds_in_the_programs_what_they_say_and_nothing_else() -> None:
    assert mypy("--strict", *PROGRAMS) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", ["README.md", "docs/concepts/model.md", "docs/concepts/applied.md"]
)
def test_the_examples_of_a_page_call_the_library_as_its_types_allow(
    page: str, tmp_path: Path
) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert blocks
    program = tmp_path / "example.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    # Examples are short: they have no annotations, and do not check for a missing ingest.
    lenient = ("--config-file=", "--check-untyped-defs", "--no-strict-optional")
    assert mypy(*lenient, "--allow-redefinition", program) == ""


def test_create_takes_every_field_of_a_spec_by_name() -> None:
    assert list(get_type_hints(live.StreamFields)) == list(SPEC_FIELDS)


def test_create_needs_what_a_spec_needs() -> None:
    needed = {name for name, each in SPEC_FIELDS.items() if each.default is attrs.NOTHING}
    assert live.StreamFields.__required_keys__ == needed


def test_update_takes_every_field_of_a_spec_by_name_and_needs_none() -> None:
    assert live.StreamChanges.__optional_keys__ == set(SPEC_FIELDS)


@pytest.mark.parametrize("name", [name for name in SPEC_FIELDS if name != "title"])
def test_update_takes_what_create_takes_or_none_which_clears(name: str) -> None:
    taken, changed = get_type_hints(live.StreamFields), get_type_hints(live.StreamChanges)
    assert changed[name] == taken[name] | None


def test_update_cannot_clear_the_title() -> None:
    assert get_type_hints(live.StreamChanges)["title"] is str
