"""Measure how the cost of a migration grows with the number of its streams.

Run ``python -m benchmarks.large`` from the top of the checkout; ``make bench-large`` does so with
the sizes of the target. Each size is measured in a process of its own: a plan, a run that is
stopped halfway, a run that resumes it, a run with nothing left to do, a check, a status, and a
rollback. Both accounts are vendors in that process, so their time is included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import livestream_core as live
from livestream_core import migrate
from livestream_core.memory.emulator import MemoryVendor

# The folder of the tests' shared modules, which only pytest would find automatically.
sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

SIZES = (1_000, 10_000, 100_000)
KINDS = ("sqlite", "postgresql")
#: How much more a further stream may cost, once there are many.
TARGET = 1.15
#: One of this number of streams at the target is not from this migration.
FOREIGN = 10
_START = datetime(2090, 1, 1, tzinfo=UTC)

#: The processor seconds of each operation, by name.
Costs = dict[str, float]


def measured(streams: int, kind: str, workers: int) -> dict[str, Any]:
    """Return the processor seconds of each operation, and the peak memory of this process."""
    source, target = _account("old"), _account("new")
    clients = source.connect(), target.connect()
    _fill(clients[0], streams, "Lesson")
    _fill(clients[1], streams // FOREIGN, "Lesson", before=True)
    costs: Costs = {}
    with _ledger(kind) as (location, server):
        meter = Meter(costs, server, (source, target))
        with meter("plan"):
            plan = migrate.plan(*clients, workers=workers)
        with meter("run (half)"):
            migrate.run(plan, ledger=location, workers=workers, max_create=streams // 2)
        # While the run was stopped, streams appeared that only look like its own.
        _fill(clients[1], streams // FOREIGN, "Lesson", before=True)
        again: Mapping[str, Any] = {
            "ledger": location,
            "source": clients[0],
            "target": clients[1],
            "workers": workers,
        }
        with meter("resume (half)"):
            assert migrate.run(**again).report.counts["created"] == streams
        with meter("rerun"):
            assert migrate.run(**again).exit_code == 0
        with meter("check"):
            assert migrate.check(location, *clients, workers=workers).all_equal
        with meter("status"):
            assert migrate.report(location).phase == "finished"
        with meter("rollback"):
            assert len(migrate.rollback(location, clients[1]).items) == streams
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"streams": streams, "ledger": kind, "costs": costs, "peak_mib": peak / 1024}


def _account(name: str) -> MemoryVendor:
    return MemoryVendor(account=name, clock=live.ManualClock())


def _fill(client: live.Client, streams: int, title: str, *, before: bool = False) -> None:
    """Create streams that differ in their start, and a tenth of them in nothing else."""
    for number in range(streams):
        named = f"{title} {number}" if number % 10 else title
        start = timedelta(minutes=-number if before else number)
        client.create(title=named, scheduled_start=_START + start, tags=["maths"])


@contextmanager
def _ledger(kind: str) -> Iterator[tuple[str, int | None]]:
    """Yield the location of a new ledger, and the process of its server, if it has one."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            yield str(Path(folder) / "ledger.db"), None
            return
        from postgresql import postgresql

        with postgresql() as server:
            yield server.new_database(), server.process


class Meter:
    """Adds up the processor time of operations, with that of a database's server.

    Args:
        costs: Where each operation's seconds are written.
        server: The server's main process.
        vendors: The accounts, whose logs of requests are dropped before each operation.
    """

    def __init__(self, costs: Costs, server: int | None, vendors: Sequence[MemoryVendor]) -> None:
        self._costs, self._server, self._vendors = costs, server, vendors

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        for vendor in self._vendors:
            vendor.requests.clear()
        began = self._spent()
        yield
        self._costs[name] = self._spent() - began
        print(f"  {name}: {self._costs[name]:.1f} s", file=sys.stderr, flush=True)

    def _spent(self) -> float:
        return time.process_time() + (0.0 if self._server is None else spent_by(self._server))


def spent_by(process: int) -> float:
    """Return the processor seconds of a process and its children, also of those that ended."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if folder.name == str(process):
            ticks += sum(map(int, fields[11:15]))  # its own time, and that of ended children
        elif fields[1] == str(process):
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def growth(sizes: Sequence[int], costs: Sequence[float]) -> float | None:
    """Return what a further stream costs among many, relative to its cost among few."""
    if len(sizes) < 3:
        return None
    few, some, many = costs[-3:]
    later = (many - some) / (sizes[-1] - sizes[-2])
    earlier = (some - few) / (sizes[-2] - sizes[-3])
    return later / earlier if earlier > 0 else None


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the results of one kind of ledger as a table."""
    sizes = [each["streams"] for each in results]
    head = [f"{size:,}" for size in sizes]
    lines = [_row(results[0]["ledger"], [*head, "ratio"]), _row("---", ["---:"] * (len(head) + 1))]
    names = [*results[0]["costs"], "all"]
    for name in names:
        costs = [
            sum(each["costs"].values()) if name == "all" else each["costs"][name]
            for each in results
        ]
        cells = [f"{cost / size * 1e3:.2f} ms" for cost, size in zip(costs, sizes, strict=True)]
        ratio = growth(sizes, costs)
        lines.append(_row(name, [*cells, "" if ratio is None else f"{ratio:.2f}"]))
    peaks = [f"{each['peak_mib']:,.0f} MiB" for each in results]
    lines.append(_row("peak memory, vendors included", [*peaks, ""]))
    return "\n".join(lines)


def _row(name: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([name, *cells]) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size in a process of its own, and print a table for each kind of ledger."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, metavar="STREAMS")
    parser.add_argument("--ledger", choices=KINDS, action="append", help="defaults to both")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--one", action="store_true", help="measure in this process; print JSON")
    options = parser.parse_args(arguments)
    kinds = options.ledger or KINDS
    if options.one:
        print(json.dumps(measured(options.sizes[0], kinds[0], options.workers)))
        return
    for kind in kinds:
        results = []
        for size in sorted(options.sizes):
            print(f"measuring {size:,} streams, {kind} ...", file=sys.stderr, flush=True)
            command = [sys.executable, "-m", "benchmarks.large", str(size), "--one"]
            command += ["--ledger", kind, "--workers", str(options.workers)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results.append(json.loads(done.stdout))
        print(table(results), end="\n\n", flush=True)
    print(
        f"processor time for each stream; ratio: what a further stream costs between the last two "
        f"sizes, relative to the two before (target: at most {TARGET})"
    )


if __name__ == "__main__":
    main()
