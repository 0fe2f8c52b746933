"""An existing Dask cluster, on which a migration's workers run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from ..._model.errors import ConfigurationError

_SECONDS = "10s"


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Where workers run.

    Args:
        address: The scheduler's.

    Raises:
        ConfigurationError: Dask is not installed, or no scheduler answers.
    """
    kind: Any = None
    try:
        from distributed import Client as kind
    except ImportError:
        pass
    if kind is None:
        raise ConfigurationError("--dask needs Dask", hint="pip install 'livestream-core[dask]'")
    problem = ""
    try:
        client = kind(address, timeout=_SECONDS)
    except (OSError, ValueError) as error:
        problem = type(error).__name__
    if problem:
        raise ConfigurationError(f"no Dask scheduler can be reached at {address} ({problem})")
    with client:
        executor: Executor = client.get_executor(pure=False)
        yield executor
