"""The base of both clients: checks of arguments, and the flow of each operation.

Every private method that returns a flow checks its arguments at once. Nothing is sent before the
flow is run.
"""

from __future__ import annotations

import sys
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager, suppress
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs

from .._contract.adapter import Adapter, Operation
from .._contract.capabilities import FILTERS, Capabilities, Feature
from .._contract.clock import Clock, SystemClock
from .._contract.filters import query_of
from .._contract.foreign import pass_on
from .._contract.identity import Identity
from .._contract.options import Options, check_text, unencrypted_host
from .._contract.pagination import Page, Query, unreadable_error
from .._contract.preview import Preview, preview_of
from .._contract.redaction import Redactor
from .._contract.response import Response
from .._contract.session import Session
from .._contract.token_stores import AnyTokenStore
from .._contract.transport import AnyLimiter
from .._contract.webhooks import Delivery, read_delivery
from .._engine.call import Call, Engine
from .._engine.checking import check
from .._engine.effects import Flow
from .._engine.listing import FullReads, Listing
from .._engine.published_key import published_key
from .._engine.retry import RetryPolicy
from .._engine.waiting import Condition, EndOfRun, wait
from .._model import converters as c
from .._model.checked import Check
from .._model.converters import with_field_name
from .._model.errors import (
    ConfigurationError,
    InvalidInput,
    LiveStreamError,
    UnexpectedResponse,
    Unsupported,
    WebhookRejected,
)
from .._model.fields import replaced
from .._model.log import logger
from .._model.playability import Playability
from .._model.status import Status, satisfied_by
from .._model.stream import (
    Event,
    LiveStream,
    Recording,
    RestreamTarget,
    StreamSpec,
    Until,
    Webhook,
)
from .._model.trim import Trim
from .._plugins.hooks import Observers
from .._secrets.secret import Secret
from .sessions import pool

if TYPE_CHECKING:
    from .._engine.watching import Watching

T = TypeVar("T")

_SPEC_FIELDS = attrs.fields_dict(StreamSpec)
_SPEC_CONVERTERS: dict[str, Any] = {name: each.converter for name, each in _SPEC_FIELDS.items()}


class BaseClient:
    """A client for one account at one vendor.

    Args:
        adapter: The vendor's adapter.
        scope: A value that two clients must have in common to share a session.
        ending: The runner of the flow that ends the session when the process exits.
        clock: The clock.
        observers: The plugins that observe requests and changes of status.
        timeout: The connect and the read timeout, in seconds.
        deadline: The time limit of an operation, in seconds.
        retries: The maximum number of retries of one request.
        token_store: The store in which several processes share sessions.
        limiter: The limiter of requests.
        http_hosts: The hosts other than loopback for which plain http is allowed.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        scope: Hashable,
        ending: Any,
        clock: Clock,
        observers: Observers,
        timeout: tuple[float, float],
        deadline: float,
        retries: int,
        token_store: AnyTokenStore | None = None,
        limiter: AnyLimiter | None = None,
        http_hosts: Collection[str] = (),
    ) -> None:
        self._adapter = adapter
        self._http_hosts = http_hosts
        self._account = adapter.account()
        # A clock of its own means other times, so its watches share nothing with others.
        own_clock = None if isinstance(clock, SystemClock) else Identity(clock)
        self._watch_scope = (type(adapter), scope, own_clock)
        self._membership = pool.join(
            (
                type(adapter),
                self._account,
                adapter.options.credential_values(),
                scope,
                Identity(token_store),
            )
        )
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
        # They end the session when the process exits, if no client has ended it by then.
        self._membership.shared.engine = self._engine
        self._membership.shared.runner = ending

    # -- properties -------------------------------------------------------------------------

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._adapter.name

    @property
    def account(self) -> str:
        """The account: its provider, its origin, and its ID, which is not secret.

        It stays the same when credentials are renewed.
        """
        return self._account

    @property
    def options(self) -> Options:
        """The options of this client; their repr masks the secret ones."""
        options: Options = self._adapter.options
        return options

    @property
    def clock(self) -> Clock:
        """The clock by which the client waits: the machine's, or that of your tests."""
        return self._engine.clock

    @property
    def session(self) -> Session | None:
        """The session that was used last; ``None`` before the first request.

        It is secret: its headers give access to the account.
        """
        return self._engine.session

    @property
    def capabilities(self) -> Capabilities:
        """What this provider supports, and why it does not support the rest."""
        return self._adapter.capabilities

    def supports(self, feature: Feature | str) -> bool:
        """Return whether this provider supports a feature, at any support level."""
        return self.capabilities.supports(with_field_name("feature", feature_of)(feature))

    def id_key(self, id: str) -> str:
        """Return an ID in the spelling in which two IDs of this vendor are compared."""
        return self._adapter.id_key(id)

    @contextmanager
    def _paced(self, limiter: AnyLimiter) -> Iterator[None]:
        entry = self._engine.limit_by(limiter)
        try:
            yield
        finally:
            self._engine.limiters.remove(entry)

    # -- the lifecycle ----------------------------------------------------------------------

    def _creating(
        self,
        spec: StreamSpec | None,
        fields: Mapping[str, Any],
        on_unsupported: Literal["raise", "drop"],
        deadline: float | None,
    ) -> Flow[LiveStream]:
        with self._context("create"):
            self.capabilities.require(Feature.CREATE)
            if on_unsupported not in ("raise", "drop"):
                raise InvalidInput(
                    "on_unsupported: must be 'raise' or 'drop'", field="on_unsupported"
                )
            spec = self._supported(_spec(spec, fields), drop=on_unsupported == "drop")
        self._keep_secret(spec.restreams)
        return self._flow("create", lambda: self._adapter.create(spec), deadline=deadline)

    def preview(self, spec: StreamSpec) -> Preview | None:
        """Return the request that would create a stream, without sending it.

        Returns:
            The request, or ``None`` if the adapter first has to read from the vendor.

        Raises:
            InvalidInput: If the spec is not valid.
            Unsupported: If this provider does not support a field of the spec.
        """
        with self._context("preview"):
            self.capabilities.require(Feature.CREATE)
            # An error of building the request may be logged or stored.
            self._keep_secret(spec.restreams)
            operation = self._adapter.create(self._supported(spec, drop=False, logs=False))
            request = next(operation, None) if isinstance(operation, Generator) else None
            if isinstance(operation, Generator):
                operation.close()
            if request is None or not request.changes:
                return None
            return preview_of(request, self._engine.redactor.mask)

    def _getting(
        self, id: str, after: LiveStream | None, deadline: float | None
    ) -> Flow[LiveStream]:
        flow = self._on_stream("get", id, deadline)
        if after is None:
            return flow
        with self._context("get", id):
            self._check_earlier("after", after, id)
        return self._following(flow, after)

    def _following(self, flow: Flow[LiveStream], after: LiveStream) -> Flow[LiveStream]:
        stream = yield from flow
        status = self.capabilities.status_after(after.status, stream.status)
        return stream if status is stream.status else attrs.evolve(stream, status=status)

    def _check_earlier(self, name: str, stream: object, id: str) -> None:
        if not isinstance(stream, LiveStream):
            raise InvalidInput(
                f"{name}: expected a LiveStream, not {type(stream).__name__}", field=name
            )
        if self.id_key(stream.id) != self.id_key(id):
            raise InvalidInput(f"{name}: it is the stream {stream.id!r}, not {id!r}", field=name)

    def _updating(
        self, id: str, changes: Mapping[str, Any], deadline: float | None
    ) -> Flow[LiveStream]:
        with self._context("update", id):
            self.capabilities.require(Feature.UPDATE)
            read = self._changes(changes)
        self._keep_secret(read.get("restreams") or ())
        return self._on_stream("update", id, deadline, read)

    def _stopping(self, id: str, trim: Trim | None, deadline: float | None) -> Flow[LiveStream]:
        with self._context("stop", id):
            self.capabilities.require(Feature.STOP)
            if trim is not None:
                if not isinstance(trim, Trim):
                    raise InvalidInput(
                        f"trim: expected a Trim, not {type(trim).__name__}", field="trim"
                    )
                self.capabilities.require(Feature.TRIM)
        return self._on_stream("stop", id, deadline, *([] if trim is None else [trim]))

    def _recordings(self, id: str, deadline: float | None) -> Flow[tuple[Recording, ...]]:
        flow: Flow[Any] = self._on_stream("recordings", id, deadline)
        return flow

    # -- lists ------------------------------------------------------------------------------

    def _listing(
        self,
        query: Query,
        limit: int | None,
        on_unreadable: str,
        deadline: float | None,
        *,
        full: bool,
    ) -> Listing:
        with self._context("list"):
            if limit is not None:
                with_field_name("limit", c.count)(limit)
            if on_unreadable not in ("raise", "collect"):
                raise InvalidInput(
                    "on_unreadable: must be 'raise' or 'collect'", field="on_unreadable"
                )
            seconds = self._seconds(deadline)
        collects = on_unreadable == "collect"
        return Listing(self._engine, query, limit, seconds, full=full, collects=collects)

    def _paging(
        self,
        query: Query,
        cursor: str | None,
        size: int | None,
        deadline: float | None,
        *,
        full: bool,
    ) -> Flow[Page]:
        with self._context("pages"):
            if size is not None:
                with_field_name("size", c.count)(size)
                if size == 0:
                    raise InvalidInput("size: must be at least 1", field="size")
                size = min(size, self.capabilities.max_page_size or size)
            if cursor is not None:
                cursor = with_field_name("cursor", c.identifier)(cursor)
            query = attrs.evolve(query, cursor=cursor, size=size)
            reads = FullReads(self._engine, query, self._seconds(deadline), full=full)
        page = self._flow("pages", lambda: self._adapter.list(query), deadline=deadline)
        return self._matching(page, query, reads)

    def _matching(self, page: Flow[Page], query: Query, reads: FullReads) -> Flow[Page]:
        reads.begin()
        found = query.applied((yield from reads.page((yield from page))))
        if lost := [each for each in found.unreadable if each.is_link]:
            raise self._add_context(unreadable_error(lost, found.items), "pages", None)
        return found

    def _query(
        self,
        name: str,
        status: Status | str | None,
        starts_after: datetime | str | None,
        starts_before: datetime | str | None,
        tag: str | None,
        reference: str | None,
        full: bool,
    ) -> Query:
        with self._context(name):
            self.capabilities.require(Feature.LIST)
            query = query_of(status, starts_after, starts_before, tag, reference)
            self._check_filters(query, full=full)
        return query

    def _check_filters(self, query: Query, *, full: bool) -> None:
        lacking = self.capabilities.list_lacks
        missing = tuple(
            name
            for name in FILTERS
            if getattr(query, name) is not None and name not in self.capabilities.filters
        )
        if missing:
            one = len(missing) == 1
            raise Unsupported(
                f"cannot filter by {' or '.join(map(repr, missing))}: this provider does not "
                f"return {'it' if one else 'them'}",
                features=missing,
                hint="remove the filter" if one else "remove these filters",
            )
        if lacking and full:
            self.capabilities.require(Feature.GET)
        elif unread := tuple(query.filters_on(lacking)):
            raise Unsupported(
                f"cannot filter by {' or '.join(map(repr, unread))}: a list of this provider does "
                f"not contain {'it' if len(unread) == 1 else 'them'}",
                features=unread,
                hint="pass full=True to read each stream by its ID",
            )
        if query.status is not None:
            self._check_reported({query.status})

    def _check_reported(self, statuses: Collection[Status]) -> None:
        known = self.capabilities.statuses
        reported = known | {Status.UNKNOWN}
        if statuses and not reported & set(statuses):
            raise Unsupported(
                f"this provider never reports the status {_quoted(statuses)}; it reports only: "
                f"{', '.join(sorted(known)) or Status.UNKNOWN}",
                features=tuple(sorted(statuses)),
            )

    # -- waiting ----------------------------------------------------------------------------

    def _waiting(
        self,
        id: str,
        until: Until,
        timeout: float,
        poll: float | None,
        since: LiveStream | None,
        on_change: Callable[[LiveStream], object] | None,
    ) -> Flow[LiveStream]:
        with self._context("wait", id):
            self.capabilities.require(Feature.GET)
            with_field_name("id", c.identifier)(id)
            if since is not None:
                self._check_earlier("since", since, id)
            condition = self._until(until, since)
            with_field_name("timeout", c.seconds)(timeout)
            if poll is not None:
                with_field_name("poll", c.seconds)(poll)
        return self._if_open(
            wait(self._engine, id, condition, timeout, poll, on_change), "wait", id
        )

    def _until(self, until: Until, since: LiveStream | None) -> Condition:
        if callable(until) and not isinstance(until, str):
            return Condition(until)
        several = [until] if isinstance(until, str) else until
        if not isinstance(several, Iterable) or not (several := list(several)):
            raise InvalidInput(
                "until: expected a status, several statuses, or a function", field="until"
            )
        statuses = {with_field_name("until", _status)(status) for status in several}
        wanted = frozenset(each for status in statuses for each in satisfied_by(status))
        goal = f"become {_quoted(statuses)}"
        if self.capabilities.reusable and Status.ENDED in wanted:
            # Such a vendor need not report ENDED: the end of a run counts.
            self._check_reported(statuses - {Status.ENDED})
            return Condition(EndOfRun(wanted, since), wanted, goal)
        self._check_reported(statuses)
        return Condition(lambda stream: stream.status in wanted, wanted, goal)

    # -- watching ---------------------------------------------------------------------------

    def _watching(
        self,
        id: str | None,
        timeout: float | None,
        poll: float | None,
        **filters: Any,
    ) -> Watching:
        query = Query()
        with self._context("watch", id):
            for name, value in {"timeout": timeout, "poll": poll}.items():
                if value is not None:
                    with_field_name(name, c.seconds)(value)
            if id is not None:
                self.capabilities.require(Feature.GET)
                with_field_name("id", c.identifier)(id)
                if given := [name for name, value in filters.items() if value is not None]:
                    raise InvalidInput("pass an ID or filters, not both", field=given[0])
        if id is None:
            # What a list lacks is read for each stream.
            query = self._query("watch", **filters, full=bool(self.capabilities.list_lacks))
        # Loaded only here: few programs watch.
        from secrets import SystemRandom, token_hex

        from .._engine.polling import DEFAULT_POLL
        from .._engine.watching import Watching
        from .account_watches import registry

        account = registry.account(self._account, self._watch_scope)
        watching = Watching(
            self._engine,
            account,
            id,
            query,
            timeout,
            DEFAULT_POLL if poll is None else poll,
            token_hex(4),
            SystemRandom().random,
        )
        account.add(watching)
        return watching

    # -- probing ----------------------------------------------------------------------------

    def _probing(
        self, stream: LiveStream | str, allow_addresses: Sequence[str], deadline: float | None
    ) -> Flow[Playability]:
        # Loaded only here: few programs probe.
        from .._probe.addresses import AllowedAddresses
        from .._probe.playlist import require_parser
        from .._probe.probing import probe

        id = id_of(stream)
        with self._context("probe", id):
            require_parser()
            if not isinstance(stream, LiveStream):
                self.capabilities.require(Feature.GET)
                with_field_name("id", c.identifier)(stream)
            allowed = with_field_name("allow_addresses", AllowedAddresses)(allow_addresses)
            seconds = self._seconds(deadline)
        return self._if_open(probe(self._engine, stream, allowed, seconds), "probe", id)

    # -- checking ---------------------------------------------------------------------------

    def _checking(self, deadline: float | None) -> Flow[Check]:
        with self._context("check"):
            seconds = self._seconds(deadline)
        return self._if_open(check(self._engine, seconds), "check")

    # -- payloads and webhooks --------------------------------------------------------------

    def parse_stream(self, payload: Mapping[str, Any]) -> LiveStream:
        """Parse a payload of the vendor that you already have, such as a stored response.

        Raises:
            UnexpectedResponse: If the payload is not a live stream, or a field of it is malformed.
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
        """Verify a webhook delivery, and return its event.

        Args:
            headers: The delivery's headers, as a mapping or as pairs. The case of names does not
                matter.
            body: The body exactly as received, before any decoding.
            secret: The secret to verify the delivery with. Defaults to the option
                ``webhook_secret``.

        Returns:
            The event. Treat it as a hint, and read the stream before you act on it.

        Raises:
            WebhookRejected: If the delivery could not be verified. If the cause is recognizable,
                such as a compressed body, the hint names it.
            InvalidInput: If the headers or the body are not as received, for example because the
                body has already been parsed, or the secret is neither a ``Secret`` nor a string.
            ConfigurationError: If the secret is missing or empty. If the vendor publishes the key,
                :meth:`Client.receive_webhook` fetches it; this method sends nothing.
            UnexpectedResponse: If the delivery is genuine but cannot be read.
        """
        # Error reports show locals: from here on, none holds a secret in plain text.
        delivery = read_delivery(headers, body)
        given = secret_given(secret)
        del headers, body, secret
        with self._context("parse_webhook"):
            checked, used = self._checked(delivery, given)
            if used is None:
                raise ConfigurationError(
                    "the vendor publishes the key that verifies deliveries, and this method sends "
                    "nothing",
                    hint="call receive_webhook(), which fetches the key, or pass it as secret=",
                )
        return self._event("parse_webhook", checked, used)

    def _webhooks(self, deadline: float | None) -> Flow[tuple[Webhook, ...]]:
        with self._context("webhooks"):
            self.capabilities.require(Feature.MANAGE_WEBHOOKS)
        flow: Flow[Any] = self._flow("webhooks", self._adapter.webhooks, deadline=deadline)
        return flow

    def _registering(
        self, url: str, secret: Secret | InvalidInput | None, deadline: float | None
    ) -> Flow[Webhook]:
        name = "register_webhook"
        with self._context(name):
            self.capabilities.require(Feature.MANAGE_WEBHOOKS)
            address = with_field_name("url", self._receiver_url)(url)
            used = _webhook_secret(secret)
        self._engine.redactor.add(used.reveal())
        flow = self._flow(
            name, lambda: self._adapter.register_webhook(address, used), deadline=deadline
        )
        return self._registered(flow, used)

    def _registered(self, flow: Flow[Webhook], secret: Secret) -> Flow[Webhook]:
        webhook = yield from flow
        # A vendor that does not return the secret has taken this one.
        return webhook if webhook.secret is not None else attrs.evolve(webhook, secret=secret)

    def _receiver_url(self, url: str) -> str:
        checked = c.url(c.text(url)) or ""
        host: str | None = ""
        try:
            host = unencrypted_host(checked, self._http_hosts)
        except ValueError:
            pass
        if host is not None:
            c.refuse(
                f"plain http to {host} would expose the secret of the deliveries"
                if host
                else "is not an https URL",
                hint="use https, or pass the host to connect() in allow_http_hosts"
                if host
                else "write the complete URL, such as https://host/path",
            )
        return checked

    def _deleting_webhook(self, webhook_id: str, deadline: float | None) -> Flow[None]:
        name = "delete_webhook"
        with self._context(name):
            self.capabilities.require(Feature.MANAGE_WEBHOOKS)
            with_field_name("webhook_id", c.identifier)(webhook_id)
        return self._flow(name, lambda: self._adapter.delete_webhook(webhook_id), deadline=deadline)

    def _receiving(
        self,
        delivery: Delivery | InvalidInput,
        given: Secret | InvalidInput | None,
        deadline: float | None,
    ) -> Flow[Event]:
        name = "receive_webhook"
        with self._context(name):
            checked, secret = self._checked(delivery, given)
            seconds = self._seconds(deadline)
        return self._if_open(self._received(name, checked, secret, seconds), name)

    def _received(
        self, name: str, delivery: Delivery, secret: Secret | None, seconds: float
    ) -> Flow[Event]:
        if secret is not None:
            return self._event(name, delivery, secret)
        engine = self._engine
        until = engine.clock.monotonic() + seconds
        before = engine.shared.webhook_key
        key = yield from published_key(engine, None, seconds=seconds)
        try:
            return self._event(name, delivery, Secret(key.text))
        except ConfigurationError:
            engine.shared.webhook_key = None  # what the vendor sent is not a key
            raise
        except WebhookRejected:
            if key is not before:
                raise  # the key was fetched for this delivery
        left = max(until - engine.clock.monotonic(), 0.0)
        key = yield from published_key(engine, key, seconds=left)
        return self._event(name, delivery, Secret(key.text))

    def _checked(
        self, delivery: Delivery | InvalidInput, secret: Secret | InvalidInput | None
    ) -> tuple[Delivery, Secret | None]:
        """Return a delivery and its secret, which is ``None`` if the vendor publishes a key."""
        self.capabilities.require(Feature.WEBHOOK)
        if isinstance(secret, InvalidInput):
            raise secret
        if secret is None:
            secret = getattr(self._adapter.options, "webhook_secret", None)
        is_published = secret is None and self._engine.publishes_key
        if not is_published and not (isinstance(secret, Secret) and secret.reveal().strip()):
            raise ConfigurationError(
                "the webhook secret is missing or empty",
                hint="pass secret=, or set the option webhook_secret",
            )
        if isinstance(delivery, InvalidInput):
            raise delivery
        return delivery, secret

    def _event(self, name: str, delivery: Delivery, secret: Secret) -> Event:
        self._engine.redactor.add(secret.reveal())
        problem: LiveStreamError
        try:
            event = self._read(
                name,
                lambda: self._adapter.parse_webhook(
                    delivery.headers, delivery.body, secret.reveal()
                ),
                lambda: Response(200, {}, delivery.body).json(),
            )
        except LiveStreamError as error:
            problem = delivery.explain(error, is_form=self._adapter.receives_forms)
        else:
            if event.stream is not None:
                self._engine.observers.status_seen(self._account, event.stream, None)
            key = event.key or delivery.digest
            return replaced(event, key=key, account=self._account)
        raise _without_frames(problem)

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
            bug = call.error_to_raise(raised)
            if not isinstance(bug, LiveStreamError):
                pass_on(raised, call.interruption_note(), handled)
            error = UnexpectedResponse(bug.message)
        else:
            return self._engine.redactor.protect(result)
        if isinstance(error, UnexpectedResponse) and error.stream_id is None:
            with suppress(UnexpectedResponse):
                error.stream_id = call.id_in(payload())
        raise _without_frames(call.completed(error))

    # -- closing ----------------------------------------------------------------------------

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # Garbage-collected without close(): it leaves the session, but does no I/O here. When the
        # interpreter exits, imports fail, this module's names are gone, and leaving is pointless.
        if not is_finalizing() and hasattr(self, "_membership"):
            self._membership.leave()

    def __repr__(self) -> str:
        closed = "" if self._membership.is_open else " (closed)"
        return f"<{type(self).__name__} {self._account}{closed}>"

    # -- how a call runs --------------------------------------------------------------------

    def _flow(
        self,
        name: str,
        make: Callable[[], Operation[T]],
        *,
        stream_id: str | None = None,
        deadline: float | None = None,
    ) -> Flow[T]:
        with self._context(name, stream_id):
            seconds = self._seconds(deadline)
        flow = self._engine.call(name, make, stream_id=stream_id, seconds=seconds)
        return self._if_open(flow, name, stream_id)

    def _seconds(self, deadline: float | None) -> float:
        if deadline is None:
            return self._engine.deadline
        return with_field_name("deadline", c.seconds)(deadline)

    def _if_open(self, flow: Flow[T], name: str, stream_id: str | None = None) -> Flow[T]:
        if self._membership.is_open:
            return flow
        raise self._add_context(
            ConfigurationError("the client is closed", hint="create a new client with connect()"),
            name,
            stream_id,
        )

    def _on_stream(
        self, name: str, id: str, deadline: float | None, *arguments: object
    ) -> Flow[LiveStream]:
        with self._context(name, id):
            self.capabilities.require(Feature(name))
            with_field_name("id", c.identifier)(id)

        def make() -> Operation[LiveStream]:
            operation: Operation[LiveStream] = getattr(self._adapter, name)(id, *arguments)
            return operation

        return self._flow(name, make, stream_id=id, deadline=deadline)

    def _keep_secret(self, targets: Iterable[RestreamTarget]) -> None:
        """Mask the targets' stream keys from now on: the vendor may echo them in an error."""
        for target in targets:
            if target.stream_key is not None:
                self._engine.redactor.add_key(target.stream_key.reveal())

    def _context(self, name: str, id: object = None) -> _Context:
        return _Context(self, name, id if isinstance(id, str) else None)

    def _add_context(self, error: LiveStreamError, name: str, id: str | None) -> LiveStreamError:
        return self._engine.add_context(error, name, id)

    def _supported(self, spec: StreamSpec, *, drop: bool, logs: bool = True) -> StreamSpec:
        capabilities = self.capabilities
        unsupported = {
            name: error
            for name in _SPEC_FIELDS
            if (error := capabilities.unsupported_error(name, getattr(spec, name)))
        }
        # A caller cannot leave out the title, so a provider without titles cannot refuse it.
        untitled = None if capabilities[Feature.TITLE] else unsupported.pop("title", None)
        if not unsupported and untitled is None:
            return spec
        required = () if drop else tuple(unsupported)
        if drop and "title" in unsupported:
            required = ("title",)
        elif drop and "scheduled_start" in unsupported and capabilities.create_starts:
            required = ("scheduled_start",)
        if required:
            features = tuple(name for each in required for name in unsupported[each].features)
            raise Unsupported(
                "; ".join(unsupported[name].message for name in required),
                features=features,
                hint="pass on_unsupported='drop' to leave it out" if not drop else None,
            )
        dropped_for = [*unsupported.values(), *([untitled] if untitled else [])]
        for error in dropped_for if logs else ():
            dropped = self._engine.redactor.mask(error.message)
            logger().warning("%s create: dropped %s", self._account, dropped)
        left_out: dict[str, Any] = {name: _SPEC_FIELDS[name].default for name in unsupported}
        return attrs.evolve(spec, **left_out)

    def _changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        if not changes:
            raise InvalidInput("update() needs at least one field to change", field="changes")
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
                if problem := capabilities.unsupported_error(name, read[name]):
                    raise problem
            elif name not in capabilities.clearable:
                raise Unsupported(f"{name}: this provider cannot clear it", features=(name,))
            else:
                read[name] = None
        return read


class _Context:
    """A context manager that adds provider, account, operation, and stream to early errors."""

    def __init__(self, client: BaseClient, name: str, stream_id: str | None) -> None:
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
            self._client._add_context(exc, self._name, self._stream_id)


def _spec(spec: StreamSpec | None, fields: Mapping[str, Any]) -> StreamSpec:
    if spec is not None:
        if not isinstance(spec, StreamSpec):
            raise InvalidInput(
                f"spec: expected a StreamSpec, not {type(spec).__name__}", field="spec"
            )
        if fields:
            raise InvalidInput(
                "pass a StreamSpec or its fields, not both", field=next(iter(fields))
            )
        return spec
    for name in fields:
        if name not in _SPEC_FIELDS:
            raise unknown_field(name)
    if "title" not in fields:
        raise InvalidInput("title: is missing", field="title")
    return StreamSpec(**fields)


def secret_given(secret: object) -> Secret | InvalidInput | None:
    """Return a secret that the caller passed, or the error for what is not one.

    The error is not raised here, because this function's frame has the secret in plain text.
    """
    if isinstance(secret, str):
        return Secret(secret)
    if secret is None or isinstance(secret, Secret):
        return secret
    kind = type(secret).__name__
    return InvalidInput(f"the secret must be a Secret or a string, not {kind}", field="secret")


def _without_frames(error: BaseException) -> BaseException:
    """Return an error without the frames of the adapter, which hold a webhook's secret.

    Neither have those that it was raised after, such as that of another form of a signature.
    """
    error.__traceback__ = None
    for earlier in (error.__cause__, error.__context__):
        if earlier is not None and earlier.__traceback__ is not None:
            _without_frames(earlier)
    return error


def _webhook_secret(secret: Secret | InvalidInput | None) -> Secret:
    """Return the secret of a new webhook: the caller's, or a random one."""
    if secret is None:
        from secrets import token_urlsafe

        return Secret(token_urlsafe(32))
    if isinstance(secret, InvalidInput):
        raise secret
    problem = ""
    try:
        check_text(secret.reveal())
    except ValueError as error:
        problem = str(error)
    if problem:
        # Not "secret: ...": what follows such a name is masked.
        raise InvalidInput(f"the secret {problem}", field="secret")
    return secret


def id_of(stream: LiveStream | str) -> str:
    """Return the ID of a stream that may be passed by its ID."""
    return stream.id if isinstance(stream, LiveStream) else stream


def unknown_field(name: str) -> InvalidInput:
    """Return the error for a name that is not a field of a stream."""
    return InvalidInput(
        f"{name}: a stream has no such field",
        field=name,
        hint=f"it has {', '.join(_SPEC_FIELDS)}",
    )


def _quoted(statuses: Iterable[Status]) -> str:
    return " or ".join(f"'{status}'" for status in sorted(statuses))


def _status(status: Status | str) -> Status:
    return c.enum_of(Status, status)


def feature_of(feature: Feature | str) -> Feature:
    """Return a feature by its name."""
    return c.enum_of(Feature, feature)
