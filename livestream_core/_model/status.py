"""The statuses of a live stream and the transitions between them."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import NamedTuple


class Status(StrEnum):
    """The status of a live stream. The values are the names in lower case."""

    SCHEDULED = "scheduled"
    """The stream is announced and has no server yet."""
    STARTING = "starting"
    """The server is being started."""
    READY = "ready"
    """An encoder can connect."""
    LIVE = "live"
    """The encoder's video is reaching viewers."""
    INTERRUPTED = "interrupted"
    """The encoder has disconnected and may reconnect."""
    PROCESSING = "processing"
    """The stream has ended, and the recording is being processed."""
    ENDED = "ended"
    """The stream has ended, and its status will not change again."""
    CANCELLED = "cancelled"
    """The stream was canceled before it went live."""
    FAILED = "failed"
    """The vendor reports an error, and the stream will not continue."""
    DISABLED = "disabled"
    """The vendor refuses encoders until the stream is enabled again."""
    UNKNOWN = "unknown"
    """The vendor's status is not known to the adapter. It is in ``provider_status``."""

    def can_become(self, other: Status) -> bool:
        """Return whether ``other`` may directly follow this status.

        This describes the usual transitions of a stream that is live once. For the streams of a
        provider, which may be reusable, ask :meth:`Capabilities.can_become`. It never overrides
        what a vendor reports. A status cannot become itself.
        """
        return other in following(self)

    def can_reach(self, other: Status) -> bool:
        """Return whether ``other`` can follow after any number of transitions.

        A path through UNKNOWN or DISABLED does not count: neither is a step of a stream's life.
        """
        return other in reachable(self)

    @property
    def is_final(self) -> bool:
        """Whether no other status can follow: true for ENDED, CANCELLED, and FAILED.

        A reusable stream can be live again after ENDED.
        """
        return not following(self)

    @property
    def is_active(self) -> bool:
        """Whether a server exists or is being started: true from STARTING to INTERRUPTED."""
        return STATUSES[self].active


class StatusFacts(NamedTuple):
    """The facts about one status. Its label is its value.

    Attributes:
        active: Whether a server exists or is being started.
        aired: Whether an encoder has published, or ``None`` if that is not known.
        over: Whether the stream can no longer be live.
        movable: Whether a migration may move a stream with this status.
        style: The rich style that the command line prints it in.
        satisfies: The other statuses for which a wait also ends at this status.
        next: The statuses that may follow, the usual one first. Empty for a final status.
    """

    active: bool
    aired: bool | None
    over: bool
    movable: bool
    style: str
    satisfies: tuple[Status, ...]
    next: tuple[Status, ...]


_S = Status

#: The statuses that may follow every status that is not final.
FROM_ANY = (_S.ENDED, _S.FAILED, _S.UNKNOWN)


def _then(*others: Status) -> tuple[Status, ...]:
    return tuple(dict.fromkeys((*others, *FROM_ANY)))


# fmt: off
#: The table of statuses. If a status has no row, the import fails.
STATUSES: dict[Status, StatusFacts] = {
    #                           active aired  over   movable style         satisfies
    _S.SCHEDULED:   StatusFacts(False, False, False, True,  "cyan",        (),
        # A catalog entry can be closed manually without ever having been live.
        _then(_S.STARTING, _S.READY, _S.LIVE, _S.CANCELLED)),
    _S.STARTING:    StatusFacts(True,  False, False, False, "yellow",      (),
        # Some vendors report SCHEDULED while the server boots, and then READY.
        _then(_S.READY, _S.SCHEDULED, _S.LIVE, _S.PROCESSING, _S.CANCELLED)),
    _S.READY:       StatusFacts(True,  False, False, False, "yellow",      (_S.STARTING,),
        _then(_S.LIVE, _S.INTERRUPTED, _S.PROCESSING, _S.CANCELLED, _S.DISABLED)),
    _S.LIVE:        StatusFacts(True,  True,  False, False, "bold green",  (_S.STARTING, _S.READY),
        _then(_S.PROCESSING, _S.INTERRUPTED, _S.DISABLED)),
    _S.INTERRUPTED: StatusFacts(True,  True,  False, False, "bold red",    (_S.STARTING, _S.READY),
        _then(_S.LIVE, _S.PROCESSING, _S.DISABLED)),
    _S.PROCESSING:  StatusFacts(False, True,  True,  False, "magenta",     (), _then(_S.ENDED)),
    _S.ENDED:       StatusFacts(False, True,  True,  False, "",            (_S.PROCESSING,), ()),
    _S.CANCELLED:   StatusFacts(False, False, True,  False, "",            (), ()),
    _S.FAILED:      StatusFacts(False, False, True,  False, "bold red",    (), ()),
    _S.DISABLED:    StatusFacts(False, None,  False, False, "dim",         (), _then(_S.READY)),
    _S.UNKNOWN:     StatusFacts(False, None,  False, False, "red",         (),
        tuple(each for each in Status if each is not _S.UNKNOWN)),
}
# fmt: on
if _missing := [each.name for each in Status if each not in STATUSES]:
    raise TypeError(f"the table of statuses has no row for {', '.join(_missing)}")


@cache
def satisfied_by(wanted: Status) -> frozenset[Status]:
    """Return the statuses that satisfy a wait for ``wanted``."""
    return frozenset(
        each for each in Status if each is wanted or wanted in STATUSES[each].satisfies
    )


@cache
def following(status: Status, *, reusable: bool = False) -> tuple[Status, ...]:
    """Return the statuses that may directly follow, the usual one first.

    A reusable stream becomes READY again after each run, so every status of a run leads there, and
    even ENDED is not final.
    """
    facts = STATUSES[status]
    if not (reusable and facts.aired):
        return facts.next
    return tuple(
        dict.fromkeys(each for each in (*facts.next, *_then(_S.READY)) if each is not status)
    )


@cache
def reachable(status: Status, *, reusable: bool = False) -> frozenset[Status]:
    """Return the statuses that may follow after any number of transitions."""
    found: set[Status] = set()
    todo = [status]
    while todo:
        for other in following(todo.pop(), reusable=reusable):
            if other not in found:
                found.add(other)
                if other not in (Status.UNKNOWN, Status.DISABLED):
                    todo.append(other)
    return frozenset(found)
