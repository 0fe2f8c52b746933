"""The fields of a ``StreamSpec`` as arguments by name, for type checkers.

Only a ``TypedDict`` can say what ``**fields`` may hold. That these have the fields of the class is
checked here; a test compares what they may hold.
"""

# Annotations are not postponed here: the classes would not see ``Required`` in them.

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Required, TypedDict

from .._public import publish
from .fields import table
from .stream import Latency, RestreamTarget, StreamSpec


class StreamFields(TypedDict, total=False):
    """What ``Client.create`` takes by name: the fields of a :class:`StreamSpec`, in every form
    that it accepts.
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


class StreamChanges(TypedDict, total=False):
    """What ``Client.update`` takes by name: the fields to change, ``None`` to clear one."""

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


for _typed in (StreamFields, StreamChanges):
    if _differing := {*_typed.__annotations__} ^ {*table(StreamSpec)}:
        raise TypeError(
            f"{_typed.__name__} and StreamSpec differ in {', '.join(sorted(_differing))}"
        )

publish("livestream_core", [StreamChanges, StreamFields])
