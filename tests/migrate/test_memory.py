"""A migration of many streams needs little memory: its ledger is walked, and never held."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.large import vendors
from livestream_core import migrate
from livestream_core.durable.listing import CompleteList, Listings
from livestream_core.migrate import kept
from livestream_core.migrate.kept import Kept, document
from livestream_core.migrate.ledger import transaction
from livestream_core.migrate.pages import plan_page, report_page
from livestream_core.migrate.planning import reading
from livestream_core.migrate.planning.saved import load_plan, save_plan

#: The bytes that one more stream may take, at the most, in whatever is done with a migration.
LIMIT = 600


def peak_of(do: Callable[[], object]) -> int:
    """Return the peak of the memory that Python objects take meanwhile."""
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_the_memory_of_a_migration_hardly_grows_with_the_number_of_its_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is in memory of any migration, however large, would hide what grows.
    monkeypatch.setattr(kept, "_LAST", 2)
    for module, name in ((kept, "_BATCH"), (transaction, "_AT_ONCE"), (reading, "_BATCH")):
        monkeypatch.setattr(module, name, 20)

    def migrated(streams: int) -> None:
        ledger, file = tmp_path / f"{streams}.db", tmp_path / f"{streams}.json"
        plan = migrate.plan(source, target)
        save_plan(plan, file)
        with file.with_suffix(".html").open("w", encoding="utf-8") as page:
            page.writelines(plan_page(plan))
        del plan
        result = migrate.run(load_plan(file), ledger=ledger, source=source, target=target)
        assert result.report.counts["created"] == streams
        with file.open("w", encoding="utf-8") as page:
            page.writelines(report_page(result.report))
        del result
        assert migrate.check(ledger, source, target).all_equal
        assert migrate.rollback(ledger, target).deleted == streams

    few, many = 60, 240
    with (
        vendors("old", "new") as (old, new),
        old.connect() as source,
        new.connect() as target,
    ):
        old.fill(1)
        migrated(1)  # whatever is made only once
        old.fill(few - 1)
        peaks = [peak_of(lambda: migrated(few))]
        old.fill(many - few)
        peaks.append(peak_of(lambda: migrated(many)))
    assert (peaks[1] - peaks[0]) / (many - few) < LIMIT


def test_kept_items_are_a_sequence_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(number: int) -> dict[str, Any]:
        return {"number": number, "title": f"Lesson {number}", "fields": "title: exact, " * 40}

    items: Kept[dict[str, Any]] = Kept()
    count = 4_000

    def fill() -> None:
        for number in range(count):
            items.append(row(number))

    assert peak_of(fill) / count < 100
    assert len(items) == count
    assert [each["number"] for each in items] == list(range(count))
    assert items[-1] == row(count - 1)
    assert items[17:19] == (row(17), row(18))
    with pytest.raises(IndexError):
        items[count]
    assert items == tuple(items)
    assert items != tuple(items)[1:]
    assert pickle.loads(pickle.dumps(items)) == tuple(items)
    monkeypatch.setattr(kept, "_IN_MEMORY", 10)
    assert list(Kept(map(row, range(40)))) == [row(number) for number in range(40)]


@pytest.mark.parametrize("items", [[], [1], [{"a": "\n"}, {"b": [1, 2]}, "items"]])
@pytest.mark.parametrize("how", [{}, {"indent": 1}, {"sort_keys": True}])
def test_a_document_that_is_written_in_parts_is_that_which_is_written_at_once(
    items: list[Any], how: dict[str, Any]
) -> None:
    data = {"z": 1, "items": None, "a": {"items": []}}
    whole = json.dumps({**data, "items": items}, **how)
    assert "".join(document(data, items, **how)) == whole


def test_a_list_serves_as_long_as_its_read_took() -> None:
    now, reads = 0.0, 0

    def read(_: Callable[[], None]) -> CompleteList:
        nonlocal now, reads
        now, reads = now + 400.0, reads + 1
        return CompleteList({}, None, (), set())  # type: ignore[arg-type]

    lists = Listings(read, lambda: now)
    for _ in range(100):
        lists.recent(10.0)
        now += 3.0
    assert reads == 1
    now += 150.0
    lists.recent(10.0)
    assert reads == 2
    lists.started_after(now)
    assert reads == 3
