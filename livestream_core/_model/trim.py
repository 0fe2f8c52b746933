"""Which part of a recording is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from .converters import MAX_SECONDS, refuse_unknown
from .errors import InvalidInput
from .times import parse_instant, to_utc

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

#: From here up a plain integer is a Unix time in seconds (2001-09-09); below, seconds.
UNIX_TIME_FROM = 1_000_000_000
#: From here up it can only be Unix time in milliseconds (seconds would be in the year 5138).
_MILLISECONDS_FROM = 100_000_000_000

#: After the point.
_MOST_DIGITS = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@attrs.frozen(slots=True, init=False, repr=False)
class Trim:
    """The part of a recording to keep, from ``start`` to ``end``.

    Either relative (whole seconds from the start of the recording) or absolute (instants in
    UTC). Fractions are rounded outward when it is made, so that nothing asked for is cut.
    Make one by :meth:`relative`, :meth:`absolute` or :meth:`parse`.

    Attributes:
        start: Whole seconds as an ``int``, or an instant as an aware ``datetime``.
        end: The same form as ``start``, later than it.
    """

    start: int | datetime
    end: int | datetime
    # Microseconds (from the recording's start, or from 1970) exactly as they were asked for.
    # Converting from these rounds once; converting from the rounded values would round twice.
    #: Two Fractions: a class that not every user of this library needs, and slow to import.
    _exact: tuple[Any, Any] = attrs.field(eq=False)

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("make a trim by Trim.relative(), Trim.absolute() or Trim.parse()")

    @classmethod
    def relative(
        cls,
        start: float | Decimal | Fraction | timedelta,
        end: float | Decimal | Fraction | timedelta,
    ) -> Trim:
        """Return a trim in seconds (or timedeltas) from the start of the recording.

        Raises:
            InvalidInput: Not a number, negative, or ``start`` is not before ``end``.
        """
        exact = _offset(start, "trim.start"), _offset(end, "trim.end")
        return cls._make(exact, absolute=False)

    @classmethod
    def absolute(cls, start: datetime, end: datetime) -> Trim:
        """A trim between two instants.

        Raises:
            InvalidInput: A datetime is naive, or ``start`` is not before ``end``.
        """
        exact = _moment(start, "trim.start"), _moment(end, "trim.end")
        return cls._make(exact, absolute=True)

    @classmethod
    def parse(cls, start: int, end: int) -> Trim:
        """Reads two plain integers: seconds from the start of the recording, or, from
        1_000_000_000 up, Unix times in seconds.

        Raises:
            InvalidInput: Milliseconds, mixed forms, negative, not integers, or ``start`` is not
                before ``end``; each with its own message.
        """
        for field, value in (("trim.start", start), ("trim.end", end)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise InvalidInput(
                    f"{field}: expected a whole number of seconds, not {_shown(value)}", field=field
                )
            if not -(MAX_SECONDS**2) < value < MAX_SECONDS**2:  # too long to be shown
                raise InvalidInput(f"{field}: is too large a number of seconds", field=field)
            if value < 0:
                raise InvalidInput(f"{field}: {value} is negative", field=field)
            if value >= _MILLISECONDS_FROM:
                raise InvalidInput(
                    f"{field}: {value} looks like milliseconds",
                    field=field,
                    hint="divide by 1000: seconds are expected",
                )
        if (start >= UNIX_TIME_FROM) != (end >= UNIX_TIME_FROM):
            raise InvalidInput(
                f"trim: {start} and {end} mix seconds with Unix time",
                field="trim",
                hint="use the same form for both",
            )
        exact = _fraction(start * 1_000_000), _fraction(end * 1_000_000)
        return cls._make(exact, absolute=start >= UNIX_TIME_FROM)

    @classmethod
    def _make(cls, exact: tuple[Fraction, Fraction], *, absolute: bool) -> Trim:
        if exact[0] >= exact[1]:
            raise InvalidInput("trim: start is not before end", field="trim")
        first, last = math.floor(exact[0] / 1_000_000), math.ceil(exact[1] / 1_000_000)
        self = object.__new__(cls)
        start, end = (_instant(first), _instant(last)) if absolute else (first, last)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)
        object.__setattr__(self, "_exact", exact)
        return self

    @property
    def is_relative(self) -> bool:
        """Whether it counts from the start of the recording."""
        return isinstance(self.start, int)

    def to_relative(self, recording_start: datetime) -> Trim:
        """The same trim in seconds from ``recording_start``.

        Raises:
            InvalidInput: It starts before the recording does.
        """
        origin = _moment(recording_start, "recording_start")
        if self.is_relative:
            return self
        start, end = self._exact[0] - origin, self._exact[1] - origin
        if start < 0:
            raise InvalidInput(
                f"trim.start: {self.start} lies before the recording, which starts at "
                f"{to_utc(recording_start)}",
                field="trim.start",
            )
        return self._make((start, end), absolute=False)

    def to_absolute(self, recording_start: datetime) -> Trim:
        """The same trim as instants, for a recording that starts at ``recording_start``.

        Raises:
            InvalidInput: ``recording_start`` is naive, or an instant is out of range.
        """
        origin = _moment(recording_start, "recording_start")
        if not self.is_relative:
            return self
        return self._make((self._exact[0] + origin, self._exact[1] + origin), absolute=True)

    def check_duration(self, seconds: float | Decimal | Fraction) -> None:
        """Checks the trim against a recording of ``seconds``.

        Raises:
            InvalidInput: It ends after the recording; an absolute trim: it is longer.
        """
        duration = _offset(seconds, "duration")
        end = self._exact[1] if self.is_relative else self._exact[1] - self._exact[0]
        if end > duration:
            raise InvalidInput(
                f"trim.end: the trim needs {float(end / 1_000_000):g} s, the recording has "
                f"{float(duration / 1_000_000):g} s",
                field="trim.end",
            )

    def unix_times(self) -> tuple[int, int]:
        """Start and end as the integers that :meth:`parse` reads: seconds, or Unix times."""
        start, end = (
            value if isinstance(value, int) else (value - _EPOCH) // timedelta(seconds=1)
            for value in (self.start, self.end)
        )
        return start, end

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON: integers, or ISO 8601 strings."""
        return {
            name: value if isinstance(value, int) else value.isoformat()
            for name, value in (("start", self.start), ("end", self.end))
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trim:
        """Read what :meth:`to_dict` wrote.

        Raises:
            InvalidInput: Something in it is missing, wrong or unknown.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput(f"trim: expected a mapping, not {type(data).__name__}", field="trim")
        refuse_unknown("Trim", data, ("start", "end"))
        for name in ("start", "end"):
            if name not in data:
                raise InvalidInput(f"trim.{name}: is missing", field=f"trim.{name}")
        start, end = data["start"], data["end"]
        if isinstance(start, str) and isinstance(end, str):
            return cls.absolute(parse_instant(start), parse_instant(end))
        return cls.relative(start, end)

    def __repr__(self) -> str:
        form = "relative" if self.is_relative else "absolute"
        return f"Trim.{form}({self.start!s}, {self.end!s})"

    @classmethod
    def _remade(cls, exact: tuple[Fraction, Fraction], absolute: bool) -> Trim:
        return cls._make(exact, absolute=absolute)

    def __reduce__(self) -> tuple[Any, ...]:
        return Trim._remade, (self._exact, not self.is_relative)


def _instant(seconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        pass
    raise InvalidInput("trim: out of range", field="trim")


def _fraction(value: int) -> Fraction:
    from fractions import Fraction

    return Fraction(value)


def _offset(value: float | Decimal | Fraction | timedelta, field: str) -> Fraction:
    from decimal import Decimal
    from fractions import Fraction

    if isinstance(value, timedelta):
        offset = Fraction(value // _MICROSECOND)
    elif isinstance(value, bool) or not isinstance(value, (int, float, Decimal, Fraction)):
        raise InvalidInput(
            f"{field}: expected seconds or a timedelta, not {_shown(value)}", field=field
        )
    elif not (_is_short(value) and -MAX_SECONDS < value < MAX_SECONDS):
        raise InvalidInput(f"{field}: is not a number of seconds, or too large a one", field=field)
    else:
        offset = Fraction(value) * 1_000_000
    if offset < 0:
        raise InvalidInput(f"{field}: {float(offset / 1_000_000):g} is negative", field=field)
    return offset


def _is_short(value: float | Decimal | Fraction) -> bool:
    """Whether it is a number that can be compared, with as many digits as can be worked with: a
    few characters are enough for a Decimal of a thousand million.
    """
    if isinstance(value, (int, float)) or not hasattr(value, "as_tuple"):
        return True
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent > -_MOST_DIGITS


def _moment(value: datetime, field: str) -> Fraction:
    if not isinstance(value, datetime):
        raise InvalidInput(f"{field}: expected an aware datetime, not {_shown(value)}", field=field)
    try:
        return _fraction((to_utc(value) - _EPOCH) // _MICROSECOND)
    except InvalidInput as error:
        error.field, error.message = field, f"{field}: {error.message}"
        raise


def _shown(value: object) -> str:
    kind = type(value).__name__
    return f"{kind} {value[:40]!r}" if isinstance(value, str) else kind
