"""`Fields.optional_unix` reads Unix times exactly, and notes what is not one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import livestream_core as live

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The microseconds in one of each unit.
UNITS = {"s": 10**6, "ms": 10**3, "us": 1}
units = st.sampled_from(sorted(UNITS))
FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def read(value: Any, unit: Any = "s") -> datetime | None:
    return live.Fields({"at": value}).optional_unix("at", unit=unit)


def problems_of(value: Any, unit: Any = "s") -> list[str] | None:
    fields = live.Fields({"at": value}, lenient=True)
    assert fields.optional_unix("at", unit=unit, field="created_at") is None
    return fields.problems


@given(st.integers(FIRST, LAST), units)
@example(FIRST, "us")
@example(LAST, "us")
@example(0, "s")
def test_every_whole_number_is_read_as_a_number_and_as_text(microseconds: int, unit: str) -> None:
    number = microseconds // UNITS[unit]
    if number * UNITS[unit] < FIRST:
        number += 1
    at = EPOCH + timedelta(microseconds=number * UNITS[unit])
    assert read(number, unit) == read(str(number), unit) == at
    assert read(number, unit).tzinfo is UTC  # type: ignore[union-attr]


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.sampled_from(["s", "ms"]))
def test_a_fraction_is_read_without_a_drift(naive: datetime, unit: str) -> None:
    at = naive.replace(tzinfo=UTC)
    whole, rest = divmod((at - EPOCH) // timedelta(microseconds=1), UNITS[unit])
    text = f"{whole}.{rest:0{len(str(UNITS[unit])) - 1}}"
    assert read(text, unit) == at
    assert read(text + "999999", unit) == at  # truncated, as ISO 8601 times are
    assert read(float(text), unit) == at


@pytest.mark.parametrize(("value", "unit"), [(1.6e9, "s"), (1.6e12, "ms"), (1.6e15, "us"),
                                             ("+1600000000", "s"), ("1600000000.0", "s")])  # fmt: skip
def test_other_spellings_of_the_same_number_are_read(value: Any, unit: str) -> None:
    assert read(value, unit) == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    ["", " ", "soon", "2030-12-05T10:00:00Z", "1e9", "0x10", "1_000", " 1", "1 ", "1.", ".5", "--1",
     "NaN", "Infinity", "٣", "1,5", "1\n", "9" * 20, "9" * 10**6, "1." + "9" * 10**6,
     10**12, -(10**12), 10**30, float("nan"), float("inf"), -float("inf"), 1e300]
)  # fmt: skip
def test_what_is_not_a_time_is_noted_without_its_value(value: Any) -> None:
    assert problems_of(value) == ["created_at: at is not a Unix time in s"]
    with pytest.raises(live.UnexpectedResponse, match="at is not a Unix time in s in the response"):
        read(value)


@pytest.mark.parametrize(("value", "kind"), [(True, "true or false"), ([1], "a list"), ({}, "an object")])  # fmt: skip
def test_a_value_of_another_kind_is_noted(value: Any, kind: str) -> None:
    assert problems_of(value) == [f"created_at: at is {kind}, not a Unix time"]


def test_a_missing_time_is_a_problem_only_if_it_is_expected() -> None:
    assert problems_of(None) == []
    fields = live.Fields({}, lenient=True)
    assert fields.optional_unix("at", expected=True) is None
    assert fields.problems == ["at: is missing"]


def test_milliseconds_that_are_read_as_seconds_are_out_of_range() -> None:
    assert problems_of(1_600_000_000_000) == ["created_at: at is not a Unix time in s"]


def test_an_unknown_unit_is_the_mistake_of_the_author() -> None:
    with pytest.raises(live.ConfigurationError, match="expected one of s, ms, us"):
        read(1, "minutes")
