"""The demo: every provider's emulator over real HTTP, and a table of what was kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Any

from rich.console import Console
from rich.text import Text

from ..._client.connect import connect
from ..._model.errors import ConfigurationError
from ..._model.stream import LiveStream
from ..._secrets.secret import SecretUrl, masked_url
from ..console.tables import line, matrix, reasons
from .installed import Installed, installed
from .lifecycle import BOOT_SECONDS, ROWS, Finding, Verdict, one_line, walk

_STYLE = {
    Verdict.KEPT: "green",
    Verdict.ABSENT: "dim",
    Verdict.UNTRIED: "yellow",
    Verdict.BROKEN: "bold red",
}
_WIDTHS = (13, 11)


def run(names: Collection[str], console: Console, *, debug: bool) -> bool:
    """Walks through the emulators and prints what it sees.

    Args:
        names: Only these providers; all if empty.
        console: Where to print.
        debug: Whether to print the traceback of every failure, and what servers log.

    Returns:
        Whether everything was as the capabilities promise.

    Raises:
        ConfigurationError: There is no such provider, or none with an emulator.
    """
    if not debug:
        # The server that emulators run on prints tracebacks of its own.
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    began = time.monotonic()
    findings: dict[str, dict[str, Finding]] = {}
    unusable: dict[str, str] = {}
    without = []
    for each in installed(names):
        name = each.info.name
        if each.info.problem:
            unusable[name] = each.info.problem
        elif each.info.emulator is None:
            without.append(name)
        else:
            try:
                findings[name] = _walked(each, console, debug=debug)
            except Exception as error:  # a broken one stops none of the others
                unusable[name] = one_line(error)
    if not findings and not unusable:
        raise ConfigurationError(
            "no provider with an emulator is installed"
            + (f" ({', '.join(without)} without one)" if without else ""),
            hint="install an adapter package; `livestream providers` shows what there is",
        )
    _summary(console, findings, unusable, without)
    broken = _count(findings, Verdict.BROKEN) + len(unusable)
    console.print(
        f"\n{len(findings)} providers, {_count(findings, Verdict.KEPT)} steps as promised, "
        f"{broken} failed, {time.monotonic() - began:.1f} s"
    )
    return not broken


def _walked(each: Installed, console: Console, *, debug: bool) -> dict[str, Finding]:
    emulator = each.emulator(boot_seconds=BOOT_SECONDS)
    options: dict[str, Any] = dict(emulator.options())
    with emulator.serve() as url, connect(each.info.name, base_url=url, **options) as client:
        console.print(Text(f"\n{each.info.title or each.info.name} at {url}", style="bold"))
        log = _Log(console, debug=debug)
        return walk(client, emulator, log.step)


class _Log:
    """A line for each step, and the addresses when they first appear. Secrets are masked."""

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
            self._addresses(shown)

    def _addresses(self, stream: LiveStream) -> None:
        lines = [("ingest", f"{_shown(i.url)}  key {i.stream_key}") for i in stream.ingests]
        lines += [("playback", _shown(playback.url)) for playback in stream.playbacks]
        if recording := stream.recording:
            lines.append(("recording", f"{recording.status}  {_shown(recording.url)}"))
        for what, text in lines:
            # Those of the streams that are not walked are alike.
            if text not in self._shown:
                self._shown.add(text)
                line(self._console, "", what, text, widths=_WIDTHS)


def _shown(url: str | None) -> str:
    if url is None:
        return "-"
    return masked_url(url) if isinstance(url, SecretUrl) else url


def _summary(
    console: Console,
    findings: dict[str, dict[str, Finding]],
    unusable: dict[str, str],
    without: list[str],
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
    reasons(console, "What a vendor cannot do:", notes(Verdict.ABSENT))
    reasons(
        console,
        "Not tried:",
        [
            *notes(Verdict.UNTRIED),
            *((name, "all", "it brings no emulator") for name in without),
        ],
    )
    reasons(
        console,
        "FAILED, not as promised:",
        [
            *notes(Verdict.BROKEN),
            *((name, "all", problem) for name, problem in unusable.items()),
        ],
    )


def _count(findings: dict[str, dict[str, Finding]], verdict: Verdict) -> int:
    return sum(
        finding.verdict is verdict for by_row in findings.values() for finding in by_row.values()
    )
