"""Runs operations over a transport, and decides whether the change happened."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from datetime import timedelta
from functools import cached_property
from typing import TypeAlias, TypeVar

import attrs

from ._adapter import Adapter, Operation, Session, error_class, retry_after
from ._clock import Clock
from ._errors import (
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
from ._plugins import Exchange, Observers
from ._redact import Redactor, place_of
from ._request import Request, Response
from ._retry import RetryPolicy, may_repeat, repeat
from ._secret import Secret
from ._sending import Timeout, Transport
from ._session import SharedSession, TokenStore
from ._transport import CUT
from ._version import __version__

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


def drive(operation: Operation[T], exchange: Callable[[Request], Response]) -> T:
    """Runs an operation: sends what it yields, and resumes it or throws the error in."""
    if not isinstance(operation, Generator):
        return operation
    try:
        request = next(operation)
        while True:
            try:
                response = exchange(request)
            except LiveStreamError as error:
                failure = error
            else:
                request = operation.send(response)
                continue
            # Thrown from here: an error that the adapter raises instead has no part of this one.
            request = operation.throw(failure)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        operation.close()


@attrs.define(slots=True)
class Sent:
    """A changing request that was sent, and what is known of it."""

    request: Request
    #: Whether it was carried out, by its answer; None if nobody can know.
    carried_out: bool | None
    response: Response | None = None

    @property
    def applied(self) -> bool | None:
        if self.carried_out and self.response is not None and not self.response.is_readable:
            return None
        return self.carried_out


#: A request as it is sent, but for the session's headers: target, headers, body.
_Wire: TypeAlias = tuple[str, dict[str, str], bytes | None]


def _on_the_wire(request: Request) -> _Wire:
    body, headers = request.content()
    return request.target(), {**headers, **_STANDARD_HEADERS, **request.headers}, body


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
            LiveStreamError: With its context filled in and every secret masked; nothing else.
        """
        call = Call(self, name, stream_id, self.clock.monotonic() + seconds)
        try:
            result = drive(make(), call.exchange)
        except LiveStreamError as raised:
            error = raised
        except Exception as raised:
            error = call.broken(raised)
        else:
            self.redactor.see(result)
            return result
        # Raised from here, so that no error of another library hangs on it as its context.
        raise call.finished(error)


class Call:
    """One operation under way."""

    def __init__(self, driver: Driver, name: str, stream_id: str | None, deadline: float) -> None:
        self.driver = driver
        self.name = name
        self.stream_id = stream_id
        self.deadline = deadline
        self.sent: list[Sent] = []
        self.last: Response | None = None

    def exchange(self, request: Request) -> Response:
        """Sends a request until it is answered with 2xx, or fails for good."""
        if not isinstance(request, Request):
            raise TypeError(f"an operation yields requests, not {type(request).__name__}")
        # Before anybody signs in: what cannot be sent is refused without sending anything.
        wire = _on_the_wire(request)
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
        operation = driver.adapter.sign_in(previous, driver.clock.now())
        # What is had at once (a given token, one signed here) is not worth a store.
        store = driver.token_store if isinstance(operation, Generator) else None
        dead = rejected or previous
        if store is not None:
            stored = self._stored(store)
            if stored is not None and (dead is None or stored.headers != dead.headers):
                return stored
        try:
            session = drive(
                operation,
                lambda request: self._send(request, _on_the_wire(request), None, "sign_in", []),
            )
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
        return stored

    def _in_store(self, use: Callable[[], T]) -> T | None:
        try:
            return use()
        except Exception as error:
            # A store that is down costs a sign-in, not the operation.
            logger.warning("the token store failed: %s", type(error).__name__)
        return None

    def _remember(self, session: Session) -> None:
        for value in session.headers.values():
            if not value.isascii() or not value.isprintable():
                raise ConfigurationError("the credentials have characters that cannot be sent")
        self.driver.redactor.add_headers(session.headers.values())
        self.driver.redactor.add_memo(session.memo)

    def sign_out(self, session: Session) -> None:
        """Ends a session at the vendor."""
        operation = self.driver.adapter.sign_out(session)
        drive(
            operation,
            lambda request: self._send(request, _on_the_wire(request), session, "sign_out", []),
        )

    # -- one request ------------------------------------------------------------------------

    def _send(
        self,
        request: Request,
        wire: _Wire,
        session: Session | None,
        operation: str,
        history: list[Sent],
    ) -> Response:
        driver = self.driver
        target, headers, body = wire
        if session is not None:
            headers = {**headers, **session.headers}
        attempts = 0

        def once() -> Response:
            nonlocal attempts
            attempts += 1
            return self._attempt(request, target, headers, body, operation, attempts, history)

        try:
            return once()
        except LiveStreamError as error:
            if not driver.policy.retries or not may_repeat(request, error):
                raise
            first = error
        return repeat(
            once,
            first,
            request=request,
            policy=driver.policy,
            clock=driver.clock,
            deadline=self.deadline,
            asked=self._asked_to_wait,
        )

    def _attempt(
        self,
        request: Request,
        target: str,
        headers: dict[str, str],
        body: bytes | None,
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
            response = driver.transport.send(
                request.method,
                driver.adapter.origin,
                target,
                headers,
                body,
                Timeout(min(connect, left), min(read, left), min(connect + read, left)),
            )
        except LiveStreamError as error:
            failure = error
            if error.applied is False:
                sent.carried_out = False
        except Exception as error:
            failure = ConnectionFailed(
                f"the transport failed ({type(error).__name__})", applied=None
            )
        if response is not None:
            self.last = response
            response.request = request
            response._mask = driver.redactor.mask
            sent.response = response
            sent.carried_out = _verdict(response.status)
            failure = self._failure(response, sent, operation, history)
        self._tell(request, operation, attempt, response, failure, began)
        history.append(sent)
        if response is None or failure is not None:
            raise failure or ConnectionFailed("no answer", applied=None)
        return response

    def _failure(
        self, response: Response, sent: Sent, operation: str, history: list[Sent]
    ) -> LiveStreamError | None:
        driver, status = self.driver, response.status
        if 200 <= status < 300:
            if response.problem is None:
                return None
            sent.carried_out = None
            error: LiveStreamError = response.unexpected(response.problem)
            error.retryable = response.problem == CUT
        elif (
            issubclass(error_class(driver.adapter, status), NotFound)
            and sent.request.method == "DELETE"
            and any(earlier.carried_out is None for earlier in history)
        ):
            # The attempt before, of which nobody knew the outcome, has deleted it.
            sent.carried_out = True
            response.status, response.body = 204, b""
            return None
        else:
            error = self._error_for(response)
        if operation == "sign_in" and status in (400, 401, 403):
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
        try:
            error = adapter.error_for(response)
        except Exception as raised:
            logger.error("error_for() of %s failed: %s", adapter.name, place_of(raised))
        else:
            if isinstance(error, LiveStreamError):
                return error
        return adapter.error_by_status(response)

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
            error.body = error.body or self.last.text[:_BODY_SHOWN]
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
            if each.carried_out and response is not None and response.is_json:
                try:
                    return self.driver.adapter.id_in(response.json())
                except Exception as raised:
                    logger.error("id_in() failed: %s", place_of(raised))
        return None
