"""Runs operations over a transport, and decides whether the change happened."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Generator
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

import attrs

from ._adapter import Adapter, Operation, Session, error_class, retry_after
from ._clock import Clock
from ._errors import (
    _APPLIED_TEXT,
    CHANGING_OPERATIONS,
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    LiveStreamError,
    NotFound,
    ProviderUnavailable,
    RateLimited,
    TimedOut,
    UnexpectedResponse,
)
from ._foreign import BUGS, is_failure_of_store, is_of_signal_handler, pass_on, place_of
from ._model import LiveStream
from ._plugins import Exchange, Observers
from ._redact import Redactor
from ._request import Request, Response
from ._retry import RetryPolicy
from ._secret import Secret
from ._sending import Timeout, Transport
from ._session import SharedSession, TokenStore
from ._transport import CUT
from ._version import __version__

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")

logger = logging.getLogger("livestream_core")

_STANDARD_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"livestream-core/{__version__}",
}
_REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "x-correlation-id",
    "cf-ray",
)
_BODY_SHOWN = 2000


class AdapterCode:
    """A block in which an adapter's code runs: a bug in it becomes an error of ours."""

    def __init__(self, broken: Callable[[Exception], LiveStreamError]) -> None:
        self._broken = broken

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, raised: BaseException | None, traceback: object) -> None:
        if isinstance(raised, BUGS) and not is_of_signal_handler(raised):
            raise self._broken(raised) from None


def drive(
    operation: Operation[T], exchange: Callable[[Request], Response], adapter_code: AdapterCode
) -> T:
    """Run an operation: send what it yields, and resume it or throw the error in.

    The adapter sees errors of this library only. Any other that comes while a request is sent is
    foreign, and ends the operation before the adapter can do anything about it.
    """
    if not isinstance(operation, Generator):
        return operation
    resume: Callable[[Any], Request] = operation.send
    value: Any = None
    try:
        while True:
            with adapter_code:
                try:
                    request = resume(value)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
                if not isinstance(request, Request):
                    kind = type(request).__name__
                    raise TypeError(f"an operation yields requests, not {kind}")
            try:
                value, resume = exchange(request), operation.send
            except LiveStreamError as error:
                value, resume = error, operation.throw
    finally:
        try:
            operation.close()
        except LiveStreamError:
            pass
        except BUGS:
            pass  # it yields once more, or its cleaning up fails: neither counts now


@attrs.define(slots=True)
class Sent:
    """A changing request that was sent, and what is known of it."""

    request: Request
    #: Whether it was carried out, by its answer; None if nobody can know.
    carried_out: bool | None
    response: Response | None = None
    failure: LiveStreamError | None = None

    @property
    def applied(self) -> bool | None:
        if self.carried_out and self.response is not None and not self.response.is_readable:
            return None
        return self.carried_out


class _Wire:
    """A request as it is sent, but for the session's headers.

    Error trackers keep the locals of frames, and walk through dicts. So what is secret is only
    held by this object, which prints nothing.
    """

    __slots__ = ("_body", "_headers", "_method", "_target")

    def __init__(self, request: Request) -> None:
        self._body, headers = request.content()
        self._method, self._target = request.method, request.target()
        self._headers = {**headers, **_STANDARD_HEADERS, **request.headers}

    def send(
        self, transport: Transport, origin: str, session: Session | None, timeout: Timeout
    ) -> Response:
        return transport.send(
            self._method,
            origin,
            self._target,
            {**self._headers, **session.headers} if session is not None else self._headers,
            self._body,
            timeout,
        )


def applied(sent: list[Sent]) -> bool | None:
    """Whether an operation that failed has changed something, by all that it sent."""
    known = [each.applied for each in sent]
    if True in known:
        return True
    return None if None in known else False


def _verdict(status: int) -> bool | None:
    """Whether a changing request that was answered with this status was carried out."""
    if 200 <= status < 300:
        return True
    if 400 <= status < 500 and status != 408:
        return False
    return None


class Driver:
    """Everything that the operations of one client share."""

    def __init__(
        self,
        adapter: Adapter,
        transport: Transport,
        *,
        account: str,
        shared: SharedSession,
        redactor: Redactor,
        observers: Observers,
        policy: RetryPolicy,
        clock: Clock,
        timeout: tuple[float, float],
        token_store: TokenStore | None,
    ) -> None:
        self.adapter = adapter
        self.transport = transport
        self.account = account
        self.shared = shared
        self.redactor = redactor
        self.observers = observers
        self.policy = policy
        self.clock = clock
        self.timeout = timeout
        self.token_store = token_store
        #: The session that was used last.
        self.session: Session | None = None
        #: Called before each request with the seconds that it may take; waits for its turn.
        self.pace: Callable[[float], object] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Tells the credentials of this client from others, and does not give them away."""
        import hashlib

        # A list, not a tuple of Secrets: their reprs are all the same.
        values = [
            value.reveal() if isinstance(value, Secret) else str(value)
            for value in self.adapter.options.credential_values()
        ]
        # Slow on purpose: a store that is stolen must not help to guess a password.
        digest = hashlib.scrypt(
            json.dumps(values).encode(), salt=self.account.encode(), n=2**14, r=8, p=1, dklen=16
        )
        return digest.hex()

    def run(
        self,
        name: str,
        make: Callable[[], Operation[T]],
        *,
        stream_id: str | None = None,
        seconds: float,
    ) -> T:
        """Runs an operation to its end.

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
            with call.adapter_code:
                operation = make()
            result = drive(operation, call.exchange, call.adapter_code)
            call.check_id(result)
        except LiveStreamError as raised:
            error = raised
        except BaseException as raised:
            raise pass_on(raised, call.where_it_was(), handled)  # noqa: B904 - the same object
        else:
            self.redactor.see(result)
            return result
        # Raised from here, so that no error of another library hangs on it as its context, and
        # no frame from below, whose locals could be secret.
        raise call.finished(error).with_traceback(None)


class Call:
    """One operation under way."""

    def __init__(self, driver: Driver, name: str, stream_id: str | None, deadline: float) -> None:
        self.driver = driver
        self.name = name
        self.stream_id = stream_id
        self.deadline = deadline
        self.sent: list[Sent] = []
        self.last: Response | None = None
        self.adapter_code = AdapterCode(self.broken)

    def exchange(self, request: Request) -> Response:
        """Sends a request until it is answered with 2xx, or fails for good."""
        # Before anybody signs in: what cannot be sent is refused without sending anything.
        wire = self._wire(request)
        session = self._session(rejected=None)
        history: list[Sent] = []
        # A 401 changed nothing, so every request may be sent again with a new session. One that
        # another process opened may be as dead as ours was; one of our own is final.
        for _ in range(1 if self.driver.token_store is None else 2):
            try:
                return self._send(request, wire, session, self.name, history)
            except LiveStreamError as error:
                if error.http_status != 401:
                    raise
            session = self._session(rejected=session)
        return self._send(request, wire, session, self.name, history)

    def _wire(self, request: Request) -> _Wire:
        with self.adapter_code:
            return _Wire(request)

    # -- sessions ---------------------------------------------------------------------------

    def _session(self, rejected: Session | None) -> Session:
        driver = self.driver
        session = driver.shared.get(
            lambda previous: self._open_session(previous, rejected),
            rejected=rejected,
            clock=driver.clock,
            deadline=self.deadline,
        )
        if session is not driver.session:
            # Perhaps opened by another client: its credentials are to be masked here too.
            self._remember(session)
            driver.session = session
        return session

    def _open_session(self, previous: Session | None, rejected: Session | None) -> Session:
        driver = self.driver
        with self.adapter_code:
            operation = driver.adapter.sign_in(previous, driver.clock.now())
        # What is had at once (a given token, one signed here) is not worth a store.
        store = driver.token_store if isinstance(operation, Generator) else None
        dead = rejected or previous
        if store is not None:
            stored = self._stored(store)
            if stored is not None and (dead is None or stored.headers != dead.headers):
                return stored
        try:
            session = drive(operation, self._sender(None, "sign_in"), self.adapter_code)
            _check_session(session, given=not isinstance(operation, Generator))
        except AuthenticationFailed:
            if store is not None and dead is not None and self._stored(store) == dead:
                self._in_store(lambda: store.delete(driver.account))
            raise
        if store is not None:
            session = attrs.evolve(session, opened_with=driver.fingerprint)
            self._in_store(lambda: store.put(driver.account, session))
        return session

    def _stored(self, store: TokenStore) -> Session | None:
        """The account's session in the store, if it is good and was opened with the credentials
        that this client has (or was put there by hand): a store must not let anybody in who has
        others."""
        stored = self._in_store(lambda: store.get(self.driver.account))
        if stored is None or stored.opened_with not in (None, self.driver.fingerprint):
            return None
        if stored.expires_at is not None and stored.expires_at <= self.driver.clock.now():
            return None
        try:
            _check_session(stored, given=False)
        except LiveStreamError:
            return None  # from a version before, which did not look
        return stored

    def _in_store(self, use: Callable[[], T]) -> T | None:
        try:
            return use()
        except Exception as error:
            if not is_failure_of_store(error, self.driver.token_store):
                raise
            # A store that is down costs a sign-in, not the operation.
            logger.warning("the token store failed: %s", type(error).__name__)
        return None

    def _remember(self, session: Session) -> None:
        self.driver.redactor.add_headers(session.headers.values())
        self.driver.redactor.add_memo(session.memo)

    def sign_out(self, session: Session) -> None:
        """Ends a session at the vendor."""
        with self.adapter_code:
            operation = self.driver.adapter.sign_out(session)
        drive(operation, self._sender(session, "sign_out"), self.adapter_code)

    def _sender(self, session: Session | None, operation: str) -> Callable[[Request], Response]:
        return lambda request: self._send(request, self._wire(request), session, operation, [])

    # -- one request ------------------------------------------------------------------------

    def _send(
        self,
        request: Request,
        wire: _Wire,
        session: Session | None,
        operation: str,
        history: list[Sent],
    ) -> Response:
        driver, attempt = self.driver, 0
        while True:
            attempt += 1
            try:
                return self._attempt(request, wire, session, operation, attempt, history)
            except LiveStreamError as error:
                failure = error
            asked = self._asked_to_wait(failure)
            pause = driver.policy.pause(request, failure, attempt, asked)
            if pause is None or any(failure is earlier.failure for earlier in history[:-1]):
                raise failure
            if driver.clock.monotonic() + pause >= self.deadline:
                raise failure
            driver.clock.sleep(pause)

    def _attempt(
        self,
        request: Request,
        wire: _Wire,
        session: Session | None,
        operation: str,
        attempt: int,
        history: list[Sent],
    ) -> Response:
        driver = self.driver
        if driver.pace is not None:
            driver.pace(self.deadline - driver.clock.monotonic())
        began = driver.clock.monotonic()
        left = self.deadline - began
        if left <= 0:
            raise TimedOut("the time for this operation is over")
        connect, read = driver.timeout
        sent = Sent(request, None)
        if request.changes and operation == self.name:
            self.sent.append(sent)
        response: Response | None = None
        failure: LiveStreamError | None = None
        try:
            response = wire.send(
                driver.transport,
                driver.adapter.origin,
                session,
                Timeout(min(connect, left), min(read, left), min(connect + read, left)),
            )
        except LiveStreamError as error:
            failure = error
            if error.applied is False:
                sent.carried_out = False
        if response is not None:
            self.last = response
            response.request = request
            response._mask = driver.redactor.mask
            sent.response = response
            sent.carried_out = _verdict(response.status)
            failure = self._failure(response, sent, operation, history)
        sent.failure = failure
        self._tell(request, operation, attempt, response, failure, began)
        history.append(sent)
        if response is None or failure is not None:
            raise failure or ConnectionFailed("no answer", applied=None)
        return response

    def _failure(
        self, response: Response, sent: Sent, operation: str, history: list[Sent]
    ) -> LiveStreamError | None:
        status = response.status
        if 200 <= status < 300:
            if response.problem is None and not self._is_web_page(response):
                return None
            sent.carried_out = None
            error: LiveStreamError = response.unexpected(
                response.problem or "the answer is a web page, and not the vendor's"
            )
            error.retryable = response.problem == CUT
        else:
            error = self._error_for(response)
            unknown = [each for each in history if each.carried_out is None]
            if unknown and sent.request.method == "DELETE" and isinstance(error, NotFound):
                if not self._is_from_vendor(response):
                    # Somebody's page proves nothing: what came of the attempt before stays open.
                    return unknown[-1].failure
                sent.carried_out = True
                response.status, response.body = 204, b""
                return None
        is_refused = operation == "sign_in" and status in (400, 401, 403)
        if is_refused and not isinstance(error, AuthenticationFailed):
            error = AuthenticationFailed(error.message)
        error.http_status = status
        error.body = response.text[:_BODY_SHOWN]
        error.request_id = next(
            (response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers),
            None,
        )
        return error

    def _error_for(self, response: Response) -> LiveStreamError:
        adapter = self.driver.adapter
        for make in (adapter.error_for, adapter.error_by_status):
            error = self._asked(make, response)
            if isinstance(error, LiveStreamError):
                return error
        return error_class(adapter, response.status)(f"HTTP {response.status}")

    def _is_from_vendor(self, response: Response) -> bool:
        return bool(self._asked(self.driver.adapter.is_from_vendor, response))

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
            name = self.driver.adapter.name
            logger.error("%s() of %s failed: %s", method.__name__, name, place_of(raised))
        return None

    def _asked_to_wait(self, error: LiveStreamError) -> float | None:
        if isinstance(error, (RateLimited, ProviderUnavailable)):
            return error.retry_after
        if error.http_status is not None and self.last is not None:
            return retry_after(self.last, self.driver.clock.now())
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
        driver = self.driver
        elapsed = driver.clock.monotonic() - began
        status = response.status if response is not None else None
        logger.debug(
            "%s %s: %s %s -> %s in %.0f ms",
            driver.account,
            operation,
            request.method,
            request.template,
            status if failure is None or status else type(failure).__name__,
            elapsed * 1000,
        )
        if driver.observers.wants("livestream_exchange"):
            driver.observers.exchange(
                Exchange(
                    provider=driver.adapter.name,
                    account=driver.account,
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

    def broken(self, raised: Exception) -> LiveStreamError:
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
        id_key = self.driver.adapter.id_key
        if result.id == self.stream_id:
            return
        asked, came = self._asked(id_key, self.stream_id), self._asked(id_key, result.id)
        if asked is None or asked != came:
            self.driver.redactor.see(result)
            # Not a word of the other stream: it may be another account's.
            error = UnexpectedResponse("the answer is about another stream", body="")
            error.hint = "an answer may have been mixed up on the way; report it to the vendor"
            raise error

    def where_it_was(self) -> str:
        """One line about this operation, for an exception that is not ours."""
        about = f" {self.stream_id!r}" if self.stream_id else ""
        known = applied(self.sent)
        return (
            f"{self.driver.adapter.name} {self.name}{about} was interrupted: "
            f"{_APPLIED_TEXT[known]} (applied={known})"
        )

    def finished(self, error: LiveStreamError) -> LiveStreamError:
        """Fills in the context, derives ``applied``, and masks secrets."""
        if isinstance(error, InvalidInput) and error.value_of and self.last is not None:
            # A value of the model refused what the vendor sent.
            error = UnexpectedResponse(f"{error.value_of}.{error.message} in the answer")
        driver = self.driver
        error.provider = error.provider or driver.adapter.name
        error.account = error.account or driver.account
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
            error.body = self.last.text[:_BODY_SHOWN] if error.body is None else error.body
        if "retryable" not in vars(error):
            error.retryable = error.temporary
        if error.applied is not False and not all(each.request.idempotent for each in self.sent):
            error.retryable = False
        if error.applied is None and self.name in CHANGING_OPERATIONS:
            error.hint = "look at the stream before doing it again"
        if error.applied and self.name in CHANGING_OPERATIONS and error.temporary:
            error.hint = "do not repeat it; read the stream"
        driver.redactor.clean(error)
        return error

    def _id_in_answer(self) -> str | None:
        for each in self.sent:
            response = each.response
            if response is None or response.status in (204, 205):
                continue  # what has no body by its status names no stream
            if each.carried_out and response.is_json:
                return self._asked(self.driver.adapter.id_in, response.json())
        return None


def _check_session(session: Session, *, given: bool) -> None:
    """Check what a session carries before anybody keeps it.

    Args:
        session: The session.
        given: Whether it was made of the caller's credentials alone, and not of an answer.
    """
    for name, value in session.headers.items():
        for text in (name, value):
            if not isinstance(text, str) or not text.isascii() or not text.isprintable():
                problem = "characters that cannot be sent"
                if given:
                    raise ConfigurationError(f"the credentials have {problem}")
                raise UnexpectedResponse(f"the answer to signing in has a token with {problem}")
