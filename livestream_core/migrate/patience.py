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
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

import attrs

from .._model.errors import InvalidInput, LiveStreamError, RateLimited
from ..durable.listing import do_nothing
from ..sharing.pauses import grown
from .ledger.ledger import Ledger
from .ledger.transaction import AskedPause
from .values import LedgerError, PatienceExceeded

T = TypeVar("T")

#: The longest wait, in seconds, that a run accepts when a vendor asks for one.
PATIENCE = 900.0
#: Responses to requests in flight ask for the same pause, give or take this many seconds.
_SAME = 1.0
#: After this number of seconds, what the ledger says is read again. It is also the longest time
#: until a wait notices that it must end.
_FRESH = 0.25

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


@attrs.frozen(slots=True)
class _Pause:
    """The last pause of an account.

    Attributes:
        until: Its end, by the monotonic clock.
        began: When the vendor first refused a request. Pauses in a row, without an answered request
            in between, count as one.
        reason: The vendor's message.
    """

    until: float
    began: float
    reason: str

    @property
    def left(self) -> float:
        return max(self.until - time.monotonic(), 0.0)


class Patience:
    """Pauses that vendors ask for, kept by all threads of this process.

    With a ledger, they are kept by the workers of all of its processes.

    Args:
        longest: The longest wait in seconds. If a vendor asks for more, the run ends.
        waiting: The function that is called when a wait begins, in any thread.
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
        self._longest, self._waiting = longest, waiting or (lambda until, error: None)
        self._ledger, self._run, self._stop = ledger, run, stop or threading.Event()
        self._ended = threading.Event()
        self._pauses: dict[str, _Pause] = {}
        self._lock = threading.Lock()
        self._started = time.monotonic()
        #: When each account last answered a request.
        self._answered: dict[str, float] = {}
        self._looked_at = 0.0
        self.look()

    # -- what is known ----------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether all waits must end."""
        return self._ended.is_set() or self._stop.is_set()

    def end(self) -> None:
        """End all waits."""
        self._ended.set()

    @property
    def left(self) -> float:
        """The seconds for which nothing may be sent to at least one of the accounts."""
        return max([pause.left for pause in [*self._pauses.values()]], default=0.0)

    @property
    def too_long(self) -> LiveStreamError | None:
        """The error of a current pause that is longer than the longest wait, if there is one."""
        for account, pause in [*self._pauses.items()]:
            if pause.left and self._is_too_long(pause):
                return _refused(account, pause.left, pause.reason)
        return None

    def is_exceeded_by(self, error: LiveStreamError) -> bool:
        """Return whether the vendor asks for a longer wait than allowed."""
        pause = self._pauses.get(error.account or "")
        is_too_long = pause is not None and self._is_too_long(pause)
        return asked(error) > self._longest or (asked(error) > 0 and is_too_long)

    def _is_too_long(self, pause: _Pause) -> bool:
        return pause.until - pause.began > self._longest

    # -- pauses that begin ------------------------------------------------------------------

    def keep(self, error: LiveStreamError) -> None:
        """Note the error in which a vendor asks for a pause."""
        seconds, account, now = asked(error), error.account or "", time.monotonic()
        # An error of `check` has no status, and says nothing new.
        if not seconds or error.http_status is None:
            return
        began, known = now, self._pauses.get(account)
        if known is not None and known.began >= self._since(account):
            began = known.began
            # Many workers send at once after a pause, so it grows even if the vendor asks for one.
            seconds = max(seconds, grown(now - began))
        pause = self._learn(account, now + seconds, began, error)
        if pause is None or self._ledger is None or not self._ledger.is_writable:
            return
        age = now - pause.began
        with suppress(LedgerError):  # the next write says so
            # What is left then: the ledger's pause must not seem to be another, longer one.
            self._ledger.write(
                lambda tx: tx.pause(AskedPause(account, pause.left, age, pause.reason))
            )

    def answered(self, account: str) -> None:
        """Note that the vendor has answered a request."""
        self._answered[account] = time.monotonic()

    def look(self) -> None:
        """Read what other processes were asked for, unless that was read just now."""
        now = time.monotonic()
        if self._ledger is None or now - self._looked_at < _FRESH:
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
            began = max(now - each.age, self._since(each.account))
            error = _refused(each.account, each.seconds, each.reason)
            self._learn(each.account, now + each.seconds, began, error)

    def _since(self, account: str) -> float:
        """Return since when all time of refused requests is part of one wait."""
        return self._answered.get(account, self._started)

    def _learn(
        self, account: str, until: float, began: float, error: LiveStreamError
    ) -> _Pause | None:
        """Note and report a pause; return it if it ends later than was known."""
        with self._lock:
            known = self._pauses.get(account)
            if known is not None and until <= known.until:
                return None
            is_same = known is not None and known.left and until <= known.until + _SAME
            if known is not None and is_same:
                began = known.began + until - known.until
            pause = self._pauses[account] = _Pause(until, began, error.message)
        if not is_same and not self._is_too_long(pause):  # else the run ends, and says why
            self._waiting(datetime.now(UTC) + timedelta(seconds=pause.left), error)
        return pause

    # -- pauses that are kept ---------------------------------------------------------------

    def check(self, account: str) -> None:
        """Check that a request may be sent to an account.

        Raises:
            LiveStreamError: If the vendor asked for a pause that is not over.
        """
        self.look()
        pause = self._pauses.get(account)
        if pause is not None and (left := pause.left):
            raise _refused(account, left, pause.reason)

    def wait(self, error: LiveStreamError, heartbeat: Callable[[], None] = do_nothing) -> None:
        """Wait until a request that was refused for a pause may be sent again.

        Args:
            error: Why the request was refused.
            heartbeat: A function that is called repeatedly meanwhile.

        Raises:
            PatienceExceeded: If the vendor asks for too long a wait.
            LiveStreamError: The error, if it asks for no wait, or if all waits must end.
        """
        self.keep(error)
        if not asked(error):
            raise error
        until = time.monotonic() + asked(error)
        while True:
            if self.is_exceeded_by(error):
                raise PatienceExceeded(*error.args)
            if self.is_over:
                raise error
            pause = self._pauses.get(error.account or "")
            left = (until if pause is None else max(until, pause.until)) - time.monotonic()
            if left <= 0:
                return
            heartbeat()
            self._ended.wait(min(left, _FRESH))
            self.look()

    def is_ended_by(self, error: LiveStreamError) -> bool:
        """Return whether nothing more can be sent because of an error that asks for a wait."""
        return asked(error) > 0 and (self.is_over or self.is_exceeded_by(error))

    def repeat(
        self, account: str, do: Callable[[], T], heartbeat: Callable[[], None] = do_nothing
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


def _refused(account: str, seconds: float, reason: str) -> LiveStreamError:
    """Return the error of a request that is not sent in a pause."""
    return RateLimited(
        reason,
        retry_after=seconds,
        provider=account.partition(":")[0],
        account=account,
        applied=False,
    )


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
