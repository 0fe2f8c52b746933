"""No stream key, token, or secret is ever printed."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import pytest

import livestream_core as live
from livestream_core.emulator import Fault

RESTREAM_KEY = "0tjp-h6a2-8c9d-vusv-01uu"
UNSEEN = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"


@pytest.fixture
def stream(client):
    target = live.RestreamTarget("rtmp://x.rtmp.youtube.com/live2", RESTREAM_KEY)
    return client.create(title="x", record=True, restreams=[target])


@pytest.fixture
def secrets(emulator, stream):
    token = emulator.requests[0].headers["Authorization"]
    return [stream.ingest.stream_key.reveal(), RESTREAM_KEY, emulator.secret, token]


def shown(error):
    return "\n".join(
        [
            *traceback.format_exception(error),
            repr(error),
            str(error),
            repr(error.__dict__),
            repr(pickle.loads(pickle.dumps(error)).__dict__),
        ]
    )


def test_neither_repr_nor_str_of_a_stream_shows_one(stream, secrets):
    for text in (repr(stream), str(stream), f"{stream}", repr(stream.raw), repr(stream.playbacks)):
        assert not [each for each in secrets if each in text]


def test_the_urls_given_to_the_caller_are_whole(stream):
    key = stream.ingest.stream_key.reveal()
    assert stream.hls_url == f"https://live.videosdk.live/live/{key}/index.m3u8"
    assert stream.recording.url == f"https://live.videosdk.live/live/{key}/storage/index.m3u8"


def test_data_without_secrets_has_no_url_with_a_key(stream, secrets):
    text = json.dumps(stream.to_dict(raw=True))
    assert not [each for each in secrets if each in text]


def test_logs_show_none(client, emulator, stream, secrets, caplog):
    caplog.set_level(logging.DEBUG)
    emulator.inject(Fault.status(400, body=json.dumps({"error": f"bad {secrets}"})), on="GET *")
    with pytest.raises(live.Rejected):
        client.get(stream.id)
    list(client.list())
    assert caplog.text
    assert not [each for each in secrets if each in caplog.text]


def test_reprs_of_client_adapter_options_and_emulator_show_none(client, emulator, secrets):
    texts = [repr(client), repr(vars(client)), repr(emulator), repr(emulator.requests)]
    assert not [each for each in secrets for text in texts if each in text]


def test_an_error_that_echoes_known_secrets_is_masked(client, emulator, stream, secrets):
    body = json.dumps({"statusCode": 400, "error": f"cannot take {' and '.join(secrets)}"})
    emulator.inject(Fault.status(400, body=body), on="POST *")
    with pytest.raises(live.Rejected, match="cannot take") as caught:
        client.update(stream.id, title="y")
    assert not [each for each in secrets if each in shown(caught.value)]


@pytest.mark.parametrize(
    "echo",
    [
        "https://live.videosdk.live/live/{}/index.m3u8 is gone",
        "https:\\/\\/live.videosdk.live\\/live\\/{}\\/storage\\/index.m3u8",
        "rtmp://live.videosdk.live/live/{} is busy",
        "stream {} is busy",
    ],
)
def test_a_key_that_was_never_seen_is_masked_by_its_form(client, emulator, echo):
    body = json.dumps({"statusCode": 409, "error": echo.format(UNSEEN)})
    emulator.inject(Fault.status(409, body=body), on="GET *")
    with pytest.raises(live.Conflict) as caught:
        client.get("a")
    assert UNSEEN not in shown(caught.value)
    assert "***" in caught.value.message


def test_a_key_in_a_playback_url_is_masked_whatever_its_form(client, emulator):
    body = json.dumps({"error": "https://live.zujonow.com/live/obfuscated_key/index.m3u8 is gone"})
    emulator.inject(Fault.status(404, body=body), on="GET *")
    with pytest.raises(live.NotFound) as caught:
        client.get("a")
    assert "obfuscated_key" not in shown(caught.value)
    assert "index.m3u8 is gone" in caught.value.message


def test_an_upper_case_key_is_masked_too(client, emulator):
    emulator.inject(Fault.status(409, body=json.dumps({"error": UNSEEN.upper()})), on="GET *")
    with pytest.raises(live.Conflict) as caught:
        client.get("a")
    assert UNSEEN.upper() not in shown(caught.value)


def test_ids_are_shown(client):
    with pytest.raises(live.NotFound) as caught:
        client.get("60e2fe88135c9810f490f3b4")
    assert "60e2fe88135c9810f490f3b4" in str(caught.value)


def test_the_secret_itself_is_never_sent(emulator, stream):
    request = emulator.requests[0]
    assert emulator.secret not in f"{request.query} {dict(request.headers)} {request.body!r}"


def test_a_create_that_cannot_be_read_shows_no_key(client, emulator):
    emulator.inject(Fault.missing_field("id"), on="POST *")
    target = live.RestreamTarget("rtmp://x.rtmp.youtube.com/live2", RESTREAM_KEY)
    with pytest.raises(live.UnexpectedResponse) as caught:
        client.create(title="x", restreams=[target])
    (made,) = client.list()
    assert made.ingest.stream_key.reveal() not in shown(caught.value)
    assert RESTREAM_KEY not in shown(caught.value)
