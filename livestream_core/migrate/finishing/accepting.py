"""Accept what needs review, unchanged."""

from __future__ import annotations

from collections.abc import Iterable

from ..._model.converters import text, with_field_name
from ..._model.errors import InvalidInput
from ...durable.database import clean
from ..ledger.ledger import Ledger
from ..running.run import Location
from ..values import Acceptance


def accept(
    ledger: Location, source_ids: Iterable[str] | str, *, because: str
) -> tuple[Acceptance, ...]:
    """Accept streams that were refused or need review, so that they need none any longer.

    An accepted stream is skipped, and not planned again. If it was created, but differs from its
    plan, it counts as created. A matching stream at the target that is not in the ledger is no
    longer reported. The report keeps what was accepted, and why. If one of the streams cannot be
    accepted, none is.

    Args:
        ledger: The migration's ledger.
        source_ids: The streams' IDs at the source, or the IDs of streams in ``Report.unowned``.
        because: Why they are accepted. The reason is kept in the ledger, so it must not contain a
            secret.

    Returns:
        What was accepted. Accepting a stream again changes nothing.

    Raises:
        LedgerError: If the ledger cannot be written.
        InvalidInput: If there is no reason, or a stream does not need review.
    """
    ids = [source_ids] if isinstance(source_ids, str) else list(source_ids)
    reason = clean(" ".join(with_field_name("because", text)(because).split()))
    if not reason:
        raise InvalidInput("because: must say why", field="because")
    with Ledger.open(ledger, write=True) as opened:
        accepted, wrong = opened.write(lambda transaction: transaction.accept(ids, reason))
    if wrong:
        raise InvalidInput(
            "source_ids: these streams do not need review, so there is nothing to accept: "
            f"{', '.join(wrong)}",
            field="source_ids",
        )
    return tuple(accepted)
