"""What became of creates whose outcome nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import attrs

from ..._model.stream import LiveStream
from ..ledger.schema import instant
from ..ledger.transaction import Entry
from ..planning.matching import may_be_same, unread_fields

#: How far the vendor's clock may be behind ours.
CLOCK_SKEW = timedelta(minutes=5)


@attrs.frozen(slots=True, kw_only=True)
class Decision:
    """What follows from a listing.

    Attributes:
        adopted: The stream that each create made, by the entry's position.
        create: Those that made nothing, and are to be sent again.
        wait: Whether it is too early to tell: a vendor may carry a create out late.
        problem: Why a person is needed.
    """

    adopted: Mapping[int, LiveStream] = attrs.field(factory=dict)
    create: tuple[Entry, ...] = ()
    wait: bool = False
    problem: str = ""


def candidates(
    entries: Sequence[Entry], streams: Mapping[str, LiveStream], taken: frozenset[str]
) -> dict[str, LiveStream]:
    """Streams that one of these creates may have made.

    Args:
        entries: Creates of unknown outcome.
        streams: A whole list of the target.
        taken: The baseline, and what belongs to other streams of the ledger.
    """
    return {
        key: stream
        for key, stream in streams.items()
        if key not in taken and any(may_be_of(entry, stream) for entry in entries)
    }


def may_be_of(entry: Entry, stream: LiveStream) -> bool:
    """Whether a create may have made a stream: it is as asked for, as far as it can be read, and no
    older.
    """
    if not may_be_same(entry.spec, stream):
        return False
    if stream.created_at is None or entry.intended_at is None:
        return True
    return stream.created_at >= instant(entry.intended_at) - CLOCK_SKEW


def decide(entries: Sequence[Entry], found: Mapping[str, LiveStream], *, settled: bool) -> Decision:
    """With k creates of unknown outcome and m streams that they may have made: m of them did,
    and k - m did not, once it is certain that no more will come; more than k is for a person.

    Args:
        entries: The creates.
        found: The streams, from :func:`candidates`.
        settled: Whether the vendor was given its time, and two listings agreed.
    """
    if len(found) > len(entries):
        return Decision(
            problem=f"{len(found)} streams at the target equal {len(entries)} that may have "
            f"been created: {', '.join(sorted(each.id for each in found.values()))}"
        )
    if unread := sorted(each.id for each in found.values() if unread_fields(each)):
        return Decision(
            problem="streams at the target that may be the one that was created could not be read "
            f"whole: {', '.join(unread)}"
        )
    if len(found) < len(entries) and not settled:
        return Decision(wait=True)
    matched = _match(list(found.values()), entries, may_be_of)
    if matched is None:
        return Decision(
            problem="streams at the target equal more than were created of one kind: "
            + ", ".join(sorted(each.id for each in found.values()))
        )
    left = tuple(entry for entry in entries if entry.position not in matched)
    return Decision(adopted=matched, create=left)


def _match(
    streams: Sequence[LiveStream],
    entries: Sequence[Entry],
    fits: Callable[[Entry, LiveStream], bool],
) -> dict[int, LiveStream] | None:
    """Gives each stream an entry of its own that it fits; ``None`` where that cannot be done."""
    given: dict[int, LiveStream] = {}

    def place(stream: LiveStream, tried: set[int]) -> bool:
        for entry in entries:
            if entry.position in tried or not fits(entry, stream):
                continue
            tried.add(entry.position)
            other = given.get(entry.position)
            if other is None or place(other, tried):
                given[entry.position] = stream
                return True
        return False

    return given if all(place(stream, set()) for stream in streams) else None
