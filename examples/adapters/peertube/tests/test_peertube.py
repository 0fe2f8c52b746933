"""Behavior that the kit cannot test: PeerTube's formats, and the requests that it receives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import livestream_core as live
import pytest
from livestream_core.emulator import Fault
from werkzeug.datastructures import MultiDict
from werkzeug.test import Client

from livestream_peertube.emulator import ACCESS_SECONDS, REFRESH_SECONDS, PeerTubeEmulator

#: The ingest URL that the emulator reports.
ORIGIN = "https://peertube.example"


@pytest.fixture
def instance() -> PeerTubeEmulator:
    emulator = PeerTubeEmulator()
    emulator.clock = live.ManualClock()  # waiting takes no real time
    return emulator


@pytest.fixture
def client(instance: PeerTubeEmulator) -> Iterator[live.Client]:
    with instance.connect(base_url=ORIGIN) as client:
        yield client


# -- requests to an instance, and its refusals ------------------------------------------------


def sent(instance: PeerTubeEmulator, method: str, end: str) -> list[bytes]:
    """Return the bodies of the requests with this method and path."""
    return [
        each.body for each in instance.requests if each.method == method and each.path.endswith(end)
    ]


@pytest.mark.parametrize("privacy", ["public", "unlisted", "private", "internal"])
def test_a_stream_has_the_privacy_of_the_connection(
    instance: PeerTubeEmulator, privacy: str
) -> None:
    with instance.connect(privacy=privacy) as client:
        raw = client.create(title="Data science").raw
    assert raw is not None
    assert raw.reveal()["privacy"]["label"] == privacy.capitalize()


def test_one_stream_can_have_another_privacy(client: live.Client) -> None:
    raw = client.create(title="Data science", options={"privacy": 3}).raw
    assert raw is not None
    assert raw.reveal()["privacy"]["label"] == "Private"


@pytest.mark.parametrize("part", ["tags[]", "tags[0]", "tags[0][name]"])
def test_an_option_cannot_replace_a_part_of_a_field(client: live.Client, part: str) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        client.create(title="Data science", tags=["maths"], options={part: "physics"})
    assert caught.value.field == "options.tags"


def test_who_may_watch_is_one_of_four_words(instance: PeerTubeEmulator) -> None:
    with pytest.raises(live.ConfigurationError, match="privacy"):
        instance.connect(privacy="secret")


def test_an_ingest_has_the_server_and_the_stream_key(client: live.Client) -> None:
    ingest = client.create(title="Data science").ingest
    assert ingest is not None
    assert ingest.url == "rtmp://peertube.example:1935/live"
    assert ingest.stream_key is not None


def test_an_instance_that_records_by_default_is_asked_not_to() -> None:
    with PeerTubeEmulator(saves_replays=True).connect() as client:
        assert client.create(title="Data science", record=False).record is False


def test_a_schedule_that_an_old_instance_ignores_is_an_error_that_names_the_stream() -> None:
    instance = PeerTubeEmulator(has_schedules=False)
    with instance.connect() as client:
        with pytest.raises(live.UnexpectedResponse, match="without its schedule") as caught:
            client.create(title="Data science", scheduled_start="2030-01-15T09:30:00Z")
        assert caught.value.applied is True
        assert caught.value.stream_id == next(iter(client.list())).id


@pytest.mark.parametrize(
    "changes", [{"record": True}, {"latency": "low"}, {"scheduled_start": "2030-01-15T09:30:00Z"}]
)
def test_settings_of_the_ingest_cannot_change_once_it_is_on_air(
    client: live.Client, instance: PeerTubeEmulator, changes: Any
) -> None:
    id = client.create(title="Data science").id
    instance.connect_encoder(id)
    with pytest.raises(live.Conflict) as caught:
        client.update(id, **changes)
    assert (caught.value.status, caught.value.applied) == (live.Status.LIVE, False)


def test_the_title_can_change_while_it_is_on_air(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = client.create(title="Data science").id
    instance.connect_encoder(id)
    assert client.update(id, title="Statistics").title == "Statistics"


def test_an_update_repeats_the_privacy_of_the_replay(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    options = {"replaySettings": {"privacy": 2}}
    stream = client.create(title="Data science", record=True, options=options)
    client.update(stream.id, latency="low")
    (body,) = sent(instance, "PUT", stream.id)
    assert json.loads(body) == {"replaySettings": {"privacy": 2}, "latencyMode": 3}


def test_a_replay_that_is_switched_on_has_the_privacy_of_the_stream(
    instance: PeerTubeEmulator,
) -> None:
    with instance.connect(privacy="internal") as client:
        stream = client.create(title="Data science")
        client.update(stream.id, record=True)
    (body,) = sent(instance, "PUT", stream.id)
    assert json.loads(body)["replaySettings"] == {"privacy": 4}


def test_the_word_null_cannot_be_a_description(client: live.Client) -> None:
    with pytest.raises(live.InvalidInput, match="null"):
        client.create(title="Data science", description="null")


def test_an_entry_of_a_list_shows_no_half_of_a_description(client: live.Client) -> None:
    client.create(title="Data science", description="Chapter one. " * 50)
    (stream,) = client.list()
    assert stream.description is None


def test_a_refusal_names_the_fields(client: live.Client) -> None:
    with pytest.raises(live.Rejected) as caught:
        client.create(title="ab", tags=["x"])
    assert set(caught.value.fields) == {"name", "tags"}
    assert caught.value.applied is False


@pytest.mark.parametrize("name", ["id", "shortUUID"])
def test_other_ids_of_a_video_are_refused_and_the_right_one_is_named(
    client: live.Client, name: str
) -> None:
    stream = client.create(title="Data science")
    assert stream.raw is not None
    with pytest.raises(live.NotFound, match=stream.id):
        client.get(str(stream.raw.reveal()[name]))


def test_an_invalid_video_id_is_not_found(client: live.Client) -> None:
    with pytest.raises(live.NotFound):
        client.get("no-id")


def test_a_picture_is_found_in_answers_of_old_and_new_instances(client: live.Client) -> None:
    raw = client.create(title="Data science").raw
    assert raw is not None
    new = raw.reveal()
    old = {name: value for name, value in new.items() if name != "thumbnails"}
    urls = {client.parse_stream(payload).thumbnail_url for payload in (old, new)}
    assert len(urls) == 1
    assert None not in urls


def test_a_list_begins_with_the_oldest_stream_so_that_new_ones_move_no_page(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    for title in ("First", "Second", "Third"):
        client.create(title=title)
        instance.clock.sleep(1)
    assert [stream.title for stream in client.list()] == ["First", "Second", "Third"]


# -- signing in by OAuth, and the instance's limits -------------------------------------------


def grants(instance: PeerTubeEmulator) -> list[str]:
    """Return the grant types of all sign-ins, in order."""
    return [
        parse_qs(each.body.decode())["grant_type"][0]
        for each in instance.requests
        if each.path.endswith("/users/token")
    ]


def test_a_session_is_renewed_by_its_refresh_token(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    client.pages()
    instance.clock.sleep(ACCESS_SECONDS)
    client.pages()
    assert grants(instance) == ["password", "refresh_token"]


def test_a_refresh_token_that_has_ended_is_followed_by_the_password(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    client.pages()
    instance.clock.sleep(REFRESH_SECONDS + 1)
    client.pages()
    assert grants(instance) == ["password", "refresh_token", "password"]


def test_closing_ends_the_session_at_the_instance(instance: PeerTubeEmulator) -> None:
    with instance.connect() as client:
        client.pages()
    last = instance.requests[-1]
    assert (last.path, last.status) == ("/api/v1/users/revoke-token", 200)


def test_a_token_that_was_given_is_left_alone(instance: PeerTubeEmulator) -> None:
    with live.connect(
        "peertube",
        base_url=ORIGIN,
        transport=instance.transport(),
        **instance.login_options(),
    ) as client:
        client.pages()
    assert [each.path for each in instance.requests] == ["/api/v1/users/me/videos"]


def test_a_user_with_a_second_factor_is_refused() -> None:
    instance = PeerTubeEmulator(otp=True)
    with instance.connect() as client, pytest.raises(live.AuthenticationFailed, match="two factor"):
        client.pages()


def test_the_account_is_named_by_the_user_without_regard_to_case(
    instance: PeerTubeEmulator,
) -> None:
    with instance.connect(base_url=ORIGIN, username="Alice") as client:
        assert client.account == "peertube:peertube.example:alice"


def test_a_limit_of_requests_is_waited_out() -> None:
    instance = PeerTubeEmulator(rate_limit=3)
    instance.clock = live.ManualClock()
    began = instance.clock.now()
    with instance.connect() as client:
        client.pages()  # and two requests to sign in
        client.pages()
    assert (instance.clock.now() - began).total_seconds() >= 10


# -- the end of a live stream -----------------------------------------------------------------


def recorded(client: live.Client, instance: PeerTubeEmulator, **fields: object) -> str:
    """Return the ID of a stream that was live for a minute and saves its replay."""
    id = client.create(title="Data science", record=True, options=fields).id
    instance.connect_encoder(id)
    instance.clock.sleep(60)
    instance.drop_encoder(id)
    return id


def test_a_stream_that_saves_nothing_has_ended_at_once(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = client.create(title="Data science").id
    instance.connect_encoder(id)
    instance.drop_encoder(id)
    stream = client.get(id)
    assert (stream.status, stream.recording) == (live.Status.ENDED, None)


def test_a_stream_whose_replay_is_awaited_is_being_processed(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    stream = client.get(recorded(client, instance))
    assert stream.status is live.Status.PROCESSING
    assert stream.recording == live.Recording(live.RecordingStatus.PENDING)


def test_a_replay_that_is_transcoded_is_being_processed(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.replay_begins(id)
    stream = client.get(id)
    assert stream.recording is not None
    assert (stream.status, stream.recording.status) == (
        live.Status.PROCESSING,
        live.RecordingStatus.PROCESSING,
    )


def test_a_stream_becomes_its_replay_and_keeps_its_id(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.finish_recording(id)
    stream = client.get(id)
    assert (stream.id, stream.status, stream.record) == (id, live.Status.ENDED, True)
    assert stream.recording is not None
    assert (stream.recording.status, stream.recording.duration) == (live.RecordingStatus.READY, 60)
    assert str(stream.recording.url).endswith("-master.m3u8")


def test_the_times_of_a_replay_are_those_of_its_session(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.finish_recording(id)
    stream = client.get(id)
    assert stream.started_at is not None
    assert stream.ended_at is not None
    assert (stream.ended_at - stream.started_at).total_seconds() == 60


def test_a_replay_that_cannot_be_transcoded_is_a_recording_that_failed(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.transcoding_fails(id)
    stream = client.get(id)
    assert stream.recording is not None
    assert (stream.status, stream.recording.status) == (
        live.Status.ENDED,
        live.RecordingStatus.FAILED,
    )


def test_a_stream_that_became_its_replay_is_no_longer_listed(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    instance.finish_recording(recorded(client, instance))
    assert list(client.list()) == []


def test_a_stream_that_became_its_replay_can_be_deleted(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.finish_recording(id)
    client.delete(id)
    with pytest.raises(live.NotFound):
        client.get(id)


def test_a_permanent_live_waits_again_after_a_session(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    stream = client.get(recorded(client, instance, permanentLive=True))
    assert (stream.status, stream.started_at) == (live.Status.READY, None)


def test_the_replay_of_a_permanent_live_is_not_a_live_stream(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance, permanentLive=True)
    instance.finish_recording(id)
    replay = instance.replay_of(id)
    assert replay not in (None, id)
    with pytest.raises(live.NotFound, match="replay of a permanent live"):
        client.delete(str(replay))


def test_a_stream_that_becomes_its_replay_between_two_reads_is_read_again(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    as_live = client.get(id).raw
    instance.finish_recording(id)
    assert as_live is not None
    stale = as_live.reveal()
    instance.inject(Fault.edited(lambda *_: stale), on=f"GET */videos/{id}")
    assert client.get(id).status is live.Status.ENDED


def test_an_uploaded_video_is_not_a_live_stream(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    with pytest.raises(live.NotFound, match="never a live stream"):
        client.get(instance.other_ids()[0])


def test_a_repeated_field_of_a_form_is_a_list_as_in_multer(
    instance: PeerTubeEmulator, client: live.Client
) -> None:
    tags = ["one", "two", "three"]
    response = Client(instance).post(
        "/api/v1/videos/live",
        headers={"Authorization": f"Bearer {instance.login_options()['access_token']}"},
        content_type="multipart/form-data",
        data=MultiDict({"channelId": instance.channel_id, "name": "Lesson 1", "tags": tags}),
    )
    made = json.loads(response.get_data())["video"]
    assert client.get(made["uuid"]).tags == tuple(tags)


# -- recordings -------------------------------------------------------------------------------


def test_the_recording_of_a_stream_is_the_replay_that_it_has_become(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.finish_recording(id)
    assert client.recordings(id) == (client.get(id).recording,)


def test_a_stream_that_saves_nothing_has_no_recordings(client: live.Client) -> None:
    assert client.recordings(client.create(title="Lesson", record=False).id) == ()


def test_the_recordings_of_a_permanent_live_are_its_replays_by_their_own_ids(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance, permanentLive=True)
    assert client.recordings(id) == ()
    instance.finish_recording(id)
    (recording,) = client.recordings(id)
    assert recording.id == instance.replay_of(id)
    assert recording.started_at is not None
    assert recording.ended_at is not None
    assert (recording.ended_at - recording.started_at).total_seconds() == 60
