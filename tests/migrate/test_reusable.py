"""Streams that move away from a vendor whose streams are reusable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.migrate import ItemState
from migrations import side
from relay import RelayEmulator, registered


@pytest.fixture
def both() -> Iterator[tuple[live.Client, RelayEmulator, live.Client]]:
    with registered(), side("relay") as old, side("acme") as new:
        yield old.client, old.emulator, new.client


def test_idle_streams_move_and_live_or_disabled_ones_stay(
    both: tuple[live.Client, RelayEmulator, live.Client],
) -> None:
    source, vendor, target = both
    idle, on_air, off = (source.create(title=each) for each in ("idle", "on air", "off"))
    vendor.connect_encoder(on_air.id)
    source.disable(off.id)
    states = {each.source_id: each for each in migrate.plan(source, target).items}
    assert states[on_air.id].reason == "it is in use: live"
    assert states[off.id].reason == "it is disabled; use include_disabled to move it"
    assert "in use" not in states[idle.id].reason
    assert states[idle.id].state is not ItemState.SKIPPED
    asked = {
        each.source_id: each for each in migrate.plan(source, target, include_disabled=True).items
    }
    assert asked[off.id].state is not ItemState.SKIPPED
    assert asked[on_air.id].state is ItemState.SKIPPED


def test_settings_of_older_ledgers_leave_disabled_streams_alone() -> None:
    data = migrate.PlanSettings().to_dict()
    del data["include_disabled"]
    assert migrate.PlanSettings.from_dict(data).include_disabled is False
