"""Random lifecycles with every provider's emulator, compared with the state machine."""

from __future__ import annotations

from functools import cache, partial
from importlib.metadata import entry_points
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

import livestream_core as live
from acme import AcmePlugin, FakeClock
from livestream_core.emulator import load_emulator

pytestmark = pytest.mark.slow

INSTALLED = sorted(point.name for point in entry_points(group="livestream_core"))
#: Cached, because each run would otherwise search the installed packages again.
emulator_of = cache(load_emulator)


class VendorTime(FakeClock):
    """A clock that client and vendor share, because tokens are signed and checked by it."""

    def __init__(self, emulator: Any) -> None:
        super().__init__()
        self._emulator = emulator

    def now(self) -> Any:
        return self._emulator.clock.now()

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._emulator.clock.advance(seconds)


class Lives(RuleBasedStateMachine):
    """A deliberately small model: the IDs that exist, and the last known status of each.

    A server that keeps no streams has those of its encoders, and lists no others. It either forgets
    a name with its encoder, or says that the name is ready.
    """

    provider: str
    streams = Bundle("streams")

    def __init__(self) -> None:
        super().__init__()
        self.emulator = emulator_of(self.provider)(boot_seconds=20.0)
        self.clock = VendorTime(self.emulator)
        self.client = self.emulator.connect(clock=self.clock)
        self.can = self.client.capabilities
        self.seen: dict[str, live.Status] = {}
        self.key = self.client.id_key
        self.is_kept = self.can.supports(live.Feature.CREATE)
        self.forgets = not (self.is_kept or self.can.any_id_is_ready)

    def teardown(self) -> None:
        self.client.close()

    # -- checks of every response -----------------------------------------------------------

    def check(self, stream: live.LiveStream, *, cancelled: bool = False) -> None:
        before = self.seen.get(self.key(stream.id))
        status = stream.status
        assert stream.provider == self.provider
        assert cancelled or status in self.can.statuses
        assert before in (None, status) or self.reachable(before, status), f"{before} -> {status}"
        self.seen[self.key(stream.id)] = status

    def reachable(self, before: live.Status, after: live.Status) -> bool:
        # The status may have changed more than once between two reads.
        return self.can.can_become(before, after) or self.can.can_reach(before, after)

    def attempt(self, feature: live.Feature, id: str, run: Any) -> Any:
        """Run an operation; a refusal must leave everything unchanged."""
        sent = len(self.emulator.requests)
        if not self.can.supports(feature):
            with pytest.raises(live.Unsupported):
                run()
            assert len(self.emulator.requests) == sent
            return None
        if self.key(id) not in self.seen:
            with pytest.raises(live.NotFound):
                run()
            return None
        try:
            return run()
        except (live.Conflict, live.Rejected) as error:
            assert error.applied is False
            return None

    def listed(self) -> list[str]:
        """Return the IDs that a list must have."""
        if not self.is_kept:
            for id in self.seen:
                self.check(self.client.get(id))
        ready = live.Status.READY
        return sorted(id for id, status in self.seen.items() if self.is_kept or status is not ready)

    # -- actions ----------------------------------------------------------------------------

    @rule(target=streams, scheduled=st.booleans())
    def create(self, scheduled: bool) -> str:
        if not self.is_kept:
            added = self.emulator.add_stream()
            self.check(self.client.get(added))
            return str(added)
        fields: dict[str, Any] = {"title": "A title"}
        if scheduled and self.can.supports(live.Feature.SCHEDULE):
            fields["scheduled_start"] = "2030-06-01T10:00:00Z"
        stream = self.client.create(**fields)
        assert stream.title == ("A title" if self.can.supports("title") else "")
        if "scheduled_start" in fields:
            assert stream.scheduled_start == live.parse_instant("2030-06-01T10:00:00Z")
        self.check(stream)
        return stream.id

    @rule(id=streams)
    def get(self, id: str) -> None:
        if stream := self.attempt(live.Feature.GET, id, lambda: self.client.get(id)):
            assert self.key(stream.id) == self.key(id)
            self.check(stream)

    @rule(id=streams)
    def start(self, id: str) -> None:
        if stream := self.attempt(live.Feature.START, id, lambda: self.client.start(id)):
            self.check(stream)

    @rule(id=streams, trimmed=st.booleans())
    def stop(self, id: str, trimmed: bool) -> None:
        trim = live.Trim.relative(1, 5) if trimmed and self.can.supports("trim") else None
        if stream := self.attempt(live.Feature.STOP, id, lambda: self.client.stop(id, trim=trim)):
            self.check(stream)
            over = {live.Status.PROCESSING, live.Status.ENDED}
            if self.can.reusable:
                # A server that keeps no streams accepts the encoder that it has dropped.
                over = {live.Status.READY if self.is_kept else live.Status.INTERRUPTED}
            assert stream.status in over
            if self.forgets:
                self.seen.pop(self.key(id))

    @rule(id=consumes(streams))
    def cancel(self, id: str) -> None:
        if stream := self.attempt(live.Feature.CANCEL, id, lambda: self.client.cancel(id)):
            self.check(stream, cancelled=True)
            assert stream.status is live.Status.CANCELLED
            if self.can[live.Feature.CANCEL].support is live.Support.EMULATED:
                self.seen.pop(self.key(id))

    @rule(id=streams, feature=st.sampled_from([live.Feature.DISABLE, live.Feature.ENABLE]))
    def switch(self, id: str, feature: live.Feature) -> None:
        if stream := self.attempt(feature, id, lambda: getattr(self.client, feature.value)(id)):
            self.check(stream)
            is_disabled = stream.status is live.Status.DISABLED
            assert is_disabled is (feature is live.Feature.DISABLE)

    @rule(id=streams, title=st.sampled_from(["Another", "Ünï"]), record=st.booleans())
    def update(self, id: str, title: str, record: bool) -> None:
        name, value = ("title", title) if self.is_kept else ("record", record)
        update = partial(self.client.update, id, **{name: value})
        if stream := self.attempt(live.Feature.UPDATE, id, update):
            assert getattr(stream, name) == value
            self.check(stream)

    @rule(id=consumes(streams))
    def delete(self, id: str) -> None:
        if not self.can.supports("delete"):
            with pytest.raises(live.Unsupported):
                self.client.delete(id)
            return
        self.client.delete(id)
        self.seen.pop(self.key(id))
        for call in (self.client.get, self.client.delete):
            with pytest.raises(live.NotFound):
                call(id)

    @rule(id=streams, what=st.sampled_from(["connect_encoder", "drop_encoder", "finish_recording"]))
    def the_world(self, id: str, what: str) -> None:
        try:
            getattr(self.emulator, what)(id)
        except ValueError:
            return  # impossible now; the vendor's state is unchanged
        except NotImplementedError:
            assert (what, self.is_kept) == ("finish_recording", False)
            return
        if self.is_kept:
            return
        if self.forgets and what == "drop_encoder":
            self.seen.pop(self.key(id))
            return
        stream = self.client.get(id)
        assert (stream.status is live.Status.LIVE) is (what == "connect_encoder")
        self.check(stream)

    @rule(seconds=st.sampled_from([1, 25, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.sleep(seconds)

    @rule(size=st.integers(1, 3))
    def pages(self, size: int) -> None:
        cursor, ids = None, []
        while True:
            page = self.client.pages(cursor=cursor, size=size)
            ids += [stream.id for stream in page]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(map(self.key, ids)) == self.listed()

    @invariant()
    def the_list_has_exactly_what_exists(self) -> None:
        expected = self.listed()
        walk = self.client.list(full="status" in self.can.list_lacks)
        streams = list(walk)
        assert sorted(self.key(stream.id) for stream in streams) == expected
        for stream in streams:
            self.check(stream)
        if self.can.reports_total:
            assert walk.complete is live.Completeness.PROVEN


@pytest.mark.parametrize("provider", ["acme", *INSTALLED])
def test_any_order_of_operations_agrees_with_the_state_machine(provider: str) -> None:
    machine = type(f"{provider}Lives", (Lives,), {"provider": provider})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None)
    )


def test_acme_is_a_plugin_like_any_other() -> None:
    assert AcmePlugin().livestream_adapters()[0].name in live.providers()
