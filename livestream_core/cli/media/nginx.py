"""nginx with its RTMP module, in a temporary folder, on the loopback interface."""

from __future__ import annotations

import http.client
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import attrs

from ..._model.errors import ConfigurationError
from ...emulator.programs import leashed, listens, rtmp_module, which

#: How long nginx may take to start, on a machine that is very busy.
_PATIENCE = 60.0
_POLL_SECONDS = 0.05
#: nginx cleans up the segments of HLS in a process of its own, so it runs with a master. The
#: control module speaks for one worker.
_CONFIGURATION = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr notice;{user}
load_module {module};
events {{ worker_connections 1024; }}
rtmp {{ server {{ listen 127.0.0.1:{rtmp}; {applications} }} }}
http {{
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
    uwsgi_temp_path temp; scgi_temp_path temp;
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; video/mp4 mp4; }}
    server {{
        listen 127.0.0.1:{http}; server_name 127.0.0.1;
        root {folder}/www;
        add_header Cache-Control no-cache; add_header Access-Control-Allow-Origin *;
        location /{control}/ {{ rtmp_control all; }}
    }}
}}
"""
_APPLICATION = """
application {name} {{
    live on; drop_idle_publisher 30s;
    hls on; hls_nested on; hls_path {folder}/live/{name}; hls_fragment 1s; hls_playlist_length 8s;
    hls_continuous on;
    recorder all {{ record all; record_path {folder}/recorded/{name}; record_unique on; }}
    on_publish {hook}; on_publish_done {hook}; on_record_done {hook};
}}
"""


def missing() -> str | None:
    """Return what is not installed, with the name that Debian has for it, or ``None``."""
    absent = [name for name in ("nginx", "ffmpeg") if which(name) is None]
    absent += ["libnginx-mod-rtmp"] if rtmp_module() is None else []
    return ", ".join(absent) or None


@attrs.frozen(slots=True)
class Nginx:
    """A running nginx.

    Attributes:
        folder: A private folder. ``www`` in it is what nginx serves, ``live`` has the segments and
            playlists of each application and stream, ``recorded`` the recordings.
        rtmp: The port for encoders.
        http: The port for viewers.
    """

    folder: Path
    rtmp: int
    http: int
    _control: str = attrs.field(repr=False)

    def is_ready(self) -> bool:
        """Return whether it answers: another server may have one of the ports."""
        try:
            return self._request("drop/publisher", timeout=1.0, app="-", name="-") == 200
        except (OSError, http.client.HTTPException):
            return False

    def drop(self, application: str, name: str) -> None:
        """Disconnect the encoder that publishes under a name, if there is one."""
        self._request("drop/publisher", app=application, name=name)

    def stop_recording(self, application: str, name: str) -> None:
        """Finish the file that nginx records, while the encoder stays connected."""
        self._request("record/stop", app=application, name=name, rec="all")

    def _request(self, method: str, *, timeout: float = _PATIENCE, **arguments: str) -> int:
        query = urlencode(arguments)
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=timeout)
        try:
            connection.request("GET", f"/{self._control}/{method}?{query}")
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()


@contextmanager
def running(folder: Path, hooks: Mapping[str, str], *, rtmp: int, http: int) -> Iterator[Nginx]:
    """Run nginx until the end of the block.

    Args:
        folder: An empty, private folder.
        hooks: The names of the applications, and to which URL nginx posts what happens there.
        rtmp: The port for encoders.
        http: The port for viewers.

    Raises:
        ConfigurationError: If something is not installed, or a port is in use.
    """
    nginx, module = which("nginx"), rtmp_module()
    if (absent := missing()) or nginx is None:
        raise ConfigurationError(
            f"real media needs programs that are not installed: {absent}",
            hint="install them; on Debian: apt-get install nginx libnginx-mod-rtmp ffmpeg",
        )
    control = secrets.token_urlsafe(16)
    for name in hooks:
        for part in ("live", "recorded", "www"):
            (folder / part / name).mkdir(parents=True)
    configuration = _CONFIGURATION.format(
        # Only root can choose; its workers would otherwise not reach the private folder.
        user=" user root;" if os.geteuid() == 0 else "",
        module=module,
        rtmp=rtmp,
        http=http,
        folder=folder,
        control=control,
        applications="".join(
            _APPLICATION.format(name=name, folder=folder, hook=hook) for name, hook in hooks.items()
        ),
    )
    (folder / "nginx.conf").write_text(configuration)
    command = (nginx, "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr")
    with (folder / "nginx.log").open("ab") as log:
        process = leashed(*command, folder=folder, log=log)
    try:
        started = Nginx(folder, rtmp, http, control)
        deadline = time.monotonic() + _PATIENCE
        while not (started.is_ready() and listens(rtmp)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ConfigurationError(
                    f"nginx does not start: {_last_error(folder / 'nginx.log')}",
                    hint="choose another --port-base if a port is in use",
                )
            time.sleep(_POLL_SECONDS)
        yield started
    finally:
        process.communicate()


def _last_error(log: Path) -> str:
    lines: Iterable[str] = log.read_text("utf-8", "replace").splitlines()
    serious = [line for line in lines if "[emerg]" in line or "[alert]" in line]
    return serious[0].rpartition("] ")[2] if serious else "it does not say why"
