"""The emulator of API v2: each quirk of the documents, which a kinder emulator does not have.

Each check has an emulator that is kinder in this one thing, and must fail with it.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import attrs
import jwt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import livestream_core as live
from livestream_core import ManualClock
from livestream_core.emulator import Request, Response, json_response
from livestream_videosdk.account import json_body
from livestream_videosdk.rooms import parameters
from livestream_videosdk.rooms.emulator import HLS, VideoSDKRoomsEmulator

LAYOUT = {"layout": {"type": "GRID", "priority": "SPEAKER", "gridSize": 4}}
OUTPUT = {"url": "rtmp://a.rtmp.youtube.com/live2", "streamKey": "abcd-1234"}
OFFER = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
HOOK = {"endPoint": "https://example.com/hook", "events": ["*"]}


@attrs.define
class Api:
    """A client that calls an emulator as any HTTP client could."""

    raw: Any

    @property
    def emulator(self) -> VideoSDKRoomsEmulator:
        return self.raw.emulator

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> live.Response:
        target = f"/v2/{path}" + (f"?{urlencode(query)}" if query else "")
        return self.raw(method, target, body)

    def get(self, path: str, **query: Any) -> Any:
        return answer(self.call("GET", path, **query))

    def post(self, path: str, **body: Any) -> Any:
        return answer(self.call("POST", path, body))

    def delete(self, path: str) -> Any:
        return answer(self.call("DELETE", path))

    def refused(self, code: int, method: str, path: str, body: Any = None, **query: Any) -> None:
        is_error(self.call(method, path, body, **query), code)

    def room(self, **body: Any) -> str:
        return self.post("rooms", **body)["roomId"]

    def entered(self, **body: Any) -> str:
        """Return a room with a participant."""
        id = self.room(**body)
        self.emulator.connect_encoder(id)
        return id

    def hls(self, **body: Any) -> tuple[str, str]:
        """Return a room that streams HLS, and the ID of the HLS."""
        id = self.entered(**body)
        return id, self.post("hls/start", roomId=id)["id"]

    def whip(self, id: str, *, kind: str = "application/sdp", prefix: str = "", **query: Any):
        token = prefix + self.emulator.token(**query.pop("claims", {}))
        target = f"/v2/whip?{urlencode({'roomId': id, **query})}"
        headers = {"Content-Type": kind}
        return self.raw("POST", target, body=OFFER, token=token, headers=headers)


def answer(response: live.Response) -> Any:
    assert response.status == 200, response.body
    return response.json()


def is_error(response: live.Response, status: int) -> None:
    assert response.status == status, response.body
    body = response.json()
    assert body.keys() == {"statusCode", "error"}
    assert body["statusCode"] == status
    assert isinstance(body["error"], str)


Kinder = Callable[[pytest.MonkeyPatch], VideoSDKRoomsEmulator]
QUIRKS: dict[str, tuple[Callable[[Api], None], Kinder]] = {}


def quirk(kinder: Kinder) -> Callable[[Callable[[Api], None]], Callable[[Api], None]]:
    """Register a check with an emulator that does not pass it."""

    def register(check: Callable[[Api], None]) -> Callable[[Api], None]:
        QUIRKS[check.__name__.removeprefix("_")] = (check, kinder)
        return check

    return register


def kinder(**members: Any) -> Kinder:
    """Return an emulator with other members."""
    return lambda _: type("Kinder", (VideoSDKRoomsEmulator,), members)()


def stuck(**values: Any) -> Kinder:
    """Return an emulator whose settings cannot be changed."""

    def member(value: Any) -> property:
        return property(lambda _: value, lambda *_: None)

    return kinder(**{name: member(value) for name, value in values.items()})


def lenient(name: str, replacement: Any) -> Kinder:
    """Return an emulator that takes other parameters."""

    def make(monkeypatch: pytest.MonkeyPatch) -> VideoSDKRoomsEmulator:
        monkeypatch.setattr(parameters, name, replacement)
        return VideoSDKRoomsEmulator()

    return make


def answers(handler: str, edit: Callable[[Any], Any]) -> Kinder:
    """Return an emulator that answers something else where it succeeds."""

    def edited(self: VideoSDKRoomsEmulator, request: Request, **ids: str) -> Response:
        response = getattr(VideoSDKRoomsEmulator, handler)(self, request, **ids)
        if response.status_code != 200:
            return response
        return json_response(edit(json.loads(response.get_data())))

    return kinder(**{handler: edited})


def renamed(**names: str) -> Callable[[Any], Any]:
    return lambda data: {names.get(name, name): value for name, value in data.items()}


def without(*names: str) -> Callable[[Any], Any]:
    return lambda data: {name: value for name, value in data.items() if name not in names}


ANY_BODY = lenient("checked_body", lambda request, _: json_body(request))
ANY_QUERY = lenient("check_query", lambda *_: None)


@pytest.fixture
def api(raw_of: Any) -> Callable[[VideoSDKRoomsEmulator], Api]:
    return lambda emulator: Api(raw_of(emulator))


def admits(**changes: Any) -> Kinder:
    """Return an emulator that does not look at some claims of a token."""

    def check_token(self: VideoSDKRoomsEmulator, token: str) -> Any:
        return {**super(VideoSDKRoomsEmulator, self).check_token(token), **changes}

    return kinder(check_token=check_token)


# -- tokens ---------------------------------------------------------------------------------


def _takes_any_prefix(self: VideoSDKRoomsEmulator, token: str) -> Any:
    return super(VideoSDKRoomsEmulator, self).check_token(token.removeprefix("Bearer "))


@quirk(kinder(check_token=_takes_any_prefix))
def _a_token_has_no_prefix(api: Api) -> None:
    emulator = api.emulator
    now = int(emulator.clock.now().timestamp())
    claims = jwt.decode(emulator.token(), options={"verify_signature": False})
    for token in (
        f"Bearer {emulator.token()}",
        "",
        jwt.encode(claims, "f" * 64, "HS256"),
        jwt.encode(claims, emulator.secret, "HS512"),
        emulator.token(apikey="another"),
        emulator.token(exp=None),
        emulator.token(exp=now),
    ):
        is_error(api.raw("GET", "/v2/rooms", token=token), 401)


@quirk(admits(version=2))
def _a_token_is_of_version_2(api: Api) -> None:
    for version in (None, 1, "2"):
        is_error(api.raw("GET", "/v2/rooms", token=api.emulator.token(version=version)), 401)


@quirk(admits(permissions=["allow_join"]))
def _a_token_has_permissions(api: Api) -> None:
    for permissions in (None, [], ["allow_all"], "allow_join", [{}]):
        token = api.emulator.token(permissions=permissions)
        is_error(api.raw("GET", "/v2/rooms", token=token), 401)


@quirk(admits(roles=["crawler"]))
def _the_role_rtc_is_not_for_rest(api: Api) -> None:
    token = api.emulator.token
    is_error(api.raw("GET", "/v2/rooms", token=token(roles=["rtc"])), 403)
    is_error(api.raw("GET", "/v2/rooms", token=token(roles=["admin"])), 401)
    for roles in (["crawler"], ["crawler", "rtc"], None):
        answer(api.raw("GET", "/v2/rooms", token=token(roles=roles)))


@quirk(admits(roomId=None))
def _a_token_for_a_room_is_not_for_another(api: Api) -> None:
    one, other = api.hls()[0], api.hls()[0]
    token = api.emulator.token(roomId=one)
    session = api.get("sessions", roomId=other)["data"][0]["id"]
    for path in (f"rooms/{other}", f"hls/{other}/active", f"sessions/{session}"):
        is_error(api.raw("GET", f"/v2/{path}", token=token), 403)
    answer(api.raw("GET", f"/v2/rooms/{one}", token=token))


def _admits_all(self: VideoSDKRoomsEmulator, request: Request, *_: str, **__: Any) -> Any:
    self._settle()
    request.environ["videosdk.claims"] = {}
    return {}


@quirk(kinder(admit=_admits_all))
def _an_account_that_is_not_active_has_no_valid_token(api: Api) -> None:
    api.emulator.is_active = False
    api.refused(401, "GET", "rooms")


@quirk(kinder(_slow_down=lambda self: None))
def _too_many_requests_are_told_when_to_come_back(api: Api) -> None:
    clock = api.emulator.clock = ManualClock()
    api.emulator.requests_per_minute = 2
    api.get("rooms")
    clock.advance(20)
    api.get("rooms")
    refused = api.call("GET", "rooms")
    is_error(refused, 429)
    assert 40 <= int(refused.headers["retry-after"]) <= 41
    clock.advance(41)
    api.get("rooms")


# -- paths ----------------------------------------------------------------------------------


def _answers_everything(self: VideoSDKRoomsEmulator, request: Request) -> Response:
    return json_response("HLS ended successfully")


@quirk(kinder(method_not_allowed=_answers_everything, not_found=_answers_everything))
def _there_is_no_stop(api: Api) -> None:
    id = api.hls()[0]
    for kind in ("hls", "livestreams", "recordings"):
        api.refused(404, "POST", f"{kind}/stop", {"roomId": id})
    api.refused(404, "POST", f"rooms/validate/{id}", {})
    api.refused(404, "DELETE", f"rooms/{id}")
    api.refused(404, "PUT", f"rooms/{id}", {"status": "disabled"})
    api.refused(404, "GET", "recordings/", roomId=id)
    assert api.emulator.running_ids(id)


# -- rooms ----------------------------------------------------------------------------------


@quirk(answers("create_room", lambda data: {**data, "roomId": data["id"]}))
def _a_create_with_the_same_reference_answers_the_same_room(api: Api) -> None:
    made = api.post("rooms", customRoomId="lesson 1", webhook=HOOK)
    assert [len(part) for part in made["roomId"].split("-")] == [4, 4, 4]
    assert made["webhook"] == HOOK
    api.post(f"rooms/{made['roomId']}", status="disabled")
    again = api.post("rooms", customRoomId="lesson 1", geoFence="us002")
    assert again == {**made, "disabled": True, "updatedAt": again["updatedAt"]}
    assert api.get("rooms")["pageInfo"]["total"] == 1
    api.refused(409, "POST", "rooms", {"customRoomId": made["roomId"]})
    assert api.post("rooms")["roomId"] != api.post("rooms")["roomId"]


@quirk(ANY_BODY)
def _what_the_documents_do_not_have_is_refused(api: Api) -> None:
    for body in (
        {"name": "Lesson"},
        {"region": "sg001"},
        {"customRoomId": ""},
        {"customRoomId": 5},
        {"webhook": {"endPoint": "http://example.com", "events": ["*"]}},
        {"webhook": {"endPoint": "https://example.com/" + "x" * 500, "events": ["*"]}},
        {"webhook": {"endPoint": "https://example.com", "events": ["hls-begun"]}},
        {"webhook": {"endPoint": "https://example.com", "events": []}},
        {"webhook": {"endPoint": "https://example.com"}},
        {"webhook": {"url": "https://example.com", "events": ["*"]}},
        {"autoCloseConfig": {"type": "never"}},
        {"autoCloseConfig": {"duration": 0}},
        {"webhook": {"endPoint": "https:///hook", "events": ["*"]}},
        {"webhook": {"endPoint": "https://[", "events": ["*"]}},
        {"autoStartConfig": {"hls": {"config": {"layout": {"type": "GRID"}}}}},
        {"autoStartConfig": {"hls": {"config": {"quality": "high"}}}},
        {"autoStartConfig": {"recording": {"config": {**LAYOUT, "theme": "dark"}}}},
        {"autoStartConfig": {"rtmp": {}}},
        {"multiComposition": {"hls": "true"}},
        {"allowedParticipantIds": "a"},
    ):
        api.refused(400, "POST", "rooms", body)
    for body in (b"", b"[]", b"{", b"null"):
        is_error(api.raw("POST", "/v2/rooms", body=body), 400)
    is_error(api.raw("POST", "/v2/rooms", {}, headers={"Content-Type": "text/plain"}), 400)
    assert api.get("rooms")["data"] == []
    longest = "https://example.com/" + "x" * 492
    api.room(webhook={"endPoint": longest, "events": ["session*", "hls-started"]})


JUNK = (None, True, 5, -1.5, "", "x" * 3000, [], ["x"], {}, {"x": 1}, "\ud800")


@quirk(ANY_BODY)
def _a_value_of_another_type_is_refused(api: Api) -> None:
    def holed(body: Any, fill: Callable[[Any], Any], name: str) -> dict[str, Any]:
        """Return a body with one value replaced, at a path with dots."""
        head, _, tail = name.partition(".")
        inner = body.get(head, {}) if isinstance(body, dict) else {}
        return {**body, head: holed(inner, fill, tail) if tail else fill(inner)}

    room = {"webhook": HOOK, "autoStartConfig": {"hls": {"config": LAYOUT}}}
    id = api.entered()
    run = {"roomId": id, "config": LAYOUT}
    for path, body, name, fitting in (
        ("rooms", room, "customRoomId", ("x" * 3000,)),
        ("rooms", room, "webhook.endPoint", ()),
        ("rooms", room, "webhook.events", ()),
        ("rooms", room, "autoCloseConfig.type", ()),
        ("rooms", room, "autoCloseConfig.duration", (5,)),
        ("rooms", room, "autoStartConfig.hls.config.layout.type", ()),
        ("rooms", room, "multiComposition.hls", (True,)),
        ("rooms", room, "allowedParticipantIds", (["x"],)),
        ("hls/start", run, "config.layout.gridSize", (5,)),
        ("hls/start", run, "config.theme", ()),
        ("hls/start", run, "templateUrl", ()),
        ("hls/start", run, "transcription.enabled", (True,)),
        ("hls/start", run, "recording", ({}, {"x": 1})),
        ("livestreams/start", {**run, "outputs": [OUTPUT]}, "outputs", ()),
        ("hls/capture", {"roomId": id}, "width", (5,)),
        ("sessions/end", {"roomId": id}, "ignoreClosed", (True,)),
    ):
        for value in JUNK:
            # Not "in": True equals 1, and an enumeration has no lists.
            if any(value is each or value == each for each in fitting):
                continue
            changed = holed(body, lambda _, value=value: value, name)
            assert api.call("POST", path, changed).status == 400, (path, name, value)
            if path == "rooms" and name.endswith("events"):
                changed = holed(body, lambda _, value=value: [value], name)
                assert api.call("POST", path, changed).status == 400, value


@quirk(ANY_QUERY)
def _an_unknown_name_in_a_query_is_refused(api: Api) -> None:
    id = api.room()
    api.refused(400, "GET", "rooms", search="x")
    api.refused(400, "GET", "rooms", query="")
    for kind in ("hls", "livestreams", "recordings"):
        api.refused(400, "GET", kind)
        assert api.get(kind, roomId=id)["data"] == []
    api.refused(400, "GET", "rooms?query=x&query=x")
    api.refused(400, "GET", "rooms", page="0")
    api.refused(400, "GET", "rooms", perPage="all")
    api.refused(400, "GET", "sessions", status="live")
    api.refused(400, "GET", "sessions", startDate="2026-01-01")


@quirk(
    answers(
        "list_rooms",
        lambda page: {**page, "data": [{**each, "disabled": False} for each in page["data"]]},
    )
)
def _a_list_of_rooms_does_not_show_which_are_disabled(api: Api) -> None:
    id = api.room(customRoomId="one", webhook=HOOK)
    api.post(f"rooms/{id}", status="disabled")
    (listed,) = api.get("rooms/")["data"]
    shown = api.get(f"rooms/{id}")
    assert listed.keys() == {
        *("roomId", "customRoomId", "createdAt", "updatedAt", "user", "id", "links")
    }
    assert listed["user"].keys() == {"email", "name", "discontinuedReason", "id"}
    assert shown.keys() - listed.keys() == {"disabled", "webhook"}


def _finds_parts(self: VideoSDKRoomsEmulator, request: Request) -> Response:
    text = request.args.get("query", "")
    found = [each for each in self._rooms if text in (each.custom_room_id or "")]
    return json_response(self._page(request, "rooms", found, self._listed_room))


@quirk(kinder(list_rooms=_finds_parts))
def _a_query_finds_only_exact_matches(api: Api) -> None:
    id = api.room(customRoomId="lesson 1")
    api.room(customRoomId="lesson 10")
    for query in ("lesson 1", id):
        assert [each["roomId"] for each in api.get("rooms", query=query)["data"]] == [id]
    assert api.get("rooms", query="lesson")["data"] == []


@quirk(stuck(page_size=1000))
def _a_list_has_pages_with_a_total(api: Api) -> None:
    ids = [api.room() for _ in range(5)][::-1]
    pages = [api.get("rooms", page=page, perPage=2) for page in (1, 2, 3, 4)]
    assert [[each["roomId"] for each in page["data"]] for page in pages] == [
        *(ids[:2], ids[2:4], ids[4:], [])
    ]
    assert [page["pageInfo"]["currentPage"] for page in pages] == [1, 2, 3, 4]
    assert pages[0]["pageInfo"] == {"currentPage": 1, "perPage": 2, "lastPage": 3, "total": 5}
    api.emulator.page_size = 3
    assert api.get("rooms")["pageInfo"]["perPage"] == 3


@quirk(answers("update_room", lambda data: {**data, "disabled": data["status"] == "disabled"}))
def _an_update_answers_a_status_in_place_of_disabled(api: Api) -> None:
    id, _ = api.hls(customRoomId="mine")
    for status in ("disabled", "disabled", "enabled"):
        answered = api.post(f"rooms/{id}", status=status)
        shown = api.get(f"rooms/validate/{id}")
        assert shown.pop("disabled") is (status == "disabled")
        assert answered == {**shown, "status": status}
    api.refused(404, "GET", f"hls/{id}/active")  # its session has ended
    api.refused(404, "POST", "rooms/mine", {"status": "disabled"})
    for body in ({}, {"status": "ended"}, {"disabled": True}):
        api.refused(400, "POST", f"rooms/{id}", body)


@quirk(answers("deactivate_room", renamed(meetingId="roomId", userMeetingId="customRoomId")))
def _a_deactivated_room_is_answered_with_its_old_names(api: Api) -> None:
    id = api.entered(customRoomId="mine", webhook=HOOK)
    answered = api.post("rooms/deactivate", roomId=id)
    assert answered.keys() == {
        *("webhook", "disabled", "meetingId", "userMeetingId", "userId", "createdAt"),
        *("updatedAt", "user", "id"),
    }
    assert (answered["meetingId"], answered["userMeetingId"]) == (id, "mine")
    assert (answered["disabled"], api.get(f"rooms/{id}")["disabled"]) == (True, True)
    assert api.get("sessions", roomId=id)["data"][0]["status"] == "ended"


def _deactivates_any(self: VideoSDKRoomsEmulator, request: Request) -> Response:
    self.admit(request, "crawler")
    room = self._known(json_body(request)["roomId"])
    self._disable(room, True)
    return json_response({})


@quirk(kinder(deactivate_room=_deactivates_any))
def _a_room_is_not_deactivated_by_its_reference(api: Api) -> None:
    id = api.room(customRoomId="mine")
    api.refused(402, "POST", "rooms/deactivate", {"roomId": "mine"})
    api.refused(404, "POST", "rooms/deactivate", {"roomId": api.get(f"rooms/{id}")["id"]})
    assert api.get(f"rooms/{id}")["disabled"] is False


@quirk(kinder(_deactivate=lambda self, room: self._disable(room, True)))
def _a_room_is_deactivated_for_ever(api: Api) -> None:
    id = api.room()
    api.post("rooms/deactivate", roomId=id)
    api.refused(409, "POST", f"rooms/{id}", {"status": "enabled"})
    assert api.post(f"rooms/{id}", status="disabled")["status"] == "disabled"


@quirk(kinder(validate_room=VideoSDKRoomsEmulator.read_room))
def _a_room_has_three_ids_of_which_a_validation_takes_two(api: Api) -> None:
    made = api.post("rooms", customRoomId="mine")
    owner = made.pop("userId")
    for id in (made["roomId"], "mine", made["id"]):
        shown = api.get(f"rooms/{id}")
        # Only here, and in lists, the owner is an object.
        assert shown.pop("user")["id"] == owner
        assert shown == made
    for id in (made["roomId"], "mine"):
        assert api.get(f"rooms/validate/{id}") == {**made, "userId": owner}
    api.refused(404, "GET", f"rooms/validate/{made['id']}")


@quirk(kinder(_missing=lambda self, what: parameters.Refused(404, what)))
def _what_does_not_exist_can_be_402(api: Api) -> None:
    api.emulator.not_found_status = 402
    id = api.room()
    for path in ("rooms/none", "rooms/validate/none", "sessions/none", "hls/none"):
        api.refused(402, "GET", path)
    api.refused(402, "POST", "hls/start", {"roomId": "none"})
    api.refused(404, "GET", f"hls/{id}/active")


# -- sessions -------------------------------------------------------------------------------


@quirk(answers("end_session", lambda shown: {**shown, "status": "ended", "end": shown["start"]}))
def _the_end_of_a_session_is_answered_with_what_it_was(api: Api) -> None:
    id, run = api.hls(customRoomId="mine")
    answered = api.post("sessions/end", roomId="mine", vsdkForceKill=False)
    assert (answered["status"], answered["end"]) == ("ongoing", None)
    ended = api.get(f"sessions/{answered['id']}")
    assert (ended["status"], ended["participants"][0]["timelog"][0]["end"]) == (
        *("ended", ended["end"]),
    )
    assert api.get(f"hls/{run}")["end"] is not None
    api.refused(409, "POST", "sessions/end", {"roomId": id})
    assert api.post("sessions/end", roomId=id, ignoreClosed=True)["status"] == "ended"
    api.refused(404, "POST", "sessions/end", {"roomId": id, "sessionId": "another"})
    api.refused(404, "POST", "sessions/end", {"roomId": api.room()})


@quirk(stuck(old_naming=False))
def _old_names_can_stand_in_more_answers(api: Api) -> None:
    api.emulator.old_naming = True
    id, _ = api.hls(customRoomId="mine")
    active = api.get(f"hls/{id}/active")["data"]
    assert (active["meetingId"], active.get("roomId")) == (id, None)
    ended = api.post("sessions/end", roomId=id)
    assert (ended["meetingId"], ended["userMeetingId"]) == (id, "mine")
    assert {"roomId", "status"}.isdisjoint(ended)


def _finds_all_sessions(self: VideoSDKRoomsEmulator, request: Request) -> Response:
    sessions = list(self._sessions.values())
    return json_response(self._page(request, "sessions", sessions, self._shown_session))


@quirk(kinder(list_sessions=_finds_all_sessions))
def _sessions_are_found_by_room_and_state(api: Api) -> None:
    first = api.entered(customRoomId="mine")
    api.emulator.drop_encoder(first)
    api.emulator.clock.advance(60)
    for id in (first, other := api.room()):
        api.emulator.connect_encoder(id)
    found = [api.get("sessions", roomId=id)["data"] for id in (first, other)]
    assert [len(each) for each in found] == [2, 1]
    ended, ongoing = found[0][1], found[1][0]
    assert api.get("sessions")["pageInfo"]["total"] == 3
    for query in ({"roomId": first}, {"customRoomId": "mine"}, {"query": "mine"}):
        states = [each["status"] for each in api.get("sessions", **query)["data"]]
        assert states == ["ongoing", "ended"]
        assert api.get("sessions", status="ended", **query)["data"] == [ended]
    began = int(live.parse_instant(ongoing["start"]).timestamp() * 1000)
    assert api.get("sessions", endDate=began - 30_000)["data"] == [ended]
    assert len(api.get("sessions/", startDate=began - 30_000)["data"]) == 2


# -- HLS ------------------------------------------------------------------------------------


def _starts_at_once(self: VideoSDKRoomsEmulator, request: Request, kind: str) -> Response:
    room = self._known(json_body(request)["roomId"])
    if self._ongoing(room) is None:
        self._join(room, "recorder", "Recorder")
    return VideoSDKRoomsEmulator.start_run(self, request, kind=kind)


@quirk(kinder(start_run=_starts_at_once))
def _nothing_starts_while_nobody_is_in_the_room(api: Api) -> None:
    id = api.room()
    for kind, body in (("hls", {}), ("recordings", {}), ("livestreams", {"outputs": [OUTPUT]})):
        body = {"roomId": id, "config": LAYOUT, **body}
        api.refused(409, "POST", f"{kind}/start", body)
        api.emulator.connect_encoder(id)
        answer(api.call("POST", f"{kind}/start", body))
        api.refused(409, "POST", f"{kind}/start", body)  # it is running already
        api.emulator.drop_encoder(id)
        api.refused(409, "POST", f"{kind}/start", body)
        api.refused(409, "POST", f"{kind}/end", {"roomId": id})


def _lets_run(self: VideoSDKRoomsEmulator, session: Any, participant: Any) -> None:
    participant.times[-1][1] = self.clock.now()


@quirk(kinder(_leave=_lets_run))
def _all_ends_when_the_last_one_leaves(api: Api) -> None:
    id, run = api.hls()
    api.emulator.connect_encoder(id)
    api.post("recordings/start", roomId=id)
    api.emulator.clock.advance(75.173)
    api.emulator.drop_encoder(id)
    assert api.emulator.running_ids(id) == [run]
    api.emulator.drop_encoder(id)
    assert api.emulator.running_ids(id) == api.emulator.running_ids(id, "recordings") == []
    session = api.get("sessions", roomId=id)["data"][0]
    ended = api.get(f"hls/{run}")
    assert session["status"] == "ended"
    assert session["end"] == ended["end"]
    assert ended["duration"] == pytest.approx(75.173, abs=20)
    with pytest.raises(ValueError, match="no participant"):
        api.emulator.drop_encoder(id)


@quirk(answers("active_hls", lambda found: found["data"]))
def _active_hls_alone_is_in_an_envelope(api: Api) -> None:
    id, run = api.hls(customRoomId="mine")
    api.emulator.clock.advance(75.173)
    active = api.get(f"hls/{id}/active")
    assert active.keys() == {"code", "data"}
    assert active["code"] == 200
    shown = api.get(f"hls/{run}")
    assert active["data"].keys() == shown.keys()
    assert active["data"]["end"] is None
    assert active["data"]["duration"] >= 75.173
    (listed,) = api.get("hls/", roomId=id)["data"]
    assert listed["id"] == shown["id"] == active["data"]["id"] == run
    api.refused(404, "GET", "hls/mine/active")


def _answers_null(self: VideoSDKRoomsEmulator, request: Request, id: str) -> Response:
    room = self._known(id)
    runs = self._running(HLS, room)
    return json_response({"code": 200, "data": self._shown_run(runs[-1]) if runs else None})


@quirk(kinder(active_hls=_answers_null))
def _no_active_hls_is_404(api: Api) -> None:
    id, run = api.hls()
    assert api.get(f"hls/{id}/active")["data"]["id"] == run
    assert api.post("hls/end", roomId=id, id=run) == "HLS ended successfully"
    api.refused(404, "GET", f"hls/{id}/active")
    assert api.get(f"hls/{run}")["end"] is not None


@quirk(answers("start_run", without("downstreamUrl", "livestreamUrl")))
def _a_start_answers_three_urls_and_later_there_is_one(api: Api) -> None:
    id = api.entered()
    started = api.post("hls/start", roomId=id, config=LAYOUT)
    assert started.keys() == {
        *("sessionId", "start", "roomId", "links", "id"),
        *("downstreamUrl", "playbackHlsUrl", "livestreamUrl"),
    }
    assert started["downstreamUrl"] == started["playbackHlsUrl"]
    assert started["livestreamUrl"] == started["playbackHlsUrl"].replace("index", "live")
    assert api.get("rooms/" + id)["links"]["get_session"].endswith("/sessions/")
    assert started["links"]["get_session"].endswith(started["sessionId"])
    shown = api.get(f"hls/{started['id']}")
    assert shown["playbackHlsUrl"] == started["playbackHlsUrl"]
    assert {"downstreamUrl", "livestreamUrl"}.isdisjoint(shown)


@quirk(stuck(before_2025=False))
def _before_2025_there_is_only_the_deprecated_url(api: Api) -> None:
    api.emulator.before_2025 = True
    id, run = api.hls(webhook=HOOK)
    for shown in (api.get(f"hls/{run}"), api.get(f"hls/{id}/active")["data"]):
        assert shown["downstreamUrl"].endswith("index.m3u8")
        assert "playbackHlsUrl" not in shown
    (delivery,) = api.emulator.deliveries("hls-started", id)
    assert "downstreamUrl" in json.loads(delivery.body)["data"]


@quirk(ANY_BODY)
def _a_composition_has_the_limits_of_its_kind(api: Api) -> None:
    id = api.entered()

    def grid(size: float) -> dict[str, Any]:
        return {"layout": {**LAYOUT["layout"], "gridSize": size}}

    outputs = {"outputs": [OUTPUT]}
    for kind, body in (
        ("hls", {"config": grid(26)}),
        ("hls", {"config": {"quality": "high"}}),
        ("hls", {"config": {"layout": {"type": "GRID"}}}),
        ("hls", {"config": {**LAYOUT, "mode": "video"}}),
        ("hls", {"config": {**LAYOUT, "orientation": "PORTRAIT"}}),
        ("hls", {"webhookUrl": "http://example.com"}),
        ("hls", {"record": True}),
        ("hls", {"transcription": True}),
        ("livestreams", {"config": LAYOUT}),
        ("livestreams", {"config": LAYOUT, "outputs": []}),
        ("livestreams", {"config": LAYOUT, "outputs": [{"url": OUTPUT["url"]}]}),
        ("livestreams", {"config": LAYOUT, "outputs": [{**OUTPUT, "url": "https://a.example"}]}),
        ("livestreams", {"config": grid(5), **outputs}),
        ("livestreams", outputs),
        ("recordings", {"config": grid(-1)}),
        ("recordings", {"fileFormat": "mkv"}),
    ):
        api.refused(400, "POST", f"{kind}/start", {"roomId": id, **body})
        api.refused(400, "POST", f"{kind}/start", body)
    for kind in ("hls", "livestreams", "recordings"):
        assert api.emulator.running_ids(id, kind) == []
    api.refused(404, "POST", "hls/start", {"roomId": id, "resourceId": "none"})
    api.post("hls/start", roomId=id, config={"recording": {"enabled": True}, "mode": "audio"})
    api.post("hls/end", roomId=id)
    api.post("hls/start", roomId=id, config={**grid(25), "recording": {"enabled": True}})
    api.post("livestreams/start", roomId=id, config=grid(4), **outputs)


@quirk(answers("delete_run", lambda text: text.replace(" !", "!")))
def _a_deletion_is_answered_with_the_vendors_words(api: Api) -> None:
    id, run = api.hls()
    api.refused(409, "DELETE", f"hls/{run}")
    api.emulator.drop_encoder(id)
    api.refused(404, "DELETE", f"recordings/{run}")
    assert api.delete(f"hls/{run}") == "Room Hls Recording deleted successfully !"
    api.refused(404, "GET", f"hls/{run}")
    api.refused(404, "DELETE", f"hls/{run}")


@quirk(ANY_BODY)
def _a_capture_needs_hls_and_has_the_size_of_its_quality(api: Api) -> None:
    id = api.entered()
    api.refused(404, "POST", "hls/capture", {"roomId": id})
    portrait = {**LAYOUT, "quality": "med", "orientation": "portrait"}
    api.post("hls/start", roomId=id, config=portrait)
    taken = api.post("hls/capture", roomId=id)
    assert taken.keys() == {"message", "roomId", "meta", "filePath", "fileSize", "fileName"}
    assert {**taken["meta"], "createdAt": None} == {
        "createdAt": None,
        "width": 720,
        "height": 1280,
        "format": "jpg",
    }
    assert api.post("hls/capture", roomId=id, format="webp")["filePath"].endswith(".webp")
    for wrong in ({"format": "gif"}, {"time": 3600}, {"format": "webp", "time": 0}, {"width": 0}):
        api.refused(400, "POST", "hls/capture", {"roomId": id, **wrong})


@quirk(stuck(limits={"participants": 9, "hls": 9, "recordings": 9, "livestreams": 9}))
def _an_account_runs_only_so_much(api: Api) -> None:
    free, paying = (VideoSDKRoomsEmulator(free=each).limits for each in (True, False))
    assert (free["hls"], free["participants"], paying["hls"]) == (1, 50, 5)
    api.emulator.limits = {**free, "participants": 2}
    api.hls()
    id = api.entered()
    api.refused(403, "POST", "hls/start", {"roomId": id})
    with pytest.raises(ValueError, match="limit"):
        api.emulator.connect_encoder(id)


@quirk(lenient("ROOM", {**parameters.ROOM, "multiComposition": parameters.ROOM["geoFence"]}))
def _a_room_can_allow_several_at_a_time(api: Api) -> None:
    id, first = api.hls(multiComposition={"hls": True})
    second = api.post("hls/start", roomId=id)["id"]
    api.post("recordings/start", roomId=id)
    api.refused(409, "POST", "recordings/start", {"roomId": id})
    assert api.emulator.running_ids(id) == [first, second]
    assert api.get(f"hls/{id}/active")["data"]["id"] == second
    api.post("hls/end", roomId=id, id=second)
    assert api.emulator.running_ids(id) == [first]
    api.refused(409, "POST", "hls/end", {"roomId": id, "id": second})


@quirk(kinder(_start_automatically=lambda self, session: None))
def _a_session_starts_what_the_room_says_and_ends_after_its_duration(api: Api) -> None:
    auto = {"recording": {"config": LAYOUT}, "hls": {}}
    close = {"type": "session-end-and-deactivate", "duration": 2}
    id = api.entered(autoStartConfig=auto, autoCloseConfig=close)
    assert len(api.emulator.running_ids(id)) == len(api.emulator.running_ids(id, "recordings")) == 1
    api.emulator.clock.advance(100)
    assert api.get("sessions", roomId=id)["data"][0]["status"] == "ongoing"
    api.emulator.clock.advance(100)
    assert api.get("sessions", roomId=id)["data"][0]["status"] == "ended"
    api.refused(409, "POST", f"rooms/{id}", {"status": "enabled"})
    other = api.entered()
    api.emulator.clock.advance(8 * 3600 - 60)
    assert api.get("sessions", roomId=other)["data"][0]["status"] == "ongoing"
    api.emulator.clock.advance(120)
    assert api.get("sessions", roomId=other)["data"][0]["status"] == "ended"


# -- RTMP-out and recordings ----------------------------------------------------------------


@quirk(answers("start_run", lambda _: {"id": "x"}))
def _starts_and_ends_are_answered_with_bare_strings(api: Api) -> None:
    id = api.entered()
    started = api.post("livestreams/start", roomId=id, outputs=[OUTPUT], config=LAYOUT)
    assert started == "Livestream started successfully"
    assert api.post("recordings/start", roomId=id) == "Recording started successfully"
    (pushed,) = api.get("livestreams/", roomId=id)["data"]
    assert pushed.keys() == {"id", "sessionId", "outputs", "start", "end", "roomId"}
    assert pushed["outputs"] == [OUTPUT]  # with the key of the target
    assert api.get(f"livestreams/{pushed['id']}") == pushed
    assert api.post("livestreams/end", roomId=id) == "Livestream ended successfully"
    assert api.post("recordings/end", roomId=id) == "Recording ended successfully"
    api.refused(404, "DELETE", f"livestreams/{pushed['id']}")
    (recorded,) = api.get("recordings", roomId=id)["data"]
    assert api.delete(f"recordings/{recorded['id']}") == "Room recording deleted successfully"


def _writes_at_once(self: VideoSDKRoomsEmulator, run: Any, *states: str, **at: Any) -> None:
    VideoSDKRoomsEmulator._end(self, run, *states, **at)
    run.written_at = run.end


@quirk(kinder(_end=_writes_at_once))
def _a_recording_has_its_file_when_it_is_ready(api: Api) -> None:
    id = api.entered(webhook=HOOK)
    with pytest.raises(ValueError, match="no recording"):
        api.emulator.finish_recording(id)
    api.post("recordings/start", roomId=id, fileFormat="webm")
    with pytest.raises(ValueError, match="no recording"):
        api.emulator.finish_recording(id)
    api.emulator.clock.advance(90)
    api.emulator.drop_encoder(id)
    (shown,) = api.get("recordings", roomId=id)["data"]
    assert shown.keys() == {"userId", "roomId", "sessionId", "createdAt", "updatedAt", "id"}
    api.emulator.finish_recording(id)
    shown = api.get(f"recordings/{shown['id']}")
    file = shown["file"]
    assert shown["fileId"] == file["id"]
    assert file["meta"]["duration"] == pytest.approx(90, abs=20)
    assert file["fileUrl"] == f"https://cdn.videosdk.live/{file['filePath']}"
    assert file.keys() == {
        *("meta", "filePath", "size", "type", "userStorage", "createdAt", "updatedAt"),
        *("ratio", "fileUrl", "id"),
    }
    (delivery,) = api.emulator.deliveries("recording-stopped", id)
    assert json.loads(delivery.body)["data"] == {
        "meetingId": id,
        "sessionId": shown["sessionId"],
        **{name: file[name] for name in ("filePath", "fileUrl")},
    }
    with pytest.raises(ValueError, match="no recording"):
        api.emulator.finish_recording(id)


# -- WHIP -----------------------------------------------------------------------------------


def _publishes_anything(self: VideoSDKRoomsEmulator, request: Request) -> Response:
    session = self._join(self._known(request.args["roomId"]), "camera", "WHIP")
    return Response("", 201, headers={"Location": f"/v2/whip/sessions/{session.id}"})


@quirk(kinder(publish=_publishes_anything))
def _a_participant_publishes_by_whip(api: Api) -> None:
    id = api.room(allowedParticipantIds=["camera"], customRoomId="mine")
    published = api.whip(id, participantId="camera", displayName="Camera 1")
    assert published.status == 201
    assert published.headers["content-type"] == "application/sdp"
    assert published.body.startswith(b"v=0")
    (session,) = api.get("sessions", roomId=id)["data"]
    location = f"/v2/whip/sessions/{session['id']}?participantId=camera"
    assert published.headers["location"] == location
    (who,) = session["participants"]
    assert (who["participantId"], who["name"]) == ("camera", "Camera 1")
    is_error(api.whip(id, participantId="camera"), 409)
    again = api.whip(id, participantId="camera", useExistingPeer="true", prefix="Bearer ")
    assert again.headers["location"] == location
    is_error(api.whip(id, participantId="another"), 403)
    is_error(api.whip(id, participantId="camera", claims={"participantId": "another"}), 403)
    is_error(api.whip(id, participantId="camera", claims={"roomId": "another"}), 403)
    is_error(api.whip("mine", participantId="camera"), 404)
    is_error(api.whip(api.room(), kind="application/json"), 400)
    is_error(api.whip(api.room(), name="Camera 1"), 400)
    assert api.whip(api.room(), claims={"roles": ["rtc"]}).status == 201
    api.post(f"rooms/{id}", status="disabled")
    is_error(api.whip(id, participantId="camera"), 409)


@quirk(ANY_QUERY)
def _a_publisher_is_torn_down_by_session_and_participant(api: Api) -> None:
    id = api.room()
    made = api.whip(id, participantId="camera 1/2").headers["location"]
    path = made.removeprefix("/v2/")
    bare = path.partition("?")[0]
    api.refused(404, "DELETE", bare, participantId="another")
    api.refused(404, "DELETE", "whip/sessions/none", participantId="camera")
    assert api.delete(path) == ""
    assert api.get("sessions", roomId=id)["data"][0]["status"] == "ended"
    api.refused(404, "DELETE", bare, participantId="camera 1/2")
    api.refused(400, "DELETE", bare, force="true")


# -- webhooks -------------------------------------------------------------------------------


def verifies(api: Api, headers: Any, body: bytes) -> bool:
    pem = api.raw("GET", "/v2/public/rsa-public-key", token="").json()["publicKey"]
    key: Any = load_pem_public_key(pem.strip().encode())
    try:
        key.verify(b64decode(headers["videosdk-signature"]), body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


@quirk(kinder(_note=lambda self, type, session, **_: None))
def _deliveries_are_sent_to_who_subscribed(api: Api) -> None:
    events = ["session*", "hls-playable", "participant-left"]
    id = api.room(webhook={**HOOK, "events": events})
    api.entered()  # this room has no webhook
    api.emulator.connect_encoder(id)
    api.post("hls/start", roomId=id, webhookUrl="https://example.com/hls")
    api.emulator.clock.advance(api.emulator.boot_seconds + 1)
    api.get("rooms")
    api.emulator.fail_hls(id)
    api.emulator.drop_encoder(id)
    sent = [
        (each.type, each.url.removeprefix("https://example.com/"))
        for each in api.emulator.deliveries()
    ]
    assert sent == [
        ("session-started", "hook"),
        ("hls-starting", "hls"),
        ("hls-started", "hls"),
        ("hls-playable", "hook"),
        ("hls-playable", "hls"),
        ("hls-failed", "hls"),
        ("participant-left", "hook"),
        ("session-ended", "hook"),
    ]


def _tells_more(self: VideoSDKRoomsEmulator, type: str, session: Any, **data: Any) -> bytes:
    data = {"roomId": session.room.room_id, **data, "eventId": "1"}
    return json.dumps({"webhookType": type, "data": data}).encode()


@quirk(kinder(_body=_tells_more))
def _a_delivery_has_the_old_name_of_the_room_and_no_id(api: Api) -> None:
    id, run = api.hls(webhook=HOOK)
    api.emulator.drop_encoder(id)
    shown = api.get(f"hls/{run}")
    base = {"meetingId": id, "sessionId": shown["sessionId"]}
    for each in api.emulator.deliveries(id=id):
        assert b": " not in each.body.replace(b'": "', b"")
        content = json.loads(each.body)
        assert content.keys() == {"webhookType", "data"}
        assert content["webhookType"] == each.type
        assert base.items() <= content["data"].items()
        extra = content["data"].keys() - base.keys()
        assert extra == {
            "participant-joined": {"participantId", "participantName"},
            "participant-left": {"participantId", "participantName"},
            "session-started": {"start"},
            "session-ended": {"start", "end"},
            "hls-started": {"playbackHlsUrl"},
            "hls-playable": {"playbackHlsUrl"},
        }.get(each.type, set())
        if "start" in extra:
            start = content["data"]["start"]
            assert start.endswith("+00:00")
            assert len(start) == len("2022-07-05T15:55:35.047+00:00")


@quirk(stuck(key_form="spki"))
def _the_key_is_pkcs_1_or_spki_and_can_change(api: Api) -> None:
    id, _ = api.hls(webhook=HOOK)
    assert "-----BEGIN RSA PUBLIC KEY-----" in api.emulator.public_key()
    first = api.emulator.deliveries("hls-started")[0]
    assert verifies(api, first.headers, first.body)
    assert not verifies(api, first.headers, first.body + b" ")
    api.emulator.key_form = "spki"
    assert "-----BEGIN PUBLIC KEY-----" in api.emulator.public_key()
    assert verifies(api, first.headers, first.body)
    assert verifies(api, *api.emulator.webhook(id))
    assert not verifies(api, *api.emulator.webhook(id, secret="another"))
    api.emulator.rotate_key()
    assert verifies(api, *api.emulator.webhook(id, body=b"x"))
    assert not verifies(api, first.headers, first.body)


@pytest.mark.parametrize("name", QUIRKS)
def test_the_emulator_is_as_the_documents_say(api: Any, name: str) -> None:
    QUIRKS[name][0](api(VideoSDKRoomsEmulator()))


@pytest.mark.parametrize("name", QUIRKS)
def test_a_kinder_emulator_is_found(api: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    check, kinder = QUIRKS[name]
    wrong = kinder(monkeypatch)
    with pytest.raises((AssertionError, LookupError, pytest.fail.Exception)):
        check(api(wrong))


@pytest.mark.parametrize("shape", ["pagination", "named", "bare"])
def test_lists_can_have_the_other_shapes(api: Any, shape: Any) -> None:
    client = api(VideoSDKRoomsEmulator(list_shape=shape))
    ids = [client.room() for _ in range(3)][::-1]
    page = client.get("rooms", page=2, perPage=1)
    if shape == "bare":
        assert [each["roomId"] for each in page] == ids
    elif shape == "named":
        assert [each["roomId"] for each in page["rooms"]] == ids[1:2]
    else:
        assert [each["roomId"] for each in page["data"]] == ids[1:2]
        assert page["pagination"] == {"page": 2, "perPage": 1, "totalPages": 3, "total": 3}


@pytest.mark.parametrize(
    ("state", "type"),
    [
        ("new", "session-started"),
        ("entered", "session-started"),
        ("streaming", "hls-started"),
        ("stopped", "hls-stopped"),
        ("left", "session-ended"),
    ],
)
def test_a_webhook_can_be_had_for_each_state(api: Any, state: str, type: str) -> None:
    client = api(VideoSDKRoomsEmulator())
    id = client.room() if state == "new" else client.entered()
    if state in ("streaming", "stopped"):
        client.post("hls/start", roomId=id)
    if state == "stopped":
        client.post("hls/end", roomId=id)
    if state == "left":
        client.emulator.drop_encoder(id)
    headers, body = client.emulator.webhook(id)
    assert (headers, body) == client.emulator.webhook(id)
    content = json.loads(body)
    assert (content["webhookType"], content["data"]["meetingId"]) == (type, id)


def test_a_webhook_can_be_had_again_for_each_event(api: Any) -> None:
    client = api(VideoSDKRoomsEmulator())
    emulator = client.emulator
    id = client.entered(webhook=HOOK)
    for kind in ("hls", "recordings"):
        client.post(f"{kind}/start", roomId=id)
    emulator.clock.advance(emulator.boot_seconds + 1)
    client.get(f"rooms/{id}")
    emulator.drop_encoder(id)
    emulator.finish_recording(id)
    sent = emulator.deliveries()
    assert len({each.type for each in sent}) == len(sent) == 13
    for each in sent:
        assert emulator.webhook(id, type=each.type) == (each.headers, each.body)
