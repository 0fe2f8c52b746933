"""``livestream probe``: its output, and the exit code for each state."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result

import livestream_core as live
from command_line import run
from livestream_core.cli.console.exit_codes import code_of_playback
from playlists import Page, advancing, media, multivariant, playlist_server, response


def probed(pages: dict[str, Page], *options: str) -> Result:
    with playlist_server(pages) as server, live.connect("memory") as client:
        url = f"http://127.0.0.1:{server.port}/live.m3u8?token=s3cr3t"
        id = client.create(title="T", playback_url=url).id
        return run("probe", "-p", "memory", id, *options)


ALLOWED = ("--allow-address", "127.0.0.0/8")
PAGES: dict[str, Page] = {
    "/live.m3u8": response(multivariant("v.m3u8")),
    "/v.m3u8": response(media(ended=True)),
}


def test_a_probe_is_shown_with_its_renditions() -> None:
    done = probed(PAGES, *ALLOWED)
    assert done.exit_code == 0
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert lines[:2] == [["state", "ended"], ["reason", "the playlist is complete"]]
    assert ["rendition", "1280x720, 25 fps, 800 kbit/s, avc1.64001f + mp4a.40.2"] in lines
    assert "s3cr3t" not in done.output


def test_the_delay_of_a_live_stream_is_shown_as_an_estimate() -> None:
    done = probed({"/live.m3u8": advancing()}, *ALLOWED)
    assert done.exit_code == 0
    assert "behind encoder  at least 3 s\n" in done.stdout
    assert "advancing       yes\n" in done.stdout


def test_json_is_what_playability_reads() -> None:
    done = probed(PAGES, *ALLOWED, "--json")
    data: dict[str, Any] = json.loads(done.stdout)
    found = live.Playability.from_dict(data, strict=True)
    assert (found.state, len(found.renditions)) == ("ended", 1)


@pytest.mark.parametrize(("status", "state", "code"), [(404, "absent", 3), (503, "unreachable", 4)])
def test_the_exit_code_says_whether_viewers_can_watch(status: int, state: str, code: int) -> None:
    done = probed({"/live.m3u8": response("", f"{status} No")}, *ALLOWED, "--json")
    assert (json.loads(done.stdout)["state"], done.exit_code) == (state, code)


def test_every_state_has_an_exit_code_and_it_is_zero_for_those_that_can_be_played() -> None:
    for state in live.PlaybackState:
        found = live.Playability(state=state, reason="r", checked_at="2026-11-27T10:00:00Z")
        assert (code_of_playback(state) == 0) is found.is_playable


def test_an_address_that_is_not_public_is_an_error_that_names_the_option() -> None:
    done = probed(PAGES)
    assert done.exit_code == 2
    assert "127.0.0.1 is not a public address" in done.output
    assert "pass --allow-address 127.0.0.1" in done.output
