"""The transport over real sockets: what it sends, and how it reads responses."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
import uvloop
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util import Retry

import livestream_core as live
from acme import AcmeEmulator
from event_loops import over_aiohttp
from livestream_core.emulator import Fault
from servers import Proxy, answer, raw_server

pytestmark = pytest.mark.slow

TOKEN = "t0ken-t0ken"


def connect(origin: str, **settings: Any) -> live.Client:
    settings = {"token": TOKEN, "retries": 0, "environ": {}, **settings}
    return live.connect("acme", base_url=origin, **settings)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "vendor.test").configure_cert(context)
    return context


@pytest.fixture(params=["shared", "own session", "aiohttp", "aiohttp on uvloop"])
def transport(request: pytest.FixtureRequest) -> Iterator[live.Transport | None]:
    if request.param == "shared":
        yield None
    elif request.param.startswith("aiohttp"):
        on_uvloop = request.param.endswith("uvloop")
        with over_aiohttp(uvloop.new_event_loop if on_uvloop else None) as transport:
            yield transport
    else:
        with requests.Session() as session:
            yield live.RequestsTransport(session=session)


# -- requests ---------------------------------------------------------------------------------


def test_a_request_is_sent_as_it_was_written(transport: Any) -> None:
    named = b'{"id":"a b/\\u00fc%","title":"T","status":"on"}'
    with raw_server(lambda s, _: s.sendall(answer(named))) as server:
        with connect(server.origin, transport=transport) as client:
            client.get("a b/ü%")
            client.create(title="Ünï")
    read, create = server.requests
    head = read.decode("latin-1").split("\r\n")
    assert head[0] == "GET /streams/a%20b%2F%C3%BC%25 HTTP/1.1"
    assert f"Authorization: Acme {TOKEN}" in head
    assert "Accept: application/json" in head
    assert any(line.startswith("User-Agent: livestream-core/") for line in head)
    assert json.loads(create.partition(b"\r\n\r\n")[2])["title"] == "Ünï"


def test_connections_are_kept_and_used_again(transport: Any) -> None:
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        for _ in range(2):
            with connect(server.origin, transport=transport) as client:
                for _ in range(5):
                    client.get("1")
    assert (len(server.requests), server.connections) == (10, 1)


def test_no_cookie_is_kept_or_sent(transport: Any) -> None:
    cookie = "Set-Cookie: session=abc; Path=/\r\n"
    with raw_server(lambda s, _: s.sendall(answer(head=cookie))) as server:
        with connect(server.origin, transport=transport) as client:
            client.get("1")
            client.get("1")
    assert b"cookie" not in server.requests[1].lower()


def test_netrc_does_not_replace_our_credentials(
    transport: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        with connect(server.origin, transport=transport) as client:
            client.get("1")
    assert f"Authorization: Acme {TOKEN}".encode() in server.requests[0]


def test_a_custom_session_adds_its_headers_but_not_its_credentials() -> None:
    with requests.Session() as session, raw_server(lambda s, _: s.sendall(answer())) as server:
        session.headers.update({"X-Trace": "abc", "Authorization": "evil", "Cookie": "evil"})
        session.auth = ("evil", "evil")
        session.cookies.set("evil", "evil")
        with connect(server.origin, transport=live.RequestsTransport(session=session)) as client:
            client.get("1")
    assert b"X-Trace: abc" in server.requests[0]
    assert b"evil" not in server.requests[0]


# -- reading responses ------------------------------------------------------------------------


def test_a_compressed_answer_is_read(transport: Any) -> None:
    body = gzip.compress(b'{"id":"1","title":"zipped","status":"on"}')
    with raw_server(lambda s, _: s.sendall(answer(body, "Content-Encoding: gzip\r\n"))) as server:
        with connect(server.origin, transport=transport) as client:
            assert client.get("1").title == "zipped"


def test_an_answer_that_is_not_what_its_encoding_says_is_unexpected(transport: Any) -> None:
    with (
        raw_server(
            lambda s, _: s.sendall(answer(b"plain", "Content-Encoding: gzip\r\n"))
        ) as server,
        connect(server.origin, transport=transport) as client,
    ):
        with pytest.raises(live.UnexpectedResponse, match="cannot be decoded"):
            client.get("1")


def deflated(body: bytes, header: int) -> bytes:
    compressor = zlib.compressobj(wbits=header)
    return compressor.compress(body) + compressor.flush()


CODED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": lambda body: deflated(body, -15),
    "deflate, gzip": lambda body: gzip.compress(zlib.compress(body)),
    "identity": bytes,
}


@pytest.mark.parametrize("coding", CODED)
def test_a_coded_answer_is_read_and_seen_to_be_cut_wherever_it_is_cut(
    transport: Any, coding: str
) -> None:
    coded = CODED[coding](
        b'{"id":"1","title":"coded","status":"on","x":"%s"}' % os.urandom(40).hex().encode()
    )
    head = f"Content-Encoding: {coding}\r\n"
    ends = iter([*range(1, len(coded)), len(coded)])

    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer(coded[: next(ends)], head))

    with raw_server(handler) as server, connect(server.origin, transport=transport) as client:
        for _ in range(1, len(coded)):
            with pytest.raises(live.UnexpectedResponse) as caught:
                client.create(title="T")
            assert coding == "identity" or caught.value.message == "the response was cut off"
            assert caught.value.applied is None
        assert client.create(title="T").title == "coded"


@pytest.mark.parametrize(
    "after",
    [b"", b"\0\0", b"garbage", gzip.compress(b" ", mtime=0)],
    ids=["nothing", "padding", "garbage", "another"],
)
def test_what_may_follow_a_gzip_file_does_not_spoil_it(transport: Any, after: bytes) -> None:
    body = gzip.compress(b'{"id":"1","title":') + gzip.compress(b'"two","status":"on"}') + after

    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer(body, "Content-Encoding: gzip\r\n"))

    with raw_server(handler) as server, connect(server.origin, transport=transport) as client:
        assert client.get("1").title == "two"


def test_an_unrequested_coding_is_unexpected_unless_there_is_no_body(
    transport: Any,
) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        body = b"" if request.startswith(b"DELETE") else b"brotli"
        connection.sendall(answer(body, "Content-Encoding: br\r\n"))

    with raw_server(handler) as server, connect(server.origin, transport=transport) as client:
        with pytest.raises(live.UnexpectedResponse, match="cannot be decoded"):
            client.get("1")
        client.delete("1")


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip"])
def test_a_few_bytes_that_unpack_to_a_gigabyte_take_little_memory(
    transport: Any, coding: str
) -> None:
    resource = pytest.importorskip("resource")
    bomb = gzip.compress(bytes(2**20)) * 1024
    if coding != "gzip":
        bomb = gzip.compress(bomb)

    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer(bomb, f"Content-Encoding: {coding}\r\n"))

    unit = 1 if sys.platform == "darwin" else 1024
    with raw_server(handler) as server, connect(server.origin, transport=transport) as client:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(live.UnexpectedResponse, match="larger than 16 MiB"):
            client.get("1")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * unit < 64 * 2**20


def test_a_huge_answer_is_not_read_to_its_end(transport: Any) -> None:
    sent = 0

    def flood(connection: socket.socket, _: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        while True:
            sent += connection.send(b" " * 65536)

    with raw_server(flood) as server, connect(server.origin, transport=transport) as client:
        with pytest.raises(live.UnexpectedResponse, match="larger than 16 MiB") as caught:
            client.create(title="T")
    assert caught.value.applied is None
    assert sent < 64 * 1024 * 1024


def test_a_redirect_is_refused_and_nothing_is_sent_there(transport: Any) -> None:
    with raw_server(lambda s, _: s.sendall(answer())) as other:
        location = f"Location: {other.origin}/\r\n"
        redirect = f"HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n".encode()
        with raw_server(lambda s, _: s.sendall(redirect)) as server:
            with connect(server.origin, transport=transport) as client:
                with pytest.raises(live.UnexpectedResponse, match="redirected"):
                    client.get("1")
    assert other.requests == []


@pytest.mark.parametrize(
    "wire",
    [b"", b"HTT", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 abc OK\r\n\r\n"],
)
def test_no_answer_or_nonsense_is_a_lost_connection(transport: Any, wire: bytes) -> None:
    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(wire)
        raise ConnectionError("close")

    with raw_server(handler) as server, connect(server.origin, transport=transport) as client:
        with pytest.raises(live.LiveStreamError) as caught:
            client.create(title="T")
    assert caught.value.applied is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("chunked", [True, False])
def test_a_cut_answer_is_unexpected_and_a_create_is_not_repeated(
    transport: Any, chunked: bool
) -> None:
    def handler(connection: socket.socket, _: bytes) -> None:
        if chunked:
            head = b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(head + b"5\r\n{'id'\r\n")
        else:
            connection.sendall(answer()[:-5])
        raise ConnectionError("close")

    with raw_server(handler) as server:
        with connect(server.origin, transport=transport, retries=4) as client:
            with pytest.raises(live.UnexpectedResponse, match="cut off") as caught:
                client.create(title="T")
    assert caught.value.applied is None
    assert len(server.requests) == 1


def test_a_cut_error_answer_is_still_that_error(transport: Any) -> None:
    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 409 No\r\nContent-Length: 99\r\n\r\n{")
        raise ConnectionError("close")

    with raw_server(handler) as server, connect(server.origin, transport=transport) as client:
        with pytest.raises(live.Conflict) as caught:
            client.create(title="T")
    assert caught.value.applied is False


@pytest.mark.parametrize(
    "repeating",
    [
        Retry(3, status_forcelist=[500], allowed_methods=None),
        Retry(None, read=3, allowed_methods=None),
    ],
)
def test_a_session_with_its_own_retries_is_refused(repeating: Retry) -> None:
    adapter = HTTPAdapter(max_retries=repeating)
    with requests.Session() as session, raw_server(lambda s, _: s.sendall(answer())) as server:
        session.mount("http://", adapter)
        with connect(server.origin, transport=live.RequestsTransport(session=session)) as client:
            with pytest.raises(live.ConfigurationError, match="max_retries") as caught:
                client.create(title="T")
    assert caught.value.applied is False
    assert server.requests == []


class Recorded(BaseAdapter):
    """An adapter without HTTPAdapter's features, which takes any data for the response."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status, self.closed = status, 0

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.raw = self.status, io.BytesIO(b"")
        response.close = self.close  # type: ignore[method-assign]
        return response

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("status", [100, 103, 199])
def test_an_interim_response_of_a_custom_adapter_does_not_determine_the_outcome(
    status: int,
) -> None:
    with requests.Session() as session:
        session.mount("http://localhost", adapter := Recorded(status))
        with connect("http://localhost", transport=live.RequestsTransport(session)) as client:
            with pytest.raises(live.UnexpectedResponse) as caught:
                client.create(title="T")
        assert caught.value.applied is None
        assert adapter.closed


def test_a_session_is_not_changed_for_its_owner() -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        early = b"HTTP/1.1 103 Early\r\nContent-Length: 0\r\n\r\n"
        connection.sendall((early if b"/own" in request else b"") + answer())

    with requests.Session() as session, raw_server(handler) as server:
        transport = live.RequestsTransport(session)
        with connect(server.origin, transport=transport) as client:
            for _ in range(3):
                # requests accepts this; how it uses its connections does not matter here.
                assert session.get(f"{server.origin}/own").status_code in (103, 200)
                assert client.get("1").title == "T"


def test_an_error_that_the_caller_is_handling_says_nothing_about_ours(transport: Any) -> None:
    def drop(connection: socket.socket, _: bytes) -> None:
        raise ConnectionError("close")

    with raw_server(drop) as server:
        with connect(server.origin, transport=transport, retries=4) as client:
            try:
                requests.get(f"http://localhost:{closed_port()}", timeout=1)
            except requests.ConnectionError:
                with pytest.raises(live.ConnectionFailed) as caught:
                    client.create(title="T")
    assert caught.value.applied is None
    assert len(server.requests) == 1


# -- time -------------------------------------------------------------------------------------


def stall(connection: socket.socket, _: bytes) -> None:
    threading.Event().wait(20)


def drip(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(400):
        threading.Event().wait(0.05)
        connection.sendall(b" ")


def drip_head(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for i in range(400):
        threading.Event().wait(0.05)
        connection.sendall(f"X-{i}: y\r\n".encode())


def test_a_slow_body_does_not_block_a_custom_session(transport: Any) -> None:
    with raw_server(drip) as server, connect(server.origin, transport=transport) as client:
        began = time.monotonic()
        with pytest.raises(live.WaitTimeout):
            client.wait("1", until="live", timeout=0.5)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("handler", [stall, drip, drip_head])
def test_a_wait_of_half_a_second_ends_in_about_half_a_second(handler: Any) -> None:
    with raw_server(handler) as server, connect(server.origin, retries=4) as client:
        began = time.monotonic()
        with pytest.raises(live.WaitTimeout):
            client.wait("1", until="live", timeout=0.5)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("handler", [drip, drip_head])
def test_the_read_timeout_is_for_the_whole_answer(handler: Any) -> None:
    with raw_server(handler) as server, connect(server.origin, timeout=(0.2, 0.3)) as client:
        began = time.monotonic()
        with pytest.raises(live.RequestTimeout):
            client.get("1")
        assert time.monotonic() - began < 5


def test_a_read_timeout_leaves_the_outcome_open(transport: Any) -> None:
    with raw_server(stall) as server:
        with connect(server.origin, transport=transport, timeout=(1, 0.2)) as client:
            with pytest.raises(live.RequestTimeout) as caught:
                client.create(title="T")
    assert caught.value.applied is None


# -- no connection ----------------------------------------------------------------------------


def test_no_connection_means_nothing_was_changed(transport: Any) -> None:
    port = closed_port()
    with connect(f"http://localhost:{port}", transport=transport) as client:
        with pytest.raises(
            live.ConnectionFailed, match=rf"cannot connect to localhost:{port} \(.* refused\)"
        ) as caught:
            client.create(title="T")
    assert caught.value.applied is False
    assert caught.value.retryable


def test_a_name_that_does_not_resolve_means_nothing_was_changed(transport: Any) -> None:
    with connect("https://nothing.invalid", transport=transport) as client:
        with pytest.raises(live.ConnectionFailed, match="unknown host name") as caught:
            client.create(title="T")
    assert caught.value.applied is False


def test_a_certificate_that_cannot_be_verified_means_nothing_was_sent(
    transport: Any, tls: ssl.SSLContext
) -> None:
    with raw_server(lambda s, _: s.sendall(answer()), tls) as server:
        with connect(server.origin, transport=transport) as client:
            with pytest.raises(live.ConnectionFailed, match="certificate") as caught:
                client.create(title="T")
    assert caught.value.applied is False
    assert server.requests == []


def test_a_check_tells_tls_from_the_network(transport: Any, tls: ssl.SSLContext) -> None:
    def state(origin: str) -> str:
        with connect(origin, transport=transport, retries=0) as client:
            return client.check(deadline=20).state

    with raw_server(lambda s, _: s.sendall(answer()), tls) as server:
        assert state(server.origin) == "tls"
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        server.read = lambda s: s.recv(5) and s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert state(server.origin.replace("http:", "https:")) == "tls"
    assert state(f"http://localhost:{closed_port()}") == "network"
    assert state("https://nothing.invalid") == "network"


@pytest.mark.parametrize("wire", [None, b"", b"no tls here"])
def test_a_handshake_that_fails_means_nothing_was_sent(transport: Any, wire: bytes | None) -> None:
    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            if wire is None:  # silence
                over.wait(10)
            else:
                connection.sendall(wire)
                connection.recv(1)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        origin = f"https://localhost:{listener.getsockname()[1]}"
        with connect(origin, transport=transport, timeout=(0.3, 5)) as client:
            with pytest.raises(live.ConnectionFailed, match="cannot connect") as caught:
                client.create(title="T")
        over.set()
        thread.join()
    assert caught.value.applied is False


# -- the environment, in processes of their own -----------------------------------------------

SCRIPT = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
import livestream_core as live
from acme import AcmePlugin
live.register(AcmePlugin())
creates = len(sys.argv) > 4
retries = int(sys.argv[4]) if creates else 0
settings = dict(
    base_url=sys.argv[1], token="t0ken-t0ken", retries=retries, allow_http_hosts=["vendor.test"]
)

async def asynchronous():
    async with live.connect_async("acme", **settings) as client:
        print((await (client.create(title="T") if creates else client.get("1"))).title)

def synchronous():
    with live.connect("acme", **settings) as client:
        print((client.create(title="T") if creates else client.get("1")).title)

try:
    asyncio.run(asynchronous()) if sys.argv[3] == "asynchronous" else synchronous()
except live.LiveStreamError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(params=["synchronous", "asynchronous"])
def way(request: pytest.FixtureRequest) -> str:
    """Return which kind of client the separate script uses."""
    return str(request.param)


def run(way: str, origin: str, *arguments: str, **environment: str) -> str:
    names = ("PROXY", "BUNDLE")
    clean = {name: value for name, value in os.environ.items() if not name.upper().endswith(names)}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(SCRIPT),
            origin,
            str(Path(__file__).parents[1] / "support"),
            way,
            *arguments,
        ],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_environment_is_trusted(
    way: str, tls: ssl.SSLContext, bundle: str, variable: str
) -> None:
    with raw_server(lambda s, _: s.sendall(answer()), tls) as server:
        assert run(way, server.origin, **{variable: bundle}) == "T\n"


def test_a_ca_bundle_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    environment = {"REQUESTS_CA_BUNDLE": missing}
    clean = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-c", "import livestream_core as live; live.RequestsTransport()"],
        env=clean, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "ConfigurationError: REQUESTS_CA_BUNDLE" in done.stderr


def test_a_proxy_of_the_environment_is_used_and_never_sees_the_credentials(
    way: str, tls: ssl.SSLContext, bundle: str
) -> None:
    with raw_server(lambda s, _: s.sendall(answer()), tls) as server:
        proxy = Proxy(server.port)
        output = run(way, "https://vendor.test", HTTPS_PROXY=proxy.url, REQUESTS_CA_BUNDLE=bundle)
        proxy.close()
    assert output == "T\n"
    (asked,) = proxy.asked
    assert asked.startswith(b"CONNECT vendor.test:443 ")
    assert b"Proxy-Authorization: Basic " in asked
    assert TOKEN.encode() not in asked
    assert b"Proxy-Authorization" not in server.requests[0]


def test_an_answer_that_is_lost_behind_a_proxy_leaves_the_outcome_open(
    way: str, tls: ssl.SSLContext, bundle: str
) -> None:
    def drop(connection: socket.socket, _: bytes) -> None:
        raise ConnectionError("close")

    with raw_server(drop, tls) as server:
        proxy = Proxy(server.port)
        output = run(
            way, "https://vendor.test", "4", HTTPS_PROXY=proxy.url, REQUESTS_CA_BUNDLE=bundle
        )
        proxy.close()
    assert output.startswith("ConnectionFailed acme create: the connection was lost")
    assert "may or may not have been created" in output
    assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("given", ["environment", "session"])
def test_a_proxy_that_wants_credentials_is_named(way: str, scheme: str, given: str) -> None:
    if (way, given) == ("asynchronous", "session"):
        pytest.skip("aiohttp takes no session of requests")
    proxy = Proxy(closed_port(), "407 Proxy Authentication Required")
    if given == "environment":
        output = run(way, f"{scheme}://vendor.test", "4", **{f"{scheme.upper()}_PROXY": proxy.url})
    else:
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = {scheme: proxy.url}
            with (
                connect(
                    f"{scheme}://vendor.test",
                    transport=live.RequestsTransport(session),
                    allow_http_hosts=["vendor.test"],
                    retries=4,
                ) as client,
                pytest.raises(live.ConfigurationError) as caught,
            ):
                client.create(title="T")
        output = f"ConfigurationError {caught.value}"
    proxy.close()
    assert output.startswith("ConfigurationError acme create: the proxy requires credentials")
    assert "nothing was changed" in output
    assert "pr0xy" not in output
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("status", ["403 No", "503 Later"])
def test_a_proxy_that_refuses_to_connect_is_named_and_nothing_was_sent(
    way: str, status: str
) -> None:
    proxy = Proxy(closed_port(), status)
    output = run(way, "https://vendor.test", "0", HTTPS_PROXY=proxy.url)
    proxy.close()
    assert f"cannot connect to vendor.test (the proxy returned HTTP {status[:3]})" in output
    assert "nothing was changed" in output


@pytest.mark.parametrize("wire", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nno tls"])
def test_a_proxy_that_answers_nonsense_means_nothing_was_sent(way: str, wire: bytes) -> None:
    def handler(connection: socket.socket, _: bytes) -> None:
        connection.sendall(wire)
        raise ConnectionError

    with raw_server(handler) as proxy:
        output = run(way, "https://vendor.test", "0", HTTPS_PROXY=proxy.origin)
    assert output.startswith("ConnectionFailed acme create: cannot connect to vendor.test")
    assert "nothing was changed" in output


def test_no_proxy_names_hosts_that_are_reached_directly(
    way: str, tls: ssl.SSLContext, bundle: str
) -> None:
    with raw_server(lambda s, _: s.sendall(answer()), tls) as server:
        proxy = Proxy(server.port)
        environment = {"HTTPS_PROXY": proxy.url, "REQUESTS_CA_BUNDLE": bundle}
        assert run(way, server.origin, NO_PROXY="localhost", **environment) == "T\n"
        assert proxy.asked == []
        assert run(way, server.origin, NO_PROXY="elsewhere.test", **environment) == "T\n"
        assert len(proxy.asked) == 1
        proxy.close()


def test_plain_http_to_this_machine_never_goes_through_a_proxy(way: str) -> None:
    proxy = f"http://127.0.0.1:{closed_port()}"
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        assert run(way, server.origin, HTTP_PROXY=proxy, http_proxy=proxy) == "T\n"


def test_a_proxy_that_is_down_means_nothing_was_sent_and_shows_no_password(way: str) -> None:
    proxy = f"http://user:pr0xy-passw0rd@127.0.0.1:{closed_port()}"
    output = run(way, "https://vendor.test", HTTPS_PROXY=proxy)
    assert output.startswith("ConnectionFailed acme get '1': cannot connect")
    assert "pr0xy" not in output


def test_a_proxy_that_is_not_a_url_is_a_configuration_error(way: str) -> None:
    output = run(way, "https://vendor.test", HTTPS_PROXY="http://:bad:url:")
    assert output.startswith("ConfigurationError")


@pytest.mark.parametrize("scheme", ["socks5", "socks4a", "socks5h"])
def test_a_socks_proxy_is_refused_by_the_asynchronous_client(scheme: str) -> None:
    proxy = f"{scheme}://user:pr0xy-passw0rd@127.0.0.1:{closed_port()}"
    output = run("asynchronous", "https://vendor.test", "4", HTTPS_PROXY=proxy)
    assert output.startswith("ConfigurationError acme create: aiohttp cannot use a SOCKS proxy")
    assert "nothing was changed" in output
    assert "pr0xy" not in output


# -- threads and forks ------------------------------------------------------------------------


def test_many_threads_never_mix_their_answers(emulator: AcmeEmulator) -> None:
    ids = [emulator.add()["id"] for _ in range(8)]
    with (
        emulator.serve() as url,
        live.connect("acme", base_url=url, **emulator.options()) as client,
    ):
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda id: client.get(id).id, ids * 16))
    assert answers == ids * 16
    assert sum(each.path == "/login" for each in emulator.requests) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_makes_connections_of_its_own() -> None:
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        client = connect(server.origin)
        client.get("1")
        assert in_a_child(lambda: client.get("1").id == "1")
        client.get("1")
        client.close()
    assert server.connections == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_use_connections_of_a_session(own: live.RequestsTransport) -> None:
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        with connect(server.origin, transport=own) as client:
            client.get("1")
            assert in_a_child(lambda: client.get("1").id == "1")
            client.get("1")
    assert server.connections == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, over = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> bool:
        if threading.current_thread() is asking:
            held.set()
            over.wait(60)
        return True

    monkeypatch.setattr(requests.utils, "should_bypass_proxies", slow)
    transport = live.RequestsTransport()
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        with connect(server.origin, transport=transport) as client:
            # Only one thread at a time checks whether a host has a proxy.
            elsewhere = connect("https://nothing.invalid", transport=transport, timeout=(1, 1))
            asking = threading.Thread(target=lambda: failing(elsewhere))
            asking.start()
            assert held.wait(60)
            assert in_a_child(lambda: client.get("1").id == "1")
            over.set()
            asking.join()
    transport.close()


def failing(client: live.Client) -> None:
    with pytest.raises(live.ConnectionFailed):
        client.get("1")


def in_a_child(does: Callable[[], bool]) -> bool:
    """Return whether a condition becomes true in a forked child in time."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(30)
            code = 0 if does() else 1
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


@pytest.fixture
def own() -> Iterator[live.RequestsTransport]:
    with requests.Session() as session:
        yield live.RequestsTransport(session)


def test_an_own_transport_can_be_closed() -> None:
    transport = live.RequestsTransport()
    transport.close()
    with raw_server(lambda s, _: s.sendall(answer())) as server:
        with connect(server.origin, transport=transport) as client:
            client.get("1")
            transport.close()
            client.get("1")
    transport.close()
    assert server.connections == 2


# -- in process -------------------------------------------------------------------------------


def test_an_app_in_process_behaves_as_over_a_socket(emulator: AcmeEmulator) -> None:
    def outcomes(client: live.Client) -> list[str]:
        seen = []
        for fault in (
            None, Fault.status(500), Fault.html(), Fault.cut_body(), Fault.drop_before(),
            Fault.drop_after(), Fault.redirect("https://evil.example/"), Fault.delay(2.5),
            Fault.missing_field("status"), Fault.extra_field("x", 1), Fault.status_word("odd"),
        ):  # fmt: skip
            emulator.clear_faults()
            if fault is not None:
                emulator.inject(fault, on="POST /streams")
            try:
                seen.append(client.create(title="T").status.value)
            except live.LiveStreamError as error:
                seen.append(f"{type(error).__name__} {error.message} {error.applied}")
        return seen

    settings: dict[str, Any] = {"retries": 0, "timeout": (10, 2)}
    with emulator.connect(**settings) as client:
        in_process = outcomes(client)
    with emulator.serve() as url:
        with live.connect("acme", base_url=url, **settings, **emulator.options()) as client:
            over_a_socket = outcomes(client)
    # Without a proxy, only the reason of the lost connection is known.
    assert [re.sub(r" \([A-Za-z]+\)", "", each) for each in over_a_socket] == in_process
    assert [each.split()[0] for each in in_process] == [
        "scheduled", "ProviderUnavailable", "UnexpectedResponse", "UnexpectedResponse", "ConnectionFailed",
        "ConnectionFailed", "UnexpectedResponse", "RequestTimeout", "UnexpectedResponse", "scheduled", "unknown",
    ]  # fmt: skip


def test_a_late_commit_is_applied_after_its_response(emulator: AcmeEmulator) -> None:
    with emulator.connect(retries=0) as client:
        emulator.inject(Fault.late_commit(0.05), on="POST /streams")
        with pytest.raises(live.ProviderUnavailable) as caught:
            client.create(title="Late")
        assert caught.value.applied is None
        deadline = time.monotonic() + 10
        while not emulator.streams and time.monotonic() < deadline:
            threading.Event().wait(0.01)
    assert [stream["title"] for stream in emulator.streams.values()] == ["Late"]


def test_an_emulators_log_shows_no_credential(emulator: AcmeEmulator) -> None:
    with emulator.connect() as client:
        client.create(title="T")
    shown = repr(emulator.requests)
    assert "correct horse" not in shown
    assert "token-" not in shown
    login, create, _ = emulator.requests
    assert login.json == emulator.options()
    assert (create.method, create.path, create.status) == ("POST", "/streams", 201)
