"""What a migration does for each stream costs the same, however many streams there are."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import livestream_core as live
from livestream_core import migrate
from livestream_core.durable.matching import Matcher
from livestream_core.emulator import Fault
from livestream_core.migrate.ledger import transaction
from livestream_core.migrate.ledger.transaction import Transaction
from migrations import in_days, planned, sides

STREAMS = 12
COMMANDS = ("SELECT", "UPDATE", "INSERT", "DELETE")


@pytest.fixture
def executed() -> Iterator[Counter[tuple[str, Any]]]:
    """Count the statements that ledgers execute, each with parameters of one execution."""
    example: dict[str, Any] = {}
    statements: Counter[tuple[str, Any]] = Counter()

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, many: bool) -> None:
        # Counting takes a limited share of the time.
        if not many and "GROUP BY" not in statement and statement.startswith(COMMANDS):
            statements[statement, example.setdefault(statement, parameters)] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def plan_of(ledger: Path, statement: str, parameters: Any) -> list[str]:
    """Return the steps in which SQLite executes a statement."""
    with closing(sqlite3.connect(ledger)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in rows]


def scans(ledger: Path, statements: Mapping[tuple[str, Any], int]) -> dict[str, list[str]]:
    """Return the statements executed for each stream that read all rows of a large table."""
    plans = {
        statement: plan_of(ledger, statement, parameters)
        for (statement, parameters), times in statements.items()
        if times >= STREAMS
    }
    # The index of open groups is read in order, up to the first that can be claimed.
    return {
        statement: steps
        for statement, steps in plans.items()
        if any(
            step.startswith(("SCAN items", "SCAN groups")) and "INDEX open_groups" not in step
            for step in steps
        )
    }


def test_no_statement_executed_for_each_stream_reads_all_streams(
    executed: Counter[tuple[str, Any]], ledger: Path
) -> None:
    with sides("memory", "memory") as (old, new):
        old.fill(STREAMS)
        plan = planned(old, new)
        new.inject(Fault.drop_after(), "create")
        new.inject(Fault.drop_before(), "create", skip=3)
        half = migrate.run(plan, ledger=ledger, settle=0.1, max_create=STREAMS // 2)
        assert half.stopped == "budget"
        assert migrate.run(plan, ledger=ledger, settle=0.1).exit_code == 0
        assert migrate.rollback(ledger, new.client).items
    for_each = [statement for (statement, _), times in executed.items() if times >= STREAMS]
    assert any(statement.startswith("UPDATE items") for statement in for_each)
    assert scans(ledger, executed) == {}


def test_counting_takes_a_small_share_of_a_run_and_the_last_counts_are_exact(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, began = 0.1, time.monotonic()
    counts = Transaction.counts

    def slow(self: Transaction) -> dict[str, int]:
        time.sleep(seconds)
        return counts(self)

    monkeypatch.setattr(Transaction, "counts", slow)
    seen: list[Mapping[str, int]] = []
    with sides("memory", "memory") as (old, new):
        old.fill(3)
        new.inject(Fault.delay(1.5), "create")
        result = migrate.run(
            planned(old, new), ledger=ledger, progress=lambda counts, _: seen.append(counts)
        )
    assert seen[-1] == result.report.counts
    assert len(seen) <= 2 + (time.monotonic() - began) / (seconds * 50)


@pytest.mark.parametrize("most", [1, 100])
def test_the_streams_that_a_ledger_owns_are_the_same_however_many_are_asked_for(
    ledger: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_KEYS", most)
    with sides("memory", "memory") as (old, new):
        old.fill(3)
        plan = planned(old, new)
        assert migrate.run(plan, ledger=ledger).exit_code == 0
        made = {new.client.id_key(each.id) for each in new.streams()}
    with migrate.Ledger.open(ledger) as opened:
        owned = opened.read(lambda tx: tx.owned([*made, "another"]))
    assert owned == made


def without_playback_url(_: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    return attrs.evolve(spec, playback_url=None)  # it would tell the streams apart


def test_equal_streams_on_both_sides_are_not_compared_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0
    is_same = Matcher.is_same

    def counted(self: Matcher, *both: Any) -> bool:
        nonlocal compared
        compared += 1
        return is_same(self, *both)

    monkeypatch.setattr(Matcher, "is_same", counted)
    start = in_days(2)
    with sides("memory", "memory") as (old, new):
        for side, count in ((old, 5), (new, STREAMS)):
            for _ in range(count):
                side.add("Lesson", scheduled_start=start)
        plan = planned(old, new, workers=1, transform=without_playback_url)
    assert [each.existing_total for each in plan.items] == [STREAMS] * 5
    assert {len(each.existing) for each in plan.items} == {10}
    assert compared == STREAMS
