"""A receiver as a WSGI application, for any WSGI server, and to mount in any WSGI framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from .bodies import content_of, headers_of, take
from .receivers import Receiver
from .receiving import Answer

__all__ = ["application"]


def _account_in_path(environ: WSGIEnvironment) -> str:
    """Return what the path has below the application, without slashes around it."""
    path = str(environ.get("PATH_INFO", ""))
    try:
        return path.encode("latin-1").decode().strip("/")
    except UnicodeError:
        raise LookupError from None


def application(
    receiver: Receiver, *, account_of: Callable[[WSGIEnvironment], str] = _account_in_path
) -> WSGIApplication:
    """Return a WSGI application that receives the deliveries to ``/<account>/``.

    Args:
        receiver: The receiver.
        account_of: A function that returns the account of a request from its ``environ``, or raises
            a ``LookupError``. Defaults to the path below the application.
    """

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def read(size: int) -> bytes:
            # Without a length, only a server that says that the input ends lets it be read.
            is_delimited = environ.get("CONTENT_LENGTH") or environ.get("wsgi.input_terminated")
            piece: bytes = environ["wsgi.input"].read(size) if is_delimited else b""
            return piece

        taken = take(environ, lambda: account_of(environ), read, receiver.max_body)
        answer = taken if isinstance(taken, Answer) else receiver.receive(*taken)
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        start_response(status, [*headers_of(answer).items()])
        content = content_of(answer, environ["REQUEST_METHOD"])
        return [content] if content else []

    return serve
