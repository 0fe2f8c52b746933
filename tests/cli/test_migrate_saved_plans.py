"""``plan --save`` and ``run --plan``: a run does exactly what was approved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import migrate
from migration_commands import BOTH, LEDGER, ONE, OTHER, Migration, migration
from migrations import in_days

pytestmark = pytest.mark.slow

FILE = "approved.json"
RUN = ("run", "--plan", FILE, "--ledger", LEDGER, "--yes", "--settle-time", "0")


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Migration]:
    monkeypatch.chdir(tmp_path)
    with migration(tmp_path) as both:
        yield both


def saved(moving: Migration, *arguments: str) -> str:
    """Save a plan, and return the digest that is shown."""
    result = moving.run("plan", *BOTH, "--save", FILE, *arguments)
    assert result.exit_code == 0, result.output
    found = re.search(rf"Wrote {FILE}, digest ([0-9a-f]+)", result.stderr)
    assert found is not None
    assert f"digest {found[1]}" in result.stdout
    return found[1]


def test_a_run_of_a_saved_plan_does_what_was_approved_and_nothing_else(moving: Migration) -> None:
    first, _ = moving.source.fill(2)
    (moving.folder / "rules.py").write_text(
        "import attrs\n"
        "def named(stream, spec):\n"
        "    return attrs.evolve(spec, title=f'North: {spec.title}')\n"
    )
    digest = saved(moving, "--transform", "rules:named", "--id", first)
    moving.source.add("Not approved")
    result = moving.run(*RUN)
    assert result.exit_code == 0, result.output
    assert f"Plan: {FILE}, digest {digest}" in result.stderr
    assert moving.target.titles() == ["North: Lesson 0"]
    assert moving.run(*RUN).exit_code == 0  # resumes: nothing is left to do


def test_a_stream_that_has_changed_since_it_was_approved_is_not_created(moving: Migration) -> None:
    first, _ = moving.source.fill(2)
    saved(moving)
    moving.source.client.update(first, title="Another title")
    result = moving.run(*RUN)
    assert result.exit_code == 7
    assert "has changed since the plan was made" in " ".join(result.stdout.split())
    assert moving.target.titles() == ["Lesson 1"]


def test_a_saved_plan_has_no_secrets(moving: Migration) -> None:
    restream = live.RestreamTarget(url="rtmp://r.example/live", stream_key="k3y-0f-another")
    moving.source.add("Lesson", restreams=[restream])
    saved(moving)
    text = (moving.folder / FILE).read_text()
    assert [each for each in [*moving.secrets(), "k3y-0f-another"] if each in text] == []
    result = moving.run(*RUN)
    assert result.exit_code == 0, result.output
    (made,) = moving.target.client.list(full=True)
    assert "k3y-0f-another" in made.stream_keys()


def test_a_saved_plan_that_was_changed_is_refused_whatever_was_changed(moving: Migration) -> None:
    moving.source.fill(1)
    saved(moving)
    path = moving.folder / FILE
    before = path.read_text()
    changes = [
        before.replace("Lesson 0", "Lesson 1", 1),
        before.replace('"title": "Lesson 0"', '"title": "Lesson 1"'),
        before.replace('"digest": "', '"digest": "0', 1),
        before.replace('"saved_plan": 1', '"saved_plan": 2'),
        before.replace('"items": [', '"more": 1, "items": ['),
        before.replace(moving.target.client.account, moving.source.client.account),
        json.dumps({**json.loads(before), "items": []}),
        before[: len(before) // 2],
        "[]",
        "",
    ]
    for changed in changes:
        assert changed != before
        path.write_text(changed)
        result = moving.run(*RUN)
        assert result.exit_code == 7, changed
        assert result.stderr.startswith("Error: ")
    assert not (moving.folder / LEDGER).exists()
    assert moving.target.creates() == 0
    path.write_text(before)
    assert moving.run(*RUN).exit_code == 0


def test_a_saved_plan_is_run_at_its_own_accounts_and_without_further_options(
    moving: Migration,
) -> None:
    moving.source.fill(1)
    saved(moving)
    result = moving.run(*RUN, "--tag", "maths")
    assert result.exit_code == 2
    assert "--plan runs a saved plan unchanged" in result.stderr
    result = moving.run(*RUN, "--from", OTHER, "--to", ONE)
    assert result.exit_code == 7
    assert "the plan is for another account" in result.stderr
    assert not (moving.folder / LEDGER).exists()
    result = moving.run("run", "--plan", "nowhere.json", "--ledger", LEDGER, "--yes")
    assert result.exit_code == 2
    assert "nowhere.json cannot be read" in result.stderr


def test_a_ledger_of_another_plan_is_not_resumed_with_a_saved_one(moving: Migration) -> None:
    moving.source.fill(1)
    saved(moving)
    assert moving.run(*RUN).exit_code == 0
    saved(moving)
    result = moving.run(*RUN)
    assert result.exit_code == 7
    assert "the ledger was made from another plan" in result.stderr


def test_a_plan_tells_its_progress_from_the_first_stream(moving: Migration) -> None:
    moving.source.fill(3)
    reported: list[tuple[str, int]] = []
    migrate.plan(
        moving.source.client,
        moving.target.client,
        progress=lambda what, count: reported.append((what, count)),
    )
    assert reported[0] == ("source", 1)
    assert ("source", 3) in reported


@pytest.fixture(scope="module")
def a_plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[migrate.Plan]:
    with migration(tmp_path_factory.mktemp("plan")) as both:
        both.source.add("Lesson", scheduled_start=in_days(3), tags=["maths"])
        both.source.client.create(title="At once")
        yield migrate.plan(both.source.client, both.target.client, mark=True)


def test_a_plan_comes_back_from_its_file_as_it_was(a_plan: migrate.Plan, tmp_path: Path) -> None:
    migrate.save_plan(a_plan, tmp_path / FILE)
    again = migrate.load_plan(tmp_path / FILE)
    assert again.to_dict() == a_plan.to_dict()
    assert again.digest == a_plan.digest


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_value_of_a_saved_plan_is_accepted(
    a_plan: migrate.Plan, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("changed") / FILE
    migrate.save_plan(a_plan, file)
    stored = json.loads(file.read_text())
    part = stored
    while isinstance(part, (dict, list)) and part:
        holder = part
        key = data.draw(st.sampled_from([*part] if isinstance(part, dict) else [*range(len(part))]))
        part = part[key]
    other = data.draw(st.sampled_from([None, True, 0, 7, "", "else", [], {}]))
    if json.dumps(other) == json.dumps(part):
        return
    holder[key] = other
    file.write_text(json.dumps(stored))
    with pytest.raises(migrate.MigrationStopped):
        migrate.load_plan(file)
