"""A receiver as an ASGI application, for any ASGI server, and to mount in any ASGI framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from .._runners.coroutines import in_thread
from .bodies import NOT_POST, Body, account_of_request, content_of, headers_of
from .receivers import AsyncReceiver, Receiver
from .receiving import Answer

__all__ = ["application"]

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


#: Stands for what was received before the first message.
_START: Mapping[str, Any] = {"type": "", "more_body": True}


def _account_in_path(scope: _Scope) -> str:
    """Return what the path has below the application, without slashes around it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    # Some servers include the root in the path, and others do not.
    if path == root or path.startswith(f"{root}/"):
        path = path[len(root) :]
    return path.strip("/")


def application(
    receiver: AsyncReceiver | Receiver,
    *,
    account_of: Callable[[_Scope], str] = _account_in_path,
) -> Callable[[_Scope, _Receive, _Send], Awaitable[None]]:
    """Return an ASGI application that receives the deliveries to ``/<account>/``.

    Args:
        receiver: The receiver. A :class:`~livestream_core.contrib.Receiver` receives in threads,
            because it blocks.
        account_of: A function that returns the account of a request from its ``scope``, or raises a
            ``LookupError``. Defaults to the path below the application.
    """
    return _Application(receiver, account_of)


class _Application:
    # Not a function: frameworks take a function for an endpoint of their own kind.

    def __init__(
        self, receiver: AsyncReceiver | Receiver, account_of: Callable[[_Scope], str]
    ) -> None:
        self._receiver, self._account_of = receiver, account_of

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"this application has no {scope['type']}, only http")
        answer = await self._answer(scope, receive)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    (name.lower().encode(), value.encode())
                    for name, value in headers_of(answer).items()
                ],
            }
        )
        content = content_of(answer, scope["method"])
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: _Scope, receive: _Receive) -> Answer:
        if scope["method"] != "POST":
            return NOT_POST
        account = account_of_request(lambda: self._account_of(scope))
        if isinstance(account, Answer):
            return account
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        declared = next((value for name, value in headers if name == b"content-length"), None)
        length = None if declared is None else declared.decode("latin-1")
        body = Body(account, length, self._receiver.max_body)
        message: Mapping[str, Any] = _START
        while body.wanted and message.get("more_body"):
            message = await receive()
            body.add(message.get("body", b""))
        content = body.end(is_cut=message["type"] == "http.disconnect")
        if isinstance(content, Answer):
            return content
        if isinstance(self._receiver, Receiver):
            receiver = self._receiver
            return await in_thread(lambda: receiver.receive(account, headers, content))
        return await self._receiver.receive(account, headers, content)
