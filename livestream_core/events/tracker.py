"""Trackers for both clients."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar

from .._client import AsyncClient, Client
from .._model import converters as c
from .._model.converters import with_field_name
from .._model.errors import InvalidInput
from .._model.stream import Event, LiveStream
from .._plugins.registry import registry
from .._runners.coroutines import in_thread, run_async
from .._runners.sync import run
from .stores import Store
from .tracking import (
    Connect,
    Effect,
    Get,
    Hand,
    Report,
    Settings,
    Tracking,
    Use,
    delivery_of,
    name_of,
    read_of,
)
from .values import Change

T = TypeVar("T")

_DEADLINE = 60.0


class _Base:
    """What both have in common."""

    def __init__(self, store: Store, client_for: Any, poll: float, lease: float) -> None:
        for name, value in {"poll": poll, "lease": lease}.items():
            with_field_name(name, c.seconds)(value)
        if lease < 1:
            raise InvalidInput("lease: must be at least 1 second", field="lease")
        self._store, self._client_for = store, client_for
        self._settings = Settings(poll=poll, lease=lease)

    def _tracking(self, deadline: float) -> Tracking:
        with_field_name("deadline", c.seconds)(deadline)
        return Tracking(settings=self._settings, until=time.monotonic() + deadline)


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
            are lost.
        lease: How long, in seconds, one process may take to handle a change. After that time,
            another one takes over.
    """

    def __init__(
        self,
        store: Store,
        *,
        client_for: Callable[[str], Client],
        poll: float = 300.0,
        lease: float = 120.0,
    ) -> None:
        super().__init__(store, client_for, poll, lease)

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
        """
        stored = delivery_of(event, account)
        if stored is not None:
            self._store.add(*stored)
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
            id: The stream's ID.
        """
        self._store.add(name_of(account, with_field_name("id", c.identifier)(id)), "poll", "")

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

        def perform(effect: Effect) -> Any:
            if isinstance(effect, Use):
                return effect.do(self._store)
            if isinstance(effect, Connect):
                return self._client_for(effect.account)
            if isinstance(effect, Get):
                return effect.client.get(effect.stream_id, deadline=effect.deadline)
            if isinstance(effect, Hand):
                return handle(effect.change)
            return _report(effect.change)

        return run(self._tracking(deadline).flow(), perform)


class AsyncTracker(_Base):
    """Makes changes of deliveries and reads; like :class:`Tracker`, for an :class:`AsyncClient`.

    The store is used in threads.

    Args:
        store: The store.
        client_for: A function, or a coroutine function, that returns the client for an account.
        poll: See :class:`Tracker`.
        lease: See :class:`Tracker`.
    """

    def __init__(
        self,
        store: Store,
        *,
        client_for: Callable[[str], AsyncClient | Awaitable[AsyncClient]],
        poll: float = 300.0,
        lease: float = 120.0,
    ) -> None:
        super().__init__(store, client_for, poll, lease)

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
        return stored is not None

    async def observe(self, account: str, stream: LiveStream) -> None:
        """Store a stream that you have read or created; see :meth:`Tracker.observe`."""
        stored = read_of(account, stream)
        await in_thread(lambda: self._store.add(*stored))

    async def poll(self, account: str, id: str) -> None:
        """Have :meth:`process` read a stream as soon as possible; see :meth:`Tracker.poll`."""
        name = name_of(account, with_field_name("id", c.identifier)(id))
        await in_thread(lambda: self._store.add(name, "poll", ""))

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

        async def perform(effect: Effect) -> Any:
            if isinstance(effect, Use):
                return await in_thread(lambda: effect.do(self._store))
            if isinstance(effect, Get):
                return await effect.client.get(effect.stream_id, deadline=effect.deadline)
            if isinstance(effect, Report):
                return _report(effect.change)
            if isinstance(effect, Hand):
                value = handle(effect.change)
            else:
                value = self._client_for(effect.account)
            return await value if isawaitable(value) else value

        return await run_async(self._tracking(deadline).flow(), perform)
