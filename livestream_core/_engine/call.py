"""One operation from its first request to a result or an error that says what is known."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from .._contract.adapter import Adapter, Operation, Session, error_class, retry_after
from .._contract.clock import Clock
from .._contract.foreign import BUGS, is_of_signal_handler, pass_on, place_of
from .._contract.redaction import BODY_SHOWN, Redactor
from .._contract.request import Request, Response, take
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
    applied_text,
)
from .._model.log import logger
from .._model.stream import LiveStream
from .._plugins.hooks import Exchange, Observers
from .._secrets.secret import Secret
from .driving import drive
from .effects import Flow, Permit, Send, Sleep
from .outcome import Sent, applied, verdict
from .retry import RetryPolicy
from .sign_in import SharedSession, session_for

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")

_REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "x-correlation-id",
    "cf-ray",
)


def _revealed(values: tuple[object, ...]) -> list[str]:
    # Not the Secrets themselves: their reprs are all the same.
    return [each.reveal() if isinstance(each, Secret) else str(each) for each in values]


@lru_cache(maxsize=1024)
def _slow_digest(account: str, values: tuple[object, ...]) -> str:
    """Slow, because a store that is stolen must not help to guess a password; so it is worked out
    once for all clients of a process.
    """
    import hashlib

    told = json.dumps(_revealed(values)).encode()
    return hashlib.scrypt(told, salt=account.encode(), n=2**14, r=8, p=1, dklen=16).hex()


class _Entry:
    """One use of a limiter; two uses of the same one are told apart."""

    def __init__(self, limiter: AnyLimiter) -> None:
        self.limiter = limiter


class Engine:
    """Everything that the operations of one client share."""

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
        loses_notes: bool = False,
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
        #: Whether notes on exceptions may not arrive, as where asyncio makes another of them.
        self.loses_notes = loses_notes
        #: The session that was used last.
        self.session: Session | None = None
        #: Each is asked before each request.
        self.limiters: list[_Entry] = []
        for limiter in limiters:
            self.limit_by(limiter)

    def limit_by(self, limiter: AnyLimiter) -> _Entry:
        """Ask one more limiter before each request, until its entry is removed."""
        entry = _Entry(limiter)
        self.limiters.append(entry)
        return entry

    @cached_property
    def fingerprint(self) -> str:
        """Tells the credentials of this client from others, and does not give them away."""
        values = self.adapter.options.credential_values()
        key = getattr(self.token_store, "key", None)
        if isinstance(key, bytes) and key:
            import hmac

            told = json.dumps([self.account, _revealed(values)]).encode()
            return hmac.digest(key, told, "sha256").hex()
        return _slow_digest(self.account, values)

    def call(
        self,
        name: str,
        make: Callable[[], Operation[T]],
        *,
        stream_id: str | None = None,
        seconds: float,
    ) -> Flow[T]:
        """Run an operation to its end.

        Args:
            name: The client's method, for errors.
            make: Makes the operation.
            stream_id: The stream it is about.
            seconds: The time for the whole operation, retries and signing in included.

        Raises:
            LiveStreamError: With its context filled in and every secret masked.
            BaseException: What is foreign, unchanged but for a note.
        """
        handled = sys.exception()
        call = Call(self, name, stream_id, self.clock.monotonic() + seconds)
        try:
            try:
                operation = make()
            except BUGS as raised:
                raise call.bug(raised) from None
            result = yield from drive(operation, call.exchange, call.bug)
            call.check_id(result)
        except LiveStreamError as raised:
            error = raised
        except BaseException as raised:
            note = call.where_it_was()
            if self.loses_notes and name in CHANGING_OPERATIONS and applied(call.sent) is not False:
                logger().warning("%s", note)
            pass_on(raised, note, handled)
        else:
            return self.redactor.see(result)
        # Raised from here, so that no error of another library hangs on it as its context, and
        # no frame from below, whose locals could be secret.
        raise call.finished(error).with_traceback(None)

    def about(self, error: LiveStreamError, name: str, stream_id: str | None) -> LiveStreamError:
        """Fill in an error of a check before sending, or of what was read."""
        error.provider, error.account = self.adapter.name, self.account
        error.operation, error.stream_id = name, stream_id or error.stream_id
        error.applied = False
        error.retryable = error.temporary
        self.redactor.clean(error)
        return error


class Call:
    """One operation under way."""

    def __init__(self, engine: Engine, name: str, stream_id: str | None, deadline: float) -> None:
        self.engine = engine
        self.name = name
        self.stream_id = stream_id
        self.deadline = deadline
        self.sent: list[Sent] = []
        self.last: Response | None = None
        #: Whether it gave up because its own time would not have been enough to try again.
        self.ran_out = False

    def exchange(self, request: Request) -> Flow[Response]:
        """Send a request until it is answered with 2xx, or fails for good."""
        # Before anybody signs in: what cannot be sent is refused without sending anything.
        sending = self._prepared(request)
        session = yield from session_for(self, rejected=None)
        history: list[Sent] = []
        # A 401 changed nothing, so every request may be sent again with a new session. One that
        # another process opened may be as dead as ours was; one of our own is final.
        for _ in range(1 if self.engine.token_store is None else 2):
            try:
                return (yield from self._send(request, sending, session, self.name, history))
            except LiveStreamError as error:
                if error.http_status != 401:
                    raise
            session = yield from session_for(self, rejected=session)
        return (yield from self._send(request, sending, session, self.name, history))

    def _prepared(self, request: Request) -> Send:
        try:
            return Send(request, self.engine.adapter.origin)
        except BUGS as raised:
            raise self.bug(raised) from None

    def sign_out(self, session: Session) -> Flow[None]:
        """End a session at the vendor."""
        try:
            operation = self.engine.adapter.sign_out(session)
        except BUGS as raised:
            raise self.bug(raised) from None
        yield from drive(operation, self.sender(session, "sign_out"), self.bug)

    def sender(
        self, session: Session | None, operation: str
    ) -> Callable[[Request], Flow[Response]]:
        """What sends the requests of signing in and out."""
        return lambda request: self._send(request, self._prepared(request), session, operation, [])

    # -- one request ------------------------------------------------------------------------

    def _send(
        self,
        request: Request,
        sending: Send,
        session: Session | None,
        operation: str,
        history: list[Sent],
    ) -> Flow[Response]:
        engine, attempt = self.engine, 0
        while True:
            attempt += 1
            try:
                return (
                    yield from self._attempt(request, sending, session, operation, attempt, history)
                )
            except LiveStreamError as error:
                failure = error
            asked = self._asked_to_wait(failure)
            signs_in = operation == "sign_in"
            pause = engine.policy.pause(request, failure, attempt, asked, signs_in=signs_in)
            if pause is None or any(failure is earlier.failure for earlier in history[:-1]):
                raise failure
            if engine.clock.monotonic() + pause >= self.deadline:
                self.ran_out = True
                raise failure
            yield Sleep(pause)

    def _attempt(
        self,
        request: Request,
        sending: Send,
        session: Session | None,
        operation: str,
        attempt: int,
        history: list[Sent],
    ) -> Flow[Response]:
        engine = self.engine
        for entry in tuple(engine.limiters):
            left = self.deadline - engine.clock.monotonic()
            if not (yield Permit(entry.limiter, engine.account, max(left, 0.0))):
                raise RequestTimeout("the limiter gave no permission in time")
        began = engine.clock.monotonic()
        left = self.deadline - began
        if left <= 0:
            raise RequestTimeout("the time for this operation is over")
        connect, read = engine.timeout
        sent = Sent(request, None)
        if request.changes and operation == self.name:
            self.sent.append(sent)
        response: Response | None = None
        outcome: Response | LiveStreamError | None = None
        try:
            sending.session = session
            sending.timeout = Timeout(
                min(connect, left), min(read, left), min(connect + read, left)
            )
            response = yield sending
        except LiveStreamError as error:
            outcome = error
            if error.applied is False:
                sent.carried_out = False
        if response is not None:
            self.last = sent.response = take(response, request, engine.redactor)
            sent.carried_out = verdict(response.status)
            outcome = self._outcome(response, sent, operation, history)
        failure = sent.failure = outcome if isinstance(outcome, LiveStreamError) else None
        if isinstance(failure, RateLimited) and failure.retry_after:
            for entry in tuple(engine.limiters):
                entry.limiter.hold(engine.account, failure.retry_after)
        self._tell(request, operation, attempt, response, failure, began)
        history.append(sent)
        if isinstance(outcome, Response):
            return outcome
        raise failure or ConnectionFailed("no answer", applied=None)

    def _outcome(
        self, response: Response, sent: Sent, operation: str, history: list[Sent]
    ) -> Response | LiveStreamError | None:
        """What the adapter gets for an answer: itself, another one, or an error."""
        status = response.status
        if 200 <= status < 300:
            if response.problem is None and not self._is_web_page(response):
                return response
            sent.carried_out = None
            error: LiveStreamError = response.unexpected(
                response.problem or "the answer is a web page, and not the vendor's"
            )
            error.retryable = response.problem == CUT
        else:
            error = self.error_for(response)
            unknown = [each for each in history if each.carried_out is None]
            if unknown and sent.request.method == "DELETE" and isinstance(error, NotFound):
                if not self._is_from_vendor(response):
                    # Somebody's page proves nothing: what came of the attempt before stays open.
                    return unknown[-1].failure
                sent.carried_out = True
                return take(Response(204, response.headers), sent.request, self.engine.redactor)
        is_refused = operation == "sign_in" and status in (400, 401, 403)
        if is_refused and not isinstance(error, AuthenticationFailed):
            error = AuthenticationFailed(error.message)
        error.http_status = status
        error.body = response.text[:BODY_SHOWN]
        error.request_id = next(
            (response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers),
            None,
        )
        return error

    def error_for(self, response: Response) -> LiveStreamError:
        adapter = self.engine.adapter
        for make in (adapter.error_for, adapter.error_by_status):
            error = self._asked(make, response)
            if isinstance(error, LiveStreamError):
                return error
        return error_class(adapter, response.status)(f"HTTP {response.status}")

    def _is_from_vendor(self, response: Response) -> bool:
        return bool(self._asked(self.engine.adapter.is_from_vendor, response))

    def _is_web_page(self, response: Response) -> bool:
        """Whether a change was answered by something in between, such as a captive portal."""
        request = response.request
        if request is None or not request.changes or not response.is_html:
            return False
        return not self._is_from_vendor(response)

    def _asked(self, method: Callable[[A], R], argument: A) -> R | None:
        """What an adapter's method says; ``None``, and a line in the log, if it fails."""
        try:
            return method(argument)
        except BUGS as raised:
            if is_of_signal_handler(raised):
                raise
            name = self.engine.adapter.name
            logger().error("%s() of %s failed: %s", method.__name__, name, place_of(raised))
        return None

    def _asked_to_wait(self, error: LiveStreamError) -> float | None:
        if isinstance(error, (RateLimited, ProviderUnavailable)):
            return error.retry_after
        if error.http_status is not None and self.last is not None:
            return retry_after(self.last, self.engine.clock.now())
        return None

    def _tell(
        self,
        request: Request,
        operation: str,
        attempt: int,
        response: Response | None,
        failure: LiveStreamError | None,
        began: float,
    ) -> None:
        engine = self.engine
        elapsed = engine.clock.monotonic() - began
        status = response.status if response is not None else None
        logger().debug(
            "%s %s: %s %s -> %s in %.0f ms",
            engine.account,
            operation,
            request.method,
            request.template,
            status if failure is None or status else type(failure).__name__,
            elapsed * 1000,
        )
        if engine.observers.wants("livestream_exchange"):
            engine.observers.exchange(
                Exchange(
                    provider=engine.adapter.name,
                    account=engine.account,
                    operation=operation,
                    stream_id=self.stream_id,
                    method=request.method,
                    template=request.template,
                    status=status,
                    error=type(failure).__name__ if failure is not None else None,
                    elapsed=timedelta(seconds=elapsed),
                    attempt=attempt,
                )
            )

    # -- errors -----------------------------------------------------------------------------

    def bug(self, raised: BaseException) -> BaseException:
        """What to raise for an exception that came out of the adapter's code: an error of ours if
        it is a bug, or else itself.
        """
        is_bug = isinstance(raised, BUGS) and not is_of_signal_handler(raised)
        return self.broken(raised) if is_bug else raised

    def broken(self, raised: BaseException) -> LiveStreamError:
        """The error for an adapter that failed with anything but an error of ours."""
        if self.last is not None:
            error: LiveStreamError = UnexpectedResponse(
                f"the answer could not be read ({place_of(raised)})"
            )
        else:
            error = LiveStreamError(f"the adapter failed ({place_of(raised)})")
        return error

    def check_id(self, result: object) -> None:
        """Check that a stream that came back is the one that was asked for."""
        if self.stream_id is None or not isinstance(result, LiveStream):
            return
        id_key = self.engine.adapter.id_key
        if result.id == self.stream_id:
            return
        asked, came = self._asked(id_key, self.stream_id), self._asked(id_key, result.id)
        if asked is None or asked != came:
            self.engine.redactor.see(result)
            # Not a word of the other stream: it may be another account's.
            error = UnexpectedResponse("the answer is about another stream", body="")
            error.hint = "an answer may have been mixed up on the way; report it to the vendor"
            raise error

    def where_it_was(self) -> str:
        """One line about this operation, for an exception that is not ours."""
        about = f" {self.stream_id!r}" if self.stream_id else ""
        known = applied(self.sent)
        return (
            f"{self.engine.adapter.name} {self.name}{about} was interrupted: "
            f"{applied_text(self.name, known)} (applied={known})"
        )

    def finished(self, error: LiveStreamError) -> LiveStreamError:
        """Fills in the context, derives ``applied``, and masks secrets."""
        if isinstance(error, InvalidInput) and error.value_of and self.last is not None:
            # A value of the model refused what the vendor sent.
            error = UnexpectedResponse(f"{error.value_of}.{error.message} in the answer")
        engine = self.engine
        error.provider = error.provider or engine.adapter.name
        error.account = error.account or engine.account
        error.operation = error.operation or self.name
        error.stream_id = error.stream_id or self.stream_id
        error.applied = applied(self.sent)
        if error.applied and error.stream_id is None:
            error.stream_id = self._id_in_answer()
            if error.stream_id is None and self.name == "create":
                # It said yes and did not say to what: that may not even have been the vendor.
                error.applied = None
        if isinstance(error, UnexpectedResponse) and self.last is not None:
            error.http_status = error.http_status or self.last.status
            error.body = self.last.text[:BODY_SHOWN] if error.body is None else error.body
        if "retryable" not in vars(error):
            error.retryable = error.temporary
        if error.applied is not False and not all(each.request.idempotent for each in self.sent):
            error.retryable = False
        if error.applied is None and self.name in CHANGING_OPERATIONS:
            error.hint = "look at the stream before doing it again"
        if error.applied and self.name in CHANGING_OPERATIONS and error.temporary:
            error.hint = "do not repeat it; read the stream"
        engine.redactor.clean(error)
        return error

    def _id_in_answer(self) -> str | None:
        for each in self.sent:
            response = each.response
            if response is None or response.status in (204, 205):
                continue  # what has no body by its status names no stream
            if each.carried_out and response.is_json:
                return self.id_in(response.json())
        return None

    def id_in(self, payload: Any) -> str | None:
        """The id that a payload names, whatever else of it can be read."""
        stream_id = self._asked(self.engine.adapter.id_in, payload)
        return stream_id if isinstance(stream_id, str) else None
