"""All streams of an account, with the certainty that they are all."""

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

#: Walks over a list until two in a row agree.
_WALKS = 6
_PAUSE = 0.5
#: Pauses in a row for one page.
_PAUSES = 6
_LOOK = 0.5


def _nothing() -> None:
    pass


def _raised(error: LiveStreamError) -> None:
    raise error


class WholeList(NamedTuple):
    """What a list holds.

    Attributes:
        streams: By the key of the id.
        complete: Whether the vendor's total proves that these are all.
        unreadable: The entries that cannot be read.
    """

    streams: Mapping[str, LiveStream]
    complete: Completeness
    unreadable: tuple[Unreadable, ...]

    @property
    def unreadable_ids(self) -> list[str]:
        """The ids of what cannot be read, as far as they are known, in a certain order."""
        return sorted(entry.id or "" for entry in self.unreadable)


def walk(
    client: Client,
    heartbeat: Callable[[], None] = _nothing,
    waited: Callable[[LiveStreamError], None] = _raised,
) -> WholeList:
    """Walk over a whole list once."""
    streams, found = client.list(on_unreadable="collect", read_ahead=True), {}
    failures = 0
    while True:
        try:
            for stream in streams:
                found[client.id_key(stream.id)] = stream
                failures = 0
                heartbeat()
            return WholeList(found, streams.complete, streams.unreadable)
        except LiveStreamError as error:
            # The list goes on with the page that could not be read.
            failures += 1
            if failures > _PAUSES:
                raise
            waited(error)


def whole_list(
    client: Client,
    *,
    twice: bool = False,
    may_lack: bool = False,
    heartbeat: Callable[[], None] = _nothing,
    waited: Callable[[LiveStreamError], None] = _raised,
) -> WholeList:
    """All streams of an account: as the vendor's total proves, or else as two walks agree.

    Args:
        client: Whose.
        twice: Whether two walks must agree also where there is a total.
        may_lack: Whether entries that cannot be read are only noted. Where the list goes on must
            be known in any case.
        heartbeat: Called again and again meanwhile.
        waited: Called with what a page could not be read for; returns once it may be tried again.

    Raises:
        MigrationStopped: No two walks agree, or the vendor's total is never reached.
        UnexpectedResponse: Something cannot be read: it may be any stream.
    """
    before: WholeList | None = None
    for attempt in range(_WALKS):
        if attempt > 1:
            time.sleep(_PAUSE * attempt)
        found = walk(client, heartbeat, waited)
        if any(entry.is_link for entry in found.unreadable) or (found.unreadable and not may_lack):
            error = unreadable_error(found.unreadable, found.streams.values())
            error.provider, error.account = client.provider, client.account
            error.operation, error.applied = "list", False
            error.hint = "fix or delete those streams: a migration must know every stream there"
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
        f"the list could not be read whole: {_WALKS} walks over it did not agree",
        hint="wait until nobody changes streams there, then run it again",
        provider=client.provider,
        account=client.account,
        operation="list",
    )


@attrs.frozen(slots=True)
class Listing:
    """A whole list.

    Attributes:
        streams: By the key of the id.
        begun: When the walk began, by this machine's monotonic clock.
        unreadable: What could not be read, if the list may lack something.
    """

    streams: Mapping[str, LiveStream]
    begun: float
    unreadable: tuple[Unreadable, ...] = ()


class Listings:
    """The newest whole list, shared by the threads that need one."""

    def __init__(
        self,
        client: Client,
        clock: Callable[[], float] = time.monotonic,
        *,
        may_lack: bool = False,
    ) -> None:
        self._client, self._clock, self._may_lack = client, clock, may_lack
        self._lock = threading.Lock()
        self._newest: Listing | None = None

    def begun_after(self, instant: float, heartbeat: Callable[[], None] = _nothing) -> Listing:
        """A list of which the walk began after an instant of the monotonic clock.

        Args:
            instant: The instant.
            heartbeat: Called again and again while somebody walks.

        Raises:
            LiveStreamError: It could not be read.
        """
        while not self._lock.acquire(timeout=_LOOK):
            heartbeat()
        try:
            newest = self._newest
            if newest is None or newest.begun < instant:
                begun = self._clock()
                whole = whole_list(self._client, may_lack=self._may_lack, heartbeat=heartbeat)
                newest = self._newest = Listing(whole.streams, begun, whole.unreadable)
            return newest
        finally:
            self._lock.release()


class SourceReader:
    """Reads one stream of the source again: by its id, or, where the vendor has no call for
    that, in a list that several reads share.
    """

    #: Seconds; a list that is older shows too little of what has changed.
    MAX_AGE = 10.0

    def __init__(self, client: Client, *, natively: bool) -> None:
        self._client = client
        self._listings = None if natively else Listings(client, may_lack=True)

    def read(
        self, stream_id: str, seconds: float, heartbeat: Callable[[], None] = _nothing
    ) -> LiveStream:
        """The stream as it is now.

        Args:
            stream_id: Its id.
            seconds: How long the call may take; a list takes as long as it is.
            heartbeat: Called again and again while somebody walks over the list.

        Raises:
            NotFound: It is gone.
            LiveStreamError: It could not be read.
        """
        if self._listings is None:
            return self._client.get(stream_id, deadline=seconds)
        listing = self._listings.begun_after(time.monotonic() - self.MAX_AGE, heartbeat)
        stream = listing.streams.get(self._client.id_key(stream_id))
        if stream is None and listing.unreadable:
            raise UnexpectedResponse(
                "it may be an entry of the list that could not be read: "
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
