"""How the streams of an account are followed by listing them, as a flow."""

from __future__ import annotations

import json
import time
from collections.abc import Container, Mapping
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Any

import attrs

from .._client.base import BaseClient
from .._contract.capabilities import Feature, Support
from .._contract.foreign import is_of_signal_handler
from .._contract.pagination import Completeness
from .._engine.following import digest_of
from .._engine.polling import (
    EVENTFUL,
    REQUESTS_PER_SECOND,
    is_over,
    jittered,
    next_read,
    retry_pause,
)
from .._model.errors import LiveStreamError
from .._model.log import logger
from .._model.stream import LiveStream
from .effects import Connect, Flow, Next, Use
from .stored import FORGET, HOT, UNLISTED, WATCH, Waiting, listed, note
from .stores import Claim

#: The start of the digest of a stream that was over when the account was first listed. Nothing is
#: told about it unless it changes.
_UNTOLD = "-"
#: How long an account has had no change, if nothing is known about that.
_QUIET = timedelta(seconds=EVENTFUL)
_random = SystemRandom()


@attrs.define(slots=True)
class _State:
    """What a store keeps about an account.

    Attributes:
        filters: The filters of the list.
        digests: What the last list showed of each stream, by ID.
        is_listed: Whether the first list was read, and all of it was noted.
        changed_at: When a list last showed a change.
        failures: The number of lists in a row that failed.
    """

    filters: dict[str, str] = attrs.Factory(dict)
    digests: dict[str, str] = attrs.Factory(dict)
    is_listed: bool = False
    changed_at: str | None = None
    failures: int = 0

    @classmethod
    def of(cls, claim: Claim) -> _State:
        known = json.loads(claim.state) if claim.state else {}
        # A newer version may have written it.
        return cls(**{name: known[name] for name in attrs.fields_dict(cls) if name in known})


@attrs.frozen(slots=True, kw_only=True)
class _Found:
    """What a list has shown.

    Attributes:
        streams: The streams, by ID.
        at: When it was begun.
        is_complete: Whether a stream that is not in it did not exist, or matched no filter.
        unreadable: The IDs of streams that are in it but could not be read.
        requests: The number of requests that it took.
    """

    streams: Mapping[str, LiveStream]
    at: datetime
    is_complete: bool
    unreadable: frozenset[str]
    requests: int


class AccountListing:
    """The listing of an account that a worker has claimed.

    Args:
        claim: The claim.
        owner: The worker.
        account: The account.
        poll: The longest pause between two lists, in seconds.
        lease: How long a worker may hold the account, in seconds.
    """

    def __init__(self, claim: Claim, owner: str, account: str, poll: float, lease: float) -> None:
        self._claim, self._owner, self._account = claim, owner, account
        self._poll, self._lease = poll, lease
        self._state = _State.of(claim)
        self._taken = [key for key, _ in claim.deliveries]
        for key, text in claim.deliveries:
            if key == WATCH:
                self._state.filters = json.loads(text)
        #: What the store has, and when that was saved.
        self._saved, self._saved_at = claim.state, time.monotonic()

    def flow(self) -> Flow[float]:
        """List the streams, note what has changed, and return the seconds until the next list."""
        try:
            client = yield Connect(self._account)
        except Exception as error:
            if is_of_signal_handler(error):
                raise
            logger().error("%s: client_for failed", self._account, exc_info=error)
            return (yield from self._fail(None))
        try:
            found = yield from self._list(client)
        except LiveStreamError as error:
            logger().warning("%s: the streams were not listed: %s", self._account, error.message)
            return (yield from self._fail(getattr(error, "retry_after", None)))
        changed = yield from self._note_changes(found, client)
        hot, pause = self._plan(found, changed, client)
        for id in hot:
            yield from self._add(note(self._account, id, HOT))
        self._state.failures, self._state.is_listed = 0, True
        yield from self._save()
        return max(jittered(pause, _random.random()), found.requests / REQUESTS_PER_SECOND)

    def forget(self) -> Flow[None]:
        """Forget the account and its streams, because it is no longer watched."""
        for id in self._state.digests:
            yield from self._add(note(self._account, id, FORGET))
        yield from self._save()
        yield Use(lambda store: store.remove(self._claim.stream, self._owner))

    # -- the list ---------------------------------------------------------------------------

    def _list(self, client: Any) -> Flow[_Found]:
        at, can = client.clock.now(), client.capabilities
        lacking, filters, status = can.list_lacks, dict(self._state.filters), None
        if can[Feature.GET].support is not Support.NATIVE:
            # A stream that no longer has the status would be searched for until it is over.
            status = filters.pop("status", None)
        streams = client.list(
            **filters,
            full=bool(lacking),
            on_unreadable="collect",
            read_ahead=False,
            deadline=self._lease / 2,
        )
        found: dict[str, LiveStream] = {}
        while (stream := (yield Next(streams))) is not None:
            if status in (None, stream.status) or stream.id in self._state.digests:
                found[stream.id] = stream
            yield from self._renew()
        unreadable = [each.id for each in streams.unreadable]
        return _Found(
            streams=found,
            at=at,
            is_complete=None not in unreadable and streams.complete is not Completeness.MISMATCHED,
            unreadable=frozenset(each for each in unreadable if each),
            requests=streams.pages + (len(found) if lacking else 0),
        )

    def _note_changes(self, found: _Found, client: BaseClient) -> Flow[set[str]]:
        """Add each stream that has changed to what waits for it, and return the IDs of those."""
        known, is_first = self._state.digests, not self._state.is_listed
        changed: set[str] = set()
        if self._state.changed_at is None:
            self._state.changed_at = (found.at - _QUIET).isoformat()
        for id, stream in found.streams.items():
            digest = digest_of(stream)
            if known.get(id, "").removeprefix(_UNTOLD) == digest:
                continue
            if is_first and is_over(stream, client.capabilities):
                digest = _UNTOLD + digest
            else:
                yield from self._add(listed(self._account, stream, found.at))
            known[id] = digest
            if not is_first:
                changed.add(id)
                self._state.changed_at = found.at.isoformat()
        gone = known.keys() - found.streams.keys() - found.unreadable
        for id in sorted(gone) if found.is_complete else ():
            if not known.pop(id).startswith(_UNTOLD):
                yield from self._add(note(self._account, id, UNLISTED))
                self._state.changed_at = found.at.isoformat()
        return changed

    def _plan(
        self, found: _Found, changed: Container[str], client: BaseClient
    ) -> tuple[list[str], float]:
        """Return the streams to read by their IDs until the next list, and the pause until then."""
        now, can, poll = client.clock.now(), client.capabilities, self._poll
        last = datetime.fromisoformat(self._state.changed_at or found.at.isoformat())
        if can[Feature.GET].support is Support.NATIVE:
            quiet = min(last, found.at - _QUIET)
            hot = [
                id
                for id, stream in found.streams.items()
                if (next_read(stream, can, now, found.at if id in changed else quiet, poll) or poll)
                < poll
            ]
            if len(hot) < found.requests:
                return hot, poll
        pauses = (next_read(each, can, now, last, poll) for each in found.streams.values())
        return [], min((each for each in pauses if each is not None), default=poll)

    def _fail(self, requested: float | None) -> Flow[float]:
        pause = retry_pause(self._state.failures, requested)
        self._state.failures += 1
        yield from self._save()
        return pause

    # -- the store --------------------------------------------------------------------------

    def _add(self, waiting: Waiting) -> Flow[None]:
        yield Use(lambda store: store.add(*waiting))
        yield from self._renew()

    def _renew(self) -> Flow[None]:
        if time.monotonic() - self._saved_at > self._lease / 3:
            self._saved = None
            yield from self._save()

    def _save(self) -> Flow[None]:
        taken, self._taken = self._taken, []
        text = json.dumps(attrs.asdict(self._state))
        if text == self._saved and not taken:
            return
        claim, owner, lease = self._claim, self._owner, self._lease
        yield Use(lambda store: store.save(claim.stream, owner, text, taken, lease))
        self._saved, self._saved_at = text, time.monotonic()
