"""The hooks of pluggy. Plugins only register and observe; behaviour is in typed classes."""

from __future__ import annotations

import threading
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
    """The facts of one HTTP exchange, without secrets, ids or bodies.

    Attributes:
        provider: The provider's name.
        account: Whose account.
        operation: The client's method, or ``"sign_in"``, ``"sign_out"``.
        stream_id: The stream it is about, where one is known.
        method: The HTTP method.
        template: The path with names in braces.
        status: The answer's status code, or ``None`` without an answer.
        error: The class name of the error, if there was one.
        elapsed: How long it took.
        attempt: 1 for the first time this request was sent, 2 for the next, ...
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
    """What a plugin may implement."""

    @hookspec
    def livestream_adapters(self) -> Sequence[AdapterInfo]:  # type: ignore[empty-body]
        """Adapters that the plugin brings."""

    @hookspec
    def livestream_exchange(self, exchange: Exchange) -> None:
        """Called after each HTTP exchange, but for those of a client that it uses itself."""

    @hookspec
    def livestream_status_changed(
        self, account: str, stream: LiveStream, previous: Status | None
    ) -> None:
        """Called when ``wait`` or a webhook shows a stream in another status than before.
        ``previous`` is ``None`` where it is not known.
        """

    @hookspec
    def livestream_translate(
        self, source: str, target: str, stream: LiveStream, spec: StreamSpec
    ) -> StreamSpec | None:
        """Called by a migration from one account to another for each stream and what is to be
        made of it: gives another spec, or ``None`` to leave it. It must give the same for the
        same stream; where it fails, the stream is not moved.
        """


def new_manager() -> pluggy.PluginManager:
    """A plugin manager with our hooks and nothing else."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    return manager


def add_checked(manager: pluggy.PluginManager, plugin: object, name: str | None = None) -> None:
    """Registers a plugin, or refuses it whole.

    Raises:
        ConfigurationError: It is registered already, implements no hook, or one that is not
            known (a misspelling, or a hook of a newer core).
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


#: Which observers are being told something, in this thread.
_telling = threading.local()


class Observers:
    """Calls the observers; one that fails is logged and never fatal."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager

    def exchange(self, exchange: Exchange) -> None:
        """After an HTTP exchange."""
        self._call("livestream_exchange", exchange=exchange)

    def status_changed(self, account: str, stream: LiveStream, previous: Status | None) -> None:
        """After a stream was seen in another status."""
        self._call("livestream_status_changed", account=account, stream=stream, previous=previous)

    def translators(self, source: str, target: str) -> list[Callable[..., Any]]:
        """What rewrites specs on the way from one account to another, in the order of calls."""

        def bound(implementation: Any) -> Callable[..., Any]:
            def translate(stream: LiveStream, spec: StreamSpec) -> Any:
                given = {"source": source, "target": target, "stream": stream, "spec": spec}
                return implementation.function(*(given[name] for name in implementation.argnames))

            translate.__qualname__ = f"livestream_translate of {implementation.plugin_name}"
            return translate

        # pluggy calls the last one that was registered first, and so do we.
        return [bound(each) for each in self._manager.hook.livestream_translate.get_hookimpls()]

    def wants(self, hook: str) -> bool:
        """Whether anybody listens."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def _call(self, hook: str, **arguments: Any) -> None:
        under_way: set[Any] = vars(_telling).setdefault("under_way", set())
        # One by one: pluggy would stop at the first that fails.
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            # What an observer causes itself is told to all others: told of that, too, it would
            # cause it again and again.
            if implementation in under_way:
                continue
            try:
                under_way.add(implementation)
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
                under_way.discard(implementation)


publish("livestream_core", [Exchange])
