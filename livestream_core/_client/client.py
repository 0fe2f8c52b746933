"""What users hold: one client for one account at one vendor."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from .._contract.adapter import Adapter
from .._contract.clock import Clock
from .._contract.pagination import Page
from .._contract.transport import Limiter, Transport
from .._engine.effects import Flow
from .._model.operations import check_methods
from .._model.status import Status
from .._model.stream import LiveStream, StreamSpec, Until
from .._model.trim import Trim
from .._model.typed import StreamChanges, StreamFields
from .._public import publish
from .._runners.sync import SyncRunner
from .base import BaseClient
from .stream_list import StreamList

T = TypeVar("T")


class Client(BaseClient):
    """One account at one vendor. Made by :func:`connect`.

    Thread-safe, a context manager, and cheap: the connections behind it are shared by all
    clients of the process. Every method may raise any :class:`LiveStreamError`; its ``applied``
    says whether the change happened.
    """

    def __init__(
        self, adapter: Adapter, transport: Transport, *, clock: Clock, **settings: Any
    ) -> None:
        self._runner = SyncRunner(transport, clock)
        super().__init__(
            adapter,
            scope=getattr(transport, "session_scope", None),
            ending=self._runner,
            clock=clock,
            **settings,
        )

    def paced(self, limiter: Limiter) -> AbstractContextManager[None]:
        """Ask a limiter before each request of this client, as long as the block lasts.

        Requests of others who use this client at the same time are held back as well. Limiters
        of several blocks, and the one given to :func:`connect`, are all asked.
        """
        return self._paced(limiter)

    # -- the lifecycle ----------------------------------------------------------------------

    @overload
    def create(
        self,
        spec: StreamSpec,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        deadline: float | None = None,
    ) -> LiveStream: ...

    @overload
    def create(
        self,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        deadline: float | None = None,
        **fields: Unpack[StreamFields],
    ) -> LiveStream: ...

    def create(
        self,
        spec: StreamSpec | None = None,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        deadline: float | None = None,
        **fields: Any,
    ) -> LiveStream:
        """Makes a stream.

        Args:
            spec: What it is to be; or give the fields of a :class:`StreamSpec` by name. Without
                ``scheduled_start`` it starts as soon as the vendor can.
            on_unsupported: ``"drop"`` leaves out, and logs, what this provider lacks, except
                ``scheduled_start`` where a create without it would start a server.
            deadline: Seconds for the whole operation, retries and signing in included; by default
                those given to :func:`connect`. Nothing is sent after them.
            fields: See :class:`StreamSpec`.

        Returns:
            The stream as the vendor made it.

        Raises:
            InvalidInput: A field is wrong; nothing was sent.
            Unsupported: A field is not possible here; nothing was sent.
        """
        return self._run(self._creating(spec, fields, on_unsupported, deadline))

    def get(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Reads a stream.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            NotFound: There is none with this id, or the id is that of something else.
        """
        return self._run(self._on_stream("get", id, deadline))

    def update(
        self, id: str, *, deadline: float | None = None, **changes: Unpack[StreamChanges]
    ) -> LiveStream:
        """Changes fields of a stream, named as in :class:`StreamSpec`; ``None`` clears one.

        Args:
            id: The stream.
            deadline: See :meth:`create`.
            changes: The fields to change.

        Raises:
            InvalidInput: A field does not exist or its value is wrong; nothing was sent.
            Unsupported: The provider cannot change, or cannot clear, a field; nothing was sent.
        """
        return self._run(self._updating(id, changes, deadline))

    def start(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Starts a stream: after it, or once its server is ready, an encoder may connect.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            Conflict: Its status forbids it.
        """
        return self._run(self._on_stream("start", id, deadline))

    def stop(
        self, id: str, *, trim: Trim | None = None, deadline: float | None = None
    ) -> LiveStream:
        """Ends a stream.

        Args:
            id: The stream.
            trim: The part of the recording to keep.
            deadline: See :meth:`create`.

        Raises:
            Conflict: Its status forbids it.
        """
        return self._run(self._stopping(id, trim, deadline))

    def cancel(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Calls a stream off before it was on air.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            Conflict: Its status forbids it.
        """
        return self._run(self._on_stream("cancel", id, deadline))

    def delete(self, id: str, *, deadline: float | None = None) -> None:
        """Deletes a stream, and with some vendors its recording.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            NotFound: There is none with this id, or the id is that of something else; nothing
                was deleted.
        """
        self._run(self._on_stream("delete", id, deadline))

    # -- lists ------------------------------------------------------------------------------

    def list(
        self,
        *,
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        limit: int | None = None,
        on_unreadable: Literal["raise", "collect"] = "raise",
        read_ahead: bool = False,
        deadline: float | None = None,
    ) -> StreamList:
        """Walks over all streams, page by page as they are needed, each stream once.

        Args:
            status: Only streams in this status.
            starts_after: Only streams scheduled to start at this instant or later.
            starts_before: Only streams scheduled to start before this instant.
            tag: Only streams with this tag.
            limit: At most so many.
            on_unreadable: What is done about entries that cannot be read as streams. Either way,
                all others are handed out first. ``"raise"`` raises one error at the end, which
                has in ``streams`` those that were handed out, as far as you still hold them, and
                at least the last 100. ``"collect"`` keeps them in ``unreadable`` of the iterator.
            read_ahead: From the second page on, read the next page in a thread while you are busy
                with one; not where a limiter is asked.
            deadline: Seconds for each page; see :meth:`create`.

        Returns:
            An iterator; when it is exhausted, its ``complete`` says whether that was all.

        Raises:
            Unsupported: A filter is on something that the provider never reports.
            UnexpectedResponse: At the end: an entry could not be read.
        """
        listing = self._listing(
            status, starts_after, starts_before, tag, limit, on_unreadable, deadline
        )
        return StreamList(
            lambda flow: self._run(self._if_open(flow, "list")),
            listing,
            lambda: read_ahead and not self._engine.limiters,
        )

    def pages(
        self,
        *,
        cursor: str | None = None,
        size: int | None = None,
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        deadline: float | None = None,
    ) -> Page:
        """Reads one page, for REST faces and for jobs that go on later.

        Args:
            cursor: ``next_cursor`` of the page before; ``None`` for the first.
            size: How many streams the page should have, as far as the vendor lets one choose.
            status: See :meth:`list`. Filters are applied to the page, so it may have fewer.
            starts_after: See :meth:`list`.
            starts_before: See :meth:`list`.
            tag: See :meth:`list`.
            deadline: See :meth:`create`.

        Returns:
            The page; its ``next_cursor`` is ``None`` on the last one. Entries that cannot be read
            are in its ``unreadable``, whatever the filters.

        Raises:
            UnexpectedResponse: The page cannot be read, or nobody knows which one follows; then
                the error has its streams.
        """
        return self._run(
            self._paging(cursor, size, status, starts_after, starts_before, tag, deadline)
        )

    # -- waiting ----------------------------------------------------------------------------

    def wait(
        self, id: str, *, until: Until, timeout: float, poll: float | None = None
    ) -> LiveStream:
        """Reads a stream again and again until it is as wanted.

        Args:
            id: The stream.
            until: A status, several of them, or a function of the stream. STARTING is met also
                by READY, LIVE and INTERRUPTED; READY by LIVE and INTERRUPTED; PROCESSING by ENDED.
            timeout: Seconds until it gives up.
            poll: Seconds between two reads; by default half a second, growing to five.

        Returns:
            The stream, as wanted.

        Raises:
            StreamFailed: The stream failed.
            WaitFailed: What is waited for can no longer happen.
            WaitTimeout: The time is over, or the vendor asks for a longer pause than is left of
                it, and says so. All three have the stream as last seen.
            Unsupported: The provider never reports such a status; nothing was sent.
        """
        return self._run(self._waiting(id, until, timeout, poll))

    # -- closing ----------------------------------------------------------------------------

    def close(self) -> None:
        """Leaves the shared session; the last client of an account signs out, where the vendor
        has that. A sign-out that fails is
        logged, not raised. Connections stay open for other clients.
        """
        self._membership.leave()
        self._end_if_last()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    # -- how a call runs --------------------------------------------------------------------

    def _run(self, flow: Flow[T]) -> T:
        try:
            return self._runner.run(flow)
        finally:
            if not self._membership.is_open:
                # Closed meanwhile by another thread: a session opened since then is left over.
                self._end_if_last()

    def _end_if_last(self) -> None:
        if (ending := self._membership.ending(self._engine)) is not None:
            self._runner.run(ending)


check_methods(Client)
publish("livestream_core", [Client])
