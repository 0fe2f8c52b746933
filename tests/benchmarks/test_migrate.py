"""The figure of a migration, and the simulation of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import livestream_core as live
from benchmarks import simulate_fleet
from benchmarks.emulated import Vendors, emulated
from benchmarks.figures.migrate import WORKERS, by_a_script, by_the_library
from benchmarks.simulate_fleet import SCENARIOS, Fleet, simulated
from livestream_core import migrate

ROOT = Path(__file__).parents[2]
STREAMS = 60


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    with emulated(streams=STREAMS, seconds=0.02) as found:
        yield found


# -- the figure -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("prepare", [by_the_library, by_a_script])
def test_either_side_moves_every_stream_once(prepare, vendors: Vendors, tmp_path: Path) -> None:
    with prepare(vendors, tmp_path) as move:
        move()
    with vendors.source.connect() as source, vendors.target.connect() as target:
        assert Counter(each.title for each in target.list()) == Counter(
            each.title for each in source.list()
        )


@pytest.mark.slow
def test_both_sides_of_the_figure_ask_the_same(vendors: Vendors, tmp_path: Path) -> None:
    with by_the_library(vendors, tmp_path) as move:
        vendors.count_requests()
        move()
        asked = vendors.count_requests()
    # Two lists of the empty target before the run, and one of two pages after it.
    assert asked == {"source GET": STREAMS, "target POST": STREAMS, "target GET": 2 + 2}


class IntentsAhead:
    """Counts, after every create, the streams that have an intent but no outcome."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self.seen: list[int] = []

    @live.hookimpl
    def livestream_exchange(self, exchange: live.Exchange) -> None:
        if exchange.method == "POST":
            self.seen.append(migrate.report(self._ledger).counts["unknown"])


@pytest.mark.slow
def test_no_more_than_two_intents_for_each_worker_are_ahead(
    vendors: Vendors, tmp_path: Path
) -> None:
    ahead = IntentsAhead(tmp_path / "ledger.db")
    live.register(ahead)
    try:
        with by_the_library(vendors, tmp_path) as move:
            move()
    finally:
        live.unregister(ahead)
    assert len(ahead.seen) == STREAMS
    assert 1 < max(ahead.seen) <= 2 * WORKERS


# -- the simulation -------------------------------------------------------------------------

SMALL = Fleet(streams=600, tenants=3, unknown=0.0)


def test_every_stream_is_moved_even_if_responses_are_lost() -> None:
    assert simulated(Fleet(streams=1_000, tenants=7, skew=1.0, unknown=0.2)).created == 1_000


def test_a_tenant_alone_takes_as_long_as_its_target_allows() -> None:
    fleet = Fleet(streams=2_000, tenants=1, unknown=0.0, source_rate=1e6, target_rate=5.0)
    at_the_target = 2 * 2_000 + 3 + 40  # creates, reads for the check, lists
    before_it = 2_000 * 0.2 / 16 + 40 * 0.2
    assert simulated(fleet).seconds == pytest.approx(at_the_target / 5.0 + before_it, rel=0.01)


def test_a_tenant_alone_takes_as_long_as_its_workers_wait_for_answers() -> None:
    fleet = Fleet(streams=2_000, tenants=1, unknown=0.0, source_rate=1e6, target_rate=1e6)
    # Five requests for each stream, sixteen at a time; the lists are a little over 2 x 40 pages.
    assert simulated(fleet).seconds == pytest.approx(5 * 2_000 * 0.2 / 16 + 120 * 0.2, rel=0.05)


def test_a_stream_costs_three_reads_of_the_source_and_two_requests_to_the_target() -> None:
    found = simulated(SMALL)
    pages = 3 * 4  # of 50 streams, for three tenants
    assert found.source_requests == 3 * 600 + pages
    # The baseline is one page, read three times; then there are two more lists.
    assert found.target_requests == 2 * 600 + 3 * 3 + pages


@pytest.mark.slow
def test_the_benchmark_asks_as_often_as_the_simulation_says(
    vendors: Vendors, tmp_path: Path
) -> None:
    with vendors.source.connect() as source, vendors.target.connect() as target:
        ledger = tmp_path / "ledger.db"
        migrate.run(migrate.plan(source, target), ledger=ledger)
        migrate.check(ledger, source, target)
    asked = vendors.count_requests()
    found = simulated(Fleet(streams=STREAMS, tenants=1, unknown=0.0))
    assert asked["source GET"] == found.source_requests
    assert asked["target GET"] + asked["target POST"] == pytest.approx(found.target_requests, abs=2)


def test_a_lost_response_requires_a_whole_list() -> None:
    quiet, noisy = (simulated(Fleet(streams=5_000, tenants=1, unknown=u)) for u in (0.0, 0.002))
    lost = 5_000 * 0.002
    assert noisy.target_requests - quiet.target_requests > lost * 5_000 / 50 / 4


def test_a_create_that_was_not_applied_is_waited_for() -> None:
    fleet = Fleet(streams=1, tenants=1, unknown=0.0)
    lost = Fleet(streams=1, tenants=1, unknown=0.999_999, applied=0.0, settle=60.0)
    assert simulated(fleet).seconds < 10 < 60 < _after_one_loss(lost)


def _after_one_loss(fleet: Fleet) -> float:
    """Return the seconds of a tenant that only loses its first create."""

    class Once:
        draws = iter([0.0, 1.0])

        def random(self) -> float:
            return next(self.draws, 1.0)

    return simulate_fleet.Tenant(1, fleet, Once()).moved().seconds  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "worse", "better"),
    [("machines", 1, 4), ("at_a_time", 1, 8), ("target_rate", 2.0, 8.0), ("workers", 1, 16)],
)
def test_more_of_it_takes_less_time(name: str, worse: float, better: float) -> None:
    settings = {"streams": 3_000, "tenants": 30, "machines": 1, "at_a_time": 4}
    slow, fast = (Fleet(**{**settings, name: each}) for each in (worse, better))
    assert simulated(fast).seconds < simulated(slow).seconds


def test_machines_that_are_always_busy_hold_everybody_up(monkeypatch) -> None:
    monkeypatch.setattr(simulate_fleet, "PROCESSOR", 100.0)
    fleet = Fleet(streams=600, tenants=3, machines=1, cores=2)
    assert simulated(fleet).seconds == pytest.approx(600 * 100 / 2, rel=0.01)


def test_the_sizes_of_tenants_add_up() -> None:
    assert sum(Fleet(skew=1.0).sizes) == Fleet.streams == 1_000_000


def test_large_tenants_come_first() -> None:
    sizes = Fleet(streams=11_000, tenants=3, skew=1.0).sizes
    assert sizes == [6_000, 3_000, 2_000]


@pytest.mark.slow
def test_the_ledger_is_as_large_as_the_simulation_says(vendors: Vendors, tmp_path: Path) -> None:
    with by_the_library(vendors, tmp_path) as move:
        move()
    size = (tmp_path / "ledger.db").stat().st_size
    # In a small ledger, the fixed cost of every database weighs more.
    assert 0.5 < size / STREAMS / simulate_fleet.LEDGER < 2


def test_the_program_prints_the_requested_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    simulate_fleet.main(["--streams", "100", "--tenants", "2", "--unknown", "0"])
    assert "| as given | 0.0 h |" in capsys.readouterr().out


@pytest.mark.slow
def test_the_page_on_large_migrations_has_the_results_of_the_simulation() -> None:
    page = (ROOT / "docs" / "howto" / "migrate-large.md").read_text(encoding="utf-8")
    name, fleet = next(iter(SCENARIOS.items()))
    assert simulate_fleet.table({name: fleet}).splitlines()[-1] in page


def test_the_page_on_large_migrations_has_every_scenario() -> None:
    page = (ROOT / "docs" / "howto" / "migrate-large.md").read_text(encoding="utf-8")
    assert [name for name in SCENARIOS if f"| {name} |" not in page] == []
