"""RTMP and HLS addresses: server and key apart, and what a playback URL is by its form."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import urlsplit

from ._errors import InvalidInput


class PlaybackKind(StrEnum):
    """What a viewer finds at a playback URL."""

    HLS = "hls"
    """A playlist, ``.m3u8``."""
    DASH = "dash"
    """A manifest, ``.mpd``."""
    PAGE = "page"
    """A page to open in a browser, or something that is neither HLS nor DASH by its suffix."""


_KIND_BY_SUFFIX = {".m3u8": PlaybackKind.HLS, ".mpd": PlaybackKind.DASH}

#: A scheme, an authority, and no white space or control character anywhere. Whether the host
#: exists, or even is well formed, is not judged: vendors document addresses that are not.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://[^\s\x00-\x1f\x7f/?#][^\s\x00-\x1f\x7f]*")


def playback_kind(url: str) -> PlaybackKind:
    """HLS or DASH by the suffix of the path, else a page."""
    path = re.split(r"[?#]", url, maxsplit=1)[0].lower()
    for suffix, kind in _KIND_BY_SUFFIX.items():
        if path.endswith(suffix):
            return kind
    return PlaybackKind.PAGE


def server_url(url: str) -> str:
    """An ingest server's URL in one spelling: lower-case scheme, no closing slash."""
    url = url.strip()
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    if rest[-1:] == "/" and "?" not in rest:
        rest = rest.rstrip("/")
    elif scheme.islower():
        return url
    return f"{scheme.lower()}://{rest}"


def join_publish_url(server: str, stream_key: str) -> str:
    """The URL to publish to: the server's URL, a slash, the key.

    Raises:
        InvalidInput: One of them is not text.
    """
    _check_text(server=server, stream_key=stream_key)
    return f"{server_url(server)}/{stream_key}"


def split_publish_url(url: str, stream_key: str | None = None) -> tuple[str, str]:
    """Cuts a publish URL into the server's URL and the stream key.

    Args:
        url: The whole address, as for ``ffmpeg``.
        stream_key: The key, where it is known (it may contain slashes); else the part after the
            last slash of the path, with the query if there is one, is taken as the key.

    Raises:
        InvalidInput: The URL does not end in the key, or has no place for one; or it is not text.
    """
    _check_text(url=url, stream_key="" if stream_key is None else stream_key)
    if stream_key is not None:
        server, found = url.removesuffix(f"/{stream_key}"), url.endswith(f"/{stream_key}")
    else:
        path, mark, query = url.partition("?")
        server, slash, stream_key = path.rpartition("/")
        found = bool(slash and stream_key)
        stream_key += mark + query
    if not found or not is_url(server):
        raise InvalidInput("the publish URL does not end in a stream key", field="url")
    return server_url(server), stream_key


def _check_text(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            raise InvalidInput(f"{name}: expected a string, not {type(value).__name__}", field=name)


def is_url(value: str) -> bool:
    """Whether it has a scheme, something after it, and nothing that could break a header."""
    return _URL.fullmatch(value) is not None


def scheme(url: str) -> str:
    """The scheme in lower case: ``rtmp``, ``rtmps``, ``srt``, ``https``."""
    return url.partition("://")[0].strip().lower()


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host (lower case) and port of an http(s) URL, the default port filled in.

    Raises:
        ValueError: It is not an http(s) URL with a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
        raise ValueError("not an http(s) URL")
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT[parts.scheme]


_DEFAULT_PORT = {"http": 80, "https": 443}
