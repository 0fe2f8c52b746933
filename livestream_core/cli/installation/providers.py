"""The installed providers and their capabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..._contract.capabilities import Capabilities, Capability, Feature, Support
from ..console.tables import matrix, reasons
from .installed import Installed, installed

_STYLE = {
    Support.NATIVE: "green",
    Support.EMULATED: "cyan",
    Support.AUTOMATIC: "cyan",
    Support.NONE: "dim",
}
_COLUMNS = ("name", "title", "distribution", "version")


def as_data(*, features: bool) -> list[dict[str, Any]]:
    """Return all providers as plain data; with ``features``, also their capabilities."""
    return [_data(each, features) for each in installed()]


def _data(each: Installed, features: bool) -> dict[str, Any]:
    info = each.info
    data: dict[str, Any] = {name: getattr(info, name) for name in (*_COLUMNS, "problem")}
    if features:
        data["features"] = each.adapter and _features(each.adapter.capabilities)
        data["statuses"] = each.adapter and sorted(each.adapter.capabilities.statuses)
    return data


def _features(capabilities: Capabilities) -> dict[str, Any]:
    return {feature.value: _capability(capabilities[feature]) for feature in Feature}


def _capability(capability: Capability) -> dict[str, Any]:
    values = capability.values
    return {
        "support": capability.support.value,
        "reason": capability.reason,
        # str() of a value, enums of the model included, is what users type.
        "values": None if values is None else sorted(values, key=str),
    }


def show(console: Console, *, features: bool) -> None:
    """Print all providers; with ``features``, also their capabilities."""
    found = installed()
    if not found:
        console.print("No provider is installed. Install an adapter package.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in (*_COLUMNS, "problem"):
        table.add_column(name, overflow="fold")
    for each in found:
        values = [getattr(each.info, name) or "-" for name in _COLUMNS]
        problem = Text("see below", "red") if each.info.problem else Text("-", "dim")
        table.add_row(*map(Text, values), problem)
    console.print(table)
    reasons(
        console,
        "Not usable:",
        [(each.info.name, "problem", each.info.problem) for each in found if each.info.problem],
    )
    if features:
        _show_features(console, found)


def _show_features(console: Console, found: Sequence[Installed]) -> None:
    known = {
        each.info.name: each.adapter.capabilities for each in found if each.adapter is not None
    }

    def cell(feature: str, name: str) -> Text:
        support = known[name][feature].support
        return Text(support.value, _STYLE[support])

    console.print()
    matrix(console, "feature", [feature.value for feature in Feature], list(known), cell)
    reasons(
        console,
        "Notes:",
        [
            (name, feature.value, text)
            for name, capabilities in known.items()
            for feature in Feature
            if (text := _remark(capabilities[feature]))
        ],
    )


def _remark(capability: Capability) -> str:
    if capability.reason or capability.values is None:
        return capability.reason
    return f"only {', '.join(sorted(map(str, capability.values)))}"
