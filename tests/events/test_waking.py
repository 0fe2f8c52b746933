"""What happens in a tracker wakes the watches of the same process."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

import livestream_core as live
from livestream_core import events
from livestream_core._client.account_watches import registry
from livestream_core.emulator import Fault, load_emulator
from runners import connect

pytestmark = pytest.mark.usefixtures("runner")


def settings_for(vendor: Any) -> dict[str, Any]:
    options = {**vendor.options(), "webhook_secret": vendor.webhook_secret}
    return {"transport": vendor.transport(), "environ": {}, "options": options}


@pytest.fixture
def vendor() -> Any:
    found: Any = load_emulator("memory")()
    found.clock = live.ManualClock()
    return found


def tracker_of(vendor: Any) -> events.Tracker:
    other = vendor.observe(webhook_secret=vendor.webhook_secret)
    store = events.MemoryStore(clock=lambda: vendor.clock.now().timestamp())
    return events.Tracker(store, client_for=lambda account: other)


def delivery(vendor: Any, id: str) -> live.Event:
    client = vendor.observe(webhook_secret=vendor.webhook_secret)
    event: live.Event = client.parse_webhook(*vendor.webhook(id))
    return event


@pytest.mark.parametrize("account", [None, "north-school"])
def test_a_delivery_makes_a_watch_read_its_stream_at_once(vendor: Any, account: str | None) -> None:
    tracker = tracker_of(vendor)
    with connect("memory", **settings_for(vendor)) as client:
        stream, other = (client.create(title="Lesson") for _ in range(2))
        vendor.clock.advance(600)
        watch = client.watch(stream.id, poll=3600)
        next(watch)
        vendor.clock.advance(600)

        def happen() -> None:
            for each in (other, stream):
                vendor.connect_encoder(each.id)
                tracker.add(delivery(vendor, each.id), account=account)

        began = vendor.clock.monotonic()
        vendor.clock.call_later(2000, happen)
        change = next(watch)
        assert change.stream
        assert change.stream.status == "live"
        assert vendor.clock.monotonic() - began < 2002


def test_a_watch_uses_what_a_tracker_has_read(vendor: Any) -> None:
    tracker = tracker_of(vendor)
    with connect("memory", **settings_for(vendor)) as client:
        stream = client.create(title="Lesson")
        vendor.clock.advance(600)
        watch = client.watch(stream.id, poll=3600)
        next(watch)
        vendor.clock.advance(600)

        def happen() -> None:
            vendor.connect_encoder(stream.id)
            tracker.poll("any name", stream.id)
            tracker.process(print)
            vendor.requests.clear()

        vendor.clock.call_later(2000, happen)
        change = next(watch)
        assert change.stream
        assert change.stream.status == "live"
        assert [each for each in vendor.requests if each.method == "GET"] == []


def test_of_two_reads_by_others_a_watch_uses_the_later_one(vendor: Any) -> None:
    """The later one may end first: here, a tracker reads while another watch reads a list."""
    tracker = tracker_of(vendor)
    with connect("memory", **settings_for(vendor)) as client:
        stream = client.create(title="Lesson")
        vendor.clock.advance(600)
        watch = client.watch(stream.id)
        next(watch)
        happened = []

        class Observer:
            @live.hookimpl
            def livestream_exchange(self, exchange: live.Exchange) -> None:
                if not happened:
                    happened.append(exchange.template)
                    vendor.clock.advance(10)
                    vendor.connect_encoder(stream.id)
                    tracker.poll("any name", stream.id)
                    tracker.process(print)

        observer = Observer()
        live.register(observer)
        try:
            change = next(client.watch())
        finally:
            live.unregister(observer)
        assert change.stream
        assert change.stream.status == "ready"
        vendor.requests.clear()
        change = next(watch)
        assert change.stream
        assert change.stream.status == "live"
        assert vendor.requests == []


def test_a_delivery_about_a_stream_that_filters_may_select_makes_a_watch_list(vendor: Any) -> None:
    tracker = tracker_of(vendor)
    with connect("memory", **settings_for(vendor)) as client:
        watch = client.watch(status="live", poll=3600, timeout=10_000)
        created = vendor.observe().create(title="Lesson")
        vendor.clock.advance(600)

        def happen() -> None:
            vendor.connect_encoder(created.id)
            tracker.add(delivery(vendor, created.id))

        vendor.clock.call_later(2000, happen)
        began = vendor.clock.monotonic()
        assert next(watch).stream_id == created.id
        assert vendor.clock.monotonic() - began < 2002


@pytest.mark.parametrize("has_id", [True, False])
def test_a_delivery_makes_a_watch_read_only_once_if_the_read_fails(
    vendor: Any, has_id: bool
) -> None:
    tracker = tracker_of(vendor)
    with connect("memory", **settings_for(vendor), retries=0) as client:
        stream = client.create(title="Lesson")
        vendor.clock.advance(600)
        watch = client.watch(*[stream.id] if has_id else [])
        next(watch)
        vendor.inject(Fault.status(403), on="GET *", times=3)
        tracker.add(delivery(vendor, stream.id))
        began = vendor.clock.monotonic()
        pauses = []
        for _ in range(3):
            with pytest.raises(live.PermissionDenied):
                next(watch)
            pauses.append(vendor.clock.monotonic() - began)
        assert pauses == pytest.approx([0, 5, 15], rel=0.11, abs=0.1)


def test_watches_that_are_no_longer_used_leave_nothing_behind(vendor: Any) -> None:
    with connect("memory", **settings_for(vendor)) as client:
        stream = client.create(title="Lesson")
        for _ in range(3):
            next(client.watch(stream.id))
        gc.collect()
        assert list(registry.of_account(client.account)) == []


@pytest.mark.parametrize("runner", ["async"], indirect=True)
def test_an_asynchronous_tracker_wakes_watches_too(vendor: Any) -> None:
    async def main() -> None:
        async with live.connect_async("memory", **settings_for(vendor)) as client:
            store = events.MemoryStore(clock=lambda: vendor.clock.now().timestamp())
            tracker = events.AsyncTracker(store, client_for=lambda account: client)
            stream = await client.create(title="Lesson")
            vendor.clock.advance(600)
            # The clock runs while the store is used in a thread.
            watch = client.watch(stream.id, poll=1e6, timeout=1e6)
            await anext(watch)
            vendor.clock.advance(600)
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            vendor.connect_encoder(stream.id)
            await tracker.add(delivery(vendor, stream.id))
            change = await waiting
            assert change.stream
            assert change.stream.status == "live"

    asyncio.run(main())


@pytest.mark.parametrize("runner", ["async"], indirect=True)
def test_another_thread_wakes_a_watch_of_an_event_loop() -> None:
    vendor: Any = load_emulator("memory")(boot_seconds=0)
    tracker = tracker_of(vendor)

    async def main() -> str:
        async with live.connect_async("memory", **settings_for(vendor)) as client:
            stream = await client.create(title="Lesson")
            async with client.watch(stream.id, poll=3600) as watch:
                await anext(watch)
                waiting = asyncio.ensure_future(anext(watch))
                await asyncio.sleep(0)
                vendor.connect_encoder(stream.id)
                event = delivery(vendor, stream.id)
                await asyncio.to_thread(tracker.add, event)
                change = await waiting
                assert change.stream
                return str(change.stream.status)

    assert asyncio.run(main()) == "live"
