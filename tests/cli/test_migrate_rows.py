"""Which streams the ``livestream migrate`` commands show: what needs review first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from livestream_core.emulator import Fault
from migration_commands import BOTH, LEDGER, RUN, Migration, migration
from migrations import in_days

pytestmark = pytest.mark.slow

#: The most streams that are all shown without being asked for.
PAGE = 20


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Migration]:
    monkeypatch.chdir(tmp_path)
    with migration(tmp_path) as both:
        yield both


def titles(output: str) -> list[str]:
    return re.findall(r"Lesson \d+|Refused", output)


def begun(moving: Migration, count: int) -> None:
    """Move streams, of which the target refuses the one that starts last."""
    for number in reversed(range(count - 1)):
        moving.source.add(f"Lesson {number}", scheduled_start=in_days(2 + number))
    moving.source.add("Refused", scheduled_start=in_days(2 + count))
    moving.target.inject(Fault.status(422), "create", skip=count - 1)
    moving.run(*RUN, "--yes", "--workers", "1", "--max-create", str(count))


def test_a_page_of_streams_is_shown_with_what_needs_review_first_and_then_by_start(
    moving: Migration,
) -> None:
    begun(moving, 4)
    output = moving.run("status", LEDGER).stdout
    assert titles(output) == ["Refused", "Lesson 0", "Lesson 1", "Lesson 2"]
    assert "Showing" not in output


def test_of_many_streams_only_those_that_need_review_are_shown_and_then_the_sum(
    moving: Migration,
) -> None:
    begun(moving, PAGE + 1)
    output = moving.run("status", LEDGER).stdout
    assert titles(output) == ["Refused"]
    assert f"Showing 1 of {PAGE + 1} streams. To see more, add --all or --only STATE." in output
    assert f"{PAGE + 1} streams = {PAGE} created + 1 refused" in output
    everything = moving.run("status", LEDGER, "--all").stdout
    assert titles(everything) == ["Refused", *(f"Lesson {number}" for number in range(PAGE))]
    assert titles(moving.run("check", LEDGER, "--all").stdout)[0] == "Refused"


def test_only_the_streams_of_a_state_are_shown_to_people_and_programs(moving: Migration) -> None:
    begun(moving, 4)
    assert titles(moving.run("status", LEDGER, "--only", "refused").stdout) == ["Refused"]
    assert len(titles(moving.run("status", LEDGER, "--only", "prepared").stdout)) == 3
    data = moving.data("status", LEDGER, "--only", "Refused")
    assert [each["title"] for each in data["items"]] == ["Refused"]
    assert data["counts"]["total"] == 4
    assert len(titles(moving.run("check", LEDGER, "--only", "equal").stdout)) == 3


@pytest.mark.parametrize("command", [("plan", *BOTH), ("check", LEDGER), ("status", LEDGER)])
def test_a_state_that_is_not_one_is_refused_before_anything_is_sent(
    moving: Migration, command: tuple[str, ...]
) -> None:
    result = moving.run(*command, "--only", "lost")
    assert result.exit_code == 2
    assert "--only: 'lost' is not a state shown here. These are: " in result.stderr
    assert not moving.source.emulator.requests


def test_a_plan_of_many_streams_ends_with_its_sums(moving: Migration) -> None:
    moving.source.fill(PAGE + 1)
    output = moving.run("plan", *BOTH).stdout
    assert titles(output) == []
    assert output.startswith(f"Showing 0 of {PAGE + 1} streams.")
    assert f"{PAGE + 1} streams = {PAGE + 1} pending" in output
    assert len(titles(moving.run("plan", *BOTH, "--only", "pending").stdout)) == PAGE + 1


def test_a_dry_run_does_not_say_to_a_program_that_it_deleted_anything(moving: Migration) -> None:
    moving.source.fill(2)
    moving.moved()
    data = moving.data("rollback", LEDGER, "--dry-run")
    assert (data["would_delete"], data["deleted"]) == (2, 0)
    assert {(each["would_delete"], each["deleted"]) for each in data["items"]} == {(True, False)}
    data = moving.data("rollback", LEDGER, "--yes")
    assert data["deleted"] == 2
    assert "would_delete" not in data


def test_the_next_step_names_the_ledger_of_the_run(moving: Migration) -> None:
    moving.source.fill(1)
    url = f"sqlite:///{moving.folder / 'other.db'}"
    result = moving.run("run", *BOTH, "--ledger", url, "--yes", "--settle-time", "0")
    assert f"Next: livestream migrate check {moving.folder / 'other.db'}" in " ".join(
        result.stdout.replace("\n", "").split()
    )


def test_text_of_a_vendor_cannot_turn_a_line_of_the_terminal_round(moving: Migration) -> None:
    moving.source.add("\u202egnp.exe\u2066 lesson\u2067")
    unknown = ["plan", *BOTH, "--id", "\u202egnp.exe"]
    assert "gnp.exe" in moving.run(*unknown).stderr
    for command in (
        unknown,
        ["plan", *BOTH],
        [*RUN, "--yes"],
        ["status", LEDGER],
        ["check", LEDGER],
    ):
        output = moving.run(*command).output
        assert not re.search("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", output)


def test_show_tells_all_tries_of_a_stream_by_either_id(moving: Migration) -> None:
    (id,) = moving.source.fill(1)
    moving.target.inject(Fault.status(422), "create")
    moving.run(*RUN, "--yes")
    refused = moving.data("show", LEDGER, id)
    assert (refused["state"], refused["tries"]) == ("refused", [])
    assert moving.run("run", "--ledger", LEDGER, "--replan").exit_code == 0
    data = moving.data("show", LEDGER, id)
    assert data["state"] == "created"
    assert [(each["state"], each["reason"]) for each in data["tries"]] == [
        ("refused", refused["reason"])
    ]
    assert data["tries"][0]["intended_at"] == refused["intended_at"]
    output = moving.run("show", LEDGER, data["target_id"]).stdout
    assert "Lesson 0" in output
    assert f"refused: {refused['reason']}"[:40] in " ".join(output.split())
    assert data["spec"]["title"] == "Lesson 0"


def test_show_of_a_stream_that_the_ledger_does_not_have_is_one_line(moving: Migration) -> None:
    moving.source.fill(1)
    moving.moved()
    result = moving.run("show", LEDGER, "nothing")
    assert result.exit_code == 2
    assert "'nothing' is not in the ledger" in result.stderr
