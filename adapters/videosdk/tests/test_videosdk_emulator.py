"""The emulator, called without the adapter, is as strict as the documents."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

import jwt
import pytest

from livestream_videosdk.emulator import VideoSDKEmulator

TARGET = {"url": "rtmp://x.rtmp.youtube.com/live2", "streamKey": "0tjp-h6a2-8c9d-vusv-01uu"}
ALL = "/v1/livestreams"
LIST = "/v1/livestreams/"
ABSENT = "/v1/livestreams/60e2fe88135c9810f490f3b4"


@pytest.fixture
def made(raw):
    return raw("POST", ALL, {"name": "x", "record": True, "restream": [TARGET]}).json()


def is_error(answer, status):
    body = answer.json()
    return (
        answer.status == status
        and answer.headers["content-type"].startswith("application/json")
        and body.keys() == {"statusCode", "error"}
        and body["statusCode"] == status
        and bool(body["error"])
    )


# -- tokens ---------------------------------------------------------------------------------


def test_the_owners_token_is_accepted(raw):
    assert raw("GET", LIST).status == 200


def test_a_token_needs_no_iat(raw, emulator):
    assert raw("GET", LIST, token=emulator.token(iat=None)).status == 200


def refused_tokens(emulator):
    now = int(emulator.clock.now().timestamp())
    good = {"apikey": emulator.api_key, "exp": now + 600}
    return {
        "none": "",
        "no jwt": "hello",
        "Bearer": f"Bearer {emulator.token()}",
        "bearer": f"bearer {emulator.token()}",
        "another secret": jwt.encode(good, "f" * 64, "HS256"),
        "unsigned": jwt.encode(good, None, "none"),
        "HS512": jwt.encode(good, emulator.secret, "HS512"),
        "another key": emulator.token(apikey="other"),
        "no key": emulator.token(apikey=None),
        "no exp": emulator.token(exp=None),
        "expired": emulator.token(exp=now),
        "exp as text": emulator.token(exp=str(now + 600)),
        "exp as bool": emulator.token(exp=True),
        "not yet": emulator.token(nbf=now + 60),
        "nbf as text": emulator.token(nbf="0"),
        "cut": emulator.token()[:-3],
    }


@pytest.mark.parametrize("name", sorted(refused_tokens(VideoSDKEmulator())))
def test_a_wrong_token_is_refused(raw, emulator, name):
    assert is_error(raw("GET", LIST, token=refused_tokens(emulator)[name]), 401)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", ALL),
        ("GET", LIST),
        ("GET", ABSENT),
        ("POST", ABSENT),
        ("PUT", ABSENT),
        ("DELETE", ABSENT),
    ],
)
def test_every_call_needs_a_token(raw, method, target):
    assert is_error(raw(method, target, {"name": "x"}, token=""), 401)


def test_a_token_ends_on_the_emulators_clock(raw, emulator):
    token = emulator.token()
    emulator.clock.advance(598)
    assert raw("GET", LIST, token=token).status == 200
    emulator.clock.advance(3)
    assert is_error(raw("GET", LIST, token=token), 401)


def test_a_token_is_over_at_the_very_second_of_its_end(raw, emulator, monkeypatch):
    end = datetime(2026, 12, 5, 15, 30, tzinfo=UTC)
    token = emulator.token(exp=int(end.timestamp()))
    monkeypatch.setattr(emulator.clock, "now", lambda: end)
    assert is_error(raw("GET", LIST, token=token), 401)


def test_a_token_that_will_be_valid_is_valid_then(raw, emulator):
    token = emulator.token(nbf=int(emulator.clock.now().timestamp()) + 60)
    emulator.clock.advance(61)
    assert raw("GET", LIST, token=token).status == 200


# -- paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/v2/livestreams/"),
        ("POST", "/v1/rooms"),
        ("GET", ALL),
    ],
)
def test_another_path_is_not_there(raw, method, target):
    assert is_error(raw(method, target), 404)


@pytest.mark.parametrize(("method", "target"), [("PATCH", ABSENT), ("PUT", LIST), ("DELETE", LIST)])
def test_a_path_answers_only_its_methods(raw, method, target):
    assert is_error(raw(method, target), 405)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [404, 402])
def test_an_unknown_id_is_an_error(raw_of, method, status):
    raw = raw_of(VideoSDKEmulator(not_found_status=status))
    body = {"name": "y"} if method in ("POST", "PUT") else None
    assert is_error(raw(method, ABSENT, body), status)


# -- bodies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"record": True},
        {"name": None},
        {"name": ""},
        {"name": 5},
        {"name": ["x"]},
        {"title": "x"},
        {"name": "x", "record": "true"},
        {"name": "x", "record": 1},
        {"name": "x", "record": None},
        {"name": "x", "restream": None},
        {"name": "x", "restream": TARGET},
        {"name": "x", "restream": ["rtmp://x/live"]},
        {"name": "x", "restream": [{"url": TARGET["url"]}]},
        {"name": "x", "restream": [{"streamKey": "k"}]},
        {"name": "x", "restream": [{"url": 1, "streamKey": "k"}]},
        {"name": "x", "restream": [{"url": "rtmp://x/live", "streamKey": ""}]},
        {"name": "x", "restream": [TARGET, {}]},
        [],
        "x",
    ],
    ids=str,
)
def test_a_wrong_body_is_refused_and_makes_nothing(raw, body):
    assert is_error(raw("POST", ALL, body), 400)
    assert raw("GET", LIST).json()["data"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN"])
def test_what_is_no_json_is_refused(raw, body):
    assert is_error(raw("POST", ALL, body=body), 400)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_refused(raw, kind):
    answer = raw("POST", ALL, {"name": "x"}, headers={"Content-Type": kind})
    assert is_error(answer, 400)


def test_a_charset_is_let_pass(raw):
    kind = "application/json; charset=utf-8"
    assert raw("POST", ALL, {"name": "x"}, headers={"Content-Type": kind}).status == 200


def test_an_unknown_field_is_ignored(raw):
    answer = raw("POST", ALL, {"name": "x", "color": "red"})
    assert answer.status == 200
    assert "color" not in answer.json()


# -- the object -----------------------------------------------------------------------------

ALWAYS = {
    "id",
    "name",
    "record",
    "streamKey",
    "streamUrl",
    "upstreamUrl",
    "downstreamUrl",
    "recordingUrl",
    "createdAt",
    "updatedAt",
}


def test_create_shows_owner_and_targets_besides(made):
    assert made.keys() == ALWAYS | {"userId", "user", "restream"}


def test_a_read_shows_neither(raw, made):
    assert raw("GET", f"{ALL}/{made['id']}").json().keys() == ALWAYS


def test_a_list_shows_the_owners_id(raw, made):
    (item,) = raw("GET", LIST).json()["data"]
    assert item.keys() == ALWAYS | {"userId"}


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_an_update_by_any_documented_method_shows_the_targets(raw, emulator, made, method):
    emulator.clock.advance(60)
    changed = raw(method, f"{ALL}/{made['id']}", {"name": "y"}).json()
    assert changed.keys() == ALWAYS | {"restream"}
    assert (changed["name"], changed["record"]) == ("y", True)
    assert changed["createdAt"] == made["createdAt"]
    assert changed["updatedAt"] > made["updatedAt"]
    assert raw("GET", f"{ALL}/{made['id']}").json()["name"] == "y"


def test_an_update_changes_record_alone(raw, made):
    changed = raw("POST", f"{ALL}/{made['id']}", {"record": False}).json()
    assert (changed["name"], changed["record"]) == ("x", False)


def test_an_update_replaces_the_targets(raw, made):
    other = {"url": "rtmp://b.example/live", "streamKey": "k"}
    (target,) = raw("POST", f"{ALL}/{made['id']}", {"restream": [other]}).json()["restream"]
    assert target == {**other, "_id": target["_id"]}


@pytest.mark.parametrize("body", [{"name": ""}, {"record": 1}, {"restream": {}}, []])
def test_a_wrong_update_is_refused_and_changes_nothing(raw, made, body):
    assert is_error(raw("POST", f"{ALL}/{made['id']}", body), 400)
    assert raw("GET", f"{ALL}/{made['id']}").json()["updatedAt"] == made["updatedAt"]


def test_a_delete_answers_the_deleted_object(raw, made):
    answer = raw("DELETE", f"{ALL}/{made['id']}")
    assert answer.status == 200
    assert answer.json()["id"] == made["id"]
    assert is_error(raw("DELETE", f"{ALL}/{made['id']}"), 404)


def test_ids_are_24_hex_digits(made):
    ids = [made["id"], made["userId"], made["user"]["id"], made["restream"][0]["_id"]]
    assert all(re.fullmatch("[0-9a-f]{24}", each) for each in ids)


def test_the_key_is_a_random_uuid(made):
    assert uuid.UUID(made["streamKey"]).version == 4


def test_the_key_is_in_every_url(made):
    key = made["streamKey"]
    assert made["streamUrl"] == "rtmp://live.videosdk.live/live/"
    assert made["upstreamUrl"] == f"rtmp://live.videosdk.live/live/{key}"
    assert made["downstreamUrl"] == f"https://live.videosdk.live/live/{key}/index.m3u8"
    assert made["recordingUrl"] == f"https://live.videosdk.live/live/{key}/storage/index.m3u8"


def test_times_are_utc_with_milliseconds(made):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["createdAt"])


def test_targets_have_an_id_with_an_underscore(made):
    (target,) = made["restream"]
    assert target == {"_id": target["_id"], **TARGET}


def test_record_is_false_unless_asked_for(raw):
    made = raw("POST", ALL, {"name": "x"}).json()
    assert made["record"] is False
    assert made["restream"] == []
    assert "recordingUrl" in made


def test_there_is_no_status(raw, emulator, made):
    emulator.connect_encoder(made["id"])
    assert "status" not in raw("GET", f"{ALL}/{made['id']}").json()


def test_the_samples_quirk_denies_the_record_that_was_asked_for(raw_of):
    raw = raw_of(VideoSDKEmulator(denies_record=True))
    made = raw("POST", ALL, {"name": "x", "record": True}).json()
    assert made["record"] is False
    assert raw("GET", f"{ALL}/{made['id']}").json()["record"] is True


def test_in_2021_there_was_no_stream_url(raw_of):
    made = raw_of(VideoSDKEmulator(before_2022=True))("POST", ALL, {"name": "x"}).json()
    assert made.keys() == (ALWAYS - {"streamUrl"}) | {"userId", "user", "restream"}
    assert made["upstreamUrl"] == f"rtmp://live.zujonow.com/live/{made['streamKey']}"
    assert made["downstreamUrl"].startswith("https://live.zujonow.com/live/")


def test_the_guide_has_a_recording_url_only_where_there_is_a_recording(raw_of):
    raw = raw_of(VideoSDKEmulator(guide=True))
    assert "recordingUrl" not in raw("POST", ALL, {"name": "x"}).json()
    assert "recordingUrl" in raw("POST", ALL, {"name": "x", "record": True}).json()


def test_the_guides_list_is_data_alone(raw_of):
    emulator = VideoSDKEmulator(guide=True)
    raw = raw_of(emulator)
    for i in range(25):
        raw("POST", ALL, {"name": f"s{i}"})
    answer = raw("GET", LIST).json()
    assert answer.keys() == {"data"}
    assert len(answer["data"]) == 25
    assert len(raw("GET", f"{LIST}?userId={emulator.user_id}").json()["data"]) == 25
    assert raw("GET", f"{LIST}?userId=other").json()["data"] == []


# -- pages ----------------------------------------------------------------------------------


@pytest.fixture
def many(raw):
    return [raw("POST", ALL, {"name": f"s{i}"}).json()["id"] for i in range(45)]


@pytest.mark.parametrize(
    ("query", "info", "part"),
    [
        ("", (1, 20, 3), slice(0, 20)),
        ("?page=3", (3, 20, 3), slice(40, 45)),
        ("?page=2&perPage=15", (2, 15, 3), slice(15, 30)),
        ("?perPage=45", (1, 45, 1), slice(0, 45)),
        ("?page=9", (9, 20, 3), slice(0, 0)),
    ],
)
def test_pages(raw, many, query, info, part):
    answer = raw("GET", LIST + query).json()
    names = ("currentPage", "perPage", "lastPage")
    assert answer["pageInfo"] == dict(zip(names, info, strict=True))
    assert [each["id"] for each in answer["data"]] == many[part]


def test_an_empty_list_has_one_page(raw):
    assert raw("GET", LIST).json() == {
        "pageInfo": {"currentPage": 1, "perPage": 20, "lastPage": 1},
        "data": [],
    }


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "perPage=0", "perPage=1.5", "page="]
)
def test_a_page_that_is_no_positive_number_is_refused(raw, query):
    assert is_error(raw("GET", f"{LIST}?{query}"), 400)


# -- the world ------------------------------------------------------------------------------


def test_viewers_find_the_stream_while_an_encoder_is_connected(raw, emulator, made):
    path = made["downstreamUrl"].removeprefix("https://live.videosdk.live")
    assert raw("GET", path, token="").status == 404
    emulator.connect_encoder(made["id"])
    assert raw("GET", path, token="").status == 200
    assert raw("GET", path).body.startswith(b"#EXTM3U")
    emulator.drop_encoder(made["id"])
    assert raw("GET", path, token="").status == 404


def test_an_encoder_may_come_back(emulator, made):
    for _ in range(2):
        emulator.connect_encoder(made["id"])
        emulator.drop_encoder(made["id"])


def test_what_an_encoder_does_shows_in_no_answer(raw, emulator, made):
    before = raw("GET", f"{ALL}/{made['id']}").json()
    emulator.connect_encoder(made["id"])
    assert raw("GET", f"{ALL}/{made['id']}").json() == before
    emulator.drop_encoder(made["id"])
    emulator.finish_recording(made["id"])
    assert raw("GET", f"{ALL}/{made['id']}").json() == before


def test_a_recording_can_be_watched_when_it_is_ready(raw, emulator, made):
    path = made["recordingUrl"].removeprefix("https://live.videosdk.live")
    assert raw("GET", path).status == 404
    emulator.finish_recording(made["id"])
    assert raw("GET", path).status == 200


def test_an_encoder_that_is_not_connected_cannot_drop(emulator, made):
    with pytest.raises(ValueError, match="no encoder"):
        emulator.drop_encoder(made["id"])


def test_a_stream_that_is_not_recorded_gets_no_recording(raw, emulator):
    made = raw("POST", ALL, {"name": "x"}).json()
    with pytest.raises(ValueError, match="not recorded"):
        emulator.finish_recording(made["id"])


@pytest.mark.parametrize("action", ["connect_encoder", "drop_encoder", "finish_recording"])
def test_nothing_happens_to_a_stream_that_does_not_exist(raw, emulator, made, action):
    raw("DELETE", f"{ALL}/{made['id']}")
    with pytest.raises(ValueError, match="no stream"):
        getattr(emulator, action)(made["id"])


def test_two_emulators_are_two_accounts(raw):
    assert is_error(raw("GET", LIST, token=VideoSDKEmulator().token()), 401)
