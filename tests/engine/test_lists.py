"""Lists: every stream once, to the end, and whether they are proven complete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from livestream_core.emulator import Fault
from runners import connect, only_sync
from scripted import ScriptedTransport, respond

pytestmark = pytest.mark.usefixtures("runner")


def item(id: Any, **fields: Any) -> dict[str, Any]:
    return {"id": str(id), "title": "T", "status": "new", **fields}


def listed(read: Callable[[str | None], dict[str, Any]]) -> tuple[live.Client, ScriptedTransport]:
    """Connect a client to a vendor whose pages come from a function of the cursor."""

    def answer(method: str, target: str) -> live.Response:
        query = dict(part.split("=") for part in target.partition("?")[2].split("&") if part)
        return respond(200, read(query.get("cursor")))

    transport = ScriptedTransport(answer)
    return connect("acme", transport=transport, token="t0ken-t0ken"), transport


def page_of(streams: list[dict[str, Any]], offset: int, size: int) -> dict[str, Any]:
    following = offset + size
    return {
        "items": streams[offset:following],
        "next": str(following) if following < len(streams) else None,
        "total": len(streams),
    }


def test_a_list_is_lazy_and_reads_every_page(client: live.Client, emulator: AcmeEmulator) -> None:
    ids = [emulator.add()["id"] for _ in range(10)]
    streams = client.list()
    assert emulator.requests == []
    assert next(streams).id == ids[0]
    assert sum(each.path == "/streams" for each in emulator.requests) == 1
    assert streams.complete is live.Completeness.UNKNOWN
    assert [stream.id for stream in streams] == ids[1:]
    assert streams.complete is live.Completeness.PROVEN


def test_an_empty_list_is_proven_empty(client: live.Client) -> None:
    streams = client.list()
    assert list(streams) == []
    assert streams.complete is live.Completeness.PROVEN


def test_a_limit_stops_the_walk_and_proves_nothing(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    for _ in range(10):
        emulator.add()
    streams = client.list(limit=4)
    assert len(list(streams)) == 4
    assert streams.complete is live.Completeness.UNKNOWN
    assert sum(each.path == "/streams" for each in emulator.requests) == 2
    assert list(client.list(limit=0)) == []


def test_filters_are_applied_here(client: live.Client, emulator: AcmeEmulator) -> None:
    emulator.add(status="on", tags=["a"], start="2026-01-01T10:00:00Z")
    emulator.add(status="on", tags=["b"], start="2026-01-02T10:00:00Z")
    emulator.add(status="over", tags=["a", "b"])

    def ids(**filters: Any) -> list[str]:
        return [stream.id for stream in client.list(**filters)]

    assert ids(status=live.Status.LIVE) == ["1", "2"]
    assert ids(status="ended", tag="b") == ["3"]
    assert ids(tag="a") == ["1", "3"]
    assert ids(starts_after="2026-01-01T10:00:00Z") == ["1", "2"]
    assert ids(starts_before="2026-01-02T10:00:00Z") == ["1"]
    assert ids(starts_after="2026-01-01T10:00:01Z", starts_before="2026-01-02T10:00:01Z") == ["2"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"status": "asleep"}, "status"),
        ({"status": 5}, "status"),
        ({"starts_after": datetime(2026, 1, 1)}, "starts_after"),
        ({"starts_before": "soon"}, "starts_before"),
        ({"tag": 5}, "tag"),
        ({"limit": -1}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 1.5}, "limit"),
    ],
)
def test_a_wrong_filter_is_refused_at_the_call(
    client: live.Client, emulator: AcmeEmulator, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        client.list(**arguments)
    assert caught.value.field == field
    assert caught.value.operation == "list"
    assert emulator.requests == []


def test_a_filter_on_what_the_vendor_never_reports_is_unsupported(client: live.Client) -> None:
    with pytest.raises(live.Unsupported, match="never reports the status 'cancelled'"):
        client.list(status="cancelled")


def test_a_repeated_page_does_not_loop() -> None:
    client, transport = listed(lambda cursor: {"items": [item(1)], "next": "2"})
    with client, pytest.raises(live.UnexpectedResponse, match="list is incomplete") as caught:
        list(client.list())
    assert len(transport.sent) == 2
    error = caught.value
    assert (error.provider, error.operation) == ("acme", "list")
    assert error.account == client.account


def test_a_list_that_never_ends_is_given_up_after_ten_pages_without_news() -> None:
    client, transport = listed(
        lambda cursor: {"items": [item(1)], "next": str(int(cursor or 0) + 1)}
    )
    with (
        client,
        pytest.raises(
            live.UnexpectedResponse, match="10 consecutive pages contained no new streams"
        ),
    ):
        list(client.list())
    assert len(transport.sent) == 11


def test_a_list_resumes_at_a_page_that_could_not_be_read(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    ids = [emulator.add()["id"] for _ in range(7)]
    walk = client.list()
    seen = [next(walk).id for _ in range(3)]
    emulator.inject(Fault.status(403), on="GET /streams")
    with pytest.raises(live.PermissionDenied):
        next(walk)
    seen += [stream.id for stream in walk]
    assert seen == ids
    assert walk.complete is live.Completeness.PROVEN


def test_a_list_that_failed_is_not_complete() -> None:
    client, _ = listed(lambda cursor: {"items": [item(1)], "next": "2"})
    with client:
        walk = client.list()
        next(walk)
        for _ in range(2):
            with pytest.raises(live.UnexpectedResponse):
                next(walk)


def test_empty_pages_with_a_next_one_are_walked_over() -> None:
    pages = {None: [1], "1": [], "2": [], "3": [2]}

    def read(cursor: str | None) -> dict[str, Any]:
        following = str(int(cursor or 0) + 1)
        return {
            "items": [item(i) for i in pages[cursor]],
            "next": following if cursor != "3" else None,
        }

    client, _ = listed(read)
    with client:
        streams = client.list()
        assert [stream.id for stream in streams] == ["1", "2"]
        assert streams.complete is live.Completeness.UNKNOWN  # no total


def test_a_burst_of_new_streams_that_shifts_known_ones_is_read() -> None:
    streams = [item(i) for i in range(9)]

    def read(cursor: str | None) -> dict[str, Any]:
        offset = int(cursor or 0)
        if offset == 3 and len(streams) == 9:
            streams[:0] = [item(f"new{i}") for i in range(6)]
        return page_of(streams, offset, 3)

    client, _ = listed(read)
    with client:
        walk = client.list()
        ids = [stream.id for stream in walk]
    assert len(ids) == len(set(ids))
    assert set(map(str, range(9))) <= set(ids)
    # The second list had all fifteen streams, and the total stayed the same.
    assert walk.complete is live.Completeness.PROVEN


def test_a_stream_that_slipped_through_a_deletion_is_found_by_the_second_walk() -> None:
    streams = [item(i) for i in range(9)]

    def read(cursor: str | None) -> dict[str, Any]:
        offset = int(cursor or 0)
        if offset == 3 and len(streams) == 9:
            del streams[0]
        return page_of(streams, offset, 3)

    client, _ = listed(read)
    with client:
        walk = client.list()
        assert {stream.id for stream in walk} == set(map(str, range(9)))
    assert walk.complete is live.Completeness.PROVEN


def test_a_total_that_never_agrees_is_reported_as_mismatched() -> None:
    client, transport = listed(lambda cursor: {"items": [item(1)], "next": None, "total": 5})
    with client:
        walk = client.list()
        assert [stream.id for stream in walk] == ["1"]
    assert walk.complete is live.Completeness.MISMATCHED
    assert len(transport.sent) == 2


@pytest.mark.parametrize(
    "total", [-1, -(10**30), 10**400, True, 1.0, float("inf"), float("nan"), "1"]
)
def test_a_total_that_cannot_be_one_proves_and_disproves_nothing(total: Any) -> None:
    page = live.Page([], total=total)
    assert page.total is None


def test_only_a_list_that_is_proven_complete_is_truly_so(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    emulator.add()
    streams = client.list()
    assert not streams.complete
    list(streams)
    assert streams.complete
    limited = client.list(limit=1)
    list(limited)
    assert not limited.complete
    mismatched, _ = listed(lambda cursor: {"items": [item(1)], "next": None, "total": 5})
    with mismatched:
        walk = mismatched.list()
        list(walk)
    assert not walk.complete
    assert [bool(each) for each in live.Completeness] == [True, False, False]


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "delete", "none"]), st.integers(0, 30)), max_size=12
    ),
    st.integers(1, 4),
)
def test_shifts_duplicate_no_stream_and_a_complete_list_loses_none(
    events: list[tuple[str, int]], size: int
) -> None:
    streams = [item(i) for i in range(12)]
    present_throughout = set(map(str, range(12)))
    pending = list(events)
    calls = 0

    def read(cursor: str | None) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if pending:
            what, at = pending.pop(0)
            if what == "add":
                streams.insert(0, item(f"new{calls}"))
            elif what == "delete" and streams:
                present_throughout.discard(streams.pop(at % len(streams))["id"])
        offset = int(cursor or 0)
        return page_of(streams, offset, size)

    client, _ = listed(read)
    with client:
        walk = client.list()
        try:
            ids = [stream.id for stream in walk]
        except live.UnexpectedResponse:
            return
    assert len(ids) == len(set(ids))
    if walk.complete is live.Completeness.PROVEN:
        assert present_throughout <= set(ids)


# -- pages ------------------------------------------------------------------------------------


def test_pages_are_read_one_by_one_and_later(client: live.Client, emulator: AcmeEmulator) -> None:
    for _ in range(5):
        emulator.add()
    page = client.pages(size=2)
    assert [stream.id for stream in page] == ["1", "2"]
    assert page.next_cursor == "2"
    later = emulator.connect()
    rest = later.pages(cursor=page.next_cursor, size=100)
    later.close()
    assert [stream.id for stream in rest.items] == ["3", "4", "5"]
    assert rest.next_cursor is None
    assert (len(rest), rest.total) == (3, 5)
    sizes = [each.query for each in emulator.requests if each.path == "/streams"]
    assert sizes == ["size=2", "cursor=2&size=50"]


def test_filters_thin_out_a_page(client: live.Client, emulator: AcmeEmulator) -> None:
    emulator.add(status="on")
    emulator.add()
    assert [stream.id for stream in client.pages(status="live")] == ["1"]


@pytest.mark.parametrize(
    "arguments", [{"size": 0}, {"size": -1}, {"size": "5"}, {"cursor": ""}, {"cursor": 5}]
)
def test_wrong_pages_are_refused(client: live.Client, arguments: dict[str, Any]) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        client.pages(**arguments)
    assert caught.value.field == next(iter(arguments))


# -- links ------------------------------------------------------------------------------------

ADAPTER = AcmeAdapter(
    AcmeAdapter.Options(base_url="https://api.acme.example", token=live.Secret("t"))
)
PORTED = AcmeAdapter(AcmeAdapter.Options(base_url="https://api.acme.example:8443"))


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ("https://api.acme.example/streams?cursor=3", "/streams?cursor=3"),
        ("http://api.acme.example/streams?cursor=3", "/streams?cursor=3"),
        ("https://API.acme.example:443/streams", "/streams"),
        ("/streams?cursor=a%2Fb", "/streams?cursor=a%2Fb"),
    ],
)
def test_a_link_to_our_own_origin_is_taken_as_path_and_query(link: str, cursor: str) -> None:
    assert ADAPTER.cursor_of(link, under="/streams") == cursor
    request = ADAPTER.follow(cursor, under="/streams")
    assert (request.method, request.target()) == ("GET", cursor)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/streams",
        "https://api.acme.example.evil.example/streams",
        "https://api.acme.example@evil.example/streams",
        "https://user@api.acme.example/streams",
        "https://api.acme.example:8443/streams",
        "//evil.example/streams",
        "/\\evil.example/streams",
        "ftp://api.acme.example/streams",
        "https:///streams",
        "https://api.acme.example/admin",
        "https://api.acme.example/streams/../admin",
        "https://api.acme.example/streams/%2e%2E/admin",
        "https://api.acme.example/str eams",
        "https://api.acme.example/streams\r\nX: y",
        "https://api.acme.example\t.evil.example/x",
        "https://api.acme.example",
        "https://[::1",
        "streams?cursor=3",
        "",
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(link: str) -> None:
    with pytest.raises(live.UnexpectedResponse):
        ADAPTER.cursor_of(link, under="/streams")


def test_a_written_port_must_be_ours() -> None:
    assert PORTED.cursor_of("https://api.acme.example:8443/x", under="/") == "/x"
    assert PORTED.cursor_of("http://api.acme.example/x", under="/") == "/x"
    with pytest.raises(live.UnexpectedResponse):
        PORTED.cursor_of("https://api.acme.example:8444/x", under="/")


@pytest.mark.parametrize(
    "cursor", ["/other", "/streams/../other", "https://evil.example/", "", "/streams x"]
)
def test_a_cursor_from_outside_cannot_lead_elsewhere(cursor: str) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        ADAPTER.follow(cursor, under="/streams")
    assert caught.value.field == "cursor"


class _Finder(AcmeAdapter):
    name = "finder"

    def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
        found = yield from self.find(stream_id)
        if found is None:
            raise live.NotFound("not in the list")
        return found


def test_find_searches_every_page(emulator: AcmeEmulator) -> None:
    for _ in range(7):
        emulator.add()

    with connected(_Finder, emulator.transport(), **emulator.options()) as client:
        assert client.get("7").id == "7"
        with pytest.raises(live.NotFound, match="not in the list"):
            client.get("8")


def test_a_stream_absent_from_an_incomplete_list_is_not_reported_as_missing() -> None:
    transport = ScriptedTransport(lambda *_: respond(200, {"items": [], "next": None, "total": 5}))
    with connected(_Finder, transport, token="t0ken-t0ken") as client:
        with pytest.raises(live.UnexpectedResponse, match="list is incomplete"):
            client.get("1")
    assert len(transport.sent) == 2


def test_a_window_may_be_given_as_timedeltas_later(client: live.Client, clock: FakeClock) -> None:
    now = clock.now()
    assert list(client.list(starts_after=now, starts_before=now + timedelta(days=1))) == []


# -- reading ahead (for tasks, see client/test_async_client.py) ------------------------------------


class Paged:
    """A transport that records when each page is requested, and can hold one back."""

    def __init__(self, emulator: AcmeEmulator, held: int | None = None) -> None:
        self._inner = emulator.transport()
        self.session_scope = self._inner.session_scope
        self._held = held
        self.asked: list[int] = []
        self.threads: list[threading.Thread] = []
        self.changed = threading.Condition()
        self.released = threading.Event()

    def send(self, method: str, origin: str, target: str, *rest: Any) -> live.Response:
        with self.changed:
            self.asked.append(len(self.asked) + 1)
            self.threads.append(threading.current_thread())
            number = len(self.asked)
            self.changed.notify_all()
        if number == self._held:
            assert self.released.wait(60)
        return self._inner.send(method, origin, target, *rest)

    def wait_for(self, pages: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.asked) >= pages, 60)


@pytest.fixture
def long_list(emulator: AcmeEmulator) -> list[str]:
    emulator.page_size = 3
    return [emulator.add()["id"] for _ in range(12)]


@only_sync
def test_from_the_second_page_on_the_next_one_is_read_while_the_caller_is_busy(
    emulator: AcmeEmulator, long_list: list[str]
) -> None:
    transport = Paged(emulator, held=3)
    with connect("acme", transport=transport, token="good-token") as client:
        walk = client.list(read_ahead=True)
        found = [next(walk).id for _ in range(3)]
        assert transport.asked == [1]
        found.append(next(walk).id)
        transport.wait_for(3)
        assert walk.complete is live.Completeness.UNKNOWN
        transport.released.set()
        found += [stream.id for stream in walk]
        assert found == long_list
        assert walk.complete is live.Completeness.PROVEN
        assert transport.threads[2] is not threading.current_thread()
    assert not any(thread.name == "livestream-page" for thread in threading.enumerate())


@only_sync
def test_nothing_is_read_ahead_unless_it_is_wanted_or_where_a_limiter_is_asked(
    emulator: AcmeEmulator, long_list: list[str]
) -> None:
    class Free:
        def acquire(self, account: str, seconds: float) -> bool:
            return True

        def hold(self, account: str, seconds: float) -> None: ...

    transport = Paged(emulator)
    with connect("acme", transport=transport, token="good-token") as client:
        assert [stream.id for stream in client.list()] == long_list
        with client.paced(Free()):
            assert [stream.id for stream in client.list(read_ahead=True)] == long_list
    assert set(transport.threads) == {threading.current_thread()}


@only_sync
def test_the_error_of_a_page_that_was_read_ahead_comes_when_the_page_is_asked_for(
    emulator: AcmeEmulator, long_list: list[str]
) -> None:
    transport = Paged(emulator, held=3)
    with connect("acme", transport=transport, token="good-token", retries=0) as client:
        walk = client.list(read_ahead=True)
        found = [next(walk).id for _ in range(4)]
        transport.wait_for(3)
        emulator.inject(Fault.status(500))
        transport.released.set()
        found += [next(walk).id for _ in range(2)]
        with pytest.raises(live.ProviderUnavailable):
            next(walk)
        found += [stream.id for stream in walk]
        assert found == long_list
