"""Sequences of many items that take little memory.

A plan or report of 100,000 streams would take hundreds of megabytes as objects. The items are
kept as compressed rows instead, and each becomes an object only while it is read.
"""

from __future__ import annotations

import json
import pickle
import secrets
import threading
import weakref
import zlib
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from io import BytesIO
from itertools import chain, islice
from operator import eq
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Generic, TypeVar, overload

R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T", covariant=True)

#: How many items of a large number are worked on at a time.
_BATCH = 100
#: Rows of one plan are much alike, so that a few of them compress as well as many.
_BLOCK = 16
#: Larger ones are in a temporary file without a name, which the operating system removes.
_IN_MEMORY = 8_000_000
#: How many items of each thread may wait for the first one to be done.
_AHEAD = 4
#: How many items a repr shows.
_SHOWN = 3
#: The blocks that were read last, for a walk in almost the order of the rows.
_LAST = 32


def batches(items: Iterable[S], size: int | None = None) -> Iterator[list[S]]:
    """Iterate over items in lists of limited length."""
    left = iter(items)
    while batch := list(islice(left, size or _BATCH)):
        yield batch


def mapped(
    executor: Executor, function: Callable[[S], R], items: Iterable[S], workers: int
) -> Iterator[R]:
    """Iterate over the results of a function, in order, called in threads only a little ahead."""
    ahead: deque[Future[R]] = deque()
    try:
        for item in items:
            ahead.append(executor.submit(function, item))
            if len(ahead) >= _AHEAD * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()


def document(
    data: Mapping[str, Any],
    items: Iterable[Any],
    *,
    dumps: Callable[..., str] = json.dumps,
    **how: Any,
) -> Iterator[str]:
    """Iterate over the text of a JSON object whose items are never in memory at once.

    Args:
        data: The object, with anything in place of its items.
        items: The items.
        dumps: The function that returns data as text.
        how: Further arguments for that function. With ``indent``, the indentation is one space.
    """
    place = secrets.token_hex(16)
    before, after = dumps({**data, "items": place}, **how).split(f'"{place}"')
    line, last = ("\n  ", "\n ") if how.get("indent") else ("", "")
    separator = "," if line else ", "
    yield f"{before}["
    is_first = True
    for batch in batches(items):
        # A line break is never inside of a text.
        texts = [line + dumps(item, **how).replace("\n", line) for item in batch]
        yield ("" if is_first else separator) + separator.join(texts)
        is_first = False
    yield f"{'' if is_first else last}]{after}"


def _same(row: Any) -> Any:
    return row


class Kept(Sequence[T], Generic[T]):
    """A sequence of items that are made from rows each time they are read.

    It compares equal to any sequence with equal items, and a pickle of it is a tuple.

    Args:
        rows: The rows, or the items themselves. They are read once.
        item: The function that makes an item from a row.
        note: A function that is called with each row while the rows are read.
        secret: Whether the rows may contain secrets, which are never written to a file.
    """

    def __init__(
        self,
        rows: Iterable[Any] = (),
        item: Callable[[Any], T] = _same,
        note: Callable[[Any], object] = _same,
        *,
        secret: bool = False,
    ) -> None:
        self._item = item
        self._length = 0
        #: Where each block begins in the file, and where the last one ends.
        self._bounds = array("Q", [0])
        self._file: IO[bytes] = BytesIO()
        if not secret:
            self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, list[Any]] = OrderedDict()
        self._note = note
        #: The rows after the last block.
        self._rest: list[Any] = []
        for row in rows:
            self.append(row)

    def append(self, row: Any) -> None:
        """Add a row at the end, while the sequence is made."""
        self._note(row)
        self._rest.append(row)
        self._length += 1
        if len(self._rest) == _BLOCK:
            self._file.seek(self._bounds[-1])
            written = self._file.write(zlib.compress(pickle.dumps(self._rest, -1), 1))
            self._bounds.append(self._bounds[-1] + written)
            self._rest = []

    def rows(self) -> Iterator[Any]:
        """Iterate over the rows."""
        return chain.from_iterable(map(self._block, range(len(self._bounds))))

    def _block(self, number: int) -> list[Any]:
        if number == len(self._bounds) - 1:
            return self._rest
        with self._lock:
            block: list[Any] | None = self._blocks.get(number)
            if block is None:
                self._file.seek(self._bounds[number])
                data = self._file.read(self._bounds[number + 1] - self._bounds[number])
                block = pickle.loads(zlib.decompress(data))  # noqa: S301
                self._blocks[number] = block
                if len(self._blocks) > _LAST:
                    self._blocks.popitem(last=False)
            return block

    def __iter__(self) -> Iterator[T]:
        return map(self._item, self.rows())

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[T, ...]: ...
    def __getitem__(self, at: int | slice) -> T | tuple[T, ...]:
        if isinstance(at, slice):
            return tuple(map(self.__getitem__, range(*at.indices(self._length))))
        index = at + self._length if at < 0 else at
        if not 0 <= index < self._length:
            raise IndexError(at)
        return self._item(self._block(index // _BLOCK)[index % _BLOCK])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Kept, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, islice(self, _SHOWN)))
        return f"({shown}{', ...' if self._length > _SHOWN else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)


class Packed(Mapping[str, T], Generic[T]):
    """Values by key that take little memory, and may contain secrets."""

    def __init__(self) -> None:
        self._values: Kept[T] = Kept(secret=True)
        self._places: dict[str, int] = {}

    def add(self, key: str, value: Any) -> None:
        """Set the value of a key, while the mapping is made."""
        self._places[key] = len(self._values)
        self._values.append(value)

    def remove(self, key: str) -> None:
        """Remove a key, while the mapping is made."""
        del self._places[key]

    def __getitem__(self, key: str) -> T:
        return self._values[self._places[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
