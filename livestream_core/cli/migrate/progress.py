"""How a run gets on: a bar for who looks at it, lines for logs and programs."""

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

from ..console.context import CommandContext
from ..console.output import console, is_terminal, json_line, json_text, printable, time_text
from .words import STYLES, state_words

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Seconds over which the speed is taken.
_WINDOW = 30.0
#: Seconds between two lines, for programs and for logs.
_JSON_PAUSE, _LOG_PAUSE = 1.0, 10.0
_STOPPING = "Stopping after what is in flight; the same signal again ends it at once."


@attrs.frozen(slots=True)
class Pause:
    """A pause that a vendor asked for.

    Attributes:
        until: When it ends.
        reason: The vendor's provider, and what it said.
        utc: Whether its text shows the time in UTC.
    """

    until: datetime
    reason: str
    utc: bool

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return datetime.now(UTC) >= self.until

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes."""
        return {"until": self.until.isoformat(), "reason": self.reason}

    def __str__(self) -> str:
        until = time_text(CommandContext(utc=self.utc), self.until)
        return f"waiting until {until}, as the vendor asks ({printable(self.reason)})"


@attrs.frozen(slots=True)
class Look:
    """How far a run is at one moment.

    Attributes:
        counts: How many streams are in each state.
        writes: How many creates this run has sent.
        per_second: How many streams were settled per second lately; ``None`` if that is not
            known yet.
        pause: The pause that a vendor asked for, while it lasts.
    """

    counts: Mapping[str, int]
    writes: int
    per_second: float | None
    pause: Pause | None = None

    @property
    def unsettled(self) -> int:
        """How many streams are still to be settled."""
        return self.counts["pending"] + self.counts["unknown"]

    @property
    def total(self) -> int:
        """How many streams the run is about."""
        return self.counts["total"] - self.counts["skipped"]

    @property
    def remaining_seconds(self) -> float | None:
        """How long the rest takes at this speed."""
        return round(self.unsettled / self.per_second, 1) if self.per_second else None

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes."""
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


class Watched:
    """Looks at a run, each with the speed that follows from those before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._settled: deque[tuple[float, int]] = deque()
        #: The last look; ``None`` before the first create.
        self.last: Look | None = None
        #: The last pause that a vendor asked for.
        self.pause: Pause | None = None

    def look(self, counts: Mapping[str, int], writes: int) -> Look:
        """The run as it is now."""
        now = self._clock()
        pause = None if self.pause is None or self.pause.is_over else self.pause
        look = Look(counts, writes, None, pause)
        settled = look.total - look.unsettled
        self._settled.append((now, settled))
        while now - self._settled[0][0] > _WINDOW:
            self._settled.popleft()
        began, before = self._settled[0]
        if now > began and settled > before:
            look = attrs.evolve(look, per_second=round((settled - before) / (now - began), 2))
        self.last = look
        return look


class Progress(Protocol):
    """Shows how a run gets on."""

    def show(self, look: Look) -> None:
        """Shows how far it is."""

    def waiting(self, pause: Pause) -> None:
        """Says that the run waits, and until when."""

    def stopping(self) -> None:
        """Says that it was asked to stop. Safe within a signal's handler."""


@contextmanager
def progress(context: CommandContext) -> Iterator[Progress]:
    """What shows it to whoever is there: a terminal, a log, or a program."""
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

    def show(self, look: Look) -> None:
        now = time.monotonic()
        if self._shown_at is None or now - self._shown_at >= self.every:
            self._shown_at = now
            self._write(look)

    def waiting(self, pause: Pause) -> None:
        self._write(pause)

    def _write(self, news: Look | Pause) -> None:
        if self.every == math.inf:
            return
        try:
            self.write(news)
        except BrokenPipeError:
            self.every = math.inf  # nobody reads on, which is no reason to stop

    def write(self, news: Look | Pause) -> None:
        raise NotImplementedError


class _JsonLines(_Lines):
    every = _JSON_PAUSE

    def write(self, news: Look | Pause) -> None:
        json_line({"waiting" if isinstance(news, Pause) else "progress": news.to_dict()})

    def stopping(self) -> None:
        _write_at_once(json_text({"stopping": _STOPPING}))


class _LogLines(_Lines):
    every = _LOG_PAUSE

    def write(self, news: Look | Pause) -> None:
        line = str(news)
        if isinstance(news, Look) and news.pause is not None:
            line += f", {news.pause}"
        click.echo(line[0].upper() + line[1:], err=True)

    def stopping(self) -> None:
        _write_at_once(_STOPPING)


def _write_at_once(line: str) -> None:
    # Not by sys.stderr: the signal may have come while that was being written.
    os.write(2, f"{line}\n".encode())


class _Bar:
    def __init__(self) -> None:
        from rich.spinner import Spinner
        from rich.text import Text

        self._look: Look | None = None
        self._pause: Pause | None = None
        self._is_stopping = False
        self._spinner = Spinner("dots", Text("Reading what is at the target"))

    def show(self, look: Look) -> None:
        self._look = look

    def waiting(self, pause: Pause) -> None:
        self._pause = pause

    def stopping(self) -> None:
        self._is_stopping = True

    def picture(self) -> RenderableType:
        """What stands on the screen now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        parts: list[RenderableType] = []
        if self._look is None or not self._look.unsettled:
            parts.append(self._spinner)
        if self._look is not None:
            look = self._look
            row = Table.grid(padding=(0, 1, 0, 0))
            row.add_row(
                ProgressBar(look.total, look.total - look.unsettled, width=24), Text(str(look))
            )
            states = Text("  ").join(
                Text(f"{state_words(name)} {count:,}", STYLES[name])
                for name, count in look.counts.items()
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
    # A thread of its own draws it, so that a handler of signals need not.
    with Live(console=console(stderr=True), get_renderable=bar.picture, transient=True):
        yield bar


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
