"""Whatever happens to the creates of some keys, each key gets exactly one stream."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import durable
from livestream_core._contract.adapter import in_process_origin
from livestream_core._plugins.registry import registry
from livestream_core.emulator import Fault
from livestream_core.testing.blocking import LoopThread
from migrations import LIST
from tests.durable.clocks import CREATES, Time, vendor_of

pytestmark = pytest.mark.slow

SETTLE = 900.0
#: By default, nothing is sent 15 minutes after the intent of a stream without a start.
NEVER = datetime(2040, 1, 1, tzinfo=UTC)
ON_CREATES = {
    "429": Fault.status(429, headers={"Retry-After": "0"}),
    "500": Fault.status(500),
    "a portal's page": Fault.html(200),
    "cut": Fault.cut_body(),
    "dropped after": Fault.drop_after(),
    "dropped before": Fault.drop_before(),
    "late": Fault.late_commit(SETTLE / 2),
    "very late": Fault.late_commit(SETTLE - 1),
    "without an id": Fault.missing_field("id"),
}
#: A stream that is older than this cannot be the result of a create, if the vendor shows its age.
LONG_AGO = 600.0
ON_LISTS = {
    "500": Fault.status(500),
    "cut": Fault.cut_body(),
    "dropped": Fault.drop_before(),
}
#: A create may be sent again three times.
MOST = 3


@contextmanager
def application(runner: str, vendor: Any, folder: str) -> Iterator[Any]:
    """Provide a function that creates the stream of a key with a client of a runner."""
    database = f"sqlite:///{Path(folder) / 'creates.db'}"
    if runner == "sync":
        creates = durable.Creates(database, settle=SETTLE)
        with vendor.connect(retries=0) as client:
            yield lambda **fields: creates.create(client, send_until=NEVER, **fields)
        return
    loop = LoopThread()
    asynchronous = durable.AsyncCreates(database, settle=SETTLE)

    async def connected() -> Any:
        origin = in_process_origin(registry.adapter(vendor.provider))
        options = {**origin, **vendor.options(), "transport": vendor.transport()}
        return live.connect_async(vendor.provider, retries=0, **options)

    client = loop.run(connected())
    try:
        yield lambda **fields: loop.run(asynchronous.create(client, send_until=NEVER, **fields))
    finally:
        loop.run(client.close())
        loop.stop()


@given(
    provider=st.sampled_from(["memory", "mux", "tktchurch", "tpstreams", "videosdk"]),
    runner=st.sampled_from(["sync", "async"]),
    specs=st.lists(st.integers(0, 2), min_size=1, max_size=4),
    before=st.lists(st.integers(0, 2), max_size=2),
    on_creates=st.lists(
        st.tuples(st.sampled_from(sorted(ON_CREATES)), st.integers(0, 4)), max_size=MOST
    ),
    on_lists=st.lists(st.tuples(st.sampled_from(sorted(ON_LISTS)), st.integers(0, 4)), max_size=2),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=40)
def test_each_key_gets_one_stream_whatever_fails(
    provider: str,
    runner: str,
    specs: list[int],
    before: list[int],
    on_creates: list[tuple[str, int]],
    on_lists: list[tuple[str, int]],
    order: random.Random,
) -> None:
    with tempfile.TemporaryDirectory() as folder, vendor_of(provider) as (vendor, clock):
        with vendor.connect() as others:
            # Two of the three specs differ in their start only, if the vendor has starts.
            starts = others.supports(live.Feature.SCHEDULE)
            fields = [fields_of(number, starts=starts) for number in range(3)]
            for number in before:
                others.create(**fields[number])
            held = {each.id for each in others.list()}
            clock.pass_(LONG_AGO)
            for name, skip in on_creates:
                vendor.inject(ON_CREATES[name], on=CREATES[provider], skip=skip)
            for name, skip in on_lists:
                vendor.inject(ON_LISTS[name], on=LIST[provider], skip=skip)
            wanted = {f"key-{number}": fields[spec] for number, spec in enumerate(specs)}
            with application(runner, vendor, folder) as create:
                found = until_each_has_one(create, wanted, clock, order)
                vendor.clear_faults()
                clock.pass_(SETTLE)  # late creates have been applied by now
                assert {key: create(key=key, **given).id for key, given in wanted.items()} == found
            made = {each.id: each for each in others.list() if each.id not in held}
        assert set(found.values()) == made.keys()
        assert len(set(found.values())) == len(wanted)
        for key, id in found.items():
            shown = {name: getattr(made[id], name) for name in wanted[key]}
            assert shown == wanted[key]
        assert Counter(each.title for each in made.values()) == Counter(
            given["title"] for given in wanted.values()
        )


def fields_of(number: int, *, starts: bool) -> dict[str, Any]:
    """Return the fields of a stream."""
    start = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=number % 2)
    if not starts:
        return {"title": f"Lesson {number}"}
    return {"title": f"Lesson {number // 2}", "scheduled_start": start}


def until_each_has_one(
    create: Any, wanted: dict[str, dict[str, Any]], clock: Time, order: random.Random
) -> dict[str, str]:
    """Run a task for each key in any order, again and again, until each has its stream."""
    found: dict[str, str] = {}
    for _ in range(60):
        left = sorted(wanted.keys() - found.keys())
        if not left:
            break
        key = order.choice(left)
        try:
            found[key] = create(key=key, **wanted[key]).id
        except durable.NotSettled as error:
            assert error.retry_after > 0
            clock.pass_(error.retry_after)
        except live.LiveStreamError as error:
            assert error.retryable, repr(error)
    assert found.keys() == wanted.keys(), "not settled"
    return found
