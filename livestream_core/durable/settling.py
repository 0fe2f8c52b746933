"""Find out the outcome of creates whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Generic, Protocol, TypeVar

import attrs

from .._model.stream import LiveStream, StreamSpec
from .matching import Matcher, unread_fields
from .values import ReviewCause

#: How far the vendor's clock may be behind this machine's.
CLOCK_SKEW = timedelta(minutes=5)


class Intended(Protocol):
    """A create that was, or may have been, sent.

    Attributes:
        position: What distinguishes it from the other creates.
        spec: The spec, as far as it is stored.
        intended_at: When the create was about to be sent, in seconds since 1970.
    """

    @property
    def position(self) -> Hashable: ...
    @property
    def spec(self) -> StreamSpec: ...
    @property
    def intended_at(self) -> float | None: ...
    def admits(self, stream: LiveStream) -> bool:
        """Return whether nothing else that is known rules a stream out."""
        ...


E = TypeVar("E", bound=Intended)


@attrs.frozen(slots=True, kw_only=True)
class Decision(Generic[E]):
    """What to do with creates whose outcome was unknown.

    Attributes:
        adopted: The stream that each create produced, by the entry's position.
        create: The entries whose creates were not applied and must be sent again.
        wait: Whether it is too early to decide, because the vendor may apply a create late.
        problem: Why the streams need review.
        cause: The cause in one word, if they do.
        advice: What to do about it.
    """

    adopted: Mapping[Hashable, LiveStream] = attrs.field(factory=dict)
    create: tuple[E, ...] = ()
    wait: bool = False
    problem: str = ""
    cause: ReviewCause | None = None
    advice: str = ""


def candidates(
    entries: Sequence[E],
    streams: Mapping[str, LiveStream],
    taken: frozenset[str],
    matcher: Matcher,
) -> dict[str, LiveStream]:
    """Return the streams that one of these creates may have produced.

    Args:
        entries: The creates whose outcome is unknown.
        streams: A complete list of the target.
        taken: The baseline, and the streams that belong to other creates.
        matcher: The matcher for the target.
    """
    return {
        key: stream
        for key, stream in streams.items()
        if key not in taken and any(may_be_of(entry, stream, matcher) for entry in entries)
    }


def may_be_of(entry: Intended, stream: LiveStream, matcher: Matcher) -> bool:
    """Return whether a create may have produced a stream.

    The stream matches the spec, as far as it can be read, and is not older than the create.
    """
    if not (matcher.may_be_same(entry.spec, stream) and entry.admits(stream)):
        return False
    if stream.created_at is None or entry.intended_at is None:
        return True
    return stream.created_at >= datetime.fromtimestamp(entry.intended_at, UTC) - CLOCK_SKEW


def decide(
    entries: Sequence[E],
    found: Mapping[str, LiveStream],
    matcher: Matcher,
    *,
    settled: bool,
) -> Decision[E]:
    """Decide which creates were applied.

    With k creates whose outcome is unknown and m streams that they may have produced, m creates
    were applied and k - m were not, once it is certain that no more streams will appear. If m is
    greater than k, the streams need review.

    Args:
        entries: The creates.
        found: The streams, from :func:`candidates`.
        matcher: The matcher for the target.
        settled: Whether the settle time has passed and two lists agreed.
    """
    ids = ", ".join(sorted(each.id for each in found.values()))
    if (surplus := len(found) - len(entries)) > 0:
        creates = (
            "1 create with an unknown outcome"
            if len(entries) == 1
            else f"{len(entries)} creates with unknown outcomes"
        )
        unwanted = "stream" if surplus == 1 else "streams"
        return Decision(
            problem=f"{len(found)} matching streams at the target ({ids}) for {creates}",
            cause=ReviewCause.MORE_STREAMS,
            advice=f"delete the unwanted {unwanted}",
        )
    if unread := sorted(each.id for each in found.values() if unread_fields(each)):
        return Decision(
            problem="some streams at the target may be the created one, but could not be read "
            f"completely: {', '.join(unread)}",
            cause=ReviewCause.UNREADABLE,
        )
    if vague := sorted(
        each.id
        for each in found.values()
        if not any(
            may_be_of(entry, each, matcher) and matcher.is_recognizable(entry.spec, each)
            for entry in entries
        )
    ):
        return Decision(
            problem="some streams at the target may be the created one, but show nothing to "
            f"recognize it by, such as a title or a reference: {', '.join(vague)}",
            cause=ReviewCause.NOT_RECOGNIZABLE,
            advice="delete those that you do not need",
        )
    if len(found) < len(entries) and not settled:
        return Decision(wait=True)
    matched = _match(list(found.values()), entries, partial(may_be_of, matcher=matcher))
    if matched is None:
        return Decision(
            problem=f"too many streams at the target match the same create ({ids})",
            cause=ReviewCause.MORE_STREAMS,
            advice="delete the unwanted streams",
        )
    unmatched = tuple(entry for entry in entries if entry.position not in matched)
    return Decision(adopted=matched, create=unmatched)


def _match(
    streams: Sequence[LiveStream],
    entries: Sequence[E],
    fits: Callable[[E, LiveStream], bool],
) -> dict[Hashable, LiveStream] | None:
    """Match each stream with an entry of its own that it fits, or return ``None`` if impossible."""
    matched: dict[Hashable, LiveStream] = {}

    def place(stream: LiveStream, tried: set[Hashable]) -> bool:
        for entry in entries:
            if entry.position in tried or not fits(entry, stream):
                continue
            tried.add(entry.position)
            other = matched.get(entry.position)
            if other is None or place(other, tried):
                matched[entry.position] = stream
                return True
        return False

    return matched if all(place(stream, set()) for stream in streams) else None
