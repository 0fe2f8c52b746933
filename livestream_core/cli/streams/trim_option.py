"""The ``--trim`` option: every form of a :class:`Trim`, as one text."""

from __future__ import annotations

import re
from fractions import Fraction

from ..._model.converters import with_field_name
from ..._model.errors import InvalidInput
from ..._model.times import parse_instant
from ..._model.trim import UNIX_TIME_FROM, Trim

_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_SECONDS = re.compile(r"-?\d{1,19}(?:\.\d{1,19})?", re.ASCII)
_CLOCK = re.compile(
    r"(?:(?P<hours>\d{1,6}):(?=[0-5]\d:))?(?P<minutes>\d{1,6}):(?P<seconds>[0-5]\d(?:\.\d{1,19})?)",
    re.ASCII,
)


def trim_of(text: str) -> Trim:
    """Return the trim that ``START..END`` means.

    Raises:
        InvalidInput: If the text does not have this form, or the trim is impossible.
    """
    start, _, end = text.partition("..")
    if _INTEGER.fullmatch(start) and _INTEGER.fullmatch(end):
        return Trim.parse(int(start), int(end))
    first, last = _offset(start), _offset(end)
    if first is not None and last is not None:
        if max(first, last) >= UNIX_TIME_FROM:
            raise InvalidInput(
                "trim: a Unix time cannot be combined with fractions of a second or with h:mm:ss",
                field="trim",
                hint="write both as ISO 8601 times",
            )
        return Trim.relative(first, last)
    if start and end and first is last is None:
        instant = with_field_name("trim", parse_instant)
        return Trim.absolute(instant(start), instant(end))
    raise InvalidInput(
        "trim: expected START..END, two offsets from the start of the recording or two ISO 8601 "
        "times",
        field="trim",
        hint="write it like 30..120, 0:00:30..1:02:00.5, or "
        "2026-12-05T15:30:00Z..2026-12-05T16:30:00Z",
    )


def _offset(text: str) -> Fraction | None:
    """Return an offset (seconds, or hours, minutes and seconds) in seconds, or ``None``."""
    if _SECONDS.fullmatch(text):
        return Fraction(text)
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = found.groups("0")
        return Fraction(seconds) + 60 * (int(minutes) + 60 * int(hours))
    return None
