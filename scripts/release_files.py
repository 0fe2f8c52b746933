"""Copy the files that one release tag publishes from `dist`, which `make wheels` wrote.

Usage: python release_files.py TAG FOLDER

A tag names one distribution and its version, as in livestream-tpstreams-v0.2.0. The script copies
only that distribution's source distribution and wheel, and prints `distribution=NAME`.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_TAG = re.compile(r"(?P<distribution>livestream-[a-z0-9-]+)-v(?P<version>\d[a-z0-9.]*)")


def main(tag: str, folder: Path, *, root: Path = ROOT) -> str:
    """Copy the files and return the name of the distribution.

    Raises:
        SystemExit: If the tag, the built files, and the changelog do not agree.
    """
    found = _TAG.fullmatch(tag)
    if found is None:
        raise SystemExit(f"{tag!r} is not a release tag; write it as livestream-NAME-v1.2.3")
    distribution, version = found["distribution"], found["version"]
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE):
        raise SystemExit(f"CHANGELOG.md has no heading for {version}")
    prefix = distribution.replace("-", "_")
    built = sorted(
        path
        for path in (root / "dist").glob(f"{prefix}-*")
        if path.name.endswith((".whl", ".tar.gz"))
    )
    wanted = [f"{prefix}-{version}-py3-none-any.whl", f"{prefix}-{version}.tar.gz"]
    if [path.name for path in built] != wanted:
        names = ", ".join(path.name for path in built) or "none"
        raise SystemExit(
            f"{tag} needs {' and '.join(wanted)} in dist; files of {distribution} there: {names}"
        )
    folder.mkdir(parents=True)
    for path in built:
        shutil.copy2(path, folder)
    return distribution


if __name__ == "__main__":
    sys.stdout.write(f"distribution={main(sys.argv[1], Path(sys.argv[2]))}\n")
