"""Durable creates by one caller: the kinds of the rule, with both clients."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import livestream_core as live
from livestream_core import durable
from livestream_core.emulator import Fault
from livestream_core.memory.emulator import MemoryVendor
from livestream_core.testing.blocking import LoopThread
from livestream_tpstreams.emulator import TPStreamsEmulator

START = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
LESSON = live.StreamSpec(title="Lesson", scheduled_start=START)
CREATE = "POST *"


class Caller:
    """Calls the methods of a `Creates` or an `AsyncCreates`, and waits for the results."""

    def __init__(self, creates: Any, client: Any, run: Callable[[Any], Any]) -> None:
        self.creates, self.client, self._run = creates, client, run

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **values: Any) -> Any:
            return self._run(getattr(self.creates, name)(*args, **values))

        return call

    def settled(self, key: str, spec: live.StreamSpec = LESSON, **values: Any) -> live.LiveStream:
        """Come again until the outcome is known."""
        for _ in range(100):
            try:
                stream: live.LiveStream = self.create(self.client, key, spec, **values)
                return stream
            except durable.NotSettled as error:
                assert error.retryable
                assert error.retry_after
        raise AssertionError("not settled")


@pytest.fixture
def vendor() -> TPStreamsEmulator:
    return TPStreamsEmulator()


@pytest.fixture(params=["sync", "async"])
def caller(
    request: pytest.FixtureRequest, vendor: TPStreamsEmulator, tmp_path: Path
) -> Iterator[Caller]:
    database = f"sqlite:///{tmp_path / 'creates.db'}"
    if request.param == "sync":
        creates = durable.Creates(database, settle=0.0)
        with vendor.connect(retries=0) as client:
            yield Caller(creates, client, lambda result: result)
        creates.close()
        return
    loop = LoopThread()

    async def connected() -> live.AsyncClient:
        transport: Any = vendor.transport()
        options: dict[str, Any] = {**vendor.options(), "transport": transport}
        return live.connect_async("tpstreams", retries=0, **options)

    async def awaited(result: Any) -> Any:
        return await result if isawaitable(result) else result

    asynchronous = durable.AsyncCreates(database, settle=0.0)
    client_ = loop.run(connected())
    yield Caller(asynchronous, client_, lambda result: loop.run(awaited(result)))
    asynchronous.close()
    loop.run(client_.close())
    loop.stop()


def titles(vendor: Any) -> list[str]:
    with vendor.connect() as client:
        return sorted(each.title for each in client.list())


def test_a_lost_response_ends_in_the_stream_that_was_created(
    caller: Caller, vendor: TPStreamsEmulator
) -> None:
    vendor.inject(Fault.drop_after(), on=CREATE)
    stream = caller.settled("a")
    assert caller.settled("a").id == stream.id
    assert titles(vendor) == ["Lesson"]


def test_a_create_that_was_not_applied_is_sent_again(
    caller: Caller, vendor: TPStreamsEmulator
) -> None:
    vendor.inject(Fault.drop_before(), on=CREATE)
    caller.settled("a")
    assert titles(vendor) == ["Lesson"]
    assert caller.status("a").attempts == 2


def test_two_keys_with_equal_specs_have_two_streams(
    caller: Caller, vendor: TPStreamsEmulator
) -> None:
    vendor.inject(Fault.drop_after(), on=CREATE, times=2)
    assert caller.settled("a").id != caller.settled("b").id
    assert titles(vendor) == ["Lesson", "Lesson"]


def test_a_stream_that_was_there_before_belongs_to_nobody(
    caller: Caller, vendor: TPStreamsEmulator
) -> None:
    with vendor.connect() as other:
        before = other.create(LESSON)
    vendor.inject(Fault.drop_before(), on=CREATE)
    assert caller.settled("a").id != before.id
    assert caller.check(caller.client) == ()


def test_an_intent_that_was_rolled_back_is_unknown(
    caller: Caller, vendor: TPStreamsEmulator, tmp_path: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'creates.db'}")
    with engine.connect() as connection:
        caller.intend("a", LESSON, connection=connection)
        connection.rollback()
    assert caller.status("a") is None
    with pytest.raises(live.InvalidInput) as caught:
        caller.run(caller.client, "a")
    assert caught.value.field == "key"
    with engine.begin() as connection:
        caller.intend("a", LESSON, connection=connection)
    engine.dispose()
    assert titles(vendor) == []
    assert caller.run(caller.client, "a").title == "Lesson"


def test_an_error_can_be_pickled_and_rebuilt_with_what_was_found(
    caller: Caller, vendor: TPStreamsEmulator
) -> None:
    vendor.inject(Fault.drop_after(), on=CREATE)
    with pytest.raises(durable.NotSettled):
        caller.create(caller.client, "a", LESSON)
    with vendor.connect() as other:
        other.create(LESSON)
    with pytest.raises(durable.NeedsReview) as caught:
        caller.create(caller.client, "a", LESSON)
    error = caught.value
    assert error.cause is durable.ReviewCause.MORE_STREAMS
    assert len(error.found) == 2
    for again in (
        pickle.loads(pickle.dumps(error)),
        live.LiveStreamError.from_dict(error.to_dict()),
    ):
        assert isinstance(again, durable.NeedsReview)
        assert (again.cause, [each.id for each in again.found]) == (
            error.cause,
            [each.id for each in error.found],
        )
    with pytest.raises(durable.NotSettled):
        caller.forget("a")
    caller.forget("a", force=True)


def test_a_new_stream_that_looks_changed_needs_review(
    caller: Caller, vendor: TPStreamsEmulator
) -> None:
    vendor.inject(Fault.drop_before(), on=CREATE)
    with pytest.raises(durable.NotSettled):
        caller.create(caller.client, "a", LESSON)
    with vendor.connect() as other:
        other.create(title="LESSON", scheduled_start=START)
    with pytest.raises(durable.NeedsReview) as caught:
        caller.settled("a")
    assert caught.value.cause is durable.ReviewCause.CHANGED
    assert [each.title for each in caught.value.found] == ["LESSON"]


def test_the_stream_of_a_forgotten_key_is_not_that_of_another(
    caller: Caller, vendor: TPStreamsEmulator
) -> None:
    caller.create(caller.client, "a", LESSON, unique=True)
    caller.forget("a")
    vendor.inject(Fault.drop_before(), on=CREATE)
    caller.settled("b", unique=True)
    assert titles(vendor) == ["Lesson", "Lesson"]


OTHER = live.StreamSpec(title="Other", scheduled_start=START)


def once_after(register: Callable[[Any], Any], method: str, act: Callable[[], object]) -> None:
    """Do something once, between a request and what is recorded about it."""
    todo = [act]

    class After:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            if exchange.method == method and todo:
                todo.pop()()

    register(After())


def replace(operator: durable.Creates, caller: Caller, spec: live.StreamSpec) -> None:
    """Forget the key "a", and intend it with another spec."""
    operator.forget("a", force=True)
    operator.intend("a", spec, account=caller.client.account)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[durable.Creates]:
    """Provide what an operator uses in the same database, in another process."""
    creates = durable.Creates(f"sqlite:///{tmp_path / 'creates.db'}")
    yield creates
    creates.close()


def test_a_key_that_is_intended_again_during_its_create_gets_a_stream_of_its_own(
    caller: Caller,
    vendor: TPStreamsEmulator,
    operator: durable.Creates,
    register: Callable[[Any], Any],
) -> None:
    caller.intend("a", LESSON)
    once_after(register, "POST", lambda: replace(operator, caller, OTHER))
    assert caller.run(caller.client, "a").title == "Lesson"
    assert caller.run(caller.client, "a").title == "Other"
    assert titles(vendor) == ["Lesson", "Other"]


@pytest.mark.parametrize("status", [201, 403, 504])
def test_nothing_about_a_forgotten_intent_is_recorded_for_the_next_one(
    caller: Caller,
    vendor: TPStreamsEmulator,
    operator: durable.Creates,
    register: Callable[[Any], Any],
    status: int,
) -> None:
    recorded = []

    def start_over() -> None:
        replace(operator, caller, OTHER)
        recorded.append(operator.status("a"))

    if status != 201:
        vendor.inject(Fault.status(status), on=CREATE)
    caller.intend("a", LESSON)
    once_after(register, "POST", start_over)
    try:
        caller.run(caller.client, "a")
    except live.LiveStreamError as error:
        assert status != 201, error
    assert recorded == [operator.status("a")]


def test_the_stream_of_a_key_that_is_forgotten_during_its_create_is_not_that_of_another(
    caller: Caller,
    vendor: TPStreamsEmulator,
    operator: durable.Creates,
    register: Callable[[Any], Any],
) -> None:
    once_after(register, "POST", lambda: operator.forget("a", force=True))
    caller.create(caller.client, "a", LESSON, unique=True)
    vendor.inject(Fault.drop_before(), on=CREATE)
    caller.settled("a", unique=True)
    assert titles(vendor) == ["Lesson", "Lesson"]


def test_a_spec_is_not_sent_for_an_intent_that_replaced_its_own_while_a_list_was_read(
    caller: Caller,
    vendor: TPStreamsEmulator,
    operator: durable.Creates,
    register: Callable[[Any], Any],
) -> None:
    later = attrs.evolve(LESSON, scheduled_start=START + timedelta(hours=1))

    waiting: list[Any] = []

    def start_over() -> None:
        replace(operator, caller, later)
        with vendor.connect() as client:
            waiting.extend(operator.resume(client).values())

    vendor.inject(Fault.drop_before(), on=CREATE)
    with pytest.raises(durable.NotSettled):
        caller.create(caller.client, "a", LESSON)
    once_after(register, "GET", start_over)
    with pytest.raises(durable.NotSettled):
        caller.create(caller.client, "a", LESSON)
    assert [type(each) for each in waiting] == [durable.NotSettled]
    assert titles(vendor) == []
    assert caller.run(caller.client, "a").scheduled_start == later.scheduled_start


def test_a_key_of_another_account_needs_review(caller: Caller) -> None:
    caller.create(caller.client, "a", LESSON)
    with MemoryVendor().connect() as other:
        creates = durable.Creates(caller.creates._store.engine)
        with pytest.raises(durable.NeedsReview) as caught:
            creates.run(other, "a")
    assert caught.value.cause is durable.ReviewCause.OTHER_ACCOUNT
