"""The adapter's operations, against the emulator in process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_tpstreams.emulator import TPStreamsEmulator

START = "2026-12-05T15:30:00+05:30"


def lines(emulator):
    """Return the method and the last part of the path of each request."""
    return [
        f"{each.method} {each.path.rstrip('/').rpartition('/')[2]}" for each in emulator.requests
    ]


# -- create -------------------------------------------------------------------------------------


def test_an_instant_stream_is_starting(client):
    assert client.create(title="Class").status is live.Status.STARTING


def test_an_instant_stream_is_sent_without_start(client, sent):
    client.create(title="Class")
    assert sent("POST live_streams/") == [{"title": "Class"}]


def test_a_scheduled_stream_is_sent_in_indian_wall_time(client, sent):
    stream = client.create(title="Class", scheduled_start="2026-12-05T10:00:00.9Z")
    assert sent("POST live_streams/")[0]["start"] == "2026-12-05 15:30:00"
    assert stream.scheduled_start == datetime(2026, 12, 5, 10, tzinfo=UTC)
    assert stream.status is live.Status.SCHEDULED


def test_another_zone_can_be_chosen(sent):
    emulator = TPStreamsEmulator(timezone="Europe/Berlin")
    with emulator.connect() as client:
        stream = client.create(title="Class", scheduled_start=START)
        assert stream.scheduled_start == datetime(2026, 12, 5, 10, tzinfo=UTC)
    assert emulator.requests[0].json["start"] == "2026-12-05 11:00:00"


def test_a_start_that_is_ambiguous_on_the_vendors_clock_is_refused(sent):
    emulator = TPStreamsEmulator(timezone="Europe/Berlin")
    with (
        emulator.connect() as client,
        pytest.raises(live.InvalidInput, match="occurs twice that day") as info,
    ):
        client.create(title="Class", scheduled_start="2026-10-25T01:30:00Z")
    assert (info.value.field, emulator.requests) == ("scheduled_start", [])


def test_all_fields_are_sent_in_the_vendors_words(client, sent, emulator):
    folder = emulator.add_folder()
    stream = client.create(
        title="Class",
        scheduled_start=START,
        record=True,
        recording_drm=False,
        latency="low",
        options={"parent": folder},
    )
    assert sent("POST live_streams/") == [
        {
            "title": "Class",
            "start": "2026-12-05 15:30:00",
            "enable_drm_for_recording": False,
            "latency": "Low Latency",
            "parent": folder,
        }
    ]
    assert (stream.latency, stream.recording_drm, stream.record) == ("low", False, True)
    assert stream.raw["parent_id"] == folder


@pytest.mark.parametrize("name", ["title", "start", "latency", "enable_drm_for_recording"])
def test_an_option_cannot_stand_for_a_field(client, emulator, name):
    with pytest.raises(live.InvalidInput, match=f"options: {name}"):
        client.create(title="Class", options={name: "2026-12-05 15:30:00"})
    assert emulator.requests == []


def test_a_start_that_the_vendor_changed_is_unexpected_and_the_stream_known(client, emulator):
    emulator.inject(Fault.extra_field("live_stream.start", "2026-12-05 10:00:00"))
    with pytest.raises(live.UnexpectedResponse, match="2026-12-05 15:30:00") as info:
        client.create(title="Class", scheduled_start=START)
    assert info.value.applied is True
    assert info.value.stream_id in emulator


def test_a_start_that_the_vendor_forgot_is_unexpected(client, emulator):
    emulator.inject(Fault.extra_field("live_stream.start", None))
    with pytest.raises(live.UnexpectedResponse) as info:
        client.create(title="Class", scheduled_start=START)
    assert info.value.applied is True


def test_a_refused_field_is_named(client):
    with pytest.raises(live.Rejected, match="Invalid folder UUID") as info:
        client.create(title="Class", options={"parent": "nowhere"})
    assert info.value.fields == {"parent": ("Invalid folder UUID",)}
    assert info.value.applied is False


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("record", False),
        ("latency", "ultra_low"),
        ("description", "About data"),
        ("tags", ["maths"]),
        ("thumbnail_url", "https://pictures.example/1.png"),
        ("playback_url", "https://watch.example/1"),
        ("restreams", [live.RestreamTarget("rtmp://other.example/live", "key")]),
    ],
)
def test_what_the_vendor_lacks_is_unsupported_and_nothing_is_sent(client, emulator, field, value):
    with pytest.raises(live.Unsupported, match="TPStreams") as info:
        client.create(title="Class", **{field: value})
    assert (info.value.features, emulator.requests) == ((field,), [])


# -- get and list -------------------------------------------------------------------------------


def test_a_stream_is_ready_when_its_server_is_up(client, emulator):
    stream = client.create(title="Class")
    assert client.get(stream.id).status is live.Status.SCHEDULED
    emulator.clock.advance(emulator.boot_seconds)
    stream = client.get(stream.id)
    assert (stream.status, stream.provider_status) == ("ready", "Not Started")
    assert stream.ingest.protocol == "rtmp"


def test_wait_passes_over_the_boot(client, emulator, clock):
    stream = client.create(title="Class")
    clock.sleep = lambda seconds: emulator.clock.advance(seconds)
    assert client.wait(stream.id, until="ready", timeout=120).ingest is not None


def test_an_unknown_id_is_not_found(client):
    with pytest.raises(live.NotFound) as info:
        client.get("AuC9yX2EtBr")
    assert (info.value.http_status, info.value.stream_id) == (404, "AuC9yX2EtBr")


@pytest.mark.parametrize("operation", ["get", "delete", "cancel", "start", "stop"])
@pytest.mark.parametrize("kind", ["folder", "video"])
def test_an_id_of_something_else_is_not_found_and_stays(client, emulator, operation, kind):
    id = emulator.add_folder() if kind == "folder" else emulator.add_video()
    child = emulator.add_video(parent=id)
    with pytest.raises(live.NotFound) as info:
        getattr(client, operation)(id)
    assert info.value.applied is False
    assert id in emulator
    assert child in emulator


@pytest.mark.parametrize("id", ["../folders", "a/b", "a b", "ü", "x?y"])
def test_an_odd_id_is_not_found(client, id):
    with pytest.raises(live.NotFound):
        client.get(id)


def test_a_list_walks_over_all_pages(client, emulator):
    ids = [client.create(title=f"Class {number}").id for number in range(120)]
    streams = client.list()
    assert [stream.id for stream in streams] == ids[::-1]
    assert streams.complete is live.Completeness.PROVEN


def test_a_list_asks_for_no_page_size(client, emulator):
    list(client.list())
    assert [each.query for each in emulator.requests] == [""]


def test_a_page_size_is_sent_once_and_then_is_in_the_link(client, emulator):
    for number in range(3):
        client.create(title=f"Class {number}")
    emulator.requests.clear()
    page = client.pages(size=2)
    assert (len(page), page.total) == (2, 3)
    rest = client.pages(size=2, cursor=page.next_cursor)
    assert (len(rest), rest.next_cursor) == (1, None)
    assert [each.query for each in emulator.requests] == ["limit=2", "limit=2&offset=2"]


def test_a_list_can_be_filtered_by_status_and_start(client):
    client.create(title="Now")
    early = client.create(title="Early", scheduled_start="2026-12-05T00:00:00Z")
    late = client.create(title="Late", scheduled_start="2026-12-06T00:00:00Z")
    after = client.list(starts_after="2026-12-05T12:00:00Z")
    assert [stream.id for stream in after] == [late.id]
    before = client.list(status="scheduled", starts_before="2026-12-06T00:00:00Z")
    assert early.id in [stream.id for stream in before]


def test_a_filter_by_tag_is_unsupported(client, emulator):
    with pytest.raises(live.Unsupported, match="tag"):
        client.list(tag="maths")
    assert emulator.requests == []


def test_what_is_no_live_stream_is_left_out_of_a_list(client, emulator):
    stream = client.create(title="Class")
    emulator.add_video()
    emulator.add_folder()
    # The sample of a next link leads to the list of all assets.
    page = client.pages(cursor=f"/api/v1/{emulator.organization_id}/assets/?limit=50&offset=0")
    assert [each.id for each in page] == [stream.id]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/v1/gcdem4/assets/?offset=50",
        "https://app.tpstreams.com:8443/api/v1/gcdem4/assets/?offset=50",
        "https://app.tpstreams.com/api/v1/6eafqn/assets/?offset=50",
        "https://app.tpstreams.com/api/auth/logout/",
        "nonsense",
        7,
    ],
)
def test_a_next_link_to_elsewhere_is_not_followed(client, emulator, link):
    emulator.inject(Fault.extra_field("next", link))
    with pytest.raises(live.UnexpectedResponse):
        list(client.list())
    assert len(emulator.requests) == 1


def test_a_next_link_with_http_is_followed_over_https(client, emulator):
    emulator.page_size = 1
    for number in range(2):
        client.create(title=f"Class {number}")
    link = f"http://app.tpstreams.com/api/v1/{emulator.organization_id}/assets/live_streams/"
    emulator.inject(Fault.extra_field("next", f"{link}?limit=1&offset=1"), on="GET *")
    assert len(list(client.list())) == 2


def test_a_page_that_does_not_say_whether_another_follows_is_unexpected(client, emulator):
    emulator.inject(Fault.missing_field("next"))
    with pytest.raises(live.UnexpectedResponse, match="next"):
        list(client.list())


def test_a_cursor_of_another_list_is_refused(client, emulator):
    with pytest.raises(live.InvalidInput, match="cursor"):
        client.pages(cursor="/api/v1/gcdem4/webhooks/")
    assert emulator.requests == []


# -- start and stop -----------------------------------------------------------------------------


def test_a_scheduled_stream_is_started_by_hand(client, emulator):
    stream = client.create(title="Class", scheduled_start=START)
    emulator.clock.advance(600)
    assert client.get(stream.id).status is live.Status.SCHEDULED
    assert client.start(stream.id).status is live.Status.STARTING
    emulator.clock.advance(emulator.boot_seconds)
    assert client.get(stream.id).status is live.Status.READY


def test_start_reads_nothing_more(client, emulator):
    stream = client.create(title="Class", scheduled_start=START)
    emulator.requests.clear()
    client.start(stream.id)
    assert lines(emulator) == ["POST start_server"]


@pytest.mark.parametrize("state", ["ready", "live", "interrupted", "processing", "ended", "failed"])
def test_a_start_that_the_status_forbids_is_a_conflict(client, emulator, on_air, state):
    if state == "ready":
        on_air = client.create(title="Class").id
        emulator.clock.advance(emulator.boot_seconds)
    if state == "interrupted":
        emulator.drop_encoder(on_air)
    if state in ("processing", "ended"):
        client.stop(on_air)
    if state == "ended":
        emulator.finish_recording(on_air)
    if state == "failed":
        emulator.fail_stream(on_air)
    with pytest.raises(live.Conflict) as info:
        client.start(on_air)
    assert (info.value.status, info.value.applied) == (state, False)
    assert (info.value.http_status, info.value.__context__) == (400, None)


def test_a_refusal_that_the_status_does_not_explain_stays_one(client, emulator):
    stream = client.create(title="Class", scheduled_start=START)
    emulator.inject(Fault.status(422), on="POST */start_server/")
    with pytest.raises(live.Rejected) as info:
        client.start(stream.id)
    assert (info.value.http_status, info.value.applied) == (422, False)


def test_a_refusal_about_something_else_is_not_found(client, emulator):
    video = emulator.add_video()
    emulator.inject(Fault.status(400), on="POST *")
    with pytest.raises(live.NotFound, match="video") as info:
        client.stop(video)
    assert info.value.applied is False


def test_a_refusal_stays_one_if_the_stream_cannot_be_read(client, emulator, on_air):
    emulator.inject(Fault.status(400), on="POST *")
    emulator.inject(Fault.status(403), on="GET *")
    with pytest.raises(live.Rejected):
        client.start(on_air)


def test_the_vendors_own_conflict_is_given_its_status(client, emulator, on_air):
    emulator.inject(Fault.status(409), on="POST *")
    with pytest.raises(live.Conflict) as info:
        client.start(on_air)
    assert info.value.status is live.Status.LIVE


def test_a_408_is_not_explained_by_the_status(client, emulator, on_air):
    emulator.inject(Fault.status(408), on="POST *")
    with pytest.raises(live.Rejected) as info:
        client.start(on_air)
    assert info.value.applied is None
    assert lines(emulator) == ["POST start_server"]


def test_stop_gives_the_stream_as_read_afterwards(client, emulator, on_air):
    stream = client.stop(on_air)
    assert (stream.status, stream.provider_status) == ("processing", "Stopped")
    assert stream.ended_at is not None
    assert lines(emulator) == ["POST stop_live_stream", f"GET {on_air}"]


def test_stop_without_a_trim_has_no_body(client, on_air, sent):
    client.stop(on_air)
    assert sent("POST stop_live_stream/") == [None]


def test_a_stream_that_was_never_on_air_has_ended_when_it_is_stopped(client, emulator):
    stream = client.create(title="Class")
    emulator.clock.advance(emulator.boot_seconds)
    assert client.stop(stream.id).status is live.Status.ENDED


def test_a_stream_is_followed_to_its_recording(client, emulator, on_air):
    client.stop(on_air)
    emulator.clock.advance(emulator.finishing_seconds)
    assert client.get(on_air).provider_status == "Recording"
    emulator.finish_recording(on_air)
    stream = client.get(on_air)
    assert (stream.status, stream.recording.status) == ("ended", "ready")
    assert stream.recording.duration == 300


def test_the_recording_of_a_stream_is_its_only_one(client, emulator, on_air):
    assert client.recordings(on_air) == ()
    client.stop(on_air)
    emulator.clock.advance(emulator.finishing_seconds)
    emulator.finish_recording(on_air)
    assert client.recordings(on_air) == (client.get(on_air).recording,)


@pytest.mark.parametrize("state", ["scheduled", "processing", "failed"])
def test_a_stop_that_the_status_forbids_is_a_conflict(client, emulator, on_air, state):
    if state == "scheduled":
        on_air = client.create(title="Class", scheduled_start=START).id
    if state == "processing":
        client.stop(on_air)
    if state == "failed":
        emulator.fail_stream(on_air)
    with pytest.raises(live.Conflict) as info:
        client.stop(on_air)
    assert (info.value.status, info.value.applied) == (state, False)


# -- trim ---------------------------------------------------------------------------------------


def test_a_relative_trim_is_sent_in_seconds(client, emulator, on_air, sent):
    client.stop(on_air, trim=live.Trim.relative(30, 120))
    assert sent("POST stop_live_stream/") == [{"start_time": 30, "end_time": 120}]
    emulator.finish_recording(on_air)
    assert client.get(on_air).recording.duration == 90


def test_an_absolute_trim_is_sent_in_unix_time(client, emulator, on_air, sent):
    began = emulator.clock.now() - timedelta(seconds=300)
    client.stop(
        on_air,
        trim=live.Trim.absolute(began + timedelta(seconds=60), began + timedelta(seconds=90)),
    )
    body = sent("POST stop_live_stream/")[0]
    assert body["start_time"] == int(began.timestamp()) + 60
    emulator.finish_recording(on_air)
    assert client.get(on_air).recording.duration in (30, 31)


def test_a_trim_that_is_not_scheduled_is_unexpected_though_the_stream_was_stopped(
    client, emulator, on_air
):
    emulator.inject(Fault.extra_field("trim_scheduled", False), on="POST *")
    with pytest.raises(live.UnexpectedResponse, match="trim") as info:
        client.stop(on_air, trim=live.Trim.relative(30, 120))
    assert (info.value.applied, info.value.stream_id) == (True, on_air)


def test_a_trim_that_is_refused_says_why(client, emulator, on_air):
    emulator.refuses_long_trims = True
    with pytest.raises(live.Rejected, match="duration") as info:
        client.stop(on_air, trim=live.Trim.relative(30, 12_000))
    assert list(info.value.fields) == ["end_time"]
    assert client.get(on_air).status is live.Status.LIVE


@pytest.mark.parametrize(
    ("trim", "field"),
    [
        (live.Trim.relative(30, 1_000_000_000), "trim.end"),
        (live.Trim.relative(1_000_000_000, 1_000_000_001), "trim.start"),
        (
            live.Trim.absolute(datetime(2001, 9, 9, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
            "trim.start",
        ),
        (
            live.Trim.absolute(datetime(1960, 1, 1, tzinfo=UTC), datetime(1961, 1, 1, tzinfo=UTC)),
            "trim.start",
        ),
    ],
)
def test_a_trim_that_would_be_read_in_the_other_form_is_refused(
    client, emulator, on_air, trim, field
):
    with pytest.raises(live.InvalidInput) as info:
        client.stop(on_air, trim=trim)
    assert (info.value.field, emulator.requests) == (field, [])


# -- cancel and delete --------------------------------------------------------------------------


def test_cancel_deletes_a_scheduled_stream(client, emulator):
    stream = client.create(title="Class", scheduled_start=START)
    cancelled = client.cancel(stream.id)
    assert (cancelled.id, cancelled.title, cancelled.status) == (stream.id, "Class", "cancelled")
    assert cancelled.provider_status == "Not Started"
    assert stream.id not in emulator
    with pytest.raises(live.NotFound):
        client.get(stream.id)


def test_a_stream_with_a_server_cannot_be_cancelled(client, emulator):
    stream = client.create(title="Class")
    emulator.clock.advance(emulator.boot_seconds)
    with pytest.raises(live.Conflict) as info:
        client.cancel(stream.id)
    assert (info.value.status, info.value.applied) == ("ready", False)
    assert stream.id in emulator


def test_a_stream_on_air_cannot_be_cancelled(client, emulator, on_air):
    with pytest.raises(live.Conflict):
        client.cancel(on_air)
    assert lines(emulator) == [f"GET {on_air}"]


def test_delete_reads_before_it_deletes(client, emulator, on_air):
    assert client.delete(on_air) is None
    assert lines(emulator) == [f"GET {on_air}", f"DELETE {on_air}"]
    assert on_air not in emulator


def test_a_stream_whose_status_cannot_be_read_can_be_deleted(client, emulator, on_air):
    emulator.inject(Fault.missing_field("live_stream.status"), on="GET *")
    client.delete(on_air)
    assert on_air not in emulator


def test_what_does_not_say_that_it_is_a_stream_is_not_deleted(client, emulator, on_air):
    emulator.inject(Fault.missing_field("type"), on="GET *")
    with pytest.raises(live.UnexpectedResponse):
        client.delete(on_air)
    assert on_air in emulator


def test_update_is_unsupported(client, emulator, on_air):
    with pytest.raises(live.Unsupported, match="documents no endpoint"):
        client.update(on_air, title="Other")
    assert emulator.requests == []


# -- a wrong organization -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.create(title="Class"),
        lambda client: list(client.list()),
        lambda client: client.get("AuC9yX2EtBr"),
        lambda client: client.start("AuC9yX2EtBr"),
        lambda client: client.delete("AuC9yX2EtBr"),
    ],
    ids=["create", "list", "get", "start", "delete"],
)
def test_a_wrong_organization_is_a_configuration_error(emulator, use):
    with emulator.connect(organization_id="nobody") as client:
        with pytest.raises(live.ConfigurationError, match="organization_id") as info:
            use(client)
    assert info.value.applied is False


def test_a_page_for_an_id_of_another_form_is_not_found(emulator):
    with emulator.connect(organization_id="nobody") as client, pytest.raises(live.NotFound):
        client.get("9328558d-e0a5-4093-b3b9-8f15ad1550d8")


def test_a_404_that_was_cut_says_nothing_about_the_organization(client, emulator):
    emulator.inject(Fault.cut_body())
    with pytest.raises(live.NotFound):
        client.get("AuC9yX2EtBr")


# -- historical behaviour -----------------------------------------------------------------------


def test_the_vendor_of_2023_07_can_be_used(clock):
    emulator = TPStreamsEmulator(
        available_status=True, start_is_null=True, lacks_newer_fields=True, clears_ingest=True
    )
    with emulator.connect(clock=clock) as client:
        stream = client.create(title="Class")
        assert (stream.status, stream.scheduled_start, stream.latency) == ("starting", None, None)
        emulator.clock.advance(emulator.boot_seconds)
        stream = client.get(stream.id)
        assert (stream.status, stream.provider_status) == ("ready", "Available")
        emulator.connect_encoder(stream.id)
        stream = client.stop(stream.id)
        assert (stream.status, stream.ingests) == ("processing", ())
        emulator.finish_recording(stream.id)
        assert client.get(stream.id).status is live.Status.ENDED


def test_a_poller_may_see_streaming_then_completed(clock):
    emulator = TPStreamsEmulator(skips_to_completed=True)
    with emulator.connect(clock=clock) as client:
        stream = client.create(title="Class")
        emulator.clock.advance(emulator.boot_seconds)
        emulator.connect_encoder(stream.id)
        assert client.stop(stream.id).status is live.Status.ENDED
        assert client.wait(stream.id, until="processing", timeout=5).recording is not None
