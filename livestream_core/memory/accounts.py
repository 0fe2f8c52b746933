"""Which vendor is behind which account of this process."""

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
    """Vendors by account. They share one clock: an application with several tenants has one time.

    Attributes:
        clock: The time of all of them.
    """

    def __init__(self) -> None:
        self.clock: live.ManualClock = live.ManualClock()
        self._vendors: dict[str, MemoryVendor] = {}
        self._lock = threading.Lock()

    def vendor(self, account: str) -> MemoryVendor:
        """The account's vendor, made when it is first asked for."""
        kind = vendor_class()
        with self._lock:
            found = self._vendors.get(account)
            if found is None:
                found = self._vendors[account] = kind(account=account, clock=self.clock)
            return found


_current = Accounts()


def vendor(account: str = DEFAULT_ACCOUNT) -> MemoryVendor:
    """The vendor that ``connect("memory", account=account)`` reaches in this process.

    Raises:
        ConfigurationError: What it is served with is not installed.
    """
    return _current.vendor(account)


def reset() -> None:
    """Forgets every account, and begins with a new clock. Clients that are open stay with the
    vendor that they were made for.
    """
    global _current
    _current = Accounts()


@contextmanager
def fresh_accounts() -> Iterator[Accounts]:
    """Accounts of its own to whoever is inside; then those that were there before are back."""
    global _current
    before, _current = _current, Accounts()
    try:
        yield _current
    finally:
        _current = before


def vendor_class() -> type[MemoryVendor]:
    """The vendor's class.

    Raises:
        ConfigurationError: What it is served with is not installed.
    """
    try:
        from .emulator import MemoryVendor
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "werkzeug":
            raise
    else:
        return MemoryVendor
    raise live.ConfigurationError(
        "the vendor of the provider memory needs werkzeug: it answers HTTP like any other",
        hint="pip install 'livestream-core[testing]'",
    )


publish("livestream_core.memory", [reset, vendor])
