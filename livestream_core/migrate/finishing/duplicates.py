"""What to do about streams at the target that match a migration but are not in its ledger."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..values import OtherLedger, Report


def advice(report: Report, ledger: str = "LEDGER") -> Iterator[str]:
    """Iterate over what to know and do about possible duplicates, one paragraph at a time.

    Another ledger may have moved the same streams, and then has the same advice about the copies
    of this one. So the advice is never to delete what another ledger has, but to roll back one.

    Args:
        report: The ledger's report.
        ledger: The ledger's location, as it is written on the command line.
    """
    if report.phase == "rolled_back":
        return
    explained: set[str] = set()
    if report.unowned:
        is_one = len(report.unowned) == 1
        yield (
            f"{_streams(report.unowned)} at the target {'matches' if is_one else 'match'} this "
            f"migration but {'is' if is_one else 'are'} not in its ledger: "
            f"{', '.join(report.unowned)}."
        )
    for other in report.others:
        explained |= {*other.unowned}
        yield from _about(other, ledger)
    if rest := [each for each in report.unowned if each not in explained]:
        yield _about_the_rest(report, rest, ledger)


def _about(other: OtherLedger, ledger: str) -> Iterator[str]:
    name = _name(other.location)
    if other.is_copy:
        if other.unowned:
            yield (
                f"{name} is a copy of this ledger, and has {len(other.unowned):,} of them. Delete "
                "nothing: go on with the newest copy only, and put the others away."
            )
    else:
        count = max(len(other.moved), len(other.unowned))
        yield (
            f"The ledger {name} moved {count:,} of the same streams to this target. Keep the "
            f"copies of one ledger: to keep this one's, run `livestream migrate rollback {name}`; "
            f"to keep the other's, run `livestream migrate rollback {ledger}`. Never run both."
        )


def _about_the_rest(report: Report, rest: list[str], ledger: str) -> str:
    ids = "" if len(rest) == len(report.unowned) else f" ({', '.join(rest)})"
    if report.lost_creates:
        own = (
            f"The target may have created up to {min(report.lost_creates, len(rest)):,} of "
            f"them{ids} late, from creates of this ledger that received no response."
        )
    else:
        own = f"This ledger did not create them{ids}: it has a stream for each create it sent."
    return (
        f"{own} If another ledger moved the same streams, keep the copies of one ledger: to keep "
        "this one's, run `livestream migrate rollback OTHER`, where OTHER is that ledger. Delete a "
        "stream by hand only if no ledger has it. If a stream is meant to be there, run "
        f"`livestream migrate accept {ledger} --id ID --because TEXT`. Then run the command again."
    )


def _streams(found: Iterable[str]) -> str:
    count = len(list(found))
    return f"{count:,} stream{'' if count == 1 else 's'}"


def _name(location: str) -> str:
    """Return a file's name as the command line takes it, relative to the current folder."""
    path, current = Path(location), Path.cwd()
    return shlex.quote(str(path.relative_to(current) if path.is_relative_to(current) else path))
