"""The emulator, called without the adapter: as strict as the vendor's documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from werkzeug.test import Client as RawClient

from livestream_tktchurch.emulator import PERMISSIONS, TKTChurchEmulator

ALL = "/v1/livestreams"
LOGIN, TOKEN, LOGOUT = "/v1/auth/login", "/v1/auth/token", "/v1/auth/logout"
NOBODY = "123e4567-e89b-12d3-a456-426614174000"
BODY = {"title": "T", "description": "", "tags": []}
UPPER = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FIELDS = [
    *("id", "title", "description", "youtubeUrl", "customStreamUrl", "status"),
    *("scheduledStartTime", "actualStartTime", "endTime", "tags", "thumbnailUrl", "thumbnail"),
    *("createdByUserId", "updatedByUserId", "createdAt", "updatedAt"),
]


# -- the livestream object ------------------------------------------------------------------


def test_a_created_stream_has_every_field_in_the_documents_order(
    raw: RawClient, bearer: dict[str, str]
) -> None:
    answer = raw.post(ALL, json=BODY, headers=bearer)
    data = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert list(data) == FIELDS
    assert [name for name in FIELDS if data[name] is None] == [
        *("youtubeUrl", "customStreamUrl", "scheduledStartTime", "actualStartTime", "endTime"),
        *("thumbnailUrl", "thumbnail"),
    ]
    assert data["status"] == "scheduled"


def test_ids_are_in_upper_case_and_times_have_whole_seconds(
    raw: RawClient, bearer: dict[str, str]
) -> None:
    data = raw.post(ALL, json=BODY, headers=bearer).get_json()
    assert all(UPPER.fullmatch(data[n]) for n in ("id", "createdByUserId", "updatedByUserId"))
    assert all(TIME.fullmatch(data[n]) for n in ("createdAt", "updatedAt"))


def test_ids_can_be_in_lower_case() -> None:
    id = TKTChurchEmulator(upper_case_ids=False).add_stream()
    assert id == id.lower()


def test_a_create_can_be_answered_with_201() -> None:
    emulator = TKTChurchEmulator(create_status=201)
    headers = {"Authorization": f"Bearer {emulator.mint_access_token()}"}
    assert RawClient(emulator).post(ALL, json=BODY, headers=headers).status_code == 201


def test_an_offset_is_printed_as_utc(raw: RawClient, bearer: dict[str, str]) -> None:
    body = {**BODY, "scheduledStartTime": "2024-01-21T15:30:00+05:30"}
    data = raw.post(ALL, json=body, headers=bearer).get_json()
    assert data["scheduledStartTime"] == "2024-01-21T10:00:00Z"


# -- bodies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"title": None},
        {"title": 3},
        {"title": "\ud800"},
        {"description": None},
        {"description": False},
        {"tags": None},
        {"tags": "a"},
        {"tags": [1]},
        {"tags": [None]},
        {"youtubeUrl": 1},
        {"customStreamUrl": {}},
        {"thumbnailUrl": []},
        {"thumbnailId": "7"},
        {"thumbnailId": NOBODY},
        {"thumbnailId": 7},
        {"scheduledStartTime": "2024-01-21T10:00:00.000Z"},
        {"scheduledStartTime": "2024-01-21T10:00:00"},
        {"scheduledStartTime": "2024-01-21"},
        {"scheduledStartTime": "2024-02-30T10:00:00Z"},
        {"scheduledStartTime": "0001-01-01T00:00:00+05:00"},
        {"scheduledStartTime": ""},
        {"scheduledStartTime": 1705831200},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_wrong_value_is_refused(
    raw: RawClient,
    emulator: TKTChurchEmulator,
    bearer: dict[str, str],
    method: str,
    change: dict[str, Any],
) -> None:
    id = emulator.add_stream(**BODY)
    before = emulator.shown(id)
    path = ALL if method == "POST" else f"{ALL}/{id}"
    answer = raw.open(path, method=method, json={**BODY, **change}, headers=bearer)
    if method == "PUT" and None in change.values():
        assert answer.status_code == 200  # absent
    else:
        assert answer.status_code == 400
        assert answer.get_json()["error"] is True
        assert emulator.shown(id) == before


@pytest.mark.parametrize("name", ["title", "description", "tags"])
def test_a_create_without_a_required_field_is_refused(
    raw: RawClient, bearer: dict[str, str], name: str
) -> None:
    body = {key: value for key, value in BODY.items() if key != name}
    answer = raw.post(ALL, json=body, headers=bearer)
    assert answer.status_code == 400
    assert name in answer.get_json()["reason"]


def test_unknown_keys_are_ignored(raw: RawClient, bearer: dict[str, str]) -> None:
    data = raw.post(ALL, json={**BODY, "viewers": 3}, headers=bearer).get_json()
    assert list(data) == FIELDS


@pytest.mark.parametrize("status", ["live", "nonsense", 3])
def test_a_create_ignores_status_and_times(
    raw: RawClient, bearer: dict[str, str], status: object
) -> None:
    body = {**BODY, "status": status, "actualStartTime": 3, "endTime": "soon"}
    data = raw.post(ALL, json=body, headers=bearer).get_json()
    assert (data["status"], data["actualStartTime"], data["endTime"]) == ("scheduled", None, None)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=utf-8", 200),
    ],
)
def test_a_body_must_say_that_it_is_json(
    raw: RawClient, bearer: dict[str, str], content_type: str | None, status: int
) -> None:
    data = b'{"title":"T","description":"","tags":[]}'
    answer = raw.post(ALL, data=data, content_type=content_type, headers=bearer)
    assert answer.status_code == status


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'"T"', b'{"title":NaN}', b"\xff", b"[" * 10**5]
)
def test_a_body_must_be_a_json_object(raw: RawClient, bearer: dict[str, str], data: bytes) -> None:
    answer = raw.post(ALL, data=data, content_type="application/json", headers=bearer)
    assert answer.status_code == 400


# -- updates --------------------------------------------------------------------------------


def test_an_update_changes_only_what_it_names(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str]
) -> None:
    id = emulator.add_stream(title="Old", description="D", youtubeUrl="https://youtu.be/1")
    before = emulator.shown(id)
    emulator.clock.advance(60)
    after = raw.put(f"{ALL}/{id}", json={"title": "New"}, headers=bearer).get_json()
    changed = {name for name in FIELDS if after[name] != before[name]}
    assert changed == {"title", "updatedAt"}


def test_null_is_as_if_absent(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str]
) -> None:
    id = emulator.add_stream(youtubeUrl="https://youtu.be/1", description="D")
    body = {"youtubeUrl": None, "description": None}
    after = raw.put(f"{ALL}/{id}", json=body, headers=bearer).get_json()
    assert (after["youtubeUrl"], after["description"]) == ("https://youtu.be/1", "D")


@pytest.mark.parametrize("status", ["LIVE", "paused", "", 1, ["live"], {}])
def test_a_status_is_one_of_four(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str], status: object
) -> None:
    id = emulator.add_stream()
    answer = raw.put(f"{ALL}/{id}", json={"status": status}, headers=bearer)
    assert answer.status_code == 400


@pytest.mark.parametrize("before", ["scheduled", "live", "ended", "cancelled"])
@pytest.mark.parametrize("after", ["scheduled", "live", "ended", "cancelled"])
def test_any_status_may_follow_any_other(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str], before: str, after: str
) -> None:
    id = emulator.add_stream(status=before)
    data = raw.put(f"{ALL}/{id}", json={"status": after}, headers=bearer).get_json()
    assert (data["status"], data["actualStartTime"], data["endTime"]) == (after, None, None)


def test_who_changed_it_last_is_kept(raw: RawClient, emulator: TKTChurchEmulator) -> None:
    id = emulator.add_stream()
    other = emulator.add_user("other@church.example", "p")
    headers = {"Authorization": f"Bearer {emulator.mint_access_token('other@church.example')}"}
    data = raw.put(f"{ALL}/{id}", json={"title": "New"}, headers=headers).get_json()
    assert data["updatedByUserId"] == other != data["createdByUserId"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("id", [NOBODY, "7", "x" * 36])
def test_an_id_of_nothing_is_not_found(
    raw: RawClient, bearer: dict[str, str], method: str, id: str
) -> None:
    answer = raw.open(f"{ALL}/{id}", method=method, json={}, headers=bearer)
    assert (answer.status_code, answer.get_json()["error"]) == (404, True)


def test_a_delete_answers_204_without_a_body(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str]
) -> None:
    id = emulator.add_stream()
    answer = raw.delete(f"{ALL}/{id.lower()}", headers=bearer)
    assert (answer.status_code, answer.data) == (204, b"")
    assert raw.delete(f"{ALL}/{id}", headers=bearer).status_code == 404


# -- lists ----------------------------------------------------------------------------------


def test_a_list_needs_no_token_and_has_ten_on_a_page(
    raw: RawClient, emulator: TKTChurchEmulator
) -> None:
    for _ in range(11):
        emulator.add_stream()
    data = raw.get(ALL).get_json()
    assert len(data["items"]) == 10
    assert data["metadata"] == {"page": 1, "per": 10, "total": 11, "pageCount": 2}


@pytest.mark.parametrize(
    ("query", "count", "metadata"),
    [
        ("page=2&per=4", 4, {"page": 2, "per": 4, "total": 11, "pageCount": 3}),
        ("page=3&per=4", 3, {"page": 3, "per": 4, "total": 11, "pageCount": 3}),
        ("page=9&per=4", 0, {"page": 9, "per": 4, "total": 11, "pageCount": 3}),
        ("per=5000", 11, {"page": 1, "per": 5000, "total": 11, "pageCount": 1}),
        ("unknown=1", 10, {"page": 1, "per": 10, "total": 11, "pageCount": 2}),
    ],
)
def test_a_page_is_cut_as_asked(
    raw: RawClient, emulator: TKTChurchEmulator, query: str, count: int, metadata: dict[str, int]
) -> None:
    for _ in range(11):
        emulator.add_stream()
    data = raw.get(f"{ALL}?{query}").get_json()
    assert (len(data["items"]), data["metadata"]) == (count, metadata)


def test_a_page_count_can_be_left_out() -> None:
    data = RawClient(TKTChurchEmulator(has_page_count=False)).get(ALL).get_json()
    assert data["metadata"] == {"page": 1, "per": 10, "total": 0}


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=x", "page=1.5", "page=", "per=0", "per=x", "page=%D9%A2"),
        *("status=LIVE", "status=paused", "status=", f"page={'9' * 30}"),
        *("start=yesterday", "start=2024-01-21", "end=2024-01-21T10:00:00.5Z"),
        "start=2024-01-21T10:00:00+05:30",  # an unencoded plus sign is a space
    ],
)
def test_a_wrong_query_is_refused(raw: RawClient, query: str) -> None:
    assert raw.get(f"{ALL}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("status=live", ["b"]),
        ("tag=x", ["b", "a"]),
        ("tag=X", []),
        ("tag=x&status=scheduled", ["a"]),
        ("start=2024-01-01T00:00:00Z", ["b", "a"]),
        ("start=2024-01-01T00:00:01Z", ["b"]),
        ("end=2024-01-01T00:00:00Z", ["a"]),
        ("start=2024-01-01T05:30:01%2B05:30&end=2024-02-01T00:00:00Z", ["b"]),
    ],
)
def test_a_list_is_filtered(
    raw: RawClient, emulator: TKTChurchEmulator, query: str, titles: list[str]
) -> None:
    emulator.add_stream(title="a", tags=["x"], scheduledStartTime="2024-01-01T00:00:00Z")
    emulator.add_stream(
        title="b", tags=["y", "x"], status="live", scheduledStartTime="2024-02-01T00:00:00Z"
    )
    emulator.add_stream(title="c")
    items = raw.get(f"{ALL}?{query}").get_json()["items"]
    assert [item["title"] for item in items] == titles


def test_nil_keys_can_be_dropped() -> None:
    emulator = TKTChurchEmulator(prints_nulls=False)
    id = emulator.add_stream()
    assert None not in emulator.shown(id).values()
    assert "youtubeUrl" not in emulator.shown(id)


# -- paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize("id", [NOBODY, "nonsense"])
def test_there_is_no_single_get(raw: RawClient, emulator: TKTChurchEmulator, id: str) -> None:
    assert raw.get(f"{ALL}/{id}").status_code == 404
    assert raw.get(f"{ALL}/{emulator.add_stream()}").status_code == 404


def test_a_missing_single_get_can_be_a_405() -> None:
    emulator = TKTChurchEmulator(missing_get_status=405)
    assert RawClient(emulator).get(f"{ALL}/{emulator.add_stream()}").status_code == 405


def test_a_single_get_can_exist() -> None:
    emulator = TKTChurchEmulator(has_single_get=True)
    id = emulator.add_stream()
    raw = RawClient(emulator)
    assert raw.get(f"{ALL}/{id.lower()}").get_json() == emulator.shown(id)
    assert raw.get(f"{ALL}/{NOBODY}").status_code == 404


def test_a_slash_at_the_end_changes_nothing(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str]
) -> None:
    id = raw.post(f"{ALL}/", json=BODY, headers=bearer).get_json()["id"]
    assert raw.get(f"{ALL}/").get_json()["metadata"]["total"] == 1
    assert raw.put(f"{ALL}/{id}/", json={"title": "New"}, headers=bearer).status_code == 200
    assert raw.delete(f"{ALL}/{id}/", headers=bearer).status_code == 204


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nothing"), ("PATCH", ALL), ("DELETE", ALL), ("GET", "/")]
)
def test_a_path_or_a_method_that_does_not_exist_is_not_found(
    raw: RawClient, method: str, path: str
) -> None:
    answer = raw.open(path, method=method)
    assert answer.status_code == 404
    assert answer.get_json() == {"error": True, "reason": "Not Found"}


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("vapor", {"error": True, "reason": "Invalid credentials"}),
        ("nested", {"error": {"code": 401, "message": "Invalid credentials"}}),
        ("flat", {"status": 401, "message": "Invalid credentials"}),
    ],
)
def test_an_error_has_the_shape_that_is_set(shape: Any, body: dict[str, Any]) -> None:
    raw = RawClient(TKTChurchEmulator(error_shape=shape))
    answer = raw.post(LOGIN, json={"email": "e", "password": "p"})
    assert (answer.status_code, answer.get_json()) == (401, body)


# -- tokens ---------------------------------------------------------------------------------


@pytest.fixture
def tokens(raw: RawClient, emulator: TKTChurchEmulator) -> dict[str, Any]:
    data: dict[str, Any] = raw.post(LOGIN, json=emulator.options()).get_json()
    return data


def creates(raw: RawClient, token: str) -> int:
    return raw.post(ALL, json=BODY, headers={"Authorization": f"Bearer {token}"}).status_code


def refreshed(raw: RawClient, token: str) -> Any:
    body = {"grant_type": "refresh_token", "refresh_token": token}
    return raw.post(TOKEN, json=body)


def test_a_login_gives_two_hs256_tokens_for_an_hour(tokens: dict[str, Any]) -> None:
    assert list(tokens) == ["access_token", "refresh_token", "expires_in", "token_type"]
    assert (tokens["expires_in"], tokens["token_type"]) == (3600, "bearer")
    for name in ("access_token", "refresh_token"):
        assert jwt.get_unverified_header(tokens[name])["alg"] == "HS256"


@pytest.mark.parametrize("which", ["email", "password"])
def test_an_unknown_user_and_a_wrong_password_look_the_same(
    raw: RawClient, emulator: TKTChurchEmulator, which: str
) -> None:
    answer = raw.post(LOGIN, json={**emulator.options(), which: "wrong"})
    assert answer.status_code == 401
    assert answer.get_json() == {"error": True, "reason": "Invalid credentials"}


@pytest.mark.parametrize("body", [{}, {"email": "e"}, {"email": 1, "password": "p"}])
def test_a_login_needs_both(raw: RawClient, body: dict[str, Any]) -> None:
    assert raw.post(LOGIN, json=body).status_code == 400


def test_a_login_is_json_and_no_form(raw: RawClient, emulator: TKTChurchEmulator) -> None:
    assert raw.post(LOGIN, data=emulator.options()).status_code == 415


def test_an_access_token_lasts_its_hour(
    raw: RawClient, emulator: TKTChurchEmulator, tokens: dict[str, Any]
) -> None:
    emulator.clock.advance(3590)
    assert creates(raw, tokens["access_token"]) == 200
    emulator.clock.advance(11)
    assert creates(raw, tokens["access_token"]) == 401


def bad_tokens(emulator: TKTChurchEmulator) -> Iterator[str]:
    good = emulator.mint_access_token()
    claims = jwt.decode(good, options={"verify_signature": False})
    yield ""
    yield "nonsense"
    yield good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")
    yield jwt.encode(claims, "x" * 32, algorithm="HS256")
    yield jwt.encode(claims, "", algorithm="none")


def test_a_token_that_we_did_not_sign_is_refused(
    raw: RawClient, emulator: TKTChurchEmulator
) -> None:
    assert [creates(raw, token) for token in bad_tokens(emulator)] == [401] * 5


@pytest.mark.parametrize("header", [None, "Token {}", "{}", "Basic {}"])
def test_a_token_comes_as_bearer(
    raw: RawClient, emulator: TKTChurchEmulator, header: str | None
) -> None:
    headers = {"Authorization": header.format(emulator.mint_access_token())} if header else {}
    for method, path in (("POST", ALL), ("PUT", f"{ALL}/{NOBODY}"), ("DELETE", f"{ALL}/{NOBODY}")):
        assert raw.open(path, method=method, json=BODY, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("method", "permission"),
    [("POST", "createLivestream"), ("PUT", "updateLivestream"), ("DELETE", "deleteLivestream")],
)
def test_each_change_needs_its_permission(
    raw: RawClient, emulator: TKTChurchEmulator, method: str, permission: str
) -> None:
    path = ALL if method == "POST" else f"{ALL}/{emulator.add_stream()}"
    others = set(PERMISSIONS) - {permission}
    statuses = []
    for permissions in (others, {permission}):
        token = emulator.mint_access_token(permissions=permissions)
        headers = {"Authorization": f"Bearer {token}"}
        statuses.append(raw.open(path, method=method, json=BODY, headers=headers).status_code)
    assert statuses == [403, 204 if method == "DELETE" else 200]


def test_a_refresh_token_is_no_access_token(raw: RawClient, tokens: dict[str, Any]) -> None:
    assert creates(raw, tokens["refresh_token"]) == 401


def test_a_refresh_gives_new_tokens(raw: RawClient, tokens: dict[str, Any]) -> None:
    new = refreshed(raw, tokens["refresh_token"]).get_json()
    assert list(new) == list(tokens)
    assert new["access_token"] != tokens["access_token"]
    assert creates(raw, new["access_token"]) == creates(raw, tokens["access_token"]) == 200


def test_a_used_refresh_token_is_dead(raw: RawClient, tokens: dict[str, Any]) -> None:
    answers = [refreshed(raw, tokens["refresh_token"]).status_code for _ in range(2)]
    assert answers == [200, 401]


def test_a_used_refresh_token_can_stay_alive() -> None:
    emulator = TKTChurchEmulator(rotates_refresh_tokens=False)
    raw = RawClient(emulator)
    token = raw.post(LOGIN, json=emulator.options()).get_json()["refresh_token"]
    assert [refreshed(raw, token).status_code for _ in range(2)] == [200, 200]


def test_a_refresh_token_ends_after_31_days(
    raw: RawClient, emulator: TKTChurchEmulator, tokens: dict[str, Any]
) -> None:
    emulator.clock.advance(31 * 86400 + 1)
    assert refreshed(raw, tokens["refresh_token"]).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"grant_type": "password"}, 400),
        ({"grant_type": "access_token", "access_token": "x"}, 400),
        ({"grant_type": "refresh_token"}, 400),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 401),
        ({"grant_type": "token_info"}, 400),
        ({"grant_type": "token_info", "access_token": "x"}, 401),
        ({"grant_type": "id_token"}, 400),
        ({"grant_type": "id_token", "id_token": "x"}, 401),
    ],
)
def test_a_grant_that_is_wrong_is_refused(
    raw: RawClient, body: dict[str, str], status: int
) -> None:
    assert raw.post(TOKEN, json=body).status_code == status


def test_token_info_tells_what_a_token_allows(raw: RawClient, emulator: TKTChurchEmulator) -> None:
    token = emulator.mint_access_token(permissions=["createLivestream"])
    body = {"grant_type": "token_info", "access_token": token}
    info = raw.post(TOKEN, json=body).get_json()
    assert info["scopes"] == ["createLivestream"]
    assert info["user"] == {"id": info["sub"], "email": emulator.email}
    assert isinstance(info["iat"], str)
    assert int(info["exp"]) - int(info["iat"]) == 3600


def test_a_logout_ends_every_session_of_the_user(
    raw: RawClient, emulator: TKTChurchEmulator, tokens: dict[str, Any]
) -> None:
    other = raw.post(LOGIN, json=emulator.options()).get_json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = raw.post(LOGOUT, headers=headers, json={"refresh_token": tokens["refresh_token"]})
    assert (answer.status_code, answer.data) == (204, b"")
    for pair in (tokens, other):
        assert creates(raw, pair["access_token"]) == 401
        assert refreshed(raw, pair["refresh_token"]).status_code == 401


def test_a_logout_leaves_other_users_and_later_logins_alone(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str]
) -> None:
    emulator.add_user("other@church.example", "p")
    other = emulator.mint_access_token("other@church.example")
    raw.post(LOGOUT, headers=bearer)
    later = raw.post(LOGIN, json=emulator.options()).get_json()["access_token"]
    assert [creates(raw, token) for token in (other, later)] == [200, 200]


def test_a_logout_needs_a_token(raw: RawClient) -> None:
    assert raw.post(LOGOUT).status_code == 401


# -- files ----------------------------------------------------------------------------------

UPLOAD = "/v1/files/provider/s3/upload"
NAMED = {"Content-Disposition": 'attachment; filename="t.jpg"', "Content-Type": "image/jpeg"}


def test_an_uploaded_picture_becomes_the_thumbnail(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str]
) -> None:
    file = raw.post(UPLOAD, data=b"jpeg", headers={**bearer, **NAMED}).get_json()
    assert (file["originalName"], file["size"], file["contentType"]) == ("t.jpg", 4, "image/jpeg")
    id = emulator.add_stream()
    body = {"thumbnailId": file["id"].lower()}
    shown = raw.put(f"{ALL}/{id}", json=body, headers=bearer).get_json()
    assert shown["thumbnail"] == {name: file[name] for name in ("id", "url", "provider", "key")}
    assert raw.get(f"/v1/files/{file['id']}", headers=bearer).get_json() == file


@pytest.mark.parametrize(
    ("path", "headers", "data", "status"),
    [
        ("/v1/files/provider/ftp/upload", NAMED, b"x", 400),
        (UPLOAD, {"Content-Type": "image/jpeg"}, b"x", 400),
        (UPLOAD, {"Content-Disposition": NAMED["Content-Disposition"]}, b"x", 400),
        (UPLOAD, NAMED, b"x" * (10 * 1024 * 1024 + 1), 413),
    ],
)
def test_a_wrong_upload_is_refused(
    raw: RawClient,
    bearer: dict[str, str],
    path: str,
    headers: dict[str, str],
    data: bytes,
    status: int,
) -> None:
    assert raw.post(path, data=data, headers={**bearer, **headers}).status_code == status


def test_an_upload_needs_its_permission(raw: RawClient, emulator: TKTChurchEmulator) -> None:
    headers = {"Authorization": f"Bearer {emulator.mint_access_token(permissions=())}"}
    assert raw.post(UPLOAD, data=b"x", headers={**headers, **NAMED}).status_code == 403


def test_an_unknown_file_is_not_found(raw: RawClient, bearer: dict[str, str]) -> None:
    assert raw.get(f"/v1/files/{NOBODY}", headers=bearer).status_code == 404


# -- the world ------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["connect_encoder", "drop_encoder", "finish_recording"])
def test_there_is_no_encoder_and_no_recording(emulator: TKTChurchEmulator, action: str) -> None:
    with pytest.raises(ValueError, match="catalog of streams"):
        getattr(emulator, action)(emulator.add_stream())


@pytest.mark.parametrize(
    "fields",
    [{"status": "paused"}, {"viewers": 1}, {"id": "7"}, {"endTime": "soon"}, {"title": 3}],
)
def test_a_stream_that_the_vendor_could_not_have_is_refused(
    emulator: TKTChurchEmulator, fields: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        emulator.add_stream(**fields)


def test_a_stream_can_be_added_with_its_id(emulator: TKTChurchEmulator) -> None:
    assert emulator.add_stream(id=NOBODY, title="T") == NOBODY.upper()
    assert emulator.shown(NOBODY)["title"] == "T"


def test_options_are_credentials_that_work(raw: RawClient, emulator: TKTChurchEmulator) -> None:
    assert set(emulator.options()) == {"email", "password"}
    assert raw.post(LOGIN, json=emulator.options()).status_code == 200


def test_an_encoded_slash_is_a_part_of_an_id_and_not_the_end_of_a_path(
    raw: RawClient, emulator: TKTChurchEmulator, bearer: dict[str, str]
) -> None:
    id = emulator.add_stream()
    assert raw.delete(f"{ALL}/{id}%2F", headers=bearer).status_code == 404
    assert emulator.shown(id)
