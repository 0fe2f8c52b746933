"""How ``pickles_0_1.json`` was made: one of every public value and error, as task queues hold them.

The pickles are never made anew: they stand for those that users have queued. To add those of a
later version, run this file with a new name:
``python tests/frozen/stored_values.py tests/frozen/pickles_0_2.json``. All keys in them are made up.
"""

from __future__ import annotations

import base64
import json
import pickle
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import livestream_core as live
from livestream_core import migrate
from livestream_core.emulator import Fault

NOON = datetime(2026, 12, 5, 12, 0, 0, 250000, tzinfo=UTC)

STREAM = live.LiveStream(
    provider="acme",
    id="7",
    title="Algebra",
    description="Lesson 1",
    status=live.Status.LIVE,
    provider_status="on-air",
    scheduled_start=NOON,
    started_at=NOON,
    created_at=NOON - timedelta(days=1),
    ingests=(live.Ingest("rtmp://ingest.example/live", live.Secret("made-up-key-1")),),
    playbacks=(
        live.Playback("https://watch.example/7.m3u8"),
        live.Playback(live.SecretUrl("https://watch.example/7?signature=made-up")),
    ),
    record=True,
    recording=live.Recording(live.RecordingStatus.PENDING),
    recording_drm=False,
    restreams=(live.RestreamTarget("rtmp://other.example/app", live.Secret("made-up-key-2")),),
    tags=("maths",),
    thumbnail_url="https://pictures.example/7.png",
    chat_url="https://chat.example/7",
    latency=live.Latency.LOW,
    raw={"id": 7, "nested": {"list": [1, None]}},
)
SPEC = live.StreamSpec(
    title="Algebra",
    scheduled_start=NOON,
    latency="low",
    tags=["maths"],
    restreams=[live.RestreamTarget("rtmp://other.example/app", "made-up-key-2")],
    options={"room": 4},
)
ABSOLUTE = live.Trim.absolute(NOON, NOON + timedelta(minutes=5))

VALUES: dict[str, Any] = {
    "Secret": live.Secret("made-up-key-1"),
    "SecretUrl": live.SecretUrl("https://watch.example/7?signature=made-up"),
    "MaskedMapping": live.MaskedMapping({"a": {"b": [1]}}),
    "LiveStream": STREAM,
    "Ingest": STREAM.ingests[0],
    "Playback": STREAM.playbacks[1],
    "Recording": live.Recording("ready", "https://watch.example/r.m3u8", None, 61.5),
    "RestreamTarget": STREAM.restreams[0],
    "StreamSpec": SPEC,
    "Event": live.Event(
        provider="acme",
        kind=live.EventKind.STREAM_CHANGED,
        stream_id="7",
        stream=STREAM,
        occurred_at=NOON,
        raw={"type": "changed"},
    ),
    "Trim relative": live.Trim.relative(1.5, 90),
    "Trim absolute": ABSOLUTE,
    "Status": live.Status.READY,
    "Latency": live.Latency.ULTRA_LOW,
    "RecordingStatus": live.RecordingStatus.UNKNOWN,
    "EventKind": live.EventKind.OTHER,
    "PlaybackKind": live.PlaybackKind.DASH,
    "Completeness": live.Completeness.MISMATCHED,
    "Feature": live.Feature.TRIM,
    "Support": live.Support.EMULATED,
    "Capability": live.Capability(live.Support.EMULATED, "by two requests"),
    "Query": live.Query(status=live.Status.LIVE, starts_after=NOON, tag="maths", cursor="2"),
    "Page": live.Page([STREAM], next="3", total=4),
    "Session": live.Session(
        {"Authorization": "Bearer made-up"}, NOON, {"refresh": "made-up"}, True, "0" * 32
    ),
    "AdapterInfo": live.AdapterInfo(name="acme", title="Acme", factory="acme:Acme"),
    "Timeout": live.Timeout(1.0, 2.0, 9.0),
    "WallClock": live.WallClock(timezone(timedelta(hours=5, minutes=30))),
    "Headers": live.Headers({"Retry-After": "3"}),
    "Request": live.Request(
        method="POST", template="/v1/streams/{id}", values={"id": "7"}, json={"a": [1]}
    ),
    "Exchange": live.Exchange(
        provider="acme",
        account="acme:1",
        operation="get",
        stream_id="7",
        method="GET",
        template="/v1/streams/{id}",
        status=200,
        error=None,
        elapsed=timedelta(seconds=1),
        attempt=1,
    ),
    "migrate.FieldFate": migrate.FieldResult("tags", migrate.FieldOutcome.DROPPED, "no place"),
    "migrate.PlanSettings": migrate.PlanSettings(guard=timedelta(minutes=5), mark=True),
    "migrate.Item": migrate.Item(
        source_id="7", title="Algebra", state=migrate.ItemState.CREATED, target_id="8", spec=SPEC
    ),
    "migrate.CheckedItem": migrate.CheckedItem(
        source_id="7", target_id="8", title="Algebra", verdict=migrate.Verdict.EQUAL
    ),
    "migrate.DeletedItem": migrate.DeletedItem(
        source_id="7", target_id="8", title="Algebra", deleted=True
    ),
    "migrate.Cutover": migrate.Cutover.SWITCHED,
    "emulator.Fault": Fault.drop_after(),
}

_CONTEXT: dict[str, Any] = {
    "provider": "acme",
    "account": "acme:1",
    "operation": "create",
    "stream_id": "7",
    "applied": None,
    "retryable": False,
    "http_status": 500,
    "request_id": "r-1",
    "body": "a body",
    "hint": "look first",
}
#: What single errors have besides.
_OWN: dict[str, dict[str, Any]] = {
    "InvalidInput": {"field": "title"},
    "Unsupported": {"features": ("trim",)},
    "Conflict": {"status": live.Status.ENDED},
    "Rejected": {"fields": {"title": ("too long",)}},
    "RateLimited": {"retry_after": 3.0},
    "ProviderUnavailable": {"retry_after": 3.0},
    "WaitFailed": {"stream": STREAM},
    "StreamFailed": {"stream": STREAM},
    "WaitTimeout": {"stream": STREAM},
}
ERRORS: dict[str, live.LiveStreamError] = {
    each.__name__: each("it went wrong", **_CONTEXT, **_OWN.get(each.__name__, {}))
    for module in (live, migrate)
    for each in map(module.__dict__.get, module.__all__)
    if isinstance(each, type) and issubclass(each, live.LiveStreamError)
}
#: The attributes that an error was given.
GIVEN: dict[str, dict[str, Any]] = {
    name: {"message": "it went wrong", **_CONTEXT, **_OWN.get(name, {})} for name in ERRORS
}


def main(path: str) -> None:
    pickled = {
        name: base64.b64encode(pickle.dumps(value, protocol=4)).decode()
        for name, value in {**VALUES, **ERRORS}.items()
    }
    Path(path).write_text(json.dumps(pickled, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
