"""The installed providers, loaded one by one so that a broken one does not stop the others."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import attrs

from ..._contract.adapter import Adapter, AdapterInfo
from ..._model.errors import ConfigurationError
from ..._plugins.registry import registry

if TYPE_CHECKING:
    from ...emulator import Emulator


@attrs.frozen(slots=True)
class Installed:
    """An installed provider.

    Attributes:
        info: The provider's description; ``info.problem`` is why it cannot be used.
        adapter: The adapter class; ``None`` if there is a problem.
    """

    info: AdapterInfo
    adapter: type[Adapter] | None

    def emulator(self, *, boot_seconds: float) -> Emulator:
        """Create the provider's emulator.

        Raises:
            ConfigurationError: If the emulator cannot be loaded or created; it says why.
        """
        from ...emulator import load_emulator

        factory = load_emulator(self.info.name)
        try:
            return factory(boot_seconds=boot_seconds)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"the emulator cannot be created: {problem}", provider=self.info.name
        )


def installed(names: Collection[str] = ()) -> list[Installed]:
    """Return all providers, or those with these names.

    Raises:
        ConfigurationError: If there is no provider with one of the names.
    """
    known = registry.providers()
    for name in names:
        if name not in known:
            registry.info(name)  # raises an error that names the installed providers
    return [_loaded(info) for name, info in known.items() if not names or name in names]


def _loaded(info: AdapterInfo) -> Installed:
    try:
        adapter = registry.adapter(info.name)
        return Installed(registry.info(info.name), adapter)
    except ConfigurationError as error:
        return Installed(attrs.evolve(info, problem=with_hint(error)), None)


def with_hint(error: ConfigurationError) -> str:
    """Return an error's message and its hint."""
    return f"{error.message}; {error.hint}" if error.hint else error.message
