"""The parameters of Mux's requests, as its API reference and its SDKs have them.

The emulator refuses every other parameter, and every value of another type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

#: Raises InvalidParameter if a value is not valid; the text is the parameter's path.
Check: TypeAlias = Callable[[Any, str], None]

LATENCY_MODES = ("standard", "reduced", "low")
STATUSES = ("active", "idle", "disabled")
#: "There's a limit of 6 simulcasts/restreams per live stream."
MOST_TARGETS = 6

_COUNT = re.compile(r"[1-9]\d{0,8}", re.ASCII)


class InvalidParameter(ValueError):
    """A parameter that Mux refuses."""


def _text(value: Any, at: str, *, most: int | None = None) -> None:
    if not isinstance(value, str):
        raise InvalidParameter(f"{at} must be a string")
    try:
        value.encode()  # half of a surrogate pair is not text
    except UnicodeEncodeError:
        raise InvalidParameter(f"{at} must be a string") from None
    if most is not None and len(value) > most:
        raise InvalidParameter(f"{at} must be at most {most} characters")


def _at_most(most: int) -> Check:
    return lambda value, at: _text(value, at, most=most)


def _flag(value: Any, at: str) -> None:
    if not isinstance(value, bool):
        raise InvalidParameter(f"{at} must be a boolean")


def _between(low: int, high: int, *, whole: bool = False) -> Check:
    def check(value: Any, at: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise InvalidParameter(f"{at} must be a number")
        if not low <= value <= high:
            raise InvalidParameter(f"{at} must be between {low} and {high}")

    return check


def _one_of(*words: str) -> Check:
    def check(value: Any, at: str) -> None:
        if value not in words:
            raise InvalidParameter(f"{at} must be one of {', '.join(words)}")

    return check


def _many(each: Check, most: int | None = None) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, list):
            raise InvalidParameter(f"{at} must be an array")
        if most is not None and len(value) > most:
            raise InvalidParameter(f"{at} must have at most {most} items")
        for number, item in enumerate(value):
            each(item, f"{at}[{number}]")

    return check


def _object(table: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise InvalidParameter(f"{at or 'the body'} must be an object")
        prefix = f"{at}." if at else ""
        for name in required:
            if name not in value:
                raise InvalidParameter(f"{prefix}{name} is required")
        for name, item in value.items():
            if name not in table:
                raise InvalidParameter(f"{prefix}{name} is not a parameter")
            table[name](item, prefix + name)

    return check


def _address(*schemes: str) -> Check:
    def check(value: Any, at: str) -> None:
        _text(value, at)
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in schemes or not parts.hostname:
            raise InvalidParameter(f"{at} must be a URL: {', '.join(schemes)}")

    return check


def _slate(value: Any, at: str) -> None:
    if value != "":  # "Set this to a blank string to clear the value"
        _address("http", "https")(value, at)


_plain_policy = _one_of("public", "signed")


def _policies(value: Any, at: str) -> None:
    # "For simplicity, a single string name can be used in place of the array"; and
    # "advanced_playback_policies must be used instead when creating a DRM playback ID".
    _many(_plain_policy)([value] if isinstance(value, str) else value, at)


_policy_fields = _object(
    {"policy": _one_of("public", "signed", "drm"), "drm_configuration_id": _text}, ("policy",)
)


def _policy(value: Any, at: str) -> None:
    _policy_fields(value, at)
    if (value["policy"] == "drm") != ("drm_configuration_id" in value):
        raise InvalidParameter("drm_configuration_id must be set for a DRM policy, and only then")


_PASSTHROUGH = _at_most(255)
_RENDITIONS = (
    *("highest", "audio-only", "2160p", "1440p", "1080p", "720p", "540p", "480p", "360p", "270p"),
)
_POLICIES: Mapping[str, Check] = {
    "playback_policies": _policies,
    "playback_policy": _policies,  # deprecated
    "advanced_playback_policies": _many(_policy),
}
_ASSET_META = _object({"title": _at_most(512), "creator_id": _text, "external_id": _text})
_MP4 = _one_of("none", "standard", "capped-1080p", "audio-only", "audio-only,capped-1080p")
_MASTER = _one_of("temporary", "none")

#: ``inputs`` and ``directives`` are not emulated.
_NEW_ASSET: Mapping[str, Check] = {
    **_POLICIES,
    "passthrough": _PASSTHROUGH,
    "meta": _ASSET_META,
    "mp4_support": _MP4,
    "master_access": _MASTER,
    "video_quality": _one_of("basic", "plus", "premium"),
    "encoding_tier": _one_of("smart", "baseline", "premium"),
    "max_resolution_tier": _one_of("1080p", "1440p", "2160p"),
    "normalize_audio": _flag,
    "copy_overlays": _flag,
    "generate_shots": _flag,
    "test": _flag,
    "static_renditions": _many(
        _object({"resolution": _one_of(*_RENDITIONS), "passthrough": _PASSTHROUGH}, ("resolution",))
    ),
}
#: "Only the mp4_support, master_access, and video_quality settings may be updated." The SDK's type
#: also has ``meta``.
_CHANGED_ASSET: Mapping[str, Check] = {
    "mp4_support": _MP4,
    "master_access": _MASTER,
    "meta": _ASSET_META,
    "video_quality": _one_of("plus", "premium"),
}
_SUBTITLES: Mapping[str, Check] = {
    "name": _text,
    "passthrough": _PASSTHROUGH,
}
_TARGET: Mapping[str, Check] = {
    "url": _address("rtmp", "rtmps", "srt"),
    "stream_key": _text,
    "passthrough": _text,
}

_UPDATE: Mapping[str, Check] = {
    "latency_mode": _one_of(*LATENCY_MODES),
    "max_continuous_duration": _between(60, 43200, whole=True),
    "meta": _object({"title": _at_most(512)}),
    "new_asset_settings": _object(_CHANGED_ASSET),
    "passthrough": _PASSTHROUGH,
    "reconnect_slate_url": _slate,
    "reconnect_window": _between(0, 1800),
    "use_slate_for_standard_latency": _flag,
}
_CREATE: Mapping[str, Check] = {
    **_UPDATE,
    **_POLICIES,
    "new_asset_settings": _object(_NEW_ASSET),
    "audio_only": _flag,
    "embedded_subtitles": _many(
        _object(
            {
                **_SUBTITLES,
                "language_channel": _one_of("cc1", "cc2", "cc3", "cc4"),
                "language_code": _text,
            }
        )
    ),
    "generated_subtitles": _many(
        _object(
            {
                **_SUBTITLES,
                "language_code": _one_of("en", "en-US", "es", "fr", "de", "pt", "it"),
                "transcription_vocabulary_ids": _many(_text),
            }
        )
    ),
    "low_latency": _flag,  # deprecated, as the next one
    "reduced_latency": _flag,
    "simulcast_targets": _many(_object(_TARGET, ("url",)), MOST_TARGETS),
    "test": _flag,
}
_create_fields = _object(_CREATE)


def check_create(body: Any) -> None:
    """Check the body of POST /live-streams."""
    _create_fields(body, "")
    said = [name for name in ("latency_mode", "low_latency", "reduced_latency") if body.get(name)]
    if len(said) > 1:
        raise InvalidParameter(f"{' and '.join(said)} cannot be combined")
    if body.get("test") and "max_continuous_duration" in body:
        raise InvalidParameter("Cannot use max continuous duration with test live streams")


def check_update(body: Any) -> None:
    """Check the body of PATCH /live-streams/{id}."""
    _object(_UPDATE)(body, "")


def check_target(body: Any) -> None:
    """Check the body of POST /live-streams/{id}/simulcast-targets."""
    _object(_TARGET, ("url",))(body, "")


def check_policy(body: Any) -> None:
    """Check the body of POST /live-streams/{id}/playback-ids."""
    _policy(body, "")


def _count(value: Any, at: str) -> None:
    if not _COUNT.fullmatch(value):
        raise InvalidParameter(f"{at} must be a positive integer")


_PAGE: Mapping[str, Check] = {"limit": _count, "page": _count}


def check_stream_query(query: Any) -> None:
    """Check the query of GET /live-streams."""
    _object({**_PAGE, "status": _one_of(*STATUSES), "stream_key": _text})(query, "")


def check_asset_query(query: Any) -> None:
    """Check the query of GET /assets; ``cursor`` is not emulated."""
    _object({**_PAGE, "live_stream_id": _text, "upload_id": _text})(query, "")
