"""The moving picture in `livestream demo`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from livestream_core.cli.installation import moving_picture as module
from livestream_core.cli.installation.installed import installed
from livestream_core.cli.installation.moving_picture import moving_picture
from livestream_core.cli.media.nginx import missing

PROVIDERS = installed(["memory"])


def shown(console: Console) -> list[str]:
    with moving_picture(PROVIDERS) as picture:
        assert picture is not None
        picture.show(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.processes
@pytest.mark.skipif(missing() is not None, reason=f"not installed: {missing()}")
def test_three_frames_that_viewers_get_are_shown_side_by_side_and_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 180.0)
    _, heading, *rows = shown(Console(file=io.StringIO(), width=80))
    assert heading == "What viewers of a stream at memory see now"
    assert len(rows) == 8
    frames = {tuple(row.ljust(76)[at : at + 24] for row in rows) for at in (0, 26, 52)}
    assert len(frames) == 3
    assert all(len(set("".join(frame))) > 4 for frame in frames)  # in shades


def test_a_line_says_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "missing", lambda: "nginx, ffmpeg")
    lines = shown(Console(file=io.StringIO(), width=80))
    assert lines == ["", "No moving picture: not installed: nginx, ffmpeg"]


def test_providers_without_media_show_nothing() -> None:
    with moving_picture([]) as picture:
        assert picture is None
