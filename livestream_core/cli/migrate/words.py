"""The states of a migration as people read them."""

from __future__ import annotations

from collections.abc import Mapping

#: By state, verdict, or fate.
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
    """A state, verdict or fate in words."""
    return state.replace("_", " ")


def streams(count: int) -> str:
    """``1 stream``, ``2,000 streams``."""
    return f"{count:,} stream{'' if count == 1 else 's'}"


def sum_words(counts: Mapping[str, int]) -> str:
    """Counts that add up, as a sum: ``12 streams = 10 created + 2 skipped``."""
    parts = [
        f"{count:,} {state_words(name)}"
        for name, count in counts.items()
        if count and name != "total"
    ]
    total = sum(count for name, count in counts.items() if name != "total")
    return " = ".join([streams(total), *([" + ".join(parts)] if parts else [])])
