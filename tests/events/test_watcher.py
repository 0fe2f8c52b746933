"""A watcher follows all streams of many accounts, and reads no more than it must."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import events
from livestream_core.emulator import Fault, load_emulator
from livestream_core.events import Change


@attrs.define
class Tenant:
    """A customer's account at a vendor."""

    vendor: Any
    client: live.Client

    @property
    def reads(self) -> list[str]:
        return [each.path for each in self.vendor.requests if each.method == "GET"]


@attrs.define
class Counted:
    """A store that counts what is written to it."""

    store: events.MemoryStore
    calls: Counter[str] = attrs.Factory(Counter)

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self.store, name)


@attrs.define
class Platform:
    """An application with some tenants, all of which have one clock."""

    clock: live.ManualClock
    tenants: dict[str, Tenant]
    store: Counted
    told: list[Change] = attrs.Factory(list)
    #: The tenants that have left.
    left: set[str] = attrs.Factory(set)
    #: The next calls of ``client_for`` that fail, by number.
    failing: set[int] = attrs.Factory(set)
    poll: float = 300.0

    def accounts(self) -> list[str]:
        return [each for each in self.tenants if each not in self.left]

    def client_for(self, account: str) -> live.Client:
        is_failing = 1 in self.failing
        self.failing = {each - 1 for each in self.failing}
        if is_failing:
            raise ConnectionError("the database is down")
        return self.tenants[account].client

    def tracker(self) -> events.Tracker:
        return events.Tracker(self.store, client_for=self.client_for, poll=self.poll)

    def watcher(self, **filters: Any) -> events.Watcher:
        return events.Watcher(self.tracker(), accounts=self.accounts, **filters)

    def process(self, worker: Any) -> list[str]:
        """Process, and return the new changes, in short."""
        before = len(self.told)
        worker.process(self.told.append)
        return [short(each) for each in self.told[before:]]

    def round(self, worker: Any, seconds: float = 330) -> list[str]:
        """Let some time pass, and process."""
        for each in self.tenants.values():
            each.vendor.requests.clear()
        self.clock.advance(seconds)
        return self.process(worker)


def short(change: Change) -> str:
    is_status = change.stream and change.kind == "status_changed"
    return str(change.stream.status if change.stream and is_status else change.kind)


@contextmanager
def platform(*names: str, provider: str = "memory", **settings: Any) -> Iterator[Platform]:
    clock = live.ManualClock()
    tenants = {}
    for name in names or ("north",):
        vendor: Any = load_emulator(provider)(**settings)
        vendor.clock = clock
        tenants[name] = Tenant(vendor, connected(vendor))
    store = Counted(events.MemoryStore(clock=lambda: clock.now().timestamp()))
    yield Platform(clock, tenants, store)
    for each in tenants.values():
        each.client.close()


def connected(vendor: Any, connect: Callable[..., Any] = live.connect) -> Any:
    options = vendor.options()
    if vendor.provider in ("memory", "mux"):
        options = {**options, "webhook_secret": vendor.webhook_secret}
    transport = vendor.transport()
    return connect(vendor.provider, transport=transport, environ={}, options=options, retries=0)


def test_streams_of_all_accounts_are_followed_although_nobody_named_them() -> None:
    with platform("north", "south") as here:
        north, south = here.tenants.values()
        first, second = (each.client.create(title="Lesson") for each in (north, south))
        watcher = here.watcher()
        assert here.process(watcher) == ["starting", "starting"]
        assert {each.account for each in here.told} == {"north", "south"}
        assert here.round(watcher) == ["ready", "ready"]
        north.vendor.connect_encoder(first.id)
        assert here.round(watcher) == ["live"]
        change = here.told[-1]
        assert (change.account, change.stream_id) == ("north", first.id)
        assert change.previous
        assert change.previous.status == "ready"
        assert change.key.startswith(f"north/{first.id}/")
        assert change.key.endswith("/3")
        third = south.client.create(title="Another")
        assert here.round(watcher) == ["ready"]
        assert here.told[-1].stream_id == third.id
        assert second.id in {each.stream_id for each in here.told}


def test_one_list_a_round_is_all_that_an_account_costs_where_a_read_is_a_search() -> None:
    with platform(provider="tktchurch") as here:
        (tenant,) = here.tenants.values()
        for number in range(500):
            tags = ["followed"] if number < 100 else []
            tenant.client.create(title=f"{number}", tags=tags)
        watcher = here.watcher(tag="followed")
        assert here.process(watcher) == ["scheduled"] * 100
        changed = next(each for each in tenant.client.list(tag="followed"))
        tenant.client.start(changed.id)
        assert here.round(watcher) == ["live"]
        assert set(tenant.reads) == {"/v1/livestreams"}
        assert len(tenant.reads) == 10, "one list of the streams with the tag"
        assert here.round(watcher, 9) == []
        assert tenant.reads == [], "ten requests every ten seconds are the most"


def test_a_status_is_not_selected_by_the_vendor_where_a_read_is_a_search() -> None:
    with platform(provider="tktchurch") as here:
        (tenant,) = here.tenants.values()
        stream, _ = (tenant.client.create(title="Sermon") for _ in range(2))
        tenant.client.start(stream.id)
        watcher = here.watcher(status="live")
        assert here.process(watcher) == ["live"]
        tenant.client.stop(stream.id)
        assert here.round(watcher) == ["ended"]
        assert tenant.reads == ["/v1/livestreams"]


def test_a_tracker_alone_reads_a_stream_seldom_where_a_read_is_a_search() -> None:
    with platform(provider="tktchurch") as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Sermon")
        tracker = here.tracker()
        tracker.poll("north", stream.id)
        assert here.process(tracker) == ["scheduled"]
        tenant.client.start(stream.id)
        assert here.round(tracker, 290) == []
        assert tenant.reads == []
        assert here.round(tracker, 20) == ["live"]


def test_a_list_that_shows_nothing_new_writes_nothing_about_streams() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        for _ in range(20):
            tenant.client.create(title="Lesson")
        watcher = here.watcher()
        here.process(watcher)
        here.round(watcher)
        here.round(watcher)
        here.store.calls.clear()
        assert here.round(watcher) == []
        assert here.store.calls == {"claim": 2, "release": 1}
        assert len(tenant.reads) == 1


def test_a_stream_that_the_list_no_longer_has_is_read_and_a_deletion_is_told() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream, other = (tenant.client.create(title="Lesson") for _ in range(2))
        watcher = here.watcher()
        here.process(watcher)
        here.round(watcher)
        tenant.client.delete(stream.id)
        assert here.round(watcher) == []
        assert here.round(watcher, 31) == ["deleted"]
        assert here.told[-1].stream_id == stream.id != other.id


def test_a_stream_that_no_longer_matches_is_followed_until_it_is_over() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        here.clock.advance(600)
        tenant.vendor.connect_encoder(stream.id)
        watcher = here.watcher(status="live")
        assert here.process(watcher) == ["live"]
        tenant.vendor.drop_encoder(stream.id)
        assert here.round(watcher) == ["interrupted"]
        tenant.client.stop(stream.id)
        assert here.round(watcher, 4) == ["processing"]
        assert here.round(watcher) == ["ended", "recording_ready"]
        assert tenant.reads.count(f"/v1/streams/{stream.id}") == 1
        here.round(watcher)
        assert tenant.reads == ["/v1/streams"]


def test_nothing_is_told_about_streams_that_were_over_before_until_they_change() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        old = tenant.client.create(title="Old")
        tenant.client.cancel(old.id)
        watcher = here.watcher()
        assert here.process(watcher) == []
        new = tenant.client.create(title="New")
        tenant.client.cancel(new.id)
        assert here.round(watcher) == ["cancelled"], "one that came and went meanwhile is told"
        assert here.told[-1].stream_id == new.id
        tenant.client.delete(old.id)
        assert here.round(watcher) == []


def test_nothing_is_told_about_a_stream_that_was_over_before_and_no_longer_matches() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        old = tenant.client.create(title="Old", tags=["maths"])
        tenant.client.cancel(old.id)
        watcher = here.watcher(tag="maths")
        here.process(watcher)
        tenant.client.update(old.id, tags=["physics"])
        assert here.round(watcher) == []
        assert tenant.reads == ["/v1/streams"]


def test_a_status_that_reads_hide_is_believed_again_although_the_lists_stay_the_same() -> None:
    with platform(provider="mux") as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        watcher, tracker = here.watcher(), here.tracker()
        tenant.vendor.connect_encoder(stream.id)
        here.clock.advance(60)
        assert here.process(watcher) == ["live"]
        tenant.vendor.drop_encoder(stream.id)
        event = tenant.client.parse_webhook(*tenant.vendor.webhook(stream.id))
        tracker.add(event, account="north")
        assert here.process(watcher) == ["interrupted"]
        tenant.vendor.connect_encoder(stream.id)  # and the delivery about it is lost
        assert here.round(watcher, 29 * 60) == []
        assert here.round(watcher, 6 * 60) == ["live"]


@pytest.mark.parametrize("asks", ["a delivery", "a poll"])
def test_a_status_to_which_a_stream_returns_between_two_equal_lists_is_told(asks: str) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        here.clock.advance(600)
        tenant.vendor.connect_encoder(stream.id)
        watcher, tracker = here.watcher(), here.tracker()
        assert here.process(watcher) == ["live"]
        assert here.round(watcher) == []
        tenant.vendor.drop_encoder(stream.id)
        if asks == "a delivery":
            event = tenant.client.parse_webhook(*tenant.vendor.webhook(stream.id))
            tracker.add(event, account="north")
        else:
            tracker.poll("north", stream.id)
        assert here.process(watcher) == ["interrupted"]
        here.clock.advance(1)
        tenant.vendor.connect_encoder(stream.id)  # and the delivery about it is lost
        assert here.round(watcher) == ["live"]
        here.round(watcher)
        assert here.round(watcher) == []
        assert tenant.reads == ["/v1/streams"], "the lists suffice again"


def test_a_stream_that_reads_wrongly_did_not_find_is_followed_again_while_it_is_listed() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        here.clock.advance(600)
        watcher, tracker = here.watcher(), here.tracker()
        assert here.process(watcher) == ["ready"]
        assert here.round(watcher) == []
        tenant.vendor.inject(Fault.status(404, body=b"{}"), on="GET /v1/streams/*", times=2)
        tracker.poll("north", stream.id)
        assert here.process(watcher) == []
        assert here.round(watcher, 31) == ["deleted"]
        assert here.round(watcher) == ["ready"]
        here.round(watcher)
        assert here.round(watcher) == []
        assert tenant.reads == ["/v1/streams"], "the lists suffice again"


def test_a_stream_that_left_the_list_twice_while_it_was_held_does_not_count_as_listed() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        here.clock.advance(600)
        tenant.vendor.connect_encoder(stream.id)
        watcher, tracker = here.watcher(status="live"), here.tracker()
        assert here.process(watcher) == ["live"]

        def meanwhile(change: Change) -> None:
            here.told.append(change)
            steps = (tenant.vendor.drop_encoder, tenant.vendor.connect_encoder)
            for step in (*steps, tenant.client.delete):
                step(stream.id)
                here.clock.advance(330)
                tracker.process(here.told.append)  # lists the account

        tenant.client.update(stream.id, title="Algebra")
        tracker.poll("north", stream.id)
        events.Tracker(here.store, client_for=here.client_for, lease=2000).process(meanwhile)
        assert [short(each) for each in here.told] == ["live", "updated"]
        assert here.round(watcher, 31) == ["deleted"]
        for _ in range(2):
            here.round(watcher)
        assert tenant.reads == ["/v1/streams"], "it is read no more"


def test_an_account_is_listed_soon_while_a_stream_is_likely_to_change_and_else_seldom() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        watcher = here.watcher()
        here.process(watcher)
        assert here.round(watcher, 25) == ["ready"], "it was starting"
        tenant.vendor.connect_encoder(stream.id)
        assert here.round(watcher, 4) == ["live"], "after a change"
        here.round(watcher, 200)
        assert here.round(watcher, 200) == []
        assert tenant.reads == []
        here.round(watcher, 200)
        assert len(tenant.reads) == 1


def test_in_a_long_list_the_few_streams_that_are_likely_to_change_are_read_singly() -> None:
    with platform(page_size=2) as here:
        (tenant,) = here.tenants.values()
        streams = [tenant.client.create(title="Lesson") for _ in range(20)]
        here.clock.advance(600)
        watcher = here.watcher()
        assert here.process(watcher) == ["ready"] * 20
        hot = streams[7].id
        tenant.vendor.connect_encoder(hot)
        assert here.round(watcher) == ["live"]
        assert tenant.reads == ["/v1/streams"] * 10
        tenant.vendor.drop_encoder(hot)
        assert here.round(watcher, 4) == ["interrupted"]
        assert tenant.reads == [f"/v1/streams/{hot}"]
        tenant.vendor.connect_encoder(hot)
        assert here.round(watcher, 4) == ["live"]
        here.round(watcher, 130)
        assert tenant.reads == [f"/v1/streams/{hot}"], "it was read once more"
        here.round(watcher, 130)
        assert tenant.reads == [], "by now, only the next list reads it"
        assert here.round(watcher) == []
        assert tenant.reads == ["/v1/streams"] * 10


def test_a_scheduled_start_in_a_long_list_is_noticed_within_seconds() -> None:
    with platform(page_size=2) as here:
        (tenant,) = here.tenants.values()
        for _ in range(20):
            tenant.client.create(title="Lesson")
        here.clock.advance(600)
        start = here.clock.now() + timedelta(hours=1)
        lesson = tenant.client.create(title="Lesson", scheduled_start=start)
        watcher = here.watcher()
        here.process(watcher)
        lists = 0
        while here.clock.now() < start:
            assert here.round(watcher, 4) == []
            lists += tenant.reads.count("/v1/streams") // 11
        assert lists <= 14, "about every five minutes"
        tenant.client.start(lesson.id)
        assert here.round(watcher, 4) == ["starting"]
        assert tenant.reads == [f"/v1/streams/{lesson.id}"]


def test_a_stream_that_stays_in_a_passing_status_is_not_listed_fast_forever() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        here.clock.advance(600)
        tenant.vendor.connect_encoder(stream.id)
        tenant.vendor.drop_encoder(stream.id)
        watcher = here.watcher()
        here.process(watcher)
        here.round(watcher, 3600)
        assert len(tenant.reads) == 1
        here.round(watcher, 60)
        assert tenant.reads == []


def test_a_fault_of_one_account_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with platform("north", "south", "west") as here:
        for each in here.tenants.values():
            each.client.create(title="Lesson")
        here.tenants["north"].vendor.inject(Fault.status(503), on="GET *", times=2)
        client_for = here.client_for

        def failing(account: str) -> live.Client:
            if account == "south":
                raise LookupError(account)
            return client_for(account)

        tracker = events.Tracker(here.store, client_for=failing)
        watcher = events.Watcher(tracker, accounts=here.accounts)
        assert here.process(watcher) == ["starting"]
        assert here.told[-1].account == "west"
        assert "north: the streams were not listed" in caplog.text
        assert "south: client_for failed" in caplog.text
        assert here.round(watcher, 5) == []
        assert sorted(here.round(watcher, 30)) == ["ready", "ready"]
        assert {each.account for each in here.told} == {"north", "west"}


def test_while_the_accounts_are_not_known_those_that_were_are_followed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tenant.client.create(title="Lesson")
        is_down = False

        def accounts() -> list[str]:
            if is_down:
                raise ConnectionError("the database is down")
            return here.accounts()

        watcher = events.Watcher(here.tracker(), accounts=accounts)
        here.process(watcher)
        is_down = True
        assert here.round(watcher) == ["ready"]
    assert "the accounts that are watched are not known" in caplog.text


def test_an_account_that_is_no_longer_watched_is_forgotten_with_its_streams() -> None:
    with platform("north", "south") as here:
        for each in here.tenants.values():
            each.client.create(title="Lesson")
        watcher = here.watcher()
        here.process(watcher)
        here.left = {"south"}
        assert here.round(watcher) == ["ready"]
        assert here.tenants["south"].reads == []
        here.round(watcher, 100_000)
        assert here.tenants["south"].reads == []
        here.left = set()
        assert here.round(watcher) == ["ready"], "it is known for the first time"
        assert here.told[-1].previous is None
        assert here.told[-1].account == "south"


@pytest.mark.parametrize("has_client", [True, False], ids=["with a client", "without a client"])
@pytest.mark.parametrize("known_by", ["a delivery", "a filter"])
def test_streams_that_the_last_list_did_not_have_are_forgotten_with_their_account(
    known_by: str, has_client: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        clients = {"north": tenant.client}
        tracker = events.Tracker(here.store, client_for=clients.__getitem__)
        watcher = events.Watcher(tracker, accounts=here.accounts, tag="maths")
        if known_by == "a delivery":
            assert here.process(watcher) == []
        stream = tenant.client.create(title="Lesson", tags=["maths"])
        here.clock.advance(60)
        if known_by == "a delivery":
            event = tenant.client.parse_webhook(*tenant.vendor.webhook(stream.id))
            tracker.add(event, account="north")
        assert here.process(watcher) == ["ready"]
        if known_by == "a filter":
            tenant.client.update(stream.id, tags=["physics"])
            assert here.round(watcher) == ["updated"]
        here.left = {"north"}
        if not has_client:
            clients.clear()
        assert here.round(watcher) == []
        assert tenant.reads == []
        assert "client_for failed" not in caplog.text
        here.clock.advance(1e9)
        assert here.store.claim("a worker", 1) is None, "nothing is left"


def test_a_stream_whose_account_was_never_watched_is_not_forgotten() -> None:
    with platform("north", "south") as here:
        south = here.tenants["south"]
        here.left = {"south"}
        watcher, tracker = here.watcher(), here.tracker()
        stream = south.client.create(title="Lesson")
        here.clock.advance(600)
        here.process(watcher)
        event = south.client.parse_webhook(*south.vendor.webhook(stream.id))
        tracker.add(event, account="south")
        here.failing = {1}
        assert here.process(watcher) == []
        assert here.round(watcher, 6) == ["ready"]
        south.vendor.connect_encoder(stream.id)
        assert here.round(watcher) == ["live"]


@pytest.mark.parametrize("has_tracker", [True, False], ids=["a tracker", "a watcher"])
def test_a_worker_that_was_killed_while_it_forgot_a_stream_leaves_nothing_behind(
    has_tracker: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tenant.client.create(title="Lesson")
        watcher = here.watcher()
        here.process(watcher)
        here.left = {"north"}
        remove = here.store.store.remove

        def killed(name: str, owner: str) -> None:
            if name == '["north"]':
                remove(name, owner)

        with monkeypatch.context() as patch:
            patch.setattr(here.store.store, "remove", killed)
            here.round(watcher)
        del here.tenants["north"]
        here.round(here.tracker() if has_tracker else watcher, 130)
        assert "client_for failed" not in caplog.text
        here.clock.advance(1e9)
        assert here.store.claim("a worker", 1) is None, "nothing is left"


def test_a_change_of_a_stream_that_was_forgotten_has_a_key_that_no_change_had() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        watcher = here.watcher()
        assert here.process(watcher) == ["starting"]
        assert here.round(watcher) == ["ready"]
        here.left = {"north"}
        here.round(watcher)
        here.left = set()
        tenant.vendor.connect_encoder(stream.id)
        assert here.round(watcher) == ["live"], "it is known for the first time"
        here.store = Counted(events.MemoryStore(clock=lambda: here.clock.now().timestamp()))
        assert here.process(here.watcher()) == ["live"], "by a store that is new"
        tenant.client.stop(stream.id)
        here.clock.advance(600)
        tracker = here.tracker()
        tracker.poll("north", stream.id)
        assert here.process(tracker) == ["ended", "recording_ready"]
        assert here.round(tracker, 31 * DAY) == []
        tracker.poll("north", stream.id)
        assert here.process(tracker) == ["ended", "recording_ready"]
        assert len({each.key for each in here.told}) == len(here.told) == 8


def test_an_account_that_another_process_has_just_added_is_not_forgotten() -> None:
    with platform("north") as here:
        one, other = here.watcher(), here.watcher()
        here.process(one)
        vendor: Any = load_emulator("memory")()
        vendor.clock = here.clock
        calls: list[list[str]] = []
        accounts = here.accounts

        def late() -> list[str]:
            calls.append(accounts())
            if len(calls) == 1:
                here.tenants["south"] = Tenant(vendor, connected(vendor))
                here.tenants["south"].client.create(title="Lesson")
                here.process(other)
                here.clock.advance(330)
            return calls[-1]

        watcher = events.Watcher(here.tracker(), accounts=late)
        here.process(watcher)
        assert len(calls) == 2
        assert [short(each) for each in here.told] == ["starting", "ready"]


def test_each_account_is_listed_by_one_of_several_workers() -> None:
    with platform("north", "south") as here:
        for each in here.tenants.values():
            each.client.create(title="Lesson")
        watchers = [here.watcher() for _ in range(3)]
        for watcher in watchers:
            here.process(watcher)
        for tenant in here.tenants.values():
            tenant.vendor.requests.clear()
        here.clock.advance(330)
        changes = [change for each in watchers for change in here.process(each)]
        assert changes == ["ready", "ready"]
        assert [len(each.reads) for each in here.tenants.values()] == [1, 1]


def test_a_long_list_renews_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        for _ in range(40):
            tenant.client.create(title="Lesson")

        class SlowMachine:
            """Each look at the clock takes ten seconds."""

            def monotonic(self) -> float:
                here.clock.advance(10)
                return here.clock.monotonic()

        monkeypatch.setattr("livestream_core.events.accounts.time", SlowMachine())
        held: list[bool] = []
        add = here.store.store.add

        def contested(name: str, key: str, delivery: str) -> None:
            claim = here.store.store.claim("another", 0)
            held.append(claim is None or claim.stream != '["north"]')
            add(name, key, delivery)

        monkeypatch.setattr(here.store.store, "add", contested)
        here.process(here.watcher())
        assert len(held) > 40
        assert all(held)
        assert len({each.stream_id for each in here.told}) == 40


def test_a_tracker_with_the_same_store_lists_accounts_too() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tenant.client.create(title="Lesson")
        here.process(here.watcher())
        assert here.round(here.tracker()) == ["ready"]


def test_a_delivery_about_a_listed_stream_is_told_at_once_and_only_once() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        watcher, tracker = here.watcher(), here.tracker()
        here.process(watcher)
        here.round(watcher)
        for step in (tenant.vendor.connect_encoder, tenant.vendor.drop_encoder):
            here.clock.advance(1)
            step(stream.id)
            event = tenant.client.parse_webhook(*tenant.vendor.webhook(stream.id))
            tracker.add(event, account="north")
        assert here.process(watcher) == ["live", "interrupted"]
        assert here.round(watcher) == []


@pytest.mark.parametrize("respell", [str.lower, str.upper])
def test_two_spellings_of_an_id_are_one_stream(respell: Callable[[str], str]) -> None:
    with platform(provider="tktchurch") as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Sermon")
        watcher, tracker = here.watcher(), here.tracker()
        tracker.poll("north", respell(stream.id))
        assert here.process(watcher) == ["scheduled"]
        tenant.client.start(stream.id)
        tracker.poll("north", respell(stream.id))
        assert here.process(watcher) == ["live"]
        assert here.round(watcher) == []
        assert {each.stream_id for each in here.told} == {stream.id}
        first, second = (each.key for each in here.told)
        series = first.removesuffix("/1")
        assert series.startswith(f"north/{stream.id}/")
        assert second == f"{series}/2"


@pytest.mark.parametrize("fails", [False, True])
def test_deliveries_with_another_spelling_of_the_id_are_told_in_order_and_not_lost(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    with platform(provider="tktchurch") as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Sermon")
        other = stream.id.swapcase()
        tracker = here.tracker()
        tracker.poll("north", stream.id)
        here.process(tracker)
        here.clock.advance(1)
        tenant.client.start(stream.id)
        delivery = live.Event(
            provider="tktchurch",
            kind="stream_changed",
            stream_id=other,
            stream=attrs.evolve(tenant.client.get(stream.id), id=other),
            key="1",
            occurred_at=here.clock.now(),
            status="live",
        )
        here.clock.advance(1)
        tenant.client.stop(stream.id)
        tracker.add(delivery, account="north")
        if fails:

            def down(*_: object) -> None:
                monkeypatch.undo()
                raise OSError("the database is down")

            monkeypatch.setattr(here.store.store, "save", down)
            with pytest.raises(OSError, match="down"):
                here.process(tracker)
            here.told.clear()
        assert here.process(tracker) == ["live", "ended"]
        for each in here.told:
            assert each.stream
            assert (each.stream_id, each.stream.id) == (stream.id, stream.id)
        assert here.process(tracker) == []


def test_a_list_that_is_older_than_what_is_known_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        stream = tenant.client.create(title="Lesson")
        watcher, tracker = here.watcher(), here.tracker()
        here.process(watcher)
        here.clock.advance(600)
        tenant.vendor.connect_encoder(stream.id)

        def ends_while_it_is_listed() -> None:
            here.clock.advance(1)
            tenant.client.stop(stream.id)
            tracker.poll("north", stream.id)

        add = here.store.store.add

        def overtaken(name: str, key: str, delivery: str) -> None:
            # A list has shown the stream live; before that is stored, it ends, and is read.
            monkeypatch.undo()
            ends_while_it_is_listed()
            here.process(tracker)
            add(name, key, delivery)

        monkeypatch.setattr(here.store.store, "add", overtaken)
        here.process(watcher)
        assert [short(each) for each in here.told] == ["starting", "processing"]


def test_where_a_list_lacks_the_status_each_stream_is_read_along_with_it() -> None:
    with platform(provider="videosdk-rooms") as here:
        (tenant,) = here.tenants.values()
        tenant.client.create(title="Lesson")
        watcher = here.watcher()
        assert len(here.process(watcher)) == 1
        assert here.told[-1].stream
        assert here.told[-1].stream.status != "unknown"


def test_coroutines_do_the_same() -> None:
    vendor: Any = load_emulator("memory")()
    vendor.clock = live.ManualClock()
    told: list[Change] = []

    async def accounts() -> list[str]:
        await asyncio.sleep(0)
        return ["north"]

    async def main() -> None:
        async with connected(vendor, live.connect_async) as client:
            store = events.MemoryStore(clock=lambda: vendor.clock.now().timestamp())
            tracker = events.AsyncTracker(store, client_for=lambda account: client)
            watcher = events.AsyncWatcher(tracker, accounts=accounts)
            stream = await client.create(title="Lesson")
            for step in (None, None, vendor.connect_encoder):
                if step:
                    step(stream.id)
                await watcher.process(told.append)
                vendor.clock.advance(330)

    asyncio.run(main())
    assert [short(each) for each in told] == ["starting", "ready", "live"]


@pytest.mark.parametrize(
    ("named", "field"),
    [
        ({"accounts": ["north"]}, "accounts"),
        ({"accounts": list, "status": "odd"}, "status"),
        ({"accounts": list, "starts_after": "tomorrow"}, "starts_after"),
    ],
)
def test_a_wrong_argument_is_refused(named: dict[str, Any], field: str) -> None:
    with platform() as here:
        with pytest.raises(live.InvalidInput) as caught:
            events.Watcher(here.tracker(), **named)
        assert caught.value.field == field


# -- remembering streams that are over ----------------------------------------------------------

DAY = 24 * 3600.0


def test_a_stream_that_is_over_is_forgotten_after_thirty_days() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tracker = here.tracker()
        stream = tenant.client.create(title="Lesson")
        tenant.client.cancel(stream.id)
        tracker.poll("north", stream.id)
        assert here.process(tracker) == ["cancelled"]
        assert here.round(tracker, 29 * DAY) == []
        assert here.store.calls["remove"] == 0
        assert here.round(tracker, 2 * DAY) == []
        assert here.store.calls["remove"] == 1
        assert tenant.reads == []
        tracker.poll("north", stream.id)
        assert here.process(tracker) == ["cancelled"]
        assert here.told[-1].previous is None


def test_a_delivery_lets_it_be_remembered_for_longer() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tracker = here.tracker()
        stream = tenant.client.create(title="Lesson")
        tenant.client.cancel(stream.id)
        tracker.poll("north", stream.id)
        here.process(tracker)
        here.round(tracker, 29 * DAY)
        tracker.poll("north", stream.id)
        assert here.process(tracker) == []
        assert here.round(tracker, 29 * DAY) == []
        assert here.store.calls["remove"] == 0
        here.round(tracker, 2 * DAY)
        assert here.store.calls["remove"] == 1


@pytest.mark.parametrize("failing", ["the read", "the client"])
@pytest.mark.parametrize("asks", ["a delivery", "a poll", "a list"])
def test_a_stream_that_is_over_is_read_although_the_first_attempt_fails(
    asks: str, failing: str
) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tracker = here.tracker()
        worker: Any = here.watcher() if asks == "a list" else tracker
        stream = tenant.client.create(title="Lesson")

        def read() -> list[str]:
            if asks != "a list":
                tracker.poll("north", stream.id)
            return here.round(worker)

        assert read() == ["ready"]
        event = tenant.client.parse_webhook(*tenant.vendor.webhook(stream.id))
        tenant.client.cancel(stream.id)
        assert read() == ["cancelled"]
        tenant.client.delete(stream.id)

        if failing == "the read":
            tenant.vendor.inject(Fault.status(503), on="GET /v1/streams/*")
        else:
            # The first call is about the account if that is listed.
            here.failing = {2 if asks == "a list" else 1}
        if asks == "a delivery":
            tracker.add(event, account="north")
        elif asks == "a poll":
            tracker.poll("north", stream.id)
        assert here.round(worker) == []
        assert here.round(worker, 6) == []
        assert [each for each in tenant.reads if stream.id in each]
        assert here.round(worker, 31) == ["deleted"]
        assert here.round(worker, 31 * DAY) == []
        assert here.store.calls["remove"] == 1


@pytest.mark.parametrize("failing", ["the read", "the client"])
@pytest.mark.parametrize("asks", ["a delivery", "a poll"])
def test_a_stream_that_counts_as_deleted_is_read_although_the_first_attempt_fails(
    asks: str, failing: str
) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tracker = here.tracker()
        stream = tenant.client.create(title="Lesson")
        here.clock.advance(600)
        tracker.poll("north", stream.id)
        assert here.process(tracker) == ["ready"]
        tenant.vendor.inject(Fault.status(404, body=b"{}"), on="GET /v1/streams/*", times=2)
        tracker.poll("north", stream.id)
        assert here.process(tracker) == []
        assert here.round(tracker, 31) == ["deleted"]

        for step in (tenant.vendor.connect_encoder, tenant.vendor.drop_encoder):
            here.clock.advance(1)
            step(stream.id)
            if asks == "a delivery":
                event = tenant.client.parse_webhook(*tenant.vendor.webhook(stream.id))
                tracker.add(event, account="north")
        if asks == "a poll":
            tracker.poll("north", stream.id)
        if failing == "the read":
            tenant.vendor.inject(Fault.status(503), on="GET /v1/streams/*")
        else:
            here.failing = {1}
        assert here.process(tracker) == []
        told = here.round(tracker, 6)
        if asks == "a delivery":
            assert told == ["live", "interrupted"], "the deliveries have waited for the read"
            assert here.told[-1].source is events.Source.WEBHOOK
        else:
            assert told == ["interrupted"]


def test_a_poll_leads_to_a_read_by_the_id_although_the_first_attempt_fails() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        watcher, tracker = here.watcher(), here.tracker()
        stream = tenant.client.create(title="Lesson")
        here.clock.advance(600)
        assert here.process(watcher) == ["ready"]
        tenant.vendor.connect_encoder(stream.id)
        here.failing = {2}
        assert here.round(watcher) == [], "a list shows it live, and has a client"
        tenant.client.stop(stream.id)
        tracker.poll("north", stream.id)
        here.failing = {1}
        assert here.process(tracker) == []
        tenant.vendor.inject(Fault.status(503), on="GET /v1/streams")
        assert here.round(tracker, 11) == ["live", "processing"]


def test_a_poll_that_arrives_while_a_change_waits_is_not_forgotten() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tracker = here.tracker()
        stream = tenant.client.create(title="Lesson")
        tenant.client.cancel(stream.id)
        tracker.poll("north", stream.id)

        def failing(change: Change) -> None:
            raise RuntimeError("the database is down")

        assert tracker.process(failing) == 0
        tenant.client.delete(stream.id)
        tracker.poll("north", stream.id)
        assert here.process(tracker) == ["cancelled"]
        assert here.round(tracker, 31) == ["deleted"]


def test_a_worker_that_was_killed_does_not_let_it_be_forgotten_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tracker = here.tracker()
        stream = tenant.client.create(title="Lesson")
        tenant.client.cancel(stream.id)
        tracker.poll("north", stream.id)
        with monkeypatch.context() as patch:
            patch.setattr(here.store.store, "release", lambda *_: None)
            here.process(tracker)
        here.round(tracker, 130)
        assert here.store.calls["remove"] == 0
        here.round(tracker, 31 * DAY)
        assert here.store.calls["remove"] == 1


def test_a_watcher_does_not_tell_again_what_was_forgotten() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        watcher = here.watcher()
        here.process(watcher)
        stream = tenant.client.create(title="Lesson")
        tenant.client.cancel(stream.id)
        assert here.round(watcher) == ["cancelled"]
        assert here.round(watcher, 31 * DAY) == []
        assert here.store.calls["remove"] == 1
        assert here.round(watcher) == []


def test_how_long_it_is_remembered_can_be_chosen() -> None:
    with platform() as here:
        (tenant,) = here.tenants.values()
        tracker = events.Tracker(here.store, client_for=here.client_for, keep=DAY)
        stream = tenant.client.create(title="Lesson")
        tenant.client.cancel(stream.id)
        tracker.poll("north", stream.id)
        here.process(tracker)
        here.round(tracker, 1.1 * DAY)
        assert here.store.calls["remove"] == 1
