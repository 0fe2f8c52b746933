"""What is installed, from the metadata of packages: nothing of theirs is imported."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint


class Point:
    """An entry point, and the distribution that has it. Its metadata are read once: they hold
    the whole README of the package, so they are slow to read.
    """

    def __init__(self, point: EntryPoint, distribution: Distribution) -> None:
        self._point, self._distribution = point, distribution
        self.name: str = point.name
        self.value: str = point.value

    @cached_property
    def _metadata(self) -> Any:
        return self._distribution.metadata

    @property
    def distribution(self) -> str:
        """The distribution's name."""
        return str(self._metadata["Name"])

    @property
    def version(self) -> str:
        """The distribution's version."""
        return str(self._metadata["Version"])

    def load(self) -> Any:
        """Imports what it names."""
        return self._point.load()


def installed(*groups: str) -> tuple[list[Point], ...]:
    """The entry points of each group; of distributions with one name, the first on the path. One
    whose metadata cannot be read is passed over.
    """
    found: dict[str, list[Point]] = {group: [] for group in groups}
    seen: set[str] = set()
    for _, read in _distributions(groups):
        if isinstance(read, Exception) or not read:
            continue
        if (name := normal(read[0][1].distribution)) in seen:
            continue
        seen.add(name)
        for group, point in read:
            found[group].append(point)
    return tuple(found.values())


def unreadable(*groups: str) -> dict[str, str]:
    """Where the distributions are whose metadata cannot be read, each with the reason: any of them
    may have entry points of these groups.
    """
    return {
        # Its name may be what cannot be read.
        str(getattr(distribution, "_path", distribution)): f"{type(read).__name__}: {read}"
        for distribution, read in _distributions(groups)
        if isinstance(read, Exception)
    }


def _distributions(
    groups: Collection[str],
) -> Iterator[tuple[Distribution, list[tuple[str, Point]] | Exception]]:
    # Not needed before the first client, and as slow to import as half of this library.
    from importlib.metadata import distributions

    for distribution in distributions():
        try:
            yield distribution, _points(distribution, groups)
        except Exception as error:  # somebody else's files: nothing is known about what is in them
            yield distribution, error


def _points(distribution: Distribution, groups: Collection[str]) -> list[tuple[str, Point]]:
    text = distribution.read_text("entry_points.txt")
    # Nearly all distributions have none of ours, and to parse theirs takes the longest.
    if not text or not any(group in text for group in groups):
        return []
    points = [
        (point.group, Point(point, distribution))
        for point in distribution.entry_points
        if point.group in groups
    ]
    for _, point in points:
        _ = point.distribution, point.version  # read now, so that it fails here if it does
    return points


def normal(name: str) -> str:
    """A distribution's name in the spelling by which two are compared."""
    return name.lower().replace("_", "-").replace(".", "-")
