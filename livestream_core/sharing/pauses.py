"""Pauses that vendors ask for: no request starts in one, and after it, one at a time probes.

A request that was sent before a pause may be refused at any time, also while another one probes. So
a pause can become longer during a probe, and only a success after its end ends it.

These are the rules. Limiters keep the pauses, in a process or in Redis; ledgers keep those of a
migration. All times are seconds by one clock.
"""

from __future__ import annotations

import attrs

from .._contract.transport import Turn

#: If a vendor refuses again without asking for a pause, the next pause is as long as all of them so
#: far, at least and at most this number of seconds.
_SHORTEST_GROWN, _LONGEST_GROWN = 0.25, 10.0
#: How soon to ask again while another request probes, in seconds.
_WHILE_PROBED = 0.05


def grown(waited: float) -> float:
    """Return the next pause after several that were not enough, from the time they took."""
    return min(max(waited, _SHORTEST_GROWN), _LONGEST_GROWN)


@attrs.frozen(slots=True)
class Pause:
    """A pause of an account. It lasts until a request has succeeded, not only until its end.

    Attributes:
        since: When the vendor first refused a request.
        until: When the next request may be sent.
        probed_until: When the request that probes has certainly ended; 0 if there is none.
    """

    since: float
    until: float
    probed_until: float = 0.0


def turn(pause: Pause | None, now: float, seconds: float) -> tuple[Pause | None, Turn]:
    """Return whether a request may be sent, with the pause afterward.

    Args:
        pause: The account's pause, if there is one.
        now: The current time.
        seconds: How long the request may take.
    """
    if pause is None:
        return None, Turn()
    if now < pause.until:
        return pause, Turn(pause.until - now, is_paused=True)
    if now < pause.probed_until:
        return pause, Turn(min(_WHILE_PROBED, pause.probed_until - now))
    return attrs.evolve(pause, probed_until=now + seconds), Turn(is_probe=True)


def held(pause: Pause | None, now: float, asked: float) -> Pause:
    """Return the pause after the vendor has refused a request.

    Args:
        pause: The pause before that, if there was one. If a request probes, it still does.
        now: The current time.
        asked: The seconds for which the vendor asks; 0 if it does not say.
    """
    if pause is None:
        return Pause(now, now + asked)
    if not asked and now >= pause.until:
        asked = grown(now - pause.since)
    return attrs.evolve(pause, until=max(pause.until, now + asked))


def settled(pause: Pause | None, now: float, *, answered: bool) -> Pause | None:
    """Return the pause after a request that probed.

    Args:
        pause: The pause before that, if there was one.
        now: The current time.
        answered: Whether the request succeeded. That ends the pause, unless the vendor has asked
            for a longer one meanwhile.
    """
    if pause is None or (answered and now >= pause.until):
        return None
    return attrs.evolve(pause, probed_until=0.0)
