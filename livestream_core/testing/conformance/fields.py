"""Titles, references, and the fields that a list lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from ..._contract.capabilities import FEATURE_OF_FIELD, FILTERS, Feature
from ..._model.errors import LiveStreamError, Unsupported
from ..._model.fields import Owner, facts_of, table
from ..._model.status import Status
from ..._model.stream import LiveStream, StreamSpec
from .area import HTTP, IN_PROCESS, Area, each, needs, proves
from .calls import FILTERED
from .harness import Harness
from .operations import TITLES
from .subject import Subject

#: What a field has if nothing is known about it.
_NOTHING: tuple[Any, ...] = (None, "", (), Status.UNKNOWN)
#: The fields of a stream that a list and a read should have in common.
_COMPARED = tuple(
    field.name
    for field in facts_of(LiveStream)
    if field.owner is not Owner.NONE and field.name not in ("provider", "id")
)


def _references(subject: Subject) -> tuple[str, str]:
    """Return two references."""
    first, *others = subject.values(Feature.REFERENCE)
    return first, others[-1] if others else f"{first}-b"


class TitlesAndReferences(Area):
    """A vendor without titles invents none, and a reference finds its stream."""

    title = "references"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    @proves(Feature.CREATE)
    @needs(when=lambda can: not can.supports(Feature.TITLE))
    @each("title", lambda _: TITLES)
    def test_a_vendor_without_titles_shows_an_empty_one(self, harness: Harness, title: str) -> None:
        stream = harness.client.create(title=title)
        others = _read_everywhere(harness, stream.id)
        assert {each.title for each in (stream, *others)} == {""}

    @proves(Feature.REFERENCE)
    @needs(Feature.CREATE)
    def test_a_reference_is_the_same_wherever_the_stream_is_shown(self, harness: Harness) -> None:
        for reference in self.subject.values(Feature.REFERENCE):
            stream = harness.client.create(title="Lesson", reference=reference)
            shown = [stream, *_read_everywhere(harness, stream.id)]
            assert [each.reference for each in shown] == [reference] * len(shown)

    @proves(Feature.REFERENCE)
    @needs(Feature.CREATE)
    def test_a_stream_without_a_reference_shows_none(self, harness: Harness) -> None:
        stream = harness.client.create(title="Lesson")
        shown = [stream, *_read_everywhere(harness, stream.id)]
        assert [each.reference for each in shown] == [None] * len(shown)

    @proves(Feature.REFERENCE)
    @needs(Feature.CREATE, Feature.LIST)
    def test_a_reference_finds_its_stream_and_no_other(self, harness: Harness) -> None:
        one, other = _references(self.subject)
        wanted = harness.client.create(title="One", reference=one)
        harness.client.create(title="Other", reference=other)
        harness.client.create(title="None")
        assert _found(harness, one) == [harness.key(wanted.id)]
        assert _found(harness, f"{one}-of-another") == []

    @proves(Feature.REFERENCE)
    @needs(Feature.CREATE, Feature.LIST, when=lambda can: not can.reference_is_unique)
    def test_two_streams_can_have_one_reference(self, harness: Harness) -> None:
        one, _ = _references(self.subject)
        created = [harness.client.create(title="Twice", reference=one) for _ in range(2)]
        keys = sorted(harness.key(each.id) for each in created)
        assert len(set(keys)) == 2, "declare reference_is_unique"
        assert sorted(_found(harness, one)) == keys

    @proves(Feature.REFERENCE)
    @needs(Feature.CREATE, Feature.LIST, when=lambda can: can.reference_is_unique)
    def test_a_unique_reference_belongs_to_one_stream(self, harness: Harness) -> None:
        one, _ = _references(self.subject)
        first = harness.client.create(title="Once", reference=one)
        try:
            second = harness.client.create(title="Once", reference=one)
        except LiveStreamError as error:
            assert error.applied is False
        else:
            assert harness.key(second.id) == harness.key(first.id)
        assert _found(harness, one) == [harness.key(first.id)]

    @proves(Feature.REFERENCE)
    @needs(Feature.CREATE, when=lambda can: can.mark == "reference")
    def test_a_reference_can_hold_the_mark_of_a_migration(self, harness: Harness) -> None:
        mark = "livestream-core:0123456789abcdef0123"
        assert harness.client.create(title="Lesson", reference=mark).reference == mark


class ListedFields(Area):
    """A list lacks exactly the fields that are declared, and ``full=True`` reads them."""

    title = "lists in full"

    @proves(Feature.LIST)
    @each("name", lambda subject: sorted(subject.capabilities.list_lacks))
    def test_a_field_that_a_list_lacks_is_empty_there_and_known_by_id(
        self, harness: Harness, name: str
    ) -> None:
        pairs = list(_pairs(harness))
        listed = [each for each, _ in pairs if getattr(each, name) not in _NOTHING]
        assert not listed, f"list_lacks names {name}, but a list contains it"
        read = [each for _, each in pairs if getattr(each, name) not in _NOTHING]
        assert read, f"list_lacks names {name}, but no read of a stream contains it"

    @proves(Feature.LIST)
    @needs(Feature.GET)
    def test_a_list_lacks_no_other_field(self, harness: Harness) -> None:
        lacking = {
            name
            for listed, read in _pairs(harness)
            for name in _COMPARED
            if getattr(listed, name) in _NOTHING and getattr(read, name) not in _NOTHING
        }
        if undeclared := ", ".join(sorted(lacking - harness.can.list_lacks)):
            if not harness.can.list_lacks:
                # The adapter may be older than the declaration.
                pytest.skip(f"a list lacks {undeclared}: declare list_lacks, for list(full=True)")
            pytest.fail(f"list_lacks does not name {undeclared}")

    @proves(Feature.LIST)
    @needs(Feature.GET)
    def test_a_playback_is_as_protected_in_a_list_as_by_id(self, harness: Harness) -> None:
        for listed, read in _pairs(harness):
            by_id = {(each.kind, each.url): each.protection for each in read.playbacks}
            for shown in listed.playbacks:
                assert by_id.get((shown.kind, shown.url), shown.protection) is shown.protection

    @proves(Feature.LIST)
    @needs(Feature.GET)
    def test_a_full_list_contains_what_get_returns(self, harness: Harness) -> None:
        for _ in range(3):
            harness.stream()
        streams = list(harness.client.list(full=True))
        page = harness.client.pages(full=True)
        assert streams
        for stream in (*streams, *page.items):
            read = harness.client.get(stream.id)
            differing = [
                name
                for name in set(_COMPARED).difference(harness.emulator.approximate)
                if getattr(stream, name) != getattr(read, name)
                and (harness.can.list_lacks or getattr(stream, name) not in _NOTHING)
            ]
            assert not differing, f"differs in {', '.join(sorted(differing))}"

    @proves(Feature.LIST)
    @each("name", lambda subject: _filters_on_lacking(subject))
    def test_a_filter_on_a_lacking_field_needs_a_full_list(
        self, harness: Harness, name: str
    ) -> None:
        client = harness.connect()
        with harness.sends_nothing(), pytest.raises(Unsupported) as caught:
            client.list(**{name: FILTERED[name]})
        assert name in caught.value.features
        assert "full=True" in (caught.value.hint or "")


def _filters_on_lacking(subject: Subject) -> list[str]:
    can = subject.capabilities
    return sorted(name for name in can.filters if FILTERS[name] in can.list_lacks)


def _read_everywhere(harness: Harness, stream_id: str) -> list[LiveStream]:
    """Return a stream as a read by its ID and a full list show it."""
    read = [harness.client.get(stream_id)] if harness.can.supports(Feature.GET) else []
    if harness.can.supports(Feature.LIST):
        key = harness.key(stream_id)
        listed = harness.client.list(full=True)
        read += [each for each in listed if harness.key(each.id) == key]
    return read


def _found(harness: Harness, reference: str) -> list[str]:
    found = harness.client.list(reference=reference, full=True)
    return [harness.key(stream.id) for stream in found]


def _pairs(harness: Harness) -> Iterator[tuple[LiveStream, LiveStream]]:
    """Yield streams with every field and in every status, each from a list and by its ID."""
    if harness.can.supports(Feature.CREATE):
        for name, feature in FEATURE_OF_FIELD.items():
            if harness.can.supports(feature) and not table(StreamSpec)[name].is_required:
                harness.stream(**{name: harness.subject.values(feature)[0]})
    yield from _both(harness)
    for stream in harness.life():
        yield from _both(harness, stream.id)
    for status in sorted(harness.can.statuses):
        try:
            stream = harness.reach(status)
        except pytest.skip.Exception:
            continue  # the emulator cannot show it
        yield from _both(harness, stream.id)


def _both(harness: Harness, only: str | None = None) -> Iterator[tuple[LiveStream, LiveStream]]:
    for listed in harness.client.list():
        if only is None or harness.key(listed.id) == harness.key(only):
            yield listed, harness.client.get(listed.id)
