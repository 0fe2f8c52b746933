"""Vendors that stop in the middle of an exchange, and calls that hang there.

Each :class:`Place` is a point at which a task queue's time limit can strike. The vendor runs in the
test's own process, and the call runs in a worker.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import attrs

import livestream_core as live
from servers import RawServer, answer, raw_server

#: Longer than any test waits, in seconds.
HELD = 60.0
TOKEN = "good-token-of-4711"

STREAM = answer(b'{"id":"7","title":"T","status":"new"}')
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 15\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n{}"

# -- the worker's part ------------------------------------------------------------------------


class PatientClock:
    """The machine's clock, with pauses that an exception from another thread can end."""

    def now(self) -> Any:
        return live.parse_instant(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        hang(seconds)


def hang(seconds: float = HELD) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)


class HangingStore:
    """A token store that hangs in one of its calls."""

    def __init__(self, where: str) -> None:
        self._where = where

    def _call(self, name: str) -> None:
        if name == self._where:
            hang()

    def get(self, account: str) -> live.Session | None:
        self._call("get")
        return None

    def put(self, account: str, session: live.Session) -> None:
        self._call("put")

    def delete(self, account: str) -> None:
        self._call("delete")


class Announcing:
    """A transport that announces when it is called."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self._transport = live.RequestsTransport()

    def send(self, *arguments: Any) -> live.Response:
        self.called.set()
        return self._transport.send(*arguments)


def connect(origin: str, **settings: Any) -> live.Client:
    if "user" not in settings:
        settings["token"] = TOKEN
    return live.connect(
        "acme", base_url=origin, timeout=(HELD, HELD), clock=PatientClock(), **settings
    )


LOGIN: dict[str, Any] = {"user": "u@acme.example", "password": "correct horse"}


def get(origin: str, **settings: Any) -> None:
    with connect(origin, **settings) as client:
        client.get("7")


def wait(origin: str) -> None:
    with connect(origin) as client:
        client.wait("7", until=live.Status.LIVE, timeout=HELD)


def create(origin: str) -> None:
    with connect(origin) as client:
        client.create(title="T")


def delete(origin: str) -> None:
    with connect(origin) as client:
        client.delete("7")


def sign_in(origin: str) -> None:
    get(origin, **LOGIN)


def get_while_another_signs_in(origin: str) -> None:
    transport = Announcing()

    def other() -> None:
        with suppress(live.LiveStreamError):
            get(origin, transport=transport, **LOGIN)

    threading.Thread(target=other, daemon=True).start()
    assert transport.called.wait(HELD)
    get(origin, transport=transport, **LOGIN)


def get_with_store(origin: str, where: str) -> None:
    get(origin, token_store=HangingStore(where), **LOGIN)


# -- the vendor's part ------------------------------------------------------------------------


class Vendor(Protocol):
    """The behavior of a vendor at a place."""

    def hold(self) -> None: ...


Answering = Callable[[Vendor, socket.socket, bytes], None]


def holds_back_headers(vendor: Vendor, connection: socket.socket, request: bytes) -> None:
    vendor.hold()
    connection.sendall(STREAM)


def holds_back_half_a_body(vendor: Vendor, connection: socket.socket, request: bytes) -> None:
    connection.sendall(STREAM[:-10])
    vendor.hold()
    connection.sendall(STREAM[-10:])


def is_busy(vendor: Vendor, connection: socket.socket, request: bytes) -> None:
    connection.sendall(BUSY)
    vendor.hold()


def refuses_late(vendor: Vendor, connection: socket.socket, request: bytes) -> None:
    vendor.hold()
    connection.sendall(REFUSED)


def lets_in(vendor: Vendor, connection: socket.socket, request: bytes) -> None:
    connection.sendall(answer(b'{"token":"t-1","lasts":3600}'))
    vendor.hold()


@attrs.frozen
class Place:
    """A place where a call hangs.

    Attributes:
        call: The call that the worker makes.
        vendor: What the vendor does with a request; None if it accepts no network connection.
        operation: The client's method.
        requests: The number of requests that the vendor may receive.
        applied: The value in the exception's note.
        inside: A function that is running while the call hangs.
        tls: Whether the call hangs in the TLS handshake.
    """

    call: Callable[[str], None]
    vendor: Answering | None
    operation: str = "get"
    requests: int = 1
    applied: bool | None = False
    inside: str = "send"
    tls: bool = False


PLACES: dict[str, Place] = {
    "connecting": Place(get, None, requests=0, inside="_new_conn"),
    "connecting, for a create": Place(
        create, None, "create", requests=0, applied=None, inside="_new_conn"
    ),
    "connecting, in the handshake": Place(
        get, holds_back_headers, requests=0, inside="do_handshake", tls=True
    ),
    "waiting for headers": Place(get, holds_back_headers),
    "waiting for headers, in wait": Place(wait, holds_back_headers, "wait"),
    "waiting for headers, of a create": Place(create, holds_back_headers, "create", applied=None),
    "reading the body": Place(get, holds_back_half_a_body),
    "reading the body, of a create": Place(create, holds_back_half_a_body, "create", applied=None),
    "the pause before a retry": Place(get, is_busy, inside="hang"),
    "the pause before a retry, of a delete": Place(
        delete, is_busy, "delete", applied=None, inside="hang"
    ),
    "signing in": Place(sign_in, refuses_late),
    "waiting for another's sign-in": Place(get_while_another_signs_in, refuses_late, inside="wait"),
    "a token store's get": Place(
        lambda origin: get_with_store(origin, "get"), lets_in, requests=0, inside="hang"
    ),
    "a token store's put": Place(
        lambda origin: get_with_store(origin, "put"), lets_in, inside="hang"
    ),
}


class HeldVendor:
    """A vendor at which a call hangs.

    Its control listens on a separate port. It answers ``/reached`` once the vendor is holding the
    call, and ``/release`` makes the vendor continue.
    """

    def __init__(self, place: Place, server: RawServer | None, origin: str) -> None:
        self._server = server
        self._reached = threading.Event()
        self._released = threading.Event()
        self.origin = origin
        self.control = RawServer(self._obey)
        if place.requests == 0:
            self._reached.set()  # it is not asked

    @property
    def requests(self) -> list[bytes]:
        """The requests that it received."""
        return self._server.requests if self._server is not None else []

    def hold(self) -> None:
        """Hold a call until it is released."""
        self._reached.set()
        self._released.wait(HELD)

    def _obey(self, connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET /reached "):
            self._reached.wait(HELD)
        else:
            self.release()
        connection.sendall(answer())

    def when_released(self, act: Callable[[], object]) -> None:
        """Call a function when the call is released."""

        def wait_and_act() -> None:
            self._released.wait(HELD)
            act()

        threading.Thread(target=wait_and_act, daemon=True).start()

    def release(self) -> None:
        """Release all held calls."""
        self._released.set()


@contextmanager
def held_vendor(place: Place) -> Iterator[HeldVendor]:
    """Serve a vendor that holds calls at a place, until the end of the block."""
    if place.vendor is None:
        with _full_backlog() as (origin, accept):
            vendor = HeldVendor(place, None, origin)
            vendor.when_released(accept)
            yield vendor
            vendor.release()
            vendor.control.close()
        return
    answering = place.vendor
    with raw_server(lambda connection, request: answering(vendor, connection, request)) as server:
        scheme = "https" if place.tls else "http"
        vendor = HeldVendor(place, server, f"{scheme}://127.0.0.1:{server.port}")
        if place.tls:
            vendor.when_released(server.close)  # it cannot shake hands
        yield vendor
        vendor.release()
        vendor.control.close()


@contextmanager
def _full_backlog() -> Iterator[tuple[str, Callable[[], None]]]:
    """Provide a port that accepts no more connections, and a function that makes it accept them."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        for _ in range(2):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(address)
            taken.append(client)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    listener.accept()[0].close()

        yield f"http://127.0.0.1:{address[1]}", accept
    for each in taken:
        each.close()


def tell(port: int, word: str) -> None:
    """Send ``reached`` or ``release`` to a vendor's control, and wait for the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HELD)
    try:
        connection.request("GET", f"/{word}")
        connection.getresponse().read()
    finally:
        connection.close()
