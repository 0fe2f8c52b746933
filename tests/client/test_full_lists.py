"""Lists of vendors whose lists lack fields, references, and vendors without titles."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

import livestream_core as live
from livestream_core.emulator import Fault
from runners import connect
from untitled import SparseEmulator, UntitledEmulator

pytestmark = pytest.mark.usefixtures("small_vendors", "runner")


@pytest.fixture
def vendor() -> SparseEmulator:
    return SparseEmulator()


@pytest.fixture
def client(vendor: SparseEmulator, runner: None) -> Iterator[live.Client]:
    with connect("sparse", transport=vendor.transport(), **vendor.options()) as client:
        yield client


def made(client: live.Client, count: int) -> list[live.LiveStream]:
    return [
        client.create(
            title=f"Lesson {at}", reference=f"lesson-{at}", tags=["odd"] if at % 2 else []
        )
        for at in range(count)
    ]


def reads(vendor: SparseEmulator) -> int:
    return sum(each.method == "GET" and each.path != "/lives" for each in vendor.requests)


def test_a_list_is_not_read_in_full_unless_asked(
    client: live.Client, vendor: SparseEmulator
) -> None:
    made(client, 3)
    assert [each.reference for each in client.list()] == [None] * 3
    assert reads(vendor) == 0


def test_a_full_list_contains_what_get_returns_and_is_still_proven_complete(
    client: live.Client, vendor: SparseEmulator
) -> None:
    vendor.page_size = 2
    streams = made(client, 5)
    found = client.list(full=True)
    assert list(found) == streams
    assert found.complete is live.Completeness.PROVEN


def test_a_full_page_contains_what_get_returns(client: live.Client, vendor: SparseEmulator) -> None:
    vendor.page_size = 2
    streams = made(client, 3)
    page = client.pages(full=True)
    assert [*page.items, *client.pages(full=True, cursor=page.next_cursor)] == streams


def test_no_more_streams_are_read_than_the_limit_asks_for(
    client: live.Client, vendor: SparseEmulator
) -> None:
    streams = made(client, 6)
    assert list(client.list(full=True, limit=2)) == streams[:2]
    assert reads(vendor) == 2


def test_a_filter_on_a_lacking_field_is_refused_with_a_hint(client: live.Client) -> None:
    for filters in ({"tag": "odd"}, {"reference": "lesson-1"}):
        for call in (client.list, client.pages):
            with pytest.raises(live.Unsupported) as caught:
                call(**filters)
            assert caught.value.features == (*filters,)
            assert "full=True" in str(caught.value.hint)


def test_a_filter_on_a_lacking_field_is_applied_to_the_full_streams(client: live.Client) -> None:
    streams = made(client, 4)
    assert list(client.list(tag="odd", full=True)) == [streams[1], streams[3]]
    assert list(client.list(tag="odd", full=True, limit=1)) == [streams[1]]
    assert [*client.pages(reference="lesson-2", full=True)] == [streams[2]]
    assert list(client.list(reference="lesson", full=True)) == []


def test_a_stream_that_is_gone_meanwhile_is_left_out_of_a_complete_list(
    client: live.Client, vendor: SparseEmulator
) -> None:
    streams = made(client, 3)
    vendor.inject(Fault.status(404), on=f"GET /lives/{streams[1].id}")
    found = client.list(full=True)
    assert list(found) == [streams[0], streams[2]]
    assert found.complete is live.Completeness.PROVEN
    vendor.inject(Fault.status(404), on=f"GET /lives/{streams[1].id}")
    assert [*client.pages(full=True)] == [streams[0], streams[2]]


def test_a_failed_read_fails_the_page_and_the_next_call_resumes_there(
    client: live.Client, vendor: SparseEmulator
) -> None:
    streams = made(client, 4)
    vendor.inject(Fault.status(403), on=f"GET /lives/{streams[2].id}")
    found = client.list(full=True)
    with pytest.raises(live.PermissionDenied) as caught:
        list(found)
    assert caught.value.stream_id == streams[2].id
    before = len(vendor.requests)
    assert list(found) == streams
    assert len(vendor.requests) - before == 2, "streams were read again"
    assert found.complete is live.Completeness.PROVEN


def test_the_deadline_of_a_page_covers_all_of_its_reads(vendor: SparseEmulator) -> None:
    clock = live.ManualClock()
    with connect(
        "sparse", transport=vendor.transport(), clock=clock, retries=0, **vendor.options()
    ) as client:
        streams = made(client, 3)
        plain = client._adapter.get

        def slow(stream_id: str) -> live.Operation[live.LiveStream]:
            clock.sleep(4)
            return (yield from plain(stream_id))

        client._adapter.get = slow
        found = client.list(full=True, deadline=10)
        with pytest.raises(live.RequestTimeout):
            list(found)
        assert list(found) == streams


def test_an_unreadable_stream_is_collected_where_that_is_asked_for(
    client: live.Client, vendor: SparseEmulator
) -> None:
    streams = made(client, 2)
    vendor.inject(Fault.edited(lambda data, _: {"id": None}), on=f"GET /lives/{streams[1].id}")
    found = client.list(full=True, on_unreadable="collect")
    assert list(found) == [streams[0]]
    assert [each.id for each in found.unreadable] == [streams[1].id]
    assert found.complete is live.Completeness.UNKNOWN


def test_full_costs_nothing_where_a_list_lacks_nothing() -> None:
    vendor = UntitledEmulator()
    with connect("untitled", transport=vendor.transport(), **vendor.options()) as client:
        streams = made(client, 3)
        assert list(client.list(full=True, reference="lesson-1")) == [streams[1]]
        assert reads(vendor) == 0


# -- vendors without titles ---------------------------------------------------------------------


def test_a_vendor_without_titles_drops_the_title_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    vendor = UntitledEmulator()
    with connect("untitled", transport=vendor.transport(), **vendor.options()) as client:
        with caplog.at_level(logging.WARNING):
            stream = client.create(title="A title nobody stores")
        assert stream.title == ""
        assert "dropped title" in caplog.text
        with pytest.raises(live.Unsupported):
            client.update(stream.id, title="Another")
    assert all(b"nobody stores" not in each.body for each in vendor.requests)
    with pytest.raises(live.Unsupported, match="no title"):
        connect("untitled", require=("title",), **vendor.options())


# -- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://a.example/app",
        "rtmps://a.example:443/app",
        "srt://a.example:9000",
        "https://a.example/whip",
    ],
)
def test_the_url_of_an_ingest_server_is_accepted(url: str) -> None:
    vendor = SparseEmulator()
    options = {**vendor.options(), "ingest_url": url}
    with connect("sparse", transport=vendor.transport(), **options) as client:
        (ingest,) = client.create(title="Lesson").ingests
    assert ingest.url == url


KEY = "brief-key-1-5d1e90"


@pytest.mark.parametrize(
    ("url", "publish_url", "arguments"),
    [
        (
            "rtmps://a.example:443/app",
            f"rtmps://a.example:443/app/{KEY}",
            ["-f", "flv", "-rtmp_app", "app", "-rtmp_playpath", KEY, "rtmps://a.example:443/"],
        ),
        (
            "srt://a.example:9000?mode=caller",
            f"srt://a.example:9000?mode=caller&streamid={KEY}",
            ["-f", "mpegts", "-srt_streamid", KEY, "srt://a.example:9000?mode=caller"],
        ),
        (
            "https://a.example/whip",
            "https://a.example/whip",
            ["-f", "whip", "-authorization", KEY, "https://a.example/whip"],
        ),
    ],
    ids=["rtmps", "srt", "whip"],
)
def test_an_encoder_can_publish_to_what_the_vendor_assigned_by_any_protocol(
    url: str, publish_url: str, arguments: list[str]
) -> None:
    vendor = SparseEmulator()
    options = {**vendor.options(), "ingest_url": url}
    with connect("sparse", transport=vendor.transport(), **options) as client:
        created = client.create(title="Lesson")
        read = client.get(created.id)
        (listed,) = client.list(full=True)
        stored = live.LiveStream.from_dict(json.loads(json.dumps(read.to_dict(secrets=True))))
        parsed = client.parse_stream(read.raw)
    for stream in (created, read, listed, stored, parsed):
        (ingest,) = stream.ingests
        assert stream.ingest == (ingest if url.startswith("rtmp") else None)
        assert ingest.protocol == url.partition(":")[0]
        assert ingest.publish_url is not None
        assert ingest.publish_url.reveal() == publish_url
        assert ingest.ffmpeg_arguments() == arguments
        assert KEY not in repr(stream) + repr(ingest.ffmpeg_arguments()) + str(stream.to_dict())


@pytest.mark.parametrize(
    "url",
    ["a.example/app", "http://a.example/", "ftp://a.example", "rtmp://", "rtmp://:1935/app",
     "rtmp://a.example:99999/app", "rtmps://user:pw-5d21@a.example/app", "rtmp://a b/app"],
)  # fmt: skip
def test_what_is_not_the_url_of_an_ingest_server_is_refused_at_connect(url: str) -> None:
    with pytest.raises(live.ConfigurationError, match="ingest_url") as caught:
        connect("sparse", token="a-token", ingest_url=url)
    assert "pw-5d21" not in str(caught.value)


# -- capabilities -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id", "provider", "titel", "raw", "problems"])
def test_a_list_cannot_be_declared_to_lack(name: str) -> None:
    with pytest.raises(ValueError, match="list_lacks"):
        live.Capabilities(operations={}, statuses=(), list_lacks={name})


def test_the_filter_by_reference_comes_with_the_feature() -> None:
    without = live.Capabilities(operations={}, statuses=(), filters={"reference"})
    assert "reference" not in without.filters
    fields = {live.Feature.REFERENCE: live.Support.NATIVE}
    assert live.Capabilities(operations={}, statuses=(), fields=fields).filters == {"reference"}


def test_a_title_is_native_unless_it_is_declared_otherwise() -> None:
    assert live.Capabilities(operations={}, statuses=()).supports("title")
