"""Registration of the model's types with hypothesis, for ``from_type`` and ``builds``.

Hypothesis runs this whenever it is imported, so the strategies themselves are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import livestream_core as live

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: The types that hypothesis could not generate itself, or not well, and their strategies.
STRATEGIES: dict[type[Any], str] = {
    live.Event: "events",
    live.Ingest: "ingests",
    live.LiveStream: "live_streams",
    live.MaskedMapping: "payloads",
    live.Page: "pages",
    live.Playback: "playbacks",
    live.Query: "queries",
    live.Recording: "recordings",
    live.RestreamTarget: "restream_targets",
    live.Secret: "secrets",
    live.SecretUrl: "secret_urls",
    live.StreamSpec: "stream_specs",
    live.Trim: "trims",
    live.Webhook: "webhooks",
}


def register() -> None:
    """Register the strategies. Hypothesis calls this."""
    from hypothesis.strategies import register_type_strategy

    for kind in STRATEGIES:
        register_type_strategy(kind, _strategy)


def _strategy(kind: type[Any]) -> SearchStrategy[Any]:
    strategies = import_module("livestream_core.testing.strategies")
    strategy: SearchStrategy[Any] = getattr(strategies, STRATEGIES[kind])()
    return strategy
