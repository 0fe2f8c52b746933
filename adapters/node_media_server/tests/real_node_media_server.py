"""A real Node-Media-Server, for the conformance kit and for a few tests of its own.

One server is enough for all tests of a process, because each test has an application of its own.
It takes a second to start, and forgets a stream only 30 seconds after its encoder.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import hmac
import itertools
import json
import secrets
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from livestream_core.emulator import Request, Response
from livestream_core.testing import RealServer
from livestream_node_media_server.emulator import NodeMediaServerEmulator

_PACKAGE = Path(__file__).parent / "server/node_modules/node-media-server"
_USER, _PASSWORD = "admin", secrets.token_urlsafe(16)
_JWT_SECRET = secrets.token_hex(16)


class _Shared(RealServer):
    """The server of this process."""

    provider = "node-media-server"

    def start(self) -> None:
        self.rtmp, _ = self.launch(self._run, ports=2)

    def _run(self, rtmp: int, http: int) -> subprocess.Popen[bytes]:
        self.origin = f"http://127.0.0.1:{http}"
        user = {"username": _USER, "password": _PASSWORD, "role": "admin"}
        # A copy, because the server writes hashes of the passwords into it.
        (self.folder / "config.json").write_text(
            json.dumps(
                {
                    "bind": "127.0.0.1",
                    "notify": {"url": self.hook_url},
                    "store": {"path": "./data", "maxHistory": 1000},
                    "auth": {
                        "play": False,
                        "publish": False,
                        "secret": secrets.token_hex(16),
                        "jwt": {
                            "secret": _JWT_SECRET,
                            "expiresIn": "24h",
                            "algorithm": "HS256",
                            "users": [user],
                        },
                    },
                    "rtmp": {"port": rtmp},
                    "http": {"port": http},
                    "webadmin": {"enable": False},
                    "record": {"auto": False, "path": "./record"},
                }
            )
        )
        node = self.which("node")
        assert node is not None
        return self.run(node, _PACKAGE / "bin/app.js", "-c", self.folder / "config.json")


_shared: _Shared | None = None
_addresses = itertools.count(2)


def _server() -> _Shared:
    """Return the server of this process, which ends with the process."""
    global _shared
    if _shared is None:
        stack = ExitStack()
        _shared = _Shared()
        stack.enter_context(_shared.running())
        atexit.register(stack.close)
    return _shared


def _token() -> str:
    """Return a token of the API. Logging in is limited to ten times a minute."""
    now = int(time.time())
    parts = {"alg": "HS256", "typ": "JWT"}, {"username": _USER, "iat": now, "exp": now + 86_400}
    signed = ".".join(
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts
    )
    digest = hmac.new(_JWT_SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


class RealNodeMediaServer(RealServer):
    """Version 4.4.3 from npm, which ``make kit-real`` installs."""

    provider = "node-media-server"
    programs = ("node",)
    #: With sound: without it, the entry of a stream lacks some fields.
    picture = (
        *("-f", "lavfi", "-i", "sine"),
        *RealServer.picture,
        *("-c:a", "aac"),
    )
    status_field = NodeMediaServerEmulator.status_field
    page_size: ClassVar[None] = None
    opted_out: ClassVar[Mapping[str, str]] = NodeMediaServerEmulator.opted_out
    samples = NodeMediaServerEmulator.samples

    def __init__(self) -> None:
        super().__init__()
        self.application = f"app-{secrets.token_hex(8)}"

    @classmethod
    def missing(cls) -> str | None:
        """Return what is not installed."""
        found = super().missing()
        if found is None and not _PACKAGE.is_dir():
            found = "not installed: node-media-server, which make kit-real installs"
        return found

    def options(self) -> dict[str, Any]:
        """Return the options for ``connect`` with a token."""
        return {"token": _token(), **self._others()}

    def login_options(self) -> dict[str, Any]:
        """Return the options for ``connect`` with a password."""
        return {"username": _USER, "password": _PASSWORD, **self._others()}

    def other_options(self) -> dict[str, Any]:
        """Return the options for ``connect`` of another application."""
        return {**self.options(), "application": "other"}

    def _others(self) -> dict[str, Any]:
        url = f"rtmp://127.0.0.1:{_server().rtmp}/{self.application}"
        return {"application": self.application, "rtmp_url": url}

    def start(self) -> None:
        """Use the server of this process, from an address whose limits no other test uses up."""
        server, number = _server(), next(_addresses)
        self.origin, self.deliveries = server.origin, server.deliveries
        self.address = f"127.0.{number // 250}.{number % 250 + 2}"

    def publish_url(self, id: str) -> str:
        """Return the address of a name."""
        return f"rtmp://127.0.0.1:{_server().rtmp}/{self.application}/{id}"

    def is_published(self, id: str) -> bool:
        """Return whether the server shows an encoder of this name."""
        return self._status(f"/{self.application}/{id}") == "publishing"

    def webhook(
        self, id: str, *, secret: str, body: bytes | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return what the server has sent about a name, with a secret as the receiver adds it."""
        if body is None:
            self.wait_for(lambda: self._published(id), "the server has sent its webhook")
            body = self._published(id)[0]
        return {"Content-Type": "text/plain;charset=UTF-8", "X-Livestream-Token": secret}, body

    def _dispatch(self, request: Request) -> Response:
        response = super()._dispatch(request)
        is_kick = request.method == "DELETE" and "/sessions/" in request.path
        if is_kick and response.status_code == 200:
            # The server answers before it has noticed that the connection is closed.
            session = request.path.rpartition("/")[2]
            self.wait_for(lambda: session not in self._publishing(), "the encoder is gone")
        return response

    def _published(self, id: str) -> list[bytes]:
        sent = [(json.loads(body), body) for _, body in self.deliveries]
        about = {"app": self.application, "name": id, "action": "postPublish"}
        return [body for delivery, body in sent if about.items() <= delivery.items()]

    def _status(self, path: str) -> str:
        _, _, body = self.send("GET", f"/api/v1/streams{path}/urls", self._headers())
        return str(json.loads(body)["data"]["status"])

    def _publishing(self) -> set[str]:
        """Return the sessions of the encoders that are connected."""
        _, _, body = self.send("GET", "/api/v1/streams", self._headers())
        streams = json.loads(body)["data"]["streams"]
        return {each["publisher"]["id"] for each in streams if each["status"] == "publishing"}

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {_token()}"}
