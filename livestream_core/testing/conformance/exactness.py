"""Values are sent and read exactly: untidy ones, all fields at once, and options as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from ..._contract.capabilities import FIELDS, Feature, Support
from ..._model.errors import ConfigurationError, InvalidInput, LiveStreamError, Rejected
from ..._model.fields import Kind, table
from ..._model.status import Status
from ..._model.stream import LiveStream, StreamSpec
from .area import Area, each, needs, proves
from .bodies import content_of, holder, places
from .harness import Harness
from .lists import keys
from .operations import changed, is_silent, matches, shown, updatable
from .subject import Subject

#: Neither sorted in any way, nor in one case.
TAGS = ("zebra", "Apple", "mango 2", "Zebra", "äther")

#: The options of a create, which the vendor may take or refuse, but must receive.
PLAIN: Mapping[str, Any] = {
    "kit_false": False,
    "kit_zero": 0,
    "kit_empty": "",
    "kit_none": None,
    "kit_list": [],
}

#: Instants at the ends of days, months, and years, and one in each hour.
INSTANTS = (
    *(datetime(2031, 5, 17, hour, 5, tzinfo=UTC) for hour in range(24)),
    *(datetime(2031, month, 1, tzinfo=UTC) - timedelta(minutes=1) for month in range(1, 13)),
    datetime(2032, 2, 29, 12, 0, tzinfo=UTC),
    datetime(2032, 3, 1, 0, 0, tzinfo=UTC),
    datetime(2032, 12, 31, 23, 59, tzinfo=UTC),
)
_WITH_SECONDS = datetime(2030, 3, 3, 12, 0, 31, tzinfo=UTC)
_TO_THE_SECOND = re.compile(r"\d:\d\d:\d\d")
_ZONES = ("America/Los_Angeles", "Asia/Kathmandu")


def _flags(subject: Subject) -> list[Feature]:
    """Return the fields that an adapter sends as true or as false."""
    can = subject.capabilities
    return [
        feature
        for feature in FIELDS
        if can[feature].support is Support.NATIVE
        and table(StreamSpec)[feature.value].kind is Kind.FLAG
        and {True, False} <= set(subject.values(feature))
    ]


def _zones(subject: Subject) -> list[str]:
    """Return the options whose default is a time zone."""
    found = []
    for field in attrs.fields(subject.adapter.Options):
        try:
            ZoneInfo(field.default)
        except (TypeError, ValueError, OSError, LookupError):
            continue
        if field.default:
            found.append(field.name)
    return found


def combinations(subject: Subject, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return values for all fields at once, with every value of each in one of them."""
    values = {name: subject.values(Feature(name)) for name in names}
    most = max(map(len, values.values()), default=0)
    return [
        {name: each[number % len(each)] for name, each in values.items()} for number in range(most)
    ]


def accepted_of(
    harness: Harness, fields: Mapping[str, Any]
) -> tuple[dict[str, Any], list[LiveStream]]:
    """Create a stream with as many of the fields as the vendor takes together.

    Returns:
        The fields, and the stream as the create and a read show it.
    """
    accepted = dict(fields)
    try:
        stream = harness.stream(**accepted)
    except (InvalidInput, Rejected):
        accepted = {}
        stream = harness.stream()
        for name, value in fields.items():
            try:
                stream = harness.stream(**accepted, **{name: value})
            except (InvalidInput, Rejected):
                continue
            accepted[name] = value
    streams = [stream]
    if harness.can.supports(Feature.GET):
        streams.append(harness.client.get(stream.id))
    return accepted, streams


def unlike(requested: Mapping[str, Any], streams: Iterable[LiveStream]) -> list[str]:
    """Return the fields that no stream shows, or that one shows with another value."""
    found = []
    for name, value in requested.items():
        reporting = [stream for stream in streams if not is_silent(name, stream)]
        if (not reporting and value is not False) or not all(
            matches(name, value, stream) for stream in reporting
        ):
            found.append(f"{name} is {[shown(each, name) for each in reporting]}, not {value!r}")
    return found


class Exactness(Area):
    """Nothing is rounded, sorted, folded, or left out on the way to the vendor and back."""

    title = "operations"

    @needs(Feature.CREATE)
    def test_all_fields_at_once_are_set_and_read_back(self, harness: Harness) -> None:
        can, wrong = harness.can, []
        names = [feature.value for feature in FIELDS if can.supports(feature)]
        schedules: list[dict[str, Any]] = [{}]
        if can.supports(Feature.SCHEDULE):
            schedules.append({"scheduled_start": INSTANTS[9]})
        for fields in combinations(self.subject, names):
            for schedule in schedules:
                requested, streams = accepted_of(harness, {**schedule, **fields})
                wrong += unlike(requested, streams)
        assert wrong == []

    @proves(Feature.UPDATE)
    def test_an_update_of_all_fields_at_once_changes_all_of_them(self, harness: Harness) -> None:
        names = [*updatable(self.subject)]
        fields = {name: changed(self.subject, name) for name in names}
        stream = harness.stream()
        try:
            streams = [harness.client.update(stream.id, **fields)]
        except (InvalidInput, Rejected) as error:
            pytest.skip(f"the vendor takes not all of them at once ({type(error).__name__})")
        if harness.can.supports(Feature.GET):
            streams.append(harness.client.get(stream.id))
        assert unlike(fields, streams) == []

    @proves(Feature.SCHEDULE)
    def test_a_schedule_at_any_hour_and_at_the_end_of_any_month_is_read_back(
        self, harness: Harness
    ) -> None:
        wrong = []
        for instant in INSTANTS:
            found = harness.stream(scheduled_start=instant).scheduled_start
            if found != instant:
                wrong.append(f"{instant.isoformat()} is read as {found}")
        assert wrong == []

    @proves(Feature.SCHEDULE)
    def test_the_seconds_of_a_schedule_are_kept_where_the_vendor_has_them(
        self, harness: Harness
    ) -> None:
        stream = harness.stream(scheduled_start=_WITH_SECONDS)
        later = harness.stream(scheduled_start=_WITH_SECONDS + timedelta(hours=1, minutes=7))
        if stream.raw is None or later.raw is None:
            pytest.skip("raw is None: the vendor's payload was not kept")
        if stream.scheduled_start == _WITH_SECONDS:
            return
        now, then = (one.raw.reveal() for one in (stream, later) if one.raw is not None)
        # What differs between two streams of different times is an ID, a title, or a time.
        differing = [value for path in places(now) if (value := _at(now, path)) != _at(then, path)]
        if not any(_has_seconds(value) for value in differing):
            pytest.skip("the vendor's times have no seconds")
        pytest.fail(f"{_WITH_SECONDS} is read as {stream.scheduled_start}")

    @needs(Feature.CREATE, Feature.TAGS)
    def test_tags_keep_their_order_and_their_case(self, harness: Harness) -> None:
        with harness.sent() as sent:
            stream = harness.stream(tags=TAGS)
        for what, data in (
            ("sent", [content_of(one) for one in harness.changes_in(sent)]),
            ("returned by the vendor", stream.raw.reveal() if stream.raw is not None else None),
        ):
            found = _lists_like(data, TAGS)
            if what == "sent":
                assert not found or TAGS in found, f"the tags are sent as {found[0]}"
            elif TAGS in found:
                assert stream.tags == TAGS, f"the tags are read as {stream.tags}"
        assert sorted(stream.tags) == sorted(TAGS), f"the tags are read as {stream.tags}"

    @needs(Feature.CREATE)
    @each("feature", _flags)
    def test_a_flag_that_is_false_is_not_the_same_as_one_that_is_not_set(
        self, harness: Harness, feature: Feature
    ) -> None:
        harness.client, contents = harness.signed_in(), []
        for value in (None, False, True):
            with harness.sent() as sent:
                try:
                    harness.stream(**{feature.value: value})
                except (InvalidInput, Rejected):
                    pytest.skip("the vendor refuses it without other fields")
            contents.append([content_of(each) for each in harness.changes_in(sent)])
        unset, false, true = contents
        assert false != true, f"{feature.value} is not sent"
        assert unset != false, "False is sent like no value, so the account's default applies"

    @needs(Feature.CREATE)
    def test_options_are_sent_as_they_are(self, harness: Harness) -> None:
        missing = []
        for name, value in PLAIN.items():
            with harness.sent() as sent:
                try:
                    harness.client.create(title="Lesson", options={name: value})
                except InvalidInput:
                    continue  # a form has no value for it
                except LiveStreamError:
                    pass
            bodies = [each.body for each in harness.changes_in(sent)]
            if not any(_is_object(body) for body in bodies):
                found = any(name.encode() in body for body in bodies)
                if not found and value not in (None, []):
                    missing.append(name)
                continue
            if not any(_has(json.loads(body), name, value) for body in bodies if _is_object(body)):
                missing.append(f"{name} = {value!r}")
        assert missing == [], "options= was dropped or changed"

    @proves(Feature.LIST)
    @needs(Feature.CREATE, when=lambda can: "tag" in can.filters and can.supports(Feature.TAGS))
    @each("tag", lambda _: ("Sunday", "two words", "Ä & Ö", "100%", "a,b"))
    def test_a_filter_finds_a_tag_as_it_was_written(self, harness: Harness, tag: str) -> None:
        try:
            wanted = harness.client.create(title="Tagged", tags=[tag])
        except (InvalidInput, Rejected):
            pytest.skip("the vendor refuses such a tag")
        harness.client.create(title="Another", tags=["another"])
        found = keys(harness, harness.client.list(tag=tag, full=True))
        assert found == [harness.key(wanted.id)]

    @proves(Feature.LIST)
    @needs(when=lambda can: "status" in can.filters)
    @each("status", lambda subject: sorted({*subject.capabilities.statuses, Status.UNKNOWN}))
    def test_a_filter_by_a_status_is_never_refused(self, harness: Harness, status: Status) -> None:
        stream = harness.stream()
        found = list(harness.client.list(status=status, full=True))
        assert {each.status for each in found} <= {status}
        assert bool(found) is (harness.look()[harness.key(stream.id)].status is status)

    @proves(Feature.SCHEDULE)
    @each("option", _zones)
    def test_an_option_for_a_time_zone_has_an_effect(self, harness: Harness, option: str) -> None:
        seen = set()
        for zone in ({}, *({option: zone} for zone in _ZONES)):
            try:
                client = harness.connect({**harness.options(), **zone})
            except ConfigurationError:
                continue
            harness.touch(client)
            with harness.sent() as sent:
                try:
                    client.create(title="Lesson", scheduled_start=INSTANTS[9])
                except LiveStreamError:
                    pass  # the account is in one zone, and the adapter may compare
            seen.add(b"".join(each.body for each in harness.changes_in(sent)))
        stream = harness.stream(scheduled_start=INSTANTS[9])
        assert stream.raw is not None
        shown = {
            harness.connect({**harness.options(), option: zone})
            .parse_stream(stream.raw.reveal())
            .scheduled_start
            for zone in _ZONES
        }
        assert len(seen) > 1 or len(shown) > 1, f"{option} changes no request and no time"


def _has_seconds(value: Any) -> bool:
    """Return whether a value is a time with seconds, as a text or since 1970."""
    if isinstance(value, str):
        return _TO_THE_SECOND.search(value) is not None
    return type(value) is int and value >= 1_000_000_000


def _at(data: Any, path: tuple[str | int, ...]) -> Any:
    try:
        return holder(data, path)[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None


def _lists_like(data: Any, wanted: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the lists in some JSON data that have these texts in any order and case."""
    if not isinstance(data, (dict, list)):
        return []
    lists = [data, *(_at(data, path) for path in places(data))]
    folded = sorted(text.casefold() for text in wanted)
    return [
        tuple(each)
        for each in lists
        if isinstance(each, list)
        and all(isinstance(text, str) for text in each)
        and sorted(text.casefold() for text in each) == folded
    ]


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _has(data: Any, name: str, value: Any) -> bool:
    """Return whether some JSON data has a value of the same type under a name, at any depth."""
    return any(
        path[-1] == name and json.dumps(_at(data, path)) == json.dumps(value)
        for path in places(data)
    )
