"""The vendors in memory, by account."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import livestream_core as live

from .._public import publish

if TYPE_CHECKING:
    from .emulator import MemoryVendor

DEFAULT_ACCOUNT = "default"


class Accounts:
    """The vendors by account. All vendors share one clock, for applications with several tenants.

    Attributes:
        clock: The clock of all vendors.
    """

    def __init__(self) -> None:
        self.clock: live.ManualClock = live.ManualClock()
        self._vendors: dict[str, MemoryVendor] = {}
        self._lock = threading.Lock()

    def vendor(self, account: str) -> MemoryVendor:
        """Return the vendor of an account. It is created on the first call."""
        kind = vendor_class()
        with self._lock:
            found = self._vendors.get(account)
            if found is None:
                found = self._vendors[account] = kind(account=account, clock=self.clock)
            return found


_current = Accounts()


def vendor(account: str = DEFAULT_ACCOUNT) -> MemoryVendor:
    """Return the vendor that ``connect("memory", account=account)`` reaches in this process.

    Args:
        account: The account.

    Raises:
        ConfigurationError: If werkzeug, which the vendor requires, is not installed.
    """
    return _current.vendor(account)


def reset() -> None:
    """Remove every account, and start with a new clock.

    Open clients continue to use the vendors that they were created for.
    """
    global _current
    _current = Accounts()


@contextmanager
def fresh_accounts() -> Iterator[Accounts]:
    """Use separate accounts inside the context, and restore the previous ones afterward."""
    global _current
    before, _current = _current, Accounts()
    try:
        yield _current
    finally:
        _current = before


def vendor_class() -> type[MemoryVendor]:
    """Return the class of the vendor.

    Raises:
        ConfigurationError: If werkzeug, which the vendor requires, is not installed.
    """
    try:
        from .emulator import MemoryVendor
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "werkzeug":
            raise
    else:
        return MemoryVendor
    raise live.ConfigurationError(
        "the vendor of the 'memory' provider needs werkzeug to respond to HTTP requests",
        hint="run pip install 'livestream-core[testing]'",
    )


publish("livestream_core.memory", [reset, vendor])
