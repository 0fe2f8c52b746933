"""Pagination: reading a vendor's list to its end, and checking that it is complete."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs

from .._model.errors import UnexpectedResponse
from .._model.fields import Pickled
from .._model.status import Status
from .._model.stream import LiveStream, field_of
from .capabilities import FILTERS, Capabilities
from .json_fields import MAX_NUMBER

#: The number of consecutive pages without a new ID after which a list counts as endless. Fewer
#: can occur while many new streams shift the pages.
MAX_REPEATED_PAGES = 10
#: The maximum number of characters in an error that list the unreadable entries.
_MAX_SHOWN = 350


class Completeness(StrEnum):
    """Whether a list contains every stream."""

    PROVEN = "proven"
    """The vendor's total stayed the same and equals the number of streams that were read."""
    MISMATCHED = "mismatched"
    """The vendor's total differs from the number of streams that were read, twice."""
    UNKNOWN = "unknown"
    """The list was not read to its end, has a limit, or the vendor reports no total."""

    def __bool__(self) -> bool:
        """Return whether the list is proven to contain every stream."""
        return self is Completeness.PROVEN


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False)
class Query(Pickled):
    """The page of streams that an adapter is asked for.

    Attributes:
        status: Only streams with this status.
        tag: Only streams with this tag.
        starts_after: Only streams that are scheduled to start at this instant or later.
        starts_before: Only streams that are scheduled to start before this instant.
        cursor: The ``next`` cursor of the previous page, or ``None`` for the first page.
        size: The requested number of streams per page, or ``None`` for the adapter's default.
        reference: Only streams with this reference.
    """

    status: Status | None = None
    tag: str | None = None
    starts_after: datetime | None = None
    starts_before: datetime | None = None
    cursor: str | None = None
    size: int | None = None
    reference: str | None = None

    @property
    def has_filters(self) -> bool:
        """Whether at least one filter is set."""
        return any(getattr(self, name) is not None for name in FILTERS)

    def filters_on(self, fields: Collection[str]) -> list[str]:
        """Return the filters that are set and compare one of these fields of a stream."""
        return [
            name
            for name, field in FILTERS.items()
            if field in fields and getattr(self, name) is not None
        ]

    def matches(self, stream: LiveStream) -> bool:
        """Return whether a stream passes all filters."""
        if self.status is not None and stream.status is not self.status:
            return False
        if self.tag is not None and self.tag not in stream.tags:
            return False
        if self.reference is not None and stream.reference != self.reference:
            return False
        start = stream.scheduled_start
        if self.starts_after is not None and (start is None or start < self.starts_after):
            return False
        return self.starts_before is None or (start is not None and start < self.starts_before)

    def undecided(self, stream: LiveStream) -> Unreadable | None:
        """Return an unreadable entry for a stream that may or may not match.

        That is a stream that does not match only because a filtered field could not be read.
        Return ``None`` for every other stream.
        """
        problems: list[str] = []
        unknown: dict[str, None] = {}
        for problem in stream.problems:
            name = field_of(problem)
            if name == "status" and stream.provider_status is not None:
                continue  # an unknown word is none of the known statuses
            if filters := [each for each, field in FILTERS.items() if field == name]:
                problems.append(problem)
                unknown |= dict.fromkeys(filters)
        rest: Query = attrs.evolve(self, **unknown)
        if rest == self or not rest.matches(stream):
            return None
        return Unreadable(f"a filter cannot be applied to it ({'; '.join(problems)})", id=stream.id)

    def applied(self, page: Page) -> Page:
        """Return a page with the streams that pass all filters."""
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
    """An entry of a list that could not be read as a stream, or an unreadable next-page link.

    Attributes:
        reason: Why it could not be read. The text contains no value of the vendor's response.
        position: The position on the page, starting at 0. ``None`` for the link to the next page,
            and for a stream that a filter could not be applied to.
        id: The stream's ID, if it could be read.
        page: The number of the page, starting at 1. ``None`` for a page that was read alone.
    """

    reason: str
    position: int | None = None
    id: str | None = None
    page: int | None = None

    @property
    def is_link(self) -> bool:
        """Whether it is the link to the next page, so that the rest of the list is unknown."""
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
    """Return the error for a list with unreadable entries; it carries the readable streams."""
    readable = tuple(streams)
    shown: list[str] = []
    for each in map(str, unreadable):
        if shown and len("; ".join((*shown, each))) > _MAX_SHOWN:
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


def is_about_stream(error: UnexpectedResponse) -> bool:
    """Return whether a stream that was read by its ID is unreadable at the vendor.

    A response that was cut off, or that does not come from the vendor, says nothing about it.
    """
    return not error.retryable and (error.body or "").lstrip().startswith("{")


@attrs.frozen(slots=True, getstate_setstate=False)
class Page(Pickled):
    """One page of a list.

    Attributes:
        items: The streams on it.
        next_cursor: The cursor of the next page, or ``None`` on the last page. You can store it
            and use it later, even in another process. Adapters pass it as ``next=``.
        total: The number of streams on all pages, if the vendor reports it. Invalid numbers, such
            as -1, are ignored.
        unreadable: The entries that could not be read, in the order of the page. As far as the
            adapter can tell, they are live streams.
    """

    items: tuple[LiveStream, ...] = attrs.field(converter=_streams)
    next_cursor: str | None = attrs.field(default=None, alias="next")
    total: int | None = attrs.field(default=None, converter=_total)
    unreadable: tuple[Unreadable, ...] = attrs.field(default=(), converter=_unreadable)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # Version 0.1 pickled the cursor as "next".
        Pickled.__setstate__(self, {"next_cursor": state.get("next"), **state})

    def __iter__(self) -> Iterator[LiveStream]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Pagination:
    """The state of reading one list. It does no I/O, so that clients and adapters can share it."""

    def __init__(self, id_key: Callable[[str], str], capabilities: Capabilities) -> None:
        self._id_key = id_key
        self._empty_page_ends = capabilities.empty_page_ends
        #: The keys of the streams, in order. A dict takes half the memory of a set.
        self.seen: dict[str, None] = {}
        self._cursors: set[str] = set()
        self._repeated_pages = 0
        self._totals: set[int | None] = set()
        self._pages = 0
        #: By the key of the ID, or by the position if there is no ID.
        self._unreadable: dict[object, Unreadable] = {}
        self.cursor: str | None = None
        self.has_next = True

    def add(self, page: Page) -> list[LiveStream]:
        """Add a page, and return its streams that were not on an earlier page.

        Raises:
            UnexpectedResponse: If the list does not end.
        """
        id_key, seen, new = self._id_key, self.seen, []
        for stream in page.items:
            key = id_key(stream.id)
            if key not in seen:
                seen[key] = None
                new.append(stream)
        has_new = self._add_unreadable(page) or bool(new)
        self._totals.add(page.total)
        self._repeated_pages = 0 if has_new else self._repeated_pages + 1
        cursor = page.next_cursor
        is_empty = not page.items and not page.unreadable
        if cursor is None or (self._empty_page_ends and is_empty):
            self.has_next = False
            return new
        if cursor in self._cursors:
            raise UnexpectedResponse(
                "the list is incomplete: the vendor's next-page cursor points back to a page "
                "already read"
            )
        if self._repeated_pages >= MAX_REPEATED_PAGES:
            raise UnexpectedResponse(
                f"the list is incomplete: {MAX_REPEATED_PAGES} consecutive pages contained no new "
                "streams"
            )
        self._cursors.add(cursor)
        self.cursor = cursor
        return new

    def _add_unreadable(self, page: Page) -> bool:
        """Record the unreadable entries of a page, and return whether one of them is new."""
        self._pages += 1
        before = len(self._unreadable)
        for entry in page.unreadable:
            key = self._pages, entry.position
            known = key if entry.id is None else self._id_key(entry.id)
            self._unreadable.setdefault(known, attrs.evolve(entry, page=self._pages))
        return len(self._unreadable) > before

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The entries that could not be read on any page."""
        return tuple([each for key, each in self._unreadable.items() if key not in self.seen])

    @property
    def completeness(self) -> Completeness:
        """Whether the list is proven to contain every stream."""
        unreadable = self.unreadable
        if self.has_next or None in self._totals or any(each.is_link for each in unreadable):
            return Completeness.UNKNOWN
        # A total that changed means that the pages shifted, so a stream may have been missed.
        if self._totals == {len(self.seen) + len(unreadable)}:
            return Completeness.UNKNOWN if unreadable else Completeness.PROVEN
        return Completeness.MISMATCHED

    @property
    def is_mismatched(self) -> bool:
        """Whether the vendor's total differs from the number of streams that were read."""
        return self.completeness is Completeness.MISMATCHED
