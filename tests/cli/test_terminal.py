"""The command line in a real terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from acme import AcmeEmulator
from command_line import TOKEN, install, reaching, until_asked
from livestream_core.emulator import Fault
from terminal import Terminal, needs_a_terminal, terminal

pytestmark = [pytest.mark.processes, needs_a_terminal]


@pytest.fixture
def vendor() -> AcmeEmulator:
    return AcmeEmulator()


@pytest.fixture
def environ(vendor: AcmeEmulator, tmp_path: Path) -> Iterator[dict[str, str]]:
    with vendor.serve() as url:
        yield {**install(tmp_path, acme="acme:ACME"), **reaching(url), "TZ": "UTC"}


def running(
    environ: dict[str, str], *arguments: str, **size: Any
) -> AbstractContextManager[Terminal]:
    command, *rest = arguments
    return terminal(command, "-p", "acme", *rest, environ=environ, **size)


# -- the spinner --------------------------------------------------------------------------------


def test_a_spinner_turns_while_something_is_under_way_and_is_gone_afterwards(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    vendor.inject(Fault.delay(1), on="POST /streams")
    with running(environ, "create", "--title", "T") as shown:
        shown.until("Creating")
        assert "Creating" not in shown.until("left with 0")


def test_a_dumb_terminal_has_no_spinner(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    vendor.add()
    with running({**environ, "TERM": "dumb"}, "show", "1") as shown:
        assert "Reading" not in shown.until("left with 0")


def test_waiting_shows_what_was_seen_last(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    stream = vendor.add()
    with running(environ, "wait", "1", "--until", "live") as shown:
        shown.until("Waiting for live")
        until_asked(vendor, "GET")
        stream["status"] = "boot"
        shown.until("Waiting for live; the status is starting")
        stream["status"] = "on"
        assert "live (on)" in shown.until("left with 0")


def test_a_warning_does_not_disturb_the_spinner(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    vendor.inject(Fault.delay(0.5), on="POST /streams")
    arguments = ["create", "--title", "T", "--latency", "low", "--drop-unsupported"]
    with running(environ, *arguments) as shown:
        screen = shown.until("left with 0", "-J")
    assert screen.startswith("Warning: acme:")
    assert "Creating" not in screen


# -- the confirmation ---------------------------------------------------------------------------

QUESTION = "Delete 1, 'Data science', with status scheduled? [y/N]:"


@pytest.mark.parametrize(("keys", "code", "left"), [("y", 0, 0), ("n", 1, 1), ("", 1, 1)])
def test_delete_asks_and_shows_what_would_go(
    vendor: AcmeEmulator, environ: dict[str, str], keys: str, code: int, left: int
) -> None:
    vendor.add(title="Data science")
    with running(environ, "delete", "1") as shown:
        shown.until(QUESTION)
        shown.press(keys, "Enter")
        shown.until(f"left with {code}")
    assert len(vendor.streams) == left


def test_ctrl_c_at_the_question_deletes_nothing(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    vendor.add(title="Data science")
    with running(environ, "delete", "1") as shown:
        shown.until(QUESTION)
        shown.press("C-c")
        shown.until("left with 130")
    assert len(vendor.streams) == 1


def test_a_stream_that_is_not_there_is_not_asked_about(environ: dict[str, str]) -> None:
    with running(environ, "delete", "1") as shown:
        assert "[y/N]" not in shown.until("left with 3")


def test_yes_asks_nothing(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    vendor.add()
    with running(environ, "delete", "1", "--yes") as shown:
        assert "[y/N]" not in shown.until("left with 0")


@pytest.mark.parametrize(("keys", "code"), [("y", 0), ("n", 1)])
def test_a_tour_asks_before_it_writes(
    vendor: AcmeEmulator, environ: dict[str, str], tmp_path: Path, keys: str, code: int
) -> None:
    file = tmp_path / "tour.json"
    with running(environ, "doctor", "--live", "--write", "--output", str(file)) as shown:
        screen = shown.until("and delete it? [y/N]:", "-J")
        shown.press(keys, "Enter")
        shown.until(f"left with {code}")
    assert "Create the stream 'livestream-core tour " in screen
    assert [each.method for each in vendor.requests].count("POST") == (1 if keys == "y" else 0)
    assert bool(vendor.requests) == file.exists() == (keys == "y")
    assert vendor.streams == {}


# -- Ctrl-C ---------------------------------------------------------------------------------------


def test_ctrl_c_during_a_create_says_that_its_outcome_is_open(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    vendor.inject(Fault.delay(10), on="POST /streams")
    with running(environ, "create", "--title", "T") as shown:
        shown.until("Creating")
        shown.press("C-c")
        screen = shown.until("left with 5", "-J")
    assert "the stream may or may not have been created" in screen
    assert "Traceback" not in screen


def test_ctrl_c_during_a_read_is_quiet(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    vendor.inject(Fault.delay(10), on="GET *")
    with running(environ, "show", "1") as shown:
        shown.until("Reading")
        shown.press("C-c")
        screen = shown.until("left with 130")
    assert "Error" not in screen
    assert "Traceback" not in screen


# -- watch ----------------------------------------------------------------------------------------


def test_watch_is_a_table_that_follows_what_happens(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    stream = vendor.add(title="Data science")
    with running(environ, "watch", "--interval", "0.2") as shown:
        assert "scheduled    -" in shown.until("Ctrl-C to stop")
        stream["status"] = "on"
        screen = shown.until("1   live")
        assert screen.count("Data science") == 1
        shown.press("C-c")
        screen = shown.until("left with 0")
    assert "Traceback" not in screen
    assert "Error" not in screen


def test_watch_shows_temporary_errors_and_continues(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    vendor.add(title="Data science")
    with running(environ, "watch", "--interval", "0.2") as shown:
        shown.until("Ctrl-C to stop")
        busy = Fault.status(429, headers={"Retry-After": "1000"})
        vendor.inject(busy, on="GET *", times=10_000)
        assert "Data science" in shown.until("retrying")
        vendor.clear_faults()
        while "retrying" in shown.screen():
            pass
        assert "Data science" in shown.screen()


def test_more_streams_than_rows_are_counted(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    for _ in range(20):
        vendor.add()
    with running(environ, "watch", "--interval", "0.2", rows=10) as shown:
        assert "status" in shown.until("and 16 more")


def test_on_a_dumb_terminal_watch_prints_lines(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    stream = vendor.add(title="T")
    with running({**environ, "TERM": "dumb"}, "watch", "--interval", "0.2") as shown:
        shown.until("1  scheduled  T")
        stream["status"] = "on"
        shown.until("1  scheduled -> live  T")


# -- colors, widths, secrets ----------------------------------------------------------------------

GREEN = "\x1b[32m"


def test_statuses_have_colours_unless_there_are_to_be_none(
    vendor: AcmeEmulator, environ: dict[str, str]
) -> None:
    vendor.add(status="on")
    with running(environ, "show", "1") as shown:
        assert "32m" in shown.until("left with 0", "-e")
    with running({**environ, "NO_COLOR": "1"}, "show", "1") as shown:
        assert "32m" not in shown.until("left with 0", "-e")


def test_an_id_is_whole_on_a_narrow_terminal(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    id = "87497513-62FD-4B5E-9F76-9D578691F4D0"
    vendor.add(id=id)
    with running(environ, "list", columns=30) as shown:
        assert id in shown.until("left with 0", "-J")


def test_a_token_that_is_typed_is_not_shown(vendor: AcmeEmulator, environ: dict[str, str]) -> None:
    vendor.add(title="T")
    without = {**environ, "LIVESTREAM_ACME_TOKEN": ""}
    with running(without, "list", "--token-file", "-") as shown:
        shown.until("Token:")
        shown.press(TOKEN, "Enter")
        screen = shown.until("left with 0")
    assert "scheduled" in screen
    assert TOKEN not in screen
