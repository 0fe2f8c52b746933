"""Every door passes a delivery on exactly as it arrived, and refuses what is not one."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from doors import DOORS, Door, Reply, Sent, over_asgi, over_wsgi
from livestream_core.contrib import asgi
from livestream_core.emulator import load_emulator
from tests.contrib.conftest import ACCOUNT, Platform

URL = f"/webhooks/{ACCOUNT}/"
LIMIT = 10_000


@attrs.define
class Served:
    """A platform behind a door."""

    door: Door
    platform: Platform
    application: Any = None

    def open(self, **settings: Any) -> None:
        receiver = self.platform.receiver(max_body=LIMIT)
        self.application = self.door.application(receiver, **settings)

    def post(
        self,
        headers: Mapping[str, str],
        *pieces: bytes,
        path: str = URL,
        is_chunked: bool = False,
        length: int | str | None = None,
        method: str = "POST",
        is_cut: bool = False,
    ) -> Reply:
        size = sum(map(len, pieces)) if length is None else length
        sent = Sent(path, pieces, headers, None if is_chunked else size, method, is_cut)
        return self.door.call(self.application, sent)


def with_doors(*doors: Door) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("served", doors, ids=lambda door: door.name, indirect=True)


#: Behind a WSGI server, Django passes on no body without a length.
takes_chunks = with_doors(*[door for door in DOORS if door.takes_chunks])


@pytest.fixture(params=DOORS, ids=lambda door: door.name)
def served(request: pytest.FixtureRequest) -> Served:
    door: Door = request.param
    pytest.importorskip(door.needs)
    found = Served(door, Platform(load_emulator("memory")(), door.is_async))
    found.open()
    return found


def test_a_delivery_is_in_the_store_when_it_is_answered(served: Served) -> None:
    headers, body = served.platform.delivery()
    reply = served.post(headers, body)
    assert (reply.status, reply.text) == (200, "received\n")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert served.platform.stored() == [json.loads(body)["data"]["id"]]


def test_a_forged_delivery_and_an_unknown_account_are_refused(served: Served) -> None:
    headers, body = served.platform.delivery(secret="of-a-forger")
    assert served.post(headers, body).status == 401
    headers, body = served.platform.delivery()
    for path in ("/webhooks/south-school/", "/webhooks/north%2Fschool/", "/webhooks/%C3%A9/"):
        assert served.post(headers, body, path=path).status == 404
    assert served.platform.stored() == []


def test_an_account_that_no_database_can_look_up_is_unknown(served: Served) -> None:
    def client_for(account: str) -> Any:
        raise ValueError("strings cannot contain NUL")

    served.platform.client_for = client_for
    served.open()
    headers, body = served.platform.delivery()
    assert served.post(headers, body, path="/webhooks/%00/").status == 404


def test_a_path_without_an_account_is_not_found(served: Served) -> None:
    headers, body = served.platform.delivery()
    assert served.post(headers, body, path="/webhooks/").status == 404


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("", "/north-school/"),
        ("/webhooks", "/webhooks/north-school"),
        ("/webhooks", "/north-school/"),
        ("/north", "/north-school/"),
    ],
)
def test_the_account_is_what_the_path_has_below_the_application(root: str, path: str) -> None:
    platform = Platform(load_emulator("memory")(), is_async=True)
    served = asgi.application(platform.receiver())

    async def mounted(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await served({**scope, "root_path": root}, receive, send)

    headers, body = platform.delivery()
    assert over_asgi(mounted, Sent(path, [body], headers, len(body), "POST")).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_only_post_is_allowed(served: Served, method: str) -> None:
    headers, body = served.platform.delivery()
    reply = served.post(headers, body, method=method)
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    assert served.platform.stored() == []


def test_the_answer_to_head_has_the_headers_of_that_to_get_and_no_body(served: Served) -> None:
    get, head = (served.post({}, b"", method=method) for method in ("GET", "HEAD"))
    assert get.text
    assert head.text == ""
    assert head.headers["content-length"] == str(len(get.text)) == get.headers["content-length"]


def test_a_body_that_arrives_in_pieces_is_whole(served: Served) -> None:
    headers, body = served.platform.delivery()
    assert served.post(headers, body[:7], body[7:50], body[50:]).status == 200
    assert len(served.platform.stored()) == 1


@takes_chunks
def test_a_body_in_chunks_has_no_length(served: Served) -> None:
    headers, body = served.platform.delivery()
    assert served.post(headers, body[:7], body[7:], is_chunked=True).status == 200
    assert len(served.platform.stored()) == 1


def test_a_body_that_says_that_it_is_too_long_is_not_read(served: Served) -> None:
    pieces = [b"x" * LIMIT, b"x"]
    reply = served.post({}, *pieces)
    assert (reply.status, reply.text) == (413, "the body is too long\n")
    assert served.door.reads_first or reply.read == 0
    exactly = served.post({}, b"x" * LIMIT)
    assert exactly.status == 401


@takes_chunks
def test_a_body_in_chunks_is_read_no_further_than_the_limit(served: Served) -> None:
    reply = served.post({}, *[b"x" * 1000] * 100, is_chunked=True)
    assert reply.status == 413
    assert served.door.reads_first or reply.read <= LIMIT + 1000
    assert served.post({}, *[b"x" * 1000] * 10, is_chunked=True).status == 401


def test_flask_passes_on_a_body_that_the_application_has_read() -> None:
    flask = pytest.importorskip("flask")
    [door] = [each for each in DOORS if each.name == "Flask"]
    served = Served(door, Platform(load_emulator("memory")()))
    served.open()
    served.application.before_request(lambda: flask.request.get_data() and None)
    headers, body = served.platform.delivery()
    assert served.post(headers, body).status == 200
    assert served.post(headers, body, is_chunked=True).status == 200
    assert served.post(headers, bytes(LIMIT + 1), is_chunked=True).status == 413
    assert served.post(headers, body, length=len(body) + 1).status == 400


def test_a_body_that_was_cut_off_is_refused(served: Served) -> None:
    headers, body = served.platform.delivery()
    reply = served.post(headers, body, length=len(body) + 1)
    # Django on ASGI notices it itself, and answers nothing.
    assert reply.status in (400, 0)
    assert reply.text in ("the body was cut off\n", "")
    assert served.platform.stored() == []


class Lost:
    """A body whose sender is gone."""

    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError("connection reset by peer")

    readline = read


@with_doors(*[door for door in DOORS if door.call is over_wsgi])
def test_a_body_whose_connection_is_lost_is_refused_and_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    application = served.application

    def without_a_sender(environ: dict[str, Any], start_response: Any) -> Any:
        return application({**environ, "wsgi.input": Lost()}, start_response)

    served.application = without_a_sender
    headers, body = served.platform.delivery()
    reply = served.post(headers, body)
    assert (reply.status, reply.text) == (400, "the body was cut off\n")
    logged = [each.getMessage() for each in caplog.records if each.name == "livestream_core"]
    assert logged == [f"{ACCOUNT!r}: a webhook delivery was refused: its body was cut off"]
    assert served.platform.stored() == []


@pytest.mark.parametrize("length", ["9" * 5000, "abc", "-1"])
def test_a_length_that_is_not_one_is_too_long(served: Served, length: str) -> None:
    assert served.post({}, b"x", length=length).status == 413
    assert served.platform.stored() == []


@with_doors(*[door for door in DOORS if door.call is over_asgi])
def test_a_body_in_chunks_whose_sender_disconnects_is_refused(served: Served) -> None:
    headers, body = served.platform.delivery()
    served.post(headers, body, is_chunked=True, is_cut=True)
    assert served.platform.stored() == []


@with_doors(DOORS[0])
def test_a_body_of_which_no_one_says_where_it_ends_is_not_read(served: Served) -> None:
    application = served.application

    def without_an_end(environ: dict[str, Any], start_response: Any) -> Any:
        del environ["wsgi.input_terminated"]
        return application(environ, start_response)

    served.application = without_an_end
    headers, body = served.platform.delivery()
    reply = served.post(headers, body, is_chunked=True)
    assert (reply.status, reply.read) == (401, 0)
    assert served.platform.stored() == []


class Down:
    """A store that is down."""

    def add(self, stream: str, key: str, delivery: str) -> None:
        raise OSError("the database is down")


def test_what_was_not_stored_is_answered_with_503(served: Served) -> None:
    working, served.platform.store = served.platform.store, Down()
    served.open()
    headers, body = served.platform.delivery()
    reply = served.post(headers, body)
    assert (reply.status, reply.text) == (503, "the delivery was not stored; send it again later\n")
    served.platform.store = working
    served.open()
    assert served.post(headers, body).status == 200
    assert len(served.platform.stored()) == 1


def account_of(request: Any) -> str:
    """Return what a header says, whatever kind of request it is."""
    if not isinstance(request, dict):
        found: str = request.headers["X-Tenant"]
        return found
    if "HTTP_X_TENANT" in request:
        return str(request["HTTP_X_TENANT"])
    return str({name: value.decode() for name, value in request["headers"]}[b"x-tenant"])


def test_the_account_may_be_in_another_place_than_the_path(served: Served) -> None:
    served.open(account_of=account_of)
    headers, body = served.platform.delivery()
    path = "/webhooks/any/"
    assert served.post({**headers, "X-Tenant": ACCOUNT}, body, path=path).status == 200
    assert len(served.platform.stored()) == 1
    assert served.post({**headers, "X-Tenant": "other"}, body, path=path).status == 404
    assert served.post(headers, body, path=path).status == 404


def test_an_account_of_another_type_counts_as_its_text(served: Served) -> None:
    served.platform.client_for = {"0": served.platform.client()}.__getitem__
    served.open(account_of=lambda request: 0)
    headers, body = served.platform.delivery()
    assert served.post(headers, body).status == 200
    served.open(account_of=lambda request: None)
    assert served.post(headers, body).status == 404
    assert accounts_in(served.platform.store) == ["0"]


#: How to have a framework make a number of the account in the path.
CONVERTED = {
    "django": {"pattern": "<int:account>/"},
    "flask": {"rule": "/<int:account>/"},
    "fastapi": {"path": "/{account:int}/"},
}


@with_doors(*[door for door in DOORS if door.needs in CONVERTED])
def test_a_path_may_convert_the_account(served: Served) -> None:
    served.platform.client_for = {"5": served.platform.client()}.__getitem__
    served.open(**CONVERTED[served.door.needs])
    headers, body = served.platform.delivery()
    assert served.post(headers, body, path="/webhooks/5/").status == 200
    assert served.post(headers, body, path="/webhooks/6/").status == 404
    assert accounts_in(served.platform.store) == ["5"]


def accounts_in(store: Any) -> list[str]:
    """Return the accounts of the streams in a store."""
    found = []
    while (claim := store.claim("test", 60)) is not None:
        found.append(json.loads(claim.stream)[0])
    return found


@pytest.mark.parametrize("pieces", [[b"", b""], [b"\xff\xfe\x00"], [b"{"]])
def test_no_body_is_looked_at_before_it_is_verified(
    served: Served, pieces: Sequence[bytes]
) -> None:
    assert served.post({"Content-Type": "application/json"}, *pieces).status == 401


def test_a_form_is_received_as_it_was_sent(served: Served) -> None:
    vendor: Any = load_emulator("nginx-rtmp")()
    served.platform.vendor = vendor
    served.open()
    vendor.encoder_connects("lesson")
    headers, body = vendor.webhook("lesson", secret=served.platform.secret)
    kind = {name.lower(): value for name, value in headers.items()}["content-type"]
    assert kind == "application/x-www-form-urlencoded"
    assert served.post(headers, body).status == 200
    assert len(served.platform.stored()) == 1


@pytest.mark.parametrize("module", sorted({door.needs for door in DOORS} - {"livestream_core"}))
def test_a_door_says_which_extra_it_needs(module: str) -> None:
    pytest.importorskip(module)
    door = importlib.import_module(f"livestream_core.contrib.{module}")
    assert f"``{module}`` extra" in str(door.__doc__)
