"""A look at SQLite's write-ahead log before SQLite reads it.

SQLite ends its reading of a log at the first frame whose checksum is wrong, and takes what comes
after it for a transaction that was never committed. Right after a crash that is true of the last
transaction. Of any other it means that the file was damaged, and that intents would be forgotten.

The format is that of https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER, _FRAME = 32, 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_MASK = 0xFFFFFFFF


def loses_transactions(path: Path) -> bool:
    """Whether SQLite would forget committed transactions of a log.

    Args:
        path: The log; it need not be there.

    Raises:
        OSError: It cannot be read.
    """
    try:
        log = path.read_bytes()
    except FileNotFoundError:
        return False
    if len(log) < _HEADER:
        return False
    magic, _, page, _, *rest = struct.unpack_from(">8I", log)
    salts, sums = tuple(rest[:2]), (rest[2], rest[3])
    order = _MAGIC.get(magic)
    if order is None or page < 512 or _checksum(log[:24], order, (0, 0)) != sums:
        # Its first bytes are written, and synchronised, before anything else is.
        return len(log) > _HEADER + _FRAME
    is_whole, commits = True, 0
    for at in range(_HEADER, len(log) - _FRAME - page + 1, _FRAME + page):
        _, size, *of_frame = struct.unpack_from(">6I", log, at)
        if is_whole:
            content = log[at : at + 8] + log[at + _FRAME : at + _FRAME + page]
            expected = _checksum(content, order, sums)
            is_whole = tuple(of_frame) == (*salts, *expected)
            sums = expected
            if not is_whole and _comes_before(of_frame[0], salts[0]):
                return False  # what is left from before the log was begun anew
        if not is_whole and tuple(of_frame[:2]) == salts and size:
            commits += 1
    return commits > 1


def _comes_before(salt: int, current: int) -> bool:
    """The first salt grows by one whenever the log is begun anew."""
    return salt != current and ((current - salt) & _MASK) < 1 << 16


def _checksum(content: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
