"""Files with secrets, which other users of the machine cannot read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_private(path: Path, texts: Iterable[str]) -> None:
    """Write a file completely or not at all, and never readable by other users.

    Raises:
        OSError: If the file cannot be written.
    """
    making = path.with_name(f".{path.name}.new")
    making.unlink(missing_ok=True)
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        file.writelines(texts)
    os.replace(making, path)
