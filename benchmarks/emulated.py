"""Two accounts at emulated vendors, in a separate process, with delayed responses.

The responses of loopback.py never change, but here a migration creates streams. This file also runs
as a program.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import livestream_core as live
from livestream_core.emulator import Emulator, Fault, load_emulator


@dataclass(frozen=True)
class Account:
    """An account at an emulated vendor.

    Attributes:
        provider: The provider's name.
        origin: The vendor's origin.
        options: The options of a connection, except ``base_url``.
    """

    provider: str
    origin: str
    options: dict[str, Any] = field(repr=False)

    def connect(self) -> live.Client:
        """Return a client, without options from the environment."""
        return live.connect(self.provider, base_url=self.origin, environ={}, **self.options)


class Vendors:
    """The process with both accounts."""

    def __init__(self, source: Account, target: Account, pipes: tuple[IO[str], IO[str]]) -> None:
        self.source, self.target = source, target
        self._pipes = pipes

    def count_requests(self) -> Counter[str]:
        """Return the requests since the last call: a count for each account and method."""
        commands, results = self._pipes
        commands.write("count\n")
        commands.flush()
        return Counter(json.loads(results.readline()))


@contextlib.contextmanager
def emulated(*, streams: int, seconds: float) -> Iterator[Vendors]:
    """Serve two TPStreams accounts until the end of the block: one with streams, and an empty one.

    Args:
        streams: The number of streams in the source account, all scheduled for later.
        seconds: The seconds that every response takes.
    """
    # Isolated, so that it also imports the installed library.
    command = [sys.executable, "-I", __file__, str(streams), str(seconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            source, target = (Account(*each) for each in json.loads(process.stdout.readline()))
            yield Vendors(source, target, (process.stdin, process.stdout))
        finally:
            # The process serves until its input ends, so it never outlives this one.
            process.stdin.close()


def main(streams: int, seconds: float) -> None:
    """Print both accounts, and then the counts of requests for each line of input."""
    vendor = load_emulator("tpstreams")
    sides = {"source": vendor(), "target": vendor()}
    _fill(sides["source"], streams)
    with contextlib.ExitStack() as serving:
        accounts = []
        for emulator in sides.values():
            emulator.inject(Fault.delay(seconds), times=sys.maxsize)
            origin = serving.enter_context(emulator.serve())
            accounts.append([emulator.provider, origin, emulator.options()])
        print(json.dumps(accounts), flush=True)
        for _ in sys.stdin:
            counts = Counter(
                f"{side} {request.method}"
                for side, emulator in sides.items()
                for request in emulator.requests
            )
            for emulator in sides.values():
                emulator.requests.clear()
            print(json.dumps(counts), flush=True)


def _fill(emulator: Emulator, streams: int) -> None:
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    with emulator.connect() as client:
        for number in range(streams):
            start = first + timedelta(minutes=number)
            client.create(title=f"Lesson {number}", scheduled_start=start)
    emulator.requests.clear()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
