"""Trims: the part of a recording to keep."""

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

#: Integers from this value on are Unix times in seconds (from 2001-09-09); smaller ones, seconds.
UNIX_TIME_FROM = 1_000_000_000
#: Integers from this value on can only be Unix times in milliseconds (as seconds, the year 5138).
_MILLISECONDS_FROM = 100_000_000_000

#: The maximum number of decimal places.
_MAX_DECIMALS = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@attrs.frozen(slots=True, init=False, repr=False)
class Trim:
    """The part of a recording to keep, from ``start`` to ``end``.

    A trim is either relative (whole seconds from the start of the recording) or absolute (instants
    in UTC). Fractions are rounded outward, so that the requested part is never shortened. Create a
    trim with :meth:`relative`, :meth:`absolute`, or :meth:`parse`.

    Attributes:
        start: The start, in whole seconds as an ``int``, or as an aware ``datetime``.
        end: The end, in the same form as ``start``, and later.
    """

    start: int | datetime
    end: int | datetime
    # The exact microseconds that were requested (from the recording's start, or from 1970).
    # Converting from these rounds once; converting from the rounded values would round twice.
    #: Two Fractions. The type is not named, because the class is slow to import and rarely needed.
    _exact: tuple[Any, Any] = attrs.field(eq=False)

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("create a trim with Trim.relative(), Trim.absolute(), or Trim.parse()")

    @classmethod
    def relative(
        cls,
        start: float | Decimal | Fraction | timedelta,
        end: float | Decimal | Fraction | timedelta,
    ) -> Trim:
        """Return a trim in seconds (or timedeltas) from the start of the recording.

        Raises:
            InvalidInput: If a value is not a number or is negative, or ``start`` is not before
                ``end``.
        """
        exact = _offset(start, "trim.start"), _offset(end, "trim.end")
        return cls._make(exact, absolute=False)

    @classmethod
    def absolute(cls, start: datetime, end: datetime) -> Trim:
        """Return a trim between two instants.

        Raises:
            InvalidInput: If a datetime is naive, or ``start`` is not before ``end``.
        """
        exact = _moment(start, "trim.start"), _moment(end, "trim.end")
        return cls._make(exact, absolute=True)

    @classmethod
    def parse(cls, start: int, end: int) -> Trim:
        """Read two integers: seconds from the start of the recording, or Unix times in seconds.

        Integers from 1_000_000_000 on are read as Unix times.

        Raises:
            InvalidInput: If a value is not an integer, is negative, or looks like milliseconds, if
                the two forms are mixed, or if ``start`` is not before ``end``.
        """
        for field, value in (("trim.start", start), ("trim.end", end)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise InvalidInput(
                    f"{field}: expected a whole number of seconds, not {_shown(value)}", field=field
                )
            if not -(MAX_SECONDS**2) < value < MAX_SECONDS**2:  # too long for the message
                raise InvalidInput(f"{field}: the number of seconds is too large", field=field)
            if value < 0:
                raise InvalidInput(f"{field}: {value} is negative", field=field)
            if value >= _MILLISECONDS_FROM:
                raise InvalidInput(
                    f"{field}: {value} looks like milliseconds",
                    field=field,
                    hint="use seconds: divide by 1000",
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
            raise InvalidInput("trim: start must be before end", field="trim")
        first, last = math.floor(exact[0] / 1_000_000), math.ceil(exact[1] / 1_000_000)
        self = object.__new__(cls)
        start, end = (_instant(first), _instant(last)) if absolute else (first, last)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)
        object.__setattr__(self, "_exact", exact)
        return self

    @property
    def is_relative(self) -> bool:
        """Whether the trim is relative to the start of the recording."""
        return isinstance(self.start, int)

    def to_relative(self, recording_start: datetime) -> Trim:
        """Return the same trim in seconds from ``recording_start``.

        Raises:
            InvalidInput: If the trim starts before the recording.
        """
        origin = _moment(recording_start, "recording_start")
        if self.is_relative:
            return self
        start, end = self._exact[0] - origin, self._exact[1] - origin
        if start < 0:
            raise InvalidInput(
                f"trim.start: {self.start} is before the recording, which starts at "
                f"{to_utc(recording_start)}",
                field="trim.start",
            )
        return self._make((start, end), absolute=False)

    def to_absolute(self, recording_start: datetime) -> Trim:
        """Return the same trim as instants, for a recording that starts at ``recording_start``.

        Raises:
            InvalidInput: If ``recording_start`` is naive, or an instant is out of range.
        """
        origin = _moment(recording_start, "recording_start")
        if not self.is_relative:
            return self
        return self._make((self._exact[0] + origin, self._exact[1] + origin), absolute=True)

    def check_duration(self, seconds: float | Decimal | Fraction) -> None:
        """Check the trim against the duration of a recording.

        Args:
            seconds: The duration of the recording.

        Raises:
            InvalidInput: If the trim ends after the recording, or, for an absolute trim, is longer.
        """
        duration = _offset(seconds, "duration")
        end = self._exact[1] if self.is_relative else self._exact[1] - self._exact[0]
        if end > duration:
            raise InvalidInput(
                f"trim.end: the trim needs {float(end / 1_000_000):g} s, but the recording has "
                f"only {float(duration / 1_000_000):g} s",
                field="trim.end",
            )

    def unix_times(self) -> tuple[int, int]:
        """Return start and end as integers that :meth:`parse` reads: seconds, or Unix times."""
        start, end = (
            value if isinstance(value, int) else (value - _EPOCH) // timedelta(seconds=1)
            for value in (self.start, self.end)
        )
        return start, end

    def to_dict(self) -> dict[str, Any]:
        """Return the trim as JSON data: integers, or ISO 8601 strings."""
        return {
            name: value if isinstance(value, int) else value.isoformat()
            for name, value in (("start", self.start), ("end", self.end))
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trim:
        """Read the data that :meth:`to_dict` returned.

        Raises:
            InvalidInput: If a value is missing, invalid, or unknown.
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
    def _restored(cls, exact: tuple[Fraction, Fraction], absolute: bool) -> Trim:
        return cls._make(exact, absolute=absolute)

    def __reduce__(self) -> tuple[Any, ...]:
        return Trim._restored, (self._exact, not self.is_relative)


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
        raise InvalidInput(f"{field}: is not a valid number of seconds", field=field)
    else:
        offset = Fraction(value) * 1_000_000
    if offset < 0:
        raise InvalidInput(f"{field}: {float(offset / 1_000_000):g} is negative", field=field)
    return offset


def _is_short(value: float | Decimal | Fraction) -> bool:
    """Return whether a number is comparable and has a limited number of decimal places.

    A Decimal of only a few characters can have a thousand million of them.
    """
    if isinstance(value, (int, float)) or not hasattr(value, "as_tuple"):
        return True
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent > -_MAX_DECIMALS


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
