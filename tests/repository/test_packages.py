"""The properties that every distribution of this repository shares."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import livestream_core as live

ROOT = Path(__file__).parents[2]
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


def test_there_are_a_core_and_six_adapters() -> None:
    assert {project_of(root)["name"] for root in PROJECTS} == {
        "livestream-core",
        "livestream-mux",
        "livestream-nginx-rtmp",
        "livestream-node-media-server",
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
def test_installed_packages_have_the_version_of_the_core(root: Path) -> None:
    assert version(project_of(root)["name"]) == live.__version__


def test_the_changelog_begins_with_what_is_not_released_or_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert headings[0] in ("Unreleased", live.__version__)
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def makefile_value(name: str) -> str:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{name} := (.+)$", text, re.MULTILINE)
    assert found is not None
    return found[1]


def declared(root: Path, extras: set[str]) -> Iterator[Requirement]:
    """Yield the requirements of a project and of some extras, except our own distributions."""
    project = project_of(root)
    texts = list(project["dependencies"])
    todo, done = set(extras), set()
    while todo:
        done.add(extra := todo.pop())
        for text in project.get("optional-dependencies", {}).get(extra, ()):
            texts.append(text)
            if (needed := Requirement(text)).name == project["name"]:
                todo |= needed.extras - done
    for text in texts:
        if not text.startswith("livestream-"):
            yield Requirement(text)


@each_project()
def test_the_lowest_version_that_is_tested_is_the_one_that_is_declared(root: Path) -> None:
    lock = (ROOT / makefile_value("LOWEST")).read_text(encoding="utf-8")
    tested = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    extras = set(makefile_value("USERS").split(",")) if root == ROOT else {"sandbox"}
    for needed in declared(root, extras):
        (floor,) = [each.version for each in needed.specifier if each.operator == ">="]
        version = tested[canonicalize_name(needed.name)]
        assert Version(version) == Version(floor), f"{needed.name}: run make lock"


@pytest.mark.parametrize("name", ["NEWEST", "LOWEST"])
def test_a_lock_file_has_a_digest_for_every_version_and_names_no_place(name: str) -> None:
    lock = (ROOT / makefile_value(name)).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(entries) > 20
    for entry in entries:
        first, *digests = entry.splitlines()
        assert re.match(r"[a-z0-9-]+==\S+ ", first), first
        assert digests
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", each) for each in digests)
    assert "//" not in lock


def test_declared_dependencies_are_in_the_lock_file() -> None:
    lock = (ROOT / makefile_value("NEWEST")).read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    for root in PROJECTS:
        for needed in declared(root, set(project_of(root)["optional-dependencies"])):
            assert canonicalize_name(needed.name) in locked, f"{needed.name}: run make lock"
