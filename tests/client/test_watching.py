"""`client.watch()` yields the changes of streams, and reads no more often than it must."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs
import pytest

import livestream_core as live
from acme import AcmeEmulator, FakeClock
from livestream_core.emulator import Fault, load_emulator
from livestream_core.events import Change, Source
from runners import connect

pytestmark = pytest.mark.usefixtures("runner")


@attrs.define
class Platform:
    """A vendor, a client with its clock, and a client of someone else."""

    vendor: Any
    client: live.Client
    other: live.Client

    def later(self, seconds: float, *steps: Any) -> None:
        for number, step in enumerate(steps, 1):
            self.vendor.clock.call_later(number * seconds, step)

    def ready(self, **fields: Any) -> live.LiveStream:
        stream = self.client.create(title="Lesson", **fields)
        self.vendor.clock.advance(600)
        self.vendor.requests.clear()
        return stream

    @property
    def reads(self) -> list[str]:
        return [each.path for each in self.vendor.requests if each.method == "GET"]


@contextmanager
def platform(provider: str = "memory", **settings: Any) -> Iterator[Platform]:
    vendor: Any = load_emulator(provider)(**settings)
    vendor.clock = live.ManualClock()
    with another_client(vendor) as client, vendor.observe() as other:
        yield Platform(vendor, client, other)


def another_client(vendor: Any) -> live.Client:
    return connect(vendor.provider, **settings_for(vendor))


def settings_for(vendor: Any) -> dict[str, Any]:
    options = vendor.options()
    return {"transport": vendor.transport(), "environ": {}, "options": options, "retries": 0}


class InLoop:
    """A transport that sends in the event loop, so that no task runs while another one sends."""

    def __init__(self, vendor: Any) -> None:
        self._transport = vendor.transport()
        self.clock = vendor.clock
        self.session_scope = self._transport.session_scope

    async def send(self, *arguments: Any) -> Any:
        return self._transport.send(*arguments)


def short(changes: Any) -> list[str]:
    return [
        str(each.stream.status if each.stream and each.kind == "status_changed" else each.kind)
        for each in changes
    ]


def test_it_begins_with_the_current_status_and_ends_when_the_stream_is_over() -> None:
    with platform() as here:
        id = here.ready().id
        vendor = here.vendor
        here.later(
            1000,
            lambda: vendor.connect_encoder(id),
            lambda: vendor.drop_encoder(id),
            lambda: vendor.connect_encoder(id),
            lambda: here.other.stop(id),
        )
        changes = list(here.client.watch(id))
    assert short(changes) == [
        "ready",
        "live",
        "interrupted",
        "live",
        "processing",
        "ended",
        "recording_ready",
    ]
    first, second = changes[:2]
    assert (first.provider, first.account, first.stream_id) == ("memory", here.client.account, id)
    assert first.previous is None
    assert second.previous
    assert second.previous.status == "ready"
    assert {each.source for each in changes} == {Source.POLL}


def test_a_timeout_ends_it_without_an_error() -> None:
    with platform() as here:
        stream = here.ready()
        began = here.vendor.clock.monotonic()
        assert short(here.client.watch(stream.id, timeout=90)) == ["ready"]
        assert here.vendor.clock.monotonic() - began == pytest.approx(90)
        assert short(here.client.watch(stream.id, timeout=0)) == ["ready"], "it reads at least once"


def test_a_change_is_noticed_within_the_longest_pause_and_the_next_one_within_seconds() -> None:
    with platform() as here:
        stream, clock = here.ready(), here.vendor.clock
        watch = here.client.watch(stream.id, poll=300)
        next(watch)
        at = clock.monotonic()
        here.later(1000, lambda: here.vendor.connect_encoder(stream.id))
        assert short([next(watch)]) == ["live"]
        assert clock.monotonic() - at <= 1000 + 330
        at = clock.monotonic()
        here.later(60, lambda: here.vendor.drop_encoder(stream.id))
        assert short([next(watch)]) == ["interrupted"]
        assert clock.monotonic() - at <= 60 + 3.3


def test_a_stream_is_read_seldom_between_changes() -> None:
    with platform() as here:
        stream = here.ready()
        watch = here.client.watch(stream.id, timeout=7320)
        assert short(watch) == ["ready"]
        # Every 3 seconds for two minutes, and every 60 for two hours.
        assert 40 + 120 - 20 < len(here.reads) < 40 + 120 + 20


def test_a_deletion_is_told_once_two_reads_do_not_find_the_stream_and_ends_it() -> None:
    with platform() as here:
        stream = here.ready()
        watch = here.client.watch(stream.id)
        next(watch)
        here.vendor.inject(Fault.status(404, body=b"{}"), on="GET *")  # it is only missed once
        here.later(100, lambda: here.other.delete(stream.id))
        (change,) = watch
        assert short([change]) == ["deleted"]
        assert change.stream is None


def test_a_stream_that_never_was_is_not_found() -> None:
    with platform() as here, pytest.raises(live.NotFound) as caught:
        next(here.client.watch("nope"))
    assert (caught.value.operation, caught.value.stream_id) == ("watch", "nope")


def test_temporary_errors_delay_it_and_others_are_raised_without_ending_it() -> None:
    with platform() as here:
        stream, vendor = here.ready(), here.vendor
        watch = here.client.watch(stream.id)
        next(watch)
        vendor.inject(Fault.status(503), on="GET *", times=3)
        vendor.connect_encoder(stream.id)
        assert short([next(watch)]) == ["live"]
        vendor.inject(Fault.status(403), on="GET *")
        with pytest.raises(live.PermissionDenied):
            next(watch)
        vendor.drop_encoder(stream.id)
        assert short([next(watch)]) == ["interrupted"]


def seconds_until_errors(watch: Any, clock: Any, error: type[live.LiveStreamError]) -> list[float]:
    """Iterate until several errors were raised, and return the pause before each."""
    pauses = []
    for _ in range(8):
        began = clock.monotonic()
        with pytest.raises(error):
            next(watch)
        pauses.append(clock.monotonic() - began)
    return pauses


@pytest.mark.parametrize(("has_id", "refused"), [(True, "GET *"), (False, "GET */streams")])
def test_an_error_that_lasts_is_raised_after_ever_longer_pauses(has_id: bool, refused: str) -> None:
    with platform() as here:
        stream = here.ready()
        watch = here.client.watch(*[stream.id] if has_id else [], poll=100)
        next(watch)
        here.vendor.inject(Fault.status(403), on=refused, times=8)
        _, *pauses = seconds_until_errors(watch, here.vendor.clock, live.PermissionDenied)
        assert pauses == pytest.approx([5, 10, 20, 40, 80, 100, 100], rel=0.11)
        here.vendor.connect_encoder(stream.id)
        assert short([next(watch)]) == ["live"]


def test_a_stream_that_never_was_is_searched_for_after_ever_longer_pauses() -> None:
    with platform() as here:
        watch = here.client.watch("nope", poll=100)
        pauses = seconds_until_errors(watch, here.vendor.clock, live.NotFound)
        assert pauses == pytest.approx([0, 5, 10, 20, 40, 80, 100, 100], rel=0.11)


@pytest.mark.parametrize("runner", ["async"], indirect=True)
def test_after_a_429_no_watch_of_the_account_reads_until_the_vendor_allows_it() -> None:
    vendor: Any = load_emulator("memory")()
    clock = vendor.clock = live.ManualClock()
    sent: list[tuple[int | None, float]] = []

    class Observer:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            sent.append((exchange.status, clock.monotonic()))

    async def main() -> None:
        async with live.connect_async(
            "memory", **{**settings_for(vendor), "transport": InLoop(vendor)}
        ) as client:
            streams = [await client.create(title="Lesson") for _ in range(3)]
            clock.advance(600)
            vendor.inject(Fault.status(429, headers={"Retry-After": "100"}), on="GET *", skip=3)

            async def watch(id: str) -> list[str]:
                return short([each async for each in client.watch(id, timeout=300)])

            found = await asyncio.gather(*[watch(each.id) for each in streams])
            assert found == [["ready"]] * 3

    observer = Observer()
    live.register(observer)
    try:
        asyncio.run(main())
    finally:
        live.unregister(observer)
    (refused,) = [at for status, at in sent if status == 429]
    later = [at for _, at in sent if at > refused]
    assert len(later) > 10
    assert min(later) >= refused + 100


def test_keys_of_changes_are_never_those_of_another_watch() -> None:
    with platform() as here:
        stream = here.ready()
        keys = [each.key for _ in range(2) for each in here.client.watch(stream.id, timeout=1)]
        assert len(set(keys)) == 2
        assert all(key.startswith(f"{here.client.account}/{stream.id}/") for key in keys)


def test_no_stream_key_is_in_a_change() -> None:
    with platform() as here:
        stream = here.client.get(here.ready().id)
        (change,) = here.client.watch(stream.id, timeout=1)
        assert stream.ingest
        assert stream.ingest.stream_key
        assert stream.ingest.stream_key.reveal() not in str(change.to_dict(secrets=True))


# -- several streams ----------------------------------------------------------------------------


def test_without_an_id_all_streams_are_watched_and_new_ones_too() -> None:
    with platform(page_size=2) as here:
        streams = [here.ready() for _ in range(5)]
        watch = here.client.watch()
        first = [next(watch) for _ in streams]
        assert {each.stream_id for each in first} == {each.id for each in streams}
        here.later(500, lambda: here.vendor.connect_encoder(streams[3].id))
        assert [(each.stream_id, *short([each])) for each in [next(watch)]] == [
            (streams[3].id, "live")
        ]
        new = here.client.create(title="New")
        assert next(watch).stream_id == new.id
        here.client.delete(streams[0].id)
        change = next(change for change in watch if change.stream_id == streams[0].id)
        assert short([change]) == ["deleted"]


def test_a_stream_that_filters_have_selected_is_watched_until_it_is_over() -> None:
    with platform() as here:
        stream, other = here.ready(), here.ready()
        here.vendor.connect_encoder(stream.id)
        watch = here.client.watch(status="live", timeout=5000)
        assert next(watch).stream_id == stream.id
        here.later(
            500,
            lambda: here.other.stop(stream.id),
            lambda: here.vendor.connect_encoder(other.id),
        )
        assert [(each.stream_id, *short([each])) for each in watch] == [
            (stream.id, "processing"),
            (stream.id, "ended"),
            (stream.id, "recording_ready"),
            (other.id, "live"),
        ]


def test_few_streams_that_are_about_to_change_are_read_singly_and_many_by_a_list() -> None:
    with platform(page_size=5) as here:
        streams = [here.ready(tags=["maths"]) for _ in range(30)]
        watch = here.client.watch(tag="maths", timeout=3600)
        for _ in streams:
            next(watch)
        here.vendor.clock.advance(600)
        here.vendor.requests.clear()
        here.vendor.connect_encoder(streams[0].id)
        assert short(watch) == ["live"]
        singly = [each for each in here.reads if each.endswith(streams[0].id)]
        others = [each for each in here.reads if not each.endswith("/streams")]
        assert len(singly) >= 30
        assert len(others) - len(singly) < 30, "the others are read by the lists"


def test_where_a_read_is_a_search_one_list_a_round_is_all_that_it_costs() -> None:
    with platform("tktchurch") as here:
        followed = [here.client.create(title=f"{number}", tags=["x"]) for number in range(30)]
        for number in range(30):
            here.client.create(title=f"other {number}")
        here.vendor.requests.clear()
        watch = here.client.watch(tag="x", timeout=600)
        assert len([next(watch) for _ in followed]) == 30
        pages = len(here.reads)
        here.vendor.requests.clear()
        here.client.start(followed[7].id)
        here.vendor.requests.clear()
        assert short(watch) == ["live"]
        assert set(here.reads) == {"/v1/livestreams"}
        assert len(here.reads) % pages == 0
        assert len(here.reads) < 1.2 * 600, "about one request per second"


def test_a_list_that_fails_is_read_again_later() -> None:
    with platform() as here:
        stream = here.ready()
        watch = here.client.watch()
        next(watch)
        here.vendor.inject(Fault.status(503), on="GET *", times=5)
        here.vendor.connect_encoder(stream.id)
        assert short([next(watch)]) == ["live"]
        here.vendor.inject(Fault.status(403), on="GET */streams")
        with pytest.raises(live.PermissionDenied):
            next(watch)
        here.vendor.drop_encoder(stream.id)
        assert short([next(watch)]) == ["interrupted"]


def test_an_entry_that_cannot_be_read_is_not_a_deletion(
    emulator: AcmeEmulator, clock: FakeClock
) -> None:
    one, other = emulator.add(title="One"), emulator.add(title="Two")
    with emulator.connect(clock=clock) as client:
        watch = client.watch(timeout=600)
        assert short([next(watch), next(watch)]) == ["scheduled", "scheduled"]
        word = one.pop("status")
        other.update(status="on")
        assert short([next(watch)]) == ["live"]
        assert short(watch) == []
        one.update(status=word, title="Three")
        assert [each.kind for each in client.watch(timeout=0)] == ["status_changed"] * 2


def test_a_deletion_is_told_where_watches_share_lists() -> None:
    with platform("tktchurch") as here, another_client(here.vendor) as second:
        stream, other = (here.client.create(title="Sermon") for _ in range(2))
        watch, kept = here.client.watch(stream.id), second.watch(other.id)
        assert short([next(watch), next(kept)]) == ["scheduled", "scheduled"]
        here.other.delete(stream.id)
        assert short(watch) == ["deleted"]


def test_a_status_is_not_selected_by_the_vendor_where_a_read_is_a_search() -> None:
    with platform("tktchurch") as here:
        stream = here.client.create(title="Sermon")
        here.client.start(stream.id)
        watch = here.client.watch(status="live", timeout=600)
        assert next(watch).stream_id == stream.id
        here.vendor.requests.clear()
        here.later(100, lambda: here.other.stop(stream.id))
        assert short(watch) == ["ended"]
        assert set(here.reads) == {"/v1/livestreams"}, "no stream is searched for"


def test_watches_of_one_account_share_a_list_where_a_read_is_a_search() -> None:
    with platform("tktchurch") as here:
        streams = [here.client.create(title=f"{number}") for number in range(60)]
        clients = [another_client(here.vendor) for _ in range(10)]
        watches = [
            client.watch(stream.id) for client, stream in zip(clients, streams, strict=False)
        ]
        for watch in watches:
            next(watch)
        here.vendor.clock.advance(300)
        here.vendor.requests.clear()
        for stream in streams[:10]:
            here.client.start(stream.id)
        here.vendor.requests.clear()
        assert [short([next(watch)]) for watch in watches] == [["live"]] * 10
        assert len(here.reads) == 6, "one list of six pages"
        for client in clients:
            client.close()


def test_watches_of_one_account_share_a_list_where_it_costs_less_than_their_reads() -> None:
    with platform() as here:
        streams = [here.ready() for _ in range(20)]
        with ExitStack() as stack:
            watches = [
                stack.enter_context(another_client(here.vendor)).watch(each.id) for each in streams
            ]
            assert [short([next(watch)]) for watch in watches] == [["ready"]] * 20
            assert here.reads == ["/v1/streams"]


def test_a_list_that_is_longer_than_the_reads_would_be_is_not_read_to_its_end() -> None:
    with platform(page_size=1) as here:
        streams = [here.ready() for _ in range(40)]
        with ExitStack() as stack:
            watches = [
                stack.enter_context(another_client(here.vendor)).watch(each.id)
                for each in streams[:8]
            ]
            assert [short([next(watch)]) for watch in watches] == [["ready"]] * 8
            assert here.reads.count("/v1/streams") <= 8


@pytest.mark.parametrize("runner", ["async"], indirect=True)
def test_watches_of_one_account_take_turns() -> None:
    vendor: Any = load_emulator("memory")()
    vendor.clock = live.ManualClock()

    async def main() -> None:
        async with live.connect_async(
            "memory", **{**settings_for(vendor), "transport": InLoop(vendor)}
        ) as client:
            streams = [await client.create(title="Lesson") for _ in range(4)]
            vendor.clock.advance(600)
            vendor.requests.clear()

            async def watch(id: str) -> list[Change]:
                return [each async for each in client.watch(id, poll=0.1, timeout=200)]

            await asyncio.gather(*[watch(each.id) for each in streams])

    asyncio.run(main())
    reads = Counter(each.path for each in vendor.requests if each.method == "GET")
    assert len(reads) == 4
    assert max(reads.values()) <= 1.5 * min(reads.values()), reads
    assert sum(reads.values()) <= 200 + 15


def test_all_watches_of_an_account_together_send_about_one_request_per_second() -> None:
    with platform() as here:
        streams = [here.ready() for _ in range(4)]
        clients = [another_client(here.vendor) for _ in streams]
        began = here.vendor.clock.monotonic()
        watches = [
            client.watch(stream.id, poll=0.1, timeout=100)
            for client, stream in zip(clients, streams, strict=True)
        ]
        for watch in watches:
            assert short(watch) == ["ready"]
        seconds = here.vendor.clock.monotonic() - began
        assert len(here.reads) <= seconds + 15
        for client in clients:
            client.close()


def number_of_streams_in_memory() -> int:
    gc.collect()
    return sum(type(each) is live.LiveStream for each in gc.get_objects())


@pytest.mark.parametrize("has_id", [True, False])
def test_a_watch_that_is_not_iterated_keeps_only_the_newest_of_what_others_read(
    has_id: bool,
) -> None:
    with platform() as here:
        stream, *others = (here.ready() for _ in range(20))
        idle = here.client.watch(*[stream.id] if has_id else [])
        for _ in [stream] if has_id else [stream, *others]:
            assert short([next(idle)]) == ["ready"]
        list(here.client.watch(timeout=10, poll=5))
        before = number_of_streams_in_memory()
        here.vendor.connect_encoder(stream.id)
        here.later(100, lambda: here.vendor.drop_encoder(stream.id))
        assert "live" in short(here.client.watch(timeout=300, poll=5))
        assert number_of_streams_in_memory() < before + 100
        here.vendor.requests.clear()
        assert short([next(idle)]) == ["interrupted"]
        assert here.reads == []


def test_watches_that_are_not_iterated_have_the_others_read_no_more_than_one_list() -> None:
    with platform() as here:
        stream, gone, *others = (here.ready() for _ in range(10))
        here.client.delete(gone.id)
        idle = [here.client.watch(each.id) for each in others]
        more = [here.client.watch(gone.id), here.client.watch(), here.client.watch(status="live")]
        assert short(here.client.watch(stream.id, timeout=600)) == ["ready"]
        assert here.reads.count("/v1/streams") == 1
        assert here.reads.count(f"/v1/streams/{stream.id}") > 10
        here.vendor.requests.clear()
        assert [short([next(each)]) for each in idle] == [["ready"]] * len(others)
        assert here.reads == []
        for each in more:
            each.close()


# -- ending, and arguments ----------------------------------------------------------------------


def test_another_thread_ends_it_at_once() -> None:
    """By the machine's clock, it would go on in an hour."""
    vendor: Any = load_emulator("memory")()

    class Observer:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            if exchange.status == 429:
                timer.start()

    observer = Observer()
    live.register(observer)
    try:
        with another_client(vendor) as client:
            stream = client.create(title="Lesson")
            watch = client.watch(stream.id, poll=0.01)
            timer = threading.Timer(0.1, watch.close)
            next(watch)
            vendor.inject(Fault.status(429, headers={"Retry-After": "3600"}), on="GET *")
            assert list(watch) == []
            timer.join()
    finally:
        live.unregister(observer)


def test_a_closed_client_watches_no_more() -> None:
    with platform() as here:
        stream = here.ready()
        watch = here.client.watch(stream.id)
        next(watch)
        here.client.close()
        with pytest.raises(live.ConfigurationError, match="the client is closed"):
            next(watch)


def test_a_watch_is_a_context_manager() -> None:
    with platform() as here:
        with here.client.watch(here.ready().id) as watch:
            assert short([next(watch)]) == ["ready"]
        assert list(watch) == []


@pytest.mark.parametrize(
    ("arguments", "named", "field"),
    [
        (("",), {}, "id"),
        (("1",), {"status": "live"}, "status"),
        (("1",), {"timeout": -1}, "timeout"),
        (("1",), {"poll": "x"}, "poll"),
        ((), {"status": "odd"}, "status"),
        ((), {"starts_after": "tomorrow"}, "starts_after"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_sent(
    arguments: tuple[str, ...], named: dict[str, Any], field: str
) -> None:
    with platform() as here:
        with pytest.raises(live.InvalidInput) as caught:
            here.client.watch(*arguments, **named)
        assert (caught.value.field, caught.value.operation) == (field, "watch")
        assert here.vendor.requests == []


def test_a_filter_that_the_vendor_cannot_answer_is_refused() -> None:
    with platform("tpstreams") as here, pytest.raises(live.Unsupported):
        here.client.watch(tag="x")


# -- only in an event loop ----------------------------------------------------------------------


@pytest.mark.parametrize("runner", ["async"], indirect=True)
def test_a_canceled_task_can_continue_its_watch() -> None:
    vendor: Any = load_emulator("memory")(boot_seconds=0)

    async def main() -> list[Change]:
        async with live.connect_async("memory", **settings_for(vendor)) as client:
            stream = await client.create(title="Lesson")
            async with client.watch(stream.id, poll=0.05) as watch:
                first = await anext(watch)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await anext(watch)
                vendor.connect_encoder(stream.id)
                return [first, await anext(watch)]

    assert short(asyncio.run(main())) == ["ready", "live"]
