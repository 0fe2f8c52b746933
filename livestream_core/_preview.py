"""A request as it would be sent, to be looked at."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ._masked import plain
from ._public import publish
from ._redact import Redactor
from ._request import Request


@attrs.frozen(slots=True)
class Preview:
    """The request that an operation begins with, with ``***`` for every secret in it.

    Attributes:
        method: The HTTP method.
        path: The path, its names filled in.
        params: The query.
        body: The body: JSON, or the fields of a form; a file by its name.
    """

    method: str
    path: str
    params: dict[str, Any]
    body: Any

    @classmethod
    def of(cls, request: Request, redactor: Redactor) -> Self:
        """Show a request.

        Raises:
            InvalidInput: It cannot be sent.
        """
        request.content()  # what cannot be written is refused here
        form = {**(request.form or {}), **{n: f[0] for n, f in (request.files or {}).items()}}
        return cls(
            request.method,
            redactor.mask(request.target().partition("?")[0]),
            _masked(dict(request.params or {}), redactor),
            _masked(plain(request.json) if request.json is not None else form or None, redactor),
        )


def _masked(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.mask(value)
    if isinstance(value, dict):
        return {name: _masked(item, redactor) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item, redactor) for item in value]
    return value


publish("livestream_core", [Preview])
