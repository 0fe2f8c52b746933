"""What the doors do with a request: its account, its body up to the limit, and its headers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

from .._contract.foreign import is_of_signal_handler
from .._contract.response import Headers
from .._model.converters import is_encodable
from .receiving import Answer, refused, too_long, unknown

NOT_POST = Answer(405, "only POST is allowed")
CUT = Answer(400, "the body was cut off")
#: The digits of the longest length that is read. No limit of a body comes near it.
_MOST_DIGITS = 18

#: The account, the headers, and the body of a delivery.
Taken: TypeAlias = tuple[str, Headers, bytes]


class Body:
    """A body while it is read, up to a limit.

    Attributes:
        wanted: The number of bytes to read next; 0 at the end of the body, or beyond the limit.
    """

    def __init__(self, account: str, declared: str | None, max_body: int) -> None:
        """Prepare to read a body.

        Args:
            account: The account, for the log.
            declared: The header Content-Length, or ``None`` if the request does not have it.
            max_body: The limit, in bytes.
        """
        self._account, self._max_body = account, max_body
        self._pieces: list[bytes] = []
        self._is_declared = declared is not None
        # One byte more than the limit proves that a body without a length is too long.
        size = max_body + 1 if declared is None else _number(declared)
        self._is_too_long = self._is_declared and size > max_body
        self.wanted: int = 0 if self._is_too_long else size

    def add(self, piece: bytes) -> None:
        """Add the bytes that were read."""
        self._pieces.append(piece)
        self.wanted = max(self.wanted - len(piece), 0)
        if not self.wanted and not self._is_declared:
            self._is_too_long = True

    def end(self, *, is_cut: bool = False) -> bytes | Answer:
        """Return the body, or the answer if it is too long, or was cut off.

        Args:
            is_cut: Whether the connection was lost before the end.
        """
        if self._is_too_long:
            return too_long(self._account, self._max_body)
        if is_cut or (self._is_declared and self.wanted):
            return refused(CUT, self._account, "its body was cut off")
        return b"".join(self._pieces)


def _number(length: str) -> int:
    # Servers refuse other texts, and Python converts none with thousands of digits. A negative
    # number would mean to read without a limit.
    is_number = length.isdecimal() and len(length) <= _MOST_DIGITS
    return int(length) if is_number else sys.maxsize


def account_of_request(account: Callable[[], object]) -> str | Answer:
    """Return the account of a request as text, or the answer if the URL names none.

    Args:
        account: The function that returns it, or raises a ``LookupError``. A converter of the
            framework may have made a number or a UUID of it.
    """
    try:
        found = account()
    except LookupError:
        found = None
    name = "" if found is None else str(found)
    # A database refuses a NUL with an error of its own, so an application could not look it up.
    return name if name and "\0" not in name and is_encodable(name) else unknown(name)


def take(
    environ: Mapping[str, Any],
    account: Callable[[], object],
    read: Callable[[int], bytes],
    max_body: int,
) -> Taken | Answer:
    """Return the delivery that a WSGI request contains, or the answer if it contains none.

    Args:
        environ: The variables of the request, as PEP 3333 has them.
        account: The function that returns the account, or raises a ``LookupError``.
        read: The function that reads a number of bytes of the body. It returns none at the end, and
            raises an ``OSError`` if the connection is lost.
        max_body: The size of the largest body, in bytes.
    """
    if environ["REQUEST_METHOD"] != "POST":
        return NOT_POST  # not a delivery, so it is not logged
    name = account_of_request(account)
    if isinstance(name, Answer):
        return name
    body = Body(name, environ.get("CONTENT_LENGTH") or None, max_body)
    is_cut = False
    try:
        while body.wanted and (piece := read(body.wanted)):
            body.add(piece)
    except OSError as error:
        if is_of_signal_handler(error):
            raise  # such as a time limit of the server
        is_cut = True
    content = body.end(is_cut=is_cut)
    if isinstance(content, Answer):
        return content
    return name, _headers_of(environ), content


def _headers_of(environ: Mapping[str, Any]) -> Headers:
    headers = {
        name[5:].replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["CONTENT-TYPE"] = environ.get("CONTENT_TYPE", "")
    return Headers(headers)


def content_of(answer: Answer, method: str) -> bytes:
    """Return the body of the response to a request, which is empty for HEAD."""
    return b"" if method == "HEAD" else f"{answer.message}\n".encode()


@cache
def headers_of(answer: Answer) -> Mapping[str, str]:
    """Return the headers of the response to a request."""
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(content_of(answer, "POST"))),
    }
    return {**headers, "Allow": "POST"} if answer is NOT_POST else headers
