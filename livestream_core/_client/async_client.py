"""The asynchronous client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from .._contract.adapter import Adapter
from .._contract.clock import Clock
from .._contract.pagination import Page
from .._contract.transport import AsyncLimiter, AsyncTransport, Limiter, Transport
from .._contract.webhooks import read_delivery
from .._engine.effects import Flow
from .._model.checked import Check
from .._model.operations import check_methods
from .._model.playability import Playability
from .._model.status import Status
from .._model.stream import Event, LiveStream, Recording, StreamSpec, Until, Webhook
from .._model.trim import Trim
from .._model.typed import StreamChanges, StreamFields
from .._public import publish
from .._runners.asynchronous import AsyncRunner, NewLoopRunner
from .._secrets.secret import Secret
from .async_stream_list import AsyncStreamList
from .async_watch import AsyncWatch
from .base import BaseClient, id_of, secret_given

T = TypeVar("T")


class AsyncClient(BaseClient):
    """An asynchronous client for one account at one vendor, created by :func:`connect_async`.

    It works like :class:`Client`, but its methods that send requests are coroutines, which may be
    canceled. It may be used by any number of tasks and in several event loops. It is an
    asynchronous context manager, and cheap to create: all clients of an event loop share their
    network connections.

    A cancellation passes unchanged, with a note that says whether the change was applied. Nothing
    is sent after it. If the outcome of a canceled change is unknown, the client also logs a
    warning, because ``asyncio.gather`` drops notes.
    """

    def __init__(
        self,
        adapter: Adapter,
        transport: AsyncTransport | Transport,
        *,
        clock: Clock,
        ending: Any = None,
        owned: Any = None,
        **settings: Any,
    ) -> None:
        self._runner = AsyncRunner(transport, clock)
        # The transport, if this client must close it.
        self._owned = owned
        super().__init__(
            adapter,
            scope=getattr(transport, "session_scope", None),
            ending=ending or NewLoopRunner(self._runner),
            clock=clock,
            **settings,
        )

    def paced(self, limiter: Limiter | AsyncLimiter) -> AbstractContextManager[None]:
        """Apply a limiter to each request while the ``with`` block runs; see :meth:`Client.paced`.

        A limiter that is not asynchronous is called in a thread.
        """
        return self._paced(limiter)

    # -- the lifecycle ----------------------------------------------------------------------

    @overload
    async def create(
        self,
        spec: StreamSpec,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        deadline: float | None = None,
    ) -> LiveStream: ...

    @overload
    async def create(
        self,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        deadline: float | None = None,
        **fields: Unpack[StreamFields],
    ) -> LiveStream: ...

    async def create(
        self,
        spec: StreamSpec | None = None,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        deadline: float | None = None,
        **fields: Any,
    ) -> LiveStream:
        """Create a live stream; see :meth:`Client.create`."""
        return await self._run("create", self._creating(spec, fields, on_unsupported, deadline))

    async def get(
        self, id: str, *, after: LiveStream | None = None, deadline: float | None = None
    ) -> LiveStream:
        """Return one stream; see :meth:`Client.get`."""
        return await self._run("get", self._getting(id, after, deadline), id)

    async def update(
        self, id: str, *, deadline: float | None = None, **changes: Unpack[StreamChanges]
    ) -> LiveStream:
        """Update fields of a stream; see :meth:`Client.update`."""
        return await self._run("update", self._updating(id, changes, deadline), id)

    async def start(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Start a stream; see :meth:`Client.start`."""
        return await self._run("start", self._on_stream("start", id, deadline), id)

    async def reset_key(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Replace a stream's key; see :meth:`Client.reset_key`."""
        return await self._run("reset_key", self._on_stream("reset_key", id, deadline), id)

    async def disable(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Disable a stream; see :meth:`Client.disable`."""
        return await self._run("disable", self._on_stream("disable", id, deadline), id)

    async def enable(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Enable a disabled stream; see :meth:`Client.enable`."""
        return await self._run("enable", self._on_stream("enable", id, deadline), id)

    async def stop(
        self, id: str, *, trim: Trim | None = None, deadline: float | None = None
    ) -> LiveStream:
        """Stop a stream; see :meth:`Client.stop`."""
        return await self._run("stop", self._stopping(id, trim, deadline), id)

    async def recordings(self, id: str, *, deadline: float | None = None) -> tuple[Recording, ...]:
        """Return all recordings of a stream; see :meth:`Client.recordings`."""
        return await self._run("recordings", self._recordings(id, deadline), id)

    async def cancel(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Cancel a stream that has not gone live; see :meth:`Client.cancel`."""
        return await self._run("cancel", self._on_stream("cancel", id, deadline), id)

    async def delete(self, id: str, *, deadline: float | None = None) -> None:
        """Delete a stream; see :meth:`Client.delete`."""
        await self._run("delete", self._on_stream("delete", id, deadline), id)

    # -- lists and waiting ------------------------------------------------------------------

    def list(
        self,
        *,
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        reference: str | None = None,
        limit: int | None = None,
        full: bool = False,
        on_unreadable: Literal["raise", "collect"] = "raise",
        read_ahead: bool = True,
        deadline: float | None = None,
    ) -> AsyncStreamList:
        """List streams: return an asynchronous iterator; see :meth:`Client.list`.

        Here, the next page is by default read while you process the current one.

        Returns:
            An asynchronous iterator. When it is exhausted, its ``complete`` says whether the list
            is proven to contain every stream.
        """
        query = self._query("list", status, starts_after, starts_before, tag, reference, full)
        listing = self._listing(query, limit, on_unreadable, deadline, full=full)
        return AsyncStreamList(
            self._page, listing, lambda: read_ahead and not self._engine.limiters
        )

    async def pages(
        self,
        *,
        cursor: str | None = None,
        size: int | None = None,
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        reference: str | None = None,
        full: bool = False,
        deadline: float | None = None,
    ) -> Page:
        """Return one page of streams; see :meth:`Client.pages`."""
        query = self._query("pages", status, starts_after, starts_before, tag, reference, full)
        return await self._run("pages", self._paging(query, cursor, size, deadline, full=full))

    async def wait(
        self,
        id: str,
        *,
        until: Until,
        timeout: float,
        poll: float | None = None,
        since: LiveStream | None = None,
        on_change: Callable[[LiveStream], object] | None = None,
    ) -> LiveStream:
        """Wait until a stream meets a condition; see :meth:`Client.wait`.

        Functions passed as ``until`` and ``on_change`` must be synchronous, and must not block.
        """
        return await self._run(
            "wait", self._waiting(id, until, timeout, poll, since, on_change), id
        )

    def watch(
        self,
        id: str | None = None,
        /,
        *,
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        reference: str | None = None,
        timeout: float | None = None,
        poll: float | None = None,
    ) -> AsyncWatch:
        """Watch streams: return an asynchronous iterator of changes; see :meth:`Client.watch`."""
        watching = self._watching(
            id,
            timeout,
            poll,
            status=status,
            starts_after=starts_after,
            starts_before=starts_before,
            tag=tag,
            reference=reference,
        )
        return AsyncWatch(
            lambda flow: self._run("watch", self._if_open(flow, "watch", id), id), watching
        )

    async def probe(
        self,
        stream: LiveStream | str,
        *,
        allow_addresses: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Playability:
        """Find out whether viewers can watch a stream; see :meth:`Client.probe`."""
        flow = self._probing(stream, allow_addresses, deadline)
        return await self._run("probe", flow, id_of(stream))

    async def check(self, *, deadline: float | None = None) -> Check:
        """Check whether the account can be used; see :meth:`Client.check`."""
        return await self._run("check", self._checking(deadline))

    # -- webhooks ---------------------------------------------------------------------------

    async def receive_webhook(
        self,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        body: bytes,
        *,
        secret: Secret | str | None = None,
        deadline: float | None = None,
    ) -> Event:
        """Verify a webhook delivery, and return its event; see :meth:`Client.receive_webhook`."""
        delivery = read_delivery(headers, body)
        given = secret_given(secret)
        del headers, body, secret
        return await self._run("receive_webhook", self._receiving(delivery, given, deadline))

    async def webhooks(self, *, deadline: float | None = None) -> tuple[Webhook, ...]:
        """Return all webhooks of the account; see :meth:`Client.webhooks`."""
        return await self._run("webhooks", self._webhooks(deadline))

    async def register_webhook(
        self, url: str, *, secret: Secret | str | None = None, deadline: float | None = None
    ) -> Webhook:
        """Register a URL for deliveries; see :meth:`Client.register_webhook`."""
        given = secret_given(secret)
        del secret
        return await self._run("register_webhook", self._registering(url, given, deadline))

    async def delete_webhook(self, webhook_id: str, *, deadline: float | None = None) -> None:
        """Delete a webhook; see :meth:`Client.delete_webhook`."""
        await self._run("delete_webhook", self._deleting_webhook(webhook_id, deadline))

    # -- closing ----------------------------------------------------------------------------

    async def close(self) -> None:
        """Close this client, as :meth:`Client.close` does.

        The last client of an event loop also closes the network connections.
        """
        self._membership.leave()
        try:
            await self._end_if_last()
        finally:
            if self._owned is not None:
                await self._owned.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    # -- how a call runs --------------------------------------------------------------------

    async def _run(self, name: str, flow: Flow[T], id: str | None = None) -> T:
        observation = self._engine.observation(name, id)
        try:
            if observation is None:
                result = await self._runner.run(flow)
            else:
                with observation:
                    result = observation.returned(await self._runner.run(flow))
        except Exception:
            await self._end_left_over()
            raise
        if not self._membership.is_open:
            await self._end_left_over()
        return result

    async def _page(self, flow: Flow[T]) -> T:
        return await self._run("list", self._if_open(flow, "list"))

    async def _end_left_over(self) -> None:
        if not self._membership.is_open:
            # Another task has closed this client: a session opened since then must end.
            await self._end_if_last()

    async def _end_if_last(self) -> None:
        if (ending := self._membership.ending(self._engine)) is not None:
            await self._runner.run(ending)


check_methods(AsyncClient)
publish("livestream_core", [AsyncClient])
