"""A receiver as a blueprint of Flask. Needs the ``flask`` extra."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Request, Response, request
from werkzeug.exceptions import ClientDisconnected

from .bodies import content_of, headers_of, take
from .receivers import Receiver
from .receiving import Answer

__all__ = ["blueprint"]


def blueprint(
    receiver: Receiver,
    *,
    rule: str = "/<account>/",
    account_of: Callable[[Request], str] | None = None,
    name: str = "livestream_webhooks",
) -> Blueprint:
    """Return a blueprint with one view, which receives deliveries.

    Args:
        receiver: The receiver.
        rule: The view's URL rule.
        account_of: A function that returns the account of a request, or raises a ``LookupError``.
            Defaults to ``<account>`` in the rule. If that has a converter, such as
            ``<int:account>``, the account is the value as text.
        name: The blueprint's name, which must be another one for each that an app registers.
    """

    def receive(**values: str) -> Response:
        def account() -> str:
            return values["account"] if account_of is None else account_of(request)

        environ = request.environ
        taken = take(environ, account, _reader(), receiver.max_body)
        answer = taken if isinstance(taken, Answer) else receiver.receive(*taken)
        content = content_of(answer, environ["REQUEST_METHOD"])
        return Response(content, status=answer.status, headers=headers_of(answer))

    found = Blueprint(name, __name__)
    # Without Flask's own answer to OPTIONS: only POST is allowed, as behind all doors.
    found.add_url_rule(rule, "receive", receive, methods=["POST"], provide_automatic_options=False)
    return found


def _reader() -> Callable[[int], bytes]:
    is_first = True

    def read(size: int) -> bytes:
        nonlocal is_first
        try:
            piece = request.stream.read(size)
            if is_first and not piece:
                # The application has read the body with get_data(), which keeps it.
                piece = request.get_data()[:size]
        except ClientDisconnected as error:
            raise ConnectionError from error
        is_first = False
        return piece

    return read
