"""An existing Dask cluster that runs a migration's workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from ..._model.errors import ConfigurationError

_SECONDS = "10s"


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Yield an executor that runs workers on the cluster.

    Args:
        address: The scheduler's address.

    Raises:
        ConfigurationError: If Dask is not installed, or the scheduler cannot be reached.
    """
    client_class: Any = None
    try:
        from distributed import Client as client_class  # noqa: N813
    except ImportError:
        pass
    if client_class is None:
        raise ConfigurationError("--dask requires Dask", hint="pip install 'livestream-core[dask]'")
    problem = ""
    try:
        client = client_class(address, timeout=_SECONDS)
    except (OSError, ValueError) as error:
        problem = type(error).__name__
    if problem:
        raise ConfigurationError(f"cannot reach a Dask scheduler at {address} ({problem})")
    with client:
        executor: Executor = client.get_executor(pure=False)
        yield executor
