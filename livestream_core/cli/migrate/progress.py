"""The progress of a run: a bar on a terminal, lines for logs, and JSON for programs."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import click

from ..._model.errors import LiveStreamError
from ..console.context import CommandContext
from ..console.output import console, is_terminal, json_line, json_text, printable, time_text
from .words import STYLES, state_words

if TYPE_CHECKING:
    from rich.console import RenderableType

#: The period, in seconds, over which the speed is measured.
_WINDOW = 30.0
#: The seconds between two lines, for programs and for logs.
_JSON_PAUSE, _LOG_PAUSE = 1.0, 10.0
_STOPPING = "Stopping once the requests in flight are done. Send the signal again to stop at once."


@attrs.frozen(slots=True)
class Pause:
    """A pause that a vendor asked for.

    Attributes:
        until: The end of the pause.
        reason: The provider, and the vendor's message.
        utc: Whether the text shows the time in UTC.
    """

    until: datetime
    reason: str
    utc: bool

    @classmethod
    def asked(cls, context: CommandContext, until: datetime, error: LiveStreamError) -> Pause:
        """Return the pause that a vendor asked for in an error."""
        return cls(until, f"{error.provider}: {error.message}", context.utc)

    @property
    def is_over(self) -> bool:
        """Whether the pause has ended."""
        return datetime.now(UTC) >= self.until

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return {"until": self.until.isoformat(), "reason": self.reason}

    def __str__(self) -> str:
        until = time_text(CommandContext(utc=self.utc), self.until)
        return f"waiting until {until}, as the vendor asks ({printable(self.reason)})"


def says_waits(context: CommandContext) -> Callable[[datetime, LiveStreamError], None]:
    """Return a function that says on standard error that a command waits, and until when."""

    def waiting(until: datetime, error: LiveStreamError) -> None:
        pause = Pause.asked(context, until, error)
        waits = json_text({"waiting": pause.to_dict()}) if context.as_json else _sentence(pause)
        click.echo(waits, err=True)

    return waiting


@attrs.frozen(slots=True)
class Snapshot:
    """The progress of a run at one moment.

    Attributes:
        counts: The number of streams in each state.
        writes: The number of creates that this run has sent.
        per_second: The number of streams settled per second recently, or ``None`` if not known yet.
        pause: The current pause that a vendor asked for, if any.
    """

    counts: Mapping[str, int]
    writes: int
    per_second: float | None
    pause: Pause | None = None

    @property
    def unsettled(self) -> int:
        """The number of streams that are not settled."""
        return self.counts["pending"] + self.counts["unknown"]

    @property
    def total(self) -> int:
        """The number of streams that are not skipped."""
        return self.counts["total"] - self.counts["skipped"]

    @property
    def remaining_seconds(self) -> float | None:
        """The time in seconds that the rest takes at the current speed."""
        return round(self.unsettled / self.per_second, 1) if self.per_second else None

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return {
            "counts": dict(self.counts),
            "writes": self.writes,
            "per_second": self.per_second,
            "remaining_seconds": self.remaining_seconds,
            "waiting_until": None if self.pause is None else self.pause.until.isoformat(),
        }

    def __str__(self) -> str:
        text = f"{self.total - self.unsettled:,} of {self.total:,}"
        if self.per_second is not None:
            text += f", {self.per_second:,.1f}/s"
        if self.remaining_seconds is not None and self.unsettled:
            text += f", {_span(self.remaining_seconds)} left"
        return text


class Tracker:
    """Measures the speed of a run from its counts over time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._settled: deque[tuple[float, int]] = deque()
        #: The last snapshot, or ``None`` before the workers start.
        self.last: Snapshot | None = None
        #: The last pause that a vendor asked for, if any.
        self.pause: Pause | None = None

    def update(self, counts: Mapping[str, int], writes: int) -> Snapshot:
        """Return a snapshot of the run with the current counts."""
        now = self._clock()
        pause = None if self.pause is None or self.pause.is_over else self.pause
        snapshot = Snapshot(counts, writes, None, pause)
        settled = snapshot.total - snapshot.unsettled
        self._settled.append((now, settled))
        while now - self._settled[0][0] > _WINDOW:
            self._settled.popleft()
        began, before = self._settled[0]
        if now > began and settled > before:
            per_second = round((settled - before) / (now - began), 2)
            snapshot = attrs.evolve(snapshot, per_second=per_second)
        self.last = snapshot
        return snapshot


class Progress(Protocol):
    """Shows the progress of a run."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the progress."""

    def waiting(self, pause: Pause) -> None:
        """Show that the run waits, and until when."""

    def stopping(self) -> None:
        """Show that the run was asked to stop. Safe in a signal handler."""


@contextmanager
def progress(context: CommandContext) -> Iterator[Progress]:
    """Yield a progress display for a terminal, a log, or a program."""
    if context.as_json:
        yield _JsonLines()
    elif is_terminal(sys.stderr):
        with _bar() as bar:
            yield bar
    else:
        yield _LogLines()


class _Lines:
    every: float

    def __init__(self) -> None:
        self._shown_at: float | None = None

    def show(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if self._shown_at is None or now - self._shown_at >= self.every:
            self._shown_at = now
            self._write(snapshot)

    def waiting(self, pause: Pause) -> None:
        self._write(pause)

    def _write(self, update: Snapshot | Pause) -> None:
        if self.every == math.inf:
            return
        try:
            self.write(update)
        except BrokenPipeError:
            self.every = math.inf  # the output was closed, but the run continues

    def write(self, update: Snapshot | Pause) -> None:
        raise NotImplementedError


class _JsonLines(_Lines):
    every = _JSON_PAUSE

    def write(self, update: Snapshot | Pause) -> None:
        json_line({"waiting" if isinstance(update, Pause) else "progress": update.to_dict()})

    def stopping(self) -> None:
        _write_at_once(json_text({"stopping": _STOPPING}))


class _LogLines(_Lines):
    every = _LOG_PAUSE

    def write(self, update: Snapshot | Pause) -> None:
        line = _sentence(update)
        if isinstance(update, Snapshot) and update.pause is not None:
            line += f", {update.pause}"
        click.echo(line, err=True)

    def stopping(self) -> None:
        _write_at_once(_STOPPING)


def _sentence(update: Snapshot | Pause) -> str:
    text = str(update)
    return text[0].upper() + text[1:]


def _write_at_once(line: str) -> None:
    # Not through sys.stderr: the signal may have interrupted a write to it.
    os.write(2, f"{line}\n".encode())


class _Bar:
    def __init__(self) -> None:
        from rich.spinner import Spinner
        from rich.text import Text

        self._snapshot: Snapshot | None = None
        self._pause: Pause | None = None
        self._is_stopping = False
        self._spinner = Spinner("dots", Text("Reading the target"))

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def waiting(self, pause: Pause) -> None:
        self._pause = pause

    def stopping(self) -> None:
        self._is_stopping = True

    def picture(self) -> RenderableType:
        """Return what to show on the terminal."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        parts: list[RenderableType] = []
        if self._snapshot is None or not self._snapshot.unsettled:
            parts.append(self._spinner)
        if self._snapshot is not None:
            total, unsettled = self._snapshot.total, self._snapshot.unsettled
            row = Table.grid(padding=(0, 1, 0, 0))
            row.add_row(ProgressBar(total, total - unsettled, width=24), Text(str(self._snapshot)))
            states = Text("  ").join(
                Text(f"{state_words(name)} {count:,}", STYLES[name])
                for name, count in self._snapshot.counts.items()
                if count and name != "total"
            )
            parts += [row, states]
        if self._pause is not None and not self._pause.is_over:
            parts.append(Text(f"{self._pause}"))
        if self._is_stopping:
            parts.append(Text(_STOPPING, "yellow"))
        return Group(*parts)


@contextmanager
def _bar() -> Iterator[_Bar]:
    from rich.live import Live

    bar = _Bar()
    # Its own thread draws the bar, so a signal handler does not have to.
    with Live(console=console(stderr=True), get_renderable=bar.picture, transient=True):
        yield bar


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
