"""The registry of adapters: installed ones (by entry point) and those passed to ``register``."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import attrs

from .._contract.adapter import API_VERSION, Adapter, AdapterInfo
from .._contract.foreign import is_of_signal_handler
from .._model.errors import ConfigurationError
from .._model.log import logger
from .entry_points import Point, installed, normal
from .hooks import OBSERVER_GROUP, PROJECT, Observers, add_checked, new_manager

T = TypeVar("T")

ALLOW_LIST = "LIVESTREAM_ADAPTERS"


class Registry:
    """The adapters and observers of this process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._manager = new_manager()
        self._registered: dict[str, AdapterInfo] = {}
        self._loaded: dict[tuple[str, str | None], type[Adapter]] = {}
        self._observers_loaded = False
        #: The observers that were found during the search for an adapter, which is slow.
        self._observers_found: list[Point] | None = None

    def after_fork(self) -> None:
        """Replace the lock in a child process, where a thread that held it no longer exists."""
        self._lock = threading.RLock()

    # -- all adapters -----------------------------------------------------------------------

    def providers(self) -> Mapping[str, AdapterInfo]:
        """Return all adapters by name, without importing anything."""
        found: dict[str, AdapterInfo] = {}
        allowed = _allowed()
        for name, points in _by_name(installed(PROJECT)[0]).items():
            if not allowed.allows(name):
                continue
            info, problem = _chosen(name, points, allowed)
            found[name] = attrs.evolve(info, problem=problem)
        return MappingProxyType(dict(sorted({**found, **self._registered}.items())))

    def register(self, plugin: object) -> None:
        """Register a plugin of the application: adapters, observers, or both."""
        with self._lock:
            infos = _adapters_of(plugin)
            # Searches every installed package, so not for a plugin that only observes.
            known = self.providers() if infos else {}
            for info in infos:
                if info.name in known:
                    raise ConfigurationError(
                        f"an adapter named {info.name!r} is already registered or installed"
                    )
            add_checked(self._manager, plugin)
            for info in infos:
                self._registered[info.name] = info
                self._loaded.pop((info.name, None), None)

    def unregister(self, plugin: object) -> None:
        """Remove a plugin that was registered with :meth:`register`."""
        with self._lock:
            self._manager.unregister(plugin)
            for info in _adapters_of(plugin):
                self._registered.pop(info.name, None)
                self._loaded.pop((info.name, None), None)

    # -- one adapter ------------------------------------------------------------------------

    def info(self, provider: str) -> AdapterInfo:
        """Return the facts about an adapter. Imports its package, but not the adapter class.

        Raises:
            ConfigurationError: If there is no such adapter, or it cannot be used.
        """
        if provider in self._registered:
            return self._registered[provider]
        adapters, observers = installed(PROJECT, OBSERVER_GROUP)
        if not self._observers_loaded:
            self._observers_found = observers
        points = _by_name(adapters).get(provider, [])
        allowed = _allowed()
        if not points or not allowed.allows(provider):
            known = ", ".join(self.providers()) or "none"
            forbidden = f" ({ALLOW_LIST} does not list it)" if points else ""
            raise ConfigurationError(
                f"unknown provider {provider!r}{forbidden}",
                hint=f"installed providers: {known}; to add one, install its adapter package",
            )
        metadata, problem = _chosen(provider, points, allowed)
        if problem:
            raise ConfigurationError(problem, provider=provider)
        point = next(p for p in points if p.distribution == metadata.distribution)
        for info in _guarded(provider, metadata, lambda: _adapters_of(point.load())):
            if info.name == provider:
                return attrs.evolve(
                    info, distribution=metadata.distribution, version=metadata.version
                )
        raise ConfigurationError(
            f"{metadata.distribution} has an entry point {provider!r} but no adapter of that name",
            provider=provider,
        )

    def adapter(self, provider: str) -> type[Adapter]:
        """Return the class of an adapter.

        Raises:
            ConfigurationError: If there is no such adapter, or it cannot be used.
        """
        registered = self._registered.get(provider)
        key = provider, os.environ.get(ALLOW_LIST) if registered is None else None
        with self._lock:
            if key in self._loaded:
                return self._loaded[key]
        info = self.info(provider)
        if not isinstance(info.api_version, int) or info.api_version > API_VERSION:
            raise ConfigurationError(
                f"{_shown(info)} was written for version {info.api_version} of the adapter "
                f"interface, but livestream-core supports version {API_VERSION}",
                provider=provider,
                hint="upgrade livestream-core",
            )
        adapter = _guarded(provider, info, lambda: load(info.factory))
        if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
            raise ConfigurationError(
                f"{_shown(info)}: {info.factory!r} is not an Adapter class", provider=provider
            )
        if getattr(adapter, "name", None) != provider or not hasattr(adapter, "capabilities"):
            raise ConfigurationError(
                f"{_shown(info)}: the adapter must have the name {provider!r} and declare "
                f"capabilities; its name is {getattr(adapter, 'name', None)!r}",
                provider=provider,
            )
        with self._lock:
            self._loaded[key] = adapter
        return adapter

    def observers(self) -> Observers:
        """Return the observers. Installed ones are loaded once; a failure affects no other."""
        with self._lock:
            if not self._observers_loaded:
                self._observers_loaded = True
                found, self._observers_found = self._observers_found, None
                for point in installed(OBSERVER_GROUP)[0] if found is None else found:
                    try:
                        add_checked(self._manager, point.load(), point.name)
                    except Exception as error:
                        if is_of_signal_handler(error):
                            raise
                        logger().error(
                            "observer %s of %s could not be loaded: %s",
                            point.name,
                            point.distribution,
                            error,
                        )
        return Observers(self._manager)


def load(target: Any) -> Any:
    """Return the object that ``"module:name"`` refers to; return any other value unchanged."""
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _guarded(provider: str, info: AdapterInfo, use: Callable[[], T]) -> T:
    try:
        return use()
    except ConfigurationError:
        raise
    except Exception as error:
        if is_of_signal_handler(error):
            raise
        problem = f"{type(error).__name__}: {error}"
    raise ConfigurationError(
        f"{_shown(info)} cannot be loaded: {problem}",
        provider=provider,
        hint="check that package and its dependencies",
    )


def _shown(info: AdapterInfo) -> str:
    if info.distribution:
        return f"{info.distribution} {info.version or ''}".strip()
    return f"the adapter {info.name}"


def _adapters_of(plugin: object) -> list[AdapterInfo]:
    manager = new_manager()
    add_checked(manager, plugin)
    infos = [info for result in manager.hook.livestream_adapters() for info in result]
    for info in infos:
        if not isinstance(info, AdapterInfo):
            raise ConfigurationError(
                f"livestream_adapters() returned a {type(info).__name__}, not an AdapterInfo"
            )
    return infos


def _by_name(points: list[Point]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.name, []).append(point)
    return found


def _chosen(name: str, points: list[Point], allowed: _Allowed) -> tuple[AdapterInfo, str | None]:
    wanted = allowed.choices.get(name)
    if wanted is not None:
        matching = [p for p in points if normal(p.distribution) == normal(wanted)]
        problem = (
            None if matching else f"{ALLOW_LIST} takes {name} from {wanted}, which is not installed"
        )
        points = matching or points
    else:
        names = sorted(p.distribution for p in points)
        problem = (
            f"{' and '.join(names)} both claim {name!r}; choose one: {ALLOW_LIST}={name}={names[0]}"
            if len(points) > 1
            else None
        )
    info = AdapterInfo(
        name=name,
        title=name,
        factory=points[0].value,
        distribution=points[0].distribution,
        version=points[0].version,
    )
    return info, problem


@attrs.frozen(slots=True)
class _Allowed:
    """The settings of the environment about adapters.

    Attributes:
        names: The only providers that may be used, or ``None`` for all.
        choices: The distribution to use, by provider.
    """

    names: frozenset[str] | None
    choices: Mapping[str, str]

    def allows(self, name: str) -> bool:
        return self.names is None or name in self.names


def _allowed() -> _Allowed:
    """Read the settings about adapters from the environment.

    ``acme=livestream-acme`` only sets the distribution of a provider. If the list contains at least
    one name without a distribution, such as ``acme``, then only the listed providers may be used.
    """
    names, choices, restricts = set(), {}, False
    for item in os.environ.get(ALLOW_LIST, "").split(","):
        name, _, distribution = (part.strip() for part in item.partition("="))
        if not name:
            continue
        names.add(name)
        if distribution:
            choices[name] = distribution
        else:
            restricts = True
    return _Allowed(frozenset(names) if restricts else None, choices)


registry = Registry()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=registry.after_fork)
