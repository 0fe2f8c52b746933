"""The conditions that must hold when a migration says that it is complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from livestream_core.migrate import Item, ItemState, Report

from .scenario import Scenario
from .vendors import Content, Vendor, Wait


def problems(
    scenario: Scenario,
    report: Report,
    *,
    source: Vendor,
    target: Vendor,
    source_before: Mapping[str, Content],
    target_before: Mapping[str, Content],
    strangers: Mapping[str, Content],
    gone: Collection[str],
    extras_reported: bool,
) -> Iterator[str]:
    """Yield all problems.

    Args:
        scenario: The scenario of the run.
        report: The report of the ledger.
        source: The source after the migration.
        target: The target after the migration.
        source_before: The streams of the source before the migration.
        target_before: The streams of the target before the migration.
        strangers: The streams that others created at the target meanwhile.
        gone: The IDs of streams that others deleted at the source meanwhile.
        extras_reported: Whether extra streams are allowed, if the report names all of them.
    """
    if source.streams() != {id: each for id, each in source_before.items() if id not in gone}:
        yield "the source was changed"
    now = target.streams()
    for what, before in (("a previous stream", target_before), ("a stranger's stream", strangers)):
        for id, content in before.items():
            if now.get(id) != content:
                yield f"{what} was changed: {content}"
    others = target_before.keys() | strangers.keys()
    made = {id: content for id, content in now.items() if id not in others}
    moved = {source.key(item.source_id) for item in report.items if item.is_moved}
    planned = {source.key(item.source_id) for item in report.items}
    left = [source_before[id] for id in gone if id not in moved]
    movable = Counter(map(scenario.expected, scenario.streams))
    movable -= Counter(map(scenario.expected, left))
    yield from _are_right(movable, report, made, target, extras_reported=extras_reported)
    yield from _add_up(scenario, report, len(left), sum(id not in planned for id in gone))


def _are_right(
    movable: Counter[Content],
    report: Report,
    made: Mapping[str, Content],
    target: Vendor,
    *,
    extras_reported: bool,
) -> Iterator[str]:
    found = Counter(made.values())
    owned = [item.target_id for item in report.items if item.target_id is not None]
    unowned = {target.key(id) for id in report.unowned}
    for content, count in (movable - found).items():
        yield f"lost: {count} of {content}"
    too_many = {id for id in made if id not in map(target.key, owned)}
    for content, count in (found - movable).items():
        if not (extras_reported and too_many and too_many == unowned):
            yield f"doubled: {count} too many of {content}"
    if unowned != (too_many if extras_reported else set()):
        yield f"the report names {sorted(unowned)} as unowned, but they are {sorted(too_many)}"
    if len(set(owned)) != len(owned):
        yield "two streams of the ledger own the same stream of the target"
    for item in report.items:
        yield from _is_true(item, made, target)


def _is_true(item: Item, made: Mapping[str, Content], target: Vendor) -> Iterator[str]:
    if not item.is_moved:
        return
    content = made.get(target.key(item.target_id or ""))
    spec = item.spec
    if content is None or spec is None:
        yield f"the ledger has {item.source_id} at {item.target_id}, but there is no such stream"
    elif content[0] != spec.title or (target.keeps_starts and content[1] != spec.scheduled_start):
        yield f"the ledger has {item.source_id} as {content}, but planned {spec.title!r}"


def _add_up(scenario: Scenario, report: Report, left: int, unplanned: int) -> Iterator[str]:
    counts = dict(report.counts)
    total = counts.pop("total")
    if total != sum(counts.values()) or total != len(report.items):
        yield f"the report does not add up: {report.counts}"
    if total != len(scenario.streams) + len(scenario.kept_back) - unplanned:
        yield f"the report has {total} streams"
    moved = counts[ItemState.CREATED] + counts[ItemState.ADOPTED]
    skipped = len(scenario.kept_back) + left - unplanned
    if moved != len(scenario.streams) - left or counts[ItemState.SKIPPED] != skipped:
        yield f"the migration is not complete: {report.counts}" + "".join(
            f"; {item.title!r} {item.state}: {item.reason}"
            for item in report.items
            if item.state not in (ItemState.CREATED, ItemState.ADOPTED, ItemState.SKIPPED)
        )
    if report.phase != "finished":
        yield f"its phase is {report.phase}"
    gone = [each for each in report.items if each.reason.startswith("gone")]
    if len(gone) != left - unplanned or any(each.state != ItemState.SKIPPED for each in gone):
        yield f"{left - unplanned} are gone, but the report has {[each.reason for each in gone]}"


def waits_kept(waits: Iterable[Wait]) -> Iterator[str]:
    """Yield the waits for which a vendor asked and which clients did not keep."""
    for each in waits:
        if each.arrived > each.allowed:
            yield f"{each.arrived} requests in a wait, of which {each.allowed} may be under way"
