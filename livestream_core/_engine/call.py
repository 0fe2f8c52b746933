"""One operation, from its first request to a result or an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property, lru_cache, partial
from typing import Any, TypeVar

from .._contract.adapter import (
    Adapter,
    Operation,
    ask,
    error_class,
    known_id,
    log_once,
    requested_wait,
)
from .._contract.clock import Clock
from .._contract.foreign import BUGS, call_all, is_of_signal_handler, pass_on, place_of
from .._contract.redaction import BODY_SHOWN, Redactor
from .._contract.request import Request
from .._contract.response import Response, standing_for, take
from .._contract.session import Session
from .._contract.token_stores import AnyTokenStore
from .._contract.transport import CUT, AnyLimiter, Timeout
from .._model.errors import (
    CHANGING_OPERATIONS,
    AuthenticationFailed,
    ConnectionFailed,
    InvalidInput,
    LiveStreamError,
    NotFound,
    ProviderUnavailable,
    RateLimited,
    RequestTimeout,
    UnexpectedResponse,
    unknown_hint,
)
from .._model.log import logger
from .._model.operations import OPERATION_TABLE
from .._model.stream import LiveStream
from .._plugins.facts import Exchange
from .._plugins.hooks import Observers
from .._secrets.secret import Secret
from .driving import drive
from .effects import Flow, Send, Sleep
from .observation import Observation, current
from .outcome import Sent, applied, interruption_note, is_accepted, request_id
from .pacing import LimiterInUse, give_up, give_up_at_once, permit, tell
from .retry import RetryPolicy
from .sign_in import SharedSession, session_for

T = TypeVar("T")

#: The numeric value of `logging`, which is slow to import.
_DEBUG = 10
#: The operations whose responses name what was created.
_CREATING = ("create", "register_webhook")
#: The status of an error in a 2xx response of which the adapter knows no status.
_UNKNOWN_ERROR = 500


def _revealed(values: tuple[object, ...]) -> list[str]:
    # The text of a Secret is the same for all of them.
    return [each.reveal() if isinstance(each, Secret) else str(each) for each in values]


@lru_cache(maxsize=1024)
def _slow_digest(account: str, values: tuple[object, ...]) -> str:
    """Return a digest of credentials that is slow to compute.

    A stolen store must not help to guess a password. The digest is cached, so a process computes
    it once for all of its clients.
    """
    import hashlib

    data = json.dumps(_revealed(values)).encode()
    return hashlib.scrypt(data, salt=account.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def _log(exchange: Exchange) -> None:
    logger().debug(
        "%s %s: %s %s -> %s in %.0f ms",
        exchange.account,
        exchange.operation,
        exchange.method,
        exchange.template,
        exchange.status or exchange.error,
        exchange.elapsed.total_seconds() * 1000,
        extra={"livestream": exchange.to_dict()},
    )


def _overrides(adapter: Adapter, method: str) -> bool:
    own = getattr(adapter, method)
    return getattr(own, "__func__", own) is not getattr(Adapter, method)


class Engine:
    """The state that all operations of one client share."""

    def __init__(
        self,
        adapter: Adapter,
        *,
        account: str,
        shared: SharedSession,
        redactor: Redactor,
        observers: Observers,
        policy: RetryPolicy,
        clock: Clock,
        timeout: tuple[float, float],
        deadline: float,
        token_store: AnyTokenStore | None,
        limiters: Iterable[AnyLimiter],
    ) -> None:
        self.adapter = adapter
        self.account = account
        self.shared = shared
        self.redactor = redactor
        self.observers = observers
        self.policy = policy
        self.clock = clock
        self.timeout = timeout
        self.deadline = deadline
        self.token_store = token_store
        # Most adapters have neither, so most requests do not pay for them.
        self.signs: bool = _overrides(adapter, "sign")
        self.finds_errors: bool = _overrides(adapter, "is_error")
        self.publishes_key: bool = _overrides(adapter, "webhook_key")
        #: The session that was used last.
        self.session: Session | None = None
        #: Every one of them must allow a request before it is sent.
        self.limiters: list[LimiterInUse] = []
        for limiter in limiters:
            self.limit_by(limiter)

    def limit_by(self, limiter: AnyLimiter) -> LimiterInUse:
        """Apply one more limiter to every request, until its entry is removed."""
        entry = LimiterInUse(limiter)
        self.limiters.append(entry)
        return entry

    @property
    def is_paced_outside(self) -> bool:
        """Whether the user of a limiter keeps the pauses that the vendor asks for."""
        return any(getattr(each.limiter, "keeps_pauses", False) for each in tuple(self.limiters))

    @cached_property
    def fingerprint(self) -> str:
        """A digest that identifies this client's credentials without revealing them."""
        values = self.adapter.options.credential_values()
        key = getattr(self.token_store, "key", None)
        if isinstance(key, bytes) and key:
            import hmac

            data = json.dumps([self.account, _revealed(values)]).encode()
            return hmac.digest(key, data, "sha256").hex()
        return _slow_digest(self.account, values)

    def observation(self, name: str, stream_id: str | None) -> Observation | None:
        """Return the observation of an operation that is about to run, if it is observed at all.

        An operation within an observed one is observed too, so that its requests count for itself.
        """
        is_observed = name in CHANGING_OPERATIONS or self.observers.watch_operations
        if is_observed or current() is not None:
            return Observation(self, name, stream_id)
        return None

    def call(
        self,
        name: str,
        make: Callable[[], Operation[T]],
        *,
        stream_id: str | None = None,
        seconds: float,
        signs_in: bool = True,
        call: Call | None = None,
    ) -> Flow[T]:
        """Run an operation to its end.

        Args:
            name: The client method's name, for errors.
            make: A function that creates the operation.
            stream_id: The ID of the stream that the operation concerns.
            seconds: The time limit for the whole operation, including retries and signing in.
            signs_in: Whether its requests carry a session.
            call: The record of what is sent, for a caller who reads it. By default, a new one.

        Raises:
            LiveStreamError: If the operation fails; its context is filled in and its secrets are
                masked.
            BaseException: If another library or the program raises it; it gets a note.
        """
        handled = sys.exception()
        call = call or Call(self, name, stream_id, seconds)
        try:
            try:
                operation = make()
            except BUGS as raised:
                raise call.error_to_raise(raised) from None
            exchange = call.exchange if signs_in else call.sender(None, name)
            result = yield from drive(operation, exchange, call.error_to_raise)
            call.check_id(result)
        except LiveStreamError as raised:
            error = raised
        except BaseException as raised:
            pass_on(raised, call.interruption_note(), handled)
        else:
            return self.redactor.protect(result)
        # Raised here, so that its context is not another library's error, and its traceback has
        # no inner frames, whose locals could hold secrets.
        raise call.completed(error).with_traceback(None)

    def add_context(
        self, error: LiveStreamError, name: str, stream_id: str | None
    ) -> LiveStreamError:
        """Fill in the context of an error that was raised without sending a change."""
        error.provider, error.account = self.adapter.name, self.account
        error.operation, error.stream_id = name, stream_id or error.stream_id
        error.applied = False
        error.retryable = error.temporary
        self.redactor.clean(error)
        return error


class Call:
    """One operation in progress.

    Args:
        engine: The client's engine.
        name: The client method's name.
        stream_id: The ID of the stream that the operation concerns.
        seconds: The time limit for the whole operation.
    """

    def __init__(self, engine: Engine, name: str, stream_id: str | None, seconds: float) -> None:
        self.engine = engine
        self.name = name
        self.stream_id = stream_id
        self.seconds = seconds
        self.deadline: float = engine.clock.monotonic() + seconds
        self.sent: list[Sent] = []
        self.last: Response | None = None
        #: When the last request was sent that was responded to, by the monotonic clock.
        self.last_sent: float = 0.0
        #: The operation of each request that was sent: ``sign_in`` or its own name.
        self.done: tuple[str, ...] = ()
        self._observation: Observation | None = current()
        #: Whether a limiter did not allow a request in time.
        self.is_refused_by_limiter: bool = False
        #: Whether it waits, or has waited in vain, for another call or process that signs in.
        self.awaits_sign_in: bool = False
        #: Whether it gave up because too little time was left for another attempt.
        self.ran_out_of_time: bool = False

    def exchange(self, request: Request) -> Flow[Response]:
        """Send a request, with retries, and return its 2xx response or raise its error."""
        # Prepared before signing in: a request that cannot be sent must not cause a sign-in.
        sending = self._prepared(request)
        session = yield from session_for(self, rejected=None)
        history: list[Sent] = []
        # A 401 changed nothing, so any request may be sent again with a new session. A session
        # that another process opened may have expired too, so a store gets a second attempt.
        for _ in range(1 if self.engine.token_store is None else 2):
            try:
                return (yield from self._send(request, sending, session, self.name, history))
            except LiveStreamError as error:
                if error.http_status != 401:
                    raise
            session = yield from session_for(self, rejected=session)
        return (yield from self._send(request, sending, session, self.name, history))

    def _prepared(self, request: Request, origin: str | None = None) -> Send:
        try:
            return Send(request, origin or self.engine.adapter.origin)
        except BUGS as raised:
            raise self.error_to_raise(raised) from None

    def sign_out(self, session: Session) -> Flow[None]:
        """End a session at the vendor."""
        try:
            operation = self.engine.adapter.sign_out(session)
        except BUGS as raised:
            raise self.error_to_raise(raised) from None
        yield from drive(operation, self.sender(session, "sign_out"), self.error_to_raise)

    def sender(
        self, session: Session | None, operation: str
    ) -> Callable[[Request], Flow[Response]]:
        """Return the function that sends requests with a given session, or with none.

        Those are the requests of a sign-in or sign-out, and those for what a vendor publishes.
        """
        adapter = self.engine.adapter
        origin = adapter.sign_in_origin if operation == "sign_in" else adapter.origin
        return lambda request: self._send(
            request, self._prepared(request, origin), session, operation, []
        )

    # -- one request ------------------------------------------------------------------------

    def _send(
        self,
        request: Request,
        sending: Send,
        session: Session | None,
        operation: str,
        history: list[Sent],
    ) -> Flow[Response]:
        engine, tries = self.engine, 0
        probed: list[LimiterInUse] = []
        while True:
            tries += 1
            try:
                if engine.limiters:
                    yield from permit(self, probed)
                return (
                    yield from self._attempt(request, sending, session, operation, history, probed)
                )
            except LiveStreamError as error:
                failure = error
            except GeneratorExit:
                give_up_at_once(engine.account, probed)
                raise
            finally:
                if probed:
                    yield from give_up(self, probed)
            requested = self._requested_wait(failure)
            if requested and engine.is_paced_outside:
                raise failure
            signs_in = operation == "sign_in"
            pause = engine.policy.pause(request, failure, tries, requested, signs_in=signs_in)
            if pause is None or any(failure is earlier.failure for earlier in history[:-1]):
                raise failure
            if engine.clock.monotonic() + pause >= self.deadline:
                self.ran_out_of_time = True
                raise failure
            yield Sleep(pause)

    def _attempt(
        self,
        request: Request,
        sending: Send,
        session: Session | None,
        operation: str,
        history: list[Sent],
        probed: list[LimiterInUse],
    ) -> Flow[Response]:
        engine = self.engine
        # Of all that were sent, also with an earlier session.
        attempt = len(history) + 1
        began = engine.clock.monotonic()
        left = self.deadline - began
        if left <= 0:
            raise RequestTimeout(f"the operation exceeded its time limit of {self.seconds:.6g} s")
        connect, read = engine.timeout
        sending.session = session
        observation = self._observation
        if observation is not None:
            observation.trace(request, sending, operation, attempt)
        if engine.signs:
            self._sign(sending)
        sent = Sent(request, None)
        is_change = request.changes and operation == self.name
        if is_change:
            self.sent.append(sent)
        if observation is not None:
            observation.begin_attempt(sent if is_change else None, is_retry=attempt > 1)
        self.done += (operation,)
        response: Response | None = None
        outcome: Response | LiveStreamError | None = None
        try:
            sending.timeout = Timeout(
                min(connect, left), min(read, left), min(connect + read, left)
            )
            response = yield sending
        except LiveStreamError as error:
            outcome = error
            if error.applied is False:
                sent.accepted = False
        if response is not None:
            take(response, request, engine.redactor)
            if engine.finds_errors and 200 <= response.status < 300:
                response = self._standing_for(response)
            self.last = sent.response = response
            self.last_sent = began
            sent.accepted = is_accepted(response.status)
            outcome = self._outcome(response, sent, operation, history)
        failure = sent.failure = outcome if isinstance(outcome, LiveStreamError) else None
        if engine.limiters or probed:
            yield from tell(self, failure, response, probed)
        self._report(request, operation, attempt, response, failure, began)
        history.append(sent)
        if isinstance(outcome, Response):
            return outcome
        raise failure or ConnectionFailed("the vendor did not respond", applied=None)

    def _outcome(
        self, response: Response, sent: Sent, operation: str, history: list[Sent]
    ) -> Response | LiveStreamError | None:
        """Return what the adapter gets for a response: a response or an error."""
        status, adapter = response.status, self.engine.adapter
        if 200 <= status < 300:
            if response.problem is None and not self._is_web_page(response):
                return response
            sent.accepted = None
            error: LiveStreamError = response.unexpected(
                response.problem or "the response is a web page that does not come from the vendor"
            )
            error.retryable = response.problem == CUT
        else:
            error = self.error_for(response)
            unknown = [each for each in history if each.accepted is None]
            if unknown and sent.request.method == "DELETE" and isinstance(error, NotFound):
                if not self._is_from_vendor(response):
                    # A proxy's page proves nothing: the earlier attempt's outcome stays unknown.
                    return unknown[-1].failure
                sent.accepted = True
                return take(Response(204, response.headers), sent.request, self.engine.redactor)
        is_refused = operation == "sign_in" and status in (400, 401, 403)
        if is_refused and not isinstance(error, AuthenticationFailed):
            error = AuthenticationFailed(error.message)
        if isinstance(error, (RateLimited, ProviderUnavailable)) and error.retry_after is None:
            error.retry_after = requested_wait(adapter, response)
        error.http_status = status
        error.body = response.text[:BODY_SHOWN]
        error.request_id = request_id(response)
        return error

    def error_for(self, response: Response) -> LiveStreamError:
        """Return the error for a response, even if the adapter's own method fails."""
        adapter = self.engine.adapter
        for make in (adapter.error_for, adapter.error_by_status):
            error = ask(adapter, make, response)
            if isinstance(error, LiveStreamError):
                return error
        return error_class(adapter, response.status)(f"HTTP {response.status}")

    def _standing_for(self, response: Response) -> Response:
        """Return a 2xx response, with another status if the adapter finds an error in it."""
        adapter = self.engine.adapter
        if response.problem is not None or self._is_web_page(response):
            return response
        found = ask(adapter, adapter.is_error, response)
        if not found or (type(found) is int and 200 <= found < 300):
            return response
        is_status = type(found) is int and 100 <= found < 600
        if found is not True and not is_status:
            log_once(adapter, "is_error", "it returned something other than a status or a bool")
        return standing_for(response, found if is_status else _UNKNOWN_ERROR)

    def _sign(self, sending: Send) -> None:
        try:
            values = sending.sign(self.engine.adapter.sign, self.engine.clock.now())
        except BUGS as raised:
            if is_of_signal_handler(raised):
                raise
            problem = f"the adapter failed ({place_of(raised)})"
        else:
            self.engine.redactor.add_signature(values)
            return
        raise LiveStreamError(problem)

    def _is_from_vendor(self, response: Response) -> bool:
        return bool(ask(self.engine.adapter, self.engine.adapter.is_from_vendor, response))

    def _is_web_page(self, response: Response) -> bool:
        """Return whether an intermediary, such as a captive portal, responded to a change."""
        request = response.request
        if request is None or not request.changes or not response.is_html:
            return False
        return not self._is_from_vendor(response)

    def _requested_wait(self, error: LiveStreamError) -> float | None:
        if isinstance(error, (RateLimited, ProviderUnavailable)):
            return error.retry_after
        if error.http_status is not None and self.last is not None:
            return requested_wait(self.engine.adapter, self.last)
        return None

    def _report(
        self,
        request: Request,
        operation: str,
        attempt: int,
        response: Response | None,
        failure: LiveStreamError | None,
        began: float,
    ) -> None:
        engine, observation = self.engine, self._observation
        if observation is not None:
            observation.end_attempt(response)
        is_logged = logger().isEnabledFor(_DEBUG)
        is_wanted = engine.observers.wants("livestream_exchange")
        is_traced = observation is not None and observation.wants_exchanges
        if not (is_logged or is_wanted or is_traced):
            return
        exchange = Exchange(
            provider=engine.adapter.name,
            account=engine.account,
            operation=operation,
            stream_id=engine.redactor.shown_id(self.stream_id),
            method=request.method,
            template=request.template,
            status=None if response is None else response.status,
            error=None if failure is None else type(failure).__name__,
            elapsed=timedelta(seconds=engine.clock.monotonic() - began),
            attempt=attempt,
        )
        steps: list[Callable[[], object]] = []
        if is_logged:
            steps.append(partial(_log, exchange))
        if is_wanted:
            steps.append(partial(engine.observers.exchange, exchange))
        if observation is not None:
            steps.append(partial(observation.end_exchange, exchange))
        call_all(steps)

    # -- errors -----------------------------------------------------------------------------

    def error_to_raise(self, raised: BaseException) -> BaseException:
        """Return what to raise for an exception from the adapter's code.

        A bug becomes a :class:`LiveStreamError`; any other exception is returned unchanged.
        """
        is_bug = isinstance(raised, BUGS) and not is_of_signal_handler(raised)
        return self._adapter_error(raised) if is_bug else raised

    def _adapter_error(self, raised: BaseException) -> LiveStreamError:
        if self.last is not None:
            return UnexpectedResponse(f"the response could not be read ({place_of(raised)})")
        return LiveStreamError(f"the adapter failed ({place_of(raised)})")

    def check_id(self, result: object) -> None:
        """Check that a returned stream is the one that was requested."""
        if self.stream_id is None or not isinstance(result, LiveStream):
            return
        adapter = self.engine.adapter
        if result.id == self.stream_id:
            return
        requested = ask(adapter, adapter.id_key, self.stream_id)
        if requested is None or requested != ask(adapter, adapter.id_key, result.id):
            self.engine.redactor.protect(result)
            # The error shows nothing of the other stream: it may be another account's.
            error = UnexpectedResponse("the response is about another stream", body="")
            error.hint = "responses may have been mixed up in transit; report this to the vendor"
            raise error

    def interruption_note(self) -> str:
        """Return one line about this operation, to note on another library's exception."""
        shown = self.engine.redactor.shown_id(self.stream_id)
        return interruption_note(self.engine.adapter.name, self.name, shown, applied(self.sent))

    def completed(self, error: LiveStreamError) -> LiveStreamError:
        """Return an error with its context and ``applied`` filled in, and its secrets masked."""
        if isinstance(error, InvalidInput) and error.value_of and self.last is not None:
            # A class of the model rejected a value that the vendor sent.
            error = UnexpectedResponse(f"{error.value_of}.{error.message} in the response")
        engine = self.engine
        error.provider = error.provider or engine.adapter.name
        error.account = error.account or engine.account
        error.operation = error.operation or self.name
        error.stream_id = error.stream_id or self.stream_id
        error.applied = applied(self.sent)
        facts = OPERATION_TABLE.get(self.name)
        is_about_stream = facts is None or facts.is_about_stream
        if error.applied and error.stream_id is None:
            found = self._id_in_response()
            if is_about_stream:
                error.stream_id = found
            if found is None and self.name in _CREATING:
                # A success that names nothing: it may not even have come from the vendor.
                error.applied = None
        if isinstance(error, UnexpectedResponse) and self.last is not None:
            error.http_status = error.http_status or self.last.status
            error.body = self.last.text[:BODY_SHOWN] if error.body is None else error.body
            error.request_id = error.request_id or request_id(self.last)
        if "retryable" not in vars(error):
            error.retryable = error.temporary
        if error.applied is not False and not all(each.request.idempotent for each in self.sent):
            error.retryable = False
        if error.applied is None and self.name in CHANGING_OPERATIONS:
            error.hint = unknown_hint(self.name)
        is_stream_changed = error.applied and is_about_stream and self.name in CHANGING_OPERATIONS
        if is_stream_changed and error.temporary:
            error.hint = "do not retry, read the stream instead"
        engine.redactor.clean(error)
        return error

    def _id_in_response(self) -> str | None:
        for each in self.sent:
            response = each.response
            if response is None or response.status in (204, 205):
                continue  # these statuses have no body
            # A create may take several requests, and the first one may have no ID.
            if each.accepted and response.is_json and (found := self.id_in(response.json())):
                return found
        return None

    def id_in(self, payload: Any) -> str | None:
        """Return the stream ID in a payload, even if the rest cannot be read."""
        return known_id(self.engine.adapter, payload)
