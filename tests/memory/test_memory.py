"""The `memory` provider: a complete vendor inside the process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import memory
from livestream_core.emulator import Fault
from livestream_core.memory import MemoryVendor
from livestream_core.testing import Livestreams, livestreams

LATER = "2030-06-01T10:00:00+00:00"


@pytest.fixture
def world() -> Iterator[Livestreams]:
    with livestreams() as world:
        yield world


@pytest.fixture
def vendor(world: Livestreams) -> MemoryVendor:
    return world.vendor


@pytest.fixture
def client(world: Livestreams) -> live.Client:
    return world.connect()


def on_air(client: live.Client, vendor: MemoryVendor, **fields: Any) -> live.LiveStream:
    stream = client.create(title="T", **fields)
    client.wait(stream.id, until="ready", timeout=60)
    vendor.connect_encoder(stream.id)
    return client.get(stream.id)


# -- connecting to the provider -----------------------------------------------------------------


@pytest.mark.usefixtures("world")
def test_it_connects_without_any_option() -> None:
    with live.connect("memory", environ={}) as client:
        stream = client.create(title="Lesson 1")
        assert client.get(stream.id).title == "Lesson 1"


@pytest.mark.usefixtures("world")
def test_all_clients_of_an_account_reach_the_same_vendor_and_no_other() -> None:
    with live.connect("memory", account="north") as one, live.connect("memory") as other:
        stream = one.create(title="Of the north")
        with live.connect("memory", account="north") as another:
            assert another.get(stream.id) == stream
        assert [each.path for each in memory.vendor("north").requests].count("/v1/streams") == 1
        assert list(other.list()) == []


@pytest.mark.usefixtures("world")
def test_after_a_reset_nothing_is_there_and_open_clients_keep_their_vendor() -> None:
    with live.connect("memory") as before:
        stream = before.create(title="T")
        memory.reset()
        with live.connect("memory") as after:
            assert list(after.list()) == []
        assert before.get(stream.id) == stream


@pytest.mark.usefixtures("world")
def test_with_an_origin_it_reaches_a_vendor_over_the_network() -> None:
    served = MemoryVendor(boot_seconds=0)
    with served.serve() as origin, live.connect("memory", base_url=origin) as client:
        stream = client.create(title="Over a socket")
        assert client.wait(stream.id, until="ready", timeout=60).ingest is not None
    assert len(served.requests) >= 3
    assert memory.vendor().requests == []


def test_it_comes_with_the_core() -> None:
    info = live.providers()["memory"]
    assert (info.distribution, info.version) == ("livestream-core", live.__version__)


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_the_core_loads_it_only_when_it_is_asked_for() -> None:
    code = (
        "import sys, livestream_core as live; live.connect; live.providers();"
        "print([name for name in sys.modules if name.startswith('livestream_core.memory')])"
    )
    assert fresh(code) == "[]"


@pytest.mark.slow
def test_without_werkzeug_it_is_listed_and_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['werkzeug'] = None\n"
        "import livestream_core as live, livestream_core.memory\n"
        "assert 'memory' in live.providers()\n"
        "try: live.connect('memory', environ={})\n"
        "except live.ConfigurationError as error: print(error)\n"
    )
    shown = fresh(code)
    assert "needs werkzeug" in shown
    assert "pip install 'livestream-core[testing]'" in shown


# -- features -----------------------------------------------------------------------------------


def test_every_feature_is_native(client: live.Client) -> None:
    supports = {client.capabilities[feature].support for feature in live.Feature}
    assert supports == {live.Support.NATIVE}


def test_every_field_of_a_spec_is_kept(client: live.Client) -> None:
    spec = live.StreamSpec(
        title="Ünï 🎥",
        description="Über alles",
        scheduled_start="2030-06-01T10:00:00.123456+05:30",
        record=False,
        recording_drm=True,
        latency="ultra_low",
        tags=["maths", "äöü"],
        thumbnail_url="https://example.com/t.jpg",
        playback_url="https://example.com/watch",
        restreams=[live.RestreamTarget("rtmp://a.example/live2", "a-key")],
        options={"region": "north", "nested": {"a": [1, None]}},
    )
    for stream in (made := client.create(spec), client.get(made.id), *client.list()):
        for name in attrs.fields_dict(live.StreamSpec).keys() - {"playback_url", "options"}:
            assert getattr(stream, name) == getattr(spec, name), name
        assert [each.url for each in stream.playbacks] == [spec.playback_url]
        assert stream.raw is not None
        assert {name: stream.raw[name] for name in spec.options} == spec.options


def test_unspecified_fields_have_the_vendors_defaults(client: live.Client) -> None:
    stream = client.create(title="T")
    assert (stream.record, stream.recording_drm, stream.latency) == (
        True,
        False,
        live.Latency.NORMAL,
    )
    assert stream.hls_url is not None


CHANGES: dict[str, Any] = {
    "title": "Another",
    "description": "D",
    "scheduled_start": live.parse_instant("2031-01-01T00:00:00Z"),
    "record": False,
    "recording_drm": True,
    "latency": live.Latency.LOW,
    "tags": ("a", "b"),
    "thumbnail_url": "https://example.com/u.jpg",
    "restreams": (live.RestreamTarget("rtmp://b.example/x", "b-key"),),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_update_changes_one_field_and_no_other(client: live.Client, name: str) -> None:
    before = client.create(title="T", scheduled_start=LATER, tags=["x"])
    after = client.update(before.id, **{name: CHANGES[name]})
    assert getattr(after, name) == CHANGES[name]
    assert attrs.evolve(after, **{name: getattr(before, name)}) == attrs.evolve(
        before, updated_at=after.updated_at
    )


@pytest.mark.parametrize(
    ("name", "given", "empty"),
    [
        ("description", "D", None),
        ("scheduled_start", LATER, None),
        ("tags", ["a"], ()),
        ("thumbnail_url", "https://example.com/t.jpg", None),
        ("restreams", [live.RestreamTarget("rtmp://a.example/x", "k")], ()),
    ],
)
def test_an_update_clears(client: live.Client, name: str, given: Any, empty: Any) -> None:
    stream = client.create(**{"title": "T", "scheduled_start": LATER, name: given})
    assert getattr(stream, name) != empty
    assert getattr(client.update(stream.id, **{name: None}), name) == empty


def test_how_a_stream_is_made_cannot_be_changed_on_air(
    client: live.Client, vendor: MemoryVendor
) -> None:
    stream = on_air(client, vendor)
    assert client.update(stream.id, title="Another").title == "Another"
    for changes in ({"latency": "low"}, {"record": False}, {"scheduled_start": LATER}):
        with pytest.raises(live.Conflict) as caught:
            client.update(stream.id, **changes)  # type: ignore[arg-type]
        assert caught.value.status is live.Status.LIVE


def sent(vendor: MemoryVendor, token: str, body: dict[str, Any]) -> live.Response:
    """Return the vendor's response to a create that the adapter would not send."""
    return vendor.transport().send(
        "POST",
        "https://memory.invalid",
        "/v1/streams",
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        json.dumps(body).encode(),
        live.Timeout(1, 1, 1),
    )


def session(vendor: MemoryVendor) -> str:
    return next(iter(vendor._sessions))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": 5}, "title"),
        ({}, "title"),
        ({"title": "T", "scheduled_start": "2030-06-01T10:00:00"}, "scheduled_start"),
        ({"title": "T", "latency": "slow"}, "latency"),
        ({"title": "T", "tags": "a"}, "tags"),
        ({"title": "T", "thumbnail_url": "nowhere"}, "thumbnail_url"),
    ],
)
def test_the_vendor_refuses_what_is_not_valid_and_names_the_field(
    client: live.Client, vendor: MemoryVendor, body: dict[str, Any], field: str
) -> None:
    client.create(title="T")
    answer = sent(vendor, session(vendor), body)
    assert answer.status == 400
    assert field in answer.json()


# -- lifecycle of a stream ----------------------------------------------------------------------


def ready(client: live.Client, vendor: MemoryVendor) -> str:
    stream = client.create(title="T")
    vendor.clock.advance(vendor.boot_seconds)
    return stream.id


def lived(client: live.Client, vendor: MemoryVendor) -> str:
    return on_air(client, vendor).id


def _then(before: Callable[..., str], act: Callable[..., object]) -> Callable[..., str]:
    def run(client: live.Client, vendor: MemoryVendor) -> str:
        id = before(client, vendor)
        act(client, vendor, id)
        return id

    return run


stopped = _then(lived, lambda client, vendor, id: client.stop(id))

WAYS: dict[live.Status, Callable[..., str]] = {
    live.Status.SCHEDULED: lambda c, v: c.create(title="T", scheduled_start=LATER).id,
    live.Status.STARTING: lambda c, v: c.create(title="T").id,
    live.Status.READY: ready,
    live.Status.LIVE: lived,
    live.Status.INTERRUPTED: _then(lived, lambda c, v, id: v.drop_encoder(id)),
    live.Status.PROCESSING: stopped,
    live.Status.ENDED: _then(stopped, lambda c, v, id: v.finish_recording(id)),
    live.Status.CANCELLED: _then(ready, lambda c, v, id: c.cancel(id)),
    live.Status.FAILED: _then(lived, lambda c, v, id: v.fail_stream(id)),
    live.Status.DISABLED: _then(ready, lambda c, v, id: c.disable(id)),
}

#: The statuses in which each operation is possible, and the status after it.
S = live.Status
CALLS: dict[str, dict[live.Status, live.Status]] = {
    "start": {S.SCHEDULED: S.STARTING},
    "stop": {
        S.STARTING: S.ENDED,
        S.READY: S.ENDED,
        S.LIVE: S.PROCESSING,
        S.INTERRUPTED: S.PROCESSING,
    },
    "cancel": dict.fromkeys((S.SCHEDULED, S.STARTING, S.READY), S.CANCELLED),
    "disable": dict.fromkeys((S.READY, S.LIVE, S.INTERRUPTED), S.DISABLED),
    "enable": {S.DISABLED: S.READY},
    "reset_key": {each: each for each in (S.READY, S.LIVE, S.INTERRUPTED)},
}


@pytest.mark.parametrize("status", WAYS)
def test_every_status_that_is_declared_is_reached(
    client: live.Client, vendor: MemoryVendor, status: live.Status
) -> None:
    id = WAYS[status](client, vendor)
    assert client.get(id).status is status
    assert [each.id for each in client.list(status=status)] == [id]
    assert client.capabilities.statuses == set(WAYS)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", WAYS)
def test_a_call_moves_the_stream_or_is_a_conflict_that_tells_the_status(
    client: live.Client, vendor: MemoryVendor, status: live.Status, call: str
) -> None:
    id = WAYS[status](client, vendor)
    if status in CALLS[call]:
        assert getattr(client, call)(id).status is CALLS[call][status]
        return
    with pytest.raises(live.Conflict) as caught:
        getattr(client, call)(id)
    assert (caught.value.status, caught.value.applied) == (status, False)
    assert client.get(id).status is status


@pytest.mark.parametrize(
    "act", ["connect_encoder", "drop_encoder", "finish_recording", "fail_stream"]
)
def test_an_impossible_event_is_a_value_error(
    client: live.Client, vendor: MemoryVendor, act: str
) -> None:
    ended = WAYS[S.ENDED](client, vendor)
    with pytest.raises(ValueError, match="its status is 'ended'"):
        getattr(vendor, act)(ended)
    with pytest.raises(ValueError, match="is not a live stream"):
        getattr(vendor, act)(vendor.add_folder())


def test_ids_of_other_things_are_folders(vendor: MemoryVendor) -> None:
    (id,) = vendor.other_ids()
    assert vendor.other_ids() == [id], "it is made once"
    assert [vendor.add_folder(), id] == vendor.other_ids()[::-1]


@pytest.mark.parametrize("status", WAYS)
def test_an_encoder_gets_server_and_key_exactly_while_it_may_connect(
    client: live.Client, vendor: MemoryVendor, status: live.Status
) -> None:
    stream = client.get(WAYS[status](client, vendor))
    assert (stream.ingest is not None) is (status in (S.READY, S.LIVE, S.INTERRUPTED))


def test_an_encoder_that_reconnects_does_not_restart_the_stream(
    client: live.Client, vendor: MemoryVendor, world: Livestreams
) -> None:
    first = on_air(client, vendor)
    world.clock.advance(10)
    vendor.drop_encoder(first.id)
    world.clock.advance(60)
    vendor.connect_encoder(first.id)
    world.clock.advance(5)
    stopped = client.stop(first.id)
    assert stopped.started_at == first.started_at
    assert stopped.started_at is not None
    assert stopped.ended_at == stopped.started_at + timedelta(seconds=75)
    vendor.finish_recording(first.id)
    recording = client.get(first.id).recording
    assert recording is not None
    assert recording.duration == 15


def test_a_stream_that_failed_ends_a_wait(client: live.Client, vendor: MemoryVendor) -> None:
    stream = client.create(title="T")
    vendor.fail_stream(stream.id)
    with pytest.raises(live.StreamFailed):
        client.wait(stream.id, until="ready", timeout=60)


# -- recordings ---------------------------------------------------------------------------------


def recorded(
    client: live.Client, world: Livestreams, trim: live.Trim | None = None, **fields: Any
) -> live.LiveStream:
    stream = on_air(client, world.vendor, **fields)
    world.clock.advance(3600)
    client.stop(stream.id, trim=trim)
    return client.wait(stream.id, until="ended", timeout=600)


def test_a_recording_is_made_as_the_clock_moves(client: live.Client, world: Livestreams) -> None:
    recording = recorded(client, world).recording
    assert recording is not None
    assert recording.status is live.RecordingStatus.READY
    assert recording.duration == 3600
    assert recording.url is not None


def test_a_relative_trim_keeps_its_part(client: live.Client, world: Livestreams) -> None:
    stream = recorded(client, world, live.Trim.relative(30, 120))
    assert stream.recording is not None
    assert stream.recording.duration == 90
    assert stream.raw is not None
    assert stream.raw["trim"] == {"start": 30, "end": 120}


def test_an_absolute_trim_keeps_its_part() -> None:
    start = datetime(2026, 12, 5, 10, tzinfo=UTC)
    vendor = MemoryVendor(clock=live.ManualClock(start), boot_seconds=0)
    with vendor.connect() as client:
        stream = on_air(client, vendor)
        vendor.clock.advance(3600)
        begin = start + timedelta(seconds=60)
        client.stop(stream.id, trim=live.Trim.absolute(begin, begin + timedelta(seconds=100)))
        recording = client.wait(stream.id, until="ended", timeout=600).recording
    assert recording is not None
    assert recording.duration == 100


def test_a_trim_that_ends_too_late_keeps_what_there_is(
    client: live.Client, world: Livestreams
) -> None:
    stream = recorded(client, world, live.Trim.relative(3000, 9000))
    assert stream.recording is not None
    assert stream.recording.duration == 600


def test_a_stream_that_is_not_recorded_ends_at_once(
    client: live.Client, vendor: MemoryVendor
) -> None:
    stream = client.stop(on_air(client, vendor, record=False).id)
    assert (stream.status, stream.recording) == (S.ENDED, None)


# -- sessions -----------------------------------------------------------------------------------


def logins(vendor: MemoryVendor) -> int:
    return [each.path for each in vendor.requests].count("/v1/login")


def test_a_session_that_ends_with_time_is_renewed_once(
    client: live.Client, vendor: MemoryVendor
) -> None:
    stream = client.create(title="T")
    vendor.clock.advance(vendor.session_seconds)
    client.get(stream.id)
    client.get(stream.id)
    assert logins(vendor) == 2
    assert 401 not in [each.status for each in vendor.requests]


def test_the_vendor_refuses_a_session_that_is_over(
    client: live.Client, vendor: MemoryVendor
) -> None:
    client.create(title="T")
    vendor.clock.advance(vendor.session_seconds - 1)
    assert sent(vendor, session(vendor), {"title": "U"}).status == 201
    vendor.clock.advance(1)
    assert sent(vendor, session(vendor), {"title": "V"}).status == 401


def test_a_session_that_the_vendor_ends_is_opened_again(
    client: live.Client, vendor: MemoryVendor
) -> None:
    stream = client.create(title="T")
    vendor.end_sessions()
    assert client.get(stream.id) == stream
    assert [each.status for each in vendor.requests][-3:] == [401, 200, 200]


def test_the_last_client_ends_the_session(world: Livestreams) -> None:
    one, other = world.connect(), world.connect()
    one.create(title="T")
    other.create(title="T")
    one.close()
    assert (logins(world.vendor), world.vendor.open_sessions) == (1, 1)
    other.close()
    assert world.vendor.open_sessions == 0


@pytest.mark.parametrize("option", [{"token": "another"}, {"account": "another"}])
def test_credentials_that_are_not_the_accounts_are_refused(
    vendor: MemoryVendor, option: dict[str, str]
) -> None:
    options = {**vendor.options(), **option, "transport": vendor.transport()}
    with live.connect("memory", **options) as client:
        with pytest.raises(live.AuthenticationFailed) as caught:
            client.create(title="T")
    assert caught.value.applied is False


def test_no_secret_of_the_account_or_of_a_stream_is_shown(
    client: live.Client, vendor: MemoryVendor
) -> None:
    stream = on_air(client, vendor, restreams=[live.RestreamTarget("rtmp://a.example/x", "r-key")])
    vendor.inject(
        Fault.status(422, body=json.dumps({"token": vendor.token, **stream.raw.reveal()}))
    )
    with pytest.raises(live.Rejected) as caught:
        client.get(stream.id)
    error = caught.value
    shown = f"{stream!r} {client!r} {error!r} {error} {error.body} {vars(error)}"
    assert stream.stream_keys() | {vendor.token} | {vendor.webhook_secret}
    for secret in (*stream.stream_keys(), vendor.token, vendor.webhook_secret):
        assert secret not in shown


# -- lists --------------------------------------------------------------------------------------


def test_a_cursor_stays_good_whatever_is_made_or_deleted_meanwhile(client: live.Client) -> None:
    ids = [client.create(title=str(number), scheduled_start=LATER).id for number in range(5)]
    first = client.pages(size=2)
    client.delete(ids[1])
    client.create(title="new", scheduled_start=LATER)
    second = client.pages(size=2, cursor=first.next_cursor)
    assert [each.id for each in (*first, *second)] == ids[:4]
    assert (first.total, second.total) == (5, 5)
    third = client.pages(size=2, cursor=second.next_cursor)
    assert [each.title for each in third] == ["4", "new"]
    assert third.next_cursor is None


def test_filters_are_the_vendors_own_and_totals_are_of_what_passes(
    client: live.Client, vendor: MemoryVendor
) -> None:
    for year, tag in ((2030, "a"), (2031, "a"), (2032, "b")):
        client.create(title=str(year), scheduled_start=f"{year}-01-01T00:00:00Z", tags=[tag])
    client.create(title="now", tags=["a"])

    def titles(**filters: Any) -> list[str]:
        page = client.pages(**filters)
        assert page.total == len(page), "what does not pass was not sent"
        return [each.title for each in page]

    assert titles(tag="a") == ["2030", "2031", "now"]
    assert titles(status="starting") == ["now"]
    assert titles(starts_after="2031-01-01T00:00:00Z") == ["2031", "2032"]
    assert titles(starts_before="2031-01-01T00:00:00Z") == ["2030"]


def test_small_pages_force_a_long_walk_that_is_proven_complete(
    client: live.Client, vendor: MemoryVendor
) -> None:
    vendor.page_size = 2
    made = [client.create(title="T", scheduled_start=LATER).id for _ in range(5)]
    before = len(vendor.requests)
    walk = client.list()
    assert [each.id for each in walk] == made
    assert walk.complete is live.Completeness.PROVEN
    assert len(vendor.requests) - before == 3


@pytest.mark.parametrize("call", ["get", "start", "stop", "cancel", "delete"])
@pytest.mark.parametrize("kind", ["folder", "nothing", "hostile"])
def test_an_id_that_is_not_a_live_streams_is_not_found(
    client: live.Client, vendor: MemoryVendor, call: str, kind: str
) -> None:
    id = {"folder": vendor.add_folder(), "nothing": "stream-99", "hostile": "a/../b?c#d"}[kind]
    with pytest.raises(live.NotFound) as caught:
        getattr(client, call)(id)
    assert caught.value.applied is False
    if kind == "folder":
        assert vendor.webhook(id), "it is still there"


# -- webhooks -----------------------------------------------------------------------------------


def test_a_delivery_tells_of_the_stream_as_it_is(client: live.Client, vendor: MemoryVendor) -> None:
    stream = on_air(client, vendor)
    event = client.parse_webhook(*vendor.webhook(stream.id))
    assert (event.kind, event.stream_id, event.stream) == (
        live.EventKind.STREAM_CHANGED,
        stream.id,
        stream,
    )
    assert event.occurred_at == vendor.clock.now()


def test_a_delivery_about_a_folder_is_about_something_else(
    client: live.Client, vendor: MemoryVendor
) -> None:
    event = client.parse_webhook(*vendor.webhook(vendor.add_folder()))
    assert (event.kind, event.stream_id) == (live.EventKind.OTHER, None)


def _altered(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return headers, body.replace(b"T", b"U")


def _at_another_time(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    name = "X-Memory-Timestamp"
    return {**headers, name: str(int(headers[name]) + 1)}, body


FORGERIES: dict[str, Callable[[dict[str, str], bytes], tuple[Any, Any]]] = {
    "altered body": _altered,
    "another time": _at_another_time,
    "no headers": lambda headers, body: ({}, body),
    "no signature": lambda headers, body: (
        {name: value for name, value in headers.items() if "Signature" not in name},
        body,
    ),
    "signature that is not ASCII": lambda headers, body: (
        {**headers, "X-Memory-Signature": "ü" * 64},
        body,
    ),
    "time that is no number": lambda headers, body: (
        {**headers, "X-Memory-Timestamp": "soon"},
        body,
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_delivery_is_rejected(
    client: live.Client, vendor: MemoryVendor, forgery: str
) -> None:
    genuine = vendor.webhook(client.create(title="T").id)
    client.parse_webhook(*genuine)
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook(*FORGERIES[forgery](*genuine))


def test_a_delivery_that_another_secret_signed_is_rejected(
    client: live.Client, vendor: MemoryVendor
) -> None:
    id = client.create(title="T").id
    with pytest.raises(live.WebhookRejected):
        client.parse_webhook(*vendor.webhook(id, secret="another"))


@pytest.mark.parametrize("seconds", [300, 301])
def test_a_delivery_is_good_for_five_minutes(
    client: live.Client, vendor: MemoryVendor, seconds: int
) -> None:
    delivery = vendor.webhook(client.create(title="T").id)
    signed_at = int(delivery[0]["X-Memory-Timestamp"])
    vendor.clock.advance(signed_at + seconds - vendor.clock.now().timestamp())
    if seconds > 300:
        with pytest.raises(live.WebhookRejected, match="too old"):
            client.parse_webhook(*delivery)
    else:
        client.parse_webhook(*delivery)


# -- faults -------------------------------------------------------------------------------------


def test_a_create_whose_answer_is_lost_is_not_sent_again(
    client: live.Client, vendor: MemoryVendor
) -> None:
    vendor.inject(Fault.drop_after(), on="POST /v1/streams")
    with pytest.raises(live.ConnectionFailed) as caught:
        client.create(title="T")
    assert caught.value.applied is None
    assert len(list(client.list())) == 1


def test_an_answer_that_comes_too_late_is_timed_out(
    client: live.Client, vendor: MemoryVendor
) -> None:
    vendor.inject(Fault.delay(60), on="POST /v1/streams")
    with pytest.raises(live.RequestTimeout):
        client.create(title="T")
    assert vendor.clock.monotonic() >= 60, "and nobody waited for it"


def test_a_page_of_html_is_not_taken_for_a_deletion(
    client: live.Client, vendor: MemoryVendor
) -> None:
    stream = client.create(title="T")
    vendor.inject(Fault.html(), on="DELETE *")
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.delete(stream.id)
    assert caught.value.applied is None
    assert client.get(stream.id) == stream


def test_a_late_commit_is_applied_when_the_clock_has_advanced(
    client: live.Client, vendor: MemoryVendor
) -> None:
    vendor.inject(Fault.late_commit(30), on="POST /v1/streams")
    with pytest.raises(live.ProviderUnavailable):
        client.create(title="T")
    assert list(client.list()) == []
    vendor.clock.advance(30)
    assert [each.title for each in client.list()] == ["T"]


def test_a_word_that_is_not_known_is_unknown(client: live.Client, vendor: MemoryVendor) -> None:
    stream = client.create(title="T")
    vendor.inject(Fault.status_word("paused"))
    read = client.get(stream.id)
    assert (read.status, read.provider_status) == (live.Status.UNKNOWN, "paused")
