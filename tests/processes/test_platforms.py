"""The two platforms of the examples, with real servers, workers, and databases, which are killed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("celery")
pytest.importorskip("django")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from livestream_core.emulator import Fault
from livestream_mux.emulator import MuxEmulator
from livestream_tktchurch.emulator import TKTChurchEmulator
from livestream_tpstreams.emulator import TPStreamsEmulator
from platforms import DJANGO, FASTAPI, Platform, running, school
from postgresql import PostgreSQL
from redis_server import Redis
from tests.torture.scenario import FATAL, deadly

pytestmark = [pytest.mark.processes, pytest.mark.slow]

SOON = timedelta(minutes=1)
NAMES = (f"school-{number}" for number in itertools.count())
#: Changes nothing, but can be deadly.
HARMLESS = Fault.edited(lambda data, vendor: None)


class Kills:
    """Kills all workers of a platform, and counts how often.

    Attributes:
        count: The number of times.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform, self.count = platform, 0

    def __call__(self) -> None:
        self._platform.kill_workers()
        self.count += 1


@pytest.fixture(scope="module", params=["Django and Celery", "FastAPI"])
def platform(
    request: pytest.FixtureRequest, postgresql_server: PostgreSQL, redis: Redis
) -> Iterator[Platform]:
    example, number = {"Django and Celery": (DJANGO, 8), "FastAPI": (FASTAPI, 10)}[request.param]
    with running(example, postgresql_server.new_database(), redis, number) as found:
        yield found


@pytest.fixture
def vendor() -> TPStreamsEmulator:
    return TPStreamsEmulator(boot_seconds=0.5)


# -- creates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", FATAL)
def test_workers_that_are_killed_in_the_middle_of_a_create_make_one_stream(
    platform: Platform, vendor: TPStreamsEmulator, moment: str
) -> None:
    kill = Kills(platform)
    with school(platform, next(NAMES), vendor) as own:
        vendor.inject(deadly(FATAL[moment], kill), on="POST *")
        lesson = own.create_lesson("Algebra")
        stream = own.until_created(lesson)
        assert kill.count == 1
        assert own.streams() == [stream]


def test_equal_lessons_have_a_stream_each_though_workers_are_killed_again_and_again(
    platform: Platform, vendor: TPStreamsEmulator
) -> None:
    kill = Kills(platform)
    with school(platform, next(NAMES), vendor) as own:
        for number in range(4):
            vendor.inject(deadly(HARMLESS, kill), skip=5 * number)
        lessons = [own.create_lesson("Algebra") for _ in range(3)]
        streams = {own.until_created(each) for each in lessons}
        assert len(streams) == len(lessons)
        assert streams == {*own.streams()}
        for lesson in lessons:
            own.until_status(lesson, "ready")
        platform.until(lambda: kill.count == 4)
        for step in (vendor.connect_encoder, vendor.drop_encoder, vendor.connect_encoder):
            for each in streams:
                step(each)
        for each in streams:
            platform.until(lambda id=each: own.changes(id)[-3:] == ["live", "interrupted", "live"])


#: Bodies of lessons that are wrong, and a part of the message.
WRONG = {
    b'{"title": "Algebra", "starts_at": "05/12/2030 10:00"}': "05/12/2030 10:00",
    b'{"title": "Algebra", "starts_at": "tomorrow"}': "tomorrow",
    b'{"title": "Algebra", "starts_at": "2030-12-05T10:00:00"}': "time zone",
    b'{"title": "Algebra", "starts_at": ""}': "ISO 8601",
    b'{"title": "Algebra", "starts_at": 5}': "string",
    b'{"title": "Algebra", "starts_at": ["2030-12-05T10:00:00Z"]}': "string",
    b'{"title": " "}': "empty",
    b'{"title": "Alge\\u0000bra"}': "control character",
    b'{"title": null}': "string",
    b'{"starts_at": "2030-12-05T10:00:00Z"}': "title",
    b'["Algebra"]': "",
    b'{"title": "Algebra"': "JSON",
    b"\xff": "",
    b"": "",
}


def test_wrong_input_is_refused_with_a_message_and_no_stream_is_created(
    platform: Platform, vendor: TPStreamsEmulator
) -> None:
    with school(platform, next(NAMES), vendor) as own:
        for body, problem in WRONG.items():
            response = own.send_lesson(body)
            assert response.status_code == 400, (body, response.text)
            assert problem in response.text, body
        lesson = own.create_lesson("Algebra", starts_at="2030-12-05T15:30:00+05:30")
        at_once = own.create_lesson("A" * 300, starts_at=None)
        scheduled, unscheduled = own.until_created(lesson), own.until_created(at_once)
        with vendor.observe() as client:
            found = {each.id: each.scheduled_start for each in client.list()}
            assert found.keys() == {scheduled, unscheduled}
            assert found[scheduled] == datetime(2030, 12, 5, 10, tzinfo=UTC)
            assert client.get(unscheduled).title == "A" * 300


# -- changes ----------------------------------------------------------------------------------

#: Patterns of the statements by which a platform handles a change, and by which a tracker notes that.
HANDLING, NOTING = "INSERT INTO%change%", "UPDATE livestream_streams%"
#: Locks what the tracker has noted about a stream.
ROW = "SELECT FROM livestream_streams WHERE key LIKE '%{stream}%' FOR UPDATE"


def test_each_change_is_handled_once_and_in_order_though_workers_are_killed(
    platform: Platform, vendor: TPStreamsEmulator
) -> None:
    with school(platform, next(NAMES), vendor) as own:
        lesson = own.create_lesson("Algebra")
        stream = own.until_created(lesson)
        own.until_status(lesson, "ready")

        # Killed while a change is handled.
        with platform.locked("LOCK TABLE {changes} IN SHARE MODE"):
            vendor.connect_encoder(stream)
            platform.until_waiting(HANDLING)
            platform.kill_workers()
            platform.cut_off(HANDLING)
        own.until_status(lesson, "live")

        # Killed while a stream is read.
        kill = Kills(platform)
        vendor.inject(deadly(HARMLESS, kill), on="GET *")
        vendor.drop_encoder(stream)
        own.until_status(lesson, "interrupted")
        assert kill.count == 1

        # Killed when a change has been handled, but the tracker has not noted it.
        with platform.locked("LOCK TABLE {changes} IN SHARE MODE") as let_it_be_handled:
            vendor.connect_encoder(stream)
            platform.until_waiting(HANDLING)
            with platform.locked(ROW.format(stream=stream)):
                let_it_be_handled()
                platform.until_waiting(NOTING)
                platform.kill_workers()
                platform.cut_off(NOTING)
        own.until_status(lesson, "live")

        with vendor.observe() as client:
            client.stop(stream)
        vendor.finish_recording(stream)
        own.until_status(lesson, "ended")
        told = own.changes(stream)
        # Whether a delivery or the worker that creates the stream is faster decides the beginning.
        assert told[told.index("ready") :] == [
            *("ready", "live", "interrupted", "live", "processing", "ended")
        ]


def test_a_delivery_that_a_killed_server_has_not_stored_is_delivered_again(
    platform: Platform,
) -> None:
    storing = "%INSERT INTO livestream_%"
    vendor = MuxEmulator()
    with school(platform, next(NAMES), vendor) as own:
        lesson = own.create_lesson("Algebra")
        stream = own.until_created(lesson)
        own.until_status(lesson, "ready")
        with platform.locked("LOCK TABLE livestream_deliveries IN SHARE MODE"):
            vendor.connect_encoder(stream)
            platform.until_waiting(storing)
            platform.kill_server()
            platform.cut_off(storing)
        own.until_status(lesson, "live")
        assert own.changes(stream)[-1:] == ["live"]


def test_streams_of_other_programs_and_of_vendors_without_webhooks_are_followed(
    platform: Platform,
) -> None:
    vendor = TKTChurchEmulator()
    with vendor.observe() as client:
        # Soon enough to be read often.
        stream = client.create(title="Sermon", scheduled_start=datetime.now(UTC) + SOON).id
        with school(platform, next(NAMES), vendor) as own:
            platform.until(lambda: own.changes(stream) == ["scheduled"])
            client.start(stream)
            platform.until(lambda: own.changes(stream) == ["scheduled", "live"])


def test_a_forged_delivery_is_refused(platform: Platform, vendor: TPStreamsEmulator) -> None:
    with school(platform, next(NAMES), vendor) as own:
        stream = own.until_created(own.create_lesson("Algebra"))
        headers, body = vendor.webhook(stream, secret="guessed")
        assert platform.post(f"/webhooks/{own.name}/", body, headers).status_code == 401
        headers, body = vendor.webhook(stream)
        assert platform.post(f"/webhooks/{own.name}/", body, headers).status_code == 200
        assert platform.post("/webhooks/nowhere/", body, headers).status_code == 404


# -- what processes share ---------------------------------------------------------------------


def test_one_process_signs_in_for_all(platform: Platform, vendor: TPStreamsEmulator) -> None:
    with school(platform, next(NAMES), vendor, **vendor.login_options()) as own:
        for number in range(4):
            own.until_created(own.create_lesson(f"Lesson {number}"))
        for _ in range(4):
            assert platform.get(f"/{own.name}/health/").json()["state"] == "ok"
        assert [each.path for each in vendor.requests].count("/api/auth/login/") == 1


def test_all_processes_keep_a_pause_that_the_vendor_asks_for(
    platform: Platform, vendor: TPStreamsEmulator
) -> None:
    with school(platform, next(NAMES), vendor) as own:
        vendor.inject(Fault.status(429, headers={"Retry-After": "600"}), times=100)
        for _ in range(4):
            assert platform.get(f"/{own.name}/health/").json()["state"] == "rate_limited"
        lesson = own.create_lesson("Algebra")
        platform.until(lambda: f"lesson {lesson}: " in platform.log())
        # The server's first one, and one that a watcher may have sent at the same time.
        assert len(vendor.requests) <= 2


# -- health -----------------------------------------------------------------------------------


def test_the_health_endpoint_says_what_is_wrong(
    platform: Platform, vendor: TPStreamsEmulator
) -> None:
    def health() -> tuple[int, str, str]:
        response = platform.get(f"/{own.name}/health/")
        found = response.json()
        return response.status_code, found["state"], found["reason"]

    with school(platform, next(NAMES), vendor) as own:
        assert health()[:2] == (200, "ok")
        vendor.inject(Fault.status(503), times=100)
        assert health()[:2] == (503, "vendor")
        vendor.clear_faults()
    with school(platform, next(NAMES), vendor, organization_id=vendor.organization_id) as own:
        assert health()[:2] == (503, "configuration")
    with school(platform, next(NAMES), vendor, **{**vendor.options(), "token": "mistyped"}) as own:
        status, state, reason = health()
        assert (status, state) == (503, "credentials")
        assert "401" in reason
    with school(platform, next(NAMES), vendor) as own:
        platform.change_account(own.name, base_url="http://127.0.0.1:9")
        assert health()[:2] == (503, "network")
