"""Streams that move to, or away from, a vendor whose streams are reusable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.migrate import ItemState
from migrations import Side, side
from relay import RelayEmulator, registered

Source = tuple[live.Client, RelayEmulator]


@pytest.fixture
def source() -> Iterator[Source]:
    with registered(), side("relay") as old:
        yield old.client, old.emulator


@pytest.fixture(params=["videosdk", "relay"])
def target(source: Source, request: pytest.FixtureRequest) -> Iterator[Side]:
    """Return an account for streams without a start, whose streams are live once or reusable."""
    with side(request.param) as new:
        yield new


def items(found: migrate.Plan | migrate.Report) -> dict[str, Any]:
    return {each.source_id: each for each in found.items}


def test_idle_streams_move_and_live_or_disabled_ones_stay(source: Source, target: Side) -> None:
    client, vendor = source
    idle, on_air, off = (client.create(title=each) for each in ("idle", "on air", "off"))
    vendor.connect_encoder(on_air.id)
    client.disable(off.id)
    planned = items(migrate.plan(client, target.client))
    assert planned[idle.id].state is ItemState.PENDING
    assert planned[on_air.id].reason == "it is in use: live"
    assert planned[off.id].reason == "it is disabled; use include_disabled to move it"
    asked = items(migrate.plan(client, target.client, include_disabled=True))
    assert asked[off.id].state is ItemState.PENDING
    assert asked[on_air.id].state is ItemState.SKIPPED


def test_a_target_that_starts_every_stream_needs_a_review_of_an_idle_one(source: Source) -> None:
    client, _ = source
    idle = client.create(title="idle")
    with side("acme") as new:
        item = items(migrate.plan(client, new.client))[idle.id]
    assert item.state is ItemState.NEEDS_REVIEW
    assert "start" in item.reason


@pytest.mark.slow
def test_a_run_moves_every_idle_stream_once_and_leaves_the_source_alone(
    source: Source, target: Side, ledger: Path
) -> None:
    client, vendor = source
    on_air, *idle = (client.create(title=f"Room {number}") for number in range(4))
    vendor.connect_encoder(on_air.id)
    before = repr(vendor.streams)
    result = migrate.run(migrate.plan(client, target.client), ledger=ledger, settle=0.1)
    assert (result.exit_code, result.writes) == (0, 3)
    assert target.titles() == [each.title for each in idle]
    assert {each.status for each in target.streams()} == {live.Status.READY}
    assert migrate.check(ledger, client, target.client).all_equal
    again = migrate.run(None, ledger=ledger, source=client, target=target.client)
    assert (again.exit_code, again.writes) == (0, 0)
    assert repr(vendor.streams) == before


@pytest.mark.slow
def test_a_disabled_stream_moves_if_asked_and_its_copy_is_not_disabled(
    source: Source, target: Side, ledger: Path
) -> None:
    client, _ = source
    off = client.create(title="off")
    client.disable(off.id)
    plan = migrate.plan(client, target.client, include_disabled=True)
    assert migrate.run(plan, ledger=ledger, settle=0.1).writes == 1
    assert [each.status for each in target.streams()] == [live.Status.READY]
    assert client.get(off.id).status is live.Status.DISABLED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda client, vendor, id: client.disable(id), "it is disabled"),
        (lambda client, vendor, id: vendor.connect_encoder(id), "it is in use: live"),
    ],
    ids=["disabled", "live"],
)
def test_a_stream_that_changes_between_plan_and_run_is_not_moved(
    source: Source,
    target: Side,
    ledger: Path,
    change: Callable[[live.Client, RelayEmulator, str], object],
    reason: str,
) -> None:
    client, vendor = source
    changed, other = client.create(title="changed"), client.create(title="other")
    plan = migrate.plan(client, target.client)
    change(client, vendor, changed.id)
    report = items(migrate.run(plan, ledger=ledger, settle=0.1).report)
    assert report[changed.id].state is ItemState.NEEDS_REVIEW
    assert f"changed since the plan was made: {reason}" in report[changed.id].reason
    assert report[other.id].state is ItemState.CREATED
    assert target.titles() == ["other"]


def test_settings_of_older_ledgers_leave_disabled_streams_alone() -> None:
    data = migrate.PlanSettings().to_dict()
    del data["include_disabled"]
    assert migrate.PlanSettings.from_dict(data).include_disabled is False
