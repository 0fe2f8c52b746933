"""Complete lists of an account's streams, and single streams read from them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import attrs

from ..._client import Client
from ..._contract.pagination import Completeness, Unreadable, unreadable_error
from ..._model.errors import LiveStreamError, NotFound, UnexpectedResponse
from ..._model.stream import LiveStream
from ..values import MigrationStopped

#: The maximum number of reads of a list until two in a row agree.
_READS = 6
_PAUSE = 0.5
#: The maximum number of consecutive pauses for one page.
_PAUSES = 6
_POLL = 0.5


def _do_nothing() -> None:
    pass


def _raise(error: LiveStreamError) -> None:
    raise error


class CompleteList(NamedTuple):
    """A list that was read from its first page to its last.

    Attributes:
        streams: The streams, by the key of their IDs.
        complete: Whether the vendor's total proves that the list contains every stream.
        unreadable: The entries that cannot be read.
    """

    streams: Mapping[str, LiveStream]
    complete: Completeness
    unreadable: tuple[Unreadable, ...]

    @property
    def unreadable_ids(self) -> list[str]:
        """The IDs of the unreadable entries, sorted; empty for an entry without a known ID."""
        return sorted(entry.id or "" for entry in self.unreadable)


def read_list(
    client: Client,
    heartbeat: Callable[[], None] = _do_nothing,
    wait: Callable[[LiveStreamError], None] = _raise,
) -> CompleteList:
    """Read every page of a list once, with every field of each stream."""
    streams, found = client.list(on_unreadable="collect", read_ahead=True, full=True), {}
    failures = 0
    while True:
        try:
            for stream in streams:
                found[client.id_key(stream.id)] = stream
                failures = 0
                heartbeat()
            return CompleteList(found, streams.complete, streams.unreadable)
        except LiveStreamError as error:
            # The iterator resumes with the page that could not be read.
            failures += 1
            if failures > _PAUSES:
                raise
            wait(error)


def complete_list(
    client: Client,
    *,
    twice: bool = False,
    allow_unreadable: bool = False,
    heartbeat: Callable[[], None] = _do_nothing,
    wait: Callable[[LiveStreamError], None] = _raise,
) -> CompleteList:
    """Return all streams of an account.

    The list is complete if the vendor's total proves it or, without a total, if two reads agree.

    Args:
        client: The client for the account.
        twice: Whether two reads must agree even if there is a total.
        allow_unreadable: Whether entries may be unreadable. The link to the next page must be
            readable in any case.
        heartbeat: A function that is called repeatedly while the list is read.
        wait: A function that is called with the error for a page that could not be read. It
            returns when the page can be tried again.

    Raises:
        MigrationStopped: If no two reads agree, or the list never reaches the vendor's total.
        UnexpectedResponse: If an entry cannot be read: it may be any stream.
    """
    before: CompleteList | None = None
    for attempt in range(_READS):
        if attempt > 1:
            time.sleep(_PAUSE * attempt)
        found = read_list(client, heartbeat, wait)
        if any(entry.is_link for entry in found.unreadable) or (
            found.unreadable and not allow_unreadable
        ):
            error = unreadable_error(found.unreadable, found.streams.values())
            error.provider, error.account = client.provider, client.account
            error.operation, error.applied = "list", False
            error.hint = (
                "fix or delete those streams at the vendor, then try again; a migration must know "
                "every stream in the account"
            )
            raise error
        if found.complete is Completeness.MISMATCHED:
            before = None
            continue
        if found.complete is Completeness.PROVEN and not twice:
            return found
        if (
            before is not None
            and found.streams.keys() == before.streams.keys()
            and found.unreadable_ids == before.unreadable_ids
        ):
            return found
        before = found
    raise MigrationStopped(
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
        unreadable: The entries that could not be read, if they are allowed.
    """

    streams: Mapping[str, LiveStream]
    started: float
    unreadable: tuple[Unreadable, ...] = ()


class Listings:
    """The newest complete list, shared by the threads that need one."""

    def __init__(
        self,
        client: Client,
        clock: Callable[[], float] = time.monotonic,
        *,
        allow_unreadable: bool = False,
    ) -> None:
        self._client, self._clock, self._allow_unreadable = client, clock, allow_unreadable
        self._lock = threading.Lock()
        self._newest: Listing | None = None

    def started_after(self, instant: float, heartbeat: Callable[[], None] = _do_nothing) -> Listing:
        """Return a list whose read started after an instant of the monotonic clock.

        Args:
            instant: The instant.
            heartbeat: A function that is called repeatedly while a thread reads the list.

        Raises:
            LiveStreamError: If the list could not be read.
        """
        while not self._lock.acquire(timeout=_POLL):
            heartbeat()
        try:
            newest = self._newest
            if newest is None or newest.started < instant:
                started = self._clock()
                found = complete_list(
                    self._client, allow_unreadable=self._allow_unreadable, heartbeat=heartbeat
                )
                newest = self._newest = Listing(found.streams, started, found.unreadable)
            return newest
        finally:
            self._lock.release()


class SourceReader:
    """Reads single streams of an account.

    It reads a stream by its ID or, if the vendor has no endpoint for that, from a list that several
    reads share.
    """

    #: The maximum age of a shared list, in seconds.
    MAX_AGE = 10.0

    def __init__(self, client: Client, *, natively: bool) -> None:
        self._client = client
        self._listings = None if natively else Listings(client, allow_unreadable=True)

    def read(
        self,
        stream_id: str,
        seconds: float,
        heartbeat: Callable[[], None] = _do_nothing,
        *,
        again: bool = False,
    ) -> LiveStream:
        """Return the stream in its current state.

        Args:
            stream_id: The stream's ID.
            seconds: How long a read by ID may take. The limit does not apply to lists.
            heartbeat: A function that is called repeatedly while a thread reads the list.
            again: Whether this is the second look for a stream that was missing, for which no
                list of before will do.

        Raises:
            NotFound: If the stream no longer exists.
            LiveStreamError: If the stream could not be read.
        """
        if self._listings is None:
            return self._client.get(stream_id, deadline=seconds)
        age = 0.0 if again else self.MAX_AGE
        listing = self._listings.started_after(time.monotonic() - age, heartbeat)
        stream = listing.streams.get(self._client.id_key(stream_id))
        if stream is None and listing.unreadable:
            raise UnexpectedResponse(
                "it may be one of the entries in the list that could not be read: "
                + "; ".join(map(str, listing.unreadable)),
                provider=self._client.provider,
                account=self._client.account,
                operation="list",
                stream_id=stream_id,
                applied=False,
            )
        if stream is None:
            raise NotFound(
                "it is no longer in the list",
                provider=self._client.provider,
                account=self._client.account,
                operation="list",
                stream_id=stream_id,
            )
        return stream
