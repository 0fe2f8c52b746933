"""Watching streams: a table that follows them, or a line for each change."""

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

#: What a change is; of all that may differ between two looks, what an operator acts on.
_FACTS: dict[str, Callable[[LiveStream], object]] = {
    "status": lambda stream: stream.status,
    "title": lambda stream: stream.title,
    "scheduled_start": lambda stream: stream.scheduled_start,
    "recording": lambda stream: stream.recording and stream.recording.status,
}

#: Rows of a terminal that the table does not have: its head, what is left out, and the footer.
_ROWS_AROUND = 6


@attrs.frozen(slots=True)
class Change:
    """What differs between two looks.

    Attributes:
        id: The stream.
        before: As it was; ``None`` the first time that it is seen.
        after: As it is; ``None`` where it is no longer there.
    """

    id: str
    before: LiveStream | None
    after: LiveStream | None

    @property
    def changed(self) -> list[str]:
        """The names of what changed; none the first time, and none where it is gone."""
        if self.before is None or self.after is None:
            return []
        return [name for name, of in _FACTS.items() if of(self.before) != of(self.after)]


class Watch:
    """What was seen at the last look."""

    def __init__(self, client: Client, ids: Sequence[str], filters: Mapping[str, Any]) -> None:
        self._client, self._filters = client, filters
        self._ids = list(dict.fromkeys(ids))
        self._by_id = bool(ids)
        self._streams: dict[str, LiveStream] = {}
        #: Why the last look failed, or some part of it; ``None`` if it did not.
        self.trouble: LiveStreamError | None = None

    @property
    def streams(self) -> list[LiveStream]:
        """The streams, those first that have a server."""
        return sorted(self._streams.values(), key=lambda stream: not stream.status.is_active)

    @property
    def is_over(self) -> bool:
        """Whether every stream that was asked for is gone."""
        return self._by_id and not self._ids

    def look(self) -> list[Change]:
        """Looks, and gives what changed.

        Raises:
            LiveStreamError: An error that is not temporary.
        """
        self.trouble = None
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
                self._pass_over(error, was_seen=id in self._streams)
                if id in self._streams:
                    yield id, self._streams[id]

    def _read_list(self) -> Iterable[tuple[str, LiveStream]]:
        streams = self._client.list(**self._filters, on_unreadable="collect")
        try:
            found = {stream.id: stream for stream in streams}
        except LiveStreamError as error:
            self._pass_over(error)
            return self._streams.items()
        if unreadable := streams.unreadable:
            self.trouble = unreadable_error(unreadable, ())
            # What cannot be read now, and could before, is not gone.
            ids = {entry.id for entry in unreadable}
            for id, stream in self._streams.items():
                if id in ids or None in ids:
                    found.setdefault(id, stream)
        return found.items()

    def _pass_over(self, error: LiveStreamError, *, was_seen: bool = False) -> None:
        is_odd = was_seen and isinstance(error, UnexpectedResponse)
        if not (error.temporary or error.retryable or is_odd):
            raise error
        self.trouble = error


def run(
    context: CommandContext,
    client: Client,
    ids: Sequence[str],
    filters: Mapping[str, Any],
    interval: float,
) -> None:
    """Watches until SIGINT or SIGTERM, or until every stream that was asked for is gone.

    Args:
        context: How streams are shown.
        client: The account.
        ids: The streams; if there are none, all that pass the filters.
        filters: What ``Client.list`` takes.
        interval: Seconds between two looks.
    """
    watch = Watch(client, ids, filters)
    with stopped_by_signals():
        if context.as_json or not is_terminal(sys.stdout):
            _print_lines(context, watch, interval)
        else:
            _show_table(context, watch, interval)


def _looks(watch: Watch, interval: float) -> Iterator[list[Change]]:
    while True:
        yield watch.look()
        if watch.is_over:
            return
        time.sleep(interval)


def _print_lines(context: CommandContext, watch: Watch, interval: float) -> None:
    shown = None
    for changes in _looks(watch, interval):
        for change in changes:
            _print_change(context, change)
        trouble = watch.trouble and watch.trouble.message
        if trouble and trouble != shown:
            say(context, "warning", f"{watch.trouble}; it is tried again")
        shown = trouble


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
    parts = [time_text(context, now), printable(change.id), _what(context, change)]
    if stream := after or change.before:
        parts.append(printable(stream.title))
    click.echo("  ".join(parts))


def _what(context: CommandContext, change: Change) -> str:
    before, after = change.before, change.after
    if after is None:
        return "no longer there"
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
            parts.append(f"another {name.replace('_', ' ')}")
    return ", ".join(parts)


def _show_table(context: CommandContext, watch: Watch, interval: float) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    out = console()

    def picture() -> Group:
        streams = watch.streams
        most = max(1, out.height - _ROWS_AROUND)
        parts: list[Any] = [stream_table(context, streams[:most], out.width)]
        if len(streams) > most:
            parts.append(Text(f"and {len(streams) - most} more", "dim"))
        now = time_text(context, datetime.now(UTC))
        parts.append(Text(f"\n{now}, every {interval:g} s, Ctrl-C ends it", "dim"))
        if watch.trouble is not None:
            parts.append(Text(f"{watch.trouble}; it is tried again", "yellow"))
        return Group(*parts)

    with Live(console=out, auto_refresh=False) as live:
        live.update(Text("Reading"), refresh=True)
        for _ in _looks(watch, interval):
            live.update(picture(), refresh=True)
