"""The function that creates asynchronous clients."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from inspect import iscoroutinefunction
from typing import Any

from .. import _client as clients
from .._contract.adapter import Adapter
from .._contract.capabilities import Feature
from .._contract.clock import Clock
from .._contract.options import Options
from .._contract.token_stores import AnyTokenStore
from .._contract.transport import AnyLimiter, AsyncTransport, Transport
from .._http.aiohttp_transport import shared_transport
from .._http.requests_transport import shared_transport as sync_transport
from .._public import publish
from .connect import SYSTEM_CLOCK, OptionSource, client_from


def connect_async(
    provider: str,
    /,
    *,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    transport: AsyncTransport | Transport | None = None,
    timeout: float | tuple[float, float] = (5, 30),
    deadline: float = 120,
    retries: int = 4,
    require: Iterable[Feature | str] = (),
    environ: Mapping[str, str] | None = None,
    allow_http_hosts: Collection[str] = (),
    token_store: AnyTokenStore | None = None,
    limiter: AnyLimiter | None = None,
    clock: Clock | None = None,
    **more_options: Any,
) -> clients.AsyncClient:
    """Return an asynchronous client for one account, without sending any requests.

    No event loop needs to be running. Network access needs the ``async`` extra. The arguments and
    errors are those of :func:`connect`. A transport, token store, or limiter that is not
    asynchronous is used in a thread.
    """
    source = OptionSource(base_url, options, more_options, environ)
    del base_url, options, more_options, environ
    return client_from(
        _client,
        source,
        provider,
        transport=transport,
        timeout=timeout,
        deadline=deadline,
        retries=retries,
        require=require,
        allow_http_hosts=allow_http_hosts,
        token_store=token_store,
        limiter=limiter,
        clock=clock,
    )


def _client(
    kind: type[Adapter],
    options: Options,
    *,
    transport: AsyncTransport | Transport | None,
    clock: Clock | None,
    **settings: Any,
) -> clients.AsyncClient:
    # Imported here, so that naming connect_async() loads no client.
    from .._runners.sync import SyncRunner
    from .async_client import AsyncClient

    transport = transport or kind.transport(options)
    clock = clock or getattr(transport, "clock", None) or SYSTEM_CLOCK
    at_exit: Any = transport
    if transport is None:
        transport, at_exit = shared_transport(), sync_transport()
        settings["owned"] = transport
    ending = None
    if at_exit is not None and not iscoroutinefunction(at_exit.send):
        # When the interpreter exits, an event loop cannot resolve host names.
        ending = SyncRunner(at_exit, clock)
    return AsyncClient(
        kind(options, clock=clock.now), transport, clock=clock, ending=ending, **settings
    )


publish("livestream_core", [connect_async])
