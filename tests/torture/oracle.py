"""What must hold when a migration says that all is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from livestream_core.migrate import Item, ItemState, Report

from .scenario import Scenario
from .vendors import Look, Vendor


def problems(
    scenario: Scenario,
    report: Report,
    *,
    source: Vendor,
    target: Vendor,
    source_before: Mapping[str, Look],
    target_before: Mapping[str, Look],
    strangers: Mapping[str, Look],
    told: bool,
) -> Iterator[str]:
    """All that is wrong.

    Args:
        scenario: What happened.
        report: What the ledger says.
        source: The source as it is now.
        target: The target as it is now.
        source_before: What the source held before.
        target_before: What the target held before.
        strangers: What others made at the target meanwhile.
        told: Whether streams too many may be there, if the run has named every one of them.
    """
    if source.streams() != source_before:
        yield "the source was changed"
    now = target.streams()
    for what, before in (("was there before", target_before), ("is a stranger's", strangers)):
        for id, look in before.items():
            if now.get(id) != look:
                yield f"what {what} was changed: {look}"
    others = target_before.keys() | strangers.keys()
    made = {id: look for id, look in now.items() if id not in others}
    yield from _are_right(scenario, report, made, target, told=told)
    yield from _add_up(scenario, report)


def _are_right(
    scenario: Scenario, report: Report, made: Mapping[str, Look], target: Vendor, *, told: bool
) -> Iterator[str]:
    movable = Counter(map(scenario.expected, scenario.streams))
    found = Counter(made.values())
    owned = [item.target_id for item in report.items if item.target_id is not None]
    unowned = {target.key(id) for id in report.unowned}
    for look, count in (movable - found).items():
        yield f"lost: {count} of {look}"
    too_many = {id for id in made if id not in map(target.key, owned)}
    for look, count in (found - movable).items():
        if not (told and too_many and too_many == unowned):
            yield f"doubled: {count} too many of {look}"
    if unowned != (too_many if told else set()):
        yield f"it names {sorted(unowned)} as unowned, and it is {sorted(too_many)}"
    if len(set(owned)) != len(owned):
        yield "two streams of the ledger own the same stream of the target"
    for item in report.items:
        yield from _is_true(scenario, item, made, target)


def _is_true(
    scenario: Scenario, item: Item, made: Mapping[str, Look], target: Vendor
) -> Iterator[str]:
    if not item.is_moved:
        return
    look = made.get(target.key(item.target_id or ""))
    spec = item.spec
    if look is None or spec is None:
        yield f"the ledger has {item.source_id} at {item.target_id}, and nothing of ours is there"
    elif look[0] != spec.title or (target.keeps_starts and look[1] != spec.scheduled_start):
        yield f"the ledger has {item.source_id} as {look}, and planned {spec.title!r}"


def _add_up(scenario: Scenario, report: Report) -> Iterator[str]:
    counts = dict(report.counts)
    total = counts.pop("total")
    if total != sum(counts.values()) or total != len(report.items):
        yield f"the report does not add up: {report.counts}"
    if total != len(scenario.streams) + len(scenario.kept_back):
        yield f"the report has {total} streams"
    moved = counts[ItemState.CREATED] + counts[ItemState.ADOPTED]
    if moved != len(scenario.streams) or counts[ItemState.SKIPPED] != len(scenario.kept_back):
        yield f"not all of it is done: {report.counts}" + "".join(
            f"; {item.title!r} {item.state}: {item.reason}"
            for item in report.items
            if item.state not in (ItemState.CREATED, ItemState.ADOPTED, ItemState.SKIPPED)
        )
    if report.phase != "finished":
        yield f"its phase is {report.phase}"
