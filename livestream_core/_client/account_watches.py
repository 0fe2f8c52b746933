"""What the watches of one account in this process share: requests per second, lists, and news."""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Hashable, Iterator
from datetime import datetime

from .._engine.polling import REQUESTS_PER_SECOND
from .._engine.watching import Listed, Watching
from .._model.stream import LiveStream

#: The requests that they may send at once after a time without any.
_BURST = 10.0
#: The requests that a list takes, before the first one was read.
_LIST_COST = 5.0


class AccountWatches:
    """The watches of one account in this process.

    Attributes:
        list_cost: The number of requests that a list takes.
        held_until: Until when the vendor asked to wait, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.renew_lock()
        self._watches: weakref.WeakSet[Watching] = weakref.WeakSet()
        self.list_cost: float = _LIST_COST
        self.held_until: float = -math.inf
        #: Until when the requests so far use up the rate, by the monotonic clock.
        self._used_until = -math.inf

    def renew_lock(self) -> None:
        """Replace the lock in a child process: a thread that does not exist there may hold it."""
        # Reentrant: a signal handler may interrupt the thread that holds it.
        self._lock = threading.RLock()

    def add(self, watching: Watching) -> None:
        """Let a watch share from now on, until it is no longer used."""
        with self._lock:
            self._watches.add(watching)

    def watches(self) -> list[Watching]:
        """Return the watches that are not over."""
        with self._lock:
            return [each for each in self._watches if not each.is_over]

    def turn(self, now: float, cost: float) -> float:
        """See :meth:`Account.turn`. Each watch takes its next turn after its last read."""
        with self._lock:
            turn = max(now, self._used_until - _BURST / REQUESTS_PER_SECOND)
            self._used_until = max(now, self._used_until) + cost / REQUESTS_PER_SECOND
            return turn

    def settle(self, difference: float) -> None:
        """See :meth:`Account.settle`."""
        with self._lock:
            self._used_until += difference / REQUESTS_PER_SECOND

    def others_due(self, time: float, by: Watching) -> int:
        """See :meth:`Account.others_due`."""
        return sum(each is not by and each.would_use_list(time) for each in self.watches())

    def offer(self, listed: Listed, by: Watching) -> None:
        """See :meth:`Account.offer`."""
        for each in self.watches():
            if each is not by:
                each.take(listed)


class _Registry:
    """The watches of this process, by account."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._accounts: weakref.WeakValueDictionary[tuple[str, Hashable], AccountWatches] = (
            weakref.WeakValueDictionary()
        )

    def after_fork(self) -> None:
        """Replace the locks in a child process."""
        self._lock = threading.RLock()
        for each in list(self._accounts.values()):
            each.renew_lock()

    def account(self, name: str, scope: Hashable) -> AccountWatches:
        """Return what the watches of an account share.

        Args:
            name: The account.
            scope: What else clients must have in common, such as where their requests go.
        """
        with self._lock:
            found = self._accounts.get((name, scope))
            if found is None:
                found = self._accounts[name, scope] = AccountWatches()
            return found

    def of_account(self, name: str) -> Iterator[Watching]:
        """Yield the watches of an account."""
        if not self._accounts:
            return  # most processes watch nothing
        with self._lock:
            accounts = [each for (other, _), each in self._accounts.items() if other == name]
        for account in accounts:
            yield from account.watches()


registry = _Registry()


def wake(account: str, id: str) -> None:
    """Have the watches of a stream in this process read it at once.

    Args:
        account: The account, as :attr:`Client.account` has it.
        id: The stream's ID.
    """
    for each in registry.of_account(account):
        each.wake(id)


def show(account: str, stream: LiveStream, at: datetime) -> None:
    """Show a stream that was read to its watches in this process, so that they need not read it.

    Args:
        account: The account, as :attr:`Client.account` has it.
        stream: The stream.
        at: When it was read.
    """
    for each in registry.of_account(account):
        each.show(stream, at)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=registry.after_fork)
