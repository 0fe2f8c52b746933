"""Calls of any operation, with the arguments that the table of operations declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._client import Client
from ..._model.errors import LiveStreamError
from ..._model.operations import OperationFacts

#: An ID that no vendor has assigned.
NO_STREAM = "an-id-of-the-kit"

#: How the core reports that an adapter raised an exception of another library.
_CRASHED = ("could not be read (", "the adapter failed (")


def call(
    client: Client,
    operation: OperationFacts,
    id: str = NO_STREAM,
    changes: Mapping[str, Any] | None = None,
) -> Any:
    """Call an operation with minimal arguments. For a list, read one page.

    Raises:
        LookupError: If the kit has no value for an argument.
    """
    known: dict[str, Mapping[str, Any]] = {
        "spec": {"title": "Lesson"},
        "query": {},
        "stream_id": {"id": id},
        "changes": changes or {"title": "Lesson"},
        "trim": {},
        "headers": {"headers": {}},
        "body": {"body": b"{}"},
        "secret": {"secret": "s"},
    }
    arguments: dict[str, Any] = {}
    for name in operation.takes:
        if name not in known:
            raise LookupError(f"the kit cannot call {operation.name}: it has no value for {name}")
        arguments |= known[name]
    method = "pages" if "query" in operation.takes else operation.name
    return getattr(client, method)(**arguments)


def has_crashed(error: LiveStreamError) -> bool:
    """Return whether the adapter failed with an exception of another library."""
    return any(words in error.message for words in _CRASHED)
