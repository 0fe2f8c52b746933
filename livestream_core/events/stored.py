"""What trackers store: the names of streams and accounts, and what waits for them.

What waits for a stream is either the text of an :class:`Evidence`, or a note without a text. The
keys of notes begin with a word; all other keys are JSON strings, which begin with a quotation mark.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

import attrs

from .._engine.following import Evidence
from .._model import converters as c
from .._model.changes import Source
from .._model.converters import with_field_name
from .._model.errors import InvalidInput
from .._model.stream import Event, EventKind, LiveStream, stored_data

#: The beginning of a note: read the stream.
POLL = "poll"
#: A note: the list of its account no longer has the stream, so read it by its ID.
UNLISTED = "unlisted"
#: A note: while the stream is likely to change, read it by its ID, which costs less than a list.
HOT = "hot"
#: A note: forget the stream, because its account is no longer watched.
FORGET = "forget"
#: A note about an account: list its streams. The text has the filters.
WATCH = "watch"

#: What waits: the name of the stream or the account, the key, and the text.
Waiting = tuple[str, str, str]

#: Made once, and without a check for cycles, because receivers convert each delivery.
_text = json.JSONEncoder(check_circular=False).encode
_account = with_field_name("account", c.identifier)
_id = with_field_name("id", c.identifier)


def name_of(account: str, stream_id: str) -> str:
    """Return the name by which stores know a stream.

    Raises:
        InvalidInput: If no change could have this account or this ID.
    """
    # Texts one by one, because a list takes four times as long.
    return f"[{_text(_account(account))}, {_text(_id(stream_id))}]"


def name_of_account(account: str) -> str:
    """Return the name by which stores know an account."""
    return _text([_account(account)])


def delivery_of(event: Event, account: str | None) -> Waiting | None:
    """Return what to store about a delivery, or ``None`` if it is not about a stream."""
    if not isinstance(event, Event):
        raise InvalidInput(f"event: expected an Event, not {type(event).__name__}", field="event")
    account = event.account if account is None else account
    if account is None:
        raise InvalidInput(
            "account: the event does not say which account it is for",
            field="account",
            hint="pass account=",
        )
    if event.kind is not EventKind.STREAM_CHANGED or not event.stream_id:
        return None
    return _waiting(
        account,
        event.stream_id,
        Evidence(event=event, source=Source.WEBHOOK, received_at=datetime.now(UTC)),
    )


def read_of(account: str, stream: LiveStream) -> Waiting:
    """Return what to store about a stream that the application has read."""
    if not isinstance(stream, LiveStream):
        raise InvalidInput(
            f"stream: expected a LiveStream, not {type(stream).__name__}", field="stream"
        )
    return _waiting(
        account,
        stream.id,
        Evidence(event=_event_of(stream), source=Source.POLL, received_at=datetime.now(UTC)),
    )


def listed(account: str, stream: LiveStream, at: datetime) -> Waiting:
    """Return what to store about a stream that a list has shown, with all of its fields."""
    return _waiting(
        account,
        stream.id,
        Evidence(event=_event_of(stream), source=Source.POLL, received_at=at, is_read=True),
    )


def respelled(account: str, id: str, evidence: Evidence) -> Waiting:
    """Return what to store about a delivery or a read with another spelling of the stream's ID."""
    event = evidence.event
    stream = None if event.stream is None else attrs.evolve(event.stream, id=id)
    event = attrs.evolve(event, stream_id=id, stream=stream)
    return _waiting(account, id, attrs.evolve(evidence, event=event))


def note(account: str, id: str, word: str) -> Waiting:
    """Return what to store for a note about a stream."""
    return name_of(account, id), word, ""


def poll_of(account: str, id: str) -> Waiting:
    """Return what to store to have a stream read.

    Its key differs each time: a note that waits already may be that of a read that has begun.
    """
    return note(account, id, f"{POLL}:{secrets.token_hex(8)}")


def watch_of(account: str, filters: Mapping[str, str]) -> Waiting:
    """Return what to store to have the streams of an account listed."""
    return name_of_account(account), WATCH, _text(filters)


def _event_of(stream: LiveStream) -> Event:
    return Event(
        provider=stream.provider,
        kind=EventKind.STREAM_CHANGED,
        stream_id=stream.id,
        stream=stream,
    )


def _waiting(account: str, id: str, evidence: Evidence) -> Waiting:
    # As JSON, every text is one that every store can keep.
    key = _text(evidence.event.key or secrets.token_hex(16))
    return name_of(account, id), key, _text(stored_data(evidence))
