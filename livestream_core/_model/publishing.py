"""The settings with which an encoder publishes: one URL if possible, otherwise arguments.

Each protocol puts the stream key in a different place. The meaning of a URL is what ffmpeg reads
from it, because ffmpeg is the encoder that takes everything in one URL. It splits at slashes by
its own rules, decodes nothing, and publishes elsewhere without an error if it misreads a URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from .._secrets.secret import SecretText, SecretUrl
from .._secrets.spellings import SHORTEST_KEY, KnownSecrets, compiled
from .errors import InvalidInput
from .urls import APPLICATION, HOST, has_control, is_url, key_problem, scheme, server_url

#: The size of ``path`` in rtmp_open() of ffmpeg's libavformat/rtmpproto.c, without the final NUL.
_MAX_PATH_BYTES = 1023
#: The limits of libsrt: SRTO_STREAMID and SRTO_PASSPHRASE in its API-socket-options.md.
_MAX_STREAMID_BYTES = 512
_PASSPHRASE_BYTES = range(10, 81)
#: The secret parameters of an SRT URL, with ffmpeg's options for them. (ffmpeg's option
#: ``-streamid`` is a different one.)
_SRT_OPTIONS = {"streamid": "-srt_streamid", "passphrase": "-passphrase"}
#: Some programs decode the query of an SRT URL; ffmpeg only reads a plus as a space. A text without
#: any of these characters means the same to all programs.
_READ_DIFFERENTLY = r"[%&+\s]"


class Publishing(NamedTuple):
    """The settings with which an encoder publishes.

    Attributes:
        format: ffmpeg's name of the container format.
        server: The URL of the server, as OBS expects it.
        key: The name of an RTMP stream, the ``streamid`` of SRT, or the token of WHIP. Empty if
            the URL contains it.
        passphrase: The passphrase of SRT, or empty.
        url: The complete URL, or ``None`` if one URL cannot contain everything.
        options: ffmpeg's arguments, the URL at the end. Secret ones have a masked repr.
    """

    format: str
    server: str
    key: str
    passphrase: str
    url: str | None
    options: list[str]

    def __repr__(self) -> str:
        return f"Publishing(format={self.format!r}, ***)"


def publishing(
    server: str, key: str | None, passphrase: str | None, protocol: str | None
) -> Publishing | None:
    """Return the settings for a vendor's server and stream key.

    Returns:
        The settings, or ``None`` if they are incomplete, or the protocol is not known.
    """
    if not all(_is_usable(text) for text in (server, key, passphrase) if text is not None):
        return None
    name = scheme(server)
    if name in ("http", "https"):
        # Protocols other than WHIP also publish over HTTP; then ``protocol`` names them.
        name = (protocol or name).lower()
    build = _BY_PROTOCOL.get(name)
    return build(server, key, passphrase) if build is not None else None


def _is_usable(text: str) -> bool:
    return not has_control(text) and text.encode("utf-8", "ignore").decode() == text


# -- RTMP ---------------------------------------------------------------------------------------


def _rtmp(server: str, key: str | None, _passphrase: str | None) -> Publishing | None:
    if key is None:
        return None
    address, name = _split_name(server, key)
    host, application = _application(address)
    options = ["-rtmp_app", application, "-rtmp_playpath", SecretText(name), f"{host}/"]
    if isinstance(server, SecretUrl):
        options[1], options[-1] = SecretText(application), SecretUrl(f"{host}/")
    return Publishing("flv", address, name, "", _rtmp_url(address, name), options)


def _split_name(server: str, key: str) -> tuple[str, str]:
    """Split the name of the stream off a URL that already ends with the key.

    Returns:
        The server and the name of the stream. If the URL does not end with the key, these are the
        arguments, unchanged.
    """
    path, mark, query = server.partition("?")
    before, _, last = path.rpartition("/")
    before = before.rstrip("/")
    if len(key) >= SHORTEST_KEY:
        known = KnownSecrets([key])
        if compiled(APPLICATION).fullmatch(before):
            if known.find(name := last + mark + query):
                return before, name
        elif compiled(HOST).fullmatch(before) and known.find(last):
            # A path of a single part, for servers without applications.
            return str.__str__(server), ""
    return str.__str__(server), key


def _application(server: str) -> tuple[str, str]:
    """Split an RTMP server into its host part and its application, as OBS does."""
    found = compiled(HOST).match(server)
    end = found.end() if found is not None else 0
    return server[:end], server[end:].removeprefix("/")


def _rtmp_url(server: str, name: str) -> str | None:
    url = f"{server}/{name}" if name else server
    host, application = _application(server)
    return url if _read_by_ffmpeg(url[len(host) :]) == (application, name) else None


def _read_by_ffmpeg(path: str) -> tuple[str, str] | None:
    """Return the application and the name that ffmpeg reads from the path of a URL with its query.

    See rtmp_open() in its libavformat/rtmpproto.c.

    Returns:
        The application and the name, or ``None`` if ffmpeg drops a part of the path or adds to it.
    """
    if " " in path or "slist=" in path.partition("?")[2] or len(path.encode()) > _MAX_PATH_BYTES:
        return None
    if path.startswith("/ondemand/"):
        application, name = "ondemand", path.removeprefix("/ondemand/")
    else:
        first, _, rest = path[1:].partition("/")
        second, slash, last = rest.partition("/")
        if slash and ":" not in second:
            application, name = f"{first}/{second}", last
        else:
            application, name = first, rest
    if name.endswith(".flv") or (name.endswith((".mp4", ".f4v")) and ":" not in name):
        return None
    return application, name


# -- SRT ----------------------------------------------------------------------------------------


def _srt(server: str, key: str | None, passphrase: str | None) -> Publishing | None:
    if key is not None and len(key.encode()) > _MAX_STREAMID_BYTES:
        return None
    if passphrase is not None and len(passphrase.encode()) not in _PASSPHRASE_BYTES:
        return None
    present = _parameters(server)
    secrets = {"streamid": key, "passphrase": passphrase}
    added = {name: value for name, value in secrets.items() if value and not present.get(name)}
    address = _without_parameters(server, added)
    options = []
    for name, value in added.items():
        options += [_SRT_OPTIONS[name], SecretText(value)]
    url = None
    if not any(compiled(_READ_DIFFERENTLY).search(value) for value in added.values()):
        query = "&".join([f"{name}={value}" for name, value in added.items()])
        mark = "&" if "?" in address else "?"
        url = f"{address}{mark}{query}" if query else str.__str__(address)
    return Publishing(
        format="mpegts",
        server=address,
        key=added.get("streamid", ""),
        passphrase=added.get("passphrase", ""),
        url=url,
        options=[*options, address],
    )


def _parameters(server: str) -> dict[str, str]:
    """Return the parameters of an SRT URL; the first one counts if a name is repeated."""
    query = server.partition("?")[2]
    parts = [part.partition("=") for part in query.split("&")]
    return {name: value for name, _, value in reversed(parts)}


def _without_parameters(server: str, names: Mapping[str, object]) -> str:
    address, _, query = server.partition("?")
    parts = [part for part in query.split("&") if part.partition("=")[0] not in names]
    shorter = "?".join([address, "&".join(parts)]).removesuffix("?")
    return SecretUrl(shorter) if isinstance(server, SecretUrl) else shorter


# -- WHIP ---------------------------------------------------------------------------------------


def _whip(server: str, key: str | None, _passphrase: str | None) -> Publishing:
    token = "" if key is None or KnownSecrets([key]).find(server) else key
    options = ["-authorization", SecretText(token)] if token else []
    return Publishing("whip", server, token, "", str.__str__(server), [*options, server])


_Builder: TypeAlias = Callable[[str, str | None, str | None], Publishing | None]
_RTMP = ("rtmp", "rtmps", "rtmpe", "rtmpt", "rtmpte", "rtmpts")
_BY_PROTOCOL: Mapping[str, _Builder] = {
    **dict.fromkeys(_RTMP, _rtmp),
    "srt": _srt,
    **dict.fromkeys(("whip", "http", "https"), _whip),
}


# -- public functions -----------------------------------------------------------------------------


def join_publish_url(server: str, stream_key: str) -> str:
    """Return the URL to publish to, as ``ffmpeg`` expects it.

    For RTMP, the stream key follows the server after a slash. For SRT, it is the ``streamid``.

    Args:
        server: The URL of the server.
        stream_key: The stream key.

    Raises:
        InvalidInput: If one URL cannot contain both (:meth:`Ingest.ffmpeg_arguments` may be able
            to), the server's protocol has no place for the key, or one of them is empty or
            contains whitespace or a control character; ``field`` names it.
    """
    server = _text(server, "server").strip()
    if not _is_usable(server):
        raise InvalidInput("server: contains a control character", field="server")
    if problem := key_problem(_text(stream_key, "stream_key")):
        raise InvalidInput(f"stream_key: {problem}", field="stream_key")
    server, protocol = server_url(server), scheme(server)
    url = None
    if protocol in _RTMP:
        url = _rtmp_url(server, stream_key) if _is_usable(stream_key) else None
    elif protocol == "srt":
        target = publishing(server, stream_key, None, protocol)
        url = target.url if target is not None and target.key else None
    else:
        raise InvalidInput("server: is not an RTMP or SRT URL", field="server")
    if url is None:
        raise InvalidInput(
            "stream_key: one URL cannot contain this server and this stream key",
            field="stream_key",
            hint="set the server and the stream key separately in the encoder; "
            "for ffmpeg, use Ingest.ffmpeg_arguments()",
        )
    return url


def split_publish_url(url: str, stream_key: str | None = None) -> tuple[str, str]:
    """Split a publish URL into the URL of the server and the stream key.

    Args:
        url: The publish URL.
        stream_key: The stream key, if known; it may contain slashes. By default, the key of an
            RTMP URL is the part after the last slash of its path, including the query, and the key
            of an SRT URL is its ``streamid``.

    Raises:
        InvalidInput: If the URL does not contain the stream key, or is not a string.
    """
    url = _text(url, "url")
    if stream_key is not None:
        stream_key = _text(stream_key, "stream_key")
    protocol = scheme(url)
    server, key = "", ""
    if protocol in _RTMP:
        server, key = _split_rtmp(url, stream_key)
    elif protocol == "srt":
        key = _parameters(url).get("streamid", "")
        server = _without_parameters(url, {"streamid": key})
    if not key or stream_key not in (None, key) or not is_url(server):
        raise InvalidInput("the publish URL does not end with a stream key", field="url")
    return server_url(server), key


def _split_rtmp(url: str, key: str | None) -> tuple[str, str]:
    if key is not None:
        return (url.removesuffix(f"/{key}"), key) if url.endswith(f"/{key}") else ("", "")
    path, mark, query = url.partition("?")
    server, _, name = path.rpartition("/")
    if "/" in query and not (name and compiled(APPLICATION).fullmatch(server)):
        # The query belongs to the server: there is no key, or no application, before it.
        server, _, key = url.rpartition("/")
        return server, key
    return server, name + mark + query if name else ""


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{field}: expected a string, not {type(value).__name__}", field=field)
    return value
