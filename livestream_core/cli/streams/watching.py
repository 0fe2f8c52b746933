"""Watching streams: a table that is kept up to date, or a line for each change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import click

from ..._client import Client
from ..._contract.pagination import unreadable_error
from ..._model.errors import LiveStreamError, NotFound, UnexpectedResponse
from ..._model.stream import LiveStream
from ..console.context import CommandContext
from ..console.output import console, is_terminal, json_line, printable, say, time_text
from ..console.signals import stopped_by_signals
from .display import stream_table

#: The facts whose changes are reported: those that an operator acts on.
_FACTS: dict[str, Callable[[LiveStream], object]] = {
    "status": lambda stream: stream.status,
    "title": lambda stream: stream.title,
    "scheduled_start": lambda stream: stream.scheduled_start,
    "recording": lambda stream: stream.recording and stream.recording.status,
}

#: The rows of the terminal around the table's body: header, note on hidden rows, footer.
_ROWS_AROUND = 6


@attrs.frozen(slots=True)
class Change:
    """A difference between two reads.

    Attributes:
        id: The stream's ID.
        before: The stream as read before; ``None`` the first time.
        after: The stream as read now; ``None`` if it no longer exists.
    """

    id: str
    before: LiveStream | None
    after: LiveStream | None

    @property
    def changed(self) -> list[str]:
        """The names of the changed facts. Empty for a new stream and for one that is gone."""
        if self.before is None or self.after is None:
            return []
        return [name for name, of in _FACTS.items() if of(self.before) != of(self.after)]


class Watch:
    """The streams as last read, and what has changed since."""

    def __init__(self, client: Client, ids: Sequence[str], filters: Mapping[str, Any]) -> None:
        self._client, self._filters = client, filters
        self._ids = list(dict.fromkeys(ids))
        self._by_id = bool(ids)
        self._streams: dict[str, LiveStream] = {}
        #: Why the last read failed, fully or in part; ``None`` if it succeeded.
        self.error: LiveStreamError | None = None

    @property
    def streams(self) -> list[LiveStream]:
        """The streams, active ones first."""
        return sorted(self._streams.values(), key=lambda stream: not stream.status.is_active)

    @property
    def is_over(self) -> bool:
        """Whether none of the requested streams exists any longer."""
        return self._by_id and not self._ids

    def poll(self) -> list[Change]:
        """Read the streams, and return what has changed.

        Raises:
            LiveStreamError: If an error is not temporary.
        """
        self.error = None
        before = self._streams
        self._streams = dict(self._read_ids() if self._by_id else self._read_list())
        found = [Change(id, before.get(id), stream) for id, stream in self._streams.items()]
        gone = [
            Change(id, stream, None) for id, stream in before.items() if id not in self._streams
        ]
        return [each for each in found if each.before is None or each.changed] + gone

    def _read_ids(self) -> Iterator[tuple[str, LiveStream]]:
        for id in tuple(self._ids):
            try:
                yield id, self._client.get(id)
            except NotFound:
                if id not in self._streams:
                    raise
                self._ids.remove(id)
            except LiveStreamError as error:
                self._note_if_temporary(error, is_known=id in self._streams)
                if id in self._streams:
                    yield id, self._streams[id]

    def _read_list(self) -> Iterable[tuple[str, LiveStream]]:
        streams = self._client.list(**self._filters, on_unreadable="collect")
        try:
            found = {stream.id: stream for stream in streams}
        except LiveStreamError as error:
            self._note_if_temporary(error)
            return self._streams.items()
        if unreadable := streams.unreadable:
            self.error = unreadable_error(unreadable, ())
            # A stream that cannot be read now, but could be before, still exists.
            ids = {entry.id for entry in unreadable}
            for id, stream in self._streams.items():
                if id in ids or None in ids:
                    found.setdefault(id, stream)
        return found.items()

    def _note_if_temporary(self, error: LiveStreamError, *, is_known: bool = False) -> None:
        is_malformed = is_known and isinstance(error, UnexpectedResponse)
        if not (error.temporary or error.retryable or is_malformed):
            raise error
        self.error = error


def run(
    context: CommandContext,
    client: Client,
    ids: Sequence[str],
    filters: Mapping[str, Any],
    interval: float,
) -> None:
    """Watch until SIGINT or SIGTERM, or until none of the requested streams exists.

    Args:
        context: The context, which says how streams are shown.
        client: The client of the account.
        ids: The IDs of the streams; if empty, all streams that match the filters.
        filters: Arguments of ``Client.list``.
        interval: The number of seconds between two reads.
    """
    watch = Watch(client, ids, filters)
    with stopped_by_signals():
        if context.as_json or not is_terminal(sys.stdout):
            _print_lines(context, watch, interval)
        else:
            _show_table(context, watch, interval)


def _polls(watch: Watch, interval: float) -> Iterator[list[Change]]:
    while True:
        yield watch.poll()
        if watch.is_over:
            return
        time.sleep(interval)


def _print_lines(context: CommandContext, watch: Watch, interval: float) -> None:
    shown = None
    for changes in _polls(watch, interval):
        for change in changes:
            _print_change(context, change)
        message = watch.error and watch.error.message
        if message and message != shown:
            say(context, "warning", f"{watch.error}; retrying")
        shown = message


def _print_change(context: CommandContext, change: Change) -> None:
    now, after = datetime.now(UTC), change.after
    if context.as_json:
        json_line(
            {
                "at": now.isoformat(),
                "id": change.id,
                "previous": change.before and change.before.status.value,
                "status": after and after.status.value,
                "changed": change.changed,
                "stream": after and after.to_dict(secrets=context.show_secrets),
            }
        )
        return
    parts = [time_text(context, now), printable(change.id), _change_text(context, change)]
    if stream := after or change.before:
        parts.append(printable(stream.title))
    click.echo("  ".join(parts))


def _change_text(context: CommandContext, change: Change) -> str:
    before, after = change.before, change.after
    if after is None:
        return "no longer exists"
    if before is None:
        return after.status.value
    parts = []
    for name in change.changed:
        if name == "status":
            parts.append(f"{before.status} -> {after.status}")
        elif name == "scheduled_start" and after.scheduled_start is not None:
            parts.append(f"scheduled for {time_text(context, after.scheduled_start)}")
        elif name == "recording" and after.recording is not None:
            parts.append(f"recording {after.recording.status}")
        else:
            parts.append(f"{name.replace('_', ' ')} changed")
    return ", ".join(parts)


def _show_table(context: CommandContext, watch: Watch, interval: float) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    out = console()

    def render() -> Group:
        streams = watch.streams
        visible = max(1, out.height - _ROWS_AROUND)
        parts: list[Any] = [stream_table(context, streams[:visible], out.width)]
        if len(streams) > visible:
            parts.append(Text(f"and {len(streams) - visible} more", "dim"))
        now = time_text(context, datetime.now(UTC))
        parts.append(Text(f"\n{now}, every {interval:g} s, Ctrl-C to stop", "dim"))
        if watch.error is not None:
            parts.append(Text(f"{watch.error}; retrying", "yellow"))
        return Group(*parts)

    with Live(console=out, auto_refresh=False) as live:
        live.update(Text("Reading"), refresh=True)
        for _ in _polls(watch, interval):
            live.update(render(), refresh=True)
