"""The responses that an operation is resumed with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from .._model.errors import UnexpectedResponse
from .._secrets.spellings import compiled
from .json_fields import Fields
from .request import Request

if TYPE_CHECKING:
    from json import JSONDecoder

#: The maximum number of characters of a body that are ever shown.
TEXT_SHOWN = 64 * 1024
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_BEGINNING = (
    rb"(?is)(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script)\b"
)


class Headers(Mapping[str, str]):
    """The headers of a response. Names are not case-sensitive."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = {name.lower(): value for name, value in (values or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self._values)}>"


def _headers(values: Mapping[str, str]) -> Headers:
    # The check of an abstract class takes longer than all others together.
    return values if type(values) is Headers else Headers(values)


class Mask(Protocol):
    """Masks secrets in texts."""

    @property
    def news(self) -> object:
        """An object that is replaced by another one whenever new secrets become known."""
        ...

    def mask(self, text: str, most: int) -> str:
        """Return at most ``most`` characters of a text, with every secret masked."""
        ...


class _NoSecrets:
    news: object = None

    def mask(self, text: str, most: int) -> str:
        return text[:most]


_NO_SECRETS: Mask = _NoSecrets()


# Attributes that are set later are not converted, which would cost more than parsing a small body.
@attrs.define(slots=True, eq=False, repr=False, on_setattr=attrs.setters.NO_OP)
class Response:
    """A response of the vendor. Its repr shows only the status.

    Attributes:
        status: The HTTP status code.
        headers: The headers. Names are not case-sensitive.
        body: The content, decompressed, and limited in size.
        problem: Why the body is incomplete, if it is: it was cut off, or it is too large.
        request: The request that it responds to. Set when the engine receives the response.
    """

    status: int
    headers: Headers = attrs.field(factory=Headers, converter=_headers)
    body: bytes = b""
    problem: str | None = None
    request: Request | None = None
    _json: Any = attrs.field(default=None, init=False)
    _is_read: bool = attrs.field(default=False, init=False)
    _secrets: Mask = attrs.field(default=_NO_SECRETS, init=False)
    _shown: tuple[object, str] | None = attrs.field(default=None, init=False)

    def json(self) -> Any:
        """Return the body as JSON data.

        Raises:
            UnexpectedResponse: If the body is not JSON, was cut off, or is nested too deeply.
        """
        if not self._is_read:
            self._json = self._parse()
            self._is_read = True
        return self._json

    def parse_in_turns(self) -> None:
        """Parse the body as JSON, if it is, while other threads can run.

        Python's parser blocks other threads until it has finished, unless it calls a function.
        """
        try:
            self._json = self._parse(_unchanged)
            self._is_read = True
        except UnexpectedResponse:
            pass

    def _parse(self, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
        import json

        if self.problem:
            raise self.unexpected(self.problem)
        try:
            text = self.body.decode(json.detect_encoding(self.body), "surrogatepass")
            return _decoder(hook).decode(text)
        except RecursionError:
            problem = "is nested too deeply"
        except ValueError:
            problem = "is not JSON" if self.body.strip() else "is empty"
        raise self.unexpected(f"the response {problem}")

    def fields(self, *, lenient: bool = False) -> Fields:
        """Return the body as a JSON object with typed getters.

        Args:
            lenient: Whether the optional getters are lenient; see :class:`Fields`.

        Raises:
            UnexpectedResponse: If the body is not a JSON object.
        """
        return Fields(self.json(), lenient=lenient)

    def links(self) -> Mapping[str, str]:
        """Return the targets of the ``Link`` header by relation, such as ``next``.

        Relations are in lower case, and the first link of each relation counts. The targets are
        unchanged; :meth:`Adapter.cursor_of` checks where they lead.
        """
        from .link_header import links_in

        return links_in(self.headers.get("link", ""))

    @property
    def text(self) -> str:
        """The first 64 KiB of the body as text, for display.

        Secrets are masked, and bytes that are not UTF-8 are replaced. You may shorten the text
        anywhere: it cannot end with half of a secret.
        """
        # Read first: secrets that become known in the meantime are masked the next time.
        news = self._secrets.news
        if self._shown is None or self._shown[0] is not news:
            # Twice as much as is shown, of the longest characters: a secret may cross the end.
            read = self.body[: 8 * TEXT_SHOWN].decode("utf-8", "replace")
            self._shown = news, self._secrets.mask(read, TEXT_SHOWN)
        return self._shown[1]

    @property
    def is_readable(self) -> bool:
        """Whether the body is JSON, or may be empty because of its status, such as 204."""
        return self.status in (204, 205) or self.is_json

    @property
    def is_json(self) -> bool:
        """Whether the body is valid JSON."""
        try:
            self.json()
        except UnexpectedResponse:
            return False
        return True

    @property
    def is_html(self) -> bool:
        """Whether the body is not JSON but a web page, judged by its beginning or its type."""
        if self.is_readable or not self.body.strip():
            return False
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind in _HTML_TYPES or compiled(_HTML_BEGINNING).match(self.body) is not None

    def unexpected(self, problem: str) -> UnexpectedResponse:
        """Return an error about this response, for the caller to raise."""
        return UnexpectedResponse(problem, http_status=self.status)

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


def standing_for(response: Response, status: int) -> Response:
    """Return a copy of a response with the status that it stands for."""
    other = copy.copy(response)
    other.status = status
    return other


def take(response: Response, request: Request, secrets: Mask) -> Response:
    """Record the request of a response and the secrets to mask in its text, and return it."""
    response.request, response._secrets = request, secrets
    return response


def _unchanged(value: dict[str, Any]) -> dict[str, Any]:
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


@cache
def _decoder(hook: Callable[[dict[str, Any]], Any] | None) -> JSONDecoder:
    # Imported for the first response, to keep the import of this library fast.
    from json import JSONDecoder

    return JSONDecoder(parse_constant=_refuse_constant, object_hook=hook)
