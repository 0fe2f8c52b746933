"""Keys that compare objects by identity."""

from __future__ import annotations


class Identity:
    """A key that is equal only for the same object.

    It keeps the object alive, because the ``id()`` of a deleted object may be reused.
    """

    __slots__ = ("_held",)

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self._held is other._held

    def __hash__(self) -> int:
        return id(self._held)
