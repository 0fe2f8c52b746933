"""Streams that are live any number of times: the end of a run, and what it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import livestream_core as live
from kit_runs import run
from livestream_core.emulator import Fault
from relay import RelayAdapter, RelayEmulator, registered
from runners import connect

S = live.Status


@pytest.fixture
def vendor() -> RelayEmulator:
    emulator = RelayEmulator()
    emulator.clock = live.ManualClock()
    return emulator


@pytest.fixture
def relay(vendor: RelayEmulator, runner: str) -> Iterator[live.Client]:
    settings = {"transport": vendor.transport(), "clock": vendor.clock, **vendor.options()}
    with registered(), connect("relay", **settings) as client:
        yield client


def test_a_key_is_replaced_once_and_the_response_has_it(relay: live.Client) -> None:
    stream = relay.create(title="T")
    keys = [stream, *(relay.reset_key(stream.id) for _ in range(2)), relay.get(stream.id)]
    first, second, third, read = (each.stream_keys() for each in keys)
    assert len({first, second, third}) == 3
    assert read == third


def test_a_stream_is_disabled_until_it_is_enabled(
    relay: live.Client, vendor: RelayEmulator
) -> None:
    stream = relay.create(title="T")
    assert relay.disable(stream.id).status is S.DISABLED
    with pytest.raises(ValueError, match="does not accept an encoder"):
        vendor.connect_encoder(stream.id)
    assert relay.enable(stream.id).status is S.READY
    vendor.connect_encoder(stream.id)
    assert relay.get(stream.id).status is S.LIVE


def test_recordings_are_those_of_each_run_in_the_vendors_order(
    relay: live.Client, vendor: RelayEmulator
) -> None:
    stream, other = relay.create(title="T"), relay.create(title="U")
    for seconds in (60, 90):
        vendor.connect_encoder(stream.id)
        vendor.clock.sleep(seconds)
        relay.stop(stream.id)
    found = relay.recordings(stream.id)
    assert isinstance(found, tuple)
    assert [each.duration for each in found] == [60, 90]
    assert relay.recordings(other.id) == ()


@pytest.mark.parametrize("operation", ["reset_key", "disable", "enable", "recordings"])
def test_an_operation_on_a_stream_that_is_gone_is_not_found(
    relay: live.Client, operation: str
) -> None:
    with pytest.raises(live.NotFound, match=f"relay {operation} '0042'"):
        getattr(relay, operation)("0042")


def later(vendor: RelayEmulator, *calls: tuple[float, object]) -> None:
    for seconds, call in calls:
        vendor.clock.call_later(seconds, call)


def test_a_run_that_the_wait_sees_ends_it_and_the_stream_is_ready(
    relay: live.Client, vendor: RelayEmulator
) -> None:
    id = relay.create(title="T").id
    later(vendor, (20, lambda: vendor.connect_encoder(id)), (60, lambda: vendor.drop_encoder(id)))
    ended = relay.wait(id, until=S.ENDED, timeout=300)
    assert ended.status is S.READY


def test_a_run_that_was_seen_before_ends_the_wait_at_its_first_read(
    relay: live.Client, vendor: RelayEmulator
) -> None:
    id = relay.create(title="T").id
    vendor.connect_encoder(id)
    seen = relay.get(id)
    relay.stop(id)
    before = len(vendor.requests)
    assert relay.wait(id, until="ended", timeout=300, since=seen).status is S.READY
    assert len(vendor.requests) == before + 1


def test_a_run_that_is_cut_off_by_disabling_is_over(
    relay: live.Client, vendor: RelayEmulator
) -> None:
    id = relay.create(title="T").id
    vendor.connect_encoder(id)
    seen = relay.get(id)
    relay.disable(id)
    assert relay.wait(id, until=S.ENDED, timeout=300, since=seen).status is S.DISABLED


@pytest.mark.parametrize("act", ["get", "disable"])
def test_a_run_that_nobody_saw_is_a_timeout_that_says_so(relay: live.Client, act: str) -> None:
    idle = relay.create(title="T")
    getattr(relay, act)(idle.id)
    with pytest.raises(live.WaitTimeout, match="no run of it was seen") as caught:
        relay.wait(idle.id, until=S.ENDED, timeout=30, since=idle)
    assert "since=" in (caught.value.hint or "")


def test_a_run_that_goes_on_is_a_timeout_that_does_not_say_so(
    relay: live.Client, vendor: RelayEmulator
) -> None:
    id = relay.create(title="T").id
    vendor.connect_encoder(id)
    with pytest.raises(live.WaitTimeout) as caught:
        relay.wait(id, until=S.ENDED, timeout=30)
    assert "was seen" not in str(caught.value)


def test_a_status_that_is_not_recognized_does_not_end_a_run(
    relay: live.Client, vendor: RelayEmulator
) -> None:
    id = relay.create(title="T").id
    vendor.connect_encoder(id)
    seen = relay.get(id)
    vendor.inject(Fault.status_word("buffering"))
    with pytest.raises(live.WaitTimeout) as caught:
        relay.wait(id, until=S.ENDED, timeout=30, since=seen)
    assert caught.value.stream is not None
    assert caught.value.stream.status is S.LIVE


def test_a_status_that_a_reusable_vendor_never_reports_is_refused(relay: live.Client) -> None:
    with pytest.raises(live.Unsupported, match="never reports the status 'processing'"):
        relay.wait("0001", until=S.PROCESSING, timeout=30)


def test_the_stream_of_since_must_be_the_stream_that_is_awaited(relay: live.Client) -> None:
    one, other = relay.create(title="T"), relay.create(title="T")
    with pytest.raises(live.InvalidInput, match="since"):
        relay.wait(one.id, until=S.ENDED, timeout=1, since=other)


def test_since_changes_nothing_where_streams_are_live_once(client: live.Client) -> None:
    stream = client.create(title="T")
    found = client.wait(stream.id, until=stream.status, timeout=30, since=stream)
    assert found.status is stream.status


def test_reusable_streams_have_a_state_machine_of_their_own() -> None:
    can = RelayAdapter.capabilities
    for status in (S.LIVE, S.INTERRUPTED, S.PROCESSING, S.ENDED):
        assert can.can_become(status, S.READY)
        assert can.can_reach(status, S.LIVE)
        assert not status.can_become(S.READY)
    final = [one for one in S if not any(can.can_become(one, other) for other in S)]
    assert final == [S.CANCELLED, S.FAILED]


@pytest.mark.slow
def test_the_kit_knows_reusable_streams(tmp_path: Path) -> None:
    selection = ("--livestream-adapter", "relay", "-k", "not http")
    done = run(tmp_path, "-q", *selection, plugin="with_relay")
    assert done.returncode == 0, done.stdout
    for feature in ("reset_key", "disable", "enable", "recordings"):
        assert re.search(rf"^{feature} +proven ", done.stdout, re.MULTILINE)
