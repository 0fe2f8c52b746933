"""How ``ledger_0_1.db`` was made: a migration that version 0.1 began, stopped after two creates.

The ledger is never made anew: it stands for those that users have. A test fills both accounts
again as they were then, and resumes it. To make one of a later version, run this file with a new
name: ``python tests/frozen/stored_ledger.py tests/frozen/ledger_0_2.db``.
"""

from __future__ import annotations

import sys

import attrs

import livestream_core as live
from livestream_core import memory, migrate

#: How many were created before it was stopped.
CREATED = 2

#: What the source has, each with other fields; the made-up keys are in nobody's use.
STREAMS: tuple[live.StreamSpec, ...] = (
    live.StreamSpec(title="Only a start", scheduled_start="2090-01-01T10:00:00Z"),
    live.StreamSpec(
        title="Everything",
        description="All that a spec can say.",
        scheduled_start="2090-01-02T10:00:00.250000Z",
        record=True,
        recording_drm=True,
        latency="low",
        tags=["maths", "Körper"],
        thumbnail_url="https://pictures.example/1.png",
        restreams=[live.RestreamTarget("rtmp://other.example/live", "made-up-key-1")],
    ),
    live.StreamSpec(title="Not recorded", scheduled_start="2090-01-03T10:00:00Z", record=False),
    live.StreamSpec(
        title="A restream without a key",
        scheduled_start="2090-01-04T10:00:00Z",
        restreams=[live.RestreamTarget("rtmp://other.example/live")],
    ),
    live.StreamSpec(
        title="Hosted elsewhere",
        scheduled_start="2090-01-05T10:00:00Z",
        playback_url="https://cdn.example/live/index.m3u8",
    ),
    live.StreamSpec(
        title="Options of its own", scheduled_start="2090-01-06T10:00:00Z", tags=["options"]
    ),
    live.StreamSpec(
        title="Everything again",
        description="Pending.",
        scheduled_start="2090-01-07T10:00:00Z",
        record=True,
        recording_drm=False,
        latency="ultra_low",
        tags=["b", "a"],
        thumbnail_url="https://pictures.example/2.png",
        restreams=[
            live.RestreamTarget("rtmp://other.example/live", "made-up-key-2"),
            live.RestreamTarget("rtmps://third.example/app", "made-up-key-3"),
        ],
    ),
    # Addresses of which a version may find that they hold a secret, and another not.
    live.StreamSpec(
        title="Signed in one way",
        scheduled_start="2090-01-08T10:00:00Z",
        playback_url="https://cdn.example/live/index.m3u8?token=made-up-token",
        thumbnail_url="https://pictures.example/3.png?signature=made-up",
    ),
    live.StreamSpec(
        title="Signed in another way",
        scheduled_start="2090-01-09T10:00:00Z",
        playback_url="https://cdn.example/live/index.m3u8?hdnea=exp=1~acl=/*~hmac=made-up",
        thumbnail_url="https://pictures.example/4.png?wowzatokenhash=made-up",
    ),
    live.StreamSpec(
        title="A restream with its key in the address",
        scheduled_start="2090-01-10T10:00:00Z",
        restreams=[
            live.RestreamTarget("rtmp://other.example/live/made-up-key-4", "made-up-key-4"),
            live.RestreamTarget("rtmp://other.example/live?pass=made-up-key-5", "made-up-key-5"),
        ],
    ),
)


def transform(stream: live.LiveStream, spec: live.StreamSpec) -> live.StreamSpec:
    """What the migration was planned with."""
    if "options" not in stream.tags:
        return spec
    return attrs.evolve(spec, options={"room": 4, "seats": {"front": 2}})


def fill(client: live.Client) -> None:
    """Gives an empty account the streams of the source."""
    for spec in STREAMS:
        client.create(spec)


def main(path: str) -> None:
    memory.reset()
    with (
        live.connect("memory", account="old") as source,
        live.connect("memory", account="new") as target,
    ):
        fill(source)
        plan = migrate.plan(source, target, transform=transform)
        migrate.run(plan, ledger=path, workers=1, max_create=CREATED, settle=0.1)


if __name__ == "__main__":
    # The ledger names the transform by its module.
    transform.__module__ = "stored_ledger"
    main(sys.argv[1])
