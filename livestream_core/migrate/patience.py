"""Pauses that vendors ask for: everyone who uses an account keeps them, and says so.

A pause is the account's, not the request's. It is stored in the ledger, so that the workers of all
processes keep it, and so does a run that starts before it is over. It is not a failure: a request
that was refused for it is sent again when it is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

import attrs

from .._client import Client
from .._model.errors import InvalidInput, LiveStreamError, RateLimited
from .ledger.ledger import Ledger
from .ledger.transaction import AskedPause, Transaction
from .values import LedgerError

T = TypeVar("T")

#: The longest wait, in seconds, that a run accepts when a vendor asks for one.
PATIENCE = 900.0
#: Responses to requests in flight ask for the same pause, give or take this many seconds.
_SAME = 1.0
#: After this number of seconds, what the ledger says is read again if other processes write to it.
#: It is also the longest time until a wait notices that it must end.
_FRESH = 0.25
#: A pause is reported after this number of seconds even if its reason is not known.
_UNEXPLAINED = 5.0
#: Clocks are not more exact than this number of seconds.
_EXACT = 0.001
#: If a vendor refuses again after a short pause, the pauses get longer, up to this.
_LONGEST_GROWN = 30.0

#: Called with the end of a pause, and with the error in which the vendor asked for it.
Waiting: TypeAlias = Callable[[datetime, LiveStreamError], object]


def asked(error: LiveStreamError) -> float:
    """Return how many seconds the vendor asks to wait, or 0 if it does not."""
    seconds: float | None = getattr(error, "retry_after", None)
    return seconds or 0.0


def resume_at(error: LiveStreamError | None) -> datetime | None:
    """Return when the next request may be sent, if the vendor said so in a recent error."""
    seconds = 0.0 if error is None else asked(error)
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None


def check_seconds(name: str, value: float, least: float = 0.0) -> None:
    """Check a number of seconds.

    Raises:
        InvalidInput: If it is not a number, or is too small.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise InvalidInput(f"{name}: must be a number of seconds, at least {least:g}", field=name)


def _do_nothing() -> None:
    pass


@attrs.define(slots=True)
class _Pause:
    """The last pause of an account.

    Attributes:
        until: Its end, by the monotonic clock.
        began: When the vendor first refused a request. Pauses in a row, without an answered request
            in between, count as one.
        in_a_row: The number of those pauses.
        provider: The provider.
        error: The error in which the vendor asked for it, if this process has seen it.
        reason: The vendor's message, or an empty text.
        noticed: When this process learned of it.
        is_reported: Whether it was reported.
        is_answered: Whether a request was answered since.
    """

    until: float
    began: float
    in_a_row: int
    provider: str | None
    error: LiveStreamError | None
    reason: str
    noticed: float
    is_reported: bool = False
    is_answered: bool = False


class Patience:
    """Pauses that vendors ask for, kept by all threads of this process.

    With a ledger, they are kept by the workers of all of its processes.

    Args:
        longest: The longest wait in seconds. If a vendor asks for more, the run ends.
        waiting: The function that :meth:`report` calls.
        ledger: The ledger, if there is one. A ledger opened for reading is not written.
        run: The run whose workers, in other processes, are asked to stop in the ledger.
        stop: An event that ends all waits, once set.

    Raises:
        InvalidInput: If the longest wait is not a number of seconds.
    """

    def __init__(
        self,
        longest: float = PATIENCE,
        waiting: Waiting | None = None,
        *,
        ledger: Ledger | None = None,
        run: str | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        check_seconds("patience", longest)
        self.longest, self._waiting = longest, waiting or (lambda until, error: None)
        self._ledger, self._run, self._stop = ledger, run, stop or threading.Event()
        self._ended = threading.Event()
        self._pauses: dict[str, _Pause] = {}
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._started = time.monotonic()
        self._may_look = ledger is not None and ledger.read(Transaction.has_pauses)
        self.look()
        if ledger is not None and ledger.is_file and ledger.is_writable:
            self._may_look = False  # no other process can write to it

    # -- what is known ----------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether all waits must end."""
        return self._ended.is_set() or self._stop.is_set()

    def end(self) -> None:
        """End all waits."""
        self._ended.set()

    def resume(self) -> None:
        """Wait again, after the workers have ended."""
        self._ended.clear()

    @property
    def left(self) -> float:
        """The seconds for which nothing may be sent to at least one of the accounts."""
        return max([self._left(each) for each in self._known()], default=0.0)

    @property
    def too_long(self) -> LiveStreamError | None:
        """The error of a current pause that is longer than the longest wait, if there is one."""
        return next(
            (
                self._error(account, pause)
                for account, pause in list(self._pauses.items())
                if self._is_too_long(pause)
            ),
            None,
        )

    def is_exceeded_by(self, error: LiveStreamError) -> bool:
        """Return whether the vendor asks for a longer wait than allowed."""
        pause = self._pauses.get(error.account or "")
        too_long = pause is not None and self._is_too_long(pause)
        return bool(asked(error)) and (too_long or asked(error) > self.longest)

    def _known(self) -> list[_Pause]:
        return list(self._pauses.values())

    def _left(self, pause: _Pause) -> float:
        return max(pause.until - time.monotonic(), 0.0)

    def _is_too_long(self, pause: _Pause) -> bool:
        return bool(self._left(pause)) and pause.until - pause.began > self.longest + _EXACT

    def _error(self, account: str, pause: _Pause) -> LiveStreamError:
        """Return a new error that refuses a request in a pause."""
        return RateLimited(
            pause.reason or "the vendor asks to wait",
            retry_after=self._left(pause),
            provider=pause.provider,
            account=account,
            applied=False,
        )

    # -- pauses that begin ------------------------------------------------------------------

    def keep(self, error: LiveStreamError) -> None:
        """Note the error in which a vendor asks for a pause, which its response began."""
        # An error of `check` has no status, and says nothing new.
        if asked(error) and error.account and error.http_status is not None:
            self._begin(error.account, asked(error), error.provider, error.message, error)

    def hold(self, client: Client, seconds: float) -> None:
        """Pause for as long as the vendor asks in a response; the error may follow."""
        self._begin(client.account, seconds, client.provider)

    def answered(self, account: str) -> None:
        """Note that the vendor has answered a request."""
        pause = self._pauses.get(account)
        if pause is not None:
            pause.is_answered = True

    def look(self) -> None:
        """Read what other processes were asked for, unless that was read just now."""
        now = time.monotonic()
        if not self._may_look or self._ledger is None or now - self._looked_at < _FRESH:
            return
        self._looked_at = now
        try:
            pauses, is_stopped = self._ledger.read(
                lambda tx: (tx.pauses(), self._run is not None and tx.is_stopped(self._run))
            )
        except LedgerError:
            return  # the next write says so
        if is_stopped:
            self.end()
        for each in pauses:
            self._learn(
                each.account, each.seconds, each.provider, each.reason, age=each.age, is_read=True
            )

    def _begin(
        self,
        account: str,
        seconds: float,
        provider: str | None,
        reason: str = "",
        error: LiveStreamError | None = None,
    ) -> None:
        pause = self._learn(account, seconds, provider, reason, error=error)
        if pause is None or self._ledger is None or not self._ledger.is_writable:
            return
        age = time.monotonic() - pause.began
        stored = AskedPause(account, self._left(pause), age, provider or "", reason)
        try:
            self._ledger.write(lambda tx: tx.pause(stored))
        except LedgerError:
            pass  # the next write says so

    def _learn(
        self,
        account: str,
        seconds: float,
        provider: str | None,
        reason: str,
        *,
        error: LiveStreamError | None = None,
        age: float = 0.0,
        is_read: bool = False,
    ) -> _Pause | None:
        """Note a pause, and return it if other processes may not know it yet."""
        now = time.monotonic()
        with self._lock:
            known = self._pauses.get(account)
            is_same = known is not None and now + seconds <= known.until + _SAME
            is_same = is_same and known is not None and (is_read or known.until > now)
            # The pause of an error began with its response, and may be over already.
            if known is not None and (is_same or error is not None):
                # Responses to requests in flight, or the reason of a pause that is known.
                is_explained = bool(reason) and not known.reason
                known.reason = known.reason or reason
                known.error = known.error or error
                return known if is_explained else None
            # Time that was over when this run started is not part of its wait.
            began, in_a_row = max(now - age, self._started), 1
            if known is not None and not known.is_answered:
                began, in_a_row = known.began, known.in_a_row + 1
                if not is_read:
                    seconds = max(seconds, min(0.25 * 2**in_a_row, _LONGEST_GROWN))
            pause = _Pause(now + seconds, began, in_a_row, provider, error, reason, now)
            self._pauses[account] = pause
            return pause

    # -- pauses that are kept ---------------------------------------------------------------

    def check(self, account: str) -> None:
        """Check that a request may be sent to an account.

        Raises:
            LiveStreamError: If the vendor asked for a pause that is not over.
        """
        self.look()
        pause = self._pauses.get(account)
        if pause is not None and self._left(pause):
            raise self._error(account, pause)

    def report(self) -> None:
        """Report the pauses that have not been reported yet."""
        now = time.monotonic()
        for account, pause in list(self._pauses.items()):
            is_known = pause.reason or now - pause.noticed > _UNEXPLAINED
            with self._lock:
                if pause.is_reported or not is_known or not self._left(pause):
                    continue
                if self._is_too_long(pause):
                    continue  # the run ends, and says why
                pause.is_reported = True
            until = datetime.now(UTC) + timedelta(seconds=self._left(pause))
            self._waiting(until, pause.error or self._error(account, pause))

    def wait(self, error: LiveStreamError, heartbeat: Callable[[], None] = _do_nothing) -> None:
        """Wait until a request that was refused for a pause may be sent again.

        Args:
            error: Why the request was refused.
            heartbeat: A function that is called repeatedly meanwhile.

        Raises:
            LiveStreamError: The error, if it asks for no wait or for too long a wait, or if all
                waits must end.
        """
        self.keep(error)
        pause = self._pauses.get(error.account or "")
        if not asked(error) or pause is None or self.is_exceeded_by(error):
            raise error
        while left := self._left(self._pauses[error.account or ""]):
            self.look()
            self.report()
            if self.is_over or self._is_too_long(self._pauses[error.account or ""]):
                raise error
            heartbeat()
            self._ended.wait(min(left, _FRESH))

    def raise_if_ended(self, error: LiveStreamError) -> None:
        """Raise an error if nothing more can be sent, so that it is not one of a single stream."""
        if asked(error) and (self.is_over or self.is_exceeded_by(error)):
            raise error

    def repeat(
        self, account: str, do: Callable[[], T], heartbeat: Callable[[], None] = _do_nothing
    ) -> T:
        """Return what a function returns, and call it again after each pause of an account.

        Only for requests that may be repeated.

        Raises:
            LiveStreamError: As the function does, and as :meth:`wait` does.
        """
        while True:
            try:
                result = do()
            except LiveStreamError as error:
                self.wait(error, heartbeat)
            else:
                self.answered(account)
                return result


@contextmanager
def threads(workers: int, name: str, patience: Patience) -> Iterator[ThreadPoolExecutor]:
    """Yield threads that stop waiting when the block is interrupted."""
    with ThreadPoolExecutor(workers, thread_name_prefix=name) as executor:
        try:
            yield executor
        except BaseException:
            patience.end()
            executor.shutdown(wait=False, cancel_futures=True)
            raise
