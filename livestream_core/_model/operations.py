"""The table of operations: what is said of each is said here, and derived everywhere else."""

from __future__ import annotations

from typing import NamedTuple

from .status import Status


class OperationFacts(NamedTuple):
    """What is said of one operation. Clients have it written out, for their types and texts.

    Attributes:
        name: The method of clients and of adapters.
        changes: Whether it changes something at the vendor.
        takes: The arguments of the adapter's method.
        feature: The feature that declares it, if that has another name.
        parts: Features that declare what only some providers do of it.
        on: The status of a stream on which it succeeds and shows; ``None`` is a stream that was
            just made.
        sends: Whether it sends requests.
    """

    name: str
    changes: bool
    takes: tuple[str, ...]
    feature: str = ""
    parts: tuple[str, ...] = ()
    on: Status | None = None
    sends: bool = True


_ROWS = (
    OperationFacts("create", True, ("spec",), parts=("schedule",)),
    OperationFacts("get", False, ("stream_id",)),
    OperationFacts("list", False, ("query",)),
    OperationFacts("update", True, ("stream_id", "changes")),
    OperationFacts("start", True, ("stream_id",)),
    OperationFacts("stop", True, ("stream_id", "trim"), parts=("trim",), on=Status.LIVE),
    OperationFacts("cancel", True, ("stream_id",)),
    OperationFacts("delete", True, ("stream_id",)),
    OperationFacts(
        "parse_webhook", False, ("headers", "body", "secret"), feature="webhook", sends=False
    ),
)

#: By name, in the order of a stream's life.
OPERATION_TABLE: dict[str, OperationFacts] = {
    row.name: row if row.feature else row._replace(feature=row.name) for row in _ROWS
}


def check_methods(kind: type) -> None:
    """Check that a class has a method for every operation.

    Raises:
        TypeError: One is missing.
    """
    for name in OPERATION_TABLE:
        if not hasattr(kind, name):
            raise TypeError(
                f"{kind.__name__} has no method {name}(), which is in the table of operations"
            )
