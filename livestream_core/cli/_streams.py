"""How streams are shown: as data for programs, as text and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from .._model import LiveStream
from .._secret import MASK, Secret, SecretUrl, masked_url
from .._status import STATUSES, Status
from ._given import Given
from ._output import console, json_line, json_text, printable, time_text, working

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: Rows whose widths are settled together: the first of them are seen soon.
_BATCH = 50
#: A title that has less room stands under the id.
_ROOM_FOR_TITLE = 16

_STATUS = max(map(len, Status))
_TIME = len("2026-12-05 15:30+05:30")
_GAP = 2

_TIMES = ("scheduled_start", "started_at", "ended_at", "created_at", "updated_at")


def show_stream(given: Given, stream: LiveStream, *, raw: bool = False) -> None:
    """Prints one stream."""
    if given.as_json:
        json_line(stream.to_dict(secrets=given.show_secrets, raw=raw))
        return
    from rich.text import Text

    out = console()
    for name, value in _facts(given, stream):
        style = STATUSES[stream.status].style if name == "status" else ""
        # Not folded: an address that is broken in two cannot be copied.
        out.print(Text.assemble((f"{name:<16}", "dim"), (value, style)), soft_wrap=True)
    if raw:
        payload = stream.to_dict(secrets=given.show_secrets, raw=True).get("raw")
        out.print(Text(json_text(payload, indent=2)), soft_wrap=True)


def show_streams(given: Given, streams: Iterable[LiveStream]) -> int:
    """Prints streams as they come, what came before an error too; gives how many there were."""
    count = 0
    if given.as_json:
        for stream in streams:
            json_line(stream.to_dict(secrets=given.show_secrets))
            count += 1
        return count
    out = console()
    width = out.width
    id_width = 0
    for batch in _batches(iter(streams)):
        id_width = max(id_width, *(len(stream.id) for stream in batch))
        table = stream_table(given, batch, width, id_width=id_width, header=count == 0)
        _print_whole(out, table)
        count += len(batch)
    return count


def _batches(streams: Iterator[LiveStream]) -> Iterator[list[LiveStream]]:
    """Streams in lists of some; what came before an error is given before it is raised."""
    while True:
        batch: list[LiveStream] = []
        error = None
        with working("Reading the list"):
            try:
                for stream in islice(streams, _BATCH):
                    batch.append(stream)  # noqa: PERF402 - what came before an error is kept
            except Exception as raised:
                error = raised
        if batch:
            yield batch
        if error is not None:
            raise error
        if len(batch) < _BATCH:
            return


def stream_table(
    given: Given,
    streams: Iterable[LiveStream],
    width: int,
    *,
    id_width: int = 0,
    header: bool = True,
) -> Table:
    """A row for each stream, within a width if the ids allow it.

    Args:
        given: How times are shown.
        streams: The streams.
        width: Columns of the terminal.
        id_width: The least width of the column of ids.
        header: Whether the columns have names.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    streams = list(streams)
    ids = max([id_width, len("id"), *(cell_len(printable(stream.id)) for stream in streams)])
    room = width - (ids + _STATUS + _TIME + 3 * _GAP)
    stacked = room < _ROOM_FOR_TITLE
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        show_header=header,
    )
    table.add_column("id", width=ids, overflow="fold")
    table.add_column("status", width=_STATUS, no_wrap=True)
    table.add_column("scheduled", min_width=_TIME, no_wrap=True)
    if not stacked:
        table.add_column("title", max_width=room, overflow="fold")
    for stream in streams:
        start = stream.scheduled_start
        row = [
            Text(printable(stream.id)),
            Text(stream.status.value, STATUSES[stream.status].style),
            Text("-" if start is None else time_text(given, start, seconds=False)),
        ]
        title = Text(printable(stream.title))
        if stacked:
            row[0].append("\n  ").append(title)
        else:
            row.append(title)
        table.add_row(*row)
    return table


def _print_whole(out: Console, table: Table) -> None:
    """Prints a table. Where the terminal is too narrow it breaks the lines: rich would squeeze
    the columns, and cut ids."""
    needed = sum((column.width or column.min_width or 0) + _GAP for column in table.columns)
    out.width = max(out.width, needed)
    out.print(table)


def _facts(given: Given, stream: LiveStream) -> Iterator[tuple[str, str]]:
    """What is known of a stream, in names and texts."""

    def url(value: str) -> str:
        hidden = isinstance(value, SecretUrl) and not given.show_secrets
        return masked_url(value) if hidden else printable(str.__str__(value))

    def secret(value: Secret) -> str:
        return printable(value.reveal()) if given.show_secrets else MASK

    def yes(value: bool) -> str:
        return "yes" if value else "no"

    yield "id", printable(stream.id)
    yield "title", printable(stream.title)
    if stream.description:
        yield "description", printable(stream.description)
    word = stream.provider_status
    own_word = f" ({printable(word)})" if word and word != stream.status else ""
    yield "status", f"{stream.status}{own_word}"
    yield "provider", stream.provider
    for name in _TIMES:
        instant: datetime | None = getattr(stream, name)
        if instant is not None:
            yield name.replace("_", " "), time_text(given, instant)
    for ingest in stream.ingests:
        if ingest.url is not None:
            yield "ingest", url(ingest.url)
        if ingest.stream_key is not None:
            yield "stream key", secret(ingest.stream_key)
        if ingest.publish_url is not None and given.show_secrets:
            yield "publish url", secret(ingest.publish_url)
    for playback in stream.playbacks:
        if playback.url is not None:
            yield f"playback {playback.kind}", url(playback.url)
    if stream.record is not None:
        yield "record", yes(stream.record)
    if recording := stream.recording:
        yield "recording", recording.status.value
        if recording.url is not None:
            yield "recording url", url(recording.url)
        if recording.dash_url is not None:
            yield "recording dash", url(recording.dash_url)
        if recording.duration is not None:
            yield "duration", f"{recording.duration:g} s"
    if stream.recording_drm is not None:
        yield "recording drm", yes(stream.recording_drm)
    for target in stream.restreams:
        yield "restream", "-" if target.url is None else url(target.url)
        if target.stream_key is not None:
            yield "  its key", secret(target.stream_key)
    if stream.tags:
        yield "tags", ", ".join(map(printable, stream.tags))
    if stream.thumbnail_url is not None:
        yield "thumbnail", url(stream.thumbnail_url)
    if stream.chat_url is not None:
        yield "chat", url(stream.chat_url)
    if stream.latency is not None:
        yield "latency", stream.latency.value
