"""How streams are shown: as JSON for programs, as text and tables for people."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ..._model.fields import Kind, table
from ..._model.playability import Playability, PlaybackState, Rendition
from ..._model.status import STATUSES, Status
from ..._model.stream import (
    Ingest,
    LiveStream,
    Playback,
    Protection,
    Recording,
    RestreamTarget,
    Webhook,
)
from ..._secrets.secret import MASK, SecretUrl, masked_url
from ..console.context import CommandContext
from ..console.output import console, json_line, json_text, printable, time_text, working

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

V = TypeVar("V", Recording, Webhook)

#: The number of rows whose column widths are computed together, so that the first appear soon.
_BATCH = 50
#: A title with less room than this is printed under the ID.
_MIN_TITLE_WIDTH = 16

_STATUS_WIDTH = max(map(len, Status))
_TIME_WIDTH = len("2026-12-05 15:30+05:30")
_GAP = 2

#: Fields that are shown first; the others follow in the order of the model.
_HEAD = ("id", "title", "description", "status", "provider")
_PLAYBACK_STYLES = {PlaybackState.LIVE: "green", PlaybackState.ENDED: "green"}
_EMPTY_VALUES: tuple[Any, ...] = (None, "", ())


def show_stream(context: CommandContext, stream: LiveStream, *, raw: bool = False) -> None:
    """Print one stream."""
    if context.as_json:
        json_line(stream.to_dict(secrets=context.show_secrets, raw=raw))
        return
    from rich.text import Text

    out = console()
    for name, value in _facts(context, stream):
        style = STATUSES[stream.status].style if name == "status" else ""
        _print_fact(out, name, value, style)
    if raw:
        payload = stream.to_dict(secrets=context.show_secrets, raw=True).get("raw")
        out.print(Text(json_text(payload, indent=2)), soft_wrap=True)


def show_recordings(context: CommandContext, recordings: Iterable[Recording]) -> None:
    """Print recordings, with an empty line between two of them."""
    _show_each(context, recordings, _recording)


def show_webhooks(context: CommandContext, webhooks: Iterable[Webhook]) -> None:
    """Print webhooks, with an empty line between two of them."""
    _show_each(context, webhooks, _webhook)


def _show_each(
    context: CommandContext,
    values: Iterable[V],
    facts: Callable[[CommandContext, V], Iterable[tuple[str, str]]],
) -> None:
    if context.as_json:
        for value in values:
            json_line(value.to_dict(secrets=context.show_secrets))
        return
    out = console()
    for number, value in enumerate(values):
        if number:
            out.print()
        for name, text in facts(context, value):
            _print_fact(out, name, text)


def show_playability(context: CommandContext, found: Playability) -> None:
    """Print what a probe found."""
    if context.as_json:
        json_line(found.to_dict())
        return
    out = console()
    for name, field in table(Playability).items():
        value = getattr(found, name)
        if name == "renditions":
            for rendition in value:
                _print_fact(out, "rendition", _rendition(rendition))
        elif name == "latency_seconds" and value is not None:
            more = "at least " if found.latency_is_estimated else ""
            _print_fact(out, "behind encoder", f"{more}{_text(context, field.kind, value)}")
        elif value is not None and name != "latency_is_estimated":
            style = _PLAYBACK_STYLES.get(found.state, "yellow") if name == "state" else ""
            _print_fact(out, field.label, _text(context, field.kind, value), style)


def _rendition(rendition: Rendition) -> str:
    facts = []
    if rendition.width is not None:
        facts.append(f"{rendition.width}x{rendition.height}")
    if rendition.frame_rate is not None:
        facts.append(f"{rendition.frame_rate:g} fps")
    if rendition.bandwidth is not None:
        facts.append(f"{rendition.bandwidth / 1000:.0f} kbit/s")
    if rendition.codecs:
        facts.append(" + ".join(map(printable, rendition.codecs)))
    return ", ".join(facts) or "-"


def show_streams(context: CommandContext, streams: Iterable[LiveStream]) -> int:
    """Print streams as they arrive, and return how many there were.

    Streams that were read before an error are printed too.
    """
    count = 0
    if context.as_json:
        for stream in streams:
            json_line(stream.to_dict(secrets=context.show_secrets))
            count += 1
        return count
    out = console()
    width = out.width
    id_width = 0
    for batch in _batches(iter(streams)):
        id_width = max(id_width, *(len(stream.id) for stream in batch))
        table = stream_table(context, batch, width, id_width=id_width, header=count == 0)
        _print_unsqueezed(out, table)
        count += len(batch)
    return count


def _print_fact(out: Console, name: str, value: str, style: str = "") -> None:
    from rich.text import Text

    # Not wrapped: a URL that is broken in two cannot be copied.
    out.print(Text.assemble((f"{name:<16}", "dim"), (value, style)), soft_wrap=True)


def _batches(streams: Iterator[LiveStream]) -> Iterator[list[LiveStream]]:
    """Yield streams in lists. Streams that were read before an error are yielded first."""
    while True:
        batch: list[LiveStream] = []
        error = None
        with working("Reading the list"):
            try:
                for stream in islice(streams, _BATCH):
                    batch.append(stream)  # noqa: PERF402 - keep what was read before an error
            except Exception as raised:
                error = raised
        if batch:
            yield batch
        if error is not None:
            raise error
        if len(batch) < _BATCH:
            return


def stream_table(
    context: CommandContext,
    streams: Iterable[LiveStream],
    width: int,
    *,
    id_width: int = 0,
    header: bool = True,
) -> Table:
    """Return a table with a row for each stream, within a width if the IDs allow it.

    Args:
        context: The context, which says how times are shown.
        streams: The streams.
        width: The number of columns of the terminal.
        id_width: The minimum width of the ID column.
        header: Whether the table has a header.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    streams = list(streams)
    ids = max([id_width, len("id"), *(cell_len(printable(stream.id)) for stream in streams)])
    room = width - (ids + _STATUS_WIDTH + _TIME_WIDTH + 3 * _GAP)
    stacked = room < _MIN_TITLE_WIDTH
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        show_header=header,
    )
    table.add_column("id", width=ids, overflow="fold")
    table.add_column("status", width=_STATUS_WIDTH, no_wrap=True)
    table.add_column("scheduled", min_width=_TIME_WIDTH, no_wrap=True)
    if not stacked:
        table.add_column("title", max_width=room, overflow="fold")
    for stream in streams:
        start = stream.scheduled_start
        row = [
            Text(printable(stream.id)),
            Text(stream.status.value, STATUSES[stream.status].style),
            Text("-" if start is None else time_text(context, start, seconds=False)),
        ]
        title = Text(printable(stream.title))
        if stacked:
            row[0].append("\n  ").append(title)
        else:
            row.append(title)
        table.add_row(*row)
    return table


def _print_unsqueezed(out: Console, table: Table) -> None:
    """Print a table at its full width.

    On a narrow terminal, the terminal wraps the lines: rich would squeeze the columns and cut
    IDs.
    """
    needed = sum((column.width or column.min_width or 0) + _GAP for column in table.columns)
    out.width = max(out.width, needed)
    out.print(table)


def _facts(context: CommandContext, stream: LiveStream) -> Iterator[tuple[str, str]]:
    """Yield the known facts of a stream: labels and texts."""
    fields = table(LiveStream)
    for name in (*_HEAD, *(name for name in fields if name not in _HEAD)):
        field, value = fields[name], getattr(stream, name)
        if value in _EMPTY_VALUES or field.kind is Kind.DATA or name == "provider_status":
            continue
        if name == "problems":
            for problem in value:
                yield "problem", printable(problem)
        elif field.kind is Kind.PART:
            for part in value if isinstance(value, tuple) else (value,):
                show = next((show for kind, show in _PARTS.items() if isinstance(part, kind)), None)
                if show is not None:
                    yield from show(context, part)
                else:
                    yield field.label, json_text(part.to_dict(secrets=context.show_secrets))
        elif name == "status":
            word = stream.provider_status
            vendor_word = f" ({printable(word)})" if word and word != value else ""
            yield field.label, f"{value}{vendor_word}"
        else:
            yield field.label, _text(context, field.kind, value)


def _text(context: CommandContext, kind: Kind | None, value: Any) -> str:
    """Return a value in a human-readable form."""
    match kind:
        case Kind.FLAG:
            return "yes" if value else "no"
        case Kind.INSTANT:
            return time_text(context, value)
        case Kind.SECONDS:
            return f"{value:g} s"
        case Kind.NUMBER:
            return f"{value}"
        case Kind.TEXTS:
            return ", ".join(map(printable, value))
        case Kind.URL if isinstance(value, SecretUrl) and not context.show_secrets:
            return masked_url(value)
        case Kind.SECRET:
            return printable(value.reveal()) if context.show_secrets else MASK
    return printable(str.__str__(value))


def _ingest(context: CommandContext, ingest: Ingest) -> Iterator[tuple[str, str]]:
    if ingest.url is not None:
        yield "ingest", _text(context, Kind.URL, ingest.url)
    if ingest.stream_key is not None:
        yield "stream key", _text(context, Kind.SECRET, ingest.stream_key)
    if ingest.expires_at is not None:
        yield "key expires", _text(context, Kind.INSTANT, ingest.expires_at)
    if ingest.passphrase is not None:
        yield "passphrase", _text(context, Kind.SECRET, ingest.passphrase)
    if context.show_secrets:
        if ingest.publish_url is not None:
            yield "publish url", _text(context, Kind.SECRET, ingest.publish_url)
        elif arguments := ingest.ffmpeg_arguments():
            yield "ffmpeg", printable(shlex.join(arguments))


def _playback(context: CommandContext, playback: Playback) -> Iterator[tuple[str, str]]:
    if playback.url is not None:
        yield f"playback {playback.kind}", _text(context, Kind.URL, playback.url)
    if playback.protection not in (Protection.NONE, Protection.UNKNOWN):
        yield "  protection", playback.protection.value


def _recording(context: CommandContext, recording: Recording) -> Iterator[tuple[str, str]]:
    yield "recording", recording.status.value
    if recording.id is not None:
        yield "recording id", printable(recording.id)
    if recording.started_at is not None:
        yield "recorded from", _text(context, Kind.INSTANT, recording.started_at)
    if recording.ended_at is not None:
        yield "recorded to", _text(context, Kind.INSTANT, recording.ended_at)
    if recording.url is not None:
        yield "recording url", _text(context, Kind.URL, recording.url)
    if recording.dash_url is not None:
        yield "recording dash", _text(context, Kind.URL, recording.dash_url)
    if recording.duration is not None:
        yield "duration", _text(context, Kind.SECONDS, recording.duration)


def _webhook(context: CommandContext, webhook: Webhook) -> Iterator[tuple[str, str]]:
    yield "id", printable(webhook.id)
    if webhook.url is not None:
        yield "url", _text(context, Kind.URL, webhook.url)
    if webhook.secret is not None:
        yield "secret", _text(context, Kind.SECRET, webhook.secret)


def _restream(context: CommandContext, target: RestreamTarget) -> Iterator[tuple[str, str]]:
    yield "restream", "-" if target.url is None else _text(context, Kind.URL, target.url)
    if target.stream_key is not None:
        yield "  its key", _text(context, Kind.SECRET, target.stream_key)


_PARTS: dict[type, Callable[[CommandContext, Any], Iterator[tuple[str, str]]]] = {
    Ingest: _ingest,
    Playback: _playback,
    Recording: _recording,
    RestreamTarget: _restream,
}
