"""Tasks of a real Celery worker.

The worker reads its broker and the format of its results from the environment, and a test sends
tasks by their names.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import time
import traceback as traceback_module
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

import livestream_core as live
from acme import AcmeEmulator, AcmePlugin
from held_vendors import HELD, PLACES, TOKEN, connect, tell


def queue(url: str, results: str) -> Celery:
    """Return the Celery app; ``results`` is the format of the results, ``json`` or ``pickle``."""
    app = Celery("queue_tasks", broker=url, backend=url)
    app.conf.update(
        result_serializer=results,
        accept_content=["json", "pickle"],
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
    )
    return app


app = queue(os.environ.get("QUEUE_URL", "memory://"), os.environ.get("QUEUE_RESULTS", "json"))
if "QUEUE_URL" in os.environ:  # only in a worker
    live.register(AcmePlugin())
    # Import what a first request needs before the worker forks, so that limits apply to calls only.
    with suppress(live.ConnectionFailed), connect("http://127.0.0.1:9", retries=0) as nowhere:
        nowhere.get("7")


def described(error: BaseException) -> dict[str, Any]:
    """Return everything that a program can read from an error, as plain values."""
    data = error.to_dict() if isinstance(error, live.LiveStreamError) else {}
    # As JSON values, because JSON turns a tuple into a list.
    plain: dict[str, Any] = json.loads(json.dumps(data))
    return {
        "class": f"{type(error).__module__}.{type(error).__name__}",
        "text": str(error),
        "applied": getattr(error, "applied", "?"),
        "retryable": getattr(error, "retryable", "?"),
        **plain,
    }


@app.task
def ready() -> bool:
    return True


# -- time limits ------------------------------------------------------------------------------


@app.task
def cut_short(name: str, origin: str) -> dict[str, Any]:
    """Make a call that its time limit ends."""
    return _report(name, origin)


@app.task
def cut_short_uncaught(name: str, origin: str) -> None:
    PLACES[name].call(origin)


@app.task
def cut_short_in_a_thread(name: str, origin: str, control: int) -> dict[str, Any]:
    """Make a call that an exception from another thread ends.

    Dramatiq's time limits work like this. Celery has no time limits in its pool of threads.
    """
    interrupter = threading.Thread(
        target=_interrupt, args=(threading.get_ident(), PLACES[name].inside, control), daemon=True
    )
    interrupter.start()
    report = _report(name, origin)
    interrupter.join(HELD)
    return report


def _interrupt(thread: int, inside: str, control: int) -> None:
    tell(control, "reached")
    until = time.monotonic() + HELD
    while not _is_inside(thread, inside) and time.monotonic() < until:
        time.sleep(0.01)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(SoftTimeLimitExceeded)
    )
    tell(control, "release")


def _is_inside(thread: int, inside: str) -> bool:
    """Return whether a thread is running a function that the library called."""
    running = [
        (frame.f_code.co_name, frame.f_globals.get("__name__", "").partition(".")[0])
        for frame, _ in traceback_module.walk_stack(sys._current_frames()[thread])
    ]
    # The innermost frame comes first.
    names = [name for name, _ in running]
    packages = [package for _, package in running]
    return inside in names and "livestream_core" in packages[names.index(inside) :]


def _report(name: str, origin: str) -> dict[str, Any]:
    began = time.monotonic()
    try:
        PLACES[name].call(origin)
    except BaseException as error:
        frames = [frame for frame, _ in traceback_module.walk_tb(error.__traceback__)]
        return {
            "class": f"{type(error).__module__}.{type(error).__name__}",
            "args": list(error.args),
            "notes": getattr(error, "__notes__", []),
            "seconds": time.monotonic() - began,
            "packages": sorted({each.f_globals["__name__"].partition(".")[0] for each in frames}),
            "shows_token": any(TOKEN in repr(frame.f_locals) for frame in frames),
        }
    return {"class": None}


# -- the ends of processes --------------------------------------------------------------------


@app.task
def read_and_stay(origin: str) -> int:
    """Read a stream with a client that is never closed, and return the process ID."""
    client = live.connect("acme", base_url=origin, **AcmeEmulator().options())
    globals()["_stays"] = client
    client.get("1")
    return os.getpid()


# -- errors as results ------------------------------------------------------------------------


@app.task
def create(origin: str) -> None:
    with connect(origin) as client:
        client.create(title="T")


@app.task
def create_or_tell(origin: str) -> dict[str, Any] | None:
    try:
        create(origin)
    except live.LiveStreamError as error:
        return error.to_dict()
    return None


@app.task
def read_error(data: dict[str, Any]) -> dict[str, Any]:
    return described(live.LiveStreamError.from_dict(data))


@app.task
def follow(value: Any) -> Any:
    return value


@app.task
def read_result(task_id: str) -> dict[str, Any]:
    """Describe the error of a task, as a reader of its result gets it."""
    return described(app.AsyncResult(task_id).result)


@app.task
def report(request: Any, error: BaseException, traceback: Any, *, key: str) -> None:
    _push(key, described(error))


@app.task
def report_by_id(task_id: str, *, key: str) -> None:
    _push(key, read_result(task_id))


def _push(key: str, data: dict[str, Any]) -> None:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.rpush(key, json.dumps(data))


# -- durable creates --------------------------------------------------------------------------


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True, max_retries=None)
def create_once(
    self: Any, key: str, provider: str, options: dict[str, Any], database: str, pid: str
) -> str:
    """Create the stream of a key, as ``docs/howto/create-once.md`` shows, and return its ID.

    Writes the process ID to a file, for a vendor that kills the process meanwhile.
    """
    from livestream_core import durable

    Path(pid).write_text(str(os.getpid()))
    creates = durable.Creates(database, settle=2.0, lease=4.0)
    with live.connect(provider, **options) as client:
        try:
            return creates.create(client, key=key, title="Lesson 42").id
        except live.LiveStreamError as error:
            if error.retryable:
                pause = getattr(error, "retry_after", None) or 1
                raise self.retry(exc=error, countdown=pause) from error
            raise
