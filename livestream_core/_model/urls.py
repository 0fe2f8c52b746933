"""Addresses: their parts, one spelling of each, and what a playback URL is by its form."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from .._secrets.recognition import carries_secret
from .._secrets.secret import SecretUrl
from .._secrets.spellings import SHORTEST_KEY, KnownSecrets, compiled, spelling

if TYPE_CHECKING:
    from urllib.parse import SplitResult


class PlaybackKind(StrEnum):
    """What a viewer finds at a playback URL."""

    HLS = "hls"
    """A playlist, ``.m3u8`` or ``.m3u``."""
    DASH = "dash"
    """A manifest, ``.mpd``."""
    PAGE = "page"
    """A page to open in a browser, or something that is neither HLS nor DASH by its suffix."""


#: RFC 8216, section 4, has two suffixes.
_KIND_BY_SUFFIX = {
    ".m3u8": PlaybackKind.HLS,
    ".m3u": PlaybackKind.HLS,
    ".mpd": PlaybackKind.DASH,
}
#: One origin server that many run takes the format as an argument of its manifest.
_MANIFEST = "/manifest(format="
_KIND_BY_FORMAT = {"m3u8": PlaybackKind.HLS, "mpd": PlaybackKind.DASH}

#: A scheme, an authority, and no white space or control character anywhere. Whether the host
#: exists, or even is well formed, is not judged: vendors document addresses that are not.
_URL = r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\x00-\x1f\x7f/?#][^\s\x00-\x1f\x7f]*"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
#: RFC 3986, section 2.3: what is never encoded. Nearly all ids are of these.
_UNRESERVED = r"[A-Za-z0-9._~-]+"
#: Scheme and authority of an address.
HOST = r"[^/?#]*://[^/?#]*"
#: A server with an application.
APPLICATION = rf"{HOST}/+[^/?#]+[^?#]*"


def playback_kind(url: str) -> PlaybackKind:
    """HLS or DASH by the end of the path, else a page."""
    path = re.split(r"[?#]", url, maxsplit=1)[0].lower()
    for suffix, kind in _KIND_BY_SUFFIX.items():
        if path.endswith(suffix):
            return kind
    if path.endswith(")"):
        form = path.rpartition(_MANIFEST)[2]
        for beginning, kind in _KIND_BY_FORMAT.items():
            if form.startswith(beginning) and "/" not in form:
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


def has_control(text: str) -> bool:
    """Whether a text has a line break, NUL, or another control character in it."""
    return compiled(_CONTROL).search(text) is not None


def key_problem(key: str) -> str | None:
    """What is wrong with a stream key that a caller gives; ``None`` if nothing is. What a vendor
    gives is taken as it is.
    """
    if not key:
        return "must not be empty"
    if has_control(key):
        return "contains a line break or another control character"
    if any(map(str.isspace, key)):
        return "contains a blank"
    return None


def without_key(server: str, key: str) -> str:
    """A server's URL without the stream key that ends it, where that leaves an application, and
    where a key is joined to an address at all.
    """
    if len(key) >= SHORTEST_KEY and scheme(server) not in _DEFAULT_PORT:
        while (shorter := _cut(server, key)) is not None:
            server = SecretUrl(shorter) if carries_secret(shorter) else shorter
    return server


def _cut(server: str, key: str) -> str | None:
    for slashes in {1, 1 + key.count("/")}:
        before, *end = server.rsplit("/", slashes)
        before = before.rstrip("/")
        if spelling("/".join(end)) == spelling(key) and compiled(APPLICATION).fullmatch(before):
            return before
    return None


def address_with_key(server: str, stream_key: str) -> str:
    """The whole address that a vendor may have given, whose server and key these are: the key is
    in it once.
    """
    if len(stream_key) >= SHORTEST_KEY:
        known = KnownSecrets([stream_key])
        if known.find(compiled(HOST).sub("", server, count=1)):
            return str.__str__(server)
    return f"{server_url(server)}/{stream_key}"


def is_url(value: str) -> bool:
    """Whether it has a scheme, something after it, and nothing that could break a header."""
    return compiled(_URL).fullmatch(value) is not None


def scheme(url: str) -> str:
    """The scheme in lower case: ``rtmp``, ``rtmps``, ``srt``, ``https``; empty if there is none."""
    found, mark, _ = url.partition("://")
    return found.strip().lower() if mark else ""


def url_parts(url: str) -> SplitResult:
    """A URL in its parts.

    Raises:
        ValueError: It is not a URL.
    """
    # With what it brings in, it is slow to load, and a process that never connects needs none.
    from urllib.parse import urlsplit

    return urlsplit(url)


def percent_encoded(text: str) -> str:
    """A text as one part of a path or a query, a slash in it included.

    Raises:
        UnicodeEncodeError: It has half a surrogate pair.
    """
    if compiled(_UNRESERVED).fullmatch(text):
        return text
    from urllib.parse import quote

    return quote(text, safe="")


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host (lower case) and port of an http(s) URL, the default port filled in.

    Raises:
        ValueError: It is not an http(s) URL with a host.
    """
    parts = url_parts(url)
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
        raise ValueError("not an http(s) URL")
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT[parts.scheme]


_DEFAULT_PORT = {"http": 80, "https": 443}
