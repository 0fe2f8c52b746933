"""The transport over requests."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .._contract.request import checked_target
from .._contract.response import Headers, Response
from .._contract.transport import Timeout
from .._model.errors import ConfigurationError, LiveStreamError
from .._model.urls import url_parts
from .._public import publish
from .bare import BareTransport
from .failures import chain_of, foreign_in
from .network import (
    MAX_BODY,
    Environment,
    SendArguments,
    check_headers,
    headers_to_send,
    invalid_address,
    late_end,
    late_response,
    lost_connection,
    no_connection,
    proxy_requires_credentials,
    read_body,
    reason_of,
    untrusted_certificate,
)

if TYPE_CHECKING:
    import requests
    from urllib3 import BaseHTTPResponse

    from .deadline import DeadlineAdapter

#: The number of forks between the first process and this one.
_forks = 0
# Reentrant, like all locks here: a signal handler may interrupt the thread that holds it.
_adapter_lock = threading.RLock()

_CHUNK = 64 * 1024


class RequestsTransport(BareTransport):
    """The transport over requests. It is thread-safe.

    Args:
        session: A ``requests.Session`` to use. Its mounted adapters, proxies, ``verify``,
            ``cert``, and headers apply, except headers that the library sends itself, such as
            ``User-Agent``. Its cookies, ``auth``, and netrc do not: they could be sent to the
            wrong vendor. It must not have retries of its own. The library keeps separate
            connections in the session. By default, the transport creates a pool of connections,
            and reads proxies and the CA bundle from the environment once, immediately.
    """

    _most = MAX_BODY

    def __init__(self, session: requests.Session | None = None) -> None:
        self._session = session
        self._adapter: DeadlineAdapter | None = None
        self._forks = 0
        if session is None:
            self._environment = Environment()

    def _outcome(self, arguments: SendArguments) -> Response | BaseException:
        try:
            return self._exchange(*arguments)
        except BaseException as error:
            return foreign_in(error) or _failure(error, arguments.origin)

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
        response: Any
        until = time.monotonic() + timeout.total
        with deadline(until, (origin, target)):
            if self._session is not None:
                response, forwarded = _sent_by_session(
                    self._session, method, origin + target, headers, body, timeout
                )
                status, found = response.status_code, dict(response.headers)
                pieces = _chunks(response)
            else:
                adapter = self._own_adapter()
                check_headers(headers)
                response = adapter.open(
                    method, origin, target, headers, body, (timeout.connect, timeout.read)
                )
                # Repeated headers are joined; those that the library reads are never repeated.
                status, found = response.status, dict(response.headers.itermerged())
                pieces, forwarded = _pieces(response), adapter.is_forwarded(origin)
        try:
            if status == 407 and forwarded:
                raise proxy_requires_credentials()
            # 101, or an interim response that a mounted adapter takes for the final one.
            if status < 200:
                return Response(status, Headers(found))
            body, problem = read_body(_in_time(pieces, until), self._most)
        finally:
            # A connection whose response was not read to its end is not reused.
            response.close()
            if hasattr(response, "release_conn"):
                response.release_conn()
        return Response(status, Headers(found), body, problem)

    def _own_adapter(self) -> DeadlineAdapter:
        adapter = self._adapter
        if adapter is not None and self._forks == _forks:
            return adapter
        from .deadline import DeadlineAdapter

        with _adapter_lock:
            if self._adapter is None or self._forks != _forks:
                # The parent's adapter is not closed: its connections are still in use there.
                self._adapter = DeadlineAdapter(
                    self._environment.verify, self._environment.proxies_for
                )
                self._forks = _forks
            return self._adapter

    def close(self) -> None:
        """Close the transport's own connections; a session that you passed stays open."""
        if self._adapter is not None:
            self._adapter.close()
            self._adapter = None


def _sent_by_session(
    session: requests.Session,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    timeout: Timeout,
) -> tuple[requests.Response, bool]:
    """Send a request with the user's session.

    Returns:
        The response, and whether it may come from a proxy.
    """
    import requests

    from .deadline import install_for_session

    request = requests.PreparedRequest()
    # Prepared manually: requests would rewrite the URL, add cookies, and replace the
    # Authorization header with credentials from netrc.
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
    # Not session.send(): that stores cookies and resolves redirects.
    mounted = session.get_adapter(url)
    # Without a total, each of the other counters is a separate limit or none.
    if getattr(getattr(mounted, "max_retries", None), "total", 0) != 0:
        raise ConfigurationError(
            "the requests session has its own retries, which could create a stream twice",
            hint="mount an HTTPAdapter without max_retries and use connect(retries=...) instead",
            applied=False,
        )
    forwarded = isinstance(mounted, requests.adapters.HTTPAdapter) and install_for_session(
        mounted, url, settings["proxies"]
    )
    settings["stream"] = True
    response = mounted.send(request, timeout=(timeout.connect, timeout.read), **settings)
    return response, forwarded


def _failure(error: BaseException, origin: str) -> LiveStreamError:
    """Return this library's error for one of requests, urllib3, or a socket.

    It has ``applied=False`` only if it is certain that nothing was sent.
    """
    import requests
    import urllib3.exceptions as u

    chain = chain_of(error)
    # Not ProxyError: urllib3 also raises it if the response is lost after the request was sent
    # through a proxy. If a proxy refuses, one of these is inside it.
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
        return untrusted_certificate()
    if any(isinstance(each, unreached) for each in chain):
        refused = next(filter(None, map(_refused_by_proxy, chain)), None)
        if refused == "407":
            return proxy_requires_credentials()
        reason = f"the proxy returned HTTP {refused}" if refused else reason_of(chain)
        return no_connection(url_parts(origin).netloc, reason)
    if any(isinstance(each, (requests.Timeout, TimeoutError, u.TimeoutError)) for each in chain):
        return late_response()
    return lost_connection(reason_of(chain))


def _refused_by_proxy(error: BaseException) -> str | None:
    """Return the status of a proxy's refusal; http.client has it only in the error's text."""
    refused = re.match(r"Tunnel connection failed: (\d+)", str(error))
    return refused and refused[1]


def _in_time(pieces: Iterator[bytes], until: float) -> Iterator[bytes]:
    """Yield the pieces of a body until a deadline, and translate the libraries' exceptions."""
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


def _chunks(response: requests.Response) -> Iterator[bytes]:
    from urllib3 import HTTPResponse

    if isinstance(response.raw, HTTPResponse):
        return _pieces(response.raw)
    return response.iter_content(_CHUNK)  # from an adapter that does not use urllib3


def _pieces(raw: BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the decoded body as it arrives.

    The iterator of requests waits for a full chunk, so a slow server could block it indefinitely.
    The memory that urllib3 needs for decoding depends on its version.
    """
    from .decoding import decoded

    coded = iter(partial(raw.read1, _CHUNK, decode_content=False), b"")
    return decoded(coded, raw.headers.get("content-encoding", ""))


class PinnedTransport(RequestsTransport):
    """The transport to one address of a host, which the caller has checked.

    It takes the address in the place of the host, so nothing is looked up again. It uses no proxy,
    which would look up the host too. Create one for each request, and close it.

    Args:
        host: The host that a certificate must be for.
        most: The maximum size of a body, in bytes.
    """

    def __init__(self, host: str, most: int) -> None:
        super().__init__()
        self._host, self._most = host, most

    def _own_adapter(self) -> DeadlineAdapter:
        from .deadline import DeadlineAdapter

        if self._adapter is None:
            self._adapter = DeadlineAdapter(self._environment.verify, lambda _: {}, self._host)
        return self._adapter


_shared_lock = threading.RLock()
_shared: RequestsTransport | None = None


def shared_transport() -> RequestsTransport:
    """Return the transport of this process, which is created on first use."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = RequestsTransport()
        return _shared


def _after_fork() -> None:
    # If parent and child wrote to the same connection, their responses would be mixed up, so each
    # transport opens new ones. The old locks may be held by threads that do not exist here.
    global _forks, _adapter_lock, _shared_lock
    _forks += 1
    _adapter_lock = threading.RLock()
    _shared_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


publish("livestream_core", [RequestsTransport])
