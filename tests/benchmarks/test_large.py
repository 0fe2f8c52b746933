"""The measurement of large migrations."""

from __future__ import annotations

import os
import time

import pytest

from benchmarks.large import averaged, growth, measured, spent_by, table


@pytest.mark.slow
def test_every_operation_of_a_migration_is_measured() -> None:
    result = measured(20, "sqlite", 2)
    assert list(result["costs"]) == [
        "plan",
        "run (half)",
        "resume (half)",
        "rerun",
        "check",
        "status",
        "page",
        "rollback",
    ]
    assert all(cost > 0 for cost in result["costs"].values())
    assert result["peak_mib"] == max(result["peaks"].values()) > 0
    assert "| rollback |" in table([result])


@pytest.mark.parametrize(
    ("power", "ratio"), [(1, 1.0), (2, (100**2 - 10**2) / 90 / ((10**2 - 1) / 9))]
)
def test_growth_is_what_a_further_stream_costs_among_many(power: int, ratio: float) -> None:
    sizes = (1_000, 10_000, 100_000)
    costs = [5.0 + (size / 1_000) ** power for size in sizes]
    assert growth(sizes, costs) == pytest.approx(ratio)
    assert growth(sizes[:2], costs[:2]) is None


def test_sizes_that_were_measured_several_times_are_averaged() -> None:
    def result(streams: int, cost: float, peak: float) -> dict[str, object]:
        return {"streams": streams, "ledger": "sqlite", "costs": {"plan": cost}, "peak_mib": peak}

    results = [result(100, 2.0, 60.0), result(1_000, 30.0, 80.0), result(100, 4.0, 50.0)]
    assert averaged(results) == [result(100, 3.0, 60.0), result(1_000, 30.0, 80.0)]


def test_the_time_of_a_process_is_its_processor_time() -> None:
    before = spent_by(os.getpid())
    began = time.process_time()
    while time.process_time() - began < 0.2:
        pass
    assert spent_by(os.getpid()) - before >= 0.1
