"""The files for contributors: hooks, editor settings, and issue forms."""

from __future__ import annotations

import configparser
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_line import run

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
WARNING = "Do not paste secrets"


def hooks() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return {hook["id"]: hook for repo in content["repos"] for hook in repo["hooks"]}


def files_of_the_repository() -> list[Path]:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    skipped = [".git", *(name.rstrip("/") for name in ignored)]
    found: list[Path] = []
    folders = [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if not any(fnmatch(path.name, pattern) for pattern in skipped):
                (folders if path.is_dir() else found).append(path)
    return found


# -- hooks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["ruff-check", "ruff-format"])
def test_a_hook_runs_the_version_of_ruff_that_make_lint_runs(hook: str) -> None:
    lock = (ROOT / "requirements/newest.txt").read_text(encoding="utf-8")
    (version,) = re.findall(r"^ruff==(\S+)", lock, re.MULTILINE)
    assert hooks()[hook]["additional_dependencies"] == [f"ruff=={version}"]


def test_the_hooks_check_ends_of_files_and_lines_and_large_files() -> None:
    wanted = {"end-of-file-fixer", "trailing-whitespace", "check-added-large-files"}
    assert wanted <= hooks().keys()


def test_no_hook_needs_the_packages_of_the_project() -> None:
    assert not any("mypy" in name or "pytest" in name for name in hooks())


def test_no_file_is_one_that_the_hooks_would_change_or_refuse() -> None:
    unclean = re.compile(hooks()["trailing-whitespace"]["exclude"])
    (limit,) = hooks()["check-added-large-files"]["args"]
    most = int(limit.removeprefix("--maxkb=")) * 1024
    wrong = []
    for path in files_of_the_repository():
        name, content = path.relative_to(ROOT).as_posix(), path.read_bytes()
        if len(content) > most:
            wrong.append(f"{name}: larger than {most} bytes")
        if b"\0" in content or not content:
            continue
        if not content.endswith(b"\n") or content.endswith(b"\n\n"):
            wrong.append(f"{name}: must end with one line break")
        if not unclean.search(name) and re.search(rb"[ \t]+$", content, re.MULTILINE):
            wrong.append(f"{name}: blanks at the end of a line")
    assert wrong == []


def test_the_editor_breaks_lines_where_ruff_does() -> None:
    settings = configparser.ConfigParser()
    text = (ROOT / ".editorconfig").read_text(encoding="utf-8")
    settings.read_string(f"[top]\n{text}")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (length,) = re.findall(r"^line-length = (\d+)", project, re.MULTILINE)
    assert settings["*.py"]["max_line_length"] == length
    assert settings["Makefile"]["indent_style"] == "tab"


# -- issues and pull requests -------------------------------------------------------------------


def test_there_are_forms_for_a_bug_a_feature_and_an_adapter() -> None:
    assert {path.stem for path in FORMS} == {"bug", "feature", "adapter"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_warns_of_secrets_first_and_asks_for_what_doctor_prints(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    first, *fields = form["body"]
    assert WARNING in first["attributes"]["value"]
    assert any("livestream doctor" in each["attributes"]["label"] for each in fields)
    assert len({each["id"] for each in fields}) == len(fields)


def test_a_pull_request_is_asked_for_a_test_and_a_line_in_the_changelog() -> None:
    text = (ROOT / ".github/pull_request_template.md").read_text(encoding="utf-8")
    assert WARNING in text
    assert "A test fails without this change" in text
    assert "CHANGELOG.md" in text


def test_everything_that_a_form_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    commands = set(re.findall(r"^  ([a-z-]+)  ", run("--help").stdout, re.MULTILINE))
    for path in [*FORMS, ROOT / ".github/pull_request_template.md"]:
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
        assert set(re.findall(r"`livestream ([a-z-]+)", text)) <= commands
        assert [
            each for each in re.findall(r"docs/[\w/-]+\.md", text) if not (ROOT / each).is_file()
        ] == []
