"""How any operation is called, from what the table of operations says that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._client import Client
from ..._model.operations import OperationFacts

#: An id that no vendor has given.
NO_STREAM = "an-id-of-the-kit"


def call(
    client: Client,
    operation: OperationFacts,
    id: str = NO_STREAM,
    changes: Mapping[str, Any] | None = None,
) -> Any:
    """Call an operation with the least that it takes. Of a list, one page is read.

    Raises:
        LookupError: The kit does not know what to give it.
    """
    given: dict[str, Mapping[str, Any]] = {
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
        if name not in given:
            raise LookupError(f"the kit cannot call {operation.name}: it has no {name} to give")
        arguments |= given[name]
    method = "pages" if "query" in operation.takes else operation.name
    return getattr(client, method)(**arguments)
