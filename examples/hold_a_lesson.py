"""Run a live lesson at several vendors, using the features that each of them supports.

    livestream sandbox --boot-seconds 3 --simulate > sandbox.env &
    sleep 1; . ./sandbox.env
    python examples/hold_a_lesson.py tpstreams videosdk tktchurch

The options of each provider come from environment variables. If a provider does not support a step,
the program prints the reason and continues without it. The exit code is 1 if a lesson failed.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

import livestream_core as live
from livestream_core import Feature, Status

TIMEOUT = 120.0  # seconds to wait for a server, for an encoder, and for a recording


def hold_lesson(client: live.Client, title: str, minutes: float) -> None:
    """Create a lesson, start it, stop it, and print the results."""

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
            print(f"  {client.provider} never reports the status {status}")
            continue
        stream = client.wait(stream.id, until=status, timeout=TIMEOUT)
        print(f"  status: {stream.status}")
        if status is Status.READY and stream.ingest:
            # The key is masked; pass stream_key.reveal() to the teacher's encoder.
            print(f"  publish to {stream.ingest.url} with the key {stream.ingest.stream_key}")

    if can(Feature.STOP):
        trim = live.Trim.relative(0, timedelta(minutes=50)) if can(Feature.TRIM) else None
        client.stop(stream.id, trim=trim)
        stream = client.wait(stream.id, until=Status.ENDED, timeout=TIMEOUT)
        print(f"  status: {stream.status}; recording: {stream.recording and stream.recording.url}")

    lessons = [each for each in client.list() if each.title == title]
    print(f"  lessons with this title: {len(lessons)}")


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("providers", nargs="+", metavar="PROVIDER")
    parser.add_argument("--title", default="Data science")
    parser.add_argument("--in-minutes", type=float, default=30.0, metavar="MINUTES")
    options = parser.parse_args(arguments)
    code = 0
    for provider in options.providers:
        print(provider)
        try:
            with live.connect(provider) as client:
                hold_lesson(client, options.title, options.in_minutes)
        except live.LiveStreamError as error:
            print(f"  {error}", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
