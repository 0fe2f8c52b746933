"""Whatever a playback URL leads to, a probe ends soon, and says what is there."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

import livestream_core as live
from livestream_core import PlaybackState
from playlists import (
    Page,
    advancing,
    bomb,
    dripping,
    endless,
    media,
    multivariant,
    playlist_server,
    redirect,
    response,
    silent,
    stream_at,
)
from runners import connect

pytestmark = pytest.mark.usefixtures("runner")

LOOPBACK = ["127.0.0.1"]
RENDITION = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={}\nv{}.m3u8\n"


@pytest.fixture
def client(runner: None) -> Iterator[live.Client]:
    with connect("memory", deadline=30, timeout=(2, 2)) as client:
        yield client


def probed(
    client: live.Client, pages: dict[str, Page], path: str = "/live.m3u8"
) -> live.Playability:
    with playlist_server(pages) as server:
        stream = stream_at(f"http://127.0.0.1:{server.port}{path}")
        return client.probe(stream, allow_addresses=LOOPBACK)


def cut_off(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n#EXTM3U")
    connection.shutdown(socket.SHUT_RDWR)


SLOW_TO_PARSE = "".join(f'#EXT-X-KEY:METHOD=AES-128,URI="k{n}"\n' for n in range(100_000))
ONE_LONG_LINE = "#EXTM3U\n#EXT-X-STREAM-INF:" + "'\"" * 1_000_000 + "\nv.m3u8\n"


@pytest.mark.parametrize(
    ("page", "state", "reason"),
    [
        (response("", "404 Not Found"), "absent", "127.0.0.1 returned HTTP 404"),
        (response("", "410 Gone"), "absent", "127.0.0.1 returned HTTP 410"),
        (response("", "401 Who"), "forbidden", "127.0.0.1 returned HTTP 401"),
        (response("", "403 No"), "forbidden", "127.0.0.1 returned HTTP 403"),
        (response("", "503 Busy"), "unreachable", "127.0.0.1 returned HTTP 503"),
        (response("", "204 No Content"), "invalid", "not an HLS playlist"),
        (response("<html><title>Sign in</title>"), "invalid", "not an HLS playlist"),
        (response(b"\x89PNG\0\xff\xfe"), "invalid", "not an HLS playlist"),
        (response("#EXTM3U\n"), "absent", "has no segments"),
        (response("#EXTM3U\n#EXTINF:1,\n"), "absent", "has no segments"),
        (response("#EXTM3U\n#EXTINF:soon,\na.ts\n"), "invalid", "malformed"),
        (response("#EXTM3U\n#EXTINF:-1,A channel\na.ts\n"), "invalid", "malformed"),
        (response(f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:{'9' * 5000}\n"), "invalid", "malformed"),
        (response("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=much\nv.m3u8\n"), "invalid", "malformed"),
        (endless, "invalid", "larger than 4 MiB"),
        (response("#EXTM3U\n" + "#" * 5_000_000), "invalid", "larger than 4 MiB"),
        (bomb(), "invalid", "larger than 4 MiB"),
        (response("no gzip", head="Content-Encoding: gzip\r\n"), "invalid", "cannot be decoded"),
        (cut_off, "unreachable", "cut off"),
        (b"SSH-2.0-server\r\n\r\n", "unreachable", "connection was lost"),
        (lambda connection: connection.shutdown(socket.SHUT_RDWR), "unreachable", "lost"),
        (response(multivariant("live.m3u8")), "invalid", "lists renditions again"),
        (response(multivariant("/none.m3u8")), "absent", "returned HTTP 404"),
        (response(multivariant("file:///etc/passwd")), "invalid", "not an http(s) URL"),
        (response(multivariant("data:text/plain,%23EXTM3U")), "invalid", "not an http(s) URL"),
        (response(multivariant("http://user:pass@127.0.0.1/")), "invalid", "contains credentials"),
        (response(multivariant("http://127.0.0.1:99999/")), "invalid", "a URL is malformed"),
        (response(multivariant("http://[::1/")), "invalid", "a URL is malformed"),
        (response(multivariant("http://a b/")), "invalid", "host of a URL is malformed"),
        (response(multivariant("http://127.0.0.1\\@evil.example/")), "invalid", "credentials"),
        (response(multivariant("http://%31%32%37.0.0.1/")), "invalid", "host of a URL"),
        (response(multivariant("v.m3u8?" + "a" * 9000)), "invalid", "longer than"),
        (response(media().replace("s1.ts", "gone.mp4")), "absent", "a segment: 127.0.0.1 returned"),
        (response(media().replace("s1.ts", "gopher://h/1")), "invalid", "a segment: a URL is not"),
        (redirect("/live.m3u8"), "invalid", "more than 5 redirects"),
        (redirect("file:///etc/passwd"), "invalid", "not an http(s) URL"),
        (redirect("//user@127.0.0.1/"), "invalid", "credentials"),
        (redirect("http://127.0.0.1:0/"), "invalid", "not an http(s) URL"),
        (response("#EXTM3U\n" + SLOW_TO_PARSE), "absent", "no segments"),
        (response(ONE_LONG_LINE), "absent", "returned HTTP 404"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_probe_says_what_is_there(
    client: live.Client, page: Page, state: str, reason: str
) -> None:
    began = time.process_time()
    found = probed(client, {"/live.m3u8": page})
    assert (found.state, found.is_playable) == (state, False)
    assert reason in found.reason
    assert time.process_time() - began < 10  # far more than all of them together need


@pytest.mark.parametrize("page", [silent, dripping])
def test_a_server_that_hangs_or_drips_is_unreachable_when_the_time_is_over(
    client: live.Client, page: Page
) -> None:
    with playlist_server({"/live.m3u8": page}) as server:
        stream = stream_at(f"http://127.0.0.1:{server.port}/live.m3u8")
        began = time.monotonic()
        found = client.probe(stream, allow_addresses=LOOPBACK, deadline=1)
    assert found.state is PlaybackState.UNREACHABLE
    assert "in time" in found.reason
    assert time.monotonic() - began < 20


def test_ten_thousand_renditions_are_counted_but_not_kept(client: live.Client) -> None:
    text = multivariant(*(f"v{number}.m3u8" for number in range(10_000)))
    found = probed(client, {"/live.m3u8": response(text), "/v0.m3u8": advancing()})
    assert found.state is PlaybackState.LIVE
    assert len(found.renditions) == 50
    assert "only the first 50 of 10000 renditions are listed" in found.reason


def test_the_first_rendition_that_can_be_read_is_watched(client: live.Client) -> None:
    pages = {
        "/live.m3u8": redirect("/deep/er/live.m3u8", "307 Temporary Redirect"),
        "/deep/er/live.m3u8": response(multivariant("gone.m3u8", "../b.m3u8?token=1")),
        "/deep/b.m3u8": advancing(),
    }
    found = probed(client, pages)
    assert found.state is PlaybackState.LIVE
    assert found.renditions == 2 * (
        live.Rendition(
            bandwidth=800_000,
            width=1280,
            height=720,
            frame_rate=25.0,
            codecs=("avc1.64001f", "mp4a.40.2"),
        ),
    )


def test_characters_that_cannot_be_sent_are_encoded_and_others_are_sent_as_they_are(
    client: live.Client,
) -> None:
    page = response(media(ended=True))
    with playlist_server({"/ü b/%2F.m3u8": page, "/%C3%BC%20b/%2F.m3u8": page}) as server:
        stream = stream_at(f"http://127.0.0.1:{server.port}/ü b/%2F.m3u8?a=~b c&d=%zz#part")
        found = client.probe(stream, allow_addresses=LOOPBACK)
    assert found.state is PlaybackState.ENDED
    assert server.requests[0].startswith(b"GET /%C3%BC%20b/%2F.m3u8?a=~b%20c&d=%zz HTTP/1.1")


SECRET = "s3cr3t-of-a-signed-url"


def test_no_credentials_are_sent_and_no_part_of_a_url_is_shown(
    client: live.Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("default login user password netrc-passw0rd\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(netrc.parent))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://user:pr0xy-passw0rd@127.0.0.1:1")
    cookie = "Set-Cookie: session=c00kie; Path=/\r\n"
    pages: dict[str, Page] = {
        "/live.m3u8": response(multivariant(f"v.m3u8?sig={SECRET}"), head=cookie),
        "/v.m3u8": response(media().replace("s1.ts", f"http://10.0.0.1/{SECRET}.ts")),
    }
    caplog.set_level("DEBUG")
    with playlist_server(pages) as server:
        stream = stream_at(f"http://127.0.0.1:{server.port}/live.m3u8?token={SECRET}")
        with pytest.raises(live.InvalidInput) as refused:
            client.probe(stream, allow_addresses=LOOPBACK)
        sent = b"".join(server.requests).decode()
    assert sent.count("\r\nHost: 127.0.0.1:") == 2
    assert sent.count(SECRET) == 2
    for word in ("authorization", "cookie", "passw0rd", "c00kie", "referer"):
        assert word not in sent.lower()
    shown = [str(refused.value), repr(refused.value), caplog.text]
    trace = refused.value.__traceback__
    while trace is not None:
        if "livestream_core" in trace.tb_frame.f_code.co_filename:
            shown += map(repr, trace.tb_frame.f_locals.values())
        trace = trace.tb_next
    assert SECRET not in "".join(shown)
    assert "10.0.0.1 is not a public address" in shown[0]


def test_a_task_that_is_interrupted_shows_no_part_of_a_url(
    client: live.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TimeLimit(Exception):
        """What a task queue raises in a program that takes too long."""

    def interrupted(*_: object) -> str:
        raise TimeLimit

    with playlist_server({"/live.m3u8": response(multivariant(f"v?sig={SECRET}"))}) as server:
        stream = stream_at(f"http://127.0.0.1:{server.port}/live.m3u8")
        monkeypatch.setattr("livestream_core._probe.location._ascii", interrupted)
        with pytest.raises(TimeLimit) as passed:
            client.probe(stream, allow_addresses=LOOPBACK)
    assert any("memory probe '7' was interrupted" in note for note in passed.value.__notes__)
    frames = [frame.frame.f_locals for frame in passed.traceback if "_probe" in str(frame.path)]
    assert SECRET not in repr(frames)
