"""Every public error class, and the arguments of each except the message."""

from __future__ import annotations

import inspect

import livestream_core as live

ERRORS = [
    value
    for value in map(live.__dict__.get, live.__all__)
    if inspect.isclass(value) and issubclass(value, live.LiveStreamError)
]
STREAM = live.LiveStream(provider="acme", id="1", title="T", status="live")
EXTRAS = {
    live.InvalidInput: {"field": "title"},
    live.Unsupported: {"features": ("trim",)},
    live.Conflict: {"status": live.Status.LIVE},
    live.Rejected: {"fields": {"title": ("too long",)}},
    live.UnexpectedResponse: {"streams": (STREAM, STREAM)},
    live.RateLimited: {"retry_after": 3.0},
    live.WaitFailed: {"stream": STREAM},
    live.StreamFailed: {"stream": STREAM},
    live.WaitTimeout: {"stream": STREAM},
}
