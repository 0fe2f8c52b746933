"""Signing in, renewing, and secrets."""

from __future__ import annotations

import base64
import json
import logging
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_tktchurch.adapter import TKTChurchAdapter, TKTChurchOptions
from livestream_tktchurch.emulator import TKTChurchEmulator

LOGIN, TOKEN, LOGOUT = "/v1/auth/login", "/v1/auth/token", "/v1/auth/logout"
NOW = datetime(2024, 1, 21, 10, tzinfo=UTC)


def auth(emulator: TKTChurchEmulator) -> list[str]:
    return [each.path for each in emulator.requests if each.path.startswith("/v1/auth")]


def token_of(claims: Any) -> str:
    def part(data: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.signature"


def adapter_with(token: str) -> TKTChurchAdapter:
    return TKTChurchAdapter(TKTChurchOptions(access_token=live.Secret(token)))


# -- an access token ------------------------------------------------------------------------


def test_a_token_is_a_session_at_once() -> None:
    session = adapter_with("t.t.t").sign_in(None, NOW)
    assert session == live.Session({"Authorization": "Bearer t.t.t"})


def test_a_token_is_used_as_it_is(connect: Any, emulator: TKTChurchEmulator) -> None:
    client = connect(emulator, access_token=emulator.mint_access_token())
    client.create(title="T")
    assert auth(emulator) == []


def test_a_token_that_is_over_is_an_authentication_error_and_not_renewed(
    connect: Any, emulator: TKTChurchEmulator
) -> None:
    client = connect(emulator, access_token=emulator.mint_access_token(seconds=60))
    emulator.clock.advance(61)
    with pytest.raises(live.AuthenticationFailed) as caught:
        client.create(title="T")
    assert (auth(emulator), caught.value.applied) == ([], False)


def test_the_account_of_a_token_is_its_subject(connect: Any, emulator: TKTChurchEmulator) -> None:
    token = emulator.mint_access_token()
    payload = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    client = connect(emulator, access_token=token)
    assert client.account == f"tktchurch:api.tktchurch.com:{payload['sub']}"


def test_the_account_stays_when_the_token_is_another() -> None:
    first, second = (adapter_with(token_of({"sub": "U1", "iat": at})) for at in (1, 2))
    assert first.account_id() == second.account_id() == "U1"


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b.c",
        "a.e30.c",
        "a.é.c",
        token_of({"sub": ""}),
        token_of({"sub": 3}),
        token_of({"sub": "a\nb"}),
        token_of([]),
        token_of("sub"),
        token_of(None),
    ],
)
def test_the_account_of_a_token_without_a_subject_is_a_digest(token: str) -> None:
    import hashlib

    expected = f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}"
    assert adapter_with(token).account_id() == expected


def test_a_payload_that_is_nested_too_deeply_has_no_subject() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    assert adapter_with(f"a.{deep}.c").account_id().startswith("token-")


# -- a user ---------------------------------------------------------------------------------


def test_the_account_of_a_user_is_the_email_address_in_lower_case() -> None:
    with live.connect("tktchurch", email="Media@Church.Example", password="p") as client:
        assert client.account.endswith(":media@church.example")


def test_nothing_is_sent_before_the_first_call(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    assert client.supports("get")
    assert emulator.requests == []


def test_one_login_serves_many_calls(client: live.Client, emulator: TKTChurchEmulator) -> None:
    for _ in range(3):
        client.create(title="T")
    assert auth(emulator) == [LOGIN]
    assert emulator.requests[0].json == emulator.options()


def test_equal_clients_share_a_session(connect: Any, emulator: TKTChurchEmulator) -> None:
    clients = [connect(emulator) for _ in range(2)]
    for client in clients:
        client.create(title="T")
    assert auth(emulator) == [LOGIN]


@pytest.mark.parametrize("which", ["email", "password"])
def test_wrong_credentials_are_one_failed_login(
    connect: Any, emulator: TKTChurchEmulator, which: str
) -> None:
    client = connect(emulator, **{which: "someone@else.example"})
    with pytest.raises(live.AuthenticationFailed, match="Invalid credentials") as caught:
        client.create(title="T")
    assert (auth(emulator), caught.value.applied) == ([LOGIN], False)


def test_a_session_is_renewed_by_its_refresh_token_shortly_before_it_ends(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    client.create(title="T")
    emulator.clock.advance(3600 - 31)
    client.create(title="T")
    assert auth(emulator) == [LOGIN]
    emulator.clock.advance(2)
    client.create(title="T")
    assert auth(emulator) == [LOGIN, TOKEN]
    assert all(each.status != 401 for each in emulator.requests)


def test_the_new_refresh_token_is_the_one_that_is_used_next(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    for _ in range(4):
        client.create(title="T")
        emulator.clock.advance(3600)
    assert auth(emulator) == [LOGIN, TOKEN, TOKEN, TOKEN]
    assert all(each.status == 200 for each in emulator.requests)


def test_a_refresh_says_its_grant(client: live.Client, emulator: TKTChurchEmulator) -> None:
    client.create(title="T")
    emulator.clock.advance(3600)
    client.create(title="T")
    (refresh,) = [each for each in emulator.requests if each.path == TOKEN]
    assert refresh.json["grant_type"] == "refresh_token"
    assert refresh.headers["Content-Type"] == "application/json"
    assert "Authorization" not in refresh.headers


def test_after_a_401_it_is_renewed_once_and_the_create_sent_again(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    client.create(title="before")
    emulator.inject(Fault.status(401), on="POST */livestreams")
    client.create(title="after")
    assert auth(emulator) == [LOGIN, TOKEN]
    assert sorted(stream.title for stream in client.list()) == ["after", "before"]


def test_a_401_to_the_renewed_session_too_is_an_error(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    emulator.inject(Fault.status(401), on="POST */livestreams", times=2)
    with pytest.raises(live.AuthenticationFailed) as caught:
        client.create(title="T")
    assert auth(emulator) == [LOGIN, TOKEN]
    assert caught.value.applied is False


def test_when_all_tokens_of_the_user_died_it_logs_in_once(
    client: live.Client, emulator: TKTChurchEmulator, raw: Any, bearer: dict[str, str]
) -> None:
    client.create(title="T")
    assert raw.post(LOGOUT, headers=bearer).status_code == 204
    client.create(title="T")
    assert auth(emulator) == [LOGIN, LOGOUT, TOKEN, LOGIN]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refused_refresh_falls_back_to_one_login(
    client: live.Client, emulator: TKTChurchEmulator, status: int
) -> None:
    client.create(title="T")
    emulator.clock.advance(3600)
    emulator.inject(Fault.status(status), on=f"POST {TOKEN}")
    client.create(title="T")
    assert auth(emulator) == [LOGIN, TOKEN, LOGIN]


def test_a_refused_refresh_and_a_refused_login_is_an_error(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    client.create(title="T")
    emulator.clock.advance(3600)
    emulator.inject(Fault.status(401), on="POST /v1/auth/*", times=9)
    with pytest.raises(live.AuthenticationFailed):
        client.create(title="T")
    assert auth(emulator) == [LOGIN, TOKEN, LOGIN]


def test_a_vendor_that_cannot_serve_a_refresh_now_is_asked_again(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    client.create(title="T")
    emulator.clock.advance(3600)
    emulator.inject(Fault.status(503), on=f"POST {TOKEN}")
    client.create(title="T")
    assert auth(emulator) == [LOGIN, TOKEN, TOKEN]


def test_a_refresh_whose_answer_is_lost_ends_in_a_login(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    client.create(title="T")
    emulator.clock.advance(3600)
    emulator.inject(Fault.drop_after(), on=f"POST {TOKEN}")
    client.create(title="T")
    # The first request has used the refresh token.
    assert auth(emulator) == [LOGIN, TOKEN, TOKEN, LOGIN]


def test_closing_logs_nobody_out(emulator: TKTChurchEmulator) -> None:
    with emulator.connect() as client:
        client.create(title="T")
    assert auth(emulator) == [LOGIN]


def answered(adapter: TKTChurchAdapter, previous: live.Session | None, answer: Any) -> Any:
    operation: Any = adapter.sign_in(previous, NOW)
    next(operation)
    with pytest.raises(StopIteration) as stop:
        operation.send(live.Response(200, body=json.dumps(answer).encode()))
    return stop.value.value


@pytest.fixture
def user() -> TKTChurchAdapter:
    return TKTChurchAdapter(TKTChurchOptions(email="a@b.example", password=live.Secret("p")))


def test_signing_in_changes_nothing(user: TKTChurchAdapter) -> None:
    operation: Any = user.sign_in(None, NOW)
    request = next(operation)
    assert (request.template, request.changes) == (LOGIN, False)


def test_a_session_ends_when_the_vendor_says(user: TKTChurchAdapter) -> None:
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": 3600}
    session = answered(user, None, answer)
    assert session.expires_at == NOW + timedelta(hours=1)
    assert session.memo == live.Secret("r")
    assert session.ours is False


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(user: TKTChurchAdapter) -> None:
    previous = live.Session({}, memo=live.Secret("old"))
    assert answered(user, previous, {"access_token": "a"}).memo == live.Secret("old")


def test_a_session_that_says_no_end_has_none(user: TKTChurchAdapter) -> None:
    assert answered(user, None, {"access_token": "a"}).expires_at is None


def test_a_session_survives_pickling(user: TKTChurchAdapter) -> None:
    session = answered(user, None, {"access_token": "a", "refresh_token": "r", "expires_in": 9})
    assert pickle.loads(pickle.dumps(session)) == session


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": ""},
        {"access_token": 3},
        {"access_token": "a", "expires_in": 0},
        {"access_token": "a", "expires_in": 10**30},
        {"access_token": "a", "expires_in": "3600"},
        {"access_token": "a", "refresh_token": 3},
        [],
    ],
)
def test_what_is_no_session_is_unexpected(scripted: Any, answer: Any) -> None:
    client, script = scripted(answer, access_token=None, email="a@b.example", password="p")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.create(title="T")
    assert (caught.value.applied, len(script.sent)) == (False, 1)


# -- secrets --------------------------------------------------------------------------------


def test_no_secret_is_shown_in_errors_logs_and_reprs(
    connect: Any, emulator: TKTChurchEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(emulator)
    client.create(title="T")
    tokens = {
        each.headers["Authorization"].partition(" ")[2]
        for each in emulator.requests
        if "Authorization" in each.headers
    }
    echo = json.dumps({"error": True, "reason": f"bad {emulator.password} {' '.join(tokens)}"})
    emulator.inject(Fault.status(400, body=echo), on="POST */livestreams")
    with pytest.raises(live.Rejected) as caught:
        client.create(title="T")
    shown = f"{caught.value!s} {caught.value!r} {caught.value.body} {client!r} {caplog.text}"
    assert tokens
    assert not [each for each in {emulator.password, *tokens} if each in shown]


def test_a_refused_refresh_shows_no_refresh_token(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    client.create(title="T")
    emulator.clock.advance(3600)
    emulator.inject(Fault.html(500), on="POST /v1/auth/*", times=99)
    with pytest.raises(live.ProviderUnavailable) as caught:
        client.create(title="T")
    refresh = next(each for each in emulator.requests if each.path == TOKEN).json["refresh_token"]
    assert refresh not in f"{caught.value!s} {caught.value.body}"
