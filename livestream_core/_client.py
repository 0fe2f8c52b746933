"""What users hold: one client for one account at one vendor."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import attrs

from . import _convert as c
from ._adapter import Adapter, Operation
from ._capabilities import Capabilities, Feature
from ._clock import Clock
from ._convert import named
from ._deliveries import Delivery, read_delivery
from ._driver import AdapterCode, Call, Driver
from ._errors import (
    ConfigurationError,
    InvalidInput,
    LiveStreamError,
    RateLimited,
    StreamFailed,
    UnexpectedResponse,
    Unsupported,
    WaitFailed,
    WaitTimeout,
)
from ._foreign import pass_on
from ._model import Event, LiveStream, RestreamTarget, StreamSpec, Until
from ._operations import check_methods
from ._plugins import Observers
from ._public import publish
from ._redact import Redactor
from ._request import Request
from ._retry import RetryPolicy
from ._secret import Secret
from ._sending import Transport
from ._session import TokenStore, pool
from ._spec_fields import StreamChanges, StreamFields
from ._status import Status, met_by
from ._stream_list import StreamList
from ._trim import Trim
from ._walk import Page, Query

T = TypeVar("T")

logger = logging.getLogger("livestream_core")

#: Seconds for one operation, retries and signing in included.
OPERATION_SECONDS = 120.0
_SIGN_OUT_SECONDS = 5.0
#: No read of ``wait`` is given less time than this, in seconds.
_SHORTEST_READ = 0.1
#: Nor does it pause for less: a clock that is moved by hand may round that to nothing.
_SHORTEST_PAUSE = 0.001
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0

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
        retries: int,
        token_store: TokenStore | None = None,
    ) -> None:
        self._adapter = adapter
        self._account = adapter.account()
        self._membership = pool.join(
            (
                type(adapter),
                self._account,
                adapter.options.credential_values(),
                getattr(transport, "session_scope", None),
                id(token_store),
            )
        )
        self._driver = Driver(
            adapter,
            transport,
            account=self._account,
            shared=self._membership.shared,
            redactor=Redactor(adapter.options.secrets(), adapter.secret_patterns),
            observers=observers,
            policy=RetryPolicy(retries=retries),
            clock=clock,
            timeout=timeout,
            token_store=token_store,
        )

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
    def capabilities(self) -> Capabilities:
        """What this provider can do, and why not what it cannot."""
        return self._adapter.capabilities

    def supports(self, feature: Feature | str) -> bool:
        """Whether this provider has a feature, in whatever way."""
        return self.capabilities.supports(named("feature", _feature)(feature))

    # -- the lifecycle ----------------------------------------------------------------------

    @overload
    def create(
        self, spec: StreamSpec, /, *, on_unsupported: Literal["raise", "drop"] = "raise"
    ) -> LiveStream: ...

    @overload
    def create(
        self,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        **fields: Unpack[StreamFields],
    ) -> LiveStream: ...

    def create(
        self,
        spec: StreamSpec | None = None,
        /,
        *,
        on_unsupported: Literal["raise", "drop"] = "raise",
        **fields: Any,
    ) -> LiveStream:
        """Makes a stream.

        Args:
            spec: What it is to be; or give the fields of a :class:`StreamSpec` by name. Without
                ``scheduled_start`` it starts as soon as the vendor can.
            on_unsupported: ``"drop"`` leaves out, and logs, what this provider lacks, except
                ``scheduled_start`` where a create without it would start a server.
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
        return self._create(spec, OPERATION_SECONDS)

    def _create(self, spec: StreamSpec, seconds: float) -> LiveStream:
        """Makes a stream of which every field is possible, within so many seconds: nothing is
        sent after them."""
        self._keep_secret(spec.restreams)
        return self._run("create", lambda: self._adapter.create(spec), seconds=seconds)

    def _first_request(self, spec: StreamSpec) -> Request | None:
        """The request that a create begins with, built and not sent."""
        with self._context("create"):
            self.capabilities.demand(Feature.CREATE)
            # Why it cannot be built is written into a plan.
            self._keep_secret(spec.restreams)
            operation = self._adapter.create(self._possible(spec, drop=False))
            if not isinstance(operation, Generator):
                return None
            try:
                return next(operation)
            except StopIteration:
                return None
            finally:
                operation.close()

    def get(self, id: str) -> LiveStream:
        """Reads a stream.

        Raises:
            NotFound: There is none with this id, or the id is that of something else.
        """
        return self._on_stream("get", Feature.GET, id, lambda: self._adapter.get(id))

    def _read_one(self, id: str, seconds: float) -> LiveStream:
        """:meth:`get` within so many seconds."""
        with self._context("get", id):
            self.capabilities.demand(Feature.GET)
            named("id", c.identifier)(id)
        return self._run("get", lambda: self._adapter.get(id), stream_id=id, seconds=seconds)

    def update(self, id: str, **changes: Unpack[StreamChanges]) -> LiveStream:
        """Changes fields of a stream, named as in :class:`StreamSpec`; ``None`` clears one.

        Raises:
            InvalidInput: A field does not exist or its value is wrong; nothing was sent.
            Unsupported: The provider cannot change, or cannot clear, a field; nothing was sent.
        """
        with self._context("update", id):
            self.capabilities.demand(Feature.UPDATE)
            read = self._changes(changes)
        self._keep_secret(read.get("restreams") or ())
        return self._on_stream("update", Feature.UPDATE, id, lambda: self._adapter.update(id, read))

    def start(self, id: str) -> LiveStream:
        """Starts a stream: after it, or once its server is ready, an encoder may connect.

        Raises:
            Conflict: Its status forbids it.
        """
        return self._on_stream("start", Feature.START, id, lambda: self._adapter.start(id))

    def stop(self, id: str, *, trim: Trim | None = None) -> LiveStream:
        """Ends a stream.

        Args:
            id: The stream.
            trim: The part of the recording to keep.

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
            return self._on_stream("stop", Feature.STOP, id, lambda: self._adapter.stop(id))
        return self._on_stream("stop", Feature.STOP, id, lambda: self._adapter.stop(id, trim))

    def cancel(self, id: str) -> LiveStream:
        """Calls a stream off before it was on air.

        Raises:
            Conflict: Its status forbids it.
        """
        return self._on_stream("cancel", Feature.CANCEL, id, lambda: self._adapter.cancel(id))

    def delete(self, id: str) -> None:
        """Deletes a stream, and with some vendors its recording.

        Raises:
            NotFound: There is none with this id, or the id is that of something else; nothing
                was deleted.
        """
        self._on_stream("delete", Feature.DELETE, id, lambda: self._adapter.delete(id))

    # -- lists ------------------------------------------------------------------------------

    def list(
        self,
        *,
        status: Status | str | None = None,
        starts_after: datetime | str | None = None,
        starts_before: datetime | str | None = None,
        tag: str | None = None,
        limit: int | None = None,
    ) -> StreamList:
        """Walks over all streams, page by page as they are needed, each stream once.

        Args:
            status: Only streams in this status.
            starts_after: Only streams scheduled to start at this instant or later.
            starts_before: Only streams scheduled to start before this instant.
            tag: Only streams with this tag.
            limit: At most so many.

        Returns:
            An iterator; when it is exhausted, its ``complete`` says whether that was all.

        Raises:
            Unsupported: A filter is on something that the provider never reports.
        """
        with self._context("list"):
            query = self._query(status, starts_after, starts_before, tag)
            if limit is not None:
                named("limit", c.count)(limit)
        return StreamList(
            self._page, self._adapter, query, limit, lambda error: self._about(error, "list", None)
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
    ) -> Page:
        """Reads one page, for REST faces and for jobs that go on later.

        Args:
            cursor: ``next_cursor`` of the page before; ``None`` for the first.
            size: How many streams the page should have, as far as the vendor lets one choose.
            status: See :meth:`list`. Filters are applied to the page, so it may have fewer.
            starts_after: See :meth:`list`.
            starts_before: See :meth:`list`.
            tag: See :meth:`list`.

        Returns:
            The page; its ``next_cursor`` is ``None`` on the last one.
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
        page = self._page(attrs.evolve(query, cursor=cursor, size=size), name="pages")
        return attrs.evolve(page, items=tuple(filter(query.matches, page.items)))

    def _query(
        self,
        status: Status | str | None,
        starts_after: datetime | str | None,
        starts_before: datetime | str | None,
        tag: str | None,
    ) -> Query:
        self.capabilities.demand(Feature.LIST)
        query = Query(
            status=None if status is None else named("status", _status)(status),
            starts_after=named("starts_after", c.optional_instant)(starts_after),
            starts_before=named("starts_before", c.optional_instant)(starts_before),
            tag=named("tag", c.optional_text)(tag),
        )
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

    def _page(self, query: Query, name: str = "list") -> Page:
        return self._run(name, lambda: self._adapter.list(query))

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
            is_met, wanted = self._until(until)
            named("timeout", c.seconds)(timeout)
            if poll is not None:
                named("poll", c.seconds)(poll)
            named("id", c.identifier)(id)
        clock = self._driver.clock
        deadline = clock.monotonic() + timeout
        pause = _FIRST_PAUSE if poll is None else poll
        stream: LiveStream | None = None
        previous: Status | None = None
        trouble: LiveStreamError | None = None
        # The last look is taken a little before the end, so that its answer is in time.
        last_look = min(max(timeout / 20, _SHORTEST_READ), 0.5)
        left = max(timeout, _SHORTEST_READ)
        while True:
            asked = 0.0
            try:
                stream = self._run(
                    "wait",
                    lambda: self._adapter.get(id),
                    stream_id=id,
                    seconds=min(left, OPERATION_SECONDS),
                )
                trouble = None
            except LiveStreamError as error:
                if not (error.temporary or error.retryable):
                    raise
                trouble = error
                asked = getattr(error, "retry_after", None) or 0.0
            if stream is not None and trouble is None:
                previous = self._observe(stream, previous)
                # A predicate is the caller's code: what it raises is the caller's to see.
                if is_met(stream):
                    return stream
                self._check_reachable(stream, wanted)
            left = deadline - clock.monotonic()
            is_asked_for_more = asked > max(left - last_look, 0.0)
            if left - last_look < _SHORTEST_PAUSE or is_asked_for_more:
                break
            self._pause(min(max(pause, asked, _SHORTEST_PAUSE), left - last_look), id)
            left = max(deadline - clock.monotonic(), _SHORTEST_READ)
            if poll is None:
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        seen = f"it is {stream.status}" if stream is not None else "it could not be read"
        if trouble is None:
            over = WaitTimeout(f"not as wanted within {timeout:g} s: {seen}", stream=stream)
        elif is_asked_for_more:
            # It has not waited in vain: it is not allowed to ask again in time.
            limited = isinstance(trouble, RateLimited)
            over = WaitTimeout(
                f"{'rate limited' if limited else 'the vendor is unavailable'}: it asks to wait "
                f"{asked:.0f} s, longer than the time left ({trouble.message}); {seen}",
                stream=stream,
                hint=trouble.hint,
            )
        else:
            over = WaitTimeout(
                f"not as wanted within {timeout:g} s: {seen} "
                f"({type(trouble).__name__}: {trouble.message})",
                stream=stream,
            )
        if over.hint is None and stream is not None and stream.status is Status.SCHEDULED:
            over.hint = "it may have to be started"
        raise self._about(over, "wait", id)

    def _pause(self, seconds: float, id: str) -> None:
        """Wait between two reads of :meth:`wait`."""
        handled = sys.exception()
        try:
            self._driver.clock.sleep(seconds)
        except BaseException as raised:
            note = Call(self._driver, "wait", id, 0.0).where_it_was()
            raise pass_on(raised, note, handled)  # noqa: B904 - the same object

    def _until(
        self, until: Until
    ) -> tuple[Callable[[LiveStream], object], frozenset[Status] | None]:
        if callable(until) and not isinstance(until, str):
            return until, None
        several = [until] if isinstance(until, str) else until
        if not isinstance(several, Iterable) or not (several := list(several)):
            raise InvalidInput(
                "until: expected a status, several of them, or a function", field="until"
            )
        statuses = {named("until", _status)(status) for status in several}
        self._check_reported(statuses)
        wanted = frozenset(each for status in statuses for each in met_by(status))
        return (lambda stream: stream.status in wanted), wanted

    def _check_reachable(self, stream: LiveStream, wanted: frozenset[Status] | None) -> None:
        status = stream.status
        if wanted is None:
            # A recording may still come after the end; only a failed stream leaves no hope.
            possible = status is not Status.FAILED
        else:
            possible = any(status.can_reach(each) for each in wanted)
        if possible:
            return
        kind = StreamFailed if status is Status.FAILED else WaitFailed
        what = "the stream failed" if status is Status.FAILED else "that can no longer happen"
        raise self._about(kind(f"{what}: it is {status}", stream=stream), "wait", stream.id)

    def _observe(self, stream: LiveStream, previous: Status | None) -> Status:
        if previous is Status.STARTING and stream.status is Status.SCHEDULED:
            # Some vendors cannot tell a booting server from a scheduled one: no event.
            return previous
        if previous is not None and stream.status is not previous:
            self._driver.observers.status_changed(self._account, stream, previous)
        return stream.status

    # -- payloads and webhooks --------------------------------------------------------------

    def parse_stream(self, payload: Mapping[str, Any]) -> LiveStream:
        """Reads a payload of the vendor's that you already have: a stored one, or a document's
        sample.

        Raises:
            UnexpectedResponse: It is not one of a live stream, or a field of it is wrong.
        """
        return self._read("parse_stream", lambda: self._adapter.parse_stream(payload))

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
        self._driver.redactor.add(secret.reveal())
        problem: LiveStreamError
        try:
            event = self._read(
                "parse_webhook",
                lambda: self._adapter.parse_webhook(
                    delivery.headers, delivery.body, secret.reveal()
                ),
            )
        except LiveStreamError as error:
            problem = delivery.explain(error)
        else:
            if event.stream is not None:
                self._driver.observers.status_changed(self._account, event.stream, None)
            return event
        # Without the adapter's frames: they hold the secret.
        raise problem.with_traceback(None)

    def _read(self, name: str, make: Callable[[], T]) -> T:
        call = Call(self._driver, name, None, 0.0)
        error: LiveStreamError
        try:
            with AdapterCode(lambda raised: UnexpectedResponse(call.broken(raised).message)):
                result = make()
        except LiveStreamError as raised:
            error = raised
            if isinstance(raised, InvalidInput):
                error = UnexpectedResponse(raised.message)
        else:
            self._driver.redactor.see(result)
            return result
        raise call.finished(error).with_traceback(None)

    # -- closing ----------------------------------------------------------------------------

    def close(self) -> None:
        """Leaves the shared session; the last client of an account signs out, where the vendor
        has that. A sign-out that fails is
        logged, not raised. Connections stay open for other clients."""
        self._membership.leave()
        self._end_session()

    def _end_session(self) -> None:
        driver = self._driver
        if type(self._adapter).sign_out is Adapter.sign_out or driver.token_store is not None:
            return
        session = driver.shared.take_orphan()
        if session is None:
            return
        handled = sys.exception()
        call = Call(driver, "close", None, driver.clock.monotonic() + _SIGN_OUT_SECONDS)
        try:
            call.sign_out(session)
        except LiveStreamError as error:
            logger.warning("%s: signing out failed: %s", self._account, type(error).__name__)
        except BaseException as raised:
            raise pass_on(raised, call.where_it_was(), handled)  # noqa: B904 - the same object

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
        seconds: float = OPERATION_SECONDS,
    ) -> T:
        if not self._membership.is_open:
            raise self._about(
                ConfigurationError("the client is closed", hint="connect again"), name, stream_id
            )
        try:
            return self._driver.run(name, make, stream_id=stream_id, seconds=seconds)
        finally:
            if not self._membership.is_open:
                # Closed meanwhile by another thread: a session opened since then is left over.
                self._end_session()

    def _on_stream(
        self, name: str, feature: Feature, id: str, make: Callable[[], Operation[T]]
    ) -> T:
        with self._context(name, id):
            self.capabilities.demand(feature)
            named("id", c.identifier)(id)
        return self._run(name, make, stream_id=id)

    def _keep_secret(self, targets: Iterable[RestreamTarget]) -> None:
        """The vendor may echo in an error what has not yet come back in an answer."""
        for target in targets:
            if target.stream_key is not None:
                self._driver.redactor.add_key(target.stream_key.reveal())

    def _context(self, name: str, id: object = None) -> _Context:
        return _Context(self, name, id if isinstance(id, str) else None)

    def _about(self, error: LiveStreamError, name: str, id: str | None) -> LiveStreamError:
        error.provider, error.account = self.provider, self._account
        error.operation, error.stream_id = name, id
        # Before anything was sent, or after reading.
        error.applied = False
        error.retryable = error.temporary
        self._driver.redactor.clean(error)
        return error

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
            dropped = self._driver.redactor.mask(problem.message)
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
