"""The public modules, each of which has ``__all__``."""

from __future__ import annotations

import livestream_core as live
from livestream_core import (
    contrib,
    durable,
    emulator,
    events,
    memory,
    migrate,
    sharing,
    telemetry,
    testing,
    webhooks,
)
from livestream_core.contrib import asgi, django, fastapi, flask, wsgi
from livestream_core.testing import conformance, strategies

PUBLIC = (
    live,
    contrib,
    asgi,
    django,
    fastapi,
    flask,
    wsgi,
    durable,
    emulator,
    events,
    memory,
    migrate,
    sharing,
    telemetry,
    testing,
    strategies,
    conformance,
    webhooks,
)
