"""Every operation of every adapter ends with any responses, and raises only the library's errors.

Its ``applied`` agrees with the contract's table.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from acme import FakeClock
from livestream_core._contract.adapter import in_process_origin
from livestream_core._plugins.registry import registry
from livestream_core.emulator import load_emulator
from livestream_node_media_server import samples as node_media_server
from livestream_videosdk.rooms import samples as rooms
from runners import connect
from scripted import (
    Foreign,
    ScriptedTransport,
    Sent,
    answers,
    json_values,
    mutated,
    oracle,
    respond,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runner")]


@pytest.fixture(autouse=True)
def _nothing_is_collected_at_the_recursion_limit() -> Iterator[None]:
    """Keep the garbage collector from running while JSON that is nested too deeply is parsed.

    The parsers of the client and of the oracle stop at Python's recursion limit. There, finalizers
    fail, and Python would report an unrelated object of whichever test left it.
    """
    gc.disable()
    yield
    gc.enable()


INSTALLED = sorted(point.name for point in entry_points(group="livestream_core"))

ACME = [
    {"id": "1", "title": "T", "status": "new", "key": "acme-key-1", "tags": ["a"]},
    {"items": [{"id": "1", "title": "T", "status": "on"}], "next": "3", "total": 9},
    {"token": "abc", "lasts": 60},
]
TPSTREAMS_ASSET = {
    "title": "T", "bytes": None, "type": "livestream", "video": None, "id": "AuC9yX2EtBr",
    "live_stream": {
        "rtmp_url": "rtmp://23.427.127.24/live", "stream_key": "org-4xu8ay-live-AuC9yX2EtBr-jKP4",
        "status": "Not Started", "hls_url": "https://d.example/live/o/AuC9yX2EtBr/video.m3u8",
        "start": "2026-12-05 15:30:00", "transcode_recorded_video": True,
        "enable_drm_for_recording": False, "chat_embed_url": None,
    },
    "parent": None, "parent_id": None,
}  # fmt: skip
MEMORY_STREAM = {
    "object": "live_stream", "id": "stream-1", "title": "T", "description": None, "status": "ready",
    "scheduled_start": "2026-12-05T10:00:00+00:00", "created_at": "2026-12-01T10:00:00+00:00",
    "ingests": [{"url": "rtmp://ingest.memory.example/live", "stream_key": "memory-key-0123"}],
    "playbacks": ["https://watch.memory.example/stream-1/index.m3u8"], "record": True,
    "recording": {"status": "ready", "url": None, "dash_url": None, "duration": 3.5},
    "restreams": [{"url": "rtmp://x.example/live2", "stream_key": "k"}], "tags": ["a"],
    "thumbnail_url": None, "latency": "low", "trim": None,
}  # fmt: skip
MUX_STREAM = {
    "id": "B65hEUWW01ErVKDDGImKcBquYhwEAkjW6Ic3lPY0299Cc", "created_at": "1607587513", "status": "idle",
    "stream_key": "d273c65e-1fc8-27dc-e9ef-56144cbceb3a", "srt_passphrase": "GHI789JKL101112", "test": False,
    "playback_ids": [{"policy": "public", "id": "00zOcribkUmXqXHzBTpflk"}], "latency_mode": "standard",
    "meta": {"title": "T"}, "passthrough": "r", "recent_asset_ids": ["a1"], "reconnect_window": 60,
    "simulcast_targets": [{"id": "t1", "url": "rtmp://x.example/live2", "stream_key": "k", "status": "idle"}],
}  # fmt: skip
SAMPLES: dict[str, list[Any]] = {
    "acme": ACME,
    "mux": [
        {"data": MUX_STREAM},
        {"data": {**MUX_STREAM, "status": "active"}},
        {"data": {**MUX_STREAM, "status": "disabled", "created_at": 1607587513}},
        {"data": [MUX_STREAM]},
        {"data": {}},
        {"error": {"type": "invalid_parameters", "messages": ["Failed to parse ID"]}},
    ],
    # Its responses are not JSON; the values of an unexpected proxy may be.
    "nginx-rtmp": [{"name": "abc", "publishing": ""}, 1, 0, {}],
    "node-media-server": [
        {"success": True, "data": dict(node_media_server.PUBLISHED)},
        {"success": True, "data": dict(node_media_server.RECONNECTING)},
        {"success": True, "data": dict(node_media_server.IDLE)},
        {"success": True, "data": {"streams": [dict(node_media_server.PUBLISHED)], "total": 1}},
        {"success": True, "data": {"items": [{"id": "r1", "status": "done"}], "count": 1}},
        {"success": True, "data": {}},
        {"success": False, "data": {}, "message": "Stream not found"},
        {"success": False, "error": "Record not found: r1"},
    ],
    "tpstreams": [
        TPSTREAMS_ASSET,
        {**TPSTREAMS_ASSET, "live_stream": {**TPSTREAMS_ASSET["live_stream"], "rtmp_url": "", "stream_key": None}},
        {"count": 2, "next": None, "previous": None, "results": [TPSTREAMS_ASSET]},
        {"count": 2, "next": "https://app.tpstreams.com/api/v1/o/assets/?offset=1", "results": []},
        {"message": "Live stream stopped successfully", "trim_scheduled": True},
        {"url": "https://receiver.example/kit", "secret_token": "made-up-token", "id": "w-1"},
        {"count": 1, "next": None, "results": [{"url": "u", "secret_token": "made-up-token", "id": "w-1"}]},
        {"count": 1, "next": "https://app.tpstreams.com/api/v1/gcdem4/webhooks/?offset=1", "results": []},
        {"token": "0" * 64},
        {"title": ["This field is required."]},
    ],
    "videosdk": [
        {
            "record": True, "userId": "u", "name": "N", "streamKey": "e83fb175-5606-4ee5-b960-aacfce300ba6",
            "streamUrl": "rtmp://live.videosdk.live/live/",
            "upstreamUrl": "rtmp://live.videosdk.live/live/e83fb175-5606-4ee5-b960-aacfce300ba6",
            "downstreamUrl": "https://live.videosdk.live/live/e83fb175-5606-4ee5-b960-aacfce300ba6/index.m3u8",
            "recordingUrl": "https://live.videosdk.live/live/e83fb175-5606-4ee5-b960-aacfce300ba6/storage/index.m3u8",
            "restream": [{"_id": "1", "url": "rtmp://x.example/live2", "streamKey": "k"}],
            "createdAt": "2021-07-05T12:43:52.921Z", "updatedAt": "2021-07-05T12:45:04.379Z",
            "id": "60e2fe88135c9810f490f3b4",
        },
        {"pageInfo": {"currentPage": 1, "perPage": 20, "lastPage": 2}, "data": [{"id": "1", "name": "N"}]},
        {"statusCode": 400, "error": "bad"},
    ],
    "videosdk-rooms": [
        dict(rooms.FETCHED),
        dict(rooms.VALIDATED),
        {"code": 200, "data": {"id": "h1", "start": "2022-04-19T09:18:13.432Z", "end": None, "playbackHlsUrl": "u"}},
        {"pageInfo": {"currentPage": 1, "perPage": 20, "lastPage": 2, "total": 2}, "data": [dict(rooms.FETCHED)]},
        {"pagination": {"currentPage": 1, "lastPage": 1}, "recordings": [{"id": "r1", "file": {"fileUrl": "u"}}]},
        [dict(rooms.VALIDATED)],
        "HLS ended successfully",
        {"publicKey": "-----BEGIN RSA PUBLIC KEY-----"},
        {"statusCode": 402, "error": "bad"},
    ],
    "memory": [
        MEMORY_STREAM,
        {"items": [MEMORY_STREAM], "next": "1", "total": 2},
        {"token": "abc", "expires_in": 60},
        {"id": "w-1", "url": "https://receiver.example/kit", "secret": "made-up-token"},
        {"items": [{"id": "w-1", "url": "u", "secret": "made-up-token"}]},
        {"error": {"message": "no"}, "status": "live"},
    ],
    "tktchurch": [
        {
            "id": "123e4567-e89b-12d3-a456-426614174000", "title": "S", "description": "D",
            "youtubeUrl": "https://youtube.com/watch?v=abc123", "customStreamUrl": None,
            "status": "scheduled", "scheduledStartTime": "2024-01-21T10:00:00Z", "actualStartTime": None,
            "endTime": None, "tags": ["a"], "thumbnailUrl": "https://example.com/t.jpg", "thumbnail": None,
            "createdAt": "2024-01-20T15:00:00Z", "updatedAt": "2024-01-20T15:00:00Z",
        },
        {"items": [], "metadata": {"page": 1, "per": 10, "total": 20, "pageCount": 2}},
        {"access_token": "a.b.c", "refresh_token": "r", "expires_in": 3600, "token_type": "bearer"},
        {"error": True, "reason": "Invalid credentials"},
    ],
}  # fmt: skip
KEYS = {
    *("acme-key-1", "org-4xu8ay-live-AuC9yX2EtBr-jKP4", "memory-key-0123"),
    *("e83fb175-5606-4ee5-b960-aacfce300ba6", "d273c65e-1fc8-27dc-e9ef-56144cbceb3a"),
}
SIGNS_IN = {
    *("/login", "/api/auth/login/", "/api/v1/login"),
    *("/v1/auth/login", "/v1/auth/token", "/v1/login"),
}
ID = "AuC9yX2EtBr"
#: Exceptions of a transport that belong neither to this library nor to an HTTP library.
FOREIGN = (OSError, RuntimeError, Foreign)

OPERATIONS: dict[str, Callable[[live.Client], Any]] = {
    "create": lambda client: client.create(title="T"),
    "get": lambda client: client.get(ID),
    "list": lambda client: list(client.list(limit=50)),
    "pages": lambda client: client.pages(),
    "update": lambda client: client.update(ID, title="U"),
    "start": lambda client: client.start(ID),
    "stop": lambda client: client.stop(ID),
    "cancel": lambda client: client.cancel(ID),
    "delete": lambda client: client.delete(ID),
    "webhooks": lambda client: client.webhooks(),
    "register_webhook": lambda client: client.register_webhook("https://receiver.example/kit"),
    "delete_webhook": lambda client: client.delete_webhook(ID),
}


@cache
def options_of(provider: str) -> dict[str, Any]:
    origin = in_process_origin(registry.adapter(provider))
    return {**origin, **load_emulator(provider)().options()}


SIGN_INS_SUCCEED = st.integers(0, 9).map(lambda drawn: drawn > 0)


@cache
def answer_lists(provider: str, count: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(answers(SAMPLES[provider]), min_size=count, max_size=count)


@cache
def payloads(provider: str) -> st.SearchStrategy[Any]:
    return mutated(SAMPLES[provider]) | json_values


@contextmanager
def connected(provider: str, transport: Any) -> Iterator[live.Client]:
    options = options_of(provider)
    client = connect(provider, transport=transport, clock=FakeClock(), **options)
    yield client
    with suppress(*FOREIGN):  # signing out may also raise them
        client.close()


def scripts(provider: str, data: st.DataObject) -> Iterator[ScriptedTransport]:
    """Yield a transport with arbitrary responses; most sign-ins succeed, so that others follow.

    Most operations send one or two requests, and drawing takes longer than running them. If an
    operation runs out of responses, the next transport has the same ones and more.
    """
    may_sign_in = data.draw(SIGN_INS_SUCCEED)
    drawn: list[Any] = []
    ran_out = True

    def answer(method: str, target: str) -> Any:
        nonlocal ran_out
        if may_sign_in and target in SIGNS_IN:
            signed_in = {
                "token": "t" * 8,
                "access_token": "a.b.c",
                "refresh_token": "r",
                "expires_in": 9,
                "data": {"token": "t" * 8},
            }
            return respond(200, signed_in)
        if given := next(left, None):
            return given
        ran_out = True
        return live.Response(404, {}, b"{}")

    while ran_out and len(drawn) < 12:
        count = len(drawn) or 3
        drawn += data.draw(answer_lists(provider, count))
        left = iter(drawn)
        ran_out = False
        yield ScriptedTransport(answer)


def cases() -> Iterator[Any]:
    for provider in ["acme", *INSTALLED]:
        for operation in OPERATIONS:
            yield pytest.param(provider, operation, id=f"{provider}-{operation}")
        yield pytest.param(provider, "schedule", id=f"{provider}-schedule")
        yield pytest.param(provider, "trim", id=f"{provider}-trim")


@pytest.mark.parametrize(("provider", "name"), list(cases()))
@settings(max_examples=40)
@given(data=st.data())
def test_any_answers_end_in_a_result_or_an_error_of_ours_with_a_true_applied(
    provider: str, name: str, data: st.DataObject
) -> None:
    run = {
        **OPERATIONS,
        "schedule": lambda client: client.create(title="T", scheduled_start="2026-12-05T10:00:00Z"),
        "trim": lambda client: client.stop(ID, trim=live.Trim.relative(30, 120)),
    }[name]
    for transport in scripts(provider, data):
        with connected(provider, transport) as client:
            try:
                run(client)
            except live.Unsupported:
                assert transport.sent == []
            except live.LiveStreamError as error:
                assert error.applied is oracle(
                    transport.sent,
                    changes,
                    creates=name in ("create", "schedule", "register_webhook"),
                    id_name="roomId" if provider == "videosdk-rooms" else "id",
                    is_error=client._adapter.is_error,
                )
                assert error.provider == provider
                assert error.account == client.account
                assert error.operation in (name, {"schedule": "create", "trim": "stop"}.get(name))
                assert "\n" not in str(error)
                assert not [secret for secret in secrets_of(client) if secret in error.message]
            except FOREIGN as passing:
                assert passing is transport.sent[-1].answer
                known = oracle(transport.sent, changes, is_error=client._adapter.is_error)
                assert f"(applied={known})" in passing.__notes__[-1]


def secrets_of(client: live.Client) -> set[str]:
    """Return the values that no error may show: the credentials and the stream keys."""
    held = client.options.secrets()
    if client.session is not None:
        held += [value.rpartition(" ")[2] for value in client.session.headers.values()]
    return {secret for secret in held if len(secret) > 5} | KEYS


def changes(sent: Sent) -> bool:
    return sent.method != "GET" and sent.target.partition("?")[0] not in SIGNS_IN


@pytest.mark.parametrize("provider", ["acme", *INSTALLED])
@settings(max_examples=150)
@given(data=st.data())
def test_a_create_is_sent_once_unless_it_was_certainly_not_applied(
    provider: str, data: st.DataObject
) -> None:
    for transport in scripts(provider, data):
        with connected(provider, transport) as client:
            try:
                client.create(title="T")
            except (live.LiveStreamError, *FOREIGN):
                pass
        creates = [sent for sent in transport.sent if changes(sent) and "logout" not in sent.target]
        for sent in creates[:-1]:
            answer = sent.answer
            assert answer == "refused" or (
                isinstance(answer, live.Response) and answer.status in (401, 429)
            )


@pytest.mark.parametrize("provider", ["acme", *INSTALLED])
@settings(max_examples=150)
@given(data=st.data())
def test_any_payload_is_read_or_refused_as_unexpected(provider: str, data: st.DataObject) -> None:
    payload = data.draw(payloads(provider))
    with connected(provider, ScriptedTransport(lambda *_: None)) as client:
        try:
            stream = client.parse_stream(payload)
        except live.UnexpectedResponse as error:
            assert error.operation == "parse_stream"
        else:
            assert attrs.has(type(stream))
            assert stream.raw == payload
            for at in (
                stream.scheduled_start,
                stream.started_at,
                stream.ended_at,
                stream.created_at,
            ):
                assert at is None or at.utcoffset() is not None
