"""A receiver as a router of FastAPI. Needs the ``fastapi`` extra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request

from .asgi import application
from .receivers import AsyncReceiver, Receiver

__all__ = ["router"]


def _account_in_path(request: Request) -> str:
    account: str = request.path_params["account"]
    return account


def router(
    receiver: AsyncReceiver | Receiver,
    *,
    path: str = "/{account}/",
    account_of: Callable[[Request], str] = _account_in_path,
) -> APIRouter:
    """Return a router with one endpoint, which receives deliveries.

    The endpoint is not part of the OpenAPI description. Dependencies do not apply to it, because
    the deliveries prove who sent them.

    Args:
        receiver: The receiver. A :class:`~livestream_core.contrib.Receiver` receives in threads,
            because it blocks.
        path: The endpoint's path.
        account_of: A function that returns the account of a request, or raises a ``LookupError``.
            Defaults to ``{account}`` in the path. If that has a converter, such as
            ``{account:int}``, the account is the value as text.
    """
    routes = APIRouter()
    # As an ASGI application: FastAPI must not read the body.
    endpoint: Any = application(receiver, account_of=lambda scope: account_of(Request(scope)))
    routes.add_route(path, endpoint, include_in_schema=False)
    return routes
