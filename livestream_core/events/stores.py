"""What a tracker needs of a store, and the store in this process's memory.

A store knows streams by name, and nothing about what it keeps for them: a text, and the deliveries
that wait. Every method is one atomic step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import attrs


class LeaseLost(Exception):
    """Another worker may have claimed the stream; nothing was stored."""


@attrs.frozen(slots=True, kw_only=True)
class Claim:
    """A stream that a worker has claimed.

    Attributes:
        stream: The stream's name.
        state: The text that was saved last, or ``None``.
        deliveries: The deliveries that wait, in the order in which they were added: the key and the
            text of each.
    """

    stream: str
    state: str | None
    deliveries: tuple[tuple[str, str], ...]


class Store(Protocol):
    """Where a tracker keeps what it knows about streams. All methods may be called by any thread.

    Leases and times of the store are those of one clock, which all processes share. When a method
    returns, no crash may lose what it has stored.
    """

    def add(self, stream: str, key: str, delivery: str) -> None:
        """Store a delivery, and make its stream due at once.

        If a delivery with this key waits already, nothing is added. The text may be empty.
        """

    def claim(self, owner: str, lease: float) -> Claim | None:
        """Claim the stream that has been due for the longest time and that no worker holds.

        Args:
            owner: The worker.
            lease: The time, in seconds, after which other workers may claim the stream.

        Returns:
            The stream, or ``None`` if none is due.
        """

    def save(self, stream: str, owner: str, state: str, taken: Sequence[str], lease: float) -> None:
        """Replace a stream's text, remove the deliveries that it includes, and renew the lease.

        Raises:
            LeaseLost: If another worker has claimed the stream.
        """

    def release(self, stream: str, owner: str, after: float | None) -> None:
        """End a lease. If another worker holds the stream, nothing changes.

        Args:
            stream: The stream's name.
            owner: The worker.
            after: The seconds after which the stream is due; ``None`` for never. If deliveries
                wait, it is due at once.
        """

    def remove(self, stream: str, owner: str) -> None:
        """End a lease, and remove everything about the stream.

        If deliveries wait, the stream is not removed, and is due at once. If another worker holds
        the stream, nothing changes.
        """


@attrs.define(slots=True)
class _Stream:
    state: str | None = None
    deliveries: dict[str, str] = attrs.Factory(dict)
    due: float | None = None
    owner: str | None = None
    until: float = 0.0


class MemoryStore:
    """A store in the memory of this process, for tests and for programs with one process.

    Args:
        clock: A function that returns the time in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._now = clock
        self._lock = threading.Lock()
        self._streams: dict[str, _Stream] = {}

    def add(self, stream: str, key: str, delivery: str) -> None:
        """See :meth:`Store.add`."""
        with self._lock:
            known, now = self._streams.setdefault(stream, _Stream()), self._now()
            known.due = now if known.due is None else min(known.due, now)
            known.deliveries.setdefault(key, delivery)

    def claim(self, owner: str, lease: float) -> Claim | None:
        """See :meth:`Store.claim`."""
        with self._lock:
            now = self._now()
            due = [
                (each.due, name)
                for name, each in self._streams.items()
                if each.due is not None and each.due <= now
                if each.owner is None or each.until <= now
            ]
            if not due:
                return None
            _, name = min(due)
            stream = self._streams[name]
            stream.owner, stream.until = owner, now + lease
            return Claim(
                stream=name, state=stream.state, deliveries=tuple(stream.deliveries.items())
            )

    def save(self, stream: str, owner: str, state: str, taken: Sequence[str], lease: float) -> None:
        """See :meth:`Store.save`."""
        with self._lock:
            held = self._streams.get(stream)
            if held is None or held.owner != owner:
                raise LeaseLost
            held.state, held.until = state, self._now() + lease
            for key in taken:
                held.deliveries.pop(key, None)

    def release(self, stream: str, owner: str, after: float | None) -> None:
        """See :meth:`Store.release`."""
        with self._lock:
            held = self._streams.get(stream)
            if held is not None and held.owner == owner:
                held.owner = None
                if held.deliveries:
                    after = 0.0
                held.due = None if after is None else self._now() + after

    def remove(self, stream: str, owner: str) -> None:
        """See :meth:`Store.remove`."""
        with self._lock:
            held = self._streams.get(stream)
            if held is None or held.owner != owner:
                return
            if held.deliveries:
                held.owner, held.due = None, self._now()
            else:
                del self._streams[stream]
