"""The tables of durable creates, and the operations on them, each within one transaction.

Times are seconds since 1970, by the clock of the database, which all processes share. Nothing
secret is stored: of a spec with secrets, the rest, and a salted digest of all of it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

import attrs
import sqlalchemy as sa

from .._model.errors import InvalidInput
from .._model.stream import StreamSpec
from .database import Database, Row, Tables, clean, insert, now_of
from .leases import Leases
from .values import CreateState, CreateStatus, ReviewCause

#: How long the spec of a stream without a start may be sent, in seconds.
_SEND_FOR = 900.0

#: The tables in your database, for migration tools such as Alembic.
tables: sa.MetaData = sa.MetaData()

_CREATES = sa.Table(
    "livestream_creates",
    tables,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("account", sa.Text),
    sa.Column("group_key", sa.Text, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # Without secrets.
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("has_secrets", sa.Boolean, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("is_unique", sa.Boolean, nullable=False),
    sa.Column("intended_at", sa.Float(53), nullable=False),
    sa.Column("send_until", sa.Float(53), nullable=False),
    # How to distinguish the stream of a create from those that were there before.
    sa.Column("basis", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("resends", sa.Integer, nullable=False),
    sa.Column("first_sent_at", sa.Float(53)),
    # After this, no attempt whose outcome is unknown sends anything more.
    sa.Column("sending_until", sa.Float(53), nullable=False),
    # The candidates in the last list that was read after the settle time.
    sa.Column("candidates", sa.Text),
    sa.Column("stream_id", sa.Text),
    # The ID in the normalized form that the vendor compares.
    sa.Column("stream_key", sa.Text),
    sa.UniqueConstraint("account", "stream_key"),
)

#: Creates that could be confused. One process owns a group until its lease ends, so creates in one
#: group are never sent at the same time.
_GROUPS = sa.Table(
    "livestream_groups",
    tables,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", sa.Float(53), nullable=False, default=0.0),
    sa.Column("not_before", sa.Float(53), nullable=False, default=0.0),
)

#: The streams that cannot be the result of a key's create. Those of the empty key, which belonged
#: to keys that were forgotten, cannot be the result of any.
_SEEN = sa.Table(
    "livestream_seen",
    tables,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("stream_key", sa.Text, primary_key=True),
)
_FORGOTTEN = ""

#: What is known about an account's list.
_BASELINES = sa.Table(
    "livestream_baselines",
    tables,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("listed_at", sa.Float(53), nullable=False),
    # The title of each stream, by the key of its ID.
    sa.Column("titles", sa.Text, nullable=False),
    # Whether the list tells when each stream was created.
    sa.Column("is_dated", sa.Boolean, nullable=False),
)

_LEASES = Leases(_GROUPS)
_CLAIM = (
    _GROUPS.update()
    .where(_GROUPS.c.key == sa.bindparam("of_group"), _LEASES.is_free)
    .values(owner=sa.bindparam("as_owner"), lease_until=sa.bindparam("until"))
)


class Basis(StrEnum):
    """How to distinguish the stream of a create from streams that were there before it."""

    UNIQUE_REFERENCE = "unique_reference"
    """The vendor has at most one stream with its reference."""
    REFERENCE = "reference"
    """The stream shows its reference."""
    UNIQUE = "unique"
    """The caller says that nothing else in the account equals the spec."""
    DATED = "dated"
    """The vendor tells when a stream was created."""
    LIST = "list"
    """A complete list from before the first attempt."""


@attrs.frozen(slots=True, kw_only=True)
class Entry:
    """A key's row, with the spec as far as it is stored."""

    key: str
    account: str | None
    group: str | None
    state: CreateState
    reason: str
    spec: StreamSpec
    has_secrets: bool
    salt: str
    is_unique: bool
    intended_at: float
    send_until: float
    basis: Basis | None
    attempts: int
    resends: int
    first_sent_at: float | None
    sending_until: float
    candidates: frozenset[str] | None
    stream_id: str | None
    seen_before: frozenset[str]

    @property
    def is_open(self) -> bool:
        """Whether a create of this key may have been applied, and its stream is not known."""
        is_unknown = self.state in (CreateState.UNKNOWN, CreateState.NEEDS_REVIEW)
        return is_unknown and self.stream_id is None and self.attempts > 0

    @property
    def applied(self) -> bool | None:
        """Whether a create of this key was applied: ``None`` if that is unknown."""
        return None if self.is_open else self.stream_id is not None

    @property
    def may_send_until(self) -> float:
        """Until when a create whose outcome is unknown may still be sent, or 0."""
        return self.sending_until if self.is_open else 0.0

    def status(self) -> CreateStatus:
        """Return what is public about it."""
        return CreateStatus(
            key=self.key,
            state=self.state,
            account=self.account,
            stream_id=self.stream_id,
            attempts=self.attempts,
            intended_at=datetime.fromtimestamp(self.intended_at, UTC),
            send_until=datetime.fromtimestamp(self.send_until, UTC),
            reason=self.reason,
        )


@attrs.frozen(slots=True, kw_only=True)
class Claim:
    """A group that this process has claimed.

    Attributes:
        entries: The keys of the group that are not settled.
        now: The current time by the database's clock.
    """

    entries: tuple[Entry, ...]
    now: float


class Gone(Exception):
    """The key was forgotten or settled by another process; nothing may be sent for it."""


class TooLate(Exception):
    """The key may not be sent any more."""


class Taken(Exception):
    """The stream belongs to another key."""


class Transaction:
    """One transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    @cached_property
    def now(self) -> float:
        """The current time by the database's clock, as first asked for in this transaction."""
        return now_of(self._connection)

    # -- intents ----------------------------------------------------------------------------

    def intend(
        self,
        key: str,
        spec: StreamSpec,
        *,
        account: str | None,
        send_until: datetime | None,
        unique: bool,
    ) -> None:
        """Record an intent, unless the key has one.

        Raises:
            InvalidInput: If the key has one with another spec.
        """
        salt = secrets.token_hex(16)
        until = send_until or spec.scheduled_start
        values = {
            "key": key,
            "account": account,
            "state": str(CreateState.INTENDED),
            "reason": "",
            "spec": json.dumps(spec.to_dict()),
            "has_secrets": _set_values(spec) != _set_values(spec, secrets=False),
            "salt": salt,
            "digest": _digest(spec, salt),
            "is_unique": unique,
            "intended_at": self.now,
            "send_until": self.now + _SEND_FOR if until is None else until.timestamp(),
            "attempts": 0,
            "resends": 0,
            "sending_until": 0.0,
        }
        self._insert_missing(_CREATES, values)
        self.check_spec(key, spec)

    def check_spec(self, key: str, spec: StreamSpec) -> None:
        """Check that a key was intended with this spec.

        Raises:
            InvalidInput: If it was intended with another spec.
        """
        row = self._row(key)
        if row is not None and not hmac.compare_digest(row["digest"], _digest(spec, row["salt"])):
            is_open = self._entry(row, frozenset()).is_open
            first = "run() the key without a spec until it is settled, then " if is_open else ""
            raise InvalidInput(
                f"key: {key!r} was used with another spec",
                field="key",
                hint=f"use another key for another stream; to start over, {first}forget() the key",
            )

    def entry(self, key: str, *, lock: bool = False) -> Entry | None:
        """Return a key's row, or ``None`` if the key is not known.

        Args:
            key: The key.
            lock: Whether no other transaction may change the row before this one ends.
        """
        row = self._row(key, lock=lock)
        if row is None:
            return None
        return self._entry(row, self._seen(row["account"], key))

    def left(self, accounts: Collection[str]) -> list[tuple[str, str | None]]:
        """Return the keys that are not settled, with their accounts, the oldest first.

        An intent without an account belongs to the only one that there is, if there is only one.
        """
        query = (
            sa.select(_CREATES.c.key, _CREATES.c.account)
            .where(
                sa.or_(_CREATES.c.account.in_(accounts), _CREATES.c.account.is_(None)),
                _CREATES.c.state != str(CreateState.CREATED),
            )
            .order_by(_CREATES.c.intended_at, _CREATES.c.key)
        )
        known = sa.select(_CREATES.c.account).distinct().where(_CREATES.c.account.is_not(None))
        all_ = {*accounts, *self._connection.execute(known).scalars()}
        only = next(iter(all_)) if len(all_) == 1 else None
        return [(key, account or only) for key, account in self._connection.execute(query)]

    def of_account(self, account: str) -> list[Entry]:
        """Return all keys of an account."""
        return self._entries(_CREATES.c.account == account)

    def bind(self, entry: Entry, account: str, group: str) -> None:
        """Record a key's account, unless it has one, and its group."""
        self._insert_missing(_GROUPS, {"key": group, "lease_until": 0.0, "not_before": 0.0})
        self._change(
            entry,
            account=sa.func.coalesce(_CREATES.c.account, account),
            group_key=group,
        )

    def forget(self, entry: Entry) -> None:
        """Delete a key, and remember that its stream is not that of another key."""
        self._connection.execute(_SEEN.delete().where(_SEEN.c.key == entry.key))
        row = self._row(entry.key)
        if row is not None and row["stream_key"] is not None:
            self._see(row["account"], _FORGOTTEN, [row["stream_key"]])
        self._connection.execute(_CREATES.delete().where(_CREATES.c.key == entry.key))

    # -- groups -----------------------------------------------------------------------------

    def claim(self, group: str, owner: str, lease: float) -> Claim | float:
        """Claim a group, or return for how many seconds another process holds it."""
        given = {"of_group": group, "now": self.now, "as_owner": owner, "until": self.now + lease}
        if self._connection.execute(_CLAIM, given).rowcount != 1:
            query = sa.select(_GROUPS.c.lease_until).where(_GROUPS.c.key == group)
            return max(float(self._connection.execute(query).scalar() or 0.0) - self.now, 0.05)
        return Claim(entries=self.unsettled(group), now=self.now)

    def unsettled(self, group: str) -> tuple[Entry, ...]:
        """Return the keys of a group that are not settled."""
        return tuple(
            self._entries(
                _CREATES.c.group_key == group, _CREATES.c.state != str(CreateState.CREATED)
            )
        )

    def hold(self, group: str, owner: str, lease: float) -> None:
        """Renew the lease on a group.

        Raises:
            LeaseLost: If another process has claimed the group.
        """
        _LEASES.hold(self._connection, group, owner, self.now + lease)

    def release(self, group: str, owner: str) -> None:
        """Release a group; if another process holds it, nothing changes."""
        _LEASES.release(self._connection, group, owner)

    # -- creates ----------------------------------------------------------------------------

    def send(
        self,
        entry: Entry,
        owner: str,
        *,
        lease: float,
        seconds: float,
        basis: Basis,
        seen_before: Collection[str],
    ) -> float:
        """Record that a create is about to be sent, and return for how long it may be sent.

        Args:
            entry: The key.
            owner: The owner of its group.
            lease: The length of the renewed lease.
            seconds: The time that is left for this call.
            basis: How to distinguish its stream from others.
            seen_before: The streams that cannot be its stream.

        Raises:
            LeaseLost: If another process has claimed the group.
            TooLate: If the key may not be sent any more.
            Gone: If the key was forgotten or settled.
        """
        self.hold(entry.group or "", owner, lease)
        seconds = min(seconds, entry.send_until - self.now)
        if seconds <= 0:
            raise TooLate
        if not self._change(
            entry,
            _CREATES.c.attempts == entry.attempts,
            state=str(CreateState.UNKNOWN),
            reason="a create was about to be sent",
            basis=str(basis),
            attempts=entry.attempts + 1,
            first_sent_at=self.now if entry.first_sent_at is None else entry.first_sent_at,
            sending_until=max(entry.may_send_until, self.now + seconds),
            # A list from before a create says nothing about its outcome.
            candidates=None,
        ):
            raise Gone
        self._see(entry.account or "", entry.key, seen_before)
        return seconds

    def not_sent(self, entry: Entry, reason: str) -> None:
        """Record that the last create was certainly not applied.

        It says nothing about earlier creates: their outcome is as unknown as it was.

        Args:
            entry: The key as it was before that create.
            reason: Why it was not applied.
        """
        self._change(
            entry,
            state=str(CreateState.UNKNOWN if entry.is_open else CreateState.INTENDED),
            reason=clean(reason),
            attempts=entry.attempts,
            first_sent_at=entry.first_sent_at,
            sending_until=entry.may_send_until,
        )

    def over(self, entry: Entry, reason: str) -> None:
        """Record that the last create sends nothing more, and that its outcome is unknown.

        Args:
            entry: The key as it was before that create.
            reason: Why its outcome is unknown.
        """
        self._change(entry, reason=clean(reason), sending_until=max(entry.may_send_until, self.now))

    def created(self, entry: Entry, stream_id: str, stream_key: str) -> str:
        """Record the stream of a key, unless it has one, and return the ID of the key's stream.

        If the key was forgotten, the stream is remembered as that of no other key.

        Raises:
            Taken: If it is the stream of another key.
        """
        query = sa.select(_CREATES.c.key, _CREATES.c.salt).where(
            _CREATES.c.account == entry.account, _CREATES.c.stream_key == stream_key
        )
        owner = self._connection.execute(query).one_or_none()
        if owner is not None and tuple(owner) != (entry.key, entry.salt):
            raise Taken
        if self._change(
            entry,
            state=str(CreateState.CREATED),
            reason="",
            stream_id=stream_id,
            stream_key=stream_key,
        ):
            return stream_id
        row = self._row(entry.key)
        if row is None or row["salt"] != entry.salt:
            self._see(entry.account or "", _FORGOTTEN, [stream_key])
            return stream_id
        return str(row["stream_id"])

    def not_applied(self, entry: Entry) -> None:
        """Record that the creates sent so far were not applied."""
        self._change(
            entry,
            state=str(CreateState.INTENDED),
            reason="its create was not applied",
            resends=entry.resends + 1,
            candidates=None,
        )

    def review(self, entry: Entry, cause: ReviewCause, reason: str) -> None:
        """Record that a key needs review."""
        reason = clean(f"{cause}: {reason}")
        self._change(entry, state=str(CreateState.NEEDS_REVIEW), reason=reason)

    def found(self, entry: Entry, candidates: Collection[str]) -> None:
        """Record the candidates in a list that was read after the settle time."""
        self._change(entry, candidates=json.dumps(sorted(candidates)))

    def taken(self, account: str) -> frozenset[str]:
        """Return the streams of an account that belong, or belonged, to a key."""
        return self.owned(account) | self._seen(account, _FORGOTTEN)

    def owned(self, account: str) -> frozenset[str]:
        """Return the streams of an account that belong to a key."""
        query = sa.select(_CREATES.c.stream_key).where(
            _CREATES.c.account == account, _CREATES.c.stream_key.is_not(None)
        )
        return frozenset(filter(None, self._connection.execute(query).scalars()))

    # -- what is known about an account -----------------------------------------------------

    def baseline(self, account: str) -> tuple[float, Mapping[str, str], bool] | None:
        """Return an account's last list: its time, the titles by ID, and whether it has dates."""
        query = sa.select(_BASELINES).where(_BASELINES.c.account == account)
        row = self._connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        return row["listed_at"], json.loads(row["titles"]), row["is_dated"]

    def save_baseline(
        self, account: str, listed_at: float, titles: Mapping[str, str], *, is_dated: bool
    ) -> None:
        """Save an account's list."""
        values = {
            "account": account,
            "listed_at": listed_at,
            "titles": json.dumps(titles),
            "is_dated": is_dated,
        }
        self._insert_missing(_BASELINES, values)
        self._connection.execute(
            _BASELINES.update().where(_BASELINES.c.account == account).values(values)
        )

    def note_dated(self, account: str) -> None:
        """Record that an account's streams show when they were created."""
        self._insert_missing(
            _BASELINES, {"account": account, "listed_at": 0.0, "titles": "{}", "is_dated": True}
        )
        self._connection.execute(
            _BASELINES.update().where(_BASELINES.c.account == account).values(is_dated=True)
        )

    # -- rows -------------------------------------------------------------------------------

    def _row(self, key: str, *, lock: bool = False) -> Row | None:
        query = sa.select(_CREATES).where(_CREATES.c.key == key)
        if lock:
            query = query.with_for_update()
        return self._connection.execute(query).mappings().one_or_none()

    def _entries(self, *conditions: sa.ColumnElement[bool]) -> list[Entry]:
        """Return the keys that meet some conditions, in order."""
        query = sa.select(_SEEN.c.key, _SEEN.c.stream_key).join(
            _CREATES, sa.and_(_CREATES.c.key == _SEEN.c.key, _CREATES.c.account == _SEEN.c.account)
        )
        seen: dict[str, list[str]] = {}
        for key, stream_key in self._connection.execute(query.where(*conditions)):
            seen.setdefault(key, []).append(stream_key)
        rows = sa.select(_CREATES).where(*conditions).order_by(_CREATES.c.key)
        return [
            self._entry(row, frozenset(seen.get(row["key"], ())))
            for row in self._connection.execute(rows).mappings()
        ]

    def _entry(self, row: Row, seen_before: frozenset[str]) -> Entry:
        candidates = row["candidates"]
        return Entry(
            key=row["key"],
            account=row["account"],
            group=row["group_key"],
            state=CreateState(row["state"]),
            reason=row["reason"],
            spec=StreamSpec.from_dict(json.loads(row["spec"])),
            has_secrets=row["has_secrets"],
            salt=row["salt"],
            is_unique=row["is_unique"],
            intended_at=row["intended_at"],
            send_until=row["send_until"],
            basis=None if row["basis"] is None else Basis(row["basis"]),
            attempts=row["attempts"],
            resends=row["resends"],
            first_sent_at=row["first_sent_at"],
            sending_until=row["sending_until"],
            candidates=None if candidates is None else frozenset(json.loads(candidates)),
            stream_id=row["stream_id"],
            seen_before=seen_before,
        )

    def _seen(self, account: str | None, key: str) -> frozenset[str]:
        query = sa.select(_SEEN.c.stream_key).where(_SEEN.c.account == account, _SEEN.c.key == key)
        return frozenset(self._connection.execute(query).scalars())

    def _see(self, account: str, key: str, stream_keys: Collection[str]) -> None:
        rows = [{"account": account, "key": key, "stream_key": each} for each in stream_keys]
        self._insert_missing(_SEEN, *rows)

    def _change(self, entry: Entry, *conditions: sa.ColumnElement[bool], **values: Any) -> bool:
        """Change the row of an entry, and return whether it was still there to be changed.

        Since the entry was read, its key may have been forgotten, and intended with another spec,
        or a process that has lost its lease may have recorded its stream.
        """
        query = _CREATES.update().where(
            _CREATES.c.key == entry.key,
            _CREATES.c.salt == entry.salt,
            _CREATES.c.stream_key.is_(None),
            *conditions,
        )
        return self._connection.execute(query.values(**values)).rowcount == 1

    def _insert_missing(self, table: sa.Table, *rows: Mapping[str, Any]) -> None:
        if not rows:
            return
        self._connection.execute(
            insert(self._connection.dialect.name, table).on_conflict_do_nothing(), list(rows)
        )


class Store(Tables[Transaction]):
    """The database with the tables of durable creates."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, tables, Transaction)


def _digest(spec: StreamSpec, salt: str) -> str:
    """Return a digest that shows nothing but whether two specs are equal."""
    text = json.dumps(_set_values(spec), sort_keys=True)
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


def _set_values(spec: StreamSpec, *, secrets: bool = True) -> dict[str, Any]:
    """Return a spec as data, without fields at their default.

    So no digest changes because the model grew.
    """
    blank = StreamSpec(title="-").to_dict(secrets=True)
    data = spec.to_dict(secrets=secrets).items()
    return {name: value for name, value in data if name == "title" or value != blank.get(name)}
