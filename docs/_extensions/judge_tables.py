"""A Markdown table of the operations that vendors' official SDKs judge."""

from __future__ import annotations

from capability_table import row
from judges.operations import MUX, PEERTUBE, ROOMS, Operation


def mux_table() -> str:
    """Return the table of the operations at Mux, each with the methods of both SDKs."""
    lines = [
        row(["operation", "request", "`mux_python`", "`@mux/mux-node`", "planted: the emulator"]),
        row(["---"] * 5),
    ]
    for each in MUX:
        names = (f"`{name.partition('.')[2]}`" for name in (each.python, each.node))
        lines.append(row([f"`{each.name}`", _request(each), *names, each.planted]))
    return "\n".join(lines)


def rooms_table() -> str:
    """Return the table of the operations at VideoSDK's API v2."""
    lines = [
        row(["request", "`@videosdk.live/server-sdk`", "planted: the emulator"]),
        row(["---"] * 3),
    ]
    lines += [row([_request(each), f"`{each.node}`", each.planted]) for each in ROOMS]
    return "\n".join(lines)


def _request(operation: Operation) -> str:
    return f"`{operation.method} {operation.root}{operation.path}`"


def peertube_table() -> str:
    """Return the table of the operations at PeerTube."""
    lines = [row(["operation", "`peertube`", "planted: the emulator"]), row(["---"] * 3)]
    for name, function, planted in PEERTUBE:
        lines.append(row([f"`{name}`", f"`{function.partition('.')[2]}`", planted]))
    return "\n".join(lines)
