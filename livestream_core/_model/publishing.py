"""What an encoder is told, so that it publishes: one URL where one can say it, and else arguments.

Each protocol has a place of its own for the key. What a URL says is what ffmpeg reads in it, which
is the encoder that takes everything in one: it joins and cuts at slashes as it likes, decodes
nothing, and publishes elsewhere without an error where it has read something else than was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from .._secrets.secret import SecretText, SecretUrl
from .._secrets.spellings import SHORTEST_KEY, KnownSecrets, compiled
from .errors import InvalidInput
from .urls import APPLICATION, HOST, has_control, is_url, key_problem, scheme, server_url

#: ``path`` in rtmp_open() of ffmpeg's libavformat/rtmpproto.c has so many bytes, and a NUL.
_LONGEST_PATH = 1023
#: What libsrt takes: SRTO_STREAMID and SRTO_PASSPHRASE in its API-socket-options.md.
_LONGEST_STREAMID = 512
_PASSPHRASES = range(10, 81)
#: The parameters of an SRT address that have a secret, and ffmpeg's options for them. Its option
#: ``-streamid`` is another one.
_SRT_OPTIONS = {"streamid": "-srt_streamid", "passphrase": "-passphrase"}
#: Some programs decode what is in the query of an SRT address, and ffmpeg only reads a plus as a
#: blank: what has none of these means the same to all.
_READ_DIFFERENTLY = r"[%&+\s]"


class Publishing(NamedTuple):
    """What an encoder is told.

    Attributes:
        format: What ffmpeg calls the form in which the stream is sent.
        server: The address, as OBS asks for it.
        key: The name of an RTMP stream, the ``streamid`` of SRT, or the token of WHIP; empty
            where the address has it.
        passphrase: That of SRT, or empty.
        url: All of it in one; ``None`` where one URL cannot say it.
        options: What ffmpeg is given instead, the address at the end; what is secret has a masked
            repr.
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
    """What an encoder is told, given what a vendor says; ``None`` where that is not enough, or is
    of a protocol that is not known here.
    """
    if not all(_can_be_told(text) for text in (server, key, passphrase) if text is not None):
        return None
    name = scheme(server)
    if name in ("http", "https"):
        # Others than WHIP publish over HTTP, and then the protocol says so.
        name = (protocol or name).lower()
    tell = _BY_PROTOCOL.get(name)
    return tell(server, key, passphrase) if tell is not None else None


def _can_be_told(text: str) -> bool:
    return not has_control(text) and text.encode("utf-8", "ignore").decode() == text


# -- RTMP ---------------------------------------------------------------------------------------


def _rtmp(server: str, key: str | None, _passphrase: str | None) -> Publishing | None:
    if key is None:
        return None
    address, name = _apart(server, key)
    host, application = _application(address)
    options = ["-rtmp_app", application, "-rtmp_playpath", SecretText(name), f"{host}/"]
    if isinstance(server, SecretUrl):
        options[1], options[-1] = SecretText(application), SecretUrl(f"{host}/")
    return Publishing("flv", address, name, "", _rtmp_url(address, name), options)


def _apart(server: str, key: str) -> tuple[str, str]:
    """Server and stream's name of a whole address, which has the key in its last part already;
    else they are as they were given.
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
            # Of one part alone, which servers without applications want.
            return str.__str__(server), ""
    return str.__str__(server), key


def _application(server: str) -> tuple[str, str]:
    """What is before the application of an RTMP server, and the application, as OBS takes it."""
    found = compiled(HOST).match(server)
    end = found.end() if found is not None else 0
    return server[:end], server[end:].removeprefix("/")


def _rtmp_url(server: str, name: str) -> str | None:
    url = f"{server}/{name}" if name else server
    host, application = _application(server)
    return url if _read_by_ffmpeg(url[len(host) :]) == (application, name) else None


def _read_by_ffmpeg(path: str) -> tuple[str, str] | None:
    """The application and the name that ffmpeg takes from the path of a URL, query and all;
    ``None`` where it takes only a part, or adds to it.

    See rtmp_open() in its libavformat/rtmpproto.c.
    """
    if " " in path or "slist=" in path.partition("?")[2] or len(path.encode()) > _LONGEST_PATH:
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
    if key is not None and len(key.encode()) > _LONGEST_STREAMID:
        return None
    if passphrase is not None and len(passphrase.encode()) not in _PASSPHRASES:
        return None
    has = _parameters(server)
    wanted = {"streamid": key, "passphrase": passphrase}
    added = {name: value for name, value in wanted.items() if value and not has.get(name)}
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
    """The parameters of an SRT address: the first of each name counts."""
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


_Tell: TypeAlias = Callable[[str, str | None, str | None], Publishing | None]
_RTMP = ("rtmp", "rtmps", "rtmpe", "rtmpt", "rtmpte", "rtmpts")
_BY_PROTOCOL: Mapping[str, _Tell] = {
    **dict.fromkeys(_RTMP, _rtmp),
    "srt": _srt,
    **dict.fromkeys(("whip", "http", "https"), _whip),
}


# -- for those who have addresses of their own ----------------------------------------------------


def join_publish_url(server: str, stream_key: str) -> str:
    """Return the URL to publish to, as ``ffmpeg`` takes it.

    An RTMP stream's key follows the server after a slash, and an SRT stream's is its ``streamid``.

    Args:
        server: The server's URL.
        stream_key: The key.

    Raises:
        InvalidInput: One URL cannot say both, the server's URL is of a protocol without such a
            place, or one of them is empty or has a blank or a control character in it; ``field``
            says which. :meth:`Ingest.ffmpeg_arguments` says what no URL can.
    """
    server = _text(server, "server").strip()
    if not _can_be_told(server):
        raise InvalidInput("server: contains a control character", field="server")
    if problem := key_problem(_text(stream_key, "stream_key")):
        raise InvalidInput(f"stream_key: {problem}", field="stream_key")
    server, protocol = server_url(server), scheme(server)
    url = None
    if protocol in _RTMP:
        url = _rtmp_url(server, stream_key) if _can_be_told(stream_key) else None
    elif protocol == "srt":
        told = publishing(server, stream_key, None, protocol)
        url = told.url if told is not None and told.key else None
    else:
        raise InvalidInput("server: is not an RTMP or SRT address", field="server")
    if url is None:
        raise InvalidInput(
            "stream_key: one URL cannot say this server and this key",
            field="stream_key",
            hint="give both to the encoder apart; Ingest.ffmpeg_arguments() has them for ffmpeg",
        )
    return url


def split_publish_url(url: str, stream_key: str | None = None) -> tuple[str, str]:
    """Cut a publish URL into the server's URL and the stream key.

    Args:
        url: The whole address.
        stream_key: The key, where it is known (it may contain slashes); else the part of an RTMP
            address after the last slash of the path, with the query if there is one, is taken as
            the key, and of an SRT address the ``streamid``.

    Raises:
        InvalidInput: The URL does not end in the key, or has no place for one; or it is not text.
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
        raise InvalidInput("the publish URL does not end in a stream key", field="url")
    return server_url(server), key


def _split_rtmp(url: str, key: str | None) -> tuple[str, str]:
    if key is not None:
        return (url.removesuffix(f"/{key}"), key) if url.endswith(f"/{key}") else ("", "")
    path, mark, query = url.partition("?")
    server, _, name = path.rpartition("/")
    if "/" in query and not (name and compiled(APPLICATION).fullmatch(server)):
        # The query is the server's: before it there is no key, or no application.
        server, _, key = url.rpartition("/")
        return server, key
    return server, name + mark + query if name else ""


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{field}: expected a string, not {type(value).__name__}", field=field)
    return value
