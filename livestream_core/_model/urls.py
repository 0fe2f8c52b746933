"""URLs: their parts, their normal form, and the kind of a playback URL."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from .._secrets.recognition import carries_secret
from .._secrets.secret import SecretUrl
from .._secrets.spellings import SHORTEST_KEY, KnownSecrets, compiled, spelling

if TYPE_CHECKING:
    from urllib.parse import SplitResult


class PlaybackKind(StrEnum):
    """The kind of content at a playback URL."""

    HLS = "hls"
    """A playlist, ``.m3u8`` or ``.m3u``."""
    DASH = "dash"
    """A manifest, ``.mpd``."""
    PAGE = "page"
    """A page to open in a browser, or anything whose URL shows no other kind."""
    FLV = "flv"
    """A stream over HTTP, ``.flv``."""
    WHEP = "whep"
    """An endpoint for WebRTC players; never determined from a URL."""
    RTMP = "rtmp"
    """A stream over RTMP or RTMPS."""
    LL_HLS = "ll_hls"
    """A playlist of HLS with a short delay; never determined from a URL."""


#: RFC 8216, section 4, defines two suffixes.
_KIND_BY_SUFFIX = {
    ".m3u8": PlaybackKind.HLS,
    ".m3u": PlaybackKind.HLS,
    ".mpd": PlaybackKind.DASH,
    ".flv": PlaybackKind.FLV,
}
#: A widely used origin server takes the format as an argument of its manifest.
_MANIFEST = "/manifest(format="
_KIND_BY_FORMAT = {"m3u8": PlaybackKind.HLS, "mpd": PlaybackKind.DASH}

#: A scheme, an authority, and no whitespace or control characters. The host is not checked, not
#: even for its form: vendors document URLs whose hosts are malformed.
_URL = r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\x00-\x1f\x7f/?#][^\s\x00-\x1f\x7f]*"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
#: RFC 3986, section 2.3: the characters that are never encoded. Nearly all IDs consist of these.
_UNRESERVED = r"[A-Za-z0-9._~-]+"
#: The scheme and authority of a URL.
HOST = r"[^/?#]*://[^/?#]*"
#: An RTMP server with an application.
APPLICATION = rf"{HOST}/+[^/?#]+[^?#]*"


def playback_kind(url: str) -> PlaybackKind:
    """Return the kind of a playback URL: by its scheme or the end of its path, else a page."""
    if url[:1] in ("r", "R") and scheme(url) in ("rtmp", "rtmps"):
        return PlaybackKind.RTMP
    path = url.partition("?")[0].partition("#")[0].lower()
    for suffix, kind in _KIND_BY_SUFFIX.items():
        if path.endswith(suffix):
            return kind
    if path.endswith(")"):
        form = path.rpartition(_MANIFEST)[2]
        for prefix, kind in _KIND_BY_FORMAT.items():
            if form.startswith(prefix) and "/" not in form:
                return kind
    return PlaybackKind.PAGE


def server_url(url: str) -> str:
    """Return an ingest server's URL in normal form: lower-case scheme, no trailing slash."""
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
    """Return whether a text contains a line break, NUL, or another control character."""
    return compiled(_CONTROL).search(text) is not None


def key_problem(key: str) -> str | None:
    """Return what is wrong with a stream key from a caller, or ``None`` if it is valid.

    Stream keys from vendors are not checked.
    """
    if not key:
        return "must not be empty"
    if has_control(key):
        return "contains a line break or another control character"
    if any(map(str.isspace, key)):
        return "contains whitespace"
    return None


def without_key(server: str, key: str) -> str:
    """Return a server's URL without the stream key at its end.

    The URL is returned unchanged if no application would be left, or if keys are not joined to
    URLs of its scheme.
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
    """Return the full URL of a server and a stream key, which contains the key once."""
    if len(stream_key) >= SHORTEST_KEY:
        known = KnownSecrets([stream_key])
        if known.find(compiled(HOST).sub("", server, count=1)):
            return str.__str__(server)
    return f"{server_url(server)}/{stream_key}"


def is_url(value: str) -> bool:
    """Return whether a text has a scheme, a rest, and no characters that could break a header."""
    return compiled(_URL).fullmatch(value) is not None


def scheme(url: str) -> str:
    """Return the scheme of a URL in lower case, such as ``rtmp``; empty if there is none."""
    found, mark, _ = url.partition("://")
    return found.strip().lower() if mark else ""


def url_parts(url: str) -> SplitResult:
    """Split a URL into its parts.

    Raises:
        ValueError: If the text is not a URL.
    """
    # This import is slow, and a process that never connects does not need it.
    from urllib.parse import urlsplit

    return urlsplit(url)


def percent_encoded(text: str) -> str:
    """Percent-encode a text, including its slashes, as one part of a path or a query.

    Raises:
        UnicodeEncodeError: If the text contains half a surrogate pair.
    """
    if compiled(_UNRESERVED).fullmatch(text):
        return text
    from urllib.parse import quote

    return quote(text, safe="")


def origin_of(url: str) -> tuple[str, str, int]:
    """Return the scheme, the host in lower case, and the port of an http(s) URL.

    Raises:
        ValueError: If the text is not an http(s) URL with a host.
    """
    parts = url_parts(url)
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
        raise ValueError("not an http(s) URL")
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT[parts.scheme]


def host_header(origin: str) -> str:
    """Return the ``Host`` header of requests to an origin in normal form."""
    host = origin.partition("://")[2]
    return host if host.isascii() else host.encode("idna").decode()


_DEFAULT_PORT = {"http": 80, "https": 443}
