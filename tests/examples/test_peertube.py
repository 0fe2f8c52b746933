"""The example adapter of a third party works, and has the files of the scaffold."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

import livestream_core as live
from command_line import environment, install, run
from livestream_core import emulator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "adapters" / "peertube"
SOURCES = sorted((EXAMPLE / "src" / "livestream_peertube").glob("*.py"))


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the command in the example's README creates."""
    (command,) = [
        line.removeprefix("$ livestream ")
        for line in (EXAMPLE / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("$ livestream new-adapter ")
    ]
    folder = tmp_path_factory.mktemp("scaffold") / "peertube"
    result = run(*command.split(), "--yes", "--output", str(folder))
    assert result.exit_code == 0, result.output
    return folder


def files_of(folder: Path) -> list[str]:
    """Return all files, except those that the package's .gitignore names."""
    ignored = (EXAMPLE / ".gitignore").read_text(encoding="utf-8").split()
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(
        path.as_posix()
        for path in found
        if not any(fnmatch(f"{part}/", pattern) for part in path.parts for pattern in ignored)
    )


def python(folder: Path, *arguments: str) -> str:
    """Run a module in the example as if it were installed, and return its output."""
    # In its own process, because this one must not register its provider.
    found = install(folder, peertube="livestream_peertube")
    paths = os.pathsep.join([str(folder), str(EXAMPLE / "src")])
    changes = {**found, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=EXAMPLE,
        env=environment(changes),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_peertube_example_has_the_files_of_the_scaffold(scaffold: Path) -> None:
    assert files_of(EXAMPLE) == files_of(scaffold)


@pytest.mark.parametrize(
    "name", [".github/workflows/ci.yml", ".gitignore", "LICENSE", "pyproject.toml"]
)
def test_what_the_peertube_example_need_not_change_is_as_the_scaffold_has_it(
    scaffold: Path, name: str
) -> None:
    assert (EXAMPLE / name).read_text() == (scaffold / name).read_text()


def test_the_tests_of_the_peertube_example_pass(tmp_path: Path) -> None:
    # `make kit` runs the tests of the kit.
    printed = python(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "tests/test_peertube.py")
    assert " passed" in printed


def test_the_peertube_example_brings_the_kit_into_its_tests(tmp_path: Path) -> None:
    printed = python(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "--collect-only")
    assert "tests/test_peertube_conformance.py::TestPeerTube::" in printed


def test_the_peertube_example_is_typed_strictly(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    # mypy cannot follow the import finder of an editable installation.
    python(tmp_path, "mypy", f"--cache-dir={os.devnull}", "--follow-imports=silent")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_peertube_example_uses_only_public_names_of_the_core(source: Path) -> None:
    public = {"livestream_core": live.__all__, "livestream_core.emulator": emulator.__all__}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("livestream_core"):
            assert {each.name for each in node.names} <= set(public[str(node.module)])
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "live":
            assert node.attr in live.__all__
