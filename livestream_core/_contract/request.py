"""The requests that an operation yields, and the responses that it is resumed with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeGuard, TypeVar

import attrs

from .._model.converters import NOT_TEXT, is_encodable
from .._model.errors import InvalidInput, UnexpectedResponse
from .._model.fields import table
from .._model.stream import LiveStream
from .._model.times import parse_instant
from .._model.urls import percent_encoded
from .._secrets.spellings import compiled

if TYPE_CHECKING:
    from json import JSONDecoder

P = ParamSpec("P")
V = TypeVar("V")
W = TypeVar("W")

Scalar: TypeAlias = str | int | float | bool
Params: TypeAlias = Mapping[str, Scalar | Sequence[Scalar] | None]
#: A file of a multipart form: its name, its content, and its media type.
File: TypeAlias = tuple[str, bytes, str]

_CONTROL = r"[\x00-\x1f\x7f]"
#: The maximum number of characters of a body that are ever shown.
TEXT_SHOWN = 64 * 1024
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_BEGINNING = (
    rb"(?is)(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script)\b"
)
#: The limit for numbers of a vendor. JSON can contain any number, even ``1e999``, which is read as
#: infinity.
MAX_NUMBER = 2**63
#: The longest time to live, in seconds; about 31 years.
_MAX_TIME_TO_LIVE = 10**9
#: How messages refer to the response. Adapters that were written for earlier versions say "answer".
THE_RESPONSE = r"\bthe (?:response|answer)\b"
_IDEMPOTENT = {"GET": True, "PUT": True, "DELETE": True, "POST": False, "PATCH": False}


_TARGET = r'/[!"$-~]*'


def checked_target(target: str) -> str:
    """Return a path with its query, after checking that it can be sent unchanged.

    HTTP libraries drop everything after a ``#``, and rewrite or drop spaces, line breaks, and
    characters that are not ASCII. The request would then ask for something else.

    Raises:
        InvalidInput: If it cannot be sent unchanged.
    """
    if not compiled(_TARGET).fullmatch(target):
        raise InvalidInput(
            "the request's path or query contains characters that cannot be sent unchanged",
            field="target",
        )
    return target


@lru_cache(maxsize=512)
def template_names(template: str) -> tuple[str, ...]:
    """Return the names in braces of a path template."""
    from string import Formatter

    if not template.startswith("/"):
        raise ValueError(f"a path must start with a slash: {template!r}")
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


def _quoted(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name}: expected a string, not {type(value).__name__}", field=name)
    problem = None
    if not value:
        problem = "must not be empty"
    elif value in (".", ".."):
        problem = f"must not be {value!r}"
    elif compiled(_CONTROL).search(value):
        problem = "contains a control character"
    else:
        try:
            return percent_encoded(value)
        except UnicodeEncodeError:
            problem = "is not text"
    raise InvalidInput(f"{name}: {problem}", field=name)


@attrs.frozen(slots=True, kw_only=True, repr=False)
class Request:
    """One HTTP request of an operation, without an origin and a session.

    Create it with ``Adapter.request()`` or its short forms, which add the values that all paths of
    a vendor share. Its repr shows only the method and the template.

    Attributes:
        method: The HTTP method in upper case.
        template: The path with names in braces, as logs and hooks show it.
        values: The values of the names. They are percent-encoded when the request is sent.
        link: A path with a query to send unchanged, from a link of the vendor.
        params: The query parameters. ``None`` is left out; a sequence is repeated.
        json: The body as JSON.
        form: The body as a web form.
        files: The body as multipart, together with ``form``.
        headers: Headers in addition to those that the core sends.
        changes: Whether the request changes something at the vendor.
        idempotent: Whether the request may be sent again while its outcome is unknown.
        safe_statuses: The statuses after which the request may be sent again although it is not
            idempotent, because the vendor documents that nothing was changed.
    """

    method: str
    template: str
    values: Mapping[str, str] = attrs.field(factory=dict)
    link: str = ""
    params: Params | None = None
    json: Any = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, File] | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    changes: bool = attrs.field(
        default=attrs.Factory(lambda self: self.method != "GET", takes_self=True)
    )
    idempotent: bool = attrs.field(
        default=attrs.Factory(lambda self: _IDEMPOTENT.get(self.method, False), takes_self=True)
    )
    safe_statuses: frozenset[int] = frozenset()

    def __attrs_post_init__(self) -> None:
        if self.method not in _IDEMPOTENT:
            raise ValueError(f"method {self.method!r} is not one of {', '.join(_IDEMPOTENT)}")
        if (self.json is not None) + (self.form is not None or self.files is not None) > 1:
            raise ValueError("a request has only one body: either json, or form and files")

    def target(self) -> str:
        """Return the path and the query as they are sent.

        Raises:
            InvalidInput: If a value of the template is empty, ``.``, or ``..``, or contains a
                control character; ``field`` names it. Also if the template or the link contains
                something that cannot be sent unchanged, such as a space or a ``#``.
        """
        if self.link:
            return checked_target(self.link)
        path = self.template
        if names := template_names(path):
            path = path.format_map({name: _quoted(name, self.values[name]) for name in names})
        query = _encode_query(self.params) if self.params else ""
        return checked_target(f"{path}?{query}" if query else path)

    def content(self) -> tuple[bytes | None, dict[str, str]]:
        """Return the body and its headers.

        Raises:
            InvalidInput: If the body cannot be encoded as JSON or as a form.
        """
        if self.json is not None:
            return _encode_json(self.json), {"Content-Type": "application/json"}
        if self.files is not None:
            from urllib3.filepost import encode_multipart_formdata

            fields: dict[str, Any] = {**(self.form or {}), **self.files}
            body, kind = encode_multipart_formdata(fields)
            return body, {"Content-Type": kind}
        if self.form is not None:
            return (
                _encode_query(self.form).encode(),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
        return None, {}

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.template}>"


def _encode_query(params: Params) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        if value is None:
            continue
        values = value if isinstance(value, (list, tuple)) else (value,)
        for each in values:
            text = str(each).lower() if isinstance(each, bool) else str(each)
            try:
                text.encode()
            except UnicodeEncodeError:
                text = ""
            if not text and each != "":
                raise InvalidInput(f"{name}: is not text", field=name)
            pairs.append((name, text))
    from urllib.parse import quote, urlencode

    return urlencode(pairs, quote_via=quote)


def _encode_json(value: Any) -> bytes:
    import json

    try:
        return json.dumps(
            value, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        problem = type(error).__name__
    raise InvalidInput(
        f"options: the request cannot be encoded as JSON ({problem})", field="options"
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
    return values if isinstance(values, Headers) else Headers(values)


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
        from json import detect_encoding

        if self.problem:
            raise self.unexpected(self.problem)
        try:
            text = self.body.decode(detect_encoding(self.body), "surrogatepass")
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


class Fields:
    """Typed getters over a JSON object. Each error names the value by its path.

    Getters whose names begin with ``optional_`` return ``None``, or an empty sequence, if the
    value is missing or null. If the getters are lenient, they also do so if the value cannot be
    read, and record it in ``problems``: one invalid value must not hide a stream. The other
    getters are for values that a stream cannot exist without. They always raise.

    Optional getters have two keyword arguments. ``field`` is the field of the model that the value
    is read for, if its name differs; objects within an object inherit it. ``expected`` is whether
    a missing or null value is a problem too.

    Args:
        data: The object.
        path: The name of the object, for errors.
        outer: The object that contains it.
        index: The position of the object, if it is in a list of that name.
        lenient: Whether the optional getters are lenient.
        field: The field of the model that the object is read for.

    Attributes:
        data: The object, unchanged.
        problems: The values of the response that could not be read so far. Each entry is the field
            of the model, a colon, and the reason. ``None`` if the getters are strict.

    Raises:
        UnexpectedResponse: If the data is not an object.
    """

    __slots__ = ("_field", "_index", "_name", "_outer", "data", "problems")

    def __init__(
        self,
        data: Any,
        path: str = "",
        outer: Fields | None = None,
        index: int | None = None,
        *,
        lenient: bool = False,
        field: str = "",
    ) -> None:
        self._name, self._outer, self._index, self._field = path, outer, index, field
        self.problems: list[str] | None = [] if lenient else None
        if type(data) is not dict and not isinstance(data, Mapping):
            what = self.path or "the response"
            raise UnexpectedResponse(f"{what} is {_kind(data)}, not an object")
        self.data: Mapping[str, Any] = data

    def _inner(self, data: Mapping[str, Any], name: str, index: int | None, field: str) -> Fields:
        """Return the getters of an inner object, without checking its type again."""
        inner = Fields.__new__(Fields)
        inner._name, inner._outer, inner._index = name, self, index
        inner._field = field or self._field
        inner.problems, inner.data = self.problems, data
        return inner

    @property
    def path(self) -> str:
        """The path of the object in the response. It is only computed for errors."""
        outer = self._outer.path if self._outer is not None else ""
        path = f"{outer}.{self._name}" if outer else self._name
        return path if self._index is None else f"{path}[{self._index}]"

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def unreadable(self, name: str, problem: str, *, field: str = "") -> None:
        """Record that a value cannot be read, or raise an error if the getters are strict.

        Args:
            name: The name of the value in this object.
            problem: What is wrong, such as ``"is not a time"``. Must not contain the value.
            field: The field of the model that the value is read for, if its name differs.

        Raises:
            UnexpectedResponse: If the getters are strict.
        """
        path = self._path_of(name)
        if self.problems is None:
            raise UnexpectedResponse(f"{path} {problem} in the response")
        target = field or self._field or name
        self._record(f"{target}: {problem}" if target == path else f"{target}: {path} {problem}")

    def _record(self, problem: str) -> None:
        if self.problems is not None and problem not in self.problems:
            self.problems.append(problem)

    def _problem(self, name: str, expected: str) -> str:
        value = self.data.get(name)
        if value is None:
            return "is null" if name in self.data else "is missing"
        if _is_number(value) and not -MAX_NUMBER < value < MAX_NUMBER:
            return "is a number that is too large"
        if isinstance(value, str) and not is_encodable(value):
            return NOT_TEXT
        return f"is {_kind(value)}, not {expected}"

    def _wrong(self, name: str, expected: str) -> UnexpectedResponse:
        problem = self._problem(name, expected)
        return UnexpectedResponse(f"{self._path_of(name)} {problem} in the response")

    def _left_out(self, name: str, expected: str, field: str, is_expected: bool) -> None:
        """Record the problem of an optional value, unless the value is only absent."""
        if is_expected or self.data.get(name) is not None:
            self.unreadable(name, self._problem(name, expected), field=field)

    # -- required values --------------------------------------------------------------------

    def text(self, name: str) -> str:
        """Return a string."""
        value = self.data.get(name)
        if type(value) is str:
            return value
        raise self._wrong(name, "a string")

    def identifier(self, name: str) -> str:
        """Return a string that is not empty."""
        value = self.data.get(name)
        if type(value) is str and value:
            return value
        raise self._wrong(name, "an identifier")

    def flag(self, name: str) -> bool:
        """Return a Boolean."""
        value = self.data.get(name)
        if isinstance(value, bool):
            return value
        raise self._wrong(name, "true or false")

    def integer(self, name: str) -> int:
        """Return a whole number."""
        value = self.data.get(name)
        if type(value) is int:
            return value
        raise self._wrong(name, "a whole number")

    def object(self, name: str) -> Fields:
        """Return an object."""
        value = self.data.get(name)
        if type(value) is dict or isinstance(value, Mapping):
            return self._inner(value, name, None, "")
        raise self._wrong(name, "an object")

    def items(self, name: str) -> Sequence[Any]:
        """Return a list."""
        value = self.data.get(name)
        if isinstance(value, (list, tuple)):
            return value
        raise self._wrong(name, "a list")

    def objects(self, name: str) -> list[Fields]:
        """Return a list of objects."""
        return [Fields(item, name, self, i) for i, item in enumerate(self.items(name))]

    # -- optional values --------------------------------------------------------------------

    def optional_text(self, name: str, *, field: str = "", expected: bool = False) -> str | None:
        """Return a string, or ``None``."""
        value = self.data.get(name)
        if type(value) is str and (value.isascii() or is_encodable(value)):
            return value
        if value is not None or expected:
            self._left_out(name, "a string", field, expected)
        return None

    def optional_word(
        self,
        name: str,
        words: Mapping[str, W],
        *,
        normal: Callable[[str], str] = str.lower,
        field: str = "",
        expected: bool = False,
    ) -> W | None:
        """Return the meaning of one of the vendor's words, or ``None``.

        Args:
            name: The name of the value.
            words: The meaning of each word.
            normal: A function that normalizes a word for the lookup. Defaults to lower case.
            field: See the class.
            expected: See the class.
        """
        word = self.optional_text(name, field=field, expected=expected)
        if word is None:
            return None
        meaning = words.get(normal(word))
        if meaning is None:
            self.unreadable(name, "is not a known word", field=field)
        return meaning

    def optional_flag(self, name: str, *, field: str = "", expected: bool = False) -> bool | None:
        """Return a Boolean, or ``None``."""
        value = self.data.get(name)
        if type(value) is bool:
            return value
        if value is not None or expected:
            self._left_out(name, "true or false", field, expected)
        return None

    def optional_integer(self, name: str, *, field: str = "", expected: bool = False) -> int | None:
        """Return a whole number, or ``None``."""
        value = self.data.get(name)
        if type(value) is int:
            return value
        self._left_out(name, "a whole number", field, expected)
        return None

    def optional_number(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> float | None:
        """Return a finite number, or ``None``."""
        value = self.data.get(name)
        if _is_number(value) and -MAX_NUMBER < value < MAX_NUMBER:
            return value
        if value is not None or expected:
            self._left_out(name, "a number", field, expected)
        return None

    def optional_end(self, name: str, now: datetime, *, field: str = "") -> datetime | None:
        """Return the end of a time to live in seconds, such as ``expires_in``, or ``None``."""
        seconds = self.optional_number(name, field=field)
        if seconds is None:
            return None
        if 0 < seconds <= _MAX_TIME_TO_LIVE:
            return now + timedelta(seconds=seconds)
        self.unreadable(name, "is not a time to live", field=field)
        return None

    def optional_instant(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> datetime | None:
        """Return an ISO 8601 time with an offset as an instant in UTC, or ``None``."""
        text = self.optional_text(name, field=field, expected=expected)
        if text is None:
            return None
        try:
            return parse_instant(text)
        except InvalidInput:
            pass
        self.unreadable(name, "is not a time with an offset", field=field)
        return None

    def optional_object(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> Fields | None:
        """Return an object, or ``None``."""
        value = self.data.get(name)
        if type(value) is dict or isinstance(value, Mapping):
            return self._inner(value, name, None, field)
        if value is not None or expected:
            self._left_out(name, "an object", field, expected)
        return None

    def optional_items(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> Sequence[Any]:
        """Return a list, or an empty sequence if the value is missing or null."""
        value = self.data.get(name)
        if isinstance(value, (list, tuple)):
            return value
        if value is not None or expected:
            self._left_out(name, "a list", field, expected)
        return ()

    def optional_objects(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> list[Fields]:
        """Return a list of objects, or an empty list if the value is missing or null."""
        objects = []
        for i, item in enumerate(self.optional_items(name, field=field, expected=expected)):
            if type(item) is dict or isinstance(item, Mapping):
                objects.append(self._inner(item, name, i, field))
            else:
                self.unreadable(f"{name}[{i}]", f"is {_kind(item)}, not an object", field=field)
        return objects

    def optional_texts(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> tuple[str, ...]:
        """Return a list of strings, or an empty tuple if the value is missing or null."""
        items = self.optional_items(name, field=field, expected=expected)
        texts = tuple([item for item in items if type(item) is str])
        if len(texts) < len(items):
            self.unreadable(name, "is not a list of strings", field=field)
        return texts

    # -- values of the model ----------------------------------------------------------------

    def build(self, kind: Callable[P, V], *args: P.args, **values: P.kwargs) -> V:
        """Create a value of the model.

        If the getters are lenient, values that the model refuses are left out and recorded. A
        :class:`LiveStream` gets all problems.

        Args:
            kind: The class: :class:`LiveStream`, or the class of one of its parts.
            args: The values of the first fields.
            values: The values of further fields by name.

        Raises:
            UnexpectedResponse: If the model refuses a required value.
            InvalidInput: If the model refuses any value, and the getters are strict.
        """
        if self.problems and kind is LiveStream:
            values["problems"] = tuple(self.problems)
        try:
            return kind(*args, **values)
        except InvalidInput as error:
            value: V = self._salvaged(kind, "", args, values, error)
        return value

    def part(self, field: str, kind: Callable[P, V], *args: P.args, **values: P.kwargs) -> V | None:
        """Create a part of a stream, such as an :class:`Ingest`, like :meth:`build`.

        Args:
            field: The field of the stream that the part is for.
            kind: The class of the part.
            args: The values of the first fields.
            values: The values of further fields by name.

        Returns:
            The part, or ``None`` if the model refuses a required value.

        Raises:
            InvalidInput: If the model refuses any value, and the getters are strict.
        """
        part: V | None = None
        try:
            return kind(*args, **values)
        except InvalidInput as error:
            refused = error
        try:
            part = self._salvaged(kind, f"{field}.", args, values, refused)
        except UnexpectedResponse as error:
            self._record(error.message)
        return part

    def _salvaged(
        self,
        kind: Any,
        prefix: str,
        args: Sequence[Any],
        values: Mapping[str, Any],
        refused: InvalidInput,
    ) -> Any:
        """Create a value of the model without the values that it refuses."""
        if self.problems is None:
            raise refused
        fields = table(kind)
        values = {**dict(zip(fields, args, strict=False)), **values}
        while True:
            name = (refused.field or "").partition("[")[0].partition(".")[0]
            problem = prefix + compiled(_QUOTED_VALUE).sub("", refused.message)
            if name not in values:
                raise UnexpectedResponse(problem)
            facts = fields[name]
            if not facts.is_required:
                del values[name]
            elif facts.unknown is not None and values[name] != facts.unknown:
                values[name] = facts.unknown
            else:
                raise UnexpectedResponse(problem)
            self._record(problem)
            if kind is LiveStream:
                values["problems"] = tuple(self.problems)
            try:
                return kind(**values)
            except InvalidInput as error:
                refused = error


#: The quoted value at the beginning of a message of the model.
_QUOTED_VALUE = r"""(?s)(['"]).*\1 (?=is |has )"""


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_KINDS = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)
