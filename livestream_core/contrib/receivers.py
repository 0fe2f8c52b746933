"""Receivers for both clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import isawaitable
from typing import Any, TypeAlias

from .._contract.webhooks import Delivery, read_delivery
from .._model import converters as c
from .._model.converters import with_field_name
from .._model.errors import InvalidInput
from .._runners.coroutines import run_async
from .._runners.sync import run
from ..events import AsyncTracker, Tracker
from .receiving import Add, Answer, Effect, Flow, Verify, receiving

#: The headers of a delivery, as frameworks pass them.
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]

#: The default limit of a body, in bytes. No vendor's delivery comes near it.
MAX_BODY = 1_048_576
#: The seconds for fetching a key. Vendors wait for an answer about as long.
_DEADLINE = 10.0
_account = with_field_name("account", c.text)


class _Base:
    """What both have in common."""

    def __init__(self, max_body: int, deadline: float) -> None:
        with_field_name("max_body", c.count)(max_body)
        with_field_name("deadline", c.seconds)(deadline)
        self._max_body, self._deadline = max_body, deadline

    @property
    def max_body(self) -> int:
        """The size of the largest body that is received, in bytes."""
        return self._max_body

    def _receiving(self, account: str, delivery: Delivery) -> Flow[Answer]:
        _account(account)
        return receiving(account, len(delivery.body), self._max_body)


class Receiver(_Base):
    """Receives webhook deliveries: verifies each, stores it with a tracker, and only then answers.

    It reads nothing from the vendor, except for the key with which a vendor signs, if the vendor
    publishes one. Whatever fails is logged once, as a warning or an error of the logger
    ``livestream_core``.

    A door such as :func:`livestream_core.contrib.django.webhook_view` connects it to a framework.

    Args:
        tracker: The tracker that stores the deliveries. For an unknown account, its ``client_for``
            raises a ``LookupError``, such as ``KeyError``.
        max_body: The size of the largest body that is received, in bytes.
        deadline: Seconds for fetching a key; see :meth:`Client.receive_webhook`.
    """

    def __init__(
        self, tracker: Tracker, *, max_body: int = MAX_BODY, deadline: float = _DEADLINE
    ) -> None:
        super().__init__(max_body, deadline)
        self._tracker = tracker

    def receive(self, account: str, headers: Headers, body: bytes) -> Answer:
        """Verify and store a delivery.

        Args:
            account: The account that it was sent to, as the tracker's ``client_for`` takes it. Take
                it from the URL, not from the delivery.
            headers: The headers, as a mapping or as pairs.
            body: The body exactly as received, before any decoding.

        Returns:
            What to answer:

            - 200: the delivery is in the store, or is genuine and not about a stream.
            - 400: it is genuine, but could not be read.
            - 401: it could not be verified.
            - 404: the account is unknown, or its vendor sends no webhooks.
            - 413: the body is longer than ``max_body``.
            - 503: it was not stored. The store or ``client_for`` failed, the webhook's secret is
              not set, or the vendor's key could not be fetched. The vendor should send the delivery
              again.

        Raises:
            InvalidInput: If the account is not a text, or the headers or the body are not as
                received, for example because the body has already been parsed.
        """
        delivery = read_delivery(headers, body)
        del headers, body  # error reports show locals
        if isinstance(delivery, InvalidInput):
            raise delivery

        def perform(effect: Effect) -> Any:
            if isinstance(effect, Add):
                return self._tracker.add(effect.event, account=effect.account)
            if isinstance(effect, Verify):
                return effect.client.receive_webhook(
                    delivery.headers, delivery.body, deadline=self._deadline
                )
            return self._tracker.client_for(effect.account)

        return run(self._receiving(account, delivery), perform)


class AsyncReceiver(_Base):
    """Receives webhook deliveries; like :class:`Receiver`, for an :class:`AsyncTracker`.

    Args:
        tracker: The tracker that stores the deliveries; see :class:`Receiver`.
        max_body: See :class:`Receiver`.
        deadline: See :class:`Receiver`.
    """

    def __init__(
        self, tracker: AsyncTracker, *, max_body: int = MAX_BODY, deadline: float = _DEADLINE
    ) -> None:
        super().__init__(max_body, deadline)
        self._tracker = tracker

    async def receive(self, account: str, headers: Headers, body: bytes) -> Answer:
        """Verify and store a delivery; see :meth:`Receiver.receive`."""
        delivery = read_delivery(headers, body)
        del headers, body
        if isinstance(delivery, InvalidInput):
            raise delivery

        async def perform(effect: Effect) -> Any:
            if isinstance(effect, Add):
                return await self._tracker.add(effect.event, account=effect.account)
            if isinstance(effect, Verify):
                return await effect.client.receive_webhook(
                    delivery.headers, delivery.body, deadline=self._deadline
                )
            client = self._tracker.client_for(effect.account)
            return await client if isawaitable(client) else client

        return await run_async(self._receiving(account, delivery), perform)
