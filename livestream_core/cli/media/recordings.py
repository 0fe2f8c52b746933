"""Recordings: the parts that nginx has written, joined and cut by ffmpeg."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...emulator.programs import leashed


class FailedRecording(Exception):
    """ffmpeg could not make a recording; the message says why."""


def make_recording(
    parts: Sequence[Path], folder: Path, url: str, kept: tuple[float, float] | None
) -> None:
    """Write ``video.mp4``, and ``video.m3u8`` with its segments, into a folder.

    Args:
        parts: What each connection of the encoder has sent, in order.
        folder: An empty folder.
        url: The URL under which the folder is served, or its path.
        kept: The part to keep, in seconds from the start, or ``None`` for all.

    Raises:
        FailedRecording: If ffmpeg fails.
    """
    listed = folder / "parts"
    listed.write_text("".join(f"file '{each}'\n" for each in parts))
    whole, video = folder / "whole.mp4", folder / "video.mp4"
    joined = video if kept is None else whole
    _ffmpeg(folder, "-f", "concat", "-safe", "0", "-i", listed, "-c", "copy", *_MP4, joined)
    if kept is not None:
        start, end = kept
        # Encoded again, because a copy could only begin at a key frame.
        cut = ("-ss", f"{start:.3f}", "-t", f"{end - start:.3f}", "-i", whole)
        _ffmpeg(folder, *cut, "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", *_MP4, video)
        whole.unlink()
    listed.unlink()
    segments = ("-hls_time", "4", "-hls_playlist_type", "vod", "-hls_base_url", f"{url}/")
    _ffmpeg(folder, "-i", video, "-c", "copy", "-f", "hls", *segments, folder / "video.m3u8")
    for each in parts:
        each.unlink(missing_ok=True)


_MP4 = ("-movflags", "+faststart")


def _ffmpeg(folder: Path, *arguments: str | Path) -> None:
    log = folder / "log"
    with log.open("wb") as file:
        process = leashed(
            *("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments),
            folder=folder,
            log=file,
            signal="KILL",
        )
    try:
        ended = process.wait()
    finally:
        process.communicate()
    if ended != 0:
        [*_, reason] = ["no reason", *log.read_text("utf-8", "replace").splitlines()]
        raise FailedRecording(f"ffmpeg has failed: {reason}")
    log.unlink()
