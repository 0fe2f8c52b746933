"""``livestream migrate`` from a plan to a finished ledger, over HTTP."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import livestream_core as live
from command_line import PATIENCE, run
from livestream_core.emulator import Fault
from migration_commands import BOTH, LEDGER, ONE, OTHER, RUN, Migration, migration
from migrations import end_pauses, in_days

pytestmark = pytest.mark.slow

#: A read of one stream.
READ = "GET /v1/streams/*"

PASSWORD = "pa55-0f-the-l3dger"
#: No server listens at this address.
DATABASE = f"postgresql://someone:{PASSWORD}@127.0.0.1:9/ledger"


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Migration]:
    monkeypatch.chdir(tmp_path)
    with migration(tmp_path) as both:
        yield both


# -- the two accounts -----------------------------------------------------------------------------


def test_a_connection_comes_before_a_provider_of_the_same_name(moving: Migration) -> None:
    moving.source.fill(1)
    toml = moving.folder / "livestream.toml"
    toml.write_text(toml.read_text().replace(f"connections.{ONE}]", "connections.memory]"))
    result = moving.run("plan", "--from", "memory", "--to", OTHER)
    assert "1 stream = 1 pending" in result.stdout


def test_a_provider_has_its_options_from_the_environment(
    moving: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving.source.fill(1)
    for name, value in moving.source.options.items():
        monkeypatch.setenv(f"LIVESTREAM_MEMORY_{name.upper()}", str(value))
    result = moving.run("plan", "--from", "memory", "--to", OTHER)
    assert "1 stream = 1 pending" in result.stdout


def test_a_name_that_is_neither_says_which_there_are(moving: Migration) -> None:
    result = moving.run("plan", "--from", "scool", "--to", OTHER)
    assert result.exit_code == 2
    assert "'scool' is neither a connection" in result.stderr
    assert f"connections: {OTHER}, {ONE}; providers: " in result.stderr


def test_an_unreadable_file_does_not_select_another_account(
    moving: Migration,
) -> None:
    (moving.folder / "livestream.toml").write_text("[connections.memory")
    result = moving.run("plan", "--from", "memory", "--to", "memory")
    assert result.exit_code == 2
    assert "is not TOML" in result.stderr


def test_one_account_cannot_be_both_sides(moving: Migration) -> None:
    result = moving.run("plan", "--from", ONE, "--to", ONE)
    assert result.exit_code == 2
    assert "the same account" in result.stderr


def test_an_account_before_the_commands_name_is_refused(moving: Migration) -> None:
    result = run("-c", ONE, "migrate", "plan", *BOTH)
    assert result.exit_code == 2
    assert "`migrate` does not accept --connection before its name" in result.stderr


# -- plan -----------------------------------------------------------------------------------------


def test_a_plan_shows_each_stream_with_its_state_start_and_losses(moving: Migration) -> None:
    start = in_days(2)
    (id,) = moving.source.fill(1)
    output = moving.run("plan", *BOTH, "--utc").stdout
    shown = start.isoformat(" ", "minutes")
    assert f"pending        {shown} Lesson 0" in output
    assert re.search(rf"^ {{38}}{id}: dropped: playback_url", output, re.MULTILINE)


def test_a_plan_says_why_a_stream_is_not_moved(moving: Migration) -> None:
    moving.source.add("Soon", scheduled_start=in_days(1 / 24 / 6))
    output = moving.run("plan", *BOTH).stdout
    assert output.splitlines()[1].startswith("skipped")
    assert "it starts within 30 min" in output


def test_guard_says_how_soon_is_too_soon(moving: Migration) -> None:
    moving.source.add("Soon", scheduled_start=in_days(1 / 24 / 6))
    assert "1 stream = 1 pending" in moving.run("plan", *BOTH, "--min-lead-time", "1m").stdout


@pytest.mark.parametrize("guard", ["soon", "-1m", "1 h", "5w", ""])
def test_a_span_that_cannot_be_read_is_refused(moving: Migration, guard: str) -> None:
    result = moving.run("plan", *BOTH, f"--min-lead-time={guard}")
    assert result.exit_code == 2
    assert "such as 90s, 30m, or 2h" in result.stderr


def test_include_disabled_moves_disabled_streams_too(moving: Migration) -> None:
    client = moving.source.client
    stream = client.create(title="Off", scheduled_start=in_days(2))
    client.start(stream.id)
    moving.source.emulator.clock.advance(60)
    client.disable(stream.id)
    without = moving.run("plan", *BOTH).stdout
    assert "it is disabled; use include_disabled to move it" in " ".join(without.split())
    assert "1 stream = 1 pending" in moving.run("plan", *BOTH, "--include-disabled").stdout
    moving.moved("--include-disabled")
    assert moving.target.titles() == ["Off"]
    assert moving.target.streams()[0].status is live.Status.SCHEDULED


def test_a_plan_counts_the_streams_that_lose_a_field_and_says_why(moving: Migration) -> None:
    moving.source.fill(3)
    output = " ".join(moving.run("plan", *BOTH).stdout.split())
    assert "playback_url dropped 3 a spec has one playback URL" in output


def test_the_counts_of_a_plan_add_up(moving: Migration) -> None:
    moving.source.fill(2)
    moving.source.client.create(title="At once")
    assert "3 streams = 2 pending + 1 skipped" in moving.run("plan", *BOTH).stdout


def test_a_plan_changes_nothing(moving: Migration) -> None:
    moving.source.fill(2)
    before = len(moving.source.changes())
    assert moving.run("plan", *BOTH).exit_code == 0
    assert len(moving.source.changes()) == before
    assert moving.target.changes() == []


def test_a_plan_as_json_has_every_stream_and_field(moving: Migration) -> None:
    (id,) = moving.source.fill(1)
    plan = moving.data("plan", *BOTH)
    assert (plan["source"], plan["target"]) == (
        moving.source.client.account,
        moving.target.client.account,
    )
    (item,) = plan["items"]
    assert (item["source_id"], item["spec"]["title"]) == (id, "Lesson 0")
    assert {"field": "title", "fate": "exact", "note": ""} in item["fields"]


def test_a_plan_is_written_as_a_page(moving: Migration) -> None:
    moving.source.fill(1)
    result = moving.run("plan", *BOTH, "--html", "plan.html")
    assert "Wrote plan.html" in result.stderr
    page = (moving.folder / "plan.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "Lesson 0" in page


def test_a_page_that_cannot_be_written_is_one_line(moving: Migration) -> None:
    result = moving.run("plan", *BOTH, "--html", "nowhere/plan.html")
    assert result.exit_code == 2
    assert "Error: nowhere/plan.html cannot be written: No such file" in result.stderr


def test_filters_say_which_streams_are_meant(moving: Migration) -> None:
    first, *_ = moving.source.fill(3)
    moving.source.add("Tagged", tags=["maths"])
    for chosen in (
        ["--tag", "maths"],
        ["--id", first],
        ["--starts-before", (in_days(2) + timedelta(minutes=1)).isoformat(), "--tag", "maths"],
    ):
        output = moving.run("plan", *BOTH, *chosen).stdout
        assert "1 stream = 1 pending" in output
        assert "3 streams excluded by the filters" in output


def test_a_plan_whose_transform_fails_needs_review(moving: Migration) -> None:
    moving.source.fill(1)
    (moving.folder / "rules.py").write_text("def move(stream, spec):\n    raise KeyError('x')\n")
    result = moving.process("plan", *BOTH, "--transform", "rules:move")
    assert result.returncode == 7
    assert "1 stream = 1 needs review" in result.stdout
    assert "1 stream needs review. Change it" in result.stdout


def test_a_transform_that_is_not_there_is_one_line(moving: Migration) -> None:
    result = moving.run("plan", *BOTH, "--transform", "no_such_module:move")
    assert result.exit_code == 2
    assert "transform no_such_module:move: it cannot be imported" in result.stderr


def test_a_plan_that_would_lose_what_must_not_be_lost_is_7(moving: Migration) -> None:
    moving.source.fill(1)
    result = moving.run("plan", *BOTH, "--fail-on-loss", "tags,playback_url")
    assert result.exit_code == 7
    assert "A run refuses this plan, because it would lose playback_url" in result.stdout


def test_a_plan_warns_of_streams_that_the_target_has_already(moving: Migration) -> None:
    for each in (moving.source, moving.target):
        each.fill(1)
    output = moving.run("plan", *BOTH).stdout
    assert "use --skip-existing" in output
    assert "1 stream = 1 skipped" in moving.run("plan", *BOTH, "--skip-existing").stdout


def test_a_list_that_cannot_be_read_keeps_its_exit_code(moving: Migration) -> None:
    moving.source.inject(Fault.status(403), "list", times=9)
    assert moving.run("plan", *BOTH).exit_code == 3


def test_a_rate_that_cannot_be_read_is_refused_before_anything_is_sent(moving: Migration) -> None:
    result = moving.run("plan", *BOTH, "--rate", "fast")
    assert result.exit_code == 2
    assert "such as 5/s" in result.stderr
    assert not moving.source.emulator.requests


# -- run: a new ledger ----------------------------------------------------------------------------


def test_without_a_prompt_a_new_ledger_needs_yes_before_anything_is_sent(
    moving: Migration,
) -> None:
    result = moving.process(*RUN)
    assert result.returncode == 2
    assert "Pass --yes to start a new migration" in result.stderr
    assert not moving.source.emulator.requests + moving.target.emulator.requests
    assert not (moving.folder / LEDGER).exists()


def test_a_run_creates_every_stream_once_and_says_what_comes_next(moving: Migration) -> None:
    moving.source.fill(5)
    result = moving.process(*RUN, "--yes")
    assert result.returncode == 0, result.stderr
    assert moving.target.titles() == moving.source.titles()
    assert "5 streams = 5 created\nSent 5 creates.\n" in result.stdout
    assert "Next: livestream migrate check" in result.stdout


def test_a_new_ledger_needs_both_sides(moving: Migration) -> None:
    result = moving.run("run", "--to", OTHER, "--ledger", LEDGER, "--yes")
    assert result.exit_code == 2
    assert "A new migration requires --from and --to" in result.stderr


def test_a_loss_of_a_protected_field_is_refused(moving: Migration) -> None:
    moving.source.fill(1)
    result = moving.run(*RUN, "--yes", "--fail-on-loss", "playback_url")
    assert result.exit_code == 7
    assert "the plan would lose fields listed in fail_on_loss: playback_url" in result.stderr
    assert moving.target.changes() == []


def test_without_streams_to_migrate_no_ledger_is_created(moving: Migration) -> None:
    moving.source.client.create(title="At once")
    result = moving.run(*RUN, "--yes", "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert (data["writes"], data["counts"]["skipped"], data["exit_code"]) == (0, 1, 0)
    assert not (moving.folder / LEDGER).exists()


def test_a_run_with_a_transform_in_this_folder_resumes_with_it(moving: Migration) -> None:
    moving.source.fill(2)
    (moving.folder / "rules.py").write_text(
        "import attrs\n"
        "def renamed(stream, spec):\n"
        "    return attrs.evolve(spec, title=f'{spec.title}, moved')\n"
    )
    begun = moving.process(*RUN, "--yes", "--transform", "rules:renamed", "--max-create", "1")
    assert begun.returncode == 6, begun.stderr
    assert moving.process("run", "--ledger", LEDGER).returncode == 0
    assert moving.target.titles() == ["Lesson 0, moved", "Lesson 1, moved"]


# -- run: resume ----------------------------------------------------------------------------------


def test_the_same_command_resumes_a_run_that_reached_its_budget(moving: Migration) -> None:
    moving.source.fill(3)
    first = moving.run(*RUN, "--yes", "--max-create", "2")
    assert first.exit_code == 6
    assert "Stopped at --max-create. To resume, run the same command again." in first.stdout
    assert moving.run(*RUN, "--max-create", "2").exit_code == 0
    assert moving.target.titles() == moving.source.titles()


def test_the_ledger_knows_its_accounts(moving: Migration) -> None:
    moving.source.fill(2)
    moving.run(*RUN, "--yes", "--max-create", "1")
    assert moving.run("run", "--ledger", LEDGER).exit_code == 0


def test_a_second_run_of_a_finished_ledger_writes_nothing_and_says_so(moving: Migration) -> None:
    moving.source.fill(2)
    moving.moved()
    again = moving.run(*RUN)
    assert again.exit_code == 0
    assert "Nothing left to do. Sent no creates." in again.stdout
    assert moving.target.creates() == 2


def test_other_filters_than_those_of_the_ledger_are_warned_of(moving: Migration) -> None:
    moving.source.fill(1)
    moving.moved("--min-lead-time", "1h", "--skip-existing")
    assert "Warning" not in moving.run(*RUN, "--min-lead-time", "60m").stderr
    result = moving.run(*RUN, "--min-lead-time", "2h", "--tag", "maths")
    assert result.exit_code == 0
    assert "Warning: the run resumes with the ledger's own plan" in result.stderr
    assert "are ignored: --tag, --min-lead-time" in result.stderr


def test_a_vendor_that_is_down_from_the_start_is_4(moving: Migration) -> None:
    moving.source.fill(1)
    moving.target.inject(Fault.status(503), "list", times=99)
    assert moving.run(*RUN, "--yes").exit_code == 4


@pytest.mark.parametrize("command", [("plan", *BOTH), (*RUN, "--yes")])
def test_a_wait_that_is_too_long_for_a_plan_is_6(
    moving: Migration, command: tuple[str, ...]
) -> None:
    moving.source.fill(1)
    moving.target.inject(Fault.status(503, headers={"Retry-After": "1000"}), "list", times=99)
    result = moving.run(*command)
    assert result.exit_code == 6
    assert "retry in 1000 s" in result.stderr


@pytest.mark.parametrize("asked", ["86400", "4000000000"])
def test_a_vendor_that_asks_to_wait_too_long_is_6_and_says_until_when(
    moving: Migration, asked: str
) -> None:
    moving.source.fill(2)
    moving.target.inject(Fault.status(429, headers={"Retry-After": asked}), "create", times=99)
    result = moving.run(*RUN, "--yes", "--utc")
    assert result.exit_code == 6
    until = re.search(
        r"asks to wait until (\S+ \S+), which is longer than --patience",
        " ".join(result.stdout.split()),
    )
    assert until is not None
    assert timedelta(hours=23) < datetime.fromisoformat(until[1]) - datetime.now(UTC)
    sent = moving.target.creates()
    data = moving.data(*RUN)
    assert (data["exit_code"], data["stopped"]) == (6, "patience")
    assert timedelta(hours=23) < datetime.fromisoformat(data["resume_at"]) - datetime.now(UTC)
    assert moving.target.creates() == sent
    moving.target.emulator.clear_faults()
    end_pauses(moving.folder / LEDGER)
    assert moving.data(*RUN)["resume_at"] is None
    assert moving.target.titles() == moving.source.titles()


@pytest.mark.parametrize("patience", ["0s", "59s"])
def test_the_timeout_is_as_long_as_given(moving: Migration, patience: str) -> None:
    moving.source.fill(1)
    moving.target.inject(Fault.status(429, headers={"Retry-After": "60"}), "create", times=99)
    data = moving.data(*RUN, "--yes", "--patience", patience)
    assert (data["exit_code"], data["stopped"]) == (6, "patience")
    assert moving.target.creates() == 1


def test_a_run_that_waits_says_so(moving: Migration) -> None:
    moving.source.fill(2)
    moving.target.inject(Fault.status(429, headers={"Retry-After": "600"}), "create", times=99)
    with moving.started(*RUN, "--yes", "--utc") as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("Waiting until"))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 6
    assert re.match(
        r"Waiting until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00, as the vendor asks \(memory: HTTP 429",
        line,
    )


def test_a_program_can_see_that_a_run_waits(moving: Migration) -> None:
    moving.source.fill(2)
    moving.target.inject(Fault.status(429, headers={"Retry-After": "600"}), "create", times=99)
    with moving.started(*RUN, "--yes", "--json", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        objects = map(json.loads, process.stdout)
        waiting = next(each["waiting"] for each in objects if "waiting" in each)
        looked = next(each["progress"] for each in objects if "progress" in each)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 6
    assert datetime.fromisoformat(waiting["until"]) > datetime.now(UTC)
    assert looked["waiting_until"] == waiting["until"]
    assert waiting["reason"].startswith("memory: HTTP 429")


@pytest.mark.parametrize("command", ["check", "handover", "status --refresh", "rollback --yes"])
def test_a_later_command_that_waits_says_so(moving: Migration, command: str) -> None:
    moving.source.fill(1)
    moving.moved()
    moving.target.inject(Fault.status(429, headers={"Retry-After": "21"}), READ, times=99)
    name, *options = command.split()
    with moving.started(name, LEDGER, *options) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("Waiting until"))
    assert "as the vendor asks (memory: HTTP 429" in line
    result = moving.run(name, LEDGER, *options, "--patience", "0")
    assert result.exit_code == 6, result.output


def test_a_vendor_that_goes_down_ends_the_run_with_6_and_the_error(moving: Migration) -> None:
    moving.source.fill(2)
    moving.target.inject(Fault.status(401), "create", times=99)
    result = moving.run(*RUN, "--yes")
    assert result.exit_code == 6
    assert "Error: memory create: " in result.stderr
    assert "The ledger is up to date. To resume, run the same command again." in result.stdout
    moving.target.emulator.clear_faults()
    assert moving.run(*RUN).exit_code == 0
    assert moving.target.titles() == moving.source.titles()


def test_an_error_after_all_was_created_is_6_and_not_nothing_was_changed(
    moving: Migration,
) -> None:
    moving.source.fill(1)
    # The plan lists the target once, a new run twice, and the final check once.
    moving.target.inject(Fault.status(403), "list", times=99, skip=3)
    result = moving.run(*RUN, "--yes")
    assert moving.target.creates() == 1
    assert result.exit_code == 6
    assert "Sent 1 create." in result.stdout


# -- run: what needs review ---------------------------------------------------------------------


def test_a_refused_stream_is_7_and_replan_plans_it_again(moving: Migration) -> None:
    moving.source.fill(2)
    moving.target.inject(Fault.status(422), "create")
    result = moving.run(*RUN, "--yes", "--workers", "1")
    assert result.exit_code == 7
    assert "2 streams = 1 created + 1 refused" in result.stdout
    assert result.stdout.startswith("state          stream\nrefused")
    assert moving.run(*RUN).exit_code == 7
    assert moving.run(*RUN, "--replan").exit_code == 0
    assert moving.target.titles() == moving.source.titles()


def test_an_unowned_matching_stream_is_7(moving: Migration) -> None:
    moving.source.fill(2)
    moving.run(*RUN, "--yes", "--max-create", "1")
    (made,) = moving.target.streams()
    double = moving.target.add(
        made.title,
        scheduled_start=made.scheduled_start,
        playback_url=made.playbacks[0].url,
    )
    result = moving.run(*RUN)
    assert result.exit_code == 7
    assert double.id in result.stdout
    assert "matches this migration but is not in its ledger" in result.stdout


def test_a_damaged_ledger_is_7_and_nothing_is_sent(moving: Migration) -> None:
    (moving.folder / LEDGER).write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    result = moving.run(*RUN, "--yes")
    assert result.exit_code == 7
    assert "is damaged" in result.stderr
    assert not moving.source.emulator.requests + moving.target.emulator.requests


def test_a_ledger_of_other_accounts_is_7(moving: Migration) -> None:
    moving.source.fill(1)
    moving.moved()
    result = moving.run("run", "--from", OTHER, "--to", ONE, "--ledger", LEDGER)
    assert result.exit_code == 7
    assert "belongs to another migration" in result.stderr


def test_a_ledger_that_was_rolled_back_does_not_run(moving: Migration) -> None:
    moving.source.fill(1)
    moving.moved()
    assert moving.run("rollback", LEDGER, "--yes").exit_code == 0
    assert moving.run(*RUN, "--yes").exit_code == 7
    assert moving.target.streams() == []


@pytest.mark.parametrize("command", [["status"], ["check"], [*RUN[:-1]], ["report"]])
def test_the_password_of_a_ledger_is_never_shown(moving: Migration, command: list[str]) -> None:
    for more in ((), ("--json",), ("--debug",)):
        result = moving.run(*command, DATABASE, *more)
        assert result.exit_code == 7
        assert "127.0.0.1:9" in result.stderr
        assert PASSWORD not in result.output


def test_dask_needs_a_ledger_that_workers_can_share(moving: Migration) -> None:
    result = moving.run(*RUN, "--yes", "--dask", "tcp://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--dask requires a PostgreSQL ledger" in result.stderr


# -- for programs ---------------------------------------------------------------------------------


def test_with_json_lines_of_progress_come_first_and_the_result_last(moving: Migration) -> None:
    moving.source.fill(2)
    lines = [json.loads(each) for each in moving.moved("--json").stdout.splitlines()]
    *before, result = lines
    assert {tuple(each) for each in before} == {("progress",)}
    assert before[0]["progress"]["counts"]["total"] == 2
    assert (result["writes"], result["counts"]["created"], result["exit_code"]) == (2, 2, 0)


def test_the_exit_code_is_right_even_if_the_output_is_not_read(moving: Migration) -> None:
    moving.source.fill(2)
    with moving.started(*RUN, "--yes", "--json", "--max-create", "1", stdout=subprocess.PIPE) as it:
        assert it.stdout is not None
        it.stdout.close()
        assert it.wait(30) == 6
    assert len(moving.target.streams()) == 1


@pytest.mark.parametrize("more", [[], ["--json"], ["--debug"]])
def test_no_command_shows_a_secret(moving: Migration, more: list[str]) -> None:
    restream = live.RestreamTarget(url="rtmp://r.example/live", stream_key="k3y-0f-another")
    moving.source.add("Lesson", restreams=[restream])
    shown = ""
    for command in (
        ["plan", *BOTH, "--html", "plan.html"],
        [*RUN, "--yes"],
        ["check", LEDGER],
        ["status", LEDGER, "--refresh"],
        ["handover", LEDGER],
        ["report", LEDGER, "--html", "report.html"],
        ["retire", LEDGER, "--max-delete", "9", "--prepared", "--dry-run"],
        ["rollback", LEDGER, "--dry-run"],
    ):
        result = moving.run(*command, *more)
        assert result.exit_code == 0, result.output
        shown += result.output
    shown += (moving.folder / "plan.html").read_text() + (moving.folder / "report.html").read_text()
    assert "Lesson" in shown
    assert [each for each in [*moving.secrets(), "k3y-0f-another"] if each in shown] == []


# -- extras and help ------------------------------------------------------------------------------

#: The command line, in an interpreter that lacks a package.
WITHOUT = """
import sys
sys.modules["sqlalchemy"] = None
from livestream_core.cli import main
sys.exit(main())
"""


def test_without_the_extra_it_says_what_to_install() -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT, "migrate", "status", LEDGER],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "migrate requires sqlalchemy; pip install 'livestream-core[migrate]'" in result.stderr


def test_the_help_needs_no_extra_and_loads_nothing_of_it() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "livestream_core.cli", "migrate", "run", "-h"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    heavy = ("distributed", "filelock", "jinja2", "livestream_core.migrate", "sqlalchemy")
    assert [name for name in heavy if name in loaded] == []


@pytest.mark.parametrize(
    "command",
    ["plan", "run", "accept", "check", "status", "handover", "rollback", "retire", "report"],
)
def test_the_help_of_every_command_fits_80_columns_and_explains_every_option(
    command: str,
) -> None:
    result = run("migrate", command, "--help")
    assert result.exit_code == 0
    head, _, examples = result.stdout.partition("Examples:")
    assert max(map(len, head.splitlines())) <= 80
    assert max(map(len, examples.splitlines()), default=0) <= 90
    assert not re.search(r"^  --?\S+( \S+)?$\n  -", result.stdout, re.MULTILINE)


def test_a_plan_shows_what_could_not_be_read_and_what_a_run_would_refuse(
    moving: Migration,
) -> None:
    first, _ = moving.source.fill(2)
    there = moving.target.add("Of the target's own").id

    def edit(data: Any, _: Any) -> Any:
        for stream in data.get("items", ()):
            if stream["id"] in (first, there):
                del stream["object"]
        return data

    moving.source.inject(Fault.edited(edit), on="list", times=99)
    result = moving.run("plan", *BOTH)
    assert result.exit_code == 7
    assert "2 streams = 1 pending + 1 needs review" in result.stdout
    assert f"{first}" in result.stdout
    assert "it could not be read: object is missing" in " ".join(result.stdout.split())
    moving.target.inject(Fault.edited(edit), on="list", times=99)
    result = moving.run("plan", *BOTH)
    shown = " ".join(result.stdout.split())
    assert "1 entry in its list cannot be read" in shown
    assert "A run does not start until" in shown
    result = moving.run(*RUN, "--yes")
    assert result.exit_code == 4, result.stderr
    assert f"{there!r} at position 0 of page 1" in result.stderr
    assert moving.target.creates() == 1
