"""What people need to move over: new addresses and keys, and which stream became which."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs

from ..._client import Client
from ..._contract.capabilities import Capabilities
from ..._model.errors import InvalidInput, LiveStreamError
from ..._model.publishing import Publishing
from ..._model.status import STATUSES
from ..._model.stream import Ingest, LiveStream, Playback, field_of, publishing_of
from ..._model.urls import PlaybackKind
from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction
from ..pace import RequestRate, paced, rate_of
from ..planning.listing import SourceReader
from ..planning.plan import check_workers, reads_natively
from ..running.run import Location, check_accounts
from ..values import Cutover, Item
from .check import Checker, was_on_air

#: Instead of an address: the target gives it once the stream is started.
AFTER_START = "after start"
#: Instead of an address: the target has none to give.
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
)
_MAP_COLUMNS = ("source_id", "target_id", "title", "source_playback_url", "target_playback_url")
_SECONDS = 60.0


@attrs.frozen(slots=True, kw_only=True)
class HandoverResult:
    """What was written.

    Attributes:
        folder: Where to.
        streams: How many streams.
        given: How many have an address now.
        after_start: How many get theirs when they are started.
        none: How many have none.
        unread: Ids at the target of streams that could not be read, each with the reason.
    """

    folder: Path
    streams: int
    given: int
    after_start: int
    none: int
    unread: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes; without secrets."""
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
) -> HandoverResult:
    """Writes the files that people need to move over, readable by nobody else:

    - ``ingests.csv`` and ``ingests.json``: the new server and stream key of each stream, as OBS
      Studio asks for them, and the passphrase of SRT;
    - ``obs/<stream>/``: the same as a profile of OBS Studio;
    - ``map.csv`` and ``map.json``: old id to new id, old playback URL to new one.

    Args:
        ledger: The migration's ledger.
        source: The client of the source.
        target: The client of the target.
        folder: Where to; made where it is not there. Files of an earlier hand-over are replaced.
        workers: How many streams are read at a time.
        source_rate: The most requests to the source, such as ``"5/s"``.
        target_rate: The most requests to the target.

    Raises:
        LedgerError: The ledger cannot be read, or is of other accounts.
        InvalidInput: The folder cannot be written, or an argument is wrong.
    """
    check_workers(workers)
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger))
        check_accounts(opened, source, target)
        stack.enter_context(paced(source, rate_of(source_rate)))
        stack.enter_context(paced(target, rate_of(target_rate)))
        report = opened.report()
        moved = [item for item in report.items if item.is_moved]
        checker = Checker(report, source, target)
        executor = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="handover"))
        pairs = list(zip(moved, executor.map(checker.pair, moved), strict=True))
    ingests, profiles, mapping, unread = [], [], [], {}
    for item, pair in pairs:
        if pair.target is None:
            unread[item.target_id or ""] = pair.checked.reason or "it is gone"
            continue
        if lost := [each for each in pair.target.problems if field_of(each) in _HANDED_OVER]:
            # "No address" would be said of what may well have one.
            unread[pair.target.id] = "; ".join(lost)
            continue
        ingest = pair.target.ingest or next(iter(pair.target.ingests), None)
        told = None if ingest is None else _told(ingest)
        row = _ingest_row(item, pair.target, told, target.capabilities)
        ingests.append(row)
        if told is not None:
            profiles.append(_obs_profile(row, told))
        mapping.append(_map_row(item, pair.source, pair.target))
    where = Path(folder)
    problem = ""
    try:
        _write_all(where, ingests, profiles, mapping)
    except OSError as error:
        problem = f"folder: {where} cannot be written: {error.strerror}"
    if problem:
        raise InvalidInput(problem, field="folder")
    return HandoverResult(
        folder=where,
        streams=len(ingests),
        given=sum(row["ingest"] == "" for row in ingests),
        after_start=sum(row["ingest"] == AFTER_START for row in ingests),
        none=sum(row["ingest"] == NONE for row in ingests),
        unread=unread,
    )


_HANDED_OVER = ("ingests", "playbacks")


def _told(ingest: Ingest) -> Publishing | None:
    """What an encoder is told; of a protocol that is not known here, what the vendor says."""
    told = publishing_of(ingest)
    if told is None and ingest.url is not None:
        key = "" if ingest.stream_key is None else ingest.stream_key.reveal()
        told = Publishing("", str.__str__(ingest.url), key, "", None, [])
    return told


def _ingest_row(
    item: Item, stream: LiveStream, told: Publishing | None, capabilities: Capabilities
) -> dict[str, str]:
    note = ""
    if told is None:
        # A vendor that makes servers has statuses for that; a catalogue has none.
        facts = [STATUSES[status] for status in capabilities.statuses]
        makes_servers = any(each.active and not each.aired for each in facts)
        note = AFTER_START if makes_servers else NONE
    start = stream.scheduled_start
    return {
        "source_id": item.source_id,
        "target_id": stream.id,
        "title": stream.title,
        "scheduled_start": "" if start is None else start.isoformat(),
        "server": "" if told is None else str.__str__(told.server),
        "stream_key": "" if told is None else told.key,
        "ingest": note,
        "passphrase": "" if told is None else told.passphrase,
    }


def _map_row(item: Item, old: LiveStream | None, new: LiveStream) -> dict[str, str]:
    return {
        "source_id": item.source_id,
        "target_id": new.id,
        "title": new.title,
        "source_playback_url": _playback(_planned(item) if old is None else old.playbacks),
        "target_playback_url": _playback(new.playbacks),
    }


def _planned(item: Item) -> tuple[Playback, ...]:
    """The playbacks of a source stream that is gone; a ledger keeps no address with a secret in
    it, only a digest.
    """
    return tuple(Playback(url) for url in item.source.get("playbacks", ()) if "://" in (url or ""))


def _playback(playbacks: Sequence[Playback]) -> str:
    """The first HLS address, or else the first."""
    urls = [each.url for each in playbacks if each.url and each.kind is PlaybackKind.HLS]
    urls += [each.url for each in playbacks if each.url]
    return str.__str__(urls[0]) if urls else ""


# -- files -----------------------------------------------------------------------------------


def _write_all(
    folder: Path,
    ingests: Sequence[Mapping[str, str]],
    profiles: Iterable[tuple[str, str]],
    mapping: Sequence[Mapping[str, str]],
) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, columns, rows in (
        ("ingests", _INGEST_COLUMNS, ingests),
        ("map", _MAP_COLUMNS, mapping),
    ):
        _write(folder / f"{name}.csv", _csv(columns, rows))
        _write(folder / f"{name}.json", json.dumps(list(rows), indent=2) + "\n")
    for name, service in profiles:
        profile = folder / "obs" / name
        profile.parent.mkdir(mode=0o700, exist_ok=True)
        profile.mkdir(mode=0o700, exist_ok=True)
        _write(profile / "service.json", service)
        _write(profile / "basic.ini", f"[General]\nName={profile.name}\n")


def _write(path: Path, text: str) -> None:
    """For the owner alone from the first byte on, and never half."""
    making = path.with_name(f".{path.name}.new")
    making.unlink(missing_ok=True)
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.replace(making, path)


def _csv(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    for row in rows:
        # A spreadsheet would run a title that begins like a formula.
        writer.writerow({**row, "title": re.sub(r"\A(?=[=+\-@\t\r])", "'", row["title"])})
    return text.getvalue()


def _obs_profile(row: Mapping[str, str], told: Publishing) -> tuple[str, str]:
    """The name of a profile of OBS Studio, and its service.json."""
    title = re.sub(r"[^\w-]+", "-", row["title"]).strip("-")[:40]
    unique = re.sub(r"[^\w-]+", "-", row["target_id"])
    name = f"{title}-{unique}" if title else unique
    return name, json.dumps(_obs_service(told), indent=2) + "\n"


def _obs_service(told: Publishing) -> dict[str, Any]:
    server = str.__str__(told.server)
    if told.format == "whip":
        whip = {"bearer_token": told.key, "server": server, "service": "WHIP"}
        return {"settings": whip, "type": "whip_custom"}
    # OBS takes the passphrase of SRT from where the password of RTMP is.
    user, password = "", told.passphrase
    if told.format == "flv" and (found := re.match(r"(.*?://)([^/?#]*)@", server)):
        # It would take the user for the host.
        user, _, password = found[2].partition(":")
        server = found[1] + server[found.end() :]
    settings: dict[str, Any] = {
        "bwtest": False,
        "key": told.key,
        "server": server,
        "use_auth": bool(user or password),
    }
    if settings["use_auth"]:
        settings |= {"username": user, "password": password}
    return {"settings": settings, "type": "rtmp_custom"}


# -- how far the users are -------------------------------------------------------------------


def mark_switched(ledger: Location, source_ids: Iterable[str]) -> None:
    """Notes by hand that people publish to the new streams: for a target that reports no status.

    Args:
        ledger: The migration's ledger.
        source_ids: Ids at the source.

    Raises:
        LedgerError: The ledger cannot be written.
        InvalidInput: An id is not of a stream that was moved.
    """
    ids = [source_ids] if isinstance(source_ids, str) else list(source_ids)
    with Ledger.open(ledger, write=True) as opened:
        moved = {item.source_id for item in opened.report().items if item.is_moved}
        if unknown := [each for each in ids if each not in moved]:
            raise InvalidInput(f"switched: not moved: {', '.join(unknown)}", field="source_ids")

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
) -> int:
    """Looks at the target which streams were on air there, and notes them as switched.

    Args:
        ledger: The migration's ledger.
        target: The client of the target.
        workers: How many streams are read at a time.
        target_rate: The most requests to the target, such as ``"5/s"``.

    Returns:
        How many were found that were not known to be.

    Raises:
        LedgerError: The ledger cannot be written, or is of another account.
        InvalidInput: An argument is wrong.
    """
    check_workers(workers)
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=True))
        check_accounts(opened, None, target)
        stack.enter_context(paced(target, rate_of(target_rate)))
        reader = SourceReader(target, natively=reads_natively(target))
        prepared = [
            item
            for item in opened.report().items
            if item.is_moved and item.cutover is Cutover.PREPARED
        ]

        def is_on_air(item: Item) -> bool:
            try:
                return was_on_air(reader.read(item.target_id or "", _SECONDS))
            except LiveStreamError:
                return False

        executor = stack.enter_context(
            ThreadPoolExecutor(workers, thread_name_prefix="refresh_cutovers")
        )
        found = [
            item.source_id
            for item, on_air in zip(prepared, executor.map(is_on_air, prepared), strict=True)
            if on_air
        ]

        def note(transaction: Transaction) -> None:
            for each in found:
                transaction.change(each, switched=True)

        if found:
            opened.write(note)
        return len(found)
