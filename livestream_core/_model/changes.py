"""Changes of streams, which are made of deliveries and reads."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from .._public import publish
from . import converters as c
from .fields import about, described
from .stream import LiveStream, VendorValue


class ChangeKind(StrEnum):
    """What changed."""

    STATUS_CHANGED = "status_changed"
    """The stream has another status, or is known for the first time."""
    RUN_ENDED = "run_ended"
    """A run of a reusable stream is over."""
    RECORDING_READY = "recording_ready"
    """A recording can be watched."""
    UPDATED = "updated"
    """A field other than the status changed."""
    DELETED = "deleted"
    """The stream no longer exists."""


class Source(StrEnum):
    """How a change was noticed."""

    WEBHOOK = "webhook"
    """A delivery announced it, or caused the read that showed it."""
    POLL = "poll"
    """A read showed it that no delivery had caused."""


def _kind(kind: ChangeKind | str) -> ChangeKind:
    return c.enum_of(ChangeKind, kind)


def source_of(source: Source | str) -> Source:
    """Return a source by its name."""
    return c.enum_of(Source, source)


def stream_of(stream: LiveStream | None) -> LiveStream | None:
    """Return a stream, or ``None``, and nothing else."""
    return c.instance_of(LiveStream, stream)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Change(VendorValue):
    """A change of a stream, from a tracker or a watch. The changes of a stream are in order.

    A tracker hands each one over at least once, always with the same key. The streams in it have no
    secrets: read the stream to get its key.

    Attributes:
        provider: The provider's name.
        account: The account, in the form in which it was passed to the tracker, or as
            :attr:`Client.account` has it.
        kind: What changed.
        stream_id: The stream's ID.
        stream: The stream after the change. ``None`` if it was deleted.
        previous: The stream before the change. ``None`` if it was not known.
        source: How the change was noticed.
        occurred_at: When it occurred, if a delivery says so.
        received_at: When the delivery arrived, or the stream was read.
        key: The change's own name. A change that is handed over again has the same one, and no
            other change has it, also if the stream was forgotten in between.
    """

    provider: str = attrs.field(converter=c.identifier)
    account: str = attrs.field(converter=c.identifier)
    kind: ChangeKind = attrs.field(
        converter=_kind, metadata=about(words=ChangeKind, unknown=ChangeKind.UPDATED)
    )
    stream_id: str = attrs.field(converter=c.identifier)
    stream: LiveStream | None = attrs.field(converter=stream_of, metadata=about(part=LiveStream))
    previous: LiveStream | None = attrs.field(converter=stream_of, metadata=about(part=LiveStream))
    source: Source = attrs.field(
        converter=source_of, metadata=about(words=Source, unknown=Source.POLL)
    )
    occurred_at: datetime | None = attrs.field(converter=c.optional_instant)
    received_at: datetime = attrs.field(converter=c.instant)
    key: str = attrs.field(converter=c.identifier)


publish("livestream_core.events", [Change, ChangeKind, Source])
