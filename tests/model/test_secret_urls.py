"""URLs that contain a secret: which ones do, and where they are shown."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeEmulator
from livestream_core.testing import strategies as s
from scripted import ScriptedTransport

KEY = "k3y-of-eight-and-more"


def stream(**fields: Any) -> live.LiveStream:
    return live.LiveStream(
        **{"provider": "acme", "id": "1", "title": "T", "status": "live", **fields}
    )


def plain(url: str | None) -> str:
    return str.__str__(url or "")


servers: list[Any] = [live.Ingest, live.RestreamTarget]


# -- the key in a server's URL ------------------------------------------------------------------


@pytest.mark.parametrize("kind", servers)
@pytest.mark.parametrize(
    "url",
    [
        f"rtmp://in.example/live/{KEY}",
        f"rtmp://in.example/live/{KEY}/",
        f"rtmp://in.example/live//{KEY}",
        f"rtmp://in.example/live/{KEY}/{KEY}",
        f"rtmp://in.example/live/{quote(KEY).replace('k', '%6B').replace('-', '%2d')}",
    ],
)
def test_a_key_that_ends_a_servers_url_is_cut_off_it(kind: Any, url: str) -> None:
    server = kind(url, KEY)
    assert server.url == "rtmp://in.example/live"
    assert type(server.url) is str
    assert server == kind("rtmp://in.example/live", KEY)
    assert kind.from_dict(server.to_dict(secrets=True)) == server


@pytest.mark.parametrize("kind", servers)
@pytest.mark.parametrize(
    ("url", "key"),
    [
        (f"rtmp://in.example/{KEY}", KEY),
        (f"rtmp://in.example/live/{KEY}?vhost=a", KEY),
        (f"rtmp://in.example/live/x{KEY}", KEY),
        (f"rtmp://in.example/{KEY}/live", KEY),
        (f"srt://in.example:9000?streamid=publish:{KEY}", KEY),
        (f"srt://in.example:9000?streamid={quote(quote('a+b/c=d&e'), safe='')}", "a+b/c=d&e"),
        ("rtmp://in.example/live/live", "live"),
        ("rtmp://in.example/a?k=live", "live"),
    ],
)
def test_any_other_url_with_the_key_is_kept_and_not_shown(kind: Any, url: str, key: str) -> None:
    server = kind(url, key)
    assert plain(server.url) == url
    assert isinstance(server.url, live.SecretUrl)
    assert key not in repr(server).replace("Ingest", "")
    assert "url" not in server.to_dict()
    assert kind.from_dict(server.to_dict()).url is None
    assert kind.from_dict(server.to_dict(secrets=True)) == server


@pytest.mark.parametrize("kind", servers)
@pytest.mark.parametrize(
    "url",
    ["rtmp://in.example/live", "rtmp://live.example/app", "rtmp://in.example/live-1/alive"],
)
def test_a_short_key_is_never_cut_off_nor_found_in_a_word(kind: Any, url: str) -> None:
    assert plain(kind(url, "live").url) == url
    assert isinstance(kind(url, "live").url, live.SecretUrl) is url.endswith("/live")


@pytest.mark.parametrize(
    ("url", "key", "joined"),
    [
        ("rtmp://h/live", KEY, f"rtmp://h/live/{KEY}"),
        (f"rtmp://h/live/{KEY}", KEY, f"rtmp://h/live/{KEY}"),
        (f"rtmp://h/{KEY}", KEY, f"rtmp://h/{KEY}"),
        (f"rtmp://h/live/{KEY}?a=b", KEY, f"rtmp://h/live/{KEY}?a=b"),
        (f"srt://h:1?streamid={KEY}", KEY, f"srt://h:1?streamid={KEY}"),
        (f"rtmp://{KEY}.example/live", KEY, f"rtmp://{KEY}.example/live/{KEY}"),
        ("rtmp://h/live", "live", "rtmp://h/live/live"),
    ],
)
def test_the_key_is_in_the_publish_url_once(url: str, key: str, joined: str) -> None:
    ingest = live.Ingest(url, key)
    assert ingest.publish_url == live.Secret(joined)


@pytest.mark.parametrize("url", [KEY, f"live/{KEY}", f"//h.example/live/{KEY}"])
def test_an_address_without_a_scheme_has_no_protocol_to_show_the_key_in(url: str) -> None:
    ingest = live.Ingest(url, KEY)
    assert ingest.protocol is None
    assert KEY not in repr(ingest) + json.dumps(ingest.to_dict())


@given(s.ingests(), s.secrets())
def test_an_ingest_made_of_its_own_parts_is_the_same(ingest: live.Ingest, key: live.Secret) -> None:
    for url in (ingest.url, f"{plain(ingest.url)}/{key.reveal()}"):
        first = live.Ingest(url, key)
        assert live.Ingest(first.url, first.stream_key) == first


# -- the key in any other URL of the stream -----------------------------------------------------


def streams_with(url: str) -> list[tuple[str, live.LiveStream | live.StreamSpec]]:
    """Return a stream for each field that can have a URL, with the URL there."""
    ingest = live.Ingest("rtmp://in.example/live", KEY)
    target = live.RestreamTarget("rtmp://in.example/live", KEY)
    other = live.RestreamTarget(url, "another-key-here")
    made: Any = live.Recording, live.StreamSpec
    recording, spec = made
    recordings = [(name, recording("ready", **{name: url})) for name in _urls(recording)]
    return [
        *[(name, stream(ingests=[ingest], **{name: url})) for name in _urls(live.LiveStream)],
        *[(name, stream(restreams=[target], recording=each)) for name, each in recordings],
        ("playbacks", stream(ingests=[ingest], playbacks=[live.Playback(url)])),
        ("ingests", stream(ingests=[ingest, live.Ingest(url)])),
        ("restreams", stream(ingests=[ingest], restreams=[live.RestreamTarget(url)])),
        *[(name, spec(title="T", restreams=[target], **{name: url})) for name in _urls(spec)],
        ("restreams", live.StreamSpec(title="T", restreams=[target, other])),
    ]


def _urls(kind: Any) -> list[str]:
    return [field.name for field in attrs.fields(kind) if field.name.endswith("url")]


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        KEY.replace("-", "%2D"),
        KEY.replace("k", "%256b"),
        *[b64encode(f"{before}{KEY}?".encode()).decode() for before in ("", "u", "u:", "me:")],
    ],
)
def test_every_url_of_a_stream_that_has_a_key_of_it_is_secret(written: str) -> None:
    url = f"https://h.example/a/{written}/index.m3u8"
    for name, value in streams_with(url):
        assert written not in f"{value!r}", name
        assert written not in json.dumps(value.to_dict()), name
        assert url in json.dumps(value.to_dict(secrets=True)), name
        again = type(value).from_dict(value.to_dict(secrets=True))
        assert again == value
        assert repr(again) == repr(value)


def test_other_urls_of_it_are_shown() -> None:
    for name, value in streams_with("https://h.example/a%20b/index.m3u8?x=1&y=2"):
        assert "https://h.example/a%20b/index.m3u8?x=1&y=2" in repr(value), name


# -- the form of a URL --------------------------------------------------------------------------

SIGNED = [
    "https://h.example/a.m3u8?hdnea=st=1~exp=2~acl=/*~hmac=UNIQUE",
    "https://h.example/a.m3u8?hdnts=exp=2~hmac=UNIQUE",
    "https://h.example/a.m3u8?x=1&hdntl=exp=2~hmac=UNIQUE",
    "https://h.example/exp=2~acl=/*~hmac=UNIQUE/a.m3u8",
    "https://h.example/a.m3u8?__gda__=2_UNIQUE",
    "https://h.example/a.m3u8?wowzatokenendtime=2&wowzatokenhash=UNIQUE",
    "https://h.example/a.m3u8?mytokenhash=UNIQUE",
    "https://h.example/a.m3u8?Expires=2&Signature=UNI/QUE~&Key-Pair-Id=UNIQUE",
    "https://h.example/a.m3u8?Policy=UNIQUE&Signature=UNIQUE&Key-Pair-Id=UNIQUE",
    "https://h.example/a.m3u8?X-Amz-Signature=UNIQUE",
    "https://h.example/a.m3u8?X-Amz-Security-Token=UNIQUE",
    "https://h.example/a.m3u8?X-Goog-Signature=UNIQUE",
    "https://h.example/a.m3u8?URLPrefix=UNIQUE&Expires=2&KeyName=k&Signature=UNIQUE",
    "https://h.example/edge-cache-token=UNIQUE/a.m3u8",
    "https://h.example/a.m3u8?sv=2024&sp=r&sig=UNIQUE",
    "https://h.example/a.m3u8?auth_key=2-0-0-UNIQUE",
    "rtmp://h.example/live/a?txSecret=UNIQUE&txTime=5C271099",
    "rtmp://h.example/live/a?wsSecret=UNIQUE&wsTime=2",
    "rtmp://h.example/live/a?hwSecret=UNIQUE&hwTime=2",
    "https://h.example/a.m3u8?token=UNIQUE&expires=2",
    "https://h.example/bcdn_token=UNIQUE&expires=2&token_path=%2F/a.m3u8",
    "https://h.example/a.m3u8?wmsAuthSign=UNIQUE",
    "https://h.example/a.m3u8?md5=UNIQUE&expires=2",
    "https://h.example/a.m3u8?st=UNIQUE&e=2",
    "https://h.example/a.m3u8?ks=UNIQUE",
    "https://h.example/page#access_token=UNIQUE",
    "https://h.example/a?api_key=UNIQUE",
    "https://h.example/a?apikey=UNIQUE",
    "https://h.example/a?streamKey=UNIQUE",
    "srt://h.example:9000?mode=caller&passphrase=UNIQUE",
    "https://h.example/eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJVTklRVUUifQ.UNIQUE/manifest/video.m3u8",
    "https://user:UNIQUE@h.example/a.m3u8",
    "https://UNIQUE@h.example/a.m3u8",
    "https://user:UNIQ@UNIQUE@h.example/a.m3u8",
    "https://player.example/?src=https%3A%2F%2Fh.example%2Fa.m3u8%3Ftoken%3DUNIQUE",
    "https://player.example/?src=https%253A%252F%252Fh.example%252Fa%253Fx%253D1%2526sig%253DUNIQUE",
]

ORDINARY = [
    "https://h.example/a.m3u8?hash=abc&key=def&sign=ghi",
    "https://h.example/a.m3u8?md5=abc",
    "https://h.example/a.m3u8?st=abc",
    "https://h.example/a.m3u8?expires=2&e=3",
    "https://h.example/watch?v=monkey&design=blue&signal=x&authors=y",
    "https://h.example/@user/token/signature",
    "https://h.example/a?token=",
    "https://h.example/a?next=1#top",
    "https://h.example/keyJ.a.b/index.m3u8",
    "https://player.example/?src=https%3A%2F%2Fh.example%2Fa.m3u8%3Fkey%3Dabc",
    "rtmp://h.example/live/instance",
]


@pytest.mark.parametrize("url", SIGNED)
def test_a_url_that_is_signed_or_has_a_user_is_secret_to_the_model_raw_and_the_mask(
    url: str,
) -> None:
    assert "UNIQUE" not in repr(live.Playback(url))
    assert "UNIQUE" not in repr(live.Ingest(url)) + repr(live.RestreamTarget(url))
    assert "UNIQUE" not in repr(live.StreamSpec(title="T", thumbnail_url=url))
    value = stream(raw={"a": [{"address": url}]})
    assert value.to_dict(raw=True)["raw"] == {"a": [{"address": "***"}]}
    for text in (f"see {url} there", json.dumps(json.dumps({"a": url})), quote(url, safe="")):
        assert "UNIQUE" not in masked(text), text


@pytest.mark.parametrize("url", ORDINARY)
def test_any_other_url_is_shown(url: str) -> None:
    assert url in repr(live.Playback(url))
    assert live.Playback(url).to_dict()["url"] == url
    assert stream(raw={"address": url}).to_dict(raw=True)["raw"] == {"address": url}


def masked(text: str) -> str:
    """Return the response as an error shows it."""
    transport = ScriptedTransport(lambda *_: live.Response(400, {}, text.encode()))
    with (
        live.connect("acme", transport=transport, token="t0ken-t0ken", retries=0) as client,
        pytest.raises(live.Rejected) as caught,
    ):
        client.get("1")
    return str(caught.value.body)


@pytest.mark.parametrize(
    "name",
    ["key", "stream_key", "streamKey", "X-Api-Key", "authToken", "clientSecret", "password",
     "passphrase", "Authorization", "Set-Cookie", "hdnea", "sig", "drm_aes_signing_iv", "jwt"],
)  # fmt: skip
def test_a_value_under_a_secret_name_is_masked_in_raw_and_in_errors(name: str) -> None:
    for value in ("UNIQUE", ["UNIQUE"], {"main": ["UNIQUE"]}):
        data = {"id": "1", name: value}
        assert "UNIQUE" not in json.dumps(stream(raw=data).to_dict(raw=True))
    assert "UNIQUE" not in masked(json.dumps({name: "UNIQUE"}))
    assert "UNIQUE" not in masked(json.dumps(json.dumps({name: "UNIQUE"})))
    assert "UNIQUE" not in masked(f"title=T&{name}=UNIQUE")


def test_a_name_that_is_a_key_is_masked_in_raw() -> None:
    value = stream(raw={"by_key": {KEY: 1}}, ingests=[live.Ingest("rtmp://h/a", KEY)])
    assert KEY not in json.dumps(value.to_dict(raw=True))


# -- stored playback URLs -----------------------------------------------------------------------


def test_what_is_stored_with_playback_has_the_viewers_addresses_and_no_other_secret() -> None:
    secret = "https://viewer:UNIQUE@cdn.example/"
    value = stream(
        ingests=[live.Ingest(f"srt://in.example:1?streamid={KEY}", KEY)],
        playbacks=[live.Playback(f"https://cdn.example/{KEY}/a.m3u8"), live.Playback(secret)],
        recording=live.Recording("ready", f"https://cdn.example/{KEY}/rec.m3u8", f"{secret}a.mpd"),
        restreams=[live.RestreamTarget("rtmp://u:p@other.example/app", "an0ther-k3y")],
        chat_url="https://chat.example/?token=UNIQUE-CHAT",
    )
    data = value.to_dict(playback=True)
    stored = json.dumps(data)
    for hidden in ("streamid", "an0ther-k3y", "u:p@", "UNIQUE-CHAT", "stream_key"):
        assert hidden not in stored
    again = live.LiveStream.from_dict(json.loads(stored))
    assert again.playbacks == value.playbacks
    assert again.recording == value.recording
    assert again.hls_url == value.hls_url
    assert repr(again.playbacks) == repr(value.playbacks)
    assert isinstance(again.hls_url, live.SecretUrl)
    event = live.Event(provider="acme", kind="stream_changed", stream=value)
    assert event.to_dict(playback=True)["stream"] == data
    spec = live.StreamSpec(title="T", playback_url=secret, thumbnail_url=secret)
    assert spec.to_dict(playback=True)["playback_url"] == secret
    assert "thumbnail_url" not in spec.to_dict(playback=True)


@pytest.mark.slow
@given(s.live_streams())
def test_with_playback_and_secrets_all_is_stored(value: live.LiveStream) -> None:
    assert value.to_dict(secrets=True, playback=True) == value.to_dict(secrets=True)


# -- values from the caller ---------------------------------------------------------------------

BAD_KEYS = [
    "k\ney",
    "k\r",
    "\x00k",
    "k\tk",
    "k k",
    " k",
    "k ",
    "k\x7f",
    "k\x85k",
    "k\u2028k",
    "k\xa0",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_with_blanks_or_control_characters_is_refused_with_its_name(
    client: live.Client, emulator: AcmeEmulator, key: str
) -> None:
    targets = [
        live.RestreamTarget("rtmp://h/a", "good"),
        live.RestreamTarget("rtmp://h/a", key),
    ]
    for refused in (
        lambda: live.StreamSpec(title="T", restreams=targets),
        lambda: client.create(title="T", restreams=targets),
        lambda: live.StreamSpec.from_dict(
            {"title": "T", "restreams": [each.to_dict(secrets=True) for each in targets]}
        ),
    ):
        with pytest.raises(
            live.InvalidInput, match=r"contains (a line break|whitespace)"
        ) as caught:
            refused()
        assert caught.value.field == "restreams[1].stream_key"
        assert repr(key)[1:-1] not in str(caught.value)
    with pytest.raises(live.InvalidInput) as caught:
        live.join_publish_url("rtmp://h/a", key)
    assert caught.value.field == "stream_key"
    assert emulator.requests == []


def test_a_key_in_an_update_is_looked_at_as_well() -> None:
    from livestream_core.memory import MemoryVendor

    with MemoryVendor().connect() as client:
        stream = client.create(title="T")
        with pytest.raises(live.InvalidInput) as caught:
            client.update(stream.id, restreams=[live.RestreamTarget("rtmp://h/a", "k\nk")])
    assert caught.value.field == "restreams[0].stream_key"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_vendors_key_is_taken_as_it_is(key: str) -> None:
    ingest = live.Ingest("rtmp://h/a", key)
    value = stream(ingests=[ingest], restreams=[live.RestreamTarget("rtmp://h/a", key)])
    assert value.ingests[0].stream_key == live.Secret(key)
    assert live.LiveStream.from_dict(value.to_dict(secrets=True)) == value
    url = ingest.publish_url
    assert url is None or not re.search(r"[\x00-\x1f\x7f-\x9f\u2028]", url.reveal())


@given(st.text(), st.text())
def test_no_control_character_gets_into_a_publish_url(server: str, key: str) -> None:
    try:
        url = live.join_publish_url(server, key)
    except live.InvalidInput as error:
        assert error.field in ("server", "stream_key")
    else:
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in url)


@given(st.none() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.none()))
def test_a_value_that_is_not_text_is_refused_without_other_errors(value: Any) -> None:
    for refused in (
        lambda: live.join_publish_url(value, KEY),
        lambda: live.join_publish_url("rtmp://h/a", value),
        lambda: live.split_publish_url(value),
        lambda: live.split_publish_url("rtmp://h/a/b", value or []),
    ):
        with pytest.raises(live.InvalidInput):
            refused()
