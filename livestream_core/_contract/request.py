"""What an operation yields and what it is resumed with."""

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
#: A file of a multipart form: its name, its bytes, its media type.
File: TypeAlias = tuple[str, bytes, str]

_CONTROL = r"[\x00-\x1f\x7f]"
#: How much of a body is ever shown, and more than enough of it.
TEXT_SHOWN = 64 * 1024
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_BEGINNING = (
    rb"(?is)(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script)\b"
)
#: What a vendor counts or measures is smaller. JSON can hold anything, also ``1e999``, which is
#: read as infinity.
MAX_NUMBER = 2**63
#: Seconds; about 31 years.
_LONGEST_LIFE = 10**9
_IDEMPOTENT = {"GET": True, "PUT": True, "DELETE": True, "POST": False, "PATCH": False}


_TARGET = r'/[!"$-~]*'


def checked_target(target: str) -> str:
    """Return path and query, if they can be sent as they are.

    HTTP libraries drop what comes after a ``#``, and rewrite or drop blanks, line breaks and what
    is not ASCII: the vendor would be asked for something else.

    Raises:
        InvalidInput: They cannot.
    """
    if not compiled(_TARGET).fullmatch(target):
        raise InvalidInput(
            "the target of the request has characters that cannot be sent as they are",
            field="target",
        )
    return target


@lru_cache(maxsize=512)
def template_names(template: str) -> tuple[str, ...]:
    """The names in braces of a path template."""
    from string import Formatter

    if not template.startswith("/"):
        raise ValueError(f"a path starts with a slash: {template!r}")
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
    """One HTTP request of an operation, before it is bound to an origin and a session.

    Make it by ``Adapter.request()`` and its short forms, which fill in what all paths of a
    vendor share. Its repr shows method and template only.

    Attributes:
        method: In upper case.
        template: The path, with names in braces; what logs and hooks show.
        values: What stands for the names; percent-encoded when the request is sent.
        link: Path and query to send as they are, from a link of the vendor's own.
        params: Query parameters; ``None`` is left out, a sequence is repeated.
        json: Body as JSON.
        form: Body as a web form.
        files: Body as multipart, together with ``form``.
        headers: Headers besides those that the core sends.
        changes: Whether it changes something at the vendor.
        idempotent: Whether it may be sent again without knowing what became of the first.
        safe_statuses: Answers after which it may be sent again though it is not idempotent,
            because the vendor documents that nothing was done.
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
            raise ValueError(f"method {self.method!r} is none of {', '.join(_IDEMPOTENT)}")
        if (self.json is not None) + (self.form is not None or self.files is not None) > 1:
            raise ValueError("a request has one body: json, or form and files")

    def target(self) -> str:
        """Path and query as they are sent.

        Raises:
            InvalidInput: A value of the template is empty, ``.``, ``..``, or has a control
                character; ``field`` is its name. Or template or link have something in them
                that cannot be sent as it is, such as a blank or a ``#``.
        """
        if self.link:
            return checked_target(self.link)
        path = self.template
        if names := template_names(path):
            path = path.format_map({name: _quoted(name, self.values[name]) for name in names})
        query = _encode_query(self.params) if self.params else ""
        return checked_target(f"{path}?{query}" if query else path)

    def content(self) -> tuple[bytes | None, dict[str, str]]:
        """The body and its headers.

        Raises:
            InvalidInput: The body cannot be written as JSON or as a form.
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
        many = value if isinstance(value, (list, tuple)) else (value,)
        for each in many:
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
        f"options: the request cannot be written as JSON ({problem})", field="options"
    )


class Headers(Mapping[str, str]):
    """Headers of an answer; names are compared without regard to case."""

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
    """Takes secrets out of texts."""

    @property
    def news(self) -> object:
        """Another object whenever there are secrets that were not known before."""
        ...

    def mask(self, text: str, most: int) -> str:
        """Return the first characters of a text, with a mask for every secret."""
        ...


class _NoSecrets:
    news: object = None

    def mask(self, text: str, most: int) -> str:
        return text[:most]


_NO_SECRETS: Mask = _NoSecrets()


# What is set later is not converted: that would cost more than reading a small answer.
@attrs.define(slots=True, eq=False, repr=False, on_setattr=attrs.setters.NO_OP)
class Response:
    """A vendor's answer. Its repr shows the status only.

    Attributes:
        status: The HTTP status code.
        headers: Names are compared without regard to case.
        body: The bytes, decoded from gzip and the like, capped.
        problem: Why the body is not whole, if it is not: it was cut, or it is too large.
        request: The request that it answers, once the driver has it.
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
        """The body as JSON.

        Raises:
            UnexpectedResponse: It is not JSON, is cut, or is nested too deeply.
        """
        if not self._is_read:
            self._json = self._parse()
            self._is_read = True
        return self._json

    def parse_in_turns(self) -> None:
        """Read a body as JSON, if it is, so that other threads can go on meanwhile: Python's
        parser holds them up until it is through, unless it calls something.
        """
        try:
            self._json = self._parse(_as_it_is)
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
        raise self.unexpected(f"the answer {problem}")

    def fields(self, *, lenient: bool = False) -> Fields:
        """Return the body as a JSON object, to be read by typed getters.

        Args:
            lenient: See :class:`Fields`.

        Raises:
            UnexpectedResponse: It is not a JSON object.
        """
        return Fields(self.json(), lenient=lenient)

    @property
    def text(self) -> str:
        """The first 64 KiB of the body as text, to be shown. Secrets in it are masked, what is not
        UTF-8 is replaced. Cut it as short as you like: no half of a secret can be left.
        """
        # Read first: what becomes known meanwhile is masked the next time.
        news = self._secrets.news
        if self._shown is None or self._shown[0] is not news:
            # Twice as much as is shown, of the longest characters: a secret may lie across the end.
            read = self.body[: 8 * TEXT_SHOWN].decode("utf-8", "replace")
            self._shown = news, self._secrets.mask(read, TEXT_SHOWN)
        return self._shown[1]

    @property
    def is_readable(self) -> bool:
        """Whether the body is what an API answers, JSON, or nothing where 204 says so."""
        return self.status in (204, 205) or self.is_json

    @property
    def is_json(self) -> bool:
        """Whether the body can be read as JSON."""
        try:
            self.json()
        except UnexpectedResponse:
            return False
        return True

    @property
    def is_html(self) -> bool:
        """Whether the body is a web page, by its beginning or its type, and not JSON."""
        if self.is_readable or not self.body.strip():
            return False
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind in _HTML_TYPES or compiled(_HTML_BEGINNING).match(self.body) is not None

    def unexpected(self, problem: str) -> UnexpectedResponse:
        """An error about this answer, to be raised by the caller."""
        return UnexpectedResponse(problem, http_status=self.status)

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


def take(response: Response, request: Request, secrets: Mask) -> Response:
    """Note which request an answer belongs to, and what masks its text."""
    response.request, response._secrets = request, secrets
    return response


def _as_it_is(value: dict[str, Any]) -> dict[str, Any]:
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


@cache
def _decoder(hook: Callable[[dict[str, Any]], Any] | None) -> JSONDecoder:
    # Loaded for the first answer: an import of this library needs none.
    from json import JSONDecoder

    return JSONDecoder(parse_constant=_refuse_constant, object_hook=hook)


class Fields:
    """Typed getters over a JSON object; each error names the field by its path.

    Getters that begin with ``optional_`` return ``None``, or nothing, for what is missing or null.
    If they are lenient, they return that for what cannot be read as well, and note it in
    ``problems``: one odd value must not hide a stream. The other getters are for what a stream is
    nothing without, and always raise.

    Optional getters take two arguments by name. ``field`` is the field of the model that the value
    is read for, if that has another name; the objects within an object take it over. ``expected``
    is whether it is a problem too if the value is missing or null.

    Args:
        data: The object.
        path: Its name, for errors.
        outer: The object that it is in.
        index: Its place in a list of that name.
        lenient: Whether optional getters are lenient.
        field: The field of the model that it is read for.

    Attributes:
        data: The object as it came.
        problems: What could not be read so far, here and in all objects of the same answer; each
            is the field of the model, a colon, and the reason. ``None`` if the getters are strict.

    Raises:
        UnexpectedResponse: It is not an object.
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
            what = self.path or "the answer"
            raise UnexpectedResponse(f"{what} is {_kind(data)}, not an object")
        self.data: Mapping[str, Any] = data

    def _inner(self, data: Mapping[str, Any], name: str, index: int | None, field: str) -> Fields:
        """An object in it, without a look at what it is: every stream has several."""
        inner = Fields.__new__(Fields)
        inner._name, inner._outer, inner._index = name, self, index
        inner._field = field or self._field
        inner.problems, inner.data = self.problems, data
        return inner

    @property
    def path(self) -> str:
        """Where it stands in the answer; put together only for an error."""
        outer = self._outer.path if self._outer is not None else ""
        path = f"{outer}.{self._name}" if outer else self._name
        return path if self._index is None else f"{path}[{self._index}]"

    def _named(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def unreadable(self, name: str, problem: str, *, field: str = "") -> None:
        """Note that a value cannot be read, or raise if the getters are strict.

        Args:
            name: Its name in this object.
            problem: What is wrong with it, such as ``"is not a time"``. Never the value itself.
            field: The field of the model that it is read for, if that has another name.

        Raises:
            UnexpectedResponse: The getters are strict.
        """
        path = self._named(name)
        if self.problems is None:
            raise UnexpectedResponse(f"{path} {problem} in the answer")
        about = field or self._field or name
        self._note(f"{about}: {problem}" if about == path else f"{about}: {path} {problem}")

    def _note(self, problem: str) -> None:
        if self.problems is not None and problem not in self.problems:
            self.problems.append(problem)

    def _problem(self, name: str, expected: str) -> str:
        value = self.data.get(name)
        if value is None:
            return "is null" if name in self.data else "is missing"
        if _is_number(value) and not -MAX_NUMBER < value < MAX_NUMBER:
            return "is too large a number"
        if isinstance(value, str) and not is_encodable(value):
            return NOT_TEXT
        return f"is {_kind(value)}, not {expected}"

    def _wrong(self, name: str, expected: str) -> UnexpectedResponse:
        problem = self._problem(name, expected)
        return UnexpectedResponse(f"{self._named(name)} {problem} in the answer")

    def _left_out(self, name: str, expected: str, field: str, is_expected: bool) -> None:
        """What optional getters return for what is not what it should be."""
        if is_expected or self.data.get(name) is not None:
            self.unreadable(name, self._problem(name, expected), field=field)

    # -- what a stream is nothing without ---------------------------------------------------

    def text(self, name: str) -> str:
        """A string."""
        value = self.data.get(name)
        if type(value) is str:
            return value
        raise self._wrong(name, "a string")

    def identifier(self, name: str) -> str:
        """A string that is not empty."""
        value = self.data.get(name)
        if type(value) is str and value:
            return value
        raise self._wrong(name, "an identifier")

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.data.get(name)
        if isinstance(value, bool):
            return value
        raise self._wrong(name, "true or false")

    def integer(self, name: str) -> int:
        """A whole number."""
        value = self.data.get(name)
        if type(value) is int:
            return value
        raise self._wrong(name, "a whole number")

    def object(self, name: str) -> Fields:
        """An object."""
        value = self.data.get(name)
        if type(value) is dict or isinstance(value, Mapping):
            return self._inner(value, name, None, "")
        raise self._wrong(name, "an object")

    def items(self, name: str) -> Sequence[Any]:
        """A list."""
        value = self.data.get(name)
        if isinstance(value, (list, tuple)):
            return value
        raise self._wrong(name, "a list")

    def objects(self, name: str) -> list[Fields]:
        """A list of objects."""
        return [Fields(item, name, self, i) for i, item in enumerate(self.items(name))]

    # -- all else ---------------------------------------------------------------------------

    def optional_text(self, name: str, *, field: str = "", expected: bool = False) -> str | None:
        """A string, or ``None``."""
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
        """What one of the vendor's words means, or ``None``.

        Args:
            name: The value's name.
            words: What each word means.
            normal: The spelling in which a word is looked up; lower case by default.
            field: See the class.
            expected: See the class.
        """
        word = self.optional_text(name, field=field, expected=expected)
        if word is None:
            return None
        meaning = words.get(normal(word))
        if meaning is None:
            self.unreadable(name, "is not a word that is known", field=field)
        return meaning

    def optional_flag(self, name: str, *, field: str = "", expected: bool = False) -> bool | None:
        """True, false, or ``None``."""
        value = self.data.get(name)
        if type(value) is bool:
            return value
        if value is not None or expected:
            self._left_out(name, "true or false", field, expected)
        return None

    def optional_integer(self, name: str, *, field: str = "", expected: bool = False) -> int | None:
        """A whole number, or ``None``."""
        value = self.data.get(name)
        if type(value) is int:
            return value
        self._left_out(name, "a whole number", field, expected)
        return None

    def optional_number(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> float | None:
        """A number that can be calculated with, or ``None``."""
        value = self.data.get(name)
        if _is_number(value) and -MAX_NUMBER < value < MAX_NUMBER:
            return value
        if value is not None or expected:
            self._left_out(name, "a number", field, expected)
        return None

    def optional_end(self, name: str, now: datetime, *, field: str = "") -> datetime | None:
        """The instant in so many seconds, such as those of ``expires_in``, or ``None``."""
        seconds = self.optional_number(name, field=field)
        if seconds is None:
            return None
        if 0 < seconds <= _LONGEST_LIFE:
            return now + timedelta(seconds=seconds)
        self.unreadable(name, "is not a time to live", field=field)
        return None

    def optional_instant(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> datetime | None:
        """An ISO 8601 time with an offset as an instant in UTC, or ``None``."""
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
        """An object, or ``None``."""
        value = self.data.get(name)
        if type(value) is dict or isinstance(value, Mapping):
            return self._inner(value, name, None, field)
        if value is not None or expected:
            self._left_out(name, "an object", field, expected)
        return None

    def optional_items(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> Sequence[Any]:
        """A list; empty for what is missing or null."""
        value = self.data.get(name)
        if isinstance(value, (list, tuple)):
            return value
        if value is not None or expected:
            self._left_out(name, "a list", field, expected)
        return ()

    def optional_objects(
        self, name: str, *, field: str = "", expected: bool = False
    ) -> list[Fields]:
        """A list of objects; empty for what is missing or null."""
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
        """A list of strings; empty for what is missing or null."""
        items = self.optional_items(name, field=field, expected=expected)
        texts = tuple([item for item in items if type(item) is str])
        if len(texts) < len(items):
            self.unreadable(name, "is not a list of strings", field=field)
        return texts

    # -- values of the model ----------------------------------------------------------------

    def build(self, kind: Callable[P, V], *args: P.args, **values: P.kwargs) -> V:
        """Make a value of the model of what was read. What the model refuses is left out and
        noted, if the getters are lenient; a :class:`LiveStream` gets all problems.

        Args:
            kind: The class: :class:`LiveStream`, or that of one of its parts.
            args: What its first fields get.
            values: What its fields get by name.

        Raises:
            UnexpectedResponse: The model refuses what there is no such value without.
            InvalidInput: The same, if the getters are strict.
        """
        if self.problems and kind is LiveStream:
            values["problems"] = tuple(self.problems)
        try:
            return kind(*args, **values)
        except InvalidInput as error:
            value: V = self._salvaged(kind, "", args, values, error)
        return value

    def part(self, field: str, kind: Callable[P, V], *args: P.args, **values: P.kwargs) -> V | None:
        """:meth:`build` a part of a stream, such as an :class:`Ingest`; ``None`` if the model
        refuses what there is no such part without.

        Args:
            field: The field of the stream that it is for.
            kind: Its class.
            args: What its first fields get.
            values: What its fields get by name.

        Raises:
            InvalidInput: The model refuses something, and the getters are strict.
        """
        part: V | None = None
        try:
            return kind(*args, **values)
        except InvalidInput as error:
            refused = error
        try:
            part = self._salvaged(kind, f"{field}.", args, values, refused)
        except UnexpectedResponse as error:
            self._note(error.message)
        return part

    def _salvaged(
        self,
        kind: Any,
        prefix: str,
        args: Sequence[Any],
        values: Mapping[str, Any],
        refused: InvalidInput,
    ) -> Any:
        """A value of the model without what it refuses."""
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
            self._note(problem)
            if kind is LiveStream:
                values["problems"] = tuple(self.problems)
            try:
                return kind(**values)
            except InvalidInput as error:
                refused = error


#: The value that the model was given, at the beginning of what it says is wrong with it.
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
