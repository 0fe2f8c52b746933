"""Limiters by account: a rate, and the pauses that vendors ask for."""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar, TypeVar

from .._contract.clock import Clock, SystemClock
from .._contract.transport import Turn
from .._model.errors import ConfigurationError
from .._public import publish
from .pauses import Pause, held, settled, turn
from .rates import RequestRate, rate_of

T = TypeVar("T")

#: What becomes of a pause at a time, with a result.
Change = Callable[[Pause | None, float], tuple[Pause | None, T]]

#: The maximum number of accounts whose recent requests are remembered in a process.
_MOST_ACCOUNTS = 10_000


class PausingLimiter(ABC):
    """A :class:`Limiter` that keeps a rate and the pauses that vendors ask for, by account.

    Pass the same limiter to all clients. After a response that asks for a pause, no request of the
    account starts until the pause is over. Then one request at a time is sent, until one succeeds.
    """

    is_instant: ClassVar[bool] = False

    def __init__(self, rate: RequestRate | str | None, clock: Clock | None = None) -> None:
        self._rate = rate_of(rate)
        self._clock = clock or SystemClock()
        if self._rate is None:
            return
        if find_spec("pyrate_limiter") is None:
            raise ConfigurationError(
                "a limiter with a rate needs pyrate-limiter",
                hint="pip install 'livestream-core[sharing]'",
            )

    # -- for each kind of storage -----------------------------------------------------------

    @abstractmethod
    def _change(self, account: str, change: Change[T]) -> T:
        """Change an account's pause in one step, and return the result."""

    @abstractmethod
    def _wait(self, account: str, rate: RequestRate) -> float:
        """Count a request of an account, or return the seconds until the rate allows it."""

    # -- the interface ----------------------------------------------------------------------

    def turn(self, account: str, seconds: float) -> Turn:
        """Return whether a request may be sent now, or how long to wait before asking again."""
        found = self._change(account, lambda pause, now: turn(pause, now, seconds))
        if found.wait or self._rate is None:
            return found
        wait: float | None = None
        try:
            wait = self._wait(account, self._rate)
        finally:
            if found.is_probe and wait != 0:
                self.settle(account, False)
        return Turn(wait) if wait else found

    def hold(self, account: str, seconds: float) -> None:
        """Allow no request for some seconds, because the vendor asked for that."""
        self._change(account, lambda pause, now: (held(pause, now, seconds), None))

    def settle(self, account: str, answered: bool) -> None:
        """End a probe.

        Args:
            account: The account.
            answered: Whether the request succeeded: the vendor responded, and with neither a 429
                nor a 5xx. That ends the pause, unless the vendor has asked for a longer one
                meanwhile.
        """
        self._change(account, lambda pause, now: (settled(pause, now, answered=answered), None))

    def acquire(self, account: str, seconds: float) -> bool:
        """Wait for permission to send one request, for programs that send it without a client.

        The request does not probe, because its result stays unknown: it neither ends a pause nor
        holds up other requests. Clients still send one at a time until one of theirs succeeds. A
        program that reports results calls ``turn`` and ``settle`` instead, as clients do.

        Args:
            account: The account.
            seconds: The longest time to wait.

        Returns:
            Whether permission was granted within ``seconds``.
        """
        until = self._clock.monotonic() + seconds
        while True:
            found = self.turn(account, seconds)
            if found.is_probe:
                self.settle(account, False)
            if not found.wait:
                return True
            if self._clock.monotonic() + found.wait > until:
                return False
            self._clock.sleep(found.wait)


class AccountLimiter(PausingLimiter):
    """A limiter for all clients of a process.

    Args:
        rate: The maximum rate of each account's requests, such as ``"5/s"`` or ``"300/min"``. It
            needs the ``sharing`` extra. By default, only pauses are kept.
        clock: The clock. Pass that of the clients in tests.

    Raises:
        InvalidInput: If the rate is not valid.
        ConfigurationError: If pyrate-limiter is missing.
    """

    is_instant = True

    def __init__(
        self, rate: RequestRate | str | None = None, *, clock: Clock | None = None
    ) -> None:
        super().__init__(rate, clock)
        # Reentrant: a signal handler may interrupt the thread that holds it.
        self._lock = threading.RLock()
        self._pauses: dict[str, Pause] = {}
        self._buckets: OrderedDict[str, Any] = OrderedDict()
        _limiters.add(self)

    def _after_fork(self) -> None:
        # A thread that does not exist in the child may hold the locks.
        self._lock = threading.RLock()
        self._buckets = OrderedDict()

    def _change(self, account: str, change: Change[T]) -> T:
        with self._lock:
            pause, result = change(self._pauses.get(account), self._clock.monotonic())
            if pause is not None:
                self._pauses[account] = pause
            else:
                self._pauses.pop(account, None)
            return result

    def _wait(self, account: str, rate: RequestRate) -> float:
        from pyrate_limiter import InMemoryBucket

        milliseconds = int(self._clock.monotonic() * 1000)
        with self._lock:
            bucket = self._buckets.pop(account, None) or InMemoryBucket([pyrate(rate)])
            self._buckets[account] = bucket
            if len(self._buckets) > _MOST_ACCOUNTS:
                self._buckets.popitem(last=False)
            bucket.leak(milliseconds)
            return put(bucket, account, milliseconds)


_limiters: weakref.WeakSet[AccountLimiter] = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_limiters):
        each._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def pyrate(rate: RequestRate) -> Any:
    """Return a rate for pyrate-limiter."""
    from pyrate_limiter import Rate

    return Rate(rate.requests, rate.milliseconds)


def put(bucket: Any, account: str, milliseconds: int) -> float:
    """Count a request in a bucket, or return the seconds until the bucket has room for it."""
    from pyrate_limiter import RateItem

    item = RateItem(account, milliseconds)
    if bucket.put(item):
        return 0.0
    return max(int(bucket.waiting(item)), 1) / 1000


publish("livestream_core.sharing", [AccountLimiter])
