"""Lookup of a provider's emulator."""

from __future__ import annotations

from .._model.errors import ConfigurationError
from .._plugins.registry import load, registry
from .base import Emulator


def load_emulator(provider: str) -> type[Emulator]:
    """Return the emulator class of an installed or registered provider.

    Raises:
        ConfigurationError: If the provider is unknown or has no emulator, or the emulator cannot
            be loaded (the ``sandbox`` extra of its package may be missing).
    """
    info = registry.info(provider)
    problem, hint = "its adapter declares none", None
    if info.emulator is not None:
        hint = "check its package and its dependencies"
        try:
            found = load(info.emulator)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            if isinstance(error, ImportError) and info.distribution:
                hint = f'install what emulators need: pip install "{info.distribution}[sandbox]"'
        else:
            if isinstance(found, type) and issubclass(found, Emulator):
                return found
            problem = f"{info.emulator!r} is not an Emulator class"
    raise ConfigurationError(
        f"the emulator cannot be loaded: {problem}", provider=provider, hint=hint
    )
