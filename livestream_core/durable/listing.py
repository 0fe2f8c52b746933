"""Complete lists of an account's streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Set
from typing import NamedTuple, TypeAlias

import attrs

from .._client import AsyncClient, Client
from .._client.base import BaseClient
from .._contract.pagination import Completeness, Unreadable, unreadable_error
from .._model.errors import LiveStreamError
from .._model.stream import LiveStream
from .flows import Flow, List, Pause
from .values import UnprovenList

#: The maximum number of reads of a list until two in a row agree.
_READS = 6
_PAUSE = 0.5
_POLL = 0.5


#: Returns what is kept of a stream of a list, or ``None``.
Keep: TypeAlias = Callable[[LiveStream], LiveStream | None]


class CompleteList(NamedTuple):
    """A list that was read from its first page to its last.

    Attributes:
        streams: The streams, by the key of their IDs.
        complete: Whether the vendor's total proves that the list contains every stream.
        unreadable: The entries that cannot be read.
        keys: The keys of all streams, also of those that were not kept.
    """

    streams: Mapping[str, LiveStream]
    complete: Completeness
    unreadable: tuple[Unreadable, ...]
    keys: Set[str]

    @property
    def unreadable_ids(self) -> list[str]:
        """The IDs of the unreadable entries, sorted; empty for an entry without a known ID."""
        return sorted(entry.id or "" for entry in self.unreadable)


def keep_all(stream: LiveStream) -> LiveStream:
    """Keep a stream as it is."""
    return stream


def do_nothing() -> None:
    """Do nothing: the heartbeat of a list that is read without a lease."""


def give_up(error: LiveStreamError) -> None:
    """Raise an error instead of waiting."""
    raise error


def read_list(
    client: Client,
    heartbeat: Callable[[], None] = do_nothing,
    wait: Callable[[LiveStreamError], None] = give_up,
    *,
    deadline: float | None = None,
    keep: Keep = keep_all,
) -> CompleteList:
    """Read every page of a list once, with every field of each stream.

    Args:
        client: The client for the account.
        heartbeat: A function that is called repeatedly while the list is read.
        wait: A function that is called with the error for a page that could not be read. It
            returns when the page can be tried again, or raises the error.
        deadline: Seconds for each page.
        keep: A function that returns what is kept of a stream, so that a list of many streams needs
            little memory, or ``None`` to keep only its key.
    """
    streams = client.list(on_unreadable="collect", read_ahead=True, full=True, deadline=deadline)
    found: dict[str, LiveStream] = {}
    keys: set[str] = set()
    while True:
        try:
            for stream in streams:
                key = client.id_key(stream.id)
                keys.add(key)
                if (kept := keep(stream)) is not None:
                    found[key] = kept
                heartbeat()
            return CompleteList(found, streams.complete, streams.unreadable, keys)
        except LiveStreamError as error:
            # The iterator resumes with the page that could not be read.
            wait(error)


async def read_list_async(
    client: AsyncClient, heartbeat: Callable[[], None], *, deadline: float
) -> CompleteList:
    """Read every page of a list once, like :func:`read_list`, with an asynchronous client."""
    found = {}
    async with client.list(
        on_unreadable="collect", read_ahead=True, full=True, deadline=deadline
    ) as streams:
        async for stream in streams:
            found[client.id_key(stream.id)] = stream
            heartbeat()
    return CompleteList(found, streams.complete, streams.unreadable, found.keys())


def complete_list(
    client: BaseClient, *, twice: bool = False, allow_unreadable: bool = False
) -> Flow[CompleteList]:
    """Return all streams of an account.

    The list is complete if the vendor's total proves it or, without a total, if two reads agree.

    Args:
        client: The client for the account.
        twice: Whether two reads must agree even if there is a total.
        allow_unreadable: Whether entries may be unreadable. The link to the next page must be
            readable in any case.

    Raises:
        UnprovenList: If no two reads agree, or the list never reaches the vendor's total.
        UnexpectedResponse: If an entry cannot be read: it may be any stream.
    """
    before: CompleteList | None = None
    for attempt in range(_READS):
        if attempt > 1:
            yield Pause(_PAUSE * attempt)
        found: CompleteList = yield List()
        if any(entry.is_link for entry in found.unreadable) or (
            found.unreadable and not allow_unreadable
        ):
            error = unreadable_error(found.unreadable, found.streams.values())
            error.provider, error.account = client.provider, client.account
            error.operation, error.applied = "list", False
            error.hint = (
                "fix or delete those streams at the vendor, then try again; every stream in the "
                "account must be known"
            )
            raise error
        if found.complete is Completeness.MISMATCHED:
            before = None
            continue
        if found.complete is Completeness.PROVEN and not twice:
            return found
        if (
            before is not None
            and found.keys == before.keys
            and found.unreadable_ids == before.unreadable_ids
        ):
            return found
        before = found
    raise UnprovenList(
        f"no complete list could be read: {_READS} reads of it did not agree",
        hint="wait until no streams change in that account, then try again",
        provider=client.provider,
        account=client.account,
        operation="list",
    )


@attrs.frozen(slots=True)
class Listing:
    """A complete list and when it was started.

    Attributes:
        streams: The streams, by the key of their IDs.
        started: When the read of the list started, by this machine's monotonic clock.
        took: How long the read took, in seconds.
        unreadable: The entries that could not be read, if they are allowed.
    """

    streams: Mapping[str, LiveStream]
    started: float
    took: float
    unreadable: tuple[Unreadable, ...] = ()


class Listings:
    """The newest complete list, shared by the threads that need one.

    Args:
        read: The function that reads a complete list. It repeatedly calls the function that it is
            called with.
        clock: The monotonic clock.
    """

    def __init__(
        self,
        read: Callable[[Callable[[], None]], CompleteList],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._clock = read, clock
        self._lock = threading.Lock()
        self._newest: Listing | None = None

    def recent(self, age: float, heartbeat: Callable[[], None] = do_nothing) -> Listing:
        """Return a list that is not too old.

        A list serves at least as long as its read took: if a read took longer than ``age``, each
        list would be too old as soon as it is read, and every call would read another one.

        Args:
            age: The maximum age of a list that was read quickly, in seconds.
            heartbeat: A function that is called repeatedly while a thread reads the list.

        Raises:
            LiveStreamError: If the list could not be read.
        """
        return self._good(
            lambda each: self._clock() - each.started <= max(age, 2 * each.took), heartbeat
        )

    def started_after(self, instant: float, heartbeat: Callable[[], None] = do_nothing) -> Listing:
        """Return a list whose read started after an instant of the monotonic clock.

        Args:
            instant: The instant.
            heartbeat: A function that is called repeatedly while a thread reads the list.

        Raises:
            LiveStreamError: If the list could not be read.
        """
        return self._good(lambda each: each.started >= instant, heartbeat)

    def _good(self, is_good: Callable[[Listing], bool], heartbeat: Callable[[], None]) -> Listing:
        while not self._lock.acquire(timeout=_POLL):
            heartbeat()
        try:
            newest = self._newest
            if newest is None or not is_good(newest):
                started = self._clock()
                found = self._read(heartbeat)
                took = self._clock() - started
                newest = self._newest = Listing(found.streams, started, took, found.unreadable)
            return newest
        finally:
            self._lock.release()
