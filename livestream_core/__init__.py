"""One interface to every live-streaming vendor.

:func:`connect` returns a :class:`Client` for an account at a vendor. Every client has the same
methods, returns the same :class:`LiveStream` objects, and raises the same errors. The public API
is every name in ``__all__`` of this module, of :mod:`livestream_core.emulator`, and of
:mod:`livestream_core.webhooks`. Modules whose names begin with an underscore are private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._contract.adapter import API_VERSION, Adapter, AdapterInfo, Operation
from ._contract.capabilities import Capabilities, Capability, Support
from ._contract.json_fields import Fields
from ._contract.options import Options, option
from ._contract.pagination import Completeness, Page, Query, Unreadable
from ._contract.request import Request, WireRequest
from ._contract.response import Headers, Response
from ._contract.session import Session
from ._formerly import names_of as _names_of
from ._model.checked import Check, CheckState
from ._model.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    InvalidInput,
    LiveStreamError,
    NotFound,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    Rejected,
    RequestTimeout,
    StreamFailed,
    UnexpectedResponse,
    Unsupported,
    WaitFailed,
    WaitTimeout,
    WebhookRejected,
)
from ._model.playability import Playability, PlaybackState, Rendition
from ._model.publishing import join_publish_url, split_publish_url
from ._model.status import Status
from ._model.stream import (
    Event,
    EventKind,
    Feature,
    Ingest,
    Latency,
    LiveStream,
    Playback,
    Protection,
    Recording,
    RecordingStatus,
    RestreamTarget,
    StreamSpec,
    Until,
    Webhook,
)
from ._model.times import WallClock, format_instant, parse_instant
from ._model.trim import Trim
from ._model.urls import PlaybackKind
from ._public import lazily as _lazily
from ._public import publish as _publish
from ._secrets.masked_mapping import MaskedMapping
from ._secrets.secret import Secret, SecretUrl
from ._version import __version__

if TYPE_CHECKING:
    from . import webhooks
    from ._client import Client
    from ._client.async_client import AsyncClient
    from ._client.async_stream_list import AsyncStreamList
    from ._client.async_watch import AsyncWatch
    from ._client.connect import close_all, connect, providers, register, unregister
    from ._client.connect_async import connect_async
    from ._client.stream_list import StreamList
    from ._client.watch import Watch
    from ._contract.clock import Clock, ManualClock
    from ._contract.preview import Preview
    from ._contract.token_stores import AsyncTokenStore, TokenStore
    from ._contract.transport import AsyncLimiter, AsyncTransport, Limiter, Timeout, Transport, Turn
    from ._http.aiohttp_transport import AiohttpTransport
    from ._http.requests_transport import RequestsTransport
    from ._http.wsgi_transport import WSGITransport
    from ._model.typed import StreamChanges, StreamFields
    from ._plugins.facts import Exchange, OperationSummary, OutgoingRequest
    from ._plugins.hooks import hookimpl
    from ._plugins.traces import OperationTrace

# Loaded on first access: these import pluggy, or are not needed to use the model.
_LAZY = {
    "AiohttpTransport": "_http.aiohttp_transport",
    "AsyncClient": "_client.async_client",
    "AsyncLimiter": "_contract.transport",
    "AsyncStreamList": "_client.async_stream_list",
    "AsyncTokenStore": "_contract.token_stores",
    "AsyncTransport": "_contract.transport",
    "AsyncWatch": "_client.async_watch",
    "Client": "_client",
    "Clock": "_contract.clock",
    "Exchange": "_plugins.facts",
    "Limiter": "_contract.transport",
    "ManualClock": "_contract.clock",
    "OperationSummary": "_plugins.facts",
    "OperationTrace": "_plugins.traces",
    "OutgoingRequest": "_plugins.facts",
    "Preview": "_contract.preview",
    "RequestsTransport": "_http.requests_transport",
    "StreamChanges": "_model.typed",
    "StreamFields": "_model.typed",
    "StreamList": "_client.stream_list",
    "Timeout": "_contract.transport",
    "TokenStore": "_contract.token_stores",
    "Transport": "_contract.transport",
    "Turn": "_contract.transport",
    "WSGITransport": "_http.wsgi_transport",
    "Watch": "_client.watch",
    "close_all": "_client.connect",
    "connect": "_client.connect",
    "connect_async": "_client.connect_async",
    "hookimpl": "_plugins.hooks",
    "providers": "_client.connect",
    "register": "_client.connect",
    "unregister": "_client.connect",
    "webhooks": "webhooks",
}

__all__ = [
    "API_VERSION",
    "Adapter",
    "AdapterInfo",
    "AiohttpTransport",
    "AsyncClient",
    "AsyncLimiter",
    "AsyncStreamList",
    "AsyncTokenStore",
    "AsyncTransport",
    "AsyncWatch",
    "AuthenticationFailed",
    "Capabilities",
    "Capability",
    "Check",
    "CheckState",
    "Client",
    "Clock",
    "Completeness",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "Event",
    "EventKind",
    "Exchange",
    "Feature",
    "Fields",
    "Headers",
    "Ingest",
    "InvalidInput",
    "Latency",
    "Limiter",
    "LiveStream",
    "LiveStreamError",
    "ManualClock",
    "MaskedMapping",
    "NotFound",
    "Operation",
    "OperationSummary",
    "OperationTrace",
    "Options",
    "OutgoingRequest",
    "Page",
    "PermissionDenied",
    "Playability",
    "Playback",
    "PlaybackKind",
    "PlaybackState",
    "Preview",
    "Protection",
    "ProviderUnavailable",
    "Query",
    "RateLimited",
    "Recording",
    "RecordingStatus",
    "Rejected",
    "Rendition",
    "Request",
    "RequestTimeout",
    "RequestsTransport",
    "Response",
    "RestreamTarget",
    "Secret",
    "SecretUrl",
    "Session",
    "Status",
    "StreamChanges",
    "StreamFailed",
    "StreamFields",
    "StreamList",
    "StreamSpec",
    "Support",
    "Timeout",
    "TokenStore",
    "Transport",
    "Trim",
    "Turn",
    "UnexpectedResponse",
    "Unreadable",
    "Unsupported",
    "Until",
    "WSGITransport",
    "WaitFailed",
    "WaitTimeout",
    "WallClock",
    "Watch",
    "Webhook",
    "WebhookRejected",
    "WireRequest",
    "__version__",
    "close_all",
    "connect",
    "connect_async",
    "format_instant",
    "hookimpl",
    "join_publish_url",
    "option",
    "parse_instant",
    "providers",
    "register",
    "split_publish_url",
    "unregister",
    "webhooks",
]

_publish(__name__, [globals()[name] for name in __all__ if name not in _LAZY])


if not TYPE_CHECKING:  # otherwise type checkers would assume that every name exists
    __getattr__ = _lazily(__name__, _LAZY, _names_of(__name__))


def __dir__() -> list[str]:
    return sorted(__all__)
