"""Two accounts at emulated vendors, in a process of their own. Every answer comes late, as over a
network.

The vendor of loopback.py has answers that never change; here something is created. This file runs
as a program too.
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
    """An account at one of them.

    Attributes:
        provider: The provider's name.
        origin: Where the vendor is.
        options: The options of a connection, but for ``base_url``.
    """

    provider: str
    origin: str
    options: dict[str, Any] = field(repr=False)

    def connect(self) -> live.Client:
        """A client; nothing comes from the environment."""
        return live.connect(self.provider, base_url=self.origin, environ={}, **self.options)


class Vendors:
    """The process with both."""

    def __init__(self, source: Account, target: Account, pipes: tuple[IO[str], IO[str]]) -> None:
        self.source, self.target = source, target
        self._pipes = pipes

    def asked(self) -> Counter[str]:
        """What was asked since the last time: how often each side got each method."""
        told, answered = self._pipes
        told.write("asked\n")
        told.flush()
        return Counter(json.loads(answered.readline()))


@contextlib.contextmanager
def emulated(*, streams: int, seconds: float) -> Iterator[Vendors]:
    """Two accounts at TPStreams until the end of the block: one with streams that begin in some
    days, and an empty one.

    Args:
        streams: How many.
        seconds: How long every answer takes.
    """
    # Isolated, so that it too finds the library as it was installed.
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
            # It serves until its input ends, so it never outlives us.
            process.stdin.close()


def main(streams: int, seconds: float) -> None:
    """Tells both accounts, and then what was asked, as often as somebody wants to know."""
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
            asked = Counter(
                f"{side} {request.method}"
                for side, emulator in sides.items()
                for request in emulator.requests
            )
            for emulator in sides.values():
                emulator.requests.clear()
            print(json.dumps(asked), flush=True)


def _fill(emulator: Emulator, streams: int) -> None:
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    with emulator.connect() as client:
        for number in range(streams):
            start = first + timedelta(minutes=number)
            client.create(title=f"Lesson {number}", scheduled_start=start)
    emulator.requests.clear()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
