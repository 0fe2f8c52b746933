"""A copy of the package, to test the effect of changing it."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The files of the repository that tests of the copy use. None imports the package by its path.
BESIDE = [ROOT / each for each in ("tests/support", "docs/_extensions", "scripts")]


class PackageCopy:
    """A copy of ``livestream_core`` in a separate folder.

    Attributes:
        touched: The files that were edited.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: set[str] = set()
        shutil.copytree(
            ROOT / "livestream_core",
            folder / "livestream_core",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copy(ROOT / "livestream_core_pytest.py", folder)

    def replace(self, path: str, before: str, after: str) -> None:
        """Replace text that occurs once in a module."""
        file = self.folder / "livestream_core" / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path} has {before!r} {text.count(before)} times"
        file.write_text(text.replace(before, after), encoding="utf-8")
        self.touched.add(path)

    def add_method(self, path: str, name: str, like: str) -> None:
        """Add a copy of a method under another name."""
        text = (self.folder / "livestream_core" / path).read_text(encoding="utf-8")
        methods = [
            ast.get_source_segment(text, node)
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == like
        ]
        assert len(methods) == 1, f"{path} has {len(methods)} methods {like}()"
        method = methods[0] or ""
        another = method.replace(like, name).replace(like.upper(), name.upper())
        self.replace(path, method, f"{another}\n\n    {method}")

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the copy instead of the package."""
        paths = os.pathsep.join(map(str, (self.folder, *BESIDE)))
        # Without coverage, which would look for the sources after the copy is removed.
        ours = {name: os.environ[name] for name in os.environ if not name.startswith("COVERAGE")}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**ours, "PYTHONPATH": paths, "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            timeout=300,
        )
