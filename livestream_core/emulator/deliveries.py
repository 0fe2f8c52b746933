"""The webhook deliveries that emulators send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import attrs


@attrs.frozen(slots=True)
class WebhookDelivery:
    """A webhook delivery that an emulated vendor sends.

    Attributes:
        body: The body.
        headers: A function that returns the headers, with the signature, of an attempt that is
            made at an instant.
        refused: A function that applies the effects of a receiver that refuses the delivery, if
            its response decides something.
        url: The URL that was registered with the API of the vendor, to which the delivery is sent.
            ``None`` for the webhook that each account has from the beginning.
    """

    body: bytes = attrs.field(repr=False)
    headers: Callable[[datetime], Mapping[str, str]] = attrs.field(repr=False)
    refused: Callable[[], object] | None = attrs.field(default=None, repr=False)
    url: str | None = attrs.field(default=None, repr=False)
