"""The operations and their requests, against the emulator."""

from __future__ import annotations

import pytest

import livestream_core as live
from livestream_videosdk.emulator import VideoSDKEmulator

YOUTUBE = live.RestreamTarget("rtmp://x.rtmp.youtube.com/live2", "0tjp-h6a2-8c9d-vusv-01uu")
ID = "60e2fe88135c9810f490f3b4"


@pytest.fixture(params=["in process", "over sockets"])
def connected(request, emulator):
    """Return the emulator and a client of it, in process and over a socket."""
    if request.param == "in process":
        with emulator.connect() as client:
            yield emulator, client
    else:
        with (
            emulator.serve() as url,
            live.connect("videosdk", base_url=url, **emulator.options()) as client,
        ):
            yield emulator, client


def test_a_whole_life_of_a_stream(connected):
    emulator, client = connected
    stream = client.create(title="Data science", record=True, restreams=[YOUTUBE])
    assert (stream.title, stream.record, stream.restreams) == ("Data science", True, (YOUTUBE,))
    assert client.wait(stream.id, until=live.Status.READY, timeout=5).id == stream.id
    assert client.start(stream.id).ingest == stream.ingest
    emulator.connect_encoder(stream.id)
    assert client.update(stream.id, title="Physics").title == "Physics"
    emulator.drop_encoder(stream.id)
    emulator.finish_recording(stream.id)
    assert [each.title for each in client.list(status="ready")] == ["Physics"]
    assert client.delete(stream.id) is None
    with pytest.raises(live.NotFound):
        client.get(stream.id)
    assert list(client.list()) == []


# -- create ---------------------------------------------------------------------------------


def test_create_sends_the_documented_body(client, emulator):
    client.create(title="Nickname for livestream", record=True, restreams=[YOUTUBE])
    (request,) = emulator.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/livestreams", "")
    assert request.json == {
        "name": "Nickname for livestream",
        "record": True,
        "restream": [
            {"url": "rtmp://x.rtmp.youtube.com/live2", "streamKey": "0tjp-h6a2-8c9d-vusv-01uu"}
        ],
    }


def test_create_leaves_out_what_was_not_given(client, emulator):
    client.create(title="x")
    assert emulator.requests[0].json == {"name": "x"}


def test_record_false_is_sent(client, emulator):
    client.create(title="x", record=False)
    assert emulator.requests[0].json == {"name": "x", "record": False}


def test_options_are_passed_through(client, emulator):
    client.create(title="x", options={"region": "in", "extra": None})
    assert emulator.requests[0].json == {"name": "x", "region": "in", "extra": None}


@pytest.mark.parametrize("name", ["name", "record", "restream"])
def test_an_option_cannot_replace_a_field_of_the_model(client, emulator, name):
    with pytest.raises(live.InvalidInput) as caught:
        client.create(title="x", options={name: "y"})
    assert caught.value.field == f"options.{name}"
    assert emulator.requests == []


@pytest.mark.parametrize(
    "target",
    [
        live.RestreamTarget("rtmp://a.example/live"),
        live.RestreamTarget(None, "k3y-of-theirs"),
        live.RestreamTarget.from_dict(YOUTUBE.to_dict()),
    ],
)
def test_a_restream_target_needs_url_and_key(client, emulator, target):
    with pytest.raises(live.InvalidInput, match="stream key") as caught:
        client.create(title="x", restreams=[YOUTUBE, target])
    assert caught.value.field == "restreams"
    assert emulator.requests == []


def test_what_the_create_answers_for_record_is_kept():
    emulator = VideoSDKEmulator(denies_record=True)
    with emulator.connect() as client:
        stream = client.create(title="x", record=True)
        assert stream.record is False
        assert stream.recording is None
        assert client.get(stream.id).record is True


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scheduled_start", "2026-12-05T15:30:00+05:30"),
        ("description", "d"),
        ("tags", ("t",)),
        ("latency", "low"),
        ("recording_drm", True),
        ("thumbnail_url", "https://a.example/x.png"),
        ("playback_url", "https://a.example/x.m3u8"),
    ],
)
def test_what_the_vendor_lacks_is_unsupported_before_anything_is_sent(
    client, emulator, field, value
):
    with pytest.raises(live.Unsupported, match="VideoSDK"):
        client.create(title="x", **{field: value})
    assert emulator.requests == []


def test_a_schedule_can_be_dropped_because_a_create_boots_nothing(client, emulator):
    client.create(title="x", scheduled_start="2026-12-05T15:30:00Z", on_unsupported="drop")
    assert emulator.requests[0].json == {"name": "x"}


def test_an_answer_that_cannot_be_read_says_that_the_stream_was_made(scripted, sample):
    client, _ = scripted({"id": sample["id"]})
    with pytest.raises(live.UnexpectedResponse, match=r"streamKey, .* is in the answer") as caught:
        client.create(title="x")
    assert caught.value.applied is True
    assert caught.value.stream_id == sample["id"]


# -- get, start, update, delete -------------------------------------------------------------


def test_get_reads_by_id(scripted, sample):
    client, script = scripted(sample)
    assert client.get(ID).id == ID
    assert script.targets == [f"GET /v1/livestreams/{ID}"]


def test_an_id_is_percent_encoded(client, emulator):
    with pytest.raises(live.NotFound):
        client.get("a/b?c")
    assert emulator.requests[0].path == "/v1/livestreams/a%2Fb%3Fc"


@pytest.mark.parametrize("id", ["", ".", "..", "a\nb"])
def test_an_id_that_cannot_stand_in_a_path_is_refused_before_sending(client, emulator, id):
    with pytest.raises(live.InvalidInput):
        client.get(id)
    assert emulator.requests == []


def test_start_just_reads(scripted, sample):
    client, script = scripted(sample)
    assert client.start(ID).status is live.Status.READY
    assert script.targets == [f"GET /v1/livestreams/{ID}"]


def test_update_posts_only_what_changes(client, emulator):
    stream = client.create(title="x")
    changed = client.update(stream.id, record=True)
    request = emulator.requests[-1]
    assert (request.method, request.path) == ("POST", f"/v1/livestreams/{stream.id}")
    assert request.json == {"record": True}
    assert (changed.title, changed.record) == ("x", True)


def test_update_of_the_title_writes_the_name(client, emulator):
    stream = client.create(title="x")
    assert client.update(stream.id, title="y", record=False).title == "y"
    assert emulator.requests[-1].json == {"name": "y", "record": False}


def test_update_shows_the_restream_targets_and_a_read_does_not(client):
    stream = client.create(title="x", restreams=[YOUTUBE])
    assert client.update(stream.id, title="y").restreams == (YOUTUBE,)
    assert client.get(stream.id).restreams == ()


@pytest.mark.parametrize(
    "change", [{"restreams": [YOUTUBE]}, {"record": None}, {"description": "d"}, {"tags": ("t",)}]
)
def test_other_changes_are_unsupported(client, emulator, change):
    with pytest.raises(live.Unsupported):
        client.update(ID, **change)
    assert emulator.requests == []


def test_an_update_of_an_unknown_stream_is_not_found(client):
    with pytest.raises(live.NotFound) as caught:
        client.update(ID, title="y")
    assert caught.value.applied is False


def test_delete_is_one_request_that_is_not_preceded_by_a_read(client, emulator):
    stream = client.create(title="x")
    client.delete(stream.id)
    assert [each.method for each in emulator.requests] == ["POST", "DELETE"]


def test_deleting_an_unknown_stream_is_not_found(client):
    with pytest.raises(live.NotFound) as caught:
        client.delete(ID)
    assert caught.value.applied is False


def test_a_page_in_answer_to_a_delete_is_no_proof(scripted):
    client, _ = scripted(b"<html>")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.delete(ID)
    assert caught.value.applied is None


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda client: client.stop(ID), "the encoder ends it"),
        (lambda client: client.stop(ID, trim=live.Trim.relative(1, 2)), "the encoder ends it"),
        (lambda client: client.cancel(ID), "delete it instead"),
        (lambda client: client.parse_webhook({}, b"{}", secret="s"), "no webhooks"),
    ],
)
def test_what_there_is_no_call_for_is_unsupported_with_the_reason(client, emulator, call, reason):
    with pytest.raises(live.Unsupported) as caught:
        call(client)
    assert reason in caught.value.message
    assert emulator.requests == []


@pytest.mark.parametrize("status", ["live", "ended", "scheduled"])
def test_waiting_for_a_status_that_is_never_reported_is_unsupported(client, emulator, status):
    with pytest.raises(live.Unsupported, match="never reports"):
        client.wait(ID, until=status, timeout=1)
    assert emulator.requests == []


# -- historical answers ---------------------------------------------------------------------


def test_answers_of_2021_are_read():
    with VideoSDKEmulator(before_2022=True).connect() as client:
        stream = client.create(title="x")
    assert stream.ingest.url == "rtmp://live.zujonow.com/live"
    assert "streamUrl" not in stream.raw


def test_answers_of_the_guide_are_read():
    with VideoSDKEmulator(guide=True).connect() as client:
        stream = client.create(title="x")
        assert stream.created_at is None
        assert "recordingUrl" not in stream.raw
        assert [each.id for each in client.list()] == [stream.id]


# -- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, live.Rejected),
        (401, live.AuthenticationFailed),
        (402, live.NotFound),
        (403, live.PermissionDenied),
        (404, live.NotFound),
        (409, live.Conflict),
        (422, live.Rejected),
        (429, live.RateLimited),
        (500, live.ProviderUnavailable),
        (503, live.ProviderUnavailable),
    ],
)
def test_errors_go_by_the_http_status_and_keep_the_message(scripted, status, kind):
    answer = {"statusCode": status, "error": "that went wrong"}
    client, _ = scripted(*[answer] * 5, status=status)
    with pytest.raises(kind) as caught:
        client.get(ID)
    assert type(caught.value) is kind
    assert caught.value.message == f"HTTP {status}: that went wrong"


@pytest.mark.parametrize("status", [402, 404])
def test_an_unknown_id_is_not_found_whichever_status_says_so(status):
    with (
        VideoSDKEmulator(not_found_status=status).connect() as client,
        pytest.raises(live.NotFound, match="Livestream not found") as caught,
    ):
        client.get(ID)
    assert caught.value.http_status == status
