"""Holds a lesson at several vendors, as far as each of them can.

    livestream sandbox --boot-seconds 3 --simulate > sandbox.env &
    sleep 1; . ./sandbox.env
    python examples/hold_a_lesson.py tpstreams videosdk tktchurch

The options of each provider come from the environment. Where a vendor lacks a step, the same
code goes on without it, and says why. The exit code is 1 if a lesson could not be held.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

import livestream_core as live
from livestream_core import Feature, Status

PATIENCE = 120.0  # seconds for a server to boot, for an encoder, and for a recording


def hold(client: live.Client, title: str, minutes: float) -> None:
    """Announces a lesson, starts it, ends it, and shows what there is afterwards."""

    def can(feature: Feature) -> bool:
        capability = client.capabilities[feature]
        if not capability:
            print(f"  without {feature}: {capability.reason}")
        return bool(capability)

    start = datetime.now(UTC) + timedelta(minutes=minutes)
    if can(Feature.SCHEDULE):
        stream = client.create(title=title, scheduled_start=start)
        stream = client.start(stream.id)  # the teacher is early
    else:
        stream = client.create(title=title)

    for status in (Status.READY, Status.LIVE):
        if status not in client.capabilities.statuses:
            print(f"  {client.provider} does not say whether it is {status}")
            continue
        stream = client.wait(stream.id, until=status, timeout=PATIENCE)
        print(f"  it is {stream.status}")
        if status is Status.READY and stream.ingest:
            # The key is hidden; .reveal() gives it to the teacher's encoder.
            print(f"  publish to {stream.ingest.url} with the key {stream.ingest.stream_key}")

    if can(Feature.STOP):
        trim = live.Trim.relative(0, timedelta(minutes=50)) if can(Feature.TRIM) else None
        client.stop(stream.id, trim=trim)
        stream = client.wait(stream.id, until=Status.ENDED, timeout=PATIENCE)
        print(f"  it is {stream.status}; recording: {stream.recording and stream.recording.url}")

    held = [each for each in client.list() if each.title == title]
    print(f"  lessons of this name: {len(held)}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the program, and gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("providers", nargs="+", metavar="PROVIDER")
    parser.add_argument("--title", default="Data science")
    parser.add_argument("--in-minutes", type=float, default=30.0, metavar="MINUTES")
    asked = parser.parse_args(arguments)
    code = 0
    for provider in asked.providers:
        print(provider)
        try:
            with live.connect(provider) as client:
                hold(client, asked.title, asked.in_minutes)
        except live.LiveStreamError as error:
            print(f"  {error}", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
