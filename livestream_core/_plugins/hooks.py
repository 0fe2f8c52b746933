"""The pluggy hooks. Plugins only register and observe; behavior belongs in typed classes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pluggy

from .._contract.adapter import AdapterInfo
from .._contract.foreign import call_all, is_of_signal_handler
from .._contract.session import has_unsendable
from .._model.errors import ConfigurationError
from .._model.log import logger
from .._model.status import Status
from .._model.stream import LiveStream, StreamSpec
from .facts import Exchange, OperationSummary, OutgoingRequest
from .traces import OperationTrace

PROJECT = "livestream_core"
OBSERVER_GROUP = "livestream_core.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function of a plugin as the implementation of a hook.
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


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
    def livestream_operation(self, operation: OperationSummary) -> None:
        """Observe the end of an operation of a client, whether it succeeded or not.

        An operation begins when its arguments have been accepted. The hook is not called for
        operations of clients that the implementation itself uses.
        """

    @hookspec
    def livestream_trace(
        self, provider: str, account: str, operation: str, stream_id: str | None
    ) -> OperationTrace | None:
        """Return what follows an operation that begins now, or ``None``.

        Use it instead of ``livestream_operation`` to act before the operation and its requests,
        for example to make a span current. It is not called for operations of clients that the
        implementation itself uses.
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
            hint=f"hooks are named {', '.join(_hook_names())}, and marked with "
            "@livestream_core.hookimpl",
        )


def _hook_names() -> list[str]:
    return [name for name in vars(Hooks) if name.startswith("livestream_")]


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

    @property
    def watch_operations(self) -> bool:
        """Whether at least one plugin observes operations."""
        return self.wants("livestream_operation") or self.wants("livestream_trace")

    def begin(
        self, traces: Traces, *, provider: str, account: str, operation: str, stream_id: str | None
    ) -> None:
        """Begin an operation, and add what its observers begin to its traces.

        If one of them is interrupted, the traces have what was begun before, and must be ended.
        """
        facts = {
            "provider": provider,
            "account": account,
            "operation": operation,
            "stream_id": stream_id,
        }
        for each in self._implementations("livestream_trace"):
            traces.add(each, _told(each, "livestream_trace", facts))

    def operation(self, operation: OperationSummary) -> None:
        """Report the end of an operation."""
        self._call("livestream_operation", operation=operation)

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
        return bool(self._implementations(hook))

    def _implementations(self, hook: str) -> Sequence[Any]:
        implementations: Sequence[Any] = getattr(self._manager.hook, hook).get_hookimpls()
        return implementations

    def _call(self, hook: str, **arguments: Any) -> None:
        """Call all implementations of a hook."""
        # Called one by one, because pluggy would stop at the first one that fails.
        call_all(partial(_told, each, hook, arguments) for each in self._implementations(hook))


class Traces:
    """The traces of one operation, those of all plugins."""

    def __init__(self) -> None:
        self._begun: list[tuple[Any, OperationTrace]] = []

    def add(self, implementation: Any, trace: Any) -> None:
        """Add what an implementation of the hook returned."""
        if isinstance(trace, OperationTrace):
            self._begun.append((implementation, trace))
        elif trace is not None:
            logger().error(
                "observer %s failed in livestream_trace: it returned %s, not an OperationTrace",
                implementation.plugin_name,
                type(trace).__name__,
            )

    def __bool__(self) -> bool:
        return bool(self._begun)

    def start_exchange(self, request: OutgoingRequest) -> dict[str, str]:
        """Report that a request is about to be sent, and return the headers to send with it."""
        headers: dict[str, str] = {}
        for implementation, trace in self._begun:
            added = _guarded(implementation, "start_exchange", _headers_of, trace, request)
            headers.update(added or {})
        return headers

    def end_exchange(self, exchange: Exchange) -> None:
        """Report the end of that request."""
        call_all(
            partial(_guarded, implementation, "end_exchange", trace.end_exchange, exchange)
            for implementation, trace in reversed(self._begun)
        )

    def end(self, operation: OperationSummary) -> None:
        """Report the end of the operation."""
        call_all(
            partial(_guarded, implementation, "end", trace.end, operation)
            for implementation, trace in reversed(self._begun)
        )


def _headers_of(trace: OperationTrace, request: OutgoingRequest) -> Mapping[str, str]:
    headers = trace.start_exchange(request) or {}
    if has_unsendable(headers):
        raise ValueError("a header cannot be sent")
    return headers


def _told(implementation: Any, hook: str, facts: Mapping[str, Any]) -> Any:
    """Call an implementation of a hook with those facts that it takes, and return its result."""
    arguments = (facts[name] for name in implementation.argnames)
    return _guarded(implementation, hook, implementation.function, *arguments)


def _guarded(implementation: Any, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of an observer, and return its result, or ``None`` if it fails.

    Raises:
        BaseException: If it is interrupted. The exception is meant for the program.
    """
    running: set[Any] = vars(_running).setdefault("implementations", set())
    # An observer is not called for what it causes itself: that could go on without end.
    if implementation in running:
        return None
    try:
        running.add(implementation)
        return call(*arguments)
    except Exception as error:
        if is_of_signal_handler(error):
            raise
        logger().error(
            "observer %s failed in %s: %s", implementation.plugin_name, name, type(error).__name__
        )
    finally:
        running.discard(implementation)
    return None
