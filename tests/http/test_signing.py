"""A signature covers a request exactly as the vendor receives it, on every transport."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock
from livestream_core.emulator import Request, Response, json_response
from livestream_core.testing.blocking import connect_blocking
from livestream_core.testing.captures import FrozenClock, capture, dumps
from scripted import LOST, ScriptedTransport, respond

KEY = b"k"
GOOD = respond(200, {"id": "1", "title": "T", "status": "on"})
SIGNED = ("content-type", "accept", "user-agent", "authorization")


def signature(
    method: str, host: str, path: str, query: str, body: bytes, headers: Any, at: str
) -> str:
    parts = [method, host, path, query, at, *(headers.get(name, "") for name in SIGNED)]
    data = "\n".join(parts).encode() + b"\n" + body
    return hmac.new(KEY, data, hashlib.sha256).hexdigest()


class SignedAdapter(AcmeAdapter):
    name = "signed"

    def sign(
        self, wire: live.WireRequest, session: live.Session | None, now: datetime
    ) -> dict[str, str]:
        at = now.isoformat()
        value = signature(
            wire.method, wire.host, wire.path, wire.query, wire.body, wire.headers, at
        )
        return {"X-At": at, "X-Signature": f"HMAC key=demo, signature={value}"}

    def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
        response = yield self.request(
            "GET", "/streams/{id}", id=stream_id, params={"a": ["1", "é &+/%", "1"], "z": "~*'()"}
        )
        return self.parse_stream(response.json())


class SignedEmulator(AcmeEmulator):
    """Refuses a request whose signature is not that of what arrived."""

    provider = "signed"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)  # it is read again
        path, _, query = str(
            request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
        ).partition("?")
        expected = signature(
            request.method, request.environ["HTTP_HOST"], path, query, body,
            request.headers, request.headers.get("X-At", ""),
        )  # fmt: skip
        given = request.headers.get("X-Signature", "").rpartition("=")[2]
        if given != expected:
            response: Response = json_response({"error": {"message": f"not {given}"}}, 401)
            return response(environ, start_response)
        return super().__call__(environ, start_response)


@pytest.fixture(autouse=True)
def _provider() -> Iterator[None]:
    class Plugin:
        @live.hookimpl
        def livestream_adapters(self) -> list[live.AdapterInfo]:
            return [live.AdapterInfo(name="signed", factory=SignedAdapter, emulator=SignedEmulator)]

    plugin = Plugin()
    live.register(plugin)
    yield
    live.unregister(plugin)


def own_session() -> Any:
    return live.RequestsTransport(requests.Session())


WAYS: dict[str, Callable[..., Any]] = {
    "urllib3": live.connect,
    "requests": lambda *a, **k: live.connect(*a, **k, transport=own_session()),
    "aiohttp": connect_blocking,
}
#: Characters that HTTP libraries may encode, decode, or normalize.
IDS = ["plain", "a b", "ü", "a%2Fb", "a/b", "~!*'()", "a+b&c=d;e", "..%2f", "[x]{y}|^`\\", "@:$,"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_requests_are_signed_as_they_arrive(way: str, host: str) -> None:
    vendor = SignedEmulator()
    try:
        serving = vendor.serve(host)
        url = serving.__enter__()
    except OSError:
        pytest.skip(f"this machine has no {host}")
    try:
        with WAYS[way]("signed", base_url=url, environ={}, **vendor.options()) as client:
            stream = client.create(title="Ü \N{SNOWMAN}")
            assert client.get(stream.id).title == stream.title
            client.update(stream.id, title="b")
            assert len(list(client.list())) == 1
            for stream_id in IDS:
                with pytest.raises(live.NotFound):
                    client.get(stream_id)
            client.delete(stream.id)
    finally:
        serving.__exit__(None, None, None)


def test_requests_to_an_emulator_in_this_process_are_signed_as_they_arrive() -> None:
    vendor = SignedEmulator()
    with vendor.connect() as client:
        stream = client.create(title="Ü")
        assert client.get(stream.id).title == "Ü"
        for stream_id in IDS:
            with pytest.raises(live.NotFound):
                client.get(stream_id)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://API.acme.example:443", "api.acme.example"),
        ("https://api.acme.example:8443", "api.acme.example:8443"),
        ("https://[2001:DB8::1]:8443", "[2001:db8::1]:8443"),
        ("https://bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_the_host_is_signed_as_it_is_sent(origin: str, host: str) -> None:
    transport = ScriptedTransport(lambda *_: GOOD)
    with live.connect("signed", base_url=origin, transport=transport, token="t0ken-t0") as client:
        client.start("1")
    sent = transport.sent[0]
    assert sent.headers["Host"] == host
    expected = signature(
        sent.method, host, sent.target, "", sent.body or b"",
        live.Headers(sent.headers), sent.headers["X-At"],
    )  # fmt: skip
    assert sent.headers["X-Signature"].endswith(expected)


@pytest.mark.parametrize("make", [live.connect, connect_blocking])
def test_each_attempt_is_signed_anew_with_its_own_time(make: Any) -> None:
    answers = iter([respond(503, {}), LOST, GOOD])
    transport = ScriptedTransport(lambda *_: next(answers))
    clock = FakeClock()
    with make("signed", transport=transport, clock=clock, token="t0ken-t0ken") as client:
        client.get("1")
    times = [sent.headers["X-At"] for sent in transport.sent]
    assert len(set(times)) == len(times) == 3
    assert times == sorted(times)


class Echo:
    """A vendor that shows the signature of the request, or of the one before, in its error."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.seen: list[str] = []

    def send(self, method: str, origin: str, target: str, headers: Any, *_: Any) -> live.Response:
        whole = headers["X-Signature"]
        self.seen.append(whole.rpartition("=")[2])
        message = self.message.format(whole=whole, value=self.seen[-1], first=self.seen[0])
        status = 503 if len(self.seen) == 1 else 403
        return respond(status, {"error": {"message": message}})


@pytest.mark.parametrize("make", [live.connect, connect_blocking])
@pytest.mark.parametrize(
    "message", ["{whole} is wrong", "not {value}", "{value}", "we had {first}; why again?"]
)
def test_a_signature_that_the_vendor_shows_in_an_error_is_masked(make: Any, message: str) -> None:
    vendor = Echo(message)
    with make("signed", transport=vendor, clock=FakeClock(), token="t0ken-t0ken") as client:
        with pytest.raises(live.PermissionDenied) as caught:
            client.get("1")
        shown = "".join(traceback.format_exception(caught.value)) + json.dumps(
            caught.value.to_dict()
        )
    shown += repr(caught.value) + str(caught.value.body)
    assert len(set(vendor.seen)) == 2
    assert not [each for each in vendor.seen if each in shown]


def test_a_capture_holds_no_signature() -> None:
    vendor = SignedEmulator()

    class Showing:
        def send(self, *sent: Any) -> live.Response:
            response = vendor.transport().send(*sent)
            if response.is_json and isinstance(response.json(), dict):
                payload = {**response.json(), "note": sent[3]["X-Signature"].rpartition("=")[2]}
                seen.append(payload["note"])
                return respond(response.status, payload)
            return response

    seen: list[str] = []
    options = vendor.options()

    def connect(transport: Any, clock: FrozenClock) -> Any:
        return live.connect("signed", transport=transport, clock=clock, environ={}, **options)

    text = dumps(capture(connect, Showing()))
    assert seen
    assert not [each for each in seen if each in text]


@pytest.mark.parametrize("make", [live.connect, connect_blocking])
@pytest.mark.parametrize(
    "result",
    [KeyError("the-s3cret"), None, 5, {"X": 5}, {"X": "ü"}, {"X": "a\r\nY: b"}, {5: "x"}],
    ids=repr,
)
def test_a_sign_that_fails_is_a_failure_of_the_adapter_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, make: Any, result: Any
) -> None:
    def sign(self: Any, wire: Any, session: Any, now: Any) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(SignedAdapter, "sign", sign)
    transport = ScriptedTransport(lambda *_: GOOD)
    with make("signed", transport=transport, token="t0ken-t0ken") as client:
        with pytest.raises(live.LiveStreamError, match="the adapter failed") as caught:
            client.create(title="T")
    assert caught.value.applied is False
    assert transport.sent == []
    assert "the-s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_signed_header_replaces_one_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignedAdapter, "sign", lambda *_: {"authorization": "Signed abcdefgh"})
    transport = ScriptedTransport(lambda *_: GOOD)
    with live.connect("signed", transport=transport, token="t0ken-t0ken") as client:
        client.start("1")
    names = [name.lower() for name in transport.sent[0].headers]
    assert names.count("authorization") == 1
    assert transport.sent[0].headers["authorization"] == "Signed abcdefgh"


def test_nothing_is_added_to_requests_of_an_adapter_that_does_not_sign() -> None:
    transport = ScriptedTransport(lambda *_: GOOD)
    with live.connect("acme", transport=transport, token="t0ken-t0ken") as client:
        client.start("1")
    assert "Host" not in transport.sent[0].headers


def test_the_repr_of_a_wire_request_shows_no_secret() -> None:
    wire = live.WireRequest(
        method="GET", host="h", path="/k3y", query="k3y", body=b"k3y", headers={"A": "k3y"}
    )
    assert "k3y" not in repr(wire)
