"""What is known about one stream, and which changes deliveries and reads make of it.

Nothing here does I/O: :func:`follow` takes what is known, what was delivered, and what was read,
and returns what is known then, with the changes that are to be handed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import attrs

from .._contract.capabilities import Capabilities
from .._model import converters as c
from .._model.changes import Change, ChangeKind, Source, source_of, stream_of
from .._model.fields import Owner, about, described, table
from .._model.status import STATUSES, Status
from .._model.stream import Event, Feature, LiveStream, RecordingStatus, VendorValue, field_of

#: The number of deliveries, and of recordings, that are remembered to recognize copies.
_REMEMBERED = 200
#: The time after which a read is believed even if :attr:`Capabilities.reads_as` says that it cannot
#: show the status: the delivery about the end of it was probably lost.
_HIDDEN_FOR = timedelta(minutes=30)
#: The reads, some time apart, that must not find a stream before it counts as deleted. A stream
#: that was just created, or is searched for in a list, may be missed once.
_READS_OF_DELETED = 2

#: The fields that change without a change of the stream.
_NEVER_COMPARED = {"id", "provider", "status", "provider_status", "updated_at", "raw", "problems"}
_FIELDS = {name: each for name, each in table(LiveStream).items() if name not in _NEVER_COMPARED}
#: The fields that a vendor changes together with the status, such as the start of a run.
_OF_VENDOR = frozenset(name for name, each in _FIELDS.items() if each.owner is Owner.VENDOR)


def _changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    return c.tuple_of(Change, changes)


def _event(event: Event | None) -> Event | None:
    return c.instance_of(Event, event)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Evidence(VendorValue):
    """A delivery, or a stream that was read, as it waits in a store.

    Attributes:
        event: What the delivery says, or the stream as read.
        source: Where it comes from.
        received_at: When it arrived, or was read.
        is_read: Whether it has all fields of the stream, as a read by the stream's ID has.
    """

    event: Event = attrs.field(converter=_event, metadata=about(part=Event))
    source: Source = attrs.field(
        converter=source_of, metadata=about(words=Source, unknown=Source.WEBHOOK)
    )
    received_at: datetime = attrs.field(converter=c.instant)
    is_read: bool = attrs.field(default=False, converter=c.flag)


def _evidence(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return c.tuple_of(Evidence, evidence)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Known(VendorValue):
    """What is known about a stream.

    Attributes:
        stream: The stream as it was last told; ``None`` if it is unknown or deleted.
        is_read: Whether its fields are those of a read, and not of a delivery, which may lack some.
        is_on_air: Whether a run of a reusable stream has begun, and has not ended.
        series: What distinguishes the keys of its changes from those before it was last forgotten;
            ``None`` before the first change.
        count: The number of changes so far.
        told_at: When the last status was true, by the vendor's clock as far as it is known.
        keys: The last deliveries.
        recordings: The recordings that have been told.
        missed: The number of reads in a row that did not find the stream.
        failures: The number of attempts in a row that failed.
        changed_at: When the last change was noticed.
        read_at: When the stream was last read.
        listed_as: The digest of what the last list of the account showed; ``None`` if the lists do
            not have the stream.
        is_hot: Whether it is read by its ID while it is likely to change, although it is listed.
        is_watched: Whether it is of an account that a watcher follows or followed, so that it is
            forgotten when the account leaves.
        must_be_read: Whether a read by its ID was asked for, so that what a list shows does not
            suffice.
        kept_until: Until when a stream that is over or deleted is remembered; ``None`` if it is not
            over, or anything has waited for it since the last read.
        waiting: The changes that have not been handed over, in order.
        evidence: The deliveries that could not be used yet.
    """

    stream: LiveStream | None = attrs.field(
        default=None, converter=stream_of, metadata=about(part=LiveStream)
    )
    is_read: bool = attrs.field(default=False, converter=c.flag)
    is_on_air: bool = attrs.field(default=False, converter=c.flag)
    series: str | None = attrs.field(default=None, converter=c.optional_text)
    count: int = attrs.field(default=0, converter=c.optional_count)
    told_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    keys: tuple[str, ...] = attrs.field(default=(), converter=c.texts)
    recordings: tuple[str, ...] = attrs.field(default=(), converter=c.texts)
    missed: int = attrs.field(default=0, converter=c.optional_count)
    failures: int = attrs.field(default=0, converter=c.optional_count)
    changed_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    read_at: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    listed_as: str | None = attrs.field(default=None, converter=c.optional_text)
    is_hot: bool = attrs.field(default=False, converter=c.flag)
    is_watched: bool = attrs.field(default=False, converter=c.flag)
    must_be_read: bool = attrs.field(default=False, converter=c.flag)
    kept_until: datetime | None = attrs.field(default=None, converter=c.optional_instant)
    waiting: tuple[Change, ...] = attrs.field(
        default=(), converter=_changes, metadata=about(part=Change)
    )
    evidence: tuple[Evidence, ...] = attrs.field(
        default=(), converter=_evidence, metadata=about(part=Evidence)
    )


@attrs.frozen(slots=True, kw_only=True)
class Read:
    """A read of a stream.

    Attributes:
        stream: The stream; ``None`` if it does not exist.
        at: When it was read.
    """

    stream: LiveStream | None
    at: datetime


@attrs.frozen(slots=True, kw_only=True)
class Subject:
    """The stream that is followed.

    Attributes:
        provider: The provider's name.
        account: The account.
        stream_id: The stream's ID.
        capabilities: What the provider can do.
        series: What distinguishes the keys of its changes from those of other followers, and from
            those that are forgotten.
    """

    provider: str
    account: str
    stream_id: str
    capabilities: Capabilities
    series: str

    def key(self, number: int) -> str:
        """Return the key of a change by its number."""
        account, stream_id = quote(self.account, safe=":"), quote(self.stream_id, safe="")
        return f"{account}/{stream_id}/{self.series}/{number}"


def follow(known: Known, subject: Subject, read: Read | None) -> Known:
    """Return what is known after some deliveries, and a read that was made after all of them.

    Deliveries about a stream that was deleted wait for a read, because they may be late, and so do
    those about a stream of which nothing is known but their status. While a read that did not find
    the stream is not confirmed, they wait for the next one.

    Args:
        known: What was known before, with the deliveries in the order in which they arrived.
        subject: The stream.
        read: The read, or ``None`` if there was none.
    """
    evidence = sorted(known.evidence, key=lambda each: each.event.occurred_at or each.received_at)
    is_unknown = known.stream is None
    if is_unknown and read is None:
        can_read = subject.capabilities.supports(Feature.GET)
        if known.count or (evidence and can_read and evidence[0].event.stream is None):
            return known
    following = _Following(attrs.evolve(known, evidence=()), subject)
    # A delivery about a stream that is unknown proves nothing if reads do not find it.
    is_lost = is_unknown and read is not None and read.stream is None
    if read is not None and is_lost and evidence and known.missed + 1 < _READS_OF_DELETED:
        following.read(read, Source.POLL)
        return attrs.evolve(following.known, evidence=known.evidence)
    caused = any(each.source is Source.WEBHOOK for each in evidence)
    for each in evidence:
        if following.remembers(each) and not is_lost and not _is_superseded(each, known, read):
            following.deliver(each, read)
    if read is not None:
        following.read(read, Source.WEBHOOK if caused else Source.POLL)
    return following.known


def listed_read(known: Known) -> Read | None:
    """Return what a list has shown as a read, unless something that is known or waits is newer."""
    newest = max(known.evidence, key=lambda each: each.received_at, default=None)
    if newest is None or not newest.is_read or _is_superseded(newest, known, None):
        return None
    return Read(stream=newest.event.stream, at=newest.received_at)


def _is_superseded(evidence: Evidence, known: Known, read: Read | None) -> bool:
    """Return whether a list shows nothing that a read has not shown, or is the read itself."""
    if not evidence.is_read:
        return False
    is_old = known.read_at is not None and evidence.received_at <= known.read_at
    return is_old or (read is not None and evidence.received_at >= read.at)


def digest_of(stream: LiveStream) -> str:
    """Return a short text that differs whenever two reads of a stream may show a change."""
    shown = without_secrets(stream)
    values = {name: repr(_compared(shown, name)) for name in ("status", *_FIELDS)}
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def is_as_listed(known: Known) -> bool:
    """Return whether the next list shows every change, because the last one showed what is known.

    A list that shows the same as the one before it adds no evidence. If something else has shown
    another state in the meantime, only a read by the ID shows that the stream has left that state.
    """
    if known.stream is None or known.listed_as is None:
        return False
    return known.listed_as == digest_of(known.stream)


def without_secrets(stream: LiveStream) -> LiveStream:
    """Return a stream as a store keeps it."""
    return LiveStream.from_dict(stream.to_dict())


class _Following:
    """What is known, while changes are added to it."""

    def __init__(self, known: Known, subject: Subject) -> None:
        self.known, self.subject = known, subject
        self._capabilities = subject.capabilities
        #: Whether a status was told.
        self._has_moved = False

    def remembers(self, evidence: Evidence) -> bool:
        """Remember a delivery, and return whether it is not a copy of an earlier one."""
        key, keys = evidence.event.key, self.known.keys
        if key is None:
            return True
        if key in keys:
            return False
        self._set(keys=(*keys, key)[-_REMEMBERED:])
        return True

    def deliver(self, evidence: Evidence, read: Read | None) -> None:
        """Tell the status that a delivery announces or shows, unless it is late."""
        event, current = evidence.event, self.known.stream
        shown, status = event.stream, event.status
        if status is None:
            if shown is None or _is_unreadable(shown, "status"):
                return
            status = self._status_after(shown.status)
        if not self._can_follow(event, current, status):
            return
        base = shown or current or (read.stream if read else None)
        if base is None:
            return
        word = base.provider_status if base is shown else None
        told = attrs.evolve(without_secrets(base), status=status, provider_status=word)
        # What is known of the other fields stays: a delivery may show fewer of them.
        kept = (
            told if current is None else attrs.evolve(current, status=status, provider_status=word)
        )
        self._tell_status(told, kept, evidence.source, event.occurred_at, evidence.received_at)

    def _can_follow(self, event: Event, current: LiveStream | None, status: Status) -> bool:
        """Return whether a delivery shows another status, and can be later than what was told."""
        if current is not None and status is current.status:
            return False
        told_at = self.known.told_at
        if event.occurred_at is not None and told_at is not None and event.occurred_at < told_at:
            return False
        # Without a time, only an impossible step shows that a delivery is late. If a vendor makes
        # such a step, a read shows it.
        return current is None or self._capabilities.can_reach(current.status, status)

    def _status_after(self, status: Status) -> Status:
        current = self.known.stream
        return (
            status if current is None else self._capabilities.status_after(current.status, status)
        )

    def read(self, read: Read, source: Source) -> None:
        """Tell what a read shows that was not told yet."""
        current = self.known.stream
        if read.stream is None:
            self._miss(read, source)
            return
        shown = without_secrets(read.stream)
        status = self._status_after(shown.status)
        told_at = self.known.told_at
        if told_at is not None and read.at - told_at > _HIDDEN_FOR:
            status = shown.status
        if current is not None and _is_unreadable(shown, "status"):
            status = current.status
        stream = attrs.evolve(shown, status=status)
        was_read, before = self.known.is_read, current
        self._set(missed=0, is_read=True, read_at=read.at)
        if current is None or current.status is not status:
            self._tell_status(stream, stream, source, None, read.at)
        else:
            self._set(stream=stream)
        has_recording = self._tell_recording(stream, before, source, read.at)
        if was_read and before is not None and self._is_updated(before, stream, has_recording):
            self._tell(ChangeKind.UPDATED, stream, before, source, None, read.at)

    def _miss(self, read: Read, source: Source) -> None:
        current = self.known.stream
        self._set(missed=self.known.missed + 1, read_at=read.at)
        if self.known.missed < _READS_OF_DELETED:
            return
        self._set(missed=0)
        if current is not None:
            self._tell(ChangeKind.DELETED, None, current, source, None, read.at)
            self._set(stream=None, is_read=False, is_on_air=False, told_at=read.at)

    def _tell_status(
        self,
        told: LiveStream,
        kept: LiveStream,
        source: Source,
        occurred_at: datetime | None,
        received_at: datetime,
    ) -> None:
        before = self.known.stream
        self._tell(ChangeKind.STATUS_CHANGED, told, before, source, occurred_at, received_at)
        # By the vendor's clock, if it says so: it may differ from this machine's.
        times = [self.known.told_at, occurred_at or told.updated_at or received_at]
        self._set(stream=kept, told_at=max(filter(None, times)))
        self._has_moved = True
        status, was_on_air = told.status, self.known.is_on_air
        if _is_on_air(status):
            self._set(is_on_air=self._capabilities.reusable)
        elif was_on_air and status is not Status.UNKNOWN:
            # A status that is not recognized may be a part of the run.
            self._set(is_on_air=False)
            self._tell(ChangeKind.RUN_ENDED, told, before, source, occurred_at, received_at)

    def _tell_recording(
        self, stream: LiveStream, before: LiveStream | None, source: Source, at: datetime
    ) -> bool:
        key = _key_of_recording(stream)
        if key is None or key in self.known.recordings:
            return False
        self._tell(ChangeKind.RECORDING_READY, stream, before, source, None, at)
        self._set(recordings=(*self.known.recordings, key)[-_REMEMBERED:])
        return True

    def _is_updated(self, before: LiveStream, stream: LiveStream, has_recording: bool) -> bool:
        ignored = {field_of(each) for each in (*before.problems, *stream.problems)}
        if self._has_moved:
            ignored |= _OF_VENDOR
        if has_recording:
            ignored.add("recording")
        return any(
            _compared(before, name) != _compared(stream, name)
            for name in _FIELDS
            if name not in ignored
        )

    def _tell(
        self,
        kind: ChangeKind,
        stream: LiveStream | None,
        previous: LiveStream | None,
        source: Source,
        occurred_at: datetime | None,
        received_at: datetime,
    ) -> None:
        subject, number = self.subject, self.known.count + 1
        change = Change(
            provider=subject.provider,
            account=subject.account,
            kind=kind,
            stream_id=subject.stream_id,
            stream=stream,
            previous=previous,
            source=source,
            occurred_at=occurred_at,
            received_at=received_at,
            key=subject.key(number),
        )
        waiting = (*self.known.waiting, change)
        self._set(series=subject.series, count=number, waiting=waiting, changed_at=received_at)

    def _set(self, **values: Any) -> None:
        self.known = attrs.evolve(self.known, **values)


def _is_on_air(status: Status) -> bool:
    facts = STATUSES[status]
    return bool(facts.aired) and not facts.over


def _is_unreadable(stream: LiveStream, name: str) -> bool:
    return any(field_of(problem) == name for problem in stream.problems)


def _compared(stream: LiveStream, name: str) -> Any:
    value = getattr(stream, name)
    if name == "ingests":
        # Some vendors issue another key with each read.
        return [attrs.evolve(each, expires_at=None) for each in value]
    return value


def _key_of_recording(stream: LiveStream) -> str | None:
    """Return what tells a recording that can be watched from the other ones of the stream."""
    recording = stream.recording
    if recording is None or recording.status is not RecordingStatus.READY:
        return None
    if recording.id is not None:
        return recording.id
    if recording.started_at is not None:
        return recording.started_at.isoformat()
    # Without the query, which may be a signature that changes with each read.
    path = urlsplit(recording.url or "").path
    return hashlib.sha256(path.encode()).hexdigest()
