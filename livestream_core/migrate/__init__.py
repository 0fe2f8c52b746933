"""Moving streams from one account to another: look first, run, be interrupted, go on, prove it,
undo. Needs the extra ``migrate``."""

from .._public import publish as _publish
from ._checking import check
from ._handover import HandoverResult, handover, refresh, switched
from ._ledger import Ledger, report
from ._pace import RequestRate
from ._pages import plan_html, report_html
from ._patience import PATIENCE
from ._planning import plan
from ._running import load_transform, run
from ._translate import Transform
from ._undoing import retire, rollback
from ._values import (
    GUARD,
    SETTLE,
    CheckedItem,
    CheckResult,
    Cutover,
    DeletedItem,
    DeleteResult,
    Fate,
    FieldFate,
    Item,
    ItemState,
    LedgerError,
    MigrationStopped,
    Plan,
    PlannedItem,
    PlanSettings,
    Report,
    RunResult,
    Verdict,
)

__all__ = [
    "GUARD",
    "PATIENCE",
    "SETTLE",
    "CheckResult",
    "CheckedItem",
    "Cutover",
    "DeleteResult",
    "DeletedItem",
    "Fate",
    "FieldFate",
    "HandoverResult",
    "Item",
    "ItemState",
    "Ledger",
    "LedgerError",
    "MigrationStopped",
    "Plan",
    "PlanSettings",
    "PlannedItem",
    "Report",
    "RequestRate",
    "RunResult",
    "Transform",
    "Verdict",
    "check",
    "handover",
    "load_transform",
    "plan",
    "plan_html",
    "refresh",
    "report",
    "report_html",
    "retire",
    "rollback",
    "run",
    "switched",
]

_publish(__name__, [globals()[name] for name in __all__])
