"""A Markdown table of the operations that vendors' official SDKs judge."""

from __future__ import annotations

from capability_table import row
from judges.operations import MUX, PEERTUBE, ROOT


def mux_table() -> str:
    """Return the table of the operations at Mux, each with the methods of both SDKs."""
    lines = [
        row(["operation", "request", "`mux_python`", "`@mux/mux-node`", "planted: the emulator"]),
        row(["---"] * 5),
    ]
    for each in MUX:
        request = f"`{each.method} {ROOT}{each.path}`"
        names = (f"`{name.partition('.')[2]}`" for name in (each.python, each.node))
        lines.append(row([f"`{each.name}`", request, *names, each.planted]))
    return "\n".join(lines)


def peertube_table() -> str:
    """Return the table of the operations at PeerTube."""
    lines = [row(["operation", "`peertube`", "planted: the emulator"]), row(["---"] * 3)]
    for name, function, planted in PEERTUBE:
        lines.append(row([f"`{name}`", f"`{function.partition('.')[2]}`", planted]))
    return "\n".join(lines)
