"""Durable creates for both clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

import sqlalchemy as sa

from .._client import AsyncClient, Client
from .._client.base import BaseClient
from .._model import converters as c
from .._model.converters import with_field_name
from .._model.errors import InvalidInput, LiveStreamError, RequestTimeout
from .._model.stream import LiveStream, StreamSpec
from .._model.typed import StreamFields
from .._runners.coroutines import in_thread, run_async
from .._runners.sync import run
from .creating import Creating, Settings, unowned
from .database import Database, shown
from .flows import Ask, Effect, Flow, List, Pause, Read
from .listing import read_list, read_list_async
from .store import Store, Transaction
from .values import CreateStatus, NotSettled

if TYPE_CHECKING:
    # It needs greenlet, which the caller has who uses it.
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
C = TypeVar("C", bound=BaseClient)

#: How long one call may take by default, in seconds.
_DEADLINE = 60.0
#: A page of a list may take this part of the time that is left, so that the last one is in time.
_PART = 2


class _Base:
    """What both have in common."""

    def __init__(
        self,
        database: Database,
        *,
        settle: float = 900.0,
        lease: float = 120.0,
        baseline_age: float = 0.0,
    ) -> None:
        given = {"settle": settle, "lease": lease, "baseline_age": baseline_age}
        for name, value in given.items():
            with_field_name(name, c.seconds)(value)
        if lease < 1:
            raise InvalidInput("lease: must be at least 1 second", field="lease")
        self._settings = Settings(**given)
        self._store = Store(database)

    def close(self) -> None:
        """Close the database connections, unless they are of an engine of yours."""
        self._store.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shown(self._store.engine.url)}>"

    def _creating(
        self,
        client: BaseClient,
        key: str,
        spec: StreamSpec | None,
        deadline: float | None,
        **patience: float,
    ) -> tuple[Flow[LiveStream], float]:
        """Return the flow of a call, and when it must end, by the monotonic clock."""
        key = with_field_name("key", _key)(key)
        if spec is not None and not isinstance(spec, StreamSpec):
            raise InvalidInput(
                f"spec: expected a StreamSpec, not {type(spec).__name__}", field="spec"
            )
        # Nothing is sent after the deadline, so that it ends before the lease does.
        seconds = min(_DEADLINE, self._settings.lease / 2) if deadline is None else deadline
        with_field_name("deadline", c.seconds)(seconds)
        creating = Creating(client, key, spec, self._settings, seconds=seconds, **patience)
        return creating.flow(), time.monotonic() + seconds

    @staticmethod
    def _intent(
        key: str,
        spec: StreamSpec,
        *,
        account: str | None,
        send_until: datetime | str | None,
        unique: bool,
    ) -> Callable[[Transaction], None]:
        key = with_field_name("key", _key)(key)
        if not isinstance(spec, StreamSpec):
            raise InvalidInput(
                f"spec: expected a StreamSpec, not {type(spec).__name__}", field="spec"
            )
        until = with_field_name("send_until", c.optional_instant)(send_until)

        def intend(tx: Transaction) -> None:
            tx.intend(key, spec, account=account, send_until=until, unique=bool(unique))

        return intend

    def _left(self, clients: C | Iterable[C] | Mapping[Any, C]) -> list[tuple[str, C | None]]:
        several: Iterable[C]
        if isinstance(clients, BaseClient):
            several = [clients]
        else:
            several = clients.values() if isinstance(clients, Mapping) else clients
        by_account = {client.account: client for client in several}
        left = self._store.read(lambda tx: tx.left(by_account))
        return [(key, by_account.get(account or "")) for key, account in left]

    def _status(self, key: str) -> CreateStatus | None:
        entry = self._store.read(lambda tx: tx.entry(key))
        return None if entry is None else entry.status()

    def _forget(self, key: str, *, force: bool) -> None:
        def forget(tx: Transaction) -> None:
            entry = tx.entry(key, lock=True)
            if entry is None:
                return
            if entry.is_open and not force:
                raise NotSettled(
                    f"the create of {key!r} may still be applied",
                    operation="create",
                    account=entry.account,
                    applied=None,
                    hint="run() it until it is settled; or find its stream at the vendor, and "
                    "pass force=True",
                )
            tx.forget(entry)

        self._store.write(forget)


class Creates(_Base):
    """Creates that happen once per key, whatever is interrupted, killed, or repeated.

    Each create is recorded in your database before it is sent, in tables whose names begin with
    ``livestream_``. They are created if they are missing. It is thread-safe.

    Args:
        database: The URL of an SQLite file or a PostgreSQL database, or an engine for one.
        settle: How long, in seconds, a vendor may take to apply a create that received no response.
        lease: How long, in seconds, one process may hold creates that could be confused. A call
            with a long ``deadline`` holds them for longer.
        baseline_age: How old, in seconds, the list may be that tells a new stream from those that
            were there before it. By default, each key has a list of its own.
    """

    @overload
    def create(
        self,
        client: Client,
        key: str,
        spec: StreamSpec,
        *,
        deadline: float | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
    ) -> LiveStream: ...

    @overload
    def create(
        self,
        client: Client,
        key: str,
        *,
        deadline: float | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
        **fields: Unpack[StreamFields],
    ) -> LiveStream: ...

    def create(
        self,
        client: Client,
        key: str,
        spec: StreamSpec | None = None,
        *,
        deadline: float | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
        **fields: Any,
    ) -> LiveStream:
        """Create the stream of a key, or return it if it exists.

        Args:
            client: The client for the account.
            key: Your name for this stream, such as ``"lesson-42"``.
            spec: The spec; or pass its fields as keyword arguments.
            deadline: How long this call may take, in seconds. Defaults to 60, or half the lease if
                that is shorter.
            send_until: After this, nothing is sent. Defaults to the scheduled start, or 15 minutes
                from now for a stream without one.
            unique: Whether nothing else in the account equals this spec. Then no list is read
                before the first attempt.
            **fields: The fields of a :class:`StreamSpec`.

        Returns:
            The stream: always the same one for a key.

        Raises:
            NotSettled: If it is not known yet whether the stream exists, or it could not be created
                for a temporary reason. Repeat the call later.
            NeedsReview: If the outcome cannot be found out.
            InvalidInput: If the key was used with another spec, or ``send_until`` has passed.
        """
        spec = _spec(spec, fields)
        self.intend(key, spec, account=client.account, send_until=send_until, unique=unique)
        return self.run(client, key, spec, deadline=deadline)

    def intend(
        self,
        key: str,
        spec: StreamSpec,
        *,
        connection: sa.Connection | None = None,
        account: str | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
    ) -> None:
        """Record that a stream is to be created, and send nothing.

        Args:
            key: Your name for this stream.
            spec: The spec. Its secrets are not stored.
            connection: The connection whose transaction the intent is a part of. By default, it is
                committed at once.
            account: The account, as :attr:`Client.account`, for :meth:`resume`. By default, that of
                the client that runs the key first.
            send_until: After this, nothing is sent; see :meth:`create`.
            unique: Whether nothing else in the account equals this spec; see :meth:`create`.

        Raises:
            InvalidInput: If the key was used with another spec.
        """
        intend = self._intent(key, spec, account=account, send_until=send_until, unique=unique)
        if connection is None:
            self._store.write(intend)
        else:
            intend(Transaction(connection))

    def run(
        self,
        client: Client,
        key: str,
        spec: StreamSpec | None = None,
        *,
        deadline: float | None = None,
    ) -> LiveStream:
        """Create the stream of a key whose intent is committed, or return it if it exists.

        Args:
            client: The client for the account.
            key: The key.
            spec: The spec, if it has secrets; otherwise, it is read from the intent.
            deadline: How long this call may take, in seconds. Defaults to 60.

        Raises:
            NotSettled: See :meth:`create`.
            NeedsReview: See :meth:`create`.
            InvalidInput: If the key is unknown or was used with another spec, or ``send_until`` has
                passed.
        """
        flow, until = self._creating(client, key, spec, deadline)
        return self._drive(client, flow, until)

    def resume(
        self,
        clients: Client | Iterable[Client] | Mapping[Any, Client],
        *,
        deadline: float | None = None,
    ) -> dict[str, LiveStream | LiveStreamError]:
        """Settle every key of these clients' accounts that is left, and send what was not sent.

        Specs with secrets are settled, but not sent. An intent without an account is taken for
        that of the client, provided that the database knows of no other account.

        Args:
            clients: The clients, or one.
            deadline: How long each key may take, in seconds. Defaults to 60.

        Returns:
            The stream or the error of each key.
        """
        results: dict[str, LiveStream | LiveStreamError] = {}
        for key, client in self._left(clients):
            if client is None:
                results[key] = _without_account(key)
                continue
            flow, until = self._creating(client, key, None, deadline, patience=0.0)
            try:
                results[key] = self._drive(client, flow, until)
            except LiveStreamError as error:
                results[key] = error
        return results

    def status(self, key: str) -> CreateStatus | None:
        """Return what is known about a key, or ``None`` if it is unknown; nothing is sent."""
        return self._status(key)

    def forget(self, key: str, *, force: bool = False) -> None:
        """Delete what is known about a key; the stream stays.

        Args:
            key: The key. If it is unknown, nothing happens.
            force: Whether to forget a key whose create may still be applied. If the create is under
                way, its stream will belong to no key.

        Raises:
            NotSettled: If its create may still be applied.
        """
        self._forget(key, force=force)

    def check(self, client: Client, *, deadline: float | None = None) -> tuple[LiveStream, ...]:
        """Return the streams that equal a spec of this database, but belong to no key.

        Streams that were there before are left out, where that is known.

        Args:
            client: The client for the account.
            deadline: How long this call may take, in seconds. Defaults to 60.
        """
        until = time.monotonic() + (_DEADLINE if deadline is None else deadline)
        return self._drive(client, unowned(client), until)

    def _drive(self, client: Client, flow: Flow[T], until: float) -> T:
        def perform(effect: Effect) -> Any:
            if isinstance(effect, Pause):
                return time.sleep(effect.seconds)
            if isinstance(effect, List):
                end = _list_deadline(until)
                return read_list(client, _checked(until - end), deadline=end)
            if isinstance(effect, Ask):
                return effect.do(client)
            return (self._store.read if isinstance(effect, Read) else self._store.write)(effect.do)

        return run(flow, perform)


class AsyncCreates(_Base):
    """Creates that happen once per key; like :class:`Creates`, for an :class:`AsyncClient`.

    The database is used in threads, so every synchronous driver serves.

    Args:
        database: The URL of an SQLite file or a PostgreSQL database, or an engine for one.
        settle: See :class:`Creates`.
        lease: See :class:`Creates`.
        baseline_age: See :class:`Creates`.
    """

    @overload
    async def create(
        self,
        client: AsyncClient,
        key: str,
        spec: StreamSpec,
        *,
        deadline: float | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
    ) -> LiveStream: ...

    @overload
    async def create(
        self,
        client: AsyncClient,
        key: str,
        *,
        deadline: float | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
        **fields: Unpack[StreamFields],
    ) -> LiveStream: ...

    async def create(
        self,
        client: AsyncClient,
        key: str,
        spec: StreamSpec | None = None,
        *,
        deadline: float | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
        **fields: Any,
    ) -> LiveStream:
        """Create the stream of a key, or return it if it exists; see :meth:`Creates.create`."""
        spec = _spec(spec, fields)
        await self.intend(key, spec, account=client.account, send_until=send_until, unique=unique)
        return await self.run(client, key, spec, deadline=deadline)

    async def intend(
        self,
        key: str,
        spec: StreamSpec,
        *,
        connection: AsyncConnection | sa.Connection | None = None,
        account: str | None = None,
        send_until: datetime | str | None = None,
        unique: bool = False,
    ) -> None:
        """Record that a stream is to be created, and send nothing; see :meth:`Creates.intend`."""
        intend = self._intent(key, spec, account=account, send_until=send_until, unique=unique)
        if connection is None:
            await in_thread(lambda: self._store.write(intend))
        elif isinstance(connection, sa.Connection):
            given = connection
            await in_thread(lambda: intend(Transaction(given)))
        else:
            await connection.run_sync(lambda given: intend(Transaction(given)))

    async def run(
        self,
        client: AsyncClient,
        key: str,
        spec: StreamSpec | None = None,
        *,
        deadline: float | None = None,
    ) -> LiveStream:
        """Create the stream of a key whose intent is committed; see :meth:`Creates.run`."""
        flow, until = self._creating(client, key, spec, deadline)
        return await self._drive(client, flow, until)

    async def resume(
        self,
        clients: AsyncClient | Iterable[AsyncClient] | Mapping[Any, AsyncClient],
        *,
        deadline: float | None = None,
    ) -> dict[str, LiveStream | LiveStreamError]:
        """Settle every key of these clients' accounts that is left; see :meth:`Creates.resume`."""
        results: dict[str, LiveStream | LiveStreamError] = {}
        for key, client in await in_thread(lambda: self._left(clients)):
            if client is None:
                results[key] = _without_account(key)
                continue
            flow, until = self._creating(client, key, None, deadline, patience=0.0)
            try:
                results[key] = await self._drive(client, flow, until)
            except LiveStreamError as error:
                results[key] = error
        return results

    async def status(self, key: str) -> CreateStatus | None:
        """Return what is known about a key; see :meth:`Creates.status`."""
        return await in_thread(lambda: self._status(key))

    async def forget(self, key: str, *, force: bool = False) -> None:
        """Delete what is known about a key; see :meth:`Creates.forget`."""
        await in_thread(lambda: self._forget(key, force=force))

    async def check(
        self, client: AsyncClient, *, deadline: float | None = None
    ) -> tuple[LiveStream, ...]:
        """Return streams that equal a spec, but belong to no key; see :meth:`Creates.check`."""
        until = time.monotonic() + (_DEADLINE if deadline is None else deadline)
        return await self._drive(client, unowned(client), until)

    async def _drive(self, client: Any, flow: Flow[T], until: float) -> T:
        async def perform(effect: Effect) -> Any:
            if isinstance(effect, Pause):
                return await asyncio.sleep(effect.seconds)
            if isinstance(effect, List):
                end = _list_deadline(until)
                return await read_list_async(client, _checked(until - end), deadline=end)
            if isinstance(effect, Ask):
                return await effect.do(client)
            run = self._store.read if isinstance(effect, Read) else self._store.write
            return await in_thread(lambda: run(effect.do))

        return await run_async(flow, perform)


def _without_account(key: str) -> InvalidInput:
    return InvalidInput(
        f"account: the intent of {key!r} does not say which account it is for",
        field="account",
        operation="create",
        hint="run() the key with its client; for other keys, pass account= to intend()",
    )


def _list_deadline(until: float) -> float:
    """Return the time limit of one page of a list, so that the last page is in time."""
    left = until - time.monotonic()
    if left <= 0:
        raise _out_of_time()
    return left / _PART


def _checked(until: float) -> Callable[[], None]:
    def check() -> None:
        if time.monotonic() > until:
            raise _out_of_time()

    return check


def _out_of_time() -> RequestTimeout:
    return RequestTimeout(
        "the list was not read within the deadline",
        operation="list",
        applied=False,
        hint="pass a longer deadline=",
    )


def _spec(spec: StreamSpec | None, fields: Mapping[str, Any]) -> StreamSpec:
    if spec is None:
        return StreamSpec(**fields)
    if fields:
        raise InvalidInput("spec: pass a spec or its fields, not both", field="spec")
    return spec


def _key(key: str) -> str:
    text = c.identifier(key)
    if "\0" in text:
        raise InvalidInput("must not contain a null character")
    return text
