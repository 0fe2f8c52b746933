"""The synchronous client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from .._contract.adapter import Adapter
from .._contract.clock import Clock
from .._contract.pagination import Page
from .._contract.transport import Limiter, Transport
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
from .._runners.sync import SyncRunner
from .._secrets.secret import Secret
from .base import BaseClient, id_of, secret_given
from .stream_list import StreamList
from .watch import Watch

T = TypeVar("T")


class Client(BaseClient):
    """A client for one account at one vendor, created by :func:`connect`.

    It is thread-safe, a context manager, and cheap to create: all clients of a process share
    their network connections. Every method may raise any :class:`LiveStreamError`, whose
    ``applied`` says whether the change was applied.
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
        """Apply a limiter to each request of this client while the ``with`` block runs.

        It also delays requests that other threads send with this client. Every limiter must allow
        a request: those of all nested blocks, and the one passed to :func:`connect`.
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
        """Create a live stream.

        Without ``scheduled_start``, the vendor starts the stream as soon as possible.

        Args:
            spec: The stream to create. Alternatively, pass the fields of a :class:`StreamSpec` by
                name.
            on_unsupported: What to do about a field that this provider does not support.
                ``"raise"`` raises :class:`Unsupported`. ``"drop"`` leaves the field out and logs
                it, except for a ``scheduled_start`` without which the stream would start at once.
            deadline: Seconds for the whole operation, including retries and signing in. Nothing
                is sent after that time. Defaults to the deadline passed to :func:`connect`.
            fields: The fields of a :class:`StreamSpec`.

        Returns:
            The stream as the vendor created it.

        Raises:
            InvalidInput: If a field is not valid; nothing was sent.
            Unsupported: If this provider does not support a field; nothing was sent.
        """
        return self._run("create", self._creating(spec, fields, on_unsupported, deadline))

    def get(
        self, id: str, *, after: LiveStream | None = None, deadline: float | None = None
    ) -> LiveStream:
        """Return one stream.

        Args:
            id: The stream's ID.
            after: The stream as you knew it before. Its status is kept if the vendor shows the
                stream in the same way as before: see :attr:`Capabilities.reads_as`.
            deadline: See :meth:`create`.

        Raises:
            NotFound: If the ID does not exist or belongs to something other than a live stream.
        """
        return self._run("get", self._getting(id, after, deadline), id)

    def update(
        self, id: str, *, deadline: float | None = None, **changes: Unpack[StreamChanges]
    ) -> LiveStream:
        """Update fields of a stream.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.
            changes: The fields to change, named as in :class:`StreamSpec`. ``None`` clears a
                field.

        Returns:
            The stream as the vendor updated it.

        Raises:
            InvalidInput: If a field does not exist or its value is not valid; nothing was sent.
            Unsupported: If this provider cannot change or clear a field; nothing was sent.
        """
        return self._run("update", self._updating(id, changes, deadline), id)

    def start(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Start a stream, so that an encoder can connect now or as soon as its server is ready.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.

        Raises:
            Conflict: If the stream's status does not allow it.
        """
        return self._run("start", self._on_stream("start", id, deadline), id)

    def reset_key(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Replace a stream's key. The old key stops working.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.

        Returns:
            The stream, with its new key.

        Raises:
            Conflict: If the stream's status does not allow it.
        """
        return self._run("reset_key", self._on_stream("reset_key", id, deadline), id)

    def disable(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Disable a stream: the vendor refuses encoders until it is enabled again.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.

        Returns:
            The stream as the vendor shows it after the change.

        Raises:
            Conflict: If the stream's status does not allow it.
        """
        return self._run("disable", self._on_stream("disable", id, deadline), id)

    def enable(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Enable a disabled stream, so that an encoder can connect again.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.

        Returns:
            The stream as the vendor shows it after the change.

        Raises:
            Conflict: If the stream's status does not allow it.
        """
        return self._run("enable", self._on_stream("enable", id, deadline), id)

    def stop(
        self, id: str, *, trim: Trim | None = None, deadline: float | None = None
    ) -> LiveStream:
        """Stop a stream.

        Args:
            id: The stream's ID.
            trim: The part of the recording to keep; by default all of it.
            deadline: See :meth:`create`.

        Raises:
            Conflict: If the stream's status does not allow it.
        """
        return self._run("stop", self._stopping(id, trim, deadline), id)

    def recordings(self, id: str, *, deadline: float | None = None) -> tuple[Recording, ...]:
        """Return all recordings of a stream, in the vendor's order.

        A reusable stream may have one for each run.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.
        """
        return self._run("recordings", self._recordings(id, deadline), id)

    def cancel(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Cancel a stream that has not gone live.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.

        Raises:
            Conflict: If the stream's status does not allow it.
        """
        return self._run("cancel", self._on_stream("cancel", id, deadline), id)

    def delete(self, id: str, *, deadline: float | None = None) -> None:
        """Delete a stream; some vendors also delete its recording.

        Args:
            id: The stream's ID.
            deadline: See :meth:`create`.

        Raises:
            NotFound: If the ID does not exist or belongs to something other than a live stream;
                nothing was deleted.
        """
        self._run("delete", self._on_stream("delete", id, deadline), id)

    # -- lists ------------------------------------------------------------------------------

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
        read_ahead: bool = False,
        deadline: float | None = None,
    ) -> StreamList:
        """List streams: return an iterator that reads pages as needed, with each stream once.

        Args:
            status: The status that streams must have.
            starts_after: The earliest scheduled start, inclusive.
            starts_before: The latest scheduled start, exclusive.
            tag: A tag that streams must have.
            reference: The reference that streams must have.
            limit: The maximum number of streams.
            full: Whether to read each stream by its ID too if this provider's lists lack fields;
                see :attr:`Capabilities.list_lacks`. A stream that is deleted meanwhile is left out.
            on_unreadable: What to do about entries that cannot be read as streams. All readable
                streams are returned first. ``"raise"`` then raises one error, whose ``streams``
                has the returned streams that you still hold, and at least the last 100.
                ``"collect"`` collects the entries in ``unreadable`` of the iterator.
            read_ahead: Whether to read the next page in a thread while you process the current
                one, from the second page on. It has no effect while a limiter is in use.
            deadline: Seconds for each page; see :meth:`create`.

        Returns:
            An iterator. When it is exhausted, its ``complete`` says whether the list is proven to
            contain every stream.

        Raises:
            Unsupported: If this provider does not return what a filter needs, or returns it only
                with ``full=True``.
            UnexpectedResponse: At the end of the list, if an entry could not be read.
        """
        query = self._query("list", status, starts_after, starts_before, tag, reference, full)
        listing = self._listing(query, limit, on_unreadable, deadline, full=full)
        return StreamList(
            lambda flow: self._run("list", self._if_open(flow, "list")),
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
        reference: str | None = None,
        full: bool = False,
        deadline: float | None = None,
    ) -> Page:
        """Return one page of streams, for REST endpoints and jobs that resume later.

        Args:
            cursor: The ``next_cursor`` of the previous page; ``None`` for the first page.
            size: The number of streams per page, if the vendor supports it.
            status: See :meth:`list`. Filters are applied to the page, so it may have fewer streams.
            starts_after: See :meth:`list`.
            starts_before: See :meth:`list`.
            tag: See :meth:`list`.
            reference: See :meth:`list`.
            full: See :meth:`list`. The deadline applies to all reads of the page together.
            deadline: See :meth:`create`.

        Returns:
            The page. Its ``next_cursor`` is ``None`` on the last page. Its ``unreadable`` has the
            entries that could not be read, regardless of the filters.

        Raises:
            UnexpectedResponse: If the page or its link to the next page cannot be read. In the
                latter case, the error's ``streams`` has the streams of the page.
        """
        query = self._query("pages", status, starts_after, starts_before, tag, reference, full)
        return self._run("pages", self._paging(query, cursor, size, deadline, full=full))

    # -- waiting ----------------------------------------------------------------------------

    def wait(
        self,
        id: str,
        *,
        until: Until,
        timeout: float,
        poll: float | None = None,
        since: LiveStream | None = None,
        on_change: Callable[[LiveStream], object] | None = None,
    ) -> LiveStream:
        """Wait until a stream has a status or meets another condition, by polling the vendor.

        Args:
            id: The stream's ID.
            until: A status, several statuses, or a function that takes the stream. READY, LIVE,
                and INTERRUPTED also satisfy STARTING; LIVE and INTERRUPTED also satisfy READY;
                ENDED also satisfies PROCESSING. A reusable stream has ended when a run that was
                seen live, in this wait or in ``since``, is over, whatever status follows.
            timeout: Seconds to wait.
            poll: Seconds between two reads. By default the interval grows from 0.5 to 5 seconds.
            since: The stream as you read it before. If it was live, the wait for the end of a
                reusable stream also ends if that run is over by the first read.
            on_change: A function that is called with the stream when its status has changed since
                the last read.

        Returns:
            The stream, which meets the condition. After the run of a reusable stream, its status
            is as the vendor reports it, such as READY or DISABLED.

        Raises:
            StreamFailed: If the stream failed.
            WaitFailed: If the stream can no longer meet the condition.
            WaitTimeout: If the timeout expired, or the vendor asked for a longer pause than the
                time left. In all three errors, ``stream`` is the stream as last read. If no run
                of a reusable stream was seen, the message says so.
            Unsupported: If this provider never reports the status; nothing was sent.
        """
        return self._run("wait", self._waiting(id, until, timeout, poll, since, on_change), id)

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
    ) -> Watch:
        """Watch streams: return an iterator that reads them in time, and waits for changes.

        A stream is read every few seconds while it is likely to change, and otherwise rarely. All
        watches of an account in this process together send about one request per second. If a
        list costs less than the reads of single streams, a list is read. A webhook delivery that a
        tracker of this process stores makes the watches of its stream read at once.

        Temporary errors only delay the next read, and so does a stream that could be parsed before
        and now cannot. Any other error is raised. Iterate again to continue: the next read
        follows after a pause, which is longer the more often the read has failed.

        The streams in the changes have no secrets: read a stream to get its key.

        Args:
            id: The stream's ID. Without it, the streams that the filters select are watched. A
                stream that was selected once is watched until it is over.
            status: See :meth:`list`.
            starts_after: See :meth:`list`.
            starts_before: See :meth:`list`.
            tag: See :meth:`list`.
            reference: See :meth:`list`.
            timeout: The seconds after which the iterator ends. By default, it ends only when it is
                closed, or when the one stream is deleted or over, with its recording.
            poll: The longest pause between two reads, in seconds. By default, 60.

        Returns:
            An iterator. Its first changes are the current statuses, whose ``previous`` is ``None``.

        Raises:
            NotFound: If the ID does not exist or belongs to something other than a live stream.
            Unsupported: If this provider does not return what a filter needs.
        """
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
        return Watch(
            lambda flow: self._run("watch", self._if_open(flow, "watch", id), id), watching
        )

    def probe(
        self,
        stream: LiveStream | str,
        *,
        allow_addresses: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Playability:
        """Find out whether viewers can watch a stream, by reading its HLS playlist as players do.

        Whatever the playback URL leads to is an answer, not an error, even if there is nothing.

        The requests go to the servers of the playback URL, not to the vendor's API. They contain
        no credentials, and are not affected by the transport or by proxies. Each one is sent to
        an address that was checked: by default, only to public ones. It needs the ``probe`` extra.

        Args:
            stream: The stream, or its ID, which is read first.
            allow_addresses: IP addresses and networks that are not public, but which the playback
                URL, a redirect, or a playlist may lead to, such as ``"10.0.0.0/8"``.
            deadline: Seconds for the whole probe, including watching whether new segments appear.
                That takes up to twice the duration of a segment. Defaults to the deadline passed
                to :func:`connect`.

        Raises:
            InvalidInput: If a host has no address that is public or allowed.
        """
        flow = self._probing(stream, allow_addresses, deadline)
        return self._run("probe", flow, id_of(stream))

    def check(self, *, deadline: float | None = None) -> Check:
        """Check whether the account can be used: sign in if necessary, and list the smallest page.

        Whatever goes wrong is an answer, not an error: the result's ``state`` and ``reason`` say
        what is wrong. Nothing is changed at the vendor, and nothing is remembered: each check asks
        the vendor again. Only if the vendor has just refused the credentials, or has asked for a
        pause, the check says so without a request, as any other call does.

        Args:
            deadline: Seconds for the whole check, including retries; see :meth:`create`. Choose a
                short one for a health endpoint.

        Raises:
            InvalidInput: If the deadline is not valid.
            ConfigurationError: If the client is closed.
        """
        return self._run("check", self._checking(deadline))

    # -- webhooks ---------------------------------------------------------------------------

    def receive_webhook(
        self,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        body: bytes,
        *,
        secret: Secret | str | None = None,
        deadline: float | None = None,
    ) -> Event:
        """Verify a webhook delivery, and return its event; fetch the vendor's key if necessary.

        It works for every vendor with webhooks. If the vendor publishes a key instead of sharing a
        secret with each account, the key is fetched, kept for an hour by all clients of the
        account, and fetched again when a delivery does not match it, at most once per minute. For
        all other vendors, this is :meth:`parse_webhook`.

        Args:
            headers: See :meth:`parse_webhook`.
            body: The body exactly as received, before any decoding.
            secret: The secret or key to verify the delivery with. Nothing is fetched then.
            deadline: Seconds for fetching the key; see :meth:`create`.

        Raises:
            WebhookRejected: If the delivery could not be verified; see :meth:`parse_webhook`.
            ProviderUnavailable: If the key could not be fetched. Respond with a 5xx, so that the
                vendor sends the delivery again.
        """
        # Error reports show locals: from here on, none holds a secret in plain text.
        delivery = read_delivery(headers, body)
        given = secret_given(secret)
        del headers, body, secret
        return self._run("receive_webhook", self._receiving(delivery, given, deadline))

    def webhooks(self, *, deadline: float | None = None) -> tuple[Webhook, ...]:
        """Return all webhooks of the account, in the vendor's order.

        Args:
            deadline: See :meth:`create`.
        """
        return self._run("webhooks", self._webhooks(deadline))

    def register_webhook(
        self, url: str, *, secret: Secret | str | None = None, deadline: float | None = None
    ) -> Webhook:
        """Register a URL to which the vendor sends deliveries from now on.

        The URL is registered again even if it is registered already; :meth:`webhooks` shows which
        ones are.

        Args:
            url: The complete https URL of your receiver. Plain http is accepted only for this
                machine, and for hosts in ``allow_http_hosts`` of :func:`connect`.
            secret: The secret that will verify the deliveries. By default, a random one.
            deadline: See :meth:`create`.

        Returns:
            The webhook with its secret. Store the secret as the option ``webhook_secret``: some
            vendors never return it again.

        Raises:
            InvalidInput: If the URL or the secret is not valid; nothing was sent.
        """
        given = secret_given(secret)
        del secret
        return self._run("register_webhook", self._registering(url, given, deadline))

    def delete_webhook(self, webhook_id: str, *, deadline: float | None = None) -> None:
        """Delete a webhook: the vendor sends no more deliveries to its URL.

        Args:
            webhook_id: The webhook's ID.
            deadline: See :meth:`create`.

        Raises:
            NotFound: If the account has no webhook with this ID.
        """
        self._run("delete_webhook", self._deleting_webhook(webhook_id, deadline))

    # -- closing ----------------------------------------------------------------------------

    def close(self) -> None:
        """Close this client; the last client of an account signs out, if the vendor supports it.

        A failed sign-out is logged, not raised. Network connections stay open for other clients.
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

    def _run(self, name: str, flow: Flow[T], id: str | None = None) -> T:
        observation = self._engine.observation(name, id)
        try:
            if observation is None:
                return self._runner.run(flow)
            with observation:
                return observation.returned(self._runner.run(flow))
        finally:
            if not self._membership.is_open:
                # Another thread has closed this client: a session opened since then must end.
                self._end_if_last()

    def _end_if_last(self) -> None:
        if (ending := self._membership.ending(self._engine)) is not None:
            self._runner.run(ending)


check_methods(Client)
publish("livestream_core", [Client])
