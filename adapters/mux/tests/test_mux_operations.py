"""What the operations send, and how they read the responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import livestream_core as live
from livestream_core import Latency, Protection, RecordingStatus, Status

ID = "aA02skpHXoLrbQm49qIzAG6RtewFOcDEY"
PLAYBACK_ID = "HNRDuwff3K2VjTZZAPuvd2Kx6D01XUQFv02GFBHPUka018"

#: The example of Mux's API reference, with the fields that were added since.
STREAM: dict[str, Any] = {
    "id": ID,
    "created_at": "1609937654",
    "stream_key": "a-stream-key",
    "srt_passphrase": "a-passphrase",
    "status": "idle",
    "playback_ids": [{"id": PLAYBACK_ID, "policy": "public"}],
    "new_asset_settings": {"playback_policies": ["public"]},
    "meta": {"title": "Lesson 4"},
    "passthrough": "lesson-4",
    "latency_mode": "standard",
    "reconnect_window": 60,
    "max_continuous_duration": 43200,
    "test": False,
}
ASSET: dict[str, Any] = {
    "id": "asset-1",
    "status": "ready",
    "created_at": "1767323045",
    "duration": 61.5,
    "is_live": False,
    "live_stream_id": ID,
    "playback_ids": [{"id": "asset-playback", "policy": "public"}],
    "recording_times": [
        {"started_at": "2026-01-02T03:04:05Z", "duration": 30, "type": "content"},
        {"started_at": "2026-01-02T03:04:36Z", "duration": 30.5, "type": "content"},
    ],
}
ONE = f"/video/v1/live-streams/{ID}"
POLICIES = {"playback_policies": ["public"]}


def shown(**fields: Any) -> dict[str, Any]:
    """Return the documented stream in its envelope, with some other fields."""
    return {"data": {**STREAM, **fields}}


def error(kind: str, *messages: str) -> dict[str, Any]:
    return {"error": {"type": kind, "messages": [*messages]}}


class Script:
    """A transport that returns prepared responses, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, Any]] = []
        self.headers: dict[str, str] = {}

    def send(
        self, method: str, origin: str, target: str, headers: Any, body: Any, timeout: Any
    ) -> live.Response:
        self.sent.append((method, target, body and json.loads(body)))
        self.headers = dict(headers)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, data = answer if isinstance(answer, tuple) else (200, answer)
        return live.Response(status, body=b"" if data is None else json.dumps(data).encode())


@contextmanager
def prepared(*answers: Any, **options: Any) -> Iterator[tuple[live.Client, Script]]:
    """Provide a client over prepared responses, all of which must be used."""
    script = Script(*answers)
    options = {"token_id": "token-id", "token_secret": "token-secret", **options}
    with live.connect("mux", transport=script, retries=0, **options) as client:
        yield client, script
    assert not script.answers


# -- create ---------------------------------------------------------------------------------


def test_a_create_asks_for_a_playback_id_for_the_stream_and_for_its_recordings() -> None:
    with prepared((201, shown())) as (client, script):
        client.create(title="Lesson 4")
    assert script.sent == [
        (
            "POST",
            "/video/v1/live-streams",
            {**POLICIES, "new_asset_settings": POLICIES, "meta": {"title": "Lesson 4"}},
        )
    ]


def test_a_create_sends_every_field() -> None:
    with prepared((201, shown())) as (client, script):
        client.create(
            title="Lesson 4",
            reference="lesson-4",
            latency=Latency.ULTRA_LOW,
            record=True,
            restreams=[
                live.RestreamTarget("rtmp://a.example/live", "their-key"),
                live.RestreamTarget("srt://b.example:9000?streamid=x"),
            ],
            options={"reconnect_window": 300, "playback_policies": ["signed"]},
        )
    ((_, _, body),) = script.sent
    assert body == {
        "playback_policies": ["signed"],
        "new_asset_settings": POLICIES,
        "meta": {"title": "Lesson 4"},
        "passthrough": "lesson-4",
        "latency_mode": "low",
        "simulcast_targets": [
            {"url": "rtmp://a.example/live", "stream_key": "their-key"},
            {"url": "srt://b.example:9000?streamid=x"},
        ],
        "reconnect_window": 300,
    }


def test_viewers_of_a_signed_account_need_a_token() -> None:
    with prepared((201, shown()), playback_policy="signed") as (client, script):
        client.create(title="Lesson 4")
    assert script.sent[0][2]["playback_policies"] == ["signed"]
    assert script.sent[0][2]["new_asset_settings"] == {"playback_policies": ["signed"]}


@pytest.mark.parametrize(
    ("latency", "word"),
    [(Latency.NORMAL, "standard"), (Latency.LOW, "reduced"), (Latency.ULTRA_LOW, "low")],
)
def test_a_latency_is_sent_and_read(latency: Latency, word: str) -> None:
    with prepared((201, shown(latency_mode=word))) as (client, script):
        assert client.create(title="T", latency=latency).latency is latency
    assert script.sent[0][2]["latency_mode"] == word


@pytest.mark.parametrize(
    ("field", "longest"), [("title", 512), ("reference", 255)], ids=["title", "reference"]
)
def test_a_text_that_mux_cannot_store_is_refused_before_anything_is_sent(
    field: str, longest: int
) -> None:
    fields: Any = {"title": "T", field: "é" * longest}
    with prepared((201, shown())) as (client, script):
        client.create(**fields)
        fields[field] += "é"
        with pytest.raises(live.InvalidInput, match=f"at most {longest}") as caught:
            client.create(**fields)
    assert (caught.value.field, caught.value.applied, len(script.sent)) == (field, False, 1)


@pytest.mark.parametrize("name", ["meta", "passthrough"])
def test_an_option_cannot_replace_a_field_of_the_model(name: str) -> None:
    with prepared() as (client, _), pytest.raises(live.InvalidInput, match=name):
        client.create(title="T", reference="r", options={name: "other"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scheduled_start", "2030-01-01T00:00:00Z"),
        ("description", "x"),
        ("record", False),
        ("recording_drm", True),
        ("tags", ["x"]),
    ],
)
def test_what_mux_lacks_is_refused(field: str, value: Any) -> None:
    fields: Any = {field: value}
    with prepared() as (client, _), pytest.raises(live.Unsupported, match=field):
        client.create(title="T", **fields)


# -- lists ----------------------------------------------------------------------------------


def test_a_list_is_read_until_a_page_is_empty() -> None:
    pages = [{"data": [shown(id=str(each))["data"]]} for each in (1, 2)]
    with prepared(*pages, {"data": []}) as (client, script):
        assert [stream.id for stream in client.list()] == ["1", "2"]
    assert [target for _, target, _ in script.sent] == [
        f"/video/v1/live-streams?page={page}&limit=100" for page in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("status", "word"), [("ready", "idle"), ("live", "active"), ("disabled", "disabled")]
)
def test_a_status_is_compared_by_mux_and_again_here(status: str, word: str) -> None:
    page = {
        "data": [shown(id=each, status=each)["data"] for each in ("idle", "active", "disabled")]
    }
    with prepared(page, {"data": []}) as (client, script):
        assert [stream.id for stream in client.list(status=status)] == [word]
    assert f"status={word}" in script.sent[0][1]


def test_interrupted_is_no_word_that_mux_could_compare() -> None:
    with prepared({"data": []}) as (client, script):
        assert list(client.list(status=Status.INTERRUPTED)) == []
    assert "status" not in script.sent[0][1]


def test_a_reference_is_looked_for_here() -> None:
    page = {"data": [shown(id=each, passthrough=each)["data"] for each in ("a", "b")]}
    with prepared(page, {"data": []}) as (client, _):
        assert [stream.id for stream in client.list(reference="b")] == ["b"]


@pytest.mark.parametrize("cursor", ["0", "-1", "x", "1&page=2", "\u0661", "9" * 10])
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with prepared() as (client, _), pytest.raises(live.InvalidInput, match="cursor"):
        client.pages(cursor=cursor)


# -- update ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"title": "New"}, {"meta": {"title": "New"}}),
        ({"reference": "new"}, {"passthrough": "new"}),
        ({"reference": None}, {"passthrough": ""}),
        ({"latency": "low"}, {"latency_mode": "reduced"}),
    ],
)
def test_an_update_sends_only_what_changes(changes: Any, body: Any) -> None:
    with prepared(shown()) as (client, script):
        client.update(ID, **changes)
    assert script.sent == [("PATCH", ONE, body)]


# -- changes of status ----------------------------------------------------------------------


@pytest.mark.parametrize("word", ["idle", "active"])
def test_a_start_only_reads(word: str) -> None:
    with prepared(shown(status=word)) as (client, script):
        client.start(ID)
    assert [method for method, _, _ in script.sent] == ["GET"]


def test_a_disabled_stream_must_be_enabled_before_it_starts() -> None:
    with prepared(shown(status="disabled")) as (client, _):
        with pytest.raises(live.Conflict, match="enable it first") as caught:
            client.start(ID)
    assert caught.value.status is Status.DISABLED


def test_a_stop_completes_the_run() -> None:
    answers = shown(status="active"), {"data": {}}, shown(status="idle")
    with prepared(*answers) as (client, script):
        assert client.stop(ID).status is Status.READY
    assert script.sent == [("GET", ONE, None), ("PUT", f"{ONE}/complete", None), ("GET", ONE, None)]


@pytest.mark.parametrize("word", ["idle", "disabled"])
def test_only_a_run_can_be_stopped(word: str) -> None:
    with prepared(shown(status=word)) as (client, script):
        with pytest.raises(live.Conflict):
            client.stop(ID)
    assert [method for method, _, _ in script.sent] == ["GET"]


def test_a_stop_whose_answer_is_lost_is_not_sent_again() -> None:
    lost = live.ConnectionFailed("lost", applied=None)
    with prepared(shown(status="active"), lost) as (client, script):
        with pytest.raises(live.ConnectionFailed) as caught:
            client.stop(ID)
    assert caught.value.applied is None
    assert len(script.sent) == 2


@pytest.mark.parametrize(
    ("action", "before", "after"), [("disable", "idle", "disabled"), ("enable", "disabled", "idle")]
)
def test_switching_a_stream_sends_the_action_once(action: str, before: str, after: str) -> None:
    answers = shown(status=before), {"data": {}}, shown(status=after)
    with prepared(*answers) as (client, script):
        assert getattr(client, action)(ID).provider_status == after
    assert script.sent[1] == ("PUT", f"{ONE}/{action}", None)


@pytest.mark.parametrize(("action", "word"), [("disable", "disabled"), ("enable", "active")])
def test_a_stream_that_is_as_wanted_is_only_read(action: str, word: str) -> None:
    with prepared(shown(status=word)) as (client, script):
        assert getattr(client, action)(ID).provider_status == word
    assert len(script.sent) == 1


def test_a_new_key_is_in_the_response() -> None:
    with prepared(shown(stream_key="another-key")) as (client, script):
        stream = client.reset_key(ID)
    assert stream.ingest is not None
    assert stream.ingest.stream_key is not None
    assert stream.ingest.stream_key.reveal() == "another-key"
    assert script.sent == [("POST", f"{ONE}/reset-stream-key", None)]


def test_a_delete_sends_one_request() -> None:
    with prepared((204, None)) as (client, script):
        client.delete(ID)
    assert script.sent == [("DELETE", ONE, None)]


# -- recordings -----------------------------------------------------------------------------


def test_every_run_has_a_recording() -> None:
    with prepared(shown(), {"data": [ASSET]}, {"data": []}) as (client, script):
        (recording,) = client.recordings(ID)
    assert script.sent[1][1] == f"/video/v1/assets?live_stream_id={ID}&limit=100&page=1"
    assert (recording.id, recording.status) == ("asset-1", RecordingStatus.READY)
    assert recording.url == "https://stream.mux.com/asset-playback.m3u8"
    assert recording.duration == 61.5
    assert recording.started_at == live.parse_instant("2026-01-02T03:04:05Z")
    assert recording.ended_at == live.parse_instant("2026-01-02T03:05:06.5Z")


def test_a_run_that_is_on_air_has_not_ended() -> None:
    asset = {**ASSET, "is_live": True}
    with prepared(shown(), {"data": [asset]}, {"data": []}) as (client, _):
        (recording,) = client.recordings(ID)
    assert (recording.status, recording.ended_at) == (RecordingStatus.PROCESSING, None)


def test_a_recording_that_needs_a_token_has_no_address() -> None:
    asset = {**ASSET, "playback_ids": [{"id": "x", "policy": "signed"}]}
    with prepared(shown(), {"data": [asset]}, {"data": []}) as (client, _):
        (recording,) = client.recordings(ID)
    assert recording.url is None


def test_recordings_of_a_stream_that_does_not_exist_are_not_found() -> None:
    with prepared((404, error("not_found", "not found"))) as (client, script):
        with pytest.raises(live.NotFound):
            client.recordings(ID)
    assert len(script.sent) == 1


# -- errors ---------------------------------------------------------------------------------


def test_an_error_has_the_messages_of_mux() -> None:
    body = error("invalid_parameters", "Invalid JSON", "passthrough is too long")
    with prepared((400, body)) as (client, _):
        with pytest.raises(live.Rejected, match="Invalid JSON; passthrough is too long"):
            client.create(title="T")


def test_an_id_that_mux_cannot_parse_is_not_found() -> None:
    body = error("invalid_parameters", "Failed to parse ID")
    with prepared((400, body)) as (client, _), pytest.raises(live.NotFound) as caught:
        client.get("nothing")
    assert (caught.value.applied, caught.value.http_status) == (False, 400)


@pytest.mark.parametrize(
    "body", [{}, [], "x", {"error": "x"}, {"error": {"messages": {}}}, {"error": {"messages": [1]}}]
)
def test_an_error_of_another_shape_is_told_by_its_status(body: Any) -> None:
    with prepared((409, body)) as (client, _), pytest.raises(live.Conflict):
        client.get(ID)


def test_an_access_token_is_sent_as_basic_credentials() -> None:
    with prepared(shown()) as (client, script):
        client.get(ID)
    assert script.headers["Authorization"] == "Basic dG9rZW4taWQ6dG9rZW4tc2VjcmV0"


def test_the_account_keeps_its_name_when_the_token_is_replaced() -> None:
    with prepared() as (first, _), prepared(token_id="new", token_secret="new") as (second, _):
        assert first.account != second.account
    named = {"environment": "school"}
    with prepared(**named) as (first, _), prepared(**named, token_id="new") as (second, _):
        assert first.account == second.account == "mux:api.mux.com:school"


# -- reading --------------------------------------------------------------------------------


def test_every_field_of_a_stream_is_read() -> None:
    with prepared(shown()) as (client, _):
        stream = client.get(ID)
    assert stream.problems == ()
    assert (stream.title, stream.reference) == ("Lesson 4", "lesson-4")
    assert stream.created_at == live.parse_instant("2021-01-06T12:54:14Z")
    assert (stream.record, stream.latency) == (True, Latency.NORMAL)
    assert stream.hls_url == f"https://stream.mux.com/{PLAYBACK_ID}.m3u8"
    assert stream.thumbnail_url == f"https://image.mux.com/{PLAYBACK_ID}/thumbnail.jpg"
    rtmps, srt = stream.ingests
    assert (rtmps.url, rtmps.protocol) == ("rtmps://global-live.mux.com:443/app", "rtmps")
    assert srt.url == "srt://global-live.mux.com:6001"
    assert srt.passphrase is not None
    assert srt.passphrase.reveal() == "a-passphrase"
    assert (stream.started_at, stream.ended_at, stream.recording) == (None, None, None)


def test_viewers_find_streams_under_your_own_domain() -> None:
    with prepared(shown(), playback_url="https://watch.school.example") as (client, _):
        assert client.get(ID).hls_url == f"https://watch.school.example/{PLAYBACK_ID}.m3u8"


@pytest.mark.parametrize(
    "url", ["watch.example", "ftp://x.example", "https://x.example/", "https://x.example?a=b", ""]
)
def test_what_is_not_the_start_of_a_playback_url_is_refused(url: str) -> None:
    with pytest.raises(live.ConfigurationError, match="playback_url"):
        live.connect("mux", token_id="a", token_secret="b", playback_url=url)


def test_a_stream_without_meta_has_no_title() -> None:
    payload = shown()
    del payload["data"]["meta"]
    with prepared(payload) as (client, _):
        stream = client.get(ID)
    assert (stream.title, stream.problems) == ("", ())


@pytest.mark.parametrize(
    ("policy", "protection"), [("signed", Protection.SIGNED), ("drm", Protection.DRM)]
)
def test_a_protected_playback_has_no_address(policy: str, protection: Protection) -> None:
    ids = [{"id": "secret-one", "policy": policy}, {"id": "open", "policy": "public"}]
    with prepared(shown(playback_ids=ids)) as (client, _):
        stream = client.get(ID)
    assert [each.protection for each in stream.playbacks] == [protection, Protection.NONE]
    assert stream.playbacks[0].url is None
    assert stream.hls_url == "https://stream.mux.com/open.m3u8"


def test_a_policy_of_tomorrow_is_a_problem_and_makes_no_address() -> None:
    with prepared(shown(playback_ids=[{"id": "x", "policy": "members"}])) as (client, _):
        stream = client.get(ID)
    assert (stream.hls_url, stream.playbacks[0].protection) == (None, Protection.UNKNOWN)
    assert stream.problems


def test_another_ingest_server_has_no_srt_of_mux() -> None:
    with prepared(shown(), ingest_url="rtmp://localhost/app") as (client, _):
        assert [each.url for each in client.get(ID).ingests] == ["rtmp://localhost/app"]


def test_a_region_of_mux_is_used_for_both_protocols() -> None:
    with prepared(shown(), ingest_url="rtmps://us-east.live.mux.com:443/app") as (client, _):
        assert [each.url for each in client.get(ID).ingests] == [
            "rtmps://us-east.live.mux.com:443/app",
            "srt://us-east.live.mux.com:6001",
        ]


@pytest.mark.parametrize(
    "payload",
    [
        ASSET,
        {"id": "target", "status": "idle", "stream_key": "k", "url": "rtmp://a.example/live"},
        {"id": "x"},
        [],
        "x",
    ],
    ids=["an asset", "a simulcast target", "an ID alone", "a list", "text"],
)
def test_something_else_is_no_stream(payload: Any) -> None:
    with prepared() as (client, _), pytest.raises(live.UnexpectedResponse):
        client.parse_stream(payload)


def test_no_secret_of_a_stream_is_shown() -> None:
    with prepared(shown()) as (client, _):
        text = repr(client.get(ID))
    assert "a-stream-key" not in text
    assert "a-passphrase" not in text
