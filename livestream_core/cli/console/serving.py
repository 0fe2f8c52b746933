"""Serving a WSGI app while a command runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..._model.errors import ConfigurationError


@contextmanager
def served(
    app: Callable[[dict[str, Any], Any], Iterable[bytes]], host: str, port: int, *, options: str
) -> Iterator[str]:
    """Serve a WSGI app until the end of the block, and yield its origin.

    Args:
        app: The app.
        host: The address to listen on.
        port: The port; 0 chooses a free one.
        options: The options of the command that choose the address and the port.

    Raises:
        ConfigurationError: If listening on the address fails.
    """
    from ...emulator.serving import serving

    with ExitStack() as stack:
        try:
            origin = stack.enter_context(serving(app, host, port))
        except (OSError, OverflowError) as error:
            problem = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        else:
            yield origin
            return
    raise ConfigurationError(
        f"cannot listen on {host} port {port}: {problem}", hint=f"choose another {options}"
    )
