"""What is done once a migration is complete, and the conditions that must hold then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from livestream_core import migrate
from livestream_core.migrate import Cutover

from .life import End
from .scenario import ON_DELETES, After, Afterwards, Scenario
from .vendors import Content, Vendor


class Run(Protocol):
    """The run of a scenario whose migration is complete."""

    scenario: Scenario
    source: Vendor
    target: Vendor
    ledger: str

    def repeat(
        self, ends: Any, is_complete: Callable[[tuple[Any, ...]], bool], **changes: Any
    ) -> tuple[Any, ...]:
        """Start lives, which end as given, until a last one is complete; return its message."""
        ...


def problems_afterwards(run: Run, afterwards: Afterwards) -> Iterator[str]:
    """Do what is done once the migration is complete, and yield all problems."""
    before = (run.source.streams(), run.target.streams())
    if afterwards.what is After.RETIRE:
        yield from _retired(run, afterwards, *before)
    elif afterwards.what is After.ROLL_BACK:
        yield from _rolled_back(run, afterwards, *before)
    else:
        yield from _moved_twice(run, afterwards, *before)


def _retired(
    run: Run, afterwards: Afterwards, source: dict[str, Content], target: dict[str, Content]
) -> Iterator[str]:
    moved = [item for item in migrate.report(run.ledger).items if item.is_moved]
    switched = {item.source_id for item in moved[:: afterwards.switched]}
    migrate.mark_switched(run.ledger, switched)
    due = {
        item.source_id
        for item in moved
        if run.source.key(item.source_id) in source
        and (afterwards.prepared or item.source_id in switched)
        and (afterwards.adopted or not item.is_uncertain)
    }
    options = {
        "max_delete": afterwards.most,
        "adopted": afterwards.adopted,
        "prepared": afterwards.prepared,
    }
    asked = len(run.source.emulator.requests)
    _fails_to_delete(run.source, afterwards)
    run.repeat(afterwards.ends, _is_complete, command="retire", options=options)
    now = run.source.streams()
    kept = {id: each for id, each in source.items() if id not in map(run.source.key, due)}
    if now != kept:
        yield f"retired, the source has {now}, not {kept}"
    if run.target.streams() != target:
        yield "retiring changed the target"
    retired = {
        item.source_id
        for item in migrate.report(run.ledger).items
        if item.cutover is Cutover.RETIRED and run.source.key(item.source_id) in source
    }
    if retired != due:
        yield f"the report says that {retired} were retired, not {due}"
    paths = [each.path for each in run.source.emulator.requests[asked:] if each.method == "DELETE"]
    starts = {run.source.key(item.source_id): _start_of(run, item, source) for item in moved}
    sent = dict.fromkeys(run.source.key(part) for path in paths for part in path.split("/"))
    nearest_last = [starts[id] for id in sent if id in starts]
    if nearest_last != sorted(nearest_last, reverse=True):
        yield f"retired in the order of {nearest_last}"


def _start_of(run: Run, item: migrate.Item, source: dict[str, Content]) -> datetime:
    """Return when a stream may be used: without a start at any time, so before all others."""
    _, start = source.get(run.source.key(item.source_id), ("", None))
    return start or (item.spec and item.spec.scheduled_start) or datetime.min.replace(tzinfo=UTC)


def _fails_to_delete(vendor: Vendor, afterwards: Afterwards) -> None:
    for each in afterwards.on_deletes:
        vendor.emulator.inject(ON_DELETES[each.name], on="DELETE *", skip=each.skip)


def _rolled_back(
    run: Run, afterwards: Afterwards, source: dict[str, Content], target: dict[str, Content]
) -> Iterator[str]:
    due = {
        run.target.key(item.target_id or "")
        for item in migrate.report(run.ledger).items
        if item.is_moved and (afterwards.adopted or not item.is_uncertain)
    }
    options = {"adopted": afterwards.adopted}
    _fails_to_delete(run.target, afterwards)
    run.repeat(afterwards.ends, _is_complete, command="rollback", options=options)
    kept = {id: each for id, each in target.items() if id not in due}
    now = run.target.streams()
    if now != kept:
        yield f"rolled back, the target has {now}, not {kept}"
    if run.source.streams() != source:
        yield "the rollback changed the source"
    report = migrate.report(run.ledger)
    said = {run.target.key(each.target_id or "") for each in report.items if each.rolled_back}
    if said != due:
        yield f"the report says that {said} were rolled back, not {due}"


def _moved_twice(
    run: Run, afterwards: Afterwards, source: dict[str, Content], target: dict[str, Content]
) -> Iterator[str]:
    second = run.ledger.replace("ledger.db", "second.db")
    options = {"skip_existing": afterwards.skip_existing}
    ends = [End(at=30)] if afterwards.ends else []
    last = run.repeat(ends, _is_complete, ledger=second, options=options)
    moved = [item for item in migrate.report(second).items if item.is_moved]
    if bool(moved) == afterwards.skip_existing:
        yield f"a second ledger moved {len(moved)} streams: {last}"
    for one, other in ((run.ledger, second), (second, run.ledger)):
        named = [each.location for each in migrate.report(one).others]
        if named != ([other] if moved else []):
            yield f"{one} names {named} as what moved the same streams"
    _fails_to_delete(run.target, afterwards)
    run.repeat(
        afterwards.ends, _is_complete, ledger=second, command="rollback", options={"adopted": True}
    )
    if (run.source.streams(), run.target.streams()) != (source, target):
        yield f"rolled back, the second ledger left {run.target.streams()}, not {target}"
    last = run.repeat((), _is_complete)
    if last[:3] != ("done", 0, 0) or migrate.report(run.ledger).others:
        yield f"the second ledger was rolled back, but: {last}"


def _is_complete(last: tuple[Any, ...]) -> bool:
    """Return whether a life left nothing to do: what it kept, it would keep again."""
    return last[0] == "done" and last[1] in (0, 7) and not last[3].startswith(tuple("123456789"))
