"""Statuses of a live stream, and how one follows another."""

from __future__ import annotations

from enum import StrEnum
from functools import cache


class Status(StrEnum):
    """Where a live stream is in its life. Values are the lower-case names."""

    SCHEDULED = "scheduled"
    """Announced; no server yet."""
    STARTING = "starting"
    """A server is being made."""
    READY = "ready"
    """An encoder may connect."""
    LIVE = "live"
    """On air."""
    INTERRUPTED = "interrupted"
    """The encoder is lost and may come back."""
    PROCESSING = "processing"
    """Over; the recording is being made."""
    ENDED = "ended"
    """Over, and nothing more happens."""
    CANCELLED = "cancelled"
    """Called off before it was on air."""
    FAILED = "failed"
    """The vendor reports an error; the stream will not go on."""
    UNKNOWN = "unknown"
    """The vendor used a word that is not known here; it is in ``provider_status``."""

    def can_become(self, other: Status) -> bool:
        """Whether a stream in this status may be seen in ``other`` next.

        It describes how streams move, and never overrules what a vendor reports. A status does
        not become itself.
        """
        return other in _NEXT[self]

    def can_reach(self, other: Status) -> bool:
        """Whether ``other`` can follow after any number of steps."""
        return other in _reachable(self)

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow, as after ENDED, CANCELLED and FAILED."""
        return self in FINAL

    @property
    def is_active(self) -> bool:
        """Whether a server exists or is being made, from STARTING to INTERRUPTED."""
        return self in _ACTIVE


_S = Status
FINAL = frozenset({_S.ENDED, _S.CANCELLED, _S.FAILED})
_ACTIVE = frozenset({_S.STARTING, _S.READY, _S.LIVE, _S.INTERRUPTED})

_NEXT: dict[Status, frozenset[Status]] = {
    # A catalogue entry can be closed by hand without ever having been on air.
    _S.SCHEDULED: frozenset(
        {_S.STARTING, _S.READY, _S.LIVE, _S.ENDED, _S.CANCELLED, _S.FAILED, _S.UNKNOWN}
    ),
    # Some vendors cannot tell a booting server from a scheduled one: STARTING, SCHEDULED, READY.
    _S.STARTING: frozenset(
        {
            _S.SCHEDULED,
            _S.READY,
            _S.LIVE,
            _S.PROCESSING,
            _S.ENDED,
            _S.CANCELLED,
            _S.FAILED,
            _S.UNKNOWN,
        }
    ),
    _S.READY: frozenset(
        {
            _S.LIVE,
            _S.INTERRUPTED,
            _S.PROCESSING,
            _S.ENDED,
            _S.CANCELLED,
            _S.FAILED,
            _S.UNKNOWN,
        }
    ),
    _S.LIVE: frozenset({_S.INTERRUPTED, _S.PROCESSING, _S.ENDED, _S.FAILED, _S.UNKNOWN}),
    _S.INTERRUPTED: frozenset({_S.LIVE, _S.PROCESSING, _S.ENDED, _S.FAILED, _S.UNKNOWN}),
    _S.PROCESSING: frozenset({_S.ENDED, _S.FAILED, _S.UNKNOWN}),
    _S.ENDED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.FAILED: frozenset(),
    _S.UNKNOWN: frozenset(set(Status) - {_S.UNKNOWN}),
}

_MET_BY: dict[Status, frozenset[Status]] = {
    _S.STARTING: frozenset({_S.STARTING, _S.READY, _S.LIVE, _S.INTERRUPTED}),
    _S.READY: frozenset({_S.READY, _S.LIVE, _S.INTERRUPTED}),
    _S.PROCESSING: frozenset({_S.PROCESSING, _S.ENDED}),
}


def met_by(wanted: Status) -> frozenset[Status]:
    """The statuses that satisfy somebody who waits for ``wanted``."""
    return _MET_BY.get(wanted, frozenset({wanted}))


@cache
def _reachable(status: Status) -> frozenset[Status]:
    # UNKNOWN is no step of a life but a gap in our knowledge: a path through it proves nothing.
    found: set[Status] = set()
    todo = [status]
    while todo:
        for following in _NEXT[todo.pop()]:
            if following not in found:
                found.add(following)
                if following is not Status.UNKNOWN:
                    todo.append(following)
    return frozenset(found)
