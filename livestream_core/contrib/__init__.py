"""Receivers of webhooks, which store each delivery before they answer, and doors for frameworks.

Each door is a module of its own, which is not imported here: ``wsgi`` and ``asgi`` need no
framework, and ``django``, ``flask``, and ``fastapi`` need the extra of the same name.
"""

from __future__ import annotations

from .._public import publish as _publish
from .receivers import AsyncReceiver, Receiver
from .receiving import Answer

__all__ = ["Answer", "AsyncReceiver", "Receiver"]

_publish(__name__, [Answer, AsyncReceiver, Receiver])


def __dir__() -> list[str]:
    return sorted(__all__)
