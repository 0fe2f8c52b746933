"""Complete lists of an account's streams, and single streams read from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..._client import Client
from ..._model.errors import NotFound, UnexpectedResponse
from ..._model.stream import LiveStream
from ..._runners.sync import run
from ...durable.flows import Effect, Pause
from ...durable.listing import CompleteList, Keep, Listings, do_nothing, keep_all, read_list
from ...durable.listing import complete_list as complete_list_flow
from ...durable.values import UnprovenList
from ..kept import Packed
from ..patience import Patience
from ..values import MigrationStopped


def complete_list(
    client: Client,
    *,
    patience: Patience,
    twice: bool = False,
    allow_unreadable: bool = False,
    progress: Callable[[], None] = do_nothing,
    heartbeat: Callable[[], None] = do_nothing,
    keep: Keep = keep_all,
) -> CompleteList:
    """Return all streams of an account.

    Args:
        client: The client for the account.
        patience: The pauses to keep.
        twice: Whether two reads must agree even if there is a total.
        allow_unreadable: Whether entries may be unreadable. The link to the next page must be
            readable in any case.
        progress: A function that is called for each stream that was read.
        heartbeat: A function that is called repeatedly while the list is read, and during a pause.
        keep: A function that returns what is kept of each stream, or ``None`` to keep its key only.

    Raises:
        MigrationStopped: If no two reads agree, or the list never reaches the vendor's total.
        UnexpectedResponse: If an entry cannot be read: it may be any stream.
        LiveStreamError: If the list could not be read.
    """

    def read_one() -> None:
        patience.answered(client.account)
        progress()
        heartbeat()

    def perform(effect: Effect) -> Any:
        if isinstance(effect, Pause):
            return time.sleep(effect.seconds)
        found = read_list(
            client, read_one, lambda error: patience.wait(error, heartbeat), keep=keep
        )
        patience.answered(client.account)  # an empty list is an answer, too
        return found

    try:
        return run(
            complete_list_flow(client, twice=twice, allow_unreadable=allow_unreadable), perform
        )
    except UnprovenList as error:
        message, hint = error.message, error.hint
    raise MigrationStopped(
        message, hint=hint, provider=client.provider, account=client.account, operation="list"
    )


def listings(
    client: Client,
    *,
    patience: Patience,
    keeping: Callable[[], Keep],
) -> Listings:
    """Return the newest complete list of an account, for threads to share.

    Args:
        client: The client for the account.
        patience: The pauses to keep.
        keeping: A function that is called before each list, and returns what is kept of a stream.
    """
    return Listings(
        lambda heartbeat: complete_list(
            client, patience=patience, heartbeat=heartbeat, keep=keeping()
        )
    )


class SourceReader:
    """Reads single streams of an account.

    It reads a stream by its ID or, if the vendor has no endpoint for that, from a list that several
    reads share.
    """

    #: The maximum age of a shared list that was read quickly, in seconds.
    MAX_AGE = 10.0

    def __init__(self, client: Client, *, natively: bool, patience: Patience) -> None:
        self._client, self._patience = client, patience
        self._listings = None if natively else Listings(self._list)

    def _list(self, heartbeat: Callable[[], None]) -> CompleteList:
        streams: Packed[LiveStream] = Packed()

        def keep(stream: LiveStream) -> None:
            streams.add(self._client.id_key(stream.id), stream)

        found = complete_list(
            self._client,
            patience=self._patience,
            allow_unreadable=True,
            heartbeat=heartbeat,
            keep=keep,
        )
        for key in streams.keys() - found.keys:
            streams.remove(key)  # it was only in an earlier read of the list
        return found._replace(streams=streams)

    def read(
        self,
        stream_id: str,
        seconds: float,
        heartbeat: Callable[[], None] = do_nothing,
        *,
        again: bool = False,
    ) -> LiveStream:
        """Return the stream in its current state.

        Args:
            stream_id: The stream's ID.
            seconds: How long a read by ID may take. The limit does not apply to lists.
            heartbeat: A function that is called repeatedly while a thread reads the list, or waits
                for the end of a pause.
            again: Whether this is the second look for a stream that was missing, for which no
                list of before will do.

        Raises:
            NotFound: If the stream no longer exists.
            LiveStreamError: If the stream could not be read.
        """
        if self._listings is None:
            return self._patience.repeat(
                self._client.account,
                lambda: self._client.get(stream_id, deadline=seconds),
                heartbeat,
            )
        if again:
            listing = self._listings.started_after(time.monotonic(), heartbeat)
        else:
            listing = self._listings.recent(self.MAX_AGE, heartbeat)
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
