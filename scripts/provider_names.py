"""Print the names of the providers that are in the projects of some folders.

Usage: python scripts/provider_names.py FOLDER...

A project may have several: each entry point of its ``pyproject.toml`` is one.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def providers(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the folder of each provider's project, by the name of the provider."""
    found: dict[str, Path] = {}
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        found |= dict.fromkeys(project["entry-points"]["livestream_core"], folder)
    return found


#: The providers of this repository, apart from its examples.
PROJECTS = providers(sorted(path.parent for path in ROOT.glob("adapters/*/pyproject.toml")))


def document(provider: str) -> Path:
    """Return the document of a provider: README.md, or one with its name for a further one."""
    folder = PROJECTS[provider]
    own = folder / f"{provider}.md"
    return own if own.is_file() else folder / "README.md"


if __name__ == "__main__":
    sys.stdout.write(" ".join(providers(map(Path, sys.argv[1:]))) + "\n")
