"""The way in."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from .._contract.adapter import Adapter, AdapterInfo
from .._contract.capabilities import Feature
from .._contract.clock import Clock, SystemClock
from .._contract.foreign import BUGS, pass_on, place_of
from .._contract.options import Options, read_options
from .._contract.token_stores import TokenStore
from .._contract.transport import Limiter, Transport
from .._http.requests_transport import shared_transport
from .._model.errors import ConfigurationError, LiveStreamError
from .._public import publish
from .client import Client

AnyClient = TypeVar("AnyClient")

SYSTEM_CLOCK = SystemClock()


def connect(
    provider: str,
    /,
    *,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    transport: Transport | None = None,
    timeout: float | tuple[float, float] = (5, 30),
    deadline: float = 120,
    retries: int = 4,
    require: Iterable[Feature | str] = (),
    environ: Mapping[str, str] | None = None,
    allow_http_hosts: Collection[str] = (),
    token_store: TokenStore | None = None,
    limiter: Limiter | None = None,
    clock: Clock | None = None,
    **more_options: Any,
) -> Client:
    """A client for one account. Nothing is sent yet.

    Args:
        provider: The provider's name; see :func:`providers`.
        base_url: The vendor's origin, instead of the provider's own.
        options: The provider's options as a mapping, such as a tenant's row; the environment is
            not looked at. It must not hold ``base_url``, which says where credentials go. Or
            give options by name: see ``more_options``.
        transport: How requests are sent; by default as the provider has it, which for all but
            a vendor inside of the process is one pool of connections for the process.
        timeout: Seconds to make a connection, and for the answer.
        deadline: Seconds for a whole operation, retries and signing in included. Every method
            takes another one. Nothing is sent after them.
        retries: How many times a request is sent again, where that is safe.
        require: Features that must be there, so that a lack shows now and not in use.
        environ: Where options come from if none besides ``base_url`` is given, by default
            ``os.environ``: ``LIVESTREAM_<PROVIDER>_<OPTION>``. Given options and the environment
            are never mixed. ``{}`` forbids it.
        allow_http_hosts: Hosts besides loopback to which plain http is allowed.
        token_store: Where a fleet of processes shares its sessions. They are then not ended by
            ``close()``: other processes use them.
        limiter: Asked before each request; see also :meth:`Client.paced`.
        clock: The time; for tests, such as a :class:`ManualClock`.
        more_options: The provider's options by name. ``None`` counts as missing.

    Raises:
        ConfigurationError: There is no such provider, it cannot be loaded, or options are
            missing, wrong or unknown; all of them are named at once.
        Unsupported: A required feature is not there.
    """
    given = Given(base_url, options, more_options, environ)
    # Error trackers keep the locals of frames: what may be secret is in none of this one.
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


def connected(
    make: Callable[..., AnyClient],
    given: Given,
    provider: str,
    *,
    timeout: float | tuple[float, float],
    deadline: float,
    retries: int,
    require: Iterable[Feature | str],
    allow_http_hosts: Collection[str],
    **settings: Any,
) -> AnyClient:
    # Here, so that to name a function of this module loads no client.
    from .._plugins.registry import registry
    from . import feature_of

    kind = registry.adapter(provider)
    handled = sys.exception()
    try:
        bounds = _timeout(timeout)
        if type(retries) is not int or retries < 0:
            raise ConfigurationError("retries: expected a whole number")
        if isinstance(allow_http_hosts, str):
            raise ConfigurationError("allow_http_hosts: expected a collection of host names")
        hosts = {host.lower() for host in allow_http_hosts}
        options = given.read(kind.Options, provider, hosts)
        kind.capabilities.require(*(feature_of(feature) for feature in require))
        return make(
            kind,
            options,
            observers=registry.observers(),
            timeout=bounds,
            deadline=_positive("deadline", deadline),
            retries=retries,
            **settings,
        )
    except LiveStreamError as raised:
        error = raised
    except BUGS as raised:
        error = ConfigurationError(
            f"the adapter could not be made from these options ({place_of(raised)})"
        )
    except BaseException as raised:
        pass_on(raised, f"{provider} connect was interrupted", handled)
    error.provider = provider
    error.operation = "connect"
    raise error.with_traceback(None)


class Given:
    """The caller's options and environment, which print nothing."""

    def __init__(
        self,
        base_url: str | None,
        options: Mapping[str, Any] | None,
        more_options: Mapping[str, Any],
        environ: Mapping[str, str] | None,
    ) -> None:
        self._base_url, self._options, self._more = base_url, options, more_options
        self._environ = environ

    def read(
        self, kind: type[Options], provider: str, allow_http_hosts: Collection[str]
    ) -> Options:
        """Make a provider's options of them."""
        environ = os.environ if self._environ is None else self._environ
        given = self._more
        if self._options is not None:
            if self._more:
                raise ConfigurationError("give options=, or options by name, not both")
            if not isinstance(self._options, Mapping):
                raise ConfigurationError(
                    f"options: expected a mapping, not {type(self._options).__name__}"
                )
            if "base_url" in self._options:
                raise ConfigurationError(
                    "options: base_url is not one of them, because it says where credentials go",
                    hint="pass base_url= to connect() itself",
                )
            given, environ = self._options, {}
        if self._base_url is not None:
            given = {**given, "base_url": self._base_url}
        return read_options(kind, provider, given, environ, allow_http_hosts)


def _client(
    kind: type[Adapter],
    options: Options,
    *,
    transport: Transport | None,
    clock: Clock | None,
    **settings: Any,
) -> Client:
    transport = transport or kind.transport(options) or shared_transport()
    for name, method in (
        ("transport", transport.send),
        ("token_store", getattr(settings["token_store"], "get", None)),
        ("limiter", getattr(settings["limiter"], "acquire", None)),
    ):
        if iscoroutinefunction(method):
            raise ConfigurationError(f"{name}: it is asynchronous", hint="use connect_async()")
    clock = clock or getattr(transport, "clock", None) or SYSTEM_CLOCK
    return Client(kind(options, clock=clock.now), transport, clock=clock, **settings)


def providers() -> Mapping[str, AdapterInfo]:
    """What is installed or registered, by name; from package metadata, nothing is imported."""
    from .._plugins.registry import registry

    return registry.providers()


def register(plugin: object) -> None:
    """Adds a plugin of the application's: a module or an object with functions that are marked
    with ``@hookimpl``. It may bring adapters (``livestream_adapters``) and observe
    (``livestream_exchange``, ``livestream_status_changed``), and rewrite what a migration creates
    (``livestream_translate``).

    Raises:
        ConfigurationError: It implements no known hook, or brings an adapter whose name is taken.
    """
    from .._plugins.registry import registry

    registry.register(plugin)


def unregister(plugin: object) -> None:
    """Takes back a :func:`register`."""
    from .._plugins.registry import registry

    registry.unregister(plugin)


def close_all() -> None:
    """End the sessions that this process has opened at vendors, within five seconds.

    It happens by itself at the exit of the interpreter, and of children of ``multiprocessing``,
    ``billiard`` and Celery; call it where a process ends in another way, such as ``os._exit()``.
    Clients stay usable, and sign in again. Sessions of a parent process, and those in a token
    store, are left to the processes that share them.
    """
    from .sessions import pool

    pool.end_own()


def _timeout(timeout: float | tuple[float, float]) -> tuple[float, float]:
    bounds = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(bounds) != 2:
        raise ConfigurationError("timeout: expected seconds, or a pair (connect, read) of them")
    return _positive("timeout", bounds[0]), _positive("timeout", bounds[1])


def _positive(name: str, seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise ConfigurationError(f"{name}: expected seconds, not {type(seconds).__name__}")
    if not 0 < seconds < math.inf:
        raise ConfigurationError(f"{name}: expected seconds above zero")
    return float(seconds)


publish("livestream_core", [close_all, connect, providers, register, unregister])
