"""Reading one stream, for which the vendor may have no endpoint, and listing streams."""

from __future__ import annotations

from typing import Any

import pytest

import livestream_core as live
from livestream_core import Completeness, Status
from livestream_core.emulator import Fault
from livestream_tktchurch.emulator import TKTChurchEmulator

ID = "123e4567-e89b-12d3-a456-426614174000"
ONE = "GET", f"/v1/livestreams/{ID}", None
FIRST_PAGE = "GET", "/v1/livestreams?page=1", None


def paths(emulator: TKTChurchEmulator) -> list[str]:
    return [each.path for each in emulator.requests if each.method == "GET"]


def page(*items: Any, **metadata: int) -> dict[str, Any]:
    return {
        "items": list(items),
        "metadata": {"page": 1, "per": 10, "total": len(items), "pageCount": 1, **metadata},
    }


# -- get ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 405])
def test_a_stream_that_its_url_does_not_show_is_found_in_the_list(
    scripted: Any, sample: dict[str, Any], status: int
) -> None:
    client, script = scripted((status, {"error": True}), page(sample))
    assert client.get(ID).id == ID
    assert script.sent == [ONE, FIRST_PAGE]


@pytest.mark.parametrize("status", [404, 405])
def test_once_the_list_showed_it_the_url_is_not_tried_again(
    scripted: Any, sample: dict[str, Any], status: int
) -> None:
    client, script = scripted((status, {}), page(sample), page(sample))
    client.get(ID)
    client.get(ID)
    assert script.sent == [ONE, FIRST_PAGE, FIRST_PAGE]


def test_a_stream_that_is_nowhere_proves_nothing_about_the_url(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, script = scripted((404, {}), page(), sample)
    with pytest.raises(live.NotFound):
        client.get(ID)
    client.get(ID)
    assert script.sent == [ONE, FIRST_PAGE, ONE]


def test_an_id_that_no_path_can_hold_is_refused_also_when_the_list_is_read(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, script = scripted((404, {}), page(sample))
    client.get(ID)
    with pytest.raises(live.InvalidInput):
        client.get("..")
    assert len(script.sent) == 2


def test_every_client_finds_it_out_for_itself(connect: Any, emulator: TKTChurchEmulator) -> None:
    id = emulator.add_stream()
    for _ in range(2):
        connect(emulator).get(id)
    assert paths(emulator) == [f"/v1/livestreams/{id}", "/v1/livestreams"] * 2


def test_where_the_url_exists_one_request_is_enough(connect: Any) -> None:
    emulator = TKTChurchEmulator(has_single_get=True)
    id = emulator.add_stream()
    client = connect(emulator)
    client.get(id)
    client.get(id)
    assert paths(emulator) == [f"/v1/livestreams/{id}"] * 2


@pytest.mark.parametrize("status", [404, 405])
def test_where_it_does_not_exist_the_vendor_may_say(connect: Any, status: Any) -> None:
    emulator = TKTChurchEmulator(missing_get_status=status)
    id = emulator.add_stream(title="Here")
    assert connect(emulator).get(id).title == "Here"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, live.Rejected),
        (403, live.PermissionDenied),
        (401, live.AuthenticationFailed),
        (500, live.ProviderUnavailable),
    ],
)
def test_any_other_error_is_an_error(scripted: Any, status: int, error: type[Exception]) -> None:
    client, script = scripted(*[(status, {})] * 2, retries=0)
    with pytest.raises(error):
        client.get(ID)
    assert set(script.sent) == {ONE}


def test_an_answer_about_another_stream_is_unexpected(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, _ = scripted({**sample, "id": "123e4567-e89b-12d3-a456-426614174009"})
    with pytest.raises(live.UnexpectedResponse, match="another stream"):
        client.get(ID)


@pytest.mark.parametrize("upper", [True, False])
def test_an_id_is_found_in_either_case(connect: Any, upper: bool) -> None:
    emulator = TKTChurchEmulator(upper_case_ids=upper)
    id = emulator.add_stream()
    client = connect(emulator)
    assert client.get(id.swapcase()).id == id


def test_a_stream_on_the_last_page_is_found(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    ids = [emulator.add_stream() for _ in range(25)]
    assert client.get(ids[0]).id == ids[0]
    assert len(paths(emulator)) == 4


# -- list -----------------------------------------------------------------------------------


def test_every_stream_is_listed_once_and_that_is_proven(
    either_client: live.Client, emulator: TKTChurchEmulator
) -> None:
    ids = {emulator.add_stream() for _ in range(23)}
    streams = either_client.list()
    assert {stream.id for stream in streams} == ids
    assert streams.complete is Completeness.PROVEN


def test_an_empty_list_is_proven(client: live.Client) -> None:
    streams = client.list()
    assert list(streams) == []
    assert streams.complete is Completeness.PROVEN


@pytest.mark.parametrize("has_page_count", [True, False])
@pytest.mark.parametrize("count", [0, 1, 10, 11, 20, 21])
def test_a_page_count_that_is_left_out_is_computed(
    connect: Any, has_page_count: bool, count: int
) -> None:
    emulator = TKTChurchEmulator(has_page_count=has_page_count)
    for _ in range(count):
        emulator.add_stream()
    assert len(list(connect(emulator).list())) == count
    assert len(paths(emulator)) == max(1, -(-count // 10))


@pytest.mark.parametrize(("total", "next"), [(0, None), (3, None), (4, "2"), (10**400, "2")])
def test_the_last_page_is_known_from_the_total(scripted: Any, total: int, next: str | None) -> None:
    client, _ = scripted({"items": [], "metadata": {"page": 1, "per": 3, "total": total}})
    assert client.pages().next_cursor == next


def test_the_vendors_page_count_is_believed(scripted: Any, sample: dict[str, Any]) -> None:
    client, _ = scripted(page(sample, total=10, pageCount=2))
    assert client.pages().next_cursor == "2"


def test_a_page_says_how_many_there_are(scripted: Any, sample: dict[str, Any]) -> None:
    client, _ = scripted(page(sample, total=17, pageCount=2))
    assert client.pages().total == 17


@pytest.mark.parametrize("after", ["1", "7", "99"])
def test_a_cursor_is_the_number_of_a_page(scripted: Any, after: str) -> None:
    client, script = scripted(page(page=int(after)))
    client.pages(cursor=after)
    assert script.sent[0][1] == f"/v1/livestreams?page={after}"


@pytest.mark.parametrize("cursor", ["0", "-1", "01", "2x", "x", " 2", "2\n", "2.0", "٢", "9" * 19])
def test_a_wrong_cursor_is_refused_before_anything_is_sent(scripted: Any, cursor: str) -> None:
    client, script = scripted()
    with pytest.raises(live.InvalidInput) as caught:
        client.pages(cursor=cursor)
    assert (caught.value.field, script.sent) == ("cursor", [])


def test_a_size_is_sent_only_where_it_is_asked_for(scripted: Any) -> None:
    client, script = scripted(page(), page(per=500))
    client.pages()
    client.pages(size=500)
    assert [target for _, target, _ in script.sent] == [
        "/v1/livestreams?page=1",
        "/v1/livestreams?page=1&per=500",
    ]


def test_status_and_tag_go_to_the_vendor(scripted: Any) -> None:
    client, script = scripted(page())
    client.pages(status="live", tag="für alle & mehr")
    assert script.sent[0][1] == (
        "/v1/livestreams?page=1&status=live&tag=f%C3%BCr%20alle%20%26%20mehr"
    )


def test_times_do_not_go_to_the_vendor(scripted: Any) -> None:
    client, script = scripted(page())
    client.pages(starts_after="2024-01-01T00:00:00Z", starts_before="2024-02-01T00:00:00Z")
    assert script.sent[0][1] == "/v1/livestreams?page=1"


def test_a_status_that_the_vendor_has_no_word_for_is_filtered_here(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, script = scripted(page(sample, {**sample, "status": "paused"}))
    found = client.pages(status=Status.UNKNOWN)
    assert [stream.provider_status for stream in found] == ["paused"]
    assert script.sent[0][1] == "/v1/livestreams?page=1"


def test_filters_are_applied_here_again(scripted: Any, sample: dict[str, Any]) -> None:
    client, _ = scripted(page(sample, {**sample, "status": "live", "tags": ["x"]}))
    assert len(client.pages(status="live", tag="x")) == 1


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({"status": "live"}, {"b"}),
        ({"tag": "x"}, {"a", "b"}),
        ({"status": "scheduled", "tag": "x"}, {"a"}),
        ({"starts_after": "2024-02-01T00:00:00Z"}, {"b"}),
        ({"starts_before": "2024-02-01T00:00:00Z"}, {"a"}),
        ({"starts_after": "2030-02-01T00:00:00Z"}, set()),
    ],
)
def test_a_list_is_filtered(
    client: live.Client, emulator: TKTChurchEmulator, filters: dict[str, Any], titles: set[str]
) -> None:
    emulator.add_stream(title="a", tags=["x"], scheduledStartTime="2024-01-01T00:00:00Z")
    emulator.add_stream(
        title="b", tags=["x", "y"], status="live", scheduledStartTime="2024-02-01T00:00:00Z"
    )
    emulator.add_stream(title="c")
    assert {stream.title for stream in client.list(**filters)} == titles


@pytest.mark.parametrize(
    "answer",
    [
        {"items": []},
        {"metadata": {"page": 1, "per": 10, "total": 0}},
        {"items": {}, "metadata": {"page": 1, "per": 10, "total": 0}},
        {"items": [], "metadata": {"page": 1, "per": 10}},
        {"items": [], "metadata": {"page": 1, "per": 10, "total": -1}},
        {"items": [], "metadata": {"page": 1, "per": 0, "total": 5}},
        {"items": [], "metadata": {"page": 1, "total": 5}},
        {"items": [], "metadata": {"page": 2, "per": 10, "total": 0}},
        {"items": [], "metadata": {"page": 1, "per": 10, "total": 0, "pageCount": "1"}},
        {"items": [], "metadata": {"page": "1", "per": 10, "total": 0}},
        {"items": [], "metadata": []},
        {"items": [], "metadata": None},
        [],
    ],
)
def test_what_is_no_page_is_unexpected(scripted: Any, answer: Any) -> None:
    client, _ = scripted(answer)
    with pytest.raises(live.UnexpectedResponse):
        client.pages()


@pytest.mark.parametrize(
    "metadata",
    [
        {"total": None},
        {"total": "1"},
        {"total": -1},
        {"total": 1.5},
        {"page": "1"},
        {"page": 2},
        {"pageCount": "1"},
        {"pageCount": -1},
        {"pageCount": 0},
        {"pageCount": None, "per": None},
        {"pageCount": None, "per": 0},
    ],
)
def test_an_odd_page_never_looks_like_the_last_one_and_its_streams_are_on_the_error(
    scripted: Any, sample: dict[str, Any], metadata: dict[str, Any]
) -> None:
    answer = page(sample, **metadata)
    client, _ = scripted(answer, answer, answer)
    with pytest.raises(live.UnexpectedResponse, match="the link to the next page") as caught:
        client.pages()
    assert [stream.id for stream in caught.value.streams] == [ID]
    for on_unreadable in ("raise", "collect"):
        streams = client.list(on_unreadable=on_unreadable)
        assert next(streams).id == ID
        end = live.UnexpectedResponse if on_unreadable == "raise" else StopIteration
        with pytest.raises(end):
            next(streams)
        assert [each.position for each in streams.unreadable] == [None]
        assert streams.complete is Completeness.UNKNOWN


def test_entries_that_are_no_streams_are_told_by_their_places(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, _ = scripted(page(sample, "x", {"id": "7", "title": "A file"}))
    found = client.pages()
    assert [stream.id for stream in found] == [ID]
    assert [(each.position, each.id) for each in found.unreadable] == [(1, None), (2, "7")]


def test_a_stream_may_be_one_that_the_list_holds_and_cannot_be_read(
    scripted: Any, sample: dict[str, Any]
) -> None:
    other = "123e4567-e89b-12d3-a456-426614174009"
    client, _ = scripted((404, {}), page(sample, {"id": other}), retries=0)
    with pytest.raises(live.UnexpectedResponse, match=other) as caught:
        client.get(other)
    assert caught.value.stream_id == other


def test_a_stream_is_found_beside_an_entry_that_cannot_be_read(
    scripted: Any, sample: dict[str, Any]
) -> None:
    client, _ = scripted((404, {}), page("x", sample))
    assert client.get(ID).id == ID


def test_streams_announced_during_a_walk_are_not_listed_twice(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    old = {emulator.add_stream() for _ in range(15)}
    streams = client.list()
    seen = [next(streams).id]
    new = {emulator.add_stream() for _ in range(3)}
    seen += [stream.id for stream in streams]
    assert len(seen) == len(set(seen))
    assert set(seen) == old | new  # the total changed, so the list was read again
    assert streams.complete is Completeness.PROVEN


def test_a_stream_that_slips_through_a_deletion_is_found_by_a_second_walk(
    client: live.Client, emulator: TKTChurchEmulator, raw: Any, bearer: dict[str, str]
) -> None:
    ids = [emulator.add_stream() for _ in range(15)]
    streams = client.list()
    seen = {next(streams).id}
    raw.delete(f"/v1/livestreams/{ids[-1]}", headers=bearer)
    seen |= {stream.id for stream in streams}
    assert seen == set(ids)


def test_a_total_that_never_agrees_is_reported(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    emulator.add_stream()
    emulator.inject(Fault.extra_field("metadata.total", 2), on="GET *", times=2)
    streams = client.list()
    assert len(list(streams)) == 1
    assert streams.complete is Completeness.MISMATCHED


def test_a_vendor_that_ignores_the_page_is_found_out(
    client: live.Client, emulator: TKTChurchEmulator
) -> None:
    for _ in range(11):
        emulator.add_stream()
    emulator.inject(Fault.extra_field("metadata.page", 1), on="GET *", times=9)
    with pytest.raises(live.UnexpectedResponse, match="not page 2"):
        list(client.list())


def test_nulls_that_are_left_out_change_nothing(connect: Any) -> None:
    emulator = TKTChurchEmulator(prints_nulls=False)
    id = emulator.add_stream(title="T")
    stream = connect(emulator).get(id)
    assert (stream.title, stream.scheduled_start, stream.playbacks) == ("T", None, ())
