"""A page of a list whose envelope, all around its streams, is not as documented."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import attrs
import pytest

from ..._client import Client
from ..._contract.capabilities import Feature
from ..._contract.pagination import Completeness
from ..._contract.response import Response
from ..._model.errors import LiveStreamError, UnexpectedResponse
from .answers import named
from .area import Area, each, needs, proves
from .bodies import Path, find, holder, places, with_value, without
from .calls import has_crashed
from .harness import Harness

#: Cursors that no list of any vendor has returned, which adapters may take for numbers.
MADE_UP = ("0", "-1", "00", "1.5", "1e3", "²", "٣", "9" * 40, "null", " ", "\ud800", "%00")

_MISSING: Any = object()
#: What a vendor may make of a value of an envelope.
ODD: Mapping[str, Any] = {
    "missing": _MISSING,
    "null": None,
    "an object": {},
    "a list": [],
    "a text": "gone_fishing",
    "a number": -7,
}


class Envelope:
    """The pages of a list, and where they have what is not a stream."""

    def __init__(self, harness: Harness) -> None:
        self.created: set[str] = set(harness.streams_on_three_pages())
        self.client: Client = harness.signed_in(retries=0)
        self.pages: list[Any] = []
        self.sizes: list[int] = []
        self.cursors: list[str] = []
        entries: Path | None = None
        cursor: str | None = None
        answers: list[Response] = []

        def keep(method: str, target: str, response: Response) -> Response:
            answers.append(response)
            return response

        harness.tap.answer = keep
        while cursor is not None or not self.pages:
            page = self.client.pages(cursor=cursor, size=harness.can.max_page_size)
            if not answers[-1].is_json:
                pytest.skip("the pages of this vendor are not JSON")
            data = json.loads(answers[-1].body)
            first = page.items[0] if page.items else None
            if first is not None and (place := find(data, partial(harness.is_payload, first))):
                entries = place[:-1]
            self.pages.append(data)
            self.sizes.append(len(page.items))
            cursor = page.next_cursor
            if cursor is not None:
                self.cursors.append(cursor)
        harness.tap.answer = None
        if entries is None:
            pytest.skip("entries of the list are not the payloads of streams")
        self.entries: Path = entries

    def places(self) -> list[Path]:
        """Return the paths of all values of the envelope, without the list and its entries."""
        depth = len(self.entries)
        return [
            path
            for path in places(self.pages[0])
            if path[:depth] != self.entries and path != self.entries[: len(path)]
        ]

    def parents(self) -> list[Path]:
        """Return the paths of the list of the entries, and of all around it."""
        return [self.entries[: end + 1] for end in range(len(self.entries))]

    def is_usual(self, path: Path, value: Any) -> bool:
        """Return whether nothing is odd about a value, which so may mean what it says.

        A text may be any cursor, and on the last page, the cursor may be null or missing.
        """
        if value is None or value is _MISSING:
            return value_at(self.pages[-1], path) in (None, _MISSING)
        return any(type(value) is type(value_at(page, path)) for page in self.pages)


def value_at(data: Any, path: Path) -> Any:
    """Return the value at a path, or a mark of its own if there is none."""
    try:
        return holder(data, path)[path[-1]]
    except (KeyError, IndexError, TypeError):
        return _MISSING


def altered(data: Any, path: Path, value: Any) -> Any:
    """Return a page with another value at a path, or without one; other data as it is."""
    if value_at(data, path) is _MISSING:
        return data
    return without(data, path) if value is _MISSING else with_value(data, path, value)


def with_json(response: Response, data: Any) -> Response:
    """Return a response with other JSON data."""
    return attrs.evolve(response, body=json.dumps(data).encode())


class Envelopes(Area):
    """What is around the streams of a page may be odd: no stream is lost silently."""

    title = "paging"

    @proves(Feature.LIST)
    @each("change", lambda _: ODD)
    def test_a_page_whose_envelope_is_odd_loses_no_stream_silently(
        self, harness: Harness, change: str
    ) -> None:
        envelope = Envelope(harness)
        if not (places := envelope.places()):
            pytest.skip("a page is a list of streams and nothing else")
        wrong = [
            f"{named(path)} is {change}: {problem}"
            for path in places
            if not envelope.is_usual(path, ODD[change])
            if (problem := self._read(harness, envelope, path, ODD[change], loses=()))
        ]
        assert wrong == []

    @proves(Feature.LIST)
    @each("change", lambda _: ODD)
    def test_a_page_without_its_list_is_not_the_end_of_the_list(
        self, harness: Harness, change: str
    ) -> None:
        envelope = Envelope(harness)
        if not (parents := envelope.parents()):
            pytest.skip("a page is a list of streams and nothing else")
        wrong = [
            f"{named(path)} is {change}: {problem}"
            for path in parents
            # An empty list is how a vendor says that there are no streams.
            if not envelope.is_usual(path, ODD[change])
            if (problem := self._read(harness, envelope, path, ODD[change], envelope.created))
        ]
        assert wrong == []

    def _read(
        self,
        harness: Harness,
        envelope: Envelope,
        path: Path,
        value: Any,
        loses: Collection[str],
    ) -> str | None:
        """Read the list with a value in all pages, and return what is wrong with the result."""
        found: list[str] = []
        harness.tap.answer = lambda _, __, response: (
            with_json(response, altered(json.loads(response.body), path, value))
            if response.is_json
            else response
        )
        streams = envelope.client.list()
        try:
            found += [harness.key(stream.id) for stream in streams]
        except UnexpectedResponse as error:
            found += [harness.key(stream.id) for stream in error.streams]
            if has_crashed(error):
                return error.message
            on_a_page = min(envelope.sizes[0], len(envelope.created))
            lost = not loses and len(set(found)) < on_a_page
            return "the streams of its page are lost with the error" if lost else None
        except LiveStreamError:
            return None  # the vendor refused what was in its place
        finally:
            harness.tap.answer = None
        if set(found) == envelope.created:
            return None
        if loses and streams.complete is Completeness.MISMATCHED:
            return None
        return "the list ends early, as if it were at its end"

    @proves(Feature.LIST)
    def test_a_cursor_that_is_made_up_is_refused_or_names_a_page(self, harness: Harness) -> None:
        harness.stream()
        client = harness.signed_in(retries=0)
        with harness.sent() as usual:
            client.pages()
        wrong = []
        for cursor in MADE_UP:
            with harness.sent() as sent:
                try:
                    client.pages(cursor=cursor)
                except LiveStreamError as error:
                    if has_crashed(error):
                        wrong.append(f"{cursor!r}: {error.message}"[:300])
                except Exception:
                    pass  # of the emulator: the core turns what an adapter raises into an error
            if len(sent) > len(usual) or {each.path for each in sent} - {usual[-1].path}:
                wrong.append(f"{cursor!r}: {[each.path for each in sent]} was sent")
        assert wrong == []

    @proves(Feature.GET)
    @needs(Feature.LIST)
    def test_a_get_that_searches_the_list_finds_a_stream_on_every_page(
        self, harness: Harness
    ) -> None:
        created = harness.streams_on_three_pages()
        client = harness.signed_in(retries=0)
        with harness.sent() as usual:
            client.get(created[0])
        with harness.sent() as listed:
            client.pages()
        path = usual[-1].path
        if path == listed[-1].path:
            pytest.skip("a get reads the list in any case")
        missing = []
        for stream_id in (created[0], created[len(created) // 2], created[-1]):
            # A client of its own: an adapter may remember that the path does not exist.
            other = harness.signed_in(retries=0)
            harness.tap.answer = lambda _, target, response: (
                response
                if target.partition("?")[0] == listed[-1].path
                else Response(404, {}, b"{}")
            )
            with harness.sent() as sent:
                try:
                    found: str | None = harness.key(other.get(stream_id).id)
                except LiveStreamError:
                    found = None
            harness.tap.answer = None
            if not any(each.path == listed[-1].path for each in sent):
                pytest.skip("a get does not search the list")
            if found != stream_id:
                missing.append(f"stream {created.index(stream_id) + 1} of {len(created)}")
        assert missing == [], "streams that the list has are not found in it"

    @proves(Feature.LIST)
    def test_a_page_has_no_more_streams_than_were_asked_for_where_sizes_are_sent(
        self, harness: Harness
    ) -> None:
        harness.streams_on_three_pages()
        client = harness.signed_in(retries=0)
        queries, pages = [], []
        for size in (1, 2, None):
            with harness.sent() as sent:
                pages.append(client.pages(size=size))
            queries.append(sent[-1].query)
        if queries[0] != queries[1]:
            return  # each size reaches the vendor
        shown = len(pages[2].items)
        assert harness.can.max_page_size is None, "no size reaches the vendor"
        assert not any(part.endswith(f"={shown}") for part in queries[0].split("&")), (
            "every request asks for the same size of a page"
        )

    @proves(Feature.LIST)
    @needs(Feature.GET)
    def test_operations_reach_the_streams_of_every_page(self, harness: Harness) -> None:
        created = harness.streams_on_three_pages()
        for stream_id in (created[0], created[-1]):
            assert harness.key(harness.client.get(stream_id).id) == stream_id
        if harness.can.supports(Feature.DELETE):
            for stream_id in (created[0], created[-1]):
                harness.client.delete(stream_id)
            left = {harness.key(stream.id) for stream in harness.client.list()}
            assert left == set(created[1:-1])
