"""A migration in a real terminal: the prompt, the progress bar, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from livestream_core.emulator import Fault
from migration_commands import BOTH, LEDGER, RUN, Migration, migration
from terminal import Terminal, needs_a_terminal, terminal

pytestmark = [pytest.mark.processes, needs_a_terminal]


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Migration]:
    monkeypatch.chdir(tmp_path)  # a terminal starts in the folder where it is opened
    with migration(tmp_path) as both:
        yield both


@pytest.fixture
def shown(moving: Migration) -> Iterator[Terminal]:
    """Run a new migration, with as many streams as fit on the screen."""
    moving.source.fill(4)
    moving.target.inject(Fault.delay(0.5), "create", times=99)
    with terminal("migrate", *RUN, "--workers", "1", environ={}, rows=40) as screen:
        yield screen


def test_it_shows_the_plan_and_asks(moving: Migration, shown: Terminal) -> None:
    screen = shown.until("[y/N]")
    assert "4 streams = 4 pending" in screen
    assert f"Create 4 streams at {moving.target.client.account}?" in screen
    shown.press("n", "Enter")
    assert "Nothing was created." in shown.until("left with 1")
    assert not (moving.folder / LEDGER).exists()


def test_a_bar_shows_how_many_of_how_many_and_how_fast(moving: Migration, shown: Terminal) -> None:
    shown.until("[y/N]")
    shown.press("y", "Enter")
    screen = shown.until("/s, ")
    assert " of 4, " in screen
    assert " s left" in screen
    assert "pending" in screen
    screen = shown.until("left with 0")
    assert "4 streams = 4 created" in screen
    assert " of 4, " not in screen
    assert moving.target.titles() == moving.source.titles()


def test_ctrl_c_says_that_it_stops_and_the_same_command_asks_no_more(
    moving: Migration, shown: Terminal
) -> None:
    shown.until("[y/N]")
    shown.press("y", "Enter")
    moving.until_creates(1)
    shown.press("C-c")
    shown.until("Stopping once the requests in flight are done")
    assert "To resume, run the same command again." in shown.until("left with 6")
    with terminal("migrate", *RUN, environ={}) as again:
        assert "[y/N]" not in again.until("left with 0")
    assert moving.target.titles() == moving.source.titles()


def test_a_bar_says_that_the_vendor_asks_to_wait(moving: Migration, shown: Terminal) -> None:
    moving.target.emulator.clear_faults()
    moving.target.inject(Fault.status(429, headers={"Retry-After": "600"}), "create", times=99)
    shown.until("[y/N]")
    shown.press("y", "Enter")
    assert "as the vendor asks (memory: HTTP 429" in shown.until("waiting until 20")
    shown.press("C-c")
    shown.until("left with 6")


def test_a_rollback_shows_what_would_go_and_asks(moving: Migration) -> None:
    moving.source.fill(2)
    moving.moved()
    with terminal("migrate", "rollback", LEDGER, environ={}) as shown:
        assert "2 streams = 2 to be deleted" in shown.until("Delete 2 streams at ")
        shown.press("n", "Enter")
        assert "Nothing was deleted." in shown.until("left with 1")
    assert len(moving.target.streams()) == 2
    with terminal("migrate", "rollback", LEDGER, environ={}) as shown:
        shown.until("Delete 2 streams at ")
        shown.press("y", "Enter")
        shown.until("left with 0")
    assert moving.target.streams() == []


def test_retire_asks_with_the_number_of_streams_of_each_kind(moving: Migration) -> None:
    moving.source.fill(3)
    moving.target.inject(Fault.drop_after(), "create")
    moving.moved()
    first, second, _ = (item["source_id"] for item in moving.data("check", LEDGER)["items"])
    moving.run("status", LEDGER, "--switched", first, "--switched", second)
    command = ["migrate", "retire", LEDGER, "--max-delete", "9"]
    with terminal(*command, "--prepared", "--adopted", environ={}, columns=200) as shown:
        screen = shown.until("[y/N]")
        assert "(2 switched, 1 only prepared, 1 of them adopted without a mark)?" in screen
        shown.press("n", "Enter")
        assert "Nothing was deleted." in shown.until("left with 1")
    assert len(moving.source.streams()) == 3


def test_a_long_list_opens_in_a_pager_with_the_sums_after_it(moving: Migration) -> None:
    moving.source.fill(30)
    with terminal("migrate", "plan", *BOTH, "--all", environ={"PAGER": "less"}) as shown:
        assert "Total" not in shown.until("Lesson 0")
        shown.press("q")
        assert "30 streams = 30 pending" in shown.until("left with 0")


def test_a_plan_says_what_it_reads_while_it_reads(moving: Migration) -> None:
    moving.target.fill(2)
    moving.source.inject(Fault.delay(3), "list")
    with terminal("migrate", "plan", *BOTH, environ={}) as shown:
        shown.until("Reading the list of the target: 1 stream")
        shown.until("left with 0")
