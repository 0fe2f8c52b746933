"""The parameters of API v2, as its reference and the vendor's server SDK have them.

The emulator refuses every other parameter, and every value of another type: no document says that
the API ignores them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from livestream_core.emulator import Request
from livestream_videosdk.account import Fields, Refused, is_number, is_text, json_body

#: "HTTPS endpoint (≤512 chars)".
_LONGEST_ENDPOINT = 512

#: The types of webhook deliveries that this emulator sends.
EVENTS: tuple[str, ...] = (
    *("participant-joined", "participant-left", "session-started", "session-ended"),
    *(
        f"{kind}-{state}"
        for kind, states in {
            "recording": ("starting", "started", "stopping", "stopped", "failed"),
            "livestream": ("starting", "started", "stopping", "stopped", "failed"),
            "hls": ("starting", "started", "playable", "stopping", "stopped", "failed"),
        }.items()
        for state in states
    ),
)


@attrs.frozen
class Rule:
    """What a value must be, in words and as a predicate."""

    words: str
    holds: Callable[[Any], bool]


def one_of(*words: str) -> Rule:
    """Return the rule for an enumeration."""
    return Rule(f"one of {', '.join(words)}", lambda value: value in words)


def _between(low: float, high: float) -> Rule:
    return Rule(
        f"a number from {low} to {high}", lambda value: is_number(value) and low <= value <= high
    )


def _address(*schemes: str, longest: int = 2048) -> Rule:
    def holds(value: Any) -> bool:
        if not is_text(value) or len(value) > longest:
            return False
        try:
            parts = urlsplit(value)
        except ValueError:
            return False
        return parts.scheme in schemes and bool(parts.hostname)

    return Rule(f"a URL ({', '.join(schemes)}) of at most {longest} characters", holds)


def covers(pattern: str, event: str) -> bool:
    """Return whether a subscription such as ``session*`` covers an event."""
    if pattern.endswith("*"):
        return event.startswith(pattern[:-1])
    return pattern == event


TEXT = Rule("a string that is not empty", is_text)
FLAG = Rule("a boolean", lambda value: isinstance(value, bool))
_OBJECT = Rule("an object", lambda value: isinstance(value, dict))
_POSITIVE = Rule("a positive number", lambda value: is_number(value) and value > 0)
_ENDPOINT = _address("https", longest=_LONGEST_ENDPOINT)
_EVENT = Rule(
    "an event, or a pattern such as session*",
    lambda value: is_text(value) and any(covers(value, each) for each in EVENTS),
)

# A table has the shape of each field: a rule, another table, or a list with the shape of the items.
# A name that ends with "!" is required.
_SUMMARY = {"enabled": FLAG, "prompt": TEXT}
_TRANSCRIPTION = {"enabled": FLAG, "summary": _SUMMARY}


def _config(grid: int, priority: str) -> Fields:
    """Return the shape of a composition, with the largest grid."""
    return {
        "layout": {
            "type!": one_of("GRID", "SPOTLIGHT", "SIDEBAR"),
            priority: one_of("SPEAKER", "PIN"),
            "gridSize": _between(0, grid),
        },
        "orientation": one_of("landscape", "portrait"),
        "theme": one_of("DARK", "LIGHT", "DEFAULT"),
        "mode": one_of("video-and-audio", "audio"),
        "quality": one_of("low", "med", "high", "ultra"),
    }


#: "HLS and RTMP require a priority when a layout is present."
_HLS = {
    "templateUrl": _address("https"),
    "config": {**_config(25, "priority!"), "recording": {"enabled": FLAG}},
    "transcription": _TRANSCRIPTION,
    "summary": _SUMMARY,
    "webhookUrl": _ENDPOINT,
    "recording": _OBJECT,
    "resourceId": TEXT,
}
_RECORDING = {
    "templateUrl": _address("https"),
    "config": _config(25, "priority"),
    "transcription": _TRANSCRIPTION,
    "summary": _SUMMARY,
    "webhookUrl": _ENDPOINT,
    "awsDirPath": TEXT,
    "fileFormat": one_of("mp4", "webm"),
    "onFailure": {"action!": one_of("close-room"), "waitTime": _between(0, 150)},
    "preSignedUrl": _address("https"),
    "resourceId": TEXT,
}
_RTMP = {
    "outputs!": [{"url!": _address("rtmp", "rtmps"), "streamKey!": TEXT}],
    "templateUrl": _address("https"),
    "config": _config(4, "priority!"),
    "transcription": _TRANSCRIPTION,
    "resourceId": TEXT,
}
START: Mapping[str, Fields] = {"hls": _HLS, "recordings": _RECORDING, "livestreams": _RTMP}
END = {"roomId!": TEXT, "id": TEXT}

ROOM = {
    "customRoomId": TEXT,
    "webhook": {"endPoint!": _ENDPOINT, "events!": [_EVENT]},
    "autoCloseConfig": {
        "type": one_of("session-ends", "session-end-and-deactivate"),
        "duration": _POSITIVE,
    },
    "autoStartConfig": {
        "hls": {**_HLS, "config": _config(4, "priority!")},
        "recording": {**_RECORDING, "config": _config(4, "priority!")},
        "composite": _OBJECT,
    },
    "geoFence": TEXT,
    "multiComposition": {"recording": FLAG, "hls": FLAG, "rtmp": FLAG},
    "allowedParticipantIds": [TEXT],
}
UPDATE = {"status!": one_of("enabled", "disabled")}
DEACTIVATE = {"roomId!": TEXT}
END_SESSION = {"roomId!": TEXT, "sessionId": TEXT, "vsdkForceKill": FLAG, "ignoreClosed": FLAG}
CAPTURE = {
    "roomId!": TEXT,
    "time": _between(0, 86_400),
    "width": _POSITIVE,
    "height": _POSITIVE,
    "format": one_of("jpg", "png", "webp"),
}

_PAGES = ("page", "perPage")
#: The names that the query of each list may have.
QUERY: Mapping[str, tuple[str, ...]] = {
    "rooms": (*_PAGES, "query"),
    "sessions": (
        *(*_PAGES, "query", "roomId", "customRoomId"),
        *("startDate", "endDate", "status"),
    ),
    "hls": (*_PAGES, "query", "roomId", "sessionId"),
    "livestreams": (*_PAGES, "query", "roomId", "sessionId"),
    "recordings": (*_PAGES, "query", "roomId", "sessionId", "withTranscription"),
}


def checked_body(request: Request, shape: Fields) -> Fields:
    """Return the body of a request.

    Raises:
        Refused: If it does not have a shape.
    """
    body = json_body(request)
    _check(body, shape, "")
    for config in _configs(body):
        # "A layout is required whenever any other composition option is present."
        if "layout" not in config and config.keys() - {"mode", "recording"}:
            raise Refused(400, '"config.layout" is required')
    return body


def _configs(body: Fields) -> list[Fields]:
    started = body.get("autoStartConfig", {})
    owners = [body, started.get("hls", {}), started.get("recording", {})]
    return [each["config"] for each in owners if "config" in each]


def _check(value: Any, shape: Any, at: str) -> None:
    if isinstance(shape, Rule):
        if not shape.holds(value):
            raise Refused(400, f'"{at}" must be {shape.words}')
    elif isinstance(shape, list):
        if not isinstance(value, list) or not value:
            raise Refused(400, f'"{at}" must be an array that is not empty')
        for number, each in enumerate(value):
            _check(each, shape[0], f"{at}[{number}]")
    elif not isinstance(value, dict):
        raise Refused(400, f'"{at}" must be an object')
    else:
        _check_fields(value, shape, f"{at}." if at else "")


def _check_fields(value: Fields, shape: Fields, at: str) -> None:
    shapes = {name.rstrip("!"): each for name, each in shape.items()}
    for name in shape:
        if name.endswith("!") and name[:-1] not in value:
            raise Refused(400, f'"{at}{name[:-1]}" is required')
    for name, each in value.items():
        if name not in shapes:
            raise Refused(400, f'"{at}{name}" is not allowed')
        _check(each, shapes[name], at + name)


def check_query(request: Request, names: tuple[str, ...], required: tuple[str, ...] = ()) -> None:
    """Check the names in the query of a request.

    Raises:
        Refused: If one is unknown, repeated, missing, or empty.
    """
    for name, values in request.args.lists():
        if name not in names:
            raise Refused(400, f'"{name}" is not allowed')
        if len(values) > 1 or not values[0]:
            raise Refused(400, f'"{name}" must be one value')
    for name in required:
        if name not in request.args:
            raise Refused(400, f'"{name}" is required')
