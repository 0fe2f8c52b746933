"""Walking a vendor's list to its end, and knowing whether that was all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs

from .._model.errors import UnexpectedResponse
from .._model.fields import Pickled
from .._model.status import Status
from .._model.stream import LiveStream, field_of
from .capabilities import FILTERS, Capabilities
from .request import MAX_NUMBER

#: So many pages in a row without a new id are no longer a burst of new streams that shifts a
#: list, but a list that does not end.
PAGES_WITHOUT_NEWS = 10
#: Characters of an error that name what could not be read: more of them would be cut.
_MOST_SHOWN = 350


class Completeness(StrEnum):
    """Whether a walk saw every stream."""

    PROVEN = "proven"
    """The vendor's total did not change during the walk, and as many were seen."""
    MISMATCHED = "mismatched"
    """The vendor's total differs from what was seen, twice."""
    UNKNOWN = "unknown"
    """The walk is not over, was cut by a limit, or the vendor gives no total."""

    def __bool__(self) -> bool:
        """Whether it is proven that every stream was seen."""
        return self is Completeness.PROVEN


@attrs.frozen(slots=True, kw_only=True)
class Query:
    """Which page of which streams an adapter is asked for.

    Attributes:
        status: Streams in this status.
        tag: Streams with this tag.
        starts_after: Streams scheduled to start at this instant or later.
        starts_before: Streams scheduled to start before this instant.
        cursor: What the page before gave as ``next``; ``None`` for the first.
        size: How many streams a page should have, where the caller cares.
    """

    status: Status | None = None
    tag: str | None = None
    starts_after: datetime | None = None
    starts_before: datetime | None = None
    cursor: str | None = None
    size: int | None = None

    @property
    def has_filters(self) -> bool:
        """Whether it asks for some streams only."""
        return any(getattr(self, name) is not None for name in FILTERS)

    def matches(self, stream: LiveStream) -> bool:
        """Whether a stream passes all filters."""
        if self.status is not None and stream.status is not self.status:
            return False
        if self.tag is not None and self.tag not in stream.tags:
            return False
        start = stream.scheduled_start
        if self.starts_after is not None and (start is None or start < self.starts_after):
            return False
        return self.starts_before is None or (start is not None and start < self.starts_before)

    def undecided(self, stream: LiveStream) -> Unreadable | None:
        """Return what to say of a stream that does not match, if that is only because a field that
        it was asked for by could not be read; else ``None``.
        """
        doubts: list[str] = []
        unknown: dict[str, None] = {}
        for problem in stream.problems:
            name = field_of(problem)
            if name == "status" and stream.provider_status is not None:
                continue  # a word that is not known is none of those that are
            if about := [each for each, field in FILTERS.items() if field == name]:
                doubts.append(problem)
                unknown |= dict.fromkeys(about)
        rest: Query = attrs.evolve(self, **unknown)
        if rest == self or not rest.matches(stream):
            return None
        return Unreadable(f"a filter cannot be applied to it ({'; '.join(doubts)})", id=stream.id)

    def applied(self, page: Page) -> Page:
        """Return what of a page passes all filters."""
        matching, unreadable = [], [*page.unreadable]
        for stream in page.items:
            if self.matches(stream):
                matching.append(stream)
            elif stream.problems and (undecided := self.undecided(stream)):
                unreadable.append(undecided)
        return attrs.evolve(page, items=matching, unreadable=unreadable)


def _streams(items: Sequence[LiveStream]) -> tuple[LiveStream, ...]:
    return tuple(items)


def _unreadable(entries: Sequence[Unreadable]) -> tuple[Unreadable, ...]:
    return tuple(entries)


def _total(value: int | None) -> int | None:
    return value if type(value) is int and 0 <= value < MAX_NUMBER else None


@attrs.frozen(slots=True)
class Unreadable:
    """An entry of a list that could not be read as a stream, or the link to the next page.

    Attributes:
        reason: What is wrong with it. It holds no value of the vendor's answer.
        position: Its place on its page, from 0; ``None`` for the link to the next page, and for a
            stream that a filter could not be applied to.
        id: The stream's id, where that could be read.
        page: Which page of a walk it was on, from 1; ``None`` on a page that was read alone.
    """

    reason: str
    position: int | None = None
    id: str | None = None
    page: int | None = None

    @property
    def is_link(self) -> bool:
        """Whether it is the link to the next page: what follows is unknown."""
        return self.position is None and self.id is None

    def __str__(self) -> str:
        what = repr(self.id) if self.id else "the entry"
        if self.is_link:
            what = "the link to the next page"
        elif self.position is not None:
            what += f" at position {self.position}"
        where = "" if self.page is None else f" of page {self.page}"
        return f"{what}{where}: {self.reason}"


def unreadable_error(
    unreadable: Sequence[Unreadable], streams: Iterable[LiveStream]
) -> UnexpectedResponse:
    """Return the error for what of a list could not be read, with the streams that could."""
    readable = tuple(streams)
    shown: list[str] = []
    for each in map(str, unreadable):
        if shown and len("; ".join((*shown, each))) > _MOST_SHOWN:
            break
        shown.append(each)
    if len(unreadable) > len(shown):
        shown.append(f"and {len(unreadable) - len(shown)} more")
    entries = "1 entry" if len(unreadable) == 1 else f"{len(unreadable)} entries"
    return UnexpectedResponse(
        f"{entries} of the list could not be read: {'; '.join(shown)}",
        streams=readable,
        stream_id=unreadable[0].id if len(unreadable) == 1 else None,
        hint="the streams that could be read are in error.streams" if readable else None,
    )


@attrs.frozen(slots=True, getstate_setstate=False)
class Page(Pickled):
    """One page of a list.

    Attributes:
        items: The streams on it.
        next_cursor: The cursor of the next page, ``None`` on the last one. It can be kept and used
            later, also in another process. Adapters pass it as ``next=``.
        total: How many streams there are on all pages, where the vendor says so; a number that
            cannot be one, such as -1, says nothing.
        unreadable: What on it could not be read, in its order. Such entries are live streams, as
            far as can be told.
    """

    items: tuple[LiveStream, ...] = attrs.field(converter=_streams)
    next_cursor: str | None = attrs.field(default=None, alias="next")
    total: int | None = attrs.field(default=None, converter=_total)
    unreadable: tuple[Unreadable, ...] = attrs.field(default=(), converter=_unreadable)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # Version 0.1 pickled it under the other name.
        Pickled.__setstate__(self, {"next_cursor": state.get("next"), **state})

    def __iter__(self) -> Iterator[LiveStream]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Pagination:
    """The state of one walk: it does no I/O, so that clients and adapters share it."""

    def __init__(self, id_key: Callable[[str], str], capabilities: Capabilities) -> None:
        self._id_key = id_key
        self._empty_page_ends = capabilities.empty_page_ends
        #: In the order in which they came. A dict takes half the memory of a set.
        self.seen: dict[str, None] = {}
        self._cursors: set[str] = set()
        self._without_news = 0
        self._totals: set[int | None] = set()
        self._pages = 0
        #: By the key of its id, or else its place.
        self._unreadable: dict[object, Unreadable] = {}
        self.cursor: str | None = None
        self.goes_on = True

    def take(self, page: Page) -> list[LiveStream]:
        """The streams of a page that were not seen before on this walk.

        Raises:
            UnexpectedResponse: The list does not end.
        """
        id_key, seen, new = self._id_key, self.seen, []
        for stream in page.items:
            key = id_key(stream.id)
            if key not in seen:
                seen[key] = None
                new.append(stream)
        is_news = self._take_unreadable(page) or bool(new)
        self._totals.add(page.total)
        self._without_news = 0 if is_news else self._without_news + 1
        following = page.next_cursor
        is_empty = not page.items and not page.unreadable
        if following is None or (self._empty_page_ends and is_empty):
            self.goes_on = False
            return new
        if following in self._cursors:
            raise UnexpectedResponse(
                "the list is incomplete: a page names one that was read before"
            )
        if self._without_news >= PAGES_WITHOUT_NEWS:
            raise UnexpectedResponse(
                f"the list is incomplete: {PAGES_WITHOUT_NEWS} pages in a row without a new stream"
            )
        self._cursors.add(following)
        self.cursor = following
        return new

    def _take_unreadable(self, page: Page) -> bool:
        """Note what could not be read on a page; whether there is any of that not seen before."""
        self._pages += 1
        before = len(self._unreadable)
        for entry in page.unreadable:
            key = self._pages, entry.position
            known = key if entry.id is None else self._id_key(entry.id)
            self._unreadable.setdefault(known, attrs.evolve(entry, page=self._pages))
        return len(self._unreadable) > before

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """What could not be read. Another page may show a stream that one page does not."""
        return tuple([each for key, each in self._unreadable.items() if key not in self.seen])

    @property
    def completeness(self) -> Completeness:
        """What this walk proves."""
        unreadable = self.unreadable
        if self.goes_on or None in self._totals or any(each.is_link for each in unreadable):
            return Completeness.UNKNOWN
        # A total that changed on the way means that pages shifted: one may have slipped through.
        if self._totals == {len(self.seen) + len(unreadable)}:
            return Completeness.UNKNOWN if unreadable else Completeness.PROVEN
        return Completeness.MISMATCHED

    @property
    def is_mismatched(self) -> bool:
        """Whether the vendor's total contradicts what was seen."""
        return self.completeness is Completeness.MISMATCHED
