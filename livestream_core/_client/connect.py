"""The functions that create clients, and that register plugins."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from .. import _client as clients
from .._contract.adapter import Adapter, AdapterInfo
from .._contract.capabilities import Feature
from .._contract.clock import Clock, SystemClock
from .._contract.foreign import BUGS, pass_on, place_of
from .._contract.options import Options, origin_names, read_options
from .._contract.token_stores import TokenStore
from .._contract.transport import Limiter, Transport
from .._http.requests_transport import shared_transport
from .._model.errors import ConfigurationError, LiveStreamError
from .._public import publish

AnyClient = TypeVar("AnyClient")

SYSTEM_CLOCK = SystemClock()
#: The providers that this process has connected to: it has been warned of those to avoid.
_connected: set[str] = set()


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
) -> clients.Client:
    """Return a client for one account, without sending any requests.

    Args:
        provider: The provider's name; see :func:`providers`.
        base_url: The vendor's origin. Defaults to the provider's own.
        options: The provider's options as a mapping, such as a tenant's row. The environment is
            then ignored. The mapping must not contain ``base_url``, because that decides where
            credentials are sent. Alternatively, pass options by name; see ``more_options``.
        transport: The transport that sends requests. Defaults to the provider's own transport,
            which for vendors on the network is a pool of connections shared by the process.
        timeout: The timeouts in seconds for connecting and for receiving data, as a pair, or one
            number for both.
        deadline: Seconds for a whole operation, including retries and signing in. Nothing is sent
            after that time. Every method accepts a deadline of its own.
        retries: The maximum number of retries of one request. Only safe retries are made.
        require: Features that the provider must support. If it lacks one, this call fails.
        environ: The environment variables to read options from if no option but ``base_url`` is
            passed: ``LIVESTREAM_<PROVIDER>_<OPTION>``. Defaults to ``os.environ``; ``{}`` disables
            this. Passed options are never merged with the environment.
        allow_http_hosts: Hosts other than loopback for which plain http is allowed.
        token_store: The store in which several processes share their sessions. ``close()`` then
            does not sign out, because other processes use the sessions. For example,
            :class:`livestream_core.sharing.SQLAlchemyTokenStore`.
        limiter: The limiter that must allow each request, for example
            :class:`livestream_core.sharing.AccountLimiter`; see also :meth:`Client.paced`.
        clock: The clock. Pass a :class:`ManualClock` in tests.
        more_options: The provider's options by name. ``None`` counts as missing.

    Raises:
        ConfigurationError: If the provider is unknown or cannot be loaded, or if options are
            missing, not valid, or unknown; the error names all of them.
        Unsupported: If the provider does not support a required feature.
    """
    source = OptionSource(base_url, options, more_options, environ)
    # Error trackers record the locals of frames, so this frame must not keep any secret.
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


def client_from(
    make: Callable[..., AnyClient],
    source: OptionSource,
    provider: str,
    *,
    timeout: float | tuple[float, float],
    deadline: float,
    retries: int,
    require: Iterable[Feature | str],
    allow_http_hosts: Collection[str],
    **settings: Any,
) -> AnyClient:
    """Return what ``make`` creates from the provider's adapter and its options."""
    # Imported here, so that importing this module does not load the plugins.
    from .._plugins.registry import registry
    from . import feature_of

    kind = registry.adapter(provider)
    if provider not in _connected:
        _connected.add(provider)
        reason = registry.info(provider).deprecated
        if reason is not None:
            message = f"the provider {provider!r} is deprecated: {reason}"
            # Attributed to the caller of connect() or connect_async().
            warnings.warn(message, DeprecationWarning, stacklevel=3)
    handled = sys.exception()
    try:
        bounds = _timeout(timeout)
        if type(retries) is not int or retries < 0:
            raise ConfigurationError("retries: expected a whole number, 0 or more")
        if isinstance(allow_http_hosts, str):
            raise ConfigurationError("allow_http_hosts: expected a collection of host names")
        hosts = {host.lower() for host in allow_http_hosts}
        options = source.read(kind.Options, provider, hosts)
        kind.capabilities.require(*(feature_of(feature) for feature in require))
        return make(
            kind,
            options,
            observers=registry.observers(),
            timeout=bounds,
            deadline=_positive("deadline", deadline),
            retries=retries,
            http_hosts=hosts,
            **settings,
        )
    except LiveStreamError as raised:
        error = raised
    except BUGS as raised:
        error = ConfigurationError(
            f"the adapter could not be created from these options ({place_of(raised)})"
        )
    except BaseException as raised:
        pass_on(raised, f"{provider} connect was interrupted", handled)
    error.provider = provider
    error.operation = "connect"
    raise error.with_traceback(None)


class OptionSource:
    """The caller's options and environment, which its repr does not show."""

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
        """Return the provider's options, read from the caller's or from the environment."""
        environ = os.environ if self._environ is None else self._environ
        given = self._more
        if self._options is not None:
            origins = origin_names(kind)
            if set(self._more).difference(origins):
                raise ConfigurationError("pass options= or options by name, not both")
            if not isinstance(self._options, Mapping):
                raise ConfigurationError(
                    f"options: expected a mapping, not {type(self._options).__name__}"
                )
            for name in origins:
                if name in self._options:
                    raise ConfigurationError(
                        f"options: must not contain {name}, "
                        "which decides where credentials are sent",
                        hint=f"pass {name}= to connect() instead",
                    )
            given, environ = {**self._options, **self._more}, {}
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
) -> clients.Client:
    from .client import Client

    transport = transport or kind.transport(options) or shared_transport()
    for name, method in (
        ("transport", transport.send),
        ("token_store", getattr(settings["token_store"], "get", None)),
        ("limiter", getattr(settings["limiter"], "acquire", None)),
    ):
        if iscoroutinefunction(method):
            raise ConfigurationError(
                f"{name}: must not be asynchronous", hint="use connect_async() instead"
            )
    clock = clock or getattr(transport, "clock", None) or SYSTEM_CLOCK
    return Client(kind(options, clock=clock.now), transport, clock=clock, **settings)


def providers() -> Mapping[str, AdapterInfo]:
    """Return the installed and registered providers by name, without importing their adapters."""
    from .._plugins.registry import registry

    return registry.providers()


def register(plugin: object) -> None:
    """Register a plugin of the application.

    A plugin is a module or an object with functions that are marked with ``@hookimpl``. It can
    provide adapters (``livestream_adapters``), observe requests and changes of status
    (``livestream_exchange``, ``livestream_status_changed``), and change what a migration creates
    (``livestream_translate``).

    Raises:
        ConfigurationError: If the plugin implements no known hook, or provides an adapter whose
            name is taken.
    """
    from .._plugins.registry import registry

    registry.register(plugin)


def unregister(plugin: object) -> None:
    """Unregister a plugin that was registered with :func:`register`."""
    from .._plugins.registry import registry

    registry.unregister(plugin)


def close_all() -> None:
    """End all sessions that this process has opened at vendors, within five seconds.

    This happens automatically when the interpreter exits, and when a child process of
    ``multiprocessing``, ``billiard``, or Celery exits. Call it if a process ends in another way,
    such as ``os._exit()``. Clients stay usable and sign in again. Sessions of a parent process
    and sessions in a token store stay open for the processes that share them.
    """
    from .sessions import pool

    pool.end_own()


def _timeout(timeout: float | tuple[float, float]) -> tuple[float, float]:
    bounds = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(bounds) != 2:
        raise ConfigurationError("timeout: expected seconds, or a pair (connect, read)")
    return _positive("timeout", bounds[0]), _positive("timeout", bounds[1])


def _positive(name: str, seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise ConfigurationError(f"{name}: expected seconds, not {type(seconds).__name__}")
    if not 0 < seconds < math.inf:
        raise ConfigurationError(f"{name}: expected a positive number of seconds")
    return float(seconds)


publish("livestream_core", [close_all, connect, providers, register, unregister])
