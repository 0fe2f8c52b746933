"""Run many interrupted durable creates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.torture.command import Suite

from .run import Outcome, run_scenario
from .scenario import Scenario

#: The largest part of all keys that may need review.
MOST_REVIEWS = 0.01


def reviews(outcomes: Sequence[Outcome]) -> tuple[str, bool]:
    """Return a line about the keys that need review, and whether they are few enough."""
    keys = sum(outcome.keys for outcome in outcomes)
    causes = Counter(cause for outcome in outcomes for cause in outcome.reviews)
    found = ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items())) or "none"
    return f"{keys} keys; need review: {found}", causes.total() <= max(MOST_REVIEWS * keys, 1)


SUITE = Suite(
    program="python -m tests.durable",
    scenario_of=Scenario.of,
    run=run_scenario,
    summary=reviews,
)
