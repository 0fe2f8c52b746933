"""The webhook deliveries of a sandbox, sent to one URL and to those that were registered."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs
import requests

from .lines import say

if TYPE_CHECKING:
    from ...emulator import Emulator, WebhookDelivery

#: Seconds between two looks at what the passage of time has changed at a vendor.
_INTERVAL = 0.25
MAX_DUPLICATES = 100
#: Seconds before the first retry of a vendor that retries. Each further pause is twice as long.
_FIRST_PAUSE = 1.0


@attrs.define
class Webhooks:
    """How the deliveries of all accounts are sent. It can be changed while they are sent.

    Attributes:
        url: The receiver's URL. In it, ``{account}`` and ``{provider}`` stand for their names.
        delay: Seconds between an event and the first attempt to deliver it.
        duplicates: How many more times a delivery is sent that was accepted.
    """

    url: str = attrs.field(repr=False)
    delay: float = 0.0
    duplicates: int = 0

    def change(self, *, delay: float | None = None, duplicates: int | None = None) -> None:
        """Change what is given.

        Raises:
            ValueError: If there would be too many duplicates.
        """
        if duplicates is not None:
            if duplicates > MAX_DUPLICATES:
                raise ValueError(f"duplicates must be at most {MAX_DUPLICATES}")
            self.duplicates = duplicates
        if delay is not None:
            self.delay = delay


@attrs.define(order=True)
class _Attempt:
    due: float
    number: int
    delivery: WebhookDelivery = attrs.field(order=False)
    pause: float = attrs.field(default=_FIRST_PAUSE, order=False)
    is_duplicate: bool = attrs.field(default=False, order=False)
    #: When a vendor stops to retry.
    gives_up_at: float | None = attrs.field(default=None, order=False)


class Courier:
    """A thread that sends the deliveries of one account, and retries as its vendor does.

    Args:
        name: The account's name.
        emulator: The emulator.
        webhooks: How deliveries are sent.
    """

    def __init__(self, name: str, emulator: Emulator, webhooks: Webhooks) -> None:
        self._name, self._emulator, self._webhooks = name, emulator, webhooks
        self._url = webhooks.url.replace("{account}", name).replace("{provider}", emulator.provider)
        self._attempts: list[_Attempt] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._is_stopped = False
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a .netrc is meant for the receiver
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Send deliveries from now on."""
        self._emulator.webhook_receivers.append(self._receive)
        self._thread.start()

    def stop(self) -> None:
        """Send nothing anymore; a request that is being sent is left to itself."""
        self._emulator.webhook_receivers.remove(self._receive)
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    def _receive(self, delivery: WebhookDelivery) -> None:
        self._add(delivery, self._webhooks.delay)

    def _add(self, delivery: WebhookDelivery, delay: float, *, is_duplicate: bool = False) -> None:
        due = time.monotonic() + delay
        with self._changed:
            attempt = _Attempt(due, next(self._numbers), delivery, is_duplicate=is_duplicate)
            heapq.heappush(self._attempts, attempt)
            self._changed.notify()

    def _run(self) -> None:
        while not self._is_stopped:
            with self._emulator.lock:
                self._emulator.pass_time()
            attempt = self._next()
            if attempt is not None:
                self._send(attempt)

    def _next(self) -> _Attempt | None:
        """Return the next attempt if it is due, or soon will be."""
        with self._changed:
            wait = self._attempts[0].due - time.monotonic() if self._attempts else _INTERVAL
            if wait > 0 and not self._is_stopped:
                self._changed.wait(min(wait, _INTERVAL))
            if self._attempts and self._attempts[0].due <= time.monotonic():
                return heapq.heappop(self._attempts)
        return None

    def _send(self, attempt: _Attempt) -> None:
        delivery, now = attempt.delivery, time.monotonic()
        # Signed with the machine's time: the receiver does not have the emulator's clock.
        headers = delivery.headers(datetime.now(UTC))
        problem = self._problem(delivery.url or self._url, delivery.body, {**headers})
        if problem is None:
            if not attempt.is_duplicate:
                for _ in range(self._webhooks.duplicates):
                    self._add(delivery, 0.0, is_duplicate=True)
            return
        if delivery.refused is not None:
            delivery.refused()
        if attempt.gives_up_at is None:
            attempt.gives_up_at = now + self._emulator.webhook_retry_seconds
        if now + attempt.pause > attempt.gives_up_at:
            say(f"{self._name}: a webhook delivery failed: {problem}")
            return
        say(
            f"{self._name}: a webhook delivery failed: {problem}; "
            f"the next attempt is in {attempt.pause:g} seconds"
        )
        attempt.due, attempt.pause = time.monotonic() + attempt.pause, 2 * attempt.pause
        with self._changed:
            heapq.heappush(self._attempts, attempt)

    def _problem(self, url: str, body: bytes, headers: dict[str, str]) -> str | None:
        """Send a delivery, and return why it failed, or ``None``."""
        try:
            with self._session.post(
                url,
                data=body,
                headers=headers,
                timeout=self._emulator.webhook_timeout,
                allow_redirects=False,
                stream=True,  # the body of the response does not matter
            ) as response:
                status = response.status_code
        except requests.RequestException as error:
            return type(error).__name__  # its text has the URL, which may have a secret
        if status in self._emulator.webhook_accepted:
            return None
        return f"the receiver responded with {status}"
