"""A receiver as a Django view. Needs the ``django`` extra."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, overload

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from .bodies import Taken, content_of, headers_of, take
from .receivers import AsyncReceiver, Receiver
from .receiving import Answer

__all__ = ["webhook_view"]


@overload
def webhook_view(
    receiver: Receiver, *, account_of: Callable[[HttpRequest], str] | None = None
) -> Callable[..., HttpResponse]: ...


@overload
def webhook_view(
    receiver: AsyncReceiver, *, account_of: Callable[[HttpRequest], str] | None = None
) -> Callable[..., Awaitable[HttpResponse]]: ...


def webhook_view(
    receiver: Receiver | AsyncReceiver,
    *,
    account_of: Callable[[HttpRequest], str] | None = None,
) -> Callable[..., Any]:
    """Return a view that receives deliveries, without a CSRF token.

    Args:
        receiver: The receiver. The view of an :class:`~livestream_core.contrib.AsyncReceiver` is a
            coroutine function.
        account_of: A function that returns the account of a request, or raises a ``LookupError``.
            Defaults to ``<account>`` in the path of the URL pattern. If that has a converter, such
            as ``<int:account>``, the account is the value as text.
    """

    def taken(request: HttpRequest, values: dict[str, str]) -> Taken | Answer:
        def account() -> str:
            return values["account"] if account_of is None else account_of(request)

        return take(request.META, account, request.read, receiver.max_body)

    if isinstance(receiver, AsyncReceiver):

        async def view_async(request: HttpRequest, **values: str) -> HttpResponse:
            delivery = taken(request, values)
            if isinstance(delivery, Answer):
                return _response(delivery, request)
            return _response(await receiver.receive(*delivery), request)

        return _exempt(view_async)

    def view(request: HttpRequest, **values: str) -> HttpResponse:
        delivery = taken(request, values)
        answer = delivery if isinstance(delivery, Answer) else receiver.receive(*delivery)
        return _response(answer, request)

    return _exempt(view)


def _exempt(view: Callable[..., Any]) -> Callable[..., Any]:
    exempt: Callable[..., Any] = csrf_exempt(view)
    return exempt


def _response(answer: Answer, request: HttpRequest) -> HttpResponse:
    content = content_of(answer, request.method)
    return HttpResponse(content, status=answer.status, headers=headers_of(answer))
