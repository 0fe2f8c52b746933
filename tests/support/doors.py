"""The doors of receivers, each called in this process as its server would call it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import attrs

from livestream_core._http.wsgi_transport import run_wsgi, wsgi_environ
from livestream_core.contrib import AsyncReceiver, Receiver

ORIGIN = "http://platform.example"


@attrs.frozen
class Reply:
    """What a door answered.

    Attributes:
        status: The HTTP status.
        headers: The headers, with names in lower case.
        text: The body.
        read: How many bytes of the request the door has read.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    read: int


@attrs.frozen
class Sent:
    """A request. Without a length, its body is sent in chunks.

    Attributes:
        path: The path.
        pieces: The pieces of the body, as they arrive.
        headers: The headers.
        length: The Content-Length, or what is sent instead of a number; ``None`` for chunks.
        method: The method.
        is_cut: Whether the sender disconnects after these pieces.
    """

    path: str
    pieces: Sequence[bytes]
    headers: Mapping[str, str]
    length: int | str | None
    method: str
    is_cut: bool = False


class _Input(io.BytesIO):
    """A request's body, which counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece

    def readinto(self, buffer: Any, /) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def over_wsgi(application: Any, sent: Sent) -> Reply:
    """Call a WSGI application."""
    environ = wsgi_environ(sent.method, ORIGIN, sent.path, sent.headers, b"")
    body = _Input(b"".join(sent.pieces))
    environ["wsgi.input"] = body
    if sent.length is None:
        del environ["CONTENT_LENGTH"]
        environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    else:
        environ["CONTENT_LENGTH"] = str(sent.length)
    response = run_wsgi(application, environ)
    return Reply(response.status, response.headers, response.body.decode(), body.taken)


def over_asgi(application: Any, sent: Sent) -> Reply:
    """Call an ASGI application."""
    pairs = {name.lower(): value for name, value in sent.headers.items()}
    if sent.length is not None:
        pairs["content-length"] = str(sent.length)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": unquote(sent.path),
        "raw_path": sent.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs.items()],
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
    }
    is_short = isinstance(sent.length, int) and sum(map(len, sent.pieces)) < sent.length
    is_cut = sent.is_cut or is_short
    left = list(sent.pieces)
    answered = asyncio.Event()
    taken = 0
    messages: list[Any] = []

    async def receive() -> Mapping[str, Any]:
        nonlocal taken
        if left:
            piece = left.pop(0)
            taken += len(piece)
            return {"type": "http.request", "body": piece, "more_body": bool(left) or is_cut}
        if not is_cut:
            # The browser waits for the response.
            await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)
        if not message.get("more_body", False) and message["type"] == "http.response.body":
            answered.set()

    asyncio.run(application(scope, receive, send))
    if not messages:
        return Reply(0, {}, "", taken)
    headers = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Reply(messages[0]["status"], headers, body.decode(), taken)


# -- frameworks -----------------------------------------------------------------------------------


def _flask(receiver: Any, **settings: Any) -> Any:
    from flask import Flask

    from livestream_core.contrib.flask import blueprint

    app = Flask("platform")
    app.register_blueprint(blueprint(receiver, **settings), url_prefix="/webhooks")
    return app


def _django(handler: str) -> Callable[..., Any]:
    def make(receiver: Any, pattern: str = "<account>/", **settings: Any) -> Any:
        from django.core.handlers import asgi, wsgi
        from django.test import override_settings
        from django.urls import path

        from livestream_core.contrib.django import webhook_view

        class Urls:
            urlpatterns = (path(f"webhooks/{pattern}", webhook_view(receiver, **settings)),)

        configure_django()
        with override_settings(ROOT_URLCONF=Urls):
            application = {"wsgi": wsgi.WSGIHandler, "asgi": asgi.ASGIHandler}[handler]()

        def with_urls(*arguments: Any) -> Any:
            with override_settings(ROOT_URLCONF=Urls):
                return application(*arguments)

        async def with_urls_async(*arguments: Any) -> Any:
            with override_settings(ROOT_URLCONF=Urls):
                return await application(*arguments)

        return with_urls if handler == "wsgi" else with_urls_async

    return make


def configure_django() -> None:
    """Set Django up as a project of its own would, with its protection against forged forms."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            SECRET_KEY="made-up",
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
            DATA_UPLOAD_MAX_MEMORY_SIZE=4_000_000,
        )
        django.setup()


def _wsgi(receiver: Any, **settings: Any) -> Any:
    from livestream_core.contrib.wsgi import application

    return _mounted(application(receiver, **settings))


def _mounted(application: Any) -> Any:
    """Return what calls an application as a dispatcher does that has it below ``/webhooks``."""

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        environ["SCRIPT_NAME"] = "/webhooks"
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/webhooks")
        return application(environ, start_response)

    return serve


def _asgi(receiver: Any, **settings: Any) -> Any:
    from livestream_core.contrib.asgi import application

    served = application(receiver, **settings)

    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await served({**scope, "root_path": "/webhooks"}, receive, send)

    return serve


def _fastapi(receiver: Any, **settings: Any) -> Any:
    from fastapi import FastAPI

    from livestream_core.contrib.fastapi import router

    app = FastAPI()
    app.include_router(router(receiver, **settings), prefix="/webhooks")
    return app


@attrs.frozen
class Door:
    """A door, with the kind of receiver that it gets.

    Attributes:
        name: The name.
        make: The function that makes an application of a receiver.
        call: The function that calls it.
        is_async: Whether its receiver is an :class:`AsyncReceiver`.
        needs: The packages that it needs.
        takes_chunks: Whether the framework passes on a body without a length.
        reads_first: Whether the framework reads the whole body before it calls a view.
    """

    name: str
    make: Callable[..., Any]
    call: Callable[[Any, Sent], Reply]
    is_async: bool = False
    needs: str = "livestream_core"
    takes_chunks: bool = True
    reads_first: bool = False

    def application(self, receiver: Receiver | AsyncReceiver, **settings: Any) -> Any:
        return self.make(receiver, **settings)


DOORS = (
    Door("WSGI", _wsgi, over_wsgi),
    Door("Flask", _flask, over_wsgi, needs="flask"),
    Door("Django", _django("wsgi"), over_wsgi, needs="django", takes_chunks=False),
    Door("Django on ASGI", _django("asgi"), over_asgi, needs="django", reads_first=True),
    Door("Django, async", _django("asgi"), over_asgi, True, needs="django", reads_first=True),
    Door("ASGI", _asgi, over_asgi, True),
    Door("ASGI, blocking", _asgi, over_asgi),
    Door("FastAPI", _fastapi, over_asgi, True, needs="fastapi"),
    Door("FastAPI, blocking", _fastapi, over_asgi, needs="fastapi"),
)
