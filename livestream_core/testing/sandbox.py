"""The control port of a running ``livestream sandbox``, for tests in another process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from .._model.errors import ConfigurationError
from .._public import publish

#: The environment variables with the control port's URL and its token.
URL, TOKEN = "LIVESTREAM_SANDBOX_URL", "LIVESTREAM_SANDBOX_TOKEN"

_SECONDS = 30.0


class Sandbox:
    """A running ``livestream sandbox --control-port``.

    Args:
        url: The control port's URL. Defaults to the environment variable
            ``LIVESTREAM_SANDBOX_URL``.
        token: Its token. Defaults to ``LIVESTREAM_SANDBOX_TOKEN``.

    Raises:
        ConfigurationError: If a variable is missing.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self.url: str = (url or _variable(URL)).rstrip("/")
        self._token = token or _variable(TOKEN)

    def vendor(self, account: str) -> SandboxVendor:
        """Return the emulated vendor of an account.

        Args:
            account: The provider's name for its first account, and ``PROVIDER-2`` and so on for
                the others.
        """
        return SandboxVendor(self, f"/accounts/{quote(account, safe='')}")

    def advance(self, seconds: float) -> None:
        """Advance the clock of all vendors by some seconds."""
        self.send("POST", "/clock", {"advance": seconds})

    def change_webhooks(self, *, delay: float | None = None, duplicates: int | None = None) -> None:
        """Change how webhook deliveries are sent from now on.

        Args:
            delay: The seconds between an event and its delivery.
            duplicates: How many more times each delivery is sent.

        Raises:
            ValueError: If the sandbox sends none.
        """
        given = {"delay": delay, "duplicates": duplicates}
        body = {name: value for name, value in given.items() if value is not None}
        self.send("PATCH", "/webhooks", body)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request to the control port, and return the data of its response.

        Raises:
            ValueError: If the request is refused; the message says what is known instead.
            NotImplementedError: If the emulator does not have the event.
            ConfigurationError: If the token is wrong.
            ConnectionError: If no sandbox can be reached.
        """
        problem = ""
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy is not meant for it
                response = session.request(
                    method,
                    f"{self.url}{path}",
                    json=body,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=_SECONDS,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            problem = type(error).__name__
        if problem:
            raise ConnectionError(f"no sandbox can be reached at {self.url}: {problem}")
        if response.ok:
            return response.json()
        if response.status_code == 401:
            raise ConfigurationError(
                "the sandbox refuses the token", hint=f"set {TOKEN} to the one that it printed"
            )
        text = _message(response.text)
        raise NotImplementedError(text) if response.status_code == 501 else ValueError(text)


class SandboxVendor:
    """An emulated vendor in another process. Its methods are those of the emulator."""

    def __init__(self, sandbox: Sandbox, path: str) -> None:
        self._sandbox, self._path = sandbox, path

    def connect_encoder(self, id: str) -> None:
        """Connect an encoder that publishes to a stream."""
        self._cause("connect_encoder", id=id)

    def drop_encoder(self, id: str) -> None:
        """Close the encoder's network connection."""
        self._cause("drop_encoder", id=id)

    def finish_recording(self, id: str) -> None:
        """Finish the recording."""
        self._cause("finish_recording", id=id)

    def fail_stream(self, id: str) -> None:
        """Make the stream fail, if the vendor has a status for that."""
        self._cause("fail_stream", id=id)

    def add_stream(self) -> str:
        """Make a stream in another way than by the API, and return its ID."""
        return self._cause("add_stream")

    def inject(
        self, fault: str, *, on: str = "*", times: int = 1, skip: int = 0, **parameters: Any
    ) -> None:
        """Inject a fault into the responses to some requests.

        Args:
            fault: The name of the fault, as in ``Fault``, such as ``"status"``.
            on: A pattern for the method and the path of the requests, such as ``"POST */stop/"``.
            times: The number of matching requests to affect.
            skip: The number of matching requests to leave unaffected first.
            parameters: The fault's own parameters, such as ``status=503``.
        """
        body = {"fault": fault, "on": on, "times": times, "skip": skip, **parameters}
        self._sandbox.send("POST", f"{self._path}/faults", body)

    def clear_faults(self) -> None:
        """Remove all injected faults."""
        self._sandbox.send("DELETE", f"{self._path}/faults")

    @property
    def requests(self) -> list[dict[str, Any]]:
        """All requests that the vendor has received, in order, with secrets masked."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._sandbox.send("GET", f"{self._path}/requests?since={len(found)}")
            if not page["requests"]:
                return found
            found += page["requests"]

    def _cause(self, event: str, **arguments: str) -> str:
        answer = self._sandbox.send("POST", f"{self._path}/events", {"event": event, **arguments})
        return str(answer["id"])


def _message(body: str) -> str:
    """Return the message of a refusal, with what is known instead."""
    try:
        data = json.loads(body)
        message = data.pop("error")
    except (ValueError, KeyError, AttributeError):
        return body
    return "; ".join([message, *(f"{name}: {', '.join(known)}" for name, known in data.items())])


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(
            f"the environment variable {name} is not set",
            hint="start `livestream sandbox --control-port 0`, and export what it prints",
        )
    return value


publish("livestream_core.testing", [Sandbox, SandboxVendor])
