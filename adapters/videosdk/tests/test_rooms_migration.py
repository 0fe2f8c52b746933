"""Streams of v1 are moved to rooms, with their losses named; rooms cannot be deleted again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_videosdk.emulator import VideoSDKEmulator
from livestream_videosdk.rooms.emulator import VideoSDKRoomsEmulator


@attrs.frozen
class Move:
    """Three streams of v1, and an account of API v2."""

    old: live.Client
    rooms: VideoSDKRoomsEmulator
    new: live.Client
    ledger: Path

    def plan(self, **settings: object) -> migrate.Plan:
        # v1 does not say whether a stream is live.
        return migrate.plan(self.old, self.new, assume_idle=True, mark=True, **settings)

    def run(self, **settings: object) -> migrate.RunResult:
        return migrate.run(self.plan(**settings), ledger=self.ledger, max_create=10, settle=0.1)


@pytest.fixture
def move(tmp_path: Path) -> Iterator[Move]:
    vendor, rooms = VideoSDKEmulator(), VideoSDKRoomsEmulator()
    with vendor.connect() as old, rooms.connect() as new:
        old.create(
            title="Lesson 0", record=True, restreams=[live.RestreamTarget("rtmp://a.test/b", "c")]
        )
        for number in (1, 2):
            old.create(title=f"Lesson {number}")
        yield Move(old, rooms, new, tmp_path / "ledger.db")


def states(items: object) -> list[str]:
    return [str(each.state) for each in items]  # type: ignore[attr-defined]


def test_a_plan_names_what_a_room_does_not_have(move: Move) -> None:
    items = {item.title: item for item in move.plan().items}
    lost = {
        title: {row.field for row in item.fields if str(row.fate) == "dropped"}
        for title, item in items.items()
    }
    # v1 shows restream targets only in the response to the create, so no plan can name them.
    assert lost == {
        "Lesson 0": {"title", "record", "recording"},
        "Lesson 1": {"title"},
        "Lesson 2": {"title"},
    }
    assert [*move.new.list()] == []
    with pytest.raises(live.LiveStreamError, match="title"):
        move.run(fail_on_loss=["title"])


def test_a_migration_is_run_again_checked_and_handed_over(move: Move, tmp_path: Path) -> None:
    # The response to the second create is lost, and a room is found again by its mark.
    move.rooms.inject(Fault.drop_after(), on="POST /v2/rooms")
    result = move.run()
    assert result.exit_code == 0
    made = {room.id: room.reference for room in move.new.list()}
    assert len(made) == len({*made.values()}) == 3
    assert all(str(each).startswith("livestream-core:") for each in made.values())
    assert states(move.plan().items) == ["skipped"] * 3
    assert move.run().exit_code == 0
    assert len([*move.new.list()]) == 3
    checked = migrate.check(move.ledger, move.old, move.new)
    assert {str(each.verdict) for each in checked.items} == {"equal"}

    given = migrate.handover(move.ledger, move.old, move.new, tmp_path / "keys")
    assert (given.streams, given.given, given.none) == (3, 3, 0)
    rows = [*csv.DictReader((tmp_path / "keys" / "ingests.csv").read_text().splitlines())]
    assert {row["target_id"] for row in rows} == {*made}
    for row in rows:
        assert row["server"].startswith("https://api.videosdk.live/v2/whip?roomId=")
        assert row["target_id"] in row["server"]
        assert move.rooms.check_token(row["stream_key"])["roomId"] == row["target_id"]
        assert datetime.fromisoformat(row["expires_at"]) > datetime.now(UTC)
    profiles = [json.loads(each.read_text()) for each in tmp_path.glob("keys/obs/*/service.json")]
    assert [each["type"] for each in profiles] == ["whip_custom"] * 3


def test_a_rollback_is_refused_because_rooms_cannot_be_deleted(move: Move) -> None:
    move.run()
    before = len(move.rooms.requests)
    with pytest.raises(live.Unsupported, match="disable it instead") as caught:
        migrate.rollback(move.ledger, move.new)
    assert caught.value.applied is False
    assert len(move.rooms.requests) == before
    rooms = [*move.new.list(full=True)]
    # No room was disabled in place of a deletion, and the streams of v1 are as they were.
    assert {room.status for room in rooms} == {live.Status.READY}
    assert len([*move.old.list()]) == 3
    # What the document advises instead: nobody can join, and the ledger still names the rooms.
    for item in migrate.report(move.ledger).items:
        assert move.new.disable(item.target_id or "").status is live.Status.DISABLED
