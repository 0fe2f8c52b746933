"""Durable creates: what a caller sees, what is sent, and what is stored."""

from __future__ import annotations

import gc
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
import sqlalchemy as sa

import livestream_core as live
from command_line import until
from livestream_core import durable
from livestream_core.emulator import Fault
from migrations import LIST
from postgresql import PostgreSQL
from tests.durable.clocks import CREATES, Time, account, settled, without_streams

SETTLE = 900.0
SOON = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'creates.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    return server.new_database()


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'creates.db'}"


def sent(vendor: Any) -> Counter[str]:
    """Count the requests of each method, without those that sign in."""
    with vendor.lock:
        return Counter(each.method for each in vendor.requests if "/auth/" not in each.path)


def lose_response(vendor: Any, *, applied: bool = True) -> None:
    fault = Fault.drop_after() if applied else Fault.drop_before()
    vendor.inject(fault, on=CREATES[vendor.provider])


# -- the same key ----------------------------------------------------------------------------


def test_a_key_has_the_same_stream_whoever_asks_and_whenever(database: str) -> None:
    with account() as (vendor, client, _):
        first = durable.Creates(database).create(
            client, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        again = durable.Creates(database).create(
            client, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        assert again.id == first.id
        assert sent(vendor)["POST"] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_worker_and_its_parent_do_not_share_connections(database: str) -> None:
    spec = live.StreamSpec(title="Algebra", scheduled_start=SOON)
    creates = durable.Creates(database)
    creates.intend("lesson-42", spec)
    pid = os.fork()
    failed = 1
    try:
        for number in range(300):
            creates.intend(f"lesson-{number}-{pid and 1}", spec)
            assert creates.status("lesson-42") is not None
        failed = 0
    finally:
        if not pid:
            os._exit(failed)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_password_in_the_url_is_not_shown(request: pytest.FixtureRequest) -> None:
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    url = sa.make_url(server.new_database()).update_query_dict({"password": "made-up"})
    assert "made-up" not in repr(durable.Creates(url.render_as_string(hide_password=False)))


def test_the_same_key_with_another_spec_is_invalid(file: str) -> None:
    with account() as (vendor, client, _):
        creates = durable.Creates(file)
        creates.create(client, key="lesson-42", title="Algebra")
        with pytest.raises(live.InvalidInput) as caught:
            creates.create(client, key="lesson-42", title="Geometry")
        assert caught.value.field == "key"
        assert sent(vendor)["POST"] == 1


def test_a_key_that_was_deleted_says_how_to_forget_it(file: str) -> None:
    with account() as (_, client, _):
        creates = durable.Creates(file)
        stream = creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
        client.delete(stream.id)
        with pytest.raises(live.NotFound) as caught:
            creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
        assert "forget" in (caught.value.hint or "")
        creates.forget("lesson-42")
        assert creates.status("lesson-42") is None
        again = creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
        assert again.id != stream.id


# -- an unknown outcome ----------------------------------------------------------------------


@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_response_is_settled_by_coming_again(file: str, applied: bool) -> None:
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        lose_response(vendor, applied=applied)
        stream = settled(
            creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        assert [each.id for each in client.list()] == [stream.id]
        assert sent(vendor)["POST"] == (1 if applied else 2)
        assert (clock.passed >= SETTLE) is not applied


def test_nothing_is_sent_again_before_the_settle_time_is_over(file: str) -> None:
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        lose_response(vendor, applied=False)
        for _ in range(5):
            with pytest.raises(durable.NotSettled):
                creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
            clock.pass_(SETTLE / 6)
        assert sent(vendor)["POST"] == 1


def test_a_single_list_without_the_stream_does_not_prove_that_a_create_was_not_applied(
    file: str,
) -> None:
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        lose_response(vendor)
        # The list after the lost response fails, and the next one is out of date.
        vendor.inject(Fault.status(500), on=LIST["tpstreams"], skip=1)
        vendor.inject(Fault.edited(without_streams), on=LIST["tpstreams"], skip=1)
        with pytest.raises(durable.NotSettled):
            creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
        clock.pass_(SETTLE + 1)
        stream = settled(
            creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        assert [each.id for each in client.list()] == [stream.id]
        assert sent(vendor)["POST"] == 1


def test_a_list_from_before_the_end_of_the_settle_time_proves_nothing(file: str) -> None:
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        vendor.inject(Fault.late_commit(SETTLE / 2), on=CREATES["tpstreams"])
        for _ in range(2):  # the second call reads a list
            with pytest.raises(durable.NotSettled):
                creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
        clock.pass_(SETTLE + 1)
        # This list is out of date, and agrees with the one from before.
        vendor.inject(Fault.edited(without_streams), on=LIST["tpstreams"])
        stream = settled(
            creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        assert [each.id for each in client.list()] == [stream.id]
        assert sent(vendor)["POST"] == 1


def test_a_stream_that_was_recorded_without_a_lease_stays_recorded(
    file: str, register: Callable[[Any], Any]
) -> None:
    suspended, woken = threading.Event(), threading.Event()
    tasks: list[Future[live.LiveStream]] = []

    class Suspended:
        """Suspends the first task before it records its stream, until the second list is read."""

        lists = 0

        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            if exchange.method == "POST":
                suspended.set()
                assert woken.wait(60)
            elif suspended.is_set() and exchange.operation == "list":
                self.lists += 1
                if self.lists == 2:
                    woken.set()
                    tasks[0].result(60)

    with account() as (vendor, client, clock), ThreadPoolExecutor(1) as threads:
        creates = durable.Creates(file, settle=SETTLE)
        spec = live.StreamSpec(title="Algebra", scheduled_start=SOON)
        register(Suspended())
        tasks.append(threads.submit(creates.create, client, "lesson-42", spec))
        assert suspended.wait(60)
        clock.pass_(2 * SETTLE)
        vendor.inject(Fault.edited(without_streams), on=LIST["tpstreams"], times=2)
        stream = creates.run(client, "lesson-42")
        assert stream.id == tasks[0].result(60).id
        status = creates.status("lesson-42")
        assert status is not None
        assert (status.state, status.stream_id) == (durable.CreateState.CREATED, stream.id)
        assert creates.resume(client) == {}
        assert sent(vendor)["POST"] == 1


def test_a_create_is_sent_again_at_most_three_times(file: str) -> None:
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        vendor.inject(Fault.drop_before(), on=CREATES["tpstreams"], times=99)
        with pytest.raises(live.LiveStreamError) as caught:
            settled(creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON)
        assert isinstance(caught.value, durable.NeedsReview)
        assert caught.value.found == ()
        assert sent(vendor)["POST"] == 4


def test_more_equal_streams_than_creates_need_review(file: str) -> None:
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        vendor.inject(Fault.late_commit(60), on=CREATES["tpstreams"])
        with pytest.raises(durable.NotSettled):
            creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
        other = vendor.connect().create(title="Algebra", scheduled_start=SOON)
        clock.pass_(60)
        with pytest.raises(durable.NeedsReview) as caught:
            settled(creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON)
        assert not caught.value.retryable
        assert len(caught.value.found) == 2
        assert other.id in {each.id for each in caught.value.found}
        assert caught.value.cause
        assert sent(vendor)["POST"] == 2


def test_equal_streams_of_before_are_never_adopted(file: str) -> None:
    with account() as (vendor, client, clock):
        old = vendor.connect().create(title="Algebra", scheduled_start=SOON)
        creates = durable.Creates(file, settle=SETTLE)
        lose_response(vendor, applied=False)
        stream = settled(
            creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        assert stream.id != old.id


def test_a_create_that_is_applied_later_than_the_settle_time_is_named_by_check(file: str) -> None:
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        vendor.inject(Fault.late_commit(SETTLE * 2), on=CREATES["tpstreams"])
        stream = settled(
            creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        assert list(creates.check(client)) == []
        clock.pass_(SETTLE * 2)
        (extra,) = creates.check(client)
        assert {each.id for each in client.list()} == {stream.id, extra.id}


# -- a refusal after an unknown outcome ------------------------------------------------------

REFERRED = live.StreamSpec(title="Algebra", reference="lesson-42")
#: After this many seconds, nothing is sent; then the first create is applied.
SENT_FOR, APPLIED = 60.0, 120.0


class Unconnected(live.WSGITransport):
    """A transport that cannot connect to send a create."""

    def send(self, *arguments: Any) -> live.Response:
        if arguments[0] == "POST":
            raise live.ConnectionFailed("cannot connect", applied=False)
        return super().send(*arguments)


@contextmanager
def unknown(
    provider: str, database: str | sa.Engine
) -> Iterator[tuple[Any, live.Client, Time, durable.Creates]]:
    """Provide an account where the outcome of the key's first create is unknown."""
    with account(provider) as (vendor, client, clock):
        creates = durable.Creates(database, settle=SETTLE)
        vendor.inject(Fault.late_commit(APPLIED), on="POST *")
        until = datetime.fromtimestamp(time.time() + SENT_FOR, UTC)
        with pytest.raises(durable.NotSettled):
            creates.create(client, "lesson-42", REFERRED, send_until=until)
        yield vendor, client, clock, creates


#: The vendors at which a create with a reference may be sent again at any time.
of_unique_references = pytest.mark.parametrize("provider", ["unique", "videosdk-rooms"])


@of_unique_references
@pytest.mark.parametrize("refusal", [400, 401, 403, 422, 429, "no connection", "no time"])
@pytest.mark.usefixtures("small_vendors")
def test_a_refusal_leaves_an_earlier_create_as_unknown_as_it_was(
    file: str, provider: str, refusal: int | str
) -> None:
    with unknown(provider, file) as (vendor, client, _, creates):
        before = creates.status("lesson-42")
        assert before is not None
        if isinstance(refusal, int):
            vendor.inject(Fault.status(refusal), on="POST *", times=9)
        if refusal == "no connection":
            transport = Unconnected(vendor, clock=vendor.clock)
            client = vendor.connect(retries=0, transport=transport)
        deadline = 1e-9 if refusal == "no time" else None
        with pytest.raises(live.LiveStreamError) as caught:
            creates.run(client, "lesson-42", deadline=deadline)
        assert caught.value.applied is None
        status = creates.status("lesson-42")
        assert status is not None
        assert (status.state, status.attempts) == (before.state, before.attempts)
        with pytest.raises(durable.NotSettled):
            creates.forget("lesson-42")


@of_unique_references
@pytest.mark.usefixtures("small_vendors")
def test_what_was_made_is_found_although_a_later_create_was_refused(
    file: str, provider: str
) -> None:
    with unknown(provider, file) as (vendor, client, clock, creates):
        vendor.inject(Fault.status(403), on="POST *")
        with pytest.raises(live.PermissionDenied):
            creates.run(client, "lesson-42")
        clock.pass_(SENT_FOR + 1)
        with pytest.raises(durable.NotSettled):
            creates.run(client, "lesson-42")
        clock.pass_(APPLIED - SENT_FOR)
        stream = creates.run(client, "lesson-42")
        assert [each.id for each in client.list()] == [stream.id]
        assert sent(vendor)["POST"] == 2


class Killed(live.WSGITransport):
    """A transport of a process that is killed when it sends a create."""

    def send(self, *arguments: Any) -> live.Response:
        if arguments[0] == "POST":
            raise KeyboardInterrupt
        return super().send(*arguments)


@pytest.mark.parametrize("second", ["lost", "refused", "killed"])
def test_the_settle_time_begins_when_none_of_the_creates_can_still_be_sent(
    file: str, second: str
) -> None:
    with account("videosdk-rooms") as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        killed = vendor.connect(retries=0, transport=Killed(vendor, clock=vendor.clock))
        until = datetime.fromtimestamp(time.time() + SENT_FOR, UTC)
        with pytest.raises(KeyboardInterrupt):
            creates.create(killed, "lesson-42", REFERRED, send_until=until)
        vendor.inject(Fault.drop_before() if second == "lost" else Fault.status(403), on="POST *")
        with pytest.raises((live.LiveStreamError, KeyboardInterrupt)):
            creates.run(killed if second == "killed" else client, "lesson-42", deadline=10)
        clock.pass_(SETTLE + SENT_FOR / 2)
        with pytest.raises(durable.NotSettled):
            creates.run(client, "lesson-42")
        clock.pass_(SENT_FOR)
        with pytest.raises(live.InvalidInput) as caught:
            creates.run(client, "lesson-42")
        assert caught.value.field == "send_until"


def test_a_create_that_is_too_late_to_be_sent_again_stays_unknown(file: str) -> None:
    engine = engine_of(file)
    with unknown("videosdk-rooms", engine) as (vendor, client, clock, creates):

        @sa.event.listens_for(engine, "after_cursor_execute")
        def time_passes(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            # After the group was claimed, and before the create is sent again.
            if statement.startswith("UPDATE livestream_groups") and clock.passed < SENT_FOR:
                clock.pass_(SENT_FOR + 1)

        with pytest.raises(durable.NotSettled) as caught:
            creates.run(client, "lesson-42")
        assert caught.value.applied is None
        clock.pass_(APPLIED)
        assert creates.run(client, "lesson-42").reference == "lesson-42"
        assert sent(vendor)["POST"] == 1
    engine.dispose()


# -- the caller's transaction ----------------------------------------------------------------


def engine_of(database: str) -> sa.Engine:
    url = sa.make_url(database)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return sa.create_engine(url)


def test_nothing_is_sent_for_an_intent_that_was_rolled_back(database: str) -> None:
    spec = live.StreamSpec(title="Algebra", scheduled_start=SOON)
    engine = engine_of(database)
    with account() as (vendor, client, _):
        creates = durable.Creates(database)
        with engine.connect() as connection:
            creates.intend("lesson-42", spec, connection=connection)
            connection.rollback()
        assert creates.status("lesson-42") is None
        with pytest.raises(live.LiveStreamError):
            creates.run(client, "lesson-42")
        assert creates.resume([client]) == {}
        assert sent(vendor)["POST"] == 0
        with engine.begin() as connection:
            creates.intend("lesson-42", spec, connection=connection)
        assert sent(vendor) == {}
        assert creates.run(client, "lesson-42").title == "Algebra"
    engine.dispose()


def test_resume_settles_all_that_is_left(database: str) -> None:
    engine = engine_of(database)
    with account() as (vendor, client, _):
        creates = durable.Creates(database)
        with engine.begin() as connection:
            for number in range(3):
                creates.intend(
                    f"lesson-{number}",
                    live.StreamSpec(title=f"Lesson {number}", scheduled_start=SOON),
                    connection=connection,
                    account=client.account,
                )
        found = creates.resume([client])
        assert {key: getattr(each, "title", each) for key, each in found.items()} == {
            f"lesson-{number}": f"Lesson {number}" for number in range(3)
        }
        assert creates.resume([client]) == {}
        assert sent(vendor)["POST"] == 3
    engine.dispose()


def test_after_send_until_nothing_is_sent_and_what_was_made_is_still_found(file: str) -> None:
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=20)
    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        engine = engine_of(file)
        with engine.begin() as connection:
            creates.intend(
                "late", live.StreamSpec(title="Late", scheduled_start=soon), connection=connection
            )
        engine.dispose()
        vendor.inject(Fault.late_commit(60), on=CREATES["tpstreams"])
        with pytest.raises(durable.NotSettled):
            creates.create(client, key="made", title="Made", scheduled_start=soon)
        clock.pass_(3600)
        with pytest.raises(live.LiveStreamError) as caught:
            creates.run(client, "late")
        assert (caught.value.applied, caught.value.retryable) == (False, False)
        made = settled(creates, client, clock, key="made", title="Made", scheduled_start=soon)
        assert made.title == "Made"
        assert sent(vendor)["POST"] == 1


def test_a_deadlock_between_two_creates_is_repeated_and_not_raised(
    postgresql_server: PostgreSQL,
) -> None:
    engine = engine_of(postgresql_server.new_database())
    both, codes = threading.Barrier(2), []
    waited: set[str] = set()

    @sa.event.listens_for(engine, "after_cursor_execute")
    def locks_the_others_row(
        connection: sa.Connection, _cursor: Any, statement: str, values: Any, *_: Any
    ) -> None:
        # The first create is about to be sent. Each has its own row, and now needs the other's.
        own = next((key for key in ("one", "other") if key in dict(values or {}).values()), None)
        if own is None or own in waited or "sending_until=" not in statement:
            return
        waited.add(own)
        both.wait(60)
        other = "other" if own == "one" else "one"
        query = sa.text("SELECT key FROM livestream_creates WHERE key = :key FOR UPDATE")
        connection.execute(query, {"key": other})

    @sa.event.listens_for(engine, "handle_error")
    def notes(context: Any) -> None:
        if isinstance(context.original_exception, psycopg.Error):
            codes.append(context.original_exception.sqlstate)

    with account() as (vendor, client, _), ThreadPoolExecutor(2) as threads:
        creates = durable.Creates(engine)
        streams = [
            threads.submit(creates.create, client, key, title=key, scheduled_start=SOON)
            for key in ("one", "other")
        ]
        assert [each.result(60).title for each in streams] == ["one", "other"]
        assert sent(vendor)["POST"] == 2
    assert codes == ["40P01"]
    engine.dispose()


# -- a key that is forgotten meanwhile -------------------------------------------------------


def test_a_spec_is_not_sent_for_an_intent_that_replaced_its_own_while_it_waited(
    file: str, register: Callable[[Any], Any]
) -> None:
    first, later = (SOON + timedelta(hours=each) for each in (1, 2))
    tasks: list[Future[live.LiveStream]] = []

    with account() as (_, client, _), ThreadPoolExecutor(1) as threads:
        creates = durable.Creates(file, settle=SETTLE)
        replaced = live.StreamSpec(title="Algebra", scheduled_start=first)
        replacement = attrs.evolve(replaced, scheduled_start=later)

        def is_bound() -> bool:
            status = creates.status("lesson-42")
            return status is not None and status.account is not None

        class While:
            """While a create is under way that could be confused with that of the key."""

            @live.hookimpl
            def livestream_exchange(self, exchange: live.Exchange) -> None:
                if exchange.method != "POST" or tasks:
                    return
                tasks.append(threads.submit(creates.run, client, "lesson-42", replaced))
                until(is_bound)
                creates.forget("lesson-42")
                creates.intend("lesson-42", replacement, account=client.account)
                creates.resume(client)

        register(While())
        creates.intend("lesson-42", replaced)
        creates.create(client, "other", title="Algebra", scheduled_start=SOON)
        with pytest.raises(durable.NotSettled):
            tasks[0].result(60)
        assert creates.run(client, "lesson-42").scheduled_start == later
        assert sorted(each.scheduled_start for each in client.list()) == [SOON, later]


def test_a_key_is_not_forgotten_while_a_create_is_about_to_be_sent(
    postgresql_server: PostgreSQL,
) -> None:
    database = postgresql_server.new_database()
    engine, forgetter = engine_of(database), threading.get_ident()
    tasks: list[Future[live.LiveStream]] = []

    def waits_for_a_lock() -> bool:
        with psycopg.connect(database) as connection:
            query = (
                "SELECT 1 FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return connection.execute(query).fetchone() is not None

    with account() as (vendor, client, _), ThreadPoolExecutor(1) as threads:
        creates = durable.Creates(engine)
        spec = live.StreamSpec(title="Algebra", scheduled_start=SOON)
        creates.intend("lesson-42", spec)
        lose_response(vendor)

        @sa.event.listens_for(engine, "after_cursor_execute")
        def create(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            # The key was read, and will now be forgotten.
            if threading.get_ident() == forgetter and not tasks and statement.startswith("SELECT"):
                tasks.append(threads.submit(creates.run, client, "lesson-42"))
                until(lambda: tasks[0].done() or waits_for_a_lock())

        creates.forget("lesson-42")
        with pytest.raises(live.InvalidInput) as caught:
            tasks[0].result(60)
        assert caught.value.field == "key"
        assert sent(vendor)["POST"] == 0
    engine.dispose()


# -- secrets ---------------------------------------------------------------------------------


def test_restream_keys_are_never_stored_and_resume_does_not_send_without_them(
    file: str, tmp_path: Path
) -> None:
    spec = live.StreamSpec(
        title="Algebra",
        restreams=[live.RestreamTarget("rtmp://a.example/live", stream_key="s3cr3t-key")],
    )
    engine = engine_of(file)
    with account("mux") as (vendor, client, _):
        creates = durable.Creates(file)
        with engine.begin() as connection:
            creates.intend("lesson-42", spec, connection=connection, account=client.account)
        assert set(creates.resume([client])) == {"lesson-42"}
        assert sent(vendor)["POST"] == 0
        other = live.StreamSpec(
            title="Algebra",
            restreams=[live.RestreamTarget("rtmp://a.example/live", stream_key="0ther-key")],
        )
        with pytest.raises(live.InvalidInput) as caught:
            creates.run(client, "lesson-42", spec=other)
        assert caught.value.field == "key"
        stream = creates.run(client, "lesson-42", spec=spec)
        key = stream.ingest.stream_key.reveal()
    engine.dispose()
    gc.collect()
    for path in tmp_path.iterdir():
        assert not re.search(b"s3cr3t-key|0ther-key|" + key.encode(), path.read_bytes())


# -- what it costs ---------------------------------------------------------------------------


def lists(provider: str, file: str, keys: int = 1, **given: Any) -> int:
    """Return the number of reads before and after some creates that no fault disturbs."""
    settings = {name: given.pop(name) for name in ("baseline_age",) if name in given}
    with account(provider) as (vendor, client, _):
        vendor.connect().create(title="An earlier one")
        creates = durable.Creates(file, **settings)
        for number in range(keys):
            fields = {
                name: value.format(number) if name == "reference" else value
                for name, value in given.items()
            }
            creates.create(client, key=f"{number}", title=f"Lesson {number}", **fields)
        return sent(vendor)["GET"]


def test_what_each_way_costs_before_the_first_create(file: str) -> None:
    costs = {
        "a list": lists("tpstreams", file),
        "a list for each key": lists("tpstreams", file + "2", 3),
        "one for all": lists("tpstreams", file + "3", 3, baseline_age=60.0),
        "unique": lists("tpstreams", file + "4", unique=True),
        "creation times": lists("videosdk", file + "5", 3),
        "a reference": lists("mux", file + "6", reference="ours-{}"),
    }
    a_list = costs["a list"]
    assert 1 <= a_list <= 2
    assert costs == {
        "a list": a_list,
        "a list for each key": 3 * a_list,
        "one for all": a_list,
        "unique": 0,
        "creation times": 2,  # once for the account: two lists, because there is no total
        "a reference": 0,
    }


def test_the_guide_explains_every_cause_of_a_review() -> None:
    page = Path(__file__).parents[2] / "docs/howto/create-once.md"
    table = page.read_text(encoding="utf-8").partition("| cause |")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(durable.ReviewCause)
