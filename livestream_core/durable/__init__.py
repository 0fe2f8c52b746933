"""Create each stream once, whatever is interrupted, killed, or repeated.

Requires the ``durable`` extra.
"""

from .._public import publish as _publish
from .creates import AsyncCreates, Creates
from .store import tables
from .values import CreateState, CreateStatus, NeedsReview, NotSettled, ReviewCause

__all__ = [
    "AsyncCreates",
    "CreateState",
    "CreateStatus",
    "Creates",
    "NeedsReview",
    "NotSettled",
    "ReviewCause",
    "tables",
]

_publish(__name__, [globals()[name] for name in __all__])
