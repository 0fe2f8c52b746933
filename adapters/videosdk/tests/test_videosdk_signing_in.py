"""Options, tokens, and accounts."""

from __future__ import annotations

import hashlib
import warnings
from datetime import UTC, datetime, timedelta

import jwt
import pytest

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_videosdk.adapter import VideoSDKAdapter, VideoSDKOptions
from livestream_videosdk.emulator import VideoSDKEmulator

NOW = datetime(2026, 12, 5, 15, 30, 0, 700_000, tzinfo=UTC)
SECRET = "0123456789abcdef" * 4


def adapter(**options):
    secrets = {
        name: live.Secret(options.pop(name)) for name in ("token", "secret") & options.keys()
    }
    return VideoSDKAdapter(VideoSDKOptions(**options, **secrets))


def signed(now=NOW, previous=None, secret=SECRET):
    return adapter(api_key="the-key", secret=secret).sign_in(previous, now)


def claims(session):
    return jwt.decode(
        session.headers["Authorization"],
        SECRET,
        algorithms=["HS256"],
        options={"verify_exp": False, "verify_iat": False},
    )


def authorizations(emulator):
    return [each.headers["Authorization"] for each in emulator.requests]


# -- tokens ---------------------------------------------------------------------------------


def test_a_token_has_the_claims_of_v1_and_lives_for_ten_minutes():
    issued = int(NOW.timestamp())
    assert claims(signed()) == {"apikey": "the-key", "iat": issued - 30, "exp": issued + 600}


def test_a_token_is_signed_with_hs256():
    header = jwt.get_unverified_header(signed().headers["Authorization"])
    assert header == {"alg": "HS256", "typ": "JWT"}


def test_the_session_ends_when_the_token_does():
    assert signed().expires_at == NOW.replace(microsecond=0) + timedelta(minutes=10)


def test_the_header_is_the_token_without_a_prefix(client, emulator):
    client.pages()
    (header,) = authorizations(emulator)
    assert header.count(".") == 2
    assert " " not in header


def test_a_short_secret_signs_without_a_warning():
    assert claims_with("s")["apikey"] == "the-key"


def claims_with(secret):
    token = signed(secret=secret).headers["Authorization"]
    return jwt.decode(token, options={"verify_signature": False})


def test_a_short_secret_signs_correctly():
    token = signed(secret="s").headers["Authorization"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of PyJWT warn that it is short
        jwt.decode(
            token, "s", algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
        )


def test_a_secret_that_cannot_sign_is_a_configuration_error(emulator):
    secret = "ssh-rsa AAAAB3NzaC1yc2E"
    options = {"api_key": "k", "secret": secret, "transport": emulator.transport()}
    with (
        live.connect("videosdk", **options) as client,
        pytest.raises(live.ConfigurationError, match="secret") as caught,
    ):
        client.pages()
    assert secret not in str(caught.value)
    assert emulator.requests == []


def test_one_token_serves_many_requests(client, emulator):
    for _ in range(3):
        client.pages()
    assert len(set(authorizations(emulator))) == 1


def test_a_token_is_renewed_shortly_before_it_ends(client, emulator, clock):
    client.pages()
    clock.advance(565)
    client.pages()
    clock.advance(10)
    client.pages()
    first, second, third = authorizations(emulator)
    assert first == second != third
    assert {each.status for each in emulator.requests} == {200}


def test_a_refused_token_is_signed_anew_once_and_the_request_sent_again(client, emulator):
    emulator.inject(Fault.status(401))
    client.create(title="x")
    # Two tokens that are signed within the same second are equal.
    assert [each.status for each in emulator.requests] == [401, 200]
    assert len(list(client.list())) == 1


def test_a_token_that_is_refused_again_is_a_failed_authentication(client, emulator):
    emulator.inject(Fault.status(401), times=5)
    with pytest.raises(live.AuthenticationFailed) as caught:
        client.create(title="x")
    assert caught.value.applied is False
    assert len(emulator.requests) == 2


def test_a_token_signed_anew_later_bears_the_time():
    later = signed(NOW + timedelta(seconds=5), previous=signed())
    assert claims(later)["exp"] == int(NOW.timestamp()) + 605


def test_a_ready_token_is_sent_as_it_is(emulator):
    token = emulator.token()
    with live.connect("videosdk", token=token, transport=emulator.transport()) as client:
        client.pages()
    assert authorizations(emulator) == [token]


def test_a_ready_token_that_is_refused_is_sent_once_more_and_no_more(emulator):
    token = emulator.token(exp=1)
    with (
        live.connect("videosdk", token=token, transport=emulator.transport()) as client,
        pytest.raises(live.AuthenticationFailed, match="Token is expired"),
    ):
        client.pages()
    assert len(emulator.requests) == 2


def test_a_ready_token_has_no_end_that_we_know():
    session = adapter(token="t").sign_in(None, NOW)
    assert session.expires_at is None
    assert session.ours is False


def test_a_signed_token_is_not_ours_to_end():
    assert signed().ours is False


def test_a_wrong_secret_is_a_failed_authentication(emulator):
    options = {**emulator.options(), "secret": "wrong", "transport": emulator.transport()}
    with live.connect("videosdk", **options) as client, pytest.raises(live.AuthenticationFailed):
        client.get("x")


def test_equal_clients_share_a_token(emulator, clock):
    transport = emulator.transport()
    options = {**emulator.options(), "transport": transport, "clock": clock}
    with live.connect("videosdk", **options) as one, live.connect("videosdk", **options) as two:
        one.pages()
        clock.advance(5)
        two.pages()
    assert len(set(authorizations(emulator))) == 1


# -- accounts -------------------------------------------------------------------------------


def test_the_account_is_named_by_its_api_key(emulator):
    with emulator.connect() as client:
        assert client.account == f"videosdk:api.videosdk.live:{emulator.api_key}"


def test_the_account_of_a_token_is_that_of_its_api_key(emulator):
    with live.connect("videosdk", token=emulator.token(), environ={}) as client:
        assert client.account == f"videosdk:api.videosdk.live:{emulator.api_key}"


def test_the_account_stays_the_same_with_another_token(emulator):
    tokens = [emulator.token(), emulator.token(exp=9_999_999_999)]
    assert len({adapter(token=token).account() for token in tokens}) == 1


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b.c",
        "....",
        "eyJhbGciOiJIUzI1NiJ9." + "W1tb" * 50_000 + ".x",
        jwt.encode({}, SECRET),
        jwt.encode({"apikey": ""}, SECRET),
        jwt.encode({"apikey": " "}, SECRET),
        jwt.encode({"apikey": 5}, SECRET),
        jwt.encode({"apikey": "a\nb"}, SECRET),
        jwt.encode({"apikey": "\ud800"}, SECRET),
    ],
    ids=lambda token: token[-8:],
)
def test_a_token_without_an_api_key_is_named_by_a_digest(token):
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert adapter(token=token).account_id() == f"token-{digest[:8]}"


# -- options --------------------------------------------------------------------------------


def test_the_vendor_is_the_default_origin():
    assert adapter(token="t").origin == "https://api.videosdk.live"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, ["token", "LIVESTREAM_VIDEOSDK_TOKEN", "api_key", "LIVESTREAM_VIDEOSDK_API_KEY"]),
        ({"api_key": "k"}, ["secret (LIVESTREAM_VIDEOSDK_SECRET) is missing"]),
        ({"secret": "s"}, ["api_key (LIVESTREAM_VIDEOSDK_API_KEY) is missing"]),
        ({"token": "t", "api_key": "k", "secret": "s"}, ["not both"]),
        ({"token": "Bearer t"}, ["token (LIVESTREAM_VIDEOSDK_TOKEN)", "without Bearer"]),
        ({"token": "t\u00e9"}, ["token (LIVESTREAM_VIDEOSDK_TOKEN)"]),
        ({"token": "t", "base_url": "http://videosdk.example"}, ["base_url", "plain http"]),
        ({"token": "t", "tocken": "t"}, ["'tocken' is not an option", "did you mean token"]),
    ],
)
def test_wrong_options_are_named(options, named):
    with pytest.raises(live.ConfigurationError) as caught:
        live.connect("videosdk", environ={}, **options)
    assert all(each in caught.value.message for each in named)


def test_options_come_from_the_environment():
    environ = {"LIVESTREAM_VIDEOSDK_API_KEY": "from-there", "LIVESTREAM_VIDEOSDK_SECRET": "s"}
    with live.connect("videosdk", environ=environ) as client:
        assert client.account.endswith(":from-there")


def test_no_request_is_sent_by_connecting(emulator):
    with emulator.connect(require=["create", "restreams"]):
        pass
    assert emulator.requests == []


def test_a_required_feature_that_is_not_there_fails_at_once():
    with pytest.raises(live.Unsupported, match="disconnect the encoder"):
        VideoSDKEmulator().connect(require=["stop"])


# -- the clock ------------------------------------------------------------------------------


def test_a_vendor_whose_clock_is_a_little_behind_is_not_told_of_the_future():
    assert claims(signed())["iat"] <= (NOW - timedelta(seconds=30)).timestamp()


def test_a_token_that_is_refused_because_of_this_machines_clock_says_so():
    emulator = VideoSDKEmulator()
    emulator.clock.advance(86_400 * 400 + 60)
    hint = r"this machine's clock is 400 days, .* behind the vendor's"
    with emulator.serve() as url:
        options = {**emulator.options(), "base_url": url}
        with (
            live.connect("videosdk", **options) as client,
            pytest.raises(live.AuthenticationFailed, match=hint) as caught,
        ):
            client.pages()
    assert "Token is expired" in str(caught.value)


def test_a_token_that_is_refused_for_another_reason_says_nothing_of_the_clock():
    emulator = VideoSDKEmulator()
    options = {**emulator.options(), "secret": "another"}
    with (
        live.connect("videosdk", transport=emulator.transport(), **options) as client,
        pytest.raises(live.AuthenticationFailed, match="check the credentials") as caught,
    ):
        client.pages()
    assert "clock" not in str(caught.value)
