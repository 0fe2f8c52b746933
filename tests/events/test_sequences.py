"""Whatever happens to deliveries and processes, the changes are those of the vendor, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import events
from livestream_core.emulator import load_emulator

Status = live.Status
PROVIDERS = ("memory", "tpstreams", "mux")
#: What finds the changes whose deliveries are lost: reads of each stream, or lists of the account.
NETS = ("polls", "lists", "lists of coroutines")
#: What happens to a stream.
STEPS = ("connect", "drop", "stop", "finish", "wait")


class Killed(BaseException):
    """The end of a process."""


class Mortal:
    """A store as one process sees it, which can do nothing once the process was killed."""

    def __init__(self, store: events.Store) -> None:
        self.store, self.is_alive = store, True

    def __getattr__(self, name: str) -> Any:
        if not self.is_alive:
            raise Killed
        return getattr(self.store, name)


@attrs.define
class World:
    """A vendor with one stream, and everything between it and the application."""

    vendor: Any
    client: live.Client
    id: str
    store: events.MemoryStore
    tracker: events.Tracker
    net: str = "polls"
    #: Deliveries that are on their way.
    underway: list[live.Event] = attrs.Factory(list)
    #: Each status that the stream had.
    truth: list[Status] = attrs.Factory(list)
    #: What the application was told, with what was told again.
    told: list[events.Change] = attrs.Factory(list)

    def happen(self, step: str) -> bool:
        """Let something happen, if it is possible, and send a delivery about it."""
        self.pass_(1)
        try:
            if step == "connect" and self.client.supports("webhook"):
                self.vendor.connect_encoder(self.id)
            elif step == "connect":
                self.client.start(self.id)
            elif step == "drop":
                self.vendor.drop_encoder(self.id)
            elif step == "stop":
                self.client.stop(self.id)
            elif step == "finish":
                self.vendor.finish_recording(self.id)
            else:
                self.pass_(40)
        except (ValueError, AttributeError, live.LiveStreamError):
            return False
        self.note()
        if self.client.supports("webhook"):
            self.underway.append(self.client.parse_webhook(*self.vendor.webhook(self.id)))
        return True

    def pass_(self, seconds: float) -> None:
        """Let time pass, in which at most one thing happens automatically."""
        self.vendor.clock.advance(seconds)
        self.note()

    def note(self) -> None:
        status = self.status
        if not self.truth or self.truth[-1] is not status:
            self.truth.append(status)

    @property
    def status(self) -> Status:
        return self.client.get(self.id).status

    def arrive(self, number: int, *, stays: bool = False) -> None:
        """Let a delivery arrive, or a copy of it."""
        if self.underway:
            number %= len(self.underway)
            event = self.underway[number] if stays else self.underway.pop(number)
            self.tracker.add(event)

    def process(self, *, killed_after: int | None = None) -> None:
        """Process what is due, with a new tracker, and kill it after some changes."""
        store, before = Mortal(self.store), len(self.told)

        def handle(change: events.Change) -> None:
            self.told.append(change)
            if killed_after is not None and len(self.told) - before > killed_after:
                store.is_alive = False
                raise Killed

        try:
            self.run(store, handle)
        except Killed:
            self.pass_(130)  # its lease ends

    def run(self, store: Any, handle: Any) -> None:
        def accounts() -> list[str]:
            return [self.client.account]

        async def main() -> None:
            settings = settings_of(self.vendor)
            async with live.connect_async(self.client.provider, **settings) as client:
                tracker = events.AsyncTracker(store, client_for=lambda account: client)
                await events.AsyncWatcher(tracker, accounts=accounts).process(handle)

        tracker = tracker_of(store, self.client)
        if self.net == "polls":
            tracker.process(handle)
        elif self.net == "lists":
            events.Watcher(tracker, accounts=accounts).process(handle)
        else:
            asyncio.run(main())

    @property
    def statuses(self) -> list[Status]:
        """The statuses that were told, each once."""
        once = {each.key: each for each in self.told}
        return [
            each.stream.status
            for each in once.values()
            if each.kind is events.ChangeKind.STATUS_CHANGED and each.stream
        ]


def tracker_of(store: events.Store, client: live.Client) -> events.Tracker:
    return events.Tracker(store, client_for=lambda account: client)


def settings_of(vendor: Any) -> dict[str, Any]:
    options = vendor.options()
    if vendor.sends_webhooks:
        options = {**options, "webhook_secret": vendor.webhook_secret}
    return {"transport": vendor.transport(), "environ": {}, "options": options}


@contextmanager
def world(provider: str, *, ready: bool = True, net: str = "polls") -> Iterator[World]:
    vendor: Any = load_emulator(provider)()
    vendor.clock = live.ManualClock()
    with live.connect(provider, **settings_of(vendor)) as client:
        store = events.MemoryStore(clock=lambda: vendor.clock.now().timestamp())
        stream = client.create(title="Lesson")
        found = World(vendor, client, stream.id, store, tracker_of(store, client), net=net)
        found.note()
        found.tracker.observe(client.account, stream)
        if ready:
            found.pass_(600)
            found.process()
            assert found.statuses[-1] is Status.READY
            found.told.clear()
        yield found


def is_within(part: Sequence[Status], whole: Sequence[Status]) -> bool:
    left = iter(whole)
    return all(each in left for each in part)


actions = st.one_of(
    st.tuples(st.just("happen"), st.sampled_from(STEPS)),
    st.tuples(st.sampled_from(["arrive", "copy", "lose"]), st.integers(0, 5)),
    st.tuples(st.just("process"), st.none() | st.integers(0, 2)),
    st.tuples(st.just("poll"), st.none()),
)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("provider", [*PROVIDERS, "tktchurch"])
@settings(max_examples=30)
@given(planned=st.lists(actions, max_size=30))
def test_every_interleaving_tells_the_true_statuses_and_ends_in_the_last_one(
    provider: str, net: str, planned: list[tuple[str, Any]]
) -> None:
    with world(provider, ready=False, net=net) as found:
        for name, value in planned:
            if name == "happen":
                found.happen(value)
            elif name == "arrive":
                found.arrive(value)
            elif name == "copy":
                found.arrive(value, stays=True)
            elif name == "lose" and found.underway:
                found.underway.pop(value % len(found.underway))
            elif name == "poll":
                found.tracker.poll(found.client.account, found.id)
            elif name == "process":
                found.process(killed_after=value)
        found.pass_(4000)  # every poll is due by then
        found.process()
        found.process()

        statuses = found.statuses
        assert statuses[-1] is found.status
        assert all(one is not other for one, other in pairwise(statuses))
        if provider in ("memory", "tktchurch"):
            # Its deliveries say when, and its reads show every status.
            assert is_within(statuses, found.truth), found.truth
        keys = [each.key for each in found.told]
        numbers = [int(key.rpartition("/")[2]) for key in dict.fromkeys(keys)]
        assert numbers == list(range(1, len(numbers) + 1)), "each change is told, and in order"
        for one, other in pairwise(found.told):
            assert one == other or other.key not in keys[: keys.index(one.key)]


@pytest.mark.parametrize("each_is_processed", [False, True], ids=["at once", "one by one"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_live_interrupted_live_is_three_changes_although_every_read_shows_the_last(
    provider: str, each_is_processed: bool
) -> None:
    with world(provider) as found:
        for step in ("connect", "drop", "connect"):
            assert found.happen(step)
        while found.underway:
            found.arrive(0)
            if each_is_processed:
                found.process()
        found.process()
        assert found.statuses == ["live", "interrupted", "live"]
        changes = [each for each in found.told if each.kind == "status_changed"]
        assert {each.source for each in changes} == {"webhook"}
        assert changes[1].previous
        assert changes[1].previous.status == "live"


@pytest.mark.parametrize("provider", ["memory", "mux"])
def test_deliveries_with_times_may_arrive_in_any_order_and_twice(provider: str) -> None:
    with world(provider) as found:
        for step in ("connect", "drop", "connect"):
            found.happen(step)
        for number in (2, 0, 1, 1, 2, 0):
            found.arrive(number, stays=True)
        found.process()
        for number in (1, 0, 2):
            found.arrive(number)
        found.process()
        assert found.statuses == ["live", "interrupted", "live"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_delivery_that_arrives_after_a_later_status_was_told_changes_nothing(
    provider: str,
) -> None:
    with world(provider) as found:
        for step in ("connect", "stop"):
            found.happen(step)
            if step == "stop" and found.status is Status.LIVE:
                found.pass_(120)  # Mux ends a run a little later
            found.tracker.poll(found.client.account, found.id)
            found.process()
        over = found.statuses
        assert over == ["live", found.status]
        found.arrive(0)
        found.process()
        assert found.statuses == over


@pytest.mark.parametrize("each_is_processed", [False, True], ids=["at once", "one by one"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_copy_of_a_delivery_changes_nothing(provider: str, each_is_processed: bool) -> None:
    with world(provider) as found:
        found.happen("connect")
        found.happen("drop")
        for number in (0, 1, 0, 0, 1):
            found.arrive(number, stays=True)
            if each_is_processed:
                found.process()
        found.process()
        assert found.statuses == ["live", "interrupted"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_without_any_delivery_polls_find_the_changes(provider: str) -> None:
    with world(provider) as found:
        found.happen("connect")
        found.underway.clear()
        found.pass_(301)
        found.process()
        assert found.statuses == ["live"]
        assert [each.source for each in found.told] == ["poll"] * len(found.told)


def test_a_status_that_reads_cannot_show_stays_until_they_show_something_else() -> None:
    with world("tpstreams", ready=False) as found:
        for _ in range(3):
            found.tracker.poll(found.client.account, found.id)
            found.process()
        assert found.status is Status.SCHEDULED
        assert found.statuses == ["starting"]
        found.pass_(600)
        found.process()
        assert found.statuses == ["starting", "ready"]
