"""Faults planted in the adapters by two reviewers who had not read the conformance kit.

Each module has ``FAULTS``: small mistakes as authors of adapters make them. The rate at which the
kit finds them is a measure of the kit.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

#: The vendors in whose adapters faults are planted.
VENDORS = ("tpstreams", "tktchurch", "videosdk", "mux")


class Fault(NamedTuple):
    """A mistake in the source of an adapter.

    Attributes:
        name: A name of the fault, unique for its vendor.
        old: The text that it replaces, which occurs exactly once.
        new: The text with the mistake.
        why: What a user of the adapter sees.
        caught_by: The area and the test of the kit that must find it.
        unknowable: Why no test of the kit can find it; empty if one does.
        missed: What a test that finds it could look at, if there is none yet.
        was_caught: Whether the kit found it when it was planted.
        file: The file of the adapter's package that has the text.
    """

    name: str
    old: str
    new: str
    why: str
    caught_by: str = ""
    unknowable: str = ""
    missed: str = ""
    was_caught: bool = False
    file: str = "adapter.py"


def faults_of(vendor: str) -> Sequence[Fault]:
    """Return the faults that are planted in the adapter of a vendor."""
    found: Sequence[Fault] = import_module(f"{__name__}.{vendor}").FAULTS
    return found


def rates() -> list[tuple[str, int, int, int]]:
    """Return for each vendor how many faults were found at first, are found now, and exist."""
    return [
        (
            vendor,
            sum(fault.was_caught for fault in faults),
            sum(bool(fault.caught_by) for fault in faults),
            len(faults),
        )
        for vendor in VENDORS
        for faults in [faults_of(vendor)]
    ]


def apply(fault: Fault, source: str) -> str:
    """Return the source with the fault in it.

    Raises:
        ValueError: If the text that the fault replaces does not occur exactly once.
    """
    if (count := source.count(fault.old)) != 1:
        raise ValueError(f"{fault.name}: the old text occurs {count} times")
    return source.replace(fault.old, fault.new)
