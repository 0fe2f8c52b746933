"""Responses are parsed faithfully: nothing is invented, and unreadable values are reported."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..._contract.capabilities import Feature
from ..._contract.response import Response
from ..._model.errors import LiveStreamError, UnexpectedResponse
from ..._model.fields import Kind, facts_of
from ..._model.status import Status
from ..._model.stream import LiveStream
from ..._secrets.secret import Secret
from ...emulator import Fault
from .area import Area, each, needs, proves, walk, walk_settings
from .bodies import Path, holder, places, with_value, without
from .calls import has_crashed
from .harness import Harness
from .operations import filled
from .subject import Sample

#: Words that no vendor uses, some of them similar to real ones.
WORDS = ("gone_fishing", "ended-ish", "nearly ready", "not_cancelled")
_TIMES = tuple(each.name for each in facts_of(LiveStream) if each.kind is Kind.INSTANT)
#: A shorter value may be in an address by chance.
_MIN_PATH = 8
#: The fields that may have several sources, or several values.
_OF_PARTS = frozenset(
    each.name for each in facts_of(LiveStream) if each.kind in (Kind.PART, Kind.URL)
)
#: The fields that are no values of the vendor's, or are checked by other tests.
_NOT_READ = frozenset({"provider", "id", "provider_status", "raw", "problems"})
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_OTHERS: tuple[Any, ...] = (7, "text", [], {}, True, ["x"])
_EXAMPLES = walk_settings(150)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**12)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def instead(body: Any) -> Callable[[str, str, Response], Response]:
    """Return a function that replaces the content of every response that has any."""

    def respond(method: str, target: str, response: Response) -> Response:
        if not response.body:
            return response
        return attrs.evolve(response, body=json.dumps(body).encode())

    return respond


def named(path: Path) -> str:
    """Return a path as text."""
    return ".".join(map(str, path))


def payload_of(harness: Harness) -> dict[str, Any]:
    """Return the vendor's payload of a stream with many fields."""
    stream = harness.scheduled()
    assert stream.raw is not None, "raw is None: the vendor's payload was not kept"
    found: dict[str, Any] = stream.raw.reveal()
    return found


def rich_payloads(harness: Harness) -> Iterator[Any]:
    """Yield payloads of the vendor that differ: documented ones, and of one life from its end."""
    yield from (sample.payload for sample in harness.subject.samples())
    streams = [filled(harness), *harness.life()]
    if harness.can.supports(Feature.GET):
        streams[0] = harness.client.get(streams[0].id)
    for stream in {found.status: found for found in streams}.values():
        if stream.raw is not None:
            yield stream.raw.reveal()


def inventions(before: LiveStream, after: LiveStream, data: Any) -> Iterator[tuple[str, str]]:
    """Yield each field that has a value of its own after something was taken out of its payload.

    A field may become empty. If it has several sources, such as two URLs, it may have the value of
    another one, but only an address may: the time of a creation is not that of a start.
    """
    for field in facts_of(LiveStream):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name in _NOT_READ or new == old or new in (None, "", ()):
            continue
        if field.name == "status":
            # It may depend on other values too; but without the vendor's word, it is not known.
            is_lost = before.provider_status is not None and after.provider_status is None
            if is_lost and new is not Status.UNKNOWN:
                yield field.name, str(new)
            continue
        if field.name in _OF_PARTS:
            known = [str(leaf) for leaf in (*leaves_of(old), *leaves_of(data)) if leaf is not None]
            if not all(_is_known(leaf, known) for leaf in leaves_of(new)):
                yield field.name, "another value"  # it may be secret
        else:
            yield field.name, repr(new)


def _is_known(leaf: Any, known: Sequence[str]) -> bool:
    """Return whether a value is empty, or is a vendor's value or a part of one, or has one in it.

    An address may be the vendor's path after the adapter's origin.
    """
    if leaf is None or leaf == "unknown":
        return True
    shown = str(leaf)
    return any(shown in text or (len(text) >= _MIN_PATH and text in shown) for text in known)


def leaves_of(value: Any) -> Iterator[Any]:
    """Yield the plain values in some JSON data, or in a part of a stream."""
    if isinstance(value, Mapping):
        value = value.values()
    elif attrs.has(type(value)):
        value = [getattr(value, field.name) for field in attrs.fields(type(value))]
    elif isinstance(value, Secret):
        value = [value.reveal()]
    elif not isinstance(value, (list, tuple)):
        yield value
        return
    for inner in value:
        yield from leaves_of(inner)


def facts(stream: LiveStream) -> LiveStream:
    """Return a stream without its payload, for comparison."""
    return attrs.evolve(stream, raw=None)


class Parsing(Area):
    """Parsing of the vendor's responses."""

    title = "parsing"

    @needs(Feature.GET)
    @each("word", lambda _: WORDS)
    def test_a_word_that_is_not_known_is_an_unknown_status_and_the_word_is_kept(
        self, harness: Harness, word: str
    ) -> None:
        stream = harness.stream()
        harness.client.get(stream.id)
        harness.emulator.inject(Fault.status_word(word), times=100)
        found = harness.client.get(stream.id)
        harness.emulator.clear_faults()
        assert found.raw is not None
        if word not in json.dumps(found.raw.reveal()):
            # The emulator's status_field is not where the status is.
            before = harness.client.get(stream.id)
            data = found.raw.reveal()
            paths = [
                path
                for path in places(data)
                if before.provider_status is not None
                and holder(data, path)[path[-1]] == before.provider_status
            ]
            if not paths:
                pytest.skip("the response has no status: provider_status is not in it")
            for path in paths:
                data = with_value(data, path, word)
            found = harness.client.parse_stream(data)
        assert (found.status, found.provider_status) == (Status.UNKNOWN, word)

    @needs(Feature.GET)
    def test_fields_that_are_not_known_change_nothing(self, harness: Harness) -> None:
        data = payload_of(harness)
        before = facts(harness.client.parse_stream(data))
        for path in [(), *(p for p in places(data) if isinstance(holder(data, (*p, 0)), dict))]:
            more = copy.deepcopy(data)
            holder(more, (*path, 0))["kit_extra"] = {"status": "ended", "id": "another"}
            assert facts(harness.client.parse_stream(more)) == before, (
                f"one more field in {named(path)}"
            )

    @needs(Feature.GET)
    def test_a_missing_field_is_read_as_none_or_named_in_the_error(self, harness: Harness) -> None:
        data = payload_of(harness)
        crashed = [
            f"{named(path)}: {error.message}"
            for path in places(data)
            if (error := self._failure(harness, without(data, path))) and has_crashed(error)
        ]
        assert crashed == [], "the adapter raises another exception, such as a KeyError"

    @needs(Feature.GET)
    def test_a_null_is_read_as_none_or_named_in_the_error(self, harness: Harness) -> None:
        data = payload_of(harness)
        crashed = [
            f"{named(path)}: {error.message}"
            for path in places(data)
            if (error := self._failure(harness, with_value(data, path, None)))
            and has_crashed(error)
        ]
        assert crashed == [], "the adapter raises another exception, such as a TypeError"

    @needs(Feature.GET)
    def test_a_value_of_another_type_is_never_a_crash_of_the_adapter(
        self, harness: Harness
    ) -> None:
        data = payload_of(harness)
        crashed = [
            f"{named(path)} = {value!r}: {error.message}"
            for path in places(data)
            for value in _OTHERS
            if (error := self._failure(harness, with_value(data, path, value)))
            and has_crashed(error)
        ]
        assert crashed == []

    @needs(Feature.GET)
    def test_a_payload_without_an_id_is_no_stream(self, harness: Harness) -> None:
        data = payload_of(harness)
        id = harness.client.parse_stream(data).id
        found = [path for path in places(data) if holder(data, path)[path[-1]] == id]
        assert found, "the id of the stream is not in the payload"
        blank = data
        for path in found:
            blank = with_value(blank, path, None)
        with pytest.raises(UnexpectedResponse):
            harness.client.parse_stream(blank)

    @needs(Feature.GET)
    def test_every_time_of_a_stream_is_an_instant_in_utc(self, harness: Harness) -> None:
        stream = harness.client.get(harness.stream().id)
        found = {name: getattr(stream, name) for name in _TIMES}
        assert [name for name, at in found.items() if at and at.utcoffset() != timedelta()] == []
        assert stream.problems == (), "what the vendor sends as documented cannot be read"

    @needs(Feature.GET)
    def test_nothing_is_put_in_place_of_a_missing_value(self, harness: Harness) -> None:
        invented = set()
        for data in rich_payloads(harness):
            before = harness.client.parse_stream(data)
            # A list without an entry is another list, and not one that lacks something.
            for path in (found for found in places(data) if isinstance(found[-1], str)):
                for less in (without(data, path), with_value(data, path, None)):
                    try:
                        after = harness.client.parse_stream(less)
                    except UnexpectedResponse:
                        continue
                    invented |= {
                        f"{name} is {value} without {named(path)}"
                        for name, value in inventions(before, after, less)
                        # Without a value of one entry, the same value of another one may apply.
                        if name in _OF_PARTS or not any(isinstance(step, int) for step in path)
                    }
        assert sorted(invented) == []

    @needs(Feature.GET)
    def test_a_payload_is_read_the_same_at_any_time(self, harness: Harness) -> None:
        data = payload_of(harness)
        before = harness.client.parse_stream(data)
        harness.clock.sleep(86_400)
        assert harness.client.parse_stream(data) == before, "the stream depends on the current time"

    @needs(Feature.GET)
    def test_a_time_that_the_vendor_writes_in_another_zone_is_the_same_instant(
        self, harness: Harness
    ) -> None:
        data = payload_of(harness)
        times = [
            path
            for path in places(data)
            if isinstance(text := holder(data, path)[path[-1]], str) and _ISO.fullmatch(text)
        ]
        if not times:
            pytest.skip("the vendor's times have no zone")
        before = facts(harness.client.parse_stream(data))
        for minutes in (330, -480, 0):
            moved = data
            for path in times:
                at = datetime.fromisoformat(holder(data, path)[path[-1]])
                zone = timezone(timedelta(minutes=minutes))
                moved = with_value(moved, path, at.astimezone(zone).isoformat())
            assert facts(harness.client.parse_stream(moved)) == before

    @proves(Feature.GET)
    def test_an_answer_about_nothing_is_an_error(self, harness: Harness) -> None:
        stream = harness.stream()
        client = harness.signed_in(retries=0)
        bodies: tuple[Any, ...] = ({}, [], None, "text", 7, {"data": []})
        for body in bodies:
            harness.tap.answer = instead(body)
            with pytest.raises(LiveStreamError) as caught:
                client.get(stream.id)
            assert not has_crashed(caught.value), f"in response to {body!r}"
            assert caught.value.applied is False

    @proves(Feature.LIST)
    def test_a_page_of_nonsense_is_an_error_and_no_empty_list(self, harness: Harness) -> None:
        client = harness.signed_in(retries=0)
        bodies: tuple[Any, ...] = ({}, None, "text", 7, {"unexpected": []})
        for body in bodies:
            harness.tap.answer = instead(body)
            with pytest.raises(UnexpectedResponse) as caught:
                list(client.list())
            assert not has_crashed(caught.value), f"in response to {body!r}"

    @walk
    @needs(Feature.GET)
    def test_any_payload_is_read_or_refused_as_unexpected(self, harness: Harness) -> None:
        data = payload_of(harness)
        paths = list(places(data))
        client = harness.client

        @_EXAMPLES
        @given(
            changes=st.lists(st.tuples(st.sampled_from(paths), json_values), max_size=3),
            other=st.none() | json_values,
        )
        def check(changes: list[tuple[Path, Any]], other: Any) -> None:
            payload = data
            for path, value in changes:
                try:
                    payload = with_value(payload, path, value)
                except (KeyError, IndexError, TypeError):
                    pass  # an earlier change removed the path
            try:
                client.parse_stream(payload if other is None else other)
            except UnexpectedResponse as error:
                assert error.operation == "parse_stream"

        check()

    @walk
    @proves(Feature.GET)
    def test_any_answer_ends_in_a_stream_or_in_an_error_of_this_library(
        self, harness: Harness
    ) -> None:
        stream = harness.stream()
        client = harness.signed_in(retries=0)
        bodies = st.one_of(
            json_values.map(lambda data: json.dumps(data).encode()),
            st.binary(max_size=20),
            st.sampled_from([b"", b"{", b"[" * 100_000, b"NaN", b"\xff\xfe", b'"\\ud800"']),
        )

        @_EXAMPLES
        @given(status=st.sampled_from([200, 201, 202, 204]), body=bodies)
        def check(status: int, body: bytes) -> None:
            harness.tap.answer = lambda *_: Response(status, {}, body)
            try:
                assert isinstance(client.get(stream.id), LiveStream)
            except LiveStreamError as error:
                assert error.applied is False

        check()

    @each("sample", lambda subject: list(enumerate(subject.samples())))
    def test_a_documented_sample_is_read_as_its_author_says(
        self, harness: Harness, sample: tuple[int, Sample]
    ) -> None:
        stream = harness.client.parse_stream(sample[1].payload)
        found = {name: getattr(stream, name) for name in sample[1].expected}
        assert found == dict(sample[1].expected)

    @staticmethod
    def _failure(harness: Harness, payload: Any) -> LiveStreamError | None:
        try:
            harness.client.parse_stream(payload)
        except LiveStreamError as error:
            return error
        return None
