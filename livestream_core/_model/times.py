"""Instants, and the local times of vendors that send times without an offset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal, TypeAlias

import attrs

from .._secrets.spellings import compiled
from .errors import ConfigurationError, InvalidInput

_OFFSET = (
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3])"
    r"(?::[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?|[0-5]\d(?:[0-5]\d)?)?)"
)
_EXTENDED = (
    r"\d{4}-(?:\d\d-\d\d|\d{3}|W\d\d-\d)"
    rf"(?:[Tt ]\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?{_OFFSET}?)?"
)
_BASIC = (
    r"\d{4}(?:\d{4}|\d{3}|W\d{3})"
    rf"(?:[Tt ]\d\d(?:\d\d(?:\d\d(?:[.,]\d+)?)?)?{_OFFSET}?)?"
)
_ISO_8601 = f"(?a:{_EXTENDED}|{_BASIC})"

_FORMAT_HINT = "write it like 2026-12-05T15:30:00+05:30"
_NAIVE_TEXT_HINT = "add the offset, as in 2026-12-05T15:30:00+05:30, or Z for UTC"
_NAIVE_HINT = "add a time zone: datetime(..., tzinfo=ZoneInfo('Europe/Berlin'))"


def parse_instant(text: str) -> datetime:
    """Return the instant, in UTC, of an ISO 8601 date and time with an offset or ``Z``.

    The date may be a calendar date, an ordinal date, or a week date. The date and the time must
    both be in the extended format or both in the basic format, separated by ``T`` or a space.
    Fractions of a second are truncated to microseconds.

    Raises:
        InvalidInput: If the text is not such a time, or has no offset.
    """
    if not isinstance(text, str):
        raise InvalidInput(
            f"expected an ISO 8601 time, not {type(text).__name__}", hint=_FORMAT_HINT
        )
    # Both parsers accept more than ISO 8601 allows, and ignore what they do not expect.
    if compiled(_ISO_8601).fullmatch(text):
        value: datetime | None
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = _parse_rare_form(text)
        if value is not None:
            return value if value.tzinfo is UTC else to_utc(value, shown=text[:64])
    raise InvalidInput(f"{text[:64]!r} is not an ISO 8601 time", hint=_FORMAT_HINT)


def _parse_rare_form(text: str) -> datetime | None:
    # Ordinal dates, 24:00, and so on, which the standard library does not read. Imported only
    # when needed: dateutil is much slower to import and to run.
    from dateutil.parser import isoparse

    text = text.upper().replace(" ", "T")  # isoparse reads a space as part of an ordinal date
    try:
        if "W" in text:
            date.fromisoformat(text.partition("T")[0])  # isoparse accepts week 53 in every year
        return isoparse(text)
    except (ValueError, OverflowError):
        return None


def to_utc(value: datetime, *, shown: str | None = None) -> datetime:
    """Convert an aware datetime to UTC.

    Args:
        value: The datetime.
        shown: The text that the datetime was read from, for error messages.

    Raises:
        InvalidInput: If the datetime is naive, or outside of the years 1 to 9999 in UTC.
    """
    if value.tzinfo is UTC:
        # A fold has no meaning in UTC, but the repr would show it.
        return value.replace(fold=0) if value.fold else value
    if value.utcoffset() is None:
        # An author of a text may not know Python.
        hint = _NAIVE_HINT if shown is None else _NAIVE_TEXT_HINT
        raise InvalidInput(f"the time {shown or value.isoformat()!r} has no time zone", hint=hint)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        pass
    raise InvalidInput(f"the time {shown or value.isoformat()!r} is out of range in UTC")


def format_instant(value: datetime) -> str:
    """Format an instant in UTC as ISO 8601 with ``Z`` and whole seconds, rounded down.

    Raises:
        InvalidInput: If the datetime is naive.
    """
    return to_utc(value).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _zone(zone: tzinfo | str) -> tzinfo:
    if isinstance(zone, tzinfo):
        return zone
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        pass
    raise ConfigurationError(
        f"unknown time zone {zone!r}",
        hint="use an IANA name such as Asia/Kolkata; if the system has no time zones, "
        "install tzdata",
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001

#: The units of Unix times.
UnixUnit: TypeAlias = Literal["s", "ms", "us"]
#: The decimal digits of a microsecond in each unit.
_UNIX_DIGITS = {"s": 6, "ms": 3, "us": 0}
_DECIMAL = r"(?a:([+-]?\d{1,20})(?:\.(\d{1,40}))?)"


def from_unix(value: int | float | str, unit: UnixUnit) -> datetime | None:
    """Return the instant of a Unix time, or ``None`` if it is not one in the years 1 to 9999.

    Fractions are truncated to microseconds, and calculated without floating-point arithmetic.

    Args:
        value: The number, or its text in decimal digits.
        unit: The unit.

    Raises:
        ConfigurationError: If the unit is unknown.
    """
    digits = _UNIX_DIGITS.get(unit)
    if digits is None:
        raise ConfigurationError(f"unit: expected one of {', '.join(_UNIX_DIGITS)}")
    if isinstance(value, int):
        microseconds = value * 10**digits
    else:
        # The shortest decimal text of a float is the text that the vendor sent.
        text = value if isinstance(value, str) else _without_exponent(value)
        found = compiled(_DECIMAL).fullmatch(text)
        if found is None:
            return None
        fraction = (found[2] or "")[:digits].ljust(digits, "0")
        microseconds = int(found[1] + fraction)
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def _without_exponent(value: float) -> str:
    text = repr(value)
    if "e" not in text:
        return text
    from decimal import Decimal

    return f"{Decimal(text):f}"


@attrs.frozen(slots=True)
class WallClock:
    """A vendor's local time: naive datetimes in one time zone, with one precision.

    Instants are rounded down to the precision. A local time that occurs twice is refused when
    written, and read as its first occurrence. A local time that was skipped is read with the
    offset that applied before the gap.

    Attributes:
        zone: An IANA name such as ``"Asia/Kolkata"``, or a ``tzinfo``.
        precision: The smallest unit that the vendor stores. Defaults to one second.
    """

    zone: tzinfo = attrs.field(converter=_zone)
    precision: timedelta = attrs.field(default=timedelta(seconds=1))

    @precision.validator
    def _check_precision(self, _: Any, value: timedelta) -> None:
        if not timedelta(microseconds=1) <= value <= timedelta(days=1):
            raise ValueError("precision must be between one microsecond and one day")

    def to_wall(self, instant: datetime, *, field: str = "time") -> datetime:
        """Convert an instant to the vendor's local time, rounded down to the precision.

        Raises:
            InvalidInput: If the local time occurs twice in this time zone (or never, after
                rounding), so that the vendor could read it as a different instant.
        """
        instant = to_utc(instant)
        try:
            exact = instant.astimezone(self.zone).replace(tzinfo=None, fold=0)
            midnight = exact.replace(hour=0, minute=0, second=0, microsecond=0)
            lost = (exact - midnight) % self.precision
            wall = exact - lost
            first = self.to_instant(wall)
            second = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        except OverflowError:
            pass
        else:
            if first == instant - lost and (second == first or not self._shows(second, wall)):
                return wall
            if not self._shows(first, wall):
                problem = "does not exist that day because the clocks go forward"
            elif second != first and self._shows(second, wall):
                problem = "occurs twice that day because the clocks go back"
            else:
                problem = "is ambiguous that day because the clocks change"
            raise InvalidInput(
                f"{field}: {instant.isoformat()} is {wall.isoformat(' ')} in the vendor's time "
                f"zone ({self.zone}), which {problem}",
                field=field,
                hint="choose another time",
            )
        raise InvalidInput(f"{field}: {instant.isoformat()} is out of range", field=field)

    def to_instant(self, wall: datetime) -> datetime:
        """Convert a naive local time of the vendor to an instant in UTC.

        Raises:
            ValueError: If ``wall`` is aware.
            OverflowError: If the instant is outside of the years 1 to 9999.
        """
        if wall.tzinfo is not None:
            raise ValueError("a wall time must be naive")
        first = wall.replace(fold=0) if wall.fold else wall
        offset = self.zone.utcoffset(first)
        # Timedelta arithmetic: replace() and astimezone() take ten times as long.
        return _EPOCH + (first - _NAIVE_EPOCH - (offset or timedelta(0)))

    def _shows(self, instant: datetime, wall: datetime) -> bool:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0) == wall
