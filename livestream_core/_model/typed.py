"""The fields of a ``StreamSpec`` as keyword arguments, for type checkers.

Only a ``TypedDict`` can declare the types of ``**fields``. This module checks that the dicts have
the fields of the class; a test compares the types.
"""

# Annotations are not postponed in this module: ``Required`` would not be recognized.

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Required, TypedDict

from .._public import publish
from .fields import table
from .stream import Latency, RestreamTarget, StreamSpec


class StreamFields(TypedDict, total=False):
    """The keyword arguments of ``Client.create``: the fields of a :class:`StreamSpec`.

    The types include every form that each field accepts.
    """

    title: Required[str]
    description: str | None
    scheduled_start: datetime | str | None
    record: bool | None
    recording_drm: bool | None
    latency: Latency | str | None
    tags: Sequence[str]
    thumbnail_url: str | None
    playback_url: str | None
    restreams: Sequence[RestreamTarget]
    options: Mapping[str, Any]
    reference: str | None


class StreamChanges(TypedDict, total=False):
    """The keyword arguments of ``Client.update``: the fields to change; ``None`` clears a field."""

    title: str
    description: str | None
    scheduled_start: datetime | str | None
    record: bool | None
    recording_drm: bool | None
    latency: Latency | str | None
    tags: Sequence[str] | None
    thumbnail_url: str | None
    playback_url: str | None
    restreams: Sequence[RestreamTarget] | None
    options: Mapping[str, Any] | None
    reference: str | None


for _typed in (StreamFields, StreamChanges):
    if _differing := {*_typed.__annotations__} ^ {*table(StreamSpec)}:
        raise TypeError(
            f"{_typed.__name__} and StreamSpec differ in {', '.join(sorted(_differing))}"
        )

publish("livestream_core", [StreamChanges, StreamFields])
