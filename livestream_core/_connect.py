"""The way in."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ._adapter import Adapter, AdapterInfo
from ._capabilities import Feature
from ._client import Client, _feature
from ._clock import Clock, SystemClock
from ._errors import ConfigurationError, LiveStreamError
from ._foreign import BUGS, pass_on, place_of
from ._options import read_options
from ._public import publish
from ._sending import Transport
from ._session import TokenStore
from ._transport import shared_transport

_SYSTEM_CLOCK = SystemClock()


def connect(
    provider: str,
    /,
    *,
    transport: Transport | None = None,
    timeout: float | tuple[float, float] = (5, 30),
    retries: int = 4,
    require: Iterable[Feature | str] = (),
    environ: Mapping[str, str] | None = None,
    allow_http_hosts: Collection[str] = (),
    token_store: TokenStore | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> Client:
    """A client for one account. Nothing is sent yet.

    Args:
        provider: The provider's name; see :func:`providers`.
        transport: How requests are sent; by default as the provider has it, which for all but
            a vendor inside of the process is one pool of connections for the process.
        timeout: Seconds to make a connection, and for the answer. A whole operation takes two
            minutes at the most, retries included.
        retries: How many times a request is sent again, where that is safe.
        require: Features that must be there, so that a lack shows now and not in use.
        environ: Where options come from if none besides ``base_url`` is given, by default
            ``os.environ``: ``LIVESTREAM_<PROVIDER>_<OPTION>``. Given options and the environment
            are never mixed. ``{}`` forbids it.
        allow_http_hosts: Hosts besides loopback to which plain http is allowed.
        token_store: Where a fleet of processes shares its sessions. They are then not ended by
            ``close()``: other processes use them.
        clock: The time; for tests, such as a :class:`ManualClock`.
        options: The provider's options. ``None`` counts as missing.

    Raises:
        ConfigurationError: There is no such provider, it cannot be loaded, or options are
            missing, wrong or unknown; all of them are named at once.
        Unsupported: A required feature is not there.
    """
    given = _Given(options, os.environ if environ is None else environ)
    # Error trackers keep the locals of frames: what may be secret is in none of this one.
    del options, environ
    from ._registry import registry

    kind = registry.adapter(provider)
    handled = sys.exception()
    try:
        bounds = _timeout(timeout)
        if type(retries) is not int or retries < 0:
            raise ConfigurationError("retries: expected a whole number")
        if isinstance(allow_http_hosts, str):
            raise ConfigurationError("allow_http_hosts: expected a collection of host names")
        hosts = {host.lower() for host in allow_http_hosts}
        return _client(
            provider, kind, given, transport, bounds, retries, require, hosts, token_store, clock
        )
    except LiveStreamError as raised:
        error = raised
    except BUGS as raised:
        error = ConfigurationError(
            f"the adapter could not be made from these options ({place_of(raised)})"
        )
    except BaseException as raised:
        raise pass_on(raised, f"{provider} connect was interrupted", handled)  # noqa: B904
    error.provider = provider
    error.operation = "connect"
    raise error.with_traceback(None)


class _Given:
    """The caller's options and environment, which print nothing."""

    __slots__ = ("environ", "options")

    def __init__(self, options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self.options, self.environ = options, environ


def _client(
    provider: str,
    kind: type[Adapter],
    given: _Given,
    transport: Transport | None,
    timeout: tuple[float, float],
    retries: int,
    require: Iterable[Feature | str],
    allow_http_hosts: Collection[str],
    token_store: TokenStore | None,
    clock: Clock | None,
) -> Client:
    from ._registry import registry

    options = read_options(kind.Options, provider, given.options, given.environ, allow_http_hosts)
    kind.capabilities.demand(*(_feature(feature) for feature in require))
    transport = transport or kind.transport(options) or shared_transport()
    clock = clock or getattr(transport, "clock", None) or _SYSTEM_CLOCK
    return Client(
        kind(options, clock=clock.now),
        transport,
        clock=clock,
        observers=registry.observers(),
        timeout=timeout,
        retries=retries,
        token_store=token_store,
    )


def providers() -> Mapping[str, AdapterInfo]:
    """What is installed or registered, by name; from package metadata, nothing is imported."""
    from ._registry import registry

    return registry.providers()


def register(plugin: object) -> None:
    """Adds a plugin of the application's: a module or an object with functions that are marked
    with ``@hookimpl``. It may bring adapters (``livestream_adapters``) and observe
    (``livestream_exchange``, ``livestream_status_changed``), and rewrite what a migration creates
    (``livestream_translate``).

    Raises:
        ConfigurationError: It implements no known hook, or brings an adapter whose name is taken.
    """
    from ._registry import registry

    registry.register(plugin)


def unregister(plugin: object) -> None:
    """Takes back a :func:`register`."""
    from ._registry import registry

    registry.unregister(plugin)


def _timeout(timeout: float | tuple[float, float]) -> tuple[float, float]:
    bounds = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(bounds) != 2 or not all(
        isinstance(each, (int, float)) and not isinstance(each, bool) and 0 < each < math.inf
        for each in bounds
    ):
        raise ConfigurationError(
            "timeout: expected seconds, or a pair (connect, read) of them, above zero"
        )
    return float(bounds[0]), float(bounds[1])


publish("livestream_core", [connect, providers, register, unregister])
