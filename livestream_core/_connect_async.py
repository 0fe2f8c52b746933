"""The way in for programs with an event loop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from inspect import iscoroutinefunction
from typing import Any

import livestream_core as live

from ._adapter import Adapter
from ._async_transport import shared_transport
from ._capabilities import Feature
from ._clock import Clock
from ._connect import SYSTEM_CLOCK, Given, connected
from ._options import Options
from ._public import publish
from ._sending import AnyLimiter, AsyncTransport, Transport
from ._stores import AnyTokenStore
from ._transport import shared_transport as sync_transport


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
) -> live.AsyncClient:
    """A client for one account, for programs with an event loop. Nothing is sent yet, and no loop
    need be running. Over the network it needs the ``async`` extra.

    The arguments and errors are those of :func:`connect`. A transport, a store or a limiter that
    is not asynchronous is used in a thread.
    """
    given = Given(base_url, options, more_options, environ)
    del base_url, options, more_options, environ
    return connected(
        _client,
        given,
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
) -> live.AsyncClient:
    # Here, so that to name connect_async() loads no client.
    from ._client.asynchronous import AsyncClient
    from ._runners.sync import SyncRunner

    transport = transport or kind.transport(options)
    clock = clock or getattr(transport, "clock", None) or SYSTEM_CLOCK
    at_exit: Any = transport
    if transport is None:
        transport, at_exit = shared_transport(), sync_transport()
        settings["owned"] = transport
    ending = None
    if at_exit is not None and not iscoroutinefunction(at_exit.send):
        # No event loop can look up a name when the interpreter exits.
        ending = SyncRunner(at_exit, clock)
    return AsyncClient(
        kind(options, clock=clock.now), transport, clock=clock, ending=ending, **settings
    )


publish("livestream_core", [connect_async])
