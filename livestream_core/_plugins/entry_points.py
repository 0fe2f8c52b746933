"""The installed entry points, read from package metadata without importing the packages."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint


class Point:
    """An entry point with its distribution.

    The metadata is read only once, because it contains the README of the package and is slow to
    read.
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
        """Import and return the object that the entry point refers to."""
        return self._point.load()


def installed(*groups: str) -> tuple[list[Point], ...]:
    """Return the entry points of each group.

    Of distributions with the same name, the first one on the path counts. Distributions whose
    metadata cannot be read are skipped.
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
    """Return the paths of distributions whose metadata cannot be read, each with the reason.

    Any of them may have entry points of these groups.
    """
    return {
        # The unreadable part may be the name.
        str(getattr(distribution, "_path", distribution)): f"{type(read).__name__}: {read}"
        for distribution, read in _distributions(groups)
        if isinstance(read, Exception)
    }


def _distributions(
    groups: Collection[str],
) -> Iterator[tuple[Distribution, list[tuple[str, Point]] | Exception]]:
    # Not needed before the first client, and half as slow to import as this library.
    from importlib.metadata import distributions

    for distribution in distributions():
        try:
            yield distribution, _points(distribution, groups)
        except Exception as error:  # files of other packages can contain anything
            yield distribution, error


def _points(distribution: Distribution, groups: Collection[str]) -> list[tuple[str, Point]]:
    text = distribution.read_text("entry_points.txt")
    # Nearly all distributions have no such entry points, and parsing them is the slowest step.
    if not text or not any(group in text for group in groups):
        return []
    points = [
        (point.group, Point(point, distribution))
        for point in distribution.entry_points
        if point.group in groups
    ]
    for _, point in points:
        _ = point.distribution, point.version  # read now, so that a failure happens here
    return points


def normal(name: str) -> str:
    """Return the normal form of a distribution's name, by which two names are compared."""
    return name.lower().replace("_", "-").replace(".", "-")
