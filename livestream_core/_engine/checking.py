"""Checking whether an account can be used, by signing in and reading the least that it allows."""

from __future__ import annotations

from datetime import timedelta

from .._contract.adapter import clock_offset, clock_text, is_clock_wrong
from .._contract.capabilities import Feature
from .._contract.pagination import Page, Query
from .._contract.transport import TLS_HINT
from .._model.checked import Check, CheckState
from .._model.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    LiveStreamError,
    NotFound,
    PermissionDenied,
    RateLimited,
    Rejected,
    RequestTimeout,
    UnexpectedResponse,
)
from .call import Call, Engine
from .effects import Flow
from .sign_in import session_for

_NAME = "check"
_WRONG_ACCOUNT = "check the account's options and the origin (base_url)"
#: What an error says about the account, by its class. Anything else is the vendor's problem.
_STATES: dict[type[LiveStreamError], CheckState] = {
    AuthenticationFailed: CheckState.CREDENTIALS,
    PermissionDenied: CheckState.PERMISSION,
    # Nothing is sent but the account's options, at the origin.
    NotFound: CheckState.ACCOUNT,
    Rejected: CheckState.ACCOUNT,
    ConfigurationError: CheckState.CONFIGURATION,
    ConnectionFailed: CheckState.NETWORK,
    RequestTimeout: CheckState.NETWORK,
    RateLimited: CheckState.RATE_LIMITED,
}


def check(engine: Engine, seconds: float) -> Flow[Check]:
    """Check an account, as described at ``Client.check``."""
    clock = engine.clock
    began = clock.monotonic()
    call = Call(engine, _NAME, None, seconds)
    page: Page | None = None
    error: LiveStreamError | None = None
    try:
        page = yield from _read(call)
    except LiveStreamError as raised:
        error = raised
    now, ended = clock.now(), clock.monotonic()
    offset = None
    if call.last is not None:
        # Retries without a response may have followed it.
        offset = clock_offset(call.last, now - timedelta(seconds=ended - call.last_sent))
    done = tuple("list" if each == _NAME else each for each in call.done)
    hint: str | None
    if error is not None:
        state = _state_of(call, error, offset)
        reason = error.message
        hint = _WRONG_ACCOUNT if state is CheckState.ACCOUNT else error.hint
    else:
        state = CheckState.OK if done else CheckState.UNKNOWN
        reason, hint = _found(page, done), None
    if is_clock_wrong(offset):
        text = clock_text(offset)
        if hint is None or state is CheckState.CLOCK:
            hint = text
        elif text not in hint:
            hint = f"{text}; {hint}"
    return Check(
        account=engine.account,
        state=state,
        reason=reason,
        hint=hint,
        checked_at=now,
        seconds=max(ended - began, 0.0),
        requests=done,
        error=None if error is None else type(error).__name__,
        http_status=None if error is None else error.http_status,
        request_id=None if error is None else error.request_id,
        clock_offset=offset,
    )


def _read(call: Call) -> Flow[Page | None]:
    engine = call.engine
    if engine.adapter.capabilities.supports(Feature.LIST):
        query = Query(size=1)
        return (
            yield from engine.call(
                _NAME, lambda: engine.adapter.list(query), seconds=call.seconds, call=call
            )
        )
    error: LiveStreamError
    try:
        yield from session_for(call, rejected=None)
    except LiveStreamError as raised:
        error = raised
    else:
        return None
    raise call.completed(error).with_traceback(None)


def _found(page: Page | None, done: tuple[str, ...]) -> str:
    if page is None:
        return "signed in" if done else "this provider does not support list"
    found = "signed in and listed a page" if "sign_in" in done else "listed a page"
    if page.total is not None:
        found += f"; streams: {page.total}"
    if page.unreadable:
        found += f"; a listed stream could not be read: {page.unreadable[0]}"
    return found


def _state_of(call: Call, error: LiveStreamError, offset: float | None) -> CheckState:
    if error.hint == TLS_HINT:
        return CheckState.TLS
    if isinstance(error, AuthenticationFailed) and error.retryable:
        return CheckState.RATE_LIMITED  # all sessions that the account may have are in use
    refused = isinstance(error, AuthenticationFailed | PermissionDenied)
    if refused and is_clock_wrong(offset) and _depends_on_time(call):
        return CheckState.CLOCK
    if isinstance(error, UnexpectedResponse) and not _is_from_api(call):
        return CheckState.ACCOUNT
    if call.is_refused_by_limiter:
        return CheckState.RATE_LIMITED
    if isinstance(error, RequestTimeout) and (call.awaits_sign_in or not call.done):
        return CheckState.BUSY
    kinds = (_STATES[kind] for kind in type(error).__mro__ if kind in _STATES)
    return next(kinds, CheckState.VENDOR)


def _depends_on_time(call: Call) -> bool:
    """Return whether the credentials that were sent are signed by the clock, or expire."""
    session = call.engine.session
    return call.engine.signs or (session is not None and session.expires_at is not None)


def _is_from_api(call: Call) -> bool:
    """Return whether the last response may be that of an API, and not of a website."""
    response = call.last
    return response is None or response.problem is not None or response.is_json
