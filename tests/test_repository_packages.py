"""What every distribution of this repository has in common."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live

ROOT = Path(__file__).parents[1]
PROJECTS = [ROOT, *sorted(path.parent for path in ROOT.glob("adapters/*/pyproject.toml"))]


def project_of(root: Path) -> dict[str, Any]:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


def package_of(root: Path) -> Path:
    name = str(project_of(root)["name"]).replace("-", "_")
    return root / name if root == ROOT else root / "src" / name


def each_project() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("root", PROJECTS, ids=lambda root: root.name)


def test_there_are_a_core_and_three_adapters() -> None:
    assert {project_of(root)["name"] for root in PROJECTS} == {
        "livestream-core",
        "livestream-tktchurch",
        "livestream-tpstreams",
        "livestream-videosdk",
    }


@each_project()
def test_a_package_says_that_it_is_typed(root: Path) -> None:
    assert (package_of(root) / "py.typed").is_file()


@each_project()
def test_a_project_states_floor_licence_and_readme(root: Path) -> None:
    project = project_of(root)
    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "Apache-2.0"
    assert (root / project["readme"]).is_file()
    assert all((root / name).is_file() for name in project["license-files"])


@each_project()
def test_every_licence_is_the_same_text(root: Path) -> None:
    ours = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (root / "LICENSE").read_text(encoding="utf-8") == ours


@each_project()
def test_what_is_installed_has_the_version_of_the_core(root: Path) -> None:
    assert version(project_of(root)["name"]) == live.__version__


def test_the_changelog_begins_with_what_is_not_released_or_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert headings[0] in ("Unreleased", live.__version__)
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
