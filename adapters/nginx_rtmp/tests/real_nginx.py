"""A real nginx with the RTMP module, for the conformance kit and for a few tests of its own."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

from defusedxml.ElementTree import fromstring

from livestream_core.testing import RealServer
from livestream_nginx_rtmp.emulator import NginxRtmpEmulator

_MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/share/nginx/modules"))
_CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log stderr notice;
load_module {module};
events {{ worker_connections 256; }}
rtmp {{ server {{
    listen 127.0.0.1:{rtmp};
    application live {{
        live on;
        hls on; hls_path {folder}/hls; hls_fragment 1s;
        recorder rec1 {{ record all manual; record_path {folder}/rec; record_unique on; }}
        on_publish {hook}; on_publish_done {hook}; on_play {hook}; on_record_done {hook};
    }}
    application other {{ live on; }}
}} }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    auth_basic "media"; auth_basic_user_file {folder}/users;
    server {{
        listen 127.0.0.1:{http};
        location = /stat {{ rtmp_stat all; }}
        location /control/ {{ rtmp_control all; }}
        location /hls/ {{ root {folder}; auth_basic off; }}
        {more}
    }}
}}
"""


def _module() -> Path | None:
    found = (each / "ngx_rtmp_module.so" for each in _MODULES)
    return next((each for each in found if each.exists()), None)


class RealNginx(RealServer):
    """Debian's nginx with libnginx-mod-rtmp."""

    provider = "nginx-rtmp"
    programs = ("nginx",)
    changing = NginxRtmpEmulator.changing
    page_size: ClassVar[None] = None
    #: The statistics show how long a stream has been live, and their date has no milliseconds.
    approximate = ("started_at",)
    opted_out: ClassVar[Mapping[str, str]] = NginxRtmpEmulator.opted_out
    samples = NginxRtmpEmulator.samples

    def __init__(self, more: str = "") -> None:
        """Prepare a server.

        Args:
            more: More directives of its HTTP server, with a location for the webhooks, ``/hooks``,
                that passes them on to ``{hook}``.
        """
        super().__init__()
        self._more = more
        self._password = secrets.token_urlsafe(16)
        self._is_waiting = False

    @classmethod
    def missing(cls) -> str | None:
        """Return what is not installed."""
        return super().missing() or (
            "not installed: libnginx-mod-rtmp" if _module() is None else None
        )

    def options(self) -> dict[str, Any]:
        """Return the options for ``connect``."""
        return {
            "username": "operator",
            "password": self._password,
            "recorder": "rec1",
            "rtmp_url": f"rtmp://127.0.0.1:{self.rtmp}/live",
        }

    def other_options(self) -> dict[str, Any]:
        """Return the options for ``connect`` of another application."""
        return {**self.options(), "application": "other"}

    def start(self) -> None:
        """Start nginx in one process, because each worker has its own streams."""
        (self.folder / "rec").mkdir(mode=0o777)
        (self.folder / "users").write_text(f"operator:{{PLAIN}}{self._password}\n")
        self.rtmp, _ = self.launch(self._run, ports=2)

    def _run(self, rtmp: int, http: int) -> subprocess.Popen[bytes]:
        self.origin = f"http://127.0.0.1:{http}"
        (self.folder / "nginx.conf").write_text(
            _CONFIGURATION.format(
                module=_module(),
                rtmp=rtmp,
                http=http,
                folder=self.folder,
                hook=f"{self.origin}/hooks" if self._more else self.hook_url,
                more=self._more.replace("{hook}", self.hook_url),
            )
        )
        nginx = self.which("nginx")
        assert nginx is not None
        return self.run(nginx, "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "stderr")

    def publish_url(self, id: str) -> str:
        """Return the address of a name."""
        return f"rtmp://127.0.0.1:{self.rtmp}/live/{id}"

    def is_published(self, id: str) -> bool:
        """Return whether the statistics have a publisher of this name."""
        return self._flags().get(id, False)

    def other_ids(self) -> list[str]:
        """Let a viewer wait for an encoder, and return the name."""
        if not self._is_waiting:
            self._is_waiting = True
            self.play_ffmpeg("-i", self.publish_url("waiting"), "-f", "null", "-")
        self.wait_for(lambda: "waiting" in self._flags(), "the viewer waits")
        return ["waiting"]

    def hidden_state(self) -> set[str]:
        """Return the recordings that nginx writes now."""
        pid = (self.folder / "nginx.pid").read_text().strip()
        files = set()
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed in the meantime, so nothing writes it
                files.add(os.readlink(each))
        return {each for each in files if each.endswith(".flv")}

    def webhook(
        self, id: str, *, secret: str, body: bytes | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return what nginx has sent about a name, with a secret as the receiver adds it."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Livestream-Token": secret,
        }
        if body is None:
            [body, *_] = [
                sent
                for _, sent in self.deliveries
                if parse_qs(sent.decode())["name"] == [id] and b"&call=p" in sent
            ]
        return headers, body

    def _flags(self) -> dict[str, bool]:
        pair = base64.b64encode(f"operator:{self._password}".encode()).decode()
        _, _, body = self.send("GET", "/stat", {"Authorization": f"Basic {pair}"})
        return {
            str(each.findtext("name")): each.find("active") is not None
            for each in fromstring(body).iterfind("server/application/live/stream")
        }
