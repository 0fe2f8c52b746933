"""Instants, local times, and trims."""

from __future__ import annotations

import json
import pickle
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.testing import strategies as s

ZONES = [
    "Asia/Kolkata",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Africa/Casablanca",
    "Pacific/Apia",  # skipped a whole day in 2011
    "America/St_Johns",
    "Asia/Kathmandu",
    "UTC",
]
zones = st.sampled_from(ZONES)
precisions = st.sampled_from(
    [timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)]
)
recent = st.datetimes(datetime(1972, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))
#: Minutes around clock changes, with folds and gaps.
near_changes = st.builds(
    lambda at, minutes: at + timedelta(minutes=minutes, seconds=minutes % 60),
    st.sampled_from(
        [
            datetime(2025, 10, 26, 1, tzinfo=UTC),
            datetime(2025, 3, 30, 1, tzinfo=UTC),
            datetime(2025, 11, 2, 6, tzinfo=UTC),
            datetime(2025, 3, 9, 7, tzinfo=UTC),
            datetime(2025, 4, 5, 15, tzinfo=UTC),
            datetime(2011, 12, 30, 10, tzinfo=UTC),
        ]
    ),
    st.integers(-180, 180),
)


@given(recent | near_changes, zones, precisions)
@example(datetime(2025, 10, 26, 0, 30, tzinfo=UTC), "Europe/Berlin", timedelta(seconds=1))
def test_what_is_written_reads_back_as_the_same_instant_floored_or_is_refused(
    instant: datetime, zone: str, precision: timedelta
) -> None:
    clock = live.WallClock(zone, precision)
    try:
        wall = clock.to_wall(instant)
    except live.InvalidInput as error:
        assert "because the clocks" in error.message
        shown = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        readings = {
            shown.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)
        }
        assert len(readings) == 2, "only a wall time that occurs twice may be refused"
        return
    assert wall.tzinfo is None
    back = clock.to_instant(wall)
    assert timedelta() <= instant - back < precision
    assert clock.to_wall(back) == wall


@given(st.datetimes(datetime(1972, 1, 1), datetime(2037, 1, 1)), zones)
@example(datetime(2025, 3, 30, 2, 30), "Europe/Berlin")
@example(datetime(2025, 10, 26, 2, 30), "Europe/Berlin")
def test_every_wall_time_reads_as_its_first_meaning_or_the_offset_before_a_gap(
    wall: datetime, zone: str
) -> None:
    instant = live.WallClock(zone).to_instant(wall)
    before = (instant - timedelta(days=1)).astimezone(ZoneInfo(zone)).utcoffset()
    meant = instant.astimezone(ZoneInfo(zone))
    if meant.replace(tzinfo=None) == wall:
        assert meant.fold == 0
    else:  # in a gap
        assert wall - instant.replace(tzinfo=None) == before


def test_an_ambiguous_wall_time_is_refused_with_the_reason() -> None:
    clock = live.WallClock("Europe/Berlin")
    for hour in (0, 1):
        with pytest.raises(live.InvalidInput, match=r"occurs twice.*clocks go back") as caught:
            clock.to_wall(datetime(2025, 10, 26, hour, 30, tzinfo=UTC), field="scheduled_start")
        assert caught.value.field == "scheduled_start"


def test_a_wall_time_that_rounding_moves_into_a_gap_is_refused_with_the_reason() -> None:
    clock = live.WallClock("Europe/Berlin", timedelta(hours=2))
    with pytest.raises(live.InvalidInput, match=r"does not exist.*clocks go forward"):
        clock.to_wall(datetime(2025, 3, 30, 1, 30, tzinfo=UTC))  # 03:30; there is no 02:00


def test_a_gap_takes_the_offset_before_it() -> None:
    clock = live.WallClock("Europe/Berlin")
    assert clock.to_instant(datetime(2025, 3, 30, 2, 30)) == datetime(
        2025, 3, 30, 1, 30, tzinfo=UTC
    )


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", 5, None, "../etc/passwd"])
def test_an_unknown_zone_is_a_configuration_error(zone: Any) -> None:
    with pytest.raises(live.ConfigurationError, match="unknown time zone"):
        live.WallClock(zone)


def test_a_tzinfo_is_taken_as_it_is() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert live.WallClock(india).to_wall(datetime(2025, 1, 1, tzinfo=UTC)) == datetime(
        2025, 1, 1, 5, 30
    )


def test_an_impossible_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision"):
        live.WallClock("UTC", timedelta(0))


def test_a_wall_time_must_be_naive() -> None:
    with pytest.raises(ValueError, match="naive"):
        live.WallClock("UTC").to_instant(datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("at", [datetime.max, datetime.min])
def test_the_ends_of_the_calendar_are_refused_not_crashed_on(at: datetime) -> None:
    offset = timezone(timedelta(hours=5) if at is datetime.max else timedelta(hours=-5))
    with pytest.raises(live.InvalidInput, match="out of range"):
        live.WallClock(offset).to_wall(at.replace(tzinfo=UTC))
    with pytest.raises(live.InvalidInput, match="out of range"):
        live.StreamSpec(
            title="T", scheduled_start=at.replace(tzinfo=timezone(-offset.utcoffset(None)))
        )


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-21T10:00:00Z", datetime(2024, 1, 21, 10, tzinfo=UTC)),
        ("2024-01-21T15:30:00.123+05:30", datetime(2024, 1, 21, 10, 0, 0, 123000, tzinfo=UTC)),
        ("20240121T100000Z", datetime(2024, 1, 21, 10, tzinfo=UTC)),
        ("2024-021T10:00:00Z", datetime(2024, 1, 21, 10, tzinfo=UTC)),
        ("2024-01-20T24:00:00Z", datetime(2024, 1, 21, tzinfo=UTC)),
    ],
)
def test_iso_8601_is_read_in_its_common_and_its_rare_forms(text: str, instant: datetime) -> None:
    assert live.parse_instant(text) == instant


@pytest.mark.parametrize("text", ["", "now", "2024-01-21", "2024-13-01T00:00:00Z", "5", "٢٠٢٤"])
def test_other_text_is_not_an_instant(text: str) -> None:
    with pytest.raises(live.InvalidInput):
        live.parse_instant(text)


# -- the strict form ------------------------------------------------------------------------

days = st.dates(datetime(1000, 1, 3).date(), datetime(9998, 12, 29).date())
clocks = st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
minutes_of_offset = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@st.composite
def written_instants(draw: st.DrawFn) -> tuple[str, datetime]:
    """Return a time in any ISO 8601 form, and the instant that it means."""
    day, (hour, minute, second) = draw(days), draw(clocks)
    extended = draw(st.booleans())
    dash, colon = ("-", ":") if extended else ("", "")
    year, week, weekday = day.isocalendar()
    date_text = draw(
        st.sampled_from(
            [
                day.strftime(f"%Y{dash}%m{dash}%d"),
                day.strftime(f"%Y{dash}%j"),
                f"{year}{dash}W{week:02}{dash}{weekday}",
            ]
        )
    )
    parts, micro, fraction = draw(st.integers(1, 3)), 0, ""
    minute, second = minute * (parts > 1), second * (parts > 2)
    if parts == 3 and draw(st.booleans()):
        digits = draw(st.text("0123456789", min_size=1, max_size=12))
        micro = int(digits[:6].ljust(6, "0"))
        fraction = draw(st.sampled_from(".,")) + digits
    time_text = colon.join(f"{each:02}" for each in (hour, minute, second)[:parts]) + fraction
    offset, zone = timedelta(), draw(st.sampled_from("Zz"))
    if draw(st.booleans()):
        offset = timedelta(minutes=draw(minutes_of_offset))
        size = abs(offset) // timedelta(minutes=1)
        sign = "-" if offset < timedelta() else "+"
        between = draw(st.sampled_from(["", ":"]))  # strftime and many vendors write +0530
        zone = f"{sign}{size // 60:02}{between}{size % 60:02}"
        if not size % 60 and draw(st.booleans()):
            zone = zone[:3]
    instant = datetime(day.year, day.month, day.day, hour, minute, second, micro, UTC) - offset
    return f"{date_text}{draw(st.sampled_from('Tt '))}{time_text}{zone}", instant


@given(written_instants())
def test_a_time_is_read_in_every_form_of_iso_8601(written: tuple[str, datetime]) -> None:
    text, instant = written
    read = live.parse_instant(text)
    assert read == instant
    assert read.tzinfo is UTC
    assert live.parse_instant(read.isoformat()) == read


@given(
    written_instants(),
    st.data(),
    st.text(min_size=1, max_size=4) | st.sampled_from([" PM", "\n", "\0", "٣", "x", " ", "Z", "+"]),
)
@example(("2026-12-05T03:30:00.000000Z", datetime(2026, 12, 5, 3, 30, tzinfo=UTC)), None, " PM")
def test_a_time_with_garbage_in_it_is_refused_or_is_another_time_in_full(
    written: tuple[str, datetime], data: st.DataObject | None, garbage: str
) -> None:
    text, _ = written
    places = range(len(text) + 1) if data is None else [data.draw(st.integers(0, len(text)))]
    for place in places:
        spoiled = text[:place] + garbage + text[place:]
        try:
            live.parse_instant(spoiled)
        except live.InvalidInput:
            continue
        assert re.fullmatch(r"[-0-9TtWZz:+., ]+", spoiled, re.ASCII)
        assert set(garbage) <= set("0123456789:+-.,TtWZz ")


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-05T03:30:00.000000 PMZ",
        "2026-12-05T03:30:00.1234567xZ",
        "2026-12-05T03:30:00.Z",
        "2026-12-05x03:30Z",
        "2026-12-05T03:30Z\n",
        " 2026-12-05T03:30Z",
        "2026-12-05  03:30Z",
        "2026-12-05T03:30 Z",
        "2026-12-05T0330Z",  # half extended, half basic
        "20261205T03:30Z",
        "2026-1205T03:30Z",
        "2026-12T03:30Z",
        "2026-W49T03:30Z",
        "2026-12-05T24:30Z",
        "2026-12-05T03:60Z",
        "2026-12-05T03:30+24:00",
        "2026-12-05T03:30+05:75",
        "2026-12-05T03:30+5",
        "2026-12-05T03:30+05:3015",
        "2026-12-05T03:30Z+01:00",
        "2025-366T03:30Z",
        "2025-000T03:30Z",
        "2025-W53-1T03:30Z",
        "2025-W53-1T24:00Z",
        "2025-W01-8T03:30Z",
        "٢٠٢٦-12-05T03:30Z",
        "2026-12-05T\u0660\u0663:30Z",
        "2026-12-05T03:30:00.\u0665Z",
        "9999-12-31T24:00Z",
        "2026-12-05T03:30:00",
        "+2026-12-05T03:30Z",
    ],
)
def test_text_that_only_resembles_a_time_is_refused(text: str) -> None:
    with pytest.raises(live.InvalidInput):
        live.parse_instant(text)


@given(st.text() | st.binary() | st.none() | st.integers() | st.floats() | s.instants())
def test_reading_any_text_as_a_time_only_raises_invalid_input(value: Any) -> None:
    with pytest.raises(live.InvalidInput):
        live.parse_instant(value)


@pytest.mark.slow
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))
def test_times_that_python_writes_are_read(value: datetime) -> None:
    assert live.parse_instant(value.isoformat()) == value.astimezone(UTC)


@given(s.instants())
def test_an_instant_is_written_in_utc_with_whole_seconds(instant: datetime) -> None:
    text = live.format_instant(instant)
    assert text.endswith("Z")
    assert timedelta() <= instant - live.parse_instant(text) < timedelta(seconds=1)


# -- trims ------------------------------------------------------------------------------------

seconds = st.integers(0, 10**7)
offsets = (
    seconds
    | st.floats(0, 1e7)
    | seconds.map(lambda value: timedelta(milliseconds=value))
    | st.decimals(0, 10**7, allow_nan=False, places=7)
    | st.fractions(0, 10**7)
)


def as_seconds(value: Any) -> Fraction:
    return Fraction(value.total_seconds() if isinstance(value, timedelta) else value)


@pytest.mark.slow
@given(offsets, offsets)
def test_a_relative_trim_never_cuts_what_was_asked_for(start: Any, end: Any) -> None:
    assume(as_seconds(start) < as_seconds(end))
    trim = live.Trim.relative(start, end)
    assert trim.is_relative
    assert isinstance(trim.start, int)
    assert isinstance(trim.end, int)
    assert 0 <= trim.start <= as_seconds(start)
    assert as_seconds(end) <= trim.end <= as_seconds(end) + 1


@pytest.mark.slow
@given(recent, recent)
def test_an_absolute_trim_never_cuts_what_was_asked_for(start: datetime, end: datetime) -> None:
    assume(start < end)
    trim = live.Trim.absolute(start, end)
    assert not trim.is_relative
    assert trim.start <= start
    assert trim.end >= end
    assert trim.start.microsecond == trim.end.microsecond == 0  # type: ignore[union-attr]
    assert trim.end - trim.start <= end - start + timedelta(seconds=2)  # type: ignore[operator]


@pytest.mark.slow
@given(offsets, offsets, recent)
def test_relative_and_absolute_convert_without_loss(start: Any, end: Any, origin: datetime) -> None:
    assume(as_seconds(start) < as_seconds(end))
    trim = live.Trim.relative(start, end)
    absolute = trim.to_absolute(origin)
    assert absolute.to_relative(origin) == trim
    assert absolute.to_absolute(origin) is absolute
    assert trim.to_relative(origin) is trim
    assert absolute.start <= origin + timedelta(seconds=float(as_seconds(start))) + timedelta(
        microseconds=1
    )
    assert absolute.end >= origin + timedelta(seconds=float(as_seconds(end))) - timedelta(
        microseconds=1
    )


def test_a_start_that_rounding_moved_before_the_recording_is_zero() -> None:
    origin = datetime(2026, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    trim = live.Trim.absolute(origin + timedelta(seconds=0.2), origin + timedelta(seconds=10))
    assert trim.start < origin
    assert trim.to_relative(origin) == live.Trim.relative(0, 10)


def test_a_start_before_the_recording_is_refused() -> None:
    origin = datetime(2026, 1, 1, 10, tzinfo=UTC)
    trim = live.Trim.absolute(origin - timedelta(seconds=1), origin + timedelta(seconds=10))
    with pytest.raises(live.InvalidInput, match="before the recording") as caught:
        trim.to_relative(origin)
    assert caught.value.field == "trim.start"


@pytest.mark.slow
@given(st.integers(0, 999_999_999), st.integers(0, 999_999_999))
def test_small_integers_parse_as_seconds(start: int, end: int) -> None:
    assume(start < end)
    assert live.Trim.parse(start, end) == live.Trim.relative(start, end)
    assert live.Trim.parse(start, end).unix_times() == (start, end)


@given(st.integers(10**9, 10**11 - 1), st.integers(10**9, 10**11 - 1))
def test_large_integers_parse_as_unix_time(start: int, end: int) -> None:
    assume(start < end)
    trim = live.Trim.parse(start, end)
    assert not trim.is_relative
    assert trim.start == datetime.fromtimestamp(start, UTC)
    assert trim.unix_times() == (start, end)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (1_700_000_000_000, 1_700_000_300_000, "milliseconds"),
        (30, 1_700_000_000, "mix seconds with Unix time"),
        (-1, 5, "negative"),
        (True, 5, "whole number.*bool"),
        (1.5, 5, "whole number.*float"),
        ("1", 5, "whole number.*str"),
        (5, 5, "start must be before end"),
        (6, 5, "start must be before end"),
    ],
)
def test_each_wrong_form_of_a_parsed_trim_has_its_own_message(
    start: Any, end: Any, message: str
) -> None:
    with pytest.raises(live.InvalidInput, match=message) as caught:
        live.Trim.parse(start, end)
    assert str(caught.value.field).startswith("trim")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (-1, 5),
        (5, 5),
        (6, 5),
        (float("nan"), 5),
        (0, float("inf")),
        (0, 10**400),
        (Decimal("nan"), 5),
        (Decimal("snan"), 5),
        (0, Decimal("inf")),
        (0, Decimal("1e12")),
        (0, Decimal("1e999999999")),
        (Decimal("1e-999999999"), 5),
        (Decimal("-0.5"), 5),
        (Fraction(-1, 3), 5),
        (False, 5),
        ("0", 5),
    ],
)
def test_a_wrong_relative_trim_is_refused(start: Any, end: Any) -> None:
    with pytest.raises(live.InvalidInput):
        live.Trim.relative(start, end)


@pytest.mark.parametrize("make", [live.Trim.relative, live.Trim.parse])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_is_too_long_to_be_shown_is_refused(make: Any, sign: int) -> None:
    for kind in (int, Fraction, Decimal):
        with pytest.raises(live.InvalidInput):
            make(kind(sign * 10**5000), kind(10**5001))


def test_decimals_and_fractions_are_seconds_too() -> None:
    trim = live.Trim.relative(Decimal("1.5"), Fraction(7, 2))
    assert (trim.start, trim.end) == (1, 4)
    assert trim == live.Trim.relative(1.5, 3.5)
    trim.check_duration(Decimal("3.5"))


def test_a_wrong_absolute_trim_is_refused() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(live.InvalidInput, match="must be before"):
        live.Trim.absolute(at, at)
    with pytest.raises(live.InvalidInput, match="zone"):
        live.Trim.absolute(datetime(2026, 1, 1), at)
    with pytest.raises(live.InvalidInput, match="aware datetime"):
        live.Trim.absolute(1_700_000_000, at)  # type: ignore[arg-type]
    with pytest.raises(live.InvalidInput, match="out of range"):
        live.Trim.absolute(at, datetime.max.replace(tzinfo=UTC))
    with pytest.raises(TypeError, match=r"Trim\.relative"):
        live.Trim(1, 2)


def test_a_trim_is_checked_against_the_recordings_duration() -> None:
    live.Trim.relative(0, 90).check_duration(90)
    live.Trim.relative(0, 89.5).check_duration(89.5)
    with pytest.raises(live.InvalidInput, match=r"needs 91 s, but the recording has only 90 s"):
        live.Trim.relative(0, 91).check_duration(90)
    with pytest.raises(live.InvalidInput):
        live.Trim.parse(1_700_000_000, 1_700_000_091).check_duration(90)


@pytest.mark.slow
@given(offsets, offsets, recent)
def test_a_trim_survives_json_and_pickling(start: Any, end: Any, origin: datetime) -> None:
    assume(as_seconds(start) < as_seconds(end))
    for trim in (
        live.Trim.relative(start, end),
        live.Trim.relative(start, end).to_absolute(origin),
    ):
        assert live.Trim.from_dict(json.loads(json.dumps(trim.to_dict()))) == trim
        assert pickle.loads(pickle.dumps(trim)) == trim
        assert hash(pickle.loads(pickle.dumps(trim))) == hash(trim)
    assert "relative" in repr(live.Trim.relative(1, 2))
