"""What is asked of an instance, and what is made of its refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from livestream_peertube.emulator import PeerTubeEmulator

import livestream_core as live


def sent(instance: PeerTubeEmulator, method: str, end: str) -> list[bytes]:
    """Bodies of requests."""
    return [
        each.body for each in instance.requests if each.method == method and each.path.endswith(end)
    ]


@pytest.mark.parametrize("privacy", ["public", "unlisted", "private", "internal"])
def test_a_stream_is_for_those_whom_the_connection_says(
    instance: PeerTubeEmulator, privacy: str
) -> None:
    with instance.connect(privacy=privacy) as client:
        raw = client.create(title="Data science").raw
    assert raw is not None
    assert raw.reveal()["privacy"]["label"] == privacy.capitalize()


def test_one_stream_can_be_for_others(client: live.Client) -> None:
    raw = client.create(title="Data science", options={"privacy": 3}).raw
    assert raw is not None
    assert raw.reveal()["privacy"]["label"] == "Private"


def test_who_may_watch_is_one_of_four_words(instance: PeerTubeEmulator) -> None:
    with pytest.raises(live.ConfigurationError, match="privacy"):
        instance.connect(privacy="secret")


def test_an_encoder_is_told_the_server_and_the_key(client: live.Client) -> None:
    ingest = client.create(title="Data science").ingest
    assert ingest is not None
    assert ingest.url == "rtmp://peertube.example:1935/live"
    assert ingest.stream_key is not None


def test_an_instance_that_records_by_itself_is_told_not_to() -> None:
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
    instance.encoder_connects(id)
    with pytest.raises(live.Conflict) as caught:
        client.update(id, **changes)
    assert (caught.value.status, caught.value.applied) == (live.Status.LIVE, False)


def test_the_title_can_change_while_it_is_on_air(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = client.create(title="Data science").id
    instance.encoder_connects(id)
    assert client.update(id, title="Statistics").title == "Statistics"


def test_an_update_repeats_for_whom_the_replay_is(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    options = {"replaySettings": {"privacy": 2}}
    stream = client.create(title="Data science", record=True, options=options)
    client.update(stream.id, latency="low")
    (body,) = sent(instance, "PUT", stream.id)
    assert json.loads(body) == {"replaySettings": {"privacy": 2}, "latencyMode": 3}


def test_a_replay_that_is_switched_on_is_for_those_whom_the_stream_is_for(
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
def test_a_stream_is_found_by_other_ids_of_its_video(client: live.Client, name: str) -> None:
    stream = client.create(title="Data science")
    assert stream.raw is not None
    assert client.get(str(stream.raw.reveal()[name])).id == stream.id


def test_what_is_no_id_of_a_video_is_not_found(client: live.Client) -> None:
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
