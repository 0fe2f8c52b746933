"""States, verdicts, and counts as words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

#: The style of each state and verdict.
STYLES = {
    "pending": "cyan",
    "created": "green",
    "adopted": "green",
    "skipped": "dim",
    "refused": "bold red",
    "unknown": "yellow",
    "needs_review": "bold red",
    "equal": "green",
    "differs": "bold red",
    "source_only": "bold red",
    "target_only": "bold red",
    "error": "bold red",
}


def state_words(state: str) -> str:
    """Return a state, verdict, or outcome as words."""
    return state.replace("_", " ")


def streams(count: int) -> str:
    """Return a number of streams as words, such as ``1 stream`` or ``2,000 streams``."""
    return f"{count:,} stream{'' if count == 1 else 's'}"


def sum_words(counts: Mapping[str, int]) -> str:
    """Return counts as a sum, such as ``12 streams = 10 created + 2 skipped``."""
    parts = [
        f"{count:,} {state_words(name)}"
        for name, count in counts.items()
        if count and name != "total"
    ]
    total = sum(count for name, count in counts.items() if name != "total")
    return " = ".join([streams(total), *([" + ".join(parts)] if parts else [])])


def command_name(ledger: str) -> str:
    """Return a ledger's location as it is written in a command, without a password."""
    from ...migrate.ledger.ledger import shown

    return shlex.quote(shown(ledger) if "://" in ledger else ledger)
