"""Previews: requests as they would be sent, with secrets masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .._public import publish
from .._secrets.masked_mapping import plain
from .request import Request


@attrs.frozen(slots=True)
class Preview:
    """The first request of an operation, with every secret masked.

    Attributes:
        method: The HTTP method.
        path: The path, with the values filled in.
        params: The query parameters.
        body: The body: JSON, or the fields of a form. Files are shown by name.
    """

    method: str
    path: str
    params: dict[str, Any]
    body: Any


def preview_of(request: Request, mask: Callable[[str], str]) -> Preview:
    """Return the preview of a request.

    Raises:
        InvalidInput: If the request cannot be sent.
    """
    request.content()  # raises an error if the body cannot be encoded
    files = {name: file[0] for name, file in (request.files or {}).items()}
    form = {**(request.form or {}), **files}
    return Preview(
        request.method,
        mask(request.target().partition("?")[0]),
        _masked(dict(request.params or {}), mask),
        _masked(plain(request.json) if request.json is not None else form or None, mask),
    )


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {name: _masked(item, mask) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item, mask) for item in value]
    return value


publish("livestream_core", [Preview])
