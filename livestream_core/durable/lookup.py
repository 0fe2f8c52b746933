"""Find the specs and streams that may be the same, without comparing each with each."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from .._model.stream import LiveStream, StreamSpec
from .matching import Matcher

K = TypeVar("K")
#: What is found: streams, by a spec, or specs, by a stream.
S = TypeVar("S", StreamSpec, LiveStream)


class Lookup(Generic[K, S]):
    """Streams that can be found by a spec, or specs that can be found by a stream.

    The matcher decides. The lookup only saves it those that differ in a field that both sides have,
    and these are nearly all.
    """

    def __init__(self, matcher: Matcher, found: Iterable[tuple[K, S]]) -> None:
        """Create a lookup of streams, or of specs, each with a key."""
        self._matcher = matcher
        self._found: list[tuple[K, S]] = list(found)
        #: The positions of all entries, by the fields that they have.
        self._positions: dict[frozenset[str], array[int]] = {}
        for position, (_, each) in enumerate(self._found):
            fields = frozenset(matcher.values_of(each))
            self._positions.setdefault(fields, array("Q")).append(position)
        #: The same by the hash of the values of those fields that the other side has, too. Only
        #: the hash is in memory, and of most of them a single position.
        self._tables: dict[Any, dict[int, int | list[int]]] = {}

    def near(self, other: StreamSpec | LiveStream) -> Iterator[tuple[K, S]]:
        """Iterate, in order, over all that may be the same, and few that are not."""
        values = self._matcher.values_of(other)
        found: list[Sequence[int]] = []
        for fields in self._positions:
            shared = tuple(sorted(fields & values.keys()))
            at = self._table(fields, shared).get(hash(tuple(map(values.get, shared))), ())
            found.append([at] if isinstance(at, int) else at)
        return (self._found[at] for at in heapq.merge(*found))

    def _table(self, fields: frozenset[str], shared: tuple[str, ...]) -> dict[int, int | list[int]]:
        """Return the entries that have some fields, by the values of those that are shared."""
        table = self._tables.get((fields, shared))
        if table is None:
            table = {}
            for position in self._positions[fields]:
                values = self._matcher.values_of(self._found[position][1])
                key = hash(tuple(map(values.get, shared)))
                known = table.get(key)
                if known is None:
                    table[key] = position
                elif isinstance(known, int):
                    table[key] = [known, position]
                else:
                    known.append(position)
            # Complete before other threads see it.
            self._tables[fields, shared] = table
        return table
