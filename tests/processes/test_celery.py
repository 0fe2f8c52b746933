"""In a real Celery worker, time limits end a call at once, and errors arrive unchanged."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import livestream_core as live

pytest.importorskip("celery")

from celery import Celery, chain
from celery.exceptions import SoftTimeLimitExceeded

import held_vendors
from held_vendors import HELD, PLACES, HeldVendor, held_vendor
from queue_tasks import described
from queue_worker import celery_worker
from redis_server import Redis
from servers import RawServer, raw_server

pytestmark = pytest.mark.processes

#: Seconds. Long enough for every call to reach its place on a busy machine.
LIMIT = 5
LIMITED = f"{SoftTimeLimitExceeded.__module__}.{SoftTimeLimitExceeded.__name__}"
#: Functions whose frames hold the request.
OF_THE_TRANSPORT = {"http", "requests", "socket", "ssl", "urllib3"}


@pytest.fixture(scope="module")
def processes(redis: Redis) -> Iterator[Celery]:
    """Run a worker with Celery's defaults: tasks in processes, and results as JSON."""
    with celery_worker(
        redis, 0, pool="prefork", results="json", concurrency=len(PLACES) + 1
    ) as app:
        yield app


@pytest.fixture(scope="module")
def threads(redis: Redis) -> Iterator[Celery]:
    """Run a worker whose tasks run in threads, and whose results are pickles."""
    with celery_worker(redis, 1, pool="threads", results="pickle", concurrency=len(PLACES)) as app:
        yield app


# -- time limits ------------------------------------------------------------------------------

Ending = tuple[HeldVendor, Any]


@pytest.fixture(scope="module")
def ended_by_limits(processes: Celery) -> Iterator[dict[str, Ending]]:
    """Make calls that hang at every place at once, until time limits end them."""
    with ExitStack() as stack:
        endings = {}
        for name, place in PLACES.items():
            vendor = stack.enter_context(held_vendor(place))
            sent = processes.send_task(
                "queue_tasks.cut_short", (name, vendor.origin), soft_time_limit=LIMIT
            )
            endings[name] = vendor, sent
        yield endings


@pytest.fixture(scope="module")
def ended_by_other_threads(threads: Celery) -> Iterator[dict[str, Ending]]:
    """Make the same calls, until exceptions from another thread end them."""
    with ExitStack() as stack:
        endings = {}
        for name, place in PLACES.items():
            vendor = stack.enter_context(held_vendor(place))
            sent = threads.send_task(
                "queue_tasks.cut_short_in_a_thread", (name, vendor.origin, vendor.control.port)
            )
            endings[name] = vendor, sent
        yield endings


@pytest.mark.parametrize("name", PLACES)
def test_a_soft_time_limit_ends_a_call_at_once_wherever_it_hangs(
    ended_by_limits: dict[str, Ending], name: str
) -> None:
    vendor, sent = ended_by_limits[name]
    the_limit_passed(name, vendor, sent.get(timeout=HELD))


@pytest.mark.parametrize("name", PLACES)
def test_an_exception_from_another_thread_ends_a_call_wherever_it_hangs(
    ended_by_other_threads: dict[str, Ending], name: str
) -> None:
    vendor, sent = ended_by_other_threads[name]
    the_limit_passed(name, vendor, sent.get(timeout=HELD))


def the_limit_passed(name: str, vendor: HeldVendor, report: dict[str, Any]) -> None:
    place = PLACES[name]
    assert report["class"] == LIMITED
    assert report["args"] == []
    assert report["seconds"] < HELD / 2
    (note,) = [each for each in report["notes"] if "applied" in each]
    assert place.operation in note
    assert f"applied={place.applied}" in note
    if place.operation != "create":
        assert "'7'" in note
    assert not report["shows_token"]
    assert not OF_THE_TRANSPORT & set(report["packages"])
    assert len(vendor.requests) == place.requests


def test_celery_sees_its_own_limit_and_not_an_error_of_ours(processes: Celery) -> None:
    name = "waiting for headers"
    with held_vendor(PLACES[name]) as vendor:
        sent = processes.send_task(
            "queue_tasks.cut_short_uncaught", (name, vendor.origin), soft_time_limit=1
        )
        with pytest.raises(SoftTimeLimitExceeded):
            sent.get(timeout=HELD)
        assert len(vendor.requests) <= 1


# -- errors as results ------------------------------------------------------------------------

#: Faults of a create that cause errors of several classes.
ANSWERS = {
    "of unknown outcome": None,
    "refused": b"HTTP/1.1 422 No\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\r\n"
    b'{"errors":{"title":["too short"]}}',
    "one too many": b"HTTP/1.1 429 Slow\r\nRetry-After: 400\r\nContent-Length: 0\r\n\r\n",
    "unreadable": b"HTTP/1.1 200 OK\r\nX-Request-Id: r-1\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, RawServer]]:
    def answering(wire: bytes | None) -> Any:
        def handle(connection: Any, _: bytes) -> None:
            if wire is None:
                raise ConnectionError("the answer is lost")
            connection.sendall(wire)

        return handle

    with ExitStack() as stack:
        yield {
            name: stack.enter_context(raw_server(answering(wire))) for name, wire in ANSWERS.items()
        }


@pytest.fixture(params=ANSWERS)
def origin(request: pytest.FixtureRequest, servers: dict[str, RawServer]) -> str:
    return servers[request.param].origin


@pytest.fixture
def expected(origin: str) -> dict[str, Any]:
    """Return the error as it is where it was raised."""
    with held_vendors.connect(origin) as client, pytest.raises(live.LiveStreamError) as caught:
        client.create(title="T")
    return described(caught.value)


def test_what_is_compared_has_an_unknown_outcome(servers: dict[str, RawServer]) -> None:
    with (
        held_vendors.connect(servers["of unknown outcome"].origin) as client,
        pytest.raises(live.ConnectionFailed) as caught,
    ):
        client.create(title="T")
    assert (caught.value.applied, caught.value.retryable) == (None, False)


def test_an_error_arrives_at_the_caller_as_it_was_raised(
    processes: Celery, origin: str, expected: dict[str, Any]
) -> None:
    sent = processes.send_task("queue_tasks.create", (origin,))
    with pytest.raises(live.LiveStreamError) as caught:
        sent.get(timeout=HELD)
    assert described(caught.value) == expected
    assert described(sent.result) == expected


def test_an_error_in_a_pickled_result_is_the_same(
    threads: Celery, origin: str, expected: dict[str, Any]
) -> None:
    sent = threads.send_task("queue_tasks.create", (origin,))
    with pytest.raises(live.LiveStreamError) as caught:
        sent.get(timeout=HELD)
    assert described(caught.value) == expected


@pytest.mark.parametrize("errback", ["report", "report_by_id"])
def test_an_errback_is_given_the_error_as_it_was_raised(
    processes: Celery, redis: Redis, origin: str, expected: dict[str, Any], errback: str
) -> None:
    key = uuid.uuid4().hex
    processes.send_task(
        "queue_tasks.create",
        (origin,),
        link_error=processes.signature(f"queue_tasks.{errback}", kwargs={"key": key}),
    )
    assert popped(redis, key) == expected


def test_the_end_of_a_chain_has_the_error_of_its_beginning(
    processes: Celery, origin: str, expected: dict[str, Any]
) -> None:
    sent = chain(
        processes.signature("queue_tasks.create", (origin,)),
        processes.signature("queue_tasks.follow"),
    ).apply_async()
    with pytest.raises(live.LiveStreamError) as caught:
        sent.get(timeout=HELD)
    assert described(caught.value) == expected


def test_a_task_that_follows_in_a_chain_reads_the_error_that_it_is_handed(
    processes: Celery, origin: str, expected: dict[str, Any]
) -> None:
    sent = chain(
        processes.signature("queue_tasks.create_or_tell", (origin,)),
        processes.signature("queue_tasks.read_error"),
    ).apply_async()
    assert sent.get(timeout=HELD) == expected


def test_another_task_reads_the_result_of_one_that_failed(
    processes: Celery, origin: str, expected: dict[str, Any]
) -> None:
    failed = processes.send_task("queue_tasks.create", (origin,))
    failed.get(timeout=HELD, propagate=False)
    asked = processes.send_task("queue_tasks.read_result", (failed.id,))
    assert asked.get(timeout=HELD) == expected


def popped(redis: Redis, key: str) -> dict[str, Any]:
    import redis as library

    with library.Redis.from_url(redis.url(0)) as client:
        until = time.monotonic() + HELD
        while time.monotonic() < until:
            if found := client.blpop([key], timeout=1):
                data: dict[str, Any] = json.loads(found[1])
                return data
    raise AssertionError("the error was not reported")
