"""A real Celery worker, in a separate process."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery

from livestream_core.emulator.programs import leashed
from queue_tasks import queue
from redis_server import Redis

_SUPPORT = Path(__file__).parent
_PATIENCE = 240.0


@contextmanager
def celery_worker(
    redis: Redis,
    database: int,
    *,
    pool: str,
    results: str,
    concurrency: int,
    tasks_per_child: int | None = None,
) -> Iterator[Celery]:
    """Run a worker until the end of the block.

    Args:
        redis: The server for its broker and its results.
        database: The number of the database.
        pool: ``prefork`` or ``threads``.
        results: The format of the results: ``json`` or ``pickle``.
        concurrency: The number of tasks that run at the same time.
        tasks_per_child: The number of tasks after which a process is replaced.

    Returns:
        The app to send tasks with.
    """
    url = redis.queue_url(database)
    folder = Path(tempfile.mkdtemp(prefix="celery-"))
    command = [sys.executable, "-m", "celery", "-A", "queue_tasks", "worker", "--pool", pool]
    command += ["--concurrency", str(concurrency), "--loglevel", "warning"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    # Without coverage: with a tracer in each thread, a worker would take minutes.
    unmeasured = {name: os.environ[name] for name in os.environ if not name.startswith("COVERAGE")}
    if tasks_per_child is not None:
        command += ["--max-tasks-per-child", str(tasks_per_child)]
    environment = {
        **unmeasured,
        "QUEUE_URL": url,
        "QUEUE_RESULTS": results,
        "REDIS_URL": redis.url(database),
        "PYTHONPATH": os.pathsep.join([str(_SUPPORT), os.environ.get("PYTHONPATH", "")]),
        "C_FORCE_ROOT": "1",  # Celery refuses to read pickles as root
    }
    log = folder / "log"
    with log.open("wb") as output:
        process = leashed(
            *command,
            folder=folder,
            log=output,
            signal="KILL",
            is_temporary=True,
            env=environment,
            cwd=_SUPPORT,
        )
    app = queue(url, results)
    try:
        try:
            app.send_task("queue_tasks.ready").get(timeout=_PATIENCE)
        except Exception as error:
            raise AssertionError(f"the worker does not start: {log.read_text()}") from error
        yield app
    finally:
        # A result that is garbage-collected later would connect to a server that has stopped.
        app.backend.remove_pending_result = lambda result: result
        process.communicate()
        app.close()
