"""Vendors' official SDKs behind one interface for each vendor."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import mux_python

from .operations import BY_NAME

FOLDER = Path(__file__).parent


class Refused(Exception):
    """The SDK raised an error.

    Attributes:
        status: The HTTP status that the SDK saw, or 0.
        body: The error's body as the SDK gives it.
    """

    def __init__(self, status: int, body: Any, message: str = "") -> None:
        super().__init__(f"{status} {message}".strip())
        self.status, self.body = status, body


class PythonSDK:
    """``mux_python`` from PyPI. It ignores unknown fields, and checks what it sends."""

    name = "mux_python"
    pages_by_itself = False

    def call(
        self,
        origin: str,
        options: Mapping[str, str],
        operation: str,
        *ids: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        """Carry out an operation, and return the SDK's own object as plain data."""
        known = BY_NAME[operation]
        owner, _, method = known.python.partition(".")
        configuration = mux_python.Configuration(
            host=origin, username=options["token_id"], password=options["token_secret"]
        )
        with mux_python.ApiClient(configuration) as client:
            values = list(ids)
            if known.body is not None:
                # The SDK's own reading of JSON: nested models, and no field that it does not know.
                values.append(client._ApiClient__deserialize(body, known.body))
            try:
                answer = getattr(getattr(mux_python, owner)(client), method)(
                    *values, **(query or {})
                )
            except mux_python.exceptions.ApiException as error:
                found = json.loads(error.body or "null")
                raise Refused(error.status, found, str(found)) from None
        data = getattr(answer, "data", None)
        return _plain([each.to_dict() for each in data] if isinstance(data, list) else data)


def _plain(value: Any) -> Any:
    """Return plain data: the SDK has None for what is not in an answer."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


class _Node:
    """An SDK from npm, in a process of its own. It does not check types at run time."""

    #: The package, and the name of its client in ``sdk.mjs``.
    name: ClassVar[str]
    vendor: ClassVar[str]

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "sdk.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    @classmethod
    def is_installed(cls) -> bool:
        """Whether Node.js and the package are installed."""
        return (FOLDER / "node_modules" / cls.name).is_dir() and shutil.which("node") is not None

    def close(self) -> None:
        """End the process."""
        with self._process:
            pass  # closes its standard input, and waits

    def send(self, **call: Any) -> Any:
        """Send a call to the process, and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"vendor": self.vendor, **call}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "view" not in answer:
            raise Refused(answer["refused"], answer["body"], answer["message"])
        return answer["view"]


class NodeSDK(_Node):
    """``@mux/mux-node`` from npm."""

    name = "@mux/mux-node"
    vendor = "mux"
    pages_by_itself = True

    def call(
        self,
        origin: str,
        options: Mapping[str, str],
        operation: str,
        *ids: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        all_pages: bool = False,
    ) -> Any:
        """Carry out an operation, and return what the SDK's promise gives."""
        values = [*ids, *(each for each in (body, query) if each is not None)]
        method = BY_NAME[operation].node
        return self.send(
            origin=origin, options=dict(options), method=method, values=values, all=all_pages
        )

    def webhooks(self, method: str, *values: Any) -> Any:
        """Call a method of ``mux.webhooks``."""
        options = {"token_id": "none", "token_secret": "none"}
        return self.send(
            origin="http://127.0.0.1:9", options=options, method=f"webhooks.{method}", values=values
        )


class VideoSDK(_Node):
    """``@videosdk.live/server-sdk`` from npm, which speaks API v2."""

    name = "@videosdk.live/server-sdk"
    vendor = "videosdk"

    def call(
        self,
        origin: str,
        options: Mapping[str, str],
        method: str,
        *values: Any,
        all_pages: bool = False,
    ) -> Any:
        """Call a method, such as ``rooms.create``, and return what its promise resolves to."""
        return self.send(
            origin=origin, options=dict(options), method=method, values=values, all=all_pages
        )
