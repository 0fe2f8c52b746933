"""Failures, and the outcome of the change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_videosdk.emulator import VideoSDKEmulator


@pytest.fixture(params=["in process", "over sockets"])
def connected(request, emulator, clock):
    if request.param == "in process":
        with emulator.connect(clock=clock) as client:
            yield emulator, client
    else:
        with (
            emulator.serve() as url,
            live.connect("videosdk", base_url=url, clock=clock, **emulator.options()) as client,
        ):
            yield emulator, client


def sent(emulator, method):
    return [each for each in emulator.requests if each.method == method]


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        (Fault.drop_after(), 1),
        (Fault.drop_before(), 0),
        (Fault.cut_body(), 1),
        (Fault.html(), 0),
        (Fault.redirect("https://elsewhere.example/"), 0),
        (Fault.status(500), 0),
        (Fault.status(504), 0),
    ],
    ids=["drop after", "drop before", "cut", "html", "redirect", "500", "504"],
)
def test_a_create_of_unknown_outcome_is_sent_once_and_says_so(connected, fault, made):
    emulator, client = connected
    emulator.inject(fault, on="POST *")
    with pytest.raises(live.LiveStreamError) as caught:
        client.create(title="x")
    assert caught.value.applied is None
    assert len(sent(emulator, "POST")) == 1
    assert len(list(client.list())) == made


@pytest.mark.parametrize("status", [400, 402, 403, 409, 422])
def test_a_refused_create_changed_nothing(client, emulator, status):
    emulator.inject(Fault.status(status), on="POST *")
    with pytest.raises(live.LiveStreamError) as caught:
        client.create(title="x")
    assert caught.value.applied is False
    assert len(sent(emulator, "POST")) == 1


def test_a_create_that_was_one_too_many_is_sent_again(client, emulator, clock):
    emulator.inject(Fault.status(429, headers={"Retry-After": "3"}), on="POST *")
    client.create(title="x")
    assert len(sent(emulator, "POST")) == 2
    assert clock.seconds >= 3


def test_an_update_of_unknown_outcome_is_sent_once(client, emulator):
    stream = client.create(title="x")
    emulator.inject(Fault.drop_after(), on="POST */livestreams/*")
    with pytest.raises(live.ConnectionFailed) as caught:
        client.update(stream.id, title="y")
    assert caught.value.applied is None
    assert len(sent(emulator, "POST")) == 2
    assert client.get(stream.id).title == "y"


@pytest.mark.parametrize("fault", [Fault.drop_before(), Fault.status(502), Fault.cut_body()])
def test_reads_are_tried_again(connected, fault):
    emulator, client = connected
    stream = client.create(title="x")
    emulator.inject(fault, on="GET *")
    assert client.get(stream.id).title == "x"
    assert len(sent(emulator, "GET")) == 2


def test_a_delete_whose_answer_was_lost_is_tried_again_and_done(connected):
    emulator, client = connected
    stream = client.create(title="x")
    emulator.inject(Fault.drop_after(), on="DELETE *")
    client.delete(stream.id)
    assert [each.status for each in sent(emulator, "DELETE")][1:] == [404]
    assert list(client.list()) == []


def test_a_create_without_an_id_in_its_answer_may_have_happened(client, emulator):
    emulator.inject(Fault.missing_field("id"), on="POST *")
    with pytest.raises(live.UnexpectedResponse, match="id is missing") as caught:
        client.create(title="x")
    assert (caught.value.applied, caught.value.stream_id) == (None, None)


def test_a_create_without_a_name_in_its_answer_gives_the_stream_without_it(client, emulator):
    emulator.inject(Fault.missing_field("name"), on="POST *")
    stream = client.create(title="x")
    assert (stream.title, stream.problems) == ("", ("title: name is missing",))
    assert client.get(stream.id).title == "x"


def test_a_field_that_nobody_knows_is_no_matter(client, emulator):
    emulator.inject(Fault.extra_field("viewers", 3), on="POST *")
    assert client.create(title="x").raw["viewers"] == 3


def test_a_status_word_is_no_matter_either(client, emulator):
    emulator.inject(Fault.extra_field("status", "melting"), on="POST *")
    assert client.create(title="x").status is live.Status.READY


def test_a_page_of_html_is_no_empty_list(client, emulator):
    emulator.inject(Fault.html(), on="GET *")
    with pytest.raises(live.UnexpectedResponse):
        list(client.list())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "name",
                    "data",
                    "pageInfo",
                    "currentPage",
                    "lastPage",
                    "total",
                    "record",
                    "restream",
                    "url",
                ]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
CALLS = {
    "create": lambda client: client.create(title="x"),
    "get": lambda client: client.get("a"),
    "start": lambda client: client.start("a"),
    "update": lambda client: client.update("a", title="x"),
    "delete": lambda client: client.delete("a"),
    "pages": lambda client: client.pages(),
}


@pytest.mark.slow
@given(call=st.sampled_from(sorted(CALLS)), answer=JSON, status=st.sampled_from([200, 400]))
def test_whatever_is_answered_gives_a_value_or_an_error_of_ours(call, answer, status):
    def edit(data, _):
        return answer

    emulator = VideoSDKEmulator()
    if status == 400:
        emulator.inject(Fault.status(status))
    else:
        emulator.inject(Fault.edited(edit))
    error = None
    with emulator.connect(retries=0) as client:
        try:
            CALLS[call](client)
        except live.LiveStreamError as raised:
            error = raised
    if error is not None:
        was_carried_out: bool | None = error.http_status == 200
        if was_carried_out and call == "create" and error.stream_id is None:
            was_carried_out = None  # the response does not say which stream was created
        expected = was_carried_out if call in ("create", "update", "delete") else False
        assert error.applied is expected
