"""A local nginx with the RTMP module, without RTMP: its statistics, its control, and its webhooks.

It responds as the real server was seen to respond, byte for byte where that matters: the tests run
the conformance kit on both. The README lists the sources.
"""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote
from xml.sax.saxutils import escape

import attrs

from livestream_core.emulator import Emulator, Request, Response, Route

from .samples import SAMPLES

_APPLICATION = "live"
_RECORDER = "rec1"
_SERVER = "nginx/1.22.1"
#: The header that the receiver of a webhook adds.
_WEBHOOK_HEADER = "X-Livestream-Token"
_FORM = "application/x-www-form-urlencoded"
#: nginx's ngx_escape_uri() leaves these as they are in the arguments of a webhook.
_UNESCAPED = "!\"$'()*,-./:<=>@[\\]^_`{|}~"
_REASONS = {
    401: "Authorization Required",
    404: "Not Found",
    405: "Not Allowed",
    500: "Internal Server Error",
}
_ABOUT_SERVER = (
    "<nginx_version>1.22.1</nginx_version>\r\n"
    "<nginx_rtmp_version>1.1.4</nginx_rtmp_version>\r\n"
    "<built>Feb 13 2023 11:56:56</built>\r\n"
    "<pid>9523</pid>\r\n"
)
_META = (
    "<meta><video><width>320</width><height>180</height><frame_rate>15</frame_rate>"
    "<codec>H264</codec><profile>Baseline</profile><compat>192</compat><level>1.2</level></video>"
    "<audio><codec>AAC</codec><profile>LC</profile><channels>1</channels>"
    "<sample_rate>44100</sample_rate></audio></meta>\r\n"
)


@attrs.define(eq=False)
class _Stream:
    """A name with an encoder, or with viewers who wait for one."""

    name: str
    client: int
    since: datetime
    is_published: bool = True
    file: str | None = None


def _published(name: str) -> str:
    return f"publish&name={quote(name, _UNESCAPED)}&type=live"


def _form(stream: _Stream, call: str) -> bytes:
    """Return the body of a webhook."""
    return (
        f"app={_APPLICATION}&flashver=FMLE/3.0%20(compatible%3B%20Lavf59.27&swfurl="
        f"&tcurl=rtmp://127.0.0.1:1935/{_APPLICATION}&pageurl=&addr=127.0.0.1"
        f"&clientid={stream.client}&call={call}"
    ).encode()


def _page(status: int) -> Response:
    """Return one of nginx's own pages."""
    text = f"{status} {_REASONS[status]}"
    return Response(
        f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{text}</h1>"
        f"</center>\r\n<hr><center>{_SERVER}</center>\r\n</body>\r\n</html>\r\n",
        status,
        content_type="text/html",
    )


def _plain(text: str = "", status: int = 200) -> Response:
    """Return an answer of the control module, which names no type."""
    response = Response(text, status)
    del response.headers["Content-Type"]
    return response


class NginxRtmpEmulator(Emulator):
    """A local nginx with one RTMP application, ``live``, and one manual recorder, ``rec1``.

    One name, ``waiting``, has a viewer and no encoder.
    """

    provider = "nginx-rtmp"
    without_media: ClassVar[None] = None
    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/stat", "statistics"),
        Route("POST", "/stat", "statistics"),
        Route("GET", "/control/<section>", "control"),
        Route("GET", "/control/<section>/<path:method>", "control"),
        Route("POST", "/control/<section>/<path:method>", "control"),
    )
    #: The control module changes something in response to a GET.
    changing = "* /control/*"
    sends_webhooks = True
    #: The list is one document.
    page_size: ClassVar[None] = None
    samples: ClassVar[tuple[Mapping[str, Any], ...]] = SAMPLES
    opted_out: ClassVar[Mapping[str, str]] = {
        "test_an_update_turns_a_flag_on_and_off[record]": (
            "nginx does not show whether a recorder is running"
        ),
        **dict.fromkeys(
            (
                "test_it_has_no_paths_but_the_vendors[update]",
                "test_it_has_no_paths_but_the_vendors[stop]",
            ),
            "nginx answers an unknown method of its control module with 204 or 500",
        ),
        "test_no_field_that_is_shown_holds_a_secret": (
            "the name of a stream is its key: it protects nothing, but on_publish does"
        ),
    }

    def __init__(self, *, boot_seconds: float = 20.0) -> None:
        super().__init__(boot_seconds=boot_seconds)
        self._password = secrets.token_urlsafe(16)
        self._numbers = itertools.count(1)
        self._accepted = 0
        self._started = self.clock.now()
        self._streams: dict[str, _Stream] = {}
        self._join("waiting").is_published = False

    def options(self) -> dict[str, Any]:
        """Return the options for ``connect``."""
        viewers = "https://media.example.com/hls" if self.media is None else self.media.http_url
        return {
            "username": "operator",
            "password": self._password,
            "recorder": _RECORDER,
            "hls_url": f"{viewers}/{{name}}.m3u8",
            **({} if self.media is None else {"rtmp_url": self.media.rtmp_url}),
        }

    def other_options(self) -> dict[str, Any]:
        """Return the options for ``connect`` of another application."""
        return {**self.options(), "application": "other"}

    def other_ids(self) -> list[str]:
        """Return the names that have viewers, and no encoder."""
        return [each.name for each in self._streams.values() if not each.is_published]

    def hidden_state(self) -> dict[str, str | None]:
        """Return which streams are recorded, which the statistics do not show."""
        return {each.name: each.file for each in self._streams.values()}

    # -- outside events ---------------------------------------------------------------------

    def unused_id(self) -> str:
        """Return a name that was never published."""
        return f"stream-{secrets.token_hex(8)}"

    def encoder_connects(self, id: str) -> None:
        """Publish under a name."""
        with self.lock:
            if id in self._streams and self._streams[id].is_published:
                raise ValueError("another encoder already publishes under this name")
            stream = self._join(id)
            self._call(stream, _published(id), refused=lambda: self._refuse(stream))

    def encoder_drops(self, id: str) -> None:
        """Stop publishing. nginx then forgets the stream."""
        with self.lock:
            if id not in self._streams or not self._streams[id].is_published:
                raise ValueError("no encoder publishes under this name")
            self._leave(self._streams[id])

    def _leave(self, stream: _Stream) -> None:
        """Forget a stream whose encoder is gone."""
        del self._streams[stream.name]
        self._stop_recorder(stream)
        self._call(stream, f"publish_done&name={quote(stream.name, _UNESCAPED)}")

    def _refuse(self, stream: _Stream) -> None:
        """Drop an encoder, because the receiver of ``on_publish`` did not answer with 2xx."""
        with self.lock:
            if self._streams.get(stream.name) is stream:
                self._leave(stream)

    def _call(
        self, stream: _Stream, call: str, *, refused: Callable[[], object] | None = None
    ) -> None:
        """Send a webhook. nginx signs nothing, and adds no header."""
        headers = {"Content-Type": _FORM}
        self.send_webhook(lambda: _form(stream, call), lambda *_: headers, refused=refused)

    def is_published(self, id: str) -> bool:
        """Return whether an encoder publishes under a name."""
        with self.lock:
            return id in self._streams and self._streams[id].is_published

    def webhook(
        self, id: str, *, secret: str, body: bytes | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return the delivery of ``on_publish`` for a name, as its receiver passes it on."""
        stream = self._streams[id]
        call = _published(id)
        if not stream.is_published:
            call = f"play&name={quote(id, _UNESCAPED)}&start=4294965296&duration=0&reset=0"
        headers = {"Content-Type": _FORM, _WEBHOOK_HEADER: secret}
        return headers, _form(stream, call) if body is None else body

    # -- the server -------------------------------------------------------------------------

    def not_found(self, request: Request) -> Response:
        """Return nginx's page for an unknown location."""
        return _page(404)

    def method_not_allowed(self, request: Request) -> Response:
        """Return nginx's page for a method that a location does not handle."""
        return _page(405)

    def statistics(self, request: Request) -> Response:
        """Return the statistics. Any method and any query will do."""
        if (refused := self._refused(request)) is not None:
            return refused
        uptime = int((self.clock.now() - self._started).total_seconds())
        streams = "".join(map(self._shown, self._streams.values()))
        return Response(
            '<?xml version="1.0" encoding="utf-8" ?>\r\n'
            f"<rtmp>\r\n{_ABOUT_SERVER}<uptime>{uptime}</uptime>\r\n"
            f"<naccepted>{self._accepted}</naccepted>\r\n<bw_in>0</bw_in>\r\n"
            "<bytes_in>0</bytes_in>\r\n<bw_out>0</bw_out>\r\n<bytes_out>0</bytes_out>\r\n"
            f"<server>\r\n<application>\r\n<name>{_APPLICATION}</name>\r\n<live>\r\n{streams}"
            f"<nclients>{len(self._streams)}</nclients>\r\n</live>\r\n</application>\r\n"
            "<application>\r\n<name>other</name>\r\n<live>\r\n<nclients>0</nclients>\r\n</live>"
            "\r\n</application>\r\n</server>\r\n</rtmp>\r\n",
            content_type="text/xml",
        )

    def control(self, request: Request, section: str, method: str = "") -> Response:
        """Record a stream, or drop its encoder. Any method will do: a GET changes something too."""
        if (refused := self._refused(request)) is not None:
            return refused
        handlers: Mapping[str, Callable[[str, Mapping[str, str]], Response]] = {
            "record": self._record,
            "drop": self._drop,
            "redirect": self._redirect,
        }
        handler = handlers.get(section)
        if handler is None or not method:
            return _page(404)
        arguments: dict[str, str] = {}
        # The module compares what was sent: it decodes nothing.
        for each in request.query_string.decode("latin-1").split("&"):
            name, _, value = each.partition("=")
            arguments.setdefault(name, value)
        if arguments.get("srv", "0") != "0":
            return _page(500)
        return handler(method, arguments)

    def _record(self, method: str, arguments: Mapping[str, str]) -> Response:
        stream = self._published(arguments)
        if stream is None:
            return _plain(status=204)
        if arguments.get("rec") != _RECORDER or method not in ("start", "stop"):
            return _page(500)
        if (stream.file is None) is (method == "stop"):
            return _plain(status=204)
        seconds = int(self.clock.now().timestamp())
        file = stream.file or f"/srv/media/rec/{stream.name}-{seconds}.flv"
        if method == "start":
            stream.file = file
        else:
            self._stop_recorder(stream)
        return _plain(file)

    def _stop_recorder(self, stream: _Stream) -> None:
        if stream.file is not None:
            name = quote(stream.name, _UNESCAPED)
            path = quote(stream.file, _UNESCAPED)
            stream.file = None
            self._call(stream, f"record_done&recorder={_RECORDER}&name={name}&path={path}")

    def _drop(self, method: str, arguments: Mapping[str, str]) -> Response:
        if method != "publisher":
            return _page(500)
        dropped = self._matching(arguments)
        for each in dropped:
            self._leave(each)
        return _plain(str(len(dropped)))

    def _redirect(self, method: str, arguments: Mapping[str, str]) -> Response:
        if method != "publisher":
            return _page(500)
        moved = self._matching(arguments)
        for each in moved:
            del self._streams[each.name]
            each.name = arguments.get("newname", "")
            self._streams[each.name] = each
        return _plain(str(len(moved)))

    def _matching(self, arguments: Mapping[str, str]) -> list[_Stream]:
        """Return the streams with an encoder that match; a missing argument matches all."""
        return [
            each
            for each in self._streams.values()
            if each.is_published
            and arguments.get("app", _APPLICATION) == _APPLICATION
            and arguments.get("name", each.name) == each.name
        ]

    def _published(self, arguments: Mapping[str, str]) -> _Stream | None:
        if arguments.get("app") != _APPLICATION:
            return None
        stream = self._streams.get(arguments.get("name", ""))
        return stream if stream is not None and stream.is_published else None

    def _refused(self, request: Request) -> Response | None:
        pair = base64.b64encode(f"operator:{self._password}".encode()).decode()
        if request.headers.get("Authorization") == f"Basic {pair}":
            return None
        response = _page(401)
        response.headers["WWW-Authenticate"] = 'Basic realm="media"'
        return response

    def _join(self, name: str) -> _Stream:
        self._accepted += 1
        stream = _Stream(name, next(self._numbers), self.clock.now())
        self._streams[name] = stream
        return stream

    def _shown(self, stream: _Stream) -> str:
        """Return a stream in the statistics; characters that are not ASCII become spaces."""
        age = int((self.clock.now() - stream.since).total_seconds() * 1000)
        flags = "<publishing/>\r\n<active/>\r\n" if stream.is_published else ""
        name = "".join(chr(each) if each < 0x7F else " " for each in stream.name.encode())
        return (
            f"<stream>\r\n<name>{escape(name)}</name>\r\n<time>{age}</time><bw_in>0</bw_in>\r\n"
            "<bytes_in>0</bytes_in>\r\n<bw_out>0</bw_out>\r\n<bytes_out>0</bytes_out>\r\n"
            "<bw_audio>0</bw_audio>\r\n<bw_video>0</bw_video>\r\n"
            f"<client><id>{stream.client}</id><address>127.0.0.1</address><time>{age}</time>"
            "<flashver>FMLE/3.0 (compatible; Lavf59.27</flashver><dropped>0</dropped>"
            f"<avsync>0</avsync><timestamp>{age}</timestamp>"
            f"{flags.replace(chr(13) + chr(10), '')}</client>\r\n"
            f"{_META if stream.is_published else ''}<nclients>1</nclients>\r\n{flags}</stream>\r\n"
        )
