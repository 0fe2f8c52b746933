"""What transports over the network share: what the environment says about the way to a vendor,
what of a request is checked, and how a body is read within bounds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .._contract.options import is_loopback
from .._contract.transport import CUT, Timeout
from .._model.errors import ConfigurationError, RequestTimeout
from .._model.urls import url_parts
from .._secrets.spellings import compiled
from .decoding import CutOffError, DecodeError

if TYPE_CHECKING:
    import ssl

#: The largest answer that is read, in bytes after decoding.
MAX_BODY = 16 * 1024 * 1024
TOO_LARGE = f"the answer is larger than {MAX_BODY // 1024 // 1024} MiB"
UNDECODABLE = "the answer cannot be decoded"

#: What libraries would refuse with an error that shows the value.
_SENDABLE = r"[\t -~\xa0-\xff]*"

# Reentrant, as all locks here: a signal handler may interrupt the thread that has it.
_lock = threading.RLock()


class Wanted(NamedTuple):
    """What :meth:`Transport.send` is given."""

    method: str
    origin: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: Timeout


class Environment:
    """Proxies and certificates as the environment has them, read once.

    Attributes:
        verify: The file or folder with the certificates to trust; true for certifi's.
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

        # Plain http is allowed to this machine because nobody else sees it: no proxy.
        parts = url_parts(origin)
        if parts.scheme == "http" and is_loopback(parts.hostname or ""):
            return {}
        with _lock:  # it sets an environment variable for a moment
            bypass = should_bypass_proxies(origin, no_proxy=self._no_proxy or "")
        return {} if bypass else self._proxies

    def proxy_for(self, origin: str) -> str | None:
        """Return the URL of the proxy for an origin, if there is one.

        Raises:
            ConfigurationError: It is not a URL.
        """
        from requests.exceptions import InvalidProxyURL
        from requests.utils import prepend_scheme_if_needed, select_proxy
        from urllib3.exceptions import LocationParseError

        proxy = select_proxy(f"{origin}/", self.proxies_for(origin))
        if not proxy:
            return None
        try:
            whole: str = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
        except (InvalidProxyURL, LocationParseError, ValueError):
            whole = ""
        if not url_parts(whole).hostname:
            raise invalid_address()
        return whole

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """What requests would make for a connection. It takes some 30 ms."""
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
        ConfigurationError: One cannot; its value is not shown.
    """
    for name, value in headers.items():
        if not compiled(_SENDABLE).fullmatch(value):
            raise ConfigurationError(
                f"the header {name} has characters that cannot be sent", applied=False
            )


def read_body(pieces: Iterator[bytes]) -> tuple[bytes, str | None]:
    """Join the pieces of a body that was decoded, and say why it is not whole, if it is not.

    Args:
        pieces: The pieces. They may end with an error of :mod:`livestream_core._http.decoding`.
    """
    chunks, size = [], 0
    try:
        for chunk in pieces:
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                return b"", TOO_LARGE
    except DecodeError:
        return b"", UNDECODABLE
    except CutOffError:
        return b"".join(chunks), CUT
    return b"".join(chunks), None


def proxy_wants_credentials() -> ConfigurationError:
    """The error for an answer with 407."""
    return ConfigurationError(
        "the proxy asks for credentials (HTTP 407)",
        hint="give the user and the password in the URL of the proxy",
        applied=False,
    )


def late_end() -> RequestTimeout:
    """The error for a body that goes on after the time is over."""
    return RequestTimeout("the answer did not end in time", applied=None)


def invalid_address() -> ConfigurationError:
    """The error for an origin or a proxy that is not a URL."""
    return ConfigurationError(
        "the address of the vendor or of the proxy is not valid", applied=False
    )


def reason_of(chain: list[BaseException]) -> str:
    """Say why there is no connection, by what libraries and the system raised."""
    import socket

    # Not the texts of libraries: they have URLs in them, and with a proxy its password.
    for each in reversed(chain):
        if isinstance(each, socket.gaierror):
            return "its name is not known"
        if isinstance(each, OSError) and type(each).__module__ == "builtins" and each.errno:
            return os.strerror(each.errno).lower()
        if isinstance(each, TimeoutError):
            return "timed out"
    return next(
        (type(each).__name__ for each in reversed(chain) if isinstance(each, OSError)),
        type(chain[-1]).__name__,
    )


def _after_fork() -> None:
    # It may be held by a thread that does not exist here.
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
