"""The state machine."""

from __future__ import annotations

import itertools

import pytest

from livestream_core import Status


def test_values_are_the_lower_case_names() -> None:
    assert all(status.value == status.name.lower() == status for status in Status)


@pytest.mark.parametrize(
    "steps",
    [
        [Status.SCHEDULED, Status.STARTING, Status.READY, Status.LIVE, Status.INTERRUPTED, Status.LIVE,
         Status.PROCESSING, Status.ENDED],
        [Status.STARTING, Status.SCHEDULED, Status.READY],
        [Status.SCHEDULED, Status.CANCELLED],
        [Status.SCHEDULED, Status.LIVE, Status.ENDED],
        [Status.STARTING, Status.FAILED],
        [Status.LIVE, Status.UNKNOWN, Status.LIVE],
    ],
)  # fmt: skip
def test_lives_that_streams_lead_are_allowed(steps: list[Status]) -> None:
    for before, after in itertools.pairwise(steps):
        assert before.can_become(after), f"{before} -> {after}"


@pytest.mark.parametrize("final", [Status.ENDED, Status.CANCELLED, Status.FAILED])
def test_nothing_follows_the_end(final: Status) -> None:
    assert final.is_final
    assert not any(final.can_become(other) for other in Status)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Status.LIVE, Status.SCHEDULED),
        (Status.LIVE, Status.CANCELLED),
        (Status.PROCESSING, Status.LIVE),
        (Status.INTERRUPTED, Status.READY),
        (Status.READY, Status.SCHEDULED),
    ],
)
def test_there_is_no_way_back(before: Status, after: Status) -> None:
    assert not before.can_become(after)


def test_reachability_does_not_go_through_unknown() -> None:
    assert Status.SCHEDULED.can_reach(Status.ENDED)
    assert not Status.LIVE.can_reach(Status.SCHEDULED)
    assert not Status.PROCESSING.can_reach(Status.LIVE)
    assert Status.UNKNOWN.can_reach(Status.LIVE)


def test_active_is_while_there_is_a_server() -> None:
    assert {status for status in Status if status.is_active} == {
        Status.STARTING,
        Status.READY,
        Status.LIVE,
        Status.INTERRUPTED,
    }
