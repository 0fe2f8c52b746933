"""Emulators: WSGI applications that behave like vendors.

An emulator is as strict as the vendor's documentation, including its quirks, and never more
permissive. It serves on loopback (:meth:`Emulator.serve`) or in process
(:meth:`Emulator.transport`), logs the requests that it receives, and injects faults. Requires the
``sandbox`` extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from .._formerly import names_of as _names_of
from .._public import publish as _publish
from .base import Emulator
from .clock import EmulatorClock
from .deliveries import WebhookDelivery
from .faults import Fault
from .loading import load_emulator
from .media import Media
from .requests import LoggedRequest, Route, json_response

__all__ = [
    "Emulator",
    "EmulatorClock",
    "Fault",
    "LoggedRequest",
    "Media",
    "Request",
    "Response",
    "Route",
    "WebhookDelivery",
    "json_response",
    "load_emulator",
]

_publish(
    __name__,
    [
        Emulator,
        EmulatorClock,
        Fault,
        LoggedRequest,
        Media,
        Route,
        WebhookDelivery,
        json_response,
        load_emulator,
    ],
)

if not TYPE_CHECKING:  # pickles of version 0.1 refer to this module
    __getattr__ = _names_of(__name__)
