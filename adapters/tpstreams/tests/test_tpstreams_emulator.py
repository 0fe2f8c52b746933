"""The emulator, called without the adapter, is as strict as the vendor's documents."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from livestream_tpstreams.emulator import MAX_TOKENS

LIVE = "/assets/live_streams/"


# -- paths and methods --------------------------------------------------------------------------


def test_a_read_without_the_last_slash_is_redirected(api):
    answer = api("GET", "/assets/live_streams?limit=5")
    assert answer.status_code == 301
    assert answer.headers["Location"].endswith("/assets/live_streams/?limit=5")


def test_a_redirect_without_a_query_has_none(api):
    assert api("GET", "/assets/abc").headers["Location"].endswith("/assets/abc/")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_change_without_the_last_slash_is_refused(api, method):
    id = api.create()["id"]
    path = "/assets/live_streams" if method == "POST" else f"/assets/{id}"
    assert api(method, path, {"title": "T"}).status_code == 404
    assert api("GET", LIVE).json["count"] == 1


def test_a_read_of_a_call_without_its_slash_is_redirected_too(api):
    assert api("GET", "/assets/abc/start_server").status_code == 301


@pytest.mark.parametrize("path", ["/nonsense/", "/nonsense", "/api/v2/gcdem4/", "/assets/a/b/c/"])
def test_an_unknown_path_is_a_page(api, path):
    answer = api("GET", path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_there_is_no_update(api, method):
    answer = api(method, f"/assets/{api.create()['id']}/", {"title": "Other"})
    assert answer.status_code == 405
    assert answer.json == {"detail": f'Method "{method}" not allowed.'}


@pytest.mark.parametrize("path", [LIVE, "/assets/folders/"])
def test_a_list_cannot_be_deleted(api, path):
    assert api("DELETE", path).json == {"detail": 'Method "DELETE" not allowed.'}


def test_a_wrong_method_needs_a_token_too(api):
    assert api("PATCH", LIVE, auth=None).status_code == 401


def test_another_organization_is_a_page_that_is_not_json(api):
    answer = api("GET", "/api/v1/nobody/assets/live_streams/")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "The requested resource was not found on this server." in answer.text


@pytest.mark.parametrize("path", ["", "start_server/", "stop_live_stream/"])
def test_an_unknown_asset_is_json(api, path):
    answer = api("POST" if path else "GET", f"/assets/AuC9yX2EtBr/{path}")
    assert (answer.status_code, answer.json) == (404, {"detail": "Not found."})


# -- signing in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("Bearer {}", "Authentication credentials were not provided."),
        ("{}", "Authentication credentials were not provided."),
        ("Token ", "Invalid token header. No credentials provided."),
        ("Token a b", "Invalid token header. Token string should not contain spaces."),
        ("Token nonsense", "Invalid token."),
    ],
)
def test_a_request_without_a_good_token_is_refused(api, emulator, auth, detail):
    answer = api("GET", LIVE, auth=auth and auth.format(emulator.token))
    assert (answer.status_code, answer.json) == (401, {"detail": detail})


@pytest.mark.parametrize("keyword", ["Token", "token", "TOKEN"])
def test_the_keyword_may_have_any_case(api, emulator, keyword):
    assert api("GET", LIVE, auth=f"{keyword} {emulator.token}").status_code == 200


def login(api, **changes):
    emulator = api.emulator
    body = {
        "username": emulator.username,
        "password": emulator.password,
        "organization_id": emulator.organization_id,
        **changes,
    }
    body = {name: value for name, value in body.items() if value is not ...}
    return api("POST", "/api/auth/login/", body, auth=None)


def test_a_login_gives_a_token_of_64_hex_digits(api):
    answer = login(api)
    assert (answer.status_code, answer.json["expiry"]) == (200, None)
    assert re.fullmatch("[0-9a-f]{64}", answer.json["token"])
    assert api("GET", LIVE, auth=f"token {answer.json['token']}").status_code == 200


@pytest.mark.parametrize("name", ["username", "password", "organization_id"])
def test_a_login_needs_every_field(api, name):
    assert login(api, **{name: ...}).json == {name: ["This field is required."]}


@pytest.mark.parametrize("name", ["username", "password", "organization_id"])
def test_a_login_with_anything_wrong_is_refused(api, name):
    answer = login(api, **{name: "wrong"})
    assert answer.status_code == 400
    assert answer.json == {"non_field_errors": ["Unable to log in with provided credentials."]}


def test_a_logout_deletes_the_very_token(api, emulator):
    token = login(api).json["token"]
    answer = api("POST", "/api/auth/logout/", auth=f"Token {token}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert api("GET", LIVE, auth=f"Token {token}").json == {"detail": "Invalid token."}
    assert api("GET", LIVE).status_code == 200


def test_the_21st_token_is_refused(api):
    assert [login(api).status_code for _ in range(MAX_TOKENS + 1)] == [200] * MAX_TOKENS + [403]


def test_a_token_that_ended_makes_room(make_api):
    api = make_api(token_seconds=600)
    for _ in range(MAX_TOKENS):
        token = login(api).json["token"]
    api.emulator.clock.advance(600)
    assert api("GET", LIVE, auth=f"Token {token}").status_code == 401
    assert login(api).json["expiry"].endswith("Z")


def test_a_revoked_token_is_refused(api, emulator):
    token = emulator.token
    emulator.revoke_tokens()
    assert api("GET", LIVE, auth=f"Token {token}").status_code == 401
    assert emulator.token != token


def test_the_organizations_show_their_drm_secrets(api):
    (organization,) = api("GET", "/api/v1/organizations/").json["results"]
    assert organization["uuid"] == "gcdem4"
    assert len(organization["drm_aes_signing_key"]) == 64


# -- create -------------------------------------------------------------------------------------


def test_an_instant_stream_starts_now_in_india(api, emulator):
    stream = api.create()["live_stream"]
    start = datetime.fromisoformat(stream["start"] + "+05:30")
    assert abs(start - datetime.now(UTC)) < timedelta(seconds=60)
    assert (stream["status"], stream["rtmp_url"], stream["stream_key"]) == ("Not Started", "", None)


def test_a_created_stream_has_the_documented_form(api):
    asset = api.create(start="2024-10-05 15:30:00")
    assert re.fullmatch("[0-9A-Za-z]{11}", asset["id"])
    assert (asset["type"], asset["video"], asset["bytes"]) == ("livestream", None, None)
    assert (asset["parent"], asset["parent_id"]) == (None, None)
    stream = asset["live_stream"]
    assert stream["start"] == "2024-10-05 15:30:00"
    assert stream["hls_url"].endswith(f"/live/gcdem4/{asset['id']}/video.m3u8")
    assert stream["transcode_recorded_video"] is True
    assert stream["activities"] == []


def test_what_is_asked_for_is_echoed(api, emulator):
    folder = emulator.add_folder("Maths")
    asset = api.create(
        enable_drm_for_recording=True, latency="Low Latency", parent=folder, unknown="ignored"
    )
    assert asset["parent"] == {"title": "Maths", "uuid": folder}
    assert asset["live_stream"]["enable_drm_for_recording"] is True
    assert asset["live_stream"]["latency"] == "Low Latency"
    assert "unknown" not in asset


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("title", ..., "This field is required."),
        ("title", None, "This field may not be null."),
        ("title", " ", "This field may not be blank."),
        ("title", 7, "Not a valid string."),
        ("title", True, "Not a valid string."),
        ("start", None, "This field may not be null."),
        ("start", 7, "Datetime has wrong format."),
        ("start", "2024-10-05T15:30:00", "Datetime has wrong format."),
        ("start", "2024-10-05 15:30", "Datetime has wrong format."),
        ("start", "2024-10-05 15:30:00+05:30", "Datetime has wrong format."),
        ("start", "2024-13-05 15:30:00", "Datetime has wrong format."),
        ("enable_drm_for_recording", None, "This field may not be null."),
        ("enable_drm_for_recording", "true", "Must be a valid boolean."),
        ("enable_drm_for_recording", 1, "Must be a valid boolean."),
        ("latency", None, "This field may not be null."),
        ("latency", "low", '"low" is not a valid choice.'),
        ("latency", 5, '"5" is not a valid choice.'),
        ("parent", "nowhere", "Invalid folder UUID"),
        ("parent", None, "Invalid folder UUID"),
    ],
)
def test_a_wrong_field_is_refused(api, field, value, problem):
    body = {"title": "Class", field: value}
    answer = api("POST", LIVE, {name: each for name, each in body.items() if each is not ...})
    assert answer.status_code == 400
    assert list(answer.json) == [field]
    assert answer.json[field][0].startswith(problem)
    assert api("GET", LIVE).json["count"] == 0


def test_a_video_is_no_folder(api, emulator):
    answer = api("POST", LIVE, {"title": "Class", "parent": emulator.add_video()})
    assert answer.json == {"parent": ["Invalid folder UUID"]}


def test_all_problems_are_named_at_once(api):
    assert set(api("POST", LIVE, {"start": "x", "latency": "y"}).json) == {
        "title",
        "start",
        "latency",
    }


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_a_body_that_does_not_say_that_it_is_json_is_refused(api, kind):
    answer = api("POST", LIVE, data=b'{"title":"Class"}', content_type=kind)
    assert answer.status_code == 415
    assert "Unsupported media type" in answer.json["detail"]


@pytest.mark.parametrize("body", [b"{", b'{"title": NaN}', b"\xff", b'"' + b"[" * 9])
def test_a_body_that_is_not_json_is_refused(api, body):
    answer = api("POST", LIVE, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["detail"].startswith("JSON parse error")


def test_a_body_that_is_no_object_is_refused(api):
    answer = api("POST", LIVE, [1])
    assert answer.json == {
        "non_field_errors": ["Invalid data. Expected a dictionary, but got list."]
    }


def test_no_body_lacks_the_title(api):
    assert api("POST", LIVE).json == {"title": ["This field is required."]}


# -- servers ------------------------------------------------------------------------------------


def get(api, id):
    return api("GET", f"/assets/{id}/").json


def test_a_server_is_up_after_its_boot_and_the_word_stays(api, emulator):
    id = api.create()["id"]
    emulator.clock.advance(emulator.boot_seconds - 1)
    assert get(api, id)["live_stream"]["rtmp_url"] == ""
    emulator.clock.advance(1)
    stream = get(api, id)["live_stream"]
    assert re.fullmatch(r"rtmp://[\d.]+/live", stream["rtmp_url"])
    assert re.fullmatch(rf"org-gcdem4-live-{id}-\w{{4}}", stream["stream_key"])
    assert stream["status"] == "Not Started"


def test_the_seconds_of_the_boot_can_be_chosen(make_api):
    api = make_api(boot_seconds=0)
    assert get(api, api.create()["id"])["live_stream"]["rtmp_url"]


def test_a_scheduled_stream_gets_no_server_by_itself(api, emulator):
    id = api.create(start="2024-10-05 15:30:00")["id"]
    emulator.clock.advance(3600)
    assert get(api, id)["live_stream"]["stream_key"] is None
    answer = api("POST", f"/assets/{id}/start_server/")
    assert answer.status_code == 200
    assert answer.json["live_stream"]["rtmp_url"] == ""
    emulator.clock.advance(emulator.boot_seconds)
    assert get(api, id)["live_stream"]["stream_key"]


def test_a_server_is_started_once(api, emulator):
    id = api.create(start="2024-10-05 15:30:00")["id"]
    path = f"/assets/{id}/start_server/"
    assert [api("POST", path).status_code for _ in range(2)] == [200, 400]
    emulator.clock.advance(emulator.boot_seconds)
    assert api("POST", path).status_code == 400


@pytest.fixture
def on_air(api, emulator):
    id = api.create()["id"]
    emulator.clock.advance(emulator.boot_seconds)
    emulator.connect_encoder(id)
    emulator.clock.advance(300)
    return id


def words(api, id):
    stream = get(api, id)["live_stream"]
    return stream["status"], [activity["status"] for activity in stream["activities"]]


def test_an_encoder_puts_a_stream_on_air(api, on_air):
    assert words(api, on_air) == ("Streaming", ["On Publish"])


def test_a_lost_encoder_may_come_back(api, emulator, on_air):
    emulator.drop_encoder(on_air)
    assert words(api, on_air) == ("Disconnected", ["On Publish", "On Publish Done"])
    emulator.clock.advance(emulator.reconnect_seconds - 1)
    emulator.connect_encoder(on_air)
    assert words(api, on_air)[0] == "Streaming"


def test_a_lost_encoder_that_stays_away_ends_the_stream(api, emulator, on_air):
    emulator.drop_encoder(on_air)
    emulator.clock.advance(emulator.reconnect_seconds)
    assert words(api, on_air) == ("Stopped", ["On Publish", "On Publish Done", "Stopped"])
    with pytest.raises(ValueError, match="Stopped"):
        emulator.connect_encoder(on_air)


def test_an_activity_has_the_time_of_india_in_words(api, on_air):
    (activity,) = get(api, on_air)["live_stream"]["activities"]
    at = datetime.strptime(activity["timestamp"] + " +0530", "%B %d, %Y, %I:%M %p %z")
    on_publish = datetime.now(UTC) + timedelta(seconds=20)
    assert abs(at - on_publish) < timedelta(seconds=120)


def test_a_stopped_stream_is_recording_then_completed(api, emulator, on_air):
    answer = api("POST", f"/assets/{on_air}/stop_live_stream/")
    assert answer.json == {
        "message": "Live stream stopped successfully",
        "trim_scheduled": False,
    }
    assert words(api, on_air) == ("Stopped", ["On Publish", "Stopped"])
    emulator.clock.advance(emulator.finishing_seconds)
    assert words(api, on_air)[0] == "Recording"
    assert get(api, on_air)["video"] is None
    emulator.finish_recording(on_air)
    asset = get(api, on_air)
    assert (asset["type"], asset["live_stream"]["status"]) == ("livestream", "Completed")
    assert asset["live_stream"]["stream_key"]
    assert asset["video"]["status"] == "Completed"
    assert asset["video"]["duration"] == 300
    assert f"/transcoded/{on_air}/" in asset["video"]["playback_url"]


def test_the_recording_is_as_long_as_the_stream_was_on_air(api, emulator, on_air):
    emulator.drop_encoder(on_air)
    emulator.clock.advance(30)
    emulator.connect_encoder(on_air)
    emulator.clock.advance(60)
    api("POST", f"/assets/{on_air}/stop_live_stream/")
    emulator.finish_recording(on_air)
    assert get(api, on_air)["video"]["duration"] == 360


def test_what_is_not_running_cannot_be_stopped(api, emulator, on_air):
    path = "/assets/{}/stop_live_stream/"
    booting = api.create()["id"]
    assert api("POST", path.format(booting)).status_code == 400
    assert [api("POST", path.format(on_air)).status_code for _ in range(2)] == [200, 400]
    failed = api.create()["id"]
    emulator.clock.advance(emulator.boot_seconds)
    emulator.fail_stream(failed)
    assert api("POST", path.format(failed)).status_code == 400


def test_a_stream_that_is_not_kept_is_never_completed(api, emulator, on_air):
    emulator.keep_no_recording(on_air)
    api("POST", f"/assets/{on_air}/stop_live_stream/")
    emulator.clock.advance(3600)
    assert words(api, on_air)[0] == "Stopped"
    with pytest.raises(ValueError, match="nothing was on air, or kept"):
        emulator.finish_recording(on_air)


# -- what the world cannot do -------------------------------------------------------------------


def test_nobody_publishes_to_a_server_that_is_not_up(api, emulator):
    id = api.create()["id"]
    with pytest.raises(ValueError, match="not up"):
        emulator.connect_encoder(id)


@pytest.mark.parametrize("action", ["connect_encoder", "finish_recording", "drop_encoder"])
def test_nothing_happens_to_what_is_no_stream(emulator, action):
    with pytest.raises(ValueError, match="no live stream"):
        getattr(emulator, action)(emulator.add_folder())


def test_no_encoder_is_lost_twice(emulator, on_air):
    emulator.drop_encoder(on_air)
    with pytest.raises(ValueError, match="no encoder"):
        emulator.drop_encoder(on_air)


def test_no_second_encoder_connects(emulator, on_air):
    with pytest.raises(ValueError, match="Streaming"):
        emulator.connect_encoder(on_air)


def test_no_recording_is_ready_before_the_end(emulator, on_air):
    with pytest.raises(ValueError, match="Streaming"):
        emulator.finish_recording(on_air)


def test_a_stream_that_has_ended_does_not_fail(api, emulator, on_air):
    api("POST", f"/assets/{on_air}/stop_live_stream/")
    with pytest.raises(ValueError, match="ended"):
        emulator.fail_stream(on_air)


# -- trim ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"start_time": 30}, "end_time"),
        ({"end_time": 30}, "start_time"),
        ({"start_time": None, "end_time": 30}, "start_time"),
        ({"start_time": "30", "end_time": 120}, "start_time"),
        ({"start_time": True, "end_time": 120}, "start_time"),
        ({"start_time": 1.5, "end_time": 120}, "start_time"),
        ({"start_time": -1, "end_time": 120}, "start_time"),
        ({"start_time": 120, "end_time": 120}, "end_time"),
        ({"start_time": 120, "end_time": 30}, "end_time"),
        ({"start_time": 30, "end_time": 1736754900}, "non_field_errors"),
    ],
)
def test_a_wrong_trim_is_refused_and_the_stream_goes_on(api, on_air, body, field):
    answer = api("POST", f"/assets/{on_air}/stop_live_stream/", body)
    assert (answer.status_code, list(answer.json)) == (400, [field])
    assert words(api, on_air)[0] == "Streaming"


@pytest.mark.parametrize(
    ("start", "end", "duration"),
    [(30, 120, 90), (0, 300, 300), (0, 301, 300), (1736754600, 1736754900, 300)],
)
def test_a_trim_that_lies_in_the_recording_is_carried_out(
    api, emulator, on_air, start, end, duration
):
    body = {"start_time": start, "end_time": end}
    answer = api("POST", f"/assets/{on_air}/stop_live_stream/", body)
    assert answer.json["trim_scheduled"] is True
    emulator.finish_recording(on_air)
    assert get(api, on_air)["video"]["duration"] == duration


def test_a_trim_may_be_checked_against_what_is_recorded_so_far(make_api):
    api = make_api(refuses_long_trims=True, boot_seconds=0)
    id = api.create()["id"]
    api.emulator.connect_encoder(id)
    now = int(api.emulator.clock.now().timestamp())
    path = f"/assets/{id}/stop_live_stream/"
    for start, end in ((0, 61), (now, now + 62)):
        api.emulator.clock.advance(30)
        answer = api("POST", path, {"start_time": start, "end_time": end + 3600})
        assert list(answer.json) == ["end_time"]
    assert api("POST", path, {"start_time": 0, "end_time": 60}).status_code == 200


def test_a_trim_of_what_was_never_on_air_is_accepted(api, emulator):
    id = api.create()["id"]
    emulator.clock.advance(emulator.boot_seconds)
    body = {"start_time": 0, "end_time": 10}
    assert api("POST", f"/assets/{id}/stop_live_stream/", body).status_code == 200


# -- lists --------------------------------------------------------------------------------------


def test_a_list_has_links_to_the_pages_around(api):
    ids = [api.create(title=f"Class {number}")["id"] for number in range(5)]
    page = api("GET", f"{LIVE}?limit=2&offset=2").json
    assert page["count"] == 5
    assert [each["id"] for each in page["results"]] == ids[::-1][2:4]
    base = "http://localhost/api/v1/gcdem4/assets/live_streams/"
    assert page["next"] == f"{base}?limit=2&offset=4"
    assert page["previous"] == f"{base}?limit=2"


def test_a_page_has_fifty_streams(api):
    for number in range(51):
        api.create(title=f"Class {number}")
    page = api("GET", LIVE).json
    assert (len(page["results"]), page["previous"]) == (50, None)
    assert page["next"].endswith("?limit=50&offset=50")


@pytest.mark.parametrize("limit", ["0", "-1", "many", ""])
def test_a_limit_that_is_none_counts_as_not_given(api, limit):
    api.create()
    assert len(api("GET", f"{LIVE}?limit={limit}&offset=x").json["results"]) == 1


def test_a_list_has_no_detail_and_a_read_has(api):
    asset = api.create()
    (listed,) = api("GET", LIVE).json["results"]
    assert "views_count" not in listed
    assert {"views_count", "download_url", "folder_tree"} <= set(get(api, asset["id"]))


def test_assets_are_listed_by_folder(api, emulator):
    folder = emulator.add_folder()
    inner = emulator.add_folder("Algebra", parent=folder)
    video = emulator.add_video(parent=inner)
    stream = api.create()["id"]

    def ids(query):
        return [each["id"] for each in api("GET", f"/assets/{query}").json["results"]]

    assert ids("") == [stream, video, inner, folder]
    assert ids(f"?parent={inner}") == [video]
    assert ids("?has_parent=false") == [stream, folder]
    assert get(api, video)["folder_tree"] == "Maths/Algebra"
    assert get(api, video)["download_url"]


def test_folders_are_made_and_found(api):
    answer = api("POST", "/assets/folders/", {"title": "Maths"})
    assert answer.status_code == 201
    api("POST", "/assets/folders/", {"title": "Physics", "parent": answer.json["uuid"]})
    assert api("GET", "/assets/folders/?q=mat").json["results"] == [answer.json]
    assert api("POST", "/assets/folders/", {"parent": "x"}).json == {
        "title": ["This field is required."],
        "parent": ["Invalid folder UUID"],
    }


# -- delete -------------------------------------------------------------------------------------


def test_a_deleted_stream_is_gone(api, on_air):
    answer = api("DELETE", f"/assets/{on_air}/")
    assert (answer.status_code, answer.data) == (204, b"")
    assert api("DELETE", f"/assets/{on_air}/").status_code == 404


def test_a_folder_is_deleted_with_all_that_is_in_it(api, emulator):
    folder = emulator.add_folder()
    inner = emulator.add_folder(parent=folder)
    stream = api.create(parent=inner)["id"]
    other = emulator.add_video()
    assert api("DELETE", f"/assets/{folder}/").status_code == 204
    assert [id in emulator for id in (folder, inner, stream, other)] == [False, False, False, True]


# -- webhooks and history -----------------------------------------------------------------------


def test_a_delivery_is_the_asset_without_an_envelope(api, emulator, on_air):
    headers, body = emulator.webhook(on_air, secret="abcdef")
    assert headers["x-streams-token"] == "abcdef"
    asset = json.loads(body)
    assert (asset["id"], asset["live_stream"]["status"]) == (on_air, "Streaming")
    assert not {"parent", "views_count"} & set(asset)


def test_the_options_name_a_zone_that_is_not_indias(make_api):
    assert "timezone" not in make_api().emulator.options()
    assert make_api(timezone="Asia/Dubai").emulator.options()["timezone"] == "Asia/Dubai"


def test_the_answers_of_2023_lack_what_came_later(make_api):
    asset = make_api(lacks_newer_fields=True, start_is_null=True).create()
    assert set(asset["live_stream"]) == {
        "rtmp_url",
        "stream_key",
        "status",
        "hls_url",
        "start",
        "transcode_recorded_video",
        "chat_embed_url",
    }
    assert asset["live_stream"]["start"] is None
    assert "parent" not in asset


def test_ids_of_other_things_are_those_of_a_folder_and_a_video(emulator):
    stream = emulator.connect().create(title="A stream").id
    others = emulator.other_ids()
    assert emulator.other_ids() == others
    assert len(others) == 2
    assert stream not in others
