"""The mark file of an SQLite ledger: how many commits the ledger must have.

SQLite treats the end of a damaged log as transactions that were never committed, and an older copy
of a ledger looks as complete as the newest. The ledger therefore counts its commits, and after each
one the count is written to the mark file and synced. A ledger with a smaller count than its mark
file has lost commits.

The file has two slots, each with a count and its complement. The slot with the smaller count is
overwritten, so a crash in the middle of a write leaves the other slot readable. Both may share a
sector: SQLite, too, relies on a write not changing the bytes next to it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_SLOT = struct.Struct(">QQ")
_SLOTS = 2
_ALL_ONES = (1 << 64) - 1
_UNREADABLE = -1
#: The size of the file does not change, so its other metadata need not be on the disk.
_sync = getattr(os, "fdatasync", os.fsync)


def create(path: Path) -> None:
    """Create a mark file that requires no commits, or replace the one that is there."""
    new = Path(f"{path}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_SLOT.pack(0, _ALL_ONES) * _SLOTS)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    sync_folder(path.parent)


def write(path: Path, count: int) -> None:
    """Write a count, unless the file has it already, and wait until it is on the disk.

    Raises:
        OSError: If the file is missing or cannot be written.
    """
    with path.open("r+b", buffering=0) as file:
        counts = _counts(file.read())
        # Never the same count twice: an unreadable slot must mean one more commit than the other.
        if count > max(counts):
            file.seek(_SLOT.size * counts.index(min(counts)))
            file.write(_SLOT.pack(count, count ^ _ALL_ONES))
            _sync(file.fileno())


def required(path: Path) -> int | None:
    """Return how many commits the ledger must have, or ``None`` if neither slot is readable.

    Raises:
        OSError: If the file is missing or cannot be read.
    """
    counts = _counts(path.read_bytes())
    newest = max(counts)
    # The other slot was being overwritten, after the commit that it counts.
    return None if newest == _UNREADABLE else newest + counts.count(_UNREADABLE)


def _counts(data: bytes) -> list[int]:
    counts = []
    for at in range(0, _SLOT.size * _SLOTS, _SLOT.size):
        slot = data[at : at + _SLOT.size]
        count, complement = _SLOT.unpack(slot) if len(slot) == _SLOT.size else (0, 0)
        counts.append(count if count ^ complement == _ALL_ONES else _UNREADABLE)
    return counts


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries are on the disk."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
