"""The types of a client, as type checkers see them: results, arguments, and refused calls.

mypy and pyright read this file, and it is never run. A comment that ignores an error is an
assertion: both checkers fail if that error does not occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Unpack, assert_type

import livestream_core as live


def a_name_that_does_not_exist() -> None:
    live.conect("acme")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def connecting() -> None:
    assert_type(live.connect("acme"), live.Client)
    assert_type(live.connect("acme", timeout=(5, 30), require=[live.Feature.TRIM]), live.Client)
    live.connect("acme", token=live.Secret("t"), environ={}, allow_http_hosts={"vendor.test"})
    live.connect("acme", base_url="http://127.0.0.1:8000", channel="news", retries=0)
    live.connect(provider="acme")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    live.connect("acme", retries="4")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with live.connect("acme") as client:
        assert_type(client, live.Client)
    assert_type(live.providers(), Mapping[str, live.AdapterInfo])


def what_a_client_gives(client: live.Client, body: bytes) -> None:
    assert_type(client.create(title="News"), live.LiveStream)
    assert_type(client.get("s1"), live.LiveStream)
    assert_type(client.update("s1", title="Late news"), live.LiveStream)
    assert_type(client.start("s1"), live.LiveStream)
    assert_type(client.stop("s1"), live.LiveStream)
    assert_type(client.stop("s1", trim=live.Trim.relative(30, 120)), live.LiveStream)
    assert_type(client.cancel("s1"), live.LiveStream)
    assert_type(client.wait("s1", until=live.Status.LIVE, timeout=60), live.LiveStream)
    assert_type(client.check(deadline=1), live.Check)
    assert_type(client.probe("s1", allow_addresses=["::1"]), live.Playability)
    assert_type(client.parse_stream({"id": "s1"}), live.LiveStream)
    assert_type(client.parse_webhook({"X-Token": "t"}, body), live.Event)
    assert_type(client.parse_webhook([("X-Token", "t")], body, secret="t"), live.Event)
    assert_type(client.pages(size=50), live.Page)
    assert_type(client.list(), live.StreamList)
    assert_type(client.supports("trim"), bool)
    assert_type(client.capabilities, live.Capabilities)
    assert_type(client.account, str)
    assert_type(client.provider, str)
    assert_type(client.close(), None)
    assert_type(client.delete("s1"), None)


# -- create and update ----------------------------------------------------------------------


def creating(client: live.Client, spec: live.StreamSpec, start: datetime) -> None:
    client.create(spec)
    client.create(spec, on_unsupported="drop")
    client.create(
        title="News",
        description=None,
        scheduled_start=start,
        record=True,
        recording_drm=False,
        latency=live.Latency.LOW,
        tags=["daily"],
        thumbnail_url="https://a.test/b.png",
        playback_url=None,
        restreams=[live.RestreamTarget("rtmp://a.test/live", "key")],
        options={"region": "eu"},
        on_unsupported="drop",
    )
    client.create(title="News", scheduled_start="2026-12-05T15:30:00+05:30", latency="low")


def creating_wrongly(client: live.Client, spec: live.StreamSpec) -> None:
    client.create()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.create(tags=["daily"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.create(title="News", colour="red")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.create(spec, title="News")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.create("News")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.create(title=None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.create(title="News", scheduled_start=1764930600)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.create(title="News", tags=None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.create(spec, on_unsupported="ignore")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def updating(client: live.Client) -> None:
    client.update("s1", title="Late news", scheduled_start="2026-12-05T16:30:00Z")
    client.update("s1", description=None, tags=None, restreams=None, latency=None, options=None)
    client.update("s1", title=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.update("s1", colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.update("s1", record="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def from_outside(client: live.Client, form: dict[str, Any], options: dict[str, Any]) -> None:
    client.create(**form)
    client.update("s1", **form)
    assert_type(live.connect("acme", environ={}, **options), live.Client)


class Tenant:
    """A platform's own layer, with the same arguments as the library's."""

    def __init__(self, client: live.Client) -> None:
        self.client = client

    def announce(self, **fields: Unpack[live.StreamFields]) -> live.LiveStream:
        return self.client.create(**fields)

    def correct(self, id: str, **changes: Unpack[live.StreamChanges]) -> live.LiveStream:
        return self.client.update(id, **changes)

    def until(self, id: str, until: live.Until) -> live.LiveStream:
        return self.client.wait(id, until=until, timeout=60)


def through_a_layer(tenant: Tenant) -> None:
    assert_type(tenant.announce(title="News", tags=("daily",)), live.LiveStream)
    tenant.announce(tags=("daily",))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    tenant.correct("s1", colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    tenant.until("s1", 404)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# -- lists, waiting, trims ------------------------------------------------------------------


def listing(client: live.Client, after: datetime) -> None:
    streams = client.list(status="ended", starts_after=after, tag="daily", limit=10)
    iterator: Iterator[live.LiveStream] = streams
    for stream in iterator:
        assert_type(stream, live.LiveStream)
    assert_type(streams.complete, live.Completeness)
    assert_type([stream.id for stream in client.list()], list[str])
    client.list(state="ended")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.list("ended")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def paging(client: live.Client) -> None:
    page = client.pages()
    assert_type(page.items, tuple[live.LiveStream, ...])
    assert_type(page.next_cursor, str | None)
    assert_type(page.total, int | None)
    client.pages(cursor=page.next_cursor)
    for stream in page:
        assert_type(stream, live.LiveStream)


def has_recording(stream: live.LiveStream) -> bool:
    return stream.recording is not None


def waiting(client: live.Client) -> None:
    client.wait("s1", until="live", timeout=60)
    client.wait("s1", until={live.Status.READY, live.Status.LIVE}, timeout=60, poll=1)
    client.wait("s1", until=["ready", live.Status.LIVE], timeout=0.5)
    client.wait("s1", until=has_recording, timeout=60)
    client.wait("s1", until=lambda stream: stream.status.is_final, timeout=60)
    client.wait("s1", until=lambda stream: stream.recording and stream.recording.url, timeout=60)
    client.wait("s1", until=live.Status.LIVE)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.wait("s1", until=None, timeout=60)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.wait("s1", until={1, 2}, timeout=60)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def trimming(client: live.Client, start: datetime, end: datetime) -> None:
    trim = live.Trim.relative(30, 120.5)
    assert_type(trim, live.Trim)
    assert_type(trim.start, int | datetime)
    assert_type(trim.is_relative, bool)
    assert_type(live.Trim.absolute(start, end).to_relative(start), live.Trim)
    assert_type(live.Trim.parse(30, 120).unix_times(), tuple[int, int])
    live.Trim.absolute(30, 120)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.Trim.relative("30", "120")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.stop("s1", trim=(30, 120))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.stop("s1", trim)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
