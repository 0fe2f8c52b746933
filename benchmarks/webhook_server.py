"""The servers of the figure ``webhooks``: a receiver, and a handler that only stores the body.

Each is loaded as ``benchmarks.webhook_server:app`` in a process of its own; run as a program, this
module serves it with uvicorn on the socket whose number is the argument. The variables of the
environment that begin with ``BENCHMARK_`` say which one it is. ``GET /spent`` returns the processor
time of the process, with all of its threads, in seconds.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import psycopg

import livestream_core as live
from livestream_core import contrib, events

DATABASE = os.environ.get("BENCHMARK_DATABASE", "")
ACCOUNT = "north-school"

_BODIES = "CREATE TABLE IF NOT EXISTS bodies (id bigserial PRIMARY KEY, body bytea NOT NULL)"
_INSERT = "INSERT INTO bodies (body) VALUES (%s)"


def _spent() -> str:
    return repr(time.process_time())


def _options() -> dict[str, str]:
    return {
        "token_id": "made-up",
        "token_secret": "made-up",
        "webhook_secret": os.environ["BENCHMARK_SECRET"],
    }


def _receiver() -> contrib.Receiver:
    client = live.connect("mux", environ={}, options=_options())
    store = events.SQLAlchemyStore(DATABASE)
    return contrib.Receiver(events.Tracker(store, client_for={ACCOUNT: client}.__getitem__))


@cache
def _connection() -> psycopg.Connection[Any]:
    """Return a connection on which each statement is a transaction."""
    return psycopg.connect(DATABASE, autocommit=True)


# -- Django ---------------------------------------------------------------------------------------


def django(side: str) -> Any:
    """Return a Django project with one view for deliveries."""
    import django as package
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpRequest, HttpResponse
    from django.urls import path
    from django.views.decorators.csrf import csrf_exempt
    from django.views.decorators.http import require_POST

    from livestream_core.contrib.django import webhook_view

    def insert(request: HttpRequest, account: str) -> HttpResponse:
        _connection().execute(_INSERT, (request.body,))
        return HttpResponse("received\n", content_type="text/plain")

    view = webhook_view(_receiver()) if side == "ours" else csrf_exempt(require_POST(insert))

    class Urls:
        urlpatterns = (
            path("spent", lambda request: HttpResponse(_spent())),
            path("webhooks/<account>/", view),
        )

    settings.configure(
        ROOT_URLCONF=Urls,
        SECRET_KEY="made-up",
        ALLOWED_HOSTS=["*"],
        # As in a new project, without what needs a database or a template.
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
    )
    package.setup()
    return WSGIHandler()


# -- Flask ----------------------------------------------------------------------------------------


def flask(side: str) -> Any:
    """Return a Flask app with one view for deliveries."""
    from flask import Flask, request

    from livestream_core.contrib.flask import blueprint

    app = Flask("benchmark")
    app.add_url_rule("/spent", "spent", _spent)
    if side == "ours":
        app.register_blueprint(blueprint(_receiver()), url_prefix="/webhooks")
        return app

    def insert(account: str) -> tuple[str, dict[str, str]]:
        _connection().execute(_INSERT, (request.get_data(),))
        return "received\n", {"Content-Type": "text/plain"}

    app.add_url_rule("/webhooks/<account>/", "insert", insert, methods=["POST"])
    return app


# -- FastAPI --------------------------------------------------------------------------------------


def fastapi(side: str) -> Any:
    """Return a FastAPI app with one endpoint for deliveries."""
    from fastapi import FastAPI, Request
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import PlainTextResponse

    from livestream_core.contrib.fastapi import router

    app = FastAPI()

    async def spent() -> PlainTextResponse:
        return PlainTextResponse(_spent())

    async def insert(account: str, request: Request) -> PlainTextResponse:
        body = await request.body()
        await run_in_threadpool(_connection().execute, _INSERT, (body,))
        return PlainTextResponse("received\n")

    app.add_api_route("/spent", spent)
    if side == "ours":
        client = live.connect_async("mux", environ={}, options=_options())
        store = events.SQLAlchemyStore(DATABASE)
        tracker = events.AsyncTracker(store, client_for={ACCOUNT: client}.__getitem__)
        app.include_router(router(contrib.AsyncReceiver(tracker)), prefix="/webhooks")
    else:
        app.add_api_route("/webhooks/{account}/", insert, methods=["POST"])
    return app


FRAMEWORKS: dict[str, Callable[[str], Any]] = {"Django": django, "Flask": flask, "FastAPI": fastapi}


def _made() -> Any:
    with psycopg.connect(DATABASE, autocommit=True) as connection:
        connection.execute(_BODIES)
    return FRAMEWORKS[os.environ["BENCHMARK_FRAMEWORK"]](os.environ["BENCHMARK_SIDE"])


if DATABASE:
    app = _made()


def main() -> None:
    """Serve the app."""
    import uvicorn

    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_keep_alive=60)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
