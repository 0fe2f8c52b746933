"""The commands on a ledger after its run: reports, handover, and rollback."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import run
from livestream_core.cli.migrate.commands import migrate
from livestream_core.emulator import Fault
from migration_commands import LEDGER, RUN, Migration, migration


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Migration]:
    """Migrate three streams, and leave one at the source."""
    monkeypatch.chdir(tmp_path)
    with migration(tmp_path) as both:
        both.source.fill(3)
        both.source.client.create(title="At once")
        both.moved()
        yield both


def test_a_ledger_that_is_not_there_is_7(moved: Migration) -> None:
    result = moved.run("check", "shool.db")
    assert result.exit_code == 7
    assert "there is no ledger at" in result.stderr


#: Every command that uses an existing ledger, with what else it requires.
REQUIRED = {
    "accept": ["--id", "1", "--because", "It is not needed"],
    "retire": ["--max-delete", "9"],
    "show": ["1"],
}
USING_A_LEDGER = [
    [name, "shool.db", *REQUIRED.get(name, [])]
    for name, command in migrate.commands.items()
    if any(parameter.name == "ledger" for parameter in command.params)
    and name not in ("plan", "run")
]


@pytest.mark.parametrize(
    "command",
    [*USING_A_LEDGER, *(["run", "--ledger", "shool.db", *more] for more in ([], ["--replan"]))],
    ids=" ".join,
)
def test_a_ledger_that_is_not_there_is_said_to_be_missing_whatever_else_is_missing(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "livestream.toml").touch()
    for more in ([], ["--yes"]):
        if more and "--yes" not in {
            option for each in migrate.commands[command[0]].params for option in each.opts
        }:
            continue
        result = run("migrate", *command, *more)
        assert result.exit_code == 7
        assert f"there is no ledger at {tmp_path / 'shool.db'}; check its name" in result.stderr
        assert "--yes" not in result.stderr
        assert not (tmp_path / "shool.db").exists()


def test_a_run_with_a_misspelled_ledger_says_that_it_would_be_a_new_migration(
    moved: Migration,
) -> None:
    result = moved.run(*RUN[:-1], "shool.db")
    assert result.exit_code == 2
    assert f"There is no ledger at {moved.folder / 'shool.db'}" in result.stderr
    assert "To resume a migration, check the name of its ledger." in result.stderr
    again = moved.run(*RUN[:-1], "shool.db", "--yes", "--replan")
    assert (again.exit_code, len(moved.target.streams())) == (7, 3)


@pytest.mark.slow
def test_the_accounts_may_be_named_again(moved: Migration) -> None:
    toml = moved.folder / "livestream.toml"
    toml.write_text(toml.read_text().replace("connections.church]", "connections.parish]"))
    assert moved.run("check", LEDGER).exit_code == 2
    assert moved.run("check", LEDGER, "--to", "parish").exit_code == 0


# -- check ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_check_of_what_is_as_planned_is_0(moved: Migration) -> None:
    result = moved.run("check", LEDGER)
    assert result.exit_code == 0
    assert result.stdout.count("= equal") == 3
    assert "3 streams = 3 equal" in result.stdout


def test_check_names_the_field_that_differs_and_is_7(moved: Migration) -> None:
    edited = moved.target.streams()[0]
    moved.target.client.update(edited.id, title="Another")
    result = moved.run("check", LEDGER)
    assert result.exit_code == 7
    assert "* differs" in result.stdout
    assert "target.title" in result.stdout
    assert "3 streams = 2 equal + 1 differs" in result.stdout


@pytest.mark.slow
def test_check_as_json_has_words_and_symbols(moved: Migration) -> None:
    moved.target.client.delete(moved.target.streams()[0].id)
    found = moved.data("check", LEDGER)
    assert not found["all_equal"]
    verdicts = [(item["symbol"], item["verdict"]) for item in found["items"]]
    assert sorted(verdicts) == [("+", "source_only"), ("=", "equal"), ("=", "equal")]


@pytest.mark.slow
def test_check_changes_nothing(moved: Migration) -> None:
    before = (moved.folder / LEDGER).read_bytes()
    creates = len(moved.target.changes())
    moved.run("check", LEDGER)
    assert (moved.folder / LEDGER).read_bytes() == before
    assert len(moved.target.changes()) == creates


# -- status ---------------------------------------------------------------------------------------


def test_status_shows_every_stream_with_its_users_and_sends_nothing(moved: Migration) -> None:
    before = len(moved.target.emulator.requests)
    output = moved.run("status", LEDGER).stdout
    assert output.count("created        prepared") == 3
    assert "4 streams = 3 created + 1 skipped\n3 at the target = 3 prepared\n" in output
    assert len(moved.target.emulator.requests) == before


def test_status_refreshed_sees_who_has_switched(moved: Migration) -> None:
    stream = moved.target.streams()[0]
    moved.target.client.start(stream.id)
    moved.target.emulator.clock.advance(60)
    moved.target.emulator.connect_encoder(stream.id)
    output = moved.run("status", LEDGER, "--refresh").stdout
    assert "3 at the target = 2 prepared + 1 switched" in output


@pytest.mark.slow
def test_a_switched_user_can_be_marked_by_hand(moved: Migration) -> None:
    ids = [stream.id for stream in moved.source.streams() if stream.title != "At once"]
    chosen = [each for id in ids[:2] for each in ("--switched", id)]
    cutovers = [item["cutover"] for item in moved.data("status", LEDGER, *chosen)["items"]]
    assert sorted(map(str, cutovers)) == ["None", "prepared", "switched", "switched"]


def test_a_stream_that_was_not_migrated_cannot_have_switched(moved: Migration) -> None:
    result = moved.run("status", LEDGER, "--switched", "nobody")
    assert result.exit_code == 2
    assert "not moved, so they cannot be marked as switched: nobody" in result.stderr


# -- handover -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_only_the_owner_can_read_a_handover_which_has_the_keys(
    moved: Migration,
) -> None:
    for stream in moved.target.streams():
        moved.target.client.start(stream.id)
    moved.target.emulator.clock.advance(60)
    result = moved.run("handover", LEDGER, "--to-folder", "keys")
    assert result.exit_code == 0
    assert "3 streams at the target\n  3 with an ingest" in result.stdout
    with (moved.folder / "keys" / "ingests.csv").open(newline="") as file:
        keys = {row["stream_key"] for row in csv.DictReader(file)}
    assert keys == {key for stream in moved.target.streams() for key in stream.stream_keys()}
    assert not [key for key in keys if key in result.output]
    if os.name != "nt":
        modes = {path.stat().st_mode & 0o077 for path in (moved.folder / "keys").rglob("*")}
        assert modes == {0}


@pytest.mark.slow
def test_a_handover_says_who_gets_an_address_later(moved: Migration) -> None:
    assert "3 with an ingest once started" in moved.run("handover", LEDGER).stdout
    rows = json.loads((moved.folder / "handover" / "ingests.json").read_text())
    assert {row["ingest"] for row in rows} == {"after start"}


@pytest.mark.slow
def test_a_stream_that_cannot_be_handed_over_is_7(moved: Migration) -> None:
    gone = moved.target.streams()[0]
    moved.target.client.delete(gone.id)
    result = moved.run("handover", LEDGER)
    assert result.exit_code == 7
    assert f"{gone.id} could not be read" in result.stdout


# -- accept ---------------------------------------------------------------------------------------


def test_accept_clears_exit_code_7_and_is_in_the_report(moved: Migration) -> None:
    refused = moved.source.add("Refused").id
    moved.target.inject(Fault.status(422), "create")
    other = [*RUN[:-1], "other.db", "--id", refused]
    first = moved.run(*other, "--yes")
    assert first.exit_code == 7
    assert "livestream migrate accept other.db --id ID --because TEXT" in " ".join(
        first.stdout.split()
    )
    assert moved.run("accept", "other.db", "--id", "1", "--because", "-").exit_code == 2
    data = moved.data("accept", "other.db", "--id", refused, "--because", "Canceled")
    assert [(each["source_id"], each["because"]) for each in data["accepted"]] == [
        (refused, "Canceled")
    ]
    assert moved.run("accept", "other.db", "--id", refused, "--because", "Canceled").exit_code == 0
    assert moved.run("run", "--ledger", "other.db").exit_code == 0
    assert "Accepted: Canceled" in " ".join(moved.run("report", "other.db").stdout.split())


def test_two_ledgers_of_the_same_streams_name_each_other(moved: Migration) -> None:
    other = [*RUN[:-1], "other.db"]
    result = moved.run(*other, "--yes")
    assert (result.exit_code, len(moved.target.streams())) == (0, 6)
    for own, its_other in (("other.db", LEDGER), (LEDGER, "other.db")):
        for command in (["report", own], ["status", own], ["run", "--ledger", own]):
            shown = " ".join(moved.run(*command).stdout.split())
            assert f"The ledger {its_other} moved 3 of the same streams" in shown
            assert f"livestream migrate rollback {its_other}`" in shown
            assert "Delete any duplicates" not in shown
    assert moved.run("run", "--ledger", LEDGER).exit_code == 7
    assert moved.run("rollback", "other.db", "--yes").exit_code == 0
    result = moved.run("run", "--ledger", LEDGER)
    assert result.exit_code == 0
    assert "other.db" not in result.stdout


# -- rollback and retire --------------------------------------------------------------------------

RETIRE = ("retire", LEDGER, "--prepared")
DELETIONS = [["rollback", LEDGER], [*RETIRE, "--max-delete", "9"]]


@pytest.mark.slow
@pytest.mark.parametrize("command", DELETIONS)
def test_without_a_prompt_nothing_is_deleted_without_yes(
    moved: Migration, command: list[str]
) -> None:
    result = moved.run(*command)
    assert result.exit_code == 2
    assert "Pass --yes to delete" in result.stderr
    assert (len(moved.source.streams()), len(moved.target.streams())) == (4, 3)


@pytest.mark.slow
@pytest.mark.parametrize("command", DELETIONS)
def test_a_dry_run_only_says_what_would_be_deleted(moved: Migration, command: list[str]) -> None:
    result = moved.run(*command, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.count("to be deleted  Lesson") == 3
    assert (len(moved.source.streams()), len(moved.target.streams())) == (4, 3)


@pytest.mark.slow
def test_a_rollback_deletes_at_the_target_only_what_the_migration_made(moved: Migration) -> None:
    before = moved.target.add("Of somebody else")
    result = moved.run("rollback", LEDGER, "--yes")
    assert result.exit_code == 0
    assert "3 streams = 3 deleted" in result.stdout
    assert [stream.id for stream in moved.target.streams()] == [before.id]
    assert len(moved.source.streams()) == 4


@pytest.mark.slow
def test_a_rollback_that_keeps_something_is_7_and_says_why(moved: Migration) -> None:
    edited = moved.target.streams()[0]
    moved.target.client.update(edited.id, title="Another")
    result = moved.run("rollback", LEDGER, "--yes")
    assert result.exit_code == 7
    assert "it was edited after it was created: title" in result.stdout
    assert "3 streams = 2 deleted + 1 kept" in result.stdout
    assert [stream.id for stream in moved.target.streams()] == [edited.id]


@pytest.mark.slow
def test_retire_deletes_at_the_source_up_to_its_limit_and_resumes(moved: Migration) -> None:
    result = moved.run(*RETIRE, "--max-delete", "2", "--yes")
    assert result.exit_code == 6
    assert "1 stream left. Run the same command again to continue." in result.stdout
    assert moved.run(*RETIRE, "--max-delete", "2", "--yes").exit_code == 0
    assert [stream.title for stream in moved.source.streams()] == ["At once"]
    assert len(moved.target.streams()) == 3
    assert "3 at the target = 3 retired" in moved.run("status", LEDGER).stdout


def test_retire_keeps_what_is_only_prepared(moved: Migration) -> None:
    first, second, _ = (item["source_id"] for item in moved.data("check", LEDGER)["items"])
    moved.run("status", LEDGER, "--switched", first, "--switched", second)
    data = moved.data("retire", LEDGER, "--max-delete", "9", "--dry-run")
    assert data["counts"] == {"switched": 2, "prepared": 0, "adopted": 0}
    assert {item["cutover"] for item in data["items"]} == {"switched", "prepared"}
    result = moved.run("retire", LEDGER, "--id", first, "--max-delete", "9", "--yes")
    assert (result.exit_code, len(moved.source.streams())) == (0, 3)
    result = moved.run("retire", LEDGER, "--max-delete", "9", "--yes")
    assert result.exit_code == 7
    assert "it is only prepared" in result.stdout
    assert "2 streams = 1 deleted + 1 kept" in result.stdout
    early = moved.run(*RETIRE, "--before", "2026-01-01T00:00:00Z", "--max-delete", "9", "--yes")
    assert (early.exit_code, len(moved.source.streams())) == (0, 2)


@pytest.mark.slow
def test_deletions_as_json_have_each_stream_and_the_exit_code(moved: Migration) -> None:
    data = moved.data("rollback", LEDGER, "--yes")
    assert (data["deleted"], data["exit_code"], len(data["items"])) == (3, 0, 3)


# -- report ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_counts_of_a_report_add_up(moved: Migration) -> None:
    counts = moved.data("report", LEDGER)["counts"]
    assert counts.pop("total") == sum(counts.values()) == 4


@pytest.mark.slow
def test_a_report_for_people_is_short(moved: Migration) -> None:
    output = moved.run("report", LEDGER).stdout
    assert "4 streams = 3 created + 1 skipped" in output
    assert "finished" in output
    assert "Lesson" not in output


@pytest.mark.slow
def test_a_report_shows_what_is_not_as_it_should_be(moved: Migration) -> None:
    moved.source.add("Refused")
    moved.target.inject(Fault.status(422), "create")
    other = [each if each != LEDGER else "other.db" for each in RUN]
    moved.run(*other, "--yes", "--skip-existing")
    output = moved.run("report", "other.db").stdout
    assert output.startswith("state          stream\nrefused        Refused")


def test_a_report_is_written_as_a_page(moved: Migration) -> None:
    assert moved.run("report", LEDGER, "--html", "report.html").exit_code == 0
    assert "Lesson 0" in (moved.folder / "report.html").read_text()
