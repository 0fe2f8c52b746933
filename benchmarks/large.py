"""Measure how the cost of a migration grows with the number of its streams.

Run ``python -m benchmarks.large`` from the top of the checkout; ``make bench-large`` does so with
the sizes of the target. Each size is measured in a process of its own: a plan in a ledger, a run
that is stopped halfway, a run that resumes it, a run with nothing left to do, a check, a status, a
page, and a rollback. Both accounts are vendors in another process, reached without HTTP, whose time
and memory are not included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import livestream_core as live
from livestream_core import migrate
from livestream_core.memory.emulator import MemoryVendor
from livestream_core.migrate.pages import report_page

# The folder of the tests' shared modules, which only pytest would find automatically.
sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

#: A machine's speed can drift within half an hour, so the smaller sizes are measured before and
#: after the largest.
SIZES = (1_000, 10_000, 100_000, 10_000, 1_000)
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
    costs: Costs = {}
    peaks: dict[str, float] = {}
    with ExitStack() as stack:
        location, server = stack.enter_context(_ledger(kind))
        source, target = stack.enter_context(vendors("old", "new"))
        source.fill(streams)
        target.fill(streams // FOREIGN, before=True)
        clients = [stack.enter_context(each.connect()) for each in (source, target)]
        meter = Meter(costs, peaks, server)
        again: Mapping[str, Any] = {
            "ledger": location,
            "source": clients[0],
            "target": clients[1],
            "workers": workers,
        }
        with meter("plan"):
            migrate.plan(*clients, ledger=location, workers=workers)
        with meter("run (half)"):
            migrate.run(**again, max_create=streams // 2)
        # While the run was stopped, streams appeared that only look like its own.
        target.fill(streams // FOREIGN, before=True)
        with meter("resume (half)"):
            assert migrate.run(**again).report.counts["created"] == streams
        with meter("rerun"):
            assert migrate.run(**again).exit_code == 0
        with meter("check"):
            assert migrate.check(location, *clients, workers=workers).all_equal
        with meter("status"):
            report = migrate.report(location)
            assert report.phase == "finished"
        with meter("page"), tempfile.TemporaryFile("w", encoding="utf-8") as page:
            page.writelines(report_page(report))
        del report
        with meter("rollback"):
            assert len(migrate.rollback(location, clients[1]).items) == streams
    peak = max(peaks.values())
    return {"streams": streams, "ledger": kind, "costs": costs, "peaks": peaks, "peak_mib": peak}


class Vendor:
    """An account at a vendor in another process.

    Args:
        name: The account's name.
        pipe: The connection to the process.
    """

    def __init__(self, name: str, pipe: Connection) -> None:
        self._name, self._pipe = name, pipe
        self._lock = threading.Lock()

    def connect(self) -> live.Client:
        """Return a client for the account."""
        return live.connect("memory", account=self._name, transport=self)

    def fill(self, streams: int, *, before: bool = False) -> None:
        """Create streams that differ in their start, and a tenth of them in nothing else."""
        self._ask("fill", streams, before)

    def send(self, *request: Any) -> live.Response:
        """Send a request, as a transport does."""
        status, headers, body = self._ask("send", *request)
        return live.Response(status, headers, body)

    def _ask(self, *command: Any) -> Any:
        with self._lock:
            self._pipe.send(command)
            return self._pipe.recv()


@contextmanager
def vendors(*names: str) -> Iterator[list[Vendor]]:
    """Yield accounts, each at a vendor in a process of its own."""
    with ExitStack() as stack:
        yield [stack.enter_context(_vendor(name)) for name in names]


@contextmanager
def _vendor(name: str) -> Iterator[Vendor]:
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(target=serve, args=(name, other), daemon=True)
    process.start()
    other.close()
    try:
        yield Vendor(name, pipe)
    finally:
        pipe.close()
        process.join()


def serve(name: str, pipe: Connection) -> None:
    """Serve an account until the other process closes its connection."""
    vendor = MemoryVendor(account=name, clock=live.ManualClock())
    transport = vendor.transport()
    while True:
        try:
            what, *arguments = pipe.recv()
        except EOFError:
            return
        if what == "fill":
            _fill(vendor.connect(), *arguments)
            pipe.send(None)
        else:
            found = transport.send(*arguments)
            pipe.send((found.status, dict(found.headers), found.body))
        vendor.requests.clear()


def _fill(client: live.Client, streams: int, before: bool) -> None:
    for number in range(streams):
        named = f"Lesson {number}" if number % 10 else "Lesson"
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
        peaks: Where each operation's peak memory is written, in MiB.
        server: The server's main process.
    """

    def __init__(self, costs: Costs, peaks: dict[str, float], server: int | None) -> None:
        self._costs, self._peaks, self._server = costs, peaks, server

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        forget_peak()
        began, own, of_server = time.monotonic(), time.process_time(), self._of_server()
        yield
        own, of_server = time.process_time() - own, self._of_server() - of_server
        self._costs[name] = own + of_server
        self._peaks[name] = peak_mib()
        print(
            f"  {name}: {own:.1f} s and {of_server:.1f} s in the server, "
            f"of {time.monotonic() - began:.1f} s, peak {self._peaks[name]:.0f} MiB",
            file=sys.stderr,
            flush=True,
        )

    def _of_server(self) -> float:
        return 0.0 if self._server is None else spent_by(self._server)


def forget_peak() -> None:
    """Measure the peak memory of this process from now on, where the system can do that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """Return the peak memory of this process, in MiB, since it was last forgotten."""
    with suppress(OSError):
        status = Path("/proc/self/status").read_text()
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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


def averaged(results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one result for each size, in order, with the mean costs and the highest peak."""
    by_size: dict[int, list[Mapping[str, Any]]] = {}
    for each in results:
        by_size.setdefault(each["streams"], []).append(each)
    return [
        {
            **equal[0],
            "costs": {
                name: statistics.mean(each["costs"][name] for each in equal)
                for name in equal[0]["costs"]
            },
            "peak_mib": max(each["peak_mib"] for each in equal),
        }
        for _, equal in sorted(by_size.items())
    ]


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
    lines.append(_row("peak memory", [*peaks, ""]))
    return "\n".join(lines)


def _row(name: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([name, *cells]) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size in a process of its own, and print a table for each kind of ledger.

    A size that is given several times is measured several times, in the given order.
    """
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
        for size in options.sizes:
            print(f"measuring {size:,} streams, {kind} ...", file=sys.stderr, flush=True)
            command = [sys.executable, "-m", "benchmarks.large", str(size), "--one"]
            command += ["--ledger", kind, "--workers", str(options.workers)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results.append(json.loads(done.stdout))
        print(table(averaged(results)), end="\n\n", flush=True)
    print(
        f"processor time for each stream; ratio: what a further stream costs between the last two "
        f"sizes, relative to the two before (target: at most {TARGET})"
    )


if __name__ == "__main__":
    main()
