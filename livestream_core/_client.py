"""What users hold: one client for one account at one vendor."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import attrs

from . import _convert as c
from ._adapter import Adapter, Operation, Session
from ._capabilities import Capabilities, Feature
from ._clock import Clock
from ._convert import named
from ._deliveries import Delivery, read_delivery
from ._engine.call import Call, Engine
from ._engine.effects import Flow
from ._engine.listing import Listing
from ._engine.retry import RetryPolicy
from ._engine.sign_in import TokenStore
from ._engine.waiting import Condition, wait
from ._errors import (
    ConfigurationError,
    InvalidInput,
    LiveStreamError,
    UnexpectedResponse,
    Unsupported,
)
from ._filters import query_of
from ._foreign import pass_on
from ._identity import Identity
from ._model import Event, LiveStream, RestreamTarget, StreamSpec, Until
from ._operations import check_methods
from ._options import Options
from ._plugins import Observers
from ._preview import Preview, preview_of
from ._public import publish
from ._redact import Redactor
from ._request import Response
from ._runners.sync import SyncRunner
from ._secret import Secret
from ._sending import Limiter, Transport
from ._session import pool
from ._spec_fields import StreamChanges, StreamFields
from ._status import Status, met_by
from ._stream_list import StreamList
from ._trim import Trim
from ._walk import Page, Query, unreadable_error

T = TypeVar("T")

logger = logging.getLogger("livestream_core")

_SPEC_FIELDS = attrs.fields_dict(StreamSpec)
_SPEC_CONVERTERS: dict[str, Any] = {name: each.converter for name, each in _SPEC_FIELDS.items()}


class Client:
    """One account at one vendor. Made by :func:`connect`.

    Thread-safe, a context manager, and cheap: the connections behind it are shared by all
    clients of the process. Every method may raise any :class:`LiveStreamError`; its ``applied``
    says whether the change happened.
    """

    def __init__(
        self,
        adapter: Adapter,
        transport: Transport,
        *,
        clock: Clock,
        observers: Observers,
        timeout: tuple[float, float],
        deadline: float,
        retries: int,
        token_store: TokenStore | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self._adapter = adapter
        self._account = adapter.account()
        self._membership = pool.join(
            (
                type(adapter),
                self._account,
                adapter.options.credential_values(),
                getattr(transport, "session_scope", None),
                Identity(token_store),
            )
        )
        self._runner = SyncRunner(transport, clock)
        self._engine = Engine(
            adapter,
            account=self._account,
            shared=self._membership.shared,
            redactor=Redactor(adapter.options.secrets(), adapter.secret_patterns),
            observers=observers,
            policy=RetryPolicy(retries=retries),
            clock=clock,
            timeout=timeout,
            deadline=deadline,
            token_store=token_store,
            limiters=() if limiter is None else (limiter,),
        )
        # Who ends the session at the exit of the process, if no client has by then.
        self._membership.shared.engine = self._engine
        self._membership.shared.runner = self._runner

    # -- what it can do ---------------------------------------------------------------------

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._adapter.name

    @property
    def account(self) -> str:
        """Whose account it is, as provider, origin and the non-secret id. It stays the same when
        credentials are renewed."""
        return self._account

    @property
    def options(self) -> Options:
        """The provider's options of this client; its repr masks the secret ones."""
        options: Options = self._adapter.options
        return options

    @property
    def session(self) -> Session | None:
        """The session that was used last; ``None`` before the first request. It is secret: whoever
        has its headers is signed in."""
        return self._engine.session

    @property
    def capabilities(self) -> Capabilities:
        """What this provider can do, and why not what it cannot."""
        return self._adapter.capabilities

    def supports(self, feature: Feature | str) -> bool:
        """Whether this provider has a feature, in whatever way."""
        return self.capabilities.supports(named("feature", _feature)(feature))

    def id_key(self, id: str) -> str:
        """Return the id in the spelling by which two ids of this vendor are compared."""
        return self._adapter.id_key(id)

    @contextmanager
    def paced(self, limiter: Limiter) -> Iterator[None]:
        """Ask a limiter before each request of this client, as long as the block lasts.

        Requests of others who use this client at the same time are held back as well. Limiters
        of several blocks, and the one given to :func:`connect`, are all asked.
        """
        entry = self._engine.limit_by(limiter)
        try:
            yield
        finally:
            self._engine.limiters.remove(entry)

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
        with self._context("create"):
            self.capabilities.demand(Feature.CREATE)
            if on_unsupported not in ("raise", "drop"):
                raise InvalidInput(
                    "on_unsupported: is either 'raise' or 'drop'", field="on_unsupported"
                )
            spec = self._possible(_spec(spec, fields), drop=on_unsupported == "drop")
        self._keep_secret(spec.restreams)
        return self._run("create", lambda: self._adapter.create(spec), deadline=deadline)

    def preview(self, spec: StreamSpec) -> Preview | None:
        """Return the request that a create of a spec begins with, without sending it; ``None``
        where the adapter begins with a read, so that nothing can be told before.

        Raises:
            InvalidInput: The spec cannot be asked for.
            Unsupported: This provider has no place for a field of it.
        """
        with self._context("preview"):
            self.capabilities.demand(Feature.CREATE)
            # Why it cannot be built may be written down.
            self._keep_secret(spec.restreams)
            operation = self._adapter.create(self._possible(spec, drop=False))
            request = next(operation, None) if isinstance(operation, Generator) else None
            if isinstance(operation, Generator):
                operation.close()
            if request is None or not request.changes:
                return None
            return preview_of(request, self._engine.redactor.mask)

    def get(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Reads a stream.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            NotFound: There is none with this id, or the id is that of something else.
        """
        return self._on_stream("get", id, lambda: self._adapter.get(id), deadline)

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
        with self._context("update", id):
            self.capabilities.demand(Feature.UPDATE)
            read = self._changes(changes)
        self._keep_secret(read.get("restreams") or ())
        return self._on_stream("update", id, lambda: self._adapter.update(id, read), deadline)

    def start(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Starts a stream: after it, or once its server is ready, an encoder may connect.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            Conflict: Its status forbids it.
        """
        return self._on_stream("start", id, lambda: self._adapter.start(id), deadline)

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
        with self._context("stop", id):
            self.capabilities.demand(Feature.STOP)
            if trim is not None:
                if not isinstance(trim, Trim):
                    raise InvalidInput(
                        f"trim: expected a Trim, not {type(trim).__name__}", field="trim"
                    )
                self.capabilities.demand(Feature.TRIM)
        if trim is None:
            return self._on_stream("stop", id, lambda: self._adapter.stop(id), deadline)
        return self._on_stream("stop", id, lambda: self._adapter.stop(id, trim), deadline)

    def cancel(self, id: str, *, deadline: float | None = None) -> LiveStream:
        """Calls a stream off before it was on air.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            Conflict: Its status forbids it.
        """
        return self._on_stream("cancel", id, lambda: self._adapter.cancel(id), deadline)

    def delete(self, id: str, *, deadline: float | None = None) -> None:
        """Deletes a stream, and with some vendors its recording.

        Args:
            id: The stream.
            deadline: See :meth:`create`.

        Raises:
            NotFound: There is none with this id, or the id is that of something else; nothing
                was deleted.
        """
        self._on_stream("delete", id, lambda: self._adapter.delete(id), deadline)

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
            deadline: Seconds for each page; see :meth:`create`.

        Returns:
            An iterator; when it is exhausted, its ``complete`` says whether that was all.

        Raises:
            Unsupported: A filter is on something that the provider never reports.
            UnexpectedResponse: At the end: an entry could not be read.
        """
        with self._context("list"):
            query = self._query(status, starts_after, starts_before, tag)
            if limit is not None:
                named("limit", c.count)(limit)
            if on_unreadable not in ("raise", "collect"):
                raise InvalidInput(
                    "on_unreadable: must be 'raise' or 'collect'", field="on_unreadable"
                )
            seconds = self._seconds(deadline)
        listing = Listing(self._engine, query, limit, seconds)
        return StreamList(
            lambda flow: self._run_flow(flow, "list"),
            listing,
            collects=on_unreadable == "collect",
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
        with self._context("pages"):
            query = self._query(status, starts_after, starts_before, tag)
            if size is not None:
                named("size", c.count)(size)
                if size == 0:
                    raise InvalidInput("size: must be at least 1", field="size")
                size = min(size, self.capabilities.max_page_size or size)
            if cursor is not None:
                cursor = named("cursor", c.identifier)(cursor)
            query = attrs.evolve(query, cursor=cursor, size=size)
        page = self._run("pages", lambda: self._adapter.list(query), deadline=deadline)
        page = query.applied(page)
        if lost := [each for each in page.unreadable if each.is_link]:
            raise self._engine.about(unreadable_error(lost, page.items), "pages", None)
        return page

    def _query(
        self,
        status: Status | str | None,
        starts_after: datetime | str | None,
        starts_before: datetime | str | None,
        tag: str | None,
    ) -> Query:
        self.capabilities.demand(Feature.LIST)
        query = query_of(status, starts_after, starts_before, tag)
        missing = tuple(
            name
            for name in ("status", "starts_after", "starts_before", "tag")
            if getattr(query, name) is not None and name not in self.capabilities.filters
        )
        if missing:
            raise Unsupported(
                f"no filter by {', '.join(missing)}: this provider never reports it",
                features=missing,
            )
        if query.status is not None:
            self._check_reported({query.status})
        return query

    def _check_reported(self, statuses: Collection[Status]) -> None:
        reported = self.capabilities.statuses | {Status.UNKNOWN}
        if statuses and not reported & set(statuses):
            raise Unsupported(
                f"this provider never reports {' or '.join(sorted(statuses))}",
                features=tuple(sorted(statuses)),
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
        with self._context("wait", id):
            self.capabilities.demand(Feature.GET)
            condition = self._until(until)
            named("timeout", c.seconds)(timeout)
            if poll is not None:
                named("poll", c.seconds)(poll)
            named("id", c.identifier)(id)
        return self._run_flow(wait(self._engine, id, condition, timeout, poll), "wait", id)

    def _until(self, until: Until) -> Condition:
        if callable(until) and not isinstance(until, str):
            return Condition(until)
        several = [until] if isinstance(until, str) else until
        if not isinstance(several, Iterable) or not (several := list(several)):
            raise InvalidInput(
                "until: expected a status, several of them, or a function", field="until"
            )
        statuses = {named("until", _status)(status) for status in several}
        self._check_reported(statuses)
        wanted = frozenset(each for status in statuses for each in met_by(status))
        return Condition(lambda stream: stream.status in wanted, wanted)

    # -- payloads and webhooks --------------------------------------------------------------

    def parse_stream(self, payload: Mapping[str, Any]) -> LiveStream:
        """Reads a payload of the vendor's that you already have: a stored one, or a document's
        sample.

        Raises:
            UnexpectedResponse: It is not one of a live stream, or a field of it is wrong.
        """
        return self._read(
            "parse_stream", lambda: self._adapter.parse_stream(payload), lambda: payload
        )

    def parse_webhook(
        self,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        body: bytes,
        *,
        secret: Secret | str | None = None,
    ) -> Event:
        """Verifies a webhook delivery, then reads it.

        Args:
            headers: The delivery's headers, as a mapping or pairs; names in any case.
            body: The body as it came, before any decoding.
            secret: What it is verified with; by default the option ``webhook_secret``.

        Returns:
            What it is about. It is a hint: read the stream before you act.

        Raises:
            WebhookRejected: It could not be verified; where it is clear why (a form, a compressed
                body, ...), the hint says so.
            InvalidInput: The headers or the body are not what was received, such as a body that
                was parsed already.
            ConfigurationError: The secret is missing or empty.
            UnexpectedResponse: It is genuine and cannot be read.
        """
        # Error reports show locals: from here on none holds a secret in clear.
        delivery = read_delivery(headers, body)
        secret = Secret(secret) if isinstance(secret, str) else secret
        del headers, body
        with self._context("parse_webhook"):
            self.capabilities.demand(Feature.WEBHOOK)
            if secret is None:
                secret = getattr(self._adapter.options, "webhook_secret", None)
            if not isinstance(secret, Secret) or not secret.reveal().strip():
                raise ConfigurationError(
                    "the webhook secret is missing or empty",
                    hint="pass secret=, or give the option webhook_secret to connect()",
                )
            if isinstance(delivery, InvalidInput):
                raise delivery
        return self._event(delivery, secret)

    def _event(self, delivery: Delivery, secret: Secret) -> Event:
        self._engine.redactor.add(secret.reveal())
        problem: LiveStreamError
        try:
            event = self._read(
                "parse_webhook",
                lambda: self._adapter.parse_webhook(
                    delivery.headers, delivery.body, secret.reveal()
                ),
                Response(200, {}, delivery.body).json,
            )
        except LiveStreamError as error:
            problem = delivery.explain(error)
        else:
            if event.stream is not None:
                self._engine.observers.status_changed(self._account, event.stream, None)
            return event
        # Without the adapter's frames: they hold the secret.
        raise problem.with_traceback(None)

    def _read(self, name: str, make: Callable[[], T], payload: Callable[[], Any]) -> T:
        call = Call(self._engine, name, None, 0.0)
        handled = sys.exception()
        error: LiveStreamError
        try:
            result = make()
        except InvalidInput as raised:
            error = UnexpectedResponse(raised.message)
        except LiveStreamError as raised:
            error = raised
        except BaseException as raised:
            bug = call.bug(raised)
            if not isinstance(bug, LiveStreamError):
                pass_on(raised, call.where_it_was(), handled)
            error = UnexpectedResponse(bug.message)
        else:
            return self._engine.redactor.see(result)
        if isinstance(error, UnexpectedResponse) and error.stream_id is None:
            with suppress(UnexpectedResponse):
                error.stream_id = call.id_in(payload())
        raise call.finished(error).with_traceback(None)

    # -- closing ----------------------------------------------------------------------------

    def close(self) -> None:
        """Leaves the shared session; the last client of an account signs out, where the vendor
        has that. A sign-out that fails is
        logged, not raised. Connections stay open for other clients."""
        self._membership.leave()
        self._membership.end_if_last(self._engine, self._runner)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # Collected without close(): it leaves the session, but does no I/O here. At the end of the
        # interpreter nothing can be imported any more, not even this module's names are left, and
        # nobody shares a session.
        if not is_finalizing() and hasattr(self, "_membership"):
            self._membership.leave()

    def __repr__(self) -> str:
        return f"<Client {self._account}{'' if self._membership.is_open else ' (closed)'}>"

    # -- how a call runs --------------------------------------------------------------------

    def _run(
        self,
        name: str,
        make: Callable[[], Operation[T]],
        *,
        stream_id: str | None = None,
        deadline: float | None = None,
    ) -> T:
        with self._context(name, stream_id):
            seconds = self._seconds(deadline)
        flow = self._engine.call(name, make, stream_id=stream_id, seconds=seconds)
        return self._run_flow(flow, name, stream_id)

    def _seconds(self, deadline: float | None) -> float:
        if deadline is None:
            return self._engine.deadline
        return named("deadline", c.seconds)(deadline)

    def _run_flow(self, flow: Flow[T], name: str, stream_id: str | None = None) -> T:
        if not self._membership.is_open:
            flow.close()
            raise self._about(
                ConfigurationError("the client is closed", hint="connect again"), name, stream_id
            )
        try:
            return self._runner.run(flow)
        finally:
            if not self._membership.is_open:
                # Closed meanwhile by another thread: a session opened since then is left over.
                self._membership.end_if_last(self._engine, self._runner)

    def _on_stream(
        self,
        name: str,
        id: str,
        make: Callable[[], Operation[T]],
        deadline: float | None,
    ) -> T:
        with self._context(name, id):
            self.capabilities.demand(Feature(name))
            named("id", c.identifier)(id)
        return self._run(name, make, stream_id=id, deadline=deadline)

    def _keep_secret(self, targets: Iterable[RestreamTarget]) -> None:
        """The vendor may echo in an error what has not yet come back in an answer."""
        for target in targets:
            if target.stream_key is not None:
                self._engine.redactor.add_key(target.stream_key.reveal())

    def _context(self, name: str, id: object = None) -> _Context:
        return _Context(self, name, id if isinstance(id, str) else None)

    def _about(self, error: LiveStreamError, name: str, id: str | None) -> LiveStreamError:
        return self._engine.about(error, name, id)

    def _possible(self, spec: StreamSpec, *, drop: bool) -> StreamSpec:
        capabilities = self.capabilities
        lacking = {
            name: problem
            for name in _SPEC_FIELDS
            if (problem := capabilities.lacking(name, getattr(spec, name)))
        }
        if not lacking:
            return spec
        kept = () if drop else tuple(lacking)
        if drop and "scheduled_start" in lacking and capabilities.create_starts:
            kept = ("scheduled_start",)
        if kept:
            problems = "; ".join(lacking[name].message for name in kept)
            features = tuple(name for each in kept for name in lacking[each].features)
            raise Unsupported(
                problems,
                features=features,
                hint="on_unsupported='drop' leaves it out" if not drop else None,
            )
        for problem in lacking.values():
            dropped = self._engine.redactor.mask(problem.message)
            logger.warning("%s create: dropped %s", self._account, dropped)
        left_out: dict[str, Any] = {name: _SPEC_FIELDS[name].default for name in lacking}
        return attrs.evolve(spec, **left_out)

    def _changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        if not changes:
            raise InvalidInput("nothing to change was given", field="changes")
        capabilities = self.capabilities
        read: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in _SPEC_FIELDS:
                raise unknown_field(name)
            if name not in capabilities.updatable:
                raise Unsupported(f"{name}: this provider cannot change it", features=(name,))
            clears = value is None or (name != "options" and value in ((), []))
            if name == "title" or not clears:
                read[name] = _SPEC_CONVERTERS[name](value)
                if problem := capabilities.lacking(name, read[name]):
                    raise problem
            elif name not in capabilities.clearable:
                raise Unsupported(f"{name}: this provider cannot clear it", features=(name,))
            else:
                read[name] = None
        return read


class _Context:
    """Gives provider, account, operation and stream to errors of checks made before sending."""

    def __init__(self, client: Client, name: str, stream_id: str | None) -> None:
        self._client, self._name, self._stream_id = client, name, stream_id

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if isinstance(exc, LiveStreamError):
            self._client._about(exc, self._name, self._stream_id)


def _spec(spec: StreamSpec | None, fields: Mapping[str, Any]) -> StreamSpec:
    if spec is not None:
        if not isinstance(spec, StreamSpec):
            raise InvalidInput(
                f"spec: expected a StreamSpec, not {type(spec).__name__}", field="spec"
            )
        if fields:
            raise InvalidInput(
                "give a StreamSpec or its fields, not both", field=next(iter(fields))
            )
        return spec
    for name in fields:
        if name not in _SPEC_FIELDS:
            raise unknown_field(name)
    if "title" not in fields:
        raise InvalidInput("title: is missing", field="title")
    return StreamSpec(**fields)


def unknown_field(name: str) -> InvalidInput:
    """The error for a name that is no field of a stream."""
    return InvalidInput(
        f"{name}: a stream has no such field",
        field=name,
        hint=f"it has {', '.join(_SPEC_FIELDS)}",
    )


def _status(status: Status | str) -> Status:
    return c.enum_of(Status, status)


def _feature(feature: Feature | str) -> Feature:
    return c.enum_of(Feature, feature)


check_methods(Client)
publish("livestream_core", [Client])
