"""Faults that emulators inject into responses."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from .base import Emulator


class FaultKind(Enum):
    STATUS = "status"
    CUT_BODY = "cut body"
    DROP_BEFORE = "drop before"
    DROP_AFTER = "drop after"
    LATE_COMMIT = "late commit"
    DELAY = "delay"
    EDIT = "edit"


@attrs.frozen(slots=True)
class Fault:
    """A fault in a response. Create one with the class methods."""

    kind: FaultKind
    response: Callable[[], Response] | None = None
    edit: Callable[[Any, Emulator], Any] | None = None
    seconds: float = 0.0

    @classmethod
    def status(
        cls,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b'{"detail":"injected"}',
        content_type: str = "application/json",
    ) -> Fault:
        """Respond with a status and apply no change.

        Raises:
            ValueError: If no response can have such a status, or such headers.
        """
        if not 100 <= status <= 999:
            raise ValueError(f"{status} is not an HTTP status: 100 to 999")

        def response() -> Response:
            return Response(body, status, headers=dict(headers or {}), content_type=content_type)

        response()  # raises an error that a header deserves
        return cls(FaultKind.STATUS, response)

    @classmethod
    def html(cls, status: int = 200) -> Fault:
        """Respond with an HTML page, like a proxy or a captive portal, and apply no change."""
        return cls.status(status, body="<html><h1>Hello</h1></html>", content_type="text/html")

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """Respond with a redirect and apply no change."""
        return cls.status(status, headers={"Location": location}, body=b"")

    @classmethod
    def cut_body(cls) -> Fault:
        """Apply the change, and close the network connection in the middle of the response."""
        return cls(FaultKind.CUT_BODY)

    @classmethod
    def drop_before(cls) -> Fault:
        """Close the network connection before the change is applied."""
        return cls(FaultKind.DROP_BEFORE)

    @classmethod
    def drop_after(cls) -> Fault:
        """Apply the change, and close the network connection without a response."""
        return cls(FaultKind.DROP_AFTER)

    @classmethod
    def late_commit(cls, seconds: float, status: int = 504) -> Fault:
        """Respond with an error at once, and apply the change some seconds later."""
        return cls(FaultKind.LATE_COMMIT, cls.status(status).response, seconds=seconds)

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """Apply the change, and respond some seconds later."""
        return cls(FaultKind.DELAY, seconds=seconds)

    @classmethod
    def status_word(cls, word: str) -> Fault:
        """Replace the stream's status in the response with a word."""
        return cls.edited(lambda data, self: _set(data, self.status_field, word))

    @classmethod
    def missing_field(cls, path: str) -> Fault:
        """Remove a field, named by a path with dots, wherever it occurs in the response."""
        return cls.edited(lambda data, _: _set(data, path, _REMOVE))

    @classmethod
    def extra_field(cls, path: str, value: Any) -> Fault:
        """Add or replace a field, named by a path with dots, wherever its parent occurs."""
        return cls.edited(lambda data, _: _set(data, path, value, add=True))

    @classmethod
    def edited(cls, edit: Callable[[Any, Emulator], Any]) -> Fault:
        """Edit the JSON of the response with a function, which may return a replacement."""
        return cls(FaultKind.EDIT, edit=edit)


_REMOVE = object()


def _set(data: Any, path: str, value: Any, *, add: bool = False) -> Any:
    """Set or remove a field in every object that has it or, with ``add``, in every parent."""
    head, _, tail = path.partition(".")
    if isinstance(data, list):
        for item in data:
            _set(item, path, value, add=add)
    elif isinstance(data, dict):
        if tail and isinstance(data.get(head), dict):
            _set(data[head], tail, value, add=add)
        elif not tail and (head in data or add):
            if value is _REMOVE:
                del data[head]
            else:
                data[head] = value
        for name, item in data.items():
            if isinstance(item, list) or (isinstance(item, dict) and not add and name != head):
                _set(item, path, value, add=add)
    return data


@attrs.define(slots=True)
class InjectedFault:
    """A fault with the pattern of its requests, and the number of requests that are left."""

    fault: Fault
    on: str
    remaining: int
    skip: int

    def is_for(self, request: Request) -> bool:
        """Return whether the pattern matches a request."""
        return fnmatchcase(f"{request.method} {request.path}", self.on)


def drop(environ: Mapping[str, Any]) -> NoReturn:
    """Close the network connection without a response; in process, only raise the error."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError
