"""What transports have in common: errors without data of the request."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from .._contract.foreign import bare
from .._contract.response import Response
from .._contract.transport import Timeout
from .network import (
    SendArguments,
)


class BareTransport:
    """A transport whose errors have no data of the request in the locals of their traceback."""

    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """Send one request; see :class:`Transport`."""
        handled = sys.exception()
        outcome = self._outcome(SendArguments(method, origin, target, headers, body, timeout))
        if isinstance(outcome, Response):
            return outcome
        del target, headers, body
        try:
            raise bare(outcome, handled)
        finally:
            del outcome  # no cycle

    def _outcome(self, arguments: SendArguments) -> Response | BaseException:
        """Return the response, or the exception to raise once this frame is gone."""
        raise NotImplementedError
