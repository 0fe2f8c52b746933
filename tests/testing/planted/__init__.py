"""Faults planted in the adapters by a reviewer who had not read the conformance kit.

Each module has ``FAULTS``: small mistakes as authors of adapters make them. The rate at which the
kit finds them is a measure of the kit.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """A mistake in the source of an adapter.

    Attributes:
        name: A name of the fault, unique for its vendor.
        old: The text that it replaces, which occurs exactly once.
        new: The text with the mistake.
        why: What a user of the adapter sees.
    """

    name: str
    old: str
    new: str
    why: str


def apply(fault: Fault, source: str) -> str:
    """Return the source with the fault in it.

    Raises:
        ValueError: If the text that the fault replaces does not occur exactly once.
    """
    if (count := source.count(fault.old)) != 1:
        raise ValueError(f"{fault.name}: the old text occurs {count} times")
    return source.replace(fault.old, fault.new)
