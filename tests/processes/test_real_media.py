"""Real encoders, a real media server, and real players behind the emulators, end to end."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import livestream_core as live
from command_line import sandbox
from livestream_core import PlaybackState, RecordingStatus, Status
from livestream_core._contract.options import environment_name
from livestream_core.cli.media.nginx import missing

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(missing() is not None, reason=f"not installed: {missing()}"),
]

#: Generous, for a busy machine.
PATIENCE = 180.0
POLL = 0.2
WIDTH, HEIGHT = 64, 36
_FFMPEG = ("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "fatal")
#: A picture that changes, and a tone, in real time.
_PICTURE = (
    *("-re", "-f", "lavfi", "-i", f"testsrc=size={WIDTH}x{HEIGHT}:rate=10"),
    *("-re", "-f", "lavfi", "-i", "sine", "-c:v", "libx264", "-preset", "ultrafast"),
    *("-tune", "zerolatency", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac"),
)


class Encoder:
    """ffmpeg, as it publishes a test picture with the arguments of an ingest."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [*_FFMPEG, "-progress", "pipe:1", *_PICTURE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def has_sent(self, seconds: float) -> None:
        """Wait until it has published for some seconds of its picture."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            name, _, value = line.strip().partition("=")
            if name == "out_time_us" and value.isdecimal() and int(value) >= seconds * 1e6:
                return
        raise AssertionError(f"ffmpeg ended with {self.process.wait()}")

    def is_refused(self) -> bool:
        """Wait until it ends, and return whether it failed."""
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode != 0

    def lose_network(self) -> None:
        """Kill it, which closes its network connection."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def publishing(arguments: Sequence[str] | None) -> Iterator[Encoder]:
    assert arguments is not None
    encoder = Encoder(arguments)
    try:
        yield encoder
    finally:
        encoder.lose_network()


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the environment of a sandbox with real media."""
    folder = tmp_path_factory.mktemp("sandbox")
    with sandbox(folder, {}, "--media", "--boot-seconds", "0.2") as (process, variables):
        yield variables
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in (folder / "err").read_text()


def connected(accounts: dict[str, str], provider: str) -> live.Client:
    if environment_name(provider, "base_url") not in accounts:
        pytest.skip(f"not installed: livestream-{provider}")
    return live.connect(provider, environ=accounts)


def ready(client: live.Client, **spec: object) -> live.LiveStream:
    stream = client.create(title="Lesson 1", **spec)
    return client.wait(stream.id, until=Status.READY, timeout=PATIENCE, poll=POLL)


def watched(client: live.Client, stream: live.LiveStream) -> None:
    """Wait until viewers can watch, and look at two frames, which must differ."""
    until_probed(client, stream, PlaybackState.LIVE)
    first, *_, last = frames(str(stream.hls_url), 5)
    assert len(set(first)) > 10
    assert first != last


def frames(url: str, count: int) -> list[bytes]:
    """Decode the first frames that are at a URL, in shades of gray."""
    command = [*_FFMPEG, "-i", url, "-frames:v", str(count), "-f", "rawvideo", "-pix_fmt", "gray"]
    done = subprocess.run([*command, "-"], capture_output=True, timeout=PATIENCE, check=True)
    size = WIDTH * HEIGHT
    assert len(done.stdout) == count * size
    return [done.stdout[at : at + size] for at in range(0, count * size, size)]


def seconds_of(url: str) -> float:
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", url]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
    return float(done.stdout)


def test_a_lesson_at_tpstreams_is_live_interrupted_live_again_and_trimmed_by_the_clock(
    accounts: dict[str, str],
) -> None:
    with connected(accounts, "tpstreams") as client:
        stream = ready(client)
        assert stream.ingest is not None
        assert stream.ingest.publish_url is not None
        wrong = ["-f", "flv", f"{stream.ingest.publish_url.reveal()}x"]
        with publishing(wrong) as encoder:
            assert encoder.is_refused()
        assert client.get(stream.id).status is Status.READY

        def until(status: Status) -> live.LiveStream:
            return client.wait(stream.id, until=status, timeout=PATIENCE, poll=POLL)

        with publishing(stream.ingest.ffmpeg_arguments()) as encoder:
            until(Status.LIVE)
            start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
            end = start + timedelta(seconds=3)
            watched(client, stream)
            with publishing(stream.ingest.ffmpeg_arguments()) as second:
                assert second.is_refused()
            encoder.has_sent(6)
            while datetime.now(UTC) <= end:
                encoder.has_sent(0)
            encoder.lose_network()
            until(Status.INTERRUPTED)
        with publishing(["-f", "flv", stream.ingest.publish_url.reveal()]) as encoder:
            until(Status.LIVE)
            encoder.has_sent(6)
            client.stop(stream.id, trim=live.Trim.absolute(start, end))
            assert encoder.is_refused()  # the stop has disconnected it
        ended = until(Status.ENDED)
        assert ended.recording is not None
        assert ended.recording.duration == 3
        assert seconds_of(str(ended.recording.url)) == pytest.approx(3, abs=0.4)
        copy = str(ended.recording.url).replace(".m3u8", ".mp4")
        assert seconds_of(copy) == pytest.approx(3, abs=0.4)
        after = client.probe(stream, allow_addresses=["127.0.0.1"])
        assert after.state is PlaybackState.ABSENT


def test_a_run_at_mux_is_recorded_without_the_gap_and_ends_before_its_encoder(
    accounts: dict[str, str],
) -> None:
    with connected(accounts, "mux") as client:
        stream = ready(client)
        assert stream.ingest is not None
        with publishing(stream.ingest.ffmpeg_arguments()) as encoder:
            live_now = client.wait(stream.id, until=Status.LIVE, timeout=PATIENCE, poll=POLL)
            watched(client, live_now)
            encoder.has_sent(5)
        # Mux calls it active while the encoder may come back.
        with publishing(stream.ingest.ffmpeg_arguments()) as encoder:
            encoder.has_sent(4)
            assert client.get(stream.id).status is Status.LIVE
            client.stop(stream.id)
            url = recorded(client, stream.id)
            assert encoder.process.poll() is None  # Mux disconnects it a minute later
        assert seconds_of(url) > 8


def test_an_encoder_at_videosdk_is_watched_and_recorded_until_it_disconnects(
    accounts: dict[str, str],
) -> None:
    with connected(accounts, "videosdk") as client:
        stream = ready(client, record=True)
        assert stream.ingest is not None
        with publishing(stream.ingest.ffmpeg_arguments()) as encoder:
            watched(client, stream)
            encoder.has_sent(3)
        # This API shows neither who publishes nor what is recorded: only the URLs do.
        assert stream.recording is not None
        shown = live.LiveStream(
            provider="memory",
            id="1",
            title="",
            status="ended",
            playbacks=[live.Playback(str(stream.recording.url), "hls")],
        )
        until_probed(client, shown, PlaybackState.ENDED)
        assert seconds_of(str(stream.recording.url)) > 2


def test_tktchurch_lists_what_is_on_air_elsewhere(accounts: dict[str, str]) -> None:
    with connected(accounts, "memory") as host, connected(accounts, "tktchurch") as catalog:
        hosted = ready(host)
        assert hosted.ingest is not None
        with publishing(hosted.ingest.ffmpeg_arguments()):
            listed = catalog.create(title="Evensong", playback_url=str(hosted.hls_url))
            listed = catalog.start(listed.id)
            assert listed.status is Status.LIVE
            watched(catalog, listed)
            host.delete(hosted.id)
            until_probed(catalog, listed, PlaybackState.ABSENT)


def test_the_names_of_nginx_are_free_and_its_streams_play(accounts: dict[str, str]) -> None:
    with connected(accounts, "nginx-rtmp") as client:
        server = accounts["LIVESTREAM_NGINX_RTMP_RTMP_URL"]
        with publishing(["-f", "flv", f"{server}/lesson-4"]) as encoder:
            deadline = time.monotonic() + PATIENCE
            while "lesson-4" not in {each.id for each in client.list()}:
                assert time.monotonic() < deadline
                time.sleep(POLL)
            watched(client, client.get("lesson-4"))
            client.stop("lesson-4")
            assert encoder.is_refused()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_the_sandbox_ends(tmp_path: Path, number: signal.Signals) -> None:
    (temporary := tmp_path / "tmp").mkdir()
    environ = {"LIVESTREAM_ADAPTERS": "memory", "TMPDIR": str(temporary)}
    arguments = ("--media", "--boot-seconds", "0")
    with sandbox(tmp_path, environ, *arguments) as (process, variables):
        with live.connect("memory", environ=variables) as client:
            stream = ready(client)
        [folder] = temporary.iterdir()
        nginx = int((folder / "nginx.pid").read_text())
        assert stream.ingest is not None
        with publishing(stream.ingest.ffmpeg_arguments()) as encoder:
            encoder.has_sent(1)
            process.send_signal(number)
            assert process.wait(PATIENCE) == (-number if number is signal.SIGKILL else 0)
            assert encoder.is_refused()
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{nginx}").exists():
        assert time.monotonic() < deadline
        time.sleep(POLL)
    if number is not signal.SIGKILL:  # then nothing is left to remove the files
        assert list(temporary.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="tgkill is a system call of Linux")
def test_a_signal_that_reaches_another_thread_ends_the_sandbox_too(tmp_path: Path) -> None:
    with sandbox(tmp_path, {"LIVESTREAM_ADAPTERS": "memory"}) as (process, _):
        threads = {int(each.name) for each in Path(f"/proc/{process.pid}/task").iterdir()}
        other = min(threads - {process.pid})
        assert ctypes.CDLL(None).tgkill(process.pid, other, signal.SIGTERM) == 0
        assert process.wait(PATIENCE) == 0


def until_probed(client: live.Client, stream: live.LiveStream, state: PlaybackState) -> None:
    deadline = time.monotonic() + PATIENCE
    while (found := client.probe(stream, allow_addresses=["127.0.0.1"])).state is not state:
        assert time.monotonic() < deadline, found
        time.sleep(POLL)


def recorded(client: live.Client, id: str) -> str:
    """Wait until the newest recording is ready, and return its URL."""
    deadline = time.monotonic() + PATIENCE
    while (newest := client.recordings(id)[-1]).status is not RecordingStatus.READY:
        assert time.monotonic() < deadline
        time.sleep(POLL)
    return str(newest.url)
