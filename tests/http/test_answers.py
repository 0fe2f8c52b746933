"""Each response belongs to its own request, whatever a server sends and when it sends it.

Every transport over sockets must pass these tests: add a new one to ``TRANSPORTS``.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests
import trustme
import uvloop
from requests.adapters import HTTPAdapter

import livestream_core as live
from event_loops import over_aiohttp
from servers import (
    PAUSE,
    RawServer,
    raw_server,
    resolve_to,
    send_pieces,
    unreachable_address,
    until_received,
)

pytestmark = pytest.mark.slow

TENANTS = ("t0ken-of-a-tenant", "t0ken-of-another")


class WithASocketOption(HTTPAdapter):
    """An adapter as users mount it."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        super().init_poolmanager(*args, **kwargs, socket_options=options)


@contextmanager
def of_its_own(_bundle: Path) -> Iterator[live.Transport]:
    transport = live.RequestsTransport()
    try:
        yield transport
    finally:
        transport.close()


@contextmanager
def of_a_session(bundle: Path, adapter: HTTPAdapter | None = None) -> Iterator[live.Transport]:
    with requests.Session() as session:
        session.verify = str(bundle)
        if adapter is not None:
            session.mount("http://", adapter)
            session.mount("https://", adapter)
        yield live.RequestsTransport(session)


#: Each takes the file of trusted certificates, which ``REQUESTS_CA_BUNDLE`` also names.
TRANSPORTS: dict[str, Callable[[Path], AbstractContextManager[live.Transport]]] = {
    "own pool": of_its_own,
    "own session": of_a_session,
    "aiohttp": lambda _: over_aiohttp(),
    "aiohttp on uvloop": lambda _: over_aiohttp(uvloop.new_event_loop),
    "adapter of a session": lambda bundle: of_a_session(bundle, WithASocketOption()),
}


#: The transports that accept blank lines between responses, and refuse ambiguous framing.
OF_ITS_OWN_READING = {"aiohttp", "aiohttp on uvloop"}


@pytest.fixture
def reads_by_its_own_rules(request: pytest.FixtureRequest, transport: live.Transport) -> bool:
    node: Any = request.node
    return node.callspec.params["transport"] in OF_ITS_OWN_READING


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["plain", "TLS"])
def tls(request: pytest.FixtureRequest, authority: trustme.CA) -> ssl.SSLContext | None:
    if request.param == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(params=TRANSPORTS)
def transport(
    request: pytest.FixtureRequest,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[live.Transport]:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with TRANSPORTS[request.param](bundle) as made:
        yield made


def by_length(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def in_chunks(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    half = len(body) // 2
    parts = (body[:half], body[half:], b"")
    return head + b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)


def stream(request: bytes, padding: int = 0) -> bytes:
    """Return the requested stream; its title identifies the request."""
    head, _, body = request.partition(b"\r\n\r\n")
    token = re.search(rb"Authorization: Acme (\S+)", head)
    path = request.split()[1].decode().removeprefix("/streams").lstrip("/")
    assert token is not None
    return json.dumps(
        {
            "id": path or f"made of {json.loads(body)['title']}",
            "title": token[1].decode(),
            "status": "on",
            "padding": "x" * padding,
        }
    ).encode()


def connect(server: RawServer, transport: live.Transport, **settings: Any) -> list[live.Client]:
    settings = {"retries": 0, "environ": {}, "timeout": (5, 5), **settings}
    return [
        live.connect(
            "acme",
            base_url=server.origin,
            transport=transport,
            token=token,
            account_name=token,
            **settings,
        )
        for token in TENANTS
    ]


NOBODYS = by_length(b'{"id": "nobodys", "title": "nobodys", "status": "on"}')
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"

INTERIM: dict[str, Callable[[bytes], list[bytes | None]]] = {
    "in one piece": lambda answer: [EARLY + answer],
    "a moment before": lambda answer: [EARLY, PAUSE, answer],
    "many in one piece": lambda answer: [CONTINUE + EARLY + CONTINUE + PROCESSING + answer],
    "many a moment before": lambda answer: [CONTINUE, PAUSE, EARLY, PAUSE, CONTINUE, PAUSE, answer],
    "cut into pieces": lambda answer: [EARLY[:20], PAUSE, EARLY[20:] + answer[:9], PAUSE, answer[9:]],
}  # fmt: skip

TOO_MUCH: dict[str, Callable[[bytes], list[bytes | None]]] = {
    "another answer": lambda answer: [answer + NOBODYS],
    "half of another answer": lambda answer: [answer + NOBODYS[:30]],
    "a byte": lambda answer: [answer + b"x"],
    "a blank line": lambda answer: [answer + b"\n"],
    "a blank line, apart": lambda answer: [answer, PAUSE, b"\n"],
    "another answer, apart": lambda answer: [answer, NOBODYS],
    "another answer after an interim one": lambda answer: [EARLY + answer + NOBODYS],
    "five other answers": lambda answer: [answer + NOBODYS * 5],
}


@pytest.mark.parametrize("framed", [by_length, in_chunks])
@pytest.mark.parametrize("pieces", INTERIM.values(), ids=INTERIM)
def test_interim_answers_are_skipped(
    transport: live.Transport, tls: ssl.SSLContext | None, framed: Any, pieces: Any
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        send_pieces(connection, pieces(framed(stream(request))))

    with raw_server(handler, tls) as server:
        each_is_answered_with_its_own(server, transport)
    assert server.connections == 1


@pytest.mark.parametrize("framed", [by_length, in_chunks])
@pytest.mark.parametrize("padding", [0, 20_000])
@pytest.mark.parametrize("pieces", TOO_MUCH.values(), ids=TOO_MUCH)
def test_data_after_a_response_is_discarded(
    transport: live.Transport,
    tls: ssl.SSLContext | None,
    framed: Any,
    padding: int,
    pieces: Any,
    reads_by_its_own_rules: bool,
) -> None:
    sent = threading.Event()

    def handler(connection: socket.socket, request: bytes) -> None:
        try:
            send_pieces(connection, pieces(framed(stream(request, padding))))
            until_received(connection)
        finally:
            sent.set()

    with raw_server(handler, tls) as server:
        each_is_answered_with_its_own(server, transport, between=lambda: wait_for(sent))
    if pieces is TOO_MUCH["a blank line"] and reads_by_its_own_rules:
        assert server.connections <= len(server.requests)
    else:
        assert server.connections == len(server.requests)


def test_what_comes_after_an_answer_on_a_kept_connection_does_not_take_it_away(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        after = b"x" if len(server.requests) % 3 == 0 else b""
        connection.sendall(by_length(stream(request)) + after)
        until_received(connection)

    with raw_server(handler, tls) as server:
        one, _ = connect(server, transport)
        for number in range(1, 10):
            assert one.get(str(number)).id == str(number)
    assert server.connections == 3


def wait_for(sent: threading.Event) -> None:
    assert sent.wait(10)
    sent.clear()


def each_is_answered_with_its_own(
    server: RawServer, transport: live.Transport, between: Callable[[], object] = lambda: None
) -> None:
    one, other = connect(server, transport)
    for client, token in ((one, TENANTS[0]), (other, TENANTS[1])):
        for call, expected in (
            (lambda: client.get("1"), "1"),  # noqa: B023
            (lambda: client.create(title="T"), "made of T"),  # noqa: B023
            (lambda: client.get("2"), "2"),  # noqa: B023
        ):
            found = call()
            between()
            assert (found.id, found.title) == (expected, token)
    for client in (one, other):
        client.close()


def test_a_late_answer_that_asks_to_try_again_does_not_double_a_create(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET"):
            send_pieces(connection, [EARLY, PAUSE, by_length(b"{}", "429 Slow down")])
        else:
            connection.sendall(by_length(stream(request)))

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        with pytest.raises(live.RateLimited):
            one.get("1")
        assert other.create(title="T").title == TENANTS[1]
    assert [request[:4] for request in server.requests] == [b"GET ", b"POST"]


@pytest.mark.parametrize("between", [0.01, 0])
def test_interim_answers_without_end_are_bounded_by_the_time_limit(
    transport: live.Transport, tls: ssl.SSLContext | None, between: float
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        if b"T0" in request:
            # A flood takes a whole processor, and only what arrives at the time limit matters.
            floods_at = time.monotonic() + 2
            while True:
                connection.sendall(PROCESSING)
                threading.Event().wait(between if time.monotonic() >= floods_at else 0.01)
        connection.sendall(by_length(stream(request)))

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        began = time.monotonic()
        with pytest.raises(live.RequestTimeout) as caught:
            one.create(title="T0", deadline=2.5)
        assert time.monotonic() - began < 30
        assert caught.value.applied is None
        assert other.create(title="T").title == TENANTS[1]


@pytest.mark.parametrize("after", [b"", NOBODYS], ids=["alone", "with an answer"])
def test_an_unrequested_switch_of_protocols_is_refused(
    transport: live.Transport, tls: ssl.SSLContext | None, after: bytes
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        if b"T0" in request:
            switch = b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
            connection.sendall(switch + after)
        else:
            connection.sendall(by_length(stream(request)))

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        with pytest.raises(live.UnexpectedResponse) as caught:
            one.create(title="T0")
        assert (caught.value.http_status, caught.value.applied) == (101, None)
        assert other.create(title="T").title == TENANTS[1]
    assert server.connections == 2


@pytest.mark.parametrize(
    "wire",
    [
        by_length(b'{"id": "nobodys"}', "204 No Content"),
        in_chunks(b'{"id": "nobodys"}', "204 No Content"),
        b"HTTP/1.1 204 No Content\r\n\r\n" + NOBODYS,
    ],
    ids=["with a length", "in chunks", "without a length"],
)
def test_a_body_where_none_can_be_is_not_the_next_answer(
    transport: live.Transport, tls: ssl.SSLContext | None, wire: bytes
) -> None:
    sent = threading.Event()

    def handler(connection: socket.socket, request: bytes) -> None:
        deletes = request.startswith(b"DELETE")
        connection.sendall(wire if deletes else by_length(stream(request)))
        until_received(connection)
        sent.set()

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        one.delete("1")
        wait_for(sent)
        assert other.get("2").title == TENANTS[1]
    assert server.connections == 2


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked\r\n", b"Content-Length: 17\r\n"])
def test_a_204_ends_with_its_head_whatever_it_announces(
    transport: live.Transport, tls: ssl.SSLContext | None, framing: bytes
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        deletes = request.startswith(b"DELETE")
        head = b"HTTP/1.1 204 No Content\r\n" + framing + b"\r\n"
        connection.sendall(head if deletes else by_length(stream(request)))

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        one.delete("1")
        assert other.get("2").title == TENANTS[1]


def test_an_answer_that_is_framed_in_two_ways_is_the_last_on_its_connection(
    transport: live.Transport, tls: ssl.SSLContext | None, reads_by_its_own_rules: bool
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        answer = in_chunks(stream(request))
        connection.sendall(answer.replace(b"\r\n", b"\r\nContent-Length: 5\r\n", 1))

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        if reads_by_its_own_rules:
            with pytest.raises(live.ConnectionFailed) as caught:
                one.create(title="T")
            assert caught.value.applied is None
        else:
            assert one.create(title="T").title == TENANTS[0]
        with suppress(live.ConnectionFailed):
            assert other.get("2").title == TENANTS[1]
    assert server.connections == 2


def test_two_lengths_that_disagree_leave_the_outcome_open(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        answer = by_length(stream(request))
        connection.sendall(answer.replace(b"\r\n", b"\r\nContent-Length: 5\r\n", 1))

    with raw_server(handler, tls) as server:
        one, _ = connect(server, transport)
        with pytest.raises(live.ConnectionFailed) as caught:
            one.create(title="T")
    assert caught.value.applied is None


@pytest.mark.parametrize("ending", ["closed", "stalled"])
@pytest.mark.parametrize("framed", [by_length, in_chunks])
def test_after_half_an_answer_the_connection_is_not_used_again(
    transport: live.Transport, tls: ssl.SSLContext | None, framed: Any, ending: str
) -> None:
    over = threading.Event()

    def handler(connection: socket.socket, request: bytes) -> None:
        answer = framed(stream(request))
        if b"T0" not in request:
            connection.sendall(answer)
            return
        connection.sendall(answer[:-9])
        if ending == "closed":
            raise ConnectionError
        over.wait(20)
        connection.sendall(answer[-9:])

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport, timeout=(5, 0.5))
        with pytest.raises((live.UnexpectedResponse, live.RequestTimeout)) as caught:
            one.create(title="T0")
        assert caught.value.applied is None
        assert other.create(title="T").title == TENANTS[1]
        over.set()
        assert other.get("2").title == TENANTS[1]
    assert server.connections == 2


def test_data_that_arrived_on_an_idle_connection_is_discarded(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    idle, sent = threading.Event(), threading.Event()

    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(by_length(stream(request)))
        if b"GET /streams/1" in request:
            idle.wait(10)
            connection.sendall(NOBODYS)
            until_received(connection)
            sent.set()

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        assert one.get("1").title == TENANTS[0]
        idle.set()
        assert sent.wait(10)
        assert other.create(title="T").title == TENANTS[1]
        assert other.get("2").title == TENANTS[1]
    assert server.connections == 2


def test_a_head_that_drips_is_bounded_by_the_time_limit(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(1500):
            threading.Event().wait(0.02)
            connection.sendall(f"X-{number}: y\r\n"[:1].encode())

    with raw_server(handler, tls) as server:
        one, _ = connect(server, transport)
        began = time.monotonic()
        with pytest.raises(live.RequestTimeout):
            one.get("1", deadline=2.5)
        assert time.monotonic() - began < 20


def test_a_server_that_takes_a_request_slowly_is_bounded_by_the_time_limit(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    with raw_server(lambda *_: None, tls) as server:
        server.read = read_slowly
        began = time.monotonic()
        with pytest.raises(live.RequestTimeout) as caught:
            transport.send("POST", server.origin, "/", {}, b"x" * 32_000_000, live.Timeout(1, 1, 1))
        assert time.monotonic() - began < 20
    assert caught.value.applied is None


def read_slowly(connection: socket.socket) -> bytes:
    for _ in range(1500):
        connection.recv(4096)
        threading.Event().wait(0.02)
    return b""


SHORT, LONG = 0.3, 30.0


@pytest.mark.parametrize(
    "limits",
    [live.Timeout(5, SHORT, LONG), live.Timeout(5, LONG, SHORT)],
    ids=["between two pieces", "for all of it"],
)
@pytest.mark.parametrize("before", ["nothing", "an interim answer", "half a body"])
def test_each_request_on_a_kept_connection_has_time_limits_of_its_own(
    transport: live.Transport, limits: live.Timeout, before: str
) -> None:
    over = threading.Event()
    answer = by_length(b'{"a": "stream"}')
    sent = {"nothing": b"", "an interim answer": EARLY, "half a body": answer[:-5]}

    def handler(connection: socket.socket, request: bytes) -> None:
        if b"/late" in request:
            # Longer than the timeouts of the previous request on this network connection.
            over.wait(2 * SHORT)
        if b"/silent" in request:
            connection.sendall(sent[before])
            over.wait(30)
            raise ConnectionError
        connection.sendall(answer)

    def send(target: str, timeout: live.Timeout) -> live.Response:
        return transport.send("GET", server.origin, target, {}, None, timeout)

    with raw_server(handler) as server:
        assert send("/", live.Timeout(5, LONG, LONG)).status == 200
        with suppress(live.RequestTimeout):  # on a very busy machine
            send("/", limits)
        assert send("/late", live.Timeout(5, LONG, LONG)).status == 200
        began = time.monotonic()
        with pytest.raises(live.RequestTimeout) as caught:
            send("/silent", limits)
        took = time.monotonic() - began
        over.set()
        assert send("/", live.Timeout(5, LONG, LONG)).status == 200
    assert caught.value.applied is None
    assert took < 20


def test_a_connection_that_is_idle_for_longer_than_a_time_limit_is_used_again(
    transport: live.Transport,
) -> None:
    with raw_server(lambda s, _: s.sendall(by_length(b"{}"))) as server:
        for pause in (2.5, 0):
            limits = live.Timeout(5, 2, 2)
            assert transport.send("GET", server.origin, "/", {}, None, limits).status == 200
            threading.Event().wait(pause)
    assert server.connections == 1


# -- connecting -------------------------------------------------------------------------------


def test_many_addresses_that_cannot_be_reached_take_the_connect_time_once(
    transport: live.Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unreachable_address() as address, raw_server(lambda *_: None) as server:
        resolve_to(monkeypatch, *[address] * 20)
        one, _ = connect(server, transport, timeout=(1, 1))
        began = time.monotonic()
        with pytest.raises(live.ConnectionFailed, match="cannot connect") as caught:
            one.create(title="T")
        assert time.monotonic() - began < 10
    assert caught.value.applied is False


@pytest.mark.parametrize("first", ["refused", "silent"])
def test_the_next_address_is_tried(
    transport: live.Transport, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(by_length(stream(request)))

    with (
        unreachable_address() as silent,
        socket.create_server(("127.0.0.1", 0)) as closed,
        raw_server(handler) as server,
    ):
        refused = closed.getsockname()
        closed.close()
        bad = refused if first == "refused" else silent
        resolve_to(monkeypatch, bad, ("127.0.0.1", server.port))
        one, _ = connect(server, transport, timeout=(10, 10))
        assert one.get("1").title == TENANTS[0]


# -- no request is sent twice -----------------------------------------------------------------


@pytest.mark.parametrize("connection_is", ["new", "kept"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("ending", ["at once", "in the status line", "after an interim answer"])
def test_a_request_whose_connection_is_lost_is_sent_once(
    transport: live.Transport,
    tls: ssl.SSLContext | None,
    connection_is: str,
    method: str,
    ending: str,
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        if b"/lost" not in request:
            connection.sendall(by_length(b"{}"))
            return
        if ending == "in the status line":
            connection.sendall(b"HTTP/1.1 2")
        elif ending == "after an interim answer":
            connection.sendall(EARLY)
        raise ConnectionError

    limits = live.Timeout(5, 5, 5)
    with raw_server(handler, tls) as server:
        if connection_is == "kept":
            transport.send("GET", server.origin, "/", {}, None, limits)
        with pytest.raises(live.ConnectionFailed) as caught:
            transport.send(method, server.origin, "/lost", {}, None, limits)
        assert transport.send("GET", server.origin, "/", {}, None, limits).status == 200
    assert caught.value.applied is None
    assert sum(b"/lost" in request for request in server.requests) == 1


def test_only_this_library_retries_a_delete_that_was_applied_without_a_response(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        deletes = [each for each in server.requests if each.startswith(b"DELETE")]
        if request.startswith(b"DELETE") and len(deletes) > 1:
            connection.sendall(by_length(b'{"error": "gone"}', "404 Not Found"))
        elif request.startswith(b"DELETE"):
            raise ConnectionError
        else:
            connection.sendall(by_length(stream(request)))

    with raw_server(handler, tls) as server:
        one, other = connect(server, transport)
        one.get("1")
        with pytest.raises(live.ConnectionFailed) as caught:
            one.delete("1")
        assert caught.value.applied is None
        assert [each[:6] for each in server.requests] == [b"GET /s", b"DELETE"]
        other.close()

    with raw_server(handler, tls) as server:
        one, _ = connect(server, transport, retries=2)
        one.delete("1")
        assert len(server.requests) == 2


HEADS = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Other: y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nX-Other: y\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nX-Other: y\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 2\n",
    EARLY + b"HTTP/1.1 201 Created\r\nX-Other: y\r\n\r\n",
]


@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_is_cut_anywhere_is_a_lost_answer(
    transport: live.Transport, tls: ssl.SSLContext | None, head: bytes
) -> None:
    cut = iter(range(len(head)))

    def handler(connection: socket.socket, request: bytes) -> None:
        if b"/lost" not in request:
            connection.sendall(by_length(b"{}"))
            return
        connection.sendall(head[: next(cut)])
        raise ConnectionError

    limits = live.Timeout(5, 5, 5)
    with raw_server(handler, tls) as server:
        for size, method in zip(range(len(head)), cycle(["GET", "POST", "HEAD", "DELETE"])):
            with pytest.raises(live.ConnectionFailed) as caught:
                transport.send(method, server.origin, "/lost", {}, None, limits)
            assert caught.value.applied is None, f"cut after {head[:size]!r}"
        assert transport.send("GET", server.origin, "/", {}, None, limits).status == 200
    assert len(server.requests) == len(head) + 1


def test_a_change_whose_head_is_cut_is_left_open_and_a_read_is_sent_again(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        if len(server.requests) > 2:
            connection.sendall(by_length(stream(request)))
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        raise ConnectionError

    with raw_server(handler, tls) as server:
        one, _ = connect(server, transport, retries=2)
        with pytest.raises(live.ConnectionFailed) as caught:
            one.create(title="T")
        assert caught.value.applied is None
        assert one.get("1").title == TENANTS[0]
    assert [each[:4] for each in server.requests] == [b"POST", b"GET ", b"GET "]


@pytest.mark.parametrize("pieces", ["one", "two"])
@pytest.mark.parametrize("body", [b"", b"x" * 30, b"x" * 70_000])
def test_a_body_without_a_length_ends_with_the_connection(
    transport: live.Transport, tls: ssl.SSLContext | None, body: bytes, pieces: str
) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Other: y\r\n\r\n"

    def handler(connection: socket.socket, _: bytes) -> None:
        send_pieces(connection, [head + body] if pieces == "one" else [head, PAUSE, body])
        raise ConnectionError

    with raw_server(handler, tls) as server:
        answer = transport.send("GET", server.origin, "/", {}, None, live.Timeout(5, 5, 5))
    assert (answer.status, answer.body, answer.problem) == (200, body, None)


# -- response headers -------------------------------------------------------------------------


def test_a_long_header_and_many_of_them_are_read_and_repeated_ones_are_joined(
    transport: live.Transport, tls: ssl.SSLContext | None
) -> None:
    many = "".join(f"X-{number}: {'y' * 400}\r\n" for number in range(90))
    head = f"HTTP/1.1 429 Slow down\r\nX-Long: {'z' * 60_000}\r\n{many}".encode()
    repeated = b"retry-after: 3\r\nX-Two: a\r\nRetry-After: 9\r\nx-two: b\r\n"

    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head + repeated + b"Content-Length: 2\r\n\r\n{}")

    with raw_server(handler, tls) as server:
        answer = transport.send("GET", server.origin, "/", {}, None, live.Timeout(5, 5, 5))
    assert len(answer.headers["x-long"]) == 60_000
    assert (answer.headers["retry-after"], answer.headers["X-TWO"]) == ("3, 9", "a, b")


# -- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("body", [None, b"", b"{}", b"x" * 1_100_000])
def test_aiohttp_adds_no_header_to_those_that_it_is_given(method: str, body: bytes | None) -> None:
    given = {"Authorization": "Acme t", "X-Other": "y"}
    limits = live.Timeout(5, 20, 20)
    with raw_server(lambda s, _: s.sendall(by_length(b""))) as server, over_aiohttp() as transport:
        transport.send(method, server.origin, "/", given, body, limits)
        head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n")[1:]]
    length = [] if body is None and method == "GET" else ["Content-Length"]
    assert names == ["Host", *given, *length]
    assert sent == (body or b"")


# -- request lines ----------------------------------------------------------------------------


def test_all_transports_send_the_same_request_lines_byte_by_byte() -> None:
    characters = "".join(chr(code) for code in range(33, 127) if chr(code) != "#")
    random = Random(13)
    targets = ["/", "/?", "/a?", "//a//b", "/a/../b/./c", "/%7E?x=%2F&y=%zz", "/a?b?c", "/[]{}|^"]
    while len(targets) < 500:
        size = random.randrange(40)
        text = "".join(random.choice(characters) for _ in range(size))
        # The lowest supported urllib3 refuses two slashes and an invalid host before sending.
        targets.append("/" + text.lstrip("/"))
    lines: dict[str, list[bytes]] = {}
    for name, lend in TRANSPORTS.items():
        with raw_server(lambda s, _: s.sendall(by_length(b""))) as server, lend(Path()) as sender:
            for target in targets:
                sender.send("GET", server.origin, target, {}, None, live.Timeout(5, 5, 5))
            lines[name] = [each.partition(b"\r\n")[0] for each in server.requests]
    for name in TRANSPORTS:
        assert lines[name] == [f"GET {target} HTTP/1.1".encode() for target in targets], name
