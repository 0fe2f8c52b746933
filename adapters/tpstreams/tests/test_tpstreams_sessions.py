"""Signing in, renewing the session, and signing out."""

from __future__ import annotations

import threading

import pytest

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_tpstreams.emulator import MAX_TOKENS, TPStreamsEmulator


def paths(emulator):
    return [each.path for each in emulator.requests]


def test_a_token_is_sent_with_its_keyword(client, emulator):
    list(client.list())
    assert emulator.requests[0].headers["Authorization"] == f"Token {emulator.token}"


def test_a_token_that_was_given_is_not_logged_out(emulator):
    with emulator.connect() as client:
        list(client.list())
    assert "/api/auth/logout/" not in paths(emulator)


def test_a_refused_token_that_was_given_is_tried_once_more_at_most(client, emulator):
    emulator.revoke_tokens()
    with pytest.raises(live.AuthenticationFailed, match="Invalid token") as info:
        client.create(title="Class")
    assert info.value.applied is False
    assert len(emulator.requests) <= 2


def test_nothing_is_sent_before_it_is_needed(emulator):
    with emulator.connect(**emulator.login_options(), token=None):
        pass
    assert emulator.requests == []


def test_a_login_sends_username_password_and_organization(emulator):
    with emulator.connect(token=None, **emulator.login_options()) as client:
        list(client.list())
    assert emulator.requests[0].json == {
        "username": emulator.username,
        "password": emulator.password,
        "organization_id": emulator.organization_id,
    }
    assert "Authorization" not in emulator.requests[0].headers


def test_equal_clients_log_in_once_and_the_last_logs_out(emulator):
    settings = {**emulator.login_options(), "token": None, "transport": emulator.transport()}
    first, second = (emulator.connect(**settings) for _ in range(2))
    list(first.list())
    list(second.list())
    first.close()
    assert paths(emulator).count("/api/auth/login/") == 1
    assert "/api/auth/logout/" not in paths(emulator)
    second.close()
    assert paths(emulator)[-1] == "/api/auth/logout/"
    assert emulator.requests[-1].status == 204


def test_a_logout_leaves_no_token_behind(emulator):
    before = emulator.live_tokens
    with emulator.connect(token=None, **emulator.login_options()) as client:
        list(client.list())
        assert emulator.live_tokens == before + 2  # options() has also created one
    assert emulator.live_tokens == before + 1


def test_a_token_that_ended_is_renewed_once_and_the_create_sent_again(clock):
    emulator = TPStreamsEmulator(token_seconds=600)
    with emulator.connect(token=None, clock=clock, **emulator.login_options()) as client:
        list(client.list())
        emulator.clock.advance(601)
        stream = client.create(title="Class")
    assert stream.id in emulator
    assert paths(emulator).count("/api/auth/login/") == 2


def test_a_session_that_is_refused_twice_fails(emulator):
    with emulator.connect(token=None, **emulator.login_options()) as client:
        emulator.inject(Fault.status(401), on="GET *", times=2)
        with pytest.raises(live.AuthenticationFailed):
            list(client.list())
    assert paths(emulator).count("/api/auth/login/") == 2


def test_many_threads_log_in_once(emulator):
    with emulator.connect(token=None, **emulator.login_options()) as client:
        threads = [threading.Thread(target=lambda: list(client.list())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert paths(emulator).count("/api/auth/login/") == 1


def test_a_wrong_password_is_an_authentication_failure_without_the_password(emulator):
    options = {**emulator.login_options(), "password": "hunter2-hunter2", "token": None}
    with emulator.connect(**options) as client, pytest.raises(live.AuthenticationFailed) as info:
        client.create(title="Class")
    assert info.value.applied is False
    assert "hunter2" not in f"{info.value} {info.value.body}"


def test_a_wrong_password_is_not_tried_again_at_once(emulator):
    options = {**emulator.login_options(), "password": "hunter2-hunter2", "token": None}
    for _ in range(3):
        with emulator.connect(**options) as client:
            with pytest.raises(live.AuthenticationFailed, match="Unable to log in") as info:
                list(client.list())
            assert "will not send these credentials again for" in info.value.hint
    assert paths(emulator) == ["/api/auth/login/"]
    with emulator.connect(token=None, **emulator.login_options()) as client:
        list(client.list())


def test_a_login_that_lacks_something_says_nothing_of_the_password(emulator):
    emulator.inject(
        Fault.status(400, body='{"username":["This field is required."]}'), on="*login*"
    )
    with emulator.connect(token=None, **emulator.login_options()) as client:
        with pytest.raises(live.AuthenticationFailed):
            list(client.list())
        list(client.list())


def test_the_21st_token_is_refused_in_the_vendors_words_and_both_causes_are_named(emulator):
    emulator.options()
    for _ in range(MAX_TOKENS - 1):
        with emulator.lock:
            emulator._new_token(None)
    with emulator.connect(token=None, **emulator.login_options()) as client:
        with pytest.raises(live.AuthenticationFailed, match="Maximum amount of tokens") as info:
            list(client.list())
        assert info.value.http_status == 403
        assert info.value.retryable is True
        assert "password" in info.value.hint
        assert "20 tokens" in info.value.hint
        # The credentials are correct: they work as soon as there is room.
        emulator.revoke_tokens()
        list(client.list())


def test_a_login_without_a_token_in_its_answer_is_unexpected(emulator):
    emulator.inject(Fault.missing_field("token"), on="POST */login/")
    with emulator.connect(token=None, **emulator.login_options()) as client:
        with pytest.raises(live.UnexpectedResponse, match="token") as info:
            client.create(title="Class")
    assert info.value.applied is False


def test_a_page_instead_of_the_login_does_not_blame_the_organization(emulator):
    emulator.inject(Fault.html(404), on="POST */login/")
    with emulator.connect(token=None, **emulator.login_options()) as client:
        with pytest.raises(live.NotFound):
            list(client.list())


def test_a_logout_that_fails_is_quiet(emulator):
    emulator.inject(Fault.status(500), on="POST */logout/")
    with emulator.connect(token=None, **emulator.login_options()) as client:
        list(client.list())
    assert paths(emulator)[-1] == "/api/auth/logout/"


def test_the_account_is_the_organization_whatever_the_credentials(emulator):
    with (
        emulator.connect() as first,
        emulator.connect(token=None, **emulator.login_options()) as second,
    ):
        assert first.account == second.account == "tpstreams:app.tpstreams.com:gcdem4"
