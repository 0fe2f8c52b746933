"""The handover: files with the new addresses, and the progress of each stream."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate import Cutover
from migrations import PAIRS, Side, planned, side, sides


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "handover"


@pytest.fixture
def keys(ledger: Path) -> Iterator[tuple[Side, Side]]:
    """Migrate two streams to a vendor that returns stream keys at once."""
    with sides("tpstreams", "videosdk", retries=0) as (old, new):
        old.fill(2)
        assert migrate.run(planned(old, new), ledger=ledger, settle=0.1).exit_code == 0
        yield old, new


def handover(ledger: Path, old: Side, new: Side, folder: Path) -> migrate.HandoverResult:
    return migrate.handover(ledger, old.client, new.client, folder)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def secret_keys(side: Side) -> set[str]:
    """Return the stream keys of an account."""
    return {
        stream.ingest.stream_key.reveal()
        for stream in side.streams()
        if stream.ingest is not None and stream.ingest.stream_key is not None
    }


# -- the files ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_each_stream_has_a_row_and_is_counted_once(
    source: str, target: str, ledger: Path, folder: Path
) -> None:
    with sides(source, target) as (old, new):
        ids = old.fill(3)
        migrate.run(planned(old, new), ledger=ledger, settle=0.1)
        result = handover(ledger, old, new, folder)
        assert result.streams == result.given + result.after_start + result.none == 3
        for name in ("ingests", "map"):
            table = rows(folder / f"{name}.csv")
            assert sorted(row["source_id"] for row in table) == sorted(ids)
            assert {row["target_id"] for row in table} == {each.id for each in new.streams()}


def test_keys_that_are_there_are_given(keys: tuple[Side, Side], ledger: Path, folder: Path) -> None:
    result = handover(ledger, *keys, folder)
    assert (result.given, result.after_start, result.none) == (2, 0, 0)
    for row in rows(folder / "ingests.csv"):
        ingest = keys[1].client.get(row["target_id"]).ingest
        assert ingest is not None
        assert ingest.stream_key is not None
        assert (row["server"], row["stream_key"], row["ingest"]) == (
            ingest.url,
            ingest.stream_key.reveal(),
            "",
        )


@pytest.mark.slow
@pytest.mark.parametrize(("target", "word"), [("tpstreams", "after start"), ("tktchurch", "none")])
def test_a_stream_without_an_address_says_why(
    target: str, word: str, ledger: Path, folder: Path
) -> None:
    with sides("memory", target) as (old, new):
        old.fill(1)
        migrate.run(planned(old, new), ledger=ledger)
        handover(ledger, old, new, folder)
        (row,) = rows(folder / "ingests.csv")
        assert (row["server"], row["stream_key"], row["ingest"]) == ("", "", word)
        assert not (folder / "obs").exists()


def test_an_address_is_given_once_the_stream_is_started(ledger: Path, folder: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(1)
        migrate.run(planned(old, new), ledger=ledger)
        handover(ledger, old, new, folder)
        (made,) = new.streams()
        new.client.start(made.id)
        new.emulator.clock.advance(new.emulator.boot_seconds + 1)
        assert handover(ledger, old, new, folder).given == 1
        (row,) = rows(folder / "ingests.csv")
        assert row["stream_key"] in secret_keys(new) | {
            ingest.stream_key.reveal()
            for ingest in new.client.get(made.id).ingests
            if ingest.stream_key is not None
        }


def test_both_forms_of_a_file_say_the_same(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    handover(ledger, *keys, folder)
    for name in ("ingests", "map"):
        assert json.loads((folder / f"{name}.json").read_text()) == rows(folder / f"{name}.csv")


def test_old_and_new_addresses_for_viewers_are_mapped(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    old, new = keys
    handover(ledger, old, new, folder)
    for row in rows(folder / "map.csv"):
        assert row["source_playback_url"] == old.client.get(row["source_id"]).hls_url
        shown = new.client.get(row["target_id"]).hls_url
        assert row["target_playback_url"] == str.__str__(shown or "")


@pytest.mark.slow
def test_an_old_address_is_mapped_also_when_the_source_is_retired(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    old, new = keys
    before = {stream.id: stream.hls_url for stream in old.streams()}
    migrate.retire(ledger, old.client, new.client, max_delete=9, prepared=True)
    handover(ledger, old, new, folder)
    table = rows(folder / "map.csv")
    assert {row["source_id"]: row["source_playback_url"] for row in table} == before


def test_keys_are_given_also_while_the_source_is_down(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    old, new = keys
    old.inject(Fault.status(503), "GET *", times=999)
    result = handover(ledger, old, new, folder)
    assert (result.given, dict(result.unread)) == (2, {})
    assert {row["stream_key"] for row in rows(folder / "ingests.csv")} == secret_keys(new)


def test_an_unreadable_stream_is_reported_and_the_others_are_exported(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    old, new = keys
    gone = new.streams()[0].id
    new.client.delete(gone)
    result = handover(ledger, old, new, folder)
    assert result.streams == 1
    assert list(result.unread) == [gone]


@pytest.mark.slow
def test_a_stream_that_was_rolled_back_is_not_handed_over(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    migrate.rollback(ledger, keys[1].client)
    assert handover(ledger, *keys, folder).streams == 0
    assert rows(folder / "ingests.csv") == []


def test_other_users_cannot_read_a_file(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    handover(ledger, *keys, folder)
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_others_could_read_is_replaced_by_one_that_they_cannot(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    folder.mkdir()
    before = folder / "ingests.csv"
    before.write_text("old")
    before.chmod(0o644)
    handover(ledger, *keys, folder)
    assert stat.S_IMODE(before.stat().st_mode) == 0o600
    assert "old" not in before.read_text()


def test_a_link_is_replaced_and_what_it_leads_to_is_left(
    keys: tuple[Side, Side], ledger: Path, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (folder / "ingests.csv").symlink_to(elsewhere)
    handover(ledger, *keys, folder)
    assert elsewhere.read_text() == "mine"
    assert not (folder / "ingests.csv").is_symlink()


def test_a_read_only_folder_is_reported(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    folder.write_text("a file")
    with pytest.raises(live.InvalidInput, match="folder"):
        handover(ledger, *keys, folder)


def test_a_title_is_not_a_formula_in_a_spreadsheet(ledger: Path, folder: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.add('=HYPERLINK("https://evil.example")')
        migrate.run(planned(old, new), ledger=ledger)
        handover(ledger, old, new, folder)
        for name in ("ingests", "map"):
            (row,) = rows(folder / f"{name}.csv")
            assert row["title"].startswith("'=")


def test_each_stream_with_a_key_has_a_profile_for_obs(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    handover(ledger, *keys, folder)
    services = [
        json.loads(path.read_text()) for path in sorted((folder / "obs").glob("*/service.json"))
    ]
    assert {each["type"] for each in services} == {"rtmp_custom"}
    assert {each["settings"]["key"] for each in services} == secret_keys(keys[1])
    assert all(each["settings"]["server"].startswith("rtmp://") for each in services)


#: The fields that OBS Studio reads: rtmp-custom.c and whip-service.cpp in its sources.
OBS = {
    "RTMP": (
        live.Ingest("rtmp://h.example/live/hall", "room/cam?a=b/c"),
        ("rtmp://h.example/live/hall", "room/cam?a=b/c", ""),
        {"server": "rtmp://h.example/live/hall", "key": "room/cam?a=b/c", "use_auth": False},
    ),
    "a whole address": (
        live.Ingest("rtmp://h.example/live/k3y-of-eight?a=b", "k3y-of-eight"),
        ("rtmp://h.example/live", "k3y-of-eight?a=b", ""),
        {"server": "rtmp://h.example/live", "key": "k3y-of-eight?a=b", "use_auth": False},
    ),
    "a user": (
        live.Ingest("rtmp://me:pa:55@h.example:1935/live", "key"),
        ("rtmp://me:pa:55@h.example:1935/live", "key", ""),
        {"server": "rtmp://h.example:1935/live", "key": "key", "use_auth": True,
         "username": "me", "password": "pa:55"},
    ),
    "SRT": (
        live.Ingest("srt://h.example:9000?latency=200000", "a&b", passphrase="s3cr3t-phrase"),
        ("srt://h.example:9000?latency=200000", "a&b", "s3cr3t-phrase"),
        {"server": "srt://h.example:9000?latency=200000", "key": "a&b", "use_auth": True,
         "username": "", "password": "s3cr3t-phrase"},
    ),
    "SRT with an id of its own": (
        live.Ingest("srt://h.example:9000?streamid=k3y-of-eight", "k3y-of-eight"),
        ("srt://h.example:9000?streamid=k3y-of-eight", "", ""),
        {"server": "srt://h.example:9000?streamid=k3y-of-eight", "key": "", "use_auth": False},
    ),
    "WHIP": (
        live.Ingest("https://h.example/whip", "t0ken", expires_at="2030-01-01T00:00:00Z"),
        ("https://h.example/whip", "t0ken", ""),
        {"server": "https://h.example/whip", "bearer_token": "t0ken", "service": "WHIP"},
    ),
    "another protocol": (
        live.Ingest("rist://h.example:8193", "key"),
        ("rist://h.example:8193", "key", ""),
        {"server": "rist://h.example:8193", "key": "key", "use_auth": False},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OBS)
def test_a_row_and_a_profile_say_what_obs_asks_for_by_the_protocol(
    name: str, ledger: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest, expected, settings = OBS[name]
    read = live.Client.get
    with sides("tktchurch", "memory") as (old, new):
        old.fill(1)
        migrate.run(planned(old, new), ledger=ledger)
        monkeypatch.setattr(
            live.Client,
            "get",
            lambda *arguments, **named: attrs.evolve(read(*arguments, **named), ingests=[ingest]),
        )
        handover(ledger, old, new, folder)
    (row,) = rows(folder / "ingests.csv")
    assert (row["server"], row["stream_key"], row["passphrase"]) == expected
    assert row["expires_at"] == ("2030-01-01T00:00:00+00:00" if name == "WHIP" else "")
    (path,) = (folder / "obs").glob("*/service.json")
    service = json.loads(path.read_text())
    assert service["type"] == ("whip_custom" if name == "WHIP" else "rtmp_custom")
    service["settings"].pop("bwtest", None)
    assert service["settings"] == settings


@pytest.mark.slow
@pytest.mark.parametrize("title", ["../../etc/passwd", "a/b", "...", "\u0000", "CON", "x" * 300])
def test_a_profile_is_in_its_folder_whatever_the_title(
    ledger: Path, folder: Path, title: str
) -> None:
    with sides("memory", "videosdk") as (old, new):
        old.add("Lesson")
        plan = planned(
            old, new, transform=lambda _, spec: live.StreamSpec(title=title.replace("\0", "0"))
        )
        migrate.run(plan, ledger=ledger)
        handover(ledger, old, new, folder)
        (profile,) = (folder / "obs").iterdir()
        assert {path.name for path in profile.iterdir()} == {"service.json", "basic.ini"}


def test_streams_of_one_title_have_profiles_of_their_own(ledger: Path, folder: Path) -> None:
    with sides("memory", "videosdk") as (old, new):
        for _ in range(2):
            old.add("Lesson")
        migrate.run(planned(old, new), ledger=ledger, settle=0.1)
        handover(ledger, old, new, folder)
        assert len(list((folder / "obs").iterdir())) == 2


def test_no_key_is_in_the_ledger_the_report_or_the_result(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    result = handover(ledger, *keys, folder)
    report = migrate.report(ledger)
    shown = repr(result) + json.dumps(result.to_dict()) + repr(report)
    shown += json.dumps(report.to_dict()) + migrate.report_html(report)
    found = secret_keys(keys[1])
    assert len(found) == 2
    for key in found:
        assert key not in shown
        for path in ledger.parent.glob("ledger.db*"):
            assert key.encode() not in path.read_bytes()


def test_a_hand_over_writes_nothing_to_either_side(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    before = ledger.read_bytes(), *(len(each.changes()) for each in keys)
    handover(ledger, *keys, folder)
    assert (ledger.read_bytes(), *(len(each.changes()) for each in keys)) == before


def test_a_hand_over_of_other_accounts_is_refused(
    keys: tuple[Side, Side], ledger: Path, folder: Path
) -> None:
    with side("videosdk") as another:
        with pytest.raises(migrate.LedgerError, match="another migration"):
            handover(ledger, keys[0], another, folder)
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, -1, True])
def test_workers_that_are_none_are_refused(
    keys: tuple[Side, Side], ledger: Path, folder: Path, workers: Any
) -> None:
    old, new = keys
    with pytest.raises(live.InvalidInput, match="workers"):
        migrate.handover(ledger, old.client, new.client, folder, workers=workers)
    with pytest.raises(live.InvalidInput, match="workers"):
        migrate.refresh_cutovers(ledger, new.client, workers=workers)


# -- progress of the cutover --------------------------------------------------------------------


def cutovers(ledger: Path) -> dict[str, Cutover | None]:
    return {item.title: item.cutover for item in migrate.report(ledger).items}


@pytest.mark.slow
def test_a_migrated_stream_is_prepared(keys: tuple[Side, Side], ledger: Path) -> None:
    assert set(cutovers(ledger).values()) == {Cutover.PREPARED}


@pytest.mark.slow
def test_a_stream_that_is_not_at_the_target_has_no_cutover(ledger: Path) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(1)
        migrate.run(planned(old, new), ledger=ledger, max_create=0)
        assert cutovers(ledger) == {"Lesson 0": None}


@pytest.mark.slow
@pytest.mark.parametrize("is_over", [False, True])
def test_a_stream_that_was_live_at_the_target_is_switched(ledger: Path, is_over: bool) -> None:
    with sides("tktchurch", "tpstreams") as (old, new):
        old.fill(2)
        migrate.run(planned(old, new), ledger=ledger)
        made = next(item for item in migrate.report(ledger).items if item.title == "Lesson 0")
        assert made.target_id is not None
        new.client.start(made.target_id)
        assert migrate.refresh_cutovers(ledger, new.client) == 0
        new.emulator.clock.advance(new.emulator.boot_seconds + 1)
        new.emulator.connect_encoder(made.target_id)
        if is_over:
            new.client.stop(made.target_id)
        assert migrate.refresh_cutovers(ledger, new.client) == 1
        assert cutovers(ledger) == {"Lesson 0": Cutover.SWITCHED, "Lesson 1": Cutover.PREPARED}
        assert migrate.refresh_cutovers(ledger, new.client) == 0


def test_a_target_without_statuses_is_marked_by_hand(keys: tuple[Side, Side], ledger: Path) -> None:
    first, _ = migrate.report(ledger).items
    migrate.mark_switched(ledger, [first.source_id])
    assert sorted(map(str, cutovers(ledger).values())) == ["prepared", "switched"]


def test_a_stream_that_was_not_migrated_cannot_be_switched(
    keys: tuple[Side, Side], ledger: Path
) -> None:
    first, _ = migrate.report(ledger).items
    with pytest.raises(live.InvalidInput, match="nobody-knows"):
        migrate.mark_switched(ledger, [first.source_id, "nobody-knows"])
    assert set(cutovers(ledger).values()) == {Cutover.PREPARED}


def test_a_stream_deleted_at_the_source_is_retired(keys: tuple[Side, Side], ledger: Path) -> None:
    first, _ = migrate.report(ledger).items
    migrate.mark_switched(ledger, [first.source_id])
    migrate.retire(ledger, keys[0].client, keys[1].client, max_delete=1, prepared=True)
    assert cutovers(ledger)[first.title] is Cutover.RETIRED


@pytest.mark.slow
def test_a_ledger_stays_good_when_it_is_noted_who_has_switched(
    keys: tuple[Side, Side], ledger: Path
) -> None:
    old, new = keys
    migrate.mark_switched(ledger, [item.source_id for item in migrate.report(ledger).items])
    assert migrate.run(ledger=ledger, source=old.client, target=new.client).exit_code == 0
