"""The demo: a stream's lifecycle on every emulator over real HTTP, and a table of results."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Collection
from typing import Any

from rich.console import Console
from rich.text import Text

from ..._client.connect import connect
from ..._contract.options import origins_at
from ..._model.errors import ConfigurationError
from ..._model.stream import LiveStream
from ..._plugins.registry import registry
from ..._secrets.secret import SecretUrl, masked_url
from ..console.tables import line, matrix, reasons
from .installed import Installed, installed
from .lifecycle import BOOT_SECONDS, ROWS, Finding, Verdict, one_line, run_lifecycle
from .moving_picture import moving_picture

_STYLE = {
    Verdict.KEPT: "green",
    Verdict.ABSENT: "dim",
    Verdict.UNTESTED: "yellow",
    Verdict.BROKEN: "bold red",
}
_WIDTHS = (13, 11)


def run(names: Collection[str], console: Console, *, debug: bool) -> bool:
    """Run the demo on the emulators, and print the results.

    Args:
        names: The names of the providers; all if empty.
        console: The console to print to.
        debug: Whether to print tracebacks of failures, and the logs of servers.

    Returns:
        Whether every provider did what its capabilities declare.

    Raises:
        ConfigurationError: If a provider is unknown, or no provider has an emulator.
    """
    if not debug:
        # The HTTP server of the emulators prints its own tracebacks.
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    start = time.monotonic()
    findings: dict[str, dict[str, Finding]] = {}
    unusable: dict[str, str] = {}
    without_emulator = []
    walks = []
    found = installed(names)
    with moving_picture(found) as picture:
        for each in found:
            name = each.info.name
            if each.info.problem:
                unusable[name] = each.info.problem
            elif each.info.emulator is None:
                without_emulator.append(name)
            else:
                walks.append(_Walk(each))
                walks[-1].start()
        for walk in walks:
            try:
                findings[walk.provider] = walk.follow(console, debug=debug)
            except Exception as error:  # a broken provider must not stop the others
                unusable[walk.provider] = one_line(error)
        if picture is not None:
            picture.show(console)
    if not findings and not unusable:
        raise ConfigurationError(
            "no provider with an emulator is installed"
            + (f" ({', '.join(without_emulator)} without one)" if without_emulator else ""),
            hint="install an adapter package; `livestream providers` lists what is installed",
        )
    _summary(console, findings, unusable, without_emulator)
    broken = _count(findings, Verdict.BROKEN) + len(unusable)
    console.print(
        f"\n{len(findings)} providers, {_count(findings, Verdict.KEPT)} steps as declared, "
        f"{broken} failed, {time.monotonic() - start:.1f} s"
    )
    return not broken


class _Walk(threading.Thread):
    """A lifecycle that runs beside the others, because each mostly waits for its vendor."""

    def __init__(self, each: Installed) -> None:
        super().__init__(daemon=True)
        self.provider = each.info.name
        self._each = each
        #: The URL of the emulator, then the arguments of each step, then the findings or an error.
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self) -> None:
        try:
            found: Any = self._lifecycle()
        except Exception as error:  # raised where the steps are printed
            found = error
        self._events.put(found)

    def _lifecycle(self) -> dict[str, Finding]:
        emulator = self._each.emulator(boot_seconds=BOOT_SECONDS)
        options: dict[str, Any] = dict(emulator.options())
        name = self.provider
        with (
            emulator.serve() as url,
            connect(name, **origins_at(registry.adapter(name).Options, url), **options) as client,
        ):
            self._events.put(url)
            return run_lifecycle(client, emulator, lambda *step: self._events.put(step))

    def follow(self, console: Console, *, debug: bool) -> dict[str, Finding]:
        """Print each step when it has run, and return the findings."""
        title = self._each.info.title or self.provider
        log = _Log(console, debug=debug)
        while True:
            event = self._events.get()
            if isinstance(event, str):
                console.print(Text(f"\n{title} at {event}", style="bold"))
            elif isinstance(event, tuple):
                log.step(*event)
            elif isinstance(event, Exception):
                raise event
            else:
                return dict(event)


class _Log:
    """A line for each step, and URLs when they first appear. Secrets are masked."""

    def __init__(self, console: Console, *, debug: bool) -> None:
        self._console, self._debug = console, debug
        self._shown: set[str] = set()

    def step(self, row: str, finding: Finding, shown: LiveStream | str | None) -> None:
        detail = finding.reason
        if finding.verdict is Verdict.KEPT:
            detail = f"{shown.status}  {shown.id}" if isinstance(shown, LiveStream) else shown or ""
        word = Text(finding.word, _STYLE[finding.verdict])
        line(self._console, f"  {row}", word, detail, widths=_WIDTHS)
        if self._debug and finding.trace:
            self._console.print(Text(finding.trace, "dim"))
        if isinstance(shown, LiveStream):
            self._print_urls(shown)

    def _print_urls(self, stream: LiveStream) -> None:
        lines = [("ingest", f"{_url_text(i.url)}  key {i.stream_key}") for i in stream.ingests]
        lines += [("playback", _url_text(playback.url)) for playback in stream.playbacks]
        if recording := stream.recording:
            lines.append(("recording", f"{recording.status}  {_url_text(recording.url)}"))
        for what, text in lines:
            # The URLs of the other streams look the same.
            if text not in self._shown:
                self._shown.add(text)
                line(self._console, "", what, text, widths=_WIDTHS)


def _url_text(url: str | None) -> str:
    if url is None:
        return "-"
    return masked_url(url) if isinstance(url, SecretUrl) else url


def _summary(
    console: Console,
    findings: dict[str, dict[str, Finding]],
    unusable: dict[str, str],
    without_emulator: list[str],
) -> None:
    def cell(row: str, name: str) -> Text:
        finding = findings[name][row]
        return Text(finding.word, _STYLE[finding.verdict])

    def notes(verdict: Verdict) -> list[tuple[str, str, str]]:
        return [
            (name, row, finding.reason)
            for name, by_row in findings.items()
            for row in ROWS
            if (finding := by_row[row]).verdict is verdict
        ]

    console.print()
    if findings:
        matrix(console, "operation", ROWS, list(findings), cell)
    reasons(console, "Not supported:", notes(Verdict.ABSENT))
    reasons(
        console,
        "Not tested:",
        [
            *notes(Verdict.UNTESTED),
            *((name, "all", "it has no emulator") for name in without_emulator),
        ],
    )
    reasons(
        console,
        "FAILED, not as declared:",
        [
            *notes(Verdict.BROKEN),
            *((name, "all", problem) for name, problem in unusable.items()),
        ],
    )


def _count(findings: dict[str, dict[str, Finding]], verdict: Verdict) -> int:
    return sum(
        finding.verdict is verdict for by_row in findings.values() for finding in by_row.values()
    )
