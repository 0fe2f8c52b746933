"""One interface to every live-streaming vendor.

``connect`` gives a :class:`Client` for an account at a vendor; every client has the same
methods, gives the same :class:`LiveStream` objects and raises the same errors. Public are the
names in ``__all__`` here and in :mod:`livestream_core.emulator`; modules whose name begins with
an underscore are not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._adapter import API_VERSION, Adapter, AdapterInfo, Operation, Session
from ._capabilities import Capabilities, Capability, Support
from ._errors import (
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
    StreamFailed,
    TimedOut,
    UnexpectedResponse,
    Unsupported,
    WaitFailed,
    WaitTimeout,
    WebhookRejected,
)
from ._masked import MaskedMapping
from ._model import (
    Event,
    EventKind,
    Feature,
    Ingest,
    Latency,
    LiveStream,
    Playback,
    Recording,
    RecordingStatus,
    RestreamTarget,
    StreamSpec,
    Until,
)
from ._options import Options, option
from ._public import publish as _publish
from ._publishing import join_publish_url, split_publish_url
from ._request import Fields, Headers, Request, Response
from ._secret import Secret, SecretUrl
from ._status import Status
from ._times import WallClock, format_instant, parse_instant
from ._trim import Trim
from ._urls import PlaybackKind
from ._version import __version__
from ._walk import Completeness, Page, Query, Unreadable

if TYPE_CHECKING:
    from ._async_stream_list import AsyncStreamList
    from ._async_transport import AiohttpTransport
    from ._client import Client
    from ._client.asynchronous import AsyncClient
    from ._clock import Clock, ManualClock
    from ._connect import close_all, connect, providers, register, unregister
    from ._connect_async import connect_async
    from ._plugins import Exchange, hookimpl
    from ._preview import Preview
    from ._sending import AsyncLimiter, AsyncTransport, Limiter, Timeout, Transport
    from ._spec_fields import StreamChanges, StreamFields
    from ._stores import AsyncTokenStore, TokenStore
    from ._stream_list import StreamList
    from ._transport import RequestsTransport, WSGITransport

# What brings in pluggy, or is not needed to hold the model, is loaded when it is first named.
_LAZY = {
    "AiohttpTransport": "_async_transport",
    "AsyncClient": "_client.asynchronous",
    "AsyncLimiter": "_sending",
    "AsyncStreamList": "_async_stream_list",
    "AsyncTokenStore": "_stores",
    "AsyncTransport": "_sending",
    "Client": "_client",
    "Clock": "_clock",
    "Exchange": "_plugins",
    "Limiter": "_sending",
    "ManualClock": "_clock",
    "Preview": "_preview",
    "RequestsTransport": "_transport",
    "StreamChanges": "_spec_fields",
    "StreamFields": "_spec_fields",
    "StreamList": "_stream_list",
    "Timeout": "_sending",
    "TokenStore": "_stores",
    "Transport": "_sending",
    "WSGITransport": "_transport",
    "close_all": "_connect",
    "connect": "_connect",
    "connect_async": "_connect_async",
    "hookimpl": "_plugins",
    "providers": "_connect",
    "register": "_connect",
    "unregister": "_connect",
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
    "AuthenticationFailed",
    "Capabilities",
    "Capability",
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
    "Options",
    "Page",
    "PermissionDenied",
    "Playback",
    "PlaybackKind",
    "Preview",
    "ProviderUnavailable",
    "Query",
    "RateLimited",
    "Recording",
    "RecordingStatus",
    "Rejected",
    "Request",
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
    "TimedOut",
    "Timeout",
    "TokenStore",
    "Transport",
    "Trim",
    "UnexpectedResponse",
    "Unreadable",
    "Unsupported",
    "Until",
    "WSGITransport",
    "WaitFailed",
    "WaitTimeout",
    "WallClock",
    "WebhookRejected",
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
]

_publish(__name__, [globals()[name] for name in __all__ if name not in _LAZY])


if not TYPE_CHECKING:  # to type checkers it would say that every name exists

    def __getattr__(name: str) -> Any:
        module = _LAZY.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{module}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
