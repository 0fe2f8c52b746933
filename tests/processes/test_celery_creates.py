"""A Celery worker that is killed in the middle of a create makes one stream."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("celery")

from celery import Celery

from held_vendors import HELD
from migrations import side
from queue_worker import celery_worker
from redis_server import Redis
from tests.torture.scenario import FATAL, deadly

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def queue(redis: Redis) -> Iterator[Celery]:
    with celery_worker(redis, 5, pool="prefork", results="json", concurrency=1) as app:
        yield app


@pytest.mark.parametrize("moment", FATAL)
@pytest.mark.parametrize("provider", ["tpstreams", "videosdk"])
def test_a_worker_that_is_killed_in_the_middle_of_a_create_makes_one_stream(
    queue: Celery, tmp_path: Path, provider: str, moment: str
) -> None:
    pid = tmp_path / "pid"
    killed: list[int] = []

    def kill() -> None:
        killed.append(int(pid.read_text()))
        os.kill(killed[-1], signal.SIGKILL)

    with side(provider) as vendor:
        vendor.inject(deadly(FATAL[moment], kill), "create")
        database = f"sqlite:///{tmp_path / 'creates.db'}"
        task = ("lesson-42", provider, vendor.options, database, str(pid))
        made = queue.send_task("queue_tasks.create_once", task).get(timeout=HELD)
        # A queue may also run a task again that has succeeded.
        again = queue.send_task("queue_tasks.create_once", task).get(timeout=HELD)
        assert len(killed) == 1
        assert again == made
        assert [each.id for each in vendor.streams()] == [made]
