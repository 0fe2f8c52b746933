"""Hand over the new ingests, and record cutovers."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs

from ..._client import Client
from ..._contract.capabilities import Capabilities
from ..._model.errors import InvalidInput, LiveStreamError
from ..._model.publishing import Publishing
from ..._model.status import STATUSES
from ..._model.stream import Ingest, LiveStream, Playback, field_of, hls_url_of, publishing_of
from ..._secrets.private_file import write_private
from ..kept import Kept, mapped
from ..ledger.ledger import Ledger, check_accounts, head
from ..ledger.transaction import Transaction
from ..pace import RequestRate, paced, rate_of
from ..patience import PATIENCE, Patience, Waiting, threads
from ..planning.planner import check_workers
from ..running.run import Location
from ..values import Cutover, Item
from .check import Checker, reader_of, was_live

#: Written instead of an ingest that the target assigns when the stream starts.
AFTER_START = "after start"
#: Written if the target has no ingest for the stream.
NONE = "none"

_INGEST_COLUMNS = (
    "source_id",
    "target_id",
    "title",
    "scheduled_start",
    "server",
    "stream_key",
    "ingest",
    "passphrase",
    "expires_at",
)
_MAP_COLUMNS = ("source_id", "target_id", "title", "source_playback_url", "target_playback_url")
_SECONDS = 60.0


@attrs.frozen(slots=True, kw_only=True)
class HandoverResult:
    """The result of a handover.

    Attributes:
        folder: The folder that the files were written to.
        streams: The number of streams in the files.
        given: The number of streams that have an ingest.
        after_start: The number of streams that get an ingest when they start.
        none: The number of streams that have no ingest.
        unread: The target IDs of streams that could not be read, each with the reason.
    """

    folder: Path
    streams: int
    given: int
    after_start: int
    none: int
    unread: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as data for ``json.dumps``, without secrets."""
        return {**attrs.asdict(self), "folder": str(self.folder), "unread": dict(self.unread)}


def handover(
    ledger: Location,
    source: Client,
    target: Client,
    folder: str | os.PathLike[str],
    *,
    workers: int = 4,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
    patience: float = PATIENCE,
    waiting: Waiting | None = None,
) -> HandoverResult:
    """Write the files that publishers need for the cutover, readable only by the current user.

    - ``ingests.csv`` and ``ingests.json``: the new server and stream key of each stream, in the
      form that OBS Studio asks for, the passphrase for SRT, and when a key expires
    - ``obs/<stream>/``: the same as an OBS Studio profile
    - ``map.csv`` and ``map.json``: the old and new ID of each stream, and its old and new
      playback URL

    Args:
        ledger: The migration's ledger.
        source: The client for the source.
        target: The client for the target.
        folder: The folder for the files, created if it does not exist. Files of an earlier handover
            are replaced.
        workers: The number of streams to read at a time.
        source_rate: The maximum rate of requests to the source, such as ``"5/s"``.
        target_rate: The maximum rate of requests to the target.
        patience: The longest wait, in seconds, that is accepted when a vendor asks for one.
        waiting: A function that is called, in any thread, when a wait starts, with its end and the
            error in which the vendor asked for it.

    Raises:
        LedgerError: If the ledger cannot be read or belongs to other accounts.
        InvalidInput: If the folder cannot be written, or an argument is invalid.
        LiveStreamError: If a vendor asks for a longer wait than ``patience``.
    """
    check_workers(workers)
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger))
        check_accounts(opened, source, target)
        kept = Patience(patience, waiting, ledger=opened)
        stack.enter_context(paced(source, rate_of(source_rate), kept))
        stack.enter_context(paced(target, rate_of(target_rate), kept))
        moved = (item for item in opened.read(Transaction.items) if item.is_moved)
        checker = Checker(opened.read(head), source, target, kept)
        executor = stack.enter_context(threads(workers, "handover", kept))
        # They are written only once all were read: an interrupted handover replaces no file.
        ingests: Kept[dict[str, str]] = Kept(secret=True)
        profiles: Kept[tuple[str, str]] = Kept(secret=True)
        mapping: Kept[dict[str, str]] = Kept(secret=True)
        notes: Counter[str] = Counter()
        unread: dict[str, str] = {}
        for item, pair in mapped(executor, lambda item: (item, checker.pair(item)), moved, workers):
            if pair.target is None:
                unread[item.target_id or ""] = pair.checked.reason or "it no longer exists"
                continue
            if lost := [each for each in pair.target.problems if field_of(each) in _HANDED_OVER]:
                # Reporting "no ingest" could be wrong.
                unread[pair.target.id] = "; ".join(lost)
                continue
            ingest = pair.target.ingest or next(iter(pair.target.ingests), None)
            publishing = None if ingest is None else _publishing(ingest)
            row = _ingest_row(item, pair.target, ingest, publishing, target.capabilities)
            ingests.append(row)
            notes[row["ingest"]] += 1
            if publishing is not None:
                profiles.append(_obs_profile(row, publishing))
            mapping.append(_map_row(item, pair.source, pair.target))
    path = Path(folder)
    problem = ""
    try:
        _write_all(path, ingests, profiles, mapping)
    except OSError as error:
        problem = f"folder: {path} cannot be written: {error.strerror}"
    if problem:
        raise InvalidInput(problem, field="folder")
    return HandoverResult(
        folder=path,
        streams=len(ingests),
        given=notes[""],
        after_start=notes[AFTER_START],
        none=notes[NONE],
        unread=unread,
    )


_HANDED_OVER = ("ingests", "playbacks")


def _publishing(ingest: Ingest) -> Publishing | None:
    """Return the encoder settings; for an unknown protocol, the URL and key from the vendor."""
    publishing = publishing_of(ingest)
    if publishing is None and ingest.url is not None:
        key = "" if ingest.stream_key is None else ingest.stream_key.reveal()
        publishing = Publishing("", str.__str__(ingest.url), key, "", None, [])
    return publishing


def _ingest_row(
    item: Item,
    stream: LiveStream,
    ingest: Ingest | None,
    publishing: Publishing | None,
    capabilities: Capabilities,
) -> dict[str, str]:
    note = ""
    if publishing is None:
        # A vendor that boots servers has statuses for that; a catalog of streams has none.
        facts = [STATUSES[status] for status in capabilities.statuses]
        boots_servers = any(each.active and not each.aired for each in facts)
        note = AFTER_START if boots_servers else NONE
    start, end = stream.scheduled_start, None if ingest is None else ingest.expires_at
    return {
        "source_id": item.source_id,
        "target_id": stream.id,
        "title": stream.title or item.title,
        "scheduled_start": "" if start is None else start.isoformat(),
        "server": "" if publishing is None else str.__str__(publishing.server),
        "stream_key": "" if publishing is None else publishing.key,
        "ingest": note,
        "passphrase": "" if publishing is None else publishing.passphrase,
        "expires_at": "" if end is None else end.isoformat(),
    }


def _map_row(item: Item, old: LiveStream | None, new: LiveStream) -> dict[str, str]:
    return {
        "source_id": item.source_id,
        "target_id": new.id,
        "title": new.title or item.title,
        "source_playback_url": _playback(_planned(item) if old is None else old.playbacks),
        "target_playback_url": _playback(new.playbacks),
    }


def _planned(item: Item) -> tuple[Playback, ...]:
    """Return the planned playbacks of a source stream that no longer exists.

    URLs with a secret are left out, because the ledger stores only their digests.
    """
    return tuple(Playback(url) for url in item.source.get("playbacks", ()) if "://" in (url or ""))


def _playback(playbacks: Sequence[Playback]) -> str:
    """Return the first HLS URL, or else the first URL."""
    urls = (hls_url_of(playbacks), *(each.url for each in playbacks))
    return str.__str__(next(filter(None, urls), ""))


# -- files -----------------------------------------------------------------------------------


def _write_all(
    folder: Path,
    ingests: Iterable[Mapping[str, str]],
    profiles: Iterable[tuple[str, str]],
    mapping: Iterable[Mapping[str, str]],
) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, columns, rows in (
        ("ingests", _INGEST_COLUMNS, ingests),
        ("map", _MAP_COLUMNS, mapping),
    ):
        write_private(folder / f"{name}.csv", _csv(columns, rows))
        write_private(folder / f"{name}.json", _json(rows))
    for name, service in profiles:
        profile = folder / "obs" / name
        profile.parent.mkdir(mode=0o700, exist_ok=True)
        profile.mkdir(mode=0o700, exist_ok=True)
        write_private(profile / "service.json", [service])
        write_private(profile / "basic.ini", [f"[General]\nName={profile.name}\n"])


def _csv(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    for row in rows:
        # A spreadsheet would run a title that looks like a formula.
        writer.writerow({**row, "title": re.sub(r"\A(?=[=+\-@\t\r])", "'", row["title"])})
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _json(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield before + "\n  " + json.dumps(row, indent=2).replace("\n", "\n  ")
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _obs_profile(row: Mapping[str, str], publishing: Publishing) -> tuple[str, str]:
    """Return the name of an OBS Studio profile, and its service.json."""
    title = re.sub(r"[^\w-]+", "-", row["title"]).strip("-")[:40]
    unique = re.sub(r"[^\w-]+", "-", row["target_id"])
    name = f"{title}-{unique}" if title else unique
    return name, json.dumps(_obs_service(publishing), indent=2) + "\n"


def _obs_service(publishing: Publishing) -> dict[str, Any]:
    server = str.__str__(publishing.server)
    if publishing.format == "whip":
        whip = {"bearer_token": publishing.key, "server": server, "service": "WHIP"}
        return {"settings": whip, "type": "whip_custom"}
    # OBS reads the SRT passphrase from the field of the RTMP password.
    user, password = "", publishing.passphrase
    if publishing.format == "flv" and (found := re.match(r"(.*?://)([^/?#]*)@", server)):
        # OBS would take the user for the host.
        user, _, password = found[2].partition(":")
        server = found[1] + server[found.end() :]
    settings: dict[str, Any] = {
        "bwtest": False,
        "key": publishing.key,
        "server": server,
        "use_auth": bool(user or password),
    }
    if settings["use_auth"]:
        settings |= {"username": user, "password": password}
    return {"settings": settings, "type": "rtmp_custom"}


# -- cutovers --------------------------------------------------------------------------------


def mark_switched(ledger: Location, source_ids: Iterable[str]) -> None:
    """Mark streams as switched, if the target does not report a status.

    Args:
        ledger: The migration's ledger.
        source_ids: The streams' IDs at the source.

    Raises:
        LedgerError: If the ledger cannot be written.
        InvalidInput: If an ID does not belong to a stream that was moved.
    """
    ids = [source_ids] if isinstance(source_ids, str) else list(source_ids)
    with Ledger.open(ledger, write=True) as opened:
        moved = {item.source_id for item in opened.read(Transaction.items) if item.is_moved}
        if unknown := [each for each in ids if each not in moved]:
            raise InvalidInput(
                "source_ids: these streams were not moved, so they cannot be marked as switched: "
                f"{', '.join(unknown)}",
                field="source_ids",
            )

        def note(transaction: Transaction) -> None:
            for each in ids:
                transaction.change(each, switched=True)

        opened.write(note)


def refresh_cutovers(
    ledger: Location,
    target: Client,
    *,
    workers: int = 4,
    target_rate: RequestRate | str | None = None,
    patience: float = PATIENCE,
    waiting: Waiting | None = None,
) -> int:
    """Ask the target which streams have been live, and mark them as switched.

    Args:
        ledger: The migration's ledger.
        target: The client for the target.
        workers: The number of streams to read at a time.
        target_rate: The maximum rate of requests to the target, such as ``"5/s"``.
        patience: The longest wait, in seconds, that is accepted when a vendor asks for one.
        waiting: A function that is called, in any thread, when a wait starts, with its end and the
            error in which the vendor asked for it.

    Returns:
        The number of streams that were newly marked as switched.

    Raises:
        LedgerError: If the ledger cannot be written or belongs to another account.
        InvalidInput: If an argument is invalid.
        LiveStreamError: If a vendor asks for a longer wait than ``patience``.
    """
    check_workers(workers)
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=True))
        check_accounts(opened, None, target)
        kept = Patience(patience, waiting, ledger=opened)
        stack.enter_context(paced(target, rate_of(target_rate), kept))
        reader = reader_of(target, kept)
        prepared = (
            item
            for item in opened.read(Transaction.items)
            if item.is_moved and item.cutover is Cutover.PREPARED
        )

        def switched(item: Item) -> str | None:
            try:
                is_switched = was_live(reader.read(item.target_id or "", _SECONDS))
            except LiveStreamError as error:
                if kept.is_ended_by(error):
                    raise
                return None
            return item.source_id if is_switched else None

        executor = stack.enter_context(threads(workers, "refresh_cutovers", kept))
        found = [*filter(None, mapped(executor, switched, prepared, workers))]

        def note(transaction: Transaction) -> None:
            for each in found:
                transaction.change(each, switched=True)

        if found:
            opened.write(note)
        return len(found)
