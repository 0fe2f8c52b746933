"""Find the specs and streams that may be the same, without comparing each with each."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
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
        #: Every entry with its position, by the fields that it has.
        self._entries: dict[frozenset[str], list[tuple[int, K, S]]] = {}
        for position, (key, each) in enumerate(found):
            fields = frozenset(matcher.values_of(each))
            self._entries.setdefault(fields, []).append((position, key, each))
        #: The same by the values of those fields that the other side has, too.
        self._tables: dict[Any, dict[tuple[Any, ...], list[tuple[int, K, S]]]] = {}

    def near(self, other: StreamSpec | LiveStream) -> Iterator[tuple[K, S]]:
        """Iterate, in order, over all that may be the same, and few that are not."""
        values = self._matcher.values_of(other)
        found: list[Sequence[tuple[int, K, S]]] = []
        for fields in self._entries:
            shared = tuple(sorted(fields & values.keys()))
            found.append(self._table(fields, shared).get(tuple(map(values.get, shared)), ()))
        return ((key, each) for _, key, each in heapq.merge(*found, key=itemgetter(0)))

    def _table(
        self, fields: frozenset[str], shared: tuple[str, ...]
    ) -> dict[tuple[Any, ...], list[tuple[int, K, S]]]:
        """Return the entries that have some fields, by the values of those that are shared."""
        table = self._tables.get((fields, shared))
        if table is None:
            table = {}
            for entry in self._entries[fields]:
                values = self._matcher.values_of(entry[2])
                table.setdefault(tuple(map(values.get, shared)), []).append(entry)
            # Complete before other threads see it.
            self._tables[fields, shared] = table
        return table
