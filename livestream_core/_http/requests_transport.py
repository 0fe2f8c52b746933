"""Sending one HTTP request: over requests, and to a WSGI app without a port."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from .._contract.clock import Clock
from .._contract.foreign import bare
from .._contract.identity import Identity
from .._contract.request import Headers, Response, checked_target
from .._contract.transport import CUT as CUT
from .._contract.transport import Timeout as Timeout
from .._contract.transport import Transport as Transport
from .._model.errors import ConfigurationError, ConnectionFailed, LiveStreamError, RequestTimeout
from .._model.urls import url_parts
from .._public import publish
from .failures import chain_of, foreign_in
from .network import (
    MAX_BODY,
    TOO_LARGE,
    Environment,
    Wanted,
    check_headers,
    headers_to_send,
    invalid_address,
    late_end,
    proxy_wants_credentials,
    read_body,
    reason_of,
)

if TYPE_CHECKING:
    import requests
    from urllib3 import BaseHTTPResponse

    from .deadline import DeadlineAdapter

#: How many forks this process is away from the first one.
_forks = 0
# Reentrant, as all locks here: a signal handler may interrupt the thread that has it.
_adapter_lock = threading.RLock()

_CHUNK = 64 * 1024


class _Bare:
    """What leaves it, errors as well, has nothing of the request in the locals of a traceback."""

    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        """See :class:`Transport`."""
        handled = sys.exception()
        outcome = self._outcome(Wanted(method, origin, target, headers, body, timeout))
        if isinstance(outcome, Response):
            return outcome
        del target, headers, body
        try:
            raise bare(outcome, handled)
        finally:
            del outcome  # no cycle

    def _outcome(self, wanted: Wanted) -> Response | BaseException:
        """The answer, or what is to be raised: this frame must be gone by then."""
        raise NotImplementedError


class RequestsTransport(_Bare):
    """The transport over requests. Thread-safe.

    Args:
        session: A session of your own: its mounted adapters, proxies, ``verify``, ``cert`` and
            headers are used, except headers that the core sends itself (``User-Agent``). Its
            cookies, ``auth`` and netrc are not: they would be sent to a vendor that they are not
            for. It must not repeat requests by itself. What is sent here uses connections of
            its own in the session. Without one, a pool of connections is made, and proxies and
            CA bundle are read from the environment once, now.
    """

    def __init__(self, session: requests.Session | None = None) -> None:
        self._session = session
        self._adapter: DeadlineAdapter | None = None
        self._forks = 0
        if session is None:
            self._environment = Environment()

    def _outcome(self, wanted: Wanted) -> Response | BaseException:
        try:
            return self._exchange(*wanted)
        except BaseException as error:
            return foreign_in(error) or _failure(error, wanted.origin)

    def _exchange(
        self,
        method: str,
        origin: str,
        target: str,
        given: Mapping[str, str],
        body: bytes | None,
        timeout: Timeout,
    ) -> Response:
        from .deadline import deadline

        checked_target(target)
        headers = headers_to_send(method, given, body)
        answer: Any
        until = time.monotonic() + timeout.total
        with deadline(until, (origin, target)):
            if self._session is not None:
                answer, forwarded = _of_session(
                    self._session, method, origin + target, headers, body, timeout
                )
                status, found = answer.status_code, dict(answer.headers)
                pieces = _chunks(answer)
            else:
                adapter = self._own_adapter()
                check_headers(headers)
                answer = adapter.answer(
                    method, origin, target, headers, body, (timeout.connect, timeout.read)
                )
                # Repeated headers are joined; none that is read here can be repeated.
                status, found = answer.status, dict(answer.headers.itermerged())
                pieces, forwarded = _pieces(answer), adapter.is_forwarded(origin)
        try:
            if status == 407 and forwarded:
                raise proxy_wants_credentials()
            # 101, or another interim answer out of an adapter that takes it for the answer.
            if status < 200:
                return Response(status, Headers(found))
            body, problem = read_body(_in_time(pieces, until))
        finally:
            # What was not read to its end is not used again.
            answer.close()
            if hasattr(answer, "release_conn"):
                answer.release_conn()
        return Response(status, Headers(found), body, problem)

    def _own_adapter(self) -> DeadlineAdapter:
        adapter = self._adapter
        if adapter is not None and self._forks == _forks:
            return adapter
        from .deadline import DeadlineAdapter

        with _adapter_lock:
            if self._adapter is None or self._forks != _forks:
                # Not closed if it is the parent's: the connections are still in use there.
                self._adapter = DeadlineAdapter(
                    self._environment.verify, self._environment.proxies_for
                )
                self._forks = _forks
            return self._adapter

    def close(self) -> None:
        """Closes the connections of its own pool; a session of yours is left open."""
        if self._adapter is not None:
            self._adapter.close()
            self._adapter = None


def _of_session(
    session: requests.Session,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    timeout: Timeout,
) -> tuple[requests.Response, bool]:
    """The answer to a request that a session of the user's sends, and whether a proxy may have
    given it.
    """
    import requests

    from .deadline import keep_session

    request = requests.PreparedRequest()
    # Prepared by hand: requests would rewrite the URL, add cookies and, from netrc, replace the
    # Authorization header.
    request.method = method
    request.url = url
    request.headers = requests.structures.CaseInsensitiveDict(headers)
    request.hooks = requests.hooks.default_hooks()
    request.body = body
    for name, value in session.headers.items():
        if name.lower() not in ("cookie", "authorization"):
            request.headers.setdefault(name, str(value))
    check_headers(request.headers)
    settings: Any = session.merge_environment_settings(url, {}, True, session.verify, session.cert)
    # Not session.send(): that keeps cookies and looks where a redirect leads.
    mounted = session.get_adapter(url)
    # Without a total each of the other counters is a limit of its own, or none.
    if getattr(getattr(mounted, "max_retries", None), "total", 0) != 0:
        raise ConfigurationError(
            "the session repeats requests by itself, and could make a stream twice",
            hint="mount an adapter without max_retries; connect(retries=) is ours",
            applied=False,
        )
    forwarded = isinstance(mounted, requests.adapters.HTTPAdapter) and keep_session(
        mounted, url, settings["proxies"]
    )
    settings["stream"] = True
    answer = mounted.send(request, timeout=(timeout.connect, timeout.read), **settings)
    return answer, forwarded


def _failure(error: BaseException, origin: str) -> LiveStreamError:
    """Our error for one of requests, urllib3 or the socket; only certain knowledge that nothing
    was sent gives ``applied=False``.
    """
    import requests
    import urllib3.exceptions as u

    chain = chain_of(error)
    # Not ProxyError: urllib3 also calls an answer so that is lost after the request was sent
    # through a proxy. A proxy that refuses has one of these inside.
    unreached = (
        requests.ConnectTimeout,
        u.NewConnectionError,
        u.ConnectTimeoutError,
        u.ClosedPoolError,
    )
    invalid = (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidProxyURL,
        requests.exceptions.InvalidSchema,
        u.LocationValueError,
    )
    certificate = ("SSLCertVerificationError", "CertificateError")
    if any(isinstance(each, invalid) for each in chain):
        return invalid_address()
    if any(type(each).__name__ in certificate for each in chain):
        return ConnectionFailed(
            "the certificate of the vendor could not be verified", applied=False
        )
    if any(isinstance(each, unreached) for each in chain):
        refused = next(filter(None, map(_refused_by_proxy, chain)), None)
        if refused == "407":
            return proxy_wants_credentials()
        reason = f"the proxy answered HTTP {refused}" if refused else reason_of(chain)
        host = url_parts(origin).netloc
        return ConnectionFailed(f"no connection to {host} ({reason})", applied=False)
    if any(isinstance(each, (requests.Timeout, TimeoutError, u.TimeoutError)) for each in chain):
        return RequestTimeout("no answer in time", applied=None)
    return ConnectionFailed(f"the connection was lost ({reason_of(chain)})", applied=None)


def _refused_by_proxy(error: BaseException) -> str | None:
    """The status with which a proxy refused a tunnel; http.client has it in the text alone."""
    refused = re.match(r"Tunnel connection failed: (\d+)", str(error))
    return refused and refused[1]


def _in_time(pieces: Iterator[bytes], until: float) -> Iterator[bytes]:
    """Read the pieces of a body as long as there is time; what libraries raise is told apart."""
    import requests
    import urllib3.exceptions as u

    from .decoding import CutOffError, DecodeError

    try:
        for chunk in pieces:
            yield chunk
            if time.monotonic() > until:
                raise late_end()
    except (requests.exceptions.ContentDecodingError, u.DecodeError) as error:
        raise DecodeError from error
    except (requests.RequestException, u.HTTPError, OSError) as error:
        if foreign_in(error) is not None:
            raise
        if any(isinstance(each, (TimeoutError, u.TimeoutError)) for each in chain_of(error)):
            raise late_end() from None
        raise CutOffError from error


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    from urllib3 import HTTPResponse

    if isinstance(answer.raw, HTTPResponse):
        return _pieces(answer.raw)
    return answer.iter_content(_CHUNK)  # a transport that somebody mounted


def _pieces(raw: BaseHTTPResponse) -> Iterator[bytes]:
    """The body as it comes in. requests' own iterator waits until a whole chunk is there, so a
    server that sends a byte now and then would hold it; and how much memory urllib3 needs to
    decode depends on its version.
    """
    from .decoding import decoded

    coded = iter(partial(raw.read1, _CHUNK, decode_content=False), b"")
    return decoded(coded, raw.headers.get("content-encoding", ""))


class WSGITransport(_Bare):
    """Runs a WSGI app in process, without a port: for emulators, tests, and the kit.

    Args:
        app: The app. It can end an exchange without an answer by raising ``ConnectionError``.
        clock: The app's time, if that is not the machine's. How long an exchange takes is
            measured by it, and clients that were given no clock use it.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], *, clock: Clock | None = None) -> None:
        self.app = app
        self.clock = clock

    @property
    def session_scope(self) -> object:
        """Sessions opened with one app are no good at another, though the origin is the same."""
        return Identity(self.app)

    def _outcome(self, wanted: Wanted) -> Response | BaseException:
        try:
            return self._exchange(wsgi_environ(*wanted[:5]), wanted.timeout)
        except BaseException as error:
            return error

    def _exchange(self, environ: dict[str, Any], timeout: Timeout) -> Response:
        # The app runs in this thread, so it is not interrupted: whether it was too slow is seen
        # when it has answered.
        monotonic = time.monotonic if self.clock is None else self.clock.monotonic
        began = monotonic()
        answer = None
        with suppress(ConnectionError):
            answer = run_wsgi(self.app, environ)
        if monotonic() - began > min(timeout.read, timeout.total):
            raise RequestTimeout("no answer in time", applied=None)
        if answer is None:
            raise ConnectionFailed("the connection was lost", applied=None)
        return answer


def wsgi_environ(
    method: str, origin: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> dict[str, Any]:
    """The environment of PEP 3333 for a request."""
    from urllib.parse import unquote_to_bytes

    parts = url_parts(origin)
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": parts.netloc,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body or b"")),
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def run_wsgi(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Response:
    """Calls an app as a server would, and gives its answer."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return chunks.append

    result = app(environ, start_response)
    try:
        chunks.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    status, pairs = started[-1]
    headers = Headers(dict(pairs))
    body = b"".join(chunks)
    problem = TOO_LARGE if len(body) > MAX_BODY else None
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > len(body) and environ["REQUEST_METHOD"] != "HEAD":
        problem = CUT
    return Response(int(status.split()[0]), headers, b"" if problem == TOO_LARGE else body, problem)


_shared_lock = threading.RLock()
_shared: RequestsTransport | None = None


def shared_transport() -> RequestsTransport:
    """The transport of this process, made on first use."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = RequestsTransport()
        return _shared


def _after_fork() -> None:
    # A connection that parent and child both write to would mix their answers, so each
    # transport makes new ones. Locks may be held by threads that do not exist here.
    global _forks, _adapter_lock, _shared_lock
    _forks += 1
    _adapter_lock = threading.RLock()
    _shared_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


publish("livestream_core", [RequestsTransport, WSGITransport])
