"""The installed entry points, read from package metadata without importing the packages."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

#: When a file was written, its size, and its number.
_State: TypeAlias = tuple[int, int, int]


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


#: The entry points that were read, with the state of the files then, by the metadata's folder and
#: the groups. To find that a file has not changed takes a tenth of the time of reading it.
_known: dict[tuple[str, Collection[str]], tuple[list[_State], list[tuple[str, Point]]]] = {}


def _points(distribution: Distribution, groups: Collection[str]) -> list[tuple[str, Point]]:
    path = getattr(distribution, "_path", None)
    if not isinstance(path, os.PathLike):
        return _read(distribution, groups)  # from an archive, or from a finder of another kind
    folder = os.fspath(path)
    try:
        state = _state(f"{folder}/entry_points.txt")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    known = _known.get((folder, groups))
    if known is None or known[0] != [state, *_states_of_names(folder, known[1])]:
        points = _read(distribution, groups)
        known = _known[folder, groups] = [state, *_states_of_names(folder, points)], points
    return known[1]


def _states_of_names(folder: str, points: list[tuple[str, Point]]) -> Iterator[_State]:
    """Yield the states of the files that may contain the name, if there are entry points."""
    for file in ("METADATA", "PKG-INFO") if points else ():
        with suppress(FileNotFoundError):
            yield _state(f"{folder}/{file}")


def _state(path: str) -> _State:
    """Return what changes when a file is written again."""
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(distribution: Distribution, groups: Collection[str]) -> list[tuple[str, Point]]:
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
