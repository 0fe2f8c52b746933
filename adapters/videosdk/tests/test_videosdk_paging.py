"""Lists, page by page."""

from __future__ import annotations

import pytest

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_videosdk.emulator import VideoSDKEmulator


def streams(*ids):
    return [{"id": str(each), "name": f"stream {each}"} for each in ids]


def page(*ids, **info):
    return {"pageInfo": info, "data": streams(*ids)}


def ids(listed):
    return [each.id for each in listed]


def test_a_list_goes_over_all_pages(client, emulator):
    made = [client.create(title=f"s{i}").id for i in range(45)]
    listed = client.list()
    assert ids(listed) == made
    assert [each.query for each in emulator.requests[45:]] == ["page=1", "page=2", "page=3"]
    assert {each.path for each in emulator.requests[45:]} == {"/v1/livestreams/"}


def test_no_total_means_that_completeness_is_unknown(client):
    client.create(title="x")
    listed = client.list()
    list(listed)
    assert listed.complete is live.Completeness.UNKNOWN


def test_an_empty_account_is_an_empty_list_and_one_request(client, emulator):
    assert list(client.list()) == []
    assert len(emulator.requests) == 1


def test_the_page_size_is_sent_only_when_it_is_given(client, emulator):
    client.pages(size=7)
    client.pages()
    assert [each.query for each in emulator.requests] == ["page=1&perPage=7", "page=1"]


def test_the_cursor_is_the_number_of_the_page(client):
    made = [client.create(title=f"s{i}").id for i in range(5)]
    first = client.pages(size=2)
    assert first.next_cursor == "2"
    second = client.pages(size=2, cursor=first.next_cursor)
    third = client.pages(size=2, cursor=second.next_cursor)
    assert ids(first) + ids(second) + ids(third) == made
    assert third.next_cursor is None


@pytest.mark.parametrize(
    "cursor",
    ["0", "-1", "+1", "1.0", "01", "x", " 1", "1 ", "1\n", "\uff11", "\u00b2", "1_0", "9" * 19],
)
def test_a_cursor_that_is_no_page_number_is_refused_before_sending(client, emulator, cursor):
    with pytest.raises(live.InvalidInput) as caught:
        client.pages(cursor=cursor)
    assert caught.value.field == "cursor"
    assert emulator.requests == []


def test_the_list_ends_where_current_page_reaches_last_page(scripted):
    client, script = scripted(
        page(1, currentPage=1, lastPage=2), page(2, currentPage=2, lastPage=2)
    )
    assert ids(client.list()) == ["1", "2"]
    assert script.answers == []


def test_the_list_ends_beyond_last_page_too(scripted):
    client, _ = scripted(page(1, currentPage=9, lastPage=2))
    assert client.pages(cursor="9").next_cursor is None


def test_an_empty_page_is_the_end_whatever_last_page_says(scripted):
    client, script = scripted(page(1, currentPage=1, lastPage=9), page(currentPage=2, lastPage=9))
    assert ids(client.list()) == ["1"]
    assert script.answers == []


@pytest.mark.parametrize(
    "answer", [{"data": streams(1, 2)}, {"data": streams(1, 2), "pageInfo": None}]
)
def test_the_answer_of_the_guide_is_a_single_page(scripted, answer):
    client, script = scripted(answer)
    assert ids(client.list()) == ["1", "2"]
    assert script.targets == ["GET /v1/livestreams/?page=1"]


def test_a_last_page_that_is_left_out_is_computed_from_the_total(scripted):
    client, script = scripted(
        page(1, 2, currentPage=1, perPage=2, total=3), page(3, currentPage=2, perPage=2, total=3)
    )
    listed = client.list()
    assert ids(listed) == ["1", "2", "3"]
    assert script.answers == []
    assert listed.complete is live.Completeness.PROVEN


@pytest.mark.parametrize("size", [None, 0, -3])
def test_without_a_page_size_the_page_itself_tells_it(scripted, size):
    client, script = scripted(
        page(1, 2, currentPage=1, perPage=size, total=4),
        page(3, 4, currentPage=2, perPage=size, total=4),
    )
    assert ids(client.list()) == ["1", "2", "3", "4"]
    assert script.answers == []


def test_without_last_page_and_total_the_list_ends_with_an_empty_page(scripted):
    client, script = scripted(page(1), page(2), page())
    assert ids(client.list()) == ["1", "2"]
    assert script.targets[-1] == "GET /v1/livestreams/?page=3"


@pytest.mark.parametrize("number", [0, -1, 2, 10**30])
def test_a_page_with_the_number_of_another_one_is_refused(scripted, number):
    client, _ = scripted(page(1, currentPage=number, lastPage=10**31))
    with pytest.raises(live.UnexpectedResponse, match="not page 1"):
        list(client.list())


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"data": None},
        {"data": {}},
        {"data": ["x"]},
        {"data": [{"id": "1"}]},
        {"data": [], "pageInfo": []},
        {"data": streams(1), "pageInfo": []},
        {"data": streams(1), "pageInfo": {"currentPage": "1"}},
        {"data": streams(1), "pageInfo": {"lastPage": 1.5}},
        {"data": streams(1), "pageInfo": {"total": "9"}},
    ],
)
def test_a_foreign_shape_is_an_error_and_never_an_empty_list(scripted, answer):
    client, _ = scripted(answer)
    with pytest.raises(live.UnexpectedResponse):
        list(client.list())


def test_entries_that_are_no_streams_are_told_by_their_places(scripted):
    client, _ = scripted({"data": [*streams(1), "x", {"id": "7"}], "pageInfo": {"lastPage": 1}})
    listed = client.pages()
    assert ids(listed) == ["1"]
    assert [(each.position, each.id) for each in listed.unreadable] == [(1, None), (2, "7")]


@pytest.mark.parametrize("info", [{"lastPage": "2"}, {"currentPage": []}, {"total": "9"}, [], "x"])
def test_where_the_next_page_is_cannot_be_read_the_streams_are_on_the_error(scripted, info):
    for read in (lambda client: client.pages(), lambda client: list(client.list())):
        client, _ = scripted({"data": streams(1, 2), "pageInfo": info})
        with pytest.raises(live.UnexpectedResponse, match="the link to the next page") as caught:
            read(client)
        assert ids(caught.value.streams) == ["1", "2"]


def test_a_page_that_comes_again_and_again_is_an_error(client, emulator):
    for i in range(41):
        client.create(title=f"s{i}")

    def stuck(data, _):
        data["pageInfo"]["currentPage"] = 1

    emulator.inject(Fault.edited(stuck), on="GET */livestreams/", times=50)
    with pytest.raises(live.UnexpectedResponse, match="not page 2"):
        list(client.list())


def test_pages_of_known_streams_alone_are_walked_over(scripted):
    client, _ = scripted(
        page(1, currentPage=1, lastPage=3),
        page(1, currentPage=2, lastPage=3),
        page(2, currentPage=3, lastPage=3),
    )
    assert ids(client.list()) == ["1", "2"]


def test_ten_repeated_pages_are_an_error(scripted):
    client, script = scripted(*[page(1, currentPage=i, lastPage=99) for i in range(1, 20)])
    with pytest.raises(live.UnexpectedResponse, match="incomplete"):
        list(client.list())
    assert len(script.targets) == 11


def test_a_limit_ends_the_list_early(client, emulator):
    for i in range(25):
        client.create(title=f"s{i}")
    assert len(list(client.list(limit=3))) == 3
    assert len(emulator.requests) == 26


def test_ready_is_the_filter_that_all_streams_pass(client):
    client.create(title="x")
    assert len(list(client.list(status=live.Status.READY))) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"status": "live"},
        {"tag": "t"},
        {"starts_after": "2026-12-05T15:30:00Z"},
        {"starts_before": "2026-12-05T15:30:00Z"},
    ],
)
def test_a_filter_by_what_is_never_reported_is_unsupported(client, emulator, query):
    with pytest.raises(live.Unsupported):
        list(client.list(**query))
    assert emulator.requests == []


def test_a_second_page_is_read_over_sockets_too():
    emulator = VideoSDKEmulator()
    with (
        emulator.serve() as url,
        live.connect("videosdk", base_url=url, **emulator.options()) as client,
    ):
        made = [client.create(title=f"s{i}").id for i in range(21)]
        assert ids(client.list()) == made
