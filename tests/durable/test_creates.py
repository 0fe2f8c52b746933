"""Durable creates: what a caller sees, what is sent, and what is stored."""

from __future__ import annotations

import gc
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import livestream_core as live
from livestream_core import durable
from livestream_core.emulator import Fault
from migrations import LIST
from postgresql import PostgreSQL
from tests.durable.clocks import CREATES, Time, vendor_of

SETTLE = 900.0
SOON = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)


@contextmanager
def account(provider: str = "tpstreams") -> Iterator[tuple[Any, live.Client, Time]]:
    """Provide a vendor, a client, and the time of both."""
    with vendor_of(provider) as (vendor, clock), vendor.connect(retries=0) as client:
        yield vendor, client, clock


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


def settled(creates: durable.Creates, client: live.Client, clock: Time, **fields: Any) -> Any:
    """Come again until the outcome is known."""
    for _ in range(20):
        try:
            return creates.create(client, **fields)
        except durable.NotSettled as error:
            assert error.retryable
            assert error.retry_after > 0
            clock.pass_(error.retry_after)
    raise AssertionError("not settled")


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
    def empty(data: Any, _: object) -> Any:
        return {**data, "count": 0, "next": None, "results": []}

    with account() as (vendor, client, clock):
        creates = durable.Creates(file, settle=SETTLE)
        lose_response(vendor)
        # The list after the lost response fails, and the next one is out of date.
        vendor.inject(Fault.status(500), on=LIST["tpstreams"], skip=1)
        vendor.inject(Fault.edited(empty), on=LIST["tpstreams"], skip=1)
        with pytest.raises(durable.NotSettled):
            creates.create(client, key="lesson-42", title="Algebra", scheduled_start=SOON)
        clock.pass_(SETTLE + 1)
        stream = settled(
            creates, client, clock, key="lesson-42", title="Algebra", scheduled_start=SOON
        )
        assert [each.id for each in client.list()] == [stream.id]
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
