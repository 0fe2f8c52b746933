"""The ``memory`` provider: a complete vendor inside the process, for tests and experiments.

``connect("memory")`` needs no account, no network, and no waiting. The provider has an ordinary
adapter for a small vendor with every feature. :func:`vendor` returns that vendor, so that you can
control it: connect encoders, finish recordings, and inject faults. Its clock moves only when code
waits or advances it. All clients of the same ``account`` reach the same vendor::

    client = live.connect("memory")
    stream = client.create(title="Lesson 1")
    stream = client.wait(stream.id, until=live.Status.READY, timeout=60)
    memory.vendor().connect_encoder(stream.id)

Its data is lost when the process ends, or after :func:`reset`. With a ``base_url``, the provider
reaches a vendor that is served at that origin, over the network, like any other provider. The
vendor requires the ``sandbox`` extra (or ``testing``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .accounts import reset, vendor

if TYPE_CHECKING:
    from .emulator import MemoryVendor

__all__ = ["MemoryVendor", "reset", "vendor"]


if not TYPE_CHECKING:  # otherwise type checkers would assume that every name exists

    def __getattr__(name: str) -> Any:
        if name != "MemoryVendor":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .accounts import vendor_class

        return vendor_class()


def __dir__() -> list[str]:
    return sorted(__all__)
