"""A malformed value only loses its field, and a malformed entry hides no other stream."""

from __future__ import annotations

import gc
import json
import pickle
import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, connected
from livestream_core.emulator import Fault
from scripted import ScriptedTransport, respond

TOKEN = "t0ken-t0ken"
STREAM = {"id": "1", "title": "T", "status": "new"}


def entry(id: object, **fields: Any) -> dict[str, Any]:
    return {**STREAM, "id": str(id), **fields}


def no_stream(id: object) -> dict[str, Any]:
    """Return an entry that has an ID but cannot be read as a stream."""
    return {"id": str(id)}


def answering(*pages: list[Any], total: Any = ...) -> Callable[[str, str], live.Response]:
    """Return a vendor with these pages."""
    count = sum(map(len, pages)) if total is ... else total

    def answer(method: str, target: str) -> live.Response:
        query = dict(part.split("=") for part in target.partition("?")[2].split("&") if part)
        at = int(query.get("cursor", 0))
        following = str(at + 1) if at + 1 < len(pages) else None
        return respond(200, {"items": pages[at], "next": following, "total": count})

    return answer


@contextmanager
def showing(*pages: list[Any], total: Any = ...) -> Iterator[live.Client]:
    """Return a client of a vendor with these pages."""
    transport = ScriptedTransport(answering(*pages, total=total))
    with live.connect("acme", transport=transport, token=TOKEN, retries=0) as client:
        yield client


def ids(streams: Any) -> list[str]:
    return [stream.id for stream in streams]


def places(unreadable: Any) -> list[tuple[int | None, int | None, str | None]]:
    return [(each.page, each.position, each.id) for each in unreadable]


# -- the list -----------------------------------------------------------------------------------


def test_all_others_are_returned_and_then_one_error_ends_the_list() -> None:
    with showing([entry(1), no_stream(2), entry(3)], ["x", entry(5)]) as client:
        streams = client.list()
        assert [next(streams).id for _ in range(3)] == ["1", "3", "5"]
        with pytest.raises(live.UnexpectedResponse) as caught:
            next(streams)
        assert list(streams) == []
    error = caught.value
    assert (error.operation, error.applied, error.provider) == ("list", False, "acme")
    assert "2 entries of the list could not be read" in error.message
    assert "'2' at position 1 of page 1: status is missing" in error.message
    assert "the entry at position 0 of page 2: it is a string, not an object" in error.message


def test_the_error_has_every_stream_if_the_whole_list_was_requested() -> None:
    with showing(
        [*map(entry, range(150)), no_stream("odd"), *map(entry, range(150, 300))]
    ) as client:
        with pytest.raises(live.UnexpectedResponse) as caught:
            list(client.list())
        assert ids(caught.value.streams) == list(map(str, range(300)))
    assert caught.value.stream_id == "odd"


def test_collected_problems_are_not_an_error() -> None:
    with showing([entry(1), no_stream(2)], [None, entry(4)]) as client:
        streams = client.list(on_unreadable="collect")
        assert not streams.unreadable
        assert ids(streams) == ["1", "4"]
        assert places(streams.unreadable) == [(1, 1, "2"), (2, 0, None)]
        assert streams.unreadable[0].reason == "status is missing"


def test_any_other_wish_is_refused_before_anything_is_sent() -> None:
    with showing([entry(1)]) as client, pytest.raises(live.InvalidInput) as caught:
        client.list(on_unreadable="ignore")  # type: ignore[arg-type]
    assert caught.value.field == "on_unreadable"


@pytest.mark.slow
@pytest.mark.parametrize("on_unreadable", ["raise", "collect"])
def test_a_walk_over_thousands_does_not_hold_those_that_were_let_go(on_unreadable: Any) -> None:
    pages: list[list[Any]] = [[entry(f"{page}-{at}") for at in range(50)] for page in range(100)]
    pages[3].append("x")
    most = 0
    seen: list[weakref.ref[live.LiveStream]] = []
    caught = None
    with showing(*pages) as client:
        streams = client.list(on_unreadable=on_unreadable)
        try:
            for stream in streams:
                seen.append(weakref.ref(stream))
                del stream
                if len(seen) % 500 == 0:
                    gc.collect()
                    most = max(most, sum(ref() is not None for ref in seen))
        except live.UnexpectedResponse as error:
            caught = error
    assert len(seen) == 5000
    assert most <= 250
    if on_unreadable == "raise":
        assert caught is not None
        assert ids(caught.streams)[-100:] == [
            f"{page}-{at}" for page in (98, 99) for at in range(50)
        ]


def test_one_that_is_still_held_is_on_the_error_however_long_ago_it_was() -> None:
    pages = [[entry(f"{page}-{at}") for at in range(50)] for page in range(10)]
    with showing(*pages, ["x"]) as client:
        streams = client.list()
        held = next(streams)
        with pytest.raises(live.UnexpectedResponse) as caught:
            for _ in streams:
                pass
    assert caught.value.streams[0] is held
    assert len(caught.value.streams) <= 150


def test_more_than_a_few_are_counted() -> None:
    with (
        showing([entry(1), *map(no_stream, range(100, 140))]) as client,
        pytest.raises(live.UnexpectedResponse) as caught,
    ):
        list(client.list())
    assert "40 entries" in caught.value.message
    assert re.search(r"'100' at position 1 .*; and 3\d more$", caught.value.message)
    assert caught.value.stream_id is None


@pytest.mark.parametrize("on_unreadable", ["raise", "collect"])
def test_a_list_that_lacks_something_is_never_proven_complete(on_unreadable: Any) -> None:
    with showing([entry(1), no_stream(2)], total=2) as client:
        streams = client.list(on_unreadable=on_unreadable)
        assert next(streams).id == "1"
        with pytest.raises((live.UnexpectedResponse, StopIteration)):
            next(streams)
        assert streams.complete is live.Completeness.UNKNOWN
    with showing([entry(1), entry(2, title=None)], total=2) as client:
        streams = client.list(on_unreadable=on_unreadable)
        assert ids(streams) == ["1", "2"]
        assert streams.complete is live.Completeness.PROVEN


def test_a_limit_counts_what_is_handed_out() -> None:
    with showing([no_stream(1), entry(2), entry(3)], [entry(4), "x"]) as client:
        streams = client.list(limit=2)
        assert [next(streams).id for _ in range(2)] == ["2", "3"]
        with pytest.raises(live.UnexpectedResponse, match="'1' at position 0"):
            next(streams)


def test_a_filter_does_not_decide_about_an_unreadable_entry() -> None:
    odd = [entry(1, status="on"), no_stream(2), entry(3, status="new")]
    with showing(odd) as client:
        streams = client.list(status="live", on_unreadable="collect")
        assert ids(streams) == ["1"]
        assert places(streams.unreadable) == [(1, 1, "2")]
        page = client.pages(status="live")
        assert (ids(page), places(page.unreadable)) == (["1"], [(None, 1, "2")])


@pytest.mark.parametrize(
    ("asked", "odd", "reason"),
    [
        ({"starts_after": "2027-01-01T00:00:00Z"}, {"start": "soon"}, "scheduled_start: start is"),
        ({"starts_before": "2029-01-01T00:00:00Z"}, {"start": 7}, "scheduled_start: start is"),
        ({"tag": "x"}, {"tags": "x", "start": None}, "tags: is a string"),
        ({"status": "scheduled"}, {"status": None, "start": None}, "status: is null"),
    ],
)
def test_a_filter_by_a_field_that_cannot_be_read_loses_no_stream_silently(
    asked: Any, odd: dict[str, Any], reason: str
) -> None:
    fits = {"start": "2028-01-01T00:00:00Z", "tags": ["x"]}
    fails = {"start": None, "tags": ["y"], "status": "a word of next year"}
    with showing([entry(1, **fits), entry(2, **odd), entry(3, **fails)]) as client:
        with pytest.raises(live.UnexpectedResponse, match=reason) as caught:
            list(client.list(**asked))
        assert (ids(caught.value.streams), caught.value.stream_id) == (["1"], "2")
        streams = client.list(**asked, on_unreadable="collect")
        assert ids(streams) == ["1"]
        assert streams.complete is live.Completeness.UNKNOWN
        page = client.pages(**asked)
        assert ids(page) == ["1"]
        assert [each.id for each in page.unreadable] == ["2"]
        # An entry that another filter already excludes is not uncertain.
        assert ids(client.list(**{"status": "live", "tag": "y"} | asked)) == []


def test_one_that_another_page_shows_is_not_lost() -> None:
    with showing([no_stream(1), entry(2)], [entry(1), entry(3)], total=3) as client:
        assert ids(client.list()) == ["2", "1", "3"]
    with showing([entry(1), entry(2)], [no_stream(1), entry(3)], total=3) as client:
        streams = client.list()
        assert ids(streams) == ["1", "2", "3"]
        assert streams.complete is live.Completeness.PROVEN


def test_a_second_walk_may_read_what_the_first_could_not() -> None:
    first = answering([no_stream(1), entry(2)], total=9)
    second = answering([entry(1), entry(2), entry(3)], total=3)
    left = [first, second]
    transport = ScriptedTransport(lambda *request: left.pop(0)(*request))
    with live.connect("acme", transport=transport, token=TOKEN, retries=0) as client:
        streams = client.list()
        assert ids(streams) == ["2", "1", "3"]
        assert streams.complete is live.Completeness.PROVEN


def test_a_page_that_failed_is_taken_up_again_and_nothing_before_it_is_forgotten() -> None:
    pages = answering([entry(1), no_stream(2)], [entry(3)])
    left = [True]

    def answer(method: str, target: str) -> Any:
        if "cursor" in target and left:
            left.clear()
            return respond(503)
        return pages(method, target)

    with live.connect(
        "acme", transport=ScriptedTransport(answer), token=TOKEN, retries=0
    ) as client:
        streams = client.list()
        assert next(streams).id == "1"
        with pytest.raises(live.ProviderUnavailable):
            next(streams)
        assert next(streams).id == "3"
        with pytest.raises(live.UnexpectedResponse, match="'2' at position 1 of page 1"):
            next(streams)


def test_pages_of_nothing_that_can_be_read_are_pages_all_the_same() -> None:
    pages = [[f"x{at}"] for at in range(15)]
    with showing(*pages, [entry(1)]) as client:
        streams = client.list(on_unreadable="collect")
        assert ids(streams) == ["1"]
        assert len(streams.unreadable) == 15


# -- a page -------------------------------------------------------------------------------------


def test_a_page_never_raises_for_an_entry() -> None:
    with showing([entry(1), no_stream(2), None], [entry(4)]) as client:
        page = client.pages()
        assert (ids(page), page.next_cursor, page.total) == (["1"], "1", 4)
        assert places(page.unreadable) == [(None, 1, "2"), (None, 2, None)]
        assert [str(each) for each in page.unreadable] == [
            "'2' at position 1: status is missing",
            "the entry at position 2: it is null, not an object",
        ]
        assert pickle.loads(pickle.dumps(page)) == page


def test_a_link_that_cannot_be_read_loses_no_stream_of_its_page() -> None:
    def answer(method: str, target: str) -> live.Response:
        return respond(200, {"items": [STREAM, "x"], "next": 7, "total": 1})

    with live.connect("acme", transport=ScriptedTransport(answer), token=TOKEN) as client:
        with pytest.raises(live.UnexpectedResponse, match="next is a number") as caught:
            client.pages()
        assert ids(caught.value.streams) == ["1"]
        with pytest.raises(live.UnexpectedResponse, match="next is a number") as caught:
            list(client.list())
        assert ids(caught.value.streams) == ["1"]
        streams = client.list(on_unreadable="collect")
        assert ids(streams) == ["1"]
        assert [each.is_link for each in streams.unreadable] == [False, True]
        assert streams.complete is live.Completeness.UNKNOWN


# -- errors -------------------------------------------------------------------------------------


def test_every_error_about_a_payload_names_the_id(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    odd = json.dumps(no_stream("7"))
    emulator.inject(Fault.status(200, body=odd), on="* */streams*", times=9)
    calls: list[Callable[[], object]] = [
        lambda: client.create(title="T"),
        lambda: client.get("7"),
        lambda: client.update("7", title="U"),
        lambda: client.parse_stream(no_stream("7")),
    ]
    for call in calls:
        with pytest.raises(live.UnexpectedResponse, match="status is missing") as caught:
            call()
        assert caught.value.stream_id == "7"


def test_a_webhook_has_the_id_without_the_stream(client: live.Client) -> None:
    event = client.parse_webhook({"x-acme-secret": "s"}, b'{"id": "7"}', secret="s")
    assert (event.stream_id, event.stream) == ("7", None)
    body = json.dumps(entry(7, title=None)).encode()
    event = client.parse_webhook({"x-acme-secret": "s"}, body, secret="s")
    assert event.stream is not None
    assert event.stream.problems == ("title: is null",)


def test_a_delivery_that_cannot_be_read_at_all_names_the_id_if_it_is_genuine() -> None:
    class Strict(AcmeAdapter):
        name = "strict"

        def parse_webhook(self, headers: Any, body: bytes, secret: str) -> live.Event:
            if headers.get("x-acme-secret") != secret:
                raise live.WebhookRejected("the secret is wrong")
            raise live.UnexpectedResponse("it cannot be read")

    with connected(Strict, ScriptedTransport(answering([])), token=TOKEN) as client:
        for sent, kind, known in (
            ("s", live.UnexpectedResponse, "7"),
            ("other", live.WebhookRejected, None),
        ):
            with pytest.raises(kind) as caught:
                client.parse_webhook({"x-acme-secret": sent}, b'{"id": "7"}', secret="s")
            assert caught.value.stream_id == known


def test_the_error_of_a_list_survives_a_task_queue_with_its_streams() -> None:
    with (
        showing([entry(1, title=None), "x"]) as client,
        pytest.raises(live.UnexpectedResponse) as caught,
    ):
        list(client.list())
    error = caught.value
    rebuilt: tuple[Any, ...] = (
        pickle.loads(pickle.dumps(error)),
        type(error)(*json.loads(json.dumps(error.args))),
        live.LiveStreamError.from_dict(json.loads(json.dumps(error.to_dict())), strict=True),
    )
    for again in rebuilt:
        assert (str(again), ids(again.streams)) == (str(error), ["1"])
        assert again.streams[0].problems == ("title: is null",)


# -- the problems of a stream -------------------------------------------------------------------


def test_problems_do_not_affect_equality_and_hash_but_are_in_the_data() -> None:
    stream = live.LiveStream(provider="acme", id="1", title="", status="live")
    odd = attrs.evolve(stream, problems=["title: is null"])
    assert (odd, hash(odd)) == (stream, hash(stream))
    assert odd.to_dict()["problems"] == ["title: is null"]
    for again in (live.LiveStream.from_dict(odd.to_dict()), pickle.loads(pickle.dumps(odd))):
        assert again.problems == ("title: is null",)
    data = odd.to_dict()
    del data["problems"]
    assert live.LiveStream.from_dict(data).problems == ()


def test_a_pickle_of_before_there_were_problems_is_read() -> None:
    stream = live.LiveStream(provider="acme", id="1", title="T", status="live", tags=["a"])
    state = stream.__getstate__()
    del state["problems"]
    old = live.LiveStream.__new__(live.LiveStream)
    old.__setstate__(state)
    assert (old, old.problems, old.tags) == (stream, (), ("a",))


def test_secrets_are_masked_in_problems_and_in_what_cannot_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Talkative(AcmeAdapter):
        name = "talkative"

        def parse_stream(self, payload: Any) -> live.LiveStream:
            stream = super().parse_stream(payload)
            if payload.get("is_odd"):
                raise live.UnexpectedResponse(f"odd: {TOKEN} acme-key-99 {payload['key']}")
            return attrs.evolve(stream, problems=[f"title: {TOKEN} acme-key-99 {payload['key']}"])

    shown = [entry(1, key="s3en-k3y"), entry(2, key="s3en-k3y", is_odd=True)]
    transport = ScriptedTransport(answering(shown))
    with connected(Talkative, transport, token=TOKEN) as client:
        page = client.pages()
        streams = client.list(on_unreadable="collect")
        texts = [str(each.problems) for each in (*page, *streams)]
        texts += map(str, (*page.unreadable, *streams.unreadable))
        texts.append(str(client.parse_stream(shown[0]).problems))
        with pytest.raises(live.UnexpectedResponse) as caught:
            list(client.list())
        texts += [str(caught.value), str(caught.value.to_dict()), caplog.text]
    assert len(texts) == 8
    for text in texts:
        for secret in (TOKEN, "acme-key-99", "s3en-k3y"):
            assert secret not in text
    assert "***" in texts[0]


# -- adapters -----------------------------------------------------------------------------------


def test_an_adapter_that_raises_still_raises() -> None:
    class Strict(AcmeAdapter):
        """An adapter as they were written for earlier versions."""

        name = "strict"
        is_lenient = False

        def list(self, query: live.Query) -> live.Operation[live.Page]:
            fields = (yield self.request("GET", "/streams")).fields()
            return live.Page([self.parse_stream(item) for item in fields.items("items")])

        def parse_stream(self, payload: Any) -> live.LiveStream:
            fields = live.Fields(payload)
            return live.LiveStream(
                provider=self.name,
                id=fields.identifier("id"),
                title=fields.text("title"),
                status=live.Status.LIVE,
                tags=fields.optional_texts("tags"),
                scheduled_start=fields.optional_instant("start"),
            )

    for odd, named in (
        ({"title": None}, "title is null in the response"),
        ({"tags": [1]}, "tags is not a list of strings in the response"),
        ({"start": "soon"}, "start is not a time with an offset in the response"),
        ({"title": "\ud800"}, "title: contains half a surrogate"),
    ):
        transport = ScriptedTransport(answering([entry(1), entry(2, **odd)]))
        with connected(Strict, transport, token=TOKEN, retries=0) as client:
            for read in (lambda c: list(c.list()), lambda c: c.pages()):
                with pytest.raises(live.UnexpectedResponse, match=named) as caught:
                    read(client)
                assert caught.value.streams == ()


def test_an_entry_that_an_adapter_fails_on_is_one_that_cannot_be_read() -> None:
    class Failing(AcmeAdapter):
        name = "failing"

        def parse_stream(self, payload: Any) -> live.LiveStream:
            payload["title"].strip()
            return super().parse_stream(payload)

        def id_in(self, payload: Any) -> str | None:
            return str(payload["id"]["is"])

    transport = ScriptedTransport(answering([entry(1), entry(2, title=None)]))
    with connected(Failing, transport, token=TOKEN) as client:
        streams = client.list(on_unreadable="collect")
        assert ids(streams) == ["1"]
        assert "could not be read (" in streams.unreadable[0].reason
        assert "AttributeError" in streams.unreadable[0].reason


# -- the getters of an adapter ------------------------------------------------------------------

WORDS = {"on": live.Status.LIVE}
GETTERS: dict[str, Callable[..., Any]] = {
    "optional_text": lambda fields, **how: fields.optional_text("x", **how),
    "optional_word": lambda fields, **how: fields.optional_word("x", WORDS, **how),
    "optional_flag": lambda fields, **how: fields.optional_flag("x", **how),
    "optional_integer": lambda fields, **how: fields.optional_integer("x", **how),
    "optional_number": lambda fields, **how: fields.optional_number("x", **how),
    "optional_instant": lambda fields, **how: fields.optional_instant("x", **how),
    "optional_unix": lambda fields, **how: fields.optional_unix("x", **how),
    "optional_object": lambda fields, **how: fields.optional_object("x", **how),
    "optional_items": lambda fields, **how: fields.optional_items("x", **how),
    "optional_objects": lambda fields, **how: fields.optional_objects("x", **how),
    "optional_texts": lambda fields, **how: fields.optional_texts("x", **how),
}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet="a\ud8001:.", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(GETTERS)), data=st.fixed_dictionaries({}, optional={"x": anything}),
       is_expected=st.booleans())  # fmt: skip
def test_a_getter_reads_notes_or_raises_and_never_two_of_them(
    name: str, data: dict[str, Any], is_expected: bool
) -> None:
    lenient = live.Fields({"in": data}, lenient=True).object("in")
    read = GETTERS[name](lenient, field="record", expected=is_expected)
    problems = lenient.problems
    assert problems is not None
    assert all(each.startswith("record: in.x") for each in problems)
    try:
        strictly = GETTERS[name](
            live.Fields({"in": data}).object("in"), field="record", expected=is_expected
        )
    except live.UnexpectedResponse as error:
        assert f"record: {error.message.removesuffix(' in the response')}" in problems
        assert read is None or name in ("optional_objects", "optional_texts", "optional_items")
    else:
        assert problems == []
        same = repr(read) == repr(strictly)
        assert same or name in ("optional_object", "optional_objects")
    if data.get("x") is None:
        assert bool(problems) is is_expected
        assert not read


def test_what_is_within_is_read_for_the_same_field_and_a_problem_is_noted_once() -> None:
    data = {"a": {"b": [{"c": 1}, 5, {"c": 2}]}, "title": 7}
    fields = live.Fields(data, lenient=True)
    inner = fields.optional_object("a", field="recording")
    assert inner is not None
    for _ in range(2):
        for each in inner.optional_objects("b"):
            assert each.optional_text("c") is None
        assert fields.optional_text("title") is None
    inner.unreadable("b", "is odd", field="tags")
    assert fields.problems == [
        "recording: a.b[1] is a number, not an object",
        "recording: a.b[0].c is a number, not a string",
        "recording: a.b[2].c is a number, not a string",
        "title: is a number, not a string",
        "tags: a.b is odd",
    ]
    with pytest.raises(live.UnexpectedResponse, match=r"a\.b is odd in the response"):
        live.Fields(data).object("a").unreadable("b", "is odd")


def test_a_value_that_the_model_refuses_is_left_out_and_not_shown() -> None:
    fields = live.Fields({}, lenient=True)
    stream = fields.build(
        live.LiveStream,
        provider="acme",
        id="1",
        title="\ud800",
        status="gone_fishing",
        latency="gone_fishing",
        scheduled_start="gone fishing",
        ended_at=datetime(2026, 1, 1),
        tags=("a", "\ud800"),
        recording=fields.part("recording", live.Recording, live.RecordingStatus.READY, duration=-1),
    )
    assert (stream.title, stream.status, stream.tags) == ("", live.Status.UNKNOWN, ())
    assert (stream.latency, stream.scheduled_start, stream.ended_at) == (None, None, None)
    assert stream.recording == live.Recording(live.RecordingStatus.READY)
    assert sorted(each.partition(":")[0] for each in stream.problems) == [
        "ended_at", "latency", "recording.duration", "scheduled_start", "status", "tags", "title",
    ]  # fmt: skip
    assert "ishing" not in str(stream.problems)
    with pytest.raises(live.UnexpectedResponse, match="id: must not be empty"):
        fields.build(live.LiveStream, provider="acme", id="", title="T", status=live.Status.LIVE)
    with pytest.raises(live.InvalidInput):
        live.Fields({}).build(live.Playback, "\ud800")
    assert fields.part("playbacks", live.Playback, "\ud800") is None
    assert stream.problems != tuple(fields.problems or ())
    assert (fields.problems or [])[-1].startswith("playbacks.url: contains half a surrogate")
