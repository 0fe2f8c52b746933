"""What a tracker tells, for each kind of change, and what it does when something fails."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import events
from livestream_core.emulator import Fault, load_emulator
from livestream_core.events import Change, ChangeKind

ACCOUNT = "north-school"


@attrs.define
class Platform:
    """An application with one account, whose store, vendor, and client have one clock."""

    vendor: Any
    client: live.Client
    store: events.MemoryStore
    tracker: events.Tracker
    told: list[Change] = attrs.Factory(list)

    def create(self) -> live.LiveStream:
        """Create a stream that is followed, and ready."""
        stream = self.client.create(title="Lesson")
        self.vendor.clock.advance(600)
        self.read(stream)
        self.told.clear()
        return stream

    def deliver(self, stream: live.LiveStream) -> None:
        event = self.client.parse_webhook(*self.vendor.webhook(stream.id))
        assert self.tracker.add(event, account=ACCOUNT)

    def read(self, stream: live.LiveStream) -> list[str]:
        self.tracker.poll(ACCOUNT, stream.id)
        return self.process()

    def process(self) -> list[str]:
        """Process, and return the new changes, in short."""
        before = len(self.told)
        self.tracker.process(self.told.append)
        return [
            f"{each.stream.status if each.stream and each.kind == 'status_changed' else each.kind}"
            for each in self.told[before:]
        ]


@contextmanager
def platform(provider: str = "memory", **settings: Any) -> Iterator[Platform]:
    vendor: Any = load_emulator(provider)(**settings)
    vendor.clock = live.ManualClock()
    with connected(vendor) as client:
        store = events.MemoryStore(clock=lambda: vendor.clock.now().timestamp())
        tracker = events.Tracker(store, client_for={ACCOUNT: client}.__getitem__)
        yield Platform(vendor, client, store, tracker)


def connected(vendor: Any, connect: Callable[..., Any] = live.connect) -> Any:
    options = {**vendor.options(), "webhook_secret": vendor.webhook_secret}
    transport = vendor.transport()
    return connect(vendor.provider, transport=transport, environ={}, options=options, retries=0)


def test_a_change_says_what_where_when_and_how_it_was_noticed() -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        now = here.vendor.clock.now()
        here.deliver(stream)
        here.process()
        (change,) = here.told
        assert change.provider == "memory"
        assert change.account == ACCOUNT
        assert change.stream_id == stream.id
        assert change.kind is ChangeKind.STATUS_CHANGED
        assert change.source is events.Source.WEBHOOK
        assert change.occurred_at == now
        assert change.stream
        assert (change.stream.status, change.stream.started_at) == ("live", now)
        assert change.previous
        assert change.previous.status == "ready"
        assert re.fullmatch(f"{ACCOUNT}/{stream.id}/[0-9a-f]{{8}}/2", change.key)
        assert Change.from_dict(json.loads(json.dumps(change.to_dict()))) == change


def test_a_recording_is_told_once_and_an_edit_is_told_as_an_update() -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        assert here.read(stream) == ["live"]
        assert here.read(stream) == [], "what comes with the status is no update"
        here.client.update(stream.id, title="Algebra")
        assert here.read(stream) == ["updated"]
        update = here.told[-1]
        assert update.previous
        assert update.stream
        assert (update.previous.title, update.stream.title) == ("Lesson", "Algebra")
        here.client.stop(stream.id)
        assert here.read(stream) == ["processing"]
        here.vendor.finish_recording(stream.id)
        here.client.update(stream.id, title="Geometry")
        assert here.read(stream) == ["ended", "recording_ready", "updated"]
        assert here.read(stream) == []


def test_the_end_of_each_run_of_a_reusable_stream_is_told() -> None:
    with platform("mux") as here:
        stream = here.create()
        for _ in range(2):
            here.vendor.connect_encoder(stream.id)
            here.vendor.clock.advance(60)
            assert here.read(stream) == ["live"]
            here.vendor.drop_encoder(stream.id)
            here.deliver(stream)
            assert here.process() == ["interrupted"]
            assert here.read(stream) == [], "a read shows an interrupted stream as live"
            here.vendor.clock.advance(600)
            ended = here.read(stream)
            assert ended[:2] == ["ready", "run_ended"]


def test_a_stream_that_reads_hide_as_live_is_live_again_if_that_lasts() -> None:
    with platform("mux") as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        here.vendor.clock.advance(60)
        here.read(stream)
        here.vendor.drop_encoder(stream.id)
        here.deliver(stream)
        here.process()
        here.vendor.connect_encoder(stream.id)  # and the delivery about it is lost
        here.vendor.clock.advance(29 * 60)
        assert here.read(stream) == []
        here.vendor.clock.advance(2 * 60)
        assert here.read(stream) == ["live"]


@pytest.mark.parametrize("provider", ["memory", "tpstreams", "mux"])
def test_a_deletion_is_told_once_two_reads_do_not_find_the_stream(provider: str) -> None:
    with platform(provider) as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        here.deliver(stream)
        late = here.client.parse_webhook(*here.vendor.webhook(stream.id))
        here.process()
        here.client.delete(stream.id)
        assert here.read(stream) == []
        here.vendor.clock.advance(31)
        assert here.process() == ["deleted"]
        assert here.told[-1].stream is None
        assert here.told[-1].previous
        assert here.told[-1].previous.status == "live"
        here.tracker.add(attrs.evolve(late, key="another"), account=ACCOUNT)
        here.vendor.clock.advance(3600)
        assert here.process() == [], "nor is anything told about it later"
        assert here.vendor.requests.pop().method == "GET"


def test_a_stream_that_one_read_missed_is_not_deleted() -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.inject(Fault.status(404, body=b"{}"), on="GET *")
        assert here.read(stream) == []
        here.vendor.clock.advance(31)
        assert here.process() == []
        here.vendor.inject(Fault.status(404, body=b"{}"), on="GET *")
        assert here.read(stream) == []


def test_a_stream_that_is_found_a_little_after_its_creation_is_followed() -> None:
    with platform() as here:
        stream = here.client.create(title="Lesson")
        here.vendor.inject(Fault.status(404, body=b"{}"), on="GET *")
        assert here.read(stream) == []
        here.vendor.clock.advance(31)
        assert here.process() == ["ready"]


@pytest.mark.parametrize("has_stream", [True, False])
def test_deliveries_about_a_new_stream_survive_a_read_that_does_not_find_it(
    has_stream: bool,
) -> None:
    with platform() as here:
        stream = here.client.create(title="Lesson")
        here.vendor.clock.advance(600)
        for act in (here.vendor.connect_encoder, here.vendor.drop_encoder):
            here.vendor.clock.advance(1)
            act(stream.id)
            announce(here, stream, has_stream=has_stream)
        here.vendor.inject(Fault.status(404, body=b"{}"), on="GET *")
        assert here.process() == []
        here.vendor.clock.advance(31)
        assert here.process() == ["live", "interrupted"]


def test_deliveries_about_a_stream_that_two_reads_do_not_find_mean_nothing() -> None:
    with platform() as here:
        stream = here.client.create(title="Lesson")
        announce(here, stream)
        here.vendor.inject(Fault.status(404, body=b"{}"), on="GET *", times=2)
        for _ in range(3):
            assert here.process() == []
            here.vendor.clock.advance(3600)


def announce(here: Platform, stream: live.LiveStream, *, has_stream: bool = True) -> None:
    """Add a delivery, which may say nothing of the stream but its status."""
    event = here.client.parse_webhook(*here.vendor.webhook(stream.id))
    if not has_stream and event.stream is not None:
        event = attrs.evolve(event, stream=None, status=event.stream.status)
    here.tracker.add(event, account=ACCOUNT)


def test_what_a_handler_fails_at_comes_again_later_and_nothing_overtakes_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with platform() as here:
        stream, other = here.create(), here.create()
        seen: list[Change] = []

        def handle(change: Change) -> None:
            seen.append(change)
            if change.stream_id == stream.id and len(seen) < 4:
                raise RuntimeError("the database is down")

        here.vendor.connect_encoder(stream.id)
        here.deliver(stream)
        here.vendor.connect_encoder(other.id)
        here.deliver(other)
        here.tracker.process(handle)
        assert [each.stream_id for each in seen] == [stream.id, other.id]
        here.vendor.drop_encoder(stream.id)
        here.vendor.clock.advance(6)
        here.deliver(stream)
        here.tracker.process(handle)
        here.tracker.process(handle)
        assert len(seen) == 3, "it waits before it tries again"
        here.vendor.clock.advance(60)
        here.tracker.process(handle)
        mine = [each for each in seen if each.stream_id == stream.id]
        assert mine[0] == mine[1] == mine[2]
        assert [each.stream and each.stream.status for each in mine[2:]] == ["live", "interrupted"]
    assert f"change {mine[0].key} was not handled" in caplog.text


def test_while_the_vendor_is_down_deliveries_are_told_and_the_stream_is_read_later() -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        here.deliver(stream)
        here.vendor.drop_encoder(stream.id)
        here.vendor.inject(Fault.status(503), on="GET *")
        assert here.process() == ["live"]
        assert here.process() == []
        here.vendor.clock.advance(6)
        assert here.process() == ["interrupted"]


def test_while_the_vendor_is_down_deliveries_wait_that_do_not_show_a_new_stream() -> None:
    with platform() as here:
        stream = here.client.create(title="Lesson")
        here.vendor.clock.advance(600)
        here.vendor.connect_encoder(stream.id)
        announce(here, stream, has_stream=False)
        here.vendor.clock.advance(1)
        here.vendor.drop_encoder(stream.id)
        announce(here, stream, has_stream=False)
        here.vendor.inject(Fault.status(503), on="GET *", times=2)
        for _ in range(2):
            assert here.process() == []
            here.vendor.clock.advance(60)
        assert here.process() == ["live", "interrupted"]


def test_a_poll_that_is_asked_for_while_a_read_runs_is_not_lost() -> None:
    with platform() as here:
        stream = here.create()

        class Meanwhile:
            """A change that happens between the response and what is saved."""

            @live.hookimpl
            def livestream_exchange(self, exchange: live.Exchange) -> None:
                if exchange.operation == "get" and not here.told:
                    here.vendor.connect_encoder(stream.id)
                    here.tracker.poll(ACCOUNT, stream.id)

        observer = Meanwhile()
        live.register(observer)
        try:
            assert here.read(stream) == ["live"]
        finally:
            live.unregister(observer)


def test_an_id_that_is_a_secret_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with platform() as here:
        stream = here.create()
        [key] = here.client.get(stream.id).stream_keys()
        here.vendor.inject(Fault.status(500), on="GET *")
        here.read(attrs.evolve(stream, id=key))
        assert "was not read" in caplog.text
        assert key not in caplog.text


def test_deliveries_wait_for_an_account_that_has_no_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        event = here.client.parse_webhook(*here.vendor.webhook(stream.id))
        clients: dict[str, live.Client] = {}
        tracker = events.Tracker(here.store, client_for=clients.__getitem__)
        tracker.add(event)
        tracker.process(here.told.append)
        assert here.told == []
        assert f"{here.client.account}: client_for failed" in caplog.text
        clients[here.client.account] = here.client
        here.vendor.clock.advance(6)
        tracker.process(here.told.append)
        assert [each.account for each in here.told] == [here.client.account]
        assert here.told[0].stream
        assert here.told[0].stream.status == "live"


def test_a_stream_that_is_over_is_read_no_more() -> None:
    with platform() as here:
        stream = here.create()
        here.client.cancel(stream.id)
        assert here.read(stream) == ["cancelled"]
        reads = len(here.vendor.requests)
        here.vendor.clock.advance(10_000)
        assert here.process() == []
        assert len(here.vendor.requests) == reads


def test_a_stream_without_deliveries_is_read_soon_while_it_is_likely_to_change() -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        assert here.read(stream) == ["live"]
        here.vendor.drop_encoder(stream.id)
        here.vendor.clock.advance(4)
        assert here.process() == ["interrupted"]


def test_a_stream_with_deliveries_is_read_seldom_in_case_that_some_are_lost() -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        here.deliver(stream)
        assert here.process() == ["live"]
        here.vendor.drop_encoder(stream.id)
        here.vendor.clock.advance(290)
        assert here.process() == []
        here.vendor.clock.advance(20)
        assert here.process() == ["interrupted"]


def test_a_delivery_about_something_else_is_not_stored() -> None:
    with platform() as here:
        event = here.client.parse_webhook(*here.vendor.webhook(here.vendor.add_folder()))
        assert not here.tracker.add(event, account=ACCOUNT)
        assert not here.tracker.add(attrs.evolve(EVENT, stream_id=""), account=ACCOUNT)
        assert here.process() == []


def test_observers_are_called_once_for_each_change_of_the_status() -> None:
    class Observer:
        def __init__(self) -> None:
            self.seen: list[tuple[str, str | None, str]] = []

        @live.hookimpl
        def livestream_status_changed(
            self, account: str, stream: live.LiveStream, previous: live.Status | None
        ) -> None:
            self.seen.append((account, previous, stream.status))

    observer = Observer()
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        for _ in range(3):
            here.deliver(stream)
        live.register(observer)
        try:
            here.process()
            here.client.update(stream.id, title="Algebra")
            here.read(stream)
        finally:
            live.unregister(observer)
    assert observer.seen == [(ACCOUNT, "ready", "live")]


def test_coroutines_do_the_same(caplog: pytest.LogCaptureFixture) -> None:
    vendor: Any = load_emulator("tpstreams")()
    vendor.clock = live.ManualClock()
    told: list[Change] = []

    async def handle(change: Change) -> None:
        await asyncio.sleep(0)
        told.append(change)

    async def main() -> None:
        async with connected(vendor, live.connect_async) as client:

            async def client_for(account: str) -> live.AsyncClient:
                await asyncio.sleep(0)
                found: live.AsyncClient = client
                return found

            store = events.MemoryStore(clock=lambda: vendor.clock.now().timestamp())
            tracker = events.AsyncTracker(store, client_for=client_for)
            stream = await client.create(title="Lesson")
            await tracker.observe(client.account, stream)
            await tracker.process(handle)
            vendor.clock.advance(600)
            await tracker.poll(client.account, stream.id)
            await tracker.process(handle)
            for step in (vendor.connect_encoder, vendor.drop_encoder, vendor.connect_encoder):
                vendor.clock.advance(1)
                step(stream.id)
                assert await tracker.add(client.parse_webhook(*vendor.webhook(stream.id)))
            assert await tracker.process(handle, deadline=10) == 3

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert caplog.text == ""
    statuses = [each.stream and each.stream.status for each in told]
    assert statuses == ["starting", "ready", "live", "interrupted", "live"]


def test_a_canceled_task_lets_another_worker_take_over_at_once() -> None:
    vendor: Any = load_emulator("memory")()
    vendor.clock = live.ManualClock()

    async def main() -> list[Change]:
        async with connected(vendor, live.connect_async) as client:
            store = events.MemoryStore()
            tracker = events.AsyncTracker(store, client_for=lambda account: client)
            stream = await client.create(title="Lesson")
            await tracker.observe(client.account, stream)
            begun = asyncio.Event()
            told: list[Change] = []

            async def never_done(change: Change) -> None:
                begun.set()
                await asyncio.Event().wait()

            task = asyncio.create_task(tracker.process(never_done))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await tracker.process(told.append)
            return told

    (change,) = asyncio.run(main())
    assert change.key.endswith("/1")


class Slow(events.MemoryStore):
    """A store whose first claim is answered only when it may be."""

    def __init__(self) -> None:
        super().__init__()
        self.has_claimed, self.may_answer = threading.Event(), threading.Event()

    def claim(self, owner: str, lease: float) -> events.Claim | None:
        found = super().claim(owner, lease)
        self.has_claimed.set()
        assert self.may_answer.wait(60)
        return found


@pytest.mark.parametrize("what", ["a stream", "an account"])
def test_a_task_that_is_canceled_while_it_claims_lets_another_worker_take_over_at_once(
    what: str,
) -> None:
    vendor: Any = load_emulator("memory")()
    vendor.clock = live.ManualClock()

    async def main() -> list[Change]:
        async with connected(vendor, live.connect_async) as client:
            store = Slow()
            tracker = events.AsyncTracker(store, client_for=lambda account: client)
            worker: Any = tracker
            stream = await client.create(title="Lesson")
            if what == "a stream":
                await tracker.observe(client.account, stream)
            else:
                worker = events.AsyncWatcher(tracker, accounts=lambda: [client.account])
            told: list[Change] = []
            task = asyncio.create_task(worker.process(told.append))
            assert await asyncio.to_thread(store.has_claimed.wait, 60)
            task.cancel()
            store.may_answer.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert told == []
            await worker.process(told.append)
            return told

    (change,) = asyncio.run(main())
    assert change.key.endswith("/1")


def no_client(account: str) -> live.Client:
    raise AssertionError(account)


EVENT = live.Event(provider="a", kind="stream_changed", stream_id="1")
STREAM = live.LiveStream(provider="a", id="1", title="Lesson", status="live")


@pytest.mark.parametrize("account", [5, uuid.UUID(int=5), b"north", "", "half \ud800"])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_account_that_no_change_could_have_is_refused_and_nothing_is_stored(
    account: Any, is_async: bool
) -> None:
    store = events.MemoryStore()
    make: Any = events.AsyncTracker if is_async else events.Tracker
    tracker = make(store, client_for=no_client)
    for call in (
        lambda: tracker.add(EVENT, account=account),
        lambda: tracker.observe(account, STREAM),
        lambda: tracker.poll(account, "1"),
    ):
        with pytest.raises(live.InvalidInput, match=r"^account: ") as caught:
            asyncio.run(call()) if is_async else call()
        assert caught.value.field == "account"
    assert store.claim("test", 60) is None


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda tracker: tracker.add("no event"), "event"),
        (lambda tracker: tracker.add(live.Event(provider="a", kind="stream_changed")), "account"),
        (lambda tracker: tracker.observe("a", "no stream"), "stream"),
        (lambda tracker: tracker.poll("a", ""), "id"),
        (lambda tracker: tracker.process(print, deadline=-1), "deadline"),
        (lambda tracker: events.Tracker(tracker, client_for=no_client, lease=0.5), "lease"),
        (lambda tracker: events.Tracker(tracker, client_for=no_client, poll=-1), "poll"),
    ],
)
def test_a_wrong_argument_is_refused(call: Callable[[Any], object], field: str) -> None:
    tracker = events.Tracker(events.MemoryStore(), client_for=no_client)
    with pytest.raises(live.InvalidInput) as caught:
        call(tracker)
    assert caught.value.field == field


def test_an_event_says_which_delivery_it_is_and_for_which_account() -> None:
    with platform() as here:
        stream = here.create()
        delivery = here.vendor.webhook(stream.id)
        event, copy = (here.client.parse_webhook(*delivery) for _ in range(2))
        here.vendor.clock.advance(1)
        later = here.client.parse_webhook(*here.vendor.webhook(stream.id))
        assert event.key == copy.key != later.key
        assert event.account == here.client.account
        assert event.event_type == "live_stream.changed"
        assert live.Event.from_dict(json.loads(json.dumps(event.to_dict()))).key == event.key


def test_the_vendors_own_id_of_a_delivery_is_its_key() -> None:
    with platform("mux") as here:
        stream = here.client.create(title="Lesson")
        headers, body = here.vendor.webhook(stream.id)
        event = here.client.parse_webhook(headers, body)
        assert event.key == json.loads(body)["id"]
        assert event.event_type == json.loads(body)["type"]


def test_get_keeps_a_status_that_reads_hide() -> None:
    with platform("tpstreams") as here:
        stream = here.client.create(title="Lesson")
        assert stream.status == "starting"
        assert here.client.get(stream.id).status == "scheduled"
        assert here.client.get(stream.id, after=stream).status == "starting"
        here.vendor.clock.advance(600)
        assert here.client.get(stream.id, after=stream).status == "ready"
        for wrong, message in ((attrs.evolve(stream, id="other"), "not"), ("x", "expected")):
            with pytest.raises(live.InvalidInput, match=message) as caught:
                here.client.get(stream.id, after=wrong)  # type: ignore[arg-type]
            assert caught.value.field == "after"


def test_a_late_delivery_is_recognized_without_the_time_of_the_later_change() -> None:
    with platform() as here:
        stream = here.create()
        here.vendor.connect_encoder(stream.id)
        event = here.client.parse_webhook(*here.vendor.webhook(stream.id))
        assert here.read(stream) == ["live"]
        here.vendor.clock.advance(1)
        here.client.stop(stream.id)
        here.vendor.inject(Fault.missing_field("updated_at"), on="GET *")
        assert here.read(stream) == ["processing"]
        here.tracker.add(event, account=ACCOUNT)
        assert here.process() == []
