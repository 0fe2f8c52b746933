"""Calls of any operation, with the arguments that the table of operations declares."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..._client import Client
from ..._contract.capabilities import Capabilities
from ..._model.errors import LiveStreamError
from ..._model.operations import OperationFacts
from ..._model.status import Status
from ..field_values import another_value, updatable_fields, values_of

#: An ID that no vendor has assigned.
NO_STREAM = "an-id-of-the-kit"
#: A value for each filter of a list.
FILTERED: dict[str, Any] = {
    "status": Status.ENDED,
    "tag": "a",
    "starts_after": "2030-01-15T09:30:00Z",
    "starts_before": "2030-01-15T09:30:00Z",
    "reference": "a",
}

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
        "changes": changes or _change(client.capabilities),
        "trim": {},
        "headers": {"headers": {}},
        "body": {"body": b"{}"},
        "secret": {"secret": "s"},
        "url": {"url": "https://receiver.example/kit"},
        "webhook_id": {"webhook_id": NO_STREAM},
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


def _change(capabilities: Capabilities) -> Mapping[str, Any]:
    """Return a change of the first field that can be updated, or of the title if none can."""
    name = next(iter(updatable_fields(capabilities)), "title")
    return {name: another_value(name, partial(values_of, capabilities))}
