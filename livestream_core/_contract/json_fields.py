"""Reading the fields of a JSON object, strictly or leniently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeGuard, TypeVar

from .._model.converters import NOT_TEXT, is_encodable
from .._model.errors import InvalidInput, UnexpectedResponse
from .._model.fields import table
from .._model.stream import LiveStream
from .._model.times import UnixUnit, from_unix, parse_instant
from .._secrets.spellings import compiled

P = ParamSpec("P")
V = TypeVar("V")
W = TypeVar("W")

#: The limit for numbers of a vendor. JSON can contain any number, even ``1e999``, which is read as
#: infinity.
MAX_NUMBER = 2**63
#: The longest time to live, in seconds; about 31 years.
_MAX_TIME_TO_LIVE = 10**9
#: How messages refer to the response. Adapters that were written for earlier versions say "answer".
THE_RESPONSE = r"\bthe (?:response|answer)\b"


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

    def optional_unix(
        self, name: str, *, unit: UnixUnit = "s", field: str = "", expected: bool = False
    ) -> datetime | None:
        """Return a Unix time, or the text of one, as an instant in UTC, or ``None``.

        Args:
            name: The name of the value.
            unit: The unit in which the vendor counts from 1970: ``"s"``, ``"ms"``, or ``"us"``.
            field: See the class.
            expected: See the class.
        """
        value = self.data.get(name)
        if type(value) is not str and not _is_number(value):
            if value is not None or expected:
                self._left_out(name, "a Unix time", field, expected)
            return None
        instant = from_unix(value, unit)
        if instant is None:
            self.unreadable(name, f"is not a Unix time in {unit}", field=field)
        return instant

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
            values: The values of further fields by name. Pass a field named ``kind``, such as
                that of a :class:`Playback`, by position.

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
