"""The location of a playlist: a URL, read once, in parts that no other code parses again."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

import attrs

from .._model.urls import has_control
from .._secrets.secret import SecretText
from .._secrets.spellings import compiled
from .verdict import invalid

_DEFAULT_PORT = {"http": 80, "https": 443}
#: A name as it is looked up, in lower case. Anything that a resolver may read as an address, such
#: as ``0x7f.1``, is one too: what counts is the address that it returns.
_HOST = r"[a-z0-9._-]{1,253}|[0-9a-f:.]*:[0-9a-f:.]*"
#: Characters that are sent as they are; the others are percent-encoded.
_SENDABLE = "!\"$%&'()*+,/:;<=>?@[\\]^`{|}~"
#: The longest URL that is followed.
_LONGEST = 8192


@attrs.frozen(slots=True)
class Location:
    """The parts of an http(s) URL. Only the host is shown: the rest may be secret.

    Attributes:
        url: The URL.
        scheme: ``http`` or ``https``.
        host: The name or the IP address, in lower case and without brackets.
        port: The port.
        target: The path and the query, as they are sent.
    """

    url: SecretText = attrs.field(repr=False)
    scheme: str
    host: str
    port: int
    target: SecretText = attrs.field(repr=False)

    @classmethod
    def of(cls, url: str) -> Location:
        """Read a URL.

        Raises:
            NotPlayable: If players do not follow such a URL.
        """
        url = SecretText(url.strip())
        if len(url) > _LONGEST:
            raise invalid(f"a URL is longer than {_LONGEST} characters")
        if has_control(url):
            raise invalid("a URL contains a control character")
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            raise invalid("a URL is malformed") from None
        if scheme not in _DEFAULT_PORT or not host or port == 0:
            # Not the rest of it: "data:" is followed by content.
            raise invalid("a URL is not an http(s) URL")
        if "@" in parts.netloc:
            raise invalid("a URL contains credentials, which players do not send")
        path = SecretText(quote(parts.path or "/", safe=_SENDABLE))
        query = SecretText(quote(parts.query, safe=_SENDABLE))
        return cls(
            url=url,
            scheme=scheme,
            host=_ascii(host),
            port=_DEFAULT_PORT[scheme] if port is None else port,
            target=SecretText(f"{path}?{query}" if query else path),
        )

    def join(self, reference: str) -> Location:
        """Return the location that a redirect or a playlist at this location refers to.

        Raises:
            NotPlayable: If players do not follow such a reference.
        """
        reference = SecretText(reference.strip())
        try:
            url = SecretText(urljoin(self.url, reference))
        except ValueError:
            raise invalid("a URL is malformed") from None
        found = Location.of(url)
        if self.scheme == "https" and found.scheme == "http":
            raise invalid(f"it leads from https to plain http, at {found.host}")
        return found

    @property
    def host_header(self) -> str:
        """The ``Host`` header of a request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"


def _ascii(host: str) -> str:
    name: str | None = host
    if not host.isascii():
        try:
            name = host.encode("idna").decode()
        except UnicodeError:
            name = None
    if name is None or not compiled(_HOST).fullmatch(name):
        raise invalid("the host of a URL is malformed")
    return name
