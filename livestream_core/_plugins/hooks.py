"""The pluggy hooks. Plugins only register and observe; behavior belongs in typed classes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pluggy

from .._contract.adapter import AdapterInfo
from .._contract.foreign import is_of_signal_handler
from .._model.errors import ConfigurationError
from .._model.log import logger
from .._model.status import Status
from .._model.stream import LiveStream, StreamSpec
from .._public import publish

PROJECT = "livestream_core"
OBSERVER_GROUP = "livestream_core.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function of a plugin as the implementation of a hook.
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


@attrs.frozen(slots=True, kw_only=True)
class Exchange:
    """The facts about one HTTP request and its response, without secrets and bodies.

    Attributes:
        provider: The provider's name.
        account: The account.
        operation: The client's method, or ``"sign_in"`` or ``"sign_out"``.
        stream_id: The ID of the stream, if known.
        method: The HTTP method.
        template: The path with names in braces.
        status: The HTTP status code, or ``None`` if there was no response.
        error: The class name of the error, if there was one.
        elapsed: The duration.
        attempt: The number of the attempt, starting at 1. Retries increase it.
    """

    provider: str
    account: str
    operation: str
    stream_id: str | None
    method: str
    template: str
    status: int | None
    error: str | None
    elapsed: timedelta
    attempt: int


class Hooks:
    """The hooks that a plugin may implement."""

    @hookspec
    def livestream_adapters(self) -> Sequence[AdapterInfo]:  # type: ignore[empty-body]
        """Return the adapters that the plugin provides."""

    @hookspec
    def livestream_exchange(self, exchange: Exchange) -> None:
        """Observe an HTTP exchange.

        The hook is not called for requests of clients that the implementation itself uses.
        """

    @hookspec
    def livestream_status_changed(
        self, account: str, stream: LiveStream, previous: Status | None
    ) -> None:
        """Observe a change of a stream's status, once it was handed over by a tracker of events.

        ``previous`` is ``None`` if the earlier status is not known. That ``wait`` calls the hook,
        and that each webhook delivery does, is deprecated: use the tracker, or ``on_change``.
        """

    @hookspec
    def livestream_translate(
        self, source: str, target: str, stream: LiveStream, spec: StreamSpec
    ) -> StreamSpec | None:
        """Return a different spec for a stream that a migration moves, or ``None`` to keep it.

        The result must be the same for the same stream. If the hook fails, the stream is not moved.
        """


def new_manager() -> pluggy.PluginManager:
    """Return a plugin manager with the hooks of this library and without plugins."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    return manager


def add_checked(manager: pluggy.PluginManager, plugin: object, name: str | None = None) -> None:
    """Register a plugin, or refuse it completely.

    Raises:
        ConfigurationError: If it is already registered, implements no hook, or implements an
            unknown one (because of a misspelling, or for a newer core).
    """
    try:
        registered = manager.register(plugin, name)
    except (ValueError, pluggy.PluginValidationError) as error:
        problem = str(error).splitlines()[0]
    else:
        try:
            manager.check_pending()
            problem = "" if manager.get_hookcallers(plugin) else "it implements no hook"
        except pluggy.PluginValidationError as error:
            problem = str(error).splitlines()[0]
        if problem:
            manager.unregister(plugin, registered)
    if problem:
        raise ConfigurationError(
            f"the plugin {_shown(plugin)} was not registered: {problem}",
            hint="hooks are named livestream_adapters, livestream_exchange, "
            "livestream_status_changed, livestream_translate, and marked with "
            "@livestream_core.hookimpl",
        )


def _shown(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


#: The observers that are running, in each thread.
_running = threading.local()


class Observers:
    """Calls the observers. Failures are logged and never raised."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager

    def exchange(self, exchange: Exchange) -> None:
        """Report an HTTP exchange."""
        self._call("livestream_exchange", exchange=exchange)

    def status_changed(self, account: str, stream: LiveStream, previous: Status | None) -> None:
        """Report that a stream's status has changed."""
        self._call("livestream_status_changed", account=account, stream=stream, previous=previous)

    def status_seen(self, account: str, stream: LiveStream, previous: Status | None) -> None:
        """Report a status that a wait or a delivery shows: this is deprecated."""
        if self.wants("livestream_status_changed"):
            warnings.warn(
                "livestream_status_changed is called by wait() and for each webhook delivery: this "
                "is deprecated; use livestream_core.events.Tracker, or pass on_change= to wait()",
                DeprecationWarning,
                stacklevel=2,
            )
            self.status_changed(account, stream, previous)

    def translators(self, source: str, target: str) -> list[Callable[..., Any]]:
        """Return the hooks that translate specs between two accounts, in the order of calls."""

        def bound(implementation: Any) -> Callable[..., Any]:
            def translate(stream: LiveStream, spec: StreamSpec) -> Any:
                values = {"source": source, "target": target, "stream": stream, "spec": spec}
                return implementation.function(*(values[name] for name in implementation.argnames))

            translate.__qualname__ = f"livestream_translate of {implementation.plugin_name}"
            return translate

        # pluggy calls the hook that was registered last first, and this has the same order.
        return [bound(each) for each in self._manager.hook.livestream_translate.get_hookimpls()]

    def wants(self, hook: str) -> bool:
        """Return whether at least one plugin implements a hook."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def _call(self, hook: str, **arguments: Any) -> None:
        running: set[Any] = vars(_running).setdefault("implementations", set())
        # Called one by one, because pluggy would stop at the first one that fails.
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            # An observer is not called for what it causes itself: that could go on without end.
            if implementation in running:
                continue
            try:
                running.add(implementation)
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception as error:
                if is_of_signal_handler(error):
                    raise
                logger().error(
                    "observer %s failed in %s: %s",
                    implementation.plugin_name,
                    hook,
                    type(error).__name__,
                )
            finally:
                running.discard(implementation)


publish("livestream_core", [Exchange])
