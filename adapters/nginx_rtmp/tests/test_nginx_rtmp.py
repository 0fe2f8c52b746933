"""The adapter and the emulator, and both beside the real server."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

import livestream_core as live
from livestream_core.emulator import Emulator, Fault
from livestream_core.testing import RealServer
from livestream_nginx_rtmp.emulator import NginxRtmpEmulator

from .real_nginx import RealNginx

RECORDED = json.loads((Path(__file__).parent / "nginx-rtmp-1.2.2.json").read_text())
BASE = "http://127.0.0.1"
#: The README's receiver: nginx adds the secret to what its RTMP module sends.
RECEIVER = """
location = /hooks {
    auth_basic off;
    proxy_set_header X-Livestream-Token the-webhook-secret;
    proxy_pass {hook};
}
"""


@pytest.fixture
def emulator() -> NginxRtmpEmulator:
    return NginxRtmpEmulator()


@pytest.fixture
def client(emulator: NginxRtmpEmulator) -> Iterator[live.Client]:
    with emulator.connect(retries=2) as client:
        yield client


@pytest.fixture(params=[NginxRtmpEmulator, RealNginx], ids=["emulator", "real"])
def server(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    server: Emulator = request.param()
    with server.running():
        yield server


# -- what the real server answered ----------------------------------------------------------


def paths(element: Element, path: str = "") -> set[str]:
    """Return the paths of all elements, without what depends on the encoder."""
    here = f"{path}/{element.tag}"
    return {here}.union(*(paths(each, here) for each in element if each.tag != "meta"))


def masked(text: str) -> str:
    return re.sub(r"\S*/rec/", "/rec/", re.sub(r"\d+", "0", text))


def test_every_recorded_exchange_is_the_same(server: Emulator) -> None:
    options = server.options()
    pair = f"{options['username']}:{options['password']}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    for number, exchange in enumerate(RECORDED["exchanges"]):
        if exchange["note"] == "publishing":
            server.connect_encoder("abc")
        method, target = exchange["request"].split(" ")
        timeout = live.Timeout(30, 30, 30)
        answer = server.transport().send(method, BASE, target, headers, None, timeout)
        assert answer.status == exchange["status"], exchange["note"]
        assert answer.headers.get("content-type") == exchange["content_type"], exchange["note"]
        if target != "/stat":
            assert masked(answer.text) == masked(exchange["body"]), exchange["note"]
            continue
        shown, recorded = (
            {each for each in paths(fromstring(body)) if "stream" in each or "/application" not in each}
            for body in (answer.body, exchange["body"])
        )  # fmt: skip
        assert shown >= recorded, number
        waiting = "waiting" in answer.text  # the emulator has a viewer from the start
        assert shown == recorded or waiting, number


@pytest.mark.parametrize(("name", "shown"), [("a<b>c", "a<b>c"), ("a:b~c@d,e;f=g+h", None)])
def test_a_stream_with_an_odd_name_is_stopped_by_that_name(
    server: Emulator, name: str, shown: str | None
) -> None:
    server.connect_encoder(name)
    with server.connect() as client:
        assert client.get(name).id == (shown or name)
        assert client.stop(name).status == "ended"
        with pytest.raises(live.NotFound):
            client.get(name)


def test_a_name_that_the_control_cannot_compare_is_refused_and_nothing_is_dropped(
    server: Emulator,
) -> None:
    server.connect_encoder("a&b")
    with server.connect() as client:
        for change in (client.stop, lambda id: client.update(id, record=True)):
            with pytest.raises(live.InvalidInput) as caught:
                change("a&b")
            assert (caught.value.field, caught.value.applied) == ("stream_id", False)
        assert client.get("a&b").status == "live"


def test_the_error_names_the_option_if_there_is_no_such_recorder(server: Emulator) -> None:
    server.connect_encoder("abc")
    with server.connect(**{**server.options(), "recorder": "nosuch"}) as client:
        with pytest.raises(live.ProviderUnavailable) as caught:
            client.update("abc", record=True)
        assert (caught.value.applied, caught.value.http_status) == (None, 500)
        assert "option recorder" in caught.value.message


def test_the_whole_way_on_the_real_server_without_a_relay() -> None:
    server = RealNginx(more=RECEIVER)
    with server.running():
        options = {**server.options(), "hls_url": f"{server.origin}/hls/{{name}}.m3u8"}
        with live.connect("nginx-rtmp", base_url=server.origin, **options) as client:
            assert list(client.list()) == []
            # An encoder's own arguments come last, and have the names of nginx's.
            encoder = server.play_ffmpeg(
                *server.picture, "-f", "flv",
                server.publish_url("abc?name=other&call=publish_done&app=other"),
            )  # fmt: skip
            server.wait_for(lambda: server.is_published("abc"), "it is live")
            stream = client.get("abc")
            assert (stream.status, stream.problems) == ("live", ())
            assert stream.ingest is not None
            assert stream.ingest.publish_url == live.Secret(server.publish_url("abc"))
            started = stream.started_at
            assert started is not None
            assert abs((live.ManualClock().now() - started).total_seconds()) < 120
            assert client.update("abc", record=True).record is True
            assert client.update("abc", record=True).record is True  # it was on already
            [path] = server.hidden_state()
            server.wait_for(lambda: Path(path).stat().st_size > 0, "something is recorded")
            assert client.update("abc", record=False).record is False
            assert server.hidden_state() == set()
            assert client.stop("abc").status == "ended"
            encoder.wait(60)
            with pytest.raises(live.NotFound):
                client.stop("abc")
            _check_deliveries(server, client)


def _check_deliveries(server: RealServer, client: live.Client) -> None:
    server.wait_for(lambda: len(server.deliveries) >= 3, "nginx has told of everything")
    secret = "the-webhook-secret"
    for headers, body in server.deliveries:
        with pytest.raises(live.WebhookRejected):
            client.parse_webhook({"X-Livestream-Token": "another"}, body, secret=secret)
        event = client.parse_webhook(headers, body, secret=secret)
        assert (event.kind, event.stream_id) == ("stream_changed", "abc")
        assert event.status == ("ended" if event.event_type == "publish_done" else None)
    calls = [re.findall(rb"&call=(\w+)", body)[0] for _, body in server.deliveries]
    assert sorted(calls) == [b"publish", b"publish_done", b"record_done"]


# -- statistics -----------------------------------------------------------------------------

_STREAM = "<stream><name>abc</name>{0}<publishing/></stream>"
_STAT = (
    "<rtmp>{0}<server><application><name>live</name><live>{1}</live></application></server></rtmp>"
)
DOCTYPE = '<!DOCTYPE rtmp [<!ENTITY a "abc">]>'


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (DOCTYPE + _STAT.format("", _STREAM.format("")), "a document type"),
        ('<!DOCTYPE rtmp SYSTEM "file:///etc/passwd"><rtmp/>', "a document type"),
        ("<rtmp><server></rtmp>", "is not XML"),
        ("", "is not XML"),
        ('<?xml version="1.0" encoding="no-such-encoding"?><rtmp/>', "is not XML"),
        ("<status/>", "does not contain the statistics"),
    ],
)
def test_statistics_that_nginx_never_sends_are_refused(
    emulator: NginxRtmpEmulator, client: live.Client, body: str, problem: str
) -> None:
    emulator.inject(Fault.status(200, body=body, content_type="text/xml"), times=9)
    for read in (lambda: client.get("abc"), lambda: list(client.list())):
        with pytest.raises(live.UnexpectedResponse, match=problem):
            read()


def test_an_unreadable_stream_hides_no_other(
    emulator: NginxRtmpEmulator, client: live.Client
) -> None:
    nameless = "<stream><publishing/></stream>"
    deep = "<x>" * 5000 + "</x>" * 5000
    body = _STAT.format("", nameless + _STREAM.format(f"<time>later</time>{deep}"))
    emulator.inject(Fault.status(200, body=body, content_type="text/xml"))
    streams = client.list(on_unreadable="collect")
    [stream] = streams
    # Without the flag, nothing has been sent yet.
    assert (stream.id, stream.status, stream.started_at) == ("abc", "unknown", None)
    assert stream.problems == ("started_at: time is not a number",)
    assert len(streams.unreadable) == 1


def test_an_application_that_does_not_exist_is_a_mistake_in_the_options(
    emulator: NginxRtmpEmulator,
) -> None:
    for wrong in ({"application": "nosuch"}, {"server": 1}):
        with emulator.connect(**{**emulator.options(), **wrong}) as client:
            with pytest.raises(live.ConfigurationError, match="no application"):
                list(client.list())
    emulator.connect_encoder("abc")
    with emulator.connect(**{**emulator.options(), "stat_path": "/nosuch"}) as client:
        with pytest.raises(live.ConfigurationError) as caught:
            client.get("abc")
        assert "stat_path" in str(caught.value.hint)


# -- control --------------------------------------------------------------------------------


def test_a_get_that_changes_something_is_never_repeated(
    emulator: NginxRtmpEmulator, client: live.Client
) -> None:
    emulator.connect_encoder("abc")
    for fault in (Fault.drop_before(), Fault.drop_after(), Fault.status(503)):
        emulator.inject(fault, on="GET /control/record/start")
        before = len(emulator.requests)
        with pytest.raises(live.LiveStreamError) as caught:
            client.update("abc", record=True)
        sent = [each.path for each in emulator.requests[before:]]
        assert sent == ["/stat", "/control/record/start"]
        assert (caught.value.applied, caught.value.retryable) == (None, False)


def test_an_encoder_that_left_in_the_meantime_is_not_found(
    emulator: NginxRtmpEmulator, client: live.Client
) -> None:
    emulator.connect_encoder("abc")
    emulator.inject(Fault.status(200, body="0"), on="GET /control/*")
    with pytest.raises(live.NotFound):
        client.stop("abc")
    emulator.inject(Fault.status(200, body="dropped"), on="GET /control/*")
    with pytest.raises(live.UnexpectedResponse):
        client.stop("abc")


# -- options and webhooks -------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"stat_path": "stat"},
        {"control_path": "/control?x"},
        {"application": "a b"},
        {"recorder": "a&b"},
        {"server": -1},
        {"hls_url": "https://media.example.com/hls"},
        {"password": None},
        {"rtmp_url": "http://media.example.com/live"},
    ],
)
def test_an_option_that_cannot_be_right_is_refused(
    emulator: NginxRtmpEmulator, wrong: dict[str, Any]
) -> None:
    with pytest.raises(live.ConfigurationError):
        emulator.connect(**{**emulator.options(), **wrong})


def test_addresses_follow_from_the_options() -> None:
    options = {
        "base_url": "https://media.example.com:8443",
        "hls_url": "https://cdn.example/{name}/i.m3u8",
    }
    payload = {"name": "a b", "publishing": "", "active": ""}
    with live.connect("nginx-rtmp", **options) as client:
        stream = client.parse_stream(payload)
    assert stream.ingest is not None
    assert stream.ingest.url == "rtmp://media.example.com/live"
    assert stream.hls_url == "https://cdn.example/a%20b/i.m3u8"
    assert client.account == "nginx-rtmp:media.example.com:8443:live"
    # Everyone who knows the stream knows its name.
    assert stream.stream_keys() == frozenset()
    assert "'a b'" in repr(stream)


def test_a_rejected_form_is_not_said_to_be_the_wrong_format(client: live.Client) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Livestream-Token": "no"}
    with pytest.raises(live.WebhookRejected) as caught:
        client.parse_webhook(headers, b"app=live&call=publish&name=abc", secret="yes")
    assert "form" not in str(caught.value.hint)
