"""An RTMP server for tests: Debian's nginx with its RTMP module, in a temporary folder.

It posts over HTTP what each publisher requested, which shows how the server has read the address.
It also serves broadcasts and recordings as HLS.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from livestream_core.cli.media.nginx import missing
from livestream_core.emulator.programs import free_port, leashed, listens, rtmp_module, which

#: Generous, for a busy machine: everything usually takes two seconds.
_PATIENCE = 180.0
#: The form that on_publish posts. The arguments of a name come last, as they were sent.
_PUBLISH = re.compile(
    r"app=(?P<app>[^&]*)&.*?&tcurl=rtmp://[^/]*/(?P<application>[^&]*)&.*"
    r"&call=publish&name=(?P<name>[^&]*)&type=live(?:&(?P<args>.*))?"
)
_ENCODED = ["-c:v", "flv1"]
#: The application whose streams are also served as HLS.
_BROADCAST = "broadcast"
#: A picture and a tone, with a key frame every second.
_PICTURE = [
    *("-f", "lavfi", "-i", "testsrc=size=320x180:rate=10", "-f", "lavfi", "-i", "sine"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10", "-b:v", "100k"),
    *("-c:a", "aac", "-b:a", "64k"),
]


class NoRtmp(Exception):
    """nginx-rtmp or ffmpeg is not available; the message says why."""


class Published(NamedTuple):
    """The request of a publisher.

    Attributes:
        application: The application, with its query.
        name: The stream's name, with its query.
    """

    application: str
    name: str


class RtmpServer:
    """A running server, and ffmpeg to publish to it."""

    def __init__(
        self, ffmpeg: str, port: int, hosts: Sequence[str], seen: list[str], served: Path, hls: int
    ) -> None:
        self._ffmpeg = ffmpeg
        help = [ffmpeg, "-hide_banner", "-h", "protocol=rtmp"]
        known = subprocess.run(help, capture_output=True, timeout=_PATIENCE, check=False).stdout
        #: Without it, each of a connection's five messages waits for a delayed acknowledgment.
        self._options = ["-tcp_nodelay", "1"] if b"-tcp_nodelay" in known else []
        self._port = port
        self._seen = seen
        self.hosts = hosts
        #: The folder with the playlists and segments, and where it is served.
        self.served = served
        self.hls_origin = f"http://127.0.0.1:{hls}"

    def moved_here(self, text: str) -> str:
        """Return an address with its host and port replaced by this server's."""
        host = "[::1]" if "://[" in text else "127.0.0.1"
        here = rf"rtmp://\g<user>{host}:{self._port}"
        return re.sub(r"^rtmps?://(?P<user>[^/?#@]*@)?[^/?#]*", here, text)

    def can_move(self, text: str) -> bool:
        """Return whether this machine has an address of the same kind, such as IPv6."""
        return "://[" not in text or "[::1]" in self.hosts

    def publish(self, *outputs: Sequence[str]) -> tuple[bool, list[Published]]:
        """Publish with ffmpeg to all outputs, each given by its arguments.

        Returns:
            Whether ffmpeg succeeded, and the requests that the server received.
        """
        self._seen.clear()
        command = [self._ffmpeg, "-hide_banner", "-loglevel", "error"]
        command += ["-f", "lavfi", "-i", "testsrc=size=16x16:rate=5"]
        for output in outputs:
            command += ["-t", "0.4", *_ENCODED, *self._options, *output]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
        asked = [_PUBLISH.fullmatch(each) for each in [*self._seen] if "&call=publish&" in each]
        return done.returncode == 0, [
            Published(
                unquote(each["application"]),
                unquote(each["name"]) + ("" if each["args"] is None else f"?{each['args']}"),
            )
            for each in asked
            if each is not None
        ]

    @contextmanager
    def broadcast(self, name: str) -> Iterator[None]:
        """Publish a picture in real time until the end of the block, for ``/NAME.m3u8``."""
        address = f"rtmp://127.0.0.1:{self._port}/{_BROADCAST}/{name}"
        command = [self._ffmpeg, "-loglevel", "error", "-re", *_PICTURE, "-f", "flv", address]
        folder = Path(tempfile.mkdtemp(prefix="encoder-"))
        with (folder / "log").open("wb") as log:
            process = leashed(*command, folder=folder, log=log, signal="KILL", is_temporary=True)
        try:
            yield
        finally:
            process.communicate()

    def record(self, seconds: int) -> None:
        """Write a complete recording with two renditions into the folder that is served."""
        command = [self._ffmpeg, "-loglevel", "error", *_PICTURE, "-t", str(seconds)]
        command += ["-map", "0:v", "-map", "1:a", "-map", "0:v", "-map", "1:a", "-s:v:1", "160x90"]
        command += ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"]
        command += ["-master_pl_name", "master.m3u8", "-var_stream_map", "v:0,a:0 v:1,a:1"]
        subprocess.run([*command, "r%v.m3u8"], cwd=self.served, check=True, timeout=_PATIENCE)


@contextmanager
def rtmp_server(applications: Iterable[str]) -> Iterator[RtmpServer]:
    """Serve some applications until the end of the block.

    Raises:
        NoRtmp: If nginx-rtmp or ffmpeg is not available.
    """
    nginx, ffmpeg, module = which("nginx"), which("ffmpeg"), rtmp_module()
    if nginx is None or module is None or ffmpeg is None:
        raise NoRtmp(f"not installed: {missing()}")
    folder = Path(tempfile.mkdtemp(prefix="rtmp-"))
    with _listening() as (callbacks, seen):
        port, hls = free_port(), free_port()
        (served := folder / "hls").mkdir()
        hosts = ["127.0.0.1", *(["[::1]"] if _has_ipv6() else [])]
        (folder / "nginx.conf").write_text(
            _configuration(module, hosts, port, callbacks, applications, served, hls)
        )
        command: list[str | Path] = [nginx, "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"]
        with (folder / "log").open("wb") as log:
            process = leashed(*command, folder=folder, log=log, is_temporary=True)
        try:
            _wait_for(port, folder / "log")
            yield RtmpServer(ffmpeg, port, hosts, seen, served, hls)
        finally:
            process.communicate()
            shutil.rmtree(folder, ignore_errors=True)


def _configuration(
    module: Path,
    hosts: Sequence[str],
    port: int,
    callbacks: str,
    applications: Iterable[str],
    served: Path,
    hls: int,
) -> str:
    listen = " ".join(f"listen {host}:{port};" for host in hosts)
    listed = "\n".join(
        f'application "{name}" {{ live on; on_publish {callbacks}; }}'
        for name in sorted(set(applications))
    )
    # These would otherwise be system folders.
    temporary = " ".join(
        f"{kind}_temp_path temp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off; master_process off; pid nginx.pid; error_log stderr info;
load_module {module};
events {{ worker_connections 256; }}
rtmp {{ server {{ {listen} max_message 1M;
{listed}
application {_BROADCAST} {{ live on; hls on; hls_path {served}; hls_fragment 1s; hls_playlist_length 5s; }}
}} }}
http {{ access_log off; {temporary}
server {{ listen 127.0.0.1:{hls}; root {served}; }}
}}
"""


@contextmanager
def _listening() -> Iterator[tuple[str, list[str]]]:
    """Provide an address that records what is posted to it, until the end of the block."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", seen
        finally:
            server.shutdown()
            thread.join()


def _has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not listens(port):
        if time.monotonic() > deadline:
            raise NoRtmp(f"the server does not start: {log.read_text()}")
        time.sleep(0.05)
