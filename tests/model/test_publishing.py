"""Publishing addresses: one URL or separate arguments, and what servers then receive."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeEmulator
from addresses import HLS, KEY, PASSPHRASE, RTMP, SRT, WHIP, Hls, Rtmp, Srt, Whip
from livestream_core.emulator import Fault
from livestream_core.testing import strategies as s
from rtmp_server import NoRtmp, Published, RtmpServer, rtmp_server
from srt_listener import NoSrt
from srt_listener import Srt as LibSrt

#: The number of a test's outputs for one ffmpeg command.
_AT_ONCE = 12


def named(row: Any) -> str:
    return f"{row.url} {getattr(row, 'key', '') or ''}"[:90]


def revealed(ingest: live.Ingest) -> str | None:
    return None if ingest.publish_url is None else ingest.publish_url.reveal()


def arguments_of(ingest: live.Ingest) -> list[str]:
    arguments = ingest.ffmpeg_arguments()
    assert arguments is not None
    return arguments


def option(ingest: live.Ingest, name: str) -> str | None:
    arguments = arguments_of(ingest)
    return arguments[arguments.index(name) + 1] if name in arguments else None


# -- the table of forms -------------------------------------------------------------------------


def test_there_are_at_least_sixty_forms_of_rtmp_and_hls_each_with_its_source() -> None:
    assert len({row.url + str(getattr(row, "key", "")) for row in [*RTMP, *HLS]}) >= 60
    assert all(row.source for row in [*RTMP, *SRT, *WHIP, *HLS])


@pytest.mark.parametrize("row", RTMP, ids=named)
def test_an_rtmp_address_is_normalized_and_says_its_application_and_its_name(row: Rtmp) -> None:
    ingest = live.Ingest(row.url, row.key)
    assert str.__str__(ingest.url or "") == row.server
    assert revealed(ingest) == row.joined
    assert option(ingest, "-rtmp_app") == row.application
    assert option(ingest, "-rtmp_playpath") == row.name
    host = re.match("[^/]*//[^/?]*", row.server)
    assert host is not None
    assert arguments_of(ingest)[-1] == f"{host[0]}/"
    assert ingest.protocol == row.server.partition(":")[0]


@pytest.mark.parametrize("row", [row for row in RTMP if KEY not in row.server], ids=named)
def test_the_public_functions_join_and_split_as_the_table_says(row: Rtmp) -> None:
    if row.joined is None:
        with pytest.raises(live.InvalidInput) as caught:
            live.join_publish_url(row.server, row.key)
        assert caught.value.field == "stream_key"
        assert row.key not in str(caught.value)
    else:
        assert live.join_publish_url(row.server, row.key) == row.joined
        assert live.split_publish_url(row.joined, row.key) == (row.server, row.key)
        if "/" not in row.key and not ("?" in row.server and "/live/" in row.server):
            assert live.split_publish_url(row.joined) == (row.server, row.key)


@pytest.mark.parametrize("row", SRT, ids=named)
def test_the_key_of_srt_is_its_streamid(row: Srt) -> None:
    ingest = live.Ingest(row.url, row.key, passphrase=row.passphrase)
    assert revealed(ingest) == row.joined
    assert arguments_of(ingest)[:2] == ["-f", "mpegts"]
    if row.key and row.joined and "streamid=" not in row.url:
        joined = live.join_publish_url(row.url, row.key)
        assert live.split_publish_url(joined) == (ingest.url, row.key)
        assert live.split_publish_url(joined, row.key) == (ingest.url, row.key)


@pytest.mark.parametrize("row", WHIP, ids=named)
def test_nothing_is_joined_to_an_address_of_whip(row: Whip) -> None:
    ingest = live.Ingest(row.url, row.key)
    assert revealed(ingest) == row.url.removesuffix("/")
    assert arguments_of(ingest)[:2] == ["-f", "whip"]
    assert (option(ingest, "-authorization") or "") == row.token
    assert arguments_of(ingest)[-1] == row.url.removesuffix("/")
    for refused in (
        lambda: live.join_publish_url(row.url, KEY),
        lambda: live.split_publish_url(row.url),
    ):
        with pytest.raises(live.InvalidInput):
            refused()


@pytest.mark.parametrize("row", HLS, ids=named)
def test_a_playback_is_known_by_its_address(row: Hls) -> None:
    playback = live.Playback(row.url)
    assert playback.kind == row.kind
    assert isinstance(playback.url, live.SecretUrl) is row.is_secret
    assert str.__str__(playback.url or "") == row.url


# -- publishing values --------------------------------------------------------------------------

words = st.text("ab:.%&+#@= -/?é", max_size=8) | st.sampled_from(["clip.mp4", "a.flv", "slist=a"])
rtmp_servers = st.builds(
    lambda scheme, host, segments, query: f"{scheme}://{host}/{'/'.join(segments)}{query}",
    st.sampled_from(["rtmp", "rtmps", "RTMP"]),
    st.sampled_from(["h.example", "h.example:1935", "[::1]:1935", "u:p@h.example"]),
    st.lists(st.sampled_from(["live", "a", "b:c", "ondemand"]), max_size=4),
    st.sampled_from(["", "", "?a=b", "?a=b/c", "/?t=u"]),
)
hidden_keys = words.map(lambda word: f"{s.MARKER}{word}{s.MARKER}") | words.filter(bool)


def read_as_ffmpeg(url: str) -> tuple[str, str] | None:
    """Split a URL as ffmpeg's rtmp_open() does, by its own steps on the path's bytes."""
    found = re.match(r"[a-z]+://[^/?#]*", url)
    assert found is not None
    path = url[found.end() :].encode()[:1023].split(b" ")[0]
    at = path.find(b"?")
    if at >= 0 and b"slist=" in path[at:]:
        return None
    if path.startswith(b"/ondemand/"):
        app, name = b"ondemand", path[10:]
    else:
        slash = path.find(b"/", 1)
        if slash < 0:
            app, name = path[1:], b""
        else:
            colon, second = path.find(b":", slash + 1), path.find(b"/", slash + 1)
            cut = slash if second < 0 or 0 <= colon < second else second
            app, name = path[1:cut], path[cut + 1 :]
    if b":" not in name and name[-4:] in (b".mp4", b".f4v"):
        name = b"mp4:" + name
    elif name.endswith(b".flv"):
        name = name[:-4]
    return app.decode(errors="replace"), name.decode(errors="replace")


@given(rtmp_servers, hidden_keys)
@example("rtmp://h.example/live", "k" * 1100)
@example("rtmp://h.example/live", "k" * (1023 - len("/live/")))
@example("rtmp://h.example/live", "k" * (1024 - len("/live/")))
def test_one_url_says_what_the_arguments_say_or_there_is_none(server: str, key: str) -> None:
    ingest = live.Ingest(server, key)
    wanted = option(ingest, "-rtmp_app"), option(ingest, "-rtmp_playpath")
    url = revealed(ingest)
    if url is None:
        joined = f"{str.__str__(ingest.url or '')}/{key}"
        assert read_as_ffmpeg(joined) != wanted
    else:
        assert read_as_ffmpeg(url) == wanted
    if url is not None and not any(map(str.isspace, key)) and key not in server:
        assert live.join_publish_url(server, key) == url


@given(
    st.sampled_from(["rtmp://h.example/live", "srt://h.example:9000?mode=caller", "https://h/w"]),
    st.none() | hidden_keys,
    st.none() | st.text("ab:.%&+#", max_size=6).map(lambda text: f"{s.MARKER}phrase{text}"),
)
def test_publishing_values_are_masked_everywhere_and_revealed_on_demand(
    server: str, key: str | None, passphrase: str | None
) -> None:
    ingest = live.Ingest(server, key, passphrase=passphrase)
    secrets = [each for each in (key, passphrase) if each is not None and s.MARKER in each]
    stream = live.LiveStream(
        provider="acme", id="1", title="T", status="live", ingests=[ingest],
        chat_url=f"https://chat.example/{passphrase}",
    )  # fmt: skip
    arguments = ingest.ffmpeg_arguments()
    shown = f"{ingest!r} {ingest.publish_url!r} {ingest.publish_url} {arguments!r} {stream!r}"
    shown += json.dumps([ingest.to_dict(), stream.to_dict(), stream.to_dict(raw=True)])
    assert not [secret for secret in secrets if secret in shown]
    assert {each for each in (key, passphrase) if each is not None} == stream.stream_keys()
    assert live.Ingest.from_dict(ingest.to_dict(secrets=True)) == ingest
    assert live.LiveStream.from_dict(stream.to_dict(secrets=True)) == stream
    shown = " ".join(arguments or [])
    if server.startswith("srt"):
        assert all(secret in shown for secret in secrets)
    url = revealed(ingest)
    if url is not None and key is not None and not server.startswith("https"):
        assert url.count(key) >= 1


def test_a_passphrase_that_a_vendor_repeats_is_masked_in_its_error(
    client: live.Client, emulator: AcmeEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = live.Ingest("srt://in.acme.example:9000", passphrase=PASSPHRASE)
    parse = type(client._adapter).parse_stream

    def over_srt(adapter: Any, payload: Any) -> live.LiveStream:
        return attrs.evolve(parse(adapter, payload), ingests=[ingest])

    monkeypatch.setattr(type(client._adapter), "parse_stream", over_srt)
    emulator.add()
    assert client.get("1").stream_keys() == {PASSPHRASE}
    emulator.inject(Fault.status(400, body=f'{{"error": "not with {PASSPHRASE}"}}'), on="GET *")
    with pytest.raises(live.Rejected, match=r"not with \*\*\*") as caught:
        client.get("1")
    assert PASSPHRASE not in f"{caught.value!r} {vars(caught.value)}"


def test_arguments_hide_what_is_secret_of_the_server_and_show_the_rest() -> None:
    secret = live.Ingest("rtmp://me:pa55word@h.example/live?token=t0ken-of-it", "key")
    plain = live.Ingest("rtmp://h.example/live", "key")
    assert arguments_of(secret) == [
        "-f", "flv", "-rtmp_app", "live?token=t0ken-of-it", "-rtmp_playpath", "key",
        "rtmp://me:pa55word@h.example/",
    ]  # fmt: skip
    assert repr(arguments_of(secret)) == (
        "['-f', 'flv', '-rtmp_app', ***, '-rtmp_playpath', ***, SecretUrl('rtmp://h.example/***')]"
    )
    assert repr(arguments_of(plain)) == (
        "['-f', 'flv', '-rtmp_app', 'live', '-rtmp_playpath', ***, 'rtmp://h.example/']"
    )


def test_an_error_of_a_publisher_that_could_not_run_shows_no_key() -> None:
    ingest = live.Ingest("srt://h.example:9000", KEY, passphrase=PASSPHRASE)
    refusing = [sys.executable, "-c", "import sys; sys.exit(1)"]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        subprocess.run([*refusing, *arguments_of(ingest)], check=True)
    assert KEY not in f"{caught.value} {caught.value!r}"
    assert PASSPHRASE not in f"{caught.value} {caught.value!r}"
    assert "-srt_streamid" in str(caught.value)


@pytest.mark.parametrize(
    "ingest",
    [
        live.Ingest(None, KEY),
        live.Ingest("rtmp://h.example/live"),
        live.Ingest("live/stream", KEY),
        live.Ingest("rtsp://h.example:8554/live", KEY),
        live.Ingest("https://h.example/upload", KEY, protocol="hls"),
        live.Ingest("rtmp://h.example/live", "k\ney-of-eight"),
        live.Ingest("rtmp://h.example/live", "k\ud800ey-of-eight"),
        live.Ingest("rtmp://h.example/li\x00ve", KEY),
        live.Ingest("srt://h.example:9000", "k" * 513),
        live.Ingest("srt://h.example:9000", KEY, passphrase="2-short"),
        live.Ingest("srt://h.example:9000", KEY, passphrase="l" * 81),
    ],
    ids=str,
)
def test_incomplete_or_unknown_addresses_have_neither_a_url_nor_arguments(
    ingest: live.Ingest,
) -> None:
    assert ingest.publish_url is None
    assert ingest.ffmpeg_arguments() is None


def test_an_address_of_whip_may_be_named_so_by_its_protocol() -> None:
    ingest = live.Ingest("https://h.example/whip", KEY, protocol="whip")
    assert revealed(ingest) == "https://h.example/whip"
    assert option(ingest, "-authorization") == KEY


def test_a_passphrase_is_a_secret_and_given_by_its_name_only() -> None:
    ingest = live.Ingest("srt://h.example:9000", KEY, passphrase=PASSPHRASE)
    assert ingest.passphrase == live.Secret(PASSPHRASE)
    assert ingest.to_dict().keys() == {"url", "protocol", "expires_at"}
    assert ingest.to_dict(secrets=True)["passphrase"] == PASSPHRASE
    in_url = live.Ingest(f"srt://h.example:9000/{PASSPHRASE}", passphrase=PASSPHRASE)
    assert isinstance(in_url.url, live.SecretUrl)
    with pytest.raises(TypeError):
        live.Ingest("srt://h.example:9000", KEY, "srt", PASSPHRASE)  # type: ignore[misc]


# -- servers that were run ----------------------------------------------------------------------

#: nginx does not support an application without a name.
RUN_BY_NGINX = [row for row in RTMP if row.application]
#: Servers to which a key is joined with a slash, although no URL can express both.
NAIVE = [row for row in RTMP if row.joined is None and KEY not in row.server]
#: The places at which ffmpeg reads some of them, instead of the correct ones.
ELSEWHERE = ["a/b", "live/north", "live/room"]


@pytest.fixture(scope="module")
def nginx() -> Iterator[RtmpServer]:
    wanted = [row.application.partition("?")[0] for row in RUN_BY_NGINX]
    try:
        with rtmp_server([*wanted, *ELSEWHERE]) as server:
            yield server
    except NoRtmp as problem:
        pytest.skip(str(problem))


def batches_of(rows: list[Rtmp]) -> list[list[Rtmp]]:
    """Return groups of forms that one ffmpeg can publish at a time, without conflicts."""
    batches: list[dict[tuple[str, str], Rtmp]] = []
    for row in rows:
        stream = row.application.partition("?")[0], row.name.partition("?")[0]
        batch = next((each for each in batches if len(each) < _AT_ONCE and stream not in each), {})
        if not batch:
            batches.append(batch)
        batch[stream] = row
    return [[*batch.values()] for batch in batches]


def check_published(nginx: RtmpServer, outputs: list[tuple[Rtmp, list[str]]]) -> None:
    there = [(row, output) for row, output in outputs if nginx.can_move(row.url)]
    done, seen = nginx.publish(*[[*map(nginx.moved_here, output)] for _, output in there])
    assert seen == [Published(row.application, row.name) for row, _ in there]
    assert done


@pytest.mark.slow
@pytest.mark.parametrize("rows", batches_of(RUN_BY_NGINX), ids=lambda rows: rows[0].url)
def test_ffmpeg_publishes_what_was_meant_by_its_arguments(
    nginx: RtmpServer, rows: list[Rtmp]
) -> None:
    check_published(nginx, [(row, arguments_of(live.Ingest(row.url, row.key))) for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows", batches_of([row for row in RUN_BY_NGINX if row.joined]), ids=lambda rows: rows[0].url
)
def test_ffmpeg_publishes_what_was_meant_by_the_publish_url(
    nginx: RtmpServer, rows: list[Rtmp]
) -> None:
    urls = [revealed(live.Ingest(row.url, row.key)) or "" for row in rows]
    check_published(nginx, [(r, ["-f", "flv", url]) for r, url in zip(rows, urls, strict=True)])


@pytest.mark.slow
@pytest.mark.parametrize("row", NAIVE, ids=named)
def test_ffmpeg_would_misread_the_rtmp_urls_that_are_not_built(
    nginx: RtmpServer, row: Rtmp
) -> None:
    url = nginx.moved_here(f"{row.server}/{row.key}")
    _, seen = nginx.publish(["-f", "flv", url])
    assert Published(row.application, row.name) not in seen


@pytest.mark.slow
def test_an_application_of_three_segments_would_be_published_in_another_without_an_error(
    nginx: RtmpServer,
) -> None:
    url = nginx.moved_here("rtmp://h.example/live/north/hall/camera1")
    done, seen = nginx.publish(["-f", "flv", url])
    assert (done, seen) == (True, [Published("live/north", "hall/camera1")])
    assert live.Ingest("rtmp://h.example/live/north/hall", "camera1").publish_url is None


@pytest.fixture(scope="module")
def libsrt() -> LibSrt:
    try:
        return LibSrt()
    except NoSrt as problem:
        pytest.skip(str(problem))


def received(libsrt: LibSrt, row: Srt, output: list[str]) -> str | None:
    here = [re.sub(r"^srt://[^/?]*", "srt://127.0.0.1:PORT", each) for each in output]
    passphrase = row.passphrase
    if "passphrase=" in row.url:
        passphrase = row.url.partition("passphrase=")[2]
    return libsrt.received(passphrase, "PORT", here)


@pytest.mark.slow
@pytest.mark.parametrize("row", SRT, ids=named)
def test_libsrt_reads_the_key_as_the_streamid_and_the_passphrase(libsrt: LibSrt, row: Srt) -> None:
    ingest = live.Ingest(row.url, row.key, passphrase=row.passphrase)
    assert received(libsrt, row, arguments_of(ingest)) == row.streamid
    if row.joined is not None:
        assert received(libsrt, row, ["-f", "mpegts", revealed(ingest) or ""]) == row.streamid


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in SRT if row.joined is None], ids=named)
def test_ffmpeg_would_misread_the_srt_urls_that_are_not_built(libsrt: LibSrt, row: Srt) -> None:
    url = f"{row.url}?streamid={row.key}"
    if row.passphrase is not None:
        url += f"&passphrase={row.passphrase}"
    # A URL has no spaces, and some programs decode what ffmpeg does not.
    assert re.search("[ %]", url) or received(libsrt, row, ["-f", "mpegts", url]) != row.streamid


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "passphrase"), [("k" * 513, None), (KEY, "9-letters"), (KEY, "l" * 81)]
)
def test_libsrt_refuses_the_values_for_which_there_is_no_publish_url(
    libsrt: LibSrt, key: str, passphrase: str | None
) -> None:
    output = ["-f", "mpegts", "-srt_streamid", key]
    if passphrase is not None:
        output += ["-passphrase", passphrase]
    assert libsrt.received(None, "PORT", [*output, "srt://127.0.0.1:PORT"]) is None
    assert live.Ingest("srt://h:1", key, passphrase=passphrase).publish_url is None


@pytest.mark.slow
@pytest.mark.parametrize("length", [10, 80])
def test_libsrt_accepts_the_shortest_and_the_longest_passphrase(
    libsrt: LibSrt, length: int
) -> None:
    row = Srt("", "srt://h.example:1", KEY, "l" * length, KEY, None)
    ingest = live.Ingest(row.url, row.key, passphrase=row.passphrase)
    assert received(libsrt, row, arguments_of(ingest)) == KEY
