"""Ledgers that are damaged, foreign, in use, or read-only are reported.

No stream is ever created twice.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
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
    """The files of a run that was killed during its fourth create.

    The ledger has three outcomes, and does not have the fourth.

    Attributes:
        files: The ledger, its journal, and its mark file.
        made: The streams of the target.
    """

    def __init__(
        self, source: Side, target: Side, files: dict[str, bytes], made: dict[str, Any]
    ) -> None:
        self.source, self.target = source, target
        self.files, self.made = files, made

    def laid_out(self, folder: Path) -> Path:
        """Write the ledger into a folder, and restore the target."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        with self.target.emulator.lock:
            self.target.emulator._streams.clear()
            self.target.emulator._streams.update(self.made)
        return folder / "ledger.db"

    def whole(self, folder: Path) -> Path:
        """Return the same ledger in one file, as a run that exits normally leaves it."""
        ledger = self.laid_out(folder)
        Ledger.open(ledger, write=True).close()
        assert not (folder / "ledger.db-wal").exists()
        return ledger

    def refuses_or_keeps_everything(self, ledger: Path) -> bool:
        """Open a ledger that may be damaged, and return whether it was refused.

        If it was not refused, it must have everything that was committed.
        """
        whole = migrate.report(self.laid_out(ledger.parent / "whole")).items
        refusals = 0
        for write in (False, True):
            try:
                opened = Ledger.open(ledger, write=write)
            except LedgerError:
                refusals += 1
                continue
            with opened:
                assert opened.report().items == whole
        return refusals == 2

    def resume(self, ledger: Path | str, **changes: Any) -> migrate.RunResult:
        """Resume the run, and stop it if it does not end."""
        stop = threading.Event()
        timer = threading.Timer(60, stop.set)
        timer.start()
        given = {"source": self.source.client, "target": self.target.client, **changes}
        try:
            return migrate.run(ledger=ledger, settle=0.05, workers=1, stop=stop, **given)
        finally:
            timer.cancel()

    def is_refused(self, ledger: Path | str, **changes: Any) -> str:
        """Return the message with which a run refuses a ledger, without sending requests."""
        with pytest.raises(LedgerError) as refused:
            self.resume(ledger, **changes)
        assert self.target.titles() == self.titles
        return str(refused.value)

    @property
    def titles(self) -> list[str]:
        return sorted(stream.name for stream in self.made.values())

    def is_found_or_harmless(self, ledger: Path) -> None:
        """Resume with a ledger that may be damaged.

        No stream may exist twice, and if the run says that it is complete, it must be.
        """
        try:
            result = self.resume(ledger)
        except LedgerError:
            assert self.target.titles() == self.titles
            return
        assert result.exit_code in (0, 7)
        assert [title for title, held in Counter(self.target.titles()).items() if held > 1] == []
        if result.exit_code == 0:
            assert self.target.titles() == TITLES


@contextmanager
def killed_run(folder: Path, *, beside_a_reader: bool = False) -> Iterator[Killed]:
    ledger = folder / "ledger.db"
    with sides("tktchurch", "videosdk") as (source, target), ExitStack() as readers:
        source.fill(len(TITLES))
        plan = planned(source, target)
        left: dict[str, Any] = {}

        def dies(_data: Any, emulator: Any) -> None:
            left["made"] = dict(emulator._streams)
            left["files"] = {
                each.name: each.read_bytes()
                for each in ledger.parent.iterdir()
                if each.name in ("ledger.db", "ledger.db-wal", "ledger.db-mark")
            }

        target.inject(Fault.edited(dies), "create", skip=3)
        if beside_a_reader:
            Ledger.create(ledger, plan).close()
            readers.enter_context(held_open(ledger))
        migrate.run(plan, ledger=ledger, workers=1)
        yield Killed(source, target, left["files"], left["made"])


@contextmanager
def held_open(ledger: Path) -> Iterator[None]:
    """Keep reading a ledger, as a backup or a database browser does.

    Everything that is committed meanwhile stays in the journal.
    """
    with closing(sqlite3.connect(ledger, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM items").fetchone()
        yield


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    with killed_run(tmp_path_factory.mktemp("ledger")) as left:
        yield left


@pytest.fixture(scope="module")
def killed_beside_a_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    with killed_run(tmp_path_factory.mktemp("read"), beside_a_reader=True) as left:
        yield left


@pytest.fixture(scope="module", params=["killed", "killed_beside_a_reader"])
def either(request: pytest.FixtureRequest) -> Killed:
    left: Killed = request.getfixturevalue(request.param)
    return left


def changed(ledger: Path, statement: str) -> None:
    """Change the ledger as another program would."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute(statement)


# -- after a killed run ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_run_is_gone_on_with(killed: Killed, tmp_path: Path) -> None:
    result = killed.resume(killed.laid_out(tmp_path))
    assert result.exit_code == 0
    assert (result.report.counts["created"], result.report.counts["adopted"]) == (5, 1)
    assert killed.target.titles() == TITLES


@pytest.mark.slow
def test_a_ledger_without_its_journal_creates_nothing_again(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.laid_out(tmp_path)
    journal_of(ledger).unlink()
    killed.is_found_or_harmless(ledger)


def test_an_older_copy_of_a_ledger_is_refused(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    older = ledger.read_bytes()
    assert killed.resume(ledger).exit_code == 0
    ledger.write_bytes(older)
    with pytest.raises(LedgerError, match="is damaged: it has lost commits, or is an older copy"):
        killed.resume(ledger)
    with pytest.raises(LedgerError, match="together with its mark file"):
        migrate.report(ledger)
    assert killed.target.titles() == TITLES


@pytest.mark.slow
def test_an_older_copy_of_a_ledger_and_its_mark_file_creates_nothing_again(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.whole(tmp_path)
    mark = mark_of(ledger)
    older, older_mark = ledger.read_bytes(), mark.read_bytes()
    assert killed.resume(ledger).exit_code == 0
    ledger.write_bytes(older)
    mark.write_bytes(older_mark)
    result = killed.resume(ledger)
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


def test_a_ledger_in_a_missing_folder_is_not_created_again(killed: Killed, tmp_path: Path) -> None:
    killed.laid_out(tmp_path)
    plan = planned(killed.source, killed.target)
    message = killed.is_refused(tmp_path / "unmounted" / "ledger.db", plan=plan)
    assert "its folder does not exist" in message
    assert not (tmp_path / "unmounted").exists()


def test_garbage_is_not_a_ledger(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    ledger.write_bytes(os.urandom(8192))
    assert "is damaged or is not a ledger (no SQLite header)" in killed.is_refused(ledger)


@pytest.mark.parametrize("kept", [1, 15, 16, 99, 100, 4096, 8192, -4096, -1])
def test_a_ledger_that_was_cut_off_is_damaged(killed: Killed, tmp_path: Path, kept: int) -> None:
    ledger = killed.whole(tmp_path)
    ledger.write_bytes(ledger.read_bytes()[:kept])
    assert "is damaged" in killed.is_refused(ledger)


@pytest.mark.slow
@settings(max_examples=40)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_of_a_ledger_that_flipped_is_found_or_harmless(
    killed: Killed, tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    ledger = killed.whole(tmp_path_factory.mktemp("flipped"))
    flip(ledger, where, bit)
    killed.is_found_or_harmless(ledger)


@pytest.mark.slow
@settings(max_examples=40)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_of_a_journal_that_flipped_is_found_or_harmless(
    either: Killed, tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    ledger = either.laid_out(tmp_path_factory.mktemp("flipped"))
    flip(journal_of(ledger), where, bit)
    either.refuses_or_keeps_everything(ledger)
    either.is_found_or_harmless(ledger)


@pytest.mark.slow
@settings(max_examples=30)
@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_journal_that_was_cut_off_is_found_or_harmless(
    either: Killed, tmp_path_factory: pytest.TempPathFactory, kept: float
) -> None:
    ledger = either.laid_out(tmp_path_factory.mktemp("cut"))
    cut(journal_of(ledger), kept)
    either.refuses_or_keeps_everything(ledger)
    either.is_found_or_harmless(ledger)


@pytest.mark.slow
def test_a_journal_that_was_lost_is_found_or_harmless(either: Killed, tmp_path: Path) -> None:
    ledger = either.laid_out(tmp_path)
    journal_of(ledger).unlink()
    either.refuses_or_keeps_everything(ledger)
    either.is_found_or_harmless(ledger)


def test_a_journal_without_a_reader_has_nothing_to_lose(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.laid_out(tmp_path)
    journal_of(ledger).unlink()
    assert not killed.refuses_or_keeps_everything(ledger)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_damaged_journal_that_a_reader_kept_from_being_emptied_is_found(
    killed_beside_a_reader: Killed, tmp_path: Path, where: float
) -> None:
    ledger = killed_beside_a_reader.laid_out(tmp_path)
    flip(journal_of(ledger), where, 3)
    assert killed_beside_a_reader.refuses_or_keeps_everything(ledger)
    assert "it has lost commits" in killed_beside_a_reader.is_refused(ledger)


def journal_of(ledger: Path) -> Path:
    return Path(f"{ledger}-wal")


def mark_of(ledger: Path) -> Path:
    return Path(f"{ledger}-mark")


def cut(path: Path, kept: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])


def flip(path: Path, where: float, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * where)] ^= 1 << bit
    path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE items SET state = 'pending' WHERE position = 0", "the row of stream"),
        ("UPDATE items SET target_id = 'other' WHERE position = 0", "the row of stream"),
        ("DELETE FROM items WHERE position = 5", "it has 5 streams of 6"),
        ("DELETE FROM groups", "an unsettled stream has no group"),
        ("UPDATE migration SET target_account = 'other'", "its first row was changed"),
        ("UPDATE migration SET item_count = 5", "its first row was changed"),
        ("DELETE FROM migration", "is damaged"),
        ("DROP TABLE items", "is damaged"),
        ("UPDATE items SET title = CAST(title AS BLOB)", "a value has the wrong type"),
        ("INSERT INTO baseline VALUES (X'00')", "a value has the wrong type"),
        ("INSERT INTO baseline VALUES ('x')", "its baseline was changed"),
    ],
)
def test_a_ledger_that_was_changed_by_hand_is_damaged(
    killed: Killed, tmp_path: Path, statement: str, message: str
) -> None:
    ledger = killed.whole(tmp_path)
    changed(ledger, statement)
    assert message in killed.is_refused(ledger)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["migration", "items"])
def test_a_value_that_has_become_one_of_another_type_is_damage(
    killed: Killed, tmp_path: Path, table: str
) -> None:
    ledger = killed.whole(tmp_path)
    whole = ledger.read_bytes()
    with closing(sqlite3.connect(ledger)) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    for column in columns:
        for value in ("X'ff00'", "'nonsense'", "-7.5"):
            ledger.write_bytes(whole)
            with suppress(sqlite3.IntegrityError):
                changed(ledger, f"UPDATE {table} SET {column} = {value} WHERE rowid = 1")
                # Some values have the same meaning as before.
                killed.refuses_or_keeps_everything(ledger)


# -- its mark file --------------------------------------------------------------------------


def test_a_ledger_without_its_mark_file_is_damaged(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    mark_of(ledger).unlink()
    message = killed.is_refused(ledger)
    assert "is damaged: its mark file ledger.db-mark is missing" in message
    assert "move a ledger together with its mark file" in message
    assert not mark_of(ledger).exists()


def test_a_mark_file_that_counts_every_commit_is_left_as_it_is(
    killed: Killed, tmp_path: Path
) -> None:
    """If it were written again with the same count and torn, it would count one commit too many."""
    ledger = killed.laid_out(tmp_path)
    before = mark_of(ledger).read_bytes()
    Ledger.open(ledger, write=True).close()
    assert mark_of(ledger).read_bytes() == before


def test_a_ledger_is_moved_together_with_its_mark_file(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(ledger, tmp_path / "elsewhere" / "other.db")
    shutil.move(mark_of(ledger), mark_of(moved))
    assert killed.resume(moved).exit_code == 0
    assert killed.target.titles() == TITLES


def test_a_missing_ledger_with_a_mark_file_is_not_created_again(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.whole(tmp_path)
    ledger.unlink()
    plan = planned(killed.source, killed.target)
    message = killed.is_refused(ledger, plan=plan)
    assert "is missing, but its mark file ledger.db-mark exists" in message
    assert not ledger.exists()


def test_a_new_ledger_that_was_killed_before_it_was_put_in_its_place_is_made_again(
    killed: Killed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(killed.source, killed.target)
    ledger = tmp_path / "ledger.db"
    put = os.replace

    def dies(new: Path, path: Path) -> None:
        if path == ledger:
            raise KeyboardInterrupt
        put(new, path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            Ledger.create(ledger, plan)
    assert mark_of(ledger).exists()
    assert not ledger.exists()
    Ledger.create(ledger, plan).close()
    assert len(migrate.report(ledger).items) == len(TITLES)


@pytest.mark.slow
@pytest.mark.parametrize("position", range(32))
def test_a_bit_of_a_mark_file_that_flipped_is_found_or_harmless(
    killed: Killed, tmp_path: Path, position: int
) -> None:
    for bit in range(8):
        ledger = killed.laid_out(tmp_path / str(bit))
        flip(mark_of(ledger), position / 32, bit)
        killed.refuses_or_keeps_everything(ledger)


@pytest.mark.slow
@pytest.mark.parametrize("position", range(32))
def test_an_older_copy_is_found_whichever_byte_of_the_mark_file_was_changed(
    killed: Killed, tmp_path: Path, position: int
) -> None:
    ledger = killed.whole(tmp_path)
    older = ledger.read_bytes()
    with Ledger.open(ledger, write=True) as opened:
        opened.write(noted)
    ledger.write_bytes(older)
    flip(mark_of(ledger), position / 32, 0)
    killed.is_refused(ledger)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.49])
def test_a_mark_file_that_cannot_be_read_is_damage(
    killed: Killed, tmp_path: Path, kept: float
) -> None:
    ledger = killed.whole(tmp_path)
    cut(mark_of(ledger), kept)
    assert "is damaged: its mark file ledger.db-mark is unreadable" in killed.is_refused(ledger)
    mark_of(ledger).unlink()
    mark_of(ledger).mkdir()
    assert "ledger.db-mark cannot be read: Is a directory" in killed.is_refused(ledger)


def noted(transaction: Any) -> None:
    """Commit something that is neither planned nor created."""
    transaction.begin_run(os.urandom(8).hex(), None, alone=True)


@pytest.mark.slow
@pytest.mark.parametrize("written", [0, 1, 8, 15, 16])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_partially_written_mark_loses_nothing(
    killed: Killed, tmp_path: Path, before: int, written: int
) -> None:
    """Simulate a crash or power loss while the mark of the last commit is written."""
    ledger = killed.whole(tmp_path)
    mark = mark_of(ledger)
    with Ledger.open(ledger, write=True) as opened:
        for _ in range(before):
            opened.write(noted)
        former = mark.read_bytes()
        opened.write(noted)
        latter = mark.read_bytes()
    at = next(at for at in (0, 16) if former[at : at + 16] != latter[at : at + 16])
    mark.write_bytes(former[:at] + latter[at : at + written] + former[at + written :])
    assert migrate.report(ledger).counts["created"] == 3
    # The mark catches up, and may be torn again meanwhile.
    for _ in range(2):
        with Ledger.open(ledger, write=True) as opened:
            opened.write(noted)
    assert killed.resume(ledger).exit_code == 0
    assert killed.target.titles() == TITLES


def test_what_is_committed_is_counted_before_anything_is_sent_for_it(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.whole(tmp_path)
    lost: list[bytes] = []

    def loses(_data: Any, _emulator: Any) -> None:
        lost.append(mark_of(ledger).read_bytes())

    older = ledger.read_bytes()
    killed.target.inject(Fault.edited(loses), "create")
    assert killed.resume(ledger).exit_code == 0
    ledger.write_bytes(older)
    mark_of(ledger).write_bytes(lost[0])
    with pytest.raises(LedgerError, match="it has lost commits"):
        killed.resume(ledger)


def test_nothing_is_sent_while_the_mark_file_cannot_be_written(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.whole(tmp_path)
    taken = tmp_path / "taken"

    def takes(_data: Any, _emulator: Any) -> None:
        mark_of(ledger).rename(taken)

    killed.target.inject(Fault.edited(takes), "create")
    before = len(killed.target.titles())
    with pytest.raises(LedgerError, match="mark cannot be written: No such file or directory"):
        killed.resume(ledger)
    assert len(killed.target.titles()) == before + 1
    taken.rename(mark_of(ledger))
    assert killed.resume(ledger).exit_code == 0
    assert killed.target.titles() == TITLES


def test_a_mark_file_that_cannot_be_written_ends_a_run_before_it_begins(
    killed: Killed, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", "size=4m") as remount:
        ledger = killed.whole(tmp_path)
        shutil.move(mark_of(ledger), tmp_path / "disk" / "mark")
        mark_of(ledger).symlink_to(tmp_path / "disk" / "mark")
        remount("ro")
        message = killed.is_refused(ledger)
    assert "ledger.db-mark cannot be written: Read-only file system" in message
    assert "every create that was sent is recorded" in message


def test_commits_of_several_threads_are_all_counted(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    older = ledger.read_bytes()
    with Ledger.open(ledger, write=True) as opened, ThreadPoolExecutor(8) as threads:
        for each in [threads.submit(opened.write, noted) for _ in range(100)]:
            each.result()
    whole = ledger.read_bytes()
    ledger.write_bytes(older)
    killed.is_refused(ledger)
    ledger.write_bytes(whole)
    assert killed.resume(ledger).exit_code == 0


@pytest.mark.slow
def test_a_ledger_is_read_beside_a_run_that_commits_all_the_time(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.whole(tmp_path)
    enough = threading.Event()
    with Ledger.open(ledger, write=True) as opened, ThreadPoolExecutor(1) as threads:

        def commits() -> int:
            count = 0
            while not enough.is_set():
                opened.write(noted)
                count += 1
            return count

        committed = threads.submit(commits)
        try:
            for _ in range(30):
                assert migrate.report(ledger).counts["created"] == 3
        finally:
            enough.set()
    assert committed.result() > 0


def test_a_link_to_a_ledger_leads_to_its_mark_file_and_its_lock(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.whole(tmp_path / "there")
    (tmp_path / "here").mkdir()
    link = tmp_path / "here" / "link.db"
    link.symlink_to(ledger)
    with Ledger.open(ledger, write=True):
        assert "another run is using the ledger" in killed.is_refused(link)
    assert killed.resume(link).exit_code == 0
    assert [each.name for each in link.parent.iterdir()] == ["link.db"]
    mark_of(ledger).unlink()
    with pytest.raises(LedgerError, match=r"mark file ledger\.db-mark is missing"):
        migrate.report(link)


# -- files that are not ledgers -------------------------------------------------------------


def test_a_database_of_another_program_is_not_a_ledger(killed: Killed, tmp_path: Path) -> None:
    killed.whole(tmp_path)
    other = tmp_path / "other.db"
    changed(other, "CREATE TABLE migration (id INTEGER)")
    assert "is not the ledger of a migration" in killed.is_refused(other)


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
        assert "belongs to another migration: its target is" in message
        assert other.titles() == []


def test_a_ledger_of_another_source_is_refused(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    with side("tktchurch") as other:
        message = killed.is_refused(ledger, source=other.client)
    assert "belongs to another migration: its source is" in message


# -- missing and read-only files ------------------------------------------------------------


def test_a_missing_ledger_with_a_journal_is_not_created_again(
    killed: Killed, tmp_path: Path
) -> None:
    ledger = killed.laid_out(tmp_path)
    ledger.unlink()
    plan = planned(killed.source, killed.target)
    message = killed.is_refused(ledger, plan=plan)
    assert "is missing, but its journal ledger.db-wal exists" in message
    assert not ledger.exists()


def test_a_folder_is_not_a_ledger(killed: Killed, tmp_path: Path) -> None:
    killed.whole(tmp_path / "whole")
    (tmp_path / "folder").mkdir()
    assert "cannot be" in killed.is_refused(tmp_path / "folder")


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Callable[[str], None]]:
    """Mount a small file system in memory, and return a function that remounts it."""
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


def test_a_full_disk_stops_a_run_which_can_resume_later(killed: Killed, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as remount:
        ledger = killed.whole(tmp_path / "disk")
        used = sum(each.stat().st_size for each in ledger.parent.iterdir())
        remount(f"size={used + 48 * 1024}")
        try:
            message = str(killed.resume(ledger).error)
        except LedgerError as error:
            message = str(error)
        assert "cannot be written: the disk is full" in message
        remount("size=4m")
        assert killed.resume(ledger).exit_code == 0
    assert killed.target.titles() == TITLES


# -- in use ---------------------------------------------------------------------------------


def test_a_second_run_on_a_file_is_refused(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    with Ledger.open(ledger, write=True):
        message = killed.is_refused(ledger)
    assert "another run is using the ledger" in message


def test_a_ledger_can_be_read_while_a_run_holds_it(killed: Killed, tmp_path: Path) -> None:
    ledger = killed.whole(tmp_path)
    with Ledger.open(ledger, write=True):
        assert migrate.report(ledger).counts["created"] == 3
