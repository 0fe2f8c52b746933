"""The provider ``memory``: a whole vendor inside of the process, for tests and for trying out.

``connect("memory")`` needs no account, no network and no time. It is an ordinary adapter to a
small vendor with every feature; :func:`vendor` gives that vendor, to steer it: encoders connect
to it, its recordings get ready, its answers go wrong. Its clock stands still until somebody waits
or moves it. All clients of one ``account`` reach the same vendor::

    client = live.connect("memory")
    stream = client.create(title="Lesson 1")
    stream = client.wait(stream.id, until=live.Status.READY, timeout=60)
    memory.vendor().connect_encoder(stream.id)

What it holds is gone when the process ends, or after :func:`reset`. Given a ``base_url``, it
reaches a vendor that somebody else serves there, over the network like any other provider. The
vendor needs the extra ``sandbox`` (or ``testing``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .accounts import reset, vendor

if TYPE_CHECKING:
    from .emulator import MemoryVendor

__all__ = ["MemoryVendor", "reset", "vendor"]


if not TYPE_CHECKING:  # to type checkers it would say that every name exists

    def __getattr__(name: str) -> Any:
        if name != "MemoryVendor":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .accounts import vendor_class

        return vendor_class()


def __dir__() -> list[str]:
    return sorted(__all__)
