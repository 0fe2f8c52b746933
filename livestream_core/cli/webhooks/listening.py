"""Listening for webhook deliveries: a receiver on loopback, and a line for each change."""

from __future__ import annotations

import threading

import click

from ..._client import Client
from ..._contract.capabilities import Feature
from ...contrib import Receiver
from ...contrib.wsgi import application
from ...events import Change, ChangeKind, MemoryStore, Tracker
from ..console.context import CommandContext
from ..console.output import json_line, json_text, printable, time_text
from ..console.serving import served
from ..console.signals import stopped_by_signals

_HOST = "127.0.0.1"
#: The seconds after which the tracker looks for streams that are due, if nothing is delivered, and
#: after which it reads no further stream before the changes are printed. A signal may be given to
#: another thread, which does not wake this one sooner.
_LONGEST_WAIT = 1.0


def run(context: CommandContext, client: Client, port: int) -> None:
    """Receive deliveries and print changes, until SIGINT or SIGTERM.

    Args:
        context: The context, which says how changes are shown.
        client: The client of the account.
        port: The port; 0 chooses a free one.

    Raises:
        Unsupported: If the vendor sends no webhooks.
        ConfigurationError: If listening on the port fails.
    """
    client.capabilities.require(Feature.WEBHOOK)
    store = _Store()
    tracker = Tracker(store, client_for=lambda account: client)
    app = application(Receiver(tracker), account_of=lambda environ: client.account)
    with stopped_by_signals(), served(app, _HOST, port, options="--port") as origin:
        _announce(context, f"{origin}/", client.account)
        while True:
            store.has_deliveries.wait(_LONGEST_WAIT)
            store.has_deliveries.clear()
            changes: list[Change] = []
            # Printed afterwards: a tracker calls a handler that fails again and again, but a reader
            # that has closed the pipe ends this command.
            try:
                tracker.process(changes.append, deadline=_LONGEST_WAIT)
            finally:
                for change in changes:
                    _print(context, change)


def _announce(context: CommandContext, url: str, account: str) -> None:
    if context.as_json:
        line = json_text({"listening": url, "account": account})
    else:
        line = f"Listening on {url} for deliveries to {account}. Press Ctrl-C to stop."
    click.echo(line, err=True)


class _Store(MemoryStore):
    """A store that says when a delivery arrives.

    Attributes:
        has_deliveries: Is set by each delivery.
    """

    def __init__(self) -> None:
        super().__init__()
        self.has_deliveries = threading.Event()

    def add(self, stream: str, key: str, delivery: str) -> None:
        super().add(stream, key, delivery)
        self.has_deliveries.set()


def _print(context: CommandContext, change: Change) -> None:
    if context.as_json:
        json_line(change.to_dict())
        return
    parts = [time_text(context, change.received_at), printable(change.stream_id), _text(change)]
    if stream := change.stream or change.previous:
        parts.append(printable(stream.title))
    click.echo("  ".join(parts))


def _text(change: Change) -> str:
    if change.kind is not ChangeKind.STATUS_CHANGED or change.stream is None:
        return change.kind.value.replace("_", " ")
    status = change.stream.status.value
    return status if change.previous is None else f"{change.previous.status} -> {status}"
