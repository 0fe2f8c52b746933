"""Other ledgers in the same folder, which may have moved the same streams.

A ledger knows only its own creates. If two ledgers move the same streams to one target, each sees
the other's copies as possible duplicates; deleting what both report would leave none.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import attrs

from ..values import Item, OtherLedger, Report
from .schema import APPLICATION_ID

_MARK = "-mark"
_SECONDS = 2.0


@attrs.frozen
class Neighbor:
    """A ledger in the same folder.

    Attributes:
        location: Its file.
        plan: The ID of its plan.
        copies: The IDs of its streams at the target, by their source IDs.
    """

    location: str
    plan: str
    copies: dict[str, str]


def neighbors(path: Path, report: Report) -> Iterator[Neighbor]:
    """Iterate over the other ledgers in a ledger's folder that are for the same two accounts.

    A ledger that cannot be read is left out.
    """
    own = Path(os.path.realpath(path))
    try:
        marks = sorted(own.parent.glob(f"*{_MARK}"))
    except OSError:
        return
    for mark in marks:
        other = mark.with_name(mark.name.removesuffix(_MARK))
        if other != own and (found := _read(other, report)) is not None:
            yield found


def _read(path: Path, report: Report) -> Neighbor | None:
    try:
        # Only read, and never created.
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_SECONDS)
        with closing(database):
            if database.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
                return None
            accounts = "SELECT plan_id, source_account, target_account FROM migration"
            plan, *pair = database.execute(accounts).fetchone()
            if pair != [report.source_account, report.target_account]:
                return None
            copies = dict(
                database.execute(
                    "SELECT source_id, target_id FROM items WHERE target_id IS NOT NULL "
                    "AND (rollback IS NULL OR rollback != 'done')"
                )
            )
    except (OSError, sqlite3.Error, TypeError, ValueError):
        return None
    return Neighbor(str(path), plan, copies)


def others(report: Report, found: Iterable[Neighbor]) -> tuple[OtherLedger, ...]:
    """Return which of a ledger's neighbors moved the same streams to the same target."""
    both = (
        OtherLedger(
            location=each.location,
            is_copy=each.plan == report.plan,
            moved=tuple(_moved_twice(report.items, each)),
            unowned=_known(report.unowned, each),
        )
        for each in found
    )
    return tuple(each for each in both if each.moved or each.unowned)


def _known(ids: tuple[str, ...], other: Neighbor) -> tuple[str, ...]:
    known = frozenset(other.copies.values()) if ids else ()
    return tuple(each for each in ids if each in known)


def _moved_twice(items: Iterable[Item], other: Neighbor) -> Iterator[str]:
    for item in items:
        if item.target_id is None or item.rolled_back:
            continue
        if other.copies.get(item.source_id, item.target_id) != item.target_id:
            yield item.source_id
