"""Trackers and watchers for both clients."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from inspect import isawaitable
from typing import Any, TypeVar

from .._client import AsyncClient, Client
from .._client.account_watches import wake
from .._contract.filters import query_of
from .._contract.pagination import Query
from .._model import converters as c
from .._model.changes import Change
from .._model.converters import with_field_name
from .._model.errors import InvalidInput
from .._model.status import Status
from .._model.stream import Event, LiveStream
from .._plugins.registry import registry
from .._runners.coroutines import in_thread, run_async
from .._runners.sync import run
from .effects import Accounts, Connect, Effect, Get, Hand, Next, Use
from .stored import delivery_of, poll_of, read_of
from .stores import Store
from .tracking import Settings, Tracking, Watched

T = TypeVar("T")

#: The seconds after which nothing more is read, unless the caller chooses another time.
_DEADLINE = 60.0
#: How long a stream that is over is remembered, in seconds, unless the caller chooses it.
_KEEP = 30 * 24 * 3600.0
#: The longest time that can be chosen.
_LONGEST_KEEP = 100 * 365 * 24 * 3600.0


class _Base:
    """What both have in common."""

    def __init__(
        self, store: Store, client_for: Any, poll: float, lease: float, keep: float
    ) -> None:
        for name, value in {"poll": poll, "lease": lease, "keep": keep}.items():
            with_field_name(name, c.seconds)(value)
        if lease < 1:
            raise InvalidInput("lease: must be at least 1 second", field="lease")
        self._store, self._client_for = store, client_for
        self._settings = Settings(poll=poll, lease=lease, keep=min(keep, _LONGEST_KEEP))

    def _tracking(self, deadline: float, watched: Watched | None) -> Tracking:
        with_field_name("deadline", c.seconds)(deadline)
        until = time.monotonic() + deadline
        return Tracking(settings=self._settings, until=until, watched=watched)


def _names(accounts: Iterable[str]) -> frozenset[str]:
    if isinstance(accounts, str):
        raise InvalidInput("accounts: expected several names, not one", field="accounts")
    return frozenset(with_field_name("accounts", c.identifier)(each) for each in accounts)


def _wake(event: Event, account: str | None) -> None:
    """Have the watches of this process read the stream that a delivery is about."""
    watched = event.account or account
    if watched is not None and event.stream_id is not None:
        wake(watched, event.stream_id)


def _report(change: Change) -> None:
    if change.stream is not None:
        previous = change.previous.status if change.previous else None
        registry.observers().status_changed(change.account, change.stream, previous)


class Tracker(_Base):
    """Makes changes of deliveries and reads: each change once, and in order for each stream.

    A receiver of webhooks calls :meth:`add`, which only stores the delivery. Workers call
    :meth:`process`, which reads the streams and hands over their changes. All of them may run in
    different threads and processes, with trackers that have the same store.

    Args:
        store: The store.
        client_for: A function that returns the client for an account.
        poll: The seconds between two reads of a stream that is not over, in case its deliveries
            are lost. A stream without any deliveries is read more often while it is likely to
            change, if that takes one request.
        lease: How long, in seconds, one process may take to handle a change. After that time,
            another one takes over.
        keep: How long, in seconds, a stream is remembered once it is over or deleted. After that
            time, the store forgets it. A delivery about it that arrives even later counts as one
            about a stream that is not known. By default, 30 days.
    """

    def __init__(
        self,
        store: Store,
        *,
        client_for: Callable[[str], Client],
        poll: float = 300.0,
        lease: float = 120.0,
        keep: float = _KEEP,
    ) -> None:
        super().__init__(store, client_for, poll, lease, keep)

    @property
    def client_for(self) -> Callable[[str], Client]:
        """The function that returns the client for an account."""
        client_for: Callable[[str], Client] = self._client_for
        return client_for

    def add(self, event: Event, *, account: str | None = None) -> bool:
        """Store a delivery. When this returns, answer the vendor: nothing is lost any more.

        Args:
            event: The event that ``parse_webhook`` or ``receive_webhook`` returned.
            account: Your name for the account, as ``client_for`` takes it. Defaults to
                :attr:`Event.account`.

        Returns:
            Whether the delivery is about a stream. If it is not, it is not stored.

        Raises:
            InvalidInput: If ``account`` is not a text, or neither it nor the event says which
                account it is.
        """
        stored = delivery_of(event, account)
        if stored is not None:
            self._store.add(*stored)
            _wake(event, account)
        return stored is not None

    def observe(self, account: str, stream: LiveStream) -> None:
        """Store a stream that you have read or created, as if a poll had read it now.

        Some statuses are only in the response to ``create`` or ``start``: see
        :attr:`Capabilities.reads_as`.

        Args:
            account: The account, as ``client_for`` takes it.
            stream: The stream.
        """
        self._store.add(*read_of(account, stream))

    def poll(self, account: str, id: str) -> None:
        """Have :meth:`process` read a stream as soon as possible, and follow it from now on.

        Args:
            account: The account, as ``client_for`` takes it.
            id: The stream's ID, in any spelling that the vendor accepts.
        """
        self._store.add(*poll_of(account, id))

    def process(self, handle: Callable[[Change], object], *, deadline: float = _DEADLINE) -> int:
        """Read the streams that are due, and hand over their changes, until none is due.

        A change is handed over until ``handle`` returns. If it raises an exception, which is
        logged, or its process is killed, the change is handed over again later, with the same key,
        and the later changes of the stream wait.

        Args:
            handle: The function that handles a change.
            deadline: The seconds after which no further stream is read.

        Returns:
            How many changes were handled.
        """
        return self._process(handle, deadline)

    def _process(
        self,
        handle: Callable[[Change], object],
        deadline: float,
        watched: Watched | None = None,
        accounts: Callable[[], Iterable[str]] = tuple,
    ) -> int:
        def perform(effect: Effect) -> Any:
            if isinstance(effect, Use):
                return effect.do(self._store)
            if isinstance(effect, Accounts):
                return _names(accounts())
            if isinstance(effect, Connect):
                return self._client_for(effect.account)
            if isinstance(effect, Get):
                return effect.client.get(effect.stream_id, deadline=effect.deadline)
            if isinstance(effect, Next):
                return next(effect.streams, None)
            if isinstance(effect, Hand):
                return handle(effect.change)
            return _report(effect.change)

        return run(self._tracking(deadline, watched).flow(), perform)


class AsyncTracker(_Base):
    """Makes changes of deliveries and reads; like :class:`Tracker`, for an :class:`AsyncClient`.

    The store is used in threads.

    Args:
        store: The store.
        client_for: A function, or a coroutine function, that returns the client for an account.
        poll: See :class:`Tracker`.
        lease: See :class:`Tracker`.
        keep: See :class:`Tracker`.
    """

    def __init__(
        self,
        store: Store,
        *,
        client_for: Callable[[str], AsyncClient | Awaitable[AsyncClient]],
        poll: float = 300.0,
        lease: float = 120.0,
        keep: float = _KEEP,
    ) -> None:
        super().__init__(store, client_for, poll, lease, keep)

    @property
    def client_for(self) -> Callable[[str], AsyncClient | Awaitable[AsyncClient]]:
        """The function, or coroutine function, that returns the client for an account."""
        client_for: Callable[[str], AsyncClient | Awaitable[AsyncClient]] = self._client_for
        return client_for

    async def add(self, event: Event, *, account: str | None = None) -> bool:
        """Store a delivery; see :meth:`Tracker.add`."""
        stored = delivery_of(event, account)
        if stored is not None:
            await in_thread(lambda: self._store.add(*stored))
            _wake(event, account)
        return stored is not None

    async def observe(self, account: str, stream: LiveStream) -> None:
        """Store a stream that you have read or created; see :meth:`Tracker.observe`."""
        stored = read_of(account, stream)
        await in_thread(lambda: self._store.add(*stored))

    async def poll(self, account: str, id: str) -> None:
        """Have :meth:`process` read a stream as soon as possible; see :meth:`Tracker.poll`."""
        stored = poll_of(account, id)
        await in_thread(lambda: self._store.add(*stored))

    async def process(
        self,
        handle: Callable[[Change], object | Awaitable[object]],
        *,
        deadline: float = _DEADLINE,
    ) -> int:
        """Read the streams that are due, and hand over their changes; see :meth:`Tracker.process`.

        Args:
            handle: The function, or coroutine function, that handles a change.
            deadline: See :meth:`Tracker.process`.
        """
        return await self._process(handle, deadline)

    async def _process(
        self,
        handle: Callable[[Change], object | Awaitable[object]],
        deadline: float,
        watched: Watched | None = None,
        accounts: Callable[[], Iterable[str] | Awaitable[Iterable[str]]] = tuple,
    ) -> int:
        async def perform(effect: Effect) -> Any:
            if isinstance(effect, Use):
                return await in_thread(lambda: effect.do(self._store))
            if isinstance(effect, Accounts):
                return _names(await _value(accounts()))
            if isinstance(effect, Connect):
                return await _value(self._client_for(effect.account))
            if isinstance(effect, Get):
                return await effect.client.get(effect.stream_id, deadline=effect.deadline)
            if isinstance(effect, Next):
                return await anext(effect.streams, None)
            if isinstance(effect, Hand):
                return await _value(handle(effect.change))
            return _report(effect.change)

        return await run_async(self._tracking(deadline, watched).flow(), perform)


async def _value(found: Any) -> Any:
    """Return the result of a function, or of a coroutine function."""
    return await found if isawaitable(found) else found


# -- watchers ----------------------------------------------------------------------------------


def _watched(accounts: object, query: Query) -> Watched:
    if not callable(accounts):
        raise InvalidInput(
            f"accounts: expected a function, not {type(accounts).__name__}", field="accounts"
        )
    values: dict[str, Any] = {
        "status": query.status,
        "starts_after": query.starts_after and query.starts_after.isoformat(),
        "starts_before": query.starts_before and query.starts_before.isoformat(),
        "tag": query.tag,
        "reference": query.reference,
    }
    return Watched({name: str(value) for name, value in values.items() if value is not None})


class Watcher:
    """Follows all streams of many accounts, without having to be told their IDs.

    It lists the streams of each account: every few seconds while one of them is likely to change,
    and otherwise as often as its tracker reads a stream. What a list shows counts as read. Any
    number of processes may have a watcher, with the same filters: each account is listed by one of
    them at a time.

    If a stream is already over when its account is first listed, the watcher reports nothing about
    it until it changes.

    Args:
        tracker: The tracker, whose store has what is known about accounts and streams.
        accounts: A function that returns the accounts, as the tracker's ``client_for`` takes them.
            It is called in each :meth:`process`. An account that it no longer returns is forgotten
            with its streams.
        status: See :meth:`Client.list`. A stream that was selected once is followed until it is
            over.
        starts_after: See :meth:`Client.list`.
        starts_before: See :meth:`Client.list`.
        tag: See :meth:`Client.list`.
        reference: See :meth:`Client.list`.
    """

    def __init__(
        self,
        tracker: Tracker,
        *,
        accounts: Callable[[], Iterable[str]],
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        reference: str | None = None,
    ) -> None:
        query = query_of(status, starts_after, starts_before, tag, reference)
        self._tracker, self._accounts = tracker, accounts
        self._watched = _watched(accounts, query)

    def process(self, handle: Callable[[Change], object], *, deadline: float = _DEADLINE) -> int:
        """List the accounts and read the streams that are due, and hand over their changes.

        It does what :meth:`Tracker.process` does, too, so a worker needs to call only this.

        Args:
            handle: The function that handles a change.
            deadline: The seconds after which no further account is listed, and no stream read.

        Returns:
            How many changes were handled.
        """
        return self._tracker._process(handle, deadline, self._watched, self._accounts)


class AsyncWatcher:
    """Follows all streams of many accounts; like :class:`Watcher`, for an :class:`AsyncTracker`.

    Args:
        tracker: The tracker.
        accounts: See :class:`Watcher`. It may be a coroutine function.
        status: See :class:`Watcher`.
        starts_after: See :class:`Watcher`.
        starts_before: See :class:`Watcher`.
        tag: See :class:`Watcher`.
        reference: See :class:`Watcher`.
    """

    def __init__(
        self,
        tracker: AsyncTracker,
        *,
        accounts: Callable[[], Iterable[str] | Awaitable[Iterable[str]]],
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        reference: str | None = None,
    ) -> None:
        query = query_of(status, starts_after, starts_before, tag, reference)
        self._tracker, self._accounts = tracker, accounts
        self._watched = _watched(accounts, query)

    async def process(
        self,
        handle: Callable[[Change], object | Awaitable[object]],
        *,
        deadline: float = _DEADLINE,
    ) -> int:
        """List the accounts and read the streams that are due; see :meth:`Watcher.process`.

        Args:
            handle: The function, or coroutine function, that handles a change.
            deadline: See :meth:`Watcher.process`.
        """
        return await self._tracker._process(handle, deadline, self._watched, self._accounts)
