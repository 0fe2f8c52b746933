"""Objects as keys, told apart by which they are."""

from __future__ import annotations


class Identity:
    """Equal for one object only, whatever the object is equal to.

    It holds the object: the ``id()`` of one that is gone is soon another's.
    """

    __slots__ = ("_held",)

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self._held is other._held

    def __hash__(self) -> int:
        return id(self._held)
