"""Lists are read to their end, with every stream once, whatever the pages contain."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import attrs
import pytest

from ..._contract.capabilities import Feature
from ..._contract.pagination import Completeness
from ..._contract.response import Response
from ..._model.errors import LiveStreamError, UnexpectedResponse
from ..._model.status import Status
from ..._model.stream import LiveStream
from .area import HTTP, IN_PROCESS, Area, each, needs, proves
from .harness import Harness

_STARTS = ("2030-01-01T00:00:00Z", "2030-02-01T00:00:00Z", "2030-03-01T00:00:00Z")
_ELSEWHERE = "https://elsewhere.example"
_LINK_IN_HEADER = re.compile(r"<https?://[^/?#>]+")
_LINK = re.compile(r"(https?:)?//[^/?#]+(?=[/?#]|$)")


def keys(harness: Harness, streams: Iterable[LiveStream]) -> list[str]:
    """Return the IDs of streams, normalized for comparison."""
    return [harness.key(stream.id) for stream in streams]


def edited(response: Response, edit: Callable[[Any], Any]) -> Response:
    """Return a response with edited JSON, if it has any. A sign-out often returns none."""
    if not response.is_json:
        return response
    body = json.dumps(edit(json.loads(response.body))).encode()
    return attrs.evolve(response, body=body)


def without_streams(data: Any) -> Any:
    """Return a page whose lists are empty, however deep they are."""
    if isinstance(data, list):
        return []
    if isinstance(data, dict):
        return {name: without_streams(value) for name, value in data.items()}
    return data


def with_links_to(origin: str, data: Any) -> tuple[Any, bool]:
    """Return a page whose own links lead to another origin, and whether it has any.

    The entries of its lists have links too, which are not those to other pages.
    """
    if isinstance(data, dict):
        read = {name: with_links_to(origin, value) for name, value in data.items()}
        found = {name: value for name, (value, _) in read.items()}
        return found, any(has_link for _, has_link in read.values())
    if isinstance(data, str) and _LINK.match(data):
        return _LINK.sub(origin, data, count=1), True
    return data, False


def repeat_first_page() -> tuple[Callable[[str, str, Response], Response], list[Response]]:
    """Return a function that always returns the first page, and the pages that were requested."""
    pages: list[Response] = []

    def respond(method: str, target: str, response: Response) -> Response:
        pages.append(response)
        return attrs.evolve(pages[0])

    return respond, pages


class Paging(Area):
    """A list is read to its end, and not beyond."""

    title = "paging"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    @proves(Feature.LIST)
    def test_an_account_without_streams_has_an_empty_list(self, harness: Harness) -> None:
        assert list(harness.client.list()) == []

    @proves(Feature.LIST)
    def test_streams_on_the_second_and_the_third_page_are_found_once_each(
        self, harness: Harness
    ) -> None:
        created = harness.streams_on_three_pages()
        assert sorted(keys(harness, harness.client.list())) == sorted(created)

    @proves(Feature.LIST)
    def test_nothing_is_read_after_the_last_page(self, harness: Harness) -> None:
        harness.streams_on_three_pages()
        client, pages = harness.signed_in(), 1
        cursor = client.pages().next_cursor
        while cursor is not None:
            pages, cursor = pages + 1, client.pages(cursor=cursor).next_cursor
        with harness.sent() as sent:
            list(client.list())
        assert len(sent) <= pages

    @proves(Feature.LIST)
    def test_a_limit_is_kept_across_pages(self, harness: Harness) -> None:
        created = harness.streams_on_three_pages()
        assert len(list(harness.client.list(limit=len(created) - 1))) == len(created) - 1

    @proves(Feature.LIST)
    @needs(when=lambda can: can.reports_total)
    def test_a_walk_that_agrees_with_the_vendors_total_is_proven_complete(
        self, harness: Harness
    ) -> None:
        harness.streams_on_three_pages()
        listing = harness.client.list()
        list(listing)
        assert listing.complete is Completeness.PROVEN

    @proves(Feature.LIST)
    @needs(when=lambda can: not can.reports_total)
    def test_a_walk_without_a_total_does_not_claim_to_be_complete(self, harness: Harness) -> None:
        harness.stream()
        listing = harness.client.list()
        list(listing)
        assert listing.complete is Completeness.UNKNOWN, "reports_total should be declared"

    @proves(Feature.LIST)
    def test_another_client_goes_on_where_a_cursor_was_left(self, harness: Harness) -> None:
        created = harness.streams_on_three_pages()
        first = harness.client.pages()
        found, cursor = keys(harness, first), first.next_cursor
        while cursor is not None:
            page = harness.connect().pages(cursor=cursor)
            found += keys(harness, page)
            cursor = page.next_cursor
        assert sorted(found) == sorted(created)

    @proves(Feature.LIST)
    def test_streams_made_during_a_walk_hide_none_of_the_others(self, harness: Harness) -> None:
        before = harness.streams_on_three_pages()
        found: list[LiveStream] = []
        for number, stream in enumerate(harness.connect().list()):
            found.append(stream)
            if number in (1, 3):
                harness.stream(title="Created during the read")
        seen = keys(harness, found)
        assert set(before) <= set(seen), "new streams moved the pages, and a stream was skipped"
        assert len(seen) == len(set(seen)), "a stream was returned twice"

    @proves(Feature.LIST)
    def test_a_stream_deleted_during_a_walk_hides_none_of_the_others_silently(
        self, harness: Harness
    ) -> None:
        created = harness.streams_on_three_pages()
        if not harness.can.supports(Feature.DELETE):
            pytest.skip("delete is not supported")
        listing, found = harness.connect().list(), []
        for stream in listing:
            found.append(harness.key(stream.id))
            if len(found) == 1:
                harness.client.delete(stream.id)
        missing = set(created) - set(found)
        assert not missing or listing.complete is not Completeness.PROVEN


class MalformedPages(Area):
    """Pages that a vendor should not send, but sometimes does."""

    title = "paging"

    @proves(Feature.LIST)
    def test_a_page_that_is_sent_again_and_again_does_not_look_like_the_whole_list(
        self, harness: Harness
    ) -> None:
        created = harness.streams_on_three_pages()
        client = harness.signed_in()
        harness.tap.answer, _ = repeat_first_page()
        found: list[str] = []
        streams = client.list()
        try:
            for stream in streams:
                found.append(harness.key(stream.id))  # noqa: PERF401 (keep what was read before an error)
        except UnexpectedResponse:
            assert len(found) == len(set(found))
            return
        if streams.complete is not Completeness.MISMATCHED:
            assert set(found) == set(created), (
                "part of the list was returned as if it were the whole list"
            )

    @proves(Feature.LIST)
    def test_a_list_that_never_ends_is_an_error_and_not_an_endless_loop(
        self, harness: Harness
    ) -> None:
        harness.streams_on_three_pages()
        client = harness.signed_in()
        harness.tap.answer, pages = repeat_first_page()
        for _ in range(2):
            try:
                list(client.list())
            except LiveStreamError:
                pass
        assert len(pages) < 100

    @proves(Feature.LIST)
    def test_an_empty_page_in_the_middle_ends_a_walk_only_where_that_is_declared(
        self, harness: Harness
    ) -> None:
        harness.need_pages()
        harness.streams_on_three_pages()
        client = harness.signed_in()
        second = client.pages().next_cursor
        assert second is not None, "there is only one page"
        harness.tap.answer = lambda method, target, response: edited(response, without_streams)
        page = client.pages(cursor=second)
        assert page.items == ()
        assert (page.next_cursor is None) <= harness.can.empty_page_ends

    @proves(Feature.LIST)
    def test_the_only_page_of_an_empty_list_names_no_next_one(self, harness: Harness) -> None:
        client = harness.signed_in()
        assert client.pages().next_cursor is None

    @proves(Feature.LIST)
    def test_a_link_to_another_host_is_not_followed(self, harness: Harness) -> None:
        harness.streams_on_three_pages()
        client = harness.signed_in()
        changed: list[bool] = []

        def elsewhere(method: str, target: str, response: Response) -> Response:
            link = response.headers.get("link")
            if link is not None:
                header = _LINK_IN_HEADER.sub(f"<{_ELSEWHERE}", link)
                response = attrs.evolve(response, headers={**response.headers, "link": header})
                changed.append(header != link)
            if not response.is_json:
                return response
            data, has_link = with_links_to(_ELSEWHERE, json.loads(response.body))
            changed.append(has_link)
            return attrs.evolve(response, body=json.dumps(data).encode())

        harness.tap.answer = elsewhere
        before = len(harness.tap.targets)
        try:
            list(client.list())
        except UnexpectedResponse:
            assert len(harness.tap.targets) == before + 1
            return
        if any(changed):
            pytest.fail("the link was followed, at best on the vendor's own host")
        pytest.skip("the pages of this vendor have no links")

    @proves(Feature.LIST)
    def test_a_cursor_that_is_made_up_sends_credentials_nowhere_else(
        self, harness: Harness
    ) -> None:
        client = harness.signed_in()
        with harness.sent() as sent:
            client.pages()
        path = sent[-1].path.rstrip("/")
        for cursor in (
            f"{_ELSEWHERE}/x",
            "//elsewhere.example/x",
            "/../../elsewhere",
            "\\\\elsewhere.example\\x",
            "@elsewhere.example/",
        ):
            with harness.sent() as sent:
                try:
                    client.pages(cursor=cursor)
                except LiveStreamError:
                    pass
            assert [each.path for each in sent if each.path.rstrip("/") != path] == []
        assert len(set(harness.tap.origins)) == 1

    @proves(Feature.LIST)
    @each("page", lambda _: ("first", "second", "last"))
    def test_an_entry_that_is_missing_on_a_page_is_not_hidden(
        self, harness: Harness, page: str
    ) -> None:
        created = harness.streams_on_three_pages()
        dropped: list[str] = []
        client = harness.signed_in()
        shown = list(client.list())
        wanted = {"first": shown[0], "second": shown[len(shown) // 2], "last": shown[-1]}[page]

        def drop(data: Any) -> Any:
            if isinstance(data, list):
                kept = [drop(entry) for entry in data if not harness.is_payload(wanted, entry)]
                dropped.extend("an entry" for _ in range(len(data) - len(kept)))
                return kept
            if isinstance(data, dict):
                return {name: drop(value) for name, value in data.items()}
            return data

        harness.tap.answer = lambda method, target, response: edited(response, drop)
        streams = client.list()
        found = keys(harness, streams)
        if not dropped:
            pytest.skip("entries of the list are not the payloads of streams")
        assert sorted(found) == sorted(set(created) - {harness.key(wanted.id)})
        assert streams.complete is not Completeness.PROVEN, (
            "a stream is missing, but the list says that it is complete"
        )

    @proves(Feature.LIST)
    def test_an_error_on_the_second_page_is_not_the_end_of_the_list(self, harness: Harness) -> None:
        harness.need_pages()
        harness.streams_on_three_pages()
        client = harness.signed_in(retries=0)
        for status in (404, 429, 500):
            pages: list[str] = []

            def failing(
                method: str,
                target: str,
                response: Response,
                status: int = status,
                pages: list[str] = pages,
            ) -> Response:
                pages.append(target)
                return Response(status, {}, b"{}") if len(pages) == 2 else response

            harness.tap.answer = failing
            with pytest.raises(LiveStreamError) as caught:
                list(client.list())
            assert caught.value.http_status == status


class Filters(Area):
    """A filter returns exactly the streams that match it."""

    title = "filters"

    @proves(Feature.LIST)
    @needs(Feature.CREATE, when=lambda can: "tag" in can.filters and can.supports(Feature.TAGS))
    def test_a_tag_finds_the_streams_that_have_it(self, harness: Harness) -> None:
        both = harness.client.create(title="Both", tags=["red", "blue"])
        harness.client.create(title="Blue", tags=["blue"])
        harness.client.create(title="None")
        harness.client.create(title="Nearly", tags=["redder"])
        assert keys(harness, harness.client.list(tag="red", full=True)) == [harness.key(both.id)]

    @proves(Feature.LIST)
    @needs(Feature.CREATE, Feature.SCHEDULE, when=lambda can: {"starts_after"} <= set(can.filters))
    def test_starts_after_includes_the_instant_itself(self, harness: Harness) -> None:
        created = [harness.client.create(title="Lesson", scheduled_start=at) for at in _STARTS]
        found = keys(harness, harness.client.list(starts_after=_STARTS[1], full=True))
        assert sorted(found) == sorted(keys(harness, created[1:]))

    @proves(Feature.LIST)
    @needs(Feature.CREATE, Feature.SCHEDULE, when=lambda can: {"starts_before"} <= set(can.filters))
    def test_starts_before_excludes_the_instant_itself(self, harness: Harness) -> None:
        created = [harness.client.create(title="Lesson", scheduled_start=at) for at in _STARTS]
        found = keys(harness, harness.client.list(starts_before=_STARTS[1], full=True))
        assert found == keys(harness, created[:1])

    @proves(Feature.LIST)
    @each("status", lambda subject: sorted(subject.capabilities.statuses))
    def test_a_stream_is_in_the_list_in_every_status(
        self, harness: Harness, status: Status
    ) -> None:
        stream = harness.visible(status)
        shown = {harness.key(found.id): found for found in harness.client.list()}
        assert harness.key(stream.id) in shown, f"a stream that is {status} is not in the list"
        if "status" not in getattr(harness.can, "list_lacks", ()):
            assert shown[harness.key(stream.id)].status is status

    @proves(Feature.LIST)
    @needs(when=lambda can: "status" in can.filters)
    @each("status", lambda subject: sorted(subject.capabilities.statuses))
    def test_a_status_finds_the_streams_that_are_in_it(
        self, harness: Harness, status: Status
    ) -> None:
        harness.stream()
        wanted = harness.visible(status)
        expected = {key for key, stream in harness.look().items() if stream.status is status}
        expected.add(harness.key(wanted.id))
        assert sorted(keys(harness, harness.client.list(status=status, full=True))) == sorted(
            expected
        )

    @proves(Feature.LIST)
    @needs(Feature.CREATE, when=lambda can: "tag" in can.filters and can.supports(Feature.TAGS))
    def test_a_filter_looks_at_every_page(self, harness: Harness) -> None:
        first = harness.client.create(title="First", tags=["wanted"])
        harness.streams_on_three_pages()
        last = harness.client.create(title="Last", tags=["wanted"])
        found = keys(harness, harness.client.list(tag="wanted", full=True))
        assert sorted(found) == sorted(keys(harness, [first, last]))
