"""Moving streams from one account to another: look first, run, be interrupted, go on, prove it,
undo. Needs the extra ``migrate``."""

from .._public import publish as _publish
from .finishing.check import check
from .finishing.deleting import retire, rollback
from .finishing.handover import HandoverResult, handover, refresh, switched
from .ledger.ledger import Ledger, report
from .pace import RequestRate
from .pages import plan_html, report_html
from .planning.plan import plan
from .planning.translation import Transform
from .running.patience import PATIENCE
from .running.run import load_transform, run
from .values import (
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
