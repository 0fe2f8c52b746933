"""The public modules, each of which has ``__all__``."""

from __future__ import annotations

import livestream_core as live
from livestream_core import (
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
from livestream_core.testing import conformance, strategies

PUBLIC = (
    live,
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
