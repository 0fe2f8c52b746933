"""The key with which a vendor signs deliveries: fetched once for all clients, and kept for a time.

A vendor that signs with RSA publishes the key, instead of sharing a secret with each account.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from .._model.errors import LiveStreamError, RequestTimeout
from .effects import Flow, Once

if TYPE_CHECKING:
    from .call import Engine

#: The time for which a key is trusted. The vendor may withdraw it, and does not say so.
LIFETIME = timedelta(hours=1)
#: The time for which a delivery that the key does not match causes no further fetch. Without it,
#: anybody could have a request sent to the vendor for each forged delivery.
PATIENCE = timedelta(minutes=1)


@attrs.frozen(slots=True, eq=False)
class PublishedKey:
    """A vendor's key.

    Attributes:
        text: The key, as the adapter returned it.
        fetched_at: When it was fetched.
        replaces: Whether it was fetched because a delivery did not match an earlier one.
    """

    text: str
    fetched_at: datetime
    replaces: bool

    def is_younger(self, age: timedelta, now: datetime) -> bool:
        """Return whether the key was fetched within this time; never if the clock went back."""
        return timedelta(0) <= now - self.fetched_at < age


def published_key(
    engine: Engine, rejected: PublishedKey | None, *, seconds: float
) -> Flow[PublishedKey]:
    """Return the vendor's key, fetched if necessary.

    Args:
        engine: The client's engine.
        rejected: The key that a delivery does not match. It is returned once more if it was
            fetched too recently to be fetched again.
        seconds: The time limit.
    """

    def usable() -> PublishedKey | None:
        known, now = engine.shared.webhook_key, engine.clock.now()
        if known is None:
            return None
        if known is not rejected:
            return known if known.is_younger(LIFETIME, now) else None
        return known if known.replaces and known.is_younger(PATIENCE, now) else None

    def fetch() -> Flow[PublishedKey]:
        if (known := usable()) is not None:
            return known
        text = yield from engine.call(
            "receive_webhook", engine.adapter.webhook_key, seconds=seconds, signs_in=False
        )
        key = PublishedKey(text, engine.clock.now(), replaces=rejected is not None)
        engine.shared.webhook_key = key
        return key

    key = usable()
    return key or (yield Once((engine.shared, "webhook key"), fetch, seconds, _is_own))


def _is_own(error: LiveStreamError) -> bool:
    return isinstance(error, RequestTimeout)
