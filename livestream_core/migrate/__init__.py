"""Move streams between accounts: plan, run, resume, check, hand over, and roll back.

Requires the ``migrate`` extra.
"""

from typing import TYPE_CHECKING

from .._formerly import names_of as _names_of
from .._public import publish as _publish
from .finishing.accepting import accept
from .finishing.check import check
from .finishing.deleting import retire, rollback
from .finishing.handover import HandoverResult, handover, mark_switched, refresh_cutovers
from .ledger.ledger import Ledger, history, report
from .pace import RequestRate
from .pages import plan_html, report_html
from .patience import PATIENCE
from .planning.plan import plan
from .planning.saved import load_plan, save_plan
from .planning.translation import Transform
from .running.run import load_transform, run
from .values import (
    DEFAULT_LEAD_TIME,
    DEFAULT_SETTLE_SECONDS,
    Acceptance,
    CheckedItem,
    CheckResult,
    Cutover,
    DeletedItem,
    DeleteResult,
    FieldOutcome,
    FieldResult,
    History,
    Item,
    ItemState,
    LedgerError,
    MigrationStopped,
    OtherLedger,
    PatienceExceeded,
    Plan,
    PlannedItem,
    PlanSettings,
    Report,
    RunResult,
    Try,
    Verdict,
)

__all__ = [
    "Acceptance",
    "CheckResult",
    "CheckedItem",
    "Cutover",
    "DEFAULT_LEAD_TIME",
    "DEFAULT_SETTLE_SECONDS",
    "DeleteResult",
    "DeletedItem",
    "FieldOutcome",
    "FieldResult",
    "HandoverResult",
    "History",
    "Item",
    "ItemState",
    "Ledger",
    "LedgerError",
    "MigrationStopped",
    "PatienceExceeded",
    "OtherLedger",
    "PATIENCE",
    "Plan",
    "PlanSettings",
    "PlannedItem",
    "Report",
    "RequestRate",
    "RunResult",
    "Transform",
    "Try",
    "Verdict",
    "accept",
    "check",
    "handover",
    "history",
    "load_plan",
    "load_transform",
    "mark_switched",
    "plan",
    "plan_html",
    "refresh_cutovers",
    "report",
    "report_html",
    "retire",
    "rollback",
    "run",
    "save_plan",
]

_publish(__name__, [globals()[name] for name in __all__])

if not TYPE_CHECKING:  # pickles from version 0.1 use these names
    __getattr__ = _names_of(__name__)
