"""Statuses of a live stream, and how one follows another."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import NamedTuple


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
        return other in STATUSES[self].next

    def can_reach(self, other: Status) -> bool:
        """Whether ``other`` can follow after any number of steps."""
        return other in _reachable(self)

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow, as after ENDED, CANCELLED and FAILED."""
        return not STATUSES[self].next

    @property
    def is_active(self) -> bool:
        """Whether a server exists or is being made, from STARTING to INTERRUPTED."""
        return STATUSES[self].active


class StatusFacts(NamedTuple):
    """What is said of one status, and read wherever it matters. Its label is its value.

    Attributes:
        active: Whether a server exists or is being made.
        aired: Whether it shows that an encoder has published; ``None`` if that is not known.
        over: Whether the stream can no longer be on air.
        movable: Whether a migration may move a stream in this status.
        style: How the command line prints it, as a style of rich.
        satisfies: Other statuses of which a wait ends here too.
        next: What may follow, the usual step first. Nothing follows a status that is final.
    """

    active: bool
    aired: bool | None
    over: bool
    movable: bool
    style: str
    satisfies: tuple[Status, ...]
    next: tuple[Status, ...]


_S = Status

#: What may follow every status that is not final.
FROM_ANY = (_S.ENDED, _S.FAILED, _S.UNKNOWN)


def _then(*others: Status) -> tuple[Status, ...]:
    return tuple(dict.fromkeys((*others, *FROM_ANY)))


# fmt: off
#: The table of statuses. One without a row does not import.
STATUSES: dict[Status, StatusFacts] = {
    #                           active aired  over   movable style         satisfies
    _S.SCHEDULED:   StatusFacts(False, False, False, True,  "cyan",        (),
        # A catalogue entry can be closed by hand without ever having been on air.
        _then(_S.STARTING, _S.READY, _S.LIVE, _S.CANCELLED)),
    _S.STARTING:    StatusFacts(True,  False, False, False, "yellow",      (),
        # Some vendors cannot tell a booting server from a scheduled one: SCHEDULED, then READY.
        _then(_S.READY, _S.SCHEDULED, _S.LIVE, _S.PROCESSING, _S.CANCELLED)),
    _S.READY:       StatusFacts(True,  False, False, False, "yellow",      (_S.STARTING,),
        _then(_S.LIVE, _S.INTERRUPTED, _S.PROCESSING, _S.CANCELLED)),
    _S.LIVE:        StatusFacts(True,  True,  False, False, "bold green",  (_S.STARTING, _S.READY),
        _then(_S.PROCESSING, _S.INTERRUPTED)),
    _S.INTERRUPTED: StatusFacts(True,  True,  False, False, "bold red",    (_S.STARTING, _S.READY),
        _then(_S.LIVE, _S.PROCESSING)),
    _S.PROCESSING:  StatusFacts(False, True,  True,  False, "magenta",     (), _then(_S.ENDED)),
    _S.ENDED:       StatusFacts(False, True,  True,  False, "",            (_S.PROCESSING,), ()),
    _S.CANCELLED:   StatusFacts(False, False, True,  False, "",            (), ()),
    _S.FAILED:      StatusFacts(False, False, True,  False, "bold red",    (), ()),
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
def _reachable(status: Status) -> frozenset[Status]:
    # UNKNOWN is no step of a life but a gap in our knowledge: a path through it proves nothing.
    found: set[Status] = set()
    todo = [status]
    while todo:
        for following in STATUSES[todo.pop()].next:
            if following not in found:
                found.add(following)
                if following is not Status.UNKNOWN:
                    todo.append(following)
    return frozenset(found)
