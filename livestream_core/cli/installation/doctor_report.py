"""The doctor's findings as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from ..._plugins.registry import ALLOW_LIST
from ..connections.livestream_toml import NAME
from ..console.output import printable
from ..console.tables import line
from .environment import described

_STYLE = {
    "ready": "green",
    "reachable": "green",
    "loaded": "green",
    "not set": "dim",
    "not tried": "dim",
    "left out": "dim",
    "unknown": "yellow",
    "unreachable": "yellow",
}
#: The widths of the columns; a provider with a long name makes the first one wider.
_WIDTHS = (14, 12)


def show(console: Console, found: Mapping[str, Any]) -> None:
    """Print the findings."""
    extras = ", ".join(
        f"{extra} {'yes' if is_there else 'no'}" for extra, is_there in found["extras"].items()
    )
    names = [each["name"] for each in found["providers"]] + [*found.get("left_out", ())]
    row = _Rows(console, max(_WIDTHS[0], *(len(name) + 4 for name in names), 0))
    row("python", found["python"])
    row("livestream-core", f"{found['livestream_core']}, extras: {extras}")
    row(ALLOW_LIST, found["allow_list"] or "not set")
    if found["providers"] or found.get("left_out"):
        console.print(Text("\nProviders", "bold"))
    for each in found["providers"]:
        row.state(each["name"], each["state"], _origin(each))
        row.more("problem", each["problem"])
        row.more("emulator", each["emulator_problem"])
        row.more("set", ", ".join(each["set"]))
        if each["state"] == "incomplete":
            row.more("not set", ", ".join(each["not_set"]))
        row.more("unknown", described(each["unknown"]))
        row.check(each["check"])
    for name in found.get("left_out", ()):
        row.state(name, "left out", f"{ALLOW_LIST} does not list it")
    if unread := found.get("unreadable"):
        console.print(Text("\nIgnored packages, which cannot be read", "bold"))
        for each in unread:
            console.print(Text(f"  {printable(each['path'])}"), soft_wrap=True)
            row.more("problem", printable(each["problem"]))
    if unknown := found.get("unknown_variables"):
        console.print(Text("\nVariables that no installed provider reads", "bold"))
        for each in unknown:
            row("  " + described([each]), "")
    if observers := found.get("observers"):
        console.print(Text("\nObservers", "bold"))
        for each in observers:
            row.state(each["name"], "broken" if each["problem"] else "loaded", _origin(each))
            row.more("problem", each["problem"])
    for file in found["files"]:
        console.print(Text(f"\n{file['path']}", "bold"), soft_wrap=True)
        row.more("problem", file["problem"] and file["problem"].removeprefix(f"{file['path']}: "))
        for each in file["connections"]:
            state = "broken" if each["problem"] else "ready"
            row.state(printable(each["name"]), state, each["provider"] or "")
            row.more("problem", each["problem"])
            row.check(each["check"])
    if not found["files"] and "observers" in found:
        where = click.get_app_dir("livestream")
        console.print(Text(f"\nNo {NAME} in this folder, the folders above it, or {where}"))


def _origin(each: Mapping[str, Any]) -> str:
    return f"{each['distribution'] or 'registered by the application'} {each['version'] or ''}"


class _Rows:
    """Rows of a name, a word, and a text; details of a row are printed under its text."""

    def __init__(self, console: Console, width: int) -> None:
        self._console, self._widths = console, (width, _WIDTHS[1])

    def __call__(self, name: str, value: str) -> None:
        self._console.print(Text(f"{name}: {value}" if value else name))

    def state(self, name: str, state: str, rest: str) -> None:
        word = Text(state, _STYLE.get(state, "bold red"))
        line(self._console, f"  {name}", word, rest.strip(), widths=self._widths)

    def more(self, name: str, value: str | None) -> None:
        if value:
            line(self._console, "", name, value, widths=self._widths)

    def check(self, check: Mapping[str, str] | None) -> None:
        if check:
            self.state("", check["state"], check["detail"])
