"""Every declared operation and field works, and the result can be read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, ClassVar

import attrs
import pytest

from ..._contract.capabilities import (
    FEATURE_OF_FIELD,
    FIELDS,
    OPERATION_OF,
    Capabilities,
    Feature,
    Support,
)
from ..._contract.response import Response
from ..._model.errors import Conflict, InvalidInput, LiveStreamError, NotFound, Rejected
from ..._model.fields import Kind, Owner, facts_of, table
from ..._model.operations import OperationFacts
from ..._model.status import Status, satisfied_by
from ..._model.stream import LiveStream, StreamSpec, publish_keys
from ..._model.trim import Trim
from ..field_values import another_value, updatable_fields
from .area import HTTP, IN_PROCESS, Area, declared, each, needs, proves
from .calls import call
from .harness import Harness
from .subject import Subject

TITLES = ("Plain", "Ünïcode: 数学の授業, γεωμετρία, 🎓", 'With "quotes", <tags>, a \\ and 100 %')

#: Instants to schedule, each in a different time zone: whole minutes, far from any change to or
#: from daylight saving time.
SCHEDULES = (
    datetime(2030, 1, 15, 9, 30, tzinfo=UTC),
    datetime(2030, 7, 1, 23, 59, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(2031, 12, 31, 18, 0, tzinfo=timezone(timedelta(hours=-8))),
    datetime(2032, 2, 29, 0, 0, tzinfo=timezone(timedelta(hours=14))),
)


def _on_one(operation: OperationFacts, harness: Harness, id: str) -> Any:
    """Call an operation on a stream. An update changes a field that can be updated."""
    changes = None
    if "changes" in operation.takes:
        name = next(iter(updatable(harness.subject)))
        changes = {name: changed(harness.subject, name)}
    return call(harness.client, operation, id, changes)


#: The operations on one stream, called with its ID.
ON_ONE: dict[Feature, Callable[[Harness, str], Any]] = {
    feature: partial(_on_one, operation)
    for feature, operation in OPERATION_OF.items()
    if "stream_id" in operation.takes
}

_SPEC_FIELDS = [each.name for each in facts_of(StreamSpec) if each.owner is not Owner.NONE]


def change(harness: Harness, id: str, name: str, value: Any) -> LiveStream:
    """Update one field."""
    changes: dict[str, Any] = {name: value}
    return harness.client.update(id, **changes)


def updatable(subject: Subject) -> Iterable[str]:
    """Return the fields that an update may change, without the vendor's own options."""
    return updatable_fields(subject.capabilities)


def changed(subject: Subject, name: str) -> Any:
    """Return a new value for a field."""
    return another_value(name, subject.values)


def shown(stream: LiveStream, name: str) -> Any:
    """Return the value of a field in a stream. A spec's field may be the URL of a part."""
    field = table(StreamSpec).get(name)
    if field is not None and field.shown_in:
        return [each.url for each in getattr(stream, field.shown_in)]
    return getattr(stream, name)


def matches(name: str, requested: Any, stream: LiveStream) -> bool:
    """Return whether a stream has the requested value of a spec's field."""
    field, found = table(StreamSpec)[name], shown(stream, name)
    if field.shown_in:
        return requested in found
    if field.kind is Kind.TEXTS:
        return sorted(found) == sorted(requested)
    return bool(found == requested)


def is_switch(subject: Subject, name: str) -> bool:
    """Return whether a field is a flag that the vendor can turn on and off."""
    feature = FEATURE_OF_FIELD.get(name)
    return feature is not None and {*map(repr, subject.values(feature))} == {"True", "False"}


def is_silent(name: str, stream: LiveStream) -> bool:
    """Return whether a stream has no value for a field."""
    return shown(stream, name) in (None, (), [])


def is_given(name: str, stream: LiveStream) -> bool:
    """Return whether a stream has a value for a field that is not an empty text."""
    return not is_silent(name, stream) and shown(stream, name) != ""


def filled(harness: Harness) -> LiveStream:
    """Return a stream with other values than the vendor's own in as many fields as possible."""
    plain = harness.stream()
    if not harness.can.supports(Feature.CREATE):
        return plain
    fields: dict[str, Any] = {}
    for feature in FIELDS:
        name = feature.value
        if harness.can.supports(feature):
            unlike = (v for v in harness.subject.values(feature) if not matches(name, v, plain))
            if (value := next(unlike, None)) is not None:
                fields[name] = value
    if harness.can.supports(Feature.SCHEDULE):
        fields["scheduled_start"] = SCHEDULES[0]
    try:
        return harness.stream(**fields)
    except (InvalidInput, Rejected):
        pass
    # The vendor refuses some of them together.
    stream, accepted = plain, dict[str, Any]()
    for name, value in fields.items():
        try:
            stream = harness.stream(**accepted, **{name: value})
        except (InvalidInput, Rejected):
            continue
        accepted[name] = value
    return stream


def fields_and_values(subject: Subject) -> Iterable[tuple[Feature, Any]]:
    """Return every declared field with every value to test."""
    return [
        (feature, value)
        for feature in FIELDS
        if subject.capabilities.supports(feature)
        for value in subject.values(feature)
    ]


def over(can: Capabilities) -> frozenset[Status]:
    """Return the statuses of a stream after a run: a reusable one is READY for the next."""
    ready = {Status.READY} if can.reusable else set()
    return satisfied_by(Status.PROCESSING) | ready


def _ends(stream: LiveStream) -> list[datetime]:
    return [each.expires_at for each in stream.ingests if each.expires_at is not None]


class Operations(Area):
    """Declared operations and fields work, over real HTTP and without a socket."""

    title = "operations"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    # -- create and get ---------------------------------------------------------------------

    @proves(Feature.CREATE)
    @needs(Feature.TITLE)
    @each("title", lambda _: TITLES)
    def test_a_created_stream_has_the_title_that_was_asked_for(
        self, harness: Harness, title: str
    ) -> None:
        stream = harness.client.create(title=title)
        assert (stream.provider, stream.title) == (self.subject.name, title)

    @proves(Feature.CREATE)
    def test_a_created_stream_is_in_a_status_that_is_declared(self, harness: Harness) -> None:
        assert harness.client.create(title="Lesson").status in harness.can.statuses

    @proves(Feature.CREATE)
    def test_two_streams_of_the_same_title_are_two_streams(self, harness: Harness) -> None:
        first, second = (harness.client.create(title="Twice") for _ in range(2))
        assert harness.key(first.id) != harness.key(second.id)

    @proves(Feature.CREATE)
    def test_a_stream_without_a_schedule_was_never_on_air_nor_over(self, harness: Harness) -> None:
        stream = harness.client.create(title="Lesson")
        assert (stream.started_at, stream.ended_at) == (None, None)

    @proves(Feature.CREATE)
    @needs(when=lambda can: can.create_starts)
    def test_a_create_without_a_schedule_starts_the_stream(self, harness: Harness) -> None:
        assert harness.client.create(title="Lesson").status.is_active

    @proves(Feature.CREATE)
    @needs(when=lambda can: not can.create_starts)
    def test_a_create_that_starts_the_stream_is_declared_to(self, harness: Harness) -> None:
        assert harness.client.create(title="Lesson").status is not Status.STARTING

    @proves(Feature.CREATE)
    @needs(Feature.SCHEDULE, when=lambda can: Status.SCHEDULED in can.statuses)
    def test_a_create_with_a_schedule_starts_nothing_yet(self, harness: Harness) -> None:
        stream = harness.client.create(title="Lesson", scheduled_start=SCHEDULES[0])
        assert stream.status is Status.SCHEDULED

    @proves(Feature.GET)
    def test_get_shows_the_stream_of_that_id(self, harness: Harness) -> None:
        wanted, _ = harness.stream(), harness.stream()
        found = harness.client.get(wanted.id)
        assert (harness.key(found.id), found.title) == (harness.key(wanted.id), wanted.title)

    @proves(Feature.GET)
    def test_the_vendors_payload_is_kept_and_reads_the_same_again(self, harness: Harness) -> None:
        stream = harness.client.get(harness.stream().id)
        assert stream.raw is not None, "raw is None: the vendor's payload was not kept"
        assert harness.client.parse_stream(stream.raw.reveal()) == stream

    @proves(Feature.CREATE)
    def test_the_vendors_own_options_are_sent_with_a_create(self, harness: Harness) -> None:
        with harness.sent() as sent:
            try:
                harness.client.create(title="Lesson", options={"kit_probe": "kit-probe-value"})
            except LiveStreamError:
                pass  # the vendor refuses unknown fields, so it has received it
        assert any(b"kit-probe-value" in each.body for each in sent), "options= was dropped"

    # -- fields -----------------------------------------------------------------------------

    @needs(Feature.CREATE)
    @each("field", fields_and_values)
    def test_a_declared_field_is_set_and_read_back(
        self, harness: Harness, field: tuple[Feature, Any]
    ) -> None:
        name, requested = field[0].value, field[1]
        streams = [harness.client.create(**{"title": "Lesson", name: requested})]
        if harness.can.supports(Feature.GET):
            streams.append(harness.client.get(streams[0].id))
        reporting = [stream for stream in streams if not is_silent(name, stream)]
        if requested is False:
            assert all(matches(name, requested, stream) for stream in reporting)
            return
        assert reporting, f"{name} is missing: it was dropped, or is not parsed"
        assert all(matches(name, requested, stream) for stream in reporting), (
            f"{name} has another value"
        )

    @proves(Feature.SCHEDULE)
    @each("instant", lambda _: SCHEDULES)
    def test_a_schedule_in_any_zone_is_read_back_as_the_same_instant(
        self, harness: Harness, instant: datetime
    ) -> None:
        stream = harness.client.create(title="Lesson", scheduled_start=instant)
        assert stream.scheduled_start == instant

    @proves(Feature.SCHEDULE)
    def test_a_schedule_is_never_moved_later_by_a_fraction_of_a_second(
        self, harness: Harness
    ) -> None:
        requested = datetime(2030, 3, 3, 12, 0, 30, 999_999, tzinfo=UTC)
        shown = harness.client.create(title="Lesson", scheduled_start=requested).scheduled_start
        assert shown is not None
        assert requested - timedelta(minutes=1) < shown <= requested

    @proves(Feature.SCHEDULE)
    def test_a_scheduled_stream_was_never_on_air_nor_over(self, harness: Harness) -> None:
        stream = harness.client.create(title="Lesson", scheduled_start=SCHEDULES[0])
        assert (stream.started_at, stream.ended_at) == (None, None)

    # -- update -----------------------------------------------------------------------------

    @proves(Feature.UPDATE)
    @each("name", updatable)
    def test_an_update_changes_the_field_it_names(self, harness: Harness, name: str) -> None:
        stream, value = harness.stream(), changed(self.subject, name)
        streams = [change(harness, stream.id, name, value)]
        if harness.can.supports(Feature.GET):
            streams.append(harness.client.get(stream.id))
        reporting = [each for each in streams if not is_silent(name, each)]
        assert reporting or value is False, f"{name} is missing"
        assert all(matches(name, value, each) for each in reporting)

    @proves(Feature.UPDATE)
    @needs(Feature.GET)
    @each("name", lambda subject: [name for name in updatable(subject) if is_switch(subject, name)])
    def test_an_update_turns_a_flag_on_and_off(self, harness: Harness, name: str) -> None:
        stream = harness.stream()
        for value in (True, False, True, False):
            change(harness, stream.id, name, value)
            now = shown(harness.client.get(stream.id), name)
            assert now is value or (value is False and now is None), (
                f"{name} is {now} after an update to {value}"
            )

    @proves(Feature.UPDATE)
    @needs(Feature.GET)
    @each("name", updatable)
    def test_an_update_leaves_all_other_fields_as_they_were(
        self, harness: Harness, name: str
    ) -> None:
        created = filled(harness)
        before = harness.client.get(created.id)
        answer = change(harness, before.id, name, changed(self.subject, name))
        after = harness.client.get(before.id)
        differing = {
            f"{field} was {shown(old, field)!r}, and is {shown(new, field)!r}"
            for old, new in ((before, after), (created, answer))
            for field in (*_SPEC_FIELDS, "started_at", "ended_at", "created_at")
            if shown(new, field) != shown(old, field)
            # A vendor may leave a field out of the answers to changes, but not out of every read.
            if new is after or (is_given(field, old) and is_given(field, new))
            # The playback URL may depend on whether the stream is recorded.
            if field not in (name, "playback_url", *harness.emulator.approximate)
        }
        assert differing == set()

    @proves(Feature.UPDATE)
    @needs(Feature.GET)
    @each("name", lambda subject: sorted(subject.capabilities.clearable - {"options"}))
    def test_a_field_that_can_be_cleared_is_empty_afterwards(
        self, harness: Harness, name: str
    ) -> None:
        stream = harness.stream()
        change(harness, stream.id, name, changed(self.subject, name))
        change(harness, stream.id, name, None)
        assert shown(harness.client.get(stream.id), name) in (None, "", (), [])

    # -- start, stop, trim ------------------------------------------------------------------

    @proves(Feature.GET)
    def test_a_key_that_expires_is_valid_when_it_is_read(self, harness: Harness) -> None:
        stream = harness.read(harness.reach(Status.READY).id)
        ends = _ends(stream)
        if not ends:
            pytest.skip("no key of this vendor expires")
        assert min(ends) > harness.clock.now(), "the key has expired"
        again = harness.read(stream.id)
        assert (_ends(again), publish_keys(again)) == (ends, publish_keys(stream)), (
            "two reads show different keys: an encoder could not tell that nothing changed"
        )
        harness.clock.sleep((max(ends) - harness.clock.now()).total_seconds() + 1)
        later = harness.read(stream.id)
        assert min(_ends(later)) > harness.clock.now(), "a read returns a key that has expired"
        assert not publish_keys(later) & publish_keys(stream), "the same key has another end"

    @proves(Feature.START)
    def test_a_started_stream_is_on_its_way_to_being_on_air(self, harness: Harness) -> None:
        stream = harness.unstarted()
        assert harness.client.start(stream.id).status.is_active

    @proves(Feature.START)
    def test_a_stream_is_not_started_without_the_encoder_that_it_needs(
        self, harness: Harness
    ) -> None:
        if not harness.can.start_needs_encoder:
            pytest.skip("the vendor starts a stream before an encoder connects")
        stream = harness.stream()
        with pytest.raises(Conflict) as caught:
            harness.client.start(stream.id)
        assert (caught.value.status, caught.value.applied) == (Status.READY, False)
        harness.emulator.connect_encoder(stream.id)
        assert harness.read(stream.id).status is Status.READY, "the encoder alone starts it"

    @proves(Feature.STOP)
    def test_a_stopped_stream_is_over(self, harness: Harness) -> None:
        stream = harness.reach(Status.LIVE)
        stopped = harness.client.stop(stream.id)
        assert stopped.status in over(harness.can)

    @proves(Feature.TRIM)
    def test_two_different_trims_are_two_different_requests(self, harness: Harness) -> None:
        bodies = []
        for trim in (None, Trim.relative(30, 120), Trim.relative(30, 121), Trim.relative(31, 120)):
            stream = harness.reach(Status.LIVE)
            harness.clock.sleep(200)
            with harness.sent() as sent:
                harness.client.stop(stream.id, trim=trim)
            bodies.append(b"".join(f"?{each.query} ".encode() + each.body for each in sent))
        assert len(set(bodies)) == len(bodies), (
            "the trim, or one of its bounds, does not reach the vendor"
        )

    @proves(Feature.TRIM)
    def test_a_trim_that_the_vendor_no_longer_confirms_is_an_error(self, harness: Harness) -> None:
        trim, flags = Trim.relative(30, 120), set[str]()

        def stopped(trim: Trim | None, leave_out: str | None = None) -> dict[str, Any]:
            stream, shown = harness.reach(Status.LIVE), dict[str, Any]()

            def edit(method: str, target: str, response: Response) -> Response:
                if not (harness.is_change(method, target) and response.is_json):
                    return response
                data = response.json()
                if not isinstance(data, dict):
                    return response
                shown.update(data)
                left = {name: value for name, value in data.items() if name != leave_out}
                return attrs.evolve(response, body=json.dumps(left).encode())

            harness.clock.sleep(200)
            harness.tap.answer = edit
            try:
                harness.client.stop(stream.id, trim=trim)
            finally:
                harness.tap.answer = None
            return shown

        plain = stopped(None)
        flags = {
            name for name, v in stopped(trim).items() if v is True and plain.get(name) is not v
        }
        if not flags:
            pytest.skip("no flag in the response confirms a trim")
        for flag in flags:
            with pytest.raises(LiveStreamError):
                stopped(trim, leave_out=flag)

    @proves(Feature.TRIM)
    def test_a_trimmed_recording_is_as_long_as_was_asked_for(self, harness: Harness) -> None:
        stream = harness.reach(Status.LIVE)
        harness.clock.sleep(600)
        harness.client.stop(stream.id, trim=Trim.relative(30, 120))
        harness.clock.sleep(60)
        try:
            harness.emulator.finish_recording(stream.id)
        except (ValueError, NotImplementedError):
            pytest.skip("the emulator makes no recordings")
        recording = harness.client.get(stream.id).recording
        if recording is None or recording.duration is None:
            pytest.skip("the vendor does not return the duration of a recording")
        assert recording.duration == pytest.approx(90, abs=2)

    # -- cancel and delete ------------------------------------------------------------------

    @proves(Feature.CANCEL)
    def test_a_cancelled_stream_is_called_off(self, harness: Harness) -> None:
        stream = harness.scheduled()
        cancelled = harness.client.cancel(stream.id)
        assert (harness.key(cancelled.id), cancelled.status) == (
            harness.key(stream.id),
            Status.CANCELLED,
        )

    @proves(Feature.CANCEL)
    @needs(Feature.GET)
    def test_a_cancelled_stream_stays_called_off_or_is_gone(self, harness: Harness) -> None:
        stream = harness.scheduled()
        harness.client.cancel(stream.id)
        if harness.can[Feature.CANCEL].support is Support.EMULATED and not harness.exists(
            stream.id
        ):
            return
        assert harness.client.get(stream.id).status is Status.CANCELLED

    @proves(Feature.CANCEL)
    def test_a_stream_that_is_on_air_cannot_be_cancelled(self, harness: Harness) -> None:
        stream = harness.reach(Status.LIVE)
        with pytest.raises(Conflict) as caught:
            harness.client.cancel(stream.id)
        assert caught.value.applied is False
        assert harness.exists(stream.id)

    @proves(Feature.DELETE)
    @needs(Feature.GET)
    def test_a_deleted_stream_is_not_found_any_more(self, harness: Harness) -> None:
        stream, other = harness.stream(), harness.stream()
        harness.client.delete(stream.id)
        assert not harness.exists(stream.id)
        assert harness.exists(other.id), "another stream was deleted too"

    # -- ids --------------------------------------------------------------------------------

    @needs(Feature.DELETE)
    @each("feature", declared(*ON_ONE))
    def test_the_id_of_a_deleted_stream_is_not_found(
        self, harness: Harness, feature: Feature
    ) -> None:
        stream = harness.stream()
        harness.client.delete(stream.id)
        with pytest.raises(NotFound) as caught:
            ON_ONE[feature](harness, stream.id)
        assert caught.value.applied is False

    @each("feature", declared(*ON_ONE))
    def test_the_id_of_something_else_is_not_found_and_that_is_left_alone(
        self, harness: Harness, feature: Feature
    ) -> None:
        others = harness.others()
        for other in others:
            with pytest.raises(NotFound) as caught:
                ON_ONE[feature](harness, other)
            assert caught.value.applied is False
        assert set(others) <= set(self.subject.other_ids(harness.emulator))
