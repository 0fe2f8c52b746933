"""Two accounts in a ``livestream.toml``, and the commands that migrate between them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs
from click.testing import Result

from command_line import PATIENCE, environment, run
from migrations import Side, sides

#: Two accounts of one provider, which is always installed.
ONE, OTHER = "school", "church"
BOTH = ("--from", ONE, "--to", OTHER)
LEDGER = "school.db"
RUN = ("run", *BOTH, "--ledger", LEDGER)


@attrs.frozen
class Migration:
    """A folder with ``livestream.toml``, and the two accounts that it describes."""

    folder: Path
    source: Side
    target: Side

    def secrets(self) -> list[str]:
        """Return the values that no output may contain."""
        credentials = [str(side.options["token"]) for side in (self.source, self.target)]
        streams = [*self.source.streams(), *self.target.streams()]
        return credentials + [key for stream in streams for key in stream.stream_keys()]

    def run(self, *arguments: str) -> Result:
        """Run a command in this process, which must be in the folder. No prompt is possible."""
        return run("migrate", *arguments)

    def data(self, *arguments: str) -> Any:
        """Return the JSON that a command prints as its last line."""
        result = self.run(*arguments, "--json")
        return json.loads(result.stdout.splitlines()[-1])

    def moved(self, *arguments: str) -> Result:
        """Run the whole migration without interruptions."""
        result = self.run(*RUN, "--yes", "--settle-time", "0", *arguments)
        assert result.exit_code == 0, result.output
        return result

    def process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a separate process."""
        return subprocess.run(
            self._command(arguments),
            cwd=self.folder,
            env=environment({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def started(
        self, *arguments: str, stdout: int | IO[bytes] = subprocess.DEVNULL
    ) -> Iterator[subprocess.Popen[str]]:
        """Start a command in a separate process, which is stopped at the end of the block."""
        process = subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env=environment({}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "livestream_core.cli", "migrate", *arguments]

    def until_creates(self, count: int) -> None:
        """Wait until the target has received this number of creates, answered or not."""
        deadline = time.monotonic() + PATIENCE
        while self.target.creates() < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def migration(folder: Path) -> Iterator[Migration]:
    """Serve two new accounts over HTTP, and write the file that describes them."""
    with sides("memory", "memory") as (source, target):
        tables = [
            f"[connections.{name}]\nprovider = {json.dumps(side.provider)}\n"
            + "".join(f"{key} = {json.dumps(value)}\n" for key, value in side.options.items())
            for name, side in ((ONE, source), (OTHER, target))
        ]
        path = folder / "livestream.toml"
        path.touch(mode=0o600)
        path.write_text("\n".join(tables))
        yield Migration(folder, source, target)


SIGNALS = (signal.SIGINT, signal.SIGTERM)
