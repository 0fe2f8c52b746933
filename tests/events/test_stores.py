"""What a tracker relies on, in every store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import livestream_core as live
from livestream_core import events, memory
from livestream_core.events import LeaseLost, Store

LEASE = 60.0


def keys(claim: events.Claim | None) -> list[str]:
    assert claim is not None
    return [key for key, _ in claim.deliveries]


def test_a_stream_is_due_when_a_delivery_arrives_and_a_copy_is_stored_once(store: Store) -> None:
    assert store.claim("a", LEASE) is None
    for key in ("1", "2", "1", "10", "2"):
        store.add("stream \N{SNOWMAN}", key, f"delivery {key}")
    claim = store.claim("a", LEASE)
    assert claim == events.Claim(
        stream="stream \N{SNOWMAN}",
        state=None,
        deliveries=tuple((key, f"delivery {key}") for key in ("1", "2", "10")),
    )
    assert store.claim("b", LEASE) is None, "another worker may not have it"


def test_streams_are_claimed_in_the_order_in_which_they_became_due(store: Store) -> None:
    for stream in ("b", "c", "a", "b"):
        store.add(stream, stream, "")
    claims = [store.claim("w", LEASE) for _ in range(3)]
    assert [each and each.stream for each in claims] == ["b", "c", "a"]


def test_what_is_saved_is_there_and_what_was_taken_is_not(store: Store) -> None:
    store.add("s", "1", "x")
    store.claim("a", LEASE)
    store.add("s", "2", "y")
    store.save("s", "a", "known", ["1"], LEASE)
    store.release("s", "a", None)
    claim = store.claim("b", LEASE)
    assert claim is not None, "a delivery that arrived meanwhile makes the stream due at once"
    assert (claim.state, keys(claim)) == ("known", ["2"])
    store.save("s", "b", "more", ["2"], LEASE)
    store.release("s", "b", None)
    assert store.claim("b", LEASE) is None
    store.add("s", "2", "z")
    assert keys(store.claim("c", LEASE)) == ["2"]


def test_a_stream_is_due_again_after_the_time_that_was_asked_for(store: Store) -> None:
    for stream in ("soon", "late", "never"):
        store.add(stream, "1", "")
        store.claim("a", LEASE)
        store.save(stream, "a", "", ["1"], LEASE)
    store.release("never", "a", None)
    store.release("late", "a", 3600)
    assert store.claim("b", LEASE) is None
    store.release("soon", "a", 0)
    claim = store.claim("b", LEASE)
    assert claim is not None
    assert claim.stream == "soon"
    assert store.claim("b", LEASE) is None
    store.add("late", "2", "")
    assert keys(store.claim("b", LEASE)) == ["2"], "a delivery makes it due before that"


def test_after_its_lease_another_worker_takes_over_and_the_first_one_changes_nothing(
    store: Store,
) -> None:
    store.add("s", "1", "x")
    store.claim("killed", 0.0)
    taken = store.claim("other", LEASE)
    assert keys(taken) == ["1"]
    with pytest.raises(LeaseLost):
        store.save("s", "killed", "wrong", ["1"], LEASE)
    store.release("s", "killed", None)
    assert store.claim("third", LEASE) is None, "the other one still holds it"
    store.save("s", "other", "right", [], LEASE)
    store.release("s", "other", None)
    left = store.claim("third", LEASE)
    assert left is not None
    assert (left.state, keys(left)) == ("right", ["1"])


def test_a_stream_is_removed_by_the_worker_that_holds_it_unless_a_delivery_waits(
    store: Store,
) -> None:
    store.add("s", "1", "x")
    store.claim("a", LEASE)
    store.save("s", "a", "known", ["1"], LEASE)
    store.remove("s", "b")
    store.remove("none", "a")
    store.save("s", "a", "known", [], LEASE)
    store.add("s", "2", "y")
    store.remove("s", "a")
    claim = store.claim("b", LEASE)
    assert claim is not None, "it is due at once"
    assert (claim.state, keys(claim)) == ("known", ["2"])
    store.save("s", "b", "known", ["2"], LEASE)
    store.remove("s", "b")
    assert store.claim("c", LEASE) is None
    with pytest.raises(LeaseLost):
        store.save("s", "b", "again", [], LEASE)
    store.release("s", "b", 0)
    assert store.claim("c", LEASE) is None
    store.add("s", "2", "z")
    assert store.claim("c", LEASE) == events.Claim(stream="s", state=None, deliveries=(("2", "z"),))


def test_many_workers_get_each_stream_once(store: Store) -> None:
    def claim_all(owner: str) -> list[str]:
        claimed = []
        while (claim := store.claim(owner, LEASE)) is not None:
            claimed.append(claim.stream)
        return claimed

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: store.add(f"s{number}", "1", ""), range(24)))
        claimed = [each for one in threads.map(claim_all, "abcd") for each in one]
    assert sorted(claimed) == sorted(f"s{number}" for number in range(24))


def test_no_change_is_lost_or_changed_when_a_process_is_interrupted_while_it_handles_one(
    store: Store,
) -> None:
    vendor = memory.MemoryVendor(clock=live.ManualClock())
    with vendor.connect() as client:
        tracker = events.Tracker(store, client_for=lambda account: client)
        stream = client.create(title="Lesson")
        vendor.clock.advance(60)
        for step in (vendor.connect_encoder, vendor.drop_encoder, vendor.connect_encoder):
            vendor.clock.advance(1)
            step(stream.id)
            tracker.add(client.parse_webhook(*vendor.webhook(stream.id)))

        seen: list[events.Change] = []

        def interrupted(change: events.Change) -> None:
            seen.append(change)
            if len(seen) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tracker.process(interrupted)
        successor = events.Tracker(store, client_for=lambda account: client)
        again: list[events.Change] = []
        successor.process(again.append)
    assert again[0] == seen[1]
    told = [seen[0], *again]
    assert [each.stream and each.stream.status for each in told] == ["live", "interrupted", "live"]
    assert len({each.key for each in told}) == 3


def test_workers_that_share_a_store_tell_each_change_once_and_in_order(store: Store) -> None:
    vendor = memory.MemoryVendor(clock=live.ManualClock())
    with vendor.connect() as client, ThreadPoolExecutor(4) as threads:
        trackers = [events.Tracker(store, client_for=lambda account: client) for _ in range(4)]
        streams = [client.create(title=f"Lesson {number}") for number in range(8)]
        vendor.clock.advance(60)
        told: list[events.Change] = []
        for step in (vendor.connect_encoder, vendor.drop_encoder, vendor.connect_encoder):
            vendor.clock.advance(1)
            for stream in streams:
                step(stream.id)
                trackers[0].add(client.parse_webhook(*vendor.webhook(stream.id)))
            list(threads.map(lambda each: each.process(told.append), trackers))
    for stream in streams:
        mine = [each.stream.status for each in told if each.stream and each.stream_id == stream.id]
        assert mine == ["live", "interrupted", "live"]


def test_ids_and_keys_may_have_any_characters(store: Store) -> None:
    odd = "a\0b/\N{SNOWMAN}\n\"'{}"
    event = live.Event(
        provider="memory", kind="stream_changed", stream_id=odd, account=odd, key=odd, status="live"
    )
    with memory.MemoryVendor(clock=live.ManualClock()).connect() as client:

        def client_for(account: str) -> live.Client:
            assert account == odd
            return client

        tracker = events.Tracker(store, client_for=client_for)
        assert tracker.add(event)
        assert tracker.process(print) == 0, "no read finds this stream"
    assert store.claim("w", LEASE) is None


def test_no_stream_key_reaches_a_file(tmp_path: Path) -> None:
    vendor = memory.MemoryVendor(clock=live.ManualClock())
    file = tmp_path / "events.db"
    with vendor.connect() as client:
        store = events.SQLAlchemyStore(f"sqlite:///{file}")
        tracker = events.Tracker(store, client_for=lambda account: client)
        stream = client.create(title="Lesson")
        vendor.clock.advance(60)
        stream = client.get(stream.id)
        assert stream.ingest
        assert stream.ingest.stream_key
        tracker.observe(client.account, stream)
        tracker.add(client.parse_webhook(*vendor.webhook(stream.id)))
        changes: list[events.Change] = []
        stored = [file.read_bytes()]
        tracker.process(changes.append)
        store.close()
    stored += [each.read_bytes() for each in tmp_path.iterdir()]
    key = stream.ingest.stream_key.reveal()
    assert b"Lesson" in b"".join(stored)
    assert key.encode() not in b"".join(stored)
    assert key not in json.dumps([each.to_dict(secrets=True) for each in changes])


@pytest.mark.parametrize("wrong", ["mysql://host/x", "sqlite://", "no url"])
def test_another_database_is_refused(wrong: str) -> None:
    with pytest.raises(live.InvalidInput, match="database"):
        events.SQLAlchemyStore(wrong)


def test_another_url_is_refused_by_redis_without_showing_it() -> None:
    with pytest.raises(live.InvalidInput, match="redis") as caught:
        events.RedisStore("http://:hush@host")
    assert "hush" not in str(caught.value)
