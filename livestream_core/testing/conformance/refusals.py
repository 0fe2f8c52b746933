"""Undeclared features and invalid input are refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from ..._client import Client
from ..._contract.capabilities import (
    FEATURE_OF_FIELD,
    FIELDS,
    FILTERS,
    OPERATION_OF,
    OPERATIONS,
    PART_OF,
    Capabilities,
    Feature,
    Support,
)
from ..._model.errors import InvalidInput, LiveStreamError, Unsupported
from ..._model.operations import OPERATION_TABLE
from ..._model.status import Status, satisfied_by
from ..._model.trim import Trim
from ..field_values import VALUES
from .area import Area, declared, each, needs
from .bodies import Path, content_of, holder, places
from .calls import FILTERED, NO_STREAM, call
from .harness import Harness
from .operations import ON_ONE
from .subject import Subject

#: The support levels of fields that a create does not send.
_NOT_SENT = (Support.NONE, Support.AUTOMATIC)
_PARTS: dict[Feature, Callable[[Client], object]] = {
    Feature.SCHEDULE: lambda client: client.create(
        title="Lesson", scheduled_start="2030-01-15T09:30:00Z"
    ),
    Feature.TRIM: lambda client: client.stop(NO_STREAM, trim=Trim.relative(1, 2)),
}
CALLS: dict[Feature, Callable[[Client], object]] = {
    feature: partial(call, operation=OPERATION_OF[feature])
    if feature in OPERATION_OF
    else _PARTS[feature]
    for feature in OPERATIONS
}

#: The fields that a caller can leave out.
_OPTIONAL = tuple(each for each in FIELDS if each is not Feature.TITLE)


def absent(features: Iterable[Feature]) -> Callable[[Subject], Iterable[Feature]]:
    """Return a function that returns the undeclared features, for :func:`each`."""
    return lambda subject: [each for each in features if not subject.capabilities.supports(each)]


def _further(subject: Subject) -> Iterable[str]:
    """Return the operations of undeclared features, without their main operations."""
    main = {each.name for each in OPERATION_OF.values()}
    return [
        name
        for name, facts in OPERATION_TABLE.items()
        if name not in main and not subject.capabilities.supports(facts.feature)
    ]


def forbidden_values(subject: Subject) -> Iterable[tuple[str, Any]]:
    """Return values of declared fields that the adapter does not support."""
    can = subject.capabilities
    return [
        (feature.value, value)
        for feature in FIELDS
        if can.supports(feature) and can[feature].values is not None
        for value in VALUES[feature]
        if can.unsupported_error(feature.value, value)
    ]


def fixed_fields(subject: Subject) -> Iterable[str]:
    """Return the fields that an update cannot change."""
    return sorted({"title", *FEATURE_OF_FIELD} - subject.capabilities.updatable)


def unclearable(subject: Subject) -> Iterable[str]:
    """Return the fields that an update can change but not clear."""
    can = subject.capabilities
    return sorted(can.updatable - can.clearable - {"title"})


def settable(subject: Subject) -> Iterable[str]:
    """Return the fields of a spec whose values a create sends."""
    can = subject.capabilities
    sent = [each.value for each in FIELDS if can[each].support not in _NOT_SENT]
    return dict.fromkeys(["title", *sent])


def sent_by_create(
    harness: Harness, fields: Mapping[str, Any], **settings: Any
) -> tuple[dict[Path, Any], LiveStreamError | None]:
    """Create a stream, and return every value in the requests for it, and the error.

    A value's place is the number of its request and its path in the query or the body, whatever
    the form of the body is.
    """
    error: LiveStreamError | None = None
    with harness.sent() as sent:
        try:
            harness.client.create(**fields, **settings)
        except LiveStreamError as raised:
            error = raised
    found: dict[Path, Any] = {}
    for number, request in enumerate(sent):
        if not harness.is_change(request.method, request.path):
            continue
        data = content_of(request)
        for path in places(data):
            value = holder(data, path)[path[-1]]
            if not isinstance(value, (dict, list)):
                found[number, *path] = value
    return found, error


class Refusals(Area):
    """Undeclared features are refused before anything is sent."""

    title = "refusals"
    needs_emulator = False

    @each("feature", absent(CALLS))
    def test_an_operation_that_is_not_declared_is_refused_and_nothing_is_sent(
        self, harness: Harness, feature: Feature
    ) -> None:
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(Unsupported) as caught:
            CALLS[feature](client)
        assert caught.value.applied is False
        needed = PART_OF.get(feature)
        lacking = needed if needed and not harness.can.supports(needed) else feature
        assert lacking.value in caught.value.features

    @each("operation", _further)
    def test_every_operation_of_a_feature_that_is_not_declared_is_refused(
        self, harness: Harness, operation: str
    ) -> None:
        client, facts = harness.connect(), OPERATION_TABLE[operation]
        with harness.sends_nothing(), pytest.raises(Unsupported) as caught:
            call(client, facts)
        assert (caught.value.applied, caught.value.operation) == (False, operation)
        assert facts.feature in caught.value.features

    @needs(Feature.CREATE)
    @each("feature", absent(_OPTIONAL))
    def test_a_field_that_is_not_declared_is_refused_and_nothing_is_sent(
        self, harness: Harness, feature: Feature
    ) -> None:
        client, value = harness.connect(), VALUES[feature][0]
        with harness.sends_nothing(), pytest.raises(Unsupported) as caught:
            client.create(title="Lesson", **{feature.value: value})
        assert feature.value in caught.value.features

    @needs(Feature.CREATE)
    @each("field", forbidden_values)
    def test_a_value_that_is_not_declared_is_refused_and_nothing_is_sent(
        self, harness: Harness, field: tuple[str, Any]
    ) -> None:
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(Unsupported):
            client.create(**{"title": "Lesson", field[0]: field[1]})

    @needs(Feature.UPDATE)
    @each("name", fixed_fields)
    def test_a_field_that_cannot_be_updated_is_refused_and_nothing_is_sent(
        self, harness: Harness, name: str
    ) -> None:
        client = harness.connect()
        value: Any = "Lesson" if name == "title" else "2030-01-15T09:30:00Z"
        if name in (feature.value for feature in FIELDS):
            value = VALUES[Feature(name)][0]
        with harness.sends_nothing(), pytest.raises(Unsupported):
            client.update(NO_STREAM, **_changes(name, value))

    @needs(Feature.UPDATE)
    @each("name", unclearable)
    def test_a_field_that_cannot_be_cleared_is_refused_and_nothing_is_sent(
        self, harness: Harness, name: str
    ) -> None:
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(Unsupported):
            client.update(NO_STREAM, **_changes(name, None))

    @needs(Feature.LIST)
    @each("name", lambda subject: sorted(set(FILTERS) - subject.capabilities.filters))
    def test_a_filter_that_is_not_declared_is_refused_and_nothing_is_sent(
        self, harness: Harness, name: str
    ) -> None:
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(Unsupported) as caught:
            client.list(**{name: FILTERED[name]})
        assert name in caught.value.features

    @needs(Feature.LIST, when=lambda can: "status" in can.filters)
    @each("status", lambda subject: _unreported(subject.capabilities))
    def test_a_filter_on_a_status_that_is_never_reported_is_refused(
        self, harness: Harness, status: Status
    ) -> None:
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(Unsupported):
            client.list(status=status)

    @needs(Feature.GET)
    @each("status", lambda subject: _unreported(subject.capabilities))
    def test_waiting_for_a_status_that_is_never_reported_is_refused(
        self, harness: Harness, status: Status
    ) -> None:
        if satisfied_by(status) & harness.can.statuses:
            pytest.skip("another reported status satisfies it")
        if harness.can.reusable and status is Status.ENDED:
            pytest.skip("the end of a run satisfies it")
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(Unsupported):
            client.wait(NO_STREAM, until=status, timeout=1)

    @each("feature", absent(Feature))
    def test_a_feature_that_is_not_declared_cannot_be_required(
        self, harness: Harness, feature: Feature
    ) -> None:
        with harness.sends_nothing(), pytest.raises(Unsupported):
            harness.connect(require=[feature])


class Input(Area):
    """Input is checked before anything is sent."""

    title = "refusals"

    @needs(Feature.CREATE)
    @each("feature", absent(_OPTIONAL))
    def test_a_field_that_is_not_declared_can_be_dropped_on_request(
        self, harness: Harness, feature: Feature
    ) -> None:
        value = VALUES[feature][0]
        stream = harness.client.create(
            title="Lesson", on_unsupported="drop", **{feature.value: value}
        )
        assert stream.title == ("Lesson" if harness.can.supports(Feature.TITLE) else "")

    @each("feature", declared(*ON_ONE))
    def test_an_id_that_no_path_can_hold_is_refused_and_nothing_is_sent(
        self, harness: Harness, feature: Feature
    ) -> None:
        harness.client = harness.signed_in()
        for id in (".", "..", "a\nb", "a\x00b"):
            with harness.sends_nothing(), pytest.raises(InvalidInput):
                ON_ONE[feature](harness, id)

    @needs(Feature.CREATE, Feature.SCHEDULE)
    def test_a_time_without_a_zone_is_refused_and_nothing_is_sent(self, harness: Harness) -> None:
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(InvalidInput) as caught:
            client.create(title="Lesson", scheduled_start=datetime(2030, 1, 15, 9, 30))  # noqa: DTZ001
        assert caught.value.field == "scheduled_start"

    @needs(Feature.CREATE)
    @each("name", settable)
    def test_an_option_that_the_model_has_a_field_for_is_refused(
        self, harness: Harness, name: str
    ) -> None:
        harness.client = harness.signed_in()
        value = "Another title" if name == "title" else self.subject.values(Feature(name))[0]
        fields: dict[str, Any] = {"title": "A title", name: value}
        without, set_by_field = (
            sent_by_create(harness, each)[0] for each in ({"title": "A title"}, fields)
        )
        own = {at: sent for at, sent in set_by_field.items() if without.get(at) != sent}
        if not own:
            pytest.skip(f"no request of a create depends on {name}")
        replaced = []
        for option in sorted({step for at in own for step in at if isinstance(step, str)}):
            sent, error = sent_by_create(harness, fields, options={option: "kit-probe"})
            if isinstance(error, InvalidInput):
                assert not sent, "it was refused, but only after something was sent"
            elif [at for at in own if sent and sent.get(at) != own[at]]:
                replaced.append(option)
        assert replaced == [], f"options= silently replaced the value of {name}"


def _changes(name: str, value: Any) -> Any:
    return {name: value}


def _unreported(can: Capabilities) -> list[Status]:
    return sorted(set(Status) - can.statuses - {Status.UNKNOWN})
