"""An emulated Mux on loopback with one SDK, and what both must agree on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import attrs

from livestream_core.emulator import Emulator, LoggedRequest
from livestream_mux.emulator import MuxEmulator

from .operations import BY_NAME, MUX, Operation
from .sdks import NodeSDK, PythonSDK

TARGET = {"url": "rtmp://live.example.com/app", "stream_key": "abcdefgh", "passthrough": "One"}
#: Every parameter that the emulator knows, except for the deprecated ones and ``test``.
CREATE: Mapping[str, Any] = {
    "playback_policies": ["public", "signed"],
    "advanced_playback_policies": [{"policy": "drm", "drm_configuration_id": "abc"}],
    "new_asset_settings": {
        "playback_policies": ["public"],
        "passthrough": "asset",
        "master_access": "temporary",
        "video_quality": "plus",
        "meta": {"title": "Recording", "creator_id": "me", "external_id": "1"},
    },
    "reconnect_window": 30,
    "use_slate_for_standard_latency": True,
    "reconnect_slate_url": "https://images.example/slate.png",
    "passthrough": "lesson 1, “Köln” 😀",
    "audio_only": True,
    "latency_mode": "standard",
    "max_continuous_duration": 1200,
    "meta": {"title": "Lesson 1, “Köln” 😀"},
    "simulcast_targets": [TARGET, {"url": "srt://live.example.com:1234"}],
    "generated_subtitles": [{"name": "English", "language_code": "en", "passthrough": "x"}],
    "embedded_subtitles": [
        {"name": "Deutsch", "language_code": "de", "language_channel": "cc1", "passthrough": "x"}
    ],
}
UPDATE: Mapping[str, Any] = {
    "latency_mode": "low",
    "max_continuous_duration": 600,
    "meta": {"title": "Another"},
    "new_asset_settings": {"master_access": "none", "video_quality": "premium"},
    "passthrough": "another",
    "reconnect_slate_url": "https://images.example/another.png",
    "reconnect_window": 12.5,
    "use_slate_for_standard_latency": False,
}


@attrs.frozen
class Bench:
    """An emulator that serves on loopback, and the SDK that judges it."""

    emulator: MuxEmulator
    origin: str
    sdk: PythonSDK | NodeSDK

    def call(self, operation: str, *ids: str, **arguments: Any) -> Any:
        """Let the SDK carry out an operation, and return its view."""
        return self.sdk.call(self.origin, self.emulator.options(), operation, *ids, **arguments)

    def made(self, **body: Any) -> str:
        """Let the SDK create a stream, and return its ID."""
        return str(self.call("create", body=body)["id"])

    def recorded(self) -> tuple[str, str]:
        """Return the IDs of a stream that was on air for ninety seconds, and of its asset."""
        id = self.made(latency_mode="low", new_asset_settings={"playback_policies": ["public"]})
        self.emulator.connect_encoder(id)
        self.emulator.clock.advance(90)
        self.emulator.drop_encoder(id)
        self.emulator.finish_recording(id)
        return id, self.emulator.shown(id)["recent_asset_ids"][-1]


@contextmanager
def serving(emulator: MuxEmulator, sdk: PythonSDK | NodeSDK) -> Iterator[Bench]:
    """Serve an emulator for an SDK."""
    with emulator.serve() as origin:
        yield Bench(emulator, origin, sdk)


def differences(left: Any, right: Any, at: str = "", *, added: bool = False) -> list[str]:
    """Return the paths at which two pieces of JSON differ, in values, names, or types.

    With ``added``, the right one may have more names.
    """
    if isinstance(left, dict) and isinstance(right, dict):
        names = [*left, *(name for name in right if name not in left and not added)]
        return [
            each
            for name in names
            for each in (
                differences(left[name], right[name], f"{at}.{name}", added=added)
                if name in left and name in right
                else [f"{at}.{name}"]
            )
        ]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [
            each
            for number, (one, other) in enumerate(zip(left, right, strict=True))
            for each in differences(one, other, f"{at}[{number}]", added=added)
        ]
    numbers = all(
        isinstance(each, (int, float)) and not isinstance(each, bool) for each in (left, right)
    )
    return [] if left == right and (numbers or type(left) is type(right)) else [at or "."]


# -- requests ---------------------------------------------------------------------------------


@attrs.frozen
class Shape:
    """What a request is made of: the method, the path without IDs, and names with types."""

    operation: str
    query: frozenset[str]
    body: frozenset[tuple[str, str]]


def _types(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _types(each, f"{at}.{name}".lstrip("."))
    elif isinstance(value, list):
        for each in value:
            yield from _types(each, f"{at}[]")
    else:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        yield at, "number" if is_number else type(value).__name__


def operation_of(request: LoggedRequest) -> tuple[str, tuple[str, ...]]:
    """Return the operation that a request asks for, and the IDs in its path.

    Raises:
        LookupError: If no SDK has such an operation.
    """
    return found_in(MUX, request)


def found_in(
    operations: Iterable[Operation], request: LoggedRequest
) -> tuple[str, tuple[str, ...]]:
    """Return which of some operations a request asks for, and the IDs in its path."""
    for each in operations:
        ids = each.ids_in(request.method, request.path)
        if ids is not None:
            return each.name, ids
    raise LookupError(f"no SDK sends {request.method} {request.path}")


def shape_of(request: LoggedRequest) -> Shape:
    """Return what a request is made of."""
    query = frozenset(name for name, _ in parse_qsl(request.query))
    body = frozenset(_types(request.json)) if request.body else frozenset[tuple[str, str]]()
    return Shape(operation_of(request)[0], query, body)


def unlike_the_sdk(bench: Bench, request: LoggedRequest) -> list[str]:
    """Let the SDK send what a request says, and return in what its own request differs.

    The request may come from any client of any emulator, such as our adapter. The SDK's request is
    logged by the bench's emulator, which may refuse it. The SDK may add parameters with their
    defaults, as ``mux_python`` does.
    """
    operation, ids = operation_of(request)
    arguments: dict[str, Any] = {}
    if BY_NAME[operation].body is not None:
        arguments["body"] = request.json
    if query := query_of(request):
        arguments["query"] = query
    return unlike_what_is_sent(
        bench.emulator, request, lambda: bench.call(operation, *ids, **arguments), added=True
    )


def query_of(request: LoggedRequest) -> dict[str, str]:
    """Return the query of a request."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def unlike_what_is_sent(
    emulator: Emulator, request: LoggedRequest, send: Callable[[], object], *, added: bool = False
) -> list[str]:
    """Let an SDK send a request to an emulator, and return in what it differs from another one.

    With ``added``, its body may have more names.
    """
    sent = len(emulator.requests)
    try:
        send()
    except Exception:
        if len(emulator.requests) == sent:  # the SDK refuses to send that
            return ["the SDK refuses to send it"]
    theirs = emulator.requests[sent]
    found = [name for name in ("method", "path") if getattr(request, name) != getattr(theirs, name)]
    if query_of(request) != query_of(theirs):
        found.append("query")
    ours, expected = (json.loads(each.body) if each.body else None for each in (request, theirs))
    return found + [f"body{each}" for each in differences(ours, expected, added=added)]
