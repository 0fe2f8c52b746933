"""Signing in by OAuth, and the instance's limits."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from livestream_peertube.emulator import ACCESS_SECONDS, REFRESH_SECONDS, PeerTubeEmulator

import livestream_core as live


def grants(instance: PeerTubeEmulator) -> list[str]:
    """How it was signed in, in order."""
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
        base_url="https://peertube.example",
        transport=instance.transport(),
        **instance.login_options(),
    ) as client:
        client.pages()
    assert [each.path for each in instance.requests] == ["/api/v1/users/me/videos"]


def test_a_user_with_a_second_factor_is_refused() -> None:
    with PeerTubeEmulator(otp=True).connect() as client:
        with pytest.raises(live.AuthenticationFailed, match="two factor"):
            client.pages()


def test_the_account_is_named_by_the_user_without_regard_to_case(
    instance: PeerTubeEmulator,
) -> None:
    with instance.connect(base_url="https://peertube.example", username="Alice") as client:
        assert client.account == "peertube:peertube.example:alice"


def test_a_limit_of_requests_is_waited_out() -> None:
    instance = PeerTubeEmulator(rate_limit=3)
    instance.clock = live.ManualClock()
    began = instance.clock.now()
    with instance.connect() as client:
        client.pages()  # and two requests to sign in
        client.pages()
    assert (instance.clock.now() - began).total_seconds() >= 10
