"""What the operations send, and how they read the responses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import livestream_core as live
from livestream_core import Status
from livestream_tktchurch.emulator import TKTChurchEmulator

ID = "123e4567-e89b-12d3-a456-426614174000"
CREATE = "POST", "/v1/livestreams"
PUT = "PUT", f"/v1/livestreams/{ID}"
GET = "GET", f"/v1/livestreams/{ID}"


# -- create ---------------------------------------------------------------------------------


def test_a_create_with_a_title_alone_sends_what_the_vendor_requires(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, script = scripted(sample)
    client.create(title="Sunday Service")
    assert script.sent == [(*CREATE, {"title": "Sunday Service", "description": "", "tags": []})]


@pytest.mark.parametrize("status", [200, 201])
def test_a_create_may_be_answered_with(scripted: Any, sample: dict[str, Any], status: int) -> None:
    client, _ = scripted((status, sample))
    assert client.create(title="Sunday Service").id == ID


def test_a_create_sends_every_field(scripted: Any, sample: dict[str, Any]) -> None:
    client, script = scripted(sample)
    client.create(
        title="Sunday Service",
        description="Join us",
        scheduled_start="2024-01-21T15:30:00.999999+05:30",
        tags=["a", "b"],
        thumbnail_url="https://example.com/t.jpg",
        playback_url="https://youtube.com/watch?v=abc123",
        options={"thumbnailId": ID},
    )
    assert script.sent[0][2] == {
        "title": "Sunday Service",
        "description": "Join us",
        "scheduledStartTime": "2024-01-21T10:00:00Z",
        "tags": ["a", "b"],
        "thumbnailUrl": "https://example.com/t.jpg",
        "youtubeUrl": "https://youtube.com/watch?v=abc123",
        "thumbnailId": ID,
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://youtube.com/watch?v=1",
        "https://www.youtube.com/watch?v=1",
        "https://m.YouTube.com:443/live/1",
        "http://youtube.com",
        "https://youtu.be/1",
        "https://www.youtu.be/1",
        "https://youtube.com./live/1",
    ],
)
def test_a_youtube_address_is_a_youtube_url(
    scripted: Any, sample: dict[str, Any], url: str
) -> None:
    client, script = scripted(sample)
    client.create(title="T", playback_url=url)
    assert script.sent[0][2]["youtubeUrl"] == url
    assert "customStreamUrl" not in script.sent[0][2]


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/live.m3u8",
        "https://notyoutube.com/1",
        "https://youtube.com.evil.example/1",
        "https://youtube.com@evil.example/1",
        "https://evil.example/youtube.com",
        "https://xyoutu.be/1",
        "https://[::1/live",
    ],
)
def test_any_other_address_is_a_custom_stream_url(
    scripted: Any, sample: dict[str, Any], url: str
) -> None:
    client, script = scripted(sample)
    client.create(title="T", playback_url=url)
    assert script.sent[0][2]["customStreamUrl"] == url
    assert "youtubeUrl" not in script.sent[0][2]


def test_an_option_can_give_the_second_address(scripted: Any, sample: dict[str, Any]) -> None:
    client, script = scripted(sample)
    client.create(
        title="T",
        playback_url="https://youtu.be/1",
        options={"customStreamUrl": "https://x.example"},
    )
    assert script.sent[0][2]["customStreamUrl"] == "https://x.example"


@pytest.mark.parametrize("name", ["title", "description", "tags"])
def test_an_option_cannot_replace_a_field_of_the_model(scripted: Any, name: str) -> None:
    client, script = scripted()
    with pytest.raises(live.InvalidInput) as caught:
        client.create(title="T", options={name: "x"})
    assert (caught.value.field, caught.value.applied, script.sent) == (f"options.{name}", False, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"record": True},
        {"recording_drm": True},
        {"latency": live.Latency.LOW},
        {"restreams": [live.RestreamTarget("rtmp://x.example/app", "k")]},
    ],
)
def test_what_the_catalogue_lacks_is_unsupported_and_nothing_is_sent(
    scripted: Any, fields: dict[str, Any]
) -> None:
    client, script = scripted()
    with pytest.raises(live.Unsupported):
        client.create(title="T", **fields)
    assert script.sent == []


def test_a_create_whose_answer_cannot_be_read_has_made_the_stream(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, _ = scripted({"id": sample["id"]})
    with pytest.raises(live.UnexpectedResponse, match="fewer than two of title, ") as caught:
        client.create(title="T")
    assert (caught.value.applied, caught.value.stream_id) == (True, ID)


def test_a_created_stream_is_as_the_vendor_shows_it(either_client: live.Client) -> None:
    stream = either_client.create(
        title="Weihnachten für alle",
        scheduled_start=datetime(2026, 12, 24, 22, tzinfo=UTC),
        playback_url="https://cdn.example/live.m3u8",
    )
    assert stream.status is Status.SCHEDULED
    assert stream.scheduled_start == datetime(2026, 12, 24, 22, tzinfo=UTC)
    assert stream.hls_url == "https://cdn.example/live.m3u8"
    assert either_client.get(stream.id) == stream


# -- update ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"title": "New"}, {"title": "New"}),
        ({"description": "D"}, {"description": "D"}),
        ({"description": ""}, {"description": ""}),
        ({"description": None}, {"description": ""}),
        ({"tags": ["x"]}, {"tags": ["x"]}),
        ({"tags": None}, {"tags": []}),
        ({"tags": []}, {"tags": []}),
        ({"thumbnail_url": "https://x.example/t"}, {"thumbnailUrl": "https://x.example/t"}),
        ({"playback_url": "https://youtu.be/1"}, {"youtubeUrl": "https://youtu.be/1"}),
        ({"playback_url": "https://x.example/"}, {"customStreamUrl": "https://x.example/"}),
        (
            {"scheduled_start": "2024-01-21T10:00:00.9Z", "title": "New"},
            {"scheduledStartTime": "2024-01-21T10:00:00Z", "title": "New"},
        ),
    ],
)
def test_an_update_sends_only_what_changes(
    scripted: Any, sample: dict[str, Any], changes: dict[str, Any], body: dict[str, Any]
) -> None:
    client, script = scripted(sample)
    client.update(ID, **changes)
    assert script.sent == [(*PUT, body)]


@pytest.mark.parametrize("field", ["scheduled_start", "thumbnail_url", "playback_url"])
def test_what_null_does_not_clear_cannot_be_cleared(scripted: Any, field: str) -> None:
    client, script = scripted()
    with pytest.raises(live.Unsupported):
        client.update(ID, **{field: None})
    assert script.sent == []


@pytest.mark.parametrize("changes", [{"record": True}, {"options": {"status": "live"}}])
def test_what_an_update_does_not_have_is_unsupported(
    scripted: Any, changes: dict[str, Any]
) -> None:
    client, script = scripted()
    with pytest.raises(live.Unsupported):
        client.update(ID, **changes)
    assert script.sent == []


def test_an_update_answered_with_another_stream_is_unexpected_and_carried_out(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, _ = scripted({**sample, "id": ID.replace("1", "2")})
    with pytest.raises(live.UnexpectedResponse, match="another stream") as caught:
        client.update(ID, title="New")
    assert caught.value.applied is True


def test_an_update_answered_with_the_id_in_the_other_case_is_read(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, _ = scripted({**sample, "id": ID.upper()})
    assert client.update(ID, title="New").id == ID.upper()


def test_a_youtube_address_stays_beside_a_new_one_of_another_host(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream(youtubeUrl="https://youtu.be/1")
    stream = client.update(id, playback_url="https://cdn.example/live.m3u8")
    assert [each.url for each in stream.playbacks] == [
        "https://youtu.be/1",
        "https://cdn.example/live.m3u8",
    ]


def test_that_it_stays_is_said_in_the_capabilities(client: live.Client) -> None:
    assert "leaves the other unchanged" in client.capabilities["playback_url"].reason


def test_other_fields_survive_an_update(client: live.Client, emulator: TKTChurchEmulator) -> None:
    id = emulator.add_stream(title="Old", description="D", tags=["a"])
    stream = client.update(id, title="New")
    assert (stream.title, stream.description, stream.tags) == ("New", "D", ("a",))


def test_cleared_fields_are_empty(client: live.Client, emulator: TKTChurchEmulator) -> None:
    id = emulator.add_stream(description="D", tags=["a"])
    stream = client.update(id, description=None, tags=None)
    assert (stream.description, stream.tags) == ("", ())


# -- start, stop, cancel --------------------------------------------------------------------

NOW = "2024-01-21T10:00:03Z"  # the clock of these tests, without its fraction
WRITTEN = {
    "start": {"status": "live", "actualStartTime": NOW},
    "stop": {"status": "ended", "endTime": NOW},
    "cancel": {"status": "cancelled"},
}


@pytest.mark.parametrize(
    ("operation", "before"),
    [
        ("start", "scheduled"),
        ("stop", "scheduled"),
        ("stop", "live"),
        ("cancel", "scheduled"),
        ("start", "postponed"),
        ("stop", "postponed"),
        ("cancel", "postponed"),
    ],
)
def test_a_step_reads_then_writes_status_and_time(
    scripted: Any, sample: dict[str, Any], operation: str, before: str
) -> None:
    body = WRITTEN[operation]
    client, script = scripted({**sample, "status": before}, {**sample, **body})
    stream = getattr(client, operation)(ID)
    assert script.sent == [(*GET, None), (*PUT, body)]
    assert stream.provider_status == body["status"]


@pytest.mark.parametrize(
    ("operation", "status"), [("start", "live"), ("stop", "ended"), ("cancel", "cancelled")]
)
def test_a_stream_that_is_there_already_is_returned_unchanged(
    scripted: Any, sample: dict[str, Any], operation: str, status: str
) -> None:
    before = {**sample, "status": status, "endTime": "2024-01-20T00:00:00Z"}
    client, script = scripted(before)
    assert getattr(client, operation)(ID).raw == before
    assert script.sent == [(*GET, None)]


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("start", "ended"),
        ("start", "cancelled"),
        ("stop", "cancelled"),
        ("cancel", "live"),
        ("cancel", "ended"),
    ],
)
def test_a_step_that_the_status_forbids_is_a_conflict_and_nothing_is_written(
    scripted: Any, sample: dict[str, Any], operation: str, status: str
) -> None:
    client, script = scripted({**sample, "status": status})
    with pytest.raises(live.Conflict) as caught:
        getattr(client, operation)(ID)
    assert (caught.value.status, caught.value.applied) == (Status(status), False)
    assert script.sent == [(*GET, None)]


def test_a_whole_life(either_client: live.Client, emulator: TKTChurchEmulator) -> None:
    stream = either_client.create(title="Sunday Service")
    started = either_client.start(stream.id)
    emulator.clock.advance(3600)
    ended = either_client.stop(stream.id)
    assert (started.status, ended.status) == (Status.LIVE, Status.ENDED)
    assert ended.started_at == started.started_at
    assert ended.ended_at is not None
    assert (ended.ended_at - started.started_at).total_seconds() in (3600, 3601)


def test_a_cancelled_stream_is_still_there(
    either_client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream()
    assert either_client.cancel(id).status is Status.CANCELLED
    assert either_client.get(id).status is Status.CANCELLED


@pytest.mark.parametrize("operation", ["start", "stop", "cancel", "get", "delete"])
@pytest.mark.parametrize("id", [ID, "nonsense"])
def test_an_id_of_nothing_is_not_found(client: live.Client, operation: str, id: str) -> None:
    with pytest.raises(live.NotFound) as caught:
        getattr(client, operation)(id)
    assert (caught.value.applied, caught.value.stream_id) == (False, id)


def test_an_update_of_nothing_is_not_found(client: live.Client) -> None:
    with pytest.raises(live.NotFound):
        client.update(ID, title="New")


def test_waiting_for_the_service_to_go_live(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    id = emulator.add_stream(status="live")
    assert client.wait(id, until=Status.LIVE, timeout=10).status is Status.LIVE


@pytest.mark.parametrize("status", [Status.READY, Status.PROCESSING])
def test_waiting_for_what_is_never_reported(client: live.Client, status: Status) -> None:
    if status is Status.READY:  # LIVE meets it, but READY itself is never reported
        with pytest.raises(live.Unsupported):
            client.wait(ID, until=status, timeout=1)
    with pytest.raises(live.Unsupported):
        client.wait(ID, until={Status.FAILED, Status.INTERRUPTED}, timeout=1)


def test_trimming_is_unsupported(client: live.Client, emulator: TKTChurchEmulator) -> None:
    with pytest.raises(live.Unsupported, match="no recording"):
        client.stop(ID, trim=live.Trim.relative(1, 2))
    assert emulator.requests == []


def test_webhooks_are_unsupported(client: live.Client) -> None:
    with pytest.raises(live.Unsupported, match="no webhooks"):
        client.parse_webhook({}, b"{}", secret="s")


# -- delete ---------------------------------------------------------------------------------


def test_a_delete_is_one_request(scripted: Any) -> None:
    client, script = scripted((204, None))
    assert client.delete(ID) is None
    assert script.sent == [("DELETE", f"/v1/livestreams/{ID}", None)]


def test_a_deleted_stream_is_gone(either_client: live.Client, emulator: TKTChurchEmulator) -> None:
    id = emulator.add_stream()
    either_client.delete(id)
    with pytest.raises(live.NotFound):
        either_client.get(id)


@pytest.mark.parametrize("id", ["", ".", "..", "a\nb"])
@pytest.mark.parametrize("operation", ["get", "start", "delete"])
def test_an_id_that_no_path_can_hold_is_refused(scripted: Any, operation: str, id: str) -> None:
    client, script = scripted()
    with pytest.raises(live.InvalidInput):
        getattr(client, operation)(id)
    assert script.sent == []


def test_an_id_is_percent_encoded(scripted: Any) -> None:
    client, script = scripted((204, None))
    client.delete("a/b?c")
    assert script.sent[0][1] == "/v1/livestreams/a%2Fb%3Fc"


# -- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["vapor", "nested", "flat"])
def test_the_reason_of_a_refusal_is_read_in_every_shape(connect: Any, shape: Any) -> None:
    emulator = TKTChurchEmulator(error_shape=shape)
    client = connect(emulator)
    with pytest.raises(live.Rejected, match="no file with this thumbnailId") as caught:
        client.create(title="T", options={"thumbnailId": ID})
    assert (caught.value.http_status, caught.value.applied) == (400, False)


def test_a_missing_permission_is_named(connect: Any, emulator: TKTChurchEmulator) -> None:
    emulator.add_user("reader@church.example", "sesame", permissions=())
    client = connect(emulator, email="reader@church.example", password="sesame")
    with pytest.raises(live.PermissionDenied, match="createLivestream"):
        client.create(title="T")
