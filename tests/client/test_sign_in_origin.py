"""Only the requests of a sign-in go to the origin that a vendor has for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeOptions
from livestream_core.emulator import Emulator
from runners import connect
from scripted import respond
from two_origins import TwoOriginsEmulator, TwoOriginsPlugin

pytestmark = pytest.mark.usefixtures("runner")


@pytest.fixture(autouse=True)
def _provider() -> Iterator[None]:
    plugin = TwoOriginsPlugin()
    live.register(plugin)
    yield
    live.unregister(plugin)


class Origins:
    """A transport that notes where each request goes."""

    def __init__(self, status: int = 200) -> None:
        self.sent: list[tuple[str, str, bool]] = []
        self.status = status
        self.refused = False

    def send(self, method: str, origin: str, target: str, headers: Any, *_: Any) -> live.Response:
        self.sent.append((origin, target, "Authorization" in headers))
        if target == "/login":
            if self.status != 200:
                return respond(self.status, {}, Location="https://evil.example/login")
            return respond(200, {"token": "abcdefgh", "lasts": 3600})
        if target == "/streams/1" and not self.refused:
            self.refused = True
            return respond(401, {})
        return respond(200, {"id": "1", "title": "T", "status": "on"})


LOGIN, API = "https://login.acme.example", "https://api.acme.example"


def test_only_requests_of_a_sign_in_go_there() -> None:
    transport = Origins()
    with connect("two_origins", transport=transport, user="u", password="passw0rd-1") as client:
        client.get("1")  # signs in, is refused, and signs in again
        assert client.account == "two_origins:api.acme.example:main"
    assert [origin for origin, target, _ in transport.sent if target == "/login"] == [LOGIN] * 2
    others = {origin for origin, target, _ in transport.sent if target != "/login"}
    assert others == {API}
    assert not any(has_session for origin, _, has_session in transport.sent if origin == LOGIN)


def test_a_redirect_of_a_sign_in_is_not_followed() -> None:
    transport = Origins(302)
    with connect("two_origins", transport=transport, user="u", password="passw0rd-2") as client:
        with pytest.raises(live.UnexpectedResponse):
            client.get("1")
    assert {origin for origin, *_ in transport.sent} == {LOGIN}


def test_the_origin_follows_that_of_the_vendor_by_default() -> None:
    adapter = AcmeAdapter(AcmeOptions(base_url="https://other.example:8443"))
    assert adapter.sign_in_origin == "https://other.example:8443"


@pytest.mark.parametrize(
    "url", ["http://login.example", "login.example", "https://a@b.example", "https://a.example/x"]
)
def test_it_is_checked_like_the_base_url(url: str) -> None:
    with pytest.raises(live.ConfigurationError, match="login_url"):
        connect("two_origins", login_url=url, user="u", password="passw0rd-3", environ={})


def test_plain_http_is_allowed_where_the_base_url_allows_it() -> None:
    settings = {"user": "u", "password": "passw0rd-4", "environ": {}}
    connect("two_origins", login_url="http://127.0.0.1:1", **settings).close()
    connect(
        "two_origins", login_url="http://login.lan", allow_http_hosts=["login.lan"], **settings
    ).close()


def test_it_is_read_from_the_environment() -> None:
    environ = {
        "LIVESTREAM_TWO_ORIGINS_LOGIN_URL": "https://elsewhere.example",
        "LIVESTREAM_TWO_ORIGINS_USER": "u",
        "LIVESTREAM_TWO_ORIGINS_PASSWORD": "passw0rd-5",
    }
    transport = Origins()
    with connect("two_origins", transport=transport, environ=environ) as client:
        client.get("1")
    assert transport.sent[0][0] == "https://elsewhere.example"


def test_a_mapping_of_options_cannot_decide_where_credentials_are_sent() -> None:
    account = {"user": "u", "password": "passw0rd-6"}
    with pytest.raises(live.ConfigurationError, match="must not contain login_url"):
        connect("two_origins", options={**account, "login_url": "https://evil.example"})
    transport = Origins()
    with connect(
        "two_origins", options=account, login_url="https://own.example", transport=transport
    ) as client:
        client.get("1")
    assert transport.sent[0][0] == "https://own.example"


def test_an_emulator_in_this_process_takes_the_place_of_every_origin() -> None:
    vendor = TwoOriginsEmulator()
    with Emulator.connect(vendor) as client:
        assert client.options.login_url == client.options.base_url
        assert client.create(title="T").title == "T"
