"""The table of operations, from which all other lists of operations are derived."""

from __future__ import annotations

from typing import NamedTuple

from .status import Status


class OperationFacts(NamedTuple):
    """The facts about one operation.

    The clients spell out their methods, for the sake of types and docstrings.

    Attributes:
        name: The name of the method of clients and adapters.
        changes: Whether the operation changes something at the vendor.
        takes: The arguments of the adapter's method.
        feature: The feature that declares it, if its name differs. Several operations may have the
            same one; the first is its main operation.
        parts: The features that declare optional parts of it.
        on: The status in which a stream allows it, with a visible effect. ``None`` means a stream
            that was just created.
        sends: Whether the operation sends requests.
    """

    name: str
    changes: bool
    takes: tuple[str, ...]
    feature: str = ""
    parts: tuple[str, ...] = ()
    on: Status | None = None
    sends: bool = True

    @property
    def is_about_stream(self) -> bool:
        """Whether the operation creates a stream, or is about one."""
        return not {"spec", "stream_id"}.isdisjoint(self.takes)


_ROWS = (
    OperationFacts("create", True, ("spec",), parts=("schedule",)),
    OperationFacts("get", False, ("stream_id",)),
    OperationFacts("list", False, ("query",)),
    OperationFacts("update", True, ("stream_id", "changes")),
    OperationFacts("start", True, ("stream_id",)),
    OperationFacts("reset_key", True, ("stream_id",), on=Status.READY),
    OperationFacts("disable", True, ("stream_id",), on=Status.READY),
    OperationFacts("enable", True, ("stream_id",), on=Status.DISABLED),
    OperationFacts("stop", True, ("stream_id", "trim"), parts=("trim",), on=Status.LIVE),
    OperationFacts("recordings", False, ("stream_id",)),
    OperationFacts("cancel", True, ("stream_id",)),
    OperationFacts("delete", True, ("stream_id",)),
    OperationFacts(
        "parse_webhook", False, ("headers", "body", "secret"), feature="webhook", sends=False
    ),
    OperationFacts("webhooks", False, (), feature="manage_webhooks"),
    OperationFacts("register_webhook", True, ("url", "secret"), feature="manage_webhooks"),
    OperationFacts("delete_webhook", True, ("webhook_id",), feature="manage_webhooks"),
)

#: The operations by name, in the order of a stream's life.
OPERATION_TABLE: dict[str, OperationFacts] = {
    row.name: row if row.feature else row._replace(feature=row.name) for row in _ROWS
}


def check_methods(kind: type) -> None:
    """Check that a class has a method for every operation.

    Raises:
        TypeError: If a method is missing.
    """
    for name in OPERATION_TABLE:
        if not hasattr(kind, name):
            raise TypeError(
                f"{kind.__name__} has no method {name}(), which is in the table of operations"
            )
