"""Whatever happens to deliveries and processes, the changes are those of the vendor, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import events
from livestream_core.emulator import Fault, load_emulator

Status = live.Status
PROVIDERS = ("memory", "tpstreams", "mux")
#: What finds the changes whose deliveries are lost: reads of each stream, or lists of the account.
NETS = ("polls", "lists", "lists of coroutines")
#: What happens to a stream.
STEPS = ("connect", "drop", "stop", "finish", "wait")
#: What fails while a worker processes: all reads, or the application's client, or a read by the ID
#: wrongly does not find the stream.
FAILURES = ("reads", "client", "missed")


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
    #: A client for which nothing fails.
    observer: live.Client
    id: str
    store: events.MemoryStore
    tracker: events.Tracker
    net: str = "polls"
    #: The worker, until it is killed, and the store as its process sees it.
    worker: Any = None
    store_of_worker: Mortal | None = None
    #: What fails.
    failure: str | None = None
    #: Whether the account is not watched for some time.
    has_left: bool = False
    #: The client of the worker's event loop.
    async_client: live.AsyncClient | None = None
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
        return self.observer.get(self.id).status

    def arrive(self, number: int, *, stays: bool = False) -> None:
        """Let a delivery arrive, or a copy of it."""
        if self.underway:
            number %= len(self.underway)
            event = self.underway[number] if stays else self.underway.pop(number)
            self.tracker.add(event)

    def process(self, *, killed_after: int | None = None) -> None:
        """Let the worker process what is due, and kill it after some changes."""
        before = len(self.told)
        if self.store_of_worker is None:
            self.store_of_worker = Mortal(self.store)
            self.worker = self.new_worker(self.store_of_worker)
        store = self.store_of_worker

        def handle(change: events.Change) -> None:
            self.told.append(change)
            if killed_after is not None and len(self.told) - before > killed_after:
                store.is_alive = False
                raise Killed

        if self.failure == "reads":
            self.vendor.inject(Fault.status(503), on="GET *", times=1000)
        elif self.failure == "missed":
            self.vendor.inject(Fault.status(404, body=b"{}"), on=f"GET *{self.id}*", times=1000)
        try:
            self.run(handle)
        except Killed:
            self.store_of_worker = None
            self.pass_(130)  # its lease ends
        finally:
            self.vendor.clear_faults()
            self.failure = None

    def new_worker(self, store: Any) -> Any:
        """Return a worker as a new process has it."""

        def accounts() -> list[str]:
            return [] if self.has_left else [self.client.account]

        def client_for(account: str) -> Any:
            if self.failure == "client":
                raise LookupError(account)
            return self.async_client or self.client

        if self.net == "lists of coroutines":
            tracker = events.AsyncTracker(store, client_for=client_for)
            return events.AsyncWatcher(tracker, accounts=accounts)
        blocking = events.Tracker(store, client_for=client_for)
        return blocking if self.net == "polls" else events.Watcher(blocking, accounts=accounts)

    def run(self, handle: Any) -> None:
        async def main() -> None:
            settings = settings_of(self.vendor)
            async with live.connect_async(self.client.provider, **settings) as self.async_client:
                await self.worker.process(handle)

        if self.net == "lists of coroutines":
            asyncio.run(main())
        else:
            self.worker.process(handle)

    @property
    def changes(self) -> list[events.Change]:
        """What was told, each change once."""
        once: dict[str, events.Change] = {}
        for each in self.told:
            assert once.setdefault(each.key, each) == each, "no two changes have one key"
        return list(once.values())

    @property
    def statuses(self) -> list[Status]:
        """The statuses that were told."""
        return statuses_of(self.changes)


def statuses_of(changes: Sequence[events.Change]) -> list[Status]:
    return [
        each.stream.status
        for each in changes
        if each.kind is events.ChangeKind.STATUS_CHANGED and each.stream
    ]


def tracker_of(store: events.Store, client: live.Client) -> events.Tracker:
    return events.Tracker(store, client_for=lambda account: client)


def settings_of(vendor: Any) -> dict[str, Any]:
    options = vendor.options()
    if vendor.sends_webhooks:
        options = {**options, "webhook_secret": vendor.webhook_secret}
    return {"transport": vendor.transport(), "environ": {}, "options": options, "retries": 0}


@contextmanager
def world(provider: str, *, ready: bool = True, net: str = "polls") -> Iterator[World]:
    vendor: Any = load_emulator(provider)()
    vendor.clock = live.ManualClock()
    with live.connect(provider, **settings_of(vendor)) as client, vendor.observe() as observer:
        store = events.MemoryStore(clock=lambda: vendor.clock.now().timestamp())
        stream = client.create(title="Lesson")
        tracker = tracker_of(store, client)
        found = World(vendor, client, observer, stream.id, store, tracker, net=net)
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
    st.tuples(st.just("fail"), st.sampled_from(FAILURES)),
    st.tuples(st.just("quiet"), st.sampled_from([40, 400, 31 * 24 * 3600])),
    st.tuples(st.sampled_from(["leave", "return"]), st.none()),
)

#: A list shows the stream live, a delivery interrupted, and the next list live, as before.
RETURNS = [
    *[("process", None), ("quiet", 400), ("process", None)],
    *[("happen", "connect"), ("lose", 0), ("process", None)],
    *[("quiet", 400), ("process", None), ("quiet", 400), ("process", None)],
    *[("happen", "drop"), ("arrive", 0), ("process", None)],
    *[("happen", "connect"), ("lose", 0)],
]
#: The lists have the stream, but two reads by its ID wrongly do not find it.
IS_MISSED = [
    *[("process", None), ("quiet", 400), ("process", None), ("quiet", 400), ("process", None)],
    *[("poll", None), ("fail", "missed"), ("process", None)],
    *[("quiet", 40), ("fail", "missed"), ("process", None)],
]
#: The account leaves, and is watched again.
LEAVES = [("process", None), ("leave", None), ("quiet", 400), ("process", None), ("return", None)]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("provider", [*PROVIDERS, "tktchurch"])
@settings(max_examples=30)
@given(planned=st.lists(actions, max_size=30))
@example(planned=RETURNS)
@example(planned=IS_MISSED)
@example(planned=LEAVES)
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
            elif name == "fail" and (value, net) != ("missed", "polls"):
                # Without lists, nothing shows that a stream exists that reads do not find.
                found.failure = value
            elif name in ("leave", "return"):
                found.has_left = name == "leave"
            elif name == "quiet":
                found.pass_(value)
            elif name == "process":
                found.process(killed_after=value)
        found.failure, found.has_left = None, False
        for _ in range(2):
            found.pass_(4000)  # every poll is due by then
            found.process()

        # About a stream that was over when its account was first listed, nothing is told.
        may_be_untold = {("leave", None), ("fail", "missed")} & set(planned)
        if net == "polls" or not (found.status.is_final and may_be_untold):
            assert found.statuses[-1] is found.status
            last = [each for each in found.changes if each.kind in STATES][-1]
            assert last.kind is events.ChangeKind.STATUS_CHANGED, "it was not deleted"
        for _, series in groupby(found.changes, lambda each: each.key.rpartition("/")[0]):
            check_series(found, list(series))
        keys = [each.key for each in found.told]
        for one, other in pairwise(found.told):
            assert one == other or other.key not in keys[: keys.index(one.key)]


STATES = (events.ChangeKind.STATUS_CHANGED, events.ChangeKind.DELETED)


def check_series(found: World, changes: Sequence[events.Change]) -> None:
    """Check the changes of a stream from the first one that was told until it was forgotten."""
    numbers = [int(each.key.rpartition("/")[2]) for each in changes]
    assert numbers == list(range(1, len(numbers) + 1)), "each change is told, and in order"
    states = [each.stream and each.stream.status for each in changes if each.kind in STATES]
    assert all(one is not other for one, other in pairwise(states))
    if found.client.provider in ("memory", "tktchurch"):
        # Its deliveries say when, and its reads show every status.
        statuses = [status for status, _ in groupby(statuses_of(changes))]
        assert is_within(statuses, found.truth), found.truth


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
