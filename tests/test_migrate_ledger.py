"""Ledgers that are damaged, foreign, in use, or cannot be written: each is found and said, and
nothing is ever created a second time."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livestream_core import migrate
from livestream_core.emulator import Fault
from livestream_core.migrate import Ledger, LedgerError
from migrations import Side, planned, side, sides

TITLES = sorted(f"Lesson {number}" for number in range(6))


class Killed:
    """What a run leaves that dies while the vendor carries out its fourth create: three outcomes
    are noted, and one is not.

    Attributes:
        files: The ledger and its journal.
        made: What the target holds.
    """

    def __init__(
        self, source: Side, target: Side, files: dict[str, bytes], made: dict[str, Any]
    ) -> None:
        self.source, self.target = source, target
        self.files, self.made = files, made

    def laid_out(self, folder: Path) -> Path:
        """The ledger in a folder, and the target as it was then."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        with self.target.emulator.lock:
            self.target.emulator._streams.clear()
            self.target.emulator._streams.update(self.made)
        return folder / "ledger.db"

    def whole(self, folder: Path) -> Path:
        """The same in one file, as a run leaves it that ends by itself."""
        ledger = self.laid_out(folder)
        Ledger.open(ledger, write=True).close()
        assert not (folder / "ledger.db-wal").exists()
        return ledger

    def go_on(self, ledger: Path | str, **changes: Any) -> migrate.RunResult:
        """The same run again; one that does not end is stopped."""
        stop = threading.Event()
        timer = threading.Timer(20, stop.set)
        timer.start()
        given = {"source": self.source.client, "target": self.target.client, **changes}
        try:
            return migrate.run(ledger=ledger, settle=0.05, workers=1, stop=stop, **given)
        finally:
            timer.cancel()

    def is_refused(self, ledger: Path | str, **changes: Any) -> str:
        """The message with which a run refuses a ledger; nothing is sent for it."""
        with pytest.raises(LedgerError) as refused:
            self.go_on(ledger, **changes)
        assert self.target.titles() == self.titles
        return str(refused.value)

    @property
    def titles(self) -> list[str]:
        return sorted(stream.name for stream in self.made.values())

    def is_found_or_harmless(self, ledger: Path) -> None:
        """Goes on with a ledger that may be damaged: nothing may be there twice, and where all
        is said to be done, it is."""
        try:
            result = self.go_on(ledger)
        except LedgerError:
            assert self.target.titles() == self.titles
            return
        assert result.exit_code in (0, 7)
        assert [title for title, held in Counter(self.target.titles()).items() if held > 1] == []
        if result.exit_code == 0:
            assert self.target.titles() == TITLES


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    ledger = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with sides("tktchurch", "videosdk") as (source, target):
        source.fill(len(TITLES))
        left: dict[str, Any] = {}

        def dies(_data: Any, emulator: Any) -> None:
            left["made"] = dict(emulator._streams)
            left["files"] = {
                each.name: each.read_bytes()
                for each in ledger.parent.iterdir()
                if each.name in ("ledger.db", "ledger.db-wal")
            }

        target.inject(Fault.edited(dies), "create", skip=3)
        migrate.run(planned(source, target), ledger=ledger, workers=1)
        yield Killed(source, target, left["files"], left["made"])


def changed(ledger: Path, statement: str) -> None:
    """The ledger, changed by another program."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute(statement)


# -- what a killed run leaves ---------------------------------------------------------------


def test_a_killed_run_is_gone_on_with(killed: Killed, tmp_path: Path) -> None:
    result = killed.go_on(killed.laid_out(tmp_path))
    assert result.exit_code == 0
    assert (result.report.counts["created"], result.report.counts["adopted"]) == (5, 1)
    assert killed.target.titles() == TITLES


def test_a_ledger_of_which_the_journal_was_lost_creates_nothing_again(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.laid_out(tmp_path)
    (tmp_path / "ledger.db-wal").unlink()
    killed.is_found_or_harmless(ledger)


def test_an_older_copy_of_a_ledger_creates_nothing_again(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    older = ledger.read_bytes()
    assert killed.go_on(ledger).exit_code == 0
    ledger.write_bytes(older)
    result = killed.go_on(ledger)
    assert result.exit_code == 7
    assert killed.target.titles() == TITLES


# -- damage ---------------------------------------------------------------------------------


def test_an_empty_file_is_a_damaged_ledger(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    ledger.write_bytes(b"")
    assert "is damaged: it is empty" in killed.is_refused(ledger)


def test_a_damaged_ledger_is_left_as_it_is(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    ledger.write_bytes(b"not a database at all " * 1000)
    killed.is_refused(ledger)
    assert ledger.read_bytes() == b"not a database at all " * 1000


def test_a_ledger_in_a_folder_that_is_not_there_is_not_begun_anew(
    killed: Killed, tmp_path: Path
) -> None:
    killed.laid_out(tmp_path)
    plan = planned(killed.source, killed.target)
    message = killed.is_refused(tmp_path / "unmounted" / "ledger.db", plan=plan)
    assert "there is no folder of that name" in message
    assert not (tmp_path / "unmounted").exists()


def test_garbage_is_no_ledger(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    ledger.write_bytes(os.urandom(8192))
    assert "does not begin as one" in killed.is_refused(ledger)


@pytest.mark.parametrize("kept", [1, 15, 16, 99, 100, 4096, 8192, -4096, -1])
def test_a_ledger_that_was_cut_off_is_damaged(killed: Killed, tmp_path: Path, kept: int) -> None:
    ledger = killed.whole(tmp_path)
    ledger.write_bytes(ledger.read_bytes()[:kept])
    assert "is damaged" in killed.is_refused(ledger)


@settings(max_examples=40)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_of_a_ledger_that_flipped_is_found_or_harmless(
    killed: Killed, tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    ledger = killed.whole(tmp_path_factory.mktemp("flipped"))
    flip(ledger, where, bit)
    killed.is_found_or_harmless(ledger)


@settings(max_examples=40)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_of_a_journal_that_flipped_is_found_or_harmless(
    killed: Killed, tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    ledger = killed.laid_out(tmp_path_factory.mktemp("flipped"))
    flip(Path(f"{ledger}-wal"), where, bit)
    killed.is_found_or_harmless(ledger)


@settings(max_examples=30)
@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_journal_that_was_cut_off_is_found_or_harmless(
    killed: Killed, tmp_path_factory: pytest.TempPathFactory, kept: float
) -> None:
    ledger = killed.laid_out(tmp_path_factory.mktemp("cut"))
    journal = Path(f"{ledger}-wal")
    data = journal.read_bytes()
    journal.write_bytes(data[: int(len(data) * kept)])
    killed.is_found_or_harmless(ledger)


def flip(path: Path, where: float, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * where)] ^= 1 << bit
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE items SET state = 'pending' WHERE position = 0", "the row of stream"),
        ("UPDATE items SET target_id = 'other' WHERE position = 0", "the row of stream"),
        ("DELETE FROM items WHERE position = 5", "it has 5 streams of 6"),
        ("DELETE FROM groups", "a stream that waits has no group"),
        ("UPDATE migration SET target_account = 'other'", "its first row was changed"),
        ("UPDATE migration SET item_count = 5", "its first row was changed"),
        ("DELETE FROM migration", "is damaged"),
        ("DROP TABLE items", "is damaged"),
        ("INSERT INTO baseline VALUES ('x')", "its list of what was at the target before"),
    ],
)
def test_a_ledger_that_was_changed_by_hand_is_damaged(
    killed: Killed, tmp_path: Path, statement: str, message: str
) -> None:
    ledger = killed.whole(tmp_path)
    changed(ledger, statement)
    assert message in killed.is_refused(ledger)


# -- ledgers of something else --------------------------------------------------------------


def test_a_database_of_another_program_is_no_ledger(killed: Killed, tmp_path: Path) -> None:
    killed.whole(tmp_path)
    other = tmp_path / "other.db"
    changed(other, "CREATE TABLE migration (id INTEGER)")
    assert "is no ledger of a migration" in killed.is_refused(other)


def test_a_ledger_of_a_newer_version_is_refused(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    changed(ledger, "UPDATE migration SET schema_version = 99")
    assert "was written by a newer version of livestream-core" in killed.is_refused(ledger)


def test_a_ledger_of_a_version_that_never_was_is_damaged(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    changed(ledger, "UPDATE migration SET schema_version = 0")
    assert "is damaged: its version is 0" in killed.is_refused(ledger)


def test_a_ledger_of_another_target_is_refused(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    with side("videosdk") as other:
        message = killed.is_refused(ledger, target=other.client)
        assert "is of another migration: its target is" in message
        assert other.titles() == []


def test_a_ledger_of_another_source_is_refused(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    with side("tktchurch") as other:
        message = killed.is_refused(ledger, source=other.client)
    assert "is of another migration: its source is" in message


# -- files that are not there, or not to be written -----------------------------------------


def test_a_ledger_that_is_missing_while_its_journal_is_there_is_not_begun_anew(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.laid_out(tmp_path)
    ledger.unlink()
    plan = planned(killed.source, killed.target)
    message = killed.is_refused(ledger, plan=plan)
    assert "is missing, but its journal ledger.db-wal is there" in message
    assert not ledger.exists()


def test_a_folder_is_no_ledger(killed: Killed, tmp_path: Path) -> None:
    killed.whole(tmp_path / "whole")
    (tmp_path / "folder").mkdir()
    assert "cannot be" in killed.is_refused(tmp_path / "folder")


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Callable[[str], None]]:
    """A small file system in memory; what it gives mounts it anew with other options."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield lambda option: subprocess.run(
            ["mount", "-o", f"remount,{option}", str(folder)], check=True
        )
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_ledger_on_a_read_only_file_system_is_refused(killed: Killed, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as remount:
        ledger = killed.whole(tmp_path / "disk")
        remount("ro")
        message = killed.is_refused(ledger)
    assert "cannot be written: Read-only file system" in message


def test_a_new_ledger_on_a_read_only_file_system_is_refused(killed: Killed, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as remount:
        killed.laid_out(tmp_path / "elsewhere")
        remount("ro")
        plan = planned(killed.source, killed.target)
        message = killed.is_refused(tmp_path / "disk" / "ledger.db", plan=plan)
    assert "cannot be written: Read-only file system" in message


def test_a_ledger_on_a_read_only_file_system_can_be_read(killed: Killed, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as remount:
        ledger = killed.whole(tmp_path / "disk")
        remount("ro")
        report = migrate.report(ledger)
    assert report.counts["created"] == 3


def test_a_new_ledger_on_a_full_disk_is_refused(killed: Killed, tmp_path: Path) -> None:
    killed.laid_out(tmp_path / "elsewhere")
    plan = planned(killed.source, killed.target)
    with mounted(tmp_path / "disk", "size=16k"):
        message = killed.is_refused(tmp_path / "disk" / "ledger.db", plan=plan)
        assert not (tmp_path / "disk" / "ledger.db").exists()
    assert "cannot be written: the disk is full" in message


def test_a_disk_that_fills_up_stops_a_run_which_goes_on_later(
    killed: Killed, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", "size=4m") as remount:
        ledger = killed.whole(tmp_path / "disk")
        used = sum(each.stat().st_size for each in ledger.parent.iterdir())
        remount(f"size={used + 48 * 1024}")
        try:
            message = str(killed.go_on(ledger).error)
        except LedgerError as error:
            message = str(error)
        assert "cannot be written: the disk is full" in message
        remount("size=4m")
        assert killed.go_on(ledger).exit_code == 0
    assert killed.target.titles() == TITLES


# -- in use ---------------------------------------------------------------------------------


def test_a_second_run_on_a_file_is_refused(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    with Ledger.open(ledger, write=True):
        message = killed.is_refused(ledger)
    assert "is in use by another run" in message


def test_a_ledger_can_be_read_while_a_run_holds_it(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    with Ledger.open(ledger, write=True):
        assert migrate.report(ledger).counts["created"] == 3
