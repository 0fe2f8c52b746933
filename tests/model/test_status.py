"""The state machine."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from livestream_core import Status
from package_copy import PackageCopy


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


# -- an additional status changes only the table ----------------------------------------------

WITH_ANOTHER_STATUS = """
import status_diagram
import livestream_core as live
from datetime import UTC, datetime, timedelta
from livestream_core._model.status import STATUSES, satisfied_by
from livestream_core.cli.console.context import CommandContext
from livestream_core.cli.streams.display import stream_table
from livestream_core.memory.emulator import POSSIBLE
from livestream_core.migrate.finishing.check import was_live
from livestream_core.migrate.planning.translation import not_movable
from livestream_core.testing.conformance.lifecycle import statuses
from livestream_core.testing.conformance import Subject

paused = live.Status.PAUSED
assert (paused.is_active, paused.is_final) == (True, False)
assert live.Status.LIVE.can_become(paused) and live.Status.SCHEDULED.can_reach(paused)
assert paused in satisfied_by(live.Status.READY)

stream = live.LiveStream(provider="memory", id="1", title="T", status="paused")
cell = list(stream_table(CommandContext(), [stream], 80).columns[1].cells)[0]
assert (cell.plain, cell.style) == ("paused", "blue")

assert was_live(stream)
now, hour = datetime.now(UTC), timedelta(hours=1)
can = live.connect("memory").capabilities
assert not_movable(stream, can, now=now, guard=hour, assume_idle=False) == "it is in use: paused"

assert paused in POSSIBLE["be stopped"] and paused in POSSIBLE["fail"]
assert paused in statuses(Subject("memory"))

assert ">paused</text>" in status_diagram.drawn()
assert "| `paused` | `live`, `processing`, `ended`, `failed`, `unknown` |" in status_diagram.table()
"""


@pytest.fixture
def package_copy(tmp_path: Path) -> PackageCopy:
    """Return a copy with a status that has no row in the table."""
    package = PackageCopy(tmp_path)
    package.replace("_model/status.py", "    UNKNOWN = ", '    PAUSED = "paused"\n    UNKNOWN = ')
    return package


def test_a_status_without_a_row_does_not_import(package_copy: PackageCopy) -> None:
    done = package_copy.python("-c", "import livestream_core")
    assert done.stderr.endswith("TypeError: the table of statuses has no row for PAUSED\n")


@pytest.mark.slow
def test_a_status_is_added_by_its_row_and_everything_knows_it(package_copy: PackageCopy) -> None:
    row = """_S.PAUSED: StatusFacts(True, True, False, False, "blue", (_S.STARTING, _S.READY),
        _then(_S.LIVE, _S.PROCESSING)),
    """
    package_copy.replace("_model/status.py", "_S.UNKNOWN:  ", f"{row}_S.UNKNOWN:  ")
    follows = "_then(_S.PROCESSING, _S.INTERRUPTED"
    package_copy.replace("_model/status.py", follows, f"{follows}, _S.PAUSED")
    done = package_copy.python("-c", WITH_ANOTHER_STATUS)
    assert done.returncode == 0, done.stderr
    assert package_copy.touched == {"_model/status.py"}
