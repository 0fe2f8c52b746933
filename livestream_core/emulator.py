"""The base of emulators: a WSGI app that behaves like a vendor, and what the world does to it.

An emulator is as strict and as quirky as the vendor's documents say, and never kinder. It
serves on loopback (:meth:`Emulator.serve`) or in process (:meth:`Emulator.transport`), logs
what it was sent, and injects faults. Needs the extra ``sandbox``.
"""

from __future__ import annotations

import copy
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from typing import Any, ClassVar

import attrs
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from ._adapter import in_process_origin
from ._client import Client
from ._clock import ManualClock
from ._connect import connect
from ._errors import ConfigurationError
from ._registry import load, registry
from ._transport import WSGITransport

__all__ = [
    "Emulator",
    "EmulatorClock",
    "Fault",
    "LoggedRequest",
    "Request",
    "Response",
    "Route",
    "json_response",
    "load_emulator",
]


class EmulatorClock:
    """The emulated vendor's clock: it runs with the machine's, and tests can move it on."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Moves the clock on."""
        self._ahead += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Waits, in the machine's time."""
        time.sleep(seconds)

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        """Has a function called when so many seconds of the machine's time have passed, in a
        thread of its own."""
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        timer.start()


class _Kind(Enum):
    STATUS = "status"
    CUT_BODY = "cut body"
    DROP_BEFORE = "drop before"
    DROP_AFTER = "drop after"
    LATE_COMMIT = "late commit"
    DELAY = "delay"
    EDIT = "edit"


@attrs.frozen(slots=True)
class Fault:
    """Something that goes wrong with an answer. Made by its class methods."""

    kind: _Kind
    response: Callable[[], Response] | None = None
    edit: Callable[[Any, Emulator], Any] | None = None
    seconds: float = 0.0

    @classmethod
    def status(
        cls,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b'{"detail":"injected"}',
        content_type: str = "application/json",
    ) -> Fault:
        """This status instead of the answer; nothing is carried out."""

        def response() -> Response:
            return Response(body, status, headers=dict(headers or {}), content_type=content_type)

        return cls(_Kind.STATUS, response)

    @classmethod
    def html(cls, status: int = 200) -> Fault:
        """A page of HTML, as a proxy or a captive portal sends; nothing is carried out."""
        return cls.status(status, body="<html><h1>Hello</h1></html>", content_type="text/html")

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """A redirect; nothing is carried out."""
        return cls.status(status, headers={"Location": location}, body=b"")

    @classmethod
    def cut_body(cls) -> Fault:
        """Carried out; the connection closes in the middle of the answer's body."""
        return cls(_Kind.CUT_BODY)

    @classmethod
    def drop_before(cls) -> Fault:
        """The connection closes before anything is carried out."""
        return cls(_Kind.DROP_BEFORE)

    @classmethod
    def drop_after(cls) -> Fault:
        """Carried out; the connection closes without an answer."""
        return cls(_Kind.DROP_AFTER)

    @classmethod
    def late_commit(cls, seconds: float, status: int = 504) -> Fault:
        """Answered with an error at once, and carried out so many seconds later."""
        return cls(_Kind.LATE_COMMIT, cls.status(status).response, seconds=seconds)

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """Carried out; the answer comes so many seconds later."""
        return cls(_Kind.DELAY, seconds=seconds)

    @classmethod
    def status_word(cls, word: str) -> Fault:
        """The answer has this word where the stream's status stands."""
        return cls.edited(lambda data, self: _set(data, self.status_field, word))

    @classmethod
    def missing_field(cls, path: str) -> Fault:
        """The answer lacks a field, named by a path with dots, wherever it occurs."""
        return cls.edited(lambda data, _: _set(data, path, _REMOVE))

    @classmethod
    def extra_field(cls, path: str, value: Any) -> Fault:
        """The answer has one more field next to, or instead of, that at the path's parent."""
        return cls.edited(lambda data, _: _set(data, path, value, anew=True))

    @classmethod
    def edited(cls, edit: Callable[[Any, Emulator], Any]) -> Fault:
        """The answer's JSON is changed by a function, which may also return another."""
        return cls(_Kind.EDIT, edit=edit)


_REMOVE = object()


def _set(data: Any, path: str, value: Any, *, anew: bool = False) -> Any:
    """Sets or removes a field in every object of some JSON that has it (or, anew, its parent)."""
    head, _, tail = path.partition(".")
    if isinstance(data, list):
        for item in data:
            _set(item, path, value, anew=anew)
    elif isinstance(data, dict):
        if tail and isinstance(data.get(head), dict):
            _set(data[head], tail, value, anew=anew)
        elif not tail and (head in data or anew):
            if value is _REMOVE:
                del data[head]
            else:
                data[head] = value
        for name, item in data.items():
            if isinstance(item, list) or (isinstance(item, dict) and not anew and name != head):
                _set(item, path, value, anew=anew)
    return data


@attrs.define(slots=True)
class _Injected:
    fault: Fault
    on: str
    left: int
    skip: int


@attrs.frozen(slots=True)
class LoggedRequest:
    """A request as it came. Its repr shows neither headers nor body.

    Attributes:
        method: The method.
        path: The path, percent-encoded as it was sent, without the query.
        query: The query string as it was sent.
        headers: The headers; credentials are among them.
        body: The body.
        status: The status that it was answered with; ``None`` if it was not answered.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    status: int | None = None

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@attrs.frozen(slots=True)
class Route:
    """A path of the vendor's and the method that answers it.

    Attributes:
        method: The HTTP method.
        path: A werkzeug rule such as ``"/v1/streams/<id>"``.
        handler: The emulator's method, called with the request and the rule's values.
    """

    method: str
    path: str
    handler: str


def json_response(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with a JSON body."""
    return Response(
        json.dumps(data, ensure_ascii=False),
        status,
        headers=dict(headers or {}),
        content_type="application/json",
    )


#: Seconds until a server that nobody connects to looks whether it shall stop.
_NOTICES_WITHIN = 1.0


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass  # requests are in Emulator.requests; standard error is the user's

    def send_response(self, code: int, message: str | None = None) -> None:
        # The machine's Date is left out: the answer has the emulated vendor's.
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())


class Emulator:
    """A vendor, emulated. A subclass gives the routes, their handlers and the world's actions.

    Attributes:
        provider: The name of the provider whose vendor this is.
        routes: The vendor's paths.
        status_field: Where a stream's status stands in an answer, as a path with dots.
        clock: The vendor's clock. A :class:`ManualClock` may be put in its place: no time passes
            then but what tests let pass, and clients in process that are given no clock use it.
        requests: Every request that came, in order.
    """

    provider: ClassVar[str]
    routes: ClassVar[tuple[Route, ...]]
    status_field: ClassVar[str] = "status"

    def __init__(self, *, boot_seconds: float = 20.0) -> None:
        """Args:
        boot_seconds: How long the vendor needs to make a stream's server, where it makes one.
        """
        self.boot_seconds = boot_seconds
        self.clock: EmulatorClock | ManualClock = EmulatorClock()
        self.requests: list[LoggedRequest] = []
        self.lock: threading.RLock = threading.RLock()
        self._faults: list[_Injected] = []
        self._map = _compiled(tuple(self.routes))

    # -- what a subclass gives --------------------------------------------------------------

    def options(self) -> dict[str, Any]:
        """Options for ``connect`` that reach a fresh account here, all but ``base_url``."""
        raise NotImplementedError

    def encoder_connects(self, id: str) -> None:
        """An encoder begins to publish to a stream.

        Raises:
            ValueError: The stream cannot be published to now.
        """
        raise NotImplementedError

    def encoder_drops(self, id: str) -> None:
        """The encoder's connection is lost.

        Raises:
            ValueError: No encoder is connected.
        """
        raise NotImplementedError

    def recording_ready(self, id: str) -> None:
        """The recording is finished.

        Raises:
            ValueError: There is nothing to finish.
        """
        raise NotImplementedError

    def not_found(self, request: Request) -> Response:
        """The answer to a path that the vendor does not have."""
        return json_response({"error": "not found"}, 404)

    def method_not_allowed(self, request: Request) -> Response:
        """The answer to a method that a path does not have."""
        return json_response({"error": "method not allowed"}, 405)

    # -- faults -----------------------------------------------------------------------------

    def inject(self, fault: Fault, *, on: str = "*", times: int = 1, skip: int = 0) -> None:
        """Lets something go wrong.

        Args:
            fault: What.
            on: Which requests: a pattern over method and path, such as ``"POST */stop/"``.
            times: How many of them.
            skip: How many of them pass before.
        """
        with self.lock:
            self._faults.append(_Injected(fault, on, times, skip))

    def clear_faults(self) -> None:
        """Takes back all faults."""
        with self.lock:
            self._faults.clear()

    def _fault(self, request: Request) -> Fault | None:
        line = f"{request.method} {request.path}"
        with self.lock:
            for injected in self._faults:
                if not fnmatchcase(line, injected.on):
                    continue
                if injected.skip:
                    injected.skip -= 1
                    continue
                injected.left -= 1
                if injected.left <= 0:
                    self._faults.remove(injected)
                return injected.fault
        return None

    # -- serving ----------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data()  # read now: a late commit outlives the connection
        index = self._log(request, body)
        fault = self._fault(request)
        response = self._answer(request, fault, environ)
        if response.date is None:
            response.date = self.clock.now()
        with self.lock:
            self.requests[index] = attrs.evolve(self.requests[index], status=response.status_code)
        return response(environ, start_response)

    def _log(self, request: Request, body: bytes) -> int:
        raw = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or "")
        path, _, query = raw.partition("?")
        with self.lock:
            self.requests.append(
                LoggedRequest(request.method, path, query, dict(request.headers), body)
            )
            return len(self.requests) - 1

    def _answer(self, request: Request, fault: Fault | None, environ: dict[str, Any]) -> Response:
        if fault is None:
            return self._dispatch(request)
        if fault.kind is _Kind.DROP_BEFORE:
            _drop(environ)
        if fault.response is not None:
            if fault.kind is _Kind.LATE_COMMIT:
                self.clock.call_later(fault.seconds, partial(self._dispatch, request))
            return fault.response()
        response = self._dispatch(request)
        if fault.kind is _Kind.DROP_AFTER:
            _drop(environ)
        if fault.kind is _Kind.DELAY:
            self.clock.sleep(fault.seconds)
        if fault.kind is _Kind.CUT_BODY:
            body = response.get_data()
            response = Response(body[: len(body) // 2], response.status_code)
            response.headers["Content-Length"] = str(max(len(body), 2))
            response.automatically_set_content_length = False
        if fault.edit is not None and response.is_json:
            data = copy.deepcopy(response.get_json())
            edited = fault.edit(data, self)
            response = json_response(data if edited is None else edited, response.status_code)
        return response

    def _dispatch(self, request: Request) -> Response:
        if request.environ["PATH_INFO"].startswith("//"):
            return self.not_found(request)  # werkzeug would take it for one slash
        adapter = self._map.bind_to_environ(request.environ)
        try:
            endpoint, values = adapter.match()
        except RequestRedirect:
            return self.not_found(request)
        except HTTPException as error:
            if error.code == 405:
                return self.method_not_allowed(request)
            return self.not_found(request)
        with self.lock:
            response: Response = getattr(self, endpoint)(request, **values)
            return response

    @contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serves on loopback, in threads, and gives the origin for clients on this machine.

        Args:
            host: The address to listen on.
            port: The port; 0 takes a free one.

        Raises:
            OSError: The address is not this machine's, or the port is taken.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound here: werkzeug would print and exit the process where that fails.
        with socket.create_server((host, port), family=family) as listener:
            server = make_server(
                host, port, self, threaded=True, request_handler=_Handler, fd=listener.fileno()
            )
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        shown = f"[{reached}]" if ":" in reached else reached
        bound = server.server_address[1]
        server.timeout = _NOTICES_WITHIN
        stopping = threading.Event()

        def accept() -> None:
            while not stopping.is_set():
                server.handle_request()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://{shown}:{bound}"
        finally:
            # At the end of the interpreter the thread no longer runs, and would be waited for.
            if not sys.is_finalizing():
                stopping.set()
                with suppress(OSError):  # a connection, so that it notices now
                    socket.create_connection((reached, bound), _NOTICES_WITHIN).close()
                thread.join()
            server.server_close()

    def transport(self) -> WSGITransport:
        """A transport to it that needs no port."""
        clock = self.clock if isinstance(self.clock, ManualClock) else None
        return WSGITransport(self, clock=clock)

    def connect(self, **settings: Any) -> Client:
        """A client of it, in process; ``settings`` are those of ``connect``."""
        origin = in_process_origin(registry.adapter(self.provider))
        options = {**origin, **self.options(), "transport": self.transport(), **settings}
        return connect(self.provider, **options)


def load_emulator(provider: str) -> type[Emulator]:
    """The emulator of an installed or registered provider.

    Raises:
        ConfigurationError: There is no such provider, it has no emulator, or the emulator cannot
            be loaded (its package's extra ``sandbox`` may be missing).
    """
    info = registry.info(provider)
    problem, hint = "it has none", None
    if info.emulator is not None:
        hint = "the fault is in its package or in what it needs"
        try:
            found = load(info.emulator)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            if isinstance(error, ImportError) and info.distribution:
                hint = f'what emulators need comes with pip install "{info.distribution}[sandbox]"'
        else:
            if isinstance(found, type) and issubclass(found, Emulator):
                return found
            problem = f"{info.emulator!r} is no Emulator"
    raise ConfigurationError(
        f"the emulator cannot be loaded: {problem}", provider=provider, hint=hint
    )


@lru_cache
def _compiled(routes: tuple[Route, ...]) -> Map:
    # Once for a class: to compile them takes far longer than all else of a new emulator.
    rules = [Rule(route.path, endpoint=route.handler, methods=[route.method]) for route in routes]
    return Map(rules, merge_slashes=False)


def _drop(environ: Mapping[str, Any]) -> None:
    """Ends the exchange without an answer, over a socket as in process."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError
