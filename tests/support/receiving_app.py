"""Applications with one receiver, for servers in processes of their own.

``RECEIVES`` is a JSON object: ``store``, the URL of the database, ``options``, those of the account
at the vendor ``memory``, and perhaps ``started``, a folder in which each process that has loaded
this module makes a file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import livestream_core as live
from livestream_core import contrib, events
from livestream_core.contrib import asgi, wsgi

ACCOUNT = "north-school"

_settings = json.loads(os.environ["RECEIVES"])
_client = live.connect(
    "memory", base_url="https://vendor.example", environ={}, options=_settings["options"]
)
_store = events.SQLAlchemyStore(_settings["store"])
_tracker = events.Tracker(_store, client_for={ACCOUNT: _client}.__getitem__)
app = wsgi.application(contrib.Receiver(_tracker))

_async_client = live.connect_async(
    "memory", base_url="https://vendor.example", environ={}, options=_settings["options"]
)
_async_tracker = events.AsyncTracker(_store, client_for={ACCOUNT: _async_client}.__getitem__)
asgi_app = asgi.application(contrib.AsyncReceiver(_async_tracker))

if "started" in _settings:
    Path(_settings["started"], str(os.getpid())).touch()
