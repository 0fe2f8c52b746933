"""Faults: what goes wrong with an answer."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

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
    """Something that goes wrong with an answer. Made by its class methods."""

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
        """This status instead of the answer; nothing is carried out."""

        def response() -> Response:
            return Response(body, status, headers=dict(headers or {}), content_type=content_type)

        return cls(FaultKind.STATUS, response)

    @classmethod
    def html(cls, status: int = 200) -> Fault:
        """A page of HTML, as a proxy or a captive portal sends; nothing is carried out."""
        return cls.status(status, body="<html><h1>Hello</h1></html>", content_type="text/html")

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """A redirect; nothing is carried out."""
        return cls.status(status, headers={"Location": location}, body=b"")

    @classmethod
    def cut_body(cls) -> Fault:
        """Carried out; the connection closes in the middle of the answer's body."""
        return cls(FaultKind.CUT_BODY)

    @classmethod
    def drop_before(cls) -> Fault:
        """The connection closes before anything is carried out."""
        return cls(FaultKind.DROP_BEFORE)

    @classmethod
    def drop_after(cls) -> Fault:
        """Carried out; the connection closes without an answer."""
        return cls(FaultKind.DROP_AFTER)

    @classmethod
    def late_commit(cls, seconds: float, status: int = 504) -> Fault:
        """Answered with an error at once, and carried out so many seconds later."""
        return cls(FaultKind.LATE_COMMIT, cls.status(status).response, seconds=seconds)

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """Carried out; the answer comes so many seconds later."""
        return cls(FaultKind.DELAY, seconds=seconds)

    @classmethod
    def status_word(cls, word: str) -> Fault:
        """The answer has this word where the stream's status stands."""
        return cls.edited(lambda data, self: _set(data, self.status_field, word))

    @classmethod
    def missing_field(cls, path: str) -> Fault:
        """The answer lacks a field, named by a path with dots, wherever it occurs."""
        return cls.edited(lambda data, _: _set(data, path, _REMOVE))

    @classmethod
    def extra_field(cls, path: str, value: Any) -> Fault:
        """The answer has one more field next to, or instead of, that at the path's parent."""
        return cls.edited(lambda data, _: _set(data, path, value, anew=True))

    @classmethod
    def edited(cls, edit: Callable[[Any, Emulator], Any]) -> Fault:
        """The answer's JSON is changed by a function, which may also return another."""
        return cls(FaultKind.EDIT, edit=edit)


_REMOVE = object()


def _set(data: Any, path: str, value: Any, *, anew: bool = False) -> Any:
    """Sets or removes a field in every object of some JSON that has it (or, anew, its parent)."""
    head, _, tail = path.partition(".")
    if isinstance(data, list):
        for item in data:
            _set(item, path, value, anew=anew)
    elif isinstance(data, dict):
        if tail and isinstance(data.get(head), dict):
            _set(data[head], tail, value, anew=anew)
        elif not tail and (head in data or anew):
            if value is _REMOVE:
                del data[head]
            else:
                data[head] = value
        for name, item in data.items():
            if isinstance(item, list) or (isinstance(item, dict) and not anew and name != head):
                _set(item, path, value, anew=anew)
    return data


@attrs.define(slots=True)
class InjectedFault:
    """A fault, the requests that it is for, and how many of them it has left."""

    fault: Fault
    on: str
    left: int
    skip: int

    def is_for(self, request: Request) -> bool:
        """Tell whether the pattern matches a request."""
        return fnmatchcase(f"{request.method} {request.path}", self.on)


def drop(environ: Mapping[str, Any]) -> None:
    """Ends the exchange without an answer, over a socket as in process."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError
