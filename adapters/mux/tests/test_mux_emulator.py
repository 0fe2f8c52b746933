"""The emulator, called over HTTP without the adapter: as strict as the vendor's documents."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_mux.emulator import MuxEmulator
from livestream_mux.samples import NEW, USED

from .conftest import UNTYPED, Mux, is_a

PUBLIC: dict[str, Any] = {"playback_policies": ["public"]}
TARGET = {"url": "rtmp://live.example.com/app", "stream_key": "abcdefgh", "passthrough": "One"}
WORDS = (
    *("created", "connected", "recording", "active", "disconnected", "idle", "updated"),
    *("enabled", "disabled", "deleted"),
)


# -- the answers ----------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [NEW, USED])
def test_the_documented_samples_have_the_sdks_type(sample: Any) -> None:
    assert is_a("LiveStream", sample)


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": 1609937654},
        {"status": "live"},
        {"max_continuous_duration": True},
        {"playback_ids": {}},
        {"playback_ids": [{"id": "x"}]},
        {"playback_ids": [{"id": "x", "policy": "none"}]},
        {"meta": {"description": "x"}},
        {"no_such_field": 1},
        {"passthrough": None},
    ],
)
def test_an_answer_of_another_type_would_be_found(change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        is_a("LiveStream", {**NEW, **change})
    with pytest.raises(AssertionError):
        is_a("LiveStream", {name: NEW[name] for name in NEW if name != "id"})


def test_a_created_stream_is_idle_and_has_every_field_of_the_documented_sample(mux: Mux) -> None:
    made = mux.create(**PUBLIC, new_asset_settings=PUBLIC)
    assert made["status"] == "idle"
    for name, value in NEW.items():
        assert type(made[name]) is type(value)
        if name not in ("id", "created_at", "stream_key", "playback_ids"):
            assert made[name] == value
    assert mux.get(made["id"]) == made


def test_a_stream_without_policies_cannot_be_watched(mux: Mux) -> None:
    assert "playback_ids" not in mux.create()


def test_an_answer_leaves_out_what_has_no_value_and_has_no_ingest_url(mux: Mux) -> None:
    made = mux.create()
    assert set(made) == {
        *("id", "created_at", "status", "stream_key", "srt_passphrase"),
        *("latency_mode", "max_continuous_duration", "reconnect_window"),
    }


def test_times_are_texts_of_unix_seconds_in_answers_and_numbers_in_deliveries(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    seconds = int(clock.now().timestamp())
    made = mux.create()
    assert made["created_at"] == str(seconds)
    [created] = emulator.deliveries("video.live_stream.created")
    assert json.loads(created.body)["data"]["created_at"] == seconds


@pytest.mark.parametrize(
    "policies",
    [
        {"playback_policies": ["public", "signed"]},
        {"playback_policy": ["public", "signed"]},
        {"advanced_playback_policies": [{"policy": "public"}, {"policy": "signed"}]},
    ],
)
def test_policies_become_playback_ids(mux: Mux, policies: dict[str, Any]) -> None:
    made = mux.create(**policies)
    assert [each["policy"] for each in made["playback_ids"]] == ["public", "signed"]
    assert len({each["id"] for each in made["playback_ids"]}) == 2
    assert not set(policies) & set(made)


def test_one_policy_may_be_a_plain_text(mux: Mux) -> None:
    made = mux.create(playback_policies="signed", new_asset_settings={"playback_policy": "public"})
    assert [each["policy"] for each in made["playback_ids"]] == ["signed"]
    assert made["new_asset_settings"] == {"playback_policies": ["public"]}


def test_a_drm_policy_needs_its_configuration(mux: Mux) -> None:
    drm = {"policy": "drm", "drm_configuration_id": "abc"}
    [made] = mux.create(advanced_playback_policies=[drm])["playback_ids"]
    assert made == {**drm, "id": made["id"]}
    mux.refused("POST", "live-streams", json={"playback_policies": ["drm"]})
    for wrong in ({"policy": "drm"}, {"policy": "public", "drm_configuration_id": "abc"}):
        mux.refused("POST", "live-streams", json={"advanced_playback_policies": [wrong]})


@pytest.mark.parametrize(
    ("asked", "mode", "window"),
    [
        ({}, "standard", 60),
        ({"latency_mode": "standard"}, "standard", 60),
        ({"latency_mode": "reduced"}, "reduced", 0),
        ({"latency_mode": "low"}, "low", 0),
        ({"low_latency": True}, "low", 0),
        ({"reduced_latency": True}, "reduced", 0),
        ({"low_latency": False, "reduced_latency": True}, "reduced", 0),
        ({"latency_mode": "low", "reconnect_window": 30}, "low", 30),
    ],
)
def test_the_latency_mode_decides_the_reconnect_window(
    mux: Mux, asked: dict[str, Any], mode: str, window: int
) -> None:
    made = mux.create(**asked)
    assert (made["latency_mode"], made["reconnect_window"]) == (mode, window)


def test_two_latencies_contradict_each_other(mux: Mux) -> None:
    mux.refused("POST", "live-streams", json={"latency_mode": "low", "reduced_latency": True})


# -- requests -------------------------------------------------------------------------------

ODD_VALUES = [
    {"no_such_parameter": 1},
    {"passthrough": 1},
    {"passthrough": None},
    {"passthrough": "x" * 256},
    {"meta": "Title"},
    {"meta": {"title": "x" * 513}},
    {"meta": {"title": None}},
    {"meta": {"description": "x"}},
    {"latency_mode": "fast"},
    {"reconnect_window": "60"},
    {"reconnect_window": True},
    {"reconnect_window": -1},
    {"reconnect_window": 1801},
    {"max_continuous_duration": 59},
    {"max_continuous_duration": 43201},
    {"max_continuous_duration": 60.5},
    {"use_slate_for_standard_latency": "true"},
    {"reconnect_slate_url": "no URL"},
    {"new_asset_settings": {"master_access": "forever"}},
    {"new_asset_settings": []},
]


@pytest.mark.parametrize(
    "body",
    [
        *ODD_VALUES,
        {"playback_policies": ["private"]},
        {"playback_policies": [None]},
        {"test": 1},
        {"audio_only": "no"},
        {"simulcast_targets": [{}]},
        {"simulcast_targets": [{"url": "https://live.example.com"}]},
        {"simulcast_targets": [{**TARGET, "name": "x"}]},
        {"simulcast_targets": [TARGET] * 7},
        {"generated_subtitles": [{"language_code": "xx"}]},
        {"test": True, "max_continuous_duration": 600},
        [],
        "text",
        None,
    ],
)
def test_a_create_with_another_parameter_or_type_is_refused(mux: Mux, body: Any) -> None:
    mux.refused("POST", "live-streams", data=json.dumps(body))
    assert mux.list() == []


@pytest.mark.parametrize(
    "body",
    [
        *ODD_VALUES,
        {"playback_policies": ["public"]},
        {"low_latency": True},
        {"test": True},
        {"status": "disabled"},
        {"simulcast_targets": []},
        {"new_asset_settings": {"playback_policies": ["public"]}},
        {"new_asset_settings": {"video_quality": "basic"}},
    ],
)
def test_an_update_with_another_parameter_or_type_is_refused(mux: Mux, body: Any) -> None:
    made = mux.create(passthrough="mine", meta={"title": "Mine"})
    mux.refused("PATCH", f"live-streams/{made['id']}", json=body)
    assert mux.get(made["id"]) == made


@pytest.mark.parametrize("body", [b"", b"no JSON", b'{"reconnect_window": NaN}', b"\xff"])
def test_a_body_that_is_not_json_is_refused(mux: Mux, body: bytes) -> None:
    mux.refused("POST", "live-streams", data=body)


def test_limits_count_code_points(mux: Mux) -> None:
    made = mux.create(passthrough="😀" * 255, meta={"title": "😀" * 512})
    assert made["passthrough"] == "😀" * 255
    assert made["meta"] == {"title": "😀" * 512}


def test_an_update_changes_what_it_names(mux: Mux) -> None:
    made = mux.create(**PUBLIC, new_asset_settings=PUBLIC, passthrough="mine", meta={"title": "A"})
    changes = {
        "meta": {"title": "B"},
        "latency_mode": "low",
        "max_continuous_duration": 1200,
        "reconnect_window": 30.5,
        "use_slate_for_standard_latency": True,
        "reconnect_slate_url": "https://images.example/slate.png",
    }
    path = f"live-streams/{made['id']}"
    settings = {"master_access": "temporary", "video_quality": "plus"}
    body = {**changes, "new_asset_settings": settings}
    shown = mux.ok("PATCH", path, "LiveStream", json=body)
    assert shown == {**made, **changes, "new_asset_settings": {**PUBLIC, **settings}}
    assert mux.get(made["id"]) == shown


def test_an_empty_text_clears_the_passthrough_and_the_slate(mux: Mux) -> None:
    slate = "https://images.example/slate.png"
    made = mux.create(passthrough="mine", reconnect_slate_url=slate)
    body = {"passthrough": "", "reconnect_slate_url": ""}
    shown = mux.ok("PATCH", f"live-streams/{made['id']}", "LiveStream", json=body)
    assert not set(body) & set(shown)


def test_an_update_of_a_stream_on_air_changes_it(mux: Mux, emulator: MuxEmulator) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    shown = mux.ok("PATCH", f"live-streams/{id}", "LiveStream", json={"passthrough": "mine"})
    assert (shown["status"], shown["passthrough"]) == ("active", "mine")


# -- lists ----------------------------------------------------------------------------------


def test_a_list_has_the_newest_first_and_no_total(mux: Mux) -> None:
    made = [mux.create() for _ in range(3)]
    assert mux.send("GET", "live-streams").json() == {"data": made[::-1]}


def test_a_page_has_25_streams_unless_the_limit_says_otherwise(mux: Mux) -> None:
    ids = [mux.create()["id"] for _ in range(27)][::-1]

    def page(**query: Any) -> list[str]:
        return [each["id"] for each in mux.list(**query)]

    assert page() == page(page=1) == ids[:25]
    assert page(page=2) == ids[25:]
    assert page(page=3) == []
    assert page(limit=10, page=2) == ids[10:20]


def test_a_page_is_never_longer_than_the_vendors_maximum(mux: Mux, emulator: MuxEmulator) -> None:
    emulator.page_size = 2
    ids = [mux.create()["id"] for _ in range(3)][::-1]
    pages = [[each["id"] for each in mux.list(limit=3, page=page)] for page in (1, 2, 3)]
    assert pages == [ids[:2], ids[2:], []]


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": -1},
        {"page": "x"},
        {"limit": 0},
        {"limit": "2.5"},
        {"status": "live"},
        {"status": ""},
        {"order": "asc"},
    ],
)
def test_an_odd_query_is_refused(mux: Mux, query: dict[str, Any]) -> None:
    mux.refused("GET", "live-streams", params=query)


def test_a_list_is_filtered_by_status_and_stream_key(mux: Mux, emulator: MuxEmulator) -> None:
    idle, active, disabled = (mux.create() for _ in range(3))
    emulator.connect_encoder(active["id"])
    mux.put(disabled["id"], "disable")
    for status, made in (("idle", idle), ("active", active), ("disabled", disabled)):
        assert [each["id"] for each in mux.list(status=status)] == [made["id"]]
        assert [each["id"] for each in mux.list(stream_key=made["stream_key"])] == [made["id"]]
        assert mux.list(status=status, stream_key="another") == []


# -- credentials and IDs --------------------------------------------------------------------


def test_a_request_without_valid_credentials_is_refused(mux: Mux, emulator: MuxEmulator) -> None:
    good = emulator.options()
    error = {"error": {"type": "unauthorized", "messages": ["Unauthorized request"]}}
    for pair in (
        (good["token_id"], "wrong"),
        ("wrong", good["token_secret"]),
        (good["token_id"], emulator.add_environment()["token_secret"]),
        ("", ""),
    ):
        answer = mux.send("GET", "live-streams", auth=pair)
        assert (answer.status_code, answer.json()) == (401, error)
    mux.session.auth = None
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
        assert mux.send("POST", "live-streams", headers=headers, json={}).status_code == 401


def test_what_another_environment_has_does_not_exist(
    mux: Mux, emulator: MuxEmulator, origin: str
) -> None:
    other = Mux(emulator, origin, **emulator.other_options())
    assert emulator.other_options() == emulator.other_options()
    made = mux.create()
    emulator.connect_encoder(made["id"])
    asset = mux.get(made["id"])["active_asset_id"]
    assert other.list() == []
    for method, path in (
        ("GET", f"live-streams/{made['id']}"),
        ("PATCH", f"live-streams/{made['id']}"),
        ("DELETE", f"live-streams/{made['id']}"),
        ("PUT", f"live-streams/{made['id']}/complete"),
        ("GET", f"assets/{asset}"),
    ):
        answer = other.send(method, path, json={})
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "not_found"
        assert "doesn't exist or you don't have access" in answer.json()["error"]["messages"][0]
    assert mux.get(made["id"])["status"] == "active"


@pytest.mark.parametrize(
    "path",
    [
        "live-streams/",
        "live-streams/none",
        "live-streams/none/playback-ids",
        "live-streams/{id}/start",
        "live-streams/{id}/playback-ids/none",
        "live-streams/{id}/simulcast-targets/none",
        "live-streams/{id}/complete",
        "assets/none",
        "streams",
    ],
)
def test_nothing_is_found_anywhere_else(mux: Mux, path: str) -> None:
    answer = mux.send("GET", path.format(id=mux.create()["id"]))
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found"


def test_an_id_that_cannot_be_one_is_an_invalid_parameter(mux: Mux) -> None:
    for id in ("no-such-id", "a b", "x" * 256):
        assert mux.refused("GET", f"live-streams/{id}") == "Failed to parse ID"


def test_an_asset_is_not_a_live_stream(mux: Mux, emulator: MuxEmulator) -> None:
    [id] = emulator.other_ids()
    assert emulator.other_ids() == [id]
    assert mux.asset(id)["status"] == "ready"
    assert mux.send("GET", f"live-streams/{id}").status_code == 404


def test_injected_faults_are_answered(mux: Mux, emulator: MuxEmulator) -> None:
    emulator.inject(Fault.status(429, headers={"Retry-After": "2"}), on="GET */live-streams")
    answer = mux.send("GET", "live-streams")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert mux.list() == []


# -- a run ----------------------------------------------------------------------------------


def test_a_stream_goes_on_air_and_is_idle_again(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    id = mux.create(new_asset_settings={**PUBLIC, "passthrough": "asset"})["id"]
    emulator.connect_encoder(id)
    shown = mux.get(id)
    assert shown["status"] == "active"
    assert shown["active_ingest_protocol"] == "rtmp"
    assert shown["recent_asset_ids"] == [shown["active_asset_id"]]
    asset = mux.asset(shown["active_asset_id"])
    assert (asset["status"], asset["is_live"], asset["live_stream_id"]) == ("preparing", True, id)
    assert (asset["passthrough"], asset["playback_ids"][0]["policy"]) == ("asset", "public")
    assert "duration" not in asset
    clock.advance(100)
    emulator.drop_encoder(id)
    assert mux.get(id)["status"] == "active"
    clock.advance(59)
    assert mux.get(id)["status"] == "active"
    clock.advance(1)
    ended = mux.get(id)
    assert ended["status"] == "idle"
    assert ended["recent_asset_ids"] == [asset["id"]]
    assert not {"active_asset_id", "active_ingest_protocol"} & set(ended)


def test_a_recording_becomes_ready_and_has_its_times(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    id = mux.create()["id"]
    began = clock.now()
    emulator.connect_encoder(id)
    clock.advance(90)
    with pytest.raises(ValueError, match="recording"):
        emulator.finish_recording(id)
    emulator.drop_encoder(id)
    emulator.finish_recording(id)  # does not wait for the reconnect window
    [asset] = mux.ok("GET", "assets", "Asset", params={"live_stream_id": id})
    assert (asset["status"], asset["is_live"], asset["duration"]) == ("ready", False, 90)
    [recorded] = asset["recording_times"]
    assert (recorded["duration"], recorded["type"]) == (90, "content")
    assert live.parse_instant(recorded["started_at"]) == began
    assert mux.get(id)["status"] == "idle"
    with pytest.raises(ValueError, match="recording"):
        emulator.finish_recording(id)


def test_a_reconnect_in_time_continues_the_asset(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    id = mux.create(use_slate_for_standard_latency=True)["id"]
    for _ in range(2):
        emulator.connect_encoder(id)
        clock.advance(30)
        emulator.drop_encoder(id)
        clock.advance(20)
    shown = mux.get(id)
    asset = mux.asset(shown["active_asset_id"])
    assert shown["recent_asset_ids"] == [asset["id"]]
    times = [(each["type"], each["duration"]) for each in asset["recording_times"]]
    assert times == [("content", 30), ("slate", 20), ("content", 30)]


def test_a_reconnect_in_time_ends_the_reconnect_window(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    emulator.drop_encoder(id)
    clock.advance(30)
    emulator.connect_encoder(id)
    clock.advance(300)
    assert mux.get(id)["status"] == "active"


def test_the_newest_asset_is_the_last(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    id = mux.create(latency_mode="low")["id"]
    seen = []
    for _ in range(2):
        emulator.connect_encoder(id)
        seen.append(mux.get(id)["active_asset_id"])
        emulator.drop_encoder(id)  # no reconnect window
    assert mux.get(id)["recent_asset_ids"] == seen
    listed = mux.ok("GET", "assets", "Asset", params={"live_stream_id": id, "limit": 1})
    assert [each["id"] for each in listed] == seen[-1:]
    assert mux.ok("GET", "assets", "Asset", params={"live_stream_id": "another"}) == []
    assert mux.ok("GET", "assets", "Asset", params={"upload_id": "another"}) == []


def test_it_can_take_a_while_until_a_stream_is_active(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock, words: Callable[[str], list[str]]
) -> None:
    emulator.seconds_to_active = 15
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    assert mux.get(id)["status"] == "idle"
    assert words(id) == ["created", "connected", "recording"]
    clock.advance(15)
    assert mux.get(id)["status"] == "active"
    assert words(id)[-1] == "active"


def test_an_encoder_is_disconnected_after_the_longest_run(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock, words: Callable[[str], list[str]]
) -> None:
    id = mux.create(max_continuous_duration=600)["id"]
    emulator.connect_encoder(id)
    clock.advance(600)
    assert mux.get(id)["status"] == "active"
    assert words(id)[-1] == "disconnected"
    clock.advance(60)
    assert mux.get(id)["status"] == "idle"


def test_what_cannot_happen_is_a_value_error(mux: Mux, emulator: MuxEmulator) -> None:
    id = mux.create()["id"]
    for event in (emulator.drop_encoder, emulator.finish_recording):
        with pytest.raises(ValueError):
            event(id)
        with pytest.raises(ValueError):
            event("none")
    emulator.connect_encoder(id)
    with pytest.raises(ValueError):
        emulator.connect_encoder(id)
    with pytest.raises(NotImplementedError):
        emulator.fail_stream(id)


# -- complete, disable, enable, delete ------------------------------------------------------


def test_complete_ends_the_recording_and_cuts_the_encoder_60_seconds_later(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock, words: Callable[[str], list[str]]
) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    clock.advance(30)
    mux.put(id, "complete")
    assert mux.get(id)["status"] == "idle"
    assert words(id)[-1] == "idle"
    clock.advance(59)
    mux.get(id)
    assert words(id)[-1] == "idle"
    clock.advance(1)
    assert mux.get(id)["status"] == "idle"
    assert words(id)[-1] == "disconnected"
    with pytest.raises(ValueError):
        emulator.drop_encoder(id)


def test_a_reconnect_after_complete_makes_a_new_asset(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    mux.put(id, "complete")
    clock.advance(30)
    emulator.connect_encoder(id)
    shown = mux.get(id)
    assert shown["status"] == "active"
    assert len(shown["recent_asset_ids"]) == 2
    clock.advance(60)
    assert mux.get(id)["status"] == "active"


def test_complete_closes_the_reconnect_window(mux: Mux, emulator: MuxEmulator) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    emulator.drop_encoder(id)
    mux.put(id, "complete")
    assert mux.get(id)["status"] == "idle"


@pytest.mark.parametrize("refuses", [True, False])
def test_a_repetition_is_refused_or_has_no_effect(
    mux: Mux, emulator: MuxEmulator, refuses: bool
) -> None:
    emulator.refuses_repeats = refuses
    id = mux.create()["id"]

    def again(action: str) -> None:
        shown, sent = mux.get(id), len(emulator.events)
        if refuses:
            mux.refused("PUT", f"live-streams/{id}/{action}")
        else:
            mux.put(id, action)
        assert (mux.get(id), len(emulator.events)) == (shown, sent)

    again("complete")
    again("enable")
    mux.put(id, "disable")
    again("disable")
    again("complete")


def test_a_disabled_stream_refuses_encoders_until_it_is_enabled(
    mux: Mux, emulator: MuxEmulator, words: Callable[[str], list[str]]
) -> None:
    id = mux.create()["id"]
    mux.put(id, "disable")
    assert mux.get(id)["status"] == "disabled"
    with pytest.raises(ValueError, match="disabled"):
        emulator.connect_encoder(id)
    mux.put(id, "enable")
    assert mux.get(id)["status"] == "idle"
    emulator.connect_encoder(id)
    assert words(id) == ["created", "disabled", "enabled", "connected", "recording", "active"]


def test_disable_ends_a_run_and_closes_the_connection_at_once(
    mux: Mux, emulator: MuxEmulator, words: Callable[[str], list[str]]
) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    mux.put(id, "disable")
    shown = mux.get(id)
    assert shown["status"] == "disabled"
    assert mux.asset(shown["recent_asset_ids"][0])["is_live"] is False
    assert words(id)[-3:] == ["disconnected", "idle", "disabled"]


def test_delete_disconnects_the_encoder_and_keeps_the_assets(
    mux: Mux, emulator: MuxEmulator, words: Callable[[str], list[str]]
) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    asset = mux.get(id)["active_asset_id"]
    answer = mux.send("DELETE", f"live-streams/{id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert mux.send("GET", f"live-streams/{id}").status_code == 404
    assert mux.send("DELETE", f"live-streams/{id}").status_code == 404
    assert mux.asset(asset)["is_live"] is False
    assert words(id)[-3:] == ["disconnected", "idle", "deleted"]


def test_a_test_stream_is_disabled_after_5_minutes_and_its_asset_deleted_after_24_hours(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    made = mux.create(test=True)
    assert made["test"] is True
    emulator.connect_encoder(made["id"])
    asset = mux.get(made["id"])["active_asset_id"]
    clock.advance(299)
    assert mux.get(made["id"])["status"] == "active"
    clock.advance(1)
    assert mux.get(made["id"])["status"] == "disabled"
    assert mux.asset(asset)["test"] is True
    clock.advance(86400 - 300)
    assert mux.send("GET", f"assets/{asset}").status_code == 404


def test_the_key_can_be_reset(mux: Mux) -> None:
    made = mux.create()
    shown = mux.ok("POST", f"live-streams/{made['id']}/reset-stream-key", "LiveStream")
    assert shown["stream_key"] != made["stream_key"]
    assert shown == {**made, "stream_key": shown["stream_key"]} == mux.get(made["id"])


# -- playback IDs and simulcast targets -----------------------------------------------------


def test_playback_ids_are_added_and_deleted(mux: Mux) -> None:
    id = mux.create()["id"]
    path = f"live-streams/{id}/playback-ids"
    for body in ({"policy": "public"}, {"policy": "drm", "drm_configuration_id": "abc"}):
        made = mux.ok("POST", path, "PlaybackId", json=body)
        assert made == {**body, "id": made["id"]}
        assert mux.ok("GET", f"{path}/{made['id']}", "PlaybackId") == made
        assert mux.get(id)["playback_ids"] == [made]
        assert mux.send("DELETE", f"{path}/{made['id']}").status_code == 204
        assert "playback_ids" not in mux.get(id)
    for wrong in ({}, {"policy": "drm"}, {"policy": "none"}, {"policy": "public", "x": 1}):
        mux.refused("POST", path, json=wrong)


def test_targets_come_with_the_stream_or_one_at_a_time(mux: Mux) -> None:
    made = mux.create(simulcast_targets=[TARGET, {"url": "srt://live.example.com:1234"}])
    first = made["simulcast_targets"][0]
    assert first == {**TARGET, "id": first["id"], "status": "idle"}
    path = f"live-streams/{made['id']}/simulcast-targets"
    third = mux.ok("POST", path, "SimulcastTarget", json=TARGET)
    assert mux.ok("GET", f"{path}/{third['id']}", "SimulcastTarget") == third
    assert mux.get(made["id"])["simulcast_targets"] == [*made["simulcast_targets"], third]
    for each in mux.get(made["id"])["simulcast_targets"]:
        assert mux.send("DELETE", f"{path}/{each['id']}").status_code == 204
    assert "simulcast_targets" not in mux.get(made["id"])


def test_a_stream_has_at_most_6_targets(mux: Mux) -> None:
    id = mux.create(simulcast_targets=[TARGET] * 6)["id"]
    assert "6" in mux.refused("POST", f"live-streams/{id}/simulcast-targets", json=TARGET)


@pytest.mark.parametrize("status", ["active", "disabled"])
def test_targets_are_refused_unless_the_stream_is_idle(
    mux: Mux, emulator: MuxEmulator, status: str
) -> None:
    made = mux.create(simulcast_targets=[TARGET])
    path = f"live-streams/{made['id']}/simulcast-targets"
    if status == "active":
        emulator.connect_encoder(made["id"])
    else:
        mux.put(made["id"], "disable")
    assert "idle" in mux.refused("POST", path, json=TARGET)
    assert "idle" in mux.refused("DELETE", f"{path}/{made['simulcast_targets'][0]['id']}")
    assert len(mux.get(made["id"])["simulcast_targets"]) == 1


def test_targets_follow_the_encoder(
    mux: Mux, emulator: MuxEmulator, words: Callable[[str], list[str]]
) -> None:
    made = mux.create(simulcast_targets=[TARGET])
    [target] = made["simulcast_targets"]

    def status() -> str:
        [shown] = mux.get(made["id"])["simulcast_targets"]
        return str(shown["status"])

    emulator.connect_encoder(made["id"])
    assert status() == "broadcasting"
    mux.put(made["id"], "complete")
    assert status() == "idle"
    emulator.connect_encoder(made["id"])
    emulator.drop_encoder(made["id"])
    assert status() == "idle"
    assert words(target["id"]) == [
        "created",
        *("starting", "broadcasting", "idle"),
        *("starting", "broadcasting", "idle"),
    ]


# -- webhooks -------------------------------------------------------------------------------


def signature(secret: str, seconds: int, body: bytes) -> str:
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


def typed(body: bytes) -> dict[str, Any]:
    """Return a delivery that has the SDK's type."""
    event: dict[str, Any] = json.loads(body)
    assert [event.pop(name) for name in UNTYPED] == [None] * 3
    assert is_a("BaseWebhookEvent", event)
    kind = event["type"]
    type = "WebhookLiveStream"
    if "simulcast_target" in kind:
        type = "WebhookSimulcastTarget"
    elif kind.startswith("video.asset"):
        type = "WebhookAsset"
    elif kind.endswith("warning"):
        type = "WebhookLiveStreamWarning"
    assert is_a(type, event["data"])
    return event


def test_every_delivery_of_a_life_has_the_sdks_type_and_is_signed(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    made = mux.create(**PUBLIC, meta={"title": "T"}, simulcast_targets=[TARGET])
    id = made["id"]
    emulator.connect_encoder(id)
    emulator.warn(id)
    clock.advance(10)
    emulator.drop_encoder(id)
    emulator.finish_recording(id)
    mux.ok("PATCH", f"live-streams/{id}", "LiveStream", json={"passthrough": "x"})
    mux.send("DELETE", f"live-streams/{id}/simulcast-targets/{made['simulcast_targets'][0]['id']}")
    mux.put(id, "disable")
    mux.put(id, "enable")
    mux.send("DELETE", f"live-streams/{id}")
    sent = emulator.deliveries()
    for each in sent:
        event = typed(each.body)
        assert (event["type"], event["object"]["id"]) == (each.type, each.object_id)
        seconds = int(live.parse_instant(event["created_at"]).timestamp())
        expected = signature(emulator.webhook_secret, seconds, each.body)
        assert each.headers["Mux-Signature"] == expected
    kinds = {each.type.removeprefix("video.live_stream.") for each in sent}
    assert kinds == {
        *WORDS,
        "warning",
        *(f"simulcast_target.{w}" for w in ("created", "starting", "broadcasting", "idle")),
        "simulcast_target.deleted",
        *(f"video.asset.{word}" for word in ("created", "live_stream_completed", "ready")),
    }


def test_what_became_due_is_dated_when_it_happened(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    emulator.drop_encoder(id)
    over = clock.now().timestamp() + 60
    clock.advance(1000)
    [idle] = emulator.deliveries("video.live_stream.idle")
    created_at = json.loads(idle.body)["created_at"]
    assert live.parse_instant(created_at).timestamp() == pytest.approx(over, abs=0.001)


@pytest.mark.parametrize("word", [None, *WORDS, "warning"])
def test_a_delivery_can_be_had_at_any_time(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock, word: str | None
) -> None:
    id = mux.create()["id"]
    headers, body = emulator.webhook(id, secret="another", type=word)
    seconds = int(clock.now().timestamp())
    assert headers["Mux-Signature"] == signature("another", seconds, body)
    assert typed(body)["type"] == f"video.live_stream.{word or 'created'}"


def test_a_delivery_that_is_repeated_is_the_same_event(mux: Mux, emulator: MuxEmulator) -> None:
    id = mux.create()["id"]
    assert emulator.webhook(id) == emulator.webhook(id)
    mux.put(id, "disable")
    mux.put(id, "enable")
    ids = [json.loads(each.body)["id"] for each in emulator.deliveries()]
    assert len(set(ids)) == 3


def test_a_delivery_tells_the_latest_change(
    mux: Mux, emulator: MuxEmulator, clock: live.ManualClock
) -> None:
    emulator.seconds_to_active = 5
    id = mux.create()["id"]

    def latest() -> tuple[str, str, bool, bool]:
        event = typed(emulator.webhook(id)[1])
        data = event["data"]
        word = event["type"].removeprefix("video.live_stream.")
        return word, data["status"], data["connected"], data["recording"]

    emulator.connect_encoder(id)
    assert latest() == ("recording", "idle", True, True)
    clock.advance(5)
    assert latest() == ("active", "active", True, True)
    emulator.drop_encoder(id)
    assert latest() == ("disconnected", "active", False, True)
    clock.advance(60)
    assert latest() == ("idle", "idle", False, False)
    mux.put(id, "disable")
    assert latest() == ("disabled", "disabled", False, False)


def test_a_delivery_can_be_about_an_asset(mux: Mux, emulator: MuxEmulator) -> None:
    [other] = emulator.other_ids()
    event = typed(emulator.webhook(other)[1])
    assert (event["type"], event["object"]) == ("video.asset.ready", {"type": "asset", "id": other})
    id = mux.create()["id"]
    emulator.connect_encoder(id)
    asset = mux.get(id)["active_asset_id"]
    event = typed(emulator.webhook(asset)[1])
    assert event["type"] == "video.asset.created"
    [times] = event["data"]["recording_times"]
    assert set(times["started_at"]) == {"seconds", "nanos"}


def test_each_environment_signs_with_its_own_secret(
    mux: Mux, emulator: MuxEmulator, origin: str
) -> None:
    options = emulator.add_environment("Staging")
    other = Mux(emulator, origin, **options)
    id = other.create()["id"]
    [sent] = emulator.deliveries(id=id)
    event = json.loads(sent.body)
    assert event["environment"]["name"] == "Staging"
    seconds = int(live.parse_instant(event["created_at"]).timestamp())
    assert sent.headers["Mux-Signature"] == signature(options["webhook_secret"], seconds, sent.body)


# -- secrets and views ----------------------------------------------------------------------


def test_the_emulators_view_is_what_the_api_shows(mux: Mux, emulator: MuxEmulator) -> None:
    made = mux.create(**PUBLIC)
    assert emulator.shown(made["id"]) == made
    with pytest.raises(ValueError):
        emulator.shown("none")


def test_the_repr_of_a_delivery_has_no_key(mux: Mux, emulator: MuxEmulator) -> None:
    made = mux.create()
    assert made["stream_key"] not in repr(emulator.deliveries())
