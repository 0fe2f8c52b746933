"""Finding the emulator of a provider."""

from __future__ import annotations

from .._model.errors import ConfigurationError
from .._plugins.registry import load, registry
from .base import Emulator


def load_emulator(provider: str) -> type[Emulator]:
    """The emulator of an installed or registered provider.

    Raises:
        ConfigurationError: There is no such provider, it has no emulator, or the emulator cannot
            be loaded (its package's extra ``sandbox`` may be missing).
    """
    info = registry.info(provider)
    problem, hint = "it has none", None
    if info.emulator is not None:
        hint = "check its package and its dependencies"
        try:
            found = load(info.emulator)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            if isinstance(error, ImportError) and info.distribution:
                hint = f'what emulators need comes with pip install "{info.distribution}[sandbox]"'
        else:
            if isinstance(found, type) and issubclass(found, Emulator):
                return found
            problem = f"{info.emulator!r} is no Emulator"
    raise ConfigurationError(
        f"the emulator cannot be loaded: {problem}", provider=provider, hint=hint
    )
