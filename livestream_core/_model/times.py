"""Instants, and the wall clocks of vendors that send times without a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

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

_FORM_HINT = "write it like 2026-12-05T15:30:00+05:30"
_NAIVE_TEXT_HINT = "add its offset, as in 2026-12-05T15:30:00+05:30, or Z for UTC"
_NAIVE_HINT = "give it a zone: datetime(..., tzinfo=ZoneInfo('Europe/Berlin'))"


def parse_instant(text: str) -> datetime:
    """Return the instant of an ISO 8601 date and time with an offset (or ``Z``), in UTC.

    The date is of the calendar, an ordinal date or a week date; date and time are both in the
    extended or both in the basic form, with ``T`` or a space between them. Digits after the sixth
    of a second's fraction are cut off.

    Raises:
        InvalidInput: It is something else, or has no offset.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"expected an ISO 8601 time, not {type(text).__name__}", hint=_FORM_HINT)
    # Both parsers read more than ISO 8601 allows, and pass over what they do not expect.
    if compiled(_ISO_8601).fullmatch(text):
        value: datetime | None
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = _parse_rare_form(text)
        if value is not None:
            return value if value.tzinfo is UTC else to_utc(value, shown=text[:64])
    raise InvalidInput(f"{text[:64]!r} is not an ISO 8601 time", hint=_FORM_HINT)


def _parse_rare_form(text: str) -> datetime | None:
    # Ordinal dates, 24:00 and the like, which the standard library does not read. Loaded only
    # then: dateutil is far slower to import and to run.
    from dateutil.parser import isoparse

    text = text.upper().replace(" ", "T")  # isoparse takes a space for part of an ordinal date
    try:
        if "W" in text:
            date.fromisoformat(text.partition("T")[0])  # isoparse reads a 53rd week in every year
        return isoparse(text)
    except (ValueError, OverflowError):
        return None


def to_utc(value: datetime, *, shown: str | None = None) -> datetime:
    """An aware datetime as the same instant in UTC.

    Raises:
        InvalidInput: It is naive, or its instant lies outside of the years 1 to 9999.
    """
    if value.tzinfo is UTC:
        # A fold means nothing in UTC, but would be shown.
        return value.replace(fold=0) if value.fold else value
    if value.utcoffset() is None:
        # Who wrote a text is not helped by Python, and may never have seen any.
        hint = _NAIVE_HINT if shown is None else _NAIVE_TEXT_HINT
        raise InvalidInput(f"the time {shown or value.isoformat()!r} has no zone", hint=hint)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        pass
    raise InvalidInput(f"the time {shown or value.isoformat()!r} is out of range in UTC")


def format_instant(value: datetime) -> str:
    """An instant in UTC as ISO 8601 with ``Z`` and whole seconds, floored.

    Raises:
        InvalidInput: The datetime is naive.
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
        f"timezone {zone!r} is not known",
        hint="use an IANA name such as Asia/Kolkata; where the system has none, install tzdata",
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


@attrs.frozen(slots=True)
class WallClock:
    """The clock on a vendor's wall: naive times in one zone, with one precision.

    An instant is floored to the precision. A wall time that occurs twice is refused when
    written, and read as its first occurrence; one that was skipped is read with the offset
    that was in force before the gap.

    Attributes:
        zone: An IANA name such as ``"Asia/Kolkata"``, or a ``tzinfo``.
        precision: The smallest step that the vendor keeps; one second unless told.
    """

    zone: tzinfo = attrs.field(converter=_zone)
    precision: timedelta = attrs.field(default=timedelta(seconds=1))

    @precision.validator
    def _check_precision(self, _: Any, value: timedelta) -> None:
        if not timedelta(microseconds=1) <= value <= timedelta(days=1):
            raise ValueError("precision is from one microsecond to one day")

    def to_wall(self, instant: datetime, *, field: str = "time") -> datetime:
        """The naive wall time that the vendor means by ``instant``, floored to the precision.

        Raises:
            InvalidInput: The wall time occurs twice in this zone (or never, once floored), so
                that the vendor could take it for another instant.
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
            raise InvalidInput(
                f"{field}: {instant.isoformat()} is {wall.isoformat(' ')} on the vendor's clock "
                f"({self.zone}), which is ambiguous there because the clocks change",
                field=field,
                hint="choose another time",
            )
        raise InvalidInput(f"{field}: {instant.isoformat()} is out of range", field=field)

    def to_instant(self, wall: datetime) -> datetime:
        """The instant, in UTC, that a naive wall time of the vendor means.

        Raises:
            ValueError: ``wall`` is aware.
            OverflowError: The instant lies outside of the years 1 to 9999.
        """
        if wall.tzinfo is not None:
            raise ValueError("a wall time is naive")
        first = wall.replace(fold=0) if wall.fold else wall
        offset = self.zone.utcoffset(first)
        # Sums of time spans: replace() and astimezone() take ten times as long.
        return _EPOCH + (first - _NAIVE_EPOCH - (offset or timedelta(0)))

    def _shows(self, instant: datetime, wall: datetime) -> bool:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0) == wall
