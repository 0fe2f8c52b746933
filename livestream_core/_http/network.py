"""What network transports share: proxies and certificates, checks of headers, bounded bodies."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .._contract.options import is_loopback
from .._contract.transport import CUT, TLS_HINT, Timeout
from .._model.errors import ConfigurationError, ConnectionFailed, RequestTimeout
from .._model.urls import url_parts
from .._secrets.spellings import compiled
from .decoding import CutOffError, DecodeError

if TYPE_CHECKING:
    import ssl

#: The largest response body that is read, in bytes after decoding.
MAX_BODY = 16 * 1024 * 1024
_NO_TLS = "TLS failed"
UNDECODABLE = "the response cannot be decoded"

#: The values that libraries accept; for any other, their error would show the value.
_SENDABLE = r"[\t -~\xa0-\xff]*"

# Reentrant, like all locks here: a signal handler may interrupt the thread that holds it.
_lock = threading.RLock()


class SendArguments(NamedTuple):
    """The arguments of :meth:`Transport.send`."""

    method: str
    origin: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: Timeout


class Environment:
    """The environment's proxies and certificates, read once.

    Attributes:
        verify: The file or folder of the certificates to trust; ``True`` for certifi's.
    """

    def __init__(self) -> None:
        from urllib.request import getproxies

        self._proxies = getproxies()
        self._no_proxy = self._proxies.pop("no", None)
        self.verify: bool | str = (
            os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        )
        if isinstance(self.verify, str) and not os.path.exists(self.verify):
            raise ConfigurationError(
                "REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) names a file that does not exist"
            )

    def proxies_for(self, origin: str) -> dict[str, str]:
        """Return the proxies for an origin, by scheme."""
        from requests.utils import should_bypass_proxies

        # Plain http to loopback is allowed because it never leaves the machine, so no proxy.
        parts = url_parts(origin)
        if parts.scheme == "http" and is_loopback(parts.hostname or ""):
            return {}
        with _lock:  # it sets an environment variable for a moment
            bypass = should_bypass_proxies(origin, no_proxy=self._no_proxy or "")
        return {} if bypass else self._proxies

    def proxy_for(self, origin: str) -> str | None:
        """Return the URL of the proxy for an origin, if there is one.

        Raises:
            ConfigurationError: If the proxy is not a URL.
        """
        from requests.exceptions import InvalidProxyURL
        from requests.utils import prepend_scheme_if_needed, select_proxy
        from urllib3.exceptions import LocationParseError

        proxy = select_proxy(f"{origin}/", self.proxies_for(origin))
        if not proxy:
            return None
        try:
            url: str = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
        except (InvalidProxyURL, LocationParseError, ValueError):
            url = ""
        if not url_parts(url).hostname:
            raise invalid_address()
        return url

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """The SSL context, as requests would create it; creating it takes about 30 ms."""
        from requests.utils import DEFAULT_CA_BUNDLE_PATH
        from urllib3.util.ssl_ import create_urllib3_context

        context = create_urllib3_context()
        context.set_alpn_protocols(["http/1.1"])
        trusted = DEFAULT_CA_BUNDLE_PATH if self.verify is True else str(self.verify)
        if os.path.isdir(trusted):
            context.load_verify_locations(capath=trusted)
        else:
            context.load_verify_locations(cafile=trusted)
        return context


def headers_to_send(method: str, given: Mapping[str, str], body: bytes | None) -> dict[str, str]:
    """Return the headers of a request, with the length of its body."""
    headers = dict(given)
    if body is not None:
        headers["Content-Length"] = str(len(body))
    elif method != "GET":
        headers["Content-Length"] = "0"
    return headers


def check_headers(headers: Mapping[str, str]) -> None:
    """Check that headers can be sent.

    Raises:
        ConfigurationError: If one cannot be sent; the error does not show its value.
    """
    for name, value in headers.items():
        if not compiled(_SENDABLE).fullmatch(value):
            raise ConfigurationError(
                f"the header {name} contains characters that cannot be sent", applied=False
            )


def too_large(most: int) -> str:
    """Return the problem of a body that is larger than a number of bytes."""
    return f"the response is larger than {most / 1024 / 1024:g} MiB"


TOO_LARGE = too_large(MAX_BODY)


def read_body(pieces: Iterator[bytes], most: int = MAX_BODY) -> tuple[bytes, str | None]:
    """Join the pieces of a decoded body.

    Args:
        pieces: The pieces. They may end with an error of :mod:`livestream_core._http.decoding`.
        most: The maximum size, in bytes.

    Returns:
        The body, and why it is incomplete, or ``None`` if it is complete.
    """
    chunks, size = [], 0
    try:
        for chunk in pieces:
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                return b"", too_large(most)
    except DecodeError:
        return b"", UNDECODABLE
    except CutOffError:
        return b"".join(chunks), CUT
    return b"".join(chunks), None


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order in which the system prefers them.

    Raises:
        ConnectionFailed: If it has none.
    """
    import socket

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise no_connection(host, reason_of([error])) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def proxy_requires_credentials() -> ConfigurationError:
    """Return the error for a response with HTTP 407."""
    return ConfigurationError(
        "the proxy requires credentials (HTTP 407)",
        hint="put the username and password in the proxy's URL",
        applied=False,
    )


def late_response() -> RequestTimeout:
    """Return the error for a vendor that did not begin to respond in time."""
    return RequestTimeout("the vendor did not respond in time", applied=None)


def late_end() -> RequestTimeout:
    """Return the error for a body that did not end in time."""
    return RequestTimeout("the response did not end in time", applied=None)


def no_connection(host: str, reason: str) -> ConnectionFailed:
    """Return the error for a connection that could not be made, so that nothing was sent."""
    return ConnectionFailed(
        f"cannot connect to {host} ({reason})", applied=False, hint=_hint_for(reason)
    )


def lost_connection(reason: str | None = None) -> ConnectionFailed:
    """Return the error for a connection that was lost after the request may have been sent."""
    cause = f" ({reason})" if reason else ""
    return ConnectionFailed(
        f"the connection was lost before the vendor responded{cause}",
        applied=None,
        hint=_hint_for(reason),
    )


def untrusted_certificate() -> ConnectionFailed:
    """Return the error for a vendor's certificate that could not be verified."""
    return ConnectionFailed(
        "the vendor's certificate could not be verified", applied=False, hint=TLS_HINT
    )


def _hint_for(reason: str | None) -> str | None:
    return TLS_HINT if reason == _NO_TLS else None


def invalid_address() -> ConfigurationError:
    """Return the error for an origin or a proxy that is not a URL."""
    return ConfigurationError(
        "the address of the vendor or of the proxy is not a valid URL", applied=False
    )


def reason_of(chain: list[BaseException]) -> str:
    """Return why there is no connection, from the exceptions of libraries and the system."""
    import socket

    # Not the texts of libraries: they contain URLs, and a proxy's URL contains its password.
    for each in reversed(chain):
        # Not the subclasses: most of them say that the connection was lost.
        if (type(each).__module__, type(each).__name__) == ("ssl", "SSLError"):
            return _NO_TLS
        if isinstance(each, socket.gaierror):
            return "unknown host name"
        if isinstance(each, OSError) and type(each).__module__ == "builtins" and each.errno:
            return os.strerror(each.errno).lower()
        if isinstance(each, TimeoutError):
            return "timed out"
    return next(
        (type(each).__name__ for each in reversed(chain) if isinstance(each, OSError)),
        type(chain[-1]).__name__,
    )


def _after_fork() -> None:
    # The old lock may be held by a thread that does not exist in the child.
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
